/* fields_voice: who speaks and in which manner: the model, a voice's name or a recording, a prompt or an emotion. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/fields_inner.h"

/* A name, an id, or {"id": ...} as some clients send it. */
static void read_voice(sv_field_reader *r, sv_speech *s) {
    const json_t *value = sv_field_of(r, "voice");
    const char *name = json_is_object(value) ? json_string_value(json_object_get(value, "id")) : NULL;
    if (!json_is_object(value)) {
        s->voice = sv_field_copy(r, "voice", 128);
    } else if (!name || strlen(name) > 128 || !(s->voice = strdup(name))) {
        sv_field_mistake(r, "voice", "voice must be a name or an object with an id");
    }
}

/* `model`, the voice, or both say which one speaks. */
static void choose_model(sv_field_reader *r, sv_speech *s) {
    const char *name = sv_field_text(r, "model");
    bool mixed = false;
    char names[160];
    const sv_model *m = r->failed ? NULL : sv_names_model(r->f->models, name, s->voice, &mixed);
    if (!m && mixed)
        sv_field_mistake(
            r, "voice",
            "model and voice name different models: a mixture is of one model's voices, and model is theirs");
    if (!m && !r->failed) {
        sv_model_names(r->f->models, NULL, names, sizeof names);
        sv_field_mistake(r, "model", "there is no model '%.64s' here: use %s", name, names);
        r->f->code = 404;
    }
    if (!m) m = r->f->models->items[0]; /* to read on with */
    r->f->model = m;
    s->model_number = m->number;
    s->model_rate = sv_catalogue_rate(m->catalogue);
    if (!(s->model = strdup(m->name))) sv_field_mistake(r, "model", "out of memory");
}

