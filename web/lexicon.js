/* lexicon: the user's own pronunciations, "word = how it is said", a line each. They are kept in this browser, and go with
 * every request.
 */
import {clearError, LocalError} from "./errors.js";
import {t} from "./strings.js";

const KEPT = "emotivoice.lexicon";
const $ = (id) => document.getElementById(id);

/* {word: how}, later lines before earlier ones; # begins a remark. Throws what is wrong. */
function parse(text) {
    const out = {};
    for (const line of text.split("\n").map((l) => l.trim())) {
        if (!line || line.startsWith("#")) continue;
        const [, word, how] = line.match(/^(.+?)\s*(?:=|\t)\s*(.+)$/) || [];
        if (!word) throw new LocalError("bad_words", "lexicon");
        out[word] = how;
    }
    return out;
}

export const lexicon = () => parse($("lexicon").value);

function count() {
    try {
        return Object.keys(lexicon()).length;
    } catch {
        return 0; /* it is told when something is to be spoken */
    }
}

export function translateLexicon() {
    $("words-count").textContent = count() ? t("words_count", count()) : "";
}

export function startLexicon() {
    try {
        $("lexicon").value = localStorage.getItem(KEPT) || "";
    } catch { /* storage is switched off: they hold for this visit */ }
    $("lexicon").addEventListener("input", () => {
        clearError("lexicon");
        translateLexicon();
        try {
            localStorage.setItem(KEPT, $("lexicon").value);
        } catch { /* likewise */ }
    });
    translateLexicon();
}
