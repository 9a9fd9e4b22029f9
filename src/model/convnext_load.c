/* convnext_load: binds the weights by the names that PyTorch gives them (prefix "am."). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/try.h"
#include "model/config_read.h"
#include "model/convnext.h"

/* ---- configuration ---- */

/* "table": what each token is spelt with. */
static ev_status read_table(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    const json_t *table = json_object_get(o, "table");
    const size_t n = json_array_size(table);
    if (n < 1 || n > 100000) {
        return ev_fail(err, EV_E_FORMAT, "model config: \"table\" must list the symbols of 1..100000 tokens");
    }
    for (size_t i = 0; i < n; i++) {
        int symbols[EV_SPELLING_MAX], count;
        char key[32];
        snprintf(key, sizeof key, "table[%zu]", i);
        TRY(ev_config_ints(json_array_get(table, i), key, 0, a->symbols - 1, symbols, 0, EV_SPELLING_MAX, &count,
                           err));
    }
    a->tokens = (int)n;
    a->table = table;
    return EV_OK;
}

/* One number for each emotion; little louder, since peaks were bent for full scale before. */
static ev_status read_gains(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    const json_t *gains = json_object_get(o, "emotion_gains_db");
    for (int i = 0; gains && i < a->emotion_count; i++) {
        const json_t *gain = json_array_get(gains, (size_t)i);
        a->emotion_gains_db[i] = json_number_value(gain);
        if (!json_is_number(gain) || !(a->emotion_gains_db[i] >= -12 && a->emotion_gains_db[i] <= 3)) {
            return ev_fail(err, EV_E_FORMAT, "model config: \"emotion_gains_db\"[%d] is not a number in -12..3", i);
        }
    }
    return EV_OK;
}

ev_status ev_convnext_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    TRY(ev_config_int(o, "symbols", 1, 4096, &a->symbols, err));
    TRY(ev_config_int(o, "text_width", 16, 1024, &a->text_width, err));
    TRY(ev_config_int(o, "text_passes", 1, 16, &a->text_passes, err));
    TRY(ev_config_int(o, "width", 16, 1024, &a->width, err));
    TRY(ev_config_int(o, "passes", 1, 16, &a->passes, err));
    TRY(ev_config_int(o, "heads", 1, 16, &a->heads, err));
    TRY(ev_config_int(o, "text_kernel", 1, 31, &a->text_kernel, err));
    TRY(ev_config_int(o, "kernel", 1, 31, &a->kernel, err));
    TRY(ev_config_ints(json_object_get(o, "dilations"), "dilations", 1, 16, a->dilations, 1, EV_FRAME_BLOCKS_MAX,
                       &a->frame_blocks, err));
    TRY(ev_config_odd("text_kernel", a->text_kernel, err));
    TRY(ev_config_odd("kernel", a->kernel, err));
    TRY(ev_config_heads("text_width", a->text_width, a->heads, err));
    TRY(ev_config_heads("width", a->width, a->heads, err));
    TRY(read_table(a, o, err));
    if (json_object_get(o, "delay")) TRY(ev_config_int(o, "delay", 0, 40, &a->delay, err));
    TRY(ev_config_int8(o, &a->int8, err));
    TRY(read_gains(a, o, err));
    a->wh_falls = json_is_true(json_object_get(o, "wh_falls"));
    if (json_object_get(o, "question_rise")) TRY(ev_config_number(o, "question_rise", 0, 12, &a->question_rise, err));
    a->channels = a->text_width + 1; /* features and energy */
    a->condition = a->speaker + a->emotion_count;
    return EV_OK;
}

/* ---- weights ---- */

enum { NAME_MAX_BYTES = 96 };

static ev_status load_conv(ev_conv *out, const ev_container *c, const char *prefix, const char *name, int co, int ci,
                           int taps, ev_error *err) {
    char full[NAME_MAX_BYTES];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return ev_weights_conv(out, c, full, co, ci, taps, err);
}

static ev_status load_norm(ev_norm *out, const ev_container *c, const char *prefix, const char *name, int channels,
                           ev_error *err) {
    char full[NAME_MAX_BYTES];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return ev_weights_norm(out, c, full, channels, err);
}

