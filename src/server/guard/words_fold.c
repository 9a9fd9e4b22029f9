/* words_fold: text to glyphs, each with its place in the text. One code point at a time: compatibility decomposition,
 * look-alikes, case, marks away, simplified Han; what is invisible goes, what is no letter becomes the gap before the
 * next glyph. Then digits and signs among letters are read as letters, if the reading says so. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "server/guard/han_table.h"
#include "server/guard/look_alikes.h"
#include "server/guard/words.h"

enum { PIECES_MAX = 32 };

typedef struct fold {
    const sv_folder *folder;
    sv_reading reading;
    ev_buf *glyphs;
    uint32_t begin, end; /* the code point at work */
    bool after_small;    /* the one before was a small letter */
    bool after_pause;    /* since the last glyph */
    unsigned readings;
    /* the gap since the last glyph */
    bool blank, mark, sign;
} fold;

/* ---- tables ---- */

static int by_looks(const void *a, const void *b) {
    const struct sv_look *x = a, *y = b;
    return (x->looks > y->looks) - (x->looks < y->looks);
}

ev_status sv_folder_init(sv_folder *folder, ev_error *err) {
    ev_buf looks = {0};
    for (size_t i = 0; i < EV_ARRAY_COUNT(LOOK_ALIKES); i++) {
        const char *row = LOOK_ALIKES[i].looks;
        for (size_t at = 0, bytes = strlen(row); at < bytes;) {
            struct sv_look look = {ev_utf8_next(row, bytes, &at), LOOK_ALIKES[i].letter};
            ev_buf_append(&looks, &look, sizeof(look));
        }
    }
    if (looks.failed) {
        ev_buf_free(&looks);
        return ev_fail(err, EV_E_MEMORY, "out of memory: table of look-alikes");
    }
    folder->count = ev_array_count(&looks, struct sv_look);
    folder->looks = (struct sv_look *)(void *)looks.data;
    qsort(folder->looks, folder->count, sizeof(*folder->looks), by_looks);
    return EV_OK;
}

void sv_folder_free(sv_folder *folder) {
    free(folder->looks);
    *folder = (sv_folder){0};
}

static int32_t letter_like(const sv_folder *folder, int32_t c) {
    const struct sv_look key = {c, 0};
    const struct sv_look *look = c < 0x80 ? NULL : bsearch(&key, folder->looks, folder->count, sizeof(key), by_looks);
    return look ? look->letter : 0;
}

