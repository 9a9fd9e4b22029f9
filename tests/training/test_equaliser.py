"""training.equaliser: spectra as src/audio/ltas.c measures them, a fit that finds what is linear, and a model that the engine opens."""
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
from safetensors import safe_open

from training import equaliser

ROOT = Path(__file__).resolve().parents[2]


class Spectra(unittest.TestCase):
    def test_bands_meet(self):
        at = equaliser.edges(equaliser.BANDS_HZ)
        self.assertEqual(len(at), len(equaliser.BANDS_HZ) + 1)
        self.assertTrue(all(a < b for a, b in zip(at, at[1:])))
        for hz, a, b in zip(equaliser.BANDS_HZ, at, at[1:]):
            self.assertTrue(a <= hz * 1024 / 16000 <= b, hz)

    def test_a_tone_is_in_its_band(self):
        for band, hz in enumerate(equaliser.BANDS_HZ):
            db = equaliser.spectrum_db(0.1 * np.sin(2 * np.pi * hz * np.arange(16000) / 16000))
            self.assertEqual(int(np.argmax(db)), band)

    def test_pauses_do_not_count(self):
        speech = np.random.default_rng(1).normal(0, 0.1, 16000)
        padded = np.concatenate([speech, np.zeros(48000)])
        np.testing.assert_allclose(equaliser.spectrum_db(speech), equaliser.spectrum_db(padded), atol=0.5)


class Fit(unittest.TestCase):
    def test_what_is_linear_is_found(self):
        rng = np.random.default_rng(2)
        vectors = rng.normal(0, 1, (200, 16))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        rows = np.stack([equaliser.terms(v, hz) for v, hz in zip(vectors, rng.uniform(80, 350, 200))])
        spectra = rows @ rng.normal(0, 3, (rows.shape[1], 5)) + rng.normal(0, 0.5, (200, 5))
        self.assertLess(equaliser.unseen_error(rows, spectra, equaliser.RIDGE).max(), 1.0)
        self.assertGreater(equaliser.unseen_error(rows, rng.permutation(spectra), equaliser.RIDGE).min(), 1.0)


class Model(unittest.TestCase):
    def test_the_engine_opens_what_it_writes(self):
        model = ROOT / "models/emotivoice-default.safetensors"
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.safetensors"
            command = [sys.executable, "-m", "training.equaliser", "--model", model, "--out", out, "--work", folder, "--build", ROOT / "build"]
            few = subprocess.run([*command, "--voices", "3"], cwd=ROOT, capture_output=True, text=True)
            self.assertNotEqual(few.returncode, 0)
            self.assertIn("3 voices to learn from", few.stderr)
            done = subprocess.run([*command, "--voices", "22"], cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            with safe_open(str(out), "np") as file:
                config = json.loads(file.metadata()["emotivoice"])
                self.assertEqual(file.get_tensor("equaliser.weight").shape, (len(equaliser.BANDS_HZ), 3 + config["acoustic"]["speaker"]))
            self.assertEqual(config["equaliser"]["bands_hz"], list(equaliser.BANDS_HZ))
            further = subprocess.run([*command, "--voices", "22", "--further"], cwd=ROOT, capture_output=True, text=True)
            self.assertEqual(further.returncode, 0, further.stderr)
            # from so few voices little is learnt anew: what is known helps with those that it has not seen
            missed = [float(re.search(r"others are ([0-9.]+) dB", text)[1]) for text in (done.stdout, further.stdout)]
            self.assertLess(missed[1], missed[0])
            said = subprocess.run([ROOT / "build/emotivoice", "say", "--model", out, "Hello.", "-o", Path(folder) / "a.wav"], capture_output=True, text=True)
            self.assertEqual(said.returncode, 0, said.stderr)


if __name__ == "__main__":
    unittest.main()
