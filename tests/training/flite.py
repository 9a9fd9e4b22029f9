"""English speech with known phone times: flite's voices through its shared libraries (ctypes), with the end time of every phone.

Only the audio and the alignment leave this file. Segment ends and stress come from flite's own utterance structure, so the
phone labels are exactly what was spoken.
"""
from __future__ import annotations

import ctypes as C
from dataclasses import dataclass

import numpy as np

VOICES = ("slt", "rms", "awb", "kal16")


class _Item(C.Structure):
    pass


_ItemP = C.POINTER(_Item)
_Item._fields_ = [("contents", C.c_void_p), ("relation", C.c_void_p), ("n", _ItemP), ("p", _ItemP), ("u", _ItemP), ("d", _ItemP)]


class _Relation(C.Structure):
    _fields_ = [("name", C.c_char_p), ("features", C.c_void_p), ("utterance", C.c_void_p), ("head", _ItemP), ("tail", _ItemP)]


class _Wave(C.Structure):
    _fields_ = [("type", C.c_char_p), ("sample_rate", C.c_int), ("num_samples", C.c_int), ("num_channels", C.c_int),
                ("samples", C.POINTER(C.c_short))]


@dataclass
class Segment:
    """One phone: flite's name, end in seconds, stress of its syllable, word identity (0 in a pause)."""
    phone: str
    end: float
    stress: str
    word: int
    word_name: str
    punctuation: str


class Flite:
    """Loads the library and its voices once per process."""

    def __init__(self) -> None:
        try:
            self._lib = C.CDLL("libflite.so.1", mode=C.RTLD_GLOBAL)
            for name in ("libflite_cmulex.so.1", "libflite_usenglish.so.1"):
                C.CDLL(name, mode=C.RTLD_GLOBAL)
        except OSError as error:
            raise SystemExit(f"flite's shared libraries are missing (install libflite1): {error}")
        self._lib.flite_init()
        self._synth = self._bind("flite_synth_text", C.c_void_p, C.c_char_p, C.c_void_p)
        self._relation = self._bind("utt_relation", C.POINTER(_Relation), C.c_void_p, C.c_char_p)
        self._wave = self._bind("utt_wave", C.POINTER(_Wave), C.c_void_p)
        self._string = self._bind("flite_ffeature_string", C.c_char_p, _ItemP, C.c_char_p)
        self._float = self._bind("flite_ffeature_float", C.c_float, _ItemP, C.c_char_p)
        self._path = self._bind("flite_path_to_item", _ItemP, _ItemP, C.c_char_p)
        self._delete = self._bind("delete_utterance", None, C.c_void_p)
        self._voices: dict[str, int] = {}

    def _bind(self, name, result, *arguments):
        function = getattr(self._lib, name)
        function.restype, function.argtypes = result, arguments
        return function

    def _voice(self, name: str) -> int:
        if name not in self._voices:
            register = getattr(C.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = C.c_void_p, [C.c_char_p]
            self._voices[name] = register(None)
        return self._voices[name]

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int, list[Segment]]:
        """Samples (int16), sample rate, segments in order."""
        utterance = self._synth(text.encode("ascii"), self._voice(voice))
        if not utterance:
            raise RuntimeError(f"flite failed on: {text}")
        try:
            wave = self._wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
            return samples, wave.sample_rate, self._segments(utterance)
        finally:
            self._delete(utterance)

    def _segments(self, utterance) -> list[Segment]:
        def text(item, path):
            return self._string(item, path).decode("ascii", "ignore")

        item, segments = self._relation(utterance, b"Segment").contents.head, []
        while item:
            word = self._path(item, b"R:SylStructure.parent.parent")
            segments.append(Segment(
                phone=text(item, b"name"), end=float(self._float(item, b"end")),
                stress=text(item, b"R:SylStructure.parent.stress"), word=word.contents.contents if word else 0,
                word_name=text(item, b"R:SylStructure.parent.parent.name") if word else "",
                punctuation=text(item, b"R:SylStructure.parent.parent.R:Token.parent.punc") if word else ""))
            item = item.contents.n
        return segments
