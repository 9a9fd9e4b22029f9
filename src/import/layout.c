/* layout: which tensors a published checkpoint has. Sizes are read from a few of its tensors; then every one is
 * named, looked for and measured, and what is left over is reported. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/try.h"
#include "import/import.h"

enum { STAGES_MAX = 6, KINDS_MAX = 4, LAYERS_MAX = 48 };

typedef struct builder {
    ev_layout *layout;
    const ev_checkpoint *c;
    bool failed;           /* out of memory */
    ev_buf missing, wrong; /* names, as a message lists them */
    size_t missing_count, wrong_count;
    bool used[20001];
} builder;

/* ---- naming ---- */

static void list(ev_buf *names, size_t *count, const char *name) {
    if ((*count)++ < 3) ev_buf_printf(names, "%s%s", names->size ? ", " : "", name);
}

static bool same_shape(const ev_pickle_tensor *t, int dims, const int64_t *shape) {
    if (t->dims != dims) return false;
    for (int i = 0; i < dims; i++) {
        if (t->shape[i] != shape[i]) return false;
    }
    return true;
}

/* A tensor of the checkpoint with this name and shape, or SIZE_MAX and a note of what is wrong. */
static size_t find_tensor(builder *b, const char *name, int dims, const int64_t *shape) {
    const size_t i = ev_checkpoint_find(b->c, name);
    if (i == SIZE_MAX) {
        list(&b->missing, &b->missing_count, name);
        return i;
    }
    assert(i < EV_ARRAY_COUNT(b->used));
    b->used[i] = true;
    if (same_shape(ev_checkpoint_tensor(b->c, i), dims, shape)) return i;
    list(&b->wrong, &b->wrong_count, name);
    return SIZE_MAX;
}

static void add_wanted(builder *b, const char *name, int dims, const int64_t *shape, size_t source, size_t gain) {
    assert(dims >= 0 && dims <= EV_PICKLE_DIMS_MAX && strlen(name) < EV_LAYOUT_NAME_MAX);
    ev_wanted *w = ev_array_push(&b->layout->wanted, ev_wanted);
    if (!w) {
        b->failed = true;
        return;
    }
    snprintf(w->name, sizeof w->name, "%s", name);
    w->dims = dims;
    memcpy(w->shape, shape, (size_t)dims * sizeof *shape);
    w->source = source;
    w->gain = gain;
}

static void want_tensor(builder *b, const char *prefix, const char *rest, int dims, const int64_t *shape) {
    char name[EV_LAYOUT_NAME_MAX];
    snprintf(name, sizeof name, "%s%s", prefix, rest);
    add_wanted(b, name, dims, shape, find_tensor(b, name, dims, shape), SIZE_MAX);
}

/* <prefix><rest>.weight of the shape and .bias of its first axis. */
static void want_layer(builder *b, const char *prefix, const char *rest, int dims, const int64_t *shape) {
    char name[EV_LAYOUT_NAME_MAX];
    snprintf(name, sizeof name, "%s.weight", rest);
    want_tensor(b, prefix, name, dims, shape);
    snprintf(name, sizeof name, "%s.bias", rest);
    want_tensor(b, prefix, name, 1, shape);
}

/* A convolution under weight norm, by either of PyTorch's two pairs of names; or one without. */
static void want_conv(builder *b, const char *prefix, const int64_t shape[3], int64_t bias) {
    char g[EV_LAYOUT_NAME_MAX], v[EV_LAYOUT_NAME_MAX], name[EV_LAYOUT_NAME_MAX];
    snprintf(name, sizeof name, "%s.weight", prefix);
    snprintf(g, sizeof g, "%s.parametrizations.weight.original0", prefix);
    snprintf(v, sizeof v, "%s.parametrizations.weight.original1", prefix);
    if (ev_checkpoint_find(b->c, v) == SIZE_MAX) {
        snprintf(g, sizeof g, "%s.weight_g", prefix);
        snprintf(v, sizeof v, "%s.weight_v", prefix);
    }
    if (ev_checkpoint_find(b->c, v) == SIZE_MAX && ev_checkpoint_find(b->c, name) != SIZE_MAX) {
        add_wanted(b, name, 3, shape, find_tensor(b, name, 3, shape), SIZE_MAX);
    } else {
        const size_t gain = find_tensor(b, g, 3, (int64_t[]){shape[0], 1, 1});
        add_wanted(b, name, 3, shape, find_tensor(b, v, 3, shape), gain);
    }
    want_tensor(b, prefix, ".bias", 1, &bias);
}

