"""The vocoder of the default voice: features, F0 and energy per frame in, the spectra of ONE inverse STFT out.

    [features, log(1 + F0) / 5, energy / 5] -> convolution -> ConvNeXt blocks, scaled and shifted by speaker and emotion -> norm -> head
    head: 4 x 601 numbers a frame: log magnitude and turn of the pulses' spectrum, log magnitude of noise, log magnitude of bursts
    S = exp(a) e^{i pi tanh(b)} P + exp(c) Z + exp(d) B;  wave = overlap-add of irfft(S) * Hann / 1.5

P is the spectrum of a train of pulses at F0, all harmonics below highest_hz at amplitude one; Z is random; B is the spectrum of noise that
swells once a period, with the pulses, and is silent where they are: the breath in a voice. Layers and first weights are hibari-tts's (PyPI,
Apache-2.0), whose third source is a free part instead, a log magnitude and an angle: exp(d) e^{i e} (parts: 5). Frame t is centred at sample 300 t; frame t of F0, energy and features covers samples 300 t to 300 (t + 1).
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .convnext import EMOTIONS, ENERGY_UNIT, EPS, Block

DEFAULT = dict(family="istft", sample_rate=24000, hop=300, fft=1200, features=128, width=256, hidden=384, blocks=8, kernel=7, highest_hz=11000,
               speaker=256, emotions=len(EMOTIONS), parts=4)
LOUDEST = 7.0  # of a log magnitude
KNEE, CEILING = 0.8, 0.891  # -1 dBFS


class Generator(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        c = self.config = dict(DEFAULT, **(config or {}))
        self.hop, self.fft, self.bins = c["hop"], c["fft"], c["fft"] // 2 + 1
        condition = c["speaker"] + c["emotions"]
        self.dec_in = nn.Conv1d(c["features"] + 2, c["width"], c["kernel"], padding=c["kernel"] // 2)
        self.dec = nn.ModuleList(Block(c["width"], c["hidden"], c["kernel"], 1, condition) for _ in range(c["blocks"]))
        self.dec_norm, self.head = nn.LayerNorm(c["width"], eps=EPS), nn.Linear(c["width"], c["parts"] * self.bins)
        self.register_buffer("window", torch.hann_window(self.fft, periodic=True), persistent=False)

    def spectra(self, features, f0, energy, condition):
        """[B, T, features], Hz [B, T], teacher's units [B, T], [B, condition] -> `parts` of [B, T, bins]."""
        x = torch.cat([features.transpose(1, 2), torch.log1p(f0)[:, None] / 5, energy[:, None] / ENERGY_UNIT], 1)
        x = self.dec_in(x)
        for block in self.dec:
            x = block(x, condition)
        return self.head(self.dec_norm(x.transpose(1, 2))).split(self.bins, -1)

    def still(self, spectra, source):
        """What is the same each time: source [B, (T - 1) hop + fft] begins fft / 2 before frame 0's centre -> [B, T hop], from that centre on."""
        y = torch.polar(size(spectra[0]), torch.pi * torch.tanh(spectra[1])) * self.transform(source)
        return self.samples(y + torch.polar(size(spectra[3]), spectra[4]) if len(spectra) == 5 else y)

    def rough(self, spectra, bursts, noise):
        """What noise makes: bursts as source, noise [B, T, bins, 2] of variance one."""
        y = torch.view_as_complex(noise) * size(spectra[2])
        return self.samples(y + size(spectra[3]) * self.transform(bursts) if len(spectra) == 4 else y)

    def wave(self, spectra, source, bursts, noise):
        return soft_clipped(self.still(spectra, source) + self.rough(spectra, bursts, noise))

    def transform(self, x):
        return torch.fft.rfft(x.unfold(-1, self.fft, self.hop) * self.window / (self.fft / 4))

    def samples(self, spectra):
        y = torch.fft.irfft(spectra, n=self.fft) * self.window
        length = (y.shape[1] - 1) * self.hop + self.fft
        y = F.fold(y.transpose(1, 2), (1, length), (1, self.fft), stride=(1, self.hop))[:, 0, 0] / 1.5
        y = F.pad(y, (0, self.hop))  # the last frame's second half
        return y[:, self.fft // 2:self.fft // 2 + spectra.shape[1] * self.hop]


def soft_clipped(x):
    """Peaks above the knee bent under the ceiling, as the engine does (src/compute/spectrum.h)."""
    over, room = (abs(x) - KNEE).clip(0), CEILING - KNEE
    return x.clip(-KNEE, KNEE) + (x > 0) * (bent := over * room / (over + room)) - (x < 0) * bent


def size(log_magnitude):
    return torch.exp(log_magnitude.clamp(max=LOUDEST))


def engine_turns(f0, hop=300, rate=24000):
    """f0 [T] Hz, 0 unvoiced -> [T * hop] of periods, modulo one, as the engine counts them: F0 is linear between the centres of voiced
    neighbours and constant beside an unvoiced one; the sum runs from half a hop before the first sample."""
    f0 = np.asarray(f0, np.float64)
    frames, half = len(f0), hop // 2
    left, right = np.concatenate([f0[:1], f0]), np.concatenate([f0, f0[-1:]])
    left, right = np.where(left > 0, left, right), np.where(right > 0, right, left)
    start = np.concatenate([[0], np.cumsum(hop * (left + right) / 2 / rate)[:-1]]) % 1.0  # of each interval between centres
    k = np.arange(hop)
    turns = start[:, None] + (left[:, None] + (right - left)[:, None] / (2 * hop) * k) * k / rate
    turns = turns.reshape(-1)[half:half + frames * hop]  # intervals begin half a hop early
    return turns - np.floor(turns)


def pulses(f0, turns, hop=300, highest=11000.0):
    """[T * hop]: sum over h = 1..H of cos(2 pi h turns), H the most with H f0 <= highest, zero in unvoiced frames."""
    f0 = np.asarray(f0, np.float64)
    turns = (turns - np.floor(turns)).reshape(len(f0), hop)
    count = np.floor(highest / np.maximum(f0, 1e-9))[:, None] + 0.5
    s = 2 * np.sin(np.pi * turns)
    near = np.abs(s) < 2e-3
    e = np.where(near, count, np.sin(2 * np.pi * ((count * turns) % 1.0)) / np.where(near, 1.0, s)) - 0.5
    return np.where(f0[:, None] > 0, e, 0.0).reshape(-1).astype(np.float32)


def swell(f0, turns, hop=300):
    """[T * hop]: how loud bursts are, (1 + cos(2 pi turns)) sqrt(2 / 3), mean square one; zero in unvoiced frames."""
    return np.where(np.repeat(np.asarray(f0) > 0, hop), (1 + np.cos(2 * np.pi * turns)) * (2 / 3) ** 0.5, 0.0).astype(np.float32)


def padded(source, hop=300, fft=1200):
    """A whole utterance's pulses [T * hop] as wave() wants them: zeros around."""
    return np.pad(source, (fft // 2, fft // 2 - hop))


def sources(f0, seed, hop=300, fft=1200):
    """(pulses, bursts) of a whole utterance as the engine makes them, [1, (T - 1) hop + fft]: what wave() takes."""
    turns = engine_turns(f0, hop)
    bursts = swell(f0, turns, hop) * burst_noise(seed, len(turns))
    return tuple(torch.from_numpy(padded(x, hop, fft))[None] for x in (pulses(f0, turns, hop), bursts))


def hashed(seed, index):
    """Uniform numbers of variance one: a hash of (seed, index), so that a stretch needs nothing before it (splitmix64's finalizer, Steele et
    al. 2014)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xd1342543de82ef95) + index * np.uint64(0x9e3779b97f4a7c15) + np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        high = ((z ^ (z >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32).view(np.int32)
    return high.astype(np.float32) * np.float32(3 ** 0.5 / 2147483648.0)


def noise(seed, frames, bins=601):
    """[frames, bins, 2]; its index is 2 (frame * bins + bin) + part."""
    return hashed(seed, np.arange(frames * bins * 2, dtype=np.uint64)).reshape(frames, bins, 2)


def burst_noise(seed, count):
    """[count]; sample n's index is -1 - n modulo 2^64: none that noise() has."""
    return hashed(seed, ~np.arange(count, dtype=np.uint64))
