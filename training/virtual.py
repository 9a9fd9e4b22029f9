"""Virtual speakers and emotions from teacher speech, by the WORLD vocoder.

`python -m training.virtual --work DIR` analyses each utterance of DIR/base once and speaks it again two or three times: other
formants, pitch, tilt, breath and rate (a speaker), other melody, timing and energy (an emotion). It writes
DIR/utterances/<split>/<name>.npz and the index DIR/utterances/<split>.jsonl. Every choice is seeded by the utterance's name.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # the processes share the cores; threads inside them only get in the way

import numpy as np
import pyworld

from training import speakers as cast
from training import tokens
from training.teachers import ESPEAK_VOICES

SAMPLE_RATE = 16000
HOP = 256
PERIOD_MS = 4.0
STEP = int(SAMPLE_RATE * PERIOD_MS / 1000)
LOUDNESS_DB = -26.0  # leaves room for the loudest emotion without clipping
VOICED_FLOOR_DB = -38.0
F0_LIMITS = (50.0, 620.0)
DEGREES, DEGREE_WEIGHTS = (0.5, 0.75, 1.0), (0.15, 0.2, 0.65)
NEUTRAL_SHARE = 0.4
PLAIN_SHARE = 0.3  # of all variants: these are the named voices
RAW_SHARE = 0.6
MARGIN_TOKENS = 1, 2  # the first token and the last two are silence and keep their length


class Analysis:
    """WORLD parameters of one utterance, on a grid of 4 ms."""

    def __init__(self, wav: np.ndarray, base: str) -> None:
        audio = wav.astype(np.float64) / 32768.0
        # A trace of noise keeps digital silence out of the spectral estimate.
        audio = audio + np.random.default_rng(0).normal(0, 1e-5, len(audio))
        floor, ceiling = cast.F0_SEARCH[cast.BASES[base]]
        raw, self.times = pyworld.dio(audio, SAMPLE_RATE, f0_floor=floor, f0_ceil=ceiling, frame_period=PERIOD_MS)
        self.f0 = pyworld.stonemask(audio, raw, self.times, SAMPLE_RATE)
        self.envelope = np.log(pyworld.cheaptrick(audio, self.f0, self.times, SAMPLE_RATE))
        self.aperiodicity = pyworld.d4c(audio, self.f0, self.times, SAMPLE_RATE)
        # DIO voices freely: frames that D4C finds aperiodic throughout, and near-silent ones, are unvoiced.
        self.f0[(self.aperiodicity[:, 1:].min(axis=1) > 0.999) | (self._loudness(audio) < VOICED_FLOOR_DB)] = 0.0
        voiced = self.f0 > 0
        self.median = float(np.median(self.f0[voiced])) if voiced.sum() > 5 else 0.0
        self.semitones = self._continuous()

    def _loudness(self, audio: np.ndarray) -> np.ndarray:
        """Decibels of 16 ms about each frame, against the loud frames of the utterance."""
        squares = np.concatenate([[0.0], np.cumsum(audio**2)])
        centre = np.arange(len(self.f0)) * STEP
        low, high = np.clip(centre - 2 * STEP, 0, len(audio)), np.clip(centre + 2 * STEP, 0, len(audio))
        level_db = 10 * np.log10((squares[high] - squares[low]) / np.maximum(high - low, 1) + 1e-12)
        return level_db - np.percentile(level_db, 95)

    def _continuous(self) -> np.ndarray:
        """Semitones about the median, interpolated through unvoiced frames."""
        voiced = np.flatnonzero(self.f0 > 0)
        if self.median == 0.0:
            return np.zeros(len(self.f0))
        return np.interp(np.arange(len(self.f0)), voiced, 12 * np.log2(self.f0[voiced] / self.median))


def time_map(ends: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Anchor times (new, old): speech is sped up by rate, the margins keep their length."""
    head, tail = ends[0], ends[-1 - MARGIN_TOKENS[1]]
    old = np.array([0.0, head, tail, ends[-1]])
    new = np.array([0.0, head, head + (tail - head) / rate, head + (tail - head) / rate + ends[-1] - tail])
    return new, old


