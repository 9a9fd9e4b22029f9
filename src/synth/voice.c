/* voice: one speaker as a vector and a median pitch; made from a model's own list, from reference speech, or from
 * bytes that were packed before.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/audio.h"
#include "synth/synth.h"

enum { REFERENCE_RATE = 16000, REFERENCE_MS_MIN = 1000, REFERENCE_MS_MAX = 30000, VECTOR_MAX = 4096 };
#define PITCH_HZ_MAX 2000.0F

ev_voice *ev_voice_make(const ev_model *model, const float *vector, float pitch) {
    const size_t n = (size_t)model->config.acoustic.speaker;
    assert(n > 0 && n <= VECTOR_MAX && pitch >= 0);
    ev_voice *v = malloc(sizeof *v + n * sizeof(float));
    if (!v) return NULL;
    v->faults = 0;
    v->encoder_id = model->encoder_id;
    v->keeps_length = !model->acoustic.family->voice_rows;
    v->pitch = pitch;
    v->equaliser_id = 0;
    v->bands = 0;
    memset(v->eq_db, 0, sizeof v->eq_db);
    v->size = n;
    memcpy(v->vector, vector, n * sizeof(float));
    return v;
}

ev_voice *ev_voice_copy(const ev_voice *voice) {
    const size_t bytes = sizeof *voice + voice->size * sizeof(float);
    ev_voice *v = malloc(bytes);
    if (v) memcpy(v, voice, bytes);
    return v;
}

static ev_status finish(ev_voice **out, ev_voice *voice, ev_error *err) {
    *out = voice;
    return voice ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory");
}

ev_status ev_voice_named(ev_voice **out, ev_model *model, const char *name, ev_error *err) {
    *out = NULL;
    for (size_t i = 0; i < model->voice_count; i++) {
        if (strcmp(ev_model_voice_name(model, i), name) != 0) continue;
        const float pitch = (float)json_number_value(json_object_get(ev_model_voice(model, i), "pitch"));
        const float *vector = model->voice_vectors + i * (size_t)model->config.acoustic.speaker;
        return finish(out, ev_voice_make(model, vector, pitch), err);
    }
    return ev_model_unknown("voice", name, strlen(name), json_object_get(model->config.json, "voices"), err);
}

static ev_status check_mixture(const ev_voice *const *voices, const float *weights, size_t n, ev_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (!(weights[i] > 0 && weights[i] <= 1e6F))
            return ev_fail(err, EV_E_ARGUMENT, "the weight of a voice must be a number above 0");
        if (voices[i]->size != voices[0]->size || voices[i]->encoder_id != voices[0]->encoder_id)
            return ev_fail(err, EV_E_ARGUMENT, "voices of different models cannot be mixed");
    }
    return n ? EV_OK : ev_fail(err, EV_E_ARGUMENT, "there is no voice to mix");
}

/* Mean of the pitches' logarithms; 0 where one is not told. */
static float mixed_pitch(const ev_voice *const *voices, const float *weights, size_t n, double sum) {
    assert(n > 0 && sum > 0);
    double log_pitch = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(voices[i]->pitch > 0)) return 0;
        log_pitch += (double)weights[i] / sum * log((double)voices[i]->pitch);
    }
    return (float)exp(log_pitch);
}

/* A voice without one has gains of 0, and so has one whose are another model's. */
static void mix_equalisers(ev_voice *v, const ev_voice *const *voices, const float *weights, size_t n, double sum) {
    assert(n > 0 && sum > 0);
    const ev_voice *first = voices[0];
    for (size_t i = 1; i < n && !first->equaliser_id; i++) first = voices[i];
    v->equaliser_id = first->equaliser_id;
    v->bands = first->bands;
    for (size_t b = 0; b < EV_EQUALISER_BANDS_MAX; b++) {
        double db = 0;
        for (size_t i = 0; i < n; i++)
            if (voices[i]->equaliser_id == first->equaliser_id)
                db += (double)weights[i] / sum * (double)voices[i]->eq_db[b];
        v->eq_db[b] = (float)db;
    }
}

static double length_of(const ev_voice *v) {
    double squares = 0;
    for (size_t k = 0; k < v->size; k++) squares += (double)v->vector[k] * (double)v->vector[k];
    return sqrt(squares);
}

