/* fields: a request's JSON to speech_params. Every mistake names its field and what would be right. Fields that are
 * not known are passed over, as clients of other services send their own, and reported; with strict they are
 * mistakes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/fields_inner.h"
#include "server/http/reply.h"

void sv_speech_params_free(sv_speech_params *params) {
    sv_speech_free(&params->speech);
    free(params->webhook);
    *params = (sv_speech_params){0};
}

/* ---- one by one ---- */

static size_t characters(const char *text, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void read_text(sv_field_reader *r, sv_speech *s, const char *field) {
    const json_t *value = sv_field_of(r, field);
    const char *text = sv_field_text(r, field);
    const int64_t most = r->f->config->text_chars_max;
    if (r->failed) return;
    if (!text || !*text) {
        sv_field_mistake(r, field, "%s is missing: give the text to speak", field);
        return;
    }
    s->text_bytes = json_string_length(value);
    r->f->chars = (int64_t)characters(text, s->text_bytes);
    if (r->f->chars > most) {
        sv_field_mistake(r, field, "%s has %lld characters: send at most %lld, or split it", field,
                         (long long)r->f->chars, (long long)most);
        return;
    }
    s->text = malloc(s->text_bytes + 1);
    if (!s->text) {
        sv_field_mistake(r, field, "out of memory");
        return;
    }
    memcpy(s->text, text, s->text_bytes + 1);
}

static void read_numbers(sv_field_reader *r, sv_speech *s) {
    s->speed = (float)sv_field_number(r, "speed", 1, 0.25, 4);
    s->pitch_scale = (float)sv_field_number(r, "pitch_scale", 1, 0.5, 2);
    s->energy_scale = (float)sv_field_number(r, "energy_scale", 1, 0.25, 4);
    s->seed = (uint64_t)sv_field_number(r, "seed", 0, 0, 9007199254740991.0); /* what a JSON number holds exactly */
    const double wait_ms = sv_field_number(r, "deadline_ms", 0, 0, 86400000);
    if (wait_ms > 0) s->deadline_us = (int64_t)(r->f->start * 1e6 + wait_ms * 1000);
    const char *priority = sv_field_text(r, "priority");
    if (!priority || strcmp(priority, "normal") == 0) return;
    if (strcmp(priority, "high") == 0)
        s->priority = 0;
    else if (strcmp(priority, "low") == 0)
        s->priority = 2;
    else
        sv_field_mistake(r, "priority", "priority must be high, normal or low");
}

static void read_format(sv_field_reader *r, sv_speech_params *w, const char *fallback) {
    const char *format = sv_field_text(r, "response_format"), *stream = sv_field_text(r, "stream_format");
    ev_error err;
    if (!format) format = fallback;
    if (ev_format_parse(format, &w->format, &err) != EV_OK || w->format == EV_FORMAT_WAV_FLOAT) {
        sv_field_mistake(r, "response_format",
                         "response_format '%.20s' is not made here: use wav, mp3, opus, flac, pcm, aac, ulaw or alaw",
                         format);
    }
    const double rate = sv_field_number(r, "sample_rate", 0, 8000, 48000);
    if (rate > (double)(int32_t)rate)
        sv_field_mistake(r, "sample_rate", "sample_rate must be a whole number from 8000 to 48000");
    w->sound.rate = (int32_t)rate;
    w->sound.volume_db = (float)sv_field_number(r, "volume", 0, -40, 40);
    const double factor = sv_field_number(r, "volume_multiplier", 1, 0.01, 100); /* as Kokoro's clients say it */
    if (!sv_field_of(r, "volume")) w->sound.volume_db = (float)(20 * log10(factor));
    w->sound.normalize = sv_field_flag(r, "normalize");
    w->sound.trim_silence = sv_field_flag(r, "trim_silence");
    w->sse = stream && strcmp(stream, "sse") == 0;
    if (stream && !w->sse && strcmp(stream, "audio") != 0) {
        sv_field_mistake(r, "stream_format", "stream_format must be audio or sse");
    }
    w->words = sv_field_flag(r, "timestamps");
    /* A .wav is a file, whose head tells its length; the others are streams. Who wants a .wav as it is made says so.
     */
    const bool asked = sv_field_of(r, "stream") != NULL, wanted = sv_field_flag(r, "stream");
    w->stream = stream || (asked ? wanted : w->format != EV_FORMAT_WAV);
    if (w->sound.normalize) w->stream = false; /* the whole must be heard first */
}

/* "en", "en-US" and "EN" are one. */
static bool is_language(const char *tag, const char *wanted) {
    const size_t size = strlen(wanted);
    return strncasecmp(tag, wanted, size) == 0 && (!tag[size] || tag[size] == '-' || tag[size] == '_');
}

static void read_language(sv_field_reader *r, sv_speech *s) {
    static const char *const languages[] = {"en", "zh", "auto"};
    char *asked = sv_field_copy(r, "language", 16);
    if (!asked) return;
    for (size_t i = 0; i < EV_ARRAY_COUNT(languages) && !s->language; i++)
        if (is_language(asked, languages[i]) && !(s->language = strdup(languages[i])))
            sv_field_mistake(r, "language", "out of memory");
    if (!s->language) sv_field_mistake(r, "language", "language '%s' is not spoken here: use en, zh or auto", asked);
    free(asked);
}

/* The place of the word, 0 for none given. */
static int word_of(sv_field_reader *r, const char *field, const char *const *words, const char *hint) {
    const char *text = sv_field_text(r, field);
    for (int i = 0; text && words[i]; i++)
        if (strcasecmp(text, words[i]) == 0) return i;
    if (text) sv_field_mistake(r, field, "%s must be %s", field, hint);
    return 0;
}

static void read_markup(sv_field_reader *r, sv_speech *s) {
    static const char *const markups[] = {"auto", "none", "ssml", NULL}, *const tags[] = {"speak", "drop", NULL};
    s->markup = (ev_markup)word_of(r, "markup", markups, "auto, none or ssml");
    s->audio_tags = (ev_audio_tags)word_of(r, "audio_tags", tags, "speak or drop");
    if (sv_field_flag(r, "ssml")) s->markup = EV_MARKUP_SSML;
}

enum { LEXICON_WORDS_MAX = 500 };

/* {"EmotiVoice": "emotive voice"}, kept as lines. */
static void read_lexicon(sv_field_reader *r, sv_speech *s) {
    json_t *words = sv_field_of(r, "lexicon") ? json_object_get(r->json, "lexicon") : NULL, *value;
    const char *word;
    ev_buf lines = {0};
    ev_dictionary *made = NULL;
    ev_error err;
    if (!words) return;
    if (!json_is_object(words))
        sv_field_mistake(r, "lexicon", "lexicon must be an object of words, each with how it is said");
    if (json_object_size(words) > LEXICON_WORDS_MAX)
        sv_field_mistake(r, "lexicon", "lexicon has more than %d words: give those of this text", LEXICON_WORDS_MAX);
    if (r->failed || !json_object_size(words)) return;
    json_object_foreach(words, word, value) {
        const char *saying = json_string_value(value);
        if (!saying || *word == '#' || strpbrk(word, "\t\r\n") || strpbrk(saying, "\r\n")) {
            sv_field_mistake(r, "lexicon", "lexicon: '%.60s' needs a string of one line, and no # before it", word);
            break;
        }
        if (ev_dictionary_create(&made, &word, &saying, 1, &err) != EV_OK) {
            sv_field_mistake(r, "lexicon", "lexicon: %s", err.message);
            break;
        }
        ev_dictionary_free(&made);
        ev_buf_printf(&lines, "%s\t%s\n", word, saying);
    }
    if (lines.failed) sv_field_mistake(r, "lexicon", "out of memory");
    s->own_lexicon = r->failed ? NULL : (char *)lines.data;
    if (r->failed) ev_buf_free(&lines);
}

static void read_webhook(sv_field_reader *r, sv_speech_params *w) {
    const sv_config *c = r->f->config;
    w->webhook = sv_field_copy(r, "webhook", 2048);
    if (!w->webhook) return;
    const bool https = strncasecmp(w->webhook, "https://", 8) == 0;
    const bool http = strncasecmp(w->webhook, "http://", 7) == 0;
    if (c->webhook == SV_REACH_OFF) {
        sv_field_mistake(r, "webhook", "this service calls no URLs: ask GET /tts/{id} instead");
    } else if (!https && !(http && c->webhook == SV_REACH_ANY)) {
        sv_field_mistake(r, "webhook",
                         c->webhook == SV_REACH_ANY ? "webhook must be an http:// or https:// URL"
                                                    : "webhook must be an https:// URL");
    }
}

/* ---- all of them ---- */

static const char *const KNOWN[] = {"model",
                                    "voice",
                                    "response_format",
                                    "stream_format",
                                    "stream",
                                    "speed",
                                    "instructions",
                                    "emotion",
                                    "prompt",
                                    "emotion_degree",
                                    "pitch_scale",
                                    "energy_scale",
                                    "seed",
                                    "markup",
                                    "ssml",
                                    "audio_tags",
                                    "lexicon",
                                    "priority",
                                    "deadline_ms",
                                    "language",
                                    "timestamps",
                                    "reference_audio",
                                    "reference_audio_url",
                                    "sample_rate",
                                    "volume",
                                    "volume_multiplier",
                                    "normalize",
                                    "trim_silence",
                                    "strict"};

static bool is_known(const char *field, bool native) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(KNOWN); i++)
        if (strcmp(KNOWN[i], field) == 0) return true;
    return native ? strcmp(field, "text") == 0 || strcmp(field, "webhook") == 0 : strcmp(field, "input") == 0;
}

