/* transformer_load: binds the weights by their published names (prefix "am."). */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "model/config_read.h"
#include "model/transformer.h"

ev_status ev_config_transformer(ev_acoustic_config *a, const json_t *o, ev_error *err) {
    TRY(ev_config_int(o, "tokens", 1, 100000, &a->tokens, err));
    TRY(ev_config_int(o, "width", 16, 2048, &a->width, err));
    TRY(ev_config_int(o, "heads", 1, 64, &a->heads, err));
    TRY(ev_config_int(o, "encoder_layers", 0, 32, &a->encoder_layers, err));
    TRY(ev_config_int(o, "decoder_layers", 0, 32, &a->decoder_layers, err));
    TRY(ev_config_int(o, "ffn", 16, 8192, &a->ffn, err));
    TRY(ev_config_ints(json_object_get(o, "ffn_kernels"), "ffn_kernels", 1, 31, a->ffn_kernels, 2, 2, NULL, err));
    TRY(ev_config_int(o, "duration_layers", 1, 8, &a->duration_layers, err));
    TRY(ev_config_int(o, "pitch_layers", 1, 8, &a->pitch_layers, err));
    TRY(ev_config_int(o, "energy_layers", 1, 8, &a->energy_layers, err));
    TRY(ev_config_int(o, "predictor_kernel", 1, 31, &a->predictor_kernel, err));
    TRY(ev_config_int(o, "variance_kernel", 1, 31, &a->variance_kernel, err));
    TRY(ev_config_int(o, "mels", 1, 512, &a->channels, err));
    TRY(ev_config_number(o, "delta", 1e-4, 100, &a->delta, err));
    TRY(ev_config_number(o, "eps", 1e-12, 1e-2, &a->eps, err));
    TRY(ev_config_odd("ffn_kernels", a->ffn_kernels[0] & a->ffn_kernels[1], err));
    TRY(ev_config_odd("predictor_kernel", a->predictor_kernel, err));
    TRY(ev_config_odd("variance_kernel", a->variance_kernel, err));
    return ev_config_heads("width", a->width, a->heads, err);
}

enum { PREFIX_MAX = 96 };

static ev_status load_conv(ev_conv *out, const ev_container *c, const char *prefix, const char *name, int co, int ci,
                           int taps, ev_error *err) {
    char full[PREFIX_MAX * 2];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ev_weights_conv_as_stored(out, c, full, co, ci, taps, err);
}

static ev_status load_norm(ev_norm *out, const ev_container *c, const char *prefix, const char *name, int channels,
                           ev_error *err) {
    char full[PREFIX_MAX * 2];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ev_weights_norm(out, c, full, channels, err);
}

static ev_status load_block(ev_block *b, const ev_container *c, const ev_acoustic_config *k, const char *prefix,
                            ev_error *err) {
    const int w = k->width;
    TRY(load_conv(&b->q, c, prefix, "self_attn.linear_q", w, w, 1, err));
    TRY(load_conv(&b->k, c, prefix, "self_attn.linear_k", w, w, 1, err));
    TRY(load_conv(&b->v, c, prefix, "self_attn.linear_v", w, w, 1, err));
    TRY(load_conv(&b->out, c, prefix, "self_attn.linear_out", w, w, 1, err));
    TRY(load_conv(&b->w1, c, prefix, "feed_forward.w_1", k->ffn, w, k->ffn_kernels[0], err));
    TRY(load_conv(&b->w2, c, prefix, "feed_forward.w_2", w, k->ffn, k->ffn_kernels[1], err));
    TRY(load_norm(&b->norm1, c, prefix, "norm1", w, err));
    return load_norm(&b->norm2, c, prefix, "norm2", w, err);
}

ev_status ev_stack_load(ev_stack *s, const ev_container *c, const ev_acoustic_config *k, const char *name, int layers,
                        ev_error *err) {
    assert(layers >= 0);
    char prefix[PREFIX_MAX];
    float *alpha = NULL;
    s->blocks = calloc((size_t)layers + 1, sizeof *s->blocks);
    if (!s->blocks) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    s->layers = layers;
    snprintf(prefix, sizeof prefix, "am.%s.embed.0.alpha", name);
    TRY(ev_weights_array(&alpha, c, prefix, 0, (int64_t[]){0}, err));
    s->alpha = alpha[0];
    free(alpha);
    for (int i = 0; i < layers; i++) {
        snprintf(prefix, sizeof prefix, "am.%s.encoders.%d.", name, i);
        TRY(load_block(&s->blocks[i], c, k, prefix, err));
    }
    snprintf(prefix, sizeof prefix, "am.%s.", name);
    return load_norm(&s->after, c, prefix, "after_norm", k->width, err);
}

