/* wyoming: events in, speech out. See wyoming.h. */
#include "base/lock.h"
#include "server/sockets/wyoming.h"

#include "server/api/sentences.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    CONNECTIONS = 16,
    EVENT_LINE_MAX = 65536,
    DATA_MAX = 1 << 20,
    CHUNK = 4096,
    IDLE_S = 300,
    EVENT_S = 30,
    SEND_S = 30
};

typedef struct line {
    sv_wyoming *wyoming;
    pthread_t thread;
    int fd; /* -1: free */
    bool ended;
} line;

struct sv_wyoming {
    int fd, wake; /* that listens; that says it is to end */
    char *url;
    sv_models *models;
    int32_t rate; /* Hz of all that is said here: the default's */
    pthread_t thread;
    ev_mutex lock;
    line lines[CONNECTIONS] EV_GUARDED_BY(lock);
    bool stopping EV_GUARDED_BY(lock);
};

typedef struct talk { /* one connection */
    const sv_wyoming *wyoming;
    int fd;
    char *voice;  /* of the text that comes in pieces; NULL: the first */
    ev_buf text;  /* that was not spoken yet */
    bool streams; /* between synthesize-start and -stop */
    double until; /* when the event that is coming must be whole */
} talk;

/* ---- bytes ---- */

static bool send_all(int fd, const void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        const ssize_t n = send(fd, (const char *)bytes + at, size - at, MSG_NOSIGNAL);
        if (n <= 0 && errno != EINTR) return false;
        if (n > 0) at += (size_t)n;
    }
    return true;
}

static bool receive_all(const talk *t, void *bytes, size_t size) {
    for (size_t at = 0; at < size;) {
        struct pollfd ready = {.fd = t->fd, .events = POLLIN};
        const double left = t->until - ev_clock_s();
        const int found = left > 0 ? poll(&ready, 1, (int)(left * 1000) + 1) : 0;
        if (found == 0 || (found < 0 && errno != EINTR)) return false;
        const ssize_t n = found > 0 ? recv(t->fd, (char *)bytes + at, size - at, MSG_DONTWAIT) : 0;
        if (found > 0 && (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))) return false;
        if (n > 0) at += (size_t)n;
    }
    return true;
}

/* The head of the next event. A client may be silent between two; once one has begun it comes within EVENT_S, however
 * small the pieces, so that nobody keeps a connection from others with a byte now and then. */
static bool receive_line(talk *t, ev_buf *out) {
    char c;
    out->size = 0;
    t->until = ev_clock_s() + IDLE_S;
    while (out->size < EVENT_LINE_MAX && receive_all(t, &c, 1)) {
        if (!out->size) t->until = ev_clock_s() + EVENT_S;
        if (c == '\n') return !out->failed;
        ev_buf_append(out, &c, 1);
    }
    return false;
}

/* data is taken over; NULL: none. */
static bool send_event(const talk *t, const char *type, json_t *data, const void *payload, size_t size) {
    char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;
    ev_buf head = {0};
    json_decref(data);
    ev_buf_printf(&head, "{\"type\":\"%s\"", type);
    if (text) ev_buf_printf(&head, ",\"data_length\":%zu", strlen(text));
    if (size) ev_buf_printf(&head, ",\"payload_length\":%zu", size);
    ev_buf_printf(&head, "}\n%s", text ? text : "");
    const bool sent =
        !head.failed && send_all(t->fd, head.data, head.size) && (!size || send_all(t->fd, payload, size));
    ev_buf_free(&head);
    free(text);
    return sent;
}

/* ---- speaking ---- */

typedef struct answer { /* of the service */
    talk *talk;
    CURL *curl;
    ev_buf rest, error; /* an odd byte; the body of an error */
    int rate;
    bool sent; /* all that came could be sent */
} answer;

static json_t *audio_format(int rate) {
    return json_pack("{s:i, s:i, s:i}", "rate", rate, "width", 2, "channels", 1);
}

static size_t on_head(char *bytes, size_t one, size_t size, void *user) {
    answer *a = user;
    static const char name[] = "X-Sample-Rate:";
    if (size > sizeof name && strncasecmp(bytes, name, sizeof name - 1) == 0) a->rate = atoi(bytes + sizeof name - 1);
    return one * size;
}

