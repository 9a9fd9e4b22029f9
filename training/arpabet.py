"""Teacher phones to the inventory's ARPAbet with stress."""
from __future__ import annotations

from training import tokens

FLITE_RENAMED = {"ax": "AH", "axr": "ER", "ix": "IH", "ux": "UW", "el": "L", "em": "M", "en": "N", "hv": "HH", "dx": "T", "nx": "N"}


def from_flite(phone: str, stress: str) -> str:
    """flite's phone name and its syllable's stress to a token; schwa is never stressed."""
    name = FLITE_RENAMED.get(phone, phone.upper())
    if name not in tokens.ARPABET_VOWELS:
        return f"[{name}]"
    level = "0" if phone in ("ax", "ix", "axr") or stress not in ("1", "2") else stress
    return f"[{name}{level}]"


def align_espeak(text: str, phonemes, marked: str, total: float):
    raise ValueError("not available")
