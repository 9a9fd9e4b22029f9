"""What a browser sends on behalf of other sites' pages, and what the service makes of it: Host, Origin, Sec-Fetch-Site,
Content-Type, CORS. test_browsers_chromium.py has the same from a real browser."""
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
from service import COMMAND, FREE, Service, multipart  # noqa: E402

SPEECH = "/v1/audio/speech"
HI = json.dumps({"input": "Hi.", "response_format": "pcm"})
JSON = {"Content-Type": "application/json"}
ACTS = (("POST", SPEECH, HI, JSON), ("POST", "/tts", '{"text":"Hi."}', JSON), ("POST", "/v1/voices", *multipart({"name": "x", "audio": b"x"})),
        ("DELETE", "/tts/" + "0" * 32, None, {}), ("DELETE", "/v1/voices/voice_" + "0" * 32, None, {}))


class Browsers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()).__enter__()
        cls.addClassCleanup(cls.service.__exit__)

    def asks(self, method, path, body=None, port=None, **headers):
        return self.service.ask(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}, port=port)

    def test_other_sites_do_nothing(self):
        ours = f"http://127.0.0.1:{self.service.port}"
        others = ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ours + "0"}, {"Origin": ours + ".evil.example"},
                  {"Origin": f"http://localhost:{self.service.port}"}, {"Origin": "http://127.0.0.1"}, {"Origin": ""},
                  {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "new-kind"},
                  {"Sec-Fetch-Site": "cross-site", "Origin": ours})
        for method, path, body, headers in ACTS:
            for other in others:
                answer = self.service.ask(method, path, body, {**headers, **other})
                self.assertEqual((answer.code, answer.json()["error"]["param"]), (403, "Origin"), (method, path, other))
                self.assertNotIn("access-control-allow-origin", answer.headers)
        retry = self.service.ask("POST", "/admin/dead/" + "0" * 32 + "/retry", None, others[0], port=self.service.admin_port)
        self.assertEqual(retry.code, 403)

    def test_our_own_page_does(self):
        ours = f"http://127.0.0.1:{self.service.port}"
        for own in ({"Origin": ours}, {"Origin": ours, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
                    {"Origin": "https://voice.example.org", "Host": "localhost", "Sec-Fetch-Site": "same-origin"},  # behind a proxy
                    {"Origin": "https://localhost", "Host": "localhost"}, {"Origin": "http://LOCALHOST:80", "Host": "localhost"}):
            self.assertEqual(self.service.ask("POST", SPEECH, HI, {**JSON, **own}).code, 200, own)
        self.assertEqual(self.asks("GET", "/healthz").headers["cross-origin-resource-policy"], "same-origin")

    def test_bodies_are_of_their_kind(self):
        for kind in ("text/plain", "text/plain;charset=UTF-8", "multipart/form-data; boundary=x", "application/octet-stream", "TEXT/PLAIN",
                     "application/jsonp", "application/+json", "application/x-json", "json", "text/plain; application/json"):
            for path in (SPEECH, "/tts"):
                answer = self.asks("POST", path, HI, Content_Type=kind)
                self.assertEqual((answer.code, answer.json()["error"]["param"]), (415, "Content-Type"), kind)
        for kind in ("application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "application/x-www-form-urlencoded"):
            self.assertEqual(self.asks("POST", SPEECH, HI, Content_Type=kind).code, 200, kind)
        self.assertEqual(self.asks("POST", SPEECH, HI).code, 200)  # of simple clients
        ours = f"http://127.0.0.1:{self.service.port}"
        self.assertEqual(self.asks("POST", SPEECH, HI, Origin=ours).code, 415)  # of a page that hides what it sends
        self.assertEqual(self.asks("POST", SPEECH, HI, Origin=ours, Content_Type="application/x-www-form-urlencoded").code, 415)
        self.assertEqual(self.asks("POST", "/v1/voices", HI, Content_Type="text/plain").code, 415)

    def test_host_is_one_of_ours(self):
        for port in (self.service.port, self.service.admin_port):
            for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "evil-localhost", "127.0.0.1.evil.example",
                         "192.0.2.1", "[2001:db8::1]", "localhost:x", "", "[::1", "localhost:99999", "127.1"):
                answer = self.asks("GET", "/healthz", Host=host, port=port)
                self.assertEqual((answer.code, answer.json()["error"]["param"]), (421, "Host"), host)
            for host in ("localhost", f"LocalHost:{port}", "localhost.", "127.0.0.1", "127.9.9.9", "[::1]:80", "page.localhost"):
                self.assertEqual(self.asks("GET", "/healthz", Host=host, port=port).code, 200, host)
        self.assertEqual(self.asks("GET", "/metrics", Host="evil.example", port=self.service.admin_port).code, 421)

    def test_names_are_added(self):
        with Service(COMMAND, *FREE, "--hosts", "voice.example.org, *.here.example, a.example:81, 192.0.2.7, 2001:db8::7") as s:
            for host, code in (("voice.example.org", 200), ("Voice.Example.org:8080", 200), ("x.voice.example.org", 421), ("a.here.example", 200),
                               ("a.b.here.example", 200), ("here.example", 421), ("nothere.example", 421), ("a.example:81", 200),
                               ("a.example", 421), ("192.0.2.7", 200), ("[2001:db8::7]:8080", 200), ("192.0.2.70", 421)):
                self.assertEqual(s.ask("GET", "/healthz", None, {"Host": host}).code, code, host)

    def preflight(self, service, origin, method="POST", path=SPEECH):
        return service.ask("OPTIONS", path, None, {"Origin": origin, "Access-Control-Request-Method": method,
                                                   "Access-Control-Request-Headers": "authorization,content-type"})

    def test_pages_elsewhere_are_let_in_by_name(self):
        app = "https://app.example.org:8443"
        with Service(COMMAND, *FREE, "--cors-origins", f"{app} http://localhost:3000") as s:
            asked = self.preflight(s, app)
            self.assertEqual((asked.code, asked.body, asked.headers["access-control-allow-origin"]), (204, b"", app))
            self.assertIn("POST", asked.headers["access-control-allow-methods"])
            for header in ("authorization", "content-type", "idempotency-key"):
                self.assertIn(header, asked.headers["access-control-allow-headers"].lower())
            self.assertIn("DELETE", self.preflight(s, app, "DELETE", "/tts/" + "0" * 32).headers["access-control-allow-methods"])
            answer = s.ask("POST", SPEECH, HI, {**JSON, "Origin": app, "Sec-Fetch-Site": "cross-site"})
            self.assertEqual((answer.code, answer.headers["access-control-allow-origin"], answer.headers["vary"]), (200, app, "Origin"))
            refused = s.ask("POST", SPEECH, "{", {**JSON, "Origin": app})
            self.assertEqual((refused.code, refused.headers["access-control-allow-origin"]), (400, app))  # a page may read why
            self.assertEqual(s.ask("POST", SPEECH, HI, {"Content-Type": "text/plain", "Origin": app}).code, 415)
            for other in ("https://app.example.org", "http://app.example.org:8443", "https://evil.example", "null", app + ".evil.example"):
                self.assertEqual(self.preflight(s, other).code, 405)
                self.assertEqual(s.ask("POST", SPEECH, HI, {**JSON, "Origin": other}).code, 403, other)
                self.assertNotIn("access-control-allow-origin", s.ask("GET", "/v1/voices", None, {"Origin": other}).headers)
            admin = s.ask("GET", "/metrics", None, {"Origin": app}, port=s.admin_port)
            self.assertNotIn("access-control-allow-origin", admin.headers)
        with Service(COMMAND, *FREE, "--cors-origins", "*") as s:
            self.assertEqual(self.preflight(s, "https://any.example").headers["access-control-allow-origin"], "https://any.example")
            self.assertEqual(s.ask("POST", SPEECH, HI, {**JSON, "Origin": "null"}).code, 403)  # a page in a box has no name
        self.assertEqual(self.preflight(self.service, app).code, 405)


if __name__ == "__main__":
    unittest.main(verbosity=2)
