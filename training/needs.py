"""What a training step needs from the steps before it: one line that names the missing file and the command that makes it."""
from pathlib import Path


def need(path, command):
    """The path, if it is there; else the program ends with what to run."""
    if not Path(path).exists():
        raise SystemExit(f"{path} is missing: run {command} first")
    return Path(path)


def dataset(work):
    for split in ("train", "valid"):
        need(Path(work) / "utterances" / f"{split}.jsonl",
             f"`python -m training.virtual --work {work}` (the default voice) or "
             f"`python -m training.recordings --folder DIR --work {work}` (your own recordings)")


def speaker_vectors(work):
    return need(Path(work) / "speaker" / "vectors.npz", f"`python -m training.train_speaker --work {work}`")


def acoustic_statistics(work):
    return need(Path(work) / "acoustic" / "statistics.json", f"`python -m training.train_acoustic --work {work}`")


def acoustic(work):
    return need(Path(work) / "acoustic" / "last.pt", f"`python -m training.train_acoustic --work {work}`")
