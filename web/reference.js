/* reference: the recording whose voice is to speak, from a file or from the microphone. Either way it becomes 16-bit
 * mono WAV at 24 kHz, at most 30 s, here in the browser, so that the server gets one kind of small file.
 *
 *   choose a file -> decode -+-> check -> keep(samples) -> current()
 *   microphone -> mic.js ----+
 */
import {clearError, LocalError, showError} from "./errors.js";
import {t} from "./strings.js";
import {decode, REFERENCE_RATE, resample, toInt16, wavBlob} from "./wav.js";

const SECONDS_MAX = 30, SECONDS_MIN = 1, SECONDS_ENOUGH = 3, SECONDS_GOOD = 10;
const FILE_BYTES_MAX = 200e6;
const SILENT = 0.005; /* peak below which nothing was said */

const $ = (id) => document.getElementById(id);
let taken = null;     /* {name, samples, blob, seconds}; name null: from the microphone */
let recorder = null;  /* {stream, context, blocks, count, level} while recording */
let listening = null; /* {context} while the recording is played */
let message = null;   /* what the status line says, to say it again in the other language */
let onChange = () => {};

export function startReference(changed) {
    onChange = changed;
    $("reference-file").addEventListener("change", (event) => takeFile(event.target));
    $("record").addEventListener("click", () => (recorder ? stopRecording() : startRecording()));
    $("reference-play").addEventListener("click", () => (listening ? stopListening() : listen()));
    $("reference-remove").addEventListener("click", remove);
    new ResizeObserver(drawReference).observe($("reference-wave"));
}

export const current = () => taken;

export function translateReference() {
    $("record-label").textContent = t(recorder ? "record_stop" : "record");
    $("reference-play").textContent = t(listening ? "reference_stop" : "reference_play");
    if (taken) $("reference-name").textContent = nameText();
    say(message);
}

function say(key) {
    message = key;
    $("reference-status").textContent = key ? t(key) : "";
}

function fail(error) {
    const code = error instanceof LocalError ? error.code : "reference_unreadable";
    say(null);
    showError(new LocalError(code, "reference_audio"));
}

/* ---- file ---- */

async function takeFile(input) {
    const file = input.files[0];
    if (!file) return;
    clearError("reference_audio");
    try {
        if (file.size > FILE_BYTES_MAX) throw new LocalError("reference_large");
        keep(await decode(await file.arrayBuffer(), SECONDS_MAX + 0.1), file.name);
    } catch (error) {
        fail(error);
    }
    input.value = ""; /* the same file can be chosen again */
}

/* ---- microphone ---- */