def resample_frames(analysis: Analysis, positions: np.ndarray) -> tuple[np.ndarray, ...]:
    """Semitones, voicing, log envelope and aperiodicity at fractional frame positions."""
    last = len(analysis.f0) - 1
    positions = np.clip(positions, 0, last)
    low = np.floor(positions).astype(int)
    high = np.minimum(low + 1, last)
    part = (positions - low)[:, None]
    nearest = np.round(positions).astype(int)
    envelope = analysis.envelope[low] * (1 - part) + analysis.envelope[high] * part
    semitones = np.interp(positions, np.arange(last + 1), analysis.semitones)
    return semitones, analysis.f0[nearest] > 0, envelope, analysis.aperiodicity[nearest]


def warp_bins(frames: np.ndarray, warp: float) -> np.ndarray:
    """Stretches the frequency axis: formants move up for warp > 1."""
    bins = frames.shape[1]
    source = np.minimum(np.arange(bins) / warp, bins - 1)
    low = np.minimum(source.astype(int), bins - 2)
    part = source - low
    return frames[:, low] * (1 - part) + frames[:, low + 1] * part


def tilt_curve(bins: int, decibels_per_octave: float) -> np.ndarray:
    """Natural-log power gain per bin, 0 at 1 kHz, flat outside 125-3500 Hz so that sibilants do not drown the vowels."""
    frequency = np.clip(np.linspace(0, SAMPLE_RATE / 2, bins), 125.0, 3500.0)
    return decibels_per_octave * np.log2(frequency / 1000.0) * np.log(10) / 10


def apply_tilt(envelope: np.ndarray, voiced: np.ndarray, decibels_per_octave: float) -> np.ndarray:
    """Tilts the log envelope at constant power of each voiced frame; noise gets a fifth, because tilt is the glottal source's."""
    if not decibels_per_octave or not voiced.any():
        return envelope
    curve = tilt_curve(envelope.shape[1], decibels_per_octave)
    power = np.exp(envelope)
    shift = np.log(power.sum(axis=1, keepdims=True)) - np.log((power @ np.exp(curve))[:, None])
    # 20 ms of smoothing, or every onset would click.
    weight = np.convolve(np.pad(voiced.astype(float), 2, mode="edge"), np.ones(5) / 5, mode="valid")[:, None]
    return envelope + weight * (curve + shift) + (1 - weight) * 0.2 * curve


def add_breath(aperiodicity: np.ndarray, amount: float) -> np.ndarray:
    """Raises aperiodicity, more so above 3 kHz where breath is heard."""
    weight = np.interp(np.linspace(0, SAMPLE_RATE / 2, aperiodicity.shape[1]), [0, 3000, 8000], [0.25, 1.0, 1.0])
    return 1 - (1 - aperiodicity) * (1 - np.clip(amount * weight, 0, 0.9))


def accents(names: list[str], language: str) -> list[int]:
    """Tokens that carry an accent: stressed English vowels, the first full tone of each Mandarin word."""
    if language == "en":
        return [index for index, name in enumerate(names) if tokens.is_stressed(name)]
    found, fresh = [], True
    for index, name in enumerate(names):
        if name in ("sp1", "sp3", tokens.BOUNDARY):
            fresh = True
        elif tokens.is_vowel(name) and not name.startswith("["):
            if fresh and tokens.tone(name) != 5:
                found.append(index)
            fresh = False
    return found


