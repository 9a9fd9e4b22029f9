/* tick: what needs a clock, and the metrics that nobody else counts. */
#include <unistd.h>

#include "server/serve_inner.h"

#define MEMORY_EVERY 3.0 /* seconds between two looks at it */

/* Batches run in this machine's memory. Those of a backend that has its own take what that has free. */
static void update_free_memory(const sv_server *s) { sv_models_tend(s->models, ev_memory_available()); }

/* It ends with its file. One that ended otherwise met a file that broke it, or a system that lets it not work. */
static void count_decoder_deaths(sv_server *s, uint64_t *known) {
    const uint64_t deaths = sv_decoder_deaths(s->decoder);
    if (deaths == *known) return;
    sv_metric_add(s->metrics, SV_METRIC_DECODER_DEATHS, 0, (double)(deaths - *known));
    sv_log_line(&s->log, SV_LEVEL_WARN, NULL, "a recording ended its decoder: %llu since the start",
                (unsigned long long)deaths);
    *known = deaths;
}

static void count_durable(sv_server *s, int64_t *errors) {
    sv_journal_state state;
    if (!s->durable) return;
    sv_durable_stats(s->durable, &state);
    sv_metric_set(s->metrics, SV_METRIC_DEAD_JOBS, (double)state.dead);
    sv_metric_set(s->metrics, SV_METRIC_JOURNAL_PENDING, (double)state.pending);
    sv_metric_add(s->metrics, SV_METRIC_JOURNAL_ERRORS, 0, (double)(state.errors - *errors));
    *errors = state.errors;
    sv_metric_set(s->metrics, SV_METRIC_STORE_BYTES, (double)state.result_bytes);
}

void *sv_tick(void *server) {
    sv_server *s = server;
    uint64_t deaths = 0;
    int64_t errors = 0;
    double next_second = 0, next_memory = 0;
    while (!atomic_load(&s->stopping)) {
        const double now = ev_clock_s();
        sv_http_detect_disconnects(s);
        atomic_store(&s->ticked, now);
        if (now >= next_second) {
            sv_metrics_tick(s->metrics, now);
            count_decoder_deaths(s, &deaths);
            sv_jobs_sweep(s->jobs, now);
            count_durable(s, &errors);
            sv_connections_sweep(s, now);
            next_second = now + 1;
        }
        if (now >= next_memory) {
            update_free_memory(s);
            next_memory = now + MEMORY_EVERY;
        }
        usleep(50000);
    }
    return NULL;
}
