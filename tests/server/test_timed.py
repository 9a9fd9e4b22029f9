"""Speech with the times of its words, for several services' clients: Kokoro's captions, subtitles, ElevenLabs' SDK."""
import base64
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, RATE, Service, scratch  # noqa: E402

try:
    from elevenlabs.client import ElevenLabs
    from elevenlabs.core.api_error import ApiError
except ImportError:
    print("skipped: there is no elevenlabs; script/bootstrap --test installs it into .venv-test")
    sys.exit(77)

TEXT = "It's $25.40 on 3 May. Isn't it? 你好，世界！"


class Captions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def plain(self, **fields):
        return self.service.speech(TEXT, response_format="pcm", **fields).body

    def check(self, words, text, seconds):
        """Each word of the text once, in its place, one behind the other, within the sound."""
        self.assertEqual([w["word"] for w in words].count("$25.40"), 1)
        for a, b in zip(words, words[1:]):
            self.assertLessEqual(a["text_end"], b["text_begin"])
            self.assertLessEqual(a["end_time"], b["end_time"])
        for w in words:
            self.assertEqual(text[w["text_begin"]:w["text_end"]], w["word"])
            self.assertTrue(0 <= w["start_time"] < w["end_time"] <= seconds + 0.01, w)

    def test_captions_in_lines_and_in_one(self):
        """As Kokoro-FastAPI: the audio joined is what is spoken without captions, and words come with their sound."""
        long = TEXT + " The quick brown fox jumps over the lazy dog." * 4
        plain = self.service.speech(long, response_format="pcm").body
        answer = self.service.post("/dev/captioned_speech", {"model": "kokoro", "input": long, "voice": "af_heart",
                                                             "response_format": "pcm", "return_timestamps": True})
        self.assertEqual((answer.code, answer.headers["content-type"]), (200, "application/x-ndjson"))
        lines = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual(b"".join(base64.b64decode(line["audio"]) for line in lines), plain)
        self.check([w for line in lines for w in line["timestamps"]], long, len(plain) / 2 / RATE)
        self.assertGreater(sum(bool(line["timestamps"]) for line in lines), 1)
        self.no_word_before_its_sound(lines)
        whole = self.service.post("/dev/captioned_speech", {"input": long, "response_format": "pcm", "stream": False}).json()
        self.assertEqual(base64.b64decode(whole["audio"], validate=True), plain)
        self.assertEqual(whole["timestamps"], [w for line in lines for w in line["timestamps"]])

    def no_word_before_its_sound(self, lines):
        made = 0
        for line in lines:
            made += len(base64.b64decode(line["audio"]))
            for word in line["timestamps"]:
                self.assertLessEqual(word["end_time"], made / 2 / RATE + 0.001)

    def test_captions_of_what_is_cut(self):
        """Times are those of the file without its silence."""
        lines, starts = {}, {}
        for cut in (False, True):
            answer = self.service.post("/dev/captioned_speech", {"input": "[pause:500ms]" + TEXT * 3, "response_format": "pcm", "trim_silence": cut})
            lines[cut] = [json.loads(line) for line in answer.body.splitlines()]
            self.no_word_before_its_sound(lines[cut])
            starts[cut] = [w["start_time"] for line in lines[cut] for w in line["timestamps"]]
        self.assertEqual(len(starts[True]), len(starts[False]))
        self.assertTrue(0 <= starts[True][0] < 0.2 and starts[False][0] >= 0.5, starts)

    def test_subtitles(self):
        seconds = len(self.plain()) / 2 / RATE
        for kind, mark, times in (("srt", ",", "application/x-subrip"), ("vtt", ".", "text/vtt")):
            answer = self.service.post("/v1/audio/subtitles", {"input": TEXT, "response_format": kind})
            self.assertEqual((answer.code, answer.headers["content-type"]), (200, times + "; charset=utf-8"))
            body = answer.body.decode()
            self.assertEqual(body.startswith("WEBVTT\n\n"), kind == "vtt")
            cues = re.findall(rf"(?:^(\d+)\n)?^(\S+) --> (\S+)\n(.+)\n\n", body, re.M)
            self.assertEqual([text for *_, text in cues], ["It's $25.40 on 3 May.", "Isn't it?", "你好，世界！"])
            last = 0
            for number, begin, end, _ in cues:
                read = lambda t: sum(float(x) * f for x, f in zip(t.replace(",", ".").split(":"), (3600, 60, 1)))
                self.assertRegex(begin, rf"^\d\d:\d\d:\d\d\{mark}\d{{3}}$")
                self.assertTrue(last <= read(begin) < read(end) <= seconds + 0.01)
                last = read(end)
            self.assertEqual([n for n, *_ in cues], ["1", "2", "3"] if kind == "srt" else [""] * 3)
        words = self.service.post("/v1/audio/subtitles", {"input": TEXT, "response_format": "json"}).json()["words"]
        self.assertEqual([w["word"] for w in words].count("$25.40"), 1)
        for body, field in (({"input": TEXT, "response_format": "ass"}, "response_format"), ({"response_format": "vtt"}, "input"),
                            ([], None)):
            answer = self.service.post("/v1/audio/subtitles", body)
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, field))


