"""Trains the acoustic model on true durations, pitch and energy, conditioned on the speaker encoder's vectors.

python -m training.train_acoustic --work DIR --minutes 60
-> DIR/acoustic/last.pt, DIR/acoustic/statistics.json

--from MODEL.safetensors goes on from a packed model's weights instead of random ones: for a small dataset of one's own
(recordings.py), a few minutes at a lower rate.
"""
import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import data, needs
from .acoustic import Acoustic, DEFAULT
from .loop import Loop, cosine_rate, device_of, precision_of, set_rate
from .packed import Packed


def prepare(items, medians):
    """Adds per-token targets to each item; drops what has no voiced frame or no speaker statistics."""
    kept = []
    for item in items:
        curve = data.continuous_log_f0(item["f0"])
        if curve is None or item["speaker"] not in medians:
            continue
        item["log_f0"] = curve
        item["token_log_f0"] = data.token_means(curve, item["durations"])
        item["token_energy"] = data.token_means(item["energy"], item["durations"])
        item["median"] = medians[item["speaker"]]
        item["emotion_weights"] = data.emotion_weights(item["emotion"], item["degree"])
        kept.append(item)
    return kept


def grouped(items, frames):
    """Items, in an order in which lengths grow more or less, in groups that come to about `frames` frames when padded."""
    group, longest = [], 0
    for item in items:
        longest = max(longest, len(item["f0"]))
        if group and longest * (len(group) + 1) > frames:
            yield group
            group, longest = [], len(item["f0"])
        group.append(item)
    yield group


def batches(items, frames, rng):
    """Batches of about `frames` frames, of utterances of similar length (padding is wasted work), in random order."""
    while True:
        keys = [len(i["f0"]) * rng.uniform(0.85, 1.15) for i in items]
        groups = list(grouped((items[at] for at in np.argsort(keys)), frames))
        for at in rng.permutation(len(groups)):
            yield groups[at]


class Vectors:
    """The speaker vector to condition on: mostly of another utterance of the same speaker, as a clone will have it."""

    def __init__(self, path, items):
        with np.load(path) as z:
            table = {name: z[name] for name in z.files}
        self.by_speaker = {}
        for item in items:
            if item["name"] in table:
                self.by_speaker.setdefault(item["speaker"], []).append(table[item["name"]])
        self.mean = {s: v / np.linalg.norm(v) for s, v in
                     ((s, np.mean(v, axis=0)) for s, v in self.by_speaker.items())}

    def draw(self, speaker, rng):
        if rng is None or rng.random() < 0.3:
            return self.mean[speaker]
        choices = self.by_speaker[speaker]
        v = choices[rng.integers(len(choices))] + rng.normal(0, 0.02, len(choices[0]))
        return v / np.linalg.norm(v)


def collate(group, vectors, rng, stats, device):
    c = DEFAULT
    scale, centre = c["pitch_scale"], c["pitch_centre"]
    tokens = data.pad([i["tokens"].astype(np.int64) for i in group])
    batch = dict(
        tokens=tokens,
        mask=data.pad([np.ones(len(i["tokens"]), bool) for i in group]),
        durations=data.pad([i["durations"].astype(np.float32) for i in group]),
        pitch=data.pad([((i["token_log_f0"] - centre) / scale).astype(np.float32) for i in group]),
        pitch_relative=data.pad([((i["token_log_f0"] - math.log(i["median"])) / scale).astype(np.float32)
                                 for i in group]),
        energy=data.pad([((i["token_energy"] - stats["energy_mean"]) / stats["energy_std"]).astype(np.float32)
                         for i in group]),
        mel=data.pad([i["mel"].astype(np.float32) for i in group]),
        log_f0=data.pad([((i["log_f0"] - centre) / scale).astype(np.float32) for i in group]),
        voiced=data.pad([(i["f0"] > 0).astype(np.float32) for i in group]),
        speaker=torch.from_numpy(np.stack([vectors.draw(i["speaker"], rng) for i in group]).astype(np.float32)),
        emotion=torch.from_numpy(np.stack([i["emotion_weights"] for i in group])))
    return {k: v.to(device) for k, v in batch.items()}


