"""deploy/nginx and deploy/envoy: the real programs with the real files before three gateways.

EMOTIVOICE_LONG=1 (script/nightly) restarts gateways fifty times through each instead of two or three times."""
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateways import Envoy, Gateways, Nginx, wait_for  # noqa: E402
from service import COMMAND, LONG, said  # noqa: E402, F401

SHORT = ["Good morning.", "Who is there?", "It rains today.", "你好。"]
UNLIMITED = {Nginx: [("rate=50r/s", "rate=100000r/s")],
             Envoy: [("max_tokens: 100, tokens_per_fill: 50", "max_tokens: 100000, tokens_per_fill: 100000")]}


def served(gateways):
    """Requests for speech that each gateway has answered."""
    return [s.metric('http_requests_total{route="/v1/audio/speech",code="200"') for s in gateways.services]


class Load:
    """Clients that ask for speech whole and streamed, lists and jobs, on connections of their own and on kept ones. What is
    not 200 or 202, breaks, or has other bytes than the command makes is kept in `failed`."""

    def __init__(self, proxy, expected, clients=6):
        self.proxy, self.expected = proxy, expected
        self.failed, self.done, self.over = [], collections.Counter(), False
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def _one(self, connection, n):
        kind = ("speech", "stream", "list", "job")[n % 4]
        text = SHORT[n % len(SHORT)]
        headers = {"Host": "voice.example.org", "Content-Type": "application/json"}
        if kind == "list":
            connection.request("GET", "/v1/voices", headers=headers)
        elif kind == "job":
            connection.request("POST", "/tts", json.dumps({"text": text}), headers)
        else:
            wanted = {"input": text if kind == "speech" else LONG[:400], "response_format": "pcm"}
            connection.request("POST", "/v1/audio/speech", json.dumps(wanted), headers)
        answer = connection.getresponse()
        body = answer.read()
        right = answer.status == (202 if kind == "job" else 200)
        if kind in ("speech", "stream"):
            right = right and body == self.expected[text if kind == "speech" else LONG[:400]]
        if not right:
            self.failed.append((kind, answer.status, body[:200]))
        self.done[kind] += 1

    def _run(self, number):
        connection, n = self.proxy.connect(), number
        while not self.over:
            try:
                self._one(connection, n)
            except Exception as error:  # any: it is what a client would have seen
                self.failed.append((n % 4, repr(error)))
                connection.close()
            n += 1
            if number % 2:
                connection.close()
            time.sleep(0.02)
        connection.close()

    def join(self):
        self.over = True
        for thread in self.threads:
            thread.join(120)