/* Into a header: of a name that holds other than letters, digits, '.', '_' and '-', no more than that it is there. */
static void note_ignored(sv_fields *f, const char *field) {
    const size_t used = strlen(f->ignored);
    const char *shown = field[0] && strlen(field) <= 64 && sv_log_id_valid(field) ? field : "?";
    if (used + strlen(shown) + 3 < sizeof f->ignored)
        snprintf(f->ignored + used, sizeof f->ignored - used, "%s%s", used ? ", " : "", shown);
}

/* Clients of other services send fields of theirs: they are told which mean nothing here. */
static void look_for_unknown(sv_field_reader *r, bool native) {
    const char *field;
    json_t *value;
    const bool strict = sv_field_flag(r, "strict");
    json_object_foreach((json_t *)(uintptr_t)r->json, field, value) {
        if (is_known(field, native)) continue;
        note_ignored(r->f, field);
        if (strict)
            sv_field_mistake(r, "strict", "the field '%.64s' is not known: leave it out, or leave strict out", field);
    }
}

static void read_all(sv_field_reader *r, sv_speech_params *w, bool native) {
    read_text(r, &w->speech, native ? "text" : "input");
    sv_fields_read_voice(r, &w->speech);
    read_numbers(r, &w->speech);
    read_language(r, &w->speech);
    read_markup(r, &w->speech);
    read_lexicon(r, &w->speech);
    read_format(r, w, native ? "wav" : "mp3");
    if (native) read_webhook(r, w);
    look_for_unknown(r, native);
    if (!native && w->words && !w->sse) {
        sv_field_mistake(r, "timestamps", "timestamps come as an event: ask for stream_format sse, or use /tts");
    }
}

