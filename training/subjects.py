"""Who is asked to speak in an evaluation: the engine through its command, or the teachers that it learned from.

Both answer a list of requests with audio at 16 kHz and the times of the phones, so that every measure can be taken of both:
the teacher's figure is the yardstick (issue: "minus the teacher's own") and, as --oracle, the ceiling.
"""
from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from . import speakers as cast
from . import teachers, tokens, virtual
from .library import Library

SAMPLE_RATE, HOP = 16000, 256


@dataclass(frozen=True)
class Request:
    """One sentence. speaker is the virtual or plain speaker that should be heard; the engine knows it as a named voice of the
    same base, or by the reference."""
    text: str
    language: str
    speaker: str
    reference: Path | None = None
    emotion: str = "neutral"
    speed: float = 1.0
    pitch_scale: float = 1.0


@dataclass
class Spoken:
    request: Request
    audio: np.ndarray
    marks: list[tuple[str, float, float]] = field(default_factory=list)  # phone, begin, end in seconds

    @property
    def seconds(self) -> float:
        return len(self.audio) / SAMPLE_RATE


def read_audio(path: Path) -> np.ndarray:
    audio, rate = soundfile.read(path, dtype="float64", always_2d=True)
    if rate != SAMPLE_RATE:
        raise SystemExit(f"{path}: {rate} Hz; the evaluation expects {SAMPLE_RATE}")
    return audio[:, 0]


# ---- the engine ------------------------------------------------------------------------------------------------

