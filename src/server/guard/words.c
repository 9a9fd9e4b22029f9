/* words: listed words in disguise. List and text are folded to glyphs (words_fold.c), the text also as it is spoken,
 * its pauses passed over (words_controls.c); an automaton runs over the letters alone, as if nothing stood between
 * them, and each match is then judged by what did stand between them, and at its ends. So the time is linear in the
 * text, however many words are listed. How words sound is the business of sounds.c. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/guard/automaton.h"
#include "server/guard/lines.h"
#include "server/guard/words.h"

enum { WORD_GLYPHS_MAX = 128, ID_BYTES = 64, NONE = 0 };

typedef struct rule {
    char id[ID_BYTES];
    uint32_t first, count; /* its glyphs */
    uint32_t text, bytes;  /* as it stands in the list */
    uint32_t next;         /* another rule with the same letters, 1 + index; NONE */
    bool open_begin, open_end;
} rule;

struct sv_words {
    sv_folder folder;
    ev_buf rules, glyphs, texts; /* rule, sv_glyph and bytes of all rules */
    sv_automaton automaton;
};

static rule *rules(const sv_words *w) { return (rule *)(void *)w->rules.data; }
static const sv_glyph *glyphs_of(const ev_buf *b) { return (const sv_glyph *)(void *)b->data; }

/* ---- list ---- */

static bool build(sv_words *w) {
    const size_t count = ev_array_count(&w->rules, rule);
    if (!sv_automaton_open(&w->automaton, ev_array_count(&w->glyphs, sv_glyph))) return false;
    for (size_t i = 0; i < count; i++) {
        rule *r = &rules(w)[i];
        assert(r->count > 0 && r->first + r->count <= ev_array_count(&w->glyphs, sv_glyph));
        const sv_glyph *first = glyphs_of(&w->glyphs) + r->first;
        uint32_t *last = sv_automaton_plant(&w->automaton, &first->letter, sizeof(*first), r->count);
        if (!last) return false;
        r->next = *last;
        *last = (uint32_t)i + 1;
    }
    return sv_automaton_link(&w->automaton);
}

static bool is_id_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

/* Cuts "id:" off the line into r->id; without one, the line's number is the name: never the word. */
static void take_id(rule *r, sv_line *line) {
    size_t n = 0;
    while (n < line->bytes && n < ID_BYTES && is_id_char(line->text[n])) n++;
    if (n == 0 || n == ID_BYTES || n == line->bytes || line->text[n] != ':') {
        snprintf(r->id, sizeof(r->id), "line-%u", line->number);
        return;
    }
    memcpy(r->id, line->text, n);
    line->text += n + 1;
    line->bytes -= n + 1;
    while (line->bytes && (line->text[0] == ' ' || line->text[0] == '\t')) line->text++, line->bytes--;
}

static void take_stars(rule *r, sv_line *line) {
    r->open_begin = line->bytes && line->text[0] == '*';
    if (r->open_begin) line->text++, line->bytes--;
    r->open_end = line->bytes && line->text[line->bytes - 1] == '*';
    if (r->open_end) line->bytes--;
}

/* A sign in a word would be skipped, and "c++" would find every c. */
static bool holds_sign(const sv_line *line) {
    for (size_t i = 0; i < line->bytes; i++) {
        const char c = line->text[i];
        if (c > ' ' && c < 0x7F && !is_id_char(c) && c != '\'') return true;
    }
    return false;
}

/* NULL, or what is wrong with the line. */
static const char *parse_rule(sv_words *w, sv_line line) {
    rule r = {.first = (uint32_t)ev_array_count(&w->glyphs, sv_glyph)};
    take_id(&r, &line);
    take_stars(&r, &line);
    unsigned readings;
    if (holds_sign(&line)) return "a word has a sign in it: write it in plain letters, with '*' only at its ends";
    const ev_status status =
        sv_fold(&w->folder, line.text, line.bytes, SV_READ_PLAIN, false, &w->glyphs, &readings, NULL);
    if (status == EV_E_TEXT) return "the line is not UTF-8: save the file in UTF-8";
    const size_t count = ev_array_count(&w->glyphs, sv_glyph) - r.first;
    if (!w->glyphs.failed && count == 0) return "there is no letter in the word: write one, or remove the line";
    if (count > WORD_GLYPHS_MAX) return "the word is longer than 128 letters: write a shorter part of it";
    r.count = (uint32_t)count;
    r.text = (uint32_t)w->texts.size;
    r.bytes = (uint32_t)line.bytes;
    ev_buf_append(&w->texts, line.text, line.bytes);
    ev_buf_append(&w->rules, &r, sizeof(r));
    return NULL;
}

