"""Packs the trained networks and the named voices into one model file, the only thing the engine reads.

python -m training.export --work DIR --out models/emotivoice-default.safetensors
python -m training.export --work DIR --from models/emotivoice-default.safetensors --voices ann --out models/ann.safetensors
The configuration goes into the metadata key "emotivoice" as JSON; weights are stored as float16 (--dtype float32 to keep).
"""
import argparse
import json
import re
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from . import features, needs, tokens
from .acoustic import DEFAULT as ACOUSTIC
from .packed import Packed
from .speaker import DEFAULT as SPEAKER
from .vocoder import DEFAULT as VOCODER

# The plain teacher voices by the names they get here. Every voice speaks both languages.
NAMED = [("slt", "ava", "en", "female, even and clear"), ("rms", "ray", "en", "male, low and calm"),
         ("awb", "angus", "en", "male, Scottish"), ("mei", "mei", "zh", "female, bright"),
         ("lin", "lin", "zh", "male, plain"), ("lan", "lan", "zh", "female, soft"),
         ("yan", "yan", "zh", "female, high"), ("gao", "gao", "zh", "male, full"), ("shi", "shi", "zh", "male, low")]
TRAINED_ON = ("synthetic speech only: English by flite (slt, rms, awb, kal16), Mandarin by espeak-ng, "
              "varied by the WORLD vocoder; no recordings of people")


def load_part(work, name, part, packed=None):
    path = Path(work) / name / "last.pt"
    if not path.exists() and packed:
        packed.check_sizes(name)
        return packed.weights(name)
    needs.need(path, f"`python -m training.train_{name} --work {work}`")
    return torch.load(path, map_location="cpu", weights_only=True)["parts"][part]


def neutral_mean(rows, vectors, speaker):
    """Unit mean of the vectors of a speaker's neutral utterances; None without any."""
    mine = [vectors[r["name"]] for r in rows
            if r["speaker"] == speaker and r["emotion"] == "neutral" and r["name"] in vectors]
    if not mine:
        return None
    mean = np.mean(mine, axis=0)
    return mean / np.linalg.norm(mean)


def chosen_voices(names, rows):
    """(speaker, name, language, note) of the speakers asked for, or of all there are where the default's are not."""
    speakers = {r["speaker"] for r in rows}
    if names is None:
        return [n for n in NAMED if n[0] in speakers] or chosen_voices(sorted(speakers), rows)
    found = []
    for name in names:
        languages = [r["language"] for r in rows if r["speaker"] == name]
        found.append((name, name, max(set(languages), key=languages.count) if languages else "", "from recordings"))
    return found


def named_voices(work, statistics, names=None, packed=None):
    """JSON entries and one unit vector each, the mean over the speaker's neutral utterances.

    names: speakers of the dataset, or voices that the packed model already has; None: the default voices."""
    rows = [json.loads(line) for line in open(Path(work) / "utterances" / "train.jsonl")]
    entries, vectors = [], []
    with np.load(Path(work) / "speaker" / "vectors.npz") as z:
        table = {name: z[name] for name in z.files}
    for base, name, language, note in chosen_voices(names, rows):
        mean, known = neutral_mean(rows, table, base), packed and packed.voice(name)
        if mean is not None and base in statistics["medians"]:
            entries.append(dict(name=name, language=language, note=note, base=base,
                                pitch=round(statistics["medians"][base], 2)))
            vectors.append(mean)
        elif known:
            entries.append(known[0])
            vectors.append(known[1].numpy())
        elif names:
            raise SystemExit(f"no speaker '{name}' in {work}; there are: {', '.join(sorted({r['speaker'] for r in rows}))}")
    if not entries:
        raise SystemExit(f"no named voice in {work}: train_acoustic has met none of the default voices' speakers; "
                         f"name your own with --voices")
    return entries, torch.from_numpy(np.stack(vectors).astype(np.float32))


def copy_lexicons(source, target):
    """The engine looks for *.lexicon beside the model file."""
    for path in Path(source).resolve().parent.glob("*.lexicon"):
        if not (Path(target).parent / path.name).exists():
            shutil.copy(path, Path(target).parent / path.name)


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


def alias_unseen(work, table, packed=None, least=5):
    """Embeddings of tokens seen fewer than `least` times are copied from near tokens, unless the packed model was taught them.
    Returns the names copied."""
    rows = [json.loads(line) for line in open(Path(work) / "utterances" / "train.jsonl")]
    counts = np.zeros(tokens.count(), int)
    for row in rows:
        path = Path(work) / "utterances" / "train" / f"{row['name']}.npz"
        if path.exists():
            with np.load(path) as z:
                np.add.at(counts, z["tokens"], 1)
    weight, copied = table["am.src_word_emb.weight"], []
    before = packed.tensors["am.src_word_emb.weight"] if packed else None
    for index, name in enumerate(tokens.names()):
        near = near_token(name)
        if counts[index] >= least or near is None or not tokens.has(near):
            continue
        source = tokens.encode([near])[0]
        taught = before is not None and not torch.equal(before[index], before[source])
        if counts[source] >= least and not taught:
            weight[index] = weight[source]
            copied.append(f"{name}<-{near}")
    return copied


def tensors_of(work, dtype, packed=None):
    table = {}
    for prefix, name, part in (("am", "acoustic", "model"), ("generator", "vocoder", "model"),
                               ("speaker", "speaker", "encoder")):
        for key, value in load_part(work, name, part, packed).items():
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
    p.add_argument("--trained-on", help="one line for the metadata")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model that training started from: networks that "
                   "were not trained in DIR are taken from it")
    p.add_argument("--voices", help="comma-separated speakers of the dataset, or voices of --from, that get a name; the first "
                   "is the default. Without it the plain teacher voices, or all speakers where there are none of them")
    a = p.parse_args()
    packed = Packed(a.start) if a.start else None
    needs.dataset(a.work)
    needs.speaker_vectors(a.work)
    statistics = json.loads(needs.acoustic_statistics(a.work).read_text())
    if "started_from" in statistics and not packed:
        raise SystemExit(f"{a.work} was trained from {statistics['started_from']}: give it with --from")
    voices, vectors = named_voices(a.work, statistics, a.voices and a.voices.split(","), packed)
    table = tensors_of(a.work, getattr(torch, a.dtype), packed)
    table["voices.vectors"] = vectors
    own = packed and not {base for base, *_ in NAMED} <= set(statistics["medians"])
    trained_on = a.trained_on or (f"{packed.config['trained_on']}; then recordings of "
                                  f"{', '.join(v['name'] for v in voices)}" if own else TRAINED_ON)
    print(f"tokens without training data: {len(alias_unseen(a.work, table, packed))} given a neighbour's embedding")
    acoustic = dict(ACOUSTIC, energy_mean=statistics["energy_mean"], energy_std=statistics["energy_std"])
    config = dict(format=1, name=a.name, licence=a.licence, trained_on=trained_on, mel=features.DESCRIPTION, acoustic=acoustic,
                  vocoder=VOCODER, speaker=SPEAKER, voices=voices, tokens=list(tokens.names()))
    Path(a.out).parent.mkdir(parents=True, exist_ok=True)
    save_file(table, a.out, metadata={"emotivoice": json.dumps(config, ensure_ascii=False)})
    if packed:
        copy_lexicons(a.start, a.out)
    print(f"{a.out}: {Path(a.out).stat().st_size / 1e6:.1f} MB, {len(table)} tensors, "
          f"voices {', '.join(v['name'] for v in voices)}")


if __name__ == "__main__":
    main()
