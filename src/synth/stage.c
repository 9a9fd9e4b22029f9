/* stage: the two steps that batch. decode: sentences of many requests through the acoustic model, which leaves frames
 * with the request. vocode: slices of those frames, of many requests, through the vocoder, which appends samples.
 *
 * What a sentence sounds like depends neither on its company nor on where slices are cut (vocoder.h), so callers
 * decide freely: run.c as fast as it can, a service by what is waiting.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "synth/synth.h"

static bool canceled(const ev_synth *s) { return atomic_load_explicit(&s->canceled, memory_order_relaxed); }

/* ---- decode ---- */

typedef struct job { /* one sentence in a batch */
    ev_item *item;
    size_t sentence;
    ev_decoded *decoded;
    ev_utterance u;
} job;

size_t ev_item_tokens(const ev_item *item, size_t sentence) {
    if (item->status != EV_OK || sentence >= item->phones->sentence_count) return 0;
    assert(item->rows_before[sentence] <= item->rows_before[sentence + 1]);
    return item->rows_before[sentence + 1] - item->rows_before[sentence];
}

static void job_start(job *j, ev_item *item) {
    const ev_sentence *s = &item->phones->sentences[item->next_sentence];
    const ev_request *r = item->request;
    assert(item->next_sentence < item->phones->sentence_count && s->phone_begin < s->phone_end);
    *j = (job){.item = item, .sentence = item->next_sentence++};
    j->u = (ev_utterance){.tokens = item->tokens + s->phone_begin,
                          .token_count = s->phone_end - s->phone_begin,
                          .forced_frames = item->forced + s->phone_begin,
                          .durations = item->durations + s->phone_begin,
                          .condition = item->condition + j->sentence * item->condition_step,
                          .median_hz = item->medians_hz ? item->medians_hz[j->sentence] : item->median_hz,
                          .speed = r->speed,
                          .token_speed = item->prosody ? item->prosody + s->phone_begin : NULL,
                          .pitch_scale = r->pitch_scale,
                          .energy_scale = r->energy_scale};
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

/* The end of the piece that begins behind phone `from`: an explicit pause's phone, or the sentence's last. */
static void next_piece(const ev_item *item, ev_decoded *d, size_t from) {
    assert(from >= item->phones->sentences[d->sentence].phone_begin);
    assert(from <= item->phones->sentences[d->sentence].phone_end && d->piece_end <= d->frames);
    const ev_sentence *s = &item->phones->sentences[d->sentence];
    for (d->phone = from; d->phone < s->phone_end; d->phone++) {
        d->piece_end += (size_t)item->durations[d->phone];
        assert(d->piece_end <= d->frames); /* the sum of all durations */
        if (ev_item_pause(item, d->sentence, d->phone)) return;
    }
}

static size_t sentence_samples(const ev_item *item, size_t sentence, size_t frames) {
    const ev_sentence *s = &item->phones->sentences[sentence];
    size_t samples = frames * (size_t)item->model->config.vocoder.hop + ev_item_sentence_pause(item, sentence);
    samples += ev_item_lead(item, sentence);
    for (size_t i = s->phone_begin; i < s->phone_end; i++) samples += ev_item_pause(item, sentence, i);
    return samples;
}

/* Memory for a sentence's frames and, with those that wait before it, its samples. */
static ev_status hold(ev_item *item, job *j, ev_error *err) {
    assert(j->u.frames > 0 && !j->decoded);
    const size_t frames = j->u.frames, ld = ev_round16((size_t)item->model->config.acoustic.channels);
    const size_t head = (sizeof(ev_decoded) + 63) / 64 * 64;
    const size_t phase = (frames + 1) * sizeof(double), channels = frames * ld * sizeof(float);
    const size_t samples = sentence_samples(item, j->sentence, frames);
    const size_t f0 = frames * sizeof(float), gain = item->prosody ? f0 : 0;
    assert(channels % 64 == 0 && !item->head == !item->tail);
    unsigned char *block = ev_aligned_alloc(head + channels + phase + f0 + gain);
    if (!block) return ev_fail(err, EV_E_MEMORY, "out of memory for %zu frames", frames);
    ev_decoded *d = j->decoded = (ev_decoded *)(void *)block;
    *d = (ev_decoded){.sentence = j->sentence, .frames = frames, .lead = ev_item_lead(item, j->sentence)};
    d->channels = (float *)(void *)(block + head);
    d->phase = (double *)(void *)(block + head + channels);
    d->f0 = (float *)(void *)(block + head + channels + phase);
    d->gain = gain ? d->f0 + frames : NULL;
    assert((uintptr_t)d->channels % 64 == 0 && (uintptr_t)d->phase % sizeof(double) == 0);
    j->u.channels = d->channels;
    j->u.f0 = d->f0;
    next_piece(item, d, item->phones->sentences[j->sentence].phone_begin);
    ev_item_mark(item, j->sentence, item->promised);
    item->promised += samples;
    *(item->tail ? &item->tail->next : &item->head) = d;
    item->tail = d;
    item->ready_frames += frames;
    /* all that is promised and not there yet, so that vocoding never moves samples */
    size_t waiting = 0;
    for (const ev_decoded *w = item->head; w; w = w->next) waiting += sentence_samples(item, w->sentence, w->frames);
    return ev_item_reserve(item, waiting, err);
}

/* Drops the jobs that cannot be decoded: silent ones, those too long for any round, and where memory is short. */
static size_t keep_decodable(const ev_synth *s, job *jobs, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        ev_item *item = jobs[i].item;
        ev_error error = {0};
        if (!jobs[i].u.frames || item->status != EV_OK || !fits(s, &jobs[i])) continue;
        const ev_status status = hold(item, &jobs[i], &error);
        if (status != EV_OK) ev_item_fail(item, status, &error);
        if (jobs[i].decoded) jobs[kept++] = jobs[i];
    }
    return kept;
}

