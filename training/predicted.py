"""The acoustic model's own mels of the training speech, for a vocoder that will hear no others.

Durations, pitch and energy are the true ones, so that a predicted mel lies frame by frame on its recording; what differs is
the smoothness of a prediction, which the vocoder learns to undo (Kong et al. 2020, section 4.4, fine-tuning).
"""
import json

import numpy as np
import torch

from . import needs
from .acoustic import Acoustic
from .train_acoustic import Vectors, collate, grouped, prepare


def load_acoustic(work):
    """The trained model and its statistics."""
    stats = json.loads(needs.acoustic_statistics(work).read_text())
    model = Acoustic(dropout=0.0)
    model.load_state_dict(torch.load(needs.acoustic(work), map_location="cpu", weights_only=True)["parts"]["model"])
    return model.eval(), stats


@torch.no_grad()
def add_to(items, work, device, precision, frames=6000):
    """Adds item["predicted"] [T, 80] float16 wherever the speaker is known to the acoustic model; returns how many."""
    model, stats = load_acoustic(work)
    model.to(device)
    vectors = Vectors(needs.speaker_vectors(work), items)
    known = [i for i in prepare(items, stats["medians"]) if i["speaker"] in vectors.mean]
    for group in grouped(sorted(known, key=lambda i: len(i["f0"])), frames):
        batch = collate(group, vectors, None, stats, device)
        with torch.autocast(device.type, precision, enabled=precision != torch.float32):
            out = model(batch["tokens"], batch["mask"], batch["speaker"], batch["emotion"], batch["durations"], batch["pitch"],
                        batch["energy"])
        mel = out["mel"].float().cpu().numpy()
        for item, row in zip(group, mel):
            item["predicted"] = row[:len(item["f0"])].astype(np.float16)
    return len(known)
