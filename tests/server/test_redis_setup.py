"""How Redis is found and trusted: by sentinels, over TLS, with a password, late, away."""
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import fleet
import service
from fleet_jobs import TEXT, accept, finish, pcm, wait
from service import COMMAND, said


class Fallback(unittest.TestCase):
    def test_a_gateway_speaks_while_redis_is_away(self):
        with fleet.Fleet(0, 1) as f:
            gateway = f.add_gateway("--redis-fallback", "local", "--threads", "1")
            f.settle()
            self.assertEqual(gateway.speech("By a worker.", response_format="pcm").body, said("By a worker."))
            self.assertEqual(gateway.metric('stage_duration_seconds_count{stage="decode"}'), 0, "it was made by the worker")
            f.redis.kill()
            wait(lambda: gateway.get("/readyz").json()["jobs"]["queue"] == "local", 5)
            self.assertEqual(gateway.speech(TEXT, response_format="pcm").body, said(TEXT))
            refused = gateway.post("/tts", {"text": TEXT})
            self.assertEqual((refused.code, "retry-after" in refused.headers), (503, True))
            f.redis.start()
            wait(lambda: (s := gateway.get("/readyz").json()["jobs"])["queue"] == "redis" and s["workers"] == 1, 10)
            made = gateway.metric('stage_duration_seconds_count{stage="decode"}')
            self.assertGreater(made, 0)
            self.assertEqual(finish(gateway, accept(gateway, "By a worker again."))["status"], "completed")
            self.assertEqual(gateway.speech("And heard from it.", response_format="pcm").body, said("And heard from it."))
            self.assertEqual(gateway.metric('stage_duration_seconds_count{stage="decode"}'), made)


class Elsewhere(unittest.TestCase):
    """Redis that is not just an address."""

    def test_a_sentinel_says_who_is_the_master(self):
        with fleet.Fleet(1, 1, kind=fleet.Sentinel) as f:
            gateway, redis = f.gateways[0], f.redis
            before = accept(gateway)
            self.assertEqual(finish(gateway, before)["status"], "completed")
            key = "{emotivoice}:job:" + before
            wait(lambda: redis.replica.ask("EXISTS", key) == b"1", 5)
            redis.master.kill()
            begun = time.monotonic()
            wait(lambda: gateway.get("/readyz").code == 503, 5)
            wait(lambda: gateway.get("/readyz").code == 200 and gateway.get("/readyz").json()["jobs"]["workers"] == 1, 30)
            print(f"failover: {time.monotonic() - begun:.1f} s from the master's kill -9 to ready")
            self.assertEqual(pcm(gateway, before), said(TEXT))
            self.assertEqual(finish(gateway, accept(gateway, "After it."))["status"], "completed")
            self.assertIn(b"role:master", redis.replica.ask("INFO", "replication"))

    def test_tls(self):
        """Where hiredis has it; else what to do without is told."""
        folder = tempfile.mkdtemp(prefix="emotivoice-tls-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        data = ("--data-dir", os.path.join(folder, "data"))
        done = subprocess.run([COMMAND, "serve", "--redis", "rediss://", *data], capture_output=True, text=True, timeout=60)
        if "no TLS" in done.stderr:
            self.assertIn("stunnel", done.stderr)
            self.skipTest("this build's hiredis has no TLS")
        key, cert = os.path.join(folder, "key.pem"), os.path.join(folder, "cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        port = fleet.free_port()
        redis = fleet.Redis(folder, "--tls-port", str(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert,
                            "--tls-auth-clients", "no").start()
        self.addCleanup(redis.stop)
        for host, authority, ready in (("localhost", cert, 200), ("127.0.0.1", cert, 503), ("localhost", "/dev/null", 503)):
            flags = ("--redis", f"rediss://{host}:{port}", *data, "--log-level", "error")
            with fleet.Worker(COMMAND, *flags, SSL_CERT_FILE=authority) as worker, \
                 service.Service(COMMAND, *flags, SSL_CERT_FILE=authority) as gateway:
                if ready == 200:
                    wait(lambda: gateway.get("/readyz").json()["jobs"].get("workers") == 1, 10)
                    self.assertEqual(gateway.speech(TEXT, response_format="pcm").body, said(TEXT))
                else:
                    time.sleep(0.5)
                self.assertEqual(gateway.get("/readyz").code, ready, (host, authority, gateway.lines))
                worker.kill()


class Starts(unittest.TestCase):
    def refused(self, *flags, command="serve"):
        done = subprocess.run([COMMAND, command, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *flags],
                              capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_what_cannot_be_trusted_is_refused(self):
        folder = service.tempfile.mkdtemp()
        data = ("--data-dir", os.path.join(folder, "data"))
        redis = fleet.Redis(folder, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb").start()
        try:
            for command in ("serve", "worker"):
                told = self.refused("--redis", redis.url, *data, command=command)
                self.assertIn("noeviction", told)
                self.assertIn("allkeys-lru", told)
        finally:
            redis.stop()
        self.assertIn("data_dir", self.refused("--redis", "redis://localhost"))
        self.assertIn("--redis", self.refused(command="worker"))
        for url in ("http://localhost", "redis://", "redis://localhost:99999", "redis://localhost/zero", "localhost:6379",
                    "redis-sentinel://localhost", "redis-sentinel:///voices", "redis-sentinel://a,/voices", "redis-sentinel://a:x,b/voices"):
            self.assertIn("redis://[user:password@]host", self.refused("--redis", url, *data), url)

    def test_it_starts_before_redis_does(self):
        folder = service.tempfile.mkdtemp()
        redis = fleet.Redis(folder, "--requirepass", "s3cret word")
        url = f"redis://:s3cret%20word@127.0.0.1:{redis.port}"
        flags = ("--redis", url, "--data-dir", os.path.join(folder, "data"), *service.FREE)
        with service.Service(COMMAND, *flags) as g, fleet.Worker(COMMAND, *flags) as w:
            self.assertEqual(g.get("/readyz").code, 503)
            self.assertEqual(w.get("/readyz").code, 503)
            self.assertEqual(g.speech(TEXT).code, 503)
            redis.ask = lambda *words: b"PONG"  # it wants a password
            redis.start()
            try:
                wait(lambda: g.get("/readyz").code == 200 and w.get("/readyz").code == 200, 10)
                wait(lambda: g.speech(TEXT, response_format="pcm").body == said(TEXT), 10)
            finally:
                redis.stop()
            self.assertNotIn("s3cret", "".join(g.lines + w.lines) + g.before + w.before)


if __name__ == "__main__":
    if not fleet.there():
        print("there is no redis-server: script/bootstrap --test installs it", file=sys.stderr)
        sys.exit(77)
    unittest.main()
