/* series_audio: the results of a series as one answer. Each is read from where it is kept when its turn comes, and
 * let go behind it, so that the answer takes the memory of one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "server/api/answers.h"
#include "server/http/connections.h"
#include "server/http/reply.h"
#include "server/series/series.h"
#include "server/http/wait.h"
#include "server/series/zip.h"
#include "server/jobs/sound.h"

enum { PIECE = 2400 };
#define TURN_S 0.03      /* of a turn at the executor, of the thread's own time */
enum { ENOUGH = 65536 }; /* bytes of one */

typedef struct sv_result_stream { /* what is on its way to the client */
    sv_request *req;
    sv_series *series;
    ev_format format; /* EV_FORMAT_COUNT: each in its own */
    size_t next, end; /* items to be opened; the last one of them is before end */
    bool one;         /* one file of all of them, through one encoder */
    size_t silence;   /* samples of it that come next */
    sv_job *job;      /* that is open; NULL: none */
    size_t at;        /* samples of it */
    ev_encoder *encoder;
    ev_buf file;  /* of the item at hand */
    ev_buf ready; /* bytes to send, from `sent` on */
    size_t sent;
    sv_zip zip;
    bool *missing; /* of an archive: items whose results are gone */
    double audio_s;
    bool finished, broken;
} sv_result_stream;

static void close_item(sv_result_stream *r) {
    if (!r->one) ev_encoder_free(&r->encoder);
    sv_job_unref(&r->job);
    r->at = 0;
}

static void free_stream(sv_request *req) {
    sv_result_stream *r = req->answer.stream;
    req->answer.stream = NULL;
    if (!r) return;
    close_item(r);
    ev_encoder_free(&r->encoder);
    sv_zip_free(&r->zip);
    ev_buf_free(&r->file);
    ev_buf_free(&r->ready);
    free(r->missing);
    sv_series_unref(&r->series);
    free(r);
}

/* The answer has begun: nothing but the log can tell. */
static void break_off(sv_result_stream *r, const char *message) {
    r->broken = r->req->answer.failed = true;
    r->req->answer.code = 500;
    snprintf(r->req->answer.error, sizeof r->req->answer.error, "%s", message);
}

static ev_format format_of(const sv_result_stream *r, const sv_item *item) {
    return r->format == EV_FORMAT_COUNT ? item->format : r->format;
}

/* "0003-chapter_one.mp3"; what stands at the end is the client's name for it, as far as a file may have it. */
static void name_file(const sv_result_stream *r, const sv_item *item, char name[SV_ITEM_NAME_MAX + 32]) {
    const size_t index = (size_t)(item - r->series->items);
    int used = snprintf(name, 32, "%04zu%s", index, item->name ? "-" : "");
    for (const char *at = item->name; at && *at; at++) {
        const unsigned char c = (unsigned char)*at;
        name[used++] = (char)(c < ' ' || c == 0x7f || strchr("/\\:*?\"<>|", c) ? '_' : c);
    }
    const ev_format format = format_of(r, item);
    snprintf(name + used, 16, ".%s", format == EV_FORMAT_OPUS ? "ogg" : ev_format_name(format));
}

static time_t changed(const sv_result_stream *r) { return (time_t)(r->series->done_ms / 1000); }

/* What every item came to stands beside the files. */
static void add_list(sv_result_stream *r) {
    json_t *json = sv_series_json(r->req->server->series, r->series), *one;
    char name[SV_ITEM_NAME_MAX + 32];
    size_t i;
    json_array_foreach(json_object_get(json, "items"), i, one) {
        if (r->series->items[i].state != SV_ITEM_COMPLETED || r->missing[i]) continue;
        name_file(r, &r->series->items[i], name);
        json_object_set_new(one, "file", json_string(name));
    }
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    json_decref(json);
    if (text) sv_zip_add(&r->zip, &r->ready, "results.json", text, strlen(text), changed(r));
    if (!text) break_off(r, "out of memory for the archive");
    free(text);
    sv_zip_finish(&r->zip, &r->ready);
    r->finished = true;
}

/* What is behind the last. */
static void finish_all(sv_result_stream *r) {
    const void *bytes = NULL;
    size_t size = 0;
    if (!r->one) {
        add_list(r);
        return;
    }
    if (ev_encoder_finish(r->encoder, &bytes, &size, NULL) != EV_OK) break_off(r, "the audio could not be encoded");
    if (size) ev_buf_append(&r->ready, bytes, size);
    r->finished = true;
}

/* On to the next that has sound; false: there is none. */
static bool find_item(sv_result_stream *r) {
    sv_series_table *table = r->req->server->series;
    ev_mutex_lock(&table->lock); /* it may be canceled meanwhile */
    for (; r->next < r->end; r->next++) {
        const sv_item *item = &r->series->items[r->next];
        if (item->state == SV_ITEM_COMPLETED && item->id[0]) break;
    }
    ev_mutex_unlock(&table->lock);
    return r->next < r->end;
}

