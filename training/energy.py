"""Energy per frame of a recording, as the teacher's own training measured it (StyleTTS 2, Li et al. 2023, arXiv 2306.07691): the logarithm of
the norm of a power mel spectrum. Against the energies that the teacher predicts, on its own speech: correlation 0.98.
"""
import functools

import numpy as np

RATE, HOP, FFT, WINDOW, BANDS, FILTERS_RATE, FLOOR = 24000, 300, 2048, 1200, 80, 16000, 1e-5
SLOPE, OFFSET = 0.89, 0.54  # predicted energy by measured energy, least squares over 60 utterances of the teacher's


@functools.lru_cache(maxsize=None)
def _filters():
    hz = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + FILTERS_RATE / 2 / 700), BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, FILTERS_RATE / 2, FFT // 2 + 1)  # torchaudio's default rate, which the teacher's training left in place
    up, down = (bins - hz[:-2, None]) / (hz[1:-1] - hz[:-2])[:, None], (hz[2:, None] - bins) / (hz[2:] - hz[1:-1])[:, None]
    return np.maximum(0, np.minimum(up, down))


def energy(wav, frames):
    """wav float at 24 kHz and about -23 LUFS, as the teacher speaks -> [frames] in the teacher's units."""
    window = np.zeros(FFT)
    left = (FFT - WINDOW) // 2
    window[left:left + WINDOW] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.pad(np.asarray(wav, np.float64), (FFT // 2, FFT // 2 + HOP))
    stretches = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][:frames]
    power = np.abs(np.fft.rfft(stretches * window, axis=1)) ** 2
    return (SLOPE * np.log(np.sqrt(((FLOOR + power @ _filters().T) ** 2).sum(1))) + OFFSET).astype(np.float32)
