"""tools/loadtest/report.py on runs that are made up: what each figure becomes in the table, in Markdown and on the page.

  python3 tests/tools/test_report.py [TEST...]
"""
import copy
import html.parser
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "loadtest")
sys.path.insert(0, TOOL)
import plot  # noqa: E402
import report  # noqa: E402


def spread(count=20, scale=1.0):
    names = ("mean", "p50", "p90", "p95", "p99", "max")
    return {"count": count, **{name: scale * (i + 1) if count else None for i, name in enumerate(names)}}


def step(rate=10, **more):
    return {"rate": rate, "begin_s": 2.5, "offered": 20, "sent": 20, "ok": 20, "rejected": 0, "rejected_with_retry_after": 0,
            "errors": 0, "errors_by_kind": {}, "statuses": {}, "first_of_kind": {}, "stable": True, "offered_rate": rate,
            "achieved_rate": rate - 0.5, "kept_up": 1, "audio_s": 60, "audio_seconds_per_second": 30, "bytes": 1,
            "latency_s": spread(scale=0.1), "first_byte_s": spread(scale=0.004), "first_audio_s": spread(scale=0.0025),
            "rejected_latency_s": spread(0), "generator_lag_s": spread(scale=1e-5), **more}


def run(*steps, **more):
    return {"version": "1.2.3", "url": "http://a", "api": "speech", "loop": "open", "seed": "5", "seconds": 2, "warmup_s": 0.5,
            "timeout_s": 30, "p95_limit_s": 1.2, "failures_limit": 0.01, "kept_up_limit": 0.98, "lengths": "short",
            "stream": False, "repeat": 0, "references": 0, "steps": list(steps), **more}


def metrics(*counts):
    """What the service counted in each second: batches of at most 2, batches of any size, jobs that wait."""
    return {"mean_batch": 2.5, "voice_cache_hit_share": 0.75, "queue_jobs_max": 7, "series": [
        {"at_s": float(i), "queue_jobs": jobs, "batches": every, "batched": 3 * every,
         "batches_up_to": [{"size": 2, "batches": small}, {"size": None, "batches": every}]}
        for i, (small, every, jobs) in enumerate(counts)]}


HOSTILE = "<b>\x1b[31m|`*\n& \"x\""


class Table(unittest.TestCase):
    def test_cells(self):
        titles, units, rows = report.table_of(run(step()))
        cells = dict(zip(zip(titles, units), rows[0]))
        self.assertEqual(cells, {
            ("load", ""): "10/s", ("offered", "/s"): "10.00", ("achieved", "/s"): "9.50", ("ok", ""): "20", ("rejected", ""): "0",
            ("errors", ""): "0", ("mean", "ms"): "100.0", ("P50", "ms"): "200.0", ("P90", "ms"): "300.0", ("P95", "ms"): "400.0",
            ("P99", "ms"): "500.0", ("max", "ms"): "600.0", ("1st audio", "P50 ms"): "5.00", ("1st audio", "P99 ms"): "12.5",
            ("speech", "s/s"): "30.0", ("stable", ""): "yes"})

    def test_columns_that_a_run_may_have(self):
        def titles(*args, **more):
            return set(report.table_of(run(*args, **more))[0])
        more = step(underruns=3, server=metrics((0, 0, 0)))
        self.assertEqual(titles(more) - titles(step()), {"underruns", "batch"})
        self.assertEqual(titles(more, references=2) - titles(more), {"voice hits"})

    def test_digits_of_milliseconds(self):
        self.assertEqual([report.ms(s) for s in (0.00123, 0.0123, 0.5, 1.2345, None)], ["1.23", "12.3", "500.0", "1234", "-"])

    def test_what_is_unknown_is_a_dash(self):
        cells = report.table_of(run(step(ok=0, latency_s=spread(0), first_audio_s=spread(0))))[2][0]
        self.assertEqual(cells.count("-"), 8)

    def test_columns_stand_under_each_other(self):
        lines = report.text_of(run(step(), step(rate=1230, stable=False))).splitlines()
        self.assertEqual(lines[0], "http://a, whole answers, 2 s each after 0.5 s of warm-up, seed 5")
        self.assertEqual({len(line) for line in lines[2:6]}, {len(lines[2])})
        self.assertRegex(lines[4], r"^ +10/s .* yes$")
        self.assertRegex(lines[5], r"^1230/s .* no$")


class Words(unittest.TestCase):
    def test_a_good_step_needs_none(self):
        self.assertEqual(report.remarks(step(server=metrics((0, 0, 0)) | {"queue_jobs_max": 0}, streams_with_underruns=0)), "")

    def test_what_went_wrong(self):
        bad = step(ok=10, rejected=4, rejected_with_retry_after=3, rejected_latency_s=spread(4, 0.001), sent=19,
                   errors_by_kind={"status": 5, "timeout": 1}, first_of_kind={"status": "HTTP 500: oops"},
                   streams_with_underruns=2, longest_gap_s=0.456, server=metrics((0, 0, 0)),
                   generator_lag_s=spread(scale=0.1))
        self.assertEqual(report.remarks(bad).split("; "), [
            "rejected within 5.00 ms (P99), with Retry-After 3 of 4", "5 status: HTTP 500: oops", "1 timeout",
            "2 of 10 streams with gaps, the longest of 0.46 s", "up to 7 jobs in the service's queue",
            "1 never sent: no connection was free",
            "asked up to 500 ms late (P99): connections or the generator's own time ran out"])

    def test_verdict(self):
        self.assertEqual(report.verdict(run(step())), "")
        self.assertEqual(report.verdict(run(step(), stable_rate=12.5)),
                         "highest stable rate: 12.5 requests a second (P95 within 1.2 s, failures below 1 %, "
                         "achieved at least 98 % of offered)")
        self.assertEqual(report.verdict(run(step(), step(rate=0.25), stable_rate=0)),
                         "no stable rate was found: the lowest tried was 0.25 requests a second")


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tags, self.texts = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)


