/* app: START HERE. Wires the page: text and settings (controls.js, reference.js) -> POST /v1/audio/speech as a stream
 * of 16-bit samples -> player.js, which you hear, and picture.js, which you see, while it arrives. A finished or
 * cancelled speech stays: it can be played, searched and saved. live.js polls the strip; errors.js says what went
 * wrong.
 */
import {hasKey, keyMs, onKeyNeeded, postSpeech, postSubtitles, postVoice} from "./api.js";
import {chosenText, loadEmotions, setEmotion, settings, startControls, translateControls} from "./controls.js";
import {curlCommand} from "./curl.js";
import {clearError, clearErrors, LocalError, showError, translateErrors} from "./errors.js";
import {lexicon, startLexicon, translateLexicon} from "./lexicon.js";
import {startLive, translateLive} from "./live.js";
import {GUTTER, Picture} from "./picture.js";
import {Player} from "./player.js";
import {current as reference, startReference, translateReference} from "./reference.js";
import {examples, firstLanguage, isExample, language, setLanguage, t} from "./strings.js";
import {loadVoices, speaksReference, useReference} from "./voices.js";
import {dataUrl, wavBlob} from "./wav.js";

const $ = (id) => document.getElementById(id);
const RELOAD_MS = 4000;
const TEXT = "emotivoice.text"; /* what was typed, in this tab until it is closed */
const TEXT_BYTES_MAX = 1e6;

const player = new Player(() => showTransport());
const picture = new Picture($("wave"), $("mel"));
let speech = null;      /* {abort, body, streaming, start, firstMs}: the last one asked for */
let heard = null;       /* the one whose samples the player has; the same, unless the last one failed */
let loaded = false;     /* voices and emotions are there */
let said = () => "";    /* what the status line says, as a function of the language */
let frame = 0;

/* ---- status ---- */

function say(key, ...values) {
    said = () => (key ? t(key, ...values) : "");
    $("status").textContent = said();
}

/* ---- speaking ---- */

async function speak() {
    clearErrors();
    if (!$("input").value.trim()) return showError(new LocalError("empty_text", "input"));
    cancel();
    player.stop();
    player.unlock();
    const mine = speech = {abort: new AbortController(), body: null, streaming: true,
                           start: performance.now() - keyMs(), firstMs: 0};
    say("status_wait");
    showTransport();
    try {
        if (!loaded) await loadChoices();
        mine.body = await requestBody();
        const asked = {...mine.body, response_format: "pcm", stream_format: "audio"};
        const response = await postSpeech(asked, mine.abort.signal);
        await receive(mine, response);
        say("status_done", player.duration.toFixed(1), mine.firstMs);
    } catch (error) {
        if (mine === speech) failed(error);
    }
    finish(mine);
}

/* All of a request but the recording. Throws where a pronunciation is none. */
function fields() {
    const body = {model: "emotivoice", input: $("input").value, ...settings()}, words = lexicon();
    if (Object.keys(words).length) body.lexicon = words;
    return body;
}

async function requestBody() {
    const body = fields();
    if (speaksReference()) body.reference_audio = await dataUrl(reference().blob);
    return body;
}

/* Samples may be cut anywhere by the network, between their two bytes too. */
async function receive(mine, response) {
    const rate = Number(response.headers.get("X-Sample-Rate"));
    if (!(rate >= 8000 && rate <= 96000)) throw new LocalError("bad_stream");
    heard = mine;
    player.begin(rate);
    picture.clear(rate);
    const reader = response.body.getReader();
    let odd = new Uint8Array(0);
    for (;;) {
        const {done, value} = await reader.read();
        if (mine !== speech) return;
        if (done) break;
        const bytes = new Uint8Array(odd.length + value.length);
        bytes.set(odd), bytes.set(value, odd.length);
        odd = bytes.slice(bytes.length & ~1);
        if (bytes.length > 1) take(mine, bytes.subarray(0, bytes.length & ~1));
    }
    if (!player.length) throw new LocalError("no_audio");
}

function take(mine, bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const samples = Int16Array.from({length: bytes.byteLength / 2}, (_, i) => view.getInt16(2 * i, true));
    if (!mine.firstMs) {
        mine.firstMs = Math.max(1, Math.round(performance.now() - keyMs() - mine.start));
        say("status_speaking", mine.firstMs);
    }
    player.push(samples);
    picture.push(samples);
    if ($("play").disabled) showTransport();
    animate();
}

function failed(error) {
    if (error.name === "AbortError") return say("status_cancelled");
    say(null);
    if (speech.firstMs) return say("status_cut");
    player.stop();
    showError(error);
}

function finish(mine) {
    if (mine !== speech) return;
    mine.streaming = false;
    if (mine === heard) { /* else nothing came, and what was heard before stays as it is */
        if (mine.abort.signal.aborted) player.stop();
        else player.end();
        picture.end();
    }
    showTransport();
    animate();
}

