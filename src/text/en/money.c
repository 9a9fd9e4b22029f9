/* money: "$5.50", "$3 million", "£1.2bn", "US$20", "$5-10", "-$3", "$100k", "$20/month". */
#include <string.h>

#include "text/en/en.h"

enum { BY_CODE = 1, BY_TOUCHING_CODE, BY_LETTERS }; /* no sign of its own: SEK 5, CAD5 too, R$ 5 */

typedef struct currency {
    int32_t sign;
    const char *one, *many, *cent, *cents; /* cents NULL: decimals are said as decimals */
} currency;

static const currency currencies[] = {{'$', "dollar", "dollars", "cent", "cents"},
                                      {0x20AC, "euro", "euros", "cent", "cents"},
                                      {0xA3, "pound", "pounds", "penny", "pence"},
                                      {0xA5, "yen", "yen", NULL, NULL},
                                      {0x20B9, "rupee", "rupees", "paisa", "paise"},
                                      {0x20A9, "won", "won", NULL, NULL},
                                      {0x20BD, "ruble", "rubles", "kopeck", "kopecks"},
                                      {0x20BF, "bitcoin", "bitcoins", NULL, NULL},
                                      {0x20BA, "lira", "lira", NULL, NULL},
                                      {0x20AA, "shekel", "shekels", NULL, NULL},
                                      {0x20A6, "naira", "naira", NULL, NULL},
                                      {0x20B1, "peso", "pesos", "centavo", "centavos"},
                                      {0xE3F, "baht", "baht", NULL, NULL},
                                      {0x20AB, "dong", "dong", NULL, NULL},
                                      {0x20B4, "hryvnia", "hryvnias", NULL, NULL},
                                      {0x20B8, "tenge", "tenge", NULL, NULL},
                                      {0x20A1, "colon", "colones", NULL, NULL},
                                      {0x20B2, "guarani", "guaranies", NULL, NULL},
                                      {0x20B5, "cedi", "cedis", NULL, NULL},
                                      {0x20AD, "kip", "kip", NULL, NULL},
                                      {0x20AE, "tugrik", "tugriks", NULL, NULL}};

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

/* By their codes, in front of the amount. */
static const struct {
    char written[4];
    currency of;
} codes[] = {
    {"USD", {'$', "U S dollar", "U S dollars", "cent", "cents"}},
    {"EUR", {0x20AC, "euro", "euros", "cent", "cents"}},
    {"GBP", {0xA3, "pound", "pounds", "penny", "pence"}},
    {"JPY", {0xA5, "yen", "yen", NULL, NULL}},
    {"CAD", {BY_TOUCHING_CODE, "canadian dollar", "canadian dollars", "cent", "cents"}},
    {"AUD", {BY_TOUCHING_CODE, "australian dollar", "australian dollars", "cent", "cents"}},
    {"INR", {0x20B9, "rupee", "rupees", "paisa", "paise"}},
    {"CNY", {BY_TOUCHING_CODE, "yuan", "yuan", NULL, NULL}},
    {"RMB", {BY_TOUCHING_CODE, "yuan", "yuan", NULL, NULL}},
    {"CHF", {BY_TOUCHING_CODE, "swiss franc", "swiss francs", NULL, NULL}},
    {"HKD", {BY_TOUCHING_CODE, "hong kong dollar", "hong kong dollars", "cent", "cents"}},
    {"SEK", {BY_CODE, "swedish krona", "swedish kronor", NULL, NULL}},
    {"NOK", {BY_CODE, "norwegian krone", "norwegian kroner", NULL, NULL}},
    {"DKK", {BY_CODE, "danish krone", "danish kroner", NULL, NULL}},
    {"PLN", {BY_CODE, "zloty", "zlotys", NULL, NULL}},
    {"AED", {BY_CODE, "dirham", "dirhams", NULL, NULL}},
    {"SAR", {BY_CODE, "riyal", "riyals", NULL, NULL}},
    {"ZAR", {BY_CODE, "rand", "rand", NULL, NULL}},
    {"SGD", {BY_CODE, "singapore dollar", "singapore dollars", "cent", "cents"}},
    {"MXN", {BY_CODE, "mexican peso", "mexican pesos", NULL, NULL}},
    {"NZD", {BY_CODE, "new zealand dollar", "new zealand dollars", "cent", "cents"}},
    {"THB", {BY_CODE, "baht", "baht", NULL, NULL}},
    {"PHP", {BY_CODE, "philippine peso", "philippine pesos", NULL, NULL}},
    {"IDR", {BY_CODE, "rupiah", "rupiah", NULL, NULL}},
    {"MYR", {BY_CODE, "ringgit", "ringgit", NULL, NULL}},
    {"TRY", {BY_CODE, "turkish lira", "turkish lira", NULL, NULL}},
    {"BRL", {BY_CODE, "brazilian real", "brazilian reais", NULL, NULL}},
    {"KRW", {BY_CODE, "won", "won", NULL, NULL}},
    {"ILS", {BY_CODE, "shekel", "shekels", NULL, NULL}},
    {"CZK", {BY_CODE, "czech koruna", "czech korunas", NULL, NULL}},
    {"HUF", {BY_CODE, "forint", "forints", NULL, NULL}},
    {"EGP", {BY_CODE, "egyptian pound", "egyptian pounds", NULL, NULL}},
    {"NGN", {BY_CODE, "naira", "naira", NULL, NULL}},
};

