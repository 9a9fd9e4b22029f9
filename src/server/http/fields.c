/* fields: a request's JSON to speech_params. Every mistake names its field and what would be right. Fields that are
 * not known are passed over, as clients of other services send their own, and told; with strict they are mistakes.
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

static void translate_voice(reader *r, sv_speech *s) {
    if (!s->voice) return;
    char *ours = sv_names_voice(r->f->model, s->voice);
    if (!ours) mistake(r, "voice", "out of memory");
    if (!ours) return;
    free(s->voice);
    s->voice = ours;
}

/* Base64 without the breaks that `base64 FILE` and mail put into it, and with the signs at its end that some leave
 * out. NULL: out of memory. */
static char *join_lines(const char *text, size_t *length) {
    char *joined = malloc(strlen(text) + 4);
    *length = 0;
    for (const char *at = text; joined && *at; at++)
        if (!strchr(" \t\r\n", *at)) joined[(*length)++] = *at;
    while (joined && *length % 4 > 1) joined[(*length)++] = '=';
    if (joined) joined[*length] = '\0';
    return joined;
}

/* Bytes of base64, -1: it is none. */
static int decode(const char *text, size_t length, unsigned char *out) {
    const int decoded =
        length && length % 4 == 0 ? EVP_DecodeBlock(out, (const unsigned char *)text, (int)length) : -1;
    return decoded <= 0 ? -1 : decoded - (text[length - 1] == '=') - (text[length - 2] == '=');
}

static void decode_reference(reader *r, sv_speech *s, const char *text) {
    size_t length = 0;
    char *joined = join_lines(text, &length);
    s->reference = malloc(length / 4 * 3 + 4);
    const int decoded = joined && s->reference ? decode(joined, length, s->reference) : -1;
    free(joined);
    if (decoded <= 0)
        mistake(r, "reference_audio", "reference_audio is not base64: encode the bytes of a recording");
    else
        s->reference_bytes = (size_t)decoded;
    ev_error err;
    if (!r->failed &&
        sv_formats_check(r->f->config->reference_formats, s->reference, s->reference_bytes, &err) != EV_OK)
        mistake(r, "reference_audio", "reference_audio: %s", err.message);
}

static void read_reference(reader *r, sv_speech *s) {
    const char *text = text_of(r, "reference_audio");
    const int64_t most = r->f->config->reference_bytes_max;
    if (!text) return;
    if (strncmp(text, "data:", 5) == 0) {
        const char *comma = strchr(text, ',');
        text = comma ? comma + 1 : "";
    }
    const size_t length = strlen(text);
    if (!text[strspn(text, " \t\r\n")])
        mistake(r, "reference_audio",
                "reference_audio is empty: give the bytes of a recording in base64, or leave the field out");
    else if ((int64_t)(length / 4 * 3) > most + most / 16 + 3) /* breaks add a sixteenth at most */
        mistake(r, "reference_audio", "reference_audio is larger than %lld bytes: send a shorter recording",
                (long long)most);
    else
        decode_reference(r, s, text);
    if (!r->failed && (int64_t)s->reference_bytes > most)
        mistake(r, "reference_audio", "reference_audio is larger than %lld bytes: send a shorter recording",
                (long long)most);
}

