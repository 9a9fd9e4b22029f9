/* quantity: a number with its unit, alone ("5 kg"), of a thing (a five pound bag), by another (mg/kg/day); rates
 * without a number, and how often a medicine is taken.
 */
#include <string.h>

#include "text/en/en.h"

/* "5m ago", "Prep: 15m", "a 10m read": of time. */
static bool is_minutes(const en_work *w, const en_number *n) {
    static const char before[] =
        " prep cook cooking bake baking wait waiting ready eta snooze timer preparation total ";
    static const char behind[] = " ago read left remaining later timer break nap walk ";
    const size_t next = en_skip_spaces(w, n->end + 1);
    if (w->s[n->end] != 'm' || en_is_alnum(w->s[n->end + 1]) || n->fraction_n || n->digit_count > 2) return false;
    return en_previous_in(w, before) || (next > n->end + 1 && en_word_in(w, next, behind));
}

/* "1h 30m": the m after hours is minutes. */
static size_t minutes_after(en_work *w, size_t end) {
    en_number n;
    size_t at = en_skip_spaces(w, end);
    if (!en_is_digit(w->s[at]) || !en_parse_number(w, at, &n) || w->s[n.end] != 'm' || en_is_alnum(w->s[n.end + 1]))
        return end;
    en_span(w, at, n.end + 1);
    en_say_number(w, &n);
    w->span_number = false;
    en_put(w, en_is_one(&n) ? "minute" : "minutes");
    return n.end + 1;
}

/* "40°26′46″N": what follows degrees are minutes and seconds. */
static bool angle_follows(const en_work *w, size_t at) {
    size_t end = en_digits_end(w, at);
    int32_t sign = at > 0 ? w->chars[at - 1].cp : 0;
    return sign == 0xB0 && end > at && end - at <= 2 &&
           (w->s[end] == '\'' || w->chars[end < w->n ? end : at].cp == 0x2032);
}

static size_t say_angle(en_work *w, size_t at) {
    static const char *const units[2][2] = {{"minute", "minutes"}, {"second", "seconds"}};
    for (size_t k = 0; k < 2; k++) {
        en_number n;
        if (!en_is_digit(w->s[at]) || !en_parse_number(w, at, &n) || w->s[n.end] != (k ? '"' : '\'')) break;
        en_span(w, at, n.end + 1);
        en_say_number(w, &n);
        w->span_number = false;
        en_put(w, units[k][!en_is_one(&n)]);
        at = n.end + 1;
    }
    static const char *const points[] = {"north", "south", "east", "west"};
    const char *point = w->s[at] && !en_is_alnum(w->s[at + 1]) ? strchr("NSEW", w->s[at]) : NULL;
    if (!point) return at;
    en_span(w, at, at + 1);
    en_put(w, points[*point == 'N' ? 0 : *point == 'S' ? 1 : *point == 'E' ? 2 : 3]);
    return at + 1;
}

/* "mg/kg/day", "mcg/kg/min": each further one. */
static size_t more_rates(en_work *w, size_t end) {
    for (int k = 0; k < 2 && w->s[end] == '/' && en_is_alpha(w->s[end + 1]); k++) {
        const size_t next = en_say_per(w, end);
        if (next <= end + 1) return en_letters_end(w, end + 1) > end + 1 ? end + 1 : end;
        end = next;
    }
    return end;
}

/* "250 mg/5 mL": a medicine in so much of a liquid or a food; other measures beside each other are the same twice. */
static bool is_dose(const en_work *w, const en_unit *of, size_t i) {
    en_number n;
    if (!strstr(" milligram microgram gram I U ", of->singular) || !en_is_digit(w->s[i]) ||
        !en_parse_number(w, i, &n))
        return false;
    const en_unit in = en_unit_at(w, n.end);
    return in.singular && (strcmp(in.singular, "milliliter") == 0 || strcmp(in.singular, "liter") == 0);
}

