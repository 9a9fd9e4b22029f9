"""EmotiVoiceSynthesizer: the engine as programs for EmotiVoice know it."""
from __future__ import annotations

import asyncio
import ctypes
import os
import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AsyncIterator, Iterator, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from ._library import Audio, Handle, Progress, Request, Result, Slice, Work, call, library
from ._workers import Workers
from .errors import EmotiVoiceError, FileError, NotFoundError, error_of

Wave = npt.NDArray[np.float32]
#: A recording: a file (.wav, .mp3, .flac, .ogg, .opus), its bytes, or mono samples with their rate in Hz.
Reference = Union[str, "os.PathLike[str]", bytes, "tuple[npt.ArrayLike, int]"]

_REFERENCE_SECONDS = 30.0
_KEPT_VOICES = 256


@dataclass(frozen=True)
class Voice:
    """A voice that the model carries. language: "en", "zh", or "" where not told; each speaks all languages."""

    name: str
    note: str
    language: str


def _model_path(acoustic_model: Optional[Union[str, "os.PathLike[str]"]]) -> Optional[str]:
    """A file; or None, the default voice, for the name of a kind of network."""
    if acoustic_model is None:
        return None
    text = os.fspath(acoustic_model)
    if not os.path.exists(text) and os.sep not in text and not os.path.splitext(text)[1]:
        return None
    if os.path.isdir(text) or text.endswith((".pt", ".pth", ".bin", ".ckpt", ".onnx")):
        raise NotFoundError(f"'{text}' is no model of this engine; it reads .safetensors files; `emotivoice import` makes "
                            "one of the published checkpoints")
    return text


def _check_part(name: str, value: Optional[Union[str, "os.PathLike[str]"]]) -> None:
    """Vocoder and speaker encoder lie in the model's file: a name says nothing new, a file would be another network."""
    text = "" if value is None else os.fspath(value)
    if os.sep in text or os.path.splitext(text)[1]:
        raise NotFoundError(f"{name}='{text}': the {name.replace('_', ' ')} is a part of the model file; leave it out")


