/* transformer: see transformer.h. */
#include "model/transformer.h"

#include <assert.h>

size_t ev_transformer_gap(const ev_acoustic_config *c) {
    int widest = c->variance_kernel;
    if (c->predictor_kernel > widest) widest = c->predictor_kernel;
    if (c->ffn_kernels[0] > widest) widest = c->ffn_kernels[0];
    if (c->ffn_kernels[1] > widest) widest = c->ffn_kernels[1];
    assert(widest >= 1 && widest % 2 == 1); /* "same" padding needs a middle */
    return (size_t)widest / 2;
}

void ev_linear_run(ev_queue *q, const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y) {
    const ev_conv_op op = ev_axis_conv(conv, a, x, y);
    ev_enqueue_conv(q, &op);
}

void ev_conv_add_run(ev_queue *q, const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y) {
    ev_conv_op op = ev_axis_conv(conv, a, x, y);
    op.residual = y;
    ev_enqueue_conv(q, &op);
}

static void conv_act(ev_queue *q, const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y, ev_act act) {
    ev_conv_op op = ev_axis_conv(conv, a, x, y);
    op.act = act;
    ev_enqueue_conv(q, &op);
}

static void norm_run(const ev_acoustic_config *c, ev_queue *q, const ev_norm *norm, const ev_axis *a, ev_rows x,
                     ev_rows y) {
    const ev_layer_norm_op op = {.x = x,
                                 .y = y,
                                 .channels = c->width,
                                 .gamma = norm->gamma,
                                 .beta = norm->beta,
                                 .eps = (float)c->eps,
                                 .spans = a->spans,
                                 .span_count = a->count};
    ev_enqueue_layer_norm(q, &op);
}

typedef struct stack_work { /* buffers that every block of a stack uses in turn */
    ev_rows norm, q, k, v, hidden;
} stack_work;

static stack_work stack_work_take(ev_queue *q, const ev_axis *a, const ev_acoustic_config *c) {
    const size_t w = (size_t)c->width;
    return (stack_work){.norm = ev_rows_take(q, a, w),
                        .q = ev_rows_take(q, a, w),
                        .k = ev_rows_take(q, a, w),
                        .v = ev_rows_take(q, a, w),
                        .hidden = ev_rows_take(q, a, ev_round16((size_t)c->ffn))};
}

size_t ev_stack_bytes(const ev_acoustic_config *c, size_t rows, int threads) {
    const size_t w = (size_t)c->width, gap = ev_transformer_gap(c);
    return 4 * ev_matrix_bytes(rows, gap, w) + ev_matrix_bytes(rows, gap, ev_round16((size_t)c->ffn)) +
           ev_attention_scratch(rows, c->heads, c->width / c->heads, threads) * sizeof(float) + 64;
}

static void block_run(const ev_acoustic_config *c, const ev_block *b, ev_queue *q, const ev_axis *a,
                      const stack_work *s, ev_rows x) {
    norm_run(c, q, &b->norm1, a, x, s->norm);
    ev_linear_run(q, &b->q, a, s->norm, s->q);
    ev_linear_run(q, &b->k, a, s->norm, s->k);
    ev_linear_run(q, &b->v, a, s->norm, s->v);
    const ev_attention_op attention = {.q = s->q.at,
                                       .k = s->k.at,
                                       .v = s->v.at,
                                       .ld = s->q.ld,
                                       .y = s->norm,
                                       .heads = c->heads,
                                       .head_dim = c->width / c->heads,
                                       .spans = a->spans,
                                       .span_count = a->count};
    ev_enqueue_attention(q, &attention);
    ev_conv_add_run(q, &b->out, a, s->norm, x);
    norm_run(c, q, &b->norm2, a, x, s->norm);
    conv_act(q, &b->w1, a, s->norm, s->hidden, EV_ACT_GELU);
    ev_conv_add_run(q, &b->w2, a, s->hidden, x);
}

/* x[t] += alpha * position[t], t from 0 in each span. */
static void add_positions(const ev_positions *positions, ev_queue *q, float alpha, const ev_axis *a, ev_rows x) {
    for (size_t s = 0; s < a->count; s++) assert(a->spans[s].count <= positions->count);
    const ev_positions_op op = {
        .table = positions->rows, .alpha = alpha, .x = x, .width = x.ld, .spans = a->spans, .span_count = a->count};
    ev_enqueue_positions(q, &op);
}

void ev_stack_run(const ev_stack *stack, const ev_acoustic_config *c, const ev_positions *positions, ev_queue *q,
                  const ev_axis *a, ev_rows x) {
    assert(c->width % c->heads == 0 && x.ld == (size_t)c->width);
    const size_t mark = ev_queue_mark(q);
    const stack_work s = stack_work_take(q, a, c);
    add_positions(positions, q, stack->alpha, a, x);
    for (int i = 0; i < stack->layers; i++) block_run(c, &stack->blocks[i], q, a, &s, x);
    norm_run(c, q, &stack->after, a, x, x);
    ev_queue_release(q, mark);
}

void ev_predictor_run(const ev_predictor *p, const ev_acoustic_config *c, ev_queue *q, const ev_axis *a, ev_rows x,
                      const ev_rows work[2], ev_rows out) {
    assert(p->layers >= 1 && x.ld == (size_t)c->width && work[0].at != work[1].at && out.ld >= 16);
    for (int i = 0; i < p->layers; i++) {
        conv_act(q, &p->conv[i], a, x, work[0], EV_ACT_RELU);
        norm_run(c, q, &p->norm[i], a, work[0], work[1]);
        x = work[1];
        /* the next convolution reads work[1] and writes work[0]: never the same rows */
    }
    ev_linear_run(q, &p->linear, a, x, out);
}

void ev_embed_tokens(ev_queue *q, const ev_acoustic_config *c, const float *embedding, const ev_axis *a,
                     ev_utterance *const *u, ev_rows x) {
    assert(x.ld == (size_t)c->width && a->rows >= ev_spans_end(a->spans, a->count));
    (void)c; /* only asserts read it */
    const size_t mark = ev_queue_mark(q);
    int32_t *ids = ev_queue_host(q, a->rows * sizeof *ids);
    for (size_t s = 0; s < a->count; s++) {
        for (size_t t = 0; t < u[s]->token_count; t++) {
            assert(u[s]->tokens[t] >= 0 && u[s]->tokens[t] < c->tokens);
            ids[a->spans[s].begin + t] = u[s]->tokens[t];
        }
    }
    const ev_gather_op op = {
        .table = embedding, .index = ids, .y = x, .width = x.ld, .spans = a->spans, .span_count = a->count};
    ev_enqueue_gather(q, &op);
    ev_queue_release(q, mark);
}

void ev_conditioned_bias(const ev_conditioned *l, const float *condition, float *bias) {
    assert(l->width > 0 && l->inputs > 0);
    for (int o = 0; o < l->width; o++) {
        const float *row = l->rest + (size_t)o * (size_t)l->inputs;
        double sum = l->bias[o];
        for (int j = 0; j < l->inputs; j++) sum += (double)row[j] * condition[j];
        bias[o] = (float)sum;
    }
}
