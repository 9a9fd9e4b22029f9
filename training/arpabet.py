"""Teacher phones to the inventory's ARPAbet with stress, for flite and for espeak-ng's American English."""
from __future__ import annotations

from training import tokens

FLITE_RENAMED = {"ax": "AH", "axr": "ER", "ix": "IH", "ux": "UW", "el": "L", "em": "M", "en": "N", "hv": "HH", "dx": "T", "nx": "N"}

ESPEAK = {
    "p": "P", "b": "B", "t": "T", "t#": "T", "t2": "T", "?": "T", "d": "D", "k": "K", "g": "G", "f": "F", "v": "V", "T": "TH",
    "D": "DH", "s": "S", "z": "Z", "S": "SH", "Z": "ZH", "h": "HH", "tS": "CH", "dZ": "JH", "m": "M", "n": "N", "N": "NG",
    "l": "L", "r": "R", "r-": "R", "w": "W", "j": "Y", "n-": "AH N", "@L": "AH L", "@": "AH", "@2": "AH", "@-": "AH", "V": "AH",
    "a#": "AH", "I": "IH", "I2": "IH", "I#": "IH", "i": "IY", "i:": "IY", "E": "EH", "a": "AE", "aa": "AE", "0": "AA",
    "A:": "AA", "A@": "AA R", "O:": "AO", "O2": "AO", "O@": "AO R", "o@": "AO R", "e@": "EH R", "i@3": "IH R", "i@": "IY AH",
    "U@": "UH R", "3": "ER", "3:": "ER", "aI": "AY", "aI@": "AY AH", "aI3": "AY ER", "aU": "AW", "eI": "EY", "oU": "OW",
    "OI": "OY", "U": "UH", "u:": "UW"}
# Vowels that are never stressed, whatever the syllable says.
ESPEAK_REDUCED = frozenset(("@", "@2", "@-", "a#", "3", "@L", "n-", "I2", "I#", "i"))
_MARKS = "',%=|-_ :~;!"


def from_flite(phone: str, stress: str) -> str:
    """flite's phone name and its syllable's stress to a token; schwa is never stressed."""
    name = FLITE_RENAMED.get(phone, phone.upper())
    if name not in tokens.ARPABET_VOWELS:
        return f"[{name}]"
    level = "0" if phone in ("ax", "ix", "axr") or stress not in ("1", "2") else stress
    return f"[{name}{level}]"


def espeak_stresses(sounds: list[str], marked: str) -> list[bool]:
    """For each phoneme, whether a stress mark stands before it in espeak-ng's phoneme string."""
    at, stresses = 0, []
    for name in sounds:
        accent = False
        while at < len(marked) and not marked.startswith(name, at):
            if marked[at] not in _MARKS:
                raise ValueError(f"phonemes and their transcription part at {marked[at:at + 8]!r}, expected {name}")
            accent = accent or marked[at] in "',"
            at += 1
        stresses.append(accent)
        at += len(name)
    return stresses


def spread(name: str, stressed: bool, begin: float, end: float) -> list[tuple[str, float]]:
    """Tokens and end times of one espeak phoneme; a vowel with a coda takes 60 % of the time."""
    pieces = ESPEAK[name].split()
    ends = [end] if len(pieces) == 1 else [begin + 0.6 * (end - begin), end]
    made = []
    for index, (piece, stop) in enumerate(zip(pieces, ends)):
        vowel = piece in tokens.ARPABET_VOWELS
        level = "1" if stressed and index == 0 and name not in ESPEAK_REDUCED else "0"
        made.append((f"[{piece}{level}]" if vowel else f"[{piece}]", stop))
    return made


def is_syllabic(name: str) -> bool:
    return ESPEAK[name].split()[0] in tokens.ARPABET_VOWELS


def carry_stress(sounds: list[str], stresses: list[bool], words: list[int]) -> list[bool]:
    """Moves a mark on to its syllable's vowel; the full vowel of a one-syllable word is stressed, as in flite's lexicon."""
    carried, pending = [], False
    for index, name in enumerate(sounds):
        pending = pending or stresses[index]
        vowel = is_syllabic(name)
        alone = vowel and sum(is_syllabic(s) for s, w in zip(sounds, words) if w == words[index]) == 1
        carried.append(vowel and (pending or alone))
        pending = pending and not vowel
    return carried


def align_espeak(text: str, phonemes, marked: str, total: float) -> tuple[list[str], list[float], float]:
    """Names, ends, start of speech. ValueError where espeak-ng ran words together, because their boundary is then lost."""
    solid = [i for i, p in enumerate(phonemes) if not p.name.startswith("_") and p.name != ";"]
    sounds = [phonemes[i].name for i in solid]
    words = [phonemes[i].position for i in solid]
    if len(set(words)) != len(text.split()):
        raise ValueError(f"{len(set(words))} words spoken of {len(text.split())}")
    unknown = [name for name in sounds if name not in ESPEAK]
    if unknown:
        raise ValueError(f"unknown phonemes {unknown}")
    stressed = carry_stress(sounds, espeak_stresses(sounds, marked), words)
    names, ends = [], []
    for order, index in enumerate(solid):
        begin = phonemes[index].start
        if order and words[order] != words[order - 1]:
            paused = any(p.name.startswith("_") for p in phonemes[solid[order - 1] + 1:index])
            names.append("engsp4" if paused else "engsp1")
            ends.append(begin if paused else ends[-1])
        stop = phonemes[index + 1].start if index + 1 < len(phonemes) else total
        for name, end in spread(sounds[order], stressed[order], begin, stop):
            if name == "[R]" and names and names[-1] == "[R]":
                ends[-1] = end  # espeak-ng adds a linking r to a vowel that has one
                continue
            names.append(name)
            ends.append(end)
    return names, ends, phonemes[solid[0]].start
