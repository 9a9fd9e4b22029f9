/* units: what stands after a number. Units are case-sensitive ("5 MB" and "5 Mb", "5G" is no gram); those that are
 * also words or letters count only where they touch the number ("5in", "30s" is a decade and not here). */
#include <string.h>

#include "text/en/en.h"

enum { UNIT_LETTERS_MAX = 10 };

typedef struct unit_entry {
    const char *written, *singular, *plural; /* plural NULL: the singular and s */
    bool touching;                           /* only without a space in front */
} unit_entry;

// clang-format off
static const unit_entry units[] = {
    {"kg", "kilogram", NULL, false}, {"kgs", "kilogram", NULL, false}, {"g", "gram", NULL, false},
    {"mg", "milligram", NULL, false}, {"mcg", "microgram", NULL, false}, {"ug", "microgram", NULL, false},
    {"t", "ton", NULL, true}, {"mos", "month", NULL, false}, {"mo", "month", NULL, true}, {"wk", "week", NULL, true}, {"wks", "week", NULL, false}, {"lb", "pound", NULL, false}, {"lbs", "pound", NULL, false}, {"oz", "ounce", NULL, false},
    {"km", "kilometer", NULL, false}, {"m", "meter", NULL, false}, {"cm", "centimeter", NULL, false},
    {"mm", "millimeter", NULL, false}, {"um", "micrometer", NULL, false}, {"nm", "nanometer", NULL, false},
    {"mi", "mile", NULL, false}, {"yd", "yard", NULL, false}, {"yds", "yard", NULL, false}, {"ft", "foot", "feet", false},
    {"in", "inch", "inches", true}, {"m2", "square meter", NULL, false},
    {"cm2", "square centimeter", NULL, false}, {"ft2", "square foot", "square feet", false},
    {"sqft", "square foot", "square feet", false}, {"m3", "cubic meter", NULL, false},
    {"cm3", "cubic centimeter", NULL, false}, {"ft3", "cubic foot", "cubic feet", false},
    {"mm2", "square millimeter", NULL, false}, {"ha", "hectare", NULL, false}, {"l", "liter", NULL, false},
    {"L", "liter", NULL, false}, {"ml", "milliliter", NULL, false}, {"mL", "milliliter", NULL, false},
    {"cl", "centiliter", NULL, false}, {"dl", "deciliter", NULL, false}, {"dL", "deciliter", NULL, false}, {"cc", "C C", "C C", false},
    {"bpm", "beat per minute", "beats per minute", false}, {"mpg", "mile per gallon", "miles per gallon", false}, {"deg", "degree", NULL, false},
    {"mmHg", "millimeter of mercury", "millimeters of mercury", false}, {"v", "volt", NULL, false}, {"w", "watt", NULL, true}, {"gal", "gallon", NULL, false},
    {"qt", "quart", NULL, false}, {"pt", "pint", NULL, false}, {"tsp", "teaspoon", NULL, false}, {"tbsp", "tablespoon", NULL, false},
    {"h", "hour", NULL, false}, {"hr", "hour", NULL, false}, {"hrs", "hour", NULL, false}, {"min", "minute", NULL, false},
    {"mins", "minute", NULL, false}, {"s", "second", NULL, false}, {"sec", "second", NULL, false},
    {"secs", "second", NULL, false}, {"ms", "millisecond", NULL, false}, {"us", "microsecond", NULL, true},
    {"ns", "nanosecond", NULL, false}, {"yr", "year", NULL, false}, {"yrs", "year", NULL, false},
    {"mph", "mile per hour", "miles per hour", false}, {"kph", "kilometer per hour", "kilometers per hour", false},
    {"kmh", "kilometer per hour", "kilometers per hour", false}, {"Hz", "hertz", "hertz", false},
    {"kHz", "kilohertz", "kilohertz", false}, {"KHz", "kilohertz", "kilohertz", false},
    {"MHz", "megahertz", "megahertz", false}, {"GHz", "gigahertz", "gigahertz", false},
    {"THz", "terahertz", "terahertz", false}, {"B", "byte", NULL, false}, {"kB", "kilobyte", NULL, false},
    {"KB", "kilobyte", NULL, false}, {"MB", "megabyte", NULL, false}, {"GB", "gigabyte", NULL, false},
    {"TB", "terabyte", NULL, false}, {"PB", "petabyte", NULL, false}, {"KiB", "kibibyte", NULL, false},
    {"MiB", "mebibyte", NULL, false}, {"GiB", "gibibyte", NULL, false}, {"Mb", "megabit", NULL, false},
    {"Gb", "gigabit", NULL, false}, {"kbps", "kilobit per second", "kilobits per second", false},
    {"Kbps", "kilobit per second", "kilobits per second", false}, {"Mbps", "megabit per second", "megabits per second", false},
    {"Gbps", "gigabit per second", "gigabits per second", false}, {"W", "watt", NULL, false}, {"kW", "kilowatt", NULL, false},
    {"MW", "megawatt", NULL, false}, {"GW", "gigawatt", NULL, false}, {"kWh", "kilowatt hour", NULL, false},
    {"MWh", "megawatt hour", NULL, false}, {"V", "volt", NULL, false}, {"mV", "millivolt", NULL, false},
    {"kV", "kilovolt", NULL, false}, {"A", "amp", NULL, false}, {"mA", "milliamp", NULL, false},
    {"mAh", "milliamp hour", NULL, false}, {"J", "joule", NULL, false}, {"kJ", "kilojoule", NULL, false},
    {"cal", "calorie", NULL, false}, {"kcal", "kilocalorie", NULL, false}, {"N", "newton", NULL, true},
    {"Pa", "pascal", NULL, false}, {"kPa", "kilopascal", NULL, false}, {"hPa", "hectopascal", NULL, false},
    {"psi", "P S I", "P S I", false}, {"dB", "decibel", NULL, false}, {"rpm", "R P M", "R P M", false},
    {"fps", "frame per second", "frames per second", false}, {"dpi", "D P I", "D P I", false},
    {"px", "pixel", NULL, false}, {"MP", "megapixel", NULL, false}, {"ppm", "part per million", "parts per million", false},
    {"bps", "bit per second", "bits per second", false}, {"hp", "horsepower", "horsepower", false},
    {"mM", "millimolar", "millimolar", false}, {"nM", "nanomolar", "nanomolar", false}, {"uM", "micromolar", "micromolar", false},
    {"Nm", "newton meter", NULL, false}, {"uL", "microliter", NULL, false}, {"uF", "microfarad", NULL, false}, {"nF", "nanofarad", NULL, false},
    {"pF", "picofarad", NULL, false}, {"mH", "millihenry", "millihenries", false}, {"kN", "kilonewton", NULL, false}, {"MPa", "megapascal", NULL, false},
    {"GPa", "gigapascal", NULL, false}, {"ppb", "part per billion", "parts per billion", false}, {"gpm", "gallon per minute", "gallons per minute", false},
    {"cfm", "cubic foot per minute", "cubic feet per minute", false}, {"nmi", "nautical mile", NULL, false}, {"kts", "knot", NULL, false},
    {"IU", "I U", "I U", false}, {"HR", "home run", NULL, false}, {"ac", "acre", NULL, true}, {"kcals", "kilocalorie", NULL, false},
    {"mol", "mole", NULL, false}, {"lm", "lumen", NULL, false}, {"K", "kelvin", "kelvin", false},
    {"USD", "U S dollar", NULL, false}, {"EUR", "euro", NULL, false}, {"GBP", "pound", NULL, false},
    {"JPY", "yen", "yen", false}, {"CNY", "yuan", "yuan", false}, {"RMB", "yuan", "yuan", false},
    {"CAD", "Canadian dollar", NULL, false}, {"AUD", "Australian dollar", NULL, false}, {"INR", "rupee", NULL, false},
};
static const struct {
    int32_t cp;
    const char *singular, *plural;
} unit_signs[] = {
    {'%', "percent", "percent"}, {0x2030, "per thousand", "per thousand"}, {0x20AC, "euro", "euros"}, {'$', "dollar", "dollars"},
    {0xA3, "pound", "pounds"}, {0xA5, "yen", "yen"}, {0xA2, "cent", "cents"}, {0x2103, "degree celsius", "degrees celsius"},
    {0x2109, "degree fahrenheit", "degrees fahrenheit"}, {0x338F, "kilogram", "kilograms"},
    {0x339E, "kilometer", "kilometers"}, {0x339D, "centimeter", "centimeters"}, {0x339C, "millimeter", "millimeters"},
    {0x33A1, "square meter", "square meters"}, {0x33A5, "cubic meter", "cubic meters"}, {0x2126, "ohm", "ohms"},
    {0x3A9, "ohm", "ohms"},
};
// clang-format on

