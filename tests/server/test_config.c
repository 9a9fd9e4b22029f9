/* config: defaults, units, precedence and origins, mistakes with their fixes, printing that reads back, reloads, and
 * that docs/emotivoice.conf says what the table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "server/config/config.h"

static const sv_origin by_flag = {.from = SV_FROM_FLAG};

static int set_up(void **state) {
    static sv_config config;
    *state = &config;
    return sv_config_init(&config, NULL) == EV_OK ? 0 : -1;
}

static int tear_down(void **state) {
    sv_config_free(*state);
    return 0;
}

static void parse(sv_config *config, const char *text) {
    ev_error err = {0};
    if (sv_config_parse(config, "emotivoice.conf", text, strlen(text), &err) != EV_OK) fail_msg("%s", err.message);
}

/* ---- values ---- */

static void defaults_are_the_documented_ones(void **state) {
    const sv_config *c = *state;
    assert_string_equal(c->listen, "127.0.0.1:8080");
    assert_string_equal(c->admin_listen, "127.0.0.1:9090");
    assert_string_equal(c->model, "");
    assert_int_equal(c->batch_mode, SV_BATCH_ADAPTIVE);
    assert_true(c->batch_window == 0.1);
    assert_int_equal(c->batch_max, 16);
    assert_true(c->batch_turn == 0.015);
    assert_int_equal(c->memory_budget, 0); /* auto */
    assert_true(c->queue_audio == 300);
    assert_int_equal(c->text_chars_max, 20000);
    assert_int_equal(c->voice_cache, 64000000);
    assert_int_equal(c->reference_bytes_max, 10000000);
    assert_true(c->store_ttl == 86400);
    assert_int_equal(c->fetch, SV_REACH_OFF);
    assert_int_equal(c->consent, SV_CONSENT_OFF);
    assert_true(c->anonymous && c->coalesce && c->label && !c->log_text);
    assert_true(c->rate_per_ip == 5);
    assert_int_equal(c->burst_per_key, 100);
    ev_buf warnings = {0};
    assert_int_equal(sv_config_check(c, &warnings, NULL), EV_OK);
    assert_int_equal(warnings.size, 0); /* nobody who changes nothing is told to change something */
}

static void units_are_read(void **state) {
    sv_config *c = *state;
    static const struct {
        const char *text;
        double seconds;
    } times[] = {{"1s", 1},      {"1500 ms", 1.5}, {"2m", 120}, {"2min", 120},
                 {"1.5h", 5400}, {"3d", 259200},   {"90S", 90}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(times); i++) {
        assert_int_equal(sv_config_set(c, "store-ttl", times[i].text, by_flag, NULL), EV_OK);
        assert_true(c->store_ttl == times[i].seconds);
    }
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"0", 0},
                 {"77", 77},
                 {"12B", 12},
                 {"10kB", 10000},
                 {"10MB", 10000000},
                 {"10 mb", 10000000},
                 {"1.5GB", 1500000000},
                 {"1KiB", 1024},
                 {"3MiB", 3145728},
                 {"1GiB", 1073741824},
                 {"0.5TB", 500000000000}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(sizes); i++) {
        assert_int_equal(sv_config_set(c, "voice_cache", sizes[i].text, by_flag, NULL), EV_OK);
        assert_int_equal(c->voice_cache, sizes[i].bytes);
    }
    assert_int_equal(sv_config_set(c, "memory_budget", "100MB", by_flag, NULL),
                     EV_OK); /* less than the caches: fine */
    assert_int_equal(c->memory_budget, 100000000);
    assert_int_equal(sv_config_check(c, NULL, NULL), EV_OK);
    assert_int_equal(sv_config_set(c, "memory_budget", "Auto", by_flag, NULL), EV_OK);
    assert_int_equal(c->memory_budget, 0);
    assert_int_equal(sv_config_set(c, "drain_timeout", "0", by_flag, NULL), EV_OK); /* nothing needs no unit */
    assert_true(c->drain_timeout == 0);
}