def model_config(path: Path) -> dict:
    """The configuration in a model file's metadata."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        return json.loads(json.loads(file.read(size))["__metadata__"]["emotivoice"])


class Engine:
    """The built command. Requests that differ only in their text go to one `say --lines`."""

    def __init__(self, command: Path, model: Path, folder: Path, threads: int = 1):
        self.command, self.model, self.folder, self.threads = Path(command), Path(model), Path(folder), threads
        for path in (self.command, self.model):
            if not path.exists():
                raise SystemExit(f"{path} is missing: build the engine and export a model first, or use --oracle")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = model_config(self.model)
        self.voices = {voice.get("base", voice["name"]): voice["name"] for voice in self.config["voices"]}
        self.library, self.count, self.busy_s, self.failed = None, 0, 0.0, []

    def run(self, *arguments) -> str:
        """Standard output of the command; a failure's one line goes into self.failed."""
        done = subprocess.run([str(self.command), *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            self.failed.append(done.stderr.strip())
            print(f"evaluate: {' '.join(map(str, arguments[:2]))}: {done.stderr.strip()}", file=sys.stderr)
        return done.stdout

    def named(self) -> list[str]:
        """Voices as `voice list` tells a user."""
        return [voice["name"] for voice in json.loads(self.run("voice", "list", "--json", "--model", self.model))["voices"]]

    def vector(self, path: Path) -> np.ndarray | None:
        """Unit speaker vector of a recording."""
        shown = self.run("voice", "show", path, "--json", "--model", self.model)
        return np.array(json.loads(shown)["vector"]) if shown else None

    def say_all(self, requests: list[Request]) -> list[Spoken | None]:
        groups: dict[Request, list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault(dataclasses.replace(request, text=""), []).append(index)
        answers: list[Spoken | None] = [None] * len(requests)
        for common, places in groups.items():
            for place, spoken in zip(places, self._say_lines(common, [requests[p] for p in places])):
                answers[place] = spoken
        return answers

    def _say_lines(self, common: Request, requests: list[Request]) -> list[Spoken | None]:
        self.count += 1
        folder = self.folder / f"{self.count:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        texts = folder / "lines.txt"
        texts.write_text("".join(r.text + "\n" for r in requests), encoding="utf-8")
        out = self.run("say", "--lines", "--file", texts, "-o", folder / "%05d.wav", "--json", "--quiet", "--model", self.model,
                       "--threads", self.threads, *self._settings(common))
        reports = {row["line"]: row for row in map(json.loads, out.splitlines())}
        self.busy_s += sum(row["rtf"] * row["seconds"] for row in reports.values())
        return [self._heard(request, reports.get(number)) for number, request in enumerate(requests, 1)]

    def _settings(self, request: Request) -> list[str]:
        voice = ["--reference", request.reference] if request.reference else ["--voice", self.voice_of(request.speaker)]
        return [*voice, "--emotion", request.emotion, "--speed", f"{request.speed:g}", "--pitch-scale", f"{request.pitch_scale:g}",
                "--language", request.language]

    def voice_of(self, speaker: str) -> str:
        if speaker not in self.voices:
            raise SystemExit(f"{self.model} has no voice made from {speaker}: it has {', '.join(self.voices)}")
        return self.voices[speaker]

    def _heard(self, request: Request, report: dict | None) -> Spoken | None:
        if report is None:
            return None
        spoken = Spoken(request, read_audio(Path(report["output"])))
        if "marks" in report:
            spoken.marks = [(m["phone"], m["begin_s"], m["end_s"]) for m in report["marks"]]
        else:
            spoken.marks = self._marks(request, len(spoken.audio))
        return spoken

    def _marks(self, request: Request, samples: int) -> list[tuple[str, float, float]]:
        """Phone times from the library: the same request gives the same samples, so they fit the command's audio."""
        if self.library is None:
            self.library = Library(self.command.parent, self.model, self.threads)
        voice = None if request.reference else self.voice_of(request.speaker)
        count, marks = self.library.marks(request, voice)
        if count != samples:
            raise SystemExit(f"the library gives {count} samples where the command gave {samples}: {request.text}")
        return [(phone, begin / SAMPLE_RATE, end / SAMPLE_RATE) for phone, begin, end in marks]


# ---- the teachers ----------------------------------------------------------------------------------------------

class Teacher:
    """flite or espeak-ng, and WORLD where a virtual speaker, an emotion, a speed or another pitch is asked for.

    plain=True gives the untouched synthesizer where the request allows it, as the test recordings have it; plain=False always
    goes through WORLD, as most of the training data did. Results are kept in files, for the next run.
    """

    def __init__(self, work: Path, folder: Path, plain: bool):
        self.folder, self.plain = Path(folder), plain
        self.folder.mkdir(parents=True, exist_ok=True)
        self.crew = {speaker.name: speaker for speaker in cast.load(Path(work) / "speakers.json")}
        self.last: tuple[tuple, dict, virtual.Analysis] | None = None

    def say_all(self, requests: list[Request]) -> list[Spoken | None]:
        return [self.say(request) for request in requests]

    def say(self, request: Request) -> Spoken | None:
        """None for what the teacher cannot do, such as Mandarin by flite."""
        key = json.dumps([request.text, request.language, request.speaker, request.emotion, request.speed, request.pitch_scale,
                          self.plain, dataclasses.astuple(self.crew[request.speaker])])
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.npz"
        if not path.exists():
            try:
                made = self._make(request)
            except (teachers.Misaligned, tokens.UnknownToken, ValueError, KeyError):
                made = None
            arrays = {} if made is None else {name: made[name] for name in ("wav", "tokens", "durations")}
            partial = path.with_suffix(".part.npz")
            np.savez(partial, **arrays)
            partial.rename(path)
        with np.load(path) as data:
            if "wav" not in data.files:
                return None
            ends = np.cumsum(data["durations"]) * HOP / SAMPLE_RATE
            marks = list(zip(tokens.decode(data["tokens"]), [0.0, *ends[:-1].tolist()], ends.tolist()))
            return Spoken(request, data["wav"] / 32768.0, marks)

    def _make(self, request: Request) -> dict | None:
        speaker = self.crew[request.speaker]
        base, analysis = self._base(request.text, request.language, speaker.base)
        if base is None:
            return None
        moved = dataclasses.replace(speaker, rate=speaker.rate * request.speed, f0_ratio=speaker.f0_ratio * request.pitch_scale)
        raw = self.plain and moved.plain and moved.rate == moved.f0_ratio == 1.0 and request.emotion == "neutral"
        return virtual.speak(base, analysis, moved, request.emotion, 1.0, raw and speaker.base not in cast.RANGE_REPAIR)

    def _base(self, text: str, language: str, voice: str):
        """The synthesizer's own reading and its analysis; the last one is kept, since requests come in runs of one text."""
        if self.last is None or self.last[0] != (text, language, voice):
            if voice in teachers.ESPEAK_VOICES:
                speak = teachers.speak_mandarin if language == "zh" else teachers.speak_bridge
                made = speak(teachers._engine("espeak"), text, voice)
            elif language == "zh":
                return None, None
            else:
                made = teachers.speak_english(teachers._engine("flite"), text, voice)
            made.update(text=text, base=voice, language=language, names=tokens.decode(made["tokens"]))
            self.last = ((text, language, voice), made, virtual.Analysis(made["wav"], voice))
        return self.last[1:]
