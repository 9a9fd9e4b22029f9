/* in_chinese: Latin letters beside Chinese that are said one by one, by their English names: "A级", "nba比赛",
 * "B2B".
 *
 * Chinese text writes abbreviations in any case, so capitals decide nothing there; runs.c asks which words are
 * letters and has them said here. What is a word in English although it is spelled in Chinese company (it, us, led)
 * counts only in capitals.
 */
#include <assert.h>
#include <string.h>

#include "text/en/en.h"

enum { LETTERS_MAX = 8 };

/* Beside the English list: what Chinese writers abbreviate. */
static const char chinese[] =
    " awsl yyds cba cctv led lcd ktv ppt pk ic kol cp gpt emba cec hsk cet ielts gre gmat esg "
    "eps roe etf gnp ppi cpi pmi vcd ctv svip ssr npc pvp pve acg ptsd ct mri icu mvp atm wto iq eq okr gmv dau mau "
    "sku cbd bgm mv pua mpv ngo hrbp sop qc bom cad mcu dsp ufs ps vp cmo cio oa wms wc etc dhl ems pos "
    "ota bat ufc cg csgo lol dota gg mm hpv pcr nmn rcep brics apec qs gdp ";
/* Letters in capitals only. */
static const char words_in_small[] =
    " it us who un id la ad am pm vin apr eta led ar etc pos bat lol dota mm apec brics ";
/* ... or where Chinese stands right beside. */
static const char letters_alone[] = " it id led ar pm pos etc mm lol ";
/* Latin letters that are Chinese all by themselves. */
static const char slang[] =
    " yyds awsl xswl u1s1 zqsg nsdd dbq gkd plmm ssfd tql yygq bdjw kswl kdl xdm jms pyq nbcs szd "
    "yjjc ljyb dddd xswlsh drl bbq nsl wyzzs yysy hhh hhhh ";

bool en_is_chinese_slang(const char *lower, size_t n) { return en_in_list(slang, lower, n); }

static bool has_vowel(const char *lower, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lower[i] != 'y' && en_vowel_letter(lower[i])) return true;
    return false;
}

/* letters: n of them, no apostrophes. digit_follows: stands right before a figure, as in CO2. alone: Chinese stands
 * right beside, no other Latin word. */
bool en_letters_in_chinese(const ev_en *en, const char *letters, size_t n, bool digit_follows, bool alone) {
    char lower[LETTERS_MAX];
    if (n > LETTERS_MAX) return false;
    if (n == 1) return true;
    bool capitals = true;
    for (size_t i = 0; i < n; i++) {
        capitals &= en_is_upper(letters[i]);
        lower[i] = en_lower(letters[i]);
    }
    if (capitals && n <= 3 && digit_follows) return true;
    if (capitals && n <= 4 && strspn(letters, "IVX") >= n) return true; /* no numeral, or Mandarin had said it */
    if (en_list_is_letters(lower, n) || en_in_list(chinese, lower, n))
        return capitals || !en_in_list(words_in_small, lower, n) || (alone && en_in_list(letters_alone, lower, n));
    bool free_of_capitals = en_is_lower(letters[0]);
    return free_of_capitals && n >= 3 && !has_vowel(lower, n) && !en_list_phones(lower, n) && !en_known(en, lower, n);
}

static void put_word(ev_sink *sink, const ev_char *chars, size_t n, const char *text, const en_phones *phones) {
    assert(n > 0 && phones->count <= EN_PHONES_MAX);
    const ev_char *last = &chars[n - 1];
    ev_sink_word(sink, "en", chars[0].at, last->at + last->bytes, text, strlen(text));
    for (size_t k = 0; k < phones->count; k++) ev_sink_phone(sink, phones->tokens[k]);
}

static size_t put_letters(const ev_char *chars, size_t n, ev_sink *sink) {
    char text[2 * LETTERS_MAX + 1];
    size_t count = 0;
    for (; count < n && count < LETTERS_MAX; count++) {
        char c = chars[count].cp < 0x80 ? (char)chars[count].cp : 0;
        if (!en_is_alpha(c)) break;
        text[2 * count] = (char)(en_is_lower(c) ? c - 32 : c);
        text[2 * count + 1] = ' ';
    }
    if (!count) return 0;
    text[2 * count - 1] = '\0';
    en_phones phones = {.count = 0};
    en_spell(text, &phones);
    put_word(sink, chars, count, text, &phones);
    return count;
}

void ev_en_letters(const ev_en *en, const ev_char *chars, size_t n, ev_sink *sink) {
    for (size_t i = 0; i < n;) {
        size_t used = put_letters(chars + i, n - i, sink);
        if (!used && chars[i].cp == '2') { /* B2B */
            en_phones phones = {.count = 0};
            en_pronounce(en, "to", 2, &phones);
            put_word(sink, chars + i, 1, "to", &phones);
        }
        assert(used <= n - i);
        i += used ? used : 1;
    }
}
