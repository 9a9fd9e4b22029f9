/* value: the values of SSML's attributes, and <say-as>, which writes its text so that the languages read it as
 * is asked for: digits apart, thousands with commas, ordinals with their endings, dates year first. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text/markup/marked.h"

enum { DATE_PARTS = 3, MS_MAX = 1000000 };

/* ---- numbers with units ---- */

/* "[+-]12.5unit": true where all of s is that. No locale: strtod would read "1,5" in some. */
static bool number_of(const char *s, double *value, bool *sign, const char **unit) {
    double whole = 0, scale = 1;
    *sign = *s == '+' || *s == '-';
    const bool minus = *s == '-';
    size_t digits = 0;
    if (*sign) s++;
    for (; markup_is_digit(*s) && digits < 9; s++, digits++) whole = whole * 10 + (*s - '0');
    if (*s == '.')
        for (s++; markup_is_digit(*s) && digits < 15; s++, digits++) whole += (*s - '0') * (scale /= 10);
    *value = minus ? -whole : whole;
    *unit = s;
    return digits > 0;
}

int markup_break_ms(const char *time, const char *strength) {
    static const struct {
        const char *name;
        int ms;
    } strengths[] = {{"none", 0},     {"x-weak", 100}, {"weak", 200},
                     {"medium", 400}, {"strong", 800}, {"x-strong", 1200}};
    double value;
    bool sign;
    const char *unit;
    if (time && number_of(time, &value, &sign, &unit) && value >= 0) {
        const double ms = strcasecmp(unit, "s") == 0 ? value * 1000 : value;
        if (strcasecmp(unit, "s") == 0 || strcasecmp(unit, "ms") == 0) return ms < MS_MAX ? (int)(ms + 0.5) : MS_MAX;
    }
    if (time) return -1;
    for (size_t i = 0; i < EV_ARRAY_COUNT(strengths); i++)
        if (strcasecmp(strength ? strength : "medium", strengths[i].name) == 0) return strengths[i].ms;
    return -1;
}

static double within(double value, double low, double high) {
    assert(low <= high);
    return value < low ? low : value > high ? high : value;
}

/* base to the power of value, for a base a little above one: whole steps, and the rest of one all but exactly. */
static double steps(double base, double value) {
    const int whole = (int)value;
    double factor = 1;
    for (int i = 0; i < whole; i++) factor *= base;
    for (int i = 0; i > whole; i--) factor /= base;
    return factor * (1 + (value - whole) * (base - 1));
}

typedef struct label {
    const char *name;
    double factor;
} label;

static bool labelled(const char *s, const label *labels, size_t n, double *factor) {
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(s, labels[i].name) == 0) {
            *factor = labels[i].factor;
            return true;
        }
    return false;
}

/* "slow", "80%", "+10%", "1.2". */
static bool rate_of(const char *s, double *factor) {
    static const label labels[] = {{"x-slow", 0.5}, {"slow", 0.75}, {"medium", 1},
                                   {"default", 1},  {"fast", 1.25}, {"x-fast", 1.6}};
    double value;
    bool sign;
    const char *unit;
    if (labelled(s, labels, EV_ARRAY_COUNT(labels), factor)) return true;
    if (!number_of(s, &value, &sign, &unit)) return false;
    if (strcmp(unit, "%") == 0)
        *factor = sign ? 1 + value / 100 : value / 100;
    else if (!*unit && !sign)
        *factor = value;
    else
        return false;
    return *factor > 0;
}

/* "high", "+10%", "-2st". Hertz are of no voice in particular and not understood. */
static bool pitch_of(const char *s, double *factor) {
    static const label labels[] = {{"x-low", 0.75}, {"low", 0.87},  {"medium", 1},
                                   {"default", 1},  {"high", 1.15}, {"x-high", 1.3}};
    double value;
    bool sign;
    const char *unit;
    if (labelled(s, labels, EV_ARRAY_COUNT(labels), factor)) return true;
    if (!number_of(s, &value, &sign, &unit)) return false;
    if (strcmp(unit, "%") == 0) {
        *factor = sign ? 1 + value / 100 : value / 100;
    } else if (strcasecmp(unit, "st") == 0) {
        *factor = steps(1.0594630943592953, within(value, -24, 24)); /* semitones */
    } else {
        return false;
    }
    return *factor > 0;
}

