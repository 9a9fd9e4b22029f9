/* question: whether a question asks for a word (what, where, 什么) rather than for yes or no: the first kind falls at
 * its end as a statement does, the second rises. By its words alone, as the labels of training/teacher/emotions.py
 * have it. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "text/text.h"

enum { WORDS_AT_THE_END = 12 }; /* of an English sentence, among which the asking word is looked for */

static bool is_one_of(const char *word, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0) return true;
    return false;
}

static bool holds_one_of(const char *word, const char *const *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strstr(word, list[i])) return true;
    return false;
}

/* "Do you know what it is?" wants a yes. */
static bool begins_for_yes_or_no(const char *word) {
    static const char *const verbs[] = {"is",    "are",  "do",  "does", "did",  "can",    "could", "will",
                                        "would", "have", "has", "was",  "were", "should", "may"};
    return is_one_of(word, verbs, EV_ARRAY_COUNT(verbs));
}

static bool asks_in_english(const char *word) {
    static const char *const words[] = {"what", "who",    "whom",  "whose",   "which", "where",  "when", "why",
                                        "how",  "what's", "who's", "where's", "how's", "when's", "why's"};
    return is_one_of(word, words, EV_ARRAY_COUNT(words));
}

static bool asks_in_mandarin(const char *word) {
    static const char *const words[] = {"什么", "怎么", "怎样", "谁",   "哪",   "多少",
                                        "为何", "多大", "多久", "多长", "多远", "干嘛"};
    return holds_one_of(word, words, EV_ARRAY_COUNT(words)) || (strstr(word, "几") && !strstr(word, "几乎"));
}

bool ev_text_asks_for_a_word(const ev_phones *phones, size_t sentence) {
    assert(sentence < phones->sentence_count);
    const ev_sentence *s = &phones->sentences[sentence];
    size_t begin = 0, end = 0, english = 0;
    while (begin < phones->word_count && phones->words[begin].phone_begin < s->phone_begin) begin++;
    for (end = begin; end < phones->word_count && phones->words[end].phone_begin < s->phone_end; end++) {
        english += strcmp(phones->words[end].language, "en") == 0;
    }
    assert(begin <= end && english <= end - begin);
    if (begin == end) return false;
    if (2 * english > end - begin) { /* the language of most words */
        if (begins_for_yes_or_no(phones->words[begin].spoken)) return false;
        const size_t from = end - begin > WORDS_AT_THE_END ? end - WORDS_AT_THE_END : begin;
        for (size_t i = from; i < end; i++)
            if (asks_in_english(phones->words[i].spoken)) return true;
        return false;
    }
    if (strcmp(phones->words[end - 1].spoken, "吗") == 0) return false;
    for (size_t i = begin; i < end; i++)
        if (asks_in_mandarin(phones->words[i].spoken)) return true;
    return false;
}