ev_status ev_predictor_load(ev_predictor *p, const ev_container *c, const ev_acoustic_config *k, const char *name,
                            int layers, ev_error *err) {
    assert(layers >= 1 && layers <= EV_PREDICTOR_LAYERS_MAX);
    char prefix[PREFIX_MAX];
    p->layers = layers;
    for (int i = 0; i < layers; i++) {
        snprintf(prefix, sizeof prefix, "am.%s_predictor.conv.%d.", name, i);
        TRY(load_conv(&p->conv[i], c, prefix, "0", k->width, k->width, k->predictor_kernel, err));
        TRY(load_norm(&p->norm[i], c, prefix, "2", k->width, err));
    }
    snprintf(prefix, sizeof prefix, "am.%s_predictor.", name);
    return load_conv(&p->linear, c, prefix, "linear", 1, k->width, 1, err);
}

ev_status ev_conditioned_load(ev_conditioned *l, const ev_container *c, int width, int inputs, ev_error *err) {
    assert(width > 0 && inputs > 0);
    const size_t w = (size_t)width, rest = (size_t)inputs;
    float *weight = NULL;
    l->width = width;
    l->inputs = inputs;
    TRY(ev_weights_dense(&weight, &l->bias, c, "am.embed_projection1", width, width + inputs, 1, width, err));
    float *head = malloc(w * w * sizeof *head);
    l->rest = malloc(w * rest * sizeof *l->rest);
    ev_status s = EV_E_MEMORY;
    if (head && l->rest) {
        for (size_t o = 0; o < w; o++) {
            const float *row = weight + o * (w + rest);
            memcpy(head + o * w, row, w * sizeof *head);
            memcpy(l->rest + o * rest, row + w, rest * sizeof *head);
        }
        s = ev_conv_pack(&l->conv, head, NULL, width, width, 1, err);
    } else {
        ev_fail(err, s, "out of memory for weights");
    }
    free(head);
    free(weight);
    return s;
}

void ev_conditioned_free(ev_conditioned *l) {
    ev_conv_free(&l->conv);
    free(l->rest);
    free(l->bias);
    *l = (ev_conditioned){0};
}

/* PE[t, 2i] = sin(t exp(-2i ln(1e4) / width)), PE[t, 2i+1] = cos of the same. */
ev_status ev_positions_make(ev_positions *out, size_t count, int width, ev_error *err) {
    assert(count > 0 && width > 0 && width % 2 == 0); /* sines and cosines in turns */
    const size_t w = (size_t)width;
    out->rows = ev_aligned_alloc(count * w * sizeof *out->rows);
    if (!out->rows) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    out->count = count;
    for (size_t i = 0; i < w; i += 2) {
        const float rate = (float)exp((double)i * (-log(10000.0) / (double)w));
        for (size_t t = 0; t < count; t++) {
            out->rows[t * w + i] = sinf((float)t * rate);
            out->rows[t * w + i + 1] = cosf((float)t * rate);
        }
    }
    return EV_OK;
}

void ev_positions_free(ev_positions *p) {
    free(p->rows);
    *p = (ev_positions){0};
}

void ev_stack_free(ev_stack *s) {
    for (int i = 0; i < s->layers && s->blocks; i++) {
        ev_block *b = &s->blocks[i];
        ev_conv *const convs[] = {&b->q, &b->k, &b->v, &b->out, &b->w1, &b->w2};
        for (size_t j = 0; j < EV_ARRAY_COUNT(convs); j++) ev_conv_free(convs[j]);
        ev_norm_free(&b->norm1);
        ev_norm_free(&b->norm2);
    }
    free(s->blocks);
    ev_norm_free(&s->after);
}

void ev_predictor_free(ev_predictor *p) {
    for (int i = 0; i < p->layers; i++) {
        ev_conv_free(&p->conv[i]);
        ev_norm_free(&p->norm[i]);
    }
    ev_conv_free(&p->linear);
}

/* ---- to a device ---- */

void ev_stack_upload(const ev_stack *s, int width, ev_queue *q) {
    for (int i = 0; i < s->layers; i++) {
        const ev_block *b = &s->blocks[i];
        const ev_conv *const convs[] = {&b->q, &b->k, &b->v, &b->out, &b->w1, &b->w2};
        for (size_t j = 0; j < EV_ARRAY_COUNT(convs); j++) ev_conv_upload(convs[j], q);
        ev_norm_upload(&b->norm1, width, q);
        ev_norm_upload(&b->norm2, width, q);
    }
    ev_norm_upload(&s->after, width, q);
}

void ev_predictor_upload(const ev_predictor *p, int width, ev_queue *q) {
    for (int i = 0; i < p->layers; i++) {
        ev_conv_upload(&p->conv[i], q);
        ev_norm_upload(&p->norm[i], width, q);
    }
    ev_conv_upload(&p->linear, q);
}

void ev_positions_upload(const ev_positions *p, int width, ev_queue *q) {
    ev_enqueue_upload(q, EV_WEIGHTS_FLOATS, p->rows, p->count * (size_t)width);
}
