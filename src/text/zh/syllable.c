/* syllable: a syllable is an initial, a final and a tone; this file knows how the published inventory writes them.
 *
 * The inventory's habits: zero initial is the final alone (no w; y only in `y ve4` and the interjection `y o5`), ii
 * and iii are the vowels of zi and zhi, v is ü, iou uei uen are spelled out. It lacks some toned forms that occur in
 * no common word; they get the nearest that it has, so that no syllable is without tokens.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "text/zh/zh.h"

/* In the order of training/lexicons.py; section NAME of the lexicon says the same. */
static const char *const initial_names[ZH_INITIALS] = {"-", "b", "p", "m",  "f",  "d",  "t", "n", "l", "g", "k", "h",
                                                       "j", "q", "x", "zh", "ch", "sh", "r", "z", "c", "s", "y"};
static const char *const final_names[ZH_FINALS] = {
    "a",    "ai",  "an",  "ang",  "ao",  "e",   "ei",   "en",   "eng", "er",  "i",   "ia", "ian",
    "iang", "iao", "ie",  "ii",   "iii", "in",  "ing",  "iong", "iou", "o",   "ong", "ou", "u",
    "ua",   "uai", "uan", "uang", "uei", "uen", "ueng", "uo",   "v",   "van", "ve",  "vn"};

void zh_syllable_names(char *out, size_t capacity) {
    size_t used = 0;
    for (size_t i = 0; i < ZH_INITIALS + 1 + ZH_FINALS; i++) {
        const char *name = i < ZH_INITIALS    ? initial_names[i]
                           : i == ZH_INITIALS ? "/"
                                              : final_names[i - ZH_INITIALS - 1];
        used += (size_t)snprintf(out + used, capacity - used, "%s%s", i ? " " : "", name);
        if (used >= capacity) return;
    }
}

/* Token of final + mark + tone, -1 if the inventory has none. */
static int16_t find_final(const char *final, const char *mark, int tone) {
    char name[16];
    int length = snprintf(name, sizeof name, "%s%s%d", final, mark, tone);
    assert(length > 0 && (size_t)length < sizeof name);
    return (int16_t)ev_token_find(name, (size_t)length);
}

/* The toned form, or the nearest tone that exists: neutral is a low fall, so 4 stands in for 5. */
static int16_t nearest_final(const char *final, int tone) {
    assert(tone >= 1 && tone <= ZH_TONES);
    static const int8_t order[ZH_TONES][4] = {{4, 2, 3, 5}, {3, 1, 4, 5}, {2, 4, 1, 5}, {5, 1, 3, 2}, {4, 1, 3, 2}};
    int16_t token = find_final(final, "", tone);
    for (size_t i = 0; token < 0 && i < 4; i++) token = find_final(final, "", order[tone - 1][i]);
    return token;
}

bool zh_syllable_tables(ev_zh *zh) {
    bool complete = true;
    for (size_t i = 0; i < ZH_INITIALS; i++)
        zh->initials[i] = i ? (int16_t)ev_token_find(initial_names[i], strlen(initial_names[i])) : -1;
    for (size_t f = 0; f < ZH_FINALS; f++)
        for (int tone = 1; tone <= ZH_TONES; tone++) {
            zh->finals[f][tone - 1] = nearest_final(final_names[f], tone);
            zh->retroflex_finals[f][tone - 1] = find_final(final_names[f], "r", tone);
            complete &= zh->finals[f][tone - 1] >= 0;
        }
    zh->er5 = find_final("er", "", 5);
    return complete && zh->er5 >= 0;
}

bool zh_syllable_unpack(zh_syllable *out, uint16_t packed) {
    *out = (zh_syllable){.initial = packed & 31, .final = packed >> 5 & 63, .tone = (uint8_t)(packed >> 11)};
    return out->initial < ZH_INITIALS && out->final < ZH_FINALS && out->tone >= 1 && out->tone <= ZH_TONES;
}

size_t zh_syllable_tokens(const ev_zh *zh, const zh_syllable *s, int out[3]) {
    assert(s->initial < ZH_INITIALS && s->final < ZH_FINALS && s->tone >= 1 && s->tone <= ZH_TONES);
    size_t n = 0;
    int16_t retroflex = s->retroflex ? zh->retroflex_finals[s->final][s->tone - 1] : -1;
    if (s->initial) out[n++] = zh->initials[s->initial];
    out[n++] = retroflex >= 0 ? retroflex : zh->finals[s->final][s->tone - 1];
    if (s->retroflex && retroflex < 0) out[n++] = zh->er5;
    return n;
}
