"""deploy/prometheus and deploy/grafana: rules and alerts by promtool, an alert that goes all its way to a webhook, and every query of
the dashboard evaluated by a Prometheus that has scraped a service under load."""
import base64
import concurrent.futures
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateways import DEPLOY, HERE, replace, wait_for  # noqa: E402
from service import COMMAND, FREE, Service, free_port, reference  # noqa: E402

DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/emotivoice.json").read_text())
PANELS = [p for p in DASHBOARD["panels"] if p["type"] != "row"]
NO_GPU_HERE = {"Use", "Temperature", "Memory in use", "Power"}  # of the row GPU: no data without a card


class Webhook:
    """Who is to be woken."""

    def __init__(self, port):
        heard = self.heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def alerts(self, name, status):
        return [a for message in list(self.heard) for a in message["alerts"] if a["labels"]["alertname"] == name and a["status"] == status]


class Program:
    def __init__(self, *command):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Rules(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *arguments], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_files(self):
        folder = DEPLOY / "prometheus"
        self.promtool("check", "config", str(folder / "prometheus.yml"))
        self.promtool("check", "rules", "--lint-fatal", str(folder / "emotivoice.rules.yml"), str(folder / "emotivoice.alerts.yml"))
        done = subprocess.run(["amtool", "check-config", str(folder / "alertmanager.yml")], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_fires(self):
        self.promtool("test", "rules", str(HERE / "alerts.yml"))

    def test_each_alert_is_tried(self):
        alerts = re.findall(r"- alert: (\w+)", (DEPLOY / "prometheus/emotivoice.alerts.yml").read_text())
        tried = (HERE / "alerts.yml").read_text()
        self.assertGreater(len(alerts), 15)
        self.assertEqual([a for a in alerts if f'alertname="{a}"' not in tried], [])


class Dashboard(unittest.TestCase):
    def test_form(self):
        self.assertEqual(len({p["id"] for p in DASHBOARD["panels"]}), len(DASHBOARD["panels"]))
        taken = set()
        for p in DASHBOARD["panels"]:
            g = p["gridPos"]
            cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
            self.assertFalse(cells & taken, p["title"])
            self.assertLessEqual(g["x"] + g["w"], 24, p["title"])
            taken |= cells
        for p in PANELS:
            self.assertTrue(p["targets"], p["title"])
            self.assertEqual({p["datasource"]["uid"], *(t["datasource"]["uid"] for t in p["targets"])}, {"${DS_PROMETHEUS}"}, p["title"])

    def test_it_shows_what_was_asked_for(self):
        titles = " ".join(p["title"] for p in PANELS)
        for wanted in ("Requests a second", "P95 of speech", "Found in a cache", "Temperature", "Jobs that wait", "Members of a batch", "stumbled"):
            self.assertIn(wanted, titles)
        self.assertTrue(any("0.99" in t["expr"] for p in PANELS for t in p["targets"]))


class Running(unittest.TestCase):
    """A service under load, Prometheus with our files (every 15 s is every second here), Alertmanager, a webhook."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="emotivoice-monitoring-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.port, cls.alert_port, hook = (free_port() for _ in range(3))
        cls.service = cls.enterClassContext(Service(COMMAND, *FREE, "--queue-wait", "120s", "--data-dir", str(cls.folder / "data")))
        cls.webhook = Webhook(hook)
        cls.addClassCleanup(cls.webhook.close)
        source = DEPLOY / "prometheus"
        for name in ("emotivoice.rules.yml", "emotivoice.alerts.yml"):
            text = (source / name).read_text()
            # what is to last a minute lasts a second, and the instance that is down is seen at once
            (cls.folder / name).write_text(re.sub(r"for: \d+m", "for: 1s", text).replace("[5m]", "[8s]"))
        (cls.folder / "prometheus.yml").write_text(
            replace((source / "prometheus.yml").read_text(), ("127.0.0.1:9090", f"127.0.0.1:{cls.service.admin_port}"),
                    ("127.0.0.1:9093", f"127.0.0.1:{cls.alert_port}"), ("15s", "1s"), ("scrape_timeout: 5s", "scrape_timeout: 1s")))
        (cls.folder / "alertmanager.yml").write_text(
            replace((source / "alertmanager.yml").read_text(), ("127.0.0.1:9099", f"127.0.0.1:{hook}"), ("group_wait: 30s", "group_wait: 1s"),
                    ("group_interval: 5m", "group_interval: 1s")))
        for program in (("prometheus-alertmanager", f"--config.file={cls.folder}/alertmanager.yml", f"--storage.path={cls.folder}/alerts",
                         f"--web.listen-address=127.0.0.1:{cls.alert_port}", "--cluster.listen-address="),
                        ("prometheus", f"--config.file={cls.folder}/prometheus.yml", f"--storage.tsdb.path={cls.folder}/series",
                         f"--web.listen-address=127.0.0.1:{cls.port}")):
            cls.addClassCleanup(Program(*program).close)
        for port in (cls.port, cls.alert_port):
            wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).status == 200, what="a program")
        cls.load()

    @classmethod
    def load(cls):
        """Eight seconds of what listeners do: sentences anew and again, streams, clones, jobs, mistakes."""
        clone = base64.b64encode(reference("A voice to speak as, for some seconds.")).decode()

        def one(n):
            text = f"This is sentence number {n % 12}."
            cls.service.speech(text)
            if n % 3 == 0:
                cls.service.speech(f"{text} And {n}.", reference_audio=clone)
            if n % 4 == 0:
                cls.service.post("/tts", {"text": text})
            if n % 5 == 0:
                cls.service.speech("")
            time.sleep(0.05)
        until, n = time.monotonic() + 8, 0
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            while time.monotonic() < until:
                list(pool.map(one, range(n, n + 6)))
                n += 6

    def ask(self, query):
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=30) as answer:
            return [(r["metric"], float(r["value"][1])) for r in json.load(answer)["data"]["result"]]

    def test_every_query_gives_numbers(self):
        """The variables as Grafana puts them; what no GPU gives is still a query that Prometheus reads."""
        empty = []
        for p in PANELS:
            for t in p["targets"]:
                query = t["expr"].replace("$job", ".*").replace("$instance", ".*").replace("$__rate_interval", "12s")
                self.assertNotIn("$", query)
                numbers = self.ask(query)
                if not numbers or any(value != value for _, value in numbers):
                    empty.append(p["title"])
                for name in re.findall(r"\{\{(\w+)\}\}", t["legendFormat"]):
                    for labels, _ in numbers:
                        self.assertIn(name, labels, (p["title"], query))
        self.assertEqual(set(empty), NO_GPU_HERE)

    def test_numbers_are_right(self):
        """Some of them, against what the service itself says."""
        text = self.service.get("/metrics", port=self.service.admin_port).body.decode()
        made = float(re.search(r"^emotivoice_audio_seconds_total (.*)$", text, re.M)[1])
        wait_for(lambda: self.ask("emotivoice_audio_seconds_total")[0][1] >= made - 1e-6, 10, "the last scrape")
        self.assertEqual(self.ask('sum(up{job="emotivoice"})')[0][1], 1)
        self.assertEqual(self.ask("process_max_fds")[0][1], float(re.search(r"^process_max_fds (.*)$", text, re.M)[1]))

    def test_recorded_series(self):
        names = re.findall(r"record: (\S+)", (DEPLOY / "prometheus/emotivoice.rules.yml").read_text())
        self.assertEqual([name for name in names if not self.ask(f"max_over_time({name}[1m])")], [])

    def test_zz_an_alert_reaches_its_webhook(self):
        """The service is gone, and somebody hears of it; last, since it ends the service."""
        self.assertEqual(self.webhook.alerts("EmotivoiceInstanceDown", "firing"), [])
        self.service.process.kill()
        self.service.process.wait()
        wait_for(lambda: self.webhook.alerts("EmotivoiceInstanceDown", "firing"), 30, "the alert")
        alert = self.webhook.alerts("EmotivoiceInstanceDown", "firing")[0]
        self.assertEqual(alert["labels"]["severity"], "critical")
        self.assertIn(f"127.0.0.1:{self.service.admin_port}", alert["annotations"]["summary"])


if __name__ == "__main__":
    unittest.main()