/* The unit's letters at i in plain form: µ is u, ² and ³ (or a digit right after meters) are 2 and 3. */
static size_t unit_letters(const en_work *w, size_t i, char *out) {
    size_t n = 0;
    for (; n < UNIT_LETTERS_MAX && i < w->n; n++, i++) {
        int32_t cp = w->chars[i].cp;
        if (en_is_alpha(w->s[i]))
            out[n] = w->s[i];
        else if (cp == 0xB5 || cp == 0x3BC)
            out[n] = 'u';
        else if (n && (cp == 0xB2 || cp == 0xB3))
            out[n] = cp == 0xB2 ? '2' : '3';
        else if (n && (cp == '2' || cp == '3') && (out[n - 1] == 'm' || out[n - 1] == 't'))
            out[n] = (char)cp;
        else
            break;
    }
    out[n] = '\0';
    return n;
}

/* "45°N" */
static bool compass(const en_work *w, size_t i, en_unit *unit) {
    static const char *const one[] = {"degree north", "degree south", "degree east", "degree west"};
    static const char *const many[] = {"degrees north", "degrees south", "degrees east", "degrees west"};
    size_t k = w->s[i] == 'N' ? 0 : w->s[i] == 'S' ? 1 : w->s[i] == 'E' ? 2 : 3;
    unit->singular = one[k];
    unit->plural = many[k];
    unit->end = i + 1;
    return true;
}

