/* fields: a request's JSON to speech_params. Every mistake names its field and what would be right. Fields that are
 * not known are passed over, as clients of other services send their own.
 */
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/fields.h"
#include "server/http/reply.h"

void sv_speech_params_free(sv_speech_params *params) {
    sv_speech_free(&params->speech);
    free(params->webhook);
    *params = (sv_speech_params){0};
}

typedef struct reader { /* the fields of one request; the first mistake ends them */
    sv_fields *f;
    const json_t *json;
    bool failed;
} reader;

static void __attribute__((format(printf, 3, 4))) mistake(reader *r, const char *field, const char *format, ...) {
    va_list arguments;
    if (r->failed) return;
    va_start(arguments, format);
    vsnprintf(r->f->message, sizeof r->f->message, format, arguments);
    va_end(arguments);
    r->failed = true;
    r->f->field = field;
}

/* NULL: not there, or null. */
static const json_t *field_of(reader *r, const char *field) {
    const json_t *value = json_object_get(r->json, field);
    return value && !json_is_null(value) ? value : NULL;
}

static const char *text_of(reader *r, const char *field) {
    const json_t *value = field_of(r, field);
    if (value && !json_is_string(value)) mistake(r, field, "%s must be a string", field);
    return value && json_is_string(value) ? json_string_value(value) : NULL;
}

static char *copy_of(reader *r, const char *field, size_t most) {
    const char *text = text_of(r, field);
    if (!text || !*text) return NULL;
    if (strlen(text) > most) {
        mistake(r, field, "%s is too long: give at most %zu bytes", field, most);
        return NULL;
    }
    char *copy = strdup(text);
    if (!copy) mistake(r, field, "out of memory");
    return copy;
}

static double number_of(reader *r, const char *field, double fallback, double low, double high) {
    const json_t *value = field_of(r, field);
    if (!value) return fallback;
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= low && number <= high)) {
        mistake(r, field, "%s must be a number from %.16g to %.16g", field, low, high);
        return fallback;
    }
    return number;
}

static bool flag_of(reader *r, const char *field) {
    const json_t *value = field_of(r, field);
    if (value && !json_is_boolean(value)) mistake(r, field, "%s must be true or false", field);
    return json_is_true(value);
}

/* ---- one by one ---- */

static size_t characters(const char *text, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++) count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static void read_text(reader *r, sv_speech *s, const char *field) {
    const json_t *value = field_of(r, field);
    const char *text = text_of(r, field);
    const int64_t most = r->f->config->text_chars_max;
    if (r->failed) return;
    if (!text || !*text) {
        mistake(r, field, "%s is missing: give the text to speak", field);
        return;
    }
    s->text_bytes = json_string_length(value);
    r->f->chars = (int64_t)characters(text, s->text_bytes);
    if (r->f->chars > most) {
        mistake(r, field, "%s has %lld characters: send at most %lld, or split it", field, (long long)r->f->chars,
                (long long)most);
        return;
    }
    s->text = malloc(s->text_bytes + 1);
    if (!s->text) {
        mistake(r, field, "out of memory");
        return;
    }
    memcpy(s->text, text, s->text_bytes + 1);
}

/* A name, an id, or {"id": ...} as some clients send it. */
static void read_voice(reader *r, sv_speech *s) {
    const json_t *value = field_of(r, "voice");
    const char *name = json_is_object(value) ? json_string_value(json_object_get(value, "id")) : NULL;
    if (!json_is_object(value)) {
        s->voice = copy_of(r, "voice", 128);
    } else if (!name || strlen(name) > 128 || !(s->voice = strdup(name))) {
        mistake(r, "voice", "voice must be a name or an object with an id");
    }
}

/* OpenAI's clients must name a voice, and most name theirs: each is one of ours of a like kind. */
static const struct alias {
    const char *theirs, *ours;
} ALIASES[] = {{"alloy", "ava"}, {"ash", "ray"},     {"ballad", "angus"}, {"coral", "mei"},
               {"echo", "lin"},  {"fable", "angus"}, {"onyx", "shi"},     {"nova", "yan"},
               {"sage", "ava"},  {"shimmer", "lan"}, {"verse", "gao"}};

static bool model_has_voice(const ev_model *model, const char *name) {
    for (size_t i = 0; i < ev_model_voice_count(model); i++)
        if (strcmp(ev_model_voice_name(model, i), name) == 0) return true;
    return false;
}

