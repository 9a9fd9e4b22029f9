"""DNSMOS (Reddy et al. 2021, arXiv 2110.01763) says how good people would find it, 1 to 5: P.835 overall and P.808.

Model files from the wheel `speechmos`; its own code runs them. Its first network hears signal, background and overall quality, its
second (P.808) what a listener gives who knows no categories. Both hear 16 kHz in stretches of 9 s; a shorter sentence is repeated until it fills
them. Figures depend on the level: sound is brought to -26 dBov here, so that a quiet voice is not thought a poor one.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from . import memory, sound

RATE = 16000
LEVEL = 10 ** (-26 / 20)


class Quality:
    """`folder` keeps the grades that were given: the same sound is given the same."""

    def __init__(self, folder: Path, threads: int = 1):
        import onnxruntime
        from speechmos import dnsmos
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        models = Path(dnsmos.__file__).parent / "dnsmos_models"
        self.judge = dnsmos.DNSMOS.__new__(dnsmos.DNSMOS)  # its own sessions would take every core
        session = lambda name: onnxruntime.InferenceSession(str(models / name), options)  # noqa: E731
        self.judge.onnx_sess, self.judge.p808_onnx_sess = session("sig_bak_ovr.onnx"), session("model_v8.onnx")
        self.memory = memory.Memory(folder, "graded", "speechmos", "onnxruntime")

    def hear(self, audio: np.ndarray, rate: int) -> dict[str, float]:
        """{"overall", "p808"}."""
        samples = sound.at_rate(audio, rate, RATE)
        level = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
        samples = np.clip(samples * (LEVEL / max(level, 1e-6)), -1, 1).astype(np.float32)
        return self.memory.recall(samples, lambda: self._graded(samples))

    def _graded(self, samples: np.ndarray) -> dict[str, float]:
        found = self.judge(samples, RATE, False)
        return {"overall": float(found["ovrl_mos"]), "p808": float(found["p808_mos"])}

    def save(self) -> None:
        self.memory.save()