static bool degrees(const en_work *w, size_t i, en_unit *unit) {
    int32_t cp = w->chars[i].cp;
    if (cp != 0xB0 && cp != 0xBA) return false;
    size_t letter = en_skip_spaces(w, i + 1);
    bool alone = !en_is_alnum(w->s[letter + 1]) && letter <= i + 2;
    unit->end = i + 1;
    unit->singular = "degree";
    unit->plural = "degrees";
    if (w->s[letter] && strchr("NSEW", w->s[letter]) && alone) return compass(w, letter, unit);
    if (alone && w->s[letter] == 'C') {
        unit->singular = "degree celsius";
        unit->plural = "degrees celsius";
        unit->end = letter + 1;
    } else if (alone && w->s[letter] == 'F') {
        unit->singular = "degree fahrenheit";
        unit->plural = "degrees fahrenheit";
        unit->end = letter + 1;
    }
    return true;
}

/* "50$", but "5 $20 bills" and "3$US". */
static bool closes_amount(const en_work *w, size_t i) {
    const bool spaced = i > 1 && w->s[i - 1] == ' ' && en_is_digit(w->s[i - 2]); /* "5 $ each" */
    return i > 0 && (en_is_digit(w->s[i - 1]) || spaced) && !en_is_alnum(w->s[i + 1]) && w->s[i + 1] != '$';
}

static bool unit_sign(const en_work *w, size_t i, en_unit *unit) {
    for (size_t k = 0; k < EV_ARRAY_COUNT(unit_signs); k++)
        if (unit_signs[k].cp == w->chars[i].cp && (unit_signs[k].cp != '$' || closes_amount(w, i))) {
            unit->singular = unit_signs[k].singular;
            unit->plural = unit_signs[k].plural;
            unit->end = i + 1;
            return true;
        }
    return false;
}

/* "7 l/100km" */
static bool per_hundred(const en_work *w, size_t i) {
    return en_starts(w, i + 1, "100km") || en_starts(w, i + 1, "100 km");
}

/* "km/h", "$5/month": the slash is "per" where a letter follows. */
static bool per_follows(const en_work *w, size_t i) {
    return w->s[i] == '/' && (en_is_alpha(w->s[i + 1]) || per_hundred(w, i));
}