/* "loud", "+6dB", "50" of 100, "-20%". Six decibels double. */
static bool volume_of(const char *s, double *factor) {
    static const label labels[] = {{"silent", 0},  {"x-soft", 0.35}, {"soft", 0.6}, {"medium", 1},
                                   {"default", 1}, {"loud", 1.5},    {"x-loud", 2}};
    double value;
    bool sign;
    const char *unit;
    if (labelled(s, labels, EV_ARRAY_COUNT(labels), factor)) return true;
    if (!number_of(s, &value, &sign, &unit)) return false;
    if (strcasecmp(unit, "db") == 0) {
        *factor = steps(1.1220184543019633, within(value, -60, 24)); /* decibels */
    } else if (strcmp(unit, "%") == 0 || !*unit) {
        *factor = sign ? 1 + value / 100 : value / 100;
    } else {
        return false;
    }
    return *factor >= 0;
}

bool markup_prosody(ev_prosody *prosody, const markup_tag *tag) {
    const char *rate = markup_attribute_of(tag, "rate"), *pitch = markup_attribute_of(tag, "pitch");
    const char *volume = markup_attribute_of(tag, "volume");
    double factor;
    bool good = true;
    if (rate && (good &= rate_of(rate, &factor)))
        prosody->speed = (float)within((double)prosody->speed * factor, 0.25, 4);
    if (pitch) {
        const bool known = pitch_of(pitch, &factor);
        good &= known;
        if (known) prosody->pitch_scale = (float)within((double)prosody->pitch_scale * factor, 0.5, 2);
    }
    if (volume) {
        const bool known = volume_of(volume, &factor);
        good &= known;
        if (known) prosody->energy_scale = (float)within((double)prosody->energy_scale * factor, 0, 4);
    }
    return good && !markup_attribute_of(tag, "contour") && !markup_attribute_of(tag, "range") &&
           !markup_attribute_of(tag, "duration");
}

/* ---- <say-as> ---- */

typedef struct content {
    markup *m;
    const char *text;
    const ev_origin *origins;
    size_t n;
} content;

static void put(const content *c, const char *s, size_t from, size_t to) {
    assert(from < to && to <= c->n);
    markup_put(c->m, s, strlen(s), c->origins[from].begin, c->origins[to - 1].end);
}

/* Character for character, a comma's pause between groups where there was a blank. */
static void say_characters(const content *c, bool digits_only) {
    for (size_t i = 0, next; i < c->n; i = next) {
        for (next = i + 1; next < c->n && ((unsigned char)c->text[next] & 0xC0) == 0x80;) next++;
        const bool mark = !markup_is_digit(c->text[i]) && digits_only;
        if (markup_is_space(c->text[i]) || mark) {
            put(c, " , ", i, next);
            continue;
        }
        for (size_t k = i; k < next; k++)
            markup_put(c->m, c->text + k, 1, c->origins[i].begin, c->origins[next - 1].end);
        put(c, " ", next - 1, next);
    }
}

static size_t digits_of(const content *c) {
    size_t digits = 0;
    while (digits < c->n && markup_is_digit(c->text[digits])) digits++;
    return digits == c->n ? digits : 0;
}

/* "1999" is no year: "1,999". */
static bool say_cardinal(const content *c) {
    const size_t n = digits_of(c);
    for (size_t i = 0; i < c->n; i++) {
        if (n && i && (n - i) % 3 == 0) markup_put(c->m, ",", 1, c->origins[i].begin, c->origins[i].begin);
        markup_put(c->m, c->text + i, 1, c->origins[i].begin, c->origins[i].end);
    }
    return true;
}

static bool say_ordinal(const content *c) {
    const size_t n = digits_of(c);
    if (!n) return false;
    const char last = c->text[n - 1];
    const bool teen = n > 1 && c->text[n - 2] == '1', chinese = c->m->prosody.language == 'z';
    const char *ending = teen ? "th" : last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
    if (chinese) put(c, "第", 0, n);
    for (size_t i = 0; i < n; i++) markup_put(c->m, c->text + i, 1, c->origins[i].begin, c->origins[i].end);
    if (!chinese) put(c, ending, 0, n);
    return true;
}