static void words_lists_and_addresses_are_read(void **state) {
    sv_config *c = *state;
    char item[SV_LIST_ITEM_MAX], host[SV_LIST_ITEM_MAX];
    int port = 0;
    parse(c, "batch_mode = Fixed\nlabel = no\nlisten = [::1]:80\nadmin_listen = off\n"
             "trusted_proxies = 10.0.0.0/8,  ::1 ,192.168.1.7\nfetch_allow = *.example.org\n");
    assert_int_equal(c->batch_mode, SV_BATCH_FIXED);
    assert_false(c->label);
    assert_string_equal(c->admin_listen, "");
    assert_true(sv_address_split(c->listen, host, &port));
    assert_string_equal(host, "::1");
    assert_int_equal(port, 80);
    const char *list = c->trusted_proxies, *want[] = {"10.0.0.0/8", "::1", "192.168.1.7"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(sv_list_next(&list, item));
        assert_string_equal(item, want[i]);
    }
    assert_false(sv_list_next(&list, item));
    assert_string_equal(c->fetch_allow, "*.example.org");
}

static void file_habits_are_understood(void **state) {
    sv_config *c = *state;
    parse(c, "\xef\xbb\xbf# comment\r\n\r\n  threads=4   # four\r\nmodel = \"/a #1 \\\"b\\\" \" # quoted\n"
             "words_file = /etc/w#1.txt\nkeys_file =\nlog-level = debug");
    assert_int_equal(c->threads, 4);
    assert_string_equal(c->model, "/a #1 \"b\" ");
    assert_string_equal(c->words_file, "/etc/w#1.txt");
    assert_string_equal(c->keys_file, "");
    assert_int_equal(c->log_level, 3);
}

/* ---- origins ---- */

static void stronger_origin_wins_in_any_order(void **state) {
    sv_config *c = *state;
    char *environment[] = {"PATH=/bin", "EMOTIVOICE_THREADS=3", "EMOTIVOICE_BATCH_MAX=5", "EMOTIVOICE_MODEL=", NULL};
    char name[192];
    ev_buf warnings = {0};
    assert_int_equal(sv_config_set(c, "batch-max", "7", by_flag, NULL), EV_OK);
    assert_int_equal(sv_config_environment(c, environment, &warnings, NULL), EV_OK);
    parse(c, "threads = 2\nbatch_max = 6\n\ntext_threads = 2\nmodel = m.safetensors\n");
    assert_int_equal(c->batch_max, 7);
    assert_int_equal(c->threads, 3);
    assert_int_equal(c->text_threads, 2);
    assert_string_equal(c->model, "m.safetensors"); /* an empty variable sets nothing */
    assert_int_equal(warnings.size, 0);
    sv_config_name(c, SV_KEY_batch_max, name, sizeof name);
    assert_string_equal(name, "--batch-max");
    sv_config_name(c, SV_KEY_threads, name, sizeof name);
    assert_string_equal(name, "EMOTIVOICE_THREADS");
    sv_config_name(c, SV_KEY_text_threads, name, sizeof name);
    assert_string_equal(name, "emotivoice.conf:4: text_threads");
    sv_config_name(c, SV_KEY_label, name, sizeof name);
    assert_string_equal(name, "label");
    ev_error err;
    const char *bad = "threads = many"; /* wrong is wrong, also where a stronger one hides it */
    assert_int_equal(sv_config_parse(c, "f", bad, strlen(bad), &err), EV_E_ARGUMENT);
    assert_int_equal(c->threads, 3);
}

