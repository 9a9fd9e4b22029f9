"""Fits a packed model's equaliser: what a clone's long-term average spectrum lacks of its reference's is given back (src/model/equaliser.h).

python -m training.equaliser --model MODEL --out MODEL [--work DIR] [--build build] [--strength 0.7] [--limit 8] [--voices 400] [--further]

A cloned voice's own spectrum is to be known without making it. So some hundred voices are cloned here, of the dataset's crowd and of recorded
people (recorded.py), each says a few sentences in both languages, and their spectra are laid as a linear function over the vector and the pitch.
Printed: how far from it the spectra are of those whom the fit has not seen. Last of all steps, since it is of one vocoder.
"""
from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch

from . import recorded
from .front import link_lexicons
from .listeners import sound
from .packed import read_model, write_model
from .subjects import Engine, Request
from .variety import played

RATE, WINDOW, HOP, LOUD = 16000, 1024, 256, 0.3  # src/audio/ltas.c
BANDS_HZ = (120, 164, 224, 307, 419, 573, 783, 1070, 1463, 2000, 2733, 3734, 5104, 6976)
STRENGTH, LIMIT_DB, PITCH_HZ = 0.7, 8.0, 200.0
RIDGE, RIDGE_FURTHER, FOLDS, LEAST_VOICES = 0.03, 3.0, 5, 20
REFERENCE_S = 3.0, 12.0
SENTENCES = {"en": ("The committee will meet again on Thursday to discuss the new budget.", "She found the old photographs in a box under the stairs.",
                    "Please leave your message after the tone, and we will call you back."),
             "zh": ("委员会将于星期四再次开会讨论新的预算。", "她在楼梯下面的箱子里找到了那些旧照片。", "请在提示音之后留言，我们会尽快给您回电。")}


def edges(hz) -> list[int]:
    """The first spectrum line of each band, and the one behind the last."""
    centres = [hz[0] ** 2 / hz[1], *hz, hz[-1] ** 2 / hz[-2]]
    return [int(np.ceil(np.sqrt(a * b) * WINDOW / RATE)) for a, b in zip(centres, centres[1:])]


def spectrum_db(wav: np.ndarray, hz=BANDS_HZ) -> np.ndarray:
    """[bands] as ev_ltas gives it, of a float waveform at 16 kHz."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(np.lib.stride_tricks.sliding_window_view(wav, WINDOW)[::HOP] * window)) ** 2
    whole = power.sum(1)
    mean, at = power[whole >= LOUD * whole.mean()].mean(0), edges(hz)
    return 10 * np.log10(np.maximum([mean[a:b].mean() for a, b in zip(at, at[1:])], 1e-12))


def references(work: Path):
    """(name, waveform at 16 kHz): one utterance each of the dataset's crowd, and a stretch of each recorded person."""
    seen = set()
    for path in sorted((work / "utterances" / "train").glob("*.npz")):
        speaker = path.stem.split("_")[2]
        if not speaker.startswith("p") or speaker in seen:
            continue
        with np.load(path) as utterance:
            wav = utterance["wav"].astype(np.float64) / 32768
        if REFERENCE_S[0] <= len(wav) / 24000 <= REFERENCE_S[1]:
            seen.add(speaker)
            yield speaker, played(wav, 24000, 50)
    rng = np.random.default_rng(2)
    for name, paths in recorded.folders().items():
        said = recorded.stretches(paths, 2, rng)
        if said:
            yield name, np.concatenate(said)[:int(REFERENCE_S[1] * RATE)]


def terms(vector: np.ndarray, pitch: float) -> np.ndarray:
    height = np.log(pitch / PITCH_HZ)
    return np.concatenate([[1.0, height, height ** 2], vector])


def measured(engine: Engine, work: Path, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(terms [n, 3 + speaker], spectra [n, bands], dB about their mean) of the clones."""
    rows, spectra = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, wav in itertools.islice(references(work), most):
            path = Path(folder) / f"{name}.wav"
            soundfile.write(path, np.clip(wav, -1, 1), RATE)
            try:
                vector, pitch = engine.library.described(path)
            except RuntimeError as error:
                print(f"equaliser: {name} left out: {error}", file=sys.stderr)
                continue
            said = {language: np.concatenate([engine.say(Request(text, language, name, path)).audio for text in texts])
                    for language, texts in SENTENCES.items()}
            spectrum = np.mean([spectrum_db(sound.at_rate(wav, engine.config["vocoder"]["sample_rate"], RATE)) for wav in said.values()], axis=0)
            rows.append(terms(vector, pitch))
            spectra.append(spectrum - spectrum.mean())
    return np.stack(rows), np.stack(spectra)


def fitted(rows: np.ndarray, spectra: np.ndarray, ridge: float) -> np.ndarray:
    """[bands, terms], by ridge regression; the constant is free."""
    penalty = ridge * np.eye(rows.shape[1])
    penalty[0, 0] = 1e-6
    return np.linalg.solve(rows.T @ rows + penalty, rows.T @ spectra).T


def unseen_error(rows: np.ndarray, spectra: np.ndarray, ridge: float) -> np.ndarray:
    """[bands] dB, root mean square over voices that each fit did not see."""
    order, missed = np.random.default_rng(0).permutation(len(rows)), np.zeros_like(spectra)
    for fold in np.array_split(order, FOLDS):
        rest = np.setdiff1d(order, fold)
        missed[fold] = rows[fold] @ fitted(rows[rest], spectra[rest], ridge).T - spectra[fold]
    return np.sqrt((missed ** 2).mean(0))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--model", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--work", type=Path, default=Path("build/training"))
    p.add_argument("--build", type=Path, default=Path("build"), help="where the engine's library is")
    p.add_argument("--strength", type=float, default=STRENGTH, help="share of what lacks that is given back, 0 to 1")
    p.add_argument("--limit", type=float, default=LIMIT_DB, help="dB, of a gain")
    p.add_argument("--voices", type=int, default=400, help="to learn from, at the most")
    p.add_argument("--further", action="store_true", help="begin with the equaliser that MODEL has, and learn what is missing: of a changed vocoder")
    a = p.parse_args()
    config, tensors = read_model(a.model)
    config.pop("equaliser", None)
    known = tensors.pop("equaliser.weight", None)
    if a.further and known is None:
        sys.exit(f"equaliser: {a.model} has none to go on with: leave out --further")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.safetensors"
        link_lexicons(a.model, Path(folder))
        write_model(plain, config, tensors)
        rows, spectra = measured(Engine(a.build, plain), a.work, a.voices)
    if len(rows) < LEAST_VOICES:
        sys.exit(f"equaliser: {len(rows)} voices to learn from, wanted {LEAST_VOICES}: make some utterances first (training.teacher.make)")
    before, ridge = (known.double().numpy(), RIDGE_FURTHER) if a.further else (np.zeros((len(BANDS_HZ), rows.shape[1])), RIDGE)
    missing = spectra - rows @ before.T
    error = unseen_error(rows, missing, ridge)
    tensors["equaliser.weight"] = torch.from_numpy((before + fitted(rows, missing, ridge)).astype(np.float32))
    config["equaliser"] = dict(bands_hz=list(BANDS_HZ), strength=a.strength, limit_db=a.limit)
    write_model(a.out, config, tensors)
    print(f"{a.out}: fitted on {len(rows)} voices; others are {error.mean():.1f} dB off in the mean ({', '.join(f'{hz} Hz: {e:.1f}' for hz, e in zip(BANDS_HZ, error))})")


if __name__ == "__main__":
    main()
