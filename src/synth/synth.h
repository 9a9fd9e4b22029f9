/* synth: a ragged batch of utterances through the stages.
 *
 *   request.c  what was asked for, checked: text to sentences, voice, emotion weights, numbers in range
 *   stage.c    START HERE: the two stages that batch: sentences to frames, frames to samples
 *   run.c      whole requests through the stages: together, or streaming one
 *   task.c     the same stages for a caller that decides itself what runs next
 *   melody.c   a sentence's F0 as a whole: questions that rise
 *   output.c   a request's samples and marks as they grow; pauses
 *   voice.c    speaker vectors
 *   work.c     how much memory all that takes
 *
 * Data flows: ev_request -> item (phones) -> sentence -> decoded sentence (frames, F0) -> samples. One arena, sized
 * at create for the largest batch, serves the networks; an item owns what outlives a batch: phones, frames, samples.
 */
#ifndef EV_SYNTH_H
#define EV_SYNTH_H

#include <stdatomic.h>

#include "model/model.h"

/* Work limits. */
enum {
    EV_ROUND_TOKENS = 1024,  /* tokens through the encoder at once */
    EV_ROUND_SENTENCES = 64, /* and sentences */
    EV_DECODE_MS = 32768,    /* frames of one run of the decoder; more where one sentence may be longer */
    EV_CHUNK_MS = 4096,      /* longest slice through the vocoder at once */
    EV_ROUND_MS = 5120,      /* rows of the vocoder at once, halos and gaps included */
    EV_ROUND_CHUNKS = 64,
    EV_ROUND_BYTES = 8192,      /* work memory of a round besides the networks' */
    EV_STREAM_FIRST_MS = 256,   /* first chunk of a stream: sound soon; then it doubles */
    EV_SENTENCE_PAUSE_MS = 150, /* between sentences, besides the silence that the model makes at their ends */
    EV_QUESTION_MS = 350,       /* of a question's end rise */
    EV_PAUSE_MS_MAX = 160       /* of an explicit pause, what the model makes; the rest is silence */
};

/* Frames of a model that last about ms, at least 1. */
static inline size_t ev_frames_of_ms(const ev_model *m, size_t ms) {
    const ev_vocoder_config *v = &m->config.vocoder;
    const size_t thousandth = 1000 * (size_t)v->hop,
                 frames = (ms * (size_t)v->sample_rate + thousandth / 2) / thousandth;
    return frames ? frames : 1;
}

struct ev_synth {
    ev_model *model; /* retained */
    ev_synth_options options;
    ev_pool *pool;
    ev_compute compute;  /* of what runs on the CPU whatever the device: the speaker encoder */
    ev_queue *queue;     /* with the work memory */
    size_t round_frames; /* frames through the decoder at once */
    size_t round_rows;   /* rows through the vocoder at once */
    size_t chunk_frames; /* the longest slice of one sentence among them */
    atomic_bool canceled;
    ev_stats stats;
};

/* A sentence between the stages. */
typedef struct ev_decoded {
    struct ev_decoded *next;
    size_t sentence, frames;
    size_t lead;          /* samples of silence that are to come before its first frame */
    size_t at;            /* frames vocoded so far */
    size_t phone;         /* the phone after which the piece in hand ends: the next with a pause, or the last */
    size_t piece_end;     /* its frames: the piece is [at, piece_end) */
    float *channels, *f0; /* [frames][ld], [frames]; one block with the struct */
    double *phase;        /* [frames + 1] */
    float *gain;          /* [frames], what SSML asks of the loudness; NULL: nothing */
} ev_decoded;

/* A request on its way: owns its phones and what grows out of them. */
typedef struct ev_item {
    ev_model *model; /* borrowed */
    const ev_request *request;
    ev_status status;
    ev_error error;
    ev_phones *phones;
    int32_t *tokens, *forced, *durations; /* [phone_count], one block owned through tokens */
    float *prosody;                       /* NULL, or speed [phone_count], F0 and gain factors; owned */
    float median_hz;
    float *medians_hz;       /* of each sentence, where the text asks for other voices; NULL: median_hz */
    float *condition;        /* who speaks, and how: the acoustic model's, and the vocoder's; owned */
    size_t condition_step;   /* floats from a sentence's to the next one's; 0: all have the same */
    ev_buf log_gains;        /* rows of the equalisers of those who speak, as ev_chunk has them */
    uint32_t *gain_rows;     /* of each sentence, from 1; 0: none. NULL: all have row 1, or none if there is no row */
    size_t *rows_before;     /* [sentences + 1] rows of the acoustic model before each; owned */
    ev_voice *own_voice;     /* the default voice, when the request names none */
    size_t next_sentence;    /* not yet decoded */
    ev_decoded *head, *tail; /* decoded, not yet all vocoded; owned */
    size_t ready_frames;     /* theirs that are left */
    /* output */
    float *samples;
    size_t count, capacity;
    size_t taken;    /* of samples, already handed out */
    size_t gone;     /* samples before these, handed out and forgotten */
    size_t promised; /* samples of all decoded sentences, since the beginning */
    ev_mark *marks;
    size_t mark_count;
} ev_item;

