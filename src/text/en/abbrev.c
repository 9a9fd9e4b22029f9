/* abbrev: abbreviations with their dots, initials, dotted letters ("U.S.", "e.g."). The dot belongs to the
 * abbreviation; whether it ends the sentence too is decided by what follows. */
#include <string.h>

#include "text/en/en.h"

typedef enum use {
    ANYWHERE,              /* also without the dot */
    DOTTED,                /* only with the dot */
    BEFORE_NUMBER,         /* "No. 5", "p. 3", "vol. 2": dot and a number behind */
    BEFORE_NUMBER_CAPITAL, /* "Tab. 2", but "close the tab. 2 of us" */
    TITLE,                 /* before a name: never the end of a sentence */
    TITLE_DOTTED           /* the same, only with the dot */
} use;

static const struct {
    const char *written, *said;
    use use;
} abbreviations[] = {
    {"mr", "mister", TITLE},
    {"mrs", "missus", TITLE},
    {"ms", "miz", TITLE},
    {"messrs", "messieurs", TITLE},
    {"prof", "professor", TITLE},
    {"rev", "reverend", TITLE},
    {"hon", "honorable", TITLE},
    {"capt", "captain", TITLE},
    {"col", "colonel", TITLE},
    {"lt", "lieutenant", TITLE},
    {"sgt", "sergeant", TITLE},
    {"gen", "general", TITLE},
    {"sen", "senator", TITLE},
    {"gov", "governor", TITLE},
    {"rep", "representative", TITLE},
    {"pres", "president", TITLE},
    {"cmdr", "commander", TITLE},
    {"cpl", "corporal", TITLE_DOTTED},
    {"pvt", "private", TITLE_DOTTED},
    {"adm", "admiral", TITLE_DOTTED},
    {"brig", "brigadier", TITLE_DOTTED},
    {"supt", "superintendent", TITLE_DOTTED},
    {"det", "detective", TITLE_DOTTED},
    {"insp", "inspector", TITLE_DOTTED},
    {"amb", "ambassador", TITLE_DOTTED},
    {"asst", "assistant", TITLE_DOTTED},
    {"assoc", "associate", TITLE_DOTTED},
    {"wm", "william", TITLE_DOTTED},
    {"mx", "mix", TITLE_DOTTED},
    {"maj", "major", TITLE},
    {"fr", "father", TITLE},
    {"sts", "saints", TITLE},
    {"mt", "mount", TITLE},
    {"pt", "point", TITLE},
    {"ft", "fort", TITLE},
    {"jr", "junior", ANYWHERE},
    {"sr", "senior", DOTTED},
    {"etc", "etcetera", ANYWHERE},
    {"vs", "versus", ANYWHERE},
    {"approx", "approximately", ANYWHERE},
    {"inc", "incorporated", DOTTED},
    {"ltd", "limited", ANYWHERE},
    {"corp", "corporation", DOTTED},
    {"co", "company", DOTTED},
    {"bros", "brothers", DOTTED},
    {"dept", "department", ANYWHERE},
    {"natl", "national", ANYWHERE},
    {"avg", "average", ANYWHERE},
    {"acct", "account", ANYWHERE},
    {"qty", "quantity", ANYWHERE},
    {"pkg", "package", ANYWHERE},
    {"mtg", "meeting", ANYWHERE},
    {"appt", "appointment", ANYWHERE},
    {"appts", "appointments", ANYWHERE},
    {"mgr", "manager", ANYWHERE},
    {"mfg", "manufacturing", ANYWHERE},
    {"mfr", "manufacturer", ANYWHERE},
    {"pkwy", "parkway", ANYWHERE},
    {"sry", "sorry", ANYWHERE},
    {"fwd", "forward", ANYWHERE},
    {"doz", "dozen", DOTTED},
    {"ea", "each", DOTTED},
    {"viz", "namely", DOTTED},
    {"inst", "institute", DOTTED},
    {"calif", "california", DOTTED},
    {"est", "established", DOTTED},
    {"assn", "association", DOTTED},
    {"ave", "avenue", ANYWHERE},
    {"blvd", "boulevard", ANYWHERE},
    {"rd", "road", DOTTED},
    {"ln", "lane", DOTTED},
    {"hwy", "highway", ANYWHERE},
    {"apt", "apartment", DOTTED},
    {"min", "minutes", DOTTED},
    {"max", "maximum", DOTTED},
    {"no", "number", BEFORE_NUMBER},
    {"nos", "numbers", BEFORE_NUMBER},
    {"vol", "volume", BEFORE_NUMBER},
    {"fig", "figure", BEFORE_NUMBER},
    {"figs", "figures", BEFORE_NUMBER},
    {"eq", "equation", BEFORE_NUMBER},
    {"eqs", "equations", BEFORE_NUMBER},
    {"eqn", "equation", BEFORE_NUMBER},
    {"thm", "theorem", BEFORE_NUMBER},
    {"prop", "proposition", BEFORE_NUMBER_CAPITAL},
    {"def", "definition", BEFORE_NUMBER_CAPITAL},
    {"ex", "example", BEFORE_NUMBER_CAPITAL},
    {"tab", "table", BEFORE_NUMBER_CAPITAL},
    {"para", "paragraph", BEFORE_NUMBER},
    {"cl", "clause", BEFORE_NUMBER},
    {"vols", "volumes", BEFORE_NUMBER},
    {"app", "appendix", BEFORE_NUMBER_CAPITAL},
    {"amend", "amendment", BEFORE_NUMBER},
    {"dep", "departs", BEFORE_NUMBER},
    {"arr", "arrives", BEFORE_NUMBER},
    {"ch", "chapter", BEFORE_NUMBER},
    {"sec", "section", BEFORE_NUMBER},
    {"sect", "section", BEFORE_NUMBER},
    {"p", "page", BEFORE_NUMBER},
    {"pp", "pages", BEFORE_NUMBER},
    {"pg", "page", BEFORE_NUMBER},
    {"rm", "room", BEFORE_NUMBER},
    {"ver", "version", BEFORE_NUMBER},
    {"ext", "extension", BEFORE_NUMBER},
    {"art", "article", BEFORE_NUMBER},
    {"op", "opus", BEFORE_NUMBER},
    {"tel", "telephone", DOTTED},
    {"temp", "temperature", DOTTED},
    {"misc", "miscellaneous", DOTTED},
    {"cf", "compare", DOTTED},
    {"al", "al", DOTTED},
    {"ed", "edition", DOTTED},
    {"govt", "government", ANYWHERE},
    {"intl", "international", DOTTED},
    {"univ", "university", DOTTED},
    {"esp", "especially", DOTTED},
    {"incl", "including", DOTTED},
    {"excl", "excluding", DOTTED},
    {"orig", "originally", DOTTED},
    {"ca", "circa", BEFORE_NUMBER},
    {"c", "circa", BEFORE_NUMBER},
    {"attn", "attention", ANYWHERE},
    {"ste", "suite", BEFORE_NUMBER},
    {"hrs", "hours", DOTTED},
    {"mins", "minutes", DOTTED},
    {"yoy", "year over year", ANYWHERE},
    {"qoq", "quarter over quarter", ANYWHERE},
    {"tmrw", "tomorrow", ANYWHERE},
    {"ppl", "people", ANYWHERE},
};

