/* bench engine: how fast this machine speaks. For 1, 4 and 16 utterances, batched (one call) and alone (one call
 * each): how long all of them take against the audio that comes out, how long each listener waits, where the time
 * goes, and how full the work was; beside it the fp32 peak of the engine's own inner kernel. */
#include "bench.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define AT(field) offsetof(bench_values, field)

_Static_assert(sizeof(bench_values) <= CLI_VALUES_MAX, "cli_values is too small");

typedef struct bench_report {
    bench_case cases[6];
    spread first_audio_s;
    double peak_flops, peak_rss_mb;
} bench_report;

/* ---- printing ---- */

static void put_spread(ev_json *json, const char *name, spread s) {
    ev_json_open(json, name, '{');
    ev_json_number(json, "median", s.median);
    ev_json_number(json, "min", s.least);
    ev_json_number(json, "p95", s.p95);
    ev_json_close(json, '}');
}

static void put_case(ev_json *json, const bench_case *c) {
    ev_json_open(json, NULL, '{');
    ev_json_integer(json, "utterances", (int64_t)c->utterances);
    ev_json_string(json, "mode", c->batched ? "batched" : "alone");
    ev_json_number(json, "audio_s", c->audio_s);
    put_spread(json, "wall_s", c->wall_s);
    put_spread(json, "latency_s", c->latency_s);
    ev_json_number(json, "rtf", c->wall_s.median / c->audio_s);
    ev_json_number(json, "times_real_time", c->audio_s / c->wall_s.median);
    ev_json_open(json, "stages_s", '{');
    ev_json_number(json, "text", c->text_s);
    ev_json_number(json, "acoustic", c->acoustic_s);
    ev_json_number(json, "vocoder", c->vocoder_s);
    ev_json_close(json, '}');
    ev_json_number(json, "useful_frames", c->useful);
    ev_json_close(json, '}');
}

static int print_json(const bench *b, const bench_report *report) {
    ev_buf text = {0};
    ev_json json = {.out = &text};
    ev_json_open(&json, NULL, '{');
    ev_json_string(&json, "version", ev_version());
    ev_json_integer(&json, "threads", b->values->threads);
    ev_json_integer(&json, "runs", b->values->runs);
    ev_json_number(&json, "load_s", b->engine.load_s);
    ev_json_number(&json, "peak_gflops_fp32", report->peak_flops * 1e-9);
    ev_json_number(&json, "peak_rss_mb", report->peak_rss_mb);
    put_spread(&json, "first_audio_s", report->first_audio_s);
    ev_json_open(&json, "cases", '[');
    for (size_t i = 0; i < CLI_COUNT(report->cases); i++) put_case(&json, &report->cases[i]);
    ev_json_close(&json, ']');
    ev_json_close(&json, '}');
    return cli_output_text(stdout, &text);
}

static void print_case(const bench_case *c) {
    printf("%5zu  %-8s %7.1f %9.1f %7.4f %7.1f  %8.1f %8.1f %8.1f  %7.1f %8.1f %8.1f  %5.1f %%\n", c->utterances,
           c->batched ? "batched" : "alone", c->audio_s, 1e3 * c->wall_s.median, c->wall_s.median / c->audio_s,
           c->audio_s / c->wall_s.median, 1e3 * c->latency_s.median, 1e3 * c->latency_s.least, 1e3 * c->latency_s.p95,
           1e3 * c->text_s, 1e3 * c->acoustic_s, 1e3 * c->vocoder_s, 100 * c->useful);
}

static void print_table(const bench *b, const bench_report *report) {
    char threads[32] = "one thread per core";
    if (b->values->threads > 0) snprintf(threads, sizeof threads, "%d threads", b->values->threads);
    printf("emotivoice %s, %s, runs of each case: %d, and one to warm up\n\n", ev_version(), threads,
           b->values->runs);
    puts("utter-          audio  together    rtf  x real   latency of one utterance   stages of all of them    "
         "useful\n"
         "ances  mode         s        ms           time    median      min      p95     text acoustic  vocoder    "
         "frames");
    for (size_t i = 0; i < CLI_COUNT(report->cases); i++) print_case(&report->cases[i]);
    printf("\nfirst audio of a stream: %.1f ms (min %.1f, p95 %.1f)\n", 1e3 * report->first_audio_s.median,
           1e3 * report->first_audio_s.least, 1e3 * report->first_audio_s.p95);
    printf("fp32 peak of the inner kernel: %.1f GFLOP/s; model loaded in %.1f ms; peak memory %.1f MiB\n",
           report->peak_flops * 1e-9, 1e3 * b->engine.load_s, report->peak_rss_mb);
}

