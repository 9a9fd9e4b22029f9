"""What keeps one client's requests from holding up another's: every route has a rate, bodies cost what their bytes do, and
what takes long is done away from the thread that serves everybody. How fast it is, floods.py measures, nightly."""
import base64
import concurrent.futures
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from service import COMMAND, FREE, LONG, Service, multipart, wav_body  # noqa: E402

ROUTES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "server", "routes.c")
SPEECH = "/v1/audio/speech"


class Rates(unittest.TestCase):
    def test_every_route_has_one(self):
        with open(ROUTES, encoding="utf-8") as file:
            rows = re.findall(r'\{"([A-Z]+)", "([^"]+)", SV_ROUTE_\w+, \w+, (MAKES|READS|LISTS), false', file.read())
        self.assertGreater(len(rows), 18)
        kinds = {"/v1/voices": multipart({"name": "x"})}
        with Service(COMMAND, "--rate-per-ip", "0.02", "--burst-per-ip", "2", "--trusted-proxies", "127.0.0.1", "--log-level", "error") as s:
            asked = rows + [("GET", "/nothing", "READS"), ("PUT", SPEECH, "READS"), ("GET", "/app.js", "READS")]
            for n, (method, path, rate) in enumerate(asked):
                path = path.replace("{id}", "0" * 32)
                body, headers = kinds.get(path, ("{}", {})) if method == "POST" else (None, {})
                headers = {**headers, "X-Forwarded-For": f"192.0.2.{n + 1}"}
                codes = [s.ask(method, path, body, headers).code for _ in range(25)]
                free = {"MAKES": 2, "READS": 20, "LISTS": 2}[rate]
                self.assertNotIn(429, codes[:free], (method, path))
                self.assertEqual(set(codes[free + 1:]), {429}, (method, path))
            # who looked too often may still speak, and be probed
            again = {"X-Forwarded-For": f"192.0.2.{len(rows) + 1}"}
            self.assertEqual(s.get("/v1/models", headers=again).code, 429)
            self.assertEqual(s.get("/healthz", headers=again).code, 200)
            self.assertEqual(s.post(SPEECH, {"input": "Hi."}, headers=again).code, 200)


class Bodies(unittest.TestCase):
    def test_values_are_counted_before_they_are_made(self):
        with Service(COMMAND, *FREE) as s:
            for body in ('{"x":[' + '{"":0},' * 100_000 + "0]}", "[" * 100_000, '{"input":"Hi.","x":{' + ",".join(f'"{n}":0' for n in range(5000)) + "}}"):
                start = time.monotonic()
                answer = s.post(SPEECH, body)
                self.assertEqual(answer.code, 400)
                self.assertIn("4096 values", answer.json()["error"]["message"])
                self.assertLess(time.monotonic() - start, 5)
            for note in ('","[{' * 10000, "\\\\" * 10000 + ',"', ",[{" * 100_000):  # in a string they are none
                body = json.dumps({"input": "Hi.", "response_format": "pcm", "note": note})
                self.assertEqual(s.post(SPEECH, body).code, 200)
            self.assertEqual(s.post(SPEECH, json.dumps({"input": "Hi.", "x": [0] * 4000})).code, 200)

    def test_large_bodies_take_turns_and_delay_nobody(self):
        with Service(COMMAND, *FREE, "--memory-max", "4GB") as s, concurrent.futures.ThreadPoolExecutor(12) as pool:
            body = json.dumps({"input": "Hi.", "voice": "nobody", "note": "x" * 12_000_000})
            large = [pool.submit(s.post, SPEECH, body) for _ in range(12)]
            waits = []
            while not all(one.done() for one in large):
                start = time.monotonic()
                self.assertEqual(s.get("/healthz").code, 200)
                waits.append(time.monotonic() - start)
            self.assertLess(sorted(waits)[len(waits) // 2], 0.5)
            self.assertEqual({one.result().code for one in large}, {404})


class Audio(unittest.TestCase):
    def test_finished_audio_is_encoded_beside(self):
        """Many at once, and all of them whole; what was made before in one go is the same bytes."""
        with Service(COMMAND, *FREE) as s, concurrent.futures.ThreadPoolExecutor(12) as pool:
            made = s.post("/tts", {"text": LONG[:400]}).json()["request_id"]
            while s.get("/tts/" + made).json()["status"] != "completed":
                time.sleep(0.1)
            wanted = {form: s.get(f"/tts/{made}/audio?format={form}").body for form in ("mp3", "flac", "wav")}
            asked = [(form, pool.submit(s.get, f"/tts/{made}/audio?format={form}")) for form in ("mp3", "flac", "wav", "opus") * 4]
            for form, answer in asked:
                body = answer.result().body
                self.assertGreater(len(body), 1000)
                if form in wanted:
                    self.assertEqual(body, wanted[form], form)
            events = s.post(SPEECH, {"input": LONG[:400], "response_format": "pcm", "stream_format": "sse"}).body.decode()
            pcm = b"".join(base64.b64decode(json.loads(line[6:])["audio"]) for line in events.splitlines()
                           if line.startswith("data: ") and "audio.delta" in line)
            self.assertEqual(pcm, wav_body(wanted["wav"]))

    def test_who_leaves_while_it_is_encoded_costs_nothing_more(self):
        with Service(COMMAND, *FREE) as s:
            for _ in range(20):
                connection = s.connect()
                connection.request("POST", SPEECH, json.dumps({"input": LONG[:600], "response_format": "opus"}))
                connection.getresponse().read(100)
                connection.close()
            for _ in range(600):
                if s.metric("requests_in_flight") <= 1:  # who asks is one
                    break
                time.sleep(0.05)
            self.assertEqual(s.metric("requests_in_flight"), 1)
            self.assertEqual(s.speech("Still here.").code, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
