/* bert: see bert.h. */
#include "model/bert.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "base/try.h"
#include "model/axis.h"
#include "model/config_read.h"

enum { NAME_MAX_BYTES = 96 };
static const float eps = 1e-12f;

/* ---- weights ---- */

/* floats, which are freed or kept: kept as they are, or in 16 bits where the file has them so. */
static ev_status store(ev_stored *out, float *floats, size_t n, bool half, ev_error *err) {
    assert(floats && n > 0);
    if (!half) {
        out->wide = floats;
        return EV_OK;
    }
    out->half = malloc(n * sizeof *out->half);
    for (size_t i = 0; out->half && i < n; i++) out->half[i] = ev_half_of_float(floats[i]);
    free(floats);
    return out->half ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for weights");
}

static ev_status load_linear(ev_conv *l, const ev_container *c, const char *prefix, const char *name, int co, int ci,
                             ev_error *err) {
    char full[NAME_MAX_BYTES];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ev_weights_conv_as_stored(l, c, full, co, ci, 1, err);
}

static ev_status load_norm(ev_norm *out, const ev_container *c, const char *prefix, const char *name, int width,
                           ev_error *err) {
    char full[NAME_MAX_BYTES];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ev_weights_norm(out, c, full, width, err);
}

static ev_status load_layer(ev_bert_layer *l, const ev_container *c, const ev_bert_config *k, int i, ev_error *err) {
    char prefix[48];
    const int w = k->width;
    snprintf(prefix, sizeof prefix, "bert.encoder.layer.%d.", i);
    TRY(load_linear(&l->q, c, prefix, "attention.self.query", w, w, err));
    TRY(load_linear(&l->k, c, prefix, "attention.self.key", w, w, err));
    TRY(load_linear(&l->v, c, prefix, "attention.self.value", w, w, err));
    TRY(load_linear(&l->out, c, prefix, "attention.output.dense", w, w, err));
    TRY(load_linear(&l->w1, c, prefix, "intermediate.dense", k->hidden, w, err));
    TRY(load_linear(&l->w2, c, prefix, "output.dense", w, k->hidden, err));
    TRY(load_norm(&l->attention_norm, c, prefix, "attention.output.LayerNorm", w, err));
    return load_norm(&l->norm, c, prefix, "output.LayerNorm", w, err);
}

static ev_status load_embeddings(ev_bert *b, const ev_container *c, ev_error *err) {
    static const char words[] = "bert.embeddings.word_embeddings.weight";
    const ev_bert_config *k = &b->config;
    float *table = NULL, *types = NULL;
    TRY(ev_weights_array(&table, c, words, 2, (int64_t[]){k->vocabulary, k->width}, err));
    TRY(store(&b->words, table, (size_t)k->vocabulary * (size_t)k->width, ev_container_is_half(c, words), err));
    ev_container_drop(c, words);
    TRY(ev_weights_array(&b->positions, c, "bert.embeddings.position_embeddings.weight", 2,
                         (int64_t[]){k->positions, k->width}, err));
    TRY(ev_weights_array(&types, c, "bert.embeddings.token_type_embeddings.weight", 2, (int64_t[]){2, k->width},
                         err));
    for (int i = 0; i < k->positions * k->width; i++) b->positions[i] += types[i % k->width];
    free(types);
    return load_norm(&b->norm, c, "bert.embeddings.", "LayerNorm", k->width, err);
}

static ev_status load_all(ev_bert *b, const ev_container *c, ev_error *err) {
    b->layers = calloc((size_t)b->config.layers, sizeof *b->layers);
    if (!b->layers) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    TRY(load_embeddings(b, c, err));
    for (int i = 0; i < b->config.layers; i++) TRY(load_layer(&b->layers[i], c, &b->config, i, err));
    return load_linear(&b->pooler, c, "bert.pooler.", "dense", b->config.width, b->config.width, err);
}

ev_status ev_bert_load(ev_bert *out, const ev_container *c, const ev_bert_config *config, ev_error *err) {
    *out = (ev_bert){.config = *config};
    const ev_status s = load_all(out, c, err);
    if (s != EV_OK) ev_bert_free(out);
    return s;
}

static void stored_free(ev_stored *s) {
    free(s->wide);
    free(s->half);
}

void ev_bert_free(ev_bert *b) {
    for (int i = 0; i < b->config.layers && b->layers; i++) {
        ev_bert_layer *l = &b->layers[i];
        ev_conv *const linears[] = {&l->q, &l->k, &l->v, &l->out, &l->w1, &l->w2};
        for (size_t j = 0; j < EV_ARRAY_COUNT(linears); j++) ev_conv_free(linears[j]);
        ev_norm_free(&l->attention_norm);
        ev_norm_free(&l->norm);
    }
    free(b->layers);
    free(b->positions);
    stored_free(&b->words);
    ev_norm_free(&b->norm);
    ev_conv_free(&b->pooler);
    *b = (ev_bert){0};
}

/* ---- run ---- */

