/* config_table: every setting of the service, once. The struct, the parser, the flags, the environment's names and
 * the printed configuration are all made from these rows, so they cannot disagree.
 *
 *   X(key, kind, default, low, high, unit, reload, help)
 *
 * low..high bound a number; of a text they bound its length, so low 1 means that it must be given.
 * unit says what a plain number counts; of a choice it holds the words; of a size a word that may stand for it (0).
 * reload: LIVE may change on SIGHUP, RESTART is read once at start.
 */
#ifndef SV_CONFIG_TABLE_H
#define SV_CONFIG_TABLE_H

/* kind: its type in C */
#define SV_TYPE_SECRET    const char * /* a text that is never printed */
#define SV_TYPE_TEXT      const char *
#define SV_TYPE_FILE      const char *
#define SV_TYPE_MODELS    const char * /* see sv_models_next() */
#define SV_TYPE_DIRECTORY const char *
#define SV_TYPE_ADDRESS   const char * /* host:port, [v6]:port; "" where it is off */
#define SV_TYPE_HOSTS     const char * /* a list, see sv_list_next() */
#define SV_TYPE_ORIGINS   const char * /* a list of https://host[:port], or * */
#define SV_TYPE_NETWORKS  const char * /* a list of address[/bits] */
#define SV_TYPE_FORMATS   const char * /* a list of kinds of sound files */
#define SV_TYPE_CHOICE    int          /* place of the word: an enum of config.h */
#define SV_TYPE_SWITCH    bool
#define SV_TYPE_COUNT     int64_t
#define SV_TYPE_NUMBER    double
#define SV_TYPE_SECONDS   double
#define SV_TYPE_BYTES     int64_t

