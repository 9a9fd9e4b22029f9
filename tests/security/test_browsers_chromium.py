"""Two origins in a real Chromium: a page of another site, and one whose name was made to point to this machine, try what
they can on a service that runs on the user's own machine; then a page of an origin that the service was told of.

  python3 tests/security/test_browsers_chromium.py build/emotivoice --chromium /usr/bin/chromium
"""
import argparse
import http.server
import os
import sys
import tempfile
import threading
import unittest

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")
sys.path[:0] = [TESTS, os.path.join(TESTS, "page")]
from browser import Browser  # noqa: E402
from service import COMMAND, FREE, Service  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("--chromium", default="/usr/bin/chromium")
SETTINGS, sys.argv[1:] = parser.parse_known_args()

# What a page can try at a URL; the answer's status, "opaque" (sent, and not to be read), or "blocked".
TRY = """(async () => { try {
const r = await fetch(%r, %s);
return r.type === "opaque" ? "opaque" : String(r.status) + " " + (await r.text()).slice(0, 200);
} catch { return "blocked"; } })()"""
POST = "{method: 'POST', body: '{\"input\":\"Hi.\",\"response_format\":\"pcm\"}'%s}"
SIMPLE = POST % ", mode: 'no-cors'"
PLAIN = POST % ", headers: {'Content-Type': 'text/plain'}"
JSON = POST % ", headers: {'Content-Type': 'application/json'}"
NAMELESS = "{method: 'POST', mode: 'no-cors', body: new Blob(['{\"input\":\"Hi.\"}'])}"
FORM = """{method: 'POST', mode: 'no-cors', body: (() => { const f = new FormData(); f.append('name', 'planted');
f.append('audio', new Blob([new Uint8Array(9000)]), 'a.wav'); return f; })()}"""
SUBMIT = """new Promise((done) => { const f = document.createElement('form'); f.method = 'POST'; f.enctype = 'text/plain'; f.target = 'frame';
f.action = %r; const i = document.createElement('iframe'); i.name = 'frame'; const n = document.createElement('input');
n.name = '{"input":"Hi.","x":"'; n.value = '"}'; f.append(n); document.body.append(i, f);
i.onload = () => done(true); f.submit(); setTimeout(() => done(false), 1500); })"""


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>another site</title><body>")

    def log_message(self, *_):
        pass


class TwoOrigins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=cls.site.serve_forever, daemon=True).start()
        # names of the attacker's that point to this machine, as a name server of his would say
        names = "MAP evil.example 127.0.0.1, MAP app.example.org 127.0.0.1"
        cls.browser = Browser(SETTINGS.chromium, flags=[f"--host-resolver-rules={names}"]).__enter__()
        cls.addClassCleanup(cls.browser.__exit__)
        cls.addClassCleanup(cls.site.shutdown)

    def start(self, *flags):
        service = Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp(), *flags)
        self.addCleanup(service.__exit__)
        return service.__enter__()

    def page(self, host):
        tab = self.browser.tab()
        tab.go(f"http://{host}/")
        return tab

    def tries(self, tab, url, options="{}"):
        return tab.evaluate(TRY % (url, options))

    def made(self, service):
        return service.metric("jobs_total") + service.metric("text_characters_total")

    def test_a_page_of_another_site_makes_and_reads_nothing(self):
        service = self.start()
        for host in (f"evil.example:{self.site.server_port}", f"127.0.0.1:{self.site.server_port}", f"localhost:{self.site.server_port}"):
            tab = self.page(host)
            for ours in (f"http://127.0.0.1:{service.port}", f"http://localhost:{service.port}"):
                for path in ("/v1/audio/speech", "/tts"):
                    for options in (SIMPLE, NAMELESS):
                        self.assertIn(self.tries(tab, ours + path, options), ("opaque", "blocked"))
                    for options in (PLAIN, JSON):
                        self.assertEqual(self.tries(tab, ours + path, options), "blocked", (host, path))
                self.assertIn(self.tries(tab, ours + "/v1/voices", FORM), ("opaque", "blocked"))
                tab.evaluate(SUBMIT % (ours + "/v1/audio/speech"))
                self.assertEqual(self.tries(tab, ours + "/v1/voices"), "blocked")
                self.assertEqual(self.tries(tab, ours + "/tts/" + "0" * 32, "{method: 'DELETE'}"), "blocked")
            for admin in ("/metrics", "/admin/dead"):
                self.assertEqual(self.tries(tab, f"http://127.0.0.1:{service.admin_port}{admin}"), "blocked")
        refused = service.metric('http_requests_total{route="/v1/audio/speech",code="403"}')
        self.assertGreater(refused, 0, "some of it reached the service, which refused")
        self.assertEqual(self.made(service), 0)
        self.assertEqual(service.get("/v1/voices").json()["data"][-1]["kind"], "named", "no voice was planted")

    def test_a_name_that_points_here_is_not_ours(self):
        service = self.start()
        for port in (service.port, service.admin_port):
            tab = self.page(f"evil.example:{port}")  # now of the same origin as the service, for the browser
            for path in ("/v1/voices", "/metrics", "/healthz"):
                self.assertTrue(self.tries(tab, path).startswith("421 "), path)
            self.assertTrue(self.tries(tab, "/v1/audio/speech", JSON).startswith("421 "))
        self.assertEqual(self.made(service), 0)

    def test_an_origin_that_was_let_in(self):
        origin = f"http://app.example.org:{self.site.server_port}"
        service = self.start("--cors-origins", origin)
        ours = f"http://127.0.0.1:{service.port}"
        tab = self.page(origin.removeprefix("http://"))
        self.assertTrue(self.tries(tab, ours + "/v1/audio/speech", JSON).startswith("200 "))
        self.assertTrue(self.tries(tab, ours + "/v1/voices").startswith("200 "))
        self.assertTrue(self.tries(tab, ours + "/v1/audio/speech", PLAIN).startswith("415 "))
        headers = tab.evaluate(f"fetch({ours + '/v1/audio/speech'!r}, {JSON}).then((r) => r.headers.get('X-Sample-Rate'))")
        self.assertGreaterEqual(int(headers), 8000)
        other = self.page(f"evil.example:{self.site.server_port}")
        self.assertEqual(self.tries(other, ours + "/v1/audio/speech", JSON), "blocked")
        self.assertEqual(self.tries(tab, f"http://127.0.0.1:{service.admin_port}/metrics"), "blocked")

    def test_our_own_page_speaks(self):
        service = self.start()
        for host in ("127.0.0.1", "localhost"):
            tab = self.page(f"{host}:{service.port}")
            self.assertTrue(self.tries(tab, "/v1/audio/speech", JSON).startswith("200 "))
            self.assertTrue(self.tries(tab, "/tts/" + "0" * 32, "{method: 'DELETE'}").startswith("404 "))


if __name__ == "__main__":
    unittest.main(verbosity=2)
