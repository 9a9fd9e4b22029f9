/* websocket_session: messages in, sentences to speech, messages and audio out. See docs/clients.md for the protocol.
 */
#include "server/sockets/websocket_session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/access.h"
#include "server/api/answers.h"
#include "server/http/reply.h"
#include "server/api/sentences.h"

enum { TEXT_MAX = 64 << 10, PIECE = 2400, AGAIN_MS = 250 };
#define PATIENCE_S 30.0 /* how long a sentence waits for the rate, or for room in the queue */

typedef struct speech { /* one sentence on its way; its request is nobody's on HTTP's side */
    sv_ws_session *talk;
    sv_request req;
    int32_t model_rate; /* Hz */
    ev_format format;
    ev_encoder *encoder;
    atomic_bool listed; /* its waiter is with the job */
    size_t at;          /* samples read */
    int64_t number;
    bool announced;
} speech;

struct sv_ws_session {
    sv_ws_sink line;
    sv_server *server;
    const sv_route_row *route;
    sv_client client;
    char *authorization; /* "Bearer KEY"; NULL: none */
    char request_id[SV_ID_MAX + 1];
    json_t *fields; /* of the last start */
    bool words;     /* with the times of words */
    ev_buf text;    /* that was not spoken yet */
    size_t forced;  /* bytes of it that are spoken though no sentence closes */
    bool flushing, closing, closed;
    speech *now; /* NULL: none */
    int64_t sentences, chars;
    double audio_s;
    double again, since; /* when the next is tried again, and since when it is; 0: it is not */
};

/* ---- what is said to the client ---- */

