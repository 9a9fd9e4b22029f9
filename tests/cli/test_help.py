"""What the command says of itself, and of what it is called with; needs no model."""
import os
import re
import struct
import subprocess

from command import (SETTINGS, OK, FAILURE, USAGE, INPUT, MODEL, INTERRUPT, COMMANDS, environment, call, load,
                     options_of, CommandTest, on_terminal, main)


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
            self.assertRegex(overview, f"(?m)^  {name}( |$)")
        self.assertNotIn("print the man page", overview)

    def test_version(self):
        header = load(os.path.join(SETTINGS.source, "include/emotivoice.h")).decode()
        version = re.search(r'EV_VERSION_STRING "([^"]+)"', header).group(1)
        for args in (["--version"], ["-V"], ["version"], ["voice", "--version"], *[[*name.split(), flag] for name in COMMANDS for flag in ("--version", "-V")],
                     ["say", "a text", "--speed", "1.1", "--version"]):
            self.assertRegex(self.good(*args).stdout.decode(), rf"\Aemotivoice {re.escape(version)} \(.+\)\n\Z", args)

    def test_help_and_man_page_agree(self):
        page = self.good("man").stdout.decode()
        plain = page.replace("\\-", "-")
        for name in COMMANDS:
            section = plain.split(f".SS {name}\n", 1)[1].split("\n.SS ", 1)[0].split("\n.SH ", 1)[0]
            options = options_of(name)
            if same := re.search(r"^Options are those of emotivoice (.+)\.$", section, re.M):
                self.assertEqual(options, options_of(same[1]), name)
                continue
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
                (r"bench serve .*build/tools/loadtest", "bench", "serve", "--url", "http://a"),
                (r"did you mean '--emotion'", "say", "x", "--emotoin", "sad"),
                (r"did you mean '--reference'", "say", "x", "--refrence", "me.wav"),
                (r"did you mean '--pitch-scale'", "say", "x", "--pitch=1.1"),
                (r"did you mean '--output'", "say", "x", "--out", "x.wav"),
                (r"did you mean '--voice'", "say", "x", "-voice", "ava"),
                (r"did you mean '--version'", "say", "x", "--verison"),
                (r"no option '--verison': did you mean '--version'", "--verison"),
                (r"no option '--voice' before a command", "--voice", "ava"),
                (r"'--reference', which is an option of emotivoice say", "voice", "list", "--refrence", "me.wav"),
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
                (r"--normalize must hear the whole", "say", "x", "--stream", "--normalize", "-o", "x.mp3"),
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

    def test_usage_errors_of_the_service(self):
        if not SETTINGS.has_service:
            self.skipTest("built without the service")
        for pattern, *args in ((r"did you mean '--listen'", "serve", "--port", "80"),
                               (r"did you mean '--listen'", "serve", "--host", "0.0.0.0"),
                               (r"did you mean '--keys-file'", "serve", "--api-key", "x"),
                               (r"did you mean '--fetch-allow'", "serve", "--fetch-alow", "x"),
                               (r"'--reference', which is an option of emotivoice say", "serve", "--refrence", "me.wav")):
            self.bad(USAGE, pattern, *args)

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


if __name__ == "__main__":
    main()
