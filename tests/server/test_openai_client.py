"""OpenAI's own Python package, unchanged, as a client of `emotivoice serve`: what it sends is understood, and what it
gets are the bytes that the command makes."""
import array
import asyncio
import base64
import ctypes
import ctypes.util
import hashlib
import json
import os
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, LONG, MODEL_NAME, RATE, TINY, Service, said, scratch, wav_body  # noqa: E402

try:
    import openai
except ImportError:
    print("skipped: there is no openai package; script/bootstrap --test installs it into .venv-test")
    sys.exit(77)


def client(service, **options):
    options = {"api_key": "none needed", "max_retries": 0, "timeout": 120, **options}
    return openai.OpenAI(base_url=f"http://127.0.0.1:{service.port}/v1", **options)


class SoundInfo(ctypes.Structure):  # SF_INFO
    _fields_ = [("frames", ctypes.c_int64), ("rate", ctypes.c_int), ("channels", ctypes.c_int), ("format", ctypes.c_int),
                ("sections", ctypes.c_int), ("seekable", ctypes.c_int)]


def decoded(data):
    """Rate and 16-bit samples of a file, by libsndfile, which knows all our formats and is here since we write with it."""
    library = ctypes.CDLL(ctypes.util.find_library("sndfile"))
    library.sf_open.restype = ctypes.c_void_p
    library.sf_readf_short.restype = ctypes.c_int64
    library.sf_readf_short.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    library.sf_close.argtypes = [ctypes.c_void_p]
    info, samples = SoundInfo(), array.array("h")
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        sound = library.sf_open(file.name.encode(), 0x10, ctypes.byref(info))
        assert sound, "libsndfile cannot read it"
        block = (ctypes.c_short * (4096 * info.channels))()
        while (count := library.sf_readf_short(sound, block, 4096)) > 0:
            samples.extend(block[:count * info.channels])
        library.sf_close(sound)
    assert info.channels == 1
    return info.rate, samples


