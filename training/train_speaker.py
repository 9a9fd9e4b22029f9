"""Trains the speaker encoder to tell the virtual speakers apart, then writes vectors of utterances of each.

python -m training.train_speaker --work DIR --minutes 10
-> DIR/speaker/last.pt, DIR/speaker/vectors.npz (unit vectors by utterance name)

--from MODEL.safetensors goes on from a packed model's weights; it takes a dataset of many speakers. With --keep they stay as
they are, and only the vectors are written: for an acoustic model and a vocoder that go on beside the same voices.

Where there is a vocoder (DIR/vocoder, or the packed model's), it speaks some utterances of every speaker once more from their
mel: the encoder will be asked who speaks in synthetic speech as well as in recordings, and a vocoder's traces are no speaker's.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import data, features, needs
from .loop import Loop, cosine_rate, device_of, precision_of, set_rate
from .packed import Packed
from .speaker import MarginSoftmax, SpeakerEncoder
from .vocoder import Generator


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


def vocoder_of(work, packed):
    """The vocoder trained in DIR, else the packed model's, else None."""
    path = Path(work) / "vocoder" / "last.pt"
    if path.exists():
        network = Generator()
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["parts"]["model"])
        return network.eval()
    return packed.network("vocoder") if packed else None


@torch.no_grad()
def copies(items, vocoder, most, rng, device):
    """Up to `most` utterances of every speaker, any emotion, as the vocoder speaks them from their mel and F0."""
    count, made, vocoder = {}, [], vocoder.to(device)
    for at in rng.permutation(len(items)):
        item = items[at]
        if count.setdefault(item["speaker"], 0) == most:
            continue
        count[item["speaker"]] += 1
        mel, f0 = (torch.from_numpy(item[k].astype(np.float32))[None].to(device) for k in ("mel", "f0"))
        wav = vocoder(mel, f0, torch.rand(1, mel.shape[1] * vocoder.hop, device=device) * 2 - 1)[0].cpu().numpy()
        made.append(dict(speaker=item["speaker"], wav=np.round(wav * 32767).astype(np.int16)))
    return made


def write_vectors(encoder, items, path, device):
    encoder.eval()
    vectors = {}
    with torch.no_grad():
        for item in items:
            bank = features.fbank(item["wav"].astype(np.float32) / 32768)
            vector = encoder(torch.from_numpy(bank)[None].to(device))
            vectors[item["name"]] = F.normalize(vector)[0].cpu().numpy()
    np.savez(path, **vectors)


def train(encoder, items, a, packed, device, out):
    """Trains until a.minutes are over; with speech of the vocoder among the lessons, where there is one."""
    speakers, precision = len({i["speaker"] for i in items}), precision_of(a.precision, device)
    rate, head = a.rate or (6e-4 if a.start else 3e-3), MarginSoftmax(128, speakers).to(device)
    vocoder, lessons = vocoder_of(a.work, packed), items
    if vocoder:
        lessons = items + copies(items, vocoder, a.copies, np.random.default_rng(9), device)
        print(f"{len(lessons) - len(items)} copies by the vocoder among {len(lessons)} utterances of {speakers} speakers",
              file=sys.stderr)
    optimiser = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3, weight_decay=2e-3)
    loop = Loop(out, a.minutes, dict(encoder=encoder, head=head, optimiser=optimiser))
    source = batches(lessons, a.batch, np.random.default_rng(7 + loop.step))
    for _ in loop:
        encoder.train()
        banks, labels = (t.to(device) for t in next(source))
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            vectors = encoder(banks)
        loss, cosine = head(vectors.float(), labels, margin=0.2 * min(1.0, 3 * loop.progress()))
        optimiser.zero_grad()
        loss.backward()
        set_rate(optimiser, cosine_rate(loop.progress(), rate))
        optimiser.step()
        loop.log(loss=loss.detach(), accuracy=(cosine.argmax(1) == labels).float().mean())


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--batch", type=int, default=24)
    p.add_argument("--rate", type=float, help="peak learning rate; default 3e-3, with --from 6e-4")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from")
    p.add_argument("--keep", action="store_true", help="no training: the encoder of --from as it is, and its vectors")
    p.add_argument("--vectors", type=int, default=16, help="vectors to write per speaker")
    p.add_argument("--copies", type=int, default=8, help="utterances per speaker that the vocoder speaks again")
    p.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"], help="of convolutions")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    if a.keep and not a.start:
        p.error("--keep keeps the encoder of a packed model: give it with --from MODEL")
    needs.dataset(a.work)
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    device, out = device_of(a.device), Path(a.work) / "speaker"
    items = data.load(a.work, "train")
    if len({i["speaker"] for i in items}) < 2:
        raise SystemExit(f"{a.work} has one speaker: there is nothing to tell apart; its vectors by a packed model's encoder "
                         f"are there already (training.recordings), so go on with training.train_acoustic --from MODEL")
    encoder = SpeakerEncoder().to(device)
    packed = Packed(a.start) if a.start else None
    if packed:
        packed.check_sizes("speaker")
        packed.start("speaker", encoder)
    if a.keep:
        out.mkdir(parents=True, exist_ok=True)
        torch.save(dict(parts=dict(encoder=encoder.state_dict()), step=0, elapsed_s=0.0), out / "last.pt")
    else:
        train(encoder, items, a, packed, device, out)
    write_vectors(encoder, some_of_each(items, a.vectors), out / "vectors.npz", device)


if __name__ == "__main__":
    main()
