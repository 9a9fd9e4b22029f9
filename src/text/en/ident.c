/* ident: digits that are names: cards, one-time codes, plates, flights, short telephone numbers, models of things,
 * plans named after a section ("401(k)"), strings of groups. Said digit by digit, or in pairs, as people read them
 * out. */
#include <string.h>

#include "text/en/en.h"

enum { CUE_WORDS = 5, GROUPS_MAX = 12 };

/* Is one of the words of the list among the last few of the sentence? A code spelled by letters is written " OTP ".
 */
static bool cue_before(const en_work *w, const char *list, size_t reach) {
    size_t count = en_word_count(w);
    for (size_t k = 1; k <= reach && k <= count; k++) {
        const en_word *word = en_word_at(w, count - k);
        const char *text = en_word_text(w, word);
        char plain[24];
        size_t n = 0;
        for (; *text && n + 1 < sizeof plain; text++)
            if (*text != ' ') plain[n++] = en_lower(*text);
        if (en_in_list(list, plain, n)) return true;
        if (word->before >= EV_BREAK_FINAL) return false;
    }
    return false;
}

bool en_code_near(const en_work *w) { return cue_before(w, " otp pin code passcode password plate serial ", 3); }

bool en_flight_near(const en_work *w) {
    return cue_before(w, " flight flights flew fly flying boarding airline ", 4);
}

/* "1234" in pairs: "twelve thirty four"; "249": "two forty nine"; "708": "seven oh eight". */
void en_say_pairs(en_work *w, size_t begin, size_t end) {
    while (begin < end) {
        size_t n = (end - begin) % 2 ? 1 : 2;
        if (n == 2 && end - begin == 2 && w->s[begin] == '0' && w->s[begin + 1] == '0') {
            en_put(w, "hundred");
        } else if (n == 2 && w->s[begin] == '0') {
            w->span_number = true;
            en_put(w, "oh");
            en_say_digits(w, begin + 1, begin + 2);
        } else {
            en_say_cardinal(w, w->s + begin, n);
        }
        begin += n;
    }
}

void en_say_each(en_work *w, size_t i, size_t end) {
    for (size_t at = i, stop; at < end; at = stop) {
        for (stop = at + 1; stop < end && en_is_digit(w->s[stop]) == en_is_digit(w->s[at]);) stop++;
        en_span(w, at, stop);
        if (en_is_digit(w->s[at]))
            en_say_digits(w, at, stop);
        else
            en_put_letters(w, w->s + at, stop - at, "");
    }
}

/* "401(k)", "501(c)(3)". */
static size_t section_plan(en_work *w, size_t i, size_t end) {
    bool plan =
        end - i == 3 && w->s[end] == '(' && en_is_lower(w->s[end + 1]) && w->s[end + 2] == ')' && w->s[i] != '0';
    if (!plan) return 0;
    en_span(w, i, end);
    en_say_pairs(w, i, end);
    en_span(w, end + 1, end + 2);
    en_put_letters(w, w->s + end + 1, 1, "");
    size_t stop = end + 3;
    if (w->s[stop] == '(' && en_is_digit(w->s[stop + 1]) && w->s[stop + 2] == ')') {
        en_span(w, stop + 1, stop + 2);
        en_say_digits(w, stop + 1, stop + 2);
        stop += 3;
    }
    return stop - i;
}

/* "2Q22", "1H23". */
static size_t quarter(en_work *w, size_t i) {
    static const char *const orders[] = {"first", "second", "third", "fourth"};
    char c = w->s[i], kind = w->s[i + 1];
    bool half = kind == 'H' && c >= '1' && c <= '2', fourth = kind == 'Q' && c >= '1' && c <= '4';
    size_t year = i + 2, end = en_digits_end(w, year);
    if ((!half && !fourth) || (end - year != 2 && end - year != 4) || en_is_alnum(w->s[end])) return 0;
    en_span(w, i, end);
    en_put(w, "the");
    en_put(w, orders[c - '1']);
    en_put(w, half ? "half of" : "quarter of");
    if (end - year == 2)
        en_say_cardinal(w, w->s + year, 2);
    else
        en_say_pairs(w, year, end);
    return end - i;
}

static void say_groups(en_work *w, size_t i, size_t end) {
    while (i < end) {
        size_t stop = en_digits_end(w, i);
        if (stop == i) {
            i++;
            continue;
        }
        en_span(w, i, stop);
        en_say_digits(w, i, stop);
        if (stop < end) en_break(w, EV_BREAK_COMMA);
        i = stop;
    }
}

/* Digit groups with one kind of separator between: how many, and past the last. */
static size_t groups_at(const en_work *w, size_t i, char separator, size_t *widths, size_t *end) {
    size_t count = 0;
    while (count < GROUPS_MAX) {
        size_t stop = en_digits_end(w, i);
        if (stop == i) break;
        widths[count++] = stop - i;
        *end = stop;
        if (w->s[stop] != separator) break;
        i = stop + 1;
    }
    return count;
}

