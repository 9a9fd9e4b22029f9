"""The engine as an evaluation asks it: samples, and when each phone is heard."""
from __future__ import annotations

import ctypes as C
from pathlib import Path

import numpy as np

from .engine import Audio, Engine, Request, SynthOptions


class Library(Engine):
    """One model, one synth; voices are kept."""

    def __init__(self, folder: Path, model: Path, threads: int = 1):
        super().__init__(folder, model)
        self.synth, self.voices, options = C.c_void_p(), {}, SynthOptions()
        self.lib.ev_synth_options_init(C.byref(options))
        options.threads = threads
        self.call("ev_synth_create", C.byref(self.synth), self.model, C.byref(options))

    def _voice(self, name: str | None, reference: Path | None) -> C.c_void_p:
        if (name, reference) not in self.voices:
            voice = C.c_void_p()
            if reference is not None:
                self.call("ev_voice_from_file", C.byref(voice), self.synth, str(reference).encode())
            else:
                self.call("ev_voice_named", C.byref(voice), self.model, name.encode())
            self.voices[name, reference] = voice
        return self.voices[name, reference]

    def described(self, reference: Path) -> tuple[np.ndarray, float]:
        """(speaker vector, median F0 in Hz) that the engine hears in a recording."""
        voice, count = self._voice(None, reference), C.c_size_t()
        self.lib.ev_voice_vector.restype, self.lib.ev_voice_vector.argtypes = C.POINTER(C.c_float), [C.c_void_p, C.POINTER(C.c_size_t)]
        self.lib.ev_voice_pitch.restype, self.lib.ev_voice_pitch.argtypes = C.c_float, [C.c_void_p]
        vector = self.lib.ev_voice_vector(voice, C.byref(count))
        return np.ctypeslib.as_array(vector, (count.value,)).astype(np.float64), self.lib.ev_voice_pitch(voice)

    def say(self, request, voice: str | None) -> tuple[np.ndarray, int, list[tuple[str, float, float]]]:
        """Samples, their rate, and (phone, begin, end in seconds) of each mark, for a subjects.Request in a named voice or its reference."""
        asked, audio, text = Request(), Audio(), request.text.encode("utf-8")
        self.lib.ev_request_init(C.byref(asked))
        asked.text, asked.text_bytes = text, len(text)
        asked.voice = self._voice(voice, request.reference)
        asked.language, asked.emotion = request.language.encode(), request.emotion.encode()
        asked.speed, asked.pitch_scale = request.speed, request.pitch_scale
        self.lib.ev_say.argtypes = [C.c_void_p] * 4
        self.call("ev_say", self.synth, C.byref(asked), C.byref(audio))
        samples, rate = np.ctypeslib.as_array(audio.samples, (audio.count,)).astype(np.float64), audio.sample_rate
        marks = [(m.phone.decode(), m.sample_begin / rate, m.sample_end / rate) for m in audio.marks[:audio.mark_count]]
        self.lib.ev_audio_free(C.byref(audio))
        return samples, rate, marks
