"""Letters to sounds: the n-gram model that says what no dictionary has. `training/lexicons.py` writes it into en.lexicon.

A word is a row of graphones, each one or two letters with none to two phones ("ph" F, "x" K S, "e" nothing). Which letters go
with which phones is found by expectation maximisation over all segmentations (Bisani and Ney 2008); the rows are then counted
as n-grams, smoothed by interpolated Kneser-Ney and pruned by what each n-gram adds to the likelihood. Reader: src/text/en/letters.c.
"""
from __future__ import annotations

import math
import struct
from collections import Counter, defaultdict

ORDER = 6
SHAPES = ((1, 1), (1, 0), (2, 1), (1, 2))  # letters, phones
START, END = 0, 1  # symbols; the graphones come after them
DISCOUNT = 0.8

Graphone = tuple[str, tuple[str, ...]]


def expect(word: str, phones: list[str], weight: dict[Graphone, float], counts: dict[Graphone, float]) -> None:
    """Adds the expected counts of the word's graphones; nothing where no segmentation exists."""
    n, m = len(word), len(phones)
    edges = []
    forward = [[0.0] * (m + 1) for _ in range(n + 1)]
    forward[0][0] = 1.0
    for i in range(n):
        row = forward[i]
        for j in range(m + 1):
            here = row[j]
            if here == 0.0:
                continue
            for a, b in SHAPES:
                if i + a <= n and j + b <= m:
                    graphone = (word[i:i + a], tuple(phones[j:j + b]))
                    p = weight.get(graphone, 1e-9)
                    forward[i + a][j + b] += here * p
                    edges.append((i, j, i + a, j + b, graphone, p))
    total = forward[n][m]
    if total <= 0.0:
        return
    backward = [[0.0] * (m + 1) for _ in range(n + 1)]
    backward[n][m] = 1.0
    for i, j, k, l, graphone, p in reversed(edges):
        share = p * backward[k][l]
        if share > 0.0:
            backward[i][j] += share
            counts[graphone] += forward[i][j] * share / total


def align(word: str, phones: list[str], cost: dict[Graphone, float]) -> list[Graphone] | None:
    """The likeliest row of graphones; None where there is none."""
    n, m = len(word), len(phones)
    best: list[list[tuple[float, Graphone | None]]] = [[(math.inf, None)] * (m + 1) for _ in range(n + 1)]
    best[0][0] = (0.0, None)
    for i in range(n):
        for j in range(m + 1):
            here = best[i][j][0]
            if here == math.inf:
                continue
            for a, b in SHAPES:
                if i + a <= n and j + b <= m:
                    graphone = (word[i:i + a], tuple(phones[j:j + b]))
                    total = here + cost.get(graphone, 25.0)
                    if total < best[i + a][j + b][0]:
                        best[i + a][j + b] = (total, graphone)
    row: list[Graphone] = []
    i, j = n, m
    while (i or j) and best[i][j][1] is not None:
        graphone = best[i][j][1]
        row.append(graphone)
        i, j = i - len(graphone[0]), j - len(graphone[1])
    return row[::-1] if i == 0 and j == 0 and row else None