/* Takes over the message. */
static void send_event(sv_ws_session *t, const char *type, json_t *message) {
    if (message) json_object_set_new(message, "type", json_string(type));
    char *text = message ? json_dumps(message, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(message);
    if (text) t->line.text(t->line.user, text, strlen(text));
    free(text);
}

static json_t *fault(int code, const char *param, const char *message) {
    return json_pack("{s:i, s:s, s:s?, s:s}", "code", code, "error_type", sv_error_type(code), "param", param,
                     "message", message);
}

void sv_ws_session_error(sv_ws_session *t, int code, const char *param, const char *message) {
    send_event(t, "error", fault(code, param, message));
}

/* What the request was answered, as a message; text is the sentence's. */
static json_t *answer_of(const sv_request *req) {
    const bool said = req->answer.code && req->answer.error[0];
    const char *param = req->answer.param && strcmp(req->answer.param, "input") == 0 ? "text" : req->answer.param;
    return fault(said ? req->answer.code : 503, param, said ? req->answer.error : "out of memory: try again later");
}

/* ---- a sentence's request ---- */

/* The connection's head is not read any more: who asks was copied when it was opened. */
static speech *new_speech(sv_ws_session *t) {
    speech *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->talk = t;
    s->req.server = t->server;
    s->req.route = t->route;
    s->req.settings = sv_settings_ref(t->server);
    s->req.client = t->client;
    s->req.turn.executing = true; /* its answers are kept, not sent */
    s->req.start = ev_clock_s();
    s->req.amount.chars = -1;
    memcpy(s->req.request_id, t->request_id, sizeof s->req.request_id);
    return s;
}

static void free_speech(speech **held) {
    speech *s = *held;
    *held = NULL;
    if (!s) return;
    sv_spans_end(&s->req, ev_clock_s());
    sv_request_leave_job(&s->req);
    if (s->req.answer.response) MHD_destroy_response(s->req.answer.response);
    sv_settings_unref(&s->req.settings);
    ev_encoder_free(&s->encoder);
    free(s);
}

/* fields: of start, with a text. */
static bool read_fields(speech *s, const json_t *fields, const char *text, size_t size, sv_speech_params *params) {
    int result;
    json_t *all = json_copy((json_t *)(uintptr_t)fields), *input = json_stringn(text, size);
    const bool ok =
        all && input && json_object_set(all, "input", input) == 0 && sv_fields_take(&s->req, all, params, &result);
    json_decref(input);
    json_decref(all);
    if (!ok) return false;
    params->stream = true;
    s->format = params->format;
    s->model_rate = params->speech.model_rate;
    s->req.wants.sound = params->sound;
    if (s->format == EV_FORMAT_PCM || s->format == EV_FORMAT_OPUS) return true;
    sv_reply_error(&s->req, 400, "response_format", "response_format must be pcm or opus here");
    sv_speech_params_free(params);
    return false;
}

static int32_t rate_of(const speech *s) { return ev_format_rate(s->format, s->model_rate, s->req.wants.sound.rate); }

static bool make_encoder(speech *s) {
    const sv_sound *sound = &s->req.wants.sound;
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    options.label = s->req.settings->config.label;
    options.content_id = s->req.job->id;
    options.file_rate = rate_of(s);
    options.bitrate_kbps = sound->bitrate_kbps;
    options.volume_db = sound->volume_db;
    options.trim_silence = sound->trim_silence;
    if (ev_encoder_create(&s->encoder, s->format, sv_job_rate(s->req.server, s->req.job), &options, NULL) == EV_OK)
        return true;
    sv_reply_error(&s->req, 500, NULL, "the audio could not be encoded");
    return false;
}

/* As a request to /v1/audio/speech, from its key to its admission. */
static bool begin(speech *s, const char *text, size_t size) {
    sv_speech_params params;
    int result;
    bool made = false;
    if (!sv_access_again(&s->req, s->talk->authorization, &result)) return false;
    if (!read_fields(s, s->talk->fields, text, size, &params)) return false;
    const bool begun = sv_speech_begin(&s->req, &params, false, NULL, &made, &result);
    sv_speech_params_free(&params);
    return begun && make_encoder(s);
}

/* ---- audio ---- */

static void on_samples(void *user) {
    speech *s = user;
    atomic_store(&s->listed, false);
    s->talk->line.wake(s->talk->line.user);
}

/* false: a call will come when there are more. */
static bool has_more(speech *s) {
    if (atomic_load(&s->listed)) return false;
    s->req.wait.waiter = (sv_waiter){.wake = on_samples, .user = s, .at = s->at};
    atomic_store(&s->listed, true);
    if (sv_job_wait(s->req.job, &s->req.wait.waiter)) return false;
    atomic_store(&s->listed, false);
    return true;
}

static void announce(speech *s) {
    const char *text = s->req.job->speech.text;
    if (s->announced) return;
    s->announced = true;
    send_event(s->talk, "sentence",
               json_pack("{s:I, s:s, s:s, s:i}", "sentence", (json_int_t)s->number, "text", text, "response_format",
                         ev_format_name(s->format), "sample_rate", (int)rate_of(s)));
}

static void send_audio(speech *s, const void *bytes, size_t size, size_t *room) {
    if (size) s->talk->line.audio(s->talk->line.user, bytes, size);
    *room -= size < *room ? size : *room;
}

static void send_done(speech *s) {
    const int32_t rate = sv_job_rate(s->req.server, s->req.job);
    json_t *done = s->talk->words ? sv_words_json(s->req.job, rate, s->encoder) : json_object();
    json_object_set_new(done, "sentence", json_integer(s->number));
    json_object_set_new(done, "audio_s", json_real((double)s->at / rate));
    if (s->req.job->omitted_count) json_object_set_new(done, "omitted", sv_omitted_json(s->req.job));
    send_event(s->talk, "sentence_done", done);
}

static void send_failed(speech *s) {
    json_t *message = answer_of(&s->req);
    json_object_set_new(message, "sentence", json_integer(s->number));
    send_event(s->talk, "error", message);
}

/* Its last samples are read. */
static void finish_speech(speech *s, size_t *room) {
    const void *bytes = NULL;
    size_t size = 0;
    ev_error error;
    const sv_job_state state = sv_job_snapshot(s->req.job, NULL, NULL, &error);
    s->talk->audio_s += (double)s->at / sv_job_rate(s->req.server, s->req.job);
    if (state != SV_JOB_COMPLETED) {
        sv_reply_job_error(&s->req, state, &error);
        send_failed(s);
        return;
    }
    announce(s);
    if (ev_encoder_finish(s->encoder, &bytes, &size, NULL) == EV_OK) send_audio(s, bytes, size, room);
    send_done(s);
}

/* Of a long one that is not kept whole: what was read is let go. */
static void let_go(speech *s) {
    sv_job *job = s->req.job;
    if (!job->speech.windowed) return;
    const bool held = sv_job_window_full(job);
    sv_job_discard_before(job, s->at);
    if (held && !sv_job_window_full(job)) sv_backend_nudge(s->req.server->backend);
}

static bool encode(speech *s, const int16_t *samples, size_t count, size_t *room) {
    float block[PIECE];
    const void *bytes;
    size_t size;
    assert(count <= PIECE);
    for (size_t i = 0; i < count; i++) block[i] = (float)samples[i] / 32768.0F;
    if (ev_encoder_write(s->encoder, block, count, &bytes, &size, NULL) != EV_OK) return false;
    if (count) announce(s);
    send_audio(s, bytes, size, room);
    return true;
}

/* true: it is over. */
static bool speak_on(speech *s, size_t *room) {
    int16_t samples[PIECE];
    bool over = false;
    while (*room > 0) {
        const size_t count = sv_job_read(s->req.job, s->at, samples, PIECE, &over);
        if (!count && !over && !has_more(s)) return false;
        s->at += count;
        let_go(s);
        if (!encode(s, samples, count, room)) {
            sv_reply_error(&s->req, 500, NULL, "the audio could not be encoded");
            send_failed(s);
            return true;
        }
        if (over) finish_speech(s, room);
        if (over) return true;
    }
    return false;
}

/* ---- sentences ---- */

static void drop_text(sv_ws_session *t, size_t size) {
    assert(size <= t->text.size && t->forced <= t->text.size);
    memmove(t->text.data, t->text.data + size, t->text.size - size);
    t->text.size -= size;
    t->forced -= size < t->forced ? size : t->forced;
    t->again = t->since = 0;
}

/* Bytes of what is to be spoken next; 0: nothing yet. Blanks and lone marks in front are passed over. */
static size_t next_size(sv_ws_session *t) {
    for (;;) {
        const char *text = (const char *)t->text.data;
        size_t size = t->text.size ? sv_sentence_first(text, t->text.size) : 0;
        if (t->forced && (!size || size > t->forced)) size = t->forced;
        if (!size || sv_sentence_speaks(text, size)) return size;
        drop_text(t, size);
    }
}

/* The rate or the queue has no room for it now: it waits, and the client is told once. */
static bool must_wait(sv_ws_session *t, const sv_request *req) {
    const double now = ev_clock_s();
    const bool soon = req->answer.code == 429 || (req->answer.code == 503 && !atomic_load(&t->server->draining));
    if (!soon || (t->since > 0 && now - t->since > PATIENCE_S)) return false;
    if (t->since == 0) send_event(t, "waiting", answer_of(req));
    if (t->since == 0) t->since = now;
    t->again = now + AGAIN_MS * 1e-3 * (req->answer.code == 503 ? 4 : 1);
    return true;
}

/* false: there is none, or not now. */
static bool begin_next(sv_ws_session *t) {
    const size_t size = next_size(t);
    if (!size || (t->again > 0 && ev_clock_s() < t->again)) return false;
    const char *text = (const char *)t->text.data;
    size_t begin_at = 0, end = size;
    while (begin_at < end && (unsigned char)text[begin_at] <= ' ') begin_at++;
    while (end > begin_at && (unsigned char)text[end - 1] <= ' ') end--;
    speech *s = new_speech(t);
    if (!s) return false;
    const bool begun = begin(s, text + begin_at, end - begin_at);
    if (!begun && must_wait(t, &s->req)) {
        free_speech(&s);
        return false;
    }
    s->number = ++t->sentences;
    if (s->req.amount.chars > 0) t->chars += s->req.amount.chars;
    drop_text(t, size);
    if (begun) t->now = s;
    if (!begun) send_failed(s);
    if (!begun) free_speech(&s);
    return true;
}

void sv_ws_session_speak(sv_ws_session *t, size_t room) {
    while (room > 0) {
        if (t->now && !speak_on(t->now, &room)) return;
        free_speech(&t->now);
        if (!begin_next(t)) break;
    }
    if (t->now || t->forced) return;
    if (t->flushing) send_event(t, "flushed", json_object());
    t->flushing = false;
    if (t->closing && !t->closed)
        send_event(t, "done", json_pack("{s:I, s:f}", "sentences", (json_int_t)t->sentences, "audio_s", t->audio_s));
    t->closed = t->closing;
}

bool sv_ws_session_idle(const sv_ws_session *t) {
    return !t->now && !t->forced && !(t->text.size && sv_sentence_first((const char *)t->text.data, t->text.size));
}

bool sv_ws_session_closed(const sv_ws_session *t) { return t->closed; }

int sv_ws_session_wait_ms(const sv_ws_session *t) {
    if (t->again <= 0) return -1;
    const double left = t->again - ev_clock_s();
    return left > 0 ? (int)(left * 1000) + 1 : 0;
}

/* ---- messages ---- */

static bool has(const json_t *object, const char *field) {
    const json_t *value = json_object_get(object, field);
    return value && !json_is_null(value);
}

/* What only a whole answer can have. */
static const char *unfit(const json_t *m) {
    static const char *const fields[] = {"input", "text", "stream", "stream_format"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(fields); i++)
        if (has(m, fields[i])) return fields[i];
    return json_is_true(json_object_get(m, "normalize")) ? "normalize" : NULL;
}

/* The voice must be there before the first text comes. */
static bool check_voice(speech *s, const sv_speech_params *params) {
    const sv_speech *speaks = &params->speech;
    const sv_model *m = sv_model_find(s->req.settings->models, speaks->model, strlen(speaks->model));
    ev_error err = {0};
    if (!speaks->voice ||
        sv_voices_check(m->voices, m->catalogue, speaks->voice, s->req.client.account, &err) == EV_OK)
        return true;
    sv_reply_error(&s->req, err.status == EV_E_NOT_FOUND ? 404 : 400, "voice", "%s", err.message);
    return false;
}

static void hear_start(sv_ws_session *t, json_t *m) {
    sv_speech_params params;
    const char *unfitting = unfit(m);
    char message[120];
    if (unfitting) {
        snprintf(message, sizeof message, "%s is not for a talk: leave it out of start", unfitting);
        sv_ws_session_error(t, 400, unfitting, message);
        return;
    }
    json_t *fields = json_copy(m);
    json_object_del(fields, "type");
    json_object_del(fields, "timestamps");
    if (!has(fields, "response_format")) json_object_set_new(fields, "response_format", json_string("pcm"));
    speech *s = new_speech(t);
    const bool read = s && fields && read_fields(s, fields, "Hello.", 6, &params);
    const bool good = read && check_voice(s, &params);
    if (read) sv_speech_params_free(&params);
    if (good) {
        json_decref(t->fields);
        t->fields = json_incref(fields);
        t->words = json_is_true(json_object_get(m, "timestamps"));
        send_event(t, "started",
                   json_pack("{s:s, s:s, s:i, s:s}", "request_id", t->request_id, "response_format",
                             ev_format_name(s->format), "sample_rate", (int)rate_of(s), "ignored_fields",
                             s->req.answer.ignored));
    } else if (s) {
        send_event(t, "error", answer_of(&s->req));
    }
    free_speech(&s);
    json_decref(fields);
}

static void hear_text(sv_ws_session *t, const json_t *m) {
    const json_t *text = json_object_get(m, "text");
    const size_t size = json_string_length(text);
    if (!json_is_string(text)) {
        sv_ws_session_error(t, 400, "text", "text must be a string");
    } else if (t->closing) {
        sv_ws_session_error(t, 400, "text", "the talk is being closed: nothing more is spoken");
    } else if (t->text.size + size > TEXT_MAX) {
        sv_ws_session_error(t, 413, "text",
                            "more than 65536 bytes wait to be spoken: this piece was dropped; send it later");
    } else {
        ev_buf_append(&t->text, json_string_value(text), size);
    }
}

static void hear_cancel(sv_ws_session *t) {
    json_t *cut = t->now ? json_integer(t->now->number) : json_null();
    free_speech(&t->now);
    t->text.size = t->forced = 0;
    t->again = t->since = 0;
    t->flushing = false;
    send_event(t, "canceled", json_pack("{s:o}", "sentence", cut));
}

static void handle_message(sv_ws_session *t, json_t *m) {
    const char *type = json_string_value(json_object_get(m, "type"));
    if (!type) type = has(m, "text") ? "text" : "";
    const bool closes = strcmp(type, "close") == 0;
    if (strcmp(type, "start") == 0) {
        hear_start(t, m);
    } else if (strcmp(type, "text") == 0) {
        hear_text(t, m);
    } else if (strcmp(type, "cancel") == 0) {
        hear_cancel(t);
    } else if (closes || strcmp(type, "flush") == 0) {
        t->forced = t->text.size;
        t->flushing |= !closes;
        t->closing |= closes;
    } else {
        sv_ws_session_error(t, 400, "type", "type must be start, text, flush, cancel or close");
    }
}

void sv_ws_session_receive(sv_ws_session *t, const char *message, size_t size) {
    json_error_t why;
    json_t *m = json_loadb(message, size, JSON_REJECT_DUPLICATES, &why);
    if (json_is_object(m))
        handle_message(t, m);
    else
        sv_ws_session_error(t, 400, NULL, m ? "a message must be a JSON object" : "the message is not JSON");
    json_decref(m);
}

/* ---- life ---- */

sv_ws_session *sv_ws_session_create(const sv_request *req, sv_ws_sink line) {
    sv_ws_session *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    *t = (sv_ws_session){.line = line, .server = req->server, .route = req->route, .client = req->client};
    memcpy(t->request_id, req->request_id, sizeof t->request_id);
    t->authorization = sv_access_authorization(req);
    t->fields = json_pack("{s:s}", "response_format", "pcm");
    if (t->fields && (t->authorization || !req->client.has_key)) return t;
    sv_ws_session_free(&t);
    return NULL;
}

void sv_ws_session_totals(const sv_ws_session *t, int64_t *chars, double *audio_s) {
    *chars = t->chars;
    *audio_s = t->audio_s;
}

void sv_ws_session_free(sv_ws_session **held) {
    sv_ws_session *t = *held;
    *held = NULL;
    if (!t) return;
    free_speech(&t->now);
    json_decref(t->fields);
    ev_buf_free(&t->text);
    free(t->authorization);
    free(t);
}
