"""Histories with made anomalies: each must be found, by its name, and a history without any must have none."""
import copy
import json
import os
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from check_history import Check  # noqa: E402: needs the path
from history import History, digest  # noqa: E402

# Two jobs, each asked for, looked at while it runs and when it is over, and heard; the first is sent twice, and one call is never answered.
GOOD = [
    {"t": 0, "event": "expect", "request": "r1", "audio": "a1"},
    {"t": 0, "event": "expect", "request": "r2", "audio": "a2"},
    {"t": 1.0, "event": "call", "op": 1, "what": "submit", "key": "k1", "request": "r1"},
    {"t": 1.1, "event": "return", "op": 1, "code": None},
    {"t": 1.2, "event": "call", "op": 2, "what": "submit", "key": "k1", "request": "r1"},
    {"t": 1.3, "event": "call", "op": 3, "what": "submit", "key": "k2", "request": "r2"},
    {"t": 1.4, "event": "return", "op": 2, "code": 202, "job": "j1"},
    {"t": 1.5, "event": "return", "op": 3, "code": 202, "job": "j2"},
    {"t": 2.0, "event": "call", "op": 4, "what": "state", "job": "j1"},
    {"t": 2.1, "event": "return", "op": 4, "code": 200, "status": "running"},
    {"t": 2.2, "event": "call", "op": 5, "what": "submit", "key": "k1", "request": "r1"},
    {"t": 2.3, "event": "return", "op": 5, "code": 202, "job": "j1"},
    {"t": 3.0, "event": "call", "op": 6, "what": "state", "job": "j1"},
    {"t": 3.1, "event": "return", "op": 6, "code": 200, "status": "completed", "outcome": "o1"},
    {"t": 3.2, "event": "call", "op": 7, "what": "audio", "job": "j1"},
    {"t": 3.3, "event": "return", "op": 7, "code": 503},
    {"t": 3.4, "event": "call", "op": 8, "what": "audio", "job": "j1"},
    {"t": 3.5, "event": "return", "op": 8, "code": 200, "audio": "a1"},
    {"t": 4.0, "event": "call", "op": 9, "what": "state", "job": "j2"},
    {"t": 4.1, "event": "return", "op": 9, "code": 200, "status": "failed", "outcome": "o2"},
    {"t": 4.2, "event": "call", "op": 10, "what": "state", "job": "j1"},
    {"t": 4.3, "event": "return", "op": 10, "code": 200, "status": "completed", "outcome": "o1"},
    {"t": 5.0, "event": "call", "op": 11, "what": "submit", "key": "k3", "request": "r1"},
]


def check(events):
    return Check(json.dumps(event) for event in sorted(events, key=lambda e: (e["t"], e["event"] == "return")))


def asked(op, t, code, what="state", job="j1", **more):
    """A call and its return."""
    return [{"t": t, "event": "call", "op": op, "what": what, "job": job}, {"t": t + 0.05, "event": "return", "op": op, "code": code, **more}]


def sent(op, t, key, code=202, **more):
    return [{"t": t, "event": "call", "op": op, "what": "submit", "key": key, "request": "r1"}, {"t": t + 0.05, "event": "return", "op": op, "code": code, **more}]


