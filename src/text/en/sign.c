/* sign: characters that are neither letters nor figures: what they are called where they say something (x < 5, 60
 * req/min, "press #"), and which are silent.
 */
#include <string.h>

#include "text/en/en.h"

static const struct {
    int32_t cp;
    const char *said;
} signs[] = {{'&', "and"},
             {'+', "plus"},
             {'=', "equals"},
             {'%', "percent"},
             {'@', "at"},
             {'$', "dollar"},
             {0xA3, "pound"},
             {0x20AC, "euro"},
             {0xA5, "yen"},
             {0xA2, "cents"},
             {0xB0, "degrees"},
             {0xB1, "plus or minus"},
             {0xD7, "times"},
             {0xF7, "divided by"},
             {0xA9, "copyright"},
             {0xA7, "section"},
             {0xB2, "squared"},
             {0xB3, "cubed"},
             {0x207A, "plus"},
             {0x207B, "minus"},
             {0x2030, "per thousand"},
             {0x2103, "degrees celsius"},
             {0x2109, "degrees fahrenheit"},
             {0x2116, "number"},
             {0x2248, "is about"},
             {0x2260, "is not equal to"},
             {0x2264, "is at most"},
             {0x2265, "is at least"},
             {0x221E, "infinity"},
             {0x221A, "the square root of"},
             {0x2192, "to"},
             {0x2211, "sum"},
             {0xBD, "one half"},
             {0x2153, "one third"},
             {0x2154, "two thirds"},
             {0xBC, "one quarter"},
             {0xBE, "three quarters"},
             {0x3B1, "alpha"},
             {0x3B2, "beta"},
             {0x3B3, "gamma"},
             {0x3B4, "delta"},
             {0x394, "delta"},
             {0x3B5, "epsilon"},
             {0x3B8, "theta"},
             {0x3BB, "lambda"},
             {0x3BC, "mu"},
             {0x3C0, "pi"},
             {0x3C1, "rho"},
             {0x3C3, "sigma"},
             {0x3A3, "sigma"},
             {0x3C4, "tau"},
             {0x3C6, "phi"},
             {0x3C8, "psi"},
             {0x3C9, "omega"},
             {0x3A9, "ohms"},
             {0xB6, "paragraph"},
             {0xBA, "degrees"},
             {0x20A9, "won"},
             {0x20BF, "bitcoin"},
             {0x20B9, "rupees"},
             {0x222B, "the integral of"},
             {0x222A, "union"},
             {0x2229, "intersection"},
             {0x2220, "angle"},
             {0x25B3, "triangle"},
             {0x224C, "is congruent to"},
             {0x2245, "is congruent to"},
             {0x22A5, "is perpendicular to"},
             {0x2225, "is parallel to"},
             {0x2208, "is in"},
             {0x2234, "therefore"},
             {0x2235, "because"},
             {0x2200, "for all"},
             {0x21D2, "implies"},
             {0x221D, "is proportional to"},
             {0x266D, "flat"},
             {0x266F, "sharp"},
             {0x2713, "check"}};

static const char *sign_name(int32_t cp) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(signs); i++)
        if (signs[i].cp == cp) return signs[i].said;
    return NULL;
}

static bool is_greek(int32_t cp) { return cp >= 0x370 && cp <= 0x3FF; }

static size_t greek(en_work *w, size_t i) {
    size_t end = i;
    while (end < w->n && is_greek(w->chars[end].cp)) end++;
    const char *said = end - i == 1 ? sign_name(w->chars[i].cp) : NULL; /* a whole word is a foreign script */
    en_span(w, i, end);
    const ev_char *last = &w->chars[end - 1];
    if (said)
        en_put(w, said);
    else
        ev_sink_omit(w->sink, w->chars[i].at, last->at + last->bytes, "unknown script");
    return end - i;
}

/* "x/2", "(a+b)/c", "y = a/b": figures or mathematics stand beside; "d/b/a", "p/e ratio" and "f/2.8" are none. */
static bool divides(const en_work *w, size_t i) {
    if (i == 0 || en_is_alnum(w->s[i + 1] ? w->s[i + 2] : 0) || w->s[i + 2] == '/') return false;
    const char left = w->s[i - 1], right = w->s[i + 1];
    if (!en_is_lower(right) && !en_is_digit(right)) return false;
    if (left == ')') return true;
    if (!en_is_lower(left) || left == 'f' || (i > 1 && (en_is_alnum(w->s[i - 2]) || strchr("'-./", w->s[i - 2]))))
        return false;
    if (en_is_digit(right)) return w->s[i + 2] != '.' || !en_is_digit(w->s[i + 3]);
    for (size_t k = i > 12 ? i - 12 : 0; k < i + 12 && w->s[k]; k++)
        if (strchr("=+*^", w->s[k])) return true;
    return false;
}

