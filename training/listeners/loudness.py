"""How loud it is, as broadcasters measure: integrated loudness (ITU-R BS.1770-4, by pyloudnorm) and true peak (four times oversampled).

Integrated loudness gates out silence in blocks of 400 ms, so sentences of one voice are laid end to end before they are measured: a single
short one has too few blocks.
"""
from __future__ import annotations

import numpy as np

OVERSAMPLING = 4


def lufs(sentences: list[np.ndarray], rate: int) -> float:
    import pyloudnorm
    joined = np.concatenate(sentences)
    joined = np.pad(joined, (0, max(0, rate - len(joined))))
    return float(pyloudnorm.Meter(rate).integrated_loudness(joined))


def true_peak_db(sentences: list[np.ndarray]) -> float:
    """dBFS of the largest peak between samples, too."""
    from scipy.signal import resample_poly
    peak = max(float(np.abs(resample_poly(audio, OVERSAMPLING, 1)).max()) for audio in sentences)
    return 20 * float(np.log10(max(peak, 1e-9)))
