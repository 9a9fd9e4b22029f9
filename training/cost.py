"""What speaking costs: floating-point operations of the networks by a model file's configuration, and CPU seconds as measured.

Operations are PyTorch's own count (torch.utils.flop_counter) on networks built from the configuration: a multiplication and an addition are
two. A second of audio has as many symbols or tokens as Mandarin and English speech has on average. The inverse STFT, which that counter does
not know, is 2.5 N log2 N a transform. Activations, norms and table look-ups are not counted, here or by others who quote such a figure.
"""
from __future__ import annotations

import math

import torch

SECONDS = 4                          # a sentence: attention costs more the longer it is
SYMBOLS_A_SECOND, TOKENS_A_SECOND = 18, 14


def counted(run) -> int:
    """Operations of what run() does."""
    from torch.utils.flop_counter import FlopCounterMode
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one fused operation that the counter does not see into
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return counter.get_total_flops()


def acoustic_gflop(config: dict) -> float:
    """A second of audio, either family."""
    acoustic, vocoder = config["acoustic"], config["vocoder"]
    if acoustic.get("family") == "convnext":
        from .convnext import PAIR, Acoustic
        network, count = Acoustic(acoustic).eval(), SECONDS * SYMBOLS_A_SECOND
        frames = SECONDS * vocoder["sample_rate"] // vocoder["hop"]
        ids, mask = torch.zeros(1, count, dtype=torch.long), torch.ones(1, count, dtype=torch.bool)
        condition = torch.zeros(1, acoustic["speaker"] + len(acoustic["emotions"]))

        def run():
            network.text(ids, mask)
            hidden, _ = network.pn.tokens(ids, mask, condition)
            network.pn.frames(hidden[:, torch.arange(frames // PAIR) % count], condition)
        return counted(run) / SECONDS / 1e9
    from .acoustic import Acoustic
    from .features import HOP
    network, count = Acoustic(acoustic).eval(), SECONDS * TOKENS_A_SECOND
    durations = torch.full((count,), SECONDS * vocoder["sample_rate"] // HOP // count)
    calm = torch.eye(len(acoustic["emotions"]))[0]
    return counted(lambda: network.infer(torch.zeros(count, dtype=torch.long), torch.zeros(acoustic["speaker"]), 150.0, calm,
                                         durations=durations)) / SECONDS / 1e9


def vocoder_gflop(config: dict) -> float:
    c = config["vocoder"]
    if c.get("family") == "istft":
        from .spectral import Generator
        network, frames = Generator(c).eval(), SECONDS * c["sample_rate"] // c["hop"]
        one = counted(lambda: network.spectra(torch.zeros(1, frames, c["features"]), torch.zeros(1, frames), torch.zeros(1, frames),
                                              torch.zeros(1, c["speaker"] + c["emotions"])))
        transforms = (2 + (c.get("parts") == 4)) * frames * 2.5 * c["fft"] * math.log2(c["fft"])  # of pulses and bursts, and back
        return (one + transforms) / SECONDS / 1e9
    from .vocoder import Generator
    network, hop = Generator(c).eval(), math.prod(c["rates"])
    frames = SECONDS * c["sample_rate"] // hop
    f0, noise = torch.full((1, frames), 150.0), torch.zeros(1, frames * hop)
    return counted(lambda: network(torch.zeros(1, frames, c["mels"]), f0, noise)) / SECONDS / 1e9
