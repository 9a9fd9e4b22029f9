"""Other voices for the speaker encoder to know apart: more kinds of speech than the dataset has.

`python -m training.variety --work DIR` writes DIR/speaker/variety.npz: people (recorded.py), flite's and espeak-ng's voices (seven languages) and hibari's, each
also played faster and slower, which moves formants and pitch, and so the dataset's own speakers; with Resemblyzer's vectors of all.
Held as one int16 waveform at 16 kHz ("wav", "ends") and rows of "speakers" and "vectors".
"""
from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy.signal import resample_poly

from . import recorded, vectors
from .corpus import load as load_corpus
from .synthesisers import FLITE_VOICES, Espeak, Flite

RATE, STEPS = 16000, 50
SIBLINGS = 43, 45, 47, 53, 56, 59          # fiftieths of the speed: other people out of one
NAMED_KINDS = 6                            # siblings of a speaker with many utterances
PLAYED = 42, 45, 48, 50, 53, 56, 60
VARIANTS = tuple("Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco Mario Michael Mike Nguyen Tweaky adam "
                 "anika antonio aunty belinda benjamin boris caleb david ed edward f1 f2 f3 f4 f5 gustave iven iven3 john klatt klatt3 "
                 "linda m1 m2 m3 m4 m5 m6 m7 m8 marcelo max michel miguel norbert pablo paul pedro quincy rob robert sandro shelby steph "
                 "steph3 travis victor zac".split())
TEXTS = {"en": None, "es": ("Buenos días, ¿en qué puedo ayudarle hoy?", "Marque el número de la extensión, y luego espere la señal."),
         "fr": ("Bonjour, que puis-je faire pour vous aujourd'hui ?", "Veuillez composer le numéro du poste et patienter un moment."),
         "it": ("Buongiorno, come posso aiutarla oggi?", "Inserisca il numero della stanza e poi attenda in linea."),
         "de": ("Guten Tag, was kann ich heute für Sie tun?", "Bitte wählen Sie die Nummer und warten Sie einen Augenblick."),
         "ru": ("Добрый день, чем я могу вам сегодня помочь?", "Пожалуйста, наберите номер и подождите немного."),
         "cmn-latn-pinyin": ("jin1 tian1 tian1 qi4 hen3 hao3 , wo3 men5 qu4 gong1 yuan2 san4 bu4 .",
                             "qing3 shao1 deng3 yi2 xia4 , ta1 ma3 shang4 jiu4 lai2 .")}


def played(wav, rate, steps):
    """The waveform (float) at 16 kHz, steps/50 times as fast and as high."""
    up, down = RATE * STEPS, rate * steps
    common = int(np.gcd(up, down))
    return wav if up == down else resample_poly(wav, up // common, down // common)


def chosen(name, options):
    return options[int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % len(options)]


def of_flite(texts, each):
    synthesiser = Flite()
    for voice in FLITE_VOICES:
        for number, steps in enumerate(PLAYED):
            for text in texts[number::len(PLAYED)][:each]:
                yield f"flite-{voice}*{steps}", played(*synthesiser.speak(text, voice), steps)


def of_espeak(texts, each):
    synthesiser = Espeak()
    for number, variant in enumerate(VARIANTS):
        language, steps = list(TEXTS)[number % len(TEXTS)], PLAYED[number * 3 % len(PLAYED)]
        manner = 160 + number % 5 * 10, 40 + number * 7 % 30, 40 + number * 11 % 50
        for text in (TEXTS[language] or texts[number::len(VARIANTS)])[:each]:
            yield f"espeak-{variant}", played(*synthesiser.speak(text, f"{language}+{variant}", *manner), steps)


def of_hibari(texts, each):
    import hibari
    speak = hibari.Hibari()
    for number, steps in enumerate(PLAYED):
        for text in texts[number::len(PLAYED)][:each]:
            yield f"hibari*{steps}", played(np.asarray(speak(text), np.float64), hibari.SAMPLE_RATE, steps)


def of_dataset(work, training, most):
    """Utterances once more, each as a sibling of its speaker."""
    many, rows = {}, [row for row in vectors.rows(work) if row["split"] == "train" and training(row["speaker"])]
    for row in rows:
        many[row["speaker"]] = many.get(row["speaker"], 0) + 1
    np.random.default_rng(5).shuffle(rows)
    for row in rows[:most]:
        kind = row["name"] if many[row["speaker"]] > 3 * NAMED_KINDS else row["speaker"]
        steps = chosen(kind, SIBLINGS)
        yield f"{row['speaker']}*{steps}", played(vectors.waveform(work, row), vectors.RATE, steps)


def training_sentences(work):
    texts = [text for text in load_corpus(work, "en", "train") if 6 <= len(text.split()) <= 14 and text.isascii()]
    np.random.default_rng(6).shuffle(texts)
    return texts


def main():
    from .train_speaker import is_training
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--each", type=int, default=3, help="sentences a voice")
    parser.add_argument("--people", type=int, default=10, help="stretches of each recorded person, each also at two other speeds")
    parser.add_argument("--siblings", type=int, default=1000, help="utterances of the dataset that are played faster or slower")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    texts, start, listener = training_sentences(a.work), time.time(), vectors.Listener()
    sources = (recorded.voices(a.people, played, SIBLINGS), of_flite(texts, a.each), of_espeak(texts, a.each), of_hibari(texts, 2), of_dataset(a.work, is_training, a.siblings))
    names, wavs, found, waiting = [], [], [], []

    def hear():
        for (name, wav), vector in zip(waiting, listener.vectors([wav for _, wav in waiting], RATE)):
            if vector is not None:
                names.append(name)
                found.append(vector)
                wavs.append(np.round(np.clip(wav / max(1.0, np.abs(wav).max()), -1, 1) * 32767).astype(np.int16))
        waiting.clear()

    for name, wav in (made for source in sources for made in source):
        waiting.append((name, wav))
        if len(waiting) == 32:
            hear()
        if time.time() > start + a.minutes * 60:
            break
    hear()
    out = a.work / "speaker" / "variety.npz"
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.with_suffix(".part"), "wb") as file:
        np.savez(file, wav=np.concatenate(wavs), ends=np.cumsum([len(wav) for wav in wavs]), speakers=np.array(names), vectors=np.stack(found))
    os.replace(out.with_suffix(".part"), out)
    print(f"{out}: {len(wavs)} utterances of {len(set(names))} voices, {sum(map(len, wavs)) / RATE / 60:.0f} minutes", file=sys.stderr)


if __name__ == "__main__":
    main()
