/* request: from what a caller asks for to something that can be run, or an error that says what to change. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "synth/synth.h"

void ev_request_init(ev_request *request) {
    *request = (ev_request){.emotion_degree = 1, .speed = 1, .pitch_scale = 1, .energy_scale = 1};
}

static ev_status check_number(const char *name, float value, float low, float high, ev_error *err) {
    if (value >= low && value <= high) return EV_OK; /* false for NaN too */
    return ev_fail(err, EV_E_ARGUMENT, "%s is %g; wanted %g..%g", name, (double)value, (double)low, (double)high);
}

static ev_status check_numbers(const ev_request *r, ev_error *err) {
    ev_status s = check_number("speed", r->speed, 0.25f, 4, err);
    if (s == EV_OK) s = check_number("pitch_scale", r->pitch_scale, 0.5f, 2, err);
    if (s == EV_OK) s = check_number("energy_scale", r->energy_scale, 0.25f, 4, err);
    if (s == EV_OK) s = check_number("emotion_degree", r->emotion_degree, 0, 1.5f, err);
    return s;
}

/* ---- emotion ---- */

static int emotion_index(const ev_model *model, const char *name, size_t bytes) {
    const size_t n = ev_model_emotion_count(model);
    for (size_t i = 0; i < n; i++) {
        const char *one = ev_model_emotion_name(model, i);
        if (strlen(one) == bytes && memcmp(one, name, bytes) == 0) return (int)i;
    }
    return -1;
}

/* One "label" or "label:weight" at text[0, bytes). */
static ev_status parse_part(const ev_model *model, const char *text, size_t bytes, float *weights, float *sum,
                            ev_error *err) {
    const char *colon = memchr(text, ':', bytes);
    const size_t label = colon ? (size_t)(colon - text) : bytes;
    double weight = 1;
    const int index = emotion_index(model, text, label);
    if (index < 0) {
        const json_t *list = json_object_get(json_object_get(model->config.json, "acoustic"), "emotions");
        return ev_model_unknown("emotion", text, label, list, err);
    }
    if (colon) {
        char number[16] = "", *end = NULL;
        const size_t digits = bytes - label - 1;
        if (digits > 0 && digits < sizeof number) {
            memcpy(number, colon + 1, digits);
            weight = strtod(number, &end);
        }
        if (!end || *end || end == number || !(weight >= 0 && weight <= 1)) {
            return ev_fail(err, EV_E_ARGUMENT, "emotion weight after \"%.*s:\" must be a number 0..1", (int)label,
                           text);
        }
    }
    weights[index] += (float)weight;
    *sum += (float)weight;
    return EV_OK;
}

ev_status ev_emotion_parse(const ev_model *model, const char *emotion, float degree, float *weights, ev_error *err) {
    memset(weights, 0, EV_EMOTIONS_MAX * sizeof *weights);
    float sum = 0;
    for (const char *at = emotion; at && *at;) {
        const size_t part = strcspn(at, ",");
        const ev_status s = parse_part(model, at, part, weights, &sum, err);
        if (s != EV_OK) return s;
        at += part;
        if (*at == ',') at++;
    }
    if (sum > 1.001f) {
        return ev_fail(err, EV_E_ARGUMENT, "emotion weights sum to %.2f; wanted at most 1", (double)sum);
    }
    /* The first emotion of a model is its neutral one; it takes what the others leave. */
    float others = 0;
    for (size_t i = 1; i < EV_EMOTIONS_MAX; i++) others += weights[i] *= degree;
    weights[0] = 1 - others;
    return EV_OK;
}

/* ---- text ---- */

/* A slow or drawn-out reading makes more frames per token, so its sentences are cut shorter. */
static size_t sentence_tokens(int32_t sentence_ms_max, float speed) {
    const double share = fmin(1.0, speed) * sentence_ms_max / 30000.0;
    const double tokens = fmin(EV_SENTENCE_TOKENS_MAX * share, EV_SENTENCE_TOKENS_MAX);
    return tokens < 24 ? 24 : (size_t)tokens;
}

/* What SSML asks of single words; where it asks nothing there is nothing. Speeds are the request's times the word's. */
static ev_status take_manners(ev_item *item, ev_error *err) {
    const size_t n = item->phones->phone_count;
    const ev_phone *p = item->phones->phones;
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= p[i].speed != 1 || p[i].pitch_scale != 1 || p[i].energy_scale != 1;
    if (!any) return EV_OK;
    item->manners = malloc(3 * n * sizeof *item->manners);
    if (!item->manners) return ev_fail(err, EV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        item->manners[i] = fminf(fmaxf(p[i].speed * item->request->speed, 0.25f), 4);
        item->manners[n + i] = p[i].pitch_scale;
        item->manners[2 * n + i] = p[i].energy_scale;
    }
    return EV_OK;
}