typedef struct work { /* rows of the width, of the hidden width */
    ev_queue *queue;
    ev_axis axis;
    ev_rows x, y, q, k, v, hidden;
} work;

static size_t work_bytes(const ev_bert_config *k, size_t n, int threads) {
    assert(n > 0 && threads >= 1 && k->width % k->heads == 0);
    return 6 * ev_matrix_bytes(n, 0, (size_t)k->width) + ev_matrix_bytes(n, 0, ev_round16((size_t)k->hidden)) +
           ev_attention_scratch(n, k->heads, k->width / k->heads, threads) * sizeof(float) + 1024;
}

static void linear(const work *s, const ev_conv *l, ev_rows x, ev_rows y, ev_act act, ev_rows residual) {
    ev_conv_op op = ev_axis_conv(l, &s->axis, x, y);
    op.act = act;
    op.residual = residual;
    ev_enqueue_conv(s->queue, &op);
}

static void norm(const work *s, const ev_norm *n, ev_rows x, ev_rows y) {
    assert(x.ld == y.ld);
    const ev_layer_norm_op op = {.x = x,
                                 .y = y,
                                 .channels = (int)x.ld,
                                 .gamma = n->gamma,
                                 .beta = n->beta,
                                 .eps = eps,
                                 .spans = s->axis.spans,
                                 .span_count = 1};
    ev_enqueue_layer_norm(s->queue, &op);
}

static void embed(const ev_bert *b, const work *s, const int32_t *pieces, ev_rows to) {
    const size_t w = (size_t)b->config.width, n = s->axis.rows;
    float *x = ev_queue_host(s->queue, n * w * sizeof *x);
    for (size_t t = 0; t < n; t++) {
        assert(pieces[t] >= 0 && pieces[t] < b->config.vocabulary);
        const size_t at = (size_t)pieces[t] * w;
        for (size_t j = 0; j < w; j++) {
            const float word = b->words.wide ? b->words.wide[at + j] : ev_float_of_half(b->words.half[at + j]);
            x[t * w + j] = word + b->positions[t * w + j];
        }
    }
    const ev_put_op op = {x, w, to, w, s->axis.spans, 1};
    ev_enqueue_put(s->queue, &op);
}

static void layer_run(const ev_bert *b, const ev_bert_layer *l, const work *s) {
    static const ev_rows none = {0, 0};
    const ev_attention_op attention = {.q = s->q.at,
                                       .k = s->k.at,
                                       .v = s->v.at,
                                       .ld = s->q.ld,
                                       .y = s->y,
                                       .heads = b->config.heads,
                                       .head_dim = b->config.width / b->config.heads,
                                       .spans = s->axis.spans,
                                       .span_count = 1};
    linear(s, &l->q, s->x, s->q, EV_ACT_NONE, none);
    linear(s, &l->k, s->x, s->k, EV_ACT_NONE, none);
    linear(s, &l->v, s->x, s->v, EV_ACT_NONE, none);
    ev_enqueue_attention(s->queue, &attention);
    linear(s, &l->out, s->y, s->q, EV_ACT_NONE, s->x);
    norm(s, &l->attention_norm, s->q, s->x);
    linear(s, &l->w1, s->x, s->hidden, EV_ACT_GELU, none);
    linear(s, &l->w2, s->hidden, s->y, EV_ACT_NONE, s->x);
    norm(s, &l->norm, s->y, s->x);
}

static void take_work(work *s, const ev_bert_config *k) {
    ev_rows *const rows[] = {&s->x, &s->y, &s->q, &s->k, &s->v};
    for (size_t i = 0; i < EV_ARRAY_COUNT(rows); i++) *rows[i] = ev_rows_take(s->queue, &s->axis, (size_t)k->width);
    s->hidden = ev_rows_take(s->queue, &s->axis, ev_round16((size_t)k->hidden));
}

ev_status ev_bert_run(const ev_bert *b, ev_pool *pool, const int32_t *pieces, size_t n, float *out, ev_error *err) {
    assert(n > 0 && n <= (size_t)b->config.positions);
    const size_t w = (size_t)b->config.width;
    const ev_span all = {0, n}, first = {0, 1};
    ev_compute compute;
    work s = {.axis = {&all, 1, n, 0}};
    ev_compute_init(&compute, pool);
    TRY(ev_queue_cpu(&s.queue, &compute, work_bytes(&b->config, n, pool ? ev_pool_threads(pool) : 1), err));
    take_work(&s, &b->config);
    embed(b, &s, pieces, s.y);
    norm(&s, &b->norm, s.y, s.x);
    for (int i = 0; i < b->config.layers; i++) layer_run(b, &b->layers[i], &s);
    s.axis = (ev_axis){&first, 1, 1, 0};
    linear(&s, &b->pooler, s.x, s.y, EV_ACT_TANH, (ev_rows){0});
    const ev_get_op op = {.from = s.y, .to = out, .ld = w, .width = w, .spans = &first, .span_count = 1};
    ev_enqueue_get(s.queue, &op);
    const ev_status status = ev_queue_wait(s.queue, err);
    ev_queue_free(&s.queue);
    return status;
}
