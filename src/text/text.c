/* text: the way from a written text to phones, in order: markup, scan (characters), runs (which language), the
 * languages (words and phones), sink (marks, sentences, the result). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "text/scan.h"
#include "text/sink.h"

static_assert(EV_TEXT_BYTES_MAX < INT32_MAX, "places in a text are 32 bits");

struct ev_text {
    ev_en *en;
    ev_zh *zh;
};

ev_status ev_text_open(ev_text **out, const char *lexicon_dir, ev_error *err) {
    ev_text *text = calloc(1, sizeof(*text));
    if (!text) return ev_fail(err, EV_E_MEMORY, "out of memory while opening the lexicons");
    ev_status status = ev_en_open(&text->en, lexicon_dir, err);
    if (status == EV_OK) status = ev_zh_open(&text->zh, lexicon_dir, err);
    if (status != EV_OK) {
        ev_text_free(&text);
        return status;
    }
    *out = text;
    return EV_OK;
}

void ev_text_free(ev_text **text) {
    if (!text || !*text) return;
    ev_en_free(&(*text)->en);
    ev_zh_free(&(*text)->zh);
    free(*text);
    *text = NULL;
}

/* 'e', 'z', 0 for automatic, -1 for a language that is not spoken here. */
static int parse_language(const char *language) {
    if (!language || strcmp(language, "auto") == 0) return 0;
    if (strcmp(language, "en") == 0) return 'e';
    return strcmp(language, "zh") == 0 ? 'z' : -1;
}

ev_status ev_text_phones(ev_phones **out, const ev_text *text, const char *utf8, size_t bytes,
                         const ev_text_options *options, size_t sentence_phones_max, ev_error *err) {
    static const ev_text_options defaults;
    if (!out || !text || (!utf8 && bytes)) return ev_fail(err, EV_E_ARGUMENT, "text is NULL");
    if (!options) options = &defaults;
    int hint = parse_language(options->language);
    if (hint < 0)
        return ev_fail(err, EV_E_NOT_FOUND, "language '%s' is not spoken: use en, zh or auto", options->language);
    if (bytes == 0) return ev_fail(err, EV_E_TEXT, "text is empty");
    if (bytes > EV_TEXT_BYTES_MAX)
        return ev_fail(err, EV_E_LIMIT, "text has %zu bytes, more than the limit of %d", bytes, EV_TEXT_BYTES_MAX);
    if (sentence_phones_max == 0) sentence_phones_max = 400;
    if (sentence_phones_max < EV_SINK_SENTENCE_MIN) sentence_phones_max = EV_SINK_SENTENCE_MIN;
    ev_marked marked = {0};
    ev_scan scan = {0};
    ev_sink sink;
    ev_sink_init(&sink, sentence_phones_max);
    ev_status status = ev_markup_read(&marked, utf8, bytes, options, &sink, err);
    if (status == EV_OK) status = ev_scan_text(&scan, &marked, utf8, bytes, options->dictionaries, &sink, err);
    if (status == EV_OK) status = ev_runs_speak(&scan, &marked, text->en, text->zh, (char)hint, utf8, &sink, err);
    if (status == EV_OK)
        status = ev_sink_finish(&sink, out, &marked.prosodies, &marked.voices, utf8, bytes, sentence_phones_max, err);
    ev_marked_clear(&marked);
    ev_scan_clear(&scan);
    ev_sink_clear(&sink);
    return status;
}

void ev_phones_free(ev_phones **phones) {
    if (!phones || !*phones) return;
    free((*phones)->storage);
    *phones = NULL;
}
