"""What the tests need: EMOTIVOICE_LIBRARY names the library (else an installed one is found), EMOTIVOICE_COMMAND the command
to compare with, EMOTIVOICE_HEADER the header."""
import os

import numpy as np
import pytest

from emotivoice import EmotiVoiceSynthesizer


@pytest.fixture(scope="session")
def synthesizer():
    with EmotiVoiceSynthesizer(threads=2, workers=2) as one:
        yield one


@pytest.fixture(scope="session")
def command():
    path = os.environ.get("EMOTIVOICE_COMMAND")
    if not path:
        pytest.skip("EMOTIVOICE_COMMAND is not set")
    return path


@pytest.fixture(scope="session")
def recording(synthesizer):
    """Speech of one of the model's voices, as bytes of a WAV file."""
    voice = synthesizer.voices[1].name
    wave = synthesizer.tts("This is a recording of someone who speaks for a while, calmly and clearly.", voice=voice)
    assert wave.size > 2 * synthesizer.sample_rate and np.abs(wave).max() > 0.01
    return synthesizer.encode(wave, "wav")
