/* s3: a bucket as a store. Here what needs no server: where it is, signed URLs against Amazon's own example, rules,
 * XML. test_s3.py runs the rest, which is here too, with an S3 in EMOTIVOICE_TEST_S3_ENDPOINT.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/store/s3_inner.h"

static const char KEY[] = "00112233445566778899aabbccddeeff", OTHER[] = "00ffffffffffffffffffffffffffffff";

/* ---- where it is ---- */

static void clear_environment(void) {
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(names); i++) unsetenv(names[i]);
}

static void urls_name_places(void **state) {
    (void)state;
    static const struct {
        const char *url, *origin, *path;
    } cases[] = {
        {"s3://media", "https://media.s3.us-east-1.amazonaws.com", "/x/k"},
        {"s3://media/?region=eu-west-1", "https://media.s3.eu-west-1.amazonaws.com", "/x/k"},
        {"s3://media/a/b?region=eu-west-1", "https://media.s3.eu-west-1.amazonaws.com", "/a/b/x/k"},
        {"s3://media/a/b/?region=eu-west-1", "https://media.s3.eu-west-1.amazonaws.com", "/a/b/x/k"},
        {"s3://media?region=cn-north-1", "https://media.s3.cn-north-1.amazonaws.com.cn", "/x/k"},
        {"s3://me.dia?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com", "/me.dia/x/k"},
        {"s3://media?style=path", "https://s3.us-east-1.amazonaws.com", "/media/x/k"},
        {"s3://media?endpoint=http://127.0.0.1:9000", "http://127.0.0.1:9000", "/media/x/k"},
        {"s3://media?endpoint=http%3A%2F%2F127.0.0.1%3A9000/", "http://127.0.0.1:9000", "/media/x/k"},
        {"s3://media?endpoint=https://minio:443", "https://minio", "/media/x/k"},
        {"s3://media?endpoint=http://minio:80", "http://minio", "/media/x/k"},
        {"s3://media?endpoint=http://minio:443", "http://minio:443", "/media/x/k"},
        {"s3://media?endpoint=http://[::1]:9000", "http://[::1]:9000", "/media/x/k"},
        {"s3://media?endpoint=http://minio:9000&style=virtual", "http://media.minio:9000", "/x/k"},
        {"s3://media/p?endpoint=https://x.supabase.co/storage/v1/s3", "https://x.supabase.co",
         "/storage/v1/s3/media/p/x/k"},
    };
    clear_environment();
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        sv_s3_location place;
        sv_s3_target t;
        ev_error err = {0};
        if (sv_s3_location_parse(&place, cases[i].url, &err) != EV_OK) fail_msg("%s: %s", cases[i].url, err.message);
        sv_s3_target_of(&t, &place, place.endpoint, "x/k");
        assert_string_equal(t.origin, cases[i].origin);
        assert_string_equal(t.path, cases[i].path);
    }
}

static void the_environment_fills_gaps(void **state) {
    (void)state;
    sv_s3_location place;
    ev_error err;
    clear_environment();
    setenv("AWS_DEFAULT_REGION", "eu-north-1", 1);
    assert_int_equal(sv_s3_location_parse(&place, "s3://media", &err), EV_OK);
    assert_string_equal(place.endpoint, "https://s3.eu-north-1.amazonaws.com");
    setenv("AWS_REGION", "eu-south-1", 1);
    setenv("AWS_ENDPOINT_URL", "http://garage:3900", 1);
    assert_int_equal(sv_s3_location_parse(&place, "s3://media?public=https://media.example.org", &err), EV_OK);
    assert_string_equal(place.region, "eu-south-1");
    assert_string_equal(place.endpoint, "http://garage:3900");
    assert_string_equal(place.public, "https://media.example.org");
    assert_true(place.path_style);
    clear_environment();
}

