"""Trains the vocoder (and the text encoder whose features it reads) on what the teacher's sound half was told and said.

python -m training.train_vocoder --work DIR --minutes 60 [--from hibari | MODEL.safetensors] [--adversary-from 0.7]
-> DIR/vocoder/last.pt

Spectral losses alone give clear speech, because the pulses bring the fine structure of voiced sound; the adversary (small discriminators on
log spectrograms, as in UnivNet, Jang et al. 2021, and on the wave by periods, as in HiFi-GAN) sharpens it. It is blind at the start: for a while it learns alone.
The dataset may still be growing: it is looked at again every few minutes.
"""
import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from . import hibari
from .convnext import Acoustic
from .dataset import HOP, RATE, Dataset
from .loop import Loop, cosine_rate, device_of, precision_of, set_rate
from .packed import Packed
from .spectral import Generator

SCALES = {64: 0, 128: 0, 256: 0, 512: 40, 1024: 80, 2048: 100}  # n_fft and mel bands; the hop is a quarter
HEARD = 8000  # samples of each utterance that the adversary hears: it costs more than all else
LOUD = 4.0  # the wave for the discriminators: speech at -20 LUFS about one
REMEMBERED = 0.997  # of the average of the weights, a step: what is packed hears the adversary's swings less than the last weights do
APART = 0.12  # of the distance between two tries
REFRESH_S = 240


def magnitude(wav, n_fft, hop):
    window = torch.hann_window(n_fft, device=wav.device)
    spectrum = torch.stft(wav, n_fft, hop, n_fft, window, center=True, return_complex=True)
    return torch.sqrt(spectrum.real ** 2 + spectrum.imag ** 2 + 1e-8)


_filters = {}


def mel_filters(n_fft, bands, device):
    """[bands, n_fft / 2 + 1], triangles of equal width on the mel scale (O'Shaughnessy 1987), area one."""
    key = n_fft, bands, str(device)
    if key not in _filters:
        hz = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), bands + 2) / 2595) - 1)
        bins = np.linspace(0, RATE / 2, n_fft // 2 + 1)
        up = (bins - hz[:-2, None]) / (hz[1:-1] - hz[:-2])[:, None]
        down = (hz[2:, None] - bins) / (hz[2:] - hz[1:-1])[:, None]
        rows = np.maximum(0, np.minimum(up, down))
        rows /= np.maximum(rows.sum(1, keepdims=True), 1e-9)
        _filters[key] = torch.from_numpy(rows.astype(np.float32)).to(device)
    return _filters[key]


def views(wav):
    """What the losses look at: per scale the magnitudes, their logarithms, and the log mel bands (None where there are none)."""
    found = []
    for n_fft, bands in SCALES.items():
        size = magnitude(wav, n_fft, n_fft // 4)
        mel = torch.log(mel_filters(n_fft, bands, wav.device) @ size + 1e-4) if bands else None
        found.append((size, torch.log(size + 1e-3), mel))
    return found


def distance(a, b, real):
    """(spectral, mel) between two views: magnitudes in units of the real ones and log magnitudes (Yamamoto et al. 2020, arXiv 1910.11480), log
    mels (Kumar et al. 2023, arXiv 2306.06546), over the scales."""
    spectral = mel = 0.0
    for (x, log_x, mel_x), (y, log_y, mel_y), (r, _, _) in zip(a, b, real):
        spectral = spectral + (torch.linalg.norm(x - y) / torch.linalg.norm(r).clamp(1e-3) + F.l1_loss(log_x, log_y)) / len(SCALES)
        if mel_x is not None:
            mel = mel + F.l1_loss(mel_x, mel_y) / sum(b > 0 for b in SCALES.values())
    return spectral, mel


def energy_distance(one, other, real):
    """(spectral, mel) of a voice heard twice, with other noise each time: its distance from the real one, less a share of that between the two.

    A plain distance is least where noise is replaced by something steady: speech gets dull. With a share of a half it is least where both
    are of the same distribution (Gritsenko et al. 2020, arXiv 2008.01160), but then all that the network cannot foresee becomes noise: APART
    lies between."""
    one, other, real = views(one), views(other), views(real)
    near, far, apart = distance(one, real, real), distance(other, real, real), distance(one, other, real)
    return tuple(0.5 * (n + f) - APART * a for n, f, a in zip(near, far, apart)), near


class Discriminator(nn.Module):
    """A few strided 2-D convolutions over one log spectrogram; returns scores and the layers' outputs."""

    def __init__(self, n_fft, hop, width=16):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        shapes = [(1, width, (1, 1)), (width, width, (2, 1)), (width, 2 * width, (2, 2)), (2 * width, 2 * width, (2, 1))]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, (5, 3), stride=s, padding=(2, 1)) for i, o, s in shapes)
        self.last = nn.Conv2d(2 * width, 1, 3, padding=1)

    def forward(self, wav):
        x = torch.log(magnitude(wav, self.n_fft, self.hop) + 1e-3).unsqueeze(1) / 3 + 1
        maps = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return self.last(x), maps


