/* style: see style.h. */
#include "base/lock.h"
#include "model/style.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "model/config_read.h"
#include "text/wordpiece.h"

enum { KEPT = 512, KEPT_TEXT_BYTES = 4096 };

typedef struct kept { /* a vector by its text; empty where text is NULL */
    char *text;
    size_t bytes;
    uint64_t hash, used; /* used: the time of its last use, in looks */
    float *vector;
} kept;

struct ev_style {
    ev_bert bert;
    ev_wordpiece *pieces;
    ev_mutex lock;
    uint64_t looks EV_GUARDED_BY(lock);
    kept kept[KEPT] EV_GUARDED_BY(lock);
};

ev_status ev_style_load(ev_style **out, const ev_container *c, const ev_bert_config *config, const char *vocabulary,
                        ev_error *err) {
    *out = NULL;
    ev_style *s = calloc(1, sizeof *s);
    if (!s) return ev_fail(err, EV_E_MEMORY, "out of memory for the style encoder");
    ev_mutex_init(&s->lock);
    ev_status status = ev_wordpiece_open(&s->pieces, vocabulary, strlen(vocabulary), err);
    if (status == EV_OK && ev_wordpiece_count(s->pieces) != (size_t)config->vocabulary) {
        status = ev_fail(err, EV_E_FORMAT, "vocabulary has %zu pieces, the style encoder %d",
                         ev_wordpiece_count(s->pieces), config->vocabulary);
    }
    if (status == EV_OK) status = ev_bert_load(&s->bert, c, config, err);
    if (status == EV_OK)
        *out = s;
    else
        ev_style_free(&s);
    return status;
}

void ev_style_free(ev_style **style) EV_NOT_SHARED {
    ev_style *s = *style;
    *style = NULL;
    if (!s) return;
    for (size_t i = 0; i < KEPT; i++) {
        free(s->kept[i].text);
        free(s->kept[i].vector);
    }
    ev_wordpiece_free(&s->pieces);
    ev_bert_free(&s->bert);
    ev_mutex_destroy(&s->lock);
    free(s);
}

/* The entry of a text; or the one to be replaced, the longest unused. *found tells. A table of this size is searched
 * in a hundredth of what one run of the encoder takes, whatever texts are asked for. */
static kept *look(ev_style *s, const char *text, size_t bytes, uint64_t hash, bool *found) EV_REQUIRES(s->lock) {
    kept *oldest = &s->kept[0];
    s->looks++;
    for (size_t i = 0; i < KEPT; i++) {
        kept *k = &s->kept[i];
        *found = k->text && k->hash == hash && k->bytes == bytes && memcmp(k->text, text, bytes) == 0;
        if (*found) {
            k->used = s->looks;
            return k;
        }
        if (k->used < oldest->used) oldest = k;
    }
    return oldest;
}

/* Kept where memory allows; else it is made again next time. */
static void keep(ev_style *s, const char *text, size_t bytes, uint64_t hash, const float *vector) {
    assert(bytes <= KEPT_TEXT_BYTES);
    const size_t size = (size_t)s->bert.config.width * sizeof *vector;
    bool found = false;
    ev_mutex_lock(&s->lock);
    kept *k = look(s, text, bytes, hash, &found);
    char *copy = found ? NULL : malloc(bytes + 1);
    if (copy && !k->vector) k->vector = malloc(size);
    if (copy && k->vector) {
        memcpy(copy, text, bytes);
        memcpy(k->vector, vector, size);
        free(k->text);
        *k = (kept){copy, bytes, hash, s->looks, k->vector};
    } else {
        free(copy);
    }
    ev_mutex_unlock(&s->lock);
}

static bool recall(ev_style *s, const char *text, size_t bytes, uint64_t hash, float *out) {
    assert(bytes <= KEPT_TEXT_BYTES);
    bool found = false;
    ev_mutex_lock(&s->lock);
    const kept *k = look(s, text, bytes, hash, &found);
    if (found) memcpy(out, k->vector, (size_t)s->bert.config.width * sizeof *out);
    ev_mutex_unlock(&s->lock);
    return found;
}

ev_status ev_style_vector(ev_style *s, ev_pool *pool, const char *what, const char *text, size_t bytes, bool whole,
                          float *out, ev_error *err) {
    const size_t places = (size_t)s->bert.config.positions;
    const uint64_t hash = ev_hash(EV_HASH_START, text, bytes);
    if (bytes <= KEPT_TEXT_BYTES && recall(s, text, bytes, hash, out)) return EV_OK;
    int32_t *ids = malloc(places * sizeof *ids);
    if (!ids) return ev_fail(err, EV_E_MEMORY, "out of memory");
    size_t n = 0;
    ev_status status = ev_wordpiece_split(s->pieces, text, bytes, ids, places, &n, err);
    assert(status != EV_OK || n >= 2); /* its two ends are always there */
    if (status == EV_OK && whole && n > places) {
        status =
            ev_fail(err, EV_E_LIMIT, "%s has %zu pieces, the style encoder takes %zu; shorten it", what, n, places);
    }
    if (status == EV_OK) status = ev_bert_run(&s->bert, pool, ids, n < places ? n : places, out, err);
    free(ids);
    if (status == EV_OK && bytes <= KEPT_TEXT_BYTES) keep(s, text, bytes, hash, out);
    return status;
}
