"""`emotivoice serve` when too much is asked of it: several times what it carries, hundreds of connections that do
nothing, clients that send and read a few bytes at a time, and a stop in the middle of it. What is asserted is how the
service answers, not how fast: machines differ."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, LONG, RATE, Service  # noqa: E402

LOADTEST = os.path.join(os.path.dirname(os.path.abspath(COMMAND)), "tools", "loadtest")
REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "loadtest", "report.py")
OPEN = ("--rate-per-ip", "0", "--connections-per-ip", "0", "--log-level", "error", "--result-cache", "0")
SANITIZED = bool(os.environ.get("EMOTIVOICE_SANITIZE"))
IDLE, DRIBBLING_HEADERS, DRIBBLING_BODIES, SLOW_READERS = 500, 20, 15, 15


def bench(service, folder, name, *options):
    """A run of the load test: its exit status, and its figures if it wrote any."""
    path = os.path.join(folder, name + ".json")
    done = subprocess.run([LOADTEST, "--url", f"http://127.0.0.1:{service.port}", "--metrics",
                           f"http://127.0.0.1:{service.admin_port}/metrics", "--quiet", "--seed", "1", "--json", path,
                           *options], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise AssertionError(f"loadtest: {done.stderr}")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def resident_mb(service):
    with open(f"/proc/{service.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024 / 1e6


def wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def p95(times):
    return sorted(times)[(95 * len(times) + 99) // 100 - 1]


class Overload(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def assert_normal(self, service):
        """Nothing waits, nothing is under way but this question, and a request is served."""
        self.assertTrue(wait_for(lambda: service.metric("queue_jobs") == 0, 30), "jobs are left in the queue")
        self.assertTrue(wait_for(lambda: service.metric("requests_in_flight") == 1, 10), "requests are left over")
        answer = service.speech("All is well again.", response_format="wav")
        self.assertEqual((answer.code, answer.body[:4]), (200, b"RIFF"))

    def test_several_times_capacity(self):
        """Every answer is audio, whole, or a 503 that says when to come again; then all is as before."""
        with Service(COMMAND, *OPEN, "--queue-wait", "1s") as service:
            carries = bench(service, self.folder, "before", "--concurrency", "8", "--seconds",
                            "20" if SANITIZED else "1.5", "--warmup", "0.5")["steps"][0]["achieved_rate"]
            self.assertGreater(carries, 0)
            step = bench(service, self.folder, "over", "--rate", f"{4 * carries:.3g}", "--seconds", "8", "--warmup",
                         "0.5")["steps"][0]
            print(f"\n{step['offered']} requests at four times capacity: {step['ok']} ok, {step['rejected']} rejected "
                  f"within {1e3 * step['rejected_latency_s']['p99']:.0f} ms (P99)", file=sys.stderr)
            self.assertEqual((step["errors"], step["errors_by_kind"]), (0, {}), step["first_of_kind"])
            self.assertEqual(step["ok"] + step["rejected"], step["offered"])
            self.assertEqual(step["statuses"], {"503": step["rejected"]})
            self.assertEqual(step["rejected_with_retry_after"], step["rejected"])
            self.assertGreater(step["rejected"], step["offered"] / 4, "most are too many")
            self.assertGreater(step["ok"], 0)
            self.assert_normal(service)
            self.assertEqual(service.metric('jobs_total{outcome="failed"}'), 0)
            self.assertEqual(service.metric("dead_jobs"), 0)
            self.assertEqual(service.stop(), 0)
            self.assertEqual(service.lines, [], "nothing to complain about")

    def test_stop_in_the_middle(self):
        """SIGTERM under overload: what was accepted is answered, what comes later is refused, the exit status is 0."""
        counts, faults, stopped_at = {}, [], []
        lock = threading.Lock()

        def ask(number, turn, sent):
            body = json.dumps({"model": "emotivoice", "input": f"This is client {number}, in turn {turn}.",
                               "response_format": "wav"})
            with contextlib.closing(service.connect()) as connection:
                connection.request("POST", "/v1/audio/speech", body)
                sent.append(time.monotonic())
                response = connection.getresponse()
                return response.status, response.getheader("Retry-After"), response.read()

        def client(number):
            for turn in range(100000):
                sent = []
                try:
                    code, again, body = ask(number, turn, sent)
                except http.client.IncompleteRead as error:
                    faults.append(error)
                    return
                except (OSError, http.client.HTTPException) as error:
                    if not stopped_at or (sent and sent[0] < stopped_at[0]):  # else the door was shut already
                        faults.append(error)
                    return
                if (code == 503 and not again) or (code == 200 and body[:4] != b"RIFF"):
                    faults.append((code, again, body[:99]))
                with lock:
                    counts[code] = counts.get(code, 0) + 1
                if code == 503:
                    time.sleep(0.02)

        # Before costs are learnt all 64 are let in: under sanitizers half a minute of work.
        with Service(COMMAND, *OPEN, "--queue-wait", "500ms", "--coalesce", "off", "--drain-timeout", "100s") as service:
            clients = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(64)]
            for one in clients:
                one.start()
            self.assertTrue(wait_for(lambda: counts.get(200, 0) >= 5, 30), "nothing was answered")
            time.sleep(1)
            stopped_at.append(time.monotonic())
            code = service.stop(timeout=110)
            for one in clients:
                one.join(30)
            self.assertEqual(code, 0)
            self.assertFalse(any(one.is_alive() for one in clients), "a client hangs")
            self.assertEqual(faults, [])
            self.assertLessEqual(set(counts), {200, 503}, counts)
            self.assertEqual(service.lines, [])

    def test_memory_is_steady(self):
        """Three hundred requests leave nothing behind once a hundred have been made."""
        if SANITIZED:
            self.skipTest("a sanitizer keeps what was freed")

        def ask(number):
            emotion = ("neutral", "happy", "sad")[number % 3]
            return service.speech(f"Number {number}.", emotion=emotion, response_format="wav").code
        with Service(COMMAND, *OPEN) as service, concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual(set(pool.map(ask, range(100))), {200})
            before = resident_mb(service)
            self.assertEqual(set(pool.map(ask, range(100, 400))), {200})
            grown = resident_mb(service) - before
            print(f"\n300 requests: RSS {before:.1f} MB {grown:+.1f} MB", file=sys.stderr)
            self.assertLess(grown, 20)

    def test_a_body_does_not_outlive_its_reading(self):
        """While answers go out nothing is held of the requests' bodies, 64 MB of them."""
        if SANITIZED:
            self.skipTest("a sanitizer keeps what was freed")
        room = "--queue-wait", "120s", "--queue-audio", "1h", "--memory-max", "2GB"
        with Service(COMMAND, *OPEN, *room) as service, contextlib.ExitStack() as open_ones:
            body = {"input": LONG, "response_format": "pcm", "pad": "x" * 8_000_000}
            self.assertEqual(service.post("/v1/audio/speech", body).code, 200)
            before = resident_mb(service)
            for _ in range(8):
                connection = open_ones.enter_context(contextlib.closing(service.connect()))
                connection.request("POST", "/v1/audio/speech", json.dumps(body))
                self.assertEqual(connection.getresponse().status, 200)  # of which nobody reads the rest
            self.assertEqual(service.metric("requests_in_flight"), 8 + 1)
            self.assertLess(resident_mb(service) - before, 56)  # speech and the heap's own: 20 to 45


