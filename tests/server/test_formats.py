"""What clients ask for beside the words: formats, rates, loudness, names of voices and emotions, fields of other services."""
import array
import base64
import io
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import unittest
import wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, MODEL_NAME, RATE, TINY, Service, reference  # noqa: E402

TEXT = "The quick brown fox jumps over the lazy dog."
PLAIN = {"pcm": 2, "ulaw": 1, "alaw": 1}


def shorts(data):
    return [s for s, in struct.iter_unpack("<h", data)]


def level(data):
    """RMS in dB."""
    samples = shorts(data)
    return 10 * math.log10(sum(s * s for s in samples) / len(samples))


def pitch(samples, rate=8000):
    """Hz of a stretch by autocorrelation, None where it is quiet or not voiced."""
    mean = sum(samples) / len(samples)
    x = [s - mean for s in samples]
    energy = sum(s * s for s in x)
    found = {lag: sum(map(lambda a, b: a * b, x, x[lag:])) for lag in range(rate // 500, rate // 70)}
    lag = max(found, key=found.get)
    if energy < len(x) * 1e5 or found[lag] < 0.45 * energy or lag - 1 not in found or lag + 1 not in found:
        return None
    before, here, after = found[lag - 1], found[lag], found[lag + 1]
    return rate / (lag + 0.5 * (before - after) / (before - 2 * here + after))


def rise(samples, rate=8000):
    """Semitones by which the second half of the last 0.25 s that are voiced lies above the first."""
    at = range(max(0, len(samples) - rate), len(samples) - rate // 25, rate // 100)
    voiced = [hz for hz in (pitch(samples[i:i + rate // 25]) for i in at) if hz][-25:]
    middle = lambda values: sorted(values)[len(values) // 2]  # noqa: E731
    return 12 * math.log2(middle(voiced[len(voiced) // 2:]) / middle(voiced[:len(voiced) // 2]))


class Formats(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--text-chars-max", "20000").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def good(self, text=TEXT, **fields):
        answer = self.service.speech(text, **fields)
        self.assertEqual(answer.code, 200, answer.body[:300])
        return answer

    def bad(self, field, word, **fields):
        answer = self.service.speech(TEXT, **fields)
        self.assertEqual(answer.code, 400, answer.body[:300])
        self.assertEqual(answer.json()["error"]["param"], field)
        self.assertIn(word, answer.json()["error"]["message"])

    @unittest.skipIf(TINY, "needs a voice")
    def test_questions_for_yes_or_no_rise(self):
        end = lambda text, voice: rise(shorts(self.good(text, voice=voice, response_format="pcm", sample_rate=8000).body))  # noqa: E731
        for voice in ("ava", "ray"):
            for question in ("Is it an apple?", "Are you coming tomorrow?"):
                self.assertGreater(end(question, voice), 1, (voice, question))
            for other in ("It is an apple.", "Where are you going tomorrow?"):
                self.assertLess(end(other, voice), 0.7, (voice, other))

    def test_rates_in_every_format(self):
        whole = len(self.good(response_format="pcm").body) / 2 / RATE
        for rate in (8000, 11025, 16000, 22050, 44100, 48000):
            for name, width in PLAIN.items():
                answer = self.good(response_format=name, sample_rate=rate)
                self.assertEqual(answer.headers["x-sample-rate"], str(rate))
                self.assertAlmostEqual(len(answer.body) / width / rate, whole, delta=1.0 / rate)
            for name in ("wav", "flac", "mp3", "opus", "aac"):
                answer = self.good(response_format=name, sample_rate=rate)
                self.assertGreaterEqual(int(answer.headers["x-sample-rate"]), rate)
        self.assertEqual(self.good(response_format="ulaw").headers["x-sample-rate"], "8000")

    def test_wav_is_44_bytes_and_the_sound(self):
        for more in ({}, {"stream_format": "audio"}, {"sample_rate": 8000}, {"trim_silence": True}, {"stream": True}):
            text = f"Not asked for before, {more}."
            body = self.good(text, response_format="wav", **more).body
            self.assertEqual(body[36:40], b"data", more)
            with wave.open(io.BytesIO(body)) as file:
                frames = len(file.readframes(10 ** 9)) // 2
                self.assertEqual(file.getframerate(), more.get("sample_rate", RATE))
            again = self.good(text, response_format="pcm", **more).body
            self.assertEqual(frames, len(again) // 2)
            if "stream" not in str(more):
                self.assertEqual(int.from_bytes(body[4:8], "little"), len(body) - 8)
                self.assertIn(b"AIGC", body[44 + 2 * frames:])

    @unittest.skipUnless(shutil.which("sox"), "there is no sox")
    def test_sox_plays_a_stream_without_a_word(self):
        body = self.good("As it is made, and piped.", response_format="wav", stream_format="audio").body
        done = subprocess.run(["sox", "-t", "wav", "-", "-n", "stat"], input=body, capture_output=True, text=False)
        self.assertEqual(done.returncode, 0)
        self.assertNotIn(b"WARN", done.stderr)
        self.assertEqual(int(re.search(rb"Samples read:\s+(\d+)", done.stderr)[1]), (len(body) - 44) // 2)

    def test_aac_frames(self):
        """ADTS: each frame tells its length, and holds 1024 samples."""
        body, at, frames = self.good(response_format="aac").body, 0, 0
        while at < len(body):
            self.assertEqual(body[at] << 4 | body[at + 1] >> 4, 0xFFF)
            at += (body[at + 3] & 3) << 11 | body[at + 4] << 3 | body[at + 5] >> 5
            frames += 1
        self.assertEqual(at, len(body))
        whole = len(self.good(response_format="pcm").body) / 2
        self.assertTrue(0 <= frames - math.ceil(whole / 1024) <= 2, (frames, whole))

    def test_loudness(self):
        plain = self.good(response_format="pcm").body
        self.assertAlmostEqual(level(self.good(response_format="pcm", volume=-10).body) - level(plain), -10, delta=0.1)
        self.assertAlmostEqual(level(self.good(response_format="pcm", volume_multiplier=0.5).body) - level(plain), -6.02, delta=0.1)
        loud = shorts(self.good(response_format="pcm", volume=12).body)
        self.assertLess(sum(abs(s) >= 32767 for s in loud), len(loud) / 10)  # bent, not cut off
        # what is softer comes out as loud as what is not
        one, other = (self.good(response_format="pcm", normalize=True, energy_scale=e).body for e in (1, 0.4))
        if not TINY:  # which makes sounds that no meter takes for any
            self.assertAlmostEqual(level(one), level(other), delta=1.5)

    @unittest.skipIf(TINY, "tiny networks hiss in a pause")
    def test_nothing_is_heard_before_a_pause_that_a_sentence_begins_with(self):
        samples = array.array("h", self.good("[pause:600ms] Hello there. [pause:300ms] It is me.", response_format="pcm").body)
        self.assertFalse(any(samples[:round(0.6 * RATE)]))
        self.assertTrue(any(abs(s) > 2000 for s in samples[round(0.7 * RATE):round(0.9 * RATE)]))

    @unittest.skipIf(TINY, "tiny networks hiss in a pause")
    def test_silence_is_cut(self):
        """To 20 ms at both ends of what is under -50 dBFS, and nothing else."""
        text = "[pause:600ms] Hello there. [pause:600ms]"
        whole = self.good(text, response_format="pcm").body
        for more in ({}, {"stream_format": "audio"}, {"sample_rate": 16000}):
            cut = self.good(text, response_format="pcm", trim_silence=True, **more).body
            rate = more.get("sample_rate", RATE)
            samples = array.array("h", cut)
            loud = [at for at, sample in enumerate(samples) if abs(sample) > 32768 * 10 ** (-50 / 20)]
            self.assertLess(loud[0] / rate, 0.03)
            self.assertLess((len(samples) - loud[-1]) / rate, 0.03)
            self.assertLess(len(cut) / 2 / rate, len(whole) / 2 / RATE - 0.05)

    @unittest.skipIf(TINY, "a promise of the default voice")
    def test_what_and_where_end_as_statements_do(self):
        """And yes-or-no questions do not."""
        same = lambda text: len({self.good(text + mark, response_format="pcm", seed=7).body for mark in "?."}) == 1  # noqa: E731
        self.assertTrue(same("Where do you live now"))
        self.assertFalse(same("Do you live there now"))

    def test_times_of_words(self):
        text = "It's 25 dollars: $25.40 on 3 May, 你好。"
        for trimmed in (False, True):
            body = self.good(text, stream_format="sse", timestamps=True, response_format="pcm", trim_silence=trimmed).body.decode()
            events = [json.loads(line[5:]) for line in body.splitlines() if line.startswith("data:")]
            words = next(e["words"] for e in events if "words" in e)
            seconds = len(b"".join(base64.b64decode(e["audio"]) for e in events if "audio" in e)) / 2 / RATE
            self.assertEqual([w["word"] for w in words].count("$25.40"), 1)
            for a, b in zip(words, words[1:]):
                self.assertLessEqual(a["end"], b["end"])
                self.assertLessEqual(a["text_end"], b["text_begin"])
            for w in words:
                self.assertEqual(text[w["text_begin"]:w["text_end"]], w["word"])
                self.assertTrue(0 <= w["start"] <= w["end"] <= seconds + 0.001, (w, seconds))

    def test_emotions_by_other_names(self):
        sound = lambda emotion: self.good(response_format="pcm", emotion=emotion).body
        for other, label in (("HAPPY", "happy"), ("joyful", "happy"), ("高兴的", "happy"), ("愤怒", "angry"), (" Sad ", "sad"),
                             ("joyful:0.6，难过：0.2", "happy:0.6,sad:0.2"), ("normal", "neutral")):
            self.assertEqual(sound(other), sound(label), other)
        self.bad("emotion", "neutral, calm, happy", emotion="blue")

    def test_voices_are_mixed(self):
        sound = lambda voice: self.good(response_format="pcm", voice=voice).body
        pairs = zip(shorts(sound("ava+ava")), shorts(sound("ava")))
        self.assertLess(max(abs(a - b) for a, b in pairs), 200)  # but for rounding the same voice
        self.assertEqual(sound("AVA + Ray"), sound("ava(2)+ray(2)"))
        self.assertEqual(len({sound(v) for v in ("ava", "ray", "ava+ray", "ava(2)+ray(1)", "ava(1)+ray(2)")}), 5)
        for voice in ("ava+", "+ava", "ava(x)+ray", "ava(0)+ray", "ava(1", "ava(-1)+ray", "+".join(["ava"] * 9)):
            self.bad("voice", "ava(2)+ray(1)", voice=voice)
        self.assertEqual(self.service.speech(TEXT, voice="ava+nobody").code, 404)

    def test_fields_of_other_services(self):
        answer = self.good(lang_code="a", voice_settings={"x": 1}, **{"bad name\r\n": 1})
        self.assertEqual(answer.headers["x-ignored-fields"], "lang_code, voice_settings, ?")
        self.assertNotIn("x-ignored-fields", self.good().headers)
        self.bad("strict", "lang_code", lang_code="a", strict=True)
        self.good(strict=True, volume=1)
        job = self.service.post("/tts", {"text": "Hi.", "input": "Ho."})
        self.assertEqual((job.code, job.headers["x-ignored-fields"]), (202, "input"))
        self.good(language="en-US")

    def test_recordings_as_clients_wrap_them(self):
        sound = reference()
        plain = self.good(response_format="pcm", reference_audio=base64.b64encode(sound).decode()).body
        for wrapped in (base64.encodebytes(sound).decode(), base64.encodebytes(sound).decode().replace("\n", "\r\n"),
                        base64.b64encode(sound).decode().rstrip("="), "data:audio/wav;base64," + base64.b64encode(sound).decode()):
            self.assertEqual(self.good(response_format="pcm", reference_audio=wrapped).body, plain)
        for empty in ("", "  \n", "data:audio/wav;base64,"):
            self.bad("reference_audio", "empty", reference_audio=empty)
        self.bad("reference_audio_url", "empty", reference_audio_url="")
        self.bad("reference_audio", "not base64", reference_audio="AAA?")

    def test_events_say_their_charset(self):
        self.assertEqual(self.good(stream_format="sse").headers["content-type"], "text/event-stream; charset=utf-8")

    def test_lists_under_the_names_that_clients_read(self):
        for path in ("/v1/audio/voices", "/v1/voices"):
            voices = self.service.get(path).json()
            self.assertEqual(voices["voices"], voices["data"])
            self.assertTrue(all(v["id"] and v["name"] for v in voices["voices"]))
        for path in ("/v1/audio/models", "/v1/models"):
            self.assertEqual([m["id"] for m in self.service.get(path).json()["models"]], [MODEL_NAME])

    def test_under_a_path_of_a_proxy(self):
        page = self.service.get("/").body.decode()
        self.assertEqual(re.findall(r'(?:href|src)="(/[^"]*)"', page), [])
        for script in set(re.findall(r'(?:from |src=)"(?:\./)?(\w+\.js)"', page)) | {"api.js", "controls.js", "live.js", "reference.js"}:
            self.assertEqual(re.findall(r"""["'`](/(?:v1|tts|status|\w+\.js)[^"'`]*)""", self.service.get("/" + script).body.decode()), [])
        place = lambda prefix: self.service.post("/tts", {"text": "Hi."}, headers={"X-Forwarded-Prefix": prefix}).headers["location"]
        self.assertTrue(place("/voice").startswith("/voice/tts/"))
        for odd in ("//evil.example", "voice", "/a b", "/", "/x/", "/" + "a" * 300):
            self.assertTrue(place(odd).startswith("/tts/"), odd)


if __name__ == "__main__":
    unittest.main()
