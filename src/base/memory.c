/* memory: how much this process could still take before the machine, or the container that it runs in, is short. A
 * container's limit does not show in /proc/meminfo, so both are asked and the smaller counts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

/* The number behind a name at the beginning of a line; -1: there is none. */
static int64_t field(const char *text, const char *name) {
    const size_t n = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        int64_t value;
        if (strncmp(line, name, n) == 0 && line[n] == ' ' && sscanf(line + n, "%" SCNd64, &value) == 1) return value;
    }
    return -1;
}

static int64_t read_number(const char *directory, const char *name) {
    char path[1200], text[64];
    int64_t value;
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return ev_file_text(path, text, sizeof(text)) && sscanf(text, "%" SCNd64, &value) == 1 ? value : -1;
}

/* What one control group leaves; INT64_MAX: it sets no limit ("max", or v1's number that no machine has). Files that
 * were read and may be dropped count as used there, and are not: without them a service that reads its model would
 * seem to be full. */
static int64_t free_at(const char *directory) {
    char path[1200], text[8192];
    const char *cached = "inactive_file";
    int64_t limit = read_number(directory, "memory.max"), used = read_number(directory, "memory.current");
    if (used < 0) {
        limit = read_number(directory, "memory.limit_in_bytes");
        used = read_number(directory, "memory.usage_in_bytes");
        cached = "total_inactive_file";
    }
    if (limit < 0 || used < 0) return INT64_MAX;
    snprintf(path, sizeof(path), "%s/memory.stat", directory);
    const int64_t droppable = ev_file_text(path, text, sizeof(text)) ? field(text, cached) : 0;
    if (droppable > 0) used = droppable < used ? used - droppable : 0;
    return limit > used ? limit - used : 0;
}

static void take_least(void *least, const char *directory) {
    const int64_t here = free_at(directory);
    if (here < *(int64_t *)least) *(int64_t *)least = here;
}

int64_t ev_memory_free(const char *meminfo, const char *proc_cgroup, const char *mount) {
    char text[8192];
    int64_t least = INT64_MAX;
    ev_cgroup_walk(proc_cgroup, mount, "memory", take_least, &least);
    const int64_t kib = ev_file_text(meminfo, text, sizeof(text)) ? field(text, "MemAvailable:") : -1;
    if (kib >= 0 && kib < least / 1024) least = kib * 1024;
    return least;
}

int64_t ev_memory_resident(void) {
    char text[256];
    long long size, pages;
    if (!ev_file_text("/proc/self/statm", text, sizeof(text)) || sscanf(text, "%lld %lld", &size, &pages) != 2)
        return 0;
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

int64_t ev_memory_available(void) { return ev_memory_free("/proc/meminfo", "/proc/self/cgroup", "/sys/fs/cgroup"); }
