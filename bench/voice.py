#!/usr/bin/env python3
"""The default voice beside hibari-tts (PyPI), the smallest good rival, in one run: cost, time, size, first audio.

    .venv/bin/python bench/voice.py [--build build] [--against OTHER_BUILD] [--rounds 5]

CPU seconds per second of audio on one thread, both speaking the same English sentences by turns, text to samples; the least of the rounds counts,
because noise only adds. First audio is that of `emotivoice bench engine`, for this build and for --against (another version's).
Needs script/bootstrap --training. Run it on an idle machine.
"""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TEXTS = ("The quick brown fox jumps over the lazy dog.", "Could you tell me where the nearest station is?",
         "The weather will be cloudy with some light rain in the afternoon.", "Thank you for calling, how may I help you today?",
         "She sells sea shells by the sea shore, and he buys them every summer.")


class Ours:
    def __init__(self, build, model, voice):
        from training.library import Library
        from training.subjects import Request
        self.library, self.voice, self.request = Library(build, model, threads=1), voice, Request

    def say(self, text):
        samples, rate, _ = self.library.say(self.request(text=text, language="en"), self.voice)
        return len(samples) / rate


class Hibari:
    def __init__(self):
        import hibari
        self.engine = hibari.Hibari(threads=1)

    def say(self, text):
        return len(self.engine(text)) / 24000


def measure(subject):
    """(CPU seconds, seconds of audio) of all sentences."""
    before = time.process_time()
    audio = sum(subject.say(text) for text in TEXTS)
    return time.process_time() - before, audio


def first_audio_ms(build):
    done = subprocess.run([str(Path(build) / "emotivoice"), "bench", "engine", "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=Path, default=ROOT / "build")
    p.add_argument("--against", type=Path)
    p.add_argument("--model", type=Path, default=ROOT / "models" / "emotivoice-default.safetensors")
    p.add_argument("--voice", default="ray")
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    ours, theirs = Ours(a.build, a.model, a.voice), Hibari()
    for subject in (ours, theirs):
        measure(subject)  # warm
    rounds = [(measure(ours), measure(theirs)) for _ in range(a.rounds)]
    cost = [min(cpu / audio for cpu, audio in (r[k] for r in rounds)) for k in (0, 1)]
    print(f"CPU seconds per second of audio, one thread: ours {cost[0]:.4f}, hibari {cost[1]:.4f}, ratio {cost[0] / cost[1]:.2f}")
    print(f"model file: {a.model.stat().st_size / 1e6:.1f} MB")
    for name, build in (("this build", a.build), ("--against", a.against)):
        if build:
            print(f"{name}: {json.dumps(first_audio_ms(build))}")


if __name__ == "__main__":
    main()
