/* net: e-mail addresses, URLs, host and file names, hashtags and handles.
 *
 * They are read the way one dictates them: "dot", "slash", "at"; labels that are words as words, short ones by their
 * letters; the scheme in front of "://" is not read. */
#include <string.h>

#include "text/en/en.h"

enum { ADDRESS_MAX = 2048 };

static const char domains[] = " com org net edu gov mil int io ai dev app co me tv info biz uk us de fr cn jp kr in "
                              "eu ru ca au br it es nl ch se "
                              "xyz tech online site store cloud wiki ";
static const char extensions[] =
    " txt pdf doc docx xls xlsx ppt pptx csv json xml yaml yml toml ini md html htm css js ts py rb rs go c h cc cpp "
    "hpp java sh bat exe dll so zip tar gz rar png jpg jpeg gif svg bmp webp mp3 mp4 wav flac ogg opus avi mov mkv "
    "log "
    "db sql iso apk dmg cfg conf safetensors onnx bin dat ";
static const char spoken_endings[] =
    " com org net gov edu info biz dev app tech online site store cloud wiki zip java log "
    "bat bin doc dot conf ";

static bool is_address_char(char c) { return c > ' ' && c < 0x7F && !strchr("<>\"`{}|\\^()[]", c); }

/* The stretch without spaces, closing punctuation off. */
static size_t stretch(const en_work *w, size_t i) {
    size_t end = i;
    while (end - i < ADDRESS_MAX && is_address_char(w->s[end])) end++;
    while (end > i && strchr(".,!?:;'*_~", w->s[end - 1])) end--;
    return end;
}

static size_t find_char(const en_work *w, size_t begin, size_t end, char c) {
    while (begin < end && w->s[begin] != c) begin++;
    return begin;
}

static bool is_label_char(char c) { return en_is_alnum(c) || c == '-' || c == '_'; }

/* The last label of "a.b.c" starting at i; *dots counts. The name ends where the labels do. */
static size_t name_end(const en_work *w, size_t i, size_t end, size_t *last, size_t *dots) {
    *dots = 0;
    *last = i;
    while (i < end && is_label_char(w->s[i])) i++;
    while (i + 1 < end && w->s[i] == '.' && is_label_char(w->s[i + 1])) {
        *last = i + 1;
        ++*dots;
        for (i++; i < end && is_label_char(w->s[i]);) i++;
    }
    return i;
}

/* ---- reading ---- */

static const char *sign_word(char c) {
    switch (c) {
    case '.': return "dot";
    case '/': return "slash";
    case '-': return "dash";
    case '_': return "underscore";
    case ':': return "colon";
    case '@': return "at";
    case '?': return "question mark";
    case '=': return "equals";
    case '&': return "and";
    case '#': return "hash";
    case '%': return "percent";
    case '+': return "plus";
    case '~': return "tilde";
    default: return NULL;
    }
}

/* Letters of a label: "www", "io", "uk" by letters; endings like "com" and what looks like a word as a word. */
static void say_letters(en_work *w, size_t begin, size_t end, bool ending) {
    const char *s = w->s + begin;
    size_t n = end - begin;
    char lower[EN_WORD_LETTERS + 1];
    size_t kept = n < EN_WORD_LETTERS ? n : EN_WORD_LETTERS;
    for (size_t i = 0; i < kept; i++) lower[i] = en_lower(s[i]);
    en_span(w, begin, end);
    bool word = en_in_list(spoken_endings, s, n) || en_list_is_common(lower, kept) ||
                (!ending && en_list_phones(lower, kept));
    if (en_list_is_letters(lower, kept)) word = false;
    if (ending && en_list_is_acronym_word(lower, kept)) word = true;
    bool shaped = n == 3 && !en_vowel_letter(lower[0]) && en_vowel_letter(lower[1]); /* "doe", "foo" */
    bool known = n >= 3 && (shaped || en_known(w->en, lower, kept)) && !en_list_is_letters(lower, kept);
    bool brief = n <= 3 || (ending && n <= 4) || en_list_is_letters(lower, kept);
    const bool spelled = n == 3 && memcmp(lower, "etc", 3) == 0; /* a folder, no "and so on" */
    if (n == 3 && memcmp(lower, "usr", 3) == 0)
        en_put(w, "user");
    else if (spelled || (!word && brief && (ending || !known)))
        en_put_letters(w, s, n, "");
    else
        en_say_token(w, begin, end);
}

static void say_address_digits(en_work *w, size_t begin, size_t end) {
    en_span(w, begin, end);
    if (end - begin <= 2 && w->s[begin] != '0')
        en_say_cardinal(w, w->s + begin, end - begin);
    else if (end - begin == 4 && (w->s[begin] == '1' || w->s[begin] == '2'))
        en_say_year(w, (w->s[begin] - '0') * 1000 + (w->s[begin + 1] - '0') * 100 + (w->s[begin + 2] - '0') * 10 +
                           (w->s[begin + 3] - '0'));
    else
        en_say_digits(w, begin, end);
}