/* As it is written; else in any case where that is not another's ("12KG", "16 gb", but "Mb" and "MB"). */
static size_t find_unit(const char *letters, size_t n, bool spaced) {
    size_t loose = EV_ARRAY_COUNT(units);
    for (size_t k = 0; k < EV_ARRAY_COUNT(units); k++) {
        if (units[k].touching && spaced) continue;
        const char *written = units[k].written;
        if (strcmp(written, letters) == 0) return k;
        if (loose < EV_ARRAY_COUNT(units) || n < 2 || strlen(written) != n || en_in_list(" in us ", letters, n))
            continue;
        size_t same = 0;
        while (same < n && en_lower(written[same]) == en_lower(letters[same])) same++;
        if (same == n) loose = k;
    }
    return loose;
}

static const struct {
    const char *written, *singular, *plural;
} lengths[] = {{"km", "kilometer", NULL},  {"m", "meter", NULL}, {"cm", "centimeter", NULL},
               {"mm", "millimeter", NULL}, {"mi", "mile", NULL}, {"ft", "foot", "feet"},
               {"in", "inch", "inches"},   {"yd", "yard", NULL}};

/* "km²", "km³": square, cubic; "s²": squared. */
static bool powered(const en_work *w, size_t at, const char *letters, size_t n, en_unit *unit) {
    static const char *const areas[][2] = {{"square kilometer", "cubic kilometer"},
                                           {"square meter", "cubic meter"},
                                           {"square centimeter", "cubic centimeter"},
                                           {"square millimeter", "cubic millimeter"},
                                           {"square mile", "cubic mile"},
                                           {"square foot", "cubic foot"},
                                           {"square inch", "cubic inch"},
                                           {"square yard", "cubic yard"}};
    static const char *const plurals[][2] = {{"square feet", "cubic feet"}, {"square inches", "cubic inches"}};
    char power = letters[n - 1];
    if (n < 2 || (power != '2' && power != '3')) return false;
    bool cubic = power == '3';
    for (size_t k = 0; k < EV_ARRAY_COUNT(lengths); k++) {
        if (strlen(lengths[k].written) != n - 1 || strncmp(lengths[k].written, letters, n - 1) != 0) continue;
        if (k == 6 && w->chars[at + n - 1].cp == power) return false; /* "in 2" */
        unit->singular = areas[k][cubic];
        unit->plural = k == 5 || k == 6 ? plurals[k - 5][cubic] : NULL;
        unit->end = at + n;
        unit->per = per_follows(w, unit->end);
        return true;
    }
    if (n != 2 || letters[0] != 's') return false;
    unit->singular = cubic ? "second cubed" : "second squared";
    unit->plural = cubic ? "seconds cubed" : "seconds squared";
    unit->end = at + n;
    return true;
}

/* "72 F outside", "-5 C": with a blank and no more letters; "98.6F" of a decimal without. */
static bool fahrenheit(const en_work *w, size_t i, size_t at, en_unit *unit) {
    bool scale = w->s[at] == 'F' || w->s[at] == 'C';
    static const char labels[] =
        " figure fig section sec table seat room grade class step chapter version item part usb ";
    static const char others[] = " capacitor capacitors battery batteries rate discharge charge supercapacitor ";
    const bool decimal = at == i && i > 3 && en_is_digit(w->s[i - 1]) && w->s[i - 2] == '.' &&
                         en_is_digit(w->s[i - 3]) && en_is_digit(w->s[i - 4]) && !en_previous_in(w, labels) &&
                         !en_word_in(w, en_skip_spaces(w, at + 1), others);
    if (!scale || !(decimal || (at > i && w->s[i] == ' ')) || en_is_alnum(w->s[at + 1]) || w->s[at + 1] == '#' ||
        w->s[at + 1] == '+')
        return false;
    size_t next = en_skip_spaces(w, at + 1);
    if (!en_is_lower(w->s[next]) && w->s[next] && !strchr(".,;!?)", w->s[next])) return false;
    if (w->s[at + 1] == '.' && en_is_alnum(w->s[at + 2])) return false;           /* "29 C.F.R." */
    if (i < 2 || !(en_is_digit(w->s[i - 2]) || w->s[i - 2] == '.')) return false; /* two digits: "Type 5 C" is none */
    bool f = w->s[at] == 'F';
    unit->singular = f ? "degree fahrenheit" : "degree celsius";
    unit->plural = f ? "degrees fahrenheit" : "degrees celsius";
    unit->end = at + 1;
    return true;
}

