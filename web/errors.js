/* errors: puts what went wrong into words and beside the field at fault. An error is an ApiError from the server or a
 * LocalError from the page; both have `param` and `code`. Fields are found by data-error="param" in index.html; what
 * belongs to none goes under the Speak button. Shown errors are kept, so that they follow the language switch.
 */
import {errorText, fieldText, language} from "./strings.js";

const SAME_FIELD = {audio: "reference_audio", file: "reference_audio", reference: "reference_audio",
                    consent: "consent_id"};
const CONTROL = {response_format: "format", name: "voice-name", consent_id: "consent"};

const shown = new Map(); /* place -> {error, control, timer} */

export class LocalError extends Error {
    constructor(code, param = "") {
        super(code);
        this.code = code;
        this.param = param;
    }
}

/* focus: bring the reader to the field, because an action of theirs led here. */
export function showError(error, {fallback = "", focus = true} = {}) {
    const param = SAME_FIELD[error.param] || error.param || fallback;
    const place = document.querySelector(`[data-error="${CSS.escape(param)}"]`) ||
                  document.querySelector('[data-error=""]');
    hide(place);
    const control = document.getElementById(CONTROL[param] || param);
    shown.set(place, {error, control, timer: 0});
    render(place, error);
    place.hidden = false;
    if (!control) return place.scrollIntoView({block: "nearest"});
    control.setAttribute("aria-invalid", "true");
    control.closest("details")?.setAttribute("open", "");
    if (focus) control.focus();
}

export function clearError(param) {
    for (const place of [...shown.keys()]) if (place.dataset.error === param) hide(place);
}

export function clearErrors() {
    for (const place of [...shown.keys()]) hide(place);
}

export function translateErrors() {
    for (const [place, {error}] of shown) render(place, error);
}

function hide(place) {
    const entry = shown.get(place);
    if (!entry) return;
    clearTimeout(entry.timer);
    entry.control?.removeAttribute("aria-invalid");
    shown.delete(place);
    place.hidden = true;
    place.replaceChildren();
}

function render(place, error) {
    const seconds = [429, 503].includes(error.status) ? error.retryAfter : null;
    if (seconds) return countDown(place, error, performance.now() + 1000 * seconds);
    place.replaceChildren(...words(error));
}

function words(error) {
    const own = ownWords(error);
    if (own) return [own];
    if (language() === "en") return [sentence(error.message) || errorText("server")];
    const theirs = document.createElement("span");
    theirs.lang = "en";
    theirs.className = "quiet";
    theirs.textContent = error.message ? `（${error.message}）` : "";
    return [fieldText(SAME_FIELD[error.param] || error.param), theirs];
}

function ownWords(error) {
    if (errorText(error.code) && typeof errorText(error.code) === "string") return errorText(error.code);
    if (error.status === 401) return errorText("unauthorized");
    if (error.status === 429) return errorText("too_many");
    if (error.status === 503) return errorText("busy");
    if (error.status === 413) return errorText("too_large");
    return error.status >= 500 ? errorText("server") : "";
}

/* Read out once; the seconds that follow are only seen. */
function countDown(place, error, until) {
    const left = Math.ceil((until - performance.now()) / 1000);
    if (left <= 0) return place.replaceChildren(errorText("wait_over"));
    const lead = errorText(error.status === 429 ? "too_many" : "busy");
    const spoken = document.createElement("span"), seen = document.createElement("span");
    spoken.className = "visually-hidden";
    spoken.textContent = errorText("wait").replace("{n}", error.retryAfter);
    seen.setAttribute("aria-hidden", "true");
    place.replaceChildren(lead, " ", spoken, seen);
    const step = () => {
        const seconds = Math.ceil((until - performance.now()) / 1000);
        if (seconds <= 0) return place.replaceChildren(errorText("wait_over"));
        seen.textContent = errorText("wait").replace("{n}", seconds);
        const entry = shown.get(place);
        if (entry) clearTimeout(entry.timer), entry.timer = setTimeout(step, 1000);
    };
    step();
}

function sentence(message) {
    if (!message) return "";
    const start = message[0].toUpperCase() + message.slice(1);
    return /[.!?。！？]$/.test(start) ? start : `${start}.`;
}
