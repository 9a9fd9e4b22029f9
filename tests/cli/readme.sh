#!/usr/bin/env bash
# Runs the commands that README.md shows after the first two, as they stand there, in a scratch directory.
#   tests/cli/readme.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ln -s "$build" "$work/build"
cd "$work"
awk '/^Then:/ {on = 1} on && /^```sh/ {inside = 1; next} on && inside && /^```/ {exit} inside' "$source/README.md" >commands
test "$(wc -l <commands)" -ge 5 # the block was found
bash -euo pipefail -x commands
for file in fox.wav happy.wav clone.wav story.pcm fox.voice; do test -s "$file"; done
