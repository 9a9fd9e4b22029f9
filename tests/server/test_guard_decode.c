/* decode: good files come back as ev_audio_decode gives them; junk is named; helpers that crash, hang, flood or lie
 * cost one file and nothing else. This program is its own helper: "--helper FILE" behaves as FILE says at that time.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard_test.h"
#include "server/guard/decode.h"

static char mode_path[] = "/tmp/ev_test_decode_XXXXXX";

/* ---- the helper ---- */

static void put(const void *bytes, size_t size) {
    if (write(STDOUT_FILENO, bytes, size) < 0) _exit(2);
}

static void lie(sv_decode_reply r, size_t floats, float value) {
    put(&r, sizeof(r));
    for (size_t i = 0; i < floats; i++) put(&value, sizeof(value));
}

static void flood(void) {
    static char block[65536];
    for (;;) put(block, sizeof(block));
}

static void swallow(void) {
    char block[65536];
    while (read(STDIN_FILENO, block, sizeof(block)) > 0) {
    }
}

static int misbehave(const char *mode) {
    const sv_decode_reply good = {.magic = SV_DECODE_MAGIC, .status = EV_OK, .sample_rate = 16000, .count = 4};
    sv_decode_reply r = good;
    if (strcmp(mode, "abort") == 0) abort();
    if (strcmp(mode, "sleep") == 0)
        for (;;) pause();
    if (strcmp(mode, "spin") == 0)
        for (volatile int on = 1; on;) {
        }
    if (strcmp(mode, "flood") == 0) flood();
    swallow();
    if (strcmp(mode, "honest") == 0) lie(r, 4, 0.5f);
    if (strcmp(mode, "nothing") == 0) return 0;
    if (strcmp(mode, "half header") == 0) put(&r, 20);
    if (strcmp(mode, "magic") == 0) lie((r.magic++, r), 4, 0);
    if (strcmp(mode, "status") == 0) lie((r.status = -99, r), 4, 0);
    if (strcmp(mode, "rate low") == 0) lie((r.sample_rate = -1, r), 4, 0);
    if (strcmp(mode, "rate high") == 0) lie((r.sample_rate = INT32_MAX, r), 4, 0);
    if (strcmp(mode, "no sound") == 0) lie((r.count = 0, r), 0, 0);
    if (strcmp(mode, "too few") == 0) lie(r, 3, 0);
    if (strcmp(mode, "too many") == 0) lie(r, 5, 0);
    if (strcmp(mode, "count") == 0) lie((r.count = UINT32_MAX, r), 4, 0);
    if (strcmp(mode, "wrap") == 0) lie((r.count = 0x40000004, r), 4, 0);
    if (strcmp(mode, "nan") == 0) lie(r, 4, NAN);
    if (strcmp(mode, "loud") == 0) lie(r, 4, 1e30f);
    if (strcmp(mode, "error and sound") == 0) lie((r.status = EV_E_AUDIO, r), 4, 0);
    if (strcmp(mode, "message") == 0) { /* no end, and terminal codes */
        r.status = EV_E_AUDIO;
        memset(r.message, '\x1b', sizeof(r.message));
        lie(r, 0, 0);
    }
    return 0;
}

/* What a broken decoder might try. Whoever succeeds answers like an honest helper. */
static int try_more(const char *mode) {
    const sv_decode_reply good = {.magic = SV_DECODE_MAGIC, .status = EV_OK, .sample_rate = 16000, .count = 4};
    if (!sv_decoder_give_up_rights(false)) return 1;
    swallow();
    bool done = strcmp(mode, "try nothing") == 0;
    if (strcmp(mode, "try open") == 0) done = open("/etc/passwd", O_RDONLY) >= 0;
    if (strcmp(mode, "try socket") == 0) done = socket(AF_INET, SOCK_STREAM, 0) >= 0;
#ifndef SV_SANITIZED
    if (strcmp(mode, "try fork") == 0) done = fork() >= 0;
    if (strcmp(mode, "try signal") == 0) done = kill(getppid(), 0) == 0;
    if (strcmp(mode, "try memory") == 0)
        done = mmap(NULL, 600 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
    if (strcmp(mode, "try code") == 0)
        done = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
#endif
    if (done) lie(good, 4, 0.5f);
    return 0;
}

/* A system that has no seccomp, as far as the decoder can see. */
static int decode_unfiltered(bool may_lack_filter) {
    const struct scmp_arg_cmp sets_a_filter = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_SECCOMP};
    scmp_filter_ctx none = seccomp_init(SCMP_ACT_ALLOW);
    const bool made = none && seccomp_rule_add(none, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0) == 0 &&
                      seccomp_rule_add_array(none, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, &sets_a_filter) == 0 &&
                      seccomp_load(none) == 0;
    seccomp_release(none);
    return made ? sv_decoder_child_main(may_lack_filter) : 1;
}

