"""One exception for each status of the library; the message is the library's, which says what to change.

Each is also the built-in exception that a caller would expect (ValueError, OSError, LookupError, MemoryError).
"""
from __future__ import annotations


class EmotiVoiceError(Exception):
    """Anything that the engine refuses. `status`: the library's number, see emotivoice.h."""

    status: int = 0


class ArgumentError(EmotiVoiceError, ValueError):
    """A number or a combination of arguments is out of range."""

    status = -1


class OutOfMemoryError(EmotiVoiceError, MemoryError):
    """There was not enough memory."""

    status = -2


class FileError(EmotiVoiceError, OSError):
    """A file cannot be read or written."""

    status = -3


class FormatError(EmotiVoiceError, ValueError):
    """A file is damaged, or of a kind that is not understood."""

    status = -4


class LimitError(EmotiVoiceError, ValueError):
    """The input is larger than the limit."""

    status = -5


class TextError(EmotiVoiceError, ValueError):
    """The text cannot be spoken."""

    status = -6


class AudioError(EmotiVoiceError, ValueError):
    """The reference audio cannot be used."""

    status = -7


class CanceledError(EmotiVoiceError):
    """The call was stopped by close()."""

    status = -8


class DeviceError(EmotiVoiceError, RuntimeError):
    """The device failed or is missing."""

    status = -9


class NotFoundError(EmotiVoiceError, LookupError):
    """No such voice, emotion, language or file."""

    status = -10


_BY_STATUS = {c.status: c for c in (ArgumentError, OutOfMemoryError, FileError, FormatError, LimitError, TextError,
                                    AudioError, CanceledError, DeviceError, NotFoundError)}


def error_of(status: int, message: str) -> EmotiVoiceError:
    """The exception for a negative status, with the library's line."""
    error = _BY_STATUS.get(status, EmotiVoiceError)(message)
    error.status = status
    return error
