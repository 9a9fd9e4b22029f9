/* machine: what machines and banks call things: paths, addresses of network cards, numbers of accounts. Mandarin asks
 * here too: such a name is read whole, whatever stands around it. */
#include <string.h>

#include "text/en/en.h"

enum { PATH_MAX_CHARS = 1024 };

/* An ASCII character of one byte (a wide slash is Chinese); 0: another, or outside. */
static char at(const ev_char *chars, size_t n, size_t i) {
    return (char)(i < n && chars[i].cp < 0x80 && chars[i].bytes <= 1 ? chars[i].cp : 0);
}

static bool is_han(const ev_char *chars, size_t i) { return chars[i].cp >= 0x4E00 && chars[i].cp <= 0x9FFF; }

/* Past a name of a path: letters, figures and what stands inside of names. */
static size_t name_end(const ev_char *chars, size_t n, size_t i) {
    for (char c; (c = at(chars, n, i)) != 0; i++)
        if (!en_is_alnum(c) && c != '-' && c != '_' && !(c == '.' && en_is_alnum(at(chars, n, i + 1)))) break;
    return i;
}

/* One of the folders that a path from the root begins with. */
static bool is_root(const ev_char *chars, size_t begin, size_t end) {
    static const char roots[] =
        " usr etc home var opt bin sbin tmp src api dev mnt root lib data app users proc sys ";
    char name[8];
    const size_t length = end - begin;
    for (size_t k = 0; k < length && k < sizeof name; k++) name[k] = (char)chars[begin + k].cp;
    return length && length < sizeof name && en_in_list(roots, name, length);
}

/* "/usr/local/bin", "~/src/main": two names at least, "/s" is none. Behind Chinese, whose lists have slashes
 * ("苹果/iPhone/iPad"), a folder that is known. */
static size_t path_end(const ev_char *chars, size_t n, size_t i) {
    const bool home = at(chars, n, i) == '~';
    const char before = (char)(i > 0 ? at(chars, n, i - 1) : ' ');
    const bool labelled = before == ':' && i > 1 && is_han(chars, i - 2); /* "路径:/usr/bin" */
    size_t names = home, end = i + home;
    if (before && !labelled && !en_is_space(before) && !strchr("(\"'", before)) return i;
    if (i > 0 && is_han(chars, i - 1) && !home && !is_root(chars, i + 1, name_end(chars, n, i + 1))) return i;
    for (size_t stop; at(chars, n, end) == '/' && end - i < PATH_MAX_CHARS; end = stop, names++) {
        stop = name_end(chars, n, end + 1);
        if (stop == end + 1) break;
    }
    const char behind = at(chars, n, end);
    if (names < 2 || (behind > ' ' && !strchr(".,!?:;'\")]}*_~/", behind))) return i;
    return behind == '/' ? end + 1 : end;
}

/* "C:\\Users\\me\\notes.txt" */
static size_t drive_end(const ev_char *chars, size_t n, size_t i) {
    if (!en_is_alpha(at(chars, n, i)) || at(chars, n, i + 1) != ':' || at(chars, n, i + 2) != '\\') return i;
    size_t end = i + 2;
    while (at(chars, n, end) == '\\' && end - i < PATH_MAX_CHARS) end = name_end(chars, n, end + 1);
    return end;
}

/* "00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e": the address of a network card. */
static size_t hardware_end(const ev_char *chars, size_t n, size_t i) {
    static const char hex[] = "0123456789abcdefABCDEF";
    const char separator = at(chars, n, i + 2);
    size_t letters = 0;
    if (separator != ':' && separator != '-') return i;
    for (size_t k = 0; k < 17; k++) {
        const char c = at(chars, n, i + k);
        if (!c || (k % 3 == 2 ? c != separator : !strchr(hex, c))) return i;
        letters += en_is_alpha(c);
    }
    const char behind = at(chars, n, i + 17);
    return en_is_alnum(behind) || behind == separator || (separator == '-' && !letters) ? i : i + 17;
}

/* "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819": an IBAN, which is as long as its country has it (the
 * registry of SWIFT, ISO 13616), in groups of four. */
