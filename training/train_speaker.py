"""Trains the speaker encoder to tell the virtual speakers apart, then writes vectors of utterances of each.

python -m training.train_speaker --work DIR --minutes 10
-> DIR/speaker/last.pt, DIR/speaker/vectors.npz (unit vectors by utterance name)

--from MODEL.safetensors goes on from a packed model's weights; it takes a dataset of many speakers.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import data, features, needs
from .loop import Loop, cosine_rate, device_of, set_rate
from .packed import Packed
from .speaker import MarginSoftmax, SpeakerEncoder


def crop(wav, seconds, rng):
    n = int(seconds * 16000)
    if len(wav) <= n:
        return np.tile(wav, n // max(len(wav), 1) + 1)[:n]
    at = rng.integers(0, len(wav) - n + 1)
    return wav[at:at + n]


def augmented(item, seconds, rng):
    """A stretch of the utterance with a little noise and gain, so that clean synthesis is not the only thing known."""
    wav = crop(item["wav"], seconds, rng).astype(np.float32) / 32768
    if rng.random() < 0.5:
        wav = wav + rng.normal(0, 10 ** rng.uniform(-4.5, -2.5), len(wav)).astype(np.float32)
    return features.fbank(wav * rng.uniform(0.3, 1.5))


def batches(items, size, rng):
    """Speakers drawn evenly, then an utterance of each."""
    by_speaker = {}
    for item in items:
        by_speaker.setdefault(item["speaker"], []).append(item)
    names = sorted(by_speaker)
    while True:
        chosen = rng.choice(len(names), size, replace=len(names) < size)
        seconds = rng.uniform(1.2, 2.8)
        picked = [by_speaker[names[i]][rng.integers(len(by_speaker[names[i]]))] for i in chosen]
        yield (torch.from_numpy(np.stack([augmented(p, seconds, rng) for p in picked])), torch.from_numpy(chosen))


def some_of_each(items, most):
    """At most `most` utterances of every speaker, neutral ones first: enough for means and for variety."""
    count, kept = {}, []
    for item in sorted(items, key=lambda i: i["emotion"] != "neutral"):
        if count.setdefault(item["speaker"], 0) < most:
            count[item["speaker"]] += 1
            kept.append(item)
    return kept


def write_vectors(encoder, items, path, device):
    encoder.eval()
    vectors = {}
    with torch.no_grad():
        for item in items:
            bank = features.fbank(item["wav"].astype(np.float32) / 32768)
            vector = encoder(torch.from_numpy(bank)[None].to(device))
            vectors[item["name"]] = F.normalize(vector)[0].cpu().numpy()
    np.savez(path, **vectors)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--batch", type=int, default=24)
    p.add_argument("--rate", type=float, help="peak learning rate; default 3e-3, with --from 6e-4")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from")
    p.add_argument("--vectors", type=int, default=16, help="vectors to write per speaker")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    rate = a.rate or (6e-4 if a.start else 3e-3)
    needs.dataset(a.work)
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    device, out = device_of(a.device), Path(a.work) / "speaker"
    items = data.load(a.work, "train")
    speakers = len({i["speaker"] for i in items})
    if speakers < 2:
        raise SystemExit(f"{a.work} has one speaker: there is nothing to tell apart; its vectors by a packed model's encoder "
                         f"are there already (training.recordings), so go on with training.train_acoustic --from MODEL")
    encoder, head = SpeakerEncoder().to(device), MarginSoftmax(128, speakers).to(device)
    if a.start:
        packed = Packed(a.start)
        packed.check_sizes("speaker")
        packed.start("speaker", encoder)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3, weight_decay=2e-3)
    loop = Loop(out, a.minutes, dict(encoder=encoder, head=head, optimiser=optimiser))
    source = batches(items, a.batch, np.random.default_rng(7 + loop.step))
    for _ in loop:
        encoder.train()
        banks, labels = (t.to(device) for t in next(source))
        loss, cosine = head(encoder(banks), labels, margin=0.2 * min(1.0, 3 * loop.progress()))
        optimiser.zero_grad()
        loss.backward()
        set_rate(optimiser, cosine_rate(loop.progress(), rate))
        optimiser.step()
        loop.log(loss=loss.detach(), accuracy=(cosine.argmax(1) == labels).float().mean())
    write_vectors(encoder, some_of_each(items, a.vectors), out / "vectors.npz", device)


if __name__ == "__main__":
    main()
