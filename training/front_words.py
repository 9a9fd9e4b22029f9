"""The engine's front-end through its shared library, as words: what stands around a word when it is read."""
from __future__ import annotations

import ctypes as C
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Word:
    spoken: str    # normalised, lower case; letters by name in capitals
    phones: str    # "R EH1 D"
    begin: int     # byte in the text
    number: bool   # read from digits
    spelled: bool
    capital: bool
    comma: bool    # a pause stands before it


class _Phone(C.Structure):
    _fields_ = [("name", C.c_char_p), ("token", C.c_int32), ("word", C.c_int32), ("pause_ms", C.c_int32),
                ("byte_begin", C.c_size_t), ("byte_end", C.c_size_t)]


class _Word(C.Structure):
    _fields_ = [("byte_begin", C.c_size_t), ("byte_end", C.c_size_t), ("phone_begin", C.c_size_t), ("phone_end", C.c_size_t),
                ("spoken", C.c_char_p), ("language", C.c_char * 4)]


class _Span(C.Structure):
    _fields_ = [("byte_begin", C.c_size_t), ("byte_end", C.c_size_t), ("phone_begin", C.c_size_t), ("phone_end", C.c_size_t)]


class _Phones(C.Structure):
    _fields_ = [("phones", C.POINTER(_Phone)), ("phone_count", C.c_size_t), ("words", C.POINTER(_Word)), ("word_count", C.c_size_t),
                ("sentences", C.POINTER(_Span)), ("sentence_count", C.c_size_t)]


class _Error(C.Structure):
    _fields_ = [("status", C.c_int), ("message", C.c_char * 252)]


class FrontWords:
    def __init__(self, build: Path, model: Path):
        """model: a model file; the lexicons are those beside it."""
        self.lib, self.error, self.model = C.CDLL(str((Path(build) / "libemotivoice.so").resolve())), _Error(), C.c_void_p()
        self.lib.ev_phones_create.argtypes = [C.c_void_p, C.c_void_p, C.c_char_p, C.c_size_t, C.c_char_p, C.c_void_p]
        if self.lib.ev_model_open(C.byref(self.model), str(model).encode(), None, C.byref(self.error)):
            raise ValueError(self.error.message.decode())

    def sentences(self, text: str) -> list[list[Word]]:
        raw, result = text.encode(), C.POINTER(_Phones)()
        if self.lib.ev_phones_create(C.byref(result), self.model, raw, len(raw), b"en", C.byref(self.error)):
            raise ValueError(self.error.message.decode())
        r = result.contents
        names = [r.phones[i].name.decode() for i in range(r.phone_count)]
        out, at = [], 0
        for s in range(r.sentence_count):
            words: list[Word] = []
            end = r.sentences[s].phone_end
            while at < r.word_count and r.words[at].phone_begin < end:
                w = r.words[at]
                spoken, first = w.spoken.decode(), raw[w.byte_begin:w.byte_begin + 1]
                phones = [n.strip("[]") for n in names[w.phone_begin:w.phone_end] if re.fullmatch(r"\[[A-Z]+\d?\]", n)]
                words.append(Word(spoken, " ".join(phones), w.byte_begin, first.isdigit(), spoken != spoken.lower(), first.isupper(),
                                  w.phone_begin > 0 and names[w.phone_begin - 1] in ("engsp4", "sp3", "engsp2")))
                at += 1
            out.append(words)
        self.lib.ev_phones_free(C.byref(result))
        return out