ev_status ev_voice_mix(ev_voice **out, const ev_voice *const *voices, const float *weights, size_t n, ev_error *err) {
    double sum = 0, wanted = 0;
    *out = NULL;
    const ev_status status = check_mixture(voices, weights, n, err);
    if (status != EV_OK) return status;
    for (size_t i = 0; i < n; i++) sum += (double)weights[i];
    ev_voice *v = malloc(sizeof *v + voices[0]->size * sizeof(float));
    if (!v) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *v = *voices[0];
    v->faults = 0;
    v->pitch = mixed_pitch(voices, weights, n, sum);
    mix_equalisers(v, voices, weights, n, sum);
    for (size_t k = 0; k < v->size; k++) {
        double value = 0;
        for (size_t i = 0; i < n; i++) value += (double)weights[i] / sum * (double)voices[i]->vector[k];
        v->vector[k] = (float)value;
    }
    /* A mean of vectors is shorter than they are, and no speaker's: it becomes as long as they are in the mean. A
     * mean of a table's rows is what the model has learnt to read between them. */
    for (size_t i = 0; i < n; i++) wanted += (double)weights[i] / sum * length_of(voices[i]);
    const double length = length_of(v), factor = v->keeps_length && length > 0 ? wanted / length : 1;
    for (size_t k = 0; k < v->size; k++) v->vector[k] = (float)((double)v->vector[k] * factor);
    *out = v;
    return EV_OK;
}

/* ---- from reference speech ---- */

static ev_status check_reference(size_t count, int32_t rate, ev_error *err) {
    if (rate < 8000 || rate > 192000) {
        return ev_fail(err, EV_E_AUDIO, "reference has a sample rate of %d Hz; wanted 8000..192000", rate);
    }
    const double seconds = (double)count / rate;
    if (seconds * 1000 > REFERENCE_MS_MAX) {
        return ev_fail(err, EV_E_AUDIO, "reference is %.1f s long; give at most 30 s", seconds);
    }
    if (seconds * 1000 < REFERENCE_MS_MIN) {
        return ev_fail(err, EV_E_AUDIO, "reference is %.2f s long; give at least 1 s, better 3 to 10 s", seconds);
    }
    return EV_OK;
}

/* Trims in place and measures; *count becomes the speech left. */
static ev_status measure_reference(float *samples, size_t *count, float *pitch, ev_quality *quality, ev_error *err) {
    *count = ev_trim_silence(samples, *count, samples);
    if (*count == SIZE_MAX) return ev_fail(err, EV_E_MEMORY, "out of memory for the reference");
    if (*count == 0) return ev_fail(err, EV_E_AUDIO, "reference is silent; give a recording of speech");
    if (*count < (size_t)REFERENCE_MS_MIN * REFERENCE_RATE / 1000) {
        return ev_fail(err, EV_E_AUDIO, "reference has only %.2f s of speech besides silence; give at least 1 s",
                       (double)*count / REFERENCE_RATE);
    }
    float *f0 = NULL;
    size_t frames = 0;
    const ev_status s = ev_pitch_track(samples, *count, &f0, &frames, err);
    if (s != EV_OK) return s;
    assert(frames > 0);
    *pitch = ev_pitch_median(f0, frames);
    ev_quality_pitch(quality, f0, frames);
    free(f0);
    if (*pitch < 0) return ev_fail(err, EV_E_MEMORY, "out of memory for the reference");
    if (*pitch > 0 && !quality->tones) return EV_OK;
    return ev_fail(err, EV_E_AUDIO,
                   "reference has no speech in it, %s; give a recording of one person who speaks, 3 to 10 s of it",
                   *pitch > 0 ? "only tones or music" : "nothing that is voiced");
}

static ev_status embed_speech(ev_voice **out, ev_synth *s, const float *speech, size_t count, float pitch,
                              ev_error *err) {
    assert(s->model->config.speaker.embedding > 0 && s->model->config.speaker.embedding <= VECTOR_MAX);
    float *bank = NULL, vector[4096];
    size_t frames = 0;
    const ev_status status = ev_fbank(speech, count, &bank, &frames, err);
    if (status != EV_OK) return status;
    const size_t mark = ev_arena_mark(&s->queue->arena);
    ev_speaker_run(&s->model->speaker, &s->compute, &s->queue->arena, bank, frames, vector);
    ev_arena_release(&s->queue->arena, mark);
    free(bank);
    for (size_t i = 0; i < (size_t)s->model->config.speaker.embedding; i++) {
        if (!isfinite(vector[i])) return ev_fail(err, EV_E_AUDIO, "reference gives no finite speaker vector");
    }
    return finish(out, ev_voice_make(s->model, vector, pitch), err);
}

