/* curl: a request as the line of a shell that sends it. Pure. */

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/* body: of /v1/audio/speech. recording: name of the file that reference_audio is read from, or null: it is longer than a command line may be.
 * key: whether one is needed; it is never written out. */
export function curlCommand(url, body, recording, key) {
    const head = `curl -s ${quote(url)} -H 'Content-Type: application/json'${key ? ' -H "Authorization: Bearer $KEY"' : ""}`;
    const json = JSON.stringify(body);
    if (!recording) return `${head} \\\n  -d ${quote(json)} -o speech.mp3`;
    const open = `${json.slice(0, -1)},"reference_audio":"`;
    return `{ printf %s ${quote(open)}; base64 -w 0 ${quote(recording)}; printf '"}'; } |\n  ${head} \\\n  --data-binary @- -o speech.mp3`;
}
