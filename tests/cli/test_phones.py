"""`emotivoice phones`."""
import json
import random

from command import OK, INPUT, FOX, HELLO, call, NeedsModel, main


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


if __name__ == "__main__":
    main()
