/* address: house numbers, points of the compass, streets and states: "350 W 42nd St, Austin, TX 78701". */
#include <string.h>

#include "text/en/en.h"

enum { NAME_WORDS = 4 };

// clang-format off
static const struct {
    char code[3];
    const char *name;
} states[] = {
    {"AK", "alaska"}, {"AL", "alabama"}, {"AR", "arkansas"}, {"AZ", "arizona"}, {"CA", "california"}, {"CO", "colorado"},
    {"CT", "connecticut"}, {"DC", "D C"}, {"DE", "delaware"}, {"FL", "florida"}, {"GA", "georgia"}, {"HI", "hawaii"},
    {"IA", "iowa"}, {"ID", "idaho"}, {"IL", "illinois"}, {"IN", "indiana"}, {"KS", "kansas"}, {"KY", "kentucky"},
    {"LA", "louisiana"}, {"MA", "massachusetts"}, {"MD", "maryland"}, {"ME", "maine"}, {"MI", "michigan"},
    {"MN", "minnesota"}, {"MO", "missouri"}, {"MS", "mississippi"}, {"MT", "montana"}, {"NC", "north carolina"},
    {"ND", "north dakota"}, {"NE", "nebraska"}, {"NH", "new hampshire"}, {"NJ", "new jersey"}, {"NM", "new mexico"},
    {"NV", "nevada"}, {"NY", "new york"}, {"OH", "ohio"}, {"OK", "oklahoma"}, {"OR", "oregon"}, {"PA", "pennsylvania"},
    {"RI", "rhode island"}, {"SC", "south carolina"}, {"SD", "south dakota"}, {"TN", "tennessee"}, {"TX", "texas"},
    {"UT", "utah"}, {"VA", "virginia"}, {"VT", "vermont"}, {"WA", "washington"}, {"WI", "wisconsin"},
    {"WV", "west virginia"}, {"WY", "wyoming"},
};
static const struct {
    const char *written, *said;
} streets[] = {
    {"st", "street"}, {"ave", "avenue"}, {"blvd", "boulevard"}, {"rd", "road"}, {"dr", "drive"}, {"ln", "lane"},
    {"ct", "court"}, {"pl", "place"}, {"pkwy", "parkway"}, {"hwy", "highway"}, {"expy", "expressway"}, {"ter", "terrace"},
    {"cir", "circle"}, {"sq", "square"}, {"trl", "trail"}, {"street", "street"}, {"avenue", "avenue"},
    {"boulevard", "boulevard"}, {"road", "road"}, {"drive", "drive"}, {"lane", "lane"}, {"court", "court"},
    {"place", "place"}, {"parkway", "parkway"}, {"highway", "highway"}, {"way", "way"}, {"square", "square"},
    {"terrace", "terrace"}, {"expressway", "expressway"},
};
static const struct {
    const char *written, *said;
} points[] = {
    {"N", "north"}, {"S", "south"}, {"E", "east"}, {"W", "west"}, {"NE", "northeast"}, {"NW", "northwest"},
    {"SE", "southeast"}, {"SW", "southwest"},
};
// clang-format on

/* A point of the compass at i, with its dot; *end past it. */
static const char *point_at(const en_work *w, size_t i, size_t *end) {
    size_t stop = en_letters_end(w, i);
    for (size_t k = 0; k < EV_ARRAY_COUNT(points); k++) {
        size_t n = strlen(points[k].written);
        if (stop - i != n || memcmp(w->s + i, points[k].written, n) != 0 || en_is_digit(w->s[stop])) continue;
        *end = stop + (w->s[stop] == '.');
        return points[k].said;
    }
    return NULL;
}

const char *en_compass_behind(const en_work *w, size_t end, size_t *begin, size_t *stop) {
    *begin = en_skip_spaces(w, end);
    const char *said = *begin > end ? point_at(w, *begin, stop) : NULL;
    const size_t next = said ? en_skip_spaces(w, *stop) : 0;
    const bool initial =
        said && *stop == *begin + 2 && w->s[*stop - 1] == '.' && next > *stop && en_is_upper(w->s[next]);
    return said && !initial && !en_is_alnum(w->s[*stop]) ? said : NULL;
}

