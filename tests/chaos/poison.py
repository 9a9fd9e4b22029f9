"""A job that ends every worker that makes it, among so many others that it stands in full batches.

The job is deadly: whoever is seen making it is killed. It comes from an address of its own, so that it has its turn while the
others' wait. It must be a dead letter after three deaths, and no other job may be one."""
import time

import fleet_kills
import service
from check_history import OVER

POISON = "The river runs through the valley and the wind goes over the hills. " * 40
INNOCENT = [f"Beside it stands number {n}, which has done nothing. " * 4 for n in range(10)]
TRIES = 3  # tries_max
# Jobs that the worker of a job has in hand, and that one.
BESIDE = """local worker, n = redis.call('HGET', ARGV[1] .. ARGV[2], 'worker'), 0
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local its = redis.call('HMGET', key, 'state', 'worker')
  if its[1] == 'running' and its[2] == worker then n = n + 1 end
end
return n"""


class Poison(fleet_kills.FleetKills):
    def __init__(self, command, ahead=60, **more):
        """ahead: jobs that wait for each worker."""
        super().__init__(command, "worker", texts=INNOCENT, **more)
        self.ahead, self.poisons, self.beside = ahead, [], []

    def waiting(self):
        return self.fleet.gateways[0].get("/readyz").json().get("jobs", {}).get("pending", 0)

    def one(self, mine):
        """As many as are to wait, not as many as are taken in."""
        if self.waiting() > self.ahead * len(self.fleet.workers):
            time.sleep(0.05)
        else:
            super().one(mine)

    def making(self, job):
        """The worker that makes it now."""
        if self.look(job) != "running":
            return None
        pid = self.fleet.worker_of(job)
        return next((w for w in self.fleet.workers if w.process.pid == pid), None)

    def poison(self, number):
        service.wait_for(self.waiting, lambda n: n >= self.ahead)
        job = self.submit(POISON, f"poison-{number}", source="127.0.0.9")
        beside = []
        for _ in range(TRIES):
            victim = service.wait_for(lambda: self.making(job), lambda w: w or self.ends.get(job))
            if not victim:
                break
            beside.append(int(self.fleet.redis.ask("EVAL", BESIDE, 0, "{emotivoice}:job:", job)))
            self.fleet.workers.remove(victim)
            victim.kill()
            self.start()
        self.poisons.append(job)
        self.beside.append(beside)

    def run(self, poisons):
        with self.load():
            for n in range(poisons):
                self.poison(n)
        self.judge()

    def finish_service(self):
        super().finish_service()
        gateway = self.fleet.gateways[0]
        dead = {d["id"]: d["tries"] for d in gateway.get("/admin/dead", port=gateway.admin_port).json()}
        if dead != {job: TRIES for job in self.poisons}:
            self.note("not the poison alone is dead", dead, self.poisons)
        if innocent := {job: end for job, end in self.ends.items() if end != "completed" and job not in self.poisons}:
            self.note("an innocent job was not made", innocent)
        for job, beside in zip(self.poisons, self.beside):
            if beside[:1] < [2] or beside[1:] != [1] * (TRIES - 1) or self.ends.get(job) not in OVER:
                self.note("it did not stand among others at first, and alone from then on", job, beside, self.ends.get(job))

    def report(self):
        return {**super().report(), "poisons": len(self.poisons), "in_hand_when_it_died": self.beside}
