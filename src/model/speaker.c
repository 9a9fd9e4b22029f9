/* speaker: see speaker.h. One utterance at a time, so the rows are its frames; where a convolution reaches beyond
 * them it sees the utterance reflected, as SpeechBrain pads.
 */
#include "model/speaker.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MARGIN = EV_SPEAKER_REACH_MAX }; /* rows for reflection on each side */

typedef struct work {
    const ev_compute *compute;
    ev_arena *arena;
    ev_span span; /* all frames */
} work;

static float *rows_take(const work *w, size_t width) {
    float *base = ev_arena_take(w->arena, (w->span.count + 2 * MARGIN) * width * sizeof(float));
    assert(base && "the arena was sized by ev_speaker_bytes");
    memset(base, 0, (w->span.count + 2 * MARGIN) * width * sizeof(float));
    return base + MARGIN * width;
}

/* x[-i] = x[i] and x[last + i] = x[last - i] for `reach` rows, `width` channels. */
static void reflect(float *x, size_t ld, size_t width, size_t frames, size_t reach) {
    assert(frames > 0 && width <= ld);
    float *last = x + (frames - 1) * ld;
    for (size_t i = 1; i <= reach; i++) {
        memcpy(x - i * ld, x + i * ld, width * sizeof *x);
        memcpy(last + i * ld, last - i * ld, width * sizeof *x);
    }
}

static void tdnn_run(const work *w, const ev_tdnn *t, float *x, size_t ldx, float *y, size_t ldy) {
    const size_t reach = (size_t)((t->conv.taps - 1) / 2 * t->dilation);
    if (reach) reflect(x, ldx, (size_t)t->conv.ci, w->span.count, reach);
    const ev_conv_args args = {.conv = &t->conv,
                               .x = x,
                               .ldx = ldx,
                               .tap_offset = -(int)reach,
                               .dilation = t->dilation,
                               .y = y,
                               .ldy = ldy,
                               .gain = t->norm.gamma,
                               .shift = t->norm.beta,
                               .act = EV_ACT_RELU,
                               .scale = 1.0f,
                               .spans = &w->span,
                               .span_count = 1};
    ev_conv_run(w->compute, &args);
}

/* Res2Net: chunk i of the channels is convolved after chunk i-1's result was added to it; chunk 0 passes. */
static void res2net_run(const work *w, const ev_speaker *s, const ev_se_block *b, float *x, float *y, float *tmp,
                        size_t c) {
    assert(c % (size_t)s->config.res2net_scale == 0);
    const size_t width = c / (size_t)s->config.res2net_scale, n = w->span.count;
    for (size_t t = 0; t < n; t++) memcpy(y + t * c, x + t * c, width * sizeof *x);
    for (int i = 1; i < s->config.res2net_scale; i++) {
        const size_t at = (size_t)i * width;
        const float *before = i > 1 ? y + at - width : NULL;
        ev_axpby_run(w->compute, x + at, c, 1.0f, before, c, 1.0f, tmp, width, (int)width, &w->span, 1);
        tdnn_run(w, &b->res2net[i - 1], tmp, width, y + at, c);
    }
}

/* x *= sigmoid(W2 relu(W1 mean(x))), then += residual. */
static void squeeze_excite(const work *w, const ev_speaker *s, const ev_se_block *b, float *x, const float *residual,
                           size_t c) {
    float mean[8192], hidden[4096];
    const size_t squeeze = (size_t)s->config.squeeze, n = w->span.count;
    assert(c <= EV_ARRAY_COUNT(mean) && squeeze <= EV_ARRAY_COUNT(hidden));
    memset(mean, 0, c * sizeof *mean);
    for (size_t t = 0; t < n; t++) {
        for (size_t j = 0; j < c; j++) mean[j] += x[t * c + j];
    }
    for (size_t i = 0; i < squeeze; i++) {
        double sum = 0;
        for (size_t j = 0; j < c; j++) sum += (double)b->squeeze_weight[i * c + j] * mean[j];
        hidden[i] = (float)fmax(sum / (double)n + b->squeeze_bias[i], 0.0);
    }
    for (size_t j = 0; j < c; j++) {
        double sum = b->excite_bias[j];
        for (size_t i = 0; i < squeeze; i++) sum += (double)b->excite_weight[j * squeeze + i] * hidden[i];
        mean[j] = ev_sigmoidf((float)sum);
    }
    for (size_t t = 0; t < n; t++) {
        for (size_t j = 0; j < c; j++) x[t * c + j] = residual[t * c + j] + x[t * c + j] * mean[j];
    }
}

static void block_run(const work *w, const ev_speaker *s, const ev_se_block *b, float *x, float *y, float *one,
                      float *two, float *tmp) {
    const size_t c = (size_t)s->config.channels[0];
    tdnn_run(w, &b->tdnn1, x, c, one, c);
    res2net_run(w, s, b, one, two, tmp, c);
    tdnn_run(w, &b->tdnn2, two, c, y, c);
    squeeze_excite(w, s, b, y, x, c);
}

/* Mean and deviation over time with weights p [frames][c] (NULL: uniform) -> stats [2c]. */
static void statistics(const float *x, const float *p, size_t n, size_t c, float *stats) {
    assert(n > 0 && c > 0);
    for (size_t j = 0; j < c; j++) {
        double sum = 0, square = 0;
        for (size_t t = 0; t < n; t++) sum += (double)x[t * c + j] * (p ? (double)p[t * c + j] : 1.0 / (double)n);
        for (size_t t = 0; t < n; t++) {
            const double d = x[t * c + j] - sum;
            square += d * d * (p ? (double)p[t * c + j] : 1.0 / (double)n);
        }
        stats[j] = (float)sum;
        stats[c + j] = (float)sqrt(fmax(square, 1e-12));
    }
}

