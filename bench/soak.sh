#!/usr/bin/env bash
# Does the service last? Holds 70 % of what it carries for an hour and watches its memory: prints requests, errors,
# and the slope of RSS once the first ten minutes, in which caches fill, are over. Exit status 1: a request failed,
# or the slope is 1 MB an hour or more.
#   bench/soak.sh [--seconds N] [--rate X]
# --rate is what the service carries, in requests a second of this mix; it is measured first if not given. Shorter
# runs leave out their first sixth; below half an hour the slope is printed, but is too rough to be judged. The slope is
# that of each minute's least reading: what is in flight comes and goes by megabytes, what is lost does not.
#
# The mix: nine of ten requests are texts of one to four sentences, answered whole; one of ten is a sentence in the
# voice of one of eight recordings, streamed. Settings of the service are the defaults, but for rate limit and addresses.
# build/bench/soak/memory.csv has seconds, RSS in kB; whole.json and stream.json are the load test's figures.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/service.sh

program=${EMOTIVOICE:-build/emotivoice} loadtest=${LOADTEST:-build/tools/loadtest}
out=build/bench/soak seconds=3600 rate=''
while [ $# -gt 0 ]; do
    case "$1:${2-}" in
    --seconds:[1-9]*) seconds=$2 ;;
    --rate:[0-9]*) rate=$2 ;;
    *)
        echo "usage: bench/soak.sh [--seconds N] [--rate X]" >&2
        exit 2
        ;;
    esac
    shift 2
done
rm -rf "$out"
mkdir -p "$out/references"
printf '%s\n' "The old lighthouse stood at the end of the pier, and a keeper climbed its narrow stairs every evening." \
    "We packed the car before sunrise, because the road over the mountains would be crowded by noon." \
    "My grandmother kept her recipes in a blue tin box, written on the backs of old letters." \
    "The concert was supposed to start at eight, but the pianist was still on a train from the north." >"$out/texts"
for voice in ava ray; do
    "$program" say --file "$out/texts" --lines --voice "$voice" --quiet -o "$out/references/$voice-%02d.wav"
done

: >"$out/log"
"$program" serve --listen 127.0.0.1:0 --admin-listen off --log-level error --rate-per-ip 0 2>"$out/log" &
server=$! loads=''
trap 'kill $server $loads 2>/dev/null || true' EXIT
await_service "$out/log" "$server"

# load NAME SECONDS OPTION...
load() {
    local name=$1 span=$2
    shift 2
    "$loadtest" --url "$url" --seconds "$span" --warmup 0 --quiet --json "$out/$name.json" "$@" || return 1
    python3 tools/loadtest/report.py "$out/$name.json" >"$out/$name.txt"
}

# figures FILE EXPRESSION: of `step`, the load test's last one
figures() { python3 -c "import json, sys; step = json.load(open(sys.argv[1]))['steps'][-1]; print($2)" "$1"; }

if [ -z "$rate" ]; then
    load throughput 15 --concurrency 16 --lengths mixed
    rate=$(figures "$out/throughput.json" "round(step['achieved_rate'], 2)")
fi
echo "carries $rate/s; holding 70 % of it for $seconds s"
share() { python3 -c "print(max(0.01, round(0.7 * $1 * $rate, 2)))"; }
load whole "$seconds" --rate "$(share 0.9)" --lengths mixed &
loads=$!
load stream "$seconds" --rate "$(share 0.1)" --stream --references "$out/references" --reference-repeat 1 &
loads="$loads $!"

start=$(date +%s)
while now=$(($(date +%s) - start)) && [ "$now" -lt "$seconds" ]; do
    kill -0 "$server" 2>/dev/null || {
        cat "$out/log" >&2
        echo "the service died after $now s" >&2
        exit 1
    }
    echo "$now,$(awk '/^VmRSS:/ { print $2 }' "/proc/$server/status")" >>"$out/memory.csv"
    sleep 1
done
failed=0
for one in $loads; do wait "$one" || failed=1; done
loads=''
[ "$failed" = 0 ] || {
    echo "the load test could not go on" >&2
    exit 1
}
kill "$server"
wait "$server" || {
    echo "the service ended with an error: see $out/log" >&2
    exit 1
}

# Slope by least squares. Rejections are the service's right, and are only told.
python3 - "$out" "$seconds" <<'END'
import json
import sys

out, seconds = sys.argv[1], int(sys.argv[2])
steps = [json.load(open(f"{out}/{name}.json", encoding="utf-8"))["steps"][-1] for name in ("whole", "stream")]
requests, errors, rejected = (sum(step[name] for step in steps) for name in ("offered", "errors", "rejected"))
after = 600 if seconds >= 3600 else seconds / 6
with open(f"{out}/memory.csv", encoding="ascii") as file:
    points = [tuple(map(float, line.split(","))) for line in file]
late = [(at / 3600, kb * 1024 / 1e6) for at, kb in points if at >= after]
least = {}
for at, mb in late:
    least[int(at * 60)] = min(mb, least.get(int(at * 60), mb))


def slope_of(line):
    x, y = (sum(column) / len(line) for column in zip(*line))
    spread = sum((at - x) ** 2 for at, _ in line)
    return sum((at - x) * (mb - y) for at, mb in line) / spread if spread else 0.0


slope = slope_of([(minute / 60, mb) for minute, mb in least.items()])
judged = seconds >= 1800
print(f"requests {requests}, errors {errors}, rejected {rejected}, P95 {1e3 * steps[0]['latency_s']['p95']:.0f} ms")
print(f"RSS {points[0][1] * 1024 / 1e6:.1f} MB at first, {late[0][1]:.1f} MB after {after:.0f} s, {late[-1][1]:.1f} MB at last, "
      f"slope {slope:+.2f} MB/h, of all readings {slope_of(late):+.2f}" + ("" if judged else ", too short a run to judge it"))
sys.exit(1 if errors or (judged and slope >= 1) else 0)
END
