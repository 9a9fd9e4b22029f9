/* client: many transfers on one thread. The generator shares the machine with the service more often than not,
 * so it must cost little: curl's multi handle is told by epoll which sockets are ready, instead of looking at all of
 * them; connections stay open; a request costs no allocation once its slot is warm. Time is a timerfd, since epoll
 * waits in whole milliseconds.
 *
 * At most --connections requests are under way. What comes on top waits here, in order, while its latency runs. */
#include "request.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS           256
#define SCRAPE_TIMEOUT_S 5

typedef struct waiting {
    uint64_t number;
    double at_s;
} waiting;

struct load_client {
    load_target target;
    load_listener listener;
    CURLM *multi;
    int epoll, timer;
    double curl_due_s, armed_s;
    size_t slots_max, slots_open, pending;
    load_slot **slots;
    load_slot *free_slots, *asking, *asking_last; /* asking: rising due_s, as the pause is always the same */
    waiting *queue;                               /* a ring */
    size_t queue_room, queue_first, queue_count;
    CURL *scraper;
    ev_buf scraped;
    bool scraping;
    const char *broken; /* why the client cannot go on */
};

/* ---- curl's side of epoll ---- */

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *known) {
    load_client *client = user;
    struct epoll_event event = {.data.fd = socket};
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(client->epoll, EPOLL_CTL_DEL, socket, NULL); /* it may be closed already: then it is gone */
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) | (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);
    int done = epoll_ctl(client->epoll, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
    if (done != 0 && errno == EEXIST) done = epoll_ctl(client->epoll, EPOLL_CTL_MOD, socket, &event);
    if (done != 0) client->broken = "a socket cannot be watched";
    curl_multi_assign(client->multi, socket, client);
    return 0;
}

static int on_timer(CURLM *multi, long wait_ms, void *user) {
    load_client *client = user;
    (void)multi;
    client->curl_due_s = wait_ms < 0 ? INFINITY : ev_clock_s() + 1e-3 * (double)wait_ms;
    return 0;
}

static void act(load_client *client, curl_socket_t socket, int what) {
    int running = 0;
    CURLMcode code = curl_multi_socket_action(client->multi, socket, what, &running);
    if (code != CURLM_OK) client->broken = curl_multi_strerror(code);
}

