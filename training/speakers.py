"""Virtual speakers and emotions: who speaks and how, as numbers. Written to DIR/speakers.json, drawn from fixed seeds."""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.teachers import ESPEAK_VOICES

# Median f0 of the plain voices, measured on their teacher speech; speakers.json carries the values measured at hand.
BASES = {"slt": "female", "rms": "male", "awb": "male", "kal16": "male", "lin": "male", "gao": "male", "shi": "male",
         "mei": "female", "yan": "female", "lan": "female"}
F0_SEARCH = {"male": (55.0, 290.0), "female": (85.0, 480.0)}
TARGETS = {"male": (75.0, 170.0), "female": (140.0, 300.0)}
TRAIN_COUNTS = {"slt": 24, "rms": 20, "awb": 18, "kal16": 8, "lin": 12, "gao": 11, "shi": 11, "mei": 12, "yan": 12, "lan": 12}
TEST_COUNTS = {"slt": 5, "rms": 3, "awb": 3, "kal16": 1, "lin": 2, "gao": 2, "shi": 2, "mei": 2, "yan": 2, "lan": 2}
# Drawn after the others, so that these stay who they are when the crowd grows.
MORE_COUNTS = {base: 2 * count for base, count in TRAIN_COUNTS.items()}
# Some espeak-ng variants speak tones within 4 semitones; natural Mandarin spans about 9.
RANGE_REPAIR = {"gao": 1.4, "mei": 1.8, "lan": 2.0}


@dataclass(frozen=True)
class Speaker:
    name: str
    base: str
    split: str
    warp: float = 1.0
    f0_ratio: float = 1.0
    f0_target: float = 0.0
    tilt: float = 0.0
    breath: float = 0.0
    rate: float = 1.0
    range_factor: float = 1.0

    @property
    def plain(self) -> bool:
        return self.split == "identity"

    @property
    def language(self) -> str:
        return "zh" if self.base in ESPEAK_VOICES else "en"


@dataclass(frozen=True)
class Emotion:
    """Changes against neutral at degree 1: semitones, ratios, decibels, decibels per octave."""
    mean: float = 0.0
    span: float = 1.0
    rate: float = 1.0
    gain: float = 0.0
    tilt: float = 0.0
    leap: float = 0.0
    final: float = 0.0
    final_seconds: float = 0.4
    tremor_hz: float = 0.0
    tremor: float = 0.0
    breath: float = 0.0

    def at(self, degree: float) -> "Emotion":
        """Between neutral (0) and this (1): ratios on a log scale, the rest linearly; tremor keeps its frequency."""
        scaled = {key: getattr(self, key) * degree for key in ("mean", "gain", "tilt", "leap", "final", "tremor", "breath")}
        return Emotion(span=self.span**degree, rate=self.rate**degree, final_seconds=self.final_seconds,
                       tremor_hz=self.tremor_hz, **scaled)


EMOTIONS = {
    "neutral": Emotion(),
    "calm": Emotion(mean=-1.5, span=0.6, rate=0.87, gain=-3, tilt=-2),
    "happy": Emotion(mean=3, span=1.5, rate=1.08, gain=2, leap=2.0),
    "excited": Emotion(mean=5.5, span=1.9, rate=1.25, gain=5, tilt=2, leap=1.0),
    "sad": Emotion(mean=-3, span=0.5, rate=0.76, gain=-6, tilt=-4, final=-2.5, final_seconds=0.5),
    "angry": Emotion(mean=1, span=1.35, rate=1.15, gain=7, tilt=5, tremor_hz=7, tremor=0.8),
    "surprised": Emotion(mean=6, span=2.0, rate=0.93, gain=3, final=4, final_seconds=0.4),
    "fearful": Emotion(mean=4, span=0.7, rate=1.2, gain=-3, breath=0.3, tremor_hz=9, tremor=0.5),
}
# Tones must survive: the span of Mandarin stays within these limits.
MANDARIN_SPAN = (0.7, 1.5)


def draw(name: str, base: str, split: str, median: float, rng: np.random.Generator) -> Speaker:
    """A speaker whose pitch goes with the length of the vocal tract, loosely."""
    low, high = TARGETS[BASES[base]]
    warp = float(np.exp(rng.uniform(np.log(0.85), np.log(1.18))))
    # warp 0.85..1.18 maps to 0..1; the target follows it by half and is free by half, on a log scale.
    place = (np.log(warp) - np.log(0.85)) / (np.log(1.18) - np.log(0.85))
    place = float(np.clip(0.5 * place + 0.5 * rng.uniform(0, 1) + rng.normal(0, 0.08), 0, 1))
    target = float(np.exp(np.log(low) + place * (np.log(high) - np.log(low))))
    ratio = float(np.clip(target / median, 0.6, 1.7))
    return Speaker(name, base, split, round(warp, 4), round(ratio, 4), round(ratio * median, 2),
                   round(float(rng.uniform(-3, 3)), 3), round(float(rng.uniform(0, 0.4)), 3),
                   round(float(rng.uniform(0.92, 1.1)), 4), RANGE_REPAIR.get(base, 1.0))


def make(medians: dict[str, float], seed: int = 2024) -> list[Speaker]:
    """Identity speakers (named like their base), then train and test speakers, numbered."""
    speakers = [Speaker(base, base, "identity", f0_target=round(medians[base], 2), range_factor=RANGE_REPAIR.get(base, 1.0))
                for base in BASES]
    rng = np.random.default_rng(seed)
    number = {"train": 0, "test": 0}
    for split, counts in (("train", TRAIN_COUNTS), ("test", TEST_COUNTS), ("train", MORE_COUNTS)):
        for base, amount in counts.items():
            for _ in range(amount):
                speakers.append(draw(f"{split[:2]}{number[split]:03d}_{base}", base, split, medians[base], rng))
                number[split] += 1
    return speakers


def save(path: Path, speakers: list[Speaker]) -> None:
    path.write_text(json.dumps([asdict(speaker) for speaker in speakers], indent=1) + "\n", encoding="utf-8")


def load(path: Path) -> list[Speaker]:
    return [Speaker(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
