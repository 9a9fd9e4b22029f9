/* vocoder_f0: what the families share: the phase of F0, and how sources are told of both. */
#include "model/vocoder.h"

#include <assert.h>
#include <math.h>

void ev_vocoder_phase(const ev_vocoder *v, const float *f0, size_t frames, double *phase) {
    assert(frames > 0 && v->config.sample_rate > 0);
    double at = 0;
    for (size_t i = 0; i <= frames; i++) {
        double left, right;
        ev_f0_interval(f0, frames, i, &left, &right);
        phase[i] = at;
        at += v->config.hop * (left + right) / 2 / v->config.sample_rate;
        at -= floor(at);
    }
}

ev_track *ev_vocoder_tracks(ev_queue *q, const ev_chunk *chunks, const size_t *first, size_t n) {
    ev_track *tracks = ev_queue_host(q, n * sizeof *tracks);
    for (size_t i = 0; i < n; i++) {
        const ev_chunk *c = &chunks[i];
        assert(first[i] < c->frames && c->begin < c->end);
        tracks[i] =
            (ev_track){.f0 = c->f0, .phase = c->phase, .frames = c->frames, .first = first[i], .seed = c->seed};
    }
    return tracks;
}