class Dribblers:
    """Clients that do nothing, or send and read a few bytes at a time, on one thread."""

    def __init__(self, port):
        self.port, self.idle, self.slow = port, [], {}
        self.read, self.ended = 0, threading.Event()
        self.watch = selectors.DefaultSelector()

    def open(self, buffer=None):
        one = socket.socket()
        if buffer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        one.settimeout(30)
        one.connect(("127.0.0.1", self.port))
        return one

    def start(self):
        self.idle = [self.open() for _ in range(IDLE)]
        headers = b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: slow\r\n" % n for n in range(999))
        body = b'{"model": "emotivoice", "input": "' + b"a" * 5000
        for _ in range(DRIBBLING_HEADERS):
            self.slow[self.open()] = headers
        for _ in range(DRIBBLING_BODIES):
            one = self.open()
            one.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n")
            self.slow[one] = body
        said = json.dumps({"model": "emotivoice", "response_format": "wav", "stream_format": "audio",
                           "input": "The river runs through the valley and the wind goes over the hills. " * 12}).encode()
        for _ in range(SLOW_READERS):  # equal ones: the service makes the speech once
            one = self.open(buffer=2048)
            one.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
            self.watch.register(one, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.dribble, daemon=True)
        self.thread.start()

    def dribble(self):
        while not self.ended.wait(0.1):
            for one, rest in list(self.slow.items()):
                try:
                    self.slow[one] = rest[one.send(rest[:1]):]
                except OSError:
                    del self.slow[one]  # the service has closed it: its right
                    one.close()
            for key, _ in self.watch.select(0):
                got = key.fileobj.recv(200)
                self.read += len(got)
                if not got:
                    self.watch.unregister(key.fileobj)

    def stop(self):
        """How many were still open: idle, sending, reading."""
        self.ended.set()
        self.thread.join(10)
        readers = [key.fileobj for key in self.watch.get_map().values()]
        still = sum(is_open(one) for one in self.idle), len(self.slow), len(readers)
        for one in (*self.idle, *self.slow, *readers):
            one.close()
        self.watch.close()
        return still


