"""Many texts in one request: each is a job of its own, fails alone, waits for its turn, and is found again after a kill."""
import concurrent.futures
import io
import json
import pathlib
import shutil
import signal
import tempfile
import time
import unittest
import zipfile

import service
from service import COMMAND, Service, said, wav_body

BATCH = "/v1/audio/speech/batch"


def send(s, requests, headers=None, **shared):
    return s.post(BATCH, {"requests": requests, **shared}, headers=headers)


def state(s, batch):
    answer = s.get(f"{BATCH}/{batch}")
    assert answer.code == 200, answer.body
    return answer.json()


def finish(s, batch, until=lambda state: state["status"] == "completed"):
    return service.wait_for(lambda: state(s, batch), until, 60)


def archive(s, batch, query=""):
    answer = s.get(f"{BATCH}/{batch}/audio{query}")
    assert answer.code == 200, answer.body
    assert answer.headers["content-type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(answer.body))


class Batches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s = Service(COMMAND, *service.FREE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.s.__exit__()

    def test_each_is_made_or_fails_alone(self):
        answer = send(self.s, [{"custom_id": "one", "input": "The first one."},
                               {"input": "Too fast.", "speed": 9},
                               {"text": "The second one.", "voice": "ava", "response_format": "flac"},
                               "no object",
                               {"input": "Nobody says this.", "voice": "nobody-here"},
                               {"custom_id": "line", "method": "POST", "url": "/v1/audio/speech", "body": {"input": "A line."}},
                               {"custom_id": 7, "input": "A name that is none."},
                               {"input": "🙂"}], voice="ray", response_format="wav", colour="red")
        self.assertEqual((answer.code, answer.headers.get("x-ignored-fields")), (202, "colour"), answer.body)
        first = answer.json()
        self.assertEqual(answer.headers["location"], f"{BATCH}/{first['id']}")
        self.assertEqual([first["items"][i]["status"] for i in (1, 3, 6)], ["failed"] * 3)
        now = finish(self.s, first["id"])
        self.assertEqual([item["status"] for item in now["items"]],
                         ["completed", "failed", "completed", "failed", "failed", "completed", "failed", "failed"])
        self.assertEqual(now["request_counts"], {"total": 8, "completed": 3, "failed": 5})
        self.assertEqual([item.get("error", {}).get("param") for item in now["items"]],
                         [None, "speed", None, None, "voice", None, "custom_id", "input"])
        self.assertIn("0.25 to 4", now["items"][1]["error"]["message"])
        self.assertIn("nobody-here", now["items"][4]["error"]["message"])
        one = self.s.get(now["items"][0]["audio_url"])
        self.assertEqual(wav_body(one.body), said("The first one.", "--voice", "ray"))

        with archive(self.s, first["id"]) as z:
            self.assertIsNone(z.testzip())
            self.assertEqual(z.namelist(), ["0000-one.wav", "0002.flac", "0005-line.wav", "results.json"])
            self.assertEqual(z.read("0000-one.wav"), one.body)
            listed = json.loads(z.read("results.json"))
            self.assertEqual([item.get("file") for item in listed["items"] if item["status"] == "completed"], z.namelist()[:3])
        with archive(self.s, first["id"], "?format=pcm") as z:
            self.assertEqual(z.read("0002.pcm"), said("The second one.", "--voice", "ava"))
        self.assertEqual(self.s.get(f"{BATCH}/{first['id']}/audio?format=gif").code, 400)
        self.assertEqual(self.s.ask("DELETE", f"/tts/{now['items'][0]['request_id']}").code, 200)
        with archive(self.s, first["id"]) as z:  # one that was deleted by itself is missing
            self.assertEqual(z.namelist(), ["0002.flac", "0005-line.wav", "results.json"])

    def test_what_is_wrong_for_all_is_told_at_once(self):
        for shared, field in (({"speed": 9}, "speed"), ({"strict": 1}, "strict"), ({"emotion": "sleepy"}, "emotion")):
            answer = send(self.s, [{"input": "Hello."}], **shared)
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, field), answer.body)

    def test_what_is_wrong_with_all_is_said(self):
        for body in ({}, {"requests": []}, {"requests": {}}, {"requests": [{"input": "x"}] * 1001}):
            answer = self.s.post(BATCH, body)
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, "requests"), answer.body)
        for path in ("", "/audio"):
            self.assertEqual(self.s.get(f"{BATCH}/{'0' * 32}{path}").code, 404)
        self.assertEqual(self.s.ask("DELETE", f"{BATCH}/{'0' * 32}").code, 404)

    def test_the_same_key_is_the_same_batch(self):
        key = {"Idempotency-Key": "a-batch"}
        ids = {send(self.s, [{"input": "Once."}], headers=key).json()["id"] for _ in range(2)}
        self.assertEqual(len(ids), 1)
        self.assertEqual(send(self.s, [{"input": "Twice."}], headers=key).code, 422)

    def test_others_are_answered_meanwhile_and_what_is_canceled_is_not_made(self):
        long = "It goes on and on, as long as anybody listens to what it has to say. " * 25
        batch = send(self.s, [{"input": f"{i}. {long}"} for i in range(20)]).json()["id"]
        finish(self.s, batch, lambda now: any(item["status"] != "queued" for item in now["items"]))
        self.assertEqual(self.s.get(f"{BATCH}/{batch}/audio").code, 409)
        start = time.monotonic()
        self.assertEqual(self.s.speech("Excuse me.").code, 200)
        self.assertLess(time.monotonic() - start, 5)
        jobs = [item["request_id"] for item in state(self.s, batch)["items"] if "request_id" in item]
        self.assertLess(len(jobs), 20)  # they did not fill the queue
        self.assertEqual(self.s.ask("DELETE", f"{BATCH}/{batch}").json(), {"id": batch, "status": "canceled"})
        self.assertEqual(self.s.get(f"{BATCH}/{batch}").code, 404)
        service.wait_for(lambda: self.s.metric("queue_jobs"), lambda now: now == 0)
        self.assertEqual({self.s.get(f"/tts/{job}").code for job in jobs}, {404})


