"""Teacher speech with phone alignments: flite for English, espeak-ng for Mandarin (and a little English).

`python -m training.teachers --work DIR` reads the corpus and writes DIR/base/<language>/<name>.npz: wav (int16, 16 kHz), tokens
(int32), ends (float64, seconds, one per token), text, base (the voice), language, split. Silence before speech is cut to
three frames and after it to six, so that every utterance has the same margins.
"""
from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from training import arpabet, corpus, mandarin, sentences_zh, tokens
from training.espeak import MANDARIN, Espeak
from training.flite import Flite

SAMPLE_RATE = 16000
HOP = 256
LEAD = 3 * HOP / SAMPLE_RATE
TAIL = 6 * HOP / SAMPLE_RATE


@dataclass(frozen=True)
class EspeakVoice:
    variant: str
    rate: int
    pitch: int
    pitch_range: int


# Chosen by formants and f0; variants with echo are left out because an echo smears the analysis.
ESPEAK_VOICES = {
    "lin": EspeakVoice("", 190, 60, 85),
    "gao": EspeakVoice("+Gene2", 190, 50, 99),
    "shi": EspeakVoice("+m7", 190, 65, 65),
    "mei": EspeakVoice("+belinda", 185, 50, 99),
    "yan": EspeakVoice("+Annie", 185, 50, 55),
    "lan": EspeakVoice("+steph", 190, 55, 99),
}
FLITE_SHARES = ("slt", "rms", "awb", "slt", "rms", "awb", "kal16")
STOPS = frozenset("b p d t g k z c zh ch j q".split())
MANDARIN_SHARES = tuple(ESPEAK_VOICES)
AMOUNTS = {"en": {"train": 7500, "valid": 40, "test": 80}, "zh": {"train": 1650, "valid": 40, "test": 80},
           "bridge": {"train": 700, "valid": 12, "test": 30}, "extra": {"train": 1000}, "recogniser": {"train": 950}}
FOLDERS = {"en": "en", "zh": "zh", "bridge": "en_bridge", "extra": "zh_extra", "recogniser": "zh_recogniser"}


class Misaligned(ValueError):
    """The teacher spoke something else than the tokens say; the sentence is skipped."""


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


def speech_end(audio: np.ndarray, start: float, end: float) -> float:
    """Where sound after `start` really stops: the last 10 ms louder than -50 dB of the peak, at most `end`."""
    step = SAMPLE_RATE // 100
    tail = audio[int(start * SAMPLE_RATE):int(end * SAMPLE_RATE)]
    levels = [np.abs(tail[i:i + step]).max() for i in range(0, len(tail), step)]
    loud = np.flatnonzero(np.array(levels) > 0.003 * np.abs(audio).max()) if levels else []
    return start if len(loud) == 0 else min(end, start + (int(loud[-1]) + 1) / 100)


def finish(audio: np.ndarray, names: list[str], ends: list[float], start: float, mark: str) -> dict:
    """Adds margins, the final mark and the outer boundaries; times are moved to the new origin."""
    shift = LEAD - start
    last = ends[-1] + shift
    all_names = [tokens.BOUNDARY] + names + [mark, tokens.BOUNDARY]
    all_ends = [LEAD] + [end + shift for end in ends] + [last + TAIL / 2, last + TAIL]
    if any(b < a - 1e-6 for a, b in zip(all_ends, all_ends[1:])):
        raise Misaligned("times go backwards")
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
        names.append(arpabet.from_flite(segment.phone, segment.stress))
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
        raise Misaligned("nothing but silence")
    names, ends = [], []
    english_tokens(inner, names, ends)
    return finish(audio, names, ends, start, text[-1] if text[-1] in ".?!" else ".")


