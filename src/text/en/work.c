/* work: what every matcher asks of the characters, and how it puts words. */
#include <assert.h>
#include <string.h>

#include "text/en/en.h"

size_t en_digits_end(const en_work *w, size_t i) {
    while (en_is_digit(w->s[i])) i++;
    return i;
}

size_t en_letters_end(const en_work *w, size_t i) {
    size_t limit = i + EN_WORD_LETTERS + 1;
    while (i < limit && en_is_alpha(w->s[i])) i++;
    return i;
}

size_t en_skip_spaces(const en_work *w, size_t i) {
    for (size_t limit = i + 4; i < limit && w->s[i] == ' ';) i++;
    return i;
}

bool en_starts(const en_work *w, size_t i, const char *lower) {
    for (; *lower; lower++, i++)
        if (en_lower(w->s[i]) != *lower) return false;
    return true;
}

bool en_word_is(const en_work *w, size_t i, const char *lower) {
    return en_starts(w, i, lower) && !en_is_alnum(w->s[i + strlen(lower)]);
}

bool en_in_list(const char *list, const char *word, size_t n) {
    char padded[32];
    if (n == 0 || n + 3 > sizeof(padded)) return false;
    padded[0] = ' ';
    for (size_t i = 0; i < n; i++) padded[i + 1] = en_lower(word[i]);
    memcpy(padded + n + 1, " ", 2);
    return strstr(list, padded) != NULL;
}

bool en_word_in(const en_work *w, size_t i, const char *list) {
    return en_in_list(list, w->s + i, en_letters_end(w, i) - i);
}

bool en_previous_in(const en_work *w, const char *list) {
    const char *previous = en_previous(w);
    return en_in_list(list, previous, strlen(previous));
}

bool en_vowel_letter(char c) { return c != 0 && strchr("aeiouyAEIOUY", c) != NULL; }

/* A word that likes to begin one stands at i. */
bool en_starts_sentence(const en_work *w, size_t i) {
    static const char starters[] =
        " the he she it they we i you his her their our my this that these those there then but and so if when where "
        "what who why how in on at for after before as by with now please no yes not all one some many most every ";
    return en_word_in(w, i, starters);
}

/* A sentence may follow: end of text or line, or a word that likes to start one. */
bool en_ends_sentence(const en_work *w, size_t i) {
    while (w->s[i] == '"' || w->s[i] == '\'' || w->s[i] == ')') i++;
    size_t next = en_skip_spaces(w, i);
    if (w->s[next] == 0 || w->s[next] == '\n') return true;
    return next != i && en_is_upper(w->s[next]) && en_starts_sentence(w, next);
}

/* Three words or more and hardly a small letter: capitals are for loudness. Decided once a sentence. */
bool en_shouting(en_work *w, size_t i) {
    if (i < w->shout_until) return w->shouting;
    size_t upper = 0, lower = 0, words = 0, end = i;
    while (w->s[end] && end - i < 400 && !strchr("!?\n", w->s[end])) {
        char c = w->s[end];
        if (c == '.' && en_is_space(w->s[end + 1])) break;
        upper += en_is_upper(c);
        lower += en_is_lower(c);
        words += en_is_alpha(c) && !en_is_alpha(w->s[end + 1]) && end > i && en_is_alpha(w->s[end - 1]);
        end++;
    }
    w->shout_until = end + 1;
    w->shouting = words >= 3 && upper > 4 * lower;
    return w->shouting;
}

size_t en_before_spaces(const en_work *w, size_t i) {
    size_t at = i > 0 ? i - 1 : 0;
    while (at > 0 && i - at < 5 && w->s[at] == ' ') at--;
    return at;
}

/* ---- putting words ---- */

size_t en_word_count(const en_work *w) { return ev_array_count(&w->words, en_word); }
en_word *en_word_at(const en_work *w, size_t index) {
    assert(index < en_word_count(w));
    return (en_word *)(void *)w->words.data + index;
}
const char *en_word_text(const en_work *w, const en_word *word) { return (const char *)w->text.data + word->text; }

const char *en_previous(const en_work *w) {
    size_t count = en_word_count(w);
    if (count <= w->sentence_from) return "";
    return en_word_text(w, en_word_at(w, count - 1));
}

void en_span(en_work *w, size_t begin, size_t end) {
    w->span_begin = (uint32_t)begin;
    w->span_end = (uint32_t)end;
    w->span_number = false;
    w->span_capital = en_is_upper(w->s[begin]);
}

void en_break(en_work *w, ev_break kind) {
    assert(kind <= EV_BREAK_EXCLAIM);
    if (kind > w->pending) w->pending = (uint8_t)kind;
    if (kind >= EV_BREAK_FINAL) w->sentence_from = en_word_count(w);
}

static en_word *push_word(en_work *w, const char *text, size_t n) {
    assert(n > 0 && w->span_begin <= w->span_end && w->span_end >= 1 && w->span_end <= w->n);
    en_word word = {.text = (uint32_t)w->text.size, .bytes = (uint32_t)n, .begin = w->span_begin};
    word.end = w->span_end;
    word.before = w->pending;
    word.number = w->span_number;
    word.capital = w->span_capital;
    w->pending = EV_BREAK_WORD;
    ev_buf_append(&w->text, text, n);
    ev_buf_append(&w->text, "", 1);
    if (w->text.failed) return NULL;
    return ev_buf_append(&w->words, &word, sizeof(word));
}

void en_put_n(en_work *w, const char *word, size_t n) {
    char lower[EN_WORD_LETTERS + 8];
    if (n == 0) return;
    if (n > EN_WORD_LETTERS + 4) n = EN_WORD_LETTERS + 4;
    for (size_t i = 0; i < n; i++) lower[i] = en_lower(word[i]);
    push_word(w, lower, n);
}

void en_put(en_work *w, const char *phrase) {
    while (*phrase) {
        size_t n = strcspn(phrase, " ,");
        if (n) en_put_n(w, phrase, n);
        if (phrase[n] == ',') en_break(w, EV_BREAK_COMMA);
        phrase += n + (phrase[n] != 0);
    }
}

void en_put_letters(en_work *w, const char *letters, size_t n, const char *suffix) {
    char text[2 * EN_WORD_LETTERS + 8];
    size_t used = 0;
    if (n == 0) return;
    for (size_t i = 0; i < n && i < EN_WORD_LETTERS; i++) {
        if (i) text[used++] = ' ';
        text[used++] = en_is_lower(letters[i]) ? (char)(letters[i] - 32) : letters[i];
    }
    size_t tail = strlen(suffix);
    assert(used + tail <= sizeof(text));
    memcpy(text + used, suffix, tail);
    en_word *word = push_word(w, text, used + tail);
    if (word) word->spell = true;
}
