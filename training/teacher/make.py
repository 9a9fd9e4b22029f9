"""The dataset: sentences spoken by the teacher as named voices and a crowd, in eight emotions, with exact labels.

`python -m training.teacher.make --work DIR --minutes M` writes DIR/utterances/<split>/<name>.npz and DIR/utterances/<split>.<worker>.jsonl.
Utterance i is the same whatever was made before it; a later run goes on where files are missing. Nothing is aligned or measured
afterwards: durations, F0 and energy are what the teacher's sound half was told.

An utterance holds tokens [N], symbols [L], owners [L] (index of each symbol's token), durations [L] (frames of 12.5 ms, sum T),
f0 [T] (Hz, 0 unvoiced), energy [T] (the teacher's units), wav int16 [300 T] at 24 kHz. With --labels, DIR/labels holds the same
without wav: a tenth of the work, and all that durations, F0 and energy are learnt from.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from pathlib import Path

import numpy as np

from training import corpus, tokens
from training.teacher import emotions, speakers, symbols, tones

HOP, RATE = 300, 24000
VOICED_HZ = 40.0
DELAY_FRAMES = 4  # that the teacher's symbols come behind their sound; a model that is taught by them has it, too, and says so
LEAD_FRAMES = 12  # of the teacher's silence before a sentence that are kept, those 4 among them. Told to make less silence, it swallows
                  # the first sound
TAIL_FRAMES, QUIET = 24, -1.0  # of silence behind it that are kept; the teacher's energy where nothing is heard
PHRASE_ENDS = tokens.PAUSES | tokens.FINAL_MARKS | {tokens.BOUNDARY}
SONORANTS = frozenset(f"[{name}]" for name in "L M N NG R W Y".split())
VOICED_OBSTRUENTS = frozenset(f"[{name}]" for name in "B D DH G JH V Z ZH".split())  # what stands before them keeps its voice
WHISPER = 2.5  # the teacher's energy from which a vowel of a phrase's end is heard as one; QUIET and less is silence
NAMED_SHARE, NEUTRAL_SHARE, MANDARIN_SHARE = 0.6, 0.5, 0.55
QUESTION_SHARE, WH_SHARE = 0.1, 0.5  # beside the questions that come by themselves: their melody is a rule of ours, and too few show it
DEGREES = (0.5, 0.75, 1.0), (0.2, 0.2, 0.6)
REFERENCE = ("今天下午我们一起去公园散步，好不好？", "They said that the weather would be better in the morning.")


def stressed(names: list[str]) -> list[int]:
    """Tokens that carry an accent: stressed English vowels, the first full tone of each Mandarin word."""
    found, fresh = [], True
    for index, name in enumerate(names):
        if name in tokens.SPACERS and name != "sp0" or name == tokens.BOUNDARY:
            fresh = True
        elif tokens.is_stressed(name):
            found.append(index)
        elif tokens.tone(name):
            if fresh and tokens.tone(name) != 5:
                found.append(index)
            fresh = False
    return found


def heard_ends(owners, durations, count: int) -> np.ndarray:
    """Frame at which each of `count` tokens is over, as it is heard. owners [L]: the token of each symbol; durations [L] in frames. A token
    begins where the one before it ends; one without symbols is not heard."""
    frames = np.zeros(count, int)
    np.add.at(frames, np.asarray(owners, int), np.asarray(durations, int))
    return np.maximum(np.cumsum(frames) - DELAY_FRAMES, 0)


def token_ends(utterance) -> np.ndarray:
    """Seconds at which each token of a made utterance is over, as it is heard."""
    return heard_ends(utterance["owners"], utterance["durations"], len(utterance["tokens"])) * HOP / RATE


def joined(utterances: list[dict]) -> dict:
    """wav and tokens end to end; ends [N] in seconds."""
    starts = np.cumsum([0.0] + [len(one["wav"]) / RATE for one in utterances[:-1]])
    return dict(wav=np.concatenate([one["wav"] for one in utterances]), tokens=np.concatenate([one["tokens"] for one in utterances]),
                ends=np.concatenate([start + token_ends(one) for start, one in zip(starts, utterances)]))


def voice_end(voiced: np.ndarray, begin: int, end: int) -> int | None:
    """Where the last voice within [begin, end) ends; None if there is none. A single frame is a neighbour's that leaks in."""
    own = voiced[begin:end]
    pairs = np.flatnonzero(own[:-1] & own[1:])
    return begin + int(pairs[-1]) + 2 if len(pairs) else None


