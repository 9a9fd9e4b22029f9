"""schemathesis reads /openapi.json and asks whatever that allows, and much that it does not: nothing may be answered otherwise
than it is described, and nothing with 5xx but for 504: what a client's own `deadline_ms` is answered with where it cannot be met.
EMOTIVOICE_LONG=1 asks 300 times for each operation (script/nightly)."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, Service  # noqa: E402

SCHEMATHESIS = pathlib.Path(sys.executable).with_name("schemathesis")
LONG = bool(os.environ.get("EMOTIVOICE_LONG"))
if not SCHEMATHESIS.exists():
    print("skipped: there is no schemathesis; script/bootstrap --test installs it into .venv-test")
    sys.exit(77)

# What a schema cannot say makes a valid request a refused one: a text of marks alone, a URL where none is fetched.
LEFT_OUT = "positive_data_acceptance"

EXPECTED = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 504]
"""


class Described(unittest.TestCase):
    def test_nothing_is_answered_otherwise(self):
        with Service(COMMAND, "--rate-per-ip", "0", "--log-level", "error", "--queue-wait", "600s", "--queue-audio", "3000s", "--simple", "on",
                     "--voices-dir", tempfile.mkdtemp()) as s, tempfile.TemporaryDirectory() as folder:
            url = f"http://127.0.0.1:{s.port}"
            config = pathlib.Path(folder, "schemathesis.toml")
            config.write_text(EXPECTED)
            done = subprocess.run([SCHEMATHESIS, "--config-file", config, "run", f"{url}/openapi.json", "--url", url,
                                   "--exclude-path-regex", "^/(admin|metrics)", "--exclude-checks", LEFT_OUT,
                                   "--phases", "examples,fuzzing", "--seed", "1", "--no-color",
                                   "--max-examples", "300" if LONG else "2"], cwd=folder, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
            self.assertEqual(s.get("/healthz").code, 200)
            if LONG:
                print(done.stdout[-1500:])


if __name__ == "__main__":
    unittest.main()
