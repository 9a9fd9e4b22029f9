"""`emotivoice keys`: keys made, kept in a file, and checked there; needs no model."""
import hashlib
import json
import os
import stat

from command import FAILURE, SETTINGS, USAGE, CommandTest, load, main

CONFIG = 3


class Keys(CommandTest):
    def setUp(self):
        super().setUp()
        if not SETTINGS.has_service:
            self.skipTest("built without the service")

    def make(self, *args):
        return self.good("keys", "new", *args).stdout.decode()

    def check_line(self, key, line, rest):
        self.assertRegex(key, r"\Aev_[0-9A-Za-z]{43}\Z")
        self.assertEqual(line, f"{key[:8]} {hashlib.sha256(key.encode()).hexdigest()} {rest}")

    def test_key_and_line_are_told_apart(self):
        first, second = self.make("--name", "ann").splitlines()
        self.check_line(first.removeprefix("key:  "), second.removeprefix("line: "), "speak,voices ann")

    def test_options_stand_in_the_line(self):
        made = json.loads(self.make("--name", "b.o_b-1", "--scopes", "speak", "--rate", "2.5", "--audio-seconds", "600",
                                    "--weight", "0.1", "--json"))
        self.check_line(made["key"], made["line"], "speak b.o_b-1 rate=2.5 audio_s=600 weight=0.1")
        self.assertIsNone(made["file"])

    def test_a_file_grows_by_lines(self):
        path = self.path("keys")
        keys = [self.make("--name", "ann", "--file", path).rstrip("\n")]
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, "a", encoding="utf-8") as file:
            file.write("# by hand, its end forgotten")
        keys.append(self.make("--name", "bob", "--file", path, "--scopes", "voices", "--rate", "0.5").rstrip("\n"))
        lines = load(path).decode().splitlines()
        self.assertEqual(len(lines), 3)
        self.check_line(keys[0], lines[0], "speak,voices ann")
        self.check_line(keys[1], lines[2], "voices bob rate=0.5")
        self.assertNotIn(keys[0], load(path).decode())
        listed = sorted(self.good("keys", "check", path).stdout.decode().splitlines())
        self.assertEqual(listed, sorted([f"{keys[0][:8]} speak,voices ann", f"{keys[1][:8]} voices bob rate=0.5"]))
        for key in json.loads(self.good("keys", "check", path, "--json").stdout):
            if key["name"] == "bob":
                self.assertEqual(key, {"prefix": keys[1][:8], "name": "bob", "scopes": "voices", "rate": 0.5})

    def test_what_is_wrong_with_a_file(self):
        path = self.path("keys")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"# mine\nev_AAAAA {'0' * 64} admin ann\n")
        self.bad(CONFIG, r"/keys, line 2: .*scopes: write speak", "keys", "check", path)
        before = load(path)
        self.bad(CONFIG, r"line 2: ", "keys", "new", "--name", "bob", "--file", path)
        self.assertEqual(load(path), before)
        self.bad(FAILURE, r"/none", "keys", "check", self.path("none"))
        self.bad(FAILURE, r"/none/keys", "keys", "new", "--name", "bob", "--file", self.path("none/keys"))

    def test_usage(self):
        self.bad(USAGE, r"--name", "keys", "new")
        self.bad(USAGE, r"'a b' is no name", "keys", "new", "--name", "a b")
        self.bad(USAGE, r"is no name", "keys", "new", "--name", "a" * 64)
        self.bad(USAGE, r"--scopes 'admin'.*speak,voices", "keys", "new", "--name", "ann", "--scopes", "admin")
        self.bad(USAGE, r"from 0\.001", "keys", "new", "--name", "ann", "--rate", "0.0001")
        self.bad(USAGE, r"out of range", "keys", "new", "--name", "ann", "--audio-seconds", "-1")
        self.bad(USAGE, r"from 0\.1 to 100", "keys", "new", "--name", "ann", "--weight", "0")
        self.bad(USAGE, r"needs FILE", "keys", "check")


if __name__ == "__main__":
    main()
