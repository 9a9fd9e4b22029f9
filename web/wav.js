/* wav: samples to a 16-bit mono file and to a data: URL, and any recording to such samples. */

export const REFERENCE_RATE = 24000; /* Hz: above what the engine hears (16 kHz), small enough to send */

export function wavBlob(chunks, rate) {
    const bytes = 2 * chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const header = new DataView(new ArrayBuffer(44));
    const text = (at, value) => [...value].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
    text(0, "RIFF"), header.setUint32(4, 36 + bytes, true), text(8, "WAVEfmt ");
    header.setUint32(16, 16, true), header.setUint16(20, 1, true), header.setUint16(22, 1, true);
    header.setUint32(24, rate, true), header.setUint32(28, 2 * rate, true);
    header.setUint16(32, 2, true), header.setUint16(34, 16, true);
    text(36, "data"), header.setUint32(40, bytes, true);
    return new Blob([header, ...chunks.map(littleEndian)], {type: "audio/wav"});
}

const HOST_IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function littleEndian(samples) {
    if (HOST_IS_LITTLE) return samples;
    const view = new DataView(new ArrayBuffer(2 * samples.length));
    samples.forEach((s, i) => view.setInt16(2 * i, s, true));
    return view;
}

export function toInt16(samples) {
    return Int16Array.from(samples, (s) => Math.round(Math.max(-1, Math.min(1, s)) * 32767));
}

/* Mono samples at REFERENCE_RATE, the first `seconds` of them, from the bytes of a file or from what was recorded. */
export async function decode(bytes, seconds) {
    const context = new OfflineAudioContext(1, 1, REFERENCE_RATE);
    return mixDown(await context.decodeAudioData(bytes), seconds);
}

export async function resample(samples, rate, seconds) {
    const length = Math.max(1, Math.min(Math.round(samples.length / rate * REFERENCE_RATE), seconds * REFERENCE_RATE));
    const context = new OfflineAudioContext(1, length, REFERENCE_RATE);
    const source = context.createBufferSource();
    source.buffer = context.createBuffer(1, samples.length, rate);
    source.buffer.copyToChannel(samples, 0);
    source.connect(context.destination);
    source.start();
    return (await context.startRendering()).getChannelData(0);
}

function mixDown(buffer, seconds) {
    const mono = new Float32Array(Math.min(buffer.length, seconds * buffer.sampleRate));
    for (let c = 0; c < buffer.numberOfChannels; c++) {
        const channel = buffer.getChannelData(c);
        for (let i = 0; i < mono.length; i++) mono[i] += channel[i] / buffer.numberOfChannels;
    }
    return mono;
}

export function dataUrl(blob) {
    return new Promise((resolve, reject) => {
        const reader = new FileReader();
        reader.onload = () => resolve(reader.result);
        reader.onerror = () => reject(reader.error);
        reader.readAsDataURL(blob);
    });
}
