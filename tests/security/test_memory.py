"""Memory has one bound, and a key keeps what is its own: the service is driven into each thing that takes memory, and its
resident memory stays below memory_max + 64 MB. Under sanitizers, whose own memory counts too, only the answers are looked at."""
import hashlib
import json
import os
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from service import COMMAND, FREE, TINY, Service, scratch  # noqa: E402

BUDGET_MB, SLACK_MB = 400, 64
SILENCE = ("Hi " + "[pause:10s]" * 200 + ". ") * 9  # five hours of it


def key(letter, name, more=""):
    secret = "ev_" + letter * 43
    line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak,voices {name} {more}\n"
    return {"Authorization": f"Bearer {secret}"}, line


def resident_mb(service):
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) // 1024


class Bounded(unittest.TestCase):
    def watch(self, service, seconds):
        worst, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            worst = max(worst, resident_mb(service))
            time.sleep(0.1)
        if not TINY:
            self.assertLess(worst, BUDGET_MB * 1e6 / 2**20 + SLACK_MB)
        return worst

    def begin(self, service, body, length=None):
        """A request whose answer nobody reads."""
        c = socket.create_connection(("127.0.0.1", service.port))
        self.addCleanup(c.close)
        head = "POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        c.settimeout(5)
        try:
            c.sendall(f"{head}Content-Length: {length or len(body)}\r\n\r\n".encode() + body)
        except OSError:
            pass
        return c

    def serve(self, *flags):
        return Service(COMMAND, *FREE, "--memory-max", f"{BUDGET_MB}MB", "--parallel", "1", *flags)

    def test_streams_that_nobody_reads(self):
        with self.serve() as s:
            for n in range(12):
                self.begin(s, json.dumps({"input": SILENCE + str(n), "response_format": "pcm"}).encode())
            self.watch(s, 4)
            self.assertEqual(s.get("/healthz").code, 200)
            s.process.kill()

    def test_bodies_in_the_making(self):
        with self.serve() as s:
            for _ in range(30):
                self.begin(s, b" " * 9_000_000, 15_999_999)
            self.watch(s, 1)
            self.assertEqual(s.speech("Small ones are heard.").code, 200)
            s.process.kill()

    def test_results_that_are_kept(self):
        with self.serve() as s:
            codes = {s.post("/tts", {"text": "Hi " + "[pause:10s]" * 40 + str(n)}).code for n in range(40)}
            self.assertLessEqual(codes, {202, 503})
            self.watch(s, 2)

    def test_a_stream_read_slowly_is_whole(self):
        """What was held while nobody read comes, to the last sample."""
        text = "Hi " + "[pause:10s]" * 40 + "there."
        with self.serve() as s:
            c = self.begin(s, json.dumps({"input": text, "response_format": "pcm"}).encode())
            time.sleep(1)
            data = b""
            while not data.endswith(b"0\r\n\r\n"):
                more = c.recv(1 << 20)
                self.assertTrue(more, "the stream broke off")
                data += more
            head, _, body = data.partition(b"\r\n\r\n")
            rate = int(re.search(rb"X-Sample-Rate: (\d+)", head)[1])
            self.assertGreater(len(body), 400 * rate * 2)
            self.assertLess(len(body), 430 * rate * 2)


class Tenants(unittest.TestCase):
    def test_untrusted_clients_do_not_push_out_promises(self):
        ann, line = key("a", "ann")
        with Service(COMMAND, *FREE, "--keys-file", scratch(line), "--result-cache", "24MB") as s:
            job = s.post("/tts", {"text": "Ann's."}, headers=ann).json()["request_id"]
            for n in range(8):
                s.post("/tts", {"text": "Hi " + "[pause:10s]" * 15 + str(n)})
            time.sleep(2)
            self.assertEqual(s.get(f"/tts/{job}/audio", headers=ann).code, 200)

    def test_quotas_are_settled(self):
        quinn, line = key("q", "quinn", "audio_s=60")
        with Service(COMMAND, *FREE, "--keys-file", scratch(line)) as s:
            def say(text):
                return s.speech(text, headers=quinn, response_format="pcm").code
            self.assertEqual(say("Hi " + "[pause:10s]" * 40), 400)  # more than an hour's
            self.assertEqual(say("Hi " + "[pause:10s]" * 4), 200)
            self.assertEqual(say("Ho " + "[pause:10s]" * 4), 429)
            self.assertEqual(say("Hello."), 200)


if __name__ == "__main__":
    unittest.main()
