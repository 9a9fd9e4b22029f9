"""Gateways and workers over Redis of which one kind is killed at random moments, and what clients saw of it.

As kills.py has it for one process: every call and its answer is noted, and checked against what was promised when it is
over. A job that was being made three times when its worker was killed may be a dead letter; that is told, and counted."""
import collections
import random

import fleet
import kills
import service

SHORT = [f"{word}." for word in ("One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")]


class FleetKills(kills.Kills):
    def __init__(self, command, what, seed=0, clients=4, texts=kills.TEXTS, gateways=2, workers=2):
        self.what, self.texts = what, texts
        self.fleet = fleet.Fleet(gateways, workers, flags=("--queue-audio", "3600s", "--log-level", "error"), command=command)
        super().__init__(command, self.fleet.folder, clients=clients, seed=seed, texts=texts)

    @property
    def port(self):
        return random.choice(self.fleet.gateways).port

    @port.setter
    def port(self, value):
        pass  # there are several

    def start_once(self):
        if not hasattr(self.fleet, "redis"):
            self.fleet.__enter__()
            self.starts.append(0.0)
            return
        begun = kills.time.monotonic()
        if self.what == "worker":
            self.fleet.add_worker()
        elif self.what == "gateway":
            self.fleet.add_gateway()
        else:
            self.fleet.redis.start()
        self.starts.append(kills.time.monotonic() - begun)

    def kill(self):
        if self.what == "redis":
            self.fleet.redis.kill()
            return
        group = self.fleet.workers if self.what == "worker" else self.fleet.gateways
        victim = group.pop(self.random.randrange(len(group)))
        victim.process.kill()
        victim.process.wait()
        victim.reader.join(5)
        victim.process.stderr.close()

    def settle(self, patience_s=600):
        try:
            super().settle(patience_s)
        finally:
            self.fleet.__exit__()

    def finish_service(self):
        """Nothing is left in the queue when all is over, which a gateway looks at once a second."""
        until = kills.time.monotonic() + 20
        while True:
            state = self.fleet.gateways[0].get("/readyz").json().get("jobs", {"pending": "it is not ready", "dead": 0})
            if not state["pending"] and state["dead"] == collections.Counter(self.ends.values())["failed"]:
                return
            if kills.time.monotonic() > until:
                self.note("counts do not reconcile", state)
                return
            kills.time.sleep(0.2)
