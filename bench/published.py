#!/usr/bin/env python3
"""The published family on the same random weights, in one run: this engine, PyTorch and ONNX Runtime, text to samples and the vocoder alone.

    script/bootstrap --training && .venv/bin/python bench/published.py [--build build] [--threads 2] [--rounds 5]

Each speaks the same sentences by turns, one at a time, in 32 bits: tokens in, samples out, the prompt's vector known, the sentence's not. The
least of the rounds counts, because noise only adds. PyTorch runs training/published.py with the weight norm folded, ONNX Runtime graphs
exported from the same, the vocoder with every convolution over one axis and over two (one of which is 1 long): the better counts. This
engine's vocoder is not asked alone. Run it on an idle machine.
"""
import argparse
import json
import os
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
    def say(self, text, ids):
        """Samples, and the seconds that the vocoder took."""
        content = self.style(torch.tensor(P.split_pieces(text, self.vocabulary)))
        x, pitch, energy, log_durations = self.encode(torch.tensor(ids), content)
        mel = self.decode(P.upsampled(self.with_variance(x, pitch, energy), P.durations_of(log_durations)))
        start = time.perf_counter()
        samples = self.vocode(mel)
        return samples, time.perf_counter() - start


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

    def say(self, text, ids):
        return self.library.say(self.request(text=text, language="auto"), "8051")[0], None


def phones(build, model, text):
    told = json.loads(subprocess.run([build / "emotivoice", "phones", "--json", "-m", model, text], capture_output=True, check=True).stdout)
    return [p["token"] for sentence in told["sentences"] for p in sentence["phones"]]


def measure(subject, sentences):
    """(seconds for all, of them the vocoder's, seconds of audio)"""
    start, vocoding, samples = time.perf_counter(), 0.0, 0
    for text, ids in sentences:
        out, part = subject.say(text, ids)
        samples += len(out)
        vocoding += part or 0
    return time.perf_counter() - start, vocoding, samples / P.RATE


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
            for subject in subjects:
                whole, vocoding, audio = measure(subject, sentences)
                if number:  # the first warms up
                    best = least.get(subject.name, (np.inf, np.inf))
                    least[subject.name] = (min(best[0], whole / audio), min(best[1], vocoding / audio))
    ours = least[Ours.name][0]
    for name, (whole, vocoding) in least.items():
        part = f", of it the vocoder {vocoding:.4f}" if vocoding else ""
        print(f"{name}: {whole:.4f} s of time a second of audio{part}; {whole / ours:.2f} x ours, {a.threads} threads")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
