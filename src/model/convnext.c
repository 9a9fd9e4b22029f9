/* convnext: see convnext.h. The forward pass reads top to bottom as training/convnext.py does. */
#include "model/convnext.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float eps = 1e-5f;         /* of the layer norms */
static const double highest_hz = 20000; /* no pitch is higher: a damaged model's numbers stay numbers */

static size_t most(size_t a, size_t b) { return a > b ? a : b; }

/* Rows of zeros between utterances: of symbols, and of pairs of frames. */
static size_t symbol_gap(const ev_acoustic_config *c) {
    return most((size_t)c->text_kernel / 2, EV_DURATION_KERNEL / 2);
}

static size_t pair_gap(const ev_acoustic_config *c) {
    size_t widest = 1;
    for (int i = 0; i < c->frame_blocks; i++) widest = most(widest, (size_t)(c->kernel / 2 * c->dilations[i]));
    return widest;
}

static size_t condition_width(const ev_acoustic_config *c) { return ev_round16((size_t)c->condition); }

/* ---- spelling ---- */

/* A silent token that must last all the same (a pause) is spoken as the edge of a sentence is. */
static const int32_t silence = 0;

static size_t spell(const ev_convnext *m, int32_t token, int32_t forced, const int32_t **symbols) {
    assert(token >= 0 && token < m->config.tokens);
    assert(m->spelling[token] <= m->spelling[token + 1]);
    const size_t begin = m->spelling[token], count = m->spelling[token + 1] - begin;
    *symbols = count ? m->symbols + begin : &silence;
    return count || forced <= 0 ? count : 1;
}

static int32_t forced_of(const int32_t *forced, size_t token) { return forced ? forced[token] : -1; }

static size_t count_rows(const ev_convnext *m, const int32_t *tokens, const int32_t *forced, size_t n) {
    const int32_t *symbols;
    size_t rows = 0;
    for (size_t i = 0; i < n; i++) rows += spell(m, tokens[i], forced_of(forced, i), &symbols);
    return rows;
}

/* The symbols of utterances on the encoder's axis. */
static int32_t *spell_all(const ev_convnext *m, ev_queue *q, const ev_axis *a, ev_utterance *const *u) {
    int32_t *ids = ev_queue_host(q, a->rows * sizeof *ids);
    const int32_t *symbols;
    for (size_t i = 0; i < a->count; i++) {
        int32_t *to = ids + a->spans[i].begin;
        for (size_t t = 0; t < u[i]->token_count; t++) {
            const size_t n = spell(m, u[i]->tokens[t], forced_of(u[i]->forced_frames, t), &symbols);
            memcpy(to, symbols, n * sizeof *to);
            to += n;
        }
    }
    return ids;
}

/* ---- text ---- */

typedef struct text_work { /* the symbols, and buffers that the layers use in turn: of the width, of three times it */
    const int32_t *symbols;
    ev_rows norm, wide;
} text_work;

static size_t widest_text(const ev_acoustic_config *c) { return most((size_t)c->text_width, (size_t)c->width); }

static size_t scratch_bytes(const ev_acoustic_config *c, size_t rows, int threads) {
    const int head = (int)widest_text(c) / c->heads;
    return ev_attention_scratch(rows, c->heads, head, threads) * sizeof(float);
}

/* A work matrix as rows of another width; what it held is lost. */
static ev_rows narrow(ev_rows x, size_t width) {
    assert(width > 0 && width <= x.ld);
    return (ev_rows){x.at, width};
}

static void linear(ev_queue *q, const ev_conv *conv, const ev_axis *a, ev_rows x, ev_rows y, ev_act act,
                   ev_rows residual) {
    ev_conv_op op = ev_axis_conv(conv, a, x, y);
    op.act = act;
    op.residual = residual;
    ev_enqueue_conv(q, &op);
}

static const ev_rows none = {0, 0};

static void norm_run(ev_queue *q, const ev_norm *norm, const ev_axis *a, ev_rows x, ev_rows y, int width) {
    const ev_layer_norm_op op = {.x = x,
                                 .y = y,
                                 .channels = width,
                                 .gamma = norm->gamma,
                                 .beta = norm->beta,
                                 .eps = eps,
                                 .spans = a->spans,
                                 .span_count = a->count};
    ev_enqueue_layer_norm(q, &op);
}