def losses(model, b):
    out = model(b["tokens"], b["mask"], b["speaker"], b["emotion"], b["durations"], b["pitch"], b["energy"])
    m, fm = b["mask"].float(), out["frame_mask"].float()
    voiced = b["voiced"] * fm
    f0_target = b["log_f0"] - out["pitch_up"].detach()

    def mean(x, weight):
        return (x * weight).sum() / weight.sum().clamp(1)
    return dict(
        mel=mean((out["mel"] - b["mel"]).abs().mean(2), fm),
        duration=mean((out["log_duration"] - torch.log1p(b["durations"])) ** 2, m),
        pitch=mean((out["pitch"] - b["pitch_relative"]) ** 2, m),
        energy=mean((out["energy"] - b["energy"]) ** 2, m),
        f0=mean((out["f0"][..., 0] - f0_target).abs(), voiced),
        voicing=mean(F.binary_cross_entropy_with_logits(out["f0"][..., 1], b["voiced"], reduction="none"), fm))


def statistics(train, medians, path, packed):
    """Energy mean and deviation, medians; the energy of a packed model is kept, its weights rely on it.

    A run that started from one says so in its file, so that it can go on without --from."""
    before = json.loads(path.read_text()) if path.exists() else {}
    energies = np.concatenate([i["token_energy"] for i in train])
    stats = dict(energy_mean=float(energies.mean()), energy_std=float(energies.std()), medians=medians)
    if packed:
        stats.update({k: packed.config["acoustic"][k] for k in ("energy_mean", "energy_std")}, started_from=packed.path.name)
    elif "started_from" in before:
        stats.update({k: before[k] for k in ("energy_mean", "energy_std", "started_from")})
    return stats


WEIGHTS = dict(mel=1.0, duration=0.5, pitch=0.5, energy=0.3, f0=1.0, voicing=0.3)


@torch.no_grad()
def validate(model, items, vectors, stats, device):
    model.eval()
    sums = {}
    for at in range(0, len(items), 8):
        for k, v in losses(model, collate(items[at:at + 8], vectors, None, stats, device)).items():
            sums.setdefault(k, []).append(float(v))
    model.train()
    return {f"valid_{k}": float(np.mean(v)) for k, v in sums.items()}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--frames", type=int, default=2400, help="frames a batch, padding included")
    p.add_argument("--rate", type=float, help="peak learning rate; default 1e-3, with --from 2e-4")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from")
    p.add_argument("--dropout", type=float, help="default 0 (hours of speech, seen a few times), with --from 0.1")
    p.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"], help="of matrix products")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    rate = a.rate or (2e-4 if a.start else 1e-3)
    dropout = a.dropout if a.dropout is not None else 0.1 if a.start else 0.0
    needs.dataset(a.work)
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(2)
    device, out = device_of(a.device), Path(a.work) / "acoustic"
    train, valid = data.load(a.work, "train"), data.load(a.work, "valid")
    medians = data.speaker_medians(train)
    train, valid = prepare(train, medians), prepare(valid, medians)[:48]
    packed = Packed(a.start) if a.start else None
    stats = statistics(train, medians, out / "statistics.json", packed)
    out.mkdir(parents=True, exist_ok=True)
    (out / "statistics.json").write_text(json.dumps(stats))
    vectors = Vectors(needs.speaker_vectors(a.work), train)
    train = [i for i in train if i["speaker"] in vectors.mean]
    valid = [i for i in valid if i["speaker"] in vectors.mean]
    model, precision = Acoustic(dropout=dropout).to(device), precision_of(a.precision, device)
    if packed:
        packed.check_sizes("acoustic")
        packed.start("acoustic", model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    loop = Loop(out, a.minutes, dict(model=model, optimiser=optimiser), log_every=20 if a.minutes > 2 else 1)
    rng = np.random.default_rng(11 + loop.step)
    source = batches(train, a.frames, rng)
    for step in loop:
        set_rate(optimiser, cosine_rate(loop.progress(), rate))
        batch = collate(next(source), vectors, rng, stats, device)
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            parts = losses(model, batch)
        loss = sum(WEIGHTS[k] * v for k, v in parts.items())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        loop.log(loss=loss, **parts)
        if step % 400 == 399:
            loop.log(**validate(model, valid, vectors, stats, device))


if __name__ == "__main__":
    main()
