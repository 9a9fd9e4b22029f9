"""The speaker encoder's steps on a handful of utterances: vectors that come as the dataset grows, lessons, an encoder that learns."""
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from scipy.signal import resample_poly

from tests.training.support import flite, run
from training import disturb, needs, train_speaker, vectors
from training.speaker import SpeakerEncoder
from training.teacher import speakers

HELD_OUT = speakers.crowd()[-speakers.TEST_CROWD - 1].name
TEXTS = ("The boat will arrive at noon on Sunday.", "Please write your name at the top of the page.")
VOICES = {"ava": ("slt", 1.0), "ray": ("rms", 1.0), "p001": ("rms", 1.15), "p002": ("slt", 0.85), HELD_OUT: ("slt", 1.1)}


def speech(text, voice, speed):
    """int16 at 24 kHz."""
    samples, rate, _ = flite().speak(text, voice)
    wav = resample_poly(samples / 32768, 24000 // 200, round(rate * speed) // 200)
    return np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16)


class Steps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.work = Path(place.name)
        (cls.work / "utterances" / "train").mkdir(parents=True)
        cls.rows = []
        for number, (speaker, (voice, speed)) in enumerate(VOICES.items()):
            cls.add(f"{number}_{speaker}_0", speaker, TEXTS[0], voice, speed)
        torch.set_num_threads(2)

    @classmethod
    def add(cls, name, speaker, text, voice, speed):
        wav = speech(text, voice, speed)
        np.savez(cls.work / "utterances" / "train" / f"{name}.npz", wav=wav)
        row = dict(name=name, speaker=speaker, language="en", emotion="neutral", degree=1.0, text=text, seconds=len(wav) / 24000)
        with open(cls.work / "utterances" / "train.0.jsonl", "a") as index:
            index.write(json.dumps(row) + "\n")

    def test_1_vectors_grow_with_the_dataset(self):
        _, end = run("vectors", "--work", self.work)
        self.assertEqual(end, "")
        first = needs.vectors(self.work)
        self.assertEqual(len(first), 2 * len(VOICES))
        for name, vector in first.items():
            self.assertEqual(vector.shape, (256,), name)
            self.assertAlmostEqual(float(np.linalg.norm(vector)), 1.0, places=4)
        for number, (speaker, (voice, speed)) in enumerate(VOICES.items()):
            self.add(f"{number}_{speaker}_1", speaker, TEXTS[1], voice, speed)
        run("vectors", "--work", self.work)
        table = needs.vectors(self.work)
        self.assertEqual(len(table), 3 * len(VOICES))
        for name, vector in first.items():
            if not name.startswith("speaker:"):
                np.testing.assert_array_equal(table[name], vector, "what was there is kept")
        for speaker in VOICES:
            mine = [vector for name, vector in table.items() if f"_{speaker}_" in name]
            self.assertGreater(float(np.mean(mine, axis=0) @ table[f"speaker:{speaker}"]), 0.9)
            self.assertGreater(float(mine[0] @ mine[1]), max(float(mine[0] @ table[f"speaker:{other}"]) for other in VOICES if other != speaker))

    def test_2_level_does_not_matter_and_silence_has_no_vector(self):
        listener, wav = vectors.Listener(), speech(TEXTS[0], "slt", 1.0) / 32768
        loud, quiet, none = listener.vectors([wav, wav / 8, np.zeros(24000)], 24000)
        self.assertGreater(float(loud @ quiet), 0.9999)
        self.assertIsNone(none)
        # the package's own way with one utterance at that level
        alone = resample_poly(wav, 2, 3)
        alone = listener.network.embed_utterance((alone * (vectors.LEVEL / np.sqrt(np.mean(wav**2)))).astype(np.float32))
        self.assertGreater(float(loud @ alone), 0.9999)

    def test_3_the_encoder_learns_and_goes_on(self):
        lessons = train_speaker.Lessons(self.work)
        self.assertNotIn(HELD_OUT, lessons.names)
        self.assertEqual([row[0] for row in lessons.valid], [HELD_OUT] * 2)
        # One thread, one number type and no clock in the rate: a run is the same each time, whatever else the machine does.
        arguments = ("--work", self.work, "--threads", 1, "--precision", "float32", "--batch", 4, "--device", "cpu", "--minutes", 10**6)
        with mock.patch.object(train_speaker, "SpeakerEncoder", lambda: SpeakerEncoder(SMALL)):
            _, end = run("train_speaker", *arguments, "--steps", 61)
            self.assertEqual(end, "")
            rows = [json.loads(line) for line in (self.work / "speaker" / "log.jsonl").read_text().splitlines()]
            self.assertEqual([row["step"] for row in rows], [19, 39, 59])
            self.assertGreater(rows[2]["cosine"], rows[0]["cosine"] + 0.08)  # by 0.16 to 0.19 from eight other starts
            state = torch.load(self.work / "speaker" / "last.pt", map_location="cpu", weights_only=True)
            self.assertEqual(state["step"], 61)
            self.assertEqual(state["parts"]["encoder"]["fc.conv.weight"].shape[0], 256)
            printed, _ = run("train_speaker", *arguments, "--steps", 63)
        self.assertIn("resumed at step 61", printed)

    def test_4_what_is_missing_is_said(self):
        with tempfile.TemporaryDirectory() as empty:
            _, end = run("vectors", "--work", empty)
            self.assertIn("run `python -m training.teacher.make", end)
            _, end = run("train_speaker", "--work", empty)
            self.assertIn("run `python -m training.vectors", end)


SMALL = dict(channels=[32, 32, 32, 32, 64], attention=16, squeeze=16)


class Disturbances(unittest.TestCase):
    def test_sound_stays_as_long_and_finite(self):
        wav = resample_poly(speech(TEXTS[0], "slt", 1.0) / 32768, 2, 3)[:32000]
        one, two = (disturb.Disturber(np.random.default_rng(3), lambda: wav[::-1]) for _ in range(2))
        changed = 0
        for _ in range(30):
            heard = one(wav)
            np.testing.assert_array_equal(heard, two(wav), "the same chance, the same sound")
            self.assertEqual(len(heard), len(wav))
            self.assertTrue(np.isfinite(heard).all() and np.abs(heard).max() > 1e-4)
            changed += not np.array_equal(heard, wav)
        self.assertGreater(changed, 20)

    def test_every_codec_gives_the_speech_back(self):
        wav = resample_poly(speech(TEXTS[0], "rms", 1.0) / 32768, 2, 3)[:32000]
        for codec in disturb.CODECS:
            with self.subTest(codec[:3]):
                heard = disturb.coded(wav, codec)
                size = 1 << 17
                likeness = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wav, size)), size)
                likeness /= np.sqrt((heard**2).sum() * (wav**2).sum())
                self.assertGreater(likeness.max(), 0.8)
                self.assertLess(np.argmax(likeness), 100, "late by 6 ms at most")

    def test_a_band_is_cut(self):
        noise = np.random.default_rng(1).normal(0, 0.1, 32000)
        spectrum = np.abs(np.fft.rfft(disturb.filtered(noise, np.zeros(len(disturb.BANDS_HZ)), 300, 4000)))
        hz = np.fft.rfftfreq(32000, 1 / 16000)
        inside, above, below = (np.sqrt(np.mean(spectrum[(hz > a) & (hz < b)] ** 2)) for a, b in ((500, 3800), (4500, 8000), (20, 120)))
        self.assertLess(above, inside / 100)
        self.assertLess(below, inside / 20)


if __name__ == "__main__":
    unittest.main()
