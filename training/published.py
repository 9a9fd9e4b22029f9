"""The published EmotiVoice networks, for checking the engine: shapes of their checkpoints, random weights, and what is computed.

Written from a description of the formulas (docs/published-voices.md), in float64 and one utterance at a time; no code is
shared with the engine or with the networks that this folder trains. A state is a dict of tensors by the checkpoints'
names, weight norm as `weight_g`, `weight_v`.

    python -m training.published --out DIR          a folder as the project's files lie, of small random networks
    python -m training.published --out DIR --real   of the real shapes (600 MB)
"""
import argparse
import math
import unicodedata
from pathlib import Path

import torch
import torch.nn.functional as F

REAL = dict(tokens=502, speakers=2014, width=384, heads=8, layers=4, ffn=1536, mels=80, channels=512, style=768,
            style_layers=12, style_heads=12, style_hidden=3072, positions=512, vocabulary=13685)
SMALL = dict(tokens=502, speakers=5, width=32, heads=2, layers=2, ffn=48, mels=20, channels=32, style=32,
             style_layers=2, style_heads=1, style_hidden=48, positions=64, vocabulary=0)
RATES, KERNELS = (8, 8, 2, 2), (16, 16, 4, 4)
RES_KERNELS, RES_DILATIONS = (3, 7, 11), (1, 3, 5)
PREDICTORS = {"duration": 2, "pitch": 3, "energy": 2}
EPS = 1e-12
DELTA = 0.1
PITCH_MEAN, PITCH_STD = 225.089, 53.78
ENERGY_MEAN, ENERGY_STD = 30.610, 21.78
HOP, RATE = 256, 16000


# ---- shapes ----

