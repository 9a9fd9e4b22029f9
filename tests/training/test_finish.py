"""What finish.py sets right: each setting changes what it says, by so much, and nothing else."""
import copy
import dataclasses
import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from training import convnext, finish, spectral
from tests.training.support import run

IDS = torch.arange(1, 20)
NOTHING = finish.Settings(melody=1, tilt=0, gain=0, strength=1, pace=1, apart=0, compress_low=0, compress_high=0, soft_low=0, bursts=0, phase_below=0)


class Finish(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(2)
        self.acoustic = convnext.Acoustic(dict(symbols=40, text_width=16, width=24, speaker=8)).eval()
        self.generator = spectral.Generator(dict(features=16, width=16, hidden=24, blocks=1, speaker=8)).eval()
        with torch.no_grad():
            self.acoustic.pn.pro_out.bias[-convnext.PAIR:] = 5  # all voiced
            self.acoustic.pn.dur[-1].bias.fill_(1.9)
        self.config = dict(acoustic=self.acoustic.config, vocoder=self.generator.config, voices=[dict(name="ann", pitch=200.0)])
        self.tensors = {"voices.vectors": torch.nn.functional.normalize(torch.randn(1, 8))}
        for prefix, network in (("am.", self.acoustic), ("generator.", self.generator)):
            self.tensors |= {prefix + key: value.clone() for key, value in network.state_dict().items()}

    def finished(self, **settings):
        """(acoustic model, vocoder, tensors, configuration) after it; what is not named is left alone."""
        tensors, config = {key: value.clone() for key, value in self.tensors.items()}, copy.deepcopy(self.config)
        finish.finish(tensors, config, dataclasses.replace(NOTHING, **settings))
        networks = []
        for prefix, network in (("am.", self.acoustic), ("generator.", self.generator)):
            networks.append(copy.deepcopy(network))
            networks[-1].load_state_dict({key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)})
        return *networks, tensors, config

    def said(self, acoustic):
        return acoustic.infer(IDS, torch.zeros(8), 200.0, torch.eye(8)[0])

    def test_melody(self):
        before, after = self.said(self.acoustic), self.said(self.finished(melody=1.5)[0])
        np.testing.assert_allclose(np.log(after[1] / 200), 1.5 * np.log(before[1] / 200), atol=1e-5)
        for k in (0, 2, 3):
            torch.testing.assert_close(after[k], before[k])

    def spectra(self, **settings):
        """Of the vocoder as it was and as it is after it: [9, bins] of pulses, their turn, noise, bursts."""
        told = torch.randn(1, 9, 16), torch.full((1, 9), 150.0), torch.randn(1, 9), torch.zeros(1, 16)
        with torch.no_grad():
            return [[part[0] for part in generator.spectra(*told)] for generator in (self.generator, self.finished(**settings)[1])]

    def test_compress(self):
        """A share of how far a frame's low pulses lie above the level goes, in every part but the noise of high bins."""
        before, after = self.spectra(compress_low=0.3, compress_high=0.1)
        above = before[0][:, 5:50].mean(1, keepdim=True) - finish.LEVEL  # 100 to 1000 Hz
        self.assertGreater(float(above.std()), 1e-3)
        for part, high in ((0, 0.1), (2, 0.0), (3, 0.1)):
            torch.testing.assert_close(after[part][:, :50], before[part][:, :50] - 0.3 * above)
            torch.testing.assert_close(after[part][:, 50:], before[part][:, 50:] - high * above)
        torch.testing.assert_close(after[1], before[1])

    def test_noise_bursts_and_turn(self):
        before, after = self.spectra(soft_low=5.0, bursts=6.0, phase_below=2000.0)
        decibels = [(a - b) * 20 / np.log(10) for a, b in zip(after, before)]
        for part, low, high in ((0, 0.0, 0.0), (2, -5.0, 0.0), (3, -11.0, -6.0)):
            torch.testing.assert_close(decibels[part][:, :50], torch.full((9, 50), low), atol=1e-4, rtol=0)
            torch.testing.assert_close(decibels[part][:, 50:], torch.full((9, 551), high), atol=1e-4, rtol=0)
        self.assertTrue((after[1][:, :100] == 0).all() and before[1][:, :100].abs().max() > 0)
        torch.testing.assert_close(after[1][:, 100:], before[1][:, 100:])

    def test_tilt(self):
        before, after = self.spectra(tilt=2.0, gain=0.5)
        for part in (0, 2, 3):
            decibels = (after[part] - before[part])[0] * 20 / np.log(10)
            for hz, wanted in ((1000, 0.0), (2000, 2.0), (500, -2.0), (11000, 2 * np.log2(6)), (40, 2 * np.log2(0.15))):
                self.assertAlmostEqual(float(decibels[hz // 20]), wanted + 0.5, places=4)
        torch.testing.assert_close(after[1], before[1])

    def test_apart(self):
        """Two emotions half as far again from each other, about the same middle; the others and the speakers stay."""
        names = self.config["acoustic"]["emotions"]
        happy, surprised = (8 + names.index(name) for name in ("happy", "surprised"))
        for key in self.tensors:
            if key.startswith("am.pn.") and key.endswith(("film.weight", "condition.weight")):
                self.tensors[key] = torch.randn_like(self.tensors[key])  # they begin as zeros
        after = self.finished(apart=0.25)[2]
        moved = [key for key in self.tensors if not torch.equal(after[key], self.tensors[key])]
        self.assertTrue(moved and all(key.startswith("am.pn.") for key in moved))
        for key in moved:
            old, new = self.tensors[key], after[key]
            torch.testing.assert_close(new[:, surprised] - new[:, happy], 1.5 * (old[:, surprised] - old[:, happy]))
            torch.testing.assert_close(new[:, surprised] + new[:, happy], old[:, surprised] + old[:, happy])
            rest = [k for k in range(old.shape[1]) if k not in (happy, surprised)]
            torch.testing.assert_close(new[:, rest], old[:, rest])

    def test_pace(self):
        before, after = self.said(self.acoustic)[3].sum(), self.said(self.finished(pace=0.8)[0])[3].sum()
        self.assertAlmostEqual(float(after / before), 1 / 0.8, delta=0.06)

    def test_voices(self):
        tensors = self.finished(strength=1.3)[2]
        torch.testing.assert_close(tensors["voices.vectors"], 1.3 * self.tensors["voices.vectors"])

    def test_not_twice_and_not_others(self):
        _, _, tensors, config = self.finished(melody=1.1)
        for other in (config, dict(self.config, vocoder=dict(self.config["vocoder"], parts=5)), dict(self.config, acoustic={"family": "fastspeech2"})):
            with self.assertRaises(SystemExit):
                finish.finish(tensors, other, NOTHING)

    def test_as_a_command(self):
        from safetensors import safe_open
        from safetensors.torch import save_file
        with tempfile.TemporaryDirectory() as folder:
            model, out = Path(folder) / "model.safetensors", Path(folder) / "out.safetensors"
            save_file({key: value.half() for key, value in self.tensors.items()}, model, metadata={"emotivoice": json.dumps(self.config)})
            run("finish", "--model", model, "--out", out, "--strength", "1.5")
            with safe_open(out, "pt") as file:
                config = json.loads(file.metadata()["emotivoice"])
                self.assertEqual(file.get_tensor("voices.vectors").dtype, torch.float16)
            self.assertEqual(config["finished"], dataclasses.asdict(finish.Settings(strength=1.5)))


if __name__ == "__main__":
    unittest.main()
