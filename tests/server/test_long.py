"""A text as long as a book: made in parts at low priority, told by chapters, one file or one a chapter, and not made again
after a kill."""
import io
import pathlib
import shutil
import signal
import tempfile
import time
import unittest
import wave

import service
from service import COMMAND, RATE, Service, said

LONG = "/v1/audio/speech/long"
PROSE = ("The old house at the end of the lane had stood empty for as long as anybody could remember. "
         "Nobody knew who had built it, and nobody asked. ") * 3
BOOK = f"""A few words before it begins.

# Chapter 1: The House

{PROSE}

* * *

{PROSE}

# Chapter 2

She opened the door.

Chapter Three

"Is anybody there?" she asked.
"""


def state(s, job):
    answer = s.get(f"{LONG}/{job}")
    assert answer.code == 200, answer.body
    return answer.json()


def finish(s, job, until=lambda now: now["status"] in ("completed", "failed")):
    return service.wait_for(lambda: state(s, job), until, 120)


def samples(body):
    with wave.open(io.BytesIO(body)) as file:
        return file.readframes(file.getnframes())


class Books(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s = Service(COMMAND, *service.FREE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.s.__exit__()

    def send(self, **body):
        answer = self.s.post(LONG, body)
        self.assertEqual(answer.code, 202, answer.body)
        self.assertEqual(answer.headers["location"], f"{LONG}/{answer.json()['id']}")
        return answer.json()["id"]

    def test_a_book_by_its_chapters(self):
        book = self.send(text=BOOK, voice="angus", response_format="wav")
        now = finish(self.s, book)
        self.assertEqual((now["status"], now["progress"], now["characters"]), ("completed", 1, len(BOOK)))
        self.assertEqual([c["title"] for c in now["chapters"]], ["", "Chapter 1: The House", "Chapter 2", "Chapter Three"])
        self.assertEqual({c["status"] for c in now["chapters"]}, {"completed"})
        whole = samples(self.s.get(now["audio_url"]).body)
        self.assertAlmostEqual(len(whole) / 2 / RATE, now["audio_s"], places=2)
        for one in now["chapters"]:  # each stands in the whole where it is said to
            own, at = samples(self.s.get(one["audio_url"]).body), 2 * round(one["start_s"] * RATE)
            self.assertEqual(whole[at:at + len(own)], own, one["title"])
            self.assertAlmostEqual(len(own) / 2 / RATE, one["audio_s"], places=2)
        last = now["chapters"][-1]
        self.assertEqual(samples(self.s.get(last["audio_url"]).body),
                         said(BOOK[BOOK.index("Chapter Three"):], "--voice", "angus"))
        at = 2 * round(last["start_s"] * RATE)
        self.assertEqual(whole[at - 2 * RATE:at], bytes(2 * RATE))  # a second of silence before it
        for format, begin in (("mp3", None), ("opus", b"OggS"), ("flac", b"fLaC")):
            audio = self.s.get(f"{LONG}/{book}/audio?format={format}")
            self.assertEqual(audio.code, 200)
            self.assertTrue(audio.body.startswith(begin or b""))
        self.assertEqual(self.s.get(f"{LONG}/{book}/audio?chapter=4").code, 400)
        self.assertEqual(self.s.get(f"/v1/audio/speech/batch/{book}").code, 404)

    def test_chapters_that_are_given(self):
        chapters = [{"title": "第一章 雨", "text": "雨停了。"}, {"text": "街上都是树叶的味道。"}]
        book = self.send(chapters=chapters, speak_titles=False, response_format="pcm", chapter_pause_ms=0)
        now = finish(self.s, book)
        self.assertEqual([c["title"] for c in now["chapters"]], ["第一章 雨", ""])
        self.assertEqual(self.s.get(now["audio_url"]).body, said("雨停了。") + said("街上都是树叶的味道。"))

    def test_what_is_wrong_is_said(self):
        for body, param in (({}, "text"), ({"text": ""}, "text"), ({"input": 5}, "input"), ({"text": "* * *"}, "text"),
                            ({"text": "x" * 500001}, "text"), ({"text": "<speak>Hi.</speak>"}, "text"),
                            ({"text": "Hi.", "chapters": [{"text": "Hi."}]}, "chapters"), ({"chapters": ["Hi."]}, "chapters"),
                            ({"text": "Hi.", "speed": 9}, "speed"), ({"text": "Hi.", "normalize": True}, "normalize"),
                            ({"text": "Hi.", "chapter_pause_ms": -1}, "chapter_pause_ms"),
                            ({"text": "Hi.", "voice": "nobody-here"}, "voice"),
                            ({"text": "Hi.", "reference_audio": "AAAA"}, "reference_audio")):
            answer = self.s.post(LONG, body)
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, param), answer.body[:300])
        answer = self.s.post(LONG, {"text": "Hi.", "colour": "red"})
        self.assertEqual((answer.code, answer.headers.get("x-ignored-fields")), (202, "colour"))
        answer = self.s.post(LONG, {"text": PROSE * 200})
        self.assertEqual((answer.code, answer.json()["error"]["param"]), (413, "text"), answer.body)

    def test_a_part_that_fails_is_named(self):
        book = self.send(text=f"Chapter 1\n\nIt goes well.\n\nChapter 2\n\nIt does [pause:99999s] not.\n\nChapter 3\n\n{PROSE}")
        now = finish(self.s, book)
        self.assertEqual((now["status"], [c["status"] for c in now["chapters"]][:2]), ("failed", ["completed", "failed"]))
        self.assertRegex(now["error"]["message"], r"^chapter 1, bytes 26 to \d+ of the text: .*pause")
        self.assertEqual(self.s.get(f"{LONG}/{book}/audio?chapter=0").code, 200)
        self.assertEqual(self.s.get(f"{LONG}/{book}/audio").code, 409)

    def test_it_is_canceled(self):
        book = self.send(text=PROSE * 60)
        self.assertEqual(self.s.ask("DELETE", f"{LONG}/{book}").json(), {"id": book, "status": "canceled"})
        self.assertEqual(self.s.get(f"{LONG}/{book}").code, 404)


class Durable(unittest.TestCase):
    def test_it_goes_on_after_a_kill_and_makes_no_part_twice(self):
        folder = tempfile.mkdtemp(prefix="emotivoice-long-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        text = "\n\n".join(f"Chapter {i}\n\n{PROSE}" for i in range(1, 25))
        results = pathlib.Path(folder, "results")
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            book = s.post(LONG, {"text": text, "response_format": "pcm"}).json()["id"]
            finish(s, book, lambda now: all(c["status"] == "completed" for c in now["chapters"][:2]))  # they end in any order
            start = time.monotonic()
            self.assertEqual(s.speech("Excuse me.").code, 200)  # while it is made
            self.assertLess(time.monotonic() - start, 5)
            self.assertEqual(state(s, book)["status"], "running")
            s.process.send_signal(signal.SIGKILL)
            s.process.wait()
        before = {path: path.stat().st_mtime_ns for path in results.glob("??/" + "?" * 32)}
        self.assertGreaterEqual(len(before), 2)
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            now = finish(s, book)
            self.assertEqual(now["status"], "completed")
            self.assertEqual({path: path.stat().st_mtime_ns for path in before}, before)
            audio = s.get(now["audio_url"]).body
            third = s.get(f"{LONG}/{book}/audio?chapter=2").body
            self.assertIn(third, audio)
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            self.assertEqual(state(s, book), now)
            self.assertEqual(s.get(now["audio_url"]).body, audio)


if __name__ == "__main__":
    unittest.main()
