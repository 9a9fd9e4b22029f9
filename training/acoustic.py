"""Acoustic model of the FastSpeech2 family (Ren et al. 2021, arXiv 2006.04558): phones, a speaker vector and an
emotion vector in; log-mel and F0 per frame out.

Names and structure follow the published EmotiVoice generator's `am.*` (pre-LN FFT blocks, exact GELU, scalar
predictors, Gaussian upsampling), so one C implementation serves both. Ours differs by configuration: vectors of other
sizes, no content vector, pitch on a log scale about the speaker's median, and a head for F0 and voicing per frame,
which drives the vocoder's harmonic source.

Every convolution sees zeros beyond an utterance's ends: masks here, gaps on the one time axis in the engine.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

EMOTIONS = ["neutral", "calm", "happy", "excited", "sad", "angry", "surprised", "fearful"]
DEFAULT = dict(tokens=502, width=192, heads=2, encoder_layers=3, decoder_layers=3, ffn=768, ffn_kernels=[3, 3],
               duration_layers=2, pitch_layers=2, energy_layers=2, predictor_kernel=3, variance_kernel=9, mels=80,
               speaker=128, emotion=32, emotions=EMOTIONS, delta=0.1, eps=1e-5,
               pitch_scale=0.25, pitch_centre=math.log(160.0), energy_mean=0.0, energy_std=1.0)


class ScaledPositions(nn.Module):
    """x + alpha * sinusoid table; the table is a formula, not a weight."""

    def __init__(self, width):
        super().__init__()
        self.alpha = nn.Parameter(torch.tensor(1.0))
        self.width = width

    def forward(self, x):
        t = torch.arange(x.shape[1], dtype=torch.float32, device=x.device).unsqueeze(1)
        rate = torch.exp(torch.arange(0, self.width, 2, device=x.device) * (-math.log(10000.0) / self.width))
        table = torch.stack([torch.sin(t * rate), torch.cos(t * rate)], dim=2).reshape(1, x.shape[1], self.width)
        return x + self.alpha * table


def exact(layer, x):
    """The layer in float32 also where autocast is on: log-mel and log F0 need more than bfloat16's 8 bits."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.float())


class SelfAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(width, width) for _ in range(4))
        self.heads = heads

    def forward(self, x, mask):
        b, t, w = x.shape
        q, k, v = (lin(x).view(b, t, self.heads, -1).transpose(1, 2)
                   for lin in (self.linear_q, self.linear_k, self.linear_v))
        # Written out: for utterances this short the fused function makes a training step on a CPU a tenth slower.
        score = (q @ k.transpose(2, 3)) * (w // self.heads) ** -0.5
        y = score.masked_fill(~mask.bool()[:, None, None, :], float("-inf")).softmax(3).to(v.dtype) @ v
        return self.linear_out(y.transpose(1, 2).reshape(b, t, w))


class FeedForward(nn.Module):
    def __init__(self, width, hidden, kernels, dropout):
        super().__init__()
        self.w_1 = nn.Conv1d(width, hidden, kernels[0], padding=kernels[0] // 2)
        self.w_2 = nn.Conv1d(hidden, width, kernels[1], padding=kernels[1] // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask):
        m = mask[:, None, :]
        h = F.gelu(self.w_1(x.transpose(1, 2) * m)) * m
        return self.w_2(self.dropout(h)).transpose(1, 2)


class Block(nn.Module):
    def __init__(self, c, dropout):
        super().__init__()
        self.self_attn = SelfAttention(c["width"], c["heads"])
        self.feed_forward = FeedForward(c["width"], c["ffn"], c["ffn_kernels"], dropout)
        self.norm1 = nn.LayerNorm(c["width"], eps=c["eps"])
        self.norm2 = nn.LayerNorm(c["width"], eps=c["eps"])
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask):
        x = x + self.dropout(self.self_attn(self.norm1(x), mask))
        return x + self.dropout(self.feed_forward(self.norm2(x), mask))


class Stack(nn.Module):
    def __init__(self, c, layers, dropout):
        super().__init__()
        self.embed = nn.ModuleList([ScaledPositions(c["width"])])
        self.encoders = nn.ModuleList(Block(c, dropout) for _ in range(layers))
        self.after_norm = nn.LayerNorm(c["width"], eps=c["eps"])

    def forward(self, x, mask):
        x = self.embed[0](x)
        for block in self.encoders:
            x = block(x, mask)
        return self.after_norm(x)


class Predictor(nn.Module):
    """One scalar per token: (conv, ReLU, layer norm) x layers, linear."""

    def __init__(self, c, layers, dropout):
        super().__init__()
        k = c["predictor_kernel"]
        self.conv = nn.ModuleList(
            nn.ModuleList([nn.Conv1d(c["width"], c["width"], k, padding=k // 2), nn.ReLU(),
                           nn.LayerNorm(c["width"], eps=c["eps"]), nn.Dropout(dropout)]) for _ in range(layers))
        self.linear = nn.Linear(c["width"], 1)

    def forward(self, x, mask):
        for conv, act, norm, drop in self.conv:
            x = drop(norm(act(conv((x * mask[:, :, None]).transpose(1, 2))).transpose(1, 2)))
        return exact(self.linear, x).squeeze(2) * mask


def upsample(x, durations, delta):
    """Gaussian upsampling: frame t takes softmax_n(-delta (t - centre_n)^2) of the tokens; [B,L,C] -> [B,T,C]."""
    ends = durations.cumsum(1)
    centres = ends - durations / 2.0
    t = torch.arange(int(ends[:, -1].max()), device=x.device, dtype=torch.float32)
    score = -delta * (t[None, :, None] - centres[:, None, :]) ** 2
    return score, centres


class Acoustic(nn.Module):
    def __init__(self, config=None, dropout=0.1):
        super().__init__()
        c = self.config = dict(DEFAULT, **(config or {}))
        w = c["width"]
        self.src_word_emb = nn.Embedding(c["tokens"], w)
        self.emotion_emb = nn.Embedding(len(c["emotions"]), c["emotion"])
        self.encoder = Stack(c, c["encoder_layers"], dropout)
        self.embed_projection1 = nn.Linear(w + c["speaker"] + c["emotion"], w)
        self.duration_predictor = Predictor(c, c["duration_layers"], dropout)
        self.pitch_predictor = Predictor(c, c["pitch_layers"], dropout)
        self.energy_predictor = Predictor(c, c["energy_layers"], dropout)
        k = c["variance_kernel"]
        self.pitch_embed = nn.Sequential(nn.Conv1d(1, w, k, padding=k // 2))
        self.energy_embed = nn.Sequential(nn.Conv1d(1, w, k, padding=k // 2))
        self.decoder = Stack(c, c["decoder_layers"], dropout)
        self.to_mel = nn.Linear(w, c["mels"])
        self.to_f0 = nn.Linear(w, 2)  # log F0 less the upsampled token pitch, in pitch_scale units; voicing logit

    def emotion_vector(self, weights):
        """weights [B, emotions], rows sum to 1 (the rest is neutral)."""
        return weights @ self.emotion_emb.weight

    def encode(self, tokens, mask, speaker, emotion):
        x = self.encoder(self.src_word_emb(tokens), mask)
        cond = torch.cat([speaker, emotion], dim=1)[:, None, :].expand(-1, x.shape[1], -1)
        return self.embed_projection1(torch.cat([x, cond], dim=2))

    def decode(self, x, mask, durations, pitch, energy):
        """pitch: absolute, (log F0 - centre) / scale per token; energy: normalised. -> mel, f0 head, pitch_up, mask."""
        m = mask[:, None, :]
        x = x + self.pitch_embed(pitch[:, None, :] * m).transpose(1, 2) \
              + self.energy_embed(energy[:, None, :] * m).transpose(1, 2)
        score, _ = upsample(x, durations, self.config["delta"])
        weight = torch.softmax(score.masked_fill(~mask.bool()[:, None, :], -1e9), dim=2)
        total = durations.sum(1)
        frame_mask = (torch.arange(score.shape[1], device=x.device)[None, :] < total[:, None])
        y = self.decoder(weight @ x, frame_mask)
        pitch_up = (weight * pitch[:, None, :]).sum(2)  # not a matrix product: those may be in bfloat16
        return exact(self.to_mel, y), exact(self.to_f0, y), pitch_up, frame_mask

    def forward(self, tokens, mask, speaker, emotion_weights, durations, pitch, energy):
        """Teacher-forced. mask [B,L] bool. Returns a dict of predictions."""
        x = self.encode(tokens, mask, speaker, self.emotion_vector(emotion_weights))
        fm = mask.float()
        out = dict(log_duration=self.duration_predictor(x, fm), pitch=self.pitch_predictor(x, fm),
                   energy=self.energy_predictor(x, fm))
        out["mel"], out["f0"], out["pitch_up"], out["frame_mask"] = self.decode(x, mask, durations, pitch, energy)
        return out

    @torch.no_grad()
    def infer(self, tokens, speaker, median_hz, emotion_weights, speed=1.0, pitch_scale=1.0, energy_scale=1.0,
              durations=None):
        """One utterance, ids [L]. Returns mel [T,mels], f0 [T] Hz (0 unvoiced), durations [L]. The reference of C."""
        c = self.config
        mask = torch.ones(1, len(tokens), dtype=torch.bool, device=tokens.device)
        x = self.encode(tokens[None], mask, speaker[None], self.emotion_vector(emotion_weights[None]))
        fm = mask.float()
        if durations is None:
            wanted = torch.clamp(torch.exp(self.duration_predictor(x, fm)[0]) - 1, min=0) / speed
            # Rounding the running sum, not each token, keeps the whole within half a frame of what was asked for.
            ends = torch.round(wanted.double().cumsum(0))
            durations = torch.diff(ends, prepend=ends.new_zeros(1)).long()
        median = (math.log(median_hz) - c["pitch_centre"]) / c["pitch_scale"]
        pitch = self.pitch_predictor(x, fm) + median + math.log(pitch_scale) / c["pitch_scale"]
        energy = self.energy_predictor(x, fm) + math.log(energy_scale) / c["energy_std"]
        mel, head, pitch_up, _ = self.decode(x, mask, durations[None].float(), pitch, energy)
        log_f0 = (head[0, :, 0] + pitch_up[0]) * c["pitch_scale"] + c["pitch_centre"]
        f0 = torch.where(head[0, :, 1] > 0, torch.exp(log_f0), torch.zeros_like(log_f0))
        return mel[0], f0, durations
