"""The parts of an evaluation: each asks for speech, has it heard, and returns rows for the table and details for the file.

A part is a function of the Bench (who speaks, who listens, how much); evaluate.py runs them in order and writes what they find. Beside a
figure of the engine stand, where they can be asked the same, the teacher's and hibari's.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from . import held_out, listen, measures, tones
from .listeners import sound, words
from .subjects import Engine, Request, Spoken

SPEEDS, PITCHES = (0.5, 0.7, 1.4, 2.0), (0.7, 0.85, 1.2, 1.5)
TEMPLATES = 1500  # utterances that tones are learned from
LUFS, LUFS_WITHIN, EMOTION_WITHIN, PEAK_DB = -20.0, 1.0, 3.0, -1.0
OTHER = {"en": "zh", "zh": "en"}
NAMES = {"en": "English word errors", "zh": "Mandarin syllable errors"}
MARKS = {"en": ((2, 1), (4, 2)), "zh": ((4, 2), (7, 3))}  # (must, goal) of the mean, of the worst voice


@dataclass
class Row:
    measure: str
    value: float | None
    unit: str = "%"
    must: float | None = None
    goal: float | None = None
    higher: bool = False  # is better
    teacher: float | None = None
    hibari: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.must is None or self.value is None:
            return "information" if self.must is None else "not measured"
        passes = (lambda mark: self.value >= mark) if self.higher else (lambda mark: self.value <= mark)
        return "goal" if self.goal is not None and passes(self.goal) else "must" if passes(self.must) else "falls short"


@dataclass
class Bench:
    """What the parts share. teacher and hibari are None where not wanted; scratch does not outlive the run."""
    work: Path
    scratch: Path
    engine: Engine
    teacher: object
    hibari: object
    listeners: listen.Listeners
    sentences: int = 8
    only_voices: tuple[str, ...] = ()
    kept: dict = field(default_factory=dict)

    def voices(self, language: str | None = None) -> list[str]:
        return [name for name, own in self.engine.voices.items()
                if language in (None, own) and (not self.only_voices or name in self.only_voices)]

    def texts(self, language: str, count: int, skip: int = 0) -> list[str]:
        """Held-out sentences: no training set has them."""
        found = held_out.sentences(language)
        return [found[(skip + i) % len(found)] for i in range(count)]

    def say(self, who, requests: list[Request]) -> list[Spoken]:
        found = [who.say(request) for request in requests] if who else []
        return [spoken for spoken in found if spoken is not None]

    def hear(self, spoken: list[Spoken], graded: bool = True) -> list[listen.Heard]:
        return [self.listeners.hear(s.audio, s.rate, s.request.language, s.request.text, s.request.voice, graded) for s in spoken]

    def neutral(self) -> dict[str, list[Spoken]]:
        """Every voice in both languages, by who speaks; hibari says the English sentences once."""
        if "neutral" not in self.kept:
            texts = {language: self.texts(language, self.sentences) for language in OTHER}
            requests = [Request(text, language, voice) for voice in self.voices() for language in OTHER for text in texts[language]]
            self.kept["neutral"] = {"engine": self.say(self.engine, requests), "teacher": self.say(self.teacher, requests),
                                    "hibari": self.say(self.hibari, [Request(text, "en", "hibari") for text in texts["en"]])}
        return self.kept["neutral"]

    def likeness(self):
        if "likeness" not in self.kept:
            from .listeners.likeness import Likeness
            self.kept["likeness"] = Likeness()
        return self.kept["likeness"]

    def templates(self) -> tones.Templates:
        if "templates" not in self.kept:
            self.kept["templates"] = tones.Templates(tones.taught(self.work, TEMPLATES))
        return self.kept["templates"]


def percent(part: float, whole: float) -> float:
    return 100.0 * part / max(1, whole)


def mean(values) -> float | None:
    values = list(values)
    return float(np.mean(values)) if values else None


# ---- voices: understood, liked, loud ---------------------------------------------------------------------------

def by_voice(heard: list[listen.Heard], language: str, voices: list[str], wrong: str = "wrong") -> dict[str, float]:
    """Errors in percent of each voice in a language."""
    groups = {voice: [h for h in heard if h.voice == voice and h.language == language] for voice in voices}
    return {voice: listen.rate(group, wrong) for voice, group in groups.items() if group}


def error_rows(bench: Bench, heard: dict, language: str) -> list[Row]:
    """Mean and worst of the language's own voices, and the other voices in this language."""
    own, others = bench.voices(language), bench.voices(OTHER[language])
    spread = {who: by_voice(heard[who], language, own) for who in ("engine", "teacher")}
    rival = listen.rate(heard["hibari"]) if language == "en" and heard["hibari"] else None
    rows = []
    if spread["engine"]:
        (must, goal), (must_worst, goal_worst) = MARKS[language]
        worst = max(spread["engine"], key=spread["engine"].get)
        note = ", ".join(f"{voice} {value:.1f}" for voice, value in spread["engine"].items())
        rows = [Row(f"{NAMES[language]}, mean over the voices", mean(spread["engine"].values()), "%", must, goal,
                    teacher=mean(spread["teacher"].values()), hibari=rival, note=note),
                Row(f"{NAMES[language]}, worst voice", spread["engine"][worst], "%", must_worst, goal_worst,
                    teacher=max(spread["teacher"].values(), default=None), hibari=rival, note=worst)]
    across = {who: by_voice(heard[who], language, others) for who in ("engine", "teacher")}
    if across["engine"]:
        (must, goal), (must_worst, goal_worst) = MARKS[language]
        worst = max(across["engine"], key=across["engine"].get)
        note = ", ".join(f"{voice} {value:.1f}" for voice, value in across["engine"].items())
        rows += [Row(f"{NAMES[language]} of the other language's voices, mean", mean(across["engine"].values()), "%", 2 * must, 2 * goal,
                     teacher=mean(across["teacher"].values()), hibari=rival, note=note),
                 Row(f"{NAMES[language]} of the other language's voices, worst", across["engine"][worst], "%", 2 * must_worst, 2 * goal_worst,
                     teacher=max(across["teacher"].values(), default=None), hibari=rival, note=worst)]
    return rows


