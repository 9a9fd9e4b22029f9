"""What the networks see of sound: log-mel for synthesis, filter bank for the speaker encoder, energy, averages per token.

The C code computes the same numbers; the golden tests are made here. All input is float audio at 16 kHz in -1..1.

mel      n_fft 1024, hop 256, periodic Hann 1024, reflect padding 384 on each side, frame t covers samples
         256 t - 384 .. 256 t + 640, T = n // 256; magnitude sqrt(re^2 + im^2 + 1e-9); 80 Slaney-scale area-normalised
         triangles, 0-8000 Hz; natural log of max(x, 1e-5).
envelope  what the networks speak: the same filters and logarithm on the spectral envelope in place of the spectrum. A window
         of 64 ms resolves the harmonics of a high voice up to 3 kHz; a model that knows pitch once per phone can only blur
         them, and formants with them. CheapTrick (Morise 2015, doi 10.1016/j.specom.2014.09.003) takes a window of three
         periods of F0, about each frame's middle 256 t + 128, and smooths over the harmonics; where nothing is voiced the
         window is one hop. Level: that of `mel` on noise.
energy   ln(max(L2 norm over bins of the same magnitudes, 1e-3)).
fbank    SpeechBrain's Fbank with sentence mean normalisation: n_fft 400, hop 160, periodic Hamming 400, centred with
         zeros, T = 1 + n // 160; power; 80 triangles on 2595 log10(1 + f/700); 10 log10(max(x, 1e-10)), not below 80 dB
         under the utterance's maximum; minus the mean over time of each bin.
"""
from __future__ import annotations

import functools

import numpy as np
import pyworld
import torch
import torch.nn.functional as F

SAMPLE_RATE = 16000
N_FFT, HOP, N_MELS, F_MAX = 1024, 256, 80, 8000.0
PAD = (N_FFT - HOP) // 2
MAGNITUDE_FLOOR, MEL_FLOOR, ENERGY_FLOOR = 1e-9, 1e-5, 1e-3
UNVOICED_HZ = 3 * SAMPLE_RATE / HOP
HANN_POWER = 3 * N_FFT / 8  # of the window of `mel`; CheapTrick's windows have power 1
# What a model file says of its mels, so that nobody goes on with one that was taught others.
DESCRIPTION = {"kind": "envelope", "sample_rate": SAMPLE_RATE, "hop": HOP, "n_fft": N_FFT, "bins": N_MELS, "f_max": F_MAX}
FBANK_FFT, FBANK_HOP, FBANK_TOP_DB = 400, 160, 80.0


def periodic_window(length: int, a: float) -> np.ndarray:
    """a - (1-a) cos(2 pi n / length): Hann for a = 0.5, Hamming for a = 0.54."""
    return a - (1.0 - a) * np.cos(2.0 * np.pi * np.arange(length) / length)


def slaney_hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Linear below 1 kHz (3 mel per 200 Hz), logarithmic above (27 mel per factor 6.4)."""
    hz = np.asarray(hz, np.float64)
    return np.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + np.log(np.maximum(hz, 1e-9) / 1000.0) * 27.0 / np.log(6.4))


def slaney_mel_to_hz(mel: np.ndarray) -> np.ndarray:
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


@functools.lru_cache(maxsize=None)
def mel_filters(n_fft: int = N_FFT, count: int = N_MELS) -> np.ndarray:
    """[count, n_fft / 2 + 1] float32: triangles of equal area, as librosa.filters.mel makes them by default."""
    bins = np.linspace(0.0, SAMPLE_RATE / 2, n_fft // 2 + 1)
    edges = slaney_mel_to_hz(np.linspace(slaney_hz_to_mel(0.0), slaney_hz_to_mel(F_MAX), count + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - bins[None, :]
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


def stft_magnitude(wav: np.ndarray) -> np.ndarray:
    """[T, 513] magnitudes, T = n // 256."""
    wav = np.asarray(wav, np.float64)
    count = len(wav) // HOP
    if len(wav) <= PAD:
        raise ValueError(f"{len(wav)} samples are too few for reflect padding of {PAD}")
    padded = np.pad(wav, PAD, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:count]
    spectrum = np.fft.rfft(frames * periodic_window(N_FFT, 0.5), axis=1)
    return np.sqrt(spectrum.real**2 + spectrum.imag**2 + MAGNITUDE_FLOOR)


def mel(wav: np.ndarray) -> np.ndarray:
    """[T, 80] float32 natural-log mel."""
    return np.log(np.maximum(stft_magnitude(wav) @ mel_filters().T.astype(np.float64), MEL_FLOOR)).astype(np.float32)


