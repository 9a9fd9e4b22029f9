"""Several models behind one service: which one a request means, what lists say of them, that they are in memory only as far as
there is room, and that SIGHUP reads the list again. Two tiny models of golden/ stand for a large and a small one."""
import base64
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, Service, multipart, reference, said, scratch, wait_for  # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
TINY, MELS, PROMPTS = (str(GOLDEN / f"{name}.safetensors") for name in ("tiny", "tiny_mels", "tiny_prompts"))
TEXT = "Which one is speaking?"


class Several(unittest.TestCase):
    """tiny is the default; tiny_mels has voices of the same names, the published one has numbers."""
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp()
        cls.service = Service(COMMAND, *FREE, "--model", TINY, "--model", f"old={MELS}", "--model", PROMPTS, "--data-dir", cls.data).__enter__()
        cls.sounds = {(model, voice): said(TEXT, "--model", model, "--voice", voice)
                      for model, voice in ((TINY, "ava"), (TINY, "ray"), (MELS, "ava"), (MELS, "ray"), (PROMPTS, "8052"))}

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def pcm(self, **fields):
        """As it is made: each model at its own rate."""
        answer = self.service.post("/v1/audio/speech", {"input": TEXT, "response_format": "pcm", **fields})
        self.assertEqual(answer.code, 200, (fields, answer.body))
        return answer

    def test_the_model_field_chooses(self):
        for name in (None, "tiny", "TINY", "emotivoice", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15",
                     "kokoro", "eleven_multilingual_v2", ""):
            fields = {} if name is None else {"model": name}
            self.assertEqual(self.pcm(voice="ava", **fields).body, self.sounds[TINY, "ava"], name)
        old = self.pcm(voice="ava", model="old")
        self.assertEqual((old.body, old.headers["x-sample-rate"]), (self.sounds[MELS, "ava"], "16000"))
        self.assertEqual(self.pcm(model="tiny_prompts", voice="8052").body, self.sounds[PROMPTS, "8052"])
        self.assertEqual(self.pcm(voice="alloy", model="old").body, self.sounds[MELS, "ava"])

    def test_the_voice_chooses(self):
        self.assertEqual(self.pcm(voice="8052").body, self.sounds[PROMPTS, "8052"], "one model alone has it")
        self.assertEqual(self.pcm(voice="ava").body, self.sounds[TINY, "ava"], "two have it: the default's")
        self.assertEqual(self.pcm(voice="old/ava").body, self.sounds[MELS, "ava"])
        self.assertEqual(self.pcm(voice="tiny/ava", model="tiny").body, self.sounds[TINY, "ava"])
        self.assertEqual(self.pcm(voice="OLD/Alloy", model="tts-1").body, self.sounds[MELS, "ava"])
        mixed = self.pcm(voice="old/ava+old/ray(2)").body
        self.assertEqual(mixed, self.pcm(voice="ava+ray(2)", model="old").body)
        self.assertNotIn(mixed, self.sounds.values())

    def test_a_job_too(self):
        job = self.service.post("/tts", {"text": TEXT, "voice": "old/ray", "response_format": "pcm"}).json()["request_id"]
        answer = wait_for(lambda: self.service.get(f"/tts/{job}/audio"), lambda answer: answer.code == 200)
        self.assertEqual((answer.body, answer.headers["x-sample-rate"]), (self.sounds[MELS, "ray"], "16000"))

    def test_elevenlabs_clients_choose_too(self):
        """Their own models are the default, and both ask for a rate."""
        for model, expected in (("old", self.sounds[MELS, "ava"]), ("OLD", self.sounds[MELS, "ava"]),
                                ("eleven_v3", self.pcm(voice="ava", sample_rate=16000).body)):
            answer = self.service.post("/v1/text-to-speech/ava?output_format=pcm_16000", {"text": TEXT, "model_id": model})
            self.assertEqual((answer.code, answer.body == expected, answer.headers.get("x-ignored-fields")), (200, True, None), model)

    def test_mistakes(self):
        for fields, code, param, words in (
                ({"model": "tyni"}, 404, "model", ("tyni", "tiny, old, tiny_prompts")), ({"model": 5}, 400, "model", ("string",)),
                ({"model": "old", "voice": "tiny/ava"}, 400, "voice", ("different models",)),
                ({"voice": "old/ava+tiny/ray"}, 400, "voice", ("different models",)),
                ({"voice": "ava", "model": "tiny_prompts"}, 404, "voice", ("ava",)),
                ({"voice": "older/ava"}, 404, "voice", ("older/ava",)),
                ({"prompt": "sad"}, 400, "prompt", ("the model tiny ", "of tiny_prompts: name it as model")),
                ({"model": "tiny_prompts", "reference_audio": base64.b64encode(b"RIFF").decode()}, 400, "reference_audio",
                 ("the model tiny_prompts has no speaker encoder", "of tiny, old: name it as model"))):
            answer = self.service.speech(TEXT, **{"model": "tiny", **fields} if "voice" not in fields else {"model": "tts-1", **fields})
            error = answer.json()["error"]
            self.assertEqual((answer.code, error["param"]), (code, param), (fields, error))
            for word in words:
                self.assertIn(word, error["message"])

    def test_lists(self):
        listed = self.service.get("/v1/models").json()
        self.assertEqual([m["id"] for m in listed["data"]], ["tiny", "old", "tiny_prompts"])
        self.assertEqual([(m["default"], m["loaded"], m["sample_rate"], m["prompts"], m["clones"]) for m in listed["data"]],
                         [(True, True, 24000, False, True), (False, True, 16000, False, True), (False, True, 16000, True, False)])
        self.assertEqual(self.service.get("/v1/models/old").json()["id"], "old")
        self.assertEqual(self.service.get("/v1/models/gpt-4o-mini-tts").json()["id"], "tiny")
        self.assertEqual(self.service.get("/v1/models/nobody").code, 404)
        ids = self.service.get("/v1/voices?format=names").json()["data"]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(len(ids), sum(m["voices"] for m in listed["data"]))
        self.assertLessEqual({"ava", "old/ava", "8051"}, set(ids))
        entries = {v["id"]: v for v in self.service.get("/v1/voices?q=ava").json()["data"]}
        self.assertEqual({i: (v["name"], v["model"]) for i, v in entries.items()}, {"ava": ("ava", "tiny"), "old/ava": ("ava", "old")})
        old = self.service.get("/v1/voices?model=old").json()
        self.assertEqual({v["model"] for v in old["data"]}, {"old"})
        self.assertEqual(self.service.get("/v1/voices?model=none").code, 400)
        self.assertIn("disgusted", self.service.get("/v1/emotions?model=tiny_prompts").json()["data"])
        self.assertNotIn("disgusted", self.service.get("/v1/emotions").json()["data"])
        self.assertEqual(self.service.get("/v1/emotions?model=none").code, 400)

    def test_uploaded_voices_are_the_first_models_that_clones(self):
        sound = reference()
        made = self.service.upload("mine", sound)
        self.assertEqual(made.code, 201, made.body)
        voice = made.json()["id"]
        first = self.pcm(voice=voice).body
        self.assertEqual(first, self.pcm(voice=f"tiny/{voice}").body)
        self.assertEqual(first, self.pcm(reference_audio=base64.b64encode(sound).decode()).body)
        self.assertNotEqual(first, self.pcm(reference_audio=base64.b64encode(sound).decode(), model="old").body)
        self.assertEqual(self.service.speech(TEXT, voice=voice, model="old").code, 404)
        self.assertEqual(self.service.ask("DELETE", f"/v1/voices/{voice}").code, 200)

    def test_equal_words_of_two_models_are_two_things(self):
        a, b = (self.pcm(voice="ray", model=m).body for m in ("tiny", "old"))
        self.assertEqual((a, b), (self.sounds[TINY, "ray"], self.sounds[MELS, "ray"]))


