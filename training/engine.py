"""The engine's shared library through ctypes, with a model opened: what front.py and library.py ask of it.

The structures are those of the Python package (bindings/python), whose tests hold them to include/emotivoice.h.
"""
from __future__ import annotations

import ctypes as C
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bindings" / "python"))
from emotivoice._library import Audio, Error, Phones, Request, SynthOptions  # noqa: E402,F401

NAMES = "libemotivoice.so", "../lib/libemotivoice.so"  # in a build's folder, beside an installed command


class Engine:
    """folder: with the library, a build's or an installed command's; model: the default one if None. What it refuses is a RuntimeError."""

    def __init__(self, folder: Path, model: Path | None = None):
        path = next((Path(folder) / name for name in NAMES if (Path(folder) / name).exists()), None)
        if path is None:
            raise SystemExit(f"{folder} has no libemotivoice.so: build the engine first (script/run \"Hello.\" -o hello.wav)")
        self.lib, self.error, self.model = C.CDLL(str(path.resolve())), Error(), C.c_void_p()
        self.call("ev_model_open", C.byref(self.model), str(model).encode() if model else None, None)

    def call(self, name: str, *arguments) -> None:
        if getattr(self.lib, name)(*arguments, C.byref(self.error)) != 0:
            raise RuntimeError(f"{name}: {self.error.message.decode('utf-8', 'replace')}")