/* "4242 4242 4242 4242", "219-09-9999", "123-123-5678-1111", "0800 555 0147". */
static size_t grouped(en_work *w, size_t i) {
    size_t widths[GROUPS_MAX], end = i;
    size_t count = groups_at(w, i, '-', widths, &end), digits = 0;
    bool hyphens = count > 1;
    if (!hyphens) count = groups_at(w, i, ' ', widths, &end);
    for (size_t k = 0; k < count; k++) digits += widths[k];
    bool card = count == 4 && widths[0] == 4 && widths[1] == 4 && widths[2] == 4 && widths[3] == 4;
    bool social = hyphens && count == 3 && widths[0] == 3 && widths[1] == 2 && widths[2] == 4;
    bool book =
        hyphens && ((count >= 4 && cue_before(w, " isbn issn ", 2)) || (count == 2 && cue_before(w, " issn ", 2)));
    bool telephone = hyphens && count >= 4 && digits >= 10 && widths[1] >= 2;
    bool trunk = !hyphens && count >= 2 && w->s[i] == '0' && widths[0] >= 3 && digits >= 9 && digits <= 12;
    bool dictated = !hyphens && count >= 2 && digits >= 8 && digits <= 12 && /* "Zoom ID 876 5432 1098" */
                    (cue_before(w, " id zoom meeting passcode account ", 1) ||
                     cue_before(w, " call phone fax tel telephone dial mobile whatsapp ", 1));
    bool mobile = hyphens && count == 3 && widths[0] == 3 && widths[1] == 4 && widths[2] == 4; /* 138-1234-5678 */
    bool area = hyphens && count == 2 && w->s[i] == '0' && widths[0] >= 3 && widths[0] <= 4 && widths[1] >= 4;
    if (area && w->s[end] == ' ' && en_digits_end(w, end + 1) == end + 5) end += 5; /* 0755-8888 8888 */
    if ((!card && !social && !telephone && !trunk && !book && !mobile && !area && !dictated) ||
        en_is_alnum(w->s[end]))
        return 0;
    say_groups(w, i, end);
    return end - i;
}

/* "1-800-GO-U-HAUL" */
static size_t word_telephone(en_work *w, size_t i) {
    static const char free_lines[] = " 800 888 877 866 855 844 833 900 ";
    if (w->s[i] != '1' || w->s[i + 1] != '-' || !en_in_list(free_lines, w->s + i + 2, 3) || w->s[i + 5] != '-')
        return 0;
    if (!en_is_upper(w->s[i + 6])) return 0;
    en_span(w, i, i + 1);
    en_say_digits(w, i, i + 1);
    en_break(w, EV_BREAK_COMMA);
    en_span(w, i + 2, i + 5);
    en_say_number(w, &(en_number){.begin = i + 2,
                                  .end = i + 5,
                                  .whole_end = i + 5,
                                  .digit_count = 3,
                                  .digits = {w->s[i + 2], w->s[i + 3], w->s[i + 4]}});
    en_break(w, EV_BREAK_COMMA);
    return 6;
}

/* A number alone whose cue says that it is none to count with. */
static size_t cued(en_work *w, size_t i, size_t end) {
    static const char codes[] =
        " otp pin code passcode password social ssn card ending routing account plate plates imei serial order "
        "invoice ticket tracking case reference ref confirmation booking id ";
    static const char calls[] = " call dial dialed dialled calling phone ";
    size_t n = end - i;
    static const char rooms[] =
        " room suite apartment gate unit flat bus route highway flight boeing interstate channel form port ";
    bool plain_end = !en_is_alnum(w->s[end]) && w->s[end] != '%' &&
                     !((w->s[end] == '.' || w->s[end] == ',') && en_is_digit(w->s[end + 1]));
    bool hundred = n > 2 && w->s[end - 1] == '0' && w->s[end - 2] == '0';
    if ((n == 3 || n == 4) && w->s[i] != '0' && !hundred && plain_end && cue_before(w, rooms, 1)) { /* "Room 237" */
        en_span(w, i, end);
        en_say_pairs(w, i, end);
        return n;
    }
    if (n < 3 || w->s[end] == '%' || w->s[end] == '.' || en_is_alnum(w->s[end])) {
        bool stop = w->s[end] == '.' && !en_is_digit(w->s[end + 1]);
        if (n < 3 || !stop) return 0;
    }
    if (w->s[end] == ',' && en_is_digit(w->s[end + 1])) return 0;
    bool short_code = n >= 5 && n <= 6 &&
                      (cue_before(w, " text sms ", 1) ||
                       (cue_before(w, " to ", 1) && cue_before(w, " text sms send message ", CUE_WORDS)));
    const char *previous = en_previous(w);
    bool beside = w->code_end && i - w->code_end < 6 && en_in_list(" or and ", previous, strlen(previous));
    bool code = n >= 4 && cue_before(w, codes, 3) && !cue_before(w, " of for about over under than costs cost ", 1);
    bool ended = cue_before(w, " ending ", 3) && cue_before(w, " in with ", 1);
    bool call = n == 3 && cue_before(w, calls, 1);
    if (!short_code && !beside && !code && !ended && !call) return 0;
    en_span(w, i, end);
    en_say_digits(w, i, end);
    w->code_end = end;
    return n;
}