/* What is asked of single words, on their frames. */
static void set_manners(const job *j) {
    const ev_item *item = j->item;
    const ev_sentence *s = &item->phones->sentences[j->sentence];
    const size_t n = item->phones->phone_count;
    ev_decoded *d = j->decoded;
    size_t frame = 0;
    assert(!d->gain == !item->prosody);
    for (size_t i = s->phone_begin; d->gain && i < s->phone_end; i++) {
        const size_t end = frame + (size_t)item->durations[i];
        for (; frame < end && frame < d->frames; frame++) {
            d->f0[frame] *= item->prosody[n + i];
            d->gain[frame] = item->prosody[2 * n + i];
        }
    }
    for (; d->gain && frame < d->frames; frame++) d->gain[frame] = 1;
}

/* Does the sentence end in a question mark, in an English word before it? Questions that ask for a word have a full
 * stop in its place here (request.c). Mandarin's tones stay as they are. */
static bool is_english_question(const ev_item *item, const ev_sentence *s) {
    const int question = ev_token_find("?", 1);
    bool asks = false;
    for (size_t i = s->phone_end; i-- > s->phone_begin;) {
        const ev_phone *p = &item->phones->phones[i];
        if (p->word >= 0) return asks && strcmp(item->phones->words[p->word].language, "en") == 0;
        asks = asks || item->tokens[i] == question;
    }
    return false;
}

/* The whole ending, and its last half, which may be a syllable of its own, by half of that. */
static void raise_question(const job *j) {
    const ev_item *item = j->item;
    const double rise = item->model->config.acoustic.question_rise,
                 ms = EV_QUESTION_MS / (double)item->request->speed;
    if (!(rise > 0) || !is_english_question(item, &item->phones->sentences[j->sentence])) return;
    const size_t ending = ev_frames_of_ms(item->model, (size_t)ms);
    ev_melody_raise(j->decoded->f0, j->decoded->frames, ending, rise);
    ev_melody_raise(j->decoded->f0, j->decoded->frames, ending / 2, rise / 2);
}

/* The device failed. */
static void fail_jobs(const job *jobs, size_t n, ev_status status, const ev_error *error) {
    for (size_t i = 0; i < n; i++) ev_item_fail(jobs[i].item, status, error);
}

static void decode_group(ev_synth *s, const ev_encoded *encoded, job *jobs, size_t n) {
    assert(n > 0 && n <= EV_ROUND_SENTENCES);
    ev_utterance *u[EV_ROUND_SENTENCES];
    ev_error error = {0};
    for (size_t i = 0; i < n; i++) u[i] = &jobs[i].u;
    const ev_status status = ev_acoustic_decode(&s->model->acoustic, s->queue, encoded, u, n, &error);
    if (status != EV_OK) {
        fail_jobs(jobs, n, status, &error);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        raise_question(&jobs[i]);
        set_manners(&jobs[i]);
        ev_vocoder_phase(&s->model->vocoder, u[i]->f0, u[i]->frames, jobs[i].decoded->phase);
    }
}

