/* math: formulas as LaTeX writes them, "$x^2$", "\(a+b\)", "$$...$$", "\[...\]", as chat answers hold them: to the
 * words of the language around. What looks like prose or money between two dollars stays as it is.
 *
 * One pass over the formula; groups within groups are followed to a depth. Letters are variables, each by itself.
 */
#include <string.h>

#include "text/markup/formula.h"

enum { INLINE_MAX = 400, DISPLAY_MAX = 2000, AROUND = 400 };

/* ---- finding ---- */

/* Is a Chinese character or mark at s (three bytes)? */
static bool is_chinese(const char *s) {
    const unsigned char a = (unsigned char)s[0], b = (unsigned char)s[1];
    return (a >= 0xE4 && a <= 0xE9) || (a == 0xE3 && b == 0x80) || (a == 0xEF && (b == 0xBC || b == 0xBD));
}

/* The language of what stands nearest outside, other formulas passed over: before it, else behind it. */
static bool around_is_chinese(const markup *m, size_t begin, size_t end) {
    const char *language = m->options->language;
    bool inside = false;
    if (language && strcmp(language, "auto") != 0) return strcmp(language, "zh") == 0;
    for (size_t i = begin; i > 0 && begin - i < AROUND; i--) {
        const char c = m->text[i - 1];
        if (c == '$' || (i > 1 && m->text[i - 2] == '\\' && strchr("()[]", c))) inside = !inside;
        if (inside) continue;
        if (markup_is_alpha(c) && i > 1 && markup_is_alpha(m->text[i - 2])) return false;
        if (i + 1 < m->bytes && i + 1 <= begin && is_chinese(m->text + i - 1)) return true;
    }
    inside = false;
    for (size_t i = end; i + 2 < m->bytes && i - end < AROUND; i++) {
        const char c = m->text[i];
        if (c == '$' || (i > 0 && m->text[i - 1] == '\\' && strchr("()[]", c))) inside = !inside;
        if (inside) continue;
        if (markup_is_alpha(c) && markup_is_alpha(m->text[i + 1])) return false;
        if (is_chinese(m->text + i)) return true;
    }
    return false;
}

typedef struct look { /* of what may be a formula */
    size_t words, longest, letters, figures;
    bool marked, sign, other, prose, space, sum;
} look;

/* A run of letters: a name of mathematics, capitals, or a word. */
static void look_at_run(look *l, const char *s, size_t n, bool alone) {
    static const char names[] = " sin cos tan log ln lim max min exp det gcd ",
                      small[] = " or to in of at is mo hr for per the and by ";
    char word[6] = "";
    bool capitals = true;
    for (size_t i = 0; i < n; i++) capitals &= s[i] >= 'A' && s[i] <= 'Z';
    if (n < sizeof word) memcpy(word, s, n);
    l->letters += n;
    if (*word && formula_is_among(names, word)) return;
    if (*word && alone && n > 1 && formula_is_among(small, word)) l->prose = true;
    if (n > l->longest && !(capitals && n <= 4)) l->longest = n;
    l->words += n >= 3 && !(capitals && n <= 4);
}

static look look_at(const char *s, size_t n) {
    look l = {0};
    for (size_t i = 0; i < n; i++) {
        const char c = s[i];
        const unsigned char byte = (unsigned char)c;
        size_t run = i;
        while (run < n && markup_is_alpha(s[run])) run++;
        if (run > i) {
            look_at_run(&l, s + i, run - i, (i == 0 || s[i - 1] == ' ') && (run == n || s[run] == ' '));
            i = run - 1;
        } else if (c == '\\' && i + 1 < n && markup_is_alpha(s[i + 1])) {
            const size_t begin = ++i;
            while (i < n && markup_is_alpha(s[i])) i++;
            l.marked = true;
            if (i < n && s[i] == '*') i++;
            if (i < n && s[i] == '{' && formula_has_words(s + begin, i - begin))
                while (i < n && s[i] != '}') i++;
            else
                i--;
        } else if (c == '\\' && i + 1 < n) {
            i++;
            l.sign |= s[i] == '|' || s[i] == '{';
        } else if (c == '^' || c == '_') {
            l.marked |= i > 0;
        } else if (c && strchr("+-*/=<>(|!", c)) {
            l.sign = true;
            l.sum |= strchr("+=<>", c) != NULL;
        } else if (byte == 0xCE || byte == 0xCF || byte == 0xE2 || byte == 0xC2 || byte == 0xC3) {
            l.letters += byte == 0xCE || byte == 0xCF;
            l.sign |= byte == 0xE2 || byte == 0xC3;
        } else {
            l.figures += markup_is_digit(c);
            l.space |= markup_is_space(c);
            l.other |= !markup_is_digit(c) && !markup_is_space(c) && byte < 0x80 && !(c && strchr(")[]{},.':%&", c));
            l.other |= byte >= 0xE3;
        }
    }
    return l;
}