/* A value costs its reader a hundred times its bytes, and a request has a few dozen; a text or a recording is one,
 * however long. What a body may hold is counted before anything is made of it. */
enum { VALUES_MAX = 4096, VALUES_OF_MANY = 32768 };

static bool has_few_values(const char *body, size_t size, size_t most) {
    size_t values = 0;
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        const char c = body[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            values += c == ',' || c == '[' || c == '{';
    }
    return values <= most;
}

/* NULL: f says why. */
static json_t *load(sv_fields *f, const void *body, size_t size, size_t most) {
    json_error_t fault;
    const bool few = has_few_values(body, size, most);
    json_t *json = few ? json_loadb(body, size, JSON_REJECT_DUPLICATES, &fault) : NULL;
    sv_field_reader r = {.f = f, .json = json};
    if (json && json_is_object(json)) return json;
    if (json)
        sv_field_mistake(&r, NULL, "the body must be a JSON object");
    else if (!few)
        sv_field_mistake(&r, NULL, "the body holds more than %zu values: send %s", most,
                         most == VALUES_MAX ? "the text as one string" : "fewer requests at once");
    else if (!size)
        sv_field_mistake(&r, NULL, "the body is empty: send a JSON object");
    else
        sv_field_mistake(&r, NULL, "the body is not JSON: line %d: %s", fault.line, fault.text);
    json_decref(json);
    return NULL;
}

