/* transliterate: ICU's rules, those that write what is heard where there are several (a shch is no s with a hook).
 *
 * A transliterator keeps nothing between words, but its type is not promised to be used by two threads at once; ours
 * are behind a lock, as foreign words are rare. It is opened once and lives as long as the process, like ICU's own
 * tables.
 */
#include <assert.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "base/lock.h"
#include "text/transliterate.h"

enum { WORD_UNITS = 128 };

static_assert((int)WORD_UNITS <= 2 * (int)EV_TRANSLITERATED_MAX, "a word has room to grow");

static ev_mutex lock = EV_MUTEX_INITIALIZER;
static UTransliterator *rules EV_GUARDED_BY(lock);
static bool tried EV_GUARDED_BY(lock);

static UTransliterator *open_rules(void) EV_REQUIRES(lock) {
    static const char source[] =
        ":: Russian-Latin/BGN; :: Greek-Latin/UNGEGN; :: Any-Latin;"
        "[\\u0259\\u018F] > a; [\\u025B\\u0190] > e; [\\u0254\\u0186] > o; [\\u014B\\u014A] > ng;"
        ":: Latin-ASCII;";
    static const char id[] = "Any-Spoken";
    UChar text[sizeof(source)], name[sizeof(id)];
    UErrorCode fault = U_ZERO_ERROR;
    UParseError place;
    if (tried) return rules;
    u_uastrcpy(text, source);
    u_uastrcpy(name, id);
    rules = utrans_openU(name, -1, UTRANS_FORWARD, text, -1, &place, &fault);
    if (U_FAILURE(fault)) rules = NULL;
    tried = rules != NULL || fault != U_MEMORY_ALLOCATION_ERROR;
    return rules;
}

/* Signs of softness and hardness are not said. */
static size_t keep_letters(const UChar *units, int32_t count, char *out, size_t capacity) {
    assert(capacity > 0);
    size_t n = 0;
    for (int32_t i = 0; i < count && n + 1 < capacity; i++) {
        const UChar c = units[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) out[n++] = (char)c;
    }
    out[n] = '\0';
    return n;
}

size_t ev_transliterate(const char *word, size_t bytes, char out[EV_TRANSLITERATED_MAX]) {
    UChar units[2 * EV_TRANSLITERATED_MAX];
    int32_t count = 0;
    UErrorCode fault = U_ZERO_ERROR;
    out[0] = '\0';
    u_strFromUTF8(units, WORD_UNITS, &count, word, (int32_t)(bytes > WORD_UNITS ? WORD_UNITS : bytes), &fault);
    if (U_FAILURE(fault) || count == 0) return 0;
    int32_t limit = count;
    ev_mutex_lock(&lock);
    const UTransliterator *t = open_rules();
    if (t) utrans_transUChars(t, units, &count, 2 * EV_TRANSLITERATED_MAX, 0, &limit, &fault);
    ev_mutex_unlock(&lock);
    if (!t || U_FAILURE(fault)) return 0;
    return keep_letters(units, limit, out, EV_TRANSLITERATED_MAX);
}

int ev_digit_value(int32_t c) { return u_charDigitValue(c); }
