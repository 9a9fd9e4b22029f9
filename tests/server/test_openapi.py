"""openapi.json says what the service does, and the service does what it says: the document is compared with the tables
and fields of the C sources, its examples are sent, its bounds are overstepped, and every answer must be one it has.
"""
import concurrent.futures
import copy
import glob
import hashlib
import json
import os
import re
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, LONG, Service, multipart, reference, scratch  # noqa: E402

try:
    import jsonschema
except ImportError:
    print("skipped: there is no jsonschema; script/bootstrap --test installs it into .venv-test")
    sys.exit(77)

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "server")


def source(name):
    with open(os.path.join(SOURCES, name), encoding="utf-8") as file:
        return file.read()


TEXT = source("api/openapi.json")
API = json.loads(TEXT)
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def resolve(node):
    """What a $ref names, or the node itself."""
    while isinstance(node, dict) and "$ref" in node:
        target = API
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def walk(node, path=""):
    yield path, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from walk(value, f"{path}/{key}")


def operations():
    for path, item in API["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item, item[method]


def operation(method, path):
    return API["paths"][path][method.lower()]


def listeners(op):
    """Where an operation is: admin false, true, or both."""
    tags = set(op["tags"])
    return [admin for admin in (False, True) if (("admin" in tags) if admin else tags - {"admin"})]


def examples(content):
    """Of one media type: each example's value."""
    return ([content["example"]] if "example" in content else []) + [e["value"] for e in content.get("examples", {}).values()]


def examples_of(parameter):
    """Values of a parameter: its words, its example, its bounds."""
    schema = parameter["schema"]
    values = schema.get("enum") or [parameter[k] for k in ("example",) if k in parameter]
    return values + [schema[k] for k in ("minimum", "maximum") if k in schema]


def properties(schema):
    """All fields of a schema, those of its allOf too."""
    schema = resolve(schema)
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found.update(properties(part))
    return found


def closed():
    """The components, with every answer's object holding what is written there and nothing else."""
    components = copy.deepcopy(API["components"])
    for name, schema in components["schemas"].items():
        if name in ("SpeechOptions", "SpeechRequest", "JobRequest", "BatchRequest", "LongRequest"):
            continue
        for _, node in list(walk(schema)):
            if isinstance(node, dict) and node.get("type") == "object" and "properties" in node:
                node["additionalProperties"] = False
    return components


COMPONENTS = closed()


def validate(value, schema):
    jsonschema.Draft202012Validator({**schema, "components": COMPONENTS}).validate(value)


# method, path, scope, makes something, admin listener
ROW = re.compile(r'\{"([A-Z]+)", "([^"]+)", SV_ROUTE_\w+, (\w+),\s+(MAKES|READS|LISTS),\s+(true|false), SV_BODY_\w+, SV_LANE_\w+,\s+sv_answer_\w+\}')
ROWS = [(m, p, scope, rate == "MAKES", admin == "true") for m, p, scope, rate, admin in ROW.findall(source("routes.c"))]


def fields_of_source():
    """Fields that fields*.c read: those of both routes, of the OpenAI route alone, of /tts alone."""
    code = source("api/fields.c") + source("api/fields_voice.c")
    reads = r'\b(?:sv_field_(?:of|text|copy|number|flag)|word_of)\(&?r, "(\w+)"'
    native = set()
    for call in re.findall(r"if \(native\) (.*)", code):  # reads a field, or calls a function that does
        name = re.search(r"\b(read_\w+)\(", call)
        body = re.search(rf"^static \w+ {name[1]}\(.*?^}}", code, re.M | re.S)[0] if name else call
        native |= set(re.findall(reads, body))
    pairs = re.findall(r'read_text\(&?r, [^,]+, native \? "(\w+)" : "(\w+)"\)', code)
    return set(re.findall(reads, code)) - native, {other for _, other in pairs}, native | {own for own, _ in pairs}


class Document(unittest.TestCase):
    def test_head(self):
        self.assertRegex(API["openapi"], r"^3\.1\.\d+$")
        self.assertTrue(API["info"]["title"] and API["info"]["version"] and API["servers"])

    def test_every_reference_leads_somewhere_and_every_component_is_used(self):
        used = set()
        for path, node in walk(API):
            if isinstance(node, dict) and "$ref" in node:
                used.add(node["$ref"])
                try:
                    resolve(node)
                except KeyError:
                    self.fail(f"{path}: {node['$ref']} is not there")
        for kind in ("parameters", "headers", "responses", "schemas"):
            for name in API["components"][kind]:
                self.assertIn(f"#/components/{kind}/{name}", used)

    def test_every_schema_is_one(self):
        for name, schema in API["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_operations_are_whole(self):
        tags, seen = {tag["name"] for tag in API["tags"]}, set()
        for method, path, item, op in operations():
            with self.subTest(f"{method} {path}"):
                self.assertNotIn(op["operationId"], seen)
                seen.add(op["operationId"])
                self.assertTrue(op["summary"] and op["tags"] and set(op["tags"]) <= tags)
                self.assertTrue(any(code[0] == "2" or code == "101" for code in op["responses"]))
                parameters = [resolve(p) for p in item.get("parameters", []) + op.get("parameters", [])]
                for one in parameters:
                    self.assertTrue(one["name"] and one["schema"] and one["description"])
                    self.assertIn(one["in"], ("path", "query", "header"))
                in_path = {p["name"] for p in parameters if p["in"] == "path" and p["required"]}
                self.assertEqual(in_path, set(re.findall(r"\{(\w+)\}", path)))
                self.assertEqual(len({(p["in"], p["name"]) for p in parameters}), len(parameters))
                for code, response in op["responses"].items():
                    self.assertRegex(code, r"^[1-5]\d\d$")
                    response = resolve(response)
                    self.assertTrue(response["description"])
                    for header in response.get("headers", {}).values():
                        self.assertIn("schema", resolve(header))
                self.assertEqual(any(s["url"] == "/" for s in op.get("servers", API["servers"])), False in listeners(op))
                self.assertEqual(any("admin_listen" in s["url"] for s in op.get("servers", ())), True in listeners(op))

    def test_every_body_has_an_example_and_every_example_fits(self):
        for method, path, _, op in operations():
            bodies = [(f"{method} {path}", media, content, True) for media, content in op.get("requestBody", {}).get("content", {}).items()]
            for code, response in op["responses"].items():
                for media, content in resolve(response).get("content", {}).items():
                    bodies.append((f"{method} {path} {code}", media, content, media == "application/json"))
            for name, media, content, needed in bodies:
                with self.subTest(name, media=media):
                    self.assertTrue(examples(content) or not needed)
                    for value in examples(content):
                        validate(value, content["schema"])
                    if "x-event-schema" in content:
                        for event in events(content["example"]):
                            validate(event, content["x-event-schema"])
        for call in operation("POST", "/tts")["callbacks"]["done"].values():
            content = call["post"]["requestBody"]["content"]["application/json"]
            for value in examples(content):
                validate(value, content["schema"])

    def test_every_field_is_described(self):
        for name, schema in API["components"]["schemas"].items():
            if name in ("SpeechOptions", "SpeechRequest", "JobRequest", "BatchRequest", "LongRequest", "VoiceUpload"):
                for field, one in properties(schema).items():
                    self.assertTrue(one.get("description") and (one.get("type") or one.get("anyOf")), f"{name}.{field}")


class Sources(unittest.TestCase):
    def test_routes(self):
        self.assertEqual(len(ROWS), source("routes.c").count("sv_answer_"))
        described = {(method, path, admin) for method, path, _, op in operations() for admin in listeners(op)}
        self.assertEqual({(m, p, admin) for m, p, _, _, admin in ROWS}, described)

    def test_fields(self):
        both, openai, native = fields_of_source()
        self.assertGreater(len(both), 12)
        self.assertEqual((openai, "text" in native), ({"input"}, True))
        speech, job = (set(properties(API["components"]["schemas"][name])) for name in ("SpeechRequest", "JobRequest"))
        self.assertEqual(speech, both | openai)
        self.assertEqual(job, both | native)

    def test_form(self):
        read = set(re.findall(r'strcmp\(key, "(\w+)"\)', source("api/voices.c")))
        self.assertEqual(read, set(properties(API["components"]["schemas"]["VoiceUpload"])))

    def test_codes(self):
        """No answer has a code that stands nowhere here, and none stands here that no answer has."""
        given = set()
        for name in glob.glob(os.path.join(SOURCES, "**", "*.c"), recursive=True):
            for call in re.findall(r"(?:sv_reply_\w+\(|\bcode = )[^;\"]*", source(name)):
                given |= set(re.findall(r"\b(?:101|[2-5]\d\d)\b", call))
        described = {code for _, _, _, op in operations() for code in op["responses"]}
        # 405 is of methods that are not here; 408 and 499 are for the log, nobody is left to read them
        # 204 is to a browser's OPTIONS, and what has no path yet gets 414, 431, 501 and 505
        self.assertEqual(given - {"204", "405", "408", "414", "431", "499", "505"}, described)

    def test_scopes_and_rates(self):
        public = {(method, path) for method, path, _, _, admin in ROWS if not admin}
        for method, path, scope, _, _ in ROWS:
            with self.subTest(f"{method} {path}"):
                codes = operation(method, path)["responses"]
                self.assertEqual("403" in codes, scope != "0" or method != "GET")
                self.assertEqual("415" in codes, method == "POST" and (method, path) in public)
                self.assertEqual("429" in codes, (method, path) in public)
                self.assertIn("421", codes)


def events(body):
    """The JSON of each server-sent event, whose two types must agree."""
    found = []
    for block in body.strip().split("\n\n"):
        kind, data = re.fullmatch(r"event: (\S+)\ndata: (.*)", block).groups()
        found.append(json.loads(data))
        assert found[-1]["type"] == kind, block
    return found


class Asking(unittest.TestCase):
    """Every answer that is asked for here is compared with its description."""

    def check(self, method, path, answer):
        """The answer to an operation of the document, named by its path there."""
        op = operation(method, path)
        self.assertIn(str(answer.code), op["responses"], (method, path, answer.body[:300]))
        response = resolve(op["responses"][str(answer.code)])
        for name, header in response["headers"].items():
            text, schema = answer.headers.get(name.lower()), resolve(header)["schema"]
            if not name.startswith(("Retry-", "X-Ignored-", "X-Omitted", "X-Reference-")):  # those are there where there is something to tell
                self.assertIsNotNone(text, (method, path, answer.code, name))
            if text is not None:
                validate(int(text) if schema.get("type") == "integer" else text, schema)
        if answer.code == 304:
            self.assertEqual(answer.body, b"")
            return answer
        media = answer.headers["content-type"].split(";")[0]
        self.assertIn(media, response["content"], (method, path, answer.code))
        content = response["content"][media]
        if media == "application/json":
            validate(answer.json(), content["schema"])
        if "x-event-schema" in content:
            found = events(answer.body.decode())
            for event in found:
                validate(event, content["x-event-schema"])
            self.assertIn(found[-1]["type"], ("speech.audio.done", "speech.audio.error"))
        return answer

    def ask(self, service, method, path, body=None, headers=None, id=None, query="", admin=False):
        place = path.replace("{id}", id or "") + query
        port = service.admin_port if admin else None
        return self.check(method, path, service.ask(method, place, body, headers, port))

    def refused(self, service, code, method, path, body=None, param=None, **more):
        answer = self.ask(service, method, path, body, **more)
        self.assertEqual((answer.code, answer.json()["error"]["param"]), (code, param), (method, path, answer.body))
        return answer

    def wait(self, service, request_id, headers=None):
        for _ in range(1200):
            state = self.ask(service, "GET", "/tts/{id}", id=request_id, headers=headers).json()
            if state["status"] not in ("queued", "running"):
                return state
            time.sleep(0.05)
        self.fail("the job never ended")

    def finished(self, service, **fields):
        return self.wait(service, self.ask(service, "POST", "/tts", fields).json()["request_id"])


class Examples(Asking):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--simple", "on", "--queue-wait", "120s", "--voices-dir", tempfile.mkdtemp()).__enter__()
        cls.sound = reference()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def test_it_is_served_as_it_stands(self):
        answer = self.ask(self.service, "GET", "/openapi.json")
        self.assertEqual(answer.body.decode(), TEXT)
        same = self.ask(self.service, "GET", "/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
        self.assertEqual(same.code, 304)
        self.assertEqual(self.ask(self.service, "GET", "/openapi.json", headers={"If-None-Match": '"other"'}).code, 200)
        self.assertEqual(self.service.ask("HEAD", "/openapi.json").body, b"")
        page = self.ask(self.service, "GET", "/")
        self.assertEqual(self.ask(self.service, "GET", "/", headers={"If-None-Match": page.headers["etag"]}).code, 304)

    def test_version(self):
        self.assertEqual(self.service.get("/status.json").json()["version"], API["info"]["version"])

    def ids(self, method, path):
        """Something real for a path's {id}."""
        if path.startswith("/tts/"):
            return self.finished(self.service, text="An example.", timestamps=True)["request_id"]
        for many, body in (("batch", {"requests": [{"input": "An example."}]}), ("long", {"text": "An example."})):
            if path.startswith(f"/v1/audio/speech/{many}/"):
                id = self.ask(self.service, "POST", f"/v1/audio/speech/{many}", body).json()["id"]
                while self.ask(self.service, "GET", f"/v1/audio/speech/{many}/{{id}}", id=id).json()["status"] != "completed":
                    time.sleep(0.05)
                return id
        if path == "/v1/voices/{id}":
            body, headers = multipart({"name": "Ann", "audio": self.sound})
            return self.ask(self.service, "POST", "/v1/voices", body, headers).json()["id"]
        item = API["paths"][path]
        return next((resolve(p)["example"] for p in item["parameters"] if resolve(p)["in"] == "path"), None)

    def requests(self, path, item, op):
        """Body, headers and query of each way to ask that the document shows."""
        for media, content in op.get("requestBody", {}).get("content", {}).items():
            for value in examples(content):
                if media == "multipart/form-data":
                    fields = properties(content["schema"])
                    yield *multipart({n: self.sound if "contentMediaType" in fields[n] else v for n, v in value.items()}), ""
                else:
                    yield value, {"Content-Type": media}, ""
        if "requestBody" in op:
            return
        yield None, {}, ""
        for parameter in (resolve(p) for p in op.get("parameters", ())):
            if parameter["in"] == "query":
                for value in examples_of(parameter):
                    yield None, {}, f"?{parameter['name']}={value}"

    def test_every_example(self):
        for method, path, item, op in operations():
            for admin in listeners(op):
                with self.subTest(f"{method} {path}", admin=admin):
                    codes = []
                    for body, headers, query in self.requests(path, item, op):
                        id = self.ids(method, path)
                        codes.append(self.ask(self.service, method, path, body, headers, id, query, admin).code)
                    if path == "/v1/audio/speech/ws":  # no such client is here: test_websocket.py
                        self.assertEqual(codes, [400])
                    elif path == "/say":  # without its text, and with it
                        self.assertEqual(codes, [400, 200])
                    elif not path.startswith("/admin/dead/{id}"):  # nothing that can be sent makes a dead letter
                        self.assertIn(codes[0] // 100, (2,), codes)

    def test_parameters_examples(self):
        for method, path, item, op in operations():
            for parameter in (resolve(p) for p in item["parameters"] + op.get("parameters", [])):
                if "example" in parameter:
                    validate(parameter["example"], parameter["schema"])

    def test_format_of_a_job(self):
        for format, media in (("flac", "audio/flac"), (None, "audio/wav")):
            state = self.finished(self.service, text="In its own format.", response_format=format)
            audio = self.ask(self.service, "GET", "/tts/{id}/audio", id=state["request_id"])
            self.assertEqual(audio.headers["content-type"], media)
            audio = self.ask(self.service, "GET", "/tts/{id}/audio", id=state["request_id"], query="?format=mp3")
            self.assertEqual(audio.headers["content-type"], "audio/mpeg")


class Bounds(Asking):
    """What the schema of a field allows is taken, and what lies just outside is not."""
    ROUTES = (("/v1/audio/speech", "SpeechRequest", {"input": "Hi.", "stream_format": "sse"}), ("/tts", "JobRequest", {"text": "Hi."}))

    @classmethod
    def setUpClass(cls):
        secret = "ev_" + "e" * 43
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak eve rate=1000\n"
        cls.mine = {"Authorization": f"Bearer {secret}"}  # with a key, since not all is for untrusted clients
        cls.service = Service(COMMAND, *FREE, "--queue-wait", "600s", "--queue-audio", "3000s", "--keys-file",
                              scratch(line, "keys")).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    @staticmethod
    def inside(schema):
        if "enum" in schema:
            return schema["enum"]
        found = [schema["minimum"], schema["maximum"]] if "minimum" in schema else []
        if "default" in schema:
            found.append(schema["default"])
        return found + [False, True] if schema.get("type") == "boolean" else found

    @staticmethod
    def outside(schema):
        kinds = {"string": [5, True, ["x"], {}], "number": ["1", True], "integer": ["1", False], "boolean": [1, "true"]}
        found = list(kinds[schema["type"]])
        step = 1 if schema["type"] == "integer" else 0.001
        if "minimum" in schema:
            found += [schema["minimum"] - step, schema["maximum"] + max(step, schema["maximum"] * 1e-6)]
        if "enum" in schema:
            found += ["x" + schema["enum"][0], schema["enum"][0].upper() + "s"]
        if "maxLength" in schema:
            found.append("x" * (schema["maxLength"] + 1))
        return found + [""] if schema.get("minLength") else found

    @staticmethod
    def not_null(schema):
        """Of a field that may be null: what else it may be."""
        kinds = [kind for kind in [schema["type"]] if isinstance(kind, str)] or [kind for kind in schema["type"] if kind != "null"]
        plain = {**schema, "type": kinds[0]}
        return {**plain, "enum": [one for one in schema["enum"] if one is not None]} if "enum" in schema else plain

    def cases(self):
        for path, name, base in self.ROUTES:
            for field, schema in properties(API["components"]["schemas"][name]).items():
                for one in schema.get("anyOf", [schema]):
                    if one.get("type") != "null":
                        yield path, base, field, self.not_null(one), "anyOf" in schema

    def test_inside(self):
        wanted = [(path, {**base, field: value}) for path, base, field, schema, _ in self.cases() for value in self.inside(schema)]
        self.assertGreater(len(wanted), 60)
        for path, body in wanted:
            with self.subTest(path, body=body):
                # 504: a deadline of a day is met, one of 0 is none
                self.assertIn(self.ask(self.service, "POST", path, body, headers=self.mine).code, (200, 202))

    def test_outside(self):
        seen = set()
        for path, base, field, schema, several in self.cases():
            if schema["type"] == "object":
                if "properties" in schema:
                    bad = [{}, {"id": 5}, {"id": "x" * (schema["properties"]["id"]["maxLength"] + 1)}]
                else:  # words, each with a string
                    bad = [{"word": 5}, {str(i): "x" for i in range(schema["maxProperties"] + 1)}]
            else:
                bad = [v for v in self.outside(schema) if not (several and isinstance(v, dict))]
            for value in bad:
                with self.subTest(path, field=field, value=str(value)[:40]):
                    self.refused(self.service, 400, "POST", path, {**base, field: value}, field)
                    seen.add((path, field))
        self.assertEqual(len(seen), sum(len(properties(API["components"]["schemas"][n])) for _, n, _ in self.ROUTES))

    def test_missing_and_null(self):
        for path, name, base in self.ROUTES:
            fields = properties(API["components"]["schemas"][name])
            empty = {field: None for field in fields}
            self.assertIn(self.ask(self.service, "POST", path, {**empty, **base}).code, (200, 202))
            self.refused(self.service, 400, "POST", path, {}, next(iter(base)))
            self.refused(self.service, 400, "POST", path, empty, next(iter(base)))
            self.assertIn(self.ask(self.service, "POST", path, {**base, "unheard_of": 1}).code, (200, 202))

    def test_bodies_and_queries_that_are_none(self):
        for path, _, _ in self.ROUTES:
            for body in ("{", "[]", "5", b"\xff"):
                self.refused(self.service, 400, "POST", path, body)
        request_id = self.finished(self.service, text="Hi.")["request_id"]
        self.refused(self.service, 400, "GET", "/tts/{id}/audio", id=request_id, query="?format=m4a", param="format")


class Refusals(Asking):
    """Each code that is documented is one that can be had, in the shape that is documented."""
    @classmethod
    def setUpClass(cls):
        cls.silence = multipart({"name": "Ann", "audio": b"no sound" * 400})

    def every(self, wanted):
        for method, path, scope, limited, admin in ROWS:
            if wanted(method, path, scope, limited, admin):
                yield method, path, scope, {"id": "0" * 32, "admin": admin}

    def test_keys(self):
        secrets = {"speak": "ev_" + "a" * 43, "voices": "ev_" + "b" * 43}
        lines = "".join(f"{k[:8]} {hashlib.sha256(k.encode()).hexdigest()} {scope} {scope}\n" for scope, k in secrets.items())
        with Service(COMMAND, *FREE, "--keys-file", scratch(lines, "keys"), "--anonymous", "off") as s:
            for method, path, scope, more in self.every(lambda *_: True):
                with self.subTest(f"{method} {path}"):
                    self.refused(s, 401, method, path, headers={"Authorization": "Bearer ev_wrong"}, **more)
                    if scope == "0":
                        continue
                    self.refused(s, 401, method, path, **more)
                    other = "voices" if scope == "SV_SCOPE_SPEAK" else "speak"
                    self.refused(s, 403, method, path, headers={"Authorization": f"Bearer {secrets[other]}"}, **more)

    def test_rates(self):
        for method, path, _, more in self.every(lambda _m, _p, _s, limited, _a: limited):
            with Service(COMMAND, "--simple", "on", "--rate-per-ip", "0.1", "--burst-per-ip", "1", "--log-level", "error") as s:
                self.assertIn(self.ask(s, method, path, "{}", **more).code, (400, 415))
                answer = self.refused(s, 429, method, path, "{}", **more)
                self.assertGreaterEqual(int(answer.headers["retry-after"]) * 1000, int(answer.headers["retry-after-ms"]))
                self.assertGreater(int(answer.headers["retry-after-ms"]), 5000)

    def test_sizes_and_ids(self):
        with Service(COMMAND, *FREE, "--body-max", "2000", "--reference-bytes-max", "2000", "--voices-dir", tempfile.mkdtemp()) as s:
            for method, path, _, more in self.every(lambda method, *_: method == "POST"):
                kind = {"headers": self.silence[1]} if path == "/v1/voices" else {}
                self.refused(s, 413, method, path, "x" * (6000 if path.startswith("/admin") else 3000), **more, **kind)
            for method, path, _, more in self.every(lambda _m, path, *_: "{id}" in path and not path.startswith(("/v1/models/", "/v1/text-"))):
                self.refused(s, 404, method, path, param="id" if "voices" in path else None, **more)
        with Service(COMMAND, *FREE, "--reference-bytes-max", "2000", "--voices-dir", tempfile.mkdtemp()) as s:
            self.refused(s, 413, "POST", "/v1/voices", self.silence[0], "audio", headers=self.silence[1])

    def test_voices(self):
        with Service(COMMAND, *FREE) as s:
            body, headers = multipart({"name": "Ann", "audio": reference()})
            self.refused(s, 501, "POST", "/v1/voices", body, "audio", headers=headers)
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp(), "--consent", "required") as s:
            self.refused(s, 403, "POST", "/v1/voices", self.silence[0], "consent_id", headers=self.silence[1])
            for path, text in (("/v1/audio/speech", "input"), ("/tts", "text")):
                self.refused(s, 403, "POST", path, {text: "Hi.", "reference_audio": "AAAA"}, "reference_audio")
            for fields, param in (({"name": "", "audio": "x"}, "name"), ({"name": "x" * 65, "audio": "x"}, "name"),
                                  ({"name": "Ann"}, "audio"), ({"name": "Ann", "audio": "x", "consent_id": "x" * 65}, "consent_id"),
                                  ({"name": "Ann", "audio": "x", "consent_id": b"\xff\xfe"}, "consent_id"),
                                  ({"name": "Ann", "audio": "x", "consent_id": "a\tb"}, "consent_id")):
                body, headers = multipart(fields)
                self.refused(s, 400, "POST", "/v1/voices", body, param, headers=headers)
            for name in ("audio", "file", "audio_sample"):
                body, headers = multipart({"name": "Ann", name: b"no sound" * 400, "consent_id": "form-1"})
                self.refused(s, 422, "POST", "/v1/voices", body, "audio", headers=headers)

    def test_what_cannot_be_spoken(self):
        bad = {"reference_audio": "AAAA" * 400}
        with Service(COMMAND, *FREE, "--words-file", scratch("forbidden\n"), "--fetch", "any") as s:
            for path, text in (("/v1/audio/speech", "input"), ("/tts", "text")):
                self.refused(s, 422, "POST", path, {text: "This is forbidden."}, text)
                self.refused(s, 504, "POST", path, {text: LONG, "deadline_ms": 1}, "deadline_ms")
            url = {"reference_audio_url": "http://127.0.0.1/a.wav"}  # never asked: it is no public address
            for fields, code, param in (({"voice": "nobody"}, 404, "voice"), (bad, 422, "reference_audio"),
                                        (url, 424, "reference_audio_url"), ({"emotion": "happy:3"}, 400, None)):
                self.refused(s, code, "POST", "/v1/audio/speech", {"input": "Hi.", **fields}, param)
                if param == "voice":  # known at once
                    self.refused(s, code, "POST", "/tts", {"text": "Hi.", **fields}, param)
                    continue
                state = self.finished(s, text="Hi.", **fields)
                self.assertEqual(state["status"], "failed")
                self.refused(s, code, "GET", "/tts/{id}/audio", id=state["request_id"], param=param)
            state = self.finished(s, text="😀")
            self.refused(s, 400, "GET", "/tts/{id}/audio", id=state["request_id"], param="text")
            both = {"input": "Hi.", "reference_audio": "AAAA", **url}
            self.refused(s, 400, "POST", "/v1/audio/speech", both, "reference_audio_url")

    def test_before_it_is_ready(self):
        with Service(COMMAND, *FREE) as s:
            request_id = self.ask(s, "POST", "/tts", {"text": LONG}).json()["request_id"]
            self.refused(s, 409, "GET", "/tts/{id}/audio", id=request_id)
            self.ask(s, "DELETE", "/tts/{id}", id=request_id)

    def test_full_and_stopping(self):
        with Service(COMMAND, *FREE, "--queue-audio", "20s", "--coalesce", "off") as s:
            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                answers = list(pool.map(lambda n: self.ask(s, "POST", "/tts", {"text": LONG[:600] + str(n)}), range(40)))
            self.assertEqual({a.code for a in answers}, {202, 503})
            self.assertTrue(all("retry-after" in a.headers for a in answers if a.code == 503))
        with Service(COMMAND, *FREE, "--drain-timeout", "300s") as s:
            connection = s.connect()  # what is being sent keeps the service from ending
            connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG, "response_format": "pcm"}))
            response = connection.getresponse()
            s.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            for path, text in (("/v1/audio/speech", "input"), ("/tts", "text")):
                self.refused(s, 503, "POST", path, {text: "Too late."})
            for path, admin in (("/readyz", False), ("/readyz", True), ("/v2/health/ready", False)):
                self.refused(s, 503, "GET", path, admin=admin)
            self.assertEqual(self.ask(s, "GET", "/healthz").code, 200)
            response.close()
            connection.close()
            self.assertEqual(s.process.wait(60), 0)  # a second signal would end it at once


if __name__ == "__main__":
    unittest.main(verbosity=2)