function cancel() {
    if (!speech?.streaming) return;
    const focused = document.activeElement === $("cancel");
    speech.abort.abort();
    player.stop();
    if (focused) $("speak").focus();
}

/* ---- playing and the picture ---- */

function showTransport() {
    const some = player.length > 0;
    if (!speech?.streaming && document.activeElement === $("cancel")) $("speak").focus();
    $("cancel").hidden = !speech?.streaming;
    $("speak").classList.toggle("busy", Boolean(speech?.streaming));
    for (const id of ["play", "position", "format", "download"]) $(id).disabled = !some;
    $("play").classList.toggle("playing", player.playing);
    $("play").setAttribute("aria-label", t(player.playing ? "pause" : "play"));
    $("empty").hidden = some || Boolean(speech?.streaming);
    document.querySelector(".result").classList.toggle("blank", !some && !speech?.streaming);
    animate();
}

function animate() {
    if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
    frame = 0;
    const now = player.position, span = picture.span, slider = $("position");
    picture.draw(player.length ? now : 0);
    $("now").textContent = clock(now), $("total").textContent = clock(player.duration);
    $("playhead").hidden = !player.length;
    $("playhead").style.transform = `translateX(${Math.min(1, now / span) * ($("mel").clientWidth - GUTTER)}px)`;
    slider.max = span.toFixed(2);
    /* a screen reader tells every change of the slider it stands on: while playing, none */
    if (!player.playing || document.activeElement !== slider) showPosition(now);
    if (player.playing || speech?.streaming) animate();
}

function showPosition(now) {
    $("position").value = now;
    $("position").setAttribute("aria-valuetext", t("position_text", now.toFixed(1), player.duration.toFixed(1)));
}

function clock(seconds) {
    const tenths = Math.round(seconds * 10);
    return `${Math.floor(tenths / 600)}:${String(Math.floor(tenths / 10) % 60).padStart(2, "0")}.${tenths % 10}`;
}

function seek(seconds) {
    player.seek(seconds);
    showPosition(Math.max(0, Math.min(seconds, player.duration)));
    animate();
}

function startTransport() {
    $("play").addEventListener("click", () => player.toggle());
    $("position").addEventListener("input", (event) => seek(Number(event.target.value)));
    $("position").addEventListener("keydown", (event) => {
        const step = {ArrowLeft: -0.5, ArrowDown: -0.5, ArrowRight: 0.5, ArrowUp: 0.5}[event.key];
        if (!step) return;
        event.preventDefault();
        seek(player.position + step);
    });
    new ResizeObserver(animate).observe($("picture"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        picture.readTheme();
        animate();
    });
}

/* ---- saving ---- */

/* WAV is made from what was heard. Other formats are spoken again by the server: the same request gives the same
 * samples, so it is the same speech. */
async function download() {
    const format = $("format").value;
    clearError("response_format");
    try {
        let blob;
        if (format === "wav") blob = wavBlob(player.chunks.map((c) => c.samples), player.rate);
        else if (format === "srt" || format === "vtt") {
            say("downloading");
            blob = await postSubtitles({...heard.body, response_format: format});
        } else {
            say("downloading");
            blob = await (await postSpeech({...heard.body, response_format: format})).blob();
        }
        const name = fileName(heard.body.input, format);
        save(blob, name);
        say("saved", name);
    } catch (error) {
        say(null);
        showError(error, {fallback: "response_format"});
    }
}

function fileName(text, format) {
    const words = text.match(/[\p{L}\p{N}]+/gu) || [];
    let name = "";
    for (const word of words) if (name.length + word.length < 32) name += `-${word}`; else break;
    return `emotivoice${name || (words[0] ? `-${words[0].slice(0, 24)}` : "")}.${format}`.toLowerCase();
}

function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/* ---- the request as a command ---- */

async function showCurl() {
    const pre = $("curl-text");
    pre.hidden = !pre.hidden;
    $("curl").setAttribute("aria-expanded", String(!pre.hidden));
    if (pre.hidden) return;
    writeCurl();
    try {
        await navigator.clipboard.writeText(pre.textContent);
        say("curl_copied");
    } catch { /* only secure pages may */
        getSelection().selectAllChildren(pre);
        say("curl_shown");
    }
}

function writeCurl() {
    if ($("curl-text").hidden) return;
    let body;
    try {
        body = fields();
    } catch { /* a pronunciation is half written: the command stays as it was */
        return;
    }
    $("curl-text").textContent = curlCommand(new URL("v1/audio/speech", location.href).href, body,
                                             speaksReference() ? reference().name || "recording.wav" : null, hasKey());
}

function showChosen() {
    $("chosen-text").textContent = chosenText();
    writeCurl();
}

/* ---- a text from a file ---- */

async function openText(input) {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    clearError("input");
    try {
        if (file.size > TEXT_BYTES_MAX) throw new LocalError("text_large", "input");
        setText(decodeText(await file.arrayBuffer()));
        say("text_opened", file.name);
    } catch (error) {
        showError(error, {fallback: "input"});
    }
}

