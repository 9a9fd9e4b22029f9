/* Uploads: whoever hands one in is told once how it ended, and what nobody waits for is not begun. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/voices/uploads.h"

typedef struct caller { /* waits for one upload */
    pthread_mutex_t lock;
    pthread_cond_t told;
    int wakes;
} caller;

static char folder[] = "/tmp/emotivoice-uploads-XXXXXX";
static ev_model *model;
static sv_config config;
static sv_voices *voices;

static void wake(void *user) {
    caller *c = user;
    pthread_mutex_lock(&c->lock);
    c->wakes++;
    pthread_cond_signal(&c->told);
    pthread_mutex_unlock(&c->lock);
}

/* Hands in what is no recording; the state it ends with. */
static sv_upload_state hand_in(sv_uploads *uploads, bool left, ev_status *status) {
    caller c = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
    sv_upload *u = calloc(1, sizeof *u);
    assert_non_null(u);
    u->wake = wake;
    u->user = &c;
    u->voices = voices;
    ev_buf_append(&u->audio, "no sound", 8);
    atomic_init(&u->left, left);
    sv_uploads_put(uploads, u);
    pthread_mutex_lock(&c.lock);
    while (!c.wakes) pthread_cond_wait(&c.told, &c.lock);
    pthread_mutex_unlock(&c.lock);
    const sv_upload_state state = u->state;
    *status = u->status;
    sv_uploads_remove(uploads, &u);
    assert_null(u);
    assert_int_equal(c.wakes, 1);
    return state;
}

static void ends_are_told(void **state) {
    (void)state;
    sv_uploads *uploads = NULL;
    ev_error err = {0};
    ev_status status;
    assert_int_equal(sv_uploads_create(&uploads, &err), EV_OK);
    assert_int_equal(hand_in(uploads, false, &status), SV_UPLOAD_OVER);
    assert_int_equal(status, EV_E_AUDIO);
    assert_int_equal(hand_in(uploads, true, &status), SV_UPLOAD_OVER);
    assert_int_equal(status, EV_E_CANCELED);
    sv_uploads_stop(uploads);
    assert_int_equal(hand_in(uploads, false, &status), SV_UPLOAD_STOPS);
    sv_uploads_free(&uploads);
    assert_null(uploads);
}

static int open_voices(void **state) {
    (void)state;
    ev_error err = {0};
    if (mkdtemp(folder) && ev_model_open(&model, NULL, NULL, &err) == EV_OK &&
        sv_config_init(&config, &err) == EV_OK &&
        sv_config_set(&config, "voices_dir", folder, (sv_origin){.from = SV_FROM_FLAG}, &err) == EV_OK &&
        sv_voices_create(&voices, model, NULL, &config, NULL, NULL, &err) == EV_OK)
        return 0;
    print_error("%s\n", err.message);
    return -1;
}

static int close_voices(void **state) {
    (void)state;
    sv_voices_free(&voices);
    sv_config_free(&config);
    ev_model_free(&model);
    return rmdir(folder); /* nothing was kept */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends_are_told)};
    return cmocka_run_group_tests(tests, open_voices, close_voices);
}