ev_status sv_words_parse(sv_words **out, const char *text, size_t bytes, const char *label, ev_error *err) {
    sv_words *w = calloc(1, sizeof(*w));
    if (!w) return ev_fail(err, EV_E_MEMORY, "out of memory: %.150s", label);
    ev_status status = sv_folder_init(&w->folder, err);
    sv_lines lines = {.text = text, .bytes = bytes};
    for (sv_line line; !status && sv_lines_next(&lines, &line);) {
        const char *fault = parse_rule(w, line);
        if (fault) status = ev_fail(err, EV_E_FORMAT, "%.120s, line %u: %s", label, line.number, fault);
    }
    if (!status && (w->rules.failed || w->glyphs.failed || w->texts.failed || !build(w)))
        status = ev_fail(err, EV_E_MEMORY, "out of memory: %.150s", label);
    if (status)
        sv_words_free(&w);
    else
        *out = w;
    return status;
}

ev_status sv_words_load(sv_words **out, const char *path, ev_error *err) {
    ev_buf text = {0};
    ev_status status = sv_read_file(&text, path, SV_WORDS_BYTES_MAX, err);
    if (!status) status = sv_words_parse(out, (const char *)text.data, text.size, path, err);
    ev_buf_free(&text);
    return status;
}

size_t sv_words_count(const sv_words *w) { return ev_array_count(&w->rules, rule); }

sv_word sv_words_at(const sv_words *w, size_t i) {
    const rule *r = &rules(w)[i];
    return (sv_word){r->id, (const char *)w->texts.data + r->text, r->bytes, r->open_begin, r->open_end};
}

void sv_words_free(sv_words **words) {
    if (!words || !*words) return;
    sv_words *w = *words;
    sv_folder_free(&w->folder);
    ev_buf_free(&w->rules);
    ev_buf_free(&w->glyphs);
    ev_buf_free(&w->texts);
    sv_automaton_close(&w->automaton);
    free(w);
    *words = NULL;
}

/* ---- judging a match ---- */

typedef struct row { /* the text */
    const sv_glyph *glyphs;
    size_t count;
} row;

/* What stands between the letters of a match, counted over the gaps that the listed word has not itself. */
typedef struct gaps {
    size_t all, open;      /* how many, and how many hold something */
    size_t signs, blanks;  /* of the open ones */
    size_t wide, unspaced; /* gaps nothing joins over; gaps beside an unspaced character */
} gaps;

static gaps count_gaps(const sv_glyph *word, const sv_glyph *text, size_t n) {
    gaps g = {0};
    for (size_t i = 1; i < n; i++) {
        const sv_gap gap = (sv_gap)text[i].gap;
        g.wide += gap == SV_GAP_WIDE;
        if (word[i].gap != SV_GAP_NONE) continue; /* a phrase: anything short */
        g.all++;
        g.open += gap != SV_GAP_NONE;
        g.signs += gap == SV_GAP_SIGN;
        g.blanks += gap == SV_GAP_BLANK;
        g.unspaced += text[i].script == SV_UNSPACED || text[i - 1].script == SV_UNSPACED;
    }
    return g;
}

/* An alphabet's word begins at a gap or pause, beside an unspaced script, or beside a digit (unless it has digits
 * itself). later: the one of the two that comes behind what is between them. */
static bool is_boundary(const sv_glyph *inner, const sv_glyph *outer, const sv_glyph *later) {
    if (later->gap != SV_GAP_NONE || later->after_pause) return true;
    if (inner->script == SV_UNSPACED || outer->script == SV_UNSPACED) return true;
    return inner->script == SV_ALPHA && (outer->script == SV_DIGIT || outer->stands_in);
}

