/* Markup: what of Markdown, HTML and SSML is read, what is left out and said so, and that words keep the places they
 * were written at; phones as people write them; dictionaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "text/files.h"
#include "text/notation.h"
#include "text/text.h"

static ev_text *text;
static ev_error err;

static int open_text(void **state) {
    (void)state;
    return ev_text_open(&text, MODELS, &err) == EV_OK ? 0 : -1;
}

static int close_text(void **state) {
    (void)state;
    ev_text_free(&text);
    return 0;
}

static ev_phones *speak(const char *input, const ev_text_options *options) {
    ev_phones *r = NULL;
    if (ev_text_phones(&r, text, input, strlen(input), options, 0, &err) != EV_OK)
        fail_msg("%s: %s", input, err.message);
    return r;
}

/* "hello <500> world | next": words, pauses in milliseconds, sentences. */
static void write_spoken(char *out, size_t capacity, const ev_phones *r) {
    size_t used = 0;
    const ev_word *before = NULL;
    bool chinese = false;
    out[0] = '\0';
    for (size_t s = 0; s < r->sentence_count; s++) {
        if (s) used += (size_t)snprintf(out + used, capacity - used, " |");
        for (size_t i = r->sentences[s].phone_begin; i < r->sentences[s].phone_end; i++) {
            const ev_phone *p = &r->phones[i];
            if (p->pause_ms) used += (size_t)snprintf(out + used, capacity - used, " <%d>", p->pause_ms);
            if (p->word < 0 || before == &r->words[p->word]) continue;
            before = &r->words[p->word];
            const bool joins = chinese && used && out[used - 1] != '|' && before->language[0] == 'z';
            used += (size_t)snprintf(out + used, capacity - used, joins ? "%s" : " %s", before->spoken);
            chinese = before->language[0] == 'z';
        }
    }
    if (used) memmove(out, out + 1, used);
}

static void write_omissions(char *out, size_t capacity, const ev_phones *r, const char *input) {
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < r->omission_count; i++) {
        const ev_omission *o = &r->omissions[i];
        used += (size_t)snprintf(out + used, capacity - used, "%s%s: %.*s", i ? "; " : "", o->reason,
                                 (int)(o->byte_end - o->byte_begin), input + o->byte_begin);
    }
}

typedef struct reading {
    const char *input, *spoken, *omitted;
} reading;

static void check(const reading *cases, size_t n, const ev_text_options *options) {
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        char spoken[1024], omitted[1024];
        ev_phones *r = speak(cases[i].input, options);
        write_spoken(spoken, sizeof(spoken), r);
        write_omissions(omitted, sizeof(omitted), r, cases[i].input);
        const char *expected = cases[i].omitted ? cases[i].omitted : "";
        if (strcmp(spoken, cases[i].spoken) != 0 || strcmp(omitted, expected) != 0) {
            wrong++;
            print_error("%s\n  expected %s (%s)\n  spoken   %s (%s)\n", cases[i].input, cases[i].spoken, expected,
                        spoken, omitted);
        }
        ev_phones_free(&r);
    }
    assert_int_equal(wrong, 0);
}

/* ---- Markdown ---- */

static void emphasis_is_passed_over(void **state) {
    (void)state;
    static const reading cases[] = {
        {"He said _never_ again.", "he said never again", NULL},
        {"You _don't_ need it.", "you don't need it", NULL},
        {"This is ==marked== now.", "this is marked now", NULL},
        {"**Bold**, __strong__, ***both*** and ~~gone~~.", "bold strong both and gone", NULL},
        {"It is **_very_ important** to *me*.", "it is very important to me", NULL},
        {"un**frigging**believable", "unfriggingbelievable", NULL},
        {"The ||spoiler|| is here.", "the spoiler is here", NULL},
        {"这是**重点**内容。", "这是重点内容", NULL},
        {"他说_从不_这样。", "他说从不这样", NULL},
        {"café_s and _café_ too", "cafe underscore s and cafe too", NULL},
    };
    check(cases, EV_ARRAY_COUNT(cases), NULL);
}