static void misspelt_variables_are_mentioned(void **state) {
    sv_config *c = *state;
    char *environment[] = {"EMOTIVOICE_BATCHMAX=5", "EMOTIVOICE_CPU=ref", "EMOTIVOICE_CONFIG=/etc/e.conf",
                           /* what Kubernetes puts there for a service of this name */
                           "EMOTIVOICE_SERVICE_HOST=10.0.0.1", "EMOTIVOICE_SERVICE_PORT=80",
                           "EMOTIVOICE_PORT=tcp://10.0.0.1:80", "EMOTIVOICE_PORT_80_TCP_ADDR=10.0.0.1",
                           "EMOTIVOICE_PORT_80_TCP_PROTO=tcp", NULL};
    ev_buf warnings = {0};
    assert_int_equal(sv_config_environment(c, environment, &warnings, NULL), EV_OK);
    assert_string_equal(warnings.data,
                        "EMOTIVOICE_BATCHMAX is no setting and has no effect: did you mean EMOTIVOICE_BATCH_MAX?\n");
    ev_buf_free(&warnings);
}

static void print_shows_origins_and_hides_secrets(void **state) {
    sv_config *c = *state;
    char *environment[] = {"EMOTIVOICE_WEBHOOK_SECRET=correct horse", NULL};
    ev_buf out = {0};
    sv_config_environment(c, environment, &out, NULL);
    sv_config_set(c, "threads", "2", by_flag, NULL);
    parse(c, "\nbatch_max = 8");
    sv_config_print(c, &out);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "threads = 2                                      # flag --threads\n"));
    assert_non_null(strstr(text, "batch_max = 8                                    # emotivoice.conf:2\n"));
    assert_non_null(strstr(text, "queue_audio = 300s                               # default\n"));
    assert_non_null(
        strstr(text, "#webhook_secret = ***                            # environment EMOTIVOICE_WEBHOOK_"));
    assert_null(strstr(text, "horse"));
    ev_buf_free(&out);
}

static void print_reads_back(void **state) {
    sv_config *c = *state, again;
    ev_buf out = {0};
    parse(
        c,
        "model = \"/a #1 \\\"b\\\" \\\\ \"\nqueue_wait = 2.5 s\nfetch_allow = a.b, c.d\nlabel=off\nadmin_listen=off");
    sv_config_print(c, &out);
    assert_int_equal(sv_config_init(&again, NULL), EV_OK);
    parse(&again, (const char *)out.data);
    for (size_t i = 0; i < SV_KEY_COUNT; i++) assert_string_equal(again.settings[i].text, c->settings[i].text);
    assert_string_equal(again.model, "/a #1 \"b\" \\ ");
    assert_true(again.queue_wait == 2.5 && !again.label);
    sv_config_free(&again);
    ev_buf_free(&out);
}

/* ---- mistakes ---- */

