"""Reads a packed model file back into PyTorch, to start training from it or to use its networks (export.py writes them).

    model = Packed("models/emotivoice-default.safetensors")
    network = model.network("acoustic")      # to use
    model.start("acoustic", other)           # to train further
"""
from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open

from . import features
from .acoustic import DEFAULT as ACOUSTIC, Acoustic
from .speaker import DEFAULT as SPEAKER, SpeakerEncoder
from .vocoder import DEFAULT as VOCODER, Generator

PARTS = {"acoustic": ("am", Acoustic, ACOUSTIC), "vocoder": ("generator", Generator, VOCODER),
         "speaker": ("speaker", SpeakerEncoder, SPEAKER)}
STATISTICS = ("energy_mean", "energy_std")  # measured on the training data, not sizes


class Packed:
    """Configuration and tensors (float32) of a model file."""

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.exists():
            raise SystemExit(f"{path} is missing: give --from a model file, e.g. models/emotivoice-default.safetensors")
        try:
            with safe_open(str(path), "pt") as file:
                self.config = json.loads((file.metadata() or {}).get("emotivoice", "null"))
                self.tensors = {key: file.get_tensor(key).float() for key in file.keys()}
        except Exception as error:  # safetensors raises a type of its own per kind of damage
            raise SystemExit(f"{path} cannot be read as a model: {error}")
        if not self.config:
            raise SystemExit(f"{path} is a safetensors file, but not an emotivoice model")

    def weights(self, name: str) -> dict:
        """State dict of a network. Batch norms' counters, which the file leaves out, are the caller's: strict=False."""
        prefix = PARTS[name][0] + "."
        return {key[len(prefix):]: value for key, value in self.tensors.items() if key.startswith(prefix)}

    def check_sizes(self, name: str) -> None:
        """The training steps build networks of the default sizes; a model of other sizes or mels cannot be gone on with."""
        defaults, own = PARTS[name][2], self.config[name]
        other = [key for key in defaults if key not in STATISTICS and own.get(key) != defaults[key]]
        if other:
            raise SystemExit(f"{self.path}: its {name} network has another {', '.join(other)} than training/{name}.py: "
                             f"it cannot be trained further")
        if name != "speaker" and self.config.get("mel") != features.DESCRIPTION:
            raise SystemExit(f"{self.path}: its {name} network was taught other mels than features.envelope_mel: it cannot "
                             f"be trained further")

    def network(self, name: str) -> torch.nn.Module:
        """The network with its weights, in eval mode."""
        network = PARTS[name][1](self.config[name])
        self.start(name, network)
        return network.eval()

    def start(self, name: str, network: torch.nn.Module) -> None:
        """Loads the weights into a network."""
        missing, extra = network.load_state_dict(self.weights(name), strict=False)
        missing = [key for key in missing if not key.endswith("num_batches_tracked")]
        if missing or extra:
            raise SystemExit(f"{self.path}: weights of the {name} network do not fit: {', '.join(missing + extra)[:200]}")

    def voice(self, name: str):
        """(entry, vector) of a named voice, or None."""
        for entry, vector in zip(self.config["voices"], self.tensors["voices.vectors"]):
            if entry["name"] == name:
                return entry, vector
        return None
