"""First weights: hibari-tts's (PyPI, Apache-2.0), its int8 matrices made float again.

fill(network, prefix) loads what the package has for a network of ours: "m." + spectral.Generator and the text for the sound, "pn." for
the prosody. Where ours is narrower (hidden units), the units that matter most are kept.
"""
import os

import numpy as np
import torch


def tensors():
    """Every weight of the package's graph by its published name, float32, in PyTorch's layout."""
    import hibari
    import onnx
    from onnx import numpy_helper
    graph = onnx.load(os.path.join(os.path.dirname(hibari.__file__), "assets", "hibari.onnx")).graph
    have = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    have |= {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in graph.node if n.op_type == "Constant"}
    maker = {out: n for n in graph.node for out in n.output}
    found = {name: value.astype(np.float32) for name, value in have.items() if name.startswith(("m.", "pn.")) and value.dtype == np.float32}
    for node in graph.node:  # a bias's name tells whose matrix it is
        bias = [i for i in node.input if i in have and i.endswith("bias")] if node.op_type == "Add" else []
        if not bias:
            continue
        scaled = maker[next(i for i in node.input if i != bias[0])]
        if scaled.op_type != "Mul":
            continue
        product, scale = maker[maker[scaled.input[0]].input[0]], maker[scaled.input[1]].input[1]
        matrix = (have[product.input[1]].astype(np.float32) - have[product.input[3]].astype(np.float32)) * have[scale]
        name = bias[0].replace("in_proj_bias", "in_proj_weight") if bias[0].endswith("in_proj_bias") else bias[0][:-4] + "weight"
        found[name] = matrix.T.copy()
    return found


def narrowed(table, prefix, hidden):
    """The `hidden` units of a block's two linear layers that give most to its output."""
    w1, b1, w2 = (table[prefix + key] for key in ("pw1.weight", "pw1.bias", "pw2.weight"))
    if len(w1) <= hidden:
        return {}
    gamma, norm = table[prefix + "gamma"], table[prefix + "norm.weight"]
    # the input has about unit variance times the norm's weight: how far a unit is driven, times what it moves
    driven = np.sqrt(((w1 * norm) ** 2).sum(1))
    moved = np.sqrt(((w2 * gamma[:, None]) ** 2).sum(0))
    keep = np.sort(np.argsort(-driven * moved)[:hidden])
    return {"pw1.weight": w1[keep], "pw1.bias": b1[keep], "pw2.weight": w2[:, keep]}


def fill(network, prefix, table=None):
    """Loads all that fits; returns the names that keep their own start."""
    table = tensors() if table is None else table
    own, new, missing = network.state_dict(), {}, []
    for name, value in own.items():
        theirs = table.get(prefix + name)
        if theirs is not None and theirs.shape != tuple(value.shape) and ".pw" in name:
            block = name[:name.index("pw")]
            theirs = narrowed(table, prefix + block, own[block + "pw1.weight"].shape[0]).get(name[len(block):])
        if theirs is None or theirs.shape != tuple(value.shape):
            missing.append(name)
        else:
            new[name] = torch.from_numpy(np.ascontiguousarray(theirs))
    network.load_state_dict(new, strict=False)
    return missing