class PeriodDiscriminator(nn.Module):
    """Strided convolutions over every n-th sample (HiFi-GAN, Kong et al. 2020, arXiv 2010.05646; a quarter as wide and less)."""

    def __init__(self, period, width=16):
        super().__init__()
        self.period = period
        shapes = [(1, width), (width, 2 * width), (2 * width, 4 * width), (4 * width, 4 * width)]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, (5, 1), stride=(3, 1), padding=(2, 0)) for i, o in shapes)
        self.last = nn.Conv2d(4 * width, 1, (3, 1), padding=(1, 0))

    def forward(self, wav):
        count = wav.shape[-1] // self.period
        x = LOUD * wav[:, :count * self.period].reshape(len(wav), 1, count, self.period)
        maps = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            maps.append(x)
        return self.last(x), maps


class Adversary(nn.Module):
    """`match`: what a part's layers count for. The wave's own count least: its phase is nobody's to copy."""

    def __init__(self):
        super().__init__()
        spectra = [Discriminator(*r) for r in [(128, 32), (256, 64), (512, 128), (1024, 256)]]
        waves = [PeriodDiscriminator(period) for period in (2, 3, 5, 7, 11)]
        self.parts, self.match = nn.ModuleList([*spectra, *waves]), [0.45] * len(spectra) + [0.09] * len(waves)

    def forward(self, wav):
        return [d(wav) for d in self.parts]

    def own_loss(self, fake, real):
        """0.5 a part where it cannot tell them apart."""
        return sum(((1 - r) ** 2).mean() + (f ** 2).mean() for (r, _), (f, _) in zip(self(real), self(fake.detach()))) / len(self.parts)

    def generator_loss(self, fake, real):
        score = match = 0.0
        with torch.no_grad():
            real_out = self(real)
        for (f, fm), (_, rm), weight in zip(self(fake), real_out, self.match):
            score = score + ((1 - f) ** 2).mean() / len(self.parts)
            match = match + weight * sum(F.l1_loss(a, b) / b.abs().mean().clamp(1e-3) for a, b in zip(fm, rm)) / len(self.parts) / len(fm)
        return score, match


def choose(dataset, size, frames, rng):
    """Stretches of `frames` frames, as (item, first frame), two frames or more from both ends."""
    long = [item for item in dataset.items if len(item["f0"]) >= frames + 5]
    if not long:
        sys.exit(f"train_vocoder: no utterance is as long as {frames + 5} frames ({(frames + 5) * HOP / RATE:.1f} s)")
    chosen = []
    for _ in range(size):
        item = long[rng.integers(len(long))]
        # the first frames and the last are silence more often than not: begin anywhere else as well
        chosen.append((item, int(rng.integers(2, len(item["f0"]) - frames - 2))))
    return chosen


def collate(dataset, chosen, frames, rng, device):
    """Those stretches with the symbols of their whole sentences."""
    size = len(chosen)
    longest = max(len(item["symbols"]) for item, _ in chosen)
    ids, owner = np.zeros((size, longest), np.int64), np.zeros((size, frames), np.int64)
    mask = np.zeros((size, longest), bool)
    arrays = {key: [] for key in ("f0", "energy", "condition", "source", "swell", "wav")}
    for row, (item, at) in enumerate(chosen):
        count = len(item["symbols"])
        ids[row, :count], mask[row, :count] = item["symbols"], True
        owner[row] = np.repeat(np.arange(count), item["durations"])[at:at + frames]
        arrays["f0"].append(item["f0"][at:at + frames])
        arrays["energy"].append(item["energy"][at:at + frames])
        arrays["condition"].append(dataset.condition(item, rng))
        for key in ("source", "swell"):
            arrays[key].append(np.pad(item[key], (600, 600))[at * HOP:at * HOP + (frames - 1) * HOP + 1200].astype(np.float32))
        arrays["wav"].append(item["wav"][at * HOP:(at + frames) * HOP].astype(np.float32) / 32767)
    tensors = {key: torch.from_numpy(np.stack(value).astype(np.float32)).to(device) for key, value in arrays.items()}
    return dict(tensors, ids=torch.from_numpy(ids).to(device), mask=torch.from_numpy(mask).to(device), owner=torch.from_numpy(owner).to(device))


def speak(text, generator, b, precision):
    """The wave of a batch twice, with other noise, without the frames at each end whose windows reach outside."""
    with torch.autocast(b["f0"].device.type, precision, enabled=precision != torch.float32):
        features = text(b["ids"], b["mask"])
        features = torch.gather(features, 1, b["owner"][..., None].expand(-1, -1, features.shape[-1]))
        spectra = generator.spectra(features, b["f0"], b["energy"], b["condition"])
    spectra = [part.float() for part in spectra]

    random = lambda *shape: torch.rand(*shape, device=b["f0"].device) * (2 * 3 ** 0.5) - 3 ** 0.5  # noqa: E731
    still = generator.still(spectra, b["source"])
    waves = [still + generator.rough(spectra, random(*b["swell"].shape) * b["swell"], random(*spectra[0].shape, 2)) for _ in range(2)]
    return [wave[:, 2 * HOP:-2 * HOP] for wave in waves]