static void act_when_due(load_client *client) {
    if (ev_clock_s() < client->curl_due_s) return;
    client->curl_due_s = INFINITY;
    act(client, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- requests ---- */

static void release(load_client *client, load_slot *slot) {
    slot->next = client->free_slots;
    client->free_slots = slot;
}

static void tell(load_client *client, const load_slot *slot) {
    client->pending--;
    client->listener.done(client->listener.user, &slot->sample, slot->fault);
}

static void add_transfer(load_client *client, load_slot *slot) {
    CURLMcode code = curl_multi_add_handle(client->multi, slot->easy);
    if (code != CURLM_OK) client->broken = curl_multi_strerror(code);
}

static load_slot *take_slot(load_client *client) {
    load_slot *slot = client->free_slots;
    if (slot != NULL) {
        client->free_slots = slot->next;
        return slot;
    }
    if (client->slots_open == client->slots_max) return NULL;
    slot = malloc(sizeof *slot);
    if (slot == NULL || !load_slot_open(slot, &client->target)) {
        free(slot);
        client->slots_max = client->slots_open; /* as many as there is memory for */
        if (client->slots_open == 0) client->broken = "out of memory";
        return NULL;
    }
    client->slots[client->slots_open++] = slot;
    return slot;
}

static void begin_waiting(load_client *client) {
    while (client->queue_count > 0) {
        load_slot *slot = take_slot(client);
        if (slot == NULL) return;
        waiting next = client->queue[client->queue_first];
        client->queue_first = (client->queue_first + 1) % client->queue_room;
        client->queue_count--;
        if (load_request_begin(slot, next.number, next.at_s)) {
            add_transfer(client, slot);
        } else {
            tell(client, slot);
            release(client, slot);
        }
    }
}

static bool grow_queue(load_client *client) {
    size_t room = client->queue_room == 0 ? 1024 : 2 * client->queue_room;
    waiting *grown = malloc(room * sizeof *grown);
    if (grown == NULL) return false;
    for (size_t i = 0; i < client->queue_count; i++) {
        grown[i] = client->queue[(client->queue_first + i) % client->queue_room];
    }
    free(client->queue);
    client->queue = grown;
    client->queue_room = room;
    client->queue_first = 0;
    return true;
}

void load_client_begin(load_client *client, uint64_t number, double at_s) {
    if (client->queue_count == client->queue_room && !grow_queue(client)) {
        client->broken = "out of memory";
        return;
    }
    client->queue[(client->queue_first + client->queue_count++) % client->queue_room] = (waiting){number, at_s};
    client->pending++;
    begin_waiting(client);
}

static void ask_later(load_client *client, load_slot *slot) {
    slot->next = NULL;
    if (client->asking == NULL) {
        client->asking = slot;
    } else {
        client->asking_last->next = slot;
    }
    client->asking_last = slot;
}

static void ask_when_due(load_client *client) {
    double now_s = ev_clock_s();
    while (client->asking != NULL && client->asking->due_s <= now_s) {
        load_slot *slot = client->asking;
        client->asking = slot->next;
        add_transfer(client, slot);
    }
}

static void scrape_done(load_client *client, CURLcode result) {
    long status = 0;
    curl_easy_getinfo(client->scraper, CURLINFO_RESPONSE_CODE, &status);
    client->scraping = false;
    bool good = result == CURLE_OK && status == 200 && client->scraped.size > 0 && !client->scraped.failed;
    client->listener.metrics(client->listener.user, good ? (const char *)client->scraped.data : NULL);
}

/* Takes finished transfers back. True if there were any. */
static bool reap(load_client *client) {
    int left = 0;
    bool any = false;
    for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &left)) != NULL; any = true) {
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result;
        load_slot *slot = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&slot);
        curl_multi_remove_handle(client->multi, easy);
        if (slot == NULL) {
            scrape_done(client, result);
        } else if (!load_request_next(slot, result)) {
            tell(client, slot);
            release(client, slot);
        } else if (slot->due_s > 0) {
            ask_later(client, slot);
        } else {
            add_transfer(client, slot);
        }
    }
    return any;
}

/* ---- time ---- */

static void arm(load_client *client, double until_s) {
    double due_s = fmin(until_s, client->curl_due_s);
    if (client->asking != NULL) due_s = fmin(due_s, client->asking->due_s);
    if (due_s == client->armed_s) return;
    client->armed_s = due_s;
    double whole_s = floor(due_s);
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)whole_s, .tv_nsec = (long)(1e9 * (due_s - whole_s))}};
    timerfd_settime(client->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void handle(load_client *client, const struct epoll_event *event) {
    uint64_t expirations;
    if (event->data.fd == client->timer) {
        if (read(client->timer, &expirations, sizeof expirations) > 0) client->armed_s = -1;
        return;
    }
    int what = (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) | (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
               (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
    act(client, event->data.fd, what);
}

int load_client_turn(load_client *client, double until_s) {
    struct epoll_event events[EVENTS];
    act_when_due(client);
    if (reap(client)) until_s = ev_clock_s(); /* the caller may have something to begin now */
    arm(client, until_s);
    int count = epoll_wait(client->epoll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) handle(client, &events[i]);
    act_when_due(client);
    ask_when_due(client);
    reap(client);
    begin_waiting(client);
    if (client->broken != NULL) return load_fail(LOAD_EXIT_FAILURE, "%s: give fewer --connections", client->broken);
    return LOAD_EXIT_OK;
}

size_t load_client_pending(const load_client *client) { return client->pending; }

void load_client_listen(load_client *client, load_listener listener) { client->listener = listener; }

/* ---- the service's metrics ---- */

static size_t on_metrics(char *bytes, size_t one, size_t size, void *user) {
    load_client *client = user;
    (void)one;
    ev_buf_append(&client->scraped, bytes, size);
    return client->scraped.size > (16u << 20) ? 0 : size; /* 0 ends the transfer */
}

static bool open_scraper(load_client *client) {
    CURL *easy = client->scraper = curl_easy_init();
    if (easy == NULL) return false;
    curl_easy_setopt(easy, CURLOPT_URL, client->target.values->metrics);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->target.get_headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)SCRAPE_TIMEOUT_S);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_metrics);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
    return true;
}

