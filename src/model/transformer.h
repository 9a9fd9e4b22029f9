/* transformer: what acoustic models of the FastSpeech family are made of. A stack is feed-forward Transformer blocks
 * (Ren et al. 2019, arXiv 1905.09263) under sinusoidal positions, a predictor gives one number a token, a conditioned
 * linear layer folds what does not vary with time into a bias. Weights are bound by the names that EmotiVoice's
 * checkpoints have; sizes are those of an ev_acoustic_config.
 */
#ifndef EV_TRANSFORMER_H
#define EV_TRANSFORMER_H

#include "model/axis.h"
#include "model/config.h"
#include "model/utterance.h"
#include "model/weights.h"

enum { EV_PREDICTOR_LAYERS_MAX = 8 };

typedef struct ev_block {
    ev_norm norm1, norm2;
    ev_conv q, k, v, out, w1, w2;
} ev_block;

typedef struct ev_stack {
    float alpha;
    int layers;
    ev_block *blocks; /* owned, [layers] */
    ev_norm after;
} ev_stack;

typedef struct ev_predictor {
    int layers;
    ev_conv conv[EV_PREDICTOR_LAYERS_MAX], linear;
    ev_norm norm[EV_PREDICTOR_LAYERS_MAX];
} ev_predictor;

/* y = W [x ; c] + b, where c is the same for all rows of an utterance. */
typedef struct ev_conditioned {
    int width, inputs; /* inputs: of c */
    ev_conv conv;      /* the columns that see x */
    float *rest;       /* [width][inputs] */
    float *bias;       /* [width] */
} ev_conditioned;

/* The sinusoid table (Vaswani et al. 2017). */
typedef struct ev_positions {
    float *rows; /* [count][width] */
    size_t count;
} ev_positions;

/* Rows of zeros between utterances and at both ends: the widest convolution's reach. */
size_t ev_transformer_gap(const ev_acoustic_config *c);

/* ---- transformer_load.c ---- */
/* The sizes, checked. */
ev_status ev_config_transformer(ev_acoustic_config *config, const json_t *json, ev_error *err);
/* name: "encoder", "duration": tensors are am.<name>.encoders.0..., am.<name>_predictor.conv.0... */
ev_status ev_stack_load(ev_stack *out, const ev_container *c, const ev_acoustic_config *k, const char *name,
                        int layers, ev_error *err);
void ev_stack_free(ev_stack *s);
void ev_stack_upload(const ev_stack *s, int width, ev_queue *q);
ev_status ev_predictor_load(ev_predictor *out, const ev_container *c, const ev_acoustic_config *k, const char *name,
                            int layers, ev_error *err);
void ev_predictor_free(ev_predictor *p);
void ev_predictor_upload(const ev_predictor *p, int width, ev_queue *q);
/* am.embed_projection1 [width][width + inputs] */
ev_status ev_conditioned_load(ev_conditioned *out, const ev_container *c, int width, int inputs, ev_error *err);
void ev_conditioned_free(ev_conditioned *l);
ev_status ev_positions_make(ev_positions *out, size_t count, int width, ev_error *err);
void ev_positions_free(ev_positions *p);
void ev_positions_upload(const ev_positions *p, int width, ev_queue *q);

/* ---- transformer.c: enqueued ---- */
void ev_linear_run(ev_queue *q, const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y);
/* y += conv(x) */
void ev_conv_add_run(ev_queue *q, const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y);
/* Rows of the tokens' embeddings [tokens][width]. */
void ev_embed_tokens(ev_queue *q, const ev_acoustic_config *c, const float *embedding, const ev_axis *a,
                     ev_utterance *const *u, ev_rows x);
/* Bytes of memory for the work of a stack over `rows` rows. x [rows][width] in place. */
size_t ev_stack_bytes(const ev_acoustic_config *c, size_t rows, int threads);
void ev_stack_run(const ev_stack *stack, const ev_acoustic_config *c, const ev_positions *positions, ev_queue *q,
                  const ev_axis *a, ev_rows x);
/* out [rows][16], column 0: one scalar per token. work: two matrices of width. */
void ev_predictor_run(const ev_predictor *p, const ev_acoustic_config *c, ev_queue *q, const ev_axis *a, ev_rows x,
                      const ev_rows work[2], ev_rows out);

/* ---- on the host ---- */
/* bias [width]: all of the layer that does not see x. */
void ev_conditioned_bias(const ev_conditioned *l, const float *condition, float *bias);

#endif