/* "a 5 lb bag", "9 mm pistol", "12V battery": what the measure is of stands behind it, so the unit is not counted. */
static bool describes(const en_work *w, size_t end) {
    static const char things[] = " bag bags ball bar bars battery batteries bed bike bolt bolts bottle bottles box "
                                 "boxes bulb bulbs cable cables cap card "
                                 "cards charger cord cup cups dose drill drive drives fence film gap gun hose hike "
                                 "jack jar jug knife ladder lamp lens limit line "
                                 "motor nail nails outlet package packet pan phone pipe pistol pizza plate pole pot "
                                 "pump race ride rifle roll rope round run sprint "
                                 "screen screw socket steak stick supply swim syringe tablet tablets tank tape timer "
                                 "trail tube vial walk wall warranty weight "
                                 "wheel wire wrench yacht zone contract lease term break delay deadline guarantee ";
    static const char others[] =
        " of and or from to in at on for is are was were by per away long wide tall high deep old thick x away off "
        "up down more less "
        "later earlier ago before after with without than into out over under within each every apart below above a "
        "an the as if when "
        "while that which who because but so then not total max min including plus minus equals until till during "
        "since i you he she it we they contains contain gives give "
        "provides lost gained used left can could will would has have had may must should ";
    static const char articles[] = " a an the this that my your our his her their its new ";
    const size_t next = en_skip_spaces(w, end), stop = en_letters_end(w, next);
    const char behind = w->s[stop]; /* the noun, where no verb follows */
    const bool can = en_in_list(" can cans ", w->s + next, stop - next) &&
                     (en_previous_in(w, " a an the this that one ") || !behind || strchr(".,;:!?)", behind));
    if (can) return true;
    if (next != end + 1 || !en_is_lower(w->s[next]) || w->s[end - 1] == 's' ||
        en_in_list(others, w->s + next, stop - next))
        return false;
    return en_in_list(things, w->s + next, stop - next) || en_previous_in(w, articles);
}

/* "5 kg", "16GB", "30 km/h", "50%", "a 5-kg bag". */
size_t en_match_measured(en_work *w, const en_number *n, size_t begin) {
    const bool kind =
        begin > 1 && w->s[begin - 1] == '-' && en_is_alpha(w->s[begin - 2]) && !en_previous_in(w, " sub pre post T ");
    if (kind && w->s[n->end] == 's' && !en_is_alnum(w->s[n->end + 1])) { /* "omega-3s" */
        en_span(w, begin, n->end + 1);
        en_say_number(w, n);
        if (en_word_count(w)) en_word_at(w, en_word_count(w) - 1)->plural = true;
        return n->end + 1;
    }
    size_t slash = w->s[n->end] == ' ' && w->s[n->end + 1] == '/' ? n->end + 1 : n->end;
    if (w->s[slash] == '/' && en_is_alpha(w->s[slash + 1])) { /* "12/kg" */
        en_unit per = en_unit_at(w, slash + 1);
        if (!per.singular || per.end < slash + 3) return 0;
        en_span(w, begin, per.end);
        en_say_number(w, n);
        w->span_number = false;
        en_put(w, "per");
        per.per = false;
        en_say_unit(w, &per, true);
        return per.end;
    }
    size_t scale_end;
    const char *scale = w->s[n->end] == ' ' ? en_scale_at(w, n->end, &scale_end) : NULL;
    if (scale && scale_end > n->end + 4) { /* "100 million kg" */
        en_unit far = en_unit_at(w, scale_end);
        if (!far.singular || w->s[scale_end] == '-' || far.end - scale_end < 3) return 0;
        en_span(w, begin, far.end);
        en_say_number(w, n);
        w->span_number = false;
        en_put(w, scale);
        en_say_unit(w, &far, false);
        return far.end;
    }
    en_unit unit = en_unit_at(w, n->end);
    if (!unit.singular) return 0;
    if (is_minutes(w, n)) {
        unit.singular = "minute";
        unit.plural = NULL;
    }
    bool hyphen = w->s[n->end] == '-';
    if (hyphen && !en_is_alpha(w->s[n->end + 1])) return 0;
    if (strcmp(unit.singular, "bit per second") == 0 && en_number_value(n) <= 250) { /* no line is so slow */
        unit.singular = "basis point";
        unit.plural = NULL;
    }
    en_unit below = unit.per ? en_unit_at(w, unit.end + 1) : (en_unit){0};
    size_t end = unit.per ? (below.singular ? below.end : unit.end + 1) : unit.end;
    const bool share = strstr(unit.singular, "percent") || strstr(unit.singular, "degree");
    const bool single = hyphen || en_is_one(n) || (!unit.per && !share && describes(w, end));
    en_span(w, begin, end);
    en_say_number(w, n);
    en_say_unit(w, &unit, single);
    if (unit.per) return more_rates(w, end);
    if (w->s[end] == '/' && is_dose(w, &unit, end + 1)) { /* "250 mg/5 mL" */
        en_span(w, end, end + 1);
        en_put(w, "per");
        return end + 1;
    }
    if (strcmp(unit.singular, "hour") == 0) end = minutes_after(w, end);
    return unit.per || !angle_follows(w, end) ? end : say_angle(w, end);
}

