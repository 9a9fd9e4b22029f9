"""The published checkpoints at their real sizes, of random weights: what importing takes, and the samples of five sentences
against float64. Run by script/nightly."""
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from tests.training import test_published as T
from training import published as P

# in a process of its own: a child's largest size begins with its parent's
MEASURE = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); "
           "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")


def main():
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        vocabulary = P.small_vocabulary()
        vocabulary += [f"[unused{i}]" for i in range(P.REAL["vocabulary"] - len(vocabulary))]
        oracle = T.Oracle(folder / "files", P.REAL, vocabulary)
        files = sum(f.stat().st_size for f in (folder / "files").rglob("*") if f.is_file())
        for kind in ("fp32", "fp16"):
            start = time.monotonic()
            told = subprocess.run([sys.executable, "-c", MEASURE, T.COMMAND, "import", folder / "files", "-o",
                                   folder / f"{kind}.safetensors", "--type", kind, "-q"], check=True, capture_output=True)
            print(f"import {kind}: {time.monotonic() - start:.1f} s of {files / 1e6:.0f} MB, {int(told.stdout) / 1e3:.0f} MB of memory")
        case = T.Published()
        case.folder, case.model = folder, folder / "fp32.safetensors"
        worst, snr = 0.0, 1e9
        for i, text in enumerate(T.TEXTS):
            want = oracle.say(case.phones(text), text, oracle.vector("普通"), speaker=i)[1]
            got = case.say(text, "-v", str(8051 + i))
            half = case.say(text, "-v", str(8051 + i), model=folder / "fp16.safetensors")
            if got.shape != want.shape or half.shape != want.shape:
                sys.exit(f"{text}: {got.shape} and {half.shape} samples, wanted {want.shape}")
            worst = max(worst, float(np.abs(got - want).max()))
            snr = min(snr, 10 * np.log10((want ** 2).sum() / ((half - want) ** 2).sum()))
        print(f"fp32: worst sample off by {worst:.2e}; fp16 file: {snr:.1f} dB")
        if worst > 1e-4 or snr < 50:
            sys.exit("wanted <= 1e-4 and >= 50 dB")


if __name__ == "__main__":
    main()
