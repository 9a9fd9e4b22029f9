/* jobs: the table of all jobs. By id, for those who ask later; by content, so that equal requests are made once and,
 * while there is room, not made again.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/map.h"
#include "server/guard/guard.h"
#include "server/jobs/jobs.h"

enum { RESULTS_PER_OWNER_MAX = 10000 }; /* results of one owner */

/* Who was promised results: an account, or of untrusted clients a whole /48. */
typedef struct sv_owner {
    ev_map_node node; /* by name */
    ev_list results;  /* oldest first */
    int64_t bytes;
    bool untrusted;
    char name[SV_ACCOUNT_SIZE];
} sv_owner;

struct sv_jobs {
    ev_mutex lock;
    ev_map by_id EV_GUARDED_BY(lock), by_key EV_GUARDED_BY(lock), by_idempotency EV_GUARDED_BY(lock);
    ev_map owners EV_GUARDED_BY(lock);  /* of results for those who ask by id */
    ev_list shared EV_GUARDED_BY(lock); /* for equal requests alone, oldest first: the first to go */
    int64_t bytes EV_GUARDED_BY(lock), bytes_max;
    double ttl_s;
    bool coalesce;
};

static bool make_maps(sv_jobs *jobs) EV_NOT_SHARED {
    return ev_map_init(&jobs->by_id, 0) && ev_map_init(&jobs->by_key, 0) && ev_map_init(&jobs->by_idempotency, 0) &&
           ev_map_init(&jobs->owners, 0);
}

static void free_maps(sv_jobs *jobs) EV_NOT_SHARED {
    ev_map_free(&jobs->by_id);
    ev_map_free(&jobs->by_key);
    ev_map_free(&jobs->by_idempotency);
    ev_map_free(&jobs->owners);
}

