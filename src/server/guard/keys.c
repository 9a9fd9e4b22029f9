/* keys: whose secret is it. A file holds hashes only, so that reading it gives nobody a key. Secrets carry 256 random
 * bits, which is why one round of SHA-256 is enough and a slow password hash is not needed. A table is sorted by the
 * public prefix and never changes; a keyring swaps tables under readers, who hold what they read by a count. */
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "base/hex.h"
#include "base/lock.h"
#include "server/guard/guard.h"
#include "server/guard/lines.h"

struct sv_keys {
    atomic_uint refs;
    sv_key *items; /* [count], sorted by prefix */
    size_t count;
};

struct sv_keyring {
    ev_mutex mutex;
    sv_keys *keys EV_GUARDED_BY(mutex); /* one hold is the ring's; NULL: none yet */
};

static bool sha256(const char *text, size_t bytes, unsigned char out[32]) {
    return EVP_Digest(text, bytes, out, NULL, EVP_sha256(), NULL) == 1;
}

/* ---- a line ---- */

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

static bool is_name(const char *text, size_t bytes, size_t bytes_max) {
    if (bytes == 0 || bytes > bytes_max) return false;
    for (size_t i = 0; i < bytes; i++)
        if (!is_name_char(text[i])) return false;
    return true;
}

bool sv_key_name_valid(const char *name) { return is_name(name, strlen(name), SV_KEY_NAME_MAX); }

static unsigned scope(const char *text, size_t bytes) {
    static const struct {
        const char *name;
        unsigned bit;
    } scopes[] = {{"speak", SV_SCOPE_SPEAK}, {"voices", SV_SCOPE_VOICES}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(scopes); i++)
        if (strlen(scopes[i].name) == bytes && memcmp(scopes[i].name, text, bytes) == 0) return scopes[i].bit;
    return 0;
}

unsigned sv_scopes_parse(const char *list, size_t bytes) {
    unsigned all = 0;
    for (size_t at = 0; at <= bytes;) {
        const char *comma = at < bytes ? memchr(list + at, ',', bytes - at) : NULL;
        const size_t length = comma ? (size_t)(comma - list) - at : bytes - at;
        const unsigned bit = scope(list + at, length);
        if (!bit) return 0;
        all |= bit;
        at += length + 1;
    }
    return all;
}

/* What may stand behind the name. From the lowest on a bucket holds one token, and fills within the hour. */
static const struct setting {
    const char *name;
    size_t offset; /* of its double in sv_key */
    double low, high;
    const char *fault;
} SETTINGS[] = {
    {"rate=", offsetof(sv_key, rate), 0.001, 1e9,
     "rate=N is requests per second: write a number from 0.001 to 1000000000"},
    {"audio_s=", offsetof(sv_key, audio_s), 1, 1e9,
     "audio_s=N is seconds of speech per hour: write a number from 1 to 1000000000"},
    {"weight=", offsetof(sv_key, weight), 0.1, 100, "weight=N is from 0.1 to 100: 1 is usual"},
};

/* "rate=2.5" into the key. NULL, or what is wrong with it. */
static const char *parse_setting(sv_key *key, const sv_line *word) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(SETTINGS); i++) {
        const struct setting *s = &SETTINGS[i];
        const size_t length = strlen(s->name);
        char digits[32], *end;
        if (word->bytes < length || memcmp(word->text, s->name, length) != 0) continue;
        if (word->bytes == length || word->bytes - length >= sizeof(digits)) return s->fault;
        memcpy(digits, word->text + length, word->bytes - length);
        digits[word->bytes - length] = '\0';
        const double value = strtod(digits, &end);
        if (*end != '\0' || !(value >= s->low && value <= s->high)) return s->fault;
        memcpy((char *)key + s->offset, &value, sizeof(value));
        return NULL;
    }
    return "behind the name stand only rate=N, audio_s=N and weight=N: remove what else is there";
}

