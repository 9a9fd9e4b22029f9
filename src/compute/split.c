/* split: spreads the rows of an operation over the pool.
 *
 * The useful rows of all spans count as one sequence; a task takes an equal piece of it, whatever the spans' lengths,
 * and walks the spans that the piece touches, so a batch of any mix of lengths is balanced. Where rows are too few,
 * or weights too large to be read by every thread, each row is split into parts (groups of output channels) as well.
 * No element's value depends on the split: that is the kernels' promise (compute.h, Order). */
#undef NDEBUG /* cheap asserts stay on in release */
#include <assert.h>

#include "compute/kernels.h"

/* A task should outweigh the cost of handing it over (about a microsecond) by far: this many multiply-adds take 5 to
 * 10 microseconds. More tasks than threads, so that a thread that lost its core for a while does not hold up the
 * rest. */
static const double TASK_COST_MIN = 250e3;
enum { TASKS_PER_THREAD = 4 };

typedef struct plan {
    const ev_kernels *kernels;
    const ev_rows_job *job;
    size_t rows_total, rows_per_task;
    int parts;
} plan;

int ev_compute_threads(const ev_compute *c) { return c->pool ? ev_pool_working(c->pool) : 1; }

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

static size_t count_rows(const ev_rows_job *job) {
    size_t total = 0;
    for (size_t s = 0; s < job->span_count; s++) total += job->spans[s].count;
    return total;
}

static size_t tasks_wanted(double cost, int threads) {
    double most = (double)threads * TASKS_PER_THREAD, worth = cost / TASK_COST_MIN;
    if (threads == 1 || worth < 2) return 1;
    return (size_t)(worth < most ? worth : most);
}

/* Fills p and returns the number of tasks. */
static size_t make_plan(plan *p, const ev_rows_job *job, int threads) {
    p->job = job;
    p->rows_total = count_rows(job);
    p->parts = 1;
    if (p->rows_total == 0) return 0;
    size_t wanted = tasks_wanted((double)p->rows_total * job->row_cost, threads);
    size_t rows = (p->rows_total + wanted - 1) / wanted;
    if (rows < job->rows_min) rows = job->rows_min;
    if (job->rows_max && rows > job->rows_max) rows = job->rows_max;
    size_t pieces = (p->rows_total + rows - 1) / rows;
    p->rows_per_task = (p->rows_total + pieces - 1) / pieces;
    if (pieces < wanted) p->parts = (int)min_size((size_t)job->parts_max, (wanted + pieces - 1) / pieces);
    assert(p->rows_per_task >= 1 && p->parts >= 1 && p->parts <= job->parts_max);
    return pieces * (size_t)p->parts;
}

static void run_piece(void *arg, size_t i) {
    const plan *p = arg;
    const ev_rows_job *job = p->job;
    int part = (int)(i % (size_t)p->parts);
    size_t skip = i / (size_t)p->parts * p->rows_per_task;
    if (skip >= p->rows_total) return; /* rounding up may leave the last piece empty */
    size_t left = min_size(p->rows_per_task, p->rows_total - skip);
    for (size_t s = 0; left > 0; s++) {
        assert(s < job->span_count);
        size_t count = job->spans[s].count;
        if (skip >= count) {
            skip -= count;
            continue;
        }
        size_t rows = min_size(left, count - skip);
        ev_piece piece = {.span = s, .first = skip, .rows = rows, .part = part, .parts = p->parts};
        job->fn(p->kernels, job->args, &piece);
        left -= rows;
        skip = 0;
    }
}

void ev_run_rows(const ev_compute *c, const ev_rows_job *job) {
    assert(job->parts_max >= 1 && job->row_cost >= 0 && (job->spans || job->span_count == 0));
    plan p = {.kernels = c->kernels};
    size_t n = make_plan(&p, job, ev_compute_threads(c));
    if (c->pool && n > 1)
        ev_pool_run(c->pool, n, run_piece, &p);
    else
        for (size_t i = 0; i < n; i++) run_piece(&p, i);
}
