"""`emotivoice say` with every kind of bad input: text, voices, references, disks, damaged models."""
import json
import os
import random
import re
import resource
import struct
import subprocess

from command import SETTINGS, OK, FAILURE, INPUT, MODEL, FOX, call, load, write_wav, buzz, NeedsModel, main


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
        self.rejected(r"'surprisd' is unknown", FOX, "--emotion", "joyful:0.2,开心:0.3,surprisd:0.5")
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


if __name__ == "__main__":
    main()
