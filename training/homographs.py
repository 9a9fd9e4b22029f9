"""Which reading of a homograph: a linear model on the words around it, trained on Google's Wikipedia sentences.

    python -m training.homographs --data WikipediaHomographData --build build --model models/emotivoice-default.safetensors --out models

Data: github.com/google-research-datasets/WikipediaHomographData (Apache-2.0; Gorman, Mazovetskiy and Nikolaev 2018), data/train
alone; the share that is right is told on data/eval. The sentences are read by our own front-end first, so that the words are
those that it will see (numbers read out, abbreviations resolved); what the rules of src/text/en/heteronym.c choose is a
feature. Output: en.homographs (container: lexicons.py), read by src/text/en/homograph.c, which has the same features:
  WORD  text: lines `word<TAB>1 or 0<TAB>phones<TAB>phones`, by word; 1: the second reading is the verb's, of such words
        the weights of "*" are added, which all of them share
  WGHT  i8 [2^17]: weights in sixteenths by the hash (FNV-1a) of "word feature"; the sum above zero: the second reading
"""
from __future__ import annotations

import argparse
import csv
import math
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path

from training.front import LEXICONS, Front, Word, link_lexicons
from training.lexicons import pack_file

BITS, SCALE, ROUNDS, RATE, DECAY = 17, 16, 8, 0.2, 4e-5
NEAR = 6  # words to each side whose mere presence counts
CAPITAL = "reading_geo polish_geo celtic celtic_adj-nou-sports mobile_geo jesus nestle_nam bologna bologna_geo".split()
HINT = 1.5  # where the weight of the rules' choice begins
# An encyclopedia has no orders, few questions and hardly an "I": phrases of everyday, for words that are verb or not.
VERB = ("to {}", "To {} it", "They {}", "We {} it", "I {} you", "you {} them", "I will {}", "I'll {} it", "Don't {} me", "She can {} that",
        "He didn't {} the man", "Please {} this", "Let's {} it", "We must {} both of them", "Do you {}", "They never {} us", "It will {} soon",
        "He wants to {} her", "I would {} it", "should we {} that")
OTHER = ("the {}", "The {} is here", "a {}", "an {}", "his {}", "My {} is new", "this {}", "These are the {}", "with a {}", "of {}", "A {} of mine",
         "Is this your {}", "in the {}", "I have a {}", "There is a {} in it", "no {}", "our {} was good", "another {} of theirs")


def fnv(text: str) -> int:
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value & (1 << BITS) - 1


def form(words: list[Word], i: int) -> str:
    """A word as the model sees it: digits are "#", letters by name "^", the ends of the sentence "<", ">"."""
    if i < 0:
        return "<"
    if i >= len(words):
        return ">"
    word = words[i]
    return "#" if word.number else "^" if word.spelled else word.spoken


def features(words: list[Word], i: int, rule: int, pos: bool) -> list[int]:
    """words: of the sentence; rule: what the rules say, 0, 1 or 2, -1: they do not know the word."""
    target = words[i].spoken
    p3, p2, p1, n1, n2, n3 = (form(words, i + k) for k in (-3, -2, -1, 1, 2, 3))
    comma_before = words[i].comma
    comma_after = i + 1 < len(words) and words[i + 1].comma
    shared = [f"p1 {p1}", f"n1 {n1}", f"p2 {p2} {p1}", f"n2 {n1} {n2}", f"pn {p1} {n1}", f"ps {p1[-3:]}", f"ns {n1[-3:]}",
              f"pz {p1[-2:]} {n1[-2:]}", f"c {int(comma_before)}{int(comma_after)}", f"r {rule}"]
    own = shared + [f"p2 {p2}", f"n2 {n2}", f"p3 {p3}", f"n3 {n3}", f"C {int(words[i].capital)}{int(i == 0)}", "b"]
    own += [f"w {form(words, k)}" for k in range(max(0, i - NEAR), min(len(words), i + NEAR + 1)) if k != i]
    return [fnv(f"{target} {f}") for f in own] + ([fnv(f"* {f}") for f in shared] if pos else [])


# ---- data --------------------------------------------------------------------------------------------------------


def read_table(path: Path) -> dict[str, tuple[bool, dict[str, int], tuple[str, str]]]:
    table = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#+":
            word, pos, first, first_phones, second, second_phones = line.split("\t")
            names = {n: 0 for n in first.split(",")} | {n: 1 for n in second.split(",")}
            table[word] = (pos == "pos", names, (first_phones, second_phones))
    return table


def read_rules(path: Path) -> dict[str, list[str]]:
    """The pairs of en_heteronym.c, to name what the rules chose."""
    return {w: [a, b] for w, a, b in re.findall(r'\{"([a-z]+)", "([A-Z0-9 ]+)", "([A-Z0-9 ]+)"', path.read_text(encoding="utf-8"))}


def chosen(rules: dict[str, list[str]], word: str, phones: str) -> int:
    for stem, ending in ((word, ""), (word[:-1], " S"), (word[:-1], " Z"), (word[:-1], " IH0 Z")):
        if stem in rules and (ending == "" or word.endswith("s")):
            for k in (0, 1):
                if rules[stem][k] + ending == phones:
                    return k
    known = word in rules or (word.endswith("s") and word[:-1] in rules)
    return 2 if known else -1