/* Does the sign at i stand between or before things that can be compared or added? */
static bool between_terms(const en_work *w, size_t i) {
    size_t before = i, after = en_skip_spaces(w, i + 1);
    while (before > 0 && i - before < 4 && w->s[before - 1] == ' ') before--;
    const bool decimal = w->s[after] == '.' && en_is_digit(w->s[after + 1]);
    return before > 0 && en_is_alnum(w->s[before - 1]) && (en_is_alnum(w->s[after]) || decimal);
}

/* Something that can be compared stands before the sign at i: a name of one letter, a number, a bracket. */
static bool ends_term(const en_work *w, size_t i) {
    size_t before = i;
    while (before > 0 && i - before < 4 && w->s[before - 1] == ' ') before--;
    if (before == 0 || !(en_is_alnum(w->s[before - 1]) || w->s[before - 1] == ')' || w->s[before - 1] == '%'))
        return false;
    if (before == i || en_is_digit(w->s[before - 1])) return true;
    size_t word = before; /* "takes < 5 min": a verb is no term */
    while (word > 0 && en_is_alpha(w->s[word - 1]) && before - word < 4) word--;
    return before - word <= 2;
}

static bool terms_around(const en_work *w, size_t i, size_t end) {
    size_t before = i, after = en_skip_spaces(w, end);
    while (before > 0 && i - before < 4 && w->s[before - 1] == ' ') before--;
    return before > 0 && (en_is_alnum(w->s[before - 1]) || w->s[before - 1] == ')') &&
           (en_is_alnum(w->s[after]) || w->s[after] == '-');
}

/* "upgrade/update": two words that are no pair like "he/she" or "and/or". */
static bool long_words(const en_work *w, size_t i) {
    size_t before = i, end = en_letters_end(w, i + 1);
    while (before > 0 && i - before < 5 && en_is_lower(w->s[before - 1])) before--;
    return i - before >= 5 && end - i > 5 && en_is_lower(w->s[i + 1]);
}

/* "CO₂": digits below the line are said; above it ("x⁴") they are a power. */
static size_t small_digits(en_work *w, size_t i) {
    char digits[8];
    size_t n = 0;
    bool below = w->chars[i].cp >= 0x2080 && w->chars[i].cp <= 0x2089;
    for (; i + n < w->n && n < sizeof digits; n++) {
        int32_t cp = w->chars[i + n].cp, first = below ? 0x2080 : 0x2070;
        bool digit = below ? cp >= 0x2080 && cp <= 0x2089 : cp == 0x2070 || (cp >= 0x2074 && cp <= 0x2079);
        if (!digit) break;
        digits[n] = (char)('0' + (cp - first));
    }
    if (!n) return 0;
    en_span(w, i, i + n);
    if (!below) en_put(w, "to the power of");
    en_say_cardinal(w, digits, n);
    return n;
}

/* "cm⁻¹", "x⁻²": a power; past its figures, 0: a sign. */
static size_t small_power(en_work *w, size_t i) {
    char digits[8];
    size_t n = 0;
    if (w->chars[i].cp != 0x207B || i == 0 || !(en_is_alnum(w->s[i - 1]) || w->s[i - 1] == ')')) return 0;
    while (i + 1 + n < w->n && n < sizeof digits && (digits[n] = en_raised(w->chars[i + 1 + n].cp)) != 0) n++;
    if (!n) return 0;
    en_span(w, i, i + 1 + n);
    en_put(w, "to the power of minus");
    en_say_cardinal(w, digits, n);
    return 1 + n;
}

static bool per_unit_behind_power(const en_work *w, size_t i) {
    size_t begin = i;
    while (begin > 0 && i - begin < 4 && en_is_digit(w->s[begin - 1])) begin--;
    int32_t before = i > 0 ? w->chars[i - 1].cp : 0;
    bool power = (begin < i && begin > 0 && w->s[begin - 1] == '^') || (before >= 0x2070 && before <= 0x2079);
    return power && en_in_list(" l ml dl m s h kg g mol ", w->s + i + 1, en_letters_end(w, i + 1) - i - 1);
}

static size_t per_unit(en_work *w, size_t i) {
    en_unit unit = en_unit_at(w, i + 1);
    en_put(w, "per");
    if (!unit.singular) return 1;
    unit.per = false;
    en_span(w, i + 1, unit.end);
    en_say_unit(w, &unit, true);
    return unit.end - i;
}