void ev_stage_decode(ev_synth *s, ev_item *const *items, size_t n) {
    const size_t mark = ev_queue_mark(s->queue);
    const double start = ev_clock_s();
    job jobs[EV_ROUND_SENTENCES];
    ev_utterance *u[EV_ROUND_SENTENCES];
    ev_encoded encoded;
    ev_error error = {0};
    ev_status status = EV_OK;
    size_t count = 0;
    assert(n <= EV_ROUND_SENTENCES);
    for (size_t i = 0; i < n; i++) {
        if (ev_item_next_tokens(items[i])) job_start(&jobs[count++], items[i]);
    }
    for (size_t i = 0; i < count; i++) u[i] = &jobs[i].u;
    if (count) status = ev_acoustic_encode(&s->model->acoustic, s->queue, u, count, &encoded, &error);
    if (status != EV_OK) fail_jobs(jobs, count, status, &error);
    count = keep_decodable(s, jobs, count);
    for (size_t at = 0, end; at < count; at = end) {
        size_t frames = 0;
        for (end = at; end < count && frames + jobs[end].u.frames <= s->round_frames; end++) {
            frames += jobs[end].u.frames;
        }
        assert(end > at && frames <= s->round_frames); /* none that is too long was kept */
        decode_group(s, &encoded, jobs + at, end - at);
    }
    ev_queue_release(s->queue, mark);
    s->stats.acoustic_s += ev_clock_s() - start;
}

/* ---- vocode ---- */

typedef struct batch { /* chunks gathered for one run of the vocoder */
    ev_synth *synth;
    ev_chunk chunks[EV_ROUND_CHUNKS];
    ev_item *items[EV_ROUND_CHUNKS];          /* whose they are */
    const float *word_gains[EV_ROUND_CHUNKS]; /* per frame of the sentence; NULL: none */
    size_t count, rows;
    ev_decoded *spent; /* sentences whose frames the chunks still point to */
    bool stopped;      /* canceled: nothing more is run */
} batch;

static_assert(sizeof(batch) + 64 <= EV_ROUND_BYTES, "the work memory has room for it");

/* What the network gave, as loud as was asked for, within -1..1; a number that is none (a damaged model) is silence.
 */
static void set_level(float *samples, size_t n, float gain) {
    for (size_t i = 0; i < n; i++) {
        const float v = samples[i] * gain;
        samples[i] = v >= -1 ? v <= 1 ? v : 1 : v < -1 ? -1 : 0;
    }
}

/* A frame's gain goes over into the next one's, so that no step is heard. */
static void set_word_levels(const ev_chunk *c, const float *gain, size_t hop) {
    assert(c->begin < c->end && c->end <= c->frames && hop > 0);
    for (size_t frame = c->begin; frame < c->end; frame++) {
        const float from = gain[frame], to = gain[frame + 1 < c->frames ? frame + 1 : frame];
        float *out = c->out + (frame - c->begin) * hop;
        if (from == 1 && to == 1) continue;
        for (size_t k = 0; k < hop; k++) out[k] *= from + (to - from) * (float)k / (float)hop;
    }
}

/* As the request and the sentence's emotion have it. */
static float gain_of(const ev_item *item, const ev_chunk *chunk) {
    const ev_acoustic_config *c = &item->model->config.acoustic;
    double db = 0;
    if (item->model->acoustic.family->energy_in_mels) return 1;
    for (int i = 0; i < c->emotion_count; i++)
        db += c->emotion_gains_db[i] * (double)chunk->condition[c->speaker + i];
    return db == 0 ? item->request->energy_scale : (float)((double)item->request->energy_scale * pow(10, db / 20));
}

/* HiFi-GAN ends in a tanh, and its loudness was the acoustic model's to decide. */
static void set_levels(const batch *b) {
    const ev_vocoder_config *v = &b->synth->model->config.vocoder;
    for (size_t i = 0; i < b->count; i++) {
        const ev_chunk *c = &b->chunks[i];
        if (b->word_gains[i]) set_word_levels(c, b->word_gains[i], (size_t)v->hop);
        if (v->family == EV_VOCODER_HIFIGAN && !b->word_gains[i]) continue;
        set_level(c->out, (c->end - c->begin) * (size_t)v->hop, gain_of(b->items[i], c));
    }
}

/* The device failed: those whose chunks they were. What they have ends before them, so that nobody hears what was not
 * made. */
static void lose_chunks(const batch *b, ev_status status, const ev_error *error) {
    for (size_t i = 0; i < b->count; i++) {
        ev_item *item = b->items[i];
        const size_t at = (size_t)(b->chunks[i].out - item->samples);
        assert(b->chunks[i].out >= item->samples && at >= item->taken);
        if (at < item->count) item->count = at;
        ev_item_fail(item, status, error);
    }
}

