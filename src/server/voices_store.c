#include "server/voices_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { VOICES_MAX = 10000, PACKED_MAX = 65536 };

typedef struct stored {
    sv_voice_card card;
    ev_voice *voice;
} stored;

struct sv_voice_store {
    ev_model *model;
    int dir; /* everything is opened relative to it */
    pthread_mutex_t lock;
    stored *items; /* in the order of their coming */
    size_t count, room;
    size_t writing; /* voices on their way to the disk */
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

/* A file is as good as a stranger's: it may be damaged, or of another model. */
static bool read_card(ev_model *model, const json_t *json, stored *out) {
    unsigned char packed[PACKED_MAX];
    const char *text = json_string_value(json_object_get(json, "voice"));
    const size_t length = text ? strlen(text) : 0;
    *out = (stored){0};
    if (!copy_field(out->card.id, sizeof out->card.id, json, "id") ||
        !copy_field(out->card.name, sizeof out->card.name, json, "name") ||
        !copy_field(out->card.owner, sizeof out->card.owner, json, "owner") ||
        !copy_field(out->card.consent, sizeof out->card.consent, json, "consent")) {
        return false;
    }
    out->card.created = json_integer_value(json_object_get(json, "created"));
    if (length < 4 || length % 4 || length / 4 * 3 > sizeof packed) return false;
    const int decoded = EVP_DecodeBlock(packed, (const unsigned char *)text, (int)length);
    if (decoded <= 0) return false;
    const size_t size = (size_t)decoded - (text[length - 1] == '=') - (text[length - 2] == '=');
    return ev_voice_unpack(&out->voice, model, packed, size, NULL) == EV_OK;
}

static void file_name(char name[SV_VOICE_ID + 8], const char *id, const char *ending) {
    snprintf(name, SV_VOICE_ID + 8, "%s%s", id, ending);
}

static ev_status write_card(sv_voice_store *s, const stored *item, ev_error *err) {
    char name[SV_VOICE_ID + 8], aside[SV_VOICE_ID + 8];
    file_name(name, item->card.id, ".json");
    file_name(aside, item->card.id, ".part");
    json_t *json = card_json(&item->card, item->voice);
    char *text = json ? json_dumps(json, JSON_INDENT(1)) : NULL;
    json_decref(json);
    if (!text) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const int fd = openat(s->dir, aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && fsync(fd) == 0;
    const int cause = errno;
    if (fd >= 0 && close(fd) != 0) ok = false;
    if (ok) ok = renameat(s->dir, aside, s->dir, name) == 0 && fsync(s->dir) == 0;
    free(text);
    if (ok) return EV_OK;
    unlinkat(s->dir, aside, 0);
    return ev_fail(err, EV_E_IO, "the voice cannot be kept: %s", strerror(cause));
}

/* ---- the table; under the lock, but at open ---- */

static bool add(sv_voice_store *s, const stored *item) {
    if (s->count == s->room) {
        const size_t room = s->room ? 2 * s->room : 64;
        stored *grown = realloc(s->items, room * sizeof *grown);
        if (!grown) return false;
        s->items = grown;
        s->room = room;
    }
    s->items[s->count++] = *item;
    return true;
}

static stored *find(const sv_voice_store *s, const char *id, const char *owner) {
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

static void read_file(sv_voice_store *s, const char *name) {
    stored item = {0};
    const int fd = openat(s->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    json_t *json = fd >= 0 ? json_loadfd(fd, 0, NULL) : NULL;
    if (fd >= 0) close(fd);
    const bool ok = json && read_card(s->model, json, &item) && strncmp(item.card.id, name, SV_VOICE_ID) == 0;
    json_decref(json);
    if (!ok || !add(s, &item)) ev_voice_free(&item.voice);
}

static bool knows(const sv_voice_store *s, const char *file) {
    for (size_t i = 0; i < s->count; i++)
        if (memcmp(s->items[i].card.id, file, SV_VOICE_ID) == 0) return true;
    return false;
}

static ev_status read_new(sv_voice_store *s, ev_error *err) {
    const int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) {
        ev_fail(err, EV_E_IO, "voices_dir cannot be read: %m");
        if (fd >= 0) close(fd);
        return EV_E_IO;
    }
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (is_card_file(entry->d_name) && !knows(s, entry->d_name)) read_file(s, entry->d_name);
    }
    closedir(list);
    if (s->count) qsort(s->items, s->count, sizeof *s->items, by_age);
    return EV_OK;
}

static bool has_file(const sv_voice_store *s, const stored *item) {
    char name[SV_VOICE_ID + 8];
    file_name(name, item->card.id, ".json");
    return faccessat(s->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

static void drop_removed(sv_voice_store *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (has_file(s, &s->items[i]))
            s->items[kept++] = s->items[i];
        else
            ev_voice_free(&s->items[i].voice);
    }
    s->count = kept;
}

ev_status sv_voice_store_reload(sv_voice_store *s, ev_error *err) {
    pthread_mutex_lock(&s->lock);
    drop_removed(s);
    const ev_status status = read_new(s, err);
    pthread_mutex_unlock(&s->lock);
    return status;
}

ev_status sv_voice_store_open(sv_voice_store **out, ev_model *model, const char *dir, ev_error *err) {
    *out = NULL;
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ev_fail(err, EV_E_IO, "%s: %s", dir, strerror(errno));
    sv_voice_store *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    pthread_mutex_init(&s->lock, NULL);
    s->model = model;
    s->dir = fd;
    const ev_status status = read_new(s, err);
    if (status == EV_OK)
        *out = s;
    else
        sv_voice_store_close(&s);
    return status;
}

void sv_voice_store_close(sv_voice_store **store) {
    sv_voice_store *s = *store;
    *store = NULL;
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) ev_voice_free(&s->items[i].voice);
    free(s->items);
    close(s->dir);
    pthread_mutex_destroy(&s->lock);
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

ev_status sv_voice_store_put(sv_voice_store *s, const ev_voice *voice, const char *name, const char *owner,
                             const char *consent, sv_voice_card *card, ev_error *err) {
    unsigned char bytes[16];
    stored item = {.voice = copy_voice(s->model, voice)};
    if (!item.voice || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        ev_voice_free(&item.voice);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    memcpy(item.card.id, "voice_", 7);
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(item.card.id + 6 + 2 * i, 3, "%02x", bytes[i]);
    snprintf(item.card.name, sizeof item.card.name, "%s", name);
    snprintf(item.card.owner, sizeof item.card.owner, "%s", owner);
    snprintf(item.card.consent, sizeof item.card.consent, "%s", consent ? consent : "");
    item.card.created = (int64_t)time(NULL);
    pthread_mutex_lock(&s->lock);
    const bool room = s->count + s->writing < VOICES_MAX;
    s->writing += room;
    pthread_mutex_unlock(&s->lock); /* who looks a voice up does not wait for the disk */
    ev_status status =
        room ? write_card(s, &item, err) : ev_fail(err, EV_E_LIMIT, "%d voices are kept: delete some", VOICES_MAX);
    pthread_mutex_lock(&s->lock);
    s->writing -= room;
    const bool known = status == EV_OK && knows(s, item.card.id); /* the directory was read again in between */
    if (status == EV_OK && !known && !add(s, &item)) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    pthread_mutex_unlock(&s->lock);
    *card = item.card;
    if (known || status != EV_OK) ev_voice_free(&item.voice);
    return status;
}

ev_status sv_voice_store_get(sv_voice_store *s, const char *id, const char *owner, ev_voice **out, ev_error *err) {
    pthread_mutex_lock(&s->lock);
    const stored *item = find(s, id, owner);
    *out = item ? copy_voice(s->model, item->voice) : NULL;
    pthread_mutex_unlock(&s->lock);
    if (!item) return ev_fail(err, EV_E_NOT_FOUND, "there is no voice '%.50s': see /v1/voices", id);
    return *out ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory");
}

ev_status sv_voice_store_delete(sv_voice_store *s, const char *id, const char *owner, ev_error *err) {
    char name[SV_VOICE_ID + 8];
    bool gone = true;
    pthread_mutex_lock(&s->lock);
    stored *item = find(s, id, owner);
    if (item) {
        file_name(name, item->card.id, ".json");
        gone = unlinkat(s->dir, name, 0) == 0 || errno == ENOENT;
    }
    if (item && gone) {
        ev_voice_free(&item->voice);
        memmove(item, item + 1, (size_t)(s->items + --s->count - item) * sizeof *item);
    }
    pthread_mutex_unlock(&s->lock);
    if (!item) return ev_fail(err, EV_E_NOT_FOUND, "there is no voice '%.50s': see /v1/voices", id);
    return gone ? EV_OK : ev_fail(err, EV_E_IO, "the voice cannot be deleted");
}

void sv_voice_store_each(sv_voice_store *s, const char *owner, void (*each)(void *, const sv_voice_card *),
                         void *user) {
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->items[i].card.owner, owner) == 0) each(user, &s->items[i].card);
    }
    pthread_mutex_unlock(&s->lock);
}