/* Attention and two linear layers, each behind a norm and beside a residual. */
static void attention_layer(const ev_symbol_net *t, ev_queue *q, const ev_axis *a, const text_work *s, ev_rows x) {
    assert(t->heads > 0 && t->width % t->heads == 0);
    const size_t w = (size_t)t->width;
    const ev_rows norm = narrow(s->norm, w), wide = narrow(s->wide, 3 * w),
                  hidden = narrow(s->wide, (size_t)t->hidden);
    norm_run(q, &t->norm1, a, x, norm, t->width);
    linear(q, &t->qkv, a, norm, wide, EV_ACT_NONE, none);
    const ev_attention_op attention = {.q = wide.at,
                                       .k = wide.at + w,
                                       .v = wide.at + 2 * w,
                                       .ld = wide.ld,
                                       .y = norm,
                                       .heads = t->heads,
                                       .head_dim = t->width / t->heads,
                                       .spans = a->spans,
                                       .span_count = a->count};
    ev_enqueue_attention(q, &attention);
    linear(q, &t->out, a, norm, x, EV_ACT_NONE, x);
    norm_run(q, &t->norm2, a, x, norm, t->width);
    linear(q, &t->w1, a, norm, hidden, EV_ACT_GELU, none);
    linear(q, &t->w2, a, hidden, x, EV_ACT_NONE, x);
}

/* x [rows][width], its gaps zero: all of the network but its last norm. */
static void text_run(const ev_symbol_net *t, ev_queue *q, const ev_axis *a, const text_work *s, ev_rows x) {
    const size_t w = (size_t)t->width;
    const ev_gather_op embed = {
        .table = t->embedding, .index = s->symbols, .y = x, .width = w, .spans = a->spans, .span_count = a->count};
    ev_enqueue_gather(q, &embed);
    for (int i = 0; i < 2; i++) {
        const ev_rows hidden = narrow(s->wide, (size_t)t->convs[i].hidden);
        ev_convblock_run(&t->convs[i], q, a, none, x, narrow(s->norm, w), hidden);
    }
    for (int i = 0; i < t->passes; i++) attention_layer(t, q, a, s, x);
}

/* ---- condition ---- */

/* Rows [n][condition_width]: the speaker's vector, then the emotions' weights. */
static ev_rows put_conditions(const ev_acoustic_config *c, ev_queue *q, ev_utterance *const *u, size_t n) {
    assert(n > 0 && condition_width(c) >= (size_t)c->condition);
    const size_t count = (size_t)c->condition, ld = condition_width(c);
    const ev_span all = {0, n}, one = {0, 1};
    const ev_rows x = ev_rows_take(q, &(ev_axis){&all, 1, n, 0}, ld);
    for (size_t i = 0; i < n; i++) {
        const ev_put_op op = {u[i]->condition, count, ev_rows_from(x, i * ld), count, &one, 1};
        ev_enqueue_put(q, &op);
    }
    return x;
}

/* The prosody's last norm adds what the condition says: rows [n][2 width], gamma and beta of each utterance. */
static ev_rows conditioned_norm(const ev_convnext *m, ev_queue *q, ev_rows condition, size_t n) {
    const size_t w = (size_t)m->config.width;
    const ev_span all = {0, n};
    const ev_axis a = {&all, 1, n, 0};
    const ev_rows params = ev_rows_take(q, &(ev_axis){NULL, 0, n, 0}, 2 * w); /* scale stays 0 */
    linear(q, &m->condition, &a, condition, ev_rows_from(params, w), EV_ACT_NONE, none);
    const ev_film_op op = {
        .gamma = m->prosody.after.gamma, .beta = m->prosody.after.beta, .x = params, .width = w, .rows = n};
    ev_enqueue_film(q, &op);
    return params;
}

/* ---- durations ---- */

typedef struct clock { /* the running sum that is rounded, so that the whole is within half a frame of the target */
    double target_frames, given;
} clock;

static int32_t next_duration(clock *c, double log_frames, double speed) {
    assert(speed > 0);
    c->target_frames += fmin(fmax(exp(log_frames) - 1.0, 0.0) / speed, 1e4);
    const double frames = fmax(nearbyint(c->target_frames) - c->given, 0.0);
    c->given += frames;
    return (int32_t)frames;
}

/* A model may have learnt its symbols so many frames behind their sound; what is told of tokens is when they sound.
 * The last that may have frames ends later for it. */
static void tell_earlier(ev_utterance *u, int delay) {
    assert(delay >= 0);
    int32_t moved = 0;
    for (size_t i = 0; i + 1 < u->token_count && moved < delay; i++) {
        const int32_t take = u->durations[i] < delay - moved ? u->durations[i] : delay - moved;
        u->durations[i] -= take;
        moved += take;
    }
    size_t last = u->token_count;
    while (last > 1 && forced_of(u->forced_frames, last - 1) == 0) last--;
    if (last) u->durations[last - 1] += moved;
}

