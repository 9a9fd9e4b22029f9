"""Learns models/zh.polyphones: which reading a Mandarin character with several has, by what stands around it.

`python -m training.polyphones --cpp DIR --g2pl DIR --out models`     (an hour of one core at most; prints what it reached)

One log-linear model for each character (multinomial, L2). What it is taught:
  CPP     kakaobrain/g2pM (Apache-2.0), data/dev.{sent,lb}: 9,893 sentences, a character of each read by people
  g2pL    whzikaros/g2pL (Apache-2.0), data/{train,dev,test}.{sent,lb}: 57,000 more, of 114 characters
  g2pM    PyPI (Apache-2.0): what this network reads with a probability over 0.8 in the same sentences, at 0.15 to 0.3 of the
          weight; it was taught by CPP's train part
What is measured: CPP's test.{sent,lb}, 10,254 sentences; those that are also in a training part are left out of it.

Needs `pip install g2pM scipy` beside what training/lexicons.py needs, from which words, classes and readings come.

Format: the container of training/lexicons.py with the sections
  POLY  {u32 character, u16[4] readings}, by character; packed syllables, 0: no more
  FKEY  u32 hashes of features, rising      FVAL  i8[4]: their weights for the readings, times 32
  NAME  as in zh.lexicon
The reader is src/text/zh/polyphone.c, whose features_of() makes the same features as features() here.
"""
from __future__ import annotations

import argparse
import os
import struct
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from training import lexicons

SCALE = 32
READINGS_MAX = 4
WEIGHT_MIN = 0.1        # smaller ones are left out
L2 = 0.15
TAUGHT_MAX = 3000       # of the network's readings, for one character
UNKNOWN_COST = 36800    # as in src/text/zh/segment.c
WORD_MAX = 16
OUTSIDE = "#"
LOOKS = ((-1,), (1,), (-2,), (2,), (-2, -1), (-1, 1), (1, 2), (-3, -2, -1), (1, 2, 3), (-2, -1, 1), (-1, 1, 2), (-3,), (3,))
FIGURES = str.maketrans("0123456789", "零一二三四五六七八九")
SANDHI = "一不儿"        # other rules read these


# ---- sentences ---------------------------------------------------------------------------------------------------


def read_marked(directory: Path, name: str) -> list[tuple[str, int, str]]:
    """(sentence, place of the character, pinyin) of NAME.sent and NAME.lb."""
    rows = []
    sentences = (directory / f"{name}.sent").read_text(encoding="utf-8").splitlines()
    labels = (directory / f"{name}.lb").read_text(encoding="utf-8").splitlines()
    for sentence, label in zip(sentences, labels, strict=True):
        before, character, after = sentence.split("▁")
        rows.append((before + character + after, len(before), label.strip()))
    return rows


def pack(pinyin: str) -> int:
    return lexicons.pack_syllable(pinyin.replace("u:", "v"))


# ---- the lexicon's words, as run time finds them -----------------------------------------------------------------


class Segmenter:
    def __init__(self):
        words = lexicons.Words(Path(lexicons.__file__).with_name("lexicon_zh.txt"))
        self.words, self.chosen = words, words.select()
        self.costs = {w: 1 + min(65000, round(lexicons.COST_SCALE * words.cost(w))) for w in self.chosen}
        self.prefixes = {w[:n] for w in self.chosen for n in range(1, len(w) + 1)}

    def word_class(self, word: str) -> int:
        return lexicons.word_class(self.words.counts[word][1]) if word in self.chosen else 0

    def readings(self, word: str) -> list[int]:
        return self.chosen.get(word) or self.words.plain(word)

    def split(self, text: str) -> list[tuple[int, int]]:
        best: list[tuple[int, int]] = [(0, 0)] * len(text) + [(0, len(text))]
        for i in range(len(text) - 1, -1, -1):
            best[i] = (best[i + 1][0] + UNKNOWN_COST, i + 1)
            for end in range(i + 1, min(len(text), i + WORD_MAX) + 1):
                if text[i:end] not in self.prefixes:
                    break
                cost = self.costs.get(text[i:end])
                if cost is not None and best[end][0] + cost < best[i][0]:
                    best[i] = (best[end][0] + cost, end)
        words, at = [], 0
        while at < len(text):
            words.append((at, best[at][1]))
            at = best[at][1]
        return words


