/* wordpiece: see wordpiece.h. */
#include "text/wordpiece.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { PIECES_MAX = 1 << 20, WORD_CHARACTERS_MAX = 100, WORD_BYTES_MAX = 4 * WORD_CHARACTERS_MAX };

typedef struct piece {
    const char *text; /* in the copy */
    size_t bytes;
    int32_t id;
} piece;

struct ev_wordpiece {
    char *copy;
    piece *pieces; /* [count], in order of their bytes */
    size_t count;
    int32_t unknown, cls, sep;
};

static int compare(const char *a, size_t an, const char *b, size_t bn) {
    const int order = memcmp(a, b, an < bn ? an : bn);
    return order ? order : (an > bn) - (an < bn);
}

static int by_text(const void *a, const void *b) {
    const piece *x = a, *y = b;
    const int order = compare(x->text, x->bytes, y->text, y->bytes);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static int32_t find(const ev_wordpiece *w, const char *text, size_t bytes) {
    size_t low = 0, high = w->count;
    while (low < high) { /* the last of equal ones: in a dict, a later line replaces an earlier one */
        const size_t middle = (low + high) / 2;
        if (compare(w->pieces[middle].text, w->pieces[middle].bytes, text, bytes) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!low) return -1;
    const piece *p = &w->pieces[low - 1];
    return compare(p->text, p->bytes, text, bytes) == 0 ? p->id : -1;
}

static ev_status read_pieces(ev_wordpiece *w, size_t bytes, ev_error *err) {
    size_t lines = 0;
    for (size_t i = 0; i < bytes; i++) lines += w->copy[i] == '\n';
    if (bytes && w->copy[bytes - 1] != '\n') lines++;
    if (!lines || lines > PIECES_MAX) {
        return ev_fail(err, EV_E_FORMAT, "vocabulary has %zu lines, wanted 1..%d", lines, PIECES_MAX);
    }
    w->pieces = malloc(lines * sizeof *w->pieces);
    if (!w->pieces) return ev_fail(err, EV_E_MEMORY, "out of memory for the vocabulary");
    const char *at = w->copy, *end = w->copy + bytes;
    for (; w->count < lines; w->count++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        size_t n = (size_t)(stop - at);
        if (n && at[n - 1] == '\r') n--;
        w->pieces[w->count] = (piece){at, n, (int32_t)w->count};
        at = stop + (stop < end);
    }
    qsort(w->pieces, w->count, sizeof *w->pieces, by_text);
    w->unknown = find(w, "[UNK]", 5);
    w->cls = find(w, "[CLS]", 5);
    w->sep = find(w, "[SEP]", 5);
    if (w->unknown >= 0 && w->cls >= 0 && w->sep >= 0) return EV_OK;
    return ev_fail(err, EV_E_FORMAT, "vocabulary lacks %s; is it the vocab.txt of a BERT?",
                   w->unknown < 0 ? "[UNK]"
                   : w->cls < 0   ? "[CLS]"
                                  : "[SEP]");
}

ev_status ev_wordpiece_open(ev_wordpiece **out, const char *vocabulary, size_t bytes, ev_error *err) {
    *out = NULL;
    ev_wordpiece *w = calloc(1, sizeof *w);
    if (w) w->copy = malloc(bytes + 1);
    if (!w || !w->copy) {
        ev_wordpiece_free(&w);
        return ev_fail(err, EV_E_MEMORY, "out of memory for the vocabulary");
    }
    memcpy(w->copy, vocabulary, bytes);
    const ev_status s = read_pieces(w, bytes, err);
    if (s == EV_OK)
        *out = w;
    else
        ev_wordpiece_free(&w);
    return s;
}

void ev_wordpiece_free(ev_wordpiece **wordpiece) {
    ev_wordpiece *w = *wordpiece;
    *wordpiece = NULL;
    if (!w) return;
    free(w->copy);
    free(w->pieces);
    free(w);
}

size_t ev_wordpiece_count(const ev_wordpiece *w) { return w->count; }

/* ---- characters ---- */

typedef enum kind { DROPPED, SPACE, APART, LETTER } kind; /* APART: a word of its own */

static bool is_han(int32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
           (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

static kind kind_of(int32_t c) {
    if (c == '\t' || c == '\n' || c == '\r') return SPACE;
    if (c == 0 || c == 0xFFFD) return DROPPED;
    if (c < 128 && c > ' ' && c != 127) {
        const bool letter = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        return letter ? LETTER : APART;
    }
    if (is_han(c)) return APART;
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return SPACE;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: return DROPPED;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return APART;
    default: return LETTER;
    }
}

/* ---- words to pieces ---- */

typedef struct splitter {
    const ev_wordpiece *w;
    int32_t *ids;
    size_t capacity, count;
    char word[WORD_BYTES_MAX + 4]; /* "##" may stand before a part of it */
    size_t bytes, characters;
} splitter;

static void put(splitter *s, int32_t id) {
    if (s->count + 1 < s->capacity) s->ids[s->count] = id; /* the last place is [SEP]'s */
    s->count++;
}

/* The longest piece of the word from `from` on; 0: none. */
static size_t longest(const splitter *s, size_t from, int32_t *id) {
    assert(from < s->bytes && s->bytes <= WORD_BYTES_MAX);
    char text[WORD_BYTES_MAX + 4];
    const size_t mark = from ? 2 : 0;
    memcpy(text, "##", 2);
    memcpy(text + mark, s->word + from, s->bytes - from);
    for (size_t n = s->bytes - from; n > 0; n--) {
        if (((unsigned char)text[mark + n] & 0xC0) == 0x80 && n < s->bytes - from) continue; /* inside a character */
        *id = find(s->w, text, mark + n);
        if (*id >= 0) return n;
    }
    return 0;
}

static void end_word(splitter *s) {
    assert(s->bytes <= WORD_BYTES_MAX && (s->characters || !s->bytes));
    const size_t first = s->count;
    if (s->characters > WORD_CHARACTERS_MAX) put(s, s->w->unknown);
    for (size_t at = 0; at < s->bytes && s->characters <= WORD_CHARACTERS_MAX;) {
        int32_t id = -1;
        const size_t n = longest(s, at, &id);
        if (!n) { /* a word is known as a whole or not at all */
            s->count = first;
            put(s, s->w->unknown);
            break;
        }
        put(s, id);
        at += n;
    }
    s->bytes = s->characters = 0;
}

static void add_letter(splitter *s, int32_t c) {
    char utf8[4];
    const size_t n = ev_utf8_put(c, utf8);
    if (s->bytes + n <= WORD_BYTES_MAX) {
        memcpy(s->word + s->bytes, utf8, n);
        s->bytes += n;
    }
    s->characters++;
}

/* One character as it is after accents and case are gone. */
static void add(splitter *s, int32_t c) {
    const kind k = kind_of(c);
    if (k == LETTER) {
        add_letter(s, c);
        return;
    }
    end_word(s);
    if (k != APART) return;
    add_letter(s, c);
    end_word(s);
}

static void add_character(splitter *s, int32_t c) {
    const kind k = kind_of(c);
    if (k == DROPPED) return;
    if (k == SPACE) {
        end_word(s);
        return;
    }
    const bool alone = is_han(c);
    utf8proc_int32_t parts[32];
    int boundary = 0;
    const utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 32, UTF8PROC_DECOMPOSE, &boundary);
    if (alone) end_word(s);
    for (utf8proc_ssize_t i = 0; i < n && i < 32; i++) {
        if (utf8proc_category(parts[i]) == UTF8PROC_CATEGORY_MN) continue;
        add(s, c < 128 && c >= 'A' && c <= 'Z' ? c + 32 : utf8proc_tolower(parts[i]));
    }
    if (alone) end_word(s);
}

ev_status ev_wordpiece_split(const ev_wordpiece *w, const char *text, size_t bytes, int32_t *ids, size_t capacity,
                             size_t *count, ev_error *err) {
    assert(capacity >= 2);
    splitter *s = calloc(1, sizeof *s);
    if (!s) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *s = (splitter){.w = w, .ids = ids, .capacity = capacity};
    put(s, w->cls);
    for (size_t at = 0; at < bytes;) {
        const int32_t c = ev_utf8_next(text, bytes, &at);
        if (c < 0)
            at++;
        else
            add_character(s, c);
    }
    end_word(s);
    ids[s->count < capacity ? s->count : capacity - 1] = w->sep;
    assert(s->count >= 1); /* [CLS] */
    *count = s->count + 1;
    free(s);
    return EV_OK;
}
