"""Trains the vocoder on (mel, F0) -> wave: multi-resolution STFT and mel losses, then optionally an adversary.

python -m training.train_vocoder --work DIR --minutes 60 [--adversary-from 0.7] [--predicted 0.5]
-> DIR/vocoder/last.pt

--from MODEL.safetensors goes on from a packed model's weights (a few minutes on one's own recordings, recordings.py).

The harmonic source brings the fine structure of voiced speech, so spectral losses alone give clear speech; the
adversary (small discriminators on spectrograms, multi-resolution as in UnivNet, Jang et al. 2021) sharpens it.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from . import data, features, needs, predicted
from .loop import Loop, cosine_rate, device_of, precision_of, set_rate
from .packed import Packed
from .vocoder import Generator

RESOLUTIONS = [(512, 128), (1024, 256), (2048, 400)]  # n_fft, hop
MELS = [(256, 64, 20), (400, 160, 40), (1024, 256, 80)]  # n_fft, hop, bins: from single bursts to harmonics
HOP = 256


def magnitude(wav, n_fft, hop):
    window = torch.hann_window(n_fft, device=wav.device)
    spectrum = torch.stft(wav, n_fft, hop, n_fft, window, center=True, return_complex=True)
    return torch.sqrt(spectrum.real ** 2 + spectrum.imag ** 2 + 1e-8)


def spectral_loss(fake, real):
    """Spectral convergence and log-magnitude distance over the resolutions (Yamamoto et al. 2020, 1910.11480)."""
    total = 0.0
    for n_fft, hop in RESOLUTIONS:
        a, b = magnitude(fake, n_fft, hop), magnitude(real, n_fft, hop)
        total = total + torch.linalg.norm(a - b) / torch.linalg.norm(b).clamp(1e-3) \
            + F.l1_loss(torch.log(a + 1e-4), torch.log(b + 1e-4))
    return total / len(RESOLUTIONS)


def mel_loss(fake, real):
    """Log-mel distance at several scales (Kumar et al. 2023, 2306.06546): bands as wide as hearing's, where a spectrum's bins
    are mostly the chance of noise."""
    return sum(F.l1_loss(features.mel_torch(fake, *m), features.mel_torch(real, *m)) for m in MELS)


class Discriminator(nn.Module):
    """A few strided 2-D convolutions over one spectrogram; returns scores and the layers' outputs."""

    def __init__(self, n_fft, hop, width=16):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        shapes = [(1, width, (1, 1)), (width, width, (2, 1)), (width, 2 * width, (2, 2)), (2 * width, 2 * width, (2, 1))]
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(i, o, (5, 3), stride=s, padding=(2, 1)))
            for i, o, s in shapes)
        self.last = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, wav):
        x = torch.log(magnitude(wav, self.n_fft, self.hop) + 1e-3).unsqueeze(1)
        maps = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return self.last(x), maps


class Adversary(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList(Discriminator(*r) for r in [(256, 64), (512, 128), (1024, 256)])

    def forward(self, wav):
        return [d(wav) for d in self.parts]

    def own_loss(self, fake, real):
        return sum(((1 - r) ** 2).mean() + (f ** 2).mean()
                   for (r, _), (f, _) in zip(self(real), self(fake.detach())))

    def generator_loss(self, fake, real):
        score = match = 0.0
        with torch.no_grad():
            real_out = self(real)
        for (f, fm), (_, rm) in zip(self(fake), real_out):
            score = score + ((1 - f) ** 2).mean()
            match = match + sum(F.l1_loss(a, b) for a, b in zip(fm, rm))
        return score, match


def crops(items, size, frames, rng, device, share=0.0):
    """mel [B,frames,80], f0 [B,frames], wav [B,frames*256]; `share` of the mels are the acoustic model's."""
    while True:
        mel, f0, wav = [], [], []
        while len(mel) < size:
            item = items[rng.integers(len(items))]
            if len(item["f0"]) <= frames:
                continue
            at = rng.integers(0, len(item["f0"]) - frames)
            kind = "predicted" if "predicted" in item and rng.random() < share else "mel"
            mel.append(item[kind][at:at + frames].astype(np.float32))
            f0.append(item["f0"][at:at + frames].astype(np.float32))
            wav.append(item["wav"][at * HOP:(at + frames) * HOP].astype(np.float32) / 32768)
        yield tuple(torch.from_numpy(np.stack(x)).to(device) for x in (mel, f0, wav))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--batch", type=int, default=12)
    p.add_argument("--frames", type=int, default=40)
    p.add_argument("--rate", type=float, help="peak learning rate; default 1.5e-3, with --from 3e-4")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from")
    p.add_argument("--adversary-from", type=float, default=1.0, help="share of the run after which it joins; 1: never")
    p.add_argument("--predicted", type=float, default=0.0, metavar="SHARE",
                   help="share of the crops whose mel is the trained acoustic model's own (predicted.py)")
    p.add_argument("--limit", type=int, default=None, help="read only so many utterances")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    rate = a.rate or (3e-4 if a.start else 1.5e-3)
    needs.dataset(a.work)
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(3)
    device, out = device_of(a.device), Path(a.work) / "vocoder"
    items = data.load(a.work, "train", a.limit)
    if all(len(i["f0"]) <= a.frames for i in items):
        raise SystemExit(f"every utterance in {a.work} is shorter than {a.frames} frames: give a smaller --frames")
    if a.predicted:
        print(f"{predicted.add_to(items, a.work, device, precision_of('auto', device))} mels predicted", file=sys.stderr)
    model, adversary = Generator().to(device), Adversary().to(device)
    if a.start:
        packed = Packed(a.start)
        packed.check_sizes("vocoder")
        packed.start("vocoder", model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.8, 0.99), weight_decay=0.0)
    against = torch.optim.AdamW(adversary.parameters(), lr=5e-4, betas=(0.8, 0.99))
    loop = Loop(out, a.minutes, dict(model=model, adversary=adversary, optimiser=optimiser, against=against),
                log_every=20 if a.minutes > 2 else 1)
    source = crops(items, a.batch, a.frames, np.random.default_rng(5 + loop.step), device, a.predicted)
    for _ in loop:
        set_rate(optimiser, cosine_rate(loop.progress(), rate))
        mel, f0, wav = next(source)
        fake = model(mel, f0, torch.rand(wav.shape, device=device) * 2 - 1)
        values = dict(spectral=spectral_loss(fake, wav), mel=mel_loss(fake, wav))
        loss = values["spectral"] + values["mel"]
        if loop.progress() >= a.adversary_from:
            own = adversary.own_loss(fake, wav)
            against.zero_grad(set_to_none=True)
            own.backward()
            against.step()
            score, match = adversary.generator_loss(fake, wav)
            loss = loss + 0.1 * score + 0.2 * match
            values.update(own=own, score=score, match=match)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        loop.log(**values)


if __name__ == "__main__":
    main()
