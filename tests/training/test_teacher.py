"""What the default voice is taught with: symbols, melodies, pulses, and speakers that stay who they are."""
import unittest

import numpy as np

from training import phase, spectral, tokens
from training.teacher import emotions, make, speakers, symbols, tones


def spelled(names: str) -> str:
    characters = {number: c for c, number in symbols.ALPHABET.items()}
    return "".join(characters[s] for s in symbols.expand(tokens.encode(names.split()))[0])


class Symbols(unittest.TestCase):
    def test_english_as_misaki_writes_it(self):
        self.assertEqual(spelled("[HH] [AH0] [L] [OW1] engsp4 [W] [ER1] [L] [D] !"), "həlˈO, wˈɜɹld!")
        self.assertEqual(spelled("[CH] [OY1] [S] engsp1 [M] [EH1] [ZH] [ER0]"), "ʧˈYs mˈɛʒəɹ")

    def test_mandarin_has_its_tone_behind_the_vowel(self):
        self.assertEqual(spelled("n i2 sp0 h ao3 sp3 zh ong1 sp0 g uo2"), "ni↗xau↓, ꭧʊ→ŋkwo↗")
        self.assertEqual(spelled("zh iii1 sp1 sh ii4 sp1 y ve4 sp1 m a5"), "ꭧɨ→ ʂɨ↘ ɥe↘ ma")

    def test_er_hua(self):
        self.assertEqual(spelled("h air2 sp1 uanr2"), "xa↗ɻ wa↗ɻ")

    def test_every_sound_has_a_spelling(self):
        silent = [n for n in tokens.names() if symbols.spelling(n) is None and n != tokens.BOUNDARY]
        self.assertTrue(all(n in ("_", "spn", "[LAUGH]") or n.startswith("uncased") for n in silent), silent)
        self.assertLessEqual(max(map(len, symbols.table())), 8)
        self.assertTrue(all(0 <= s < symbols.SYMBOLS for row in symbols.table() for s in row))

    def test_owners_count_tokens(self):
        ids = tokens.encode("<sos/eos> n i3 sp0 h ao3 . <sos/eos>".split())
        found, owners = symbols.expand(ids)
        self.assertEqual((found[0], found[-1]), (symbols.EDGE, symbols.EDGE))
        self.assertEqual(owners, sorted(owners))
        self.assertNotIn(3, owners)  # sp0 is no sound


class Melody(unittest.TestCase):
    def line(self, emotion="neutral", kind="statement", language="en", degree=1.0):
        f0, voiced = np.full(160, 100.0), np.ones(160, bool)
        f0[::2] *= 1.1
        return emotions.melody(f0, voiced, 200.0, 105.0, emotions.EMOTIONS[emotion].at(degree), 1.0, language, [(40, 60)], kind)

    def test_pitch_is_what_was_aimed_at(self):
        self.assertAlmostEqual(float(np.median(self.line()[:100])), 200.0, delta=6)

    def test_a_yes_no_question_rises_and_a_statement_falls(self):
        self.assertGreater(self.line(kind="question")[-4:].mean(), 1.15 * self.line(kind="question")[:80].mean())
        for kind in ("statement", "wh"):
            self.assertLess(self.line(kind=kind)[-4:].mean(), self.line(kind=kind)[:80].mean())
        self.assertGreater(self.line(kind="exclamation").mean(), self.line().mean())

    def test_kinds(self):
        for text, language, kind in (("Are you sure?", "en", "question"), ("Where are you?", "en", "wh"), ("Did you see who came?", "en", "question"),
                                     ("你是谁？", "zh", "wh"), ("你好吗？", "zh", "question"), ("太好了！", "zh", "exclamation"), ("好。", "zh", "statement")):
            self.assertEqual(emotions.kind_of(text, language), kind, text)

    def test_degree_leads_from_neutral_to_the_emotion(self):
        means = [self.line("happy", degree=d)[:100].mean() for d in (0, 0.5, 1.0)]
        self.assertAlmostEqual(means[0], self.line()[:100].mean(), places=6)
        self.assertLess(means[0], means[1])
        self.assertLess(means[1], means[2])

    def test_unvoiced_frames_stay_so(self):
        voiced = np.zeros(50, bool)
        self.assertFalse(emotions.melody(np.full(50, 5.0), voiced, 200.0, 100.0, emotions.Emotion(), 1.0, "en", [], "statement").any())


