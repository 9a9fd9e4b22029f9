"""Makes tests/golden/*.safetensors: small networks with random weights, inputs, and what PyTorch computes from them.

python -m training.golden --out tests/golden
The C engine must agree to 1e-4 on samples in -1..1 (tests/golden/test_golden.c). tiny.safetensors is a whole model that says
nothing (tiny_mels.safetensors one of the older families), with the default's tokens and emotions: what tests of the service ask
for where arithmetic is slow.
"""
import argparse
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file

from . import convnext, features, spectral, tokens
from .acoustic import Acoustic, EMOTIONS
from .quantized import quantize
from .speaker import SpeakerEncoder
from .teacher import symbols
from .vocoder import Generator

# of the tiny model: names that tests ask for
NAMED = [("slt", "ava", "en", "female, even and clear"), ("rms", "ray", "en", "male, low and calm"),
         ("awb", "angus", "en", "male, Scottish"), ("mei", "mei", "zh", "female, bright"),
         ("lin", "lin", "zh", "male, plain"), ("lan", "lan", "zh", "female, soft"),
         ("yan", "yan", "zh", "female, high"), ("gao", "gao", "zh", "male, full"), ("shi", "shi", "zh", "male, low")]
VOCODERS = {
    "vocoder_ours": dict(mels=20, channels=64, rates=[8, 8, 4], kernels=[16, 16, 8], resblock="2",
                         res_kernels=[3, 7], res_dilations=[[1, 3], [1, 3]], harmonics=8),
    "vocoder_v1": dict(mels=20, channels=64, rates=[8, 8, 2, 2], kernels=[16, 16, 4, 4], resblock="1",
                       res_kernels=[3, 7, 11], res_dilations=[[1, 3, 5]] * 3, harmonics=0),
    "vocoder_v3": dict(mels=20, channels=48, rates=[8, 8, 4], kernels=[16, 16, 8], resblock="2",
                       res_kernels=[3, 5, 7], res_dilations=[[1, 2], [2, 6], [3, 12]], harmonics=0),
}


def save(folder, name, model, prefix, config, extra):
    """model: a network, or its tensors."""
    state = model if isinstance(model, dict) else model.state_dict()
    table = {f"{prefix}.{k}": v.detach().contiguous() for k, v in state.items()
             if not k.endswith("num_batches_tracked")}
    table.update({f"golden.{k}": v.contiguous() for k, v in extra.items()})
    path = Path(folder) / f"{name}.safetensors"
    save_file(table, path, metadata={"config": json.dumps(config)})
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def acoustic(folder):
    torch.manual_seed(1)
    config = dict(tokens=40, width=64, heads=2, encoder_layers=2, decoder_layers=2, ffn=96, ffn_kernels=[3, 1],
                  speaker=24, emotion=8, mels=20, energy_std=0.7)
    model = Acoustic(config).eval()
    with torch.no_grad():
        for p in model.parameters():  # larger than the default start, so that every path matters
            if p.dim() > 1:
                p.mul_(1.5)
        model.duration_predictor.linear.bias.fill_(math.log(5.0))
        model.to_f0.bias.fill_(0.1)
    extra = {}
    for i, length in enumerate((5, 23, 61)):
        ids = torch.randint(0, 40, (length,))
        speaker = torch.nn.functional.normalize(torch.randn(24), dim=0)
        emotions = torch.zeros(len(EMOTIONS))
        emotions[0], emotions[i + 1] = 0.4, 0.6
        numbers = torch.tensor([120.0 + 40 * i, 1.0 + 0.3 * i, 1.0 - 0.1 * i, 1.0 + 0.2 * i])
        mel, f0, durations = model.infer(ids, speaker, float(numbers[0]), emotions, float(numbers[1]),
                                         float(numbers[2]), float(numbers[3]))
        extra.update({f"{i}.tokens": ids.int(), f"{i}.speaker": speaker, f"{i}.emotions": emotions,
                      f"{i}.numbers": numbers, f"{i}.channels": mel, f"{i}.f0": f0, f"{i}.durations": durations.int()})
    save(folder, "acoustic", model, "am", model.config, extra)


def convnext_model(config, seed, table):
    """Random weights, those that training starts at zero too; durations as people's, most frames voiced."""
    torch.manual_seed(seed)
    model = convnext.Acoustic(dict(config, table=table)).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "film" in name or "condition" in name:
                p.copy_(0.1 * torch.randn_like(p))
            elif name.endswith("gamma"):
                p.copy_(0.3 + 0.2 * torch.rand_like(p))
        model.pn.dur[2].weight.mul_(0.5)
        model.pn.dur[2].bias.fill_(math.log(4.0))
        model.pn.pro_out.weight.mul_(0.3)
        model.pn.pro_out.bias[4:] = 0.4
    return model


