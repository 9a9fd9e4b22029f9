#!/usr/bin/env python3
"""What gateway and Redis add to a short sentence: the same requests by turns to one process, and to a gateway with a worker behind a
real redis-server, in one run, so that both meet the same machine.

  tests/chaos/overhead.py [build/emotivoice] [--requests 400] [--most-ms 5]

One line of JSON: milliseconds at P50 and P95 of both, to the first byte and to the last, and the difference at P50; exit status 1
where that is more than --most-ms. Nothing is answered from what was made before."""
import argparse
import http.client
import json
import os
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")]
import service  # noqa: E402: takes the command from the arguments
import fleet  # noqa: E402

FLAGS = ("--log-level", "error", "--result-cache", "0", "--coalesce", "off", "--threads", "1")


class Client:
    """One connection; each request's seconds to the first byte of its sound, and to the last."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.first, self.whole = [], []

    def ask(self, text):
        begun = time.perf_counter()
        self.connection.request("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}))
        answer = self.connection.getresponse()
        start = answer.read(2)
        self.first.append(time.perf_counter() - begun)
        body = start + answer.read()
        self.whole.append(time.perf_counter() - begun)
        if answer.status != 200:
            raise AssertionError((answer.status, body[:200]))
        return body

    def report(self):
        told = {}
        for name, values in (("first", sorted(self.first)), ("whole", sorted(self.whole))):
            for part in (50, 95):
                told[f"{name}_ms_p{part}"] = round(values[len(values) * part // 100] * 1000, 2)
        return told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--most-ms", type=float, default=5)
    given = parser.parse_args()
    with fleet.Fleet(1, 1, flags=FLAGS, redis_flags=("--appendfsync", "everysec")) as f, service.Service(service.COMMAND, *FLAGS, "--rate-per-ip", "0") as alone:
        clients = [Client(alone.port), Client(f.gateways[0].port)]
        for n in range(-20, given.requests):
            if n == 0:
                for client in clients:
                    client.first, client.whole = [], []
            sounds = [client.ask(f"Good morning, number {n + 100}.") for client in (clients if n % 2 else clients[::-1])]
            if sounds[0] != sounds[1]:
                raise AssertionError("they do not say the same")
    told = [client.report() for client in clients]
    more = {name: round(told[1][f"{name}_ms_p50"] - told[0][f"{name}_ms_p50"], 2) for name in ("first", "whole")}
    print(json.dumps({"requests": given.requests, "one_process": told[0], "over_redis": told[1], "more_ms_p50": more}))
    return 0 if max(more.values()) <= given.most_ms else 1


if __name__ == "__main__":
    sys.exit(main())