void load_client_scrape(load_client *client) {
    if (client->scraper == NULL || client->scraping) return;
    client->scraped.size = 0;
    client->scraped.failed = false;
    client->scraping = true;
    CURLMcode code = curl_multi_add_handle(client->multi, client->scraper);
    if (code != CURLM_OK) client->broken = curl_multi_strerror(code);
}

bool load_client_scraping(const load_client *client) { return client->scraping; }

/* ---- open and close ---- */

/* As many connections as files may be open; each may leave an idle one behind for another source address. */
static size_t connections_allowed(int32_t asked) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return (size_t)asked;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    size_t room = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > (1u << 20) ? 1u << 20 : (size_t)limit.rlim_cur;
    room = room > 128 ? (room - 64) / 2 : 32;
    return (size_t)asked < room ? (size_t)asked : room;
}

static bool add_header(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer != NULL) *list = longer;
    return longer != NULL;
}

static bool make_headers(load_target *target) {
    const load_values *v = target->values;
    struct curl_slist **post = &target->post_headers, **get = &target->get_headers;
    char bearer[1024];
    bool good = add_header(post, "Content-Type: application/json") && add_header(post, "Expect:");
    if (v->key != NULL) {
        snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", v->key);
        good = good && add_header(post, bearer) && add_header(get, bearer);
    }
    if (v->header != NULL) good = good && add_header(post, v->header) && add_header(get, v->header);
    return good;
}

static bool open_all(load_client *client) {
    struct epoll_event event = {.events = EPOLLIN};
    client->multi = curl_multi_init();
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    client->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    client->slots = calloc(client->slots_max, sizeof(load_slot *));
    event.data.fd = client->timer;
    if (client->multi == NULL || client->slots == NULL || client->epoll < 0 || client->timer < 0 ||
        epoll_ctl(client->epoll, EPOLL_CTL_ADD, client->timer, &event) != 0 || !make_headers(&client->target)) {
        return false;
    }
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->slots_max);
    return client->target.values->metrics == NULL || open_scraper(client);
}

int load_client_open(load_client **out, const load_run *run) {
    const load_values *v = run->values;
    load_client *client = *out = calloc(1, sizeof *client);
    if (client == NULL) return load_fail(LOAD_EXIT_FAILURE, "out of memory: free some and try again");
    client->epoll = client->timer = -1;
    client->curl_due_s = INFINITY;
    client->armed_s = -1;
    client->target = (load_target){.values = v, .mix = &run->mix, .url = run->url};
    client->target.speech = strcmp(v->api, "speech") == 0;
    int code = load_addresses_parse(&client->target.source_first, &client->target.source_count, v->source_addresses);
    if (code != LOAD_EXIT_OK) return code;
    client->slots_max = connections_allowed(v->connections);
    if (client->slots_max < (size_t)v->connections && !v->quiet) {
        load_note("%zu connections are all that the limit on open files allows: raise it with ulimit -n",
                  client->slots_max);
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return open_all(client)
               ? LOAD_EXIT_OK
               : load_fail(LOAD_EXIT_FAILURE, "the client cannot start: raise ulimit -n, or free memory");
}

void load_client_close(load_client *client) {
    if (client == NULL) return;
    for (size_t i = 0; i < client->slots_open; i++) {
        curl_multi_remove_handle(client->multi, client->slots[i]->easy);
        load_slot_close(client->slots[i]);
        free(client->slots[i]);
    }
    if (client->scraper != NULL) curl_multi_remove_handle(client->multi, client->scraper);
    curl_easy_cleanup(client->scraper);
    curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->target.post_headers);
    curl_slist_free_all(client->target.get_headers);
    ev_buf_free(&client->scraped);
    free(client->slots);
    free(client->queue);
    if (client->epoll >= 0) close(client->epoll);
    if (client->timer >= 0) close(client->timer);
    free(client);
}
