/* import: see import.h. */
#include "import/import.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/try.h"
#include "import/writer.h"
#include "text/text.h"
#include "text/wordpiece.h"

enum { VOCABULARY_BYTES_MAX = 4 << 20, LIST_BYTES_MAX = 1 << 20, VOICES_MAX = 10000 };

/* The labels that all our models understand, and what the published style encoder is told for them. The first seven
 * are those that it was trained to tell apart. */
static const char *const emotions[][2] = {{"neutral", "普通"},   {"happy", "开心"},     {"sad", "悲伤"},
                                          {"angry", "生气"},     {"surprised", "惊讶"}, {"fearful", "恐惧"},
                                          {"disgusted", "厌恶"}, {"calm", "平静"},      {"excited", "兴奋"}};

typedef struct job {
    const ev_import_options *options;
    ev_import_files files;
    ev_checkpoint *generator, *style;
    ev_layout generator_layout, style_layout;
    char *vocabulary;
    json_t *config, *metadata;
    ev_writer *writer;
    size_t done, total; /* tensors */
} job;

void ev_import_options_init(ev_import_options *options) { *options = (ev_import_options){0}; }

/* ---- lists ---- */

/* The next line up to a space or bar (what follows, up to *at, is about it); false at the end. Blank lines are passed
 * over. */
static bool next_line(const char **at, const char **line, size_t *bytes) {
    while (**at == '\n' || **at == '\r') (*at)++;
    if (!**at) return false;
    *line = *at;
    *at += strcspn(*at, "\n");
    *bytes = strcspn(*line, "\r\n\t |");
    return true;
}

/* What lists write of a speaker behind the name, in any order: "8051 | Maria Kasper | female | English". */
static const struct speaker_word {
    const char *word, *key, *value;
} SPEAKER_WORDS[] = {{"female", "sex", "female"},    {"f", "sex", "female"},    {"woman", "sex", "female"},
                     {"女", "sex", "female"},        {"女声", "sex", "female"}, {"male", "sex", "male"},
                     {"m", "sex", "male"},           {"man", "sex", "male"},    {"男", "sex", "male"},
                     {"男声", "sex", "male"},        {"en", "language", "en"},  {"english", "language", "en"},
                     {"英文", "language", "en"},     {"zh", "language", "zh"},  {"chinese", "language", "zh"},
                     {"mandarin", "language", "zh"}, {"中文", "language", "zh"}};

static bool read_speaker_word(json_t *voice, const char *word, size_t bytes) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(SPEAKER_WORDS); i++) {
        if (strlen(SPEAKER_WORDS[i].word) != bytes || strncasecmp(SPEAKER_WORDS[i].word, word, bytes) != 0) continue;
        json_object_set_new(voice, SPEAKER_WORDS[i].key, json_string(SPEAKER_WORDS[i].value));
        return true;
    }
    return false;
}

/* The rest of a speaker's line: sex and language where a word tells them; all other words are its note. */
static void read_about(json_t *voice, const char *at, const char *end) {
    enum { NOTE_MAX = 100 };
    static const char between[] = " \t|,;:()\r\n"; /* and the NUL, which is none of a line's */
    char note[NOTE_MAX + 1] = "";
    size_t used = 0;
    while (at < end) {
        const size_t gap = strspn(at, between), bytes = strcspn(at + gap, between);
        if (gap >= (size_t)(end - at)) break;
        at += gap;
        if (!read_speaker_word(voice, at, bytes) && used + bytes + 2 < sizeof note)
            used += (size_t)snprintf(note + used, sizeof note - used, "%s%.*s", used ? " " : "", (int)bytes, at);
        at += bytes;
    }
    json_t *text = json_string(note); /* NULL: it is no UTF-8, and nobody misses it */
    if (used && text)
        json_object_set_new(voice, "note", text);
    else
        json_decref(text);
}

static ev_status read_speakers(job *j, size_t rows, ev_error *err) {
    char *text = NULL;
    size_t bytes = 0, length = 0;
    json_t *voices = json_array();
    const char *line;
    ev_status s = ev_import_text(&text, &bytes, j->files.speakers, LIST_BYTES_MAX, err);
    for (const char *at = text; s == EV_OK && next_line(&at, &line, &length);) {
        json_t *name = json_stringn(line, length);
        if (!name || !length || length > 100) {
            s = ev_fail(err, EV_E_FORMAT, "'%.100s': line %zu is no name of 1..100 bytes of UTF-8", j->files.speakers,
                        json_array_size(voices) + 1);
            json_decref(name);
        } else {
            json_t *voice = json_pack("{s:o}", "name", name);
            read_about(voice, line + length, at);
            json_array_append_new(voices, voice);
        }
    }
    free(text);
    if (s == EV_OK && json_array_size(voices) != rows) {
        s = ev_fail(err, EV_E_FORMAT,
                    "'%.100s' names %zu speakers, the generator has %zu; a list of its own belongs to each "
                    "checkpoint: say which with --speakers",
                    j->files.speakers, json_array_size(voices), rows);
    }
    json_object_set_new(j->config, "voices", voices);
    return s;
}

