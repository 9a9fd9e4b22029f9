"""What every step rests on: features that never change, golden files that can be made again, and a step
that is run too early says which one comes before."""
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from training import features, golden, tokens
from tests.training.support import ROOT, run


def chirp(seconds: float) -> np.ndarray:
    t = np.arange(int(seconds * 16000)) / 16000
    noise = np.random.default_rng(4).normal(0, 0.01, len(t))
    return 0.4 * np.sin(2 * np.pi * (120 + 300 * t) * t) + noise


class Features(unittest.TestCase):
    def test_the_same_sound_gives_the_same_numbers(self):
        wav = chirp(1.1)
        for feature in (features.mel, features.fbank):
            np.testing.assert_array_equal(feature(wav), feature(wav.copy()))

    def test_shapes(self):
        wav = chirp(1.1)
        self.assertEqual(features.mel(wav).shape, (len(wav) // 256, 80))
        self.assertEqual(features.fbank(wav).shape, (1 + len(wav) // 160, 80))

    def test_too_few_samples(self):
        with self.assertRaisesRegex(ValueError, "too few"):
            features.mel(np.zeros(100))


class Golden(unittest.TestCase):
    def test_made_twice_the_same_and_as_committed(self):
        threads = torch.get_num_threads()
        self.addCleanup(torch.set_num_threads, threads)
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            for folder in (one, two):
                run("golden", "--out", folder)
            names = sorted(path.name for path in Path(one).iterdir())
            self.assertEqual(names, [f"{name}.safetensors" for name in sorted(
                ["acoustic", "acoustic_convnext", "istft", "istft_free", "speaker", "tiny", "tiny_mels", *golden.VOCODERS])])
            for name in names:
                self.assertEqual((Path(one) / name).read_bytes(), (Path(two) / name).read_bytes(), name)
                self.same_numbers(Path(one) / name, ROOT / "tests" / "golden" / name)

    def same_numbers(self, made, committed):
        """Another machine or version of PyTorch may round otherwise, no more."""
        with safe_open(str(made), "pt") as a, safe_open(str(committed), "pt") as b:
            self.assertEqual(sorted(a.keys()), sorted(b.keys()))
            for key in a.keys():
                torch.testing.assert_close(a.get_tensor(key), b.get_tensor(key), atol=1e-3, rtol=1e-3, msg=f"{made.name} {key}")


class Tokens(unittest.TestCase):
    def test_there_and_back(self):
        names = ["<sos/eos>", "[AH0]", "engsp1", "uan3", "."]
        self.assertEqual(tokens.decode(tokens.encode(names)), names)
        with self.assertRaisesRegex(tokens.UnknownToken, "nonsense"):
            tokens.encode(["nonsense"])


class Order(unittest.TestCase):
    """Each step of the default voice, run in an empty folder, names the step before it."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.work = Path(place.name)

    def test_no_dataset(self):
        for step in ("train_acoustic", "train_vocoder"):
            with self.subTest(step):
                printed, end = run(step, "--work", self.work)
                self.assertRegex(end, r"vectors\.npz is missing: run `python -m training\.vectors")
                self.assertNotIn("Traceback", printed)

    def test_no_utterances(self):
        _, end = run("vectors", "--work", self.work)
        self.assertRegex(end, r"no utterances in .*: run `python -m training\.teacher\.make")

    def test_no_networks(self):
        _, end = run("export", "--work", self.work, "--out", self.work / "m.safetensors")
        self.assertRegex(end, r"vectors\.npz is missing: run `python -m training\.vectors|was not trained in .*: run `python -m training\.train_")

    def test_nothing_to_listen_to(self):
        _, end = run("evaluate", "--work", self.work, "--model", self.work / "no.safetensors")
        self.assertRegex(end, r"no\.safetensors is missing: export a model first")

    def test_no_model_to_start_from(self):
        _, end = run("recordings", "--folder", self.work, "--work", self.work / "w", "--speaker", "ann")
        self.assertIn("metadata.csv is missing", end)
        (self.work / "metadata.csv").write_text("a|Hello.\n")
        (self.work / "wavs").mkdir()
        (self.work / "wavs" / "a.wav").write_bytes(b"x")
        _, end = run("recordings", "--folder", self.work, "--work", self.work / "w", "--speaker", "ann",
                     "--from", self.work / "no.safetensors")
        self.assertRegex(end, r"no\.safetensors is missing")


if __name__ == "__main__":
    unittest.main()
