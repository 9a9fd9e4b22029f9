"""Reads a packed model file back into PyTorch, to start training from it or to use its networks (export.py writes them).

    model = Packed("models/emotivoice-default.safetensors")
    network = model.network("acoustic")             # to use
    model.start("acoustic", other)                  # to train further
    model.start("acoustic", text_encoder, "text.")  # a part of it
"""
from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from . import acoustic, convnext, spectral, vocoder
from .dataset import VECTOR_GAIN
from .speaker import SpeakerEncoder

PREFIXES = {"acoustic": "am", "vocoder": "generator", "speaker": "speaker"}
FAMILIES = {("acoustic", "convnext"): convnext.Acoustic, ("vocoder", "istft"): spectral.Generator,
            ("acoustic", "fastspeech2"): acoustic.Acoustic, ("vocoder", "hifigan"): vocoder.Generator, ("speaker", "ecapa"): SpeakerEncoder}
FIRST_FAMILIES = {"acoustic": "fastspeech2", "vocoder": "hifigan", "speaker": "ecapa"}  # of files that name none


def conditioned(key: str) -> bool:
    """A matrix whose first columns take the speaker vector."""
    return key.endswith(("film.weight", "condition.weight"))


def scaled(key: str, value: torch.Tensor, emotions: int, gain: float) -> torch.Tensor:
    """Training sees speaker vectors at VECTOR_GAIN, the engine at one: the columns that take them carry the difference."""
    if not conditioned(key):
        return value
    speaker = value.shape[1] - emotions
    return torch.cat([value[:, :speaker] * gain, value[:, speaker:]], 1)


def read_model(path) -> tuple[dict, dict]:
    """(configuration, tensors as they are stored) of a model file; None for a configuration that is not there."""
    with safe_open(str(path), "pt") as file:
        return json.loads((file.metadata() or {}).get("emotivoice", "null")), {key: file.get_tensor(key) for key in file.keys()}


def write_model(path, config: dict, tensors: dict) -> None:
    save_file({key: value.contiguous() for key, value in tensors.items()}, str(path), metadata={"emotivoice": json.dumps(config, ensure_ascii=False)})


class Packed:
    """Configuration and tensors (float32) of a model file."""

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.exists():
            raise SystemExit(f"{path} is missing: give --from a model file, e.g. models/emotivoice-default.safetensors")
        try:
            self.config, stored = read_model(path)
        except Exception as error:  # safetensors raises a type of its own per kind of damage
            raise SystemExit(f"{path} cannot be read as a model: {error}")
        if not self.config:
            raise SystemExit(f"{path} is a safetensors file, but not an emotivoice model")
        self.tensors = {key: value.float() for key, value in stored.items()}

    def family(self, name: str) -> str:
        return self.config[name].get("family", FIRST_FAMILIES[name])

    def weights(self, name: str) -> dict:
        """State dict of a network. Batch norms' counters, which the file leaves out, are the caller's: strict=False."""
        prefix = PREFIXES[name] + "."
        return {key[len(prefix):]: value for key, value in self.tensors.items() if key.startswith(prefix)}

    def network(self, name: str) -> torch.nn.Module:
        """The network with its weights, in eval mode; it takes unit speaker vectors."""
        network = FAMILIES[name, self.family(name)](self.config[name])
        self._load(name, network, self.weights(name))
        return network.eval()

    def start(self, name: str, network: torch.nn.Module, part: str = "") -> None:
        """Loads weights into a network that is trained further, or into the part of it whose names begin so."""
        known = {"acoustic": "convnext", "vocoder": "istft", "speaker": "ecapa"}[name]
        if self.family(name) != known:
            raise SystemExit(f"{self.path}: its {name} network is of the family {self.family(name)}; {known} is what is trained here")
        emotions = len(self.config["acoustic"].get("emotions", []))
        weights = {key: scaled(key, value, emotions, 1 / VECTOR_GAIN) for key, value in self.weights(name).items()}
        self._load(name, network, {key[len(part):]: value for key, value in weights.items() if key.startswith(part)})

    def _load(self, name, network, weights):
        try:
            missing, extra = network.load_state_dict(weights, strict=False)
        except RuntimeError as error:  # sizes
            raise SystemExit(f"{self.path}: weights of the {name} network do not fit: {str(error)[:200]}")
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing or extra:
            raise SystemExit(f"{self.path}: weights of the {name} network do not fit: {', '.join(missing + extra)[:200]}")

    def voice(self, name: str):
        """(entry, vector) of a named voice, or None."""
        for entry, vector in zip(self.config["voices"], self.tensors["voices.vectors"]):
            if entry["name"] == name:
                return entry, vector
        return None
