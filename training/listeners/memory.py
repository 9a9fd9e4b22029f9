"""What a listener said of a sound is kept in a file: much of it (the teacher's, hibari's, a voice that did not change) is heard in many runs."""
from __future__ import annotations

import fcntl
import hashlib
import json
import os
from importlib import metadata
from pathlib import Path

import numpy as np

SAVE_AFTER = 50  # new ones


class Memory:
    """Answers of one release of a listener's packages, by sound and what was asked of it. Several processes may keep one file: a save joins
    what others have saved."""

    def __init__(self, folder: Path, name: str, *packages: str):
        releases = "-".join(metadata.version(package) for package in packages)
        self.path, self.fresh = Path(folder) / f"{name}-{releases}.json", 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.known = self._kept()

    def recall(self, samples: np.ndarray, answer, asked: str = ""):
        """What is known of these samples, or answer() if nothing is."""
        key = hashlib.sha256(f"{asked} ".encode() + samples.tobytes()).hexdigest()[:24]
        if key not in self.known:
            self.known[key] = answer()
            self.fresh += 1
            if self.fresh % SAVE_AFTER == 0:
                self.save()
        return self.known[key]

    def _kept(self) -> dict:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def save(self) -> None:
        aside = self.path.with_suffix(f".{os.getpid()}.part")
        with open(self.path.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            aside.write_text(json.dumps({**self._kept(), **self.known}, ensure_ascii=False, indent=0), encoding="utf-8")
            os.replace(aside, self.path)