def spread_of_sentences(heard: list[listen.Heard], key: str) -> str:
    """How sure a mean is: its standard error, as sentences differ more than voices do, and the farthest sentences."""
    means = [np.mean([getattr(h, key) for h in heard if h.text == text]) for text in dict.fromkeys(h.text for h in heard)]
    if len(means) < 2:
        return ""
    error = np.std(means, ddof=1) / math.sqrt(len(means))
    return f"{np.mean(means):.3f}, standard error {error:.3f}; sentences from {min(means):.2f} to {max(means):.2f}"


def quality_rows(heard: dict) -> list[Row]:
    rows = []
    for name, key, must, goal in (("DNSMOS overall, mean", "overall", 3.3, 3.4), ("DNSMOS P.808, mean", "p808", 3.8, 4.0)):
        value = {who: mean(getattr(h, key) for h in heard[who]) for who in heard}
        rows.append(Row(name, value["engine"], "", must, goal, True, value["teacher"], value["hibari"], spread_of_sentences(heard["engine"], key)))
    return rows


def loudness_rows(spoken: list[Spoken], voices: list[str]) -> tuple[list[Row], dict]:
    from .listeners import loudness
    levels = {voice: loudness.lufs([s.audio for s in spoken if s.request.voice == voice], spoken[0].rate) for voice in voices}
    peak = loudness.true_peak_db([s.audio for s in spoken])
    far = max(levels, key=lambda voice: abs(levels[voice] - LUFS))
    return ([Row(f"loudness: farthest voice from {LUFS:g} LUFS", abs(levels[far] - LUFS), "LU", LUFS_WITHIN, note=f"{far} {levels[far]:.1f} LUFS"),
             Row("true peak, highest", peak, "dBFS", PEAK_DB)], {"lufs": levels, "peak_db": peak})


def voices(bench: Bench) -> tuple[list[Row], dict]:
    spoken = bench.neutral()
    heard = {who: bench.hear(said) for who, said in spoken.items()}
    rows = error_rows(bench, heard, "en") + error_rows(bench, heard, "zh")
    english = {who: [h for h in heard[who] if h.language == "en"] for who in heard}
    if english["engine"]:
        rate = {who: listen.rate(found, "tiny_wrong") if found else None for who, found in english.items()}
        rows.append(Row("English word errors, Whisper tiny.en, all voices", rate["engine"], teacher=rate["teacher"], hibari=rate["hibari"]))
    rows += quality_rows(heard)
    loud, levels = loudness_rows(spoken["engine"], bench.voices())
    tables = {who: {f"{voice} {language}": listen.summary(group) for (voice, language), group in listen.grouped(found).items()}
              for who, found in heard.items() if found}
    return rows + loud, {"voices": tables, "worst": {who: listen.worst(found, 12).splitlines() for who, found in heard.items()}, "loudness": levels}


