#include "base/hex.h"
#include "base/lock.h"
#include "server/jobs/webhook.h"

#include <assert.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WAITING_MAX = 1000, TRIES = 3, THREADS = 4 };
static const double pauses_s[TRIES - 1] = {1, 5};

typedef struct call {
    struct call *next;
    char *id, *account, *url, *body, *secret, *hosts;
    bool http;
    int tries;
    double due_s; /* not before */
} call;

struct sv_webhooks {
    sv_log *log;
    ev_mutex lock;
    ev_cond work;
    call *first EV_GUARDED_BY(lock); /* by the time they are due */
    size_t count EV_GUARDED_BY(lock);
    call *under_way EV_GUARDED_BY(lock);
    bool stopping EV_GUARDED_BY(lock);
    pthread_t threads[THREADS];
    int thread_count;
};

static void free_call(call *c) {
    if (!c) return;
    free(c->id);
    free(c->account);
    free(c->url);
    free(c->body);
    free(c->secret);
    free(c->hosts);
    free(c);
}

static call *copy_call(const sv_webhook *from) {
    call *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    c->id = strdup(from->id);
    c->account = strdup(from->account);
    c->url = strdup(from->url);
    c->body = strdup(from->body);
    c->secret = strdup(from->secret);
    c->hosts = strdup(from->hosts);
    c->http = from->http;
    if (c->id && c->account && c->url && c->body && c->secret && c->hosts) return c;
    free_call(c);
    return NULL;
}

/* "X-EmotiVoice-Signature: sha256=..." of "timestamp.body". */
static bool sign(const call *c, const char *timestamp, char out[128]) {
    unsigned char digest[32];
    unsigned size = 0;
    ev_buf text = {0};
    ev_buf_printf(&text, "%s.%s", timestamp, c->body);
    const bool ok =
        !text.failed && HMAC(EVP_sha256(), c->secret, (int)strlen(c->secret), text.data, text.size, digest, &size);
    ev_buf_free(&text);
    assert(!ok || size == sizeof digest);
    const int at = snprintf(out, 128, "X-EmotiVoice-Signature: sha256=");
    if (ok) ev_hex(digest, size, out + at);
    return ok;
}

static bool deliver(const call *c) {
    char stamp[64], signature[128];
    const char *seconds = stamp + snprintf(stamp, sizeof stamp, "X-EmotiVoice-Timestamp: ");
    snprintf(stamp + (seconds - stamp), 24, "%lld", (long long)time(NULL));
    sv_fetch_options options;
    sv_fetch_options_init(&options);
    options.http = c->http;
    options.hosts = c->hosts;
    options.listed_only = *c->hosts != '\0';
    options.slow_bytes_s = 0; /* an answer is a few bytes */
    options.post = c->body;
    options.headers[0] = stamp;
    if (*c->secret && sign(c, seconds, signature)) options.headers[1] = signature;
    if (*c->secret && !options.headers[1]) return false; /* never unsigned to one who checks */
    ev_buf nothing = {0};
    const bool ok = sv_fetch(&nothing, c->url, &options, NULL, NULL) == EV_OK;
    ev_buf_free(&nothing);
    return ok;
}

static void insert(sv_webhooks *h, call *c) EV_REQUIRES(h->lock) {
    call **at = &h->first;
    while (*at && (*at)->due_s <= c->due_s) at = &(*at)->next;
    c->next = *at;
    *at = c;
    h->count++;
    assert(h->count <= WAITING_MAX + THREADS); /* those under way may come back */
}

static bool is_called(const sv_webhooks *h, const char *account) EV_REQUIRES(h->lock) {
    for (const call *c = h->under_way; c; c = c->next) {
        if (strcmp(c->account, account) == 0) return true;
    }
    return false;
}

/* The first that is due, of an account that is not being called. NULL: none. */
static call **find_due(sv_webhooks *h, double now_s) EV_REQUIRES(h->lock) {
    for (call **at = &h->first; *at && (*at)->due_s <= now_s; at = &(*at)->next) {
        if (!is_called(h, (*at)->account)) return at;
    }
    return NULL;
}