def phrases(sentence: str) -> list[tuple[int, int]]:
    """Stretches of Chinese characters and figures."""
    found, begin = [], None
    for i, c in enumerate(sentence + OUTSIDE):
        inside = "\u4e00" <= c <= "\u9fff" or c.isdigit()
        if inside and begin is None:
            begin = i
        elif not inside and begin is not None:
            found.append((begin, i))
            begin = None
    return found


# ---- features ----------------------------------------------------------------------------------------------------


def mix(h: int, value: int) -> int:
    h = (h ^ value) * 0x85EBCA6B & 0xFFFFFFFF
    return h ^ h >> 13


def mix_all(h: int, values) -> int:
    for value in values:
        h = mix(h, value)
    return h


def features(segmenter: Segmenter, text: str, words: list[tuple[int, int]], number: int, at: int) -> list[int]:
    """Hashes; the same as features_of() of src/text/zh/polyphone.c."""
    begin, end = words[number]
    word = text[begin:end]
    base = mix(0x9E3779B9, ord(text[at]))
    keys = [mix(base, 0)]
    if end - begin > 1:
        lexical = segmenter.readings(word)[at - begin]
        keys += [mix_all(base, (1, lexical)), mix_all(base, (2, lexical, min(end - begin, 4))),
                 mix_all(base, (3, *map(ord, word), at - begin))]
    else:
        before = text[slice(*words[number - 1])] if number else OUTSIDE
        after = text[slice(*words[number + 1])] if number + 1 < len(words) else OUTSIDE
        keys += [mix(base, 4), mix_all(base, (5, *map(ord, before))), mix_all(base, (6, *map(ord, after))),
                 mix_all(base, (7, segmenter.word_class(before))), mix_all(base, (8, segmenter.word_class(after)))]
    for kind, offsets in enumerate(LOOKS):
        keys.append(mix_all(base, (9 + kind, *(ord(text[at + k]) if 0 <= at + k < len(text) else ord(OUTSIDE) for k in offsets))))
    return keys


def instances(segmenter: Segmenter, sentence: str, places) -> dict[int, tuple[list[int], int, int]]:
    """Place: (features, the lexicon's reading, length of the word)."""
    found = {}
    for begin, end in phrases(sentence):
        inside = [p for p in places if begin <= p < end]
        if not inside:
            continue
        text = sentence[begin:end].translate(FIGURES)
        words = segmenter.split(text)
        for number, (first, last) in enumerate(words):
            for place in inside:
                if first <= place - begin < last:
                    lexical = segmenter.readings(text[first:last])[place - begin - first]
                    found[place] = (features(segmenter, text, words, number, place - begin), lexical, last - first)
    return found


# ---- the network that reads along --------------------------------------------------------------------------------


