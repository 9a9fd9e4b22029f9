"""A stand-in for `emotivoice serve`, as far as its page can tell: the same paths, answers and errors, and a hum with
the intonation of speech in place of a voice. For the page's test, and for working on the page:

  python3 tests/server/page/fake_server.py [--port 8080] [--key KEY]

then open http://127.0.0.1:8080/. Files of web/ are read anew at each request.
"""
import argparse
import array
import base64
import email
import io
import json
import math
import pathlib
import random
import re
import sys
import threading
import time
import urllib.parse
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROOT = pathlib.Path(__file__).resolve().parents[3]
RATE = 24000
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml"}
VOICES = [("ava", "en", "female, even and clear", 170), ("ray", "en", "male, low and calm", 101),
          ("angus", "en", "male, Scottish", 126), ("mei", "zh", "female, bright", 215), 
          ("lin", "zh", "male, plain", 101), ("lan", "zh", "female, soft", 188), ("yan", "zh", "female, high", 190),
          ("gao", "zh", "male, full", 106),
          ("shi", "zh", "male, low", 106)]
EMOTIONS = {"neutral": 1.0, "calm": 0.6, "happy": 1.8, "excited": 2.6, "sad": 0.5, "angry": 1.6, "surprised": 2.4,
            "fearful": 1.4}  # how lively the pitch is
MAGIC = {"mp3": b"ID3\x04", "flac": b"fLaC", "opus": b"OggS"}
RANGES = {"emotion_degree": (0, 1.5), "speed": (0.25, 4), "pitch_scale": (0.5, 2), "volume": (-40, 40)}


def policy():
    """SV_PAGE_CSP of src/server/api/page.h: the page is tested under the policy that it is served with."""
    source = (ROOT / "src/server/api/page.h").read_text()
    lines = re.search(r"#define SV_PAGE_CSP((?:.*\\\n)*.*)", source).group(1)
    return "".join(re.findall(r'"([^"]*)"', lines))


# ---- sound ----

def vowel(formants, pitch):
    """One period of a vowel: harmonics under three formants."""
    table = [0.0] * 256
    for k in range(1, min(40, int(7000 / pitch))):
        gain = sum(a / (1 + ((k * pitch - f) / w) ** 2) for f, w, a in formants) / math.sqrt(k)
        for i in range(256):
            table[i] += gain * math.sin(2 * math.pi * k * i / 256 + k)
    top = max(map(abs, table))
    return [x / top for x in table]


VOWELS = [[(700, 120, 1), (1200, 130, .6), (2600, 200, .25)], [(320, 80, 1), (2200, 160, .5), (3000, 220, .3)],
          [(450, 90, 1), (900, 110, .5), (2400, 200, .15)], [(520, 100, 1), (1800, 150, .5), (2600, 200, .25)]]


def blend(body):
    """(label, weight) of "happy" or "happy:0.7,sad:0.3"."""
    parts = [part.partition(":") for part in body.get("emotion", "neutral").split(",")]
    return [(label, float(weight or 1)) for label, _, weight in parts]


def speech(body):
    """16-bit samples, a syllable for each few letters as it is made: a vowel, noise before some, and a pitch that falls
    over the sentence."""
    seed = random.Random(body["input"])
    base = next((hz for name, _, _, hz in VOICES if name == body.get("voice")), 150) * body.get("pitch_scale", 1)
    lively = 1 + (sum(w * EMOTIONS[e] for e, w in blend(body)) - 1) * body.get("emotion_degree", 1)
    units = re.findall(r"[a-z']+|[0-9]|[\u3400-\u9fff]|[,.!?;:，。！？；：]", body["input"].lower())
    syllables = [u for unit in units for u in ([unit] if len(unit) < 4 else [unit[:3], unit[3:]])]
    tables = [vowel(v, base) for v in VOWELS]
    for number, unit in enumerate(syllables):
        steps = int(RATE * seed.uniform(0.13, 0.2) / body.get("speed", 1))
        if not unit[0].isalnum() and unit[0] != "'":
            yield array.array("h", [0] * steps)
            continue
        height = lively * seed.uniform(-1.5, 2.5) + 1.5 - 3.5 * number / len(syllables)
        yield syllable(seed.choice(tables), steps, base, height, lively, seed if seed.random() < 0.4 else None)