static const currency *coded(const en_work *w, size_t i) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(codes); k++)
        if (memcmp(w->s + i, codes[k].written, 3) == 0) return &codes[k].of;
    return NULL;
}

/* "1,00,000": Indian groups of two. */
static void lakhs(const en_work *w, amount *a) {
    en_number n = {.begin = a->number.begin};
    size_t i = n.begin, groups = 0;
    while (en_is_digit(w->s[i]) && n.digit_count < 2) n.digits[n.digit_count++] = w->s[i++];
    while (w->s[i] == ',' && en_digits_end(w, i + 1) == i + 3 && w->s[i + 3] == ',' && n.digit_count < 10) {
        n.digits[n.digit_count++] = w->s[i + 1];
        n.digits[n.digit_count++] = w->s[i + 2];
        i += 3;
        groups++;
    }
    if (!groups || w->s[i] != ',' || en_digits_end(w, i + 1) != i + 4) return;
    for (size_t k = 1; k <= 3; k++) n.digits[n.digit_count++] = w->s[i + k];
    n.end = n.whole_end = i + 4;
    n.grouped = true;
    a->number = n;
    a->end = n.end;
}

/* "€1.234,56": points between thousands, a comma before cents. */
static void european(const en_work *w, amount *a) {
    en_number n = {.begin = a->number.begin};
    size_t i = n.begin;
    if (a->currency->sign == '$' || a->currency->sign == 0xA3) return;
    while (en_is_digit(w->s[i]) && n.digit_count < 4) n.digits[n.digit_count++] = w->s[i++];
    if (n.digit_count == 0 || n.digit_count > 3) return;
    size_t first = i;
    while (w->s[i] == '.' && en_digits_end(w, i + 1) == i + 4 && n.digit_count < 15) {
        memcpy(n.digits + n.digit_count, w->s + i + 1, 3);
        n.digit_count += 3;
        i += 4;
    }
    bool cents = w->s[i] == ',' && en_digits_end(w, i + 1) == i + 3;
    const bool thousands =
        i - first > 4 || (a->currency->sign == BY_LETTERS && !a->currency->cents); /* "Rp 50.000" */
    if (i == first || !(cents || (thousands && !en_is_digit(w->s[i])))) return;    /* "€1.234" has three decimals */
    n.whole_end = n.end = i;
    if (cents) {
        n.fraction = i + 1;
        n.fraction_n = 2;
        n.end = i + 3;
    }
    a->number = n;
    a->end = n.end;
}

/* "€5,50": two digits behind a comma are cents. */
static void decimal_comma(const en_work *w, amount *a) {
    en_number *n = &a->number;
    if (n->fraction_n || n->grouped || w->s[n->end] != ',' || en_digits_end(w, n->end + 1) != n->end + 3) return;
    if (a->currency->sign == '$' || en_is_alnum(w->s[n->end + 3]) || w->s[n->end + 3] == ',') return;
    n->fraction = n->end + 1;
    n->fraction_n = 2;
    n->end += 3;
    a->end = n->end;
}