/* The row of a sentence's equaliser; NULL: it has none. */
const float *ev_item_log_gains(const ev_item *item, size_t sentence);

/* request.c: how a request's text is read; what it points to is the request's. */
typedef struct ev_text_voices { /* whom a text may name */
    const ev_model *model;
    const ev_request *request;
} ev_text_voices;
bool ev_text_knows_voice(void *voices, const char *name);
static inline ev_text_options ev_request_text(const ev_request *r, ev_text_voices *voices) {
    return (ev_text_options){r->language,         r->markup, r->audio_tags, {r->dictionaries[0], r->dictionaries[1]},
                             ev_text_knows_voice, voices};
}
/* Fills *item from the request; on failure item->status and error say why. Call ev_item_free always.
 * pool: threads for the networks that read it; NULL: the calling one. sentence_ms_max as in ev_synth_options. */
void ev_item_prepare(ev_item *item, ev_model *model, ev_pool *pool, int32_t sentence_ms_max,
                     const ev_request *request);
void ev_item_free(ev_item *item);
void ev_item_fail(ev_item *item, ev_status status, const ev_error *err);

/* output.c: room for `more` samples behind those that are there; samples that were taken make place first. */
ev_status ev_item_reserve(ev_item *item, size_t more, ev_error *err);
void ev_item_silence(ev_item *item, size_t samples); /* reserved before */
/* Marks of one sentence whose first sample is `at`. */
void ev_item_mark(ev_item *item, size_t sentence, size_t at);
/* The phone of a sentence's first sound; behind its last where it has none. */
size_t ev_item_first_sound(const ev_item *item, size_t sentence);
/* Samples of silence before a sentence's first frame: of pauses that it begins with. Its first mark has them. */
size_t ev_item_lead(const ev_item *item, size_t sentence);
/* Samples of silence to put after a phone: what a pause behind sounds asks for beyond the frames that the model
 * makes. */
size_t ev_item_pause(const ev_item *item, size_t sentence, size_t phone);
/* Samples of silence between a sentence and the next; 0 after the last. */
size_t ev_item_sentence_pause(const ev_item *item, size_t sentence);

/* melody.c: F0 in Hz [frames], 0 unvoiced. The last `ending` frames up to the last voiced one rise in a straight
 * line, so that the second half's median lies `semitones` above the first's; where it does already, or too little is
 * voiced, nothing changes. */
void ev_melody_raise(float *f0, size_t frames, size_t ending, double semitones);

/* stage.c: the next sentence of each item (an item named k times: its next k) through the acoustic model. At most
 * EV_ROUND_SENTENCES of EV_ROUND_TOKENS tokens in all, or one of any length. An item that fails does so alone. */
void ev_stage_decode(ev_synth *synth, ev_item *const *items, size_t n);

typedef struct ev_item_slice {
    ev_item *item;
    size_t frames; /* of its ready frames; more than there are: all */
} ev_item_slice;
/* Frames to samples, in as few vocoder runs as the work memory allows; pauses follow where they are due. false: the
 * synth was canceled between two runs; frames that were not reached are lost. */
bool ev_stage_vocode(ev_synth *synth, const ev_item_slice *slices, size_t n);
/* Rows of a sentence in the acoustic model (its tokens, or the symbols that they are spelt with); 0 behind the last,
 * and where the item has failed. next: of the next to decode. */
size_t ev_item_tokens(const ev_item *item, size_t sentence);
static inline size_t ev_item_next_tokens(const ev_item *item) { return ev_item_tokens(item, item->next_sentence); }

/* work.c: work memory for the largest round, and for embedding the longest reference. round_* are set before. */
size_t ev_synth_work_bytes(const ev_synth *synth);

/* run.c: all items to their ends. on_chunk NULL: gathers samples in the items; else streams the (one) item. */
ev_status ev_synth_run(ev_synth *synth, ev_item *items, size_t n, ev_chunk_fn on_chunk, void *user, ev_error *err);

#endif
