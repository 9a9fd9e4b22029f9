"""What listeners' words count as, and that a list of files becomes a table."""
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import soundfile

from training import convnext, cost, evaluate, held_out, listen, measures, spectral, subjects, tones, trials
from training.listeners import loudness, memory, pitch, sound, words
from training.spectral import engine_turns, pulses
from training.teacher import make
from training.teacher import tones as rule
from tests.training.support import run


class Words(unittest.TestCase):
    def test_english_numbers_cases_and_contractions_are_one(self):
        for meant, heard in (("It costs twenty-five dollars.", "it costs $25"), ("They don't know.", "They do not know!"),
                             ("My favourite colour", "my favorite color"), ("Everyone is online.", "every one is on line"),
                             ("Well, some one knows.", "well someone knows"),
                             ("Dinner with our neighbors.", "Dinner with our neighbor's."), ("My brother's car", "My brothers car")):
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

    def test_tones_are_compared_where_the_syllable_is_right(self):
        self.assertEqual(words.tones("他在河边。", "她再喝編"), (1, 4))
        self.assertEqual(words.tones("今天好吗？", "今天红妈"), (1, 3))

    def test_a_word_is_heard_by_its_tones(self):
        self.assertIs(words.word_heard("他想賣那輛車", "卖", "买"), True)
        self.assertIs(words.word_heard("他想脉那辆车。", "卖", "买"), True)  # another character of that sound
        self.assertIs(words.word_heard("他想買那輛車", "卖", "买"), False)
        self.assertIsNone(words.word_heard("他想那輛車", "卖", "买"))

    def test_pairs_differ_by_their_tones_alone(self):
        from pypinyin import Style, lazy_pinyin
        for text, word, other in held_out.tone_pairs():
            with self.subTest(text):
                self.assertEqual(*(lazy_pinyin(one, style=Style.NORMAL) for one in (word, other)))
                self.assertIs(words.word_heard(text, word, other), True)

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


class Remembered(unittest.TestCase):
    def test_a_sound_is_asked_for_once(self):
        with tempfile.TemporaryDirectory() as folder:
            kept, ask = (Path(folder) / "new", "heard", "numpy"), mock.Mock(side_effect=["good morning", "早上好"])
            one, other = memory.Memory(*kept), memory.Memory(*kept)
            self.assertEqual([one.recall(np.ones(3), ask, "en") for _ in range(2)], ["good morning"] * 2)
            self.assertEqual(other.recall(np.ones(3), ask, "zh"), "早上好")  # the same sound, asked for another language
            self.assertEqual(ask.call_count, 2)
            one.save()
            other.save()  # loses nothing that the other process had saved
            again = memory.Memory(*kept)
            self.assertEqual([again.recall(np.ones(3), ask, language) for language in ("en", "zh")], ["good morning", "早上好"])


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


class Loudness(unittest.TestCase):
    def test_a_tone_is_as_loud_as_the_standard_says(self):
        tone = 0.1 * np.sin(2 * np.pi * 997 * np.arange(3 * 24000) / 24000)  # BS.1770: a sine of 997 Hz at x dBFS is x - 3.01 LUFS
        self.assertAlmostEqual(loudness.lufs([tone[:24000], tone[24000:]], 24000), -23.01, delta=0.1)

    def test_a_peak_between_samples_is_seen(self):
        audio = np.sin(2 * np.pi * 0.25 * np.arange(400) + np.pi / 4)  # samples reach 0.71 of it
        self.assertAlmostEqual(loudness.true_peak_db([audio[50:-50] * np.hanning(300)]), 0.0, delta=0.2)


class Cost(unittest.TestCase):
    def test_operations_are_those_of_the_layers(self):
        config = {"acoustic": convnext.DEFAULT, "vocoder": dict(spectral.DEFAULT, hidden=768, parts=5)}
        blocks, head, first = 8 * 2 * 256 * 768, 256 * 3005, 130 * 7 * 256
        expected = 2 * 80 * (blocks + head + first + 8 * 256 * 7) / 1e9 + 80 * 2 * 2.5 * 1200 * np.log2(1200) / 1e9
        self.assertAlmostEqual(cost.vocoder_gflop(config), expected, delta=0.01)
        self.assertGreater(cost.acoustic_gflop(config), 0.03)
        self.assertGreater(cost.acoustic_gflop(dict(config, acoustic=dict(convnext.DEFAULT, passes=12))), cost.acoustic_gflop(config))