/* Each line is refused, and the message names the place, the key, what is wrong and what to write. */
static const struct {
    const char *line, *message;
} mistakes[] = {
    {"batch_max = 99", "batch_max = 99 is out of range: give 1..64 requests"},
    {"batch_max = 0", "batch_max = 0 is out of range: give 1..64 requests"},
    {"threads = -1", "threads = -1 is out of range: give 0..64 threads"},
    {"threads = 2.5", "threads = 2.5 is no whole number: give one such as 0"},
    {"threads = two", "threads = two is no number: give one such as 0"},
    {"threads =", "threads is no number: give one such as 0"},
    {"threads = inf", "threads = inf is no number: give one such as 0"},
    {"threads = 0x10", "threads = 0x10 is no plain number: leave out 'x10'"},
    {"tries_max = 3 times", "tries_max = 3 times is no plain number: leave out 'times'"},
    {"rate_per_ip = 1.2.3", "rate_per_ip = 1.2.3 is no number: give one such as 5"},
    {"idle_timeout = 60",
     "idle_timeout = 60 has no unit of time: give ms, s, m, h or d behind the number, such as 60s"},
    {"idle_timeout = 1w", "idle_timeout = 1w has no unit of time"},
    {"idle_timeout = soon", "idle_timeout = soon is no duration: give one such as 60s"},
    {"idle_timeout = 10ms", "idle_timeout = 10ms is out of range: give 1s..1d"},
    {"batch_window = 1m", "batch_window = 1m is out of range: give 1ms..10s"},
    {"queue_wait = 2h", "queue_wait = 2h is out of range: give 100ms..1h"},
    {"body_max = 16M", "body_max = 16M has no unit of size: give kB, MB, GB (of 1000) or KiB"},
    {"body_max = big", "body_max = big is no size: give one such as 16MB"},
    {"body_max = auto", "body_max = auto is no size: give one such as 16MB"},
    {"memory_budget = all", "memory_budget = all is no size: give one such as auto"},
    {"memory_budget = 0", "memory_budget = 0 is out of range: give 1MB..10TB or auto"},
    {"batch_turn = 0", "batch_turn = 0 is out of range: give 1ms..10s"},
    /* the decoder's limit */
    {"reference_bytes_max = 11MB", "reference_bytes_max = 11MB is out of range: give 1KiB..10MiB"},
    {"body_max = 10", "body_max = 10 is out of range: give 1KiB..1GB"},
    {"batch_mode = fixd", "batch_mode = fixd is none of adaptive|fixed|off: did you mean fixed?"},
    {"batch_mode = whatever", "batch_mode = whatever is unknown: give adaptive|fixed|off"},
    {"label = maybe", "label = maybe is neither on nor off: give one of them"},
    {"listen = 8080", "listen = 8080 is no address: give host:port such as 127.0.0.1:8080 or [::1]:8080"},
    {"listen = ::1:8080", "listen = ::1:8080 is no address"},
    {"listen = http://me:80", "listen = http://me:80 is no address"},
    {"listen = a:70000", "listen = a:70000 is no address"},
    {"listen = off", "listen = off is no address"},
    {"listen =", "listen is empty: give 127.0.0.1:8080"},
    {"admin_listen = 9090", "admin_listen = 9090 is no address: give host:port such as 127.0.0.1:9090 or [::1]:8080, "
                            "or off"},
    {"trusted_proxies = 10.0.0.0/33",
     "trusted_proxies = 10.0.0.0/33 holds '10.0.0.0/33': give addresses or networks"},
    {"trusted_proxies = ::1, proxy", "trusted_proxies = ::1, proxy holds 'proxy': give addresses or networks"},
    {"fetch_allow = https://a.b", "fetch_allow = https://a.b holds 'https://a.b': give host names"},
    {"model = a\x01z", "model = a?z holds a control character: remove it"},
    {"model = a\xffz", "model = a?z is not UTF-8: remove it"},
    {"model = \"a", "quotation marks do not pair: close them"},
    {"model = \"a\" b", "quotation marks do not pair: close them"},
    {"batchmax = 3", "batchmax is no setting: did you mean batch_max?"},
    {"max_batch_size_per_gpu = 3", "max_batch_size_per_gpu is no setting: emotivoice serve --help lists them"},
    {"[server]", "there are no sections: remove the line"},
    {"threads: 4", "a colon is no '=': write key = value"},
    {"threads 4", "there is no '=': write key = value"},
    {"= 4", "a key is missing: write key = value"},
    {"threads = 1\nthreads = 2", "threads was given in line 3 already: keep one of them"},
};

static void mistakes_name_place_and_fix(void **state) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(mistakes); i++) {
        char text[256], want[256];
        ev_error err = {0};
        snprintf(text, sizeof text, "# first\n\n%s\nlabel = off\n", mistakes[i].line);
        snprintf(want, sizeof want, "emotivoice.conf:%d: %s", strchr(mistakes[i].line, '\n') ? 4 : 3,
                 mistakes[i].message);
        assert_true(sv_config_parse(*state, "emotivoice.conf", text, strlen(text), &err) != EV_OK);
        if (strncmp(err.message, want, strlen(want)) != 0) fail_msg("%s\nwanted: %s", err.message, want);
        tear_down(state);
        set_up(state);
    }
}

