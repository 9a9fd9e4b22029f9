/* cgroup: which control groups bind this process. A group is also bound by every group above it. Inside a container
 * the path may name a place that is not mounted: such levels have no files and set no limit, and the mount itself
 * comes last. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"

typedef struct visit {
    void (*at)(void *user, const char *directory);
    void *user;
} visit;

static void walk_up(const char *mount, const char *group, const visit *v) {
    char path[1024];
    int n = snprintf(path, sizeof(path), "%s%s", mount, group);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        v->at(v->user, mount);
        return;
    }
    while (strlen(path) >= strlen(mount)) {
        v->at(v->user, path);
        char *slash = strrchr(path, '/');
        if (!slash) break;
        *slash = '\0';
    }
}

/* One line of /proc/self/cgroup: "id:controllers:/group". v2 has no controllers; of v1 only one concerns us. */
static void walk_line(char *line, const char *mount, const char *controller, const visit *v) {
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) return;
    *group++ = '\0';
    controllers++;
    if (*controllers == '\0') {
        walk_up(mount, group, v);
        return;
    }
    bool ours = false;
    for (char *rest = controllers, *save = NULL, *name; (name = strtok_r(rest, ",", &save)); rest = NULL)
        if (strcmp(name, controller) == 0) ours = true;
    if (!ours) return;
    char v1[512];
    snprintf(v1, sizeof(v1), "%s/%s", mount, controller); /* a link to cpu,cpuacct where two are mounted together */
    walk_up(v1, group, v);
}

void ev_cgroup_walk(const char *proc_cgroup, const char *mount, const char *controller,
                    void (*at)(void *user, const char *directory), void *user) {
    char text[8192];
    const visit v = {at, user};
    if (!ev_file_text(proc_cgroup, text, sizeof(text))) return;
    for (char *rest = text, *save = NULL, *line; (line = strtok_r(rest, "\n", &save)); rest = NULL)
        walk_line(line, mount, controller, &v);
}
