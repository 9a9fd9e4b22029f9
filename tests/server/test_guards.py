"""What stands between untrusted clients and the service, and where the service itself calls others: over loopback, as a client
meets it."""
import base64
import concurrent.futures
import functools
import hashlib
import hmac
import http.server
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, LONG, Service, multipart, reference, scratch, silence, wait_for, wav_body  # noqa: E402


class Receiver:
    """A client's server: keeps what it is sent, and fails as often as it is told."""

    def __init__(self, failures=0):
        self.calls = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((dict(self.headers), body))
                self.send_response(500 if len(outer.calls) <= failures else 204)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        return wait_for(lambda: self.calls, lambda calls: len(calls) >= count)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Webhooks(unittest.TestCase):
    def start(self, receiver, *flags, also=""):
        self.addCleanup(receiver.close)
        service = Service(COMMAND, *FREE, "--webhook", "any", "--fetch-allow", f"{receiver.host} {also}", *flags,
                          EMOTIVOICE_WEBHOOK_SECRET="s3cret")
        self.addCleanup(service.__exit__)
        return service.__enter__()

    def test_the_end_is_told_and_signed(self):
        receiver = Receiver(failures=1)
        service = self.start(receiver)
        url = f"http://{receiver.host}/done"
        request_id = service.post("/tts", {"text": "Tell me.", "webhook": url}).json()["request_id"]
        headers, body = receiver.wait(2)[1]  # the first try was answered with 500
        told = json.loads(body)
        self.assertEqual((told["request_id"], told["status"], told["audio_url"]),
                         (request_id, "completed", f"/tts/{request_id}/audio"))
        signed = hmac.new(b"s3cret", headers["X-EmotiVoice-Timestamp"].encode() + b"." + body, "sha256").hexdigest()
        self.assertEqual(headers["X-EmotiVoice-Signature"], "sha256=" + signed)
        service.post("/tts", {"text": "Nobody's.", "reference_audio": silence(), "webhook": url})
        failed = json.loads(receiver.wait(3)[2][1])
        self.assertEqual(failed["status"], "failed")
        self.assertIn("silent", failed["error"]["message"])

    def test_who_does_not_answer_delays_itself_alone(self):
        secret = "ev_" + "h" * 43
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak hal\n"
        silent = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
        silent.settimeout(30)
        receiver, pit = Receiver(), f"127.0.0.1:{silent.getsockname()[1]}"
        service = self.start(receiver, "--keys-file", scratch(line, "keys"), "--drain-timeout", "0.1s", also=pit)
        self.addCleanup(silent.close)
        for n in range(8):
            service.post("/tts", {"text": f"Never {n}.", "webhook": f"http://{pit}/"}, headers={"Authorization": f"Bearer {secret}"})
        connection, _ = silent.accept()
        self.addCleanup(connection.close)
        service.post("/tts", {"text": "Tell me.", "webhook": f"http://{receiver.host}/"})
        receiver.wait(1)
        silent.setblocking(False)
        self.assertRaises(BlockingIOError, silent.accept)  # it is called one at a time

    def test_only_listed_hosts_are_called(self):
        receiver, other = Receiver(), Receiver()
        self.addCleanup(other.close)
        service = self.start(receiver)
        service.post("/tts", {"text": "One.", "webhook": f"http://{other.host}/"})
        service.post("/tts", {"text": "Two.", "webhook": f"http://{receiver.host}/"})
        receiver.wait(1)
        self.assertEqual(other.calls, [])

    def test_off_by_default(self):
        with Service(COMMAND, *FREE) as s:
            answer = s.post("/tts", {"text": "No.", "webhook": "https://example.com/"})
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, "webhook"))


