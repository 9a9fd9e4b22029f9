/* speaker_load: binds the speaker encoder's weights by SpeechBrain's names (prefix "speaker."). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/try.h"
#include "model/speaker.h"

enum { NAME_MAX_BYTES = 128 };

static ev_status load_tdnn(ev_tdnn *t, const ev_container *c, const char *prefix, int co, int ci, int taps,
                           int dilation, ev_error *err) {
    assert(co > 0 && ci > 0 && taps % 2 == 1 && dilation >= 1);
    char name[2 * NAME_MAX_BYTES];
    t->dilation = dilation;
    snprintf(name, sizeof name, "%s.conv.conv", prefix);
    TRY(ev_weights_conv(&t->conv, c, name, co, ci, taps, err));
    snprintf(name, sizeof name, "%s.norm.norm", prefix);
    return ev_weights_batch_norm(&t->norm, c, name, co, err);
}

static ev_status load_block(ev_se_block *b, const ev_container *c, const ev_speaker_config *k, int i, ev_error *err) {
    assert(i >= 1 && i < k->blocks && k->channels[i] % k->res2net_scale == 0);
    char name[NAME_MAX_BYTES];
    const int ch = k->channels[i], width = ch / k->res2net_scale;
    snprintf(name, sizeof name, "speaker.blocks.%d.tdnn1", i);
    TRY(load_tdnn(&b->tdnn1, c, name, ch, ch, 1, 1, err));
    snprintf(name, sizeof name, "speaker.blocks.%d.tdnn2", i);
    TRY(load_tdnn(&b->tdnn2, c, name, ch, ch, 1, 1, err));
    for (int j = 0; j < k->res2net_scale - 1; j++) {
        snprintf(name, sizeof name, "speaker.blocks.%d.res2net_block.blocks.%d", i, j);
        TRY(load_tdnn(&b->res2net[j], c, name, width, width, k->kernels[i], k->dilations[i], err));
    }
    snprintf(name, sizeof name, "speaker.blocks.%d.se_block.conv1.conv", i);
    TRY(ev_weights_dense(&b->squeeze_weight, &b->squeeze_bias, c, name, k->squeeze, ch, 1, k->squeeze, err));
    snprintf(name, sizeof name, "speaker.blocks.%d.se_block.conv2.conv", i);
    return ev_weights_dense(&b->excite_weight, &b->excite_bias, c, name, ch, k->squeeze, 1, ch, err);
}

/* asp.tdnn sees [x, mean, deviation]: its first columns stay a convolution, the rest becomes a bias. */
static ev_status load_attention(ev_speaker *s, const ev_container *c, int channels, ev_error *err) {
    const size_t a = (size_t)s->config.attention, m = (size_t)channels;
    float *weight = NULL;
    TRY(ev_weights_dense(&weight, &s->attention_bias, c, "speaker.asp.tdnn.conv.conv", (int)a, 3 * channels, 1,
                         (int)a, err));
    float *head = malloc(a * m * sizeof *head);
    s->attention_context = malloc(a * 2 * m * sizeof(float));
    ev_status status = EV_E_MEMORY;
    if (head && s->attention_context) {
        for (size_t i = 0; i < a; i++) {
            memcpy(head + i * m, weight + i * 3 * m, m * sizeof *head);
            memcpy(s->attention_context + i * 2 * m, weight + i * 3 * m + m, 2 * m * sizeof *head);
        }
        status = ev_conv_pack(&s->attention.conv, head, NULL, (int)a, channels, 1, err);
    } else {
        ev_fail(err, status, "out of memory for weights");
    }
    free(head);
    free(weight);
    TRY(status);
    s->attention.dilation = 1;
    TRY(ev_weights_batch_norm(&s->attention.norm, c, "speaker.asp.tdnn.norm.norm", (int)a, err));
    return ev_weights_conv(&s->attention_out, c, "speaker.asp.conv.conv", channels, (int)a, 1, err);
}

static ev_status load_all(ev_speaker *s, const ev_container *c, ev_error *err) {
    const ev_speaker_config *k = &s->config;
    const int ch = k->channels[0], last = k->channels[k->blocks];
    TRY(load_tdnn(&s->first, c, "speaker.blocks.0", ch, k->bins, k->kernels[0], k->dilations[0], err));
    for (int i = 1; i < k->blocks; i++) TRY(load_block(&s->blocks[i], c, k, i, err));
    TRY(load_tdnn(&s->mfa, c, "speaker.mfa", last, ch * (k->blocks - 1), k->kernels[k->blocks],
                  k->dilations[k->blocks], err));
    TRY(load_attention(s, c, last, err));
    TRY(ev_weights_batch_norm(&s->pool_norm, c, "speaker.asp_bn.norm", 2 * last, err));
    return ev_weights_dense(&s->fc_weight, &s->fc_bias, c, "speaker.fc.conv", k->embedding, 2 * last, 1, k->embedding,
                            err);
}

ev_status ev_speaker_load(ev_speaker *out, const ev_container *c, const ev_speaker_config *config, ev_error *err) {
    *out = (ev_speaker){.config = *config};
    const ev_status s = load_all(out, c, err);
    if (s != EV_OK) ev_speaker_free(out);
    return s;
}

static void tdnn_free(ev_tdnn *t) {
    ev_conv_free(&t->conv);
    ev_norm_free(&t->norm);
}

void ev_speaker_free(ev_speaker *s) {
    tdnn_free(&s->first);
    tdnn_free(&s->mfa);
    tdnn_free(&s->attention);
    for (int i = 0; i < EV_ECAPA_BLOCKS_MAX; i++) {
        ev_se_block *b = &s->blocks[i];
        tdnn_free(&b->tdnn1);
        tdnn_free(&b->tdnn2);
        for (int j = 0; j < EV_RES2NET_MAX - 1; j++) tdnn_free(&b->res2net[j]);
        free(b->squeeze_weight);
        free(b->squeeze_bias);
        free(b->excite_weight);
        free(b->excite_bias);
    }
    ev_conv_free(&s->attention_out);
    ev_norm_free(&s->pool_norm);
    free(s->attention_context);
    free(s->attention_bias);
    free(s->fc_weight);
    free(s->fc_bias);
    *s = (ev_speaker){0};
}
