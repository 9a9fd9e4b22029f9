"""The engine's shared library through ctypes: what an evaluation asks of it, samples and when each phone is heard.

Mirrors the part of include/emotivoice.h that is needed to say a sentence.
"""
from __future__ import annotations

import ctypes as C
from pathlib import Path

import numpy as np

OK = 0


class Error(C.Structure):
    _fields_ = [("status", C.c_int), ("message", C.c_char * 252)]


class Mark(C.Structure):
    _fields_ = [("phone", C.c_char_p), ("word", C.c_int32), ("byte_begin", C.c_size_t), ("byte_end", C.c_size_t),
                ("sample_begin", C.c_size_t), ("sample_end", C.c_size_t)]


class Audio(C.Structure):
    _fields_ = [("samples", C.POINTER(C.c_float)), ("count", C.c_size_t), ("sample_rate", C.c_int32),
                ("marks", C.POINTER(Mark)), ("mark_count", C.c_size_t)]


class SynthOptions(C.Structure):
    _fields_ = [("threads", C.c_int32), ("batch_max", C.c_int32), ("sentence_ms_max", C.c_int32), ("reserved", C.c_uint64 * 6)]


class SayRequest(C.Structure):
    _fields_ = [("text", C.c_char_p), ("text_bytes", C.c_size_t), ("voice", C.c_void_p), ("language", C.c_char_p),
                ("emotion", C.c_char_p), ("emotion_degree", C.c_float), ("speed", C.c_float), ("pitch_scale", C.c_float),
                ("energy_scale", C.c_float), ("seed", C.c_uint64), ("reserved", C.c_uint64 * 8)]


class Library:
    """One model, one synth; voices are kept."""

    def __init__(self, folder: Path, model: Path, threads: int = 1):
        names = [folder / "libemotivoice.so", folder.parent / "lib" / "libemotivoice.so"]
        path = next((name for name in names if name.exists()), None)
        if path is None:
            raise SystemExit(f"libemotivoice.so is not beside the command in {folder}: build with shared libraries")
        self.lib, self.error, self.voices = C.CDLL(str(path.resolve())), Error(), {}
        self.model, self.synth = C.c_void_p(), C.c_void_p()
        self._call("ev_model_open", C.byref(self.model), str(model).encode(), None)
        options = SynthOptions()
        self.lib.ev_synth_options_init(C.byref(options))
        options.threads = threads
        self._call("ev_synth_create", C.byref(self.synth), self.model, C.byref(options))

    def _call(self, name: str, *arguments) -> None:
        if getattr(self.lib, name)(*arguments, C.byref(self.error)) != OK:
            raise RuntimeError(f"{name}: {self.error.message.decode('utf-8', 'replace')}")

    def _voice(self, name: str | None, reference: Path | None) -> C.c_void_p:
        if (name, reference) not in self.voices:
            voice = C.c_void_p()
            if reference is not None:
                self._call("ev_voice_from_file", C.byref(voice), self.synth, str(reference).encode())
            else:
                self._call("ev_voice_named", C.byref(voice), self.model, name.encode())
            self.voices[name, reference] = voice
        return self.voices[name, reference]

    def say(self, request, voice: str | None) -> tuple[np.ndarray, int, list[tuple[str, float, float]]]:
        """Samples, their rate, and (phone, begin, end in seconds) of each mark, for a subjects.Request in a named voice or its reference."""
        asked, audio, text = SayRequest(), Audio(), request.text.encode("utf-8")
        self.lib.ev_request_init(C.byref(asked))
        asked.text, asked.text_bytes = text, len(text)
        asked.voice = self._voice(voice, request.reference)
        asked.language, asked.emotion = request.language.encode(), request.emotion.encode()
        asked.speed, asked.pitch_scale = request.speed, request.pitch_scale
        self.lib.ev_say.argtypes = [C.c_void_p] * 4
        self._call("ev_say", self.synth, C.byref(asked), C.byref(audio))
        samples, rate = np.ctypeslib.as_array(audio.samples, (audio.count,)).astype(np.float64), audio.sample_rate
        marks = [(m.phone.decode(), m.sample_begin / rate, m.sample_end / rate) for m in audio.marks[:audio.mark_count]]
        self.lib.ev_audio_free(C.byref(audio))
        return samples, rate, marks
