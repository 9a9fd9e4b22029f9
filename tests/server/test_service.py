"""`emotivoice serve` as a client meets it: every test drives the real program over loopback."""
import base64
import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, LONG, RATE, Service, multipart, reference, said, scratch, silence, wait_for, wav_body  # noqa: E402


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
            self.assertEqual(answer.headers["x-sample-rate"], str(RATE))
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

    def test_a_long_finished_result_is_encoded_as_it_is_read(self):
        """Made fresh or asked for again, a compressed one has the same bytes; only short ones tell their length."""
        text = LONG[:1380]
        for name in ("mp3", "opus", "flac", "pcm", "wav"):
            fresh = self.service.speech(text, response_format=name, seed=7)
            again = self.service.speech(text, response_format=name, seed=7)
            self.assertEqual((fresh.code, again.code), (200, 200))
            if name == "flac":  # the number of samples in its head was not known at first
                self.assertEqual(fresh.body[:21] + fresh.body[26:], again.body[:21] + again.body[26:])
            else:
                self.assertEqual(fresh.body, again.body, name)
            plain = name in ("pcm", "wav")
            self.assertEqual(again.headers.get("content-length"), str(len(again.body)) if plain else None, name)
        self.assertGreater(len(fresh.body), 5 * 32000)
        for name in ("mp3", "opus", "flac"):
            short = [self.service.speech("It is short.", response_format=name) for _ in range(2)][1]
            self.assertEqual(short.headers.get("content-length"), str(len(short.body)), name)

    def test_events(self):
        answer = self.service.speech("As events.", response_format="pcm", stream_format="sse")
        self.assertEqual(answer.headers["content-type"], "text/event-stream; charset=utf-8")
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
        room = "--queue-wait", "300s", "--queue-audio", "1h", "--memory-max", "8GB"  # sanitizers have memory of their own
        with Service(COMMAND, *FREE, *room, "--batch-mode", "fixed") as service:
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
                 ({**ok, "pitch_scale": 0}, 400, "pitch_scale"), ({**ok, "response_format": "m4a"}, 400, "response_format"),
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

    def test_bodies_where_none_are_taken(self):
        for method, path, code in (("GET", "/healthz", 200), ("DELETE", "/tts/none", 404), ("GET", "/v1/voices", 200)):
            self.assertEqual(self.service.ask(method, path, "{}").code, code, path)
            for size in (5000, 1_000_000):  # read and thrown away; refused at once
                connection = self.service.connect()
                connection.request(method, path, headers={"Content-Length": str(size)})
                if size == 5000:
                    connection.send(b"x" * size)
                answer = connection.getresponse()
                self.assertEqual(answer.status, 413, path)
                self.assertIn("takes no body", json.loads(answer.read())["error"]["message"])
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

    def test_methods_that_a_path_does_not_have(self):
        admin = self.service.admin_port
        for method, path, port, allowed in (("GET", "/v1/audio/speech", None, "POST"), ("PUT", "/v1/voices", None, "GET, HEAD, POST"),
                                            ("PUT", "/tts/x", None, "GET, HEAD, DELETE"), ("POST", "/healthz", None, "GET, HEAD"),
                                            ("DELETE", "/", None, "GET, HEAD"), ("GET", "/admin/dead/x/retry", admin, "POST")):
            answer = self.service.ask(method, path, port=port)
            self.assertEqual((answer.code, answer.headers.get("allow")), (405, allowed), (method, path))
        self.assertEqual(self.service.ask("PUT", "/nowhere").code, 404)
        self.assertNotIn("allow", self.service.get("/healthz").headers)

    def test_traces(self):
        """A request's line in the log says of which trace it is; what is no traceparent, or is two of them, says nothing."""
        trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        whole = f"00-{trace}-{parent}-01"
        with Service(COMMAND, "--rate-per-ip", "0") as service:
            for name, headers in (("one", [whole]), ("two", [whole, whole]), ("three", [whole] * 3), ("none", []), ("wrong", [whole.upper()])):
                connection = service.connect()
                connection.putrequest("GET", "/v1/voices")
                connection.putheader("X-Request-Id", name)
                for header in headers:
                    connection.putheader("Traceparent", header)
                connection.endheaders()
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
            self.assertEqual(service.stop(), 0)
            lines = {line["request_id"]: line for line in map(json.loads, service.lines) if line["msg"] == "request"}
        self.assertEqual((lines["one"]["trace_id"], lines["one"]["parent_id"]), (trace, parent))
        for name in ("two", "three", "none", "wrong"):
            self.assertEqual({"trace_id", "parent_id"} & set(lines[name]), set(), name)

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
        for instructions, emotion in (("Never sound sad. Be cheerful!", "happy"), ("FURIOUS, not calm", "angry"),
                                      ("请用温柔的声音，不要生气", "calm"), ("用sad的语气", "sad"), ("Not sad, not angry, and nothing of fear.", "neutral"),
                                      ("Sit in the saddle, unhappy rider.", "neutral"), ("never " * 100000, "neutral")):
            answer = self.service.speech("Look at that.", response_format="pcm", instructions=instructions)
            self.assertEqual(answer.body, said("Look at that.", "--emotion", emotion), instructions[:50])

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
        wait_for(lambda: self.service.metric('jobs_total{outcome="canceled"}'), lambda now: now == before + 1)
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
        return wait_for(lambda: self.service.get(f"/tts/{request_id}").json(), lambda state: state["status"] not in ("queued", "running"), 120)

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
        request_id = self.service.post("/tts", {"text": "Hello.", "reference_audio": silence()}).json()["request_id"]
        state = self.wait(request_id)
        self.assertEqual(state["status"], "failed")
        self.assertIn("silent", state["error"]["message"])
        self.assertEqual(self.service.get(f"/tts/{request_id}/audio").code, 422)

    def test_a_voice_that_is_not_there_is_refused_at_once(self):
        for voice in ("nobody", "ava+nobody", "voice_" + 32 * "0"):
            refused = self.service.post("/tts", {"text": "Hello.", "voice": voice})
            self.assertEqual((refused.code, refused.json()["error"]["param"]), (404, "voice"), voice)

    def test_how_it_ended_is_logged(self):
        with Service(COMMAND, "--rate-per-ip", "0") as s:
            good, bad = (s.post("/tts", {"text": "Later.", **how}).json()["request_id"] for how in ({"voice": "ray"}, {"reference_audio": silence()}))
            wait_for(lambda: {s.get(f"/tts/{one}").json()["status"] for one in (good, bad)}, lambda now: now == {"completed", "failed"})
            self.assertEqual(s.stop(), 0)
        told = {line["request_id"]: line["msg"] for line in map(json.loads, s.lines) if line.get("msg", "").startswith("job ")}
        self.assertRegex(told[good], r"^job completed after [0-9.]+ s: [0-9.]+ s of speech$")
        self.assertRegex(told[bad], r"^job failed after [0-9.]+ s: 0.00 s of speech, .+$")
        self.assertNotIn("Later", told[bad])

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

    def test_the_same_request_after_it_was_canceled(self):
        once = {"Idempotency-Key": "order-18"}
        first = self.service.post("/tts", {"text": LONG + "Once."}, headers=once).json()["request_id"]
        self.assertEqual(self.service.ask("DELETE", f"/tts/{first}").code, 200)
        again = self.service.post("/tts", {"text": LONG + "Once."}, headers=once).json()["request_id"]
        self.assertNotEqual(again, first)
        self.assertEqual(self.service.get(f"/tts/{again}").code, 200)
        self.assertEqual(self.service.ask("DELETE", f"/tts/{again}").code, 200)

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

    def test_audio_is_encoded_no_faster_than_it_is_read(self):
        """More than all buffers on the way hold: when the head is here, most of it is not made."""
        request_id = self.service.post("/tts", {"text": LONG}).json()["request_id"]
        while self.service.get(f"/tts/{request_id}").json()["status"] in ("queued", "running"):
            time.sleep(0.1)
        path, encodes = f"/tts/{request_id}/audio?format=wav-float", 'stage_duration_seconds_count{stage="encode"}'
        size = self.service.ask("HEAD", path).headers["content-length"]
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", self.service.port))
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = http.client.HTTPResponse(one)
            answer.begin()
            self.assertEqual((answer.status, answer.headers["content-length"]), (200, size))
            early = self.service.metric(encodes)
            body = answer.read()
        self.assertGreater(self.service.metric(encodes), early)
        self.assertEqual(len(wav_body(body)), 2 * len(said(LONG)))
        self.assertEqual(str(len(body)), size)

    def test_unknown_ids(self):
        for path in ("/tts/" + "0" * 32, "/tts/x", "/tts/" + "f" * 32 + "/audio"):
            self.assertEqual(self.service.get(path).code, 404, path)

    def test_audio_before_it_is_ready(self):
        request_id = self.service.post("/tts", {"text": LONG * 4}).json()["request_id"]
        self.assertEqual(self.service.get(f"/tts/{request_id}/audio").code, 409)
        self.assertEqual(self.service.ask("DELETE", f"/tts/{request_id}").json()["status"], "canceled")
        self.assertEqual(self.service.get(f"/tts/{request_id}").code, 404)


