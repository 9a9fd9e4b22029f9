"""The synthesizer, held to the command's bytes and to its own promises."""
import asyncio
import subprocess
import threading
import time
import wave as wave_file

import numpy as np
import pytest

import emotivoice
from emotivoice import EmotiVoiceSynthesizer

TEXT = "你好，今天我非常开心！ Hello there."
LONG = "The train leaves at a quarter past nine, and nobody had told them. " * 12


def test_as_the_article_prints_it(synthesizer, recording, tmp_path):
    reference = tmp_path / "me.wav"
    reference.write_bytes(recording)
    with pytest.warns(RuntimeWarning, match="runs on the CPU"):
        one = EmotiVoiceSynthesizer(acoustic_model="fastspeech2_emotion", vocoder="hifigan",
                                    speaker_encoder="ecapa_tdnn", device="cuda", use_half=True)
    wave = one.tts(text=TEXT, emotion="happy", reference_audio=str(reference), speed=1.0, pitch_scale=1.1)
    one.save_wav(wave, str(tmp_path / "out.wav"))
    one.close()
    assert wave.dtype == np.float32 and wave.ndim == 1 and np.abs(wave).max() <= 1
    with wave_file.open(str(tmp_path / "out.wav")) as f:
        assert (f.getnchannels(), f.getsampwidth(), f.getframerate()) == (1, 2, synthesizer.sample_rate)
        assert f.getnframes() == wave.size
        samples = np.frombuffer(f.readframes(wave.size), "<i2").astype(np.float64) / 32768
    assert np.abs(samples - wave).max() <= 1 / 32768


def test_same_samples_as_the_command(synthesizer, command):
    said = subprocess.run([command, "say", TEXT, "-e", "happy:0.6,sad:0.2", "-s", "1.2", "--pitch-scale", "0.9",
                           "--seed", "7", "--format", "pcm", "-o", "-", "-q"], check=True, capture_output=True).stdout
    wave = synthesizer.tts(TEXT, emotion="happy:0.6,sad:0.2", speed=1.2, pitch_scale=0.9, seed=7)
    assert synthesizer.encode(wave, "pcm") == said


def test_batch_equals_alone(synthesizer, recording):
    texts = ["One.", TEXT, "A third text, rather longer than the first one was."] * 6  # more than batch_max
    emotions = [None, "happy", "sad"] * 6
    references = [None, recording, None] * 6
    together = synthesizer.tts_batch(texts=texts, emotions=emotions, reference_audios=references)
    assert len(together) == 18
    for i in (0, 1, 2, 17):
        alone = synthesizer.tts(texts[i], emotions[i], references[i])
        assert np.array_equal(alone, together[i])
    assert not np.array_equal(together[0], together[1])


def test_batch_with_bad_ones(synthesizer):
    with pytest.raises(emotivoice.NotFoundError, match="did you mean"):
        synthesizer.tts_batch(["Good.", "Also good."], emotions=[None, "hapy"])
    results = synthesizer.tts_batch(["Good.", "", "Good.", "Also."], voices=[None, None, "nobody", None],
                                    return_exceptions=True)
    assert np.array_equal(results[0], synthesizer.tts("Good."))
    assert isinstance(results[1], emotivoice.TextError)
    assert isinstance(results[2], emotivoice.NotFoundError) and isinstance(results[2], LookupError)
    assert np.array_equal(results[3], synthesizer.tts("Also."))
    with pytest.raises(ValueError, match="emotions has 1 entries for 2 texts"):
        synthesizer.tts_batch(["a", "b"], emotions=["happy"])
    assert synthesizer.tts_batch([]) == []


def test_stream_joined_is_whole(synthesizer):
    text = LONG[:400] + "[pause:700ms] And then the end."
    whole = synthesizer.tts(text, emotion="sad")
    pieces = list(synthesizer.stream(text, emotion="sad"))
    assert len(pieces) > 3 and pieces[0].size < whole.size / 4
    assert np.array_equal(np.concatenate(pieces), whole)
    with pytest.raises(emotivoice.TextError):
        synthesizer.stream("")  # at once, before the first piece is asked for


