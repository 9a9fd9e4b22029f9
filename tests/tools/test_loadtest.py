"""The load test against a service whose delays, capacity and faults are known.

The service is a fake one in this process, on loopback: what it did is what the report must say. Lower bounds of times
are exact; upper ones leave room for a busy machine, where a thread may wake up tens of milliseconds late.

  python3 tests/tools/test_loadtest.py --command build/tools/loadtest [TEST...]
"""
import argparse
import array
import base64
import html.parser
import json
import math
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SETTINGS = argparse.Namespace()
REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "loadtest", "report.py")
OK, USAGE, INPUT, REMOTE = 0, 2, 4, 6
RATE = 16000


def tone(seconds):
    count = int(seconds * RATE)
    return array.array("h", (int(8000 * math.sin(0.05 * i)) for i in range(count))).tobytes()


def wav_header(data_bytes):
    riff = data_bytes if data_bytes == 0xFFFFFFFF else data_bytes + 36
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16,
                       b"data", data_bytes)


AUDIO = tone(0.5)
WAV = wav_header(len(AUDIO)) + AUDIO


class Service(ThreadingHTTPServer):
    """answer(handler, number, body) is the test's; number counts speech requests from 0, the first is the probe."""
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, answer, metrics=None):
        super().__init__(("0.0.0.0", 0), Handler)
        self.answer, self.metrics = answer, metrics
        self.lock = threading.Lock()
        self.count, self.connections, self.seen, self.jobs = 0, 0, [], {}
        self.free_at = 0.0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that hangs up is part of some tests."""

    def turn(self, service_s, longest_s=None):
        """Waits in the only queue for the only worker, by the clock, so that capacity is exactly 1 / service_s.
        False: the queue is longer than longest_s."""
        with self.lock:
            now = time.monotonic()
            if longest_s is not None and self.free_at - now > longest_s:
                return False
            self.free_at = until = max(now, self.free_at) + service_s
        time.sleep(max(0, until - time.monotonic()))
        return True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self):
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def log_message(self, *args):
        pass

    def reply(self, body, status=200, kind="audio/wav", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def reply_json(self, value, status=200, **headers):
        self.reply(json.dumps(value).encode(), status, "application/json", **headers)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            number = self.server.count
            self.server.count += 1
            self.server.seen.append((self.path, body, self.client_address[0], dict(self.headers)))
        self.server.answer(self, number, body)

    def do_GET(self):
        if self.path == "/metrics":
            return self.reply(self.server.metrics().encode(), kind="text/plain; version=0.0.4")
        job = self.server.jobs[self.path.split("/")[2]]
        if self.path.endswith("/audio"):
            return self.reply(WAV)
        done = time.monotonic() >= job["until"]
        return self.reply_json({"request_id": job["id"], "state": job["end"] if done else "running"})


def after(seconds):
    def answer(handler, number, body):
        time.sleep(seconds)
        handler.reply(WAV)
    return answer


def call(*args):
    env = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "dumb", "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run([SETTINGS.command, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=env, timeout=120)


def report(*args, stdin=b""):
    return subprocess.run([sys.executable, REPORT, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60)


def nearest_rank(values, percent):
    return sorted(values)[-(-percent * len(values) // 100) - 1]


class LoadTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="emotivoice-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def serve(self, answer, metrics=None):
        service = Service(answer, metrics)
        self.addCleanup(service.server_close)
        self.addCleanup(service.shutdown)
        return service

    def load(self, service, *args, warmup="0"):
        """The report, as JSON."""
        done = call("--url", service.url, "--warmup", warmup, "--seed", "5", *args)
        self.assertEqual((done.returncode, done.stderr), (OK, b""), done.stderr.decode(errors="replace"))
        return json.loads(done.stdout)

    def bad(self, code, pattern, *args):
        done = call(*args)
        line = done.stderr.decode()
        self.assertEqual(done.returncode, code, line)
        self.assertRegex(line, r"\Aloadtest: [^\x00-\x1f\x7f]{8,}\n\Z")
        self.assertRegex(line, pattern)
        self.assertEqual(done.stdout, b"")


class Time(LoadTest):
    def test_a_stall_is_charged_to_all_who_came_meanwhile(self):
        """One second of standstill in two, two connections: an honest P90 is most of a second."""
        begin = time.monotonic()

        def answer(handler, number, body):
            nonlocal begin
            if number == 1:
                begin = time.monotonic()
            now = time.monotonic() - begin
            if number > 0 and 0.5 < now < 1.5:
                time.sleep(1.5 - now)
            handler.reply(WAV)
        service = self.serve(answer)
        step = self.load(service, "--rate", "60", "--seconds", "2", "--connections", "2")["steps"][0]
        latency = step["latency_s"]
        self.assertEqual((step["ok"], step["sent"]), (step["offered"], step["offered"]))
        self.assertEqual(step["offered"], 120)
        self.assertTrue(0.15 < latency["mean"] < 0.9, latency)
        self.assertTrue(0.6 < latency["p90"] < 1.6, latency)
        self.assertGreater(step["generator_lag_s"]["p90"], 0.5)
        self.assertLessEqual(service.connections, 2)

    def test_percentiles(self):
        delays = []

        def answer(handler, number, body):
            begin = time.monotonic()
            time.sleep(0.04 * (1 + number * 7 % 20))
            with handler.server.lock:
                delays.append(time.monotonic() - begin)
            handler.reply(WAV)
        step = self.load(self.serve(answer), "--concurrency", "12", "--seconds", "1.2")["steps"][0]
        delays = delays[1:]  # without the probe
        self.assertEqual((step["offered"], step["latency_s"]["count"]), (len(delays), len(delays)))
        self.assertGreater(len(delays), 30)
        for percent in (50, 90, 95, 99, 100):
            found = step["latency_s"]["max" if percent == 100 else f"p{percent}"]
            wanted = nearest_rank(delays, percent)
            self.assertTrue(wanted <= found < wanted + 0.15, (percent, wanted, found))
        self.assertAlmostEqual(step["latency_s"]["mean"], sum(delays) / len(delays), delta=0.1)
        self.assertAlmostEqual(step["audio_seconds_per_second"], 0.5 * step["achieved_rate"], places=3)

    def test_ramp_finds_the_capacity(self):
        service = self.serve(lambda handler, number, body: (handler.server.turn(0.01), handler.reply(WAV)))
        for seed in ("5", "9"):  # a busy machine may take the service its time: then once more
            run = self.load(service, "--ramp", "--rate", "90", "--seconds", "1.4", "--p95", "0.4", "--seed", seed,
                            warmup="0.2")
            if 85 <= run["stable_rate"] <= 115:
                break
        self.assertTrue(85 <= run["stable_rate"] <= 115,
                        [(s["rate"], s["stable"], s["achieved_rate"], s["latency_s"]) for s in run["steps"]])
        stable = [step["rate"] for step in run["steps"] if step["stable"]]
        self.assertEqual(max(stable), run["stable_rate"])
        self.assertTrue(any(not step["stable"] for step in run["steps"]))

    def test_overload(self):
        """Twice what the service can: it turns half away at once, and that is what is reported."""
        def answer(handler, number, body):
            if handler.server.turn(0.02, longest_s=0.2):
                return handler.reply(WAV)
            return handler.reply_json({"error": {"message": "full"}}, 503, Retry_After="1")
        step = self.load(self.serve(answer), "--rate", "100", "--seconds", "2", warmup="0.4")["steps"][0]
        self.assertAlmostEqual(step["achieved_rate"], 50, delta=8)
        self.assertEqual(step["ok"] + step["rejected"], step["offered"])
        self.assertEqual(step["rejected_with_retry_after"], step["rejected"])
        self.assertEqual(step["statuses"], {"503": step["rejected"]})
        self.assertLess(step["rejected_latency_s"]["p50"], step["latency_s"]["p50"] / 2)
        self.assertTrue(0.1 < step["latency_s"]["p50"] < 0.6, step["latency_s"])
        self.assertEqual((step["errors"], step["stable"]), (0, False))
        self.assertEqual(step["first_of_kind"], {"rejected": "HTTP 503: full"})


class Faults(LoadTest):
    def test_errors_by_kind(self):
        done = {}
        silent = wav_header(3200) + bytes(3200)

        def broken(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            handler.wfile.write(WAV[:1000])
            handler.close_connection = True
        kinds = {"ok": lambda h: h.reply(WAV), "500": lambda h: h.reply_json({"detail": "oops"}, 500),
                 "429": lambda h: h.reply(b"slow down", 429, Retry_After="3"), "503": lambda h: h.reply(b"", 503),
                 "broken": broken, "text": lambda h: h.reply(b"hello, this is no audio at all", kind="text/plain"),
                 "empty": lambda h: h.reply(wav_header(0)), "silent": lambda h: h.reply(silent),
                 "cut": lambda h: h.reply(WAV[:2000]), "late": lambda h: (time.sleep(0.7), h.reply(WAV))}

        def answer(handler, number, body):
            name = list(kinds)[number % len(kinds)]
            with handler.server.lock:
                done[name] = done.get(name, 0) + (number > 0)
            kinds[name](handler)
        step = self.load(self.serve(answer), "--rate", "60", "--seconds", "1", "--timeout", "0.4")["steps"][0]
        self.assertGreater(min(done.values()), 2)
        self.assertEqual(step["ok"], done["ok"])
        self.assertEqual(step["rejected"], done["429"] + done["503"])
        self.assertEqual(step["rejected_with_retry_after"], done["429"])
        self.assertEqual(step["errors_by_kind"], {
            "status": done["500"], "broken": done["broken"], "timeout": done["late"],
            "audio": done["text"] + done["empty"] + done["silent"] + done["cut"]})
        self.assertEqual(step["errors"], sum(step["errors_by_kind"].values()))
        self.assertEqual(step["statuses"], {code: done[code] for code in ("500", "429", "503")})
        self.assertEqual(step["first_of_kind"]["status"], "HTTP 500: oops")
        self.assertEqual(step["ok"] + step["rejected"] + step["errors"], step["offered"])

    def test_service_that_does_not_speak(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.bad(REMOTE, r"127\.0\.0\.1.*connect.*--url", "--url", nobody, "--rate", "1", "--seconds", "1")
        refusing = self.serve(lambda h, n, b: h.reply_json({"error": {"message": "who\nare you?"}}, 401))
        self.bad(REMOTE, r"401: who\?are you\?.*--key", "--url", refusing.url, "--rate", "1")
        wrong = self.serve(lambda h, n, b: h.reply(b"<html>hello</html>"))
        self.bad(REMOTE, r"not wav.*--format", "--url", wrong.url, "--rate", "1")
        speaking = self.serve(after(0))
        self.bad(REMOTE, r"metrics.*--metrics", "--url", speaking.url, "--rate", "1", "--metrics", nobody)

    def test_service_that_dies(self):
        service = self.serve(after(0))
        killer = threading.Timer(0.6, lambda: (service.shutdown(), service.socket.close()))
        killer.start()
        done = call("--url", service.url, "--rate", "20,20,20", "--seconds", "0.8", "--warmup", "0",
                    "--source-addresses", "127.0.0.2-127.0.0.200")
        self.assertEqual(done.returncode, REMOTE, done.stderr)
        self.assertRegex(done.stderr.decode(), r"\Aloadtest: .*went away.*\n\Z")
        last = json.loads(done.stdout)["steps"][-1]  # what was measured until then is told
        self.assertEqual(last["errors_by_kind"], {"connect": last["offered"]})

    def test_usage(self):
        for pattern, *args in (
                (r"closed loop.*open", "--rate", "1", "--concurrency", "1"), (r"--rate", "--rate", "1,,2"),
                (r"--rate", "--rate", "0"), (r"whole numbers", "--concurrency", "1.5"),
                (r"--connections", "--concurrency", "50", "--connections", "10"),
                (r"one like http", "--url", "ftp://a"),
                (r"one like http", "--metrics", "localhost metrics"), (r"NAME:VALUE", "--header", "hello"),
                (r"one line", "--key", "a\nb"), (r"--api speech", "--api", "tts", "--stream"),
                (r"--references", "--reference-repeat", "0.5"), (r"empty name", "--voices", "a,,b"),
                (r"127\.0\.0\.2-", "--source-addresses", "127.0.0.9-127.0.0.2"),
                (r"did you mean 'mixed'", "--lengths", "mixd"), (r"at most 1", "--ramp", "--rate", "1,2"),
                (r"from 0\.1 to 86400", "--seconds", "0"), (r"whole number from 1", "--connections", "2.5"),
                (r"not a seed", "--seed", "-1"), (r"empty", "--text", ""), (r"too many", "hello")):
            self.bad(USAGE, pattern, *args)
        empty, bytes_ = self.path("empty.txt"), self.path("bytes.txt")
        open(empty, "w").close()
        with open(bytes_, "wb") as file:
            file.write(b"good\nb\xffd\n")
        self.bad(INPUT, r"one sentence a line", "--text", empty)
        self.bad(INPUT, r"line 2.*UTF-8", "--text", bytes_)
        self.bad(INPUT, r"no \.wav", "--references", self.dir)
        with open(self.path("a.wav"), "wb") as file:
            file.write(b"RIFF....WAVE")
        self.bad(INPUT, r"16-bit", "--references", self.dir)


class Stream(LoadTest):
    def test_first_audio_and_underruns(self):
        """A gap of 0.3 s is an underrun; one of 0.02 s is not."""
        def answer(handler, number, body):
            self.assertEqual((body["stream_format"], body["response_format"]), ("audio", "wav"))
            begin = time.monotonic()

            def at(seconds, data):
                time.sleep(max(0, begin + seconds - time.monotonic()))
                handler.chunk(data)
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            at(0.05, wav_header(0xFFFFFFFF)[:30])
            at(0.1, wav_header(0xFFFFFFFF)[30:])
            at(0.15, tone(0.3))   # played at 0.45
            at(0.3, tone(0.1))    # in time: played at 0.55
            at(0.85, tone(0.2))   # 0.3 late: played at 1.05
            at(1.07, tone(0.4))   # 0.02 late
            handler.chunk(b"")
        step = self.load(self.serve(answer), "--stream", "--concurrency", "4", "--seconds", "0.9")["steps"][0]
        self.assertEqual((step["ok"], step["underruns"], step["streams_with_underruns"]), (4, 4, 4))
        self.assertTrue(0.2 < step["longest_gap_s"] < 0.5, step["longest_gap_s"])
        first_byte, first_audio = step["first_byte_s"]["p50"], step["first_audio_s"]["p50"]
        self.assertTrue(0.05 <= first_byte < first_audio - 0.04, (first_byte, first_audio))
        self.assertTrue(0.15 <= first_audio < 0.3, first_audio)
        self.assertTrue(1.07 <= step["latency_s"]["p50"] < 1.4, step["latency_s"])
        self.assertEqual(step["bytes"], 4 * (44 + 2 * RATE))

    def test_pcm_without_gaps(self):
        service = self.serve(lambda h, n, b: h.reply(tone(0.4), kind="audio/pcm"))
        step = self.load(service, "--stream", "--format", "pcm", "--sample-rate", "8000", "--rate", "30", "--seconds",
                         "0.5")["steps"][0]
        self.assertEqual((step["underruns"], step["errors"]), (0, 0))
        self.assertAlmostEqual(step["audio_seconds_per_second"], 0.8 * step["achieved_rate"], places=3)

    def test_pcm_at_the_rate_that_the_answer_tells(self):
        service = self.serve(lambda h, n, b: h.reply(tone(0.4), kind="audio/pcm", X_Sample_Rate="8000"))
        step = self.load(service, "--format", "pcm", "--rate", "30", "--seconds", "0.5")["steps"][0]
        self.assertEqual(step["errors"], 0)
        self.assertAlmostEqual(step["audio_seconds_per_second"], 0.8 * step["achieved_rate"], places=3)


class Requests(LoadTest):
    def texts(self, *args, seconds=0.4):
        service = self.serve(after(0))
        self.load(service, "--rate", "200", "--seconds", str(seconds), *args)
        return [body["input"] for _, body, _, _ in service.seen], service

    def test_texts(self):
        first, _ = self.texts()
        again, _ = self.texts()
        self.assertEqual(sorted(first), sorted(again), "the same seed asks the same")
        self.assertGreater(len(first), 50)
        self.assertEqual(len(set(first)), len(first), "no text twice")
        mandarin = [text for text in first if re.search("[\u4e00-\u9fff]", text)]
        self.assertTrue(0.4 < len(mandarin) / len(first) < 0.6)
        repeated, _ = self.texts("--repeat", "0.6")
        self.assertTrue(0.25 < len(set(repeated)) / len(repeated) < 0.65, len(set(repeated)))
        long, _ = self.texts("--lengths", "long", seconds=0.1)
        self.assertGreater(sum(map(len, long)) / len(long), 2.5 * sum(map(len, first)) / len(first))

    def test_text_file_fields_and_headers(self):
        with open(self.path("lines.txt"), "w", encoding="utf-8") as file:
            file.write('He said "hi".\n\n  \n你好！\r\n')
        texts, service = self.texts("--text", self.path("lines.txt"), "--voices", "f1,m1", "--emotions", "happy",
                                    "--speed", "1.25", "--key", "secret", "--header", "X-Team: speech",
                                    "--model", "m", "--source-addresses", "127.0.0.2-127.0.0.5")
        self.assertEqual(len(set(texts)), len(texts))
        for text in texts:
            self.assertRegex(text, r'^(He said "hi", [A-Z][a-z]+ [A-Z][a-z]+\.|你好，\w{2,3}！)$')
        self.assertEqual({body["voice"] for _, body, _, _ in service.seen}, {"f1", "m1"})
        for path, body, address, headers in service.seen:
            self.assertEqual(path, "/v1/audio/speech")
            self.assertEqual((body["emotion"], body["speed"], body["model"], body["response_format"]),
                             ("happy", 1.25, "m", "wav"))
            self.assertEqual((headers["Authorization"], headers["X-Team"]), ("Bearer secret", "speech"))
        addresses = [address for _, _, address, _ in service.seen]
        self.assertEqual(set(addresses), {f"127.0.0.{i}" for i in range(2, 6)})
        self.assertLess(max(map(addresses.count, addresses)), 0.3 * len(addresses))
        self.assertLess(service.connections, 60, "connections are kept")

    def test_references(self):
        samples = array.array("h", tone(0.2))
        with wave.open(self.path("me.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(samples.tobytes())
        with open(self.path("me.wav"), "rb") as file:
            original = file.read()
        service = self.serve(after(0))
        self.load(service, "--references", self.dir, "--reference-repeat", "0.5", "--rate", "200", "--seconds", "0.5")
        sent = [base64.b64decode(body["reference_audio"], validate=True) for _, body, _, _ in service.seen]
        fresh = [wav for wav in sent if wav != original]
        self.assertTrue(0.35 < len(fresh) / len(sent) < 0.65, (len(fresh), len(sent)))
        self.assertEqual(len(set(fresh)), len(fresh))
        for wav in fresh:
            self.assertEqual(wav[:44], original[:44])
            changed = array.array("h", wav[44:])
            self.assertEqual(len(changed), len(samples))
            self.assertLessEqual(max(abs(a - b) for a, b in zip(changed, samples)), 1)

    def test_jobs(self):
        def answer(handler, number, body):
            job = {"id": f"job-{number}", "until": time.monotonic() + 0.2, "end": "completed"}
            self.assertEqual((set(body), handler.path), ({"text", "pitch_scale"}, "/tts"))
            if number % 5 == 4:
                job["end"] = "failed"
            if number % 5 == 3:
                return handler.reply_json({"error": "full"}, 429, Retry_After="1")
            handler.server.jobs[job["id"]] = job
            return handler.reply_json({"request_id": job["id"]}, 202)
        step = self.load(self.serve(answer), "--api", "tts", "--rate", "50", "--seconds", "1", "--pitch-scale", "1.5",
                         "--poll", "0.02")["steps"][0]
        fifth = step["offered"] / 5
        self.assertAlmostEqual(step["rejected"], fifth, delta=1)
        self.assertAlmostEqual(step["errors_by_kind"]["job"], fifth, delta=1)
        self.assertEqual(step["ok"] + step["rejected"] + step["errors"], step["offered"])
        self.assertEqual(step["first_of_kind"]["job"], "the job failed")
        self.assertTrue(0.2 <= step["latency_s"]["p50"] < 1, step["latency_s"])


class Balance(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


class Reports(LoadTest):
    def test_metrics_and_pages(self):
        """Four requests to a batch, and three of four voices found: the counters say so, and so must the report."""
        def metrics():
            n = service.count
            return ("# HELP emotivoice_batch_size x\n# TYPE emotivoice_batch_size histogram\n"
                    f'emotivoice_batch_size_bucket{{stage="decode",le="2"}} 0\n'
                    f'emotivoice_batch_size_bucket{{stage="decode",le="4"}} {n}\n'
                    f'emotivoice_batch_size_bucket{{stage="decode",le="+Inf"}} {n}\n'
                    f'emotivoice_batch_size_sum{{stage="decode"}} {4 * n}\n'
                    f'emotivoice_batch_size_count{{stage="decode"}} {n}\n'
                    f'emotivoice_batch_size_sum{{stage="vocode"}} 999\nemotivoice_queue_jobs 7\n'
                    f'emotivoice_voice_cache_requests_total{{result="hit"}} {3 * n}\n'
                    f'emotivoice_voice_cache_requests_total{{result="miss"}} {n}\n')
        with wave.open(self.path("me.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(tone(0.1))
        service = self.serve(after(0.01), metrics)
        done = call("--url", service.url, "--rate", "40,20", "--seconds", "1", "--warmup", "0.2", "--metrics",
                    service.url + "/metrics", "--references", self.dir, "--json", self.path("a.json"), "--key", "se<cret")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (OK, b"", b""), done.stderr)
        done = report(self.path("a.json"), "--markdown", self.path("a.md"), "--html", self.path("a.html"))
        self.assertEqual((done.returncode, done.stderr), (OK, b""), done.stderr)
        with open(self.path("a.json"), encoding="utf-8") as file:
            text = file.read()
        for step in json.loads(text)["steps"]:
            self.assertEqual((step["server"]["mean_batch"], step["server"]["voice_cache_hit_share"],
                              step["server"]["queue_jobs_max"]), (4, 0.75, 7))
            self.assertGreaterEqual(len(step["server"]["series"]), 3)
        with open(self.path("a.html"), encoding="utf-8") as file:
            page = file.read()
        parsed = Balance()
        parsed.feed(page)
        self.assertEqual((parsed.open, parsed.links), ([], []), "closed tags, and nothing from elsewhere")
        self.assertNotIn("script", parsed.tags)
        self.assertGreaterEqual(page.count("<figure>"), 5)
        self.assertIn('class="heat"', page)
        self.assertNotRegex(page, r"\bnan\b|\binf\b")
        with open(self.path("a.md"), encoding="utf-8") as file:
            markdown = file.read()
        rows = [line for line in markdown.splitlines() if line.startswith("|")]
        self.assertEqual(len(rows), 4)
        self.assertEqual({row.count("|") for row in rows}, {rows[0].count("|")})
        table = done.stdout.decode()
        self.assertRegex(table, r"\n *40/s .*\n *20/s ")
        for told in (text, page, markdown, table):
            self.assertNotIn("se<cret", told)
            self.assertNotIn("se&lt;cret", told)

    def test_no_request_began(self):
        """Clients that wait for an answer through the whole window have measured nothing: no silent success."""
        service = self.serve(lambda h, n, b: (time.sleep(0.8), h.reply(WAV)))
        done = call("--url", service.url, "--concurrency", "1", "--seconds", "0.1", "--warmup", "0.1")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr.decode(), r"no request began.*--seconds")

    def test_page_without_metrics_and_with_no_answer(self):
        """Steps in which nothing succeeded have no latency: reports say so and stay whole."""
        service = self.serve(lambda h, n, b: h.reply(b"", 503))
        done = call("--url", service.url, "--concurrency", "2,1", "--seconds", "0.3", "--warmup", "0")
        self.assertEqual((done.returncode, done.stderr), (OK, b""))
        step = json.loads(done.stdout)["steps"][0]
        self.assertEqual((step["ok"], step["latency_s"]["p50"], step["concurrency"]), (0, None, 2))
        self.assertTrue(2 <= step["rejected"] <= 10, "a client that was turned away waits")
        told = report("--html", self.path("a.html"), stdin=done.stdout)
        self.assertEqual((told.returncode, told.stderr), (OK, b""))
        with open(self.path("a.html"), encoding="utf-8") as file:
            page = file.read()
        self.assertEqual(page.count("<figure>"), 1, "throughput alone has something to show")
        self.assertNotRegex(page, r"\bnan\b|\binf\b")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--command", required=True)
    _, rest = parser.parse_known_args(namespace=SETTINGS)
    SETTINGS.command = os.path.abspath(SETTINGS.command)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