static const char *street_at(const en_work *w, size_t i, size_t *end) {
    size_t stop = en_letters_end(w, i);
    if (stop - i > 10) return NULL;
    for (size_t k = 0; k < EV_ARRAY_COUNT(streets); k++)
        if (stop - i == strlen(streets[k].written) && en_starts(w, i, streets[k].written) &&
            !en_is_digit(w->s[stop])) {
            *end = stop;
            return streets[k].said;
        }
    return NULL;
}

/* Where the name of a street stands from i on ("San Tomas", "42nd", "Elm"): the place of its "St", or 0. */
static size_t find_street(const en_work *w, size_t i) {
    for (size_t k = 0; k < NAME_WORDS; k++) {
        size_t end = i, unused;
        bool number = en_is_digit(w->s[i]);
        if (!number && !en_is_upper(w->s[i]) && !(k > 0 && en_is_lower(w->s[i]))) return 0;
        if (k > 0 && street_at(w, i, &unused)) return i;
        if (!number && !en_is_upper(w->s[i])) return 0;
        while (en_is_alnum(w->s[end]) || (w->s[end] == '\'' && end > i)) end++;
        if (number && !en_is_alpha(w->s[end - 1])) return 0; /* "42" is no street, "42nd" is */
        if (w->s[end] != ' ') return 0;
        i = end + 1;
    }
    return 0;
}

static void say_house(en_work *w, size_t i, size_t end) {
    size_t n = end - i;
    bool thousands = n == 4 && w->s[i + 1] == '0' && w->s[i + 2] == '0';
    en_span(w, i, end);
    if (n <= 2 || thousands || (n == 3 && w->s[i + 1] == '0' && w->s[i + 2] == '0'))
        en_say_cardinal(w, w->s + i, n);
    else if (n <= 4)
        en_say_pairs(w, i, end);
    else
        en_say_digits(w, i, end);
}

/* "350 W", "1600" before the name of a street. */
static size_t house(en_work *w, size_t i) {
    size_t end = en_digits_end(w, i), point_end = 0;
    if (end - i > 5 || w->s[i] == '0' || w->s[end] != ' ') return 0;
    size_t next = end + 1;
    const char *point = point_at(w, next, &point_end);
    if (point && w->s[point_end] == ' ') next = point_end + 1;
    if (!find_street(w, next)) return 0;
    say_house(w, i, end);
    if (!point || next != point_end + 1) return end - i;
    en_span(w, end + 1, point_end);
    en_put(w, point);
    return point_end - i;
}

/* "Ct", "Pkwy" behind a street's name, and "NW" behind that; a dot that ends the sentence too. */
static size_t street(en_work *w, size_t i) {
    size_t end, point_end, count = en_word_count(w);
    if (count == 0 || w->pending != EV_BREAK_WORD ||
        !(en_word_at(w, count - 1)->capital || en_word_at(w, count - 1)->number))
        return 0;
    const char *said = street_at(w, i, &end);
    if (!said) return 0;
    const en_word *before = en_word_at(w, count - 1);
    bool named = (before->capital || (before->number && before->end > 1 && en_is_alpha(w->s[before->end - 1]))) &&
                 before->begin > 0;
    size_t from = i;
    for (size_t k = 0; k < NAME_WORDS + 1 && from > 0; k++) { /* back to the house's number */
        if (w->s[from - 1] != ' ') return 0;
        from--;
        while (from > 0 && (en_is_alnum(w->s[from - 1]) || w->s[from - 1] == '.')) from--;
        if (en_is_digit(w->s[from]) && en_is_digit(w->s[from + 1 < i ? from + 1 : from]) &&
            !en_is_alpha(w->s[en_digits_end(w, from)]))
            break;
        if (en_is_digit(w->s[from]) && w->s[from + 1] == ' ') break;
    }
    if (!named || !en_is_digit(w->s[from]) || en_is_alpha(w->s[en_digits_end(w, from)])) return 0;
    size_t stop = end + (w->s[end] == '.' && end - i <= 4);
    en_span(w, i, stop);
    en_put(w, said);
    size_t next;
    const char *point = en_compass_behind(w, stop, &next, &point_end);
    if (point) {
        en_span(w, next, point_end);
        en_put(w, point);
        return point_end - i;
    }
    bool capital_follows = next > stop && en_is_upper(w->s[next]);
    if (stop > end && (en_ends_sentence(w, stop) || (capital_follows && w->s[next + 1] != '.')))
        en_break(w, EV_BREAK_FINAL);
    return stop - i;
}