/* "3 times/day", "100 requests/s", "20 people/hr": things that were counted. */
static bool is_rate(const en_work *w, size_t i) {
    static const char counts[] = " two three four five six seven eight nine ten twelve twenty several many ";
    static const char times[] = " s sec second min minute h hr hour d day night wk week mo month y yr year person ";
    const size_t count = en_word_count(w), end = en_letters_end(w, i + 1);
    if (!en_in_list(times, w->s + i + 1, end - i - 1) || en_is_alnum(w->s[end]) || count < 2) return false;
    const char *thing = en_previous(w);
    const size_t n = strlen(thing);
    const bool plural = n > 2 && thing[n - 1] == 's';
    if (!(plural || en_in_list(" people children men women req ", thing, n))) return false;
    for (size_t back = 2; back <= 3 && back <= count; back++) {
        const en_word *word = en_word_at(w, count - back);
        const char *text = en_word_text(w, word);
        if (word->number || en_in_list(counts, text, strlen(text))) return true;
    }
    return false;
}

/* "**** 4417": what is hidden is not said, the last four figures one by one. Its characters; 0: none. */
static size_t masked(en_work *w, size_t i) {
    size_t shown = i;
    if (i > 0 && w->s[i - 1] == '*') return 0; /* this run was looked at when it began */
    while (shown < i + 32 && w->s[shown] == '*') shown++;
    if (shown < i + 3) return 0;
    shown += w->s[shown] == ' ';
    for (size_t k = 0; k < 4; k++)
        if (!en_is_digit(w->s[shown + k])) return 0;
    if (en_is_alnum(w->s[shown + 4]) || w->s[shown + 4] == '*') return 0;
    en_span(w, shown, shown + 4);
    en_say_digits(w, shown, shown + 4);
    return shown + 4 - i;
}

/* "*67", "*99#": services of a telephone. */
static size_t service(en_work *w, size_t i) {
    size_t digits = i + 1;
    while (digits < i + 5 && en_is_digit(w->s[digits])) digits++;
    if (digits == i + 1 || en_is_alnum(w->s[digits]) || w->s[digits] == '*') return 0;
    en_span(w, i, i + 1);
    en_put(w, "star");
    en_span(w, i + 1, digits);
    en_say_digits(w, i + 1, digits);
    if (w->s[digits] != '#') return digits - i;
    en_span(w, digits, digits + 1);
    w->span_number = false;
    en_put(w, "pound");
    return digits + 1 - i;
}

/* "#FF5733", "#fa0": a colour; but "#12B" is a number. */
static size_t colour(en_work *w, size_t i) {
    size_t hex = 0, figures = 0;
    for (; hex < 7 && en_is_alnum(w->s[i + 1 + hex]) && strchr("0123456789abcdefABCDEF", w->s[i + 1 + hex]); hex++)
        figures += en_is_digit(w->s[i + 1 + hex]);
    if ((hex != 6 && hex != 3) || !figures || figures == hex || en_is_alnum(w->s[i + 1 + hex])) return 0;
    if (hex == 3 && en_is_digit(w->s[i + 1])) return 0;
    en_span(w, i, i + 1);
    en_put(w, "hash");
    for (size_t k = i + 1; k <= i + hex; k++) {
        en_span(w, k, k + 1);
        if (en_is_digit(w->s[k]))
            en_say_digits(w, k, k + 1);
        else
            en_put_letters(w, w->s + k, 1, "");
    }
    return hex + 1;
}

/* "Press * to repeat", "the # key"; "#include"; "the # of people". */
static const char *sign_alone(const en_work *w, size_t i) {
    static const char verbs[] = " press dial enter hit push type by or followed double ",
                      keys[] = " key sign symbol button ";
    static const char directives[] = " include define pragma ifdef ifndef endif undef ";
    const char c = w->s[i], after = w->s[i + 1];
    const size_t letters = en_letters_end(w, i + 1), next = en_skip_spaces(w, i + 1), stop = en_letters_end(w, next);
    const char *previous = en_previous(w);
    if (c == '#' && en_in_list(directives, w->s + i + 1, letters - i - 1)) return "hash";
    if (after && !en_is_space(after) && !strchr(".,;!?)\"", after)) return NULL;
    if (c == '#' && en_word_is(w, next, "of")) return "number";
    if (!en_in_list(keys, w->s + next, stop - next) && !en_in_list(verbs, previous, strlen(previous))) return NULL;
    return c == '*' ? "star" : "pound";
}

