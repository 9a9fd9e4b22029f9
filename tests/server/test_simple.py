"""Speech without JSON: POST / with a text, GET /say?text= (--simple on)."""
import subprocess
import unittest
import urllib.parse

from service import COMMAND, FREE, Service, said, wav_body


class Simple(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE, "--simple", "on").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def test_a_text_is_spoken(self):
        for headers in ({}, {"Content-Type": "text/plain; charset=utf-8"}, {"Content-Type": "application/x-www-form-urlencoded"}):
            answer = self.service.post("/", "Hello 你好.".encode(), headers=headers)
            self.assertEqual((answer.code, answer.headers["content-type"]), (200, "audio/wav"))
            self.assertEqual(wav_body(answer.body), said("Hello 你好."))

    def test_a_query_is_spoken(self):
        for text in ("Hello there.", "你好，世界", "50% & more?"):
            answer = self.service.get("/say?text=" + urllib.parse.quote(text))
            self.assertEqual((answer.code, wav_body(answer.body)), (200, said(text)), text)

    def test_options_stand_in_the_query(self):
        query = "?voice=ray&speed=1.5&emotion=happy&format=pcm"
        as_ray = said("Hello.", "--voice", "ray", "--speed", "1.5", "--emotion", "happy")
        self.assertEqual(self.service.post("/" + query, "Hello.").body, as_ray)
        self.assertEqual(self.service.get("/say" + query + "&text=Hello.").body, as_ray)
        self.assertEqual(self.service.get("/say?text=Hello.&colour=red").headers["x-ignored-fields"], "colour")

    def test_mistakes(self):
        for query, param in (("", "text"), ("?text=", "text"), ("?text=a&speed=fast", "speed"), ("?text=a&speed=9", "speed"),
                             ("?text=a&voice=nobody", "voice"), ("?text=%ff%fe", "text"), ("?text=a&stream=maybe", "stream"),
                             ("?text=a&seed=nan", "seed"), ("?text=a&colour=red&strict=1", "strict")):
            answer = self.service.get("/say" + query)
            self.assertEqual((answer.code // 100, answer.json()["error"]["param"]), (4, param), query)
        self.assertEqual(self.service.post("/", b"\xff\xfe").json()["error"]["param"], "text")
        self.assertEqual(self.service.post("/", b"").code, 400)
        self.assertEqual(self.service.post("/", "{}", headers={"Content-Type": "application/json"}).code, 415)

    def test_other_sites_may_not(self):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"}):
            self.assertEqual(self.service.get("/say?text=Hello.", headers=headers).code, 403)
            self.assertEqual(self.service.post("/", "Hello.", headers=headers).code, 403)
        self.assertEqual(self.service.get("/say?text=Hello.", headers={"Sec-Fetch-Site": "none"}).code, 200)

    def test_it_is_off_unless_asked_for(self):
        with Service(COMMAND, *FREE) as s:
            self.assertEqual(s.get("/say?text=Hello.").code, 404)
            refused = s.post("/", "Hello.")
            self.assertEqual((refused.code, refused.headers["allow"]), (405, "GET, HEAD"))
            self.assertEqual(s.get("/").code, 200)


if __name__ == "__main__":
    unittest.main()
