/* element: what an element of HTML or SSML means for reading, whoever found it (the tag scanner or expat).
 *
 * Elements that change what stands in them (<sub>, <say-as>, <phoneme>) let it be written as it is, and replace it
 * when they are closed. What is never closed changes nothing but how it is spoken.
 */
#include <assert.h>
#include <string.h>

#include "text/markup/marked.h"
#include "text/notation.h"
#include "text/scan.h"

enum {
    INLINE,
    BLOCK,
    LINE_BREAK,
    CELL,
    RAW,
    IMAGE,
    SILENT,
    SPEAK,
    PAUSE,
    PROSODY,
    SAY_AS,
    SUB,
    SUP,
    PHONEME,
    VOICE,
    DROP
};

static const struct known {
    int what;
    const char *names;
} table[] = {
    {INLINE,
     " a abbr acronym b bdi bdo big button cite code data del dfn em font i ins kbd label mark q ruby rb s samp "
     "small span strike strong time tt u var wbr w token html body thead tbody tfoot "},
    {BLOCK,
     " p div h1 h2 h3 h4 h5 h6 li ul ol dl dt dd tr table caption blockquote section article aside header footer "
     "main nav figure figcaption pre address title hr form fieldset legend details summary "
     "sentence paragraph "},
    {LINE_BREAK, " br "},
    {CELL, " td th option "},
    {IMAGE, " img "},
    {SILENT, " meta metadata link lexicon lookup base input col colgroup area map track source "},
    {SPEAK, " speak "},
    {PAUSE, " break "},
    {PROSODY, " prosody emphasis lang "},
    {SAY_AS, " say-as "},
    {SUB, " sub "},
    {SUP, " sup "},
    {PHONEME, " phoneme "},
    {VOICE, " voice "},
    {DROP, " rt rp desc "}};

static int what_of(const char *name) {
    char padded[28] = " ";
    assert(strlen(name) + 3 <= sizeof(padded));
    const size_t n = strlen(name);
    memcpy(padded + 1, name, n);
    memcpy(padded + 1 + n, " ", 2);
    for (size_t i = 0; i < EV_ARRAY_COUNT(table); i++)
        if (strstr(table[i].names, padded)) return table[i].what;
    return markup_raw_index(name) >= 0 ? RAW : -1;
}

bool markup_is_known(const markup *m, const char *name) {
    (void)m;
    return what_of(name) >= 0;
}