def mandarin_tokens(parsed, phonemes, total: float) -> tuple[list[str], list[float], float]:
    """Walks espeak's phonemes along the syllables. Returns names, ends, start of speech."""
    sounds = [(p.name, p.start) for p in phonemes]
    solid = [index for index, (name, _) in enumerate(sounds) if not name.startswith("_")]
    bare = [sounds[index][0] for index in solid]

    def end_of(position: int) -> float:
        index = solid[position]
        return sounds[index + 1][1] if index + 1 < len(sounds) else total

    names, ends, at = [], [], 0
    for clause_index, clause in enumerate(parsed):
        for word_index, word in enumerate(clause.words):
            for index, syllable in enumerate(word):
                heads, rest = mandarin.syllable_phonemes(bare, at, syllable)
                if names and index + word_index == 0:
                    names.append("sp3")
                    ends.append(sounds[solid[at]][1])
                elif names:
                    names.append("sp0" if index else "sp1")
                    ends.append(ends[-1])
                pieces = mandarin.tokens_of(syllable)
                begin = sounds[solid[at]][1]
                if len(pieces) == 2:
                    stop = end_of(at + heads - 1) if heads else begin + 0.3 * (end_of(at + rest - 1) - begin)
                    ends.append(stop)
                    names.append(pieces[0])
                at += heads + rest
                names.append(pieces[-1])
                ends.append(end_of(at - 1))
    if at != len(bare):
        raise Misaligned(f"{len(bare) - at} phonemes left over")
    return names, ends, sounds[solid[0]][1]


def include_closures(names: list[str], ends: list[float], audio: np.ndarray) -> None:
    """Moves the end of a final back to where its sound stops: espeak-ng reports a stop at its burst, not at its closure."""
    step = SAMPLE_RATE // 200
    for index in range(2, len(names)):
        if names[index] not in STOPS or names[index - 1] not in ("sp0", "sp1"):
            continue
        begin, end = ends[index - 3] if index > 2 else 0.0, ends[index - 2]
        sound = audio[int(begin * SAMPLE_RATE):int(end * SAMPLE_RATE)]
        levels = [np.sqrt(np.mean(sound[i:i + step]**2)) for i in range(len(sound) % step, len(sound), step)]
        quiet, allowed = 0, min(18, len(levels) // 2)
        while quiet < allowed and levels[-1 - quiet] < 0.15 * max(levels):
            quiet += 1
        ends[index - 2] = ends[index - 1] = end - quiet * step / SAMPLE_RATE


def speak_mandarin(engine: Espeak, text: str, voice: str) -> dict:
    settings = ESPEAK_VOICES[voice]
    engine.set_voice(MANDARIN + settings.variant, settings.rate, settings.pitch, settings.pitch_range)
    parsed = mandarin.clauses(text)
    pinyin = mandarin.espeak_text(parsed)
    wanted = [s.tone for clause in parsed for word in clause.words for s in word]
    if mandarin.spoken_tones(engine.phonemes(pinyin)) != wanted:
        raise Misaligned(f"tones differ: {pinyin} spoken as {engine.phonemes(pinyin)}")
    samples, phonemes = engine.speak(pinyin)
    audio = to_rate(samples, engine.sample_rate)
    try:
        names, ends, start = mandarin_tokens(parsed, phonemes, len(audio) / SAMPLE_RATE)
    except ValueError as error:
        raise Misaligned(str(error)) from error
    include_closures(names, ends, audio)
    marks = {"。": ".", "？": "?", "！": "!", "，": "."}
    return finish(audio, names, ends, start, marks[text[-1]])


def speak_bridge(engine: Espeak, text: str, voice: str) -> dict:
    """English by a voice that otherwise speaks Mandarin, so that one speaker vector is heard in both languages."""
    settings = ESPEAK_VOICES[voice]
    engine.set_voice("en-us" + settings.variant, settings.rate - 25, settings.pitch, 50)
    samples, phonemes = engine.speak(text)
    audio = to_rate(samples, engine.sample_rate)
    try:
        names, ends, start = arpabet.align_espeak(text, phonemes, engine.phonemes(text), len(audio) / SAMPLE_RATE)
    except ValueError as error:
        raise Misaligned(str(error)) from error
    return finish(audio, names, ends, start, text[-1] if text[-1] in ".?!" else ".")


_engines: dict[str, object] = {}


def _engine(kind: str):
    if kind not in _engines:
        _engines[kind] = Flite() if kind == "flite" else Espeak()
    return _engines[kind]


def make_one(job: dict) -> tuple[str, float, str]:
    """Writes one utterance. Returns name, seconds (0 if skipped), reason."""
    path = Path(job["path"])
    if path.exists():
        return job["name"], -1.0, ""
    try:
        if job["kind"] == "en":
            made = speak_english(_engine("flite"), job["text"], job["voice"])
        elif job["kind"] == "bridge":
            made = speak_bridge(_engine("espeak"), job["text"], job["voice"])
        else:
            made = speak_mandarin(_engine("espeak"), job["text"], job["voice"])
    except (Misaligned, tokens.UnknownToken, ValueError, KeyError) as error:
        return job["name"], 0.0, f"{type(error).__name__}: {error}"
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **made, text=job["text"], base=job["voice"], language=job["language"], split=job["split"])
    partial.rename(path)
    return job["name"], len(made["wav"]) / SAMPLE_RATE, ""