static const struct {
    const char *written, *said; /* said NULL: letters; a trailing dot is expected */
} dotted[] = {{"e.g.", "for example"},
              {"i.e.", "that is"},
              {"ph.d.", "P H D"},
              {"y/y", "year over year"},
              {"q/q", "quarter over quarter"},
              {"m/m", "month over month"},
              {"a.k.a.", "also known as"},
              {"m.sc.", "M S C"},
              {"b.sc.", "B S C"},
              {"w.r.t.", "with respect to"},
              {"ph.d", "P H D"}};

static void say(en_work *w, const char *said) {
    if (en_is_upper(said[0]) && said[1] == ' ') {
        char letters[4];
        size_t n = 0;
        for (; *said && n < sizeof(letters); said += said[1] ? 2 : 1) letters[n++] = *said;
        en_put_letters(w, letters, n, "");
    } else {
        en_put(w, said);
    }
}

static bool previous_is_capital(const en_work *w) {
    size_t count = en_word_count(w);
    return count > w->sentence_from && en_word_at(w, count - 1)->capital;
}

/* The next word is written with a capital. */
static bool name_follows(const en_work *w, size_t i) {
    size_t next = en_skip_spaces(w, i);
    return next > i && en_is_upper(w->s[next]);
}

static size_t finish(en_work *w, size_t i, size_t end, const char *said, bool may_end) {
    en_span(w, i, end);
    say(w, said);
    if (may_end && w->s[end - 1] == '.' && en_ends_sentence(w, end)) en_break(w, EV_BREAK_FINAL);
    return end - i;
}

