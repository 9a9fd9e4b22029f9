#!/usr/bin/env python3
"""What a load test found (the JSON of build/tools/loadtest), as a table, and if asked for as Markdown or as a page with
plots, all in one file. Standard library only.

    report.py [FILE] [--markdown FILE] [--html FILE]     FILE: -, or none, is standard input

One list of columns makes all three tables, so that they say the same.
"""
import argparse
import json
import re
import sys

from plot import escaped, heat, known, lines

# Colours are those of Okabe and Ito, which colour-blind readers tell apart; each has a light and a dark form.
STYLE = """\
:root{color-scheme:light dark;--ink:#1c1c1c;--soft:#5a5a5a;--line:#dcdcdc;--paper:#fff;--c0:#0072b2;--c1:#d55e00;
--c2:#00795a;--c3:#7a3d74}
@media(prefers-color-scheme:dark){:root{--ink:#ececec;--soft:#a8a8a8;--line:#3a3a3a;--paper:#161616;--c0:#56b4e9;
--c1:#e69f00;--c2:#2fc59b;--c3:#dd9ccb}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:76rem;margin:2rem auto;
padding:0 1rem}
h1{font-size:1.5rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.875rem}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th small{display:block;color:var(--soft);font-weight:400}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));gap:1.5rem}
figure{margin:0}figcaption{font-weight:600}svg{width:100%;height:auto}.legend svg{width:36px;height:14px}
.legend span{margin-right:1rem;white-space:nowrap}
svg text{font-size:12px;fill:var(--soft)}svg .label{fill:var(--ink)}.grid{stroke:var(--line)}
.s{fill:none;stroke-width:2}.m{stroke:var(--paper)}.heat{fill:var(--c0)}
.s0{stroke:var(--c0)}.m0{fill:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:8 4}.m1{fill:var(--c1)}
.s2{stroke:var(--c2);stroke-dasharray:2 3}.m2{fill:var(--c2)}.s3{stroke:var(--c3);stroke-dasharray:9 3 2 3}.m3{fill:var(--c3)}
"""


def load_of(step):
    """Arrivals a second, or clients."""
    return step.get("concurrency") or step["rate"]


# ---- the table ----

def number(form, value):
    return form.format(value) if known(value) else "-"


def ms(seconds):
    """Milliseconds, with as many digits as mean something."""
    if not known(seconds):
        return "-"
    return f"{1e3 * seconds:.{2 if seconds < 0.01 else 1 if seconds < 1 else 0}f}"


def latency(name, kind="latency_s"):
    return lambda step: ms(step[kind][name])


def percent(value):
    return number("{:.1f} %", 100 * value if known(value) else value)


def load_cell(step):
    return f"{step['concurrency']} clients" if "concurrency" in step else f"{step['rate']:.4g}/s"


COLUMNS = [  # title, unit, cell, key that must be in the steps
    ("load", "", load_cell, None),
    ("offered", "/s", lambda step: number("{:.2f}", step["offered_rate"]), None),
    ("achieved", "/s", lambda step: number("{:.2f}", step["achieved_rate"]), None),
    ("ok", "", lambda step: str(step["ok"]), None),
    ("rejected", "", lambda step: str(step["rejected"]), None),
    ("errors", "", lambda step: str(step["errors"]), None),
    ("mean", "ms", latency("mean"), None),
    ("P50", "ms", latency("p50"), None),
    ("P90", "ms", latency("p90"), None),
    ("P95", "ms", latency("p95"), None),
    ("P99", "ms", latency("p99"), None),
    ("max", "ms", latency("max"), None),
    ("1st audio", "P50 ms", latency("p50", "first_audio_s"), None),
    ("1st audio", "P99 ms", latency("p99", "first_audio_s"), None),
    ("underruns", "", lambda step: str(step["underruns"]), "underruns"),
    ("speech", "s/s", lambda step: number("{:.1f}", step["audio_seconds_per_second"]), None),
    ("batch", "mean", lambda step: number("{:.2f}", step["server"]["mean_batch"]), "server"),
    ("voice hits", "", lambda step: percent(step["server"]["voice_cache_hit_share"]), "server"),
    ("stable", "", lambda step: "yes" if step["stable"] else "no", None),
]


def table_of(run):
    """Titles, units, and a row of cells for each step."""
    shown = [column for column in COLUMNS if (not column[3] or column[3] in run["steps"][0])
             and (column[0] != "voice hits" or run["references"])]
    return ([column[0] for column in shown], [column[1] for column in shown],
            [[cell(step) for _, _, cell, _ in shown] for step in run["steps"]])