/* Of one utterance: log_frames [rows]. A token's forced frames are its first symbol's. */
static void decide_durations(const ev_convnext *m, ev_utterance *u, const float *log_frames, int32_t *durations) {
    clock c = {0, 0};
    const int32_t *symbols;
    for (size_t i = 0, row = 0; i < u->token_count; i++) {
        const int32_t forced = forced_of(u->forced_frames, i);
        const size_t end = row + spell(m, u->tokens[i], forced, &symbols);
        const double speed = (double)(u->token_speed ? u->token_speed[i] : u->speed);
        u->durations[i] = 0;
        for (size_t first = row; row < end; row++) {
            if (forced < 0) {
                durations[row] = next_duration(&c, (double)log_frames[row], speed);
            } else {
                durations[row] = row == first ? forced : 0;
                c.target_frames += durations[row];
                c.given += durations[row];
            }
            u->durations[i] += durations[row];
        }
    }
    u->frames = (size_t)c.given;
    tell_earlier(u, m->config.delay);
}

/* ---- encode ---- */

static size_t encoded_bytes(const void *model, size_t rows, size_t utterances) {
    const ev_convnext *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = symbol_gap(c), all = rows + utterances * gap;
    return utterances * (sizeof(ev_span) + sizeof(size_t)) + all * sizeof(int32_t) + 192 +
           ev_matrix_bytes(all, gap, (size_t)c->text_width) + ev_matrix_bytes(all, gap, (size_t)c->width);
}

static size_t encode_bytes(const void *model, size_t rows, size_t utterances, int threads) {
    const ev_convnext *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = symbol_gap(c), all = rows + utterances * gap, w = (size_t)c->width, widest = widest_text(c);
    return encoded_bytes(m, rows, utterances) + utterances * (condition_width(c) + 2 * w) * sizeof(float) +
           scratch_bytes(c, all, threads) + 448 + ev_matrix_bytes(all, gap, w) + ev_matrix_bytes(all, gap, 16) +
           ev_matrix_bytes(all, gap, widest) + ev_matrix_bytes(all, gap, 3 * widest) +
           all * (sizeof(int32_t) + sizeof(float));
}

static ev_axis symbol_axis(const ev_convnext *m, ev_queue *q, ev_utterance *const *u, size_t n) {
    assert(n > 0);
    ev_span *spans = ev_queue_host(q, n * sizeof *spans);
    size_t *lengths = ev_queue_host(q, n * sizeof *lengths);
    for (size_t i = 0; i < n; i++) {
        lengths[i] = count_rows(m, u[i]->tokens, u[i]->forced_frames, u[i]->token_count);
    }
    const ev_axis a = ev_axis_place(spans, lengths, n, symbol_gap(&m->config));
    for (size_t i = 0; i < n; i++) u[i]->token_span = spans[i];
    return a;
}

/* log_frames [rows][16], column 0: to the host, which decides. */
static ev_status decide(const ev_convnext *m, ev_queue *q, const ev_axis *a, ev_utterance *const *u,
                        ev_rows log_frames, int32_t *durations, ev_error *err) {
    float *host = ev_queue_host(q, a->rows * sizeof *host);
    const ev_get_op op = {
        .from = log_frames, .to = host, .ld = 1, .width = 1, .spans = a->spans, .span_count = a->count};
    ev_enqueue_get(q, &op);
    const ev_status s = ev_queue_wait(q, err);
    for (size_t i = 0; i < a->count && s == EV_OK; i++) {
        decide_durations(m, u[i], host + a->spans[i].begin, durations + a->spans[i].begin);
    }
    return s;
}

/* What the frames need of the prosody's text network, and durations. */
static ev_status encode_prosody(const ev_convnext *m, ev_queue *q, const ev_axis *a, ev_utterance *const *u,
                                const text_work *s, ev_encoded *out, ev_error *err) {
    const size_t w = (size_t)m->config.width;
    const ev_rows params = conditioned_norm(m, q, put_conditions(&m->config, q, u, a->count), a->count);
    const ev_rows x = ev_rows_take(q, a, w), log_frames = ev_rows_take(q, a, 16), norm = narrow(s->norm, w);
    text_run(&m->prosody, q, a, s, x);
    const ev_layer_norm_op after = {.x = x,
                                    .y = x,
                                    .channels = m->config.width,
                                    .affine = params,
                                    .eps = eps,
                                    .spans = a->spans,
                                    .span_count = a->count};
    ev_enqueue_layer_norm(q, &after);
    linear(q, &m->duration1, a, x, norm, EV_ACT_GELU, none);
    linear(q, &m->duration2, a, norm, log_frames, EV_ACT_NONE, none);
    linear(q, &m->frame_in, a, x, out->hidden, EV_ACT_NONE, none); /* before it is repeated: less of it */
    return decide(m, q, a, u, log_frames, out->durations, err);
}

