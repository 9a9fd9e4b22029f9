"""Mandarin teacher: the espeak-ng library (ctypes, nothing linked), fed with pinyin, reporting every phoneme with its time.

espeak-ng is GPL-3; its audio output is not. Nothing of it is copied, linked or shipped.
"""
from __future__ import annotations

import ctypes as C
from dataclasses import dataclass

import numpy as np

MANDARIN = "cmn-latn-pinyin"
_PHONEME_EVENT = 7
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4


class _Id(C.Union):
    _fields_ = [("number", C.c_int), ("name", C.c_char_p), ("string", C.c_char * 8)]


class _Event(C.Structure):
    _fields_ = [("type", C.c_int), ("unique_identifier", C.c_uint), ("text_position", C.c_int), ("length", C.c_int),
                ("audio_position", C.c_int), ("sample", C.c_int), ("user_data", C.c_void_p), ("id", _Id)]


_Callback = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.POINTER(_Event))


@dataclass
class Phoneme:
    """espeak's mnemonic, its start in seconds, and the character position of its word in the text (from 1)."""
    name: str
    start: float
    position: int


class Espeak:
    """One synthesiser per process: the library keeps global state."""

    def __init__(self) -> None:
        try:
            self._lib = C.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise SystemExit(f"espeak-ng's shared library is missing (install libespeak-ng1): {error}")
        self.sample_rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        if self.sample_rate <= 0:
            raise SystemExit("espeak-ng could not be initialised: is espeak-ng-data installed?")
        self._lib.espeak_TextToPhonemes.restype = C.c_char_p
        self._lib.espeak_TextToPhonemes.argtypes = [C.POINTER(C.c_char_p), C.c_int, C.c_int]
        self._chunks: list[np.ndarray] = []
        self._events: list[Phoneme] = []
        # The library calls back for as long as it lives, so the thunk must outlive every call.
        self._callback = _Callback(self._receive)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count, events) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == _PHONEME_EVENT:
                raw = C.string_at(C.addressof(event.id), 8).split(b"\0")[0]
                self._events.append(Phoneme(raw.decode("utf-8", "ignore"), event.sample / self.sample_rate, event.text_position))
            index += 1
        return 0

    def set_voice(self, voice: str, rate: int, pitch: int = 50, pitch_range: int = 50) -> None:
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SystemExit(f"espeak-ng has no voice {voice}")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(parameter, value, 0)

    def speak(self, text: str) -> tuple[np.ndarray, list[Phoneme]]:
        """Samples at self.sample_rate and the phonemes in order; pauses are names that begin with `_`."""
        self._chunks, self._events = [], []
        data = text.encode("utf-8")
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._lib.espeak_Synchronize()
        if not self._chunks:
            raise RuntimeError(f"espeak-ng said nothing for: {text}")
        return np.concatenate(self._chunks), self._events

    def phonemes(self, text: str) -> str:
        """Mnemonics with stress and tone marks, all clauses."""
        pointer, parts = C.c_char_p(text.encode("utf-8")), []
        while pointer.value:
            part = self._lib.espeak_TextToPhonemes(C.byref(pointer), _UTF8, 0)
            if part:
                parts.append(part.decode("utf-8", "ignore"))
        return " ".join(parts)