class Limits(unittest.TestCase):
    def test_items_wait_for_the_rate_and_results_need_room(self):
        with Service(COMMAND, "--log-level", "error", "--rate-per-ip", "20", "--burst-per-ip", "3", "--result-cache", "2MB") as s:
            start = time.monotonic()
            batch = send(s, [{"input": "Hi."}] * 8).json()["id"]
            now = finish(s, batch, lambda now: time.sleep(0.1) or now["status"] == "completed")
            self.assertEqual(now["request_counts"]["completed"], 8)
            self.assertGreater(time.monotonic() - start, 5 / 20)
            self.assertEqual(s.metric('jobs_total{outcome="rejected'), 0, "nobody was refused")
            answer = send(s, [{"input": service.LONG}] * 5)
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (413, "requests"), answer.body)
            codes = []
            with concurrent.futures.ThreadPoolExecutor(24) as pool:  # faster than the rate, on any machine, sooner or later
                service.wait_for(lambda: codes.extend(pool.map(lambda _: s.post("/tts", {"text": "Hi."}).code, range(24))) or codes, lambda all: 429 in all)
            self.assertEqual(s.metric('jobs_total{outcome="rejected'), codes.count(429))


class Durable(unittest.TestCase):
    def test_it_goes_on_after_a_kill_and_makes_nothing_twice(self):
        folder = tempfile.mkdtemp(prefix="emotivoice-batch-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        texts = [f"Sentence number {i} of a batch that is interrupted." for i in range(24)]
        key = {"Idempotency-Key": "kept"}
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            batch = send(s, [{"input": text} for text in texts], headers=key, response_format="pcm").json()["id"]
            before = finish(s, batch, lambda now: now["request_counts"]["completed"] >= 3)
            s.process.send_signal(signal.SIGKILL)
            s.process.wait()
        made = {item["index"]: item["request_id"] for item in before["items"] if item["status"] == "completed"}
        files = {job: pathlib.Path(folder, "results", job[:2], job) for job in made.values()}
        times = {job: path.stat().st_mtime_ns for job, path in files.items()}
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            after = finish(s, batch)
            self.assertEqual(after["request_counts"], {"total": 24, "completed": 24, "failed": 0})
            self.assertEqual({item["index"]: item["request_id"] for item in after["items"] if item["index"] in made}, made)
            self.assertEqual({job: path.stat().st_mtime_ns for job, path in files.items()}, times)
            self.assertEqual(send(s, [{"input": text} for text in texts], headers=key, response_format="pcm").json()["id"], batch)
            with archive(s, batch) as z:
                self.assertEqual(z.read("0023.pcm"), said(texts[23]))
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:  # and once it is over
            self.assertEqual(state(s, batch), after)
            self.assertEqual(s.ask("DELETE", f"{BATCH}/{batch}").code, 200)
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            self.assertEqual(s.get(f"{BATCH}/{batch}").code, 404)
            self.assertFalse(any(path.exists() for path in files.values()))


if __name__ == "__main__":
    unittest.main()
