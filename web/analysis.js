/* analysis: speech to what the picture shows, column by column, while it arrives: 80 mel bands in dB, the waveform's
 * extremes, and the pitch. One FFT of 64 ms every 16 ms gives the mel bands; a second one, of its power spectrum, is
 * the autocorrelation, whose peak is the pitch. Columns are bounded: when there are too many, neighbours are merged
 * and each stands for twice the time.
 */

export const BANDS = 80;
const COLUMNS_MAX = 4096;
const PITCH_MIN = 70, PITCH_MAX = 450; /* Hz, what voices do */

export const toMel = (hz) => 2595 * Math.log10(1 + hz / 700);
const toHz = (mel) => 700 * (10 ** (mel / 2595) - 1);

/* In-place radix-2 FFT of `size` complex values; the tables are made once. */
export class Fft {
    constructor(size) {
        this.size = size;
        this.cos = Float32Array.from({length: size / 2}, (_, i) => Math.cos(2 * Math.PI * i / size));
        this.sin = Float32Array.from({length: size / 2}, (_, i) => Math.sin(2 * Math.PI * i / size));
        this.order = new Uint32Array(size);
        for (let i = 1, bits = Math.log2(size); i < size; i++)
            this.order[i] = (this.order[i >> 1] >> 1) | ((i & 1) << (bits - 1));
    }

    run(re, im) {
        for (let i = 0; i < this.size; i++) {
            const j = this.order[i];
            if (j > i) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
        }
        for (let half = 1, step = this.size / 2; half < this.size; half *= 2, step /= 2)
            for (let group = 0; group < this.size; group += 2 * half)
                for (let k = 0; k < half; k++) this.butterfly(re, im, group + k, half, k * step);
    }

    butterfly(re, im, a, half, turn) {
        const b = a + half, c = this.cos[turn], s = this.sin[turn];
        const x = re[b] * c + im[b] * s, y = im[b] * c - re[b] * s;
        re[b] = re[a] - x, im[b] = im[a] - y;
        re[a] += x, im[a] += y;
    }
}

/* Triangles on the mel axis: for each band the first bin and its weights. */
function filters(size, rate) {
    const top = toMel(rate / 2), width = top / (BANDS + 1), bank = [];
    for (let b = 0; b < BANDS; b++) {
        const first = Math.floor(toHz(b * width) * size / rate), last = Math.ceil(toHz((b + 2) * width) * size / rate);
        const weights = [];
        for (let k = first; k <= last; k++)
            weights.push(Math.max(0, 1 - Math.abs(toMel(k * rate / size) / width - b - 1)));
        bank.push({first, weights, sum: weights.reduce((x, y) => x + y, 1e-6)});
    }
    return bank;
}

export class Analysis {
    constructor(rate) {
        this.rate = rate;
        this.hop = Math.round(rate * 0.016);
        this.size = 2 ** Math.round(Math.log2(rate * 0.064));
        this.fft = new Fft(this.size);
        this.window = Float32Array.from({length: this.size},
            (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / this.size));
        this.bank = filters(this.size, rate);
        this.re = new Float32Array(this.size), this.im = new Float32Array(this.size);
        this.windowCorrelation = this.correlationOfWindow();
        this.samples = new Float32Array(this.size); /* the last `size` samples, zeros before the first */
        this.fresh = 0;                             /* samples since the last column */
        this.count = 0;                             /* columns */
        this.merge = 1;                             /* hops that one column stands for */
        this.pending = 0;                           /* hops gathered into the column in work */
        this.mel = new Float32Array(COLUMNS_MAX * BANDS); /* dB */
        this.low = new Float32Array(COLUMNS_MAX), this.high = new Float32Array(COLUMNS_MAX);
        this.pitch = new Float32Array(COLUMNS_MAX); /* Hz, 0: none */
        this.loudest = -40;                         /* dB, of all bands so far */
        this.peak = 0.05;
    }

    get secondsPerColumn() {
        return this.hop * this.merge / this.rate;
    }

    push(int16) {
        for (let done = 0; done < int16.length;) {
            const n = Math.min(this.hop - this.fresh, int16.length - done);
            this.samples.copyWithin(0, n);
            for (let i = 0; i < n; i++) this.samples[this.size - n + i] = int16[done + i] / 32768;
            done += n;
            this.fresh += n;
            if (this.fresh === this.hop) this.column();
        }
    }

    column() {
        this.fresh = 0;
        if (this.count === COLUMNS_MAX) this.halve();
        const at = this.count, start = this.pending === 0;
        this.extremes(at, start);
        const power = this.powerSpectrum();
        this.bands(power, at, start);
        const hz = this.findPitch();
        if (start || hz) this.pitch[at] = hz;
        if (++this.pending === this.merge) this.pending = 0, this.count++;
    }

    extremes(at, start) {
        let low = start ? 0 : this.low[at], high = start ? 0 : this.high[at];
        for (let i = this.size - this.hop; i < this.size; i++) {
            low = Math.min(low, this.samples[i]);
            high = Math.max(high, this.samples[i]);
        }
        this.low[at] = low, this.high[at] = high;
        this.peak = Math.max(this.peak, high, -low);
    }

    powerSpectrum() {
        const {re, im, size} = this;
        for (let i = 0; i < size; i++) re[i] = this.samples[i] * this.window[i], im[i] = 0;
        this.fft.run(re, im);
        for (let k = 0; k < size; k++) re[k] = re[k] * re[k] + im[k] * im[k], im[k] = 0;
        return re;
    }

    bands(power, at, start) {
        for (let b = 0; b < BANDS; b++) {
            const {first, weights, sum} = this.bank[b];
            let energy = 0;
            for (let k = 0; k < weights.length; k++) energy += weights[k] * power[first + k];
            const db = 10 * Math.log10(energy / sum / this.size + 1e-9), i = at * BANDS + b;
            this.mel[i] = start ? db : Math.max(db, this.mel[i]);
            this.loudest = Math.max(this.loudest, db);
        }
    }

    /* The autocorrelation (the FFT of the power spectrum) over the window's own; its peak is the period. */
    findPitch() {
        const r = this.re;
        this.fft.run(r, this.im);
        if (r[0] < 1e-4 * this.size * this.size) return 0; /* silence: below -40 dB or so */
        const shortest = Math.floor(this.rate / PITCH_MAX), longest = Math.ceil(this.rate / PITCH_MIN);
        let best = 0, lag = 0;
        for (let i = shortest; i <= longest; i++) {
            const value = r[i] / this.windowCorrelation[i] * (1 - 0.1 * i / longest); /* the shorter of two equals */
            if (value > best && r[i] >= r[i - 1] && r[i] >= r[i + 1]) best = value, lag = i;
        }
        return best / r[0] * this.windowCorrelation[0] > 0.5 ? this.rate / lag : 0;
    }

    correlationOfWindow() {
        this.samples = new Float32Array(this.size).fill(1);
        this.powerSpectrum();
        this.fft.run(this.re, this.im);
        return this.re.slice();
    }

    halve() {
        this.count /= 2;
        this.merge *= 2;
        for (let c = 0; c < this.count; c++) {
            for (let b = 0; b < BANDS; b++)
                this.mel[c * BANDS + b] = Math.max(this.mel[2 * c * BANDS + b], this.mel[(2 * c + 1) * BANDS + b]);
            this.low[c] = Math.min(this.low[2 * c], this.low[2 * c + 1]);
            this.high[c] = Math.max(this.high[2 * c], this.high[2 * c + 1]);
            this.pitch[c] = this.pitch[2 * c] || this.pitch[2 * c + 1];
        }
    }
}
