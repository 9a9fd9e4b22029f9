/* dictionary: words in small letters in a table of hashes; a text is hashed letter by letter from where a word
 * begins, and looked up wherever one could end. */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utf8proc.h>

#include "text/dictionary.h"
#include "text/notation.h"

typedef struct entry {
    uint64_t hash;
    uint32_t next;                   /* in its bucket; index + 1 */
    uint32_t word, word_bytes;       /* into text, as written */
    uint32_t saying, saying_bytes;   /* likewise, without slashes */
    uint32_t token_begin, token_end; /* none: it is what the word sounds like */
    bool exact;                      /* in capitals: it stands for itself */
} entry;

struct ev_dictionary {
    ev_buf entries, text, tokens;
    uint32_t *buckets; /* index + 1; 0: none */
    size_t bucket_count;
    size_t longest; /* characters of its longest word */
};

static int32_t small(int32_t c) { return c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c) : utf8proc_tolower(c); }

static uint64_t hash_next(uint64_t hash, int32_t c) {
    const int32_t folded = small(c);
    return ev_hash(hash, &folded, sizeof(folded));
}

/* A letter or digit of a script that puts spaces between words. */
static bool is_word_char(int32_t c) {
    if (c < 0x80) return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    if (c >= 0x2E80 && c <= 0xABFF) return false; /* Han, kana */
    const utf8proc_category_t k = utf8proc_category(c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) || k == UTF8PROC_CATEGORY_ND ||
           k == UTF8PROC_CATEGORY_MN;
}

/* ---- making one ---- */

static ev_status bad(ev_error *err, const char *word, size_t line, const char *what) {
    if (line) return ev_fail(err, EV_E_FORMAT, "line %zu: %s", line, what);
    return ev_fail(err, EV_E_FORMAT, "word '%.60s': %s", word, what);
}

/* Could it be meant as phones, though no slashes say so? Phones and pinyin have digits, IPA letters of its own. */
static bool looks_like_phones(const char *s, size_t n) {
    bool digit = false, letters = false, own = false;
    for (size_t at = 0; at < n;) {
        const int32_t c = ev_utf8_next(s, n, &at);
        if (c < 0) return false;
        digit |= c >= '0' && c <= '5';
        letters |= c >= 0x80;
        own |= (c >= 0x250 && c <= 0x2AF) || c == 0x2C8 || c == 0x2CC || c == 0x2D0;
    }
    return own || (digit && !letters);
}

static ev_status take_saying(ev_dictionary *d, entry *e, const char *word, const char *s, size_t n, size_t line,
                             ev_error *err) {
    const bool slashes = n >= 2 && s[0] == '/' && s[n - 1] == '/';
    if (slashes) {
        s++;
        n -= 2;
    }
    e->token_begin = (uint32_t)ev_array_count(&d->tokens, int16_t);
    if (slashes || looks_like_phones(s, n)) {
        const bool read = ev_notation_read(&d->tokens, s, n, EV_NOTATION_ANY, NULL);
        if (!read && slashes)
            return bad(err, word, line,
                       "no phones between the slashes: write \"/T AH0 M EY1 T OW0/\", IPA or pinyin");
    }
    e->token_end = (uint32_t)ev_array_count(&d->tokens, int16_t);
    e->saying = (uint32_t)d->text.size;
    e->saying_bytes = (uint32_t)n;
    ev_buf_append(&d->text, s, n);
    return EV_OK;
}

/* Letters, at least two, all of them capitals. */
static void take_word(ev_dictionary *d, entry *e, const char *word, size_t n) {
    assert(n > 0 && n <= EV_DICTIONARY_BYTES_MAX);
    size_t capitals = 0, others = 0, count = 0;
    e->hash = EV_HASH_START;
    for (size_t at = 0; at < n; count++) {
        const int32_t c = ev_utf8_next(word, n, &at);
        e->hash = hash_next(e->hash, c);
        capitals += utf8proc_category(c) == UTF8PROC_CATEGORY_LU;
        others += utf8proc_category(c) == UTF8PROC_CATEGORY_LL;
    }
    e->exact = capitals >= 2 && !others;
    if (count > d->longest) d->longest = count;
    e->word = (uint32_t)d->text.size;
    e->word_bytes = (uint32_t)n;
    ev_buf_append(&d->text, word, n);
}

static bool is_utf8(const char *s, size_t n) {
    for (size_t at = 0; at < n;)
        if (ev_utf8_next(s, n, &at) < 0x20) return false;
    return true;
}