static void what_may_be_prose_is_prose(void **state) {
    (void)state;
    static const reading cases[] = {
        {"snake_case_name", "snake underscore case underscore name", NULL},
        {"2*3*4 = 24", "two times three times four equals twenty four", NULL},
        {"if x < y and a<b and b>c", "if x is less than y and a is less than b and b is greater than c", NULL},
        {"5 > 3", "five is greater than three", NULL},
        {"#1 and C#", "number one and C sharp", NULL},
        {"a == b", "a equals b", NULL},
        {"[Ann]: Hello there", "ann hello there", NULL},
        {"See [1] there.", "see one there", NULL},
        {"A rate of 5* is fine.", "a rate of five is fine", NULL},
    };
    check(cases, EV_ARRAY_COUNT(cases), NULL);
}

static void lines_of_markdown_are_sentences(void **state) {
    (void)state;
    static const reading cases[] = {
        {"# Title\nSome text.\n## Second part ##\nmore", "title | some text | second part | more", NULL},
        {"Title\n=====\nbody", "title | body", NULL},
        {"one\n\n---\n\ntwo", "one | two", NULL},
        {"you need:\n- eggs\n- milk\n  from the shop\n* bread", "you need | eggs | milk from the shop | bread", NULL},
        {"- [x] wash\n- [ ] cook", "wash | cook", "check box: [x]; check box: [ ]"},
        {"> to be or not\n> to be", "to be or not to be", NULL},
        {"1. open it\n2. close it", "one | open it | two | close it", NULL},
        {"| Name | Age |\n|------|----:|\n| Ann | 5 |\n| Bob | 6 |", "name age | ann five | bob six", NULL},
        {"清单：\n- 鸡蛋\n- 牛奶", "清单 | 鸡蛋 | 牛奶", NULL},
    };
    check(cases, EV_ARRAY_COUNT(cases), NULL);
}

static void links_and_code_are_read_for_what_they_say(void **state) {
    (void)state;
    static const reading cases[] = {
        {"See [the docs](https://a.b/c_d_e) now.", "see the docs now", "link address: https://a.b/c_d_e"},
        {"See [the **docs**](<x y.md> \"Title\")!", "see the docs", "link address: <x y.md> \"Title\""},
        {"[a][ref] and [b][ref]\n\n[ref]: https://x.y/z", "a and b", "link address: [ref]: https://x.y/z"},
        {"![a cat](cat.png) sits", "a cat sits", "image address: cat.png"},
        {"[![logo](a.png)](https://b.c)", "logo", "image address: a.png; link address: https://b.c"},
        {"True[^1] enough.\n\n[^1]: so they say", "true enough | so they say",
         "footnote mark: [^1]; footnote mark: [^1]:"},
        {"Call `my_func` now.", "call my underscore func now", NULL},
        {"A ` alone, ``a _b_ c`` and _d_.", "a alone a underscore b underscore c and d", NULL},
        {"```python\nprint\n```\nDone.", "print | done", "language of code: python"},
        {"Mail <test@example.com> or <https://example.org>.", "mail test at example dot com or example dot org",
         NULL},
        {"https://a.org/_b_/c", "a dot org slash underscore B underscore slash C", NULL},
        {"\\*not bold\\*", "not bold", NULL},
        {"The [API](/api/) page", "the A P I page", "phones that are not understood: /api/"},
    };
    check(cases, EV_ARRAY_COUNT(cases), NULL);
}

/* ---- HTML ---- */

static void tags_are_not_said(void **state) {
    (void)state;
    static const reading cases[] = {
        {"issued by:<ul><li><b>Bonds</b> or notes</li></ul>is <b>not</b> one.<br>Next.",
         "issued by | bonds or notes | is not one | next", NULL},
        {"<p class=\"x\">One</p><p>Two</p>", "one | two", NULL},
        {"Tom &amp; Jerry &lt;3 caf&eacute; &#65;&#x42;", "tom and jerry less than three cafe A B", NULL},
        {"<script>One <style>p{}</style> two", "one two",
         "unknown tag: <script>; script or style: <style>p{}</style>"},
        {"<script>a</scripts>b</script>Hi", "hi", "script or style: <script>a</scripts>b</script>"},
        {"<script>var a = '<b>';</script>Hi<style>p{}</style>", "hi",
         "script or style: <script>var a = '<b>';</script>; script or style: <style>p{}</style>"},
        {"Hi<!-- secret -->there", "hithere", "comment: <!-- secret -->"},
        {"Hello <wave>you</wave>!", "hello you", "unknown tag: <wave>; unknown tag: </wave>"},
        {"a List<String> of", "a list string of", NULL},
        {"H<sub>2</sub>O is 1<sup>st</sup>", "H two O is first", NULL},
        {"<img src=\"a.png\" alt=\"A red cat\"> sat", "a red cat sat", NULL},
        {"use the <style> tag", "use the tag", "unknown tag: <style>"},
        {"<ruby>漢<rp>(</rp><rt>han</rt><rp>)</rp></ruby>字", "汉字",
         "reading aid: <rp>(</rp>; reading aid: <rt>han</rt>; reading aid: <rp>)</rp>"},
    };
    check(cases, EV_ARRAY_COUNT(cases), NULL);
}

