/* memory: what a batch takes, by the engine's own sums, and how much it may take. */
#include <assert.h>

#include "server/schedule/schedule.h"

#define FORGET 0.98 /* weight that a batch's sentences keep when the next one comes */
#define LIKELY 8.0  /* times more or fewer frames a token than expected are believed */
enum {
    GROW_BATCHES = 10, /* good ones until a cut cap grows */
    GROW_PARTS = 16    /* by this part of the budget */
};

/* ---- what a batch takes ---- */

double sv_schedule_frames_per_token(const sv_schedule *s) {
    assert(s->tokens > 0); /* the prior counts as some, and fades but never to none */
    return s->frames / s->tokens;
}

void sv_schedule_decoded(sv_schedule *s, int32_t tokens, int64_t frames) {
    if (tokens <= 0 || frames < 0) return;
    const double prior = s->config.frames_per_token;
    double likely = (double)frames; /* a text may be all pauses; it says nothing about those that come */
    if (likely > prior * LIKELY * tokens) likely = prior * LIKELY * tokens;
    if (likely < prior / LIKELY * tokens) likely = prior / LIKELY * tokens;
    s->tokens = s->tokens * FORGET + tokens;
    s->frames = s->frames * FORGET + likely;
}

int64_t sv_schedule_bytes(const sv_schedule *s, sv_stage stage, int32_t size, size_t count) {
    assert(stage == SV_ACOUSTIC || stage == SV_VOCODE);
    const sv_schedule_config *c = &s->config;
    if (stage == SV_VOCODE) return c->vocode_bytes + size * c->bytes_per_row;
    int64_t frames = (int64_t)(size * sv_schedule_frames_per_token(s)) + 1;
    if (frames > c->acoustic_frames) frames = c->acoustic_frames;
    const int64_t encoder = size * c->bytes_per_encoded, decoder = frames * c->bytes_per_frame;
    return c->decode_bytes + (int64_t)count * c->bytes_per_sentence + size * c->bytes_per_token +
           (encoder > decoder ? encoder : decoder); /* one works after the other */
}

/* ---- what it may take ---- */

/* A stream's first slice. With less, nothing would ever sound, or one frame at a time, each with its margin. */
static int64_t least_cap(const sv_schedule *s) {
    return sv_schedule_bytes(s, SV_VOCODE, s->config.first_frames + s->config.margin_rows, 1);
}

void sv_schedule_memory(sv_schedule *s, int64_t bytes) {
    const int64_t least = least_cap(s);
    if (bytes > s->config.memory_bytes) bytes = s->config.memory_bytes;
    s->memory_limit = bytes > least ? bytes : least;
    if (s->memory_cap <= s->memory_limit) return;
    s->memory_cap = s->memory_limit;
    s->good_batches = 0;
}

void sv_memory_shrink(sv_schedule *s, int64_t bytes) {
    const int64_t least = least_cap(s);
    const int64_t asked = bytes > 0 && bytes < s->memory_cap ? bytes : s->memory_cap;
    s->memory_cap = asked / 2 > least ? asked / 2 : least;
    s->good_batches = 0;
}

void sv_memory_grow(sv_schedule *s) {
    if (s->memory_cap >= s->memory_limit || ++s->good_batches < GROW_BATCHES) return;
    s->good_batches = 0;
    s->memory_cap += s->config.memory_bytes / GROW_PARTS + 1;
    if (s->memory_cap > s->memory_limit) s->memory_cap = s->memory_limit;
}
