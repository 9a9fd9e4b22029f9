"""What a listener has of speech: pitch and its range, pace, level, tilt, tremor; and a classifier that tells emotions by them.

Everything here takes float audio at 16 kHz (and marks: phone, begin, end in seconds) and gives numbers; nothing knows who spoke.
"""
from __future__ import annotations

import functools

import numpy as np
from scipy.signal import butter, sosfiltfilt, spectrogram

from . import tokens
from .listeners import pitch

SAMPLE_RATE = 16000
PERIOD_S = 0.005
F0_LIMITS = (50.0, 650.0)
SILENCE_DB = -38.0
SHORTEST_RUN = 5  # frames of 5 ms
TREMOR_HZ = (5.0, 12.0)


# ---- pitch -----------------------------------------------------------------------------------------------------

def level_db(audio: np.ndarray, count: int) -> np.ndarray:
    """Level of 20 ms about each of `count` frames, against the loud frames of the utterance."""
    squares = np.concatenate([[0.0], np.cumsum(audio**2)])
    step = int(PERIOD_S * SAMPLE_RATE)
    centre = np.arange(count) * step
    low, high = np.clip(centre - 2 * step, 0, len(audio)), np.clip(centre + 2 * step, 0, len(audio))
    level = 10 * np.log10((squares[high] - squares[low]) / np.maximum(high - low, 1) + 1e-12)
    return level - np.percentile(level, 95)


def f0_of(audio: np.ndarray) -> np.ndarray:
    """Hz every 5 ms, 0 where unvoiced; quiet and stray frames are unvoiced."""
    f0 = pitch.f0_of(audio, PERIOD_S, F0_LIMITS)
    f0[level_db(audio, len(f0)) < SILENCE_DB] = 0.0
    return pitch.without_strays(f0, SHORTEST_RUN)


def semitones(f0: np.ndarray, reference: float) -> np.ndarray:
    """12 log2 of voiced frames against a reference in Hz, linear between them; zeros if nothing is voiced."""
    voiced = np.flatnonzero(f0 > 0)
    if len(voiced) == 0:
        return np.zeros(len(f0))
    return np.interp(np.arange(len(f0)), voiced, 12 * np.log2(f0[voiced] / reference))


def median_f0(f0: np.ndarray) -> float:
    voiced = f0[f0 > 0]
    return float(np.median(voiced)) if len(voiced) > 5 else 0.0


def is_spoken(phone: str) -> bool:
    """True for a sound, False for boundaries, pauses and punctuation."""
    return phone.startswith("[") or tokens.is_vowel(phone) or phone in tokens.MANDARIN_INITIALS


def is_nucleus(phone: str) -> bool:
    return tokens.is_vowel(phone)


# ---- phone times -----------------------------------------------------------------------------------------------

VOICELESS = frozenset("s sh x f t p k q c ch h".split() + [f"[{p}]" for p in "S SH F T P K CH TH HH".split()])
LATE_S = np.arange(-8, 13) * 0.0125  # what is tried


def lateness(said: list[tuple[np.ndarray, list]]) -> float:
    """Seconds by which phone times come behind the sound: shifted back by so much, vowels are voiced most and voiceless sounds least.
    said: F0 (f0_of) and marks of utterances; 0 where there are too few sounds to tell."""
    best, found = -1.0, 0.0
    for late in sorted(LATE_S, key=abs):
        shares = {True: [], False: []}
        for f0, marks in said:
            for phone, begin, end in marks:
                inside = f0[max(0, round((begin - late) / PERIOD_S)):max(0, round((end - late) / PERIOD_S))]
                if len(inside) and (is_nucleus(phone) or phone in VOICELESS):
                    shares[is_nucleus(phone)].append(float((inside > 0).mean()))
        if min(len(part) for part in shares.values()) < 5:
            return 0.0
        contrast = float(np.mean(shares[True]) - np.mean(shares[False]))
        if contrast > best + 1e-9:
            best, found = contrast, float(late)
    return found


def earlier(marks, seconds: float) -> list[tuple[str, float, float]]:
    return [(phone, max(0.0, begin - seconds), max(0.0, end - seconds)) for phone, begin, end in marks]


# ---- one utterance as numbers ----------------------------------------------------------------------------------

FEATURES = ("pitch", "range", "rate", "energy", "tilt", "tremor", "ending")


