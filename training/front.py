"""The engine's text front-end through its shared library: what is taught is what will be asked.

    front = Front(Path("build"))
    front("你好。")        # [[1, ...]]: token ids of each sentence
"""
from __future__ import annotations

import ctypes as C
from pathlib import Path


class _Error(C.Structure):
    _fields_ = [("status", C.c_int), ("message", C.c_char * 252)]


class _Phone(C.Structure):
    _fields_ = [("name", C.c_char_p), ("token", C.c_int32), ("word", C.c_int32), ("pause_ms", C.c_int32),
                ("byte_begin", C.c_size_t), ("byte_end", C.c_size_t),
                ("speed", C.c_float), ("pitch_scale", C.c_float), ("energy_scale", C.c_float)]


class _Sentence(C.Structure):
    _fields_ = [("byte_begin", C.c_size_t), ("byte_end", C.c_size_t), ("phone_begin", C.c_size_t), ("phone_end", C.c_size_t)]


class _Phones(C.Structure):
    _fields_ = [("phones", C.POINTER(_Phone)), ("phone_count", C.c_size_t), ("words", C.c_void_p), ("word_count", C.c_size_t),
                ("sentences", C.POINTER(_Sentence)), ("sentence_count", C.c_size_t)]


class Front:
    """Reads text as the engine does. build: the folder with libemotivoice.so; model: for its lexicons, the default one if None."""

    def __init__(self, build: Path, model: Path | None = None):
        path = Path(build) / "libemotivoice.so"
        if not path.exists():
            raise SystemExit(f"{path} is missing: build the engine first (script/run \"Hello.\" -o hello.wav)")
        self.lib, self.error, self.model = C.CDLL(str(path.resolve())), _Error(), C.c_void_p()
        self._call("ev_model_open", C.byref(self.model), str(model).encode() if model else None, None)

    def _call(self, name, *arguments):
        if getattr(self.lib, name)(*arguments, C.byref(self.error)) != 0:
            raise ValueError(f"{name}: {self.error.message.decode('utf-8', 'replace')}")

    def __call__(self, text: str, language: str = "auto") -> list[list[int]]:
        raw, phones = text.encode("utf-8"), C.POINTER(_Phones)()
        self.lib.ev_phones_create.argtypes = [C.c_void_p, C.c_void_p, C.c_char_p, C.c_size_t, C.c_char_p, C.c_void_p]
        self._call("ev_phones_create", C.byref(phones), self.model, raw, len(raw), language.encode())
        p = phones.contents
        found = [[p.phones[i].token for i in range(s.phone_begin, s.phone_end)] for s in p.sentences[:p.sentence_count]]
        self.lib.ev_phones_free(C.byref(phones))
        return found
