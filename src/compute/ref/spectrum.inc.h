/* spectrum.inc: the spectrum stage in plain C, a part of ref.c; see spectrum.h for what it computes.
 * cpu/spectrum.inc.h does the same 16 frames at a time. */
#ifndef EV_COMPUTE_REF_SPECTRUM_INC_H
#define EV_COMPUTE_REF_SPECTRUM_INC_H

/* (re, im) of the pulses' spectrum in one bin to that of the frame; burst: that of the bursts, or NULL. */
static void spectrum_bin(const float *part, const float noise[2], const float *burst, float *re, float *im) {
    const float size = m_exp(v_min(EV_LOUDEST, part[0])), turns = m_tanh(part[1]) * 0.5f;
    const float x = size * m_sin_turns(turns + 0.25f), y = size * m_sin_turns(turns), p = *re, q = *im;
    const float rough = m_exp(v_min(EV_LOUDEST, part[2])) * EV_NOISE_SCALE;
    const float other = m_exp(v_min(EV_LOUDEST, part[3])), angle = burst ? 0.0f : part[4] * 0.159154943f;
    *re = fmaf(x, p, (0.0f - y) * q);
    *im = fmaf(x, q, y * p);
    *re = fmaf(noise[0], rough, *re);
    *im = fmaf(noise[1], rough, *im);
    *re = fmaf(other, burst ? burst[0] : m_sin_turns(angle + 0.25f), *re);
    *im = fmaf(other, burst ? burst[EV_FFT_LANES] : m_sin_turns(angle), *im);
}

static void windowed_transform(const ev_istft *k, const float *source, size_t rows, float *x, float *bins,
                               float *work) {
    const size_t lanes = EV_FFT_LANES;
    for (size_t i = 0; i < (size_t)k->fft; i++)
        for (size_t l = 0; l < lanes; l++)
            x[i * lanes + l] = l < rows ? source[l * (size_t)k->hop + i] * k->before[i] : 0.0f;
    fft_forward(&k->plan, x, bins, work);
}

static void istft(const ev_istft_tile *t, size_t rows) {
    const ev_istft *k = t->stft;
    const size_t fft = (size_t)k->fft, lanes = EV_FFT_LANES;
    float *x = t->scratch, *bins = x + fft * lanes, *work = bins + (fft + 2) * lanes;
    float *bursts = t->bursts ? work + fft * lanes : NULL;
    if (bursts) windowed_transform(k, t->bursts, rows, x, bursts, work);
    windowed_transform(k, t->pulses, rows, x, bins, work);
    for (size_t l = 0; l < rows; l++)
        for (int bin = 0; bin < k->bins; bin++) {
            const uint64_t key = ev_noise_key(t->seed, 2 * (t->first + l) * (uint64_t)k->bins);
            const size_t at = (size_t)bin * 2 * lanes + l;
            float part[EV_ISTFT_PARTS_MAX];
            for (int j = 0; j < k->parts; j++) part[j] = t->parts[l * t->ld + ev_istft_column(k, j, bin)];
            const float noise[2] = {v_hash(&key, 2 * (uint64_t)bin * EV_NOISE_STEP),
                                    v_hash(&key, (2 * (uint64_t)bin + 1) * EV_NOISE_STEP)};
            spectrum_bin(part, noise, bursts ? bursts + at : NULL, bins + at, bins + at + lanes);
        }
    fft_inverse(&k->plan, bins, x, work);
    for (size_t l = 0; l < rows; l++)
        for (size_t i = 0; i < fft; i++) t->y[l * fft + i] = x[i * lanes + l] * k->after[i];
}

static void pulses(const ev_pulses *p, float *out, float *bursts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float turns, many;
        ev_pulse_turns(p, i, &turns, &many);
        const float s = 2.0f * m_sin_turns(turns * 0.5f);
        out[i] = (fabsf(s) < EV_PULSE_NEAR ? (float)p->count : m_sin_turns(many) / s) - 0.5f;
        if (!bursts) continue;
        const uint64_t key = ev_burst_key(p, i);
        const float swell = 1.0f + m_sin_turns(turns + 0.25f);
        bursts[i] = swell * EV_SWELL_SCALE * (v_hash(&key, 0) * EV_NOISE_SCALE);
    }
}

#endif