@functools.lru_cache(maxsize=None)
def _tremor_filter():
    return butter(2, [hz * 2 * PERIOD_S for hz in TREMOR_HZ], btype="band", output="sos")


def tremor(f0: np.ndarray, marks) -> float:
    """RMS semitones of F0 between 5 and 12 Hz inside vowels of 60 ms and more, averaged over them."""
    if (f0 > 0).sum() < 30:
        return 0.0
    line = semitones(f0, median_f0(f0))
    moved = sosfiltfilt(_tremor_filter(), line)
    parts = []
    for phone, begin, end in marks:
        inside = slice(int(begin / PERIOD_S), int(end / PERIOD_S))
        if is_nucleus(phone) and end - begin >= 0.06 and (f0[inside] > 0).mean() > 0.8:
            parts.append(moved[inside])
    return float(np.sqrt(np.mean(np.concatenate(parts)**2))) if parts else 0.0


def tilt_db(audio: np.ndarray, voiced: np.ndarray) -> float:
    """Level of 1-4 kHz against 0.1-1 kHz over voiced frames."""
    hz, times, spectra = spectrogram(audio, SAMPLE_RATE, "hann", 1024, 768, mode="magnitude")
    at = np.minimum((times / PERIOD_S).astype(int), len(voiced) - 1)
    power = (spectra[:, voiced[at]] ** 2 if voiced[at].any() else spectra**2).sum(1)
    high, low = power[(hz >= 1000) & (hz < 4000)].sum(), power[(hz >= 100) & (hz < 1000)].sum()
    return float(10 * np.log10((high + 1e-12) / (low + 1e-12)))


def voiced_level_db(audio: np.ndarray, voiced: np.ndarray) -> float:
    step = int(PERIOD_S * SAMPLE_RATE)
    frames = audio[:len(audio) // step * step].reshape(-1, step)
    mask = voiced[:len(frames)]
    return float(10 * np.log10(np.mean(frames[mask]**2) + 1e-10)) if mask.any() else -100.0


def phone_rate(marks) -> float:
    """Log of sounds a second, pauses left out."""
    spans = [end - begin for phone, begin, end in marks if is_spoken(phone)]
    return float(np.log(len(spans) / max(sum(spans), 1e-3))) if spans else 0.0


def describe(audio: np.ndarray, marks) -> dict[str, float]:
    """FEATURES of an utterance: pitch in semitones over 100 Hz; the caller takes them against the voice's neutral."""
    f0 = f0_of(audio)
    voiced, middle = f0 > 0, median_f0(f0) or 100.0
    line = semitones(f0, middle)
    spread = np.percentile(line[voiced], [10, 90]) if voiced.any() else (0.0, 0.0)
    last = np.flatnonzero(voiced)[-40:]
    return {"pitch": 12 * np.log2(middle / 100.0), "range": float(spread[1] - spread[0]), "rate": phone_rate(marks),
            "energy": voiced_level_db(audio, voiced), "tilt": tilt_db(audio, voiced), "tremor": tremor(f0, marks),
            "ending": float(line[last].mean()) if len(last) else 0.0}


class Classifier:
    """Linear discriminant analysis: one mean a class, one covariance for all, slightly shrunk."""

    def __init__(self, rows: np.ndarray, labels: list[str]):
        self.labels = sorted(set(labels))
        labels = np.array(labels)
        self.scale = rows.std(0) + 1e-6
        rows = rows / self.scale
        self.means = np.stack([rows[labels == name].mean(0) for name in self.labels])
        rest = rows - self.means[[self.labels.index(name) for name in labels]]
        covariance = rest.T @ rest / max(1, len(rows) - len(self.labels))
        self.precision = np.linalg.inv(covariance + 0.02 * np.eye(rows.shape[1]))

    def decide(self, rows: np.ndarray) -> list[str]:
        gap = (rows / self.scale)[:, None, :] - self.means[None]
        return [self.labels[i] for i in np.einsum("ncd,de,nce->nc", gap, self.precision, gap).argmin(1)]


def confusion(wanted: list[str], found: list[str], labels: list[str]) -> list[list[int]]:
    table = np.zeros((len(labels), len(labels)), int)
    for a, b in zip(wanted, found):
        table[labels.index(a), labels.index(b)] += 1
    return table.tolist()
