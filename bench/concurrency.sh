#!/usr/bin/env bash
# What the service carries on this machine: starts `emotivoice serve` in each batch mode and asks it with
# tools/loadtest, then writes the figures beside those of the published load test of EmotiVoice.
#   bench/concurrency.sh           a quarter of an hour; writes docs/concurrency-test.md
#   bench/concurrency.sh --quick   a minute, to see that all works; too short to be believed, writes into build/ alone
# The machine must do nothing else. $EMOTIVOICE is the program, build/emotivoice without it; $LOADTEST the load test,
# build/tools/loadtest without it.
#
# build/bench/concurrency/machine.json        where and when
#                         MODE/STEP.json      the load test's figures    MODE/STEP.txt   the same as a table
#                         MODE/POINT.metrics  the service's own figures  MODE/POINT.memory  its VmRSS and VmHWM
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/service.sh

program=${EMOTIVOICE:-build/emotivoice}
loadtest=${LOADTEST:-build/tools/loadtest}
report=bench/concurrency_report.py
case "${1-}" in
"")
    kind=full out=build/bench/concurrency page=docs/concurrency-test.md windows="50 100 150 200"
    alone=6 burst=4 step=6 half=15 hold=20 stream=5 over=10 voices=8 warmup=1
    ;;
--quick)
    kind=quick out=build/bench/concurrency-quick page=$out/concurrency-test.md windows="100"
    alone=1 burst=1 step=0.8 half=1.5 hold=1.5 stream=1 over=1.5 voices=1.5 warmup=0.3
    ;;
*)
    echo "usage: bench/concurrency.sh [--quick]" >&2
    exit 2
    ;;
esac
for needed in "$program:EMOTIVOICE" "$loadtest:LOADTEST"; do
    [ -x "${needed%:*}" ] || {
        echo "${needed%:*} is missing: build it (cmake --preset release && cmake --build build), or give its path as ${needed#*:}" >&2
        exit 1
    }
done

server='' seed=0 dir='' url='' metrics=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

# start MODE FLAG...: a fresh service. Nothing is answered from what an earlier request left, but for voices.
start() {
    local mode=$1
    shift
    dir=$out/$mode
    mkdir -p "$dir"
    : >"$dir/log"
    printf '%-16s %s\n' "$mode" "$*"
    "$program" serve --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log-level error --rate-per-ip 0 \
        --connections-per-ip 0 --result-cache 0 --coalesce off "$@" 2>"$dir/log" &
    server=$!
    await_service "$dir/log" "$server"
    point start
}

stop() {
    point end
    kill "$server"
    wait "$server" || {
        cat "$dir/log" >&2
        echo "the service ended with an error" >&2
        exit 1
    }
    server=''
}

# point NAME: what the service and the system say of it now.
point() {
    grep -E '^Vm(RSS|HWM):' "/proc/$server/status" >"$dir/$1.memory"
    python3 "$report" fetch "$metrics" >"$dir/$1.metrics"
}

# load NAME SECONDS OPTION...: one run of the load test. Each has its own seed, so that no recording comes twice.
load() {
    local name=$1 seconds=$2
    shift 2
    "$loadtest" --url "$url" --metrics "$metrics" --seed $((seed += 1)) --seconds "$seconds" \
        --warmup "$warmup" --quiet --json "$dir/$name.json" "$@"
    python3 tools/loadtest/report.py "$dir/$name.json" >"$dir/$name.txt"
    printf '%-16s %s\n' "" "$(python3 "$report" line "$dir/$name.json")"
}

# times FILE FACTOR: the highest stable rate in it, or what was achieved where no rate was stable, times FACTOR.
times() { python3 "$report" rate "$1" "$2"; }

# The steps that every mode has. The search begins where it is sure to be stable, after a look at the throughput.
common() {
    load alone "$alone" --concurrency 1
    load stream "$stream" --concurrency 1 --stream
    load burst "$burst" --concurrency 16
    load ramp "$step" --ramp --rate "$(times "$dir/burst.json" 0.75)"
}

# The rate that the search found, held for longer; lower where that was luck.
hold() {
    local factor
    for factor in 1 0.95 0.9 0.85 0.8 0.75 0.7; do
        load hold "$hold" --rate "$(times "$dir/ramp.json" "$factor")"
        ! python3 "$report" stable "$dir/hold.json" || return 0
    done
}

# Twenty recordings of four to six seconds. Made here, so that the test needs nothing from elsewhere.
recordings() {
    local voice texts=$out/texts
    mkdir -p "$out/references"
    cat >"$texts.en" <<'END'
The old lighthouse stood at the end of the pier, and every evening a keeper climbed its narrow stairs.
We packed the car before sunrise, because the road over the mountains would be crowded by noon.
My grandmother kept her recipes in a blue tin box, written on the backs of old letters.
The concert was supposed to start at eight, but the pianist was still on a train from the north.
After the storm the beach was covered with shells, and the children filled their pockets with them.
END
    cat >"$texts.zh" <<'END'
老灯塔立在码头的尽头，每天傍晚都有人沿着狭窄的楼梯走上去点灯。
我们在日出以前就收拾好了行李，因为中午翻山的公路上会非常拥挤。
外婆把她的菜谱放在一个蓝色的铁盒子里，都写在旧信纸的背面。
音乐会原定八点钟开始，可是钢琴家还坐在从北方开来的火车上。
暴风雨过后，沙滩上到处都是贝壳，孩子们把口袋装得满满的。
END
    for voice in ava:en ray:en mei:zh lin:zh; do
        "$program" say --file "$texts.${voice#*:}" --lines --voice "${voice%:*}" --quiet \
            -o "$out/references/${voice%:*}-%02d.wav"
    done
}

# Three requests of four send one of the recordings as it is. The first run fills the cache and is not counted.
voices() {
    local mix=(--references "$out/references" --reference-repeat 0.75)
    load filling "$voices" --concurrency 4 "${mix[@]}"
    point before
    load alone "$voices" --concurrency 1 "${mix[@]}"
    point after
    load burst "$voices" --concurrency 16 "${mix[@]}"
}

rm -rf "$out"
mkdir -p "$out"
python3 "$report" machine "$kind" "$program" >"$out/machine.json"
SECONDS=0

start adaptive --batch-mode adaptive
common
hold
rate=$(times "$out/adaptive/hold.json" 0.5)
load half "$half" --rate "$rate"
load over "$over" --rate "$(times "$dir/burst.json" 3)"
stop

start one-at-a-time --batch-mode adaptive --parallel 1
common
load half "$half" --rate "$rate"
stop

start off --batch-mode off
common
load half "$half" --rate "$rate"
stop

for window in $windows; do
    start "fixed-$window" --batch-mode fixed --batch-window "${window}ms"
    common
    load half "$half" --rate "$rate"
    stop
done

recordings
start voices-uncached --batch-mode adaptive --voice-cache 0
voices
stop
start voices-cached --batch-mode adaptive
voices
stop

python3 "$report" write "$out" "$page"
echo "$page after $SECONDS s"
