"""What a collector of OpenTelemetry hears: a receiver that knows OTLP from its published schema (opentelemetry-proto), at home and
over Redis."""
import base64
import http.server
import json
import subprocess
import sys
import threading
import time
import unittest

import fleet
import service
from service import COMMAND

try:
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
except ImportError:
    ExportTraceServiceRequest = None

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE, ABOVE = PARENT.split("-")[1:3]


def with_bytes(node):
    """In OTLP's JSON ids are hexadecimal, which protobuf's own JSON has in base64; all else is as protobuf has it."""
    if isinstance(node, list):
        return [with_bytes(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: base64.b64encode(bytes.fromhex(value)).decode() if name in ("traceId", "spanId", "parentSpanId") else with_bytes(value)
            for name, value in node.items()}


class Collector:
    """Keeps the spans that come; answers with `code`."""

    def __init__(self):
        self.spans, self.faults, self.code, self.posts = [], [], 200, 0
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                collector.take(self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(collector.code)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        self.posts += 1
        try:
            assert (path, headers["Content-Type"]) == ("/v1/traces", "application/json"), (path, headers["Content-Type"])
            message = json_format.Parse(json.dumps(with_bytes(json.loads(body))), ExportTraceServiceRequest())  # no unknown field passes
            for resource in message.resource_spans:
                facts = {a.key: a.value.string_value for a in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self.spans += [(facts["service.name"], span) for span in scope.spans]
        except Exception as error:  # noqa: BLE001: whatever it is, the test tells it
            self.faults.append(repr(error))

    def of(self, trace, count):
        """The spans of a trace by name, once there are so many."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            found = [(service, span) for service, span in self.spans if span.trace_id.hex() == trace]
            if len(found) >= count:
                return {span.name: (service, span) for service, span in found}
            time.sleep(0.05)
        raise AssertionError(f"{len(found)} spans of {count}: {[s.name for _, s in found]}, faults {self.faults[:2]}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Otlp(unittest.TestCase):
    def setUp(self):
        self.collector = Collector()
        self.addCleanup(self.collector.close)

    def check_tree(self, spans, makers, begun_ns):
        route = "POST /v1/audio/speech"
        self.assertEqual(set(spans), {route, "queue", "synthesis", "encode"})
        request = spans[route][1]
        self.assertEqual(request.parent_span_id.hex(), ABOVE)
        self.assertEqual(request.kind, 2, "of a server")
        facts = {a.key: a.value for a in request.attributes}
        self.assertEqual((facts["http.response.status_code"].int_value, facts["http.route"].string_value), (200, "/v1/audio/speech"))
        for name in ("queue", "synthesis", "encode"):
            maker, span = spans[name]
            self.assertEqual(span.parent_span_id, request.span_id, name)
            self.assertEqual(maker, makers[name])
            self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano)
            self.assertGreaterEqual(span.start_time_unix_nano, begun_ns - 50_000_000, name)
            self.assertLessEqual(span.end_time_unix_nano, time.time_ns() + 50_000_000, name)
        self.assertLess(abs(spans["queue"][1].end_time_unix_nano - spans["synthesis"][1].start_time_unix_nano), 2_000_000)
        self.assertEqual(len({span.span_id for _, span in spans.values()}), 4)
        self.assertEqual(self.collector.faults, [])

    def test_at_home(self):
        with service.Service(COMMAND, *service.FREE, "--otlp", self.collector.url) as s:
            begun = time.time_ns()
            self.assertEqual(s.speech("Traced.", headers={"traceparent": PARENT}).code, 200)
            home = dict.fromkeys(("queue", "synthesis", "encode"), "emotivoice")
            self.check_tree(self.collector.of(TRACE, 4), home, begun)
            s.speech("Not kept.", headers={"traceparent": PARENT.replace("4bf9", "5bf9")[:-1] + "0"})
            s.get("/healthz")
            self.assertEqual(s.speech("Of no trace.").code, 200)
            job = s.post("/tts", {"text": "Asked for later."}).json()["request_id"]
            until = time.monotonic() + 60
            while time.monotonic() < until and len(self.collector.spans) < 4 + 4 + 3:
                time.sleep(0.05)
            later = self.collector.spans[4:]
            self.assertEqual(len({span.trace_id for _, span in later}), 2, "each request begins one, a probe none")
            self.assertEqual(sorted(span.name for _, span in later if not span.parent_span_id), ["POST /tts", "POST /v1/audio/speech"])
            ids = {a.value.string_value for _, span in later for a in span.attributes if a.key == "emotivoice.job_id"}
            self.assertIn(job, ids)
            # a collector that fails, and one that is gone, cost nobody anything
            self.collector.code = 503
            self.assertEqual(s.speech("It is refused.").code, 200)
            self.collector.close()
            begun = time.monotonic()
            for n in range(20):
                self.assertEqual(s.speech("Yes.", seed=n).code, 200)
            self.assertLess(time.monotonic() - begun, 10)
            begun = time.monotonic()
            self.assertEqual(s.stop(), 0)
            self.assertLess(time.monotonic() - begun, 8)

    @unittest.skipUnless(fleet.there(), "there is no redis-server")
    def test_over_redis(self):
        """The gateway tells of the request and the encoding, the worker of the rest."""
        with fleet.Fleet(1, 1, flags=("--otlp", self.collector.url)) as f:
            begun = time.time_ns()
            self.assertEqual(f.gateways[0].speech("Traced.", headers={"traceparent": PARENT}).code, 200)
            makers = {"queue": "emotivoice-worker", "synthesis": "emotivoice-worker", "encode": "emotivoice"}
            self.check_tree(self.collector.of(TRACE, 4), makers, begun)

    def test_what_is_no_collector_is_refused(self):
        done = subprocess.run([COMMAND, "serve", "--listen", "127.0.0.1:0", "--otlp", "localhost:4318"], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("http://host:4318", done.stderr)


if __name__ == "__main__":
    if ExportTraceServiceRequest is None:
        print("there is no opentelemetry-proto: script/bootstrap --test installs it", file=sys.stderr)
        sys.exit(77)
    unittest.main()
