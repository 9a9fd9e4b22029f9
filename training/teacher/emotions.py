"""Emotions and sentence kinds as rules on what passes between the teacher's halves: F0, energy, durations; and a tilt of the sound.

Each is a change against neutral at degree 1. `apply` works on a sentence before its sound is made, so the speech is the teacher's own
at that pitch and pace: nothing resynthesises it afterwards.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.teacher import tones

FRAMES_A_SECOND = 80


@dataclass(frozen=True)
class Emotion:
    mean: float = 0.0        # semitones
    span: float = 1.0        # of the melody
    rate: float = 1.0
    pause: float = 1.0       # length of pauses, beside the rate
    energy: float = 0.0      # the teacher's units; about 6 dB each
    gain: float = 0.0        # dB of the whole, within 3 of neutral
    tilt: float = 0.0        # dB per octave about 1 kHz
    leap: float = 0.0        # semitones on stressed vowels
    final: float = 0.0       # semitones at the end
    tremor: float = 0.0      # semitones
    tremor_hz: float = 8.0

    def at(self, degree: float) -> "Emotion":
        """Between neutral (0) and this (1): ratios on a log scale, the rest linearly; a tremor keeps its frequency."""
        ratios = {key: getattr(self, key) ** degree for key in ("span", "rate", "pause")}
        sums = {key: getattr(self, key) * degree for key in ("mean", "energy", "gain", "tilt", "leap", "final", "tremor")}
        return Emotion(tremor_hz=self.tremor_hz, **ratios, **sums)


EMOTIONS = {
    "neutral": Emotion(),
    "calm": Emotion(mean=-1.2, span=0.7, rate=0.88, pause=1.15, energy=-0.15, gain=-1.5, tilt=-1.0),
    "happy": Emotion(mean=2.2, span=1.45, rate=1.08, energy=0.15, gain=1.0, tilt=0.5, leap=0.8),
    "excited": Emotion(mean=4.2, span=1.6, rate=1.2, pause=0.8, energy=0.35, gain=2.0, tilt=1.2, leap=1.0),
    "sad": Emotion(mean=-2.4, span=0.55, rate=0.78, pause=1.3, energy=-0.35, gain=-2.5, tilt=-2.2, final=-1.5),
    "angry": Emotion(mean=1.0, span=1.3, rate=1.12, pause=0.85, energy=0.45, gain=2.5, tilt=2.6, leap=0.5, tremor=0.5, tremor_hz=9.0),
    "surprised": Emotion(mean=3.5, span=1.75, rate=0.94, energy=0.2, gain=1.0, leap=1.0, final=3.5),
    "fearful": Emotion(mean=2.6, span=0.75, rate=1.16, energy=-0.25, gain=-2.0, tilt=-0.6, tremor=0.7, tremor_hz=7.0),
}
MANDARIN_SPAN = (0.72, 1.4)  # tones must survive
QUESTION_ENDS = 2.5    # semitones by which the last half of a yes-or-no question's ending lies above its first, in English
QUESTION_LIFT = {"en": (6.0, 14.0), "zh": (5.0, 5.0)}  # the least and the most that its end is lifted for that; Mandarin keeps its tones
STATEMENT_FALL = -0.8
EXCLAMATION_LIFT = 1.2
ENDING_S = 0.35


def question_lift(line, language) -> float:
    """Semitones at the end of a linear rise over `line`, a sentence's ending, which falls in the teacher's reading whatever its mark."""
    half = len(line) // 2
    falls = float(np.median(line[:half]) - np.median(line[half:])) if half else 0.0
    return float(np.clip(2 * (QUESTION_ENDS + falls), *QUESTION_LIFT[language]))  # half of a rise lies between the halves' medians


def melody(f0, voiced, pitch, median, emotion: Emotion, speaker_span, language, vowels, kind, rate=FRAMES_A_SECOND, syllables=()):
    """F0 in Hz of a sentence, aimed at `pitch`. f0 [T] as the teacher gives it, voiced [T], its median; vowels: stressed ones as
    (first frame, end); kind: "question" (yes or no), "wh", "exclamation" or "statement"; syllables: Mandarin ones (tones.Syllable)."""
    if not voiced.any():
        return np.zeros_like(f0)
    t = np.arange(len(f0))
    line = 12 * np.log2(np.maximum(f0, 20.0) / median)
    line = tones.melody(np.interp(t, t[voiced], line[voiced]), syllables, rate)
    span = emotion.span * speaker_span
    line = line * (float(np.clip(span, *MANDARIN_SPAN)) if language == "zh" else span) + emotion.mean
    for begin, end in vowels:
        place = (t[begin:end] - begin) / max(end - begin, 1)
        line[begin:end] += emotion.leap * np.sin(np.pi * place)
        line[begin:end] += emotion.tremor * np.sin(2 * np.pi * emotion.tremor_hz * (t[begin:end] - begin) / rate)
    last = t[voiced][-1] + 1
    ending = np.clip((t - last) / (ENDING_S * rate) + 1, 0, 1)
    rise = {"question": question_lift(line[voiced & (ending > 0)], language), "exclamation": 0.0}.get(kind, STATEMENT_FALL)
    line = line + (rise + emotion.final) * ending + (EXCLAMATION_LIFT if kind == "exclamation" else 0.0)
    return np.where(voiced, np.clip(pitch * 2 ** (line / 12), 55.0, 600.0), 0.0)


def kind_of(text: str, language: str) -> str:
    """By its mark and its words."""
    text = text.strip()
    mark = text[-1:]
    if mark in "!！":
        return "exclamation"
    if mark not in "?？":
        return "statement"
    if language == "zh":
        wh = any(word in text for word in "什么 怎么 怎样 谁 哪 几 多少 为何 为什么 多大 多久 多长 多远".split())
        return "wh" if wh and not text[:-1].endswith("吗") else "question"
    words = text.lower().replace(",", " ").split()
    wh = {"what", "who", "whom", "whose", "which", "where", "when", "why", "how", "what's", "who's", "where's", "how's"}
    return "wh" if any(word.strip("\"'?.!;:") in wh for word in words[-12:]) and not words[0] in {
        "is", "are", "do", "does", "did", "can", "could", "will", "would", "have", "has", "was", "were", "should", "may"} else "question"
