/* listen: a job's samples to one listener, in its format, as they are made: as a body, or as server-sent events.
 *
 * The library asks for bytes when the socket has room, so a slow reader holds its own encoder and nothing else. Where
 * there is nothing yet, the connection is suspended until there is. Encoding is the executor's, but for formats in
 * which it is copying.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/answers.h"
#include "server/http/connections.h"
#include "server/http/reply.h"
#include "server/http/wait.h"
#include "server/jobs/sound.h"

enum { BLOCK = 4096, PIECE = 2400 }; /* samples encoded at once: 150 ms a piece keeps the first small */

/* A turn at the executor ends with the piece that reaches one of these: half a second of opus, two of mp3. Few turns
 * for a short answer, for in each it may wait behind another's. */
#define TURN_S 0.008     /* of the thread's own time, whoever else has the core */
enum { ENOUGH = 16384 }; /* bytes */

/* Seconds of an answer that its listener is waiting for; what comes later is made ahead of its hearing. */
#define FIRST_S 12.0

/* Seconds of a finished result that are encoded before its head is sent, to tell their length, as players of short
 * clips like. More are encoded as they are read. */
#define AT_ONCE 5.0

typedef struct sv_listener {
    sv_request *req;
    ev_encoder *encoder;
    size_t at; /* samples read */
    ev_format format;
    ev_buf ready; /* bytes to send, from `sent` on */
    ev_buf all;   /* of a body that is made whole first */
    size_t sent;
    bool sse, finished;
    sv_envelope envelope; /* of JSON; then sse is false */
    sv_timing timing;
    unsigned char carry[3]; /* of one object: bytes that make no whole group of base64 yet */
    size_t carried;
    bool opened;
    bool copies; /* encoding takes no time */
    bool broken; /* nothing more can come */
    bool made;   /* all samples were there before the request came */
} sv_listener;

static void free_listener(sv_request *req) {
    sv_listener *l = req->answer.listener;
    req->answer.listener = NULL;
    if (!l) return;
    ev_encoder_free(&l->encoder);
    ev_buf_free(&l->ready);
    ev_buf_free(&l->all);
    free(l);
}

static int32_t rate_of(const sv_request *req) { return sv_job_rate(req->server, req->job); }

/* {"type":"speech.audio.delta","audio":"<base64>"} */
static void put_event(sv_listener *l, const void *bytes, size_t size) {
    static const char head[] = "event: speech.audio.delta\ndata: {\"type\":\"speech.audio.delta\",\"audio\":\"";
    unsigned char text[4 * ((BLOCK + 2) / 3) + 4];
    for (size_t at = 0; at < size; at += BLOCK / 4 * 3) {
        const size_t now = size - at < BLOCK / 4 * 3 ? size - at : BLOCK / 4 * 3;
        const int length = EVP_EncodeBlock(text, (const unsigned char *)bytes + at, (int)now);
        ev_buf_append(&l->ready, head, sizeof head - 1);
        ev_buf_append(&l->ready, text, (size_t)length);
        ev_buf_append(&l->ready, "\"}\n\n", 4);
    }
}

/* ---- JSON around the audio ---- */

static bool is_elevenlabs(const sv_listener *l) { return l->timing.dialect == SV_DIALECT_ELEVENLABS; }

static void put_base64(sv_listener *l, const unsigned char *bytes, size_t size) {
    unsigned char text[4 * ((BLOCK + 2) / 3) + 4];
    for (size_t at = 0; at < size; at += BLOCK / 4 * 3) {
        const size_t now = size - at < BLOCK / 4 * 3 ? size - at : BLOCK / 4 * 3;
        ev_buf_append(&l->ready, text, (size_t)EVP_EncodeBlock(text, bytes + at, (int)now));
    }
}

