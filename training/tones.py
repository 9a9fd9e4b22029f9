"""Mandarin tones heard in speech: which tone's pitch contour is nearest, given what stands around it.

The template of a tone is its mean F0 contour, in the utterance's own spread about its median, at POINTS places from a little before the syllable
to a little behind it, and whether each is voiced. It moves with the tone before, the tone after, the place in the utterance, the voicing of the
initial and the length: a linear model for each tone, fitted to what the teacher was told (training split). Nearest means by Mahalanobis distance
with one covariance for all tones.

The ceiling of the method lies below 100 %: tones reach into their neighbours, and a linear model does not follow them all the way. Half of the
labels, judged by templates fitted to the other half, are right in 99 %. Contours are read where the phone times say.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import measures, tokens
from .listeners import pitch

POINTS = 16
BEFORE_S, BEHIND_S, LONGEST_S = 0.06, 0.04, 0.4
TONES = (1, 2, 3, 4)
SURROUNDINGS, RIDGE, SHRINK = 18, 2.0, 0.05
NO_INITIAL, VOICED, VOICELESS = range(3)
VOICED_INITIALS = frozenset("l m n r y".split())
USUAL_S = 0.2


@dataclass
class Syllable:
    tone: int
    before: int  # tone 1-5, 0 at the start of speech or after a pause
    after: int
    place: float  # 0 at the first syllable, 1 at the last
    initial: int  # NO_INITIAL, VOICED or VOICELESS
    seconds: float
    contour: np.ndarray | None  # [2 POINTS]: pitch, and 1 where voiced; None where the final is not


def neighbour(marks, index: int, step: int) -> int:
    index += step
    while 0 <= index < len(marks) and marks[index][0] not in tokens.PAUSES and marks[index][0] != tokens.BOUNDARY:
        if tokens.tone(marks[index][0]):
            return tokens.tone(marks[index][0])
        index += step
    return 0


def contour_of(line: np.ndarray, voiced: np.ndarray, begin: float, end: float) -> np.ndarray:
    """The line at POINTS places about a syllable, and the voicing there."""
    at = np.linspace(begin - BEFORE_S, min(end, begin + LONGEST_S) + BEHIND_S, POINTS) / measures.PERIOD_S
    steps = np.arange(len(line))
    return np.concatenate([np.interp(at, steps, line), np.interp(at, steps, voiced.astype(float))])


def voice_ends(f0: np.ndarray, begin: float, end: float) -> float | None:
    """When the voice of a final ends, None if it has none: the pause behind it may be counted to it, and a few frames of its neighbours' voice."""
    own = pitch.without_strays(f0[round(begin / measures.PERIOD_S):round(end / measures.PERIOD_S)], measures.SHORTEST_RUN)
    voiced = np.flatnonzero(own)
    return begin + (voiced[-1] + 1) * measures.PERIOD_S if len(voiced) else None


def initial_of(phone: str) -> int:
    if phone not in tokens.MANDARIN_INITIALS:
        return NO_INITIAL
    return VOICED if phone in VOICED_INITIALS else VOICELESS


def syllables_of(f0: np.ndarray, marks) -> list[Syllable]:
    """Every syllable of tone 1-4 with its contour and surroundings, from F0 every 5 ms."""
    middle = measures.median_f0(f0)
    line = measures.semitones(f0, middle) if middle else np.zeros(len(f0))
    # Speakers span different ranges: contours are in units of the utterance's own spread.
    spread = max(1.0, float(np.std(line[f0 > 0]))) if (f0 > 0).any() else 1.0
    finals = [index for index, (phone, _, _) in enumerate(marks) if tokens.tone(phone)]
    found = []
    for order, index in enumerate(finals):
        phone, begin, end = marks[index]
        if tokens.tone(phone) in TONES:
            initial = initial_of(marks[index - 1][0]) if index else NO_INITIAL
            voice_end = voice_ends(f0, begin, end)
            begin, end = begin if initial == NO_INITIAL else marks[index - 1][1], voice_end or end
            found.append(Syllable(tokens.tone(phone), neighbour(marks, index, -1), neighbour(marks, index, 1), order / max(1, len(finals) - 1), initial,
                                  end - begin, voice_end and contour_of(line / spread, f0 > 0, begin, end)))
    return found