def envelope_mel(wav: np.ndarray, f0: np.ndarray) -> np.ndarray:
    """[T, 80] float32 natural-log mel of the envelope; f0 [T] in Hz, 0 where unvoiced, T = n // 256."""
    # A trace of noise keeps digital silence out of the spectral estimate.
    audio = np.asarray(wav, np.float64) + np.random.default_rng(0).normal(0, 1e-5, len(wav))
    middles = (np.arange(len(f0)) * HOP + HOP / 2) / SAMPLE_RATE
    periods = np.where(f0 > 0, f0, UNVOICED_HZ).astype(np.float64)
    power = pyworld.cheaptrick(audio, periods, middles, SAMPLE_RATE, fft_size=N_FFT)
    magnitude = np.sqrt(HANN_POWER * power + MAGNITUDE_FLOOR)
    return np.log(np.maximum(magnitude @ mel_filters().T.astype(np.float64), MEL_FLOOR)).astype(np.float32)


def energy(wav: np.ndarray) -> np.ndarray:
    """[T] float32 log of the L2 norm of each frame's magnitudes."""
    norm = np.sqrt((stft_magnitude(wav) ** 2).sum(axis=1))
    return np.log(np.maximum(norm, ENERGY_FLOOR)).astype(np.float32)


@functools.lru_cache(maxsize=None)
def _torch_window(size: int, device: str) -> torch.Tensor:
    return torch.from_numpy(periodic_window(size, 0.5)).float().to(device)


@functools.lru_cache(maxsize=None)
def _torch_filters(n_fft: int, count: int, device: str) -> torch.Tensor:
    return torch.from_numpy(mel_filters(n_fft, count).T.copy()).to(device)


def stft_magnitude_torch(wav: torch.Tensor, n_fft: int = N_FFT, hop: int = HOP, window: int | None = None) -> torch.Tensor:
    """[batch, n] to [batch, T, n_fft/2+1], differentiable; reflect padding (n_fft - hop) / 2, for any resolution."""
    window = window or n_fft
    left = (n_fft - hop) // 2
    padded = F.pad(wav[:, None], (left, n_fft - hop - left), mode="reflect")[:, 0]
    spectrum = torch.stft(padded, n_fft, hop, window, _torch_window(window, str(wav.device)), center=False,
                          return_complex=True)
    return torch.sqrt(spectrum.real**2 + spectrum.imag**2 + MAGNITUDE_FLOOR).transpose(1, 2)


def mel_torch(wav: torch.Tensor, n_fft: int = N_FFT, hop: int = HOP, count: int = N_MELS) -> torch.Tensor:
    """[batch, n] to [batch, T, count], differentiable; same numbers as mel()."""
    magnitude = stft_magnitude_torch(wav, n_fft, hop)
    return torch.log(torch.clamp(magnitude @ _torch_filters(n_fft, count, str(wav.device)), min=MEL_FLOOR))


@functools.lru_cache(maxsize=None)
def fbank_filters() -> np.ndarray:
    """[201, 80]: SpeechBrain's construction, where the rising width serves both slopes."""
    top = 2595.0 * np.log10(1.0 + F_MAX / 700.0)
    hz = 700.0 * (10.0 ** (np.linspace(0.0, top, N_MELS + 2) / 2595.0) - 1.0)
    band, centre = np.diff(hz)[:-1], hz[1:-1]
    frequency = np.linspace(0.0, SAMPLE_RATE / 2, FBANK_FFT // 2 + 1)
    slope = (frequency[:, None] - centre[None, :]) / band[None, :]
    return np.maximum(0.0, np.minimum(slope + 1.0, -slope + 1.0))


def fbank(wav: np.ndarray) -> np.ndarray:
    """[T, 80] float32 decibels, mean of each bin removed; T = 1 + n // 160."""
    wav = np.asarray(wav, np.float64)
    padded = np.pad(wav, FBANK_FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FBANK_FFT)[::FBANK_HOP]
    spectrum = np.fft.rfft(frames * periodic_window(FBANK_FFT, 0.54), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) @ fbank_filters()
    decibels = 10.0 * np.log10(np.maximum(power, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - FBANK_TOP_DB)
    return (decibels - decibels.mean(axis=0)).astype(np.float32)


def token_average(values: np.ndarray, durations: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Mean of frame values [T] over each token's frames where mask is true; 0 for a token without any."""
    weight = np.ones(len(values)) if mask is None else np.asarray(mask, np.float64)
    ends = np.cumsum(durations)
    starts = ends - durations
    sums = np.concatenate([[0.0], np.cumsum(np.where(weight > 0, values, 0.0) * weight)])
    counts = np.concatenate([[0.0], np.cumsum(weight)])
    amount = counts[ends] - counts[starts]
    return np.where(amount > 0, (sums[ends] - sums[starts]) / np.maximum(amount, 1e-9), 0.0).astype(np.float32)
