"""ECAPA-TDNN speaker encoder (Desplanques et al. 2020, arXiv 2005.07143) in the layout of SpeechBrain's published
checkpoint: the same modules, names and shapes, so that those weights fit our engine and ours fit theirs.

Input [batch, time, 80] log-mel (features.fbank), output [batch, embedding] (not normalised).
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

DEFAULT = dict(bins=80, channels=[192, 192, 192, 192, 576], kernels=[5, 3, 3, 3, 1], dilations=[1, 2, 3, 4, 1],
               attention=64, squeeze=64, res2net_scale=4, embedding=256)


class _Wrapped(nn.Module):
    """Holds a layer one level down, as the published names have it (conv.conv.weight, norm.norm.weight)."""

    def __init__(self, name, layer):
        super().__init__()
        self.add_module(name, layer)
        self._inner = name

    def forward(self, x):
        return getattr(self, self._inner)(x)


def conv(cin, cout, kernel=1, dilation=1):
    pad = dilation * (kernel - 1) // 2
    return _Wrapped("conv", nn.Conv1d(cin, cout, kernel, dilation=dilation, padding=pad, padding_mode="reflect"))


class TdnnBlock(nn.Module):
    def __init__(self, cin, cout, kernel, dilation):
        super().__init__()
        self.conv = conv(cin, cout, kernel, dilation)
        self.norm = _Wrapped("norm", nn.BatchNorm1d(cout))

    def forward(self, x):
        return self.norm(F.relu(self.conv(x)))


class Res2NetBlock(nn.Module):
    def __init__(self, channels, scale, kernel, dilation):
        super().__init__()
        width = channels // scale
        self.scale = scale
        self.blocks = nn.ModuleList(TdnnBlock(width, width, kernel, dilation) for _ in range(scale - 1))

    def forward(self, x):
        parts = x.chunk(self.scale, dim=1)
        out = [parts[0]]
        for i, block in enumerate(self.blocks):
            out.append(block(parts[i + 1] if i == 0 else parts[i + 1] + out[-1]))
        return torch.cat(out, dim=1)


class SeBlock(nn.Module):
    def __init__(self, channels, squeeze):
        super().__init__()
        self.conv1 = conv(channels, squeeze)
        self.conv2 = conv(squeeze, channels)

    def forward(self, x):
        s = x.mean(dim=2, keepdim=True)
        return x * torch.sigmoid(self.conv2(F.relu(self.conv1(s))))


class SeRes2NetBlock(nn.Module):
    def __init__(self, channels, scale, squeeze, kernel, dilation):
        super().__init__()
        self.tdnn1 = TdnnBlock(channels, channels, 1, 1)
        self.res2net_block = Res2NetBlock(channels, scale, kernel, dilation)
        self.tdnn2 = TdnnBlock(channels, channels, 1, 1)
        self.se_block = SeBlock(channels, squeeze)

    def forward(self, x):
        return x + self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(x))))


class AttentiveStatistics(nn.Module):
    """Weighted mean and standard deviation over time; the weights see the utterance's own mean and deviation."""

    def __init__(self, channels, attention):
        super().__init__()
        self.tdnn = TdnnBlock(channels * 3, attention, 1, 1)
        self.conv = conv(attention, channels)

    @staticmethod
    def statistics(x, weight):
        mean = (weight * x).sum(dim=2)
        std = torch.sqrt((weight * (x - mean.unsqueeze(2)) ** 2).sum(dim=2).clamp(1e-12))
        return mean, std

    def forward(self, x):
        time = x.shape[2]
        mean, std = self.statistics(x, torch.full_like(x[:, :1], 1.0 / time))
        context = torch.cat([x, mean.unsqueeze(2).expand_as(x), std.unsqueeze(2).expand_as(x)], dim=1)
        weight = torch.softmax(self.conv(torch.tanh(self.tdnn(context))), dim=2)
        return torch.cat(self.statistics(x, weight), dim=1).unsqueeze(2)


class SpeakerEncoder(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        c = self.config = dict(DEFAULT, **(config or {}))
        ch = c["channels"]
        self.blocks = nn.ModuleList([TdnnBlock(c["bins"], ch[0], c["kernels"][0], c["dilations"][0])])
        for i in range(1, len(ch) - 1):
            self.blocks.append(SeRes2NetBlock(ch[i], c["res2net_scale"], c["squeeze"], c["kernels"][i],
                                              c["dilations"][i]))
        self.mfa = TdnnBlock(sum(ch[1:-1]), ch[-1], c["kernels"][-1], c["dilations"][-1])
        self.asp = AttentiveStatistics(ch[-1], c["attention"])
        self.asp_bn = _Wrapped("norm", nn.BatchNorm1d(ch[-1] * 2))
        self.fc = conv(ch[-1] * 2, c["embedding"])

    def forward(self, fbank):
        x = fbank.transpose(1, 2)
        outs = []
        for block in self.blocks:
            x = block(x)
            outs.append(x)
        x = self.mfa(torch.cat(outs[1:], dim=1))
        return self.fc(self.asp_bn(self.asp(x))).squeeze(2)