/* Only where it cannot be anything else in prose: a <title> is read. */
int markup_raw_index(const char *name) {
    static const char *const names[] = {"script", "style",    "svg",  "math",     "template", "iframe",
                                        "object", "noscript", "head", "textarea", "select"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return (int)i;
    return -1;
}

/* ---- how it is spoken from here on ---- */

static void set_prosody(markup *m, ev_prosody prosody, size_t at) {
    assert(at <= m->bytes);
    prosody.byte_begin = (uint32_t)at;
    m->prosody = prosody;
    ev_buf_append(&m->out->prosodies, &prosody, sizeof(prosody));
}

static void set_language(markup *m, const markup_tag *tag, ev_prosody *prosody) {
    const char *lang = markup_attribute_of(tag, "lang");
    if (!lang || !*lang) return;
    const char a = (char)(lang[0] | 0x20), b = lang[1] ? (char)(lang[1] | 0x20) : 0;
    const bool end = b && !markup_is_alpha(lang[2]);
    if (end && a == 'e' && b == 'n')
        prosody->language = 'e';
    else if ((end && a == 'z' && b == 'h') || strncmp(lang, "cmn", 3) == 0)
        prosody->language = 'z';
    else
        markup_omit(m, tag->begin, tag->end, "language that is not spoken");
}

static bool set_emphasis(ev_prosody *prosody, const char *level) {
    static const struct {
        const char *level;
        float speed, energy_scale;
    } levels[] = {{"strong", 0.85f, 1.5f}, {"moderate", 0.92f, 1.25f}, {"none", 1, 1}, {"reduced", 1.1f, 0.8f}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(levels); i++)
        if (strcmp(level ? level : "moderate", levels[i].level) == 0) {
            prosody->speed *= levels[i].speed;
            prosody->energy_scale *= levels[i].energy_scale;
            return true;
        }
    return false;
}

/* ---- opening ---- */

static size_t keep_value(markup *m, const char *value) {
    const size_t at = m->values.size;
    ev_buf_append(&m->values, value ? value : "", value ? strlen(value) + 1 : 1);
    return at;
}

static markup_element *push(markup *m, const markup_tag *tag, int what) {
    assert(m->depth <= MARKUP_DEPTH);
    if (m->depth == MARKUP_DEPTH) {
        markup_omit(m, tag->begin, tag->end, "tag inside too many others");
        return NULL;
    }
    markup_element *e = &m->elements[m->depth++];
    *e = (markup_element){.what = what, .begin = tag->begin, .content = tag->end, .outer = m->prosody};
    memcpy(e->name, tag->name, sizeof(e->name));
    e->out = m->out->text.size;
    e->inserts = m->out->inserts.size;
    e->token_begin = e->token_end = ev_array_count(&m->out->tokens, int16_t);
    return e;
}

static void open_pause(markup *m, const markup_tag *tag) {
    int ms = markup_break_ms(markup_attribute_of(tag, "time"), markup_attribute_of(tag, "strength"));
    if (ms < 0) markup_omit(m, tag->begin, tag->end, "value that is not understood");
    if (ms > EV_SCAN_PAUSE_MS_MAX) {
        markup_omit(m, tag->begin, tag->end, "pause of more than 10 s");
        ms = EV_SCAN_PAUSE_MS_MAX;
    }
    if (ms > 0) markup_pause(m, ms, tag->begin, tag->end);
    if (ms == 0) markup_put(m, " ", 1, tag->begin, tag->begin);
}

/* The phones go to the marked text's tokens; they are meant once the element is closed. */
static void open_phoneme(markup *m, const markup_tag *tag) {
    const char *phones = markup_attribute_of(tag, "ph"), *alphabet = markup_attribute_of(tag, "alphabet");
    const size_t before = m->out->tokens.size;
    if (phones && ev_notation_read(&m->out->tokens, phones, strlen(phones), ev_notation_of(alphabet), NULL)) {
        markup_element *e = push(m, tag, PHONEME);
        if (e) {
            e->token_begin = before / sizeof(int16_t);
            e->token_end = ev_array_count(&m->out->tokens, int16_t);
            return;
        }
    }
    m->out->tokens.size = before;
    markup_omit(m, tag->begin, tag->end, "phones that are not understood");
}

static void open_manner(markup *m, const markup_tag *tag) {
    ev_prosody prosody = m->prosody;
    bool good = true;
    if (strcmp(tag->name, "prosody") == 0) good = markup_prosody(&prosody, tag);
    if (strcmp(tag->name, "emphasis") == 0) good = set_emphasis(&prosody, markup_attribute_of(tag, "level"));
    if (!good) markup_omit(m, tag->begin, tag->end, "value that is not understood");
    set_language(m, tag, &prosody);
    if (push(m, tag, PROSODY)) set_prosody(m, prosody, tag->end);
}

/* The offset of a name in the list of voices, + 1; 0: nobody is called that. */
static uint32_t voice_named(markup *m, const char *name, size_t n) {
    char own[MARKUP_VOICE_MAX + 1];
    if (!n || n > MARKUP_VOICE_MAX || !m->options->knows_voice) return 0;
    memcpy(own, name, n);
    own[n] = '\0';
    if (!m->options->knows_voice(m->options->voices, own)) return 0;
    const size_t at = m->out->voices.size;
    ev_buf_append(&m->out->voices, own, n + 1);
    return (uint32_t)at + 1;
}

/* Another voice is another sentence. Names are in order of preference, with blanks between them; a name may hold some
 * itself. */
static void open_voice(markup *m, const markup_tag *tag) {
    const char *names = markup_attribute_of(tag, "name");
    ev_prosody prosody = m->prosody;
    uint32_t voice = names ? voice_named(m, names, strlen(names)) : 0;
    for (const char *at = names; at && *at && !voice;) {
        const size_t n = strcspn(at, " \t\r\n");
        voice = voice_named(m, at, n);
        at += n + strspn(at + n, " \t\r\n");
    }
    if (!voice) markup_omit(m, tag->begin, tag->end, "voice that is not known");
    if (voice) markup_end_line(m, tag->begin);
    if (voice) prosody.voice = voice;
    set_language(m, tag, &prosody);
    if (push(m, tag, VOICE)) set_prosody(m, prosody, tag->end);
}

/* Of elements that are what they are for all: where a language is named, it holds until they end. */
static void open_plain(markup *m, const markup_tag *tag, int what) {
    const bool sentence = m->ssml && strcmp(tag->name, "s") == 0;
    if (what == BLOCK || sentence) markup_end_line(m, tag->begin);
    if (strcmp(tag->name, "hr") == 0 || tag->empty || !markup_attribute_of(tag, "lang")) return;
    ev_prosody prosody = m->prosody;
    set_language(m, tag, &prosody);
    if (push(m, tag, what)) set_prosody(m, prosody, tag->end);
}

static void open_image(markup *m, const markup_tag *tag) {
    const char *alt = markup_attribute_of(tag, "alt");
    if (alt && *alt)
        markup_put(m, alt, strlen(alt), tag->begin, tag->end);
    else
        markup_omit(m, tag->begin, tag->end, "image");
}

void markup_open(markup *m, const markup_tag *tag) {
    const int what = what_of(tag->name);
    markup_element *e;
    switch (what) {
    case INLINE:
    case BLOCK: open_plain(m, tag, what); return;
    case LINE_BREAK:
    case CELL: markup_comma(m, tag->begin); return;
    case IMAGE: open_image(m, tag); return;
    case SILENT: return;
    case PAUSE: open_pause(m, tag); return;
    default: break;
    }
    if (what < 0 || what == RAW) {
        markup_omit(m, tag->begin, tag->end, strcmp(tag->name, "audio") == 0 ? "sound file" : "unknown tag");
        return;
    }
    assert(what >= SPEAK && what <= DROP);
    const char *alias = markup_attribute_of(tag, "alias");
    if (what == SUB && !alias) return; /* HTML's: CO<sub>2</sub> */
    const char *as = markup_attribute_of(tag, "interpret-as");
    if (tag->empty) return;
    if (what == SPEAK) m->ssml = true;
    if (what == PHONEME) {
        open_phoneme(m, tag);
    } else if (what == VOICE) {
        open_voice(m, tag);
    } else if (what == PROSODY || what == SPEAK) {
        open_manner(m, tag);
    } else if ((e = push(m, tag, what))) {
        e->value = keep_value(m, what == SUB ? alias : as);
        e->format = keep_value(m, markup_attribute_of(tag, "format"));
    }
}

/* ---- closing ---- */

/* Forgets what was written since the element began. */
static void forget(markup *m, const markup_element *e) {
    assert(e->out <= m->out->text.size && e->inserts <= m->out->inserts.size);
    m->out->text.size = e->out;
    m->out->origins.size = e->out * sizeof(ev_origin);
    m->out->inserts.size = e->inserts;
    markup_end_paragraph(m);
}

static void close_phoneme(markup *m, const markup_element *e, size_t begin, size_t end) {
    assert(e->token_begin <= e->token_end);
    ev_insert insert = {.byte_begin = (uint32_t)e->content, .byte_end = (uint32_t)begin};
    if (e->content == begin) {
        insert.byte_begin = (uint32_t)e->begin;
        insert.byte_end = (uint32_t)end;
    }
    forget(m, e);
    insert.at = m->out->text.size;
    insert.token_begin = e->token_begin;
    insert.token_end = e->token_end;
    ev_buf_append(&m->out->inserts, &insert, sizeof(insert));
}

/* Digits in <sup> are powers. */
static void close_sup(markup *m, const char *content, const ev_origin *origins, size_t n) {
    static const char *const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    bool digits = n > 0;
    for (size_t i = 0; i < n; i++) digits &= markup_is_digit(content[i]) || (content[i] == '-' && n > 1);
    for (size_t i = 0; i < n; i++) {
        const char *s = !digits ? NULL : content[i] == '-' ? "⁻" : raised[content[i] - '0'];
        markup_put(m, s ? s : content + i, s ? strlen(s) : 1, origins[i].begin, origins[i].end);
    }
}

static void replace(markup *m, const markup_element *e) {
    const size_t n = m->out->text.size - e->out;
    ev_buf text = {0}, origins = {0};
    ev_buf_append(&text, m->out->text.data + e->out, n);
    ev_buf_append(&origins, m->out->origins.data + e->out * sizeof(ev_origin), n * sizeof(ev_origin));
    if (text.failed || origins.failed) {
        m->out->text.failed = m->out->origins.failed = true;
    } else {
        const char *content = (const char *)text.data, *values = (const char *)m->values.data;
        const ev_origin *places = (const ev_origin *)(const void *)origins.data;
        forget(m, e);
        if (e->what == SUP)
            close_sup(m, content, places, n);
        else if (!markup_say_as(m, values + e->value, values + e->format, content, places, n))
            markup_omit(m, e->begin, e->content, "value that is not understood");
    }
    ev_buf_free(&text);
    ev_buf_free(&origins);
}

static bool is_same_prosody(const ev_prosody *a, const ev_prosody *b) {
    return a->speed == b->speed && a->pitch_scale == b->pitch_scale && a->energy_scale == b->energy_scale &&
           a->voice == b->voice && a->language == b->language;
}

static void close_top(markup *m, size_t begin, size_t end) {
    assert(m->depth > 0 && m->depth <= MARKUP_DEPTH);
    const markup_element *e = &m->elements[--m->depth];
    const bool inside = e->content < begin;
    const char *value;
    switch (e->what) {
    case PHONEME: close_phoneme(m, e, begin, end); break;
    case DROP:
        forget(m, e);
        markup_omit(m, e->begin, end, "reading aid");
        break;
    case SUB:
        if (m->values.failed) break;
        forget(m, e);
        value = (const char *)m->values.data + e->value;
        markup_put(m, value, strlen(value), inside ? e->content : e->begin, inside ? begin : end);
        break;
    case SAY_AS:
    case SUP:
        if (m->out->text.size > e->out && !m->values.failed) replace(m, e);
        break;
    case VOICE:
        if (m->prosody.voice != e->outer.voice) markup_end_line(m, begin);
        break;
    case SPEAK: m->ssml = false; /* fall through */
    default: break;
    }
    if (!is_same_prosody(&m->prosody, &e->outer)) set_prosody(m, e->outer, end);
}

void markup_close(markup *m, const char *name, size_t begin, size_t end) {
    const int what = what_of(name);
    const bool sentence = m->ssml && strcmp(name, "s") == 0;
    size_t depth = m->depth;
    while (depth > 0 && strcmp(m->elements[depth - 1].name, name) != 0) depth--;
    while (depth > 0 && m->depth >= depth) close_top(m, begin, end);
    if (what == BLOCK || sentence || what == SPEAK) markup_end_line(m, begin);
    if (what < 0) markup_omit(m, begin, end, "unknown tag");
}

void markup_close_all(markup *m) { m->depth = 0; }
