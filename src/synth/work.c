/* work: how much work memory a round takes. The networks say what they take; here is what lies in the arena at once.
 * ev_synth_work tells callers the same as a few numbers per token, frame and row.
 */
#include <assert.h>

#include "synth/synth.h"

void ev_synth_options_init(ev_synth_options *options) {
    *options = (ev_synth_options){.batch_max = 16, .sentence_ms_max = 30000};
}

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
    return EV_ROUND_BYTES + ev_vocoder_bytes(&s->model->vocoder, rows, EV_ROUND_CHUNKS, s->options.threads);
}

static size_t batch_bytes(const ev_synth *s) {
    /* one sentence may hold more rows than a round gathers */
    const size_t sentence = ev_acoustic_rows_max(&s->model->acoustic, EV_SENTENCE_TOKENS_MAX);
    return larger(decode_bytes(s, larger(EV_ROUND_TOKENS, sentence) + 64, EV_ROUND_SENTENCES, s->round_frames),
                  vocode_bytes(s, s->round_rows));
}

size_t ev_synth_work_bytes(const ev_synth *s) {
    const bool embeds = s->model->config.speaker.embedding > 0;
    return larger(batch_bytes(s), embeds ? ev_speaker_bytes(&s->model->speaker, 3001) : 0) + 65536;
}

typedef struct line {
    size_t start, row, sentence;
} line; /* bytes besides rows and sentences, and of each */

/* The sums are straight lines, but for attention, which rounds its rows up to 16: so slopes are taken over 16, and
 * what stays is taken where rounding costs most, at one row. */
enum { STEP = 16 };

/* Of the encoder on top of what it keeps. */
static line encoder_line(const ev_acoustic *m, int threads) {
    size_t bytes[3];
    for (int i = 0; i < 3; i++) {
        const size_t rows = i == 1 ? 1 + STEP : 1, sentences = i == 2 ? STEP : 0;
        bytes[i] =
            ev_acoustic_encode_bytes(m, rows, sentences, threads) - ev_acoustic_encoded_bytes(m, rows, sentences);
    }
    assert(bytes[0] <= bytes[1] && bytes[0] <= bytes[2]);
    const size_t row = (bytes[1] - bytes[0]) / STEP;
    assert(row <= bytes[0]);
    return (line){bytes[0] - row, row, (bytes[2] - bytes[0]) / STEP};
}

static line decoder_line(const ev_acoustic *m, int threads) {
    const size_t one = ev_acoustic_decode_bytes(m, 1, 0, threads);
    const size_t row = (ev_acoustic_decode_bytes(m, 1 + STEP, 0, threads) - one) / STEP;
    assert(row <= one);
    return (line){one - row, row, (ev_acoustic_decode_bytes(m, 1, STEP, threads) - one) / STEP};
}

void ev_synth_work(const ev_synth *s, ev_work *work) {
    const ev_acoustic *m = &s->model->acoustic;
    const ev_vocoder_config *v = &s->model->config.vocoder;
    const line encoder = encoder_line(m, s->options.threads), decoder = decoder_line(m, s->options.threads);
    const size_t none = ev_acoustic_encoded_bytes(m, 0, 0);
    const size_t gap = s->model->vocoder.gap, row = (vocode_bytes(s, gap + STEP) - vocode_bytes(s, gap)) / STEP;
    *work = (ev_work){.bytes = s->queue->arena.capacity,
                      .batch_bytes = batch_bytes(s),
                      .decode_bytes = EV_ROUND_BYTES + none + larger(encoder.start, decoder.start),
                      .sentence_bytes = larger(encoder.sentence, decoder.sentence) +
                                        (ev_acoustic_encoded_bytes(m, 0, STEP) - none) / STEP,
                      .token_bytes = (ev_acoustic_encoded_bytes(m, STEP, 0) - none) / STEP,
                      .encode_bytes = encoder.row,
                      .frame_bytes = decoder.row,
                      .frames_max = s->round_frames,
                      .vocode_bytes = vocode_bytes(s, gap) - gap * row,
                      .row_bytes = row,
                      .slice_rows = 2 * s->model->vocoder.halo + gap,
                      .rows_max = s->round_rows,
                      .frames_per_second = (double)v->sample_rate / v->hop,
                      .chunk_frames = s->chunk_frames,
                      .first_frames = ev_frames_of_ms(s->model, EV_STREAM_FIRST_MS)};
}
