"""Gateways and workers over Redis, as a client and an operator meet them: real processes, a real redis-server, real kills."""
import base64
import concurrent.futures
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zipfile

import fleet
import service
from service import COMMAND, said

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import fleet_kills  # noqa: E402: needs the path
import poison  # noqa: E402

TEXT = "It is made elsewhere, and heard here."
LONG = "The river runs through the valley and the wind goes over the hills. " * 40
BATCH, BOOK = "/v1/audio/speech/batch", "/v1/audio/speech/long"
OVER = ("completed", "failed", "expired", "canceled")


def accept(gateway, text=TEXT, headers=None, **fields):
    answer = gateway.post("/tts", {"text": text, **fields}, headers=headers)
    assert answer.code == 202, (answer.code, answer.body)
    return answer.json()["request_id"]


def wait(what, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it does not come")


def state(gateway, job, headers=None):
    answer = gateway.get("/tts/" + job, headers=headers)
    return answer.json() if answer.code == 200 else {"status": answer.code}


def finish(gateway, job, headers=None):
    return wait(lambda: (s := state(gateway, job, headers))["status"] in (*OVER, 404) and s, 60)


def pcm(gateway, job):
    return gateway.get(f"/tts/{job}/audio?format=pcm").body


class Together(unittest.TestCase):
    """Two gateways, two workers, one Redis, for all of these."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = fleet.Fleet(2, 2, flags=("--queue-audio", "3600s", "--tries-max", "3")).__enter__()
        cls.a, cls.b = cls.fleet.gateways

    @classmethod
    def tearDownClass(cls):
        cls.fleet.__exit__()

    def test_speech_is_the_same_as_without_redis(self):
        for text in ("Hello.", TEXT, "你好，今天我非常开心！"):
            self.assertEqual(self.a.speech(text, response_format="pcm").body, said(text))
        self.assertEqual(self.b.speech(TEXT, response_format="pcm", voice="ray", speed=1.5).body,
                         said(TEXT, "--voice", "ray", "--speed", "1.5"))

    def test_audio_is_heard_as_it_is_made(self):
        connection = self.a.connect()
        connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG, "response_format": "pcm"}))
        response = connection.getresponse()
        begun = time.monotonic()
        first = response.read(4800)
        early = time.monotonic() - begun
        rest = response.read()
        connection.close()
        self.assertEqual(first + rest, said(LONG))
        self.assertLess(early, (time.monotonic() - begun) / 2, "it was sent when all of it was there")

    def test_words_and_omissions_come_along(self):
        text = "Words \U0001F600 have times."
        alone = service.Service(COMMAND, *service.FREE)
        fields = {"text": text, "timestamps": True}
        with alone as s:
            job = s.post("/tts", fields).json()["request_id"]
            want = wait(lambda: (r := state(s, job))["status"] == "completed" and r)
            events = s.speech(text, stream_format="sse", response_format="pcm", timestamps=True).body
        job = accept(self.a, **fields)
        got = finish(self.b, job)
        self.assertEqual((got["timestamps"], got["omitted"]), (want["timestamps"], want["omitted"]))
        def told(body):
            return [line for line in body.decode().splitlines() if '"words"' in line or "omitted" in line]
        self.assertEqual(told(self.a.speech(text, stream_format="sse", response_format="pcm", timestamps=True).body), told(events))

    def test_any_gateway_answers_for_a_job(self):
        job, short = accept(self.a), accept(self.a, "Yes.")
        self.assertEqual(finish(self.b, job)["status"], "completed")
        self.assertEqual(pcm(self.b, job), said(TEXT))
        self.assertTrue(pathlib.Path(self.fleet.folder, "data", "results", job[:2], job).exists(), "large: in the store")
        finish(self.b, short)
        self.assertEqual(pcm(self.b, short), said("Yes."))
        self.assertFalse(pathlib.Path(self.fleet.folder, "data", "results", short[:2], short).exists(), "small: in Redis")
        self.assertEqual(self.b.ask("DELETE", "/tts/" + job).code, 200)
        self.assertEqual(self.a.get("/tts/" + job).code, 404)
        self.assertFalse(pathlib.Path(self.fleet.folder, "data", "results", job[:2], job).exists())

    def test_a_batch_is_everybodys_and_outlives_its_gateway(self):
        """Whoever took it in is killed in the middle: another goes on, makes nothing twice, and answers for all of it."""
        third = self.fleet.add_gateway()
        texts = [f"Number {n} is made for all. " * 14 for n in range(28)]
        body = {"requests": [{"input": text} for text in texts] + [{"input": "Too fast.", "speed": 9}], "response_format": "pcm"}
        headers = {"Idempotency-Key": "a-batch-of-all"}
        first = third.post(BATCH, body, headers=headers)
        self.assertEqual(first.code, 202, first.body)
        batch = first.json()["id"]
        again = self.a.post(BATCH, body, headers=headers)
        self.assertEqual((again.code, again.json()["id"]), (202, batch))
        self.assertEqual(self.b.post(BATCH, {"requests": [{"input": "Other."}]}, headers=headers).code, 422)

        def seen():
            answer = self.a.get(f"{BATCH}/{batch}")
            assert answer.code == 200, answer.body
            return answer.json()
        before = wait(lambda: (s := seen())["request_counts"]["completed"] >= 3 and s)
        self.assertEqual(before["status"], "running")
        self.assertEqual(self.b.get(f"{BATCH}/{batch}/audio").code, 409)
        self.fleet.gateways.remove(third)
        third.kill()
        after = wait(lambda: (s := seen())["status"] == "completed" and s, 60)
        self.assertEqual(after["request_counts"], {"total": 29, "completed": 28, "failed": 1})
        made = {i["index"]: i["request_id"] for i in before["items"] if i["status"] == "completed"}
        self.assertEqual(made, {n: after["items"][n]["request_id"] for n in made}, "what was made stays")
        for gateway in (self.a, self.b):
            archive = zipfile.ZipFile(io.BytesIO(gateway.get(f"{BATCH}/{batch}/audio").body))
            self.assertEqual(archive.read("0027.pcm"), said(texts[27]))
            self.assertEqual(archive.read("0000.pcm"), said(texts[0]))
        self.assertEqual(self.b.ask("DELETE", f"{BATCH}/{batch}").code, 200)
        self.assertEqual(self.a.get(f"{BATCH}/{batch}").code, 404)
        wait(lambda: self.a.get("/tts/" + after["items"][0]["request_id"]).code == 404, 10)

    def test_a_long_text_by_any_gateway(self):
        text = "".join(f"Chapter {n}\n\n{LONG}\n\n" for n in (1, 2))
        with service.Service(COMMAND, *service.FREE) as s:
            job = s.post(BOOK, {"text": text, "response_format": "pcm"}).json()["id"]
            wait(lambda: s.get(f"{BOOK}/{job}").json()["status"] == "completed", 60)
            alone = [s.get(f"{BOOK}/{job}/audio{part}").body for part in ("", "?chapter=1")]
        job = self.a.post(BOOK, {"text": text, "response_format": "pcm"}).json()["id"]
        got = wait(lambda: (s := self.b.get(f"{BOOK}/{job}").json())["status"] == "completed" and s, 60)
        self.assertEqual([c["title"] for c in got["chapters"]], ["Chapter 1", "Chapter 2"])
        self.assertEqual([self.b.get(f"{BOOK}/{job}/audio{part}").body for part in ("", "?chapter=1")], alone)
        self.assertEqual(self.a.get(f"{BATCH}/{job}").code, 404)
        job = self.a.post(BOOK, {"text": text * 20}).json()["id"]
        self.assertEqual(self.b.ask("DELETE", f"{BOOK}/{job}").code, 200)
        self.assertEqual(wait(lambda: self.a.get(f"{BOOK}/{job}").code == 404), True)
        wait(lambda: self.b.get("/readyz").json()["jobs"]["pending"] == 0, 20)

    def test_a_key_means_one_job_whichever_gateway_it_comes_to(self):
        for n in range(5):
            headers = {"Idempotency-Key": f"the-same-{n}"}
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                jobs = list(pool.map(lambda g: accept(g, "One of them.", headers), [self.a, self.b] * 4))
            self.assertEqual(len(set(jobs)), 1, jobs)
        other = self.b.post("/tts", {"text": "Another text."}, headers=headers)
        self.assertEqual(other.code, 422, other.body)
        self.assertEqual(self.a.ask("DELETE", "/tts/" + jobs[0]).code, 200)
        self.assertNotEqual(accept(self.b, "One of them.", headers), jobs[0])

    def test_recordings_small_and_large(self):
        for seconds in (1, 6):
            sound = service.reference("A voice that is heard once, and then again. " * seconds)
            fields = {"reference_audio": base64.b64encode(sound).decode(), "text": TEXT}
            with service.Service(COMMAND, *service.FREE) as s:
                alone = s.speech(TEXT, response_format="pcm", reference_audio=fields["reference_audio"]).body
            job = accept(self.a, **fields)
            self.assertEqual(finish(self.b, job)["status"], "completed", state(self.b, job))
            self.assertEqual(pcm(self.b, job), alone)
            self.assertEqual(self.b.speech(TEXT, response_format="pcm", reference_audio=fields["reference_audio"]).body, alone)
        kept = os.path.join(self.fleet.folder, "data", "recordings")
        wait(lambda: not [f for _, _, files in os.walk(kept) for f in files], 5)

    def test_a_voice_is_everywhere_once_it_is_uploaded(self):
        voice = self.a.upload("mine", service.reference()).json()["id"]
        one = self.b.speech(TEXT, response_format="pcm", voice=voice)
        self.assertEqual(one.code, 200, one.body)
        self.assertEqual(self.a.speech(TEXT, response_format="pcm", voice=voice).body, one.body)
        self.assertNotEqual(one.body, said(TEXT))

    def test_mistakes_are_told_as_without_redis(self):
        for gateway in (self.a, self.b):
            self.assertEqual(gateway.speech("Hello.", voice="nobody").code, 404)
            self.assertEqual(gateway.post("/tts", {"text": "Hello.", "voice": "voice_" + 32 * "0"}).code, 404)
        job = accept(self.a, "Hello.", reference_audio=service.silence())
        got = finish(self.b, job)
        self.assertEqual(got["status"], "failed")
        self.assertIn("silent", got["error"]["message"])

    def canceled(self):
        return sum(w.metric('jobs_total{outcome="canceled"}') for w in self.fleet.workers if w.process.poll() is None)

    def test_who_leaves_is_not_worked_for(self):
        before = self.canceled()
        connection = self.a.connect()
        connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG * 4, "response_format": "pcm"}))
        response = connection.getresponse()
        response.read(4800)
        self.assertEqual(self.a.get("/readyz").json()["jobs"]["pending"] <= 1, True)
        connection.sock.close()
        connection.close()
        response.close()
        wait(lambda: self.b.get("/readyz").json()["jobs"]["pending"] == 0)
        wait(lambda: self.canceled() == before + 1)

    def test_what_was_canceled_is_not_made(self):
        before = self.canceled()
        job = accept(self.a, LONG * 6)
        wait(lambda: state(self.b, job)["status"] == "running")
        self.assertEqual(self.b.ask("DELETE", "/tts/" + job).code, 200)
        wait(lambda: self.b.get("/readyz").json()["jobs"]["pending"] == 0)
        wait(lambda: self.canceled() == before + 1)
        self.assertEqual(self.a.get("/tts/" + job).code, 404)

    def test_deadlines_hold(self):
        late = self.a.speech(LONG * 6, response_format="pcm", deadline_ms=120, stream_format="sse")
        self.assertIn(b"deadline", late.body)
        late = finish(self.b, accept(self.a, LONG * 6, deadline_ms=120))
        self.assertEqual(late["status"], "expired")
        self.assertLess(late["timings"]["queued_ms"], 60000)

    def test_what_a_dead_worker_had_is_made_by_another(self):
        text = LONG * 4  # so long that it is seen while it is made
        job = accept(self.a, text)
        victim = wait(lambda: state(self.b, job)["status"] == "running" and self.fleet.worker_of(job))
        heard = {}
        listener = threading.Thread(target=lambda: heard.update(a=self.b.speech(text, response_format="pcm")))
        listener.start()
        time.sleep(0.2)
        os.kill(victim, signal.SIGKILL)
        self.fleet.add_worker()
        self.assertEqual(finish(self.b, job)["status"], "completed")
        self.assertEqual(pcm(self.a, job), said(text))
        listener.join()
        self.assertEqual(heard["a"].body, said(text), "who listened hears all of it, whoever died")

    def test_what_ends_three_workers_is_a_dead_letter_and_nothing_else_is(self):
        """The job is deadly: whoever is seen making it is killed."""
        deadly = LONG * 4  # so long that it is seen while it is made
        poison = accept(self.a, deadly)
        innocents = [accept(self.b, f"Beside it stands number {n}.") for n in range(24)]
        for _ in range(3):
            victim = wait(lambda: self.a.get("/tts/" + poison).json()["status"] == "running" and self.fleet.worker_of(poison))
            os.kill(victim, signal.SIGKILL)
            self.fleet.add_worker()
            wait(lambda: self.fleet.worker_of(poison) != victim or state(self.a, poison)["status"] in OVER, 30)
        got = finish(self.b, poison)
        self.assertEqual(got["status"], "failed", got)
        self.assertIn("ended", got["error"]["message"])
        self.assertEqual({finish(self.a, job)["status"] for job in innocents}, {"completed"})
        dead = self.a.get("/admin/dead", port=self.a.admin_port).json()
        self.assertEqual([d["id"] for d in dead], [poison])
        self.assertEqual((dead[0]["tries"], dead[0]["text_bytes"]), (3, len(deadly)))
        self.assertEqual(json.loads(self.jobs("show", poison))["request"]["text"], deadly)
        again = self.jobs("retry", poison).strip()
        self.assertEqual(finish(self.a, again)["status"], "completed")
        self.assertEqual(pcm(self.a, again), said(deadly))
        self.assertEqual(self.b.get("/admin/dead", port=self.b.admin_port).json(), [])

    def test_rates_are_counted_over_all_gateways(self):
        """Asked by turns, far too fast: once both have heard of it, they grant together what one would."""
        flags = (*self.fleet.common, "--rate-per-ip", "20", "--burst-per-ip", "20")
        with service.Service(COMMAND, *flags) as a, service.Service(COMMAND, *flags) as b:
            def granted(seconds):
                """How many were, and how many one gateway would have granted meanwhile, or as many as were asked for."""
                begun, codes = time.monotonic(), []
                while time.monotonic() < begun + seconds:
                    codes += [g.post("/tts", {"text": "Yes."}).code for g in (a, b)]
                return codes.count(202), min(20 * (time.monotonic() - begun), len(codes))
            granted(0.5)
            got, one = granted(1.5)
        self.assertLessEqual(got, one + 8, "each counted for itself")
        self.assertGreaterEqual(got, one / 2)

    def test_a_recording_is_heard_once_by_all(self):
        sound = service.reference("A recording that nobody has heard before, and that all of them know later on, for a while.")
        def heard(gateway):
            return gateway.metric('stage_duration_seconds_count{stage="speaker"}')
        before = heard(self.a) + heard(self.b)
        ids = [g.upload(name, sound).json()["id"] for g, name in ((self.a, "Ann"), (self.b, "Bea"))]
        self.assertEqual(heard(self.a) + heard(self.b), before + 1)
        self.assertIn(b"vector:", self.fleet.redis.ask("KEYS", "{emotivoice}:vector:*"))
        for gateway, id in zip((self.a, self.b), ids):
            self.assertEqual(gateway.ask("DELETE", "/v1/voices/" + id).code, 200)
        self.assertEqual(self.fleet.redis.ask("KEYS", "{emotivoice}:vector:*"), b"*0\r\n")
        self.assertEqual(self.fleet.redis.ask("KEYS", "{emotivoice}:recording:*"), b"*0\r\n")

    def jobs(self, *words):
        """What the command says of dead letters, over a gateway's second address."""
        return subprocess.run([COMMAND, "jobs", *words, "--admin", f"http://127.0.0.1:{self.b.admin_port}"],
                              capture_output=True, text=True, check=True).stdout

    def test_a_dead_letter_is_dropped_at_any_gateway(self):
        """One that is made of a job that is over, as the third death of its worker leaves it."""
        job = accept(self.a)
        finish(self.a, job)
        redis = self.fleet.redis
        redis.ask("HSET", "{emotivoice}:job:" + job, "state", "failed", "outcome", '{"error": {"message": "it broke"}}')
        redis.ask("ZADD", "{emotivoice}:dead", 1, job)
        self.assertEqual(json.loads(self.jobs("show", job))["error"], "it broke")
        self.assertEqual(self.jobs("drop", job).strip(), job)
        self.assertEqual(self.a.get("/admin/dead/" + job, port=self.a.admin_port).code, 404)
        self.assertEqual(self.a.ask("DELETE", "/admin/dead/" + job, port=self.a.admin_port).code, 404)
        self.assertEqual(self.a.get("/tts/" + job).code, 404)
        self.assertEqual(redis.ask("EXISTS", "{emotivoice}:job:" + job), b"0")


class Faults(unittest.TestCase):
    def fleet(self, *args, **more):
        f = fleet.Fleet(*args, **more)
        self.addCleanup(f.__exit__)
        return f.__enter__()

    def check_away(self, gateway):
        """Told within a second, and no work is taken. A machine with too much to do may be late once, not three times."""
        wait(lambda: gateway.get("/readyz").code == 503, 10)
        for ask in (lambda: gateway.post("/tts", {"text": TEXT}), lambda: gateway.speech(TEXT), lambda: gateway.get("/tts/" + 32 * "0")):
            took = []
            for _ in range(3):
                begun = time.monotonic()
                answer = ask()
                took.append(time.monotonic() - begun)
                self.assertEqual(answer.code, 503, answer.body)
                self.assertIn("retry-after", answer.headers)
            self.assertLess(min(took), 1)
        self.assertEqual(gateway.get("/healthz").code, 200)

    def test_redis_is_killed_stopped_and_flushed(self):
        f = self.fleet(1, 1, flags=("--queue-audio", "36000s"))
        g = f.gateways[0]
        kept = accept(g)
        finish(g, kept)
        with self.subTest("kill -9, and a start from the append-only file"):
            waiting = [accept(g, f"Number {n} waits through it.") for n in range(6)]
            f.redis.kill()
            self.check_away(g)
            f.redis.start()
            wait(lambda: g.get("/readyz").code == 200, 10)
            self.assertEqual(pcm(g, kept), said(TEXT))
            for n, job in enumerate(waiting):
                self.assertEqual(finish(g, job)["status"], "completed")
                self.assertEqual(pcm(g, job), said(f"Number {n} waits through it."))
        with self.subTest("SIGSTOP"):
            took = []
            for _ in range(3):
                f.redis.kill(signal.SIGSTOP)
                begun = time.monotonic()
                self.assertEqual(g.speech(TEXT).code, 503)
                took.append(time.monotonic() - begun)
                self.check_away(g)
                f.redis.kill(signal.SIGCONT)
                wait(lambda: g.get("/readyz").code == 200, 10)
            self.assertLess(min(took), 1, "also the one that notices it")
            wait(lambda: g.speech(TEXT, response_format="pcm").body == said(TEXT), 10)
        with self.subTest("FLUSHALL"):
            lost = accept(g, LONG * 7)
            connection = http.client.HTTPConnection("127.0.0.1", g.port, timeout=30)
            connection.request("POST", "/v1/audio/speech", json.dumps({"input": LONG * 7, "response_format": "pcm", "stream_format": "sse"}))
            response = connection.getresponse()
            response.read(1000)
            f.redis.ask("FLUSHALL")
            self.assertIn(b"speech.audio.error", response.read(), "who listens is told")
            connection.close()
            self.assertEqual(g.get("/tts/" + lost).code, 404)
            wait(lambda: g.speech(TEXT, response_format="pcm").body == said(TEXT), 15)
            self.assertEqual(finish(g, accept(g))["status"], "completed")
        with self.subTest("a key of another type"):
            wait(lambda: g.get("/readyz").json()["jobs"]["pending"] == 0, 10)
            f.redis.ask("SET", "{emotivoice}:sum", "no hash")
            self.assertEqual(g.post("/tts", {"text": TEXT}).code, 503)
            f.redis.ask("DEL", "{emotivoice}:sum")
            self.assertEqual(finish(g, accept(g))["status"], "completed")
        with self.subTest("no memory"):
            f.redis.ask("CONFIG", "SET", "maxmemory", "1")
            self.assertEqual(g.post("/tts", {"text": TEXT}).code, 503)
            f.redis.ask("CONFIG", "SET", "maxmemory", "0")
            wait(lambda: g.post("/tts", {"text": TEXT}).code == 202, 10)
        for s in f.gateways + f.workers:
            shouts = [line for line in s.lines if '"level":"error"' in line]
            self.assertLess(len(shouts), 30, "a log that tells the same again and again")

    def test_a_stopped_worker_loses_its_jobs_and_harms_none(self):
        f = self.fleet(1, 2)
        g = f.gateways[0]
        jobs = [accept(g, f"{n} and its neighbours are spoken.") for n in range(16)]
        f.workers[0].process.send_signal(signal.SIGSTOP)
        for job in jobs:
            self.assertEqual(finish(g, job)["status"], "completed")
        f.workers[0].process.send_signal(signal.SIGCONT)
        wait(lambda: f.workers[0].metric("queue_jobs") == 0)  # of what it had
        for n, job in list(enumerate(jobs))[::4]:
            self.assertEqual(pcm(g, job), said(f"{n} and its neighbours are spoken."))
        wait(lambda: g.get("/readyz").json()["jobs"]["pending"] == 0)

    def test_what_may_have_ended_a_worker_is_made_alone(self):
        """Also where no other suspect waits behind it, and much else does."""
        f = self.fleet(1, 1, flags=("--queue-audio", "3600s"))
        g = f.gateways[0]
        suspect = accept(g, LONG * 6)
        wait(lambda: state(g, suspect)["status"] == "running")
        f.workers.pop().kill()
        f.add_worker()
        wait(lambda: self.field(f, "{emotivoice}:job:" + suspect, "attempts") == "2")
        innocents = [accept(g, f"Number {n} waits for it.") for n in range(4)]
        looks = 0
        while True:
            seen = {state(g, job)["status"] for job in innocents}
            if state(g, suspect)["status"] != "running":
                break
            self.assertEqual(seen, {"queued"})
            looks += 1
        self.assertGreater(looks, 1)
        for job in (suspect, *innocents):
            self.assertEqual(finish(g, job)["status"], "completed")

    def test_workers_are_replaced_under_load(self):
        f = self.fleet(1, 2)
        g = f.gateways[0]
        wrong, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                answer = g.speech(TEXT, response_format="pcm", seed=int(time.monotonic() * 1e6) % 1000)
                if answer.code != 200 or len(answer.body) != len(said_text):
                    wrong.append((answer.code, answer.body[:200]))

        said_text = said(TEXT)
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for t in threads:
            t.start()
        for _ in range(2):
            time.sleep(0.5)
            fresh, old = f.add_worker(), f.workers.pop(0)
            self.assertEqual(old.stop(), 0)
            self.assertEqual(fresh.process.poll(), None)
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    def keys(self, f, pattern):
        answer = f.redis.ask("KEYS", "{emotivoice}:" + pattern)
        return [line.decode() for line in answer.split(b"\r\n")[1:] if line.startswith(b"{")]

    def field(self, f, key, name):
        return f.redis.ask("HGET", key, name).split(b"\r\n")[1].decode()  # of none ""

    def test_equal_requests_of_two_gateways_are_made_once(self):
        """Also where the first who asked leaves, and of a recording that lies in the store."""
        f = self.fleet(2, 1, flags=("--queue-audio", "3600s", "--redis-lease", "60s"))
        recording = base64.b64encode(service.reference("A voice that is heard once, and then again. " * 2)).decode()
        self.assertGreater(len(recording) * 3 / 4, 65536)
        made = lambda: f.workers[0].metric('jobs_total{outcome="completed"}')  # noqa: E731
        requests = [{"input": "Two ask for this at once.", "response_format": "pcm"},
                    {"input": "One of two who ask for this leaves.", "response_format": "pcm", "reference_audio": recording}]
        for leaves, body in enumerate(requests):
            before = made()
            f.workers[0].process.send_signal(signal.SIGSTOP)
            first = http.client.HTTPConnection("127.0.0.1", f.gateways[0].port, timeout=60)
            first.request("POST", "/v1/audio/speech", json.dumps(body))
            job = wait(lambda: self.keys(f, "job:*"))[0]
            with concurrent.futures.ThreadPoolExecutor() as pool:
                others = [pool.submit(f.gateways[1].post, "/v1/audio/speech", body), pool.submit(f.gateways[1].post, "/v1/audio/speech", dict(body, seed=7))]
                wait(lambda: self.field(f, job, "also"))
                wait(lambda: len(self.keys(f, "job:*")) == 3)  # it, who joined it, and one that is not equal
                if leaves:
                    first.close()
                    wait(lambda: self.field(f, job, "as"))
                f.workers[0].process.send_signal(signal.SIGCONT)
                second, unequal = (one.result() for one in others)
            if leaves:
                self.assertEqual(second.body, f.gateways[0].post("/v1/audio/speech", dict(body, priority="low")).body)
                before += 1
            self.assertEqual((second.code, unequal.code), (200, 200), (second.body[:200], unequal.body[:200]))
            if not leaves:
                self.assertEqual(first.getresponse().read(), said(body["input"]))
                self.assertEqual(second.body, said(body["input"]))
            wait(lambda: not self.keys(f, "job:*") and not self.keys(f, "equal:*"), 10)
            self.assertEqual(made() - before, 2)
            first.close()

    def test_who_comes_late_hears_all_of_it(self):
        """Equal requests of other gateways, of which the first is heard already; one of them leaves before it got anything."""
        text = "\U0001F600 " + LONG * 4
        with service.Service(COMMAND, *service.FREE) as alone:
            events = alone.speech(text, stream_format="sse", response_format="pcm", timestamps=True).body
        f = self.fleet(4, 1, flags=("--queue-audio", "3600s", "--redis-lease", "60s"))
        worker, first = f.workers[0], f.gateways[0].connect()
        first.request("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}))
        response = first.getresponse()
        begun = response.read(100000)  # more than goes in one message
        worker.process.send_signal(signal.SIGSTOP)
        job = self.keys(f, "job:*")[0]
        self.assertEqual(self.field(f, job, "heard"), "1")
        left = f.gateways[3].connect()
        left.request("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            late = [pool.submit(f.gateways[1].speech, text, response_format="pcm"),
                    pool.submit(f.gateways[2].speech, text, stream_format="sse", response_format="pcm", timestamps=True)]
            wait(lambda: self.field(f, job, "late").count(":") == 3)
            left.close()
            wait(lambda: self.field(f, job, "also").count(":") == 2)
            worker.process.send_signal(signal.SIGCONT)
            late = [one.result().body for one in late]
        self.assertEqual(late[0], said(text))
        self.assertEqual(begun + response.read(), late[0])
        self.assertEqual(*([line for line in body.decode().splitlines() if '"words"' in line or "omitted" in line] for body in (late[1], events)))
        self.assertEqual(worker.metric('jobs_total{outcome="completed"}'), 1)
        wait(lambda: not self.keys(f, "job:*") and not self.keys(f, "equal:*"), 10)
        first.close()

    def test_who_comes_late_hears_all_of_it_from_another_worker(self):
        text = LONG * 4
        f = self.fleet(2, 1, flags=("--queue-audio", "3600s", "--redis-lease", "2s"))
        first = f.gateways[0].connect()
        first.request("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}))
        response = first.getresponse()
        begun = response.read(4800)
        f.workers[0].process.send_signal(signal.SIGSTOP)
        job = self.keys(f, "job:*")[0]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            late = pool.submit(f.gateways[1].speech, text, response_format="pcm")
            wait(lambda: self.field(f, job, "late"))
            os.kill(f.workers[0].process.pid, signal.SIGKILL)
            f.add_worker()
            self.assertEqual(late.result().body, said(text))
        self.assertEqual(begun + response.read(), said(text))
        first.close()

    def test_clients_have_fair_turns_and_a_bounded_queue(self):
        keys = service.scratch("")
        made = {}
        for name in ("ann", "bob"):
            out = subprocess.run([COMMAND, "keys", "new", "--name", name, "--file", keys], capture_output=True, text=True, check=True)
            made[name] = {"Authorization": "Bearer " + out.stdout.split()[-1]}
        f = self.fleet(1, 1, flags=("--keys-file", keys, "--queue-audio", "400s", "--rate-per-key", "0", "--worker-jobs", "2", "--redis-lease", "60s"))
        g = f.gateways[0]
        f.workers[0].process.send_signal(signal.SIGSTOP)  # so that all of them wait, however long it takes to send them
        anns = [accept(g, "Ann has a lot to say, and says all of it at once. " * 2, made["ann"], seed=n) for n in range(40)]
        bob = accept(g, "Bob has one line.", made["bob"])
        f.workers[0].process.send_signal(signal.SIGCONT)
        self.assertEqual(g.get("/tts/" + bob, headers=made["ann"]).code, 404, "it is bob's")
        for owner, jobs in (("bob", [bob]), ("ann", anns)):
            self.assertEqual({finish(g, job, made[owner])["status"] for job in jobs}, {"completed"})
        # in which order they were made, by Redis' clock: ann has eight in the queue at a time, and what the worker held
        done = {job: int(self.field(f, "{emotivoice}:job:" + job, "done")) for job in (bob, *anns)}
        self.assertLessEqual(sum(done[job] <= done[bob] for job in anns), 8 + 2 + 2, "bob waited for more than ann's share")
        f.workers[0].process.send_signal(signal.SIGSTOP)
        refused = next((a for a in (g.post("/tts", {"text": LONG, "seed": n}, headers=made["ann"]) for n in range(40)) if a.code != 202), None)
        self.assertIsNotNone(refused)
        self.assertEqual(refused.code, 503)
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
        self.assertEqual(g.post("/tts", {"text": "Bob still has room."}, headers=made["bob"]).code, 202)
        f.workers[0].process.send_signal(signal.SIGCONT)

    def test_a_key_s_seconds_of_speech_are_counted_over_all_gateways(self):
        keys = service.scratch("")
        out = subprocess.run([COMMAND, "keys", "new", "--name", "ann", "--audio-seconds", "12", "--file", keys],
                             capture_output=True, text=True, check=True)
        ann = {"Authorization": "Bearer " + out.stdout.split()[-1]}
        f = self.fleet(2, 1, flags=("--keys-file", keys, "--coalesce", "off"))
        heard, answer = 0.0, None
        for n in range(40):
            answer = f.gateways[n % 2].speech(TEXT, response_format="pcm", seed=n, headers=ann)
            if answer.code != 200:
                break
            heard += len(answer.body) / 2 / service.RATE
        self.assertEqual(answer.code, 429, answer.body)
        self.assertIn("seconds of speech", answer.json()["error"]["message"])
        self.assertGreater(int(answer.headers["retry-after"]), 1)
        self.assertTrue(6 < heard < 16, f"{heard} s of speech for a key that has 12 an hour")
        self.assertEqual(f.gateways[0].speech(TEXT).code, 200, "others have theirs")

    def test_kills_under_load(self):
        """A small share of tests/chaos/run."""
        chaos = fleet_kills.FleetKills(COMMAND, "worker", seed=1)
        chaos.run(3)
        report = chaos.report()
        self.assertEqual(chaos.anomalies, [], report)
        self.assertGreater(report["accepted"], 10)

    def test_poison_in_full_batches(self):
        """A small share of tests/chaos/run --what poison."""
        chaos = poison.Poison(COMMAND, ahead=20, seed=1)
        chaos.run(1)
        self.assertEqual(chaos.anomalies, [], chaos.report())


class Fallback(unittest.TestCase):
    def test_a_gateway_speaks_while_redis_is_away(self):
        with fleet.Fleet(0, 1) as f:
            gateway = f.add_gateway("--redis-fallback", "local", "--threads", "1")
            f.settle()
            self.assertEqual(gateway.speech("By a worker.", response_format="pcm").body, said("By a worker."))
            self.assertEqual(gateway.metric('stage_duration_seconds_count{stage="decode"}'), 0, "it was made by the worker")
            f.redis.kill()
            wait(lambda: gateway.get("/readyz").json()["jobs"]["queue"] == "local", 5)
            self.assertEqual(gateway.speech(TEXT, response_format="pcm").body, said(TEXT))
            refused = gateway.post("/tts", {"text": TEXT})
            self.assertEqual((refused.code, "retry-after" in refused.headers), (503, True))
            f.redis.start()
            wait(lambda: (s := gateway.get("/readyz").json()["jobs"])["queue"] == "redis" and s["workers"] == 1, 10)
            made = gateway.metric('stage_duration_seconds_count{stage="decode"}')
            self.assertGreater(made, 0)
            self.assertEqual(finish(gateway, accept(gateway, "By a worker again."))["status"], "completed")
            self.assertEqual(gateway.speech("And heard from it.", response_format="pcm").body, said("And heard from it."))
            self.assertEqual(gateway.metric('stage_duration_seconds_count{stage="decode"}'), made)


class Elsewhere(unittest.TestCase):
    """Redis that is not just an address."""

    def test_a_sentinel_says_who_is_the_master(self):
        with fleet.Fleet(1, 1, kind=fleet.Sentinel) as f:
            gateway, redis = f.gateways[0], f.redis
            before = accept(gateway)
            self.assertEqual(finish(gateway, before)["status"], "completed")
            key = "{emotivoice}:job:" + before
            wait(lambda: redis.replica.ask("EXISTS", key) == b"1", 5)
            redis.master.kill()
            begun = time.monotonic()
            wait(lambda: gateway.get("/readyz").code == 503, 5)
            wait(lambda: gateway.get("/readyz").code == 200 and gateway.get("/readyz").json()["jobs"]["workers"] == 1, 30)
            print(f"failover: {time.monotonic() - begun:.1f} s from the master's kill -9 to ready")
            self.assertEqual(pcm(gateway, before), said(TEXT))
            self.assertEqual(finish(gateway, accept(gateway, "After it."))["status"], "completed")
            self.assertIn(b"role:master", redis.replica.ask("INFO", "replication"))

    def test_tls(self):
        """Where hiredis has it; else what to do without is told."""
        folder = tempfile.mkdtemp(prefix="emotivoice-tls-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        data = ("--data-dir", os.path.join(folder, "data"))
        done = subprocess.run([COMMAND, "serve", "--redis", "rediss://", *data], capture_output=True, text=True, timeout=60)
        if "no TLS" in done.stderr:
            self.assertIn("stunnel", done.stderr)
            self.skipTest("this build's hiredis has no TLS")
        key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        port = fleet.free_port()
        redis = fleet.Redis(folder, "--tls-port", str(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
                            "--tls-auth-clients", "no").start()
        self.addCleanup(redis.stop)
        for host, authority, ready in (("localhost", cert, 200), ("127.0.0.1", cert, 503), ("localhost", "/dev/null", 503)):
            flags = ("--redis", f"rediss://{host}:{port}", *data, "--log-level", "error")
            with fleet.Worker(COMMAND, *flags, SSL_CERT_FILE=authority) as worker, \
                 service.Service(COMMAND, *flags, SSL_CERT_FILE=authority) as gateway:
                if ready == 200:
                    wait(lambda: gateway.get("/readyz").json()["jobs"].get("workers") == 1, 10)
                    self.assertEqual(gateway.speech(TEXT, response_format="pcm").body, said(TEXT))
                else:
                    time.sleep(0.5)
                self.assertEqual(gateway.get("/readyz").code, ready, (host, authority, gateway.lines))
                worker.kill()


class Starts(unittest.TestCase):
    def refused(self, *flags, command="serve"):
        done = subprocess.run([COMMAND, command, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *flags],
                              capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_what_cannot_be_trusted_is_refused(self):
        folder = service.tempfile.mkdtemp()
        data = ("--data-dir", os.path.join(folder, "data"))
        redis = fleet.Redis(folder, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb").start()
        try:
            for command in ("serve", "worker"):
                told = self.refused("--redis", redis.url, *data, command=command)
                self.assertIn("noeviction", told)
                self.assertIn("allkeys-lru", told)
        finally:
            redis.stop()
        self.assertIn("data_dir", self.refused("--redis", "redis://localhost"))
        self.assertIn("--redis", self.refused(command="worker"))
        for url in ("http://localhost", "redis://", "redis://localhost:99999", "redis://localhost/zero", "localhost:6379",
                    "redis-sentinel://localhost", "redis-sentinel:///voices", "redis-sentinel://a,/voices", "redis-sentinel://a:x,b/voices"):
            self.assertIn("redis://[user:password@]host", self.refused("--redis", url, *data), url)

    def test_it_starts_before_redis_does(self):
        folder = service.tempfile.mkdtemp()
        redis = fleet.Redis(folder, "--requirepass", "s3cret word")
        url = f"redis://:s3cret%20word@127.0.0.1:{redis.port}"
        flags = ("--redis", url, "--data-dir", os.path.join(folder, "data"), *service.FREE)
        with service.Service(COMMAND, *flags) as g, fleet.Worker(COMMAND, *flags) as w:
            self.assertEqual(g.get("/readyz").code, 503)
            self.assertEqual(w.get("/readyz").code, 503)
            self.assertEqual(g.speech(TEXT).code, 503)
            redis.ask = lambda *words: b"PONG"  # it wants a password
            redis.start()
            try:
                wait(lambda: g.get("/readyz").code == 200 and w.get("/readyz").code == 200, 10)
                wait(lambda: g.speech(TEXT, response_format="pcm").body == said(TEXT), 10)
            finally:
                redis.stop()
            self.assertNotIn("s3cret", "".join(g.lines + w.lines) + g.before + w.before)


if __name__ == "__main__":
    if not fleet.there():
        print("there is no redis-server: script/bootstrap --test installs it", file=sys.stderr)
        sys.exit(77)
    unittest.main()
