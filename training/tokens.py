"""The phone inventory: models/tokens.txt, one name a line, id = line number from 0.

The list is the one published by the EmotiVoice project, so that one text front-end serves our voice and theirs.
"""
from __future__ import annotations

import functools
from pathlib import Path

TOKEN_FILE = Path(__file__).resolve().parent.parent / "models" / "tokens.txt"

BOUNDARY = "<sos/eos>"
ARPABET_VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
MANDARIN_INITIALS = frozenset("b c ch d f g h j k l m n p q r s sh t x y z zh".split())
FINAL_MARKS = frozenset(".?!")
PAUSES = frozenset("sp3 sp4 engsp2 engsp4".split())  # the spacers that are pauses, by us or in published data
SPACERS = frozenset("sp0 sp1 sp2 sp3 sp4 engsp0 engsp1 engsp2 engsp4 cn_eng_sp eng_cn_sp".split())


class UnknownToken(ValueError):
    """A phone that the inventory does not have."""


@functools.lru_cache(maxsize=None)
def names() -> tuple[str, ...]:
    """All token names in id order."""
    lines = TOKEN_FILE.read_text(encoding="utf-8").splitlines()
    if len(set(lines)) != len(lines):
        raise ValueError(f"{TOKEN_FILE}: a name occurs twice")
    return tuple(lines)


@functools.lru_cache(maxsize=None)
def _ids() -> dict[str, int]:
    return {name: index for index, name in enumerate(names())}


def count() -> int:
    return len(names())


def has(name: str) -> bool:
    return name in _ids()


def encode(token_names: list[str]) -> list[int]:
    """Ids of token names; raises UnknownToken naming the culprit."""
    table = _ids()
    missing = [name for name in token_names if name not in table]
    if missing:
        raise UnknownToken(f"not in {TOKEN_FILE.name}: {' '.join(missing)}")
    return [table[name] for name in token_names]


def decode(ids) -> list[str]:
    table = names()
    return [table[int(index)] for index in ids]


def is_vowel(name: str) -> bool:
    """True for an ARPAbet vowel or a Mandarin final: the tokens that carry a pitch contour."""
    if name.startswith("["):
        return name.strip("[]012") in ARPABET_VOWELS
    return name[-1:] in "12345" and name[:1].isalpha() and name not in SPACERS and not name.startswith("uncased")


def is_stressed(name: str) -> bool:
    """True for an English vowel with primary stress."""
    return name.startswith("[") and name.endswith("1]")


def tone(name: str) -> int:
    """Tone 1-5 of a Mandarin final, else 0."""
    return int(name[-1]) if is_vowel(name) and not name.startswith("[") else 0