/* Reads its mode when its file comes, so that spares follow the test. */
static int helper_main(const char *path) {
    char mode[64] = "";
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, mode, sizeof(mode) - 1);
    close(fd);
    if (n > 0 && strcmp(mode, "leave") == 0) return 0; /* while it waits */
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
    poll(&p, 1, -1);
    fd = open(path, O_RDONLY);
    n = read(fd, mode, sizeof(mode) - 1);
    close(fd);
    mode[n > 0 ? n : 0] = '\0';
    if (strncmp(mode, "try ", 4) == 0) return try_more(mode);
    if (strncmp(mode, "unfiltered", 10) == 0) return decode_unfiltered(strcmp(mode, "unfiltered, told") == 0);
    return strcmp(mode, "good") == 0 ? sv_decoder_child_main(false) : misbehave(mode);
}

/* ---- help ---- */

static void set_mode(const char *mode) {
    char next[sizeof(mode_path) + 8];
    snprintf(next, sizeof(next), "%s.new", mode_path);
    const int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, mode, strlen(mode)), strlen(mode));
    close(fd);
    assert_int_equal(rename(next, mode_path), 0);
}

static sv_decoder *decoder(int helpers) {
    const char *const argv[] = {"/proc/self/exe", "--helper", mode_path, NULL};
    sv_decoder *d = NULL;
    ev_error err;
    set_mode("good");
    if (sv_decoder_create(&d, argv, helpers, &err) != EV_OK) fail_msg("%s", err.message);
    return d;
}

static void encode(ev_format format, size_t count, int32_t rate, void **bytes, size_t *size) {
    ev_audio audio = {.samples = malloc(count * sizeof(float)), .count = count, .sample_rate = rate};
    assert_non_null(audio.samples);
    for (size_t i = 0; i < count; i++) audio.samples[i] = 0.4f * sinf(0.05f * (float)i);
    ev_error err;
    if (ev_audio_encode(&audio, format, bytes, size, &err) != EV_OK) fail_msg("%s", err.message);
    ev_audio_free(&audio);
}

static void check_same(sv_decoder *d, const void *bytes, size_t size) {
    ev_audio here, there;
    ev_error err;
    assert_int_equal(ev_audio_decode(&here, bytes, size, SV_DECODE_SECONDS_MAX, NULL), EV_OK);
    if (sv_decode_audio(d, bytes, size, &there, &err) != EV_OK) fail_msg("%s", err.message);
    assert_int_equal(there.sample_rate, here.sample_rate);
    assert_int_equal(there.count, here.count);
    assert_memory_equal(there.samples, here.samples, here.count * sizeof(float));
    ev_audio_free(&here);
    ev_audio_free(&there);
}

static void check_recovers(sv_decoder *d) {
    void *bytes = NULL;
    size_t size = 0;
    set_mode("good");
    encode(EV_FORMAT_WAV, 8000, 16000, &bytes, &size);
    check_same(d, bytes, size);
    ev_bytes_free(&bytes);
}

static const char UNDECODABLE[] = "the reference audio cannot be decoded: save it again as WAV";

/* ---- tests ---- */

static void good_files_come_back(void **state) {
    (void)state;
    static const ev_format formats[] = {EV_FORMAT_WAV, EV_FORMAT_WAV_FLOAT, EV_FORMAT_MP3};
    sv_decoder *d = decoder(1);
    for (size_t i = 0; i < EV_ARRAY_COUNT(formats); i++) {
        void *bytes = NULL;
        size_t size = 0;
        encode(formats[i], 30 * 16000, 16000, &bytes, &size); /* larger than any pipe */
        if (formats[i] != EV_FORMAT_MP3) check_same(d, bytes, size);
        ev_bytes_free(&bytes);
        encode(formats[i], 24000, 24000, &bytes, &size);
        check_same(d, bytes, size);
        ev_bytes_free(&bytes);
    }
    void *large = NULL;
    size_t size = 0;
    encode(EV_FORMAT_WAV, 26 * 192000, 192000, &large, &size); /* near both limits: 10 MB in, 20 MB out */
    check_same(d, large, size);
    ev_bytes_free(&large);
    assert_int_equal(sv_decoder_deaths(d), 0);
    sv_decoder_free(&d);
    assert_null(d);
    sv_decoder_free(&d);
}

