/* docs: writes /docs from openapi.json, as it stands there: operations by tag, each with its fields, an example as a curl command and its answers;
 * then the schemas. Texts of the document are set as text, never as markup; of Markdown they use `code`, **bold** and paragraphs.
 *
 *   openapi.json -> contents, operations (drawn when they are opened), schemas -> the fragment of the address opens its place
 */
const $ = (id) => document.getElementById(id);
const METHODS = ["get", "post", "put", "delete"];
let api = null;
const operations = []; /* {id, method, path, item, op, link, node, words} */

function make(tag, {text, ...properties} = {}, ...children) {
    const node = Object.assign(document.createElement(tag), properties);
    if (text !== undefined) node.textContent = text;
    node.append(...children.filter((c) => c !== null && c !== undefined));
    return node;
}

const code = (text) => make("code", {text});

/* `code` and **bold** of one line. */
function inline(text) {
    return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).filter(Boolean).map((part) => {
        if (part.startsWith("`")) return code(part.slice(1, -1));
        return part.startsWith("**") ? make("strong", {text: part.slice(2, -2)}) : part;
    });
}

const prose = (text) => (text || "").split(/\n{2,}/).filter(Boolean).map((part) => make("p", {}, ...inline(part)));

/* ---- the document ---- */

function resolve(node) {
    while (node?.$ref) node = node.$ref.slice(2).split("/").reduce((n, key) => n[key.replace("~1", "/").replace("~0", "~")], api);
    return node;
}

const nameOf = (node) => node?.$ref?.match(/^#\/components\/schemas\/(.+)$/)?.[1];

/* All properties of a schema and of what it is made of: [name, schema, required]. */
function properties(schema) {
    const whole = resolve(schema), required = new Set(whole?.required || []), found = new Map();
    for (const part of whole?.allOf || []) for (const row of properties(part)) found.set(row[0], row);
    for (const [name, value] of Object.entries(whole?.properties || {})) found.set(name, [name, value, required.has(name)]);
    for (const row of found.values()) row[2] ||= required.has(row[0]);
    return [...found.values()].sort((a, b) => b[2] - a[2]);
}

/* What may stand there, as nodes: "string", "integer 0..9", a link to a schema ... That null counts as missing is told once. */
function typeOf(schema) {
    const name = nameOf(schema);
    if (name) return [make("a", {href: `#schema-${name}`, text: name})];
    if (schema.const !== undefined) return [code(JSON.stringify(schema.const))];
    if (schema.enum) return join(schema.enum.filter((v) => v !== null).map((v) => [code(String(v))]), ", ");
    for (const key of ["oneOf", "anyOf"]) if (schema[key]) return join(schema[key].filter((one) => one.type !== "null").map(typeOf), " or ");
    if (schema.type === "array") return ["list of ", ...typeOf(schema.items || {})];
    const type = [].concat(schema.type || (schema.allOf ? "object" : "any")).filter((one) => one !== "null").join(" or ");
    return [type + limits(schema)];
}

const join = (lists, by) => lists.flatMap((list, i) => (i ? [by, ...list] : list));

function limits({minimum, maximum, exclusiveMinimum, minLength, maxLength, maxItems, maxProperties, format}) {
    const low = minimum ?? exclusiveMinimum, most = maxLength ?? maxItems ?? maxProperties;
    const unit = maxLength !== undefined ? "characters" : "entries";
    if (low !== undefined && maximum !== undefined) return `, ${low} to ${maximum}`;
    if (low !== undefined) return `, ${exclusiveMinimum !== undefined ? "above" : "from"} ${low}`;
    if (maximum !== undefined) return `, to ${maximum}`;
    if (most !== undefined) return `, ${minLength ? `${minLength} to ${most}` : `at most ${most}`} ${unit}`;
    return format ? ` (${format})` : "";
}

/* ---- fields ---- */

function row(label, schema, must, description, depth) {
    const value = schema.default !== undefined ? `default ${JSON.stringify(schema.default)}` : "";
    const head = make("dt", {}, code(label), make("span", {className: "type"}, ...typeOf(schema)),
                      must ? make("span", {className: "must", text: "required"}) : null,
                      value ? make("span", {className: "type", text: value}) : null);
    const text = make("dd", {}, ...prose(description || schema.description));
    const inner = depth < 3 && !nameOf(schema) ? properties(schema.type === "array" ? schema.items : schema) : [];
    if (inner.length) text.append(fields(inner, depth + 1));
    return make("div", {}, head, text);
}

function fields(rows, depth = 0) {
    return make("dl", {className: "fields"}, ...rows.map(([name, schema, must]) =>
        row(name, schema, must, schema.description || resolve(schema)?.description, depth)));
}

const section = (title, ...content) => [make("h3", {text: title}), ...content];

/* ---- one operation ---- */

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function address({path, item, op}) {
    const parameters = [...(item.parameters || []), ...(op.parameters || [])].map(resolve);
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
        const found = parameters.find((p) => p.in === "path" && p.name === name);
        return found?.example ?? found?.schema.example ?? name;
    });
    const query = parameters.filter((p) => p.in === "query" && p.required)
        .map((p) => `${p.name}=${encodeURIComponent(p.example ?? "")}`).join("&");
    const own = op.servers?.length && op.servers.every((s) => s.url !== "/") ? op.servers[0].url.replace(/\/$/, "") : null;
    return (own ?? new URL(".", location.href).href.replace(/\/$/, "")) + filled + (query ? `?${query}` : "");
}

