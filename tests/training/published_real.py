"""The published checkpoints at their real sizes, of random weights: what importing takes, what twenty random texts sound like against
float64, batches and streams against each text alone, the style encoder's vectors, and the memory of a service that speaks with them.
Run by script/nightly; PUBLISHED_THREADS says with how many threads."""
import concurrent.futures
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import torch

from tests.training import test_published as T
from training import published as P

THREADS = os.environ.get("PUBLISHED_THREADS", "2")
TOOL = Path(T.COMMAND).parent / "tests/style_vectors"
TEXTS, SPEAKERS, BATCH = 20, 4, 16
# in a process of its own: a child's largest size begins with its parent's
MEASURE = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True); r = resource.getrusage(resource.RUSAGE_CHILDREN); "
           "print(r.ru_maxrss, r.ru_utime + r.ru_stime)")
HAN = "你好今天气怎么样我很开心来到北京清华大学普通生惊讶悲伤厌恶高兴平静的一是不了人在有他说话走路吃饭看书时间朋友"
WORDS = "hello there the train leaves at nine happy sad and to we are going home today because it rains a lot".split()
MARKS = {"limits": []}


def mark(name, value, good, wanted, unit=""):
    """One figure of the table; what is not good fails the run at its end."""
    print(f"{name}: {value}{unit} (wanted {wanted}){'' if good else ' MISSED'}", flush=True)
    if not good:
        MARKS["limits"].append(name)


def random_texts(seed=17):
    """Sentences of Mandarin, English and both, none of them twice."""
    draw = random.Random(seed)
    while True:
        han = "".join(draw.choice(HAN) for _ in range(draw.randint(3, 12)))
        words = " ".join(draw.choice(WORDS) for _ in range(draw.randint(2, 7)))
        yield draw.choice((f"{han}。", f"{words.capitalize()}.", f"{han} {words}。", f"{han}？", f"{words.capitalize()}!"))


def import_files(folder, kind):
    size = (folder / "files/outputs/prompt_tts_open_source_joint/ckpt/g_00140000").stat().st_size
    size += (folder / "files/outputs/style_encoder/ckpt/checkpoint_163431").stat().st_size
    start = time.monotonic()
    told = subprocess.run([sys.executable, "-c", MEASURE, T.COMMAND, "import", folder / "files", "-o", folder / f"{kind}.safetensors",
                           "--type", kind, "-q"], check=True, capture_output=True, text=True).stdout.split()
    took, memory, cpu = time.monotonic() - start, int(told[0]) * 1024, float(told[1])
    # 5 s for 213 MB; by the processor's time, which does not tell of what else the machine does
    mark(f"import, {kind}, {size / 1e6:.0f} MB of checkpoints", f"{cpu:.1f} s of processor, {took:.1f} s", cpu <= 5 * size / 213e6,
         f"<= {5 * size / 213e6:.1f} s")
    mark(f"import, {kind}, memory", f"{memory / 1e6:.0f} MB, {memory / size:.2f} x the files", memory <= 2 * size, "<= 2 x")


def say_lines(folder, texts, kind, voice, batch=1, form="wav-float"):
    """A file each: what opening the model takes is taken once."""
    (folder / "lines.txt").write_text("".join(f"{text}\n" for text in texts))
    T.run("say", "--file", folder / "lines.txt", "--lines", "--batch", batch, "-m", folder / f"{kind}.safetensors", "-v", voice, "-q", "-t",
          THREADS, "--format", form, "-o", folder / f"{kind}-{batch}-%d.wav")
    return [folder / f"{kind}-{batch}-{i + 1}.wav" for i in range(len(texts))]


def draw_texts(case, oracle):
    """[(text, speaker, durations, samples)] of the oracle's, some of each speaker; and how many texts were left out, since a duration
    of theirs stands where rounding decides."""
    drawn, left_out = [], 0
    for text in random_texts():
        speaker = len(drawn) // (TEXTS // SPEAKERS) * 501
        try:
            drawn.append((text, speaker, *oracle.say(case.phones(text), text, oracle.vector("普通"), speaker=speaker)))
        except AssertionError:
            left_out += 1
        if len(drawn) == TEXTS:
            return drawn, left_out


def check_samples(case, oracle):
    """Returns the texts, with whom each was spoken."""
    drawn, left_out = draw_texts(case, oracle)
    worst, snr = 0.0, 1e9
    for speaker in sorted({speaker for _, speaker, _, _ in drawn}):
        mine = [one for one in drawn if one[1] == speaker]
        texts, voice = [text for text, _, _, _ in mine], str(8051 + speaker)
        files = [say_lines(case.folder, texts, kind, voice) for kind in ("fp32", "fp16")]
        for (text, _, durations, want), full, half in zip(mine, *([T.samples_of(f) for f in kind] for kind in files)):
            if not full.shape == half.shape == want.shape == (int(durations.sum()) * P.HOP,):
                sys.exit(f"{text}: {full.shape} and {half.shape} samples, wanted {want.shape}")
            worst = max(worst, float(np.abs(full - want).max()))
            snr = min(snr, 10 * np.log10((want ** 2).sum() / ((half - want) ** 2).sum()))
    mark(f"durations of {TEXTS} random texts", "equal", True, f"equal; {left_out} left out, where rounding decides")
    mark(f"samples of {TEXTS} random texts, fp32", f"{worst:.2e}", worst <= 1e-4, "<= 1e-4")
    mark(f"samples of {TEXTS} random texts, fp16 file", f"{snr:.1f}", snr >= 50, ">= 50", " dB")
    return [(text, str(8051 + speaker)) for text, speaker, _, _ in drawn]


