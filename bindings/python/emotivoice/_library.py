"""The installed libemotivoice by ctypes: structures and functions as include/emotivoice.h declares them.

ctypes releases the GIL during every call. Which library: $EMOTIVOICE_LIBRARY if set (a file), else libemotivoice.so.0 where
the system looks for libraries. tests/test_layout.py compares the structures with what a C compiler makes of the header.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_uint64, c_void_p
from functools import lru_cache
from typing import Any

from .errors import error_of

SONAME = "libemotivoice.so.0"
SERIES = "0.1."  # the structures below are of this version


class Error(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 252)]


class Mark(Structure):
    _fields_ = [("phone", c_char_p), ("word", c_int32), ("byte_begin", c_size_t), ("byte_end", c_size_t),
                ("sample_begin", c_size_t), ("sample_end", c_size_t)]


class Audio(Structure):
    _fields_ = [("samples", POINTER(c_float)), ("count", c_size_t), ("sample_rate", c_int32), ("marks", POINTER(Mark)),
                ("mark_count", c_size_t)]


class Phone(Structure):
    _fields_ = [("name", c_char_p), ("token", c_int32), ("word", c_int32), ("pause_ms", c_int32), ("byte_begin", c_size_t),
                ("byte_end", c_size_t), ("speed", c_float), ("pitch_scale", c_float), ("energy_scale", c_float)]


class Word(Structure):
    _fields_ = [("byte_begin", c_size_t), ("byte_end", c_size_t), ("phone_begin", c_size_t), ("phone_end", c_size_t),
                ("spoken", c_char_p), ("language", c_char * 4), ("given", c_int32)]


class Sentence(Structure):
    _fields_ = [("byte_begin", c_size_t), ("byte_end", c_size_t), ("phone_begin", c_size_t), ("phone_end", c_size_t),
                ("voice", c_char_p)]


class Phones(Structure):
    _fields_ = [("phones", POINTER(Phone)), ("phone_count", c_size_t), ("words", POINTER(Word)), ("word_count", c_size_t),
                ("sentences", POINTER(Sentence)), ("sentence_count", c_size_t), ("omissions", c_void_p),
                ("omission_count", c_size_t), ("storage", c_void_p)]


class SynthOptions(Structure):
    _fields_ = [("threads", c_int32), ("batch_max", c_int32), ("sentence_ms_max", c_int32), ("reserved", c_uint64 * 6)]


class Request(Structure):
    _fields_ = [("text", c_char_p), ("text_bytes", c_size_t), ("voice", c_void_p), ("language", c_char_p),
                ("emotion", c_char_p), ("emotion_degree", c_float), ("speed", c_float), ("pitch_scale", c_float),
                ("energy_scale", c_float), ("seed", c_uint64), ("markup", c_int), ("audio_tags", c_int),
                ("dictionaries", c_void_p * 2), ("prompt", c_char_p), ("find_voice", c_void_p),
                ("find_user", c_void_p), ("reserved", c_uint64 * 2)]


class Result(Structure):
    _fields_ = [("status", c_int), ("audio", Audio), ("error", Error)]


class Progress(Structure):
    _fields_ = [("sentences", c_size_t), ("decoded", c_size_t), ("next_tokens", c_size_t), ("tokens_left", c_size_t),
                ("ready_frames", c_size_t), ("ready_samples", c_size_t), ("samples", c_size_t), ("done", c_int)]


class Slice(Structure):
    _fields_ = [("task", c_void_p), ("frames", c_size_t)]


class Work(Structure):
    _fields_ = [(name, c_size_t) for name in ("bytes", "batch_bytes", "decode_bytes", "sentence_bytes", "token_bytes",
                                              "encode_bytes", "frame_bytes", "frames_max", "vocode_bytes", "row_bytes",
                                              "slice_rows", "rows_max")] + [
        ("frames_per_second", c_double), ("chunk_frames", c_size_t), ("first_frames", c_size_t)]


STRUCTURES = {"ev_error": Error, "ev_mark": Mark, "ev_audio": Audio, "ev_phone": Phone, "ev_word": Word,
              "ev_sentence": Sentence, "ev_phones": Phones, "ev_synth_options": SynthOptions, "ev_request": Request,
              "ev_result": Result, "ev_progress": Progress, "ev_slice": Slice, "ev_work": Work}

_HANDLE = POINTER(c_void_p)
_ERROR = POINTER(Error)
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "ev_version": (c_char_p, []),
    "ev_model_open": (c_int, [_HANDLE, c_char_p, c_void_p, _ERROR]),
    "ev_model_free": (None, [_HANDLE]),
    "ev_model_sample_rate": (c_int32, [c_void_p]),
    "ev_model_voice_count": (c_size_t, [c_void_p]),
    "ev_model_voice_name": (c_char_p, [c_void_p, c_size_t]),
    "ev_model_voice_note": (c_char_p, [c_void_p, c_size_t]),
    "ev_model_voice_language": (c_char_p, [c_void_p, c_size_t]),
    "ev_model_emotion_count": (c_size_t, [c_void_p]),
    "ev_model_emotion_name": (c_char_p, [c_void_p, c_size_t]),
    "ev_synth_options_init": (None, [POINTER(SynthOptions)]),
    "ev_synth_create": (c_int, [_HANDLE, c_void_p, POINTER(SynthOptions), _ERROR]),
    "ev_synth_free": (None, [_HANDLE]),
    "ev_synth_cancel": (None, [c_void_p]),
    "ev_synth_set_threads": (None, [c_void_p, c_int32]),
    "ev_synth_work": (None, [c_void_p, POINTER(Work)]),
    "ev_voice_named": (c_int, [_HANDLE, c_void_p, c_char_p, _ERROR]),
    "ev_voice_embed": (c_int, [_HANDLE, c_void_p, POINTER(c_float), c_size_t, c_int32, _ERROR]),
    "ev_voice_free": (None, [_HANDLE]),
    "ev_audio_decode": (c_int, [POINTER(Audio), c_char_p, c_size_t, c_double, _ERROR]),
    "ev_audio_free": (None, [POINTER(Audio)]),
    "ev_audio_write": (c_int, [c_char_p, POINTER(Audio), c_int, _ERROR]),
    "ev_audio_encode": (c_int, [POINTER(Audio), c_int, _HANDLE, POINTER(c_size_t), _ERROR]),
    "ev_bytes_free": (None, [_HANDLE]),
    "ev_format_parse": (c_int, [c_char_p, POINTER(c_int), _ERROR]),
    "ev_request_init": (None, [POINTER(Request)]),
    "ev_say_batch": (c_int, [c_void_p, POINTER(POINTER(Request)), c_size_t, POINTER(Result), _ERROR]),
    "ev_task_create": (c_int, [_HANDLE, c_void_p, POINTER(Request), c_int32, _ERROR]),
    "ev_task_free": (None, [_HANDLE]),
    "ev_task_progress": (None, [c_void_p, POINTER(Progress)]),
    "ev_task_status": (c_int, [c_void_p, _ERROR]),
    "ev_task_take": (None, [c_void_p, POINTER(POINTER(c_float)), POINTER(c_size_t)]),
    "ev_synth_decode": (c_int, [c_void_p, POINTER(c_void_p), c_size_t, _ERROR]),
    "ev_synth_vocode": (c_int, [c_void_p, POINTER(Slice), c_size_t, _ERROR]),
}


@lru_cache(maxsize=None)
def library() -> ctypes.CDLL:
    """The library, loaded once a process."""
    path = os.environ.get("EMOTIVOICE_LIBRARY") or SONAME
    try:
        lib = ctypes.CDLL(path)
    except OSError as e:
        raise ImportError(f"cannot load the emotivoice library '{path}': {e}. Install it (cmake --install build), or set "
                          "EMOTIVOICE_LIBRARY to the path of libemotivoice.so") from e
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    version = lib.ev_version().decode()
    if not version.startswith(SERIES):
        raise ImportError(f"the emotivoice library '{path}' is version {version}; this package speaks to {SERIES}x")
    return lib


def library_version() -> str:
    """Version of the loaded library and the instruction set that it uses, e.g. "0.1.0 (avx512)"."""
    return library().ev_version().decode()


def call(name: str, *arguments: Any) -> None:
    """Calls a function whose last parameter is an ev_error, which is added here; raises what it reports."""
    error = Error()
    status = getattr(library(), name)(*arguments, ctypes.byref(error))
    if status != 0:
        raise error_of(status, error.message.decode("utf-8", "replace"))


class Handle:
    """An object of the library, freed with this one. `pointer` is what its functions take."""

    def __init__(self, free: str, maker: str, *arguments: Any) -> None:
        self._free = getattr(library(), free)
        self._handle = c_void_p()
        call(maker, ctypes.byref(self._handle), *arguments)

    @property
    def pointer(self) -> c_void_p:
        return self._handle

    def free(self) -> None:
        self._free(ctypes.byref(self._handle))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.free()