class Fake(subjects.Speaker):
    """Speaks a buzz at a pitch of the voice's, moved by the emotion; quicker by speed."""
    voices, emotions, failed = {"ava": "en", "mei": "zh"}, ["neutral", "happy", "sad"], []

    def _say(self, request):
        hz = 150 * {"neutral": 1, "happy": 1.4, "sad": 0.7}[request.emotion] * request.pitch_scale
        f0 = hz * (1 + 0.02 * np.sin(np.arange(100) / 3 + len(request.text)))
        f0 = np.resize(f0, 400)[:round(160 / request.speed)]
        audio = 0.05 * pulses(f0, engine_turns(f0)) / 10
        marks = [("[AA1]" if request.language == "en" else "a1", i / 10, (i + 1) / 10) for i in range(len(audio) // 2400)]
        return subjects.Spoken(request, audio.astype(np.float64), 24000, marks)


class Ears:
    """Mishears a word of texts of an even length."""

    def hear(self, audio, rate, language, text, voice="", graded=True):
        return listen.Heard(voice, language, text, text, int(len(text) % 2 == 0), 8, 0, 3.5, 4.0, len(audio) / rate)


class Parts(unittest.TestCase):
    def bench(self):
        return trials.Bench(Path("."), Path("."), Fake(), None, None, Ears(), sentences=4)

    def test_voices(self):
        bench = self.bench()
        rows, details = trials.voices(bench)
        named = {row.measure: row for row in rows}
        for language, voice, other in (("en", "ava", "mei"), ("zh", "mei", "ava")):
            wrong = sum(len(text) % 2 == 0 for text in bench.texts(language, 4))
            row = named[f"{trials.NAMES[language]}, worst voice"]
            self.assertEqual((row.value, row.note, row.teacher), (100 * wrong / 32, voice, None))
            self.assertEqual(named[f"{trials.NAMES[language]} of the other language's voices, worst"].note, other)
        self.assertEqual(named["DNSMOS P.808, mean"].verdict, "goal")
        self.assertEqual(details["voices"]["engine"]["ava en"]["sentences"], 4)
        self.assertIn("| ava en |", evaluate.markdown({"voices": {"rows": [vars(r) for r in rows], "details": details}},
                                                      dict(model="m", model_sha256="0" * 64, sample_rate=24000, sentences=4)))

    def test_how_sure_a_mean_is(self):
        """Of sentences: voices that differ within one change nothing."""
        heard = [listen.Heard(voice, "en", text, "", 0, 8, 0, grade + extra, 4.0, 1.0)
                 for voice, extra in (("ava", 0.5), ("mei", -0.5)) for text, grade in (("a", 3.0), ("b", 3.2), ("c", 3.4))]
        self.assertEqual(trials.spread_of_sentences(heard, "overall"), "3.200, standard error 0.115; sentences from 3.00 to 3.40")
        self.assertEqual(trials.spread_of_sentences(heard[:1], "overall"), "")

    def test_settings_that_do_what_they_say(self):
        rows, _ = trials.controls(self.bench())
        self.assertLess(max(row.value for row in rows), 1.0, rows)

    def test_emotions_that_differ_are_told_apart(self):
        rows, details = trials.emotions(self.bench())
        table = np.array(details["told"]["engine"]["confusion"])
        self.assertEqual(table.sum(), 2 * 4 * 3)  # languages, sentences, emotions
        self.assertAlmostEqual(rows[0].value, 100 * np.trace(table) / table.sum())
        self.assertGreater(rows[0].value, 80)


class PhoneTimes(unittest.TestCase):
    def test_the_teacher_s_symbols_come_behind_their_sound(self):
        ends = make.token_ends({"tokens": [5, 6, 7], "owners": [0, 1, 1, 2], "durations": [12, 3, 5, 8]})
        self.assertEqual(ends.tolist(), [8 / 80, 16 / 80, 24 / 80])

    def test_marks_that_come_late_are_found_out(self):
        marks = [(("s", "a1")[i % 2], i / 10, (i + 1) / 10) for i in range(20)]
        f0 = np.repeat([0.0, 120.0] * 10, 20)  # 5 ms each
        self.assertEqual(measures.lateness([(f0, marks)]), 0.0)
        self.assertAlmostEqual(measures.lateness([(f0, measures.earlier(marks, -0.05))]), 0.05)


class HeardTones(unittest.TestCase):
    """Lines of F0 by the teacher's rule, eight syllables each, the last with a pause that is counted to it."""

    def lines(self, count: int, seed: int) -> list[tuple[np.ndarray, list]]:
        rng, found = np.random.default_rng(seed), []
        for _ in range(count):
            wanted, ends = rng.integers(1, 5, 8), 0.1 + np.cumsum(rng.uniform(0.15, 0.25, 8))
            spans = list(zip([0.1, *ends[:-1]], ends))
            line, inside = rule.contour([rule.Syllable(begin, end, int(tone)) for tone, (begin, end) in zip(wanted, spans)], 500, 200.0)
            f0 = np.where(inside & (np.arange(500) / 200 < ends[-1]), rng.uniform(90, 250) * 2 ** (line / 12), 0.0)
            spans[-1] = (spans[-1][0], ends[-1] + 0.3)
            found.append((f0, [(f"a{tone}", begin, end) for tone, (begin, end) in zip(wanted, spans)]))
        return found

    def score(self, heard) -> dict:
        learned = [s for f0, marks in self.lines(150, 1) for s in tones.syllables_of(f0, marks)]
        return tones.Templates(learned).score([s for f0, marks in heard for s in tones.syllables_of(f0, marks)])

    def test_tones_are_known_by_their_contours(self):
        found = self.score(self.lines(30, 2))
        self.assertEqual((found["count"], found["unvoiced"]), (240, 0))
        self.assertGreater(found["share"], 0.95)

    def test_others_than_were_meant_are_wrong(self):
        other = [(f0, [(f"a{int(phone[1]) % 4 + 1}", begin, end) for phone, begin, end in marks]) for f0, marks in self.lines(30, 2)]
        self.assertLess(self.score(other)["share"], 0.1)

    def test_a_whispered_syllable_is_not_judged_by_its_neighbour(self):
        f0 = np.concatenate([np.full(102, 150.0), np.zeros(98)])
        found = tones.syllables_of(f0, [("a1", 0.0, 0.5), ("sh", 0.5, 0.6), ("iii4", 0.6, 0.8)])
        self.assertEqual([(s.contour is None, s.initial, round(s.seconds, 2)) for s in found], [(False, tones.NO_INITIAL, 0.5), (True, tones.VOICELESS, 0.3)])

    def test_nor_by_both_of_them(self):
        marks = [("a1", 0.0, 0.4), ("i2", 0.4, 0.52), ("a1", 0.52, 1.0)]
        for leaked in (0, 2):  # frames of a neighbour's voice
            f0 = np.concatenate([np.full(80 + leaked, 150.0), np.zeros(24 - 2 * leaked), np.full(96 + leaked, 150.0)])
            self.assertEqual([s.contour is None for s in tones.syllables_of(f0, marks)], [False, True, False], leaked)

    def test_a_syllable_ends_with_its_voice(self):
        f0, marks = self.lines(1, 3)[0]
        self.assertLess(tones.syllables_of(f0, marks)[-1].seconds, 0.3)
        self.assertEqual([s.contour is None for s in tones.syllables_of(np.zeros(500), marks)], [True] * 8)


class Pitch(unittest.TestCase):
    def test_a_glide_is_followed(self):
        wanted = 120 * 2 ** np.abs(np.linspace(-2, 2, 160) % 2 - 1)  # up and down by an octave in a second
        audio = sound.at_rate(pulses(wanted, engine_turns(wanted)) / 10, 24000, 16000)
        found = measures.f0_of(audio)[20:380]
        expected = 120 * 2 ** np.abs(np.arange(20, 380) / 100 % 2 - 1)
        self.assertGreater((found > 0).mean(), 0.95)
        self.assertLess(np.percentile(np.abs(12 * np.log2(found[found > 0] / expected[found > 0])), 95), 0.5)

    def test_a_slip_by_an_octave_is_not_believed(self):
        f0 = np.array([0.0, 100, 100, 200, 100, 100, 0])
        self.assertEqual(pitch.without_strays(f0, 2, pitch.JUMP).tolist(), [0, 100, 100, 0, 100, 100, 0])
        self.assertEqual(pitch.without_strays(f0, 2).tolist(), f0.tolist())

    def test_silence_and_noise_have_no_pitch(self):
        self.assertFalse(measures.f0_of(np.zeros(16000)).any())
        self.assertFalse(measures.f0_of(np.random.default_rng(0).normal(0, 0.1, 16000)).any())


class Verdicts(unittest.TestCase):
    def test_marks(self):
        self.assertEqual([trials.Row("", v, "%", 4, 2).verdict for v in (2.0, 3.0, 4.5)], ["goal", "must", "falls short"])
        self.assertEqual([trials.Row("", v, "%", 90, 97, True).verdict for v in (97, 91, 80)], ["goal", "must", "falls short"])
        self.assertEqual(trials.Row("", 1.0).verdict, "information")

    def test_an_emotion_may_be_half_as_clear_and_a_point(self):
        worst, excess = trials.worst_excess({"neutral": 2.0, "calm": 3.0, "angry": 9.0})
        self.assertEqual((worst, excess), ("angry", 4.0))


if __name__ == "__main__":
    unittest.main()