class Fetching(unittest.TestCase):
    def serve(self, sound):
        """A server's host, and the file me.wav that it serves."""
        path = os.path.join(tempfile.mkdtemp(), "me.wav")
        with open(path, "wb") as file:
            file.write(sound)
        handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=os.path.dirname(path)))
        server.handle_error = lambda *_: None  # a fetch that is cut off
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{server.server_port}", path

    def test_a_reference_behind_a_url(self):
        sound = reference()
        host, _ = self.serve(sound)
        with Service(COMMAND, *FREE, "--fetch", "any", "--fetch-allow", host) as s:
            answer = s.speech("Fetched.", reference_audio_url=f"http://{host}/me.wav", response_format="pcm", voice="ava")
            self.assertEqual(answer.code, 200, answer.body[:200])
            given = s.speech("Fetched.", reference_audio=base64.b64encode(sound).decode(), response_format="pcm")
            self.assertEqual(answer.body, given.body)
            self.the_published_request(s, f"http://{host}/me.wav")
            self.assertEqual(s.speech("No.", reference_audio_url=f"http://{host}/nothing.wav").code, 424)
            self.assertEqual(s.speech("No.", reference_audio_url="http://127.0.0.1:1/x").code, 400)  # no port that is asked
        with Service(COMMAND, *FREE, "--fetch", "any", "--fetch-allow", host, "--reference-bytes-max", "10kB") as s:
            answer = s.speech("Too large.", reference_audio_url=f"http://{host}/me.wav")
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (422, "reference_audio_url"))
            self.assertIn("larger than 10000 bytes", answer.json()["error"]["message"])
        with Service(COMMAND, *FREE, "--fetch", "any") as s:  # private addresses are not for untrusted clients
            self.assertEqual(s.speech("No.", reference_audio_url="http://127.0.0.1/x").code, 424)

    def the_published_request(self, service, url):
        """The body that clients of the published service send, field by field."""
        how = {"emotion": "happy", "reference_audio_url": url, "speed": 1.1, "pitch_scale": 0.9}
        queued = service.post("/tts", {"text": "Fetched.", **how})
        self.assertEqual((queued.code, queued.json()["status"]), (202, "queued"))
        path = "/tts/" + queued.json()["request_id"]
        for _ in range(600):
            state = service.get(path).json()
            if state["status"] not in ("queued", "running"):
                break
            time.sleep(0.05)
        self.assertEqual(state["status"], "completed", state)
        self.assertEqual(wav_body(service.get(state["audio_url"]).body),
                         service.speech("Fetched.", response_format="pcm", **how).body)

    def test_what_lies_behind_a_url_may_change(self):
        host, path = self.serve(reference(voice="ray"))
        with Service(COMMAND, *FREE, "--fetch", "any", "--fetch-allow", host) as s:
            def ask():
                return s.speech("Fetched again.", reference_audio_url=f"http://{host}/me.wav", response_format="pcm")
            first = ask()
            other = reference(voice="mei")
            with open(path, "wb") as file:
                file.write(other)
            given = s.speech("Fetched again.", reference_audio=base64.b64encode(other).decode(), response_format="pcm")
            self.assertEqual(ask().body, given.body)
            self.assertNotEqual(first.body, given.body)
            os.remove(path)
            self.assertEqual(ask().code, 424)

    def test_fetches_of_a_client_in_a_minute(self):
        secret = "ev_" + "f" * 43
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak fay\n"
        host = "127.0.0.1:9"  # nobody is there: the fetch fails at once, and counts
        with Service(COMMAND, *FREE, "--fetch", "any", "--fetch-allow", host, "--fetch-per-minute", "2", "--keys-file",
                     scratch(line, "keys")) as s:
            for headers in ({}, {"Authorization": f"Bearer {secret}"}):
                answers = [s.speech("No.", reference_audio_url=f"http://{host}/x", headers=headers) for _ in range(3)]
                self.assertEqual([a.code for a in answers], [424, 424, 429], headers)
                self.assertEqual(answers[2].json()["error"]["type"], "rate_limit_error")
                self.assertTrue(15 <= int(answers[2].headers["retry-after"]) <= 38, answers[2].headers)  # one in 30 s
                self.assertEqual(s.speech("Without a URL.", headers=headers).code, 200)


