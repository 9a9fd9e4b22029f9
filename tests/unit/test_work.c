/* work: what ev_synth_work says a batch takes, against what the arena gave. Never less; at most a quarter more. */
#include "unit/engine_fixture.h"

#include "synth/synth.h"

enum { SENTENCES = 8 };

static const char *const texts[SENTENCES] = {
    "Yes.",
    "The kettle is on, and the rain has stopped.",
    "\xe4\xbb\x8a\xe5\xa4\xa9\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd\xe3\x80\x82",
    "Nobody had seen the bus which was to take us over the mountains, and so we went down to the river on foot.",
    "It ends here, and there is no more of it.",
    "Good morning.",
    "Seven, eight, nine.",
    "\xe6\x88\x91\xe4\xbb\xac\xe6\x98\x8e\xe5\xa4\xa9\xe5\x86\x8d\xe8\xaf\xb4\xe3\x80\x82"};

static ev_task *tasks[64];
static size_t task_count;

static void open_tasks(size_t first, size_t n, float speed) {
    task_count = n;
    for (size_t i = 0; i < n; i++) {
        ev_request r = request_of(texts[(first + i) % SENTENCES]);
        ev_error err = {0};
        r.speed = speed;
        if (ev_task_create(&tasks[i], model, &r, 0, &err) != EV_OK) fail_msg("%s", err.message);
    }
}

static void close_tasks(void) {
    while (task_count) ev_task_free(&tasks[--task_count]);
}

static ev_progress progress_of(size_t i) {
    ev_progress p;
    ev_task_progress(tasks[i], &p);
    return p;
}

/* slack: told may be this many times what was taken, and a little more, which counts where there is hardly any work.
 */
static void compare(const char *what, size_t n, size_t size, size_t told, double slack) {
    const size_t taken = synth->queue->arena.peak;
    assert_int_equal(synth->queue->arena.used, 0);
    if (taken > told || (double)told > slack * (double)taken + 65536)
        fail_msg("%s of %zu, size %zu: told %zu bytes, took %zu", what, n, size, told, taken);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static void decode(const ev_work *w) {
    size_t tokens = 0, frames = 0;
    ev_error err = {0};
    for (size_t i = 0; i < task_count; i++) tokens += progress_of(i).next_tokens;
    synth->queue->arena.peak = 0;
    if (ev_synth_decode(synth, tasks, task_count, &err) != EV_OK) fail_msg("%s", err.message);
    for (size_t i = 0; i < task_count; i++) frames += progress_of(i).ready_frames;
    const size_t encoder = tokens * w->encode_bytes, decoder = least(frames, w->frames_max) * w->frame_bytes;
    const size_t told = w->decode_bytes + task_count * w->sentence_bytes + tokens * w->token_bytes +
                        (encoder > decoder ? encoder : decoder);
    /* sentences of several runs fill none to the brim */
    compare("decode", task_count, tokens, told, frames > w->frames_max ? 1.6 : 1.25);
}

static void vocode(const ev_work *w, size_t most) {
    ev_slice slices[64];
    ev_stats stats;
    size_t rows = 0;
    ev_error err = {0};
    for (size_t i = 0; i < task_count; i++) {
        slices[i] = (ev_slice){tasks[i], least(most, progress_of(i).ready_frames)};
        rows += slices[i].frames + w->slice_rows;
    }
    synth->queue->arena.peak = 0;
    if (ev_synth_vocode(synth, slices, task_count, &err) != EV_OK) fail_msg("%s", err.message);
    ev_synth_stats(synth, &stats);
    assert_true(stats.frames_processed <= rows);
    if (stats.frames_processed > w->rows_max) {
        compare("vocode", task_count, rows, w->vocode_bytes + w->rows_max * w->row_bytes, 1.6);
        return;
    }
    /* of the rows that there were, then of those that a caller must count with */
    const size_t real = (size_t)stats.frames_processed;
    compare("vocode, rows", task_count, real, w->vocode_bytes + real * w->row_bytes, 1.1);
    compare("vocode", task_count, rows, w->vocode_bytes + least(rows, w->rows_max) * w->row_bytes,
            1.1 * (double)rows / (double)real); /* no less but for the margins of slices without neighbours */
    assert_true(rows - real <= task_count * w->slice_rows);
}

static void batches_take_what_is_told(void **state) {
    (void)state;
    static const size_t counts[] = {1, 1, 1, 1, 2, 3, 5, 8, 16, 22}, frames[] = {16, 32, 128, 256};
    ev_work w;
    ev_synth_work(synth, &w);
    for (size_t i = 0; i < EV_ARRAY_COUNT(counts); i++) {
        open_tasks(i, counts[i], 1);
        decode(&w);
        for (size_t k = 0; k < EV_ARRAY_COUNT(frames) && counts[i] * (frames[k] + w.slice_rows) <= w.rows_max; k++) {
            if (progress_of(0).ready_frames >= frames[k]) vocode(&w, frames[k]);
        }
        vocode(&w, 200); /* the rest, or several runs of it */
        close_tasks();
    }
}

static void fast_speech_has_fewer_frames_than_tokens(void **state) {
    (void)state;
    ev_work w;
    ev_synth_work(synth, &w);
    open_tasks(0, 8, 4);
    decode(&w);
    close_tasks();
    open_tasks(0, 8, 0.25f); /* more than one round's frames */
    decode(&w);
    close_tasks();
}

static void threads_and_sentences_are_counted(void **state) {
    (void)state;
    ev_synth *own = synth, *others[2];
    ev_work w, wider;
    ev_synth_options options;
    ev_synth_options_init(&options);
    for (int i = 0; i < 2; i++) {
        options.threads = i ? 4 : 1;
        options.sentence_ms_max = i ? 60000 : 1000;
        assert_int_equal(ev_synth_create(&others[i], model, &options, NULL), EV_OK);
        synth = others[i];
        ev_synth_work(synth, i ? &wider : &w);
        open_tasks(3, 4, 1);
        decode(i ? &wider : &w);
        vocode(i ? &wider : &w, 60);
        close_tasks();
    }
    synth = own;
    assert_true(wider.encode_bytes > w.encode_bytes); /* each thread has attention's buffers */
    assert_true(wider.batch_bytes > w.batch_bytes && w.batch_bytes <= w.bytes && wider.batch_bytes <= wider.bytes);
    assert_int_equal(wider.row_bytes, w.row_bytes);
    for (int i = 0; i < 2; i++) ev_synth_free(&others[i]);
}

static void rows_are_those_of_the_vocoder(void **state) {
    (void)state;
    ev_work w;
    ev_stats stats;
    ev_synth_work(synth, &w);
    open_tasks(3, 1, 1);
    assert_int_equal(ev_synth_decode(synth, tasks, 1, NULL), EV_OK);
    const size_t first = 100; /* from there on a slice has neighbours on both sides */
    assert_true(progress_of(0).ready_frames > 2 * first + w.slice_rows);
    const ev_slice slice = {tasks[0], first};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ev_synth_vocode(synth, &slice, 1, NULL), EV_OK);
        ev_synth_stats(synth, &stats);
        assert_int_equal(stats.frames_useful, first);
        if (i == 1) assert_int_equal(stats.frames_processed, first + w.slice_rows);
        assert_true(stats.frames_processed <= first + w.slice_rows);
    }
    close_tasks();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_take_what_is_told), cmocka_unit_test(fast_speech_has_fewer_frames_than_tokens),
        cmocka_unit_test(threads_and_sentences_are_counted), cmocka_unit_test(rows_are_those_of_the_vocoder)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
