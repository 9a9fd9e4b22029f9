/* transformer: see transformer.h. */
#include "model/transformer.h"

#include <assert.h>
#include <string.h>

size_t ev_transformer_gap(const ev_acoustic_config *c) {
    int widest = c->variance_kernel;
    if (c->predictor_kernel > widest) widest = c->predictor_kernel;
    if (c->ffn_kernels[0] > widest) widest = c->ffn_kernels[0];
    if (c->ffn_kernels[1] > widest) widest = c->ffn_kernels[1];
    return (size_t)widest / 2;
}

void ev_linear_run(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                   float *y, size_t ldy) {
    const ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    ev_conv_run(compute, &args);
}

void ev_conv_add_run(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                     float *y, size_t ldy) { /* y += conv(x) */
    ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    args.residual = y;
    ev_conv_run(compute, &args);
}

static void conv_act(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                     float *y, size_t ldy, ev_act act) {
    ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    args.act = act;
    ev_conv_run(compute, &args);
}

typedef struct stack_work { /* buffers that every block of a stack uses in turn */
    float *norm, *q, *k, *v, *hidden, *scratch;
} stack_work;

static stack_work stack_work_take(ev_arena *arena, const ev_axis *a, const ev_acoustic_config *c, int threads) {
    const size_t w = (size_t)c->width, longest = a->rows;
    stack_work s;
    s.norm = ev_matrix_take(arena, a, w);
    s.q = ev_matrix_take(arena, a, w);
    s.k = ev_matrix_take(arena, a, w);
    s.v = ev_matrix_take(arena, a, w);
    s.hidden = ev_matrix_take(arena, a, ev_round16((size_t)c->ffn));
    s.scratch =
        ev_arena_take(arena, ev_attention_scratch(longest, c->heads, c->width / c->heads, threads) * sizeof(float));
    assert(s.scratch);
    return s;
}

size_t ev_stack_bytes(const ev_acoustic_config *c, size_t rows, int threads) {
    const size_t w = (size_t)c->width, gap = ev_transformer_gap(c);
    return 4 * ev_matrix_bytes(rows, gap, w) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->ffn)) +
           ev_attention_scratch(rows, c->heads, c->width / c->heads, threads) * sizeof(float) + 64;
}

static void block_run(const ev_acoustic_config *c, const ev_block *b, const ev_compute *compute, const ev_axis *a,
                      const stack_work *s, float *x) {
    const size_t w = (size_t)c->width, f = ev_round16((size_t)c->ffn);
    const float eps = (float)c->eps;
    ev_layer_norm_run(compute, x, w, s->norm, w, c->width, b->norm1.gamma, b->norm1.beta, eps, a->spans, a->count);
    ev_linear_run(compute, &b->q, a, s->norm, w, s->q, w);
    ev_linear_run(compute, &b->k, a, s->norm, w, s->k, w);
    ev_linear_run(compute, &b->v, a, s->norm, w, s->v, w);
    ev_attention_run(compute, s->q, s->k, s->v, w, s->norm, w, c->heads, c->width / c->heads, s->scratch, a->spans,
                     a->count);
    ev_conv_add_run(compute, &b->out, a, s->norm, w, x, w);
    ev_layer_norm_run(compute, x, w, s->norm, w, c->width, b->norm2.gamma, b->norm2.beta, eps, a->spans, a->count);
    conv_act(compute, &b->w1, a, s->norm, w, s->hidden, f, EV_ACT_GELU);
    ev_conv_add_run(compute, &b->w2, a, s->hidden, f, x, w);
}

/* x[t] += alpha * position[t], t from 0 in each span. */
static void add_positions(const ev_positions *positions, size_t w, float alpha, const ev_axis *a, float *x) {
    for (size_t s = 0; s < a->count; s++) {
        assert(a->spans[s].count <= positions->count);
        float *row = x + a->spans[s].begin * w;
        const float *p = positions->rows;
        for (size_t i = 0; i < a->spans[s].count * w; i++) row[i] += alpha * p[i];
    }
}

void ev_stack_run(const ev_stack *stack, const ev_acoustic_config *c, const ev_positions *positions,
                  const ev_compute *compute, ev_arena *arena, const ev_axis *a, float *x) {
    const size_t mark = ev_arena_mark(arena), w = (size_t)c->width;
    const stack_work s = stack_work_take(arena, a, c, ev_pool_threads(compute->pool));
    add_positions(positions, w, stack->alpha, a, x);
    for (int i = 0; i < stack->layers; i++) block_run(c, &stack->blocks[i], compute, a, &s, x);
    ev_layer_norm_run(compute, x, w, x, w, c->width, stack->after.gamma, stack->after.beta, (float)c->eps, a->spans,
                      a->count);
    ev_arena_release(arena, mark);
}

void ev_predictor_run(const ev_predictor *p, const ev_acoustic_config *c, const ev_compute *compute, const ev_axis *a,
                      const float *x, float *const work[2], float *out) {
    const size_t w = (size_t)c->width;
    for (int i = 0; i < p->layers; i++) {
        conv_act(compute, &p->conv[i], a, x, w, work[0], w, EV_ACT_RELU);
        ev_layer_norm_run(compute, work[0], w, work[1], w, c->width, p->norm[i].gamma, p->norm[i].beta, (float)c->eps,
                          a->spans, a->count);
        x = work[1];
        /* the next convolution reads work[1] and writes work[0]: never the same rows */
    }
    ev_linear_run(compute, &p->linear, a, x, w, out, 16);
}

void ev_embed_tokens(const ev_acoustic_config *c, const float *embedding, const ev_axis *a, ev_utterance *const *u,
                     float *x) {
    const size_t w = (size_t)c->width;
    for (size_t s = 0; s < a->count; s++) {
        for (size_t t = 0; t < u[s]->token_count; t++) {
            const int32_t id = u[s]->tokens[t];
            assert(id >= 0 && id < c->tokens);
            memcpy(x + (a->spans[s].begin + t) * w, embedding + (size_t)id * w, w * sizeof(float));
        }
    }
}

void ev_conditioned_bias(const ev_conditioned *l, const float *condition, float *bias) {
    for (int o = 0; o < l->width; o++) {
        const float *row = l->rest + (size_t)o * (size_t)l->inputs;
        double sum = l->bias[o];
        for (int j = 0; j < l->inputs; j++) sum += (double)row[j] * condition[j];
        bias[o] = (float)sum;
    }
}