def syllables(names: list[str], ends: np.ndarray, voiced: np.ndarray, rate: float) -> list[tones.Syllable]:
    """The Mandarin ones, when they are heard; ends [N] as above, `rate` frames a second; voiced [frames]. The teacher counts a pause to the
    sound before it: a syllable ends where its voice does, or its tone would be spread over silence."""
    begins, found = np.concatenate([[0], ends[:-1]]), []
    for index, name in enumerate(names):
        if tokens.tone(name):
            initial = index - 1 if names[index - 1] in tokens.MANDARIN_INITIALS else index
            last = voice_end(voiced, int(begins[index]), int(ends[index])) or ends[index]
            found.append(tones.Syllable(begins[initial] / rate, last / rate, tokens.tone(name)))
    return found


def sustained(names: list[str], ends: np.ndarray, voiced: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Where the voice is on [frames]; ends [N] as above. The teacher's F0 whispers the end of a phrase, as Japanese does: of the loud frames of last
    vowels half, and every ninth last vowel as a whole. In Mandarin and English the voice of vowels and sonorants behind a phrase's last voiceless sound
    lasts as long as their sound, and no Mandarin final is whispered as a whole."""
    begins, voiced = np.concatenate([[0], ends[:-1]]), voiced.copy()
    last = True  # only voiced sounds stand between here and the phrase's end
    for index in reversed(range(len(names))):
        name = names[index]
        if name in PHRASE_ENDS:
            last = True
        elif tokens.is_vowel(name) or name in SONORANTS:
            begin, end = int(begins[index]), int(ends[index])
            heard = voice_end(voiced, begin, end)
            if last or (tokens.tone(name) and heard is None):
                loud = energy[begin:end] > WHISPER
                first = (heard or begin + int(np.argmax(loud))) if loud.any() else end
                soft = np.flatnonzero(~loud[first - begin:])
                voiced[first:first + int(soft[0]) if len(soft) else end] = True
        elif name not in tokens.SPACERS and name not in VOICED_OBSTRUENTS:
            last = False
    return voiced


def held(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Each with the last known value before it, or the first."""
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return values[np.where(last < 0, np.flatnonzero(known)[0], last)]


def tightened(made: dict) -> dict:
    """Without most of the silence behind the sentence, nearly half a second that the teacher counts to its last sound."""
    loud = np.flatnonzero(made["energy"] > QUIET)
    if not len(loud):
        return made
    durations = made["durations"].astype(int)
    bounds, end = np.concatenate([[0], np.cumsum(durations)]), loud[-1] + 1
    extra, gone = len(made["energy"]) - end - TAIL_FRAMES, []
    for k in range(len(durations) - 3, len(durations)):  # the last sound, the mark, the edge
        take = max(0, min(extra, durations[k] - 2, bounds[k + 1] - end))
        gone.extend(range(bounds[k + 1] - take, bounds[k + 1]))
        durations[k] -= take
        extra -= take
    made = dict(made, durations=durations.astype(np.int16), f0=np.delete(made["f0"], gone), energy=np.delete(made["energy"], gone))
    if "wav" in made:
        made["wav"] = np.delete(made["wav"].reshape(-1, HOP), gone, axis=0).reshape(-1)
    return made


def equalised(wav: np.ndarray, gains_db, tilt: float) -> np.ndarray:
    """A smooth equalisation and a tilt about 1 kHz, by one FFT."""
    if not any(gains_db) and not tilt:
        return wav
    size = 1 << int(np.ceil(np.log2(len(wav) + 2048)))
    hz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 20.0)
    curve = np.interp(np.log(hz), np.log(speakers.BANDS_HZ), gains_db) + tilt * np.log2(np.clip(hz, 150.0, 6000.0) / 1000.0)
    # zero phase: a change of timbre alone, no echo
    return np.fft.irfft(np.fft.rfft(wav, size) * 10 ** (curve / 20), size)[:len(wav)]


