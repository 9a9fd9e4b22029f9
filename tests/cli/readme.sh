#!/usr/bin/env bash
# Runs the commands that README.md shows after the first two, as they stand there, in a scratch directory; those of the
# service against one on a free port.
#   tests/cli/readme.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source=$1 build=$2
work=$(mktemp -d)
server=
trap 'rm -rf "$work"; [ -z "$server" ] || kill "$server"' EXIT
ln -s "$build" "$work/build"
cd "$work"

block() { # block HEADING LINES: the first commands behind it, at least so many
    awk -v heading="$1" 'index($0, heading) == 1 {on = 1} on && /^```sh/ {inside = 1; next}
                         on && inside && /^```/ {exit} inside' "$source/README.md" >commands
    test "$(wc -l <commands)" -ge "$2" # it was found
}

block "Then:" 5
bash -euo pipefail -x commands
for file in fox.wav happy.wav clone.wav story.pcm fox.voice; do test -s "$file"; done

serve() { # serve OPTION...: its address is in $address
    [ -z "$server" ] || kill "$server"
    build/emotivoice serve --listen 127.0.0.1:0 --admin-listen off --log-level error "$@" 2>greeting &
    server=$!
    for _ in $(seq 300); do
        grep -q "^try:" greeting && break
        sleep 0.1
    done
    address=$(sed -n 's|.* serves at http://\(.*\)/$|\1|p' greeting)
}

if build/emotivoice serve --help >/dev/null 2>&1 && command -v curl >/dev/null; then
    serve
    block "## The service" 4
    sed -i "s/127\.0\.0\.1:8080/$address/; s/curl /curl --fail /" commands
    bash -euo pipefail -x commands
    for file in hello.mp3 made.pcm openapi.json; do test -s "$file"; done

    rm hello.mp3
    block "For named clients only" 3 # a key, the service in the background, and a request with the key
    eval "$(sed -n 1p commands)"
    # shellcheck disable=SC2046
    serve $(sed -n '2s/^build\/emotivoice serve \(.*\) &$/\1/p' commands)
    eval "$(sed -n "3s/127\.0\.0\.1:8080/$address/; s/curl /curl --fail /p" commands)"
    test -s hello.mp3
    ! curl --fail -s "http://$address/v1/audio/speech" -d '{"input": "Hello."}' -o /dev/null # without one
fi