def generator_shapes(k):
    """Name -> shape of the checkpoint's 'generator'."""
    w, s = k["width"], {}

    def layer(name, *shape):
        s[f"{name}.weight"], s[f"{name}.bias"] = shape, shape[:1]

    def normed(name, *shape, bias=None):
        s[f"{name}.bias"] = (bias or shape[0],)
        s[f"{name}.weight_g"], s[f"{name}.weight_v"] = (shape[0], 1, 1), shape

    for stack in ("encoder", "decoder"):
        s[f"am.{stack}.embed.0.alpha"] = ()
        for i in range(k["layers"]):
            p = f"am.{stack}.encoders.{i}"
            for part in "qkv":
                layer(f"{p}.self_attn.linear_{part}", w, w)
            layer(f"{p}.self_attn.linear_out", w, w)
            layer(f"{p}.feed_forward.w_1", k["ffn"], w, 3)
            layer(f"{p}.feed_forward.w_2", w, k["ffn"], 3)
            layer(f"{p}.norm1", w)
            layer(f"{p}.norm2", w)
        layer(f"am.{stack}.after_norm", w)
    for name, layers in PREDICTORS.items():
        for i in range(layers):
            layer(f"am.{name}_predictor.conv.{i}.0", w, w, 3)
            layer(f"am.{name}_predictor.conv.{i}.2", w)
        layer(f"am.{name}_predictor.linear", 1, w)
    for name in ("pitch_embed", "energy_embed"):
        layer(f"am.{name}.0", w, 1, 9)
    for name, shape in (("t_conv1", (w, w, 3)), ("t_conv2", (w, w, 1)), ("f_conv1", (w, k["mels"], 3)),
                        ("f_conv2", (w, w, 3)), ("f_conv3", (w, w, 1))):
        layer(f"am.alignment_module.{name}", *shape)  # of training alone
    layer("am.to_mel", k["mels"], w)
    s["am.spk_tokenizer.weight"], s["am.src_word_emb.weight"] = (k["speakers"], w), (k["tokens"], w)
    layer("am.embed_projection1", w, 2 * w + 2 * k["style"])

    c = k["channels"]
    normed("generator.conv_pre", c, k["mels"], 7)
    for i, kernel in enumerate(KERNELS):
        normed(f"generator.ups.{i}", c, c // 2, kernel, bias=c // 2)
        c //= 2
        for j, size in enumerate(RES_KERNELS):
            for one in ("convs1", "convs2"):
                for d in range(3):
                    normed(f"generator.resblocks.{3 * i + j}.{one}.{d}", c, c, size)
    normed("generator.conv_post", 1, c, 7)
    return s


def style_shapes(k):
    """Name -> shape of the style encoder's 'model', without its prefix `module.`."""
    d, s = k["style"], {}

    def layer(name, *shape):
        s[f"{name}.weight"], s[f"{name}.bias"] = shape, shape[:1]

    s["bert.embeddings.word_embeddings.weight"] = (k["vocabulary"], d)
    s["bert.embeddings.position_embeddings.weight"] = (k["positions"], d)
    s["bert.embeddings.token_type_embeddings.weight"] = (2, d)
    layer("bert.embeddings.LayerNorm", d)
    for i in range(k["style_layers"]):
        p = f"bert.encoder.layer.{i}"
        for part in ("query", "key", "value"):
            layer(f"{p}.attention.self.{part}", d, d)
        layer(f"{p}.attention.output.dense", d, d)
        layer(f"{p}.attention.output.LayerNorm", d)
        layer(f"{p}.intermediate.dense", k["style_hidden"], d)
        layer(f"{p}.output.dense", d, k["style_hidden"])
        layer(f"{p}.output.LayerNorm", d)
    layer("bert.pooler.dense", d, d)
    for name, classes in (("pitch", 3), ("speed", 3), ("energy", 3), ("emotion", 7)):
        layer(f"{name}_clf.classifier", classes, d)  # its training's
    layer("style_embed_proj", 128, d)
    return s


def random_state(shapes, seed, frames_per_token=5.0):
    """float32 weights of a size at which every path matters, durations and pitches as speech has them."""
    g = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        x = torch.randn(shape, generator=g)
        if "norm" in name.lower() and name.endswith("weight"):
            x = 1 + 0.1 * x
        elif name.endswith("alpha"):
            x = torch.tensor(0.8)
        elif name.endswith("bias"):
            x = 0.1 * x
        elif name.endswith("weight_g"):
            x = 0.6 + 0.5 * x.abs()
        elif "embeddings" in name or "_emb." in name or "spk_tokenizer" in name:
            x = 0.5 * x
        elif len(shape) > 1:
            x = x / math.sqrt(math.prod(shape[1:]))
        state[name] = x
    if "am.duration_predictor.linear.bias" in state:
        state["am.duration_predictor.linear.weight"] *= 0.3
        state["am.duration_predictor.linear.bias"][:] = math.log(1 + frames_per_token)
    return state


# ---- what is computed ----

NUMBERS = torch.float64  # bench/published.py computes in 32 bits


def _numbers(state):
    return {name: value.to(NUMBERS) for name, value in state.items()}


def _linear(s, name, x):
    return x @ s[f"{name}.weight"].T + s[f"{name}.bias"]


def _conv(s, name, x):
    """[T][channels], padded to the same length."""
    weight = s[f"{name}.weight"]
    return F.conv1d(x.T[None], weight, s[f"{name}.bias"], padding=weight.shape[-1] // 2)[0].T


def _norm(s, name, x):
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / torch.sqrt(variance + EPS) * s[f"{name}.weight"] + s[f"{name}.bias"]


def _gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def _attention(q, k, v, heads):
    t, w = q.shape
    q, k, v = (z.reshape(t, heads, w // heads).transpose(0, 1) for z in (q, k, v))
    scores = q @ k.transpose(1, 2) / math.sqrt(w // heads)
    return (torch.softmax(scores, -1) @ v).transpose(0, 1).reshape(t, w)


def _stack(s, name, x, heads, layers):
    t, w = x.shape
    angles = torch.arange(t)[:, None].to(NUMBERS) * torch.exp(torch.arange(0, w, 2).to(NUMBERS) * (-math.log(1e4) / w))
    x = x + s[f"{name}.embed.0.alpha"] * torch.stack([angles.sin(), angles.cos()], -1).reshape(t, w)
    for i in range(layers):
        p = f"{name}.encoders.{i}"
        h = _norm(s, f"{p}.norm1", x)
        q, k, v = (_linear(s, f"{p}.self_attn.linear_{part}", h) for part in "qkv")
        x = x + _linear(s, f"{p}.self_attn.linear_out", _attention(q, k, v, heads))
        h = _norm(s, f"{p}.norm2", x)
        x = x + _conv(s, f"{p}.feed_forward.w_2", _gelu(_conv(s, f"{p}.feed_forward.w_1", h)))
    return _norm(s, f"{name}.after_norm", x)


def _predictor(s, name, x):
    for i in range(PREDICTORS[name]):
        x = _norm(s, f"am.{name}_predictor.conv.{i}.2", torch.relu(_conv(s, f"am.{name}_predictor.conv.{i}.0", x)))
    return _linear(s, f"am.{name}_predictor.linear", x)[:, 0]


def durations_of(log_durations, speed=1.0):
    """Frames of each token: rounded half to even, and with a speed their running sum over it rounded again; all 1 where
    nothing would be heard."""
    frames = torch.clamp(torch.round(torch.exp(log_durations) - 1), min=0)
    if frames.sum() == 0:
        frames = torch.ones_like(frames)
    ends = torch.round(torch.cumsum(frames, 0) / speed)
    return (ends - torch.cat([ends.new_zeros(1), ends[:-1]])).long()


def encode(state, k, ids, speaker, style, content):
    """ids [L], speaker [width], style and content [style] -> tokens [L][width], pitch, energy, log durations [L]."""
    s = _numbers(state)
    x = s["am.src_word_emb.weight"][ids]
    x = _stack(s, "am.encoder", x, k["heads"], k["layers"])
    same = torch.cat([speaker.to(NUMBERS), style.to(NUMBERS), content.to(NUMBERS)])
    x = _linear(s, "am.embed_projection1", torch.cat([x, same.expand(x.shape[0], -1)], 1))
    return x, *(_predictor(s, name, x) for name in ("pitch", "energy", "duration"))


def upsampled(x, durations):
    """Tokens [L][width] to frames [T][width]: Gaussians about their centres, all tokens in each frame's softmax."""
    centres = torch.cumsum(durations, 0).to(NUMBERS) - durations.to(NUMBERS) / 2
    t = torch.arange(int(durations.sum())).to(NUMBERS)
    return torch.softmax(-DELTA * (t[:, None] - centres) ** 2, -1) @ x


def decode(state, k, frames):
    """[T][width] -> mel [T][mels]."""
    s = _numbers(state)
    return _linear(s, "am.to_mel", _stack(s, "am.decoder", frames, k["heads"], k["layers"]))


def acoustic(state, k, ids, speaker, style, content, speed=1.0, pitch_scale=1.0, energy_scale=1.0):
    """ids [L], speaker [width], style and content [style] -> durations [L], mel [T][mels], how near a duration lay to being
    rounded the other way."""
    s = _numbers(state)
    x, pitch, energy, log_duration = encode(s, k, ids, speaker, style, content)
    frames = torch.exp(log_duration) - 1
    margin = float(((frames - frames.floor()) - 0.5).abs().min())
    durations = durations_of(log_duration, speed)
    pitch = pitch_scale * pitch + (pitch_scale - 1) * PITCH_MEAN / PITCH_STD
    energy = energy_scale * energy + (energy_scale - 1) * ENERGY_MEAN / ENERGY_STD
    x = x + _conv(s, "am.pitch_embed.0", pitch[:, None]) + _conv(s, "am.energy_embed.0", energy[:, None])
    return durations, decode(s, k, upsampled(x, durations)), margin


def _folded(s, name):
    if f"{name}.weight" in s:
        return s[f"{name}.weight"]
    v = s[f"{name}.weight_v"]
    return s[f"{name}.weight_g"] * v / torch.sqrt((v ** 2).sum((1, 2), keepdim=True))


def folded(state):
    """The same state with the weights that its weight norm stands for."""
    normed = [name[:-len(".weight_v")] for name in state if name.endswith(".weight_v")]
    plain = {name: value for name, value in state.items() if not name.endswith((".weight_g", ".weight_v"))}
    return plain | {f"{name}.weight": _folded(state, name) for name in normed}


def vocoder(state, mel):
    """[T][mels] -> samples [256 T]."""
    s = _numbers(state)

    def conv(name, x, dilation=1):
        weight = _folded(s, name)
        return F.conv1d(x, weight, s[f"{name}.bias"], dilation=dilation, padding=(weight.shape[-1] - 1) * dilation // 2)

    x = conv("generator.conv_pre", mel.to(NUMBERS).T[None])
    for i, (rate, kernel) in enumerate(zip(RATES, KERNELS)):
        name = f"generator.ups.{i}"
        x = F.conv_transpose1d(F.leaky_relu(x, 0.1), _folded(s, name), s[f"{name}.bias"], stride=rate,
                               padding=(kernel - rate) // 2)
        total = 0
        for j in range(3):
            y = x
            for d, dilation in enumerate(RES_DILATIONS):
                block = f"generator.resblocks.{3 * i + j}"
                z = conv(f"{block}.convs1.{d}", F.leaky_relu(y, 0.1), dilation)
                y = y + conv(f"{block}.convs2.{d}", F.leaky_relu(z, 0.1))
            total = total + y
        x = total / 3
    return torch.tanh(conv("generator.conv_post", F.leaky_relu(x, 0.01)))[0, 0]


def style_vector(state, k, pieces):
    """WordPiece ids with [CLS] and [SEP] -> [style]: BERT's pooled output."""
    s, pieces = _numbers(state), torch.as_tensor(pieces)
    x = (s["bert.embeddings.word_embeddings.weight"][pieces] + s["bert.embeddings.position_embeddings.weight"][:pieces.shape[0]]
         + s["bert.embeddings.token_type_embeddings.weight"][0])
    x = _norm(s, "bert.embeddings.LayerNorm", x)
    for i in range(k["style_layers"]):
        p = f"bert.encoder.layer.{i}"
        q, key, v = (_linear(s, f"{p}.attention.self.{part}", x) for part in ("query", "key", "value"))
        x = _norm(s, f"{p}.attention.output.LayerNorm",
                  x + _linear(s, f"{p}.attention.output.dense", _attention(q, key, v, k["style_heads"])))
        h = _gelu(_linear(s, f"{p}.intermediate.dense", x))
        x = _norm(s, f"{p}.output.LayerNorm", x + _linear(s, f"{p}.output.dense", h))
    return torch.tanh(_linear(s, "bert.pooler.dense", x[0]))


def split_pieces(text, vocabulary):
    """BERT's uncased WordPiece: ids with [CLS] and [SEP]."""
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    words, out = [""], [ids["[CLS]"]]
    for c in unicodedata.normalize("NFD", text):
        category = unicodedata.category(c)
        if c.isspace() or category == "Zs":
            words.append("")
        elif category[0] == "C" or category == "Mn":
            continue
        elif category[0] == "P" or c in "$+<=>^`|~" or "\u3400" <= c <= "\u9fff":
            words += [c, ""]
        else:
            words[-1] += c.lower()
    for word in filter(None, words):
        pieces, at = [], 0
        while at < len(word):
            end = next((e for e in range(len(word), at, -1) if ("##" if at else "") + word[at:e] in ids), None)
            if end is None:
                pieces = [ids["[UNK]"]]
                break
            pieces.append(ids[("##" if at else "") + word[at:end]])
            at = end
        out += pieces
    return out + [ids["[SEP]"]]


# ---- files as the project publishes them ----

def parametrised(state):
    """The names that newer versions of PyTorch give to weight norm."""
    renamed = {}
    for name, value in state.items():
        name = name.replace(".weight_g", ".parametrizations.weight.original0")
        renamed[name.replace(".weight_v", ".parametrizations.weight.original1")] = value
    return renamed


def small_vocabulary():
    """[PAD] [UNK] [CLS] [SEP], ASCII, the syllables' commonest characters, and some ends of words."""
    han = "你好今天气怎么样我很开心来到北京清华大学普通生惊讶悲伤厌恶恐惧高兴奋平静的一是不了人在有"
    marks = "!\"'(),-.:;?，。！？、：；（）"
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    words = ["hello", "there", "the", "train", "happy", "sad", "and", "to"]
    ends = ["##" + c for c in letters] + ["##ing", "##ed", "##s", "##ly"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + list(marks) + list(letters) + words + ends
    return pieces + [c for c in dict.fromkeys(han)]


def write_folder(folder, k, seed=1, vocabulary=None, renamed=False, generator=None, style=None):
    """DIR as the project's files lie. Returns the sizes and the two states."""
    folder = Path(folder)
    vocabulary = vocabulary or small_vocabulary()
    k = dict(k, vocabulary=len(vocabulary))
    generator = generator or random_state(generator_shapes(k), seed)
    style = style or random_state(style_shapes(k), seed + 1)
    ckpt, encoder = folder / "outputs/prompt_tts_open_source_joint/ckpt", folder / "outputs/style_encoder/ckpt"
    text = folder / "data/youdao/text"
    bert = folder / "WangZeJun/simbert-base-chinese"
    for one in (ckpt, encoder, text, bert):
        one.mkdir(parents=True, exist_ok=True)
    torch.save({"generator": parametrised(generator) if renamed else generator}, ckpt / "g_00140000")
    prefixed = {f"module.{name}": value for name, value in style.items()}
    prefixed["module.bert.embeddings.position_ids"] = torch.arange(k["positions"])[None]
    torch.save({"model": prefixed}, encoder / "checkpoint_163431")
    (bert / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary))
    tokens = Path(__file__).parents[1] / "models/tokens.txt"
    (text / "tokenlist").write_text(tokens.read_text())
    config = folder / "config/joint"
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.yaml").write_text(f"""sr: {RATE}
model:
    encoder_n_heads: {k["heads"]}
    decoder_n_heads: {k["heads"]}
    upsample_rates: [8,8,2,2]
""")
    (text / "speaker2").write_text("".join(f"{8051 + i}\n" for i in range(k["speakers"])))
    return k, generator, style


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--real", action="store_true")
    options = parser.parse_args()
    k = REAL if options.real else SMALL
    vocabulary = small_vocabulary()
    if options.real:
        vocabulary += [f"[unused{i}]" for i in range(REAL["vocabulary"] - len(vocabulary))]
    write_folder(options.out, k, vocabulary=vocabulary)


if __name__ == "__main__":
    main()
