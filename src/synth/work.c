/* work: how much work memory a round takes. The networks say what they take; here is what lies in the arena at once.
 * ev_synth_work tells callers the same as a few numbers per token, frame and row.
 */
#include "synth/synth.h"

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

/* The frames come when the encoder's own buffers are gone already. */
static size_t decode_bytes(const ev_synth *s, size_t tokens, size_t sentences, size_t frames) {
    const ev_acoustic *m = &s->model->acoustic;
    const int threads = s->options.threads;
    const size_t kept = ev_acoustic_encoded_bytes(m, tokens, sentences);
    return EV_ROUND_BYTES + larger(ev_acoustic_encode_bytes(m, tokens, sentences, threads),
                                   kept + ev_acoustic_decode_bytes(m, frames, sentences, threads));
}

static size_t vocode_bytes(const ev_synth *s, size_t rows) {
    return EV_ROUND_BYTES + ev_vocoder_bytes(&s->model->vocoder, rows, EV_ROUND_CHUNKS,
                                             s->options.threads);
}

static size_t batch_bytes(const ev_synth *s) {
    /* one sentence may hold more tokens than a round gathers */
    return larger(decode_bytes(s, EV_ROUND_TOKENS + 64, EV_ROUND_SENTENCES, s->round_frames),
                  vocode_bytes(s, s->round_rows));
}

size_t ev_synth_arena_bytes(const ev_synth *s) {
    return larger(batch_bytes(s), ev_speaker_bytes(&s->model->speaker, 3001)) + 65536;
}

/* The sums are straight lines, but for attention, which rounds its rows up to 16: so slopes are taken over 16, and
 * what stays is taken where rounding costs most, at one row. Decoding takes at least what encoding does of as many
 * rows, so that with frames no fewer than tokens there is no other maximum. */
void ev_synth_work(const ev_synth *s, ev_work *work) {
    enum { STEP = 16 };
    const ev_acoustic *m = &s->model->acoustic;
    const int threads = s->options.threads;
    const size_t none = ev_acoustic_encoded_bytes(m, 0, 0), one = ev_acoustic_decode_bytes(m, 1, 0, threads);
    const size_t frame = (ev_acoustic_decode_bytes(m, 1 + STEP, 0, threads) - one) / STEP;
    const size_t sentence = (ev_acoustic_decode_bytes(m, 1, STEP, threads) - one) / STEP;
    const size_t gap = s->model->vocoder.gap, row = (vocode_bytes(s, gap + STEP) - vocode_bytes(s, gap)) / STEP;
    *work = (ev_work){.bytes = s->arena.capacity,
                      .batch_bytes = batch_bytes(s),
                      .decode_bytes = EV_ROUND_BYTES + none + one - frame,
                      .sentence_bytes = sentence + (ev_acoustic_encoded_bytes(m, 0, STEP) - none) / STEP,
                      .token_bytes = (ev_acoustic_encoded_bytes(m, STEP, 0) - none) / STEP,
                      .frame_bytes = frame,
                      .frames_max = s->round_frames,
                      .vocode_bytes = vocode_bytes(s, gap) - gap * row,
                      .row_bytes = row,
                      .slice_rows = 2 * s->model->vocoder.halo + gap,
                      .rows_max = s->round_rows};
}