static void bad_files_are_named(void **state) {
    (void)state;
    sv_decoder *d = decoder(1);
    ev_audio audio;
    ev_error here = {0}, there = {0};
    void *bytes = NULL;
    size_t size = 0;
    static const char *const junk[] = {"",
                                       "x",
                                       "RIFF",
                                       "RIFF\xff\xff\xff\xffWAVEfmt ",
                                       "not a sound file at all",
                                       "\xff\xfb\x90\x64 not mp3 either",
                                       "ID3\x04\0\0\x7f\x7f\x7f\x7f",
                                       "OggS",
                                       "fLaC"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(junk); i++) {
        const ev_status status = ev_audio_decode(&audio, junk[i], strlen(junk[i]), SV_DECODE_SECONDS_MAX, &here);
        assert_int_equal(status, strcmp(junk[i], "OggS") == 0 ? EV_E_FORMAT : EV_E_AUDIO);
        assert_int_equal(sv_decode_audio(d, junk[i], strlen(junk[i]), &audio, &there), status);
        assert_string_equal(there.message, here.message); /* the decoder's own words */
        assert_null(audio.samples);
    }
    encode(EV_FORMAT_WAV, 31 * 8000, 8000, &bytes, &size);
    assert_int_equal(sv_decode_audio(d, bytes, size, &audio, &there), EV_E_AUDIO);
    assert_has(there.message, "longer than 30 s");
    ev_bytes_free(&bytes);
    bytes = calloc(1, SV_DECODE_BYTES_MAX + 1);
    assert_int_equal(sv_decode_audio(d, bytes, SV_DECODE_BYTES_MAX + 1, &audio, &there), EV_E_AUDIO);
    assert_has(there.message, "10485760");
    assert_int_equal(sv_decode_audio(d, bytes, SV_DECODE_BYTES_MAX, &audio, &there), EV_E_AUDIO);
    free(bytes);
    assert_int_equal(sv_decoder_deaths(d), 0);
    sv_decoder_free(&d);
}

static void bad_helpers_cost_one_file(void **state) {
    (void)state;
    static const char *const modes[] = {"abort",    "flood",     "nothing",  "half header",    "magic",    "status",
                                        "rate low", "rate high", "no sound", "too few",        "too many", "count",
                                        "wrap",     "nan",       "loud",     "error and sound"};
    sv_decoder *d = decoder(2);
    ev_audio audio;
    ev_error err;
    static char file[200000]; /* the helper may be gone while it is sent */
    for (size_t i = 0; i < EV_ARRAY_COUNT(modes); i++) {
        set_mode(modes[i]);
        if (sv_decode_audio(d, file, sizeof(file), &audio, &err) != EV_E_AUDIO) fail_msg("%s", modes[i]);
        assert_string_equal(err.message, UNDECODABLE);
        assert_null(audio.samples);
        assert_int_equal(sv_decoder_deaths(d), i + 1);
        check_recovers(d);
    }
    set_mode("honest"); /* so that it was the lie, and not the helper, that was refused */
    assert_int_equal(sv_decode_audio(d, file, sizeof(file), &audio, &err), EV_OK);
    assert_int_equal(audio.count, 4);
    assert_true(audio.samples[3] == 0.5f);
    ev_audio_free(&audio);
    set_mode("message");
    assert_int_equal(sv_decode_audio(d, "x", 1, &audio, &err), EV_E_AUDIO);
    assert_null(strchr(err.message, '\x1b'));
    sv_decoder_free(&d);
}

static void helpers_can_do_nothing_else(void **state) {
    (void)state;
    static const char *const modes[] = {"try open", "try socket", "try fork", "try signal", "try memory", "try code"};
    sv_decoder *d = decoder(1);
    ev_audio audio;
    ev_error err;
    for (size_t i = 0; i < EV_ARRAY_COUNT(modes); i++) {
        set_mode(modes[i]);
        if (sv_decode_audio(d, "x", 1, &audio, &err) != EV_E_AUDIO) fail_msg("%s", modes[i]);
        assert_string_equal(err.message, UNDECODABLE);
    }
    set_mode("try nothing"); /* so that it was the trying */
    assert_int_equal(sv_decode_audio(d, "x", 1, &audio, &err), EV_OK);
    ev_audio_free(&audio);
    sv_decoder_free(&d);
}

/* No file is read where the filter is off, unless the helper was told that it may be. */
static void no_filter_no_file(void **state) {
    (void)state;
    sv_decoder *d = decoder(1);
    ev_audio audio;
    ev_error err;
    void *bytes = NULL;
    size_t size = 0;
    encode(EV_FORMAT_WAV, 8000, 16000, &bytes, &size);
    set_mode("unfiltered, told");
    check_same(d, bytes, size);
    assert_int_equal(sv_decoder_deaths(d), 0);
#ifndef SV_SANITIZED /* these builds have no filter, and work */
    set_mode("unfiltered");
    assert_int_equal(sv_decode_audio(d, bytes, size, &audio, &err), EV_E_AUDIO);
    assert_string_equal(err.message, UNDECODABLE);
    assert_int_equal(sv_decoder_deaths(d), 1);
#else
    (void)audio, (void)err;
#endif
    check_recovers(d);
    ev_bytes_free(&bytes);
    sv_decoder_free(&d);
}