static void urls_that_are_none_say_what_to_change(void **state) {
    (void)state;
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"", "s3://bucket/prefix"},
        {"https://media.s3.amazonaws.com", "s3://bucket/prefix"},
        {"s3://", "no name of a bucket"},
        {"s3://ab", "3 to 63"},
        {"s3://Media", "no name of a bucket"},
        {"s3://me/../dia", "no name of a bucket"},
        {"s3://media/../other", "no prefix"},
        {"s3://media//a", "no prefix"},
        {"s3://media/a b", "no prefix"},
        {"s3://key:secret@media", "AWS_ACCESS_KEY_ID"},
        {"s3://media?regoin=eu-west-1", "no option 'regoin'"},
        {"s3://media?region=EU West", "region"},
        {"s3://media?region=eu%2", "badly escaped"},
        {"s3://media?region=eu%0a", "badly escaped"},
        {"s3://media?endpoint=minio:9000", "http:// or https://"},
        {"s3://media?endpoint=http://a@b:9000", "http:// or https://"},
        {"s3://media?endpoint=http://minio:99999", "http:// or https://"},
        {"s3://media?endpoint=http://minio/a?b=c", "http:// or https://"},
        {"s3://media?public=ftp://minio", "public"},
        {"s3://media?style=host", "path or virtual"},
    };
    clear_environment();
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        sv_s3_location place;
        ev_error err = {0};
        assert_int_equal(sv_s3_location_parse(&place, cases[i].url, &err), EV_E_ARGUMENT);
        if (!strstr(err.message, cases[i].says)) fail_msg("%s: %s", cases[i].url, err.message);
    }
}

static void keys_are_needed(void **state) {
    (void)state;
    sv_s3 *s3 = NULL;
    ev_error err;
    char *access = getenv("AWS_ACCESS_KEY_ID") ? strdup(getenv("AWS_ACCESS_KEY_ID")) : NULL;
    unsetenv("AWS_ACCESS_KEY_ID");
    assert_int_equal(sv_s3_open(&s3, &(sv_s3_options){.url = "s3://media"}, &err), EV_E_ARGUMENT);
    assert_non_null(strstr(err.message, "AWS_SECRET_ACCESS_KEY"));
    assert_null(s3);
    if (access) setenv("AWS_ACCESS_KEY_ID", access, 1);
    free(access);
}

/* ---- signed URLs ---- */

/* The example of "Authenticating Requests: Using Query Parameters" of Amazon's S3 API reference. */
static void a_signed_url_is_amazons(void **state) {
    (void)state;
    char access[] = "AKIAIOSFODNN7EXAMPLE", secret[] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", token[] = "";
    const sv_s3_credentials credentials = {access, secret, token};
    sv_s3_location place;
    ev_buf out = {0};
    ev_error err;
    clear_environment();
    assert_int_equal(
        sv_s3_location_parse(&place, "s3://examplebucket?endpoint=https://s3.amazonaws.com&style=virtual", &err),
        EV_OK);
    const sv_s3_presign what = {.now = 1369353600, .seconds = 86400}; /* 2013-05-24T00:00:00Z */
    assert_int_equal(sv_s3_presign_url(&out, &place, &credentials, "test.txt", &what, &err), EV_OK);
    assert_string_equal((const char *)out.data,
                        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
                        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
                        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    ev_buf_free(&out);
}

/* ---- rules, XML ---- */

static void rules_are_for_each_kind_of_object(void **state) {
    (void)state;
    static const char *const names[] = {"results", "files"};
    ev_buf out = {0};
    ev_error err;
    clear_environment();
    assert_int_equal(sv_s3_lifecycle("s3://media/tts", names, 2, 3, &out, &err), EV_OK);
    json_t *json = json_loadb((const char *)out.data, out.size, 0, NULL);
    const json_t *second = json_array_get(json_object_get(json, "Rules"), 1);
    assert_string_equal(json_string_value(json_object_get(json_object_get(second, "Filter"), "Prefix")),
                        "tts/files/");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(second, "Expiration"), "Days")), 3);
    assert_null(json_array_get(json_object_get(json, "Rules"), 2));
    json_decref(json);
    ev_buf_free(&out);
}

