"""What the tests of the command share: it is run as a user runs it, and what it writes is read back.

Without a model (exit code 5 from `voice list`) the tests that need one are skipped, and the rest still run. Every file of
tests is called alike:

  python3 tests/cli/test_say.py --command build/emotivoice [--model FILE] [--examples build/examples] [TEST...]
"""
import argparse
import array
import glob
import math
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import wave

SETTINGS = argparse.Namespace()
OK, FAILURE, USAGE, INPUT, MODEL, INTERRUPT, PIPE = 0, 1, 2, 4, 5, 130, 141
COMMANDS = ["say", "voice make", "voice list", "voice show", "voice compare", "phones", "import", "bench engine"]
WITH_SERVICE = ["serve", "worker", "jobs dead", "jobs show", "jobs retry", "jobs drop", "store check", "store lifecycle", "keys new", "keys check"]  # a build without the service lacks these
FOX = "The quick brown fox jumps over the lazy dog."
HELLO = "你好，今天我非常开心！"


def environment(**more):
    return {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "dumb", **more}


def call(*args, stdin=b"", env=None, cwd=None, **more):
    """Runs the command to its end. stdout and stderr stay bytes."""
    return subprocess.run([SETTINGS.command, *args], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=env or environment(), cwd=cwd, timeout=600, **more)


def read_wav(path):
    """(rate, samples) of a 16-bit mono wav, its header checked on the way."""
    with wave.open(path, "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2), "16-bit mono"
        samples = array.array("h", file.readframes(file.getnframes()))
        assert len(samples) == file.getnframes(), "the header counts the samples"
        return file.getframerate(), samples


def load(path):
    with open(path, "rb") as file:
        return file.read()


def write_wav(path, rate, samples):
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array.array("h", samples).tobytes())


def buzz(seconds, rate=16000, pitch=120.0):
    """A voice of sorts: a sawtooth that swells five times a second and whose pitch wanders, as no tone's does."""
    def phase(second):
        return pitch * (second - 0.05 * math.cos(6 * math.pi * second) / (6 * math.pi))
    return [int(9000 * (0.6 + 0.4 * math.sin(10 * math.pi * i / rate)) * (2 * (phase(i / rate) % 1) - 1))
            for i in range(int(seconds * rate))]


def options_of(command):
    page = call(*command.split(), "--help").stdout.decode()
    return set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", page, re.M)) - {"--help"}


class CommandTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="emotivoice-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def same(self, one, other, what=""):
        """Like assertEqual, but does not print audio."""
        if one != other:
            at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
            self.fail(f"differs from {at} on; lengths {len(one)}, {len(other)} {what}")

    def good(self, *args, **more):
        done = call(*args, **more)
        self.assertEqual(done.returncode, OK, done.stderr.decode(errors="replace")[-600:])
        return done

    def bad(self, code, pattern, *args, **more):
        """Fails with `code` and exactly one line that matches, control characters escaped; returns it."""
        done = call(*args, **more)
        line = done.stderr.decode()
        self.assertEqual(done.returncode, code, line[-600:])
        self.assertRegex(line, r"\Aemotivoice: [^\x00-\x1f\x7f]{8,}\n\Z")
        self.assertRegex(line, pattern)
        return line

    def say(self, name, text, *args):
        path = self.path(name)
        self.good("say", text, "-o", path, "-q", *args)
        return path


def on_terminal(args, env):
    """What the command writes to a terminal that is its stdout and stderr."""
    master, slave = pty.openpty()
    process = subprocess.Popen([SETTINGS.command, *args], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
                               env=env)
    os.close(slave)
    written = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.close(master)
    process.wait(timeout=120)
    return written


class NeedsModel(CommandTest):
    @classmethod
    def setUpClass(cls):
        if not SETTINGS.has_model:
            raise unittest.SkipTest("no model file: " + SETTINGS.why_no_model)


def find_model(given, source):
    """The model that the command will use, where that can be known: the damage tests need its file."""
    if given or os.environ.get("EMOTIVOICE_MODEL"):
        return given or os.environ["EMOTIVOICE_MODEL"]
    found = sorted(glob.glob(os.path.join(source, "models", "*.safetensors")))
    return found[0] if len(found) == 1 else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--command", required=True)
    parser.add_argument("--model")
    parser.add_argument("--examples")
    parser.add_argument("--source", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    _, rest = parser.parse_known_args(namespace=SETTINGS)
    SETTINGS.command = os.path.abspath(SETTINGS.command)
    SETTINGS.model = find_model(SETTINGS.model, SETTINGS.source)
    if SETTINGS.model:
        os.environ["EMOTIVOICE_MODEL"] = SETTINGS.model = os.path.abspath(SETTINGS.model)
    probe = call("voice", "list")
    SETTINGS.has_model = probe.returncode == OK
    SETTINGS.why_no_model = probe.stderr.decode(errors="replace").strip()
    if probe.returncode not in (OK, MODEL):
        sys.exit(f"the command does not work: exit code {probe.returncode}, {SETTINGS.why_no_model}")
    SETTINGS.has_service = call("serve", "--help").returncode == OK
    if SETTINGS.has_service:
        COMMANDS.extend(WITH_SERVICE)
    unittest.main(argv=[sys.argv[0], *rest])
