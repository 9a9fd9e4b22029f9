"""Two recognisers that listen to the voice: pocketsphinx for English words, a small CTC network of ours for Mandarin phones.

The Mandarin one (convolutions, two bidirectional GRU layers, toneless initials and finals, greedy decoding) is trained on teacher
audio that the voice never sees: other sentences, by many espeak-ng variants and speaking rates, half of them once more through
WORLD by other speakers and moods; each time one is heard its formants, pace, tilt, level and noise are drawn anew.

python -m training.recogniser --work DIR --minutes 10
-> DIR/recogniser/audio.npz (log-mel and phones), DIR/recogniser/last.pt (resumes), a phone error rate on sentences set aside
"""
from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from . import corpus, features, mandarin
from . import speakers as cast
from . import teachers, tokens, virtual
from .espeak import MANDARIN, Espeak
from .loop import Loop, cosine_rate, set_rate
from .measures import edits

# Variants of espeak-ng without echo, and the six that the voice learns from ("" is one of them).
VARIANTS = ("", "+f1", "+f2", "+f3", "+f4", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+Gene2", "+belinda", "+Annie",
            "+steph", "+linda", "+Andy", "+Alex", "+Denis", "+Mario", "+Michael", "+Tweaky", "+zac")
SENTENCES, READINGS, ASIDE, EVERY = 950, 2, 60, 2
WARP, PACE, GAIN, TILT, NOISE = 0.16, 0.22, 0.7, 0.9, (-9.0, -5.0)


# ---- phones ----------------------------------------------------------------------------------------------------

def bare(names) -> list[str]:
    """Mandarin phones of token names without tones, er-hua, marks, boundaries, and the y that some spellings put before v."""
    found = []
    for name in names:
        if tokens.tone(name):
            final = name[:-1]
            found.append(final if final == "er" or not final.endswith("r") else final[:-1])
        elif name in tokens.MANDARIN_INITIALS and name != "y":
            found.append(name)
    return found


def units() -> list[str]:
    """All toneless phones of the inventory, in a stable order; CTC's blank comes before them as 0."""
    return sorted({phone for name in tokens.names() for phone in bare([name])})


def phones_of(text: str) -> list[str]:
    """What the teacher's reading of a Han sentence is, without tones."""
    names = [name for clause in mandarin.clauses(text) for word in clause.words for s in word for name in mandarin.tokens_of(s)]
    return bare(names)


# ---- audio to learn from ---------------------------------------------------------------------------------------

def read_sentences(work: Path) -> list[tuple[np.ndarray, list[str], bool]]:
    """(log-mel, phones, set aside) of sentences that the voice's training skips, read by espeak-ng's variants."""
    first = teachers.AMOUNTS["zh"]["train"]
    texts = corpus.load(work, "zh", "train")[first:first + SENTENCES]
    engine, rng, made = Espeak(), np.random.default_rng(5), []
    for index, text in enumerate(texts):
        parsed = mandarin.clauses(text)
        for reading in range(READINGS):
            variant = VARIANTS[(index * READINGS + reading) % len(VARIANTS)]
            engine.set_voice(MANDARIN + variant, int(rng.integers(150, 225)), int(rng.integers(35, 70)), int(rng.integers(50, 100)))
            samples, _ = engine.speak(mandarin.espeak_text(parsed))
            audio = teachers.to_rate(samples, engine.sample_rate)
            made.append((features.mel(audio).astype(np.float16), phones_of(text), index < ASIDE))
        if index % 100 == 99:
            print(f"recogniser: {index + 1}/{len(texts)} sentences read", file=sys.stderr)
    return made


def read_worlds(work: Path) -> list[tuple[np.ndarray, list[str], bool]]:
    """Sentences of the same set by speakers drawn for this alone, moved by emotions, through WORLD like the voice's own lessons."""
    crew = {speaker.name: speaker for speaker in cast.load(work / "speakers.json")}
    rng, made = np.random.default_rng(6), []
    paths = sorted((work / "base" / "zh_recogniser").glob("*.npz"))[::EVERY]
    for index, path in enumerate(paths):
        base = virtual.load_base(path)
        plain = crew[str(base["base"])]
        speaker = cast.draw("listener", plain.base, "train", plain.f0_target, rng)
        emotion = "neutral" if rng.random() < 0.4 else str(rng.choice(list(cast.EMOTIONS)))
        said = virtual.speak(base, virtual.Analysis(base["wav"], plain.base), speaker, emotion, float(rng.uniform(0.4, 1.0)), False)
        made.append((features.mel(said["wav"] / 32768.0).astype(np.float16), bare(base["names"]), False))
        if index % 50 == 49:
            print(f"recogniser: {index + 1}/{len(paths)} sentences through WORLD", file=sys.stderr)
    return made