async function startRecording() {
    clearError("reference_audio");
    stopListening();
    try {
        if (!navigator.mediaDevices || !window.AudioWorkletNode) throw new LocalError("mic_insecure");
        say("record_asking");
        /* as it is: what a telephone call needs changes a voice */
        const stream = await navigator.mediaDevices.getUserMedia(
            {audio: {channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
        recorder = {stream, context: new AudioContext(), blocks: [], count: 0};
        await connect(recorder);
        say(null);
    } catch (error) {
        release();
        fail(micError(error));
    }
    showRecording();
}

async function connect({stream, context}) {
    await context.audioWorklet.addModule("mic.js");
    const mic = new AudioWorkletNode(context, "mic");
    mic.port.onmessage = (event) => hear(event.data);
    context.createMediaStreamSource(stream).connect(mic);
    mic.connect(context.destination); /* it gives silence; unconnected nodes are not run */
}

function micError(error) {
    if (error instanceof LocalError) return error;
    return new LocalError(["NotAllowedError", "SecurityError"].includes(error.name) ? "mic_denied" : "mic_missing");
}

function hear(block) {
    if (!recorder) return;
    recorder.blocks.push(block);
    recorder.count += block.length;
    const peak = block.reduce((top, s) => Math.max(top, Math.abs(s)), 0);
    showLevel(peak, recorder.count / recorder.context.sampleRate);
    if (recorder.count >= SECONDS_MAX * recorder.context.sampleRate) stopRecording();
}

async function stopRecording() {
    const {blocks, count, context} = recorder, rate = context.sampleRate, all = new Float32Array(count);
    blocks.reduce((at, block) => (all.set(block, at), at + block.length), 0);
    release();
    showRecording();
    try {
        if (count < SECONDS_MIN * rate) throw new LocalError("reference_tiny");
        keep(await resample(all, rate, SECONDS_MAX), null);
    } catch (error) {
        fail(error);
    }
}

function release() {
    if (!recorder) return;
    for (const track of recorder.stream.getTracks()) track.stop();
    recorder.context.close();
    recorder = null;
}

function showRecording() {
    $("recording").hidden = !recorder;
    $("record").classList.toggle("on", Boolean(recorder));
    $("record-label").textContent = t(recorder ? "record_stop" : "record");
    showLevel(0, 0);
}

function showLevel(peak, seconds) {
    const level = Math.round(Math.max(0, Math.min(100, 100 + 20 * Math.log10(peak + 1e-6) * 100 / 54)));
    $("level").setAttribute("aria-valuenow", level);
    $("level-bar").style.transform = `scaleX(${level / 100})`;
    $("record-bar").style.transform = `scaleX(${Math.min(1, seconds / SECONDS_MAX)})`;
    $("record-time").textContent = `${seconds.toFixed(1)} s`;
    const hint = seconds < SECONDS_ENOUGH ? "record_more" : seconds < SECONDS_GOOD ? "record_enough" : "record_good";
    if ($("record-hint").textContent !== t(hint)) $("record-hint").textContent = t(hint); /* it is announced */
}

/* ---- what was taken ---- */

function keep(samples, name) {
    const seconds = samples.length / REFERENCE_RATE, used = samples.slice(0, SECONDS_MAX * REFERENCE_RATE);
    if (seconds < SECONDS_MIN) throw new LocalError("reference_tiny");
    if (used.every((s) => Math.abs(s) < SILENT)) throw new LocalError("reference_silent");
    taken = {name, samples: used, blob: wavBlob([toInt16(used)], REFERENCE_RATE),
             seconds: used.length / REFERENCE_RATE};
    say(seconds > SECONDS_MAX ? "reference_cut" : seconds < SECONDS_ENOUGH ? "reference_short" : "reference_ready");
    $("reference-taken").hidden = false;
    $("reference-name").textContent = nameText();
    drawReference();
    onChange();
}

function remove() {
    stopListening();
    taken = null;
    $("reference-taken").hidden = true;
    say("reference_removed");
    clearError("reference_audio");
    $("record").focus();
    onChange();
}

const nameText = () => `${taken.name || t("recording_name")} · ${taken.seconds.toFixed(1)} s`;

function listen() {
    const context = new AudioContext({sampleRate: REFERENCE_RATE}), source = context.createBufferSource();
    source.buffer = context.createBuffer(1, taken.samples.length, REFERENCE_RATE);
    source.buffer.copyToChannel(taken.samples, 0);
    source.connect(context.destination);
    source.onended = stopListening;
    source.start();
    listening = {context};
    $("reference-play").textContent = t("reference_stop");
}

function stopListening() {
    if (!listening) return;
    listening.context.close();
    listening = null;
    $("reference-play").textContent = t("reference_play");
}

export function drawReference() {
    const canvas = $("reference-wave"), scale = window.devicePixelRatio || 1;
    if (!taken || !canvas.clientWidth) return;
    canvas.width = canvas.clientWidth * scale, canvas.height = canvas.clientHeight * scale;
    const g = canvas.getContext("2d"), bar = 3 * scale, bars = Math.floor(canvas.width / bar);
    const top = taken.samples.reduce((peak, s) => Math.max(peak, Math.abs(s)), 0.01);
    g.fillStyle = getComputedStyle(canvas).color;
    for (let b = 0; b < bars; b++) {
        const from = Math.floor(b * taken.samples.length / bars);
        const to = Math.floor((b + 1) * taken.samples.length / bars);
        let peak = 0;
        for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(taken.samples[i]));
        const height = Math.max(scale, peak / top * canvas.height);
        g.fillRect(b * bar, (canvas.height - height) / 2, 2 * scale, height);
    }
}