/* "1.299,00 €", "12,50€", as most of Europe writes it; "5.50$". Others are a number and its unit. */
static bool parse_sign_behind(const en_work *w, size_t i, amount *out) {
    size_t end = i;
    *out = (amount){.begin = i};
    if (!en_is_digit(w->s[i])) return false;
    while (end < i + 20 && (en_is_digit(w->s[end]) || w->s[end] == '.' || w->s[end] == ',')) end++;
    const size_t sign = end + (w->s[end] == ' ');
    out->currency = currency_at(w, sign);
    if (!out->currency || en_is_alnum(w->s[sign + 1]) || !en_parse_number(w, i, &out->number)) return false;
    const size_t plain = out->number.end;
    european(w, out);
    decimal_comma(w, out);
    if (out->number.end == plain && plain + 2 == end && w->s[plain] == ',' && !out->number.fraction_n) { /* "3,5 €" */
        out->number.fraction = plain + 1;
        out->number.fraction_n = 1;
        out->number.end = end;
    }
    const bool cents = out->currency->cents && out->number.fraction_n == 2;
    if (out->number.end != end || (out->number.end == plain && !cents)) return false;
    out->end = sign + 1;
    return true;
}

/* "Rs. 500", "Rs 1,00,000" */
static bool parse_rupees(const en_work *w, size_t i, amount *out) {
    size_t at = i + 2 + (w->s[i + 2] == '.');
    at += w->s[at] == ' ';
    for (size_t k = 0; k < EV_ARRAY_COUNT(currencies); k++)
        if (currencies[k].sign == 0x20B9) out->currency = &currencies[k];
    if (!en_is_digit(w->s[at]) || !en_parse_number(w, at, &out->number)) return false;
    out->end = out->number.end;
    lakhs(w, out);
    out->scale = en_scale_at(w, out->end, &out->end);
    return true;
}

/* "TRY 250" is an amount, "PHP 8.3" a version, "TRY 30 DAYS" an order: of names that mean something else by
 * themselves, only what looks like money: hundreds and more, or cents. */
static bool may_be_name(const en_work *w, const amount *a) {
    const char *code = w->s + a->begin;
    const en_number *n = &a->number;
    if (strncmp(code, "PHP", 3) != 0 && strncmp(code, "TRY", 3) != 0) return false;
    return !(n->grouped || n->fraction_n == 2 || a->scale || (n->digit_count >= 3 && !n->fraction_n));
}

/* "R$ 50", "MX$ 50", "RM 20", "Rp 50.000", "kr 200": other signs of letters. */
static const struct {
    const char *written;
    currency of;
} lettered[] = {{"R$", {BY_LETTERS, "real", "reais", "centavo", "centavos"}},
                {"MX$", {BY_LETTERS, "peso", "pesos", "centavo", "centavos"}},
                {"RM", {BY_LETTERS, "ringgit", "ringgit", "sen", "sen"}},
                {"Rp", {BY_LETTERS, "rupiah", "rupiah", NULL, NULL}},
                {"kr", {BY_LETTERS, "kroner", "kroner", NULL, NULL}},
                {"Kr", {BY_LETTERS, "kroner", "kroner", NULL, NULL}}};

/* "Meeting in RM 205": a room. */
static bool of_a_room(const en_work *w, size_t i) {
    return w->s[i] == 'R' && w->s[i + 1] == 'M' && en_previous_in(w, " in to at room meet meeting ");
}

static bool parse_lettered(const en_work *w, size_t i, amount *out) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(lettered); k++) {
        const size_t n = strlen(lettered[k].written);
        if (strncmp(w->s + i, lettered[k].written, n) != 0 || (i > 0 && en_is_alnum(w->s[i - 1]))) continue;
        const size_t at = i + n + (w->s[i + n] == ' ');
        if (!en_is_digit(w->s[at]) || (w->s[i + 1] == 'M' && at == i + n) || of_a_room(w, i) ||
            !en_parse_number(w, at, &out->number))
            continue;
        out->currency = &lettered[k].of;
        out->end = out->number.end;
        european(w, out);
        out->scale = en_scale_at(w, out->end, &out->end);
        return true;
    }
    return false;
}

