"""The page of `emotivoice serve` as a user meets it, in a headless Chromium: speaking, hearing it to its end, seeing
it, saving it, every kind of error, both languages, keyboard, screen reader, narrow and wide.

Without --url it runs against page/fake_server.py, under the page's own Content-Security-Policy; with it against a
running server, and skips what only the stand-in can show. Needs chromium-headless-shell (or chromium) and fonts for
both languages; nothing else.

  python3 tests/server/test_page.py [--url http://127.0.0.1:8080/ | --command build/emotivoice] [--chromium FILE]
                                    [--screenshots DIR] [TEST...]
"""
import argparse
import array
import base64
import io
import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import wave

sys.path[:0] = [str(pathlib.Path(__file__).parent / "page"), str(pathlib.Path(__file__).parent)]
import fake_server
from browser import Browser
from service import RATE, Service

SETTINGS = argparse.Namespace()
HELLO = "Hello there, said the page."
WATCH_AUDIO = """
window.contexts = [];
window.AudioContext = class extends AudioContext { constructor(o) { super(o); window.contexts.push(this); } };
"""
# Distinct colours of a canvas: a blank one has one.
COLOURS = """(() => {
const c = document.querySelector(%r), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
const seen = new Set();
for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
return seen.size; })()"""
CONTRAST = """(() => {
const style = getComputedStyle(document.documentElement), g = document.createElement("canvas").getContext("2d");
const light = (name) => { g.fillStyle = style.getPropertyValue(name).trim();
    return [1, 3, 5].map((i) => parseInt(g.fillStyle.slice(i, i + 2), 16) / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0); };
return %s.map(([a, b, least]) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return [a, b, least, (x + 0.05) / (y + 0.05)]; }).filter(([, , least, ratio]) => ratio < least); })()"""
READABLE = [[text, ground, 4.5] for text in ("--ink", "--muted", "--accent", "--danger")
            for ground in ("--page", "--surface")]
VISIBLE = [["--on-accent", "--accent", 4.5], ["--on-accent", "--accent-strong", 4.5], ["--ink", "--tint", 4.5],
           ["--edge", "--page", 3], ["--edge", "--surface", 3], ["--mark", "--surface", 3], ["--accent", "--page", 3]]


def tone(path, seconds, rate=44100, channels=2, loud=0.3):
    with wave.open(path, "wb") as file:
        file.setnchannels(channels), file.setsampwidth(2), file.setframerate(rate)
        samples = [int(32767 * loud * math.sin(2 * math.pi * 200 * (i / rate - 0.005 * math.cos(20 * i / rate)))) for i in range(int(seconds * rate))]
        file.writeframes(struct.pack(f"<{channels * len(samples)}h", *[s for s in samples for _ in range(channels)]))


def read_wav(content):
    """(rate, samples) of a 16-bit mono wav."""
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2), "16-bit mono"
        samples = array.array("h", file.readframes(file.getnframes()))
        assert len(samples) == file.getnframes(), "the header counts the samples"
        return file.getframerate(), samples


def served(body):
    samples = array.array("h")
    for piece in fake_server.speech(body):
        samples.extend(piece)
    return samples