static ev_status item_encoder(sv_result_stream *r, const sv_item *item) {
    const sv_file file = {.format = format_of(r, item),
                          .sound = item->sound,
                          .rate = sv_job_rate(r->req->server, r->job),
                          .label = r->req->settings->config.label,
                          .whole = true};
    size_t count;
    sv_job_snapshot(r->job, NULL, &count, NULL);
    return sv_file_encoder(&r->encoder, r->job, &file, count);
}

/* The next that has sound; false: there is none, or it cannot be read. */
static bool open_item(sv_result_stream *r) {
    ev_error err = {0};
    sv_server *s = r->req->server;
    assert(!r->job && (r->one || !r->encoder));
    if (!find_item(r)) {
        finish_all(r);
        return false;
    }
    const sv_item *item = &r->series->items[r->next];
    ev_status status = sv_backend_snapshot(s->backend, item->id, r->series->client.account, true, &r->job, &err);
    if (status == EV_E_NOT_FOUND && !r->one) { /* deleted by itself, or too old: the others are there */
        r->missing[r->next++] = true;
        return true;
    }
    if (status == EV_OK && !r->one) status = item_encoder(r, item);
    if (status != EV_OK) break_off(r, err.message[0] ? err.message : "out of memory for the archive");
    r->file.size = 0;
    return status == EV_OK;
}

/* Its last samples are encoded: of an archive, the file is whole. */
static void finish_item(sv_result_stream *r) {
    assert(r->next < r->end && r->end <= r->series->count);
    const sv_item *item = &r->series->items[r->next];
    char name[SV_ITEM_NAME_MAX + 32];
    r->audio_s += (double)item->samples / item->rate;
    if (r->one) {
        if (r->next + 1 < r->end) r->silence = sv_series_pause(r->series, r->next, item->rate);
    } else {
        name_file(r, item, name);
        sv_zip_add(&r->zip, &r->ready, name, r->file.data ? (const void *)r->file.data : "", r->file.size,
                   changed(r));
    }
    close_item(r);
    r->next++;
}

static void encode(sv_result_stream *r, const float *samples, size_t count) {
    const void *bytes = NULL;
    size_t size = 0;
    if (count && ev_encoder_write(r->encoder, samples, count, &bytes, &size, NULL) != EV_OK)
        break_off(r, "the audio could not be encoded");
    if (size) ev_buf_append(r->one ? &r->ready : &r->file, bytes, size);
}

static void encode_silence(sv_result_stream *r) {
    static const float none[PIECE];
    const size_t count = r->silence < PIECE ? r->silence : PIECE;
    encode(r, none, count);
    r->silence -= count;
}

/* One piece of the item at hand. */
static void encode_piece(sv_result_stream *r) {
    int16_t words[PIECE];
    float samples[PIECE];
    const void *bytes = NULL;
    size_t size = 0;
    bool over;
    const size_t count = sv_job_read(r->job, r->at, words, PIECE, &over);
    r->at += count;
    for (size_t i = 0; i < count; i++) samples[i] = (float)words[i] / 32768.0f;
    encode(r, samples, count);
    if (over && !r->one && !r->broken) {
        if (ev_encoder_finish(r->encoder, &bytes, &size, NULL) != EV_OK)
            break_off(r, "the audio could not be encoded");
        if (size) ev_buf_append(&r->file, bytes, size);
    }
    if (r->file.failed) break_off(r, "out of memory for the archive");
    if (!r->broken && over) finish_item(r);
}

/* A turn. true: there is something to send, or nothing more will come. */
static bool go_on(sv_request *req, size_t *at) {
    sv_result_stream *r = req->answer.stream;
    const double end = ev_clock_thread_s() + TURN_S;
    *at = 0;
    r->ready.size = r->sent = 0;
    while (!r->finished && !r->broken && r->ready.size < ENOUGH && ev_clock_thread_s() < end) {
        if (r->silence)
            encode_silence(r);
        else if (r->job)
            encode_piece(r);
        else if (!open_item(r))
            break;
    }
    if (r->ready.failed) break_off(r, "out of memory for the archive");
    req->amount.audio_s = r->audio_s;
    sv_connection_audio_sent(req, r->audio_s);
    return r->ready.size || r->finished || r->broken;
}

static ssize_t read_bytes(void *stream, uint64_t position, char *out, size_t most) {
    sv_result_stream *r = stream;
    (void)position;
    sv_request_resumed(r->req);
    if (r->req->wait.disconnected || r->req->turn.rejected || r->broken) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (r->sent == r->ready.size && !r->finished) {
        sv_suspend_for(r->req, go_on);
        return 0;
    }
    assert(r->sent <= r->ready.size);
    const size_t left = r->ready.size - r->sent, now = left < most ? left : most;
    if (!now) return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(out, r->ready.data + r->sent, now);
    r->sent += now;
    return (ssize_t)now;
}