/* [letters]sign number [scale]; false: none here. */
static bool parse_amount(const en_work *w, size_t i, amount *out) {
    if (parse_sign_behind(w, i, out)) return true;
    *out = (amount){.begin = i};
    if (w->s[i] == 'R' && w->s[i + 1] == 's') return parse_rupees(w, i, out);
    if (parse_lettered(w, i, out)) return true;
    while (out->prefix_n < 3 && en_is_upper(w->s[i + out->prefix_n])) out->prefix_n++;
    i += out->prefix_n;
    out->currency = currency_at(w, i);
    if (!out->currency && out->prefix_n == 3) { /* "EUR 99.90" */
        out->currency = coded(w, i - 3);
        bool pair =
            out->begin > 0 && (en_is_alnum(w->s[out->begin - 1]) || w->s[out->begin - 1] == '/'); /* EUR/USD */
        const bool touches =
            en_is_digit(w->s[i]) && out->currency && out->currency->sign != BY_CODE; /* "USD50", no "SEK2" */
        if (!out->currency || (en_is_alnum(w->s[i]) && !touches) || pair) return false;
        i--;
    } else if (!out->currency || (out->prefix_n && w->s[i] != '$')) {
        return false;
    }
    i = en_skip_spaces(w, i + 1);
    if (!en_parse_number(w, i, &out->number)) return false;
    out->end = out->number.end;
    lakhs(w, out);
    european(w, out);
    decimal_comma(w, out);
    out->scale = en_scale_at(w, out->end, &out->end);
    if (!out->scale && w->s[out->end] == ' ') { /* "¥30 b" */
        size_t end;
        const char *scale = en_scale_at(w, out->end + 1, &end);
        if (scale && w->s[out->end + 1] && strchr("bB", w->s[out->end + 1])) {
            out->scale = scale;
            out->end = end;
        }
    }
    return !may_be_name(w, out);
}

static int two_digits(const en_work *w, size_t i) { return (w->s[i] - '0') * 10 + (w->s[i + 1] - '0'); }

/* "U S dollars" begins with letters. */
static void put_currency(en_work *w, const char *name) {
    if (name[1] == ' ') {
        en_put_letters(w, "US", 2, "");
        name += 4;
    }
    en_put(w, name);
}

static void say_prefix(en_work *w, const amount *a) {
    static const struct {
        const char *written, *said;
    } places[] = {{"HK", "hong kong"},  {"NT", "new taiwan"}, {"S", "singapore"},  {"NZ", "new zealand"},
                  {"AU", "australian"}, {"CA", "canadian"},   {"A", "australian"}, {"C", "canadian"},
                  {"CAD", "canadian"},  {"SG", "singapore"}};
    if (a->prefix_n == 0 || (a->prefix_n == 3 && w->s[a->begin + 3] != '$')) return;
    for (size_t k = 0; k < EV_ARRAY_COUNT(places); k++)
        if (strlen(places[k].written) == a->prefix_n &&
            strncmp(w->s + a->begin, places[k].written, a->prefix_n) == 0) {
            en_put(w, places[k].said);
            return;
        }
    en_put_letters(w, w->s + a->begin, a->prefix_n, "");
}

/* Whole units and hundredths: "five dollars and fifty cents", "ninety nine cents". */
static void say_cents(en_work *w, const amount *a, long whole, int cents) {
    const currency *c = a->currency;
    if (whole || !cents) {
        en_say_cardinal(w, a->number.digits, a->number.digit_count);
        say_prefix(w, a);
        put_currency(w, whole == 1 ? c->one : c->many);
    }
    if (!cents) return;
    w->span_number = false;
    if (whole) en_put(w, "and");
    en_say_integer(w, cents);
    en_put(w, cents == 1 ? c->cent : c->cents);
}

/* "$500 gift card", "the $1,400 checks", "Biden's $1.9T plan": money that names a thing is not counted. */
static bool pays_for(const en_work *w, size_t end) {
    static const char things[] = " gift bill bills deal deals plan plans fee fees check checks fine fines bonus "
                                 "bonuses prize grant grants loan loans budget package deposit "
                                 "coupon voucher discount rebate fund funding investment settlement acquisition "
                                 "bailout jackpot donation ticket tickets threshold "
                                 "minimum maximum stimulus tip haircut phone laptop lunch dinner meal house home car "
                                 "suit dress pair note notes raise copay credit "
                                 "refund reward limit cap merger takeover contract project program bond bonds ";
    return w->s[end] == ' ' && en_is_lower(w->s[end + 1]) &&
           en_in_list(things, w->s + end + 1, en_letters_end(w, end + 1) - end - 1);
}

