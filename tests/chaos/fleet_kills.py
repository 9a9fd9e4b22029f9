"""Gateways and workers over Redis of which one kind is killed at random moments, and what clients saw of it.

As kills.py has it for one process. A job that was being made three times when its worker was killed may be a dead letter; that is
told, and counted. Some clients listen as it is made, to a few texts which others have begun to hear at another gateway: what they get whole
is right, and what breaks off is counted."""
import collections
import json
import random
import time

import fleet
import kills
import service
from history import digest

TALKS = [f"Talk number {n} begins here. " + "The river runs through the valley and the wind goes over the hills. " * 60 for n in range(2)]
SHORT = [f"{word}." for word in ("One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")]


class FleetKills(kills.Kills):
    def __init__(self, command, what, gateways=2, workers=2, texts=SHORT, flags=(), **more):
        self.what = what
        self.fleet = fleet.Fleet(gateways, workers, flags=("--queue-audio", "3600s", "--log-level", "error", *flags), command=command)
        super().__init__(command, self.fleet.folder, texts=texts, **more)
        with service.Service(command, *service.FREE) as s:
            self.talks = {text: digest(s.speech(text, response_format="pcm").body) for text in TALKS}

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
        begun = time.monotonic()
        if self.what == "worker":
            self.fleet.add_worker()
        elif self.what == "gateway":
            self.fleet.add_gateway()
        else:
            self.fleet.redis.start()
        self.starts.append(time.monotonic() - begun)

    def kill(self):
        if self.what == "redis":
            self.fleet.redis.kill()
            return
        group = self.fleet.workers if self.what == "worker" else self.fleet.gateways
        group.pop(self.random.randrange(len(group))).kill()

    def one(self, mine):
        super().one(mine)
        if mine.random() < 0.1:
            self.hear(mine.choice(TALKS))

    def hear(self, text):
        code, body = self.ask("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}))
        self.counts["talks heard" if code == 200 else "talks broken off" if code is None else "talks refused"] += 1
        if code == 200 and digest(body) != self.talks[text]:
            self.note("a talk has other samples", len(body))

    def end(self):
        self.fleet.__exit__()

    def finish_service(self):
        """Nothing is left in the queue when all is over, which a gateway looks at once a second."""
        until = time.monotonic() + 20
        while True:
            state = self.fleet.gateways[0].get("/readyz").json().get("jobs", {"pending": "it is not ready", "dead": -1})
            more = state["dead"] - collections.Counter(self.ends.values())["failed"]  # a talk that ended three workers broke off
            if not state["pending"] and 0 <= more <= self.counts["talks broken off"]:
                self.counts["talks dead"] = more
                return
            if time.monotonic() > until:
                self.note("counts do not reconcile", state)
                return
            time.sleep(0.2)