def jobs_for(work: Path, kind: str, scale: float) -> list[dict]:
    """The sentences of one kind with voices dealt out in turn; names are stable."""
    language = "en" if kind in ("en", "bridge") else "zh"
    voices = FLITE_SHARES if kind == "en" else MANDARIN_SHARES
    folder = work / "base" / FOLDERS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for split, amount in AMOUNTS[kind].items():
        texts = sentences_zh.supplement() if kind == "extra" else corpus.load(work, language, split)
        # The bridge and the recogniser take sentences that the main set does not use.
        skip = {"bridge": AMOUNTS["en"].get(split, 0), "recogniser": AMOUNTS["zh"].get(split, 0)}.get(kind, 0)
        skip = min(skip, max(0, len(texts) - amount))
        for index, text in enumerate(texts[skip:skip + max(1, int(amount * scale))]):
            voice = voices[index % len(voices)]
            name = f"{kind}_{split}_{index:05d}_{voice}"
            made.append({"name": name, "path": str(folder / f"{name}.npz"), "kind": kind, "language": language,
                         "split": "recogniser" if kind == "recogniser" else split, "text": text, "voice": voice})
    return made


def run(jobs: list[dict], processes: int, minutes: float) -> None:
    begin, seconds, skipped, done = time.time(), 0.0, [], 0
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for name, length, reason in pool.imap_unordered(make_one, jobs, chunksize=4):
            done += 1
            seconds += max(0.0, length)
            if reason:
                skipped.append(f"{name}\t{reason}")
            if done % 50 == 0 or done == len(jobs):
                elapsed = time.time() - begin
                print(f"teachers: {done}/{len(jobs)}  {seconds / 60:.1f} min of speech, {len(skipped)} skipped, "
                      f"{elapsed:.0f} s, {seconds / elapsed:.0f} x real time", file=sys.stderr)
            if time.time() - begin > minutes * 60:
                print("teachers: time is up; run again to go on", file=sys.stderr)
                pool.terminate()
                break
    for line in skipped[:20]:
        print(f"teachers: skipped {line}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kinds", default="en,zh,bridge,extra,recogniser", help="which sets to make, in order")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the full amount, for a trial")
    options = parser.parse_args()
    begin = time.time()
    for kind in options.kinds.split(","):
        if kind not in AMOUNTS:
            parser.error(f"unknown kind {kind}: one of {', '.join(AMOUNTS)}")
        left = options.minutes - (time.time() - begin) / 60
        if left > 0:
            run(jobs_for(options.work, kind, options.scale), options.jobs, left)


if __name__ == "__main__":
    main()