def test_streams_by_turns(synthesizer):
    """Two listeners, one thread: nothing is held between pieces."""
    a, b = synthesizer.stream(LONG[:300]), synthesizer.stream(TEXT * 5)
    left, right = [next(a)], [next(b)]
    left += list(a)
    right += list(b)
    assert np.array_equal(np.concatenate(left), synthesizer.tts(LONG[:300]))
    assert np.array_equal(np.concatenate(right), synthesizer.tts(TEXT * 5))


def test_references(synthesizer, recording, tmp_path):
    path = tmp_path / "me.wav"
    path.write_bytes(recording)
    by_bytes = synthesizer.tts("Who am I?", reference_audio=recording)
    assert np.array_equal(by_bytes, synthesizer.tts("Who am I?", reference_audio=path))
    with wave_file.open(str(path)) as f:
        ints = np.frombuffer(f.readframes(f.getnframes()), "<i2")
        rate = f.getframerate()
    assert np.array_equal(by_bytes, synthesizer.tts("Who am I?", reference_audio=(ints, rate)))
    assert np.array_equal(by_bytes, synthesizer.tts("Who am I?", reference_audio=(ints / 32768.0, rate)))
    path.write_bytes(recording[:44])  # written over: the new one counts
    with pytest.raises(emotivoice.AudioError):
        synthesizer.tts("Who am I?", reference_audio=path)
    with pytest.raises(emotivoice.FileError, match="nowhere.wav"):
        synthesizer.tts("Who am I?", reference_audio="nowhere.wav")
    with pytest.raises(emotivoice.AudioError, match="MP3"):
        synthesizer.tts("Who am I?", reference_audio=b"<html>not a recording</html>")
    with pytest.raises(ValueError, match="dimensions"):
        synthesizer.tts("Who am I?", reference_audio=(np.zeros((2, 16000), np.float32), 16000))
    with pytest.raises(emotivoice.AudioError, match="silent"):
        synthesizer.tts("Who am I?", reference_audio=(np.zeros(32000, np.float32), 16000))
    with pytest.raises(emotivoice.ArgumentError, match="not both"):
        synthesizer.tts("Who am I?", reference_audio=recording, voice=synthesizer.voices[0].name)


@pytest.mark.parametrize("arguments, error, says", [
    (dict(speed=9.0), emotivoice.ArgumentError, "speed is 9"),
    (dict(pitch_scale=float("nan")), emotivoice.ArgumentError, "pitch_scale"),
    (dict(seed=-1), emotivoice.ArgumentError, "seed"),
    (dict(emotion="happy\0sad"), emotivoice.ArgumentError, "NUL"),
    (dict(language="klingon"), emotivoice.NotFoundError, "klingon"),
    (dict(voice="avva"), emotivoice.NotFoundError, "voice"),
    (dict(emotion="开心得不得了"), emotivoice.NotFoundError, "emotion"),
    (dict(emotion=3), TypeError, "wanted str"),
    (dict(prompt="哭唧唧"), emotivoice.ArgumentError, "takes an emotion, not a prompt"),
])
def test_bad_arguments(synthesizer, arguments, error, says):
    with pytest.raises(error, match=says):
        synthesizer.tts("Hello.", **arguments)


def test_bad_text(synthesizer):
    with pytest.raises(emotivoice.TextError, match="surrogate"):
        synthesizer.tts("a\ud800b")
    with pytest.raises(emotivoice.LimitError):
        synthesizer.tts("a " * 200000)
    with pytest.raises(TypeError, match="wanted str"):
        synthesizer.tts(b"bytes")


