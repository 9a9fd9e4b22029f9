/* notation_pinyin: pinyin to the inventory's initials and finals: "chong2 qing4", "chong2qing4", "chóngqìng", "lü4",
 * "wanr2".
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "text/notation.h"
#include "text/text.h"

enum { LETTERS_MAX = 256, SYLLABLE_MAX = 6 };

typedef struct spelled {
    char letters[LETTERS_MAX];  /* a-z, 'v' for ü, '\'' between syllables, digits */
    uint8_t tones[LETTERS_MAX]; /* written above a letter; 0: none */
    size_t n;
} spelled;

/* ---- letters ---- */

static bool put_letter(spelled *s, char c) {
    if (s->n == LETTERS_MAX) return false;
    s->letters[s->n++] = c;
    return true;
}

static bool put_mark(spelled *s, int32_t mark) {
    if (!s->n) return false;
    char *last = &s->letters[s->n - 1];
    uint8_t *tone = &s->tones[s->n - 1];
    switch (mark) {
    case 0x304: *tone = 1; return true;
    case 0x301: *tone = 2; return true;
    case 0x30C: *tone = 3; return true;
    case 0x300: *tone = 4; return true;
    case 0x308:
        if (*last != 'u') return false;
        *last = 'v';
        return true;
    default: return false;
    }
}

static bool put_character(spelled *s, int32_t c) {
    utf8proc_int32_t parts[8];
    int boundary = 0;
    if (c == 0x261) c = 'g';
    const utf8proc_ssize_t n = utf8proc_decompose_char(c, parts, 8, UTF8PROC_DECOMPOSE, &boundary);
    for (utf8proc_ssize_t i = 0; i < n && i < 8; i++) {
        int32_t p = parts[i];
        if (p >= 'A' && p <= 'Z') p += 32;
        const bool letter = p >= 'a' && p <= 'z', digit = p >= '1' && p <= '5';
        if (letter || digit || p == ' ' || p == '\'' || p == 0x2019 || p == '-') {
            if (!put_letter(s, letter || digit ? (char)p : '\'')) return false;
        } else if (p == ':' && s->n && s->letters[s->n - 1] == 'u') {
            s->letters[s->n - 1] = 'v';
        } else if (!put_mark(s, p)) {
            return false;
        }
    }
    return n > 0 && n <= 8;
}

/* ---- syllables ---- */

static const char *const initials[] = {"zh", "ch", "sh", "b", "p", "m", "f", "d", "t", "n", "l",
                                       "g",  "k",  "h",  "j", "q", "x", "r", "z", "c", "s"};
static const char finals[] =
    " a ai an ang ao e ei en eng er i ia ian iang iao ie ii iii in ing iong iou o ong ou u ua uai uan "
    "uang uei uen ueng uo v van ve vn ";
/* How finals are written; the first column as one reads it. */
static const char *const whole[][2] = {
    {"yi", "i"},     {"ya", "ia"},     {"ye", "ie"},    {"yao", "iao"},   {"you", "iou"},  {"yan", "ian"},
    {"yin", "in"},   {"yang", "iang"}, {"ying", "ing"}, {"yong", "iong"}, {"yu", "v"},     {"yue", "ve"},
    {"yuan", "van"}, {"yun", "vn"},    {"wu", "u"},     {"wa", "ua"},     {"wo", "uo"},    {"wai", "uai"},
    {"wei", "uei"},  {"wan", "uan"},   {"wen", "uen"},  {"wang", "uang"}, {"weng", "ueng"}};
static const char *const shortened[][2] = {{"iu", "iou"}, {"ui", "uei"}, {"un", "uen"}, {"ue", "ve"}, {"van", "van"}};

static bool is_final(const char *final) {
    char padded[SYLLABLE_MAX + 4];
    snprintf(padded, sizeof(padded), " %s ", final);
    return strstr(finals, padded) != NULL;
}