class ElevenLabsClient(unittest.TestCase):
    """Their SDK, with nothing changed but the address."""

    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE).__enter__()
        cls.client = ElevenLabs(api_key="any", base_url=f"http://127.0.0.1:{cls.service.port}")

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def ours(self, **fields):
        return self.service.speech(TEXT, **{"voice": "ray", "response_format": "pcm", **fields}).body

    def test_convert_and_stream(self):
        speak = self.client.text_to_speech
        more = {"voice_id": "ray", "text": TEXT, "model_id": "eleven_multilingual_v2"}
        self.assertEqual(b"".join(speak.convert(**more, output_format="pcm_24000")), self.ours(sample_rate=24000))
        self.assertEqual(b"".join(speak.stream(**more, output_format="pcm_16000")), self.ours(sample_rate=16000))
        self.assertEqual(b"".join(speak.convert(**more, output_format="ulaw_8000")), self.ours(response_format="ulaw"))
        self.assertEqual(b"".join(speak.convert(**more, output_format="wav_44100", seed=3, language_code="en"))[:4], b"RIFF")
        mp3 = b"".join(speak.convert(**more))  # 44100 Hz at 128 kbit/s, as theirs
        self.assertEqual(mp3[:3], b"ID3")
        fast = b"".join(speak.convert(**more, output_format="pcm_24000", voice_settings={"speed": 1.2, "stability": 0.5}))
        self.assertEqual(fast, self.ours(speed=1.2, sample_rate=24000))

    def test_times_of_characters(self):
        speak = self.client.text_to_speech
        whole = speak.convert_with_timestamps(voice_id="ray", text=TEXT, output_format="pcm_24000")
        self.assertEqual(base64.b64decode(whole.audio_base_64, validate=True), self.ours(sample_rate=24000))
        a = whole.alignment
        self.assertEqual("".join(a.characters), TEXT)
        self.assertEqual(len(a.characters), len(a.character_start_times_seconds))
        last = 0
        for begin, end in zip(a.character_start_times_seconds, a.character_end_times_seconds):
            self.assertTrue(last - 1e-6 <= begin <= end, (last, begin, end))
            last = begin
        chunks = list(speak.stream_with_timestamps(voice_id="ray", text=TEXT, output_format="pcm_24000"))
        self.assertEqual(b"".join(base64.b64decode(c.audio_base_64) for c in chunks), self.ours(sample_rate=24000))
        self.assertEqual("".join(ch for c in chunks if c.alignment for ch in c.alignment.characters), TEXT)

    def test_voices_user_and_mistakes(self):
        self.assertIn("ava", [v.voice_id for v in self.client.voices.get_all().voices])
        self.assertEqual(self.client.user.get().subscription.status, "active")
        for more, code in (({"voice_id": "nobody"}, 404), ({"output_format": "mp4_1"}, 400), ({"text": ""}, 400)):
            with self.assertRaises(ApiError) as error:
                b"".join(self.client.text_to_speech.convert(**{"voice_id": "ray", "text": TEXT, **more}))
            self.assertEqual(error.exception.status_code, code)

    def test_their_key_is_a_key(self):
        secret = "ev_" + "e" * 43
        import hashlib
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak eve\n"
        with Service(COMMAND, *FREE, "--keys-file", scratch(line, "keys"), "--anonymous", "off") as service:
            ask = lambda key: b"".join(ElevenLabs(api_key=key, base_url=f"http://127.0.0.1:{service.port}").text_to_speech.convert(
                voice_id="ray", text="Hi.", output_format="pcm_24000"))
            self.assertTrue(ask(secret))
            with self.assertRaises(ApiError) as error:
                ask("ev_wrong")
            self.assertEqual(error.exception.status_code, 401)


if __name__ == "__main__":
    unittest.main()