def is_open(one):
    one.setblocking(False)
    try:
        return one.recv(1) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class Slow(unittest.TestCase):
    def ask_one_by_one(self, service, count, name):
        times = []
        for number in range(count):
            start = time.monotonic()
            answer = service.speech(f"A short one, {name}, number {number}.", response_format="wav")
            times.append(time.monotonic() - start)
            self.assertEqual((answer.code, answer.body[:4]), (200, b"RIFF"))
        return p95(times)

    def test_idle_and_slow_clients(self):
        """Five hundred idle connections and fifty slow clients take nothing from a normal one."""
        with Service(COMMAND, *OPEN, "--queue-wait", "120s", "--header-timeout", "600s", "--body-timeout", "600s",
                     "--idle-timeout", "600s") as service:
            alone = self.ask_one_by_one(service, 40, "alone")
            before = resident_mb(service)
            dribblers = Dribblers(service.port)
            dribblers.start()
            self.assertTrue(wait_for(lambda: service.metric("open_connections") >= IDLE + 50, 30), "they cannot connect")
            self.assertTrue(wait_for(lambda: service.metric("jobs_total{outcome=\"completed\"}") > 40
                                     and service.metric("queue_jobs") == 0, 60), "the slow readers' speech is not made")
            per_connection_kb = 1e3 * (resident_mb(service) - before) / (IDLE + 50)
            together = self.ask_one_by_one(service, 40, "together")
            idle, sending, reading = dribblers.stop()
            print(f"\nP95 alone {1e3 * alone:.0f} ms, with {idle} idle, {sending} sending and {reading} reading slowly "
                  f"{1e3 * together:.0f} ms: {together / alone:.2f} times; {per_connection_kb:.0f} kB a connection",
                  file=sys.stderr)
            self.assertEqual((idle, sending, reading), (IDLE, DRIBBLING_HEADERS + DRIBBLING_BODIES, SLOW_READERS))
            self.assertGreater(dribblers.read, 1000, "the slow readers do get something")
            self.assertLess(together, 5 * max(alone, 0.05))
            self.assertTrue(wait_for(lambda: service.metric("open_connections") <= 2, 30), "connections are left over")
            self.assertEqual(service.speech("Still here.").code, 200)
            self.assertEqual(service.stop(), 0)
            self.assertEqual(service.lines, [])