/* The timbre that the vector does not tell. */
static_assert((int)EV_EQUALISER_BANDS_MAX <= (int)EV_LTAS_BANDS_MAX, "ev_ltas has room for them");

static ev_status equalise(ev_voice *voice, const ev_model *model, const float *speech, size_t count, ev_error *err) {
    const ev_equaliser *e = &model->equaliser;
    float reference_db[EV_EQUALISER_BANDS_MAX];
    if (!e->config.bands) return EV_OK;
    const ev_status s = ev_ltas(speech, count, e->config.hz, (size_t)e->config.bands, reference_db, err);
    if (s != EV_OK) return s;
    assert(voice->size == (size_t)e->speaker && voice->pitch > 0);
    ev_equaliser_fit(e, voice->vector, voice->pitch, reference_db, voice->eq_db);
    voice->equaliser_id = e->id;
    voice->bands = e->config.bands;
    return EV_OK;
}

/* ---- who speaks in it ---- */

enum { PIECE = 2 * REFERENCE_RATE, PIECES_MAX = REFERENCE_MS_MAX / 2000 };
/* Pieces of two seconds of one speaker are 0.82 alike at least, in recordings of four people and of four synthetic
 * voices, and the halves of a recording 0.92; of two speakers 0.63 to 0.72, and 0.67 to 0.85. Two voices that are
 * much alike pass. */
static const float ONE_SPEAKER = 0.75F, ONE_SPEAKER_MEANS = 0.88F;

static float alike(const float *a, const float *b, size_t n) {
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? (float)(dot / sqrt(aa * bb)) : 1;
}

static void sum_up(float *sum, ev_voice *const *pieces, size_t count) {
    assert(count > 0 && pieces[0]->size <= VECTOR_MAX);
    memset(sum, 0, pieces[0]->size * sizeof *sum);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < pieces[0]->size; k++) sum[k] += pieces[i]->vector[k];
}

static bool are_several(ev_voice *const *pieces, size_t count) {
    float before[4096], after[4096];
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (ev_voice_similarity(pieces[i], pieces[k]) < ONE_SPEAKER) return true;
    for (size_t cut = 2; cut + 2 <= count; cut++) {
        sum_up(before, pieces, cut);
        sum_up(after, pieces + cut, count - cut);
        if (alike(before, after, pieces[0]->size) < ONE_SPEAKER_MEANS) return true;
    }
    return false;
}

static ev_status look_for_speakers(ev_synth *s, const float *speech, size_t count, bool *several, ev_error *err) {
    ev_voice *pieces[PIECES_MAX] = {0};
    size_t n = 0;
    ev_status status = EV_OK;
    for (; status == EV_OK && n < PIECES_MAX && (n + 1) * PIECE <= count; n += status == EV_OK)
        status = embed_speech(&pieces[n], s, speech + n * PIECE, PIECE, 0, err);
    *several = status == EV_OK && are_several(pieces, n);
    for (size_t i = 0; i < n; i++) ev_voice_free(&pieces[i]);
    return status;
}

enum { SHORT_S = 3 };

static unsigned faults_of(const ev_quality *q, bool several, size_t count) {
    return (q->clipped ? EV_VOICE_CLIPPED : 0u) | (q->noisy ? EV_VOICE_NOISY : 0u) |
           (q->music ? EV_VOICE_MUSIC : 0u) | (several ? EV_VOICE_SPEAKERS : 0u) |
           (count < SHORT_S * REFERENCE_RATE ? EV_VOICE_SHORT : 0u);
}

unsigned ev_voice_faults(const ev_voice *voice) { return voice->faults; }

const char *ev_voice_fault_hint(ev_voice_fault fault) {
    switch (fault) {
    case EV_VOICE_CLIPPED: return "clipped: record it again with less gain";
    case EV_VOICE_NOISY: return "noisy: record it in a quieter room, nearer to the microphone";
    case EV_VOICE_MUSIC: return "music: give speech without music or singing";
    case EV_VOICE_SPEAKERS: return "several speakers: cut it to one of them";
    case EV_VOICE_SHORT: return "short: give 3 to 10 seconds of speech";
    default: return NULL;
    }
}

