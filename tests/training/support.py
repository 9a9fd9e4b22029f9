"""What the training tests share: a step run in this process, flite as a speaker whose phone times are known."""
from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import sys
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

from training import align, features, tokens
from tests.training.flite import Flite
from tests.training.flite_speech import speak_english, to_frames

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "build" / "emotivoice"
MODEL = Path(os.environ.get("EMOTIVOICE_MODEL") or ROOT / "models" / "emotivoice-default.safetensors")
RATE = 16000

needs_engine_and_model = unittest.skipUnless(
    ENGINE.exists() and MODEL.exists(), f"needs the command ({ENGINE.name}) and a model ({MODEL.name}): build, and train or fetch them")


def run(module: str, *arguments) -> tuple[str, str]:
    """Runs training.<module> with arguments. Returns what it printed, and why it ended early ('' if it did not)."""
    printed, end = io.StringIO(), ""
    with mock.patch.object(sys, "argv", [module, *map(str, arguments)]), \
            contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            importlib.import_module(f"training.{module}").main()
        except SystemExit as error:
            end = str(error.code or "")
    return printed.getvalue(), end


@functools.lru_cache(maxsize=None)
def flite() -> Flite:
    return Flite()


class Speech:
    """A sentence by a flite voice: audio (16 kHz float), and tokens with their end times."""

    def __init__(self, text: str, voice: str):
        made = speak_english(flite(), text, voice)
        self.audio = made["wav"] / 32768.0
        self.names, self.ends = tokens.decode(made["tokens"]), made["ends"]

    def reference(self) -> align.Reference:
        durations, total = to_frames(self.ends, len(self.audio))
        wav = np.pad(self.audio, (0, total * features.HOP - len(self.audio)))
        return align.Reference(features.mel(wav), durations, self.names)

    def sounds(self, shift: float = 0.0) -> list[tuple[str, float]]:
        return sounds(self.names, self.ends + shift)


def sounds(names: list[str], ends: np.ndarray) -> list[tuple[str, float]]:
    """(phone without stress, end) of what is heard."""
    return [(name.strip("[]").rstrip("012"), float(end)) for name, end in zip(names, ends) if not align.is_silent(name)]


def recorded(audio: np.ndarray, lead: float, seed: int, noise_db: float = -35.0) -> np.ndarray:
    """As if recorded in a room: silence around it, and noise."""
    rng = np.random.default_rng(seed)
    audio = np.pad(audio, (int(lead * RATE), int(0.4 * RATE))) * 0.6
    return audio + rng.normal(0, np.sqrt((audio**2).mean()) * 10 ** (noise_db / 20), len(audio))


def boundary_report(what: str, errors) -> tuple[float, float, float]:
    """Prints and returns: median error in ms, shares within 30 and 50 ms."""
    errors = np.abs(np.asarray(errors)) * 1e3
    result = float(np.median(errors)), float((errors < 30).mean()), float((errors < 50).mean())
    print(f"\n  {what}: {len(errors)} boundaries, median error {result[0]:.1f} ms, "
          f"{result[1]:.1%} within 30 ms, {result[2]:.1%} within 50 ms", file=sys.stderr)
    return result
