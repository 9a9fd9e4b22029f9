/* decode_child: the helper's side. It gives up all it does not need before it reads the first hostile byte: memory,
 * processor time, files, processes, and all system calls but those of a computation. Then one file, one answer, and
 * the process ends; what a file may have broken in it ends with it. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/guard/decode.h"

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

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

#ifdef OUR_ARCH
#define ALLOW(name)                                                                                                  \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(name)                                                                                                 \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                                           \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EACCES & SECCOMP_RET_DATA))
/* Memory, but none that can be executed: jumps over its rejection if PROT_EXEC is not in the third argument. */
#define ALLOW_DATA(name)                                                                                             \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),                                                           \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),                                  \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),  \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static bool limit_calls(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(read),
        ALLOW(write),
        ALLOW(exit_group),
        ALLOW(exit),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(brk),
        ALLOW(madvise),
        ALLOW(futex),
        ALLOW(getrandom), /* the allocator's key */
        ALLOW(clock_gettime),
        ALLOW(gettimeofday),
        ALLOW(rt_sigprocmask),
        ALLOW(rt_sigaction),
        ALLOW(rt_sigreturn),
        ALLOW_DATA(mmap),
        ALLOW_DATA(mprotect),
        REFUSE(openat), /* libsndfile looks for a resource fork, and does without */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {EV_ARRAY_COUNT(filter), filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}
#else
static bool limit_calls(void) { return true; } /* the numbers of this machine's calls are not known here */
#endif
#endif

bool sv_decoder_give_up_rights(void) {
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, 3) &&
           limit(RLIMIT_CPU, SV_DECODE_CPU_S) && limit_memory() && limit_calls();
}

/* ---- work ---- */

static bool read_all(ev_buf *b) {
    unsigned char block[65536];
    for (;;) {
        const ssize_t n = read(STDIN_FILENO, block, sizeof(block));
        if (n == 0) return true;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 || b->size + (size_t)n > SV_DECODE_BYTES_MAX || !ev_buf_append(b, block, (size_t)n)) return false;
    }
}

static bool write_all(const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t n = write(STDOUT_FILENO, (const char *)bytes + at, size - at);
        if (n < 0 && errno != EINTR) return false;
        if (n > 0) at += (size_t)n;
    }
    return true;
}

int sv_decoder_child_main(void) {
    ev_buf file = {0};
    if (!sv_decoder_give_up_rights() || !read_all(&file)) return EXIT_FAILURE;
    ev_audio audio;
    ev_error error = {0};
    const ev_status status = ev_audio_decode(&audio, file.data, file.size, SV_DECODE_SECONDS_MAX, &error);
    sv_decode_reply reply = {
        .magic = SV_DECODE_MAGIC, .status = status, .sample_rate = audio.sample_rate, .count = (uint32_t)audio.count};
    memcpy(reply.message, error.message, sizeof(reply.message));
    const bool told = write_all(&reply, sizeof(reply)) && write_all(audio.samples, audio.count * sizeof(float));
    ev_audio_free(&audio);
    ev_buf_free(&file);
    return told ? EXIT_SUCCESS : EXIT_FAILURE;
}
