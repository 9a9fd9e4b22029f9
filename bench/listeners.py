#!/usr/bin/env python3
"""What thousands of connections cost while nothing happens on them: CPU time a second of the service's process.

  bench/listeners.py [build/emotivoice] [--count 4096] [--seconds 20] [--kinds none idle waiting slow]

  none      no connection at all
  idle      kept alive, after one answer each
  waiting   for speech that is not made yet: one job, in a batch that forms for ten seconds, so this is measured for three
  slow      an answer has begun, and nobody reads it

One line of JSON for each kind. Two descriptors a connection: see `ulimit -n`."""
import argparse
import json
import os
import select
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "server"))
import service  # noqa: E402: takes the command from the arguments

TEXT = service.LONG[:1360]  # a minute and more, which is kept and shared
FLAGS = (*service.FREE, "--connections-per-ip", "0", "--threads", "1", "--idle-timeout", "1h")
WINDOW = ("--batch-mode", "fixed", "--batch-window", "10s", "--queue-wait", "1h")


def cpu(pid):
    """Seconds of the process, user and system: /proc/PID/stat counts the same in hundredths."""
    return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3)


def request(method, path, body=b""):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def speech(text):
    return request("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}).encode())


def connect(port, bytes_, answer):
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what is not read stays with the service
    one.connect(("127.0.0.1", port))
    one.sendall(bytes_)
    if answer and not (begin := one.recv(1024)).startswith(b"HTTP/1.1 200"):
        raise AssertionError(begin)
    return one


def readable(held):
    look = select.poll()
    for one in held:
        look.register(one, select.POLLIN)
    return look.poll(0)


def measure(kind, count, seconds):
    asked = {"none": None, "idle": request("GET", "/healthz"), "waiting": speech("One."), "slow": speech(TEXT)}[kind]
    waits = kind == "waiting"
    flags = FLAGS + ("--connections-max", str(count + 8)) + (WINDOW if waits else ())
    s = service.Service(service.COMMAND, *flags)
    s.__enter__()
    try:
        if kind == "slow":  # made before, so that nothing is made meanwhile
            s.post("/v1/audio/speech", {"input": TEXT, "response_format": "pcm"})
        held = [connect(s.port, asked, not waits) for _ in range(count if asked else 0)]
        time.sleep(1 if waits else 5)
        before, begun = cpu(s.process.pid), time.monotonic()
        time.sleep(3 if waits else seconds)
        spent = (cpu(s.process.pid) - before) / (time.monotonic() - begun)
        if waits and readable(held):
            raise AssertionError("it was made meanwhile: the machine is too slow for so many")
        if s.metric("open_connections") < len(held):
            raise AssertionError("some were closed meanwhile")
        return {"kind": kind, "connections": len(held), "cpu_ms_per_s": round(1000 * spent, 2)}
    finally:
        s.process.kill()  # who drains would wait for them
        s.__exit__()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--kinds", nargs="+", default=["none", "idle", "waiting", "slow"])
    given = parser.parse_args()
    for kind in given.kinds:
        print(json.dumps(measure(kind, given.count, given.seconds)), flush=True)


if __name__ == "__main__":
    main()
