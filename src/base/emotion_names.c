/* emotion_names: the table. */
#include "base/emotion_names.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"

/* What programs written for other services send, and for the published checkpoints. In free text some words say
 * something else ("a standard voice, not too soft"): those mean a label where they stand alone. */
static const struct names {
    const char *label, *words, *alone;
} NAMES[] = {
    {"disgusted", "disgust disgusting 厌恶 恶心 反感", "revolted repelled loathing 嫌弃 憎恶 厭惡 噁心"},
    {"neutral", "", "normal plain none default standard 中性 普通 正常 自然 默认 无"},
    {"happy", "happily cheerful cheerfully joyful joy delighted upbeat positive friendly playful 开心 高兴 快乐 愉快",
     "happiness joyous glad cheery merry amused amusement laughing 喜悦 欢快 欢乐 喜 乐 愉悦 幸福 高興 開心"},
    {"excited", "excitedly excitement enthusiastic energetic thrilled 兴奋 激动",
     "exciting enthusiasm ecstatic eager passionate 热情 亢奋 兴高采烈 激昂 興奮"},
    {"sad", "sadly sadness sorrowful melancholic melancholy mournful gloomy depressed 悲伤 难过 伤心",
     "unhappy sorrow grief grieving depressing crying disappointed down 悲哀 忧伤 忧郁 沮丧 哀 悲 失望 委屈 難過 "
     "傷心"},
    {"angry", "angrily anger furious annoyed irritated 生气 愤怒",
     "mad rage raging frustrated irate disgusted disgust hate 愤慨 恼火 发怒 气愤 怒 暴怒 厌恶 憤怒 生氣"},
    {"surprised", "surprise astonished amazed shocked 惊讶 吃惊",
     "surprising astonishment amazement shock wonder 惊喜 震惊 惊奇 惊 诧异 驚訝"},
    {"fearful", "fear afraid scared frightened terrified anxious nervous 害怕 恐惧 紧张",
     "terror panic panicked worried anxiety scary horror 恐慌 担心 惊恐 恐 惧 焦虑 恐懼"},
    {"calm", "calmly soothing relaxed serene gentle gently peaceful 平静 温柔 舒缓",
     "quiet tranquil relaxing serenity soft tender peace warm 冷静 镇定 沉稳 安静 宁静 平和 平靜 溫柔"},
};

static bool same_name(const char *a, const char *b, size_t length) {
    return strlen(a) == length && strncasecmp(a, b, length) == 0;
}

static bool is_among(const char *words, const char *name, size_t length) {
    for (const char *at = words; *at; at += strspn(at, " ")) {
        const size_t size = strcspn(at, " ");
        if (size == length && strncasecmp(at, name, length) == 0) return true;
        at += size;
    }
    return false;
}

int ev_emotion_find(const char *name, size_t length, size_t labels, ev_emotion_label *label, const void *of) {
    assert(label || !labels);
    for (size_t i = 0; i < labels; i++)
        if (same_name(label(of, i), name, length)) return (int)i;
    for (size_t n = 0; n < EV_ARRAY_COUNT(NAMES); n++) {
        if (!is_among(NAMES[n].words, name, length) && !is_among(NAMES[n].alone, name, length)) continue;
        for (size_t i = 0; i < labels; i++)
            if (strcmp(label(of, i), NAMES[n].label) == 0) return (int)i;
    }
    return -1;
}

const char *ev_emotion_words(const char *label) {
    for (size_t n = 0; n < EV_ARRAY_COUNT(NAMES); n++)
        if (strcmp(NAMES[n].label, label) == 0) return NAMES[n].words;
    return "";
}
