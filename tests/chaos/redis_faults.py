"""Gateways and workers over a Redis that fails in every way but by being killed alone, and what clients saw of it.

A round is each fault once, with a proxy between them and Redis for what a network does. After each a job must be accepted and
made within ten seconds; at the end every job that was accepted has been made, or was in Redis when that was emptied; no process
wrote more than twenty lines of its log in a second."""
import collections
import json
import random
import signal
import socket
import struct
import sys
import threading
import time

import fleet
import fleet_kills

RECOVER_S, LINES_A_SECOND = 10, 20
ANOTHER_TYPE = """if redis.call('EXISTS', ARGV[1]) == 1 then redis.call('RENAME', ARGV[1], ARGV[1] .. ':aside') end
return redis.call('SET', ARGV[1], 'of another type')"""
AS_IT_WAS = """redis.call('DEL', ARGV[1])
return redis.call('EXISTS', ARGV[1] .. ':aside') == 1 and redis.call('RENAME', ARGV[1] .. ':aside', ARGV[1])"""
ASIDE = ("sum", "shares", "turns", "workers", "queue:1")  # that are of another type for a while


class Proxy:
    """Hands on what comes, as late or as seldom as it is told."""

    def __init__(self, port):
        self.to, self.delay_s, self.resets, self.random = port, 0, 0, random.Random(0)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to), timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            for s in (near, far):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, to):
        try:
            while data := source.recv(65536):
                if self.resets and self.random.random() < self.resets:
                    for s in (source, to):  # closed by a reset, not by an end
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                if self.delay_s:
                    time.sleep(self.delay_s)
                to.sendall(data)
        except OSError:
            pass
        for s in (source, to):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


class ProxiedRedis(fleet.Redis):
    def __init__(self, folder, *flags):
        super().__init__(folder, *flags)
        self.proxy = Proxy(self.port)
        self.url = f"redis://127.0.0.1:{self.proxy.port}"

    def stop(self):
        super().stop()
        self.proxy.listener.close()


class RedisFaults(fleet_kills.FleetKills):
    FAULTS = ("kill", "stop", "latency", "resets", "flush", "memory", "types")

    def __init__(self, command, fault_s=10.0, **more):
        super().__init__(command, "redis", **more)
        self.fleet.kind, self.fault_s = ProxiedRedis, fault_s
        self.recoveries = collections.defaultdict(list)

    # ---- the faults ----

    def kill_fault(self, redis):
        redis.kill()
        time.sleep(1)
        redis.start()

    def stop_fault(self, redis):
        redis.kill(signal.SIGSTOP)
        time.sleep(self.fault_s)
        redis.kill(signal.SIGCONT)

    def latency_fault(self, redis):
        redis.proxy.delay_s = 0.1  # there, and back
        time.sleep(self.fault_s)
        redis.proxy.delay_s = 0

    def resets_fault(self, redis):
        redis.proxy.resets = 0.05
        time.sleep(self.fault_s)
        redis.proxy.resets = 0

    def flush_fault(self, redis):
        """What was accepted before comes to its end first: else its loss at another fault would be taken for this one's."""
        with self.lock:
            jobs = set(self.accepted) - set(self.ends) - self.gone
        self.see_ends(jobs)
        since = self.history.now()
        redis.ask("FLUSHALL")
        self.history.event("emptied", since=since)

    def memory_fault(self, redis):
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        time.sleep(3)
        redis.ask("CONFIG", "SET", "maxmemory", "0")

    def types_fault(self, redis):
        """Each step is one of Redis', so that nothing which is written meanwhile is put aside for good."""
        for name in ASIDE:
            redis.ask("EVAL", ANOTHER_TYPE, 0, "{emotivoice}:" + name)
            time.sleep(1)
            redis.ask("EVAL", AS_IT_WAS, 0, "{emotivoice}:" + name)

    # ---- what was promised ----

    def recover(self, fault):
        """Seconds until a job is accepted and made, of a client whose turn does not wait for the others' jobs."""
        begun, job = time.monotonic(), None
        key = f"after-{fault}-{len(self.recoveries[fault])}"
        while time.monotonic() < begun + 60:
            job = job or self.submit(self.texts[0], key, source="127.0.0.8")
            state = self.look(job) if job else None
            if state == "completed":
                took = time.monotonic() - begun
                self.recoveries[fault].append(took)
                if took > RECOVER_S:
                    self.note("a late recovery", fault, took)
                return
            if state not in (None, "queued", "running"):
                job = None
            time.sleep(0.02)
        self.note("no recovery", fault)

    def run(self, rounds):
        with self.load():
            for n in range(rounds):
                for fault in self.FAULTS:
                    time.sleep(self.random.uniform(0.5, 1.5))
                    getattr(self, fault + "_fault")(self.fleet.redis)
                    self.recover(fault)
                print(f"round {n + 1}, recovered after", *(f"{fault} {times[-1]:.1f} s," for fault, times in self.recoveries.items()),
                      f"{len(self.accepted)} jobs", file=sys.stderr, flush=True)
        self.judge()

    def finish_service(self):
        super().finish_service()
        for process in self.fleet.gateways + self.fleet.workers:
            seconds = collections.Counter(json.loads(line)["time"][:19] for line in list(process.lines) if line.startswith('{"time"'))
            self.counts["log_lines"] += seconds.total()
            self.counts["log_lines_a_second_most"] = max(self.counts["log_lines_a_second_most"], *seconds.values(), 0)
            if self.counts["log_lines_a_second_most"] > LINES_A_SECOND:
                self.note("a log storm", seconds.most_common(1))

    def report(self):
        return {**super().report(), "kills": len(self.recoveries["kill"]),
                "recovered_s_most": {fault: round(max(times), 2) for fault, times in self.recoveries.items()}}