class Tones(unittest.TestCase):
    RATE = 80.0

    def parts(self, *wanted: int) -> list[np.ndarray]:
        """F0 in semitones of syllables of 0.2 s, one behind the other."""
        syllables = [tones.Syllable(0.1 + 0.2 * k, 0.3 + 0.2 * k, tone) for k, tone in enumerate(wanted)]
        line, inside = tones.contour(syllables, 120, self.RATE)
        self.assertTrue(inside[8:8 + 16 * len(wanted)].all() and not inside[:8].any())
        return [line[8 + 16 * k:24 + 16 * k] for k in range(len(wanted))]

    def test_each_has_its_shape_whatever_stands_before(self):
        for before in (1, 2, 3, 4, 5):
            for tone in (1, 2, 3, 4):
                if (before, tone) == (3, 3):
                    continue  # the front-end never has it
                _, part, _ = self.parts(before, tone, 1)
                begin, middle, end = part[5:8].mean(), part[9:11].mean(), part[-2:].mean()
                with self.subTest(before=before, tone=tone):
                    if tone == 1:
                        self.assertTrue(middle > 1 and end > 2)
                    elif tone == 2:
                        self.assertTrue(end > begin + 4 and end > 2)
                    elif tone == 3:
                        self.assertTrue(middle < -3 and end < -4)
                    else:
                        self.assertTrue(begin > end + 6 and end < -2)

    def test_it_is_carried_over_and_begins_anew_after_a_pause(self):
        low, high = self.parts(3, 1)[1], self.parts(2, 1)[1]
        self.assertTrue(low[0] < -3 and high[0] > 3)
        self.assertAlmostEqual(low[-1], high[-1], delta=0.1)
        apart = [tones.Syllable(0.1, 0.3, 3), tones.Syllable(0.6, 0.8, 1)]
        self.assertAlmostEqual(tones.contour(apart, 120, self.RATE)[0][48], tones.TARGETS[1][0], delta=0.01)

    def test_a_neutral_tone_goes_by_the_one_before(self):
        self.assertGreater(self.parts(3, 5)[1][-1], self.parts(4, 5)[1][-1] + 2)

    def test_other_speech_keeps_its_melody(self):
        line = 3 * np.sin(np.arange(160) / 20)
        self.assertIs(tones.melody(line, [], self.RATE), line)
        mixed = tones.melody(line, [tones.Syllable(1.5, 1.7, 4)], self.RATE)
        self.assertTrue(np.allclose(mixed[:100], line[:100], atol=0.01))
        self.assertGreater(abs(mixed[120:136] - line[120:136]).max(), 2)

    def test_syllables_are_where_they_are_heard(self):
        names = "<sos/eos> sh iii4 sp1 [OW1] n i3 <sos/eos>".split()
        ends = make.heard_ends([0, 1, 2, 2, 3, 4, 5, 6, 6, 7], [8] * 10, len(names))
        voiced = np.ones(80, bool)
        found = make.syllables(names, ends, voiced, self.RATE)
        self.assertEqual([(one.begin, one.end, one.tone) for one in found], [(0.05, 0.35, 4), (0.55, 0.85, 3)])
        voiced[60:] = False  # a pause that is counted to the last sound
        voiced[67] = True  # and the next sound's first frame
        found = make.syllables(names, ends, voiced, self.RATE)
        self.assertEqual([(one.begin, one.end, one.tone) for one in found], [(0.05, 0.35, 4), (0.55, 0.75, 3)])


class Voicing(unittest.TestCase):
    def sustained(self, text: str, voiced: list[int], energy: np.ndarray) -> np.ndarray:
        """Sounds of ten frames each: where the voice is, told which had one in their first five frames."""
        names = text.split()
        ends = np.arange(1, len(names) + 1) * 10
        had = np.zeros(len(names) * 10 + 10, bool)
        for index in voiced:
            had[10 * index:10 * index + 5] = True
        has = make.sustained(names, ends, had, np.resize(energy, len(had)))
        self.assertTrue((has >= had).all())
        return has

    def whole(self, text: str, voiced: list[int]) -> list[int]:
        """Which of them have a voice to their end where all is loud."""
        has = self.sustained(text, voiced, np.full(1, 5.0))
        return [index for index in range(len(text.split())) if has[10 * index:10 * index + 10].all()]

    def test_it_lasts_to_the_end_of_a_phrase(self):
        self.assertEqual(self.whole("<sos/eos> n i3 sp1 h ao3 sp3 m a5 . <sos/eos>", [1, 2, 5, 8]), [5, 8])
        self.assertEqual(self.whole("<sos/eos> [M] [AE1] [N] . <sos/eos>", [1, 2]), [1, 2, 3])
        self.assertEqual(self.whole("<sos/eos> [K] [AE1] [T] . <sos/eos>", [2]), [])
        self.assertEqual(self.whole("<sos/eos> [G] [UH1] [D] [Z] . <sos/eos>", [2]), [2])  # a voiced stop shortens no vowel

    def test_a_mandarin_vowel_has_one(self):
        self.assertEqual(self.whole("<sos/eos> sh iii4 sp0 t a1 d e5 . <sos/eos>", [5, 7]), [2, 7])

    def test_it_ends_with_the_sound(self):
        energy = np.full(50, 5.0)
        energy[27] = -4.0  # and what is loud behind that is another sound
        self.assertEqual(np.flatnonzero(self.sustained("<sos/eos> m a1 <sos/eos>", [2], energy)).tolist(), list(range(20, 27)))

    def test_it_begins_with_the_sound(self):
        energy = np.full(50, 5.0)
        energy[20:23] = 1.0  # a stop's closure
        self.assertEqual(np.flatnonzero(self.sustained("<sos/eos> t a1 <sos/eos>", [], energy)).tolist(), list(range(23, 30)))

    def test_a_frame_of_its_neighbours_voice_is_not_its_own(self):
        names, had = "<sos/eos> m a1 sh iii4 t a1 <sos/eos>".split(), np.zeros(90, bool)
        had[10:41] = had[60:] = True
        has = make.sustained(names, np.arange(1, 9) * 10, had, np.full(90, 5.0))
        self.assertTrue(has[40:50].all() and not has[50:60].any())

    def test_its_pitch_is_the_last_one(self):
        known = np.array([False, True, False, True, False])
        self.assertEqual(make.held(np.array([0.0, 5, 0, 7, 0]), known).tolist(), [5, 5, 5, 7, 7])