def _bytes(what: str, text: Optional[str]) -> Optional[bytes]:
    """For a C string: text that it would cut is refused."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"{what} is of type {type(text).__name__}; wanted str")
    if "\0" in text:
        raise error_of(-1, f"{what} has a NUL character in it")
    return text.encode("utf-8", "surrogateescape")


def _floats(samples: npt.ArrayLike) -> Wave:
    """Mono float32; integers are scaled as WAV files have them."""
    array = np.asarray(samples)
    if array.ndim != 1:
        raise ValueError(f"samples have {array.ndim} dimensions; wanted one (mono)")
    if array.dtype.kind in "iu":
        if array.dtype != np.int16:
            raise ValueError(f"samples are of type {array.dtype}; wanted float32, float64 or int16")
        return np.ascontiguousarray(array.astype(np.float32) / 32768.0)
    if array.dtype.kind != "f":
        raise ValueError(f"samples are of type {array.dtype}; wanted float32, float64 or int16")
    return np.ascontiguousarray(array, dtype=np.float32)


def _float_pointer(array: Wave) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def _copy(samples: Any, count: int) -> Wave:
    return np.ctypeslib.as_array(samples, shape=(count,)).copy() if count else np.zeros(0, np.float32)


class EmotiVoiceSynthesizer:
    """A loaded model. Any number of threads may use one; calls run side by side and release the GIL.

    acoustic_model  a model file (.safetensors). None, or the name of a kind of network ("fastspeech2_emotion"):
                    $EMOTIVOICE_MODEL if set, else the default voice
    vocoder, speaker_encoder
                    names ("hifigan", "ecapa_tdnn") are taken and mean nothing: both lie in the model's file
    device          "cpu"; for others ("cuda", "cuda:0") a RuntimeWarning says that this engine runs on the CPU
    use_half        taken; the engine computes in fp32 whatever the file holds
    threads         of the CPU, 1..64; 0: one per core that the process may run on
    batch_max       texts that one pass of the engine holds, 1..256; more are worked off in several
    workers         calls that run at the same time; more wait. Each takes work memory of its own
    """

    def __init__(self, acoustic_model: Optional[Union[str, "os.PathLike[str]"]] = None,
                 vocoder: Optional[str] = None, speaker_encoder: Optional[str] = None, device: Optional[str] = None,
                 use_half: bool = False, *, threads: int = 0, batch_max: int = 16, workers: int = 4) -> None:
        _check_part("vocoder", vocoder)
        _check_part("speaker_encoder", speaker_encoder)
        if device not in (None, "", "cpu", "auto"):
            warnings.warn(f"device='{device}': this engine runs on the CPU", RuntimeWarning, stacklevel=2)
        if not 1 <= workers <= 64:
            raise ValueError(f"workers is {workers}; wanted 1..64")
        if not 1 <= batch_max <= 256:
            raise ValueError(f"batch_max is {batch_max}; wanted 1..256")
        path = _model_path(acoustic_model)
        model = Handle("ev_model_free", "ev_model_open", _bytes("acoustic_model", path), None)
        self._open: Optional[Handle] = model
        self._batch_max = batch_max
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._workers = Workers(model, threads or min(cores, 64), batch_max, workers)
        self._kept: "OrderedDict[Any, Handle]" = OrderedDict()  # voices by name, by recording
        self._lock = threading.Lock()
        with self._workers.synth():
            pass  # wrong options are told here and now

    @property
    def _model(self) -> Handle:
        model = self._open
        if model is None:
            raise ValueError("the synthesizer is closed")
        return model

    # ---- what the model is ----

    @property
    def sample_rate(self) -> int:
        """Hz, of what tts() returns."""
        model = self._model
        return int(library().ev_model_sample_rate(model.pointer))

    @property
    def voices(self) -> "list[Voice]":
        lib, model = library(), self._model
        p = model.pointer
        return [Voice(lib.ev_model_voice_name(p, i).decode(), lib.ev_model_voice_note(p, i).decode(),
                      lib.ev_model_voice_language(p, i).decode()) for i in range(lib.ev_model_voice_count(p))]

    @property
    def emotions(self) -> "list[str]":
        lib, model = library(), self._model
        p = model.pointer
        return [lib.ev_model_emotion_name(p, i).decode() for i in range(lib.ev_model_emotion_count(p))]

    # ---- speaking ----

    def tts(self, text: str, emotion: Optional[str] = None, reference_audio: Optional[Reference] = None,
            speed: float = 1.0, pitch_scale: float = 1.0, *, voice: Optional[str] = None,
            prompt: Optional[str] = None, energy_scale: float = 1.0, emotion_degree: float = 1.0,
            language: Optional[str] = None, seed: int = 0) -> Wave:
        """Speaks; returns mono samples in -1..1 at sample_rate.

        emotion          a label, or a blend such as "happy:0.6,surprised:0.4"; None: neutral
        reference_audio  speak in the voice heard in this recording of 1..30 s
        voice            a name of `voices`, instead; None: the model's first
        prompt           the manner in free words, in place of emotion, for models that were imported from the published
                         EmotiVoice checkpoints
        speed 0.25..4, pitch_scale 0.5..2, energy_scale 0.25..4, emotion_degree 0..1.5
        language         "en" or "zh": how digits and symbols that stand alone are read; None: by their surroundings
        """
        settings = dict(speed=speed, pitch_scale=pitch_scale, energy_scale=energy_scale,
                        emotion_degree=emotion_degree, language=language, seed=seed, prompt=prompt)
        with self._workers.synth() as synth:
            result = self._say(synth, [self._request(synth, text, emotion, reference_audio, voice, settings)])[0]
        if isinstance(result, EmotiVoiceError):
            raise result
        return result

    def tts_batch(self, texts: Sequence[str], emotions: Optional[Sequence[Optional[str]]] = None,
                  reference_audios: Optional[Sequence[Optional[Reference]]] = None,
                  speeds: Optional[Sequence[float]] = None, pitch_scales: Optional[Sequence[float]] = None, *,
                  voices: Optional[Sequence[Optional[str]]] = None, return_exceptions: bool = False
                  ) -> "list[Any]":
        """Speaks texts together; each result is what tts() gives for it alone, sample by sample.

        The other lists are as long as texts. A text that fails does not harm the others: with return_exceptions its
        exception stands in its place; without, the first one is raised when all are done.
        """
        n = len(texts)
        lists = {"emotions": emotions, "reference_audios": reference_audios, "speeds": speeds,
                 "pitch_scales": pitch_scales, "voices": voices}
        for name, values in lists.items():
            if values is not None and len(values) != n:
                raise ValueError(f"{name} has {len(values)} entries for {n} texts")

        def at(values: Optional[Sequence[Any]], i: int, default: Any = None) -> Any:
            return default if values is None else values[i]

        results: "list[Any]" = []
        for begin in range(0, n, self._batch_max):
            with self._workers.synth() as synth:
                requests: "list[Any]" = []
                for i in range(begin, min(begin + self._batch_max, n)):
                    settings = dict(speed=at(speeds, i, 1.0), pitch_scale=at(pitch_scales, i, 1.0))
                    try:
                        requests.append(self._request(synth, texts[i], at(emotions, i), at(reference_audios, i),
                                                      at(voices, i), settings))
                    except EmotiVoiceError as e:
                        requests.append(e)
                results += self._say(synth, requests)
        if not return_exceptions:
            for result in results:
                if isinstance(result, EmotiVoiceError):
                    raise result
        return results

    def stream(self, text: str, emotion: Optional[str] = None, reference_audio: Optional[Reference] = None,
               speed: float = 1.0, pitch_scale: float = 1.0, *, voice: Optional[str] = None,
               prompt: Optional[str] = None, energy_scale: float = 1.0, emotion_degree: float = 1.0,
               language: Optional[str] = None, seed: int = 0) -> Iterator[Wave]:
        """Speaks in pieces, as they are made: joined, they are what tts() gives. Between two pieces nothing is held up:
        other calls run while the caller is busy with one. What is wrong with the request is raised at once."""
        settings = dict(speed=speed, pitch_scale=pitch_scale, energy_scale=energy_scale,
                        emotion_degree=emotion_degree, language=language, seed=seed, prompt=prompt)
        with self._workers.synth() as synth:
            request = self._request(synth, text, emotion, reference_audio, voice, settings)
            model = self._model
            task = Handle("ev_task_free", "ev_task_create", model.pointer, ctypes.byref(request.c), 0)
            work = Work()
            library().ev_synth_work(synth.pointer, ctypes.byref(work))
        return self._pieces(task, work)

    def _pieces(self, task: Handle, work: Work) -> Iterator[Wave]:
        lib, progress, frames = library(), Progress(), work.first_frames
        while True:
            lib.ev_task_progress(task.pointer, ctypes.byref(progress))
            if progress.done:
                break
            with self._workers.synth() as synth:
                if not progress.ready_frames and progress.next_tokens:
                    call("ev_synth_decode", synth.pointer, ctypes.byref(task.pointer), 1)
                piece = Slice(task.pointer.value, frames)
                call("ev_synth_vocode", synth.pointer, ctypes.byref(piece), 1)
            frames = min(2 * frames, work.chunk_frames)
            samples, count = ctypes.POINTER(ctypes.c_float)(), ctypes.c_size_t()
            lib.ev_task_take(task.pointer, ctypes.byref(samples), ctypes.byref(count))
            if count.value:
                yield _copy(samples, count.value)
        call("ev_task_status", task.pointer)

    # ---- the same for asyncio: on a thread, so that the loop goes on ----

    async def tts_async(self, text: str, *arguments: Any, **named: Any) -> Wave:
        """tts() for asyncio."""
        return await asyncio.to_thread(self.tts, text, *arguments, **named)

    async def tts_batch_async(self, texts: Sequence[str], *arguments: Any, **named: Any) -> "list[Any]":
        """tts_batch() for asyncio."""
        return await asyncio.to_thread(self.tts_batch, texts, *arguments, **named)

    async def stream_async(self, text: str, *arguments: Any, **named: Any) -> AsyncIterator[Wave]:
        """stream() for asyncio: `async for piece in synthesizer.stream_async(...)`."""
        pieces = await asyncio.to_thread(self.stream, text, *arguments, **named)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece

    # ---- files ----

    def save_wav(self, wave: npt.ArrayLike, path: Union[str, "os.PathLike[str]"]) -> None:
        """Writes what tts() gave as a 16-bit WAV file; other formats by their extension: .flac, .opus, .mp3, .pcm."""
        audio, keep = self._audio(wave)
        suffix = Path(path).suffix.lstrip(".").lower() or "wav"
        call("ev_audio_write", os.fsencode(path), ctypes.byref(audio), self._format(suffix))
        del keep

    def encode(self, wave: npt.ArrayLike, format: str = "wav") -> bytes:
        """The bytes of such a file: "wav", "flac", "opus", "mp3", "pcm"."""
        audio, keep = self._audio(wave)
        data, size = ctypes.c_void_p(), ctypes.c_size_t()
        call("ev_audio_encode", ctypes.byref(audio), self._format(format), ctypes.byref(data), ctypes.byref(size))
        try:
            return ctypes.string_at(data, size.value)
        finally:
            library().ev_bytes_free(ctypes.byref(data))
            del keep

    def _audio(self, wave: npt.ArrayLike) -> "tuple[Audio, Wave]":
        samples = _floats(wave)
        return Audio(_float_pointer(samples), samples.size, self.sample_rate, None, 0), samples

    @staticmethod
    def _format(name: str) -> int:
        format = ctypes.c_int()
        call("ev_format_parse", _bytes("format", name), ctypes.byref(format))
        return format.value

    # ---- the end ----

    def close(self) -> None:
        """Stops calls that run in other threads (CanceledError) and frees the memory. May be called twice."""
        self._workers.close()
        with self._lock:
            self._kept.clear()
        self._open = None

    def __enter__(self) -> "EmotiVoiceSynthesizer":
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    # ---- requests ----

    def _request(self, synth: Handle, text: str, emotion: Optional[str], reference: Optional[Reference],
                 voice: Optional[str], settings: "dict[str, Any]") -> "_Request":
        if reference is not None and voice is not None:
            raise error_of(-1, "give reference_audio or voice, not both")
        handle = self._voice(voice) if voice is not None else None
        if reference is not None:
            handle = self._reference(synth, reference)
        return _Request(text, emotion, handle, settings)

    def _say(self, synth: Handle, requests: "list[Any]") -> "list[Any]":
        """A wave or an exception for each request or exception."""
        good = [r for r in requests if isinstance(r, _Request)]
        if not good:
            return requests
        pointers = (ctypes.POINTER(Request) * len(good))(*[ctypes.pointer(r.c) for r in good])
        results = (Result * len(good))()
        call("ev_say_batch", synth.pointer, pointers, len(good), results)
        said = []
        for r in results:
            if r.status == 0:
                said.append(_copy(r.audio.samples, r.audio.count))
                library().ev_audio_free(ctypes.byref(r.audio))
            else:
                said.append(error_of(r.status, r.error.message.decode("utf-8", "replace")))
        answers = iter(said)
        return [next(answers) if isinstance(r, _Request) else r for r in requests]

    # ---- voices ----

    def _keep(self, key: Any, handle: Handle) -> Handle:
        with self._lock:
            handle = self._kept.setdefault(key, handle)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT_VOICES:
                self._kept.popitem(last=False)
        return handle

    def _kept_voice(self, key: Any) -> Optional[Handle]:
        with self._lock:
            handle = self._kept.get(key)
            if handle is not None:
                self._kept.move_to_end(key)
        return handle

    def _voice(self, name: str) -> Handle:
        key, model = ("name", name), self._model
        return self._kept_voice(key) or self._keep(
            key, Handle("ev_voice_free", "ev_voice_named", model.pointer, _bytes("voice", name)))

    def _reference(self, synth: Handle, reference: Reference) -> Handle:
        if isinstance(reference, tuple):
            samples, rate = reference
            return self._embed(synth, _floats(samples), int(rate))
        if not isinstance(reference, bytes):
            try:
                reference = Path(reference).read_bytes()
            except OSError as e:
                raise FileError(f"cannot read reference_audio '{os.fspath(reference)}': {e.strerror or e}") from e
        key = ("recording", reference)  # by content: a file may be written over
        kept = self._kept_voice(key)
        if kept:
            return kept
        audio = Audio()
        call("ev_audio_decode", ctypes.byref(audio), reference, len(reference), _REFERENCE_SECONDS)
        try:
            samples, rate = _copy(audio.samples, audio.count), audio.sample_rate
        finally:
            library().ev_audio_free(ctypes.byref(audio))
        return self._keep(key, self._embed(synth, samples, rate))

    @staticmethod
    def _embed(synth: Handle, samples: Wave, rate: int) -> Handle:
        return Handle("ev_voice_free", "ev_voice_embed", synth.pointer, _float_pointer(samples), samples.size, rate)


class _Request:
    """An ev_request and what it points to."""

    def __init__(self, text: str, emotion: Optional[str], voice: Optional[Handle], settings: "dict[str, Any]") -> None:
        self.c = Request()
        library().ev_request_init(ctypes.byref(self.c))
        if not isinstance(text, str):
            raise TypeError(f"text is of type {type(text).__name__}; wanted str")
        try:
            self._text = text.encode()
        except UnicodeEncodeError as e:
            raise error_of(-6, f"text has a surrogate without its pair at character {e.start}") from e
        self._voice = voice
        self.c.text, self.c.text_bytes = self._text, len(self._text)
        self.c.voice = voice.pointer if voice else None
        self.c.emotion = _bytes("emotion", emotion)
        self.c.prompt = _bytes("prompt", settings.pop("prompt", None))
        self.c.language = _bytes("language", settings.pop("language", None))
        seed = settings.pop("seed", 0)
        if not 0 <= seed < 2**64:
            raise error_of(-1, f"seed is {seed}; wanted 0..2^64-1")
        self.c.seed = seed
        for name, value in settings.items():
            setattr(self.c, name, value)