static ev_status add(ev_dictionary *d, const char *word, size_t n, const char *saying, size_t m, size_t line,
                     ev_error *err) {
    entry e = {.next = 0};
    char name[64];
    snprintf(name, sizeof(name), "%.*s", n > 60 ? 60 : (int)n, word);
    if (!is_utf8(word, n) || !is_utf8(saying, m)) return bad(err, name, line, "it is not valid UTF-8");
    if (!n || !m) return bad(err, name, line, n ? "how it is said is missing" : "the word is missing");
    if (n > EV_DICTIONARY_BYTES_MAX || m > EV_DICTIONARY_BYTES_MAX)
        return bad(err, name, line, "a word and how it is said have at most 200 bytes each");
    if (ev_array_count(&d->entries, entry) == EV_DICTIONARY_WORDS_MAX)
        return ev_fail(err, EV_E_LIMIT, "a dictionary holds at most %d words", EV_DICTIONARY_WORDS_MAX);
    take_word(d, &e, word, n);
    const ev_status status = take_saying(d, &e, name, saying, m, line, err);
    if (status == EV_OK) ev_buf_append(&d->entries, &e, sizeof(e));
    return status;
}

static ev_status finish(ev_dictionary *d, ev_error *err) {
    assert(!d->buckets);
    const size_t count = ev_array_count(&d->entries, entry);
    d->bucket_count = 2 * count + 1;
    d->buckets = calloc(d->bucket_count, sizeof(*d->buckets));
    if (!d->buckets || d->entries.failed || d->text.failed || d->tokens.failed)
        return ev_fail(err, EV_E_MEMORY, "out of memory while reading the dictionary");
    entry *entries = (entry *)(void *)d->entries.data;
    for (size_t i = 0; i < count; i++) { /* later ones stand before earlier ones of the same word */
        uint32_t *bucket = &d->buckets[entries[i].hash % d->bucket_count];
        entries[i].next = *bucket;
        *bucket = (uint32_t)i + 1;
    }
    return EV_OK;
}

static void trim(const char **s, size_t *n) {
    while (*n && (**s == ' ' || **s == '\t')) ++*s, --*n;
    while (*n && strchr(" \t\r", (*s)[*n - 1])) --*n;
}

static ev_status add_line(ev_dictionary *d, const char *s, size_t n, size_t line, ev_error *err) {
    trim(&s, &n);
    if (!n || *s == '#') return EV_OK;
    const char *mark = memchr(s, '\t', n);
    if (!mark) mark = memchr(s, '=', n);
    if (!mark) return bad(err, "", line, "write \"word = how it is said\", or a tab between the two");
    const char *saying = mark + 1;
    size_t word_bytes = (size_t)(mark - s), saying_bytes = n - word_bytes - 1;
    trim(&s, &word_bytes);
    trim(&saying, &saying_bytes);
    return add(d, s, word_bytes, saying, saying_bytes, line, err);
}

ev_status ev_dictionary_parse(ev_dictionary **out, const char *text, size_t bytes, ev_error *err) {
    ev_dictionary *d = calloc(1, sizeof(*d));
    ev_status status = d ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory while reading the dictionary");
    size_t line = 0, at = bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *out = NULL;
    while (status == EV_OK && at < bytes) {
        const char *end = memchr(text + at, '\n', bytes - at);
        const size_t n = end ? (size_t)(end - text) - at : bytes - at;
        status = add_line(d, text + at, n, ++line, err);
        at += n + 1;
    }
    if (status == EV_OK) status = finish(d, err);
    if (status != EV_OK) ev_dictionary_free(&d);
    *out = d;
    return status;
}

ev_status ev_dictionary_create(ev_dictionary **out, const char *const *words, const char *const *sayings, size_t n,
                               ev_error *err) {
    ev_dictionary *d = calloc(1, sizeof(*d));
    ev_status status = d ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory while reading the dictionary");
    *out = NULL;
    for (size_t i = 0; i < n && status == EV_OK; i++) {
        const char *word = words[i], *saying = sayings[i];
        size_t word_bytes = strlen(word), saying_bytes = strlen(saying);
        trim(&word, &word_bytes);
        trim(&saying, &saying_bytes);
        status = add(d, word, word_bytes, saying, saying_bytes, 0, err);
    }
    if (status == EV_OK) status = finish(d, err);
    if (status != EV_OK) ev_dictionary_free(&d);
    *out = d;
    return status;
}

