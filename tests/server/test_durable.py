"""What was answered with 202 outlives the process, however that ends; what could not be kept is told.

As a client and an operator meet it: real processes, real kills, a real file system that is full."""
import base64
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import service
from service import COMMAND, Service, said

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import kills  # noqa: E402: needs the path

TEXT = "It is kept until it is asked for."


def recording():
    text = "The quick brown fox jumps over the lazy dog, and then it rests."
    return subprocess.run([COMMAND, "say", text, "-o", "-", "--format", "wav", "--quiet"], capture_output=True, check=True).stdout


class Durable(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="emotivoice-durable-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def serve(self, *flags, **environment):
        return Service(COMMAND, *service.FREE, "--data-dir", self.folder, *flags, **environment)

    def kill(self, s):
        s.process.send_signal(signal.SIGKILL)
        s.process.wait()

    def accept(self, s, text=TEXT, headers=None, **fields):
        answer = s.post("/tts", {"text": text, **fields}, headers=headers)
        self.assertEqual(answer.code, 202, answer.body)
        return answer.json()["request_id"]

    def finish(self, s, job, headers=None):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            answer = s.get("/tts/" + job, headers=headers)
            self.assertEqual(answer.code, 200, answer.body)
            if answer.json()["status"] not in ("queued", "running"):
                return answer.json()
            time.sleep(0.02)
        self.fail("the job is never over")

    def result_file(self, job):
        return pathlib.Path(self.folder, "results", job[:2], job)

    def test_the_directory_may_be_a_link(self):
        """As systemd's StateDirectory of a dynamic user is."""
        link = pathlib.Path(self.folder, "state")
        pathlib.Path(self.folder, "private").mkdir()
        link.symlink_to("private")
        with Service(COMMAND, *service.FREE, "--data-dir", str(link / "data")) as s:
            job = self.accept(s)
            self.assertEqual(self.finish(s, job)["status"], "completed")
        self.assertTrue(pathlib.Path(self.folder, "private", "data", "jobs.db").exists())

    def test_a_finished_job_is_the_same_after_a_stop_and_after_a_kill(self):
        with self.serve() as s:
            job = self.accept(s, timestamps=True)
            before = self.finish(s, job)
            self.assertEqual(before["status"], "completed")
            sound = s.get(f"/tts/{job}/audio?format=pcm").body
            self.assertEqual(sound, said(TEXT))
        with self.serve() as s:
            self.assertEqual(s.get("/tts/" + job).json(), before)
            self.assertEqual(s.get(f"/tts/{job}/audio?format=pcm").body, sound)
            wav = s.get(f"/tts/{job}/audio")
            self.assertEqual(service.wav_body(wav.body), sound)
            self.kill(s)
        with self.serve() as s:
            self.assertEqual(s.get(f"/tts/{job}/audio?format=pcm").body, sound)

    def test_what_waits_is_made_after_a_kill(self):
        with self.serve() as s:
            jobs = {self.accept(s, f"Number {n} waits its turn.", priority="low"): n for n in range(12)}
            self.kill(s)
        with self.serve() as s:
            for job, n in jobs.items():
                self.assertEqual(self.finish(s, job)["status"], "completed")
            self.assertEqual(s.get(f"/tts/{job}/audio?format=pcm").body, said(f"Number {n} waits its turn."))

    def test_a_clone_is_made_from_its_recording_after_a_kill(self):
        fields = {"reference_audio": base64.b64encode(recording()).decode(), "speed": 1.25, "seed": 7}
        with self.serve() as s:
            alone = s.speech(TEXT, response_format="pcm", **fields).body
            for n in range(30):
                self.accept(s, f"Before it stands number {n}.")
            job = self.accept(s, **fields)
            self.kill(s)
        with self.serve() as s:
            self.assertEqual(self.finish(s, job)["status"], "completed")
            self.assertEqual(s.get(f"/tts/{job}/audio?format=pcm").body, alone)

    def test_a_key_means_the_same_job_after_a_kill(self):
        headers = {"Idempotency-Key": "the-same"}
        with self.serve() as s:
            job = self.accept(s, headers=headers)
            self.kill(s)
        with self.serve() as s:
            self.assertEqual(self.accept(s, headers=headers), job)
            self.finish(s, job)
            self.assertEqual(self.accept(s, headers=headers), job)
            other = s.post("/tts", {"text": "Another text."}, headers=headers)
            self.assertEqual(other.code, 422)
            self.assertIn("another body", other.json()["error"]["message"])
            self.assertEqual(s.ask("DELETE", "/tts/" + job).code, 200)
            self.assertNotEqual(self.accept(s, headers=headers), job)

    def test_a_job_stays_its_owner_s(self):
        keys = service.scratch("")
        made = {}
        for name in ("ann", "bob"):
            out = subprocess.run([COMMAND, "keys", "new", "--name", name, "--file", keys], capture_output=True, text=True, check=True)
            made[name] = {"Authorization": "Bearer " + out.stdout.split()[-1]}
        with self.serve("--keys-file", keys) as s:
            job = self.accept(s, headers=made["ann"])
            self.finish(s, job, made["ann"])
            self.kill(s)
        with self.serve("--keys-file", keys) as s:
            for headers in (made["bob"], None):
                self.assertEqual(s.get("/tts/" + job, headers=headers).code, 404)
                self.assertEqual(s.get(f"/tts/{job}/audio", headers=headers).code, 404)
                self.assertEqual(s.ask("DELETE", "/tts/" + job, headers=headers).code, 404)
            self.assertEqual(s.get("/tts/" + job, headers=made["ann"]).code, 200)

    def test_what_was_deleted_stays_deleted(self):
        with self.serve() as s:
            done = self.accept(s)
            self.finish(s, done)
            waits = [self.accept(s, f"Number {n} is not wanted any more.") for n in range(10)][-1]
            for job in (done, waits):
                self.assertEqual(s.ask("DELETE", "/tts/" + job).code, 200)
                self.assertEqual(s.get("/tts/" + job).code, 404)
            self.assertFalse(self.result_file(done).exists())
            self.kill(s)
        with self.serve() as s:
            for job in (done, waits):
                self.assertEqual(s.get("/tts/" + job).code, 404)

    def test_a_deadline_counts_while_nobody_serves(self):
        with self.serve("--threads", "1") as s:
            self.accept(s, service.LONG)
            job = self.accept(s, deadline_ms=60000)
            late = self.accept(s, deadline_ms=5000)
            self.kill(s)
        time.sleep(5)
        with self.serve() as s:
            self.assertIn(self.finish(s, late)["status"], ("expired", "completed"))
            self.assertEqual(self.finish(s, job)["status"], "completed")

    def test_a_damaged_result_is_never_served(self):
        with self.serve() as s:
            jobs = [self.accept(s, f"{TEXT} {n}") for n in range(3)]
            for job in jobs:
                self.finish(s, job)
            self.kill(s)
        cut, changed, gone = map(self.result_file, jobs)
        os.truncate(cut, cut.stat().st_size // 2)
        data = bytearray(changed.read_bytes())
        data[len(data) // 2] ^= 1
        changed.write_bytes(data)
        gone.unlink()
        with self.serve() as s:
            for job in jobs:
                answer = s.get(f"/tts/{job}/audio?format=pcm")
                self.assertEqual(answer.code, 500)
                self.assertIn(job, answer.json()["error"]["message"])
            self.assertEqual(self.finish(s, self.accept(s))["status"], "completed")

    def test_a_damaged_database_is_told_and_set_aside(self):
        with self.serve() as s:
            for n in range(30):
                self.finish(s, self.accept(s, f"{TEXT} {n}"))
        path = pathlib.Path(self.folder, "jobs.db")
        data = bytearray(path.read_bytes())
        data[8192:12288] = os.urandom(4096)
        path.write_bytes(data)
        with self.serve() as s:
            told = s.get("/readyz").json()["jobs"]
            aside = pathlib.Path(told["damaged"]["moved_to"])
            self.assertEqual(aside.read_bytes(), data)
            self.assertEqual(told["pending"] + told["results"], told["damaged"]["jobs_kept"])
            job = self.accept(s)
            self.finish(s, job)
            self.assertEqual(s.stop(), 0)
        self.assertTrue(any("damaged" in line and "moved to" in line for line in s.lines) or "damaged" in s.before)
        with self.serve() as s:
            self.assertNotIn("damaged", s.get("/readyz").json()["jobs"])
            self.assertEqual(s.get("/tts/" + job).json()["status"], "completed")
            self.assertTrue(aside.exists())

    def test_a_full_disk_refuses_and_recovers(self):
        """On a small file system of its own, in a name space where it may be mounted."""
        may = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", self.folder], capture_output=True)
        if may.returncode:
            self.skipTest("no file system may be mounted here: " + may.stderr.decode().strip())
        script = ('mount -t tmpfs -o size=24m tmpfs "$0" && exec "$@"')
        wrapped = ["unshare", "-rm", "sh", "-c", script, self.folder]
        s = self.serve()
        s.flags = wrapped + s.flags
        with s:
            inside = f"/proc/{s.process.pid}/root{self.folder}"
            job = self.accept(s)
            self.finish(s, job)
            with open(inside + "/filler", "wb") as filler:
                filler.write(b"\0" * (15 << 20))
            refused = s.post("/tts", {"text": TEXT})
            self.assertEqual(refused.code, 507)
            self.assertIn(self.folder, refused.json()["error"]["message"])
            self.assertIn("store_max", refused.json()["error"]["message"])
            self.assertIn("full", s.get("/readyz").json()["jobs"]["problem"])
            self.assertEqual(s.get(f"/tts/{job}/audio").code, 200)
            self.assertEqual(s.speech(TEXT, response_format="pcm").code, 200)
            os.unlink(inside + "/filler")
            again = self.accept(s)
            self.assertEqual(self.finish(s, again)["status"], "completed")
            self.assertNotIn("problem", s.get("/readyz").json()["jobs"])
            # not even a byte: what is made meanwhile is told from memory, and written when there is room
            with open(inside + "/filler", "wb", buffering=0) as filler:
                waits = self.accept(s, service.LONG)
                try:
                    while True:
                        filler.write(b"\0" * 65536)
                except OSError:
                    pass
            self.assertEqual(self.finish(s, waits)["status"], "completed")
            self.assertEqual(s.get(f"/tts/{waits}/audio").code, 200)
            os.unlink(inside + "/filler")
            until = time.monotonic() + 20
            while s.get("/readyz").json()["jobs"]["pending"] and time.monotonic() < until:
                time.sleep(0.1)
            self.assertEqual(s.get("/readyz").json()["jobs"]["pending"], 0)

    def test_one_process_at_a_time(self):
        with self.serve() as s:
            second = subprocess.run(self.serve().flags, capture_output=True, text=True, timeout=30)
            self.assertNotEqual(second.returncode, 0)
            self.assertIn("another process keeps its jobs in " + self.folder, second.stderr)
            self.finish(s, self.accept(s))

    def test_voices_are_kept_there_too(self):
        with self.serve() as s:
            voice = s.upload("Ann", recording())
            self.assertEqual(voice.code, 201, voice.body)
            self.kill(s)
        with self.serve() as s:
            self.assertEqual(s.speech(TEXT, voice=voice.json()["id"]).code, 200)
        self.assertEqual(len(list(pathlib.Path(self.folder, "voices").iterdir())), 1)

    def test_results_stay_within_store_max(self):
        with self.serve("--store-max", "1MB") as s:
            jobs = [self.accept(s, f"{TEXT} And this makes it longer, number {n}.") for n in range(12)]
            for job in jobs:
                s.get("/tts/" + job)
            until = time.monotonic() + 60
            while s.get("/readyz").json()["jobs"]["pending"] and time.monotonic() < until:
                time.sleep(0.1)
            while s.get("/readyz").json()["jobs"]["result_bytes"] > 1000000 and time.monotonic() < until:
                time.sleep(0.1)
            self.assertLessEqual(s.get("/readyz").json()["jobs"]["result_bytes"], 1000000)
            self.assertFalse(self.result_file(jobs[0]).exists())
            self.assertTrue(self.result_file(jobs[-1]).exists())
            size = sum(f.stat().st_size for f in pathlib.Path(self.folder, "results").rglob("*") if f.is_file())
            self.assertEqual(size, s.get("/readyz").json()["jobs"]["result_bytes"])
            self.kill(s)
        with self.serve("--store-max", "1MB") as s:
            self.assertEqual(s.get("/tts/" + jobs[0]).code, 404)
            self.assertEqual(s.get(f"/tts/{jobs[-1]}/audio").code, 200)

    def test_only_its_owner_may_read_the_folder(self):
        shutil.rmtree(self.folder)
        with self.serve() as s:
            self.finish(s, self.accept(s))
            for path in (pathlib.Path(self.folder), *pathlib.Path(self.folder).rglob("*")):
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_kills_under_load_lose_nothing(self):
        """The small share of tests/chaos/run."""
        chaos = kills.Kills(COMMAND, self.folder, clients=3, seed=1)
        chaos.run(4, most_s=0.8)
        self.assertEqual(chaos.anomalies, [])
        self.assertGreater(chaos.report()["accepted"], 5)

    def test_a_hundred_thousand_jobs_are_no_wait_at_start(self):
        with self.serve() as s:
            self.finish(s, self.accept(s))
        db = sqlite3.connect(os.path.join(self.folder, "jobs.db"))
        owner, request = db.execute("SELECT owner, request FROM job").fetchone()
        rows = ((f"{n:032x}", owner, n % 2, "{}" if n % 2 else None, request) for n in range(100000))
        db.executemany("INSERT INTO job(id, owner, holder, untrusted, state, dead, created_ms, done_ms, result_bytes, outcome, request) "
                       "VALUES(?, ?, 'all', 1, ? * 2, 0, 1, 9000000000000, 0, ?, ?)", rows)
        db.commit()
        db.close()
        # seconds of a core: what a busy machine takes besides is not the service's
        empty, full = self.start_s(os.path.join(self.folder, "empty")), self.start_s(self.folder)
        print(f"start: {empty[0]:.2f} s (of a core {empty[1]:.2f}) with no job, {full[0]:.2f} s ({full[1]:.2f}) with 100,000")
        self.assertLess(full[1] - empty[1], 1.5)
        with self.serve() as s:
            self.assertGreater(s.get("/readyz").json()["jobs"]["pending"], 49000)
            self.assertEqual(s.get(f"/tts/{99998:032x}").json()["status"], "queued")
            self.assertEqual(s.get(f"/tts/{99999:032x}").json()["status"], "failed")
            self.assertEqual(self.finish(s, self.accept(s))["status"], "completed")  # those of before do not stand in the way
            self.kill(s)

    def start_s(self, folder):
        begun = time.monotonic()
        with Service(COMMAND, *service.FREE, "--data-dir", folder) as s:
            took = time.monotonic() - begun
            with open(f"/proc/{s.process.pid}/stat", encoding="ascii") as stat:
                ticks = sum(map(int, stat.read().rpartition(")")[2].split()[11:13]))
            self.kill(s)
        return took, ticks / os.sysconf("SC_CLK_TCK")


class Memory(unittest.TestCase):
    def test_without_a_folder_it_says_so(self):
        with Service(COMMAND, *service.FREE) as s:
            jobs = s.get("/readyz").json()["jobs"]
            self.assertIs(jobs["durable"], False)
            self.assertIn("data_dir", jobs["note"])
            self.assertIn("--data-dir", s.before)

    def test_a_folder_that_cannot_be_is_told(self):
        done = subprocess.run([COMMAND, "serve", "--data-dir", "/proc/nowhere"], capture_output=True, text=True, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/proc/nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
