"""Packs the trained networks and the named voices into one model file, the only thing the engine reads.

python -m training.export --work DIR --out models/emotivoice-default.safetensors
python -m training.export --work DIR --from models/emotivoice-default.safetensors --voices ann --out models/ann.safetensors
The configuration goes into the metadata key "emotivoice" as JSON; weights are stored as float16 (--dtype float32 to keep). Networks that
were not trained in DIR are taken from --from.
"""
import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from . import needs, tokens
from .convnext import DEFAULT as ACOUSTIC, EMOTIONS
from .dataset import VECTOR_GAIN
from .packed import Packed, scaled, write_model
from .speaker import DEFAULT as SPEAKER
from .spectral import DEFAULT as VOCODER
from .teacher import make, speakers, symbols

TRAINED_ON = ("what it speaks: synthetic speech only, Kokoro-82M (Apache-2.0) as speakers and emotions made inside it; first weights by hibari-tts "
              "(Apache-2.0); the speaker encoder learnt from Resemblyzer's (Apache-2.0) vectors of synthetic speech and of recordings of some sixty people "
              "(klettres-data, ktuberling-data, fillets-ng-data of Debian), who are heard and never spoken like")
# the sound of some emotions is farther from neutral than 3 LU, as the engine makes it
EMOTION_GAINS_DB = [{"sad": 0.5, "angry": -1.4}.get(name, 0.0) for name in EMOTIONS]


def part(work, folder, name):
    """A network's weights in DIR/<folder>/last.pt, their average over the last steps where it was kept; None where it was not trained."""
    path = Path(work) / folder / "last.pt"
    if not path.exists():
        return None
    parts = torch.load(path, map_location="cpu", weights_only=True)["parts"]
    prefix = f"module.{name}."
    averaged = {key.removeprefix(prefix): value for key, value in parts.get("average", {}).items() if key.startswith(prefix)}
    return averaged or parts[name]


def networks(work, packed):
    """The model file's tensors by name, float32: what was trained in DIR, else the packed model's."""
    sources = {"am.text.": part(work, "vocoder", "text"), "am.pn.": part(work, "acoustic", "model"),
               "generator.": part(work, "vocoder", "model"), "speaker.": part(work, "speaker", "encoder")}
    table = {}
    for prefix, weights in sources.items():
        if weights is not None:
            table.update({prefix + key: scaled(key, value.float(), len(EMOTIONS), VECTOR_GAIN) for key, value in weights.items()})
        elif packed:
            table.update({key: value for key, value in packed.tensors.items() if key.startswith(prefix)})
        else:
            step = {"am.text.": "train_vocoder", "am.pn.": "train_acoustic", "generator.": "train_vocoder", "speaker.": "train_speaker"}[prefix]
            raise SystemExit(f"{prefix}* was not trained in {work}: run `python -m training.{step} --work {work}`, or name a model with --from")
    return {key: value for key, value in table.items() if not key.endswith("num_batches_tracked")}


def stored(key, value, dtype):
    # running variances span more than float16 does; they are few
    keep = key.endswith("running_var") or value.dim() == 0
    return value.contiguous() if keep else value.to(dtype).contiguous()


def voices(work, names, packed):
    """JSON entries and one unit vector each: the default's named voices, or those asked for, of DIR or of the packed model."""
    vectors, medians = needs.vectors(work), needs.medians(work)
    default = {s.name: s for s in speakers.NAMED}
    entries, rows = [], []
    for name in names or [s.name for s in speakers.NAMED]:
        known = packed and packed.voice(name)
        if f"speaker:{name}" in vectors and name in medians:
            language, note = (default[name].language, default[name].note) if name in default else (needs.language(work, name), "from recordings")
            entries.append(dict(name=name, language=language, note=note, pitch=round(medians[name], 2)))
            rows.append(vectors[f"speaker:{name}"])
        elif known:
            entries.append(known[0])
            rows.append(known[1].numpy())
        else:
            there = sorted(key.removeprefix("speaker:") for key in vectors if key.startswith("speaker:"))
            raise SystemExit(f"no speaker '{name}' in {work}; there are: {', '.join(there[:20])}")
    return entries, torch.from_numpy(np.stack(rows).astype(np.float32))


def copy_lexicons(source, target):
    """The engine looks for its lexicons and what decides between their readings beside the model file."""
    for path in (p for kind in ("lexicon", "homographs", "polyphones") for p in Path(source).resolve().parent.glob(f"*.{kind}")):
        if not (Path(target).parent / path.name).exists():
            shutil.copy(path, Path(target).parent / path.name)


def configuration(name, licence, trained_on, entries, precision):
    acoustic = dict(ACOUSTIC, precision=precision, table=[list(row) for row in symbols.table()], delay=make.DELAY_FRAMES, wh_falls=True,
                    question_rise=3.0, emotion_gains_db=EMOTION_GAINS_DB)
    return dict(format=1, name=name, licence=licence, trained_on=trained_on, acoustic=acoustic, vocoder=dict(VOCODER, precision=precision),
                speaker=dict(SPEAKER, embedding=ACOUSTIC["speaker"]), voices=entries, tokens=list(tokens.names()))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", default="build/training")
    p.add_argument("--out", default="models/emotivoice-default.safetensors")
    p.add_argument("--dtype", default="float16", choices=["float16", "float32", "bfloat16"])
    p.add_argument("--precision", default="int8", choices=["float32", "int8"], help="of the large layers' products when the engine runs them")
    p.add_argument("--name", default="emotivoice-default")
    p.add_argument("--licence", default="Apache-2.0")
    p.add_argument("--trained-on", help="one line for the metadata")
    p.add_argument("--from", dest="start", metavar="MODEL", help="packed model to take networks and voices from that DIR does not have")
    p.add_argument("--voices", help="comma-separated speakers of DIR, or voices of --from, that get a name; the first is the default")
    a = p.parse_args()
    packed = Packed(a.start) if a.start else None
    entries, vectors = voices(a.work, a.voices and a.voices.split(","), packed)
    table = {key: stored(key, value, getattr(torch, a.dtype)) for key, value in networks(a.work, packed).items()}
    table["voices.vectors"] = vectors
    own = packed and any(entry["note"] == "from recordings" for entry in entries)
    trained_on = a.trained_on or (f"{packed.config['trained_on']}; then recordings of {', '.join(e['name'] for e in entries)}" if own else TRAINED_ON)
    config = configuration(a.name, a.licence, trained_on, entries, a.precision)
    if packed and "finished" in packed.config:
        config["finished"] = packed.config["finished"]  # by finish.py: not to be done again
    Path(a.out).parent.mkdir(parents=True, exist_ok=True)
    write_model(a.out, config, table)
    if packed:
        copy_lexicons(a.start, a.out)
    print(f"{a.out}: {Path(a.out).stat().st_size / 1e6:.1f} MB, {len(table)} tensors, voices {', '.join(e['name'] for e in entries)}")


if __name__ == "__main__":
    main()
