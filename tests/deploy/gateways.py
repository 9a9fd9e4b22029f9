"""Three gateways, and a proxy of deploy/ before them: the real program with the real file, in which addresses alone are
replaced."""
import contextlib
import http.client
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEPLOY = ROOT / "deploy"
sys.path.insert(0, str(HERE.parent / "server"))
from service import COMMAND, Service, free_port  # noqa: E402

NAME = "voice.example.org"


def replace(text, *pairs):
    """Each place must be there: a file that changed is not tested by accident as another one."""
    for old, new in pairs:
        assert old in text, f"'{old}' is not in the file"
        text = text.replace(old, new)
    return text


def wait_for(ask, seconds=30, what="it"):
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ask():
                return
        if time.monotonic() > until:
            raise AssertionError(f"{what} did not come in {seconds} s")
        time.sleep(0.05)


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    f"{folder}/key.pem", "-out", f"{folder}/fullchain.pem", "-days", "2", "-subj", f"/CN={NAME}", "-addext",
                    f"subjectAltName=DNS:{NAME}"], check=True, capture_output=True)


class Gateways:
    def __init__(self, *flags, count=3):
        self.flags, self.ports = flags, [free_port() for _ in range(count)]
        self.services = [None] * count

    def start(self, n):
        self.services[n] = Service(COMMAND, "--listen", f"127.0.0.1:{self.ports[n]}", "--hosts", NAME, "--trusted-proxies", "127.0.0.1",
                                   "--log-level", "info", *self.flags)
        self.services[n].__enter__()

    def __enter__(self):
        try:
            for n in range(len(self.ports)):
                self.start(n)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for s in self.services:
            if s and s.process.poll() is None:
                s.process.kill()
                s.process.wait()
                s.reader.join(5)
                s.process.stderr.close()

    def restart(self, n):
        code = self.services[n].stop()
        self.start(n)
        wait_for(lambda: self.services[n].get("/healthz").code == 200, what="a gateway")
        return code


class Proxy:
    """A process that listens at self.port and, over TLS, at self.tls_port."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="emotivoice-proxy-")
        certificate(self.folder)
        self.port, self.tls_port, self.admin_port = (free_port() for _ in range(3))
        self.log = open(os.path.join(self.folder, "stderr"), "wb")
        self.process = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log)
        try:
            wait_for(self.ready, what=type(self).__name__)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
        self.errors = pathlib.Path(self.folder, "stderr").read_text()
        shutil.rmtree(self.folder)

    def ready(self):
        assert self.process.poll() is None, pathlib.Path(self.folder, "stderr").read_text()
        return self.ask("GET", "/healthz")[0] == 200

    def connect(self, source="127.0.0.1", timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=(source, 0))

    def ask(self, method, path, body=None, headers=None, source="127.0.0.1"):
        connection = self.connect(source)
        connection.request(method, path, body, {"Host": NAME, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content

    def ask_tls(self, path):
        context = ssl.create_default_context(cafile=os.path.join(self.folder, "fullchain.pem"))
        with socket.create_connection(("127.0.0.1", self.tls_port), 30) as raw, context.wrap_socket(raw, server_hostname=NAME) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(s)
            answer.begin()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, s.version(), answer.read()


class Nginx(Proxy):
    def __init__(self, gateways, *changes, balance="least_conn"):
        self.gateways, self.changes, self.balance = gateways, changes, balance

    def command(self):
        folder = pathlib.Path(self.folder)
        for part in ("conf.d", "snippets"):
            (folder / part).mkdir()
        main = replace((DEPLOY / "nginx/emotivoice.conf").read_text(), ("listen 80;", f"listen 127.0.0.1:{self.port};"),
                       ("    listen [::]:80;\n", ""),
                       *((f"127.0.0.1:808{n + 1} ", f"127.0.0.1:{port} ") for n, port in enumerate(self.gateways.ports)), *self.changes)
        if self.balance == "round_robin":
            main = re.sub(r"    least_conn;.*\n", "", main)
        tls = replace((DEPLOY / "nginx/emotivoice.tls.conf").read_text(), ("listen 443 ssl", f"listen 127.0.0.1:{self.tls_port} ssl"),
                      ("    listen [::]:443 ssl http2;\n", ""), ("/etc/ssl/emotivoice", self.folder))
        snippet = replace((DEPLOY / "nginx/emotivoice-locations.conf").read_text(), ("/var/log/nginx/emotivoice.log", f"{folder}/access.log"))
        (folder / "conf.d/emotivoice.conf").write_text(main)
        (folder / "conf.d/emotivoice.tls.conf").write_text(tls)
        (folder / "snippets/emotivoice-locations.conf").write_text(snippet)
        places = "".join(f"{what}_temp_path {folder}/{what}; " for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr warn; user root;\n"
                                           "events { worker_connections 1024; }\n"
                                           f"http {{ {places} include {folder}/conf.d/*.conf; }}\n")
        return ["nginx", "-p", self.folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"]


class Envoy(Proxy):
    PROGRAM = shutil.which("envoy", path=os.path.dirname(sys.executable)) or shutil.which("envoy")

    def __init__(self, gateways, *changes, balance="LEAST_REQUEST"):
        self.gateways, self.changes, self.balance = gateways, changes, balance

    def command(self):
        text = replace((DEPLOY / "envoy/envoy.yaml").read_text(),
                       ("address: 0.0.0.0, port_value: 8080", f"address: 127.0.0.1, port_value: {self.port}"),
                       ("address: 0.0.0.0, port_value: 8443", f"address: 127.0.0.1, port_value: {self.tls_port}"),
                       ("port_value: 9901", f"port_value: {self.admin_port}"), ("/etc/ssl/emotivoice", self.folder),
                       ("lb_policy: LEAST_REQUEST", f"lb_policy: {self.balance}"),
                       *((f"port_value: 808{n + 1}}}", f"port_value: {port}}}") for n, port in enumerate(self.gateways.ports)), *self.changes)
        path = pathlib.Path(self.folder, "envoy.yaml")
        path.write_text(text)
        return [self.PROGRAM, "-c", str(path), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