/* ---- SSML ---- */

static const ev_text_options ssml = {.markup = EV_MARKUP_SSML};

static void elements_of_ssml_are_understood(void **state) {
    (void)state;
    static const reading cases[] = {
        {"Hello <break time=\"500ms\"/> world.", "hello <500> world", NULL},
        {"<speak>Hello <break time='1.5s'/> world.</speak>", "hello <1500> world", NULL},
        {"<speak>a<break strength=\"strong\"/>b<break strength=\"none\"/>c</speak>", "a <800> b c", NULL},
        {"<speak>The <sub alias=\"World Wide Web Consortium\">W3C</sub>.</speak>", "the world wide web consortium",
         NULL},
        {"<speak><p><s>One</s><s>two</s></p>three</speak>", "one | two | three", NULL},
        {"<speak>So <say-as interpret-as=\"characters\">abc1</say-as></speak>", "so a b c one", NULL},
        {"<speak><say-as interpret-as=\"cardinal\">1999</say-as></speak>", "one thousand nine hundred ninety nine",
         NULL},
        {"<speak><say-as interpret-as=\"ordinal\">22</say-as> try</speak>", "twenty second try", NULL},
        {"<speak><say-as interpret-as=\"digits\">2026</say-as></speak>", "two zero two six", NULL},
        {"<speak>On <say-as interpret-as=\"date\" format=\"dmy\">4/7/2026</say-as></speak>",
         "on july fourth twenty twenty six", NULL},
        {"<speak xml:lang=\"zh-CN\"><say-as interpret-as=\"date\" format=\"ymd\">20260704</say-as></speak>",
         "二零二六年七月四日", NULL},
        {"<speak>I have <lang xml:lang=\"zh\">3</lang> cats</speak>", "i have 三 cats", NULL},
        {"<speak>Hi <mstts:express-as xmlns:mstts=\"x\" style=\"sad\">you</mstts:express-as></speak>", "hi you",
         "unknown tag: <mstts:express-as xmlns:mstts=\"x\" style=\"sad\">; unknown tag: </mstts:express-as>"},
        {"<?xml version=\"1.0\"?>\n<speak version=\"1.1\">Fish &amp; <![CDATA[chips]]></speak>", "fish and chips",
         NULL},
        {"<speak>Tom & Jerry</speak>", "tom and jerry", "SSML that is not well-formed here:  "},
        {"<speak>He <prosody rate=\"quickish\">ran</prosody></speak>", "he ran",
         "value that is not understood: <prosody rate=\"quickish\">"},
        {"<speak>wait<break time=\"20s\"/>ed</speak>", "wait <10000> ed",
         "pause of more than 10 s: <break time=\"20s\"/>"},
    };
    check(cases, EV_ARRAY_COUNT(cases), NULL);
}