/* UTF-8 or UTF-16 with their marks, UTF-8 without one, else the older Chinese encoding; what holds a NUL is no text. */
function decodeText(bytes) {
    const head = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
    const wide = {"255,254": "utf-16le", "254,255": "utf-16be"}[head.join()];
    for (const encoding of wide ? [wide] : ["utf-8", "gb18030"]) {
        try {
            const text = new TextDecoder(encoding, {fatal: true}).decode(bytes);
            if (!text.includes("\0")) return text.replaceAll("\r\n", "\n");
        } catch { /* the next one */ }
    }
    throw new LocalError("text_binary", "input");
}

/* ---- keeping a recording as a voice ---- */

async function keepVoice() {
    for (const param of ["name", "consent_id", "reference_audio"]) clearError(param);
    const name = $("voice-name").value.trim();
    if (!name) return showError(new LocalError("empty_name", "name"));
    try {
        const voice = await postVoice(name, reference().blob, $("consent").value.trim());
        await loadVoices(voice.id);
        $("voice-name").value = "";
        $("keep").open = false;
        say("kept", voice.name);
        $("voice").focus();
    } catch (error) {
        showError(error, {fallback: "name"});
    }
}

/* ---- the key ---- */

function askKey(wrong) {
    const dialog = $("key-dialog"), field = $("key");
    $("key-title").dataset.i18n = wrong ? "key_wrong" : "key_title";
    $("key-title").textContent = t($("key-title").dataset.i18n);
    field.value = "";
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => {
        const answer = () => resolve(dialog.returnValue === "ok" ? field.value.trim() : null);
        dialog.addEventListener("close", answer, {once: true});
    });
}

/* ---- text, language, start ---- */

function showCount() {
    $("count").textContent = t("count", [...$("input").value].length);
}

/* The text is another one, whoever wrote it. */
function onText() {
    clearError("input");
    showCount();
    writeCurl();
    try {
        sessionStorage.setItem(TEXT, $("input").value);
    } catch { /* full or switched off: it does not survive a reload then */ }
}

function setText(text) {
    $("input").value = text;
    onText();
}

function restoreText() {
    try {
        $("input").value = sessionStorage.getItem(TEXT) || "";
    } catch { /* storage is switched off */ }
}

function showExamples() {
    const group = document.querySelector(".examples");
    for (const old of group.querySelectorAll("button")) old.remove();
    group.append(...examples().map((example) => {
        const button = document.createElement("button");
        button.type = "button", button.className = "link", button.textContent = example.label;
        button.addEventListener("click", () => {
            setText(example.text);
            setEmotion(example.emotion);
        });
        return button;
    }));
}

function switchLanguage(name, remember) {
    setLanguage(name, remember);
    if (!$("input").value || isExample($("input").value)) $("input").value = examples()[0].text;
    for (const button of document.querySelectorAll("[data-language]"))
        button.setAttribute("aria-pressed", String(button.dataset.language === name));
    showCount();
    showExamples();
    translateControls();
    translateReference();
    translateErrors();
    translateLexicon();
    translateLive();
    showChosen();
    $("status").textContent = said();
    showTransport();
}

function onKey(event) {
    if ($("key-dialog").open) return;
    const inKeep = event.target.closest?.("#keep input");
    if (event.key === "Escape") cancel();
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || inKeep)) return;
    event.preventDefault();
    if (inKeep) keepVoice();
    else speak();
}

async function loadChoices() {
    await Promise.all([loadVoices(), loadEmotions()]);
    loaded = true;
}

async function load() {
    if (loaded) return;
    try {
        await loadChoices();
        clearError("");
    } catch (error) {
        showError(error, {focus: false});
        if (error.status !== 401) setTimeout(load, RELOAD_MS);
    }
}

function start() {
    startControls(say, showChosen);
    startReference(useReference);
    startTransport();
    startLexicon();
    startLive();
    onKeyNeeded(askKey);
    $("key-cancel").addEventListener("click", () => $("key-dialog").close(""));
    $("form").addEventListener("submit", (event) => {
        event.preventDefault();
        speak();
    });
    $("cancel").addEventListener("click", cancel);
    $("download").addEventListener("click", download);
    $("keep-save").addEventListener("click", keepVoice);
    $("curl").addEventListener("click", showCurl);
    for (const id of ["emotion_degree", "speed", "pitch_scale", "volume"]) $(id).addEventListener("input", writeCurl);
    $("reset").addEventListener("click", writeCurl);
    $("lexicon").addEventListener("input", writeCurl);
    $("text-file").addEventListener("change", (event) => openText(event.target));
    $("input").addEventListener("input", onText);
    document.addEventListener("keydown", onKey);
    for (const button of document.querySelectorAll("[data-language]"))
        button.addEventListener("click", () => switchLanguage(button.dataset.language, true));
    if (/Mac|iPhone|iPad/.test(navigator.platform)) $("modifier").textContent = "⌘";
    restoreText();
    switchLanguage(firstLanguage(), false);
    load();
}

start();
