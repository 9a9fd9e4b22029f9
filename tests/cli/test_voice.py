"""`emotivoice voice`."""
import json
import os

from command import INPUT, USAGE, FOX, load, write_wav, buzz, NeedsModel, main


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

    def test_mixtures(self):
        a, b = [voice["name"] for voice in json.loads(self.good("voice", "list", "--json").stdout)["voices"]][:2]
        nearer, farther = [json.loads(self.good("voice", "compare", mixed, a, "--json").stdout)["cosine"]
                           for mixed in (f"{a}(3)+{b}(1)", f"{b}(3)+{a}(1)")]
        self.assertGreater(nearer, farther)
        self.same(load(self.say("a.wav", FOX, "--voice", f"{a}(2)+{b}(2)")), load(self.say("b.wav", FOX, "--voice", f"{a}+{b}")))
        self.bad(USAGE, r"a mixture is written", "voice", "show", a + "+")

    def test_references_of_two_rates(self):
        write_wav(self.path("a.wav"), 16000, buzz(1.5))
        write_wav(self.path("b.wav"), 22050, buzz(1.5, 22050))
        self.bad(INPUT, r"22050 Hz.*16000 Hz: give all at one rate", "voice", "make", self.path("a.wav"),
                 self.path("b.wav"), "-o", self.path("x.voice"))


if __name__ == "__main__":
    main()
