"""Text in as it comes, audio out as sentences close: /v1/audio/speech/ws, by the package `websockets`."""
import asyncio
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, RATE, Service, said, scratch, wait_for  # noqa: E402

try:
    import websockets
    from websockets.asyncio.client import connect
except ImportError:
    print("skipped: there is no websockets; script/bootstrap --test installs it into .venv-test")
    sys.exit(77)

WAIT = 60


class Talk:
    """async with Talk(service) as t: await t.say("..."); await t.until("flushed")"""

    def __init__(self, service, **more):
        self.opening = connect(f"ws://127.0.0.1:{service.port}/v1/audio/speech/ws", proxy=None, **more)
        self.audio, self.messages = b"", []

    async def __aenter__(self):
        self.socket = await self.opening
        return self

    async def __aexit__(self, *_):
        await self.socket.close()

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def say(self, text):
        await self.send(type="text", text=text)

    async def until(self, kind):
        """The next message of that kind; others and audio are kept."""
        while True:
            got = await asyncio.wait_for(self.socket.recv(), WAIT)
            if isinstance(got, bytes):
                self.audio += got
                continue
            self.messages.append(json.loads(got))
            if self.messages[-1]["type"] == kind:
                return self.messages[-1]

    def of(self, kind):
        return [m for m in self.messages if m["type"] == kind]


def run(talk):
    """A test that is a coroutine."""
    def test(self):
        asyncio.run(talk(self))
    test.__name__ = talk.__name__
    return test


