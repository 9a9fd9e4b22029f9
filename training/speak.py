"""Speaks held-out sentences with networks in training, for listen.py to judge: which checkpoint is understood best?

python -m training.speak --work DIR --out FOLDER [--sentences 4] [--voices ava,mei] [--prosody teacher]
-> FOLDER/*.wav, FOLDER/list.tsv (wav, language, text)

--prosody teacher takes durations, F0 and energy from the teacher: what is heard then is the vocoder alone.
"""
import argparse
from pathlib import Path

import numpy as np
import torch

from . import corpus, needs
from .convnext import EMOTIONS, Acoustic
from .dataset import RATE, VECTOR_GAIN
from .front import Front
from .spectral import Generator, noise, sources
from .teacher import emotions, make, speakers, symbols


class Student:
    """The networks as they are in DIR."""

    def __init__(self, work):
        self.acoustic, self.generator = Acoustic().eval(), Generator().eval()
        sound = torch.load(Path(work) / "vocoder" / "last.pt", map_location="cpu", weights_only=True)["parts"]
        self.acoustic.text.load_state_dict(sound["text"])
        self.generator.load_state_dict(sound["model"])
        prosody = Path(work) / "acoustic" / "last.pt"
        if prosody.exists():
            self.acoustic.pn.load_state_dict(torch.load(prosody, map_location="cpu", weights_only=True)["parts"]["model"])

    @torch.no_grad()
    def say(self, token_ids, vector, weights, median, labels=None, seed=1):
        """Samples of one sentence; labels: durations, f0 and energy to keep to."""
        ids = torch.tensor(symbols.expand(token_ids)[0])
        vector, weights = torch.from_numpy(vector * VECTOR_GAIN).float(), torch.from_numpy(weights)
        if labels is None:
            features, f0, energy, _ = self.acoustic.infer(ids, vector, median, weights)
        else:
            features = self.acoustic.text(ids[None], torch.ones(1, len(ids), dtype=torch.bool))[0]
            features = features[torch.repeat_interleave(torch.arange(len(ids)), torch.from_numpy(labels["durations"].astype(np.int64)))]
            f0, energy = torch.from_numpy(labels["f0"]), torch.from_numpy(labels["energy"])
        spectra = self.generator.spectra(features[None], f0[None], energy[None], torch.cat([vector, weights])[None])
        hiss = torch.from_numpy(noise(seed, len(f0)))[None]
        return self.generator.wave(spectra, *sources(f0.numpy(), seed), hiss)[0].numpy()


def main():
    import soundfile
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--work", type=Path, default=Path("build/training"))
    p.add_argument("--build", type=Path, default=Path("build"))
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--sentences", type=int, default=4, help="a voice and language")
    p.add_argument("--voices", help="comma-separated; default all named ones")
    p.add_argument("--emotion", default="neutral", choices=EMOTIONS)
    p.add_argument("--prosody", choices=["own", "teacher"], default="own")
    a = p.parse_args()
    torch.set_num_threads(1)
    front, student, vectors = Front(a.build), Student(a.work), needs.vectors(a.work)
    maker = make.Maker(a.work, 1, sound=False) if a.prosody == "teacher" else None
    medians = needs.medians(a.work) if a.prosody == "own" else {}
    weights = np.zeros(len(EMOTIONS), np.float32)
    weights[EMOTIONS.index(a.emotion)] = 1
    a.out.mkdir(parents=True, exist_ok=True)
    chosen = [s for s in speakers.NAMED if not a.voices or s.name in a.voices.split(",")]
    with open(a.out / "list.tsv", "w", encoding="utf-8") as listed:
        for language in ("zh", "en"):
            texts = corpus.load(a.work, language, "test")
            for k, speaker in enumerate(chosen):
                for i in range(a.sentences):
                    text = texts[(k * a.sentences + i) % len(texts)]
                    token_ids = front(text, language)[0]
                    labels = maker.labels(token_ids, text, language, speaker, emotions.EMOTIONS[a.emotion], front)[0] if maker else None
                    wav = student.say(token_ids, vectors[f"speaker:{speaker.name}"], weights, medians.get(speaker.name, speaker.pitch), labels)
                    path = a.out / f"{speaker.name}_{language}_{i}.wav"
                    soundfile.write(path, wav, RATE)
                    listed.write(f"{path}\t{language}\t{text}\n")


if __name__ == "__main__":
    main()
