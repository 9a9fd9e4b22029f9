"""What the pages of docs/ tell people to paste, as it stands there, against the service; addresses alone are replaced. Every block is run here, or
stands in ELSEWHERE with the reason."""
import functools
import http.server
import importlib.util
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

from service import COMMAND, FREE, TINY, Service, free_port, said

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("clients", "docker", "home-assistant", "livekit-pipecat", "open-webui", "systemd")
HERE = "127.0.0.1:8080"
# (page, number of the block): why it is not run here
ELSEWHERE = {("docker", 0): "there is no Docker", ("docker", 2): "there is no Docker: test_images reads what they name",
             ("clients", 8): "test_timed has that package",
             ("systemd", 1): "there is no running systemd: test_systemd has the unit",
             ("livekit-pipecat", 0): "their packages draw in dozens of others; what they send is the last block",
             ("livekit-pipecat", 1): "likewise"}


def blocks(page):
    """(language, content) of each, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / f"docs/{page}.md").read_text(), re.M | re.S)


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.used, cls.folder = set(ELSEWHERE), tempfile.mkdtemp(prefix="emotivoice-docs-")
        cls.files = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=cls.folder))
        threading.Thread(target=cls.files.serve_forever, daemon=True).start()
        cls.nine_thousand, cls.wyoming = f"127.0.0.1:{cls.files.server_address[1]}", f"127.0.0.1:{free_port()}"
        cls.service = cls.start("clients", 1, "--simple", "on", "--data-dir", f"{cls.folder}/data").__enter__()
        cls.at = f"127.0.0.1:{cls.service.port}"
        pathlib.Path(cls.folder, "fox.wav").write_bytes(
            subprocess.run([COMMAND, "say", "The quick brown fox jumps over the lazy dog, and rests.", "-o", "-"], capture_output=True, check=True).stdout)

    @classmethod
    def tearDownClass(cls):
        cls.service.__exit__()
        cls.files.shutdown()
        cls.files.server_close()
        shutil.rmtree(cls.folder)

    @classmethod
    def block(cls, page, number, language):
        cls.used.add((page, number))
        found, content = blocks(page)[number]
        assert found == language, f"docs/{page}.md: block {number} is {found}, not {language}"
        return content

    @classmethod
    def start(cls, page, number, *more):
        """The service by the one line of a block, at addresses of its own."""
        line = cls.block(page, number, "sh").strip()
        for old, new in (("127.0.0.1:9000", cls.nine_thousand), ("0.0.0.0:10200", cls.wyoming), ("0.0.0.0:8080", "127.0.0.1:0"), (HERE, "127.0.0.1:0")):
            line = line.replace(old, new)
        words = shlex.split(line)
        assert words[:2] == ["emotivoice", "serve"], line
        return Service(COMMAND, *FREE, *words[2:], *more)

    def paste(self, page, number, *more, language="sh"):
        """A block's output, in bash. An answer that is no 2xx fails it."""
        text = self.block(page, number, language).replace("curl ", "curl --fail-with-body ")
        self.assertIn(HERE, text)
        for old, new in ((HERE, self.at), *more):
            text = text.replace(old, new)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=self.folder, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def made(self, *names, start=(b"ID3", b"\xff")):
        for name in names:
            file = pathlib.Path(self.folder, name)
            self.assertTrue(file.read_bytes().startswith(start), name)
            file.unlink()

    def test_a_recording_by_curl(self):
        voice = json.loads(self.paste("clients", 0))
        self.made("clone.mp3")
        self.assertEqual(self.service.speech("So do I.", voice=voice["id"]).code, 200)
        self.paste("clients", 2, ("127.0.0.1:9000", self.nine_thousand))
        self.made("fetched.mp3")

    def test_captions_and_subtitles(self):
        told = self.paste("clients", 3)
        self.assertIn('"$25.40"', told)
        self.assertIn("WEBVTT", told)

    def test_many_and_long(self):
        self.assertIn('"custom_id":"greeting"', self.paste("clients", 5))
        self.made("all.zip", start=b"PK")
        pathlib.Path(self.folder, "book.md").write_text("# One\n\nIt was a dark night.\n\n# Two\n\nThe sun rose again.\n")
        self.assertIn('"title":"Two"', self.paste("clients", 6))
        self.made("book.ogg", start=b"OggS")
        self.made("one.mp3")

    def test_without_json(self):
        self.paste("clients", 7)
        self.made("hello.wav", start=b"RIFF")

    def test_text_in_pieces(self):
        text = self.block("clients", 4, "python").replace(HERE, self.at)
        if importlib.util.find_spec("websockets") is None:
            self.skipTest("there is no websockets package; script/bootstrap --test installs it into .venv-test")
        subprocess.run([sys.executable, "-c", text], cwd=self.folder, check=True, timeout=60)
        heard = pathlib.Path(self.folder, "talk.pcm").read_bytes()
        self.assertEqual(heard, said("Hello there.", "--voice", "ava") + said(" How are you?", "--voice", "ava"))

    @unittest.skipUnless(shutil.which("nginx") or os.path.exists("/usr/sbin/nginx"), "there is no nginx")
    def test_nginx(self):
        location, port, work = self.block("clients", 9, "nginx").replace(HERE, self.at), free_port(), tempfile.mkdtemp(dir=self.folder)
        paths = " ".join(f"{kind}_temp_path {work};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        pathlib.Path(work, "nginx.conf").write_text(
            f"daemon off; pid {work}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {paths} server {{ listen 127.0.0.1:{port};\n{location}\n}} }}\n")
        proxy = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", work, "-c", f"{work}/nginx.conf"], stderr=subprocess.DEVNULL)
        try:
            fetch = ["curl", "-s", "--fail", "--retry", "20", "--retry-connrefused", "--retry-delay", "0", "--retry-max-time", "20"]
            base = f"http://127.0.0.1:{port}/voice/"
            self.assertIn(b"style.css", subprocess.run([*fetch, base], capture_output=True, check=True).stdout)
            job = subprocess.run([*fetch, "-D", "-", base + "tts", "-d", '{"text": "Later."}'], capture_output=True, check=True).stdout
            self.assertIn(b"Location: /voice/tts/", job)
        finally:
            proxy.terminate()
            proxy.wait()

    def test_docker(self):
        self.paste("docker", 1)
        self.made("hello.mp3")

    def test_home_assistant(self):
        text = self.block("home-assistant", 1, "sh").replace("127.0.0.1/10200", self.wyoming.replace(":", "/"))
        with self.start("home-assistant", 0):
            told = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, timeout=60)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn('"info"', told.stdout)
        action = self.block("home-assistant", 2, "yaml")
        voice = re.search(r"voice: (\w+)", action)[1]
        if not TINY:
            self.assertIn(voice, [v["id"] for v in self.service.get("/v1/voices").json()["data"]])
        self.assertIn("tts.emotivoice\n", action)  # an entity is named for the program that describes itself

    def test_livekit_and_pipecat(self):
        self.paste("livekit-pipecat", 2)
        heard = pathlib.Path(self.folder, "hello.pcm").read_bytes()
        self.assertEqual(heard, said("Hello there.", "--voice", "ava", "--sample-rate", "24000"))

    def test_open_webui(self):
        """What Open WebUI asks with that environment."""
        given = dict(line.split("=", 1) for line in self.block("open-webui", 0, "sh").split())
        base = given["AUDIO_TTS_OPENAI_API_BASE_URL"].replace(f"http://{HERE}", "")
        key = {"Authorization": f"Bearer {given['AUDIO_TTS_OPENAI_API_KEY']}", "Content-Type": "application/json"}
        body = {"model": given["AUDIO_TTS_MODEL"], "input": "Hello there.", "voice": given["AUDIO_TTS_VOICE"]}
        self.assertEqual(self.service.post(f"{base}/audio/speech", body, headers=key).code, 200)
        lists = self.paste("open-webui", 1)
        for name in ("voices", "models"):
            self.assertIn(f'"{name}"', lists)
        with self.start("open-webui", 2) as s:
            for host, code in (("host.docker.internal:8080", 200), ("elsewhere", 421)):
                self.assertEqual(s.get("/v1/audio/voices", headers={"Host": host}).code, code)

    def test_systemd(self):
        lines = self.block("systemd", 0, "sh").splitlines()
        self.assertEqual(len(lines), 4)
        build = os.path.dirname(os.path.abspath(COMMAND))
        there = os.path.join(tempfile.mkdtemp(dir=self.folder), "root")
        program = f"{there}/usr/bin/emotivoice"
        text = "\n".join(lines[1:]).replace("install build", f"install {build}").replace("/etc/", f"{there}/etc/").replace("\nemotivoice ", f"\n{program} ")
        libraries = pathlib.Path(there, "usr/lib")
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, capture_output=True, text=True, env=dict(
            os.environ, DESTDIR=there, EMOTIVOICE_MODEL=os.environ.get("EMOTIVOICE_MODEL", str(ROOT / "models/emotivoice-default.safetensors")),
            LD_LIBRARY_PATH=build))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("the configuration is good", done.stdout)
        self.assertTrue((libraries / "systemd/system/emotivoice.socket").is_file())
        self.paste("systemd", 2)
        self.made("hello.mp3")
        for number in (3, 4):
            self.assertRegex(self.block("systemd", number, "ini"), r"^\[(Socket|Service)\]\n")
        setting = re.search(r"EMOTIVOICE_WYOMING=\S+", blocks("systemd")[4][1])[0].split("=")
        shown = subprocess.run([COMMAND, "serve", "--print-config"], capture_output=True, text=True, env=dict(os.environ, **{setting[0]: setting[1]}))
        self.assertRegex(shown.stdout, r"(?m)^wyoming = \S*0\.0\.0\.0:10200\S* +# environment")

    def test_zz_every_block_is_run(self):
        every = {(page, number) for page in PAGES for number in range(len(blocks(page)))}
        self.assertEqual(every - self.used, set())
        self.assertEqual(set(ELSEWHERE) - every, set())

    def test_pages_name_each_other_and_files_that_are_there(self):
        for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
            prose = re.sub(r"`[^`\n]*`", "", page.read_text())
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
                self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    unittest.main()
