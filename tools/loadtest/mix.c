/* mix: the body of request number N. Everything about it follows from the seed and N, in whatever order and at
 * whatever time requests are made, so a run can be repeated, and no two requests are equal unless --repeat asks. */
#include "loadtest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REPEATED_REQUESTS 16   /* what --repeat chooses from */
#define NAME_PAIRS        4096 /* how many serials load_put_name makes with one name */
#define TEXT_FILE_MAX     (16u << 20)
#define PIECES_MAX        4 /* sentences in a long text */

uint64_t load_hash(uint64_t seed, uint64_t a, uint64_t b) { /* splitmix64's finaliser, over the three in turn */
    uint64_t words[] = {a, b}, x = seed + 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i <= EV_ARRAY_COUNT(words); i++) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
        x ^= x >> 31;
        if (i < EV_ARRAY_COUNT(words)) x += words[i] * 0x9e3779b97f4a7c15u + i + 1;
    }
    return x;
}

double load_share(uint64_t hash) { return (double)(hash >> 11) * 0x1p-53; }

/* ---- sentences ---- */

static int add_line(load_mix *mix, char *line, size_t number) {
    size_t length = strlen(line);
    while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL) line[--length] = '\0';
    if (length == 0) return LOAD_EXIT_OK;
    json_t *probe = json_string(line); /* NULL: not UTF-8 */
    if (probe == NULL) {
        return load_fail(LOAD_EXIT_INPUT, "--text '%.100s', line %zu: give text in UTF-8", mix->values->text, number);
    }
    json_decref(probe);
    mix->sentences[mix->sentence_count++] = line;
    return LOAD_EXIT_OK;
}

static int read_sentences(load_mix *mix) {
    ev_buf *file = &mix->storage;
    const char *path = mix->values->text;
    int code = load_file_read(file, path, TEXT_FILE_MAX);
    if (code != LOAD_EXIT_OK) return code;
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < file->size; i++) {
        if (file->data[i] == '\0')
            return load_fail(LOAD_EXIT_INPUT, "--text '%.100s' holds a zero byte: give text", path);
        lines += file->data[i] == '\n';
    }
    mix->sentences = calloc(lines, sizeof *mix->sentences);
    if (mix->sentences == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: give a shorter --text");
    char *rest = (char *)file->data;
    while (code == LOAD_EXIT_OK && rest != NULL) code = add_line(mix, strsep(&rest, "\n"), ++number);
    if (code == LOAD_EXIT_OK && mix->sentence_count == 0) {
        return load_fail(LOAD_EXIT_INPUT, "--text '%.100s' is empty: give one sentence a line", path);
    }
    return code;
}

