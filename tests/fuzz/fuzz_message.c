/* Fuzzes what comes from Redis: any bytes either are refused with a line, or give an event that a job can take in, or
 * a job whose numbers are in range. */
#include <stdlib.h>
#include <string.h>

#include "server/jobs/record.h"
#include "server/redis/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char TEXT[] = "Hello there, and goodbye.";

static void apply(const sv_event *e) {
    sv_speech s;
    sv_speech_init(&s);
    s.text = strdup(TEXT);
    s.text_bytes = sizeof TEXT - 1;
    sv_job *job = sv_job_create(&s, "ann");
    if (!job) return;
    (void)sv_event_apply(e, job);
    (void)sv_event_apply(e, job);
    for (size_t i = 0; i < job->word_count; i++) {
        if (job->words[i].byte_end > sizeof TEXT - 1 || job->words[i].sample_end < job->words[i].sample_begin)
            abort();
    }
    for (size_t i = 0; i < job->omitted_count && i < SV_OMITTED_MAX; i++) {
        if (job->omitted[i].byte_end > sizeof TEXT - 1 || !job->omitted[i].reason) abort();
    }
    sv_job_unref(&job);
}

static void read_job(sv_record *r) {
    sv_job *job = NULL;
    ev_error err = {0};
    if (strlen(r->id) != SV_RECORD_ID || !r->owner[0] || !r->request) abort();
    const ev_status status = sv_record_job(&job, r, &err);
    if (status == EV_OK && (job->speech.priority < 0 || job->speech.priority > 2 || !job->speech.text_bytes)) abort();
    if (status != EV_OK && !err.message[0]) abort();
    sv_job_unref(&job);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    sv_event e;
    sv_record r;
    ev_error err = {0};
    if (sv_message_event(&e, (const char *)bytes, size, &err) == EV_OK) {
        if (e.end ? e.outcome == NULL : e.outcome != NULL) abort();
        apply(&e);
        sv_event_free(&e);
    } else if (!err.message[0]) {
        abort();
    }
    if (sv_message_job(&r, (const char *)bytes, size, &err) == EV_OK) read_job(&r);
    sv_record_free(&r);
    return 0;
}
