/* stop: nothing is admitted any more, what is under way ends, the parts go. */
#include <stdlib.h>
#include <unistd.h>

#include "server/config/supervisor.h"
#include "server/series/series.h"
#include "server/sockets/websocket.h"
#include "server/sockets/wyoming.h"
#include "server/serve_inner.h"

enum { PROBED_S = 60 };   /* a prober of /readyz within this time asks again */
#define HANDED_OVER_S 0.5 /* a request on an open connection within this is told to open another one */

static bool is_written(const sv_server *s) {
    return (!s->durable || sv_durable_idle(s->durable)) && (!s->worker || sv_worker_idle(s->worker));
}

void sv_server_drain(sv_server *s, bool at_once) {
    const double start = ev_clock_s(), probed = atomic_load(&s->probed);
    const bool watched = probed > 0 && start - probed < PROBED_S;
    const bool handed_over = sv_supervisor_socket(SV_KEY_listen) >= 0;
    const double delay = watched ? s->config.drain_delay : handed_over ? HANDED_OVER_S : 0;
    sv_supervisor_notify("STOPPING=1\nSTATUS=finishing what was accepted\nEXTEND_TIMEOUT_USEC=%.0f",
                         1e6 * (delay + s->config.drain_timeout + 15));
    atomic_store(&s->leaving, true);
    sv_http_hand_over(s);
    while (!at_once && ev_clock_s() < start + delay) usleep(20000);
    atomic_store(&s->draining, true);
    if (s->durable) sv_durable_pause(s->durable);
    if (s->worker) sv_worker_pause(s->worker);
    const double until = ev_clock_s() + s->config.drain_timeout;
    while (ev_clock_s() < until && (!sv_backend_idle(s->backend) || !is_written(s) ||
                                    atomic_load(&s->in_flight) > 0 || !sv_webhooks_idle(s->webhooks))) {
        usleep(20000);
    }
    sv_http_leave(s);
}

void sv_server_stop(sv_server **server) {
    sv_server *s = *server;
    *server = NULL;
    if (!s) return;
    atomic_store(&s->draining, true);
    atomic_store(&s->stopping, true);
    if (s->ticking) pthread_join(s->ticker, NULL);
    sv_series_stop(s);
    /* Ends all jobs, uploads and tasks, which wakes every suspended request: the library must find none when it
     * stops. They are freed behind HTTP, whose last requests may still speak of them. */
    if (s->durable) sv_durable_pause(s->durable);
    if (s->worker) sv_worker_pause(s->worker);
    sv_backend_stop(s->backend);
    if (s->worker) sv_worker_stop(s->worker);
    if (s->uploads) sv_uploads_stop(s->uploads);
    if (s->executor) sv_executor_stop(s->executor);
    if (s->durable) sv_durable_stop(s->durable);
    sv_websockets_stop(s);
    sv_http_stop(s);
    sv_wyoming_free(&s->wyoming);
    sv_executor_free(&s->executor);
    sv_durable_free(&s->durable);
    sv_series_table_free(&s->series);
    sv_webhooks_free(&s->webhooks);
    sv_backend_close(&s->backend);
    sv_worker_free(&s->worker);
    sv_model_unref(s->models, &s->sharing);
    sv_settings_unref(&s->settings); /* and its models with them */
    sv_models_free(&s->models);
    sv_stores_close(&s->stores);
    sv_jobs_free(&s->jobs);
    sv_uploads_free(&s->uploads);
    sv_decoder_free(&s->decoder);
    sv_lexicon_unref(&s->lexicon);
    sv_keyring_free(&s->keys);
    sv_limiter_free(&s->limiter);
    sv_limiter_free(&s->key_limiter);
    sv_ledger_free(&s->ledger);
    sv_device_free(&s->device);
    sv_tracer_free(&s->tracer);
    sv_metrics_free(&s->metrics);
    sv_config_free(&s->config);
    ev_map_free(&s->callers);
    ev_mutex_destroy(&s->lock);
    free(s);
}
