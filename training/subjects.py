"""Who is asked to speak in an evaluation: the engine, the teacher that it learned from (Kokoro), and the rival (hibari).

All answer a Request with samples, their rate and, but for hibari, the times of the phones; None where they cannot (hibari speaks English, in
one voice and no mood; the teacher has no speed or pitch_scale to be asked for). What the slow teacher said is kept in files.
"""
from __future__ import annotations

import hashlib
import json
import os
import resource
import struct
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from . import measures, tokens
from .library import Library
from .listeners import sound


@dataclass(frozen=True)
class Request:
    """One sentence in a named voice, or in that of a reference recording."""
    text: str
    language: str
    voice: str = ""
    reference: Path | None = None
    emotion: str = "neutral"
    speed: float = 1.0
    pitch_scale: float = 1.0


def chosen_voices(wanted: str, voices, model) -> list[str]:
    """The names in a comma-separated list; each must be a voice of the model."""
    names = [name for name in wanted.split(",") if name]
    for name in names:
        if name not in voices:
            raise SystemExit(f"{model} has no voice {name}: it has {', '.join(voices)}")
    return names


@dataclass
class Spoken:
    request: Request
    audio: np.ndarray
    rate: int
    marks: list[tuple[str, float, float]] = field(default_factory=list)  # phone, begin, end in seconds

    @property
    def seconds(self) -> float:
        return len(self.audio) / self.rate

    def measured(self) -> np.ndarray:
        """As measures.py takes it."""
        return sound.at_rate(self.audio, self.rate, measures.SAMPLE_RATE)


def cpu_s() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Speaker:
    """Keeps the account of what speaking cost."""

    def __init__(self):
        self.busy_s, self.spoken_s = 0.0, 0.0

    def say(self, request: Request) -> Spoken | None:
        before = cpu_s()
        spoken = self._say(request)
        if spoken is not None:
            self.busy_s, self.spoken_s = self.busy_s + cpu_s() - before, self.spoken_s + spoken.seconds
        return spoken

    def _say(self, request: Request) -> Spoken | None:
        raise NotImplementedError


# ---- the engine ------------------------------------------------------------------------------------------------

def model_config(path: Path) -> dict:
    """The configuration in a model file's metadata."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        return json.loads(json.loads(file.read(size))["__metadata__"]["emotivoice"])


class Engine(Speaker):
    """The built library and a model, one thread."""

    def __init__(self, build: Path, model: Path, threads: int = 1):
        super().__init__()
        if not Path(model).exists():
            raise SystemExit(f"{model} is missing: export a model first")
        self.model, self.config, self.failed = Path(model), model_config(model), []
        self.voices = {voice["name"]: voice["language"] for voice in self.config["voices"]}
        self.emotions = self.config["acoustic"]["emotions"]
        self.library = Library(Path(build), Path(model), threads)

    def _say(self, request: Request) -> Spoken | None:
        try:
            audio, rate, marks = self.library.say(request, None if request.reference else request.voice)
        except RuntimeError as error:
            self.failed.append(f"{request.text}: {error}")
            print(f"evaluate: {self.failed[-1]}", file=sys.stderr)
            return None
        return Spoken(request, audio, rate, marks)


# ---- the teacher -----------------------------------------------------------------------------------------------

class Teacher(Speaker):
    """Kokoro opened (training/teacher) as the named speakers that the voice learned from, reading with the engine's front-end."""

    def __init__(self, work: Path, folder: Path, build: Path, threads: int = 1):
        from .front import Front
        from .teacher import speakers
        super().__init__()
        self.work, self.folder, self.threads = work, Path(folder), threads
        self.crew = {speaker.name: speaker for speaker in speakers.NAMED}
        self.folder.mkdir(parents=True, exist_ok=True)
        self.maker, self.front = None, Front(build)
        rules = [Path(tokens.__file__), *sorted(Path(speakers.__file__).parent.glob("*.py"))]
        self.rules = hashlib.sha256(b"".join(path.read_bytes() for path in rules)).hexdigest()

    def _say(self, request: Request) -> Spoken | None:
        if request.voice not in self.crew or request.reference or request.speed != 1 or request.pitch_scale != 1:
            return None
        read = [np.asarray(ids).tolist() for ids in self.front(request.text, request.language)]
        key = json.dumps([read, request.text, request.language, request.emotion, asdict(self.crew[request.voice]), self.rules])
        path = self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.npz"
        if not path.exists():
            aside = path.with_suffix(f".{os.getpid()}.part")
            with open(aside, "wb") as file:
                np.savez(file, **self._make(request, read))
            os.replace(aside, path)
        with np.load(path) as data:
            return Spoken(request, data["wav"].astype(np.float64) / 32768, 24000, marks_of(data["tokens"], data["ends"]))

    def _make(self, request: Request, read: list[list[int]]) -> dict:
        """All sentences of the text; read: the tokens of each."""
        from .teacher import emotions, make
        if self.maker is None:
            self.maker = make.Maker(self.work, self.threads)
        speaker, emotion = self.crew[request.voice], emotions.EMOTIONS[request.emotion]
        return make.joined([self.maker.utterance(ids, request.text, request.language, speaker, emotion, self.front) for ids in read])


def marks_of(token_ids, ends) -> list[tuple[str, float, float]]:
    return list(zip(tokens.decode(token_ids), [0.0, *np.asarray(ends)[:-1].tolist()], np.asarray(ends).tolist()))


# ---- the rival -------------------------------------------------------------------------------------------------

class Hibari(Speaker):
    """hibari-tts, voice heart, one thread."""
    VOICE = "heart"

    def __init__(self, threads: int = 1):
        super().__init__()
        from hibari import Hibari as Package
        self.package = Package(threads=threads)

    def _say(self, request: Request) -> Spoken | None:
        if request.language != "en" or request.reference or request.emotion != "neutral" or request.pitch_scale != 1:
            return None
        return Spoken(request, np.asarray(self.package(request.text, speed=request.speed), np.float64), self.package.sample_rate)