function curl(operation, media, value) {
    const parts = ["curl -s"];
    if (operation.method !== "get" && operation.method !== "post") parts.push(`-X ${operation.method.toUpperCase()}`);
    if (operation.method === "post" && !media) parts.push("-X POST");
    parts.push(quote(address(operation)));
    if (media === "multipart/form-data")
        for (const [name, one] of Object.entries(value)) parts.push(`-F ${quote(`${name}=${name === "audio" ? "@recording.wav" : one}`)}`);
    else if (media) parts.push(`-H ${quote(`Content-Type: ${media}`)}`, `-d ${quote(typeof value === "string" ? value : JSON.stringify(value))}`);
    const audio = Object.keys(resolve(operation.op.responses["200"])?.content || {}).some((type) => type.startsWith("audio/"));
    return parts.join(" ") + (audio ? ` -o speech.${value?.response_format || "mp3"}` : "");
}

function copyable(text, title) {
    const button = make("button", {type: "button", className: "link", text: "Copy"});
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(text);
            button.textContent = "Copied";
        } catch { /* only secure pages may: it is marked instead, for Ctrl-C */
            getSelection().selectAllChildren(block);
        }
    });
    const block = make("pre", {text});
    return [make("div", {className: "example"}, make("span", {className: "quiet", text: title}), button), block];
}

function examplesOf(content) {
    if (content.examples) return Object.values(content.examples).map((e) => [resolve(e).summary || "", resolve(e).value]);
    return content.example === undefined ? [] : [["", content.example]];
}

function requestParts(operation) {
    const body = resolve(operation.op.requestBody), parts = [];
    const all = [...(operation.item.parameters || []), ...(operation.op.parameters || [])].map(resolve);
    for (const where of ["path", "query", "header"]) {
        const rows = all.filter((p) => p.in === where);
        if (rows.length) parts.push(...section({path: "In the path", query: "In the query", header: "Headers"}[where],
            make("dl", {className: "fields"}, ...rows.map((p) => row(p.name, p.schema, p.required, p.description, 0)))));
    }
    for (const [media, content] of Object.entries(body?.content || {})) {
        const rows = properties(content.schema);
        parts.push(...section(`Body, ${media}`, rows.length ? fields(rows) : make("p", {}, ...typeOf(content.schema))));
        for (const [title, value] of examplesOf(content)) parts.push(...copyable(curl(operation, media, value), title || "For example"));
    }
    if (!body && !operation.path.endsWith("/ws")) parts.push(...copyable(curl(operation), "For example"));
    return parts;
}

function answers(operation) {
    const rows = Object.entries(operation.op.responses).map(([status, response]) => {
        const whole = resolve(response), text = make("dd", {}, ...prose(whole.description));
        const headers = Object.keys(whole.headers || {}).filter((name) => name !== "X-Request-Id");
        if (headers.length) text.append(make("p", {className: "quiet"}, "Headers: ", ...join(headers.map((h) => [code(h)]), ", ")));
        const bodies = Object.entries(whole.content || {}).map(([media, c]) => {
            const name = nameOf(c.schema);
            return name ? [code(media), " ", make("a", {href: `#schema-${name}`, text: name})] : [code(media)];
        });
        if (bodies.length) text.append(make("p", {className: "quiet"}, ...join(bodies, ", ")));
        return make("div", {}, make("dt", {}, code(status)), text);
    });
    return section("Answers", make("dl", {className: "fields"}, ...rows));
}