def melody(semitones: np.ndarray, seconds: np.ndarray, names: list[str], ends: np.ndarray, language: str,
           emotion: cast.Emotion, span: float) -> np.ndarray:
    """Semitones about the speaker's median after the emotion; `ends` are the new token end times."""
    starts = np.concatenate([[0.0], ends[:-1]])
    result = semitones * span + emotion.mean
    if emotion.leap:
        for index in accents(names, language):
            inside = (seconds >= starts[index]) & (seconds < ends[index])
            place = (seconds[inside] - starts[index]) / max(ends[index] - starts[index], 1e-3)
            result[inside] += emotion.leap * np.sin(np.pi * np.clip(place, 0, 1)) * (0.6 + 0.8 * place)
    if emotion.final:
        finish = ends[-1 - MARGIN_TOKENS[1]]
        result += emotion.final * np.clip((seconds - finish) / emotion.final_seconds + 1, 0, 1)
    if emotion.tremor:
        for index, name in enumerate(names):
            if tokens.is_vowel(name):
                inside = (seconds >= starts[index]) & (seconds < ends[index])
                result[inside] += emotion.tremor * np.sin(2 * np.pi * emotion.tremor_hz * (seconds[inside] - starts[index]))
    return result


def level(wav: np.ndarray, voiced_frames: np.ndarray) -> float:
    """RMS over voiced frames of HOP samples."""
    frames = wav[:len(wav) // HOP * HOP].reshape(-1, HOP)
    mask = voiced_frames[:len(frames)]
    chosen = frames[mask] if mask.any() else frames
    return float(np.sqrt(np.mean(chosen**2)) + 1e-9)


def to_frames(ends: np.ndarray, samples: int) -> tuple[np.ndarray, int]:
    """Durations in frames whose running sum follows the end times; the last token takes what rounding leaves."""
    total = -(-samples // HOP)
    bounds = np.minimum(np.round(ends * SAMPLE_RATE / HOP).astype(int), total)
    bounds[-1] = total
    return np.diff(np.concatenate([[0], bounds])).astype(np.int32), total


def f0_per_frame(f0: np.ndarray, frames: int) -> np.ndarray:
    """f0 at sample 256 t + 128, which is analysis frame 4 t + 2 exactly."""
    index = np.minimum(np.arange(frames) * (HOP // STEP) + HOP // (2 * STEP), len(f0) - 1)
    return f0[index].astype(np.float32)


def speak(base: dict, analysis: Analysis, speaker: cast.Speaker, emotion_name: str, degree: float, raw: bool) -> dict:
    """One variant of an analysed utterance, as the arrays of its file."""
    emotion = cast.EMOTIONS[emotion_name].at(degree)
    language, names = str(base["language"]), base["names"]
    if raw:
        ends, wav, f0 = base["ends"], base["wav"].astype(np.float64) / 32768.0, analysis.f0
    else:
        ends, wav, f0 = resynthesise(base, analysis, speaker, emotion, language, names)
    durations, total = to_frames(ends, len(wav))
    wav = np.pad(wav, (0, max(0, total * HOP - len(wav))))[:total * HOP]
    track = f0_per_frame(f0, total)
    wav = wav * (10 ** ((LOUDNESS_DB + emotion.gain) / 20) / level(wav, track > 0))
    peak = np.abs(wav).max()
    if peak > 0.98:
        wav *= 0.98 / peak
    return {"wav": np.round(wav * 32767).astype(np.int16), "tokens": base["tokens"], "durations": durations, "f0": track,
            "speaker": speaker.name, "base": speaker.base, "language": language, "emotion": emotion_name,
            "text": str(base["text"]), "degree": np.float32(degree)}


def resynthesise(base: dict, analysis: Analysis, speaker: cast.Speaker, emotion: cast.Emotion, language: str,
                 names: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Token ends, samples and f0 (4 ms grid) of the utterance in another voice and mood."""
    new, old = time_map(base["ends"], speaker.rate * emotion.rate)
    ends = np.interp(base["ends"], old, new)
    seconds = np.arange(int(round(new[-1] * 1000 / PERIOD_MS)) + 1) * PERIOD_MS / 1000
    semitones, voiced, envelope, aperiodicity = resample_frames(analysis, np.interp(seconds, new, old) * 1000 / PERIOD_MS)
    span = emotion.span if language == "en" else float(np.clip(emotion.span, *cast.MANDARIN_SPAN))
    line = melody(semitones * speaker.range_factor, seconds, names, ends, language, emotion, span)
    f0 = analysis.median * speaker.f0_ratio * 2 ** (line / 12)
    f0 = np.where(voiced, np.clip(f0, *F0_LIMITS), 0.0)
    envelope = apply_tilt(warp_bins(envelope, speaker.warp), voiced, speaker.tilt + emotion.tilt)
    aperiodicity = add_breath(warp_bins(aperiodicity, speaker.warp), speaker.breath + emotion.breath)
    wav = pyworld.synthesize(np.ascontiguousarray(f0), np.ascontiguousarray(np.exp(envelope)),
                             np.ascontiguousarray(np.clip(aperiodicity, 0.0, 1.0)), SAMPLE_RATE, PERIOD_MS)
    return ends, wav[:int(round(ends[-1] * SAMPLE_RATE))], f0


def seed_of(name: str) -> np.random.Generator:
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))


def choose_emotion(rng: np.random.Generator) -> tuple[str, float]:
    if rng.random() < NEUTRAL_SHARE:
        return "neutral", 1.0
    others = [name for name in cast.EMOTIONS if name != "neutral"]
    return others[rng.integers(len(others))], float(rng.choice(DEGREES, p=DEGREE_WEIGHTS))


def plan(name: str, split: str, base: str, crew: list[cast.Speaker], variants: float) -> list[tuple[cast.Speaker, str, float, bool]]:
    """Who says this utterance and how. Training speech: variants, and the plain voice as it is. Test speech is said by
    held-out speakers and by the plain voice, neutral and moved."""
    rng = seed_of(name)
    plain = next(s for s in crew if s.base == base and s.plain)
    others = [s for s in crew if s.base == base and s.split == ("test" if split == "test" else "train")]
    if split == "test":
        first, second = rng.choice(len(others), 2) if len(others) == 1 else rng.choice(len(others), 2, replace=False)
        return [(plain, "neutral", 1.0, base not in cast.RANGE_REPAIR), (plain, *choose_emotion(rng), False),
                (others[first], "neutral", 1.0, False), (others[second], *choose_emotion(rng), False)]
    if split == "recogniser":
        return [(plain, "neutral", 1.0, bool(rng.random() < 0.5 and base not in cast.RANGE_REPAIR))]
    count = min(int(variants) + (rng.random() < variants % 1), len(others))
    with_plain = rng.random() < PLAIN_SHARE * count
    chosen = [plain] * with_plain + [others[index] for index in rng.choice(len(others), count - with_plain, replace=False)]
    planned = []
    for speaker in chosen:
        emotion, degree = choose_emotion(rng)
        raw = speaker.plain and emotion == "neutral" and base not in cast.RANGE_REPAIR and rng.random() < RAW_SHARE
        planned.append((speaker, emotion, degree, bool(raw)))
    untouched = (plain, "neutral", 1.0, True)
    if base not in cast.RANGE_REPAIR and untouched not in planned:
        planned.append(untouched)  # WORLD alone costs words: the named voices are learnt from what it has not touched
    return planned


def load_base(path: Path) -> dict:
    with np.load(path) as data:
        base = {key: data[key] for key in data.files}
    base["names"] = tokens.decode(base["tokens"])
    return base


def make_one(job: tuple) -> list[dict]:
    """All variants of one base utterance; returns their index rows."""
    path, folder, crew, variants = job
    base = load_base(path)
    analysis = Analysis(base["wav"], str(base["base"]))
    if analysis.median == 0.0:
        return []
    rows = []
    for index, (speaker, emotion, degree, raw) in enumerate(plan(path.stem, str(base["split"]), str(base["base"]), crew, variants)):
        name = f"{path.stem}_{index}_{speaker.name}_{emotion}"
        made = speak(base, analysis, speaker, emotion, degree, raw)
        partial = folder / f"{name}.part.npz"
        np.savez(partial, **made)
        partial.rename(folder / f"{name}.npz")
        rows.append({"name": name, "source": path.stem, "seconds": round(len(made["wav"]) / SAMPLE_RATE, 3), "speaker": speaker.name,
                     "language": made["language"], "emotion": emotion, "degree": degree, "raw": raw, "text": made["text"]})
    return rows


def base_medians(work: Path, sample: int = 30) -> dict[str, float]:
    """Median over utterances of the median f0 of each base voice."""
    medians = {}
    for voice in cast.BASES:
        language = "zh" if voice in ESPEAK_VOICES else "en"
        paths = sorted((work / "base" / language).glob(f"*_train_*_{voice}.npz"))[:sample]
        if not paths:
            raise SystemExit(f"no speech of the voice {voice} under {work / 'base'}: run training.teachers first")
        values = []
        for path in paths:
            floor, ceiling = cast.F0_SEARCH[cast.BASES[voice]]
            audio = load_base(path)["wav"].astype(np.float64) / 32768.0
            f0, times = pyworld.dio(audio, SAMPLE_RATE, f0_floor=floor, f0_ceil=ceiling, frame_period=PERIOD_MS)
            values.extend(pyworld.stonemask(audio, f0, times, SAMPLE_RATE)[f0 > 0])
        medians[voice] = float(np.median(values))
    return medians


def crew_of(work: Path) -> list[cast.Speaker]:
    path = work / "speakers.json"
    if not path.exists():
        cast.save(path, cast.make(base_medians(work)))
    return cast.load(path)


def index_path(work: Path, split: str) -> Path:
    return work / f"{split}.jsonl" if split == "recogniser" else work / "utterances" / f"{split}.jsonl"


def pending(work: Path, split: str, sets: list[str]) -> list[Path]:
    """Base utterances of a split that the index does not have yet, in a fixed shuffled order."""
    index, done = index_path(work, split), set()
    if index.exists():
        done = {json.loads(line)["source"] for line in index.read_text(encoding="utf-8").splitlines()}
    pattern = f"*_{'train' if split == 'recogniser' else split}_*.npz"
    paths = [path for name in sets for path in (work / "base" / name).glob(pattern) if path.stem not in done]
    return sorted(paths, key=lambda path: hashlib.sha256(path.stem.encode()).digest())


def run(work: Path, split: str, sets: list[str], variants: float, processes: int, deadline: float) -> None:
    folder = work / ("recogniser" if split == "recogniser" else f"utterances/{split}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = pending(work, split, sets)
    crew, begin, seconds = crew_of(work), time.time(), 0.0
    jobs = [(path, folder, crew, variants) for path in paths]
    with multiprocessing.get_context("spawn").Pool(processes) as pool, \
            open(index_path(work, split), "a", encoding="utf-8") as index:
        for done, rows in enumerate(pool.imap_unordered(make_one, jobs, chunksize=2), 1):
            for row in rows:
                index.write(json.dumps(row, ensure_ascii=False) + "\n")
                seconds += row["seconds"]
            if done % 25 == 0 or done == len(jobs):
                index.flush()
                elapsed = time.time() - begin
                print(f"virtual: {split} {done}/{len(jobs)}  {seconds / 3600:.2f} h in {elapsed / 60:.1f} min, "
                      f"{seconds / elapsed:.1f} x real time", file=sys.stderr)
            if time.time() > deadline:
                print("virtual: time is up; run again to go on", file=sys.stderr)
                pool.terminate()
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--splits", default="test,valid,train,recogniser")
    parser.add_argument("--sets", default="en,zh,en_bridge,zh_extra", help="folders of DIR/base to use")
    parser.add_argument("--variants", type=float, default=2.0, help="variants of each training utterance, on average")
    options = parser.parse_args()
    deadline = time.time() + options.minutes * 60
    for split in options.splits.split(","):
        sets = ["zh_recogniser"] if split == "recogniser" else options.sets.split(",")
        if time.time() < deadline:
            run(options.work, split, sets, options.variants, options.jobs, deadline)


if __name__ == "__main__":
    main()
