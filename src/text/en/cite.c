/* cite: numbers of what is cited: verses ("Psalm 23:1-4"), standards ("ISO 9001:2015"), pages of the web
 * ("404 Not Found"), and hours as the military writes them ("0615 hrs"). */
#include <stdlib.h>
#include <string.h>

#include "text/en/en.h"

static void say_figures(en_work *w, size_t begin, size_t end) {
    en_span(w, begin, end);
    en_say_cardinal(w, w->s + begin, end - begin);
    w->span_number = false;
}

/* ---- verses ---- */

static const char books[] =
    " genesis exodus leviticus numbers deuteronomy joshua judges ruth samuel kings chronicles ezra nehemiah esther "
    "job "
    "psalm psalms proverbs ecclesiastes isaiah jeremiah lamentations ezekiel daniel hosea joel amos obadiah jonah "
    "micah "
    "nahum habakkuk zephaniah haggai zechariah malachi matthew mark luke john acts romans corinthians galatians "
    "ephesians philippians colossians thessalonians timothy titus philemon hebrews james peter jude revelation "
    "quran surah sura ";

static size_t verse_number(const en_work *w, size_t i) {
    size_t end = en_digits_end(w, i);
    return end - i <= 3 && !en_is_alpha(w->s[end]) ? end : i;
}

/* "23:1-4", "1:1–2:3", "3:16, 18": chapter and verse, to chapter and verse. */
static size_t verses(en_work *w, size_t i) {
    size_t end = verse_number(w, i);
    if (end == i || w->s[end] != ':' || verse_number(w, end + 1) == end + 1 || !en_previous_in(w, books)) return 0;
    for (size_t at = i;;) {
        say_figures(w, at, end);
        char sign = w->s[end];
        size_t next = end + 1 + (sign == ',' && w->s[end + 1] == ' '), stop = verse_number(w, next);
        bool more = sign == ':' || sign == '-' || sign == EN_EN_DASH || (sign == ',' && w->s[stop] != ' ');
        if (!more || stop == next) return end - i;
        en_span(w, end, next);
        if (sign == ',') en_break(w, EV_BREAK_COMMA);
        if (sign == '-' || sign == EN_EN_DASH) en_put(w, "to");
        at = next;
        end = stop;
    }
}

/* "1 Corinthians": the first of its letters. */
static size_t numbered_book(en_work *w, size_t i) {
    static const char several[] = " samuel kings chronicles corinthians thessalonians timothy peter john maccabees ";
    static const char *const orders[] = {"first", "second", "third"};
    size_t name = i + 2, end = en_letters_end(w, name), chapter = en_skip_spaces(w, end);
    if (w->s[i] < '1' || w->s[i] > '3' || w->s[i + 1] != ' ' || !en_is_upper(w->s[name])) return 0;
    if (!en_in_list(several, w->s + name, end - name) || !en_is_digit(w->s[chapter])) return 0;
    if (en_previous_in(w, books) || w->s[en_digits_end(w, chapter)] != ':') return 0;
    en_span(w, i, i + 1);
    en_put(w, orders[w->s[i] - '1']);
    return 2;
}

/* ---- standards ---- */

/* The letters and slashes before the number at i name a maker of standards: "ISO/IEC", "GB/T". */
static bool standard_before(const en_work *w, size_t i) {
    static const char bodies[] = " iso iec iso/iec ieee ansi astm din en bs jis gb gb/t gb/z yy yy/t hg/t jb/t qb/t "
                                 "nb/t sae nfpa iso/ts iec/tr "
                                 "bs en din en une nf csa as/nzs api asme ul ";
    size_t end = i, begin;
    if (end > 0 && (w->s[end - 1] == ' ' || w->s[end - 1] == '-')) end--;
    for (begin = end; begin > 0 && end - begin < 9 && (en_is_upper(w->s[begin - 1]) || w->s[begin - 1] == '/');)
        begin--;
    return end - begin >= 2 && (begin == 0 || !en_is_alnum(w->s[begin - 1])) &&
           en_in_list(bodies, w->s + begin, end - begin);
}

