/* voices: whose voice a request has: one of the model's, one that is kept here, or the recording. Models may have
 * thousands: the first of them are listed, and the search asks the server for those that are meant.
 */
import {deleteVoice, getJson} from "./api.js";
import {clearError, showError} from "./errors.js";
import {current as reference} from "./reference.js";
import {language, noteText, t} from "./strings.js";

const $ = (id) => document.getElementById(id);
const REFERENCE = "@reference"; /* the option that stands for the recording; no voice can have this id */
const LISTED = 100, SEARCH_FROM = 30, SEARCH_MS = 200;

let voices = [];      /* that are listed */
let total = 0;        /* of the model's and those that are kept */
let found = null;     /* what the search said, as a function of the language; null: nothing is searched */
let named = null;     /* the last voice chosen that is not the recording */
let chosen = null;    /* its entry, which stays in the list whatever is searched */
let touched = false;  /* the user chose a voice: the language switch leaves it alone */
let searching = 0;
let onChosen = () => {};

export async function loadVoices(choose) {
    const list = await getJson(`v1/voices?limit=${LISTED}`);
    /* behind thousands of the model's, those that are kept would not be among the first */
    const own = list.total > list.data.length ? (await getJson(`v1/voices?limit=${LISTED}&kind=uploaded`)).data : [];
    voices = [...list.data, ...own.filter((v) => !list.data.some((w) => w.id === v.id))];
    total = list.total ?? voices.length;
    found = null;
    $("keep").hidden = !list.uploads;
    $("voice-search-field").hidden = total <= SEARCH_FROM;
    $("voice-search").value = "";
    if (choose) named = choose, touched = true;
    buildVoices(choose || $("voice").value);
}

async function search() {
    const asked = ++searching, text = $("voice-search").value.trim();
    if (!text) return loadVoices().catch((error) => showError(error, {fallback: "voice"}));
    try {
        const list = await getJson(`v1/voices?limit=${LISTED}&q=${encodeURIComponent(text)}`);
        if (asked !== searching) return; /* more was typed meanwhile */
        clearError("voice");
        voices = list.data;
        found = () => t("voices_found", voices.length, list.total);
        if (voices.length) named = voices[0].id, touched = true;
        buildVoices(named);
    } catch (error) {
        if (asked === searching) showError(error, {fallback: "voice", focus: false});
    }
}

function firstVoice() {
    return (voices.find((v) => v.kind !== "uploaded" && v.language === language()) || voices[0])?.id;
}

function groupOf(voice) {
    if (voice.kind === "uploaded") return "voices_uploaded";
    return {en: "voices_en", zh: "voices_zh"}[voice.language] || "voices_other";
}

function buildVoices(value) {
    const listed = voices.find((v) => v.id === named), kept = !listed && touched && chosen?.id === named;
    if (!listed && !kept) named = firstVoice();
    const all = kept ? [chosen, ...voices] : voices;
    const own = language() === "zh" ? ["voices_zh", "voices_en"] : ["voices_en", "voices_zh"];
    const groups = [...own, "voices_other", "voices_uploaded"]
        .map((key) => [key, all.filter((v) => groupOf(v) === key).map((v) => [v.id, v.name])]);
    if (reference()) groups.unshift(["voices_reference", [[REFERENCE, t("voice_reference")]]]);
    $("voice").replaceChildren(...groups.filter(([, list]) => list.length).map(([key, list]) => {
        const group = document.createElement("optgroup");
        group.label = t(key);
        group.append(...list.map(([id, name]) => new Option(name, id)));
        return group;
    }));
    $("voice").value = value === REFERENCE && reference() ? REFERENCE : named;
    showVoice();
}

function showVoice() {
    const id = $("voice").value, voice = voices.find((v) => v.id === id) || (chosen?.id === id ? chosen : null);
    if (voice) chosen = voice;
    $("voice-note").textContent = id === REFERENCE ? t("voice_reference_note") : aboutVoice(voice);
    $("voice-delete").hidden = voice?.kind !== "uploaded";
    $("voice-found").textContent = found ? found() : total > voices.length ? t("voices_listed", voices.length, total) : "";
    onChosen();
}

/* A note says of which sex a voice is, where it has one. */
function aboutVoice(voice) {
    const note = noteText(voice?.note || ""), sex = voice?.sex ? t(`sex_${voice.sex}`) : "";
    if (!note || !sex || note.startsWith(voice.sex) || note.startsWith(sex)) return note || sex;
    return t("list", sex, note);
}

export function useReference() {
    buildVoices(reference() ? REFERENCE : named);
}

async function removeVoice(say) {
    const voice = voices.find((v) => v.id === named);
    if (!window.confirm(t("voice_delete_sure", voice.name))) return;
    clearError("voice");
    try {
        await deleteVoice(voice.id);
        named = chosen = null;
        await loadVoices();
        say("voice_deleted", voice.name);
        $("voice").focus();
    } catch (error) {
        showError(error, {fallback: "voice"});
    }
}

export function startVoices(say, chosen) {
    let waiting = 0;
    onChosen = chosen;
    $("voice").addEventListener("change", () => {
        clearError("voice");
        touched = true;
        if ($("voice").value !== REFERENCE) named = $("voice").value;
        showVoice();
    });
    $("voice-search").addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(search, SEARCH_MS);
    });
    $("voice-search").addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
        event.preventDefault(); /* it searches, and does not speak */
        clearTimeout(waiting);
        search();
    });
    $("voice-delete").addEventListener("click", () => removeVoice(say));
}

export function resetVoice() {
    touched = false;
    named = chosen = null;
    if (found) loadVoices().catch((error) => showError(error, {fallback: "voice"}));
    else named = firstVoice(), buildVoices(named);
}

export function translateVoices() {
    if (!touched) named = firstVoice();
    if (voices.length) buildVoices($("voice").value);
}

export const voiceValue = () => named;
export const voiceName = () => $("voice").selectedOptions[0]?.textContent || "";
export const speaksReference = () => $("voice").value === REFERENCE && Boolean(reference());
