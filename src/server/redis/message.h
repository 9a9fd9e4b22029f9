/* message: what gateways and workers tell each other through Redis, as JSON.
 *
 *   a job     {"v", "id", "owner", "created_ms", "request": {...}}, the request as record.h writes it
 *   an event  of a job that somebody listens to: {"v", "type": "audio", "id", "rate", "at", "words_from"?,
 * "word_count"?, "words"?, "omitted"?, "omitted_count"?} with the samples from number `at` on beside it, as 16-bit
 * words, the lower byte first; then {"v", "type": "end", "id", "rate", "samples", "state", "outcome": {...}}, the
 *             outcome as record.h writes it
 *
 * Version: a reader takes what has its own number or the next one, and passes over fields that it does not know; so
 * gateways and workers may be one version apart. What is read comes from outside: every number is checked against its
 * bounds, every text against its length.
 */
#ifndef SV_REDIS_MESSAGE_H
#define SV_REDIS_MESSAGE_H

#include <jansson.h>

#include "server/jobs/jobs.h"
#include "server/jobs/journal.h"

enum { SV_MESSAGE_VERSION = 1, SV_MESSAGE_MAX = 4 << 20 /* bytes of JSON */ };

/* A job's record as a message, to be freed. NULL: out of memory. */
char *sv_message_of_job(const sv_record *record);
/* And back: id, owner, created_ms and request of a record that is not over. EV_E_FORMAT; EV_E_LIMIT: it is of a
 * version that cannot be read. */
ev_status sv_message_job(sv_record *out, const char *text, size_t size, ev_error *err);

typedef struct sv_event {
    char id[SV_JOB_ID + 1];
    bool end;
    int32_t rate;                  /* Hz of its samples */
    size_t at;                     /* of audio: number of the first sample */
    sv_job_state state;            /* of the end */
    size_t samples;                /* of the end: all that there were */
    json_t *json;                  /* owned: the message */
    const json_t *words, *omitted; /* of audio; NULL: nothing new */
    size_t words_from, word_count, omitted_count;
    char *outcome; /* owned: of the end */
} sv_event;
/* What is new since the listener heard samples before `at` and words before *words_sent, which moves on; NULL: out of
 * memory. first: what is left out too. */
char *sv_message_of_audio(sv_job *job, int32_t rate, size_t at, size_t *words_sent, bool first);
char *sv_message_of_end(const sv_job *job, const sv_record *outcome, int32_t rate);
ev_status sv_message_event(sv_event *out, const char *text, size_t size, ev_error *err);
void sv_event_free(sv_event *event);
/* Words and what was left out, into a job of this process. false: they cannot be of its text. */
bool sv_event_apply(const sv_event *event, sv_job *job);

#endif
