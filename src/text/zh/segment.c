/* segment: a phrase into words: the path of least cost through all dictionary words, as jieba does it (a word
 * costs -ln of its frequency; a character that is no word costs as much as a word seen once).
 *
 * Linear in the phrase: from each character at most WORD_MAX steps down the trie. Numerals that the normaliser wrote
 * come as ready words; those that a person wrote are put together afterwards.
 */
#include <assert.h>
#include <string.h>

#include "text/zh/zh.h"

enum { WORD_MAX = 16, UNKNOWN_COST = 36800 }; /* 2048 * ln(6.0e7), jieba's total */

typedef struct cell { /* the best way from here to the end */
    uint64_t cost;
    uint32_t end, node;
} cell;

bool zh_is_numeral(int32_t cp) { return zh_in(cp, "零〇一二两三四五六七八九十百千万亿"); }

/* Length of the ready-made word at i, 0 if the dictionary decides. */
static size_t ready_word(const zh_char *c, size_t n, size_t i) {
    size_t end = i + 1;
    while (end < n && (c[end].flags & ZH_JOIN)) end++;
    return end - i > 1 ? end - i : 0;
}

static void relax(cell *best, const cell *rest, uint32_t end, uint32_t node, uint32_t cost) {
    assert(node && cost);
    uint64_t total = rest->cost + cost;
    if (total < best->cost) *best = (cell){total, end, node};
}

static void find_best(const ev_lexicon *lexicon, const zh_char *c, size_t n, cell *cells) {
    cells[n] = (cell){0, 0, 0};
    for (size_t i = n; i-- > 0;) {
        size_t ready = ready_word(c, n, i);
        cells[i] = (cell){cells[i + 1].cost + UNKNOWN_COST, (uint32_t)i + 1, 0};
        if (ready) {
            cells[i] = (cell){cells[i + ready].cost + UNKNOWN_COST, (uint32_t)(i + ready), 0};
            continue;
        }
        uint32_t node = 0;
        for (size_t k = i; k < n && k < i + WORD_MAX; k++) {
            if (k > i && (c[k].flags & (ZH_START | ZH_JOIN))) break;
            if (ready_word(c, n, k)) break;
            node = ev_lexicon_child(lexicon, EV_LEXICON_WORDS, node, c[k].cp);
            if (!node) break;
            uint32_t cost = ev_lexicon_cost(lexicon, EV_LEXICON_WORDS, node);
            if (cost)
                relax(&cells[i], &cells[k + 1], (uint32_t)k + 1, node, cost);
            else if (k == i)
                cells[i].node = node;
        }
    }
}

static bool all_numerals(const zh_char *c, size_t begin, size_t end) {
    while (begin < end && zh_is_numeral(c[begin].cp)) begin++;
    return begin == end;
}

enum { MERGED_MAX = 8 };

/* Does the word go on from the one before? 二十 | 三 -> 二十三; 二零二六 | 年; 第 | 三十. */
static bool goes_on(const zh_char *c, const zh_word *before, const zh_word *word, bool numeral) {
    if (word->end - before->begin > MERGED_MAX) return false;
    bool amount = before->class == 'm' && all_numerals(c, before->begin, before->end);
    bool free_start = !(c[word->begin].flags & ZH_START) && !(c[before->begin].flags & ZH_START);
    if (numeral && amount) return free_start;
    if (numeral) return before->end - before->begin == 1 && c[before->begin].cp == 0x7B2C; /* 第 */
    return amount && word->end - word->begin == 1 && zh_in(c[word->begin].cp, "年月日号点分秒时岁");
}

static void add_word(const ev_zh *zh, zh_phrase *p, zh_word word) {
    assert(word.begin < word.end && word.end <= zh_char_count(p));
    const zh_char *c = zh_chars(p);
    bool numeral = all_numerals(c, word.begin, word.end);
    word.class = word.node ? ev_lexicon_class(zh->lexicon, word.node) : 0;
    if (numeral) word.class = 'm';
    size_t count = zh_word_count(p);
    zh_word *before = count ? &zh_words(p)[count - 1] : NULL;
    if (before && goes_on(c, before, &word, numeral)) {
        before->end = word.end;
        before->node = 0;
        before->class = 'm';
        return;
    }
    zh_word *slot = ev_array_push(&p->words, zh_word);
    if (slot) *slot = word;
}

static bool is_digit_sign(int32_t cp) { return zh_in(cp, "零〇一二三四五六七八九"); }

static bool is_listed(const ev_lexicon *lexicon, const zh_char *c, size_t begin, size_t end) {
    uint32_t node = 0;
    for (; begin < end && end - begin <= WORD_MAX; begin++)
        if (!(node = ev_lexicon_child(lexicon, EV_LEXICON_WORDS, node, c[begin].cp))) return false;
    return node && ev_lexicon_cost(lexicon, EV_LEXICON_WORDS, node) != 0;
}

/* A numeral [begin, end) that a person wrote, as ready words: figures by four, others cut after 万 and 亿. */
static void make_ready(zh_char *c, size_t begin, size_t end, bool figures) {
    assert(begin < end);
    size_t length = 0;
    for (size_t k = begin; k < end; k++) {
        bool cut = k == begin || (figures ? length >= 4 && end - k > 1
                                          : length >= 8 || c[k - 1].cp == 0x4E07 || c[k - 1].cp == 0x4EBF);
        c[k].flags |= (figures ? (uint32_t)ZH_FIXED : 0u) | (cut ? (uint32_t)ZH_START : (uint32_t)ZH_JOIN);
        length = cut ? 1 : length + 1;
    }
}

/* What the dictionary would cut wrongly: 十分 in 二十分钟, where a numeral before 十 takes it; numerals of three and
 * more characters (二零二六年, 一百零一章), where it sees 六年 and 一章. Those that are words stay: 一五一十. */
static void part_numerals(const ev_lexicon *lexicon, zh_char *c, size_t n) {
    for (size_t i = 2; i < n; i++)
        if (c[i].cp == 0x5206 && c[i - 1].cp == 0x5341 && zh_is_numeral(c[i - 2].cp)) c[i].flags |= ZH_START;
    for (size_t i = 0, end; i < n; i = end + 1) {
        bool figures = true;
        for (end = i; end < n && zh_is_numeral(c[end].cp) && !(c[end].flags & (ZH_START | ZH_JOIN)); end++)
            figures &= is_digit_sign(c[end].cp);
        bool begins = is_digit_sign(c[i].cp) || zh_in(c[i].cp, "十两");
        if (end - i >= 3 && begins && (figures || !is_listed(lexicon, c, i, end))) make_ready(c, i, end, figures);
    }
}

void zh_segment(const ev_zh *zh, zh_phrase *p) {
    size_t n = zh_char_count(p);
    p->words.size = p->scratch.size = 0;
    cell *cells = ev_buf_append(&p->scratch, NULL, (n + 1) * sizeof(cell));
    if (!cells) return;
    part_numerals(zh->lexicon, zh_chars(p), n);
    find_best(zh->lexicon, zh_chars(p), n, cells);
    for (size_t i = 0; i < n; i = cells[i].end)
        add_word(zh, p, (zh_word){.begin = (uint32_t)i, .end = cells[i].end, .node = cells[i].node});
}