/* NULL, or what is wrong with the line and what to write. */
static const char *parse_key(sv_key *key, sv_line line) {
    *key = (sv_key){.weight = 1};
    const sv_line prefix = sv_line_word(&line), hash = sv_line_word(&line), scopes = sv_line_word(&line);
    const sv_line name = sv_line_word(&line);
    if (prefix.bytes != SV_KEY_PREFIX || !is_name(prefix.text, prefix.bytes, SV_KEY_PREFIX))
        return "the prefix must be the first 8 characters of the key: begin the line with ev_ and five more";
    if (!ev_hex_read(hash.text, hash.bytes, key->sha256, sizeof(key->sha256)))
        return "the second field must be the SHA-256 of the key: write 64 hexadecimal digits";
    key->scopes = sv_scopes_parse(scopes.text, scopes.bytes);
    if (!key->scopes) return "the third field must name scopes: write speak, voices or speak,voices";
    if (!is_name(name.text, name.bytes, SV_KEY_NAME_MAX))
        return "the fourth field must be a name: write 1 to 63 letters, digits, '.', '_' or '-'";
    memcpy(key->prefix, prefix.text, SV_KEY_PREFIX);
    memcpy(key->name, name.text, name.bytes);
    const char *fault = NULL;
    for (sv_line word; !fault && (word = sv_line_word(&line)).bytes && word.text[0] != '#';)
        fault = parse_setting(key, &word);
    return fault;
}

/* ---- table ---- */

static int by_prefix(const void *a, const void *b) {
    const sv_key *x = a, *y = b;
    const int order = memcmp(x->prefix, y->prefix, SV_KEY_PREFIX);
    return order ? order : memcmp(x->sha256, y->sha256, sizeof(x->sha256));
}

static ev_status finish(sv_keys **out, ev_buf *items, const char *label, ev_error *err) {
    sv_keys *keys = items->failed ? NULL : calloc(1, sizeof(*keys));
    if (!keys) {
        ev_buf_free(items);
        return ev_fail(err, EV_E_MEMORY, "out of memory: %.150s", label);
    }
    atomic_init(&keys->refs, 1);
    keys->count = ev_array_count(items, sv_key);
    keys->items = (sv_key *)(void *)items->data;
    if (keys->count) qsort(keys->items, keys->count, sizeof(sv_key), by_prefix);
    for (size_t i = 1; i < keys->count; i++) {
        if (by_prefix(&keys->items[i - 1], &keys->items[i]) != 0) continue;
        ev_fail(err, EV_E_FORMAT, "%.120s: the key %s stands there twice, as '%s' and '%s': remove one line", label,
                keys->items[i].prefix, keys->items[i - 1].name, keys->items[i].name);
        sv_keys_unref(&keys);
        return EV_E_FORMAT;
    }
    *out = keys;
    return EV_OK;
}

ev_status sv_keys_parse(sv_keys **out, const char *text, size_t bytes, const char *label, ev_error *err) {
    ev_buf items = {0};
    sv_lines lines = {.text = text, .bytes = bytes};
    for (sv_line line; sv_lines_next(&lines, &line);) {
        sv_key key;
        const char *fault = parse_key(&key, line);
        if (fault) {
            ev_buf_free(&items);
            return ev_fail(err, EV_E_FORMAT, "%.120s, line %u: %s", label, line.number, fault);
        }
        ev_buf_append(&items, &key, sizeof(key));
    }
    return finish(out, &items, label, err);
}

ev_status sv_keys_load(sv_keys **out, const char *path, ev_error *err) {
    ev_buf text = {0};
    ev_status status = sv_read_file(&text, path, SV_KEYS_BYTES_MAX, err);
    if (!status) status = sv_keys_parse(out, (const char *)text.data, text.size, path, err);
    ev_buf_free(&text);
    return status;
}

size_t sv_keys_count(const sv_keys *keys) { return keys->count; }

const sv_key *sv_keys_at(const sv_keys *keys, size_t i) {
    assert(i < keys->count);
    return &keys->items[i];
}