/* "the speed in km/h", "up to 5 Gb/s", "mg/dL": a rate without its number; "kg/lb" and "MB/GB" are alternatives. */
size_t en_match_rate(en_work *w, size_t i) {
    static const char below_all[] = " s sec min h hr d day wk yr l dl ml m2 m3 mol ha ",
                      per_kg[] = " mg mcg ug g mmol iu kcal mj kj ";
    const size_t letters = en_letters_end(w, i), end = en_letters_end(w, letters + (w->s[letters] == '/'));
    if (w->s[letters] != '/' || letters - i > 4 || (letters - i < 2 && !en_starts(w, i, "m/s"))) return 0;
    if (en_in_list(" in us mi min mos mo yr wk deg usd eur gbp jpy cny rmb cad aud inr ", w->s + i, letters - i) ||
        (i > 0 && en_is_digit(w->s[i - 1])))
        return 0;
    const bool weight = en_word_is(w, letters + 1, "kg") && en_in_list(per_kg, w->s + i, letters - i);
    const en_unit unit = en_unit_at(w, i);
    if (!unit.singular || unit.end != letters || !unit.per) return 0;
    const en_unit below = en_unit_at(w, letters + 1);
    if (!below.singular || en_is_alnum(w->s[below.end])) return 0;
    if (!weight && !en_in_list(below_all, w->s + letters + 1, end - letters - 1)) return 0;
    if (en_in_list(" ml l cl dl ", w->s + i, letters - i) &&
        !en_in_list(" s sec min h hr d day ", w->s + letters + 1, end - letters - 1))
        return 0;
    en_span(w, i, below.end);
    en_say_unit(w, &unit, false);
    return below.end - i;
}

/* "q8h", "q4-6h": how often a medicine is taken. */
size_t en_match_dose(en_work *w, size_t i) {
    en_number n, more;
    if (en_lower(w->s[i]) != 'q' || !en_is_digit(w->s[i + 1]) || !en_parse_number(w, i + 1, &n) || n.digit_count > 2)
        return 0;
    const bool range = w->s[n.end] == '-' && en_is_digit(w->s[n.end + 1]) && en_parse_number(w, n.end + 1, &more);
    const size_t unit = range ? more.end : n.end;
    if (en_lower(w->s[unit]) != 'h' || en_is_alnum(w->s[unit + 1] == 'r' ? w->s[unit + 2] : w->s[unit + 1])) return 0;
    const size_t end = unit + 1 + (w->s[unit + 1] == 'r');
    en_span(w, i, end);
    en_put(w, "every");
    en_say_number(w, &n);
    w->span_number = false;
    if (range) en_put(w, "to");
    if (range) en_say_number(w, &more);
    w->span_number = false;
    en_put(w, en_is_one(&n) && !range ? "hour" : "hours");
    return end - i;
}