def refusal(message, param=None, code=None):
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def fake_only(test):
    def run(self):
        if SETTINGS.url:
            self.skipTest("shown by the stand-in only")
        test(self)
    return run


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = Browser(SETTINGS.chromium)

    @classmethod
    def tearDownClass(cls):
        cls.browser.__exit__()

    def open(self, key=None, **options):
        self.server = None if SETTINGS.url else fake_server.FakeServer(key=key).start()
        self.url = SETTINGS.url or self.server.url
        self.rate = fake_server.RATE if self.server else RATE
        self.tab = self.browser.tab(**options)
        self.tab.expected = []  # problems that a test provokes
        self.addCleanup(self.close, self.tab, self.server, self.url)
        self.tab.send("Page.addScriptToEvaluateOnNewDocument", source=WATCH_AUDIO)
        self.tab.go(self.url)
        if not key:
            self.tab.until("document.querySelectorAll('#emotions input').length >= 2 &&"
                           " document.querySelector('#voice').value")
        return self.tab

    def close(self, tab, server, url):
        """Whatever a test did: nothing went wrong in the console, and nothing was asked of anyone else."""
        problems = [p for p in tab.problems if not any(e in p for e in tab.expected)]
        outside = [r["url"] for r in tab.requests if not r["url"].startswith((url, "blob:", "data:"))]
        tab.close()
        if server:
            server.shutdown()
            server.server_close()
        self.assertEqual(problems, [])
        self.assertEqual(outside, [])

    # ---- helpers ----

    def text(self, selector):
        return self.tab.evaluate(f"document.querySelector({json.dumps(selector)}).innerText.trim()")

    def speak(self, text=HELLO, wait=True):
        self.tab.write("#input", text)
        self.tab.click("#speak")
        if wait:
            self.tab.until("!document.querySelector('#play').disabled && document.querySelector('#cancel').hidden", 120)

    def bodies(self):
        """What the page has sent to /v1/audio/speech, as the browser saw it."""
        posts = [r for r in self.tab.requests if r["method"] == "POST" and r["url"].endswith("/v1/audio/speech")]
        return [json.loads(self.tab.send("Network.getRequestPostData", requestId=r["id"])["postData"]) for r in posts]

    def shot(self, name):
        if SETTINGS.screenshots:
            os.makedirs(SETTINGS.screenshots, exist_ok=True)
            self.tab.screenshot(os.path.join(SETTINGS.screenshots, f"{name}.png"))

    def assert_fits(self):
        widest = self.tab.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(*widest, "nothing stands out at the side")

    # ---- speaking ----

    def test_speaks_as_set_and_is_heard_to_its_end(self):
        tab = self.open()
        voice = tab.evaluate("(() => { const v = document.querySelector('#voice');"
                             " v.value = [...v.options].at(-1).value;"
                             " v.dispatchEvent(new Event('change')); return v.value; })()")
        tab.click("#emotions label:nth-child(3)")
        for slider, key, code, times in (("#emotion_degree", "ArrowLeft", 37, 4), ("#speed", "ArrowRight", 39, 2),
                                         ("#pitch_scale", "ArrowLeft", 37, 1)):
            tab.evaluate(f"document.querySelector({json.dumps(slider)}).focus()")
            for _ in range(times):
                tab.key(key, code)
        self.speak()
        body = self.bodies()[0]
        emotion = tab.evaluate("document.querySelector('#emotions label:nth-child(3) input').value")
        self.assertEqual(body, {"model": "emotivoice", "input": HELLO, "voice": voice, "emotion": emotion,
                                "emotion_degree": 0.8, "speed": 1.2, "pitch_scale": 0.95, "response_format": "pcm",
                                "stream_format": "audio"})
        seconds = len(served(body)) / self.rate if self.server else None
        tab.until("!document.querySelector('#play').classList.contains('playing')", 120)
        rate, clock, state = tab.evaluate("(() => { const c = contexts.at(-1);"
                                          " return [c.sampleRate, c.currentTime, c.state]; })()")
        self.assertEqual((rate, state), (self.rate, "running"))
        now, total = (float(part.split(":")[1]) for part in self.text("#time").split("/"))
        self.assertEqual(now, total, "played to its end")
        self.assertGreater(total, 0.5)
        self.assertGreaterEqual(clock, total - 0.06, "the audio clock ran as long as the speech")
        if seconds:
            self.assertAlmostEqual(total, seconds, delta=0.06)
        self.assertRegex(self.text("#status"), r"^\d+\.\d s of speech; first sound after \d+ ms$")
        self.assertGreater(tab.evaluate(COLOURS % "#mel"), 40)
        self.assertGreater(tab.evaluate(COLOURS % "#wave"), 8)

    @fake_only
    def test_plays_while_it_arrives_pauses_and_seeks(self):
        tab = self.open()
        self.server.pace = 1.0
        self.speak("One two three four five six seven eight nine ten eleven twelve thirteen.", wait=False)
        tab.until("parseFloat(document.querySelector('#now').textContent.slice(2)) > 0.2", 120)
        self.assertFalse(tab.evaluate("document.querySelector('#cancel').hidden"), "it still arrives")
        self.assertGreater(tab.evaluate(COLOURS % "#mel"), 40)
        tab.click("#play")
        self.assertEqual(tab.evaluate("document.querySelector('#play').getAttribute('aria-label')"), "Play")
        tab.until("document.querySelector('#cancel').hidden", 120)
        tab.evaluate("document.querySelector('#position').focus()")
        before = self.text("#now")
        tab.key("ArrowRight", 39)
        tab.until(f"document.querySelector('#now').textContent !== {before!r}")
        moved = float(self.text("#now")[2:]) - float(before[2:])
        self.assertAlmostEqual(moved, 0.5, delta=0.11)
        tab.key("Home", 36)
        tab.until("document.querySelector('#now').textContent === '0:00.0'")
        tab.click("#play")
        tab.until("parseFloat(document.querySelector('#now').textContent.slice(2)) > 0.2")

    @fake_only
    def test_cancel_ends_the_request_and_keeps_what_came(self):
        tab = self.open()
        self.server.pace = 2.0
        self.speak("A long sentence that nobody wants to hear to its end, which is far away, and further still.",
                   wait=False)
        tab.until("!document.querySelector('#play').disabled", 120)
        tab.click("#cancel")
        tab.until("document.querySelector('#status').textContent === 'Cancelled.'")
        self.assertTrue(self.server.aborted.wait(60), "the server sees that nobody listens any more")
        self.assertTrue(tab.evaluate("document.querySelector('#cancel').hidden"))
        self.assertFalse(tab.evaluate("document.querySelector('#play').classList.contains('playing')"))
        tab.click("#download")
        rate, samples = read_wav(tab.downloaded(1)[1])
        whole = served(self.bodies()[0])
        self.assertGreater(len(samples), 0)
        self.assertLess(len(samples), len(whole))
        self.assertEqual(samples, whole[:len(samples)])

    def test_saves_every_format(self):
        tab = self.open()
        self.speak("Hello, 世界 42!")
        tab.click("#download")
        name, content = tab.downloaded(1)
        self.assertEqual(name, "emotivoice-hello-世界-42.wav")
        rate, samples = read_wav(content)
        self.assertEqual(rate, self.rate)
        self.assertGreater(max(samples), 1000)
        if self.server:
            self.assertEqual(samples, served(self.bodies()[0]))
        magic = {"mp3": (b"ID3", b"\xff"), "flac": (b"fLaC",), "opus": (b"OggS",)}
        for count, (form, starts) in enumerate(magic.items(), 2):
            tab.evaluate(f"document.querySelector('#format').value = {form!r}")
            tab.click("#download")
            name, content = tab.downloaded(count)
            self.assertEqual(name, f"emotivoice-hello-世界-42.{form}")
            self.assertTrue(content.startswith(starts), form)
            if self.server:
                self.assertEqual(content, self.server.files[-1])
        heard, saved = self.bodies()[0], self.bodies()[-1]
        self.assertEqual({**heard, "response_format": "opus"}, {**saved, "stream_format": "audio"})

    def set_value(self, selector, value, event="change"):
        self.tab.evaluate(f"(() => {{ const n = document.querySelector({selector!r}); n.value = {value!r};"
                          f" n.dispatchEvent(new Event({event!r}, {{bubbles: true}})); }})()")

    def test_blend_loudness_and_subtitles(self):
        tab = self.open()
        tab.click("#emotions label:nth-child(3)")
        first = tab.evaluate("document.querySelector('#emotions input:checked').value")
        second = tab.evaluate("document.querySelector('#blend').options[4].value")
        self.assertNotIn(first, tab.evaluate("[...document.querySelector('#blend').options].map((o) => o.value)"))
        self.assertTrue(tab.evaluate("document.querySelector('#blend-field').hidden"))
        self.set_value("#blend", second)
        tab.evaluate("document.querySelector('#blend_share').focus()")
        tab.key("ArrowLeft", 37)
        tab.key("ArrowLeft", 37)
        tab.evaluate("document.querySelector('#volume').focus()")
        for _ in range(6):
            tab.key("ArrowLeft", 37)
        self.assertEqual(self.text("#volume-value"), "−6 dB")
        self.speak()
        body = self.bodies()[0]
        self.assertEqual((body["emotion"], body["volume"]), (f"{first}:0.7,{second}:0.3", -6))
        for count, (form, start) in enumerate((("srt", b"1"), ("vtt", b"WEBVTT")), 1):
            tab.evaluate(f"document.querySelector('#format').value = {form!r}")
            tab.click("#download")
            name, content = tab.downloaded(count)
            self.assertTrue(name.endswith("." + form), name)
            self.assertTrue(content.startswith(start), content[:40])
            self.assertIn(b"-->", content)
            self.assertIn(b"Hello", content)
        tab.click("#reset")
        self.assertEqual((self.text("#volume-value"), tab.evaluate("document.querySelector('#blend').value")), ("±0 dB", ""))

    def test_a_text_from_a_file_survives_a_reload(self):
        tab = self.open()
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (("plain.txt", "\ufeffA line.\r\nAnother, 再见。".encode()), ("old.txt", "A line.\nAnother, 再见。".encode("gb18030")),
                                  ("wide.txt", "A line.\nAnother, 再见。".encode("utf-16"))):
                path = pathlib.Path(folder, name)
                path.write_bytes(content)
                tab.write("#input", "before")
                tab.files("#text-file", str(path))
                tab.until(f"document.querySelector('#input').value === {json.dumps('A line.' + chr(10) + 'Another, 再见。')}")
            self.assertEqual(self.text("#count"), "20 characters")
            path = pathlib.Path(folder, "song.txt")
            path.write_bytes(b"ID3\x00\xff\xfb")
            tab.files("#text-file", str(path))
            tab.until("document.querySelector('#input-error').textContent.includes('no plain text')")
        tab.write("#input", "What I typed.")
        tab.go(self.url)
        self.assertEqual(tab.evaluate("document.querySelector('#input').value"), "What I typed.")
        tab.click('[data-language="zh"]')
        self.assertEqual(tab.evaluate("document.querySelector('#input').value"), "What I typed.")

    def test_the_request_as_curl(self):
        tab = self.open()
        tab.write("#input", "It's \"5\" o'clock.")
        tab.click("#curl")
        line = lambda: tab.evaluate("document.querySelector('#curl-text').textContent")
        self.assertIn("5", line())
        with tempfile.TemporaryDirectory() as folder:
            tone(os.path.join(folder, "my voice.wav"), 3)
            speech = pathlib.Path(folder, "speech.mp3")
            for reference in (False, True):
                if reference:
                    tab.files("#reference-file", os.path.join(folder, "my voice.wav"))
                    tab.until("document.querySelector('#curl-text').textContent.includes('my voice.wav')")
                subprocess.run(["bash", "-euo", "pipefail", "-c", line()], cwd=folder, check=True)
                self.assertIn(speech.read_bytes()[:2], (b"ID", b"\xff\xf3", b"\xff\xfb"))
                speech.unlink()
        if self.server:
            self.assertEqual(self.server.requests[-1]["input"], "It's \"5\" o'clock.")
        tab.click("#curl")
        self.assertTrue(tab.evaluate("document.querySelector('#curl-text').hidden"))

    def test_direction_is_seen_on_a_telephone(self):
        tab = self.open(width=360, height=740)
        self.assertLess(tab.evaluate("document.querySelector('#voice').getBoundingClientRect().bottom"), 740)
        self.assertRegex(self.text("#chosen-text"), r"^\w+ · neutral$")
        self.speak()
        tab.click("#chosen")  # it stands in the bar that stays in sight
        tab.until("document.querySelector('#voice').getBoundingClientRect().bottom < innerHeight")
        self.assertGreater(tab.evaluate("scrollY"), 0)
        self.assertGreaterEqual(*tab.evaluate("[document.querySelector('#direction-label').getBoundingClientRect().top,"
                                              " document.querySelector('.transport').getBoundingClientRect().bottom]"))
        self.assert_fits()
        self.shot("360-direction")

    # ---- the description of the API ----

    def test_the_api_for_people(self):
        tab = self.open(width=360, height=740)
        tab.click(".live a")
        tab.until("document.querySelectorAll('.operation').length > 20")
        self.assert_fits()
        with urllib.request.urlopen(self.url + "openapi.json") as answer:
            api = json.load(answer)
        methods = sum(m in ("get", "post", "put", "delete") for item in api["paths"].values() for m in item)
        self.assertEqual(tab.evaluate("document.querySelectorAll('#operations .operation').length"), methods)
        self.assertEqual(tab.evaluate("document.querySelectorAll('#schemas .operation').length"), len(api["components"]["schemas"]))
        tab.evaluate("location.hash = 'createSpeech'")
        tab.until("document.querySelector('#createSpeech').open && document.querySelector('#createSpeech pre') !== null")
        names = tab.evaluate("[...document.querySelectorAll('#createSpeech dt code:first-child')].map((n) => n.textContent)")
        for name in ("input", "voice", "emotion", "sample_rate", "200", "503"):
            self.assertIn(name, names)
        with tempfile.TemporaryDirectory() as folder:  # its example does what it says
            subprocess.run(["bash", "-euc", tab.evaluate("document.querySelector('#createSpeech pre').textContent")], cwd=folder, check=True)
            self.assertGreater(pathlib.Path(folder, "speech.mp3").stat().st_size, 1000)
        tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        tab.until("document.querySelectorAll('#schemas .fields').length > 10")
        for width in (360, 1280):
            tab.size(width, 740)
            self.assert_fits()
            self.shot(f"api-{width}")
        places = tab.evaluate("[...document.querySelectorAll('main a[href^=\"#\"]')].filter((a) => !document.getElementById(a.hash.slice(1))).length")
        self.assertEqual(places, 0, "every link leads somewhere")
        tab.write("#filter", "subtitles srt")
        tab.until("document.querySelector('#found').textContent.startsWith('1 of ')")
        unnamed = [n[:2] for n in tab.accessible() if n[0] in ("button", "link", "searchbox", "textbox") and not n[1].strip()]
        self.assertEqual(unnamed, [])

    # ---- thousands of voices ----

    @fake_only
    def test_a_voice_among_thousands_is_searched(self):
        tab = self.open()
        self.assertTrue(tab.evaluate("document.querySelector('#voice-search-field').hidden"), "nine need no search")
        self.server.voices += [{"id": str(8051 + i), "name": str(8051 + i), "language": "en", "kind": "named",
                                "note": f"speaker {i}"} for i in range(2014)]
        self.server.voices.append({"id": "kept", "name": "kept", "language": "", "note": "", "kind": "uploaded"})
        tab.go(self.url)
        tab.until("document.querySelector('#voice').value && !document.querySelector('#voice-search-field').hidden")
        options = "[...document.querySelector('#voice').options].map((o) => o.value)"
        self.assertEqual(len(tab.evaluate(options)), 101)
        self.assertIn("kept", tab.evaluate(options), "what one keeps is there, however many the model has")
        self.assertEqual(self.text("#voice-found"), "101 of 2024 voices are listed; search for the others.")
        tab.write("#voice-search", "speaker 1999")
        tab.until("document.querySelector('#voice').value === '10050'")
        self.assertEqual((tab.evaluate(options), self.text("#voice-found")), (["10050"], "1 voice matches"))
        self.speak()
        self.assertEqual(self.bodies()[0]["voice"], "10050")
        tab.write("#voice-search", "nobody of that name")
        tab.until("document.querySelector('#voice-found').textContent === 'No voices match'")
        self.assertEqual(tab.evaluate("document.querySelector('#voice').value"), "10050", "the one chosen stays")
        tab.write("#voice-search", "speaker 20")
        tab.until("document.querySelector('#voice').value === '8071'")
        self.assertEqual(self.text("#voice-found"), "94 voices match")
        tab.evaluate("document.querySelector('#voice-search').focus()")
        tab.key("Enter", 13, text="\r")
        time.sleep(0.5)
        self.assertEqual(len(self.bodies()), 1, "Enter searches and does not speak")
        self.shot("voices-search")
        tab.click("#reset")
        tab.until("document.querySelector('#voice').value === 'ava'")

    # ---- what goes wrong ----

    def test_errors_stand_beside_their_field(self):
        tab = self.open()
        tab.expected = ["Failed to load resource"]
        for param, control in (("input", "input"), ("voice", "voice"), ("speed", "speed"),
                               ("pitch_scale", "pitch_scale"), ("emotion_degree", "emotion_degree"), ("emotion", None),
                               ("reference_audio", None)):
            tab.answer_next_post(400, refusal(f"{param} is not as it should be", param, "out_of_range"))
            tab.click("#speak")
            place = f'[data-error="{param}"]'
            tab.until(f"!document.querySelector('{place}').hidden")
            self.assertEqual(self.text(place), f"{param[0].upper()}{param[1:]} is not as it should be.")
            self.assertEqual(tab.evaluate("document.querySelectorAll('.error:not([hidden])').length"), 1)
            if control:
                self.assertEqual(tab.evaluate("document.activeElement.id"), control)
                self.assertEqual(tab.evaluate("document.activeElement.getAttribute('aria-invalid')"), "true")
        self.assertEqual(tab.evaluate("document.querySelector('#position').max"), "4.00",
                         "the empty picture is left alone")
        tab.click('[data-language="zh"]')
        self.assertTrue(self.text('[data-error="reference_audio"]').startswith("这段录音无法使用。"))
        self.shot("error-zh")

    def test_pronunciations_go_along_and_stay(self):
        tab = self.open()
        tab.click("#words summary")
        tab.write("#lexicon", "# mine\nnginx = engine x\n重庆\t/chong2 qing4/\n")
        self.assertEqual(self.text("#words-count"), "2 words")
        self.speak()
        self.assertEqual(self.bodies()[-1]["lexicon"], {"nginx": "engine x", "重庆": "/chong2 qing4/"})
        tab.write("#lexicon", "nginx")
        tab.click("#speak")
        tab.until("!document.querySelector('[data-error=lexicon]').hidden")
        self.assertEqual(tab.evaluate("document.activeElement.id"), "lexicon")
        tab.write("#lexicon", "")
        self.speak()
        self.assertNotIn("lexicon", self.bodies()[-1])
        tab.write("#lexicon", "GIF = jif")
        tab.go(self.url)
        tab.until("document.querySelector('#voice').value")
        self.assertEqual((tab.evaluate("document.querySelector('#lexicon').value"), self.text("#words-count")), ("GIF = jif", "1 word"))

    def test_busy_unreachable_broken_and_empty(self):
        tab = self.open()
        tab.expected = ["Failed to load resource"]
        tab.answer_next_post(429, refusal("slow down"), {"Retry-After": "4"})
        tab.click("#speak")
        tab.until("/Too many requests for the moment. .*Try again in [1-4] s/s"
                  ".test(document.querySelector('#form-error').textContent)")
        tab.until("document.querySelector('#form-error').textContent === 'You can try again now.'", 30)
        for status, words in ((503, "The server is busy"), (500, "The server failed"),
                              (413, "more than this server takes"), (0, "cannot be reached")):
            tab.answer_next_post(status, b"<html>a proxy's page</html>")
            tab.click("#speak")
            tab.until(f"document.querySelector('#form-error').textContent.includes({words!r})")
        tab.write("#input", "   ")
        tab.click("#speak")
        tab.until("document.querySelector('#input-error').textContent === 'Write something to be spoken first.'")
        self.speak("And it still works.")
        self.assertEqual(tab.evaluate("document.querySelectorAll('.error:not([hidden])').length"), 0)

    def test_the_server_finds_fault_itself(self):
        tab = self.open()
        tab.expected = ["Failed to load resource"]
        tab.write("#input", "!?")
        tab.click("#speak")
        tab.until("!document.querySelector('#input-error').hidden")
        self.assertGreater(len(self.text("#input-error")), 10)
        self.assertEqual(tab.evaluate("document.activeElement.id"), "input")

    @fake_only
    def test_asks_for_a_key_once(self):
        tab = self.open(key="sesame")
        tab.expected = ["Failed to load resource"]
        tab.until("document.querySelector('#key-dialog').open")
        self.assertIn(("dialog", "This server asks for a key"), [n[:2] for n in tab.accessible()])
        tab.write("#key", "wrong")
        tab.key("Enter", 13, text="\r")
        tab.until("document.querySelector('#key-title').textContent === 'That key is not known here'")
        tab.write("#key", "sesame")
        tab.click("#key-form .primary")
        tab.until("document.querySelectorAll('#emotions input').length")
        self.assertEqual(tab.evaluate("sessionStorage.getItem('emotivoice.key')"), "sesame")
        self.speak()
        self.assertEqual(len(self.server.requests), 1)

    @fake_only
    def test_first_sound_is_counted_without_the_dialog(self):
        tab = self.open(key="sesame")
        tab.expected = ["Failed to load resource"]
        tab.until("document.querySelector('#key-dialog').open")
        asked = lambda: sum(r["url"].endswith(("/v1/emotions", "/v1/voices?limit=100")) for r in tab.requests)
        tab.until(lambda: tab.evaluate("1") and asked() >= 2)
        time.sleep(1)  # both have been refused, and one dialog is for both
        tab.click("#key-cancel")
        tab.until("!document.querySelector('#key-dialog').open")
        self.speak(wait=False)
        tab.until("document.querySelector('#key-dialog').open")
        time.sleep(4)
        tab.write("#key", "sesame")
        tab.click("#key-form .primary")
        tab.until("/first sound after/.test(document.querySelector('#status').textContent)")
        self.assertLess(int(self.text("#status").split(" after ")[1].split()[0]), 4000)

    # ---- a voice brought along ----

    def test_reference_from_a_file(self):
        tab = self.open()
        tab.expected = ["Failed to load resource"]
        with tempfile.TemporaryDirectory() as folder:
            bad, short, good = (os.path.join(folder, name) for name in ("bad.wav", "short.wav", "my voice.wav"))
            pathlib.Path(bad).write_bytes(b"this is no sound")
            tone(short, 0.4)
            tone(good, 4)
            for file, words in ((bad, "no sound that the browser can read"), (short, "too short")):
                tab.files("#reference-file", file)
                tab.until(f"document.querySelector('#reference_audio-error').textContent.includes({words!r})")
            tab.files("#reference-file", good)
            tab.until("!document.querySelector('#reference-taken').hidden")
        self.assertEqual(self.text("#reference-name"), "my voice.wav · 4.0 s")
        self.assertEqual(self.text("#voice option:checked"), "the recording below")
        self.speak()
        head, data = self.bodies()[0]["reference_audio"].split(",")
        rate, samples = read_wav(base64.b64decode(data))
        self.assertEqual((head, rate, len(samples)), ("data:audio/wav;base64", 24000, 96000))
        self.assertAlmostEqual(max(samples) / 32767, 0.3, delta=0.01)
        self.shot("reference")
        if self.server:
            self.keep_and_delete()

    def keep_and_delete(self):
        tab = self.tab
        tab.click("#keep summary")
        tab.write("#voice-name", "two words")
        tab.click("#keep-save")
        tab.until("document.querySelector('#name-error').textContent.includes('1 to 64 letters')")
        tab.write("#voice-name", "mine")
        tab.write("#consent", "C-17")
        tab.key("Enter", 13, text="\r")
        tab.until("document.querySelector('#voice').value === 'mine'")
        self.assertEqual(self.text("#status"), "Kept as mine, and chosen.")
        self.assertEqual(self.server.uploads[0]["consent_id"], b"C-17")
        self.assertEqual(len(read_wav(self.server.uploads[0]["audio"])[1]), 96000)
        tab.click("#voice-delete")
        tab.until("![...document.querySelector('#voice').options].some((o) => o.value === 'mine')")
        self.assertFalse(any(v["id"] == "mine" for v in self.server.voices))

    def test_a_voice_is_kept_where_the_service_keeps_them(self):
        tab = self.open()
        for keeps in (True, False) if self.server else (None,):
            if self.server:
                self.server.keeps = keeps
                tab.go(self.url)
            tab.until("document.querySelector('#voice').value")
            with urllib.request.urlopen(self.url + "v1/voices") as answer:
                uploads = json.load(answer)["uploads"]
            self.assertEqual(tab.evaluate("document.querySelector('#keep').hidden"), not uploads)

    def test_reference_from_the_microphone(self):
        if SETTINGS.url:
            self.skipTest("a beep is no voice, and the service says so")
        tab = self.open()  # the browser's stand-in for a microphone beeps
        tab.click("#record")
        tab.until("parseFloat(document.querySelector('#record-time').textContent) > 1.5", 120)
        tab.until("Number(document.querySelector('#level').getAttribute('aria-valuenow')) > 20")
        self.shot("recording")
        tab.click("#record")
        tab.until("!document.querySelector('#reference-taken').hidden")
        self.assertRegex(self.text("#reference-name"), r"^Recording · \d+\.\d s$")
        self.speak()
        rate, samples = read_wav(base64.b64decode(self.bodies()[0]["reference_audio"].split(",")[1]))
        self.assertGreater(len(samples) / rate, 1.4)
        self.assertGreater(max(samples), 1000)
        tab.click("#reference-remove")
        self.assertNotEqual(tab.evaluate("document.querySelector('#voice').value"), "@reference")

    # ---- the page itself ----

    def test_language_follows_the_browser_and_is_remembered(self):
        tab = self.open(language="zh-CN")
        self.assertEqual((self.text("#speak"), tab.evaluate("document.documentElement.lang")), ("朗读", "zh-CN"))
        self.assertIn("雨停了", tab.evaluate("document.querySelector('#input').value"))
        left = tab.evaluate("""[...document.querySelectorAll("[data-i18n]")]
            .filter((n) => n.offsetParent && /[a-z]{4}/i.test(n.innerText)
                && !/pause:500ms|WAV/.test(n.innerText)).map((n) => n.innerText)""")
        self.assertEqual(left, [], "all of it is Chinese")
        tab.write("#input", "我自己的话")
        tab.click('[data-language="en"]')
        self.assertEqual((self.text("#speak"), tab.evaluate("document.documentElement.lang")), ("Speak", "en"))
        self.assertEqual(tab.evaluate("document.querySelector('#input').value"), "我自己的话", "what one wrote stays")
        tab.go(self.url)
        tab.until("document.querySelector('#speak').innerText.trim() === 'Speak'")

    def test_fits_from_narrow_to_wide(self):
        for width, height, dark, language in ((360, 740, False, "zh-CN"), (360, 740, True, "en-US"),
                                              (1400, 1000, False, "en-US"), (1400, 1000, True, "zh-CN")):
            with self.subTest(width=width, dark=dark, language=language):
                tab = self.open(width=width, height=height, dark=dark, language=language)
                self.assert_fits()
                self.speak(tab.evaluate("document.querySelector('#input').value"))
                tab.until("!document.querySelector('#play').classList.contains('playing')", 120)
                self.assert_fits()
                self.assertEqual(tab.evaluate(CONTRAST % json.dumps(READABLE + VISIBLE)), [], "contrast of the colours")
                self.shot(f"{width}-{'dark' if dark else 'light'}-{language[:2]}")
                rows = tab.evaluate("['play', 'download'].map((id) => Math.round(document.getElementById(id)"
                                    ".getBoundingClientRect().bottom))")
                self.assertEqual(*rows, "player and download stand in one row")
                for between in (600, 959, 961) if width == 360 else ():
                    tab.size(between, height)
                    self.assert_fits()

    def test_tab_order_is_the_order_of_reading(self):
        tab = self.open()
        self.speak()
        tab.evaluate("document.activeElement.blur(), getSelection().removeAllRanges(), window.scrollTo(0, 0)")
        tab.evaluate("document.querySelector('.skip').focus()")
        seen = []
        while len(seen) < 40:
            seen.append(tab.evaluate("(() => { const n = document.activeElement;"
                                     " return n.id || n.dataset?.language || n.name ||"
                                     " (n.closest('.examples') ? 'example' : n.className) || n.tagName; })()"))
            if seen != ["skip"] and not tab.evaluate("document.activeElement.matches('body, :focus-visible')"):
                self.fail(f"{seen[-1]} shows no focus")
            if seen[-1] == "record":
                break
            tab.key("Tab", 9)
        self.assertEqual(seen, ["skip", "en", "zh", "input"] + ["example"] * 4 +
                         ["text-file", "SUMMARY", "speak", "curl", "position", "play", "format", "download", "reset", "voice", "emotion",
                          "blend", "emotion_degree", "speed", "pitch_scale", "volume", "reference-file", "record"])

    def test_every_control_has_a_name(self):
        tab = self.open()
        self.speak()
        nodes = tab.accessible()
        controls = {"button", "textbox", "combobox", "slider", "radio", "link"}
        unnamed = [(role, name) for role, name, *_ in nodes if role in controls and not name.strip()]
        self.assertEqual(unnamed, [])
        names = [n[:2] for n in nodes]
        for wanted in (("textbox", "Text"), ("button", "Speak"), ("combobox", "Voice"), ("radio", "happy"),
                       ("slider", "Degree"), ("slider", "Speed"), ("slider", "Pitch"), ("slider", "Position"),
                       ("button", "Download"),
                       ("combobox", "Format"), ("group", "Emotion"), ("button", "Record"), ("heading", "Direction"),
                       ("image", "Mel spectrogram")):
            self.assertIn(wanted, names)
        spoken = tab.evaluate("document.querySelector('#speed').getAttribute('aria-valuetext')")
        self.assertEqual(spoken, "1.00 times")
        self.assertEqual(tab.evaluate("document.querySelector('#status').getAttribute('role')"), "status")

    def test_live_strip_asks_only_while_it_is_seen(self):
        tab = self.open()
        asked = lambda: sum(r["url"].endswith("/status.json") for r in tab.requests)
        tab.until(lambda: asked() >= 2)
        tab.until("document.querySelectorAll('#live .figure').length === 5 &&"
                  " document.querySelector('#live .figure').textContent !== '–'")
        unknown = 1 if SETTINGS.url else 0  # nobody has sent a reference: there is no share of hits
        self.assertLessEqual([line for line in self.text("#live").splitlines() if line.strip()].count("–"), unknown)
        hide = "Object.defineProperty(document, 'visibilityState', {value: %r, configurable: true});" \
               " document.dispatchEvent(new Event('visibilitychange'))"
        tab.evaluate(hide % "hidden")
        time.sleep(1)
        tab.evaluate("1")
        before = asked()
        time.sleep(5)
        tab.evaluate("1")
        self.assertEqual(asked(), before, "hidden: no requests")
        tab.evaluate(hide % "visible")
        tab.until(lambda: asked() > before)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running server, with the final slash; default: the stand-in")
    parser.add_argument("--command", help="emotivoice: starts the service, and is --url to it")
    parser.add_argument("--chromium", default=shutil.which("chromium-headless-shell") or shutil.which("chromium"))
    parser.add_argument("--screenshots", help="folder for pictures of the page")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    if not options.chromium:
        parser.error("no chromium-headless-shell or chromium is found: install one, or name it with --chromium")
    SETTINGS.__dict__.update(vars(options))
    argv = [sys.argv[0], "-v", *(f"Page.{name}" for name in options.tests)]
    if not options.command:
        unittest.main(module=__name__, argv=argv)
    with Service(options.command, "--rate-per-ip", "0", "--log-level", "error") as service:
        SETTINGS.url = f"http://127.0.0.1:{service.port}/"
        done = unittest.main(module=__name__, argv=argv, exit=False)
    sys.exit(not done.result.wasSuccessful())


if __name__ == "__main__":
    main()
