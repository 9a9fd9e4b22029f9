"""Recordings of real people, to measure clones with and for nothing else: no training may read them.

From Debian: announcements of telephone exchanges (asterisk-core-sounds-*, CC-BY-SA; the English at 16 kHz, the others at 8; the English and the
Spanish speaker are one person) and Mandarin syllables (gcin-voice, CC-BY; speakers 3 and 5). Of each person there are two stretches of other
words: `reference`, which is cloned, and `match`, by which the clone is to be recognised. Which files they are of is a matter of their
names alone.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import sound

SOUNDS, SYLLABLES = Path("/usr/share/asterisk/sounds"), Path("/usr/share/gcin-voice/ogg")
# name, who, files, what they end in; Allison speaks two of them
RECORDINGS = (("en", "allison", SOUNDS / "en_US_f_Allison", "*.g722"), ("es", "allison", SOUNDS / "es_MX_f_Allison", "*.wav"),
              ("fr", "june", SOUNDS / "fr_CA_f_June", "*.wav"), ("it", "carlo", SOUNDS / "it_IT_m_Carlo", "*.wav"),
              ("ru", "ivr", SOUNDS / "ru_RU_f_IvrvoiceRU", "*.wav"), ("zh3", "gcin3", SYLLABLES, "*/3.ogg"), ("zh5", "gcin5", SYLLABLES, "*/5.ogg"))
REFERENCE_S, MATCH_S = 10.0, 15.0
SENTENCE_S = (2.0, 9.0)  # of an announcement; syllables are taken as they are


@dataclass
class Person:
    name: str       # of the recording
    who: str        # the person
    rate: int
    reference: np.ndarray
    match: np.ndarray


def read(path: Path) -> tuple[np.ndarray, int]:
    if path.suffix != ".g722":
        return sound.read(path)
    import av
    with av.open(str(path), format="g722") as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(frames) / 32768.0, 16000


def person(name: str, who: str, folder: Path, pattern: str) -> Person:
    paths = sorted(folder.glob(pattern), key=lambda path: hashlib.sha256(str(path.relative_to(folder)).encode()).hexdigest())
    if not paths:
        raise SystemExit(f"no recordings in {folder}: install asterisk-core-sounds-en-g722, -es-wav, -fr-wav, -it-wav, -ru-wav and gcin-voice "
                         f"(script/bootstrap --training does)")
    gap, stretches, rate = 0.1, {"reference": [], "match": []}, 0
    length = lambda parts: sum(len(part) for part in parts) / rate  # noqa: E731
    for path in paths:
        audio, rate = read(path)
        if folder == SOUNDS / folder.name and not SENTENCE_S[0] <= len(audio) / rate <= SENTENCE_S[1]:
            continue
        which = "reference" if not stretches["reference"] or length(stretches["reference"]) < REFERENCE_S else "match"
        stretches[which] += [audio, np.zeros(int(gap * rate))]
        if stretches["match"] and length(stretches["match"]) >= MATCH_S:
            break
    reference, match = (np.concatenate(stretches[key]) for key in ("reference", "match"))
    return Person(name, who, rate, reference[:int(REFERENCE_S * rate)], match)


def everybody() -> list[Person]:
    return [person(*recording) for recording in RECORDINGS]