def examples(folder: Path, front: Front, table, rules) -> list[tuple[str, int, list[int]]]:
    """(homograph, reading, features) of every sentence."""
    rows: list[dict[str, str]] = []
    for path in sorted(folder.glob("*.tsv")):
        with path.open(encoding="utf-8") as file:
            rows += [r for r in csv.DictReader(file, delimiter="\t") if r["homograph"] in table]
    return read_examples(folder.name, rows, front, table, rules)


def everyday(table) -> list[dict[str, str]]:
    rows = []
    for word, (pos, names, _) in table.items():
        for reading, phrases in enumerate((OTHER, VERB) if pos else ()):
            name = next(n for n, k in names.items() if k == reading)
            for phrase in phrases:
                rows += [{"homograph": word, "wordid": name, "sentence": phrase.format(word) + end, "start": str(phrase.index("{}"))}
                         for end in (".", " today.")]
    return rows


def sentences_of(path: Path, table) -> list[dict[str, str]]:
    """The sentences of homographs_en.txt, as they stand and in small letters without an end."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("+"):
            _, name, phrase = line.split("\t")
            word = name.split("_")[0]
            if name not in table[word][1]:
                raise ValueError(f"{path.name}: {line}: no such reading")
            shown = word.capitalize() if name in CAPITAL or phrase.startswith("{}") else word
            rows += [{"homograph": word, "wordid": name, "sentence": phrase.replace("{}", shown), "start": str(phrase.index("{}"))}] * 2
    return rows


def read_examples(name: str, rows, front: Front, table, rules) -> list[tuple[str, int, list[int]]]:
    out, size = [], 200
    for begin in range(0, len(rows), size):
        part = rows[begin:begin + size]
        text, places = "", []
        for r in part:
            places.append(len(text.encode()) + len(r["sentence"][:int(r["start"])].encode()))
            text += r["sentence"].replace("\n", " ") + "\n\n"
        sentences = front.words(text)
        found = {w.begin: (s, k) for s in sentences for k, w in enumerate(s)}
        for r, place in zip(part, places):
            word = r["homograph"]
            if place not in found or found[place][0][found[place][1]].spoken != word:
                continue  # part of something else: an address, a name with a dot
            sentence, k = found[place]
            pos, names, _ = table[word]
            if r["wordid"] in names:
                rule = chosen(rules, word, sentence[k].phones)
                out.append((word, names[r["wordid"]], features(sentence, k, rule, pos)))
    print(f"{name}: {len(out)} of {len(rows)} sentences")
    return out


# ---- training ----------------------------------------------------------------------------------------------------


def train(data: list[tuple[str, int, list[int]]], table) -> list[float]:
    """Logistic regression by AdaGrad; weights decay to where they began."""
    origin, squares = [0.0] * (1 << BITS), [1e-2] * (1 << BITS)
    for word in table:
        origin[fnv(f"{word} r 0")], origin[fnv(f"{word} r 1")] = -HINT, HINT
    weights = list(origin)
    order = list(range(len(data)))
    for r in range(ROUNDS):
        random.Random(r).shuffle(order)
        for k in order:
            _, y, where = data[k]
            score = sum(weights[f] for f in where)
            error = 1 / (1 + math.exp(-max(-30.0, min(30.0, score)))) - y
            for f in where:
                gradient = error + DECAY * len(data) / 40 * (weights[f] - origin[f])
                squares[f] += gradient * gradient
                weights[f] -= RATE * gradient / math.sqrt(squares[f])
    return weights


def accuracy(data, weights) -> float:
    return 100 * sum((sum(weights[f] for f in where) > 0) == bool(y) for _, y, where in data) / max(1, len(data))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of WikipediaHomographData")
    parser.add_argument("--build", type=Path, required=True, help="folder with libemotivoice.so")
    parser.add_argument("--model", type=Path, required=True, help="a model file, with the lexicons beside it")
    parser.add_argument("--out", type=Path, required=True, help="directory for en.homographs")
    options = parser.parse_args(arguments)
    here = Path(__file__).parent
    table = read_table(here / "homographs_en.txt")
    rules = read_rules(here.parent / "src/text/en/heteronym.c")
    with tempfile.TemporaryDirectory() as folder:  # the rules alone: lexicons without en.homographs
        shutil.copy(options.model, folder)
        link_lexicons(options.model, Path(folder), [kind for kind in LEXICONS if kind != "*.homographs"])
        front = Front(options.build, Path(folder) / options.model.name)
        data, held_out = (examples(options.data / "data" / part, front, table, rules) for part in ("train", "eval"))
        more = everyday(table) + sentences_of(here / "homographs_en.txt", table)
        data += read_examples("everyday", more, front, table, rules)
    weights = train(data, table)
    packed = bytes(max(-127, min(127, round(w * SCALE))) & 255 for w in weights)
    rounded = [b - 256 if b > 127 else b for b in packed]
    print(f"right: {accuracy(data, rounded):.1f} % of train, {accuracy(held_out, rounded):.1f} % of eval")
    lines = "".join(f"{w}\t{int(pos)}\t{a}\t{b}\n" for w, (pos, _, (a, b)) in sorted(table.items()))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "en.homographs").write_bytes(pack_file([("WORD", 1, lines.encode()), ("WGHT", 1, packed)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