static call *start(sv_webhooks *h, call **at) EV_REQUIRES(h->lock) {
    assert(h->count > 0);
    call *c = *at;
    *at = c->next;
    h->count--;
    c->next = h->under_way;
    h->under_way = c;
    return c;
}

static void end(sv_webhooks *h, call *c) {
    call **at = &h->under_way;
    while (*at != c) at = &(*at)->next;
    *at = c->next;
}

/* Lets go of the lock while it calls. */
static void run_call(sv_webhooks *h, call **at) EV_REQUIRES(h->lock) {
    call *c = start(h, at);
    ev_mutex_unlock(&h->lock);
    const bool ok = deliver(c);
    c->tries++;
    const bool again = !ok && c->tries < TRIES;
    if (!ok && !again)
        sv_log_line(h->log, SV_LEVEL_WARN, c->id, "the webhook could not be called in %d tries", TRIES);
    ev_mutex_lock(&h->lock);
    end(h, c);
    if (!again || h->stopping) {
        free_call(c);
        return;
    }
    assert(c->tries >= 1 && c->tries < TRIES);
    c->due_s = ev_clock_s() + pauses_s[c->tries - 1];
    insert(h, c);
    ev_cond_signal(&h->work);
}

/* Until another call is due, or something changes. */
static void wait_for_work(sv_webhooks *h, double now_s) EV_REQUIRES(h->lock) {
    const call *c = h->first;
    while (c && c->due_s <= now_s) c = c->next;
    if (!c) {
        ev_cond_wait(&h->work, &h->lock);
        return;
    }
    const struct timespec at = ev_clock_after(c->due_s - ev_clock_s());
    ev_cond_wait_until(&h->work, &h->lock, &at);
}

static void *deliver_calls(void *hooks) {
    sv_webhooks *h = hooks;
    ev_mutex_lock(&h->lock);
    while (!h->stopping) {
        const double now_s = ev_clock_s();
        call **at = find_due(h, now_s);
        if (at) {
            run_call(h, at);
        } else {
            wait_for_work(h, now_s);
        }
    }
    ev_mutex_unlock(&h->lock);
    return NULL;
}

ev_status sv_webhooks_create(sv_webhooks **out, sv_log *log, ev_error *err) {
    sv_webhooks *h = *out = calloc(1, sizeof *h);
    if (!h) return ev_fail(err, EV_E_MEMORY, "out of memory");
    h->log = log;
    ev_mutex_init(&h->lock);
    ev_cond_init(&h->work);
    for (; h->thread_count < THREADS; h->thread_count++) {
        if (pthread_create(&h->threads[h->thread_count], NULL, deliver_calls, h) == 0) continue;
        sv_webhooks_free(out);
        return ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    return EV_OK;
}

bool sv_webhooks_call(sv_webhooks *h, const sv_webhook *wanted) {
    call *c = copy_call(wanted);
    ev_mutex_lock(&h->lock);
    const bool fits = c && h->count < WAITING_MAX && !h->stopping;
    if (fits) {
        c->due_s = ev_clock_s();
        insert(h, c);
        ev_cond_signal(&h->work);
    }
    ev_mutex_unlock(&h->lock);
    if (fits) return true;
    free_call(c);
    sv_log_line(h->log, SV_LEVEL_WARN, wanted->id, "the webhook is not called: too many wait");
    return false;
}

bool sv_webhooks_idle(sv_webhooks *h) {
    ev_mutex_lock(&h->lock);
    const bool idle = !h->first && !h->under_way;
    ev_mutex_unlock(&h->lock);
    return idle;
}

void sv_webhooks_free(sv_webhooks **hooks) EV_NOT_SHARED {
    sv_webhooks *h = *hooks;
    *hooks = NULL;
    if (!h) return;
    ev_mutex_lock(&h->lock);
    h->stopping = true;
    ev_cond_broadcast(&h->work);
    ev_mutex_unlock(&h->lock);
    for (int i = 0; i < h->thread_count; i++) pthread_join(h->threads[i], NULL);
    assert(!h->under_way);
    while (h->first) {
        call *next = h->first->next;
        free_call(h->first);
        h->first = next;
    }
    ev_cond_destroy(&h->work);
    ev_mutex_destroy(&h->lock);
    free(h);
}
