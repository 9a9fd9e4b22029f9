"""Results in a bucket: the maker itself (test_s3.c, with a server), then the service with --store, then gateways and workers
that have nothing in common but Redis and the bucket.

EMOTIVOICE_S3_FAULTS: so many requests to the bucket fail in Faults (script/nightly takes 500)."""
import base64
import concurrent.futures
import http.client
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import fleet
import s3
import service

if not s3.there():
    print("skipped: moto is not here; script/bootstrap --test puts it into .venv-test")
    sys.exit(77)
PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isfile(sys.argv[1]) else None
AT_ONCE = 4  # clients of Faults
FAULTS = int(os.environ.get("EMOTIVOICE_S3_FAULTS", "40"))
SAID = ["Hello from the bucket.", "Nothing is lost.", "The river runs through the valley and the wind goes over the hills, all day long."]
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""}


def fetch(url):
    """Code, headers and body, as a client without keys gets them. *.localhost is this machine, whatever resolves it."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
    response = connection.getresponse()
    answer = service.Answer(response, response.read())
    connection.close()
    return answer


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > end:
            raise AssertionError("it does not come")
        time.sleep(0.05)
    return found


def finished(at, job):
    """Its state, when it is over."""
    def over():
        answer = at.get(f"/tts/{job}")
        state = answer.json()
        return answer.code == 200 and state["status"] not in ("queued", "running") and state
    return until(over, 60)


def spoken(at, text, **fields):
    job = at.post("/tts", {"text": text, **fields}).json()["request_id"]
    state = finished(at, job)
    assert state["status"] == "completed", state
    return job, state


class Home(service.Service):
    """The service with its list of jobs in a folder, and results in the bucket."""

    def __init__(self, folder, prefix, *flags, url=None, **environment):
        super().__init__(service.COMMAND, "--data-dir", folder, "--store", url or S3.url(prefix), "--rate-per-ip", "0", "--log-level", "info",
                         *flags, **{**S3.environment, **environment})


class Maker(unittest.TestCase):
    """The C tests that need an S3: mostly pauses before another try, so their program runs beside the other tests from the beginning."""

    @classmethod
    def begin(cls, front, output):
        cls.front, cls.output = front, output
        environment = {**os.environ, **front.environment, "EMOTIVOICE_TEST_S3_ENDPOINT": front.endpoint}
        cls.process = subprocess.Popen([PROGRAM], env=environment, stdout=output, stderr=output)

    @classmethod
    def end(cls):
        cls.process.kill()
        cls.process.wait()

    @unittest.skipUnless(PROGRAM, "its program was not named")
    def test_as_a_store(self):
        code = self.process.wait(300)
        self.output.seek(0)
        told = self.output.read().decode()
        self.assertEqual(code, 0, told)
        self.assertNotIn("SKIPPED", told)
        # an upload that failed has left no parts, which would be paid for, and no object
        self.assertEqual(S3.uploads(), [])
        self.assertEqual([key for key in S3.keys() if key.startswith(("part-", "complete-"))], [])
        parts = {r.query["partNumber"] for r in self.front.front.requests if "partNumber" in r.query and r.path.startswith("/media/large/")}
        self.assertEqual(parts, {"1", "2", "3"})  # of 20 MB


class Command(unittest.TestCase):
    """store check, store lifecycle, and what a start says."""

    def check(self, url, says, code=0, **environment):
        done = subprocess.run([service.COMMAND, "store", "check", url], capture_output=True, text=True,
                              env={**os.environ, **S3.environment, **environment})
        self.assertIn(says, done.stdout + done.stderr)
        self.assertEqual(done.returncode, code, done.stderr)

    def test_what_would_do(self):
        self.check(S3.url("checked/deep"), "can be listed, written, read and deleted from")
        self.check(S3.url("checked", endpoint=f"http://localhost:{S3.front.port}", style="virtual"), "can be listed")
        self.assertEqual(S3.keys("checked"), [])

    def test_over_tls(self):
        """Only where the endpoint's certificate has an authority that is known here."""
        with S3.front.tls() as (port, authority):
            url = S3.url("checked/tls", endpoint=f"https://127.0.0.1:{port}")
            self.check(url, "can be listed, written, read and deleted from", AWS_CA_BUNDLE=authority)
            self.check(url, "give the authority's file as AWS_CA_BUNDLE", 3)

    def test_what_would_not(self):
        access, secret = S3.pairs["stranger"]
        self.check(S3.url().replace("//media", "//nowhere"), "there is no bucket nowhere", 3)
        self.check(S3.url(), "s3:ListBucket", 3, AWS_ACCESS_KEY_ID=access, AWS_SECRET_ACCESS_KEY=secret)
        self.check(S3.url(), "does not know the access key", 3, AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE")
        self.check(S3.url(), "correct the secret key", 3, AWS_SECRET_ACCESS_KEY="of-another")
        self.check(S3.url("always-region"), "give region=ap-south-1", 3)
        self.check(S3.url(endpoint="http://127.0.0.1:9"), "cannot be asked now", 6)
        self.check("s3://media?regoin=x", "no option 'regoin'", 3)
        self.check(S3.url(), "AWS_ACCESS_KEY_ID", 3, **NO_KEYS)
        try:
            for S3.front.skew, says in ((3600, " s behind, "), (-3600, " s ahead, ")):
                self.check(S3.url(), "this machine's clock and that of", 3)
                self.check(S3.url(), says, 3)
        finally:
            S3.front.skew = 0

    def test_a_start_says_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--data-dir", folder, "--store", S3.url().replace("//media", "//nowhere")]
            for words in (["--check"], ["--listen", "127.0.0.1:0"]):
                done = subprocess.run([service.COMMAND, "serve", "--admin-listen", "off", *flags, *words], capture_output=True, text=True,
                                      env={**os.environ, **S3.environment})
                self.assertIn("there is no bucket nowhere", done.stderr)
                self.assertEqual(done.returncode, 3)

    def test_rules(self):
        done = subprocess.run([service.COMMAND, "store", "lifecycle", S3.url("ruled"), "--days", "2"], capture_output=True, check=True,
                              env={**os.environ, **NO_KEYS})
        S3.client.put_bucket_lifecycle_configuration(Bucket=s3.BUCKET, LifecycleConfiguration=json.loads(done.stdout))
        rules = S3.client.get_bucket_lifecycle_configuration(Bucket=s3.BUCKET)["Rules"]
        self.assertEqual({r["Filter"]["Prefix"] for r in rules}, {"ruled/results/", "ruled/files/", "ruled/recordings/"})
        self.assertEqual({r["Expiration"]["Days"] for r in rules}, {3})


class AtHome(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder, True)

    def test_a_result_is_a_file_at_a_url(self):
        with Home(self.folder, "home") as at:
            for fields, media in (({}, "audio/wav"), ({"response_format": "mp3", "volume": -6}, "audio/mpeg"),
                                  ({"response_format": "opus"}, "audio/ogg")):
                job, state = spoken(at, SAID[0], **fields)
                got = fetch(state["download_url"])
                self.assertEqual((got.code, got.body), (200, at.get(f"/tts/{job}/audio").body))
                self.assertTrue(got.headers["content-type"].startswith(media), got.headers)
                self.assertRegex(got.headers["content-disposition"], rf'attachment; filename="{job}\.\w+"')
                self.assertAlmostEqual(state["download_expires"], time.time() + 3600, delta=60)
            url = state["download_url"]
            for wrong in (url.replace("files", "results"), url.replace("X-Amz-Expires=3600", "X-Amz-Expires=9999"),
                          url.replace("filename%3D", "filename%3Dx"), url[:-1] + ("0" if url[-1] != "0" else "1")):
                self.assertEqual(fetch(wrong).code, 403, wrong)
            S3.front.skew = 3700
            self.assertEqual(fetch(url).code, 403)
            S3.front.skew = 0
            # one job is deleted; the rest outlives the process
            self.assertEqual(at.ask("DELETE", f"/tts/{job}").code, 200)
            until(lambda: not [key for key in S3.keys("home") if job in key])
            self.assertEqual(fetch(url).code, 404)
            kept, state = spoken(at, SAID[1])
            before = at.get(f"/tts/{kept}/audio").body
        # of client's words and of keys, nothing is anywhere
        for key in S3.keys("home"):
            self.assertRegex(key, r"^home/(results|files)/[0-9a-f]{32}$")
        everything = "\n".join(at.lines) + at.before
        for secret in (*S3.environment.values(), "X-Amz-Signature"):
            self.assertNotIn(secret, everything)
        with Home(self.folder, "home", "--store-url-ttl", "60s") as at:
            state = at.get(f"/tts/{kept}").json()
            self.assertEqual((at.get(f"/tts/{kept}/audio").body, fetch(state["download_url"]).body), (before, before))
            self.assertIn("X-Amz-Expires=60&", state["download_url"])
            self.assertEqual(at.metric("store_up"), 1)
            # it cannot be asked: the client is told to come again, and nothing of what is behind
            S3.front.plan = lambda request, nth: s3.Front.FAULTS["503"]
            answer = at.get(f"/tts/{kept}/audio")
            self.assertEqual((answer.code, "retry-after" in answer.headers), (503, True), answer.body)
            self.assertNotIn(b"media", answer.body)
            # ... and what is made meanwhile is told from memory, and kept when it can be
            job, state = spoken(at, SAID[2])
            self.assertNotIn("download_url", state)
            self.assertEqual(at.get(f"/tts/{job}/audio").code, 200)
            S3.front.plan = None
            until(lambda: len([key for key in S3.keys("home") if job in key]) == 2)
            until(lambda: at.get(f"/tts/{kept}/audio").code == 200)
            self.assertGreater(at.metric("store_errors_total"), 0)

    def test_without_urls(self):
        with Home(self.folder, "no-urls", "--store-url-ttl", "0") as at:
            job, state = spoken(at, SAID[0])
            self.assertNotIn("download_url", state)
            self.assertEqual(S3.keys("no-urls"), [f"no-urls/results/{job}"])

    def test_the_bucket_as_a_host(self):
        url = S3.url("virtual", endpoint=f"http://localhost:{S3.front.port}", style="virtual")
        with Home(self.folder, "virtual", url=url, **S3.session) as at:
            job, state = spoken(at, SAID[0])
            self.assertTrue(state["download_url"].startswith(f"http://media.localhost:{S3.front.port}/virtual/files/"))
            self.assertIn("&X-Amz-Security-Token=", state["download_url"])
            self.assertEqual(at.get(f"/tts/{job}/audio").code, 200)
        self.assertEqual(len(S3.keys("virtual")), 2)

    def test_it_starts_while_the_bucket_is_away(self):
        S3.front.plan = lambda request, nth: s3.hang_up
        try:
            with Home(self.folder, "away") as at:
                job, _ = spoken(at, SAID[0])
                S3.front.plan = None
                until(lambda: len(S3.keys("away")) == 2)
        finally:
            S3.front.plan = None


class Faults(unittest.TestCase):
    """A third of all requests to the bucket fail, each in its own way. What is told is right, and in the end all is there."""

    def test_nothing_is_lost_and_nothing_is_wrong(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, True)
        plan, jobs, busy = s3.randomly(0.33, 20260101, ("500", "503", "403", "507", "close", "cut", "short", "flip", "lost")), {}, 0
        texts = itertools.cycle(SAID)
        try:
            with Home(folder, "faults", "--log-level", "error") as at:
                truth = {text: at.speech(text, response_format="wav").body for text in SAID}
                S3.front.plan = plan  # behind the start, which a refusal would end

                def client(_):
                    text = next(texts)
                    job, state = spoken(at, text, response_format="wav")
                    jobs[job] = text
                    self.check(at, job, truth[text], state)
                with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                    while sum(plan.injected.values()) < FAULTS * 3 // 4:
                        list(pool.map(client, range(AT_ONCE)))
            S3.front.plan = None
            with Home(folder, "faults", "--log-level", "error", "--result-cache", "0") as at:  # all of it from the bucket
                S3.front.plan = plan
                with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                    while sum(plan.injected.values()) < FAULTS:
                        busy += sum(pool.map(lambda job: self.check(at, job, truth[jobs[job]], finished(at, job)), jobs))
        finally:
            S3.front.plan = None
        print(f"{len(jobs)} jobs, {sum(plan.injected.values())} of {len(S3.front.requests)} requests failed: {dict(plan.injected)}; "
              f"{busy} clients were told to come again")
        self.assertEqual(len([key for key in S3.keys("faults/results")]), len(jobs))

    def check(self, at, job, truth, state):
        """The audio is right, or it is said that it cannot be had now. How often it was said."""
        for tries in range(100):
            answer = at.get(f"/tts/{job}/audio?format=wav")
            if answer.code == 200:
                break
            self.assertIn(answer.code, (500, 503), answer.body)
            time.sleep(0.05)
        self.assertEqual(self.samples(answer.body), self.samples(truth))
        if "download_url" in state:
            got = fetch(state["download_url"])
            self.assertEqual((got.code, self.samples(got.body)), (200, self.samples(truth)))
        return tries

    def samples(self, wav):
        return service.wav_body(wav)


@unittest.skipUnless(fleet.there(), "redis-server is not here")
class Together(unittest.TestCase):
    def test_redis_and_the_bucket_are_all_they_share(self):
        with fleet.Fleet(gateways=2, workers=1, flags=("--store", S3.url("fleet")), shared_folder=False, **S3.environment) as f:
            first, second = f.gateways
            for text, fields in ((SAID[1], {}), (SAID[2] * 2, {"response_format": "mp3"})):
                job, state = spoken(first, text, **fields)
                audio = second.get(f"/tts/{job}/audio")
                self.assertEqual(audio.code, 200)
                got = fetch(second.get(f"/tts/{job}").json()["download_url"])
                self.assertEqual((got.code, got.body), (200, audio.body))
            self.assertEqual(second.ask("DELETE", f"/tts/{job}").code, 200)
            until(lambda: not [key for key in S3.keys("fleet") if job in key])
            # a recording of more than 64 kB comes to the worker by the bucket, and goes when the job is over
            sound = service.reference()
            self.assertGreater(len(sound), 64 << 10)
            job = first.post("/tts", {"text": SAID[0], "reference_audio": base64.b64encode(sound).decode()}).json()["request_id"]
            self.assertEqual(finished(second, job)["status"], "completed")
            self.assertTrue([r for r in S3.front.requests if r.method == "GET" and "/fleet/recordings/" in r.path])
            until(lambda: not S3.keys("fleet/recordings"))
            for key in S3.keys("fleet"):
                self.assertRegex(key, r"^fleet/(results|files)/[0-9a-f]{32}$")


def setUpModule():
    global S3
    S3 = unittest.enterModuleContext(s3.S3())
    if PROGRAM:
        output = unittest.enterModuleContext(tempfile.TemporaryFile())
        Maker.begin(unittest.enterModuleContext(S3.beside()), output)
        unittest.addModuleCleanup(Maker.end)


if __name__ == "__main__":
    unittest.main(verbosity=2)
