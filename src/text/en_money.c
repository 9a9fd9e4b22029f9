/* en_money: "$5.50", "$3 million", "£1.2bn", "US$20", "$5-10", "-$3", "$100k", "$20/month". */
#include <string.h>

#include "text/en.h"

typedef struct currency {
    int32_t sign;
    const char *one, *many, *cent, *cents; /* cents NULL: decimals are said as decimals */
} currency;

static const currency currencies[] = {
    {'$', "dollar", "dollars", "cent", "cents"},      {0x20AC, "euro", "euros", "cent", "cents"},
    {0xA3, "pound", "pounds", "penny", "pence"},      {0xA5, "yen", "yen", NULL, NULL},
    {0x20B9, "rupee", "rupees", "paisa", "paise"},    {0x20A9, "won", "won", NULL, NULL},
    {0x20BD, "ruble", "rubles", "kopeck", "kopecks"}, {0x20BF, "bitcoin", "bitcoins", NULL, NULL}};

static const currency *currency_at(const en_work *w, size_t i) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(currencies) && i < w->n; k++)
        if (currencies[k].sign == w->chars[i].cp) return &currencies[k];
    return NULL;
}

typedef struct amount {
    const currency *currency;
    size_t begin, prefix_n; /* letters before the sign: "US$" */
    en_number number;
    const char *scale; /* "million", NULL */
    size_t end;
} amount;

/* [letters]sign number [scale]; false: none here. */
static bool parse_amount(const en_work *w, size_t i, amount *out) {
    *out = (amount){.begin = i};
    while (out->prefix_n < 3 && en_is_upper(w->s[i + out->prefix_n])) out->prefix_n++;
    i += out->prefix_n;
    out->currency = currency_at(w, i);
    if (!out->currency || (out->prefix_n && w->s[i] != '$')) return false;
    i = en_skip_spaces(w, i + 1);
    if (!en_parse_number(w, i, &out->number)) return false;
    out->end = out->number.end;
    out->scale = en_scale_at(w, out->end, &out->end);
    return true;
}

static int two_digits(const en_work *w, size_t i) { return (w->s[i] - '0') * 10 + (w->s[i + 1] - '0'); }

static void say_prefix(en_work *w, const amount *a) {
    if (a->prefix_n == 0) return;
    bool australian = a->prefix_n == 1 && w->s[a->begin] == 'A', canadian = a->prefix_n == 1 && w->s[a->begin] == 'C';
    if (australian)
        en_put(w, "australian");
    else if (canadian)
        en_put(w, "canadian");
    else
        en_put_letters(w, w->s + a->begin, a->prefix_n, "");
}

/* Whole units and hundredths: "five dollars and fifty cents", "ninety nine cents". */
static void say_cents(en_work *w, const amount *a, long whole, int cents) {
    const currency *c = a->currency;
    if (whole || !cents) {
        en_say_cardinal(w, a->number.digits, a->number.digit_count);
        say_prefix(w, a);
        en_put(w, whole == 1 ? c->one : c->many);
    }
    if (!cents) return;
    w->span_number = false;
    if (whole) en_put(w, "and");
    en_say_integer(w, cents);
    en_put(w, cents == 1 ? c->cent : c->cents);
}

static void say_amount(en_work *w, const amount *a, bool with_name) {
    const en_number *n = &a->number;
    bool in_range = n->digit_count >= 1 && n->digit_count < 16 && (n->digit_count == 1 || n->digits[0] != '0');
    bool hundredths = n->fraction_n == 2 && a->currency->cents && in_range && !a->scale;
    const char *previous = en_previous(w); /* "a $5 bill": five dollar */
    bool article = strcmp(previous, "a") == 0 || strcmp(previous, "an") == 0;
    bool attributive = article && (w->s[a->end] == '-' || (w->s[a->end] == ' ' && en_is_lower(w->s[a->end + 1])));
    en_span(w, a->begin, a->end);
    if (with_name && hundredths) {
        say_cents(w, a, en_number_value(n), two_digits(w, n->fraction));
        return;
    }
    en_say_number(w, n);
    if (a->scale) en_put(w, a->scale);
    if (!with_name) return;
    say_prefix(w, a);
    en_put(w, (en_is_one(n) && !a->scale) || attributive ? a->currency->one : a->currency->many);
}

/* The second end of "$5-10", "$5-$10", "$1.5–2 million". */
static bool parse_second(const en_work *w, const amount *first, amount *second) {
    char dash = w->s[first->end];
    if (dash != '-' && dash != EN_EN_DASH) return false;
    size_t i = first->end + 1;
    if (parse_amount(w, i, second)) return second->prefix_n == 0 && second->currency == first->currency;
    *second = (amount){.currency = first->currency, .begin = i};
    if (!en_is_digit(w->s[i]) || !en_parse_number(w, i, &second->number)) return false;
    second->end = second->number.end;
    second->scale = en_scale_at(w, second->end, &second->end);
    return !en_is_alnum(w->s[second->end]);
}

/* "$20/month", "$20 / month": per. */
static size_t say_per(en_work *w, size_t end) {
    if (w->s[end] != '/' || !en_is_alpha(w->s[end + 1])) return end;
    en_unit unit = en_unit_at(w, end + 1);
    size_t stop = unit.singular ? unit.end : end + 1;
    en_span(w, end, stop);
    en_put(w, "per");
    if (unit.singular) {
        unit.per = false;
        en_say_unit(w, &unit, true);
    }
    return stop;
}

size_t en_match_money(en_work *w, size_t i) {
    amount first, second;
    size_t at = i;
    bool minus = w->s[i] == '-' && (i == 0 || en_is_space(w->s[i - 1]) || w->s[i - 1] == '(');
    if (minus) at++;
    if (!parse_amount(w, at, &first)) return 0;
    en_span(w, i, first.end);
    if (minus) en_put(w, "minus");
    bool ranged = parse_second(w, &first, &second);
    say_amount(w, &first, !ranged || first.number.fraction_n == 2 || (first.scale && !second.scale));
    size_t end = first.end;
    if (ranged) {
        w->span_number = false;
        en_put(w, "to");
        say_amount(w, &second, true);
        end = second.end;
    }
    return say_per(w, end) - i;
}
