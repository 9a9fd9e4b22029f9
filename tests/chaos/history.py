"""What clients of a service under faults called, and what came back, a JSON object a line; check_history.py judges it when it is over.

    {"t": 1.2, "event": "expect", "request": "<digest>", "audio": "<digest>"}      what a request's samples are, made in peace
    {"t": 1.3, "event": "call", "op": 7, "what": "submit", "key": "job-3", "request": "<digest>"}
    {"t": 1.4, "event": "return", "op": 7, "code": 202, "job": "<id>"}             code null: no whole answer came
    {"t": 1.5, "event": "call", "op": 8, "what": "state", "job": "<id>"}
    {"t": 1.6, "event": "return", "op": 8, "code": 200, "status": "completed", "outcome": "<digest of all of the answer>"}
    {"t": 1.7, "event": "call", "op": 9, "what": "audio", "job": "<id>"}
    {"t": 1.8, "event": "return", "op": 9, "code": 200, "audio": "<digest>"}
    {"t": 2.0, "event": "emptied", "since": 1.9}                                   all that the service kept was taken from it

Times are seconds of one clock that only rises. A call is written before the request goes out, its return when the answer is here:
what happened in between happened at some moment between the two."""
import hashlib
import itertools
import json
import threading
import time


def digest(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()[:32]


class History:
    def __init__(self, path):
        self.path, self.file = path, open(path, "w", encoding="utf-8")
        self.lock, self.ops, self.begun = threading.Lock(), itertools.count(1), time.monotonic()

    def now(self):
        return round(time.monotonic() - self.begun, 6)

    def event(self, event, **more):
        with self.lock:
            self.file.write(json.dumps({"t": self.now(), "event": event, **more}) + "\n")

    def call(self, what, **more):
        op = next(self.ops)
        self.event("call", op=op, what=what, **more)
        return op

    def returned(self, op, code, **more):
        self.event("return", op=op, code=code, **more)

    def close(self):
        self.file.close()