static void translate_voice(reader *r, sv_speech *s) {
    if (!s->voice || model_has_voice(r->f->model, s->voice)) return;
    for (size_t i = 0; i < EV_ARRAY_COUNT(ALIASES); i++) {
        if (strcmp(ALIASES[i].theirs, s->voice) != 0 || !model_has_voice(r->f->model, ALIASES[i].ours)) continue;
        free(s->voice);
        if (!(s->voice = strdup(ALIASES[i].ours))) mistake(r, "voice", "out of memory");
        return;
    }
}

static void read_reference(reader *r, sv_speech *s) {
    const char *text = text_of(r, "reference_audio");
    const int64_t most = r->f->config->reference_bytes_max;
    if (!text || !*text) return;
    if (strncmp(text, "data:", 5) == 0) {
        const char *comma = strchr(text, ',');
        text = comma ? comma + 1 : "";
    }
    const size_t length = strlen(text);
    if ((int64_t)(length / 4 * 3) > most + 3) {
        mistake(r, "reference_audio", "reference_audio is larger than %lld bytes: send a shorter recording",
                (long long)most);
        return;
    }
    s->reference = malloc(length / 4 * 3 + 4);
    const int decoded = s->reference && length % 4 == 0 && length
                            ? EVP_DecodeBlock(s->reference, (const unsigned char *)text, (int)length)
                            : -1;
    if (decoded <= 0) {
        mistake(r, "reference_audio", "reference_audio is not base64: encode the bytes of a .wav or .mp3 file");
        return;
    }
    s->reference_bytes = (size_t)decoded - (text[length - 1] == '=') - (text[length - 2] == '=');
}

static void read_url(reader *r, sv_speech *s) {
    const char *url = text_of(r, "reference_audio_url");
    const sv_config *c = r->f->config;
    if (!url || !*url) return;
    if (c->fetch == SV_REACH_OFF) {
        mistake(
            r, "reference_audio_url",
            "this service fetches no URLs: send the recording itself as reference_audio, or upload it to /v1/voices");
    } else if (s->reference) {
        mistake(r, "reference_audio_url", "give either reference_audio or reference_audio_url, not both");
    } else if (!(s->reference_url = strdup(url))) {
        mistake(r, "reference_audio_url", "out of memory");
    }
}

/* A recording comes before a name: OpenAI's clients cannot leave out `voice`. */
static void drop_voice(sv_speech *s) {
    if (!s->reference && !s->reference_url) return;
    free(s->voice);
    s->voice = NULL;
}

static bool emotion_known(const ev_model *model, const char *emotion) {
    for (const char *at = emotion; *at;) {
        const size_t part = strcspn(at, ","), label = strcspn(at, ",:");
        bool known = false;
        for (size_t i = 0; i < ev_model_emotion_count(model); i++) {
            const char *one = ev_model_emotion_name(model, i);
            known |= strlen(one) == label && memcmp(one, at, label) == 0;
        }
        if (!known) return false;
        at += part;
        if (*at) at++;
    }
    return true;
}

/* A label or a blend; else what OpenAI's free `instructions` ask for. */
static void read_emotion(reader *r, sv_speech *s) {
    const ev_model *model = r->f->model;
    s->emotion = copy_of(r, "emotion", 200);
    if (s->emotion && !emotion_known(model, s->emotion)) {
        mistake(r, "emotion", "emotion '%s' is not known: see /v1/emotions", s->emotion);
    }
    const char *instructions = text_of(r, "instructions");
    const char *label = instructions && !s->emotion ? sv_instructions_emotion(model, instructions) : NULL;
    if (label && !(s->emotion = strdup(label))) mistake(r, "instructions", "out of memory");
    s->emotion_degree = (float)number_of(r, "emotion_degree", 1, 0, 1.5);
}

static void read_numbers(reader *r, sv_speech *s) {
    s->speed = (float)number_of(r, "speed", 1, 0.25, 4);
    s->pitch_scale = (float)number_of(r, "pitch_scale", 1, 0.5, 2);
    s->energy_scale = (float)number_of(r, "energy_scale", 1, 0.25, 4);
    s->seed = (uint64_t)number_of(r, "seed", 0, 0, 9007199254740991.0); /* what a JSON number holds exactly */
    const double wait_ms = number_of(r, "deadline_ms", 0, 0, 86400000);
    if (wait_ms > 0) s->deadline_us = (int64_t)(r->f->start * 1e6 + wait_ms * 1000);
    const char *priority = text_of(r, "priority");
    if (!priority || strcmp(priority, "normal") == 0) return;
    if (strcmp(priority, "high") == 0)
        s->priority = 0;
    else if (strcmp(priority, "low") == 0)
        s->priority = 2;
    else
        mistake(r, "priority", "priority must be high, normal or low");
}

