"""Trains the prosody of the acoustic model: durations per symbol; F0, energy and voicing per frame.

python -m training.train_acoustic --work DIR --minutes 20 [--from hibari | MODEL.safetensors]
-> DIR/acoustic/last.pt, DIR/acoustic/medians.json

It reads labels alone (teacher/make.py --labels, DIR/labels; DIR/utterances where there are none). The text encoder whose features the
vocoder reads is the vocoder's to train.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import hibari
from .convnext import ENERGY_UNIT, PAIR, Acoustic
from .dataset import VECTOR_GAIN, Dataset
from .loop import Loop, cosine_rate, device_of, precision_of, set_rate
from .packed import Packed

WEIGHTS = dict(duration=1.0, f0=2.0, energy=0.5, voicing=0.4)
SYMBOLS_A_BATCH = 1400
HELD = 48  # utterances to validate with, a tenth of few


def pad(arrays, value=0):
    """List of [n, ...] arrays to one tensor [B, max n, ...]."""
    out = np.full((len(arrays), max(len(a) for a in arrays)) + arrays[0].shape[1:], value, arrays[0].dtype)
    for row, a in zip(out, arrays):
        row[:len(a)] = a
    return torch.from_numpy(out)


def batches(items, symbols, rng):
    """Utterances of similar length, about `symbols` symbols a batch when padded, in random order."""
    while True:
        keys = [len(i["f0"]) * rng.uniform(0.85, 1.15) for i in items]
        groups, group = [], []
        for at in np.argsort(keys):
            if group and max(len(i["symbols"]) for i in group + [items[at]]) * (len(group) + 1) > symbols:
                groups.append(group)
                group = []
            group.append(items[at])
        groups.append(group)
        for at in rng.permutation(len(groups)):
            yield groups[at]


def collate(group, dataset, medians, rng, device):
    rows = []
    for item in group:
        median = medians[item["speaker"]]
        frames = len(item["f0"]) + len(item["f0"]) % PAIR
        edge = lambda x: np.pad(x, (0, frames - len(x)), mode="edge")  # noqa: E731
        voiced = item["f0"] > 0
        owner = np.repeat(np.arange(len(item["symbols"])), item["durations"])
        rows.append(dict(ids=item["symbols"].astype(np.int64), mask=np.ones(len(item["symbols"]), bool), owner=owner[::PAIR].astype(np.int64),
                         durations=item["durations"].astype(np.float32), pairs=np.ones(frames // PAIR, np.float32),
                         f0=edge(np.where(voiced, np.log(np.maximum(item["f0"], 1.0) / median), 0).astype(np.float32)),
                         voiced=edge(voiced.astype(np.float32)), energy=edge((item["energy"] / ENERGY_UNIT).astype(np.float32))))
    batch = {key: pad([row[key] for row in rows]).to(device) for key in rows[0]}
    batch["condition"] = torch.from_numpy(np.stack([dataset.condition(i, rng) for i in group]).astype(np.float32)).to(device)
    return batch


def losses(network, b):
    hidden, log_frames = network.tokens(b["ids"], b["mask"], b["condition"])
    hidden = torch.gather(hidden, 1, b["owner"][..., None].expand(-1, -1, hidden.shape[-1]))
    f0, energy, voicing = network.frames(hidden * b["pairs"][..., None], b["condition"], b["pairs"][:, None])
    frames = b["pairs"].repeat_interleave(PAIR, 1)

    def mean(x, weight):
        return (x * weight).sum() / weight.sum().clamp(1)
    return dict(duration=mean((log_frames.float() - torch.log1p(b["durations"])).abs(), b["mask"].float()),
                f0=mean((f0.float() - b["f0"]).abs(), b["voiced"] * frames), energy=mean((energy.float() - b["energy"]).abs(), frames),
                voicing=mean(F.binary_cross_entropy_with_logits(voicing.float(), b["voiced"], reduction="none"), frames))


@torch.no_grad()
def validate(network, items, dataset, medians, device):
    network.eval()
    sums = {}
    for at in range(0, len(items), 12):
        for key, value in losses(network, collate(items[at:at + 12], dataset, medians, None, device)).items():
            sums.setdefault(f"valid_{key}", []).append(float(value))
    network.train()
    return {key: float(np.mean(value)) for key, value in sums.items()}


def start(network, source):
    if source == "hibari":
        missing = hibari.fill(network, "pn.")
        with torch.no_grad():
            network.dur[2].bias += 0.6  # its frames are twice as long as ours
        print(f"from hibari; {len(missing)} tensors of our own", file=sys.stderr)
    elif source:
        Packed(source).start("acoustic", network, "pn.")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=20)
    p.add_argument("--rate", type=float, default=6e-4, help="peak learning rate")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from, or hibari")
    p.add_argument("--steps", type=int, default=10 ** 9, help="end after so many, if the minutes are not over before")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(2)
    device, out = device_of(a.device), Path(a.work) / "acoustic"
    precision = precision_of("auto", device)
    dataset = Dataset(a.work, "train", sound=False)
    medians = dataset.medians()
    out.mkdir(parents=True, exist_ok=True)
    (out / "medians.json").write_text(json.dumps(medians))
    items = [i for i in dataset.items if i["speaker"] in medians and (i["f0"] > 0).any()]
    order = np.random.default_rng(4).permutation(len(items))
    aside = min(HELD, len(items) // 10)
    held, items = [items[i] for i in order[:aside]], [items[i] for i in order[aside:]]
    network = Acoustic().pn.to(device)
    if not (out / "last.pt").exists():
        start(network, a.start)
    optimiser = torch.optim.AdamW(network.parameters(), lr=a.rate, betas=(0.9, 0.98), weight_decay=0.01)
    loop = Loop(out, a.minutes, dict(model=network, optimiser=optimiser), log_every=20 if a.minutes > 2 else 1, steps=a.steps)
    rng = np.random.default_rng(11 + loop.step)
    source = batches(items, SYMBOLS_A_BATCH, rng)
    print(f"{len(items)} utterances of {len(medians)} speakers; vectors at length {VECTOR_GAIN:g}", file=sys.stderr)
    for step in loop:
        set_rate(optimiser, cosine_rate(loop.progress(), a.rate))
        batch = collate(next(source), dataset, medians, rng, device)
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            parts = losses(network, batch)
        loss = sum(WEIGHTS[k] * v for k, v in parts.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        loop.log(loss=loss, **parts)
        if held and step % 300 == 299:
            loop.log(**validate(network, held, dataset, medians, device))


if __name__ == "__main__":
    main()
