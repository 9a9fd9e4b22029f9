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

static void embed_symbols(const ev_convnext *m, const ev_symbol_net *t, const ev_utterance *u, float *x) {
    const size_t w = (size_t)t->width;
    const int32_t *symbols;
    for (size_t i = 0; i < u->token_count; i++) {
        const size_t n = spell(m, u->tokens[i], forced_of(u->forced_frames, i), &symbols);
        for (size_t j = 0; j < n; j++, x += w) memcpy(x, t->embedding + (size_t)symbols[j] * w, w * sizeof *x);
    }
}

/* ---- text ---- */

typedef struct text_work { /* buffers that the layers use in turn: rows of the width, of three times it */
    float *norm, *wide, *scratch;
} text_work;

static size_t widest_text(const ev_acoustic_config *c) { return most((size_t)c->text_width, (size_t)c->width); }

static size_t scratch_bytes(const ev_acoustic_config *c, size_t rows, int threads) {
    const int head = (int)widest_text(c) / c->heads;
    return ev_attention_scratch(rows, c->heads, head, threads) * sizeof(float);
}

static text_work text_work_take(ev_arena *arena, const ev_axis *a, const ev_acoustic_config *c, int threads) {
    const size_t w = widest_text(c);
    text_work s = {.norm = ev_matrix_take(arena, a, w), .wide = ev_matrix_take(arena, a, 3 * w)};
    s.scratch = ev_arena_take(arena, scratch_bytes(c, a->rows, threads));
    assert(s.scratch);
    return s;
}

static void linear(const ev_compute *compute, const ev_conv *conv, const ev_axis *a, const float *x, size_t ldx,
                   float *y, size_t ldy, ev_act act, const float *residual) {
    ev_conv_args args = ev_axis_conv(conv, a, x, ldx, y, ldy);
    args.act = act;
    args.residual = residual;
    ev_conv_run(compute, &args);
}

static void norm_run(const ev_compute *compute, const ev_norm *norm, const ev_axis *a, const float *x, float *y,
                     int width) {
    ev_layer_norm_run(compute, x, (size_t)width, y, (size_t)width, width, norm->gamma, norm->beta, eps, a->spans,
                      a->count);
}

/* Attention and two linear layers, each behind a norm and beside a residual. */
static void attention_layer(const ev_symbol_net *t, const ev_compute *compute, const ev_axis *a, const text_work *s,
                            float *x) {
    const size_t w = (size_t)t->width, h = (size_t)t->hidden;
    norm_run(compute, &t->norm1, a, x, s->norm, t->width);
    linear(compute, &t->qkv, a, s->norm, w, s->wide, 3 * w, EV_ACT_NONE, NULL);
    ev_attention_run(compute, s->wide, s->wide + w, s->wide + 2 * w, 3 * w, s->norm, w, t->heads, t->width / t->heads,
                     s->scratch, a->spans, a->count);
    linear(compute, &t->out, a, s->norm, w, x, w, EV_ACT_NONE, x);
    norm_run(compute, &t->norm2, a, x, s->norm, t->width);
    linear(compute, &t->w1, a, s->norm, w, s->wide, h, EV_ACT_GELU, NULL);
    linear(compute, &t->w2, a, s->wide, h, x, w, EV_ACT_NONE, x);
}

/* x [rows][width], its gaps zero: all of the network but its last norm. */
static void text_run(const ev_convnext *m, const ev_symbol_net *t, const ev_compute *compute, const ev_axis *a,
                     ev_utterance *const *u, const text_work *s, float *x) {
    for (size_t i = 0; i < a->count; i++) embed_symbols(m, t, u[i], x + a->spans[i].begin * (size_t)t->width);
    for (int i = 0; i < 2; i++) ev_convblock_run(&t->convs[i], compute, a, NULL, x, s->norm, s->wide);
    for (int i = 0; i < t->passes; i++) attention_layer(t, compute, a, s, x);
}

/* ---- condition ---- */

/* Rows [n][condition_width]: the speaker's vector, then the emotions' weights. */
static void write_conditions(const ev_acoustic_config *c, ev_utterance *const *u, size_t n, float *condition) {
    const size_t ld = condition_width(c);
    for (size_t i = 0; i < n; i++, condition += ld) {
        memcpy(condition, u[i]->condition, (size_t)c->condition * sizeof *condition);
    }
}

/* The prosody's last norm adds what the condition says: params [n][2 width], gamma and beta of each utterance. */
static void conditioned_norm(const ev_convnext *m, const ev_compute *compute, const float *condition, size_t n,
                             float *params) {
    const size_t w = (size_t)m->config.width;
    const ev_span rows = {0, n};
    const ev_axis a = {&rows, 1, n, 0};
    linear(compute, &m->condition, &a, condition, condition_width(&m->config), params + w, 2 * w, EV_ACT_NONE, NULL);
    for (size_t i = 0; i < n; i++, params += 2 * w) {
        for (size_t j = 0; j < w; j++) params[w + j] += m->prosody.after.beta[j];
        memcpy(params, m->prosody.after.gamma, w * sizeof *params);
    }
}