/* "7ABC123" after "plate": every digit by itself. */
static size_t plate(en_work *w, size_t i) {
    size_t end = i, digits = 0, letters = 0;
    while (en_is_digit(w->s[end]) || en_is_upper(w->s[end])) {
        digits += en_is_digit(w->s[end]);
        letters += en_is_upper(w->s[end++]);
    }
    if (digits < 2 || letters < 1 || end - i > 9 || en_is_alnum(w->s[end])) return 0;
    if (!cue_before(w, " plate plates registration vin tag license licence number ", 3)) return 0;
    en_say_each(w, i, end);
    return end;
}

/* "0x1F" */
static size_t hexadecimal(en_work *w, size_t i) {
    size_t end = i + 2;
    if (w->s[i] != '0' || w->s[i + 1] != 'x') return 0;
    while (en_is_digit(w->s[end]) || (en_lower(w->s[end]) >= 'a' && en_lower(w->s[end]) <= 'f')) end++;
    if (end == i + 2 || en_is_alnum(w->s[end])) return 0;
    en_say_each(w, i, end);
    return end - i;
}

/* "RTX 4090", "UA 1234": four digits behind capitals, three and more behind an airline's. */
static size_t model(en_work *w, size_t i, size_t end) {
    size_t count = en_word_count(w), n = end - i;
    if (count == 0 || w->pending != EV_BREAK_WORD || en_is_alnum(w->s[end]) || i == 0) return 0;
    const en_word *before = en_word_at(w, count - 1);
    size_t letters = before->end - before->begin;
    if (!before->spell || letters < 2 || letters > 4 || before->end + 1 < i || w->s[i] == '0') return 0;
    if (w->s[end] == ',' || (w->s[end] == '.' && en_is_digit(w->s[end + 1]))) return 0;
    bool flight = n >= 3 && n <= 4 && en_flight_near(w);
    bool card = n == 4 && en_in_list(" gtx rtx gt rx hd gts ", w->s + before->begin, letters);
    if (!flight && !(card && w->s[end - 1] == '0' && !(w->s[end - 2] == '0' && w->s[end - 3] == '0'))) return 0;
    en_span(w, i, end);
    en_say_pairs(w, i, end);
    return n;
}

/* "C-130", "F-150" */
static size_t hyphen_name(en_work *w, size_t i, size_t end) {
    bool named = end - i == 3 && i > 1 && w->s[i - 1] == '-' && en_is_upper(w->s[i - 2]) &&
                 (i < 3 || !en_is_alnum(w->s[i - 3]));
    if (!named || w->s[i] == '0' || en_is_alnum(w->s[end]) || (w->s[end - 1] == '0' && w->s[end - 2] == '0'))
        return 0;
    en_span(w, i, end);
    en_say_pairs(w, i, end);
    return 3;
}

/* "1Z999AA10123456784", "SN12345678": capitals and many figures in one string are nobody's number. */
static size_t tracking(en_work *w, size_t i) {
    size_t end = i, digits = 0, letters = 0, longest = 0;
    while (en_is_digit(w->s[end]) || en_is_upper(w->s[end])) {
        size_t stop = en_digits_end(w, end);
        if (stop > end + longest) longest = stop - end;
        digits += stop - end;
        letters += stop == end;
        end = stop > end ? stop : end + 1;
    }
    if (!letters || digits < 6 || longest < 5 || end - i < 8 || en_is_alnum(w->s[end]) || w->s[end] == '-') return 0;
    en_say_each(w, i, end);
    return end - i;
}

size_t en_match_identifier(en_work *w, size_t i) {
    if (!en_is_digit(w->s[i]) && !en_is_upper(w->s[i])) return 0;
    size_t name = tracking(w, i);
    if (name || !en_is_digit(w->s[i])) return name;
    size_t end = en_digits_end(w, i), used = section_plan(w, i, end);
    if (!used) used = quarter(w, i);
    if (!used) used = hexadecimal(w, i);
    if (!used) used = hyphen_name(w, i, end);
    if (!used) used = word_telephone(w, i);
    if (!used) used = grouped(w, i);
    if (used) return used;
    size_t stop = plate(w, i);
    if (stop) return stop - i;
    used = model(w, i, end);
    return used ? used : cued(w, i, end);
}