/* ---- the command ---- */

static void progress(const bench *b, const char *what) {
    if (b->values->quiet || !isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\r\033[K%s", what);
    fflush(stderr);
}

static double peak_rss_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024; /* Linux counts KiB */
}

static int measure(bench *b, bench_report *report) {
    static const size_t sizes[] = {1, 4, 16};
    static_assert(2 * CLI_COUNT(sizes) == CLI_COUNT(report->cases), "each size alone and batched");
    int code = bench_make_texts(b);
    for (size_t i = 0; i < CLI_COUNT(report->cases) && code == CLI_OK; i++) {
        char what[64];
        report->cases[i] = (bench_case){.utterances = sizes[i / 2], .batched = i % 2 == 1};
        snprintf(what, sizeof what, "measuring %zu %s ...", sizes[i / 2], i % 2 == 1 ? "batched" : "alone");
        progress(b, what);
        code = bench_case_measure(b, &report->cases[i]);
    }
    if (code == CLI_OK) code = bench_first_audio(b, &report->first_audio_s);
    progress(b, "");
    if (code != CLI_OK) return code;
    report->peak_flops = ev_synth_peak_flops(b->engine.synth);
    report->peak_rss_mb = peak_rss_mb();
    return CLI_OK;
}

static int run_bench(const void *values, const cli_operands *operands) {
    bench_report report = {0};
    bench *b = calloc(1, sizeof *b);
    (void)operands;
    if (b == NULL) return cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    b->values = values;
    b->samples = calloc(BENCH_SERIES * (size_t)b->values->runs * BENCH_UTTERANCES_MAX, sizeof *b->samples);
    int code = b->samples != NULL ? CLI_OK : cli_fail(CLI_FAILURE, "out of memory: give fewer --runs");
    if (code == CLI_OK) code = cli_engine_open(&b->engine, b->values->model);
    if (code == CLI_OK) code = cli_engine_synth(&b->engine, b->values->threads, BENCH_UTTERANCES_MAX);
    if (code == CLI_OK) code = measure(b, &report);
    if (code == CLI_OK && b->values->json) {
        code = print_json(b, &report);
    } else if (code == CLI_OK) {
        print_table(b, &report);
    }
    cli_engine_close(&b->engine);
    free(b->samples);
    free(b);
    return code;
}

static void init(void *values) {
    bench_values *v = values;
    ev_synth_options synth;
    ev_synth_options_init(&synth);
    v->threads = synth.threads;
    v->runs = 5;
    v->seconds = 3;
}

static const cli_option options[] = {{.name = "runs",
                                      .letter = 'n',
                                      .kind = CLI_INT,
                                      .offset = AT(runs),
                                      .value = "N",
                                      .low = 1,
                                      .high = 1000,
                                      .help = "how often each case is measured"},
                                     {.name = "seconds",
                                      .kind = CLI_REAL,
                                      .offset = AT(seconds),
                                      .value = "X",
                                      .low = 0.5,
                                      .high = 25,
                                      .help = "how long the utterances are, about; they differ, as real ones do"},
                                     CLI_OPTION_MODEL(bench_values),
                                     CLI_OPTION_THREADS(bench_values),
                                     CLI_OPTION_JSON(bench_values, "print a JSON object, times in seconds"),
                                     CLI_OPTION_QUIET(bench_values),
                                     {.name = NULL}};

static const cli_example examples[] = {{"emotivoice bench engine --threads 2", "how fast do two cores speak?"},
                                       {"emotivoice bench engine --runs 20 --json", "for a program to keep"},
                                       {NULL, NULL}};

const cli_command cli_bench_engine = {
    .name = "bench engine",
    .synopsis = "",
    .summary = "measure how fast this machine speaks",
    .description =
        "Speaks 1, 4 and 16 English utterances, batched in one call and alone, and prints the real-time "
        "factor (time taken by time spoken), what one listener waits, the time of each stage, and the share "
        "of frames that were not padding.",
    .options = options,
    .examples = examples,
    .values_size = sizeof(bench_values),
    .init = init,
    .run = run_bench};
