/* bert: the pieces of a text in, one vector out: BERT's pooled output (Devlin et al. 2019, arXiv 1810.04805), here
 * the style encoder of the published EmotiVoice checkpoints. The reference is training/published.py.
 *
 * Weights that a file holds in 16 bits stay so in memory: the encoder is the largest part of a model and runs once a
 * text.
 */
#ifndef EV_BERT_H
#define EV_BERT_H

#include "model/config.h"
#include "model/weights.h"

typedef struct ev_stored { /* one of the two */
    float *wide;
    uint16_t *half;
} ev_stored;

typedef struct ev_bert_layer {
    ev_conv q, k, v, out, w1, w2;
    ev_norm attention_norm, norm; /* each behind its residual */
} ev_bert_layer;

typedef struct ev_bert {
    ev_bert_config config;
    ev_stored words;       /* [vocabulary][width] */
    float *positions;      /* [positions][width], with the first type's row added */
    ev_norm norm;          /* of the embeddings */
    ev_bert_layer *layers; /* [config.layers] */
    ev_conv pooler;
} ev_bert;

/* Tensors "bert.*". */
ev_status ev_bert_load(ev_bert *out, const ev_container *c, const ev_bert_config *config, ev_error *err);
void ev_bert_free(ev_bert *b);

/* pieces [n], ids below config.vocabulary, n <= config.positions; out [width]. Takes its work memory itself:
 * EV_E_MEMORY. Any thread; pool NULL: it alone. */
ev_status ev_bert_run(const ev_bert *b, ev_pool *pool, const int32_t *pieces, size_t n, float *out, ev_error *err);

#endif