static void hanging_helpers_are_killed(void **state) {
    (void)state;
    static const char *const modes[] = {"sleep", "spin"};
    sv_decoder *d = decoder(1);
    static char file[500000];
    for (size_t i = 0; i < EV_ARRAY_COUNT(modes); i++) {
        ev_audio audio;
        ev_error err;
        set_mode(modes[i]);
        const double start = ev_clock_s();
        assert_int_equal(sv_decode_audio(d, file, sizeof(file), &audio, &err), EV_E_AUDIO);
        const double took = ev_clock_s() - start;
        assert_true(took >= 2.9 && took < 6);
        assert_string_equal(err.message, UNDECODABLE);
        check_recovers(d);
    }
    assert_int_equal(sv_decoder_deaths(d), 2);
    sv_decoder_free(&d);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left, not even as a zombie */
}

/* Not the file's fault, nor that of a URL: the service lacks something, which may come back. */
static void no_room_for_a_helper_is_memory(void **state) {
    (void)state;
    sv_decoder *d = decoder(1);
    ev_audio audio;
    ev_error err;
    struct rlimit files, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = files.rlim_max};
    set_mode("honest");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(sv_decode_audio(d, "x", 1, &audio, &err), EV_OK); /* by the one that waited */
    ev_audio_free(&audio);
    assert_int_equal(sv_decode_audio(d, "x", 1, &audio, &err), EV_E_MEMORY);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    check_recovers(d);
    sv_decoder_free(&d);
}

static void spares_that_left_are_replaced(void **state) {
    (void)state;
    sv_decoder *d = decoder(1);
    ev_audio audio;
    set_mode("leave");
    sv_decode_audio(d, "x", 1, &audio, NULL); /* its next spare leaves at once */
    usleep(300000);
    check_recovers(d);
    sv_decoder_free(&d);
}

static void wrong_programs_show_at_once(void **state) {
    (void)state;
    const char *const missing[] = {"/nonexistent/program", NULL}, *const other[] = {"/bin/true", NULL};
    sv_decoder *d = NULL;
    ev_error err;
    assert_int_equal(sv_decoder_create(&d, missing, 1, &err), EV_E_IO);
    assert_has(err.message, "/nonexistent/program");
    assert_int_equal(sv_decoder_create(&d, other, 1, &err), EV_E_IO);
    assert_has(err.message, "/bin/true");
    assert_int_equal(sv_decoder_create(&d, other, 0, &err), EV_E_ARGUMENT);
    assert_int_equal(sv_decoder_create(&d, other, 65, &err), EV_E_ARGUMENT);
    assert_null(d);
}

typedef struct user {
    sv_decoder *decoder;
    const void *bytes;
    size_t size;
    int right;
} user;

static void *decode_some(void *arg) {
    user *u = arg;
    for (int i = 0; i < 6; i++) {
        ev_audio audio;
        const bool junk = i % 2;
        const ev_status status =
            sv_decode_audio(u->decoder, junk ? "junk" : u->bytes, junk ? 4 : u->size, &audio, NULL);
        u->right += junk ? status == EV_E_AUDIO : status == EV_OK && audio.count == 8000;
        ev_audio_free(&audio);
    }
    return NULL;
}

static void threads_share_helpers(void **state) {
    (void)state;
    sv_decoder *d = decoder(2);
    void *bytes = NULL;
    size_t size = 0;
    encode(EV_FORMAT_WAV, 8000, 16000, &bytes, &size);
    pthread_t threads[5];
    user users[5];
    for (int i = 0; i < 5; i++) {
        users[i] = (user){d, bytes, size, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, decode_some, &users[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(users[i].right, 6);
    }
    assert_int_equal(sv_decoder_deaths(d), 0);
    ev_bytes_free(&bytes);
    sv_decoder_free(&d);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--helper") == 0) return helper_main(argv[2]);
    const int fd = mkstemp(mode_path);
    if (fd < 0) return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_come_back),           cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(bad_helpers_cost_one_file),      cmocka_unit_test(helpers_can_do_nothing_else),
        cmocka_unit_test(hanging_helpers_are_killed),     cmocka_unit_test(spares_that_left_are_replaced),
        cmocka_unit_test(no_room_for_a_helper_is_memory), cmocka_unit_test(wrong_programs_show_at_once),
        cmocka_unit_test(threads_share_helpers),          cmocka_unit_test(no_filter_no_file),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(mode_path);
    return failed;
}
