"""`emotivoice bench engine`."""
import json

from command import NeedsModel, main


class Bench(NeedsModel):
    def test_engine(self):
        report = json.loads(self.good("bench", "engine", "--runs", "1", "--seconds", "0.5", "--json").stdout)
        self.assertEqual([(case["utterances"], case["mode"]) for case in report["cases"]],
                         [(n, mode) for n in (1, 4, 16) for mode in ("alone", "batched")])
        for case in report["cases"]:
            self.assertGreater(case["rtf"], 0)
            self.assertTrue(0 < case["useful_frames"] <= 1, case)
            self.assertLessEqual(case["latency_s"]["min"], case["latency_s"]["median"])
            self.assertLessEqual(case["latency_s"]["median"], case["latency_s"]["p95"])
        self.assertGreater(report["peak_gflops_fp32"], 0)
        self.assertGreater(report["peak_rss_mb"], 0)


if __name__ == "__main__":
    main()