/* ---- the ambiguous two ---- */

/* "Dr. Smith" is a doctor, "Elm Dr." a drive; "St. Paul" a saint, "Main St." a street. */
static size_t doctor_or_saint(en_work *w, size_t i, size_t end) {
    bool dr = en_word_is(w, i, "dr"), st = en_word_is(w, i, "st");
    bool dot = w->s[end] == '.';
    if (dr && !en_is_upper(w->s[i]) && dot && w->s[end + 1] == ' ' && en_is_alpha(w->s[end + 2]))
        return finish(w, i, end + 1, "doctor", false);
    if ((!dr && !st) || !en_is_upper(w->s[i])) return 0;
    size_t stop = end + dot;
    bool street = previous_is_capital(w) ||
                  (en_word_count(w) > w->sentence_from && en_word_at(w, en_word_count(w) - 1)->number);
    bool sentence = en_ends_sentence(w, stop);
    bool place = street && (!name_follows(w, stop) || sentence || w->s[stop] == ',');
    size_t next, point_end;
    const char *point = street ? en_compass_behind(w, stop, &next, &point_end) : NULL;
    const bool certain = st || !previous_is_capital(w);      /* "Thank Dr. E", but "Pine Dr. NE" */
    if (point && (certain || en_is_upper(w->s[next + 1]))) { /* "5th St. NW" */
        finish(w, i, stop, dr ? "drive" : "street", false);
        return next - i + finish(w, next, point_end, point, true);
    }
    if (st && dot && en_is_upper(w->s[stop])) return finish(w, i, stop, "saint", false); /* "St.Louis" */
    if (place) return finish(w, i, stop, dr ? "drive" : "street", true);
    if (!name_follows(w, stop)) return dot ? finish(w, i, stop, dr ? "doctor" : "street", true) : 0;
    return finish(w, i, stop, dr ? "doctor" : "saint", false);
}

/* ---- letters and dots ---- */

/* "U.S.", "J.R.R.", "a.m.": single letters each with a dot; n letters, *end past the last dot. */
static size_t dotted_letters(const en_work *w, size_t i, char *letters, size_t *end) {
    size_t n = 0;
    while (n < 8 && en_is_alpha(w->s[i]) && w->s[i + 1] == '.') {
        letters[n++] = w->s[i];
        i += 2;
    }
    *end = i;
    if (n && en_is_alpha(w->s[i]) && !en_is_alpha(w->s[i + 1]) && n < 8) { /* "U.S.A" */
        letters[n++] = w->s[i];
        *end = i + 1;
    }
    return n;
}

/* "E. coli": what the genus is short for is followed by a small word that no sentence begins with. */
static bool species_follows(const en_work *w, size_t i) {
    static const char common[] =
        " coli rex sapiens aureus elegans cerevisiae melanogaster difficile diff albicans pneumoniae pylori "
        "tuberculosis "
        "botulinum subtilis thaliana falciparum vivax influenzae faecalis canis lupus catus musculus ";
    size_t next = en_skip_spaces(w, i), end = en_letters_end(w, next);
    return next > i && en_in_list(common, w->s + next, end - next);
}

static size_t initials(en_work *w, size_t i) {
    char letters[8];
    size_t end, n = dotted_letters(w, i, letters, &end);
    if (n == 0 || en_is_alpha(w->s[end])) return 0;
    if (n == 1) { /* "J. Smith"; a lone letter at the end of a sentence is no initial */
        bool name = en_is_upper(letters[0]) && letters[0] != 'I' && (name_follows(w, end) || species_follows(w, end));
        const char *previous = en_previous(w);
        bool after_label = en_in_list(" plan grade vitamin option group team type class section part hepatitis ",
                                      previous, strlen(previous));
        if (!name || after_label) return 0;
    } else if (w->s[end - 1] != '.' && n < 3) {
        bool both = en_is_upper(letters[0]) && en_is_upper(letters[1]) && letters[0] != 'I'; /* "340 A.D" */
        if (!both || en_is_alnum(w->s[end]) || (i > 0 && en_is_alnum(w->s[i - 1]))) return 0;
    }
    en_span(w, i, end);
    en_put_letters(w, letters, n, "");
    if (n > 1 && w->s[end - 1] == '.' && en_ends_sentence(w, end)) en_break(w, EV_BREAK_FINAL);
    bool possessive = w->s[end] == '\'' && en_lower(w->s[end + 1]) == 's' && !en_is_alnum(w->s[end + 2]);
    if (possessive && en_word_count(w) > 0) {                /* none where memory ran out */
        en_word *word = en_word_at(w, en_word_count(w) - 1); /* "the U.S.'s" */
        word->plural = true;
        return end + 2 - i;
    }
    return end - i;
}