static void translate_voice(sv_field_reader *r, sv_speech *s) {
    if (!s->voice) return;
    char *ours = sv_names_voice(r->f->model, s->voice);
    if (!ours) sv_field_mistake(r, "voice", "out of memory");
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

static void decode_reference(sv_field_reader *r, sv_speech *s, const char *text) {
    size_t length = 0;
    char *joined = join_lines(text, &length);
    s->reference = malloc(length / 4 * 3 + 4);
    const int decoded = joined && s->reference ? decode(joined, length, s->reference) : -1;
    free(joined);
    if (decoded <= 0)
        sv_field_mistake(r, "reference_audio", "reference_audio is not base64: encode the bytes of a recording");
    else
        s->reference_bytes = (size_t)decoded;
    ev_error err;
    if (!r->failed &&
        sv_formats_check(r->f->config->reference_formats, s->reference, s->reference_bytes, &err) != EV_OK)
        sv_field_mistake(r, "reference_audio", "reference_audio: %s", err.message);
}

static void read_reference(sv_field_reader *r, sv_speech *s) {
    const char *text = sv_field_text(r, "reference_audio");
    const int64_t most = r->f->config->reference_bytes_max;
    if (!text) return;
    if (strncmp(text, "data:", 5) == 0) {
        const char *comma = strchr(text, ',');
        text = comma ? comma + 1 : "";
    }
    const size_t length = strlen(text);
    if (!text[strspn(text, " \t\r\n")])
        sv_field_mistake(r, "reference_audio",
                         "reference_audio is empty: give the bytes of a recording in base64, or leave the field out");
    else if ((int64_t)(length / 4 * 3) > most + most / 16 + 3) /* breaks add a sixteenth at most */
        sv_field_mistake(r, "reference_audio", "reference_audio is larger than %lld bytes: send a shorter recording",
                         (long long)most);
    else
        decode_reference(r, s, text);
    if (!r->failed && (int64_t)s->reference_bytes > most)
        sv_field_mistake(r, "reference_audio", "reference_audio is larger than %lld bytes: send a shorter recording",
                         (long long)most);
}

static void read_url(sv_field_reader *r, sv_speech *s) {
    const char *url = sv_field_text(r, "reference_audio_url");
    const sv_config *c = r->f->config;
    if (!url) return;
    if (!*url) {
        sv_field_mistake(r, "reference_audio_url",
                         "reference_audio_url is empty: give a URL, or leave the field out");
    } else if (c->fetch == SV_REACH_OFF) {
        sv_field_mistake(
            r, "reference_audio_url",
            "this service fetches no URLs: send the recording itself as reference_audio, or upload it to /v1/voices");
    } else if (s->reference) {
        sv_field_mistake(r, "reference_audio_url", "give either reference_audio or reference_audio_url, not both");
    } else if (!(s->reference_url = strdup(url))) {
        sv_field_mistake(r, "reference_audio_url", "out of memory");
    }
}

/* A recording comes before a name: OpenAI's clients cannot leave out `voice`. */
static void drop_voice(sv_speech *s) {
    if (!s->reference && !s->reference_url) return;
    free(s->voice);
    s->voice = NULL;
}

/* A label or a blend; else what OpenAI's free `instructions` ask for. */
static void read_emotion(sv_field_reader *r, sv_speech *s) {
    const sv_catalogue *model = r->f->model->catalogue;
    char *asked = sv_field_copy(r, "emotion", 200), labels[160];
    s->emotion = asked ? sv_names_emotion(model, asked) : NULL;
    if (asked && !s->emotion) {
        sv_names_emotions(model, labels, sizeof labels);
        sv_field_mistake(r, "emotion", "emotion '%.80s' is not known: use %s", asked, labels);
    }
    free(asked);
    const char *instructions = sv_field_text(r, "instructions");
    const bool asks = instructions && !s->emotion && !s->prompt;
    const char *label = asks ? sv_instructions_emotion(model, instructions) : NULL;
    if (label && !(s->emotion = strdup(label))) sv_field_mistake(r, "instructions", "out of memory");
    s->emotion_degree = (float)sv_field_number(r, "emotion_degree", 1, 0, s->prompt ? 1 : 1.5);
}

enum { PROMPT_BYTES_MAX = 500 }; /* which are never more pieces than a style encoder of the published sizes takes */

/* "here it can be had of b: name it as model", where one can; else what to do without. */
static const char *who_can(const sv_field_reader *r, bool (*can)(const sv_catalogue *c), const char *without,
                           char text[256]) {
    char names[120];
    sv_model_names(r->f->models, can, names, sizeof names);
    if (*names)
        snprintf(text, 256, "here it can be had of %s: name it as model", names);
    else
        snprintf(text, 256, "%s", without);
    return text;
}

/* A manner in free words, where the model reads any. */
static void read_prompt(sv_field_reader *r, sv_speech *s) {
    char hint[256];
    s->prompt = sv_field_copy(r, "prompt", PROMPT_BYTES_MAX);
    if (!s->prompt) return;
    if (!sv_catalogue_takes_prompts(r->f->model->catalogue))
        sv_field_mistake(
            r, "prompt", "the model %s takes an emotion, not a prompt in free words; %s", r->f->model->name,
            who_can(
                r, sv_catalogue_takes_prompts,
                "leave it out, or serve a model that emotivoice import made of EmotiVoice's published checkpoints",
                hint));
    else if (sv_field_of(r, "emotion"))
        sv_field_mistake(r, "prompt", "give emotion or prompt, not both");
}

/* A voice from a recording needs a speaker encoder. */
static void check_clones(sv_field_reader *r, const sv_speech *s) {
    char hint[256];
    if ((!s->reference && !s->reference_url) || sv_catalogue_clones(r->f->model->catalogue)) return;
    sv_field_mistake(r, s->reference ? "reference_audio" : "reference_audio_url", "the model %s %s; %s",
                     r->f->model->name, SV_NO_SPEAKER_ENCODER,
                     who_can(r, sv_catalogue_clones, "serve one that has it, such as emotivoice-default", hint));
}

/* The model comes first: what may be asked for is its own. */
void sv_fields_read_voice(sv_field_reader *r, sv_speech *s) {
    read_voice(r, s);
    choose_model(r, s);
    translate_voice(r, s);
    read_reference(r, s);
    read_url(r, s);
    check_clones(r, s);
    drop_voice(s);
    read_prompt(r, s);
    read_emotion(r, s);
}