static void collect(void *user, const char *name, const char *text) { ev_buf_printf(user, "%s=%s;", name, text); }

static void xml_is_read_as_xml(void **state) {
    (void)state;
    static const char good[] = "<?xml version=\"1.0\"?><R xmlns=\"u\"><K>a&amp;b</K><E/> </R>",
                      entity[] = "<!DOCTYPE R [<!ENTITY a \"aaaa\">]><R>&a;</R>", cut[] = "<R><K>a</K>";
    ev_buf out = {0};
    assert_true(sv_s3_xml(good, sizeof good - 1, collect, &out));
    assert_string_equal((const char *)out.data, "K=a&b;E=;R= ;");
    ev_buf_free(&out);
    assert_false(sv_s3_xml(entity, sizeof entity - 1, collect, &out));
    assert_false(sv_s3_xml(cut, sizeof cut - 1, collect, &out));
    assert_false(sv_s3_xml("", 0, collect, &out));
    ev_buf_free(&out);
}

/* ---- with a server ---- */

static sv_s3 *s3;
static sv_metrics *metrics;

/* The store "results" at this prefix, which decides how the server fails. */
static sv_store *open_store(const char *prefix) {
    const char *endpoint = getenv("EMOTIVOICE_TEST_S3_ENDPOINT");
    char url[300];
    sv_store *store = NULL;
    ev_error err = {0};
    if (!endpoint) skip();
    snprintf(url, sizeof url, "s3://media/%s?region=eu-central-1&endpoint=%s", prefix, endpoint);
    assert_int_equal(sv_metrics_create(&metrics, &err), EV_OK);
    if (sv_s3_open(&s3, &(sv_s3_options){.url = url, .metrics = metrics}, &err) != EV_OK) fail_msg("%s", err.message);
    assert_int_equal(sv_store_s3(&store, s3, "results", &err), EV_OK);
    return store;
}

static void close_all(sv_store *store) {
    sv_store_close(&store);
    sv_s3_close(&s3);
    sv_metrics_free(&metrics);
}

static void is_put(sv_store *store, const char *key, const void *bytes, size_t size) {
    ev_error err = {0};
    if (sv_store_put(store, key, bytes, size, &err) != EV_OK) fail_msg("%s", err.message);
}

static void is_got(sv_store *store, const char *key, const void *bytes, size_t size) {
    ev_error err = {0};
    char *out = malloc(size + 1);
    if (sv_store_get(store, key, size, out, &err) != EV_OK) fail_msg("%s", err.message);
    assert_memory_equal(out, bytes, size);
    free(out);
}

static void is_missing(sv_store *store, const char *key) {
    char out[5];
    ev_error err;
    assert_int_equal(sv_store_get(store, key, sizeof out, out, &err), EV_E_NOT_FOUND);
}

static void what_is_put_is_read(void **state) {
    (void)state;
    sv_store *store = open_store("plain");
    ev_error err = {0};
    if (sv_s3_check(s3, &err) != EV_OK) fail_msg("%s", err.message);
    is_missing(store, KEY);
    is_put(store, KEY, "hello", 5);
    is_got(store, KEY, "hello", 5);
    is_missing(store, OTHER);
    is_put(store, KEY, "longer", 6);
    is_got(store, KEY, "longer", 6);
    is_put(store, OTHER, "", 0);
    is_got(store, OTHER, "", 0);
    assert_int_equal(sv_store_get(store, KEY, 5, (char[5]){0}, &err), EV_E_FORMAT);
    assert_int_equal(sv_store_get(store, KEY, 7, (char[7]){0}, &err), EV_E_FORMAT);
    assert_int_equal(sv_store_put(store, "../../../../../../etc/passwd0000", "x", 1, &err), EV_E_ARGUMENT);
    assert_int_equal(sv_store_remove(store, "00", &err), EV_E_ARGUMENT);
    assert_int_equal(sv_store_remove(store, KEY, &err), EV_OK);
    assert_int_equal(sv_store_remove(store, KEY, &err), EV_OK);
    close_all(store); /* which ends what is to be removed */
    store = open_store("plain");
    is_missing(store, KEY);
    is_got(store, OTHER, "", 0);
    close_all(store);
}

