"""Sets right in a packed model what training leaves: a melody that is too narrow, sound that is too dull, voices that are too much alike.

python -m training.finish --model MODEL --out MODEL [--melody 1.15] [--tilt 1.1] [...]

A network that is trained to be near on average answers with averages. Measured against the teacher on the same sentences, its F0 spreads 0.92
of the teacher's in Mandarin and 0.89 in English, and it is half a decibel weaker above 800 Hz; what tells one speaker from another is
likewise drawn towards the mean of all. Each is a linear thing in the last layer or in the voices' vectors, so it costs nothing when it is
set right there. Below a kilohertz the fine structure of soft voiced sounds, and of voicing where it begins and ends, cannot be foreseen; it is
heard least when soft frames are somewhat louder, noise is weaker and the pulses keep their own phase. The strength is of named voices alone;
all else holds for clones, too. How far to go was decided by listeners (docs/voice-log.md): the defaults are the shipped voice's.
"""
from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import torch

from .convnext import PAIR
from .packed import read_model, write_model

TILT_HZ = 150.0, 1000.0, 6000.0  # from, unchanged at, to
PULSES, TURN, NOISE, BURSTS = range(4)  # the head's parts
LEVEL_HZ, LOW_HZ = 100.0, 1000.0
LEVEL = 1.035  # mean log magnitude of the pulses from LEVEL_HZ to LOW_HZ over voiced frames of the named voices
NEPER = math.log(10) / 20  # of a decibel


