/* base: what every module stands on; beside it json.h, hex.h, near.h, voice_names.h, emotion_names.h, lock.h, map.h,
 * list.h, wheel.h, try.h. Needs libc and pthreads alone.
 *
 * error    ev_fail() fills an ev_error and returns its status: `return ev_fail(err, EV_E_IO, "...", ...)`.
 * buffer   ev_buf: a growing byte array. Never used while synthesising.
 * arena    one aligned block, bump allocation, reset at once: the work memory of a synth.
 * pool     a few threads that run n tasks of one function together: the only parallelism inside a synth.
 * cpu      which instruction sets may be used (detected & mask).
 * memory   how much of it is free, for the machine and the control group; cgroup: where that stands.
 * file     files read whole, bytes written whole.
 * clock    monotonic seconds.
 * hash     FNV-1a: identities and damage; nothing that an adversary must not find (map.h has a secret).
 */
#ifndef EV_BASE_H
#define EV_BASE_H

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "emotivoice.h"

/* ---- error ---- */
/* Fills *err (may be NULL) with status and a printf-formatted line (cut, never overrun, at a UTF-8 boundary; control
 * characters replaced, so that hostile input cannot forge lines) and returns status. */
ev_status ev_fail(ev_error *err, ev_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define EV_ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- hash: FNV-1a of 64 bits, from EV_HASH_START or from the hash of what stands before ---- */
#define EV_HASH_START UINT64_C(0xcbf29ce484222325)
static inline uint64_t ev_hash(uint64_t hash, const void *bytes, size_t n) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < n; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* ---- buffer ---- */
typedef struct ev_buf {
    unsigned char *data; /* owned; NULL when empty */
    size_t size, capacity;
    bool failed; /* an allocation failed: contents are incomplete; checked once at the end */
} ev_buf;        /* starts as {0}. Once anything was appended, a NUL stands behind the contents (not counted) */
/* bytes NULL: n zero bytes; must not lie in the buffer itself. The place, or NULL when out of memory. */
void *ev_buf_append(ev_buf *b, const void *bytes, size_t n);
void ev_buf_printf(ev_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ev_buf_json_string(ev_buf *b, const char *text, size_t bytes); /* quoted and escaped */
void ev_buf_free(ev_buf *b);
/* Typed growing arrays: T *v = ev_array_push(&arr, T) on an ev_buf, element count = size / sizeof(T). */
#define ev_array_push(buf, type)  ((type *)ev_buf_append((buf), NULL, sizeof(type)))
#define ev_array_count(buf, type) ((buf)->size / sizeof(type))

/* ---- arena: 64-byte aligned bump allocation from one block ---- */
typedef struct ev_arena {
    unsigned char *block; /* owned */
    size_t capacity, used, peak;
} ev_arena;
ev_status ev_arena_create(ev_arena *a, size_t capacity, ev_error *err);
void ev_arena_destroy(ev_arena *a);
/* NULL when full (a bug in the size plan: callers assert) or when bytes overflows. Memory is not cleared. */
void *ev_arena_take(ev_arena *a, size_t bytes);
static inline size_t ev_arena_mark(const ev_arena *a) { return a->used; }
static inline void ev_arena_release(ev_arena *a, size_t mark) {
    assert(mark <= a->used); /* what was taken later is given back earlier */
    a->used = mark;
}
void *ev_aligned_alloc(size_t bytes); /* 64-byte aligned, NULL on failure; free() */

/* ---- pool ---- */
typedef struct ev_pool ev_pool;
/* threads >= 1; the calling thread is one of them, so threads == 1 starts none. */
ev_status ev_pool_create(ev_pool **out, int threads, ev_error *err);
void ev_pool_free(ev_pool **pool);
int ev_pool_threads(const ev_pool *pool);
/* How many of them work, 1..threads; at first all. The nearest of the range is taken. Any thread, also during a run:
 * a worker that is one too many finishes its task. */
void ev_pool_set_working(ev_pool *pool, int working);
int ev_pool_working(const ev_pool *pool);
/* Runs task(arg, i) for i in 0..n-1, each once, on any thread, and returns when all are done. Not reentrant.
 * Spins briefly before sleeping, since layers follow each other within microseconds. No allocation. */
void ev_pool_run(ev_pool *pool, size_t n, void (*task)(void *arg, size_t i), void *arg);
int ev_cores_available(void); /* cores in the process's affinity mask and cgroup quota, at least 1 */
/* The quota part alone, from a file like /proc/self/cgroup and the groups' mount; INT_MAX where there is none. */
int ev_cores_quota(const char *proc_cgroup, const char *mount);

/* ---- memory ---- */
/* Bytes that the process could still take: what the machine has available or what its control group leaves, whichever
 * is less; INT64_MAX where neither tells. */
int64_t ev_memory_available(void);
int64_t ev_memory_resident(void); /* bytes that the process has in memory now; 0: not known */
/* ev_memory_available from files like /proc/meminfo and /proc/self/cgroup and the groups' mount. */
int64_t ev_memory_free(const char *meminfo, const char *proc_cgroup, const char *mount);

/* ---- control groups ---- */
/* Calls `at` with the directory of each control group that binds the process, the innermost first. controller: "cpu"
 * or "memory", which of version 1 are trees of their own. */
void ev_cgroup_walk(const char *proc_cgroup, const char *mount, const char *controller,
                    void (*at)(void *user, const char *directory), void *user);

/* ---- file ---- */
struct stat;

/* Reads a small file, as far as there is room, and terminates it. False if there is none, or nothing in it. */
bool ev_file_text(const char *path, char *text, size_t capacity);
/* Opens a regular file to be read; dir and flags are openat's. -1: errno tells; EINVAL: it is there and no file, but
 * a directory, or a pipe or device, which would make us wait. */
int ev_file_open(int dir, const char *path, int flags, struct stat *facts);
/* Appends what a descriptor still gives, up to `most` bytes, and takes no more from it: who has a limit asks for one
 * byte beyond it. A NUL stands behind them, even if there are none. False: errno tells; out->failed: out of memory.
 */
bool ev_file_read(ev_buf *out, int fd, size_t most);
/* The first `bytes` of an open file in memory of our own (munmap), whatever becomes of the file then: a mapped one
 * that is written over changes under its readers, and one that is cut ends them. NULL: errno tells; ENODATA: it is
 * shorter.
 */
void *ev_file_copy(int fd, size_t bytes);
/* All of the bytes, whatever interrupts it. False: errno tells. */
bool ev_write_all(int fd, const void *bytes, size_t size);

/* ---- cpu ---- */
enum { EV_CPU_AVX2 = 1, EV_CPU_AVX512 = 2, EV_CPU_AVX512_BF16 = 4, EV_CPU_AVX512_VNNI = 8 };
unsigned ev_cpu_flags(void); /* detected & mask; AVX2 implies FMA; AVX512 = F+BW+DQ+VL; OS support checked */
/* Replaces what EMOTIVOICE_CPU ("ref", "avx2", "avx512") allows: for tests. Call before compute starts. */
void ev_cpu_mask(unsigned mask);
const char *ev_cpu_name(unsigned flags); /* "avx512", "avx2", "ref" */

/* ---- clock ---- */
double ev_clock_s(void);        /* monotonic */
double ev_clock_thread_s(void); /* that the calling thread has computed */
int64_t ev_clock_wall_ms(void); /* since 1970; may jump */

/* ---- utf8 ---- */
/* Decodes one code point at text[*at]; advances *at. Returns -1 (and leaves *at) on an invalid sequence:
 * overlong, surrogate, > U+10FFFF, truncated. */
int32_t ev_utf8_next(const char *text, size_t bytes, size_t *at);
size_t ev_utf8_put(int32_t code_point, char out[4]); /* bytes written, 0 if not encodable */

/* clang-tidy sees one file at a time, and is told what the call returns. */
#ifdef __clang_analyzer__
static inline ev_status ev_returns(ev_status call, ev_status status) { return (void)call, status; }
#define ev_fail(err, status, ...) ev_returns((ev_fail)(err, status, __VA_ARGS__), status)
#endif

#endif