/* PyTorch keeps q, k and v of an attention as one [3 width][width], named unlike a layer's. */
static ev_status load_qkv(ev_symbol_net *t, const ev_container *c, const char *prefix, ev_error *err) {
    char name[NAME_MAX_BYTES];
    float *weight = NULL, *bias = NULL;
    snprintf(name, sizeof name, "%s.attn.self_attn.in_proj_weight", prefix);
    ev_status s = ev_weights_array(&weight, c, name, 2, (int64_t[]){3 * t->width, t->width}, err);
    snprintf(name, sizeof name, "%s.attn.self_attn.in_proj_bias", prefix);
    if (s == EV_OK) s = ev_weights_array(&bias, c, name, 1, (int64_t[]){3 * t->width}, err);
    if (s == EV_OK) s = ev_conv_pack(&t->qkv, weight, bias, 3 * t->width, t->width, 1, err);
    free(weight);
    free(bias);
    return s;
}

static ev_status load_symbol_net(ev_symbol_net *t, const ev_container *c, const ev_acoustic_config *k,
                                 const char *prefix, int width, int passes, ev_error *err) {
    char name[NAME_MAX_BYTES];
    *t = (ev_symbol_net){.width = width, .passes = passes, .heads = k->heads, .hidden = 2 * width};
    snprintf(name, sizeof name, "%s.emb.weight", prefix);
    TRY(ev_weights_array(&t->embedding, c, name, 2, (int64_t[]){k->symbols, width}, err));
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s.convs.%d", prefix, i);
        TRY(ev_convblock_load(&t->convs[i], c, name, width, t->hidden, k->text_kernel, 1, 0, err));
    }
    TRY(load_qkv(t, c, prefix, err));
    TRY(load_conv(&t->out, c, prefix, "attn.self_attn.out_proj", width, width, 1, err));
    TRY(load_conv(&t->w1, c, prefix, "attn.linear1", t->hidden, width, 1, err));
    TRY(load_conv(&t->w2, c, prefix, "attn.linear2", width, t->hidden, 1, err));
    TRY(load_norm(&t->norm1, c, prefix, "attn.norm1", width, err));
    TRY(load_norm(&t->norm2, c, prefix, "attn.norm2", width, err));
    return load_norm(&t->after, c, prefix, "norm", width, err);
}

/* The configuration's table, read and checked before, as two arrays. */
static ev_status load_table(ev_convnext *m, const json_t *table, ev_error *err) {
    const size_t tokens = json_array_size(table);
    size_t count = 0;
    assert(tokens == (size_t)m->config.tokens);
    for (size_t i = 0; i < tokens; i++) count += json_array_size(json_array_get(table, i));
    m->spelling = calloc(tokens + 1, sizeof *m->spelling);
    m->symbols = calloc(count + 1, sizeof *m->symbols);
    if (!m->spelling || !m->symbols) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    m->symbols_max = 1; /* a pause takes a row even where its token is silent */
    for (size_t i = 0, at = 0; i < tokens; i++) {
        const json_t *one = json_array_get(table, i);
        const size_t n = json_array_size(one);
        for (size_t j = 0; j < n; j++) m->symbols[at++] = (int32_t)json_integer_value(json_array_get(one, j));
        m->spelling[i + 1] = at;
        if ((int)n > m->symbols_max) m->symbols_max = (int)n;
    }
    return EV_OK;
}

static ev_status quantize_symbol_net(ev_symbol_net *t, ev_error *err) {
    ev_conv *const layers[] = {&t->qkv,          &t->out,          &t->w1,           &t->w2,
                               &t->convs[0].pw1, &t->convs[0].pw2, &t->convs[1].pw1, &t->convs[1].pw2};
    for (size_t i = 0; i < EV_ARRAY_COUNT(layers); i++) TRY(ev_conv_quantize(layers[i], err));
    return EV_OK;
}

/* All that is large. What says durations, F0 and energy at the end, and what the condition makes, is small. */
static ev_status quantize(ev_convnext *m, ev_error *err) {
    TRY(quantize_symbol_net(&m->text, err));
    TRY(quantize_symbol_net(&m->prosody, err));
    TRY(ev_conv_quantize(&m->duration1, err));
    TRY(ev_conv_quantize(&m->frame_in, err));
    for (int i = 0; i < m->config.frame_blocks; i++) {
        TRY(ev_conv_quantize(&m->frame_blocks[i].pw1, err));
        TRY(ev_conv_quantize(&m->frame_blocks[i].pw2, err));
    }
    return EV_OK;
}