def bursts_for_free(head, generator):
    """A head whose third source is a free part gets bursts in its place, which begin half as loud as the noise (-6 dB)."""
    parts, bins = generator.config["parts"], generator.bins
    if parts != 4 or len(head) != 5 * bins:
        return head
    concatenate = torch.cat if torch.is_tensor(head) else np.concatenate
    return concatenate([head[:3 * bins], head[2 * bins:3 * bins] - (0.7 if head.ndim == 1 else 0)])


def begin_bursts(generator):
    """Half of the noise as bursts: they grow from nothing too slowly to be heard of."""
    noise, bursts = (slice(part * generator.bins, (part + 1) * generator.bins) for part in (2, 3))
    with torch.no_grad():
        for row in generator.head.weight, generator.head.bias:
            row[bursts] = row[noise]
        generator.head.bias[noise.start:bursts.stop] -= 0.35  # -3 dB each


def start(text, generator, source):
    """First weights: "hibari", or a packed model's."""
    if source == "hibari":
        table = hibari.tensors()
        table |= {key: bursts_for_free(table[key], generator) for key in ("m.head.weight", "m.head.bias")}
        missing = hibari.fill(text, "m.text.", table) + hibari.fill(generator, "m.", table)
        print(f"from hibari; {len(missing)} tensors of our own", file=sys.stderr)
    elif source:
        packed = Packed(source)
        for key in ("generator.head.weight", "generator.head.bias"):
            packed.tensors[key] = bursts_for_free(packed.tensors[key], generator)
        packed.start("vocoder", generator)
        packed.start("acoustic", text, "text.")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--batch", type=int, default=12)
    p.add_argument("--frames", type=int, default=84)
    p.add_argument("--rate", type=float, default=5e-4, help="peak learning rate")
    p.add_argument("--floor", type=float, default=0.1, help="of the rate, at the end")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from, or hibari")
    p.add_argument("--adversary-from", type=float, default=1.0, help="share of the run after which it joins; 1: never")
    p.add_argument("--alone-steps", type=int, default=250, help="steps that the adversary learns before the generator hears of it")
    p.add_argument("--begin-bursts", action="store_true", help="at the start: half of the noise swells with the period")
    p.add_argument("--steps", type=int, default=10 ** 9, help="end after so many, if the minutes are not over before")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(3)
    device, out = device_of(a.device), Path(a.work) / "vocoder"
    precision = precision_of("auto", device)
    dataset = Dataset(a.work, "train")
    text, generator, adversary = Acoustic().text.to(device), Generator().to(device), Adversary().to(device)
    if not (out / "last.pt").exists():
        start(text, generator, a.start)
        if a.begin_bursts:
            begin_bursts(generator)
    parameters = [*text.parameters(), *generator.parameters()]
    live = nn.ModuleDict(dict(text=text, model=generator))
    average = AveragedModel(live, multi_avg_fn=get_ema_multi_avg_fn(REMEMBERED))
    optimiser = torch.optim.AdamW(parameters, lr=a.rate, betas=(0.8, 0.99), weight_decay=0.01)
    against = torch.optim.AdamW(adversary.parameters(), lr=1e-3, betas=(0.8, 0.99))
    loop = Loop(out, a.minutes, dict(text=text, model=generator, average=average, adversary=adversary, optimiser=optimiser, against=against),
                log_every=20 if a.minutes > 2 else 1, steps=a.steps)
    rng, looked, alone = np.random.default_rng(5 + loop.step), time.time(), 0
    for _ in loop:
        if time.time() - looked > REFRESH_S:
            looked = time.time()
            print(f"{dataset.refresh()} new utterances", file=sys.stderr)
        set_rate(optimiser, cosine_rate(loop.progress(), a.rate, a.floor))
        b = collate(dataset, choose(dataset, a.batch, a.frames, rng), a.frames, rng, device)
        real = b["wav"][:, 2 * HOP:-2 * HOP]
        joined = loop.progress() >= a.adversary_from
        learns_alone = joined and alone < a.alone_steps
        with torch.set_grad_enabled(not learns_alone):
            fake, again = speak(text, generator, b, precision)
            (spectral, mel), near = energy_distance(fake, again, real)
        loss, values = spectral + 2 * mel, dict(spectral=spectral, mel=mel, spectral_alone=near[0], mel_alone=near[1])
        if joined:
            at = int(rng.integers(max(1, real.shape[1] - HEARD)))
            heard, said = real[:, at:at + HEARD], fake[:, at:at + HEARD]
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                own = adversary.own_loss(said, heard)
            against.zero_grad(set_to_none=True)
            own.backward()
            against.step()
            alone += 1
            values["own"] = own
        if learns_alone:
            loop.log(**values)
            continue
        if joined:
            with torch.autocast(device.type, precision, enabled=precision != torch.float32):
                score, match = adversary.generator_loss(said, heard)
            loss = loss + score + match
            values.update(score=score, match=match)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        values["norm"] = torch.nn.utils.clip_grad_norm_(parameters, 20.0)
        optimiser.step()
        average.update_parameters(live)
        loop.log(**values)


if __name__ == "__main__":
    main()