static void other_origins_are_named_their_way(void **state) {
    sv_config *c = *state;
    ev_error err;
    const sv_origin by_environment = {.from = SV_FROM_ENVIRONMENT};
    assert_int_equal(sv_config_set(c, "batch-max", "99", by_flag, &err), EV_E_ARGUMENT);
    assert_string_equal(err.message, "--batch-max 99 is out of range: give 1..64 requests");
    assert_int_equal(sv_config_set(c, "batch_max", "99", by_environment, &err), EV_E_ARGUMENT);
    assert_string_equal(err.message, "EMOTIVOICE_BATCH_MAX = 99 is out of range: give 1..64 requests");
    assert_int_equal(sv_config_set(c, "queue-wiat", "1s", by_flag, &err), EV_E_NOT_FOUND);
    assert_string_equal(err.message, "--queue-wiat is no setting: did you mean --queue-wait?");
    char secret[300];
    memset(secret, 'k', sizeof secret - 1);
    secret[sizeof secret - 1] = '\0';
    assert_int_equal(sv_config_set(c, "webhook-secret", secret, by_flag, &err), EV_E_ARGUMENT);
    assert_null(strstr(err.message, "kkk"));
    assert_non_null(strstr(err.message, "is too long: give at most 256 bytes"));
}

static void unreadable_files_are_refused(void **state) {
    sv_config *c = *state;
    ev_error err;
    assert_int_equal(sv_config_file(c, "/nonexistent/e.conf", &err), EV_E_IO);
    assert_string_equal(err.message, "configuration /nonexistent/e.conf cannot be read: No such file or directory");
    assert_int_equal(sv_config_file(c, "/tmp", &err), EV_E_IO);
    assert_int_equal(sv_config_parse(c, "f", "label = on\nthr\0", 15, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "f:2: a NUL byte"));
    char *deep = malloc(40000);
    memset(deep, 'x', 40000);
    assert_int_equal(sv_config_parse(c, "f", deep, 40000, &err), EV_E_ARGUMENT);
    assert_string_equal(err.message, "f:1: the line is too long: give at most 16 kB");
    memset(deep, 'd', 300); /* of a long path the end is shown, and the fix stays */
    deep[300] = '\0';
    assert_int_equal(sv_config_parse(c, deep, "batch_max = 99", 14, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "ddd:1: batch_max = 99 is out of range: give 1..64 requests"));
    free(deep);
}

/* ---- keys together ---- */

static const struct {
    const char *text, *fault;
    ev_status status;
} clashes[] = {
    {"admin_listen = 127.0.0.1:8080", "e.conf:1: admin_listen is the public address: give another port",
     EV_E_ARGUMENT},
    {"admin_listen = localhost:8080", "e.conf:1: admin_listen is the public address", EV_E_ARGUMENT},
    {"listen = 0.0.0.0:9090", "admin_listen is the public address", EV_E_ARGUMENT},
    {"rate_per_ip = 0.0001", "e.conf:1: rate_per_ip is less than one request in 1000 seconds: ", EV_E_ARGUMENT},
    {"rate_per_key = 0.0009", "e.conf:1: rate_per_key is less than one request in 1000 seconds: ", EV_E_ARGUMENT},
    {"anonymous = off", "e.conf:1: anonymous is off and there is no keys_file", EV_E_ARGUMENT},
    {"store = s3://media", "e.conf:1: store has the results alone: give data_dir too", EV_E_ARGUMENT},
    {"store_access_key = a", "e.conf:1: store_access_key is one of a pair: ", EV_E_ARGUMENT},
    {"store_secret_key = a", "e.conf:1: store_secret_key is one of a pair: ", EV_E_ARGUMENT},
    {"redis = redis://h", "e.conf:1: redis needs data_dir: ", EV_E_ARGUMENT},
    {"model = /nonexistent.safetensors",
     "e.conf:1: model = /nonexistent.safetensors cannot be found (No such file "
     "or directory): correct the path",
     EV_E_NOT_FOUND},
    {"keys_file = /tmp", "e.conf:1: keys_file = /tmp is a directory: give a file", EV_E_ARGUMENT},
    {"voices_dir = /nonexistent",
     "e.conf:1: voices_dir = /nonexistent cannot be found (No such file or directory): "
     "create the directory",
     EV_E_NOT_FOUND},
    {"voices_dir = /dev/null", "e.conf:1: voices_dir = /dev/null is no directory: give one", EV_E_ARGUMENT},
};

