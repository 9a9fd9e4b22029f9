#!/usr/bin/env python3
"""Judges histories of clients (history.py has their form) against what a service promises, offline.

  tests/chaos/check_history.py HISTORY...

What is promised: a job that was answered with 202 is there from then on and comes to one end, which stays as it is; a key means one
job and a job one key; nothing is heard of a job before anybody asked for it; its audio is the one of its request. One line a
history's anomaly, one line of JSON a history; exit status 1 if there was an anomaly.

A call of which no answer came may have been done or not: nothing is concluded from it."""
import collections
import dataclasses
import json
import sys

OVER = ("completed", "failed", "expired", "canceled")
# What each call may be answered with at any time; 404 is judged by what was promised before.
ANSWERS = {"submit": (202, 429, 503, 507), "state": (200, 404, 429, 503), "audio": (200, 404, 429, 503)}


@dataclasses.dataclass
class Op:
    number: int
    what: str
    called: float
    key: str = None
    request: str = None
    job: str = None
    back: float = None  # None: it never returned
    code: int = None
    status: str = None
    outcome: str = None
    audio: str = None

    def end(self):
        """The end that this saw its job at; audio is served of what is completed alone."""
        if self.code != 200:
            return None
        return "completed" if self.what == "audio" else self.status if self.status in OVER else None


class Check:
    """anomalies: what, and of what. report(): the counts that belong to it."""

    def __init__(self, lines):
        self.ops, self.expected, self.emptied, self.anomalies = {}, {}, [], []
        self.counts = collections.Counter()
        for line in lines:
            self.read(json.loads(line))
        self.submits = [op for op in self.ops.values() if op.what == "submit" and op.code == 202]
        self.promised = self.first_by("job")
        self.check_answers()
        self.check_names("key", "job", "two jobs for one key")
        self.check_names("job", "key", "one job for two keys")
        asked = {}
        seen = collections.defaultdict(list)
        for op in self.ops.values():
            if op.what == "submit":
                asked[op.key] = min(op.called, asked.get(op.key, op.called))
            elif op.back is not None:
                seen[op.job].append(op)
        for job, ops in seen.items():
            promise = self.promised.get(job)
            self.check_asked(job, asked[promise.key] if promise else None, ops)
        for job, promise in self.promised.items():
            self.check_audio(job, promise, seen[job])
            self.check_end(job, promise, seen[job])

    # ---- reading ----

    def read(self, event):
        kind = event.pop("event")
        if kind == "expect":
            self.expected[event["request"]] = event["audio"]
        elif kind == "emptied":
            self.emptied.append((event["since"], event["t"]))
        elif kind == "call":
            number, called = event.pop("op"), event.pop("t")
            if number in self.ops:
                self.anomaly("two calls of one number", number)
            self.ops[number] = Op(number, called=called, **event)
        elif kind == "return":
            self.read_return(event)
        else:
            raise ValueError(f"no event '{kind}'")

    def read_return(self, event):
        number, back = event.pop("op"), event.pop("t")
        op = self.ops.get(number)
        if op is None:
            self.anomaly("a return without its call", number)
        elif op.back is not None:
            self.anomaly("two returns of one call", number)
        elif back < op.called:
            self.anomaly("a return before its call", number)
        else:
            op.back = back
            for name, value in event.items():
                setattr(op, name, value)

    def anomaly(self, what, *details):
        self.anomalies.append((what, *details))

    def first_by(self, name):
        """The submit that was answered first, by what it names."""
        first = {}
        for op in self.submits:
            known = first.setdefault(getattr(op, name), op)
            if op.back < known.back:
                first[getattr(op, name)] = op
        return first

    # ---- judging ----

    def check_answers(self):
        for op in self.ops.values():
            if op.code is None:
                self.counts["unanswered"] += 1
            elif op.code not in ANSWERS[op.what]:
                self.anomaly("an answer that is none", op.what, op.job or op.key, op.code)

    def check_names(self, one, other, what):
        first = self.first_by(one)
        for op in self.submits:
            known = first[getattr(op, one)]
            if getattr(op, other) != getattr(known, other) and not self.excused(known, op.back):
                self.anomaly(what, getattr(op, one), getattr(known, other), getattr(op, other))

    def excused(self, promise, until):
        """Whether what was promised was taken from the service at a moment between that and then."""
        return any(promise.called <= end and since <= until for since, end in self.emptied)

    def check_asked(self, job, asked, ops):
        for op in ops:
            if op.code == 200 and (asked is None or op.back < asked):
                self.anomaly("heard of before it was asked for", job, op.what, op.number)

    def check_end(self, job, promise, ops):
        for op in ops:
            if op.code == 404 and op.called > promise.back and not self.excused(promise, op.back):
                self.anomaly("lost", job, op.number)
        ends = sorted((op for op in ops if op.end()), key=lambda op: op.back)
        if not ends:
            if self.excused(promise, float("inf")):
                self.counts["taken"] += 1
            else:
                self.anomaly("never over", job)
            return
        self.counts[ends[0].end()] += 1
        for op in ops:
            if op.code == 200 and op.called > ends[0].back and not op.end():
                self.anomaly("an end that did not stay", job, ends[0].end(), op.status)
        if len({op.end() for op in ends}) > 1:
            self.anomaly("two ends", job, *sorted({op.end() for op in ends}))
        elif len({op.outcome for op in ends if op.outcome}) > 1:
            self.anomaly("ended twice", job)

    def check_audio(self, job, promise, ops):
        heard = [op for op in ops if op.what == "audio" and op.code == 200]
        self.counts["results heard"] += len(heard)
        for op in heard:
            if op.audio != self.expected.get(promise.request):
                self.anomaly("wrong audio", job, op.number)

    def report(self):
        kinds = collections.Counter(what for what, *_ in self.anomalies)
        return {"operations": len(self.ops), "accepted": len(self.promised), **self.counts, "anomalies": len(self.anomalies),
                **({"kinds": dict(kinds)} if kinds else {})}


def read(path):
    with open(path, encoding="utf-8") as file:
        return Check(file)


def main(paths):
    checks = [read(path) for path in paths]
    for path, check in zip(paths, checks):
        for anomaly in check.anomalies:
            print(f"{path}:", *anomaly)
        print(json.dumps({"history": path, **check.report()}))
    return 1 if any(check.anomalies for check in checks) else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
