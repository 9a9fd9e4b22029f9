/* job: what was asked for, the samples made so far, who waits for more. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hex.h"
#include "server/jobs/jobs.h"

const char *const sv_job_state_names[] = {"queued", "running", "completed", "failed", "expired", "canceled"};
static_assert(EV_ARRAY_COUNT(sv_job_state_names) == SV_JOB_CANCELED + 1, "a name for each state");

void sv_speech_init(sv_speech *speech) {
    *speech = (sv_speech){.emotion_degree = 1, .speed = 1, .pitch_scale = 1, .energy_scale = 1, .priority = 1};
}

void sv_speech_free(sv_speech *speech) {
    free(speech->text);
    free(speech->voice);
    free(speech->reference);
    free(speech->reference_url);
    free(speech->emotion);
    free(speech->prompt);
    free(speech->model);
    free(speech->language);
    free(speech->own_lexicon);
    sv_lexicon_unref(&speech->lexicon);
    *speech = (sv_speech){0};
}

ev_status sv_speech_to_request(const sv_speech *s, ev_request *request, ev_dictionary **own, ev_error *err) {
    *own = NULL;
    request->text = s->text;
    request->text_bytes = s->text_bytes;
    request->language = s->language;
    request->markup = s->markup;
    request->audio_tags = s->audio_tags;
    request->dictionaries[1] = sv_lexicon_words(s->lexicon);
    if (!s->own_lexicon) return EV_OK;
    const ev_status status = ev_dictionary_parse(own, s->own_lexicon, strlen(s->own_lexicon), err);
    request->dictionaries[0] = *own;
    return status;
}

bool sv_job_make_id(char id[SV_JOB_ID + 1]) { return ev_random_hex(id, SV_JOB_ID); }

/* ---- samples: pages of their own ----
 * Kept results are nearly all of the service's memory. In the heap they would lie between what comes and goes, and
 * the holes that they leave there are never given back. */

/* Room for `count` samples, in whole pages; 0: none. false: out of memory, and they are as they were. */
static bool resize(sv_job *job, size_t count) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), before = job->capacity * sizeof *job->samples;
    assert(!job->capacity == !job->samples);
    if (count > (SIZE_MAX - page) / sizeof *job->samples) return false;
    const size_t bytes = (count * sizeof *job->samples + page - 1) / page * page;
    if (bytes == before) return true;
    void *at = NULL;
    if (!bytes)
        munmap(job->samples, before);
    else if (before)
        at = mremap(job->samples, before, bytes, MREMAP_MAYMOVE);
    else
        at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return false;
    job->samples = at;
    job->capacity = bytes / sizeof *job->samples;
    return true;
}

int16_t *sv_job_alloc_samples(sv_job *job, size_t count) { return resize(job, count) ? job->samples : NULL; }

sv_job *sv_job_create(sv_speech *speech, const char *owner) {
    sv_job *job = calloc(1, sizeof *job);
    if (!job || !sv_job_make_id(job->id)) {
        free(job);
        sv_speech_free(speech);
        return NULL;
    }
    assert(strlen(owner) < sizeof job->owner);
    atomic_init(&job->refs, 1);
    atomic_init(&job->listeners, 0);
    atomic_init(&job->kept, false);
    atomic_init(&job->durable, SV_DURABLE_NO);
    ev_mutex_init(&job->lock);
    snprintf(job->owner, sizeof job->owner, "%s", owner);
    job->speech = *speech;
    job->rate = speech->model_rate;
    job->weight = 1;
    *speech = (sv_speech){0};
    job->times.arrived = ev_clock_s();
    job->times.created_ms = ev_clock_wall_ms();
    return job;
}

sv_job *sv_job_ref(sv_job *job) {
    assert(atomic_load(&job->refs) > 0);
    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
    return job;
}

