"""Speech whose phone times are known: flite's English voices, with a token and its end for every sound."""
from __future__ import annotations

from math import gcd

import numpy as np
from scipy.signal import resample_poly

from training import tokens
from tests.training.flite import Flite

SAMPLE_RATE = 16000
HOP = 256
LEAD = 3 * HOP / SAMPLE_RATE
TAIL = 6 * HOP / SAMPLE_RATE
FLITE_RENAMED = {"ax": "AH", "axr": "ER", "ix": "IH", "ux": "UW", "el": "L", "em": "M", "en": "N", "hv": "HH", "dx": "T", "nx": "N"}


def from_flite(phone: str, stress: str) -> str:
    """flite's phone name and its syllable's stress to a token; schwa is never stressed."""
    name = FLITE_RENAMED.get(phone, phone.upper())
    if name not in tokens.ARPABET_VOWELS:
        return f"[{name}]"
    level = "0" if phone in ("ax", "ix", "axr") or stress not in ("1", "2") else stress
    return f"[{name}{level}]"


def to_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    """float64 at 16 kHz."""
    audio = samples.astype(np.float64) / 32768.0
    common = gcd(rate, SAMPLE_RATE)
    return audio if rate == SAMPLE_RATE else resample_poly(audio, SAMPLE_RATE // common, rate // common)


def frame_margins(audio: np.ndarray, start: float, end: float) -> np.ndarray:
    """Speech between start and end seconds, LEAD before it and TAIL after it; missing margin is silence."""
    first, last = round((start - LEAD) * SAMPLE_RATE), round((end + TAIL) * SAMPLE_RATE)
    left, right = max(0, -first), max(0, last - len(audio))
    return np.pad(audio[max(0, first):min(len(audio), last)], (left, right))


def finish(audio: np.ndarray, names: list[str], ends: list[float], start: float, mark: str) -> dict:
    """Adds margins, the final mark and the outer boundaries; times are moved to the new origin."""
    shift = LEAD - start
    last = ends[-1] + shift
    all_names = [tokens.BOUNDARY] + names + [mark, tokens.BOUNDARY]
    all_ends = [LEAD] + [end + shift for end in ends] + [last + TAIL / 2, last + TAIL]
    if any(b < a - 1e-6 for a, b in zip(all_ends, all_ends[1:])):
        raise ValueError("times go backwards")
    wav = frame_margins(audio, start, ends[-1])
    return {"wav": np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16),
            "tokens": np.array(tokens.encode(all_names), np.int32), "ends": np.array(all_ends, np.float64)}


def english_tokens(segments, names: list[str], ends: list[float]) -> None:
    """Phones with engsp1 between words and engsp4 at phrase breaks; segments hold no outer pauses."""
    for index, segment in enumerate(segments):
        if segment.phone == "pau":
            if names and names[-1] == "engsp4":
                ends[-1] = segment.end
            else:
                names.append("engsp4")
                ends.append(segment.end)
            continue
        previous = segments[index - 1] if index else None
        if previous and previous.word and previous.word != segment.word and not segment.word_name.startswith("'"):
            names.append("engsp4" if previous.punctuation.strip("'\"") else "engsp1")
            ends.append(previous.end)
        names.append(from_flite(segment.phone, segment.stress))
        ends.append(segment.end)


def speak_english(engine: Flite, text: str, voice: str) -> dict:
    samples, rate, segments = engine.speak(text, voice)
    audio = to_rate(samples, rate)
    inner = list(segments)
    start = 0.0
    if inner and inner[0].phone == "pau":
        start = inner.pop(0).end
    while inner and inner[-1].phone == "pau":
        inner.pop()
    if not inner:
        raise ValueError("nothing but silence")
    names, ends = [], []
    english_tokens(inner, names, ends)
    return finish(audio, names, ends, start, text[-1] if text[-1] in ".?!" else ".")


def to_frames(ends: np.ndarray, samples: int) -> tuple[np.ndarray, int]:
    """Durations in frames whose running sum follows the end times; the last token takes what rounding leaves."""
    total = -(-samples // HOP)
    bounds = np.minimum(np.round(ends * SAMPLE_RATE / HOP).astype(int), total)
    bounds[-1] = total
    return np.diff(np.concatenate([[0], bounds])).astype(np.int32), total
