"""The service's end: nobody's connection breaks, nobody who reads nothing holds it up, and a second signal ends it at once.

EMOTIVOICE_LONG=1 (script/nightly) stops it under load ten times instead of twice."""
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")]
from service import COMMAND, FREE, LONG, Service, said  # noqa: E402


def post(text, **fields):
    body = json.dumps({"input": text, "response_format": "pcm", **fields}).encode()
    return (b"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


def connect(port, buffer=None):
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(120)
    connection.connect(("127.0.0.1", port))
    return connection


class HalfClosed(unittest.TestCase):
    def test_who_sends_no_more_is_answered(self):
        with Service(COMMAND, *FREE) as s:
            for request, body in ((b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", None),
                                  (post("Half a connection is enough."), said("Half a connection is enough.")),
                                  (post(LONG), said(LONG))):
                with connect(s.port) as connection:
                    connection.sendall(request)
                    connection.shutdown(socket.SHUT_WR)
                    response = http.client.HTTPResponse(connection)
                    response.begin()
                    self.assertEqual(response.status, 200)
                    got = response.read()
                    if body is not None:
                        self.assertEqual(len(got), len(body))


class Load:
    """Clients that ask again and again until they find the port closed; anything else that goes wrong has broken."""

    def __init__(self, port, clients):
        self.port, self.broken, self.answered = port, [], 0
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        keep, speech = number % 2 == 0, number % 4 < 2
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while True:
            try:
                connection.connect() if connection.sock is None else None
            except ConnectionRefusedError:
                return
            except OSError as error:
                self.broken.append(f"connect: {error!r}")
                return
            try:
                if speech:
                    body = json.dumps({"input": f"Client {number}.", "response_format": "pcm"})
                    connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
                else:
                    connection.request("GET", "/healthz")
                response = connection.getresponse()
                response.read()
                if response.status not in (200, 503):
                    self.broken.append(response.status)
                self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(f"client {number}: {error!r}")
                connection.close()
            if not keep:
                connection.close()

    def join(self):
        for thread in self.threads:
            thread.join(120)


class Stopping(unittest.TestCase):
    def test_no_connection_breaks(self):
        for _ in range(10 if os.environ.get("EMOTIVOICE_LONG") else 2):
            with Service(COMMAND, *FREE) as s:
                load = Load(s.port, 16)
                time.sleep(1)
                self.assertEqual(s.stop(), 0)
                load.join()
                self.assertEqual(load.broken, [])
                self.assertGreater(load.answered, 16)

    def test_a_connection_that_rests_is_closed(self):
        with Service(COMMAND, *FREE) as s, connect(s.port) as resting, connect(s.port) as used:
            used.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            self.assertIn(b" 200 ", used.recv(4096))
            self.assertEqual(s.stop(20), 0)
            self.assertEqual((resting.recv(1), used.recv(1)), (b"", b""))

    def test_a_second_signal_ends_it_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with Service(COMMAND, *FREE, "--drain-timeout", "300s") as s, connect(s.port, 4096) as unread:
                unread.sendall(post(LONG * 4))
                unread.recv(100)
                s.process.send_signal(number)
                time.sleep(0.3)
                self.assertIsNone(s.process.poll())
                s.process.send_signal(number)
                self.assertEqual(s.process.wait(5), -number)

    def test_who_reads_nothing_is_not_waited_for(self):
        with Service(COMMAND, *FREE, "--drain-timeout", "300s") as s:
            with connect(s.port, 4096) as unread, connect(s.port) as unsent:
                unread.sendall(post(LONG * 4))
                unread.recv(100)
                unsent.sendall(post("Never whole.")[:-3])
                time.sleep(0.2)
                self.assertEqual(s.stop(100), 0)


if __name__ == "__main__":
    unittest.main()
