/* run: rounds of sentences through the acoustic model, then through the vocoder in chunks.
 *
 * A round takes sentences in order of the items until its tokens are full, encodes them together, decodes as many at
 * once as their frames fit the work memory, and vocodes these in chunks, which share batches whatever utterance they
 * come from. Streaming is the same with one sentence a round and one growing chunk a batch. What a sentence sounds
 * like depends on neither.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "synth/synth.h"

typedef struct job { /* one sentence in a round */
    ev_item *item;
    size_t sentence;
    ev_utterance u;
    double *phase;
} job;

typedef struct emitter { /* gathers chunks into batches (or, streaming, runs each and hands its samples out) */
    ev_synth *synth;
    ev_chunk chunks[EV_ROUND_CHUNKS];
    size_t count, rows;
    ev_chunk_fn on_chunk;
    void *user;
    float *buffer;       /* streaming: samples of one chunk */
    size_t next_frames;  /* streaming: length of the next chunk */
    bool stopped;        /* canceled, or on_chunk said stop */
} emitter;

static bool canceled(const ev_synth *s) { return atomic_load_explicit(&s->canceled, memory_order_relaxed); }

/* ---- vocoder ---- */

static void flush(emitter *e) {
    if (!e->count) return;
    const double start = ev_clock_s();
    ev_vocoder_run(&e->synth->model->vocoder, &e->synth->compute, &e->synth->arena, e->chunks, e->count);
    for (size_t i = 0; i < e->count; i++) e->synth->stats.frames_useful += e->chunks[i].end - e->chunks[i].begin;
    e->synth->stats.frames_processed += e->rows;
    e->synth->stats.vocoder_s += ev_clock_s() - start;
    e->count = e->rows = 0;
    if (canceled(e->synth)) e->stopped = true;
}

static void hand_out(emitter *e, const float *samples, size_t count, int last) {
    if (!e->stopped && e->on_chunk(e->user, samples, count, last) != 0) e->stopped = true;
}

static void emit_chunk(emitter *e, job *j, size_t begin, size_t end) {
    const size_t hop = (size_t)e->synth->model->config.vocoder.hop, samples = (end - begin) * hop;
    ev_item *item = j->item;
    const ev_chunk chunk = {.mel = j->u.mel,
                            .f0 = j->u.f0,
                            .phase = j->phase,
                            .frames = j->u.frames,
                            .begin = begin,
                            .end = end,
                            .seed = item->request->seed + j->sentence * 0x9e3779b97f4a7c15u,
                            .out = e->on_chunk ? e->buffer : item->samples + item->count};
    const size_t rows = ev_vocoder_chunk_rows(&e->synth->model->vocoder, &chunk);
    if (e->count == EV_ROUND_CHUNKS || e->rows + rows > e->synth->round_rows) flush(e);
    e->chunks[e->count++] = chunk;
    e->rows += rows;
    if (e->on_chunk) {
        flush(e);
        hand_out(e, e->buffer, samples, 0);
    }
    item->count += samples;
}

static void emit_silence(emitter *e, ev_item *item, size_t samples) {
    const size_t most = EV_CHUNK_FRAMES * (size_t)e->synth->model->config.vocoder.hop;
    if (!e->on_chunk) {
        ev_item_silence(item, samples);
        return;
    }
    memset(e->buffer, 0, most * sizeof *e->buffer);
    for (size_t left = samples; left && !e->stopped;) {
        const size_t now = left < most ? left : most;
        hand_out(e, e->buffer, now, 0);
        left -= now;
    }
    item->count += samples;
}

/* Frames [begin, end) of a sentence in chunks of even length; streaming, in chunks that grow. */
static void emit_piece(emitter *e, job *j, size_t begin, size_t end) {
    while (begin < end && !e->stopped) {
        const size_t left = end - begin, parts = (left + EV_CHUNK_FRAMES - 1) / EV_CHUNK_FRAMES;
        size_t now = (left + parts - 1) / parts;
        if (e->on_chunk) {
            now = left < e->next_frames + e->next_frames / 2 ? left : e->next_frames;
            if (now > EV_CHUNK_FRAMES) now = EV_CHUNK_FRAMES;
            e->next_frames = e->next_frames * 2 < EV_CHUNK_FRAMES ? e->next_frames * 2 : EV_CHUNK_FRAMES;
        }
        emit_chunk(e, j, begin, begin + now);
        begin += now;
    }
}

