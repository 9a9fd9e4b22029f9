#!/usr/bin/env python3
"""A text of 500,000 characters through /v1/audio/speech/long, with data_dir: memory and speed as it goes, and the whole file read.

    tests/chaos/long_text.py build/emotivoice [--characters N] [--most-mb N]

Prints a line each ten seconds, and a JSON line at the end; exit status 1 where it is not made whole, or takes more memory than is
allowed."""
import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
import service  # noqa: E402: needs the path; takes the program off the command line


def text_of(characters):
    sentences = ("The river runs through the valley, and the wind goes over the hills. ", "Nobody had seen number {n} before. ",
                 "他们在第{n}天走到了河边，天已经黑了。", "\"Where is the lamp?\" she asked, and looked at all {n} of them. ")
    out, size, n = [], 0, 0
    while size < characters:
        piece = f"\n\nChapter {n // 400 + 1}\n\n" if n % 400 == 0 else sentences[n % 4].format(n=n) + ("\n\n" if n % 8 == 7 else "")
        out.append(piece)
        size += len(piece)
        n += 1
    return "".join(out)[:characters]


def memory(process):
    """MB resident: now, and at most so far."""
    lines = pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))}
    return found["VmRSS"], found["VmHWM"]


def follow(s, job, start):
    told = 0
    while True:
        state = s.get(f"/v1/audio/speech/long/{job}").json()
        if time.monotonic() - told > 10 or state["status"] not in ("queued", "running"):
            told = time.monotonic()
            now, most = memory(s.process)
            print(f"{told - start:6.0f} s: {100 * state['progress']:5.1f} %, {state['audio_s'] / 3600:5.2f} h, "
                  f"{now:4.0f} MB resident, {most:4.0f} at most", flush=True)
        if state["status"] not in ("queued", "running"):
            return state
        time.sleep(1)


def read_all(s, job):
    """Bytes of the whole file, none of which is kept."""
    connection = s.connect()
    connection.request("GET", f"/v1/audio/speech/long/{job}/audio?format=opus")
    response, size = connection.getresponse(), 0
    while piece := response.read(1 << 16):
        size += len(piece)
    connection.close()
    assert response.status == 200, response.status
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=500000)
    parser.add_argument("--most-mb", type=float, default=400)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="emotivoice-book-") as folder:
        with service.Service(service.COMMAND, *service.FREE, "--data-dir", folder, "--store-max", "20GB") as s:
            idle, start = memory(s.process)[0], time.monotonic()
            job = s.post("/v1/audio/speech/long", {"text": text_of(options.characters), "response_format": "opus"}).json()["id"]
            state = follow(s, job, start)
            made_s, made_mb = time.monotonic() - start, memory(s.process)[1]
            size = read_all(s, job)
            result = {"status": state["status"], "characters": state["characters"], "audio_s": round(state["audio_s"]),
                      "seconds": round(made_s), "times_real_time": round(state["audio_s"] / made_s), "idle_mb": round(idle),
                      "peak_mb_making": round(made_mb), "peak_mb": round(memory(s.process)[1]), "file_mb": round(size / 1e6, 1)}
    print(json.dumps(result))
    good = state["status"] == "completed" and size > 0 and result["peak_mb"] <= options.most_mb
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