/* "20261123" is cut as the format says. */
static size_t joined_parts(const content *c, const char *format, long parts[DATE_PARTS]) {
    size_t i = 0;
    for (size_t k = 0; k < DATE_PARTS; k++) {
        const size_t end = i + (format[k] == 'y' ? 4 : 2);
        for (parts[k] = 0; i < end && i < c->n; i++) parts[k] = parts[k] * 10 + (c->text[i] - '0');
    }
    return DATE_PARTS;
}

static size_t date_parts(const content *c, const char *format, long parts[DATE_PARTS]) {
    size_t count = 0, i = 0;
    if (digits_of(c) == 8 && strlen(format) == DATE_PARTS) return joined_parts(c, format, parts);
    while (i < c->n && count < DATE_PARTS) {
        while (i < c->n && !markup_is_digit(c->text[i])) i++;
        if (i == c->n) break;
        for (parts[count] = 0; i < c->n && markup_is_digit(c->text[i]) && parts[count] < 100000; i++)
            parts[count] = parts[count] * 10 + (c->text[i] - '0');
        count++;
    }
    return count;
}

static bool say_date(const content *c, const char *format) {
    static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
    long parts[DATE_PARTS] = {0}, day = 0, month = 0, year = 0;
    if (!*format) return false;
    const size_t count = date_parts(c, format, parts);
    char said[64] = "";
    if (count != strlen(format)) return false;
    for (size_t i = 0; i < count; i++) *(format[i] == 'y' ? &year : format[i] == 'm' ? &month : &day) = parts[i];
    if (strspn(format, "ymd") != strlen(format) || month > 12 || day > 31 || year > 9999) return false;
    if (strchr(format, 'y') && year < 100) year += year < 50 ? 2000 : 1900;
    const bool chinese = c->m->prosody.language == 'z';
    if (chinese) {
        size_t used = 0;
        if (year) used += (size_t)snprintf(said + used, sizeof(said) - used, "%ld年", year);
        if (month) used += (size_t)snprintf(said + used, sizeof(said) - used, "%ld月", month);
        if (day) used += (size_t)snprintf(said + used, sizeof(said) - used, "%ld日", day);
        if (!used) return false;
    } else if (month && day && year) {
        snprintf(said, sizeof(said), "%s %ld, %ld", months[month - 1], day, year);
    } else if (month && (day || year)) {
        snprintf(said, sizeof(said), "%s %ld", months[month - 1], day ? day : year);
    } else if (year && !month && !day) {
        snprintf(said, sizeof(said), "%ld", year);
    } else {
        return false;
    }
    put(c, said, 0, c->n);
    return true;
}

static bool is_one_of(const char *s, const char *names) {
    char padded[40];
    if (strlen(s) + 3 > sizeof(padded)) return false;
    size_t n = 0;
    padded[n++] = ' ';
    for (; *s; s++) padded[n++] = *s >= 'A' && *s <= 'Z' ? (char)(*s | 0x20) : *s;
    memcpy(padded + n, " ", 2);
    return strstr(names, padded) != NULL;
}

bool markup_say_as(markup *m, const char *as, const char *format, const char *text, const ev_origin *origins,
                   size_t n) {
    assert(n > 0);
    const content c = {m, text, origins, n};
    bool good = true;
    if (is_one_of(as, " characters spell-out spell verbatim letters ")) {
        say_characters(&c, false);
        return true;
    }
    if (is_one_of(as, " digits digit number_digit ")) {
        say_characters(&c, true);
        return true;
    }
    if (is_one_of(as, " expletive bleep ")) {
        markup_omit(m, origins[0].begin, origins[n - 1].end, "expletive");
        return true;
    }
    if (is_one_of(as, " cardinal number ") && digits_of(&c)) return say_cardinal(&c);
    if (is_one_of(as, " ordinal ") && say_ordinal(&c)) return true;
    if (is_one_of(as, " date ") && say_date(&c, format)) return true;
    good = is_one_of(as, " date time telephone currency fraction unit address name cardinal number ordinal duration "
                         "measure decimal percent net ");
    for (size_t i = 0; i < n; i++) markup_put(m, text + i, 1, origins[i].begin, origins[i].end);
    return good;
}
