"""The acoustic model of the default voice: symbols in; token features, durations, F0 and energy out. No mel in between.

The layers are hibari-tts's (PyPI, Apache-2.0), whose weights it can start from; ours are the speaker and the emotion: one vector
that shifts what durations are read from, and scales and shifts every block of the prosody.

    symbols -> text (width 128) ------------------------------> features per symbol, repeated per frame --> vocoder
            -> prosody text (192) + condition -> durations                                             `--> (frames of 12.5 ms)
                         `-> repeated per two frames -> 6 ConvNeXt blocks -> log F0 about the median, energy, voicing
"""
import torch
from torch import nn
from torch.nn import functional as F

EMOTIONS = ["neutral", "calm", "happy", "excited", "sad", "angry", "surprised", "fearful"]
DEFAULT = dict(family="convnext", symbols=178, text_width=128, text_passes=4, width=192, passes=6, heads=2, text_kernel=5, kernel=7,
               dilations=[1, 2, 4, 1, 2, 4], speaker=256, emotions=EMOTIONS)
EPS = 1e-5
ENERGY_UNIT = 5.0  # the teacher's units in one of ours
PAIR = 2           # frames that the prosody makes at once


class Block(nn.Module):
    """ConvNeXt (Liu et al. 2022, arXiv 2201.03545) in one dimension: depthwise convolution, layer norm, two linear layers, residual.
    The condition scales and shifts what the norm gives."""

    def __init__(self, width, hidden, kernel, dilation=1, condition=0):
        super().__init__()
        self.dw = nn.Conv1d(width, width, kernel, padding=kernel // 2 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.pw1, self.pw2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.gamma = nn.Parameter(torch.full((width,), 0.1))
        if condition:
            self.film = nn.Linear(condition, 2 * width)
            nn.init.zeros_(self.film.weight), nn.init.zeros_(self.film.bias)

    def forward(self, x, condition=None, mask=None):  # [B, width, T], [B, condition], [B, 1, T] -> [B, width, T]
        y = self.norm(self.dw(x if mask is None else x * mask).transpose(1, 2))
        if condition is not None:
            scale, shift = self.film(condition)[:, None].chunk(2, -1)
            y = y * (1 + scale) + shift
        return x + (self.gamma * self.pw2(F.gelu(self.pw1(y)))).transpose(1, 2)


class Text(nn.Module):
    """Symbols to features: two ConvNeXt blocks, one attention layer (norm first) applied `passes` times with the same weights, a norm."""

    def __init__(self, symbols, width, passes, heads, kernel):
        super().__init__()
        self.passes, self.emb = passes, nn.Embedding(symbols, width)
        self.convs = nn.ModuleList(Block(width, 2 * width, kernel) for _ in range(2))
        self.attn = nn.TransformerEncoderLayer(width, heads, 2 * width, 0.0, activation="gelu", batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(width, eps=EPS)

    def forward(self, ids, mask):  # [B, L], true where real -> [B, L, width]
        x, m = self.emb(ids).transpose(1, 2), mask[:, None].float()
        for block in self.convs:
            x = block(x, mask=m)
        x, pad = x.transpose(1, 2), None if mask.all() else ~mask
        for _ in range(self.passes):
            x = self.attn(x, src_key_padding_mask=pad)
        return self.norm(x)


class Prosody(nn.Module):
    def __init__(self, c):
        super().__init__()
        w, condition = c["width"], c["speaker"] + len(c["emotions"])
        self.text = Text(c["symbols"], w, c["passes"], c["heads"], c["text_kernel"])
        self.condition = nn.Linear(condition, w)
        nn.init.zeros_(self.condition.weight), nn.init.zeros_(self.condition.bias)
        self.dur = nn.ModuleList([nn.Conv1d(w, w, 3, padding=1), nn.GELU(), nn.Conv1d(w, 1, 1)])
        self.pro_in = nn.Conv1d(w, w, 1)
        self.pro = nn.ModuleList(Block(w, 2 * w, c["kernel"], d, condition) for d in c["dilations"])
        self.pro_out = nn.Conv1d(w, 3 * PAIR, 1)  # of two frames: log F0 about the median, energy, voicing

    def tokens(self, ids, mask, condition):
        """-> hidden [B, L, width], log(1 + frames) [B, L]."""
        x = self.text(ids, mask) + self.condition(condition)[:, None]
        y = x.transpose(1, 2) * mask[:, None]
        for layer in self.dur:
            y = layer(y)
        return x, y[:, 0]

    def frames(self, hidden, condition, mask=None):
        """hidden of every second frame [B, P, width] -> log F0 about the median, energy, voicing (logit), each [B, 2 P]."""
        x = self.pro_in(hidden.transpose(1, 2))
        for block in self.pro:
            x = block(x, condition, mask)
        y = self.pro_out(x).transpose(1, 2)  # [B, P, 6]
        return [part.reshape(len(y), -1) for part in y.split(PAIR, -1)]


class Acoustic(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        c = self.config = dict(DEFAULT, **(config or {}))
        self.text = Text(c["symbols"], c["text_width"], c["text_passes"], c["heads"], c["text_kernel"])
        self.pn = Prosody(c)

    @torch.no_grad()
    def infer(self, ids, speaker, median_hz, emotions, speed=1.0, pitch_scale=1.0):
        """One sentence, as the engine does it: symbols [L] -> features [T, text width], f0 [T] (Hz, 0 unvoiced), energy [T], durations [L]."""
        mask, condition = torch.ones(1, len(ids), dtype=torch.bool), torch.cat([speaker, emotions])[None]
        features = self.text(ids[None], mask)[0]
        hidden, log_frames = self.pn.tokens(ids[None], mask, condition)
        ends = torch.round(torch.cumsum((torch.exp(log_frames[0].double()) - 1).clamp(min=0) / speed, 0)).long()
        durations = torch.diff(ends, prepend=ends.new_zeros(1))
        owner = torch.repeat_interleave(torch.arange(len(ids)), durations)
        frames = len(owner)
        f0, energy, voicing = (x[0, :frames] for x in self.pn.frames(hidden[:, owner[::PAIR]], condition))
        f0 = torch.where(voicing > 0, median_hz * pitch_scale * torch.exp(f0), torch.zeros(()))
        return features[owner], f0, energy * ENERGY_UNIT, durations