# ---- in words ----

def kind_of_load(run):
    return "Closed loop" if run["loop"] == "closed" else "Open loop, Poisson arrivals"


def kind_of_answers(run):
    return "as jobs" if run["api"] == "tts" else "streamed" if run["stream"] else "whole answers"


def is_late(step):
    """A late generator makes the service look slow: it is said when it makes a difference."""
    lag, limit = step["generator_lag_s"]["p99"], step["latency_s"]["p99"]
    return known(lag) and lag > 0.02 and known(limit) and lag > 0.1 * limit


def remarks(step):
    """What else is to be said about a step; "" if nothing."""
    said = []
    if step["rejected"]:
        said.append(f"rejected within {ms(step['rejected_latency_s']['p99'])} ms (P99), with Retry-After "
                    f"{step['rejected_with_retry_after']} of {step['rejected']}")
    for kind, count in step["errors_by_kind"].items():
        said.append(f"{count} {kind}" + (f": {step['first_of_kind'][kind]}" if kind in step["first_of_kind"] else ""))
    if step.get("streams_with_underruns"):
        said.append(f"{step['streams_with_underruns']} of {step['ok']} streams with gaps, the longest of "
                    f"{step['longest_gap_s']:.2f} s")
    if step.get("server", {}).get("queue_jobs_max"):
        said.append(f"up to {step['server']['queue_jobs_max']:.0f} jobs in the service's queue")
    if step["sent"] < step["offered"]:
        said.append(f"{step['offered'] - step['sent']} never sent: no connection was free")
    if is_late(step):
        said.append(f"asked up to {1e3 * step['generator_lag_s']['p99']:.0f} ms late (P99): connections or the "
                    "generator's own time ran out")
    return "; ".join(said)


def verdict(run):
    """Of a search for the highest stable rate; "" if it was none."""
    if "stable_rate" not in run:
        return ""
    if not run["stable_rate"]:
        return f"no stable rate was found: the lowest tried was {run['steps'][-1]['rate']:.4g} requests a second"
    return (f"highest stable rate: {run['stable_rate']:.4g} requests a second (P95 within {run['p95_limit_s']:g} s, "
            f"failures below {100 * run['failures_limit']:g} %, achieved at least {100 * run['kept_up_limit']:g} % of offered)")


# ---- terminal ----

