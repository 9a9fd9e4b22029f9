"""deploy/systemd: the unit as systemd's own tools see it, the service under the filters that it asks for, and the two protocols
that the service speaks: sockets that are handed over, and notices."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "server"))
from service import COMMAND, FREE, Service, reference, said  # noqa: E402

UNIT = ROOT / "deploy/systemd/emotivoice.service"
SOCKET = ROOT / "deploy/systemd/emotivoice.socket"


class Notices:
    """What systemd would hear."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="emotivoice-notify-")
        self.path = os.path.join(self.folder.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.folder.cleanup()

    def next(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def drain(self, seconds):
        """All that comes within that time."""
        heard, until = [], time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                heard.append(self.next())
        self.socket.settimeout(60)
        return heard


def listener(kind=socket.SOCK_STREAM, listens=True):
    s = socket.socket(socket.AF_INET, kind)
    s.bind(("127.0.0.1", 0))
    if listens:
        s.listen(1024)
    return s


class Handed(Service):
    """Started with sockets as descriptors 3 and up, as systemd starts it."""

    def __init__(self, sockets, names, *flags, to="$$", **environment):
        super().__init__(COMMAND, *FREE, *flags, **environment)
        place = " ".join(f"{3 + i}<&{100 + i}" for i in range(len(sockets)))
        close = " ".join(f"{100 + i}<&-" for i in range(len(sockets)))
        command = f'export LISTEN_PID={to} LISTEN_FDS={len(sockets)} LISTEN_FDNAMES="{names}"; exec "$@" {place} {close}'
        self.flags = ["bash", "-c", command, "bash", *self.flags]
        self.sockets = sockets

    def __enter__(self):
        high = [100 + i for i in range(len(self.sockets))]
        for s, fd in zip(self.sockets, high):
            os.dup2(s.fileno(), fd)
        self.pass_fds = tuple(high)
        try:
            return super().__enter__()
        finally:
            for fd in high:
                os.close(fd)


class Unit(unittest.TestCase):
    def test_security(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", str(UNIT)],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)

    def test_verify(self):
        """As installed, with the command where it is now."""
        with tempfile.TemporaryDirectory() as folder:
            text = UNIT.read_text().replace("/usr/bin/emotivoice", os.path.abspath(COMMAND))
            self.assertIn(os.path.abspath(COMMAND), text)
            (pathlib.Path(folder) / UNIT.name).write_text(text)
            (pathlib.Path(folder) / SOCKET.name).write_text(SOCKET.read_text())
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{folder}/{UNIT.name}", f"{folder}/{SOCKET.name}"],
                                  capture_output=True, text=True)
            said_of_ours = [line for line in done.stderr.splitlines() if "emotivoice" in line]
            self.assertEqual((done.returncode, said_of_ours), (0, []))

    def test_serves_under_its_filters(self):
        """Speech, a job on the disk, a recording that is decoded: all under the system calls that the unit leaves."""
        with tempfile.TemporaryDirectory() as folder, Notices() as notices:
            s = Service(COMMAND, *FREE, "--data-dir", folder, NOTIFY_SOCKET=notices.path)
            s.flags = [sys.executable, str(HERE / "confined.py"), str(UNIT), os.path.abspath(COMMAND), *s.flags[1:]]
            with s:
                ready = notices.next()
                self.assertEqual((ready["READY"], str(s.port) in ready["STATUS"]), ("1", True))
                self.assertEqual(s.speech("Confined.", response_format="pcm").body, said("Confined."))
                made = s.post("/tts", {"text": "On the disk."})
                self.assertEqual(made.code, 202)
                clone = s.speech("As the recording.", reference_audio=base64.b64encode(reference()).decode(), response_format="pcm")
                self.assertEqual((clone.code, len(clone.body) > 10000), (200, True))
                s.process.send_signal(signal.SIGHUP)
                reload = notices.next()
                self.assertEqual((reload["RELOADING"], reload["MONOTONIC_USEC"].isdigit()), ("1", True))
                self.assertEqual(notices.next(), {"READY": "1"})
                self.assertEqual(s.stop(), 0)
                stopping = notices.next()
                self.assertEqual(stopping["STOPPING"], "1")
                self.assertGreaterEqual(int(stopping["EXTEND_TIMEOUT_USEC"]), 30_000_000)  # drain_timeout

    def test_the_filter_is_one(self):
        """What it does not leave fails: else the test before this one shows nothing."""
        mount = "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); print(c.mount(b'a', b'/nowhere', b'tmpfs', 0, None), ctypes.get_errno())"
        done = subprocess.run([sys.executable, str(HERE / "confined.py"), str(UNIT), sys.executable, "-c", mount], capture_output=True,
                              text=True)
        self.assertEqual(done.stdout.strip(), "-1 1", done.stderr)  # EPERM; without a filter ENOENT


class Watchdog(unittest.TestCase):
    def test_it_says_that_it_lives(self):
        with Notices() as notices, Service(COMMAND, *FREE, NOTIFY_SOCKET=notices.path, WATCHDOG_USEC="2500000"):
            self.assertEqual(notices.next()["READY"], "1")
            self.assertGreaterEqual(sum("WATCHDOG" in n for n in notices.drain(2.4)), 2)

    def test_meant_for_another(self):
        with Notices() as notices, Service(COMMAND, *FREE, NOTIFY_SOCKET=notices.path, WATCHDOG_USEC="3000000", WATCHDOG_PID="1"):
            self.assertEqual(notices.next()["READY"], "1")
            self.assertEqual(notices.drain(1.5), [])


class Load:
    """Clients that ask without a pause, half of them on connections that they keep; whatever goes wrong is kept."""

    def __init__(self, port, clients):
        self.port, self.broken, self.answered, self.over = port, [], 0, False
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = json.dumps({"input": f"Client {number}.", "response_format": "pcm"})
        while not self.over:
            try:
                connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                sound = response.read()
                if response.status != 200 or not sound:
                    self.broken.append((response.status, sound[:200]))
                self.answered += 1
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(f"client {number}: {error!r}")
                connection.close()
            if number % 2:
                connection.close()
            time.sleep(0.01)
        connection.close()

    def join(self):
        self.over = True
        for thread in self.threads:
            thread.join(120)


class Sockets(unittest.TestCase):
    def test_restarts_refuse_nobody(self):
        with listener() as public:
            port, times = public.getsockname()[1], 20 if os.environ.get("EMOTIVOICE_LONG") else 3
            s = Handed([public], "listen").__enter__()
            self.assertEqual(s.port, port)
            load = Load(port, 6)
            try:
                for _ in range(times):
                    before = load.answered
                    time.sleep(0.3)
                    self.assertEqual(s.stop(), 0)
                    s = Handed([public], "listen").__enter__()
                    time.sleep(0.3)
                    self.assertGreater(load.answered, before)
            finally:
                load.join()
                s.stop()
            self.assertEqual(load.broken, [])

    def test_what_waits_between_two_processes_is_served_by_the_next(self):
        with listener() as public:
            with Handed([public], "listen") as s:
                self.assertEqual(s.stop(), 0)
            with socket.create_connection(public.getsockname(), 60) as waiting:
                waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                with Handed([public], "listen"):
                    self.assertIn(b" 200 ", waiting.recv(4096))

    def test_names(self):
        """By name in any order; a single one is the public one whatever it is called; flags give way to sockets."""
        with listener() as a, listener() as b, listener() as c:
            with Handed([a, b, c], "wyoming:admin_listen:listen") as s:
                self.assertEqual((s.port, s.admin_port), (c.getsockname()[1], b.getsockname()[1]))
                self.assertEqual(s.get("/healthz").code, 200)
                self.assertEqual(s.get("/metrics", port=s.admin_port).code, 200)
                with socket.create_connection(a.getsockname(), 60) as home:
                    home.sendall(b'{"type": "describe"}\n')
                    self.assertIn(b'"info"', home.recv(4096))
            for name in ("", "emotivoice.socket"):
                with Handed([a], name) as s:
                    self.assertEqual(s.port, a.getsockname()[1])

    def test_six(self):
        with socket.socket(socket.AF_INET6) as public:
            try:
                public.bind(("::1", 0))
            except OSError:
                self.skipTest("no IPv6 here")
            public.listen(16)
            s = Handed([public], "listen")
            s.process = subprocess.Popen([s.flags[0], *s.flags[1:]], stderr=subprocess.PIPE, text=True, pass_fds=(),
                                         preexec_fn=lambda: os.dup2(public.fileno(), 100), close_fds=False)
            with s.process:
                for line in s.process.stderr:
                    if "serves at" in line:
                        break
                self.assertIn(f"http://[::1]:{public.getsockname()[1]}/", line)
                s.process.terminate()

    def test_children_have_neither_socket_nor_notices(self):
        with listener() as public, Notices() as notices, Handed([public], "listen", NOTIFY_SOCKET=notices.path) as s:
            inode = os.stat(f"/proc/self/fd/{public.fileno()}").st_ino
            children = pathlib.Path(f"/proc/{s.process.pid}/task/{s.process.pid}/children").read_text().split()
            self.assertTrue(children)
            for child in children:
                with contextlib.suppress(PermissionError):  # one that has left root shows nothing to others
                    self.assertNotIn(inode, [os.stat(f"/proc/{child}/fd/{fd}").st_ino for fd in os.listdir(f"/proc/{child}/fd")])
                    self.assertNotIn(b"NOTIFY_SOCKET", pathlib.Path(f"/proc/{child}/environ").read_bytes())

    def test_meant_for_another(self):
        with listener() as public, Handed([public], "listen", to="1") as s:
            self.assertNotEqual(s.port, public.getsockname()[1])

    def test_mistakes(self):
        for kind, listens, names, count, says in ((socket.SOCK_DGRAM, False, "listen", 1, "does not listen for TCP"),
                                                  (socket.SOCK_STREAM, False, "listen", 1, "does not listen for TCP"),
                                                  (socket.SOCK_STREAM, True, "listen:other", 2, "'other' is for no listener"),
                                                  (socket.SOCK_STREAM, True, "listen:listen", 2, "two sockets were handed over for listen"),
                                                  (socket.SOCK_STREAM, True, "a:b:c:d", 4, "4 sockets were handed over")):
            with contextlib.ExitStack() as stack:
                s = Handed([stack.enter_context(listener(kind, listens)) for _ in range(count)], names)
                with self.assertRaises(AssertionError) as caught:
                    s.__enter__()
                s.process.wait()
                s.process.stderr.close()
                self.assertIn(says, str(caught.exception))
                self.assertEqual(s.process.returncode, 3)  # a mistake in the configuration

    def test_settings_tell_it(self):
        with listener() as public:
            fd = public.fileno()
            done = subprocess.run(["bash", "-c", f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&{fd}', "bash", COMMAND, "serve", "--listen",
                                   "127.0.0.1:1", "--print-config"], pass_fds=(fd,), capture_output=True, text=True, check=True)
            self.assertRegex(done.stdout, rf"(?m)^listen = 127\.0\.0\.1:{public.getsockname()[1]} +# a socket it was started with$")

    def test_systemds_own_activation(self):
        """The program that systemd has for trying this: it starts the service when the first connection comes."""
        with listener() as free:
            port = free.getsockname()[1]
        address = f"127.0.0.1:{port}"
        command = ["systemd-socket-activate", f"--listen={address}", "--fdname=listen", "--setenv=PATH", os.path.abspath(COMMAND), "serve", *FREE,
                   "--admin-listen", "off"]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                for _ in range(100):
                    with contextlib.suppress(ConnectionRefusedError):
                        connection = http.client.HTTPConnection(address, timeout=60)
                        connection.request("GET", "/healthz")
                        break
                    time.sleep(0.05)
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
            finally:
                process.terminate()


if __name__ == "__main__":
    unittest.main()