static const ev_pickle_tensor *tensor(const ev_checkpoint *c, const char *name) {
    const size_t i = ev_checkpoint_find(c, name);
    return i == SIZE_MAX ? NULL : ev_checkpoint_tensor(c, i);
}

/* A size of a tensor, 1..high. */
static ev_status size_of(const ev_checkpoint *c, const char *name, int dims, int axis, int64_t high, int64_t *out,
                         ev_error *err) {
    assert(axis >= 0 && axis < dims);
    const ev_pickle_tensor *t = tensor(c, name);
    if (!t) return ev_fail(err, EV_E_FORMAT, "checkpoint has no tensor %s; is it one of EmotiVoice?", name);
    if (t->dims != dims || t->shape[axis] < 1 || t->shape[axis] > high) {
        return ev_fail(err, EV_E_FORMAT, "tensor %s has a shape that no EmotiVoice checkpoint has", name);
    }
    *out = t->shape[axis];
    return EV_OK;
}

/* How many of a numbered name there are, from 0 on. */
static int count_of(const ev_checkpoint *c, const char *format, int most) {
    char name[EV_LAYOUT_NAME_MAX];
    int n = 0;
    for (; n < most; n++) {
        snprintf(name, sizeof name, format, n);
        if (ev_checkpoint_find(c, name) == SIZE_MAX) break;
    }
    return n;
}

static ev_status check_complete(builder *b, const char *const *known, size_t known_count, const char *what,
                                ev_error *err) {
    ev_buf extra = {0};
    size_t extra_count = 0;
    for (size_t i = 0; i < ev_checkpoint_count(b->c); i++) {
        const char *name = ev_checkpoint_name(b->c, i);
        bool expected = b->used[i];
        for (size_t k = 0; k < known_count && !expected; k++)
            expected = strncmp(name, known[k], strlen(known[k])) == 0;
        if (!expected) list(&extra, &extra_count, name);
    }
    b->layout->surplus = extra_count;
    ev_status s = EV_OK;
    const ev_buf *const faults[] = {&b->missing, &b->wrong, &extra};
    const size_t counts[] = {b->missing_count, b->wrong_count, extra_count};
    static const char *const says[] = {"lacks", "has in another shape", "has, beyond what is known,"};
    for (size_t i = 0; i < 3 && s == EV_OK; i++) {
        if (!counts[i]) continue;
        s = ev_fail(err, EV_E_FORMAT, "the %s %s %zu tensor%s: %.150s%s", what, says[i], counts[i],
                    counts[i] > 1 ? "s" : "", faults[i]->data ? (const char *)faults[i]->data : "",
                    counts[i] > 3 ? ", ..." : "");
    }
    if (s == EV_OK && b->failed) s = ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_buf_free(&extra);
    ev_buf_free(&b->missing);
    ev_buf_free(&b->wrong);
    return s;
}

/* ---- generator ---- */

typedef struct sizes {
    int64_t width, tokens, speakers, ffn, kernel1, kernel2, mels, inputs, predictor, variance, channels, pre, post;
    int encoder, decoder, predictors[3], stages, kinds;
    int64_t up[STAGES_MAX], res[KINDS_MAX];
} sizes;

static const char *const predictors[3] = {"duration", "pitch", "energy"};

