"""Packs the trained networks and the named voices into one model file, the only thing the engine reads.

python -m training.export --work DIR --out models/emotivoice-default.safetensors
The configuration goes into the metadata key "emotivoice" as JSON; weights are stored as float16 (--dtype float32 to keep).
"""
import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from . import tokens
from .acoustic import DEFAULT as ACOUSTIC
from .speaker import DEFAULT as SPEAKER
from .vocoder import DEFAULT as VOCODER

# The plain teacher voices by the names they get here. Every voice speaks both languages.
NAMED = [("slt", "ava", "en", "female, even and clear"), ("rms", "ray", "en", "male, low and calm"),
         ("awb", "angus", "en", "male, Scottish"), ("mei", "mei", "zh", "female, bright"),
         ("lin", "lin", "zh", "male, plain"), ("lan", "lan", "zh", "female, soft"),
         ("yan", "yan", "zh", "female, high"), ("gao", "gao", "zh", "male, full"), ("shi", "shi", "zh", "male, low")]
TRAINED_ON = ("synthetic speech only: English by flite (slt, rms, awb, kal16), Mandarin by espeak-ng, "
              "varied by the WORLD vocoder; no recordings of people")


def load_part(work, name, part):
    path = Path(work) / name / "last.pt"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run `python -m training.train_{name} --work {work}` first")
    return torch.load(path, map_location="cpu", weights_only=True)["parts"][part]


def named_voices(work, statistics):
    """JSON entries and one unit vector each, the mean over the speaker's neutral utterances."""
    rows = [json.loads(line) for line in open(Path(work) / "utterances" / "train.jsonl")]
    entries, vectors = [], []
    with np.load(Path(work) / "speaker" / "vectors.npz") as z:
        for base, name, language, note in NAMED:
            mine = [z[r["name"]] for r in rows
                    if r["speaker"] == base and r["emotion"] == "neutral" and r["name"] in z.files]
            if not mine or base not in statistics["medians"]:
                continue
            mean = np.mean(mine, axis=0)
            vectors.append(mean / np.linalg.norm(mean))
            entries.append(dict(name=name, language=language, note=note, base=base,
                                pitch=round(statistics["medians"][base], 2)))
    return entries, torch.from_numpy(np.stack(vectors).astype(np.float32))


SPACER_ALIASES = {"sp2": "sp3", "sp4": "sp3", "engsp0": "engsp1", "engsp2": "engsp1", "cn_eng_sp": "sp1",
                  "eng_cn_sp": "engsp1", "spn": "sp3"}


def near_token(name):
    """A token that sounds nearest to one that no training sentence had; None if there is none."""
    if name in SPACER_ALIASES:
        return SPACER_ALIASES[name]
    if re.fullmatch(r"\[[A-Z]+2\]", name):
        return name.replace("2", "1")  # secondary stress
    if (m := re.fullmatch(r"(.+)r([1-5])", name)) and tokens.has(m[1] + m[2]):
        return m[1] + m[2]  # er-hua: the plain final
    if (m := re.fullmatch(r"(.+)([1-5])", name)):
        return m[1] + {"5": "3", "1": "4", "2": "3", "3": "2", "4": "1"}[m[2]]
    return None


def alias_unseen(work, table, least=5):
    """Embeddings of tokens seen fewer than `least` times are copied from near tokens. Returns the names copied."""
    rows = [json.loads(line) for line in open(Path(work) / "utterances" / "train.jsonl")]
    counts = np.zeros(tokens.count(), int)
    for row in rows:
        path = Path(work) / "utterances" / "train" / f"{row['name']}.npz"
        if path.exists():
            with np.load(path) as z:
                np.add.at(counts, z["tokens"], 1)
    weight, copied = table["am.src_word_emb.weight"], []
    for index, name in enumerate(tokens.names()):
        near = near_token(name)
        if counts[index] >= least or near is None or not tokens.has(near):
            continue
        source = tokens.encode([near])[0]
        if counts[source] >= least:
            weight[index] = weight[source]
            copied.append(f"{name}<-{near}")
    return copied


def tensors_of(work, dtype):
    table = {}
    for prefix, name, part in (("am", "acoustic", "model"), ("generator", "vocoder", "model"),
                               ("speaker", "speaker", "encoder")):
        for key, value in load_part(work, name, part).items():
            if key.endswith("num_batches_tracked"):
                continue
            # running variances span more than float16 does; they are few
            keep = key.endswith("running_var") or value.dim() == 0
            table[f"{prefix}.{key}"] = value.float().contiguous() if keep else value.to(dtype).contiguous()
    return table


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--out", default="models/emotivoice-default.safetensors")
    p.add_argument("--dtype", default="float16", choices=["float16", "float32", "bfloat16"])
    p.add_argument("--name", default="emotivoice-default")
    p.add_argument("--licence", default="Apache-2.0")
    p.add_argument("--trained-on", default=TRAINED_ON)
    a = p.parse_args()
    statistics = json.loads((Path(a.work) / "acoustic" / "statistics.json").read_text())
    voices, vectors = named_voices(a.work, statistics)
    table = tensors_of(a.work, getattr(torch, a.dtype))
    table["voices.vectors"] = vectors
    print(f"tokens without training data: {len(alias_unseen(a.work, table))} given a neighbour's embedding")
    acoustic = dict(ACOUSTIC, energy_mean=statistics["energy_mean"], energy_std=statistics["energy_std"])
    config = dict(format=1, name=a.name, licence=a.licence, trained_on=a.trained_on, acoustic=acoustic,
                  vocoder=VOCODER, speaker=SPEAKER, voices=voices, tokens=list(tokens.names()))
    Path(a.out).parent.mkdir(parents=True, exist_ok=True)
    save_file(table, a.out, metadata={"emotivoice": json.dumps(config, ensure_ascii=False)})
    print(f"{a.out}: {Path(a.out).stat().st_size / 1e6:.1f} MB, {len(table)} tensors, "
          f"voices {', '.join(v['name'] for v in voices)}")


if __name__ == "__main__":
    main()