def tones_written(heard: list[listen.Heard]) -> float | None:
    """Right tones in percent; the listener knows the language, so this flatters."""
    counts = [words.tones(h.text, h.heard) for h in heard]
    return percent(sum(n - wrong for wrong, n in counts), sum(n for _, n in counts)) if counts else None


# ---- tones -----------------------------------------------------------------------------------------------------

def pairs_told_apart(bench: Bench, who, voices: list[str]) -> dict | None:
    """Words that differ by a tone alone, in sentences that fit both: right ones, the other ones, and neither."""
    pairs = {text: pair for text, *pair in held_out.tone_pairs()}
    spoken = bench.say(who, [Request(text, "zh", voice) for voice in voices for text in pairs])
    heard = [words.word_heard(h.heard, *pairs[h.text]) for h in bench.hear(spoken, graded=False)]
    counts = {name: heard.count(value) for name, value in (("right", True), ("other", False), ("neither", None))}
    return {**counts, "share": percent(counts["right"], len(heard))} if heard else None


def mandarin_tones(bench: Bench) -> tuple[list[Row], dict]:
    spoken, own, templates = bench.neutral(), bench.voices("zh"), bench.templates()
    scores, late = {}, {}
    for who in ("engine", "teacher"):
        lines = [(measures.f0_of(s.measured()), s.marks) for s in spoken[who] if s.request.language == "zh" and s.request.voice in own]
        heard = [syllable for f0, marks in lines for syllable in tones.syllables_of(f0, marks)]
        late[who] = measures.lateness(lines) if heard else None
        scores[who] = templates.score(heard) if heard else None
    if not scores["engine"]:
        return [], {}
    share = {who: score and 100 * score["share"] for who, score in scores.items()}
    behind = {who: value if value is None else 1000 * value for who, value in late.items()}
    note = f"{scores['engine']['count']} syllables, {scores['engine']['unvoiced']} without a contour"
    heard = {who: tones_written(bench.hear([s for s in spoken[who] if s.request.language == "zh" and s.request.voice in own], graded=False)) for who in share}
    pairs = {who: pairs_told_apart(bench, getattr(bench, who), own) for who in share}
    told = "right {right}, the other {other}, neither {neither}".format(**pairs["engine"])
    return [Row("Mandarin tones, by F0 contour", share["engine"], "%", 95, 98, True, share["teacher"], note=note),
            Row("Mandarin words that differ by a tone alone, as Whisper base writes them", pairs["engine"]["share"], "%", higher=True,
                teacher=pairs["teacher"] and pairs["teacher"]["share"], note=told),
            Row("Mandarin tones of what Whisper base writes, where the syllable is right", heard["engine"], "%", higher=True, teacher=heard["teacher"]),
            Row("phone times behind the sound", behind["engine"], "ms", teacher=behind["teacher"])], {**scores, "late_s": late, "pairs": pairs}


# ---- emotions --------------------------------------------------------------------------------------------------

def emotion_requests(bench: Bench, count: int) -> list[Request]:
    """Each sentence in two voices of its language and all emotions: so many, since a few words more or less decide a mark."""
    return [Request(text, language, voice, emotion=label) for language in OTHER for text in bench.texts(language, count)
            for voice in bench.voices(language)[:2] for label in bench.engine.emotions]


def emotion_table(spoken: list[Spoken]) -> tuple[np.ndarray, list[str], list[str]]:
    """Features against the voice's neutral mean, labels, texts."""
    late = measures.lateness([(measures.f0_of(s.measured()), s.marks) for s in spoken if s.request.emotion == "neutral"])
    described = [measures.describe(s.measured(), measures.earlier(s.marks, late)) for s in spoken]
    rows = [[d[name] for name in measures.FEATURES] for d in described]
    neutral: dict[tuple, list] = {}
    for row, s in zip(rows, spoken):
        if s.request.emotion == "neutral":
            neutral.setdefault((s.request.voice, s.request.language), []).append(row)
    centred = [np.array(row) - np.mean(neutral[s.request.voice, s.request.language], axis=0) for row, s in zip(rows, spoken)]
    return np.stack(centred), [s.request.emotion for s in spoken], [s.request.text for s in spoken]


def cross_validated(rows: np.ndarray, labels: list[str], texts: list[str]) -> list[str]:
    """Labels found for each row by a classifier that learned from the other half of the sentences."""
    order = sorted(set(texts))
    half = np.array([order.index(text) % 2 for text in texts])
    found = np.empty(len(rows), object)
    for side in (0, 1):
        learn = half != side
        judge = measures.Classifier(rows[learn], [label for label, keep in zip(labels, learn) if keep])
        found[half == side] = judge.decide(rows[half == side])
    return found.tolist()


