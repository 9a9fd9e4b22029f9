/* cpu: which instruction sets the kernels may use. flags = detected & mask, so that any machine can run, and test,
 * any lower path. Detection is the compiler's own (cpuid, and xgetbv for what the operating system saves). */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { UNREAD = 1u << 31 }; /* no mask yet: the environment has not been read */
static atomic_uint current_mask = UNREAD;

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

/* Numbers of 16 bits: clang 14 has no name for it. Whatever has AVX2 has this too, unless a hypervisor hides it. */
static bool has_f16c(void) {
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static unsigned detect(void) {
    unsigned flags = 0;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !has_f16c()) return flags;
    flags |= EV_CPU_AVX2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return flags;
    flags |= EV_CPU_AVX512;
    if (__builtin_cpu_supports("avx512bf16")) flags |= EV_CPU_AVX512_BF16;
    if (__builtin_cpu_supports("avx512vnni")) flags |= EV_CPU_AVX512_VNNI;
    return flags;
}
#else
static unsigned detect(void) { return 0; }
#endif

/* EMOTIVOICE_CPU: "ref", "avx2", "avx512" (without BF16 and VNNI); anything else, or unset: no limit. */
static unsigned mask_from_environment(void) {
    const char *name = getenv("EMOTIVOICE_CPU");
    if (!name) return ~(unsigned)UNREAD;
    if (strcmp(name, "ref") == 0) return 0;
    if (strcmp(name, "avx2") == 0) return EV_CPU_AVX2;
    if (strcmp(name, "avx512") == 0) return EV_CPU_AVX2 | EV_CPU_AVX512;
    return ~(unsigned)UNREAD;
}

unsigned ev_cpu_flags(void) {
    unsigned mask = atomic_load(&current_mask);
    if (mask & UNREAD) { /* two threads may both come here: they find the same value, and an ev_cpu_mask() wins */
        unsigned expected = mask;
        mask = mask_from_environment();
        if (!atomic_compare_exchange_strong(&current_mask, &expected, mask)) mask = expected;
    }
    unsigned flags = detect() & mask;
    /* A mask with a hole in it must not leave a level without the one that it is built on. */
    if (!(flags & EV_CPU_AVX2)) return 0;
    return flags & EV_CPU_AVX512 ? flags : EV_CPU_AVX2;
}

void ev_cpu_mask(unsigned mask) { atomic_store(&current_mask, mask & ~(unsigned)UNREAD); }

const char *ev_cpu_name(unsigned flags) {
    if (flags & EV_CPU_AVX512) return "avx512";
    return flags & EV_CPU_AVX2 ? "avx2" : "ref";
}