ev_status ev_voice_embed(ev_voice **out, ev_synth *synth, const float *samples, size_t count, int32_t sample_rate,
                         ev_error *err) {
    *out = NULL;
    if (!synth->model->config.speaker.embedding) {
        return ev_fail(err, EV_E_ARGUMENT,
                       "this model speaks in its own %zu voices alone: it has no speaker encoder; for a voice from a "
                       "recording take a model that has one, such as emotivoice-default",
                       synth->model->voice_count);
    }
    ev_status s = check_reference(count, sample_rate, err);
    if (s != EV_OK) return s;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(samples[i])) return ev_fail(err, EV_E_AUDIO, "reference sample %zu is not a finite number", i);
    }
    float *speech = NULL, pitch = 0;
    size_t n = 0;
    ev_quality quality = {0};
    bool several = false;
    s = ev_resample(samples, count, sample_rate, REFERENCE_RATE, &speech, &n, err);
    if (s == EV_OK) s = ev_quality_measure(&quality, samples, count, speech, n, err);
    if (s == EV_OK) s = measure_reference(speech, &n, &pitch, &quality, err);
    if (s == EV_OK) s = look_for_speakers(synth, speech, n, &several, err);
    if (s == EV_OK) s = embed_speech(out, synth, speech, n, pitch, err);
    if (s == EV_OK) s = equalise(*out, synth->model, speech, n, err);
    if (s == EV_OK) (*out)->faults = faults_of(&quality, several, n);
    if (s != EV_OK) ev_voice_free(out);
    free(speech);
    return s;
}

ev_status ev_voice_from_file(ev_voice **out, ev_synth *synth, const char *path, ev_error *err) {
    ev_audio audio = {0};
    *out = NULL;
    ev_status s = ev_audio_read(&audio, path, REFERENCE_MS_MAX / 1000.0, err);
    if (s == EV_OK) s = ev_voice_embed(out, synth, audio.samples, audio.count, audio.sample_rate, err);
    ev_audio_free(&audio);
    return s;
}

/* ---- packed form ----
 * Magic, encoder id, pitch, count, the vector; with an equaliser then its id, its bands' count and their gains;
 * FNV-1a of it all; little-endian. A voice without one is written as it was before there were any.
 */

enum { MAGIC_BYTES = 8, HEADER_BYTES = MAGIC_BYTES + 8 + 4 + 4, EQUALISER_BYTES = 8 + 4, CHECK_BYTES = 8 };
static const char magic_plain[MAGIC_BYTES + 1] = "EVVOICE1", magic_equalised[MAGIC_BYTES + 1] = "EVVOICE2";
static const float EQ_DB_MAX = 100;

/* Bytes before the check. */
static size_t packed_bytes(size_t floats, size_t bands) {
    return HEADER_BYTES + floats * sizeof(float) + (bands ? EQUALISER_BYTES + bands * sizeof(float) : 0);
}

ev_status ev_voice_pack(const ev_voice *voice, void *bytes, size_t capacity, size_t *used, ev_error *err) {
    assert(voice->bands >= 0 && voice->bands <= EV_EQUALISER_BANDS_MAX && !voice->bands == !voice->equaliser_id);
    const uint32_t n = (uint32_t)voice->size, bands = (uint32_t)voice->bands;
    const size_t body = packed_bytes(n, bands);
    *used = body + CHECK_BYTES;
    if (!bytes) return EV_OK;
    if (capacity < *used) return ev_fail(err, EV_E_LIMIT, "a packed voice needs %zu bytes", *used);
    unsigned char *p = bytes, *equaliser = p + packed_bytes(n, 0);
    memcpy(p, bands ? magic_equalised : magic_plain, MAGIC_BYTES);
    memcpy(p + 8, &voice->encoder_id, 8);
    memcpy(p + 16, &voice->pitch, 4);
    memcpy(p + 20, &n, 4);
    memcpy(p + HEADER_BYTES, voice->vector, n * sizeof(float));
    if (bands) {
        memcpy(equaliser, &voice->equaliser_id, 8);
        memcpy(equaliser + 8, &bands, 4);
        memcpy(equaliser + EQUALISER_BYTES, voice->eq_db, bands * sizeof(float));
    }
    const uint64_t check = ev_hash(EV_HASH_START, p, body);
    memcpy(p + body, &check, CHECK_BYTES);
    return EV_OK;
}

