"""`emotivoice serve` as a client meets it: every test drives the real program over loopback."""
import base64
import concurrent.futures
import functools
import hashlib
import hmac
import http.server
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Service, scratch  # noqa: E402

COMMAND = sys.argv.pop(1) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else "build/emotivoice"
FREE = ("--rate-per-ip", "0", "--log-level", "error")
LONG = "The river runs through the valley and the wind goes over the hills. " * 60


def said(text, *flags):
    """What the command says, as 16-bit samples: the service must give the same bytes."""
    done = subprocess.run([COMMAND, "say", text, "-o", "-", "--format", "pcm", "--quiet", *flags], capture_output=True, check=True)
    return done.stdout


def wav_body(data):
    """Samples of a RIFF file whose sizes must be exact."""
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE", data[:16]
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8, "RIFF size"
    at = 12
    while at < len(data):
        name, size = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        if name == b"data":
            return data[at + 8:at + 8 + size]
        at += 8 + size + size % 2
    raise AssertionError("no data chunk")


def reference(seconds_of="The quick brown fox jumps over the lazy dog, and then it rests in the warm sun.", voice="ray"):
    done = subprocess.run([COMMAND, "say", seconds_of, "-o", "-", "--format", "wav", "--voice", voice, "--quiet"],
                          capture_output=True, check=True)
    return done.stdout


