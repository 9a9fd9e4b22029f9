/* player: plays speech while it arrives, and again from any place once it is there.
 *
 *   begin(rate) -> push(Int16Array)... -> end()       toggle(), seek(seconds), stop() at any time
 *
 * The samples are kept. What is to be heard is handed to the audio clock in pieces that join to the sample, never more
 * than AHEAD seconds of it, so that a long text costs no more than a short one. The context runs at the speech's own
 * rate: pieces resampled one by one would click where they meet. When the stream falls behind, playing waits for
 * the next piece and goes on where it was.
 */

const AHEAD = 6;    /* seconds handed to the audio clock in advance */
const PIECE = 1;    /* seconds in a piece, at most */
const LEAD = 0.18;  /* seconds that must be there before a stream starts to play */
const MARGIN = 0.04; /* seconds between handing over and being heard */

export class Player {
    constructor(onChange) {
        this.onChange = onChange; /* called when playing starts, stops or ends */
        this.context = null;
        this.clear(24000);
    }

    clear(rate) {
        this.rate = rate;
        this.chunks = [];      /* {samples, start}: all of the speech, in order */
        this.length = 0;       /* samples so far */
        this.complete = false; /* no more will come */
        this.playing = false;
        this.at = 0;           /* sample that the next piece starts with */
        this.pieces = [];      /* {node, from, to, time}: handed over, not yet over */
        this.paused = 0;       /* position in seconds while not playing */
    }

    /* Inside a click: browsers let sound start only there. The rate is a guess until the header has come. */
    unlock() {
        this.open(this.rate);
        if (this.context.state === "suspended") this.context.resume().catch(() => {});
    }

    open(rate) {
        if (this.context && this.context.sampleRate === rate) return;
        if (this.context) this.context.close().catch(() => {});
        this.context = new AudioContext({sampleRate: rate, latencyHint: "interactive"});
        this.context.resume().catch(() => {});
    }

    begin(rate) {
        this.halt();
        this.clear(rate);
        this.open(rate);
        this.playing = true;
        this.onChange();
    }

    push(samples) {
        this.chunks.push({samples, start: this.length});
        this.length += samples.length;
        this.pump();
    }

    end() {
        this.complete = true;
        this.pump();
    }

    get duration() {
        return this.length / this.rate;
    }

    /* What is heard now, in seconds from the start of the speech. */
    get position() {
        if (!this.playing) return this.paused;
        const now = this.context.currentTime;
        for (const piece of this.pieces)
            if (now < piece.time + (piece.to - piece.from) / this.rate)
                return piece.from / this.rate + Math.max(0, now - piece.time);
        return this.at / this.rate;
    }

    toggle() {
        if (this.playing) return this.pause();
        const over = this.complete && this.paused >= this.duration - 0.01;
        this.play(over ? 0 : this.paused);
    }

    pause() {
        const at = this.position;
        this.halt();
        this.paused = at;
        this.onChange();
    }

    seek(seconds) {
        const at = Math.max(0, Math.min(seconds, this.duration));
        if (this.playing) this.play(at);
        else this.paused = at;
    }

    play(from) {
        this.halt();
        this.unlock();
        this.at = Math.round(from * this.rate);
        this.playing = true;
        this.onChange();
        this.pump();
    }

    /* The stream is given up: what has come stays and can be played. */
    stop() {
        this.complete = true;
        if (this.playing) this.pause();
    }

    halt() {
        clearTimeout(this.timer);
        this.playing = false;
        for (const {node} of this.pieces) {
            node.onended = null;
            node.stop();
        }
        this.pieces = [];
    }

    pump() {
        if (!this.playing) return;
        clearTimeout(this.timer);
        const now = this.context.currentTime;
        this.pieces = this.pieces.filter((p) => p.time + (p.to - p.from) / this.rate > now);
        const enough = this.complete || this.pieces.length || this.length - this.at >= LEAD * this.rate;
        if (enough) this.handOver(now);
        if (!this.pieces.length && this.complete) return this.finish();
        this.timer = setTimeout(() => this.pump(), this.pieces.length || !this.complete ? 60 : 0);
    }

    handOver(now) {
        const last = this.pieces.at(-1);
        let time = last ? last.time + (last.to - last.from) / this.rate : now + MARGIN;
        while (this.at < this.length && time < now + AHEAD) {
            const to = Math.min(this.length, this.at + PIECE * this.rate);
            this.pieces.push({node: this.source(this.at, to, time), from: this.at, to, time});
            time += (to - this.at) / this.rate;
            this.at = to;
        }
    }

    source(from, to, time) {
        const buffer = this.context.createBuffer(1, to - from, this.rate), out = buffer.getChannelData(0);
        this.copy(from, to, out);
        const node = this.context.createBufferSource();
        node.buffer = buffer;
        node.connect(this.context.destination);
        node.start(time);
        return node;
    }

    copy(from, to, out) {
        let low = 0, high = this.chunks.length;
        while (high - low > 1) { /* the chunk that holds `from` */
            const middle = (low + high) >> 1;
            if (this.chunks[middle].start <= from) low = middle;
            else high = middle;
        }
        for (let i = from, c = low; i < to; c++) {
            const {samples, start} = this.chunks[c], end = Math.min(to, start + samples.length);
            for (; i < end; i++) out[i - from] = samples[i - start] / 32768;
        }
    }

    finish() {
        this.halt();
        this.paused = this.duration;
        this.onChange();
    }
}
