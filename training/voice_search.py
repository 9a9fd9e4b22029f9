"""Moves named voices to where a listener likes them better, each a little way, among themselves.

python -m training.voice_search --work DIR --model MODEL --minutes 20 [--part 2]    tries; several may run at once, as other parts
python -m training.voice_search --work DIR --model MODEL --minutes 0 --step 3.5 --out FILE    the file with its voices moved
-> DIR/voice_search/MODEL'S SHA-256.PART.jsonl (one line a try)

A voice is a speaker vector and a median pitch. Tries say sentences of the training corpus with voices displaced at random along the principal
axes of the named voices' vectors, and in pitch, in pairs to both sides (antithetic sampling, as in evolution strategies, Salimans et al. 2017, arXiv
1703.03864), and DNSMOS says how good each is. One try says nothing (0.09 is chance), some thousands a slope: a linear model with Gaussian priors, one on
what all voices share and one on what is a voice's own, as wide as the evidence says (Bishop 2006, 3.5). A voice then goes `--step` units up its slope.
A further search begins there. Judge the file by sentences that had no part in this: what is found by looking for it is partly chance.
"""
from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from . import corpus
from .front import link_lexicons
from .packed import read_model, write_model
from .subjects import Engine, Request, chosen_voices

VECTOR_UNIT = 0.35    # standard deviations of the named voices along an axis
PITCH_UNIT = 0.03     # of log F0
FARTHEST_PITCH = 2.0  # units
SPREAD, PITCH_SPREAD = 1.7, 1.3  # standard deviation of tries, units
PAIRS, PAIRS_A_SENTENCE = 14, 2  # of each voice; of them that say one sentence
LETTERS = {"zh": (9, 26), "en": (30, 75)}  # of a sentence: two to five seconds
FEWEST = 200          # tries a voice before their slope is believed
PRIORS = (0.0005, 0.001, 0.002, 0.004, 0.008)


class Space:
    """The named voices of a model, and where a displacement [axes + 1] in units, the last one of pitch, takes one of them."""

    def __init__(self, config: dict, vectors: np.ndarray):
        self.voices, self.vectors = config["voices"], np.asarray(vectors, np.float64)
        self.names = [voice["name"] for voice in self.voices]
        count = len(self.names)
        if count < 3:
            raise SystemExit(f"voice_search: voices are moved among themselves, and the model has only {count}: three or more are needed")
        _, size, axes = np.linalg.svd(self.vectors - self.vectors.mean(0), full_matrices=False)
        self.axes = axes[:count - 1] * (VECTOR_UNIT * size[:count - 1, None] / math.sqrt(count))
        self.size = count  # of a displacement

    def moved(self, index: int, at: np.ndarray) -> tuple[np.ndarray, float]:
        """(vector, as long as before; Hz)."""
        vector = self.vectors[index] + at[:-1] @ self.axes
        vector *= np.linalg.norm(self.vectors[index]) / np.linalg.norm(vector)
        return vector, round(self.voices[index]["pitch"] * math.exp(PITCH_UNIT * at[-1]), 2)


def posterior(design: np.ndarray, liked: np.ndarray, widths: np.ndarray, noise: float) -> tuple[np.ndarray, float]:
    """(mean, log evidence but for a constant) of a linear model with Gaussian priors so wide."""
    precision = design.T @ design / noise + np.diag(widths**-2.0)
    pull = design.T @ liked / noise
    mean = np.linalg.solve(precision, pull)
    return mean, 0.5 * (pull @ mean - np.linalg.slogdet(precision)[1]) - np.log(widths).sum()


def slopes(tries: list[dict], names: list[str]) -> np.ndarray:
    """[voices, displacement]: what a unit is liked. Tries of one voice that say the same sentence are compared with each other alone."""
    at, liked = np.array([t["at"] for t in tries], np.float64), np.array([t["overall"] for t in tries], np.float64)
    _, groups = np.unique([f"{t['voice']} {t['language']} {t['text']}" for t in tries], return_inverse=True)
    counts = np.bincount(groups)
    for column in (*at.T, liked):
        column -= (np.bincount(groups, column) / counts)[groups]
    size, voice = at.shape[1], np.array([names.index(t["voice"]) for t in tries])
    design = np.zeros((len(tries), size * (len(names) + 1)))
    design[:, :size] = at
    for index in range(len(names)):
        design[voice == index, size * (index + 1):size * (index + 2)] = at[voice == index]
    noise = max(float(liked.var()), 1e-12)
    widths = [np.repeat([shared, own], [size, size * len(names)]) for shared, own in itertools.product(PRIORS, PRIORS)]
    mean, _ = max((posterior(design, liked, width, noise) for width in widths), key=lambda found: found[1])
    return mean[:size] + mean[size:].reshape(len(names), size)


def ascended(slope: np.ndarray, step: float) -> np.ndarray:
    """[voices, displacement]: so far up each voice's slope, in pitch no farther than is allowed."""
    at = step * slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-12)
    at[:, -1] = at[:, -1].clip(-FARTHEST_PITCH, FARTHEST_PITCH)
    return at


# ---- trying ----------------------------------------------------------------------------------------------------

