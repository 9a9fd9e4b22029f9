/* request: one request from its body to its sample. A speech request is one transfer; a job is three kinds:
 *
 *   POST /tts -> 202 and a request_id;  GET /tts/{id}, again and again, until it is completed;  GET /tts/{id}/audio
 *
 * All of them count into one latency, from the scheduled time to the last byte of audio. */
#include "request.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define REPLY_MAX 65536 /* of an answer that is no audio */

const char *const load_outcome_names[] = {
#define LOAD_OUTCOME_NAME(id, name) name,
    LOAD_OUTCOME_MAP(LOAD_OUTCOME_NAME)
#undef LOAD_OUTCOME_NAME
};

/* ---- what arrives ---- */

static long status_of(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *user) {
    load_slot *slot = user;
    double now_s = ev_clock_s();
    bool speaks = slot->phase == LOAD_SPEAK || slot->phase == LOAD_FETCH;
    (void)one; /* always 1 */
    if (!speaks || status_of(slot->easy) != 200) {
        if (slot->reply.size + size <= REPLY_MAX) ev_buf_append(&slot->reply, bytes, size);
        return size;
    }
    if (slot->sample.first_byte_s < 0) slot->sample.first_byte_s = (float)(now_s - slot->sample.at_s);
    slot->sample.bytes += size;
    load_audio_take(&slot->audio, bytes, size, now_s);
    return size;
}

static size_t on_header(char *line, size_t one, size_t size, void *user) {
    load_slot *slot = user;
    (void)one;
    if (size > 12 && strncasecmp(line, "retry-after:", 12) == 0) slot->sample.retry_after = true;
    if (size > 14 && strncasecmp(line, "x-sample-rate:", 14) == 0)
        load_audio_rate(&slot->audio, line + 14, size - 14);
    return size;
}

/* ---- setting transfers up ---- */

bool load_slot_open(load_slot *slot, load_target *target) {
    *slot = (load_slot){.target = target, .easy = curl_easy_init()};
    CURL *easy = slot->easy;
    if (easy == NULL) return false;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* a proxy of the environment would be what is measured */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "emotivoice-loadtest/" EV_VERSION_STRING);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    return true;
}

void load_slot_close(load_slot *slot) {
    curl_easy_cleanup(slot->easy);
    ev_buf_free(&slot->body);
    ev_buf_free(&slot->reply);
}

static void bind_source(load_slot *slot) {
    load_target *target = slot->target;
    char text[INET_ADDRSTRLEN + 8] = "host!"; /* an address, so that curl does not look for a network device */
    if (target->source_count == 0) return;
    struct in_addr address = {.s_addr = htonl(target->source_first + target->source_next++ % target->source_count)};
    inet_ntop(AF_INET, &address, text + 5, sizeof text - 5);
    curl_easy_setopt(slot->easy, CURLOPT_INTERFACE, text);
}

static double deadline_of(const load_slot *slot) { return slot->sample.at_s + (double)slot->target->values->timeout; }

static bool finish(load_slot *slot, load_outcome outcome, const char *fault) {
    load_sample *sample = &slot->sample;
    sample->end_s = ev_clock_s();
    sample->outcome = (uint8_t)outcome;
    if (fault != slot->fault) snprintf(slot->fault, sizeof slot->fault, "%s", fault);
    if (slot->audio.first_s >= 0) sample->first_audio_s = (float)(slot->audio.first_s - sample->at_s);
    sample->audio_s = (float)load_audio_seconds(&slot->audio);
    sample->gap_s = (float)slot->audio.longest_gap_s;
    sample->underruns = slot->audio.underruns;
    return false;
}

/* Prepares the transfer of this phase; false when there is no time left for it. */
static bool set_transfer(load_slot *slot, load_phase phase) {
    const load_target *target = slot->target;
    char url[800];
    double left_s = deadline_of(slot) - fmax(ev_clock_s(), slot->due_s);
    bool post = phase == LOAD_SPEAK || phase == LOAD_SUBMIT;
    if (left_s < 0.001) return finish(slot, LOAD_TIMEOUT, "no time was left to ask");
    slot->phase = phase;
    slot->reply.size = 0;
    snprintf(url, sizeof url, "%s%s%s%s", target->url, phase == LOAD_SPEAK ? "/v1/audio/speech" : "/tts", slot->job,
             phase == LOAD_FETCH ? "/audio" : "");
    curl_easy_setopt(slot->easy, CURLOPT_URL, url);
    curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, (long)(1000 * left_s));
    curl_easy_setopt(slot->easy, CURLOPT_FOLLOWLOCATION, phase == LOAD_FETCH ? 1L : 0L); /* to an object store */
    curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, post ? target->post_headers : target->get_headers);
    if (post) {
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)slot->body.size);
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, slot->body.data);
    } else {
        curl_easy_setopt(slot->easy, CURLOPT_HTTPGET, 1L);
    }
    return true;
}

