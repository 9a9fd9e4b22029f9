"""voice_search.py finds the slope that tries lie on, and moves voices no farther than it says."""
import unittest

import numpy as np

from training import voice_search

NAMES = ["ann", "bea", "cy", "dan"]


def space():
    vectors = np.random.default_rng(1).normal(size=(len(NAMES), 16))
    return voice_search.Space(dict(voices=[dict(name=name, pitch=200.0) for name in NAMES]), vectors)


def tries(slope, rng, count=600, chance=0.02):
    """Some voices say some sentences; how good a sentence is has nothing to do with the displacement."""
    made = []
    for number in range(count):
        voice, good = int(rng.integers(len(NAMES))), rng.normal()
        for _ in range(3):
            at = rng.normal(size=slope.shape[1])
            made.append(dict(voice=NAMES[voice], language="en", text=str(number), at=at.tolist(),
                             overall=3 + good + at @ slope[voice] + chance * rng.normal()))
    return made


class VoiceSearch(unittest.TestCase):
    def test_slopes(self):
        """Of its own and shared; the sentence's share is nobody's."""
        rng = np.random.default_rng(2)
        slope = 0.004 * rng.normal(size=(len(NAMES), len(NAMES))) + 0.004 * rng.normal(size=len(NAMES))
        found = voice_search.slopes(tries(slope, rng), NAMES)
        self.assertLess(np.linalg.norm(found - slope), 0.35 * np.linalg.norm(slope))

    def test_chance_has_no_slope(self):
        found = voice_search.slopes(tries(np.zeros((len(NAMES), len(NAMES))), np.random.default_rng(3)), NAMES)
        self.assertLess(np.abs(found).max(), 0.001)

    def test_moved(self):
        """A vector keeps its length; a voice that is not displaced is itself; pitch goes by its unit."""
        voices = space()
        vector, hz = voices.moved(1, np.zeros(voices.size))
        np.testing.assert_allclose(vector, voices.vectors[1])
        self.assertEqual(hz, 200.0)
        vector, hz = voices.moved(1, np.array([3.0, 0, 0, -1]))
        self.assertAlmostEqual(np.linalg.norm(vector), np.linalg.norm(voices.vectors[1]))
        self.assertGreater(np.linalg.norm(vector - voices.vectors[1]), 0.1)
        self.assertAlmostEqual(hz, 200 * np.exp(-0.03), places=2)

    def test_ascended(self):
        """So far, upwards; no voice is moved farther in pitch than is allowed, and one without a slope stays."""
        slope = np.array([[0.01, 0, 0, 0], [0, 0, 0, -0.01], [0, 0, 0, 0], [0.003, 0.004, 0, 0]])
        np.testing.assert_allclose(voice_search.ascended(slope, 5), [[5, 0, 0, 0], [0, 0, 0, -2], [0, 0, 0, 0], [3, 4, 0, 0]], atol=1e-9)

    def test_needs_three_voices(self):
        with self.assertRaisesRegex(SystemExit, "three or more"):
            voice_search.Space(dict(voices=[dict(name="ann", pitch=200.0)]), np.ones((1, 8)))


if __name__ == "__main__":
    unittest.main()