/* ---- durations ---- */

typedef struct clock { /* the running sum that is rounded, so that the whole is within half a frame of the target */
    double target_frames, given;
} clock;

static int32_t next_duration(clock *c, double log_frames, double speed) {
    c->target_frames += fmin(fmax(exp(log_frames) - 1.0, 0.0) / speed, 1e4);
    const double frames = fmax(nearbyint(c->target_frames) - c->given, 0.0);
    c->given += frames;
    return (int32_t)frames;
}

/* A model may have learnt its symbols so many frames behind their sound; what is told of tokens is when they sound.
 * The last that may have frames ends later for it. */
static void tell_earlier(ev_utterance *u, int delay) {
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

/* Of one utterance: log_frames [rows][16], column 0. A token's forced frames are its first symbol's. */
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
                durations[row] = next_duration(&c, (double)log_frames[row * 16], speed);
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
           scratch_bytes(c, all, threads) + 192 + ev_matrix_bytes(all, gap, w) + ev_matrix_bytes(all, gap, 16) +
           ev_matrix_bytes(all, gap, widest) + ev_matrix_bytes(all, gap, 3 * widest);
}

static ev_axis symbol_axis(const ev_convnext *m, ev_arena *arena, ev_utterance *const *u, size_t n) {
    ev_span *spans = ev_arena_take(arena, n * sizeof *spans);
    size_t *lengths = ev_arena_take(arena, n * sizeof *lengths);
    assert(spans && lengths);
    for (size_t i = 0; i < n; i++) {
        lengths[i] = count_rows(m, u[i]->tokens, u[i]->forced_frames, u[i]->token_count);
    }
    const ev_axis a = ev_axis_place(spans, lengths, n, symbol_gap(&m->config));
    for (size_t i = 0; i < n; i++) u[i]->token_span = spans[i];
    return a;
}

/* What the frames need of the prosody's text network, and durations. */
static void encode_prosody(const ev_convnext *m, const ev_compute *compute, ev_arena *arena, const ev_axis *a,
                           ev_utterance *const *u, const text_work *s, ev_encoded *out) {
    const size_t w = (size_t)m->config.width, n = a->count;
    float *condition = ev_arena_take(arena, n * condition_width(&m->config) * sizeof *condition);
    float *params = ev_arena_take(arena, n * 2 * w * sizeof *params);
    assert(condition && params);
    write_conditions(&m->config, u, n, condition);
    conditioned_norm(m, compute, condition, n, params);

    float *x = ev_matrix_take(arena, a, w), *log_frames = ev_matrix_take(arena, a, 16);
    text_run(m, &m->prosody, compute, a, u, s, x);
    ev_layer_norm_spans_run(compute, x, w, x, w, m->config.width, params, params + w, 2 * w, eps, a->spans, n);
    linear(compute, &m->duration1, a, x, w, s->norm, w, EV_ACT_GELU, NULL);
    linear(compute, &m->duration2, a, s->norm, w, log_frames, 16, EV_ACT_NONE, NULL);
    for (size_t i = 0; i < n; i++) {
        const size_t at = a->spans[i].begin;
        decide_durations(m, u[i], log_frames + at * 16, out->durations + at);
    }
    linear(compute, &m->frame_in, a, x, w, out->hidden, w, EV_ACT_NONE, NULL); /* before it is repeated: less of it */
}

static void encode(const void *model, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u, size_t n,
                   ev_encoded *out) {
    const ev_convnext *m = model;
    const ev_axis a = symbol_axis(m, arena, u, n);
    out->features = ev_matrix_take(arena, &a, (size_t)m->config.text_width);
    out->hidden = ev_matrix_take(arena, &a, (size_t)m->config.width);
    out->durations = ev_arena_take(arena, a.rows * sizeof *out->durations);
    assert(out->durations);

    const size_t mark = ev_arena_mark(arena);
    const text_work s = text_work_take(arena, &a, &m->config, ev_pool_threads(compute->pool));
    text_run(m, &m->text, compute, &a, u, &s, out->features);
    norm_run(compute, &m->text.after, &a, out->features, out->features, m->config.text_width);
    encode_prosody(m, compute, arena, &a, u, &s, out);
    ev_arena_release(arena, mark);
}

/* ---- decode ---- */

static size_t decode_bytes(const void *model, size_t frames, size_t utterances, int threads) {
    (void)threads;
    const ev_convnext *m = model;
    const ev_acoustic_config *c = &m->config;
    const size_t gap = pair_gap(c), w = (size_t)c->width;
    const size_t rows = (frames + utterances + 1) / EV_FRAME_PAIR + utterances * gap;
    return utterances * (sizeof(ev_span) + sizeof(size_t) + (condition_width(c) + 2 * w) * sizeof(float)) + 256 +
           2 * ev_matrix_bytes(rows, gap, w) + ev_matrix_bytes(rows, gap, 2 * w) + ev_matrix_bytes(rows, gap, 16);
}

