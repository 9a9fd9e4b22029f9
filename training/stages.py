"""Where words are lost: word errors of English after each stage on the way from teacher to engine, voice by voice.

python -m training.stages --model models/emotivoice-default.safetensors --voices slt,rms --count 30
python -m training.stages --trained            networks of DIR as far as they are trained, the rest from the model file

A stage takes from the teacher what the stages after it have not replaced yet:
  teacher     the synthesizer itself
  world       analysed and spoken again by WORLD, as virtual speakers are
  vocoder     the vocoder on the teacher's own mel and F0
  mel         and the mel by the acoustic model, from true durations, pitch and energy
  f0          and F0 and voicing by the acoustic model
  all         everything predicted: what a user hears
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from . import corpus, data, features, measures, recogniser, teachers, tokens, virtual
from . import speakers as cast
from .export import NAMED
from .packed import PARTS, Packed
from .train_acoustic import prepare

STAGES = ("teacher", "world", "vocoder", "mel", "f0", "all")
HOP = 256


def spoken_by_teacher(text: str, voice: str, plain: cast.Speaker) -> tuple[dict, np.ndarray]:
    """The untouched utterance as a training item, and its sound through WORLD."""
    base = teachers.speak_english(teachers._engine("flite"), text, voice)
    base.update(text=text, base=voice, language="en", names=tokens.decode(base["tokens"]))
    analysis = virtual.Analysis(base["wav"], voice)
    item = virtual.speak(base, analysis, plain, "neutral", 1.0, raw=True)
    world = virtual.speak(base, analysis, plain, "neutral", 1.0, raw=False)
    wav = item["wav"].astype(np.float32) / 32768
    item.update(mel=features.envelope_mel(wav, item["f0"]), energy=features.energy(wav), degree=1.0)
    return item, world["wav"] / 32768.0


class Voice:
    """The networks, spoken to stage by stage."""

    def __init__(self, model: Path, work: Path | None):
        self.packed = Packed(model)
        self.acoustic, self.vocoder = (self._network(name, work) for name in ("acoustic", "vocoder"))

    def _network(self, name: str, work: Path | None) -> torch.nn.Module:
        network = self.packed.network(name)
        path = work / name / "last.pt" if work else None
        if path and path.exists():
            network = PARTS[name][1](self.packed.config[name]).eval()
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["parts"]["model"])
        return network

    @torch.no_grad()
    def sound(self, mel, f0) -> np.ndarray:
        mel, f0 = (torch.as_tensor(np.asarray(x), dtype=torch.float32)[None] for x in (mel, f0))
        generator = torch.Generator().manual_seed(1)
        noise = torch.rand(1, mel.shape[1] * HOP, generator=generator) * 2 - 1
        return self.vocoder(mel, f0, noise)[0].double().numpy()

    @torch.no_grad()
    def forced(self, item: dict, vector: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Mel and F0 from the teacher's durations, pitch and energy."""
        c = self.acoustic.config
        tensor = lambda x: torch.as_tensor(np.asarray(x), dtype=torch.float32)[None]
        pitch = (tensor(item["token_log_f0"]) - c["pitch_centre"]) / c["pitch_scale"]
        energy = (tensor(item["token_energy"]) - c["energy_mean"]) / c["energy_std"]
        ids = torch.as_tensor(item["tokens"]).long()[None]
        mask = torch.ones_like(ids, dtype=torch.bool)
        x = self.acoustic.encode(ids, mask, vector[None], self.acoustic.emotion_vector(tensor(item["emotion_weights"])))
        mel, head, pitch_up, _ = self.acoustic.decode(x, mask, tensor(item["durations"]), pitch, energy)
        log_f0 = (head[0, :, 0] + pitch_up[0]) * c["pitch_scale"] + c["pitch_centre"]
        return mel[0].numpy(), torch.where(head[0, :, 1] > 0, log_f0.exp(), 0.0 * log_f0).numpy()

    def stages(self, item: dict, world: np.ndarray, vector: torch.Tensor) -> dict[str, np.ndarray]:
        mel, f0 = self.forced(item, vector)
        ids, weights = torch.as_tensor(item["tokens"]).long(), torch.as_tensor(item["emotion_weights"])
        free_mel, free_f0, _ = self.acoustic.infer(ids, vector, item["median"], weights)
        return {"teacher": item["wav"] / 32768.0, "world": world, "vocoder": self.sound(item["mel"], item["f0"]),
                "mel": self.sound(mel, item["f0"]), "f0": self.sound(mel, f0), "all": self.sound(free_mel, free_f0)}


def measure(voice: Voice, base: str, texts: list[str], plain: cast.Speaker) -> dict[str, float]:
    """Word error rate in percent after each stage."""
    name = {row[0]: row[1] for row in NAMED}.get(base, base)
    entry, vector = voice.packed.voice(name)
    listener, wrong, total = recogniser.English(), dict.fromkeys(STAGES, 0), 0
    for text in texts:
        item, world = spoken_by_teacher(text, base, plain)
        [item] = prepare([item], {base: entry["pitch"]})
        wanted = recogniser.words_of(text)
        total += len(wanted)
        for stage, audio in voice.stages(item, world, vector).items():
            wrong[stage] += sum(measures.edits(wanted, listener.hear(audio)))
    return {stage: 100.0 * count / max(1, total) for stage, count in wrong.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("build/training"))
    parser.add_argument("--model", type=Path, default=Path("models/emotivoice-default.safetensors"))
    parser.add_argument("--trained", action="store_true", help="take networks that DIR has trained from there")
    parser.add_argument("--voices", default="slt,rms", help="flite's names of the teachers")
    parser.add_argument("--count", type=int, default=30, help="held-out sentences")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    voice = Voice(options.model, options.work if options.trained else None)
    texts = corpus.load(options.work, "en", "test")[:options.count]
    print("voice    " + "".join(f"{stage:>9}" for stage in STAGES))
    for base in options.voices.split(","):
        plain = cast.Speaker(base, base, "identity")
        rates = measure(voice, base, texts, plain)
        print(f"{base:9}" + "".join(f"{rates[stage]:9.1f}" for stage in STAGES), flush=True)


if __name__ == "__main__":
    main()
