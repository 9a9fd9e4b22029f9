/* synth: a ragged batch of utterances through the stages.
 *
 *   request.c  what was asked for, checked: text to sentences, voice, emotion weights, numbers in range
 *   run.c      START HERE: rounds of sentences through acoustic model and vocoder, bounded by the work memory
 *   output.c   a request's samples and marks as they grow; pauses
 *   voice.c    speaker vectors
 *
 * Data flows: ev_request -> item (phones) -> sentence (utterance) -> mel -> chunks -> samples. One arena, sized at
 * create for the largest round, serves them all; the text stage and the caller's results are the only allocations.
 */
#ifndef EV_SYNTH_H
#define EV_SYNTH_H

#include <stdatomic.h>

#include "model/model.h"

/* Work limits of a round. */
enum {
    EV_ROUND_TOKENS = 1024,       /* tokens through the encoder at once */
    EV_ROUND_SENTENCES = 64,      /* and sentences */
    EV_CHUNK_FRAMES = 256,        /* longest stretch through the vocoder at once */
    EV_ROUND_ROWS = 320,          /* vocoder rows at once, halos and gaps included */
    EV_ROUND_CHUNKS = 64,
    EV_STREAM_FIRST_FRAMES = 16,  /* first chunk of a stream: sound soon; then it doubles */
    EV_SENTENCE_PAUSE_MS = 150,   /* between sentences, besides the silence that the model makes at their ends */
    EV_PAUSE_FRAMES_MAX = 10      /* of an explicit pause, frames that the model makes; the rest is silence */
};

struct ev_synth {
    ev_model *model; /* retained */
    ev_synth_options options;
    ev_pool *pool;
    ev_compute compute;
    ev_arena arena;
    size_t round_frames; /* frames through the decoder at once */
    size_t round_rows;   /* rows through the vocoder at once */
    atomic_bool canceled;
    ev_stats stats;
};

/* A request on its way: owns its phones and what grows out of them. */
typedef struct ev_item {
    const ev_request *request;
    ev_status status;
    ev_error error;
    ev_phones *phones;
    int32_t *tokens, *forced, *durations; /* [phone_count], one block owned through tokens */
    const float *speaker;                 /* borrowed */
    float median_hz;
    float emotion_weights[EV_EMOTIONS_MAX];
    ev_voice *own_voice;                  /* the default voice, when the request names none */
    size_t next_sentence;                 /* not yet taken into a round */
    /* output */
    float *samples;
    size_t count, capacity;
    size_t planned; /* samples promised to chunks of this round and not yet counted */
    ev_mark *marks;
    size_t mark_count;
} ev_item;

/* request.c: fills *item from the request; on failure item->status and error say why. Call ev_item_free always. */
void ev_item_prepare(ev_item *item, const ev_synth *synth, const ev_request *request);
void ev_item_free(ev_item *item);
void ev_item_fail(ev_item *item, ev_status status, const ev_error *err);
/* "happy", "happy:0.6,surprised:0.4" (NULL: neutral) and a degree to one weight per emotion, summing to 1. */
ev_status ev_emotion_parse(const ev_model *model, const char *emotion, float degree, float *weights, ev_error *err);

/* output.c: samples of the item's end so far. */
ev_status ev_item_reserve(ev_item *item, size_t more, ev_error *err);
void ev_item_silence(ev_item *item, size_t samples); /* reserved before */
/* Marks of one sentence whose first sample is `at`. */
void ev_item_mark(ev_item *item, const ev_synth *synth, size_t sentence, size_t at);
/* Samples of silence to put after phone i: what an explicit pause asks for beyond the frames that the model makes. */
size_t ev_item_pause(const ev_item *item, const ev_synth *synth, size_t phone);

/* run.c: all items to their ends. on_chunk NULL: gathers samples in the items; else streams the (one) item. */
ev_status ev_synth_run(ev_synth *synth, ev_item *items, size_t n, ev_chunk_fn on_chunk, void *user, ev_error *err);

#endif
