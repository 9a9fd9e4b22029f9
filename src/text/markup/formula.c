/* formula: see formula.h. */
#include <assert.h>
#include <string.h>

#include "text/markup/formula.h"
#include "text/notation.h"

enum { DEPTH_MAX = 12 };

/* ---- saying ---- */

/* One blank, where none stands. */
void formula_blank(formula *f, size_t at) {
    const ev_buf *text = &f->m->out->text;
    if (!text->size || ((const char *)text->data)[text->size - 1] != ' ') markup_put(f->m, " ", 1, at, at);
}

void formula_say(formula *f, const char *english, const char *chinese, size_t begin) {
    const char *word = f->chinese ? chinese : english;
    formula_blank(f, begin);
    markup_put(f->m, word, strlen(word), begin, f->at);
    formula_blank(f, f->at);
}

/* By its phones: as a word "a" would be an article, and "2 m" a measure. false: as it stands. */
bool formula_say_phones(formula *f, const char *phones, size_t begin, size_t end) {
    ev_marked *out = f->m->out;
    ev_insert insert = {.at = out->text.size, .byte_begin = (uint32_t)begin, .byte_end = (uint32_t)end};
    insert.token_begin = ev_array_count(&out->tokens, int16_t);
    if (!ev_notation_read(&out->tokens, phones, strlen(phones), EV_NOTATION_TOKENS, NULL)) return false;
    insert.token_end = ev_array_count(&out->tokens, int16_t);
    ev_buf_append(&out->inserts, &insert, sizeof(insert));
    return true;
}

char formula_peek(const formula *f, size_t ahead) {
    return (char)(f->at + ahead < f->end ? f->m->text[f->at + ahead] : 0);
}

void formula_skip_spaces(formula *f) {
    while (f->at < f->end && markup_is_space(f->m->text[f->at])) f->at++;
}

/* "{...}", or the one item that stands there; deeper than DEPTH_MAX nothing is said. */
void formula_group(formula *f) {
    formula_skip_spaces(f);
    f->term = false;
    if (f->at >= f->end) return;
    if (f->depth >= DEPTH_MAX) {
        f->at++;
        return;
    }
    f->depth++;
    if (formula_peek(f, 0) == '{') {
        f->at++;
        formula_sequence(f, '}');
        if (formula_peek(f, 0) == '}') f->at++;
    } else if (markup_is_digit(formula_peek(f, 0))) { /* x^12 is x^1 2 */
        formula_blank(f, f->at);
        markup_copy(f->m, f->at, f->at + 1);
        f->at++;
        formula_blank(f, f->at);
    } else {
        f->item(f);
    }
    f->depth--;
    f->term = true;
}

/* Where the "}" of the "{" at `at` stands, or the end. */
size_t formula_group_end(const formula *f, size_t at) {
    size_t depth = 0;
    for (; at < f->end; at++) {
        depth += f->m->text[at] == '{';
        if (f->m->text[at] == '}' && --depth == 0) break;
    }
    return at;
}

/* "{...}" as it is written: \text{if }, \ce{A -> B}; what is no words is read as a formula all the same. */
void formula_words(formula *f, bool silently) {
    formula_skip_spaces(f);
    if (formula_peek(f, 0) != '{') return;
    const size_t begin = f->at + 1, end = formula_group_end(f, f->at);
    bool plain = true;
    for (size_t i = begin; i < end; i++)
        plain &= f->m->text[i] != '\\' && f->m->text[i] != '^' && f->m->text[i] != '_';
    if (!plain && !silently) {
        formula_group(f);
        return;
    }
    formula_blank(f, f->at);
    for (size_t i = begin, from = begin; !silently && i <= end; i++) {
        const bool arrow = i + 1 < end && f->m->text[i] == '-' && f->m->text[i + 1] == '>';
        if (!arrow && i < end) continue;
        markup_copy(f->m, from, i);
        if (arrow) markup_put(f->m, " \xE2\x86\x92 ", 5, i, i + 2);
        from = i + 2;
        i += arrow;
    }
    formula_blank(f, end);
    f->at = end < f->end ? end + 1 : end;
    f->term = true;
}

char formula_top(const formula *f) { return (char)(f->open ? f->kinds[f->open - 1] : 0); }

void formula_push(formula *f, char kind) {
    if (f->open < FORMULA_OPEN_MAX) f->kinds[f->open++] = kind;
    f->term = f->callee = f->function = f->closed = false;
}

char formula_pop(formula *f) {
    const char kind = formula_top(f);
    if (f->open) f->open--;
    f->term = f->closed = true;
    f->callee = f->function = false;
    return kind;
}

bool formula_is_among(const char *list, const char *name) {
    const size_t n = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if (at > list && at[-1] == ' ' && at[n] == ' ') return true;
    return false;
}

void formula_sequence(formula *f, char stop) {
    while (f->at < f->end && f->m->text[f->at] != stop) f->item(f);
}