static ev_status read_sizes(sizes *z, const ev_checkpoint *c, ev_error *err) {
    TRY(size_of(c, "am.src_word_emb.weight", 2, 0, 100000, &z->tokens, err));
    TRY(size_of(c, "am.src_word_emb.weight", 2, 1, 2048, &z->width, err));
    TRY(size_of(c, "am.spk_tokenizer.weight", 2, 0, 10000, &z->speakers, err));
    TRY(size_of(c, "am.encoder.encoders.0.feed_forward.w_1.weight", 3, 0, 8192, &z->ffn, err));
    TRY(size_of(c, "am.encoder.encoders.0.feed_forward.w_1.weight", 3, 2, 31, &z->kernel1, err));
    TRY(size_of(c, "am.encoder.encoders.0.feed_forward.w_2.weight", 3, 2, 31, &z->kernel2, err));
    TRY(size_of(c, "am.to_mel.weight", 2, 0, 512, &z->mels, err));
    TRY(size_of(c, "am.embed_projection1.weight", 2, 1, 16384, &z->inputs, err));
    TRY(size_of(c, "am.duration_predictor.conv.0.0.weight", 3, 2, 31, &z->predictor, err));
    TRY(size_of(c, "am.pitch_embed.0.weight", 3, 2, 31, &z->variance, err));
    TRY(size_of(c, "generator.conv_pre.bias", 1, 0, 2048, &z->channels, err));
    z->encoder = count_of(c, "am.encoder.encoders.%d.norm1.weight", 32);
    z->decoder = count_of(c, "am.decoder.encoders.%d.norm1.weight", 32);
    z->predictors[0] = count_of(c, "am.duration_predictor.conv.%d.0.weight", 8);
    z->predictors[1] = count_of(c, "am.pitch_predictor.conv.%d.0.weight", 8);
    z->predictors[2] = count_of(c, "am.energy_predictor.conv.%d.0.weight", 8);
    z->stages = count_of(c, "generator.ups.%d.bias", STAGES_MAX);
    const int blocks = count_of(c, "generator.resblocks.%d.convs1.0.bias", STAGES_MAX * KINDS_MAX);
    if (!z->stages || blocks % z->stages || blocks / z->stages < 1 || blocks / z->stages > KINDS_MAX) {
        return ev_fail(err, EV_E_FORMAT,
                       "the generator has %d upsampling layers and %d residual blocks; not HiFi-GAN's", z->stages,
                       blocks);
    }
    z->kinds = blocks / z->stages;
    return EV_OK;
}

/* The taps of a convolution, whatever its weight is called. */
static ev_status taps_of(const ev_checkpoint *c, const char *prefix, int64_t *out, ev_error *err) {
    static const char *const names[] = {"weight_v", "parametrizations.weight.original1", "weight"};
    char name[EV_LAYOUT_NAME_MAX];
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++) {
        snprintf(name, sizeof name, "%s.%s", prefix, names[i]);
        if (tensor(c, name)) return size_of(c, name, 3, 2, 64, out, err);
    }
    return ev_fail(err, EV_E_FORMAT, "checkpoint has no tensor %s.weight_v", prefix);
}

static ev_status read_kernels(sizes *z, const ev_checkpoint *c, ev_error *err) {
    char name[64];
    TRY(taps_of(c, "generator.conv_pre", &z->pre, err));
    TRY(taps_of(c, "generator.conv_post", &z->post, err));
    for (int i = 0; i < z->stages; i++) {
        snprintf(name, sizeof name, "generator.ups.%d", i);
        TRY(taps_of(c, name, &z->up[i], err));
    }
    for (int i = 0; i < z->kinds; i++) {
        snprintf(name, sizeof name, "generator.resblocks.%d.convs1.0", i);
        TRY(taps_of(c, name, &z->res[i], err));
    }
    return EV_OK;
}

static void want_stack(builder *b, const sizes *z, const char *name, int layers) {
    char prefix[64];
    const int64_t w = z->width, square[] = {w, w};
    snprintf(prefix, sizeof prefix, "am.%s.", name);
    want_tensor(b, prefix, "embed.0.alpha", 0, square);
    want_layer(b, prefix, "after_norm", 1, square);
    for (int i = 0; i < layers; i++) {
        snprintf(prefix, sizeof prefix, "am.%s.encoders.%d.", name, i);
        want_layer(b, prefix, "self_attn.linear_q", 2, square);
        want_layer(b, prefix, "self_attn.linear_k", 2, square);
        want_layer(b, prefix, "self_attn.linear_v", 2, square);
        want_layer(b, prefix, "self_attn.linear_out", 2, square);
        want_layer(b, prefix, "feed_forward.w_1", 3, (int64_t[]){z->ffn, w, z->kernel1});
        want_layer(b, prefix, "feed_forward.w_2", 3, (int64_t[]){w, z->ffn, z->kernel2});
        want_layer(b, prefix, "norm1", 1, square);
        want_layer(b, prefix, "norm2", 1, square);
    }
}

static void want_acoustic(builder *b, const sizes *z) {
    char prefix[64];
    const int64_t w = z->width;
    want_stack(b, z, "encoder", z->encoder);
    want_stack(b, z, "decoder", z->decoder);
    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < z->predictors[p]; i++) {
            snprintf(prefix, sizeof prefix, "am.%s_predictor.conv.%d.", predictors[p], i);
            want_layer(b, prefix, "0", 3, (int64_t[]){w, w, z->predictor});
            want_layer(b, prefix, "2", 1, &w);
        }
        snprintf(prefix, sizeof prefix, "am.%s_predictor.", predictors[p]);
        want_layer(b, prefix, "linear", 2, (int64_t[]){1, w});
    }
    want_layer(b, "am.", "pitch_embed.0", 3, (int64_t[]){w, 1, z->variance});
    want_layer(b, "am.", "energy_embed.0", 3, (int64_t[]){w, 1, z->variance});
    want_layer(b, "am.", "to_mel", 2, (int64_t[]){z->mels, w});
    want_tensor(b, "am.", "src_word_emb.weight", 2, (int64_t[]){z->tokens, w});
    want_tensor(b, "am.", "spk_tokenizer.weight", 2, (int64_t[]){z->speakers, w});
    want_layer(b, "am.", "embed_projection1", 2, (int64_t[]){w, z->inputs});
}

