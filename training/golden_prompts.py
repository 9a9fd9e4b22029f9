"""Makes tests/golden/tiny_prompts.safetensors: a whole model of the published EmotiVoice family, with as many speakers as theirs,
that says nothing. Random weights in a folder as the project's files lie, read by the engine's own import.

python -m training.golden_prompts --command build/emotivoice --out tests/golden
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

from . import published

SIZES = dict(published.SMALL, speakers=2014, layers=1, style_layers=1, ffn=32)


def speakers(count):
    """Lines as lists of voices have them. Of every four, two are women's; every third is a Mandarin voice; some have a name."""
    for i in range(count):
        sex, language = ("female", "male")[i // 2 % 2], ("Mandarin", "English")[i % 3 > 0]
        yield f"{8051 + i} | {'Maria Kasper ' if i == 0 else ''}| {sex} | {language}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--command", default="build/emotivoice")
    parser.add_argument("--out", default="tests/golden")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        published.write_folder(folder, SIZES, seed=3)
        lines = "".join(f"{line}\n" for line in speakers(SIZES["speakers"]))
        (Path(folder) / "data/youdao/text/speaker2").write_text(lines)
        subprocess.run([options.command, "import", folder, "-q", "-o", Path(options.out) / "tiny_prompts.safetensors"], check=True)


if __name__ == "__main__":
    main()