static size_t sentence_pause(const job *j, const ev_synth *s) {
    const bool last = j->sentence + 1 == j->item->phones->sentence_count;
    const size_t ms = last ? 0 : EV_SENTENCE_PAUSE_MS;
    return (size_t)((float)(ms * (size_t)s->model->config.vocoder.sample_rate / 1000) / j->item->request->speed);
}

/* A sentence's samples: its frames, cut where explicit pauses put silence. */
static void emit_sentence(emitter *e, job *j) {
    const ev_sentence *s = &j->item->phones->sentences[j->sentence];
    size_t begin = 0, at = 0;
    if (!e->on_chunk) ev_item_mark(j->item, e->synth, j->sentence, j->item->count);
    for (size_t i = s->phone_begin; i < s->phone_end && !e->stopped; i++) {
        const size_t pause = ev_item_pause(j->item, e->synth, i);
        at += (size_t)j->item->durations[i];
        if (!pause) continue;
        emit_piece(e, j, begin, at);
        emit_silence(e, j->item, pause);
        begin = at;
    }
    emit_piece(e, j, begin, at);
    if (!e->stopped) emit_silence(e, j->item, sentence_pause(j, e->synth));
}

/* ---- one round ---- */

static void job_start(job *j, ev_item *item) {
    const ev_sentence *s = &item->phones->sentences[item->next_sentence];
    const ev_request *r = item->request;
    *j = (job){.item = item, .sentence = item->next_sentence++};
    j->u = (ev_utterance){.tokens = item->tokens + s->phone_begin,
                          .token_count = s->phone_end - s->phone_begin,
                          .forced_frames = item->forced + s->phone_begin,
                          .durations = item->durations + s->phone_begin,
                          .speaker = item->speaker,
                          .emotion_weights = item->emotion_weights,
                          .median_hz = item->median_hz,
                          .speed = r->speed,
                          .pitch_scale = r->pitch_scale,
                          .energy_scale = r->energy_scale};
}

static size_t next_tokens(const ev_item *item) {
    const ev_sentence *s = &item->phones->sentences[item->next_sentence];
    return s->phone_end - s->phone_begin;
}

/* Takes sentences in order while they fit; at least one if any is left. */
static size_t take_sentences(job *jobs, ev_item *items, size_t n, size_t most) {
    size_t count = 0, tokens = 0;
    for (size_t i = 0; i < n; i++) {
        ev_item *item = &items[i];
        while (item->status == EV_OK && item->next_sentence < item->phones->sentence_count) {
            if (count == most || (count && tokens + next_tokens(item) > EV_ROUND_TOKENS)) return count;
            tokens += next_tokens(item);
            job_start(&jobs[count++], item);
        }
    }
    return count;
}

/* Memory for the samples of a decoded group, before any chunk points into it. */
static void reserve_output(const ev_synth *s, job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++) jobs[i].item->planned = 0;
    for (size_t i = 0; i < n; i++) {
        ev_item *item = jobs[i].item;
        const ev_sentence *sentence = &item->phones->sentences[jobs[i].sentence];
        size_t samples = jobs[i].u.frames * (size_t)s->model->config.vocoder.hop + sentence_pause(&jobs[i], s);
        for (size_t p = sentence->phone_begin; p < sentence->phone_end; p++) samples += ev_item_pause(item, s, p);
        ev_error error = {0};
        item->planned += samples;
        const ev_status status = ev_item_reserve(item, item->planned, &error);
        if (status != EV_OK) ev_item_fail(item, status, &error);
    }
}

