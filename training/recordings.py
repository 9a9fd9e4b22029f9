"""A folder of real recordings with transcripts, as a dataset to train on.

python -m training.recordings --folder DIR --work WORK --speaker ann [--language en|zh|auto]

DIR is laid out like LJSpeech: metadata.csv with a line `id|text` or `id|text|text as it is spoken` per recording, and
wavs/<id>.wav (any rate and number of channels; .flac too). Each line is checked; what cannot be used is named with what
to do about it, skipped and counted. The engine says what phones the text has, the model says them in the speaker's own
voice (narrator.py), and that is laid along the recording to find when each phone is heard (align.py). A recording of
several sentences becomes one utterance per sentence.

Written: WORK/utterances/<split>/*.npz and <split>.0.jsonl as dataset.py reads them, WORK/vectors.npz, and
WORK/alignment/<speaker>.npz. Sound is kept at 24 kHz; phones and pitch are looked for at 16 kHz. Run again after mending rows or adding some: only what changed is made. A sentence is in the
validation split by its text alone (about 1 in 25), or the first by hash where that leaves none.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import pyworld
import soundfile
import torch
from scipy.signal import resample_poly

from . import align, tokens
from .energy import energy
from .narrator import Engine, Narrator, Refused, Sentence
from .packed import Packed
from .teacher import symbols
from .teacher.make import DELAY_FRAMES

SAMPLE_RATE = 16000  # of the analysis
RATE, HOP = 24000, 300  # of what is written
FINER = RATE / SAMPLE_RATE
LEAD_S, TAIL_S = 0.1, 0.15  # silence around speech, as all training data has
LOUDNESS_DB, PEAK = -24.0, 0.98  # RMS over voiced frames; about -23 LUFS, at which the teacher's energies are measured
SHORTEST_S, LONGEST_S = 0.4, 30.0
PERIOD_MS, F0_LIMITS, F0_AROUND = 4.0, (55.0, 500.0), (2.2, 2.6)
MISFIT = 1.14  # alignment cost above which the text is not what was said; 0.9-1.06 where it is
VALID_PERCENT = 4
HEAR, LEARN = 40, 150  # recordings from which the voice, and the adaptation of the alignment, are taken
LITTLE_S = 300
PRIVATE = ("path", "key", "parts", "whole", "vector")  # of an utterance's file, not for the index


class Unusable(ValueError):
    """Why a row is skipped, and what to do."""


@dataclass
class Row:
    id: str
    text: str
    path: Path
    key: str = ""  # of everything the result depends on


# ---- reading the folder ----------------------------------------------------------------------------------------

def read_rows(folder: Path) -> tuple[list[Row], list[str]]:
    """Rows of metadata.csv that name a recording, and a line for each that does not."""
    table = folder / "metadata.csv"
    if not table.exists():
        raise SystemExit(f"{table} is missing: it has a line id|text per recording, which lies in {folder / 'wavs'}")
    rows, problems, seen = [], [], {}
    lines = table.read_bytes().decode("utf-8-sig", errors="surrogateescape").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = parse(line, folder)
            if row.id in seen:
                raise Unusable(f"{row.id}: this id stands in line {seen[row.id]} already; give each recording its own")
            seen[row.id] = number
            rows.append(row)
        except Unusable as error:
            problems.append(f"{table.name}:{number}: {error}")
    return rows, problems


def parse(line: str, folder: Path) -> Row:
    if any("\udc80" <= c <= "\udcff" for c in line):
        raise Unusable("not UTF-8; save the file as UTF-8")
    columns = [column.strip() for column in line.split("|")]
    if len(columns) not in (2, 3):
        raise Unusable(f"{len(columns)} columns; write id|text or id|text|text as it is spoken")
    name, text = columns[0], columns[-1] or columns[1]
    if not name or re.search(r"[/\\]|^\.", name):
        raise Unusable(f"'{name}' is no id; write the file's name without folder and extension")
    if not text:
        raise Unusable(f"{name}: the text is empty; write what is said")
    stem = folder / "wavs" / name
    found = [stem.with_name(stem.name + suffix) for suffix in (".wav", ".WAV", ".flac")]
    path = next((p for p in found if p.exists()), None)
    if path is None:
        raise Unusable(f"{name}: {found[0]} does not exist; add the recording or take the line out")
    return Row(name, text, path)


def read_audio(path: Path, wanted: int = SAMPLE_RATE) -> np.ndarray:
    """Mono float at the wanted rate, without offset."""
    try:
        samples, rate = soundfile.read(str(path), dtype="float64", always_2d=True)
    except Exception as error:  # libsndfile's messages
        raise Unusable(f"{path.name} cannot be read as audio ({str(error).split(': ')[-1].strip()}); save it as WAV again")
    audio = samples.mean(1)
    seconds = len(audio) / rate
    if seconds < SHORTEST_S:
        raise Unusable(f"{path.name} lasts {seconds:.2f} s, less than {SHORTEST_S} s; leave it out or join it to its neighbour")
    if seconds > LONGEST_S:
        raise Unusable(f"{path.name} lasts {seconds:.1f} s, more than {LONGEST_S:.0f} s; cut it at sentence ends")
    if not np.isfinite(audio).all() or np.abs(audio - audio.mean()).max() < 1e-3:
        raise Unusable(f"{path.name} is silent; record it again or take the line out")
    common = gcd(rate, wanted)
    audio = resample_poly(audio - audio.mean(), wanted // common, rate // common) if rate != wanted else audio
    return audio * min(1.0, PEAK / np.abs(audio).max())


def key_of(row: Row, speaker: str, language: str) -> str:
    parts = [row.path.read_bytes(), row.text.encode(), f"{row.id}|{speaker}|{language}".encode()]
    return hashlib.sha256(b"\0".join(hashlib.sha256(p).digest() for p in parts)).hexdigest()[:24]


# ---- sound -----------------------------------------------------------------------------------------------------

def levels_db(audio: np.ndarray, step: int) -> np.ndarray:
    """RMS of each step samples against the loud parts."""
    frames = audio[:len(audio) // step * step].reshape(-1, step)
    db = 10 * np.log10((frames**2).mean(1) + 1e-12)
    return db - np.percentile(db, 95)


def speech_seconds(audio: np.ndarray) -> float:
    db = levels_db(audio, 160)
    return float((db > max(-35.0, np.percentile(db, 5) + 8)).sum() / 100)


def pitch_track(audio: np.ndarray) -> np.ndarray:
    """Hz every 4 ms, 0 where unvoiced: DIO and StoneMask about the recording's own median; D4C and level decide voicing."""
    audio = audio + np.random.default_rng(0).normal(0, 1e-5, len(audio))  # keeps digital silence out of the estimate
    floor, ceiling = F0_LIMITS
    for _ in range(2):
        f0, times = pyworld.dio(audio, SAMPLE_RATE, f0_floor=floor, f0_ceil=ceiling, frame_period=PERIOD_MS)
        f0 = pyworld.stonemask(audio, f0, times, SAMPLE_RATE)
        voiced = f0[f0 > 0]
        if len(voiced) < 20:
            return np.zeros(len(f0))
        floor = max(F0_LIMITS[0], np.median(voiced) / F0_AROUND[0])
        ceiling = min(F0_LIMITS[1] * 1.3, np.median(voiced) * F0_AROUND[1])
    aperiodicity = pyworld.d4c(audio, f0, times, SAMPLE_RATE)
    db = levels_db(np.pad(audio, (0, 256)), 64)[:len(f0)]
    quiet = np.pad(db, (0, len(f0) - len(db)), constant_values=-99.0) < -38.0
    f0[(aperiodicity[:, 1:].min(axis=1) > 0.999) | quiet] = 0.0
    return f0