/* "9001:2015", "7714-2015", "5009.3-2016": the number, then the year it was made. */
static size_t standard(en_work *w, size_t i) {
    size_t end = en_digits_end(w, i), part = end;
    while (w->s[part] == '.' && en_is_digit(w->s[part + 1])) part = en_digits_end(w, part + 1);
    bool joined = w->s[part] == ':' || w->s[part] == '-' || w->s[part] == EN_EN_DASH;
    size_t year = part + 1, stop = en_digits_end(w, year);
    bool modern = joined && stop - year == 4 && (en_starts(w, year, "19") || en_starts(w, year, "20"));
    if (!modern || en_is_alnum(w->s[stop]) || end - i > 6 || !standard_before(w, i)) return 0;
    say_figures(w, i, end);
    for (size_t at = end; at < part; at = en_digits_end(w, at + 1)) {
        en_span(w, at, at + 1);
        en_put(w, "point");
        say_figures(w, at + 1, en_digits_end(w, at + 1));
    }
    en_span(w, year, stop);
    en_say_year(w, strtol(w->s + year, NULL, 10));
    return stop - i;
}

/* ---- answers of servers ---- */

/* "404 Not Found", "HTTP 503", "a 404 error": "four oh four". */
static size_t status(en_work *w, size_t i) {
    size_t end = en_digits_end(w, i), next = en_skip_spaces(w, end);
    if (end - i != 3 || w->s[i] < '1' || w->s[i] > '5' || en_is_alnum(w->s[end]) || w->s[end] == '.') return 0;
    bool behind = en_word_is(w, next, "error") || en_starts(w, next, "not found") ||
                  en_word_is(w, next, "forbidden") || en_starts(w, next, "bad request") ||
                  en_starts(w, next, "bad gateway");
    if (!behind && strcmp(en_previous(w), "H T T P") != 0) return 0;
    en_span(w, i, end);
    en_say_pairs(w, i, end);
    return end - i;
}

/* ---- hours ---- */

/* "1030 hrs", "at 1500 hours": hours and minutes in one; "1500 hours of work" are counted. */
static size_t military(en_work *w, size_t i) {
    static const char at_times[] = " at by until till from before after since around between departs arrives depart "
                                   "arrive departing arriving ";
    static const char amounts[] =
        " for of over about than under took take takes spent spend worked logged nearly almost "
        "flew total only approximately within in last lasts every ";
    size_t end = en_digits_end(w, i), unit = en_skip_spaces(w, end);
    bool brief = en_word_is(w, unit, "hrs"), full = en_word_is(w, unit, "hours");
    if (end - i != 4 || (!brief && !full)) return 0;
    long hour = (w->s[i] - '0') * 10 + (w->s[i + 1] - '0'), minute = (w->s[i + 2] - '0') * 10 + (w->s[i + 3] - '0');
    size_t count = en_word_count(w);
    bool cued = en_previous_in(w, at_times) ||
                (en_previous_in(w, " to ") && count > 1 && en_word_at(w, count - 2)->number),
         counted = en_previous_in(w, amounts);
    if (hour > 24 || minute > 59 || !(w->s[i] == '0' || cued || (brief && minute && !counted))) return 0;
    en_span(w, i, end);
    if (hour < 10) en_put(w, "oh");
    en_say_integer(w, hour);
    if (minute == 0) en_put(w, "hundred");
    if (minute && minute < 10) en_put(w, "oh");
    if (minute) en_say_integer(w, minute);
    en_span(w, unit, unit + (brief ? 3 : 5));
    w->span_number = false;
    en_put(w, "hours");
    return unit + (brief ? 3 : 5) - i;
}

size_t en_match_citation(en_work *w, size_t i) {
    if (!en_is_digit(w->s[i])) return 0;
    size_t used = verses(w, i);
    if (!used) used = numbered_book(w, i);
    if (!used) used = standard(w, i);
    if (!used) used = status(w, i);
    return used ? used : military(w, i);
}
