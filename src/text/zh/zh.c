/* zh: Mandarin, from characters to tokens. The header zh.h lists the files of this module in reading order.
 *
 * Characters go one by one into the current phrase: Han as they are (traditional ones folded to simplified), numbers
 * and signs written out by zh_expression(). Punctuation ends the phrase: it is segmented, read, its tones settled,
 * its words given to the sink, and emptied.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/zh/zh.h"

/* A run without any punctuation is spoken in pieces of this many characters: bounds memory, changes nothing audible.
 */
enum { PHRASE_MAX = 4096, FOLD_MAX = 8, PATH_BYTES = 4096 };

/* ---- opening ---- */

static bool path_of(char path[PATH_BYTES], const char *directory, const char *name) {
    return (size_t)snprintf(path, PATH_BYTES, "%s/%s", directory, name) < PATH_BYTES;
}

ev_status ev_zh_open(ev_zh **out, const char *lexicon_dir, ev_error *err) {
    char lexicon[PATH_BYTES], polyphones[PATH_BYTES], names[512];
    if (!path_of(lexicon, lexicon_dir, "zh.lexicon") || !path_of(polyphones, lexicon_dir, "zh.polyphones"))
        return ev_fail(err, EV_E_IO, "the path of the lexicons is too long");
    ev_zh *zh = calloc(1, sizeof *zh);
    if (!zh) return ev_fail(err, EV_E_MEMORY, "out of memory for the Mandarin tables");
    zh_syllable_names(names, sizeof names);
    ev_status status = ev_lexicon_open(&zh->lexicon, lexicon, names, err);
    if (status == EV_OK) status = zh_polyphones_open(&zh->polyphones, polyphones, names, err);
    if (status == EV_OK && !zh_syllable_tables(zh))
        status = ev_fail(err, EV_E_FORMAT, "the inventory lacks a Mandarin final");
    if (status != EV_OK)
        ev_zh_free(&zh);
    else
        *out = zh;
    return status;
}

void ev_zh_free(ev_zh **zh) {
    if (!zh || !*zh) return;
    ev_lexicon_free(&(*zh)->lexicon);
    zh_polyphones_free(&(*zh)->polyphones);
    free(*zh);
    *zh = NULL;
}

/* ---- small questions ---- */

size_t ev_zh_claims(const ev_zh *zh, const ev_char *chars, size_t n, size_t i) {
    (void)zh;
    zh_view view = {chars, n};
    zh_out nowhere = {0};
    const size_t used = i < n ? zh_expression(&view, i, &nowhere) : 0;
    assert(used == 0 || used <= n - i);
    return used;
}

/* ---- a phrase out ---- */

typedef struct speaker {
    const ev_zh *zh;
    zh_view view; /* up to the end of what is spoken; what stands before can be seen */
    zh_view wide; /* all of the text */
    zh_phrase phrase;
    ev_sink *sink;
} speaker;

static void emit_word(speaker *sp, const zh_word *word, size_t end_char) {
    assert(word->begin < end_char && end_char <= zh_char_count(&sp->phrase));
    assert(word->first < word->last && word->last <= zh_syllable_count(&sp->phrase));
    zh_phrase *p = &sp->phrase;
    const zh_char *c = zh_chars(p);
    uint32_t begin = c[word->begin].begin, end = c[word->begin].end;
    p->scratch.size = 0;
    for (size_t i = word->begin; i < end_char; i++) {
        char utf8[4];
        if (c[i].begin < begin) begin = c[i].begin;
        if (c[i].end > end) end = c[i].end;
        ev_buf_append(&p->scratch, utf8, ev_utf8_put(c[i].cp, utf8));
    }
    if (p->scratch.failed) return;
    ev_sink_word(sp->sink, "zh", begin, end, (const char *)p->scratch.data, p->scratch.size);
    for (size_t i = word->first; i < word->last; i++) {
        int tokens[3];
        size_t count = zh_syllable_tokens(sp->zh, &zh_syllables(p)[i], tokens);
        for (size_t k = 0; k < count; k++) ev_sink_phone(sp->sink, tokens[k]);
    }
}

static bool failed(const zh_phrase *p) {
    return p->chars.failed || p->words.failed || p->syllables.failed || p->scratch.failed;
}

static void flush(speaker *sp) {
    zh_phrase *p = &sp->phrase;
    if (zh_char_count(p) && !failed(p)) {
        zh_segment(sp->zh, p);
        if (!failed(p)) zh_read(sp->zh, p, sp->sink);
        if (!failed(p)) zh_sandhi(sp->zh, p);
        for (size_t i = 0; i < zh_word_count(p) && !failed(p); i++) {
            const zh_word *word = &zh_words(p)[i];
            size_t end = word->end; /* a word without a syllable of its own is 儿 that melted into this one */
            while (i + 1 < zh_word_count(p) && word[1].first == word[1].last && zh_cp(p, end) == 0x513F)
                end = word[1].end, i++;
            if (word->last > word->first) emit_word(sp, word, end);
        }
    }
    p->chars.size = 0;
}

/* ---- characters in ---- */