/* Of plain samples, the largest that a file can be. */
static double most_bytes(const sv_series *series) {
    double bytes = 0;
    for (size_t i = 0; i < series->count; i++) {
        const sv_item *item = &series->items[i];
        if (item->state == SV_ITEM_COMPLETED)
            bytes += (double)item->samples * 2 *
                     (item->sound.rate > item->rate ? (double)item->sound.rate / item->rate : 1);
    }
    return bytes;
}

int sv_series_archive(sv_request *req, sv_series *series, ev_format format) {
    if (most_bytes(series) > SV_ZIP_BYTES_MAX)
        return sv_reply_error(req, 413, NULL, "this is too much for one archive: read each item's audio_url");
    assert(!req->answer.stream);
    sv_result_stream *r = req->answer.stream = calloc(1, sizeof *r);
    req->answer.cleanup = free_stream;
    req->turn.audio_lane = SV_LANE_AUDIO_MADE;
    bool *missing = calloc(series->count, sizeof *missing);
    if (!r || !missing) {
        free(missing);
        return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    }
    *r = (sv_result_stream){
        .req = req, .series = sv_series_ref(series), .format = format, .end = series->count, .missing = missing};
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 65536, read_bytes, r, NULL);
    char name[SV_JOB_ID + 48];
    snprintf(name, sizeof name, "attachment; filename=\"speech-%s.zip\"", series->id);
    if (response) {
        MHD_add_response_header(response, "Content-Type", "application/zip");
        MHD_add_response_header(response, "Content-Disposition", name);
        MHD_add_response_header(response, "Cache-Control", "no-store");
    }
    return sv_reply_response(req, 200, response);
}

/* Samples of the parts [first, end), with the silence between them. */
static size_t count_samples(const sv_series *series, size_t first, size_t end, int32_t *rate) {
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        const sv_item *item = &series->items[i];
        count += item->samples;
        if (item->samples) *rate = item->rate;
        if (item->samples && i + 1 < end) count += sv_series_pause(series, i, item->rate);
    }
    return count;
}

static bool is_plain(ev_format format) {
    return format <= EV_FORMAT_PCM || format == EV_FORMAT_ULAW || format == EV_FORMAT_ALAW;
}

static ev_status make_encoder(sv_result_stream *r, size_t count, int32_t rate) {
    const sv_sound *sound = &r->series->sound;
    ev_encoder_options options;
    ev_encoder_options_init(&options);
    if (!sound->trim_silence) options.known_count = count;
    options.label = r->req->settings->config.label;
    options.content_id = r->series->id;
    options.file_rate = ev_format_rate(r->format, rate, sound->rate);
    options.bitrate_kbps = sound->bitrate_kbps;
    options.volume_db = sound->volume_db;
    options.trim_silence = sound->trim_silence;
    return ev_encoder_create(&r->encoder, r->format, rate, &options, NULL);
}

int sv_series_sound(sv_request *req, sv_series *series, size_t first, size_t end, ev_format format) {
    int32_t rate = 0;
    assert(first <= end && end <= series->count && !req->answer.stream);
    const size_t count = count_samples(series, first, end, &rate);
    sv_result_stream *r = req->answer.stream = calloc(1, sizeof *r);
    req->answer.cleanup = free_stream;
    req->turn.audio_lane = SV_LANE_AUDIO_MADE;
    if (r)
        *r = (sv_result_stream){
            .req = req, .series = sv_series_ref(series), .format = format, .one = true, .next = first, .end = end};
    const ev_status status = r ? make_encoder(r, count, rate) : EV_E_MEMORY;
    if (status == EV_E_LIMIT)
        return sv_reply_error(req, 413, "format",
                              "this is too long for one file of %s: take opus, mp3 or flac, or a chapter",
                              ev_format_name(format));
    if (status != EV_OK) return sv_reply_busy(req, 503, 1000, "out of memory: try again later");
    const uint64_t size = is_plain(format) ? ev_encoder_size(r->encoder) : 0;
    struct MHD_Response *response =
        MHD_create_response_from_callback(size ? size : MHD_SIZE_UNKNOWN, 65536, read_bytes, r, NULL);
    char text[16];
    snprintf(text, sizeof text, "%d", ev_format_rate(format, rate, series->sound.rate));
    if (response) {
        MHD_add_response_header(response, "Content-Type", ev_format_media_type(format));
        MHD_add_response_header(response, "X-Sample-Rate", text);
        MHD_add_response_header(response, "Cache-Control", "no-store");
        if (req->settings->config.label)
            MHD_add_response_header(response, "X-Audio-Provenance", "synthetic; producer=emotivoice");
    }
    return sv_reply_response(req, 200, response);
}