static void bad_ssml_that_was_asked_for_is_an_error(void **state) {
    (void)state;
    static const struct {
        const char *input, *says;
    } cases[] = {{"<speak>Tom & Jerry</speak>", "byte 12"},
                 {"<speak>Hi", "not well-formed"},
                 {"<speak><b>Hi</speak>", "mismatched"},
                 {"Tom & Jerry", "byte 5"},
                 {"<!DOCTYPE speak [<!ENTITY a \"b\">]><speak>&a;</speak>", "document type"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_phones *r = NULL;
        assert_int_equal(ev_text_phones(&r, text, cases[i].input, strlen(cases[i].input), &ssml, 0, &err), EV_E_TEXT);
        if (!strstr(err.message, cases[i].says)) fail_msg("'%s' does not say '%s'", err.message, cases[i].says);
    }
    static const reading good[] = {
        {"Hello <break time=\"1s\"/> world &amp; you", "hello <1000> world and you", NULL}};
    check(good, EV_ARRAY_COUNT(good), &ssml);
}

static const ev_phone *phone_of(const ev_phones *r, const char *spoken) {
    for (size_t i = 0; i < r->word_count; i++)
        if (strcmp(r->words[i].spoken, spoken) == 0) return &r->phones[r->words[i].phone_begin];
    fail_msg("no word '%s'", spoken);
    return NULL;
}

static void check_manner(const ev_phone *p, double speed, double pitch, double energy) {
    assert_true(p->speed > speed - 1e-3 && p->speed < speed + 1e-3);
    assert_true(p->pitch_scale > pitch - 1e-3 && p->pitch_scale < pitch + 1e-3);
    assert_true(p->energy_scale > energy - 1e-3 && p->energy_scale < energy + 1e-3);
}

static void prosody_is_on_the_phones(void **state) {
    (void)state;
    ev_phones *r =
        speak("<speak>one <prosody rate=\"80%\" pitch=\"+12st\" volume=\"-20dB\">two <prosody rate=\"150%\">three"
              "</prosody> four</prosody> five <emphasis>six</emphasis> seven</speak>",
              NULL);
    check_manner(phone_of(r, "one"), 1, 1, 1);
    check_manner(phone_of(r, "two"), 0.8, 2, 0.1);
    check_manner(phone_of(r, "three"), 1.2, 2, 0.1);
    check_manner(phone_of(r, "four"), 0.8, 2, 0.1);
    check_manner(phone_of(r, "five"), 1, 1, 1);
    assert_true(phone_of(r, "six")->speed < 1 && phone_of(r, "six")->energy_scale > 1);
    check_manner(phone_of(r, "seven"), 1, 1, 1);
    ev_phones_free(&r);
}

static bool is_ray_or_mei(void *user, const char *name) {
    return strcmp(name, user) == 0 || strcmp(name, "Mei Li") == 0;
}

static const char *voice_of(const ev_phones *r, size_t sentence) {
    assert_true(sentence < r->sentence_count);
    return r->sentences[sentence].voice ? r->sentences[sentence].voice : "-";
}

static void a_voice_is_a_sentence_of_its_own(void **state) {
    (void)state;
    char ray[] = "ray";
    const ev_text_options options = {.knows_voice = is_ray_or_mei, .voices = ray};
    static const reading cases[] = {
        {"<speak>He said <voice name=\"ray\">go now</voice> and left.</speak>", "he said | go now | and left", ""},
        {"He said <voice name=\"nobody ray\">go now.</voice> And left.", "he said | go now | and left", ""},
        {"<speak>He <voice name=\"nobody\">went</voice> home.</speak>", "he went home",
         "voice that is not known: <voice name=\"nobody\">"},
        {"<speak><voice gender=\"male\">Go.</voice></speak>", "go",
         "voice that is not known: <voice gender=\"male\">"}};
    check(cases, EV_ARRAY_COUNT(cases), &options);
    ev_phones *r =
        speak("<speak>One. <voice name='ray'>Two. Three <voice name='Mei Li'>四 <break time='1s'/></voice> five."
              "</voice> Six.</speak>",
              &options);
    static const char *const voices[] = {"-", "ray", "ray", "Mei Li", "ray", "-"};
    assert_int_equal(r->sentence_count, EV_ARRAY_COUNT(voices));
    for (size_t i = 0; i < r->sentence_count; i++) assert_string_equal(voice_of(r, i), voices[i]);
    ev_phones_free(&r);
    r = speak("<speak><voice name='ray'>One.</voice></speak>", NULL); /* nobody is known */
    assert_string_equal(voice_of(r, 0), "-");
    assert_int_equal(r->omission_count, 1);
    ev_phones_free(&r);
}

static void markup_can_be_text(void **state) {
    (void)state;
    static const reading cases[] = {
        {"<b>x</b> y", "is less than b is greater than x is less than b is greater than y", NULL},
        {"wait [pause:1s] now", "wait <1000> now", NULL}};
    const ev_text_options none = {.markup = EV_MARKUP_NONE};
    ev_phones *r = speak("**a** <b>c</b>", &none);
    assert_true(r->word_count > 2);
    ev_phones_free(&r);
    check(cases + 1, 1, &none);
}

static void audio_tags_are_the_callers_to_decide(void **state) {
    (void)state;
    static const reading spoken[] = {{"Well (laughs) yes.", "well laughs yes", NULL}};
    static const reading dropped[] = {
        {"Well (laughs) yes.", "well yes", "audio tag: (laughs)"},
        {"Well [Clears throat] yes.", "well yes", "audio tag: [Clears throat]"},
        {"Oh *sighs* no *really* no", "oh no really no", "audio tag: *sighs*"},
        {"好的（笑）再见", "好的再见", "audio tag: （笑）"},
        {"He (the boss) laughs", "he the boss laughs", NULL},
    };
    const ev_text_options drop = {.audio_tags = EV_AUDIO_TAGS_DROP};
    check(spoken, EV_ARRAY_COUNT(spoken), NULL);
    check(dropped, EV_ARRAY_COUNT(dropped), &drop);
}

/* ---- places ---- */

static void words_stand_where_they_were_written(void **state) {
    (void)state;
    static const struct {
        const char *input, *spoken, *written;
    } cases[] = {
        {"He **never** came", "never", "never"},
        {"He **ne**ver came", "never", "ne**ver"},
        {"<speak>The <sub alias=\"world wide\">W3C</sub> is</speak>", "wide", "W3C"},
        {"<speak>A&amp;B <say-as interpret-as=\"ordinal\">3</say-as> it</speak>", "third", "3"},
        {"<speak>x &lt; y</speak>", "less", "&lt;"},
        {"<p>caf&eacute; now</p>", "cafe", "caf&eacute;"},
        {"# Title\n- one\n- two", "two", "two"},
        {"See [the docs](http://x.y) now", "now", "now"},
        {"See [the docs](http://x.y) now", "docs", "docs"},
        {"Ask Иван **now**", "ivan", "Иван"},
        {"<speak>A <phoneme ph=\"T EH1 S T\">word</phoneme> here</speak>", "word", "word"},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        ev_phones *r = speak(cases[i].input, NULL);
        size_t w = 0;
        while (w < r->word_count && strcmp(r->words[w].spoken, cases[i].spoken) != 0) w++;
        if (w == r->word_count) fail_msg("%s: no '%s'", cases[i].input, cases[i].spoken);
        const ev_word *word = &r->words[w];
        const size_t n = strlen(cases[i].written);
        if (word->byte_end - word->byte_begin != n || memcmp(cases[i].input + word->byte_begin, cases[i].written, n))
            fail_msg("%s: '%s' stands at %zu to %zu", cases[i].input, cases[i].spoken, word->byte_begin,
                     word->byte_end);
        ev_phones_free(&r);
    }
}

/* ---- phones ---- */

static void check_notation(const char *s, ev_notation notation, const char *expected) {
    ev_buf tokens = {0};
    char names[512] = "";
    size_t used = 0;
    const bool read = ev_notation_read(&tokens, s, strlen(s), notation, NULL);
    for (size_t i = 0; i < ev_array_count(&tokens, int16_t); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? " " : "",
                                 ev_token_name(((const int16_t *)(const void *)tokens.data)[i]));
    if (read != (expected != NULL) || (read && strcmp(names, expected) != 0))
        fail_msg("%s: '%s', not '%s'", s, read ? names : "none", expected ? expected : "none");
    ev_buf_free(&tokens);
}

/* The expected phones are CMUdict's for the words, or the published inventory's spelling of the syllables. */
static void ipa_and_pinyin_are_phones(void **state) {
    (void)state;
    static const struct {
        const char *s, *tokens;
        ev_notation notation;
    } cases[] = {
        {"təˈmɑːtoʊ", "[T] [AH0] [M] [AA1] [T] [OW0]", EV_NOTATION_CERTAIN},
        {"ˈdeɪtə", "[D] [EY1] [T] [AH0]", EV_NOTATION_CERTAIN},
        {"kˈOkəɹO", "[K] [OW1] [K] [AH0] [R] [OW0]", EV_NOTATION_CERTAIN},
        {"ˈwɔːtɚ", "[W] [AO1] [T] [ER0]", EV_NOTATION_IPA},
        {"ˈbʌtəɹ", "[B] [AH1] [T] [ER0]", EV_NOTATION_IPA},
        {"tʃɝtʃ", "[CH] [ER1] [CH]", EV_NOTATION_IPA},
        {"kæt", "[K] [AE1] [T]", EV_NOTATION_IPA},
        {"əˈbaʊt", "[AH0] [B] [AW1] [T]", EV_NOTATION_IPA},
        {"ˈbɒtl̩", "[B] [AA1] [T] [AH0] [L]", EV_NOTATION_IPA},
        {"ˌɪntəˈnæʃənəl", "[IH2] [N] [T] [AH0] [N] [AE1] [SH] [AH0] [N] [AH0] [L]", EV_NOTATION_IPA},
        {"T AH0 M EY1 T OW0", "[T] [AH0] [M] [EY1] [T] [OW0]", EV_NOTATION_CERTAIN},
        {"ch ong2 q ing4", "ch ong2 q ing4", EV_NOTATION_CERTAIN},
        {"chong2 qing4", "ch ong2 q ing4", EV_NOTATION_CERTAIN},
        {"chóngqìng", "ch ong2 q ing4", EV_NOTATION_CERTAIN},
        {"zhi1 shi5", "zh iii1 sh iii5", EV_NOTATION_PINYIN},
        {"zi4", "z ii4", EV_NOTATION_PINYIN},
        {"yuan2 jue2", "van2 j ve2", EV_NOTATION_PINYIN},
        {"lü4 nv3", "l v4 n v3", EV_NOTATION_PINYIN},
        {"liu2 hui4 lun2", "l iou2 h uei4 l uen2", EV_NOTATION_PINYIN},
        {"wo3 wu3", "uo3 u3", EV_NOTATION_PINYIN},
        {"xī'ān", "x i1 an1", EV_NOTATION_PINYIN},
        {"fāngàn", "f an1 g an4", EV_NOTATION_PINYIN}, /* by the rule of the apostrophe */
        {"fāng'àn", "f ang1 an4", EV_NOTATION_PINYIN},
        {"nǐ hǎo ma", "n i3 h ao3 m a5", EV_NOTATION_PINYIN},
        {"wanr2", "uanr2", EV_NOTATION_PINYIN},
        {"docs", NULL, EV_NOTATION_CERTAIN},
        {"guide/intro", NULL, EV_NOTATION_CERTAIN},
        {"ma", NULL, EV_NOTATION_PINYIN},
        {"qa1", NULL, EV_NOTATION_PINYIN},
        {"ж", NULL, EV_NOTATION_IPA},
    };
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) check_notation(cases[i].s, cases[i].notation, cases[i].tokens);
}

