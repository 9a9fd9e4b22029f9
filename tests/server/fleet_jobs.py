"""Jobs of a fleet as its clients have them, for tests."""
import time

TEXT = "It is made elsewhere, and heard here."
LONG = "The river runs through the valley and the wind goes over the hills. " * 40
BATCH, BOOK = "/v1/audio/speech/batch", "/v1/audio/speech/long"
OVER = ("completed", "failed", "expired", "canceled")


def accept(gateway, text=TEXT, headers=None, **fields):
    answer = gateway.post("/tts", {"text": text, **fields}, headers=headers)
    assert answer.code == 202, (answer.code, answer.body)
    return answer.json()["request_id"]


def wait(what, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it does not come")


def state(gateway, job, headers=None):
    answer = gateway.get("/tts/" + job, headers=headers)
    return answer.json() if answer.code == 200 else {"status": answer.code}


def finish(gateway, job, headers=None):
    return wait(lambda: (s := state(gateway, job, headers))["status"] in (*OVER, 404) and s, 60)


def pcm(gateway, job):
    return gateway.get(f"/tts/{job}/audio?format=pcm").body