/* Does one of the words stand within the next or last 60 characters? */
static bool cue_around(const en_work *w, size_t i, const char *list) {
    size_t from = i > 60 ? i - 60 : 0;
    for (size_t k = from; k < i + 60 && w->s[k];) {
        size_t end = en_letters_end(w, k);
        if (end > k && en_in_list(list, w->s + k, end - k)) return true;
        k = end > k ? end : k + 1;
    }
    return false;
}

/* "5V/2A", "5V 2A": the number that ends at i stands behind volts. */
static bool beside_volts(const en_work *w, size_t i) {
    while (i > 0 && (en_is_digit(w->s[i - 1]) || w->s[i - 1] == '.')) i--;
    if (i > 0 && (w->s[i - 1] == '/' || w->s[i - 1] == ' ')) i--;
    return i > 1 && w->s[i - 1] == 'V' && en_is_digit(w->s[i - 2]);
}

/* One capital behind a number is a letter ("705A", "gate 12A", "Llama-3.1-8B") unless a blank or the sentence makes
 * it a unit: "5 A", "a 10A fuse", "64 B". at: of the letter, i: past the number. */
static bool single_letter(const en_work *w, size_t i, size_t at) {
    static const char electric[] =
        " fuse fuses amp amps current volt volts circuit breaker charger cable wire socket plug ";
    static const char data[] = " bytes file files memory buffer packet packets header block blocks bits ";
    char c = w->s[at];
    if (c != 'A' && c != 'B' && c != 'N') return true;
    if (w->s[at + 1] == '.' && en_is_alpha(w->s[at + 2])) return false; /* "340 A.D." */
    if (at > i && w->s[i] == ' ') {
        size_t next = en_skip_spaces(w, at + 1);
        return c != 'N' && !en_is_upper(w->s[next]) && w->s[at + 1] != '\'';
    }
    if (c == 'A' && at == i && beside_volts(w, i)) return true;
    return cue_around(w, i, c == 'A' ? electric : c == 'B' ? data : " newton newtons force forces ");
}

/* "hit 40 HR": of a batter; else "24 HR" are hours. */
static bool counts_runs(const en_work *w) {
    static const char verbs[] = " hit hits with belted slugged homered and had has career ";
    for (size_t back = 1; back <= 3 && back + w->sentence_from <= en_word_count(w); back++) {
        const en_word *word = en_word_at(w, en_word_count(w) - back);
        if (!word->number) return en_in_list(verbs, en_word_text(w, word), word->bytes);
    }
    return false;
}