class Voices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.service = Service(COMMAND, *FREE, "--voices-dir", cls.folder).__enter__()
        cls.sound = reference()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def upload(self, name, sound):
        return self.service.upload(name, sound)

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

    def test_a_deleted_voice_is_forgotten(self):
        """Neither what it said nor the vector of its recording is there for who asks again."""
        misses = 'voice_cache_requests_total{result="miss"}'
        sound = reference("A recording that is uploaded once, and is deleted again before long.")
        encoded = base64.b64encode(sound).decode()
        before = self.service.metric(misses)
        voice = self.upload("Short-lived", sound).json()["id"]
        self.assertEqual(self.service.speech("Said before.", voice=voice).code, 200)
        self.assertEqual(self.service.speech("Cloned before.", reference_audio=encoded).code, 200)
        self.assertEqual(self.service.metric(misses), before + 1)
        self.assertEqual(self.service.ask("DELETE", f"/v1/voices/{voice}").code, 200)
        again = self.service.speech("Said before.", voice=voice)
        self.assertEqual((again.code, again.json()["error"]["param"]), (404, "voice"))
        self.assertEqual(self.service.speech("Cloned after.", reference_audio=encoded).code, 200)
        self.assertEqual(self.service.metric(misses), before + 2)

    def test_uploads_that_cannot_be_used(self):
        self.assertEqual(self.upload("", self.sound).code, 400)
        self.assertEqual(self.upload("x" * 100, self.sound).code, 400)
        self.assertEqual(self.upload("junk", b"junk" * 500).code, 422)
        self.assertEqual(self.service.post("/v1/voices", {"name": "x"}).code, 415)
        body, form = multipart({"name": "x"})
        self.assertEqual(self.service.post("/v1/voices", body[:20], headers=form).code, 400)


