"""Redis, workers and gateways that stop, are killed or have too much to do, and what clients notice of it."""
import base64
import concurrent.futures
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest

import fleet
import service
from fleet_jobs import LONG, TEXT, accept, finish, pcm, state, wait
from service import COMMAND, said

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import fleet_kills  # noqa: E402: needs the path
import poison  # noqa: E402: needs the path


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


if __name__ == "__main__":
    if not fleet.there():
        print("there is no redis-server: script/bootstrap --test installs it", file=sys.stderr)
        sys.exit(77)
    unittest.main()
