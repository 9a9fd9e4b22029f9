/* date: dates and times of day. "Nov 23, 2026", "23 November", "2026-11-23", "11/23/2026"; "7:30pm", "19:05". */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "text/en/en.h"

static const char *const months[12] = {"january", "february", "march",     "april",   "may",      "june",
                                       "july",    "august",   "september", "october", "november", "december"};

/* ---- months ---- */

/* The written month at i, in full or short (with or without its dot). *end: past it. */
int en_month_at(const en_work *w, size_t i, size_t *end) {
    size_t stop = en_letters_end(w, i), n = stop - i;
    if (n < 3 || n > 9) return 0;
    for (int m = 0; m < 12; m++) {
        if (en_lower(w->s[i]) != months[m][0]) continue;
        size_t length = strlen(months[m]);
        bool full = n == length && en_starts(w, i, months[m]);
        char brief[4] = {months[m][0], months[m][1], months[m][2], '\0'};
        bool shortened = (n == 3 || (n == 4 && m == 8 && en_lower(w->s[i + 3]) == 't')) && en_starts(w, i, brief);
        if (!full && !shortened) continue;
        *end = stop + (!full && w->s[stop] == '.');
        return m + 1;
    }
    return 0;
}

bool en_valid_day(long month, long day) { return month >= 1 && month <= 12 && day >= 1 && day <= 31; }

static void say_day(en_work *w, int day) {
    char digits[2] = {(char)('0' + day / 10), (char)('0' + day % 10)};
    en_say_ordinal(w, digits, 2, "");
}

void en_say_date(en_work *w, long year, int month, int day) {
    assert(month >= 1 && month <= 12);
    w->span_number = true;
    en_put(w, months[month - 1]);
    if (day) say_day(w, day);
    if (year) en_say_year(w, year);
}

bool en_behind_date(const en_work *w) {
    size_t count = en_word_count(w), k = count;
    if (!en_previous_in(w, " or and to through until ") || k < w->sentence_from + 3) return false;
    for (k--; k > w->sentence_from + 1 && count - k < 7 && en_word_at(w, k - 1)->number;) {
        const char *text = en_word_text(w, en_word_at(w, --k));
        for (int m = 0; m < 12; m++)
            if (strcmp(text, months[m]) == 0) return true;
    }
    return false;
}

/* ---- numeric dates ---- */

/* Exactly `min`..`max` digits at i and no digit after them; -1: no. */
static long digits_at(const en_work *w, size_t i, size_t min, size_t max, size_t *end) {
    long value = 0;
    size_t n = 0;
    while (n <= max && en_is_digit(w->s[i + n])) value = value * 10 + (w->s[i + n++] - '0');
    *end = i + n;
    return n >= min && n <= max ? value : -1;
}

static bool closes(const en_work *w, size_t i, char separator) {
    if (w->s[i] == separator && en_is_digit(w->s[i + 1])) return false;
    return !en_is_alnum(w->s[i]) || w->s[i] == 'T'; /* 2026-11-23T19:05 */
}

static size_t iso_date(en_work *w, size_t i) {
    size_t at;
    long year = digits_at(w, i, 4, 4, &at);
    char separator = w->s[at];
    if (year < 1000 || (separator != '-' && separator != '/' && separator != '.')) return 0;
    long month = digits_at(w, at + 1, 1, 2, &at);
    if (month < 1 || w->s[at] != separator) return 0;
    long day = digits_at(w, at + 1, 1, 2, &at);
    if (!en_valid_day(month, day) || !closes(w, at, separator)) return 0;
    en_span(w, i, at);
    en_say_date(w, year, (int)month, (int)day);
    if (w->s[at] != 'T') return at - i;
    at++; /* 2026-11-23T19:05:00Z */
    at += en_match_time(w, at);
    return at - i + (w->s[at] == 'Z' && !en_is_alnum(w->s[at + 1]));
}