class Speakers(unittest.TestCase):
    def test_a_speaker_is_the_same_whatever_the_count(self):
        self.assertEqual(speakers.crowd(5), speakers.crowd(9)[:5])
        self.assertEqual(len({s.name for s in speakers.crowd()} | {s.name for s in speakers.NAMED}), speakers.CROWD + len(speakers.NAMED))

    def test_test_speakers_are_kept_apart(self):
        texts, cast = {"en": ["A.", "B."], "zh": ["好。"]}, dict(named=speakers.NAMED, crowd=speakers.crowd())
        held = {s.name for s in cast["crowd"][-speakers.TEST_CROWD:]}
        train = {make.plan(i, "train", texts, cast)[2].name for i in range(600)}
        test = {make.plan(i, "test", texts, cast)[2].name for i in range(100)}
        self.assertFalse(train & held)
        self.assertTrue(test <= held | {s.name for s in speakers.NAMED})
        self.assertEqual(make.plan(3, "train", texts, cast), make.plan(3, "train", texts, cast))

    def test_equalisation_moves_the_bands(self):
        noise = np.random.default_rng(1).normal(0, 0.1, 24000)
        louder = make.equalised(noise, (0, 0, 0, 0, 0, 12, 0, 0, 0), 0.0)
        power = lambda x, low, high: (np.abs(np.fft.rfft(x))[low:high] ** 2).mean()  # noqa: E731
        self.assertGreater(10 * np.log10(power(louder, 3100, 3300) / power(noise, 3100, 3300)), 10)
        self.assertLess(abs(10 * np.log10(power(louder, 300, 700) / power(noise, 300, 700))), 0.5)


class Source(unittest.TestCase):
    def test_pulses_have_every_harmonic_at_amplitude_one(self):
        f0 = np.full(80, 200.0)
        wave = spectral.pulses(f0, spectral.engine_turns(f0))
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) / (len(wave) / 4)
        for h in (1, 7, 40):
            self.assertAlmostEqual(float(spectrum[h * 200]), 1.0, delta=0.03)
        self.assertLess(float(spectrum[11150:].max()), 0.02)

    def test_unvoiced_frames_are_silent_and_pitch_goes_on(self):
        f0 = np.array([0, 0, 120, 125, 130, 0, 0], np.float64)
        wave = spectral.pulses(f0, spectral.engine_turns(f0)).reshape(-1, 300)
        self.assertFalse(wave[[0, 1, 5, 6]].any())
        self.assertTrue(wave[2:5].any(axis=1).all())

    def test_bursts_swell_with_the_pulses_and_have_variance_one(self):
        f0 = np.full(400, 200.0)
        turns = spectral.engine_turns(f0)
        bursts = spectral.swell(f0, turns) * spectral.burst_noise(5, len(turns))
        self.assertAlmostEqual(float(bursts.var()), 1.0, delta=0.02)
        at = np.argmax(np.bincount((turns * 24).astype(int) % 24, bursts ** 2))
        self.assertIn(at, (0, 1, 23))
        self.assertFalse(spectral.swell(np.zeros(3), np.zeros(900)).any())

    def test_turns_follow_a_recording(self):
        # bursts half a period off and drifting slowly: whatever the clock says, they are found again
        f0 = 140 + 30 * np.sin(np.arange(200) / 30)
        truth = phase.clock(f0) + 0.5 + 0.3 * np.linspace(0, 1, 200 * 300)
        noise = np.random.default_rng(3).normal(0, 0.1, len(truth))
        found = phase.follow(f0, (1 + np.cos(2 * np.pi * truth)) ** 2 * noise + 0.2 * np.cos(2 * np.pi * (truth - phase.LOW_LEADS)))
        error = np.angle(np.exp(2j * np.pi * (found - truth)))[3000:-3000] / (2 * np.pi)
        self.assertLess(float(np.abs(error).max()), 0.08)

    def test_noise_is_of_variance_one_and_needs_nothing_before_it(self):
        noise = spectral.noise(7, 40)
        self.assertAlmostEqual(float(noise.var()), 1.0, delta=0.02)
        self.assertAlmostEqual(float(noise.mean()), 0.0, delta=0.02)
        np.testing.assert_array_equal(noise[:10], spectral.noise(7, 10))
        self.assertFalse((noise[:10] == spectral.noise(8, 10)).any(axis=None))


if __name__ == "__main__":
    unittest.main()