@pytest.mark.parametrize("arguments, says", [
    (dict(acoustic_model="nowhere/model.safetensors"), "nowhere"),
    (dict(acoustic_model="g_00140000.pt"), "safetensors"),
    (dict(vocoder="hifigan.pt"), "vocoder"),
    (dict(speaker_encoder="/models/ecapa"), "speaker encoder"),
    (dict(threads=65), "threads is 65"),
    (dict(workers=0), "workers"),
    (dict(batch_max=0), "batch_max"),
])
def test_bad_constructors(arguments, says):
    with pytest.raises((emotivoice.EmotiVoiceError, ValueError), match=says):
        EmotiVoiceSynthesizer(**arguments)


def test_voices_and_emotions(synthesizer):
    names = [v.name for v in synthesizer.voices]
    assert len(names) == len(set(names)) >= 2
    assert {v.language for v in synthesizer.voices} <= {"en", "zh", ""}
    assert "neutral" in synthesizer.emotions and "happy" in synthesizer.emotions
    first = synthesizer.tts("Hello.", voice=names[0])
    assert np.array_equal(first, synthesizer.tts("Hello."))
    assert not np.array_equal(first, synthesizer.tts("Hello.", voice=names[1]))


def test_formats(synthesizer):
    wave = synthesizer.tts("Hello.")
    for name, magic in (("wav", b"RIFF"), ("flac", b"fLaC"), ("opus", b"OggS")):
        assert synthesizer.encode(wave, name).startswith(magic)
    with pytest.raises(emotivoice.NotFoundError):
        synthesizer.encode(wave, "docx")
    with pytest.raises(emotivoice.FileError):
        synthesizer.save_wav(wave, "/nowhere/out.wav")


def test_two_threads(synthesizer):
    """The GIL is free during a call: Python goes on, and two calls are inside at once."""
    inside, most, counts = set(), [], []
    lock = threading.Lock()

    def speak(name):
        for _ in range(2):
            with lock:
                inside.add(name)
            counts.append(synthesizer.tts(LONG).size)
            with lock:
                inside.discard(name)

    threads = [threading.Thread(target=speak, args=(i,)) for i in range(2)]
    for t in threads:
        t.start()
    ticks = 0
    while any(t.is_alive() for t in threads):
        with lock:
            most.append(len(inside))
        ticks += 1
        time.sleep(0.001)
    assert len(set(counts)) == 1 and len(counts) == 4
    assert ticks > 20 and most.count(2) > 10  # were the GIL held, this loop would see the gaps between calls alone


def test_close_ends_calls(synthesizer):
    one = EmotiVoiceSynthesizer(threads=1, workers=1)
    errors, begun = [], threading.Event()

    def speak():
        begun.set()
        try:
            while True:
                one.tts(LONG * 60)
        except (emotivoice.CanceledError, ValueError) as e:
            errors.append(e)

    thread = threading.Thread(target=speak)
    thread.start()
    begun.wait()
    time.sleep(0.1)
    one.close()
    thread.join(60)
    assert not thread.is_alive() and len(errors) == 1
    one.close()
    for call in (lambda: one.tts("Hello."), lambda: one.voices, lambda: one.sample_rate, lambda: one.stream("Hello.")):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_async(synthesizer):
    async def run():
        waves = await asyncio.gather(*[synthesizer.tts_async(f"Number {i}.") for i in range(4)])
        pieces = [piece async for piece in synthesizer.stream_async(LONG[:200])]
        batch = await synthesizer.tts_batch_async(["Number 1."])
        return waves, pieces, batch

    waves, pieces, batch = asyncio.run(run())
    assert np.array_equal(waves[1], batch[0])
    assert np.array_equal(np.concatenate(pieces), synthesizer.tts(LONG[:200]))


def test_memory_is_given_back(synthesizer):
    """Results and requests do not stay: many calls take no more memory than few."""
    def resident():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * 4096

    text = "A sentence of some length, so that its samples would be seen."
    for _ in range(20):
        synthesizer.tts(text)
    before = resident()
    for i in range(80):
        synthesizer.tts(text)
        with pytest.raises(emotivoice.NotFoundError):
            synthesizer.tts(text, emotion="nothing")
    size = synthesizer.tts(text).nbytes
    assert resident() - before < 20 * size, "of 80 results' memory a quarter is still there"