/* 20 MB in three parts. */
static void what_is_large_goes_in_parts(void **state) {
    (void)state;
    sv_store *store = open_store("large");
    const size_t size = 20 << 20;
    unsigned char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 24);
    is_put(store, KEY, bytes, size);
    is_got(store, KEY, bytes, size);
    close_all(store);
    free(bytes);
}

static void an_upload_that_fails_leaves_nothing(void **state) {
    (void)state;
    static const char *const prefixes[] = {"part-403", "complete-late"};
    static char bytes[9 << 20];
    for (size_t i = 0; i < EV_ARRAY_COUNT(prefixes); i++) {
        sv_store *store = open_store(prefixes[i]);
        ev_error err;
        assert_int_not_equal(sv_store_put(store, KEY, bytes, sizeof bytes, &err), EV_OK);
        is_missing(store, KEY);
        close_all(store);
    }
}

static void what_fails_once_is_tried_again(void **state) {
    (void)state;
    static const char *const prefixes[] = {"once-500",  "once-503", "once-429",   "once-close",
                                           "once-lost", "once-cut", "once-short", "once-flip"};
    for (size_t i = 0; i < EV_ARRAY_COUNT(prefixes); i++) {
        sv_store *store = open_store(prefixes[i]);
        is_put(store, KEY, "hello", 5);
        is_got(store, KEY, "hello", 5);
        close_all(store);
    }
}

static void what_is_damaged_is_never_given(void **state) {
    (void)state;
    static const struct {
        const char *prefix;
        ev_status status;
    } cases[] = {{"always-cut", EV_E_LIMIT}, {"always-short", EV_E_FORMAT}, {"always-flip", EV_E_FORMAT}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        sv_store *store = open_store(cases[i].prefix);
        static const char bytes[100] = "of a hundred";
        char out[sizeof bytes];
        ev_error err;
        is_put(store, KEY, bytes, sizeof bytes);
        assert_int_equal(sv_store_get(store, KEY, sizeof out, out, &err), cases[i].status);
        close_all(store);
    }
}

static void what_stays_wrong_is_told(void **state) {
    (void)state;
    static const struct {
        const char *prefix;
        ev_status status;
        const char *says;
    } cases[] = {{"always-503", EV_E_LIMIT, "cannot be asked now: status 503 SlowDown"},
                 {"always-403", EV_E_ARGUMENT, "s3:PutObject"},
                 {"always-507", EV_E_LIMIT, "is full"},
                 {"always-quota", EV_E_LIMIT, "is full"},
                 {"always-badkey", EV_E_ARGUMENT, "access key"},
                 {"always-badsign", EV_E_ARGUMENT, "secret key"},
                 {"always-token", EV_E_ARGUMENT, "session token"},
                 {"always-region", EV_E_ARGUMENT, "region=ap-south-1"}};
    for (size_t i = 0; i < EV_ARRAY_COUNT(cases); i++) {
        sv_store *store = open_store(cases[i].prefix);
        ev_error err = {0};
        assert_int_equal(sv_store_put(store, KEY, "hello", 5, &err), cases[i].status);
        if (!strstr(err.message, cases[i].says)) fail_msg("%s: %s", cases[i].prefix, err.message);
        err = (ev_error){0};
        assert_int_equal(sv_s3_check(s3, &err), cases[i].status);
        if (!strstr(err.message, cases[i].says) && cases[i].status != EV_E_ARGUMENT) fail_msg("%s", err.message);
        close_all(store);
    }
    sv_store *store = open_store("always-html");
    ev_error err = {0};
    assert_int_equal(sv_s3_check(s3, &err), EV_E_IO);
    assert_non_null(strstr(err.message, "endpoint"));
    close_all(store);
}

