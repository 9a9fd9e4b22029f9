"""A service with data_dir that is killed at random moments while clients send jobs, and what its clients saw of it.

Every call and its answer is written into a history as it comes, which is judged when it is over (check_history.py). Clients send
each job with an Idempotency-Key, and send it again with the same one when they got no answer."""
import collections
import contextlib
import http.client
import json
import os
import random
import tempfile
import threading
import time

import check_history
import service
from check_history import OVER
from history import History, digest

TEXTS = [f"This is sentence number {n}, and it is heard {how}." for n in range(10) for how in ("once", "at last")]


class Kills:
    def __init__(self, command, folder, clients=4, seed=0, flags=(), texts=TEXTS, history=None):
        """history: the file to keep it in; else it is kept where it has anomalies."""
        self.command, self.folder, self.clients, self.flags, self.texts = command, folder, clients, flags, texts
        self.random = random.Random(seed)
        self.keep, path = bool(history), history or tempfile.mkstemp(prefix="emotivoice-history-", suffix=".jsonl")[1]
        self.history = History(path)
        self.lock = threading.Lock()
        self.accepted, self.ends, self.anomalies = {}, {}, []  # id -> text; id -> first end seen
        self.gone = set()  # that were not there when they were looked at
        self.sources = {}  # id -> address of the client whose it is, where that is not everybody's
        self.counts, self.starts, self.acceptances = collections.Counter(), [], []
        self.totals, self.reasons = {}, collections.Counter()  # id -> seconds from its coming to its end
        self.over, self.port, self.number = False, 0, 0
        self.expect(texts)

    def expect(self, texts):
        """What each text is, made without any kill: the same request gives the same samples."""
        with service.Service(self.command, *service.FREE) as s:
            for text in texts:
                self.history.event("expect", request=digest(text), audio=digest(s.speech(text, response_format="pcm").body))

    # ---- the service ----

    def start(self):
        """A machine that has too much to do may not bring up the process that decodes recordings in its time."""
        for patience in range(5):
            try:
                return self.start_once()
            except AssertionError as error:
                if patience == 4 or "decoder" not in str(error):
                    raise
                self.counts["starts given up"] += 1

    def start_once(self):
        begun = time.monotonic()
        self.service = service.Service(self.command, "--rate-per-ip", "0", "--log-level", "error", "--data-dir", self.folder, *self.flags)
        self.service.__enter__()
        self.starts.append(time.monotonic() - begun)
        self.port = self.service.port

    def kill(self):
        self.service.kill()

    # ---- the clients ----

    def ask(self, method, path, body=None, headers=None, source=None):
        """Status and body; None of both where no answer came, or half of one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=source and (source, 0))
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None, None
        finally:
            connection.close()

    def note(self, what, *details):
        """An anomaly that no history tells of."""
        with self.lock:
            self.anomalies.append((what, *details))

    def submit(self, text, key, source=None):
        """The job, if it was accepted. source: the address it comes from."""
        begun = time.monotonic()
        op = self.history.call("submit", key=key, request=digest(text))
        code, body = self.ask("POST", "/tts", json.dumps({"text": text, "response_format": "pcm"}), {"Idempotency-Key": key}, source)
        job = json.loads(body)["request_id"] if code == 202 else None
        self.history.returned(op, code, **({"job": job} if job else {}))
        if job:
            self.acceptances.append(time.monotonic() - begun)
            with self.lock:
                self.sources[job] = source
                self.accepted.setdefault(job, text)
        else:
            self.counts["unanswered" if code is None else "refused"] += 1
        return job

    def send(self, text, key):
        """Until it is answered: how often that takes is not the client's to know."""
        while not self.over:
            if job := self.submit(text, key):
                return job
            time.sleep(0.02)
        return None

    def look(self, job):
        """One job's state, and its audio when that is there; None where nothing is known, "gone" of one that is not there."""
        op = self.history.call("state", job=job)
        code, body = self.ask("GET", f"/tts/{job}", source=self.sources[job])
        if code != 200:
            self.history.returned(op, code)
            if code != 404:
                return None
            self.gone.add(job)
            return "gone"
        told = json.loads(body)
        state = told["status"]
        self.history.returned(op, code, status=state, **({"outcome": digest(body)} if state in OVER else {}))
        if state in OVER:
            self.note_end(job, told)
        if state == "completed":
            self.listen(job)
        return state

    def note_end(self, job, told):
        with self.lock:
            if job not in self.ends and told["status"] != "completed":
                self.reasons[told.get("error", {}).get("message", "")] += 1
            self.ends.setdefault(job, told["status"])
            self.totals[job] = told["timings"]["total_ms"] / 1000

    def listen(self, job):
        op = self.history.call("audio", job=job)
        code, body = self.ask("GET", f"/tts/{job}/audio", source=self.sources[job])
        self.history.returned(op, code, **({"audio": digest(body)} if code == 200 else {}))

    def client(self, seed):
        mine = random.Random(seed)
        while not self.over:
            self.one(mine)

    def one(self, mine):
        """A job of its own, now and then sent again, and a look at anybody's."""
        with self.lock:
            self.number += 1
            key = f"job-{self.number}"
        text = mine.choice(self.texts)
        if not self.send(text, key):
            return
        with self.lock:
            some = mine.choice(list(self.accepted))
        if mine.random() < 0.1:
            self.send(text, key)
        if mine.random() < 0.3:
            self.look(some)

    # ---- the whole ----

    def run(self, kills, least_s=0.05, most_s=1.5):
        with self.load():
            for _ in range(kills):
                time.sleep(self.random.uniform(least_s, most_s))
                self.kill()
                self.start()
        self.judge()

    @contextlib.contextmanager
    def load(self):
        """Clients that send jobs meanwhile; then everything that was accepted comes to its end, and is heard once more."""
        self.start()
        threads = [threading.Thread(target=self.client, args=(self.random.random(),)) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        try:
            try:
                yield
            finally:
                self.over = True
                for thread in threads:
                    thread.join()
            self.settle()
        finally:
            self.end()

    def judge(self):
        self.history.close()
        judged = check_history.read(self.history.path)
        self.judged, self.anomalies = judged.report(), self.anomalies + judged.anomalies
        if not self.keep and not self.anomalies:
            os.unlink(self.history.path)

    def settle(self):
        self.see_ends(set(self.accepted))
        self.finish_service()

    def see_ends(self, left, patience_s=600):
        """Looks at these until they are over, or none has ended for so long: to look at all of them once may take longer."""
        moved = time.monotonic()
        while left and time.monotonic() < moved + patience_s:
            over = {job for job in left if self.look(job) in (*OVER, "gone")}
            left -= over
            moved = time.monotonic() if over else moved
            time.sleep(0.2)

    def finish_service(self):
        self.service.stop()

    def end(self):
        """Whatever has happened."""
        self.service.kill()

    def waits(self):
        """Seconds from a job's coming to its end."""
        times = sorted(self.totals.values()) or [0]
        return {f"job_s_{name}": round(times[min(int(len(times) * part), len(times) - 1)], 2)
                for name, part in (("median", 0.5), ("p99", 0.99), ("max", 1))}

    def report(self):
        starts = sorted(self.starts)
        return {"kills": len(starts) - 1, **self.judged, "anomalies": len(self.anomalies), **self.counts, "reasons": dict(self.reasons), **self.waits(),
                "start_s_max": round(starts[-1], 2), "start_s_median": round(starts[len(starts) // 2], 2),
                "accept_ms_median": round(sorted(self.acceptances)[len(self.acceptances) // 2] * 1000, 1)}