def check_vectors(folder, oracle, texts):
    lines = texts + list(T.PROMPTS.values())
    told = subprocess.run([TOOL, folder / "fp32.safetensors"], input="".join(f"{line}\n" for line in lines).encode(), check=True,
                          capture_output=True).stdout
    got = np.frombuffer(told, "<f4").reshape(len(lines), -1)
    worst = max(float(np.abs(row - oracle.vector(line).numpy()).max()) for row, line in zip(got, lines))
    mark(f"style vectors of {len(lines)} texts and prompts", f"{worst:.2e}", worst <= 1e-4, "<= 1e-4")


def check_batches(folder, texts):
    """Of the file with 16 bits; each text alone, in batches, and streamed."""
    model = folder / "fp16.safetensors"
    alone, *batches = ([f.read_bytes() for f in say_lines(folder, texts[:BATCH], "fp16", "8051", batch, "wav")] for batch in (1, 3, BATCH))
    equal = all(batch == alone for batch in batches)
    mark(f"{BATCH} ragged texts in batches of 3 and {BATCH} against alone", "the same bytes" if equal else "other bytes", equal, "the same")
    together = " ".join(texts[:5])
    for name, options in (("whole", ()), ("streamed", ("--stream",))):
        T.run("say", together, "-m", model, "--format", "pcm", "-o", folder / f"{name}.pcm", "-q", "-t", THREADS, *options)
    equal = (folder / "whole.pcm").read_bytes() == (folder / "streamed.pcm").read_bytes()
    mark("streamed against whole", "the same bytes" if equal else "other bytes", equal, "the same")


def resident(pid):
    """Now, and the most so far; bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(status.split(name)[1].split()[0]) * 1024 for name in ("VmRSS:", "VmHWM:"))


def ask(address, item):
    body = json.dumps({"input": item[0], "voice": item[1], "response_format": "pcm"}).encode()
    with urllib.request.urlopen(address + "v1/audio/speech", body, timeout=900) as answer:
        return len(answer.read())


def ask_all(service, address, spoken):
    """The most that it had in memory meanwhile."""
    most = 0
    with concurrent.futures.ThreadPoolExecutor(BATCH) as pool:
        answers = [pool.submit(ask, address, item) for item in spoken[:BATCH]]
        while not all(answer.done() for answer in answers):
            most = max(most, resident(service.pid)[0])
            time.sleep(0.05)
    assert all(answer.result() > 0 for answer in answers)
    return most


def check_service(folder, spoken):
    """Two rounds of as many requests at once as a batch holds: work memory and heap have grown when the second ends."""
    service = subprocess.Popen([T.COMMAND, "serve", "--model", folder / "fp16.safetensors", "--listen", "127.0.0.1:0", "--admin-listen", "off",
                                "--rate-per-ip", "0", "--threads", THREADS, "--result-cache", "0", "--queue-audio", "3600s", "--queue-wait",
                                "3600s"], stderr=subprocess.PIPE, text=True)
    try:
        address = next(line.split("serves at ")[1].strip() for line in service.stderr if "serves at" in line)
        threading.Thread(target=service.stderr.read, daemon=True).start()
        idle = resident(service.pid)[0]
        most = max(ask_all(service, address, spoken) for _ in range(2))
        print(f"the service, fp16 file: {idle / 1e6:.0f} MB at rest, {resident(service.pid)[1] / 1e6:.0f} MB at most since its start")
        mark(f"resident memory while serving {BATCH} requests at once, fp16 file", f"{most / 1e6:.0f}", most <= 500e6, "<= 500", " MB")
    finally:
        service.terminate()
        service.wait(60)


def main():
    torch.set_num_threads(int(THREADS))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        vocabulary = P.small_vocabulary()
        vocabulary += [f"[unused{i}]" for i in range(P.REAL["vocabulary"] - len(vocabulary))]
        oracle = T.Oracle(folder / "files", P.REAL, vocabulary)
        for kind in ("fp32", "fp16"):
            import_files(folder, kind)
        case = T.Published()
        case.folder, case.model = folder, T.ROOT / "tests/golden/tiny_prompts.safetensors"  # for phones, which are the same
        spoken = check_samples(case, oracle)
        texts = [text for text, _ in spoken]
        check_vectors(folder, oracle, texts)
        check_batches(folder, texts)
        check_service(folder, spoken)
    if MARKS["limits"]:
        sys.exit("missed: " + "; ".join(MARKS["limits"]))


if __name__ == "__main__":
    main()