ev_status sv_jobs_create(sv_jobs **out, int64_t results_max, double ttl_s, bool coalesce, ev_error *err) {
    sv_jobs *jobs = *out = calloc(1, sizeof *jobs);
    if (!jobs || !make_maps(jobs)) {
        if (jobs) free_maps(jobs);
        free(jobs);
        *out = NULL;
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    ev_mutex_init(&jobs->lock);
    jobs->bytes_max = results_max;
    jobs->ttl_s = ttl_s;
    jobs->coalesce = coalesce;
    return EV_OK;
}

/* ---- content ---- */

static void add(EVP_MD_CTX *hash, const void *bytes, size_t size) {
    const uint64_t length = bytes ? size : UINT64_MAX; /* none is not empty, and no two fields run together */
    EVP_DigestUpdate(hash, &length, sizeof length);
    if (bytes) EVP_DigestUpdate(hash, bytes, size);
}

static void add_text(EVP_MD_CTX *hash, const char *text) { add(hash, text, text ? strlen(text) : 0); }

/* A text may name voices, and to another account these are others, or none. */
static bool names_voices(const sv_speech *s) {
    for (const char *at = s->text, *end = at + s->text_bytes; (at = memchr(at, '<', (size_t)(end - at))); at++) {
        const size_t left = (size_t)(end - at);
        if (left > 6 && strncasecmp(at + 1, "voice", 5) == 0) return true;
        const char *colon = memchr(at, ':', left < 64 ? left : 64); /* a prefix of the name */
        if (colon && (size_t)(end - colon) > 6 && strncasecmp(colon + 1, "voice", 5) == 0) return true;
    }
    return false;
}

/* All that decides the samples; not the client, how urgently, or in which format. None: what lies behind a URL may be
 * another thing next time, or withdrawn. */
static bool content_key(const sv_speech *s, const char *owner, unsigned char key[SV_JOB_KEY]) {
    const float numbers[] = {s->emotion_degree, s->speed, s->pitch_scale, s->energy_scale};
    EVP_MD_CTX *hash = s->reference_url ? NULL : EVP_MD_CTX_new();
    if (!hash) return false;
    EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
    add(hash, s->text, s->text_bytes);
    add_text(hash, s->voice);
    add_text(hash, s->model);
    add(hash, &s->model_number, sizeof s->model_number);
    add(hash, s->reference, s->reference_bytes);
    add_text(hash, s->emotion);
    add_text(hash, s->prompt);
    add_text(hash, s->language);
    const int32_t reading[] = {(int32_t)s->markup, (int32_t)s->audio_tags};
    const uint64_t lexicon = sv_lexicon_hash(s->lexicon);
    add(hash, reading, sizeof reading);
    add_text(hash, s->own_lexicon);
    add(hash, &lexicon, sizeof lexicon);
    add(hash, numbers, sizeof numbers);
    add(hash, &s->seed, sizeof s->seed);
    if (names_voices(s)) add_text(hash, owner);
    EVP_DigestFinal_ex(hash, key, NULL);
    EVP_MD_CTX_free(hash);
    return true;
}

/* ---- where a job is found ---- */

static void forget_idempotency(sv_jobs *jobs, sv_job *job) EV_REQUIRES(jobs->lock) {
    ev_map_remove(&jobs->by_idempotency, &job->by_idempotency);
    job->listed_idempotency = false;
}

static void list_result(sv_jobs *jobs, ev_list *results, sv_job *job) EV_REQUIRES(jobs->lock) {
    ev_list_append(results, &job->by_age);
    job->listed_bytes = sv_job_bytes(job);
    assert(job->listed_bytes > 0);
    jobs->bytes += job->listed_bytes;
}

static void unlist_result(sv_jobs *jobs, sv_job *job) EV_REQUIRES(jobs->lock) {
    const ev_list *results = job->by_age.list;
    if (!ev_list_remove(&job->by_age)) return;
    if (results != &jobs->shared) {
        sv_owner *owner = EV_CONTAINER_OF(results, sv_owner, results);
        owner->bytes -= job->listed_bytes;
        assert(owner->bytes >= 0);
    }
    jobs->bytes -= job->listed_bytes;
    assert(jobs->bytes >= 0);
}

static sv_job *oldest_of(const ev_list *results) { return EV_CONTAINER_OF(results->first, sv_job, by_age); }

/* ---- owners ---- */

/* NULL: out of memory. */
static sv_owner *owner_of(sv_jobs *jobs, const char *account) EV_REQUIRES(jobs->lock) {
    char name[SV_ACCOUNT_SIZE];
    const bool untrusted = sv_account_site(account, name);
    sv_owner *o = EV_CONTAINER_OF(ev_map_find(&jobs->owners, name, strlen(name)), sv_owner, node);
    if (o || !(o = calloc(1, sizeof *o))) return o;
    memcpy(o->name, name, sizeof o->name);
    o->untrusted = untrusted;
    ev_map_add(&jobs->owners, &o->node, o->name, strlen(o->name));
    return o;
}

/* Whose promise is the first to be broken. */
static sv_owner *largest_owner(const sv_jobs *jobs) EV_REQUIRES(jobs->lock) {
    sv_owner *most = NULL;
    for (ev_map_node *at = NULL; (at = ev_map_next(&jobs->owners, at)) != NULL;) {
        sv_owner *o = EV_CONTAINER_OF(at, sv_owner, node);
        if (!o->results.count || (most && most->untrusted && !o->untrusted)) continue;
        if (!most || o->untrusted > most->untrusted || o->bytes > most->bytes) most = o;
    }
    return most;
}

/* Those that have nothing any more; at the end all. */
static void forget_owners(sv_jobs *jobs) EV_REQUIRES(jobs->lock) {
    for (ev_map_node *at = ev_map_next(&jobs->owners, NULL), *next; at; at = next) {
        sv_owner *o = EV_CONTAINER_OF(at, sv_owner, node);
        next = ev_map_next(&jobs->owners, at);
        if (o->results.count) continue;
        assert(o->bytes == 0);
        ev_map_remove(&jobs->owners, at);
        free(o);
    }
}

/* Out of the table; the table's hold is the caller's to drop. false: it was not there. */
static bool remove_job(sv_jobs *jobs, sv_job *job) EV_REQUIRES(jobs->lock) {
    if (!ev_map_remove(&jobs->by_id, &job->by_id)) return false;
    ev_map_remove(&jobs->by_key, &job->by_key);
    forget_idempotency(jobs, job);
    unlist_result(jobs, job);
    return true;
}

static sv_job *equal_job(sv_jobs *jobs, const unsigned char *key) EV_REQUIRES(jobs->lock) {
    return EV_CONTAINER_OF(ev_map_find(&jobs->by_key, key, SV_JOB_KEY), sv_job, by_key);
}

static sv_job *same_request(sv_jobs *jobs, const unsigned char *key) EV_REQUIRES(jobs->lock) {
    return EV_CONTAINER_OF(ev_map_find(&jobs->by_idempotency, key, SV_JOB_KEY), sv_job, by_idempotency);
}

static void list_idempotency(sv_jobs *jobs, sv_job *job) EV_REQUIRES(jobs->lock) {
    ev_map_add(&jobs->by_idempotency, &job->by_idempotency, job->idempotency.key, SV_JOB_KEY);
    job->listed_idempotency = true;
}

static sv_job *job_of_id(const sv_jobs *jobs, const char *id) EV_REQUIRES(jobs->lock) {
    return EV_CONTAINER_OF(ev_map_find(&jobs->by_id, id, SV_JOB_ID), sv_job, by_id);
}

/* A new job that is found, held by the table too. NULL: out of memory. */
static sv_job *add_job(sv_jobs *jobs, sv_speech *speech, const char *owner, const unsigned char *key,
                       sv_idempotency *idempotency) EV_REQUIRES(jobs->lock) {
    sv_job *job = sv_job_create(speech, owner);
    if (!job) return NULL;
    ev_map_add(&jobs->by_id, &sv_job_ref(job)->by_id, job->id, SV_JOB_ID);
    if (key && !equal_job(jobs, key)) {
        memcpy(job->key, key, sizeof job->key);
        ev_map_add(&jobs->by_key, &job->by_key, job->key, SV_JOB_KEY);
    }
    if (idempotency) {
        job->idempotency = *idempotency;
        list_idempotency(jobs, job);
    }
    return job;
}

/* ---- the table ---- */

void sv_jobs_free(sv_jobs **held) EV_NOT_SHARED {
    sv_jobs *jobs = *held;
    *held = NULL;
    if (!jobs) return;
    for (sv_job *job; (job = EV_CONTAINER_OF(ev_map_next(&jobs->by_id, NULL), sv_job, by_id)) != NULL;) {
        remove_job(jobs, job);
        sv_job_unref(&job);
    }
    forget_owners(jobs);
    assert(jobs->bytes == 0 && !jobs->shared.count && !jobs->owners.count);
    free_maps(jobs);
    ev_mutex_destroy(&jobs->lock);
    free(jobs);
}

sv_job *sv_jobs_take(sv_jobs *jobs, sv_speech *speech, const char *owner, bool kept, sv_idempotency *idempotency,
                     bool *fresh) {
    unsigned char key[SV_JOB_KEY];
    const bool keyed = jobs->coalesce && !speech->deadline_us && !speech->windowed && content_key(speech, owner, key);
    *fresh = false;
    ev_mutex_lock(&jobs->lock);
    sv_job *job = idempotency ? same_request(jobs, idempotency->key) : NULL;
    if (idempotency)
        idempotency->conflict =
            job && memcmp(job->idempotency.body, idempotency->body, sizeof idempotency->body) != 0;
    if (!job && keyed && !kept) job = equal_job(jobs, key);
    if (idempotency && idempotency->conflict) {
        job = NULL;
        sv_speech_free(speech);
    } else if (job) {
        sv_job_ref(job);
        sv_speech_free(speech);
    } else {
        job = add_job(jobs, speech, owner, keyed ? key : NULL, idempotency);
        *fresh = job != NULL;
        if (job && kept) atomic_store(&job->kept, true);
    }
    if (job) atomic_fetch_add(&job->listeners, 1);
    ev_mutex_unlock(&jobs->lock);
    return job;
}

sv_job *sv_jobs_find(sv_jobs *jobs, const char *id, const char *owner) {
    if (strlen(id) != SV_JOB_ID) return NULL;
    ev_mutex_lock(&jobs->lock);
    sv_job *job = job_of_id(jobs, id);
    /* Ids cannot be guessed; that another account's is no secret to it would still be a leak. */
    job = job && atomic_load(&job->kept) && (!owner || strcmp(job->owner, owner) == 0) ? sv_job_ref(job) : NULL;
    ev_mutex_unlock(&jobs->lock);
    return job;
}

bool sv_jobs_restore(sv_jobs *jobs, sv_job *job) {
    static const unsigned char none[SV_JOB_KEY];
    const bool keyed = memcmp(job->idempotency.key, none, sizeof none) != 0;
    assert(strlen(job->id) == SV_JOB_ID);
    ev_mutex_lock(&jobs->lock);
    const bool fresh = !job_of_id(jobs, job->id) && !(keyed && same_request(jobs, job->idempotency.key));
    if (fresh) ev_map_add(&jobs->by_id, &sv_job_ref(job)->by_id, job->id, SV_JOB_ID);
    if (fresh && keyed) list_idempotency(jobs, job);
    ev_mutex_unlock(&jobs->lock);
    return fresh;
}

/* Jobs that are no longer in the table, to be dropped outside of its lock. */
static void drop_all(ev_list *gone) {
    for (sv_job *job; (job = EV_CONTAINER_OF(ev_list_pop(gone), sv_job, by_age)) != NULL;) sv_job_unref(&job);
}

static void evict(sv_jobs *jobs, sv_job *job, ev_list *gone) EV_REQUIRES(jobs->lock) {
    if (remove_job(jobs, job)) ev_list_append(gone, &job->by_age);
}

static void keep_result(sv_jobs *jobs, sv_owner *owner, sv_job *job, ev_list *gone) EV_REQUIRES(jobs->lock) {
    list_result(jobs, &owner->results, job);
    owner->bytes += job->listed_bytes;
    if (owner->results.count > RESULTS_PER_OWNER_MAX) evict(jobs, oldest_of(&owner->results), gone);
}

void sv_jobs_limit(sv_jobs *jobs, int64_t results_max) {
    ev_mutex_lock(&jobs->lock);
    if (results_max < jobs->bytes_max) jobs->bytes_max = results_max > 0 ? results_max : 0;
    ev_mutex_unlock(&jobs->lock);
}

void sv_jobs_free_memory(void *table, int64_t bytes) {
    sv_jobs *jobs = table;
    ev_list gone = {0};
    ev_mutex_lock(&jobs->lock);
    const int64_t until = jobs->bytes - bytes;
    while (jobs->shared.count && jobs->bytes > until) evict(jobs, oldest_of(&jobs->shared), &gone);
    ev_mutex_unlock(&jobs->lock);
    drop_all(&gone);
}

void sv_jobs_finish(sv_jobs *jobs, sv_job *job) {
    ev_list gone = {0};
    ev_mutex_lock(&jobs->lock);
    assert(sv_job_over(job->state));
    const bool completed = job->state == SV_JOB_COMPLETED;
    if (!completed) ev_map_remove(&jobs->by_key, &job->by_key); /* the same request again gets a new try */
    const bool kept = atomic_load(&job->kept) && !job->recorded;
    sv_owner *owner = kept ? owner_of(jobs, job->owner) : NULL;
    if (owner || (completed && job->by_key.key)) {
        sv_claim_keep(&job->claim);
        if (owner)
            keep_result(jobs, owner, job, &gone);
        else
            list_result(jobs, &jobs->shared, job);
        while (jobs->bytes > jobs->bytes_max)
            evict(jobs, oldest_of(jobs->shared.count ? &jobs->shared : &largest_owner(jobs)->results), &gone);
    } else {
        evict(jobs, job, &gone);
    }
    ev_mutex_unlock(&jobs->lock);
    drop_all(&gone);
}

bool sv_jobs_abandoned(sv_jobs *jobs, sv_job *job) {
    ev_mutex_lock(&jobs->lock);
    const bool abandoned = atomic_load(&job->listeners) == 0 && !atomic_load(&job->kept);
    if (abandoned) ev_map_remove(&jobs->by_key, &job->by_key);
    ev_mutex_unlock(&jobs->lock);
    return abandoned;
}

void sv_jobs_forget(sv_jobs *jobs, sv_job *job) {
    ev_mutex_lock(&jobs->lock);
    const bool there = remove_job(jobs, job);
    ev_mutex_unlock(&jobs->lock);
    if (there) sv_job_unref(&job);
}

void sv_jobs_cancel(sv_jobs *jobs, sv_job *job) {
    ev_mutex_lock(&jobs->lock);
    atomic_store(&job->kept, false);
    forget_idempotency(jobs, job);
    ev_mutex_unlock(&jobs->lock);
    if (sv_job_over(sv_job_snapshot(job, NULL, NULL, NULL))) sv_jobs_forget(jobs, job);
}

/* Those that are too old. */
static void evict_aged(sv_jobs *jobs, const ev_list *results, double now_s, ev_list *gone) EV_REQUIRES(jobs->lock) {
    while (results->count && now_s - oldest_of(results)->times.done > jobs->ttl_s)
        evict(jobs, oldest_of(results), gone);
}

void sv_jobs_sweep(sv_jobs *jobs, double now_s) {
    ev_list gone = {0};
    ev_mutex_lock(&jobs->lock);
    evict_aged(jobs, &jobs->shared, now_s, &gone);
    for (ev_map_node *at = NULL; (at = ev_map_next(&jobs->owners, at)) != NULL;)
        evict_aged(jobs, &EV_CONTAINER_OF(at, sv_owner, node)->results, now_s, &gone);
    forget_owners(jobs);
    ev_mutex_unlock(&jobs->lock);
    drop_all(&gone);
}
