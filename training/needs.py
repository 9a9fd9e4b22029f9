"""What a training step needs from the steps before it: one line that names the missing file and the command that makes it."""
import json
from pathlib import Path

import numpy as np


def need(path, command):
    """The path, if it is there; else the program ends with what to run."""
    if not Path(path).exists():
        raise SystemExit(f"{path} is missing: run {command} first")
    return Path(path)


def vectors(work):
    """Speaker vectors by utterance name, and by "speaker:NAME"."""
    with np.load(need(Path(work) / "vectors.npz", f"`python -m training.vectors --work {work}`")) as z:
        return {name: z[name] for name in z.files}


def medians(work):
    """Median F0 by speaker, Hz."""
    return json.loads(need(Path(work) / "acoustic" / "medians.json", f"`python -m training.train_acoustic --work {work}`").read_text())


def language(work, speaker):
    """The language that a speaker's utterances are in most often, "" where there are none."""
    rows = [json.loads(line) for path in (Path(work) / "utterances").glob("train.*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    spoken = [row["language"] for row in rows if row["speaker"] == speaker]
    return max(set(spoken), key=spoken.count) if spoken else ""
