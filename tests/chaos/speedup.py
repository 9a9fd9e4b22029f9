#!/usr/bin/env python3
"""What a second worker adds: one worker and two by turns, each held to a core of its own, behind nginx, a gateway and a real
redis-server, with as much to do as they can.

  tests/chaos/speedup.py [build/emotivoice] [--kind later|heard] [--seconds 20] [--rounds 3] [--least 1.8]

later: texts of a minute, asked for at /tts; heard: sentences of three seconds, streamed to their end. Everything but the workers has
the other cores, and where there are only two shares those. So beside the throughput stands what processor each part took: cores_had
says how much of their cores the workers had, and times_of_whole_cores how much faster two are if each has its own (from seconds of
processor for a second of speech). One line of JSON; exit status 1 where two made less than --least times as much."""
import argparse
import http.client
import itertools
import json
import os
import random
import statistics
import sys
import threading
import time
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "server"), os.path.join(HERE, "..", "deploy")]
import service  # noqa: E402: takes the command from the arguments
import fleet  # noqa: E402
import gateways  # noqa: E402

CORES = sorted(os.sched_getaffinity(0))
MINUTE = " The river runs through the valley and the wind goes over the hills." * 14
FLAGS = ("--log-level", "error", "--queue-audio", "36000s", "--queue-wait", "600s", "--result-cache", "0", "--coalesce", "off", "--redis-lease", "15s")
AHEAD, LISTENERS = 48, 24  # jobs that wait, and clients that hear, for each worker


def processor(pids):
    """Seconds of processor that these and their children have had."""
    seconds = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            seconds += sum(map(int, stat.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            seconds += processor(children.read().split())
    return seconds


class Load:
    """So much, through the proxy, that the workers never wait."""

    def __init__(self, proxy, gateway, kind):
        self.proxy, self.gateway, self.workers, self.over = proxy, gateway, 1, False
        self.number, self.jobs, self.wrong = itertools.count(), [], []
        self.threads = [threading.Thread(target=self.later)] if kind == "later" else [threading.Thread(target=self.heard, args=(n,)) for n in range(2 * LISTENERS)]
        for thread in self.threads:
            thread.start()

    def ask(self, path, body):
        try:
            code, _, body = self.proxy.ask("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            return code, body
        except (OSError, http.client.HTTPException) as error:
            return None, repr(error)

    def later(self):
        while not self.over:
            waits = self.gateway.get("/readyz").json()["jobs"]["pending"]
            for _ in range(AHEAD * self.workers - waits):
                text = f"Number {next(self.number)}." + MINUTE
                code, body = self.ask("/tts", {"text": text, "response_format": "pcm"})
                if code == 202:
                    self.jobs.append((json.loads(body)["request_id"], text))
                else:
                    self.wrong.append((code, body[:200]))
            time.sleep(0.3)

    def heard(self, n):
        while not self.over:
            if n >= LISTENERS * self.workers:
                time.sleep(0.1)
                continue
            text = f"The train leaves at half past nine, number {next(self.number)}."
            code, body = self.ask("/v1/audio/speech", {"input": text, "response_format": "pcm"})
            if code != 200 or len(body) < 2 * service.RATE:
                self.wrong.append((code, body[:200]))

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join()


class Parts:
    """The processes by what they are, and a look at all their clocks."""

    def __init__(self, f, gateway, proxy):
        self.fleet, self.pids = f, {"gateway": [gateway.process.pid], "nginx": [proxy.process.pid], "redis": [f.redis.process.pid]}

    def look(self):
        workers = self.fleet.workers
        return {"at": time.monotonic(), "audio": sum(w.metric("audio_seconds_total") for w in workers), "workers": processor([w.process.pid for w in workers]),
                "load": time.process_time(), **{name: processor(pids) for name, pids in self.pids.items()}}


def add_worker(f):
    """On the next core."""
    worker = fleet.Worker(f.command, *f.common, "--threads", "1")
    worker.flags = ["taskset", "-c", str(CORES[len(f.workers)]), *worker.flags]
    f.workers.append(worker.__enter__())


def measure(f, parts, load, count, seconds):
    while len(f.workers) < count:
        add_worker(f)
    while len(f.workers) > count:
        if f.workers.pop().stop():
            raise AssertionError("a worker did not end well")
    load.workers = count
    f.settle()
    time.sleep(3)  # until all have work
    before = parts.look()
    time.sleep(seconds)
    after = parts.look()
    took = {name: after[name] - before[name] for name in after}
    audio, wall = took.pop("audio"), took.pop("at")
    return {"audio_s_per_s": audio / wall, "cores_had": took["workers"] / wall, **{f"{name}_ms_per_audio_s": 1000 * value / audio for name, value in took.items()}}


def check(f, gateway, load, seed):
    """Everything that was accepted is made, and some of it is what it should be."""
    service.wait_for(lambda: gateway.get("/readyz").json()["jobs"]["pending"], lambda n: n == 0, 600)
    states = [gateway.get(f"/tts/{job}").json()["status"] for job, _ in load.jobs]
    some = random.Random(seed).sample(load.jobs, min(5, len(load.jobs)))
    if load.wrong or set(states) - {"completed"}:
        raise AssertionError((load.wrong[:3], set(states)))
    for job, text in some:
        if gateway.get(f"/tts/{job}/audio?format=pcm").body != service.said(text):
            raise AssertionError("another sound than the command's")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=("later", "heard"), default="later")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--least", type=float, default=1.8)
    given = parser.parse_args()
    if len(CORES) < 2:
        sys.exit("two workers need two cores")
    if len(CORES) > 2:
        os.sched_setaffinity(0, CORES[2:])  # and of all that is started here but the workers
    rows = {1: [], 2: []}
    with fleet.Fleet(0, 0, flags=FLAGS, redis_flags=("--appendfsync", "everysec")) as f, gateways.Gateways(*f.common, "--rate-per-ip", "0", count=1) as g, \
            gateways.Nginx(types.SimpleNamespace(ports=g.ports * 3), ("rate=50r/s", "rate=100000r/s")) as proxy:
        gateway = g.services[0]
        f.gateways.append(gateway)
        add_worker(f)
        f.settle()
        load, parts = Load(proxy, gateway, given.kind), Parts(f, gateway, proxy)
        try:
            for n in range(given.rounds):
                for count in (1, 2):
                    rows[count].append(measure(f, parts, load, count, given.seconds))
        finally:
            load.end()
        check(f, gateway, load, 0)
    told = {count: {name: round(statistics.median(row[name] for row in them), 3) for name in them[0]} for count, them in rows.items()}
    times = told[2]["audio_s_per_s"] / told[1]["audio_s_per_s"]
    print(json.dumps({"kind": given.kind, "cores": len(CORES), "one": told[1], "two": told[2], "times": round(times, 2),
                      "times_of_whole_cores": round(2 * told[1]["workers_ms_per_audio_s"] / told[2]["workers_ms_per_audio_s"], 2)}))
    return 0 if times >= given.least else 1


if __name__ == "__main__":
    sys.exit(main())
