"""What bench/concurrency.sh measured, as a page beside the published load test of EmotiVoice. Standard library only.

    concurrency_report.py machine full|quick PROGRAM   where and when, as JSON
    concurrency_report.py fetch URL                    a page of the service, such as its metrics
    concurrency_report.py line FILE                    a run of the load test in one line
    concurrency_report.py rate FILE FACTOR             its highest stable rate, times FACTOR
    concurrency_report.py stable FILE                  exit status 0: its last step was stable
    concurrency_report.py write FOLDER PAGE            the page

folder of JSON, metrics and memory -> Mode -> rows of the tables -> Markdown. Every figure on the page is read from
those files; a mark is met or missed by the figure that stands beside it.
"""
import datetime
import glob
import json
import os
import platform
import re
import subprocess
import sys
import time
import urllib.request

# The published test: EmotiVoice on one T4 GPU.
PUBLISHED_ALONE_S = 0.75
PUBLISHED_P95_S = 1.2
PUBLISHED_RATE = (40, 50)
PUBLISHED_HIT_SHARE = 0.70
PUBLISHED_SAVED_SHARE = 0.60
BUSY_SHARE = 0.05  # of the cores, by others, from which on timings are not to be trusted


# ---- where and when ----

def busy_share(seconds):
    """Share of the cores' time that was not idle, over so many seconds."""
    def read():
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(x) for x in file.readline().split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]
    before = read()
    time.sleep(seconds)
    after = read()
    return 1 - (after[1] - before[1]) / max(1, after[0] - before[0])


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = re.findall(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    return names[0] if names else platform.machine()


def output_of(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def machine(kind, program):
    commit = output_of("git", "rev-parse", "--short", "HEAD")
    changed = output_of("git", "status", "--porcelain", "--untracked-files=no")
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_kb = int(file.readline().split()[1])
    return {"kind": kind, "processor": processor(), "cores": len(os.sched_getaffinity(0)),
            "memory_gb": memory_kb * 1024 / 1e9, "system": platform.system(),
            "date": datetime.date.today().isoformat(), "version": output_of(program, "--version"),
            "commit": commit + (" with changes" if changed else ""), "busy_before": busy_share(2)}


# ---- one run of the load test ----

def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def last_step(run):
    return run["steps"][-1]


def best_rate(run):
    """The highest rate that was stable; what the last step achieved where none was."""
    rates = [step["rate"] for step in run["steps"] if step["stable"] and "rate" in step]
    return max(rates) if rates else last_step(run)["achieved_rate"]


def line(path):
    run = read_json(path)
    step = last_step(run)
    name = os.path.basename(path).removesuffix(".json")
    if "stable_rate" in run:
        return f"{name}: {run['stable_rate']:.3g}/s stable, after {len(run['steps'])} steps"
    load = f"{step['rate']:.3g}/s" if "rate" in step else f"{step['concurrency']} clients"
    text = f"{name}: {load}: {step['achieved_rate']:.3g}/s, P50 {ms(step['latency_s']['p50'])} ms, " \
           f"P95 {ms(step['latency_s']['p95'])} ms"
    return text + (f", {step['rejected']} rejected, {step['errors']} errors" if step["ok"] < step["offered"] else "")


# ---- one mode ----

def read_metrics(path):
    """{"name{labels}": value}, without the prefix that all names have."""
    figures = {}
    with open(path, encoding="utf-8") as file:
        for entry in file:
            name, _, value = entry.rpartition(" ")
            if not entry.startswith("#") and name:
                figures[name.removeprefix("emotivoice_")] = float(value)
    return figures


def read_memory(path):
    """Bytes: VmRSS, VmHWM."""
    with open(path, encoding="ascii") as file:
        return {name: int(value) * 1024 for name, value in re.findall(r"^(\w+):\s+(\d+) kB", file.read(), re.MULTILINE)}


class Mode:
    """What one service was measured with: runs by name, the service's own figures and its memory by point."""

    def __init__(self, folder):
        self.name = os.path.basename(folder)
        self.runs = {stem(p): read_json(p) for p in glob.glob(os.path.join(folder, "*.json"))}
        self.metrics = {stem(p): read_metrics(p) for p in glob.glob(os.path.join(folder, "*.metrics"))}
        self.memory = {stem(p): read_memory(p) for p in glob.glob(os.path.join(folder, "*.memory"))}

    def step(self, run):
        return last_step(self.runs[run])

    def latency(self, run, which):
        """In seconds; infinite where nothing was answered."""
        value = self.step(run)["latency_s"][which]
        return float("inf") if value is None else value

    def between(self, name, before="start", after="end"):
        return self.metrics[after].get(name, 0) - self.metrics[before].get(name, 0)

    def largest_batch(self, stage):
        """Upper bound of the largest batch of a stage, over the service's life; None: it ran none."""
        sizes = []
        for name, count in self.metrics["end"].items():
            found = re.fullmatch(r'batch_size_bucket\{stage="%s",le="([^"]+)"\}' % stage, name)
            if found:
                sizes.append((float(found[1]), count))
        sizes.sort()
        full = next((size for size, count in sizes if count == sizes[-1][1]), None)
        return int(full) if full not in (None, float("inf")) else None


def stem(path):
    return os.path.splitext(os.path.basename(path))[0]


class Voices:
    """What the cache of voices saves, by the two services that had the same mix, with and without it."""

    def __init__(self, without, cached):
        self.without, self.cached = without, cached
        self.saved = 1 - self.front_s(cached) / self.front_s(without)
        self.speaker_s = self.mean(without, "speaker")
        hits, misses = (cached.between(f'voice_cache_requests_total{{result="{r}"}}', "before", "after")
                        for r in ("hit", "miss"))
        self.lookups = int(hits + misses)
        self.hit_share = hits / max(1, hits + misses)

    @staticmethod
    def total(mode, stage, what):
        return mode.between(f'stage_duration_seconds_{what}{{stage="{stage}"}}', "before", "after")

    def mean(self, mode, stage):
        return self.total(mode, stage, "sum") / max(1, self.total(mode, stage, "count"))

    def front_s(self, mode):
        """Time of text and voice together, for each request."""
        requests = self.total(mode, "text", "count")
        return (self.total(mode, "text", "sum") + self.total(mode, "speaker", "sum")) / max(1, requests)


# ---- figures as text ----

def ms(seconds):
    if seconds is None or seconds == float("inf"):
        return "-"
    value = 1e3 * seconds
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"


def rate(value):
    return "-" if value is None else f"{value:.3g}"


def percent(share):
    return "-" if share is None else f"{100 * share:.0f} %"


def megabytes(count):
    return f"{count / 1e6:.0f} MB"


def ratio(value, base):
    return "-" if not value or not base else f"{value / base:.2f}"


def count_of(cores):
    return f"{cores} core" + ("s" if cores != 1 else "")


def verdict(met):
    return {True: "met", False: "**missed**", None: ""}[met]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


# ---- the tables ----

def batches(mode):
    """Mean size of a decode batch at the load of a step, and the largest of all."""
    largest = mode.largest_batch("decode")
    return f"1 to {largest}" if largest and largest > 1 else "1" if largest else "-"


def speed_row(hold, cores):
    achieved, low, high = hold["rate"], *PUBLISHED_RATE
    met = achieved >= low if hold["stable"] else False
    here = f"{rate(achieved)}/s, {rate(achieved / cores)}/s a core" if hold["stable"] else "no rate was stable"
    return ["requests a second", f"{low} to {high}", here, f">= {low}", met]


def published_rows(modes, voices, cores):
    adaptive, hold = modes["adaptive"], modes["adaptive"].step("hold")
    alone, p95 = adaptive.latency("alone", "mean"), adaptive.latency("hold", "p95")
    peak = max(m.memory["end"]["VmHWM"] for m in modes.values())
    stream = adaptive.step("stream")["first_audio_s"]["p50"]
    return [
        ["one client alone, mean", "750 ms", f"{ms(alone)} ms", "<= 750 ms", alone <= PUBLISHED_ALONE_S],
        ["P95 at the highest stable rate", "<= 1.2 s", f"{ms(p95)} ms", "<= 1200 ms",
         hold["stable"] and p95 <= PUBLISHED_P95_S],
        speed_row(hold, cores),
        ["speech made, seconds a second", "not published", rate(hold["audio_seconds_per_second"]), "", None],
        ["size of a batch", "1 to 16, in windows of 100 to 150 ms", f"{batches(adaptive)}, without a window", "", None],
        ["first audio of a stream, alone, P50", "not published", f"{ms(stream)} ms", "", None],
        ["hits of the cache of voices", "> 70 %", f"{100 * voices.hit_share:.1f} %", "> 70 %",
         voices.hit_share > PUBLISHED_HIT_SHARE],
        ["front-end time saved by that cache", ">= 60 %", percent(voices.saved), ">= 60 %",
         voices.saved >= PUBLISHED_SAVED_SHARE],
        ["memory of an instance", "not published", f"{megabytes(adaptive.memory['end']['VmRSS'])}; at most "
         f"{megabytes(peak)} in any mode", "", None]]


def mode_order(name):
    known = ["adaptive", "one-at-a-time", "off"]
    return known.index(name) if name in known else len(known), int(name[6:]) if name.startswith("fixed-") else 0


def mode_title(name):
    return re.sub(r"fixed-(\d+)", r"fixed, \1 ms", name.replace("one-at-a-time", "adaptive, `parallel = 1`"))


def mode_rows(modes):
    base = modes["adaptive"]
    base_rate = best_rate(base.runs["ramp"])
    rows = []
    for name in sorted(modes, key=mode_order):
        mode = modes[name]
        found, half = best_rate(mode.runs["ramp"]), mode.step("half")
        rows.append([mode_title(name), ms(mode.latency("alone", "p50")),
                     ratio(mode.latency("alone", "p50"), base.latency("alone", "p50")),
                     rate(found), ratio(found, base_rate),
                     ms(half["latency_s"]["p50"]), ms(half["latency_s"]["p95"]),
                     ratio(half["latency_s"]["p95"], base.latency("half", "p95")),
                     rate(half["server"]["mean_batch"]), rate(mode.step("burst")["server"]["mean_batch"]),
                     ms(mode.step("stream")["first_audio_s"]["p50"]),
                     megabytes(mode.memory["end"]["VmRSS"])])
    return rows


MODE_HEAD = ["mode", "alone P50, ms", "ratio", "stable rate, /s", "ratio", "at half: P50, ms", "P95, ms", "ratio",
             "batch", "batch of 16 clients", "first audio P50, ms", "RSS"]


def voice_rows(voices):
    rows = []
    for title, mode in (("off", voices.without), ("on", voices.cached)):
        rows.append([title, ms(voices.front_s(mode)), ms(voices.mean(mode, "text")),
                     ms(mode.latency("alone", "p50")), ms(mode.latency("alone", "p95")),
                     rate(mode.step("burst")["achieved_rate"]), megabytes(mode.memory["end"]["VmRSS"])])
    return rows


VOICE_HEAD = ["cache", "front-end, ms a request", "of it text, ms", "alone P50, ms", "P95, ms", "16 clients, /s", "RSS"]


def over_rows(adaptive):
    over, burst = adaptive.step("over"), adaptive.step("burst")
    return [["offered", f"{rate(over['offered_rate'])}/s"],
            ["answered", f"{rate(over['achieved_rate'])}/s, {ratio(over['achieved_rate'], burst['achieved_rate'])} of "
             f"what 16 clients get"],
            ["their P95", f"{ms(over['latency_s']['p95'])} ms"],
            ["rejected", f"{over['rejected']} of {over['offered']}, {over['rejected_with_retry_after']} with Retry-After"],
            ["rejected within, P99", f"{ms(over['rejected_latency_s']['p99'])} ms"],
            ["errors", str(over["errors"])]]


# ---- what is to be said ----

def decode_s(mode):
    total = mode.metrics["end"]
    return total['stage_duration_seconds_sum{stage="decode"}'] / total['stage_duration_seconds_count{stage="decode"}']


def shortcomings(rows, modes, voices):
    said = [f"{row[0]}: {row[2]}, the mark is {row[3]}." for row in rows if row[4] is False]
    adaptive = modes["adaptive"]
    mean_batch = adaptive.step("burst")["server"]["mean_batch"]
    if mean_batch is not None and mean_batch < 2:
        said.append(f"Batches of the acoustic model hardly form in the adaptive mode: {rate(mean_batch)} sentences on "
                    f"average with 16 clients. One takes {ms(decode_s(adaptive))} ms on these cores, and a batch is "
                    f"closed when 15 ms are predicted for it, so that nobody waits for company.")
    base = best_rate(adaptive.runs["ramp"])
    for name, mode in sorted(modes.items()):
        if best_rate(mode.runs["ramp"]) > 1.05 * base:
            said.append(f"{mode_title(name)}: sustains {ratio(best_rate(mode.runs['ramp']), base)} of the adaptive mode's rate.")
        half = mode.latency("half", "p95") / adaptive.latency("half", "p95")
        if half < 0.95:
            said.append(f"{mode_title(name)}: {half:.2f} of the adaptive mode's P95 at half load.")
    over = adaptive.step("over")
    if over["errors"] or over["rejected_with_retry_after"] < over["rejected"]:
        said.append(f"Overload: {over['errors']} errors, and {over['rejected'] - over['rejected_with_retry_after']} "
                    f"rejections without Retry-After.")
    failed = {f"{mode.name}/{name}": sum(step["errors"] for step in run["steps"])
              for mode in [*modes.values(), voices.without, voices.cached] for name, run in mode.runs.items()}
    said += [f"{count} requests of {name} failed." for name, count in sorted(failed.items()) if count]
    return said


def warnings(where):
    said = []
    if where["kind"] == "quick":
        said.append("This was a quick run, with steps of a second or two: it shows that all works, and no figure is to be "
                    "believed.")
    if where["busy_before"] > BUSY_SHARE:
        said.append(f"Other work kept {percent(where['busy_before'])} of the cores busy before the start: the timings are "
                    f"not to be trusted.")
    return "".join(f"> {text}\n\n" for text in said)


def page(where, modes, voices):
    rows = published_rows(modes, voices, where["cores"])
    marks = [row for row in rows if row[4] is not None]
    rate_half = modes["adaptive"].step("half")["rate"]
    hold = modes["adaptive"].runs["hold"]
    missed = shortcomings(rows, modes, voices)
    return f"""# Concurrency test

{warnings(where)}The load test that was published for EmotiVoice ran on a T4 GPU. This is the same on {count_of(where['cores'])} of a CPU,
with the load test on those cores too: {where['processor']}, {where['memory_gb']:.0f} GB, {where['system']},
{where['date']}, emotivoice {where['version'].removeprefix('emotivoice ')}, commit {where['commit']}. Sentences of about three seconds, English and Mandarin
by turns, no two alike; the cache of results and coalescing are off, so that each request is work.

## Beside the published test

{table(["what", "published, T4", f"here, {count_of(where['cores'])}", "mark", ""], [row[:4] + [verdict(row[4])] for row in rows])}

{sum(row[4] for row in marks)} of {len(marks)} marks are met. The highest stable rate was held for {hold['seconds']:g} s: 95 % of the answers within
1.2 s, under 1 % failed, and the delay did not grow. Requests come at random times (a Poisson process) that do not
wait for answers, and latency counts from when one was due. Three of four requests with a recording repeat one of
twenty, so 75 % is the most that a cache can hit in the long run; here it was asked {voices.lookups} times, after it was filled.

## Batch modes

"stable rate" is what a search by short steps found, more than what was held for {hold['seconds']:g} s above. "at half" is {rate(rate_half)}/s in
every mode, half of the adaptive mode's held rate. Ratios are to the adaptive mode.

{table(MODE_HEAD, mode_rows(modes))}

"alone" is one client that waits for each answer; "batch" the mean of the acoustic model's batches. With `parallel = 1` one
batch has all threads also in a crowd.

## Cache of voices

One client whose requests all have a recording of four to six seconds. A voice is computed in {ms(voices.speaker_s)} ms without the
cache; the recording must be sent, decoded from base64 and hashed all the same. The time in which a file is decoded
is not in the front-end's, so the cache saves somewhat more than is counted.

{table(VOICE_HEAD, voice_rows(voices))}

## Overload

Three times what 16 clients get, in the adaptive mode.

{table(["what", "here"], over_rows(modes["adaptive"]))}

## What falls short

{os.linesep.join("- " + text for text in missed) if missed else "Nothing: every mark is met, and no mode is better than the adaptive one."}

## How to repeat

```
cmake --preset release && cmake --build --preset release
bench/concurrency.sh
```

It starts a service for each mode on free ports of the loopback device, takes about a quarter of an hour on two cores,
and leaves each run's figures in `build/bench/concurrency/`. Stop all other work first. `bench/concurrency.sh --quick`
shows in a minute that all works. `bench/soak.sh` holds 70 % of the rate for an hour and looks for growing memory.
"""


def write(folder, path):
    where = read_json(os.path.join(folder, "machine.json"))
    found = {m.name: m for m in (Mode(f) for f in glob.glob(os.path.join(folder, "*")) if os.path.isdir(f))}
    voices = Voices(found["voices-uncached"], found["voices-cached"])
    modes = {name: mode for name, mode in found.items() if "ramp" in mode.runs}
    with open(path, "w", encoding="utf-8") as file:
        file.write(page(where, modes, voices))


def main():
    command, *given = sys.argv[1:] or [""]
    if command == "machine" and len(given) == 2:
        print(json.dumps(machine(*given), indent=1))
    elif command == "fetch" and len(given) == 1:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(given[0], timeout=30) as answer:
            sys.stdout.write(answer.read().decode())
    elif command == "line" and len(given) == 1:
        print(line(given[0]))
    elif command == "rate" and len(given) == 2:
        print(f"{best_rate(read_json(given[0])) * float(given[1]):.4g}")
    elif command == "stable" and len(given) == 1:
        sys.exit(0 if last_step(read_json(given[0]))["stable"] else 1)
    elif command == "write" and len(given) == 2:
        write(*given)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
