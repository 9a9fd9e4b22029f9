/* preprocess: jobs are made ready, away from the device's threads: the voice first, then the phones. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/engine/engine_inner.h"

enum { VOICES_MAX = 32 }; /* that one text may name */

typedef struct named { /* voices that a text names, as long as it is read */
    sv_engine *engine;
    const sv_job *job;
    size_t count;
    char *names[VOICES_MAX];
    sv_voice *voices[VOICES_MAX]; /* NULL: there is none */
} named;

/* As for the field `voice`: the client's own, and what others call them. */
static sv_voice *look_up_voice(const named *n, const char *name) {
    const sv_engine_parts *p = &n->engine->parts;
    sv_voice *voice = NULL;
    char *ours = p->name_voice ? p->name_voice(p->name_user, name) : strdup(name);
    if (!ours || sv_voices_named(p->voices, ours, n->job->owner, &voice, NULL) != EV_OK) voice = NULL;
    free(ours);
    return voice;
}

static const ev_voice *find_named(void *user, const char *name) {
    named *n = user;
    assert(n->count <= VOICES_MAX);
    size_t i = 0;
    while (i < n->count && strcmp(n->names[i], name) != 0) i++;
    if (i == VOICES_MAX) return NULL;
    if (i == n->count) {
        n->names[i] = strdup(name);
        if (!n->names[i]) return NULL;
        n->voices[i] = look_up_voice(n, name);
        n->count++;
    }
    return n->voices[i] ? sv_voice_get(n->voices[i]) : NULL;
}

static void forget_named(named *n) {
    for (size_t i = 0; i < n->count; i++) {
        if (n->voices[i]) sv_voice_release(n->engine->parts.voices, &n->voices[i]);
        free(n->names[i]);
    }
}

ev_status sv_preprocess_task(sv_engine *e, sv_active *a, ev_error *err) {
    sv_job *job = a->job;
    assert(e->parts.model);
    const sv_speech *s = &job->speech;
    ev_request request;
    ev_dictionary *own = NULL;
    named voices = {.engine = e, .job = job};
    ev_request_init(&request);
    request.find_voice = find_named;
    request.find_user = &voices;
    request.voice = a->voice ? sv_voice_get(a->voice) : NULL;
    request.emotion = s->emotion;
    request.prompt = s->prompt;
    request.emotion_degree = s->emotion_degree;
    request.speed = s->speed;
    request.pitch_scale = s->pitch_scale;
    request.energy_scale = s->energy_scale;
    request.seed = s->seed;
    ev_task_free(&a->task);
    const double start = ev_clock_s();
    ev_status status = sv_speech_to_request(s, &request, &own, err);
    if (status == EV_OK) status = ev_task_create(&a->task, e->parts.model, &request, 0, err);
    ev_dictionary_free(&own);
    forget_named(&voices);
    if (status == EV_OK) sv_job_omit(job, ev_task_phones(a->task));
    sv_metric_observe(e->parts.metrics, SV_METRIC_STAGE_DURATION, SV_TIMED_TEXT, ev_clock_s() - start);
    return status;
}

static ev_status fetch_voice(sv_engine *e, sv_active *a, ev_error *err) {
    const sv_config *c = e->parts.config;
    sv_fetch_options options;
    sv_fetch_options_init(&options);
    options.http = c->fetch == SV_REACH_ANY;
    options.hosts = c->fetch_allow;
    options.listed_only = *c->fetch_allow != '\0';
    options.bytes_max = (size_t)c->reference_bytes_max;
    ev_buf body = {0};
    ev_status status = sv_fetch(&body, a->job->speech.reference_url, &options, NULL, err);
    if (status == EV_OK) status = sv_formats_check(c->fetch_formats, body.data, body.size, err);
    if (status == EV_OK) status = sv_voices_reference(e->parts.voices, body.data, body.size, &a->voice, err);
    ev_buf_free(&body);
    return status;
}