def acoustic_convnext(folder):
    table = [[3 * i % 37 + k for k in range((2, 1, 0, 3, 1)[i % 5])] for i in range(40)]
    model = convnext_model(dict(symbols=40, text_width=32, text_passes=2, width=64, passes=3, dilations=[1, 2, 4], speaker=24), 5, table)
    extra = {}
    for i, length in enumerate((5, 23, 61)):
        ids = torch.randint(0, 40, (length,))
        owners = torch.tensor([t for t, token in enumerate(ids) for _ in table[token]])
        spelt = torch.tensor([s for token in ids for s in table[token]])
        speaker = torch.nn.functional.normalize(torch.randn(24), dim=0)
        emotions = torch.zeros(len(EMOTIONS))
        emotions[0], emotions[i + 1] = 0.4, 0.6
        numbers = torch.tensor([120.0 + 40 * i, 1.0 + 0.3 * i, 1.0 - 0.1 * i, 1.0 + 0.2 * i])
        features, f0, energy, durations = model.infer(spelt, speaker, float(numbers[0]), emotions, float(numbers[1]),
                                                      float(numbers[2]))
        of_tokens = torch.zeros(length, dtype=torch.long).index_add_(0, owners, durations)
        channels = torch.cat([features, energy[:, None] / convnext.ENERGY_UNIT], 1)
        extra.update({f"{i}.tokens": ids.int(), f"{i}.speaker": speaker, f"{i}.emotions": emotions, f"{i}.numbers": numbers,
                      f"{i}.channels": channels, f"{i}.f0": f0, f"{i}.durations": of_tokens.int()})
    save(folder, "acoustic_convnext", model, "am", model.config, extra)


def vocoders(folder):
    for name, config in VOCODERS.items():
        torch.manual_seed(2)
        model = Generator(config).eval()
        with torch.no_grad():
            for p in model.parameters():
                if p.dim() > 1:
                    p.mul_(1.3)
            for conv in model.noise_convs:
                conv.weight[:, 1] = 0  # the engine draws noise of its own
        mel = torch.randn(1, 37, config["mels"])
        f0 = 150 + 60 * torch.rand(1, 37)
        f0[0, 9:14] = 0
        f0[0, 30:] = 0
        noise = torch.zeros(1, 37 * model.hop)
        with torch.no_grad():
            wave = model(mel, f0, noise)
        save(folder, name, model, "generator", model.config, {"mel": mel[0], "f0": f0[0], "wave": wave[0]})


def istft(folder):
    """Two generators, with bursts and with a free part. F0 that glides, jumps, stops and is higher than any harmonic may be; every part of the
    sum heard, samples within -1..1."""
    one_istft(folder, "istft", 4, (-0.7, 0.0, -0.2, 0.0))
    one_istft(folder, "istft_free", 5, (-5.0, 0.0, 0.1, 0.4, 0.0))


def one_istft(folder, name, parts, means):
    torch.manual_seed(5)
    config = dict(features=20, width=32, hidden=48, blocks=3, speaker=12, emotions=4, parts=parts)
    model = spectral.Generator(config).eval()
    with torch.no_grad():
        for block in model.dec:
            block.film.weight.normal_(0, 0.3)
            block.film.bias.normal_(0, 0.2)
            block.norm.weight.add_(torch.randn(32) * 0.2)
            block.norm.bias.normal_(0, 0.2)
            block.gamma.normal_(0, 0.7)
        model.dec_norm.bias.normal_(0, 0.2)
        model.head.weight.mul_(2)
        for bias, mean in zip(model.head.bias.split(model.bins), means):
            bias.add_(mean)
    frames = 45
    x, energy = torch.randn(1, frames, 20), 5 * torch.randn(1, frames)
    f0 = 100 + 4 * torch.arange(frames).float()[None] + 20 * torch.rand(1, frames)
    f0[0, 7:12], f0[0, 20], f0[0, 30:34], f0[0, 41:] = 0, 700, 0, 0
    f0[0, 25] = 12000
    condition = torch.nn.functional.normalize(torch.randn(1, 12))
    condition = torch.cat([condition, torch.tensor([[0.4, 0.0, 0.6, 0.0]])], 1)
    source, bursts = spectral.sources(f0[0].numpy(), 7)
    with torch.no_grad():
        spectra = model.spectra(x, f0, energy, condition)
        still = model.still(spectra, source)
        wave = model.wave(spectra, source, bursts, torch.from_numpy(spectral.noise(7, frames))[None])
    state = {key: value.clone() for key, value in model.state_dict().items()}
    quantize(model)
    with torch.no_grad():
        int8 = model.still(model.spectra(x, f0, energy, condition), source)
    print(f"{name}: int8 differs by {(int8 - still).abs().max():.4f}, {10 * math.log10((still ** 2).mean() / ((int8 - still) ** 2).mean()):.1f} dB below")
    print(f"{name}: peak {wave.abs().max():.2f}, without noise {still.abs().max():.2f}")
    save(folder, name, state, "generator", model.config,
         {"input": torch.cat([x[0], energy[0][:, None] / spectral.ENERGY_UNIT], 1), "f0": f0[0], "condition": condition[0], "wave": wave[0],
          "still": spectral.soft_clipped(still)[0], "still_int8": spectral.soft_clipped(int8)[0]})


