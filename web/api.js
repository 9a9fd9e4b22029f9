/* api: every request that the page sends. Adds the key, asks for one at a 401 and tries again, and turns what the
 * server answers into ApiError {status, code, param, message, retryAfter}, which errors.js puts into words. */

const KEY = "emotivoice.key";
let askKey = async () => null; /* set by app.js: shows the dialog, resolves to a key or null */
let asking = null;             /* one dialog for all the requests that need it */
let askedMs = 0;               /* how long such dialogs were open, all together */

export class ApiError extends Error {
    constructor(status, error = {}, retryAfter = null) {
        super(error.message || "");
        this.status = status;
        this.code = error.code || "";
        this.type = error.type || "";
        this.param = error.param || "";
        this.retryAfter = retryAfter;
    }
}

export function onKeyNeeded(ask) {
    askKey = ask;
}

function withKey(options) {
    const key = sessionStorage.getItem(KEY), headers = new Headers(options.headers);
    if (key) headers.set("Authorization", `Bearer ${key}`);
    return {...options, headers};
}

async function failure(response) {
    let error = {};
    try {
        error = (await response.json()).error || {};
    } catch { /* not one of our answers, a proxy's perhaps: the status has to do */ }
    const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
    return new ApiError(response.status, error, Number.isFinite(seconds) && seconds >= 0 ? seconds : null);
}

async function send(path, options) {
    try {
        return await fetch(path, withKey(options));
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new ApiError(0, {code: "unreachable"});
    }
}

function ask(wrong) {
    const start = performance.now();
    return askKey(wrong).finally(() => {
        asking = null;
        askedMs += performance.now() - start;
    });
}

/* What a person took to type keys, which is no time of the server's. */
export const keyMs = () => askedMs;

/* The response when it is good; throws ApiError otherwise. quiet: a 401 is thrown and not asked about. */
export async function request(path, {quiet = false, ...options} = {}) {
    for (;;) {
        const used = sessionStorage.getItem(KEY);
        const response = await send(path, options);
        if (response.ok) return response;
        const error = await failure(response);
        if (response.status !== 401 || quiet) throw error;
        if (sessionStorage.getItem(KEY) !== used) continue; /* another request has been given a key meanwhile */
        asking = asking || ask(Boolean(used));
        const key = await asking;
        if (!key) throw error;
        sessionStorage.setItem(KEY, key);
        if (options.signal?.aborted) throw new DOMException("", "AbortError");
    }
}

export async function getJson(path, options) {
    return (await request(path, options)).json();
}

export function postSpeech(body, signal) {
    return request("v1/audio/speech", {
        method: "POST", signal, body: JSON.stringify(body), headers: {"Content-Type": "application/json"},
    });
}

/* Subtitles of the same request: the text of a file. */
export async function postSubtitles(body) {
    return (await request("v1/audio/subtitles", {
        method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"},
    })).blob();
}

/* Whether requests carry a key, without telling it. */
export const hasKey = () => Boolean(sessionStorage.getItem(KEY));

export async function postVoice(name, wav, consent) {
    const form = new FormData();
    form.append("name", name);
    form.append("audio", wav, "reference.wav");
    if (consent) form.append("consent_id", consent);
    return (await request("v1/voices", {method: "POST", body: form})).json();
}

export function deleteVoice(id) {
    return request(`v1/voices/${encodeURIComponent(id)}`, {method: "DELETE"});
}