def tightened(audio: np.ndarray, begin: int, end: int) -> tuple[int, int]:
    """Start and end of sound, at 10 ms: analysis windows see it a little before it starts and after it ends."""
    step, reach = 160, 8
    db = levels_db(audio, step)
    loud = db > max(-45.0, np.percentile(db, 5) + 6)
    first, last = begin // step, max(begin // step, (end - 1) // step)
    for index in range(first, min(first + reach, len(loud))):
        if loud[index]:
            begin = max(begin, index * step)
            break
    for index in range(min(last, len(loud) - 1), max(last - reach, 0), -1):
        if loud[index]:
            end = min(end, (index + 1) * step)
            break
    return begin, max(end, begin + step)


# ---- one recording to utterances -------------------------------------------------------------------------------

def cut(sound: np.ndarray, audio: np.ndarray, f0: np.ndarray, sentence: Sentence, ends: np.ndarray, limits: tuple[int, int]) -> dict:
    """One sentence with the standard margins, as the arrays of its file. sound: at 24 kHz; audio: at 16 kHz; `limits`: samples of
    audio that belong to no other sentence."""
    names, ends = align.settled(sentence.names, ends)
    sounds = [i for i, name in enumerate(names) if not align.is_silent(name)]
    begin, end = tightened(audio, int(ends[sounds[0] - 1] * SAMPLE_RATE), int(ends[sounds[-1]] * SAMPLE_RATE))
    start, stop = begin / SAMPLE_RATE - LEAD_S, end / SAMPLE_RATE + TAIL_S
    total = int(np.ceil((stop - start) * RATE / HOP))
    wav = piece(sound, start, total * HOP, (limits[0] / SAMPLE_RATE, limits[1] / SAMPLE_RATE))
    moved = np.clip(ends, begin / SAMPLE_RATE, end / SAMPLE_RATE) - start
    moved[:sounds[0]] = LEAD_S * np.arange(1, sounds[0] + 1) / sounds[0]
    after = len(names) - 1 - sounds[-1]
    moved[sounds[-1]] = end / SAMPLE_RATE - start
    moved[sounds[-1] + 1:] = moved[sounds[-1]] + TAIL_S * np.arange(1, after + 1) / after
    ids = tokens.encode(names)
    spelled, owners = symbols.expand(ids)
    bounds = symbol_bounds(moved, owners, sentence.shares(spelled, owners), total)
    at = ((np.arange(total) + 0.5) * HOP / RATE + start) * 1000 / PERIOD_MS
    track = np.where(at >= 0, f0[np.clip(np.round(at).astype(int), 0, len(f0) - 1)], 0.0).astype(np.float32)
    wav = levelled(wav, track)
    return {"wav": np.round(wav * 32767).astype(np.int16), "tokens": np.array(ids, np.int16), "symbols": np.array(spelled, np.int16),
            "owners": np.array(owners, np.int16), "durations": np.diff(bounds).astype(np.int16), "f0": track, "energy": energy(wav, total)}


