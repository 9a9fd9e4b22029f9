"""Speaker vectors of all utterances by a speaker encoder that has heard thousands of people (PyPI: Resemblyzer, Apache-2.0).

`python -m training.vectors --work DIR` writes DIR/vectors.npz: a unit vector [256] by utterance name, and of each speaker by
"speaker:NAME". They are what the acoustic model and the vocoder are conditioned on, and what training.train_speaker teaches.

What is there already is kept. The dataset may still be growing: --follow MINUTES waits for more.
"""
from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly

RATE = 24000
LEVEL = 0.03       # root mean square that the encoder hears everybody at: about what it was trained with
SILENCE = 1e-4
LEAST_NEUTRAL = 3   # neutral utterances that make a speaker's mean; with fewer, all utterances do
SAVE_S, POLL_S = 90, 20
PARTIALS = 96       # stretches of 1.6 s that the network is given at once


class Listener:
    """Resemblyzer's VoiceEncoder.embed_utterance for many utterances at once, all at one level: louder speech is another speaker to it."""

    def __init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import resemblyzer
        self.package, self.network = resemblyzer, resemblyzer.VoiceEncoder("cpu", verbose=False)

    def stretches(self, wav, rate):
        """[n, 160, 40]: the mel of each 1.6 s that the vector is a mean over; None of silence."""
        level = np.sqrt(np.mean(np.square(wav, dtype=np.float64))) if len(wav) else 0.0
        if level < SILENCE:
            return None
        common = math.gcd(rate, self.package.sampling_rate)
        wav = resample_poly(wav, self.package.sampling_rate // common, rate // common) * (LEVEL / level)
        wavs, mels = self.network.compute_partial_slices(len(wav), 1.3, 0.75)
        wav = np.pad(wav.astype(np.float32), (0, max(0, wavs[-1].stop - len(wav))))
        mel = self.package.wav_to_mel_spectrogram(wav)
        return np.array([mel[s] for s in mels])

    @torch.no_grad()
    def vectors(self, wavs, rate):
        """A unit vector for each waveform (float), None of silence."""
        parts = [self.stretches(wav, rate) for wav in wavs]
        known = [part for part in parts if part is not None]
        if not known:
            return [None] * len(parts)
        mels = torch.from_numpy(np.concatenate(known))
        heard = np.concatenate([self.network(chunk).numpy() for chunk in mels.split(PARTIALS)])
        found, at = [], 0
        for part in parts:
            if part is None:
                found.append(None)
                continue
            mean = heard[at:at + len(part)].mean(axis=0)
            at += len(part)
            found.append((mean / np.linalg.norm(mean)).astype(np.float32))
        return found


def path_of(work, row):
    return Path(work) / "utterances" / row["split"] / f"{row['name']}.npz"


def rows(work):
    """What the indexes of all splits name and what is there, each row with its split."""
    named = [dict(json.loads(line), split=path.name.split(".")[0]) for path in sorted((Path(work) / "utterances").glob("*.*.jsonl"))
             for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return [row for row in named if path_of(work, row).exists()]


def read(work):
    path = Path(work) / "vectors.npz"
    if not path.exists():
        return {}
    with np.load(path) as z:
        return {name: z[name] for name in z.files}


def means(table, index):
    """speaker:NAME to the unit mean over the speaker's neutral utterances, over all where few are neutral."""
    spoken = {}
    for row in index:
        if row["name"] in table:
            spoken.setdefault(row["speaker"], []).append((row["emotion"] == "neutral", table[row["name"]]))
    found = {}
    for speaker, heard in spoken.items():
        neutral = [vector for is_neutral, vector in heard if is_neutral]
        mean = np.mean(neutral if len(neutral) >= LEAST_NEUTRAL else [vector for _, vector in heard], axis=0)
        found[f"speaker:{speaker}"] = (mean / np.linalg.norm(mean)).astype(np.float32)
    return found


def save(work, table, index):
    """Written aside and renamed: other steps read the file while this one goes on."""
    table.update(means(table, index))
    aside = Path(work) / f"vectors.{os.getpid()}.part"
    with open(aside, "wb") as file:
        np.savez(file, **table)
    os.replace(aside, Path(work) / "vectors.npz")


def waveform(work, row):
    with np.load(path_of(work, row)) as z:
        return z["wav"].astype(np.float32) / 32767


def update(work, listener, table, silent, until, batch=32):
    """Adds what is missing, until the time is over; returns how many were added. `silent` collects names that have no vector.
    Names that are gone from the dataset are dropped: they may come again with other speech."""
    index, saved, added = rows(work), time.time(), 0
    there = {row["name"] for row in index} | {f"speaker:{row['speaker']}" for row in index}
    for name in [name for name in table if name not in there]:
        del table[name]
    todo = [row for row in index if row["name"] not in table and row["name"] not in silent]
    for at in range(0, len(todo), batch):
        some = todo[at:at + batch]
        for row, vector in zip(some, listener.vectors([waveform(work, row) for row in some], RATE)):
            if vector is None:
                silent.add(row["name"])
            else:
                table[row["name"]], added = vector, added + 1
        if time.time() > until:
            break
        if time.time() - saved > SAVE_S:
            save(work, table, index)
            saved = time.time()
            print(f"vectors: {len(todo) - at - len(some)} utterances to go", file=sys.stderr, flush=True)
    if added:
        save(work, table, index)
    return added


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--follow", type=float, default=0, metavar="MINUTES", help="goes on waiting for new utterances for so long")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    if not any((a.work / "utterances").glob("*.*.jsonl")):
        sys.exit(f"no utterances in {a.work}/utterances: run `python -m training.teacher.make --work {a.work}` first")
    start, listener, table, silent = time.time(), Listener(), read(a.work), set()
    until = start + a.minutes * 60
    while True:
        added = update(a.work, listener, table, silent, until)
        now = time.time()
        if now > until or not added and now > start + a.follow * 60:
            break
        if not added:
            time.sleep(POLL_S)
    speakers = sum(name.startswith("speaker:") for name in table)
    print(f"{a.work}/vectors.npz: {len(table) - speakers} utterances, {speakers} speakers"
          + (f"; nothing to hear in {len(silent)}" if silent else ""), file=sys.stderr)


if __name__ == "__main__":
    main()
