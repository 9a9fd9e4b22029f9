/* cores: how many cores this process may keep busy. A container's CPU quota does not show in the affinity mask, and
 * threads beyond the quota are not slower, they are stopped: so both are asked and the smaller counts. */
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/base.h"

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
    if (ev_file_text(path, text, sizeof(text)))
        return sscanf(text, "%lld %lld", &quota, &period) == 2 ? cores_of(quota, period) : INT_MAX;
    snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", directory);
    if (!ev_file_text(path, text, sizeof(text)) || sscanf(text, "%lld", &quota) != 1) return INT_MAX;
    snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", directory);
    if (!ev_file_text(path, text, sizeof(text)) || sscanf(text, "%lld", &period) != 1) return INT_MAX;
    return cores_of(quota, period);
}

static void take_least(void *cores, const char *directory) {
    const int here = quota_at(directory);
    if (here < *(int *)cores) *(int *)cores = here;
}

int ev_cores_quota(const char *proc_cgroup, const char *mount) {
    int cores = INT_MAX;
    ev_cgroup_walk(proc_cgroup, mount, "cpu", take_least, &cores);
    return cores;
}

int ev_cores_available(void) {
    cpu_set_t set;
    int cores = (int)sysconf(_SC_NPROCESSORS_ONLN); /* where there are more than the set has room for */
    if (sched_getaffinity(0, sizeof(set), &set) == 0) cores = CPU_COUNT(&set);
    int quota = ev_cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota < cores) cores = quota;
    return cores > 1 ? cores : 1;
}
