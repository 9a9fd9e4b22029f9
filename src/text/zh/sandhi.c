/* sandhi: tones that change in company, in this order: 不, 一, neutral tones, third tones.
 *
 * 不     second tone before a fourth, neutral in 好不好 and 看不见
 * 一     fourth tone before 1 2 3, second before 4; first in ordinals, digits, dates, at the end; neutral in 看一看
 * neutral  the second of a doubled verb (the lexicon and the readings know the others)
 * third  3 3 becomes 2 3 inside a foot: 2+1 gives 2 2 3, 1+2 gives 3 2 3; feet are words, and pairs of one-syllable
 *        words. Between feet only where one side is a one-syllable word: a longer word keeps its shape
 */
#include <assert.h>
#include <string.h>

#include "text/zh/zh.h"

enum { CP_YI = 0x4E00, CP_BU = 0x4E0D };

static int32_t cp_of(const zh_phrase *p, size_t i) {
    return i < zh_syllable_count(p) ? zh_cp(p, zh_syllables(p)[i].at) : 0;
}

static const zh_word *word_of(const zh_phrase *p, uint32_t character) {
    const zh_word *words = zh_words(p);
    size_t low = 0, high = zh_word_count(p);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (words[middle].begin <= character)
            low = middle;
        else
            high = middle;
    }
    return high ? &words[low] : NULL;
}

static bool is_particle(int32_t cp) { return zh_in(cp, "的了吗呢吧啊呀哇啦嘛么着过地得"); }

/* ---- 不 ---- */

/* 看不见, 听不懂, 来不了: a verb of one syllable, 不, and a result. */
static bool potential(const zh_phrase *p, size_t i) {
    assert(i > 0 && i < zh_syllable_count(p));
    const zh_word *verb = word_of(p, zh_syllables(p)[i - 1].at);
    if (!verb || !zh_in(cp_of(p, i + 1), "了到见懂起来去出上下开完着动住及清惯掉得")) return false;
    bool one_word = verb->end - verb->begin == 3 && verb->begin + 1 == zh_syllables(p)[i].at;
    bool alone = verb->class == 'v' && verb->end - verb->begin == 1;
    return one_word || (alone && !zh_in(zh_cp(p, verb->begin), "是有会能要想可"));
}

static void change_bu(zh_phrase *p) {
    zh_syllable *s = zh_syllables(p);
    size_t n = zh_syllable_count(p);
    for (size_t i = 0; i < n; i++) {
        if (cp_of(p, i) != CP_BU || s[i].tone == 5) continue;
        bool inside = i > 0 && i + 1 < n;
        if (inside && cp_of(p, i - 1) == cp_of(p, i + 1))
            s[i].tone = 5;
        else if (inside && potential(p, i))
            s[i].tone = 5;
        else
            s[i].tone = i + 1 < n && s[i + 1].tone == 4 ? 2 : 4;
    }
}

/* ---- 一 ---- */

/* 一 counts in order, not how many: 第一, 星期一, 一月, 一号, 十一, 一九九八. */
static bool yi_keeps(const zh_phrase *p, size_t i) {
    const zh_syllable *s = zh_syllables(p);
    size_t at = s[i].at;
    int32_t left = zh_cp(p, at - 1), right = zh_cp(p, at + 1);
    if (s[i].fixed || i + 1 >= zh_syllable_count(p)) return true;
    const zh_word *word = word_of(p, (uint32_t)at);
    if (word && at + 1 == word->end && at > word->begin) return true; /* 统一, 唯一, 二十一 */
    if (zh_in(left, "第初期周拜独")) return true;
    if (zh_in(right, "百千万亿")) return false;
    if (zh_is_numeral(left) || zh_is_numeral(right)) return true;
    if (zh_in(right, "月号楼班") && zh_cp(p, at + 1) != 0) return true;
    if (right == 0x65E5 && left == 0x6708) return true; /* 月一日 */
    const int32_t behind = zh_cp(p, at + 2);
    if (right == 0x5BA1 || (right == 0x5B63 && behind == 0x5EA6) || (right == 0x5355 && behind == 0x5143))
        return true;                                                     /* 一审, 一季度, 一单元 */
    if (right == 0x7EBF && !zh_in(behind, "希生光天阳之")) return true;  /* 一线城市 */
    if (right == 0x671F && zh_in(behind, "工项临建施投")) return true;   /* 一期工程 */
    if (right == 0x73AF && zh_in(behind, "路线内外以至到")) return true; /* 一环 */
    if (right == 0x7EA7 && !zh_in(behind, "一又级") && !zh_in(left, "上下高低同")) return true; /* 一级 */
    if (right == 0x4E2D && zh_in(left, "市省县区校附")) return true;                            /* 市一中 */
    if (right == 0x5E74 && zh_in(zh_cp(p, at + 2), "级")) return true;                          /* 一年级 */
    return right == 0x7B49 && zh_in(zh_cp(p, at + 2), "奖级品舱座功");                          /* 一等奖 */
}

