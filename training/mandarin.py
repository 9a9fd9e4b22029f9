"""Han text to the pinyin that is spoken, to tokens of the inventory, and to espeak-ng's phonemes.

Tone sandhi is applied in the pinyin, so that tokens say what is heard: 一 and 不 before their neighbours, and every third
tone before another third tone of the same clause becomes a second tone. espeak-ng follows the same third-tone rule itself, in and across
words, and changes no other full tone, so pinyin after sandhi passes through it unchanged.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

import jieba
from pypinyin import Style, lazy_pinyin

from training.sentences_zh import NEUTRAL

jieba.setLogLevel(60)

INITIALS = "zh ch sh b p m f d t n l g k h j q x r z c s".split()
ESPEAK_INITIALS = dict(zip(INITIALS, "ts. ts.h s. p ph m f t th n l k kh X tS; tS;h S; z. ts tsh s".split()))
GLIDES = frozenset(("w", "j", ";", "j;"))
# Finals as written without an initial, and as written after one, to the inventory's spelling.
ZERO_INITIAL = {"yi": "i", "ya": "ia", "ye": "ie", "yao": "iao", "you": "iou", "yan": "ian", "yin": "in", "yang": "iang",
                "ying": "ing", "yong": "iong", "yu": "v", "yuan": "van", "yun": "vn", "wu": "u", "wa": "ua", "wo": "uo",
                "wai": "uai", "wei": "uei", "wan": "uan", "wen": "uen", "wang": "uang", "weng": "ueng"}
NEUTRAL_WORDS = frozenset(NEUTRAL)  # pypinyin gives the last syllable of most of these its full tone
CONTRACTED = {"ui": "uei", "iu": "iou", "un": "uen"}


@dataclass
class Syllable:
    pinyin: str
    tone: int
    character: str


@dataclass
class Clause:
    """Words of syllables, closed by a punctuation mark."""
    words: list[list[Syllable]]
    mark: str


def clauses(text: str) -> list[Clause]:
    """Splits at punctuation, segments into words, reads them and applies tone sandhi."""
    found = []
    for body, mark in re.findall(r"([一-龥]+)([，。？！]?)", text):
        words = [read_word(word) for word in jieba.cut(body)]
        apply_sandhi([syllable for word in words for syllable in word])
        found.append(Clause(words, mark or "。"))
    return found


def read_word(word: str) -> list[Syllable]:
    readings = lazy_pinyin([word], style=Style.TONE3, neutral_tone_with_five=True, v_to_u=False)
    if len(readings) != len(word):
        raise ValueError(f"no reading for {word}")
    syllables = []
    for reading, character in zip(readings, word):
        match = re.fullmatch(r"([a-zü]+)([1-5])", reading)
        if not match:
            raise ValueError(f"odd reading {reading} of {character}")
        syllables.append(Syllable(match.group(1).replace("ü", "v"), int(match.group(2)), character))
    if word in NEUTRAL_WORDS:
        syllables[-1].tone = 5
    return syllables


def apply_sandhi(line: list[Syllable]) -> None:
    """Changes tones in place, over one clause."""
    digits = set("零一二三四五六七八九")
    for index, syllable in enumerate(line):
        after = line[index + 1] if index + 1 < len(line) else None
        before = line[index - 1] if index > 0 else None
        if syllable.character == "不" and after and after.tone == 4:
            syllable.tone = 2
        if syllable.character == "一" and after:
            counted = before and (before.character in digits or before.character in "第十") or after.character in digits | set("月日号十")
            if not counted and after.tone in (1, 2, 3, 4):
                syllable.tone = 2 if after.tone == 4 else 4
            elif not counted and after.character == "个":
                syllable.tone = 2
    for index in range(len(line) - 1):
        if line[index].tone == 3 and line[index + 1].tone == 3:
            line[index].tone = 2


def split_syllable(pinyin: str) -> tuple[str, str]:
    """Initial ('' for none) and final in the inventory's spelling, without the tone."""
    if pinyin == "yue":
        return "y", "ve"
    if pinyin in ZERO_INITIAL:
        return "", ZERO_INITIAL[pinyin]
    initial = next((name for name in INITIALS if pinyin.startswith(name)), "")
    final = CONTRACTED.get(pinyin[len(initial):], pinyin[len(initial):])
    if final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    elif final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    elif initial in ("j", "q", "x") and final.startswith("u"):
        final = {"u": "v", "ue": "ve", "uan": "van", "uen": "vn"}[final]
    return initial, final


def tokens_of(syllable: Syllable) -> list[str]:
    initial, final = split_syllable(syllable.pinyin)
    return ([initial] if initial else []) + [f"{final}{syllable.tone}"]


def espeak_text(parsed: list[Clause]) -> str:
    """Pinyin with tone digits; words joined, clauses closed by ASCII punctuation."""
    marks = {"，": ",", "。": ".", "？": "?", "！": "!"}
    return " ".join(" ".join("".join(f"{s.pinyin}{s.tone}" for s in word) for word in clause.words) + marks[clause.mark]
                    for clause in parsed)


def spoken_tones(phonemes: str) -> list[int]:
    """Tones in espeak-ng's phoneme string: contours 55, 35, 214 or 21, 51; anything else is neutral."""
    contours = {"55": 1, "35": 2, "21": 3, "214": 3, "51": 4}
    return [contours.get(digits, 5) for digits in re.findall(r"\d+", phonemes)]


def syllable_phonemes(names: list[str], at: int, syllable: Syllable) -> tuple[int, int]:
    """Number of phonemes of the initial and of the final of `syllable` at names[at]; ValueError if they do not fit."""
    initial, final = split_syllable(syllable.pinyin)
    start = at
    if initial and initial != "y":
        if at >= len(names) or names[at] != ESPEAK_INITIALS[initial]:
            raise ValueError(f"{syllable.pinyin}: expected {ESPEAK_INITIALS[initial]} at {names[at:at + 2]}")
        at += 1
    middle = at
    while at < len(names) and names[at] in GLIDES:
        at += 1
    vowel = names[at] if at < len(names) else ""
    if not vowel or vowel in ESPEAK_INITIALS.values():
        raise ValueError(f"{syllable.pinyin}: no vowel in {names[start:start + 4]}")
    at += 1
    coda = "N" if final.endswith("ng") and vowel != "ong" else "n" if final.endswith("n") else ""
    if coda:
        if at >= len(names) or names[at] != coda:
            raise ValueError(f"{syllable.pinyin}: no coda {coda} in {names[start:start + 5]}")
        at += 1
    return middle - start, at - middle
