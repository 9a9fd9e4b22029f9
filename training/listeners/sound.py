"""One channel of sound at the rate that a listener wants. Every listener takes (samples, rate) of any rate."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np


def read(path: Path) -> tuple[np.ndarray, int]:
    """Samples of one channel, -1..1, and their rate."""
    import soundfile
    audio, rate = soundfile.read(str(path), dtype="float64", always_2d=True)
    return audio.mean(1), rate


def at_rate(audio: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    if rate == wanted:
        return np.asarray(audio)
    from scipy.signal import resample_poly
    shared = math.gcd(rate, wanted)
    return resample_poly(audio, wanted // shared, rate // shared)


def in_band(audio: np.ndarray, rate: int, band: int) -> np.ndarray:
    """The sound as it is after a line of `band` samples a second: what a recording of that rate can hold."""
    if band >= rate:
        return np.asarray(audio)
    return at_rate(at_rate(audio, rate, band), band, rate)[:len(audio)]