/* ---- dictionaries ---- */

static ev_dictionary *parse(const char *lines) {
    ev_dictionary *d = NULL;
    if (ev_dictionary_parse(&d, lines, strlen(lines), &err) != EV_OK) fail_msg("%s", err.message);
    return d;
}

static void words_of_a_dictionary_are_said_as_it_says(void **state) {
    (void)state;
    ev_dictionary *d = parse("# names\n"
                             "EmotiVoice = emotive voice\n"
                             "US = you ess\n"
                             "New York City\tbig apple\r\n"
                             "重庆 = /chong2 qing4/\n"
                             "行长 = 航掌\n"
                             "Иванов = ee vah nof\n"
                             "GIF = /dʒɪf/\n");
    ev_dictionary *first = parse("gif = jiffy");
    static const reading cases[] = {
        {"EmotiVoice and emotivoice's EMOTIVOICE.", "emotive voice and emotive voice's emotive voice", NULL},
        {"The US likes us.", "the you ess likes us", NULL},
        {"In new york city and New York.", "in big apple and new york", NULL},
        {"megaEmotiVoice", "mega emoti voice", NULL},
        {"我是行长", "我是航掌", NULL},
        {"Иванов left", "ee vah nof left", NULL},
        {"a GIF here", "a GIF here", NULL},
    };
    ev_text_options options = {.dictionaries = {d}};
    assert_int_equal(ev_dictionary_count(d), 7);
    assert_true(ev_dictionary_has_phones(d));
    assert_false(ev_dictionary_has_phones(first));
    ev_phones *r = speak("emotivoice", &options);
    assert_string_equal(r->words[0].spoken, "emotive");
    assert_int_equal(r->words[1].byte_begin, 0);
    assert_int_equal(r->words[1].byte_end, 10);
    assert_int_equal(r->words[0].given, 0);
    ev_phones_free(&r);
    r = speak("去重庆", &options);
    assert_int_equal(r->words[1].given, 1);
    assert_string_equal(r->phones[r->words[1].phone_begin].name, "ch");
    ev_phones_free(&r);
    check(cases, EV_ARRAY_COUNT(cases), &options);
    options.dictionaries[1] = d;
    options.dictionaries[0] = first;
    static const reading both[] = {{"a GIF of EmotiVoice", "a jiffy of emotive voice", NULL}};
    check(both, 1, &options);
    ev_dictionary_free(&d);
    ev_dictionary_free(&first);
    assert_null(d);
    ev_dictionary_free(&d);
}

