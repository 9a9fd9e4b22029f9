/* metrics_table: every metric and every label value, once. No label is an id, an address or anything that a client
 * can make up, so the number of series is fixed when the program is built.
 *
 *   X(id, kind, name, labels, unit, buckets, zeros, help)
 *
 * unit: WHOLE numbers, or MICRO for reals that are stored as whole millionths, so that sums are exact and lock-free.
 * zeros: SHOWN exposes every series from the start; HIDDEN only those that were used, where most never are.
 */
#ifndef SV_METRICS_TABLE_H
#define SV_METRICS_TABLE_H

/* clang-format off */
/* X(id, template, speaks): speaks says that an answer is speech, so that probes and pages do not dilute latencies */
#define SV_ROUTE_MAP(X)                                                                                                \
    X(SPEECH,   "/v1/audio/speech",        true)                                                                       \
    X(TTS,      "/tts",                    false)                                                                      \
    X(JOB,      "/tts/{id}",               false)                                                                      \
    X(VOICES,   "/v1/voices",              false)                                                                      \
    X(MODELS,   "/v1/models",              false)                                                                      \
    X(HEALTH,   "/healthz",                false)                                                                      \
    X(READY,    "/readyz",                 false)                                                                      \
    X(METRICS,  "/metrics",                false)                                                                      \
    X(OPENAPI,  "/openapi.json",           false)                                                                      \
    X(PAGE,     "/",                       false)                                                                      \
    X(ADMIN,    "/admin",                  false)                                                                      \
    X(OTHER,    "other",                   false)

#define SV_CODE_MAP(X)                                                                                                 \
    X(200) X(201) X(202) X(204) X(206) X(304) X(400) X(401) X(402) X(403) X(404) X(405) X(406) X(408) X(409) X(410)    \
    X(411) X(413) X(414) X(415) X(421) X(422) X(424) X(429) X(431) X(499) X(500) X(501) X(502) X(503) X(504) X(505) X(507)

#define SV_STAGE_MAP(X)                                                                                                \
    X(TEXT, "text") X(SPEAKER, "speaker") X(ACOUSTIC, "decode") X(VOCODE, "vocode") X(ENCODE, "encode")

#define SV_LOOKUP_MAP(X)                                                                                               \
    X(HIT, "hit") X(MISS, "miss")

#define SV_OUTCOME_MAP(X)                                                                                              \
    X(COMPLETED, "completed") X(FAILED, "failed") X(EXPIRED, "expired") X(CANCELED, "canceled")                        \
    X(REJECTED_FULL, "rejected_full") X(REJECTED_QUOTA, "rejected_quota") X(REJECTED_WORDS, "rejected_words")

#define SV_STORE_OPERATION_MAP(X)                                                                                      \
    X(PUT, "put") X(GET, "get") X(DELETE, "delete") X(LIST, "list")