static ev_status encode(const void *model, ev_queue *q, ev_utterance *const *u, size_t n, ev_encoded *out,
                        ev_error *err) {
    const ev_convnext *m = model;
    const ev_axis a = symbol_axis(m, q, u, n);
    *out = (ev_encoded){.features = ev_rows_take(q, &a, (size_t)m->config.text_width),
                        .hidden = ev_rows_take(q, &a, (size_t)m->config.width),
                        .durations = ev_queue_host(q, a.rows * sizeof(int32_t))};
    const size_t mark = ev_queue_mark(q), widest = widest_text(&m->config);
    const text_work s = {.norm = ev_rows_take(q, &a, widest),
                         .wide = ev_rows_take(q, &a, 3 * widest),
                         .symbols = spell_all(m, q, &a, u)};
    text_run(&m->text, q, &a, &s, out->features);
    norm_run(q, &m->text.after, &a, out->features, out->features, m->config.text_width);
    const ev_status status = encode_prosody(m, q, &a, u, &s, out, err);
    ev_queue_release(q, mark);
    return status;
}

/* ---- decode ---- */

enum { PROSODY = 3 * EV_FRAME_PAIR }; /* of two frames log F0 about the median, energies, voicings */

static size_t decode_bytes(const void *model, size_t frames, size_t utterances, int threads) {
    (void)threads;
    const ev_convnext *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = pair_gap(c), w = (size_t)c->width;
    const size_t rows = (frames + utterances + 1) / EV_FRAME_PAIR + utterances * gap;
    return utterances * (sizeof(ev_span) + sizeof(size_t) + (condition_width(c) + 2 * w) * sizeof(float)) + 512 +
           2 * ev_matrix_bytes(rows, gap, w) + ev_matrix_bytes(rows, gap, 2 * w) + ev_matrix_bytes(rows, gap, 16) +
           rows * PROSODY * sizeof(float) + (rows + frames) * sizeof(int32_t);
}

static ev_axis pair_axis(const ev_convnext *m, ev_queue *q, ev_utterance *const *u, size_t n) {
    assert(n > 0);
    ev_span *spans = ev_queue_host(q, n * sizeof *spans);
    size_t *lengths = ev_queue_host(q, n * sizeof *lengths);
    for (size_t i = 0; i < n; i++) lengths[i] = (u[i]->frames + EV_FRAME_PAIR - 1) / EV_FRAME_PAIR;
    return ev_axis_place(spans, lengths, n, pair_gap(&m->config));
}

/* Of every step-th frame: the row of its symbol. */
static void symbol_rows(const ev_encoded *encoded, const ev_utterance *u, size_t step, int32_t *rows) {
    assert(step > 0);
    size_t frame = 0;
    for (size_t row = u->token_span.begin; row < u->token_span.begin + u->token_span.count; row++) {
        const size_t end = frame + (size_t)encoded->durations[row];
        for (; frame < end; frame++) {
            if (frame % step == 0) rows[frame / step] = (int32_t)row;
        }
    }
    assert(frame == u->frames); /* the durations' sum */
}

/* x [pairs][width]: the row of the symbol that a pair's first frame belongs to. */
static void repeat_hidden(ev_queue *q, const ev_axis *a, const ev_encoded *encoded, ev_utterance *const *u,
                          ev_rows x) {
    const size_t mark = ev_queue_mark(q);
    int32_t *rows = ev_queue_host(q, a->rows * sizeof *rows);
    for (size_t i = 0; i < a->count; i++) symbol_rows(encoded, u[i], EV_FRAME_PAIR, rows + a->spans[i].begin);
    const ev_gather_op op = {
        .x = encoded->hidden, .index = rows, .y = x, .width = x.ld, .spans = a->spans, .span_count = a->count};
    ev_enqueue_gather(q, &op);
    ev_queue_release(q, mark);
}

/* The features of each frame's symbol, to the utterance's channels. */
static void get_features(const ev_convnext *m, ev_queue *q, const ev_encoded *encoded, const ev_utterance *u) {
    const size_t mark = ev_queue_mark(q);
    int32_t *rows = ev_queue_host(q, u->frames * sizeof *rows);
    symbol_rows(encoded, u, 1, rows);
    const ev_get_op op = {.from = encoded->features,
                          .index = rows,
                          .to = u->channels,
                          .ld = ev_round16((size_t)m->config.channels),
                          .width = (size_t)m->config.text_width,
                          .spans = &(ev_span){0, u->frames},
                          .span_count = 1};
    ev_enqueue_get(q, &op);
    ev_queue_release(q, mark);
}