def told_apart(spoken: list[Spoken], labels: list[str]) -> dict | None:
    if not spoken:
        return None
    rows, wanted, texts = emotion_table(spoken)
    found = cross_validated(rows, wanted, texts)
    means = {label: dict(zip(measures.FEATURES, rows[[w == label for w in wanted]].mean(0).round(2).tolist())) for label in labels}
    return {"share": percent(sum(a == b for a, b in zip(wanted, found)), len(wanted)), "labels": labels,
            "confusion": measures.confusion(wanted, found, labels), "means": means}


def worst_excess(rates: dict[str, float]) -> tuple[str, float]:
    """The emotion that is farthest above twice neutral and a point, and by how much (below zero: none is)."""
    excess = {label: value - (2 * rates["neutral"] + 1) for label, value in rates.items() if label != "neutral"}
    worst = max(excess, key=excess.get)
    return worst, excess[worst]


def emotions(bench: Bench) -> tuple[list[Row], dict]:
    from .listeners import loudness
    labels, requests = bench.engine.emotions, emotion_requests(bench, max(2, bench.sentences))
    spoken = {"engine": bench.say(bench.engine, requests), "teacher": bench.say(bench.teacher, requests)}
    heard = {who: bench.hear(said, graded=False) for who, said in spoken.items()}
    told = {who: told_apart(said, labels) for who, said in spoken.items()}
    rows = [Row("8 emotions told apart", told["engine"]["share"], "%", 90, 97, True, told["teacher"] and told["teacher"]["share"],
                note=f"{len(spoken['engine'])} utterances; learned from half of the sentences, tried on the others, both ways")]
    rates = {who: {language: {label: listen.rate([h for h, s in zip(heard[who], said) if s.request.emotion == label and h.language == language])
                              for label in labels} for language in OTHER} for who, said in spoken.items() if said}
    for language in OTHER:
        worst, excess = worst_excess(rates["engine"][language])
        theirs = worst_excess(rates["teacher"][language])[1] if "teacher" in rates else None
        note = f"{worst} {rates['engine'][language][worst]:.1f}, neutral {rates['engine'][language]['neutral']:.1f}"
        rows.append(Row(f"{NAMES[language]} by emotion: worst above twice neutral and a point", excess, "points", 0, teacher=theirs, note=note))
    level = {label: loudness.lufs([s.audio for s in spoken["engine"] if s.request.emotion == label], spoken["engine"][0].rate) for label in labels}
    far = max(labels, key=lambda label: abs(level[label] - level["neutral"]))
    rows.append(Row("loudness: farthest emotion from neutral", abs(level[far] - level["neutral"]), "LU", EMOTION_WITHIN, note=far))
    return rows, {"told": told, "errors": rates, "lufs": level}


# ---- clones of real people -------------------------------------------------------------------------------------