/* ---- law, roads, recipes ---- */

/* "2 c. flour", "2¼ c. milk"; but the 19th c., 50 c. each, section 2 c. and d. */
static bool measures_cups(const en_work *w, size_t i, size_t end) {
    static const char others[] = " and or each of in is was outside ago per to the a at for from ";
    const size_t next = en_skip_spaces(w, end), stop = en_letters_end(w, next);
    if (i < 2 || w->s[i - 1] != ' ' || next == end || !en_is_lower(w->s[next]) ||
        en_in_list(others, w->s + next, stop - next))
        return false;
    size_t digits = i - 1;
    while (digits > 0 && en_is_digit(w->s[digits - 1])) digits--;
    const bool small = i - 1 - digits == 1 || (i - 1 - digits == 2 && w->s[digits] == '1' && w->s[digits + 1] < '3');
    const bool glyph = w->chars[i - 2].cp >= 0xBC && w->chars[i - 2].cp <= 0xBE;
    return glyph || (small && (digits == 0 || w->s[digits - 1] == ' ' || w->s[digits - 1] == '/'));
}

/* "Roe v. Wade", "the 5th Cir." */
static size_t law_or_road_or_recipe(en_work *w, size_t i, size_t end) {
    bool road = en_word_is(w, i, "rd") && en_is_upper(w->s[i]) && en_is_lower(w->s[i + 1]) && previous_is_capital(w);
    if (road && w->s[end] != '.') return finish(w, i, end, "road", false); /* "King's Rd, Leeds" */
    if (w->s[end] != '.') return 0;
    const bool counted = en_word_count(w) > w->sentence_from && en_word_at(w, en_word_count(w) - 1)->number;
    if (end - i == 1 && w->s[i] == 'c' && measures_cups(w, i, end + 1))
        return finish(w, i, end + 1, strcmp(en_previous(w), "one") == 0 ? "cup" : "cups", false);
    if (end - i == 1 && w->s[i] == 'v' && previous_is_capital(w) && name_follows(w, end + 1))
        return finish(w, i, end + 1, "versus", false);
    if (en_word_is(w, i, "cir") && en_is_upper(w->s[i]) && (counted || en_is_digit(w->s[en_skip_spaces(w, end + 1)])))
        return finish(w, i, end + 1, "circuit", false);
    return 0;
}

/* Within brackets that list no answers: "(a. 1914, b. 1918)". */
static bool in_brackets(const en_work *w, size_t i) {
    for (size_t back = 0; i > 0 && back < 60 && w->s[i - 1] != ')' && w->s[i - 1] != '\n'; back++) {
        i--;
        if (w->s[i] == 'a' && w->s[i + 1] == '.' && i > 0 && !en_is_alnum(w->s[i - 1])) return false;
        if (w->s[i] == '(') return true;
    }
    return false;
}

/* "(b. 1920, d. 1985)": of people. */
static size_t lifetime(en_work *w, size_t i, size_t end) {
    const size_t year = en_skip_spaces(w, end + 1), stop = en_digits_end(w, year);
    if (end - i != 1 || (w->s[i] != 'b' && w->s[i] != 'd') || w->s[end] != '.' || !in_brackets(w, i)) return 0;
    if (stop - year != 4 || en_is_alnum(w->s[stop]) || !strchr("12", w->s[year])) return 0;
    return finish(w, i, end + 1, w->s[i] == 'b' ? "born" : "died", false);
}

/* ---- weekdays ---- */

