"""Mandarin's tones as a melody, which the teacher's Japanese styles hardly have: a second tone that does not rise, a fourth that
falls no more than a third.

The model is quantitative target approximation (Prom-on, Xu & Thipakorn 2009, doi:10.1121/1.3037222): F0 nears a target as a third-order, critically
damped system does, carrying its height, speed and acceleration over from the syllable before. So a tone bends towards its neighbours as it does in
people, and what is short is not reached. Their targets are one straight line a syllable; ours are two, with a bend at TURN, since a fourth tone behind
a low one never got up to where it falls from with one. Shapes are the textbook's (55, 35, 21, 51; Chao 1930) in semitones about the speaker's
median, heights by models that listen (docs/voice-log.md); a neutral tone's goes by the tone before it.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TARGETS = {1: (2.6, 2.6, 2.6), 2: (-3.0, -3.0, 4.7), 3: (-3.4, -4.7, -4.7), 4: (5.5, 5.1, -6.0)}  # semitones at its begin, at TURN, at its end
HALF_FALL = -1.7  # where a fourth tone ends before another
LAST_THIRD = -3.0  # before a pause it does not stay low
TURN = 0.4  # of the syllable: the initial and what F0 needs to get there
NEUTRAL = {0: -1.3, 1: -1.3, 2: -0.4, 3: 1.3, 4: -3.0, 5: -2.1}  # by the tone before
STRENGTH, NEUTRAL_STRENGTH = 60.0, 35.0  # of the approach, a second
PAUSE_S = 0.12  # after which nothing is carried over
TREND_S, TREND = 0.4, 0.5  # the teacher's own melody, smoothed so far and taken so much of, is the phrase's


@dataclass(frozen=True)
class Syllable:
    begin: float  # seconds
    end: float
    tone: int


def neighbours(syllables: list[Syllable], index: int) -> tuple[int, int]:
    """Tones before and after, 0 where there is a pause."""
    one = syllables[index]
    before = index and one.begin - syllables[index - 1].end < PAUSE_S
    after = index + 1 < len(syllables) and syllables[index + 1].begin - one.end < PAUSE_S
    return syllables[index - 1].tone if before else 0, syllables[index + 1].tone if after else 0


def target(tone: int, before: int, after: int) -> tuple[float, float, float]:
    """Semitones at a syllable's begin, at TURN and at its end."""
    if tone == 5:
        return (NEUTRAL[before],) * 3
    begin, turn, end = TARGETS[tone]
    if tone == 4 and after == 4:
        end = HALF_FALL
    if tone == 3 and after == 0:
        end = LAST_THIRD
    return begin, turn, end


def approach(state: np.ndarray, height: float, slope: float, strength: float, t: np.ndarray) -> np.ndarray:
    """[3, len(t)]: F0, its speed and acceleration t seconds after it was `state` on the way to height + slope t."""
    c1 = state[0] - height
    c2 = state[1] + c1 * strength - slope
    c3 = (state[2] + 2 * c2 * strength - c1 * strength**2) / 2
    fading, p, d = np.exp(-strength * t), c1 + c2 * t + c3 * t**2, c2 + 2 * c3 * t
    return np.stack([height + slope * t + p * fading, slope + (d - strength * p) * fading, (2 * c3 - 2 * strength * d + strength**2 * p) * fading])


def contour(syllables: list[Syllable], frames: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """(semitones about the median [frames], which of them belong to Mandarin syllables)."""
    line, inside, state = np.zeros(frames), np.zeros(frames, bool), np.zeros(3)
    t = np.arange(frames) / rate
    for index, one in enumerate(syllables):
        before, after = neighbours(syllables, index)
        begin, turn, end = target(one.tone, before, after)
        strength = NEUTRAL_STRENGTH if one.tone == 5 else STRENGTH
        if not before:
            state = np.array([begin, 0.0, 0.0])
        bend, last = one.begin + TURN * (one.end - one.begin), max(one.end, one.begin + 2 / rate)
        behind = syllables[index + 1].begin if after else last + PAUSE_S / 2
        for start, stop, reach, (first, goal) in ((one.begin, bend, bend, (begin, turn)), (bend, max(last, behind), last, (turn, end))):
            frame = (t >= start) & (t < stop)
            slope = (goal - first) / max(reach - start, 1 / rate)
            line[frame] = approach(state, first, slope, strength, t[frame] - start)[0]
            state = approach(state, first, slope, strength, np.array([stop - start]))[:, 0]
            inside |= frame
    return line, inside


def smoothed(values: np.ndarray, width: float) -> np.ndarray:
    """By a Gaussian of so many frames, the ends held."""
    reach = int(3 * width)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), bell / bell.sum(), mode="valid")


def melody(line: np.ndarray, syllables: list[Syllable], rate: float) -> np.ndarray:
    """The teacher's line in semitones about its median [T], with the tones in place of its own accents where Mandarin is spoken."""
    if not syllables:
        return line
    tones, inside = contour(syllables, len(line), rate)
    share = smoothed(inside.astype(float), 0.03 * rate)
    trend = smoothed(line, TREND_S * rate)
    return line + share * (TREND * trend + tones - line)