def clones(bench: Bench) -> tuple[list[Row], dict]:
    """Each person's clone speaks both languages; whose recording is it nearest to, all cut to the band of that person's recording?"""
    from .listeners import people
    crowd, found = people.everybody(), []
    likeness, count = bench.likeness(), max(2, bench.sentences // 2)
    folder = bench.scratch / "people"
    folder.mkdir(parents=True, exist_ok=True)
    heard: dict[tuple[str, int], np.ndarray] = {}  # a recording that is narrower than the band stays as it is

    def matched(other, band: int) -> np.ndarray:
        key = other.name, min(other.rate, band)
        if key not in heard:
            heard[key] = likeness.hear(sound.in_band(other.match, other.rate, band), other.rate)
        return heard[key]

    for person in crowd:
        path = folder / f"{person.name}.wav"
        soundfile.write(path, person.reference, person.rate)
        vectors = {other.name: matched(other, person.rate) for other in crowd}
        own = float(likeness.hear(person.reference, person.rate) @ vectors[person.name])
        for language in OTHER:
            said = bench.say(bench.engine, [Request(text, language, person.name, path) for text in bench.texts(language, count)])
            if not said:
                continue
            clip = np.concatenate([s.audio for s in said])
            vector = likeness.hear(sound.in_band(clip, said[0].rate, person.rate), said[0].rate)
            alike = {name: float(vector @ other) for name, other in vectors.items()}
            nearest = max(alike, key=alike.get)
            who = {other.name: other.who for other in crowd}
            found.append({"person": person.name, "language": language, "alike": alike, "nearest": nearest, "right": who[nearest] == person.who,
                          "similarity": alike[person.name], "recording_itself": own})
    right, similar = percent(sum(f["right"] for f in found), len(found)), mean(f["similarity"] for f in found)
    note = "; ".join(f"{f['person']} in {f['language']}: {f['nearest']} {f['similarity']:.2f}" for f in found)
    ceiling = f"another recording of the same person: {mean(f['recording_itself'] for f in found):.2f}"
    return [Row(f"clones of {len(crowd)} real recordings: nearest to the right person", right, "%", 65, 90, True, note=note),
            Row("clones: mean similarity to the person", similar, "", 0.72, 0.82, True, note=ceiling)], {"clones": found}


# ---- speed and pitch -------------------------------------------------------------------------------------------

def controls(bench: Bench) -> tuple[list[Row], dict]:
    """speed and pitch_scale do what they say, against the same sentence without them."""
    plain = [Request(text, language, voice) for language in OTHER for voice in bench.voices(language)[:2]
             for text in bench.texts(language, max(1, bench.sentences // 4))]
    base = bench.say(bench.engine, plain)
    height = lambda s: measures.median_f0(measures.f0_of(s.measured()))  # noqa: E731
    middle, duration, pitch = [height(s) for s in base], {}, {}
    ask = lambda s, **setting: bench.engine.say(Request(s.request.text, s.request.language, s.request.voice, **setting))  # noqa: E731
    for speed in SPEEDS:
        duration[speed] = [100 * abs(ask(s, speed=speed).seconds * speed / s.seconds - 1) for s in base]
    for scale in PITCHES:
        pitch[scale] = [100 * abs(height(ask(s, pitch_scale=scale)) / (scale * hz) - 1) for s, hz in zip(base, middle) if hz]
    rows = []
    for name, table in (("speed 0.5-2: error of the duration", duration), ("pitch_scale 0.7-1.5: error of the median F0", pitch)):
        means = {setting: mean(values) for setting, values in table.items()}
        note = f"worst sentence {max(max(values) for values in table.values()):.1f}; " + ", ".join(f"at {k:g}: {v:.1f}" for k, v in means.items())
        rows.append(Row(f"{name}, worst setting", max(means.values()), "%", 3, 1, note=note))
    return rows, {name: {f"{key:g}": values for key, values in table.items()} for name, table in (("duration", duration), ("pitch", pitch))}


# ---- cost ------------------------------------------------------------------------------------------------------

def costs(bench: Bench) -> tuple[list[Row], dict]:
    """Operations by the configuration; CPU seconds of one thread, engine and hibari saying the same English in turns."""
    from . import cost
    acoustic, vocoder = cost.acoustic_gflop(bench.engine.config), cost.vocoder_gflop(bench.engine.config)
    rate = bench.engine.config["vocoder"]["sample_rate"]
    size = bench.engine.model.stat().st_size / 1e6
    rows = [Row("cost, acoustic model and vocoder, a second of audio", acoustic + vocoder, "GFLOP", 0.6, 0.4,
                note=f"{acoustic:.2f} + {vocoder:.2f}, at {rate / 1000:g} kHz"),
            Row("the model file", size, "MB", 40, 20)]
    details = {"acoustic": acoustic, "vocoder": vocoder, "mb": size}
    if bench.hibari and bench.voices():
        pace = {"engine": [], "hibari": []}
        for turn, text in enumerate(bench.texts("en", bench.sentences + 1)):
            for who, speaker in (("engine", bench.engine), ("hibari", bench.hibari)):
                before = speaker.busy_s, speaker.spoken_s
                if speaker.say(Request(text, "en", bench.voices()[0])) is not None and turn:  # the first warms up
                    pace[who].append((speaker.busy_s - before[0], speaker.spoken_s - before[1]))
        each = {who: sum(busy for busy, _ in taken) / max(1e-9, sum(s for _, s in taken)) for who, taken in pace.items()}
        rows.append(Row("CPU seconds a second of audio, against hibari's", each["engine"] / each["hibari"], "x", 0.5, 0.25,
                        note=f"{1000 * each['engine']:.0f} ms against {1000 * each['hibari']:.0f}, one thread each, in turns"))
        details["cpu_s_per_s"] = each
    return rows, details


PARTS = {"voices": voices, "tones": mandarin_tones, "emotions": emotions, "clones": clones, "controls": controls, "cost": costs}
