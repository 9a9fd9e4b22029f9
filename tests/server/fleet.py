"""Gateways and workers over a real redis-server, for tests: all on free ports of the loopback, in a folder of their own."""
import concurrent.futures
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import service
from service import free_port


def ask(port, *words):
    """One command; the last line of a simple answer, or all of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(str(w).encode()), str(w).encode()) for w in words))
        answer = b""
        while not answer.endswith(b"\r\n"):
            more = s.recv(65536)
            if not more:
                raise OSError("closed")
            answer += more
    return answer[1:-2] if answer[:1] in b"+:" else answer


class Redis:
    """A redis-server with an append-only file, so that a restart keeps what was written."""

    def __init__(self, folder, *flags):
        self.folder, self.flags, self.port = folder, flags, free_port()
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", *self.flags], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                if self.ask("PING") == b"PONG":
                    return self
            except OSError:
                time.sleep(0.02)
            if self.process.poll() is not None:
                break
        raise AssertionError("redis-server does not start")

    def ask(self, *words):
        return ask(self.port, *words)

    def kill(self, sign=signal.SIGKILL):
        self.process.send_signal(sign)
        if sign in (signal.SIGKILL, signal.SIGTERM):
            self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Sentinel:
    """A master, its replica and a sentinel, which makes the replica the master when that is gone for half a second. An ACL user
    of the URL's name and password may use them; replication and the sentinel are anybody."""

    def __init__(self, folder):
        acl = ("--user", "tts", "on", ">p@ss", "~{emotivoice}*", "&*", "+@all", "-flushall")
        self.folder = folder
        self.master = Redis(self._folder("master"), *acl)
        self.replica = Redis(self._folder("replica"), *acl, "--replicaof", "127.0.0.1", str(self.master.port))
        self.port = free_port()
        # the first of them is nobody
        self.url = f"redis-sentinel://tts:p%40ss@127.0.0.1:{free_port()},127.0.0.1:{self.port}/voices"

    def _folder(self, name):
        path = os.path.join(self.folder, name)
        os.mkdir(path)
        return path

    def start(self):
        self.master.start()
        self.replica.start()
        self._wait(lambda: b"state=online" in self.master.ask("INFO", "replication"))
        path = os.path.join(self.folder, "sentinel.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"port {self.port}\nbind 127.0.0.1\nsentinel monitor voices 127.0.0.1 {self.master.port} 1\n"
                       "sentinel down-after-milliseconds voices 500\nsentinel failover-timeout voices 3000\n")
        self.process = subprocess.Popen(["redis-server", path, "--sentinel"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        self._wait(lambda: str(self.replica.port).encode() in ask(self.port, "SENTINEL", "replicas", "voices"))
        return self

    @staticmethod
    def _wait(what, seconds=15):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if what():
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError("the sentinel does not start")

    def ask(self, *words):
        return self.master.ask(*words)

    def stop(self):
        self.process.kill()
        self.process.wait()
        for one in (self.master, self.replica):
            one.stop()


class Worker(service.Service):
    def __init__(self, command, *flags, **environment):
        super().__init__(command, *flags, **environment)
        self.flags = [command, "worker", "--admin-listen", "127.0.0.1:0", *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.flags, stderr=subprocess.PIPE, text=True, env=dict(os.environ, **self.environment))
        self.admin_port = self.port = self._port(r"metrics: http://127\.0\.0\.1:(\d+)/")
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.reader.start()
        return self


class Fleet:
    """with Fleet(gateways=2, workers=2) as f: f.gateways[0].speech("Hello.")"""

    def __init__(self, gateways=1, workers=1, flags=(), redis_flags=(), command=None, threads=1, kind=Redis, shared_folder=True, **environment):
        self.command = command or service.COMMAND
        self.counts, self.threads = (gateways, workers), threads
        self.folder = tempfile.mkdtemp(prefix="emotivoice-fleet-")
        self.flags, self.redis_flags, self.kind = flags, redis_flags, kind
        self.shared = ("--data-dir", os.path.join(self.folder, "data")) if shared_folder else ()
        self.environment = environment
        self.gateways, self.workers = [], []

    def __enter__(self):
        os.mkdir(os.path.join(self.folder, "redis"))
        self.redis = self.kind(os.path.join(self.folder, "redis"), *self.redis_flags).start()
        self.common = ("--redis", self.redis.url, *self.shared, "--log-level", "info",
                       "--redis-lease", "2s", *self.flags)
        try:
            with concurrent.futures.ThreadPoolExecutor() as pool:  # all at once
                started = [pool.submit(self.add_worker) for _ in range(self.counts[1])] + [pool.submit(self.add_gateway) for _ in range(self.counts[0])]
            for one in started:
                one.result()
            self.settle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def add_gateway(self, *flags):
        self.gateways.append(service.Service(self.command, *self.common, "--rate-per-ip", "0", *flags, **self.environment).__enter__())
        return self.gateways[-1]

    def add_worker(self, *flags, **environment):
        self.workers.append(Worker(self.command, *self.common, "--threads", str(self.threads), *flags, **self.environment, **environment).__enter__())
        return self.workers[-1]

    def settle(self):
        """All that were started know each other."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            states = [g.get("/readyz").json().get("jobs", {}) for g in self.gateways]
            if all(s.get("workers", 0) >= len(self.workers) for s in states):
                return
            time.sleep(0.05)
        raise AssertionError(f"they do not find each other: {states}")

    def worker_of(self, job):
        """The process that makes a job, as its name in Redis says: host-pid-nonce."""
        answer = self.redis.ask("HGET", "{emotivoice}:job:" + job, "worker")
        name = answer.split(b"\r\n")[1].decode() if answer.startswith(b"$") and b"\r\n" in answer else ""
        return int(name.split("-")[-2]) if name.count("-") >= 2 else None

    def __exit__(self, *_):
        for s in self.gateways + self.workers:
            s.kill()
        if hasattr(self, "redis"):
            self.redis.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def there():
    return shutil.which("redis-server") is not None