static void want_vocoder(builder *b, const sizes *z) {
    assert(z->stages >= 1 && z->kinds >= 1 && z->channels >= 1);
    char prefix[64];
    int64_t ch = z->channels;
    want_conv(b, "generator.conv_pre", (int64_t[]){ch, z->mels, z->pre}, ch);
    for (int i = 0; i < z->stages; i++) {
        snprintf(prefix, sizeof prefix, "generator.ups.%d", i);
        want_conv(b, prefix, (int64_t[]){ch, ch / 2, z->up[i]}, ch / 2);
        ch /= 2;
        for (int j = 0; j < z->kinds * 6; j++) {
            snprintf(prefix, sizeof prefix, "generator.resblocks.%d.convs%d.%d", i * z->kinds + j / 6, 1 + j % 6 / 3,
                     j % 3);
            want_conv(b, prefix, (int64_t[]){ch, ch, z->res[j / 6]}, ch);
        }
    }
    want_conv(b, "generator.conv_post", (int64_t[]){1, ch, z->post}, 1);
}

static void set_int(json_t *o, const char *key, int64_t value) { json_object_set_new(o, key, json_integer(value)); }

static void set_ints(json_t *o, const char *key, const int64_t *values, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(array, json_integer(values[i]));
    json_object_set_new(o, key, array);
}

static void describe_acoustic(const sizes *z, const ev_import_heads *h, json_t *o) {
    json_object_set_new(o, "family", json_string("prompttts"));
    set_int(o, "tokens", z->tokens);
    set_int(o, "width", z->width);
    set_int(o, "heads", h->encoder);
    set_int(o, "speaker", z->width);
    set_int(o, "encoder_layers", z->encoder);
    set_int(o, "decoder_layers", z->decoder);
    set_int(o, "ffn", z->ffn);
    set_ints(o, "ffn_kernels", (int64_t[]){z->kernel1, z->kernel2}, 2);
    set_int(o, "duration_layers", z->predictors[0]);
    set_int(o, "pitch_layers", z->predictors[1]);
    set_int(o, "energy_layers", z->predictors[2]);
    set_int(o, "predictor_kernel", z->predictor);
    set_int(o, "variance_kernel", z->variance);
    set_int(o, "mels", z->mels);
    /* what the project's code has and its files have not */
    json_object_set_new(o, "delta", json_real(0.1));
    json_object_set_new(o, "eps", json_real(1e-12));
    json_object_set_new(o, "pitch_mean", json_real(225.089));
    json_object_set_new(o, "pitch_std", json_real(53.78));
    json_object_set_new(o, "energy_mean", json_real(30.610));
    json_object_set_new(o, "energy_std", json_real(21.78));
}

static ev_status describe_vocoder(const sizes *z, const ev_import_heads *h, json_t *o, ev_error *err) {
    assert(z->stages >= 1 && z->stages <= STAGES_MAX && z->kinds >= 1 && z->kinds <= KINDS_MAX);
    int64_t rates[STAGES_MAX];
    if (h->rate_count && h->rate_count != z->stages) {
        return ev_fail(err, EV_E_FORMAT, "config.yaml has %d upsample_rates, the generator %d upsampling layers",
                       h->rate_count, z->stages);
    }
    for (int i = 0; i < z->stages; i++)
        rates[i] = h->rate_count ? h->rates[i] : z->up[i] / 2; /* V1 to V3 have them so */
    json_object_set_new(o, "family", json_string("hifigan"));
    set_int(o, "sample_rate", h->sample_rate);
    set_int(o, "mels", z->mels);
    set_int(o, "channels", z->channels);
    set_ints(o, "rates", rates, z->stages);
    set_ints(o, "kernels", z->up, z->stages);
    set_ints(o, "res_kernels", z->res, z->kinds);
    json_t *dilations = json_array();
    for (int i = 0; i < z->kinds; i++) json_array_append_new(dilations, json_pack("[i, i, i]", 1, 3, 5));
    json_object_set_new(o, "res_dilations", dilations);
    json_object_set_new(o, "resblock", json_string("1"));
    set_int(o, "pre_kernel", z->pre);
    set_int(o, "post_kernel", z->post);
    set_int(o, "harmonics", 0);
    json_object_set_new(o, "post_slope", json_real(0.01));
    return EV_OK;
}

