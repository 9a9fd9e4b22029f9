"""How a request's text is read: markup, pronunciations, and what the answer says of what was not spoken."""

import json
import os
import tempfile
import time
import unittest

from service import COMMAND, FREE, Service, said


def speak(service, text, **fields):
    connection = service.connect()
    body = json.dumps({"input": text, "response_format": "pcm", "seed": 1, **fields})
    connection.request("POST", "/v1/audio/speech", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.lexicon = os.path.join(cls.folder.name, "words")
        with open(cls.lexicon, "w", encoding="utf-8") as file:
            file.write("EmotiVoice = emotive voice\n")
        cls.service = Service(COMMAND, *FREE, "--lexicon", cls.lexicon)
        cls.service.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__(None, None, None)
        cls.folder.cleanup()

    def same(self, one, two, **fields):
        first, second = speak(self.service, one, **fields), speak(self.service, two)
        self.assertEqual((first[0].status, second[0].status), (200, 200))
        self.assertTrue(first[1] == second[1], f"{one!r} is not spoken as {two!r}")

    def test_markup_is_not_spoken(self):
        self.same("It is **very** _good_.", "It is very good.")
        self.same("<speak>Fish &amp; chips</speak>", "Fish & chips", ssml=True)

    def test_bad_ssml_that_was_asked_for_is_refused(self):
        answer, data = speak(self.service, "Fish & chips", ssml=True)
        self.assertEqual(answer.status, 400)
        self.assertIn("byte 6", json.loads(data)["error"]["message"])

    def test_voices_inside_a_text(self):
        ray = said("The first one.", "--voice", "ray", "--seed", "1")
        self.assertEqual(speak(self.service, '<speak><voice name="ray">The first one.</voice></speak>')[1], ray)
        for name in ("Ray", "echo", "nobody-here echo"):  # in any case; as others call it; the first that is known
            self.assertEqual(speak(self.service, f'<voice name="{name}">The first one.</voice>', voice="ava")[1], ray, name)
        two = 'The first one. <voice name="mei">The second one.</voice> The third one.'
        answer, streamed = speak(self.service, two, voice="ray", stream=True)
        self.assertIsNone(answer.headers["X-Omitted"])
        self.assertEqual(streamed[:len(ray)], ray)
        self.assertEqual(speak(self.service, two, voice="ray", stream=False)[1], streamed)
        self.assertEqual(said(two, "--voice", "ray", "--seed", "1"), streamed)
        self.assertNotEqual(speak(self.service, two.replace("mei", "lin"), voice="ray")[1], streamed)
        answer, data = speak(self.service, '<speak><voice name="nobody-here">The first one.</voice></speak>', voice="ray")
        self.assertEqual((answer.headers["X-Omitted-Ranges"], data), ("7-33 voice that is not known", ray))

    def test_what_is_not_spoken_is_told(self):
        answer, _ = speak(self.service, "Ask Иван 👋 now.")
        self.assertEqual(answer.headers["X-Omitted"], "2")
        self.assertEqual(answer.headers["X-Omitted-Ranges"], "4-12 transliterated, 13-17 emoji")
        answer, data = speak(self.service, "Ask Иван now.", stream_format="sse")
        done = [line for line in data.decode().splitlines() if "speech.audio.done" in line and line.startswith("data")]
        self.assertEqual(json.loads(done[0][6:])["omitted"], [{"reason": "transliterated", "byte_begin": 4, "byte_end": 12,
                                                              "text": "Иван", "spoken": "Ivan"}])
        self.assertIsNone(speak(self.service, "Ask me now.")[0].headers["X-Omitted"])

    def test_audio_tags_are_the_callers_to_decide(self):
        answer, _ = speak(self.service, "Well (laughs) yes.", audio_tags="drop")
        self.assertEqual(answer.headers["X-Omitted-Ranges"], "5-13 audio tag")

    def test_a_request_brings_its_words(self):
        self.same("zyx one", "hello one", lexicon={"zyx": "hello"})
        for lexicon, message in (({"a": "/!/"}, "no phones"), ([], "object"), ({"a": 1}, "string"),
                                 ({str(i): "x" for i in range(501)}, "more than 500")):
            answer, data = speak(self.service, "a", lexicon=lexicon)
            self.assertEqual(answer.status, 400)
            self.assertIn(message, json.loads(data)["error"]["message"])

    def test_the_services_words_are_read_again(self):
        self.same("EmotiVoice two", "emotive voice two")
        self.same("EmotiVoice three", "hello three", lexicon={"emotivoice": "hello"})
        with open(self.lexicon, "w", encoding="utf-8") as file:
            file.write("EmotiVoice = hello\n")
        expected, limit = speak(self.service, "hello four")[1], time.monotonic() + 60
        while speak(self.service, "EmotiVoice four")[1] != expected:
            self.assertLess(time.monotonic(), limit, "the lexicon is not read again")
            time.sleep(0.5)


if __name__ == "__main__":
    unittest.main()