static int built_in_sentences(load_mix *mix) {
    mix->sentences = malloc(load_sentence_count * sizeof *mix->sentences);
    if (mix->sentences == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: free some and try again");
    memcpy(mix->sentences, load_sentences, load_sentence_count * sizeof *mix->sentences);
    mix->sentence_count = load_sentence_count;
    return LOAD_EXIT_OK;
}

int load_mix_open(load_mix *mix, const load_values *values, uint64_t seed) {
    *mix = (load_mix){.values = values, .seed = seed};
    int code = values->text != NULL ? read_sentences(mix) : built_in_sentences(mix);
    if (code == LOAD_EXIT_OK) code = load_names_parse(&mix->voices, "voices", values->voices);
    if (code == LOAD_EXIT_OK) code = load_names_parse(&mix->emotions, "emotions", values->emotions);
    if (code == LOAD_EXIT_OK)
        code = load_references_read(&mix->references, &mix->reference_count, values->references);
    return code;
}

void load_mix_close(load_mix *mix) {
    ev_buf_free(&mix->storage);
    free(mix->sentences);
    load_names_free(&mix->voices);
    load_names_free(&mix->emotions);
    load_references_free(mix->references, mix->reference_count);
    *mix = (load_mix){0};
}

/* ---- one request ---- */

enum {
    CHOOSE_REPEAT,
    CHOOSE_PIECES,
    CHOOSE_VOICE,
    CHOOSE_EMOTION,
    CHOOSE_REUSE,
    CHOOSE_REFERENCE,
    CHOOSE_OFFSET,
    CHOOSE_SENTENCE
};

static uint64_t choose(const load_mix *mix, uint64_t content, unsigned what) {
    return load_hash(mix->seed, content, what);
}

static size_t pieces_of(const load_mix *mix, uint64_t content) {
    const char *lengths = mix->values->lengths;
    if (strcmp(lengths, "short") == 0) return 1;
    if (strcmp(lengths, "long") == 0) return PIECES_MAX;
    double share = load_share(choose(mix, content, CHOOSE_PIECES));
    return share < 0.6 ? 1 : share < 0.9 ? 2 : PIECES_MAX;
}

/* The first sentence goes round the list; how often it went round is the serial, which becomes the name. The names
 * start elsewhere with every seed, so that two runs in a row do not ask the same. */
static void put_text(const load_mix *mix, uint64_t content, ev_buf *out) {
    ev_buf text = {0};
    uint64_t serial = content / mix->sentence_count;
    uint64_t name = (serial + load_hash(mix->seed, 0, CHOOSE_OFFSET)) % NAME_PAIRS;
    size_t pieces = pieces_of(mix, content);
    for (size_t i = 1; i < pieces; i++) {
        size_t other = choose(mix, content, CHOOSE_SENTENCE + (unsigned)i) % mix->sentence_count;
        load_put_text(&text, mix->sentences[other]);
        load_put_text(&text, " ");
    }
    load_put_name(&text, mix->sentences[content % mix->sentence_count], name + serial / NAME_PAIRS * NAME_PAIRS);
    ev_buf_json_string(out, (const char *)text.data, text.size);
    if (text.failed) out->failed = true;
    ev_buf_free(&text);
}

static void put_field(ev_buf *out, const char *name, const char *text) {
    load_put_text(out, ", ");
    ev_buf_json_string(out, name, strlen(name));
    load_put_text(out, ": ");
    ev_buf_json_string(out, text, strlen(text));
}

static void put_factor(ev_buf *out, const char *name, float value) {
    if (value != 1) ev_buf_printf(out, ", \"%s\": %g", name, (double)value);
}

static void put_one_of(const load_mix *mix, uint64_t content, unsigned what, const load_names *names,
                       const char *field, ev_buf *out) {
    if (names->count > 0) put_field(out, field, names->items[choose(mix, content, what) % names->count]);
}

static void put_reference(const load_mix *mix, uint64_t content, ev_buf *out) {
    if (mix->reference_count == 0) return;
    size_t which = choose(mix, content, CHOOSE_REFERENCE) % mix->reference_count;
    bool reuse = load_share(choose(mix, content, CHOOSE_REUSE)) < (double)mix->values->reference_repeat;
    uint32_t serial = (uint32_t)(content + load_hash(mix->seed, 1, CHOOSE_OFFSET));
    load_put_text(out, ", \"reference_audio\": \"");
    load_put_reference(out, &mix->references[which], !reuse, serial);
    load_put_text(out, "\"");
}

void load_mix_body(const load_mix *mix, uint64_t number, ev_buf *out) {
    const load_values *v = mix->values;
    bool speech = strcmp(v->api, "speech") == 0;
    uint64_t content = number + REPEATED_REQUESTS;
    uint64_t chance = choose(mix, number, CHOOSE_REPEAT);
    if (load_share(chance) < (double)v->repeat) content = chance % REPEATED_REQUESTS;
    out->size = 0;
    out->failed = false;
    load_put_text(out, speech ? "{\"input\": " : "{\"text\": ");
    put_text(mix, content, out);
    put_one_of(mix, content, CHOOSE_VOICE, &mix->voices, "voice", out);
    put_one_of(mix, content, CHOOSE_EMOTION, &mix->emotions, "emotion", out);
    if (speech) {
        put_field(out, "model", v->model);
        put_field(out, "response_format", v->format);
        if (v->stream) put_field(out, "stream_format", "audio");
    }
    put_factor(out, "speed", v->speed);
    put_factor(out, "pitch_scale", v->pitch_scale);
    put_reference(mix, content, out);
    load_put_text(out, "}");
}
