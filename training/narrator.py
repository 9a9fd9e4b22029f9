"""The shipped model as the one who reads the transcripts first: what it would say, in the recordings' own voice, with times.

`Engine` asks the command for the phones of a text. `Narrator` holds the model's networks: it hears who speaks in the recordings, and
says a sentence as that speaker, as mel with the frames of each phone. recordings.py lays that along the recording (align.py).
"""
from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from scipy.signal import resample_poly

from . import align, features
from .packed import Packed
from .spectral import noise, sources
from .teacher import make, symbols

SPEEDS = (0.5, 2.0)  # how far the reference's tempo follows the recording's


class Refused(ValueError):
    """The engine does not speak this text; the message is the engine's own."""


@dataclass
class Sentence:
    names: list[str]
    tokens: list[int]
    text: str
    language: str
    symbol_frames: np.ndarray = field(default_factory=lambda: np.zeros(0))  # as the narrator said it last

    def shares(self, spelled: list[int], owners: list[int]) -> np.ndarray:
        """How long each symbol is, relative to its token's others; alike where they were not said."""
        said = self.symbol_frames
        return np.maximum(said, 0.5) if len(said) == len(spelled) else np.ones(len(owners))


class Engine:
    """The command, for phones: text to tokens exactly as synthesis will do it."""

    def __init__(self, command, model):
        if not Path(command).exists():
            raise SystemExit(f"{command} is missing: build it first (./script/run), or name it with --engine")
        self.arguments = [str(command), "phones", "--json", "--quiet", "--model", str(model)]

    def phones(self, text: str, language: str) -> list[Sentence]:
        done = subprocess.run([*self.arguments, "--language", language, "-"], input=text.encode(), capture_output=True)
        if done.returncode == 4:
            raise Refused(done.stderr.decode(errors="replace").strip().removeprefix("emotivoice: "))
        if done.returncode:
            raise SystemExit(f"{' '.join(self.arguments)}: {done.stderr.decode(errors='replace').strip()}")
        answer = json.loads(done.stdout)
        return [self._sentence(part, text.encode(), answer["words"]) for part in answer["sentences"]]

    @staticmethod
    def _sentence(part: dict, text: bytes, words: list[dict]) -> Sentence:
        begin, end = part["byte_begin"], part["byte_end"]
        inside = [w["language"] for w in words if begin <= w["byte_begin"] < end]
        mandarin = sum(language == "zh" for language in inside) * 2 > len(inside)
        return Sentence([p["name"] for p in part["phones"]], [p["token"] for p in part["phones"]],
                        text[begin:end].decode(errors="replace").strip(), "zh" if mandarin else "en")


class Narrator:
    """The model's networks, and the speaker it imitates once `hear` was called."""

    def __init__(self, model: Packed):
        if model.family("acoustic") != "convnext":
            raise SystemExit(f"{model.path} is of an older family; recordings are trained on from a model of today's")
        self.encoder, self.acoustic, self.vocoder = (model.network(name) for name in ("speaker", "acoustic", "vocoder"))
        names = self.acoustic.config["emotions"]
        self.neutral = torch.tensor([float(name == "neutral") for name in names])
        self.speaker, self.median = None, 0.0

    @torch.no_grad()
    def vector(self, audio: np.ndarray) -> np.ndarray:
        """Unit speaker vector of audio."""
        bank = torch.from_numpy(features.fbank(audio))[None]
        return F.normalize(self.encoder(bank))[0].numpy()

    def imitate(self, vectors: list[np.ndarray], median: float) -> None:
        mean = np.mean(vectors, axis=0)
        self.speaker, self.median = torch.from_numpy((mean / np.linalg.norm(mean)).astype(np.float32)), median

    @torch.no_grad()
    def say(self, sentence: Sentence, speed: float = 1.0) -> align.Reference:
        ids, owners = symbols.expand(sentence.tokens)
        said, f0, energy, durations = self.acoustic.infer(torch.tensor(ids), self.speaker, self.median, self.neutral, speed=speed)
        sentence.symbol_frames = durations.numpy()
        condition = torch.cat([self.speaker, self.neutral])[None]
        spectra = self.vocoder.spectra(said[None], f0[None], energy[None], condition)
        wav = self.vocoder.wave(spectra, *sources(f0.numpy(), 1), torch.from_numpy(noise(1, len(f0)))[None])[0].numpy()
        return align.Reference(features.mel(resample_poly(wav.astype(np.float64), 2, 3)), self.frames(sentence, owners, durations.numpy()),
                               sentence.names)

    @staticmethod
    def frames(sentence: Sentence, owners: list[int], durations: np.ndarray) -> np.ndarray:
        """Frames of features.mel for each token, when it sounds."""
        rate = features.SAMPLE_RATE / features.HOP * make.HOP / make.RATE  # frames of features.mel to one of the networks'
        total = int(durations.sum() * rate)
        ends = np.minimum(np.round(make.heard_ends(owners, durations, len(sentence.tokens)) * rate).astype(int), total)
        ends[-1] = total
        return np.diff(np.concatenate([[0], ends]))

    def read(self, sentences: list[Sentence], seconds: float) -> list[align.Reference]:
        """All sentences, about as fast as a recording with so many seconds of speech."""
        first = [self.say(sentence) for sentence in sentences]
        own = sum(int(r.durations.sum()) for r in first) * features.HOP / features.SAMPLE_RATE
        speed = float(np.clip(own / max(seconds, 0.1), *SPEEDS))
        return first if 0.9 < speed < 1.1 else [self.say(sentence, speed) for sentence in sentences]
