"""The service as a process, for tests: started on free ports, asked over HTTP, stopped; and what the command itself says.

The program is the first argument of every test that imports this, build/emotivoice without it."""
import base64
import contextlib
import functools
import http.client
import json
import os
import pathlib
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time


COMMAND = sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isfile(sys.argv[1]) else "build/emotivoice"
# Networks that say nothing, where the build is a slow one (tests/CMakeLists.txt).
TINY = os.environ.get("EMOTIVOICE_MODEL", "").endswith("tiny.safetensors")
MODEL = pathlib.Path(os.environ.get("EMOTIVOICE_MODEL") or
                     pathlib.Path(__file__).resolve().parents[2] / "models" / "emotivoice-default.safetensors")
MODEL_NAME = MODEL.stem if os.environ.get("EMOTIVOICE_MODEL") else "emotivoice"  # that the service gives it


def free_port(count=1):
    """The first of so many, one behind the other, that nobody has: below those that the system gives to whoever connects, or asks
    for any, so that what listens there may end and find its port again."""
    for first in random.SystemRandom().sample(range(10240, 32768 - count), 100):
        with contextlib.suppress(OSError):
            for port in range(first, first + count):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return first
    raise AssertionError("no port is free")


def wait_for(look, until, seconds=60):
    """What look() gives when until(it) is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if until(now := look()):
            return now
        time.sleep(0.02)
    raise AssertionError(f"still not after {seconds} s: {now}")


def model_rate(path=MODEL):
    """Hz, as the model file says it: a JSON header behind its length."""
    with open(path, "rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    vocoder = json.loads(head["__metadata__"]["emotivoice"])["vocoder"]
    return vocoder["sample_rate"]


RATE = model_rate()
FREE = ("--rate-per-ip", "0", "--log-level", "error")
LONG = "The river runs through the valley and the wind goes over the hills. " * 60


class Answer:
    def __init__(self, response, body):
        self.code, self.body = response.status, body
        self.headers = {name.lower(): value for name, value in response.getheaders()}

    def json(self):
        return json.loads(self.body)


class Service:
    """with Service(command, "--rate-per-ip", "0") as s: s.post("/tts", {...})"""

    def __init__(self, command, *flags, **environment):
        self.environment = environment
        self.flags = [command, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *flags]
        self.lines, self.before = [], ""  # the log; what stood before the greeting
        self.pass_fds = ()

    def __enter__(self):
        self.process = subprocess.Popen(self.flags, stderr=subprocess.PIPE, text=True, pass_fds=self.pass_fds,
                                        env=dict(os.environ, **self.environment))
        self.port = self._port(r"serves at http://127\.0\.0\.1:(\d+)/")
        self.admin_port = self._port(r"metrics: http://127\.0\.0\.1:(\d+)/")
        self.process.stderr.readline()  # "try: ...", the end of the greeting; what follows is the log
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.reader.start()
        return self

    def _port(self, pattern):
        """From the greeting; warnings may stand before it."""
        while line := self.process.stderr.readline():
            if found := re.search(pattern, line):
                return int(found[1])
            self.before += line
        self.process.kill()
        raise AssertionError(f"the service did not start: {self.before}")

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        else:
            self.reader.join(5)
            self.process.stderr.close()

    def stop(self, timeout=60):
        """Exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.reader.join(5)
        self.process.stderr.close()
        return code

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(5)
        self.process.stderr.close()

    def connect(self, port=None):
        return http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=120)

    def ask(self, method, path, body=None, headers=None, port=None):
        connection = self.connect(port)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        answer = Answer(response, response.read())
        connection.close()
        return answer

    def get(self, path, **more):
        return self.ask("GET", path, **more)

    def post(self, path, body, **more):
        return self.ask("POST", path, body, **more)

    def speech(self, text, **fields):
        headers = fields.pop("headers", None)
        return self.post("/v1/audio/speech", {"model": "emotivoice", "input": text, **fields}, headers=headers)

    def upload(self, name, sound, **headers):
        body, form = multipart({"name": name, "audio": sound})
        return self.post("/v1/voices", body, headers={**form, **headers})

    def metric(self, name):
        """Sum over the series whose name and labels begin so."""
        text = self.get("/metrics", port=self.admin_port).body.decode()
        found = [line for line in text.splitlines() if line.startswith("emotivoice_" + name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)


def scratch(text, name="list.txt"):
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def multipart(fields):
    """A form and its headers; bytes are a file."""
    mark, parts = "b0undary", []
    for name, value in fields.items():
        file = '; filename="a.wav"\r\nContent-Type: audio/wav' if isinstance(value, bytes) else ""
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode())
        parts.append((value if isinstance(value, bytes) else value.encode()) + b"\r\n")
    return b"".join(parts) + f"--{mark}--\r\n".encode(), {"Content-Type": f"multipart/form-data; boundary={mark}"}


@functools.lru_cache(maxsize=None)
def said(text, *flags):
    """What the command says, as 16-bit samples: the service must give the same bytes."""
    done = subprocess.run([COMMAND, "say", text, "-o", "-", "--format", "pcm", "--quiet", *flags], capture_output=True, check=True)
    return done.stdout


def wav_body(data):
    """Samples of a RIFF file whose sizes must be exact."""
    assert data[:4] == b"RIFF" and data[8:12] == b"WAVE", data[:16]
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8, "RIFF size"
    at = 12
    while at < len(data):
        name, size = data[at:at + 4], struct.unpack("<I", data[at + 4:at + 8])[0]
        if name == b"data":
            return data[at + 8:at + 8 + size]
        at += 8 + size + size % 2
    raise AssertionError("no data chunk")


def silence(seconds=3, rate=16000):
    """A recording without a sound, in base64: it is taken, and fails when it is listened to."""
    samples = bytes(2 * seconds * rate)
    header = struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(samples), b"WAVEfmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", len(samples))
    return base64.b64encode(header + samples).decode()


def reference(seconds_of="The quick brown fox jumps over the lazy dog, and then it rests in the warm sun.", voice="ray"):
    done = subprocess.run([COMMAND, "say", seconds_of, "-o", "-", "--format", "wav", "--voice", voice, "--quiet"],
                          capture_output=True, check=True)
    return done.stdout
