"""Makes tests/text/wordpiece_vocabulary.txt and wordpiece.txt: 2,000 texts, and the pieces that `transformers` (5.24) splits them
into with that vocabulary. The texts are those of the front-end's tests and random characters of many scripts.

    python -m training.golden_wordpiece --out tests/text     (pip install transformers; nothing else here needs it)
"""
import argparse
import random
from pathlib import Path

SCRIPTS = ((0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x362), (0x391, 0x3C9), (0x400, 0x45F), (0x5D0, 0x5EA), (0x621, 0x64A),
           (0x905, 0x939), (0xE01, 0xE3A), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x20A0, 0x20BF), (0x2190, 0x21FF),
           (0x3000, 0x303F), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x3400, 0x3420), (0x4E00, 0x9FA5), (0x4E00, 0x9FA5),
           (0xAC00, 0xAC80), (0xF900, 0xF920), (0xFF01, 0xFF5E), (0x1F600, 0x1F640), (0x20000, 0x20020))
STRANGE = "\t\n\r\u0000\u200b\u00ad\ufffd\ufeff\u3000\u00a0\u0130\u03a3\u1e9e\u212b"


def texts_of(folder):
    lines = []
    for name in ("en.txt", "zh.txt", "mixed.txt"):
        for line in (folder / name).read_text().splitlines():
            if line and not line.startswith("#"):
                lines.append(line.split(" => ")[0].split("\t")[0])
    return lines[:1300]


def random_text(r):
    out = []
    for _ in range(r.randint(1, 40)):
        kind = r.random()
        if kind < 0.1:
            out.append(r.choice(STRANGE))
        elif kind < 0.3:
            out.append(" ")
        elif kind < 0.5:
            out.append(r.choice(["hello", "Happy", "the", "Trains", "ING", "running", "École", "naïve", "１２３", "x" * 120]))
        else:
            out.append(chr(r.randint(*r.choice(SCRIPTS))))
    return "".join(out)


def vocabulary_of(texts, r):
    han = sorted({c for text in texts for c in text if "\u4e00" <= c <= "\u9fff"})
    letters = "abcdefghijklmnopqrstuvwxyz0123456789αβγδεσςабвгжאבגあいうアイウ가"
    words = sorted({w.lower() for text in texts for w in text.split() if w.isascii() and w.isalpha() and len(w) > 2})
    r.shuffle(words)
    ends = ["##ing", "##ed", "##er", "##s", "##tion", "##ly", "##pp", "##nn", "##αβ", "##アイ"]
    marks = [c for c in "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~，。！？、：；“”‘’（）《》—…·€¥"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + marks + list(letters) + words[:400] + ends
    pieces += ["##" + c for c in letters if c not in "qxz"] + han[: len(han) * 4 // 5]
    return list(dict.fromkeys(pieces))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    from transformers import BertTokenizer
    r = random.Random(17)
    texts = texts_of(options.out)
    vocabulary = vocabulary_of(texts, r)
    texts += [random_text(r) for _ in range(2000 - len(texts))]
    path = options.out / "wordpiece_vocabulary.txt"
    path.write_text("".join(f"{piece}\n" for piece in vocabulary))
    tokenizer = BertTokenizer(str(path), do_lower_case=True, split_special_tokens=True)
    assert len(tokenizer) == len(vocabulary)
    with (options.out / "wordpiece.txt").open("w") as f:
        for text in texts:
            ids = tokenizer(text)["input_ids"]
            f.write(f"{text.encode().hex()} {' '.join(map(str, ids))}\n")


if __name__ == "__main__":
    main()