def syllable(table, steps, base, height, lively, hiss):
    """Frequency and loudness change every 64 samples, which is often enough for a stand-in. hiss: where its noise
    comes from, or None."""
    out, phase = array.array("h"), 0.0
    for start in range(0, steps, 64):
        part = start / steps
        step = 256 * base * 2 ** ((height + lively * 1.5 * math.sin(3 * part)) / 12) / RATE
        loud = 9000 * math.sin(math.pi * min(1, max(0, part * 1.3 - 0.25))) ** 0.6
        count = min(64, steps - start)
        out.extend([int(loud * table[int(phase + i * step) & 255]) for i in range(count)])
        phase += count * step
        if hiss and part < 0.25:
            noise = int(1900 * math.sin(math.pi * part / 0.25))
            for i in range(start, start + count):
                out[i] += hiss.randint(-noise, noise)
    return out


def wav(samples):
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()


# ---- the service ----

class Refusal(Exception):
    def __init__(self, status, message, param=None, code=None, **headers):
        super().__init__(message)
        self.status, self.headers = status, headers
        kind = "authentication_error" if status == 401 else "invalid_request_error" if status < 500 else "server_error"
        self.body = {"error": {"message": message, "type": kind, "param": param, "code": code}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one(self, call):
        try:
            call()
        except Refusal as refusal:
            self.json(refusal.status, refusal.body, refusal.headers)
        except (BrokenPipeError, ConnectionResetError):
            self.server.aborted.set()
            self.close_connection = True

    def do_GET(self):
        self.handle_one(self.get)

    def do_POST(self):
        self.handle_one(self.post)

    def do_DELETE(self):
        self.handle_one(self.delete)

    def get(self):
        path = self.path.split("?")[0]
        if path == "/v1/voices":
            self.allow()
            return self.json(200, self.list_voices(dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))))
        if path == "/v1/emotions":
            self.allow()
            return self.json(200, {"object": "list", "data": list(EMOTIONS)})
        if path == "/status.json":
            return self.json(200, self.server.status())
        file = ROOT / "web" / {"/": "index.html", "/docs": "docs.html"}.get(path, path[1:])
        if path == "/openapi.json":
            file = ROOT / "src/server/api/openapi.json"
        if "/" in path[1:] or not file.is_file():
            raise Refusal(404, f"there is nothing at {path}", code="not_found")
        self.reply(200, file.read_bytes(), {"Content-Type": TYPES[file.suffix], "Content-Security-Policy": policy(),
                                            "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"})

    def list_voices(self, query):
        words, kind = query.get("q", "").lower().split(), query.get("kind")
        found = [v for v in self.server.voices if kind in (None, v["kind"])
                 and all(w in f'{v["name"]} {v["note"]}'.lower() for w in words)]
        page = found[:int(query.get("limit", len(found) or 1))]
        return {"object": "list", "data": page, "uploads": self.server.keeps, "total": len(found),
                "has_more": len(page) < len(found)}

    def post(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.allow()
        if self.path == "/v1/voices":
            return self.add_voice(data)
        if self.path == "/v1/audio/subtitles":
            body = json.loads(data)
            check(body, self.server.voices)
            head = "WEBVTT\n\n" if body["response_format"] == "vtt" else "1\n"
            comma = "," if body["response_format"] == "srt" else "."
            return self.reply(200, f"{head}00:00:00{comma}000 --> 00:00:01{comma}000\n{body['input']}\n".encode(), {"Content-Type": "text/plain"})
        if self.path != "/v1/audio/speech":
            raise Refusal(404, f"there is nothing at {self.path}", code="not_found")
        body = json.loads(data)
        self.server.requests.append(body)
        check(body, self.server.voices)
        form = body.get("response_format", "mp3")
        if form == "pcm":
            return self.stream(speech(body))
        samples = array.array("h")
        for piece in speech(body):
            samples.extend(piece)
        content = wav(samples) if form == "wav" else MAGIC[form] + samples.tobytes()
        self.server.files.append(content)
        self.reply(200, content, {"Content-Type": f"audio/{form}"})

    def stream(self, pieces):
        """Chunks that end in the middle of a sample, faster than they are heard."""
        self.send_response(200)
        headers = {"Content-Type": "audio/pcm", "X-Sample-Rate": str(RATE), "Transfer-Encoding": "chunked"}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        waiting = b""
        for piece in pieces:
            waiting += piece.tobytes()
            chunk, waiting = waiting[:-3], waiting[-3:]
            self.chunk(chunk)
            time.sleep(len(piece) / RATE * self.server.pace)
        self.chunk(waiting)
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, data):
        if data:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

    def add_voice(self, data):
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        parts = {p.get_param("name", header="content-disposition"): p.get_payload(decode=True)
                 for p in email.message_from_bytes(head + data).get_payload()}
        name = parts.get("name", b"").decode()
        if not re.fullmatch(r"[\w-]{1,64}", name):
            raise Refusal(400, "name must be 1 to 64 letters, digits, - or _", "name", "bad_name")
        with wave.open(io.BytesIO(parts["audio"])) as file:
            assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        voice = {"id": name, "name": name, "language": "en", "note": "", "kind": "uploaded"}
        self.server.voices.append(voice)
        self.server.uploads.append(parts)
        self.json(201, voice)

    def delete(self):
        self.allow()
        name = self.path.rsplit("/", 1)[1]
        if not any(v["id"] == name and v["kind"] == "uploaded" for v in self.server.voices):
            raise Refusal(404, f"there is no voice {name} that could be deleted", "voice", "voice_not_found")
        self.server.voices = [v for v in self.server.voices if v["id"] != name]
        self.json(200, {"id": name, "object": "voice", "deleted": True})

    def allow(self):
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            raise Refusal(401, "this server needs a key: send Authorization: Bearer KEY", code="invalid_api_key")

    def json(self, status, value, headers=None):
        self.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def reply(self, status, content, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)