ev_status ev_layout_generator(ev_layout *out, const ev_checkpoint *c, const ev_import_heads *heads, json_t *acoustic,
                              json_t *vocoder, ev_error *err) {
    static const char *const training[] = {"am.alignment_module."};
    builder b = {.layout = out, .c = c};
    sizes z = {0};
    *out = (ev_layout){0};
    TRY(read_sizes(&z, c, err));
    TRY(read_kernels(&z, c, err));
    want_acoustic(&b, &z);
    want_vocoder(&b, &z);
    TRY(check_complete(&b, training, EV_ARRAY_COUNT(training), "generator", err));
    describe_acoustic(&z, heads, acoustic);
    return describe_vocoder(&z, heads, vocoder, err);
}

/* ---- style encoder ---- */

static void want_bert_layer(builder *b, int i, int64_t d, int64_t hidden) {
    char prefix[64];
    const int64_t square[] = {d, d};
    snprintf(prefix, sizeof prefix, "bert.encoder.layer.%d.", i);
    want_layer(b, prefix, "attention.self.query", 2, square);
    want_layer(b, prefix, "attention.self.key", 2, square);
    want_layer(b, prefix, "attention.self.value", 2, square);
    want_layer(b, prefix, "attention.output.dense", 2, square);
    want_layer(b, prefix, "attention.output.LayerNorm", 1, square);
    want_layer(b, prefix, "intermediate.dense", 2, (int64_t[]){hidden, d});
    want_layer(b, prefix, "output.dense", 2, (int64_t[]){d, hidden});
    want_layer(b, prefix, "output.LayerNorm", 1, square);
}

ev_status ev_layout_style(ev_layout *out, const ev_checkpoint *c, int heads, size_t vocabulary, json_t *config,
                          ev_error *err) {
    static const char words[] = "bert.embeddings.word_embeddings.weight",
                      places[] = "bert.embeddings.position_embeddings.weight";
    static const char *const training[] = {"pitch_clf.",   "speed_clf.",        "energy_clf.",
                                           "emotion_clf.", "style_embed_proj.", "bert.embeddings.position_ids"};
    builder b = {.layout = out, .c = c};
    int64_t d = 0, positions = 0, hidden = 0, pieces = 0;
    *out = (ev_layout){0};
    TRY(size_of(c, words, 2, 0, 1000000, &pieces, err));
    TRY(size_of(c, words, 2, 1, 2048, &d, err));
    TRY(size_of(c, places, 2, 0, 4096, &positions, err));
    TRY(size_of(c, "bert.encoder.layer.0.intermediate.dense.weight", 2, 0, 8192, &hidden, err));
    if ((size_t)pieces != vocabulary) {
        return ev_fail(err, EV_E_FORMAT, "the style encoder has %lld pieces, its vocab.txt %zu lines",
                       (long long)pieces, vocabulary);
    }
    const int layers = count_of(c, "bert.encoder.layer.%d.output.dense.weight", LAYERS_MAX);
    want_tensor(&b, "", words, 2, (int64_t[]){pieces, d});
    want_tensor(&b, "", places, 2, (int64_t[]){positions, d});
    want_tensor(&b, "", "bert.embeddings.token_type_embeddings.weight", 2, (int64_t[]){2, d});
    want_layer(&b, "", "bert.embeddings.LayerNorm", 1, &d);
    for (int i = 0; i < layers; i++) want_bert_layer(&b, i, d, hidden);
    want_layer(&b, "", "bert.pooler.dense", 2, (int64_t[]){d, d});
    TRY(check_complete(&b, training, EV_ARRAY_COUNT(training), "style encoder", err));
    set_int(config, "layers", layers);
    set_int(config, "heads", heads ? heads : d >= 64 ? d / 64 : 1);
    set_int(config, "width", d);
    set_int(config, "hidden", hidden);
    set_int(config, "positions", positions);
    set_int(config, "vocabulary", pieces);
    return EV_OK;
}

void ev_layout_free(ev_layout *l) { ev_buf_free(&l->wanted); }