class Speech(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--queue-wait", "120s").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def test_says_what_the_command_says(self):
        for text, voice in (("Good morning.", "ava"), ("你好，今天天气很好。", "mei")):
            answer = self.service.speech(text, voice=voice, response_format="pcm")
            self.assertEqual(answer.code, 200)
            self.assertEqual(answer.headers["x-sample-rate"], "16000")
            self.assertEqual(hashlib.sha256(answer.body).digest(), hashlib.sha256(said(text, "--voice", voice)).digest())

    def test_every_format(self):
        heads = {"wav": b"RIFF", "flac": b"fLaC", "opus": b"OggS", "mp3": b"ID3"}
        for name, head in heads.items():
            answer = self.service.speech(f"In {name}.", response_format=name)
            self.assertEqual((answer.code, answer.body[:len(head)]), (200, head), name)
            self.assertIn(b"ynthetic", answer.body[:4000] + answer.body[-4000:], name)  # the label
        self.assertEqual(self.service.speech("Default.").body[:3], b"ID3")

    def test_whole_wav_is_exact_and_equals_the_stream(self):
        whole = self.service.speech("Whole or streamed, it is the same.", response_format="wav")
        self.assertIn("content-length", whole.headers)
        streamed = self.service.speech("Whole or streamed, it is the same.", response_format="pcm", seed=0)
        self.assertEqual(wav_body(whole.body), streamed.body)

    def test_events(self):
        answer = self.service.speech("As events.", response_format="pcm", stream_format="sse")
        self.assertEqual(answer.headers["content-type"], "text/event-stream")
        events = [json.loads(block.split("data: ", 1)[1]) for block in answer.body.decode().strip().split("\n\n")]
        audio = b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
        self.assertEqual(events[-1]["type"], "speech.audio.done")
        self.assertEqual(events[-1]["usage"]["input_tokens"], len("As events."))
        self.assertEqual(audio, said("As events."))

    def test_many_at_once_are_as_alone(self):
        """No voice bleeds into another: sixty-four at once give the bytes that each gives alone."""
        texts = [f"This is request number {n}, and it is its own." for n in range(64)]
        emotions = ["neutral", "happy", "sad", "angry"]
        voices = ["ava", "ray", "mei", "lin"]

        def one(n):
            return service.speech(texts[n], voice=voices[n % 4], emotion=emotions[n // 4 % 4], response_format="pcm")
        with Service(COMMAND, *FREE, "--queue-wait", "300s", "--batch-mode", "fixed") as service:
            with concurrent.futures.ThreadPoolExecutor(64) as pool:
                answers = list(pool.map(one, range(64)))
            batched = service.metric("batch_size_sum"), service.metric("batch_size_count")
        self.assertEqual({a.code for a in answers}, {200})
        for n in (0, 17, 38, 63):
            self.assertEqual(answers[n].body, said(texts[n], "--voice", voices[n % 4], "--emotion", emotions[n // 4 % 4]))
        self.assertGreater(batched[0], 1.5 * batched[1])

    def test_mistakes(self):
        ok = {"model": "emotivoice", "input": "Hello."}
        cases = [({**ok, "input": ""}, 400, "input"), ({"model": "x"}, 400, "input"), ({**ok, "input": 5}, 400, "input"),
                 ({**ok, "input": "x" * 20001}, 400, "input"), ({**ok, "input": "😀"}, 400, "input"),
                 ({**ok, "voice": "nobody"}, 404, "voice"), ({**ok, "voice": 3}, 400, "voice"),
                 ({**ok, "emotion": "jolly"}, 400, "emotion"), ({**ok, "emotion": "happy:3"}, 400, None),
                 ({**ok, "speed": 9}, 400, "speed"), ({**ok, "speed": "fast"}, 400, "speed"),
                 ({**ok, "pitch_scale": 0}, 400, "pitch_scale"), ({**ok, "response_format": "aac"}, 400, "response_format"),
                 ({**ok, "stream_format": "smoke"}, 400, "stream_format"), ({**ok, "language": "tlh"}, 400, "language"),
                 ({**ok, "priority": "mine"}, 400, "priority"), ({**ok, "reference_audio": "!!!"}, 400, "reference_audio"),
                 ({**ok, "reference_audio": base64.b64encode(b"not a sound" * 99).decode()}, 422, "reference_audio"),
                 ({**ok, "reference_audio_url": "https://example.com/a.wav"}, 400, "reference_audio_url"),
                 ([ok], 400, None)]
        for body, code, param in cases:
            answer = self.service.post("/v1/audio/speech", body)
            error = answer.json()["error"]
            self.assertEqual((answer.code, error["param"]), (code, param), (body, error))
            self.assertTrue(error["message"] and error["type"])
        self.assertEqual(self.service.post("/v1/audio/speech", "{not json").code, 400)
        self.assertEqual(self.service.post("/v1/audio/speech", b"\xff\xfe").code, 400)
        self.assertEqual(self.service.get("/nowhere").code, 404)
        self.assertEqual(self.service.get("/v1/audio/speech").code, 405)
        self.assertEqual(self.service.post("/v1/audio/speech", "x" * 17_000_000).code, 413)  # read to its end
        connection = self.service.connect()
        connection.putrequest("POST", "/v1/audio/speech")
        connection.putheader("Content-Length", "99000000000")
        connection.endheaders()
        self.assertEqual(connection.getresponse().status, 413)  # at once
        connection.close()

    def test_small_pages(self):
        for path in ("/healthz", "/readyz", "/v1/models", "/v1/emotions", "/status.json", "/v2/health/ready"):
            self.assertEqual(self.service.get(path).code, 200, path)
        voices = self.service.get("/v1/voices").json()["data"]
        self.assertIn("ava", [v["id"] for v in voices])
        page = self.service.get("/")
        self.assertEqual((page.code, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", page.headers["content-security-policy"])
        self.assertEqual(self.service.get("/", headers={"If-None-Match": page.headers["etag"]}).code, 304)
        self.assertEqual(self.service.get("/metrics").code, 404)  # on the admin address alone
        self.assertEqual(self.service.ask("HEAD", "/healthz").body, b"")

    def test_request_ids(self):
        given = self.service.get("/healthz", headers={"X-Request-Id": "abc-1"})
        self.assertEqual(given.headers["x-request-id"], "abc-1")
        forged = self.service.get("/healthz", headers={"X-Request-Id": "a b\"c"})
        self.assertNotIn(" ", forged.headers["x-request-id"])

    def test_instructions_name_an_emotion(self):
        plain = self.service.speech("Look at that.", response_format="pcm").body
        sad = self.service.speech("Look at that.", response_format="pcm", instructions="Speak in a sad voice.").body
        self.assertEqual(sad, said("Look at that.", "--emotion", "sad"))
        self.assertNotEqual(plain, sad)

    def test_equal_requests_are_made_once(self):
        before = self.service.metric("coalesced_total") + self.service.metric('result_cache_requests_total{result="hit"}')
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            bodies = {a.body for a in pool.map(lambda _: self.service.speech("Once is enough.", response_format="pcm"), range(8))}
        self.assertEqual(len(bodies), 1)
        after = self.service.metric("coalesced_total") + self.service.metric('result_cache_requests_total{result="hit"}')
        self.assertEqual(after - before, 7)

    def test_a_deadline_that_cannot_be_met(self):
        answer = self.service.speech(LONG, response_format="pcm", deadline_ms=1)
        self.assertEqual((answer.code, answer.json()["error"]["param"]), (504, "deadline_ms"))

    def test_a_client_that_leaves(self):
        before = self.service.metric('jobs_total{outcome="canceled"}')
        connection = self.service.connect()
        connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG + "Gone.", "response_format": "pcm"}))
        response = connection.getresponse()
        response.read(1000)
        response.close()
        connection.close()
        for _ in range(100):
            if self.service.metric('jobs_total{outcome="canceled"}') > before:
                break
            time.sleep(0.1)
        self.assertEqual(self.service.metric('jobs_total{outcome="canceled"}'), before + 1)
        self.assertGreater(self.service.metric("canceled_compute_seconds_total"), 0)

    def test_a_slow_reader_harms_nobody(self):
        slow = []
        for n in range(8):
            connection = self.service.connect()
            connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG + str(n), "response_format": "pcm"}))
            slow.append((connection, connection.getresponse()))  # nobody reads them
        answer = self.service.speech("Quick, please.", response_format="pcm")
        self.assertEqual(answer.body, said("Quick, please."))
        for connection, response in slow:
            response.close()
            connection.close()


class Jobs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def wait(self, request_id):
        for _ in range(300):
            state = self.service.get(f"/tts/{request_id}").json()
            if state["status"] not in ("queued", "running"):
                return state
            time.sleep(0.05)
        self.fail("the job never ended")

    def test_accepted_then_asked_for(self):
        answer = self.service.post("/tts", {"text": "Later.", "emotion": "happy", "voice": "ray"})
        self.assertEqual((answer.code, answer.json()["status"]), (202, "queued"))
        request_id = answer.json()["request_id"]
        state = self.wait(request_id)
        self.assertEqual((state["status"], state["audio_url"]), ("completed", f"/tts/{request_id}/audio"))
        self.assertGreater(state["audio_s"], 0.3)
        self.assertGreaterEqual(state["timings"]["total_ms"], state["timings"]["first_audio_ms"])
        audio = self.service.get(state["audio_url"])
        self.assertEqual(wav_body(audio.body), said("Later.", "--emotion", "happy", "--voice", "ray"))
        self.assertEqual(self.service.get(state["audio_url"] + "?format=flac").body[:4], b"fLaC")
        self.assertEqual(self.service.ask("DELETE", f"/tts/{request_id}").code, 200)
        self.assertEqual(self.service.get(f"/tts/{request_id}").code, 404)

    def test_what_fails_says_so(self):
        request_id = self.service.post("/tts", {"text": "Hello.", "voice": "nobody"}).json()["request_id"]
        state = self.wait(request_id)
        self.assertEqual(state["status"], "failed")
        self.assertIn("nobody", state["error"]["message"])
        self.assertEqual(self.service.get(f"/tts/{request_id}/audio").code, 404)

    def test_the_same_request_twice_is_one_job(self):
        once = {"Idempotency-Key": "order-17"}
        first = self.service.post("/tts", {"text": "Once only."}, headers=once)
        again = self.service.post("/tts", {"text": "Once only."}, headers=once)
        self.assertEqual((first.code, again.code), (202, 202))
        self.assertEqual(first.json()["request_id"], again.json()["request_id"])
        other = self.service.post("/tts", {"text": "Once only!"}, headers=once)
        self.assertEqual((other.code, other.json()["error"]["param"]), (422, "Idempotency-Key"))
        self.assertNotEqual(self.service.post("/tts", {"text": "Once only."}).json()["request_id"], first.json()["request_id"])
        for bad in ("", "x" * 256, "a b"):
            self.assertEqual(self.service.post("/tts", {"text": "No."}, headers={"Idempotency-Key": bad}).code, 400, bad)

    def test_times_of_words(self):
        text = "Time flies like an arrow, doesn't it?"
        request_id = self.service.post("/tts", {"text": text, "timestamps": True}).json()["request_id"]
        state = self.wait(request_id)
        words = state["timestamps"]["words"]
        self.assertEqual([w["word"] for w in words], ["Time", "flies", "like", "an", "arrow", "doesn't", "it"])
        times = [t for w in words for t in (w["start"], w["end"])]
        self.assertEqual(times, sorted(times))
        self.assertLessEqual(times[-1], state["audio_s"])
        answer = self.service.speech(text, timestamps=True, stream_format="sse", response_format="pcm")
        events = [json.loads(block.split("data: ", 1)[1]) for block in answer.body.decode().strip().split("\n\n")]
        self.assertEqual([e["words"] for e in events if e["type"] == "speech.audio.timestamps"], [words])
        self.assertEqual(self.service.speech(text, timestamps=True).json()["error"]["param"], "timestamps")
        mixed = self.service.post("/tts", {"text": "我爱 music。First one. Second one.", "timestamps": True}).json()["request_id"]
        heard = [w["word"] for w in self.wait(mixed)["timestamps"]["words"]]
        self.assertEqual(heard[-4:], ["First", "one", "Second", "one"])
        self.assertIn("music", heard)

    def test_the_jobs_command(self):
        admin = f"http://127.0.0.1:{self.service.admin_port}/"
        def jobs(*arguments):
            done = subprocess.run([COMMAND, "jobs", *arguments, "--admin", admin], capture_output=True, text=True, timeout=30)
            return done.returncode, done.stdout, done.stderr
        self.assertEqual(jobs("dead"), (0, "", ""))
        self.assertEqual(json.loads(jobs("dead", "--json")[1]), [])
        code, out, error = jobs("retry", "0" * 32)
        self.assertEqual((code, out), (4, ""))
        self.assertIn("no dead letter", error)
        admin = f"http://127.0.0.1:{self.service.port}/"  # the public address knows nothing of it
        self.assertEqual(jobs("dead")[0], 6)

    def test_unknown_ids(self):
        for path in ("/tts/" + "0" * 32, "/tts/x", "/tts/" + "f" * 32 + "/audio"):
            self.assertEqual(self.service.get(path).code, 404, path)

    def test_audio_before_it_is_ready(self):
        request_id = self.service.post("/tts", {"text": LONG}).json()["request_id"]
        self.assertEqual(self.service.get(f"/tts/{request_id}/audio").code, 409)
        self.assertEqual(self.service.ask("DELETE", f"/tts/{request_id}").json()["status"], "canceled")
        self.assertEqual(self.service.get(f"/tts/{request_id}").code, 404)


class Receiver:
    """A client's server: keeps what it is sent, and fails as often as it is told."""

    def __init__(self, failures=0):
        self.calls = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((dict(self.headers), body))
                self.send_response(500 if len(outer.calls) <= failures else 204)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        for _ in range(200):
            if len(self.calls) >= count:
                return self.calls
            time.sleep(0.05)
        raise AssertionError(f"{len(self.calls)} calls, {count} expected")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Webhooks(unittest.TestCase):
    def start(self, receiver):
        self.addCleanup(receiver.close)
        service = Service(COMMAND, *FREE, "--webhook", "any", "--fetch-allow", receiver.host,
                          EMOTIVOICE_WEBHOOK_SECRET="s3cret")
        self.addCleanup(service.__exit__)
        return service.__enter__()

    def test_the_end_is_told_and_signed(self):
        receiver = Receiver(failures=1)
        service = self.start(receiver)
        url = f"http://{receiver.host}/done"
        request_id = service.post("/tts", {"text": "Tell me.", "webhook": url}).json()["request_id"]
        headers, body = receiver.wait(2)[1]  # the first try was answered with 500
        told = json.loads(body)
        self.assertEqual((told["request_id"], told["status"], told["audio_url"]),
                         (request_id, "completed", f"/tts/{request_id}/audio"))
        signed = hmac.new(b"s3cret", headers["X-EmotiVoice-Timestamp"].encode() + b"." + body, "sha256").hexdigest()
        self.assertEqual(headers["X-EmotiVoice-Signature"], "sha256=" + signed)
        service.post("/tts", {"text": "Nobody's.", "voice": "nobody", "webhook": url})
        failed = json.loads(receiver.wait(3)[2][1])
        self.assertEqual(failed["status"], "failed")
        self.assertIn("nobody", failed["error"]["message"])

    def test_only_listed_hosts_are_called(self):
        receiver, other = Receiver(), Receiver()
        self.addCleanup(other.close)
        service = self.start(receiver)
        service.post("/tts", {"text": "One.", "webhook": f"http://{other.host}/"})
        service.post("/tts", {"text": "Two.", "webhook": f"http://{receiver.host}/"})
        receiver.wait(1)
        self.assertEqual(other.calls, [])

    def test_off_by_default(self):
        with Service(COMMAND, *FREE) as s:
            answer = s.post("/tts", {"text": "No.", "webhook": "https://example.com/"})
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, "webhook"))