static ev_status load_all(ev_convnext *m, const ev_container *c, ev_error *err) {
    const ev_acoustic_config *k = &m->config;
    const int w = k->width, condition = k->condition;
    TRY(load_table(m, k->table, err));
    TRY(load_symbol_net(&m->text, c, k, "am.text", k->text_width, k->text_passes, err));
    TRY(load_symbol_net(&m->prosody, c, k, "am.pn.text", w, k->passes, err));
    TRY(ev_weights_conv(&m->condition, c, "am.pn.condition", w, condition, 1, err));
    TRY(ev_weights_conv(&m->duration1, c, "am.pn.dur.0", w, w, EV_DURATION_KERNEL, err));
    TRY(ev_weights_conv(&m->duration2, c, "am.pn.dur.2", 1, w, 1, err));
    TRY(ev_weights_conv(&m->frame_in, c, "am.pn.pro_in", w, w, 1, err));
    for (int i = 0; i < k->frame_blocks; i++) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "am.pn.pro.%d", i);
        TRY(ev_convblock_load(&m->frame_blocks[i], c, name, w, 2 * w, k->kernel, k->dilations[i], condition, err));
    }
    TRY(ev_weights_conv(&m->frame_out, c, "am.pn.pro_out", 3 * EV_FRAME_PAIR, w, 1, err));
    return k->int8 ? quantize(m, err) : EV_OK;
}

ev_status ev_convnext_load(void **out, const ev_container *c, const ev_acoustic_config *config, size_t positions_max,
                           ev_error *err) {
    (void)positions_max; /* nothing of it depends on where a row stands */
    *out = NULL;
    ev_convnext *m = calloc(1, sizeof *m);
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    m->config = *config;
    const ev_status s = load_all(m, c, err);
    m->config.table = NULL; /* it goes with the file */
    if (s == EV_OK)
        *out = m;
    else
        ev_convnext_free(m);
    return s;
}

static void symbol_net_free(ev_symbol_net *t) {
    ev_conv *const convs[] = {&t->qkv, &t->out, &t->w1, &t->w2};
    ev_norm *const norms[] = {&t->norm1, &t->norm2, &t->after};
    for (int i = 0; i < 2; i++) ev_convblock_free(&t->convs[i]);
    for (size_t i = 0; i < EV_ARRAY_COUNT(convs); i++) ev_conv_free(convs[i]);
    for (size_t i = 0; i < EV_ARRAY_COUNT(norms); i++) ev_norm_free(norms[i]);
    free(t->embedding);
}

void ev_convnext_free(void *model) {
    ev_convnext *m = model;
    if (!m) return;
    ev_conv *const convs[] = {&m->condition, &m->duration1, &m->duration2, &m->frame_in, &m->frame_out};
    symbol_net_free(&m->text);
    symbol_net_free(&m->prosody);
    for (size_t i = 0; i < EV_ARRAY_COUNT(convs); i++) ev_conv_free(convs[i]);
    for (int i = 0; i < EV_FRAME_BLOCKS_MAX; i++) ev_convblock_free(&m->frame_blocks[i]);
    free(m->spelling);
    free(m->symbols);
    free(m);
}

/* ---- to a device ---- */

static void symbol_net_upload(const ev_symbol_net *t, int symbols, ev_queue *q) {
    const ev_conv *const convs[] = {&t->qkv, &t->out, &t->w1, &t->w2};
    const ev_norm *const norms[] = {&t->norm1, &t->norm2, &t->after};
    ev_enqueue_upload(q, EV_WEIGHTS_FLOATS, t->embedding, (size_t)symbols * (size_t)t->width);
    for (int i = 0; i < 2; i++) ev_convblock_upload(&t->convs[i], q);
    for (size_t i = 0; i < EV_ARRAY_COUNT(convs); i++) ev_conv_upload(convs[i], q);
    for (size_t i = 0; i < EV_ARRAY_COUNT(norms); i++) ev_norm_upload(norms[i], t->width, q);
}

void ev_convnext_upload(const void *model, ev_queue *q) {
    const ev_convnext *m = model;
    const ev_conv *const convs[] = {&m->condition, &m->duration1, &m->duration2, &m->frame_in, &m->frame_out};
    symbol_net_upload(&m->text, m->config.symbols, q);
    symbol_net_upload(&m->prosody, m->config.symbols, q);
    for (size_t i = 0; i < EV_ARRAY_COUNT(convs); i++) ev_conv_upload(convs[i], q);
    for (int i = 0; i < m->config.frame_blocks; i++) ev_convblock_upload(&m->frame_blocks[i], q);
}
