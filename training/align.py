"""Finds when each phone of a known text is heard in a recording, without an outside aligner.

A reference that says the same phones with known times (the model's own mel, see recordings.py; or any other voice) is
laid along the recording by dynamic time warping of cepstra, the method of aeneas with espeak. What differs from plain
DTW: the recording's own noise is added to the reference, so that silence looks like silence; every place where people
may pause (between words, at commas, at both ends) is one silent state that may be passed over or stayed in for nothing;
and each frame of the recording takes exactly one step, so that long and short ways cost the same.

    adaptation = learn([(audio, references), ...])                 # optional: makes the reference's voice fit the speaker's
    ends, cost = phone_ends(audio, references, adaptation)         # one Reference(mel, durations, names) per sentence
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from . import features, tokens

SAMPLE_RATE, HOP = features.SAMPLE_RATE, features.HOP
STEP = 128  # samples between frames of the recording; the reference is interpolated to it
FINER = HOP // STEP
COEFFICIENTS = 12
FLATTEN = 0.3
RANGE = 7.0  # natural-log units below the loud frames that count: 60 dB
STEP_COST = np.array([0.35, 0.0, 0.35, 0.9])  # of staying, and of going on by 1, 2, 3 states; against a mean distance of 1
PAUSE_COST = 2.0  # of entering a pause between words: the closure of a stop is none
LEAST_PAUSE_S = 0.06
FORBIDDEN = 1e9
AS_PAUSES = {"engsp1": "engsp4", "sp1": "sp3", "eng_cn_sp": "engsp4", "cn_eng_sp": "sp3"}
LEAST_FRAMES = 1000  # 8 s of sound


@dataclass
class Reference:
    """One sentence as somebody else says it: mel [T, 80] as features.mel makes it, frames per token, token names."""
    mel: np.ndarray
    durations: np.ndarray
    names: list[str]


@dataclass
class States:
    """The reference as a chain: log-mel, token and sentence of each state; `silent` ones are optional."""
    mel: np.ndarray
    token: np.ndarray
    silent: np.ndarray


def is_silent(name: str) -> bool:
    """Boundaries, pauses and final marks: no sound of their own."""
    return name in tokens.SPACERS or name in tokens.FINAL_MARKS or name == tokens.BOUNDARY


def log_mel(audio: np.ndarray, step: int = STEP) -> np.ndarray:
    """features.mel with frames every `step` samples, the first centred on step / 2."""
    left = features.N_FFT // 2 - step // 2
    padded = np.pad(np.asarray(audio, np.float64), (left, features.N_FFT))
    count = len(audio) // step
    frames = np.lib.stride_tricks.sliding_window_view(padded, features.N_FFT)[::step][:count]
    spectrum = np.fft.rfft(frames * features.periodic_window(features.N_FFT, 0.5), axis=1)
    magnitude = np.sqrt(spectrum.real**2 + spectrum.imag**2 + features.MAGNITUDE_FLOOR)
    return np.log(np.maximum(magnitude @ features.mel_filters().T, features.MEL_FLOOR))


def chain(references: list[Reference]) -> States:
    """One state per STEP of sound, one silent state wherever a pause may be; tokens are numbered through all sentences."""
    mels, owners, silent, first = [], [], [], 0
    for reference in references:
        starts = np.cumsum(reference.durations) - reference.durations
        for index, name in enumerate(reference.names):
            if is_silent(name):
                if not silent or not silent[-1]:
                    mels.append(np.full((1, features.N_MELS), -np.inf))
                    owners.append(first + index)
                    silent.append(True)
                continue
            # A sound that the reference swallows still gets one frame.
            count = max(1, int(reference.durations[index])) * FINER
            at = (np.arange(count) + 0.5) / FINER - 0.5 + starts[index]
            mels.append(interpolate(reference.mel, at))
            owners += [first + index] * count
            silent += [False] * count
        first += len(reference.names)
    return States(np.concatenate(mels), np.array(owners), np.array(silent))


def interpolate(rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    at = np.clip(at, 0, len(rows) - 1)
    low = np.minimum(at.astype(int), max(len(rows) - 2, 0))
    part = (at - low)[:, None]
    return rows[low] * (1 - part) + rows[np.minimum(low + 1, len(rows) - 1)] * part


def loudness(mel: np.ndarray) -> np.ndarray:
    return np.logaddexp.reduce(2 * mel, axis=1) / 2


def matched(recording: np.ndarray, states: States) -> tuple[np.ndarray, np.ndarray]:
    """Both log-mels at one level and on one floor: the reference gets the recording's gain and noise."""
    loud = loudness(recording)
    level = np.percentile(loud, 90)
    quiet = recording[loud <= max(np.percentile(loud, 8), loud.min() + 0.3)]
    noise = np.maximum(np.minimum(quiet.mean(0), recording.max(0) - 2.0), level - RANGE - 2.0)
    sound = states.mel[~states.silent]
    gain = np.percentile(loudness(recording[loud > level - 4]), 80) - np.percentile(loudness(sound), 80)
    reference = np.logaddexp(2 * (states.mel + gain), 2 * noise) / 2
    return np.logaddexp(2 * recording, 2 * (noise - 1.0)) / 2, reference