/* 11/23/2026; 23/11/2026 where only that is possible; 23.11.2026. */
static size_t slash_date(en_work *w, size_t i) {
    size_t at;
    long first = digits_at(w, i, 1, 2, &at);
    char separator = w->s[at];
    if (first < 1 || (separator != '/' && separator != '-' && separator != '.')) return 0;
    long second = digits_at(w, at + 1, 1, 2, &at);
    if (second < 1 || w->s[at] != separator) return 0;
    size_t year_at = at + 1;
    long year = digits_at(w, year_at, 2, 4, &at);
    size_t year_digits = at - year_at;
    if (year < 0 || year_digits == 3 || (separator != '/' && year_digits != 4) || !closes(w, at, separator)) return 0;
    bool day_first = separator == '.' || first > 12;
    long month = day_first ? second : first, day = day_first ? first : second;
    if (!en_valid_day(month, day)) return 0;
    if (year_digits == 2) year += year < 50 ? 2000 : 1900;
    en_span(w, i, at);
    en_say_date(w, year, (int)month, (int)day);
    return at - i;
}

/* "1/8/2023 – 3/8/2023", "2024-01-05 to ...": the dash between two dates in figures is "to". */
static size_t figures_range(en_work *w, size_t end, char separator) {
    size_t at = en_skip_spaces(w, end), next = en_skip_spaces(w, at + 1), stop;
    bool dash = w->s[at] == EN_EN_DASH || w->s[at] == '~' || (w->s[at] == '-' && (separator != '-' || at > end));
    if (!dash || digits_at(w, next, 1, 4, &stop) < 1 || w->s[stop] != separator) return 0;
    if (digits_at(w, stop + 1, 1, 2, &stop) < 1 || w->s[stop] != separator) return 0;
    if (digits_at(w, stop + 1, 1, 4, &stop) < 1 || en_is_alnum(w->s[stop])) return 0;
    en_span(w, at, at + 1);
    w->span_number = false;
    en_put(w, "to");
    return next - end;
}

/* ---- dates with a month's name ---- */

/* " , 2026" or " 2026" at i: the year and past it. */
static long year_at(const en_work *w, size_t i, size_t *end) {
    size_t at = w->s[i] == ',' ? i + 1 : i, stop;
    size_t next = en_skip_spaces(w, at);
    if (next == i) return 0;
    long year = digits_at(w, next, 4, 4, &stop);
    if (year < 1000 || year > 2999 || en_is_alnum(w->s[stop]) || w->s[stop] == '%') return 0;
    if ((w->s[stop] == ',' || w->s[stop] == '.' || w->s[stop] == ':') && en_is_digit(w->s[stop + 1])) return 0;
    *end = stop;
    return year;
}

static size_t ordinal_suffix(const en_work *w, size_t i) {
    bool suffix =
        en_word_is(w, i, "st") || en_word_is(w, i, "nd") || en_word_is(w, i, "rd") || en_word_is(w, i, "th");
    return suffix ? i + 2 : i;
}

/* A month in small letters: "may 5" is one, "you may 5" and "march 5 miles" are not. */
static bool small_month(const en_work *w, size_t i, size_t month_end, size_t day_end) {
    if (en_is_upper(w->s[i])) return true;
    bool word = month_end - i <= 5 && (en_starts(w, i, "may") || en_starts(w, i, "mar") || en_starts(w, i, "jan"));
    const char *previous = en_previous(w);
    if (word && en_in_list(" i you he she we they it who that this to ", previous, strlen(previous))) return false;
    size_t next = en_skip_spaces(w, day_end);
    return !word || !en_is_lower(w->s[next]) || en_word_is(w, next, "and") || en_word_is(w, next, "at") ||
           en_word_is(w, next, "is") || en_word_is(w, next, "was") || en_word_is(w, next, "or");
}

/* "Jan 5 - Feb 10", "June 3–July 4", "12 Jan – 4 Feb": the dash between two dates is "to". */
static size_t date_range(en_work *w, size_t end) {
    size_t at = en_skip_spaces(w, end), unused;
    if (!(w->s[at] == '-' || w->s[at] == EN_EN_DASH)) return 0;
    size_t next = en_skip_spaces(w, at + 1), month = next;
    if (digits_at(w, next, 1, 2, &month) >= 1) month = en_skip_spaces(w, ordinal_suffix(w, month));
    if (!en_month_at(w, month, &unused)) return 0;
    en_span(w, at, at + 1);
    w->span_number = false;
    en_put(w, "to");
    return next - end;
}

