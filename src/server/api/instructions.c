/* instructions: the emotion that OpenAI's free `instructions` ask for. The first word that names one is believed,
 * unless what stands before it denies it ("never sound sad", "不要悲伤"). Words are compared whole, without regard to
 * case; Chinese has no ends of words, so there a name may stand anywhere.
 */
#include <string.h>
#include <strings.h>

#include "base/emotion_names.h"
#include "server/api/fields.h"

enum {
    READ_BYTES = 2000, /* of the text */
    DENIED_WORDS = 3,  /* before a name, one of which may deny it; in Chinese: */
    DENIED_BYTES = 12
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

/* ... the label, or another word for it. */
static size_t find_any(const char *text, const char *label) {
    size_t first = find_word(text, label);
    for (const char *at = ev_emotion_words(label); *at; at += strspn(at, " ")) {
        char word[EV_EMOTION_WORD_SIZE];
        const size_t length = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        const size_t place = find_word(text, word);
        if (place < first) first = place;
        at += length;
    }
    return first;
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