/* Traditional phrases first (乾坤 stays), then characters. Returns the characters taken. */
static size_t put_han(speaker *sp, size_t i) {
    assert(i < sp->view.n);
    const ev_lexicon *lexicon = sp->zh->lexicon;
    uint32_t node = 0, found = 0;
    size_t length = 0, count = 0;
    for (size_t k = i; k < sp->view.n && k < i + FOLD_MAX; k++) {
        node = ev_lexicon_child(lexicon, EV_LEXICON_TRADITIONAL, node, zh_at(&sp->view, k));
        if (!node) break;
        if (ev_lexicon_cost(lexicon, EV_LEXICON_TRADITIONAL, node)) found = node, length = k + 1 - i;
    }
    const uint16_t *simple = found ? ev_lexicon_values(lexicon, EV_LEXICON_TRADITIONAL, found, &count) : NULL;
    if (!simple || count != length) length = 1;
    assert(length >= 1 && length <= sp->view.n - i);
    for (size_t k = 0; k < length; k++) {
        const ev_char *c = &sp->view.chars[i + k];
        int32_t cp = simple && count == length ? simple[k] : ev_lexicon_simplified(lexicon, c->cp);
        if (c->cp == 0x3005 && zh_char_count(&sp->phrase))
            cp = zh_cp(&sp->phrase, zh_char_count(&sp->phrase) - 1); /* 々 */
        zh_put_char(&sp->phrase, cp, c->at, c->at + c->bytes, 0);
    }
    return length;
}

/* What a punctuation mark asks for; -1: not one. */
static int break_of(const zh_view *v, size_t i) {
    int32_t c = zh_at(v, i), next = zh_at(v, i + 1);
    if (c == '.')
        return next == 0 || next == ' ' || next == '\n' || !(next > ' ' && next < 0x80) ? EV_BREAK_FINAL
                                                                                        : EV_BREAK_WORD;
    if (c == '\n' || zh_in(c, "。…⋯｡")) return EV_BREAK_FINAL;
    if (c == '?' || c == 0xFF1F) return EV_BREAK_QUESTION;
    if (c == '!' || c == 0xFF01) return EV_BREAK_EXCLAIM;
    if (zh_in(c, ",;:、，；：—―()[]{}【】〔〕|")) return EV_BREAK_COMMA;
    if (zh_in(c, " \t\"'“”‘’「」『』《》〈〉〖〗·•・-–‐‑‧﹏_*`^~")) return EV_BREAK_WORD;
    return -1;
}

static void put_break(speaker *sp, int kind) {
    assert(kind >= EV_BREAK_WORD && kind <= EV_BREAK_EXCLAIM);
    if (kind == EV_BREAK_WORD) return;
    flush(sp);
    ev_sink_break(sp->sink, (ev_break)kind);
}

/* Letters seldom come here: only when there is no English beside them. They are said by their Mandarin names. */
static bool put_letter(speaker *sp, const ev_char *c) {
    static const char *const names[26] = {"诶",   "必", "西",   "弟",   "伊",     "艾弗",   "吉", "艾尺", "艾",
                                          "杰",   "开", "艾勒", "艾姆", "恩",     "欧",     "屁", "丘",   "阿",
                                          "艾丝", "提", "优",   "维",   "达不溜", "艾克斯", "歪", "贼"};
    int32_t letter = c->cp | 0x20;
    if (letter < 'a' || letter > 'z') return false;
    zh_out out = {&sp->phrase, c->at, c->at + c->bytes};
    zh_put(&out, names[letter - 'a'], ZH_START | ZH_JOIN);
    return true;
}

static size_t put_next(speaker *sp, size_t i) {
    const ev_char *c = &sp->view.chars[i];
    if (ev_zh_is_han(c->cp)) return put_han(sp, i);
    zh_out out = {&sp->phrase, c->at, c->at + c->bytes};
    size_t before = sp->phrase.chars.size, taken = zh_expression(&sp->wide, i, &out);
    if (taken && i + taken > sp->view.n) { /* goes on in what another speaks: as if the text ended here */
        sp->phrase.chars.size = before;
        taken = zh_expression(&sp->view, i, &out);
    }
    assert(taken <= sp->view.n - i);
    if (taken) return taken;
    int kind = break_of(&sp->view, i);
    if (kind >= 0)
        put_break(sp, kind);
    else if (!put_letter(sp, c))
        ev_sink_omit(sp->sink, c->at, c->at + c->bytes, "symbol");
    return 1;
}

ev_status ev_zh_speak(const ev_zh *zh, const ev_char *chars, size_t n, size_t begin, size_t end, ev_sink *sink,
                      ev_error *err) {
    assert(begin <= end && end <= n);
    speaker sp = {.zh = zh, .view = {chars, end}, .wide = {chars, n}, .sink = sink};
    for (size_t i = begin; i < end;) {
        i += put_next(&sp, i);
        if (zh_char_count(&sp.phrase) >= PHRASE_MAX) flush(&sp);
    }
    flush(&sp);
    bool bad = failed(&sp.phrase);
    ev_buf_free(&sp.phrase.chars);
    ev_buf_free(&sp.phrase.words);
    ev_buf_free(&sp.phrase.syllables);
    ev_buf_free(&sp.phrase.scratch);
    return bad ? ev_fail(err, EV_E_MEMORY, "out of memory while reading Mandarin") : EV_OK;
}