def learn_graphones(words: list[tuple[str, list[str]]], rounds: int = 5) -> dict[Graphone, float]:
    """Costs (-log of the share) of the graphones after expectation maximisation on every few words."""
    step = max(1, len(words) // 25000)
    sample = words[::step]
    weight: dict[Graphone, float] = defaultdict(lambda: 1.0)
    for r in range(rounds):
        counts: dict[Graphone, float] = defaultdict(float)
        for word, phones in sample:
            expect(word, phones, weight if r else _flat(), counts)
        total = sum(counts.values())
        weight = {g: c / total for g, c in counts.items() if c > 0.3}
    return {g: -math.log(p) for g, p in weight.items()}


class _flat(dict):
    def get(self, key, default=None):  # noqa: ANN001 - the first round knows nothing: one letter, one phone is likelier
        return 1.0 if len(key[0]) == len(key[1]) == 1 else 0.1


def learn(words: list[tuple[str, list[str]]], rare: int = 4) -> tuple[list[Graphone], list[list[int]]]:
    """The graphones in order (by letters, then phones) and each word as a row of their numbers (2: the first)."""
    cost = learn_graphones(words)
    rows = [row for row in (align(word, phones, cost) for word, phones in words) if row]
    seen = Counter(g for row in rows for g in row)
    kept = sorted(g for g, c in seen.items() if c >= rare)
    number = {g: k + 2 for k, g in enumerate(kept)}
    return kept, [[number[g] for g in row] for row in rows if all(g in number for g in row)]


class Ngrams:
    """Interpolated Kneser-Ney over rows, as backoff probabilities; log2."""

    def __init__(self, rows: list[list[int]], order: int = ORDER):
        self.order = order
        counts: list[Counter] = [Counter() for _ in range(order + 1)]
        for row in rows:
            symbols = (START, *row, END)
            for end in range(1, len(symbols)):
                for n in range(1, min(order, end + 1) + 1):
                    if n == order or end + 1 == n:  # whole count: the longest, and what begins the word
                        counts[n][symbols[end + 1 - n:end + 1]] += 1
        for n in range(order, 1, -1):  # lower orders count what stands in front of them
            for gram in counts[n]:
                counts[n - 1][gram[1:]] += 1 if n < order or True else 0
        self.counts = counts
        self.probability: list[dict] = [{} for _ in range(order + 1)]
        self.backoff: dict[tuple, float] = {}
        self._smooth()

    def _smooth(self) -> None:
        unigrams = self.counts[1]
        total = sum(unigrams.values())
        self.probability[1] = {g: c / total for g, c in unigrams.items()}
        self.total: dict[tuple, int] = {}
        for n in range(2, self.order + 1):
            totals: Counter = Counter()
            kinds: Counter = Counter()
            for gram, c in self.counts[n].items():
                totals[gram[:-1]] += c
                kinds[gram[:-1]] += 1
            lower = self.probability[n - 1]
            for context, c in totals.items():
                self.backoff[context] = DISCOUNT * kinds[context] / c
            for gram, c in self.counts[n].items():
                context = gram[:-1]
                share = max(c - DISCOUNT, 0.0) / totals[context]
                self.probability[n][gram] = share + self.backoff[context] * lower[gram[1:]]
            self.total.update(totals)

    def prune(self, worth: float) -> None:
        """Drops n-grams, longest first, that add less than `worth` (count times bits) and that none needs as context."""
        for n in range(self.order, 1, -1):
            contexts = {gram[:-1] for gram in self.probability[n + 1]} if n < self.order else set()
            keep = {}
            for gram, p in self.probability[n].items():
                lower = self.backoff[gram[:-1]] * self.probability[n - 1][gram[1:]]
                gain = self.counts[n][gram] * math.log2(p / lower) if p > lower else 0.0
                if gram in contexts or gain > worth:
                    keep[gram] = p
            self.probability[n] = keep
        for n in range(2, self.order + 1):  # what is left to the shorter context is what the kept ones leave
            left: dict[tuple, float] = defaultdict(lambda: 1.0)
            below: dict[tuple, float] = defaultdict(lambda: 1.0)
            for gram, p in self.probability[n].items():
                left[gram[:-1]] -= p
                below[gram[:-1]] -= self.probability[n - 1][gram[1:]] if gram[1:] in self.probability[n - 1] else 0.0
            for context in left:
                self.backoff[context] = max(left[context], 1e-4) / max(below[context], 1e-4)

    def pack(self) -> tuple[bytes, int]:
        """Trie, breadth first, {u16 symbol, u8 cost, u8 backoff, u32 first child}; costs in sixteenths of a bit."""
        grams = [gram for n in range(1, self.order + 1) for gram in self.probability[n]]
        known = set(grams)
        for gram in list(known):  # a word's beginning is a context without being predicted
            for n in range(1, len(gram)):
                known.add(gram[:n])
        order = [()] + sorted(known, key=lambda g: (len(g), g))
        children = Counter(g[:-1] for g in order[1:])
        out, child = [], 1
        for gram in order:
            p = self.probability[len(gram)].get(gram) if gram else None
            cost = 255 if p is None else min(254, round(-16 * math.log2(p)))
            back = self.backoff.get(gram, 1.0) if children[gram] else 1.0
            out.append(struct.pack("<HBBI", gram[-1] if gram else 0, cost,
                                   max(0, min(255, 128 + round(-16 * math.log2(back)))), child))
            child += children[gram]
        return b"".join(out), len(order)
