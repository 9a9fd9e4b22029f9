#!/usr/bin/env python3
"""`emotivoice scale` under a load that rises threefold and falls: workers follow the queue, and nothing is lost.

  tests/chaos/scale.py [build/emotivoice] [--rate 0.5] [--phase 60] [--part 0.06] [--plot docs/scale.svg]

The command gets --threshold as --target, --most as --max, --poll as --every and --calm as --cooldown. Many workers on few cores
are no faster than one, so each is held to a part of a core, which is what stands for a machine of its own: it is stopped
(SIGSTOP) for the rest of each tenth of a second. One line of JSON at the end, exit status 1 if a request was lost or a worker
did not end well; --plot draws load, queue, workers and the wait over time."""
import argparse
import json
import os
import random
import re
import signal
import sys
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")]
import service  # noqa: E402: takes the command from the arguments
import fleet  # noqa: E402
import scaler  # noqa: E402

SLICE_S = 0.1
TEXT = " The river runs through the valley and the wind goes over the hills." * 6


class Parts:
    """The scaler's workers, each held to a part of a core."""

    def __init__(self, s, part):
        self.scaler, self.part, self.over, self.held = s, part, False, {}

    def run(self):
        while not self.over:
            for pid in set(sum(self.scaler.workers(), [])) - set(self.held):
                self.held[pid] = threading.Thread(target=self.hold, args=(pid,), daemon=True)
                self.held[pid].start()
            time.sleep(SLICE_S)

    def hold(self, pid):
        try:
            while not self.over:
                for sign, seconds in ((signal.SIGCONT, self.part * SLICE_S), (signal.SIGSTOP, (1 - self.part) * SLICE_S)):
                    os.kill(pid, sign)
                    time.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass  # it has ended


class Load:
    """Requests at random times, each heard to its end; what became of each."""

    def __init__(self, f, seed):
        self.fleet, self.random, self.rate, self.over = f, random.Random(seed), 0, False
        self.done, self.lost, self.threads, self.number = [], [], [], 0

    def one(self, n):
        begun = time.monotonic()
        try:
            answer = self.fleet.gateways[0].speech(f"Number {n} is heard to its end." + TEXT, response_format="pcm")
            good = answer.code == 200 and len(answer.body) > 10000
        except OSError as error:
            answer, good = error, False
        (self.done if good else self.lost).append((begun, time.monotonic() - begun) if good else repr(answer))

    def run(self):
        while not self.over:
            time.sleep(self.random.expovariate(self.rate))
            self.number += 1
            self.threads.append(threading.Thread(target=self.one, args=(self.number,)))
            self.threads[-1].start()


def p95(values):
    return sorted(values)[int(len(values) * 0.95)] if values else 0.0


def svg(rows, phase_s, path):
    """Three panels over time: what is asked for and the workers; the queue; the wait."""
    panels = (("requests a second", [(r["t"], r["rate"]) for r in rows], "#888888"), ("workers", [(r["t"], r["workers"]) for r in rows], "#1f6f3f"),
              ("speech that waits, s", [(r["t"], r["queue_s"]) for r in rows], "#8a5a00"), ("P95 of the wait for all of it, s", [(r["t"], r["p95_s"]) for r in rows], "#7a1f5c"))
    width, height, left, last = 720, 110, 60, rows[-1]["t"]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height * len(panels) + 30}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>']
    for i, (name, points, color) in enumerate(panels):
        top, most = i * height + 20, max(max(v for _, v in points), 1)
        x = lambda t: left + t / last * (width - left - 15)  # noqa: E731
        y = lambda v, top=top, most=most: top + (height - 35) * (1 - v / most)  # noqa: E731
        out.append(f'<text x="{left}" y="{top - 6}" fill="{color}">{name}</text>')
        out.append(f'<text x="{left - 6}" y="{y(most) + 4}" text-anchor="end">{most:.3g}</text><text x="{left - 6}" y="{y(0) + 4}" text-anchor="end">0</text>')
        out.append(f'<path d="M{left} {y(0)} H{width - 15}" stroke="#ccc"/>')
        for k in (1, 2):
            out.append(f'<path d="M{x(k * phase_s):.1f} {top} V{y(0)}" stroke="#ccc" stroke-dasharray="3"/>')
        line = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in points)
        out.append(f'<polyline fill="none" stroke="{color}" stroke-width="1.5" points="{line}"/>')
    out.append(f'<text x="{width - 15}" y="{height * len(panels) + 22}" text-anchor="end">{last:.0f} s</text></svg>')
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


def follow(f, s, given):
    """The three phases: a row a second, what became of the load, the scaler's exit status."""
    rows, parts, load, begun = [], Parts(s, given.part), Load(f, given.seed), time.monotonic()
    state = lambda: f.gateways[0].get("/readyz").json()["jobs"]  # noqa: E731
    while state()["workers"] < 1:
        time.sleep(0.1)
    load.rate = given.rate
    threads = [threading.Thread(target=one.run) for one in (parts, load)]
    for thread in threads:
        thread.start()
    for phase in (1, 3, 1):
        load.rate = phase * given.rate
        until = time.monotonic() + given.phase
        while time.monotonic() < until:
            time.sleep(1)
            now = time.monotonic()
            lately = [took for at, took in load.done if at + took > now - 10]
            rows.append({"t": round(now - begun, 1), "rate": load.rate, "workers": len(s.workers()[0]), "queue_s": round(state()["pending_audio_s"], 1),
                         "p95_s": round(p95(lately), 2)})
    load.over = True
    threads[1].join()
    for thread in load.threads:
        thread.join()
    parts.over = True
    threads[0].join()
    return rows, load, begun, s.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("rate", 0.5), ("phase", 60.0), ("part", 0.06), ("threshold", 40.0), ("poll", 2.0), ("calm", 15.0)):
        parser.add_argument("--" + name, type=float, default=value)
    parser.add_argument("--most", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot")
    given = parser.parse_args()
    with fleet.Fleet(1, 0, flags=("--queue-audio", "3600s", "--log-level", "error", "--redis-lease", "5s"), redis_flags=("--appendfsync", "everysec")) as f:
        flags = [word for name, value in (("min", 1), ("max", given.most), ("target", given.threshold), ("every", given.poll),
                                          ("cooldown", given.calm)) for word in (f"--{name}", str(value))]
        with scaler.Scaler(f.command, *f.common, "--log-level", "info", "--threads", "1", "--worker-jobs", "4", *flags) as s:
            rows, load, begun, status = follow(f, s, given)
    ends = [int(code) for code in re.findall(r"worker \d+ ended with status (\d+)\"", "".join(s.lines))]
    if given.plot:
        svg(rows, given.phase, given.plot)
    third = [[took for at, took in load.done if i * given.phase <= at - begun < (i + 1) * given.phase] for i in range(3)]
    report = {"requests": load.number, "heard": len(load.done), "lost": len(load.lost), "workers_most": max(r["workers"] for r in rows),
              "workers_at_the_end": rows[-1]["workers"], "workers_ended_well": ends.count(0), "ended": len(ends),
              "p95_s": [round(p95(t), 2) for t in third], "queue_s_most": max(r["queue_s"] for r in rows)}
    print(json.dumps(report))
    return 1 if load.lost or status or any(ends) or "by itself" in "".join(s.lines) else 0


sys.exit(main())
