/* voices: the table of voices in memory; uploads on disk are voices_store.c's. */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "base/voice_names.h"
#include "server/voices/voices_store.h"

enum { KEY = 32, OVERHEAD = 512 }; /* of a voice beside its vector: the structs, the allocator */

struct sv_voice {     /* one voice in memory: of a reference, cached by its content, or of an upload or the model */
    ev_map_node node; /* by key */
    ev_list_node use; /* in the cache, least recently used first */
    unsigned char key[KEY];
    ev_voice *voice; /* NULL while it is being made, and when that failed */
    ev_error error;  /* why */
    int64_t bytes;
    int users;
    bool making, cached;
};

struct sv_voices {
    ev_model *model;
    sv_decoder *decoder;
    sv_metrics *metrics;
    sv_log *log;
    sv_voice_store *_Atomic store; /* NULL: no uploads */
    double seconds_max;            /* of a reference */
    ev_mutex lock;
    ev_cond made;
    ev_map cached EV_GUARDED_BY(lock);
    ev_list uses EV_GUARDED_BY(lock); /* of what is cached */
    int64_t bytes EV_GUARDED_BY(lock), bytes_max;
    bool shared;                       /* other processes take in voices and delete them too */
    double looked EV_GUARDED_BY(lock); /* when the directory was read for one that was not known; 0: never */
    ev_rwlock share_lock;              /* of shared vectors: read while one of its calls is under way */
    sv_vector_cache vectors;           /* get NULL: there is none */
    ev_mutex synth_lock;
    ev_synth *synth; /* for embedding alone; made at the first reference */
};

