/* spectrum.inc: the spectrum stage, 16 frames at a time, a frame in a lane; compiled once per instruction set by
 * cpu/kernels_*.c. ref/spectrum.inc.h defines it. */
#ifndef EV_COMPUTE_SPECTRUM_INC_H
#define EV_COMPUTE_SPECTRUM_INC_H

#include "compute/kernels.h"
#include "compute/math.h"

/* 16 frames side by side, by pointers; where there are fewer rows the last stands in, and nobody reads its copies. */
EV_INLINE void row_pointers(const float *x, size_t ld, size_t rows, const float **out) {
    for (size_t l = 0; l < 16; l++) out[l] = x + (l < rows ? l : rows - 1) * ld;
}
EV_INLINE void block_pointers(float *block, float **out) {
    for (size_t i = 0; i < 16; i++) out[i] = block + i * 16;
}

static void windowed_frames(const ev_istft_tile *t, const float *source, size_t rows, float *x) {
    const size_t fft = (size_t)t->stft->fft;
    _Alignas(64) float block[256];
    const float *from[16];
    float *to[16];
    block_pointers(block, to);
    for (size_t at = 0; at < fft; at += 16) {
        const size_t n = fft - at < 16 ? fft - at : 16;
        row_pointers(source + (n == 16 ? at : fft - 16), (size_t)t->stft->hop, rows, from);
        v_transpose(from, to);
        const float *b = block + (16 - n) * 16;
        for (size_t i = 0; i < n; i++) {
            v_store(x + (at + i) * 16, v_mul(v_load(b + i * 16), v_set(t->stft->before[at + i])));
        }
    }
}

/* One bin of 16 frames: the pulses' spectrum in `bin` becomes the frames'. part: [parts][16 bins][16 frames] at the
 * bin; burst: the bursts' spectrum, NULL if there is a free part instead */
EV_INLINE void spectrum_bin(const float *part, const uint64_t *keys, uint64_t step, const float *burst, float *bin) {
    const vf loudest = v_set(EV_LOUDEST), half = v_set(0.5f), quarter = v_set(0.25f);
    const vf size = m_exp(v_min(loudest, v_load(part))), turns = v_mul(m_tanh(v_load(part + 256)), half);
    const vf x = v_mul(size, m_sin_turns(v_add(turns, quarter))), y = v_mul(size, m_sin_turns(turns));
    const vf rough = v_mul(m_exp(v_min(loudest, v_load(part + 512))), v_set(EV_NOISE_SCALE));
    const vf other = m_exp(v_min(loudest, v_load(part + 768))), p = v_load(bin), q = v_load(bin + 16);
    vf re = v_fma(x, p, v_mul(v_sub(v_set(0.0f), y), q)), im = v_fma(x, q, v_mul(y, p));
    re = v_fma(v_hash(keys, step), rough, re);
    im = v_fma(v_hash(keys, step + EV_NOISE_STEP), rough, im);
    vf other_re, other_im;
    if (burst) {
        other_re = v_load(burst);
        other_im = v_load(burst + 16);
    } else {
        const vf angle = v_mul(v_load(part + 1024), v_set(0.159154943f));
        other_re = m_sin_turns(v_add(angle, quarter));
        other_im = m_sin_turns(angle);
    }
    v_store(bin, v_fma(other, other_re, re));
    v_store(bin + 16, v_fma(other, other_im, im));
}

static void spectra(const ev_istft_tile *t, size_t rows, const float *bursts, float *bins) {
    const size_t count = (size_t)t->stft->bins, parts = (size_t)t->stft->parts;
    _Alignas(64) float block[EV_ISTFT_PARTS_MAX * 256];
    uint64_t keys[16];
    const float *from[16];
    float *to[16];
    for (size_t l = 0; l < 16; l++) keys[l] = ev_noise_key(t->seed, 2 * (t->first + l) * count);
    for (size_t first = 0; first < count; first += 16) {
        for (size_t j = 0; j < parts; j++) {
            row_pointers(t->parts + (first * parts + j * 16), t->ld, rows, from);
            block_pointers(block + j * 256, to);
            v_transpose(from, to);
        }
        for (size_t i = 0; i < 16 && first + i < count; i++) {
            const float *burst = bursts ? bursts + (first + i) * 32 : NULL;
            spectrum_bin(block + i * 16, keys, 2 * (first + i) * EV_NOISE_STEP, burst, bins + (first + i) * 32);
        }
    }
}

