#!/usr/bin/env python3
"""emotivoice scale: workers follow what waits over a real redis-server, none is lost sight of, and nothing that was accepted is lost."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

import fleet
import scaler
import service

RULE = ("--min", "1", "--max", "3", "--target", "50", "--every", "0.1", "--cooldown", "1")


class Follows(unittest.TestCase):
    def setUp(self):
        self.fleet = fleet.Fleet(1, 0, flags=("--queue-audio", "3600s"), redis_flags=("--appendfsync", "everysec"))
        self.fleet.__enter__()
        self.addCleanup(self.fleet.__exit__)
        self.gateway = self.fleet.gateways[0]

    def jobs(self):
        return self.gateway.get("/readyz").json()["jobs"]

    def finish(self, ids):
        for id in ids:
            state = service.wait_for(lambda i=id: self.gateway.get(f"/tts/{i}").json(), lambda s: s["status"] not in ("queued", "running"), 90)
            self.assertEqual(state["status"], "completed", state)

    def test_workers_come_and_go_with_the_queue(self):
        with scaler.Scaler(self.fleet.command, *self.fleet.common, "--threads", "1", *RULE) as s:
            s.wait(1)
            first = s.workers()[0][0]
            ids = [self.gateway.post("/tts", {"text": f"{n}. {service.LONG[:1800]}"}).json()["request_id"] for n in range(10)]
            s.wait(3)
            service.wait_for(self.jobs, lambda j: j["workers"] == 3)
            os.kill(s.workers()[0][1], signal.SIGKILL)  # another takes its place, and others its job
            service.wait_for(lambda: "".join(s.lines), lambda log: "was ended by signal 9 by itself" in log)
            self.finish(ids)
            s.wait(1)
            self.assertEqual(s.workers()[0], [first])  # the youngest leave
            service.wait_for(s.workers, lambda w: not w[1])
            self.fleet.redis.kill(signal.SIGSTOP)  # what cannot be asked changes nothing
            service.wait_for(lambda: "".join(s.lines), lambda log: "redis does not answer" in log)
            self.assertEqual(s.workers()[0], [first])
            self.fleet.redis.kill(signal.SIGCONT)
            self.assertEqual(s.stop(), 0)
            self.assertFalse(scaler.alive(first))
            told = [json.loads(line)["msg"] for line in s.lines if line.startswith("{")]
        self.assertTrue(any(m.endswith("from 1 to 3 workers") for m in told), told)
        self.assertTrue([m for m in told if m.startswith("worker ") and "ended with" in m])
        self.assertTrue(all(m.endswith("ended with status 0") for m in told if m.startswith("worker ") and "ended with" in m), told)

    def test_no_worker_outlives_it(self):
        port = fleet.free_port()
        with scaler.Scaler(self.fleet.command, *self.fleet.common, "--threads", "1", *RULE, "--admin-listen", f"127.0.0.1:{port}") as s:
            s.wait(1)
            service.wait_for(self.jobs, lambda j: j["workers"] == 1)
            self.assertIn(f"metrics: http://127.0.0.1:{port}/", "".join(s.lines))
            worker = s.workers()[0][0]
            s.process.kill()
            service.wait_for(lambda: scaler.alive(worker), lambda there: not there)


class Refuses(unittest.TestCase):
    def told(self, code, *flags):
        done = subprocess.run([service.COMMAND, "scale", *flags], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_mistakes_before_a_worker_starts(self):
        folder = tempfile.mkdtemp(prefix="emotivoice-scale-")
        self.addCleanup(os.rmdir, folder)
        there = ("--redis", f"redis://127.0.0.1:{fleet.free_port()}", "--data-dir", folder)
        self.assertIn("--redis URL", self.told(3))
        self.assertIn("give a smaller one", self.told(2, *there, "--min", "5", "--max", "4"))
        self.assertIn("did you mean '--target'", self.told(2, *there, "--tarhet", "5"))
        self.assertIn("redis://", self.told(3, "--redis", "http://127.0.0.1", "--data-dir", folder))
        self.assertIn("threads", self.told(3, *there, "--threads", "1000"))
        self.assertIn("nowhere.safetensors", self.told(3, *there, "--model", "nowhere.safetensors"))


if __name__ == "__main__":
    if not fleet.there():
        print("redis-server is missing: script/bootstrap --test", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
