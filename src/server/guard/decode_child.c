/* decode_child: the helper's side. It gives up all it does not need before it reads the first hostile byte: its user,
 * its capabilities, the host's network and mounts, memory, processor time, files, processes, and all system calls but
 * those of a computation. Then one file, one answer, and the process ends; what a file may have broken in it ends
 * with it. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/guard/decode.h"

/* ---- who and where it is ---- */

enum { NOBODY = 65534 };

/* Where it may: containers, older kernels and hardened ones say no. A kernel that knows not all of them gets them one
 * by one. */
static void leave_namespaces(int also) {
    static const int spaces[] = {CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP};
    int all = also;
    for (size_t i = 0; i < EV_ARRAY_COUNT(spaces); i++) all |= spaces[i];
    if (unshare(all) == 0 || (also && unshare(also) != 0)) return;
    for (size_t i = 0; i < EV_ARRAY_COUNT(spaces); i++) {
        if (unshare(spaces[i]) != 0) continue; /* the filter stands before what is left */
    }
}

/* Of root alone; in a container whose root may not, or knows no such user, it stays what it is, without capabilities.
 */
static bool leave_root(void) {
    if (geteuid() != 0) return true;
    const bool left =
        setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0;
    return left || errno == EPERM || errno == EINVAL;
}

static bool drop_capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    for (int one = 0; prctl(PR_CAPBSET_READ, one, 0, 0, 0) >= 0; one++) {
        if (prctl(PR_CAPBSET_DROP, one, 0, 0, 0) != 0)
            break; /* not ours to drop: then nothing can be gained from it */
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &head, none) == 0;
}

/* As root in namespaces of its own, then as nobody in a user namespace of its own, then as that without a right in
 * it. */
static bool leave_the_host(void) {
    if (geteuid() == 0) leave_namespaces(0);
    if (!leave_root()) return false;
    leave_namespaces(CLONE_NEWUSER);
    return drop_capabilities();
}

/* ---- limits ---- */

static bool limit(int resource, rlim_t most) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0) return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most) most = now.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &(struct rlimit){most, most}) == 0;
}

/* Sanitizers map terabytes and make system calls of their own, so their builds do without these two. */
#ifdef SV_SANITIZED
static bool limit_memory(void) { return true; }
static bool limit_calls(void) { return true; }
#else
static bool limit_memory(void) { return limit(RLIMIT_AS, SV_DECODE_MEMORY); }

/* What a computation needs: memory that cannot be executed, and the two ends of the socket. */
static bool add_rules(scmp_filter_ctx filter) {
    static const int calls[] = {SCMP_SYS(read),          SCMP_SYS(write),        SCMP_SYS(exit_group),
                                SCMP_SYS(exit),          SCMP_SYS(munmap),       SCMP_SYS(mremap),
                                SCMP_SYS(brk),           SCMP_SYS(madvise),      SCMP_SYS(futex),
                                SCMP_SYS(getrandom), /* the allocator's key */
                                SCMP_SYS(sysinfo),   /* libvorbis sorts, and qsort asks how much memory there is */
                                SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(rt_sigprocmask),
                                SCMP_SYS(rt_sigaction),  SCMP_SYS(rt_sigreturn)};
    static const int memory[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    /* libsndfile looks for a resource fork, and does without */
    bool good = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0) == 0;
    for (size_t i = 0; good && i < EV_ARRAY_COUNT(calls); i++)
        good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    for (size_t i = 0; good && i < EV_ARRAY_COUNT(memory); i++)
        good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, memory[i], 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
    return good;
}

/* Other calls, and those of another machine's numbering, end the process. */
static bool limit_calls(void) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    const bool on = filter && seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
                    add_rules(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return on;
}
#endif

bool sv_decoder_give_up_rights(bool may_lack_filter) {
    return leave_the_host() && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
           limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, 3) && limit(RLIMIT_CPU, SV_DECODE_CPU_S) &&
           limit_memory() && (limit_calls() || may_lack_filter);
}

/* ---- work ---- */

int sv_decoder_child_main(bool may_lack_filter) {
    ev_buf file = {0};
    if (!sv_decoder_give_up_rights(may_lack_filter) || !ev_file_read(&file, STDIN_FILENO, SV_DECODE_BYTES_MAX + 1) ||
        file.size > SV_DECODE_BYTES_MAX)
        return EXIT_FAILURE;
    ev_audio audio;
    ev_error error = {0};
    const ev_status status = ev_audio_decode(&audio, file.data, file.size, SV_DECODE_SECONDS_MAX, &error);
    sv_decode_reply reply = {
        .magic = SV_DECODE_MAGIC, .status = status, .sample_rate = audio.sample_rate, .count = (uint32_t)audio.count};
    memcpy(reply.message, error.message, sizeof(reply.message));
    const bool told = ev_write_all(STDOUT_FILENO, &reply, sizeof(reply)) &&
                      ev_write_all(STDOUT_FILENO, audio.samples, audio.count * sizeof(float));
    ev_audio_free(&audio);
    ev_buf_free(&file);
    return told ? EXIT_SUCCESS : EXIT_FAILURE;
}