def speaker(folder):
    torch.manual_seed(3)
    config = dict(channels=[64, 64, 64, 96], kernels=[5, 3, 3, 1], dilations=[1, 2, 3, 1], attention=24, squeeze=16,
                  res2net_scale=4, embedding=32)
    model = SpeakerEncoder(config)
    model.train()
    with torch.no_grad():
        for _ in range(3):  # gives the batch norms statistics of their own
            model(torch.randn(4, 80, 80) * 5)
    model.eval()
    bank = torch.randn(73, 80) * 5
    with torch.no_grad():
        vector = torch.nn.functional.normalize(model(bank[None]))[0]
    save(folder, "speaker", model, "speaker", model.config, {"fbank": bank, "vector": vector})


def tiny_encoder():
    return SpeakerEncoder(dict(channels=[64, 64, 64], kernels=[5, 3, 1], dilations=[1, 2, 1], attention=8, squeeze=8, embedding=16))


def save_whole(folder, name, parts, **more):
    table = {f"{prefix}.{k}": v.detach().half() if v.dim() > 1 else v.detach()
             for prefix, part in (("am", "acoustic"), ("generator", "vocoder"), ("speaker", "speaker"))
             for k, v in parts[part].state_dict().items() if not k.endswith("num_batches_tracked")}
    table["voices.vectors"] = torch.nn.functional.normalize(torch.randn(len(NAMED), 16))
    voices = [dict(name=name, language=language, note=note, base=base, pitch=120.0 + 15 * i)
              for i, (base, name, language, note) in enumerate(NAMED)]
    config = dict(format=1, name=name, licence="Apache-2.0", trained_on="nothing: random weights", voices=voices,
                  tokens=list(tokens.names()), **{part: network.config for part, network in parts.items()}, **more)
    path = Path(folder) / f"{name}.safetensors"
    save_file({k: v.contiguous() for k, v in table.items()}, path, metadata={"emotivoice": json.dumps(config)})
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def tiny(folder):
    """A whole model file of the default's families. Symbols last as long as people's, all frames are voiced, the wave is loud
    enough to be measured."""
    acoustic_model = convnext_model(dict(text_width=32, text_passes=1, width=32, passes=1, dilations=[1, 2], speaker=16), 6,
                                    symbols.table())
    vocoder = spectral.Generator(dict(features=32, width=32, hidden=48, blocks=1, speaker=16))
    with torch.no_grad():
        am = acoustic_model.pn
        am.dur[2].weight.mul_(0.3)
        am.dur[2].bias.fill_(math.log(6.4))
        am.pro_out.weight.mul_(0.1)
        am.pro_out.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 0.0, 4.0, 4.0]))
        vocoder.dec[0].film.weight.normal_(0, 0.1)
        vocoder.head.weight.mul_(0.5)
        for bias, mean in zip(vocoder.head.bias.split(vocoder.bins), (1.5, 0.0, 0.0, 0.5, 0.0)):
            bias.fill_(mean)
    save_whole(folder, "tiny", dict(acoustic=acoustic_model, vocoder=vocoder, speaker=tiny_encoder()))


def tiny_mels(folder):
    """The same of the older families: mels, 16 kHz."""
    torch.manual_seed(4)
    parts = dict(
        acoustic=Acoustic(dict(width=32, encoder_layers=1, decoder_layers=1, ffn=48, ffn_kernels=[3, 1], speaker=16, emotion=8)),
        vocoder=Generator(dict(channels=16, res_kernels=[3], res_dilations=[[1, 3]])), speaker=tiny_encoder())
    with torch.no_grad():
        am = parts["acoustic"]
        for predictor, bias in ((am.duration_predictor, math.log(5.5)), (am.pitch_predictor, 0.0)):
            predictor.linear.weight.mul_(0.3)
            predictor.linear.bias.fill_(bias)
        am.to_f0.weight.mul_(0.1)
        am.to_f0.bias.copy_(torch.tensor([0.0, 4.0]))
        parts["vocoder"].conv_post.weight.mul_(2.0)
    save_whole(folder, "tiny_mels", parts, mel=features.DESCRIPTION)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--out", default="tests/golden")
    a = p.parse_args()
    Path(a.out).mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    acoustic(a.out)
    acoustic_convnext(a.out)
    vocoders(a.out)
    istft(a.out)
    speaker(a.out)
    tiny(a.out)
    tiny_mels(a.out)


if __name__ == "__main__":
    main()