class Maker:
    """A teacher that speaks tokens as one of our speakers in one of our moods."""

    def __init__(self, work: Path, threads: int = 1, sound: bool = True):
        from training.teacher.kokoro import Teacher
        self.teacher, self.medians = Teacher(work, threads, sound), {}

    def style(self, speaker, count):
        return self.teacher.style(speaker.timbre, speaker.prosody, speakers.STYLES, count)

    def median(self, speaker, front) -> float:
        """Of the teacher's F0 in this style, over two sentences: what `pitch` is aimed from."""
        key = speaker.timbre + speaker.prosody
        if key not in self.medians:
            voiced = []
            for text in REFERENCE:
                ids, _ = symbols.expand(front(text)[0])
                f0 = self.teacher.say(ids, self.style(speaker, len(ids) - 2), np.ones(len(ids)))["f0"]
                voiced.append(f0[f0 > VOICED_HZ])
            self.medians[key] = float(np.median(np.concatenate(voiced)))
        return self.medians[key]

    def labels(self, token_ids, text, language, speaker, emotion, front) -> tuple[dict, dict, np.ndarray]:
        """(labels of the utterance, what the sound half is told, style)."""
        names, a = tokens.decode(token_ids), speaker.formants
        ids, owners = symbols.expand(token_ids)
        style = self.style(speaker, len(ids) - 2)
        scale = np.full(len(ids), a / (speaker.rate * emotion.rate))
        for k, symbol in enumerate(ids):
            if symbol in (symbols.ALPHABET[","], symbols.ALPHABET[" "]):
                scale[k] *= emotion.pause
        scale[0] = scale[-1] = a
        said = self.teacher.say(ids, style, scale)
        bounds = np.concatenate([[0], np.cumsum(said["durations"])]) * 2
        heard_to = heard_ends(owners, np.diff(bounds), len(names))
        accented = set(stressed(names))
        vowels = [(int(bounds[k]), int(bounds[k + 1])) for k, owner in enumerate(owners) if owner in accented]
        voiced = heard = said["f0"] > VOICED_HZ
        if heard.any():
            voiced = sustained(names, heard_to, heard, said["energy"])
            said["f0"] = np.where(voiced, held(said["f0"], heard), said["f0"])
        rate = emotions.FRAMES_A_SECOND * a
        line = emotions.melody(said["f0"], voiced, speaker.pitch, self.median(speaker, front), emotion, speaker.span, language, vowels,
                               emotions.kind_of(text, language), rate, syllables(names, heard_to, voiced, rate))
        said["f0"] = np.where(voiced, line / a, said["f0"])
        said["energy"] = said["energy"] + emotion.energy
        ends = np.round(bounds / a).astype(int)
        at = np.clip((np.arange(ends[-1]) + 0.5) * a - 0.5, 0, len(voiced) - 1)
        near = np.round(at).astype(int)
        hz = np.interp(at, np.arange(len(voiced))[voiced], line[voiced]) if voiced.any() else np.zeros(len(at))
        durations = np.diff(ends)
        cut = max(0, int(durations[0]) - LEAD_FRAMES)
        durations[0] -= cut
        out = dict(tokens=np.array(token_ids, np.int16), symbols=np.array(ids, np.int16), owners=np.array(owners, np.int16),
                   durations=durations.astype(np.int16), f0=np.where(voiced[near], hz, 0.0)[cut:].astype(np.float32),
                   energy=np.interp(at, np.arange(len(voiced)), said["energy"])[cut:].astype(np.float32))
        return out, said | dict(cut=cut), style

    def utterance(self, token_ids, text, language, speaker, emotion, front) -> dict:
        from scipy.signal import resample_poly
        out, said, style = self.labels(token_ids, text, language, speaker, emotion, front)
        wav = self.teacher.speak(said, style)
        steps = round(speaker.formants * speakers.FORMANT_STEP)
        if steps != speakers.FORMANT_STEP:
            wav = resample_poly(wav, speakers.FORMANT_STEP, steps)
        wav = equalised(wav, speaker.gains_db, emotion.tilt)[said["cut"] * HOP:]
        count = int(out["durations"].sum()) * HOP
        wav = np.pad(wav, (0, max(0, count - len(wav))))[:count]
        peak = float(np.abs(wav).max())
        out["scale"] = np.float32(min(1.0, 0.98 / max(peak, 1e-9)))  # where the peak would not fit
        out["wav"] = np.round(wav * out["scale"] * 32767).astype(np.int16)
        return out


