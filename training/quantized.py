"""What int8 makes of a network: the same numbers as the engine's quantised layers (src/compute/compute.h), in float.

    quantize(generator)        # its large layers, in place, as spectral_load.c has them

A layer's weights are rounded to 127 steps of the largest of each output, pairs of neighbours' sums among them, and its inputs, those of all
taps of a convolution together, to 127 steps of each row's largest. Integers of that size and their sums are exact in double.
"""
from __future__ import annotations

import torch
from torch import nn

LEAST, MOST = 1e-30, 127.0


def steps(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of whole numbers -127..127, and what one is worth in each."""
    largest = x.abs().amax(-1, keepdim=True)
    some = largest > LEAST
    turns = torch.where(some, MOST / largest.clamp(min=LEAST), 0)
    return torch.round(x * turns), torch.where(some, largest / MOST, 0)


class Int8(nn.Module):
    """In place of a Linear [.., ci] or a Conv1d [B, ci, T] of "same" padding."""

    def __init__(self, layer: nn.Linear | nn.Conv1d):
        super().__init__()
        self.conv, self.bias = isinstance(layer, nn.Conv1d), layer.bias.detach()
        weight = layer.weight.detach()
        if self.conv:
            assert layer.stride == (1,) and layer.dilation == (1,) and layer.groups == 1
            self.padding, weight = layer.padding[0], weight.transpose(1, 2).flatten(1)
        pairs = nn.functional.pad(weight, (0, weight.shape[1] % 2)).unflatten(1, (-1, 2)).sum(-1)
        largest = torch.cat([weight, pairs], 1).abs().amax(-1, keepdim=True)
        self.scale = torch.where(largest > LEAST, largest / MOST, 0)
        self.weight = torch.round(weight / self.scale.clamp(min=LEAST / MOST))

    def forward(self, x):
        if self.conv:
            taps = 2 * self.padding + 1
            x = nn.functional.pad(x, (self.padding, self.padding)).unfold(2, taps, 1).permute(0, 2, 3, 1).flatten(2)
        q, scale = steps(x)
        sums = (q.double() @ self.weight.double().T).float()
        y = torch.addcmul(self.bias, sums * scale, self.scale[:, 0])
        return y.transpose(1, 2) if self.conv else y


def quantize(generator) -> None:
    """spectral.Generator: all layers but what its condition makes of the norms."""
    generator.dec_in, generator.head = Int8(generator.dec_in), Int8(generator.head)
    for block in generator.dec:
        block.pw1, block.pw2 = Int8(block.pw1), Int8(block.pw2)
