/* Fuzzes the form of an upload on the way it really comes: through the HTTP library, by a connection whose other end
 * is ours. The first line is what stands behind multipart/form-data in Content-Type, the rest is the body. A form
 * that is read holds texts that end where they should and no more sound than was sent. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/api/answers.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static ev_buf body;
static bool ended, answered;

static void check(const sv_form *f) {
    if (!memchr(f->name, '\0', sizeof f->name) || !memchr(f->consent, '\0', sizeof f->consent)) abort();
    if (f->audio.size > body.size || (f->audio.size && !f->audio.data)) abort();
}

static enum MHD_Result answer(struct MHD_Connection *connection) {
    sv_form form = {0};
    sv_form_read(connection, body.data, body.size, &form);
    check(&form);
    ev_buf_free(&form.audio);
    struct MHD_Response *r = MHD_create_response_from_buffer(2, (void *)(uintptr_t) "ok", MHD_RESPMEM_PERSISTENT);
    const enum MHD_Result result = MHD_queue_response(connection, 200, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *bytes, size_t *size, void **state) {
    static int seen;
    (void)user, (void)path, (void)method, (void)version;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*size) {
        ev_buf_append(&body, bytes, *size);
        *size = 0;
        return MHD_YES;
    }
    if (answered) return MHD_YES;
    answered = true;
    return answer(connection);
}

static void on_connection(void *user, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    (void)user, (void)connection, (void)state;
    ended |= what == MHD_CONNECTION_NOTIFY_CLOSED;
}

static struct MHD_Daemon *daemon_once(void) {
    static struct MHD_Daemon *daemon;
    if (!daemon) {
        daemon = MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, NULL,
                                  MHD_OPTION_NOTIFY_CONNECTION, on_connection, NULL, MHD_OPTION_END);
    }
    if (!daemon) abort();
    return daemon;
}

static void write_all(int fd, const void *bytes, size_t size) {
    if (size && send(fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) abort();
}

static void put_request(int fd, const char *type, size_t type_size, const char *text, size_t size) {
    char head[160];
    const int n =
        snprintf(head, sizeof head,
                 "POST /v1/voices HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n"
                 "Content-Type: multipart/form-data",
                 size);
    write_all(fd, head, (size_t)n);
    write_all(fd, type, type_size);
    write_all(fd, "\r\n\r\n", 4);
    write_all(fd, text, size);
    if (shutdown(fd, SHUT_WR) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    const char *text = (const char *)bytes, *end = size ? memchr(text, '\n', size) : NULL;
    int ends[2];
    if (!end || size > 65536) return 0;
    struct MHD_Daemon *daemon = daemon_once();
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) abort();
    put_request(ends[0], text, (size_t)(end - text), end + 1, size - (size_t)(end + 1 - text));
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    ended = answered = false;
    if (MHD_add_connection(daemon, ends[1], (const struct sockaddr *)&nobody, sizeof nobody.sun_family) != MHD_YES)
        abort();
    for (int i = 0; i < 10000 && !ended; i++) MHD_run(daemon);
    if (!ended) abort(); /* hangs */
    close(ends[0]);
    ev_buf_free(&body);
    return 0;
}
