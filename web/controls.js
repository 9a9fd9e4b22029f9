/* controls: the settings of a request: emotions, degree, speed, pitch, loudness; voices.js has the voice. Each knows its value,
 * draws itself in the page's language and goes back to where it was at first.
 *
 * An emotion is drawn as an intonation line. Its degree moves every line away from neutral, as it does the speech: the
 * engine mixes emotions the same way.
 */
import {getJson} from "./api.js";
import {clearError} from "./errors.js";
import {emotionName, language, t} from "./strings.js";
import {resetVoice, startVoices, translateVoices, voiceName, voiceValue} from "./voices.js";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

/* ---- sliders: round numbers, evenly spaced to the ear, 1 in the middle ---- */

const stops = (...parts) => [parts[0][0], ...parts.flatMap(([from, to, step]) =>
    Array.from({length: Math.round((to - from) / step)}, (_, i) => Number((from + (i + 1) * step).toFixed(2))))];
const SLIDERS = {
    emotion_degree: stops([0, 1.5, 0.05]),
    speed: stops([0.25, 1, 0.05], [1, 2, 0.1], [2, 4, 0.4]),
    pitch_scale: stops([0.5, 1, 0.05], [1, 2, 0.1]),
    volume: stops([-20, 20, 1]),
    blend_share: stops([0.1, 0.9, 0.1]),
};
const HOME = {volume: 0, blend_share: 0.5}; /* where each is at first; the others at 1 */
const home = (id) => HOME[id] ?? 1;

const sliderValue = (id) => SLIDERS[id][Number($(id).value)];

function setSlider(id, value) {
    $(id).value = SLIDERS[id].indexOf(value);
    showSlider(id);
}

/* [seen, said] */
function sliderText(id, value) {
    const text = value.toLocaleString(language(), {minimumFractionDigits: 2, maximumFractionDigits: 2});
    if (id === "emotion_degree") return [text, text];
    if (id === "blend_share") return [`${Math.round(100 * value)} %`, `${Math.round(100 * value)} %`];
    if (id === "volume") return [t("decibels", value), t("decibels", value)];
    return [`×${text}`, t("times", text)];
}

function showSlider(id) {
    const [seen, said] = sliderText(id, sliderValue(id));
    $(`${id}-value`).textContent = seen;
    $(id).setAttribute("aria-valuetext", said);
    if (id === "emotion_degree") drawEmotions();
    if (id === "blend_share") onChosen();
}

function startSlider(id) {
    const slider = $(id);
    slider.min = 0, slider.max = SLIDERS[id].length - 1, slider.step = 1;
    slider.addEventListener("input", () => {
        clearError(id);
        showSlider(id);
    });
    setSlider(id, home(id));
}

/* ---- emotions ---- */

const NEUTRAL = [0.1, 0.25, 0.1, 0.2, 0.02, 0.08, -0.06, -0.16, -0.4];
const LINES = {
    neutral: NEUTRAL,
    calm: [0, 0.06, 0.1, 0.08, 0.02, -0.04, -0.1, -0.14, -0.18],
    happy: [-0.1, 0.6, 0.1, 0.7, 0.15, 0.75, 0.2, 0.55, 0.3],
    excited: [0, 1, -0.1, 1, -0.2, 1, -0.1, 0.95, 0.7],
    sad: [0.05, 0.02, -0.2, -0.25, -0.45, -0.5, -0.68, -0.8, -0.92],
    angry: [0.75, 0.95, 0.85, -0.15, 0.85, 0.7, -0.3, -0.65, -0.95],
    surprised: [-0.45, -0.4, -0.5, -0.35, 0.1, 0.8, 1, 0.75, 0.95],
    fearful: [0.3, 0.05, 0.5, 0.15, 0.6, 0.2, 0.65, 0.25, 0.65, 0.2, 0.6, 0.15, 0.5, 0.05, 0.4, 0, 0.3],
};
let emotions = [];
let onChosen = () => {}; /* the voice or the emotion is another one */

export async function loadEmotions() {
    emotions = (await getJson("v1/emotions")).data;
    buildEmotions(emotions.includes("neutral") ? "neutral" : emotions[0]);
}