/* ,"timestamps":[...]} of words that were not sent yet */
static void put_times(sv_listener *l, bool over) {
    json_t *times = sv_timed_words(l->req->job, &l->timing, l->encoder, over);
    char *text = json_dumps(times, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(times);
    l->ready.failed |= !text;
    if (!text) return;
    if (is_elevenlabs(l))
        ev_buf_printf(&l->ready, ",\"alignment\":%s,\"normalized_alignment\":%s}", text, text);
    else
        ev_buf_printf(&l->ready, ",\"audio_format\":\"%s\",\"timestamps\":%s}", ev_format_media_type(l->format),
                      text);
    free(text);
}

static void open_object(sv_listener *l) {
    ev_buf_printf(&l->ready, "{\"%s\":\"", is_elevenlabs(l) ? "audio_base64" : "audio");
}

static void put_line(sv_listener *l, const void *bytes, size_t size, bool over) {
    open_object(l);
    put_base64(l, bytes, size);
    ev_buf_append(&l->ready, "\"", 1);
    put_times(l, over);
    ev_buf_append(&l->ready, "\n", 1);
}

/* Base64 of one long string: three bytes at a time, the rest with the next ones. */
static void put_part(sv_listener *l, const unsigned char *bytes, size_t size) {
    if (!l->opened) open_object(l);
    l->opened = true;
    while (l->carried && l->carried < 3 && size) l->carry[l->carried++] = *bytes++, size--;
    if (l->carried == 3) put_base64(l, l->carry, 3);
    if (l->carried == 3) l->carried = 0;
    const size_t whole = size / 3 * 3;
    put_base64(l, bytes, whole);
    for (size_t i = whole; i < size; i++) l->carry[l->carried++] = bytes[i];
    assert(l->carried < sizeof l->carry);
}

/* More than one needs no end: a line that is missing, and an object that is not closed, are seen. */
static void close_object(sv_listener *l) {
    if (l->envelope == SV_ENVELOPE_LINES) {
        put_line(l, "", 0, true);
        return;
    }
    if (!l->opened) open_object(l);
    put_base64(l, l->carry, l->carried);
    ev_buf_append(&l->ready, "\"", 1);
    put_times(l, true);
}

static void put(sv_listener *l, const void *bytes, size_t size) {
    if (!size) return;
    if (l->sse)
        put_event(l, bytes, size);
    else if (l->envelope == SV_ENVELOPE_LINES)
        put_line(l, bytes, size, false);
    else if (l->envelope == SV_ENVELOPE_OBJECT)
        put_part(l, bytes, size);
    else
        ev_buf_append(&l->ready, bytes, size);
}

static void put_words(sv_listener *l) {
    json_t *words = sv_words_json(l->req->job, rate_of(l->req), l->encoder);
    json_object_set_new(words, "type", json_string("speech.audio.timestamps"));
    char *text = json_dumps(words, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(words);
    ev_buf_printf(&l->ready, "event: speech.audio.timestamps\ndata: %s\n\n", text ? text : "{}");
    l->ready.failed |= !text;
    free(text);
}

static void put_omitted(sv_listener *l) {
    if (!l->req->job->omitted_count) return;
    json_t *list = sv_omitted_json(l->req->job);
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    ev_buf_printf(&l->ready, ",\"omitted\":%s", text ? text : "[]");
    l->ready.failed |= !text;
    free(text);
}

static void put_warnings(sv_listener *l) {
    if (!l->req->job->warnings[0]) return;
    json_t *list = sv_warnings_json(l->req->job->warnings);
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    ev_buf_printf(&l->ready, ",\"warnings\":%s", text ? text : "[]");
    l->ready.failed |= !text;
    free(text);
}

static void put_end(sv_listener *l, sv_job_state state, const ev_error *error) {
    if (l->envelope && state == SV_JOB_COMPLETED) close_object(l);
    if (!l->sse) return;
    if (state == SV_JOB_COMPLETED) {
        if (l->req->wants.words) put_words(l);
        /* text in characters and audio in milliseconds stand for tokens, which this service does not count */
        const int64_t in = l->req->amount.chars > 0 ? l->req->amount.chars : 0;
        const int64_t out = (int64_t)l->at * 1000 / rate_of(l->req);
        ev_buf_printf(
            &l->ready,
            "event: speech.audio.done\ndata: {\"type\":\"speech.audio.done\",\"usage\":{\"input_tokens\":%lld,"
            "\"output_tokens\":%lld,\"total_tokens\":%lld}",
            (long long)in, (long long)out, (long long)(in + out));
        put_omitted(l);
        put_warnings(l);
        ev_buf_printf(&l->ready, "}\n\n");
        return;
    }
    ev_buf_printf(&l->ready, "event: speech.audio.error\ndata: {\"type\":\"speech.audio.error\",\"message\":");
    ev_buf_json_string(&l->ready, error->message, strlen(error->message));
    ev_buf_printf(&l->ready, "}\n\n");
}

static void note_encoding(sv_request *req, double begun, double ended) {
    if (req->span.encode_begun <= 0) req->span.encode_begun = begun;
    req->span.encode_ended = ended;
    req->span.encode_s += ended - begun;
}

static ev_status encode(sv_listener *l, const int16_t *samples, size_t count) {
    float block[PIECE];
    const void *bytes;
    size_t size;
    const double begun = l->req->span.id[0] ? ev_clock_s() : 0;
    assert(count <= PIECE);
    for (size_t i = 0; i < count; i++) block[i] = (float)samples[i] / 32768.0f;
    const ev_status status = ev_encoder_write(l->encoder, block, count, &bytes, &size, NULL);
    if (status == EV_OK) put(l, bytes, size);
    if (begun > 0) note_encoding(l->req, begun, ev_clock_s());
    return status;
}

/* The answer has begun, so nothing but the log and the metrics can tell what it came to. */
static void note_failure(sv_request *req, int code, const char *message) {
    req->answer.failed = true;
    req->answer.code = code;
    snprintf(req->answer.error, sizeof req->answer.error, "%s", message);
}

static void break_off(sv_listener *l, const char *message) {
    note_failure(l->req, 500, message);
    l->broken = true;
}

/* What comes behind the last samples. */
static void finish(sv_listener *l) {
    const void *bytes = NULL;
    size_t size = 0;
    ev_error error;
    const sv_job_state state = sv_job_snapshot(l->req->job, NULL, NULL, &error);
    const bool whole = state == SV_JOB_COMPLETED;
    if (!whole) {
        const int code = state == SV_JOB_EXPIRED ? 504 : state == SV_JOB_CANCELED ? 503 : 500;
        note_failure(l->req, code, error.message);
        l->broken |= !l->sse; /* a body that is cut off tells more than one that looks whole */
    }
    if (l->broken) return;
    if (ev_encoder_finish(l->encoder, &bytes, &size, NULL) == EV_OK)
        put(l, bytes, size);
    else if (whole)
        break_off(l, "the audio could not be encoded");
    put_end(l, state, &error);
    l->finished = true;
    l->req->amount.audio_s = (double)l->at / rate_of(l->req);
}

/* Of a windowed job: what was read is let go, and more may be made. */
static void let_go(sv_listener *l) {
    sv_job *job = l->req->job;
    if (!job->speech.windowed) return;
    const bool held = sv_job_window_full(job);
    sv_job_discard_before(job, l->at);
    if (held && !sv_job_window_full(job)) sv_backend_nudge(l->req->server->backend);
}

static void choose_lane(sv_listener *l) {
    const bool first = (double)l->at < FIRST_S * sv_job_rate(l->req->server, l->req->job);
    l->req->turn.audio_lane = l->made ? SV_LANE_AUDIO_MADE : first ? SV_LANE_AUDIO_FIRST : SV_LANE_AUDIO_LONG;
}

/* More bytes into `ready`. false: the job has none yet. */
static bool refill(sv_listener *l) {
    int16_t samples[PIECE];
    bool over;
    const double end = ev_clock_thread_s() + TURN_S;
    l->ready.size = l->sent = 0;
    while (!l->finished && !l->broken && l->ready.size < ENOUGH) {
        if (l->ready.size && ev_clock_thread_s() >= end) break;
        const size_t count = sv_job_read(l->req->job, l->at, samples, PIECE, &over);
        if (!count && !over) {
            if (l->ready.size) break;
            return false;
        }
        const double start = ev_clock_s();
        l->at += count;
        let_go(l);
        if (encode(l, samples, count) != EV_OK) break_off(l, "the audio could not be encoded");
        if (over && !l->broken) finish(l);
        sv_metric_observe(l->req->server->metrics, SV_METRIC_STAGE_DURATION, SV_TIMED_ENCODE, ev_clock_s() - start);
        if (l->ready.failed) break_off(l, "out of memory for the audio");
    }
    choose_lane(l);
    sv_connection_audio_sent(l->req, (double)l->at / rate_of(l->req));
    return true;
}

static bool refill_executed(sv_request *req, size_t *at) {
    const bool some = refill(req->answer.listener);
    *at = req->answer.listener->at;
    return some;
}

static ssize_t read_bytes(void *listener, uint64_t position, char *out, size_t most) {
    sv_listener *l = listener;
    (void)position;
    sv_request_resumed(l->req);
    if (l->req->wait.disconnected || l->req->turn.rejected) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (l->sent == l->ready.size && !l->finished && !l->broken) {
        if (!l->copies) {
            sv_suspend_for(l->req, refill_executed);
            return 0;
        }
        if (!refill(l)) {
            sv_suspend(l->req, l->at);
            return 0;
        }
    }
    if (l->broken) return MHD_CONTENT_READER_END_WITH_ERROR;
    assert(l->sent <= l->ready.size);
    const size_t left = l->ready.size - l->sent, now = left < most ? left : most;
    if (!now) return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(out, l->ready.data + l->sent, now);
    l->sent += now;
    return (ssize_t)now;
}

static sv_file file_of(const sv_request *req, ev_format format, bool whole) {
    return (sv_file){.format = format,
                     .sound = req->wants.sound,
                     .rate = rate_of(req),
                     .label = req->settings->config.label,
                     .whole = whole};
}

static int32_t file_rate(const sv_request *req, ev_format format) {
    const sv_file file = file_of(req, format, false);
    return sv_file_rate(&file);
}

/* whole: the job is over, so that what follows from all of it is known. */
static ev_status make_encoder(sv_request *req, ev_encoder **out, ev_format format, bool whole, size_t count) {
    const sv_file file = file_of(req, format, whole);
    return sv_file_encoder(out, req->job, &file, count);
}

/* How many places are not spoken as they are written, and the first of them: "13-21 transliterated, 40-44 emoji". */
static void describe_omitted(sv_request *req, struct MHD_Response *r) {
    const sv_job *job = req->job;
    char count[24], ranges[512];
    size_t used = 0;
    if (!job->omitted_count) return;
    snprintf(count, sizeof count, "%zu", job->omitted_count);
    for (size_t i = 0; i < job->omitted_count && i < SV_OMITTED_MAX && used + 80 < sizeof ranges; i++) {
        const sv_omitted *o = &job->omitted[i];
        used += (size_t)snprintf(ranges + used, sizeof ranges - used, "%s%zu-%zu %s", used ? ", " : "", o->byte_begin,
                                 o->byte_end, o->reason);
    }
    MHD_add_response_header(r, "X-Omitted", count);
    MHD_add_response_header(r, "X-Omitted-Ranges", ranges);
}

static void describe(sv_request *req, struct MHD_Response *r, const char *media) {
    char rate[16];
    snprintf(rate, sizeof rate, "%d", file_rate(req, req->answer.listener->format));
    MHD_add_response_header(r, "Content-Type", media);
    MHD_add_response_header(r, "X-Sample-Rate", rate);
    describe_omitted(req, r);
    if (req->job->warnings[0]) MHD_add_response_header(r, "X-Reference-Warnings", req->job->warnings);
    MHD_add_response_header(r, "X-Accel-Buffering", "no");
    MHD_add_response_header(r, "Cache-Control", "no-store");
    if (req->settings->config.label)
        MHD_add_response_header(r, "X-Audio-Provenance", "synthetic; producer=emotivoice");
}

/* Nothing is done to the samples on their way. */
static bool is_as_made(const sv_request *req, ev_format format) {
    const sv_sound *s = &req->wants.sound;
    return file_rate(req, format) == rate_of(req) && s->volume_db == 0 && !s->normalize && !s->trim_silence;
}

/* As the socket takes it. */
static int answer_in_pieces(sv_request *req, sv_listener *l, const char *media, uint64_t size) {
    struct MHD_Response *r = MHD_create_response_from_callback(size, 16384, read_bytes, l, NULL);
    if (r) describe(req, r, media);
    return sv_reply_response(req, 200, r);
}

/* One body of known length. */
static int answer_whole(sv_request *req) {
    sv_listener *l = req->answer.listener;
    if (!l->finished && !l->broken && refill(l)) ev_buf_append(&l->all, l->ready.data, l->ready.size);
    if (l->broken || l->all.failed) return sv_reply_error(req, 500, NULL, "the audio could not be encoded");
    if (!l->finished) return sv_yield(req, answer_whole);
    struct MHD_Response *r = MHD_create_response_from_buffer(l->all.size, l->all.data, MHD_RESPMEM_MUST_FREE);
    if (r) {
        l->all = (ev_buf){0};
        describe(req, r, ev_format_media_type(l->format));
    }
    return sv_reply_response(req, 200, r);
}

int sv_listen(sv_request *req, ev_format format, bool sse, bool whole) {
    size_t count;
    sv_times times;
    assert(!req->answer.listener);
    sv_job_snapshot(req->job, &times, &count, NULL);
    sv_listener *l = req->answer.listener = calloc(1, sizeof *l);
    req->answer.cleanup = free_listener;
    const sv_envelope envelope = req->wants.envelope;
    const char *media = sse                              ? "text/event-stream; charset=utf-8"
                        : envelope == SV_ENVELOPE_LINES  ? "application/x-ndjson"
                        : envelope == SV_ENVELOPE_OBJECT ? "application/json"
                                                         : ev_format_media_type(format);
    if (envelope) sse = false;
    if (!l || make_encoder(req, &l->encoder, format, whole, count) != EV_OK) {
        return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    }
    l->req = req;
    l->sse = sse;
    l->format = format;
    l->made = times.done > 0 && times.done < req->start;
    choose_lane(l);
    l->envelope = envelope;
    l->timing = (sv_timing){.rate = rate_of(req), .dialect = req->wants.dialect};
    l->copies = sv_format_plain(format) && !sse && !envelope && is_as_made(req, format);
    if (!l->copies && (!whole || sse || envelope)) (void)refill(l); /* what is there goes out with the head */
    if (!whole || sse || envelope || !count) return answer_in_pieces(req, l, media, MHD_SIZE_UNKNOWN);
    if (sv_format_plain(format)) return answer_in_pieces(req, l, media, ev_encoder_size(l->encoder));
    if ((double)count <= AT_ONCE * rate_of(req)) return answer_whole(req);
    return answer_in_pieces(req, l, media, MHD_SIZE_UNKNOWN);
}
