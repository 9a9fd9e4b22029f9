"""Files that change under the service, or that are none: it goes on, says what it left out, and nobody waits."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "server"))
from service import COMMAND, FREE, TINY, Service, multipart, said  # noqa: E402

# A directory that stops to answer, as a mount whose server is gone.
DEAD = """
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>
#define DIES(entry_type, name) \\
    struct entry_type *name(DIR *dir) { \\
        struct entry_type *(*next)(DIR *) = (struct entry_type *(*)(DIR *))dlsym(RTLD_NEXT, #name), *entry = next(dir); \\
        while (entry && strcmp(entry->d_name, "dead") == 0) pause(); \\
        return entry; \\
    }
DIES(dirent, readdir)
DIES(dirent64, readdir64) /* what readdir is where offsets of files are told to be of 64 bits */
"""
MODELS = os.path.join(HERE, "..", "..", "models")
MODEL = os.environ.get("EMOTIVOICE_MODEL") or os.path.join(MODELS, "emotivoice-default.safetensors")


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(.05)
    return found


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def say(self, service, text, **more):
        return service.post("/v1/audio/speech", {"input": text, "response_format": "pcm", **more}).code

    def test_model_and_lexicon_written_over(self):
        model = shutil.copy(MODEL, os.path.join(self.folder, "voice.safetensors"))
        lexicons = [shutil.copy(os.path.join(MODELS, name), self.folder) for name in ("zh.lexicon", "zh.polyphones", "en.lexicon", "en.homographs")]
        with Service(COMMAND, *FREE, "--model", model) as service:
            self.assertEqual(self.say(service, "你好，Hello."), 200)
            for path in (model, *lexicons):
                os.truncate(path, 0)
            self.assertEqual(self.say(service, "今天天气很好。Good morning."), 200)
            for path in (model, *lexicons):
                with open(path, "wb") as file:
                    file.write(b"\xff" * 100000)
            self.assertEqual(self.say(service, "我们去公园散步吧，and then home."), 200)
            self.assertEqual(service.stop(), 0)

    def test_what_is_no_voice_is_named_and_counted(self):
        name = lambda i: os.path.join(self.folder, f"voice_{i:032x}.json")  # noqa: E731
        with open(name(1), "w") as file:
            file.write("{")
        os.mkfifo(name(2))
        with open(name(3), "w") as file:
            json.dump({"id": "voice_" + "0" * 32, "name": "x", "owner": "y", "consent": "", "created": 1, "voice": "AAAA"}, file)
        os.symlink("/dev/zero", name(4))
        with open(name(5), "wb") as file:
            file.truncate(1 << 40)
        with Service(COMMAND, "--rate-per-ip", "0", "--voices-dir", self.folder) as service:
            log = lambda: "".join(service.lines)  # noqa: E731
            self.assertEqual(service.metric("damaged_voices"), 5)
            service.process.send_signal(signal.SIGHUP)  # what was logged before the greeting is lost to this test
            for i in range(1, 6):
                self.assertTrue(until(lambda i=i: f"voice_{i:032x}" in log()), log())
            os.unlink(name(2))
            service.process.send_signal(signal.SIGHUP)
            self.assertTrue(until(lambda: service.metric("damaged_voices") == 4), log())

    def test_thousands_of_files_delay_nobody(self):
        with Service(COMMAND, *FREE, "--voices-dir", self.folder) as service:
            for i in range(9000):
                with open(os.path.join(self.folder, f"voice_{i:032x}.json"), "w") as file:
                    file.write('{"id": ' + "[" * 200)
            os.mkfifo(os.path.join(self.folder, f"voice_{'f' * 32}.json"))
            service.process.send_signal(signal.SIGHUP)
            slowest = 0
            while service.metric("damaged_voices") < 9001:
                begin = time.monotonic()
                self.assertEqual(service.get("/v1/voices").code, 200)
                slowest = max(slowest, time.monotonic() - begin)
                self.assertLess(slowest, 5)
            print(f"the slowest list of voices took {1000 * slowest:.0f} ms", file=sys.stderr)

    @unittest.skipUnless(shutil.which("cc") and not TINY, "needs a compiler, and no sanitizer that wants to be loaded first")
    def test_a_directory_that_does_not_answer_delays_nobody(self):
        library, source = (os.path.join(self.folder, name) for name in ("dead.so", "dead.c"))
        with open(source, "w") as file:
            file.write(DEAD)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        voices = os.path.join(self.folder, "voices")
        os.mkdir(voices)
        open(os.path.join(voices, "dead"), "w").close()
        with Service(COMMAND, "--rate-per-ip", "0", "--voices-dir", voices, LD_PRELOAD=library) as service:
            self.assertEqual(self.say(service, "Hello."), 200)
            service.process.send_signal(signal.SIGHUP)
            self.assertTrue(until(lambda: "still being read" in "".join(service.lines)), "".join(service.lines))
            self.assertEqual(service.get("/v1/voices").code, 200)
            self.assertEqual(service.upload("Anna", said("Hello, this is my voice, for a while.", "--format", "wav")).code, 201)
            self.assertEqual(service.stop(30), 0)

    def test_names_can_be_seen(self):
        def upload(name):
            body, headers = multipart({"name": name})
            return service.post("/v1/voices", body, headers=headers).json()["error"]["param"]

        with Service(COMMAND, *FREE, "--voices-dir", self.folder) as service:
            for name in (" ", "\u3000\u00a0", "\u200b\u200b", "\u2060", "\u3164", "\u2800", "\u115f", "\ufe0f", "\u0301", "\u200d",
                         "a\u202eb", "a\u2066b\u2069", "\u200fa", "a\u061c", "a\u2028b", "a\tb", "a\u0085b", "\ue000", "a\uffff", "\U000e0001a"):
                self.assertEqual(upload(name), "name", ascii(name))
            for name in ("Anna", "小明 2", "Ž\u0301", "👩\u200d👩\u200d👧", "می\u200cخواهم", "c++", "हिन्दी", "❤\ufe0f"):
                self.assertEqual(upload(name), "audio", ascii(name))  # the next fault: there is none in the form


if __name__ == "__main__":
    unittest.main()