/* ", TX 78701", ", NY": the state, and its code digit by digit. */
static size_t state(en_work *w, size_t i) {
    size_t end = i + 2, count = en_word_count(w);
    if (!en_is_upper(w->s[i]) || !en_is_upper(w->s[i + 1]) || en_is_alnum(w->s[end]) || count == 0) return 0;
    size_t zip = en_skip_spaces(w, w->s[end] == ',' ? end + 1 : end), zip_end = en_digits_end(w, zip);
    bool code = zip > end && zip_end - zip == 5 && !en_is_alpha(w->s[zip_end]);
    const en_word *before = en_word_at(w, count - 1);
    bool city = i >= 2 && w->s[i - 1] == ' ' && w->s[i - 2] == ',' && before->capital && !before->spell;
    bool closed = w->s[end] == 0 || strchr(".,;:)!?\n", w->s[end]) != NULL;
    if (!code && !(city && closed && !en_shouting(w, i))) return 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(states); k++) {
        if (memcmp(w->s + i, states[k].code, 2) != 0) continue;
        en_span(w, i, end);
        if (states[k].name[1] == ' ')
            en_put_letters(w, "DC", 2, "");
        else
            en_put(w, states[k].name);
        if (!code) return 2;
        if (w->s[end] == ',') en_break(w, EV_BREAK_COMMA);
        en_span(w, zip, zip_end);
        en_say_digits(w, zip, zip_end);
        if (w->s[zip_end] == '-' && en_digits_end(w, zip_end + 1) == zip_end + 5) {
            en_break(w, EV_BREAK_COMMA);
            en_span(w, zip_end + 1, zip_end + 5);
            en_say_digits(w, zip_end + 1, zip_end + 5);
            zip_end += 5;
        }
        return zip_end - i;
    }
    return 0;
}

/* "2nd fl.", "3rd Fl": which floor. */
static size_t storey(en_work *w, size_t i) {
    const size_t end = i + 2, ordinal = i > 3 ? i - 3 : 0;
    if (i < 4 || !en_word_is(w, i, "fl") || w->s[i - 1] != ' ' || !en_is_digit(w->s[ordinal - 1])) return 0;
    if (!en_in_list(" st nd rd th ", w->s + ordinal, 2) || en_word_is(w, en_skip_spaces(w, end), "oz")) return 0;
    const size_t stop = end + (w->s[end] == '.' && !en_ends_sentence(w, end + 1));
    en_span(w, i, stop);
    en_put(w, "floor");
    return stop - i;
}

/* "Apt 4B", "Ste. 200", "Unit 12": the word; what follows is a number. */
static size_t unit(en_work *w, size_t i) {
    static const struct {
        const char *written, *said;
    } units[] = {{"apt", "apartment"}, {"ste", "suite"}, {"bldg", "building"},
                 {"fl", "floor"},      {"rm", "room"},   {"rte", "route"}};
    size_t end = en_letters_end(w, i);
    for (size_t k = 0; k < EV_ARRAY_COUNT(units); k++) {
        if (end - i != strlen(units[k].written) || !en_starts(w, i, units[k].written) || !en_is_upper(w->s[i]))
            continue;
        size_t stop = end + (w->s[end] == '.'), next = en_skip_spaces(w, stop);
        if (next == stop || !(en_is_digit(w->s[next]) || (w->s[next] == '#' && en_is_digit(w->s[next + 1]))))
            return 0;
        en_span(w, i, stop);
        en_put(w, units[k].said);
        return stop - i;
    }
    return 0;
}

size_t en_match_address(en_work *w, size_t i) {
    if (en_is_digit(w->s[i])) return house(w, i);
    if (!en_is_alpha(w->s[i])) return 0;
    size_t used = en_is_upper(w->s[i]) ? state(w, i) : 0;
    if (!used && en_is_upper(w->s[i])) used = unit(w, i);
    if (!used) used = storey(w, i);
    return used ? used : street(w, i);
}
