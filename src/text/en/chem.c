/* chem: chemical formulas ("H2SO4", "NaCl", "Ca2+") and what medicine writes like them ("SpO2", "HbA1c"): letters
 * and figures one by one, whatever word the letters might spell. Mandarin asks here too. */
#include <string.h>

#include "text/en/en.h"

enum { FORMULA_MAX = 24 };

/* Symbols of two letters that formulas in running text have; "No", "In" and the like are words far more often. */
static const char elements[] = " Al Ag Au Ba Be Br Ca Cd Ce Cl Co Cr Cu Fe Ga Ge Hg La Li Mg Mn Na Ni Pb Pd Pt Ra Rb "
                               "Se Si Sn Sr Ti Zn Zr As ";
/* Without a figure in it. */
static const char compounds[] = " NaCl NaOH NaF NaBr KCl KOH KBr HCl HBr LiCl AgCl AgBr CuO CuS MgO CaO ZnO ZnS FeO "
                                "FeS PbS SiC GaAs GaN HgO BaO NaCN KCN ";
static const char measures[] = " SpO2 SaO2 PaO2 PaCO2 HbA1c FiO2 ";
static const char metals[] = " Na Li Ca Mg Fe Cu Zn Al Ag Ba Pb Mn ";

/* A letter, a figure (also one below the line), a sign; 0: anything else, or outside. */
static char at(const ev_char *chars, size_t n, size_t i) {
    int32_t cp = i < n ? chars[i].cp : 0;
    if (cp >= 0x2080 && cp <= 0x2089) return (char)('0' + cp - 0x2080);
    return cp < 0x80 ? (char)cp : 0;
}

/* A figure, also one above the line, which is a charge's. */
static char figure(const ev_char *chars, size_t n, size_t i) {
    const int32_t cp = i < n ? chars[i].cp : 0;
    if (en_raised(cp)) return en_raised(cp);
    const char c = at(chars, n, i);
    return (char)(en_is_digit(c) ? c : 0);
}

/* Where the sign of a charge above the line stands, "Cl⁻", "SO₄²⁻"; 0: there is none. */
static size_t charge_at(const ev_char *chars, size_t n, size_t i) {
    while (figure(chars, n, i) && !at(chars, n, i)) i++;
    return i < n && (chars[i].cp == 0x207A || chars[i].cp == 0x207B) ? i : 0;
}

/* The list has the characters [i, end) as a word, its capitals where they are. */
static bool is_listed(const char *list, const ev_char *chars, size_t n, size_t i, size_t end) {
    char word[FORMULA_MAX + 3] = " ";
    if (end == i || end - i > FORMULA_MAX) return false;
    for (size_t k = i; k < end; k++) word[1 + k - i] = at(chars, n, k);
    word[1 + end - i] = ' ';
    return strstr(list, word) != NULL;
}

static size_t element_end(const ev_char *chars, size_t n, size_t i) {
    char first = at(chars, n, i);
    if (!en_is_upper(first)) return i;
    if (en_is_lower(at(chars, n, i + 1))) return is_listed(elements, chars, n, i, i + 2) ? i + 2 : i;
    return strchr("BCFHIKNOPSUVWY", first) ? i + 1 : i;
}

typedef struct shape {
    size_t end, symbols, figures;
    size_t longest; /* symbols of one letter without a figure between */
    bool mixed;     /* a symbol of two letters */
} shape;

/* Elements with their figures, brackets between. end: i where figures are too many for a formula. */
static shape shape_of(const ev_char *chars, size_t n, size_t i) {
    shape f = {.end = i};
    size_t run = 0, stop;
    for (; f.end - i < FORMULA_MAX; f.end = stop) {
        char c = at(chars, n, f.end), next = at(chars, n, f.end + 1);
        if ((stop = element_end(chars, n, f.end)) > f.end) {
            f.symbols++;
            f.mixed |= stop - f.end == 2;
            if (++run > f.longest) f.longest = run;
        } else if (f.symbols && en_is_digit(c)) {
            while (en_is_digit(at(chars, n, stop))) stop++;
            if (stop - f.end > 2) return (shape){.end = i};
            f.figures++;
            run = 0;
        } else if (f.symbols && ((c == '(' && en_is_upper(next)) || (c == ')' && en_is_digit(next)))) {
            stop++;
        } else {
            break;
        }
    }
    return f;
}

/* "Na+", "Ca2+": past the figure. */
static size_t ion_end(const ev_char *chars, size_t n, size_t i) {
    size_t sign = i + 2;
    if (!is_listed(metals, chars, n, i, i + 2)) return i;
    if (en_is_digit(at(chars, n, sign))) sign++;
    char behind = at(chars, n, sign + 1);
    return at(chars, n, sign) == '+' && !en_is_alnum(behind) && behind != '+' ? sign : i;
}

size_t ev_en_formula(const ev_char *chars, size_t n, size_t i) {
    size_t word = i;
    if (!en_is_upper(at(chars, n, i))) return i;
    while (word - i < FORMULA_MAX && en_is_alnum(at(chars, n, word))) word++;
    if (is_listed(measures, chars, n, i, word)) return word;
    shape f = shape_of(chars, n, i);
    char behind = at(chars, n, f.end);
    const size_t charge = f.end > i ? charge_at(chars, n, f.end) : 0;
    if (charge) return charge;
    if (f.end > i && !en_is_alnum(behind) && behind != '-' && behind != '(') {
        bool counted = f.figures && f.symbols >= 2 && (f.mixed || f.longest <= 3); /* "BONUS50" is a word */
        if (counted || is_listed(compounds, chars, n, i, f.end)) return f.end;
    }
    return ion_end(chars, n, i);
}

static void say_letters(en_work *w, size_t i, size_t end) {
    char letters[FORMULA_MAX];
    size_t n = 0;
    for (size_t k = i; k < end; k++) letters[n++] = en_is_lower(w->s[k]) ? (char)(w->s[k] - 32) : w->s[k];
    en_span(w, i, end);
    en_put_letters(w, letters, n, "");
}

size_t en_match_formula(en_work *w, size_t i) {
    if (!en_is_upper(w->s[i])) return 0;
    size_t end = ev_en_formula(w->chars, w->n, i);
    if (end == i || (i > 0 && (w->s[i - 1] == '-' || w->s[i - 1] == '_'))) return 0;
    for (size_t stop, k = i; k < end; k = stop) {
        char digits[FORMULA_MAX];
        size_t n = 0;
        for (stop = k; stop < end && en_is_alpha(w->s[stop]);) stop++;
        if (stop > k) {
            say_letters(w, k, stop);
            continue;
        }
        const bool below = at(w->chars, w->n, k); /* "SO₄²⁻": four, two */
        for (; stop < end && figure(w->chars, w->n, stop) && (at(w->chars, w->n, stop) != 0) == below; stop++)
            digits[n++] = figure(w->chars, w->n, stop);
        en_span(w, k, stop > k ? stop : k + 1);
        if (n) en_say_cardinal(w, digits, n);
        stop += n == 0; /* a bracket */
    }
    return end - i;
}
