"""A settings file starts the service: every setting of docs/emotivoice.conf set in one, printed, checked, started, reloaded.

With EMOTIVOICE_LONG=1 (script/nightly) the service is also started with each setting alone."""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")]
from service import COMMAND, FREE, Service, scratch  # noqa: E402
from settings import MODEL, NEEDS, SECRETS, conf, documented, values  # noqa: E402

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("EMOTIVOICE_") or name == "EMOTIVOICE_CPU"}
QUICK = {} if MODEL == os.environ.get("EMOTIVOICE_MODEL") else {"model": MODEL}


class FromFile(Service):
    """With nothing but a file to go by."""

    def __init__(self, path):
        super().__init__(COMMAND)
        self.flags = [COMMAND, "serve", "--config", path]
        for name in [name for name in os.environ if name.startswith("EMOTIVOICE_")]:
            self.environment[name] = ""

    def _port(self, pattern):
        return super()._port(pattern.replace("127\\.0\\.0\\.1", "(?:127\\.0\\.0\\.1|localhost)"))

    def __enter__(self):
        super().__enter__()
        self.seen = 0
        return self

    def reload(self):
        """The log's next line about settings."""
        self.process.send_signal(signal.SIGHUP)
        for _ in range(500):
            lines = list(self.lines)
            for at in range(self.seen, len(lines)):
                if "were read again" in lines[at] or "the old settings stay" in lines[at]:
                    self.seen = at + 1
                    return lines[at]
            if self.process.poll() is not None:
                raise AssertionError(f"exit status {self.process.returncode}: {lines[-3:]}")
            time.sleep(0.01)
        raise AssertionError("no answer to SIGHUP")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def run(*flags, path=None):
    return subprocess.run([COMMAND, "serve", *(("--config", path) if path else ()), *flags], capture_output=True, text=True,
                          env=ENVIRONMENT, timeout=120)


def printed(text):
    """{key: (value, origin)} of --print-config; a secret has a # before it."""
    found = {}
    for line in text.splitlines():
        match = re.match(r'^#?([a-z_]+) = (.*?) +# (default|flag .*|environment .*|.*:\d+)$', line)
        found[match[1]] = (match[2].strip('"'), match[3])
    return found


class Settings(unittest.TestCase):
    def test_the_list_is_whole(self):
        shown = printed(run("--print-config").stdout)
        self.assertEqual(list(shown), list(documented()))
        for key in documented():
            first, second = values(key)
            self.assertNotIn(first, (documented()[key][0], second), key)

    def test_each_is_printed_with_its_place(self):
        for key in documented():
            path = scratch("# nothing\n\n" + conf(0, key), "one.conf")
            needs = NEEDS.get(key)
            done = run("--print-config", *(("--" + needs.replace("_", "-"), values(needs)[0]) if needs else ()), path=path)
            self.assertEqual(done.returncode, 0, (key, done.stderr))
            value, origin = printed(done.stdout)[key]
            self.assertEqual(value, "***" if key in SECRETS else values(key)[0], key)
            self.assertEqual(origin, ("..." if len(path) > 72 else "") + path[-72:] + ":3", key)

    def test_all_in_one_file_start_and_are_reloaded(self):
        for which in (0, 1):
            path = scratch(conf(which), "all.conf")
            done = run("--check", path=path)
            self.assertEqual((done.returncode, done.stdout), (0, "the configuration is good\n"), done.stderr)
            read_back = scratch(run("--print-config", path=path).stdout, "printed.conf")
            self.assertEqual({key: value for key, (value, _) in printed(run("--print-config", path=read_back).stdout).items()
                              if key not in SECRETS}, {key: values(key)[which] for key in documented() if key not in SECRETS})
        write(path, conf(0, log_level="info", redis=""))
        with FromFile(path) as s:
            self.assertEqual(s.get("/healthz").code, 200)
            self.assertEqual(s.speech("Without a key.").code, 401)  # anonymous = off
            write(path, conf(1, log_level="debug", redis=""))
            self.assertIn("takes effect at the next start", s.reload())
            self.assertEqual(s.speech("Without a key.").code, 200)  # anonymous = on
            self.assertEqual(s.stop(), 0)

    def test_each_is_reloaded_alone(self):
        """Into a service that was started with none, and out of it again."""
        always = conf(0, "listen", "admin_listen", **QUICK)
        path = scratch(always, "reloaded.conf")
        with FromFile(path) as s:
            for key, (default, live) in documented().items():
                if key in ("listen", "admin_listen", "log_level") or (key == "model" and QUICK):
                    continue
                more = conf(0, NEEDS[key]) if key in NEEDS else ""
                write(path, always + more + conf(0, key))
                line = s.reload()
                self.assertIn("were read again", line, key)
                at_next_start = f"{key} = {'***' if key in SECRETS else values(key)[0]} takes effect at the next start"
                self.assertEqual(at_next_start in line, not live, line)
                write(path, always)
                self.assertNotIn("takes effect", s.reload(), key)
            write(path, always + "text_chars_max = 5\n")
            s.reload()
            self.assertEqual(s.speech("Too long by now.").code, 400)
            write(path, always + "text_chars_max = -5\n")
            self.assertIn("text_chars_max", s.reload())  # the old settings stay
            self.assertEqual(s.speech("Too long by now.").code, 400)
            self.assertEqual(s.get("/healthz").code, 200)

    def test_check_tells_what_would_not_start(self):
        keys = scratch("# none\n", "keys")
        wrong = scratch("abc\n", "keys")
        model = scratch("no model", "voice.safetensors")
        for text, code, word in (("rate_per_ip = many\n", 3, "wrong.conf:1: rate_per_ip"), ("rate_per_pi = 5\n", 3, "rate_per_ip"),
                                 ("anonymous = off\n", 3, "keys_file"), (f"keys_file = {wrong}\n", 3, wrong), ("just words\n", 3, "="),
                                 ("words_file = /none\n", 3, "/none"), (f"model = {model}\n", 5, model),
                                 ("listen = 127.0.0.1:9\nadmin_listen = 127.0.0.1:9\n", 3, "admin_listen")):
            path = scratch(text, "wrong.conf")
            done = run("--check", path=path)
            self.assertEqual(done.returncode, code, (text, done.stdout, done.stderr))
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertEqual(run("--check", "--keys-file", keys, "--anonymous", "off").returncode, 0)
        self.assertEqual(run("--check", path="/none.conf").returncode, 3)

    def test_check_leaves_a_running_service_alone(self):
        with Service(COMMAND, *FREE) as s:
            done = run("--check", "--listen", f"127.0.0.1:{s.port}", "--admin-listen", f"127.0.0.1:{s.admin_port}")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(s.get("/healthz").code, 200)

    @unittest.skipUnless(os.environ.get("EMOTIVOICE_LONG"), "one start for each setting")
    def test_each_starts_alone(self):
        for key in documented():
            for which in (0, 1):
                text = conf(which, key, **({NEEDS[key]: values(NEEDS[key])[0]} if key in NEEDS else {}))
                text += "".join(conf(0, other) for other in ("listen", "admin_listen") if other != key)
                with FromFile(scratch(text, "one.conf")) as s:
                    self.assertEqual(s.get("/healthz").code, 200, key)
                    self.assertEqual(s.stop(), 0, key)


if __name__ == "__main__":
    unittest.main()
