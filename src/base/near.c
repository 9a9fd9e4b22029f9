/* near: "did you mean". The optimal string alignment distance (insert, delete, replace, swap neighbours), since those
 * are the slips that fingers make; case, and '-' or '_', are none. */
#include <assert.h>
#include <string.h>

#include "base/near.h"

static size_t min2(size_t a, size_t b) { return a < b ? a : b; }

static char folded(char c) { return (char)(c == '-' ? '_' : c >= 'A' && c <= 'Z' ? c + 32 : c); }

size_t ev_edit_distance(const char *a, size_t a_size, const char *b, size_t b_size) {
    size_t rows[3][EV_WORD_MAX + 1]; /* the row in work and the two above it, in turns */
    if (a_size > EV_WORD_MAX) a_size = EV_WORD_MAX;
    if (b_size > EV_WORD_MAX) b_size = EV_WORD_MAX;
    for (size_t j = 0; j <= b_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            const char x = folded(a[i - 1]), y = folded(b[j - 1]);
            now[j] = min2(min2(above[j] + 1, now[j - 1] + 1), above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                now[j] = min2(now[j], above2[j - 2] + 1);
        }
    }
    return rows[a_size % 3][b_size];
}

ev_near ev_near_to(const char *word) {
    const size_t size = strlen(word);
    /* One slip in a short word, more in a long one; none makes a word out of nothing. */
    return (ev_near){.word = word, .distance = size == 0 || size > EV_WORD_MAX ? 0 : 1 + (size + 1) / 3};
}

bool ev_near_offer(ev_near *near, const char *candidate, size_t size) {
    const size_t word_size = strlen(near->word);
    if (near->distance == 0 || size > EV_WORD_MAX) return false;
    assert(word_size && word_size <= EV_WORD_MAX);
    const bool unfinished = word_size >= 3 && word_size < size && strncmp(near->word, candidate, word_size) == 0;
    const size_t distance = unfinished ? 1 : ev_edit_distance(near->word, word_size, candidate, size);
    if (distance >= near->distance) return false;
    assert(size < sizeof near->found);
    near->distance = distance;
    memcpy(near->found, candidate, size);
    near->found[size] = '\0';
    return true;
}
