"""Resemblyzer (PyPI, Apache-2.0; GE2E, Wan et al. 2018, arXiv 1710.10467) says who it sounds like: it learned from thousands of people.

A vector of 256 for a stretch of speech; the product of two is how alike they are (two recordings of one person 0.95, two people of one
sex 0.6-0.7). It hears the channel, too: a telephone is nearer to any other telephone. So what is compared is first brought to one band
(sound.in_band) by who asks. Level is made one, and long silences are cut out by the package's own detector.

The default voice's speaker encoder was taught by this network, on synthetic speech: a clone's likeness is judged by the network that its own
encoder imitates. The recordings, and the people in them, are unknown to both.
"""
from __future__ import annotations

import warnings

import numpy as np

from . import sound

RATE = 16000
LEVEL = 0.03


class Likeness:
    def __init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import resemblyzer
        self.package, self.network = resemblyzer, resemblyzer.VoiceEncoder("cpu", verbose=False)

    def hear(self, audio: np.ndarray, rate: int) -> np.ndarray:
        """Unit vector of speech of at least a second."""
        samples = sound.at_rate(audio, rate, RATE)
        samples = samples * (LEVEL / max(1e-6, float(np.sqrt(np.mean(samples**2)))))
        kept = self.package.trim_long_silences(np.clip(samples, -1, 1))
        vector = self.network.embed_utterance((kept if len(kept) > RATE // 2 else samples).astype(np.float32))
        return vector / np.linalg.norm(vector)
