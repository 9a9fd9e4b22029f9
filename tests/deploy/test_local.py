"""deploy/local: the whole picture on one machine comes up, is one service, and goes away."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gateways import DEPLOY, wait_for  # noqa: E402
from service import COMMAND, free_port, said  # noqa: E402


@unittest.skipUnless(shutil.which("redis-server"), "there is no redis-server")
class Local(unittest.TestCase):
    def run_script(self, name):
        with tempfile.TemporaryFile("w+") as out:  # what it starts keeps no pipe of ours open
            code = subprocess.run([str(DEPLOY / "local" / name)], env=self.environment, stdout=out, stderr=out, timeout=100).returncode
            out.seek(0)
            return code, out.read()

    def ask(self, path, body=None, port=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.port}{path}", json.dumps(body).encode() if body else None,
                                         {"Content-Type": "application/json"} if body else {})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def pids(self):
        return [int(p.read_text()) for p in pathlib.Path(self.folder).glob("*.pid")]

    def test_up_and_down(self):
        self.port = free_port(10)
        self.folder = tempfile.mkdtemp(prefix="emotivoice-local-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment = {**os.environ, "PORT": str(self.port), "EMOTIVOICE": os.path.abspath(COMMAND), "EMOTIVOICE_LOCAL": self.folder,
                            "EMOTIVOICE_DRAIN_DELAY": "200ms"}
        self.addCleanup(self.run_script, "down")
        code, text = self.run_script("up")
        self.assertEqual(code, 0, text)
        started = self.pids()
        with_s3 = os.access(DEPLOY.parent / ".venv-test/bin/moto_server", os.X_OK)
        self.assertEqual(len(started), 8 if with_s3 else 7)
        self.assertEqual(self.run_script("up")[0], 1)  # it runs already
        self.assertEqual(self.ask("/v1/audio/speech", {"input": "All of it.", "response_format": "pcm"}), said("All of it."))
        jobs = [json.loads(self.ask("/tts", {"text": f"Number {n}."}))["request_id"] for n in range(4)]
        for job in jobs:  # whichever gateway is asked
            for _ in range(2):
                wait_for(lambda: json.loads(self.ask(f"/tts/{job}"))["status"] == "completed", what="a job")
        if with_s3:  # the file itself, from the bucket
            state = json.loads(self.ask(f"/tts/{jobs[0]}"))
            with urllib.request.urlopen(state["download_url"], timeout=60) as answer:
                self.assertEqual(answer.read(), self.ask(f"/tts/{jobs[0]}/audio"))
        query = "/api/v1/query?" + urllib.parse.urlencode({"query": 'sum(up{job="emotivoice"})'})
        wait_for(lambda: (r := json.loads(self.ask(query, port=self.port + 9))["data"]["result"]) and r[0]["value"][1] == "4", what="four instances")
        code, text = self.run_script("down")
        self.assertEqual((code, text), (0, ""))
        self.assertEqual((self.pids(), [pid for pid in started if os.path.exists(f"/proc/{pid}")]), ([], []))


if __name__ == "__main__":
    unittest.main()
