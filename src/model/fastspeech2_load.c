/* fastspeech2_load: binds the weights by their published names (prefix "am."). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config_read.h"
#include "model/fastspeech2.h"

ev_status ev_fastspeech2_config_read(ev_acoustic_config *a, const json_t *o, ev_error *err) {
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
    TRY(ev_config_int(o, "emotion", 1, 4096, &a->emotion, err));
    TRY(ev_config_number(o, "delta", 1e-4, 100, &a->delta, err));
    TRY(ev_config_number(o, "eps", 1e-12, 1e-2, &a->eps, err));
    TRY(ev_config_number(o, "pitch_scale", 1e-3, 100, &a->pitch_scale, err));
    TRY(ev_config_number(o, "pitch_centre", -20, 20, &a->pitch_centre, err));
    TRY(ev_config_number(o, "energy_std", 1e-3, 1e3, &a->energy_std, err));
    TRY(ev_config_odd("ffn_kernels", a->ffn_kernels[0] & a->ffn_kernels[1], err));
    TRY(ev_config_odd("predictor_kernel", a->predictor_kernel, err));
    TRY(ev_config_odd("variance_kernel", a->variance_kernel, err));
    a->condition = a->speaker + a->emotion_count;
    return ev_config_heads("width", a->width, a->heads, err);
}

enum { PREFIX_MAX = 96 };

static ev_status load_conv(ev_conv *out, const ev_container *c, const char *prefix, const char *name, int co, int ci,
                           int taps, ev_error *err) {
    char full[PREFIX_MAX * 2];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return ev_weights_conv(out, c, full, co, ci, taps, err);
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

static ev_status load_stack(ev_stack *s, const ev_container *c, const ev_acoustic_config *k, const char *name,
                            int layers, ev_error *err) {
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

static ev_status load_predictor(ev_predictor *p, const ev_container *c, const ev_acoustic_config *k, const char *name,
                                int layers, ev_error *err) {
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

/* embed_projection1 [width][width + speaker + emotion]: its first columns see x, the others become a bias. */
static ev_status load_projection(ev_fastspeech2 *m, const ev_container *c, ev_error *err) {
    const int w = m->config.width, rest = m->config.speaker + m->config.emotion;
    float *weight = NULL;
    TRY(ev_weights_dense(&weight, &m->project_bias, c, "am.embed_projection1", w, w + rest, 1, w, err));
    float *head = malloc((size_t)w * (size_t)w * sizeof *head);
    m->project_condition = malloc((size_t)w * (size_t)rest * sizeof(float));
    ev_status s = EV_E_MEMORY;
    if (head && m->project_condition) {
        for (size_t o = 0; o < (size_t)w; o++) {
            const float *row = weight + o * (size_t)(w + rest);
            memcpy(head + o * (size_t)w, row, (size_t)w * sizeof(float));
            memcpy(m->project_condition + o * (size_t)rest, row + w, (size_t)rest * sizeof(float));
        }
        s = ev_conv_pack(&m->project, head, NULL, w, w, 1, err);
    } else {
        ev_fail(err, s, "out of memory for weights");
    }
    free(head);
    free(weight);
    return s;
}

/* PE[t, 2i] = sin(t exp(-2i ln(1e4) / width)), PE[t, 2i+1] = cos of the same (Vaswani et al. 2017). */
static ev_status make_positions(ev_fastspeech2 *m, size_t count, ev_error *err) {
    const size_t w = (size_t)m->config.width;
    m->positions = ev_aligned_alloc(count * w * sizeof(float));
    if (!m->positions) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    m->positions_max = count;
    for (size_t i = 0; i < w; i += 2) {
        const float rate = (float)exp((double)i * (-log(10000.0) / (double)w));
        for (size_t t = 0; t < count; t++) {
            m->positions[t * w + i] = sinf((float)t * rate);
            m->positions[t * w + i + 1] = cosf((float)t * rate);
        }
    }
    return EV_OK;
}

static ev_status load_all(ev_fastspeech2 *m, const ev_container *c, ev_error *err) {
    const ev_acoustic_config *k = &m->config;
    const int w = k->width;
    TRY(ev_weights_array(&m->token_embedding, c, "am.src_word_emb.weight", 2, (int64_t[]){k->tokens, w}, err));
    TRY(ev_weights_array(&m->emotion_embedding, c, "am.emotion_emb.weight", 2, (int64_t[]){k->emotion_count, k->emotion},
                         err));
    TRY(load_stack(&m->encoder, c, k, "encoder", k->encoder_layers, err));
    TRY(load_stack(&m->decoder, c, k, "decoder", k->decoder_layers, err));
    TRY(load_projection(m, c, err));
    TRY(load_predictor(&m->duration, c, k, "duration", k->duration_layers, err));
    TRY(load_predictor(&m->pitch, c, k, "pitch", k->pitch_layers, err));
    TRY(load_predictor(&m->energy, c, k, "energy", k->energy_layers, err));
    TRY(ev_weights_conv(&m->pitch_embed, c, "am.pitch_embed.0", w, 1, k->variance_kernel, err));
    TRY(ev_weights_conv(&m->energy_embed, c, "am.energy_embed.0", w, 1, k->variance_kernel, err));
    TRY(ev_weights_conv(&m->to_mel, c, "am.to_mel", k->channels, w, 1, err));
    return ev_weights_conv(&m->to_f0, c, "am.to_f0", 2, w, 1, err);
}

ev_status ev_fastspeech2_load(void **out, const ev_container *c, const ev_acoustic_config *config,
                              size_t positions_max, ev_error *err) {
    *out = NULL;
    ev_fastspeech2 *m = calloc(1, sizeof *m);
    if (!m) return ev_fail(err, EV_E_MEMORY, "out of memory for weights");
    m->config = *config;
    ev_status s = load_all(m, c, err);
    if (s == EV_OK) s = make_positions(m, positions_max, err);
    if (s == EV_OK)
        *out = m;
    else
        ev_fastspeech2_free(m);
    return s;
}

static void stack_free(ev_stack *s) {
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

static void predictor_free(ev_predictor *p) {
    for (int i = 0; i < p->layers; i++) {
        ev_conv_free(&p->conv[i]);
        ev_norm_free(&p->norm[i]);
    }
    ev_conv_free(&p->linear);
}

void ev_fastspeech2_free(void *model) {
    ev_fastspeech2 *m = model;
    if (!m) return;
    ev_conv *const convs[] = {&m->project, &m->pitch_embed, &m->energy_embed, &m->to_mel, &m->to_f0};
    float *const arrays[] = {m->token_embedding, m->emotion_embedding, m->project_condition, m->project_bias,
                             m->positions};
    stack_free(&m->encoder);
    stack_free(&m->decoder);
    predictor_free(&m->duration);
    predictor_free(&m->pitch);
    predictor_free(&m->energy);
    for (size_t i = 0; i < EV_ARRAY_COUNT(convs); i++) ev_conv_free(convs[i]);
    for (size_t i = 0; i < EV_ARRAY_COUNT(arrays); i++) free(arrays[i]);
    free(m);
}