static ev_status check_tokens(const job *j, size_t rows, ev_error *err) {
    char *text = NULL;
    size_t bytes = 0, n = 0, length = 0;
    const char *line;
    ev_status s = ev_import_text(&text, &bytes, j->files.tokens, LIST_BYTES_MAX, err);
    for (const char *at = text; s == EV_OK && next_line(&at, &line, &length); n++) {
        const char *ours = ev_token_name((int)n);
        if (n < EV_TOKEN_COUNT && (strlen(ours) != length || memcmp(ours, line, length) != 0)) {
            s = ev_fail(err, EV_E_FORMAT, "'%.100s': token %zu is '%.*s', the front-end's is '%s'", j->files.tokens,
                        n, (int)(length < 20 ? length : 20), line, ours);
        }
    }
    free(text);
    if (s == EV_OK && (n < EV_TOKEN_COUNT || n != rows)) {
        s = ev_fail(err, EV_E_FORMAT, "'%.100s' has %zu tokens, the generator %zu, the front-end makes %d",
                    j->files.tokens, n, rows, EV_TOKEN_COUNT);
    }
    return s;
}

static ev_status read_vocabulary(job *j, size_t *count, ev_error *err) {
    size_t bytes = 0;
    ev_wordpiece *pieces = NULL;
    TRY(ev_import_text(&j->vocabulary, &bytes, j->files.vocabulary, VOCABULARY_BYTES_MAX, err));
    TRY(ev_wordpiece_open(&pieces, j->vocabulary, bytes, err));
    *count = ev_wordpiece_count(pieces);
    ev_wordpiece_free(&pieces);
    return EV_OK;
}

/* ---- configuration ---- */

static void add_emotions(json_t *acoustic) {
    json_t *names = json_array(), *prompts = json_array();
    for (size_t i = 0; i < EV_ARRAY_COUNT(emotions); i++) {
        json_array_append_new(names, json_string(emotions[i][0]));
        json_array_append_new(prompts, json_string(emotions[i][1]));
    }
    json_object_set_new(acoustic, "emotions", names);
    json_object_set_new(acoustic, "prompts", prompts);
}

static ev_status find_sizes(job *j, ev_error *err) {
    ev_import_heads heads = {.encoder = 8, .sample_rate = 16000};
    json_t *acoustic = json_object(), *vocoder = json_object(), *style = json_object();
    size_t pieces = 0;
    json_object_set_new(j->config, "format", json_integer(1));
    json_object_set_new(j->config, "acoustic", acoustic);
    json_object_set_new(j->config, "vocoder", vocoder);
    json_object_set_new(j->config, "speaker", json_null());
    json_object_set_new(acoustic, "style_encoder", style);
    if (*j->files.config) TRY(ev_import_config(&heads, j->files.config, err));
    TRY(ev_layout_generator(&j->generator_layout, j->generator, &heads, acoustic, vocoder, err));
    TRY(read_vocabulary(j, &pieces, err));
    TRY(ev_layout_style(&j->style_layout, j->style, 0, pieces, style, err));
    add_emotions(acoustic);
    const json_int_t width = json_integer_value(json_object_get(style, "width"));
    const size_t i = ev_checkpoint_find(j->generator, "am.embed_projection1.weight");
    const size_t speakers = ev_checkpoint_find(j->generator, "am.spk_tokenizer.weight");
    assert(i != SIZE_MAX && speakers != SIZE_MAX);
    const int64_t *shape = ev_checkpoint_tensor(j->generator, i)->shape;
    if (shape[1] != 2 * shape[0] + 2 * width) {
        return ev_fail(err, EV_E_FORMAT,
                       "the generator takes style vectors of %lld numbers, the style encoder makes %lld",
                       (long long)(shape[1] - 2 * shape[0]) / 2, (long long)width);
    }
    TRY(check_tokens(j, (size_t)json_integer_value(json_object_get(acoustic, "tokens")), err));
    return read_speakers(j, (size_t)ev_checkpoint_tensor(j->generator, speakers)->shape[0], err);
}

/* ---- data ---- */