static ev_status unpack_gains(ev_voice *voice, const ev_model *model, const unsigned char *gains, ev_error *err) {
    assert(model->equaliser.config.bands > 0 && model->equaliser.config.bands <= EV_EQUALISER_BANDS_MAX);
    voice->equaliser_id = model->equaliser.id;
    voice->bands = model->equaliser.config.bands;
    memcpy(voice->eq_db, gains, (size_t)voice->bands * sizeof(float));
    for (int b = 0; b < voice->bands; b++)
        if (!(fabsf(voice->eq_db[b]) <= EQ_DB_MAX)) return ev_fail(err, EV_E_FORMAT, "packed voice is damaged");
    return EV_OK;
}

/* Gains of another model's equaliser would be another timbre: the voice does without. */
ev_status ev_voice_unpack(ev_voice **out, ev_model *model, const void *bytes, size_t size, ev_error *err) {
    const unsigned char *p = bytes;
    const size_t n = (size_t)model->config.acoustic.speaker, plain = packed_bytes(n, 0);
    uint64_t id = 0, check = 0, equaliser_id = 0;
    uint32_t count = 0, bands = 0;
    *out = NULL;
    const bool equalised = size >= HEADER_BYTES && memcmp(p, magic_equalised, MAGIC_BYTES) == 0;
    if (size < HEADER_BYTES || (!equalised && memcmp(p, magic_plain, MAGIC_BYTES) != 0)) {
        return ev_fail(err, EV_E_FORMAT, "not a packed voice");
    }
    memcpy(&id, p + 8, 8);
    memcpy(&count, p + 20, 4);
    if (id != model->encoder_id || count != n) {
        return ev_fail(err, EV_E_FORMAT,
                       "the voice was made with another speaker encoder; make it again from its reference");
    }
    if (equalised && size >= plain + EQUALISER_BYTES) {
        memcpy(&equaliser_id, p + plain, 8);
        memcpy(&bands, p + plain + 8, 4);
    }
    const bool ours = bands && equaliser_id == model->equaliser.id;
    if (bands > EV_EQUALISER_BANDS_MAX || (ours && bands != (uint32_t)model->equaliser.config.bands))
        return ev_fail(err, EV_E_FORMAT, "packed voice is damaged");
    const size_t body = packed_bytes(n, bands);
    if (size != body + CHECK_BYTES)
        return ev_fail(err, EV_E_FORMAT, "packed voice has %zu bytes, wanted %zu", size, body + CHECK_BYTES);
    memcpy(&check, p + body, CHECK_BYTES);
    if (check != ev_hash(EV_HASH_START, p, body)) return ev_fail(err, EV_E_FORMAT, "packed voice is damaged");
    float vector[VECTOR_MAX], pitch = 0;
    assert(n <= VECTOR_MAX);
    memcpy(&pitch, p + 16, 4);
    memcpy(vector, p + HEADER_BYTES, n * sizeof(float));
    bool good = pitch >= 0 && pitch <= PITCH_HZ_MAX; /* the sum above keeps nobody from writing what is no voice */
    for (size_t i = 0; i < n; i++) good &= isfinite(vector[i]) != 0;
    if (!good) return ev_fail(err, EV_E_FORMAT, "packed voice is damaged");
    const ev_status s = finish(out, ev_voice_make(model, vector, pitch), err);
    if (s != EV_OK || !ours) return s;
    const ev_status gains = unpack_gains(*out, model, p + plain + EQUALISER_BYTES, err);
    if (gains != EV_OK) ev_voice_free(out);
    return gains;
}

const float *ev_voice_vector(const ev_voice *voice, size_t *count) {
    *count = voice->size;
    return voice->vector;
}

float ev_voice_pitch(const ev_voice *voice) { return voice->pitch; }

float ev_voice_similarity(const ev_voice *a, const ev_voice *b) {
    if (a->size != b->size || a->encoder_id != b->encoder_id) return 0;
    double dot = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < a->size; i++) {
        dot += (double)a->vector[i] * b->vector[i];
        aa += (double)a->vector[i] * a->vector[i];
        bb += (double)b->vector[i] * b->vector[i];
    }
    return aa > 0 && bb > 0 ? (float)(dot / sqrt(aa * bb)) : 0;
}

void ev_voice_free(ev_voice **voice) {
    free(*voice);
    *voice = NULL;
}