/* swapped: pairs of samples, the second of each first. */
static void frames_out(const ev_istft_tile *t, size_t rows, const float *swapped) {
    const size_t fft = (size_t)t->stft->fft;
    _Alignas(64) float block[256], turned[256];
    const float *from[16];
    float *to[16];
    row_pointers(block, 16, 16, from);
    block_pointers(turned, to);
    for (size_t at = 0; at < fft; at += 16) {
        const size_t n = fft - at < 16 ? fft - at : 16;
        for (size_t i = 0; i < n; i++) {
            v_store(block + i * 16, v_mul(v_load(swapped + ((at + i) ^ 1) * 16), v_set(t->stft->after[at + i])));
        }
        v_transpose(from, to);
        for (size_t l = 0; l < rows; l++) {
            if (n == 16)
                v_store(t->y + l * fft + at, v_load(turned + l * 16));
            else
                v_store_n(t->y + l * fft + at, v_load_n(turned + l * 16, n), n);
        }
    }
}

static void istft(const ev_istft_tile *t, size_t rows) {
    const ev_fft *plan = &t->stft->plan;
    const size_t fft = (size_t)t->stft->fft;
    float *x = t->scratch, *bins = x + fft * 16, *work = bins + (fft + 2) * 16;
    float *bursts = t->bursts ? work + fft * 16 : NULL;
    if (bursts) {
        windowed_frames(t, t->bursts, rows, x);
        fft_forward(plan, x, bursts, work);
    }
    windowed_frames(t, t->pulses, rows, x);
    fft_forward(plan, x, bins, work);
    spectra(t, rows, bursts, bins);
    frames_out(t, rows, fft_inverse_swapped(plan, bins, x, work));
}

static void pulses(const ev_pulses *p, float *out, float *bursts, size_t n) {
    _Alignas(64) float turns[16], many[16];
    uint64_t keys[16];
    for (size_t i = 0; i < 16; i++) keys[i] = ev_burst_key(p, i);
    for (size_t at = 0; at < n; at += 16) {
        const size_t left = lanes_left(n, at);
        for (size_t i = 0; i < 16; i++) ev_pulse_turns(p, at + i, &turns[i], &many[i]);
        const vf s = v_mul(v_set(2.0f), m_sin_turns(v_mul(v_load(turns), v_set(0.5f))));
        const vm near = v_lt(v_abs(s), v_set(EV_PULSE_NEAR));
        const vf e = v_select(near, v_set((float)p->count), v_div(m_sin_turns(v_load(many)), s));
        store_upto(out + at, v_sub(e, v_set(0.5f)), left);
        if (!bursts) continue;
        const vf swell = v_add(v_set(1.0f), m_sin_turns(v_add(v_load(turns), v_set(0.25f))));
        const vf hash = v_mul(v_hash(keys, (uint64_t)0 - at * EV_NOISE_STEP), v_set(EV_NOISE_SCALE));
        store_upto(bursts + at, v_mul(v_mul(swell, v_set(EV_SWELL_SCALE)), hash), left);
    }
}

#define EV_KERNELS(isa, conv8_fn)                                                                                    \
    {                                                                                                                \
        .name = isa, .conv = conv, .conv8 = conv8_fn, .conv_single_output = conv_single_output,                      \
        .depthwise = depthwise, .layer_norm = layer_norm, .softmax = softmax, .upsample = upsample, .axpby = axpby,  \
        .fft_forward = fft_forward, .fft_inverse = fft_inverse, .istft = istft, .pulses = pulses                     \
    }

#endif