def save_audio(path: Path, made) -> None:
    vocabulary = {name: index + 1 for index, name in enumerate(units())}
    labels = [np.array([vocabulary[p] for p in phones], np.int16) for _, phones, _ in made]
    partial = path.with_suffix(".part.npz")
    np.savez(partial, mel=np.concatenate([m for m, _, _ in made]), frames=[len(m) for m, _, _ in made],
             labels=np.concatenate(labels), lengths=[len(l) for l in labels], aside=[a for _, _, a in made])
    partial.rename(path)


def load_audio(work: Path) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[tuple[np.ndarray, np.ndarray]]]:
    """Training pairs and pairs set aside: (log-mel [T, 80], labels); made at the first call."""
    path = work / "recogniser" / "audio.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        save_audio(path, read_sentences(work) + read_worlds(work))
    with np.load(path) as data:
        mels = np.split(data["mel"], np.cumsum(data["frames"])[:-1])
        labels = np.split(data["labels"], np.cumsum(data["lengths"])[:-1])
        aside = data["aside"]
    pairs = list(zip(mels, labels))
    return [p for p, a in zip(pairs, aside) if not a], [p for p, a in zip(pairs, aside) if a]


def stretched(mel: np.ndarray, frames: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Linear interpolation of [T, 80] at fractional frames and bins."""
    def along_rows(values, at):
        at = np.clip(at, 0, len(values) - 1)
        low = np.minimum(at.astype(int), len(values) - 2)
        part = (at - low)[:, None].astype(np.float32)
        return values[low] * (1 - part) + values[low + 1] * part
    return along_rows(along_rows(mel, frames).T, bins).T


def varied(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The utterance by another tract, pace, tilt, level, in other noise."""
    mel, count = mel.astype(np.float32), mel.shape[1]
    pace, warp = np.exp(rng.uniform(-PACE, PACE)), np.exp(rng.uniform(-WARP, WARP))
    # Mel bins are linear below 1 kHz and logarithmic above: moving by a factor is a stretch that turns into a shift.
    hz = features.slaney_mel_to_hz(np.linspace(0, features.slaney_hz_to_mel(8000.0), count + 2)[1:-1])
    bins = np.interp(features.slaney_hz_to_mel(hz / warp), features.slaney_hz_to_mel(hz), np.arange(count))
    mel = stretched(mel, np.arange(0, len(mel) - 1, pace), bins)
    mel = mel + rng.normal(0, GAIN) + rng.uniform(-TILT, TILT) * np.linspace(-1, 1, count, dtype=np.float32)
    noise = rng.uniform(*NOISE) + rng.normal(0, 0.3, mel.shape)
    return np.logaddexp(mel, noise).astype(np.float32)


# ---- the network -----------------------------------------------------------------------------------------------

def halved(lengths):
    """Frames that leave the first convolution."""
    return (lengths + 1) // 2


class PhoneRecogniser(nn.Module):
    """[batch, T, 80] log-mel to [batch, (T + 1) / 2, units + 1] log-probabilities."""

    def __init__(self, phones: int, width: int = 128):
        super().__init__()
        self.norm = nn.LayerNorm(80)
        self.conv1, self.conv2 = nn.Conv1d(80, width, 5, stride=2, padding=2), nn.Conv1d(width, width, 5, padding=2)
        self.gru = nn.GRU(width, width, num_layers=2, batch_first=True, bidirectional=True, dropout=0.15)
        self.out = nn.Linear(2 * width, phones + 1)

    def forward(self, mel, lengths):
        mask = (torch.arange(mel.shape[1])[None] < lengths[:, None])[..., None]
        mean = (mel * mask).sum(1, keepdim=True) / lengths[:, None, None]
        x = (self.norm(mel - mean) * mask).transpose(1, 2)
        x = F.gelu(self.conv2(F.gelu(self.conv1(x)))).transpose(1, 2)
        packed = nn.utils.rnn.pack_padded_sequence(x, halved(lengths), batch_first=True, enforce_sorted=False)
        x = nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]
        return F.log_softmax(self.out(x), dim=2)


def batch_of(pairs, rng=None):
    mels = [varied(m, rng) if rng is not None else m.astype(np.float32) for m, _ in pairs]
    lengths = torch.tensor([len(m) for m in mels])
    mel = torch.zeros(len(mels), int(lengths.max()), 80)
    for row, m in zip(mel, mels):
        row[:len(m)] = torch.from_numpy(m)
    return mel, lengths, [torch.from_numpy(l.astype(np.int64)) for _, l in pairs]


