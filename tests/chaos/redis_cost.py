#!/usr/bin/env python3
"""What a job costs Redis: commands, script time, bytes over the wire and bytes kept, of a real redis-server behind one gateway and one
worker. One line of JSON a kind of job; docs/capacity.md reckons from these.

  tests/chaos/redis_cost.py [build/emotivoice] [--jobs 200]"""
import argparse
import json
import os
import re
import sys
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")]
import service  # noqa: E402: takes the command from the arguments
import fleet  # noqa: E402

TEXT = "The train leaves at half past nine, number {}."
LONG = " The river runs through the valley and the wind goes over the hills." * 14


class Counter:
    """Differences of INFO between two moments."""

    def __init__(self, redis):
        self.redis = redis
        self.at, self.first = time.monotonic(), self.look()

    def look(self):
        text = b"".join(self.redis.ask("INFO", part) for part in ("commandstats", "stats", "cpu")).decode()
        calls = {m[1]: int(m[2]) for m in re.finditer(r"cmdstat_([\w|-]+):calls=(\d+)", text)}
        del_own = {name: n for name, n in calls.items() if not name.startswith("info")}
        number = lambda name: float(re.search(rf"{name}:([\d.]+)", text)[1])  # noqa: E731
        scripts = sum(n for name, n in del_own.items() if name in ("evalsha", "eval"))
        return {"inside": sum(del_own.values()), "scripts": scripts, "in": number("total_net_input_bytes"), "out": number("total_net_output_bytes"),
                "cpu": number("used_cpu_user") + number("used_cpu_sys"), "round_trips": number("total_commands_processed"), "calls": del_own}

    def since(self):
        now, took = self.look(), time.monotonic() - self.at
        each = {k: now[k] - self.first[k] for k in ("scripts", "in", "out", "cpu", "inside")}
        each["calls"] = {k: v - self.first["calls"].get(k, 0) for k, v in now["calls"].items() if v > self.first["calls"].get(k, 0)}
        return took, each


# commands that come from outside; the others are called by the scripts
OUTSIDE = ("evalsha", "xreadgroup", "xread", "xtrim", "xautoclaim")


def measure(f, what, count):
    counter = Counter(f.redis)
    for n in range(count):
        what(n)
    time.sleep(1)
    return counter.since()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    given = parser.parse_args()
    with fleet.Fleet(1, 1, flags=("--queue-audio", "36000s", "--log-level", "error"), redis_flags=("--appendfsync", "everysec")) as f:
        gateway = f.gateways[0]

        def stream(n):
            assert gateway.speech(TEXT.format(n), response_format="pcm").code == 200

        def long(n):
            assert gateway.speech(TEXT.format(n) + LONG, response_format="pcm").code == 200

        def promised(n):
            job = gateway.post("/tts", {"text": TEXT.format(f"{n} of them")}).json()["request_id"]
            while gateway.get("/tts/" + job).json()["status"] != "completed":
                time.sleep(0.02)
            asked[0] += 1

        asked = [0]
        stream(10 ** 6)
        took, idle = measure(f, lambda n: time.sleep(1), 10)
        rate = {k: idle[k] / took for k in ("scripts", "in", "out", "cpu", "inside")}
        outside = sum(idle["calls"].get(name, 0) for name in OUTSIDE) / took
        print(json.dumps({"kind": "idle, one gateway and one worker", "round_trips_s": round(outside, 1), "cpu_ms_s": round(rate["cpu"] * 1000, 2),
                          "bytes_s": round(rate["in"] + rate["out"])}), flush=True)
        for kind, what in (("heard as it is made", stream), ("heard, a minute long", long), ("asked for later", promised)):
            jobs = given.jobs if what is not long else max(given.jobs // 10, 1)
            audio = f.workers[0].metric("audio_seconds_total")
            took, cost = measure(f, what, jobs)
            audio = (f.workers[0].metric("audio_seconds_total") - audio) / jobs
            trips = (sum(cost["calls"].get(name, 0) for name in OUTSIDE) - outside * took) / jobs
            print(json.dumps({"kind": kind, "audio_s": round(audio, 1), "jobs_s": round(jobs / took, 1), "round_trips": round(trips, 1),
                              "commands_inside": round((cost["inside"] - rate["inside"] * took) / jobs, 1),
                              "cpu_ms": round((cost["cpu"] - rate["cpu"] * took) / jobs * 1000, 3),
                              "bytes_in": round((cost["in"] - rate["in"] * took) / jobs),
                              "bytes_out": round((cost["out"] - rate["out"] * took) / jobs)}), flush=True)
        memory = lambda: int(re.search(rb"used_memory:(\d+)", f.redis.ask("INFO", "memory"))[1])  # noqa: E731
        before = memory()
        f.workers[0].process.send_signal(19)  # SIGSTOP: what comes now waits
        for n in range(given.jobs):
            assert gateway.post("/tts", {"text": TEXT.format(f"{n} that waits")}).code == 202
        print(json.dumps({"kind": "waiting", "bytes_kept": round((memory() - before) / given.jobs)}), flush=True)
    return 0


sys.exit(main())