class Teacher:
    """g2pM's network over many sentences at once, with probabilities."""

    def __init__(self):
        try:
            import g2pM
        except ImportError:
            raise lexicons.SourceMissing("Python package g2pM is missing: pip install g2pM") from None
        self.net, self.tokens = g2pM.G2pM(), (g2pM.g2pM.UNK_TOKEN, g2pM.g2pM.BOS_TOKEN, g2pM.g2pM.EOS_TOKEN)
        self.classes = {name: number for number, name in self.net.idx2class.items()}

    def array(self, name: str) -> np.ndarray:
        return np.asarray(getattr(self.net, name), dtype=np.float32)

    def lstm(self, tokens: np.ndarray, lengths: list[int], way: str) -> np.ndarray:
        recurrent = self.array(f"weight_hh{way}").T
        inputs = self.array("embeddings")[tokens] @ self.array(f"weight_ih{way}").T
        inputs += self.array(f"bias_ih{way}") + self.array(f"bias_hh{way}")
        hidden = cell = np.zeros((len(tokens), recurrent.shape[0]), np.float32)
        out = np.zeros((*tokens.shape, recurrent.shape[0]), np.float32)
        for t in range(tokens.shape[1]):
            into, forget, new, show = np.split(inputs[:, t] + hidden @ recurrent, 4, axis=1)
            cell = cell / (1 + np.exp(-forget)) + np.tanh(new) / (1 + np.exp(-into))
            hidden = np.tanh(cell) / (1 + np.exp(-show))
            out[:, t] = hidden  # past a sentence's end nobody looks
        return out

    def read(self, sentences: list[str]) -> list[dict[int, tuple[str, float]]]:
        """For each sentence: place of a polyphone: (pinyin, probability)."""
        unknown, first, last = (self.net.char2idx[t] for t in self.tokens)
        order, result = sorted(range(len(sentences)), key=lambda k: len(sentences[k])), [{} for _ in sentences]
        for start in range(0, len(order), 256):
            numbers = order[start:start + 256]
            rows = [[first, *(self.net.char2idx.get(c, unknown) for c in sentences[k]), last] for k in numbers]
            lengths, width = [len(r) for r in rows], max(map(len, rows))
            ahead = self.lstm(np.array([r + [0] * (width - len(r)) for r in rows]), lengths, "")
            back = self.lstm(np.array([r[::-1] + [0] * (width - len(r)) for r in rows]), lengths, "_reverse")
            for row, k in enumerate(numbers):
                self.decide(sentences[k], ahead[row], back[row][:lengths[row]][::-1], result[k])
        return result

    def decide(self, sentence: str, ahead: np.ndarray, back: np.ndarray, out: dict) -> None:
        for place, character in enumerate(sentence):
            choices = [c for c in self.net.cedict.get(character, ()) if c in self.classes]
            if len(self.net.cedict.get(character, ())) < 2 or not choices or character in SANDHI:
                continue
            state = np.concatenate([ahead[place + 1], back[place + 1]])
            state = np.maximum(self.array("hidden_weight_l0") @ state + self.array("hidden_bias_l0"), 0)
            scores = self.array("hidden_weight_l1") @ state + self.array("hidden_bias_l1")
            scores = np.exp(scores - scores.max())
            best = max(choices, key=lambda c: scores[self.classes[c]])
            out[place] = best, float(scores[self.classes[best]] / scores.sum())


# ---- learning ----------------------------------------------------------------------------------------------------


def gather(segmenter: Segmenter, rows: list[tuple[str, int, str]]) -> dict[str, list[tuple[list[int], int, float]]]:
    """Character: [(features, reading, weight)]."""
    data = defaultdict(list)
    for (sentence, place, label), taught in zip(rows, Teacher().read([r[0] for r in rows])):
        taught.pop(place, None)
        for at, (keys, _, _) in instances(segmenter, sentence, {place, *taught}).items():
            if at == place:
                data[sentence[at]].append((keys, pack(label), 1.0))
            elif taught[at][1] > 0.8:
                data[sentence[at]].append((keys, pack(taught[at][0]), 0.3 if taught[at][1] > 0.95 else 0.15))
    return data