class Common:
    """What both must do; `make` is the proxy's class."""

    @classmethod
    def setUpClass(cls):
        cls.gateways = cls.enterClassContext(Gateways("--rate-per-ip", "0", "--queue-wait", "120s", "--drain-delay", "1500ms"))
        cls.proxy = cls.enterClassContext(cls.make(cls.gateways, *UNLIMITED[cls.make]))

    def speech(self, text, proxy=None, **more):
        return (proxy or self.proxy).ask("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}),
                                         {"Content-Type": "application/json"}, **more)

    def test_speech_and_ids(self):
        code, headers, body = self.speech("Through a proxy.")
        self.assertEqual((code, body), (200, said("Through a proxy.")))
        wait_for(lambda: any(headers["x-request-id"] in line for s in self.gateways.services for line in s.lines), 30, "the id in a log")

    def test_streams_arrive_as_they_are_made(self):
        text = LONG[:1500]
        connection, begun = self.proxy.connect(), time.monotonic()
        connection.request("POST", "/v1/audio/speech", json.dumps({"input": text, "response_format": "pcm"}),
                           {"Host": "voice.example.org", "Content-Type": "application/json"})
        answer = connection.getresponse()
        got = answer.read(1000)
        first = time.monotonic() - begun
        got += answer.read()
        whole = time.monotonic() - begun
        connection.close()
        self.assertEqual(got, said(text))
        self.assertLess(first, whole / 2)

    def test_over_tls(self):
        code, headers, version, body = self.proxy.ask_tls("/v1/voices")
        self.assertEqual((code, version, json.loads(body)["object"]), (200, "TLSv1.3", "list"))

    def test_under_a_path(self):
        code, headers, _ = self.proxy.ask("POST", "/voice/tts", json.dumps({"text": "Under a path."}), {"Content-Type": "application/json"})
        self.assertEqual((code, headers["location"].startswith("/voice/tts/")), (202, True))
        self.assertEqual(self.proxy.ask("GET", "/voice/")[0], 200)
        code, headers, _ = self.proxy.ask("POST", "/tts", json.dumps({"text": "Not under one."}),
                                          {"Content-Type": "application/json", "X-Forwarded-Prefix": "/evil"})
        self.assertEqual((code, headers["location"].startswith("/tts/")), (202, True))

    def test_a_body_that_is_too_large(self):
        code, _, _ = self.proxy.ask("POST", "/v1/audio/speech", b"x" * 17_000_000, {"Content-Type": "application/json"})
        self.assertEqual(code, 413)

    def test_everyone_has_work(self):
        for balance in ("LEAST_REQUEST", "ROUND_ROBIN") if self.make is Envoy else ("least_conn", "round_robin"):
            with self.make(self.gateways, *UNLIMITED[self.make], balance=balance) as proxy:
                before = served(self.gateways)
                with concurrent.futures.ThreadPoolExecutor(6) as pool:
                    codes = list(pool.map(lambda n: self.speech(f"Number {n}.", proxy)[0], range(24)))
                wait_for(lambda: sum(served(self.gateways)) == sum(before) + 24, 30, "the last count")
                after = served(self.gateways)
                shares = [b - a for a, b in zip(before, after)]
                self.assertEqual((set(codes), sum(shares)), ({200}, 24))
                self.assertGreaterEqual(min(shares), 8 if balance.lower() == "round_robin" else 2, (balance, shares))

    def test_a_gateway_that_is_gone_costs_nobody_an_answer(self):
        """Killed, without a word."""
        lost = self.gateways.services[1]
        lost.process.kill()
        lost.process.wait()
        try:
            self.assertEqual([self.speech(f"One is gone, {n}.")[0] for n in range(9)], [200] * 9)
        finally:
            lost.reader.join(5)
            lost.process.stderr.close()
            self.gateways.start(1)
            wait_for(lambda: self.gateways.services[1].get("/healthz").code == 200)
            time.sleep(0.7)  # the next look at its health

    def test_rolling_restart(self):
        texts = [*SHORT, LONG[:400]]
        load = Load(self.proxy, {text: said(text) for text in texts})
        times = 50 if os.environ.get("EMOTIVOICE_LONG") else 3 if self.make is Nginx else 2
        for n in range(times):
            time.sleep(0.3)
            self.assertEqual(self.gateways.restart(n % 3), 0)
            time.sleep(0.7)
        load.join()
        self.assertEqual(load.failed, [])
        self.assertGreater(min(load.done[kind] for kind in ("speech", "stream", "list", "job")), times)
        print(f"{self.make.__name__}: {times} restarts, {sum(load.done.values())} requests, 0 failed", file=sys.stderr)

    def test_the_client_is_who_it_is(self):
        """By its address, whatever it says; and what comes past the proxy is believed nothing."""
        with Gateways("--rate-per-ip", "0.02", "--burst-per-ip", "2", count=3) as gateways, \
                self.make(gateways, *UNLIMITED[self.make], balance="ROUND_ROBIN" if self.make is Envoy else "round_robin") as proxy:

            def code(source, claims):
                return self.speech("Who am I?", proxy, source=source)[0] if claims is None else proxy.ask(
                    "POST", "/v1/audio/speech", json.dumps({"input": "Who am I?"}),
                    {"Content-Type": "application/json", "X-Forwarded-For": claims, "X-Real-IP": claims, "Forwarded": f"for={claims}"},
                    source=source)[0]
            codes = [code("127.0.0.2", f"198.51.100.{n}") for n in range(9)]
            # three gateways with room for two each, and a full one's 429 is not asked for elsewhere
            self.assertEqual(codes, [200] * 6 + [429] * 3)
            self.assertEqual(code("127.0.0.3", "127.0.0.2"), 200)  # nobody uses up another's by naming him
            past = gateways.services[0]
            seen = []
            for n in range(3):
                connection = http.client.HTTPConnection("127.0.0.1", past.port, timeout=60, source_address=("127.0.0.9", 0))
                connection.request("POST", "/v1/audio/speech", json.dumps({"input": "Past it."}),
                                   {"Content-Type": "application/json", "X-Forwarded-For": f"203.0.113.{n}"})
                answer = connection.getresponse()
                answer.read()
                seen.append(answer.status)
                connection.close()
            self.assertEqual(seen, [200, 200, 429])


class BehindNginx(Common, unittest.TestCase):
    make = Nginx

    def test_limits(self):
        with Nginx(self.gateways) as proxy:  # as it is shipped: 50 requests a second, 100 at once
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                answers = list(pool.map(lambda _: proxy.ask("GET", "/healthz", source="127.0.0.5"), range(250)))
        refused = [(headers, body) for code, headers, body in answers if code == 429]
        self.assertEqual({code for code, _, _ in answers}, {200, 429})
        self.assertGreater(len(refused), 20)
        self.assertEqual((refused[0][0]["retry-after"], json.loads(refused[0][1])["error"]["type"]), ("1", "rate_limit_error"))

    def test_nobody_is_there(self):
        with Gateways("--rate-per-ip", "0", count=3) as gateways, Nginx(gateways) as proxy:
            for s in gateways.services:
                s.process.kill()
                s.process.wait()
            code, headers, body = self.speech("Is anybody there?", proxy)
            self.assertEqual((code, headers["retry-after"], json.loads(body)["error"]["type"]), (503, "2", "server_error"))

    def test_its_log(self):
        self.speech("To be found again.")
        lines = pathlib.Path(self.proxy.folder, "access.log").read_text().splitlines()
        last = json.loads(lines[-1])
        self.assertEqual((last["client"], last["request"].split()[0]), ("127.0.0.1", "POST"))


@unittest.skipIf(Envoy.PROGRAM is None, "there is no envoy; script/bootstrap --test installs it into .venv-test")
class BehindEnvoy(Common, unittest.TestCase):
    make = Envoy

    def test_limits(self):
        with Envoy(self.gateways) as proxy:
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                answers = list(pool.map(lambda n: proxy.ask("GET", "/healthz", source=f"127.0.0.{5 + (n == 0)}"), range(250)))
        self.assertEqual({code for code, _, _ in answers}, {200, 429})
        refused = [headers for code, headers, _ in answers if code == 429]
        self.assertGreater(len(refused), 20)
        self.assertEqual(refused[0]["retry-after"], "1")
        self.assertEqual(answers[0][0], 200)  # another address has a bucket of its own

    def test_its_own_view(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.proxy.admin_port}/clusters") as clusters:
            text = clusters.read().decode()
        self.assertEqual(text.count("health_flags::healthy"), 3, text[:2000])


if __name__ == "__main__":
    unittest.main()