static void change_yi(zh_phrase *p) {
    zh_syllable *s = zh_syllables(p);
    size_t n = zh_syllable_count(p);
    for (size_t i = 0; i < n; i++) {
        if (cp_of(p, i) != CP_YI) continue;
        if (yi_keeps(p, i))
            s[i].tone = 1;
        else if (i > 0 && cp_of(p, i - 1) == cp_of(p, i + 1)) {
            const zh_word *word = word_of(p, s[i - 1].at);
            bool verb = word && (word->class == 'v' || word->end - word->begin == 3);
            s[i].tone = verb ? 5 : s[i + 1].tone == 4 ? 2 : 4;
        } else if (is_particle(cp_of(p, i + 1)) && s[i + 1].tone == 5)
            s[i].tone = 1;
        else
            s[i].tone = s[i + 1].tone == 4 || s[i + 1].tone == 5 ? 2 : 4;
    }
}

/* ---- neutral ---- */

/* 看看: the second is neutral; 想想: the first still hears its third tone. */
static void double_verb(zh_syllable *s) {
    if (s[0].tone == 3 && s[1].tone == 3) s[0].tone = 2;
    s[1].tone = 5;
}

static void change_neutral(zh_phrase *p) {
    zh_syllable *s = zh_syllables(p);
    for (size_t w = 0; w < zh_word_count(p); w++) {
        const zh_word *word = &zh_words(p)[w], *next = w + 1 < zh_word_count(p) ? word + 1 : NULL;
        if (word->class != 'v' || zh_in(zh_cp(p, word->begin), "处厌怪往种")) continue; /* 处处 is no doubled verb */
        size_t length = word->end - word->begin, syllables = word->last - word->first;
        bool inside = length == 2 && syllables == 2 && zh_cp(p, word->begin) == zh_cp(p, word->begin + 1);
        bool across = length == 1 && syllables == 1 && next && next->end - next->begin == 1 &&
                      next->last - next->first == 1 && zh_cp(p, word->begin) == zh_cp(p, next->begin);
        if (inside || across) double_verb(&s[word->first]);
    }
}

/* ---- third tone ---- */

static void pair(zh_syllable *s, size_t i) {
    if (s[i].tone == 3 && s[i + 1].tone == 3) s[i].tone = 2;
}

static bool is_word(const ev_zh *zh, const zh_phrase *p, size_t begin, size_t end) {
    uint32_t node = 0;
    for (; begin < end; begin++) {
        node = ev_lexicon_child(zh->lexicon, EV_LEXICON_WORDS, node, zh_cp(p, begin));
        if (!node) return false;
    }
    return ev_lexicon_cost(zh->lexicon, EV_LEXICON_WORDS, node) != 0;
}

/* One foot of syllables [first, last); inside long ones pairs from the left, the odd one at the end. */
static void foot(const ev_zh *zh, const zh_phrase *p, size_t first, size_t last, bool one_and_two) {
    assert(first <= last && last <= zh_syllable_count(p));
    zh_syllable *s = zh_syllables(p);
    size_t length = last - first;
    if (length == 3) {
        bool tail = one_and_two || (is_word(zh, p, s[first + 1].at, s[last - 1].at + 1) &&
                                    !is_word(zh, p, s[first].at, s[first + 1].at + 1));
        pair(s, first + (tail ? 1 : 0));
        pair(s, first + (tail ? 0 : 1));
        if (!tail && s[first].tone == 3 && s[first + 1].tone == 3) s[first].tone = 2;
        return;
    }
    for (size_t i = first; i + 1 < last; i += 2) pair(s, i);
    for (size_t i = first + 1; i + 1 < last; i += 2) pair(s, i);
}

static size_t syllables_in(const zh_word *w) { return w->last - w->first; }

/* Feet from left to right: a longer word alone; one-syllable words in pairs, a third joining at the end of the run;
 * a left-over one-syllable word leans on the word after it. */
static void change_third(const ev_zh *zh, zh_phrase *p) {
    const zh_word *words = zh_words(p);
    zh_syllable *s = zh_syllables(p);
    size_t n = zh_word_count(p), previous_end = 0;
    bool previous_single = false;
    for (size_t w = 0; w < n;) {
        size_t run = 0;
        while (w + run < n && syllables_in(&words[w + run]) <= 1) run++;
        bool ends = w + run == n;
        size_t take = run == 0                                                ? 1
                      : run == 1 && !ends && syllables_in(&words[w + 1]) == 2 ? 2
                      : run == 3 && ends                                      ? 3
                      : run < 2                                               ? run
                                                                              : 2;
        assert(take >= 1 && take <= n - w);
        size_t first = words[w].first, last = words[w + take - 1].last;
        foot(zh, p, first, last, run == 1 && take == 2);
        bool single = syllables_in(&words[w]) == 1;
        if (previous_end && first == previous_end && last > first && (single || previous_single)) pair(s, first - 1);
        previous_end = last;
        previous_single = syllables_in(&words[w + take - 1]) == 1;
        w += take;
    }
}

void zh_sandhi(const ev_zh *zh, zh_phrase *p) {
    if (p->syllables.failed || zh_syllable_count(p) == 0) return;
    change_bu(p);
    change_yi(p);
    change_neutral(p);
    change_third(zh, p);
}
