#include "server/voices/voices_store.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/lock.h"

enum { VOICES_MAX = 10000, PACKED_MAX = 65536, FILE_MAX = 2 * PACKED_MAX, LOGGED_MAX = 20 };
enum { UNTRUSTED_MAX = 5000, OF_KEY_MAX = 2500, OF_UNTRUSTED_MAX = 500 };

typedef struct stored {
    sv_voice_card card;
    ev_voice *voice;
} stored;
static_assert(offsetof(stored, card) == 0 && offsetof(sv_voice_card, id) == 0, "by_id compares what begins with it");
static_assert(sizeof((sv_voice_card *)0)->owner >= SV_ACCOUNT_SIZE, "an owner is kept whole");

struct sv_voice_store {
    ev_model *model;
    sv_metrics *metrics;
    sv_log *log;
    ev_mutex lock;
    int dir EV_GUARDED_BY(lock);       /* everything is opened relative to it; -1 until it answered */
    stored *items EV_GUARDED_BY(lock); /* in the order of their coming */
    size_t count EV_GUARDED_BY(lock), room EV_GUARDED_BY(lock);
    size_t writing EV_GUARDED_BY(lock); /* voices on their way to the disk */
    /* the reader */
    char *path;
    ev_cond change;
    bool reading EV_GUARDED_BY(lock), again EV_GUARDED_BY(lock),
        closing EV_GUARDED_BY(lock);      /* again: it was asked for while it was at work */
    ev_buf deleted EV_GUARDED_BY(lock);   /* char[SV_VOICE_ID + 1]: what was deleted since it began */
    ev_status status EV_GUARDED_BY(lock); /* how the last reading ended */
    ev_error error EV_GUARDED_BY(lock);
};

/* ---- one file ---- */

static json_t *card_json(const sv_voice_card *c, const ev_voice *voice) {
    unsigned char packed[PACKED_MAX], text[PACKED_MAX * 4 / 3 + 8];
    size_t size;
    if (ev_voice_pack(voice, packed, sizeof packed, &size, NULL) != EV_OK) return NULL;
    EVP_EncodeBlock(text, packed, (int)size);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "id", c->id, "name", c->name, "owner", c->owner, "consent",
                     c->consent, "created", (json_int_t)c->created, "voice", (const char *)text);
}

static bool copy_field(char *to, size_t room, const json_t *json, const char *field) {
    const char *text = json_string_value(json_object_get(json, field));
    if (!text || strlen(text) >= room) return false;
    memcpy(to, text, strlen(text) + 1);
    return true;
}

/* A file is as good as an untrusted client's: it may be damaged, or of another model. NULL, or what is wrong with it.
 */
static const char *read_card(ev_model *model, const json_t *json, stored *out) {
    unsigned char packed[PACKED_MAX];
    const char *text = json_string_value(json_object_get(json, "voice"));
    const size_t length = text ? strlen(text) : 0;
    *out = (stored){0};
    if (!copy_field(out->card.id, sizeof out->card.id, json, "id") ||
        !copy_field(out->card.name, sizeof out->card.name, json, "name") ||
        !copy_field(out->card.owner, sizeof out->card.owner, json, "owner") ||
        !copy_field(out->card.consent, sizeof out->card.consent, json, "consent")) {
        return "id, name, owner or consent is missing or too long";
    }
    out->card.created = json_integer_value(json_object_get(json, "created"));
    if (length < 4 || length % 4 || length / 4 * 3 > sizeof packed) return "its voice is cut short";
    const int decoded = EVP_DecodeBlock(packed, (const unsigned char *)text, (int)length);
    if (decoded <= 0) return "its voice is damaged";
    const size_t size = (size_t)decoded - (text[length - 1] == '=') - (text[length - 2] == '=');
    const ev_status status = ev_voice_unpack(&out->voice, model, packed, size, NULL);
    return status == EV_OK ? NULL : "its voice is damaged, or was made with another model";
}

static void file_name(char name[SV_VOICE_ID + 8], const char *id, const char *ending) {
    assert(strlen(id) == SV_VOICE_ID && strlen(ending) < 8);
    snprintf(name, SV_VOICE_ID + 8, "%s%s", id, ending);
}