def piece(sound: np.ndarray, start: float, count: int, limits: tuple[float, float]) -> np.ndarray:
    """count samples of 24 kHz sound from `start` seconds on, silence where they lie outside the limits."""
    first = int(round(start * RATE))
    index = np.arange(first, first + count)
    inside = (index >= max(0, limits[0] * RATE)) & (index < min(len(sound), limits[1] * RATE))
    return np.where(inside, sound[np.clip(index, 0, len(sound) - 1)], 0.0)


def symbol_bounds(ends: np.ndarray, owners: list[int], shares: np.ndarray, total: int) -> np.ndarray:
    """Frames at which symbols end, with 0 before: a token's time is divided among its symbols by their shares; the time of a token
    that has none goes to the next."""
    edges, start, k = [0.0], 0.0, 0
    while k < len(owners):
        last = k
        while last + 1 < len(owners) and owners[last + 1] == owners[k]:
            last += 1
        share = np.cumsum(shares[k:last + 1])
        edges.extend(start + (ends[owners[k]] - start) * share / share[-1])
        start, k = float(ends[owners[k]]), last + 1
    bounds = np.minimum(np.round(np.array(edges) * RATE / HOP).astype(int), total)
    bounds[1:] += DELAY_FRAMES  # as the model that goes on has learnt it
    bounds = np.minimum(bounds, total)
    bounds[-1] = total
    return np.maximum.accumulate(bounds)


