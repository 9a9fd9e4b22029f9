/* picture: the two lanes under the text. Above, the waveform with the pitch drawn over it; below, the mel spectrogram,
 * like a print on paper: the louder, the more ink. Both share one time axis, which is as long as the speech or, while
 * that still arrives, a little longer and growing. Colours come from the style sheet, so themes need no code here.
 */
import {Analysis, BANDS, toMel} from "./analysis.js";

const SPAN_MIN = 4;    /* seconds on the axis while the first ones arrive */
const RANGE_DB = 62;   /* from the loudest to paper */
export const GUTTER = 34; /* css pixels at the right, for the scales; style.css has it as --gutter */
const BAR = 3;         /* css pixels from bar to bar of the waveform */
const PITCH_LOW = 75, PITCH_HIGH = 420; /* Hz: lower and upper edge of the pitch's scale */

export class Picture {
    constructor(wave, mel) {
        this.wave = wave, this.mel = mel;
        this.image = document.createElement("canvas"); /* one pixel for each column and band */
        this.image.height = BANDS;
        this.span = SPAN_MIN;
        this.played = 0;
        this.readTheme();
        this.clear(24000);
    }

    clear(rate) {
        this.analysis = new Analysis(rate);
        this.drawn = 0; /* columns in the image */
        this.drawnMerge = 1, this.drawnLoudest = this.analysis.loudest;
        this.growing = true;
        this.span = SPAN_MIN;
        this.image.width = 256;
    }

    push(int16) {
        this.analysis.push(int16);
        while (this.growing && this.seconds > this.span * 0.96) this.span *= 1.5;
    }

    end() {
        this.growing = false;
        this.span = Math.max(this.seconds, 0.2);
    }

    get seconds() {
        return this.analysis.count * this.analysis.secondsPerColumn;
    }

    readTheme() {
        const style = getComputedStyle(this.wave), canvas = document.createElement("canvas").getContext("2d");
        const color = (name) => (canvas.fillStyle = style.getPropertyValue(name).trim(), canvas.fillStyle);
        this.colors = {played: color("--wave"), soft: color("--wave-soft"), line: color("--line"),
                       text: color("--muted"), pitch: color("--mark"), halo: color("--surface")};
        this.ramp = ramp([color("--mel-0"), color("--mel-1"), color("--mel-2"), color("--mel-3")]);
        this.font = `11px ${style.fontFamily}`;
        this.drawn = 0;
    }

    /* ---- drawing ---- */

    draw(played) {
        this.played = played;
        this.drawWave();
        this.drawMel();
    }

    surface(canvas) {
        const scale = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
        const w = Math.round(width * scale), h = Math.round(height * scale);
        if (canvas.width !== w || canvas.height !== h) canvas.width = w, canvas.height = h;
        const g = canvas.getContext("2d");
        g.setTransform(scale, 0, 0, scale, 0, 0);
        g.clearRect(0, 0, width, height);
        return {g, width: Math.max(1, width - GUTTER), height};
    }

    x(seconds, width) {
        return seconds / this.span * width;
    }

    drawWave() {
        const {g, width, height} = this.surface(this.wave), middle = height / 2;
        g.fillStyle = this.colors.line;
        g.fillRect(0, Math.round(middle) - 0.5, width, 1);
        if (!this.analysis.count) return;
        this.drawExtremes(g, width, middle, height * 0.46 / this.analysis.peak);
        this.drawPitchScale(g, width, height);
        this.drawPitch(g, width, height);
    }

    /* Bars of one width, whatever the span: each the extremes of what lies under it. */
    drawExtremes(g, width, middle, gain) {
        const a = this.analysis, perPixel = this.span / width / a.secondsPerColumn, head = this.x(this.played, width);
        for (let x = 0, end = this.x(this.seconds, width); x < end; x += BAR) {
            const from = Math.min(a.count - 1, Math.floor(x * perPixel));
            const to = Math.max(from + 1, Math.min(a.count, Math.floor((x + BAR) * perPixel)));
            let low = 0, high = 0;
            for (let c = from; c < to; c++) low = Math.min(low, a.low[c]), high = Math.max(high, a.high[c]);
            g.fillStyle = x < head ? this.colors.played : this.colors.soft;
            g.fillRect(x, middle - high * gain - 0.5, BAR - 1, (high - low) * gain + 1);
        }
    }

    pitchY(hz, height) {
        const part = Math.log(hz / PITCH_LOW) / Math.log(PITCH_HIGH / PITCH_LOW);
        return height - 5 - (height - 10) * Math.max(0, Math.min(1, part));
    }

    /* Twice the same line: a wide one in the surface's colour keeps the thin one legible over the waveform. */
    drawPitch(g, width, height) {
        const path = this.pitchPath(width, height);
        g.lineJoin = g.lineCap = "round";
        for (const [color, line] of [[this.colors.halo, 5], [this.colors.pitch, 2]]) {
            g.strokeStyle = color, g.lineWidth = line;
            g.stroke(path);
        }
    }

