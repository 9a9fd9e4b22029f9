"""What happens to speech between a mouth and a file, at random: rooms, noise, microphones, telephones, codecs, clipping.

    Disturber(rng, others)(wav)   # float at 16 kHz, as long as before

`others` gives a waveform that talks behind (or None). About one in six stays as it is.
"""
from __future__ import annotations

import io

import numpy as np
import soundfile
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import resample_poly

RATE = 16000
BANDS_HZ = np.array([60, 120, 250, 500, 1000, 2000, 3400, 5000, 8000])
# (format, subtype, rate, options): 8 kHz is the telephone's
CODECS = [("MP3", "MPEG_LAYER_III", 16000, dict(compression_level=0.5, bitrate_mode="CONSTANT")),
          ("MP3", "MPEG_LAYER_III", 16000, dict(compression_level=0.8, bitrate_mode="CONSTANT")),
          ("OGG", "VORBIS", 16000, dict(compression_level=0.9)), ("WAV", "ULAW", 8000, {}), ("WAV", "GSM610", 8000, {}),
          ("WAV", "G721_32", 8000, {}), ("WAV", "IMA_ADPCM", 16000, {}), ("G722", "", 16000, {})]


def power(wav):
    return float(np.mean(np.square(wav))) + 1e-12


def as_long(wav, count):
    return np.pad(wav, (0, max(0, count - len(wav))))[:count]


def room(wav, seconds, direct_db, rng):
    """Convolved with a synthetic response: a direct sound, a few early echoes, and noise that falls by 60 dB in `seconds`."""
    count = int(min(seconds, 0.8) * RATE)
    tail = rng.normal(0, 1, count) * 10 ** (-3 * np.arange(count) / (seconds * RATE))
    tail[:rng.integers(16, 160)] = 0.0
    # air and walls take the treble first
    tail = np.convolve(tail, np.array([1, rng.uniform(0, 0.9)]))[:count]
    for at in rng.integers(20, 600, 5):
        tail[at % count] += rng.normal(0, 2.0)
    response = tail / np.sqrt((tail**2).sum() + 1e-12) * 10 ** (-direct_db / 20)
    response[0] = 1.0
    size = next_fast_len(len(wav) + count)
    return irfft(rfft(wav, size) * rfft(response, size), size)[:len(wav)]


def coloured(count, rng):
    """Noise of power 1 whose spectrum falls or rises at random, with humps."""
    size = next_fast_len(count)
    hz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 40.0)
    curve = rng.uniform(-6, 1) * np.log2(hz / 1000) + np.interp(np.log(hz), np.log(BANDS_HZ), rng.normal(0, 4, len(BANDS_HZ)))
    noise = irfft(rfft(rng.normal(0, 1, size)) * 10 ** (curve / 20), size)[:count]
    return noise / np.sqrt(power(noise))


def filtered(wav, gains_db, low_hz, high_hz):
    """A smooth equalisation, and edges of a few hundred Hz (an octave for the low one) where the band ends."""
    size = next_fast_len(len(wav) + 2048)
    hz = np.maximum(np.fft.rfftfreq(size, 1 / RATE), 20.0)
    curve = np.interp(np.log(hz), np.log(BANDS_HZ), gains_db)
    if low_hz:
        curve = curve - np.clip(24 * np.log2(low_hz / hz), 0, 60)
    if high_hz:
        curve = curve - np.clip((hz - high_hz) / 300 * 60, 0, 80)
    return irfft(rfft(wav, size) * 10 ** (curve / 20), size)[:len(wav)]


def g722(wav):
    from G722 import G722
    codes = G722(RATE, 64000).encode(np.round(wav * 32767).astype(np.int16))
    return np.asarray(G722(RATE, 64000).decode(codes), np.float64) / 32768


def coded(wav, codec):
    """Through an encoder and its decoder, at the codec's rate."""
    container, subtype, rate, options = codec
    loud = np.abs(wav).max() + 1e-9
    sent = wav * min(1.0, 0.95 / loud)
    if container == "G722":
        return as_long(g722(sent), len(wav))
    if rate != RATE:
        sent = resample_poly(sent, rate, RATE)
    file = io.BytesIO()
    soundfile.write(file, sent, rate, format=container, subtype=subtype, **options)
    file.seek(0)
    heard = soundfile.read(file)[0]
    return as_long(resample_poly(heard, RATE, rate) if rate != RATE else heard, len(wav))


class Disturber:
    def __init__(self, rng, others=None):
        self.rng, self.others = rng, others

    def chance(self, share):
        return self.rng.random() < share

    def __call__(self, wav):
        rng, wav = self.rng, np.asarray(wav, np.float64)
        if self.chance(0.12):
            return wav
        if self.chance(0.4):
            wav = room(wav, rng.uniform(0.12, 0.7), rng.uniform(-2, 12), rng)
        if self.chance(0.6):
            wav = wav + self.noise(len(wav)) * np.sqrt(power(wav) * 10 ** (-rng.uniform(8, 40) / 10))
        narrow = self.chance(0.45)
        wav = filtered(wav, rng.normal(0, rng.uniform(0, 5), len(BANDS_HZ)) if self.chance(0.7) else np.zeros(len(BANDS_HZ)),
                       rng.uniform(60, 350) if self.chance(0.35) else 0, rng.uniform(3300, 7500) if narrow else 0)
        wav = wav / np.sqrt(power(wav)) * 10 ** rng.uniform(-2.2, -0.8)
        if self.chance(0.1):
            edge = np.quantile(np.abs(wav), rng.uniform(0.98, 0.999)) + 1e-6
            wav = np.clip(wav, -edge, edge)
        if self.chance(0.35):
            wav = coded(wav, CODECS[rng.integers(len(CODECS))])
        return wav

    def noise(self, count):
        """Of power 1: coloured, sometimes somebody in the distance with it."""
        noise = coloured(count, self.rng)
        other = self.others() if self.others and self.chance(0.2) else None
        if other is None or power(other) < 1e-9:
            return noise
        other = np.resize(np.asarray(other, np.float64), count)
        mixed = noise * self.rng.uniform(0.1, 1) + room(other / np.sqrt(power(other)), 0.5, -3, self.rng)
        return mixed / np.sqrt(power(mixed)) * 0.5
