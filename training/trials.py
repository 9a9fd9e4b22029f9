"""The trials of an evaluation: each asks the subject to speak, measures, and returns rows for the table and details for the file.

A trial is a function of the Bench (who speaks, who listens, how much); evaluate.py runs them in order and writes what they find.
"""
from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from . import corpus, measures, recogniser, tokens, tones
from .speakers import EMOTIONS
from .subjects import SAMPLE_RATE, Request, Spoken

ENGLISH_VOICES = ("slt", "rms")
MANDARIN_VOICES = ("lin", "yan", "mei", "gao", "shi", "lan")
LABELS = list(EMOTIONS)
SPEEDS, PITCHES = (0.5, 0.7, 1.4, 2.0), (0.7, 0.85, 1.2, 1.5)
CLONE_SECONDS = (3, 5, 10)
CLONE_MUST = {3: 80, 5: 85, 10: 90}


@dataclass
class Amounts:
    """How much is spoken: a full run and a quick one for tests."""
    english: int = 150
    mandarin: int = 72
    emotions: int = 8  # sentences a language; as many others teach the second classifier
    clones: int = 20
    clone_texts: int = 3
    controls: int = 3
    templates: int = 260


QUICK = Amounts(english=4, mandarin=6, emotions=2, clones=6, clone_texts=1, controls=1, templates=90)


@dataclass
class Row:
    measure: str
    value: float
    unit: str = "%"
    must: float | None = None
    goal: float | None = None
    higher: bool = False  # is better
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.must is None:
            return "information"
        passes = (lambda mark: self.value >= mark) if self.higher else (lambda mark: self.value <= mark)
        return "goal" if self.goal is not None and passes(self.goal) else "must" if passes(self.must) else "falls short"


@dataclass
class Bench:
    """What the trials share. folder outlives a run, scratch does not. subject and teacher answer say_all; vector gives the speaker vector of a recording."""
    work: Path
    folder: Path
    scratch: Path
    subject: object
    teacher: object
    vector: object
    amounts: Amounts
    kept: dict = field(default_factory=dict)

    def texts(self, language: str, count: int, skip: int = 0) -> list[str]:
        """Held-out sentences: the teacher can align them, and no training set has them."""
        return corpus.load(self.work, language, "test")[skip:skip + count]

    def pairs(self, requests: list[Request]) -> list[tuple[Spoken, Spoken]]:
        """(the subject's speech, the teacher's own) of each request that the teacher can speak."""
        own = self.teacher.say_all(requests)
        asked = [request for request, spoken in zip(requests, own) if spoken is not None]
        said = self.subject.say_all(asked)
        return [(a, b) for a, b in zip(said, [o for o in own if o is not None]) if a is not None]

    def hear(self, language: str, audio: np.ndarray) -> list[str]:
        """Words or phones that the recogniser hears; remembered by the sound, since the teacher's never changes."""
        if "heard" not in self.kept:
            path = self.folder / "heard.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.kept["heard"] = json.loads(path.read_text()) if path.exists() else {}
        if language not in self.kept:
            self.kept[language] = recogniser.English() if language == "en" else recogniser.Mandarin(self.work)
        listener = self.kept[language]
        stamp = f"{language}{getattr(listener, 'stamp', '')}".encode()
        key = hashlib.sha256(stamp + audio.astype(np.float32).tobytes()).hexdigest()[:24]
        if key not in self.kept["heard"]:
            self.kept["heard"][key] = listener.hear(audio)
        return self.kept["heard"][key]

    def save_heard(self) -> None:
        """Another run may have heard something meanwhile."""
        path = self.folder / "heard.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        partial = path.with_suffix(f".{os.getpid()}.json")
        partial.write_text(json.dumps({**before, **self.kept.get("heard", {})}, ensure_ascii=False))
        partial.rename(path)

    def errors(self, spoken: Spoken) -> tuple[int, int]:
        """Wrong words or phones, and how many there are."""
        language, text = spoken.request.language, spoken.request.text
        wanted = recogniser.words_of(text) if language == "en" else recogniser.phones_of(text)
        return sum(measures.edits(wanted, self.hear(language, spoken.audio))), len(wanted)

    def templates(self) -> tones.Templates:
        if "templates" not in self.kept:
            self.kept["templates"] = tones.Templates(teacher_syllables(self.work, self.amounts.templates))
        return self.kept["templates"]


