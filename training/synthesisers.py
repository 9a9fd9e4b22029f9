"""flite and espeak-ng through their shared libraries (ctypes; nothing is linked or shipped): voices for the speaker encoder to know apart."""
from __future__ import annotations

import ctypes as C

import numpy as np

FLITE_VOICES = ("slt", "rms", "awb", "kal16")
_SYNCHRONOUS, _UTF8 = 2, 1
_RATE, _PITCH, _RANGE = 1, 3, 4


class _Wave(C.Structure):
    _fields_ = [("type", C.c_char_p), ("sample_rate", C.c_int), ("num_samples", C.c_int), ("num_channels", C.c_int),
                ("samples", C.POINTER(C.c_short))]


class Flite:
    def __init__(self) -> None:
        try:
            self._library = C.CDLL("libflite.so.1", mode=C.RTLD_GLOBAL)
            for name in ("libflite_cmulex.so.1", "libflite_usenglish.so.1"):
                C.CDLL(name, mode=C.RTLD_GLOBAL)
        except OSError as error:
            raise SystemExit(f"flite's shared libraries are missing (install libflite1): {error}")
        self._library.flite_init()
        self._library.flite_text_to_wave.restype = C.POINTER(_Wave)
        self._library.flite_text_to_wave.argtypes = [C.c_char_p, C.c_void_p]
        self._library.delete_wave.restype, self._library.delete_wave.argtypes = None, [C.POINTER(_Wave)]
        self._voices: dict[str, int] = {}

    def speak(self, text: str, voice: str) -> tuple[np.ndarray, int]:
        """(float waveform, rate)."""
        if voice not in self._voices:
            register = getattr(C.CDLL(f"libflite_cmu_us_{voice}.so.1"), f"register_cmu_us_{voice}")
            register.restype, register.argtypes = C.c_void_p, [C.c_char_p]
            self._voices[voice] = register(None)
        wave = self._library.flite_text_to_wave(text.encode("ascii"), self._voices[voice])
        try:
            return np.ctypeslib.as_array(wave.contents.samples, (wave.contents.num_samples,)) / 32768, wave.contents.sample_rate
        finally:
            self._library.delete_wave(wave)


class Espeak:
    """One a process: the library keeps global state."""

    def __init__(self) -> None:
        try:
            self._library = C.CDLL("libespeak-ng.so.1")
        except OSError as error:
            raise SystemExit(f"espeak-ng's shared library is missing (install libespeak-ng1): {error}")
        self.rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        if self.rate <= 0:
            raise SystemExit("espeak-ng could not be initialised: is espeak-ng-data installed?")
        self._chunks: list[np.ndarray] = []
        # the library calls back for as long as it lives, so this must outlive every call
        self._callback = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_short), C.c_int, C.c_void_p)(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples, count, events) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)) / 32768)
        return 0

    def speak(self, text: str, voice: str, speed: int, pitch: int, span: int) -> tuple[np.ndarray, int]:
        """(float waveform, rate)."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SystemExit(f"espeak-ng has no voice {voice}")
        for parameter, value in ((_RATE, speed), (_PITCH, pitch), (_RANGE, span)):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._chunks = []
        data = text.encode("utf-8")
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        return np.concatenate(self._chunks), self.rate
