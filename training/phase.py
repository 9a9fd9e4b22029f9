"""Where in each period of a recording its excitation lies: pulses made from labels of F0 are to come when the voice's own do.

    turns = follow(f0, wav)      # [T * hop], periods; whole numbers where the high bands are loudest

F0 alone says how many periods go by, but not when each begins, and errors add up. Without that a vocoder cannot learn what happens within
a period (high bands come in bursts, one a period), only what a long window shows.
"""
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, hilbert, sosfiltfilt

BURSTS_HZ, LOW_HZ = (1500, 8000), (60, 400)
LOW_LEADS, LOW_SHARE = 0.3, 0.5    # periods from the bursts to the fundamental's crest (the median of sixty stretches), and its say
SMOOTH_FRAMES = 8.0


def clock(f0, hop=300, rate=24000):
    """Turns [T * hop] as the teacher counts them: from frame t's centre to the next one's F0 is that of t + 1; unvoiced frames interpolated."""
    voiced, frames = np.flatnonzero(f0 > 0), np.arange(len(f0))
    hz = np.interp(frames, voiced, np.asarray(f0, np.float64)[voiced])
    at = np.ceil((np.arange(len(f0) * hop) + 0.5) / hop - 0.5).astype(int)
    return np.cumsum(hz[np.clip(at, 0, len(f0) - 1)]) / rate


def follow(f0, wav, hop=300, rate=24000):
    """f0 [T] Hz, 0 unvoiced; wav [T * hop] float."""
    if not (f0 > 0).any():
        return np.zeros(len(f0) * hop)
    turns = clock(f0, hop, rate)
    wheel = np.exp(-2j * np.pi * turns)

    def beats(signal):
        """[T]: how the signal's envelope goes with the period."""
        z = (signal * wheel).reshape(len(f0), hop).sum(1)
        return z / (np.abs(z[f0 > 0]).mean() + 1e-12)

    band = lambda hz, order: hilbert(sosfiltfilt(butter(order, hz, "band", fs=rate, output="sos"), wav))  # noqa: E731
    z = beats(np.abs(band(BURSTS_HZ, 4))) + LOW_SHARE * np.exp(2j * np.pi * LOW_LEADS) * beats(band(LOW_HZ, 2))
    offset, edges = np.zeros(len(f0)), np.flatnonzero(np.diff(np.concatenate([[False], f0 > 0, [False]]).astype(int)))
    for begin, end in zip(edges[::2], edges[1::2]):
        smooth = gaussian_filter1d(z[begin:end].real, SMOOTH_FRAMES, mode="nearest") + 1j * gaussian_filter1d(
            z[begin:end].imag, SMOOTH_FRAMES, mode="nearest")
        offset[begin:end] = np.unwrap(np.angle(smooth)) / (2 * np.pi)
        # up to the next stretch it stays: what lies between is silent
        offset[end:] = offset[end - 1]
    centres = (np.arange(len(f0)) + 0.5) * hop
    return turns + np.interp(np.arange(len(turns)) + 0.5, centres, offset)