static size_t account_end(const ev_char *chars, size_t n, size_t i) {
    static const struct {
        char country[3];
        uint8_t length;
    } ibans[] = {{"AE", 23}, {"AT", 20}, {"BE", 16}, {"BG", 22}, {"BR", 29}, {"CH", 21}, {"CY", 28}, {"CZ", 24},
                 {"DE", 22}, {"DK", 18}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FR", 27}, {"GB", 22},
                 {"GR", 27}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IS", 26}, {"IT", 27}, {"LT", 20},
                 {"LU", 20}, {"LV", 21}, {"MT", 31}, {"NL", 18}, {"NO", 15}, {"PK", 24}, {"PL", 28}, {"PT", 25},
                 {"QA", 29}, {"RO", 24}, {"SA", 24}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"TR", 26}, {"UA", 29}};
    size_t length = 0, end = i;
    for (size_t k = 0; k < EV_ARRAY_COUNT(ibans) && !length; k++)
        if (at(chars, n, i) == ibans[k].country[0] && at(chars, n, i + 1) == ibans[k].country[1])
            length = ibans[k].length;
    if (!length || !en_is_digit(at(chars, n, i + 2)) || !en_is_digit(at(chars, n, i + 3))) return i;
    const bool spaced = at(chars, n, i + 4) == ' ';
    for (size_t count = 0; count < length; count++, end++) {
        if (spaced && count && count % 4 == 0 && at(chars, n, end) == ' ') end++;
        if (!en_is_digit(at(chars, n, end)) && !en_is_upper(at(chars, n, end))) return i;
    }
    return en_is_alnum(at(chars, n, end)) ? i : end;
}

size_t ev_en_machine_name(const ev_char *chars, size_t n, size_t i, ev_machine_name *kind) {
    typedef size_t (*finder)(const ev_char *, size_t, size_t);
    static const finder finders[] = {path_end, drive_end, hardware_end, account_end}; /* as the enum has them */
    const char c = at(chars, n, i);
    const bool path = c == '/' || c == '~';
    if ((!path && !en_is_alnum(c)) || (i > 0 && en_is_alnum(at(chars, n, i - 1)))) return i;
    for (size_t k = path ? 0 : 1; k < (path ? 1 : EV_ARRAY_COUNT(finders)); k++) {
        const size_t end = finders[k](chars, n, i);
        if (end == i) continue;
        if (kind) *kind = (ev_machine_name)k;
        return end;
    }
    return i;
}

/* ---- saying ---- */

static void say_drive(en_work *w, size_t i, size_t end) {
    en_span(w, i, i + 2);
    en_put_letters(w, w->s + i, 1, "");
    en_put(w, "colon");
    for (size_t part = i + 2, stop; part < end; part = stop) {
        for (stop = part + 1; stop < end && w->s[stop] != '\\';) stop++;
        en_span(w, part, part + 1);
        if (stop > part + 1) en_put(w, "backslash");
        en_say_address(w, part + 1, stop, true);
    }
}

/* In groups of so many characters, a pause between; what stands between them is passed over. */
static void say_in_groups(en_work *w, size_t i, size_t end, size_t size) {
    for (size_t part = i, stop; part < end; part = stop + (stop < end && !en_is_alnum(w->s[stop]))) {
        if (part > i) en_break(w, EV_BREAK_COMMA);
        for (stop = part; stop < end && stop < part + size && en_is_alnum(w->s[stop]);) stop++;
        en_say_each(w, part, stop);
    }
}

size_t en_match_machine(en_work *w, size_t i) {
    ev_machine_name kind = EV_NAME_PATH;
    const size_t end = ev_en_machine_name(w->chars, w->n, i, &kind);
    if (end == i) return 0;
    if (kind == EV_NAME_PATH)
        en_say_address(w, i, end, true);
    else if (kind == EV_NAME_DRIVE)
        say_drive(w, i, end);
    else
        say_in_groups(w, i, end, kind == EV_NAME_HARDWARE ? 2 : 4);
    return end - i;
}