static bool read_object(sv_fields *f, const json_t *json, sv_speech_params *params) {
    sv_field_reader r = {.f = f, .json = json};
    f->chars = -1;
    *params = (sv_speech_params){0};
    sv_speech_init(&params->speech);
    read_all(&r, params, f->native);
    if (r.failed) sv_speech_params_free(params);
    return !r.failed;
}

bool sv_fields_parse(sv_fields *f, const void *body, size_t size, sv_speech_params *params) {
    *params = (sv_speech_params){0};
    f->chars = -1;
    json_t *json = load(f, body, size, VALUES_MAX);
    const bool ok = json && read_object(f, json, params);
    json_decref(json);
    return ok;
}

static sv_fields fields_of(const sv_request *req, bool native) {
    return (sv_fields){
        .config = &req->settings->config, .models = req->settings->models, .start = req->start, .native = native};
}

static json_t *body_object(sv_request *req, size_t values_max, int *result) {
    sv_fields f = fields_of(req, false);
    json_t *json = load(&f, req->body.bytes.data, req->body.bytes.size, values_max);
    if (!json) *result = sv_reply_error(req, 400, f.field, "%s", f.message);
    return json;
}

json_t *sv_body_object(sv_request *req, int *result) { return body_object(req, VALUES_MAX, result); }
json_t *sv_body_of_many(sv_request *req, int *result) { return body_object(req, VALUES_OF_MANY, result); }

/* What was read, in the request; or the answer that says what is wrong. */
static bool conclude(sv_request *req, const sv_fields *f, bool ok, int *result) {
    if (f->chars >= 0) req->amount.chars = f->chars;
    memcpy(req->answer.ignored, f->ignored, sizeof req->answer.ignored);
    const bool own = req->wants.dialect == SV_DIALECT_ELEVENLABS || req->wants.dialect == SV_DIALECT_SIMPLE;
    const bool text = own && f->field && strcmp(f->field, "input") == 0;
    if (!ok) *result = sv_reply_error(req, f->code ? f->code : 400, text ? "text" : f->field, "%s", f->message);
    return ok;
}

static bool take(sv_request *req, bool native, const json_t *body, sv_speech_params *params, int *result) {
    sv_fields f = fields_of(req, native);
    const bool ok = read_object(&f, body, params);
    if (ok) params->speech.lexicon = sv_lexicon_in_force(req->server);
    return conclude(req, &f, ok, result);
}

bool sv_fields_take(sv_request *req, const json_t *body, sv_speech_params *params, int *result) {
    return take(req, false, body, params, result);
}

bool sv_fields_take_job(sv_request *req, const json_t *body, sv_speech_params *params, int *result) {
    return take(req, true, body, params, result);
}

bool sv_fields_read(sv_request *req, sv_speech_params *params, bool native, int *result) {
    sv_fields f = fields_of(req, native);
    const bool ok = sv_fields_parse(&f, req->body.bytes.data, req->body.bytes.size, params);
    if (ok) params->speech.lexicon = sv_lexicon_in_force(req->server);
    return conclude(req, &f, ok, result);
}