bool load_request_begin(load_slot *slot, uint64_t number, double at_s) {
    const load_target *target = slot->target;
    double now_s = ev_clock_s();
    slot->sample = (load_sample){.at_s = at_s, .first_byte_s = -1, .first_audio_s = -1};
    slot->sample.lag_s = (float)(now_s - at_s);
    slot->due_s = now_s;
    slot->job[0] = slot->fault[0] = '\0';
    load_audio_start(&slot->audio, strcmp(target->values->format, "wav") == 0, target->values->sample_rate);
    load_mix_body(target->mix, number, &slot->body);
    if (slot->body.failed) return finish(slot, LOAD_BROKEN, "out of memory");
    bind_source(slot);
    bool begun = set_transfer(slot, target->speech ? LOAD_SPEAK : LOAD_SUBMIT);
    slot->sample.sent = begun;
    return begun;
}

/* ---- what an answer means ---- */

static bool finish_broken(load_slot *slot, CURLcode result) {
    load_outcome outcome = LOAD_BROKEN;
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION: outcome = LOAD_CONNECT; break;
    case CURLE_OPERATION_TIMEDOUT: outcome = LOAD_TIMEOUT; break;
    default: break;
    }
    return finish(slot, outcome, curl_easy_strerror(result));
}

/* What the service says for itself: {"error": {"message": "..."}} and its kin, else the first bytes. */
static void read_fault(load_slot *slot) {
    const char *whole = (const char *)slot->reply.data, *said = slot->reply.size > 0 ? whole : "";
    json_t *reply = slot->reply.size > 0 ? json_loadb(whole, slot->reply.size, 0, NULL) : NULL;
    const json_t *error = json_object_get(reply, "error"), *detail = json_object_get(reply, "detail");
    const json_t *message = json_object_get(json_is_object(error) ? error : reply, "message");
    const json_t *found = json_is_string(message) ? message : json_is_string(error) ? error : detail;
    if (json_is_string(found)) said = json_string_value(found);
    snprintf(slot->fault, sizeof slot->fault, "HTTP %d%s%s", slot->sample.status, said[0] != '\0' ? ": " : "", said);
    json_decref(reply);
}

static bool finish_refused(load_slot *slot) {
    bool rejected = slot->sample.status == 429 || slot->sample.status == 503;
    read_fault(slot);
    return finish(slot, rejected ? LOAD_REJECTED : LOAD_STATUS, slot->fault);
}

static bool finish_audio(load_slot *slot) {
    const char *type = NULL, *fault = load_audio_end(&slot->audio);
    curl_easy_getinfo(slot->easy, CURLINFO_CONTENT_TYPE, &type);
    if (fault == NULL && type != NULL &&
        (strncasecmp(type, "text/", 5) == 0 || strncasecmp(type, "application/json", 16) == 0)) {
        fault = "the body is text, not audio"; /* pcm has no header that could tell */
    }
    return finish(slot, fault == NULL ? LOAD_OK : LOAD_AUDIO, fault != NULL ? fault : "");
}

static bool is_job_id(const char *id) {
    size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    return length > 0 && length <= 128 && id[length] == '\0' && strstr(id, "..") == NULL;
}

/* The job was taken, or has got on: what to ask next. */
static bool follow_job(load_slot *slot) {
    json_t *reply =
        slot->reply.size > 0 ? json_loadb((const char *)slot->reply.data, slot->reply.size, 0, NULL) : NULL;
    bool submitted = slot->phase == LOAD_SUBMIT, goes_on = false;
    const char *text = json_string_value(json_object_get(reply, submitted ? "request_id" : "state"));
    if (text == NULL || (submitted && !is_job_id(text))) {
        finish(slot, LOAD_JOB, submitted ? "the answer to a job has no request_id" : "the job has no state");
    } else if (submitted) {
        snprintf(slot->job, sizeof slot->job, "/%s", text);
        goes_on = set_transfer(slot, LOAD_ASK);
    } else if (strcmp(text, "completed") == 0) {
        goes_on = set_transfer(slot, LOAD_FETCH);
    } else if (strcmp(text, "failed") == 0 || strncmp(text, "cancel", 6) == 0 || strcmp(text, "expired") == 0) {
        snprintf(slot->fault, sizeof slot->fault, "the job %s", text);
        finish(slot, LOAD_JOB, slot->fault);
    } else {
        slot->due_s = ev_clock_s() + (double)slot->target->values->poll;
        goes_on = set_transfer(slot, LOAD_ASK);
    }
    json_decref(reply);
    return goes_on;
}

bool load_request_next(load_slot *slot, CURLcode result) {
    if (result != CURLE_OK) return finish_broken(slot, result);
    long status = status_of(slot->easy);
    bool expected = status == 200 || (slot->phase == LOAD_SUBMIT && status == 202);
    slot->due_s = 0;
    slot->sample.status = (int16_t)status;
    if (!expected) return finish_refused(slot);
    if (slot->phase == LOAD_SPEAK || slot->phase == LOAD_FETCH) return finish_audio(slot);
    return follow_job(slot);
}
