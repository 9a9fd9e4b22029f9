"""What happens to a job in Redis, each step by its script alone, on a real redis-server."""
import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

import fleet


class Scripts(unittest.TestCase):
    """Each step of a job by itself, as its script takes it: what no timing of processes reaches for certain."""

    GATEWAY, OTHER, THIRD = "a" * 32, "b" * 32, "c" * 32
    JOB, LATE, LATER = "1" * 32, "2" * 32, "3" * 32

    @classmethod
    def setUpClass(cls):
        source = (pathlib.Path(__file__).parents[2] / "src/server/redis/scripts.c").read_text()
        literals = r'((?:\s*(?:"(?:[^"\\\n]|\\.)*"|/\*.*?\*/))+)'
        text = lambda body: "".join(json.loads(part) for part in re.findall(r'"(?:[^"\\\n]|\\.)*"', re.sub(r"/\*.*?\*/", "", body, flags=re.S)))  # noqa: E731
        cls.common = text(re.search(r"sv_script_common\[\] =" + literals, source, re.S)[1])
        cls.scripts = {name: text(body) for name, body in re.findall(r"\[SV_SCRIPT_(\w+)\] =" + literals, source, re.S)}
        cls.folder = tempfile.mkdtemp()
        cls.redis = fleet.Redis(cls.folder).start()

    @classmethod
    def tearDownClass(cls):
        cls.redis.stop()
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.redis.ask("FLUSHALL")
        for class_ in range(3):
            self.redis.ask("XGROUP", "CREATE", f"{{emotivoice}}:queue:{class_}", "workers", "0", "MKSTREAM")
        for gateway in (self.GATEWAY, self.OTHER, self.THIRD):
            self.run_script("GATEWAY_HEARTBEAT", gateway)
        self.beat("one")

    def lua(self, text, *args):
        answer = self.redis.ask("EVAL", "local function main() " + text + " end return cjson.encode({main()})", 1, "{emotivoice}", *args)
        self.assertTrue(answer.startswith(b"$"), answer)
        return (json.loads(answer.split(b"\r\n", 1)[1]) or [None])[0]

    def run_script(self, name, *args):
        return self.lua(self.common + self.scripts[name], *args)

    def beat(self, worker):
        self.run_script("WORKER_HEARTBEAT", worker, 4, 1)

    def enqueue(self, job, gateway):
        return self.run_script("ENQUEUE", job, 1, "", 5, gateway, "{}", "", 0, "", "", 600, 0, 0, "e" * 64)[0]

    def take(self, worker, alone=0):
        self.lua("return redis.call('XREADGROUP', 'GROUP', 'workers', ARGV[1], 'STREAMS', KEYS[1] .. ':queue:1', '>')", worker)
        entry = self.lua("return redis.call('HGET', KEYS[1] .. ':job:' .. ARGV[1], 'entry')", self.JOB)
        return self.run_script("TAKE", self.JOB, worker, entry, 1, alone, 3)[0]

    def send(self, worker, samples, only="", last=""):
        return self.run_script("SEND", self.JOB, worker, 10, "{}", samples, only, last)

    def end(self, worker, state="completed"):
        return self.run_script("FINISH", self.JOB, worker, state, "{}", 2, "", "", 60, 0, "end", 1)

    def heard(self, gateway):
        entries = self.lua("return redis.call('XRANGE', KEYS[1] .. ':events:' .. ARGV[1], '-', '+')", gateway) or []
        return [dict(zip(f[::2], f[1::2])).get("s", "end") for _, f in entries]

    def begin(self):
        self.assertEqual(self.enqueue(self.JOB, self.GATEWAY), "OK")
        self.assertEqual(self.take("one"), "RUN")
        self.assertEqual(self.send("one", "first"), 1)

    def test_who_comes_late_gets_what_it_lacks_before_anything_else(self):
        self.begin()
        self.assertEqual(self.enqueue(self.LATE, self.OTHER), "JOINED")
        self.assertEqual(self.send("one", "second"), self.LATE)
        self.assertEqual(self.send("one", "fir", self.LATE), 1)
        self.assertEqual(self.send("one", "second"), self.LATE)  # it lacks something still
        self.assertEqual(self.send("one", "st", self.LATE, 1), 1)
        self.assertEqual(self.send("one", "second"), 1)
        self.assertEqual(self.end("one"), 1)
        self.assertEqual(self.heard(self.GATEWAY), ["first", "second", "end"])
        self.assertEqual(self.heard(self.OTHER), ["fir", "st", "second", "end"])

    def test_the_end_waits_for_who_came_late(self):
        self.begin()
        self.assertEqual(self.enqueue(self.LATE, self.OTHER), "JOINED")
        self.assertEqual(self.end("one"), self.LATE)
        self.assertEqual(self.send("one", "first", self.LATE, 1), 1)
        self.assertEqual(self.end("one"), 1)
        self.assertEqual(self.heard(self.OTHER), ["first", "end"])

    def test_a_failure_does_not_wait(self):
        self.begin()
        self.enqueue(self.LATE, self.OTHER)
        self.assertEqual(self.end("one", "failed"), 1)
        self.assertEqual(self.heard(self.OTHER), ["end"])

    def test_who_leaves_lacks_nothing(self):
        """The first listener, whose place one that came late takes, and one that came late itself."""
        self.begin()
        self.enqueue(self.LATE, self.OTHER)
        self.enqueue(self.LATER, self.THIRD)
        self.assertEqual(self.run_script("CANCEL", self.LATER, ""), 2)
        self.assertEqual(self.run_script("CANCEL", self.JOB, ""), 2)
        self.assertEqual(self.send("one", "second"), self.LATE)
        self.assertEqual(self.send("one", "x", self.LATER, 1), -1)
        self.assertEqual(self.send("one", "first", self.LATE, 1), 1)
        self.assertEqual(self.lua("return redis.call('HGET', KEYS[1] .. ':job:' .. ARGV[1], 'late')", self.JOB), "")
        self.assertEqual(self.send("one", "second"), 1)
        self.assertEqual(self.heard(self.OTHER), ["first", "second"])
        self.assertEqual(self.heard(self.THIRD), [])

    def test_what_listeners_have_is_of_one_worker(self):
        """The lease of a worker lapsed while another listener came; it does not know yet."""
        self.begin()
        self.enqueue(self.LATE, self.OTHER)
        self.beat("two")
        entry = self.lua("return redis.call('HGET', KEYS[1] .. ':job:' .. ARGV[1], 'entry')", self.JOB)
        self.assertEqual(self.run_script("TAKE", self.JOB, "two", entry, 1, 1, 3)[0], "RUN")
        self.assertEqual(self.send("one", "second"), -1)
        self.assertEqual(self.end("one"), 0)
        self.assertEqual(self.send("two", "all"), self.LATE)
        self.assertEqual(self.send("two", "", self.LATE, 1), 1)
        self.assertEqual(self.send("two", "all"), 1)
        self.assertEqual(self.heard(self.OTHER), ["", "all"])

    def test_nobody_joins_what_its_worker_cannot_tell(self):
        """A worker of the version before; one that is not heard of; one that gave up, since nobody listened."""
        hash_of = "redis.call('HSET', KEYS[1] .. ':tells', 'one', ARGV[1])"
        self.begin()
        self.lua(hash_of, 1)
        self.assertEqual(self.enqueue(self.LATE, self.OTHER), "OK")
        self.setUp()
        self.begin()
        self.lua("redis.call('ZINCRBY', KEYS[1] .. ':workers', -6000, 'one')")
        self.assertEqual(self.enqueue(self.LATE, self.OTHER), "OK")
        self.setUp()
        self.begin()
        self.redis.ask("DEL", "{emotivoice}:gateway:" + self.GATEWAY)
        self.assertEqual(self.send("one", "second"), -1)
        self.assertEqual(self.enqueue(self.LATE, self.OTHER), "OK")

    def test_a_full_stream_is_waited_for(self):
        self.begin()
        self.enqueue(self.LATE, self.OTHER)
        self.assertEqual([self.send("one", "x", self.LATE) for _ in range(11)], 10 * [1] + [0])
        self.assertEqual(self.send("one", "second"), self.LATE)


if __name__ == "__main__":
    if not fleet.there():
        print("there is no redis-server: script/bootstrap --test installs it", file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
