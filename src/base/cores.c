/* cores: how many cores this process may keep busy. A container's CPU quota does not show in the affinity mask, and
 * threads beyond the quota are not slower, they are stopped: so both are asked and the smaller counts. */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

/* Reads a small file whole and terminates it. False if there is none. */
static bool read_text(const char *path, char *text, size_t capacity) {
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t n = fread(text, 1, capacity - 1, file);
    fclose(file);
    text[n] = '\0';
    return n > 0;
}

/* quota / period, rounded up; INT_MAX where there is no limit. */
static int cores_of(long long quota, long long period) {
    if (quota <= 0 || period <= 0) return INT_MAX;
    long long cores = (quota - 1) / period + 1;
    return cores < INT_MAX ? (int)cores : INT_MAX;
}

/* The limit that one control group sets: v2's cpu.max holds "quota period" or "max period", v1 has two files. */
static int quota_at(const char *directory) {
    char path[1200], text[128];
    long long quota = 0, period = 0;
    snprintf(path, sizeof(path), "%s/cpu.max", directory);
    if (read_text(path, text, sizeof(text)))
        return sscanf(text, "%lld %lld", &quota, &period) == 2 ? cores_of(quota, period) : INT_MAX;
    snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", directory);
    if (!read_text(path, text, sizeof(text)) || sscanf(text, "%lld", &quota) != 1) return INT_MAX;
    snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", directory);
    if (!read_text(path, text, sizeof(text)) || sscanf(text, "%lld", &period) != 1) return INT_MAX;
    return cores_of(quota, period);
}

/* A group is also bound by every group above it. Inside a container the path may name a place that is not mounted:
 * such levels have no files and set no limit, and the mount itself is asked last. */
static int quota_along(const char *mount, const char *group) {
    char path[1024];
    int n = snprintf(path, sizeof(path), "%s%s", mount, group);
    if (n < 0 || (size_t)n >= sizeof(path)) return quota_at(mount);
    int cores = INT_MAX;
    while (strlen(path) >= strlen(mount)) {
        int here = quota_at(path);
        if (here < cores) cores = here;
        char *slash = strrchr(path, '/');
        if (!slash) break;
        *slash = '\0';
    }
    return cores;
}

/* One line of /proc/self/cgroup: "id:controllers:/group". v2 has no controllers; of v1 only cpu concerns us. */
static int quota_of_line(char *line, const char *mount) {
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return INT_MAX;
    *group++ = '\0';
    controllers++;
    if (*controllers == '\0') return quota_along(mount, group);
    bool is_cpu = false;
    for (char *rest = controllers, *save = NULL, *name; (name = strtok_r(rest, ",", &save)); rest = NULL)
        if (strcmp(name, "cpu") == 0) is_cpu = true;
    if (!is_cpu) return INT_MAX;
    char v1[512];
    snprintf(v1, sizeof(v1), "%s/cpu", mount); /* a link to cpu,cpuacct where the two are mounted together */
    return quota_along(v1, group);
}

int ev_cores_quota(const char *proc_cgroup, const char *mount) {
    char text[8192];
    int cores = INT_MAX;
    if (!read_text(proc_cgroup, text, sizeof(text))) return cores;
    for (char *rest = text, *save = NULL, *line; (line = strtok_r(rest, "\n", &save)); rest = NULL) {
        int here = quota_of_line(line, mount);
        if (here < cores) cores = here;
    }
    return cores;
}

int ev_cores_available(void) {
    cpu_set_t set;
    int cores = 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = CPU_COUNT(&set);
    int quota = ev_cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota < cores) cores = quota;
    return cores > 1 ? cores : 1;
}