void en_say_address(en_work *w, size_t begin, size_t end, bool file) {
    for (size_t i = begin; i < end;) {
        size_t stop = i;
        if (en_is_digit(w->s[i])) {
            stop = en_digits_end(w, i);
            say_address_digits(w, i, stop < end ? stop : end);
        } else if (en_is_alpha(w->s[i])) {
            while (stop < end && en_is_alpha(w->s[stop]) && stop - i < EN_WORD_LETTERS) stop++;
            bool after_dot = i > begin && w->s[i - 1] == '.';
            bool listed = en_in_list(file ? extensions : domains, w->s + i, stop - i);
            say_letters(w, i, stop, after_dot && listed);
        } else {
            const char *word = sign_word(w->s[i]);
            bool last = i + 1 == end && w->s[i] == '/';
            en_span(w, i, i + 1);
            if (word && !last) en_put(w, word);
            stop = i + 1;
        }
        i = stop;
    }
}

/* ---- recognising ---- */

static size_t url(en_work *w, size_t i, size_t end) {
    size_t scheme = en_letters_end(w, i);
    bool schemed = en_starts(w, scheme, "://") && scheme > i;
    bool www = en_starts(w, i, "www.") && en_is_alnum(w->s[i + 4]);
    if (!schemed && !www) return 0;
    size_t begin = schemed ? scheme + 3 : i;
    if (begin >= end) return 0;
    en_say_address(w, begin, end, false);
    return end - i;
}

static size_t email(en_work *w, size_t i, size_t end) {
    size_t at = find_char(w, i, end, '@'), last, dots;
    if (at == end || at == i || !is_label_char(w->s[at + 1])) return 0;
    size_t stop = name_end(w, at + 1, end, &last, &dots);
    if (dots == 0 || !en_is_alpha(w->s[last])) return 0;
    if (w->s[stop] == '/' && stop + 1 < end) stop = end;
    en_say_address(w, i, stop, false);
    return stop - i;
}

/* "example.com/path", "notes.txt", "src/main.c": by the ending. */
static size_t dotted_name(en_work *w, size_t i, size_t end) {
    size_t last, dots, begin = i;
    size_t stop = name_end(w, i, end, &last, &dots);
    bool shouted = en_is_upper(w->s[i]) && en_is_upper(w->s[last]) && stop - last > 1 &&
                   en_is_upper(w->s[last + 1]) && last - i > 2 && en_is_upper(w->s[i + 1]); /* "EXAMPLE.COM" */
    bool host = dots > 0 && en_in_list(domains, w->s + last, stop - last) && (!en_is_upper(w->s[last]) || shouted) &&
                en_is_alnum(w->s[i]) && (stop - last > 2 || dots > 1 || last - i > 3);
    if (host && (stop == end || w->s[stop] == '/' || w->s[stop] == ':')) {
        if (stop < end && w->s[stop] == ':' && !en_is_digit(w->s[stop + 1])) end = stop;
        en_say_address(w, i, end, false);
        return end - i;
    }
    while (stop < end && w->s[stop] == '/') { /* directories */
        begin = stop + 1;
        stop = name_end(w, begin, end, &last, &dots);
    }
    bool brief = last == begin + 2 && en_is_lower(w->s[last]) &&
                 stop - last > 1; /* "a.png", but "e.g" and "D.C" are no files */
    bool named = (last > begin + 2 || brief) && dots > 0;
    if (!named || stop != end || !en_in_list(extensions, w->s + last, stop - last)) return 0;
    if (en_is_upper(w->s[last]) && en_is_lower(w->s[last + 1])) return 0; /* "end.So" lacks a space */
    if (en_is_upper(w->s[last]) && stop - last == 1 && en_is_upper(w->s[last - 2])) return 0; /* "U.S.C." */
    en_say_address(w, i, end, true);
    return end - i;
}

/* "#OpenSource", "@jane_doe". */
static size_t tag(en_work *w, size_t i, size_t end) {
    size_t stop = i + 1;
    while (stop < end && (en_is_alnum(w->s[stop]) || w->s[stop] == '_')) stop++;
    if (stop == i + 1 || !en_is_alpha(w->s[i + 1])) return 0;
    static const char numbered[] =
        " order orders invoice ticket case issue item model part serial tracking id number "
        "room suite apartment unit lot booking confirmation reference ref sku ";
    en_span(w, i, i + 1);
    if (w->s[i] == '#' && en_is_upper(w->s[i + 1]) && en_previous_in(w, numbered)) {
        en_put(w, "number"); /* "order #A1234": what follows is read as it is anywhere */
        return 1;
    }
    en_put(w, w->s[i] == '#' ? "hashtag" : "at");
    for (size_t at = i + 1; at < stop;) {
        size_t part = at;
        while (part < stop && en_is_alpha(w->s[part]) && part - at < EN_WORD_LETTERS) part++;
        if (part > at) {
            en_say_token(w, at, part);
        } else if (en_is_digit(w->s[at])) {
            part = en_digits_end(w, at);
            say_address_digits(w, at, part);
        } else {
            en_span(w, at, at + 1);
            if (w->s[i] == '@') en_put(w, "underscore");
            part = at + 1;
        }
        at = part;
    }
    return stop - i;
}

size_t en_match_net(en_work *w, size_t i) {
    char c = w->s[i];
    if (i < w->net_checked && c != '#' && c != '@') return 0;
    bool mark = c == '#' || c == '@';
    if (!en_is_alnum(mark ? w->s[i + 1] : c)) return 0;
    size_t end = stretch(w, i);
    if (end <= i) return 0;
    if (mark) return tag(w, i, end);
    size_t used = url(w, i, end);
    if (!used) used = email(w, i, end);
    if (!used) used = dotted_name(w, i, end);
    if (!used) w->net_checked = end; /* nothing in this stretch starts an address */
    return used;
}
