"""A model of the published EmotiVoice family behind the service: 2,014 voices, a manner in free words, no speaker encoder.
The networks are tiny and random (training/golden_prompts.py); what they say is compared with what the command says."""
import base64
import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, Service, multipart, said, scratch, wait_for  # noqa: E402

MODEL = pathlib.Path(__file__).resolve().parents[1] / "golden" / "tiny_prompts.safetensors"
VOICES = 2014  # 8051 and on; of every four two are women's, every third is a Mandarin one
TEXT = "你好, the train leaves."


def wave():
    """A second of something: whatever it is, there is nobody to hear it."""
    samples = b"".join(((i * 7919) % 20000 - 10000).to_bytes(2, "little", signed=True) for i in range(16000))
    head = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data"
    return head + len(samples).to_bytes(4, "little") + samples


class Published(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--model", str(MODEL), "--voices-dir", os.path.dirname(scratch(""))).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def pcm(self, **fields):
        answer = self.service.speech(TEXT, response_format="pcm", sample_rate=16000, **fields)
        self.assertEqual(answer.code, 200, answer.body)
        return answer.body

    def said(self, *flags):
        return said(TEXT, "--model", str(MODEL), *flags)

    def refused(self, param, *words, **fields):
        answer = self.service.speech(TEXT, **fields)
        error = answer.json()["error"]
        self.assertEqual((answer.code, error["param"]), (400, param), error)
        for word in words:
            self.assertIn(word, error["message"])

    def test_prompts_are_heard(self):
        self.assertEqual(self.pcm(prompt="哭唧唧"), self.said("--prompt", "哭唧唧"))
        self.assertEqual(self.pcm(prompt="哭唧唧", emotion_degree=0.5), self.said("--prompt", "哭唧唧", "--emotion-degree", "0.5"))
        self.assertNotEqual(self.pcm(prompt="哭唧唧"), self.pcm(prompt="Happy"))
        self.assertEqual(self.pcm(prompt=""), self.pcm())
        job = self.service.post("/tts", {"text": TEXT, "prompt": "哭唧唧", "response_format": "pcm"}).json()["request_id"]
        answer = wait_for(lambda: self.service.get(f"/tts/{job}/audio"), lambda answer: answer.code == 200)
        self.assertEqual(answer.body, self.said("--prompt", "哭唧唧"))

    def test_emotions_by_any_name_and_blend(self):
        names = {"happy": ("开心", "HAPPY", "高兴", "joyful"), "sad": ("悲伤", "难过", "Sadness"), "disgusted": ("厌恶", "disgust", "恶心"),
                 "angry": ("生气", "愤怒"), "fearful": ("恐惧", "害怕"), "surprised": ("惊讶",), "neutral": ("普通",)}
        self.assertLessEqual(set(names), set(self.service.get("/v1/emotions").json()["data"]))
        for label, others in names.items():
            spoken = self.said("--emotion", label)
            for name in others:
                self.assertEqual(self.pcm(emotion=name), spoken, name)
        self.assertEqual(self.pcm(emotion="开心:0.6，悲伤:0.3"), self.said("--emotion", "happy:0.6,sad:0.3"))

    def test_what_does_not_go_together(self):
        self.refused("prompt", "not both", prompt="sad", emotion="happy")
        self.refused("prompt", "500 bytes", prompt="x" * 501)
        self.refused("emotion_degree", "from 0 to 1", prompt="sad", emotion_degree=1.5)
        self.refused("prompt", "string", prompt=5)

    def test_cloning_needs_a_speaker_encoder(self):
        self.refused("reference_audio", "no speaker encoder", "emotivoice-default", reference_audio=base64.b64encode(wave()).decode())
        body, form = multipart({"name": "me", "audio": wave()})
        answer = self.service.post("/v1/voices", body, headers=form)
        self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, "audio"))
        self.assertIn("no speaker encoder", answer.json()["error"]["message"])
        self.assertFalse(self.service.get("/v1/voices?limit=1").json()["uploads"])

    def test_other_models_say_who_takes_prompts(self):
        with Service(COMMAND, *FREE, EMOTIVOICE_MODEL=str(MODEL.with_name("tiny.safetensors"))) as service:
            answer = service.speech("Hello.", prompt="sad")
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, "prompt"))
            self.assertIn("emotivoice import", answer.json()["error"]["message"])
            self.assertEqual(service.speech("Hello.", prompt="").code, 200)

    # ---- voices ----

    def voices(self, query=""):
        answer = self.service.get("/v1/voices" + query)
        self.assertEqual(answer.code, 200, answer.body)
        return answer.json()

    def test_pages(self):
        whole = self.voices()
        self.assertEqual((len(whole["data"]), whole["total"], whole["has_more"]), (VOICES, VOICES, False))
        self.assertEqual(whole["data"], whole["voices"])
        seen, at = [], 0
        while at is not None:
            page = self.voices(f"?limit=500&offset={at}")
            seen += page["data"]
            self.assertEqual(page["has_more"], "next_offset" in page)
            at = page.get("next_offset")
        self.assertEqual(seen, whole["data"])
        self.assertEqual(self.voices("?offset=5000")["data"], [])
        self.assertEqual(self.voices("?limit=3&format=names")["data"], ["8051", "8052", "8053"])

    def test_filters(self):
        every = self.voices()["data"]
        numbers = {v["id"]: int(v["id"]) - 8051 for v in every}
        women = [v["id"] for v in every if numbers[v["id"]] // 2 % 2 == 0]
        mandarin = [v["id"] for v in every if numbers[v["id"]] % 3 == 0]
        for query, wanted in (("sex=female", women), ("gender=F", women), ("language=zh", mandarin), ("language=zh-CN", mandarin),
                              ("sex=female&language=zh", [v for v in women if v in mandarin]),
                              ("q=female", women), ("search=FEMALE", women), ("q=zh%20female", [v for v in women if v in mandarin]),
                              ("q=maria", ["8051"]), ("q=KASPER%20maria", ["8051"]), ("q=10064", ["10064"]),
                              ("q=%EF%BC%98%EF%BC%90%EF%BC%95%EF%BC%91", ["8051"]), ("q=nobody", []), ("kind=uploaded", [])):
            self.assertEqual(self.voices(f"?{query}&format=names")["data"], wanted, query)
        self.assertEqual(len(self.voices("?q=male&format=names")["data"]), VOICES - len(women), "male is not in female")
        self.assertEqual({v["sex"] for v in every}, {"female", "male"})
        for query, param in (("sex=maybe", "sex"), ("language=tlh", "language"), ("limit=0", "limit"), ("limit=x", "limit"),
                             ("offset=-1", "offset"), ("limit=99999999999999999999", "limit"), ("kind=both", "kind")):
            answer = self.service.get(f"/v1/voices?{query}")
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, param), query)

    def test_voices_speak_and_mix(self):
        self.assertEqual(self.pcm(voice="8060"), self.said("--voice", "8060"))
        mixed = self.pcm(voice="8051+8060(2)")
        self.assertEqual(mixed, self.pcm(voice="8060(4)+8051(2)"))
        self.assertNotIn(mixed, (self.pcm(voice="8051"), self.pcm(voice="8060")))
        self.assertEqual(self.pcm(voice="8060(7)"), self.pcm(voice="8060"), "of itself it is itself")


if __name__ == "__main__":
    unittest.main()