static void read_url(reader *r, sv_speech *s) {
    const char *url = text_of(r, "reference_audio_url");
    const sv_config *c = r->f->config;
    if (!url) return;
    if (!*url) {
        mistake(r, "reference_audio_url", "reference_audio_url is empty: give a URL, or leave the field out");
    } else if (c->fetch == SV_REACH_OFF) {
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

/* A label or a blend; else what OpenAI's free `instructions` ask for. */
static void read_emotion(reader *r, sv_speech *s) {
    const sv_catalogue *model = r->f->model;
    char *asked = copy_of(r, "emotion", 200), labels[160];
    s->emotion = asked ? sv_names_emotion(model, asked) : NULL;
    if (asked && !s->emotion) {
        sv_names_emotions(model, labels, sizeof labels);
        mistake(r, "emotion", "emotion '%.80s' is not known: use %s", asked, labels);
    }
    free(asked);
    const char *instructions = text_of(r, "instructions");
    const bool asks = instructions && !s->emotion && !s->prompt;
    const char *label = asks ? sv_instructions_emotion(model, instructions) : NULL;
    if (label && !(s->emotion = strdup(label))) mistake(r, "instructions", "out of memory");
    s->emotion_degree = (float)number_of(r, "emotion_degree", 1, 0, s->prompt ? 1 : 1.5);
}

enum { PROMPT_BYTES_MAX = 500 }; /* which are never more pieces than a style encoder of the published sizes takes */

/* A manner in free words, where the model reads any. */
static void read_prompt(reader *r, sv_speech *s) {
    s->prompt = copy_of(r, "prompt", PROMPT_BYTES_MAX);
    if (!s->prompt) return;
    if (!sv_catalogue_takes_prompts(r->f->model))
        mistake(
            r, "prompt",
            "this model takes an emotion, not a prompt in free words: leave prompt out, or serve a model made from "
            "EmotiVoice's published checkpoints by emotivoice import");
    else if (field_of(r, "emotion"))
        mistake(r, "prompt", "give emotion or prompt, not both");
}

/* A voice from a recording needs a speaker encoder. */
static void check_clones(reader *r, const sv_speech *s) {
    if ((!s->reference && !s->reference_url) || sv_catalogue_clones(r->f->model)) return;
    mistake(r, s->reference ? "reference_audio" : "reference_audio_url", SV_NO_SPEAKER_ENCODER);
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
        mistake(r, "response_format",
                "response_format '%.20s' is not made here: use wav, mp3, opus, flac, pcm, aac, ulaw or alaw", format);
    }
    const double rate = number_of(r, "sample_rate", 0, 8000, 48000);
    if (rate > (double)(int32_t)rate)
        mistake(r, "sample_rate", "sample_rate must be a whole number from 8000 to 48000");
    w->sound.rate = (int32_t)rate;
    w->sound.volume_db = (float)number_of(r, "volume", 0, -40, 40);
    const double factor = number_of(r, "volume_multiplier", 1, 0.01, 100); /* as Kokoro's clients say it */
    if (!field_of(r, "volume")) w->sound.volume_db = (float)(20 * log10(factor));
    w->sound.normalize = flag_of(r, "normalize");
    w->sound.trim_silence = flag_of(r, "trim_silence");
    w->sse = stream && strcmp(stream, "sse") == 0;
    if (stream && !w->sse && strcmp(stream, "audio") != 0) {
        mistake(r, "stream_format", "stream_format must be audio or sse");
    }
    w->words = flag_of(r, "timestamps");
    /* A .wav is a file, whose head tells its length; the others are streams. Who wants a .wav as it is made says so.
     */
    const bool asked = field_of(r, "stream") != NULL, wanted = flag_of(r, "stream");
    w->stream = stream || (asked ? wanted : w->format != EV_FORMAT_WAV);
    if (w->sound.normalize) w->stream = false; /* the whole must be heard first */
}

/* "en", "en-US" and "EN" are one. */
static bool is_language(const char *tag, const char *wanted) {
    const size_t size = strlen(wanted);
    return strncasecmp(tag, wanted, size) == 0 && (!tag[size] || tag[size] == '-' || tag[size] == '_');
}

static void read_language(reader *r, sv_speech *s) {
    static const char *const languages[] = {"en", "zh", "auto"};
    char *asked = copy_of(r, "language", 16);
    if (!asked) return;
    for (size_t i = 0; i < EV_ARRAY_COUNT(languages) && !s->language; i++)
        if (is_language(asked, languages[i]) && !(s->language = strdup(languages[i])))
            mistake(r, "language", "out of memory");
    if (!s->language) mistake(r, "language", "language '%s' is not spoken here: use en, zh or auto", asked);
    free(asked);
}

/* The place of the word, 0 for none given. */
static int word_of(reader *r, const char *field, const char *const *words, const char *hint) {
    const char *text = text_of(r, field);
    for (int i = 0; text && words[i]; i++)
        if (strcasecmp(text, words[i]) == 0) return i;
    if (text) mistake(r, field, "%s must be %s", field, hint);
    return 0;
}

static void read_markup(reader *r, sv_speech *s) {
    static const char *const markups[] = {"auto", "none", "ssml", NULL}, *const tags[] = {"speak", "drop", NULL};
    s->markup = (ev_markup)word_of(r, "markup", markups, "auto, none or ssml");
    s->audio_tags = (ev_audio_tags)word_of(r, "audio_tags", tags, "speak or drop");
    if (flag_of(r, "ssml")) s->markup = EV_MARKUP_SSML;
}

enum { LEXICON_WORDS_MAX = 500 };

/* {"EmotiVoice": "emotive voice"}, kept as lines. */
static void read_lexicon(reader *r, sv_speech *s) {
    json_t *words = field_of(r, "lexicon") ? json_object_get(r->json, "lexicon") : NULL, *value;
    const char *word;
    ev_buf lines = {0};
    ev_dictionary *made = NULL;
    ev_error err;
    if (!words) return;
    if (!json_is_object(words)) mistake(r, "lexicon", "lexicon must be an object of words, each with how it is said");
    if (json_object_size(words) > LEXICON_WORDS_MAX)
        mistake(r, "lexicon", "lexicon has more than %d words: give those of this text", LEXICON_WORDS_MAX);
    if (r->failed || !json_object_size(words)) return;
    json_object_foreach(words, word, value) {
        const char *saying = json_string_value(value);
        if (!saying || *word == '#' || strpbrk(word, "\t\r\n") || strpbrk(saying, "\r\n")) {
            mistake(r, "lexicon", "lexicon: '%.60s' needs a string of one line, and no # before it", word);
            break;
        }
        if (ev_dictionary_create(&made, &word, &saying, 1, &err) != EV_OK) {
            mistake(r, "lexicon", "lexicon: %s", err.message);
            break;
        }
        ev_dictionary_free(&made);
        ev_buf_printf(&lines, "%s\t%s\n", word, saying);
    }
    if (lines.failed) mistake(r, "lexicon", "out of memory");
    s->own_lexicon = r->failed ? NULL : (char *)lines.data;
    if (r->failed) ev_buf_free(&lines);
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
static void look_for_unknown(reader *r, bool native) {
    const char *field;
    json_t *value;
    const bool strict = flag_of(r, "strict");
    json_object_foreach((json_t *)(uintptr_t)r->json, field, value) {
        if (is_known(field, native)) continue;
        note_ignored(r->f, field);
        if (strict) mistake(r, "strict", "the field '%.64s' is not known: leave it out, or leave strict out", field);
    }
}

static void read_all(reader *r, sv_speech_params *w, bool native) {
    read_text(r, &w->speech, native ? "text" : "input");
    read_voice(r, &w->speech);
    translate_voice(r, &w->speech);
    read_reference(r, &w->speech);
    read_url(r, &w->speech);
    check_clones(r, &w->speech);
    drop_voice(&w->speech);
    read_prompt(r, &w->speech);
    read_emotion(r, &w->speech);
    read_numbers(r, &w->speech);
    read_language(r, &w->speech);
    read_markup(r, &w->speech);
    read_lexicon(r, &w->speech);
    read_format(r, w, native ? "wav" : "mp3");
    if (native) read_webhook(r, w);
    look_for_unknown(r, native);
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

/* NULL: f says why. */
static json_t *load(sv_fields *f, const void *body, size_t size) {
    json_error_t fault;
    const bool few = has_few_values(body, size);
    json_t *json = few ? json_loadb(body, size, JSON_REJECT_DUPLICATES, &fault) : NULL;
    reader r = {.f = f, .json = json};
    if (json && json_is_object(json)) return json;
    if (json)
        mistake(&r, NULL, "the body must be a JSON object");
    else if (!few)
        mistake(&r, NULL, "the body holds more than %d values: send the text as one string", VALUES_MAX);
    else if (!size)
        mistake(&r, NULL, "the body is empty: send a JSON object");
    else
        mistake(&r, NULL, "the body is not JSON: line %d: %s", fault.line, fault.text);
    json_decref(json);
    return NULL;
}

static bool read_object(sv_fields *f, const json_t *json, sv_speech_params *params) {
    reader r = {.f = f, .json = json};
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
    json_t *json = load(f, body, size);
    const bool ok = json && read_object(f, json, params);
    json_decref(json);
    return ok;
}

static sv_fields fields_of(const sv_request *req, bool native) {
    return (sv_fields){
        .config = &req->settings->config, .model = req->server->catalogue, .start = req->start, .native = native};
}

json_t *sv_body_object(sv_request *req, int *result) {
    sv_fields f = fields_of(req, false);
    json_t *json = load(&f, req->body.data, req->body.size);
    if (!json) *result = sv_reply_error(req, 400, f.field, "%s", f.message);
    return json;
}

/* What was read, in the request; or the answer that says what is wrong. */
static bool conclude(sv_request *req, const sv_fields *f, bool ok, int *result) {
    if (f->chars >= 0) req->chars = f->chars;
    memcpy(req->ignored, f->ignored, sizeof req->ignored);
    const bool own = req->dialect == SV_DIALECT_ELEVENLABS || req->dialect == SV_DIALECT_SIMPLE;
    const bool text = own && f->field && strcmp(f->field, "input") == 0;
    if (!ok) *result = sv_reply_error(req, 400, text ? "text" : f->field, "%s", f->message);
    return ok;
}

bool sv_fields_take(sv_request *req, const json_t *body, sv_speech_params *params, int *result) {
    sv_fields f = fields_of(req, false);
    const bool ok = read_object(&f, body, params);
    if (ok) params->speech.lexicon = sv_lexicon_hold(req->server);
    return conclude(req, &f, ok, result);
}

bool sv_fields_read(sv_request *req, sv_speech_params *params, bool native, int *result) {
    sv_fields f = fields_of(req, native);
    const bool ok = sv_fields_parse(&f, req->body.data, req->body.size, params);
    if (ok) params->speech.lexicon = sv_lexicon_hold(req->server);
    return conclude(req, &f, ok, result);
}