static ev_axis pair_axis(const ev_convnext *m, ev_arena *arena, ev_utterance *const *u, size_t n) {
    ev_span *spans = ev_arena_take(arena, n * sizeof *spans);
    size_t *lengths = ev_arena_take(arena, n * sizeof *lengths);
    assert(spans && lengths);
    for (size_t i = 0; i < n; i++) lengths[i] = (u[i]->frames + EV_FRAME_PAIR - 1) / EV_FRAME_PAIR;
    return ev_axis_place(spans, lengths, n, pair_gap(&m->config));
}

/* x [pairs][width]: the row of the symbol that a pair's first frame belongs to. */
static void repeat_hidden(const ev_encoded *encoded, const ev_utterance *u, size_t w, float *x) {
    size_t frame = 0;
    for (size_t row = u->token_span.begin; row < u->token_span.begin + u->token_span.count; row++) {
        const size_t end = frame + (size_t)encoded->durations[row];
        for (; frame < end; frame++) {
            if (frame % EV_FRAME_PAIR == 0) {
                memcpy(x + frame / EV_FRAME_PAIR * w, encoded->hidden + row * w, w * sizeof *x);
            }
        }
    }
}

static float hertz(const ev_utterance *u, float log_f0, float voicing) {
    const double hz = (double)u->median_hz * (double)u->pitch_scale * exp((double)log_f0);
    return voicing > 0 && hz < highest_hz ? (float)hz : 0.0f; /* false for NaN too */
}

/* prosody [pairs][16]: of two frames log F0 about the median, then both energies, then both voicings. */
static void write_frames(const ev_convnext *m, const ev_encoded *encoded, const ev_utterance *u,
                         const float *prosody) {
    const size_t width = (size_t)m->config.text_width, ld = ev_round16((size_t)m->config.channels);
    size_t frame = 0;
    for (size_t row = u->token_span.begin; row < u->token_span.begin + u->token_span.count; row++) {
        const size_t end = frame + (size_t)encoded->durations[row];
        for (; frame < end; frame++) {
            const float *p = prosody + frame / EV_FRAME_PAIR * 16 + frame % EV_FRAME_PAIR;
            float *to = u->channels + frame * ld;
            memcpy(to, encoded->features + row * width, width * sizeof *to);
            memset(to + width, 0, (ld - width) * sizeof *to);
            to[width] = p[EV_FRAME_PAIR];
            u->f0[frame] = hertz(u, p[0], p[2 * EV_FRAME_PAIR]);
        }
    }
}

static void decode(const void *model, const ev_compute *compute, ev_arena *arena, const ev_encoded *encoded,
                   ev_utterance *const *u, size_t n) {
    const ev_convnext *m = model;
    const size_t mark = ev_arena_mark(arena), w = (size_t)m->config.width;
    const ev_axis a = pair_axis(m, arena, u, n);
    float *condition = ev_arena_take(arena, n * condition_width(&m->config) * sizeof *condition);
    float *film = ev_arena_take(arena, n * 2 * w * sizeof *film);
    assert(condition && film);
    write_conditions(&m->config, u, n, condition);
    float *x = ev_matrix_take(arena, &a, w), *norm = ev_matrix_take(arena, &a, w);
    float *hidden = ev_matrix_take(arena, &a, 2 * w), *prosody = ev_matrix_take(arena, &a, 16);

    for (size_t i = 0; i < n; i++) repeat_hidden(encoded, u[i], w, x + a.spans[i].begin * w);
    for (int i = 0; i < m->config.frame_blocks; i++) {
        const ev_convblock *b = &m->frame_blocks[i];
        ev_convblock_film(b, compute, condition, condition_width(&m->config), n, film);
        ev_convblock_run(b, compute, &a, film, x, norm, hidden);
    }
    linear(compute, &m->frame_out, &a, x, w, prosody, 16, EV_ACT_NONE, NULL);
    for (size_t i = 0; i < n; i++) write_frames(m, encoded, u[i], prosody + a.spans[i].begin * 16);
    ev_arena_release(arena, mark);
}

/* ---- the family ---- */

static ev_status join_condition(const void *model, const ev_manner *manner, float *out, ev_error *err) {
    (void)err;
    ev_condition_join(&((const ev_convnext *)model)->config, manner, out);
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
    .condition = join_condition,
    .rows = rows,
    .rows_max = rows_max,
    .encode_bytes = encode_bytes,
    .encoded_bytes = encoded_bytes,
    .decode_bytes = decode_bytes,
    .encode = encode,
    .decode = decode,
};