/* clang-format off */
#define SV_CONFIG_MAP(X)                                                                                               \
    /* where it listens */                                                                                             \
    X(listen, ADDRESS, "127.0.0.1:8080", 1, 300, "", RESTART,                                                          \
      "address of the public service")                                                                                 \
    X(admin_listen, ADDRESS, "127.0.0.1:9090", 0, 300, "", RESTART,                                                    \
      "address of metrics and administration; off: none")                                                              \
    X(wyoming, ADDRESS, "", 0, 300, "", RESTART,                                                                       \
      "address where Home Assistant's Wyoming protocol is spoken, such as 127.0.0.1:10200; off: none")                 \
    X(hosts, HOSTS, "", 0, 8192, "", LIVE,                                                                             \
      "names by which it is reached, besides localhost and its own addresses; others get 421")                         \
    X(cors_origins, ORIGINS, "", 0, 8192, "", LIVE,                                                                    \
      "origins whose pages may use it, such as https://app.example.org; *: any")                                       \
    X(trusted_proxies, NETWORKS, "", 0, 8192, "", LIVE,                                                                \
      "proxies whose X-Forwarded-For is believed")                                                                     \
    X(connections_max, COUNT, "4096", 1, 1000000, "connections", RESTART,                                              \
      "open connections at most")                                                                                      \
    X(connections_per_ip, COUNT, "256", 0, 1000000, "connections", RESTART,                                            \
      "open connections of one address (of an IPv6 /64; of no trusted proxy); 0: no limit")                                                                  \
    X(websockets_max, COUNT, "64", 0, 1000, "connections", RESTART,                                                    \
      "open WebSockets at most, a quarter of them of one client; each has a thread; 0: none")                          \
    X(header_timeout, SECONDS, "10s", 0.1, 600, "", RESTART,                                                           \
      "a request's headers must come within this")                                                                     \
    X(body_timeout, SECONDS, "30s", 0.1, 3600, "", RESTART,                                                            \
      "a request's body must come within this, once its headers are there")                                            \
    X(idle_timeout, SECONDS, "60s", 1, 86400, "", RESTART,                                                             \
      "a connection without a request is closed after this")                                                           \
    X(body_max, BYTES, "16MB", 1024, 1e9, "", RESTART,                                                                 \
      "largest request body")                                                                                          \
    X(drain_delay, SECONDS, "3s", 0, 600, "", RESTART,                                                                 \
      "on SIGTERM, what still comes is served for this long, where /readyz was asked in the last minute")              \
    X(drain_timeout, SECONDS, "30s", 0, 3600, "", RESTART,                                                             \
      "on SIGTERM, work that was accepted may finish within this")                                                     \
    /* the engine */                                                                                                   \
    X(model, MODELS, "", 0, 65536, "", LIVE,                                                                           \
      "model file, or NAME=FILE; given again, a further model; empty: the default voice")                              \
    X(threads, COUNT, "0", 0, 64, "threads", RESTART,                                                                  \
      "threads that synthesise; 0: one per core")                                                                      \
    X(text_threads, COUNT, "1", 1, 16, "threads", RESTART,                                                             \
      "threads that turn text into phones")                                                                            \
    X(memory_budget, BYTES, "auto", 1e6, 1e13, "auto", RESTART,                                                        \
      "work memory that one batch may take; auto: a quarter of what is free")                                          \
    X(memory_max, BYTES, "1GB", 1e6, 1e13, "", RESTART,                                                                \
      "memory of the whole service: model, work, requests on their way, speech, results and caches")                   \
    X(batch_mode, CHOICE, "adaptive", 0, 0, "adaptive|fixed|off", RESTART,                                             \
      "how requests are gathered into batches")                                                                        \
    X(batch_window, SECONDS, "100ms", 0.001, 10, "", RESTART,                                                          \
      "batch_mode fixed: how long a batch gathers")                                                                    \
    X(batch_turn, SECONDS, "15ms", 0.001, 10, "", RESTART,                                                             \
      "batch_mode adaptive: predicted time at which a batch is full")                                                  \
    X(batch_max, COUNT, "16", 1, 64, "requests", RESTART,                                                              \
      "requests in one batch at most")                                                                                 \
    X(parallel, COUNT, "0", 0, 16, "batches", RESTART,                                                                 \
      "batch_mode adaptive: batches at the same time; 0: one per thread, 8 at most")                                   \
    /* the queue */                                                                                                    \
    X(queue_audio, SECONDS, "300s", 1, 864000, "", RESTART,                                                            \
      "audio that may wait to be made; beyond it requests get 503")                                                    \
    X(queue_wait, SECONDS, "10s", 0.1, 3600, "", RESTART,                                                              \
      "predicted wait beyond which a request gets 503 at once")                                                        \
    X(tries_max, COUNT, "3", 1, 3, "tries", RESTART,                                                                   \
      "tries of a job before it is put aside as dead")                                                                 \
    X(coalesce, SWITCH, "on", 0, 0, "", RESTART,                                                                       \
      "equal requests at the same time are made once")                                                                 \
    X(store_ttl, SECONDS, "24h", 1, 31536000, "", RESTART,                                                             \
      "results of jobs are kept this long")                                                                            \
    X(data_dir, DIRECTORY, "", 0, 3800, "", RESTART,                                                                   \
      "where accepted jobs, results, dead letters and voices outlive a restart; empty: they end with the process")     \
    X(store_max, BYTES, "10GB", 1e6, 1e15, "", RESTART,                                                                \
      "results kept in data_dir; beyond it those of clients without a key go first, the oldest of the client that has most")       \
    X(store, TEXT, "", 0, 1500, "", RESTART,                                                                           \
      "s3://bucket/prefix?region=...&endpoint=...: where results are kept instead of in data_dir")                     \
    X(store_access_key, SECRET, "", 0, 128, "", RESTART,                                                               \
      "store: access key; empty: AWS_ACCESS_KEY_ID and its companions of the environment")                             \
    X(store_secret_key, SECRET, "", 0, 256, "", RESTART,                                                               \
      "store: secret key; empty: AWS_SECRET_ACCESS_KEY")                                                               \
    X(store_session_token, SECRET, "", 0, 4096, "", RESTART,                                                           \
      "store: session token of keys that are for a time; empty: AWS_SESSION_TOKEN, or none")                           \
    X(store_url_ttl, SECONDS, "1h", 0, 604800, "", RESTART,                                                            \
      "store: a URL for a result's file, given by /tts/{id}, is good for this long; 0: none is given")                 \
    X(redis, SECRET, "", 0, 900, "", RESTART,                                                                          \
      "redis://[user:password@]host[:port][/database] that gateways and workers share; empty: one process does all")   \
    X(redis_lease, SECONDS, "15s", 1, 3600, "", RESTART,                                                               \
      "redis: a worker that was not heard of for this long is dead, and others make its jobs")                         \
    X(redis_fallback, CHOICE, "off", 0, 0, "off|local", RESTART,                                                       \
      "redis: local: a gateway itself makes what is listened to while Redis is away")                                  \
    X(worker_jobs, COUNT, "0", 0, 256, "jobs", RESTART,                                                                \
      "redis: jobs that a worker takes at once; 0: batch_max")                                                         \
    /* caches */                                                                                                       \
    X(voice_cache, BYTES, "64MB", 0, 1e12, "", RESTART,                                                                \
      "memory for voices made from references; 0: none")                                                               \
    X(result_cache, BYTES, "256MB", 0, 1e12, "", RESTART,                                                              \
      "memory for finished audio, of jobs and for equal requests; the oldest goes first")                              \
    /* who may use it, and how much */                                                                                 \
    X(anonymous, SWITCH, "on", 0, 0, "", LIVE,                                                                         \
      "requests without a key are served")                                                                             \
    X(keys_file, FILE, "", 0, 4095, "", LIVE,                                                                          \
      "file of API keys, made by emotivoice keys new")                                                                 \
    X(rate_per_ip, NUMBER, "5", 0, 1e6, "requests per second", LIVE,                                                   \
      "rate of one address without a key, for what makes something; ten times that for the rest; 0: no limit")         \
    X(burst_per_ip, COUNT, "10", 1, 1000000, "requests", LIVE,                                                         \
      "requests an address may send at once")                                                                          \
    X(rate_per_key, NUMBER, "50", 0, 1e6, "requests per second", LIVE,                                                 \
      "rate of one key, as rate_per_ip; 0: no limit")                                                                  \
    X(burst_per_key, COUNT, "100", 1, 1000000, "requests", LIVE,                                                       \
      "requests a key may send at once")                                                                               \
    /* what may be asked for */                                                                                        \
    X(text_chars_max, COUNT, "20000", 1, 65536,  "characters", LIVE,                                                   \
      "longest text of a request")                                                                                     \
    X(long_chars_max, COUNT, "500000", 1, 5000000, "characters", LIVE,                                                 \
      "longest text of /v1/audio/speech/long, which is made in parts")                                                 \
    X(simple, SWITCH, "off", 0, 0, "", LIVE,                                                                           \
      "speech also without JSON: POST / with a text, GET /say?text=...")                                               \
    X(words_file, FILE, "", 0, 4095, "", LIVE,                                                                         \
      "file of words that are not spoken: a text that holds one is refused")                                           \
    X(lexicon, FILE, "", 0, 4095, "", LIVE,                                                                            \
      "file of pronunciations, word = how it is said; read again when it changes")                                     \
    X(voices_dir, DIRECTORY, "", 0, 4095, "", RESTART,                                                                 \
      "where uploaded voices are kept; empty: none can be")                                                            \
    X(reference_seconds_max, NUMBER, "30", 1, 30, "seconds", RESTART,                                                  \
      "longest reference recording")                                                                                   \
    X(reference_bytes_max, BYTES, "10MB", 1024, 10 << 20, "", LIVE,                                                    \
      "largest reference file")                                                                                        \
    X(reference_formats, FORMATS, "wav mp3 flac opus vorbis", 3, 64, "", LIVE,                                         \
      "kinds of files that references may be, sent or uploaded")                                                       \
    X(decoder_filter, CHOICE, "required", 0, 0, "required|optional", RESTART,                                          \
      "whether untrusted clients' recordings are decoded only under a filter of system calls")                                 \
    X(consent, CHOICE, "off", 0, 0, "off|required", LIVE,                                                              \
      "whether a cloned voice needs a statement of consent")                                                           \
    X(label, SWITCH, "on", 0, 0, "", LIVE,                                                                             \
      "audio says that it is synthetic, in metadata and headers")                                                      \
    /* what it may call */                                                                                             \
    X(fetch, CHOICE, "off", 0, 0, "off|https|any", RESTART,                                                            \
      "whether references may be given as a URL")                                                                      \
    X(fetch_allow, HOSTS, "", 0, 8192, "", RESTART,                                                                    \
      "hosts that URLs may name, private ones too, host:port where it is not 80 or 443; empty: any public host")                                            \
    X(fetch_formats, FORMATS, "wav mp3", 3, 64, "", RESTART,                                                           \
      "kinds of files that references by URL may be")                                                                  \
    X(fetch_per_minute, COUNT, "30", 0, 1000000, "fetches", LIVE,                                                      \
      "references by URL that a key, or an address without one, may have fetched; 0: no limit")                        \
    X(webhook, CHOICE, "off", 0, 0, "off|https|any", LIVE,                                                             \
      "whether a job may call a URL when it is done")                                                                  \
    X(webhook_secret, SECRET, "", 0, 256, "", LIVE,                                                                    \
      "key that calls are signed with")                                                                                \
    /* the log */                                                                                                      \
    X(log_level, CHOICE, "info", 0, 0, "error|warn|info|debug", LIVE,                                                  \
      "least urgent lines that are written")                                                                           \
    X(log_text, SWITCH, "off", 0, 0, "", LIVE,                                                                         \
      "whether the text of requests is logged")                                                                        \
    X(otlp, SECRET, "", 0, 900, "", RESTART,                                                                           \
      "collector of OpenTelemetry that is told of requests and jobs, such as http://localhost:4318; empty: none")
/* clang-format on */

#endif
