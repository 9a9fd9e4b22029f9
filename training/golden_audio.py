"""Makes tests/golden/speech.wav and tests/golden/audio.safetensors: what src/audio must find in a second of speech.

    python3 training/golden_audio.py tests/golden

The speech is flite's. The filterbank is computed here once more, from SpeechBrain's published recipe and in double
precision, with a plain DFT instead of an FFT; the pitch is WORLD's. So neither shares code with what it judges.
"""
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyworld

RATE, WINDOW, HOP, BINS = 16000, 400, 160, 80
TEXT = "Seven years ago"


def read_wav(path: Path) -> np.ndarray:
    """16-bit mono WAV to floats."""
    data = path.read_bytes()
    return np.frombuffer(data[data.index(b"data") + 8:], "<i2") / 32768.0


def triangles() -> np.ndarray:
    """[201, 80]: |slope| from the centre, in units of the distance to the centre below."""
    top = 2595.0 * np.log10(1.0 + 8000.0 / 700.0)
    points = [700.0 * (10.0 ** (m / 2595.0) - 1.0) for m in np.linspace(0.0, top, BINS + 2)]
    out = np.zeros((WINDOW // 2 + 1, BINS))
    for b in range(BINS):
        for k in range(WINDOW // 2 + 1):
            away = abs(k * RATE / WINDOW - points[b + 1]) / (points[b + 1] - points[b])
            out[k, b] = max(0.0, 1.0 - away)
    return out


def fbank(samples: np.ndarray) -> np.ndarray:
    n = np.arange(WINDOW)
    window = 0.54 - 0.46 * np.cos(2.0 * np.pi * n / WINDOW)
    dft = np.exp(-2j * np.pi * np.outer(n, np.arange(WINDOW // 2 + 1)) / WINDOW)
    padded = np.concatenate([np.zeros(WINDOW // 2), samples, np.zeros(WINDOW)])
    frames = [padded[t * HOP:t * HOP + WINDOW] * window for t in range(len(samples) // HOP + 1)]
    power = np.abs(np.array(frames) @ dft) ** 2
    decibels = 10.0 * np.log10(np.maximum(power @ triangles(), 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80.0)
    return (decibels - decibels.mean(axis=0)).astype("<f4")


def pitch(samples: np.ndarray) -> np.ndarray:
    """F0 every 10 ms, 0 where unvoiced."""
    f0, times = pyworld.dio(samples, RATE, f0_floor=60.0, f0_ceil=500.0, frame_period=10.0)
    return pyworld.stonemask(samples, f0, times, RATE).astype("<f4")


def write_safetensors(path: Path, tensors: dict) -> None:
    header, at = {}, 0
    for name, values in tensors.items():
        header[name] = dict(dtype="F32", shape=list(values.shape), data_offsets=[at, at + values.nbytes])
        at += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def main() -> None:
    folder = Path(sys.argv[1])
    wav = folder / "speech.wav"
    subprocess.run(["flite", "-voice", "slt", "-t", TEXT, "-o", str(wav)], check=True)
    samples = read_wav(wav)
    write_safetensors(folder / "audio.safetensors", {"fbank": fbank(samples), "pitch": pitch(samples)})


if __name__ == "__main__":
    main()
