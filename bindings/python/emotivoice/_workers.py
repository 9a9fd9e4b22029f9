"""Synths of the library for the threads of a program: one call at a time each, made when they are first needed.

While several work, each has its part of the threads, so that they do not wait for each other's cores.
"""
from __future__ import annotations

import ctypes
import threading
from contextlib import contextmanager
from typing import Iterator

from ._library import Handle, SynthOptions, library


class Workers:
    def __init__(self, model: Handle, threads: int, batch_max: int, count: int) -> None:
        self._model, self._threads, self._batch_max, self._count = model, threads, batch_max, count
        self._changed = threading.Condition()
        self._idle: list[Handle] = []
        self._busy: list[Handle] = []
        self._making = 0
        self._closed = False

    def _make(self) -> Handle:
        options = SynthOptions()
        library().ev_synth_options_init(ctypes.byref(options))
        options.threads, options.batch_max = self._threads, self._batch_max
        return Handle("ev_synth_free", "ev_synth_create", self._model.pointer, ctypes.byref(options))

    def _share(self) -> None:
        for synth in self._busy:
            library().ev_synth_set_threads(synth.pointer, max(1, self._threads // len(self._busy)))

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the synthesizer is closed")

    def _take(self) -> Handle | None:
        """An idle synth, or None: one is to be made. Waits while all that there may be are busy."""
        with self._changed:
            while True:
                self._check_open()
                if self._idle:
                    return self._idle.pop()
                if len(self._busy) + self._making < self._count:
                    self._making += 1
                    return None
                self._changed.wait()

    @contextmanager
    def synth(self) -> Iterator[Handle]:
        """A synth for this thread alone."""
        taken = self._take()
        made = None
        if taken is None:
            try:
                made = self._make()
            finally:
                with self._changed:
                    self._making -= 1
                    self._changed.notify()
        synth = taken or made
        assert synth is not None
        with self._changed:
            self._busy.append(synth)
            self._share()
        try:
            yield synth
        finally:
            with self._changed:
                self._busy.remove(synth)
                if not self._closed:
                    self._idle.append(synth)
                self._share()
                self._changed.notify_all()

    def close(self) -> None:
        """Stops the calls that run (they raise CanceledError), waits for them, and lets no more in."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            while self._busy or self._making:
                for synth in self._busy:
                    library().ev_synth_cancel(synth.pointer)
                self._changed.wait(0.05)  # a call that had just begun takes no notice of the first
            self._idle.clear()
