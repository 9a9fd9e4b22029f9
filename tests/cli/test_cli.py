"""The command `emotivoice` as a user meets it: every good path, and every kind of bad input.

Drives the real binary. Reference audio, mp3 included, is made by the engine itself, so nothing has to be fetched.
Without a model (exit code 5 from `voice list`) the tests that need one are skipped, and the rest still run.

  python3 tests/cli/test_cli.py --command build/emotivoice [--model FILE] [--examples build/examples] [TEST...]
"""
import argparse
import array
import glob
import json
import math
import os
import pty
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import wave

SETTINGS = argparse.Namespace()
OK, FAILURE, USAGE, INPUT, MODEL, INTERRUPT, PIPE = 0, 1, 2, 4, 5, 130, 141
COMMANDS = ["say", "voice make", "voice list", "voice show", "voice compare", "phones", "bench engine"]
WITH_SERVICE = ["serve", "jobs dead", "jobs retry", "bench serve"]  # a build without the service lacks these
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
    """A voice of sorts: a sawtooth that swells five times a second, so that it is neither silent nor steady."""
    return [int(9000 * (0.6 + 0.4 * math.sin(10 * math.pi * i / rate)) * (2 * ((i * pitch / rate) % 1) - 1))
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


class Help(CommandTest):
    """What needs no model."""

    def test_help_of_everything(self):
        for args in (["--help"], ["-h"], ["help"], *[name.split() + ["--help"] for name in COMMANDS],
                     ["help", "voice", "make"], ["voice", "--help"], ["bench", "--help"]):
            done = self.good(*args)
            self.assertEqual(done.stderr, b"", args)
            self.assertRegex(done.stdout.decode(), r"Usage: emotivoice|text in")
            self.assertLessEqual(max(len(line) for line in done.stdout.decode().splitlines()), 100, args)
        overview = call("--help").stdout.decode()
        for name in COMMANDS:
            self.assertIn(f"  {name} ", overview)
        self.assertNotIn("print the man page", overview)

    def test_version(self):
        header = load(os.path.join(SETTINGS.source, "include/emotivoice.h")).decode()
        version = re.search(r'EV_VERSION_STRING "([^"]+)"', header).group(1)
        self.assertRegex(self.good("--version").stdout.decode(), rf"\Aemotivoice {re.escape(version)} \(.+\)\n\Z")

    def test_help_and_man_page_agree(self):
        page = self.good("man").stdout.decode()
        plain = page.replace("\\-", "-")
        for name in COMMANDS:
            section = plain.split(f".SS {name}\n", 1)[1].split("\n.SS ", 1)[0].split("\n.SH ", 1)[0]
            options = options_of(name)
            self.assertEqual(options, set(re.findall(r"^\.B (?:-\w, )?(--[a-z-]+)", section, re.M)), name)
        self.assertGreaterEqual(len(options_of("say")), 18)
        for code in (OK, FAILURE, USAGE, 3, INPUT, MODEL, 6, INTERRUPT):
            self.assertRegex(plain, rf"\n\.B {code}\n")

    def test_man_page_in_docs_is_the_commands_own(self):
        if not SETTINGS.has_service:
            self.skipTest("built without the service")
        page = load(os.path.join(SETTINGS.source, "docs/emotivoice.1"))
        self.assertTrue(page == call("man").stdout, "run: build/emotivoice man > docs/emotivoice.1")

    def test_usage_errors(self):
        for pattern, *args in (
                (r"no command: see", ),
                (r"did you mean 'say'", "sya"),
                (r"did you mean 'phones'", "phone"),
                (r"no command 'xyzzy': see", "xyzzy"),
                (r"did you mean 'voice list'", "voice", "lsit"),
                (r"voice needs a command", "voice"),
                (r"did you mean 'bench engine'", "bench", "engin"),
                (r"did you mean '--emotion'", "say", "x", "--emotoin", "sad"),
                (r"no option '-5 degrees'.*put --", "say", "-5 degrees"),
                (r"no option '-Z'", "say", "-qZ", "x"),
                (r"--output needs a value", "say", "x", "--output"),
                (r"-o needs a value", "say", "x", "-o"),
                (r"--output is empty", "say", "x", "--output="),
                (r"--json takes no value", "say", "x", "--json=yes"),
                (r"no text: give", "say"),
                (r"both TEXT and --file", "say", "x", "--file", "y", "-o", "z.wav"),
                (r"both --voice and --reference", "say", "x", "--voice", "y", "--reference", "z.wav"),
                (r"--lines and --stream", "say", "x", "--lines", "--stream", "-o", "z/"),
                (r"one argument too many", "say", "two", "texts"),
                (r"did you mean 'flac'", "say", "x", "--format", "flc"),
                (r"--language 'fr' is unknown: give one of auto, en, zh", "say", "x", "--language", "fr"),
                (r"name it .wav", "say", "x", "-o", "x.txt"),
                (r"--stream cannot write mp3", "say", "x", "--stream", "-o", "x.mp3"),
                (r"one %d", "say", "x", "--lines"),
                (r"one %d", "say", "x", "--lines", "-o", "x.wav"),
                (r"one %d", "say", "x", "--lines", "-o", "%d-%d.wav"),
                (r"one %d", "say", "x", "--lines", "-o", "%s.wav"),
                (r"one %d", "say", "x", "--lines", "-o", "%n.wav"),
                (r"too wide", "say", "x", "--lines", "-o", "%99d.wav"),
                (r"voice make needs REFERENCE", "voice", "make"),
                (r"voice compare needs VOICE", "voice", "compare", "one")):
            self.bad(USAGE, pattern, *args, cwd=self.dir)
        self.assertEqual(os.listdir(self.dir), [])

    def test_numbers(self):
        for option, low, high in (("--speed", "0.25", "4"), ("--pitch-scale", "0.5", "2"),
                                  ("--energy-scale", "0.25", "4"), ("--emotion-degree", "0", "1.5")):
            for value in ("-1", "1e9", "100"):
                self.bad(USAGE, rf"{option} \S+ is out of range: give a number from {low} to {high}", "say", "x",
                         f"{option}={value}")
            for value in ("nan", "inf", "x", "1x", " "):
                self.bad(USAGE, rf"{option} '.*' is not a number", "say", "x", option, value)
        self.bad(USAGE, r"--speed 0 is out of range", "say", "x", "--speed", "0")
        self.bad(USAGE, r"not a whole number", "say", "x", "--threads", "1.5")
        self.bad(USAGE, r"not a seed", "say", "x", "--seed", "-1")
        self.bad(USAGE, r"not a seed", "say", "x", "--seed", "18446744073709551616")

    def test_errors_cannot_forge_lines(self):
        for evil in ("a\nemotivoice: b", "a\x1b[31mred", "a\rb", "a\u2028b\u202eb", "a\x9bb"):
            self.bad(USAGE, r"there is no command", evil)
        self.bad(USAGE, r"\\xff", b"a\xffb")

    def test_colour_is_for_terminals_that_want_it(self):
        self.assertIn(b"\x1b[", on_terminal(["sya"], environment(TERM="xterm")))
        self.assertNotIn(b"\x1b[", on_terminal(["sya"], environment(TERM="xterm", NO_COLOR="1")))
        self.assertNotIn(b"\x1b[", on_terminal(["sya"], environment(TERM="dumb")))
        self.assertNotIn(b"\x1b[", call("--help", env=environment(TERM="xterm")).stdout)

    def test_audio_does_not_go_to_a_terminal(self):
        self.assertIn(b"standard output is a terminal: give -o", on_terminal(["say", "hello"], environment()))

    def test_missing_and_damaged_models(self):
        self.bad(MODEL, r"does not exist", "say", "x", "-o", self.path("x.wav"), "--model", self.path("none"))
        for name, content in (("empty", b""), ("text", b"This is no model.\n" * 9), ("zeros", bytes(4096)),
                              ("huge", b"\xff" * 64), ("json", struct.pack("<Q", 2) + b"{}")):
            path = self.path(name + ".safetensors")
            with open(path, "wb") as file:
                file.write(content)
            for args in (["say", "x", "-o", self.path("x.wav")], ["phones", "x"], ["voice", "list"]):
                self.bad(MODEL, r".", *args, "--model", path)
        self.bad(MODEL, r".", "voice", "list", "--model", self.dir)

    def test_full_disk_also_for_help(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SETTINGS.command, "--help"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, FAILURE)
        self.assertRegex(done.stderr.decode(), r"\Aemotivoice: standard output cannot be written \(No space.*\n\Z")


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


class Say(NeedsModel):
    def test_english_chinese_mixed(self):
        for text in (FOX, HELLO, "我有 3 个 apples, 价格是 $4.50。"):
            rate, samples = read_wav(self.say("a.wav", text))
            self.assertTrue(8000 <= rate <= 48000)
            self.assertGreater(len(samples), rate // 2)
            self.assertGreater(max(samples) - min(samples), 1000, "not silence")

    def test_same_request_same_bytes(self):
        first = load(self.say("a.wav", FOX))
        self.same(first, load(self.say("b.wav", FOX, "--threads", "1")))

    def test_stdin_file_and_pipe(self):
        whole = load(self.say("a.wav", FOX))
        with open(self.path("text.txt"), "w", encoding="utf-8") as file:
            file.write(FOX)
        self.same(self.good("say", "-", stdin=FOX.encode()).stdout, whole)
        self.same(self.good("say", "-o", "-", "--file", self.path("text.txt")).stdout, whole)
        self.same(self.good("say", FOX, "-o", "/dev/stdout").stdout, whole)
        self.same(self.good("say", "--", FOX).stdout, whole)

    def test_formats(self):
        whole = load(self.say("a.wav", FOX))
        self.assertEqual(struct.unpack("<I", whole[4:8])[0], len(whole) - 8)
        self.same(load(self.say("a.pcm", FOX)), whole[whole.index(b"data") + 8:])
        for name, magic in (("a.flac", b"fLaC"), ("a.opus", b"OggS")):
            self.assertTrue(load(self.say(name, FOX)).startswith(magic), name)
        mp3 = load(self.say("a.mp3", FOX))
        self.assertTrue(mp3[:3] == b"ID3" or mp3[0] == 0xff)
        self.assertEqual(self.good("say", FOX, "--format", "flac").stdout[:4], b"fLaC")
        self.same(load(self.say("strange.name", FOX, "--format", "wav")), whole)

    def test_each_emotion(self):
        emotions = json.loads(self.good("voice", "list", "--json").stdout)["emotions"]
        self.assertGreaterEqual(len(emotions), 8)
        seen = {}
        for emotion in emotions:
            _, samples = read_wav(self.say("a.wav", FOX, "--emotion", emotion))
            twin = seen.setdefault(samples.tobytes(), emotion)
            self.assertEqual(twin, emotion, "two emotions with the same samples")
        read_wav(self.say("a.wav", FOX, "--emotion", "happy:0.6,surprised:0.4"))

    def test_each_voice(self):
        voices = json.loads(self.good("voice", "list", "--json").stdout)["voices"]
        self.assertEqual([voice["default"] for voice in voices], [True] + [False] * (len(voices) - 1))
        seen = set()
        for voice in voices:
            _, samples = read_wav(self.say("a.wav", FOX, "--voice", voice["name"]))
            seen.add(samples.tobytes())
        self.assertEqual(len(seen), len(voices))
        self.assertTrue(read_wav(self.say("a.wav", FOX))[1].tobytes() in seen, "the default is one of them")

    def test_controls_do_something(self):
        plain = read_wav(self.say("a.wav", FOX))[1]
        fast = read_wav(self.say("a.wav", FOX, "--speed", "2"))[1]
        self.assertTrue(0.4 < len(fast) / len(plain) < 0.6, len(fast) / len(plain))
        for option in (["--pitch-scale", "1.3"], ["--energy-scale=2"], ["--seed", "7"],
                       ["--emotion=happy", "--emotion-degree=0.5"]):
            self.assertFalse(plain == read_wav(self.say("a.wav", FOX, *option))[1], option)

    def test_reference_of_three_seconds(self):
        reference = self.say("ref.wav", FOX, "--speed", "0.9")
        rate, samples = read_wav(reference)
        write_wav(self.path("three.wav"), rate, samples[:3 * rate])
        read_wav(self.say("a.wav", HELLO, "--reference", self.path("three.wav")))
        self.good("voice", "make", self.path("three.wav"), "-o", self.path("me.voice"))
        self.same(load(self.path("a.wav")),
                         load(self.say("b.wav", HELLO, "--voice", self.path("me.voice"))))
        mp3 = self.say("ref.mp3", FOX)
        read_wav(self.say("a.wav", HELLO, "--reference", mp3))

    def test_lines_are_single_runs(self):
        lines = [FOX, HELLO, "", "Short.", "One more line, a little longer than the others, to make them ragged."]
        text = "\r\n".join(lines) + "\r\n"
        done = self.good("say", "-", "--lines", "-o", self.path("out") + "/", "--json", stdin=text.encode())
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([report["line"] for report in reports], [1, 2, 4, 5])
        self.good("say", "-", "--lines", "--batch", "1", "-o", self.path("n%d.wav"), stdin=text.encode())
        for number, line in enumerate(lines, 1):
            if not line:
                self.assertFalse(os.path.exists(self.path(f"n{number}.wav")))
                continue
            alone = load(self.say("alone.wav", line))
            self.same(alone, load(self.path(f"out/{number:04d}.wav")))
            self.same(alone, load(self.path(f"n{number}.wav")))

    def test_a_bad_line_harms_no_other(self):
        text = f"{FOX}\n\U0001f600\n{HELLO}\n".encode()
        self.bad(INPUT, r"line 2", "say", "-", "--lines", "-o", self.path("%02d.wav"), stdin=text)
        self.assertEqual(sorted(os.listdir(self.dir)), ["01.wav", "03.wav"])
        self.bad(INPUT, r"empty", "say", "-", "--lines", "-o", self.path("%d.wav"), stdin=b"\n \n")
        self.bad(INPUT, r"empty", "say", "", "--lines", "-o", self.path("%d.wav"))

    def test_stream(self):
        text = f"{FOX} {HELLO} {FOX}"
        whole = load(self.say("a.wav", text))
        samples = whole[whole.index(b"data") + 8:]
        self.same(load(self.say("b.wav", text, "--stream"))[44:], samples)
        self.same(read_wav(self.path("a.wav"))[1], read_wav(self.path("b.wav"))[1])
        piped = self.good("say", text, "--stream").stdout
        self.assertEqual(piped[:4] + piped[8:16], b"RIFFWAVEfmt ")
        self.assertEqual(struct.unpack("<I", piped[4:8]) + struct.unpack("<I", piped[40:44]), (0xFFFFFFFF,) * 2)
        self.same(piped[44:], samples)
        self.same(self.good("say", text, "--stream", "--format", "pcm").stdout, samples)

    def test_json(self):
        text = f"{HELLO} {FOX}"
        done = self.good("say", text, "-o", self.path("a.wav"), "--json")
        self.assertEqual(done.stderr, b"")
        report = json.loads(done.stdout)
        rate, samples = read_wav(self.path("a.wav"))
        self.assertEqual((report["sample_rate"], report["samples"]), (rate, len(samples)))
        self.assertAlmostEqual(report["seconds"], len(samples) / rate, places=6)
        self.assertGreater(report["rtf"], 0)
        self.assertLessEqual({"load_s", "text_s", "acoustic_s", "vocoder_s", "total_s"}, set(report["timings"]))
        at = 0.0
        for word in report["words"]:
            self.assertEqual(text.encode()[word["byte_begin"]:word["byte_end"]].decode(), word["text"])
            self.assertLessEqual(at, word["begin_s"])
            self.assertLess(word["begin_s"], word["end_s"])
            at = word["end_s"]
        self.assertLessEqual(at, report["seconds"])
        self.assertIn("fox", [word["text"] for word in report["words"]])
        piped = self.good("say", text, "--json")
        self.assertEqual(json.loads(piped.stderr)["output"], "-")
        streamed = json.loads(self.good("say", text, "--json", "--stream", "-o", self.path("a.wav")).stdout)
        self.assertGreater(streamed["timings"]["first_audio_s"], 0)

    def test_quiet_off_a_terminal(self):
        done = self.good("say", FOX, "-o", self.path("a.wav"))
        self.assertEqual((done.stdout, done.stderr), (b"", b""))

    def test_terminal_gets_one_line(self):
        written = on_terminal(["say", FOX, "-o", self.path("a.wav")], environment())
        self.assertRegex(written, rb"a\.wav: \d+\.\d\d s of speech")
        self.assertEqual(on_terminal(["say", FOX, "-q", "-o", self.path("a.wav")], environment()), b"")


class BadInput(NeedsModel):
    def rejected(self, pattern, *args, **more):
        line = self.bad(INPUT, pattern, "say", "-o", self.path("out.wav"), *args, **more)
        self.assertFalse(os.path.exists(self.path("out.wav")), "nothing is left behind")
        return line

    def test_text(self):
        for args in ([""], [" \t"], ["-"], ["\U0001f600"]):
            self.rejected(r".", *args)
            self.rejected(r".", "--stream", *args)
        self.rejected(r"\b262144\b|limit|long|larger", "-", stdin=b"many words " * 95000)
        self.rejected(r"byte 4\b|offset 4\b", b"word\xff and more")
        self.rejected(r"byte 4\b|offset 4\b", "-", stdin=b"word\xe4\xbd")
        self.rejected(r"cannot be read", "--file", self.path("none.txt"))
        self.rejected(r"cannot be read", "--file", self.dir)

    def test_emotion_and_voice(self):
        self.rejected(r"'hapy' is unknown: did you mean 'happy'", FOX, "--emotion", "hapy")
        self.rejected(r"'surprisd' is unknown: did you mean 'surprised'", FOX, "--emotion", "happy:0.5,surprisd:0.5")
        self.rejected(r"'xyzzyq' is unknown: choose from .*neutral", FOX, "--emotion", "xyzzyq")
        for blend in ("happy:0.9,sad:0.9", "happy:-1", "happy:", "happy:x", ",", ":0.5"):
            self.rejected(r".", FOX, "--emotion", blend)
        name = json.loads(self.good("voice", "list", "--json").stdout)["voices"][0]["name"]
        self.rejected(rf"did you mean '{re.escape(name)}'", FOX, "--voice", name + "x")
        self.rejected(r"there is no voice", FOX, "--voice", "qqqqqqqqqqqq")
        self.rejected(r"cannot be read", FOX, "--voice", self.path("none.voice"))
        for content in (b"", b"no voice", os.urandom(2000)):
            with open(self.path("bad.voice"), "wb") as file:
                file.write(content)
            self.rejected(r"bad\.voice|voice", FOX, "--voice", self.path("bad.voice"))

    def test_voice_file_damaged(self):
        name = json.loads(self.good("voice", "list", "--json").stdout)["voices"][0]["name"]
        reference = self.say("ref.wav", FOX, "--voice", name)
        self.good("voice", "make", reference, "-o", self.path("me.voice"))
        packed = load(self.path("me.voice"))
        for damaged in (packed[:-1], packed[:len(packed) // 2], packed + b"x"):
            with open(self.path("me.voice"), "wb") as file:
                file.write(damaged)
            self.rejected(r"voice", FOX, "--voice", self.path("me.voice"))

    def test_reference(self):
        with open(self.path("text.wav"), "w", encoding="utf-8") as file:
            file.write("This is a text, whatever its name says.\n" * 50)
        mp3 = load(self.say("whole.mp3", FOX))
        with open(self.path("cut.mp3"), "wb") as file:
            file.write(mp3[:len(mp3) * 2 // 5])
        whole = load(self.say("whole.wav", FOX))
        with open(self.path("cut.wav"), "wb") as file:
            file.write(whole[:len(whole) // 2])
        write_wav(self.path("short.wav"), 16000, buzz(0.2))
        write_wav(self.path("long.wav"), 16000, buzz(31))
        write_wav(self.path("silence.wav"), 16000, [0] * 48000)
        write_wav(self.path("nothing.wav"), 16000, [])
        open(self.path("empty.wav"), "wb").close()
        for name, pattern in (("text.wav", r"wav|mp3"), ("cut.mp3", r"."), ("cut.wav", r"."),
                              ("short.wav", r"short|1 "), ("long.wav", r"30|long"),
                              ("silence.wav", r"silen|short|speech"), ("nothing.wav", r"."), ("empty.wav", r"."),
                              ("none.wav", r"cannot be read")):
            self.rejected(pattern, FOX, "--reference", self.path(name))
            self.bad(INPUT, pattern, "voice", "make", self.path(name), "-o", self.path("x.voice"))
            self.assertFalse(os.path.exists(self.path("x.voice")))

    def test_output(self):
        self.bad(FAILURE, r"No space left", "say", FOX, "-o", "/dev/full")
        self.assertTrue(os.path.exists("/dev/full"))
        self.bad(FAILURE, r"No space left", "say", FOX, "--stream", "-o", "/dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([SETTINGS.command, "say", FOX], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, FAILURE)
        self.assertRegex(done.stderr.decode(), r"\Aemotivoice: .*No space left.*\n\Z")
        self.bad(FAILURE, r".", "say", FOX, "-o", self.path("none/a.wav"))
        self.bad(FAILURE, r".", "say", FOX, "-o", self.dir, "--format", "wav")

    def test_disk_that_fills_up(self):
        """A real file that may not grow past 20,000 bytes: an error, and no half a file."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        for extra in ([], ["--stream"]):
            self.bad(FAILURE, r"File too large", "say", FOX, "-o", self.path("a.wav"), *extra, preexec_fn=limit)
            self.assertEqual(os.listdir(self.dir), [])
        self.bad(FAILURE, r"File too large", "say", FOX, "--lines", "-o", self.path("%d.wav"), preexec_fn=limit)
        self.assertEqual(os.listdir(self.dir), [])

    def test_damaged_model(self):
        """Truncated anywhere, or changed in its header: refused, or (a harmless change) still works; no crash."""
        source = SETTINGS.model
        if not source:
            self.skipTest("the model's path is not known: give --model")
        for name in os.listdir(os.path.dirname(os.path.abspath(source))):
            if name != os.path.basename(source):
                os.symlink(os.path.join(os.path.dirname(os.path.abspath(source)), name), self.path(name))
        path = self.path("damaged.safetensors")
        content = load(source)
        header = min(struct.unpack("<Q", content[:8])[0], len(content) - 8)
        for length in (0, 1, 7, 8, 9, 8 + header // 2, 8 + header, len(content) // 2, len(content) - 1):
            with open(path, "wb") as file:
                file.write(content[:length])
            self.bad(MODEL, r".", "say", FOX, "-o", self.path("a.wav"), "--model", path)
        numbers = random.Random(20260101)
        for turn in range(24):
            damaged = bytearray(content)
            for _ in range(1 + turn % 4):
                at = numbers.randrange(8 + header)
                damaged[at] = numbers.choice([0, 255, 34, 123, damaged[at] ^ 1 << numbers.randrange(8)])
            with open(path, "wb") as file:
                file.write(damaged)
            done = call("voice", "list", "--model", path)
            self.assertIn(done.returncode, (OK, MODEL), (turn, done.stderr.decode(errors="replace")[-400:]))


class Signals(NeedsModel):
    LONG = " ".join([FOX] * 400).encode()

    def test_interrupt(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for extra in ([], ["--stream"]):
                process = subprocess.Popen([SETTINGS.command, "say", "-", "-o", self.path("a.wav"), *extra],
                                           stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
                process.stdin.write(self.LONG)
                process.stdin.close()
                time.sleep(0.7)
                process.send_signal(number)
                code = process.wait(timeout=60)
                line = process.stderr.read().decode()
                process.stderr.close()
                self.assertEqual(code, INTERRUPT, line)
                self.assertLessEqual(line.count("\n"), 1)
                self.assertEqual(os.listdir(self.dir), [], extra)

    def test_reader_goes_away(self):
        for extra in ([], ["--stream"], ["--json"]):
            process = subprocess.Popen([SETTINGS.command, "say", " ".join([FOX] * 12), "-q", *extra],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
            process.stdout.close()
            self.assertEqual((process.wait(timeout=120), process.stderr.read()), (PIPE, b""), extra)
            process.stderr.close()


class Voice(NeedsModel):
    def test_list(self):
        listed = json.loads(self.good("voice", "list", "--json").stdout)
        names = [voice["name"] for voice in listed["voices"]]
        self.assertGreaterEqual(len(names), 4)
        text = self.good("voice", "list").stdout.decode().splitlines()
        self.assertEqual([line.split()[0] for line in text], names)
        for voice in listed["voices"]:
            self.assertTrue(50 < voice["pitch_hz"] < 500, voice)

    def test_make_show_compare(self):
        names = [voice["name"] for voice in json.loads(self.good("voice", "list", "--json").stdout)["voices"]]
        reference = self.say("ref.wav", FOX, "--voice", names[1])
        made = json.loads(self.good("voice", "make", reference, "-o", self.path("me.voice"), "--json").stdout)
        self.assertEqual(made["bytes"], os.path.getsize(self.path("me.voice")))
        self.same(self.good("voice", "make", reference).stdout, load(self.path("me.voice")))
        self.good("voice", "make", reference, reference, "-o", self.path("twice.voice"))
        shown = json.loads(self.good("voice", "show", self.path("me.voice"), "--json").stdout)
        self.assertEqual(len(shown["vector"]), made["dimensions"])
        self.assertAlmostEqual(sum(x * x for x in shown["vector"]), 1.0, places=4)
        self.assertIn(shown["nearest"], names)
        self.assertIn(b"pitch", self.good("voice", "show", names[0]).stdout)
        same = json.loads(self.good("voice", "compare", self.path("me.voice"), reference, "--json").stdout)
        self.assertAlmostEqual(same["cosine"], 1.0, places=4)
        self.assertAlmostEqual(same["semitones"], 0.0, places=3)
        other = json.loads(self.good("voice", "compare", names[0], names[1], "--json").stdout)
        self.assertLess(other["cosine"], 0.999)
        self.assertIn(b"cosine", self.good("voice", "compare", names[0], names[1]).stdout)

    def test_references_of_two_rates(self):
        write_wav(self.path("a.wav"), 16000, buzz(1.5))
        write_wav(self.path("b.wav"), 22050, buzz(1.5, 22050))
        self.bad(INPUT, r"22050 Hz.*16000 Hz: give all at one rate", "voice", "make", self.path("a.wav"),
                 self.path("b.wav"), "-o", self.path("x.voice"))


class Phones(NeedsModel):
    def test_tokens(self):
        lines = self.good("phones", f"{FOX} {HELLO}").stdout.decode().splitlines()
        self.assertGreaterEqual(len(lines), 2)
        for line in lines:
            self.assertTrue(line.startswith("<sos/eos> ") and line.endswith(" <sos/eos>"), line)
        self.assertEqual(self.good("phones", "-", stdin=FOX.encode()).stdout, self.good("phones", FOX).stdout)

    def test_json(self):
        text = f"Dr. Smith, 我有 3 个 apples! \U0001f600 {HELLO}"
        raw = text.encode()
        report = json.loads(self.good("phones", text, "--json").stdout)
        self.assertEqual((report["text"], report["language"]), (text, "auto"))
        for word in report["words"]:
            self.assertEqual(raw[word["byte_begin"]:word["byte_end"]].decode(), word["text"])
            self.assertIn(word["language"], ("en", "zh"))
            self.assertLess(word["phone_begin"], word["phone_end"])
        total = sum(len(sentence["phones"]) for sentence in report["sentences"])
        self.assertGreaterEqual(total, max(word["phone_end"] for word in report["words"]))
        self.assertTrue(any("apples" in sentence["normalised"] for sentence in report["sentences"]))
        self.assertIn("\U0001f600", [omission["text"] for omission in report["omissions"]])
        for omission in report["omissions"]:
            self.assertEqual(raw[omission["byte_begin"]:omission["byte_end"]].decode(), omission["text"])

    def test_omissions_are_told(self):
        told = self.good("phones", "hello \U0001f600").stderr.decode()
        self.assertRegex(told, r"\Aemotivoice: not spoken: .* byte 6")
        self.assertEqual(self.good("phones", "-q", "hello \U0001f600").stderr, b"")

    def test_bad_text(self):
        self.bad(INPUT, r".", "phones", "")
        self.bad(INPUT, r"byte 4\b|offset 4\b", "phones", b"word\xff")
        self.bad(INPUT, r".", "phones", "-", stdin=b"x " * 500000)

    def test_any_utf8_is_spoken_or_refused(self):
        """Random valid UTF-8: an answer or a one-line error, never a crash."""
        numbers = random.Random(7)
        for _ in range(12):
            text = "".join(chr(numbers.choice([numbers.randrange(1, 128), numbers.randrange(0x4e00, 0x9fff),
                                               numbers.randrange(0x80, 0xd800), numbers.randrange(0xe000, 0x10ffff)]))
                           for _ in range(numbers.randrange(1, 300)))
            done = call("phones", "-q", "-", "--json", stdin=text.encode())
            self.assertIn(done.returncode, (OK, INPUT), done.stderr.decode(errors="replace")[-400:])
            if done.returncode == OK:
                json.loads(done.stdout)


class Bench(NeedsModel):
    def test_engine(self):
        report = json.loads(self.good("bench", "engine", "--runs", "1", "--seconds", "0.5", "--json").stdout)
        self.assertEqual([(case["utterances"], case["mode"]) for case in report["cases"]],
                         [(n, mode) for n in (1, 4, 16) for mode in ("alone", "batched")])
        for case in report["cases"]:
            self.assertGreater(case["rtf"], 0)
            self.assertTrue(0 < case["useful_frames"] <= 1, case)
            self.assertLessEqual(case["latency_s"]["min"], case["latency_s"]["median"])
            self.assertLessEqual(case["latency_s"]["median"], case["latency_s"]["p95"])
        self.assertGreater(report["peak_gflops_fp32"], 0)
        self.assertGreater(report["peak_rss_mb"], 0)


class Examples(NeedsModel):
    def run_example(self, name, *args):
        program = os.path.join(SETTINGS.examples or "", "example_" + name)
        if not SETTINGS.examples or not os.path.exists(program):
            self.skipTest("the examples are not built")
        env = environment(EMOTIVOICE_MODEL=SETTINGS.model) if SETTINGS.model else environment()
        done = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=300)
        self.assertEqual(done.returncode, OK, done.stderr.decode(errors="replace"))
        return done.stdout.decode()

    def test_examples(self):
        self.run_example("say", self.path("say.wav"), FOX)
        read_wav(self.path("say.wav"))
        self.assertIn("text 1: ", self.run_example("batch", self.path("batch")))
        read_wav(self.path("batch0.wav"))
        read_wav(self.path("batch2.wav"))
        self.assertEqual(self.run_example("stream", self.path("raw"), FOX).count("the last"), 1)
        self.assertGreater(os.path.getsize(self.path("raw")), 10000)
        self.run_example("clone", self.path("clone.wav"), self.path("say.wav"), HELLO)
        read_wav(self.path("clone.wav"))
        self.run_example("phones", self.path("phones.txt"), "hello 世界")
        self.assertIn("hello\ten", load(self.path("phones.txt")).decode())


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


if __name__ == "__main__":
    main()