class Settings(unittest.TestCase):
    def test_a_file_gives_them_line_by_line(self):
        file = scratch(f"model = {TINY}\nmodel = second={PROMPTS}   # numbers\n", "emotivoice.conf")
        with Service(COMMAND, *FREE, "-c", file, EMOTIVOICE_MODEL="") as service:
            self.assertEqual([m["id"] for m in service.get("/v1/models").json()["data"]], ["tiny", "second"])
        shown = subprocess.run([COMMAND, "serve", "-c", file, "--print-config"], capture_output=True, text=True,
                               env=dict(os.environ, EMOTIVOICE_MODEL="")).stdout
        self.assertEqual([line.split("#")[0].strip() for line in shown.splitlines() if line.startswith("model =")],
                         [f"model = {TINY}", f"model = second={PROMPTS}"])

    def test_mistakes(self):
        for flags, words in ((("--model", TINY, "--model", TINY), "two models are called 'tiny'"),
                             (("--model", TINY, "--model", "b=/nowhere.safetensors"), "/nowhere.safetensors cannot be found"),
                             (("--model", TINY, "--model", __file__), "test_models"),
                             (("--model", TINY, "--model", PROMPTS, "--memory-max", "100MB"), "memory_max")):
            done = subprocess.run([COMMAND, "serve", "--listen", "127.0.0.1:0", *flags], capture_output=True, text=True, timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)
        done = subprocess.run([COMMAND, "serve", "--model", TINY, "--model", __file__, "--check"], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)