static bool is_day_at(const en_work *w, size_t i) {
    size_t end = en_letters_end(w, i);
    return en_is_upper(w->s[i]) && end - i <= 5 &&
           en_in_list(" mon tue tues wed thu thur thurs fri sat sun ", w->s + i, end - i);
}

/* "Mon-Fri", "Sat/Sun": the day and what joins it to the next. */
static bool weekday_pair(en_work *w, size_t i, size_t stop, const char *said) {
    bool dash = w->s[stop] == '-' || w->s[stop] == EN_EN_DASH, slash = w->s[stop] == '/';
    if ((!dash && !slash) || !is_day_at(w, stop + 1)) return false;
    finish(w, i, stop, said, false);
    en_span(w, stop, stop + 1);
    if (dash) en_put(w, "to");
    w->day_open = stop + 1;
    return true;
}

/* "TUE, 3 PM", "MON. 9-5", "SAT 10:30"; but "the SAT, 3 exams" */
static bool is_hour(const en_work *w, size_t i) {
    const size_t end = en_digits_end(w, i), behind = en_skip_spaces(w, end);
    const bool half = en_word_is(w, behind, "am") || en_word_is(w, behind, "pm") || en_starts(w, behind, "a.m") ||
                      en_starts(w, behind, "p.m");
    const bool span = (w->s[end] == ':' || en_is_dash(w->s[end])) && en_is_digit(w->s[end + 1]);
    return end > i && end < i + 3 && (half || span);
}

static size_t weekday(en_work *w, size_t i, size_t end) {
    static const struct {
        const char *written, *said;
        bool plain; /* no word itself: also without a dot */
    } days[] = {{"mon", "monday", false},    {"tue", "tuesday", true},  {"tues", "tuesday", true},
                {"wed", "wednesday", true},  {"thu", "thursday", true}, {"thur", "thursday", true},
                {"thurs", "thursday", true}, {"fri", "friday", true},   {"sat", "saturday", false},
                {"sun", "sunday", false}};
    const bool capitals = en_is_upper(w->s[i + 1]); /* "MON, JAN 5", but "SAT scores" */
    if (!en_is_upper(w->s[i])) return 0;
    for (size_t k = 0; k < EV_ARRAY_COUNT(days); k++) {
        if (end - i != strlen(days[k].written) || !en_starts(w, i, days[k].written)) continue;
        size_t stop = end + (w->s[end] == '.'), unused;
        bool open = i > 0 && w->day_open == i; /* the second of "Mon-Fri" */
        if (weekday_pair(w, i, stop, days[k].said)) return stop + 1 - i;
        if (open) return finish(w, i, stop, days[k].said, true);
        size_t next = en_skip_spaces(w, stop + (w->s[stop] == ','));
        bool dated = next > end && (en_is_digit(w->s[next]) || en_month_at(w, next, &unused));
        bool goes_on = stop > end && next > stop && en_is_lower(w->s[next]); /* "Mon. to Wed." */
        const char *previous = en_previous(w);                               /* "closed on Mon." */
        const size_t said = en_word_count(w);
        const bool listed = strcmp(previous, "and") == 0 && said > w->sentence_from + 1 && w->s[end] == '.' &&
                            strstr(en_word_text(w, en_word_at(w, said - 2)), "day");
        const bool ends = w->s[stop] == '\0' || w->s[end] == '.';
        bool on = listed ||
                  (ends &&
                   en_in_list(" on by until till since every next last closed open openings sat mon tue wed thu fri "
                              "sun saturday sunday monday ",
                              previous, strlen(previous)));
        if ((!days[k].plain || capitals) && !dated && !goes_on && !on) return 0;
        if (capitals && !en_shouting(w, i) && !en_month_at(w, next, &unused) && !is_hour(w, next)) return 0;
        return finish(w, i, stop, days[k].said, !goes_on);
    }
    return 0;
}

/* ---- the way in ---- */

static bool follows_number(const en_work *w) {
    size_t count = en_word_count(w);
    return w->pending == EV_BREAK_WORD && count > w->sentence_from && en_word_at(w, count - 1)->number;
}

/* "THE ANSWER IS NO." */
static bool answers_no(const en_work *w, size_t i) {
    static const char verbs[] = " said say says answer answers answered replied told is was are were ";
    return en_word_is(w, i, "no") && en_previous_in(w, verbs);
}