static ev_status take_tokens(ev_item *item, ev_error *err) {
    const size_t n = item->phones->phone_count, sentences = item->phones->sentence_count;
    const ev_vocoder_config *v = &item->model->config.vocoder;
    const long most = (long)ev_frames_of_ms(item->model, EV_PAUSE_MS_MAX);
    item->tokens = malloc(3 * n * sizeof *item->tokens);
    item->marks = calloc(n, sizeof *item->marks);
    item->rows_before = calloc(sentences + 1, sizeof *item->rows_before);
    if (!item->tokens || !item->marks || !item->rows_before) return ev_fail(err, EV_E_MEMORY, "out of memory");
    item->forced = item->tokens + n;
    item->durations = item->tokens + 2 * n;
    for (size_t i = 0; i < n; i++) {
        const ev_phone *p = &item->phones->phones[i];
        item->tokens[i] = p->token;
        item->forced[i] = -1;
        if (p->pause_ms > 0) {
            const long frames = (long)p->pause_ms * v->sample_rate / 1000 / v->hop;
            item->forced[i] = (int32_t)(frames < most ? frames : most);
        }
    }
    for (size_t i = 0; i < sentences; i++) {
        const ev_sentence *s = &item->phones->sentences[i];
        item->rows_before[i + 1] =
            item->rows_before[i] + ev_acoustic_rows(&item->model->acoustic, item->tokens + s->phone_begin,
                                                    item->forced + s->phone_begin, s->phone_end - s->phone_begin);
    }
    return EV_OK;
}

static ev_status take_condition(ev_item *item, const float *speaker, const float *emotion_weights, ev_error *err) {
    const ev_acoustic *m = &item->model->acoustic;
    const ev_manner manner = {.speaker = speaker, .emotion_weights = emotion_weights};
    item->condition = malloc((size_t)m->config.condition * sizeof *item->condition);
    if (!item->condition) return ev_fail(err, EV_E_MEMORY, "out of memory");
    return ev_acoustic_condition(m, &manner, item->condition, err);
}

static ev_status resolve_voice(ev_item *item, const float **speaker, ev_error *err) {
    const ev_voice *voice = item->request->voice;
    if (!voice) {
        const char *first = ev_model_voice_name(item->model, 0);
        const ev_status s = ev_voice_named(&item->own_voice, item->model, first, err);
        if (s != EV_OK) return s;
        voice = item->own_voice;
    }
    if (voice->encoder_id != item->model->encoder_id) {
        return ev_fail(err, EV_E_ARGUMENT, "the voice was made with another model; make it again from its reference");
    }
    *speaker = voice->vector;
    item->median_hz = voice->pitch;
    return EV_OK;
}

static ev_status prepare(ev_item *item, int32_t sentence_ms_max, ev_error *err) {
    const ev_request *r = item->request;
    if (!r || !r->text) return ev_fail(err, EV_E_ARGUMENT, "request has no text");
    float emotion_weights[EV_EMOTIONS_MAX];
    const float *speaker = NULL;
    ev_status s = check_numbers(r, err);
    if (s == EV_OK) s = ev_emotion_parse(item->model, r->emotion, r->emotion_degree, emotion_weights, err);
    if (s == EV_OK) s = resolve_voice(item, &speaker, err);
    if (s == EV_OK) {
        const ev_text_options options = ev_request_text(r);
        s = ev_text_phones(&item->phones, item->model->text, r->text, r->text_bytes, &options,
                           sentence_tokens(sentence_ms_max, r->speed), err);
    }
    if (s == EV_OK) s = take_tokens(item, err);
    if (s == EV_OK) s = take_manners(item, err);
    if (s == EV_OK) s = take_condition(item, speaker, emotion_weights, err);
    return s;
}

void ev_item_prepare(ev_item *item, ev_model *model, int32_t sentence_ms_max, const ev_request *request) {
    ev_error error = {0};
    *item = (ev_item){.model = model, .request = request};
    const ev_status s = prepare(item, sentence_ms_max, &error);
    if (s != EV_OK) ev_item_fail(item, s, &error);
}

void ev_item_fail(ev_item *item, ev_status status, const ev_error *err) {
    if (item->status != EV_OK) return;
    item->status = status;
    item->error = *err;
}

void ev_item_free(ev_item *item) {
    while (item->head) {
        ev_decoded *next = item->head->next;
        free(item->head);
        item->head = next;
    }
    ev_phones_free(&item->phones);
    ev_voice_free(&item->own_voice);
    free(item->tokens);
    free(item->manners);
    free(item->condition);
    free(item->rows_before);
    free(item->samples);
    free(item->marks);
    *item = (ev_item){0};
}
