/* answers: what answers a route (server/routes.c has the table), and what answers have in common. Inside:
 *
 *   fields.h       JSON -> sv_speech, every mistake named by its field; names.c: voices and emotions as others
 *                  call them; instructions.c reads OpenAI's free text
 *   speech.c       POST /v1/audio/speech; simple.c the same without JSON; captions.c and elevenlabs.c the same with
 *                  the times of words, which timed.c tells
 *   listen.c       samples -> the listener's format, as they are made
 *   tts.c          /tts: accepted at once, asked for later; job_json.c a job as JSON
 *   voices.c       /v1/voices
 *   pages.c        the rest: health, models, emotions, status, metrics, the page (page.h), openapi.json
 *   sentences.h    a text that comes in pieces, sentence by sentence
 */
#ifndef SV_API_ANSWERS_H
#define SV_API_ANSWERS_H

#include "server/api/fields.h"

int sv_answer_speech(sv_request *req);
int sv_answer_say(sv_request *req);
int sv_answer_plain(sv_request *req);
int sv_answer_tts(sv_request *req);
int sv_answer_job(sv_request *req);
int sv_answer_job_audio(sv_request *req);
int sv_answer_job_cancel(sv_request *req);
int sv_answer_voices(sv_request *req);
int sv_answer_voice_add(sv_request *req);
int sv_answer_voice_delete(sv_request *req);
int sv_answer_captioned(sv_request *req);
int sv_answer_subtitles(sv_request *req);
int sv_answer_elevenlabs(sv_request *req);
int sv_answer_user(sv_request *req);
int sv_answer_health(sv_request *req);
int sv_answer_ready(sv_request *req);
int sv_answer_models(sv_request *req);
int sv_answer_emotions(sv_request *req);
int sv_answer_status(sv_request *req);
int sv_answer_metrics(sv_request *req);
int sv_answer_page(sv_request *req);
int sv_answer_openapi(sv_request *req);
int sv_answer_dead(sv_request *req);
int sv_answer_dead_retry(sv_request *req);
int sv_answer_dead_show(sv_request *req);
int sv_answer_dead_drop(sv_request *req);

/* voices.c: an upload's form, from a body of the connection's Content-Type. The form starts as {0} and is the
 * caller's to free, also where it cannot be read (false). */
typedef struct sv_form {
    char name[SV_VOICE_NAME_MAX + 1], consent[65];
    ev_buf audio;
    bool name_cut, consent_cut; /* it was too long */
} sv_form;
bool sv_form_read(struct MHD_Connection *connection, const void *body, size_t size, sv_form *form);

/* timed.c: when words are heard, sent in pieces. Starts as {.rate, .dialect}. */
typedef struct sv_timing {
    sv_dialect dialect;
    int32_t rate;                /* Hz of the samples that the job's words count */
    bool ended;                  /* no sound is to come, and end_s is the file's end */
    double skipped_s, end_s;     /* what the file does not have of their beginning; what it has */
    size_t next_word, next_byte; /* what comes next */
    double last_s;               /* the end of what was sent */
} sv_timing;
/* Words that were not sent yet and that the encoder has had whole, or over: all (encoder NULL: of the sound as it was
 * made); of an ElevenLabs dialect an alignment. */
json_t *sv_timed_words(sv_job *job, sv_timing *timing, const ev_encoder *encoder, bool over);
void sv_timed_subtitles(sv_job *job, sv_timing *timing, bool vtt, ev_buf *out); /* of a job that is completed */

/* speech.c: speaks what was read, as the answer; body is taken over. */
int sv_speak(sv_request *req, json_t *body);
int sv_speak_params(sv_request *req, sv_speech_params *params);
/* speech.c: the job for these params, admitted; or answers and returns false. *made: it is a new one. */
bool sv_speech_begin(sv_request *req, sv_speech_params *params, bool kept, sv_idempotency *idempotency, bool *made,
                     int *result);
/* tts.c: digests of the account with the client's Idempotency-Key, and of the body. false: answered. */
bool sv_read_idempotency(sv_request *req, const char *key, sv_idempotency *idempotency, int *result);
/* What was accepted, or ended, could not be written down. */
int sv_reply_not_durable(sv_request *req, ev_status status, const ev_error *error);
/* job_json.c: {"words": [{"word", "start", "end", "text_begin", "text_end"}]} of a completed job: seconds of the file
 * that the encoder has finished (NULL: of the sound as it was made), characters of the text. */
json_t *sv_words_json(sv_job *job, int32_t sample_rate, const ev_encoder *encoder);
json_t *sv_omitted_json(const sv_job *job); /* what was not spoken as written: once there are samples */
/* job_json.c: ["clipped: record it again ..."] of "clipped: ...; short: ..." */
json_t *sv_warnings_json(const char *warnings);
/* A job that ended badly, as an answer. */
int sv_reply_job_error(sv_request *req, sv_job_state state, const ev_error *error);

/* listen.c: answers with the job's audio. whole: it is over, so its head can tell its length; else as it is made. */
int sv_listen(sv_request *req, ev_format format, bool sse, bool whole);

#endif
