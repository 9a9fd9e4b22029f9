"""emotivoice: text in, expressive speech out, in any voice heard for a few seconds.

    from emotivoice import EmotiVoiceSynthesizer

    with EmotiVoiceSynthesizer() as synthesizer:
        wave = synthesizer.tts(text="你好，今天我非常开心！", emotion="happy", reference_audio="me.wav")
        synthesizer.save_wav(wave, "out.wav")
"""
from ._library import library_version
from .errors import (ArgumentError, AudioError, CanceledError, DeviceError, EmotiVoiceError, FileError, FormatError,
                     LimitError, NotFoundError, OutOfMemoryError, TextError)
from .synthesizer import EmotiVoiceSynthesizer, Reference, Voice

__version__ = "0.1.0"
__all__ = ["EmotiVoiceSynthesizer", "Voice", "Reference", "library_version", "EmotiVoiceError", "ArgumentError",
           "AudioError", "CanceledError", "DeviceError", "FileError", "FormatError", "LimitError", "NotFoundError",
           "OutOfMemoryError", "TextError"]