def sentences(work: Path) -> dict[str, list[str]]:
    """Whole ones, neither short nor long."""
    return {language: [text for text in corpus.load(work, language, "train") if low <= len(text) <= high and text[-1] in "。？！.?!"]
            for language, (low, high) in LETTERS.items()}


def write_voices(path: Path, config: dict, tensors: dict, voices: list[tuple[dict, np.ndarray, float]]) -> None:
    """The model with these (description, vector, Hz) in place of its named voices."""
    vectors = torch.from_numpy(np.stack([vector for _, vector, _ in voices])).to(tensors["voices.vectors"].dtype)
    write_model(path, {**config, "voices": [{**voice, "pitch": hz} for voice, _, hz in voices]}, {**tensors, "voices.vectors": vectors})


def displaced(space: Space, centre: np.ndarray, rng: np.random.Generator) -> dict[str, tuple[int, np.ndarray]]:
    """Name of a try's voice -> (whose, displacement): pairs on both sides of the centre."""
    found = {}
    for index, name in enumerate(space.names):
        for pair in range(PAIRS):
            way = rng.normal(size=space.size) * np.r_[np.full(space.size - 1, SPREAD), PITCH_SPREAD]
            found |= {f"{name}-{pair}a": (index, centre[index] + way), f"{name}-{pair}b": (index, centre[index] - way)}
    return found


def search(options: argparse.Namespace, config: dict, tensors: dict, space: Space, centre: np.ndarray, path: Path) -> None:
    from .listeners.quality import Quality
    rng, end, texts = np.random.default_rng(), time.time() + 60 * options.minutes, sentences(options.work)
    voices, quality = displaced(space, centre, rng), Quality(options.work / "listeners", 1)
    with tempfile.TemporaryDirectory() as scratch, open(path, "a", encoding="utf-8") as file:
        link_lexicons(options.model, Path(scratch))
        model = Path(scratch) / "tries.safetensors"
        write_voices(model, config, tensors, [({**space.voices[index], "name": name}, *space.moved(index, at)) for name, (index, at) in voices.items()])
        engine = Engine(options.build, model)
        for name, language in itertools.cycle(itertools.product(space.names, LETTERS)):
            text = texts[language][rng.integers(len(texts[language]))]
            for pair, side in itertools.product(rng.choice(PAIRS, PAIRS_A_SENTENCE, replace=False), "ab"):
                voice = f"{name}-{pair}{side}"
                spoken = engine.say(Request(text, language, voice))
                if spoken is not None:
                    overall = quality.hear(spoken.audio, spoken.rate)["overall"]
                    told = {"voice": name, "language": language, "text": text, "at": np.round(voices[voice][1], 4).tolist(), "overall": round(overall, 4)}
                    file.write(json.dumps(told, ensure_ascii=False) + "\n")
            file.flush()
            if time.time() > end:
                return


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--work", type=Path, default=Path("build/training"))
    p.add_argument("--build", type=Path, default=Path("build"), help="where the engine's library is")
    p.add_argument("--model", type=Path, default=Path("models/emotivoice-default.safetensors"))
    p.add_argument("--minutes", type=float, default=20, help="of trying; 0: none")
    p.add_argument("--part", type=int, default=1, help="names the file of tries")
    p.add_argument("--step", type=float, default=3.0, help="units up the slope: where tries are made once there are some, and where voices go")
    p.add_argument("--stay", default="", help="comma-separated voices that --out leaves where they are: those that another listener likes less when moved")
    p.add_argument("--out", type=Path, help="model file with the voices moved")
    a = p.parse_args()
    torch.set_num_threads(1)
    config, tensors = read_model(a.model)
    space, folder = Space(config, tensors["voices.vectors"].float().numpy()), a.work / "voice_search"
    stem = hashlib.sha256(a.model.read_bytes()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)

    def place() -> np.ndarray:
        lines = [line for path in sorted(folder.glob(f"{stem}.*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
        if len(lines) < FEWEST * space.size:
            print(f"voice_search: {len(lines)} tries of {a.model} so far; their slope is followed from {FEWEST * space.size} on", file=sys.stderr)
            return np.zeros((space.size, space.size))
        slope = slopes([json.loads(line) for line in lines], space.names)
        print(f"voice_search: {len(lines)} tries; a unit up is liked {np.linalg.norm(slope, axis=1).mean():.4f} more", file=sys.stderr)
        return ascended(slope, a.step)

    stay = chosen_voices(a.stay, space.names, f"voice_search: {a.model}")
    if a.minutes > 0:
        search(a, config, tensors, space, place(), folder / f"{stem}.{a.part}.jsonl")
    if a.out:
        at = place()
        if not at.any():
            raise SystemExit(f"voice_search: too few tries in {folder}: give more --minutes")
        at[[name in stay for name in space.names]] = 0
        write_voices(a.out, config, tensors, [(voice, *space.moved(index, at[index])) for index, voice in enumerate(space.voices)])
        for index, voice in enumerate(space.voices):
            vector, hz = space.moved(index, at[index])
            near = vector @ space.vectors[index] / np.linalg.norm(vector) / np.linalg.norm(space.vectors[index])
            print(f"{voice['name']}: {voice['pitch']:.0f} -> {hz:.0f} Hz, cosine to what it was {near:.3f}")


if __name__ == "__main__":
    main()
