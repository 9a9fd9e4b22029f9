"""Sentences for the teachers to read: free texts of Debian's fortune packages plus sentences made from templates.

`python -m training.corpus --work DIR` writes DIR/corpus/<language>.<split>.txt, one sentence a line, best mixture first, so
that a reader who takes the first N lines of a file gets the intended blend of prose, dialogue, numbers and short phrases.
The split of a sentence is a function of its text alone: it never moves when the corpus grows.
"""
from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import re
import sys
from pathlib import Path

from training import held_out, sentences_en, sentences_zh

FORTUNES = Path("/usr/share/games/fortunes")
ENGLISH_FILES = ("fortunes literature people wisdom work science sports riddles politics platitudes pets news medicine "
                 "miscellaneous magic love law kids humorists goedel food education definitions computers cookie art "
                 "startrek tao paradoxum linux").split()
COARSE = re.compile(r"\b(sex\w*|fuck\w*|shit\w*|damn\w*|hell|bitch\w*|bastard\w*|whore\w*|nigg\w*|rape\w*|god|jesus|nazi\w*|"
                    r"breast\w*|naked|orgasm\w*|penis\w*|gay|jews?|negro\w*|suicide|kill\w*|dead|murder\w*|drunk\w*)\b", re.I)
SPLITS = ("train", "valid", "test")


def key_of(text: str) -> str:
    return re.sub(r"\W", "", text).lower()


HELD_OUT = {key_of(text) for text in (*held_out.sentences("en"), *held_out.sentences("zh"), *(text for text, *_ in held_out.tone_pairs()))}


def split_of(text: str) -> str:
    """train 98 %, valid 2 %, decided by the text; test is what held_out.py has, and nothing of it is in the others."""
    if key_of(text) in HELD_OUT:
        return "test"
    bucket = int.from_bytes(hashlib.sha256(key_of(text).encode("utf-8")).digest()[:4], "big") % 100
    return "valid" if bucket < 2 else "train"


def fortunes(name: str) -> list[str]:
    """The entries of one fortune file, without overstrikes, colours and attributions."""
    path = FORTUNES / name
    if not path.exists():
        raise SystemExit(f"{path} is missing: install the packages fortunes and fortunes-zh")
    text = path.read_text(encoding="utf-8", errors="ignore")
    text = re.sub(r".\x08|\x1b?\[[0-9;]*m", "", text)
    entries = re.split(r"^%\s*$", text, flags=re.M)
    return [re.sub(r"^\s*--.*", "", entry, flags=re.M | re.S) for entry in entries]


def english_prose() -> list[str]:
    """Plain sentences of 4 to 18 words."""
    found = []
    for entry in itertools.chain.from_iterable(fortunes(name) for name in ENGLISH_FILES):
        if re.search(r"[|\\/*_=<>#~^{}]|\.\.\.\.|  {4,}\S+ {4,}", entry) or COARSE.search(entry):
            continue
        flat = re.sub(r"\s+", " ", entry.replace("--", ", ").replace(" ,", ","))
        for sentence in re.split(r"(?<=[.!?])[\"')]*\s+", flat):
            sentence = sentence.strip(" \"'()").replace('"', "")
            if is_plain_english(sentence):
                found.append(sentence)
    return found


def is_plain_english(sentence: str) -> bool:
    if not re.fullmatch(r"[A-Z][A-Za-z',; :-]*[a-z][.?!]", sentence):
        return False
    words = sentence.split()
    if not 4 <= len(words) <= 18 or len(sentence) > 100:
        return False
    return not any(len(word) > 1 and word.isupper() or len(word) > 14 for word in words)


def mandarin_prose() -> list[str]:
    """Simplified sentences of quotations and poems, Han characters and punctuation only."""
    found = []
    for entry in fortunes("chinese"):
        flat = re.sub(r"\s+", "", entry)
        found += re.findall(r"[^。？！…\n]{3,60}[。？！]", flat)
    return [sentence for sentence in map(normalise_mandarin, found) if is_plain_mandarin(sentence, 4, 26)]


def mandarin_poems() -> list[str]:
    lines = [line.strip() for name in ("tang300", "song100") for entry in fortunes(name) for line in entry.splitlines()]
    return [line for line in map(normalise_mandarin, lines) if is_plain_mandarin(line, 8, 18)]


def normalise_mandarin(sentence: str) -> str:
    sentence = re.sub(r"[“”‘’「」『』（）()《》〈〉]", "", sentence.strip())
    return re.sub(r"[、；：,;:]|——", "，", sentence)


def is_plain_mandarin(sentence: str, shortest: int, longest: int) -> bool:
    if not re.fullmatch(r"[一-龥]+(，[一-龥]+)*[。？！]", sentence):
        return False
    try:
        # GB 2312 holds the simplified characters in common use and none of the traditional ones.
        sentence.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return shortest <= len(re.findall(r"[一-龥]", sentence)) <= longest


def blend(sources: list[tuple[float, list[str]]], seed: int, in_order: int = -1) -> list[str]:
    """Interleaves shuffled sources in the given proportions, without repeats; source in_order keeps its own order."""
    rng = random.Random(seed)
    queues = []
    for index, (share, texts) in enumerate(sources):
        unique = texts if index == in_order else sorted(set(texts))
        if index != in_order:
            rng.shuffle(unique)
        queues.append((share, iter(unique)))
    chosen, seen = [], set()
    shares = [share for share, _ in queues]
    for _ in range(12000):
        _, queue = rng.choices(queues, weights=shares)[0]
        text = next(queue, None)
        if text is not None and text not in seen:
            seen.add(text)
            chosen.append(text)
    return chosen


def english() -> dict[str, list[str]]:
    prose = english_prose()
    texts = blend([(0.50, prose), (0.20, sentences_en.sentences(seed=1)), (0.10, sentences_en.phrases(seed=2)),
                   (0.04, sentences_en.spelled(seed=8)), (0.09, sentences_en.single_words(prose, seed=9)),
                   (0.07, sentences_en.joined(prose, seed=10))], seed=3)
    return splits(texts, "en")


def splits(texts: list[str], language: str) -> dict[str, list[str]]:
    by_split = {split: [text for text in texts if split_of(text) == split] for split in SPLITS}
    by_split["test"] = held_out.sentences(language)
    return by_split


def mandarin() -> dict[str, list[str]]:
    prose, made = mandarin_prose(), sentences_zh.sentences(seed=4)
    words, phrases = sentences_zh.word_sequences(seed=5), sentences_zh.phrases(seed=6)
    texts = blend([(0.31, prose), (0.05, mandarin_poems()), (0.22, made), (0.18, words), (0.10, phrases), (0.08, sentences_zh.mixed(seed=8)),
                   (0.06, sentences_zh.joined(prose + made, seed=9))], seed=7, in_order=3)
    return splits(texts, "zh")


def load(work: Path, language: str, split: str) -> list[str]:
    """Sentences written by main(), made now if they are not there yet."""
    path = work / "corpus" / f"{language}.{split}.txt"
    if not path.exists():
        write(work)
    return path.read_text(encoding="utf-8").splitlines()


def write(work: Path) -> None:
    folder = work / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    for language, make in (("en", english), ("zh", mandarin)):
        for split, texts in make().items():
            (folder / f"{language}.{split}.txt").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
            print(f"corpus: {language} {split}: {len(texts)} sentences", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    write(parser.parse_args().work)


if __name__ == "__main__":
    main()
