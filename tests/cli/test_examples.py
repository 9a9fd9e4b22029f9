"""The programs of examples/ run, and what they write is sound."""
import os
import subprocess

from command import SETTINGS, OK, FOX, HELLO, environment, read_wav, load, NeedsModel, main


class Examples(NeedsModel):
    def run_example(self, name, *args):
        program = os.path.join(SETTINGS.examples or "", "example_" + name)
        if not SETTINGS.examples or not os.path.exists(program):
            self.skipTest("the examples are not built")
        env = environment(EMOTIVOICE_MODEL=SETTINGS.model) if SETTINGS.model else environment()
        done = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=300)
        self.assertEqual(done.returncode, OK, done.stderr.decode(errors="replace"))
        return done.stdout.decode()

    def test_examples(self):
        self.run_example("say", self.path("say.wav"), FOX)
        read_wav(self.path("say.wav"))
        self.assertIn("text 1: ", self.run_example("batch", self.path("batch")))
        read_wav(self.path("batch0.wav"))
        read_wav(self.path("batch2.wav"))
        self.assertEqual(self.run_example("stream", self.path("raw"), FOX).count("the last"), 1)
        self.assertGreater(os.path.getsize(self.path("raw")), 10000)
        self.run_example("clone", self.path("clone.wav"), self.path("say.wav"), HELLO)
        read_wav(self.path("clone.wav"))
        self.run_example("phones", self.path("phones.txt"), "hello 世界")
        self.assertIn("hello\ten", load(self.path("phones.txt")).decode())


if __name__ == "__main__":
    main()
