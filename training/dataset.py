"""The utterances as the training steps see them (teacher/make.py writes them), at one loudness, with speaker vectors.

A dataset may still be growing: refresh() takes in what has come since. Each item holds symbols [L], durations [L] (frames), f0 [T],
energy [T], wav float16-sized int16 [300 T] at -20 LUFS (its emotion's gain added), source and swell (spectral.py, in step with the wav), speaker, emotion weights, text.
"""
import json
import sys
from pathlib import Path

import numpy as np

from .convnext import EMOTIONS
from .phase import follow
from .spectral import pulses, soft_clipped, swell
from .teacher import emotions
from .teacher.symbols import ALPHABET

RATE, HOP = 24000, 300
LOUDNESS = -20.0        # LUFS
MEASURABLE_S = 1.2      # shorter ones are as loud as their speaker's others
VECTOR_GAIN = 8.0       # training sees unit vectors at this length; export takes it back


def loudness(wav):
    """Integrated LUFS (ITU-R BS.1770-4), None where there is too little to measure."""
    import pyloudnorm
    if len(wav) < MEASURABLE_S * RATE:
        return None
    value = pyloudnorm.Meter(RATE).integrated_loudness(wav.astype(np.float64))
    return float(value) if np.isfinite(value) and value > -60 else None


def emotion_weights(emotion, degree):
    """One row over EMOTIONS that sums to 1: `degree` of the label, the rest neutral."""
    w = np.zeros(len(EMOTIONS), np.float32)
    w[EMOTIONS.index(emotion)] += degree
    w[0] += 1.0 - degree
    return w


class Dataset:
    """items: what is there; vectors: of utterances and speakers (training/vectors.py). Without sound: of labels alone, if there are."""

    def __init__(self, work, split, sound=True):
        self.work, self.split, self.sound = Path(work), split, sound
        self.folder = self.work / ("utterances" if sound or not (self.work / "labels").exists() else "labels")
        self.items, self.seen, self.gains, self.rng = [], set(), {}, np.random.default_rng(3)
        self.refresh()
        if not self.items:
            sys.exit(f"no utterances in {self.work}/utterances/{split}: run `python -m training.teacher.make --work {work}` first")

    def refresh(self):
        """Loads what has come since; says how many."""
        path = self.work / "vectors.npz"
        if not path.exists():
            sys.exit(f"{path} is missing: run `python -m training.vectors --work {self.work}` first")
        with np.load(path) as z:
            self.vectors = {name: z[name] for name in z.files}
        rows = [json.loads(line) for index in sorted(self.folder.glob(f"{self.split}.*.jsonl"))
                for line in index.read_text(encoding="utf-8").splitlines()]
        new = [row for row in rows if row["name"] not in self.seen and f"speaker:{row['speaker']}" in self.vectors]
        for row in new:
            self.seen.add(row["name"])
            item = self._load(row)
            if item:
                self.items.append(item)
        self.by_speaker = {}
        for item in self.items:
            if item["name"] in self.vectors:
                self.by_speaker.setdefault(item["speaker"], []).append(self.vectors[item["name"]])
        return len(new)

    def _load(self, row):
        with np.load(self.folder / self.split / f"{row['name']}.npz") as z:
            item = {key: z[key] for key in ("symbols", "durations", "f0", "energy") + (("wav",) if self.sound else ())}
        item.update({key: row[key] for key in ("name", "speaker", "language", "emotion", "text")})
        item["weights"] = emotion_weights(row["emotion"], row["degree"])
        if emotions.kind_of(row["text"], row["language"]) == "wh":  # the engine spells it so (wh_falls): the mark alone decides
            item["symbols"] = np.where(item["symbols"] == ALPHABET["?"], ALPHABET["."], item["symbols"])
        if self.sound:
            wav = item["wav"].astype(np.float32) / 32767
            target = LOUDNESS + emotions.EMOTIONS[row["emotion"]].gain * row["degree"]
            level, known = loudness(wav), self.gains.setdefault(row["speaker"], [])
            if level is not None:
                known.append(LOUDNESS - level)
                gain = target - level
            elif known:
                gain = float(np.median(known)) + target - LOUDNESS
            else:
                return None
            item["wav"] = np.round(soft_clipped(wav * 10 ** (gain / 20)) * 32767).astype(np.int16)
            turns = follow(item["f0"], wav)
            item["source"], item["swell"] = pulses(item["f0"], turns).astype(np.float16), swell(item["f0"], turns).astype(np.float16)
        return item

    def vector(self, speaker, rng=None):
        """To condition on: the speaker's own mean, or (with rng) mostly one of their utterances, as a clone will have it; [256]."""
        mean = self.vectors[f"speaker:{speaker}"]
        if rng is None or rng.random() < 0.5:
            v = mean
        else:
            one = self.by_speaker.get(speaker, [mean])
            v = one[rng.integers(len(one))] * rng.uniform(0.3, 1) + mean * rng.uniform(0, 0.7) + rng.normal(0, 0.01, len(mean))
        return (v / np.linalg.norm(v)).astype(np.float32)

    def condition(self, item, rng=None):
        return np.concatenate([self.vector(item["speaker"], rng) * VECTOR_GAIN, item["weights"]])

    def medians(self):
        """Median F0 of each speaker over neutral speech (all where there is none), Hz."""
        frames = {}
        for item in self.items:
            frames.setdefault((item["speaker"], item["emotion"] == "neutral"), []).append(item["f0"][item["f0"] > 0])
        found = {}
        for (speaker, _), parts in sorted(frames.items()):  # neutral sorts behind the others: it wins
            values = np.concatenate(parts)
            if len(values) >= 40:
                found[speaker] = float(np.median(values))
        return found