/* "Q3 rev. rose" */
static bool is_revenue(const en_work *w, size_t next) {
    static const char verbs[] =
        " rose fell grew was is up down growth beat missed est increased decreased dropped climbed ";
    return en_word_in(w, next, verbs);
}

/* "$81.5B est." */
static bool is_amount(const en_work *w) {
    static const char units[] = " dollars cents percent euros pounds million billion trillion thousand ";
    return follows_number(w) || en_previous_in(w, units);
}

/* The number that the abbreviation at i, of so many letters, stands before: "5", "IV", "(4)" of an equation. */
static bool number_follows(const en_work *w, size_t i, size_t next, size_t letters) {
    size_t end = next;
    if (en_is_digit(w->s[next])) return true;
    if (w->s[next] == '(')
        return en_is_digit(w->s[next + 1]) && en_in_list(" eq eqs eqn fig figs ", w->s + i, letters);
    while (w->s[end] && strchr("IVX", w->s[end])) end++;
    const bool roman = letters > 2 && end > next && !en_is_alnum(w->s[end]) && w->s[end] != '\'';
    const bool pronoun = end == next + 1 && w->s[next] == 'I' && w->s[end] == ' ' && !en_is_upper(w->s[i]);
    return roman && !pronoun; /* "the fig. I ate" */
}

/* Of those that are short for several words, the one that is meant here; NULL: the usual one. end: behind the dot. */
static const char *meant_here(const en_work *w, size_t i, size_t end) {
    static const char forecasts[] =
        " cost costs time arrival delivery value price total date completion revenue weight departure income budget "
        "size population age duration shipping ship wait market number length tax mileage read reading net gross ",
                      beaten[] = " beat beats missed misses above below consensus topped ";
    const size_t next = en_skip_spaces(w, end), n = en_letters_end(w, next) - next;
    const char *previous = en_previous(w);
    const size_t said = strlen(previous);
    if (en_word_is(w, i, "est") && en_in_list(beaten, previous, said)) return "estimate";
    if (en_word_is(w, i, "est") && (is_amount(w) || en_in_list(forecasts, w->s + next, n))) return "estimated";
    if (en_word_is(w, i, "min") && !follows_number(w)) {
        if (en_in_list(" few several couple some many ", previous, said)) return NULL;
        if (en_in_list(" a one this last per each every any another wait half ", previous, said)) return "minute";
        if (en_is_digit(w->s[next]) || en_is_lower(w->s[next]) || !en_ends_sentence(w, end)) return "minimum";
    }
    if (en_word_is(w, i, "ed") && strcmp(previous, "of") == 0) return "education";
    if (en_word_is(w, i, "rev") && en_is_lower(w->s[i]))
        return en_in_list(" ed edition ", w->s + next, n)                  ? "revised"
               : en_in_list(" the a an your our this my ", w->s + next, n) ? "revise"
                                                                           : NULL;
    return en_word_is(w, i, "rd") && en_is_lower(w->s[i]) && en_is_digit(w->s[next]) ? "round" : NULL;
}

