"""Floods: one client without a key asks for the worst of each kind as fast as it is let, over many connections; beside it
somebody looks at /healthz, and another client speaks. How long these two wait is what counts.

  python3 tests/security/floods.py build/emotivoice [--seconds 12] [--connections 16] [--markdown] [FLOOD...]

Exit status 1: /healthz took longer than 50 ms at P99, or the honest client more than twice as long as alone at P95.
script/nightly runs it; the table of docs/security-floods.md is what --markdown prints."""
import argparse
import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from service import COMMAND, LONG, Service, multipart, reference  # noqa: E402

FLOODER, HONEST, WATCH = "192.0.2.66", "198.51.100.7", "203.0.113.9"
VOICES = 10000
JSON = {"Content-Type": "application/json"}
HEALTH_MS, RATIO = 50, 2.0


def post(path, body, **headers):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {FLOODER}\r\nContent-Length: {len(body)}\r\n"
    kinds = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return (head + "".join(f"{k}: {v}\r\n" for k, v in kinds.items()) + "\r\n").encode() + body


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {FLOODER}\r\n\r\n".encode()


def speech(**fields):
    return json.dumps({"input": "Hi.", "response_format": "pcm", **fields}).encode()


def finished(service, text, **fields):
    """The id of a request that the flooder made and that is over."""
    as_flooder = {**JSON, "X-Forwarded-For": FLOODER}
    made = service.post("/tts", {"text": text, **fields}, headers=as_flooder).json()["request_id"]
    while (state := service.get("/tts/" + made, headers=as_flooder).json())["status"] not in ("completed", "failed"):
        time.sleep(0.5)
    return made


FLOODS = {  # name: the request, made with the service
    "JSON of 15 MB, two million objects": lambda s: post("/v1/audio/speech", b'{"x":[' + b'{"":0},' * 2_100_000 + b"0]}"),
    "JSON of 15 MB, one string": lambda s: post("/v1/audio/speech", speech(note="x" * 15_000_000, voice="nobody")),
    "JSON of 15 MB, one number": lambda s: post("/v1/audio/speech", b'{"x":0.' + b"1" * 15_000_000 + b"}"),
    "a recording of 10 MB that is none": lambda s: post("/v1/audio/speech", speech(reference_audio="AAAA" * 3_300_000)),
    "a voice of 10 MB that is none": lambda s: (lambda b, h: post("/v1/voices", b, Content_Type=h["Content-Type"]))(
        *multipart({"name": "x", "audio": b"\0" * 10_000_000})),
    "20,000 characters": lambda s: post("/v1/audio/speech", speech(input=(LONG * 5)[:20000], response_format="opus")),
    "finished opus, long": lambda s: get(f"/tts/{finished(s, LONG * 3)}/audio?format=opus"),
    "finished opus, short": lambda s: get(f"/tts/{finished(s, LONG[:68])}/audio?format=opus"),
    "words of a long text": lambda s: get(f"/tts/{finished(s, LONG * 3, timestamps=True)}"),
    "a list of 10,000 voices": lambda s: get("/v1/voices"),
    "the page's script": lambda s: get("/app.js"),
    "/healthz": lambda s: get("/healthz"),
    "no such path": lambda s: get("/nothing"),
    "damaged heads": lambda s: b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length : 3\r\n\r\n",
}


def flood(port, data, until):
    """One connection after the other, each used as long as it lasts. What comes back is thrown away."""
    os.nice(10)  # the flood is another machine's, which does not take this one's time
    while time.time() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
                while time.time() < until:
                    one.sendall(data)
                    one.settimeout(max(0.1, until - time.time()))
                    if not one.recv(1 << 20):
                        break
        except OSError:
            time.sleep(0.01)


def floods(port, data, seconds, connections):
    until = time.time() + seconds
    threads = [threading.Thread(target=flood, args=(port, data, until), daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 30)


def timed(port, method, path, body, address):
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body, {**JSON, "X-Forwarded-For": address})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status}")
    return 1000 * (time.perf_counter() - start)


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


class Watch(threading.Thread):
    """Asks again and again until it is told to stop."""

    def __init__(self, pause, ask):
        super().__init__(daemon=True)
        self.pause, self.ask, self.over, self.times, self.fault = pause, ask, threading.Event(), [], None

    def run(self):
        while not self.over.wait(self.pause):
            try:
                self.times.append(self.ask(len(self.times)))
            except BaseException as fault:  # told by who waits
                self.fault = fault
                return

    def end(self):
        self.over.set()
        self.join(120)
        if self.fault:
            raise self.fault
        return self.times


def measure(service, seconds, data=None, connections=0):
    """P99 of /healthz and P95 of short speech that nobody asked for before, in ms."""
    process = multiprocessing.Process(target=floods, args=(service.port, data, seconds + 2, connections)) if data else None
    if process:
        process.start()
        time.sleep(2)
    mark = time.time()
    health = Watch(0.02, lambda n: timed(service.port, "GET", "/healthz", None, WATCH))
    honest = Watch(0.25, lambda n: timed(service.port, "POST", "/v1/audio/speech",
                                        json.dumps({"input": f"It is {n} past {mark}.", "response_format": "mp3"}), HONEST))
    health.start()
    honest.start()
    time.sleep(seconds)
    speech_times, health_times = honest.end(), health.end()
    if process:
        process.join(60)
        process.kill()
    return quantile(health_times, 0.99), quantile(speech_times, 0.95), len(health_times), len(speech_times)


def many_voices(folder):
    """A folder with 10,000 voices of the flooder's."""
    with Service(COMMAND, "--voices-dir", folder, "--trusted-proxies", "127.0.0.1", "--log-level", "error") as s:
        made = s.upload("one", reference(), **{"X-Forwarded-For": FLOODER})
        if made.code != 201:
            raise SystemExit(f"upload: {made.body}")
    first = json.load(open(os.path.join(folder, made.json()["id"] + ".json"), encoding="utf-8"))
    for n in range(VOICES - 1):
        first["id"] = f"voice_{n:032x}"
        with open(os.path.join(folder, first["id"] + ".json"), "w", encoding="utf-8") as file:
            json.dump(first, file)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("floods", nargs="*", metavar="FLOOD")
    options = parser.parse_args()
    wanted = [name for name in FLOODS if not options.floods or any(part in name for part in options.floods)]
    row = "| {} | {} | {} | {} | {} |" if options.markdown else "{:38} {:>9} {:>9} {:>9} {:>9}"
    print(row.format("flood", "/healthz P99", "speech P95", "alone", "times"))
    if options.markdown:
        print("| --- | --- | --- | --- | --- |")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        many_voices(folder)
        for name in wanted:
            with Service(COMMAND, "--voices-dir", folder, "--trusted-proxies", "127.0.0.1",
                         "--log-level", "error") as s:
                data = FLOODS[name](s)
                _, alone, _, _ = measure(s, options.seconds)
                health, beside, asked, spoken = measure(s, options.seconds, data, options.connections)
                good = health <= HEALTH_MS and beside <= RATIO * alone
                bad += not good
                print(row.format(name, f"{health:.0f} ms", f"{beside:.0f} ms", f"{alone:.0f} ms", f"{beside / alone:.2f}"),
                      "" if good or options.markdown else f"  <- ({asked} looks, {spoken} requests)", flush=True)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