class Fetching(unittest.TestCase):
    def test_a_reference_behind_a_url(self):
        sound = reference()
        folder = tempfile.mkdtemp()
        with open(os.path.join(folder, "me.wav"), "wb") as file:
            file.write(sound)
        handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=folder))
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        with Service(COMMAND, *FREE, "--fetch", "any", "--fetch-allow", host) as s:
            answer = s.speech("Fetched.", reference_audio_url=f"http://{host}/me.wav", response_format="pcm", voice="ava")
            self.assertEqual(answer.code, 200, answer.body[:200])
            given = s.speech("Fetched.", reference_audio=base64.b64encode(sound).decode(), response_format="pcm")
            self.assertEqual(answer.body, given.body)
            self.assertEqual(s.speech("No.", reference_audio_url=f"http://{host}/nothing.wav").code, 424)
            self.assertEqual(s.speech("No.", reference_audio_url="http://127.0.0.1:1/x").code, 400)  # no port that is asked
        with Service(COMMAND, *FREE, "--fetch", "any") as s:  # private addresses are not for strangers
            self.assertEqual(s.speech("No.", reference_audio_url="http://127.0.0.1/x").code, 424)


class Voices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.service = Service(COMMAND, *FREE, "--voices-dir", cls.folder).__enter__()
        cls.sound = reference()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def upload(self, name, sound, service=None):
        mark = "b0undary"
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n'.encode(),
                 f'--{mark}\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n'
                 f'Content-Type: audio/wav\r\n\r\n'.encode() + sound + b"\r\n", f"--{mark}--\r\n".encode()]
        return (service or self.service).post("/v1/voices", b"".join(parts),
                                              headers={"Content-Type": f"multipart/form-data; boundary={mark}"})

    def test_a_reference_with_the_request(self):
        path = scratch("", "r.wav")
        with open(path, "wb") as file:
            file.write(self.sound)
        encoded = base64.b64encode(self.sound).decode()
        hits = self.service.metric('voice_cache_requests_total{result="hit"}')
        for text in ("Cloned once.", "Cloned again."):
            for given in (encoded, "data:audio/wav;base64," + encoded):
                answer = self.service.speech(text, reference_audio=given, response_format="pcm")
                self.assertEqual(answer.code, 200)
                self.assertEqual(answer.body, said(text, "--reference", path))
        self.assertGreater(self.service.metric('voice_cache_requests_total{result="hit"}'), hits)

    def test_references_that_cannot_be_used(self):
        silence = b"RIFF" + struct.pack("<I", 36 + 96000) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16) \
            + b"data" + struct.pack("<I", 96000) + bytes(96000)
        for sound, word in ((silence, "silent"), (self.sound[:2000], "short"), (b"ID3" + os.urandom(3000), "")):
            answer = self.service.speech("No.", reference_audio=base64.b64encode(sound).decode())
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (422, "reference_audio"), answer.body)
            self.assertIn(word, answer.json()["error"]["message"])
        self.assertEqual(self.service.speech("Still here.").code, 200)

    def test_uploaded_voices(self):
        made = self.upload("My voice", self.sound)
        self.assertEqual(made.code, 201, made.body)
        voice = made.json()["id"]
        listed = [v for v in self.service.get("/v1/voices").json()["data"] if v["id"] == voice]
        self.assertEqual([(v["name"], v["kind"]) for v in listed], [("My voice", "uploaded")])
        spoken = self.service.speech("In my voice.", voice=voice, response_format="pcm")
        direct = self.service.speech("In my voice.", reference_audio=base64.b64encode(self.sound).decode(), response_format="pcm")
        self.assertEqual(spoken.body, direct.body)
        stored = os.listdir(self.folder)
        self.assertEqual(stored, [voice + ".json"])
        with open(os.path.join(self.folder, stored[0]), encoding="utf-8") as file:
            self.assertLess(len(file.read()), 4000)  # a vector, never the recording
        with Service(COMMAND, *FREE, "--voices-dir", self.folder) as again:  # it is there after a restart
            self.assertEqual(again.speech("In my voice.", voice=voice, response_format="pcm").body, spoken.body)
        self.assertEqual(self.service.ask("DELETE", f"/v1/voices/{voice}").code, 200)
        self.assertEqual(self.service.ask("DELETE", f"/v1/voices/{voice}").code, 404)
        self.assertEqual(os.listdir(self.folder), [])

    def test_uploads_that_cannot_be_used(self):
        self.assertEqual(self.upload("", self.sound).code, 400)
        self.assertEqual(self.upload("x" * 100, self.sound).code, 400)
        self.assertEqual(self.upload("junk", b"junk" * 500).code, 422)
        self.assertEqual(self.service.post("/v1/voices", {"name": "x"}).code, 400)