def check(body, voices):
    if not body.get("input", "").strip():
        raise Refusal(400, "input is empty: give a text to speak", "input", "empty_input")
    if not re.search(r"\w", body["input"]):
        raise Refusal(400, "input has nothing that can be spoken", "input", "unspeakable")
    if "reference_audio" in body:
        try:
            with wave.open(io.BytesIO(base64.b64decode(body["reference_audio"].rsplit(",", 1)[-1]))) as file:
                file.getnframes()
        except (wave.Error, EOFError, IndexError) as error:
            raise Refusal(400, f"reference_audio is no wav: {error}", "reference_audio", "bad_audio")
    elif not any(v["id"] == body.get("voice") for v in voices):
        raise Refusal(404, f"there is no voice {body.get('voice')!r}", "voice", "voice_not_found")
    if any(label not in EMOTIONS for label, _ in blend(body)):
        raise Refusal(400, f"there is no emotion {body['emotion']!r}", "emotion", "emotion_not_found")
    for param, (low, high) in RANGES.items():
        if not low <= body.get(param, 1) <= high:
            raise Refusal(400, f"{param} must be between {low} and {high}", param, "out_of_range")


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port=0, key=None):
        super().__init__(("127.0.0.1", port), Handler)
        self.key, self.pace = key, 0.1  # pace: seconds to send one second of speech
        self.keeps = True  # voices
        self.voices = [{"id": n, "name": n, "language": l, "note": note, "kind": "named"} for n, l, note, _ in VOICES]
        self.requests, self.files, self.uploads, self.aborted, self.polls = [], [], [], threading.Event(), []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionResetError, BrokenPipeError)):
            super().handle_error(request, client_address)

    def status(self):
        self.polls.append(time.monotonic())
        wave_ = math.sin(len(self.polls) / 5)
        return {"requests_per_s": 12.3 + 4 * wave_ + random.uniform(-1, 1), "latency_p50_s": 0.041,
                "latency_p95_s": 0.08 + 0.014 * wave_ + random.uniform(-0.004, 0.004), "batch_mean": 3.2 + wave_,
                "voice_cache_hit_share": 0.71, "queue_jobs": round(4 + 3 * wave_),
                "queue_audio_s": 11.2 + 8 * wave_, "version": "0.1.0"}

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--key")
    options = parser.parse_args()
    server = FakeServer(options.port, options.key)
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