class Pages(unittest.TestCase):
    def test_whole(self):
        page = report.page_of(run(step(rate=20, server=metrics((0, 0, 1), (2, 4, 7), (2, 9, 3))),
                                  step(rate=5, begin_s=6, server=metrics((2, 9, 0), (3, 10, 0)))))
        parsed = Page(page)
        self.assertEqual((parsed.open, parsed.links), ([], []), "closed tags, and nothing from elsewhere")
        self.assertNotIn("script", parsed.tags)
        self.assertEqual(page.count("<figure>"), 5)
        self.assertEqual(parsed.tags.count("td"), 2 * parsed.tags.count("th"))
        self.assertNotRegex(page, r"\bnan\b|\binf\b|None")

    def test_batches_of_each_second(self):
        """Of the four batches of the first second two are larger than two; all five of the next one are."""
        titles = re.findall(r"<title>(\d+) at (\d+) s</title></rect>",
                            report.plot_of_batches(run(step(server=metrics((0, 0, 1), (2, 4, 7), (2, 9, 3))))))
        self.assertEqual(sorted(titles), sorted([("2", "2"), ("2", "2"), ("5", "4")]))

    def test_nothing_to_plot(self):
        nothing = step(ok=0, latency_s=spread(0), first_audio_s=spread(0))
        self.assertEqual(report.page_of(run(nothing)).count("<figure>"), 1, "throughput alone")

    def test_what_a_service_says_is_quoted(self):
        hostile = run(step(errors=1, errors_by_kind={"status": 1}, first_of_kind={"status": HOSTILE}), url="http://a/<i>")
        page, text, markdown = report.page_of(hostile), report.text_of(hostile), report.markdown_of(hostile)
        for raw in ("<b>", "<i>", "\x1b"):
            self.assertNotIn(raw, page)
        self.assertIn("&lt;b&gt; [31m|`*", page)
        self.assertNotIn("\x1b", text)
        self.assertIn('10/s: 1 status: <b> [31m|`* & "x"', text)
        self.assertIn("\\<b\\> \\[31m\\|\\`\\*", markdown)

    def test_markdown(self):
        rows = [line for line in report.markdown_of(run(step(), step(rate=20))).splitlines() if line.startswith("|")]
        self.assertEqual(len(rows), 4)
        self.assertEqual({row.count("|") for row in rows}, {rows[0].count("|")})


class Ticks(unittest.TestCase):
    def test_linear(self):
        for low, high, ticks in ((0, 10, [0, 2, 4, 6, 8, 10]), (0, 0.7, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
                                 (3, 3, [3, 4]), (0, 0, [0, 0.2])):
            found = plot.linear_ticks(low, high)
            self.assertTrue(found[0] <= low and found[-1] >= high, (low, high, found))
            if ticks != [3, 4]:
                self.assertEqual([round(tick, 9) for tick in found], ticks)

    def test_logarithmic(self):
        self.assertEqual([round(tick, 9) for tick in plot.log_ticks(3, 150)], [2, 5, 10, 20, 50, 100, 200])
        self.assertEqual([round(tick, 9) for tick in plot.log_ticks(1, 1e6)], [10 ** i for i in range(7)])
        for low, high in ((0.013, 9), (1, 100), (5, 1e9), (2e-6, 1)):
            found = plot.Axis(low, high, may_be_log=True)
            self.assertTrue(found.log and found.low <= low and found.high >= high, (low, high, found.ticks))
            self.assertTrue(0 <= found.place(low) < found.place(high) <= 1)


class Program(unittest.TestCase):
    def call(self, *args, stdin=""):
        return subprocess.run([sys.executable, os.path.join(TOOL, "report.py"), *args], input=stdin, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_from_a_pipe_into_files(self):
        with tempfile.TemporaryDirectory() as folder:
            page, table = os.path.join(folder, "a.html"), os.path.join(folder, "a.md")
            done = self.call("--html", page, "--markdown", table, stdin=json.dumps(run(step())))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(done.stdout, report.text_of(run(step())))
            for path, text in ((page, report.page_of(run(step()))), (table, report.markdown_of(run(step())))):
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(file.read(), text)

    def test_what_is_no_run(self):
        for stdin, said in (("hello", "no JSON"), ("[]", "no steps"), (json.dumps(run()), "no steps")):
            done = self.call(stdin=stdin)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, rf"^report\.py: -.*{said}.*loadtest")
        self.assertRegex(self.call("/nowhere/a.json").stderr, r"^report\.py: /nowhere/a\.json cannot be read")
        done = self.call("--html", "/nowhere/a.html", stdin=json.dumps(copy.deepcopy(run(step()))))
        self.assertRegex(done.stderr, r"^report\.py: /nowhere/a\.html cannot be written")


if __name__ == "__main__":
    unittest.main()
