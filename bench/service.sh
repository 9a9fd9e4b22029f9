# bench/service.sh: sourced by the benchmarks that start a service of their own.

# await_service LOG PID: waits until the service whose standard error LOG is has greeted; sets url, and metrics where it
# has a second address.
await_service() {
    local log=$1 pid=$2
    url='' metrics=''
    for _ in $(seq 300); do
        grep -q '^try: .*$' "$log" && break # the last line
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    url=$(sed -n 's|.* serves at \(http://.*\)/$|\1|p' "$log")
    # shellcheck disable=SC2034 # the caller reads it
    metrics=$(sed -n 's|^metrics: ||p' "$log")
    [ -n "$url" ] && return
    cat "$log" >&2
    echo "the service did not start" >&2
    exit 1
}