void sv_job_unref(sv_job **held) {
    sv_job *job = *held;
    *held = NULL;
    assert(!job || atomic_load(&job->refs) > 0);
    if (!job || atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) > 1) return;
    sv_speech_free(&job->speech);
    ev_mutex_destroy(&job->lock);
    free(job->webhook);
    resize(job, 0);
    free(job->words);
    for (size_t i = 0; i < job->omitted_count && i < SV_OMITTED_MAX; i++) {
        free(job->omitted[i].reason);
        free(job->omitted[i].spoken);
    }
    free(job->omitted);
    sv_claim_release(&job->claim);
    free(job);
}

void sv_job_omit(sv_job *job, const ev_phones *phones) {
    const size_t count = phones->omission_count, kept = count < SV_OMITTED_MAX ? count : SV_OMITTED_MAX;
    sv_omitted *omitted = job->omitted || !count ? NULL : calloc(kept, sizeof *omitted);
    if (!omitted) return;
    for (size_t i = 0; i < kept; i++) {
        const ev_omission *o = &phones->omissions[i];
        omitted[i] =
            (sv_omitted){o->byte_begin, o->byte_end, strdup(o->reason), o->spoken ? strdup(o->spoken) : NULL};
    }
    ev_mutex_lock(&job->lock);
    job->omitted = omitted;
    job->omitted_count = count;
    ev_mutex_unlock(&job->lock);
}

static bool is_there(const sv_job *job, const sv_waiter *waiter) EV_REQUIRES(job->lock) {
    return job->count > waiter->at || sv_job_over(job->state);
}

static void wake_all(sv_job *job) EV_REQUIRES(job->lock) {
    for (ev_list_node *at = job->waiters.first, *next; at; at = next) {
        sv_waiter *waiter = EV_CONTAINER_OF(at, sv_waiter, node);
        next = at->next;
        if (!is_there(job, waiter)) continue;
        ev_list_remove(at);
        waiter->wake(waiter->user); /* which may free it, or use it again */
    }
}

static bool grow(sv_job *job, size_t more) {
    const size_t held = job->count - job->base;
    assert(job->base <= job->count && held <= job->capacity);
    if (job->capacity - held >= more) return true;
    size_t capacity = job->capacity + job->capacity / 2;
    if (capacity < held + more) capacity = held + more;
    return resize(job, capacity);
}

/* Before the job's lock is taken: making room may need it. What was claimed is as good as a prediction can be. */
static bool claim_more(sv_job *job, size_t more) {
    sv_claim *c = &job->claim;
    ev_mutex_lock(&job->lock);
    const int64_t held = (int64_t)((job->count - job->base + more) * sizeof *job->samples);
    ev_mutex_unlock(&job->lock);
    if (!c->ledger || held <= c->bytes) return true;
    return sv_claim_set(c->ledger, c, NULL, held + held / 8, 1) == SV_CLAIM_OK;
}

/* Of one of both kinds. */
static ev_status append(sv_job *job, const float *floats, const int16_t *words, size_t count, ev_error *err) {
    if (!count) return EV_OK;
    assert(!floats != !words);
    if (!claim_more(job, count))
        return ev_fail(err, EV_E_LIMIT, "the text makes more speech than there is memory for: split it");
    ev_mutex_lock(&job->lock);
    const bool fits = grow(job, count);
    if (fits) {
        assert(job->samples);
        int16_t *out = job->samples + (job->count - job->base);
        for (size_t i = 0; i < count; i++) {
            /* as the encoder does: what it gets back is what it would have made */
            const float x = floats ? floats[i] * 32768.0f : 0.0f;
            out[i] = (int16_t)(!floats ? words[i] : x < -32768.0f ? INT16_MIN : x > 32767.0f ? INT16_MAX : lrintf(x));
        }
        if (!job->count) job->times.first = ev_clock_s();
        job->count += count;
        wake_all(job);
    }
    ev_mutex_unlock(&job->lock);
    return fits ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for %zu samples", count);
}

ev_status sv_job_append(sv_job *job, const float *samples, size_t count, ev_error *err) {
    return append(job, samples, NULL, count, err);
}

