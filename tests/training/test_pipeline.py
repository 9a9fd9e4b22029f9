"""From nothing to a model file: the teacher speaks a few sentences, each network takes two steps on them, and what is exported is complete."""
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from training import convnext, dataset, export, packed, spectral, tokens, vectors
from training.teacher import emotions, make, speakers
from tests.training.support import MODEL, ROOT, needs_engine_and_model, run

TEXTS = (("zh", "外面下雪了，你快来看！"), ("en", "Where is the station?"), ("zh", "好的。"), ("en", "It is seven, I think."))


def speak_a_few(work: Path) -> None:
    """Utterances of three speakers, as teacher.make's workers write them."""
    import json
    from training.front import Front
    front, maker = Front(ROOT / "build"), make.Maker(work, 2)
    folder = work / "utterances" / "train"
    folder.mkdir(parents=True)
    with open(work / "utterances" / "train.0.jsonl", "w") as index:
        for k, speaker in enumerate((speakers.NAMED[2], speakers.NAMED[4], speakers.crowd(1)[0])):
            language, text = TEXTS[k % len(TEXTS)]
            emotion = ("neutral", "happy", "neutral")[k]
            made = make.tightened(maker.utterance(front(text, language)[0], text, language, speaker, emotions.EMOTIONS[emotion], front))
            np.savez(folder / f"u{k}.npz", **made)
            row = dict(name=f"u{k}", speaker=speaker.name, language=language, emotion=emotion, degree=1.0, text=text,
                       seconds=len(made["wav"]) / 24000)
            index.write(json.dumps(row, ensure_ascii=False) + "\n")


@needs_engine_and_model
class Reading(unittest.TestCase):
    def test_words_and_tokens_are_the_engine_s(self):
        from training.front import Front
        front = Front(ROOT / "build")
        spoken = [name for name in tokens.decode(front("你好。", "zh")[0])[1:-1] if name not in (*tokens.SPACERS, ".")]
        self.assertEqual(spoken, ["n", "i2", "h", "ao3"])
        first, second = front.words("She will read it. He has read it, too.")
        self.assertEqual([(w.spoken, w.phones) for w in first if w.spoken == "read"], [("read", "R IY1 D")])
        self.assertEqual([w.phones for w in second if w.spoken == "read"], ["R EH1 D"])
        self.assertEqual([w.capital for w in second], [True] + [False] * (len(second) - 1))
        self.assertTrue(second[-1].comma)


@needs_engine_and_model
class Pipeline(unittest.TestCase):
    """The tests run in the order of their names: each goes on from the one before."""

    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.work = Path(place.name)
        speak_a_few(cls.work)
        cls.addClassCleanup(torch.set_num_threads, torch.get_num_threads())

    def step(self, module, *more):
        printed, end = run(module, "--work", self.work, *more)
        self.assertEqual(end, "", printed)
        return printed

    def test_1_labels_fit_the_sound(self):
        for path in (self.work / "utterances" / "train").glob("*.npz"):
            with np.load(path) as z:
                frames = int(z["durations"].sum())
                self.assertEqual((len(z["f0"]), len(z["energy"]), len(z["wav"])), (frames, frames, 300 * frames))
                self.assertEqual(len(z["symbols"]), len(z["durations"]))
                self.assertEqual(tokens.decode(z["tokens"])[0], tokens.BOUNDARY)
                loud = np.abs(z["wav"][:300 * make.LEAD_FRAMES // 2].astype(float)).max()
                self.assertLess(loud, 0.05 * np.abs(z["wav"].astype(float)).max(), "begins in silence")

    def test_2_vectors(self):
        self.step("vectors")
        with np.load(self.work / "vectors.npz") as z:
            self.assertIn("speaker:ray", z.files)
            for name in z.files:
                self.assertAlmostEqual(float(np.linalg.norm(z[name])), 1.0, places=4)

    def test_3_items_are_at_one_loudness(self):
        items = dataset.Dataset(self.work, "train").items
        levels = [dataset.loudness(i["wav"] / 32767) for i in items if i["emotion"] == "neutral"]
        for level in filter(None, levels):
            self.assertAlmostEqual(level, dataset.LOUDNESS, delta=0.6)
        self.assertTrue(all(np.abs(i["wav"]).max() <= spectral.CEILING * 32767 + 1 for i in items))

    def test_4_the_networks_take_steps(self):
        printed = self.step("train_acoustic", "--from", "hibari", "--minutes", 50, "--steps", 2, "--threads", 2)
        self.assertIn("from hibari; 16 tensors of our own", printed)
        printed = self.step("train_vocoder", "--from", "hibari", "--minutes", 50, "--steps", 4, "--batch", 2, "--frames", 40, "--threads", 2,
                            "--adversary-from", 0.5, "--alone-steps", 1)
        self.assertIn("from hibari; 16 tensors of our own", printed)
        for folder in ("acoustic", "vocoder"):
            self.assertGreaterEqual(torch.load(self.work / folder / "last.pt", weights_only=True)["step"], 2, folder)

    def test_5_what_is_exported_is_complete(self):
        out = self.work / "model.safetensors"
        self.step("export", "--voices", "ray,mei", "--from", MODEL, "--out", out)  # test_speaker trains the speaker encoder
        model = packed.Packed(out)
        self.assertEqual([voice["name"] for voice in model.config["voices"]], ["ray", "mei"])
        acoustic, generator = model.network("acoustic"), model.network("vocoder")
        self.assertIsInstance(acoustic, convnext.Acoustic)
        self.assertIsInstance(generator, spectral.Generator)
        with safe_open(str(out), "pt") as file:
            self.assertLess(max(file.get_tensor(k).float().abs().max() for k in file.keys() if not k.endswith("running_var")), 6e4)

    def test_6_training_and_engine_see_one_condition(self):
        """Vectors are longer in training; export takes that out of the weights, Packed.start puts it back."""
        model = packed.Packed(self.work / "model.safetensors")
        trained = export.part(self.work, "vocoder", "model")
        again = spectral.Generator()
        model.start("vocoder", again)
        key = "dec.0.film.weight"
        torch.testing.assert_close(again.state_dict()[key], trained[key], atol=2e-3, rtol=2e-3)
        torch.testing.assert_close(model.network("vocoder").state_dict()[key][:, :256], trained[key][:, :256] * dataset.VECTOR_GAIN,
                                   atol=2e-3, rtol=2e-3)


if __name__ == "__main__":
    unittest.main()