def batches(pairs, size, rng):
    """Utterances of similar length together, in random order, for ever."""
    while True:
        order = np.argsort([len(m) * rng.uniform(0.85, 1.15) for m, _ in pairs])
        groups = [order[at:at + size] for at in range(0, len(order), size)]
        for index in rng.permutation(len(groups)):
            yield batch_of([pairs[i] for i in groups[index]], rng)


def greedy(log_probabilities: torch.Tensor, length: int) -> list[int]:
    best = log_probabilities[:length].argmax(1).tolist()
    return [unit for at, unit in enumerate(best) if unit and (at == 0 or best[at - 1] != unit)]


@torch.no_grad()
def error_rate(model, pairs) -> float:
    model.eval()
    wrong = total = 0
    for pair in pairs:
        mel, lengths, labels = batch_of([pair])
        wrong += sum(edits(labels[0].tolist(), greedy(model(mel, lengths)[0], int(halved(lengths)[0]))))
        total += len(labels[0])
    model.train()
    return wrong / total


def train(work: Path, minutes: float, steps: int, size: int = 16) -> float:
    """Trains (or goes on training) and returns the phone error rate on sentences set aside."""
    learn, aside = load_audio(work)
    torch.manual_seed(3)
    model = PhoneRecogniser(len(units()))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-3)
    loop = Loop(work / "recogniser", minutes, dict(model=model, optimiser=optimiser), steps)
    source = batches(learn, size, np.random.default_rng(17 + loop.step))
    for step in loop:
        mel, lengths, labels = next(source)
        found = model(mel, lengths).transpose(0, 1)
        loss = F.ctc_loss(found, torch.cat(labels), halved(lengths), torch.tensor([len(l) for l in labels]), zero_infinity=True)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        set_rate(optimiser, cosine_rate(loop.progress(), 2.5e-3))
        optimiser.step()
        loop.log(loss=loss)
        if step % 300 == 299:
            loop.log(valid_phone_error=error_rate(model, aside[::4]))
    return error_rate(model, aside)


class Mandarin:
    """Greedy phones of audio at 16 kHz."""

    def __init__(self, work: Path):
        path = Path(work) / "recogniser" / "last.pt"
        if not path.exists():
            raise SystemExit(f"{path} is missing: run `python -m training.recogniser --work {work}` first")
        self.names = units()
        self.model = PhoneRecogniser(len(self.names))
        self.model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["parts"]["model"])
        self.model.eval()
        self.stamp = hashlib.sha256(path.read_bytes()).hexdigest()[:12]  # what was heard is remembered by listener

    @torch.no_grad()
    def hear(self, audio: np.ndarray) -> list[str]:
        mel = torch.from_numpy(features.mel(audio))[None]
        lengths = torch.tensor([mel.shape[1]])
        return [self.names[unit - 1] for unit in greedy(self.model(mel, lengths)[0], int(halved(lengths)[0]))]


class English:
    """Words of audio at 16 kHz by pocketsphinx with the model and language model that its package carries."""

    def __init__(self):
        from pocketsphinx import Decoder
        self.decoder = Decoder(loglevel="FATAL")

    def hear(self, audio: np.ndarray) -> list[str]:
        # Half a second of silence around, as a microphone gives; a whole utterance at once, so that cepstral means are its own.
        quiet = np.random.default_rng(0).normal(0, 3e-4, 8000)
        samples = np.round(np.clip(np.concatenate([quiet, audio, quiet]), -1, 1) * 32767).astype(np.int16)
        self.decoder.start_utt()
        self.decoder.process_raw(samples.tobytes(), full_utt=True)
        self.decoder.end_utt()
        heard = self.decoder.hyp()
        return words_of(heard.hypstr) if heard else []


def words_of(text: str) -> list[str]:
    """Lower-case words as both sides of a comparison have them: hyphens split, other marks gone."""
    text = re.sub(r"\(\d+\)", "", text.lower()).replace("-", " ").replace("’", "'")
    return [word for word in re.sub(r"[^a-z' ]", " ", text).split() if word.strip("'")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--minutes", type=float, default=30, help="at most")
    parser.add_argument("--steps", type=int, default=2000, help="about 10 minutes of one free core")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    error = train(options.work, options.minutes, options.steps)
    print(f"recogniser: phone error {100 * error:.2f} % on sentences set aside")


if __name__ == "__main__":
    main()
