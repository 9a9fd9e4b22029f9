"""HiFi-GAN generator (Kong et al. 2020, arXiv 2010.05646) with an optional harmonic source (neural source-filter,
Wang et al. 2019, arXiv 1904.12088): log-mel and F0 per frame in, samples out.

`resblock` "1" and "2" are the paper's two kinds; V1, V2 and V3 are configurations. Names are the paper's code's, plus
`source_mix` and `noise_convs`. The source has two channels per sample: a learned mix of the first harmonics of F0
(silent where unvoiced), and noise. Each stage adds it through a strided convolution.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

SLOPE = 0.1
DEFAULT = dict(mels=80, sample_rate=16000, channels=128, rates=[8, 8, 4], kernels=[16, 16, 8], resblock="2",
               res_kernels=[3, 7], res_dilations=[[1, 3], [1, 3]], pre_kernel=7, post_kernel=7, post_slope=0.01,
               harmonics=8)


def same(kernel, dilation=1):
    return (kernel - 1) * dilation // 2


class ResBlock1(nn.Module):
    def __init__(self, c, k, dilations):
        super().__init__()
        self.convs1 = nn.ModuleList(nn.Conv1d(c, c, k, dilation=d, padding=same(k, d)) for d in dilations)
        self.convs2 = nn.ModuleList(nn.Conv1d(c, c, k, padding=same(k)) for _ in dilations)

    def forward(self, x):
        for one, two in zip(self.convs1, self.convs2):
            x = x + two(F.leaky_relu(one(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class ResBlock2(nn.Module):
    def __init__(self, c, k, dilations):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv1d(c, c, k, dilation=d, padding=same(k, d)) for d in dilations)

    def forward(self, x):
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, SLOPE))
        return x


def phase_turns(f0, hop, rate):
    """F0 [B,T] at frame centres -> phase in turns [B,T*hop] (float64) and voicing [B,T*hop].

    F0 is linear between the centres of voiced neighbours, constant beside an unvoiced one. Sample i of frame t lies at
    t*hop + i, the centre of frame t at t*hop + hop/2. The C engine computes the same closed form per centre interval.
    """
    b, frames = f0.shape
    f = f0.double()
    left = torch.cat([f[:, :1], f], dim=1)
    right = torch.cat([f, f[:, -1:]], dim=1)
    left, right = torch.where(left > 0, left, right), torch.where(right > 0, right, left)
    step = hop * (left + right) / 2 / rate  # turns per interval between centres; interval 0 ends at centre 0
    start = torch.cumsum(step, dim=1) - step
    i = torch.arange(hop, device=f0.device, dtype=torch.float64)
    ramp = (left[..., None] * i + (right - left)[..., None] * i * i / (2 * hop)) / rate
    phase = (start[..., None] + ramp).reshape(b, -1)[:, hop // 2: hop // 2 + frames * hop]
    voiced = (f0 > 0).float().repeat_interleave(hop, dim=1)
    return phase, voiced


class Generator(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        c = self.config = dict(DEFAULT, **(config or {}))
        ch = c["channels"]
        self.hop = 1
        for r in c["rates"]:
            self.hop *= r
        self.conv_pre = nn.Conv1d(c["mels"], ch, c["pre_kernel"], padding=same(c["pre_kernel"]))
        block = ResBlock1 if c["resblock"] == "1" else ResBlock2
        self.ups, self.resblocks, self.noise_convs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        left = self.hop
        for rate, kernel in zip(c["rates"], c["kernels"]):
            self.ups.append(nn.ConvTranspose1d(ch, ch // 2, kernel, rate, padding=(kernel - rate) // 2))
            ch //= 2
            left //= rate
            if c["harmonics"]:
                # 2*left samples seen per output (1 where no stride is left), centred on it
                self.noise_convs.append(nn.Conv1d(2, ch, 2 * left if left > 1 else 1, stride=left, padding=left // 2))
            for k, d in zip(c["res_kernels"], c["res_dilations"]):
                self.resblocks.append(block(ch, k, d))
        self.conv_post = nn.Conv1d(ch, 1, c["post_kernel"], padding=same(c["post_kernel"]))
        if c["harmonics"]:
            self.source_mix = nn.Linear(c["harmonics"], 1)
            nn.init.constant_(self.source_mix.bias, 0.0)
            nn.init.constant_(self.source_mix.weight, 1.0 / c["harmonics"])

    def source(self, f0, noise):
        """f0 [B,T] Hz, noise [B,T*hop] uniform in -1..1 -> [B,2,T*hop]."""
        c = self.config
        phase, voiced = phase_turns(f0, self.hop, c["sample_rate"])
        n = torch.arange(1, c["harmonics"] + 1, device=f0.device, dtype=torch.float64)
        turns = phase[..., None] * n
        sines = torch.sin(2 * torch.pi * (turns - torch.floor(turns)).float())
        # a harmonic above Nyquist would alias: leave it out
        f_sample = f0.repeat_interleave(self.hop, dim=1)
        sines = sines * (f_sample[..., None] * n.float() < c["sample_rate"] / 2)
        mixed = torch.tanh(self.source_mix(sines).squeeze(2)) * voiced
        return torch.stack([mixed, noise], dim=1)

    def forward(self, mel, f0=None, noise=None):
        """mel [B,T,mels] -> [B,T*hop]."""
        c = self.config
        x = self.conv_pre(mel.transpose(1, 2))
        source = self.source(f0, noise) if c["harmonics"] else None
        kinds = len(c["res_kernels"])
        for i, up in enumerate(self.ups):
            x = up(F.leaky_relu(x, SLOPE))
            if source is not None:
                x = x + self.noise_convs[i](source)
            x = sum(self.resblocks[i * kinds + j](x) for j in range(kinds)) / kinds
        x = self.conv_post(F.leaky_relu(x, c["post_slope"]))
        return torch.tanh(x).squeeze(1)
