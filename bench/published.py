#!/usr/bin/env python3
"""The published family on the same random weights, in one run: this engine, PyTorch and ONNX Runtime, text to samples and the vocoder alone.

    script/bootstrap --training && cmake --build build --target emotivoice_cli emotivoice vocode
    .venv/bin/python bench/published.py [--build build] [--threads 2] [--rounds 5]

Each speaks the same sentences by turns, one at a time, in 32 bits: tokens in, samples out, the prompt's vector known, the sentence's not; then
each makes samples of the same mels, which must agree to 1e-4. The least of the rounds counts, because noise only adds. PyTorch runs
training/published.py with the weight norm folded, ONNX Runtime graphs exported from the same, the vocoder with every convolution over one axis
and over two (one of which is 1 long): the better counts. Run it on an idle machine. It fails where a mark is missed.
"""
import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402: needs the path
import onnxruntime  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from training import published as P  # noqa: E402

PROMPT = "普通"


class Graph(torch.nn.Module):
    """A function of a state and tensors, for the exporter."""

    def __init__(self, function, state):
        super().__init__()
        self.function, self.state = function, state

    def forward(self, *inputs):
        return self.function(self.state, *inputs)


def vocoder_2d(state, mel):
    """P.vocoder with convolutions of [1][n] kernels."""
    one, transposed = F.conv1d, F.conv_transpose1d

    def conv(x, weight, bias, dilation=1, padding=0):
        return F.conv2d(x[:, :, None], weight[:, :, None], bias, dilation=(1, dilation), padding=(0, padding))[:, :, 0]

    def up(x, weight, bias, stride, padding):
        return F.conv_transpose2d(x[:, :, None], weight[:, :, None], bias, stride=(1, stride), padding=(0, padding))[:, :, 0]

    F.conv1d, F.conv_transpose1d = conv, up
    try:
        return P.vocoder(state, mel)
    finally:
        F.conv1d, F.conv_transpose1d = one, transposed


class Torch:
    name = "PyTorch"

    def __init__(self, k, generator, style, vocabulary, threads):
        torch.set_num_threads(threads)
        self.k, self.vocabulary, self.states = k, vocabulary, (generator, style)
        self.speaker = generator["am.spk_tokenizer.weight"][0]
        self.prompt = self.style(torch.tensor(P.split_pieces(PROMPT, vocabulary)))

    def style(self, pieces):
        return P.style_vector(self.states[1], self.k, pieces)

    def encode(self, ids, content):
        return P.encode(self.states[0], self.k, ids, self.speaker, self.prompt, content)

    def with_variance(self, x, pitch, energy):
        s = self.states[0]
        return x + P._conv(s, "am.pitch_embed.0", pitch[:, None]) + P._conv(s, "am.energy_embed.0", energy[:, None])

    def decode(self, frames):
        return P.decode(self.states[0], self.k, frames)

    def vocode(self, mel):
        return P.vocoder(self.states[0], mel)

    @torch.inference_mode()
    def mel(self, text, ids):
        content = self.style(torch.tensor(P.split_pieces(text, self.vocabulary)))
        x, pitch, energy, log_durations = self.encode(torch.tensor(ids), content)
        return self.decode(P.upsampled(self.with_variance(x, pitch, energy), P.durations_of(log_durations)))

    @torch.inference_mode()
    def say(self, text, ids):
        return self.vocode(self.mel(text, ids))

    @torch.inference_mode()
    def vocode_alone(self, mel):
        """Samples, and the seconds that they took."""
        start = time.perf_counter()
        samples = self.vocode(mel)
        return samples.numpy(), time.perf_counter() - start


class Onnx(Torch):
    """PyTorch does what lies between the graphs, which is next to nothing."""

    def __init__(self, k, generator, style, vocabulary, threads, folder, two_axes):
        self.name = "ONNX Runtime, 2-D" if two_axes else "ONNX Runtime, 1-D"
        super().__init__(k, generator, style, vocabulary, threads)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        frames, mel = torch.zeros(31, k["width"]), torch.zeros(31, k["mels"])
        parts = {"style": (lambda s, pieces: P.style_vector(s, k, pieces), style, (torch.zeros(9, dtype=torch.long),)),
                 "encode": (lambda s, ids, speaker, prompt, content: P.encode(s, k, ids, speaker, prompt, content), generator,
                            (torch.zeros(9, dtype=torch.long), self.speaker, self.prompt, self.prompt)),
                 "decode": (lambda s, frames: P.decode(s, k, frames), generator, (frames,)),
                 "vocode": (vocoder_2d if two_axes else P.vocoder, generator, (mel,))}
        self.graphs = {}
        for name, (function, state, inputs) in parts.items():
            path = str(Path(folder) / f"{name}-{two_axes}.onnx")
            torch.onnx.export(Graph(function, state).eval(), inputs, path, dynamo=False, opset_version=17, input_names=[f"i{n}" for n in
                              range(len(inputs))], dynamic_axes={"i0": {0: "length"}})
            self.graphs[name] = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, graph, *inputs):
        return [torch.from_numpy(one) for one in self.graphs[graph].run(None, {f"i{n}": one.numpy() for n, one in enumerate(inputs)})]

    def style(self, pieces):
        return self.run("style", pieces)[0] if hasattr(self, "graphs") else super().style(pieces)

    def encode(self, ids, content):
        return self.run("encode", ids, self.speaker, self.prompt, content)

    def decode(self, frames):
        return self.run("decode", frames)[0]

    def vocode(self, mel):
        return self.run("vocode", mel)[0]


