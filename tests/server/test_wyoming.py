"""Home Assistant's port, by the package that Home Assistant uses."""
import asyncio
import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import COMMAND, FREE, RATE, Service, free_port  # noqa: E402

try:
    from wyoming.audio import AudioChunk, AudioStart, AudioStop
    from wyoming.client import AsyncTcpClient
    from wyoming.error import Error
    from wyoming.info import Describe, Info
    from wyoming.tts import (Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped,
                             SynthesizeVoice)
except ImportError:
    print("skipped: there is no wyoming; script/bootstrap --test installs it into .venv-test")
    sys.exit(77)


async def exchange(port, events, until):
    """All that is answered, up to an event of that type."""
    async with AsyncTcpClient("127.0.0.1", port) as client:
        for event in events:
            await client.write_event(event.event())
        answers = []
        while True:
            answers.append(await asyncio.wait_for(client.read_event(), 60))
            if answers[-1] is None or until.is_type(answers[-1].type):
                return answers


class Wyoming(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.service = Service(COMMAND, *FREE, "--wyoming", f"127.0.0.1:{cls.port}").__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()

    def ask(self, *events, until):
        return asyncio.run(exchange(self.port, events, until))

    def heard(self, answers):
        """Samples between audio-start and audio-stop, which tell the rate."""
        self.assertEqual(AudioStart.from_event(answers[0]).rate, RATE)
        chunks = [AudioChunk.from_event(a) for a in answers if AudioChunk.is_type(a.type)]
        self.assertTrue(all((c.rate, c.width, c.channels) == (RATE, 2, 1) for c in chunks))
        return b"".join(c.audio for c in chunks)

    def plain(self, text, **fields):
        return self.service.speech(text, response_format="pcm", **fields).body

    def test_what_it_is(self):
        info = Info.from_event(self.ask(Describe(), until=Info)[-1])
        program = info.tts[0]
        self.assertTrue(program.installed and program.supports_synthesize_streaming)
        self.assertIn("ava", [v.name for v in program.voices])
        self.assertEqual(program.voices[0].languages, ["en", "zh"])

    def test_one_text(self):
        answers = self.ask(Synthesize(text="Good morning. 早上好！", voice=SynthesizeVoice(name="ray")), until=AudioStop)
        self.assertEqual(self.heard(answers), self.plain("Good morning. 早上好！", voice="ray"))

    def test_a_text_in_pieces(self):
        """Sentences are spoken as they close, wherever the pieces end."""
        pieces = ["Good mor", "ning. The kettle", " is on! 早上", "好。And now"]
        answers = self.ask(SynthesizeStart(voice=SynthesizeVoice(name="ava")), *(SynthesizeChunk(text=p) for p in pieces),
                           Synthesize(text="".join(pieces)), SynthesizeStop(), until=SynthesizeStopped)
        self.assertTrue(AudioStop.is_type(answers[-2].type))
        heard = self.heard(answers)
        whole = b"".join(self.plain(t, voice="ava") for t in ("Good morning.", " The kettle is on!", " 早上好。", "And now"))
        self.assertEqual(heard, whole)

    def test_mistakes_are_told_and_the_connection_stays(self):
        answers = self.ask(Synthesize(text="Hi.", voice=SynthesizeVoice(name="nobody")), Synthesize(text=""), Describe(), until=Info)
        errors = [Error.from_event(a) for a in answers if Error.is_type(a.type)]
        self.assertEqual(len(errors), 2)
        self.assertIn("nobody", errors[0].text)

    def test_what_is_no_wyoming(self):
        for junk in (b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b'{"type":"synthesize","data_length":-1}\n', b"[1]\n", b"\xff" * 70000,
                     b'{"type":"describe","data_length":99999999}\n'):
            with socket.create_connection(("127.0.0.1", self.port), 10) as s:
                s.sendall(junk)
                try:
                    self.assertEqual(s.recv(100), b"")  # closed, without a word
                except ConnectionResetError:
                    pass
        self.test_what_it_is()


if __name__ == "__main__":
    unittest.main()