function buildEmotions(chosen) {
    $("emotions").replaceChildren(...emotions.map((label) => {
        const tile = document.createElement("label"), input = document.createElement("input");
        const svg = document.createElementNS(SVG, "svg"), name = document.createElement("span");
        input.type = "radio", input.name = "emotion", input.value = label, input.checked = label === chosen;
        input.className = "visually-hidden";
        svg.setAttribute("viewBox", "0 0 64 28");
        svg.setAttribute("aria-hidden", "true");
        svg.append(document.createElementNS(SVG, "path"));
        name.textContent = emotionName(label);
        tile.append(input, svg, name);
        input.addEventListener("change", () => {
            clearError("emotion");
            buildBlend();
        });
        return tile;
    }));
    buildBlend();
    drawEmotions();
}

/* The second emotion of a blend: any but the first. */
function buildBlend() {
    const kept = $("blend").value, others = emotions.filter((label) => label !== emotionValue());
    $("blend").replaceChildren(new Option(t("blend_none"), ""), ...others.map((label) => new Option(emotionName(label), label)));
    $("blend").value = others.includes(kept) ? kept : "";
    showBlend();
}

function showBlend() {
    $("blend-field").hidden = !$("blend").value;
    onChosen();
}

function drawEmotions() {
    const degree = sliderValue("emotion_degree");
    for (const tile of $("emotions").children) {
        const line = LINES[tile.querySelector("input").value] || NEUTRAL, last = line.length - 1;
        const points = line.map((value, i) => {
            const from = NEUTRAL[Math.round(i * (NEUTRAL.length - 1) / last)];
            return [4 + 56 * i / last, 14 - 10 * Math.max(-1.2, Math.min(1.2, from + degree * (value - from)))];
        });
        tile.querySelector("path").setAttribute("d", curve(points));
    }
}

/* A smooth line through all points (Catmull-Rom as Bezier). */
function curve(p) {
    const at = (i) => p[Math.max(0, Math.min(p.length - 1, i))];
    let d = `M${p[0][0]} ${p[0][1]}`;
    for (let i = 0; i + 1 < p.length; i++) {
        const [a, b, c, e] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        const handle = (x, y, z, sign) => [0, 1].map((k) => (y[k] + sign * (z[k] - x[k]) / 6).toFixed(2));
        d += `C${handle(a, b, c, 1)} ${handle(b, c, e, -1)} ${c[0].toFixed(2)} ${c[1].toFixed(2)}`;
    }
    return d;
}

export function setEmotion(label) {
    const input = [...$("emotions").querySelectorAll("input")].find((i) => i.value === label);
    if (input) input.checked = true;
    buildBlend();
}

/* "happy", or "happy:0.7,sad:0.3" */
function emotionField() {
    const first = emotionValue(), second = $("blend").value, share = sliderValue("blend_share");
    return second ? `${first}:${Number((1 - share).toFixed(2))},${second}:${share}` : first;
}

/* The voice and the emotion in few words. */
export function chosenText() {
    const voice = voiceName(), first = emotionValue(), second = $("blend").value;
    if (!voice || !first) return "";
    return [voice, second ? `${emotionName(first)} + ${emotionName(second)}` : emotionName(first)].join(" · ");
}

const emotionValue = () => $("emotions").querySelector("input:checked")?.value;

/* ---- all of them ---- */

export function startControls(say, chosen) {
    onChosen = chosen;
    for (const id of Object.keys(SLIDERS)) startSlider(id);
    startVoices(say, chosen);
    $("blend").addEventListener("change", () => {
        clearError("emotion");
        showBlend();
    });
    $("reset").addEventListener("click", () => {
        for (const id of Object.keys(SLIDERS)) setSlider(id, home(id));
        $("blend").value = "";
        setEmotion("neutral");
        resetVoice();
        say("reset_done");
    });
}

export function translateControls() {
    for (const id of Object.keys(SLIDERS)) showSlider(id);
    for (const tile of $("emotions").children)
        tile.querySelector("span").textContent = emotionName(tile.querySelector("input").value);
    if (emotions.length) buildBlend();
    translateVoices();
}

/* The part of a request that is set here. With a recording, `voice` is what the server falls back to. */
export function settings() {
    const out = {voice: voiceValue(), emotion: emotionField()};
    for (const id of ["emotion_degree", "speed", "pitch_scale"]) out[id] = sliderValue(id);
    if (sliderValue("volume")) out.volume = sliderValue("volume");
    return out;
}