static int by_han(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int32_t simplified(int32_t c) {
    const uint32_t key = (uint32_t)c;
    const uint32_t(*pair)[2] = bsearch(&key, HAN_SIMPLE, EV_ARRAY_COUNT(HAN_SIMPLE), sizeof(HAN_SIMPLE[0]), by_han);
    return pair ? (int32_t)(*pair)[1] : c;
}

/* ---- kinds of characters ---- */

static bool in(int32_t c, int32_t first, int32_t last) { return c >= first && c <= last; }

static bool is_han(int32_t c) { return in(c, 0x3400, 0x9FFF) || in(c, 0x20000, 0x3FFFF) || in(c, 0xF900, 0xFAFF); }

static bool is_unspaced(int32_t c) {
    return is_han(c) || in(c, 0x3005, 0x3007) || in(c, 0x3040, 0x312F) || in(c, 0xAC00, 0xD7A3) ||
           in(c, 0x1100, 0x11FF) || in(c, 0x0E00, 0x0EFF) || in(c, 0x1000, 0x109F) || in(c, 0x1780, 0x17FF);
}

/* Accents and their like, on any letter. Marks that are an Indic vowel or a Japanese voicing stay. */
static bool is_accent(int32_t c) {
    return in(c, 0x300, 0x36F) || in(c, 0x483, 0x489) || in(c, 0x1AB0, 0x1AFF) || in(c, 0x1DC0, 0x1DFF) ||
           in(c, 0x20D0, 0x20FF) || in(c, 0xFE20, 0xFE2F);
}

/* Format characters, variation selectors, fillers, controls: nothing a reader sees. */
static bool is_invisible(int32_t c) {
    if (c == '\n' || c == '\r' || c == '\t' || in(c, 0x0B, 0x0C) || c == 0x85) return false;
    const utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF || in(c, 0xFE00, 0xFE0F) ||
           in(c, 0xE0000, 0xE0FFF) || in(c, 0x115F, 0x1160) || in(c, 0x17B4, 0x17B5) || in(c, 0x180B, 0x180F) ||
           c == 0x3164 || c == 0xFFA0;
}

/* What a digit or sign is read as among letters; 0: nothing. 1 may be i or l. */
static int32_t stand_in(int32_t c, sv_reading reading) {
    switch (c) {
    case '0': return 'o';
    case '1':
    case '|': return reading == SV_READ_OTHER ? 'l' : 'i';
    case '!': return 'i';
    case '3': return 'e';
    case '4':
    case '@': return 'a';
    case '5':
    case '$': return 's';
    case '7': return 't';
    default: return 0;
    }
}

static bool is_sign(int32_t c) { return c == '@' || c == '$' || c == '!' || c == '|'; }

static bool is_letter(int32_t c) {
    const utf8proc_category_t category = utf8proc_category(c);
    return in(category, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO) ||
           in(category, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME) || category == UTF8PROC_CATEGORY_NL;
}

static bool is_digit(int32_t c) {
    const utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NO;
}

/* ---- one code point ---- */

static void extend_gap(fold *f, int32_t c) {
    static const char MARKS[] = ",;:?!'\"()";
    const utf8proc_category_t category = utf8proc_category(c);
    if (in(c, '\t', '\r') || c == 0x85 || in(c, 0x2028, 0x2029) || category == UTF8PROC_CATEGORY_ZS)
        f->blank = true; /* a line may end anywhere */
    else if ((c < 0x80 && strchr(MARKS, c)) || in(c, 0x2018, 0x201F) || in(c, 0x3001, 0x3002) ||
             in(c, 0x3008, 0x3011))
        f->mark = true;
    else
        f->sign = true;
}

static sv_gap take_gap(fold *f) {
    sv_gap gap = SV_GAP_NONE;
    if (f->mark && f->blank)
        gap = SV_GAP_WIDE;
    else if (f->blank)
        gap = SV_GAP_BLANK;
    else if (f->mark)
        gap = SV_GAP_MARK;
    else if (f->sign)
        gap = SV_GAP_SIGN;
    f->blank = f->mark = f->sign = false;
    return gap;
}

static void put(fold *f, int32_t letter, sv_script script) {
    const sv_glyph glyph = {.letter = letter,
                            .script = (uint8_t)script,
                            .gap = (uint8_t)take_gap(f),
                            .after_pause = f->after_pause,
                            .byte_begin = f->begin,
                            .byte_end = f->end};
    f->after_pause = false;
    ev_buf_append(f->glyphs, &glyph, sizeof(glyph));
}

/* A decomposed, small character. */
static void put_folded(fold *f, int32_t c) {
    const int32_t like = letter_like(f->folder, c);
    if (like) c = like;
    if (is_accent(c) || is_invisible(c)) return;
    if (is_han(c)) c = simplified(c);
    if (stand_in(c, f->reading)) {
        const unsigned needs = c == '1' || c == '|' ? 3 : 2;
        if (f->readings < needs) f->readings = needs;
    }
    if (is_digit(c))
        put(f, c, SV_DIGIT);
    else if (is_sign(c) && f->reading != SV_READ_PLAIN)
        put(f, c, SV_SIGN);
    else if (is_unspaced(c) || is_letter(c))
        put(f, c, is_unspaced(c) ? SV_UNSPACED : SV_ALPHA);
    else
        extend_gap(f, c);
}

/* A decomposed character in its own case. By its looks a capital may be another letter than its small form. */
static void put_cased(fold *f, int32_t c) {
    const int32_t like = letter_like(f->folder, c), small = utf8proc_tolower(c);
    const bool tall_l = c == 'I' && f->after_small; /* kiIl */
    if (tall_l || (like && small != c && letter_like(f->folder, small) != like)) f->readings = SV_READINGS;
    f->after_small = small == c && utf8proc_toupper(c) != c;
    if (tall_l && f->reading == SV_READ_OTHER)
        put_folded(f, 'l');
    else if (like && f->reading != SV_READ_OTHER)
        put_folded(f, like);
    else if (c < 0x80 || is_han(c))
        put_folded(f, in(c, 'A', 'Z') ? c + 0x20 : c);
    else {
        utf8proc_int32_t pieces[PIECES_MAX];
        int boundary = 0;
        const utf8proc_ssize_t n =
            utf8proc_decompose_char(c, pieces, PIECES_MAX, UTF8PROC_COMPAT | UTF8PROC_CASEFOLD, &boundary);
        for (utf8proc_ssize_t i = 0; i < n && i < PIECES_MAX; i++) put_folded(f, pieces[i]);
    }
}

static void put_code_point(fold *f, int32_t c) {
    utf8proc_int32_t pieces[PIECES_MAX] = {c};
    int boundary = 0;
    utf8proc_ssize_t n = 1;
    /* Hangul stays whole: half a syllable is no match. */
    if (c >= 0x80 && !in(c, 0xAC00, 0xD7A3))
        n = utf8proc_decompose_char(c, pieces, PIECES_MAX, UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < PIECES_MAX; i++) put_cased(f, pieces[i]);
}

/* ---- digits and signs as letters ---- */

static bool joins(const sv_glyph *g) { return g->gap == SV_GAP_NONE && g->script != SV_UNSPACED; }

/* Reads the stand-ins of one word, [begin, end), or turns signs back into gaps. Returns where the word ends now. */
static size_t read_word(sv_glyph *g, size_t begin, size_t end, size_t to, sv_reading reading, sv_gap *carried) {
    bool letters = false;
    for (size_t i = begin; i < end; i++) letters |= g[i].script == SV_ALPHA;
    for (size_t i = begin; i < end; i++) {
        const bool sign = g[i].script == SV_SIGN, outer = i == begin || i + 1 == end;
        const bool ends_word = outer && (g[i].letter == '!' || g[i].letter == '|');
        const int32_t letter = letters && !ends_word ? stand_in(g[i].letter, reading) : 0;
        if (sign && !letter) { /* back to a gap; '!' ends a sentence, and the plain reading sees what it splits */
            const sv_gap least = g[i].letter == '!' ? SV_GAP_WIDE : SV_GAP_SIGN;
            const sv_gap gap = g[i].gap > least ? (sv_gap)g[i].gap : least;
            if (gap > *carried) *carried = gap;
            continue;
        }
        g[to] = g[i];
        if (*carried > g[to].gap) g[to].gap = (uint8_t)*carried;
        *carried = SV_GAP_NONE;
        if (letter && g[i].script != SV_ALPHA) {
            g[to].letter = letter;
            g[to].script = SV_ALPHA;
            g[to].stands_in = true;
        }
        to++;
    }
    return to;
}

static void read_stand_ins(ev_buf *glyphs, sv_reading reading) {
    sv_glyph *g = (sv_glyph *)(void *)glyphs->data;
    const size_t count = ev_array_count(glyphs, sv_glyph);
    size_t to = 0;
    sv_gap carried = SV_GAP_NONE;
    for (size_t begin = 0, end; begin < count; begin = end) {
        end = begin + 1;
        while (g[begin].script != SV_UNSPACED && end < count && joins(&g[end])) end++;
        to = read_word(g, begin, end, to, reading, &carried);
    }
    glyphs->size = to * sizeof(sv_glyph);
}

ev_status sv_fold(const sv_folder *folder, const char *text, size_t bytes, sv_reading reading, bool spoken,
                  ev_buf *glyphs, unsigned *readings, ev_error *err) {
    if (bytes > INT32_MAX) return ev_fail(err, EV_E_LIMIT, "the text has more than %d bytes", INT32_MAX);
    fold f = {.folder = folder, .reading = reading, .glyphs = glyphs, .readings = 1};
    for (size_t at = 0; at < bytes && !glyphs->failed;) {
        const size_t pause = spoken && text[at] == '[' ? sv_pause_bytes(text, bytes, at) : 0;
        if (pause) {
            f.after_pause = true;
            at += pause;
            continue;
        }
        f.begin = (uint32_t)at;
        const int32_t c = ev_utf8_next(text, bytes, &at);
        if (c < 0) return ev_fail(err, EV_E_TEXT, "the text is not UTF-8 at byte %zu", at);
        f.end = (uint32_t)at;
        put_code_point(&f, c);
    }
    if (glyphs->failed) return ev_fail(err, EV_E_MEMORY, "out of memory: %zu bytes of text", bytes);
    if (reading != SV_READ_PLAIN) read_stand_ins(glyphs, reading);
    *readings = f.readings;
    return EV_OK;
}
