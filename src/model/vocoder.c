/* vocoder: see vocoder.h. Where chunks lie on a batch's axis, and which family runs them. */
#include "model/vocoder.h"

#include <assert.h>

typedef struct layout { /* where a chunk lies on the batch's axis */
    size_t first, count;
} layout;

static layout chunk_layout(const ev_vocoder *v, const ev_chunk *c) {
    assert(c->begin < c->end && c->end <= c->frames);
    const size_t first = c->begin > v->halo ? c->begin - v->halo : 0;
    const size_t end = c->end + v->halo < c->frames ? c->end + v->halo : c->frames;
    return (layout){first, end - first};
}

size_t ev_vocoder_bins(const ev_vocoder *v) {
    return v->config.family == EV_VOCODER_ISTFT ? (size_t)v->spectral.stft.bins : 0;
}

size_t ev_vocoder_chunk_rows(const ev_vocoder *v, const ev_chunk *chunk) {
    return chunk_layout(v, chunk).count + v->gap;
}

size_t ev_vocoder_bytes(const ev_vocoder *v, size_t rows, size_t chunks, int threads) {
    if (v->config.family == EV_VOCODER_ISTFT) return ev_spectral_bytes(v, rows, chunks, threads);
    return ev_hifigan_bytes(v, rows, chunks, threads);
}

static ev_axis place_chunks(const ev_vocoder *v, ev_queue *q, const ev_chunk *chunks, size_t n, size_t **first) {
    assert(n > 0 && v->gap > 0);
    ev_span *spans = ev_queue_host(q, n * sizeof *spans);
    *first = ev_queue_host(q, n * sizeof **first);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const layout l = chunk_layout(v, &chunks[i]);
        spans[i] = (ev_span){at, l.count};
        (*first)[i] = l.first;
        at += l.count + v->gap;
    }
    return (ev_axis){spans, n, at - v->gap, v->gap};
}

ev_status ev_vocoder_run(const ev_vocoder *v, ev_queue *q, const ev_chunk *chunks, size_t n, ev_error *err) {
    if (!n) return EV_OK;
    const size_t mark = ev_queue_mark(q);
    size_t *first;
    const ev_axis a = place_chunks(v, q, chunks, n, &first);
    if (v->config.family == EV_VOCODER_ISTFT)
        ev_spectral_run(v, q, &a, chunks, first);
    else
        ev_hifigan_run(v, q, &a, chunks, first);
    const ev_status s = ev_queue_wait(q, err);
    ev_queue_release(q, mark);
    return s;
}

ev_status ev_vocoder_load(ev_vocoder *out, const ev_container *c, const ev_vocoder_config *config, ev_error *err) {
    *out = (ev_vocoder){.config = *config};
    const bool spectral = config->family == EV_VOCODER_ISTFT;
    const ev_status s = spectral ? ev_spectral_load(out, c, err) : ev_hifigan_load(out, c, err);
    if (s != EV_OK) ev_vocoder_free(out);
    return s;
}

void ev_vocoder_free(ev_vocoder *v) {
    if (v->config.family == EV_VOCODER_ISTFT)
        ev_spectral_free(&v->spectral);
    else
        ev_hifigan_free(&v->hifigan);
    *v = (ev_vocoder){0};
}

void ev_vocoder_upload(const ev_vocoder *v, ev_queue *q) {
    if (v->config.family == EV_VOCODER_ISTFT)
        ev_spectral_upload(v, q);
    else
        ev_hifigan_upload(v, q);
}
