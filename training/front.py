"""The engine's text front-end: what is taught is what will be asked.

    front = Front(Path("build"))
    front("你好。")                 # [[1, ...]]: token ids of each sentence
    front.words("She read it.")     # [[Word, ...]]: its words, with what stands around them
"""
from __future__ import annotations

import ctypes as C
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import tokens
from .engine import Engine, Phones

LEXICONS = "*.lexicon", "*.polyphones", "*.homographs"


def link_lexicons(model: Path, folder: Path, kinds=LEXICONS) -> None:
    """What the front-end reads beside a model, for another model in `folder`."""
    for kind in kinds:
        for path in Path(model).resolve().parent.glob(kind):
            (Path(folder) / path.name).symlink_to(path)


@dataclass
class Word:
    spoken: str    # normalised, lower case; letters by name in capitals
    phones: str    # "R EH1 D"
    begin: int     # byte in the text
    number: bool   # read from digits
    spelled: bool
    capital: bool
    comma: bool    # a pause stands before it


class Front(Engine):
    """Reads text as the engine does. model: for its lexicons, which lie beside it."""

    @contextmanager
    def _phones(self, raw: bytes, language: str):
        phones = C.POINTER(Phones)()
        self.lib.ev_phones_create.argtypes = [C.c_void_p, C.c_void_p, C.c_char_p, C.c_size_t, C.c_char_p, C.c_void_p]
        self.call("ev_phones_create", C.byref(phones), self.model, raw, len(raw), language.encode())
        yield phones.contents
        self.lib.ev_phones_free(C.byref(phones))

    def __call__(self, text: str, language: str = "auto") -> list[list[int]]:
        with self._phones(text.encode("utf-8"), language) as p:
            return [[p.phones[i].token for i in range(s.phone_begin, s.phone_end)] for s in p.sentences[:p.sentence_count]]

    def words(self, text: str) -> list[list[Word]]:
        """Of English text."""
        raw, out, at = text.encode("utf-8"), [], 0
        with self._phones(raw, "en") as p:
            names = [phone.name.decode() for phone in p.phones[:p.phone_count]]
            for sentence in p.sentences[:p.sentence_count]:
                words: list[Word] = []
                while at < p.word_count and p.words[at].phone_begin < sentence.phone_end:
                    words.append(word_of(p.words[at], raw, names))
                    at += 1
                out.append(words)
        return out


def word_of(w, raw: bytes, names: list[str]) -> Word:
    spoken, first = w.spoken.decode(), raw[w.byte_begin:w.byte_begin + 1]
    phones = [n.strip("[]") for n in names[w.phone_begin:w.phone_end] if re.fullmatch(r"\[[A-Z]+\d?\]", n)]
    pause = w.phone_begin > 0 and names[w.phone_begin - 1] in tokens.PAUSES
    return Word(spoken, " ".join(phones), w.byte_begin, first.isdigit(), spoken != spoken.lower(), first.isupper(), pause)