def levelled(wav: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """At the loudness of all training data: RMS over voiced frames."""
    frames = wav.reshape(-1, HOP)
    voiced = frames[f0 > 0] if (f0 > 0).any() else frames
    wav = wav * 10 ** (LOUDNESS_DB / 20) / (np.sqrt((voiced**2).mean()) + 1e-9)
    return wav * min(1.0, PEAK / (np.abs(wav).max() + 1e-9))


def utterances_of(row: Row, audio: np.ndarray, sentences: list[Sentence], narrator: Narrator, adaptation) -> list[dict]:
    """The sentences of a recording, aligned and cut; Unusable where the text does not fit."""
    sound = read_audio(row.path, RATE)
    ends, cost = align.phone_ends(audio, narrator.read(sentences, speech_seconds(audio)), adaptation)
    if not ends:
        raise Unusable(f"{row.path.name} is too short for its text; is it the text of another recording?")
    if adaptation and cost > MISFIT:
        raise Unusable(f"{row.path.name} does not sound like its text (cost {cost:.2f}, limit {MISFIT}); "
                       f"is something else said, or is there much noise?")
    f0 = pitch_track(audio)
    if (f0 > 0).sum() < 20:
        raise Unusable(f"{row.path.name} holds no voice; record it again or take the line out")
    spans = [(int(e[first_sound(s) - 1] * SAMPLE_RATE), int(e[last_sound(s)] * SAMPLE_RATE)) for s, e in zip(sentences, ends)]
    middles = [0] + [(a[1] + b[0]) // 2 for a, b in zip(spans, spans[1:])] + [len(audio)]
    return [cut(sound, audio, f0, sentence, e, (middles[i], middles[i + 1]))
            for i, (sentence, e) in enumerate(zip(sentences, ends))]


def first_sound(sentence: Sentence) -> int:
    return next(i for i, name in enumerate(sentence.names) if not align.is_silent(name))


def last_sound(sentence: Sentence) -> int:
    return max(i for i, name in enumerate(sentence.names) if not align.is_silent(name))


# ---- what is there already -------------------------------------------------------------------------------------

def utterance_files(work: Path, speaker: str) -> dict[str, list[dict]]:
    """Finished recordings of a speaker: id to the index rows of its utterances, each with its path and key."""
    found: dict[str, list[dict]] = {}
    for path in sorted((work / "utterances").glob(f"*/{speaker}_*.npz")):
        with np.load(path) as z:
            if "key" not in z.files or str(z["speaker"]) != speaker:
                continue
            found.setdefault(str(z["source"]), []).append(
                {"name": path.stem, "source": str(z["source"]), "seconds": round(len(z["wav"]) / RATE, 3),
                 "speaker": speaker, "language": str(z["language"]), "emotion": "neutral", "degree": 1.0,
                 "text": str(z["text"]), "path": path, "key": str(z["key"]), "parts": int(z["parts"]),
                 "whole": str(z["whole"]), "vector": z["vector"]})
    return found


def is_done(row: Row, found: dict[str, list[dict]]) -> bool:
    made = found.get(row.id, [])
    return bool(made) and all(m["key"] == row.key for m in made) and len(made) == made[0]["parts"]


def forget(work: Path, made: list[dict]) -> None:
    """Takes utterances away."""
    for row in made:
        row["path"].unlink(missing_ok=True)


def write_utterances(work: Path, row: Row, speaker: str, sentences: list[Sentence], made: list[dict]) -> None:
    folder = work / "utterances" / "train"
    folder.mkdir(parents=True, exist_ok=True)
    for index, (sentence, arrays) in enumerate(zip(sentences, made)):
        name = f"{speaker}_{row.id}_{index}"
        partial = folder / f".{name}.part.npz"
        np.savez(partial, **arrays, speaker=speaker, base=speaker, language=sentence.language, emotion="neutral",
                 degree=np.float32(1.0), text=sentence.text, source=row.id, key=row.key, parts=len(made), whole=row.text)
        partial.rename(folder / f"{name}.npz")


def place(work: Path, found: dict[str, list[dict]], speaker: str) -> dict[str, list[dict]]:
    """Moves utterances to their split and writes both indexes; other speakers' rows stay as they are."""
    def hashed(source):
        return int(hashlib.sha256(re.sub(r"\W", "", found[source][0]["whole"]).lower().encode()).hexdigest()[:8], 16)

    order = sorted(found, key=lambda source: (hashed(source), source))
    chosen = {source for source in order if hashed(source) % 100 < VALID_PERCENT} or set(order[:1])
    chosen = chosen if len(chosen) < len(order) else set(order[:1])
    index: dict[str, list[dict]] = {"train": [], "valid": []}
    for source in sorted(found):
        split = "valid" if source in chosen else "train"
        for made in found[source]:
            target = work / "utterances" / split / made["path"].name
            target.parent.mkdir(parents=True, exist_ok=True)
            if target != made["path"]:
                made["path"].replace(target)
            index[split].append({k: v for k, v in made.items() if k not in PRIVATE})
    for split, rows in index.items():
        path = work / "utterances" / f"{split}.0.jsonl"
        others = [line for line in path.read_text(encoding="utf-8").splitlines()
                  if json.loads(line)["speaker"] != speaker] if path.exists() else []
        lines = others + [json.dumps(row, ensure_ascii=False) for row in rows]
        replace_text(path, "".join(line + "\n" for line in lines))
    return index


def replace_text(path: Path, text: str) -> None:
    """Written aside and renamed, and left alone if nothing changes."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


# ---- the voice, and all rows -----------------------------------------------------------------------------------

def in_fixed_order(rows: list) -> list:
    return sorted(rows, key=lambda item: hashlib.sha256(item[0].id.encode()).digest())


def acquaint(narrator: Narrator, usable: list[tuple[Row, list[Sentence]]], path: Path):
    """Makes the narrator sound like the speaker and learns the adaptation; kept in `path` for rows that come later."""
    if path.exists():
        with np.load(path) as z:
            narrator.imitate([z["vector"]], float(z["median"]))
            return align.Adaptation(z["weight"], z["scale"]) if "weight" in z.files else None
    heard = [read_audio(row.path) for row, _ in in_fixed_order(usable)[:HEAR]]
    voiced = np.concatenate([track[track > 0] for track in map(pitch_track, heard)])
    if len(voiced) < 100:
        raise SystemExit("no voice is heard in the recordings: are these the right files?")
    narrator.imitate([narrator.vector(audio) for audio in heard], float(np.median(voiced)))
    examples = []
    for row, sentences in in_fixed_order(usable)[:LEARN]:
        audio = read_audio(row.path)
        examples.append((audio, narrator.read(sentences, speech_seconds(audio))))
    adaptation = align.learn(examples)
    learned = {} if adaptation is None else {"weight": adaptation.weight, "scale": adaptation.scale}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, vector=narrator.speaker.numpy(), median=narrator.median, **learned)
    return adaptation


class Skipped:
    """Rows that were refused before, by key, so that a second run need not find out again."""

    def __init__(self, path: Path):
        self.path = path
        self.reasons = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def keep(self, keys: set[str]) -> None:
        self.reasons = {k: v for k, v in self.reasons.items() if k in keys}
        replace_text(self.path, json.dumps(self.reasons, ensure_ascii=False, indent=1) + "\n")


def check(todo: list[Row], engine: Engine, language: str, skipped: Skipped) -> list[tuple[Row, list[Sentence]]]:
    """Rows whose audio can be read and whose text the engine speaks."""
    usable = []
    for done, row in enumerate(todo, 1):
        try:
            read_audio(row.path)
            usable.append((row, engine.phones(row.text, language)))
        except Refused as error:
            skipped.reasons[row.key] = f"{row.id}: the text cannot be spoken: {error}"
        except Unusable as error:
            skipped.reasons[row.key] = f"{row.id}: {error}"
        progress("checked", done, len(todo))
    return usable


def progress(what: str, done: int, total: int) -> None:
    if done % 50 == 0 or done == total:
        print(f"recordings: {what} {done}/{total}", file=sys.stderr, flush=True)


def make(todo: list[Row], work: Path, speaker: str, language: str, model: Packed, engine: Engine, skipped: Skipped) -> None:
    usable = check(todo, engine, language, skipped)
    if not usable:
        return
    narrator = Narrator(model)
    adaptation = acquaint(narrator, usable, work / "alignment" / f"{speaker}.npz")
    for done, (row, sentences) in enumerate(usable, 1):
        try:
            made = utterances_of(row, read_audio(row.path), sentences, narrator, adaptation)
            for arrays in made:
                arrays["vector"] = narrator.vector(resample_poly(arrays["wav"] / 32768.0, 2, 3))
            write_utterances(work, row, speaker, sentences, made)
        except Unusable as error:
            skipped.reasons[row.key] = f"{row.id}: {error}"
        progress("made", done, len(usable))


def keep_vectors(work: Path, found: dict[str, list[dict]], speaker: str) -> None:
    """Speaker vectors as the training steps read them, by the model's own encoder: of utterances, and the speaker's mean."""
    path = work / "vectors.npz"
    vectors = {made["name"]: made["vector"] for rows in found.values() for made in rows}
    mean = np.mean(list(vectors.values()), axis=0)
    vectors[f"speaker:{speaker}"] = (mean / np.linalg.norm(mean)).astype(np.float32)
    if path.exists():
        with np.load(path) as z:
            vectors |= {name: z[name] for name in z.files if name not in vectors and not name.startswith(f"{speaker}_")}
    partial = path.with_name("vectors.part.npz")
    np.savez(partial, **vectors)
    partial.replace(path)


def report(problems: list[str], index: dict[str, list[dict]], rows: int) -> None:
    for line in problems:
        print(f"recordings: skipped {line}", file=sys.stderr)
    made = index["train"] + index["valid"]
    seconds = sum(row["seconds"] for row in made)
    print(f"recordings: {len({row['source'] for row in made})} of {rows} rows usable, {len(problems)} skipped; "
          f"{len(index['train'])} utterances to train on, {len(index['valid'])} to validate, {seconds / 60:.1f} min")
    if problems:
        print("recordings: mend the rows named above and run this again; only they are made anew")
    if seconds < LITTLE_S:
        print(f"recordings: {seconds:.0f} s is little; 10 minutes or more make a clearly better voice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="metadata.csv and wavs/")
    parser.add_argument("--work", type=Path, required=True, help="where the dataset is made; not the default voice's folder")
    parser.add_argument("--speaker", help="name of the speaker; default: the folder's name")
    parser.add_argument("--language", default="auto", choices=["en", "zh", "auto"], help="how digits alone are read")
    parser.add_argument("--from", dest="model", type=Path, default=Path("models/emotivoice-default.safetensors"),
                        help="model that says the transcripts first")
    parser.add_argument("--engine", type=Path, default=Path("build/emotivoice"), help="the command")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    speaker = options.speaker or re.sub(r"[^A-Za-z0-9]+", "-", options.folder.resolve().name).strip("-")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", speaker):
        parser.error(f"'{speaker}' is no speaker name: letters, digits and - (give --speaker)")
    rows, problems = read_rows(options.folder)
    for row in rows:
        row.key = key_of(row, speaker, options.language)
    found, skipped = utterance_files(options.work, speaker), Skipped(options.work / "alignment" / f"{speaker}.skipped.json")
    keep = {row.id for row in rows if is_done(row, found)}
    for source in set(found) - keep:
        forget(options.work, found[source])
    todo = [row for row in rows if row.id not in keep and row.key not in skipped.reasons]
    if todo:
        make(todo, options.work, speaker, options.language, Packed(options.model), Engine(options.engine, options.model), skipped)
        found = utterance_files(options.work, speaker)
        keep_vectors(options.work, found, speaker)
    skipped.keep({row.key for row in rows})
    problems += skipped.reasons.values()
    if len(found) < 2:
        for line in problems:
            print(f"recordings: skipped {line}", file=sys.stderr)
        raise SystemExit(f"{options.folder}: {len(found)} usable recordings; at least 2 are needed, 100 or more are good")
    report(problems, place(options.work, found, speaker), len(rows) + len(problems) - len(skipped.reasons))
    if not todo:
        print("recordings: everything was made before; nothing to do")


if __name__ == "__main__":
    main()
