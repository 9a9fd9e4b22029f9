/* mic: runs on the audio thread while recording and hands the microphone's samples (mono) to reference.js. Blocks of
 * 128 samples are gathered to 2048, so that there are some twenty messages a second and not four hundred. */
class Mic extends AudioWorkletProcessor {
    constructor() {
        super();
        this.block = new Float32Array(2048);
        this.used = 0;
    }

    process(inputs) {
        const channels = inputs[0];
        if (!channels.length) return true;
        for (let i = 0; i < channels[0].length; i++) {
            let sum = 0;
            for (const channel of channels) sum += channel[i];
            this.block[this.used++] = sum / channels.length;
            if (this.used === this.block.length) this.flush();
        }
        return true;
    }

    flush() {
        this.port.postMessage(this.block.slice());
        this.used = 0;
    }
}
registerProcessor("mic", Mic);
