/* instructions: the emotion that OpenAI's free `instructions` ask for. The first word that names one is believed,
 * unless what stands before it denies it ("never sound sad", "不要悲伤"). Words are compared whole, without regard to
 * case; Chinese has no ends of words, so there a name may stand anywhere.
 */
#include <string.h>
#include <strings.h>

#include "server/api/fields.h"

enum {
    READ_BYTES = 2000, /* of the text */
    WORD_BYTES = 15,
    DENIED_WORDS = 3, /* before a name, one of which may deny it; in Chinese: */
    DENIED_BYTES = 12
};

static const struct names {
    const char *label, *words; /* beside the label itself; at most WORD_BYTES each */
} NAMES[] = {
    {"disgusted", "disgust disgusting 厌恶 恶心 反感"},
    {"happy",
     "happily cheerful cheerfully joyful joy delighted upbeat positive friendly playful 开心 高兴 快乐 愉快"},
    {"excited", "excitedly excitement enthusiastic energetic thrilled 兴奋 激动"},
    {"sad", "sadly sadness sorrowful melancholic melancholy mournful gloomy depressed 悲伤 难过 伤心"},
    {"angry", "angrily anger furious annoyed irritated 生气 愤怒"},
    {"surprised", "surprise astonished amazed shocked 惊讶 吃惊"},
    {"fearful", "fear afraid scared frightened terrified anxious nervous 害怕 恐惧 紧张"},
    {"calm", "calmly soothing relaxed serene gentle gently peaceful 平静 温柔 舒缓"},
};

static const char *const DENIALS[] = {"not", "no", "nothing", "never", "without", "don't", "dont", "avoid", "less"};
static const char *const DENIALS_ZH[] = {"不", "别", "勿", "没"};

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '\''; }

/* The word that ends before `end`, with blanks and marks between, but not beyond a sentence's end. Its length; 0:
 * none. */
static size_t word_before(const char *text, size_t end, size_t *begin) {
    while (end > 0 && !is_letter(text[end - 1]) && !strchr(".!?;\n", text[end - 1])) end--;
    *begin = end;
    while (*begin > 0 && is_letter(text[*begin - 1])) --*begin;
    return end - *begin;
}

static bool denied(const char *text, size_t at) {
    const size_t near = at > DENIED_BYTES ? at - DENIED_BYTES : 0;
    for (size_t i = 0; i < EV_ARRAY_COUNT(DENIALS_ZH); i++) {
        if (memmem(text + near, at - near, DENIALS_ZH[i], strlen(DENIALS_ZH[i]))) return true;
    }
    size_t begin = at;
    for (int n = 0; n < DENIED_WORDS; n++) {
        const size_t length = word_before(text, begin, &begin);
        if (!length) return false;
        for (size_t i = 0; i < EV_ARRAY_COUNT(DENIALS); i++) {
            if (strlen(DENIALS[i]) == length && strncasecmp(text + begin, DENIALS[i], length) == 0) return true;
        }
    }
    return false;
}

/* Where the word stands first, asked for and not denied; SIZE_MAX: nowhere. */
static size_t find_word(const char *text, const char *word) {
    const size_t length = strlen(word);
    const bool chinese = (word[0] & 0x80) != 0;
    for (const char *at = text; (at = strcasestr(at, word)) != NULL; at += length) {
        const bool whole = chinese || ((at == text || !is_letter(at[-1])) && !is_letter(at[length]));
        if (whole && !denied(text, (size_t)(at - text))) return (size_t)(at - text);
    }
    return SIZE_MAX;
}

/* ... any name of the label. */
static size_t find_any(const char *text, const char *label) {
    size_t first = find_word(text, label);
    for (size_t i = 0; i < EV_ARRAY_COUNT(NAMES); i++) {
        if (strcmp(NAMES[i].label, label) != 0) continue;
        for (const char *at = NAMES[i].words; *at; at += strspn(at, " ")) {
            char word[WORD_BYTES + 1];
            const size_t length = strcspn(at, " ");
            snprintf(word, sizeof word, "%.*s", (int)length, at);
            const size_t place = find_word(text, word);
            if (place < first) first = place;
            at += length;
        }
    }
    return first;
}

/* As names alone; in free text some of these words say something else. */
static const struct names ALONE[] = {
    {"disgusted", "revolted repelled loathing 嫌弃 憎恶 厭惡 噁心"},
    {"neutral", "normal plain none default standard 中性 普通 正常 自然 默认 无"},
    {"happy",
     "happiness joyous glad cheery merry amused amusement laughing 喜悦 欢快 欢乐 喜 乐 愉悦 幸福 高興 開心"},
    {"excited", "exciting enthusiasm ecstatic eager passionate 热情 亢奋 兴高采烈 激昂 興奮"},
    {"sad", "unhappy sorrow grief grieving depressing crying disappointed down 悲哀 忧伤 忧郁 沮丧 哀 悲 失望 委屈 "
            "難過 傷心"},
    {"angry", "mad rage raging frustrated irate disgusted disgust hate 愤慨 恼火 发怒 气愤 怒 暴怒 厌恶 憤怒 生氣"},
    {"surprised", "surprising astonishment amazement shock wonder 惊喜 震惊 惊奇 惊 诧异 驚訝"},
    {"fearful", "terror panic panicked worried anxiety scary horror 恐慌 担心 惊恐 恐 惧 焦虑 害怕 恐懼"},
    {"calm", "quiet tranquil relaxing serenity soft tender peace warm 冷静 镇定 沉稳 安静 宁静 平和 平靜 溫柔"},
};

static bool is_among(const char *words, const char *name, size_t length) {
    for (const char *at = words; *at; at += strspn(at, " ")) {
        const size_t size = strcspn(at, " ");
        if (size == length && strncasecmp(at, name, length) == 0) return true;
        at += size;
    }
    return false;
}

/* The first of the labels whose list has the name, and that the model has: what is disgust to one that knows it is
 * anger to another. */
static const char *meant(const sv_catalogue *model, const struct names *lists, size_t count, const char *name,
                         size_t length) {
    for (size_t n = 0; n < count; n++) {
        if (!is_among(lists[n].words, name, length)) continue;
        for (size_t i = 0; i < sv_catalogue_emotion_count(model); i++)
            if (strcmp(sv_catalogue_emotion(model, i), lists[n].label) == 0) return sv_catalogue_emotion(model, i);
    }
    return NULL;
}

const char *sv_emotion_label(const sv_catalogue *model, const char *name, size_t length) {
    for (size_t i = 0; i < sv_catalogue_emotion_count(model); i++) {
        const char *label = sv_catalogue_emotion(model, i);
        if (strlen(label) == length && strncasecmp(label, name, length) == 0) return label;
    }
    const char *label = meant(model, NAMES, EV_ARRAY_COUNT(NAMES), name, length);
    return label ? label : meant(model, ALONE, EV_ARRAY_COUNT(ALONE), name, length);
}

const char *sv_instructions_emotion(const sv_catalogue *model, const char *instructions) {
    char text[READ_BYTES + 1];
    const char *found = NULL;
    size_t first = SIZE_MAX;
    snprintf(text, sizeof text, "%s", instructions);
    for (size_t i = 1; i < sv_catalogue_emotion_count(model); i++) {
        const char *label = sv_catalogue_emotion(model, i);
        const size_t at = find_any(text, label);
        if (at >= first) continue;
        first = at;
        found = label;
    }
    return found;
}
