"""Evaluates the voice on sentences and speakers that no training saw, and writes the table that the model card shows.

python -m training.evaluate --work DIR --command build/emotivoice --model models/emotivoice-default.safetensors
python -m training.evaluate --work DIR --oracle        the same measures of the teachers through WORLD: the ceiling
python -m training.evaluate --work DIR --quick         a few sentences, for tests; its figures mean little
python -m training.evaluate --work DIR --only cloning  some trials: their rows join those that the file has of the same subject,
                                                       so two runs may share the work, each on a core
-> DIR/evaluation.json (rows and details), DIR/evaluation.md (the table); with --oracle evaluation-oracle.*

The speech is made by the built command, as a user makes it. What is measured, and how, stands in trials.py and measures.py; the
listeners in recogniser.py (train it first), tone templates in tones.py, the engine and the teachers in subjects.py.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from . import features, trials
from .subjects import Engine, Teacher


class Vectors:
    """Speaker vectors by the trained network itself, for runs without an engine."""

    def __init__(self, work: Path):
        from .speaker import SpeakerEncoder
        path = Path(work) / "speaker" / "last.pt"
        if not path.exists():
            raise SystemExit(f"{path} is missing: run `python -m training.train_speaker --work {work}` first")
        self.encoder = SpeakerEncoder()
        self.encoder.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["parts"]["encoder"])
        self.encoder.eval()

    @torch.no_grad()
    def __call__(self, path: Path) -> np.ndarray:
        import soundfile
        bank = torch.from_numpy(features.fbank(soundfile.read(path)[0]))[None]
        return torch.nn.functional.normalize(self.encoder(bank))[0].numpy()


def make_bench(options, scratch: Path) -> trials.Bench:
    """Who speaks and who listens; what is said is kept in scratch."""
    shared = options.work / "evaluation"
    folder = shared / ("oracle" if options.oracle else "engine")
    teacher = Teacher(options.work, shared / "teacher", plain=True)
    amounts = trials.QUICK if options.quick else trials.Amounts()
    if options.oracle:
        subject, vector = Teacher(options.work, shared / "teacher", plain=False), Vectors(options.work)
    else:
        subject = Engine(options.command, options.model, scratch / "said", options.threads)
        vector = subject.vector
    return trials.Bench(options.work, folder, scratch, subject, teacher, vector, amounts)


def facts(bench: trials.Bench, options) -> dict:
    """What was evaluated, for the files."""
    found = {"quick": options.quick, "subject": "teachers through WORLD (oracle)" if options.oracle else "engine",
             "amounts": vars(bench.amounts)}
    if not options.oracle:
        found.update(model=options.model.name, model_sha256=hashlib.sha256(options.model.read_bytes()).hexdigest(),
                     voices=bench.subject.named())
    return found


def number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    text = f"{value:.2f}" if abs(value) < 1 else f"{value:.1f}"
    return f"{text} {unit}" if unit != "points" else f"{value:+.1f} points"


def mark(row: trials.Row, value: float | None) -> str:
    return "" if value is None else f"{'>=' if row.higher else '<='} {value:g} {row.unit}"


def line_of(row: trials.Row) -> str:
    cells = [row.measure, number(row.value, row.unit), mark(row, row.must), mark(row, row.goal), row.verdict, row.note]
    return "| " + " | ".join(cells) + " |"


def emotion_lines(details: dict) -> list[str]:
    """Who is taken for whom, and how well each emotion is understood."""
    lines, told, clear = [], details.get("emotions"), details.get("clarity", {}).get("emotions")
    if told:
        lines += ["", "Emotions: spoken (rows), heard (columns).", "", "| | " + " | ".join(told["labels"]) + " |",
                  "|---" * (len(told["labels"]) + 1) + "|"]
        lines += [f"| {label} | " + " | ".join(str(n) if n else "" for n in row) + " |"
                  for label, row in zip(told["labels"], told["confusion"])]
    if clear:
        lines += ["", "| emotion | English word errors, % | Mandarin phone errors, % | tones right, % |", "|---|---|---|---|"]
        lines += [f"| {label} | {e['word_error']} | {e['phone_error']} | {e['tones']} |" for label, e in clear.items()]
    return lines


def voice_lines(details: dict) -> list[str]:
    lines = []
    for trial, title in (("english", "English word errors, %"), ("phones", "Mandarin phone errors, %")):
        if trial in details:
            lines += ["", f"| voice made from | {title} | the teacher's own |", "|---|---|---|"]
            lines += [f"| {voice} | {e['rate']} | {e['teacher']} |" for voice, e in details[trial]["voices"].items()]
    return lines


def markdown(rows: list[trials.Row], details: dict, about: dict) -> str:
    head = [f"Measured by `python -m training.evaluate` on held-out sentences and speakers; subject: {about['subject']}"
            + (f", {about['model']} ({about['model_sha256'][:12]})" if "model" in about else "") + ".",
            *(["Quick run: too few sentences to mean much."] if about["quick"] else []), "",
            "| measure | value | must | goal | verdict | how |", "|---|---|---|---|---|---|"]
    return "\n".join(head + [line_of(row) for row in rows] + voice_lines(details) + emotion_lines(details)) + "\n"


def results(path: Path, about: dict) -> dict[str, dict]:
    """Rows and details by trial that the file has of the same subject."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found["trials"] if found.get("about") == about else {}


def write(bench: trials.Bench, options, about: dict, name: str, result: dict) -> None:
    """Both files, after every trial: a run that is stopped has told what it knew."""
    path = options.work / ("evaluation-oracle.json" if options.oracle else "evaluation.json")
    done = {**results(path, about), name: result}
    done = {name: done[name] for name in trials.TRIALS if name in done}
    path.write_text(json.dumps({"about": about, "trials": done}, ensure_ascii=False, indent=1, default=float) + "\n",
                    encoding="utf-8")
    rows = [trials.Row(**row) for one in done.values() for row in one["rows"]]
    details = {name: one["details"] for name, one in done.items()}
    path.with_suffix(".md").write_text(markdown(rows, details, about), encoding="utf-8")
    bench.save_heard()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--command", type=Path, default=Path("build/emotivoice"))
    parser.add_argument("--model", type=Path, default=Path("models/emotivoice-default.safetensors"))
    parser.add_argument("--oracle", action="store_true", help="measure the teachers through WORLD in place of the engine")
    parser.add_argument("--quick", action="store_true", help="a few sentences")
    parser.add_argument("--only", default=",".join(trials.TRIALS), help="trials to run, in order")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    unknown = [name for name in options.only.split(",") if name not in trials.TRIALS]
    if unknown:
        parser.error(f"unknown trial {unknown[0]}: one of {', '.join(trials.TRIALS)}")
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        bench = make_bench(options, Path(scratch))
        about = facts(bench, options)
        for name in options.only.split(","):
            start = time.time()
            rows, details = trials.TRIALS[name](bench)
            for row in rows:
                print(line_of(row), flush=True)
            print(f"evaluate: {name} took {time.time() - start:.0f} s", file=sys.stderr)
            failed = [] if options.oracle else bench.subject.failed
            write(bench, options, about, name, {"rows": [vars(row) for row in rows], "details": details, "failed": failed,
                                                "seconds": round(time.time() - start)})


if __name__ == "__main__":
    main()