def safe(text):
    """What a service says must not paint the terminal."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)


def text_of(run):
    titles, units, rows = table_of(run)
    widths = [max(map(len, column)) for column in zip(titles, units, *rows)]
    out = [f"{safe(run['url'])}, {kind_of_answers(run)}, {run['seconds']:g} s each after {run['warmup_s']:g} s of warm-up, "
           f"seed {run['seed']}", ""]
    out += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in (titles, units, *rows)]
    said = [f"{load_cell(step)}: {safe(remarks(step))}" for step in run["steps"] if remarks(step)]
    for paragraph in (said, [verdict(run)] if verdict(run) else []):
        out += ["", *paragraph] if paragraph else []
    return "\n".join(out) + "\n"


# ---- Markdown ----

def marked(text):
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", safe(text))


def markdown_of(run):
    titles, units, rows = table_of(run)
    head = [title + (f", {unit}" if unit else "") for title, unit in zip(titles, units)]
    out = [f"# Load test of {marked(run['url'])}", "",
           f"{kind_of_load(run)}, {run['seconds']:g} s a step after {run['warmup_s']:g} s of warm-up, seed {run['seed']}.", ""]
    out += ["| " + " | ".join(row) + " |" for row in (head, ["---:"] * len(head), *rows)] + [""]
    out += [f"- {load_of(step):.4g}: {marked(remarks(step))}" for step in run["steps"] if remarks(step)]
    return "\n".join(out + (["", f"**{verdict(run)}**"] if verdict(run) else [])) + "\n"


# ---- the page ----

def scaled(steps, kind, names):
    return {name: [1e3 * step[kind][name.lower()] if known(step[kind][name.lower()]) else None for step in steps]
            for name in names}


def plots_against_load(run):
    steps = sorted(run["steps"], key=load_of)  # a search tries them in another order
    loads, label = [load_of(step) for step in steps], "clients" if run["loop"] == "closed" else "requests offered a second"
    names = ("P50", "P95", "P99")
    rates = {"answered": [step["achieved_rate"] for step in steps], "offered": [step["offered_rate"] for step in steps],
             "rejected": [step["rejected"] / run["seconds"] for step in steps],
             "errors": [step["errors"] / run["seconds"] for step in steps]}
    return (lines("Latency, from the scheduled time to the last byte", label, "ms", loads,
                  scaled(steps, "latency_s", names), markers=True) +
            lines("First audio", label, "ms", loads, scaled(steps, "first_audio_s", names), markers=True) +
            lines("Throughput", label, "requests a second", loads, rates, markers=True))


def snapshots_of(run):
    """Of all steps one after the other: (seconds since the start, what the service counted, what it had counted before
    or None)."""
    for step in run["steps"]:
        before = None
        for now in step.get("server", {}).get("series", []):
            yield step["begin_s"] + now["at_s"], now, before
            before = now


def plot_of_queue(run):
    at, queue, batch = [], [], []
    for seconds, now, before in snapshots_of(run):
        batches = now["batches"] - before["batches"] if before and "batches" in now and "batches" in before else 0
        at.append(seconds)
        queue.append(now.get("queue_jobs"))
        batch.append((now["batched"] - before["batched"]) / batches if batches > 0 else None)
    return lines("Queue and batches, all steps one after the other", "seconds since the start", "jobs", at,
                 {"jobs that wait": queue, "mean batch of that second": batch})


def batches_by_size(now, before):
    """Of the time between: in each bucket alone, not as Prometheus adds them up."""
    grown = [a["batches"] - b["batches"] for a, b in zip(now["batches_up_to"], before["batches_up_to"])]
    return [max(0, more - less) for more, less in zip(grown, [0, *grown])]


def plot_of_batches(run):
    buckets = next((now["batches_up_to"] for _, now, _ in snapshots_of(run) if now.get("batches_up_to")), None)
    if not buckets:
        return ""
    edges, columns = [], []
    for seconds, now, before in snapshots_of(run):
        if before is None:
            if not edges:
                edges.append(seconds)
            continue
        same = all(len(one.get("batches_up_to", ())) == len(buckets) for one in (now, before))
        edges.append(seconds)
        columns.append(batches_by_size(now, before) if same else [0] * len(buckets))
    labels = [f"\u2264 {bucket['size']:g}" if known(bucket["size"]) else "more" for bucket in buckets]
    return heat("Batch sizes, batches a second", "seconds since the start", "requests in a batch", edges, labels, columns)


def page_of(run):
    titles, units, rows = table_of(run)
    head = "".join(f'<th scope="col">{title}<small>{unit}</small></th>' for title, unit in zip(titles, units))
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    said = "".join(f"<li>{load_of(step):.4g}: {escaped(remarks(step))}</li>\n" for step in run["steps"] if remarks(step))
    best = f"<p><strong>{verdict(run)}</strong></p>\n" if verdict(run) else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Load test</title>
<style>
{STYLE}</style>
</head>
<body>
<h1>Load test of {escaped(run['url'])}</h1>
<p>{kind_of_load(run)}, {run['seconds']:g} s a step after {run['warmup_s']:g} s of warm-up; {escaped(run['lengths'])} texts, \
{kind_of_answers(run)}; seed {escaped(run['seed'])}; emotivoice {escaped(run['version'])}.</p>
{best}<div class="scroll"><table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}</tbody></table></div>
<ul>
{said}</ul>
<div class="plots">
{plots_against_load(run)}{plot_of_queue(run)}{plot_of_batches(run)}</div>
</body>
</html>
"""


# ---- the program ----

def read(path):
    try:
        with (sys.stdin if path == "-" else open(path, encoding="utf-8")) as file:
            run = json.load(file)
    except OSError as error:
        sys.exit(f"report.py: {path} cannot be read: {error.strerror}")
    except ValueError:
        sys.exit(f"report.py: {path} is no JSON: give what build/tools/loadtest wrote")
    if not isinstance(run, dict) or not run.get("steps"):
        sys.exit(f"report.py: {path} has no steps: give what build/tools/loadtest wrote")
    return run


def write(path, text):
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        sys.exit(f"report.py: {path} cannot be written: {error.strerror}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("file", nargs="?", default="-", help="the load test's JSON; -: standard input")
    parser.add_argument("--markdown", metavar="FILE", help="write the table as Markdown")
    parser.add_argument("--html", metavar="FILE", help="write a page with plots")
    options = parser.parse_args()
    run = read(options.file)
    if options.markdown:
        write(options.markdown, markdown_of(run))
    if options.html:
        write(options.html, page_of(run))
    sys.stdout.write(text_of(run))


if __name__ == "__main__":
    main()