def surroundings(syllable: Syllable) -> np.ndarray:
    """The linear model's input: 1, the tone before and after one-hot, the place, the initial one-hot, the length."""
    row = np.zeros(SURROUNDINGS)
    row[0] = 1.0
    row[1 + syllable.before] = 1.0
    row[7 + syllable.after] = 1.0
    row[13] = syllable.place - 0.5
    row[14 + syllable.initial] = 1.0
    row[17] = np.log(max(syllable.seconds, USUAL_S / 4) / USUAL_S)
    return row


def taught(work: Path, utterances: int) -> list[Syllable]:
    """Syllables of the teacher's neutral Mandarin in DIR/labels (DIR/utterances where there are none), dealt over all of the training split; F0 is
    what its sound half was, or would be, told."""
    from .subjects import marks_of
    from .teacher.make import token_ends
    folder = next((path for path in (Path(work) / "labels", Path(work) / "utterances") if path.exists()), Path(work))
    rows = [json.loads(line) for path in sorted(folder.glob("train.*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = sorted((row for row in rows if row["language"] == "zh" and row["emotion"] == "neutral"), key=lambda row: row["name"])
    found = []
    for row in rows[::max(1, len(rows) // utterances)][:utterances]:
        with np.load(folder / "train" / f"{row['name']}.npz") as data:
            f0 = np.repeat(data["f0"].astype(float), 5)[::2]  # 12.5 ms as frames of 5
            found.extend(syllables_of(f0, marks_of(data["tokens"], token_ends(data))))
    return found


class Templates:
    """Fitted to syllables of teacher speech."""

    def __init__(self, learned: list[Syllable]):
        learned = [s for s in learned if s.contour is not None]
        self.weights, rest = {}, []
        for tone in TONES:
            mine = [s for s in learned if s.tone == tone]
            if len(mine) < 20:
                raise SystemExit(f"only {len(mine)} syllables of tone {tone} to learn templates from: the teacher's neutral Mandarin is read from "
                                 f"DIR/labels or DIR/utterances (`python -m training.teacher.make`)")
            x, y = np.stack([surroundings(s) for s in mine]), np.stack([s.contour for s in mine])
            self.weights[tone] = np.linalg.solve(x.T @ x + RIDGE * np.diag([1e-6] + [1.0] * (SURROUNDINGS - 1)), x.T @ y)
            rest.append(y - x @ self.weights[tone])
        covariance = np.cov(np.concatenate(rest).T)
        self.precision = np.linalg.inv(covariance + SHRINK * np.eye(2 * POINTS))

    def nearest(self, syllable: Syllable) -> int:
        """The tone whose contour in these surroundings is nearest; 0 for a syllable without a contour."""
        if syllable.contour is None:
            return 0
        row = surroundings(syllable)
        gaps = [syllable.contour - row @ self.weights[tone] for tone in TONES]
        return TONES[int(np.argmin([gap @ self.precision @ gap for gap in gaps]))]

    def score(self, heard: list[Syllable]) -> dict:
        """Share right, syllables counted, unvoiced ones (counted as wrong), table of tones wanted by tones heard."""
        table = np.zeros((4, 5), int)
        for syllable in heard:
            table[syllable.tone - 1, self.nearest(syllable)] += 1
        right = int(sum(table[tone - 1, tone] for tone in TONES))
        return {"right": right, "count": len(heard), "share": right / max(1, len(heard)), "unvoiced": int(table[:, 0].sum()),
                "confusion": table[:, 1:].tolist()}