static void say_amount(en_work *w, const amount *a, bool with_name) {
    const en_number *n = &a->number;
    bool in_range = n->digit_count >= 1 && n->digit_count < 16 && (n->digit_count == 1 || n->digits[0] != '0');
    bool bare = n->digit_count == 0; /* "$.05" */
    size_t places = n->fraction_n;
    while (places > 2 && w->s[n->fraction + places - 1] == '0') places--; /* "$20.500" */
    bool hundredths = places >= 1 && places <= 2 && a->currency->cents && (in_range || bare) && !a->scale;
    const char *previous = en_previous(w); /* "a $5 bill": five dollar */
    bool article = strcmp(previous, "a") == 0 || strcmp(previous, "an") == 0;
    bool attributive = (article && (w->s[a->end] == '-' || (w->s[a->end] == ' ' && en_is_lower(w->s[a->end + 1])))) ||
                       pays_for(w, a->end);
    en_span(w, a->begin, a->end);
    if (with_name && hundredths) {
        int cents = n->fraction_n == 1 ? (w->s[n->fraction] - '0') * 10 : two_digits(w, n->fraction);
        say_cents(w, a, bare ? 0 : en_number_value(n), cents);
        return;
    }
    en_number shown = *n;
    if (!a->scale) shown.fraction_n = places; /* "$1.2320" */
    en_say_number(w, &shown);
    if (a->scale) en_put(w, a->scale);
    if (!with_name) return;
    say_prefix(w, a);
    put_currency(w, (en_is_one(n) && !a->scale) || attributive ? a->currency->one : a->currency->many);
}

/* The second end of "$5-10", "$5-$10", "$1.5–2 million". */
static bool parse_second(const en_work *w, const amount *first, amount *second) {
    char dash = w->s[first->end];
    if (dash != '-' && dash != EN_EN_DASH) return false;
    size_t i = first->end + 1;
    if (parse_amount(w, i, second)) {
        bool alike = second->prefix_n == first->prefix_n && !memcmp(w->s + i, w->s + first->begin, first->prefix_n);
        return (second->prefix_n == 0 || alike) && second->currency == first->currency;
    }
    *second = (amount){.currency = first->currency, .begin = i};
    if (!en_is_digit(w->s[i]) || !en_parse_number(w, i, &second->number)) return false;
    second->end = second->number.end;
    second->scale = en_scale_at(w, second->end, &second->end);
    return !en_is_alnum(w->s[second->end]);
}

size_t en_say_per(en_work *w, size_t end) {
    static const struct {
        const char *written, *said;
    } times[] = {{"mo", "month"}, {"wk", "week"}, {"d", "day"},   {"yr", "year"},  {"y", "year"},
                 {"hr", "hour"},  {"h", "hour"},  {"ea", "each"}, {"pp", "person"}};
    if (w->s[end] != '/' || !en_is_alpha(w->s[end + 1])) return end;
    for (size_t k = 0; k < EV_ARRAY_COUNT(times); k++) {
        if (!en_word_is(w, end + 1, times[k].written)) continue;
        en_span(w, end, end + 1 + strlen(times[k].written));
        if (strcmp(times[k].said, "each") != 0) en_put(w, "per");
        en_put(w, times[k].said);
        return end + 1 + strlen(times[k].written);
    }
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
    bool minus = w->s[i] == '-' && (i == 0 || en_is_space(w->s[i - 1]) || strchr("(\"'", w->s[i - 1]));
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
    end = en_say_per(w, end); /* "$5/user/month" */
    if (w->s[end] != '/' && en_is_alpha(w->s[end])) {
        const size_t word = en_letters_end(w, end);
        if (w->s[word] == '/' && en_is_alpha(w->s[word + 1])) {
            en_say_token(w, end, word);
            end = en_say_per(w, word);
        }
    }
    return end - i;
}