/* "-7", " – 7" behind a day: past the second day, or 0. */
static size_t day_range(const en_work *w, size_t i) {
    size_t end;
    bool spaced = w->s[i] == ' ' && w->s[i + 1] == EN_EN_DASH && w->s[i + 2] == ' ';
    if (w->s[i] != '-' && w->s[i] != EN_EN_DASH && !spaced) return 0;
    long day = digits_at(w, i + (spaced ? 3 : 1), 1, 2, &end);
    end = ordinal_suffix(w, end);
    return day >= 1 && day <= 31 && !en_is_alnum(w->s[end]) && w->s[end] != '-' && w->s[end] != ':' ? end : 0;
}

/* "Nov 23, 2026", "November 23rd", "Nov. 2026", "Jan-15-2024". */
static size_t month_first(en_work *w, size_t i) {
    size_t end, at;
    int month = en_month_at(w, i, &end);
    if (!month) return 0;
    bool hyphen = w->s[end] == '-' && en_is_digit(w->s[end + 1]);
    size_t next = hyphen ? end + 1 : en_skip_spaces(w, end);
    long day = next > end || w->s[end - 1] == '.' ? digits_at(w, next, 1, 2, &at) : -1;
    long year = 0;
    if (day >= 1 && day <= 31) {
        size_t after = ordinal_suffix(w, at), year_end;
        bool dated = hyphen && w->s[after] == '-' && (year = digits_at(w, after + 1, 4, 4, &year_end)) >= 1000;
        bool clean = !en_is_alnum(w->s[after]) && w->s[after] != ':' && w->s[after] != '%' && w->s[after] != '/';
        if (w->s[after] == '.' && en_is_digit(w->s[after + 1])) clean = false;
        if (!clean || !small_month(w, i, end, after)) return 0;
        end = dated ? year_end : after;
        size_t until = !dated && !hyphen ? day_range(w, after) : 0;
        if (until) { /* "June 5-7" */
            en_span(w, i, after);
            en_say_date(w, 0, month, (int)day);
            w->span_number = false;
            en_put(w, "to");
            size_t second = after + (w->s[after] == ' ' ? 3 : 1);
            en_span(w, second, until);
            say_day(w, (int)digits_at(w, second, 1, 2, &at));
            year = year_at(w, until, &end);
            if (!year) return until - i;
            en_say_year(w, year);
            return end - i;
        }
        if (!dated) year = year_at(w, end, &end);
        en_span(w, i, end);
        en_say_date(w, year, month, (int)day);
        bool possessive = !year && w->s[end] == '\'' && w->s[end + 1] == 's' && !en_is_alnum(w->s[end + 2]);
        if (possessive && en_word_count(w) > 0) { /* "April 29th's meeting" */
            en_word_at(w, en_word_count(w) - 1)->plural = true;
            return end + 2 - i;
        }
        return end - i + date_range(w, end);
    }
    size_t other = end + 1, other_end; /* "Jan-Mar" */
    if ((w->s[end] == '-' || w->s[end] == EN_EN_DASH) && en_month_at(w, other, &other_end)) {
        en_span(w, i, end);
        en_say_date(w, 0, month, 0);
        w->span_number = false;
        en_span(w, end, other);
        en_put(w, "to");
        en_span(w, other, other_end);
        en_say_date(w, 0, en_month_at(w, other, &other_end), 0);
        return other_end - i;
    }
    if (!en_is_upper(w->s[i])) return 0;
    size_t year_end = 0;
    year = year_at(w, end, &year_end);
    bool brief = end - i < strlen(months[month - 1]);
    if (!year && !(brief && w->s[end - 1] == '.')) return 0; /* "May", "Jan" may be people */
    if (year) end = year_end;
    en_span(w, i, end);
    en_say_date(w, year, month, 0);
    if (!year && en_ends_sentence(w, end)) en_break(w, EV_BREAK_FINAL);
    return end - i;
}

