"""Alignment against speech whose phone times are known: one flite voice laid along another."""
import unittest

import numpy as np

from training import align
from tests.training.support import RATE, Speech, boundary_report, recorded, sounds

SENTENCES = ["The quick brown fox jumps over the lazy dog.", "Things will get better despite our efforts to improve them.",
             "They walked along the beach until the sun went down.", "She sells sea shells, and he buys them every summer.",
             "Please open the window before the guests arrive.", "You will be successful in love."]


class Align(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        leads = [0.15 + 0.07 * i for i in range(len(SENTENCES))]
        cls.truth = [Speech(text, "slt") for text in SENTENCES]
        cls.audio = [recorded(s.audio, lead, i) for i, (s, lead) in enumerate(zip(cls.truth, leads))]
        cls.wanted = [s.sounds(lead) for s, lead in zip(cls.truth, leads)]
        cls.references = [[Speech(text, "rms").reference()] for text in SENTENCES]
        cls.adaptation = align.learn(list(zip(cls.audio, cls.references)))

    def errors(self, adaptation):
        found = []
        for audio, references, wanted in zip(self.audio, self.references, self.wanted):
            ends, _ = align.phone_ends(audio, references, adaptation)
            heard = sounds(references[0].names, ends[0])
            self.assertEqual([name for name, _ in heard], [name for name, _ in wanted])
            found += [a[1] - b[1] for a, b in zip(heard, wanted)]
        return found

    def test_boundaries_between_voices(self):
        median, _, within50 = boundary_report("another voice's reading", self.errors(None))
        self.assertLess(median, 20)
        self.assertGreater(within50, 0.85)

    def test_adaptation_sharpens(self):
        median, within30, within50 = boundary_report("with adaptation", self.errors(self.adaptation))
        self.assertLess(median, 14)
        self.assertGreater(within30, 0.85)
        self.assertGreater(within50, 0.94)

    def test_wrong_text_costs_more(self):
        right = [align.phone_ends(a, r, self.adaptation)[1] for a, r in zip(self.audio, self.references)]
        wrong = [align.phone_ends(a, r, self.adaptation)[1]
                 for a, r in zip(self.audio, self.references[1:] + self.references[:1])]
        self.assertLess(max(right), 1.2)
        self.assertGreater(min(wrong), max(right))

    def test_too_short_for_the_text(self):
        ends, cost = align.phone_ends(self.audio[0][:RATE // 4], self.references[1])
        self.assertEqual((ends, cost), ([], float("inf")))

    def test_two_sentences_with_a_gap(self):
        gap = np.zeros(RATE // 2)
        ends, _ = align.phone_ends(np.concatenate([self.audio[4], gap, self.audio[5]]),
                                   self.references[4] + self.references[5], self.adaptation)
        shift = (len(self.audio[4]) + len(gap)) / RATE
        second = sounds(self.references[5][0].names, ends[1])
        errors = [a[1] - b[1] - shift for a, b in zip(second, self.wanted[5])]
        self.assertLess(np.median(np.abs(errors)), 0.03)

    def test_nothing_is_left_to_chance(self):
        a, b = (align.phone_ends(self.audio[0], self.references[0], self.adaptation)[0][0] for _ in range(2))
        np.testing.assert_array_equal(a, b)

    def test_short_silence_is_no_pause(self):
        names = ["<sos/eos>", "[AH0]", "engsp1", "[T]", "engsp1", "[IH1]", ".", "<sos/eos>"]
        settled, ends = align.settled(names, np.array([0.1, 0.2, 0.24, 0.3, 0.5, 0.6, 0.7, 0.7]))
        self.assertEqual([settled[2], settled[4]], ["engsp1", "engsp4"])
        np.testing.assert_allclose(ends[[1, 2, 3, 4]], [0.2, 0.2, 0.3, 0.5])


if __name__ == "__main__":
    unittest.main()