static bool ends_freely(const rule *r, row text, size_t begin, size_t end) {
    const sv_glyph *g = text.glyphs;
    if (!r->open_begin && begin > 0 && !is_boundary(&g[begin], &g[begin - 1], &g[begin])) return false;
    return r->open_end || end == text.count || is_boundary(&g[end - 1], &g[end], &g[end]);
}

static bool is_apart(row text, size_t at) {
    return at == 0 || at == text.count || text.glyphs[at].gap >= SV_GAP_MARK || text.glyphs[at].after_pause;
}

/* "sh-it", but not inside "push-it-up": a word split in part must be all that blanks, marks and pauses enclose. */
static bool stands_alone(row text, size_t begin, size_t end) { return is_apart(text, begin) && is_apart(text, end); }

static bool is_match(const sv_words *w, const rule *r, row text, size_t end) {
    const size_t begin = end - r->count, n = r->count;
    const gaps g = count_gaps(glyphs_of(&w->glyphs) + r->first, text.glyphs + begin, n);
    if (g.wide || !ends_freely(r, text, begin, end)) return false;
    if (g.open == 0) return true;
    if (g.open == g.all && n >= 3) return true; /* every letter apart: nobody writes so by chance */
    if (g.unspaced == g.all) return g.signs + g.blanks == g.open;
    return n >= 4 && g.signs == g.open && stands_alone(text, begin, end);
}

/* ---- finding ---- */

typedef struct search {
    const sv_words *words;
    sv_word_hit *hits;
    size_t hits_max, count;
} search;

/* Another reading may find the same again. */
static bool is_known(const search *s, const sv_word_hit *hit) {
    for (size_t i = 0; i < s->count && i < s->hits_max; i++) {
        const sv_word_hit *h = &s->hits[i];
        if (h->rule == hit->rule && h->byte_begin == hit->byte_begin && h->byte_end == hit->byte_end) return true;
    }
    return false;
}

static void report(search *s, const rule *r, const sv_glyph *first, const sv_glyph *last) {
    const sv_word_hit hit = {r->id, first->byte_begin, last->byte_end};
    if (is_known(s, &hit)) return;
    if (s->count < s->hits_max) s->hits[s->count] = hit;
    s->count++;
}

static void find_in_row(search *s, row text) {
    const sv_words *w = s->words;
    const sv_automaton *a = &w->automaton;
    uint32_t n = SV_STATE_START;
    for (size_t i = 0; i < text.count; i++) {
        n = sv_automaton_step(a, n, text.glyphs[i].letter);
        for (uint32_t e = sv_automaton_ending(a, n); e != SV_STATE_NONE; e = sv_automaton_shorter(a, e)) {
            for (uint32_t k = sv_automaton_value(a, e); k != NONE; k = rules(w)[k - 1].next) {
                const rule *r = &rules(w)[k - 1];
                if (is_match(w, r, text, i + 1)) report(s, r, &text.glyphs[i + 1 - r->count], &text.glyphs[i]);
            }
        }
    }
}

static ev_status find_in_readings(search *s, const char *text, size_t bytes, bool spoken, ev_error *err) {
    unsigned readings = 1;
    ev_status status = EV_OK;
    for (unsigned i = 0; !status && i < readings; i++) {
        ev_buf glyphs = {0};
        unsigned possible;
        status = sv_fold(&s->words->folder, text, bytes, (sv_reading)i, spoken, &glyphs, &possible, err);
        if (!status) find_in_row(s, (row){glyphs_of(&glyphs), ev_array_count(&glyphs, sv_glyph)});
        if (i == 0) readings = possible;
        ev_buf_free(&glyphs);
    }
    return status;
}

ev_status sv_words_find(const sv_words *words, const char *text, size_t bytes, sv_word_hit *hits, size_t hits_max,
                        size_t *count, ev_error *err) {
    search s = {.words = words, .hits = hits, .hits_max = hits_max};
    *count = 0;
    ev_status status = find_in_readings(&s, text, bytes, false, err);
    if (!status && memchr(text, '[', bytes)) status = find_in_readings(&s, text, bytes, true, err);
    if (!status) *count = s.count;
    return status;
}