/* No prose: a command, a power, an index; or variables of a letter or two, figures and signs. */
static bool is_formula(const char *s, size_t n, bool display) {
    const look l = look_at(s, n);
    if (l.words >= 2 || l.prose) return false;
    if (l.marked) return true;
    if (l.other || l.longest > (l.sign ? 3 : 2)) return false;
    if (display) return l.letters || l.figures;
    return l.letters ? l.sign || n <= 4 : l.figures && (l.sum || !l.space); /* "$10, 5$" is money */
}

/* Where `close` stands; 0: not before `most` bytes, a blank line or the end, and *none tells until where. */
static size_t find_close(const markup *m, size_t at, const char *close, size_t most, size_t *none) {
    const size_t n = strlen(close), end = m->bytes - at > most ? at + most : m->bytes;
    size_t i = at;
    for (; i + n <= end; i++) {
        if (m->text[i] == '\n' && (n == 1 || markup_char(m, i + 1) == '\n')) break;
        if (m->text[i] == '\\' && *close != '\\') {
            i++;
            continue;
        }
        if (memcmp(m->text + i, close, n) == 0) return i;
        if (m->text[i] == '\\') i++;
    }
    *none = i;
    return 0;
}

/* Between two single dollars: money and names of the shell are no formulas: "$5 and $10", "$a/$b", "$(x) $(y)". */
static bool is_money(const markup *m, size_t at, size_t end) {
    const char before = (char)(at > 0 ? m->text[at - 1] : 0), behind = markup_char(m, end + 1);
    if (markup_is_space(m->text[end - 1]) || markup_is_digit(behind) || markup_is_alpha(behind)) return true;
    if (behind && strchr("_({'\"[/", behind)) return true;
    if (before == '-' && at > 1 && markup_is_digit(m->text[at - 2])) return true; /* "$5-$10" */
    return before && (markup_is_alpha(before) || markup_is_digit(before) || strchr(")}]/", before));
}

/* "$i$th": what follows on a formula, said with it; its bytes. */
static size_t ordinal_behind(const markup *m, size_t at) {
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    for (size_t k = 0; k < EV_ARRAY_COUNT(endings); k++)
        if (at + 2 <= m->bytes && memcmp(m->text + at, endings[k], 2) == 0 &&
            !markup_is_alpha(markup_char(m, at + 2)))
            return 2;
    return 0;
}

size_t markup_math(markup *m, size_t at) {
    const char next = markup_char(m, at + 1);
    const bool dollar = m->text[at] == '$', display = dollar ? next == '$' : next == '[';
    const size_t mark = dollar && !display ? 1 : 2, begin = at + mark;
    const char *close = dollar ? (display ? "$$" : "$") : display ? "\\]" : "\\)";
    if (!dollar && next != '(' && next != '[') return 0;
    if (dollar && !display && (begin >= m->bytes || markup_is_space(next))) return 0;
    size_t *none = &m->no_math[(dollar ? 2 : 0) + display];
    if (at < *none) return 0;
    const size_t end = find_close(m, begin, close, mark == 1 ? INLINE_MAX : DISPLAY_MAX, none);
    if (end <= begin || !is_formula(m->text + begin, end - begin, mark == 2)) return 0;
    const size_t ordinal = mark == 1 ? ordinal_behind(m, end + 1) : 0;
    if (mark == 1 && !ordinal && is_money(m, at, end)) return 0;
    if (dollar && display && markup_is_alpha(markup_char(m, end + 2))) return 0; /* "$$a = $$b" */
    formula f = {
        .m = m, .item = formula_item, .at = begin, .end = end, .chinese = around_is_chinese(m, at, end + mark)};
    markup_void(m, at, begin);
    formula_sequence(&f, '\0');
    markup_void(m, end, end + mark);
    if (!ordinal || f.chinese || !formula_say_phones(&f, "TH", end + 1, end + 1 + ordinal)) return end + mark;
    formula_blank(&f, end + 1 + ordinal);
    return end + mark + ordinal;
}