static void bad_dictionaries_say_where(void **state) {
    (void)state;
    static const struct {
        const char *lines, *says;
    } cases[] = {{"a = b\nnothing here\n", "line 2"},
                 {"# x\n\nword = /QQ9/\n", "line 3"},
                 {"word =\n", "missing"},
                 {" = said\n", "missing"},
                 {"a\xFF = b\n", "UTF-8"}};
    ev_dictionary *d = NULL;
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        assert_int_equal(ev_dictionary_parse(&d, cases[i].lines, strlen(cases[i].lines), &err), EV_E_FORMAT);
        assert_null(d);
        if (!strstr(err.message, cases[i].says)) fail_msg("'%s' does not say '%s'", err.message, cases[i].says);
    }
    const char *word = "x", *saying = "/nothing at all?/";
    assert_int_equal(ev_dictionary_create(&d, &word, &saying, 1, &err), EV_E_FORMAT);
    assert_non_null(strstr(err.message, "'x'"));
    assert_int_equal(ev_dictionary_read(&d, "/nowhere/at/all", &err), EV_E_IO);
}

/* A text may become much longer, but not without end. */
static void what_a_dictionary_makes_is_bounded(void **state) {
    (void)state;
    enum { BYTES = 100000 };
    char *input = malloc(BYTES), line[256];
    ev_phones *r = NULL;
    memset(line, 'b', sizeof(line));
    memcpy(line, "a = ", 4);
    line[200] = '\0';
    ev_dictionary *d = parse(line);
    const ev_text_options options = {.dictionaries = {d}};
    for (size_t i = 0; i < BYTES; i++) input[i] = i % 2 ? ' ' : 'a';
    assert_int_equal(ev_text_phones(&r, text, input, BYTES, &options, 0, &err), EV_E_LIMIT);
    ev_dictionary_free(&d);
    free(input);
}