ev_status ev_dictionary_read(ev_dictionary **out, const char *path, ev_error *err) {
    enum { FILE_BYTES_MAX = 32 << 20 };
    ev_buf text = {0};
    *out = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ev_fail(err, EV_E_IO, "cannot read the dictionary %s: %m", path);
    const bool read = ev_file_read(&text, fd, FILE_BYTES_MAX + 1);
    close(fd);
    ev_status status = EV_OK;
    ev_error fault = {0};
    if (text.failed) {
        status = ev_fail(err, EV_E_MEMORY, "out of memory while reading %s", path);
    } else if (!read) {
        status = ev_fail(err, EV_E_IO, "cannot read the dictionary %s", path);
    } else if (text.size > FILE_BYTES_MAX) {
        status = ev_fail(err, EV_E_LIMIT, "the dictionary %s has more than %d bytes", path, FILE_BYTES_MAX);
    } else {
        status = ev_dictionary_parse(out, (const char *)text.data, text.size, &fault);
        if (status != EV_OK) ev_fail(err, status, "%s: %s", path, fault.message);
    }
    ev_buf_free(&text);
    return status;
}

void ev_dictionary_free(ev_dictionary **dictionary) {
    if (!dictionary || !*dictionary) return;
    ev_buf_free(&(*dictionary)->entries);
    ev_buf_free(&(*dictionary)->text);
    ev_buf_free(&(*dictionary)->tokens);
    free((*dictionary)->buckets);
    free(*dictionary);
    *dictionary = NULL;
}

size_t ev_dictionary_count(const ev_dictionary *dictionary) { return ev_array_count(&dictionary->entries, entry); }
int ev_dictionary_has_phones(const ev_dictionary *dictionary) { return dictionary->tokens.size > 0; }

/* ---- looking up ---- */

static bool same_word(const ev_dictionary *d, const entry *e, const char *text, size_t n) {
    const char *word = (const char *)d->text.data + e->word;
    size_t a = 0, b = 0;
    if (e->exact) return e->word_bytes == n && memcmp(word, text, n) == 0;
    while (a < e->word_bytes && b < n)
        if (small(ev_utf8_next(word, e->word_bytes, &a)) != small(ev_utf8_next(text, n, &b))) return false;
    return a == e->word_bytes && b == n;
}

static const entry *look_up(const ev_dictionary *d, uint64_t hash, const char *text, size_t n) {
    assert(n > 0 && d->bucket_count > 0);
    const entry *entries = (const entry *)(const void *)d->entries.data, *found = NULL;
    for (uint32_t i = d->buckets[hash % d->bucket_count]; i; i = entries[i - 1].next) {
        const entry *e = &entries[i - 1];
        if (e->hash != hash || !same_word(d, e, text, n)) continue;
        if (!found || (e->exact && !found->exact)) found = e;
    }
    return found;
}

static bool follows_word(const char *text, size_t at) {
    size_t begin = at;
    while (begin > 0 && at - begin < 4) {
        begin--;
        if (((unsigned char)text[begin] & 0xC0) != 0x80) break;
    }
    return at > 0 && is_word_char(ev_utf8_next(text, at, &begin));
}

bool ev_dictionary_find(const ev_dictionary *d, const char *text, size_t bytes, size_t at, ev_saying *out) {
    assert(at <= bytes);
    uint64_t hash = EV_HASH_START;
    const entry *best = NULL;
    size_t next = at;
    bool inside = follows_word(text, at);
    for (size_t count = 0; count < d->longest && next < bytes; count++) {
        const int32_t c = ev_utf8_next(text, bytes, &next);
        if (c < 0 || (count == 0 && inside && is_word_char(c))) break;
        size_t behind = next;
        const int32_t after = ev_utf8_next(text, bytes, &behind);
        hash = hash_next(hash, c);
        if (is_word_char(c) && after >= 0 && is_word_char(after)) continue;
        const entry *e = look_up(d, hash, text + at, next - at);
        if (!e) continue;
        best = e;
        out->end = next;
    }
    if (!best) return false;
    assert(out->end > at && out->end <= bytes && best->token_begin <= best->token_end);
    out->text = (const char *)d->text.data + best->saying;
    out->bytes = best->saying_bytes;
    out->token_count = best->token_end - best->token_begin;
    out->tokens = out->token_count ? (const int16_t *)(const void *)d->tokens.data + best->token_begin : NULL;
    return true;
}