def learn(rows: list[tuple[list[int], int, float]], random: np.random.RandomState) -> tuple[list[int], dict[int, np.ndarray]]:
    """Readings, commonest first, and the weights of each feature for them."""
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix
    taught = [r for r in rows if r[2] < 1]
    if len(taught) > TAUGHT_MAX:
        taught = [taught[k] for k in random.choice(len(taught), TAUGHT_MAX, replace=False)]
    rows = [r for r in rows if r[2] == 1] + taught
    mass: Counter = Counter()
    for _, reading, weight in rows:
        mass[reading] += weight
    readings = [r for r, m in mass.most_common(READINGS_MAX) if m >= 0.9 and m > 0.001 * sum(mass.values())]
    if len(readings) < 2:
        return readings, {}
    rows = [r for r in rows if r[1] in readings]
    keys = sorted({key for r in rows for key in r[0]})
    index = {key: number for number, key in enumerate(keys)}
    where = [(k, index[key]) for k, r in enumerate(rows) for key in r[0]]
    matrix = csr_matrix((np.ones(len(where)), tuple(zip(*where))), shape=(len(rows), len(keys)))
    transposed = matrix.T.tocsr()
    truth = np.array([readings.index(r[1]) for r in rows])
    weight = np.array([r[2] for r in rows])
    one_hot = np.eye(len(readings))[truth]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = flat.reshape(len(keys), len(readings))
        scores = matrix @ w
        scores -= scores.max(axis=1, keepdims=True)
        total = np.exp(scores).sum(axis=1, keepdims=True)
        value = -(weight * (scores[np.arange(len(truth)), truth] - np.log(total[:, 0]))).sum() + L2 / 2 * (flat ** 2).sum()
        return value, (transposed @ ((np.exp(scores) / total - one_hot) * weight[:, None]) + L2 * w).ravel()

    w = minimize(loss, np.zeros(len(keys) * len(readings)), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    w = w.reshape(len(keys), len(readings))
    w -= w.mean(axis=1, keepdims=True)
    return readings, {key: w[k] for key, k in index.items() if np.abs(w[k]).max() >= WEIGHT_MIN}


def choose(model: tuple[list[int], dict[int, np.ndarray]], keys: list[int]) -> int:
    sums = sum((model[1][k] for k in keys if k in model[1]), np.zeros(len(model[0])))
    return model[0][int(np.argmax(sums))]


def pack_models(models: dict[str, tuple[list[int], dict[int, np.ndarray]]]) -> bytes:
    entries, weights = b"", {}
    for character in sorted(models):
        readings, values = models[character]
        entries += struct.pack("<I4H", ord(character), *readings, *[0] * (READINGS_MAX - len(readings)))
        for key, value in values.items():
            steps = np.clip(np.round(value * SCALE), -127, 127).astype(int).tolist()
            weights[key] = steps + [0] * (READINGS_MAX - len(steps))
    keys = sorted(weights)
    return lexicons.pack_file([("POLY", 12, entries), ("FKEY", 4, struct.pack(f"<{len(keys)}I", *keys)),
                               ("FVAL", 4, b"".join(struct.pack("<4b", *weights[k]) for k in keys)), ("NAME", 1, lexicons.NAMES)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Learn the readings of Mandarin polyphones.")
    parser.add_argument("--cpp", type=Path, required=True, help="folder of CPP's dev and test .sent and .lb")
    parser.add_argument("--g2pl", type=Path, required=True, help="folder of g2pL's train, dev and test .sent and .lb")
    parser.add_argument("--out", type=Path, required=True, help="directory for zh.polyphones")
    options = parser.parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    test = read_marked(options.cpp, "test")
    held_out = {sentence for sentence, _, _ in test}
    rows = read_marked(options.cpp, "dev") + [r for n in ("train", "dev", "test") for r in read_marked(options.g2pl, n)]
    try:
        segmenter = Segmenter()
        data = gather(segmenter, [r for r in rows if r[0] not in held_out])
    except lexicons.SourceMissing as missing:
        print(f"polyphones: {missing}", file=sys.stderr)
        return 1
    random = np.random.RandomState(1)
    models = {c: learn(data[c], random) for c in sorted(data) if c not in SANDHI}
    models = {c: m for c, m in models.items() if m[0]}
    right = lexical_right = 0
    for sentence, place, label in test:
        keys, lexical, _ = instances(segmenter, sentence, {place}).get(place, ([], 0, 0))
        model = models.get(sentence[place])
        lexical_right += lexical == pack(label)
        right += (choose(model, keys) if model else lexical) == pack(label)
    packed = pack_models(models)
    (options.out / "zh.polyphones").write_bytes(packed)
    print(f"zh.polyphones: {len(models)} characters, {sum(len(m[1]) for m in models.values())} features, {len(packed)} bytes; "
          f"CPP's test: {100 * right / len(test):.2f} % of {len(test)}, by the lexicon alone {100 * lexical_right / len(test):.2f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