def likeness(one, other, reach=3000):
    """The largest correlation of two sounds, the second up to `reach` samples later: lossy formats shift and blur."""
    one, other = one[::4], other[::4]
    length = min(len(one), len(other)) - reach // 4
    norm = sum(v * v for v in one[:length]) ** 0.5

    def at(shift):
        part = other[shift:shift + length]
        return sum(a * b for a, b in zip(one, part)) / (norm * sum(v * v for v in part) ** 0.5 + 1)
    return max(at(shift) for shift in range(reach // 4))


class Speech(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--queue-wait", "120s").__enter__()
        cls.client = client(cls.service)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.service.__exit__()

    def create(self, text, **fields):
        return self.client.audio.speech.create(model="tts-1", voice="ava", input=text, **fields)

    def test_formats(self):
        text = "In every format."
        samples = array.array("h", said(text, "--voice", "ava"))
        self.assertEqual(self.create(text, response_format="pcm").content, samples.tobytes())
        self.assertEqual(wav_body(self.create(text, response_format="wav").content), samples.tobytes())
        self.assertEqual(decoded(self.create(text, response_format="flac").content), (RATE, samples))
        for name in ("mp3", "opus"):
            answer = self.create(text, response_format=name)
            rate, heard = decoded(answer.content)
            step = rate // RATE
            self.assertEqual(rate % RATE, 0)
            self.assertAlmostEqual(len(heard) / rate, len(samples) / RATE, delta=0.2, msg=name)
            if not TINY:
                self.assertGreater(likeness(samples, heard[::step]), 0.9, name)
        self.assertEqual(self.create(text).response.headers["content-type"], "audio/mpeg")

    @unittest.skipIf(TINY, "noise is like noise")
    def test_likeness_tells_sounds_apart(self):
        one, other = (array.array("h", said(text)) for text in ("In every format.", "Something else, now."))
        self.assertLess(likeness(one, other), 0.5)

    def test_speed_and_instructions(self):
        fast = self.create("Quickly now.", response_format="pcm", speed=1.5).content
        self.assertEqual(fast, said("Quickly now.", "--voice", "ava", "--speed", "1.5"))
        sad = self.create("So it ends.", response_format="pcm", instructions="Use a sad tone.").content
        self.assertEqual(sad, said("So it ends.", "--voice", "ava", "--emotion", "sad"))

    def test_more_than_openai_has(self):
        spoken = self.create("More.", response_format="pcm", extra_body={"emotion": "happy", "pitch_scale": 1.2}).content
        self.assertEqual(spoken, said("More.", "--voice", "ava", "--emotion", "happy", "--pitch-scale", "1.2"))
        spoken = self.client.audio.speech.create(model="tts-1", voice={"id": "ray"}, input="More.", response_format="pcm")
        self.assertEqual(spoken.content, said("More.", "--voice", "ray"))

    @unittest.skipIf(TINY, "the tiny model has not all voices")
    def test_voices_by_their_names(self):
        # none is a voice that was born to Mandarin: who names these expects English first
        ours = {"alloy": "ava", "ash": "ray", "ballad": "angus", "cedar": "ray", "coral": "ella", "echo": "ray", "fable": "angus",
                "marin": "ella", "nova": "ella", "onyx": "angus", "sage": "ava", "shimmer": "ella", "verse": "ray",
                "Alloy": "ava", "NOVA": "ella", "Ray": "ray", "MEI": "mei"}
        for theirs, our in ours.items():
            spoken = self.client.audio.speech.create(model="tts-1", voice=theirs, input="By any name.", response_format="pcm")
            self.assertEqual(spoken.content, said("By any name.", "--voice", our), theirs)

    def test_streaming(self):
        fields = {"model": "tts-1", "voice": "ava", "input": LONG[:1500], "response_format": "pcm"}
        wanted = said(LONG[:1500], "--voice", "ava")
        with self.client.audio.speech.with_streaming_response.create(**fields) as response:
            self.assertEqual(response.headers.get("transfer-encoding"), "chunked")
            pieces = list(response.iter_bytes(4096))
        self.assertGreater(len(pieces), 10)
        self.assertEqual(b"".join(pieces), wanted)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "speech.pcm")
            with self.client.audio.speech.with_streaming_response.create(**fields) as response:
                response.stream_to_file(path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), wanted)

    def test_events(self):
        found = []
        with self.client.audio.speech.with_streaming_response.create(
                model="gpt-4o-mini-tts", voice="ava", input="As events.", response_format="pcm", stream_format="sse") as response:
            for line in response.iter_lines():
                if line.startswith("data: "):
                    found.append(json.loads(line.removeprefix("data: ")))
        audio = b"".join(base64.b64decode(e["audio"]) for e in found if e["type"] == "speech.audio.delta")
        self.assertEqual(audio, said("As events.", "--voice", "ava"))
        self.assertEqual(found[-1]["type"], "speech.audio.done")
        self.assertEqual(found[-1]["usage"]["input_tokens"], len("As events."))

    def test_models(self):
        self.assertEqual([m.id for m in self.client.models.list()], [MODEL_NAME])
        self.assertEqual(self.client.models.retrieve("tts-1").object, "model")

    def test_errors(self):
        for fields, kind, param in (({"input": ""}, openai.BadRequestError, "input"), ({"speed": 9}, openai.BadRequestError, "speed"),
                                    ({"voice": "nobody"}, openai.NotFoundError, "voice"),
                                    ({"extra_body": {"deadline_ms": 1}, "input": LONG}, openai.InternalServerError, "deadline_ms"),
                                    ({"extra_body": {"reference_audio": "AAAA" * 99}}, openai.UnprocessableEntityError, "reference_audio")):
            with self.assertRaises(kind) as caught:
                self.client.audio.speech.create(**{"model": "tts-1", "voice": "ava", "input": "Hello.", **fields})
            self.assertEqual(caught.exception.param, param)
            self.assertIsNone(caught.exception.code)
            self.assertTrue(caught.exception.type.endswith("_error"))
            self.assertTrue(caught.exception.request_id)
        with self.assertRaises(openai.NotFoundError):
            self.client.images.generate(prompt="No pictures here.")

    def test_twenty_at_once(self):
        texts = [f"Number {n}, at the same time as others." for n in range(20)]

        async def all_of_them():
            async with openai.AsyncOpenAI(base_url=self.client.base_url, api_key="none needed", max_retries=0) as several:
                answers = await asyncio.gather(*(several.audio.speech.create(
                    model="tts-1", voice="mei" if n % 2 else "ray", input=text, response_format="pcm") for n, text in enumerate(texts)))
                return [answer.content for answer in answers]
        bodies = asyncio.run(all_of_them())
        self.assertEqual(len(set(bodies)), 20)
        for n in (0, 7, 12, 19):
            self.assertEqual(bodies[n], said(texts[n], "--voice", "mei" if n % 2 else "ray"))


class Guards(unittest.TestCase):
    def test_a_wrong_key(self):
        secret = "ev_" + "a" * 43
        path = scratch(f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} voices ann\n", "keys")
        with Service(COMMAND, *FREE, "--keys-file", path, "--anonymous", "off") as s:
            with client(s, api_key="ev_wrong") as wrong, self.assertRaises(openai.AuthenticationError) as caught:
                wrong.audio.speech.create(model="tts-1", voice="ava", input="Hello.")
            self.assertEqual(caught.exception.type, "authentication_error")
            with client(s, api_key=secret) as other, self.assertRaises(openai.PermissionDeniedError):
                other.audio.speech.create(model="tts-1", voice="ava", input="Hello.")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak ann\n")
        with Service(COMMAND, *FREE, "--keys-file", path, "--anonymous", "off") as s, client(s, api_key=secret) as right:
            spoken = right.audio.speech.create(model="tts-1", voice="ava", input="Hello.", response_format="pcm")
            self.assertEqual(spoken.content, said("Hello.", "--voice", "ava"))

    def test_it_comes_back_when_it_is_told_to(self):
        fields = {"model": "tts-1", "voice": "ava", "input": "Hello.", "response_format": "pcm"}
        with Service(COMMAND, "--rate-per-ip", "0.25", "--burst-per-ip", "1", "--log-level", "error") as s:
            with client(s) as hasty:
                hasty.audio.speech.create(**fields)
                with self.assertRaises(openai.RateLimitError) as caught:
                    hasty.audio.speech.create(**fields)
            self.assertEqual(caught.exception.type, "rate_limit_error")
            wait_s = float(caught.exception.response.headers["retry-after"])
            self.assertTrue(2 <= wait_s <= 6, wait_s)
            with client(s, max_retries=1) as patient:  # of its own accord it would come back within a second
                start = time.monotonic()
                self.assertEqual(patient.audio.speech.create(**fields).content, said("Hello.", "--voice", "ava"))
                self.assertGreater(time.monotonic() - start, 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
