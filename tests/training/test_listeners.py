"""What listeners' words count as, and that a list of files becomes a table."""
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile

from training import listen
from training.listeners import sound, words
from tests.training.support import run


class Words(unittest.TestCase):
    def test_english_numbers_cases_and_contractions_are_one(self):
        for meant, heard in (("It costs twenty-five dollars.", "it costs $25"), ("They don't know.", "They do not know!"),
                             ("My favourite colour", "my favorite color"), ("Everyone is online.", "every one is on line"),
                             ("Well, some one knows.", "well someone knows")):
            self.assertEqual(words.errors("en", meant, heard)[0], 0, heard)

    def test_english_errors_are_counted(self):
        self.assertEqual(words.errors("en", "The cat sat on the mat.", "The cat sat in mat."), (2, 6))
        self.assertEqual(words.errors("en", "The cat sat.", "")[0], 3)

    def test_mandarin_is_what_it_sounds_like(self):
        for meant, heard in (("他在河边。", "她再喝編"), ("一共八千八百三十九块钱。", "一共8839塊錢"), ("我的电话是三零五。", "我的電話是305"),
                             ("两千零五年", "二零零五年"), ("两千零五年", "2005年"), ("两个人", "2個人"), ("现在是三点三十。", "现在是3:30。"),
                             ("百分之十二的人", "12%的人"), ("圆周率是三点一四", "圆周率是3.14"), ("十二万零三十", "12,0030")):
            expected = 1 if heard == "二零零五年" else 0  # another way to say it is not what was said
            self.assertEqual(words.errors("zh", meant, heard)[0], expected, heard)

    def test_mandarin_errors_are_counted(self):
        self.assertEqual(words.errors("zh", "今天天气很好。", "今天天气好吗"), (2, 6))
        self.assertEqual(words.errors("zh", "我用Python写字。", "我用 python 寫詞"), (1, 5))

    def test_numerals(self):
        for digits, said in (("0", "零"), ("10", "十"), ("105", "一百零五"), ("1005", "一千零五"), ("10005", "一万零五"), ("110", "一百一十"),
                             ("8839", "八千八百三十九"), ("20300000", "二千零三十万"), ("100000001", "一亿零一")):
            self.assertEqual(words.numeral(digits), said)


class Sound(unittest.TestCase):
    def test_a_band_keeps_what_it_can_hold(self):
        t = np.arange(24000) / 24000
        low, high = np.sin(2 * np.pi * 1000 * t), np.sin(2 * np.pi * 6000 * t)
        heard = sound.in_band(low + high, 24000, 8000)
        self.assertEqual(len(heard), 24000)
        self.assertLess(np.abs(heard - low)[2400:-2400].max(), 0.02)


class Listen(unittest.TestCase):
    def test_a_list_becomes_a_table(self):
        whisper, quality = mock.Mock(), mock.Mock()
        whisper.hear.side_effect = lambda audio, rate, language: "good mourning" if language == "en" else "早上好"
        quality.hear.return_value = {"overall": 3.0, "p808": 3.5}
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(listen.Listeners, "_get", lambda self, n: quality if n == "quality" else whisper):
            folder = Path(folder)
            for name in ("ava_1.wav", "mei_1.wav"):
                soundfile.write(folder / name, np.zeros(8000), 16000)
            (folder / "l.tsv").write_text("ava_1.wav\ten\tGood morning.\nmei_1.wav\tzh\t早上好。\n", encoding="utf-8")
            printed, end = run("listen", "--list", folder / "l.tsv", "--work", folder, "--json", folder / "l.json")
            self.assertEqual(end, "")
            self.assertIn("| ava | en | 50.0 | 50.0 | 3.00 | 3.50 | 1 |", printed)
            self.assertIn("| all | zh | 0.0 |  | 3.00 | 3.50 | 1 |", printed)
            self.assertEqual([h["wrong"] for h in json.loads((folder / "l.json").read_text())], [1, 0])
            (folder / "l.tsv").write_text("ava_1.wav\tde\tGuten Tag.\n", encoding="utf-8")
            self.assertIn("not wav<TAB>", run("listen", "--list", folder / "l.tsv")[1])


if __name__ == "__main__":
    unittest.main()