/* weight = g v / ||v||, the norm over all axes but the first. */
static ev_status fold(const ev_checkpoint *c, const ev_wanted *w, float *v, ev_error *err) {
    assert(w->dims == 3 && w->gain != SIZE_MAX);
    float *g = NULL;
    TRY(ev_checkpoint_floats(c, w->gain, &g, err));
    const size_t n = (size_t)w->shape[1] * (size_t)w->shape[2];
    for (size_t i = 0; i < (size_t)w->shape[0]; i++) {
        double sum = 0;
        for (size_t k = 0; k < n; k++) sum += (double)v[i * n + k] * v[i * n + k];
        const double factor = sum > 0 ? g[i] / sqrt(sum) : 0;
        for (size_t k = 0; k < n; k++) v[i * n + k] = (float)(v[i * n + k] * factor);
    }
    free(g);
    return EV_OK;
}

static const char *written_name(const ev_wanted *w) {
    return strcmp(w->name, "am.spk_tokenizer.weight") == 0 ? "voices.vectors" : w->name;
}

static ev_status declare_all(const job *j, const ev_layout *l, ev_error *err) {
    const ev_wanted *w = (const ev_wanted *)(const void *)l->wanted.data;
    for (size_t i = 0; i < ev_array_count(&l->wanted, ev_wanted); i++) {
        TRY(ev_writer_declare(j->writer, written_name(&w[i]), w[i].dims, w[i].shape, err));
    }
    return EV_OK;
}

static ev_status write_all(job *j, const ev_checkpoint *c, const ev_layout *l, ev_error *err) {
    const ev_wanted *w = (const ev_wanted *)(const void *)l->wanted.data;
    for (size_t i = 0; i < ev_array_count(&l->wanted, ev_wanted); i++) {
        float *values = NULL;
        size_t count = 1;
        for (int d = 0; d < w[i].dims; d++) count *= (size_t)w[i].shape[d];
        assert(w[i].source != SIZE_MAX); /* the layout was complete */
        TRY(ev_checkpoint_floats(c, w[i].source, &values, err));
        ev_status s = w[i].gain == SIZE_MAX ? EV_OK : fold(c, &w[i], values, err);
        if (s == EV_OK) s = ev_writer_floats(j->writer, values, count, err);
        free(values);
        TRY(s);
        j->done++;
        assert(j->done <= j->total);
        if (j->options->progress) j->options->progress(j->options->user, j->done, j->total);
    }
    return EV_OK;
}

static ev_status write_file(job *j, const char *path, ev_error *err) {
    char *config = json_dumps(j->config, JSON_COMPACT);
    j->metadata = json_pack("{s:s*, s:s*, s:s}", "emotivoice", config, "vocabulary", j->vocabulary, "format", "pt");
    free(config);
    if (!config || !j->metadata) return ev_fail(err, EV_E_FORMAT, "the vocabulary is no UTF-8, or memory is short");
    j->total =
        ev_array_count(&j->generator_layout.wanted, ev_wanted) + ev_array_count(&j->style_layout.wanted, ev_wanted);
    TRY(ev_writer_create(&j->writer, path, j->options->half, err));
    TRY(declare_all(j, &j->generator_layout, err));
    TRY(declare_all(j, &j->style_layout, err));
    TRY(ev_writer_begin(j->writer, j->metadata, err));
    TRY(write_all(j, j->generator, &j->generator_layout, err));
    TRY(write_all(j, j->style, &j->style_layout, err));
    return ev_writer_finish(j->writer, err);
}

static ev_status import(job *j, const char *folder, const char *path, ev_error *err) {
    TRY(ev_import_find(&j->files, folder, err));
    TRY(ev_checkpoint_open(&j->generator, j->files.generator, "generator", "module.", err));
    TRY(ev_checkpoint_open(&j->style, j->files.style, "model", "module.", err));
    j->config = json_object();
    if (!j->config) return ev_fail(err, EV_E_MEMORY, "out of memory");
    TRY(find_sizes(j, err));
    return write_file(j, path, err);
}

static void take_path(char *to, const char *path) { snprintf(to, EV_PATH_MAX, "%s", path ? path : ""); }

ev_status ev_model_import(const char *folder, const char *path, const ev_import_options *options, ev_error *err) {
    ev_import_options defaults;
    ev_import_options_init(&defaults);
    job *j = calloc(1, sizeof *j);
    if (!j) return ev_fail(err, EV_E_MEMORY, "out of memory");
    j->options = options ? options : &defaults;
    take_path(j->files.generator, j->options->generator);
    take_path(j->files.style, j->options->style_encoder);
    take_path(j->files.vocabulary, j->options->vocabulary);
    take_path(j->files.tokens, j->options->tokens);
    take_path(j->files.speakers, j->options->speakers);
    take_path(j->files.config, j->options->config);
    const ev_status s = import(j, folder, path, err);
    ev_writer_free(&j->writer);
    ev_checkpoint_free(&j->generator);
    ev_checkpoint_free(&j->style);
    ev_layout_free(&j->generator_layout);
    ev_layout_free(&j->style_layout);
    json_decref(j->metadata);
    json_decref(j->config);
    free(j->vocabulary);
    free(j);
    return s;
}
