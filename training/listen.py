"""Listens to files: how much of what was meant is understood, and how good it sounds.

python -m training.listen --list FILE.tsv [--work DIR] [--worst 10] [--json FILE]
FILE.tsv has a line per sentence: wav<TAB>language<TAB>text; a path that is not absolute is taken from the list's folder. The voice is the file's name
up to the first "_" (mei_zh_03.wav), or a fourth column.

Prints a table: per voice and language, errors in percent (Whisper base; English words, Mandarin toneless syllables), tiny.en's for
English, DNSMOS overall and P.808; then the worst sentences with what was heard.
"""
from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .listeners import sound, words


@dataclass
class Heard:
    """One sentence as the listeners have it."""
    voice: str
    language: str
    text: str
    heard: str
    wrong: int
    units: int
    tiny_wrong: int
    overall: float
    p808: float
    seconds: float


class Listeners:
    """Whisper base, tiny.en and DNSMOS, each loaded when first asked."""

    def __init__(self, work: Path, threads: int = 1):
        self.folder, self.threads, self.made = Path(work) / "listeners", threads, {}

    def _get(self, name: str):
        if name not in self.made:
            from .listeners.quality import Quality
            from .listeners.whisper import Whisper
            self.made[name] = Quality(self.folder, self.threads) if name == "quality" else Whisper(name, self.folder, self.threads)
        return self.made[name]

    def hear(self, audio: np.ndarray, rate: int, language: str, text: str, voice: str = "", graded: bool = True) -> Heard:
        """graded: by tiny.en and DNSMOS, too, which takes as long again; 0 and NaN if not."""
        heard = self._get("base").hear(audio, rate, language)
        wrong, units = words.errors(language, text, heard)
        tiny_wrong = words.errors("en", text, self._get("tiny.en").hear(audio, rate, "en"))[0] if graded and language == "en" else 0
        quality = self._get("quality").hear(audio, rate) if graded else {"overall": math.nan, "p808": math.nan}
        return Heard(voice, language, text, heard, wrong, units, tiny_wrong, quality["overall"], quality["p808"], len(audio) / rate)

    def save(self) -> None:
        for listener in self.made.values():
            listener.save()


def rate(found: list[Heard], wrong: str = "wrong") -> float:
    """Errors in percent over all units."""
    return 100.0 * sum(getattr(h, wrong) for h in found) / max(1, sum(h.units for h in found))


def summary(found: list[Heard]) -> dict:
    english = [h for h in found if h.language == "en"]
    return {"errors": rate(found), "tiny_errors": rate(english, "tiny_wrong") if english else None,
            "overall": float(np.mean([h.overall for h in found])), "p808": float(np.mean([h.p808 for h in found])),
            "sentences": len(found), "seconds": sum(h.seconds for h in found)}


def grouped(found: list[Heard]) -> dict[tuple[str, str], list[Heard]]:
    """By (voice, language), and ("all", language) last."""
    groups: dict[tuple[str, str], list[Heard]] = {}
    for h in sorted(found, key=lambda h: (h.language, h.voice)):
        groups.setdefault((h.voice, h.language), []).append(h)
    for language in sorted({h.language for h in found}):
        groups["all", language] = [h for h in found if h.language == language]
    return groups


def table(found: list[Heard]) -> str:
    lines = ["| voice | language | errors, % | tiny.en, % | DNSMOS overall | P.808 | sentences |", "|---|---|---|---|---|---|---|"]
    for (voice, language), group in grouped(found).items():
        s = summary(group)
        tiny = "" if s["tiny_errors"] is None else f"{s['tiny_errors']:.1f}"
        lines.append(f"| {voice} | {language} | {s['errors']:.1f} | {tiny} | {s['overall']:.2f} | {s['p808']:.2f} | {s['sentences']} |")
    return "\n".join(lines)


def worst(found: list[Heard], count: int) -> str:
    ranked = sorted((h for h in found if h.wrong), key=lambda h: -h.wrong / max(1, h.units))[:count]
    return "\n".join(f"{h.voice} {h.language} {h.wrong}/{h.units}: {h.text} -> {h.heard}" for h in ranked)


def rows(path: Path) -> list[tuple[Path, str, str, str]]:
    """(wav, language, text, voice) of each line."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        cells = line.split("\t")
        if not line.strip():
            continue
        if len(cells) not in (3, 4) or cells[1] not in ("en", "zh"):
            raise SystemExit(f"{path}:{number}: not wav<TAB>en or zh<TAB>text")
        wav = path.parent / cells[0]
        found.append((wav, cells[1], cells[2], cells[3] if len(cells) == 4 else wav.stem.split("_")[0]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="keeps Whisper's file and what was heard")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--worst", type=int, default=10, help="sentences to show")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    listeners, found = Listeners(options.work, options.threads), []
    for wav, language, text, voice in rows(options.list):
        found.append(listeners.hear(*sound.read(wav), language, text, voice))
    listeners.save()
    print(table(found))
    print(worst(found, options.worst))
    if options.json:
        options.json.write_text(json.dumps([asdict(h) for h in found], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