def bins_hz(vocoder: dict) -> np.ndarray:
    return np.arange(vocoder["fft"] // 2 + 1) * vocoder["sample_rate"] / vocoder["fft"]


def rows_of(tensors: dict, part: int, bins: int) -> list[torch.Tensor]:
    """Views of the head's weights [bins, width] and biases [bins] of a part."""
    return [tensors[f"generator.head.{kind}"][part * bins:(part + 1) * bins] for kind in ("weight", "bias")]


def widen_melody(tensors: dict, factor: float) -> None:
    """Log F0 about the voice's median, times factor."""
    for key in ("am.pn.pro_out.weight", "am.pn.pro_out.bias"):
        tensors[key][:PAIR] *= factor


def tilt_spectra(tensors: dict, vocoder: dict, db_per_octave: float, gain_db: float) -> None:
    """The log magnitudes of pulses, noise and bursts; their turn stays. The gain brings the voices back to -20 LUFS."""
    low, middle, high = TILT_HZ
    hz = bins_hz(vocoder)
    log_gain = torch.from_numpy((db_per_octave * np.log2(np.clip(hz, low, high) / middle) + gain_db) * NEPER).float()
    for part in (PULSES, NOISE, BURSTS):
        _, bias = rows_of(tensors, part, len(hz))
        bias += log_gain


def compress(tensors: dict, vocoder: dict, low: float, high: float) -> None:
    """Soft frames louder and loud ones softer: log magnitudes less a share of how far the pulses' low ones lie above LEVEL in the mean. That
    mean is a linear function of the head's input, too. The noise above LOW_HZ stays: hissing sounds are loud enough, and pauses are to be silent there;
    below it pauses get a room tone, 52 dB under speech."""
    hz = bins_hz(vocoder)
    weight, bias = rows_of(tensors, PULSES, len(hz))
    band = torch.from_numpy((hz >= LEVEL_HZ) & (hz < LOW_HZ))
    mean_weight, mean_bias = weight[band].mean(0), bias[band].mean() - LEVEL
    for part, above in ((PULSES, high), (NOISE, 0.0), (BURSTS, high)):
        weight, bias = rows_of(tensors, part, len(hz))
        share = torch.from_numpy(np.where(hz < LOW_HZ, low, above)).float()
        weight -= share[:, None] * mean_weight
        bias -= share * mean_bias


def soften(tensors: dict, vocoder: dict, low_db: float, bursts_db: float) -> None:
    """Less noise and fewer bursts below LOW_HZ, fewer bursts everywhere."""
    hz = bins_hz(vocoder)
    low = torch.from_numpy(hz < LOW_HZ).float()
    for part, everywhere_db in ((NOISE, 0.0), (BURSTS, bursts_db)):
        _, bias = rows_of(tensors, part, len(hz))
        bias -= (low * low_db + everywhere_db) * NEPER


def straighten(tensors: dict, vocoder: dict, below_hz: float) -> None:
    """No turn of the pulses: what it learnt there from magnitudes alone is heard as roughness."""
    hz = bins_hz(vocoder)
    for rows in rows_of(tensors, TURN, len(hz)):
        rows[torch.from_numpy(hz < below_hz)] = 0


def move_apart(tensors: dict, emotions: list[str], share: float, pair=("happy", "surprised")) -> None:
    """Of two emotions that are taken for each other, each goes a share of their distance further from the other; in the acoustic model alone."""
    if not all(name in emotions for name in pair):
        return
    for key in [key for key in tensors if key.startswith("am.pn.") and key.endswith(("film.weight", "condition.weight"))]:
        weight = tensors[key]
        a, b = (weight.shape[1] - len(emotions) + emotions.index(name) for name in pair)
        way = weight[:, b] - weight[:, a]
        weight[:, a] -= share * way
        weight[:, b] += share * way


def slow_down(tensors: dict, pace: float) -> None:
    """Durations, which the network gives as log(1 + frames): exact for a symbol of six frames, near for the others."""
    frames = 6.0
    tensors["am.pn.dur.2.bias"] += math.log((1 + frames / pace) / (1 + frames))


def setting(default: float, meaning: str):
    return field(default=default, metadata={"help": meaning})


@dataclass(frozen=True)
class Settings:
    """How far to go; what is shipped has the defaults."""
    melody: float = setting(1.15, "factor on log F0 about the median")
    tilt: float = setting(1.1, "dB an octave about 1 kHz")
    gain: float = setting(3.7, "dB of the whole")
    strength: float = setting(1.05, "length of the named voices' vectors")
    pace: float = setting(0.88, "speech is so fast, against what was learnt")
    apart: float = setting(0.25, "of their distance, by which happy and surprised are moved away from each other")
    compress_low: float = setting(0.28, "share of the level's changes below 1 kHz that is taken back")
    compress_high: float = setting(0.08, "the same above")
    soft_low: float = setting(5.0, "dB by which noise and bursts are weaker below 1 kHz")
    bursts: float = setting(6.0, "dB by which bursts are weaker everywhere")
    phase_below: float = setting(2000.0, "Hz below which pulses keep their own phase")


def finish(tensors: dict, config: dict, settings: Settings) -> None:
    """Changes float32 tensors and the configuration in place."""
    if config.get("finished"):
        raise SystemExit("this model is finished already: finish the one that export wrote")
    vocoder = config["vocoder"]
    if config["acoustic"].get("family") != "convnext" or vocoder.get("parts") != 4:
        raise SystemExit("only a convnext acoustic model with an istft vocoder of four parts can be finished")
    compress(tensors, vocoder, settings.compress_low, settings.compress_high)
    soften(tensors, vocoder, settings.soft_low, settings.bursts)
    straighten(tensors, vocoder, settings.phase_below)
    tilt_spectra(tensors, vocoder, settings.tilt, settings.gain)
    widen_melody(tensors, settings.melody)
    slow_down(tensors, settings.pace)
    move_apart(tensors, config["acoustic"]["emotions"], settings.apart)
    tensors["voices.vectors"] *= settings.strength
    config["finished"] = asdict(settings)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", required=True)
    p.add_argument("--out", required=True)
    for one in fields(Settings):
        p.add_argument("--" + one.name.replace("_", "-"), type=float, default=one.default, help=one.metadata["help"])
    a = p.parse_args()
    config, kept = read_model(a.model)
    tensors = {key: value.float() for key, value in kept.items()}
    finish(tensors, config, Settings(**{one.name: getattr(a, one.name) for one in fields(Settings)}))
    write_model(a.out, config, {key: value.to(kept[key].dtype) for key, value in tensors.items()})
    print(f"{a.out}: {config['finished']}")


if __name__ == "__main__":
    main()
