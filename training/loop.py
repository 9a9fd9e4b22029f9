"""What every training step shares: a time bound, checkpoints that resume, a progress line, a plot of the losses."""
import ctypes
import json
import os
import sys
import time
from pathlib import Path

import torch


class Loop:
    """for step in Loop(...): train; loop.log(loss=...). Stops by itself after `minutes`, or at `steps`.

    State (model, optimiser, step, elapsed minutes) is saved to <out>/last.pt every `save_s` seconds and at the end;
    a later run with the same `out` goes on from there. Elapsed time counts over all runs, so that schedules that
    depend on progress() end where they should.
    """

    def __init__(self, out, minutes, parts, steps=10 ** 9, save_s=120, log_every=20):
        self.out, self.minutes, self.steps, self.parts = Path(out), minutes, steps, parts
        self.save_s, self.log_every = save_s, log_every
        self.out.mkdir(parents=True, exist_ok=True)
        keep_freed_memory()
        self.step, self.before_s, self.sums, self.count = 0, 0.0, {}, 0
        if (self.out / "last.pt").exists():
            self._resume()
        self.start = self.saved = time.time()

    def _resume(self):
        state = torch.load(self.out / "last.pt", map_location="cpu", weights_only=True)
        for name, part in self.parts.items():
            if name in state["parts"]:
                part.load_state_dict(state["parts"][name])
        self.step, self.before_s = state["step"], state["elapsed_s"]
        print(f"{self.out}: resumed at step {self.step}, {self.before_s / 60:.1f} min", file=sys.stderr)

    def elapsed_s(self):
        return self.before_s + time.time() - self.start

    def progress(self):
        """0 at the start, 1 when the time or the steps are used up."""
        return min(1.0, max(self.elapsed_s() / 60 / self.minutes, self.step / self.steps))

    def save(self):
        tmp = self.out / "last.tmp"
        torch.save(dict(parts={k: v.state_dict() for k, v in self.parts.items()}, step=self.step,
                        elapsed_s=self.elapsed_s()), tmp)
        os.replace(tmp, self.out / "last.pt")
        self.saved = time.time()

    def __iter__(self):
        while self.progress() < 1.0:
            yield self.step
            self.step += 1
            if time.time() - self.saved > self.save_s:
                self.save()
        self.save()
        self.plot()

    def log(self, **values):
        for k, v in values.items():
            self.sums.setdefault(k, []).append(float(v.detach() if torch.is_tensor(v) else v))
        self.count += 1
        if self.count < self.log_every:
            return
        means = {k: sum(v) / len(v) for k, v in self.sums.items()}  # some are logged less often than others
        with open(self.out / "log.jsonl", "a") as f:
            f.write(json.dumps(dict(step=self.step, minutes=round(self.elapsed_s() / 60, 3), **means)) + "\n")
        text = " ".join(f"{k} {v:.4f}" for k, v in means.items())
        print(f"step {self.step} {self.elapsed_s() / 60:.1f}/{self.minutes} min {text}", file=sys.stderr, flush=True)
        self.sums, self.count = {}, 0

    def plot(self):
        try:
            import matplotlib
        except ImportError:
            return
        if not (self.out / "log.jsonl").exists():
            return  # too short a run to have logged anything
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
        rows = [json.loads(line) for line in open(self.out / "log.jsonl")]
        keys = sorted({k for r in rows for k in r} - {"step", "minutes"})
        figure, axes = plt.subplots(len(keys), 1, figsize=(7, 1.8 * len(keys)), sharex=True, squeeze=False)
        for axis, key in zip(axes[:, 0], keys):
            axis.plot([r["minutes"] for r in rows if key in r], [r[key] for r in rows if key in r])
            axis.set_ylabel(key)
        axes[-1, 0].set_xlabel("minutes")
        figure.savefig(self.out / "log.png")


def cosine_rate(progress, peak, floor=0.02, warm=0.02):
    """Learning rate: linear warm-up over `warm` of the run, then a cosine down to peak * floor."""
    import math
    if progress < warm:
        return peak * (0.05 + 0.95 * progress / warm)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (progress - warm) / (1 - warm))))


def set_rate(optimiser, rate):
    for group in optimiser.param_groups:
        group["lr"] = rate


def keep_freed_memory():
    """Tells glibc to keep what is freed for the next tensor. Left alone it maps and unmaps every large one; on a CPU the page
    faults are a seventh of a training step (docs/speed-log.md)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        m_trim_threshold, m_mmap_threshold = -1, -3
        libc.mallopt(m_mmap_threshold, 1 << 25)  # the most that glibc takes
        libc.mallopt(m_trim_threshold, 2 ** 31 - 1)


def precision_of(name, device):
    """The number type of matrix products: "auto" is bfloat16 where the device multiplies it faster than float32."""
    if name == "auto":
        fast = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.cpu._is_avx512_bf16_supported()
        name = "bfloat16" if fast else "float32"
    return getattr(torch, name)


def device_of(name):
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
