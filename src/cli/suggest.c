/* suggest: "did you mean". The optimal string alignment distance (insert, delete, replace, swap neighbours), since
 * those are the slips that fingers make. */
#include "cli.h"

#include <string.h>

static size_t min2(size_t a, size_t b) { return a < b ? a : b; }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length) {
    size_t rows[3][CLI_WORD_MAX + 1]; /* the row in work and the two above it, in turns */
    for (size_t j = 0; j <= b_length; j++) rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            char x = lower(a[i - 1]), y = lower(b[j - 1]);
            now[j] = min2(min2(above[j] + 1, now[j - 1] + 1), above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y) {
                now[j] = min2(now[j], above2[j - 2] + 1);
            }
        }
    }
    return rows[a_length % 3][b_length];
}

cli_near cli_near_to(const char *word) {
    size_t length = strlen(word);
    /* One slip in a short word, more in a long one; none makes a word out of nothing. */
    size_t allowed = length == 0 || length > CLI_WORD_MAX ? 0 : 1 + (length + 1) / 3;
    return (cli_near){.word = word, .distance = allowed};
}

void cli_near_offer(cli_near *near, const char *candidate, size_t length) {
    size_t word_length = strlen(near->word);
    if (near->distance == 0 || length > CLI_WORD_MAX) return;
    size_t d = distance(near->word, word_length, candidate, length);
    bool unfinished = word_length >= 3 && word_length < length && strncmp(near->word, candidate, word_length) == 0;
    if (unfinished) d = 1;
    if (d >= near->distance) return;
    near->distance = d;
    memcpy(near->found, candidate, length);
    near->found[length] = '\0';
}