class Restart(unittest.TestCase):
    """Jobs on the disk keep their model and its rate."""
    def finish(self, service, job):
        return wait_for(lambda: service.get(f"/tts/{job}").json(), lambda state: state["status"] not in ("queued", "running"))

    def test_jobs_stay_their_models(self):
        models = ["--model", TINY, "--model", f"old={MELS}"]
        flags = [*FREE, "--data-dir", tempfile.mkdtemp()]
        sound = said(TEXT, "--model", MELS, "--voice", "ava")

        def accept(service, text):
            answer = service.post("/tts", {"text": text, "voice": "old/ava", "response_format": "pcm"})
            self.assertEqual(answer.code, 202, answer.body)
            return answer.json()["request_id"]

        def kill(service):
            service.process.kill()
            service.process.wait()

        def heard(service, job):
            answer = service.get(f"/tts/{job}/audio")
            return answer.body, answer.headers["x-sample-rate"]

        with Service(COMMAND, *flags, *models) as service:
            made = accept(service, TEXT)
            state = self.finish(service, made)
            accept(service, "It stands before it. " * 40)
            waiting = accept(service, TEXT + " ")
            kill(service)
        with Service(COMMAND, *flags, *models) as service:
            self.assertEqual((service.get(f"/tts/{made}").json(), heard(service, made)), (state, (sound, "16000")))
            self.finish(service, waiting)
            self.assertEqual(heard(service, waiting), (sound, "16000"), "it was read with its own model again")
            waiting = [accept(service, f"Number {n} waits. " * 40) for n in range(3)][-1]
            kill(service)
        with Service(COMMAND, *flags, "--model", TINY) as service:
            state = self.finish(service, waiting)
            self.assertEqual(state["status"], "failed", state)
            self.assertIn("the model old is not served here any more", state["error"]["message"])


class Memory(unittest.TestCase):
    def loaded(self, service):
        return {m["id"] for m in service.get("/v1/models").json()["data"] if m["loaded"]}

    def least(self, models):
        """The smallest budget that it says it would start with, in MB."""
        budget = 1
        for _ in range(10):
            done = subprocess.Popen([COMMAND, "serve", *models, "--listen", "127.0.0.1:0", "--admin-listen", "off", "--memory-max",
                                     f"{budget}MB"], stderr=subprocess.PIPE, text=True)
            told = ""
            for line in done.stderr:
                told += line
                if "serves at" in line:
                    done.send_signal(signal.SIGTERM)
            done.wait(60)
            done.stderr.close()
            if "serves at" in told:
                return budget
            budget = int(re.search(r"give (\d+) MB or more", told)[1]) + 1
        self.fail("it never starts")

    def test_the_least_used_gives_way(self):
        """Where two of three fit, the default stays, the others take turns, and all speak as ever."""
        models = ["--model", TINY, "--model", f"old={MELS}", "--model", PROMPTS]
        sounds = {voice: said(TEXT, "--model", model, "--voice", name)
                  for voice, model, name in (("ava", TINY, "ava"), ("old/ava", MELS, "ava"), ("8052", PROMPTS, "8052"))}
        with Service(COMMAND, *FREE, *models, "--memory-max", "8GB") as service:
            self.assertEqual(self.loaded(service), {"tiny", "old", "tiny_prompts"}, "there is room for all")
        with Service(COMMAND, "--rate-per-ip", "0", *models, "--result-cache", "0", "--memory-max", f"{self.least(models)}MB") as service:
            self.assertIn(self.loaded(service), ({"tiny", "old"}, {"tiny", "tiny_prompts"}))
            for voice in ("old/ava", "8052", "ava", "old/ava", "8052"):
                body = {"input": TEXT, "voice": voice, "response_format": "pcm"}
                # with so little, a client may come before what its last request took is given back, a moment behind the answer
                answer = wait_for(lambda: service.post("/v1/audio/speech", body), lambda a: a.code != 503)
                self.assertEqual((answer.code, answer.body), (200, sounds[voice]), voice)
                other = {"old/ava": "old", "8052": "tiny_prompts"}.get(voice)
                if other:
                    self.assertEqual(self.loaded(service), {"tiny", other})
            self.assertEqual(service.speech(TEXT, voice="nobody", model="old").code, 404, "known without being loaded")
            self.assertEqual(service.get("/v1/voices?limit=1").json()["total"], 2014 + 18)
        self.assertIn("was unloaded", "".join(service.lines))