ev_status sv_voices_create(sv_voices **out, ev_model *model, sv_decoder *decoder, const sv_config *config,
                           sv_metrics *metrics, sv_log *log, ev_error *err) EV_NOT_SHARED {
    sv_voices *v = *out = calloc(1, sizeof *v);
    if (!v || !ev_map_init(&v->cached, 0)) {
        free(v);
        *out = NULL;
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    v->model = model;
    v->decoder = decoder;
    v->metrics = metrics;
    v->log = log;
    v->bytes_max = config->voice_cache;
    v->shared = *config->redis != '\0';
    v->seconds_max = config->reference_seconds_max;
    ev_mutex_init(&v->lock);
    ev_mutex_init(&v->synth_lock);
    ev_rwlock_init(&v->share_lock);
    ev_cond_init(&v->made);
    const ev_status status = *config->voices_dir ? sv_voices_open_store(v, config, log, err) : EV_OK;
    if (status != EV_OK) sv_voices_free(out);
    return status;
}

ev_status sv_voices_open_store(sv_voices *v, const sv_config *config, sv_log *log, ev_error *err) {
    sv_voice_store *store = NULL;
    const ev_status status = sv_voice_store_open(&store, v->model, config->voices_dir, v->metrics, log, err);
    v->store = store;
    return status;
}

static void free_voice(sv_voice *voice) {
    ev_voice_free(&voice->voice);
    free(voice);
}

void sv_voices_free(sv_voices **held) EV_NOT_SHARED {
    sv_voices *v = *held;
    *held = NULL;
    if (!v) return;
    for (ev_list_node *at = v->uses.first, *next; at; at = next) {
        next = at->next;
        free_voice(EV_CONTAINER_OF(at, sv_voice, use));
    }
    ev_map_free(&v->cached);
    sv_voice_store *store = v->store;
    sv_voice_store_close(&store);
    ev_synth_free(&v->synth);
    ev_cond_destroy(&v->made);
    ev_mutex_destroy(&v->synth_lock);
    ev_rwlock_destroy(&v->share_lock);
    ev_mutex_destroy(&v->lock);
    free(v);
}

void sv_voice_warnings(const sv_voice *voice, char out[SV_VOICE_WARNINGS]) {
    const unsigned faults = ev_voice_faults(voice->voice);
    size_t used = 0;
    out[0] = '\0';
    for (unsigned one = 1; one <= EV_VOICE_FAULTS; one <<= 1) {
        if (!(faults & one)) continue;
        used += (size_t)snprintf(out + used, SV_VOICE_WARNINGS - used, "%s%s", used ? "; " : "",
                                 ev_voice_fault_hint((ev_voice_fault)one));
        assert(used < SV_VOICE_WARNINGS); /* all of them together fit */
    }
}

void sv_voices_attach(sv_voices *v, ev_model *model) {
    ev_mutex_lock(&v->synth_lock);
    ev_synth_free(&v->synth); /* the next reference makes one */
    v->model = model;
    ev_mutex_unlock(&v->synth_lock);
}

const ev_voice *sv_voice_get(const sv_voice *voice) { return voice->voice; }

/* ---- the cache ---- */

/* Out of the cache; it lives on while it has users. */
static void uncache(sv_voices *v, sv_voice *voice) EV_REQUIRES(v->lock) {
    assert(voice->cached && voice->users >= 0);
    const bool used = voice->users > 0;
    ev_map_remove(&v->cached, &voice->node);
    ev_list_remove(&voice->use);
    v->bytes -= voice->bytes;
    assert(v->bytes >= 0);
    voice->cached = false;
    if (!used) free_voice(voice);
}

static sv_voice *find_cached(const sv_voices *v, const unsigned char *key) EV_REQUIRES(v->lock) {
    return EV_CONTAINER_OF(ev_map_find(&v->cached, key, KEY), sv_voice, node);
}

void sv_voice_release(sv_voices *v, sv_voice **held) {
    sv_voice *voice = *held;
    *held = NULL;
    if (!voice) return;
    ev_mutex_lock(&v->lock);
    assert(voice->users > 0);
    if (--voice->users == 0 && !voice->cached) free_voice(voice);
    ev_mutex_unlock(&v->lock);
}

/* ---- a voice from a recording ---- */

static ev_status decode(sv_voices *v, const void *bytes, size_t size, ev_audio *audio, ev_error *err) {
    if (v->decoder) return sv_decode_audio(v->decoder, bytes, size, audio, err);
    return ev_audio_decode(audio, bytes, size, SV_DECODE_SECONDS_MAX, err);
}

static ev_status embed(sv_voices *v, const ev_audio *audio, ev_voice **out, ev_error *err) {
    ev_status status = EV_OK;
    ev_mutex_lock(&v->synth_lock);
    if (!v->synth) {
        ev_synth_options options;
        ev_synth_options_init(&options);
        options.threads = 1; /* beside the device's own threads */
        status = ev_synth_create(&v->synth, v->model, &options, err);
    }
    const double start = ev_clock_s();
    if (status == EV_OK)
        status = ev_voice_embed(out, v->synth, audio->samples, audio->count, audio->sample_rate, err);
    ev_mutex_unlock(&v->synth_lock);
    if (v->metrics) sv_metric_observe(v->metrics, SV_METRIC_STAGE_DURATION, SV_TIMED_SPEAKER, ev_clock_s() - start);
    return status;
}

/* ---- vectors that other processes have made, or may use ---- */

void sv_voices_share(sv_voices *v, const sv_vector_cache *cache) {
    ev_rwlock_write(&v->share_lock);
    v->vectors = cache ? *cache : (sv_vector_cache){0};
    ev_rwlock_unlock(&v->share_lock);
}

/* One that is of another model's encoder is not known. */
static bool find_shared(sv_voices *v, const unsigned char *key, ev_voice **out) {
    unsigned char packed[SV_VECTOR_MAX];
    ev_rwlock_read(&v->share_lock);
    const size_t size = v->vectors.get ? v->vectors.get(v->vectors.user, key, packed) : 0;
    assert(size <= SV_VECTOR_MAX);
    ev_rwlock_unlock(&v->share_lock);
    return size && ev_voice_unpack(out, v->model, packed, size, NULL) == EV_OK;
}

/* What is wrong with a recording is not part of its vector: the request that brings it is answered with a warning. */
static void share_made(sv_voices *v, const unsigned char *key, const ev_voice *voice) {
    unsigned char packed[SV_VECTOR_MAX];
    size_t size;
    if (ev_voice_faults(voice) || ev_voice_pack(voice, packed, sizeof packed, &size, NULL) != EV_OK) return;
    ev_rwlock_read(&v->share_lock);
    if (v->vectors.put) v->vectors.put(v->vectors.user, key, packed, size);
    ev_rwlock_unlock(&v->share_lock);
}

static void drop_shared(sv_voices *v, const ev_voice *voice) {
    unsigned char packed[SV_VECTOR_MAX];
    size_t size;
    if (ev_voice_pack(voice, packed, sizeof packed, &size, NULL) != EV_OK) return;
    ev_rwlock_read(&v->share_lock);
    if (v->vectors.drop) v->vectors.drop(v->vectors.user, packed, size);
    ev_rwlock_unlock(&v->share_lock);
}

static ev_status make(sv_voices *v, const void *bytes, size_t size, ev_voice **out, ev_error *err) {
    ev_audio audio = {0};
    ev_status status = decode(v, bytes, size, &audio, err);
    if (status == EV_OK && (double)audio.count > v->seconds_max * audio.sample_rate) {
        status = ev_fail(err, EV_E_AUDIO, "the reference has %.1f seconds: send at most %g",
                         (double)audio.count / audio.sample_rate, v->seconds_max);
    }
    if (status == EV_OK) status = embed(v, &audio, out, err);
    ev_audio_free(&audio);
    return status;
}

static ev_status find_or_make(sv_voices *v, const unsigned char *key, const void *bytes, size_t size, ev_voice **out,
                              ev_error *err) {
    if (find_shared(v, key, out)) return EV_OK;
    const ev_status status = make(v, bytes, size, out, err);
    if (status == EV_OK) share_made(v, key, *out);
    return status;
}

/* A new entry that is being made. NULL: out of memory. */
static sv_voice *begin(sv_voices *v, const unsigned char *key) EV_REQUIRES(v->lock) {
    assert(!find_cached(v, key));
    sv_voice *voice = calloc(1, sizeof *voice);
    if (!voice) return NULL;
    memcpy(voice->key, key, KEY);
    voice->making = voice->cached = true;
    voice->users = 1;
    ev_map_add(&v->cached, &voice->node, voice->key, KEY);
    ev_list_append(&v->uses, &voice->use);
    return voice;
}

static void complete(sv_voices *v, sv_voice *voice, ev_status status) {
    size_t floats = 0;
    ev_mutex_lock(&v->lock);
    assert(voice->users > 0); /* who made it */
    assert(voice->making && voice->cached);
    voice->making = false;
    if (status == EV_OK) {
        ev_voice_vector(voice->voice, &floats);
        voice->bytes = (int64_t)(floats * sizeof(float) + OVERHEAD);
        v->bytes += voice->bytes;
    } else {
        uncache(v, voice); /* its users see the error */
    }
    for (ev_list_node *at = v->uses.first, *next; at && v->bytes > v->bytes_max; at = next) {
        sv_voice *old = EV_CONTAINER_OF(at, sv_voice, use);
        next = at->next;
        if (!old->making) uncache(v, old);
    }
    ev_cond_broadcast(&v->made);
    ev_mutex_unlock(&v->lock);
}

static void log_warnings(sv_voices *v, const sv_voice *voice) {
    char warnings[SV_VOICE_WARNINGS];
    sv_voice_warnings(voice, warnings);
    if (v->log && warnings[0]) sv_log_line(v->log, SV_LEVEL_WARN, NULL, "a reference recording is %s", warnings);
}

ev_status sv_voices_reference(sv_voices *v, const void *bytes, size_t size, sv_voice **out, ev_error *err) {
    unsigned char key[KEY];
    *out = NULL;
    if (!EVP_Digest(bytes, size, key, NULL, EVP_sha256(), NULL)) return ev_fail(err, EV_E_MEMORY, "out of memory");
    ev_mutex_lock(&v->lock);
    sv_voice *voice = find_cached(v, key);
    const bool hit = voice != NULL;
    if (hit) {
        voice->users++;
        ev_list_renew(&voice->use);
        while (voice->making) ev_cond_wait(&v->made, &v->lock);
    } else {
        voice = begin(v, key);
    }
    ev_mutex_unlock(&v->lock);
    if (!voice) return ev_fail(err, EV_E_MEMORY, "out of memory");
    if (v->metrics) sv_metric_add(v->metrics, SV_METRIC_VOICE_CACHE, hit ? SV_LOOKUP_HIT : SV_LOOKUP_MISS, 1);
    if (!hit) complete(v, voice, find_or_make(v, key, bytes, size, &voice->voice, &voice->error));
    *out = voice;
    if (voice->voice && !hit) log_warnings(v, voice);
    if (voice->voice) return EV_OK;
    const ev_status status = voice->error.status;
    assert(status != EV_OK);
    ev_fail(err, status, "%s", voice->error.message);
    sv_voice_release(v, out);
    return status;
}

/* ---- named and uploaded ---- */

/* Another gateway may have just taken it in; a directory is not read more than once a second for requests that ask
 * for what is not there. */
static bool may_look_again(sv_voices *v) {
    if (!v->shared) return false;
    const double now = ev_clock_s();
    ev_mutex_lock(&v->lock);
    const bool may = v->looked == 0 || now - v->looked >= 1;
    if (may) v->looked = now;
    ev_mutex_unlock(&v->lock);
    return may;
}

static bool is_upload(const sv_voices *v, const char *name) { return v->store && strncmp(name, "voice_", 6) == 0; }

static ev_status find_upload(sv_voices *v, const char *name, const char *owner, ev_voice **out, ev_error *err) {
    const ev_status status = sv_voice_store_get(v->store, name, owner, out, err);
    if (status != EV_E_NOT_FOUND || !may_look_again(v)) return status;
    bool read;
    if (sv_voice_store_reload(v->store, &read, NULL) != EV_OK) return status;
    return sv_voice_store_get(v->store, name, owner, out, err);
}

static ev_status find_voice(sv_voices *v, const char *name, const char *owner, ev_voice **out, ev_error *err) {
    return is_upload(v, name) ? find_upload(v, name, owner, out, err) : ev_voice_named(out, v->model, name, err);
}

static ev_status not_mixed(ev_error *err) {
    return ev_fail(err, EV_E_ARGUMENT,
                   "voice: a mixture is written 'ava+ray' or 'ava(2)+ray(1)', of at most %d voices",
                   EV_VOICE_PARTS_MAX);
}

static ev_status mixed_part(const char **at, char name[EV_VOICE_PART_SIZE], float *weight, ev_error *err) {
    return ev_voice_next_part(at, name, weight) ? EV_OK : not_mixed(err);
}

static ev_status check_voice(sv_voices *v, const sv_catalogue *c, const char *name, const char *owner,
                             ev_error *err) {
    if (!is_upload(v, name)) return sv_catalogue_check(c, name, err);
    ev_voice *voice = NULL;
    const ev_status status = find_upload(v, name, owner, &voice, err);
    ev_voice_free(&voice);
    return status;
}

ev_status sv_voices_check(sv_voices *v, const sv_catalogue *c, const char *name, const char *owner, ev_error *err) {
    char part[EV_VOICE_PART_SIZE];
    float weight;
    if (!ev_voice_is_mixed(name)) return check_voice(v, c, name, owner, err);
    ev_status status = EV_OK;
    size_t count = 0;
    for (const char *at = name; *at && !status; count++) {
        status = count == EV_VOICE_PARTS_MAX ? not_mixed(err) : mixed_part(&at, part, &weight, err);
        if (!status) status = check_voice(v, c, part, owner, err);
    }
    return status;
}

static ev_status mix(sv_voices *v, const char *name, const char *owner, ev_voice **out, ev_error *err) {
    ev_voice *parts[EV_VOICE_PARTS_MAX] = {0};
    char part[EV_VOICE_PART_SIZE];
    float weights[EV_VOICE_PARTS_MAX] = {0};
    size_t count = 0;
    ev_status status = EV_OK;
    for (const char *at = name; *at && !status; count += !status) {
        status = count == EV_VOICE_PARTS_MAX ? not_mixed(err) : mixed_part(&at, part, &weights[count], err);
        if (!status) status = find_voice(v, part, owner, &parts[count], err);
    }
    assert(count <= EV_VOICE_PARTS_MAX);
    if (!status) status = ev_voice_mix(out, (const ev_voice *const *)parts, weights, count, err);
    for (size_t i = 0; i < count; i++) ev_voice_free(&parts[i]);
    return status;
}

ev_status sv_voices_named(sv_voices *v, const char *name, const char *owner, sv_voice **out, ev_error *err) {
    *out = NULL;
    sv_voice *voice = calloc(1, sizeof *voice);
    if (!voice) return ev_fail(err, EV_E_MEMORY, "out of memory");
    voice->users = 1;
    const bool mixed = ev_voice_is_mixed(name);
    const ev_status status =
        mixed ? mix(v, name, owner, &voice->voice, err) : find_voice(v, name, owner, &voice->voice, err);
    if (status != EV_OK) {
        free(voice);
        return status;
    }
    *out = voice;
    return EV_OK;
}

ev_status sv_voices_keep(sv_voices *v, const void *bytes, size_t size, const char *name, const char *owner,
                         const char *consent, sv_voice_card *card, ev_error *err) {
    if (!v->store) {
        return ev_fail(err, EV_E_ARGUMENT,
                       "this service keeps no voices: start it with voices_dir, or send the "
                       "reference with each request");
    }
    sv_voice *voice = NULL;
    ev_status status = sv_voices_reference(v, bytes, size, &voice, err);
    if (status == EV_OK) status = sv_voice_store_put(v->store, voice->voice, name, owner, consent, card, err);
    if (status == EV_OK) sv_voice_warnings(voice, card->warnings);
    sv_voice_release(v, &voice);
    return status;
}

static bool equal(const ev_voice *a, const ev_voice *b) {
    size_t count, other;
    const float *x = ev_voice_vector(a, &count), *y = ev_voice_vector(b, &other);
    return count == other && memcmp(x, y, count * sizeof *x) == 0;
}

/* What is deleted is not remembered either. A file does not tell of which recording its voice is, but equal vectors
 * do. */
static void forget_references(sv_voices *v, const ev_voice *voice) {
    ev_mutex_lock(&v->lock);
    for (ev_list_node *at = v->uses.first, *next; at; at = next) {
        sv_voice *one = EV_CONTAINER_OF(at, sv_voice, use);
        next = at->next;
        if (!one->making && equal(one->voice, voice)) uncache(v, one);
    }
    ev_mutex_unlock(&v->lock);
}

ev_status sv_voices_delete(sv_voices *v, const char *id, const char *owner, ev_error *err) {
    ev_voice *voice = NULL;
    if (!v->store) return ev_fail(err, EV_E_NOT_FOUND, "there is no such voice");
    ev_status status = sv_voice_store_get(v->store, id, owner, &voice, err);
    if (status == EV_OK) status = sv_voice_store_delete(v->store, id, owner, err);
    if (status == EV_OK) forget_references(v, voice);
    if (status == EV_OK) drop_shared(v, voice);
    ev_voice_free(&voice);
    return status;
}

ev_status sv_voices_reload(sv_voices *v, bool *read, ev_error *err) {
    *read = true;
    return v->store ? sv_voice_store_reload(v->store, read, err) : EV_OK;
}

void sv_voices_each(sv_voices *v, const char *owner, void (*each)(void *user, const sv_voice_card *card),
                    void *user) {
    if (v->store) sv_voice_store_each(v->store, owner, each, user);
}