static ev_status write_card(int dir, const stored *item, ev_error *err) {
    char name[SV_VOICE_ID + 8], aside[SV_VOICE_ID + 8];
    file_name(name, item->card.id, ".json");
    file_name(aside, item->card.id, ".part");
    json_t *json = card_json(&item->card, item->voice);
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    if (!text) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const int fd = openat(dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && ev_write_all(fd, text, strlen(text)) && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0 && close(fd) != 0 && ok) {
        cause = errno;
        ok = false;
    }
    if (ok) {
        ok = renameat(dir, aside, dir, name) == 0 && fsync(dir) == 0;
        cause = errno;
    }
    free(text);
    if (ok) return EV_OK;
    unlinkat(dir, aside, 0);
    return ev_fail(err, EV_E_IO, "the voice cannot be kept: %s", strerror(cause));
}

/* ---- the table ---- */

static bool add(sv_voice_store *s, const stored *item) EV_REQUIRES(s->lock) {
    if (s->count == s->room) {
        const size_t room = s->room ? 2 * s->room : 64;
        stored *grown = realloc(s->items, room * sizeof *grown);
        if (!grown) return false;
        s->items = grown;
        s->room = room;
    }
    assert(s->count < s->room);
    s->items[s->count++] = *item;
    return true;
}

static stored *find_stored(const sv_voice_store *s, const char *id, const char *owner) EV_REQUIRES(s->lock) {
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].card.id, id) == 0)
            return strcmp(s->items[i].card.owner, owner) == 0 ? &s->items[i] : NULL;
    }
    return NULL;
}

static int by_age(const void *a, const void *b) {
    const stored *x = a, *y = b;
    return (x->card.created > y->card.created) - (x->card.created < y->card.created);
}

static bool is_card_file(const char *name) {
    return strlen(name) == SV_VOICE_ID + 5 && strncmp(name, "voice_", 6) == 0 &&
           strspn(name + 6, "0123456789abcdef") == SV_VOICE_ID - 6 && strcmp(name + SV_VOICE_ID, ".json") == 0;
}

/* NULL, and the reason in *fault. */
static json_t *load_file(int dir, const char *name, const char **fault) {
    struct stat info;
    ev_buf text = {0};
    json_t *json = NULL;
    const int fd = ev_file_open(dir, name, O_NOFOLLOW, &info);
    *fault = fd < 0 && errno == EINVAL ? "it is no file" : "it cannot be read";
    if (fd < 0) return NULL;
    if (info.st_size > FILE_MAX) {
        *fault = "it is too large for a voice";
    } else if (ev_file_read(&text, fd, FILE_MAX)) {
        *fault = "it is no JSON";
        json = json_loadb((const char *)text.data, text.size, 0, NULL);
    }
    close(fd);
    ev_buf_free(&text);
    return json;
}

static bool read_file(sv_voice_store *s, int dir, const char *name, stored *out, const char **fault) {
    json_t *json = load_file(dir, name, fault);
    if (json) *fault = read_card(s->model, json, out);
    if (json && !*fault && strncmp(out->card.id, name, SV_VOICE_ID) != 0) *fault = "its name is not its id";
    json_decref(json);
    if (!*fault) return true;
    ev_voice_free(&out->voice);
    return false;
}

static bool knows(const sv_voice_store *s, const char *id) EV_REQUIRES(s->lock) {
    for (size_t i = 0; i < s->count; i++)
        if (memcmp(s->items[i].card.id, id, SV_VOICE_ID) == 0) return true;
    return false;
}

/* ---- the reader: one thread at a time looks at the whole directory, and waits for it without the lock ---- */

typedef struct listing { /* starts as {0} */
    ev_buf known;        /* char[SV_VOICE_ID + 1], sorted: in the table when the reading began */
    ev_buf found, gone;  /* stored, that are new; char[SV_VOICE_ID + 1], that are no more */
    size_t damaged;
} listing;

static int by_id(const void *a, const void *b) {
    return memcmp(a, b, SV_VOICE_ID);
} /* also of stored: card.id is first */

static void note_known(sv_voice_store *s, listing *l) {
    ev_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) ev_buf_append(&l->known, s->items[i].card.id, SV_VOICE_ID + 1);
    ev_mutex_unlock(&s->lock);
    if (l->known.size) qsort(l->known.data, l->known.size / (SV_VOICE_ID + 1), SV_VOICE_ID + 1, by_id);
}

static bool is_closing(sv_voice_store *s) {
    ev_mutex_lock(&s->lock);
    const bool closing = s->closing;
    ev_mutex_unlock(&s->lock);
    return closing;
}

