/* acoustic: see acoustic.h. Which family does it. */
#include "model/acoustic.h"

static bool is_convnext(const ev_acoustic *m) { return m->config.family == EV_ACOUSTIC_CONVNEXT; }

ev_status ev_acoustic_load(ev_acoustic *out, const ev_container *c, const ev_acoustic_config *config,
                           size_t positions_max, ev_error *err) {
    *out = (ev_acoustic){.config = *config};
    out->config.table = NULL; /* the family has its own form of it */
    if (is_convnext(out)) return ev_convnext_load(&out->convnext, c, config, err);
    return ev_fastspeech2_load(&out->fastspeech2, c, config, positions_max, err);
}

void ev_acoustic_free(ev_acoustic *m) {
    if (is_convnext(m)) {
        ev_convnext_free(&m->convnext);
    } else {
        ev_fastspeech2_free(&m->fastspeech2);
    }
    *m = (ev_acoustic){0};
}

size_t ev_acoustic_rows(const ev_acoustic *m, const int32_t *tokens, const int32_t *forced, size_t n) {
    return is_convnext(m) ? ev_convnext_rows(&m->convnext, tokens, forced, n) : n;
}

size_t ev_acoustic_rows_max(const ev_acoustic *m, size_t n) {
    return is_convnext(m) ? n * (size_t)m->convnext.symbols_max : n;
}

size_t ev_acoustic_encode_bytes(const ev_acoustic *m, size_t rows, size_t utterances, int threads) {
    return is_convnext(m) ? ev_convnext_encode_bytes(&m->convnext, rows, utterances, threads)
                          : ev_fastspeech2_encode_bytes(&m->fastspeech2, rows, utterances, threads);
}

size_t ev_acoustic_encoded_bytes(const ev_acoustic *m, size_t rows, size_t utterances) {
    return is_convnext(m) ? ev_convnext_encoded_bytes(&m->convnext, rows, utterances)
                          : ev_fastspeech2_encoded_bytes(&m->fastspeech2, rows, utterances);
}

size_t ev_acoustic_decode_bytes(const ev_acoustic *m, size_t frames, size_t utterances, int threads) {
    return is_convnext(m) ? ev_convnext_decode_bytes(&m->convnext, frames, utterances)
                          : ev_fastspeech2_decode_bytes(&m->fastspeech2, frames, utterances, threads);
}

void ev_acoustic_encode(const ev_acoustic *m, const ev_compute *compute, ev_arena *arena, ev_utterance *const *u,
                        size_t n, ev_encoded *out) {
    if (is_convnext(m)) {
        ev_convnext_encode(&m->convnext, compute, arena, u, n, &out->convnext);
    } else {
        ev_fastspeech2_encode(&m->fastspeech2, compute, arena, u, n, &out->fastspeech2);
    }
}

void ev_acoustic_decode(const ev_acoustic *m, const ev_compute *compute, ev_arena *arena, const ev_encoded *encoded,
                        ev_utterance *const *u, size_t n) {
    if (is_convnext(m)) {
        ev_convnext_decode(&m->convnext, compute, arena, &encoded->convnext, u, n);
    } else {
        ev_fastspeech2_decode(&m->fastspeech2, compute, arena, &encoded->fastspeech2, u, n);
    }
}