class Uploads(unittest.TestCase):
    """While voices are made. What decodes the recording is held, so that nothing here depends on how fast that goes."""

    @classmethod
    def setUpClass(cls):
        cls.sound = reference()

    def begin_upload(self, service, name):
        """Sent, not answered yet."""
        connection = service.connect()
        self.addCleanup(connection.close)
        connection.request("POST", "/v1/voices", *multipart({"name": name, "audio": self.sound}))
        return connection

    def hold(self, service):
        """Stops the processes that decode recordings, whichever has the next one; what lets them go on."""
        pid = service.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            helpers = [int(child) for child in file.read().split()]
        for helper in helpers:
            os.kill(helper, signal.SIGSTOP)
        return lambda: [os.kill(helper, signal.SIGCONT) for helper in helpers]

    def wait_for(self, service, metric, value):
        wait_for(lambda: service.metric(metric), lambda now: now == value)

    def wait_in_flight(self, service, count):
        self.wait_for(service, "requests_in_flight", count + 1)  # the one that asks

    def test_others_are_answered_meanwhile(self):
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()) as service:
            go_on = self.hold(service)
            made = self.begin_upload(service, "Slow")
            self.wait_in_flight(service, 1)
            self.assertEqual(service.get("/healthz").code, 200)
            self.assertEqual(service.get("/v1/voices").code, 200)
            self.assertEqual(select.select([made.sock], [], [], 0)[0], [], "the upload was answered first")
            go_on()
            self.assertEqual(made.getresponse().status, 201)

    def test_too_many_at_once(self):
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()) as service:
            go_on = self.hold(service)
            made = [self.begin_upload(service, f"Voice {n}") for n in range(11)]
            self.wait_for(service, 'http_requests_total{route="/v1/voices",code="503"}', 3)
            go_on()
            answers = [connection.getresponse() for connection in made]
            self.assertEqual(sorted(a.status for a in answers), 8 * [201] + 3 * [503])
            self.assertEqual([a.headers["Retry-After"] is not None for a in answers], [a.status == 503 for a in answers])

    def stop_amid_uploads(self, drain):
        """Exit status, and the answers' statuses of clients that stay; every other one leaves."""
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp(), "--drain-timeout", drain) as service:
            go_on = self.hold(service)
            made = [self.begin_upload(service, f"Voice {n}") for n in range(5)]
            self.wait_in_flight(service, 5)
            for connection in made[::2]:
                connection.close()
            service.process.send_signal(signal.SIGTERM)
            go_on()
            answers = []
            for connection in made[1::2]:
                with contextlib.suppress(http.client.RemoteDisconnected, ConnectionResetError):
                    answers.append(connection.getresponse().status)
            return service.process.wait(60), answers

    def test_a_stop_finishes_what_was_accepted(self):
        self.assertEqual(self.stop_amid_uploads("60s"), (0, [201, 201]))

    def test_a_stop_at_once(self):
        code, answers = self.stop_amid_uploads("0s")
        self.assertEqual(code, 0)
        self.assertLessEqual(set(answers), {201, 503})