static void flush(batch *b) {
    assert(b->count <= EV_ROUND_CHUNKS && b->rows <= b->synth->round_rows);
    ev_synth *s = b->synth;
    if (b->count && !b->stopped) {
        const double start = ev_clock_s();
        ev_error error = {0};
        const ev_status status = ev_vocoder_run(&s->model->vocoder, s->queue, b->chunks, b->count, &error);
        if (status == EV_OK)
            set_levels(b);
        else
            lose_chunks(b, status, &error);
        for (size_t i = 0; i < b->count; i++) s->stats.frames_useful += b->chunks[i].end - b->chunks[i].begin;
        s->stats.frames_processed += b->rows;
        s->stats.vocoder_s += ev_clock_s() - start;
    }
    b->stopped = canceled(s);
    b->count = b->rows = 0;
    while (b->spent) {
        ev_decoded *next = b->spent->next;
        free(b->spent);
        b->spent = next;
    }
}

static void add_chunk(batch *b, ev_item *item, ev_decoded *d, size_t frames) {
    assert(frames > 0 && frames <= item->ready_frames && d->at + frames <= d->piece_end);
    const ev_chunk chunk = {.input = d->channels,
                            .f0 = d->f0,
                            .phase = d->phase,
                            .condition = item->condition + d->sentence * item->condition_step,
                            .log_gains = ev_item_log_gains(item, d->sentence),
                            .frames = d->frames,
                            .begin = d->at,
                            .end = d->at + frames,
                            .seed = item->request->seed + d->sentence * 0x9e3779b97f4a7c15u,
                            .out = item->samples + item->count};
    const size_t rows = ev_vocoder_chunk_rows(&b->synth->model->vocoder, &chunk);
    if (b->count == EV_ROUND_CHUNKS || b->rows + rows > b->synth->round_rows) flush(b);
    if (item->status != EV_OK) return; /* one of its chunks was lost */
    assert(b->count < EV_ROUND_CHUNKS && b->rows + rows <= b->synth->round_rows);
    assert(item->capacity - item->count >= frames * (size_t)item->model->config.vocoder.hop);
    b->items[b->count] = item;
    b->word_gains[b->count] = d->gain;
    b->chunks[b->count++] = chunk;
    b->rows += rows;
    d->at += frames;
    item->ready_frames -= frames;
    item->count += frames * (size_t)item->model->config.vocoder.hop;
}

/* Behind a piece: its pause, and behind the sentence's last the way to the next sentence. */
static void end_piece(batch *b, ev_item *item) {
    assert(item->head->at == item->head->piece_end);
    ev_decoded *d = item->head;
    const ev_sentence *s = &item->phones->sentences[d->sentence];
    if (d->phone < s->phone_end) {
        ev_item_silence(item, ev_item_pause(item, d->sentence, d->phone));
        next_piece(item, d, d->phone + 1);
        return;
    }
    assert(d->at == d->frames);
    ev_item_silence(item, ev_item_sentence_pause(item, d->sentence));
    item->head = d->next;
    if (!item->head) item->tail = NULL;
    d->next = b->spent;
    b->spent = d;
}

/* A pause may stand where no frame does: pieces that are through end even with nothing left to take. */
static bool goes_on(const batch *b, const ev_item *item, size_t left) {
    if (b->stopped || item->status != EV_OK || !item->head) return false;
    return left || item->head->at == item->head->piece_end;
}

/* Frames of the item's in chunks of even length. */
static void add_slice(batch *b, ev_item *item, size_t left) {
    assert(b->synth->chunk_frames > 0);
    while (goes_on(b, item, left)) {
        ev_item_silence(item, item->head->lead);
        item->head->lead = 0;
        assert(item->head->at <= item->head->piece_end && item->head->piece_end <= item->head->frames);
        const size_t piece = item->head->piece_end - item->head->at, most = left < piece ? left : piece;
        const size_t longest = b->synth->chunk_frames, parts = (most + longest - 1) / longest;
        const size_t now = parts ? (most + parts - 1) / parts : 0;
        if (now) add_chunk(b, item, item->head, now);
        left -= now;
        if (item->head->at == item->head->piece_end) end_piece(b, item);
    }
}

bool ev_stage_vocode(ev_synth *s, const ev_item_slice *slices, size_t n) {
    const size_t mark = ev_queue_mark(s->queue);
    batch *b = ev_queue_host(s->queue, sizeof *b);
    *b = (batch){.synth = s};
    for (size_t i = 0; i < n && !b->stopped; i++) add_slice(b, slices[i].item, slices[i].frames);
    flush(b);
    ev_queue_release(s->queue, mark);
    return !canceled(s);
}
