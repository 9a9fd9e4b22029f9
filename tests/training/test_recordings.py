"""A small folder of recordings, good and bad, all the way to a model that speaks with their voice."""
import json
import os
import subprocess
import tempfile
import time
import unittest
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from training import align, recordings, tokens
from training.narrator import Engine, Narrator
from training.packed import Packed
from training.teacher.make import DELAY_FRAMES
from tests.training.flite_speech import from_flite
from tests.training.support import ENGINE, MODEL, RATE, boundary_report, flite, needs_engine_and_model, recorded, run, sounds

GOOD = {"s1": "The quick brown fox jumps over the lazy dog.",
        "s2": "Doctor Smith lives near the old river, behind the mill.",
        "s3": "Good morning. How are you today?",
        "s4": "She sells sea shells, and he buys them every summer.",
        "s5": "Please open the window before the guests arrive.",
        "s6": "A gentle wind was blowing through the empty streets.",
        "s7": "They walked along the beach until the sun went down."}
MENDED = "Nobody knows the trouble I have seen, my friend."
LEAD = 0.3
MINUTES = 0.3


def spoken(text: str) -> tuple[np.ndarray, list[tuple[str, float]]]:
    """A recording by flite's rms, and (phone, end) of what is heard."""
    samples, rate, segments = flite().speak(text, "rms")
    audio = recorded(samples / 32768.0, LEAD, len(text))
    truth = [(from_flite(s.phone, s.stress).strip("[]").rstrip("012"), s.end + LEAD)
             for s in segments if s.phone != "pau"]
    assert rate == RATE
    return audio, truth