class HeaderTimeout(unittest.TestCase):
    def test_headers_must_come_in_time(self):
        """A byte now and then does not hold a connection; one that rests, or is slow with its body, is left alone."""
        with Service(COMMAND, *OPEN, "--header-timeout", "1s") as service:
            first, kept, idle, body = (socket.create_connection(("127.0.0.1", service.port), 30) for _ in range(4))
            whole = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            kept.sendall(whole)
            self.assertIn(b"200", kept.recv(4096))
            body.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\n")
            resting = socket.create_connection(("127.0.0.1", service.port), 30)
            resting.sendall(whole)
            self.assertIn(b"200", resting.recv(4096))
            began, open_ones = time.monotonic(), {first, kept}
            while open_ones and time.monotonic() < began + 20:
                body.sendall(b"a")
                for one in list(open_ones):
                    if is_open(one):
                        with contextlib.suppress(OSError):
                            one.send(b"G")
                    else:
                        open_ones.discard(one)
                time.sleep(0.2)
            self.assertEqual(open_ones, set(), "still open")
            self.assertGreater(time.monotonic() - began, 0.9)
            self.assertTrue(is_open(idle) and is_open(body) and is_open(resting))
            resting.setblocking(True)
            resting.sendall(whole)
            self.assertIn(b"200", resting.recv(4096))
            for one in (first, kept, idle, body, resting):
                one.close()


class Reports(unittest.TestCase):
    def test_load_test_end_to_end(self):
        """The load test against the real service: its three reports agree with what was asked."""
        with tempfile.TemporaryDirectory() as folder, Service(COMMAND, *OPEN, "--queue-wait", "120s") as service:
            paths = {kind: os.path.join(folder, "load." + kind) for kind in ("md", "html")}
            run = bench(service, folder, "load", "--rate", "2,4", "--seconds", "2", "--warmup", "0.5", "--stream")
            subprocess.run([sys.executable, REPORT, os.path.join(folder, "load.json"), "--markdown", paths["md"], "--html",
                            paths["html"]], stdout=subprocess.DEVNULL, check=True, timeout=60)
            self.assertEqual([step["rate"] for step in run["steps"]], [2, 4])
            self.assertEqual([step["offered"] for step in run["steps"]], [4, 8])
            for step in run["steps"]:
                self.assertEqual((step["ok"], step["errors"], step["rejected"]), (step["offered"], 0, 0))
                latency, first = step["latency_s"], step["first_audio_s"]
                self.assertTrue(0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"], latency)
                self.assertTrue(0 < first["p50"] <= latency["p50"], (first, latency))
                seconds = step["bytes"] / (2 * RATE)  # samples of 16 bits
                self.assertTrue(1 < seconds / step["ok"] < 10, "sentences of some seconds")
                self.assertGreaterEqual(step["server"]["mean_batch"], 1)
                self.assertGreaterEqual(len(step["server"]["series"]), 3)
            # the first request only looks whether there is speech; warm-up adds one and two
            def spoken():  # the last is counted a moment after its client has heard all
                return service.metric('http_requests_total{route="/v1/audio/speech"')
            self.assertTrue(wait_for(lambda: spoken() == 1 + (1 + 4) + (2 + 8), 10), spoken())
            with open(paths["md"], encoding="utf-8") as file:
                rows = [line for line in file if line.startswith("|")]
            self.assertEqual(len(rows), 4, "head, rule, a row for each rate")
            with open(paths["html"], encoding="utf-8") as file:
                page = file.read()
            self.assertGreaterEqual(page.count("<figure>"), 4)
            self.assertNotRegex(page, r"\bnan\b|\binf\b")
            self.assertTrue(page.rstrip().endswith("</html>"))


if __name__ == "__main__":
    unittest.main()
