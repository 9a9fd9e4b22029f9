"""A service with data_dir that is killed at random moments while clients send jobs, and what its clients saw of it.

Every call and its answer is noted as it comes; what was promised is checked against that when it is over. Clients send
each job with an Idempotency-Key, and send it again with the same one when they got no answer."""
import collections
import hashlib
import http.client
import json
import random
import signal
import subprocess
import threading
import time

import service

TEXTS = [f"This is sentence number {n}, and it is heard {how}." for n in range(10) for how in ("once", "at last")]
OVER = ("completed", "failed", "expired", "canceled")


def digests(command, texts=TEXTS):
    """What each text is, made without any kill: the same request gives the same samples."""
    with service.Service(command, *service.FREE) as s:
        return {t: hashlib.sha256(s.speech(t, response_format="pcm").body).hexdigest() for t in texts}


class Kills:
    def __init__(self, command, folder, clients=4, seed=0, flags=(), texts=TEXTS):
        self.command, self.folder, self.clients, self.flags, self.texts = command, folder, clients, flags, texts
        self.random = random.Random(seed)
        self.expected = digests(command, texts)
        self.lock = threading.Lock()
        self.accepted, self.ends, self.anomalies = {}, {}, []  # id -> text; id -> first end seen
        self.counts, self.starts, self.acceptances = collections.Counter(), [], []
        self.totals, self.reasons = {}, collections.Counter()  # id -> seconds from its coming to its end
        self.over, self.port, self.number = False, 0, 0

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
        self.service.process.send_signal(signal.SIGKILL)
        self.service.process.wait()
        self.service.reader.join(5)
        self.service.process.stderr.close()

    # ---- the clients ----

    def ask(self, method, path, body=None, headers=None):
        """None: no answer, or half of one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def note(self, what, *details):
        with self.lock:
            self.anomalies.append((what, *details))

    def send(self, text, key):
        """Until it is answered: how often that takes is not the client's to know."""
        body = json.dumps({"text": text, "response_format": "pcm"})
        while not self.over:
            begun = time.monotonic()
            answer = self.ask("POST", "/tts", body, {"Idempotency-Key": key})
            if answer is None or answer[0] in (503, 429):
                self.counts["unanswered" if answer is None else "refused"] += 1
                time.sleep(0.02)
                continue
            if answer[0] != 202:
                self.note("unexpected answer", answer)
                return None
            self.acceptances.append(time.monotonic() - begun)
            return json.loads(answer[1])["request_id"]

    def look(self, job):
        """One job's state, and its audio when that is there; once over, it stays as it is."""
        answer = self.ask("GET", f"/tts/{job}")
        if answer is None or answer[0] in (429, 503):
            return None
        if answer[0] != 200:
            self.note("a promised job is not there", job, answer)
            return "lost"
        told = json.loads(answer[1])
        state = told["status"]
        with self.lock:
            before = self.ends.get(job)
            if state in OVER:
                self.ends.setdefault(job, state)
                self.totals[job] = told["timings"]["total_ms"] / 1000
                if state != "completed":
                    self.reasons[told.get("error", {}).get("message", "")] += 1
        if before and before != state:
            self.note("an end that changed", job, before, state)
        if state == "completed":
            self.listen(job)
        return state

    def listen(self, job):
        answer = self.ask("GET", f"/tts/{job}/audio")
        if answer is None or answer[0] in (503, 429):
            return
        if answer[0] != 200 or hashlib.sha256(answer[1]).hexdigest() != self.expected[self.accepted[job]]:
            self.note("a wrong result", job, answer[0], len(answer[1]))
        self.counts["results heard"] += 1

    def client(self, seed):
        mine = random.Random(seed)
        while not self.over:
            with self.lock:
                self.number += 1
                key = f"job-{self.number}"
            text = mine.choice(self.texts)
            job = self.send(text, key)
            if not job:
                continue
            with self.lock:
                if self.accepted.setdefault(job, text) != text:
                    self.anomalies.append(("one id for two jobs", job))
                some = mine.choice(list(self.accepted))
            if mine.random() < 0.1 and self.send(text, key) not in (job, None):
                self.note("two jobs for one key", key)
            if mine.random() < 0.3:
                self.look(some)

    # ---- the whole ----

    def run(self, kills, least_s=0.05, most_s=1.5):
        self.start()
        threads = [threading.Thread(target=self.client, args=(self.random.random(),)) for _ in range(self.clients)]
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(self.random.uniform(least_s, most_s))
            self.kill()
            self.start()
        self.over = True
        for thread in threads:
            thread.join()
        self.settle()

    def settle(self, patience_s=600):
        """Everything that was accepted comes to its end, and is heard once more."""
        left, until = set(self.accepted), time.monotonic() + patience_s
        while left and time.monotonic() < until:
            left -= {job for job in left if self.look(job) in (*OVER, "lost")}
            time.sleep(0.2)
        for job in left:
            self.note("never over", job)
        self.finish_service()

    def finish_service(self):
        self.service.stop()

    def waits(self):
        """Seconds from a job's coming to its end."""
        times = sorted(self.totals.values()) or [0]
        return {f"job_s_{name}": round(times[min(int(len(times) * part), len(times) - 1)], 2)
                for name, part in (("median", 0.5), ("p99", 0.99), ("max", 1))}

    def report(self):
        states = collections.Counter(self.ends.values())
        lost = sum(a[0] in ("a promised job is not there", "never over") for a in self.anomalies)
        wrong = sum(a[0] == "a wrong result" for a in self.anomalies)
        return {"kills": len(self.starts) - 1, "accepted": len(self.accepted), **states, "lost": lost, "wrong": wrong,
                "anomalies": len(self.anomalies), **self.counts, "reasons": dict(self.reasons), **self.waits(), "start_s_max": round(max(self.starts), 2),
                "start_s_median": round(sorted(self.starts)[len(self.starts) // 2], 2),
                "accept_ms_median": round(sorted(self.acceptances)[len(self.acceptances) // 2] * 1000, 1)}