class Stopping(unittest.TestCase):
    def test_what_was_accepted_is_finished(self):
        with Service(COMMAND, *FREE, "--drain-timeout", "300s") as s:
            connection = s.connect()
            connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG, "response_format": "pcm"}))
            response = connection.getresponse()
            first = response.read(32000)
            s.process.send_signal(signal.SIGTERM)
            wait_for(lambda: s.speech("Too late.").code, lambda code: code == 503)
            self.assertEqual(s.get("/readyz").code, 503)
            rest = response.read()
            connection.close()
            self.assertEqual(len(first + rest), len(said(LONG)))
            self.assertEqual(s.process.wait(60), 0)

    def test_not_ready_before_it_refuses(self):
        with Service(COMMAND, *FREE, "--drain-delay", "6s") as s:
            self.assertEqual(s.get("/readyz").code, 200)
            s.process.send_signal(signal.SIGTERM)
            wait_for(lambda: s.get("/readyz").code, lambda code: code == 503)
            self.assertEqual(s.speech("Still in time.").code, 200)
            self.assertEqual(s.process.wait(60), 0)
        with Service(COMMAND, *FREE, "--drain-delay", "600s") as s:  # nobody watches: nobody is waited for
            self.assertEqual(s.stop(10), 0)

    def test_nothing_to_finish(self):
        with Service(COMMAND, *FREE) as s:
            self.assertEqual(s.stop(10), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
