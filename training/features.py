"""What is seen of sound at 16 kHz: log-mel to lay a reading along a recording (align.py), filter bank for the speaker encoder.

The C code computes the same filter bank; the golden tests are made here. All input is float audio in -1..1.

mel      n_fft 1024, hop 256, periodic Hann 1024, reflect padding 384 on each side, frame t covers samples
         256 t - 384 .. 256 t + 640, T = n // 256; magnitude sqrt(re^2 + im^2 + 1e-9); 80 Slaney-scale area-normalised
         triangles, 0-8000 Hz; natural log of max(x, 1e-5).
fbank    SpeechBrain's Fbank with sentence mean normalisation: n_fft 400, hop 160, periodic Hamming 400, centred with
         zeros, T = 1 + n // 160; power; 80 triangles on 2595 log10(1 + f/700); 10 log10(max(x, 1e-10)), not below 80 dB
         under the utterance's maximum; minus the mean over time of each bin.
"""
from __future__ import annotations

import functools

import numpy as np

SAMPLE_RATE = 16000
N_FFT, HOP, N_MELS, F_MAX = 1024, 256, 80, 8000.0
PAD = (N_FFT - HOP) // 2
MAGNITUDE_FLOOR, MEL_FLOOR = 1e-9, 1e-5
# What an older model file says of its mels.
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
