"""Recordings that a voice is taken from: which kinds of files, and from where."""
import array
import base64
import http.server
import io
import json
import math
import random
import subprocess
import tempfile
import threading
import time
import unittest
import wave

from service import COMMAND, FREE, TINY, Service, reference

TEXT = "The quick brown fox jumps over the lazy dog, and then it rests in the warm sun."
NOT_READ = {"m4a": b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(400), "webm": b"\x1a\x45\xdf\xa3" + bytes(400),
            "aiff": b"FORM\0\0\0\4AIFF" + bytes(400)}


def recording(kind):
    if kind == "vorbis":
        done = subprocess.run(["sox", "-t", "wav", "-", "-t", "ogg", "-"], input=reference(), capture_output=True, check=True)
    else:
        done = subprocess.run([COMMAND, "say", TEXT, "-o", "-", "--format", kind, "--voice", "ray", "--quiet"],
                              capture_output=True, check=True)
    return done.stdout


def inline(sound):
    return {"reference_audio": base64.b64encode(sound).decode(), "response_format": "pcm"}


def serve(test, files):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(files[self.path])

        def log_message(self, *_):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    test.addCleanup(server.server_close)
    test.addCleanup(server.shutdown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"127.0.0.1:{server.server_port}"


class Kinds(unittest.TestCase):
    def refused(self, answer, field, *words):
        self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, field), answer.body)
        for word in words:
            self.assertIn(word, answer.json()["error"]["message"])

    def test_files_that_are_read(self):
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()) as s:
            for kind in ("flac", "opus", "vorbis"):
                sound = recording(kind)
                made = s.upload("Ann", sound)
                self.assertEqual(made.code, 201, (kind, made.body))
                spoken = s.speech("As Ann.", voice=made.json()["id"], response_format="pcm")
                self.assertEqual(spoken.code, 200)
                self.assertEqual(spoken.body, s.speech("As Ann.", **inline(sound)).body, kind)
                cut = s.speech("As Ann.", **inline(sound[:len(sound) // 2]))
                self.assertEqual((cut.code, cut.json()["error"]["param"]), (422, "reference_audio"), kind)
            self.assertEqual(s.metric("decoder_deaths_total"), 0)

    def test_files_that_are_not(self):
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()) as s:
            for kind, sound in {**NOT_READ, "aac": recording("aac")}.items():
                taken = "wav, mp3, flac, opus or vorbis"
                self.refused(s.upload("Ann", sound), "audio", kind, taken)
                self.refused(s.speech("No.", **inline(sound)), "reference_audio", kind, taken)
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp(), "--reference-formats", "wav,flac") as s:
            self.refused(s.upload("Ann", recording("opus")), "audio", "opus", "send it as wav or flac")
            self.assertEqual(s.upload("Ann", reference()).code, 201)

    def test_files_behind_urls(self):
        host = serve(self, {"/a.wav": reference(), "/a.flac": recording("flac"), "/a.m4a": NOT_READ["m4a"]})
        fetch = ("--fetch", "any", "--fetch-allow", host)

        def ask(s, name):
            return s.speech("Fetched.", reference_audio_url=f"http://{host}/{name}", response_format="pcm")
        with Service(COMMAND, *FREE, *fetch) as s:
            self.assertEqual(ask(s, "a.wav").code, 200)
            self.refused(ask(s, "a.flac"), "reference_audio_url", "flac", "wav or mp3")
        with Service(COMMAND, *FREE, *fetch, "--fetch-formats", "wav flac") as s:
            self.assertEqual(ask(s, "a.flac").code, 200)
            self.refused(ask(s, "a.m4a"), "reference_audio_url", "m4a", "wav or flac")


def changed(sound, change):
    """A 16-bit wav with other samples."""
    with wave.open(io.BytesIO(sound)) as file:
        rate, samples = file.getframerate(), array.array("h", file.readframes(file.getnframes()))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(rate)
        file.writeframes(array.array("h", change(samples, rate)).tobytes())
    return out.getvalue()


def clipped(samples, _):
    most = max(samples) // 4
    return [max(-most, min(most, s)) for s in samples]


def melody(samples, rate):
    return [int(8000 * math.sin(2 * math.pi * (262, 330, 392, 349)[i * 2 // rate % 4] * i / rate)) for i in range(len(samples))]


class Quality(unittest.TestCase):
    @unittest.skipIf(TINY, "tiny networks say nothing")
    def test_what_is_wrong_is_told(self):
        good, what = reference(), "clipped: record it again with less gain"
        bad = changed(good, clipped)
        with Service(COMMAND, *FREE[:2], "--voices-dir", tempfile.mkdtemp(), "--log-level", "warn") as s:
            made = s.upload("Ann", bad)
            self.assertEqual((made.code, made.json()["warnings"], made.headers["x-reference-warnings"]), (201, [what], what))
            spoken = s.speech("As Ann.", **inline(bad))
            self.assertEqual((spoken.code, spoken.headers["x-reference-warnings"]), (200, what))
            told = s.speech("As Ann.", stream_format="sse", **inline(bad))
            self.assertIn(f'"warnings":{json.dumps([what])}', told.body.decode())
            job = s.post("/tts", {"text": "As Ann.", "reference_audio": inline(bad)["reference_audio"]}).json()["request_id"]
            while (state := s.get("/tts/" + job).json())["status"] in ("queued", "running"):
                time.sleep(0.02)
            self.assertEqual(state["warnings"], [what])
            self.assertEqual(s.upload("Bob", good).json()["warnings"], [])
            self.assertNotIn("x-reference-warnings", s.speech("As Bob.", **inline(good)).headers)
        self.assertEqual(len([line for line in s.lines if "a reference recording is " + what in line]), 1)

    def test_what_is_no_speech_is_refused(self):
        random.seed(1)
        sound = reference()
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()) as s:
            for change in (melody, lambda samples, rate: [random.randint(-9000, 9000) for _ in samples],
                           lambda samples, rate: [0 for _ in samples]):
                bad = changed(sound, change)
                for answer, field in ((s.upload("Ann", bad), "audio"), (s.speech("No.", **inline(bad)), "reference_audio")):
                    self.assertEqual((answer.code, answer.json()["error"]["param"]), (422, field), answer.body)
                    self.assertIn("give a recording of", answer.json()["error"]["message"])


if __name__ == "__main__":
    unittest.main()