static void read_one(sv_voice_store *s, int dir, const char *name, listing *l) {
    stored item = {0};
    const char *fault;
    if (l->known.size &&
        bsearch(name, l->known.data, l->known.size / (SV_VOICE_ID + 1), SV_VOICE_ID + 1, by_id) != NULL)
        return;
    if (read_file(s, dir, name, &item, &fault)) {
        if (!ev_buf_append(&l->found, &item, sizeof item)) ev_voice_free(&item.voice);
        return;
    }
    if (s->log && l->damaged < LOGGED_MAX)
        sv_log_line(s->log, SV_LEVEL_WARN, NULL, "voices_dir: %s is passed over: %s", name, fault);
    l->damaged++;
}

static ev_status read_new(sv_voice_store *s, int dir, listing *l, ev_error *err) {
    const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) {
        ev_fail(err, EV_E_IO, "voices_dir cannot be read: %m");
        if (fd >= 0) close(fd);
        return EV_E_IO;
    }
    for (struct dirent *entry; !is_closing(s) && (entry = readdir(list)) != NULL;) {
        if (is_card_file(entry->d_name)) read_one(s, dir, entry->d_name, l);
    }
    closedir(list);
    if (s->log && l->damaged > LOGGED_MAX)
        sv_log_line(s->log, SV_LEVEL_WARN, NULL, "voices_dir: %zu more files are passed over",
                    l->damaged - LOGGED_MAX);
    return EV_OK;
}

static void note_gone(sv_voice_store *s, int dir, listing *l) {
    for (size_t at = 0; at < l->known.size && !is_closing(s); at += SV_VOICE_ID + 1) {
        char name[SV_VOICE_ID + 8];
        const char *id = (const char *)l->known.data + at;
        file_name(name, id, ".json");
        if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            ev_buf_append(&l->gone, id, SV_VOICE_ID + 1);
    }
}

/* What is in the table twice, since it was kept while the directory was read, is one. */
static void drop_doubles(sv_voice_store *s) EV_REQUIRES(s->lock) {
    size_t kept = 0;
    if (s->count) qsort(s->items, s->count, sizeof *s->items, by_id);
    for (size_t i = 0; i < s->count; i++) {
        if (kept && by_id(&s->items[i], &s->items[kept - 1]) == 0)
            ev_voice_free(&s->items[i].voice);
        else
            s->items[kept++] = s->items[i];
    }
    s->count = kept;
    if (s->count) qsort(s->items, s->count, sizeof *s->items, by_age);
}

static void drop_gone(sv_voice_store *s, const listing *l) EV_REQUIRES(s->lock) {
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (l->gone.size &&
            bsearch(&s->items[i], l->gone.data, l->gone.size / (SV_VOICE_ID + 1), SV_VOICE_ID + 1, by_id))
            ev_voice_free(&s->items[i].voice);
        else
            s->items[kept++] = s->items[i];
    }
    s->count = kept;
}

static bool was_deleted(const sv_voice_store *s, const stored *item) EV_REQUIRES(s->lock) {
    for (size_t at = 0; at < s->deleted.size; at += SV_VOICE_ID + 1)
        if (by_id(item, s->deleted.data + at) == 0) return true;
    return false;
}

static void take_in(sv_voice_store *s, listing *l) {
    const stored *found = (const stored *)(const void *)l->found.data;
    ev_mutex_lock(&s->lock);
    drop_gone(s, l);
    for (size_t i = 0; i < ev_array_count(&l->found, stored); i++) {
        ev_voice *voice = found[i].voice;
        if (was_deleted(s, &found[i]) || !add(s, &found[i])) ev_voice_free(&voice);
    }
    drop_doubles(s);
    ev_buf_free(&s->deleted);
    ev_mutex_unlock(&s->lock);
    if (s->metrics) sv_metric_set(s->metrics, SV_METRIC_DAMAGED_VOICES, (double)l->damaged);
}

static int open_once(sv_voice_store *s, ev_error *err) {
    ev_mutex_lock(&s->lock);
    int dir = s->dir;
    ev_mutex_unlock(&s->lock);
    if (dir >= 0) return dir;
    dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) ev_fail(err, EV_E_IO, "%s: %s", s->path, strerror(errno));
    ev_mutex_lock(&s->lock);
    s->dir = dir;
    ev_mutex_unlock(&s->lock);
    return dir;
}