ev_status sv_job_append_made(sv_job *job, const int16_t *samples, size_t count, ev_error *err) {
    return append(job, NULL, samples, count, err);
}

bool sv_job_finish(sv_job *job, sv_job_state state, const ev_error *err) {
    assert(sv_job_over(state));
    ev_mutex_lock(&job->lock);
    const bool first = !sv_job_over(job->state);
    if (first) {
        job->state = state;
        if (err) job->error = *err;
        resize(job,
               job->count - job->base); /* what is kept for those who ask again takes no more room than it needs */
        if (!job->times.done) job->times.done = ev_clock_s(); /* what was written down says the same */
        wake_all(job);
    }
    ev_mutex_unlock(&job->lock);
    return first;
}

size_t sv_job_read(sv_job *job, size_t at, int16_t *out, size_t most, bool *over) {
    ev_mutex_lock(&job->lock);
    size_t count = job->count > at && at >= job->base ? job->count - at : 0;
    if (count > most) count = most;
    assert(!count || job->samples);
    if (count) memcpy(out, job->samples + (at - job->base), count * sizeof *out);
    *over = sv_job_over(job->state) && at + count == job->count;
    ev_mutex_unlock(&job->lock);
    return count;
}

enum { LET_GO = 1 << 19 }; /* samples at once: a megabyte */

void sv_job_discard_before(sv_job *job, size_t at) {
    ev_mutex_lock(&job->lock);
    if (at > job->consumed) job->consumed = at;
    assert(job->base <= job->consumed && job->consumed <= job->count); /* none is heard before it is made */
    const size_t gone = job->consumed - job->base, left = job->count - job->consumed;
    if (gone >= LET_GO) {
        memmove(job->samples, job->samples + gone, left * sizeof *job->samples);
        job->base = job->consumed;
        resize(job, left); /* smaller, so it does not fail */
    }
    ev_mutex_unlock(&job->lock);
}

bool sv_job_window_full(sv_job *job) {
    if (!job->speech.windowed) return false;
    ev_mutex_lock(&job->lock);
    assert(job->consumed <= job->count);
    const size_t waiting = job->count - job->consumed;
    ev_mutex_unlock(&job->lock);
    return waiting * sizeof *job->samples > SV_JOB_WINDOW;
}

int64_t sv_job_bytes(const sv_job *job) {
    return (int64_t)(sizeof *job + job->capacity * sizeof *job->samples + job->speech.text_bytes +
                     job->speech.reference_bytes + job->word_count * sizeof *job->words +
                     (job->speech.own_lexicon ? strlen(job->speech.own_lexicon) : 0) +
                     (job->omitted ? SV_OMITTED_MAX * sizeof *job->omitted : 0));
}

bool sv_job_word(sv_job *job, size_t index, sv_word_time *out) {
    ev_mutex_lock(&job->lock);
    const bool there = index < job->word_count;
    if (there) *out = job->words[index];
    ev_mutex_unlock(&job->lock);
    return there;
}

bool sv_job_wait(sv_job *job, sv_waiter *waiter) {
    assert(waiter->wake);
    ev_mutex_lock(&job->lock);
    const bool waits = !is_there(job, waiter);
    if (waits) ev_list_append(&job->waiters, &waiter->node);
    ev_mutex_unlock(&job->lock);
    return waits;
}

void sv_job_forget_waiter(sv_job *job, sv_waiter *waiter) {
    ev_mutex_lock(&job->lock);
    ev_list_remove(&waiter->node);
    ev_mutex_unlock(&job->lock);
}

sv_job_state sv_job_snapshot(sv_job *job, sv_times *times, size_t *count, ev_error *err) {
    ev_mutex_lock(&job->lock);
    const sv_job_state state = job->state;
    if (times) *times = job->times;
    if (count) *count = job->count;
    if (err) *err = job->error;
    ev_mutex_unlock(&job->lock);
    return state;
}