class Ours:
    name = "emotivoice"

    def __init__(self, build, model, threads):
        from training.library import Library
        from training.subjects import Request
        self.library, self.request = Library(build, model, threads=threads), Request
        # a process of its own, which has the vocoder's inside at hand
        self.tool = subprocess.Popen([build / "tests/vocode", model, str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def say(self, text, ids):
        return self.library.say(self.request(text=text, language="auto"), "8051")[0]

    def vocode_alone(self, mel):
        self.tool.stdin.write(struct.pack("<i", len(mel)) + mel.numpy().astype("<f4").tobytes())
        self.tool.stdin.flush()
        seconds, count = struct.unpack("<di", self.tool.stdout.read(12))
        return np.frombuffer(self.tool.stdout.read(4 * count), "<f4"), seconds

    def close(self):
        self.tool.stdin.close()
        self.tool.wait(60)


def phones(build, model, text):
    told = json.loads(subprocess.run([build / "emotivoice", "phones", "--json", "-m", model, text], capture_output=True, check=True).stdout)
    return [p["token"] for sentence in told["sentences"] for p in sentence["phones"]]


def measure_whole(subject, sentences):
    """Seconds that a second of audio takes."""
    start = time.perf_counter()
    samples = sum(len(subject.say(text, ids)) for text, ids in sentences)
    return (time.perf_counter() - start) * P.RATE / samples


def measure_vocoder(subject, mels, expected):
    """The same of the vocoder alone. expected: PyTorch's samples, to which all must be near."""
    seconds = 0.0
    for mel, want in zip(mels, expected):
        got, took = subject.vocode_alone(mel)
        seconds += took
        assert got.shape == want.shape and np.abs(got - want).max() <= 1e-4, f"{subject.name}: other samples"
    return seconds * P.RATE / sum(map(len, expected))


def report(least, threads):
    """least: {(what, name): seconds a second of audio}. Returns the marks that were missed."""
    missed = []
    print(f"seconds of time a second of audio, {threads} threads")
    for what in ("vocoder", "whole"):
        times = {name: value for (one, name), value in least.items() if one == what}
        onnx = min(value for name, value in times.items() if name.startswith("ONNX"))
        print(f"{what}: " + ", ".join(f"{name} {value:.4f}" for name, value in times.items()))
        for name, other, wanted in (("PyTorch", times["PyTorch"], 1.5), ("the best ONNX Runtime", onnx, 1.1)):
            ratio = other / times[Ours.name]
            print(f"{what}: {ratio:.2f} x {name} (wanted {wanted}){'' if ratio >= wanted else ' MISSED'}")
            if ratio < wanted:
                missed.append(f"{what} against {name}")
    return missed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=Path, default=ROOT / "build")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--sentences", type=int, default=8, help="in a round; each round has its own, as vectors are kept by text")
    p.add_argument("--small", action="store_true", help="small networks: whether it runs at all")
    a = p.parse_args()
    from tests.training.published_real import random_texts
    P.NUMBERS = torch.float32
    texts = random_texts(seed=5)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        vocabulary = P.small_vocabulary()
        if not a.small:
            vocabulary += [f"[unused{i}]" for i in range(P.REAL["vocabulary"] - len(vocabulary))]
        k, generator, style = P.write_folder(folder / "files", P.SMALL if a.small else P.REAL, vocabulary=vocabulary)
        model = folder / "model.safetensors"
        subprocess.run([a.build / "emotivoice", "import", folder / "files", "-o", model, "--type", "fp32", "-q"], check=True)
        generator = P.folded(generator)
        subjects = [Ours(a.build, model, a.threads), Torch(k, generator, style, vocabulary, a.threads),
                    *(Onnx(k, generator, style, vocabulary, a.threads, folder, two) for two in (False, True))]
        least = {}
        for number in range(a.rounds + 1):
            drawn = [next(texts) for _ in range(a.sentences)]
            sentences = [(text, phones(a.build, model, text)) for text in drawn]
            mels = [subjects[1].mel(text, ids) for text, ids in sentences]
            expected = [subjects[1].vocode_alone(mel)[0] for mel in mels]
            for what, took in (("whole", lambda one: measure_whole(one, sentences)),
                               ("vocoder", lambda one: measure_vocoder(one, mels, expected))):
                for subject in subjects:
                    seconds = took(subject)
                    if number:  # the first warms up
                        least[what, subject.name] = min(seconds, least.get((what, subject.name), np.inf))
        subjects[0].close()
    missed = report(least, a.threads)
    if missed and not a.small:
        sys.exit("missed: " + "; ".join(missed))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