def deltas(x: np.ndarray, reach: int = 2) -> np.ndarray:
    """Regression slope over +-reach frames."""
    padded = np.pad(x, ((reach, reach), (0, 0)), mode="edge")
    total = sum(k * (padded[reach + k:len(x) + reach + k] - padded[reach - k:len(x) + reach - k]) for k in range(1, reach + 1))
    return total / (2 * sum(k * k for k in range(1, reach + 1)))


def cepstra(mel: np.ndarray) -> np.ndarray:
    """Cepstra 0..11 and their slopes."""
    c = dct(mel, norm="ortho", axis=1)[:, :COEFFICIENTS]
    return np.concatenate([c, deltas(c)], axis=1)


def comparable(audio: np.ndarray, states: States) -> tuple[np.ndarray, np.ndarray]:
    """Cepstra of the recording's frames and of the states, means over speech removed, spreads made more alike."""
    mine, other = matched(log_mel(audio), states)
    loud = loudness(mine)
    speech, sound = loud > (loud.min() + np.percentile(loud, 95)) / 2, ~states.silent
    a, b = cepstra(mine), cepstra(other)
    b[states.silent, COEFFICIENTS:] = 0.0  # a pause is steady, however short the reference's is
    a[:, :COEFFICIENTS] -= a[speech, :COEFFICIENTS].mean(0)
    b[:, :COEFFICIENTS] -= b[sound, :COEFFICIENTS].mean(0)
    # Between distances as they are and distances in standard deviations; either end is worse.
    spread = (np.concatenate([a[speech], b[sound]]).std(0) + 1e-3) ** FLATTEN
    return a / spread, b / spread


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[frames, states] root mean square difference."""
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(square, 0.0) / a.shape[1])


class Adaptation:
    """What makes the reference's voice sound like the recordings': a linear map of its cepstra, and how far they still are.

    Learned from the recordings themselves by least squares over frames that a first alignment has put together; the
    second alignment with it is more exact, most of all between unlike voices (tests/training/test_align.py prints both).
    """

    def __init__(self, weight: np.ndarray, scale: np.ndarray):
        self.weight, self.scale = weight, scale

    @classmethod
    def learn(cls, pairs: list[tuple[np.ndarray, np.ndarray]]) -> "Adaptation":
        """pairs: cepstra of recordings and of the states they went with, sounds only."""
        target, source = (np.concatenate(rows) for rows in zip(*pairs))
        inputs = np.concatenate([source, np.ones((len(source), 1))], axis=1)
        ridge = 0.01 * len(source) * np.diag(np.append(source.var(0), 0.0))
        weight = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ target)
        return cls(weight, 1.0 / ((target - inputs @ weight).std(0) + 1e-3))

    def distances(self, a: np.ndarray, b: np.ndarray, states: States) -> np.ndarray:
        moved = np.concatenate([b, np.ones((len(b), 1))], axis=1) @ self.weight
        moved[states.silent] = b[states.silent]  # silence has the recording's own sound already
        return distances(a * self.scale, moved * self.scale)


def step_costs(states: States) -> np.ndarray:
    """[4, states]: cost of entering each state from 0..3 states before; a sound is never skipped, silence may be."""
    count = len(states.token)
    # Position among sounds only: passing over silence is free.
    sounds = np.cumsum(~states.silent)
    number = np.cumsum(np.concatenate([[True], states.token[1:] != states.token[:-1]]) & ~states.silent)
    costs = np.full((len(STEP_COST), count), FORBIDDEN)
    costs[0] = np.where(states.silent, 0.0, STEP_COST[0])
    pause = np.where((np.arange(count) > 0) & (np.arange(count) < count - 1), PAUSE_COST, 0.0)
    for back in range(1, len(STEP_COST)):
        here, before = np.arange(back, count), np.arange(0, count - back)
        moved = sounds[here] - sounds[before]
        skipped = number[here] - number[before] > np.where(states.silent[here], 0, 1)
        entering = np.where(states.silent[here], pause[here] if back == 1 else FORBIDDEN, STEP_COST[np.minimum(moved, 3)])
        costs[back, here] = np.where(skipped, FORBIDDEN, entering)
    return costs


def best_way(distance: np.ndarray, costs: np.ndarray, states: States) -> tuple[np.ndarray, float]:
    """State of each frame on the cheapest way through, by dynamic programming; and its mean cost per frame."""
    frames, count = distance.shape
    total = np.full(count, FORBIDDEN)
    total[0] = distance[0, 0]
    if states.silent[0] and count > 1:
        total[1] = distance[0, 1]
    came = np.zeros((frames, count), np.int8)
    for t in range(1, frames):
        ways = np.full((len(costs), count), FORBIDDEN)
        for back in range(len(costs)):
            ways[back, back:] = total[:count - back] + costs[back, back:]
        came[t] = ways.argmin(0)
        total = np.minimum(ways.min(0) + distance[t], FORBIDDEN)
    last = count - 1
    if states.silent[-1] and total[-2] < total[-1]:
        last = count - 2
    way, at = np.zeros(frames, int), last
    for t in range(frames - 1, -1, -1):
        way[t] = at
        at -= int(came[t, at])
    return way, float(total[last] / frames)


def settled(names: list[str], ends: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Short silence between words belongs to the next sound (a closure); a real one makes the token a pause token.

    So tokens and times follow the rule of the data that the acoustic model knows: engsp1, sp0 and sp1 last 0 frames,
    engsp4 and sp3 are pauses.
    """
    names, ends = list(names), ends.copy()
    for index in range(1, len(names) - 1):
        if names[index] not in tokens.SPACERS or is_silent(names[index + 1]):
            continue
        if names[index] == "sp0" or ends[index] - ends[index - 1] < LEAST_PAUSE_S:
            ends[index] = ends[index - 1]
        else:
            names[index] = AS_PAUSES.get(names[index], names[index])
    return names, ends