static size_t plain_abbreviation(en_work *w, size_t i, size_t end) {
    bool dot = w->s[end] == '.';
    size_t next = en_skip_spaces(w, end + dot);
    char first = en_lower(w->s[i]);
    bool capital = en_is_upper(w->s[i]), shouted = end - i > 1 && en_is_upper(w->s[i + 1]);
    for (size_t k = 0; k < EV_ARRAY_COUNT(abbreviations); k++) {
        if (abbreviations[k].written[0] != first) continue; /* asked at every word: most are none of these */
        if (end - i != strlen(abbreviations[k].written) || !en_starts(w, i, abbreviations[k].written)) continue;
        use u = abbreviations[k].use;
        const bool loud = dot && en_shouting(w, i) && !answers_no(w, i); /* "TEA, COFFEE, ETC." */
        const bool numbered = u == BEFORE_NUMBER && dot && en_is_digit(w->s[next]) && !answers_no(w, i); /* "NO. 5" */
        if (shouted && u != TITLE && !loud && !numbered && strcmp(abbreviations[k].written, "attn") != 0) return 0;
        if (u == BEFORE_NUMBER_CAPITAL && !capital) return 0;
        if (u == BEFORE_NUMBER_CAPITAL) u = BEFORE_NUMBER;
        if (u == TITLE_DOTTED && !dot) return 0;
        if (u == TITLE_DOTTED) u = TITLE;
        if (end - i == 1 && capital && en_lower(w->s[i]) == 'p') return 0; /* "John P. 12" */
        if (i > 0 && w->s[i - 1] == '/' && !dot && u != TITLE && (i == 1 || en_is_space(w->s[i - 2])))
            return 0; /* "/etc/hosts" */
        if (u == BEFORE_NUMBER && !(dot && number_follows(w, i, next, end - i))) return 0;
        if (u == DOTTED && !dot) return 0;
        if (dot && !capital && en_word_is(w, i, "rev") && is_revenue(w, next))
            return finish(w, i, end + 1, "revenue", false);
        const char *meant = dot ? meant_here(w, i, end + 1) : NULL;
        if (meant) return finish(w, i, end + 1, meant, en_word_is(w, i, "est"));
        /* "max." and "min." at the end of a sentence may just be words with its full stop, and so may "co" */
        if (u == DOTTED && !capital && en_ends_sentence(w, end + 1) && end - i > 2 &&
            strcmp("misc", abbreviations[k].written) != 0)
            return 0;
        bool form_of_address = dot && en_in_list(" mr mrs ms ", w->s + i, end - i); /* "Mr. and Mrs. Hill" */
        if (u == TITLE && !capital) {                                               /* "dr. jones" */
            bool title = dot && en_in_list(" mr mrs ms prof sgt capt rev sen gov lt maj ", w->s + i, end - i) &&
                         w->s[end + 1] == ' ' && en_is_alpha(w->s[next]);
            return title ? finish(w, i, end + 1, abbreviations[k].said, false) : 0;
        }
        bool alone = dot && w->s[next] == '\0' && i == 0; /* "Hon." */
        bool generation = !dot && en_word_is(w, i, "gen") &&
                          ((en_is_upper(w->s[next]) && !en_is_alnum(w->s[next + 1])) || en_word_is(w, next, "alpha"));
        if (generation) return 0; /* "Gen Z" */
        if (u == TITLE && !(form_of_address || alone || name_follows(w, end + dot))) return 0;
        return finish(w, i, end + dot, abbreviations[k].said, u != TITLE && u != BEFORE_NUMBER);
    }
    return 0;
}

size_t en_match_abbreviation(en_work *w, size_t i) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(dotted); k++)
        if (en_starts(w, i, dotted[k].written) && !en_is_alnum(w->s[i + strlen(dotted[k].written)]) &&
            (dotted[k].written[1] != '/' || (is_amount(w) && w->s[i + 3] != '/'))) /* "up 8% y/y", but "M/M/1" */
            return finish(w, i, i + strlen(dotted[k].written), dotted[k].said, false);
    static const char *const wars[][2] = {{"wwiii", "world war three"}, {"wwii", "world war two"},
                                          {"ww ii", "world war two"},   {"ww2", "world war two"},
                                          {"wwi", "world war one"},     {"ww1", "world war one"}};
    for (size_t k = 0; k < EV_ARRAY_COUNT(wars); k++)
        if (en_is_upper(w->s[i]) && en_word_is(w, i, wars[k][0]))
            return finish(w, i, i + strlen(wars[k][0]), wars[k][1], false);
    if (i > 0 && w->s[i - 1] == '&' && en_is_upper(w->s[i]) && w->s[i + 1] == 's' && !en_is_alnum(w->s[i + 2])) {
        en_span(w, i, i + 2); /* "M&Ms" */
        en_put_letters(w, w->s + i, 1, "s");
        return 2;
    }
    if (en_word_is(w, i, "phd")) return finish(w, i, i + 3, "P H D", false);
    if (en_word_is(w, i, "phds")) {
        en_span(w, i, i + 4);
        en_put_letters(w, w->s + i, 3, "s");
        return 4;
    }
    size_t end = en_letters_end(w, i);
    if (end - i > 8) return 0;
    if (w->s[end] == '\'' && en_is_alpha(w->s[end + 1])) return 0;
    size_t used = doctor_or_saint(w, i, end);
    if (!used) used = law_or_road_or_recipe(w, i, end);
    if (!used) used = weekday(w, i, end);
    if (!used) used = lifetime(w, i, end);
    if (!used) used = plain_abbreviation(w, i, end);
    return used ? used : initials(w, i);
}