class OneService(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(COMMAND, *FREE).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    @run
    async def test_sentences_as_they_close(self):
        first, second = "The meeting with Dr. Smith costs $3.50.", "It starts soon!"
        async with Talk(self.service) as t:
            for piece in ("The meeting with D", "r. Smi", "th costs $3.", "50."):  # none of these points closes it
                await t.say(piece)
            await t.say(" It st")
            done = await t.until("sentence_done")
            self.assertEqual(done["sentence"], 1)
            self.assertEqual([m["text"] for m in t.of("sentence")], [first])
            self.assertEqual(t.of("sentence")[0]["sample_rate"], RATE)
            self.assertEqual(t.audio, said(first))
            self.assertAlmostEqual(done["audio_s"], len(t.audio) / 2 / RATE, places=3)
            t.audio = b""
            await t.say("arts soon!")
            await t.send(type="flush")
            await t.until("flushed")
            self.assertEqual([m["text"] for m in t.of("sentence")], [first, second])
            self.assertEqual(t.audio, said(second))
            await t.send(type="close")
            await t.until("done")
            with self.assertRaises(websockets.ConnectionClosedOK):
                await asyncio.wait_for(t.socket.recv(), WAIT)

    @run
    async def test_chinese_needs_no_blank(self):
        async with Talk(self.service) as t:
            await t.send(type="start", voice="mei", language="zh")
            await t.until("started")
            await t.say("你好，今天我非常开心！你呢")
            await t.until("sentence_done")
            self.assertEqual(t.of("sentence")[0]["text"], "你好，今天我非常开心！")
            self.assertEqual(t.audio, said("你好，今天我非常开心！", "--voice", "mei", "--language", "zh"))

    @run
    async def test_settings_hold_until_the_next_start(self):
        async with Talk(self.service) as t:
            await t.send(type="start", voice="ray", emotion="happy", speed=1.2, timestamps=True, colour="red")
            self.assertEqual((await t.until("started"))["ignored_fields"], "colour")
            await t.say("One two. ")
            words = (await t.until("sentence_done"))["words"]
            self.assertEqual([w["word"] for w in words], ["One", "two."] if words[-1]["word"] == "two." else ["One", "two"])
            self.assertEqual(t.audio, said("One two.", "--voice", "ray", "--emotion", "happy", "--speed", "1.2"))
            await t.send(type="start", response_format="opus")
            self.assertEqual((await t.until("started"))["response_format"], "opus")
            t.audio = b""
            await t.say("Three.\n")
            await t.until("sentence_done")
            self.assertEqual((t.audio[:4], t.audio[28:36]), (b"OggS", b"OpusHead"))

    @run
    async def test_cancel_drops_what_was_not_said(self):
        async with Talk(self.service) as t:
            await t.say("The river runs through the valley and the wind goes over the hills. " * 200)
            await t.until("sentence")
            await t.send(type="cancel")
            await t.until("canceled")
            spoken = len(t.of("sentence"))
            self.assertLess(spoken, 200)
            t.audio = b""
            await t.say("After that.")
            await t.send(type="flush")
            await t.until("flushed")
            self.assertEqual(t.of("sentence")[-1]["text"], "After that.")
            self.assertEqual(len(t.of("sentence")), spoken + 1)
            self.assertEqual(t.audio, said("After that."))

    @run
    async def test_mistakes_end_nothing(self):
        async with Talk(self.service) as t:
            for message, param in (({"type": "sing"}, "type"), ({"type": "text", "text": 7}, "text"),
                                   ({"type": "start", "speed": 9}, "speed"), ({"type": "start", "voice": "nobody"}, "voice"),
                                   ({"type": "start", "response_format": "mp3"}, "response_format"),
                                   ({"type": "start", "input": "x"}, "input"), ({"type": "start", "normalize": True}, "normalize"),
                                   ({"type": "start", "strict": True, "colour": 1}, "strict")):
                await t.send(**message)
                error = await t.until("error")
                self.assertEqual(error["param"], param, error)
                self.assertIn(error["code"], (400, 404))
                self.assertTrue(error["message"])
            for raw in ("not JSON", "[1]"):
                await t.socket.send(raw)
                self.assertEqual((await t.until("error"))["code"], 400)
            await t.socket.send(b"\0\1")
            self.assertEqual((await t.until("error"))["code"], 400)
            for _ in range(2):
                await t.say("a" * 40000)  # a word of which no sentence ends
            self.assertEqual((await t.until("error"))["code"], 413)
            await t.send(type="cancel")
            await t.until("canceled")
            await t.say("Still here. ")
            await t.until("sentence_done")

    @run
    async def test_pings_and_long_messages(self):
        async with Talk(self.service) as t:
            await asyncio.wait_for(await t.socket.ping(), WAIT)
            await t.socket.send("x" * 70000)
            with self.assertRaises(websockets.ConnectionClosedError) as closed:
                await asyncio.wait_for(t.socket.recv(), WAIT)
            self.assertEqual(closed.exception.rcvd.code, 1009)

    @run
    async def test_who_leaves_is_forgotten(self):
        async with Talk(self.service) as t:
            await t.say("The river runs through the valley. " * 30)
            await t.until("sentence")
            t.socket.transport.abort()
        wait_for(lambda: self.service.metric("http_requests_in_flight"), lambda now: now == 0)

    def test_what_is_no_handshake(self):
        good = {"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        for change, param in (({"Upgrade": "h2c"}, None), ({"Connection": "close"}, None),
                              ({"Sec-WebSocket-Version": "8"}, "Sec-WebSocket-Version"),
                              ({"Sec-WebSocket-Key": "short"}, "Sec-WebSocket-Key")):
            answer = self.service.get("/v1/audio/speech/ws", headers={**good, **change})
            self.assertEqual((answer.code, answer.json()["error"]["param"]), (400, param), change)
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=10)
        connection.request("GET", "/v1/audio/speech/ws", headers=good)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 101)
        self.assertEqual(answer.headers["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")  # RFC 6455, 1.3
        connection.close()


class Limits(unittest.TestCase):
    def refused(self, service, code, **more):
        async def opening():
            async with Talk(service, **more):
                pass
        with self.assertRaises(websockets.InvalidStatus) as refusal:
            asyncio.run(opening())
        self.assertEqual(refusal.exception.response.status_code, code)

    def test_keys_and_origins(self):
        keys = scratch("", "keys")
        os.unlink(keys)
        made = subprocess.run([COMMAND, "keys", "new", "--name", "ann", "--file", keys], capture_output=True, text=True, check=True)
        key = next(word for word in (made.stdout + made.stderr).split() if word.startswith("ev_") or len(word) > 30)

        async def speaks(service, **more):
            async with Talk(service, **more) as t:
                await t.say("Hello. ")
                await t.until("sentence_done")
        with Service(COMMAND, *FREE, "--keys-file", keys, "--anonymous", "off", "--cors-origins", "https://app.example.org") as s:
            self.refused(s, 401)
            self.refused(s, 401, additional_headers={"Authorization": "Bearer nonsense"})
            asyncio.run(speaks(s, additional_headers={"Authorization": f"Bearer {key}"}))
            asyncio.run(speaks(s, additional_headers={"xi-api-key": key}, origin="https://app.example.org"))
            self.refused(s, 403, additional_headers={"xi-api-key": key}, origin="https://evil.example.org")
            self.assertEqual(s.get("/v1/audio/speech/ws", headers={"xi-api-key": key, "Host": "evil.example.org"}).code, 421)

    def test_the_rate_slows_it(self):
        async def talk(service):
            async with Talk(service) as t:
                await t.say("One. Two. Three. Four. Five. Six. ")
                await t.send(type="flush")
                await t.until("flushed")
                self.assertEqual([m["sentence"] for m in t.of("sentence_done")], [1, 2, 3, 4, 5, 6])
                self.assertEqual({m["code"] for m in t.of("waiting")}, {429})
                self.assertEqual(t.of("error"), [])
        with Service(COMMAND, "--rate-per-ip", "1", "--burst-per-ip", "3", "--log-level", "error") as s:
            asyncio.run(talk(s))

    def test_listed_words(self):
        async def talk(service):
            async with Talk(service) as t:
                await t.say("This is forbidden. This is not. ")
                await t.until("sentence_done")
                self.assertEqual([(m["code"], m["sentence"], m["param"]) for m in t.of("error")], [(422, 1, "text")])
                self.assertEqual(t.of("sentence")[0]["text"], "This is not.")
        with Service(COMMAND, *FREE, "--words-file", scratch("forbidden\n")) as s:
            asyncio.run(talk(s))

    def test_idle_ones_and_too_many(self):
        async def talk(service):
            async with Talk(service) as first:
                with self.assertRaises(websockets.InvalidStatus) as refusal:
                    async with Talk(service):
                        pass
                self.assertEqual(refusal.exception.response.status_code, 503)
                self.assertEqual((await first.until("error"))["code"], 408)
                with self.assertRaises(websockets.ConnectionClosed):
                    await asyncio.wait_for(first.socket.recv(), WAIT)
            until = time.monotonic() + WAIT
            while True:  # the first is counted until its thread has ended, a moment after its end is seen here
                try:
                    async with Talk(service) as again:
                        await again.say("There is room. ")
                        await again.until("sentence_done")
                    return
                except websockets.InvalidStatus as refusal:
                    self.assertEqual(refusal.response.status_code, 503)
                    self.assertLess(time.monotonic(), until)
                    await asyncio.sleep(0.05)
        with Service(COMMAND, *FREE, "--idle-timeout", "4s", "--websockets-max", "4") as s:
            asyncio.run(talk(s))
        with Service(COMMAND, *FREE, "--websockets-max", "0") as s:
            self.refused(s, 404)

    def test_the_end_of_the_service(self):
        async def talk(service):
            async with Talk(service) as t:
                await t.say("What was begun is said to its end. ")
                await t.until("sentence")
                service.process.terminate()
                await t.until("sentence_done")
                self.assertEqual((await t.until("error"))["code"], 503)
                with self.assertRaises(websockets.ConnectionClosed) as closed:
                    await asyncio.wait_for(t.socket.recv(), WAIT)
                self.assertEqual(closed.exception.rcvd.code, 1001)
        with Service(COMMAND, *FREE, "--data-dir", tempfile.mkdtemp()) as s:
            asyncio.run(talk(s))
            self.assertEqual(s.process.wait(30), 0)


if __name__ == "__main__":
    unittest.main()