class Guards(unittest.TestCase):
    def test_rate_of_an_address(self):
        with Service(COMMAND, "--rate-per-ip", "0.2", "--burst-per-ip", "3", "--log-level", "error") as s:
            codes = [s.speech("") for _ in range(6)]  # counted before they are read: nothing is synthesised
            self.assertEqual([a.code for a in codes], [400] * 3 + [429] * 3)
            refused = codes[3:]
            self.assertGreaterEqual(int(refused[0].headers["retry-after"]), 1)
            self.assertEqual(refused[0].json()["error"]["type"], "rate_limit_error")
            self.assertEqual(s.get("/healthz").code, 200)  # probes cost nothing
            self.assertIs(s.get("/v1/voices").json()["uploads"], False)  # there is no voices_dir

    def test_keys(self):
        secret = "ev_" + "a" * 43
        path = scratch(f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak ann\n", "keys")
        with Service(COMMAND, "--keys-file", path, "--anonymous", "off", "--voices-dir", tempfile.mkdtemp(), "--log-level",
                     "info") as s:
            self.assertEqual(s.speech("Hello.").code, 401)
            self.assertEqual(s.speech("Hello.", headers={"Authorization": "Bearer ev_wrong"}).code, 401)
            self.assertEqual(s.speech("Hello.", headers={"Authorization": f"Bearer {secret}"}).code, 200)
            denied = s.post("/v1/voices", b"", headers={"Authorization": f"Bearer {secret}"})
            self.assertEqual(denied.code, 403)
            self.assertIs(s.get("/v1/voices", headers={"Authorization": f"Bearer {secret}"}).json()["uploads"], False)
            self.assertIs(s.get("/v1/voices").json()["uploads"], True)  # with the right key, perhaps
            s.stop()
            self.assertNotIn(secret, "".join(s.lines))
            self.assertNotIn("Hello", "".join(s.lines))  # no text in the log
            self.assertIn('"account":"ann"', "".join(s.lines))

    def test_no_text_reaches_the_log(self):
        """Messages may quote what was sent: the client has them, the log has not (where an id may well have four digits of a PIN)."""
        with Service(COMMAND, "--rate-per-ip", "0") as s:
            bad_json = s.post("/v1/audio/speech", '{"input": "my PIN is" 47114711}')
            bad_phone = s.speech("My PIN is [x](/HH 47114711/).")
            bad_voice = s.speech("Fine.", voice="47114711")
            for answer, code in ((bad_json, 400), (bad_phone, 400), (bad_voice, 404)):
                self.assertEqual(answer.code, code)
                self.assertIn("47114711", answer.json()["error"]["message"])
            s.stop()
            self.assertNotIn("47114711", "".join(s.lines))
            self.assertEqual([json.loads(line).get("param") for line in s.lines if '"code":4' in line], [None, "input", "voice"])

    def test_high_priority_needs_a_key(self):
        secret = "ev_" + "d" * 43
        path = scratch(f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak dan\n", "keys")
        for flags in ((), ("--keys-file", path)):
            with Service(COMMAND, *FREE, *flags) as s:
                for route, field in (("/v1/audio/speech", "input"), ("/tts", "text")):
                    answer = s.post(route, {field: "At once!", "priority": "high"})
                    self.assertEqual((answer.code, answer.json()["error"]["param"]), (403, "priority"))
                    self.assertIn("API key", answer.json()["error"]["message"])
                self.assertEqual(s.speech("In its turn.", priority="normal").code, 200)
                self.assertEqual(s.speech("When there is time.", priority="low").code, 200)
                if flags:
                    self.assertEqual(s.speech("At once!", priority="high", headers={"Authorization": f"Bearer {secret}"}).code, 200)

    def test_a_faulty_list_is_a_faulty_setting(self):
        for flag in ("--keys-file", "--words-file"):
            done = subprocess.run([COMMAND, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", flag, scratch("?? ??\n")],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("line 1", done.stderr)

    def test_seconds_of_speech_of_a_key(self):
        secret = "ev_" + "c" * 43
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak eve audio_s=20\n"
        with Service(COMMAND, *FREE, "--keys-file", scratch(line, "keys")) as s:
            mine = {"Authorization": f"Bearer {secret}"}
            self.assertEqual(s.speech(LONG[:400], headers=mine).code, 400)  # more than an hour's
            answers = [s.speech(LONG[:200] + str(n), headers=mine, response_format="pcm") for n in range(3)]
            self.assertEqual([a.code for a in answers], [200, 429, 429])
            self.assertGreater(int(answers[1].headers["retry-after"]), 60)
            self.assertEqual(s.speech("Others are served.").code, 200)

    def test_what_is_not_made_is_not_charged(self):
        secret = "ev_" + "g" * 43
        line = f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak gus audio_s=20\n"
        host = "127.0.0.1:9"  # nobody is there
        with Service(COMMAND, *FREE, "--keys-file", scratch(line, "keys"), "--fetch", "any", "--fetch-allow", host,
                     "--fetch-per-minute", "1") as s:
            def times(n, code, path, **fields):
                mine = {"Authorization": f"Bearer {secret}", "Idempotency-Key": "g"}
                self.assertEqual([s.post(path, fields, headers=mine).code for _ in range(n)], [code] * n)
            url = f"http://{host}/x"
            times(3, 504, "/v1/audio/speech", input=LONG[:250], deadline_ms=1)  # refused; 15 s each
            times(3, 504, "/v1/audio/speech", input=LONG[:250], deadline_ms=1, reference_audio_url=url)
            times(3, 200, "/v1/audio/speech", input=LONG[:70])  # made once, 4 s
            times(5, 202, "/tts", text=LONG[:71])  # one request, another 4 s
            times(1, 424, "/v1/audio/speech", input="No.", reference_audio_url=url)
            times(1, 429, "/v1/audio/speech", input="No.", reference_audio_url=url)
            times(1, 429, "/v1/audio/speech", input=LONG[:250])

    def test_the_client_behind_proxies(self):
        with Service(COMMAND, "--rate-per-ip", "0.2", "--burst-per-ip", "1", "--log-level", "error", "--trusted-proxies",
                     "127.0.0.0/8") as s:
            def ask(*lines):
                connection = s.connect()
                connection.putrequest("POST", "/v1/audio/speech")
                for line in lines:
                    connection.putheader("X-Forwarded-For", line)
                connection.putheader("Content-Length", "0")
                connection.endheaders()
                code = connection.getresponse().status
                connection.close()
                return code
            self.assertEqual([ask("198.51.100.1"), ask("198.51.100.2"), ask("198.51.100.1")], [400, 400, 429])
            # what the client claims stands before what the proxy saw, also on a line of its own
            self.assertEqual([ask("203.0.113.9", "198.51.100.3"), ask("203.0.113.10", "198.51.100.3")], [400, 429])

    def test_jobs_belong_to_their_key(self):
        one, two = "ev_" + "a" * 43, "ev_" + "b" * 43
        lines = "".join(f"{k[:8]} {hashlib.sha256(k.encode()).hexdigest()} speak {n}\n" for k, n in ((one, "ann"), (two, "bob")))
        with Service(COMMAND, "--keys-file", scratch(lines, "keys"), "--log-level", "error") as s:
            mine = {"Authorization": f"Bearer {one}"}
            request_id = s.post("/tts", {"text": "Mine."}, headers=mine).json()["request_id"]
            self.assertEqual(s.get(f"/tts/{request_id}", headers={"Authorization": f"Bearer {two}"}).code, 404)
            self.assertEqual(s.get(f"/tts/{request_id}", headers=mine).code, 200)

    def test_voices_belong_to_their_key(self):
        """Also what was said in them: who may not use a voice does not hear it by asking for the same text."""
        one, two = "ev_" + "a" * 43, "ev_" + "b" * 43
        lines = "".join(f"{k[:8]} {hashlib.sha256(k.encode()).hexdigest()} speak,voices {n}\n" for k, n in ((one, "ann"), (two, "bob")))
        with Service(COMMAND, *FREE, "--keys-file", scratch(lines, "keys"), "--voices-dir", tempfile.mkdtemp()) as s:
            mine, yours = {"Authorization": f"Bearer {one}"}, {"Authorization": f"Bearer {two}"}
            voice = s.upload("Mine", reference(), **mine).json()["id"]
            self.assertEqual(s.speech("My own words.", voice=voice, headers=mine).code, 200)
            for headers in (yours, {}):
                answer = s.speech("My own words.", voice=voice, headers=headers)
                self.assertEqual((answer.code, answer.json()["error"]["param"]), (404, "voice"))
            self.assertEqual(s.speech("My own words.", voice=voice, headers=mine).code, 200)

    def test_words_and_reload(self):
        path = scratch("r1: forbidden\n敏感词\n")
        with Service(COMMAND, *FREE, "--words-file", path) as s:
            for text in ("This is forbidden.", "f o r b i d d e n", "ｆｏｒｂｉｄｄｅｎ things", "这是敏*感*词。"):
                answer = s.speech(text)
                self.assertEqual((answer.code, answer.json()["error"]["param"]), (422, "input"), text)
                self.assertNotIn("forbidden", answer.json()["error"]["message"])
            for text in ("Is it for[pause:1ms]bidden?", "这是敏[pause:1ms]感[pause:1ms]词。"):
                answer = s.speech(text)
                begin, end = map(int, re.findall(r"bytes (\d+) to (\d+)", answer.json()["error"]["message"])[0])
                self.assertEqual(answer.code, 422, text)
                self.assertIn(text.encode()[begin:end].decode(), ("for[pause:1ms]bidden", "敏[pause:1ms]感[pause:1ms]词"))
            answer = s.post("/tts", {"text": "Say [x](/F AH1 K/)."})
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (422, "text"))
            self.assertIn("phones may not be given", answer.json()["error"]["message"])
            self.assertEqual(s.speech("This is [notacontrol] fine[pause:1ms].").code, 200)
            self.assertEqual(s.speech("This is fine.").code, 200)
            with open(path, "w", encoding="utf-8") as file:
                file.write("fine\n")
            s.process.send_signal(signal.SIGHUP)
            wait_for(lambda: s.speech("This is fine, too.").code, lambda code: code == 422)
            self.assertEqual(s.speech("This is forbidden.").code, 200)

    def test_a_reload_that_fails_changes_nothing(self):
        """The keys that are read now are right, the lexicon is not: the old keys stay with it."""
        secret = "ev_" + "a" * 43
        keys = scratch(f"{secret[:8]} {hashlib.sha256(secret.encode()).hexdigest()} speak ann\n", "keys")
        lexicon, headers = scratch("emotivoice = emotion voice\n"), {"Authorization": f"Bearer {secret}"}
        with Service(COMMAND, *FREE, "--keys-file", keys, "--anonymous", "off", "--lexicon", lexicon) as s:
            self.assertEqual(s.speech("Before.", headers=headers).code, 200)
            for path in (keys, lexicon):
                with open(path, "w", encoding="utf-8") as file:
                    file.write("" if path == keys else "emotivoice\n")
            s.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "".join(s.lines), lambda log: "the old settings stay" in log)
            self.assertEqual(s.speech("After.", headers=headers).code, 200)

    def test_voices_come_and_go_with_their_files(self):
        folder = tempfile.mkdtemp()
        body, headers = multipart({"name": "Ann", "audio": reference()})
        with Service(COMMAND, *FREE, "--voices-dir", folder) as s, Service(COMMAND, *FREE, "--voices-dir", folder) as other:
            def wait_until_listed(expected):
                other.process.send_signal(signal.SIGHUP)
                wait_for(lambda: sorted(v["id"] for v in other.get("/v1/voices").json()["data"] if v["kind"] == "uploaded"), lambda listed: listed == sorted(expected))
            made = s.post("/v1/voices", body, headers=headers).json()["id"]
            wait_until_listed([made])
            spoken = other.speech("In her voice.", voice=made, response_format="pcm")
            self.assertEqual(spoken.body, s.speech("In her voice.", voice=made, response_format="pcm").body)
            second = other.post("/v1/voices", body, headers=headers).json()["id"]
            third = s.post("/v1/voices", body, headers=headers).json()["id"]
            wait_until_listed([made, second, third])  # each once
            self.assertEqual(s.ask("DELETE", f"/v1/voices/{made}").code, 200)
            wait_until_listed([second, third])
            self.assertEqual(other.speech("Nobody's voice.", voice=made).code, 404)

    def test_a_full_queue_says_when_to_come_back(self):
        with Service(COMMAND, *FREE, "--queue-audio", "20s", "--coalesce", "off") as s:
            with concurrent.futures.ThreadPoolExecutor(40) as pool:
                answers = list(pool.map(lambda n: s.speech(LONG[:600] + str(n), response_format="pcm"), range(40)))
            codes = {a.code for a in answers}
            self.assertEqual(codes, {200, 503})
            for answer in (a for a in answers if a.code == 503):
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
            self.assertEqual(s.speech("And again.").code, 200)

    def test_bad_settings(self):
        for flags, word in ((("--batch-max", "99"), "64"), (("--listen", "nowhere"), "listen"), (("--words-file", "/none"), "/none"),
                            (("--config", "/none.conf"), "/none.conf")):
            done = subprocess.run([COMMAND, "serve", *flags], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(word, done.stderr)
        shown = subprocess.run([COMMAND, "serve", "--print-config", "--batch-max", "8"], capture_output=True, text=True, check=True,
                               env=dict(os.environ, EMOTIVOICE_QUEUE_WAIT="3s"))
        self.assertRegex(shown.stdout, r"batch_max = 8 .*flag")
        self.assertRegex(shown.stdout, r"queue_wait = 3s .*environment")


class Slow(unittest.TestCase):
    def test_a_request_that_never_ends(self):
        """Headers, and a body, that come byte by byte, and a body that does not come: cut, while others are served."""
        with Service(COMMAND, *FREE, "--idle-timeout", "10m", "--header-timeout", "0.5s", "--body-timeout", "0.5s") as s:
            post = b"POST /tts HTTP/1.1\r\nContent-Length: 1000\r\nHost: localhost\r\n\r\n"
            open_ones = []
            for head, dribble in ((b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"x"), (post, b"x"), (post, b"")):
                connection = socket.create_connection(("127.0.0.1", s.port))
                connection.sendall(head)
                connection.settimeout(0.01)
                self.addCleanup(connection.close)
                open_ones.append((connection, dribble))
            begin = time.monotonic()
            while open_ones and time.monotonic() - begin < 20:
                for connection, dribble in list(open_ones):
                    try:
                        connection.sendall(dribble)
                        if connection.recv(1) == b"":
                            open_ones.remove((connection, dribble))
                    except TimeoutError:
                        pass
                    except OSError:
                        open_ones.remove((connection, dribble))
                self.assertEqual(s.get("/healthz").code, 200)
                time.sleep(0.2)
            self.assertEqual(open_ones, [])
            cut = 'http_requests_total{route="/tts",code="408"}'  # counted once the library has seen the end
            while s.metric(cut) < 2 and time.monotonic() - begin < 30:
                time.sleep(0.05)
            self.assertEqual(s.metric(cut), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