/* The initial ("" for none) and the final of toneless letters; false: no syllable. */
static bool parts_of(const char *s, size_t n, char initial[3], char final[SYLLABLE_MAX + 1]) {
    char rest[SYLLABLE_MAX + 1];
    initial[0] = '\0';
    if (n > SYLLABLE_MAX) return false;
    memcpy(rest, s, n);
    rest[n] = '\0';
    for (size_t i = 0; i < EV_ARRAY_COUNT(whole); i++)
        if (strcmp(rest, whole[i][0]) == 0) {
            snprintf(final, SYLLABLE_MAX + 1, "%s", whole[i][1]);
            return true;
        }
    for (size_t i = 0; i < EV_ARRAY_COUNT(initials) && !initial[0]; i++) {
        const size_t length = strlen(initials[i]);
        if (strncmp(rest, initials[i], length) != 0) continue;
        snprintf(initial, 3, "%s", initials[i]);
        memmove(rest, rest + length, n - length + 1);
    }
    const bool palatal = initial[0] && strchr("jqx", initial[0]), back = strchr(initial, 'h') && initial[1];
    if (palatal && rest[0] == 'u') rest[0] = 'v';
    for (size_t i = 0; i < EV_ARRAY_COUNT(shortened); i++)
        if (strcmp(rest, shortened[i][0]) == 0) snprintf(rest, sizeof rest, "%s", shortened[i][1]);
    if (strcmp(rest, "i") == 0 && (back || strcmp(initial, "r") == 0)) memcpy(rest, "iii", 4);
    if (strcmp(rest, "i") == 0 && initial[0] && !initial[1] && strchr("zcs", initial[0])) memcpy(rest, "ii", 3);
    const bool high = rest[0] == 'i' || rest[0] == 'v';
    if (!is_final(rest) || (palatal && !high) || (!initial[0] && strchr("iuv", rest[0]))) return false;
    memcpy(final, rest, strlen(rest) + 1);
    return true;
}

/* ---- tokens ---- */

static bool put_token(ev_buf *tokens, const char *name) {
    const int token = ev_token_find(name, strlen(name));
    const int16_t id = (int16_t)token;
    return token >= 0 && ev_buf_append(tokens, &id, sizeof(id)) != NULL;
}

/* The inventory lacks some toned forms, and gets the nearest. */
static bool put_final(ev_buf *tokens, const char *final, const char *suffix, int tone) {
    static const char order[] = "42315";
    char name[SYLLABLE_MAX + 8];
    snprintf(name, sizeof(name), "%s%s%d", final, suffix, tone);
    bool good = put_token(tokens, name);
    for (size_t i = 0; !good && !*suffix && order[i]; i++) {
        snprintf(name, sizeof(name), "%s%c", final, order[i]);
        good = put_token(tokens, name);
    }
    return good;
}

static bool put_syllable(ev_buf *tokens, const char *s, size_t n, int tone) {
    assert(tone >= 1 && tone <= 5);
    char initial[3], final[SYLLABLE_MAX + 1];
    const bool plain = parts_of(s, n, initial, final);
    const bool curled = !plain && n > 1 && s[n - 1] == 'r' && parts_of(s, n - 1, initial, final);
    if (!plain && !curled) return false;
    if (initial[0] && !put_token(tokens, initial)) return false;
    if (!curled) return put_final(tokens, final, "", tone);
    return put_final(tokens, final, "r", tone) || (put_final(tokens, final, "", tone) && put_token(tokens, "er5"));
}

static bool is_letter(char c) { return c >= 'a' && c <= 'z'; }
static bool is_vowel(char c) { return c && strchr("aeiouv", c) != NULL; }

static bool is_syllable(const char *s, size_t n) {
    char initial[3], final[SYLLABLE_MAX + 1];
    return n && parts_of(s, n, initial, final);
}

/* Letters of the syllable at s: all up to a digit or a gap, if they are one; else the longest, but no syllable after
 * the first begins with a vowel. 0: none. */
static size_t syllable_length(const spelled *s, size_t at) {
    size_t end = at;
    while (end < s->n && is_letter(s->letters[end])) end++;
    size_t n = end - at;
    if (is_syllable(s->letters + at, n)) return n;
    if (n > 1 && s->letters[end - 1] == 'r' && is_syllable(s->letters + at, n - 1)) return n;
    for (n = n > SYLLABLE_MAX ? SYLLABLE_MAX : n; n > 0; n--)
        if (is_syllable(s->letters + at, n) && !(at + n < end && is_vowel(s->letters[at + n]))) return n;
    return 0;
}

bool ev_pinyin_read(ev_buf *tokens, const char *text, size_t bytes) {
    spelled s = {.n = 0};
    bool toned = false;
    size_t syllables = 0;
    for (size_t at = 0; at < bytes;) {
        const int32_t c = ev_utf8_next(text, bytes, &at);
        if (c < 0 || !put_character(&s, c)) return false;
    }
    for (size_t at = 0; at < s.n;) {
        if (s.letters[at] == '\'') {
            at++;
            continue;
        }
        const size_t n = syllable_length(&s, at);
        int tone = 5;
        if (!n) return false;
        for (size_t i = at; i < at + n; i++)
            if (s.tones[i]) tone = s.tones[i];
        const bool digit = at + n < s.n && s.letters[at + n] >= '1' && s.letters[at + n] <= '5';
        if (digit) tone = s.letters[at + n] - '0';
        toned |= digit || tone != 5;
        if (!put_syllable(tokens, s.letters + at, n, tone)) return false;
        at += n + digit;
        syllables++;
    }
    return toned && syllables > 0 && !tokens->failed;
}