/* The first key whose prefix is not below. The prefix is public: its comparison may take what time it takes. */
static size_t lower_bound(const sv_keys *keys, const char *prefix) {
    size_t low = 0, high = keys->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (memcmp(keys->items[middle].prefix, prefix, SV_KEY_PREFIX) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const sv_key *sv_keys_find(const sv_keys *keys, const char *authorization) {
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) return NULL;
    const char *secret = authorization + 7;
    while (*secret == ' ') secret++;
    size_t bytes = strlen(secret);
    while (bytes && secret[bytes - 1] == ' ') bytes--;
    unsigned char hash[32];
    if (bytes < SV_KEY_PREFIX || bytes > 1024 || !sha256(secret, bytes, hash)) return NULL;
    const sv_key *found = NULL;
    for (size_t i = lower_bound(keys, secret); i < keys->count; i++) {
        if (memcmp(keys->items[i].prefix, secret, SV_KEY_PREFIX) != 0) break;
        if (CRYPTO_memcmp(keys->items[i].sha256, hash, sizeof(hash)) == 0) found = &keys->items[i];
    }
    return found;
}

void sv_keys_unref(sv_keys **keys) {
    if (!keys || !*keys) return;
    assert(atomic_load(&(*keys)->refs) > 0);
    if (atomic_fetch_sub_explicit(&(*keys)->refs, 1, memory_order_acq_rel) == 1) {
        free((*keys)->items);
        free(*keys);
    }
    *keys = NULL;
}

/* ---- making one ---- */

/* The number in `bytes` (big-endian) in base 62, most significant digit first. */
static void base62(unsigned char bytes[32], char digits[SV_KEY_DIGITS]) {
    static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (size_t d = SV_KEY_DIGITS; d-- > 0;) {
        unsigned rest = 0;
        for (size_t i = 0; i < 32; i++) {
            rest = rest << 8 | bytes[i];
            bytes[i] = (unsigned char)(rest / 62);
            rest %= 62;
        }
        digits[d] = DIGITS[rest];
    }
}

ev_status sv_key_make(char secret[SV_KEY_SECRET + 1], char prefix[SV_KEY_PREFIX + 1], char hash_text[65],
                      ev_error *err) {
    unsigned char random[32], hash[32];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return ev_fail(err, EV_E_IO, "the system gives no random bytes: %m");
    memcpy(secret, "ev_", 3);
    base62(random, secret + 3); /* leaves zeros in random */
    secret[SV_KEY_SECRET] = '\0';
    if (!sha256(secret, SV_KEY_SECRET, hash)) return ev_fail(err, EV_E_MEMORY, "SHA-256 is not available");
    memcpy(prefix, secret, SV_KEY_PREFIX);
    prefix[SV_KEY_PREFIX] = '\0';
    ev_hex(hash, sizeof(hash), hash_text);
    return EV_OK;
}

/* ---- keyring ---- */

ev_status sv_keyring_create(sv_keyring **out, ev_error *err) {
    sv_keyring *ring = calloc(1, sizeof(*ring));
    if (!ring) return ev_fail(err, EV_E_MEMORY, "out of memory: keyring");
    ev_mutex_init(&ring->mutex);
    *out = ring;
    return EV_OK;
}

void sv_keyring_swap(sv_keyring *ring, sv_keys **keys) {
    ev_mutex_lock(&ring->mutex);
    sv_keys *before = ring->keys;
    ring->keys = *keys;
    ev_mutex_unlock(&ring->mutex);
    *keys = NULL;
    sv_keys_unref(&before);
}

sv_keys *sv_keyring_ref(sv_keyring *ring) {
    ev_mutex_lock(&ring->mutex);
    sv_keys *keys = ring->keys;
    assert(!keys || atomic_load(&keys->refs) > 0); /* the ring's */
    if (keys) atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    ev_mutex_unlock(&ring->mutex);
    return keys;
}

void sv_keyring_free(sv_keyring **ring) {
    if (!ring || !*ring) return;
    sv_keys_unref(&(*ring)->keys);
    ev_mutex_destroy(&(*ring)->mutex);
    free(*ring);
    *ring = NULL;
}
