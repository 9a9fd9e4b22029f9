/* decode, inside: what the helper process writes to its stdout, once: this, then `count` floats. Both ends are the
 * same program on one machine; but the writer has read hostile bytes, so the reader believes nothing. */
#ifndef SV_GUARD_DECODE_H
#define SV_GUARD_DECODE_H

#include "server/guard/guard.h"

/* Sanitizers map terabytes and make system calls of their own: their builds limit neither. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SV_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SV_SANITIZED 1
#endif

enum { SV_DECODE_MAGIC = 0x65764431, SV_DECODE_MEMORY = 512 << 20, SV_DECODE_CPU_S = 2 };

typedef struct sv_decode_reply {
    uint32_t magic;
    int32_t status; /* ev_status */
    int32_t sample_rate;
    uint32_t count;
    char message[252];
} sv_decode_reply;

/* Takes from this process what reading one file does not need. False: it could not, and nothing must be read. */
bool sv_decoder_give_up_rights(bool may_lack_filter);

#endif
