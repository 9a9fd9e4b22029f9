/* memory: what jobs take of it, claimed before they do.
 *
 * A job claims what it will be: its text and recording, the phones and the sentence at hand, and its samples, all of
 * them where they are kept whole. A stream that is too long for that is windowed: it has samples for its listener's
 * next minute or two, and no more is made before these are read. So what a slow reader does not read is not there.
 */
#include "server/engine/engine_inner.h"

#include <math.h>

/* Of the sentence at hand: 30 s of speech, its pauses, and the one that passed their limit. */
#define SENTENCE_S 70.0

enum {
    WHOLE_MAX = 2 * SV_JOB_WINDOW, /* bytes of samples; a windowed job goes one sentence over its window */
    TOKEN_BYTES = 200,             /* its phone, its mark, its numbers */
    FRAME_PART = 2                 /* of the samples' floats: mel, phase and F0 beside them, rounded up */
};

static double bytes_per_second(const sv_engine *e) { return (double)e->rate * (double)sizeof(int16_t); }

bool sv_engine_windowed(sv_engine *e, double seconds) { return seconds * bytes_per_second(e) > WHOLE_MAX; }

/* Seconds of audio, by its phones where they are known. */
static double seconds_of(sv_engine *e, const sv_active *a) {
    const sv_speech *s = &a->job->speech;
    if (!a->task) return sv_engine_seconds(e, s);
    const ev_phones *phones = ev_task_phones(a->task);
    double pauses_ms = 0, tokens = 0; /* tokens: of the model's own speed, that last as long */
    for (size_t i = 0; i < phones->phone_count; i++) {
        pauses_ms += phones->phones[i].pause_ms;
        tokens += 1 / fmin(fmax((double)(phones->phones[i].speed * s->speed), 0.25), 4);
    }
    ev_mutex_lock(&e->lock);
    const double frames = sv_schedule_frames_per_token(&e->schedule) * tokens;
    const double rate = e->schedule.config.frames_per_second;
    ev_mutex_unlock(&e->lock);
    return frames / rate + pauses_ms / 1000;
}

sv_claim_result sv_engine_claim(sv_engine *e, sv_active *a, const char *account) {
    sv_job *job = a->job;
    const double seconds = seconds_of(e, a), rate = bytes_per_second(e);
    const double tokens = a->task ? (double)ev_task_phones(a->task)->phone_count : (double)a->tokens;
    const double samples = job->speech.windowed ? WHOLE_MAX : seconds * rate;
    const double sentence = fmin(seconds, SENTENCE_S) * rate * 2 * FRAME_PART; /* floats, of twice the size */
    const double bytes = (double)sv_job_bytes(job) + sizeof *a + samples + sentence + tokens * TOKEN_BYTES;
    const int64_t whole = bytes < 1e15 ? (int64_t)bytes : INT64_C(1000000000000000);
    if (job->claim.bytes >= whole) return SV_CLAIM_OK;
    return sv_claim_set(e->parts.ledger, &job->claim, account, whole, 1);
}

void sv_engine_settle(sv_engine *e, sv_job *job) {
    ev_mutex_lock(&job->lock); /* its listener may be letting go of samples */
    const int64_t bytes = sv_job_bytes(job);
    ev_mutex_unlock(&job->lock);
    if (bytes < job->claim.bytes) sv_claim_set(e->parts.ledger, &job->claim, NULL, bytes, 1);
}
