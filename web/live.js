/* live: five figures about the server, each with its last two minutes as a line. Asks /status.json every two seconds,
 * and only while the page is visible. Not a live region on purpose: figures that change all the time are read when
 * wanted, not announced.
 */
import {getJson} from "./api.js";
import {language, t} from "./strings.js";

const EVERY_MS = 2000, KEPT = 60, WIDTH = 96, HEIGHT = 20;
const SVG = "http://www.w3.org/2000/svg";

const number = (value, digits) => value.toLocaleString(language(),
    {minimumFractionDigits: digits, maximumFractionDigits: digits});
const FIGURES = [
    {key: "live_rps", of: (s) => s.requests_per_s, text: (v) => [number(v, v < 100 ? 1 : 0), ""]},
    {key: "live_p95", of: (s) => 1000 * (s.latency_p95_s ?? NaN), text: (v) => [number(v, 0), t("milliseconds")]},
    {key: "live_batch", of: (s) => s.batch_mean, text: (v) => [number(v, 1), ""]},
    {key: "live_cache", of: (s) => s.voice_cache_hit_share, text: (v) => [number(100 * v, 0), "%"]},
    {key: "live_queue", of: (s) => s.queue_jobs,
     text: (v, s) => [number(v, 0), t("live_queue_audio", number(s.queue_audio_s || 0, 1))]},
];

let list, note, timer = 0, status = null, away = false, running = false;

export function startLive() {
    list = document.getElementById("live");
    note = document.getElementById("live-note");
    for (const figure of FIGURES) build(figure);
    document.addEventListener("visibilitychange", poll);
    translateLive();
    poll();
}

export function translateLive() {
    for (const figure of FIGURES) figure.term.textContent = t(figure.key);
    show();
}

function build(figure) {
    const box = document.createElement("div");
    figure.term = document.createElement("dt");
    figure.value = document.createElement("dd");
    figure.main = document.createElement("span"), figure.unit = document.createElement("span");
    figure.main.className = "figure", figure.unit.className = "unit";
    figure.value.append(figure.main, " ", figure.unit);
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    figure.path = document.createElementNS(SVG, "path");
    svg.append(figure.path);
    box.append(figure.term, figure.value, svg);
    figure.history = [];
    list.append(box);
}

async function poll() {
    clearTimeout(timer);
    if (running || document.visibilityState !== "visible") return;
    running = true;
    try {
        status = await getJson("status.json", {quiet: true, cache: "no-store"});
        away = false;
        for (const figure of FIGURES) remember(figure, figure.of(status));
    } catch {
        away = true; /* the strip says so; the page goes on */
    }
    running = false;
    show();
    timer = setTimeout(poll, EVERY_MS);
}

function remember(figure, value) {
    if (!Number.isFinite(value)) return;
    figure.history.push(value);
    if (figure.history.length > KEPT) figure.history.shift();
}

function show() {
    for (const figure of FIGURES) {
        const value = status && figure.of(status);
        const [main, unit] = Number.isFinite(value) && !away ? figure.text(value, status) : ["–", ""];
        figure.main.textContent = main, figure.unit.textContent = unit;
        figure.path.setAttribute("d", line(figure.history));
    }
    list.classList.toggle("away", away);
    note.textContent = away ? t("live_away") : status?.version ? t("live_version", status.version) : "";
}

/* From zero up, the newest at the right. */
function line(values) {
    const top = Math.max(...values, 1e-9);
    return values.map((v, i) => {
        const x = WIDTH * (1 - (values.length - 1 - i) / (KEPT - 1)), y = HEIGHT - 1.5 - (HEIGHT - 3) * v / top;
        return `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    }).join("");
}