/* So that no thread of HTTP waits again for what has just been waited for. */
static void reads_fail_at_once_while_it_is_away(void **state) {
    (void)state;
    sv_store *store = open_store("always-close");
    ev_error err;
    assert_int_equal(sv_store_get(store, KEY, 5, (char[5]){0}, &err), EV_E_LIMIT);
    const double start = ev_clock_s();
    for (int i = 0; i < 100; i++) assert_int_equal(sv_store_get(store, KEY, 5, (char[5]){0}, &err), EV_E_LIMIT);
    assert_true(ev_clock_s() - start < 0.1);
    close_all(store);
}

static sv_sweep_decision judge(void *calls, const char *key) {
    ++*(int *)calls;
    return strcmp(key, OTHER) == 0 ? SV_SWEEP_REMOVE : SV_SWEEP_KEEP;
}

static sv_sweep_decision end_at_once(void *calls, const char *key) {
    (void)key;
    ++*(int *)calls;
    return SV_SWEEP_END;
}

static void the_sweep_asks_of_what_is_old(void **state) {
    (void)state;
    sv_store *store = open_store("swept");
    int calls = 0;
    is_put(store, KEY, "hello", 5);
    is_put(store, OTHER, "hello", 5);
    sv_store_sweep(store, 3600, judge, &calls);
    assert_int_equal(calls, 0);
    sv_store_sweep(store, 0, end_at_once, &calls);
    assert_int_equal(calls, 1);
    sv_store_sweep(store, 0, judge, &calls);
    assert_int_equal(calls, 3);
    is_got(store, KEY, "hello", 5);
    is_missing(store, OTHER);
    close_all(store);
}

static double metric(const char *line) {
    ev_buf text = {0};
    sv_metrics_text(metrics, NULL, &text);
    const char *at = strstr((const char *)text.data, line);
    const double value = at ? strtod(at + strlen(line), NULL) : -1;
    ev_buf_free(&text);
    return value;
}

static void tries_are_counted(void **state) {
    (void)state;
    sv_store *store = open_store("once-503/counted");
    is_put(store, KEY, "hello", 5);
    assert_true(metric("emotivoice_store_requests_total{operation=\"put\"} ") == 2);
    assert_true(metric("emotivoice_store_errors_total{operation=\"put\"} ") == 1);
    assert_true(metric("emotivoice_store_transferred_bytes_total{operation=\"put\"} ") == 5);
    assert_true(metric("emotivoice_store_request_duration_seconds_count{operation=\"put\"} ") == 2);
    assert_true(metric("\nemotivoice_store_up ") == 1);
    close_all(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_name_places),
        cmocka_unit_test(the_environment_fills_gaps),
        cmocka_unit_test(urls_that_are_none_say_what_to_change),
        cmocka_unit_test(keys_are_needed),
        cmocka_unit_test(a_signed_url_is_amazons),
        cmocka_unit_test(rules_are_for_each_kind_of_object),
        cmocka_unit_test(xml_is_read_as_xml),
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(what_is_large_goes_in_parts),
        cmocka_unit_test(an_upload_that_fails_leaves_nothing),
        cmocka_unit_test(what_fails_once_is_tried_again),
        cmocka_unit_test(what_is_damaged_is_never_given),
        cmocka_unit_test(what_stays_wrong_is_told),
        cmocka_unit_test(reads_fail_at_once_while_it_is_away),
        cmocka_unit_test(the_sweep_asks_of_what_is_old),
        cmocka_unit_test(tries_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