def make_folder(folder: Path) -> dict[str, list[tuple[str, float]]]:
    """LJSpeech layout with 7 good rows and 9 bad ones. Returns what is heard in the good ones."""
    (folder / "wavs").mkdir()
    truth = {}
    for name, text in GOOD.items():
        audio, truth[name] = spoken(text)
        rate, channels, suffix = RATE, 1, "wav"
        if name == "s2":
            audio, rate, channels = resample_poly(audio, 3, 1), 48000, 2
        if name == "s4":
            audio, rate, suffix = resample_poly(audio, 11025, 8000), 22050, "flac"
        soundfile.write(folder / "wavs" / f"{name}.{suffix}", np.repeat(audio[:, None], channels, axis=1), rate)
    for name in ("empty", "columns", "smile", "wrong"):
        soundfile.write(folder / "wavs" / f"{name}.wav", spoken(MENDED)[0], RATE)
    noise = np.random.default_rng(0).normal(0, 0.1, 31 * RATE)
    soundfile.write(folder / "wavs" / "short.wav", noise[:RATE // 8], RATE)
    soundfile.write(folder / "wavs" / "long.wav", noise, RATE)
    soundfile.write(folder / "wavs" / "silent.wav", np.zeros(RATE), RATE)
    (folder / "wavs" / "broken.wav").write_text("hello\n")
    bad = ["s3|once more", "missing|There is no such file.", "broken|This is broken.", "short|Short.", "long|Too long.",
           "empty|", "columns|a|b|c", "smile|\U0001f600", "silent|Nothing is heard.",
           "wrong|What stands here is something else altogether, and nobody has ever said it into a microphone."]
    good = [f"{name}|{text}" for name, text in GOOD.items()]
    good[1] = f"s2|Dr. Smith lives near the old river...|{GOOD['s2']}"
    (folder / "metadata.csv").write_text("\ufeff" + "\n".join(good + bad) + "\n", encoding="utf-8")
    return truth


@needs_engine_and_model
class Recordings(unittest.TestCase):
    """The tests run in the order of their names: each goes on from the one before, as a user would."""

    @classmethod
    def setUpClass(cls):
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.folder, cls.work = Path(place.name) / "folder", Path(place.name) / "work"
        cls.new_model = Path(place.name) / "models" / "ann.safetensors"
        cls.folder.mkdir()
        cls.truth = make_folder(cls.folder)
        cls.printed, cls.end = cls.recordings()

    @classmethod
    def recordings(cls):
        return run("recordings", "--folder", cls.folder, "--work", cls.work, "--speaker", "ann", "--from", MODEL,
                   "--engine", ENGINE, "--threads", 2)

    def rows(self, split):
        return [json.loads(line) for line in (self.work / "utterances" / f"{split}.0.jsonl").read_text().splitlines()]

    def test_1_each_bad_row_is_named_once(self):
        self.assertEqual(self.end, "")
        lines = [line for line in self.printed.splitlines() if "skipped" in line]
        for expected in ("metadata.csv:8: s3: this id stands in line 3", "missing.wav does not exist",
                         "broken.wav cannot be read as audio", "short.wav lasts 0.12 s", "long.wav lasts 31.0 s",
                         "empty: the text is empty", "4 columns", "smile: the text cannot be spoken", "silent.wav is silent",
                         "wrong.wav does not sound like its text"):
            self.assertEqual(sum(expected in line for line in lines), 1, f"{expected}\n{self.printed}")
        self.assertIn("7 of 17 rows usable, 10 skipped", self.printed)

    def test_2_utterances_are_as_the_training_steps_read_them(self):
        rows = self.rows("train") + self.rows("valid")
        self.assertEqual(len(rows), 8, "one utterance a sentence, two in s3")
        self.assertTrue(self.rows("valid"))
        for row in rows:
            path = next((self.work / "utterances").glob(f"*/{row['name']}.npz"))
            with np.load(path) as z:
                self.assertEqual(z["durations"].sum() * 300, len(z["wav"]))
                self.assertEqual((len(z["durations"]), len(z["f0"]) * 300), (len(z["symbols"]), len(z["wav"])))
                self.assertEqual(len(z["energy"]), len(z["f0"]))
                names = tokens.decode(z["tokens"])
                self.assertEqual((names[0], names[-1]), (tokens.BOUNDARY, tokens.BOUNDARY))
                self.assertEqual(z["durations"][0], 8 + DELAY_FRAMES, "0.1 s before the first sound")
                self.assertAlmostEqual(np.median(z["f0"][z["f0"] > 0]), 102, delta=12)
        self.assertIn("How are you today?", [row["text"] for row in rows])

    def test_3_phone_times_are_right(self):
        engine, narrator, errors = Engine(ENGINE, MODEL), Narrator(Packed(MODEL)), []
        adaptation = recordings.acquaint(narrator, [], self.work / "alignment" / "ann.npz")
        for name, truth in self.truth.items():
            path = next((self.folder / "wavs").glob(f"{name}.*"))
            audio, sentences = recordings.read_audio(path), engine.phones(GOOD[name], "auto")
            references = narrator.read(sentences, recordings.speech_seconds(audio))
            ends, _ = align.phone_ends(audio, references, adaptation)
            heard = [pair for s, e in zip(sentences, ends) for pair in sounds(s.names, e)]
            same = SequenceMatcher(None, [n for n, _ in truth], [n for n, _ in heard], autojunk=False).get_matching_blocks()
            errors += [heard[b + k][1] - truth[a + k][1] for a, b, size in same for k in range(size)]
        median, _, within50 = boundary_report("the model's reading", errors)
        self.assertLess(median, 20)
        self.assertGreater(within50, 0.85)  # 0.88 to 0.89; the voice before the last round of training had 0.92

    def test_4_a_second_run_does_nothing(self):
        before = {p: p.stat().st_mtime_ns for p in self.work.rglob("*.npz")}
        printed, end = self.recordings()
        self.assertEqual(end, "")
        self.assertIn("nothing to do", printed)
        self.assertIn("wrong.wav does not sound like its text", printed)
        self.assertEqual(before, {p: p.stat().st_mtime_ns for p in self.work.rglob("*.npz")})

    def test_5_a_mended_row_alone_is_made(self):
        table = self.folder / "metadata.csv"
        before = {p: p.stat().st_mtime_ns for p in (self.work / "utterances").rglob("*.npz")}
        lines = [f"wrong|{MENDED}" if line.startswith("wrong|") else line for line in table.read_text().splitlines()]
        table.write_text("\n".join(lines) + "\n")
        printed, _ = self.recordings()
        self.assertIn("8 of 17 rows usable, 9 skipped", printed)
        after = {p: p.stat().st_mtime_ns for p in (self.work / "utterances").rglob("*.npz")}
        self.assertEqual([p.stem for p in set(after) - set(before)], ["ann_wrong_0"])
        self.assertEqual(before, {p: t for p, t in after.items() if p in before})

    def trained(self, step, key):
        start = time.time()
        arguments = ("--work", self.work, "--from", MODEL, "--minutes", MINUTES, "--threads", 2, "--device", "cpu")
        _, end = run(f"train_{step}", *arguments)
        self.assertEqual(end, "")
        log = self.work / {"acoustic": "acoustic", "vocoder": "vocoder"}[step] / "log.jsonl"
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        values = [row[key] for row in rows if key in row]
        self.assertLess(rows[-1]["minutes"], 3 * MINUTES, "the time bound")
        self.assertTrue(np.isfinite(values).all())
        third = max(1, len(values) // 3)
        self.assertLess(np.mean(values[-third:]), 1.1 * np.mean(values[:third]), f"{key} rose")
        run(f"train_{step}", *arguments)
        self.assertEqual(log.read_text().count("\n"), len(rows), "time is used up: the second run trains no further")
        print(f"\n  {step}: {len(values)} steps in {time.time() - start:.0f} s, {key} {values[0]:.3f} to {values[-1]:.3f}")

    def test_6_acoustic_model_and_vocoder_train_on(self):
        self.trained("acoustic", "loss")
        self.trained("vocoder", "spectral")

    def test_7_one_speaker_needs_no_speaker_training(self):
        _, end = run("train_speaker", "--work", self.work, "--minutes", MINUTES)
        self.assertIn("one speaker: there is nothing to tell apart", end)

    def test_8_export_asks_for_what_is_missing(self):
        _, end = run("export", "--work", self.work, "--voices", "ann", "--out", self.new_model)
        self.assertIn("speaker.* was not trained in", end)
        self.assertIn("or name a model with --from", end)
        _, end = run("export", "--work", self.work, "--from", MODEL, "--voices", "bob", "--out", self.new_model)
        self.assertIn("no speaker 'bob'", end)

    def test_9_the_new_model_speaks_with_the_new_voice(self):
        printed, end = run("export", "--work", self.work, "--from", MODEL, "--voices", "ann", "--name", "ann",
                           "--out", self.new_model)
        self.assertEqual(end, "", printed)
        wav = self.new_model.with_suffix(".wav")
        environment = {k: v for k, v in os.environ.items() if k != "EMOTIVOICE_MODEL"}
        said = subprocess.run([ENGINE, "say", "--model", self.new_model, "--voice", "ann", "-o", wav,
                               "This sentence was never recorded."], capture_output=True, text=True, env=environment)
        self.assertEqual(said.returncode, 0, said.stderr)
        audio, rate = soundfile.read(wav)
        self.assertTrue(1.0 < len(audio) / rate < 5.0, len(audio) / rate)
        self.assertGreater(np.sqrt((audio**2).mean()), 0.01)
        self.assertEqual(rate, recordings.RATE)
        f0 = recordings.pitch_track(resample_poly(audio, 2, 3))
        self.assertAlmostEqual(np.median(f0[f0 > 0]), 102, delta=25)


if __name__ == "__main__":
    unittest.main()