class Guards(unittest.TestCase):
    def test_rate_of_an_address(self):
        with Service(COMMAND, "--rate-per-ip", "0.2", "--burst-per-ip", "3", "--log-level", "error") as s:
            codes = [s.speech("") for _ in range(6)]  # counted before they are read: nothing is synthesised
            self.assertEqual([a.code for a in codes], [400] * 3 + [429] * 3)
            refused = codes[3:]
            self.assertGreaterEqual(int(refused[0].headers["retry-after"]), 1)
            self.assertEqual(refused[0].json()["error"]["type"], "rate_limit_error")
            self.assertEqual(s.get("/healthz").code, 200)  # probes cost nothing

    def test_keys(self):
        secret = "ev_" + "a" * 43
        path = scratch(f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak ann\n", "keys")
        with Service(COMMAND, "--keys-file", path, "--anonymous", "off", "--log-level", "info") as s:
            self.assertEqual(s.speech("Hello.").code, 401)
            self.assertEqual(s.speech("Hello.", headers={"Authorization": "Bearer ev_wrong"}).code, 401)
            self.assertEqual(s.speech("Hello.", headers={"Authorization": f"Bearer {secret}"}).code, 200)
            denied = s.post("/v1/voices", b"", headers={"Authorization": f"Bearer {secret}"})
            self.assertEqual(denied.code, 403)
            s.stop()
            self.assertNotIn(secret, "".join(s.lines))
            self.assertNotIn("Hello", "".join(s.lines))  # no text in the log
            self.assertIn('"account":"ann"', "".join(s.lines))

    def test_seconds_of_speech_of_a_key(self):
        secret = "ev_" + "c" * 43
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak eve audio_s=20\n"
        with Service(COMMAND, *FREE, "--keys-file", scratch(line, "keys")) as s:
            mine = {"Authorization": f"Bearer {secret}"}
            answers = [s.speech(LONG[:400] + str(n), headers=mine, response_format="pcm") for n in range(3)]
            self.assertEqual([a.code for a in answers], [200, 429, 429])
            self.assertGreater(int(answers[1].headers["retry-after"]), 60)
            self.assertEqual(s.speech("Others are served.").code, 200)

    def test_the_client_behind_proxies(self):
        with Service(COMMAND, "--rate-per-ip", "0.2", "--burst-per-ip", "1", "--log-level", "error", "--trusted-proxies",
                     "127.0.0.0/8") as s:
            def ask(*lines):
                connection = s.connect()
                connection.putrequest("POST", "/v1/audio/speech")
                for line in lines:
                    connection.putheader("X-Forwarded-For", line)
                connection.putheader("Content-Length", "0")
                connection.endheaders()
                code = connection.getresponse().status
                connection.close()
                return code
            self.assertEqual([ask("198.51.100.1"), ask("198.51.100.2"), ask("198.51.100.1")], [400, 400, 429])
            # what the client claims stands before what the proxy saw, also on a line of its own
            self.assertEqual([ask("203.0.113.9", "198.51.100.3"), ask("203.0.113.10", "198.51.100.3")], [400, 429])

    def test_jobs_belong_to_their_key(self):
        one, two = "ev_" + "a" * 43, "ev_" + "b" * 43
        lines = "".join(f"{k[:8]} {hashlib.sha256(k.encode()).hexdigest()} speak {n}\n" for k, n in ((one, "ann"), (two, "bob")))
        with Service(COMMAND, "--keys-file", scratch(lines, "keys"), "--log-level", "error") as s:
            mine = {"Authorization": f"Bearer {one}"}
            request_id = s.post("/tts", {"text": "Mine."}, headers=mine).json()["request_id"]
            self.assertEqual(s.get(f"/tts/{request_id}", headers={"Authorization": f"Bearer {two}"}).code, 404)
            self.assertEqual(s.get(f"/tts/{request_id}", headers=mine).code, 200)

    def test_words_and_reload(self):
        path = scratch("r1: forbidden\n敏感词\n")
        with Service(COMMAND, *FREE, "--words-file", path) as s:
            for text in ("This is forbidden.", "f o r b i d d e n", "ｆｏｒｂｉｄｄｅｎ things", "这是敏*感*词。"):
                answer = s.speech(text)
                self.assertEqual((answer.code, answer.json()["error"]["param"]), (422, "input"), text)
                self.assertNotIn("forbidden", answer.json()["error"]["message"])
            self.assertEqual(s.speech("This is fine.").code, 200)
            with open(path, "w", encoding="utf-8") as file:
                file.write("fine\n")
            s.process.send_signal(signal.SIGHUP)
            for _ in range(100):
                if s.speech("This is fine, too.").code == 422:
                    break
                time.sleep(0.05)
            self.assertEqual(s.speech("This is fine, too.").code, 422)
            self.assertEqual(s.speech("This is forbidden.").code, 200)

    def test_a_full_queue_says_when_to_come_back(self):
        with Service(COMMAND, *FREE, "--queue-audio", "20s", "--coalesce", "off") as s:
            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                answers = list(pool.map(lambda n: s.speech(LONG[:600] + str(n), response_format="pcm"), range(40)))
            codes = {a.code for a in answers}
            self.assertEqual(codes, {200, 503})
            for answer in (a for a in answers if a.code == 503):
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
            self.assertEqual(s.speech("And again.").code, 200)

    def test_bad_settings(self):
        for flags, word in ((("--batch-max", "99"), "64"), (("--listen", "nowhere"), "listen"), (("--words-file", "/none"), "/none"),
                            (("--config", "/none.conf"), "/none.conf")):
            done = subprocess.run([COMMAND, "serve", *flags], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(word, done.stderr)
        shown = subprocess.run([COMMAND, "serve", "--print-config", "--batch-max", "8"], capture_output=True, text=True, check=True,
                               env=dict(os.environ, EMOTIVOICE_QUEUE_WAIT="3s"))
        self.assertRegex(shown.stdout, r"batch_max = 8 .*flag")
        self.assertRegex(shown.stdout, r"queue_wait = 3s .*environment")


class Slow(unittest.TestCase):
    def test_a_request_that_never_ends(self):
        """Headers, and a body, that come byte by byte: cut, while others are served."""
        with Service(COMMAND, *FREE, "--idle-timeout", "1s", "--header-timeout", "0.5s") as s:
            heads = [b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"POST /tts HTTP/1.1\r\nContent-Length: 1000\r\nHost: a\r\n\r\n"]
            slow = [socket.create_connection(("127.0.0.1", s.port)) for _ in heads]
            for connection, head in zip(slow, heads):
                connection.sendall(head)
            begin, open_ones = time.monotonic(), list(slow)
            while open_ones and time.monotonic() - begin < 20:
                for connection in list(open_ones):
                    try:
                        connection.sendall(b"x")
                        connection.settimeout(0.01)
                        if connection.recv(1) == b"":
                            open_ones.remove(connection)
                    except TimeoutError:
                        pass
                    except OSError:
                        open_ones.remove(connection)
                self.assertEqual(s.get("/healthz").code, 200)
                time.sleep(0.2)
            self.assertEqual(open_ones, [])
            for connection in slow:
                connection.close()


class Stopping(unittest.TestCase):
    def test_what_was_accepted_is_finished(self):
        with Service(COMMAND, *FREE, "--drain-timeout", "300s") as s:
            connection = s.connect()
            connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG, "response_format": "pcm"}))
            response = connection.getresponse()
            first = response.read(32000)
            s.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            self.assertEqual(s.get("/readyz").code, 503)
            self.assertEqual(s.speech("Too late.").code, 503)
            rest = response.read()
            connection.close()
            self.assertEqual(len(first + rest), len(said(LONG)))
            self.assertEqual(s.process.wait(60), 0)

    def test_nothing_to_finish(self):
        with Service(COMMAND, *FREE) as s:
            self.assertEqual(s.stop(10), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
