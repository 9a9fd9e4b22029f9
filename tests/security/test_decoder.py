"""The process that decodes untrusted clients' recordings: what it still may, and that its deaths are counted."""
import os
import signal
import sys
import tempfile
import time
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server")]
from service import COMMAND, FREE, TINY, Service, reference  # noqa: E402


DECODERS = 4  # that wait for a file (SV_VOICE_THREADS): the service starts no other process


def children_of(pid):
    """All of them, once each has given up its rights."""
    for _ in range(500):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            ready = [int(child) for child in file.read().split() if status(child).get("NoNewPrivs") == "1"]
        if len(ready) == DECODERS:
            return ready
        time.sleep(0.01)
    raise AssertionError(f"{len(ready)} decoders wait")


def status(pid):
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return {name: value.strip() for name, _, value in (line.partition(":") for line in file)}
    except OSError:
        return {}


class Decoder(unittest.TestCase):
    def test_it_has_no_rights(self):
        with Service(COMMAND, *FREE) as s:
            state = status(children_of(s.process.pid)[-1])
            for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(state[name], 16), 0, name)
            ours = status(s.process.pid)
            if ours["Uid"].split()[1] == "0" and int(ours["CapEff"], 16) >> 7 & 1:  # root that may become somebody else
                self.assertEqual(state["Uid"].split(), ["65534"] * 4)
                self.assertEqual(state["Gid"].split(), ["65534"] * 4)
                self.assertEqual(state["Groups"], "")
            if not TINY:  # sanitizers make calls that the filter would not let pass
                self.assertEqual(state["Seccomp"], "2")

    def test_its_deaths_are_counted(self):
        with Service(COMMAND, *FREE, "--voices-dir", tempfile.mkdtemp()) as s:
            self.assertEqual(s.metric("decoder_deaths_total"), 0)
            for child in children_of(s.process.pid):
                os.kill(child, signal.SIGKILL)
            self.assertEqual(s.upload("Ann", b"no recording").code, 422)  # by another
            for _ in range(300):
                if s.metric("decoder_deaths_total") == 1:
                    break
                time.sleep(0.02)
            self.assertEqual(s.metric("decoder_deaths_total"), 1)
            made = s.upload("Ann", reference())
            self.assertEqual(made.code, 201, made.body)
            self.assertEqual(s.ask("DELETE", "/v1/voices/" + made.json()["id"]).code, 200)
            self.assertEqual(s.metric("decoder_deaths_total"), 1)


if __name__ == "__main__":
    unittest.main()