static size_t on_body(char *bytes, size_t one, size_t size, void *user) {
    answer *a = user;
    long code = 0;
    curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200) {
        if (a->error.size < CHUNK) ev_buf_append(&a->error, bytes, size);
        return size;
    }
    ev_buf_append(&a->rest, bytes, size);
    const size_t whole = a->rest.size / 2 * 2;
    if (whole) a->sent = send_event(a->talk, "audio-chunk", audio_format(a->rate), a->rest.data, whole);
    if (a->rest.size > whole) a->rest.data[0] = a->rest.data[whole];
    a->rest.size -= whole;
    return a->sent && !a->rest.failed ? one * size : 0;
}

static void send_error(const talk *t, const answer *a) {
    json_t *body = a->error.size ? json_loadb((const char *)a->error.data, a->error.size, 0, NULL) : NULL;
    const char *message = json_string_value(json_object_get(json_object_get(body, "error"), "message"));
    send_event(
        t, "error",
        json_pack("{s:s, s:s}", "text", message ? message : "the speech could not be made", "code", "synthesize"),
        NULL, 0);
    json_decref(body);
}

static bool ask(answer *a, const char *body) {
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    long code = 0;
    curl_easy_setopt(a->curl, CURLOPT_URL, a->talk->wyoming->url);
    curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(a->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(a->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(a->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(a->curl, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(a->curl, CURLOPT_HEADERDATA, a);
    curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, a);
    const CURLcode done = curl_easy_perform(a->curl);
    curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &code);
    curl_slist_free_all(headers);
    return done == CURLE_OK && code == 200;
}

/* One text as audio-chunks; an error is reported, and the connection stays. false: the reader is gone. */
static bool speak(talk *t, const char *text, size_t size, const char *voice) {
    answer a = {.talk = t, .curl = curl_easy_init(), .rate = t->wyoming->rate, .sent = true};
    json_t *fields = json_pack("{s:s%, s:s, s:i, s:s?}", "input", text, size, "response_format", "pcm", "sample_rate",
                               (int)t->wyoming->rate, "voice", voice);
    char *body = fields ? json_dumps(fields, JSON_COMPACT) : NULL;
    json_decref(fields);
    const bool good = a.curl && body && ask(&a, body);
    if (!good && a.sent) send_error(t, &a);
    if (a.curl) curl_easy_cleanup(a.curl);
    free(body);
    ev_buf_free(&a.rest);
    ev_buf_free(&a.error);
    return a.sent;
}

/* ---- sentences of a text that comes in pieces ---- */

/* Behind the last sentence that is closed. */
static size_t closed(const char *text, size_t size) {
    size_t end = 0;
    for (size_t first; end < size && (first = sv_sentence_first(text + end, size - end));) end += first;
    return end;
}

static bool speak_closed(talk *t, size_t end) {
    const char *text = (const char *)t->text.data;
    const bool there = !end || !sv_sentence_speaks(text, end) || speak(t, text, end, t->voice);
    if (end) memmove(t->text.data, t->text.data + end, t->text.size - end);
    t->text.size -= end;
    return there;
}

/* ---- events ---- */

static json_t *describe_voices(sv_models *models) {
    json_t *array = json_array();
    sv_model_list *list = sv_models_list(models);
    char id[SV_VOICE_REFERENCE_SIZE];
    for (size_t m = 0; m < list->count; m++) {
        const sv_catalogue *c = list->items[m]->catalogue;
        for (size_t i = 0; i < sv_catalogue_count(c); i++)
            json_array_append_new(array,
                                  json_pack("{s:s, s:s, s:[s,s], s:b, s:s, s:{s:s, s:s}}", "name",
                                            sv_model_voice(list, m, i, id), "description", sv_catalogue_note(c, i),
                                            "languages", "en", "zh", "installed", 1, "version", EV_VERSION_STRING,
                                            "attribution", "name", "emotivoice", "url", ""));
    }
    sv_model_list_unref(&list);
    return array;
}

static bool describe(talk *t) {
    json_t *program = json_pack("{s:s, s:s, s:b, s:s, s:{s:s, s:s}, s:o, s:b}", "name", "emotivoice", "description",
                                "Expressive speech in Mandarin and English", "installed", 1, "version",
                                EV_VERSION_STRING, "attribution", "name", "emotivoice", "url", "", "voices",
                                describe_voices(t->wyoming->models), "supports_synthesize_streaming", 1);
    return send_event(t, "info",
                      json_pack("{s:[], s:[o], s:[], s:[], s:[]}", "asr", "tts", program, "handle", "intent", "wake"),
                      NULL, 0);
}

static const char *voice_of(const json_t *data) {
    const char *name = json_string_value(json_object_get(json_object_get(data, "voice"), "name"));
    return name && *name ? name : NULL;
}

static bool start_audio(talk *t) { return send_event(t, "audio-start", audio_format(t->wyoming->rate), NULL, 0); }

static bool synthesize(talk *t, const json_t *data) {
    const char *text = json_string_value(json_object_get(data, "text"));
    if (t->streams) return true; /* the whole again, for services that take no pieces */
    return start_audio(t) && speak(t, text ? text : "", text ? strlen(text) : 0, voice_of(data)) &&
           send_event(t, "audio-stop", NULL, NULL, 0);
}

static bool begin_stream(talk *t, const json_t *data) {
    const char *voice = voice_of(data);
    free(t->voice);
    t->voice = voice ? strdup(voice) : NULL;
    t->text.size = 0;
    t->streams = true;
    return start_audio(t);
}

static bool take_text(talk *t, const json_t *data) {
    const char *text = json_string_value(json_object_get(data, "text"));
    if (!t->streams || !text) return true;
    ev_buf_append(&t->text, text, strlen(text));
    if (t->text.failed || t->text.size > DATA_MAX) return false;
    return speak_closed(t, closed((const char *)t->text.data, t->text.size));
}

static bool end_stream(talk *t) {
    if (!t->streams) return true;
    const bool there = speak_closed(t, t->text.size);
    t->streams = false;
    return there && send_event(t, "audio-stop", NULL, NULL, 0) && send_event(t, "synthesize-stopped", NULL, NULL, 0);
}

static bool answer_event(talk *t, const char *type, const json_t *data) {
    if (strcmp(type, "describe") == 0) return describe(t);
    if (strcmp(type, "synthesize") == 0) return synthesize(t, data);
    if (strcmp(type, "synthesize-start") == 0) return begin_stream(t, data);
    if (strcmp(type, "synthesize-chunk") == 0) return take_text(t, data);
    if (strcmp(type, "synthesize-stop") == 0) return end_stream(t);
    if (strcmp(type, "ping") == 0) return send_event(t, "pong", NULL, NULL, 0);
    return true; /* of other parts of the protocol */
}

/* A counted part of an event; false: it is too long, or the other side is gone. */
static bool receive_part(const talk *t, const json_t *head, const char *name, ev_buf *out) {
    const json_int_t size = json_integer_value(json_object_get(head, name));
    out->size = 0;
    if (size < 0 || size > DATA_MAX) return false;
    void *place = size ? ev_buf_append(out, NULL, (size_t)size) : NULL;
    return !size || (place && receive_all(t, place, (size_t)size));
}

/* What stands in the line itself may be continued behind it. */
static bool next_event(talk *t, ev_buf *bytes) {
    json_t *head = receive_line(t, bytes) ? json_loadb((const char *)bytes->data, bytes->size, 0, NULL) : NULL;
    const char *type = json_string_value(json_object_get(head, "type"));
    bool good = type && receive_part(t, head, "data_length", bytes);
    json_t *data = good && bytes->size ? json_loadb((const char *)bytes->data, bytes->size, 0, NULL)
                                       : json_incref(json_object_get(head, "data"));
    good = good && receive_part(t, head, "payload_length", bytes) && answer_event(t, type, data);
    json_decref(data);
    json_decref(head);
    return good;
}

/* ---- connections ---- */

static void *serve(void *user) {
    line *l = user;
    talk t = {.wyoming = l->wyoming, .fd = l->fd};
    ev_buf bytes = {0};
    const struct timeval slow = {.tv_sec = SEND_S};
    setsockopt(t.fd, SOL_SOCKET, SO_SNDTIMEO, &slow, sizeof slow);
    while (next_event(&t, &bytes)) {
    }
    shutdown(t.fd, SHUT_RDWR);
    ev_buf_free(&bytes);
    ev_buf_free(&t.text);
    free(t.voice);
    ev_mutex_lock(&l->wyoming->lock);
    l->ended = true;
    ev_mutex_unlock(&l->wyoming->lock);
    return NULL;
}

/* A line that is free, or over. */
static line *free_line(sv_wyoming *w) {
    for (size_t i = 0; i < CONNECTIONS; i++) {
        line *l = &w->lines[i];
        if (l->fd >= 0 && !l->ended) continue;
        if (l->fd >= 0) pthread_join(l->thread, NULL);
        if (l->fd >= 0) close(l->fd);
        *l = (line){.wyoming = w, .fd = -1};
        return l;
    }
    return NULL;
}

/* Its socket may be one that outlives the process: it is not shut down to wake this, and waits as it was made. */
static void *listen_for(void *user) {
    sv_wyoming *w = user;
    struct pollfd either[] = {{.fd = w->fd, .events = POLLIN}, {.fd = w->wake, .events = POLLIN}};
    for (;;) {
        poll(either, EV_ARRAY_COUNT(either), -1);
        const int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
        ev_mutex_lock(&w->lock);
        const bool stopping = w->stopping;
        line *l = fd >= 0 && !stopping ? free_line(w) : NULL;
        if (l) l->fd = fd;
        const bool started = l && pthread_create(&l->thread, NULL, serve, l) == 0;
        if (l && !started) l->fd = -1;
        ev_mutex_unlock(&w->lock);
        if (fd >= 0 && !started) close(fd);
        if (stopping) return NULL;
        if (fd < 0 && errno != EAGAIN) usleep(10000); /* out of descriptors: some will be free again */
    }
}

static int32_t rate_of(sv_models *models) {
    sv_model_list *list = sv_models_list(models);
    const int32_t rate = sv_catalogue_rate(list->items[0]->catalogue);
    sv_model_list_unref(&list);
    return rate;
}

ev_status sv_wyoming_create(sv_wyoming **out, int fd, const char *speech_url, sv_models *models,
                            ev_error *err) EV_NOT_SHARED {
    sv_wyoming *w = calloc(1, sizeof *w);
    if (w)
        *w = (sv_wyoming){.fd = fd,
                          .wake = eventfd(0, EFD_CLOEXEC),
                          .url = strdup(speech_url),
                          .models = models,
                          .rate = rate_of(models)};
    if (!w || !w->url || w->wake < 0) {
        if (w && w->wake >= 0) close(w->wake);
        if (w) free(w->url);
        free(w);
        close(fd);
        return ev_fail(err, EV_E_MEMORY, "out of memory, or of descriptors");
    }
    ev_mutex_init(&w->lock);
    for (size_t i = 0; i < CONNECTIONS; i++) w->lines[i].fd = -1;
    if (pthread_create(&w->thread, NULL, listen_for, w) == 0) {
        *out = w;
        return EV_OK;
    }
    close(fd);
    close(w->wake);
    free(w->url);
    free(w);
    return ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
}

void sv_wyoming_free(sv_wyoming **wyoming) EV_NOT_SHARED {
    sv_wyoming *w = *wyoming;
    *wyoming = NULL;
    if (!w) return;
    ev_mutex_lock(&w->lock);
    w->stopping = true;
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (w->lines[i].fd >= 0) shutdown(w->lines[i].fd, SHUT_RDWR);
    ev_mutex_unlock(&w->lock);
    (void)!write(w->wake, &(uint64_t){1}, sizeof(uint64_t));
    pthread_join(w->thread, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (w->lines[i].fd < 0) continue;
        pthread_join(w->lines[i].thread, NULL);
        close(w->lines[i].fd);
    }
    close(w->fd);
    close(w->wake);
    ev_mutex_destroy(&w->lock);
    free(w->url);
    free(w);
}