def walk(audio: np.ndarray, references: list[Reference], adaptation: Adaptation | None):
    """The states, the way through them, its cost, and the cepstra of both sides."""
    states = chain(references)
    a, b = comparable(audio, states)
    if adaptation:
        distance = adaptation.distances(a, b, states)
    else:
        distance = distances(a, b)
        distance /= np.median(distance.min(1)) + 1e-9
    way, cost = best_way(distance, step_costs(states), states)
    return states, way, cost, a, b


def learn(examples: list[tuple[np.ndarray, list[Reference]]]) -> Adaptation | None:
    """An adaptation from (audio, references) of one speaker; None if there is too little speech to learn from."""
    pairs = []
    for audio, references in examples:
        states, way, cost, a, b = walk(audio, references, None)
        if cost < FORBIDDEN / len(a) / 2:
            sound = ~states.silent[way]
            pairs.append((a[sound], b[way[sound]]))
    enough = sum(len(a) for a, _ in pairs) > LEAST_FRAMES
    return Adaptation.learn(pairs) if enough else None


def phone_ends(audio: np.ndarray, references: list[Reference],
               adaptation: Adaptation | None = None) -> tuple[list[np.ndarray], float]:
    """End in seconds of every token of every sentence, and how badly the two go together (mean cost per frame).

    With an adaptation the cost is about 1 where the text is what was said; infinite if the recording is too short to
    hold the phones.
    """
    states, way, cost, a, _ = walk(audio, references, adaptation)
    if cost >= FORBIDDEN / len(a) / 2:
        return [], float("inf")
    count = sum(len(r.names) for r in references)
    frames = np.bincount(states.token[way], minlength=count)
    ends = np.cumsum(frames) * STEP / SAMPLE_RATE
    return np.split(ends, np.cumsum([len(r.names) for r in references])[:-1]), cost
