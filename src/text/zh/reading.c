/* reading: words into syllables. A word's own reading comes first, then what the neighbours of a single character
 * say (context.c), then the character's default. 儿 after a syllable melts into it.
 */
#include <assert.h>
#include <string.h>

#include "text/zh/zh.h"

/* Words where 儿 is a child, not a colouring of the syllable before. */
static const char *const full_er[] = {
    "女儿",     "婴儿",     "幼儿",   "少儿",   "孤儿",   "胎儿",   "男儿",   "健儿", "宠儿", "患儿",
    "产儿",     "孩儿",     "小儿",   "育儿",   "弃儿",   "孙儿",   "侄儿",   "乞儿", "娇儿", "早产儿",
    "混血儿",   "台儿",     "新生儿", "私生儿", "畸形儿", "低能儿", "弱智儿", "我儿", "吾儿", "生儿",
    "试管婴儿", "连体婴儿", "婴幼儿", "托儿",   "妻儿",   "爱儿",   "流浪儿", "哺儿",
};

static bool same_text(const zh_phrase *p, size_t begin, size_t end, const char *utf8) {
    size_t at = 0, bytes = strlen(utf8);
    for (; begin < end && at < bytes; begin++)
        if (ev_utf8_next(utf8, bytes, &at) != zh_cp(p, begin)) return false;
    return begin == end && at == bytes;
}

/* 儿 at place i: does it colour the syllable before? */
static bool melts(const zh_phrase *p, const zh_word *word, size_t word_index, size_t i) {
    assert(i >= word->begin && i < word->end);
    if (zh_cp(p, i) != 0x513F || zh_syllable_count(p) == 0 || i == 0) return false;
    if (i > word->begin) { /* inside a word: only at its end or before a plain suffix */
        for (size_t k = 0; k < EV_ARRAY_COUNT(full_er); k++)
            if (same_text(p, word->begin, i + 1, full_er[k])) return false;
        return !zh_in(zh_cp(p, i + 1), "童女子媳科歌戏园");
    }
    if (word->end - word->begin > 1 || word_index == 0) return false;
    return !zh_in(zh_cp(p, i - 1), "我吾你他她男生妻的之为") && !zh_in(zh_cp(p, i + 1), "时女");
}

static void push(zh_phrase *p, zh_syllable s, size_t at, uint32_t flags) {
    zh_syllable *slot = ev_array_push(&p->syllables, zh_syllable);
    s.at = (uint32_t)at;
    s.fixed = (flags & ZH_FIXED) != 0;
    if (slot) *slot = s;
}

static void read_word(const ev_zh *zh, zh_phrase *p, size_t index, ev_sink *sink) {
    zh_word *word = &zh_words(p)[index];
    size_t length = word->end - word->begin, count = 0;
    const uint16_t *own = word->node ? ev_lexicon_values(zh->lexicon, EV_LEXICON_WORDS, word->node, &count) : NULL;
    word->first = (uint32_t)zh_syllable_count(p);
    for (size_t i = word->begin; i < word->end; i++) {
        const zh_char *c = &zh_chars(p)[i];
        uint16_t packed = own && count == length ? own[i - word->begin] : ev_lexicon_default(zh->lexicon, c->cp);
        zh_syllable s;
        packed = zh_polyphone(zh, p, index, i, packed, own && count == length);
        if (melts(p, word, index, i)) {
            zh_syllables(p)[zh_syllable_count(p) - 1].retroflex = true;
            continue;
        }
        if (!zh_syllable_unpack(&s, packed)) {
            ev_sink_omit(sink, c->begin, c->end, "character without a reading");
            continue;
        }
        if (length == 1) s = zh_read_alone(zh, p, index, s);
        push(p, s, i, c->flags);
    }
    assert(zh_syllable_count(p) >= word->first && zh_syllable_count(p) - word->first <= length);
    word->last = (uint32_t)zh_syllable_count(p);
}

void zh_read(const ev_zh *zh, zh_phrase *p, ev_sink *sink) {
    p->syllables.size = 0;
    for (size_t i = 0; i < zh_word_count(p) && !p->syllables.failed; i++) read_word(zh, p, i, sink);
}