size_t en_match_key(en_work *w, size_t i) {
    const char c = w->s[i], before = i > 0 ? w->s[i - 1] : ' ';
    if ((c != '*' && c != '#') || !(en_is_space(before) || before == '"' || before == '(')) return 0;
    size_t used = c == '*' ? masked(w, i) : colour(w, i);
    if (!used && c == '*') used = service(w, i);
    if (used) return used;
    const char *said = sign_alone(w, i);
    if (!said) return 0;
    en_span(w, i, i + 1);
    en_put(w, said);
    return 1;
}

/* "I <3 you": a heart, where nothing is compared. */
static bool is_heart(const en_work *w, size_t i) {
    static const char loved[] = " you u ya this it that my your the him her them ";
    const char after = w->s[i + 1] ? w->s[i + 2] : 0;
    const size_t next = en_skip_spaces(w, i + 2), end = en_letters_end(w, next);
    if (w->s[i + 1] != '3' || (after && !en_is_space(after) && !strchr("!)", after))) return false;
    if (i > 1 && en_is_digit(w->s[en_before_spaces(w, i)])) return false;
    return end == next ? !en_is_digit(w->s[next]) : en_in_list(loved, w->s + next, end - next);
}

/* "List<String>", "std::vector<int>": '<' touches a word on both sides, and a '>' closes it. Its place; 0: none. */
static size_t type_parameter(const en_work *w, size_t i) {
    size_t end = i + 1;
    if (i == 0 || !en_is_alpha(w->s[i - 1]) || !en_is_alpha(w->s[i + 1])) return 0;
    for (; end - i < 40 && w->s[end]; end++)
        if (!en_is_alnum(w->s[end]) && !strchr(":_,*<", w->s[end]) && !(w->s[end] == ' ' && w->s[end - 1] == ','))
            break;
    return w->s[end] == '>' ? end : 0;
}

/* The '>' at i is that of a type parameter. */
static bool closes_type(const en_work *w, size_t i) {
    for (size_t k = i; k > 0 && i - k < 40; k--)
        if (w->s[k - 1] == '<') return type_parameter(w, k - 1) == i;
    return false;
}

/* "Settings > Privacy > Location": from one menu into the next. */
static bool menu_path(en_work *w, size_t i) {
    const size_t before = en_before_spaces(w, i), after = en_skip_spaces(w, i + 1);
    size_t word = before;
    if (i == 0 || w->s[i - 1] != ' ' || after == i + 1 || !en_is_upper(w->s[after]) || !en_is_lower(w->s[after + 1]))
        return false;
    while (word > 0 && before - word < 20 && en_is_alpha(w->s[word - 1])) word--;
    if (!en_is_upper(w->s[word]) || before == word) return false;
    static const char menus[] =
        " settings file edit view tools menu preferences options home system help window account insert format ";
    bool further =
        en_in_list(menus, w->s + word, before + 1 - word) || w->menu_until > i; /* "Quality > Quantity" is none */
    for (size_t k = after; !further && k < after + 30 && w->s[k] && w->s[k] != '\n'; k++)
        further = w->s[k] == '>' && w->s[k - 1] == ' ' && w->s[k + 1] == ' ';
    if (further) w->menu_until = after + 30;
    return further;
}

/* A number, or money: "<$5", "< .001". */
static bool amount_at(const en_work *w, size_t i) {
    if (w->s[i] == '.' && en_is_digit(w->s[i + 1])) return true;
    int32_t cp = i < w->n ? w->chars[i].cp : 0;
    bool currency = cp == '$' || cp == 0xA3 || cp == 0x20AC || cp == 0xA5;
    return en_is_digit(w->s[i]) || (currency && en_is_digit(w->s[i + 1]));
}

/* Signs of two characters, and those that are silent for what stands around them: how many; 0: neither. */
static size_t composed(en_work *w, size_t i) {
    const char c = w->s[i], next = w->s[i + 1];
    const bool negative = c == '^' && next == '-' && en_is_digit(w->s[i + 2]); /* "10^-3" */
    const bool square = c == '^' && (next == '2' || next == '3') && !en_is_alnum(w->s[i + 2]) && between_terms(w, i);
    const char *said = negative                  ? "to the power of minus"
                       : square && next == '2'   ? "squared"
                       : square                  ? "cubed"
                       : c == '&' && next == '&' ? "and"
                       : c == '|' && next == '|' ? "or"
                                                 : NULL;
    if (said) {
        en_span(w, i, i + 2);
        en_put(w, said);
        return 2;
    }
    if (c == '$' && en_is_upper(next)) return 1; /* "$AAPL" */
    if (c == '<' && is_heart(w, i)) {
        ev_sink_omit(w->sink, w->chars[i].at, w->chars[i + 1].at + w->chars[i + 1].bytes, "emoticon");
        return 2;
    }
    if (c == '<' && type_parameter(w, i)) return 1;
    if (c == '>' && closes_type(w, i)) return 1;
    if (c != '>' || !menu_path(w, i)) return 0;
    en_break(w, EV_BREAK_COMMA);
    return 1;
}

