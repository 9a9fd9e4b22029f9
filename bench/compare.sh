#!/usr/bin/env bash
# Is one build as fast as another? Runs `emotivoice bench engine` of both by turns, so that what else the machine does
# meets both alike, and prints for each case the ratio of NEW to OLD: the median of the pairs' ratios, and their range.
#   bench/compare.sh OLD_BUILD NEW_BUILD [PAIRS [RUNS]]      build folders; 5 pairs of 5 runs unless told
# A build of a commit before, with the same model:
#   git worktree add ../before COMMIT && cmake -S ../before -B ../before/build -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build ../before/build
#   EMOTIVOICE_MODEL=$PWD/models/... bench/compare.sh ../before/build build
# The service is compared likewise: bench/concurrency.sh of both, by turns, on an idle machine.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
old=$1/emotivoice new=$2/emotivoice pairs=${3:-5} runs=${4:-5}
for binary in "$old" "$new"; do [ -x "$binary" ] || { echo "there is no $binary: build first" >&2; exit 2; }; done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for ((i = 0; i < pairs; i++)); do
    order=(old new)
    ((i % 2 == 0)) || order=(new old) # who is first finds a cooler machine
    for which in "${order[@]}"; do "${!which}" bench engine --quiet --json --runs "$runs" >"$out/$which.$i"; done
done
python3 - "$out" "$pairs" <<'PYTHON'
import json, statistics, sys

folder, pairs = sys.argv[1], int(sys.argv[2])
reports = {name: [json.load(open(f"{folder}/{name}.{i}")) for i in range(pairs)] for name in ("old", "new")}


def row(name, value):
    both = [(value(old), value(new)) for old, new in zip(reports["old"], reports["new"])]
    ratios = [new / old for old, new in both]
    print(f"{name:24} {1e3 * statistics.median(old for old, _ in both):9.1f} {1e3 * statistics.median(new for _, new in both):9.1f}"
          f"   {statistics.median(ratios):6.3f}   {min(ratios):.3f} to {max(ratios):.3f}")


print(f"{pairs} pairs: {reports['old'][0]['version']}, {reports['new'][0]['version']}\n")
print(f"{'':24} {'old ms':>9} {'new ms':>9}   {'ratio':>6}   of pairs")
for at, case in enumerate(reports["old"][0]["cases"]):
    row(f"{case['utterances']} {case['mode']}, wall", lambda r: r["cases"][at]["wall_s"]["median"])
row("first audio", lambda r: r["first_audio_s"]["median"])
PYTHON
