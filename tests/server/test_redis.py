"""Gateways and workers over Redis, as a client and an operator meet them: real processes, a real redis-server, real kills."""
import base64
import concurrent.futures
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest
import zipfile

import fleet
import service
from fleet_jobs import BATCH, BOOK, LONG, OVER, TEXT, accept, finish, pcm, state, wait
from service import COMMAND, said


class Together(unittest.TestCase):
    """Two gateways, two workers, one Redis, for all of these."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = fleet.Fleet(2, 2, flags=("--queue-audio", "3600s", "--tries-max", "3")).__enter__()
        cls.a, cls.b = cls.fleet.gateways

    @classmethod
    def tearDownClass(cls):
        cls.fleet.__exit__()

    def signal_workers(self, number):
        for worker in self.fleet.workers:
            worker.process.send_signal(number)

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
        self.signal_workers(signal.SIGSTOP)  # so that it is in the middle when it is looked at, on a quick machine, too
        self.addCleanup(self.signal_workers, signal.SIGCONT)
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

        def seen_in_the_middle():
            self.signal_workers(signal.SIGCONT)
            time.sleep(0.03)
            self.signal_workers(signal.SIGSTOP)
            return (s := seen())["request_counts"]["completed"] >= 3 and s
        before = wait(seen_in_the_middle)
        self.assertEqual(before["status"], "running")
        self.assertEqual(self.b.get(f"{BATCH}/{batch}/audio").code, 409)
        self.fleet.gateways.remove(third)
        third.kill()
        self.signal_workers(signal.SIGCONT)
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


if __name__ == "__main__":
    if not fleet.there():
        print("there is no redis-server: script/bootstrap --test installs it", file=sys.stderr)
        sys.exit(77)
    unittest.main()