static float hertz(const ev_utterance *u, float log_f0, float voicing) {
    const double hz = (double)u->median_hz * (double)u->pitch_scale * exp((double)log_f0);
    return voicing > 0 && hz < highest_hz ? (float)hz : 0.0f; /* false for NaN too */
}

/* What stands behind the features, and F0. */
static void finish_frames(const ev_convnext *m, const ev_utterance *u, const float *prosody) {
    const size_t width = (size_t)m->config.text_width, ld = ev_round16((size_t)m->config.channels);
    assert(ld > width); /* the energy stands behind the features */
    for (size_t frame = 0; frame < u->frames; frame++) {
        const float *p = prosody + frame / EV_FRAME_PAIR * PROSODY + frame % EV_FRAME_PAIR;
        float *to = u->channels + frame * ld + width;
        memset(to, 0, (ld - width) * sizeof *to);
        *to = p[EV_FRAME_PAIR];
        u->f0[frame] = hertz(u, p[0], p[2 * EV_FRAME_PAIR]);
    }
}

/* All but what the host makes of it: prosody [pairs][PROSODY], there after the wait. */
static void enqueue_frames(const ev_convnext *m, ev_queue *q, const ev_axis *a, const ev_encoded *encoded,
                           ev_utterance *const *u, float *prosody) {
    const size_t n = a->count, w = (size_t)m->config.width;
    const ev_span all = {0, n};
    const ev_rows condition = put_conditions(&m->config, q, u, n);
    const ev_rows film = ev_rows_take(q, &(ev_axis){&all, 1, n, 0}, 2 * w);
    const ev_rows x = ev_rows_take(q, a, w), norm = ev_rows_take(q, a, w), hidden = ev_rows_take(q, a, 2 * w);
    const ev_rows heads = ev_rows_take(q, a, 16);
    repeat_hidden(q, a, encoded, u, x);
    for (int i = 0; i < m->config.frame_blocks; i++) {
        const ev_convblock *b = &m->frame_blocks[i];
        ev_convblock_film(b, q, condition, n, film);
        ev_convblock_run(b, q, a, film, x, norm, narrow(hidden, (size_t)b->hidden));
    }
    linear(q, &m->frame_out, a, x, heads, EV_ACT_NONE, none);
    const ev_get_op op = {
        .from = heads, .to = prosody, .ld = PROSODY, .width = PROSODY, .spans = a->spans, .span_count = a->count};
    ev_enqueue_get(q, &op);
    for (size_t i = 0; i < n; i++) get_features(m, q, encoded, u[i]);
}

static ev_status decode(const void *model, ev_queue *q, const ev_encoded *encoded, ev_utterance *const *u, size_t n,
                        ev_error *err) {
    const ev_convnext *m = model;
    const size_t mark = ev_queue_mark(q);
    const ev_axis a = pair_axis(m, q, u, n);
    float *prosody = ev_queue_host(q, a.rows * PROSODY * sizeof *prosody);
    enqueue_frames(m, q, &a, encoded, u, prosody);
    const ev_status s = ev_queue_wait(q, err);
    for (size_t i = 0; i < n && s == EV_OK; i++) finish_frames(m, u[i], prosody + a.spans[i].begin * PROSODY);
    ev_queue_release(q, mark);
    return s;
}

/* ---- the family ---- */

static ev_status join_condition(const void *model, const ev_conditioning *conditioning, float *out, ev_error *err) {
    (void)err;
    ev_condition_join(&((const ev_convnext *)model)->config, conditioning, out);
    return EV_OK;
}

static size_t rows(const void *model, const int32_t *tokens, const int32_t *forced, size_t n) {
    return count_rows(model, tokens, forced, n);
}

static size_t rows_max(const void *model, size_t n) { return n * (size_t)((const ev_convnext *)model)->symbols_max; }

const ev_acoustic_family ev_convnext_family = {
    .name = "convnext",
    .config_read = ev_convnext_config_read,
    .load = ev_convnext_load,
    .free = ev_convnext_free,
    .upload = ev_convnext_upload,
    .condition = join_condition,
    .rows = rows,
    .rows_max = rows_max,
    .encode_bytes = encode_bytes,
    .encoded_bytes = encoded_bytes,
    .decode_bytes = decode_bytes,
    .encode = encode,
    .decode = decode,
};