class Reload(unittest.TestCase):
    def names(self, service):
        return [m["id"] for m in service.get("/v1/models").json()["data"]]

    def reload(self, service, words):
        seen = len(service.lines)
        service.process.send_signal(signal.SIGHUP)
        wait_for(lambda: service.lines[seen:], lambda lines: any(words in line for line in lines))

    def spoken(self, service, **fields):
        return service.post("/v1/audio/speech", {"input": TEXT, "response_format": "pcm", **fields}).body

    def test_models_come_go_and_change(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        changing, file = folder / "changing.safetensors", folder / "emotivoice.conf"
        shutil.copy(MELS, changing)
        file.write_text(f"model = {TINY}\nmodel = {changing}\n")
        tiny, mels, numbers = said(TEXT, "--model", TINY, "--voice", "ava"), said(TEXT, "--model", MELS, "--voice", "ava"), \
            said(TEXT, "--model", PROMPTS, "--voice", "8051")
        with Service(COMMAND, "--rate-per-ip", "0", "--voices-dir", str(folder), "-c", str(file), EMOTIVOICE_MODEL="") as service:
            self.assertEqual(self.spoken(service, model="changing", voice="ava"), mels)
            file.write_text(f"model = {TINY}\nmodel = {changing}\nmodel = third={PROMPTS}\n")
            self.reload(service, "models and voices were read again")
            self.assertEqual(self.names(service), ["tiny", "changing", "third"])
            self.assertEqual(self.spoken(service, voice="8051"), numbers)
            shutil.copy(TINY, folder / "aside")  # the file is replaced, as files should be
            os.replace(folder / "aside", changing)
            self.assertEqual(self.spoken(service, model="changing", voice="ava"), mels, "it is read when it is asked to be")
            self.reload(service, "models and voices were read again")
            self.assertEqual(self.spoken(service, model="changing", voice="ava"), tiny, "nothing kept of the old one is given out")
            file.write_text(f"model = {TINY}\nmodel = {folder}/nothing.safetensors\n")
            self.reload(service, "the old settings stay")
            self.assertEqual(self.names(service), ["tiny", "changing", "third"])
            file.write_text(f"model = {PROMPTS}\nmodel = {TINY}\n")  # another default, and uploads with it
            self.reload(service, "models and voices were read again")
            self.assertEqual(self.names(service), ["tiny_prompts", "tiny"])
            self.assertEqual(self.spoken(service), numbers)
            self.assertEqual(self.spoken(service, voice="ava"), tiny)
            self.assertTrue(service.get("/v1/voices?limit=1").json()["uploads"])
            self.reload(service, "models and voices were read again")
            # those that no list has are closed when their work is done
            closed = wait_for(lambda: [line for line in service.lines if "was closed" in line], lambda lines: len(lines) >= 3)
            self.assertEqual(sorted(line.split("the model ")[1].split()[0] for line in closed), ["changing", "changing", "third"])


if __name__ == "__main__":
    unittest.main()