/* ---- hostile text ---- */

static void hostile_markup_ends_in_bounded_time(void **state) {
    (void)state;
    static const char *const pieces[] = {"<",
                                         "<a",
                                         "<a x=\"",
                                         "<!--",
                                         "<script>",
                                         "<p>",
                                         "<prosody rate='80%'>",
                                         "<sub alias='x'>",
                                         "</p>",
                                         "[",
                                         "](",
                                         "[a](",
                                         "[a](b",
                                         "![",
                                         "](/",
                                         "[a](/K",
                                         "*a ",
                                         "**a",
                                         "_a_",
                                         "`a",
                                         "``",
                                         "~~a",
                                         "||",
                                         "== ",
                                         "&amp;",
                                         "&",
                                         "> ",
                                         "- a\n",
                                         "# a\n",
                                         "|a|\n",
                                         "|-|\n",
                                         "```\n",
                                         "[^1]",
                                         "[a]: /b\n",
                                         "\\",
                                         "(laughs",
                                         "<b><i>",
                                         "1. a\n",
                                         "http://_",
                                         "<speak>",
                                         "<say-as interpret-as='characters'>a",
                                         "<sup>1</sup>",
                                         "Ж",
                                         "`` ` ``` "};
    enum { BYTES = 1 << 17 };
    char *input = malloc(BYTES + 64);
    const ev_text_options options = {.audio_tags = EV_AUDIO_TAGS_DROP};
    for (size_t i = 0; i < EV_ARRAY_COUNT(pieces); i++) {
        size_t n = 0;
        while (n + strlen(pieces[i]) <= BYTES) {
            memcpy(input + n, pieces[i], strlen(pieces[i]));
            n += strlen(pieces[i]);
        }
        ev_phones *r = NULL;
        const clock_t start = clock();
        const ev_status status = ev_text_phones(&r, text, input, n, &options, 0, &err);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        if (status != EV_OK) assert_true(status == EV_E_TEXT || status == EV_E_LIMIT);
        if (seconds > 20) fail_msg("'%s': %.1f s", pieces[i], seconds); /* quadratic: minutes */
        ev_phones_free(&r);
    }
    free(input);
}

