"""Teaches the speaker encoder to hear the person: the vector that Resemblyzer, who has heard thousands of people, gives of the clean speech.

python -m training.train_speaker --work DIR --minutes 35 [--from MODEL.safetensors]
-> DIR/speaker/last.pt: "encoder" is the one that was best on the held-out speakers, "student" the one in training

The encoder hears a stretch of speech through rooms, noise, microphones, bands and codecs (disturb.py); what it has to say is the clean
utterance's vector, half way to the mean of its speaker's. A second term tells the speakers apart: of all speakers' means the right one is
to be nearest, by a margin. Speech: the dataset (vectors.py), which may still be growing, and variety.py's voices.
"""
import argparse
import functools
import sys
import time
from pathlib import Path

import numpy as np
import soxr
import torch
import torch.nn.functional as F

from . import features, needs, recorded, vectors
from .disturb import Disturber
from .loop import Loop, cosine_rate, device_of, precision_of, set_rate
from .packed import Packed
from .speaker import SpeakerEncoder
from .teacher import speakers

RATE = 16000
HELD_OUT = 24         # speakers of the crowd, before those of the test split
MEAN_SHARE = 0.5
MARGIN, SCALE = 0.06, 24.0
RIDGE = 0.3
ALIKE = 0.93          # speakers nearer than this to the right one are not told apart
GAIN = 16.0           # of the last layer: its numbers are about one, as the optimiser's steps want them
REFRESH_S, EVALUATE_S = 240, 420


@functools.cache
def not_for_training():
    """Names of the crowd's speakers that no training sees: the test split's, and those that the best is kept by."""
    return frozenset(s.name for s in speakers.crowd()[-speakers.TEST_CROWD - HELD_OUT:])


def is_training(speaker):
    return speaker not in not_for_training()


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


class Lessons:
    """Waveforms (int16, 16 kHz) by speaker, with the vector of each and of the speaker."""

    def __init__(self, work):
        self.work, self.by_speaker, self.valid, self.seen, self.checked = Path(work), {}, [], set(), 0.0
        self.variety = self.work / "speaker" / "variety.npz"
        if not self.variety.exists():
            print(f"train_speaker: no {self.variety}: training.variety would make other voices", file=sys.stderr)
        self.refresh()
        if len(self.by_speaker) < 2:
            raise SystemExit(f"{work} has one speaker: there is nothing to tell apart; export takes the speaker encoder of --from MODEL as it is")

    def refresh(self):
        """What has come since, and the speakers' means."""
        if self.variety and self.variety.exists():
            with np.load(self.variety) as z:
                wav, ends, names, found = (z[key] for key in ("wav", "ends", "speakers", "vectors"))
            for start, end, name, vector in zip(np.concatenate([[0], ends[:-1]]), ends, names, found):
                if recorded.held_out(str(name)):
                    self.valid.append((str(name), wav[start:end], vector))
                else:
                    self.by_speaker.setdefault(str(name), []).append((wav[start:end], vector))
            self.variety = None
        known = needs.vectors(self.work)
        for row in vectors.rows(self.work):
            if row["name"] in self.seen or row["name"] not in known or row["split"] == "test":
                continue
            self.seen.add(row["name"])
            wav = soxr.resample(vectors.waveform(self.work, row), vectors.RATE, RATE)
            made = np.round(np.clip(wav, -1, 1) * 32767).astype(np.int16), known[row["name"]]
            if not is_training(row["speaker"]):
                self.valid.append((row["speaker"], *made))
            elif row["split"] == "train":
                self.by_speaker.setdefault(row["speaker"], []).append(made)
        self.names = sorted(self.by_speaker)
        self.means = unit(np.stack([np.mean([v for _, v in self.by_speaker[name]], axis=0) for name in self.names])).astype(np.float32)
        self.checked = time.time()

    def batch(self, size, rng):
        """(filter banks [B, T, 80], targets [B, 256], speakers' numbers [B]); all of one length, mostly short."""
        seconds = rng.uniform(1.6, 2.6) if rng.random() < 0.7 else rng.uniform(2.6, 6.0)
        chosen = rng.choice(len(self.names), max(4, round(size * min(1, 2.2 / seconds))))
        disturber, banks, targets = Disturber(rng, lambda: self.any(rng)), [], []
        for number in chosen:
            mine = self.by_speaker[self.names[number]]
            wav, vector = mine[rng.integers(len(mine))]
            banks.append(features.fbank(disturber(stretch(wav, seconds, rng))))
            targets.append(unit(MEAN_SHARE * self.means[number] + (1 - MEAN_SHARE) * vector))
        return torch.from_numpy(np.stack(banks)), torch.from_numpy(np.stack(targets)), torch.from_numpy(chosen)

    def any(self, rng):
        mine = self.by_speaker[self.names[rng.integers(len(self.names))]]
        return mine[rng.integers(len(mine))][0] / 32768


