"""Where words are lost: what each stage says is the sentence, and the nearer to the teacher the less was replaced."""
import unittest

import numpy as np

from training import measures, stages
from training.speakers import Speaker
from training.train_acoustic import prepare
from tests.training.support import MODEL


@unittest.skipUnless(MODEL.exists(), f"needs a model ({MODEL.name}): train or fetch one")
class Stages(unittest.TestCase):
    def test_every_stage_says_the_sentence(self):
        voice = stages.Voice(MODEL, None)
        entry, vector = voice.packed.voice("ray")
        item, world = stages.spoken_by_teacher("We packed the car.", "rms", Speaker("rms", "rms", "identity"))
        [item] = prepare([item], {"rms": entry["pitch"]})
        said = voice.stages(item, world, vector)
        self.assertEqual(tuple(said), stages.STAGES)
        for stage in ("vocoder", "mel", "f0"):  # these keep the teacher's durations
            self.assertEqual(len(said[stage]), len(said["teacher"]), stage)
        away = {stage: measures.cepstral_distance_db(audio, said["teacher"]) for stage, audio in said.items()}
        self.assertLess(away["teacher"], 1e-3)
        self.assertLess(away["vocoder"], away["mel"])
        self.assertLess(max(away.values()), 8.0, away)
        self.assertTrue(all(np.isfinite(audio).all() for audio in said.values()))


if __name__ == "__main__":
    unittest.main()