/* "x < y", "<1%" (nothing stands in front to be compared), ">=18". NULL: it compares nothing. */
static const char *compared(const en_work *w, size_t i) {
    const char c = w->s[i];
    const int32_t cp = w->chars[i].cp;
    if (cp == 0x2248 && !ends_term(w, i)) return "about";
    if ((cp == 0x2264 || cp == 0x2265) && !ends_term(w, i)) return cp == 0x2264 ? "at most" : "at least";
    if (c != '<' && c != '>') return NULL;
    const bool less = c == '<', equal = w->s[i + 1] == '=', terms = between_terms(w, i);
    const bool behind = equal && terms_around(w, i, i + 2),
               bare = !ends_term(w, i) && amount_at(w, en_skip_spaces(w, i + 1));
    if (equal && !behind && en_is_digit(w->s[en_skip_spaces(w, i + 2)])) return less ? "at most" : "at least";
    if (behind) return less ? "is at most" : "is at least";
    const bool free = i == 0 || !w->s[i - 1] || en_is_space(w->s[i - 1]);
    if (!terms && !(bare && (less || free))) return NULL;
    return bare ? (less ? "less than" : "more than") : less ? "is less than" : "is greater than";
}

/* What a slash says that is no rate; NULL: nothing. */
static const char *slash_name(const en_work *w, size_t i) {
    const bool figure = i > 0 && en_is_digit(w->s[i - 1]), terms = between_terms(w, i);
    const bool spaced = i > 1 && w->s[i - 1] == ' ' && w->s[i + 1] == ' ' && en_is_digit(w->s[i - 2]);
    if (terms && spaced && amount_at(w, en_skip_spaces(w, i + 1))) return "divided by"; /* "6 / 2" */
    if (figure && en_is_lower(w->s[i + 1]) && !en_is_alnum(w->s[i + 2])) return "over"; /* "1/f noise" */
    if (divides(w, i)) return "over";
    return terms && (w->s[i + 1] == ' ' || long_words(w, i)) ? "slash" : NULL;
}

/* What a sign says by what stands beside it; NULL: nothing by that. */
static const char *named_here(const en_work *w, size_t i) {
    const bool terms = between_terms(w, i), digit_next = amount_at(w, en_skip_spaces(w, i + 1));
    const char before = i > 0 ? w->s[i - 1] : 0;
    switch (w->s[i]) {
    case '-': return terms && w->s[i + 1] == ' ' ? "minus" : NULL;
    case '*': return terms && digit_next ? "times" : NULL;
    case '^': return terms ? "to the power of" : NULL;
    case '~': return digit_next ? "about" : NULL;
    case '_': return terms ? "underscore" : NULL;
    case '/': return slash_name(w, i);
    case '#':
        if (before && strchr("CFG", before) && !en_is_alnum(w->s[i + 1]) && (i < 2 || !en_is_alnum(w->s[i - 2])))
            return "sharp";
        return digit_next ? "number" : en_is_alpha(before) && en_is_alpha(w->s[i + 1]) ? "hash" : NULL;
    default: return NULL;
    }
}

size_t en_match_symbol(en_work *w, size_t i) {
    static const char silent[] = "\"'`*_|\\~^#/<>";
    const char c = w->s[i];
    if (is_greek(w->chars[i].cp)) return greek(w, i);
    size_t used = small_digits(w, i);
    if (!used) used = small_power(w, i);
    if (!used) used = composed(w, i);
    if (used) return used;
    en_span(w, i, i + 1);
    if (c == '/' && per_unit_behind_power(w, i)) return per_unit(w, i); /* "10^9/L" */
    if (c == '/' && is_rate(w, i)) return en_say_per(w, i) - i;
    const char *said = compared(w, i);
    if (!said) said = named_here(w, i);
    if (!said) said = sign_name(w->chars[i].cp);
    if (said)
        en_put(w, said);
    else if (!c || !strchr(silent, c))
        ev_sink_omit(w->sink, w->chars[i].at, w->chars[i].at + w->chars[i].bytes, "symbol");
    const bool equal = w->s[i + 1] == '=';
    return said && equal && (c == '<' || c == '>' || c == '=') ? 2 : 1; /* "<=", "==" */
}
