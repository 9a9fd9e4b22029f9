"""The dataset as the training steps see it: every utterance in memory, its envelope's log-mel computed once and cached.

An utterance file holds wav int16 [256 T], tokens [L], durations [L] (frames, sum T), f0 [T] (Hz, 0 unvoiced),
speaker, language, emotion, degree, text; see virtual.py.
"""
import json
import multiprocessing
import os
import sys
from pathlib import Path

import numpy as np
import torch

from . import features
from .acoustic import EMOTIONS

HOP = 256
CACHE = "envelope"  # folder of the analysis, beside utterances/
WORTH_PROCESSES = 400


def load(work, split, limit=None):
    """List of dicts, in index order; files that the index names but that are not there are left out."""
    folder = Path(work) / "utterances"
    cache = Path(work) / CACHE / split
    cache.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in open(folder / f"{split}.jsonl")]
    jobs = [(folder / split / f"{row['name']}.npz", cache / f"{row['name']}.npz") for row in rows[:limit]]
    _analyse_all([job for job in jobs if job[0].exists() and not job[1].exists()])
    items = [_load_one(*job, row) for job, row in zip(jobs, rows) if job[0].exists()]
    if not items:
        sys.exit(f"no utterances in {folder}/{split}: run `python -m training.virtual --work {work}` first")
    return items


def _analyse_all(jobs):
    """Fills the cache; with all cores where there is much to do."""
    if len(jobs) < WORTH_PROCESSES:
        for job in jobs:
            _analyse(job)
        return
    with multiprocessing.get_context("spawn").Pool() as pool:
        for done, _ in enumerate(pool.imap_unordered(_analyse, jobs, chunksize=16), 1):
            if done % 1000 == 0 or done == len(jobs):
                print(f"data: {done}/{len(jobs)} utterances analysed", file=sys.stderr)


def _analyse(job):
    """Writes the log-mel of the envelope and the energy of one utterance."""
    path, cached = job
    with np.load(path) as z:
        wav, f0 = z["wav"].astype(np.float32) / 32768, z["f0"]
    # Written aside and renamed: two training steps may fill the cache at once.
    aside = cached.with_suffix(f".{os.getpid()}.npz")
    np.savez(aside, mel=features.envelope_mel(wav, f0).astype(np.float16), energy=features.energy(wav).astype(np.float32))
    os.replace(aside, cached)


def _load_one(path, cached, row):
    with np.load(path) as z:
        item = {k: z[k] for k in ("wav", "tokens", "durations", "f0")}
    with np.load(cached) as z:
        item["mel"], item["energy"] = z["mel"], z["energy"]
    item.update(name=row["name"], speaker=row["speaker"], language=row["language"], emotion=row["emotion"],
                degree=float(row["degree"]), text=row["text"])
    return item


def continuous_log_f0(f0):
    """log F0 with unvoiced frames filled linearly between voiced neighbours; None when nothing is voiced."""
    voiced = np.nonzero(f0 > 0)[0]
    if len(voiced) == 0:
        return None
    return np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced])).astype(np.float32)


def token_means(values, durations):
    """Mean of values [T] over each token's frames; 0-length tokens take the value at their boundary."""
    ends = np.cumsum(durations)
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    starts = ends - durations
    at = np.clip(starts, 0, len(values) - 1)
    return np.where(durations > 0, (sums[ends] - sums[starts]) / np.maximum(durations, 1),
                    values[at]).astype(np.float32)


def emotion_weights(emotion, degree):
    """One row over EMOTIONS that sums to 1: `degree` of the label, the rest neutral."""
    w = np.zeros(len(EMOTIONS), np.float32)
    w[EMOTIONS.index(emotion)] += degree
    w[0] += 1.0 - degree
    return w


def speaker_medians(items):
    """Median F0 over the neutral speech of each speaker (all speech where there is no neutral), Hz."""
    frames = {}
    for item in items:
        voiced = item["f0"][item["f0"] > 0]
        frames.setdefault((item["speaker"], item["emotion"] == "neutral"), []).append(voiced)
    medians = {}
    for (speaker, neutral), parts in sorted(frames.items()):
        values = np.concatenate(parts)
        if len(values) >= 20:  # neutral sorts after other: it wins
            medians[speaker] = float(np.median(values))
    return medians


def pad(arrays, value=0):
    """List of [n, ...] arrays to one tensor [B, max n, ...]."""
    out = np.full((len(arrays), max(len(a) for a in arrays)) + arrays[0].shape[1:], value, arrays[0].dtype)
    for row, a in zip(out, arrays):
        row[:len(a)] = a
    return torch.from_numpy(out)