en_unit en_unit_at(const en_work *w, size_t i) {
    en_unit result = {.end = i};
    size_t at = w->s[i] == ' ' || w->s[i] == '-' ? i + 1 : i;
    if (at >= w->n) return result;
    if (degrees(w, at, &result) || unit_sign(w, at, &result)) {
        result.per = per_follows(w, result.end);
        return result;
    }
    if (fahrenheit(w, i, at, &result)) return result;
    if (en_starts(w, at, "sq mi") && !en_is_alnum(w->s[at + 5])) {
        result.end = at + 5;
        result.singular = "square mile";
        return result;
    }
    static const struct {
        const char *written, *singular, *plural;
    } pairs[] = {{"fl oz", "fluid ounce", "fluid ounces"},  {"fl. oz.", "fluid ounce", "fluid ounces"},
                 {"cu ft", "cubic foot", "cubic feet"},     {"cu. ft.", "cubic foot", "cubic feet"},
                 {"ft-lb", "foot pound", "foot pounds"},    {"ft-lbs", "foot pound", "foot pounds"},
                 {"lb-ft", "pound foot", "pound feet"},     {"cu yd", "cubic yard", "cubic yards"},
                 {"sq m", "square meter", "square meters"}, {"sq km", "square kilometer", "square kilometers"},
                 {"n.m", "newton meter", "newton meters"}};
    for (size_t k = 0; k < EV_ARRAY_COUNT(pairs); k++) {
        const size_t length = strlen(pairs[k].written);
        if (!en_starts(w, at, pairs[k].written) || en_is_alnum(w->s[at + length])) continue;
        result.end = at + length;
        result.singular = pairs[k].singular;
        result.plural = pairs[k].plural;
        return result;
    }
    if (en_starts(w, at, "sq ft") || en_starts(w, at, "sq. ft")) {
        result.end = at + (w->s[at + 2] == '.' ? 6 : 5);
        result.singular = "square foot";
        result.plural = "square feet";
        return result;
    }
    char letters[UNIT_LETTERS_MAX + 1];
    size_t n = unit_letters(w, at, letters);
    if (n == 0 || en_is_alnum(w->s[at + n])) return result;
    if (n == 1 && !single_letter(w, i, at)) return result;
    bool dot = w->s[at + n] == '.' && n <= 4;
    bool inches = dot && strcmp(letters, "in") == 0;         /* "6 ft. 1 in." */
    if (at == i && strcmp(letters, "K") == 0) return result; /* "4K", "10K" */
    size_t found = find_unit(letters, n, at > i && !inches);
    if (found == EV_ARRAY_COUNT(units) && powered(w, at, letters, n, &result)) return result;
    if (strcmp(letters, "HR") == 0 && !counts_runs(w)) found = find_unit("hr", 2, at > i);
    for (size_t k = found; k < EV_ARRAY_COUNT(units); k = EV_ARRAY_COUNT(units)) {
        result.singular = units[k].singular;
        result.plural = units[k].plural;
        result.end = at + n;
        if (dot && w->s[at + n + 1] == ' ' && !en_ends_sentence(w, at + n + 1)) result.end++; /* "5 lbs. of" */
        result.per = per_follows(w, result.end);
    }
    return result;
}

static void say_name(en_work *w, const char *name, bool add_s) {
    if (en_is_upper(name[0]) && (name[1] == ' ')) { /* "P S I", "U S dollar" */
        char letters[8];
        size_t n = 0;
        while (en_is_upper(name[0]) && (name[1] == ' ' || name[1] == '\0') && n < sizeof(letters)) {
            letters[n++] = name[0];
            name += name[1] ? 2 : 1;
        }
        en_put_letters(w, letters, n, "");
    }
    if (!*name) return;
    char buffer[48];
    size_t length = strlen(name);
    if (length + 2 > sizeof(buffer)) return;
    memcpy(buffer, name, length + 1);
    if (add_s) memcpy(buffer + length, "s", 2);
    en_put(w, buffer);
}

void en_say_unit(en_work *w, const en_unit *unit, bool singular) {
    w->span_number = false;
    if (singular || !unit->plural)
        say_name(w, unit->singular, !singular);
    else
        say_name(w, unit->plural, false);
    if (!unit->per) return;
    en_put(w, "per");
    en_unit below = en_unit_at(w, unit->end + 1);
    if (below.singular && below.end > unit->end + 1) say_name(w, below.singular, false);
}

const char *en_scale_at(const en_work *w, size_t i, size_t *end) {
    static const struct {
        const char *written, *said;
        bool spaced;
    } scales[] = {{"thousand", "thousand", true}, {"million", "million", true}, {"billion", "billion", true},
                  {"trillion", "trillion", true}, {"hundred", "hundred", true}, {"lakh", "lakh", true},
                  {"crore", "crore", true},       {"bn", "billion", false},     {"mn", "million", false},
                  {"mm", "million", false},       {"tn", "trillion", false},    {"k", "thousand", false},
                  {"m", "million", false},        {"b", "billion", false},      {"t", "trillion", false}};
    for (size_t k = 0; k < EV_ARRAY_COUNT(scales); k++) {
        size_t at = scales[k].spaced ? en_skip_spaces(w, i) : i;
        if (!en_word_is(w, at, scales[k].written)) continue;
        *end = at + strlen(scales[k].written);
        return scales[k].said;
    }
    return NULL;
}