def teacher_syllables(work: Path, utterances: int) -> list[tones.Syllable]:
    """Syllables of neutral teacher speech of the training split, dealt over its speakers."""
    rows = [json.loads(line) for line in open(work / "utterances" / "train.jsonl", encoding="utf-8")]
    rows = [row for row in rows if row["language"] == "zh" and row["emotion"] == "neutral"]
    step = max(1, len(rows) // utterances)
    found = []
    for row in rows[::step]:
        with np.load(work / "utterances" / "train" / f"{row['name']}.npz") as data:
            ends = np.cumsum(data["durations"]) * 256 / SAMPLE_RATE
            marks = list(zip(tokens.decode(data["tokens"]), [0.0, *ends[:-1]], ends))
            found += tones.syllables_of(data["wav"] / 32768.0, marks)
    return found


def percent(part: float, whole: float) -> float:
    return 100.0 * part / max(1, whole)


# ---- words, phones, tones --------------------------------------------------------------------------------------

def error_rows(bench: Bench, name: str, pairs, must: float, goal: float) -> tuple[list[Row], dict]:
    """The subject's error rate minus the teacher's own, with a 95 % interval over sentences."""
    ours, own = [bench.errors(a) for a, _ in pairs], [bench.errors(b) for _, b in pairs]
    totals = [n for _, n in ours]
    rate, base = percent(sum(w for w, _ in ours), sum(totals)), percent(sum(w for w, _ in own), sum(totals))
    low, high = measures.bootstrap_difference([w for w, _ in ours], [w for w, _ in own], totals)
    by_voice = {}
    for (a, _), (wrong, total), (theirs, _) in zip(pairs, ours, own):
        entry = by_voice.setdefault(a.request.speaker, [0, 0, 0])
        for slot, amount in enumerate((wrong, theirs, total)):
            entry[slot] += amount
    voices = {voice: {"rate": round(percent(w, n), 2), "teacher": round(percent(t, n), 2)}
              for voice, (w, t, n) in by_voice.items()}
    note = f"{rate:.1f} % against {base:.1f} %; {len(pairs)} utterances, 95 % interval {100 * low:+.1f} to {100 * high:+.1f}"
    heard = [" ".join(bench.hear(a.request.language, a.audio)) for a, _ in pairs]
    worst = sorted(((w / n, a.request.text, text) for (a, _), (w, n), text in zip(pairs, ours, heard)), reverse=True)[:8]
    return ([Row(name, rate - base, "points", must, goal, note=note)],
            {"rate": rate, "teacher": base, "voices": voices, "worst": worst})


def english_words(bench: Bench) -> tuple[list[Row], dict]:
    requests = [Request(text, "en", voice) for text in bench.texts("en", bench.amounts.english) for voice in ENGLISH_VOICES]
    bench.kept["english"] = pairs = bench.pairs(requests)
    return error_rows(bench, "English word error rate minus the teacher's own", pairs, 4, 1)


def mandarin_speech(bench: Bench):
    """Pairs that the phone and the tone trial share: voices dealt out in turn."""
    if "mandarin" not in bench.kept:
        texts = bench.texts("zh", bench.amounts.mandarin)
        bench.kept["mandarin"] = bench.pairs([Request(text, "zh", MANDARIN_VOICES[index % len(MANDARIN_VOICES)])
                                              for index, text in enumerate(texts)])
    return bench.kept["mandarin"]


def mandarin_phones(bench: Bench) -> tuple[list[Row], dict]:
    pairs = mandarin_speech(bench)
    rows, details = error_rows(bench, "Mandarin phone error rate minus the teacher's own", pairs, 6, 2)
    same = total = 0
    for ours, own in pairs:
        said, read = ([p for p, _, _ in s.marks if tokens.tone(p)] for s in (ours, own))
        same, total = same + len(read) - sum(measures.edits(read, said)), total + len(read)
    rows.append(Row("Mandarin syllables read as the teacher reads them, tone included", percent(same, total), higher=True))
    return rows, details


def mandarin_tones(bench: Bench) -> tuple[list[Row], dict]:
    pairs, templates = mandarin_speech(bench), bench.templates()
    ours = templates.score([s for a, _ in pairs for s in tones.syllables_of(a.audio, a.marks)])
    own = templates.score([s for _, b in pairs for s in tones.syllables_of(b.audio, b.marks)])
    voices = {}
    for voice in MANDARIN_VOICES:
        heard = [s for a, _ in pairs if a.request.speaker == voice for s in tones.syllables_of(a.audio, a.marks)]
        voices[voice] = round(100 * templates.score(heard)["share"], 1)
    note = f"{ours['count']} syllables, {ours['unvoiced']} without a contour; the teacher's own {100 * own['share']:.1f} %"
    return ([Row("Mandarin tones: syllables nearest to the right tone", 100 * ours["share"], must=90, goal=97, higher=True,
                 note=note)],
            {"ours": ours, "teacher": own, "voices": voices})


# ---- emotions --------------------------------------------------------------------------------------------------

def emotion_requests(bench: Bench, skip: int) -> list[Request]:
    """Each sentence in two voices of its language and all emotions."""
    count, found = bench.amounts.emotions, []
    for language, voices in (("en", ENGLISH_VOICES), ("zh", MANDARIN_VOICES[:2])):
        for text in bench.texts(language, count, skip):
            found += [Request(text, language, voice, emotion=label) for voice in voices for label in LABELS]
    return found


def emotion_table(spoken: list[Spoken]) -> tuple[np.ndarray, list[str], list[str]]:
    """Features against the voice's neutral mean, labels, texts."""
    rows = [[measures.describe(s.audio, s.marks)[name] for name in measures.FEATURES] for s in spoken]
    neutral: dict[tuple, list] = {}
    for row, s in zip(rows, spoken):
        if s.request.emotion == "neutral":
            neutral.setdefault((s.request.speaker, s.request.language), []).append(row)
    centred = [np.array(row) - np.mean(neutral[s.request.speaker, s.request.language], axis=0)
               for row, s in zip(rows, spoken)]
    return np.stack(centred), [s.request.emotion for s in spoken], [s.request.text for s in spoken]


def cross_validated(rows: np.ndarray, labels: list[str], texts: list[str]) -> list[str]:
    """Labels found for each row by a classifier that learned from the other half of the sentences."""
    order = sorted(set(texts))
    half = np.array([order.index(text) % 2 for text in texts])
    found = np.empty(len(rows), object)
    for side in (0, 1):
        learn = half != side
        judge = measures.Classifier(rows[learn], [l for l, keep in zip(labels, learn) if keep])
        found[half == side] = judge.decide(rows[half == side])
    return found.tolist()


def feature_means(rows: np.ndarray, labels: list[str]) -> dict:
    """Mean features of each emotion, by name."""
    return {label: dict(zip(measures.FEATURES, rows[[l == label for l in labels]].mean(0).round(2).tolist())) for label in LABELS}


def emotions(bench: Bench) -> tuple[list[Row], dict]:
    amount = bench.amounts.emotions
    spoken = [s for s in bench.subject.say_all(emotion_requests(bench, 0)) if s is not None]
    taught = [s for s in bench.teacher.say_all(emotion_requests(bench, amount)) if s is not None]
    bench.kept["emotional"] = spoken
    rows, labels, texts = emotion_table(spoken)
    found = cross_validated(rows, labels, texts)
    lessons, lesson_labels, _ = emotion_table(taught)
    judged = measures.Classifier(lessons, lesson_labels).decide(rows)
    share = lambda guess: percent(sum(a == b for a, b in zip(labels, guess)), len(labels))
    note = f"{len(labels)} utterances; trained on half of the sentences, tested on the other half, both ways"
    return ([Row("8 emotions told apart", share(found), must=80, goal=95, higher=True, note=note),
             Row("8 emotions told apart by a classifier that heard only the teachers", share(judged), higher=True)],
            {"labels": LABELS, "confusion": measures.confusion(labels, found, LABELS),
             "means": feature_means(rows, labels), "teacher_means": feature_means(lessons, lesson_labels),
             "confusion_by_teacher": measures.confusion(labels, judged, LABELS)})


def clarity(bench: Bench) -> tuple[list[Row], dict]:
    """Error rates and tones per emotion, on the speech of the trial `emotions`."""
    if "emotional" not in bench.kept:
        bench.kept["emotional"] = [s for s in bench.subject.say_all(emotion_requests(bench, 0)) if s is not None]
    table = {}
    for label in LABELS:
        entry = table.setdefault(label, {})
        for language, name in (("en", "word_error"), ("zh", "phone_error")):
            counts = [bench.errors(s) for s in bench.kept["emotional"]
                      if s.request.emotion == label and s.request.language == language]
            entry[name] = round(percent(sum(w for w, _ in counts), sum(n for _, n in counts)), 1)
        heard = [syllable for s in bench.kept["emotional"] if s.request.emotion == label and s.request.language == "zh"
                 for syllable in tones.syllables_of(s.audio, s.marks)]
        entry["tones"] = round(100 * bench.templates().score(heard)["share"], 1)
    worst = max(LABELS, key=lambda label: table[label]["word_error"] + table[label]["phone_error"])
    row = Row(f"hardest emotion to understand ({worst}): English word errors", table[worst]["word_error"])
    return [row], {"emotions": table}


# ---- cloning ---------------------------------------------------------------------------------------------------

@dataclass
class Stranger:
    """A held-out speaker: recordings to clone from (by length) and one to be recognised by."""
    name: str
    language: str
    references: dict[int, Path]
    match: Path
    texts: list[str]


def recordings(work: Path) -> dict[str, list[dict]]:
    """Index rows of the neutral test utterances of each held-out speaker."""
    found: dict[str, list[dict]] = {}
    for line in open(work / "utterances" / "test.jsonl", encoding="utf-8"):
        row = json.loads(line)
        if row["speaker"].startswith("te") and row["emotion"] == "neutral":
            found.setdefault(row["speaker"], []).append(row)
    return found


def mother_tongue(rows: list[dict]) -> str:
    """The language of most of a speaker's utterances: Mandarin voices say some English too."""
    languages = [row["language"] for row in rows]
    return max(set(languages), key=languages.count)


def make_stranger(bench: Bench, name: str, rows: list[dict]) -> Stranger:
    """Lays the last utterances aside for recognition (up to 10 s), joins the others for cloning."""
    def sound(row):
        with np.load(bench.work / "utterances" / "test" / f"{row['name']}.npz") as data:
            return data["wav"] / 32768.0

    aside = max(1, len(rows) // 3)
    folder = bench.scratch / "references"
    folder.mkdir(parents=True, exist_ok=True)
    match, source = folder / f"{name}-match.wav", np.concatenate([sound(row) for row in rows[:-aside]])
    soundfile.write(match, np.concatenate([sound(row) for row in rows[-aside:]])[:10 * SAMPLE_RATE], SAMPLE_RATE)
    references = {}
    for seconds in CLONE_SECONDS:
        references[seconds] = folder / f"{name}-{seconds}s.wav"
        soundfile.write(references[seconds], source[:seconds * SAMPLE_RATE], SAMPLE_RATE)
    used = {row["text"] for row in rows}
    language = mother_tongue(rows)
    texts = [text for text in bench.texts(language, 120, skip=20) if text not in used]
    start = int(hashlib.sha256(name.encode()).hexdigest(), 16) % (len(texts) - bench.amounts.clone_texts)
    return Stranger(name, language, references, match, texts[start:start + bench.amounts.clone_texts])


def strangers(bench: Bench) -> list[Stranger]:
    """As many speakers of each language, those with most speech first."""
    found = recordings(bench.work)
    length = {name: sum(row["seconds"] for row in rows) for name, rows in found.items()}
    chosen = []
    for language in ("en", "zh"):
        names = sorted((n for n in found if mother_tongue(found[n]) == language), key=lambda n: -length[n])
        chosen += names[:bench.amounts.clones // 2]
    return [make_stranger(bench, name, found[name]) for name in sorted(chosen)]


def nearest(vector: np.ndarray, table: dict[str, np.ndarray]) -> str:
    return max(table, key=lambda name: float(vector @ table[name]))


def clone_one(bench: Bench, stranger: Stranger, seconds: int, table, requests: list[Request], results: list[dict]) -> None:
    """Speaks in the stranger's voice; who does it sound like, and how high?"""
    said = [s for s in bench.subject.say_all(requests) if s is not None]
    reference = measures.f0_of(soundfile.read(stranger.references[seconds])[0])
    pitch = np.concatenate([measures.f0_of(s.audio) for s in said]) if said else np.zeros(1)
    ratio = measures.median_f0(pitch) / max(1.0, measures.median_f0(reference))
    for number, spoken in enumerate(said):
        path = bench.scratch / "references" / f"{stranger.name}-clone-{seconds}s-{spoken.request.language}-{number}.wav"
        soundfile.write(path, spoken.audio, SAMPLE_RATE)
        vector = bench.vector(path)
        if vector is not None:
            results.append({"speaker": stranger.name, "seconds": seconds, "language": spoken.request.language,
                            "ratio": round(ratio, 4), "nearest": nearest(vector, table), "cosine": round(float(vector @ table[stranger.name]), 4),
                            "cross": spoken.request.language != stranger.language})


def cloning(bench: Bench) -> tuple[list[Row], dict]:
    crowd = strangers(bench)
    table = {stranger.name: bench.vector(stranger.match) for stranger in crowd}
    results: list[dict] = []
    for stranger in crowd:
        for seconds in CLONE_SECONDS:
            requests = [Request(text, stranger.language, stranger.name, stranger.references[seconds]) for text in stranger.texts]
            clone_one(bench, stranger, seconds, table, requests, results)
        other = "zh" if stranger.language == "en" else "en"
        requests = [Request(text, other, stranger.name, stranger.references[10]) for text in bench.texts(other, 1, skip=30)]
        clone_one(bench, stranger, 10, table, requests, results)
    own = {s.name: {seconds: nearest(bench.vector(s.references[seconds]), table) == s.name for seconds in CLONE_SECONDS}
           for s in crowd}
    return clone_rows(crowd, results, own), {"trials": results, "references_right": own}


def clone_rows(crowd: list[Stranger], results: list[dict], own: dict) -> list[Row]:
    rows, plain = [], [r for r in results if not r["cross"]]
    right = lambda chosen: percent(sum(r["nearest"] == r["speaker"] for r in chosen), len(chosen))
    for seconds in CLONE_SECONDS:
        chosen = [r for r in plain if r["seconds"] == seconds]
        heard = percent(sum(flags[seconds] for flags in own.values()), len(own))
        cosine = np.mean([r["cosine"] for r in chosen]) if chosen else 0.0
        rows.append(Row(f"clone from {seconds} s: nearest of {len(crowd)} references", right(chosen), must=CLONE_MUST[seconds],
                        goal=95, higher=True, note=f"{len(chosen)} trials, mean cosine {cosine:.2f}; the reference itself {heard:.0f} %"))
    cross = [r for r in results if r["cross"]]
    if cross:
        rows.append(Row("clone from 10 s, speaking the other language: nearest reference", right(cross), higher=True,
                        note=f"{len(cross)} trials"))
    pitch = {(r["speaker"], r["seconds"]): r["ratio"] for r in plain}
    close = sum(abs(ratio - 1) <= 0.1 for ratio in pitch.values())
    off = 100 * np.mean([abs(ratio - 1) for ratio in pitch.values()])
    rows.append(Row("clone: median pitch within 10 % of the reference's", percent(close, len(pitch)), must=80, goal=95, higher=True,
                    note=f"{len(pitch)} clones, mean deviation {off:.1f} %"))
    return rows


# ---- controls and samples --------------------------------------------------------------------------------------

def speech_span(spoken: Spoken) -> float:
    """Seconds from the first sound to the end of the last."""
    times = [(begin, end) for phone, begin, end in spoken.marks if measures.is_spoken(phone)]
    return times[-1][1] - times[0][0]


def controls(bench: Bench) -> tuple[list[Row], dict]:
    """speed and pitch_scale do what they say, against the same sentence without them."""
    plain = [Request(text, language, voice) for language, voices in (("en", ENGLISH_VOICES), ("zh", MANDARIN_VOICES[:2]))
             for text in bench.texts(language, bench.amounts.controls, skip=40) for voice in voices]
    base = bench.subject.say_all(plain)
    kept = [(request, spoken) for request, spoken in zip(plain, base) if spoken is not None]
    duration, span, pitch = {}, {}, {}
    for speed in SPEEDS:
        said = bench.subject.say_all([Request(r.text, r.language, r.speaker, speed=speed) for r, _ in kept])
        duration[speed] = [abs(s.seconds * speed / b.seconds - 1) for s, (_, b) in zip(said, kept) if s is not None]
        span[speed] = [abs(speech_span(s) * speed / speech_span(b) - 1) for s, (_, b) in zip(said, kept) if s is not None]
    for scale in PITCHES:
        said = bench.subject.say_all([Request(r.text, r.language, r.speaker, pitch_scale=scale) for r, _ in kept])
        height = lambda s: measures.median_f0(measures.f0_of(s.audio))
        pitch[scale] = [abs(height(s) / (scale * height(b)) - 1) for s, (_, b) in zip(said, kept) if s is not None]
    gather = lambda table: [value for values in table.values() for value in values]
    describe = lambda table: f"worst {100 * max(gather(table)):.1f} %; mean by setting " + ", ".join(
        f"{key:g}: {100 * np.mean(values):.1f}" for key, values in table.items())
    rows = [Row("speed 0.5-2: error of the duration", 100 * np.mean(gather(duration)), must=8, goal=3, note=describe(duration)),
            Row("speed 0.5-2: error of the duration without the silence around", 100 * np.mean(gather(span)), note=describe(span)),
            Row("pitch_scale 0.7-1.5: error of the median pitch", 100 * np.mean(gather(pitch)), must=5, goal=2, note=describe(pitch))]
    tables = {"duration": duration, "span": span, "pitch": pitch}
    return rows, {name: {str(key): values for key, values in table.items()} for name, table in tables.items()}


def samples(bench: Bench) -> tuple[list[Row], dict]:
    """Faults of the waveform, and how far its spectrum is from the teacher's saying of the same sentence."""
    pairs = bench.kept.get("english", [])[:12] + mandarin_speech(bench)[:12]
    distance = [measures.cepstral_distance_db(a.audio, b.audio) for a, b in pairs]
    faults = [measures.faults(a.audio) for a, _ in pairs + [(s, None) for s in bench.kept.get("emotional", [])]]
    mean = {name: float(np.mean([f[name] for f in faults])) for name in faults[0]}
    silence = ", ".join(f"{place} {1000 * mean[key]:.0f} ms (longest {1000 * max(f[key] for f in faults):.0f})"
                        for place, key in (("before", "lead_s"), ("after", "tail_s")))
    return [Row("mel-cepstral distance to the teacher, best alignment", float(np.mean(distance)), "dB"),
            Row("samples at full scale", 100 * mean["clipped"], note=f"{len(faults)} utterances"),
            Row("mean of the samples", 100 * max(abs(f["offset"]) for f in faults), note="largest of all utterances"),
            Row("silence before and after speech", 1000 * (mean["lead_s"] + mean["tail_s"]), "ms", note=silence)], mean


TRIALS = {"english": english_words, "phones": mandarin_phones, "tones": mandarin_tones, "emotions": emotions,
          "clarity": clarity, "cloning": cloning, "controls": controls, "samples": samples}