static void read_format(reader *r, sv_speech_params *w, const char *fallback) {
    const char *format = text_of(r, "response_format"), *stream = text_of(r, "stream_format");
    ev_error err;
    if (!format) format = fallback;
    if (ev_format_parse(format, &w->format, &err) != EV_OK || w->format == EV_FORMAT_WAV_FLOAT) {
        mistake(r, "response_format", "response_format '%.20s' is not made here: use wav, mp3, opus, flac or pcm",
                format);
    }
    w->sse = stream && strcmp(stream, "sse") == 0;
    if (stream && !w->sse && strcmp(stream, "audio") != 0) {
        mistake(r, "stream_format", "stream_format must be audio or sse");
    }
    w->words = flag_of(r, "timestamps");
    /* A .wav is a file, whose head tells its length; the others are streams. Who wants a .wav as it is made says so.
     */
    w->stream = stream || w->format != EV_FORMAT_WAV;
}

static void read_language(reader *r, sv_speech *s) {
    s->language = copy_of(r, "language", 16);
    const char *l = s->language;
    if (l && strcmp(l, "en") != 0 && strcmp(l, "zh") != 0 && strcmp(l, "auto") != 0) {
        mistake(r, "language", "language '%s' is not spoken here: use en, zh or auto", l);
    }
}

static void read_webhook(reader *r, sv_speech_params *w) {
    const sv_config *c = r->f->config;
    w->webhook = copy_of(r, "webhook", 2048);
    if (!w->webhook) return;
    const bool https = strncasecmp(w->webhook, "https://", 8) == 0;
    const bool http = strncasecmp(w->webhook, "http://", 7) == 0;
    if (c->webhook == SV_REACH_OFF) {
        mistake(r, "webhook", "this service calls no URLs: ask GET /tts/{id} instead");
    } else if (!https && !(http && c->webhook == SV_REACH_ANY)) {
        mistake(r, "webhook",
                c->webhook == SV_REACH_ANY ? "webhook must be an http:// or https:// URL"
                                           : "webhook must be an https:// URL");
    }
}

static void read_all(reader *r, sv_speech_params *w, bool native) {
    if (!json_is_object(r->json)) mistake(r, NULL, "the body must be a JSON object");
    read_text(r, &w->speech, native ? "text" : "input");
    read_voice(r, &w->speech);
    if (!native) translate_voice(r, &w->speech);
    read_reference(r, &w->speech);
    read_url(r, &w->speech);
    drop_voice(&w->speech);
    read_emotion(r, &w->speech);
    read_numbers(r, &w->speech);
    read_language(r, &w->speech);
    read_format(r, w, native ? "wav" : "mp3");
    if (native) read_webhook(r, w);
    if (!native && w->words && !w->sse) {
        mistake(r, "timestamps", "timestamps come as an event: ask for stream_format sse, or use /tts");
    }
}

/* A value costs its reader a hundred times its bytes, and a request has a few dozen; a text or a recording is one,
 * however long. What a body may hold is counted before anything is made of it. */
enum { VALUES_MAX = 4096 };

static bool has_few_values(const char *body, size_t size) {
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
    return values <= VALUES_MAX;
}

bool sv_fields_parse(sv_fields *f, const void *body, size_t size, sv_speech_params *params) {
    json_error_t fault;
    const bool few = has_few_values(body, size);
    json_t *json = few ? json_loadb(body, size, JSON_REJECT_DUPLICATES, &fault) : NULL;
    reader r = {.f = f, .json = json};
    f->chars = -1;
    *params = (sv_speech_params){0};
    sv_speech_init(&params->speech);
    if (json) {
        read_all(&r, params, f->native);
    } else if (!few) {
        mistake(&r, NULL, "the body holds more than %d values: send the text as one string", VALUES_MAX);
    } else if (!size) {
        mistake(&r, NULL, "the body is empty: send a JSON object");
    } else {
        mistake(&r, NULL, "the body is not JSON: line %d: %s", fault.line, fault.text);
    }
    json_decref(json);
    if (r.failed) sv_speech_params_free(params);
    return !r.failed;
}

bool sv_fields_read(sv_request *req, sv_speech_params *params, bool native, int *result) {
    sv_fields f = {
        .config = &req->settings->config, .model = req->server->model, .start = req->start, .native = native};
    const bool ok = sv_fields_parse(&f, req->body.data, req->body.size, params);
    if (f.chars >= 0) req->chars = f.chars;
    if (!ok) *result = sv_reply_error(req, 400, f.field, "%s", f.message);
    return ok;
}
