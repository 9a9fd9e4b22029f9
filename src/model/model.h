/* model: everything that a model file and its lexicons hold, opened once, never changed, shared by all threads. */
#ifndef EV_MODEL_H
#define EV_MODEL_H

#include <stdatomic.h>

#include "model/acoustic.h"
#include "model/equaliser.h"
#include "model/speaker.h"
#include "model/vocoder.h"
#include "text/text.h"

/* Limits of one sentence; longer ones are split before they come here. */
enum { EV_SENTENCE_TOKENS_MAX = 240, EV_SENTENCE_MS_MAX = 60000 };

struct ev_model {
    atomic_int references;
    ev_config config;
    ev_acoustic acoustic;
    ev_vocoder vocoder;
    ev_speaker speaker;
    ev_equaliser equaliser;
    ev_text *text;
    size_t voice_count;
    float *voice_vectors; /* [voice_count][embedding] */
    uint64_t encoder_id;  /* tells speaker encoders apart: vectors of one mean nothing to another */
};

ev_model *ev_model_retain(ev_model *model);
/* The networks' weights to a queue that will run them. */
ev_status ev_model_upload(const ev_model *model, ev_queue *q, ev_error *err);
/* The JSON object of a named voice. */
const json_t *ev_model_voice(const ev_model *model, size_t index);
/* Adds "; did you mean X?" or a list to an error about an unknown name. kind: "voice", "emotion". */
ev_status ev_model_unknown(const char *kind, const char *name, size_t bytes, const json_t *list, ev_error *err);

/* One speaker. */
struct ev_voice {
    uint64_t encoder_id;
    bool keeps_length;     /* its direction tells the speaker, its length how strongly; else it is a row of a learned
                              table */
    float pitch;           /* median F0, Hz; 0: unknown */
    unsigned faults;       /* ev_voice_fault of the recording that it was heard in */
    uint64_t equaliser_id; /* whose gains it has; 0: none, as a voice that is no recording's */
    int bands;             /* of it */
    float eq_db[EV_EQUALISER_BANDS_MAX]; /* their gains; behind them 0 */
    size_t size;
    float vector[];
};
ev_voice *ev_voice_make(const ev_model *model, const float *vector, float pitch); /* NULL: out of memory */
ev_voice *ev_voice_copy(const ev_voice *voice);                                   /* likewise */

#endif