#define SV_METRIC_MAP(X)                                                                                               \
    X(HTTP_REQUESTS, COUNTER, "http_requests_total", ROUTE_CODE, WHOLE, NONE, HIDDEN,                                  \
      "HTTP requests answered, by route and status code.")                                                             \
    X(REQUESTS_IN_FLIGHT, GAUGE, "requests_in_flight", NONE, WHOLE, NONE, SHOWN,                                       \
      "HTTP requests that are being answered.")                                                                        \
    X(OPEN_CONNECTIONS, GAUGE, "open_connections", NONE, WHOLE, NONE, SHOWN,                                           \
      "Open client connections.")                                                                                      \
    X(REQUEST_DURATION, HISTOGRAM, "request_duration_seconds", ROUTE, MICRO, TIME, HIDDEN,                             \
      "Time from a request's headers to the end of its answer.")                                                       \
    X(FIRST_AUDIO, HISTOGRAM, "first_audio_seconds", NONE, MICRO, TIME, SHOWN,                                         \
      "Time from a job's creation to its first samples; a request that joins a job or meets its result has none.")                \
    X(AUDIO_SECONDS, COUNTER, "audio_seconds_total", NONE, MICRO, NONE, SHOWN,                                         \
      "Seconds of speech made, also for clients that left.")                                                           \
    X(TEXT_CHARACTERS, COUNTER, "text_characters_total", NONE, WHOLE, NONE, SHOWN,                                     \
      "Characters of text accepted to be spoken.")                                                                     \
    X(QUEUE_JOBS, GAUGE, "queue_jobs", NONE, WHOLE, NONE, SHOWN,                                                       \
      "Jobs that wait.")                                                                                               \
    X(QUEUE_AUDIO, GAUGE, "queue_audio_seconds", NONE, MICRO, NONE, SHOWN,                                             \
      "Predicted seconds of speech that wait to be made.")                                                             \
    X(QUEUE_WAIT, HISTOGRAM, "queue_wait_seconds", NONE, MICRO, TIME, SHOWN,                                           \
      "Time a job waited before its first stage began.")                                                               \
    X(BATCH_SIZE, HISTOGRAM, "batch_size", STAGE, WHOLE, SIZE, HIDDEN,                                                 \
      "Utterances or chunks that a stage worked on together.")                                                         \
    X(BATCH_FRAMES, HISTOGRAM, "batch_frames", NONE, WHOLE, FRAMES, SHOWN,                                             \
      "Frames in one batch of the vocoder.")                                                                       \
    X(BATCH_MEMORY, GAUGE, "batch_memory_bytes", NONE, WHOLE, NONE, SHOWN,                                             \
      "Work memory that one batch may take now.")                                                                      \
    X(FRAMES_PROCESSED, COUNTER, "frames_processed_total", NONE, WHOLE, NONE, SHOWN,                                   \
      "Frames the vocoder worked on, chunk halos and gaps included.")                                              \
    X(FRAMES_USEFUL, COUNTER, "frames_useful_total", NONE, WHOLE, NONE, SHOWN,                                         \
      "Frames the vocoder worked on that belong to an utterance.")                                                 \
    X(STAGE_DURATION, HISTOGRAM, "stage_duration_seconds", STAGE, MICRO, TIME, SHOWN,                                  \
      "Time one batch spent in a stage.")                                                                              \
    X(VOICE_CACHE, COUNTER, "voice_cache_requests_total", RESULT, WHOLE, NONE, SHOWN,                                  \
      "Look-ups of a reference's voice in the cache.")                                                                 \
    X(RESULT_CACHE, COUNTER, "result_cache_requests_total", RESULT, WHOLE, NONE, SHOWN,                                \
      "Look-ups of finished audio in the cache.")                                                                      \
    X(COALESCED, COUNTER, "coalesced_total", NONE, WHOLE, NONE, SHOWN,                                                 \
      "Requests answered by an equal one that was already being made.")                                                \
    X(RETRIES, COUNTER, "retries_total", NONE, WHOLE, NONE, SHOWN,                                                     \
      "Tries of jobs after the first.")                                                                                \
    X(DEAD_JOBS, GAUGE, "dead_jobs", NONE, WHOLE, NONE, SHOWN,                                                         \
      "Jobs put aside after their last try.")                                                                          \
    X(JOURNAL_PENDING, GAUGE, "journal_pending_jobs", NONE, WHOLE, NONE, SHOWN,                                        \
      "Jobs in data_dir that were accepted and are not over.")                                                         \
    X(JOURNAL_ERRORS, COUNTER, "journal_errors_total", NONE, WHOLE, NONE, SHOWN,                                       \
      "Jobs, or ends of jobs, that could not be written to data_dir when they came, as on a full disk.")               \
    X(STORE_BYTES, GAUGE, "store_bytes", NONE, WHOLE, NONE, SHOWN,                                                     \
      "Bytes of results kept in data_dir.")                                                                            \
    X(STORE_UP, GAUGE, "store_up", NONE, WHOLE, NONE, HIDDEN,                                                          \
      "Whether the bucket of store answered the last request, where there is one.")                                    \
    X(STORE_REQUESTS, COUNTER, "store_requests_total", OPERATION, WHOLE, NONE, HIDDEN,                                 \
      "Requests to the bucket of store, every try counted.")                                                           \
    X(STORE_ERRORS, COUNTER, "store_errors_total", OPERATION, WHOLE, NONE, HIDDEN,                                     \
      "Requests to the bucket of store that failed, every try counted, and removals that found no room to wait.")      \
    X(STORE_DURATION, HISTOGRAM, "store_request_duration_seconds", OPERATION, MICRO, TIME, HIDDEN,                     \
      "Time of one request to the bucket of store.")                                                                   \
    X(STORE_TRANSFERRED, COUNTER, "store_transferred_bytes_total", OPERATION, WHOLE, NONE, HIDDEN,                     \
      "Bytes sent to and received from the bucket of store, by requests that succeeded.")                              \
    X(REDIS_UP, GAUGE, "redis_up", NONE, WHOLE, NONE, HIDDEN,                                                          \
      "Whether Redis answers, where there is one.")                                                                    \
    X(WORKERS, GAUGE, "live_workers", NONE, WHOLE, NONE, HIDDEN,                                                            \
      "Workers behind Redis that were seen in the last 15 seconds.")                                                   \
    X(CLAIMED, COUNTER, "jobs_claimed_total", NONE, WHOLE, NONE, HIDDEN,                                               \
      "Jobs that this worker took over from one that did not keep its lease.")                                         \
    X(DAMAGED_VOICES, GAUGE, "damaged_voices", NONE, WHOLE, NONE, SHOWN,                                               \
      "Files in voices_dir that were no voice when it was read; the log names them.")                                  \
    X(JOBS, COUNTER, "jobs_total", OUTCOME, WHOLE, NONE, SHOWN,                                                        \
      "Jobs by how they ended.")                                                                                       \
    X(CANCELED_COMPUTE, COUNTER, "canceled_compute_seconds_total", NONE, MICRO, NONE, SHOWN,                           \
      "Compute time spent on what was then canceled.")                                                                 \
    X(DECODER_DEATHS, COUNTER, "decoder_deaths_total", NONE, WHOLE, NONE, SHOWN,                                       \
      "Processes that decode recordings which crashed, hung or lied.")                                                 \
    X(PLAYBACK_UNDERRUNS, COUNTER, "playback_underruns_total", NONE, WHOLE, NONE, SHOWN,                               \
      "Streamed chunks that came later than playback needed them.")                                                    \
    X(COST_ERROR, HISTOGRAM, "cost_prediction_error_ratio", NONE, MICRO, RATIO, SHOWN,                                 \
      "Difference of predicted and real compute time, as a share of the real one.")
/* clang-format on */

#endif