static void clashes_are_refused(void **state) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(clashes); i++) {
        sv_config *c = *state;
        ev_buf warnings = {0};
        ev_error err = {0};
        assert_int_equal(sv_config_parse(c, "e.conf", clashes[i].text, strlen(clashes[i].text), &err), EV_OK);
        assert_int_equal(sv_config_check(c, &warnings, &err), clashes[i].status);
        if (strncmp(err.message, clashes[i].fault, strlen(clashes[i].fault)) != 0) fail_msg("%s", err.message);
        ev_buf_free(&warnings);
        tear_down(state);
        set_up(state);
    }
}

static const struct {
    const char *text, *warning; /* NULL: none */
} doubts[] = {
    {"batch_window = 50ms", "e.conf:1: batch_window has no effect: it is for batch_mode = fixed\n"},
    {"batch_window = 50ms\nbatch_mode = fixed", NULL},
    {"batch_turn = 50ms", NULL},
    {"batch_turn = 50ms\nbatch_mode = off", "e.conf:1: batch_turn has no effect on batches: "},
    {"memory_budget = 2MB", NULL},
    {"parallel = 2", NULL},
    {"parallel = 2\nbatch_mode = fixed", "e.conf:1: parallel has no effect: it is for batch_mode = adaptive\n"},
    {"result_cache = 0", "e.conf:1: result_cache is 0: "},
    {"rate_per_ip = 0", NULL},
    {"rate_per_ip = 0.001", NULL},
    {"batch_max = 8\nbatch_mode = off", "e.conf:1: batch_max has no effect: batch_mode is off\n"},
    {"fetch_allow = a.b", "e.conf:1: fetch_allow has no effect: fetch and webhook are off\n"},
    {"fetch = https\nfetch_allow = a.b", NULL},
    {"fetch_per_minute = 5", "e.conf:1: fetch_per_minute has no effect: fetch is off\n"},
    {"webhook_secret = abc", "e.conf:1: webhook_secret has no effect: webhook is off\n"},
    {"webhook = https", "e.conf:1: webhook is on without webhook_secret: "},
    {"webhook = https\nwebhook_secret = abc", NULL},
    {"redis = redis://h\nstore = s3://media", NULL},
    {"store_url_ttl = 5m", "e.conf:1: store_url_ttl has no effect: there is no store\n"},
    {"log_text = on", "e.conf:1: log_text is on: "},
    {"listen = 0.0.0.0:8080", "e.conf:1: listen is reachable from other machines and anonymous is on: "},
    {"admin_listen = [::]:9090", "e.conf:1: admin_listen is reachable from other machines: "},
    {"admin_listen = 0.0.0.0:0\nlisten = 127.0.0.1:0", "e.conf:1: admin_listen is reachable"},
    {"trusted_proxies = 0.0.0.0/0", "e.conf:1: trusted_proxies trusts every address: "},
    {"rate_per_ip = 20", "burst_per_ip is less than a second of rate_per_ip: "},
    {"connections_max = 100", "connections_per_ip is more than connections_max: "},
    {"body_max = 1MB", "reference_bytes_max is more than body_max: "},
};

static void doubts_are_warnings(void **state) {
    for (size_t i = 0; i < EV_ARRAY_COUNT(doubts); i++) {
        sv_config *c = *state;
        ev_buf warnings = {0};
        assert_int_equal(sv_config_parse(c, "e.conf", doubts[i].text, strlen(doubts[i].text), NULL), EV_OK);
        assert_int_equal(sv_config_check(c, &warnings, NULL), EV_OK);
        const char *want = doubts[i].warning, *got = warnings.data ? (const char *)warnings.data : "";
        if (strncmp(got, want ? want : "", want ? strlen(want) : 1) != 0) fail_msg("%s: %s", doubts[i].text, got);
        ev_buf_free(&warnings);
        tear_down(state);
        set_up(state);
    }
}

