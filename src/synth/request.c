/* request: from what a caller asks for to something that can be run, or an error that says what to change. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/emotion_names.h"
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

static ev_status check_prompt(const ev_model *model, const ev_request *r, ev_error *err) {
    if (!r->prompt) return EV_OK;
    if (!ev_model_takes_prompts(model)) {
        return ev_fail(err, EV_E_ARGUMENT,
                       "this model takes an emotion, not a prompt in free words; models imported from the published "
                       "EmotiVoice checkpoints take one");
    }
    if (r->emotion && *r->emotion) return ev_fail(err, EV_E_ARGUMENT, "give emotion or prompt, not both");
    if (r->emotion_degree > 1) {
        return ev_fail(err, EV_E_ARGUMENT, "emotion_degree is %g; with a prompt wanted 0..1",
                       (double)r->emotion_degree);
    }
    return EV_OK;
}

/* ---- emotion ---- */

static const char *label_of(const void *model, size_t index) { return ev_model_emotion_name(model, index); }

/* One "label" or "label:weight" at text[0, bytes). */
static ev_status parse_part(const ev_model *model, const char *text, size_t bytes, float *weights, float *sum,
                            ev_error *err) {
    const char *colon = memchr(text, ':', bytes);
    const size_t label = colon ? (size_t)(colon - text) : bytes;
    double weight = 1;
    const int index = ev_emotion_find(text, label, ev_model_emotion_count(model), label_of, model);
    if (index < 0) {
        const json_t *list = json_object_get(json_object_get(model->config.json, "acoustic"), "emotions");
        return ev_model_unknown("emotion", text, label, list, err);
    }
    assert(index < EV_EMOTIONS_MAX);
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

/* "happy", "happy:0.6,surprised:0.4" (NULL: neutral) and a degree to one weight per emotion, summing to 1. */
static ev_status parse_emotion(const ev_model *model, const char *emotion, float degree, float *weights,
                               ev_error *err) {
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
    assert(sentence_ms_max > 0 && speed > 0);
    const double share = fmin(1.0, speed) * sentence_ms_max / 30000.0;
    const double tokens = fmin(EV_SENTENCE_TOKENS_MAX * share, EV_SENTENCE_TOKENS_MAX);
    return tokens < 24 ? 24 : (size_t)tokens;
}

/* What SSML asks of single words; where it asks nothing there is nothing. Speeds are the request's times the word's.
 */
static ev_status take_manners(ev_item *item, ev_error *err) {
    const size_t n = item->phones->phone_count;
    const ev_phone *p = item->phones->phones;
    bool any = false;
    for (size_t i = 0; i < n; i++) any |= p[i].speed != 1 || p[i].pitch_scale != 1 || p[i].energy_scale != 1;
    if (!any) return EV_OK;
    assert(n > 0 && !item->prosody);
    item->prosody = malloc(3 * n * sizeof *item->prosody);
    if (!item->prosody) return ev_fail(err, EV_E_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        item->prosody[i] = fminf(fmaxf(p[i].speed * item->request->speed, 0.25f), 4);
        item->prosody[n + i] = p[i].pitch_scale;
        item->prosody[2 * n + i] = p[i].energy_scale;
    }
    return EV_OK;
}

/* Behind a pause that ends a sentence its end marks have no frames: they would sound a little, after the silence. */
static void end_with_pause(ev_item *item, const ev_sentence *s) {
    assert(s->phone_begin < s->phone_end && s->phone_end <= item->phones->phone_count);
    const ev_phone *phones = item->phones->phones;
    size_t end = s->phone_end;
    while (end > s->phone_begin && phones[end - 1].word < 0 && phones[end - 1].pause_ms <= 0) end--;
    if (end == s->phone_begin || phones[end - 1].pause_ms <= 0) return;
    for (size_t i = end; i < s->phone_end; i++) item->forced[i] = 0;
}

/* A pause before a sentence's first sound has none either: the sound would begin in them. */
static void begin_with_pause(ev_item *item, size_t sentence) {
    const size_t end = ev_item_first_sound(item, sentence);
    for (size_t i = item->phones->sentences[sentence].phone_begin; i < end; i++) {
        if (item->phones->phones[i].pause_ms > 0) item->forced[i] = 0;
    }
}

/* A question that asks for a word is spoken as a statement by models that learnt it so. */
static void end_as_statement(ev_item *item, size_t sentence) {
    const ev_sentence *s = &item->phones->sentences[sentence];
    const int question = ev_token_find("?", 1), stop = ev_token_find(".", 1);
    if (!item->model->config.acoustic.wh_falls) return;
    for (size_t i = s->phone_end; i-- > s->phone_begin && item->phones->phones[i].word < 0;) {
        if (item->tokens[i] == question && ev_text_asks_for_a_word(item->phones, sentence)) item->tokens[i] = stop;
    }
}

static ev_status take_tokens(ev_item *item, ev_error *err) {
    const size_t n = item->phones->phone_count, sentences = item->phones->sentence_count;
    const ev_vocoder_config *v = &item->model->config.vocoder;
    const long most = (long)ev_frames_of_ms(item->model, EV_PAUSE_MS_MAX);
    assert(n > 0 && sentences > 0 && !item->tokens); /* a text of which nothing is said was refused */
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
    assert(item->phones->sentences[0].phone_begin == 0 && item->phones->sentences[sentences - 1].phone_end == n);
    for (size_t i = 0; i < sentences; i++) {
        const ev_sentence *s = &item->phones->sentences[i];
        end_as_statement(item, i);
        begin_with_pause(item, i);
        end_with_pause(item, s);
        item->rows_before[i + 1] =
            item->rows_before[i] + ev_acoustic_rows(&item->model->acoustic, item->tokens + s->phone_begin,
                                                    item->forced + s->phone_begin, s->phone_end - s->phone_begin);
    }
    return EV_OK;
}

/* ---- voices ---- */

static ev_status check_voice(const ev_item *item, const ev_voice *voice, ev_error *err) {
    if (voice->encoder_id == item->model->encoder_id) return EV_OK;
    return ev_fail(err, EV_E_ARGUMENT, "the voice was made with another model; make it again from its reference");
}

bool ev_text_knows_voice(void *user, const char *name) {
    const ev_text_voices *v = user;
    if (v->request->find_voice) return v->request->find_voice(v->request->find_user, name) != NULL;
    for (size_t i = 0; i < ev_model_voice_count(v->model); i++)
        if (strcmp(ev_model_voice_name(v->model, i), name) == 0) return true;
    return false;
}

/* Another speaker from here on; *own is the caller's. */
static ev_status take_speaker(const ev_item *item, const char *name, ev_voice **own, const ev_voice **voice,
                              ev_error *err) {
    const ev_request *r = item->request;
    ev_voice_free(own);
    if (r->find_voice) {
        *voice = r->find_voice(r->find_user, name);
        if (!*voice) return ev_fail(err, EV_E_NOT_FOUND, "the voice '%.60s' is gone", name);
    } else {
        const ev_status s = ev_voice_named(own, item->model, name, err);
        if (s != EV_OK) return s;
        *voice = *own;
    }
    return check_voice(item, *voice, err);
}

/* Another row for a voice with an equaliser of this model; *row: its number, 0 for none. */
static ev_status take_gains(ev_item *item, const ev_voice *voice, uint32_t *row, ev_error *err) {
    const ev_equaliser *e = &item->model->equaliser;
    const size_t bins = ev_vocoder_bins(&item->model->vocoder), bytes = bins * sizeof(float);
    *row = 0;
    if (!voice->equaliser_id || voice->equaliser_id != e->id) return EV_OK;
    assert(bins > 1 && e->config.bands == voice->bands); /* only a vocoder with spectra has one */
    const size_t at = item->log_gains.size;
    float *gains = ev_buf_append(&item->log_gains, NULL, bytes);
    if (!gains) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_equaliser_bins(e, voice->eq_db, item->model->config.vocoder.sample_rate / 2.0 / (double)(bins - 1), bins,
                      gains);
    *row = (uint32_t)(at / bytes + 1);
    return EV_OK;
}

const float *ev_item_log_gains(const ev_item *item, size_t sentence) {
    assert(sentence < item->phones->sentence_count);
    const size_t row = item->gain_rows ? item->gain_rows[sentence] : item->log_gains.size > 0;
    const float *gains = (const float *)(const void *)item->log_gains.data;
    assert(row * ev_vocoder_bins(&item->model->vocoder) * sizeof *gains <= item->log_gains.size);
    return row ? gains + (row - 1) * ev_vocoder_bins(&item->model->vocoder) : NULL;
}

static bool same_voice(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static bool has_voices(const ev_phones *phones) {
    for (size_t i = 0; i < phones->sentence_count; i++)
        if (phones->sentences[i].voice) return true;
    return false;
}

/* One for each sentence, of who says it, and of what it says (said NULL: that does not matter). */
static ev_status sentence_conditions(ev_item *item, ev_conditioning *conditioning, const ev_voice *speaker,
                                     const ev_buf *said, const size_t *ends, ev_error *err) {
    const ev_voice *voice = speaker;
    const char *now = NULL;
    ev_voice *own = NULL;
    uint32_t speaker_row = 0, row = 0;
    ev_status s = take_gains(item, speaker, &speaker_row, err);
    for (size_t i = 0; i < item->phones->sentence_count && s == EV_OK; i++) {
        const char *name = item->phones->sentences[i].voice;
        const size_t begin = i && said ? ends[i - 1] : 0;
        assert(!said || (begin <= ends[i] && ends[i] <= said->size));
        if (said) conditioning->text = said->data ? (const char *)said->data + begin : "";
        if (said) conditioning->text_bytes = ends[i] - begin;
        if (!name) voice = speaker;
        if (!name) row = speaker_row;
        if (name && !same_voice(name, now)) {
            s = take_speaker(item, name, &own, &voice, err);
            if (s == EV_OK) s = take_gains(item, voice, &row, err);
        }
        if (s != EV_OK) break;
        now = name;
        conditioning->speaker = voice->vector;
        if (item->medians_hz) item->medians_hz[i] = voice->pitch;
        if (item->gain_rows) item->gain_rows[i] = row;
        s = ev_acoustic_condition(&item->model->acoustic, conditioning, item->condition + i * item->condition_step,
                                  err);
    }
    ev_voice_free(&own);
    return s;
}

/* What the model reads of the sentences, where it does. */
static ev_status take_sentence_conditions(ev_item *item, ev_conditioning *conditioning, const ev_voice *speaker,
                                          ev_error *err) {
    const size_t n = item->phones->sentence_count;
    const ev_request *r = item->request;
    ev_text_voices voices = {item->model, r};
    const ev_text_options options = ev_request_text(r, &voices);
    if (!item->model->acoustic.family->takes_prompts)
        return sentence_conditions(item, conditioning, speaker, NULL, NULL, err);
    size_t *ends = malloc(n * sizeof *ends);
    ev_buf said = {0};
    ev_status s = ends ? ev_text_content(&said, ends, r->text, r->text_bytes, &options, item->phones, err)
                       : ev_fail(err, EV_E_MEMORY, "out of memory");
    if (s == EV_OK) s = sentence_conditions(item, conditioning, speaker, &said, ends, err);
    ev_buf_free(&said);
    free(ends);
    return s;
}

/* One for all sentences; or, where the model reads what is said, or the voice changes, one for each. */
static ev_status take_condition(ev_item *item, ev_conditioning *conditioning, const ev_voice *speaker,
                                ev_error *err) {
    const ev_acoustic *m = &item->model->acoustic;
    const bool changes = has_voices(item->phones), each = changes || m->family->takes_prompts;
    const size_t size = (size_t)m->config.condition, n = each ? item->phones->sentence_count : 1;
    assert(n > 0 && size > 0 && !item->condition);
    item->condition = malloc(n * size * sizeof *item->condition);
    if (changes) item->medians_hz = malloc(n * sizeof *item->medians_hz);
    if (changes) item->gain_rows = malloc(n * sizeof *item->gain_rows);
    if (!item->condition || (changes && !(item->medians_hz && item->gain_rows)))
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    if (!each) {
        uint32_t row;
        const ev_status s = take_gains(item, speaker, &row, err);
        conditioning->speaker = speaker->vector;
        return s == EV_OK ? ev_acoustic_condition(m, conditioning, item->condition, err) : s;
    }
    item->condition_step = size;
    return take_sentence_conditions(item, conditioning, speaker, err);
}

static ev_status resolve_voice(ev_item *item, const ev_voice **speaker, ev_error *err) {
    *speaker = item->request->voice;
    if (!*speaker) {
        const char *first = ev_model_voice_name(item->model, 0);
        const ev_status s = ev_voice_named(&item->own_voice, item->model, first, err);
        if (s != EV_OK) return s;
        *speaker = item->own_voice;
    }
    item->median_hz = (*speaker)->pitch;
    return check_voice(item, *speaker, err);
}

static ev_status prepare(ev_item *item, ev_pool *pool, int32_t sentence_ms_max, ev_error *err) {
    const ev_request *r = item->request;
    if (!r || !r->text) return ev_fail(err, EV_E_ARGUMENT, "request has no text");
    float emotion_weights[EV_EMOTIONS_MAX];
    ev_conditioning conditioning = {
        .emotion_weights = emotion_weights, .prompt = r->prompt, .degree = r->emotion_degree, .pool = pool};
    ev_status s = check_numbers(r, err);
    if (s == EV_OK) s = check_prompt(item->model, r, err);
    if (s == EV_OK) s = parse_emotion(item->model, r->emotion, r->emotion_degree, emotion_weights, err);
    const ev_voice *speaker = NULL;
    if (s == EV_OK) s = resolve_voice(item, &speaker, err);
    if (s == EV_OK) {
        ev_text_voices voices = {item->model, r};
        const ev_text_options options = ev_request_text(r, &voices);
        s = ev_text_phones(&item->phones, item->model->text, r->text, r->text_bytes, &options,
                           sentence_tokens(sentence_ms_max, r->speed), err);
    }
    if (s == EV_OK) s = take_tokens(item, err);
    if (s == EV_OK) s = take_manners(item, err);
    if (s == EV_OK) s = take_condition(item, &conditioning, speaker, err);
    return s;
}

void ev_item_prepare(ev_item *item, ev_model *model, ev_pool *pool, int32_t sentence_ms_max,
                     const ev_request *request) {
    ev_error error = {0};
    *item = (ev_item){.model = model, .request = request};
    const ev_status s = prepare(item, pool, sentence_ms_max, &error);
    if (s != EV_OK) ev_item_fail(item, s, &error);
}

void ev_item_fail(ev_item *item, ev_status status, const ev_error *err) {
    assert(status != EV_OK && err);
    if (item->status != EV_OK) return;
    item->status = status;
    item->error = *err;
}

void ev_item_free(ev_item *item) {
    assert(!item->head == !item->tail);
    while (item->head) {
        ev_decoded *next = item->head->next;
        free(item->head);
        item->head = next;
    }
    ev_phones_free(&item->phones);
    ev_voice_free(&item->own_voice);
    free(item->tokens);
    free(item->prosody);
    free(item->condition);
    ev_buf_free(&item->log_gains);
    free(item->gain_rows);
    free(item->medians_hz);
    free(item->rows_before);
    free(item->samples);
    free(item->marks);
    *item = (ev_item){0};
}