static ev_status find_voice(sv_engine *e, sv_active *a, ev_error *err) {
    const sv_speech *s = &a->job->speech;
    if (s->reference) return sv_voices_reference(e->parts.voices, s->reference, s->reference_bytes, &a->voice, err);
    if (s->reference_url) return fetch_voice(e, a, err);
    if (s->voice) return sv_voices_named(e->parts.voices, s->voice, a->job->owner, &a->voice, err);
    return EV_OK;
}

/* The next of the queue, which the backlog still sees as it was there. NULL: none. */
static sv_active *take_next(sv_engine *e, sv_preprocess_pool *f) EV_REQUIRES(e->lock) {
    sv_active *a = sv_queue_take(&f->queue);
    if (!a) return NULL;
    assert(!a->running && !a->node.list);
    a->running = true;
    ev_list_append(&e->making, &a->node);
    return a;
}

/* The job is in `making`, so the model is not taken away before it ends. */
static ev_status need_model(sv_engine *e, ev_error *err) {
    ev_mutex_lock(&e->lock);
    const bool there = e->parts.model != NULL;
    ev_mutex_unlock(&e->lock);
    assert(there || e->parts.needed); /* else it is never detached */
    return there ? EV_OK : e->parts.needed(e->parts.needed_user, err);
}

/* Ready, or over. */
static void prepare(sv_engine *e, sv_active *a) {
    sv_job *job = a->job;
    ev_error error = {0};
    ev_status status = need_model(e, &error);
    if (status == EV_OK) status = find_voice(e, a, &error);
    if (status == EV_OK && a->voice && (job->speech.reference || job->speech.reference_url))
        sv_voice_warnings(a->voice, job->warnings);
    if (status == EV_OK) status = sv_preprocess_task(e, a, &error);
    if (status == EV_OK && sv_engine_claim(e, a, job->owner) != SV_CLAIM_OK)
        status = ev_fail(&error, EV_E_LIMIT, "the text makes more speech than there is memory for: split it");
    if (status != EV_OK) {
        ev_mutex_lock(&e->lock);
        sv_engine_unlist(e, a);
        ev_mutex_unlock(&e->lock);
        sv_engine_end(e, a, SV_JOB_FAILED, &error);
        return;
    }
    ev_mutex_lock(&job->lock);
    job->times.ready = ev_clock_s();
    ev_mutex_unlock(&job->lock);
    a->waiting_us = sv_us(job->times.ready);
    ev_mutex_lock(&e->lock);
    assert(a->node.list == &e->making && a->running);
    ev_list_remove(&a->node);
    ev_list_append(&e->ready, &a->node);
    a->running = false;
    ev_cond_signal(&e->work);
    ev_mutex_unlock(&e->lock);
}

int64_t sv_preprocess_wait_us(const sv_engine *e, const sv_preprocess_pool *f, int32_t client) {
    (void)e; /* has the lock */
    return f->count ? sv_us((double)sv_queue_ahead(&f->queue, client) * f->mean_s / f->count) : 0;
}

/* The last ten or so. */
static void note_time(sv_preprocess_pool *f, double seconds) {
    assert(seconds >= 0);
    f->mean_s = f->mean_s > 0 ? 0.9 * f->mean_s + 0.1 * seconds : seconds;
}

void *sv_preprocess_main(void *pool) {
    sv_preprocess_pool *f = pool;
    sv_engine *e = f->engine;
    ev_mutex_lock(&e->lock);
    while (!e->stopping) {
        if (!f->queue.waiting.count) {
            ev_cond_wait(&f->fresh, &e->lock);
            continue;
        }
        sv_engine_end_expired_or_abandoned(e, sv_us(ev_clock_s())); /* before anything is spent on them */
        sv_active *a = take_next(e, f);
        if (!a) continue;
        ev_mutex_unlock(&e->lock);
        const double start = ev_clock_s();
        prepare(e, a);
        ev_mutex_lock(&e->lock);
        note_time(f, ev_clock_s() - start);
    }
    ev_mutex_unlock(&e->lock);
    return NULL;
}