    pitchPath(width, height) {
        const a = this.analysis, path = new Path2D();
        let last = 0;
        for (let c = 0; c < a.count; c++) {
            const hz = smooth(a.pitch, c, a.count);
            if (!hz) { last = 0; continue; }
            const x = this.x((c + 0.5) * a.secondsPerColumn, width), y = this.pitchY(hz, height);
            if (last && Math.abs(Math.log2(hz / last)) < 0.35) path.lineTo(x, y);
            else path.moveTo(x, y);
            last = hz;
        }
        return path;
    }

    drawPitchScale(g, width, height) {
        for (const hz of [100, 200, 400]) this.tick(g, width, this.pitchY(hz, height), String(hz));
    }

    drawMel() {
        const {g, width, height} = this.surface(this.mel), bottom = height - 18, a = this.analysis;
        this.drawTimeScale(g, width, bottom);
        if (!a.count) return;
        this.updateImage();
        g.imageSmoothingEnabled = true, g.imageSmoothingQuality = "high";
        g.drawImage(this.image, 0, 0, a.count, BANDS, 0, 0, this.x(this.seconds, width), bottom);
        const top = toMel(a.rate / 2);
        for (const hz of [500, 1000, 2000, 4000, 8000].filter((f) => f < a.rate / 2 * 0.9))
            this.tick(g, width, bottom - bottom * toMel(hz) / top, hz < 1000 ? String(hz) : `${hz / 1000}k`);
    }

    tick(g, x, y, label) {
        g.fillStyle = this.colors.line;
        g.fillRect(x, Math.round(y) - 0.5, 5, 1);
        g.fillStyle = this.colors.text, g.font = this.font;
        g.textAlign = "left", g.textBaseline = "middle";
        g.fillText(label, x + 9, y);
    }

    drawTimeScale(g, width, bottom) {
        const step = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800].find((s) => this.x(s, width) > 44) || 3600;
        g.fillStyle = this.colors.line;
        g.fillRect(0, bottom, width, 1);
        g.font = this.font, g.textBaseline = "top";
        for (let t = 0; t <= this.span + 1e-6; t += step) {
            const x = this.x(t, width);
            g.fillStyle = this.colors.line;
            g.fillRect(Math.min(x, width - 1), bottom, 1, 4);
            g.fillStyle = this.colors.text;
            g.textAlign = t === 0 ? "left" : "center";
            g.fillText(timeLabel(t, step), x, bottom + 6);
        }
    }

    /* ---- the spectrogram's image ---- */

    updateImage() {
        const a = this.analysis;
        const stale = a.merge !== this.drawnMerge || a.loudest > this.drawnLoudest + 1;
        if (stale) this.drawn = 0;
        if (this.image.width < a.count) this.image.width = 2 ** Math.ceil(Math.log2(a.count + 1)), this.drawn = 0;
        if (this.drawn === a.count) return;
        if (this.drawn === 0) this.drawnLoudest = a.loudest, this.drawnMerge = a.merge;
        const fresh = new ImageData(a.count - this.drawn, BANDS);
        for (let c = this.drawn; c < a.count; c++)
            for (let b = 0; b < BANDS; b++) this.paint(fresh, c - this.drawn, b, a.mel[c * BANDS + b]);
        this.image.getContext("2d").putImageData(fresh, this.drawn, 0);
        this.drawn = a.count;
    }

    paint(image, x, band, db) {
        const part = Math.max(0, Math.min(255, Math.round(255 * (1 + (db - this.drawnLoudest) / RANGE_DB))));
        const at = 4 * ((BANDS - 1 - band) * image.width + x);
        image.data[at] = this.ramp[3 * part], image.data[at + 1] = this.ramp[3 * part + 1];
        image.data[at + 2] = this.ramp[3 * part + 2], image.data[at + 3] = 255;
    }
}

function timeLabel(seconds, step) {
    if (seconds >= 60 || step >= 60)
        return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
    return step < 1 ? seconds.toFixed(1) : `${seconds} s`;
}

/* Median of three, so that a single wrong column does not jump out of the line. */
function smooth(values, at, count) {
    if (!values[at]) return 0;
    const around = [values[Math.max(0, at - 1)], values[at], values[Math.min(count - 1, at + 1)]];
    return around.includes(0) ? values[at] : around.sort((x, y) => x - y)[1];
}

/* 256 colours through the given ones, which are "#rrggbb" and spaced evenly. */
function ramp(colors) {
    const stops = colors.map((c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16)));
    const out = new Uint8Array(3 * 256);
    for (let i = 0; i < 256; i++) {
        const at = i / 255 * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(at));
        for (let j = 0; j < 3; j++) out[3 * i + j] = stops[k][j] + (at - k) * (stops[k + 1][j] - stops[k][j]);
    }
    return out;
}