function draw(operation) {
    const body = operation.node.querySelector(".body");
    if (!body.childNodes.length) body.append(...prose(operation.op.description), ...requestParts(operation), ...answers(operation));
}

/* ---- the page ---- */

function head(operation) {
    return [make("span", {className: `method ${operation.method}`, text: operation.method.toUpperCase()}), code(operation.path)];
}

function addOperation(tag, path, item, method) {
    const op = item[method], id = op.operationId, operation = {id, method, path, item, op};
    const fieldNames = Object.values(resolve(op.requestBody)?.content || {}).flatMap((c) => properties(c.schema).map((p) => p[0]));
    const parameters = (op.parameters || []).map((p) => resolve(p).name);
    const formats = Object.values(resolve(op.requestBody)?.content || {})
        .flatMap((c) => properties(c.schema).flatMap(([, s]) => resolve(s).enum || []));
    operation.words = [path, method, op.summary, op.description, ...fieldNames, ...parameters, ...formats].join(" ").toLowerCase();
    operation.node = make("details", {className: "operation", id}, make("summary", {}, ...head(operation), make("span", {text: op.summary})),
                          make("div", {className: "body"}));
    operation.node.addEventListener("toggle", () => operation.node.open && draw(operation));
    operation.link = make("li", {}, make("a", {href: `#${id}`}, ...head(operation)));
    operations.push(operation);
    return operation;
}

function addTag(tag) {
    const found = Object.entries(api.paths).flatMap(([path, item]) =>
        METHODS.filter((m) => item[m]?.tags?.[0] === tag.name).map((m) => addOperation(tag, path, item, m)));
    if (!found.length) return;
    const group = make("section", {}, make("h2", {text: tag.name[0].toUpperCase() + tag.name.slice(1)}),
                       ...prose(tag.description), ...found.map((o) => o.node));
    $("operations").append(group);
    $("contents").append(make("p", {className: "group", text: tag.name}), make("ul", {}, ...found.map((o) => o.link)));
}

function addSchemas() {
    for (const [name, schema] of Object.entries(api.components.schemas)) {
        const body = make("div", {className: "body"}), node = make("details", {className: "operation", id: `schema-${name}`},
            make("summary", {}, code(name)), body);
        node.addEventListener("toggle", () => {
            if (!node.open || body.childNodes.length) return;
            const rows = properties(schema);
            body.append(...prose(schema.description), rows.length ? fields(rows) : make("p", {}, ...typeOf(schema)));
        });
        $("schemas").append(node);
    }
}

/* The place that the address names is opened, also when a link inside the page leads there. */
function openPlace() {
    const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (place?.tagName !== "DETAILS") return;
    place.hidden = false;
    place.open = true;
    const operation = operations.find((o) => o.node === place);
    if (operation) draw(operation); /* before it is scrolled to: its toggle event comes later */
    place.scrollIntoView();
    place.querySelector("summary").focus({preventScroll: true});
}

function filter() {
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const operation of operations) {
        const fits = words.every((w) => operation.words.includes(w));
        operation.node.hidden = operation.link.hidden = !fits;
        count += fits;
    }
    for (const group of document.querySelectorAll("#operations > section")) group.hidden = !group.querySelector("details:not([hidden])");
    for (const title of document.querySelectorAll("#contents > .group"))
        title.hidden = ![...title.nextElementSibling.children].some((li) => !li.hidden);
    $("found").textContent = words.length ? `${count} of ${operations.length} operations` : "";
}

async function start() {
    try {
        const response = await fetch("openapi.json");
        if (!response.ok) throw new Error(`the server answers ${response.status}`);
        api = await response.json();
    } catch (error) {
        $("error").textContent = `openapi.json cannot be read: ${error.message}. Reload the page to try again.`;
        $("error").hidden = false;
        return;
    }
    $("summary").textContent = `${api.info.summary || api.info.title} Version ${api.info.version}.`;
    $("about").append(...prose(api.info.description));
    for (const tag of api.tags) addTag(tag);
    addSchemas();
    $("filter").addEventListener("input", filter);
    window.addEventListener("hashchange", openPlace);
    if (location.hash) openPlace();
}

start();
