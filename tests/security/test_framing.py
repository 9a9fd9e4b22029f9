"""Where one request ends and the next begins: what two readers could take in two ways is refused, once, in JSON, at once, and
the connection is closed; what is right goes on working, in one piece or byte by byte."""
import json
import os
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from service import COMMAND, Service  # noqa: E402

BODY = b'{"input":"Hi.","response_format":"pcm"}'
POST = b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n"
NEXT = GET + b"Connection: close\r\n\r\n"  # an answer to it has "object":"list"
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)

WRONG = {  # code, the request
    "two lengths": (400, POST + b"Content-Length: 3\r\n" + LENGTH + b"\r\n" + BODY),
    "two lengths, longer first": (400, POST + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY),
    "two equal lengths": (400, POST + LENGTH + LENGTH + b"\r\n" + BODY),
    "a list of lengths": (400, POST + b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY),
    "a length with a sign": (400, POST + b"Content-Length: +%d\r\n\r\n" % len(BODY) + BODY),
    "a length below zero": (400, POST + b"Content-Length: -1\r\n\r\n" + BODY),
    "a hexadecimal length": (400, POST + b"Content-Length: 0x27\r\n\r\n" + BODY),
    "a length with a blank": (400, POST + b"Content-Length: 3 9\r\n\r\n" + BODY),
    "a length with a blank behind": (400, POST + b"Content-Length: %d \r\n\r\n" % len(BODY) + BODY),
    "a coding with a blank behind": (400, POST + b"Transfer-Encoding: chunked\t\r\n\r\n" + CHUNKS),
    "a host with a blank behind": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost \r\n\r\n"),
    "no number": (400, POST + b"Content-Length: many\r\n\r\n" + BODY),
    "an empty length": (400, POST + b"Content-Length:\r\n\r\n" + BODY),
    "a length beyond 64 bits": (413, POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + BODY),
    "a blank before the colon": (400, POST + b"Content-Length : %d\r\n\r\n" % len(NEXT)),
    "a tab before the colon": (400, POST + b"Content-Length\t: %d\r\n\r\n" % len(NEXT)),
    "a folded length": (400, POST + b"Content-Length:\r\n %d\r\n\r\n" % len(BODY) + BODY),
    "a length with a second line": (400, POST + b"Content-Length: 3\r\n 9\r\n\r\n" + BODY),
    "another folded header": (400, POST + b"X-Note: a\r\n\tb\r\n" + LENGTH + b"\r\n" + BODY),
    "a blank before the first header": (400, b"POST /v1/audio/speech HTTP/1.1\r\n Host: localhost\r\n" + LENGTH + b"\r\n" + BODY),
    "chunks and a length": (400, POST + CHUNKED + LENGTH + b"\r\n" + CHUNKS),
    "a length and chunks": (400, POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n" + CHUNKS),
    "chunked twice": (400, POST + CHUNKED + CHUNKED + b"\r\n" + CHUNKS),
    "chunked, then identity": (400, POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n" + CHUNKS),
    "chunked in a list": (501, POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKS),
    "an unknown coding": (501, POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS),
    "a packed coding": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS),
    "chunked with a parameter": (501, POST + b"Transfer-Encoding: chunked;x=1\r\n\r\n" + CHUNKS),
    "no coding's name": (501, POST + b"Transfer-Encoding:\r\n\r\n" + CHUNKS),
    "a vertical tab before chunked": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + CHUNKS),
    "a coding's name with a blank": (400, POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKS),
    "chunks of HTTP/1.0": (400, POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n" + CHUNKS),
    "a NUL in a value": (400, POST + b"X-Note: a\0b\r\n" + LENGTH + b"\r\n" + BODY),
    "a NUL in a name": (400, POST + b"X-No\0te: a\r\n" + LENGTH + b"\r\n" + BODY),
    "a NUL in the target": (400, b"GET /health\0z HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a NUL behind a length": (400, POST + b"Content-Length: 3\0" + b"9\r\n\r\n" + BODY),
    "another control character": (400, POST + b"X-Note: a\x01b\r\n" + LENGTH + b"\r\n" + BODY),
    "no name": (400, POST + b": nothing\r\n" + LENGTH + b"\r\n" + BODY),
    "a blank name": (400, POST + b" : nothing\r\n" + LENGTH + b"\r\n" + BODY),
    "no colon": (400, POST + b"Nothing\r\n" + LENGTH + b"\r\n" + BODY),
    "a name in quotes": (400, POST + b'"Content-Length": 3\r\n\r\n' + BODY),
    "two hosts": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"),
    "two equal hosts": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n"),
    "no host": (400, b"GET /healthz HTTP/1.1\r\n\r\n"),
    "hosts in a list": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n"),
    "a host with a path": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost/x\r\n\r\n"),
    "a host with a user": (400, b"GET /healthz HTTP/1.1\r\nHost: me@localhost\r\n\r\n"),
    "bare line feeds": (400, b"GET /healthz HTTP/1.1\nHost: localhost\n\n"),
    "one bare line feed": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost\nX-Note: a\r\n\r\n"),
    "a bare carriage return": (400, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Note: a\rContent-Length: 9\r\n\r\n"),
    "a blank before the method": (400, b" GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a method that is no word": (400, b"GE(T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "no version": (400, b"GET /healthz\r\nHost: localhost\r\n\r\n"),
    "a version in small letters": (400, b"GET /healthz http/1.1\r\nHost: localhost\r\n\r\n"),
    "an early version": (505, b"GET /healthz HTTP/0.9\r\nHost: localhost\r\n\r\n"),
    "a late version": (505, b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n"),
    "a version with more digits": (400, b"GET /healthz HTTP/1.10\r\nHost: localhost\r\n\r\n"),
    "HTTP/2": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "blanks in the target": (400, b"GET /health z HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a target that is no path": (400, b"GET healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a tunnel": (400, b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a URI without a host": (400, b"GET http:///healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a URI with a user": (400, b"GET http://me@localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a URI of another scheme": (400, b"GET ftp://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a long target": (414, b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "a large head": (431, GET + b"X-Note: " + b"a" * 20000 + b"\r\n\r\n"),
    "a large head without an end": (431, GET + b"X-Note: " + b"a" * 30000),
    "many headers": (431, GET + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n"),
    "TLS": (400, bytes.fromhex("16030102000100") + b"x" * 505),
    "a chunk's size with a sign": (400, POST + CHUNKED + b"\r\n+27\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk's size with 0x": (400, POST + CHUNKED + b"\r\n0x27\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk's size with a blank": (400, POST + CHUNKED + b"\r\n27 \r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk's size with an extension": (400, POST + CHUNKED + b"\r\n27;a=b\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk without a size": (400, POST + CHUNKED + b"\r\n\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk's size beyond 64 bits": (400, POST + CHUNKED + b"\r\nfffffffffffffffff\r\n" + BODY),
    "a chunk's size without an end": (400, POST + CHUNKED + b"\r\n" + b"0" * 100),
    "a chunk's size with a line feed": (400, POST + CHUNKED + b"\r\n27\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk longer than it says": (400, POST + CHUNKED + b"\r\n3\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "a chunk without a line's end": (400, POST + CHUNKED + b"\r\n27\r\n" + BODY + b"0\r\n\r\n"),
    "fields behind the chunks": (400, POST + CHUNKED + b"\r\n27\r\n" + BODY + b"\r\n0\r\nContent-Length: 9\r\n\r\n"),
}
RIGHT = {
    "a length": POST + LENGTH + b"\r\n" + BODY,
    "blanks before a length": POST + b"Content-Length: \t %d\r\n\r\n" % len(BODY) + BODY,
    "small letters": POST + b"content-length:%d\r\n\r\n" % len(BODY) + BODY,
    "chunks": POST + CHUNKED + b"\r\n" + CHUNKS,
    "many chunks": POST + b"transfer-encoding: Chunked\r\n\r\n" + b"".join(b"001\r\n%c\r\n" % c for c in BODY) + b"0\r\n\r\n",
    "a URI": POST.replace(b" /v1", b" http://localhost:80/v1") + LENGTH + b"\r\n" + BODY,
    "a URI and another Host": POST.replace(b" /v1", b" HTTP://localhost/v1").replace(b"Host: l", b"Host: not-l") + LENGTH + b"\r\n" + BODY,
    "an empty line before it": b"\r\n" + POST + LENGTH + b"\r\n" + BODY,
    "an empty header": POST + b"X-Empty:\r\n" + LENGTH + b"\r\n" + BODY,
    "bytes beyond ASCII": POST + b"X-Note: \xe4\xbd\xa0\r\n" + LENGTH + b"\r\n" + BODY,
    "a large head": POST + b"X-Note: " + b"a" * 15900 + b"\r\n" + LENGTH + b"\r\n" + BODY,
    "many headers": POST + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 140) for n in range(98)) + LENGTH + b"\r\n" + BODY,
}


def exchange(port, data, pieces=1, more=False):
    """All that is answered until the other side closes, and after how many seconds it did."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        start, answer = time.monotonic(), b""
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for at in range(0, len(data), -(-len(data) // pieces)):
                one.sendall(data[at:at + -(-len(data) // pieces)])
                if pieces > 1:
                    time.sleep(0.001)
            while block := one.recv(65536):
                answer += block
        except OSError:
            pass
        return answer, time.monotonic() - start


def heads(answer):
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


class Framing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, "--rate-per-ip", "0", "--idle-timeout", "20s", "--log-level", "info").__enter__()
        cls.addClassCleanup(cls.service.__exit__)

    def check_refusal(self, name, code, answer, seconds):
        self.assertEqual(heads(answer), [code], (name, answer[:300]))
        head, body = answer.split(b"\r\n\r\n", 1)
        self.assertIn(b"Connection: close", head, name)
        self.assertIn(b"Content-Type: application/json", head, name)
        self.assertTrue(json.loads(body)["error"]["message"], name)  # and nothing behind it
        self.assertLess(seconds, 8, name)

    def test_what_is_wrong_is_refused_once_in_json_and_logged(self):
        logged = sum('"code":400' in line for line in self.service.lines)
        wanted = 2 * sum(code == 400 for code, _ in WRONG.values())
        before = self.service.metric("http_requests_total{")
        for name, (code, data) in WRONG.items():
            for pieces in (1, 3):
                self.check_refusal(name, code, *exchange(self.service.port, data + NEXT, pieces))
        self.assertEqual(self.service.metric("http_requests_total{") - before, 2 * len(WRONG) + 1,
                         "each is counted, once, and nothing else but who asked for this number")
        for _ in range(100):
            lines = [json.loads(line) for line in self.service.lines if '"code":400' in line][logged:]
            if len(lines) >= wanted:
                break
            time.sleep(0.05)
        self.assertEqual(len(lines), wanted)
        self.assertTrue(all(line["request_id"] for line in lines))

    def test_the_admin_listener_is_as_strict(self):
        for name in ("two lengths", "chunks and a length", "a NUL in a value", "two hosts", "bare line feeds", "no host"):
            code, data = WRONG[name]
            self.check_refusal(name, code, *exchange(self.service.admin_port, data + NEXT))

    def test_what_is_right_is_answered_and_so_is_the_next(self):
        for name, data in RIGHT.items():
            for pieces in (1, 2, 37):
                answer, _ = exchange(self.service.port, data + NEXT, pieces)
                self.assertEqual(heads(answer), [200, 200], (name, pieces, answer[:200]))
                self.assertIn(b'"object":"list"', answer)
        answer, _ = exchange(self.service.port, RIGHT["chunks"] + NEXT, len(RIGHT["chunks"] + NEXT))
        self.assertEqual(heads(answer), [200, 200])

    def test_many_on_one_connection(self):
        ten = (GET + b"\r\n") * 9 + NEXT
        self.assertEqual(heads(exchange(self.service.port, ten)[0]), [200] * 10)
        answer, _ = exchange(self.service.port, (GET.replace(b" /", b" http://localhost/") + b"\r\n") * 9 + NEXT, 50)
        self.assertEqual(heads(answer), [200] * 10)

    def test_behind_a_good_request_the_bad_one_is_refused(self):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as one:
            one.sendall(GET + b"\r\n")
            first = b""
            while b'"object":"list"' not in first:
                first += one.recv(65536)
            one.sendall(WRONG["two lengths"][1] + NEXT)
            rest = b""
            while block := one.recv(65536):
                rest += block
        self.check_refusal("behind", 400, rest[rest.index(b"HTTP/1.1"):], 0)

    def test_who_goes_on_sending_is_cut(self):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as one:
            one.sendall(WRONG["two lengths"][1])
            start = time.monotonic()
            with self.assertRaises(OSError):
                while time.monotonic() < start + 20:
                    one.sendall(b"more")
                    time.sleep(0.05)

    def test_large_bodies_pass(self):
        note = b'{"input":"Hi.","response_format":"pcm","note":"%s"}' % (b"x" * 1_000_000)
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (note[at:at + 60000] for at in range(0, len(note), 60000)))
        for data in (POST + b"Content-Length: %d\r\n\r\n" % len(note) + note, POST + CHUNKED + b"\r\n" + chunks + b"0\r\n\r\n"):
            answer, _ = exchange(self.service.port, data + NEXT)
            self.assertEqual(heads(answer), [200, 200])

    def test_expectations_are_met(self):
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as one:
            one.sendall(POST + LENGTH + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
            self.assertEqual(one.recv(100).split(b"\r\n")[0], b"HTTP/1.1 100 Continue")
            one.sendall(BODY)
            answer = b""
            while block := one.recv(65536):
                answer += block
            self.assertEqual(heads(answer), [200])


if __name__ == "__main__":
    unittest.main(verbosity=2)