/* ---- reload ---- */

static void reload_keeps_what_needs_a_restart(void **state) {
    sv_config *running = *state, fresh;
    ev_buf notes = {0};
    parse(running, "threads = 2\ntrusted_proxies = ::1\n");
    assert_int_equal(sv_config_init(&fresh, NULL), EV_OK);
    parse(&fresh, "threads = 4\nlisten = 127.0.0.1:81\nrate_per_ip = 3\n");
    assert_int_equal(sv_config_keep(&fresh, running, &notes, NULL), EV_OK);
    assert_int_equal(fresh.threads, 2);
    assert_string_equal(fresh.listen, "127.0.0.1:8080");
    assert_true(fresh.rate_per_ip == 3);
    assert_string_equal(fresh.trusted_proxies, "");
    assert_string_equal(
        notes.data, "emotivoice.conf:2: listen = 127.0.0.1:81 takes effect at the next start: 127.0.0.1:8080 stays\n"
                    "emotivoice.conf:1: threads = 4 takes effect at the next start: 2 stays\n");
    assert_true(sv_config_find("log_level")->live);
    assert_true(sv_config_find("keys-file")->live);
    assert_false(sv_config_find("listen")->live);
    assert_null(sv_config_find("nothing"));
    ev_buf_free(&notes);
    sv_config_free(&fresh);
}

/* ---- the annotated file ---- */

/* Every key once, commented out, with the table's default, and "(live)" in its comment exactly when it is. */
static void annotated_file_agrees_with_the_table(void **state) {
    (void)state;
    FILE *file = fopen(EV_TEST_DIR "/../docs/emotivoice.conf", "r");
    char line[256], comment[2048] = "";
    size_t next = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' && line[1] != ' ' && line[1] != '\0') {
            char want[256];
            assert_true(next < SV_KEY_COUNT);
            const sv_config_row *row = &sv_config_rows[next++];
            snprintf(want, sizeof want, "#%s =%s%s", row->key, *row->fallback ? " " : "", row->fallback);
            assert_string_equal(line, want);
            if ((strstr(comment, "(live)") != NULL) != row->live) fail_msg("%s: (live)?", row->key);
            if (strlen(comment) < 20) fail_msg("%s has no comment", row->key);
        } else if (line[0] == '#') {
            strncat(comment, line, sizeof comment - strlen(comment) - 1);
            continue;
        }
        comment[0] = '\0';
    }
    fclose(file);
    assert_int_equal(next, SV_KEY_COUNT);
}

static void annotated_file_is_read(void **state) {
    ev_error err = {0};
    if (sv_config_file(*state, EV_TEST_DIR "/../docs/emotivoice.conf", &err) != EV_OK) fail_msg("%s", err.message);
}

int main(void) {
#define WITH_CONFIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_CONFIG(defaults_are_the_documented_ones),
        WITH_CONFIG(units_are_read),
        WITH_CONFIG(words_lists_and_addresses_are_read),
        WITH_CONFIG(file_habits_are_understood),
        WITH_CONFIG(stronger_origin_wins_in_any_order),
        WITH_CONFIG(misspelt_variables_are_mentioned),
        WITH_CONFIG(print_shows_origins_and_hides_secrets),
        WITH_CONFIG(print_reads_back),
        WITH_CONFIG(mistakes_name_place_and_fix),
        WITH_CONFIG(other_origins_are_named_their_way),
        WITH_CONFIG(unreadable_files_are_refused),
        WITH_CONFIG(clashes_are_refused),
        WITH_CONFIG(doubts_are_warnings),
        WITH_CONFIG(reload_keeps_what_needs_a_restart),
        cmocka_unit_test(annotated_file_agrees_with_the_table),
        WITH_CONFIG(annotated_file_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
