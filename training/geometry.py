"""The speaker encoder's geometry beside Resemblyzer's, on recordings of people (listeners/people.py) that nothing was trained with.

`python -m training.geometry --work DIR` (or --model FILE) prints, for 6 s references out of seven recordings of six people: how near
the encoder's vector is to Resemblyzer's of the same sound, how far persons are apart, and how far a narrow band, mp3, noise or a room
moves the vector.
"""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import soxr
import torch
import torch.nn.functional as F

from . import disturb, features, vectors
from .listeners import people
from .packed import Packed
from .speaker import SpeakerEncoder

RATE, SECONDS = 16000, 6.0


def read(path):
    """Float at 16 kHz, quiet edges cut off."""
    wav, rate = people.read(path)
    wav = soxr.resample(np.asarray(wav, np.float64), rate, RATE)
    frames = wav[:len(wav) // 160 * 160].reshape(-1, 160)
    loud = np.flatnonzero(np.sqrt((frames**2).mean(axis=1)) > 0.03 * (np.abs(wav).max() + 1e-9))
    return wav[loud[0] * 160:(loud[-1] + 1) * 160] if len(loud) else wav[:0]


def references(folder, pattern, count):
    """`count` waveforms of SECONDS, each of other recordings, at one level."""
    paths, found, wav = sorted(folder.glob(pattern)), [], np.zeros(0)
    if not paths:
        sys.exit(f"{folder} has no {pattern}: script/bootstrap --training installs the recordings")
    for index in np.random.default_rng(2).permutation(len(paths)):
        clip = read(paths[index])
        if len(clip) < RATE // 5:
            continue
        # 80 ms between clips, as between words
        wav = np.concatenate([wav, clip / np.sqrt(disturb.power(clip)) * 0.05, np.zeros(RATE * 8 // 100)])
        if len(wav) >= SECONDS * RATE:
            found.append(wav[:int(SECONDS * RATE)])
            wav = np.zeros(0)
            if len(found) == count:
                break
    return found


def mp3(wav):
    return disturb.coded(wav, ("MP3", "MPEG_LAYER_III", RATE, dict(compression_level=0.63, bitrate_mode="CONSTANT")))


DISTURBANCES = {"band 4 kHz": lambda wav, rng: disturb.filtered(wav, np.zeros(len(disturb.BANDS_HZ)), 0, 4000),
                "band 0.3-3.4 kHz": lambda wav, rng: disturb.filtered(wav, np.zeros(len(disturb.BANDS_HZ)), 300, 3400),
                "mp3 64 kbit/s": lambda wav, rng: mp3(wav), "mu-law 8 kHz": lambda wav, rng: disturb.coded(wav, ("WAV", "ULAW", 8000, {})),
                "noise 20 dB": lambda wav, rng: wav + rng.normal(0, np.sqrt(disturb.power(wav) / 100), len(wav)),
                "noise 10 dB": lambda wav, rng: wav + rng.normal(0, np.sqrt(disturb.power(wav) / 10), len(wav)),
                "room 0.4 s": lambda wav, rng: disturb.room(wav, 0.4, 3.0, rng),
                "level -12 dB": lambda wav, rng: wav / 4}


class Ours:
    def __init__(self, network):
        self.network = network.eval()

    @torch.no_grad()
    def __call__(self, wavs):
        return np.stack([F.normalize(self.network(torch.from_numpy(features.fbank(wav))[None]))[0].numpy() for wav in wavs])


def encoder_of(work, model):
    if model:
        return Packed(model).network("speaker")
    path = Path(work) / "speaker" / "last.pt"
    if not path.exists():
        sys.exit(f"{path} is missing: run `python -m training.train_speaker --work {work}` first, or name a file with --model")
    network = SpeakerEncoder()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["parts"]["encoder"])
    return network


def separation(table, persons):
    """(mean cosine of one person's references, of different persons', share nearest to their own recording's mean of the others)."""
    keys = [(key, i) for key, rows in table.items() for i in range(len(rows))]
    every = np.concatenate(list(table.values()))
    near = every @ every.T
    same = np.array([[persons[a] == persons[b] for b, _ in keys] for a, _ in keys])
    off = ~np.eye(len(keys), dtype=bool)
    right = 0
    for row, (key, i) in enumerate(keys):
        means = {other: np.mean([v for j, v in enumerate(rows) if other != key or j != i], axis=0) for other, rows in table.items()}
        best = max(means, key=lambda other: float(every[row] @ means[other] / np.linalg.norm(means[other])))
        right += persons[best] == persons[key]
    return float(near[same & off].mean()), float(near[~same].mean()), right / len(keys)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--model", help="packed model whose encoder is measured; default: what was trained in DIR")
    parser.add_argument("--references", type=int, default=4, help="of each recording")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(1)
    listener, ours = vectors.Listener(), Ours(encoder_of(a.work, a.model))
    theirs = lambda wavs: np.stack(listener.vectors(wavs, RATE))  # noqa: E731
    persons = {key: who for key, who, _, _ in people.RECORDINGS}
    sound = {key: references(folder, pattern, a.references) for key, _, folder, pattern in people.RECORDINGS}
    heard = {name: {key: listen(wavs) for key, wavs in sound.items()} for name, listen in (("ours", ours), ("theirs", theirs))}
    report = dict(nearness={key: float((heard["ours"][key] * heard["theirs"][key]).sum(1).mean()) for key in sound})
    report["nearness"]["mean"] = float(np.mean(list(report["nearness"].values())))
    report["separation"] = {name: separation(table, persons) for name, table in heard.items()}
    means = {key: v.mean(0) / np.linalg.norm(v.mean(0)) for key, v in heard["theirs"].items()}
    report["identified"] = float(np.mean([persons[max(means, key=lambda m: float(v @ means[m]))] == persons[key]
                                          for key, rows in heard["ours"].items() for v in rows]))
    flat = [wav for wavs in sound.values() for wav in wavs]
    before = {name: np.concatenate(list(table.values())) for name, table in heard.items()}
    report["moved"] = {}
    for name, change in DISTURBANCES.items():
        rng = np.random.default_rng(4)
        changed = [change(wav, rng) for wav in flat]
        after = dict(ours=ours(changed), theirs=theirs(changed))
        row = {who: float((before[who] * after[who]).sum(1).mean()) for who in after}
        row["to theirs"] = float((before["theirs"] * after["ours"]).sum(1).mean())
        report["moved"][name] = row
    if a.json:
        print(json.dumps(report))
        return
    print("cosine to Resemblyzer's vector of the same sound: " + ", ".join(f"{key} {value:.3f}" for key, value in report["nearness"].items()))
    print(f"nearest to the right person's mean by Resemblyzer: {report['identified']:.3f}")
    for name, (same, other, right) in report["separation"].items():
        print(f"{name}: one person {same:.3f}, different persons {other:.3f}, right person nearest {right:.3f}")
    print("cosine between the vector before and after: ours, Resemblyzer's; and of ours after to Resemblyzer's before")
    for name, row in report["moved"].items():
        print(f"  {name:18s} {row['ours']:.3f} {row['theirs']:.3f} {row['to theirs']:.3f}")


if __name__ == "__main__":
    main()