/* Decodes jobs [0, n) together and turns them into samples. */
static void finish_group(ev_synth *s, emitter *e, const ev_encoded *encoded, job *jobs, size_t n) {
    const size_t mark = ev_arena_mark(&s->arena), mels = ev_round16((size_t)s->model->config.acoustic.mels);
    ev_utterance *u[EV_ROUND_SENTENCES];
    const double start = ev_clock_s();
    for (size_t i = 0; i < n; i++) {
        u[i] = &jobs[i].u;
        u[i]->mel = ev_arena_take(&s->arena, u[i]->frames * mels * sizeof(float));
        u[i]->f0 = ev_arena_take(&s->arena, u[i]->frames * sizeof(float));
        jobs[i].phase = ev_arena_take(&s->arena, (u[i]->frames + 1) * sizeof(double));
        assert(u[i]->mel && u[i]->f0 && jobs[i].phase);
    }
    ev_acoustic_decode(&s->model->acoustic, &s->compute, &s->arena, encoded, u, n);
    for (size_t i = 0; i < n; i++) ev_vocoder_phase(&s->model->vocoder, u[i]->f0, u[i]->frames, jobs[i].phase);
    s->stats.acoustic_s += ev_clock_s() - start;
    if (!e->on_chunk) reserve_output(s, jobs, n);
    for (size_t i = 0; i < n && !e->stopped; i++) {
        if (jobs[i].item->status == EV_OK) emit_sentence(e, &jobs[i]);
    }
    flush(e);
    ev_arena_release(&s->arena, mark);
}

static bool fits(const ev_synth *s, const job *j) {
    if (j->u.frames <= s->round_frames) return true;
    ev_error error = {0};
    ev_fail(&error, EV_E_LIMIT, "a sentence would last %.0f s, the limit is %.0f s; speak faster or split it",
            (double)j->u.frames * s->model->config.vocoder.hop / s->model->config.vocoder.sample_rate,
            (double)s->round_frames * s->model->config.vocoder.hop / s->model->config.vocoder.sample_rate);
    ev_item_fail(j->item, EV_E_LIMIT, &error);
    return false;
}

/* Drops the jobs that cannot be decoded: silent ones and those too long for any round. */
static size_t keep_decodable(const ev_synth *s, job *jobs, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].u.frames && jobs[i].item->status == EV_OK && fits(s, &jobs[i])) jobs[kept++] = jobs[i];
    }
    return kept;
}

static void run_round(ev_synth *s, emitter *e, job *jobs, size_t n) {
    const size_t mark = ev_arena_mark(&s->arena);
    ev_utterance *u[EV_ROUND_SENTENCES];
    ev_encoded encoded;
    const double start = ev_clock_s();
    for (size_t i = 0; i < n; i++) u[i] = &jobs[i].u;
    ev_acoustic_encode(&s->model->acoustic, &s->compute, &s->arena, u, n, &encoded);
    s->stats.acoustic_s += ev_clock_s() - start;
    n = keep_decodable(s, jobs, n);
    for (size_t at = 0, end; at < n && !e->stopped; at = end) {
        size_t frames = 0;
        for (end = at; end < n && frames + jobs[end].u.frames <= s->round_frames; end++) frames += jobs[end].u.frames;
        finish_group(s, e, &encoded, jobs + at, end - at);
    }
    ev_arena_release(&s->arena, mark);
}

ev_status ev_synth_run(ev_synth *s, ev_item *items, size_t n, ev_chunk_fn on_chunk, void *user, ev_error *err) {
    const size_t mark = ev_arena_mark(&s->arena);
    job *jobs = ev_arena_take(&s->arena, EV_ROUND_SENTENCES * sizeof *jobs);
    emitter *e = ev_arena_take(&s->arena, sizeof *e);
    assert(jobs && e);
    *e = (emitter){.synth = s, .on_chunk = on_chunk, .user = user, .next_frames = EV_STREAM_FIRST_FRAMES};
    if (on_chunk) {
        e->buffer = ev_arena_take(&s->arena, EV_CHUNK_FRAMES * (size_t)s->model->config.vocoder.hop * sizeof(float));
        assert(e->buffer);
    }
    size_t taken;
    while (!e->stopped && (taken = take_sentences(jobs, items, n, on_chunk ? 1 : EV_ROUND_SENTENCES)) > 0) {
        run_round(s, e, jobs, taken);
        if (canceled(s)) e->stopped = true;
    }
    if (on_chunk && !e->stopped && items[0].status == EV_OK) hand_out(e, e->buffer, 0, 1);
    const bool stopped = e->stopped;
    ev_arena_release(&s->arena, mark);
    return stopped ? ev_fail(err, EV_E_CANCELED, "canceled") : EV_OK;
}
