"""Recordings of people for the speaker encoder to learn from: synthetic speech alone does not teach it what rooms and throats do.

From Debian, free for any use: letters and syllables in twenty languages (klettres-data), names of things (ktuberling-data), actors of a
game in Czech and Dutch (fillets-ng-data-cs, -nl). They are heard, and described by Resemblyzer's vectors; no voice is made of them. None of
them is of those that clones are measured with (listeners/people.py).
"""
from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr

from .listeners import sound

RATE = 16000
LETTERS, THINGS, GAME = Path("/usr/share/klettres"), Path("/usr/share/ktuberling/sounds"), Path("/usr/share/games/fillets-ng/sound")
STRETCH_S, GAP_S, LEVEL = 4.5, 0.08, 0.05
LEAST_S = 5.0            # of a person, or they are left out
HELD_OUT_ONE_IN = 6      # for the exam


def folders() -> dict[str, list[Path]]:
    """Recordings by person, as far as names of folders and files tell: one who reads both letters and syllables counts as two."""
    found: dict[str, list[Path]] = {}
    for folder in sorted(LETTERS.glob("*/*/")):
        found[f"real-letters-{folder.parent.name}-{folder.name}"] = sorted(folder.glob("*.ogg"))
    for folder in sorted(THINGS.glob("*/")):
        found[f"real-things-{folder.name}"] = sorted([*folder.glob("*.wav"), *folder.glob("*.ogg")])
    for path in sorted(GAME.glob("*/*/*.ogg")):
        role = re.match(r"[^-]+-([a-z]+)-", path.stem)  # m and v are the two fish
        if role and path.parent.name in ("cs", "nl"):
            found.setdefault(f"real-game-{path.parent.name}-{role[1]}", []).append(path)
    if not found:
        print("recorded: no recordings of people: script/bootstrap --training installs them", file=sys.stderr)
    return found


def held_out(name: str) -> bool:
    """Of one of these people, played at any speed, whom no training hears."""
    person = name.split("*")[0]
    return person.startswith("real-") and sum(person.encode()) % HELD_OUT_ONE_IN == 0


def read(path: Path) -> np.ndarray:
    """At 16 kHz and one level, without what is quiet at both ends."""
    wav, rate = sound.read(path)
    wav = soxr.resample(np.asarray(wav, np.float64), rate, RATE)
    frames = wav[:len(wav) // 160 * 160].reshape(-1, 160)
    if not len(frames):
        return wav[:0]
    size = np.sqrt((frames ** 2).mean(1))
    loud = np.flatnonzero(size > 0.03 * (np.abs(wav).max() + 1e-9))
    if not len(loud):
        return wav[:0]
    wav = wav[loud[0] * 160:(loud[-1] + 1) * 160]
    return wav / np.sqrt((wav ** 2).mean()) * LEVEL


def stretches(paths: list[Path], most: int, rng: np.random.Generator) -> list[np.ndarray]:
    """At most `most` waveforms of some STRETCH_S; short recordings are laid end to end."""
    found, parts, length, gap = [], [], 0, np.zeros(int(GAP_S * RATE))
    for index in rng.permutation(len(paths)):
        wav = read(paths[index])[:int(2 * STRETCH_S * RATE)]
        parts += [wav, gap]
        length += len(wav) + len(gap)
        if length >= STRETCH_S * RATE:
            found.append(np.concatenate(parts))
            parts, length = [], 0
            if len(found) == most:
                return found
    if not found and length >= LEAST_S / 2 * RATE:
        found.append(np.concatenate(parts))
    return found


def voices(most: int, played, speeds) -> Iterator[tuple[str, np.ndarray]]:
    """(name, waveform): each person as they are, and at other speeds, by which they are other people (variety.played)."""
    rng = np.random.default_rng(9)
    for name, paths in folders().items():
        said = stretches(paths, most, rng)
        if sum(map(len, said)) < LEAST_S * RATE / 2:
            continue
        for number, wav in enumerate(said):
            yield f"{name}*50", wav
            for steps in (speeds[(number + k * 3) % len(speeds)] for k in range(2)):
                yield f"{name}*{steps}", played(wav, RATE, steps)