def stretch(wav, seconds, rng):
    """So many seconds of an utterance (float), which begins again where it is too short."""
    count = int(seconds * RATE)
    if len(wav) > count:
        at = rng.integers(0, len(wav) - count + 1)
        wav = wav[at:at + count]
    return np.resize(wav, count) / 32768


def losses(heard, targets, means, labels):
    """(cosine to the target, cross entropy over all speakers' means with a margin)."""
    heard = F.normalize(heard)
    cosine = (heard * targets).sum(1)
    near = heard @ means.T
    hot = F.one_hot(labels, len(means)).bool()
    alike = (means[labels] @ means.T > ALIKE) & ~hot
    logits = SCALE * torch.where(hot, near - MARGIN, near).masked_fill(alike, -1.0)
    return cosine.mean(), F.cross_entropy(logits, labels), near


class Exam:
    """Held-out speakers' utterances, each clean and disturbed in one way for ever."""

    SECONDS = 3.0

    def __init__(self, lessons, most=64):
        rng, self.targets, self.speakers, clean, disturbed = np.random.default_rng(11), [], [], [], []
        means, some = {}, lessons.valid[:]
        for speaker, _, vector in some:
            means.setdefault(speaker, []).append(vector)
        rng.shuffle(some := sorted(some, key=lambda row: row[0]))
        for speaker, wav, vector in some[:most]:
            wav = stretch(wav, self.SECONDS, rng)
            clean.append(features.fbank(wav))
            disturbed.append(features.fbank(Disturber(rng)(wav)))
            self.targets.append(unit(MEAN_SHARE * np.mean(means[speaker], axis=0) + (1 - MEAN_SHARE) * vector))
            self.speakers.append(speaker)
        self.clean, self.disturbed = (torch.from_numpy(np.array(x)) for x in (clean, disturbed))
        self.names = sorted(means)
        self.means = unit(np.stack([np.mean(means[name], axis=0) for name in self.names])) if means else None

    @torch.no_grad()
    def marks(self, encoder, device):
        """Cosine to the clean vector (clean, disturbed), and how often the right one of the held-out speakers is nearest, disturbed."""
        encoder.eval()
        clean, disturbed = (np.concatenate([F.normalize(encoder(part.to(device))).cpu().numpy() for part in banks.split(16)])
                            for banks in (self.clean, self.disturbed))
        targets = np.stack(self.targets)
        nearest = [self.names[i] for i in (disturbed @ self.means.T).argmax(1)]
        return dict(clean=float((clean * targets).sum(1).mean()), disturbed=float((disturbed * targets).sum(1).mean()),
                    nearest=float(np.mean([a == b for a, b in zip(nearest, self.speakers)])))


class Best(torch.nn.Module):
    """The encoder that passed the exam best, with its mark."""

    def __init__(self, encoder):
        super().__init__()
        self.kept = {key: value.clone() for key, value in encoder.state_dict().items()}
        self.mark = float("-inf")

    def remember(self, exam, device):
        """The mark of what an earlier run kept: today's exam may be another."""
        encoder = SpeakerEncoder().to(device)
        encoder.load_state_dict(self.kept)
        marks = exam.marks(encoder, device)
        self.mark = marks["clean"] + marks["disturbed"]

    def offer(self, encoder, mark):
        if mark >= self.mark:
            self.mark, self.kept = mark, {key: value.detach().cpu().clone() for key, value in encoder.state_dict().items()}

    def state_dict(self, *_, **__):
        return self.kept

    def load_state_dict(self, state, *_, **__):
        self.kept = dict(state)


def begin(encoder, packed, lessons, stretches):
    """The packed model's weights where the sizes are the same, and a last layer that makes the best of what the others hear already."""
    if packed:
        own = encoder.state_dict()
        fit = {key: value for key, value in packed.weights("speaker").items() if key in own and own[key].shape == value.shape}
        encoder.load_state_dict(fit, strict=False)
        print(f"train_speaker: {len(fit)} of {len(own)} tensors from {packed.path.name}", file=sys.stderr)
        if "fc.conv.weight" not in fit:
            fit_last_layer(encoder, lessons, stretches)