class Histories(unittest.TestCase):
    def found(self, events, *kinds):
        self.assertEqual(sorted({what for what, *_ in check(events).anomalies}), sorted(kinds))

    def changed(self, op, event="return", **fields):
        events = copy.deepcopy(GOOD)
        one = next(e for e in events if e.get("op") == op and e["event"] == event)
        one.update(fields)
        return events

    def without(self, *ops):
        return [e for e in GOOD if e.get("op") not in ops]

    def test_a_good_one(self):
        report = check(GOOD).report()
        self.assertEqual(report, {"operations": 11, "accepted": 2, "completed": 1, "failed": 1, "results heard": 1, "unanswered": 2, "anomalies": 0})

    def test_lost(self):
        self.found(GOOD + asked(20, 6, 404), "lost")
        self.found(GOOD + asked(20, 6, 404, "audio"), "lost")
        self.found(GOOD + asked(20, 1.25, 404))  # asked before the promise was made
        self.found(self.without(9), "never over")
        self.found(self.changed(9, code=503, status=None), "never over")

    def test_duplicates(self):
        self.found(self.changed(5, job="j2"), "two jobs for one key", "one job for two keys")
        self.found(self.changed(3, job="j1") + asked(20, 4.5, 200, job="j1", status="completed", outcome="o1"),
                   "one job for two keys", "heard of before it was asked for")  # j2, of whom nobody was told
        second = sent(20, 6, "k1", job="j9") + asked(21, 7, 200, job="j9", status="completed", outcome="o9")
        self.found(GOOD + second, "two jobs for one key")

    def test_two_results(self):
        self.found(self.changed(10, outcome="another"), "ended twice")
        self.found(self.changed(10, status="failed"), "two ends")
        self.found(GOOD + asked(20, 6, 200, "audio", "j2", audio="a2"), "two ends")  # what had failed is heard

    def test_audio_that_is_another_s(self):
        self.found(self.changed(8, audio="a2"), "wrong audio")
        self.found(self.changed(8, audio="half"), "wrong audio")

    def test_before_its_call(self):
        self.found(GOOD + asked(20, 0.5, 200, status="running"), "heard of before it was asked for")
        self.found(GOOD + asked(20, 1.05, 200, status="running"))  # the call that was not answered may have made it
        self.found(GOOD + asked(20, 6, 200, job="j7", status="completed"), "heard of before it was asked for")

    def test_returns_that_fit_no_call(self):
        self.found(GOOD + [{"t": 9, "event": "return", "op": 99, "code": 200}], "a return without its call")
        self.found(GOOD + [{"t": 9, "event": "return", "op": 4, "code": 200, "status": "running"}], "two returns of one call")
        self.found(GOOD + [{"t": 9, "event": "call", "op": 4, "what": "state", "job": "j1"}, {"t": 9.1, "event": "return", "op": 4, "code": 200, "status": "completed"}],
                   "two calls of one number")
        backward = self.changed(4, t=1.9)
        self.assertEqual(Check(map(json.dumps, backward)).anomalies[0][0], "a return before its call")

    def test_an_end_that_did_not_stay(self):
        for status in ("running", "queued"):
            self.found(self.changed(10, status=status, outcome=None), "an end that did not stay")
        self.found(GOOD + [{**e, "t": t} for e, t in zip(asked(20, 0, 200, status="running"), (2.9, 3.15))])  # asked before the end was seen
        self.found(GOOD + asked(20, 3.6, 200, status="running"), "an end that did not stay")  # heard, so it was over

    def test_answers_that_none_may_give(self):
        self.found(GOOD + asked(20, 6, 500, "audio"), "an answer that is none")
        self.found(GOOD + sent(20, 6, "k1", 422), "an answer that is none")

    def test_what_was_taken_away(self):
        """Excuses the loss of what was promised before, and of nothing else."""
        emptied = [{"t": 1.8, "event": "emptied", "since": 1.7}]
        lost = self.without(4, 6, 7, 8, 9, 10) + asked(20, 6, 404)
        self.found(lost, "lost", "never over")
        self.found([e for e in lost if e.get("op") != 5] + emptied)
        self.assertEqual(check([e for e in lost if e.get("op") != 5] + emptied).report()["taken"], 2)
        self.found(self.changed(8, audio="a2") + emptied, "wrong audio")
        later = sent(20, 6, "k4", job="j4") + asked(21, 7, 404, job="j4")
        self.found(GOOD + emptied + later, "lost", "never over")
        again = sent(20, 6, "k1", job="j5") + asked(21, 7, 200, job="j5", status="completed")
        self.found(GOOD + again, "two jobs for one key")
        self.found(GOOD + emptied + again)

    def test_a_line_that_is_none(self):
        with self.assertRaises(ValueError):
            check([{"t": 1, "event": "cal"}])


class Written(unittest.TestCase):
    def test_by_many_at_once(self):
        """Every call has a number of its own and one return, and lines are whole."""
        path = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "h.jsonl")
        history = History(path)
        history.event("expect", request=digest("text"), audio=digest(b"sound"))

        def client(n):
            for k in range(50):
                op = history.call("submit", key=f"{n}-{k}", request=digest("text"))
                history.returned(op, 202, job=f"job-{n}-{k}")
                op = history.call("audio", job=f"job-{n}-{k}")
                history.returned(op, 200, audio=digest(b"sound"))
        threads = [threading.Thread(target=client, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        history.close()
        with open(path, encoding="utf-8") as lines:
            report = Check(lines).report()
        self.assertEqual(report, {"operations": 800, "accepted": 400, "completed": 400, "results heard": 400, "anomalies": 0})


if __name__ == "__main__":
    unittest.main()
