"""Measures the voice as independent listeners hear it, on sentences that no training saw, and prints the table of the model card.

python -m training.evaluate --model models/emotivoice-default.safetensors [--work DIR] [--build build] [--sentences 8]
python -m training.evaluate --only voices,tones      some parts: voices, tones, emotions, clones, controls, cost; their rows join those
                                                     that the file has of the same model and library, so a run may be shared out
python -m training.evaluate --voices mei,ava         some voices
python -m training.evaluate --beside ""              without the teacher's and hibari's figures ("teacher,hibari")
-> DIR/evaluation.json (rows and details), DIR/evaluation.md (the table)

The engine speaks through its shared library, as programs use it; any sample rate. The listeners are in listeners/, each with a page on
what it is; the parts in trials.py; who speaks in subjects.py. The teacher takes a second of both cores for a second of speech, and what it
and they said and heard is kept in DIR/evaluation and DIR/listeners, so the next run is quicker.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

from . import trials
from .listen import Listeners
from .subjects import Engine, Hibari, Teacher, chosen_voices


def make_bench(options, scratch: Path) -> trials.Bench:
    """Who speaks and who listens."""
    engine = Engine(options.build, options.model, options.threads)
    wanted = chosen_voices(options.voices, engine.voices, options.model)
    beside = options.beside.split(",")
    teacher = Teacher(options.work, options.work / "evaluation" / "teacher", options.build, options.threads) if "teacher" in beside else None
    return trials.Bench(options.work, scratch, engine, teacher, Hibari(options.threads) if "hibari" in beside else None,
                        Listeners(options.work, options.threads), options.sentences, tuple(wanted))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def facts(bench: trials.Bench, options) -> dict:
    """What was evaluated, for the files."""
    return {"model": options.model.name, "model_sha256": sha256(options.model), "library_sha256": sha256(options.build / "libemotivoice.so"),
            "sample_rate": bench.engine.config["vocoder"]["sample_rate"], "voices": bench.voices(), "sentences": options.sentences}


# ---- the table -------------------------------------------------------------------------------------------------

def number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    text = f"{value:.2f}" if unit in ("", "x", "GFLOP") else f"{value:.1f}"
    return f"{value:+.1f} points" if unit == "points" else f"{text} {unit}".rstrip()


def mark(row: trials.Row, value: float | None) -> str:
    return "" if value is None else f"{'>=' if row.higher else '<='} {value:g} {row.unit}".rstrip()


def line_of(row: trials.Row) -> str:
    cells = [row.measure, mark(row, row.must), mark(row, row.goal), number(row.value, row.unit), row.verdict, number(row.teacher, row.unit),
             number(row.hibari, row.unit), row.note]
    return "| " + " | ".join(cells) + " |"


HEAD = ["| held-out, named voices, neutral unless said | must | goal | measured | verdict | teacher | hibari | how |", "|---|---|---|---|---|---|---|---|"]


def voice_lines(details: dict) -> list[str]:
    """Each voice in each language."""
    lines = ["", "| voice, language | errors, % | teacher's | DNSMOS overall / P.808 | teacher's |", "|---|---|---|---|---|"]
    grades = lambda s: f"{s['overall']:.2f} / {s['p808']:.2f}" if s else ""  # noqa: E731
    teacher = details["voices"].get("teacher", {})
    for name, own in details["voices"].get("engine", {}).items():
        theirs = teacher.get(name)
        lines.append(f"| {name} | {own['errors']:.1f} | {theirs['errors']:.1f} | {grades(own)} | {grades(theirs)} |" if theirs else
                     f"| {name} | {own['errors']:.1f} | | {grades(own)} | |")
    return lines


def emotion_lines(details: dict) -> list[str]:
    """Who is taken for whom, and how well each emotion is understood."""
    told, errors = details["told"]["engine"], details["errors"]["engine"]
    lines = ["", "Emotions: spoken (rows), heard (columns).", "", "| | " + " | ".join(told["labels"]) + " |", "|---" * (len(told["labels"]) + 1) + "|"]
    lines += [f"| {label} | " + " | ".join(str(n) if n else "" for n in row) + " |" for label, row in zip(told["labels"], told["confusion"])]
    lines += ["", "| emotion | English word errors, % | Mandarin syllable errors, % |", "|---|---|---|"]
    return lines + [f"| {label} | {errors['en'][label]:.1f} | {errors['zh'][label]:.1f} |" for label in told["labels"]]


def markdown(parts: dict, about: dict) -> str:
    head = [f"Measured by `python -m training.evaluate` on {about['model']} ({about['model_sha256'][:12]}), {about['sample_rate'] / 1000:g} kHz, "
            f"{about['sentences']} held-out sentences a voice and language.", ""]
    rows = [line_of(trials.Row(**row)) for part in parts.values() for row in part["rows"]]
    tables = (voice_lines(parts["voices"]["details"]) if "voices" in parts else []) + (emotion_lines(parts["emotions"]["details"]) if "emotions" in parts else [])
    return "\n".join(head + HEAD + rows + tables) + "\n"


# ---- files -----------------------------------------------------------------------------------------------------

def earlier(path: Path, about: dict) -> dict[str, dict]:
    """Parts that the file has of the same subject."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found["parts"] if found.get("about") == about else {}


def write(work: Path, about: dict, name: str, result: dict) -> dict:
    """Both files, after every part: a run that is stopped has told what it knew."""
    path = work / "evaluation.json"
    done = {**earlier(path, about), name: result}
    done = {part: done[part] for part in trials.PARTS if part in done}
    for target, text in ((path, json.dumps({"about": about, "parts": done}, ensure_ascii=False, indent=1, default=float) + "\n"),
                         (path.with_suffix(".md"), markdown(done, about))):
        aside = target.with_suffix(f".{os.getpid()}.part")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, target)
    return done


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--build", type=Path, default=Path("build"), help="where the engine's library is")
    parser.add_argument("--model", type=Path, default=Path("models/emotivoice-default.safetensors"))
    parser.add_argument("--only", default=",".join(trials.PARTS), help="parts to run, in order")
    parser.add_argument("--sentences", type=int, default=8, help="a voice and language; clones take half as many")
    parser.add_argument("--voices", default="", help="comma-separated; default all named ones")
    parser.add_argument("--beside", default="teacher,hibari", help="who is measured beside the engine")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    unknown = [name for name in options.only.split(",") if name not in trials.PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]}: one of {', '.join(trials.PARTS)}")
    return options


def main() -> None:
    options = parse()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        bench = make_bench(options, Path(scratch))
        about = facts(bench, options)
        for name in options.only.split(","):
            start = time.time()
            rows, details = trials.PARTS[name](bench)
            bench.listeners.save()
            done = write(options.work, about, name, {"rows": [vars(row) for row in rows], "details": details, "failed": bench.engine.failed,
                                                     "seconds": round(time.time() - start)})
            print(f"evaluate: {name} took {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    print(markdown(done, about))


if __name__ == "__main__":
    main()