@torch.no_grad()
def fit_last_layer(encoder, lessons, stretches):
    """Ridge regression from the pooled statistics to the targets."""
    rng, pooled, targets = np.random.default_rng(3), [], []
    hook = encoder.asp_bn.register_forward_hook(lambda module, given, out: pooled.append(out.squeeze(2)))
    encoder.eval()
    while (done := sum(map(len, targets))) < stretches:
        if len(targets) % 10 == 0:
            print(f"train_speaker: last layer, {done}/{stretches} stretches", file=sys.stderr, flush=True)
        banks, wanted, _ = lessons.batch(24, rng)
        encoder(banks)
        targets.append(wanted)
    hook.remove()
    x, y = torch.cat(pooled).double(), torch.cat(targets).double()
    centre, mean = x.mean(0), y.mean(0)
    x, y = x - centre, y - mean
    within = x.T @ x
    weight = torch.linalg.solve(within + RIDGE * within.diagonal().mean() * torch.eye(len(within)), x.T @ y).T
    encoder.fc.conv.weight.copy_(GAIN * weight.float().unsqueeze(2))
    encoder.fc.conv.bias.copy_(GAIN * (mean - weight @ centre).float())


def train(encoder, lessons, a, device, out):
    """Trains until a.minutes are over, and keeps the best."""
    precision, best, exam = precision_of(a.precision, device), Best(encoder), Exam(lessons)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=a.rate, weight_decay=1e-3)
    loop = Loop(out, a.minutes, dict(encoder=best, student=encoder, optimiser=optimiser), steps=a.steps)
    rng, examined = np.random.default_rng(7 + loop.step), time.time()
    means = torch.from_numpy(lessons.means).to(device)

    def examine():
        marks = exam.marks(encoder, device)
        best.offer(encoder, marks["clean"] + marks["disturbed"])
        print("train_speaker: held-out speakers: " + ", ".join(f"{key} {value:.3f}" for key, value in marks.items()), file=sys.stderr, flush=True)

    if loop.step and exam.targets:
        best.remember(exam, device)
    elif exam.targets:
        examine()
        loop.save()
    for _ in loop:
        # weights that were learnt elsewhere keep the averages of their batch norms: small batches would only blur them
        encoder.train(not a.start)
        if time.time() - lessons.checked > REFRESH_S:
            lessons.refresh()
            means = torch.from_numpy(lessons.means).to(device)
        banks, targets, labels = (t.to(device) for t in lessons.batch(a.batch, rng))
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            heard = encoder(banks)
        cosine, apart, near = losses(heard.float(), targets, means, labels)
        optimiser.zero_grad()
        (10 * (1 - cosine) + a.apart * apart).backward()
        set_rate(optimiser, cosine_rate(loop.progress(), a.rate, warm=0.05))
        optimiser.step()
        loop.log(cosine=cosine.detach(), apart=apart.detach(), accuracy=(near.argmax(1) == labels).float().mean())
        if exam.targets and time.time() - examined > EVALUATE_S:
            examine()
            examined = time.time()
    if exam.targets:
        examine()
    else:
        best.offer(encoder, 0.0)
    loop.save()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--work", default="build/training")
    p.add_argument("--minutes", type=float, default=35)
    p.add_argument("--steps", type=int, default=10 ** 9, help="at most; on a busy machine a better bound than minutes")
    p.add_argument("--stretches", type=int, default=1000, help="that the last layer is fitted to at first, with --from")
    p.add_argument("--batch", type=int, default=24, help="stretches of about 2 s at a time")
    p.add_argument("--rate", type=float, help="peak learning rate; default 1e-3, with --from 4e-4")
    p.add_argument("--apart", type=float, default=0.3, help="weight of telling the speakers apart")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to start from; where its vectors have another size, all but the last layer")
    p.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"], help="of convolutions")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--device", default="auto")
    a = p.parse_args()
    a.rate = a.rate or (4e-4 if a.start else 1e-3)
    if a.threads:
        torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    device, lessons = device_of(a.device), Lessons(a.work)
    encoder = SpeakerEncoder()
    print(f"train_speaker: {sum(map(len, lessons.by_speaker.values()))} utterances of {len(lessons.names)} speakers, "
          f"{len(lessons.valid)} held out", file=sys.stderr)
    if not (Path(a.work) / "speaker" / "last.pt").exists():
        begin(encoder, Packed(a.start) if a.start else None, lessons, a.stretches)
    train(encoder.to(device), lessons, a, device, Path(a.work) / "speaker")


if __name__ == "__main__":
    main()