/* "23 November 2026", "23rd of November". */
static size_t day_first(en_work *w, size_t i) {
    size_t at, end;
    long day = digits_at(w, i, 1, 2, &at);
    if (day < 1 || day > 31) return 0;
    size_t until = day_range(w, at), month_end;
    if (until && w->s[until] == ' ' && en_is_upper(w->s[until + 1]) &&
        en_month_at(w, until + 1, &month_end)) { /* "5-7 June" */
        en_span(w, i, at);
        if (strcmp(en_previous(w), "the") != 0) en_put(w, "the");
        w->span_number = true;
        say_day(w, (int)day);
        w->span_number = false;
        en_put(w, "to the");
        return at + (w->s[at] == ' ' ? 3 : 1) - i;
    }
    size_t after = ordinal_suffix(w, at), next = en_skip_spaces(w, after);
    bool of = en_word_is(w, next, "of");
    if (of) next = en_skip_spaces(w, next + 2);
    if (next == after && w->s[next] != '-') return 0;
    if (w->s[next] == '-') next++;
    int month = en_month_at(w, next, &end);
    if (!month || (end - next == 3 && en_is_lower(w->s[next]) && month == 3)) return 0; /* "5 mar" */
    if (en_is_lower(w->s[next]) && end - next == 3 && month == 5) { /* "4 may 2031", but "all 4 may go" */
        size_t rest = en_skip_spaces(w, end);
        if (en_is_alpha(w->s[rest])) return 0;
    }
    if (en_is_lower(w->s[next]) && end - next == 5 && month == 3 && en_is_lower(w->s[en_skip_spaces(w, end)]))
        return 0;
    long year = year_at(w, end, &end);
    if (!year && w->s[end] == '-') year = year_at(w, end + 1, &end);
    const char *previous = en_previous(w);
    en_span(w, i, end);
    if (strcmp(previous, "the") != 0) en_put(w, "the");
    w->span_number = true;
    say_day(w, (int)day);
    w->span_number = false;
    en_put(w, "of");
    en_say_date(w, year, month, 0);
    size_t more = date_range(w, end);
    if (!more && !year && w->s[end - 1] == '.' && en_ends_sentence(w, end)) en_break(w, EV_BREAK_FINAL);
    return end - i + more;
}

size_t en_match_date(en_work *w, size_t i) {
    if (en_is_alpha(w->s[i])) return strchr("jfmasondJFMASOND", w->s[i]) ? month_first(w, i) : 0;
    if (!en_is_digit(w->s[i])) return 0;
    size_t used = iso_date(w, i), first;
    if (!used) used = slash_date(w, i);
    if (!used) return day_first(w, i);
    first = en_digits_end(w, i);
    return used + figures_range(w, i + used, w->s[first]);
}

/* ---- times ---- */

/* " a.m.", "pm", " PM": 'A' or 'P', *end past it; 0: none. */
static char meridiem(const en_work *w, size_t i, size_t *end) {
    size_t at = en_skip_spaces(w, i);
    char letter = en_lower(w->s[at]);
    if (letter != 'a' && letter != 'p') return 0;
    size_t next = at + 1;
    bool dotted = w->s[next] == '.';
    if (dotted) next++;
    if (en_lower(w->s[next]) != 'm') return 0;
    next++;
    if (en_is_alnum(w->s[next])) return 0;
    if (letter == 'a' && !dotted && at > i && en_is_lower(w->s[at]) == en_is_upper(w->s[at + 1])) return 0;
    *end = next + (dotted && w->s[next] == '.');
    return (char)(letter - 32);
}

static void say_meridiem(en_work *w, char half, size_t end) {
    char letters[2] = {half, 'M'};
    w->span_number = false;
    en_put_letters(w, letters, 2, "");
    if (w->s[end - 1] == '.' && en_ends_sentence(w, end)) en_break(w, EV_BREAK_FINAL);
}

static void say_clock(en_work *w, long hour, long minute, bool half_given) {
    en_say_integer(w, hour);
    if (minute == 0 && half_given) return;
    if (minute == 0) {
        if (hour == 0)
            en_put(w, "hundred"); /* zero hundred */
        else
            en_put(w, hour > 12 ? "hundred" : "o'clock");
        return;
    }
    if (minute < 10) en_put(w, "oh");
    en_say_integer(w, minute);
}

/* "EST" behind a time: by its letters, in any case. */
static size_t zone(en_work *w, size_t end) {
    static const char zones[] = " est edt cst cdt mst mdt pst pdt gmt utc bst cet cest ist jst aest hst ";
    size_t at = en_skip_spaces(w, end), stop = en_letters_end(w, at);
    bool brief = stop - at == 2 && en_is_upper(w->s[at]) && en_is_upper(w->s[at + 1]) &&
                 en_in_list(" et pt ct mt ", w->s + at, 2);
    if (brief && at > end) {
        en_span(w, at, stop);
        en_put_letters(w, w->s + at, 2, "");
        return stop - end;
    }
    if (at == stop || stop - at > 4 || en_is_digit(w->s[stop]) || !en_in_list(zones, w->s + at, stop - at)) return 0;
    en_span(w, at, stop);
    en_put_letters(w, w->s + at, stop - at, "");
    return stop - end;
}