def plan(index: int, split: str, texts: dict, cast: dict, question_share: float = QUESTION_SHARE) -> tuple:
    """(text, language, speaker, emotion, degree) of utterance `index`."""
    rng = np.random.default_rng([7, corpus.SPLITS.index(split), index])
    language = "zh" if rng.random() < MANDARIN_SHARE else "en"
    text = texts[language][index % len(texts[language])]
    if rng.random() < question_share:
        kind = "wh" if rng.random() < WH_SHARE else "question"  # what tells them apart are words: both are needed
        questions = [t for t in texts[language] if emotions.kind_of(t, language) == kind] or [text]
        text = questions[rng.integers(len(questions))]
    crowd = cast["crowd"]
    crowd = crowd[-speakers.TEST_CROWD:] if split == "test" else crowd[:-speakers.TEST_CROWD]
    speaker = cast["named"][index % len(cast["named"])] if rng.random() < NAMED_SHARE else crowd[rng.integers(len(crowd))]
    if rng.random() < NEUTRAL_SHARE:
        return text, language, speaker, "neutral", 1.0
    others = [name for name in emotions.EMOTIONS if name != "neutral"]
    return text, language, speaker, others[rng.integers(len(others))], float(rng.choice(DEGREES[0], p=DEGREES[1]))


def worker(number: int, workers: int, args) -> None:
    from training.front import Front
    os.environ["OMP_NUM_THREADS"] = "1"
    top = args.work / ("labels" if args.labels else "utterances")
    stop, folder = time.time() + args.minutes * 60, top / args.split
    folder.mkdir(parents=True, exist_ok=True)
    front, maker = Front(args.build), Maker(args.work, 1, not args.labels)
    cast = dict(named=speakers.NAMED, crowd=speakers.crowd())
    texts = {language: corpus.load(args.work, language, args.split) for language in ("en", "zh")}
    seconds = 0.0
    with open(top / f"{args.split}.{number}.jsonl", "a", buffering=1) as index_file:
        for index in range(args.first + number, args.first + args.count, workers):
            if time.time() > stop:
                break
            text, language, speaker, emotion, degree = plan(index, args.split, texts, cast, args.questions)
            name = f"{index:06d}_{language}_{speaker.name}_{emotion}"
            if (folder / f"{name}.npz").exists():
                continue
            for token_ids in front(text, language)[:1]:
                asked = token_ids, text, language, speaker, emotions.EMOTIONS[emotion].at(degree), front
                made = tightened(maker.labels(*asked)[0] if args.labels else maker.utterance(*asked))
                aside = folder / f"{name}.part"
                with open(aside, "wb") as file:
                    np.savez(file, **made)
                os.replace(aside, folder / f"{name}.npz")
                length = int(made["durations"].sum()) * HOP / RATE
                seconds += length
                row = dict(name=name, speaker=speaker.name, language=language, emotion=emotion, degree=degree, text=text,
                           seconds=round(length, 3))
                index_file.write(json.dumps(row, ensure_ascii=False) + "\n")
            if index // workers % 50 == 0:
                print(f"make: {args.split} {index}, {seconds / 60:.1f} min by worker {number}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--build", type=Path, default=Path("build"), help="where the engine's library is: its front-end reads the text")
    parser.add_argument("--split", choices=corpus.SPLITS, default="train")
    parser.add_argument("--labels", action="store_true", help="without sound")
    parser.add_argument("--questions", type=float, default=QUESTION_SHARE, metavar="SHARE", help="so many are questions, half of them yes-or-no, beside those that come by themselves")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="begin with utterance I: others than those that are made from 0 on")
    parser.add_argument("--count", type=int, default=100000, help="utterances at the most")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    from training.teacher.kokoro import open_graph
    open_graph(args.work / "kokoro")
    corpus.load(args.work, "en", args.split)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=worker, args=(n, args.workers, args), daemon=True) for n in range(args.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit("make: a worker failed")


if __name__ == "__main__":
    main()