/* What each sentence says as it is written; "|" behind each. */
static void check_content(const char *input, const char *wanted) {
    const ev_text_options options = {0};
    ev_phones *r = speak(input, &options);
    size_t ends[8];
    ev_buf said = {0}, joined = {0};
    assert_true(r->sentence_count <= 8);
    assert_int_equal(ev_text_content(&said, ends, input, strlen(input), &options, r, &err), EV_OK);
    for (size_t i = 0, at = 0; i < r->sentence_count; at = ends[i++]) {
        ev_buf_append(&joined, said.data + at, ends[i] - at);
        ev_buf_append(&joined, "|", 1);
    }
    ev_buf_append(&joined, "", 1);
    assert_string_equal((const char *)joined.data, wanted);
    ev_buf_free(&said);
    ev_buf_free(&joined);
    ev_phones_free(&r);
}

static void test_content_is_what_is_said(void **state) {
    (void)state;
    check_content("I am very happy.", "I am very happy.|");
    check_content("I am **very** *happy*.", "I am very happy.|");
    check_content("I [pause:1s]am happy.", "I am happy.|");
    check_content("我很[开心](/k ai1 x in1/)。", "我很开心。|");
    check_content("See [the page](https://example.com/a) now.", "See the page now.|");
    check_content("One is *here*. Two is `there`!", "One is here.|Two is there!|");
    check_content("<speak>Tea <break time=\"1s\"/>&amp; <b>milk</b>.</speak>", "Tea & milk.|");
    check_content("<speak>A <phoneme alphabet=\"ipa\" ph=\"təˈmeɪtoʊ\">tomato</phoneme> fell.</speak>",
                  "A tomato fell.|");
    check_content("<speak>The <sub alias=\"World Wide Web\">WWW</sub> is big.</speak>",
                  "The World Wide Web is big.|");
}

/* Marks that are not read, inside of a word in brackets that a character reference opens, and of a dictionary's. */
static void marks_inside_of_words_are_passed_over(void **state) {
    static const char *const inputs[] = {"&#91;**a**b](/HH AH0/) hello", "&#91;a**b**](/HH AH0/) hello",
                                         "&#91;****](/HH AH0/) hello"};
    (void)state;
    for (size_t k = 0; k < EV_ARRAY_COUNT(inputs); k++) {
        ev_phones *r = speak(inputs[k], NULL);
        assert_int_equal(r->word_count, 2);
        for (size_t i = 0; i < r->word_count; i++) {
            assert_true(r->words[i].byte_begin < r->words[i].byte_end);
            assert_true(r->words[i].byte_end <= strlen(inputs[k]));
        }
        ev_phones_free(&r);
    }
    ev_dictionary *dictionary = NULL;
    const char *const word = "b**", *const saying = "/HH AH0/";
    assert_int_equal(ev_dictionary_create(&dictionary, &word, &saying, 1, &err), EV_OK);
    const ev_text_options options = {.dictionaries = {dictionary}};
    ev_phones *r = speak("a **b** c", &options);
    assert_int_equal(r->word_count, 3);
    assert_true(r->words[1].byte_begin < r->words[1].byte_end && r->words[1].byte_end <= 9);
    ev_phones_free(&r);
    ev_dictionary_free(&dictionary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_inside_of_words_are_passed_over),
        cmocka_unit_test(test_content_is_what_is_said),
        cmocka_unit_test(emphasis_is_passed_over),
        cmocka_unit_test(what_may_be_prose_is_prose),
        cmocka_unit_test(lines_of_markdown_are_sentences),
        cmocka_unit_test(links_and_code_are_read_for_what_they_say),
        cmocka_unit_test(tags_are_not_said),
        cmocka_unit_test(elements_of_ssml_are_understood),
        cmocka_unit_test(bad_ssml_that_was_asked_for_is_an_error),
        cmocka_unit_test(prosody_is_on_the_phones),
        cmocka_unit_test(a_voice_is_a_sentence_of_its_own),
        cmocka_unit_test(markup_can_be_text),
        cmocka_unit_test(audio_tags_are_the_callers_to_decide),
        cmocka_unit_test(words_stand_where_they_were_written),
        cmocka_unit_test(ipa_and_pinyin_are_phones),
        cmocka_unit_test(words_of_a_dictionary_are_said_as_it_says),
        cmocka_unit_test(bad_dictionaries_say_where),
        cmocka_unit_test(what_a_dictionary_makes_is_bounded),
        cmocka_unit_test(hostile_markup_ends_in_bounded_time),
    };
    return cmocka_run_group_tests(tests, open_text, close_text);
}