static ev_status read_all(sv_voice_store *s, ev_error *err) {
    listing l = {0};
    const int dir = open_once(s, err);
    if (dir < 0) return EV_E_IO;
    note_known(s, &l);
    note_gone(s, dir, &l);
    const ev_status status = read_new(s, dir, &l, err);
    take_in(s, &l);
    ev_buf_free(&l.known);
    ev_buf_free(&l.found);
    ev_buf_free(&l.gone);
    return status;
}

static void *run_reader(void *store) {
    sv_voice_store *s = store;
    bool more = true;
    while (more) {
        ev_error error = {0};
        const ev_status status = read_all(s, &error);
        ev_mutex_lock(&s->lock);
        assert(s->reading);
        s->status = status;
        s->error = error;
        more = s->reading = s->again && !s->closing;
        s->again = false;
        ev_cond_broadcast(&s->change);
        ev_mutex_unlock(&s->lock);
    }
    return NULL;
}

static void wait_for_reader(sv_voice_store *s, int seconds) EV_REQUIRES(s->lock) {
    const struct timespec until = ev_clock_after(seconds);
    while (s->reading && ev_cond_wait_until(&s->change, &s->lock, &until)) {
    }
}

ev_status sv_voice_store_reload(sv_voice_store *s, bool *read, ev_error *err) {
    ev_status status = EV_OK;
    pthread_t thread;
    ev_mutex_lock(&s->lock);
    if (s->reading) {
        s->again = true;
    } else if (pthread_create(&thread, NULL, run_reader, s) == 0) {
        s->reading = true; /* it waits for the lock before it says that it is done */
        pthread_detach(thread);
    } else {
        status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    if (status == EV_OK) wait_for_reader(s, SV_VOICES_READ_S);
    *read = !s->reading;
    if (status == EV_OK && *read && s->status != EV_OK) status = ev_fail(err, s->status, "%s", s->error.message);
    ev_mutex_unlock(&s->lock);
    if (status == EV_OK && !*read && s->log)
        sv_log_line(s->log, SV_LEVEL_WARN, NULL,
                    "voices_dir is still being read after %d s: its voices come when that is done", SV_VOICES_READ_S);
    return status;
}

ev_status sv_voice_store_open(sv_voice_store **out, ev_model *model, const char *dir, sv_metrics *metrics,
                              sv_log *log, ev_error *err) EV_NOT_SHARED {
    *out = NULL;
    sv_voice_store *s = calloc(1, sizeof *s);
    char *path = strdup(dir);
    if (!s || !path) {
        free(s);
        free(path);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    ev_cond_init(&s->change);
    ev_mutex_init(&s->lock);
    s->model = model;
    s->metrics = metrics;
    s->log = log;
    s->path = path;
    s->dir = -1;
    bool read;
    const ev_status status = sv_voice_store_reload(s, &read, err);
    if (status == EV_OK)
        *out = s;
    else
        sv_voice_store_close(&s);
    return status;
}

void sv_voice_store_close(sv_voice_store **store) EV_NOT_SHARED {
    sv_voice_store *s = *store;
    *store = NULL;
    if (!s) return;
    ev_mutex_lock(&s->lock);
    s->closing = true;
    wait_for_reader(s, 1);
    const bool stuck = s->reading;
    ev_mutex_unlock(&s->lock);
    if (stuck) return; /* in a mount that does not answer: what it holds goes with the process */
    assert(!s->writing);
    for (size_t i = 0; i < s->count; i++) ev_voice_free(&s->items[i].voice);
    free(s->items);
    if (s->dir >= 0) close(s->dir);
    free(s->path);
    ev_buf_free(&s->deleted);
    ev_cond_destroy(&s->change);
    ev_mutex_destroy(&s->lock);
    free(s);
}

static ev_voice *copy_voice(ev_model *model, const ev_voice *voice) {
    unsigned char packed[PACKED_MAX];
    size_t size;
    ev_voice *copy = NULL;
    if (ev_voice_pack(voice, packed, sizeof packed, &size, NULL) == EV_OK) {
        ev_voice_unpack(&copy, model, packed, size, NULL);
    }
    return copy;
}

/* Untrusted clients fill half of the store at most, one of them a twentieth, a key a quarter. */
static bool has_room(const sv_voice_store *s, const char *owner) EV_REQUIRES(s->lock) {
    char site[SV_ACCOUNT_SIZE], other[SV_ACCOUNT_SIZE];
    const bool untrusted = sv_account_site(owner, site);
    const size_t most = untrusted ? OF_UNTRUSTED_MAX : OF_KEY_MAX;
    size_t own = 0, untrusted_count = 0;
    for (size_t i = 0; i < s->count; i++) {
        untrusted_count += sv_account_site(s->items[i].card.owner, other);
        own += strcmp(site, other) == 0;
    }
    if (s->count + s->writing >= VOICES_MAX || own + s->writing >= most) return false;
    return !untrusted || untrusted_count + s->writing < UNTRUSTED_MAX;
}

ev_status sv_voice_store_put(sv_voice_store *s, const ev_voice *voice, const char *name, const char *owner,
                             const char *consent, sv_voice_card *card, ev_error *err) {
    stored item = {.card = {.id = "voice_"}, .voice = copy_voice(s->model, voice)};
    if (!item.voice || !ev_random_hex(item.card.id + 6, SV_VOICE_ID - 6)) {
        ev_voice_free(&item.voice);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    snprintf(item.card.name, sizeof item.card.name, "%s", name);
    snprintf(item.card.owner, sizeof item.card.owner, "%s", owner);
    snprintf(item.card.consent, sizeof item.card.consent, "%s", consent ? consent : "");
    item.card.created = (int64_t)time(NULL);
    ev_mutex_lock(&s->lock);
    const int dir = s->dir;
    const bool room = has_room(s, owner);
    s->writing += room;
    ev_mutex_unlock(&s->lock); /* looking a voice up does not wait for the disk */
    ev_status status = EV_OK;
    if (dir < 0)
        status = ev_fail(err, EV_E_IO, "the voice cannot be kept: the place for voices does not answer");
    else if (!room)
        status =
            ev_fail(err, EV_E_LIMIT, "no more voices of yours are kept (%d of a key, %d of an address): delete some",
                    OF_KEY_MAX, OF_UNTRUSTED_MAX);
    else
        status = write_card(dir, &item, err);
    ev_mutex_lock(&s->lock);
    assert(s->writing >= (size_t)room);
    s->writing -= room;
    const bool known = status == EV_OK && knows(s, item.card.id); /* the directory was read again in between */
    if (status == EV_OK && !known && !add(s, &item)) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_mutex_unlock(&s->lock);
    *card = item.card;
    if (known || status != EV_OK) ev_voice_free(&item.voice);
    return status;
}

ev_status sv_voice_store_get(sv_voice_store *s, const char *id, const char *owner, ev_voice **out, ev_error *err) {
    ev_mutex_lock(&s->lock);
    const stored *item = find_stored(s, id, owner);
    *out = item ? copy_voice(s->model, item->voice) : NULL;
    ev_mutex_unlock(&s->lock);
    if (!item) return ev_fail(err, EV_E_NOT_FOUND, "there is no voice '%.50s': see /v1/voices", id);
    return *out ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory");
}

/* Out of the table. False: it is not there. */
static bool forget(sv_voice_store *s, const char *id, const char *owner) {
    ev_mutex_lock(&s->lock);
    stored *item = find_stored(s, id, owner);
    if (item) {
        if (s->reading) ev_buf_append(&s->deleted, item->card.id, SV_VOICE_ID + 1);
        ev_voice_free(&item->voice);
        memmove(item, item + 1, (size_t)(s->items + --s->count - item) * sizeof *item);
    }
    ev_mutex_unlock(&s->lock);
    return item != NULL;
}

ev_status sv_voice_store_delete(sv_voice_store *s, const char *id, const char *owner, ev_error *err) {
    char name[SV_VOICE_ID + 8];
    ev_mutex_lock(&s->lock);
    const bool known = find_stored(s, id, owner) != NULL;
    const int dir = s->dir;
    ev_mutex_unlock(&s->lock); /* looking a voice up does not wait for the disk */
    if (!known) return ev_fail(err, EV_E_NOT_FOUND, "there is no voice '%.50s': see /v1/voices", id);
    file_name(name, id, ".json");
    /* what was deleted does not come back with the power */
    if ((unlinkat(dir, name, 0) != 0 && errno != ENOENT) || fsync(dir) != 0)
        return ev_fail(err, EV_E_IO, "the voice cannot be deleted: %s", strerror(errno));
    forget(s, id, owner);
    return EV_OK;
}

void sv_voice_store_each(sv_voice_store *s, const char *owner, void (*each)(void *, const sv_voice_card *),
                         void *user) {
    ev_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].card.owner, owner) == 0) each(user, &s->items[i].card);
    }
    ev_mutex_unlock(&s->lock);
}