/* Softmax over time, channel by channel, in place. */
static void softmax_time(float *x, size_t n, size_t c) {
    assert(n > 0);
    for (size_t j = 0; j < c; j++) {
        float top = x[j];
        for (size_t t = 1; t < n; t++) top = fmaxf(top, x[t * c + j]);
        double sum = 0;
        for (size_t t = 0; t < n; t++) sum += x[t * c + j] = ev_expf(x[t * c + j] - top);
        const float scale = (float)(1.0 / sum);
        for (size_t t = 0; t < n; t++) x[t * c + j] *= scale;
    }
}

/* Attentive statistics pooling: x [frames][c] -> stats [2c]. */
static void pool_run(const work *w, const ev_speaker *s, const float *x, size_t c, float *stats) {
    const size_t n = w->span.count, a = (size_t)s->config.attention, ld = ev_round16(a);
    float *bias = ev_arena_take(w->arena, ld * sizeof *bias);
    float *hidden = rows_take(w, ld), *logits = rows_take(w, c);
    assert(bias);
    memset(bias, 0, ld * sizeof *bias);
    statistics(x, NULL, n, c, stats);
    for (size_t i = 0; i < a; i++) {
        double sum = s->attention_bias[i];
        for (size_t j = 0; j < 2 * c; j++) sum += (double)s->attention_context[i * 2 * c + j] * stats[j];
        bias[i] = (float)sum;
    }
    ev_conv_args args = {.conv = &s->attention.conv,
                         .x = x,
                         .ldx = c,
                         .dilation = 1,
                         .y2 = hidden,
                         .ldy2 = ld,
                         .gain = s->attention.norm.gamma,
                         .shift = s->attention.norm.beta,
                         .act = EV_ACT_RELU,
                         .act2 = EV_ACT_TANH,
                         .scale = 1.0f,
                         .span_bias = (const float *const[]){bias},
                         .spans = &w->span,
                         .span_count = 1};
    ev_conv_run(w->compute, &args);
    args = (ev_conv_args){.conv = &s->attention_out,
                          .x = hidden,
                          .ldx = ld,
                          .dilation = 1,
                          .y = logits,
                          .ldy = c,
                          .scale = 1.0f,
                          .spans = &w->span,
                          .span_count = 1};
    ev_conv_run(w->compute, &args);
    softmax_time(logits, n, c);
    statistics(x, logits, n, c, stats);
}

size_t ev_speaker_bytes(const ev_speaker *s, size_t frames) {
    const size_t c = (size_t)s->config.channels[0], m = (size_t)s->config.channels[s->config.blocks];
    const size_t middle = c * (size_t)(s->config.blocks - 1);
    const size_t widths = 80 + 5 * c + middle + 2 * m + ev_round16((size_t)s->config.attention);
    return (frames + 2 * MARGIN) * widths * sizeof(float) + (3 * m + 4096) * sizeof(float) + 4096;
}

static void project(const ev_speaker *s, const float *stats, size_t c2, float *out) {
    double norm = 0;
    const size_t n = (size_t)s->config.embedding;
    for (size_t i = 0; i < n; i++) {
        double sum = s->fc_bias[i];
        for (size_t j = 0; j < c2; j++) {
            const double v = (double)stats[j] * s->pool_norm.gamma[j] + s->pool_norm.beta[j];
            sum += v * s->fc_weight[i * c2 + j];
        }
        out[i] = (float)sum;
        norm += sum * sum;
    }
    const float scale = norm > 0 ? (float)(1.0 / sqrt(norm)) : 0.0f;
    for (size_t i = 0; i < n; i++) out[i] *= scale;
}

void ev_speaker_run(const ev_speaker *s, const ev_compute *compute, ev_arena *arena, const float *fbank,
                    size_t frames, float *out) {
    assert(frames > MARGIN && s->config.bins == 80 && s->config.blocks >= 2);
    const size_t mark = ev_arena_mark(arena), c = (size_t)s->config.channels[0];
    const size_t last = (size_t)s->config.channels[s->config.blocks], middle = c * (size_t)(s->config.blocks - 1);
    const work w = {compute, arena, {0, frames}};
    float *bank = rows_take(&w, 80), *x = rows_take(&w, c), *y = rows_take(&w, c);
    float *one = rows_take(&w, c), *two = rows_take(&w, c), *tmp = rows_take(&w, c);
    float *joined = rows_take(&w, middle), *aggregated = rows_take(&w, last);
    float *stats = ev_arena_take(arena, 2 * last * sizeof *stats);
    assert(stats);
    memcpy(bank, fbank, frames * 80 * sizeof *bank);
    tdnn_run(&w, &s->first, bank, 80, x, c);
    for (int i = 1; i < s->config.blocks; i++) {
        block_run(&w, s, &s->blocks[i], x, y, one, two, tmp);
        for (size_t t = 0; t < frames; t++) {
            memcpy(joined + t * middle + (size_t)(i - 1) * c, y + t * c, c * sizeof *y);
        }
        float *const swap = x;
        x = y;
        y = swap;
    }
    tdnn_run(&w, &s->mfa, joined, middle, aggregated, last);
    pool_run(&w, s, aggregated, last, stats);
    project(s, stats, 2 * last, out);
    ev_arena_release(arena, mark);
}