/* unit: " hour"; its plural has an s. */
static void counted(en_work *w, long value, const char *unit) {
    char name[16];
    en_say_integer(w, value);
    w->span_number = false;
    snprintf(name, sizeof name, "%s%s", unit + 1, value == 1 ? "" : "s");
    en_put(w, name);
}

/* "7:30", "19:05:10", "3:1" (a ratio). */
static size_t colon_time(en_work *w, size_t i) {
    size_t at, end, unused;
    long hour = digits_at(w, i, 1, 4, &at);
    if (hour < 0 || w->s[at] != ':') return 0;
    size_t hour_digits = at - i, minute_at = at + 1;
    long minute = digits_at(w, minute_at, 1, 4, &end);
    if (minute < 0) return 0;
    bool clock = hour_digits <= 2 && hour <= 24 && end - minute_at == 2 && minute < 60;
    long second = clock && w->s[end] == ':' ? digits_at(w, end + 1, 2, 2, &unused) : -1;
    if (!clock && w->s[end] == ':') return 0;
    if (!clock) {
        en_span(w, i, end);
        en_say_integer(w, hour);
        en_put(w, "to");
        en_say_integer(w, minute);
        return end - i;
    }
    if (second >= 0) end = unused;
    size_t half_end = end;
    char half = meridiem(w, end, &half_end);
    en_span(w, i, half_end);
    if (second > 0) {
        counted(w, hour, " hour");
        counted(w, minute, " minute");
        en_put(w, "and");
        counted(w, second, " second");
    } else {
        say_clock(w, hour, minute, half != 0);
        if (!half && w->s[end] == '.' && en_is_digit(w->s[end + 1])) { /* "1:23.456" of a race */
            half_end = en_digits_end(w, end + 1);
            en_put(w, "point");
            en_say_digits(w, end + 1, half_end);
        }
    }
    if (half) say_meridiem(w, half, half_end);
    return half_end - i + zone(w, half_end);
}

/* "9:00-5:00", "9am–5pm": the dash behind a time is "to". */
static size_t time_range(en_work *w, size_t end) {
    size_t at = w->s[end] == ' ' && w->s[end + 2] == ' ' ? end + 1 : end; /* "10am - 4pm" */
    size_t next = at > end ? at + 2 : at + 1;
    bool named = en_word_is(w, next, "noon") || en_word_is(w, next, "midnight");
    if (!(w->s[at] == '-' || w->s[at] == EN_EN_DASH) || !(named || en_is_digit(w->s[next]))) return 0;
    en_span(w, at, at + 1);
    w->span_number = false;
    en_put(w, "to");
    return next - end;
}

size_t en_match_time(en_work *w, size_t i) {
    if (!en_is_digit(w->s[i])) return 0;
    size_t used = colon_time(w, i), at, end;
    if (used) return used + time_range(w, i + used);
    long hour = digits_at(w, i, 1, 2, &at);
    if (hour < 1 || hour > 12) return 0;
    if (w->s[at] == '.') { /* "1.59 p.m." */
        size_t minute_end;
        long minute = digits_at(w, at + 1, 2, 2, &minute_end);
        char half = minute >= 0 && minute < 60 ? meridiem(w, minute_end, &end) : 0;
        if (!half) return 0;
        en_span(w, i, end);
        say_clock(w, hour, minute, true);
        say_meridiem(w, half, end);
        return end - i + time_range(w, end) + zone(w, end);
    }
    size_t later = at + 1, later_end;
    bool second = (w->s[at] == '-' || w->s[at] == EN_EN_DASH) && digits_at(w, later, 1, 2, &later_end) > 0;
    if (second && w->s[later_end] == ':' && en_digits_end(w, later_end + 1) == later_end + 3) later_end += 3;
    if (second && meridiem(w, later_end, &end)) { /* "2-3pm", "10-11:30am" */
        en_span(w, i, at);
        en_say_integer(w, hour);
        return at - i + time_range(w, at);
    }
    char half = meridiem(w, at, &end);
    if (!half) return 0;
    en_span(w, i, end);
    en_say_integer(w, hour);
    say_meridiem(w, half, end);
    size_t more = time_range(w, end);
    return end - i + (more ? more : zone(w, end));
}
