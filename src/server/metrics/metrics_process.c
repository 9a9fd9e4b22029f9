/* metrics_process: process_* under the names that every exporter uses, from /proc. What cannot be read (another
 * system, a hidden /proc) is not exposed. */
#include "server/metrics/metrics_state.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Fields 22..24 of /proc/self/stat: start in ticks since boot, virtual bytes, resident pages. The second field is the
 * program's name in parentheses and may hold anything, so counting begins behind the last one. */
static bool read_stat(uint64_t *start_ticks, uint64_t *virtual_bytes, uint64_t *resident_pages) {
    char line[1024];
    if (!ev_file_text("/proc/self/stat", line, sizeof line)) return false;
    const char *at = strrchr(line, ')');
    for (int field = 2; at && field < 22; field++) at = strchr(at + 1, ' ');
    return at && sscanf(at, "%" SCNu64 " %" SCNu64 " %" SCNu64, start_ticks, virtual_bytes, resident_pages) == 3;
}

/* When the machine started, in seconds of the real clock; 0 when it is not known. */
static double boot_time_s(void) {
    struct timespec real, boot;
    if (clock_gettime(CLOCK_REALTIME, &real) != 0 || clock_gettime(CLOCK_BOOTTIME, &boot) != 0) return 0;
    return (double)(real.tv_sec - boot.tv_sec) + 1e-9 * (double)(real.tv_nsec - boot.tv_nsec);
}

static int count_open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    if (!directory) return -1;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; /* without the one that was open to look */
}

void sv_metric_head(ev_buf *out, const char *name, const char *type, const char *help) {
    ev_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_gauge(ev_buf *out, const char *name, const char *help, double value) {
    sv_metric_head(out, name, "gauge", help);
    ev_buf_printf(out, "%s %.15g\n", name, value);
}

static void put_memory(ev_buf *out) {
    uint64_t start_ticks = 0, virtual_bytes = 0, resident_pages = 0;
    long ticks_per_s = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    if (!read_stat(&start_ticks, &virtual_bytes, &resident_pages) || ticks_per_s <= 0 || page <= 0) return;
    put_gauge(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
              (double)resident_pages * (double)page);
    put_gauge(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.", (double)virtual_bytes);
    double start_s = boot_time_s() + (double)start_ticks / (double)ticks_per_s;
    sv_metric_head(out, "process_start_time_seconds", "gauge",
                   "Start time of the process since unix epoch in seconds.");
    ev_buf_printf(out, "process_start_time_seconds %.2f\n", start_s);
}

void sv_process_text(ev_buf *out) {
    struct timespec cpu;
    struct rlimit files;
    int open_files = count_open_files();
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
        sv_metric_head(out, "process_cpu_seconds_total", "counter",
                       "Total user and system CPU time spent in seconds.");
        ev_buf_printf(out, "process_cpu_seconds_total %.6f\n", (double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec);
    }
    put_memory(out);
    if (open_files >= 0) put_gauge(out, "process_open_fds", "Number of open file descriptors.", (double)open_files);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        put_gauge(out, "process_max_fds", "Maximum number of open file descriptors.", (double)files.rlim_cur);
}
