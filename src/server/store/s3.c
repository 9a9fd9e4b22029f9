/* s3: START HERE. A bucket as stores; see s3.h. */
#include <assert.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "server/store/s3_inner.h"

enum {
    PART = 8 << 20,
    PARTS_MAX = 10000,
    KEY = SV_S3_NAME + 1 + SV_STORE_KEY + 1,
    DIGEST = 32,
    HEX = 2 * DIGEST + 1
};
enum { PAGE = 1000 };
#define READ_S    6.0 /* that a read, or a write of a few bytes, may take; more for what is large */
#define WRITE_S   20.0
#define SLOWEST   (512 << 10) /* bytes a second that are counted upon beyond that */
#define CLOSING_S 2.0         /* for what is still to be removed */
#define OCTETS    "application/octet-stream"

typedef struct bucket_store {
    sv_store store; /* first */
    sv_s3 *s3;
    char name[SV_S3_NAME];
} bucket_store;
static_assert(offsetof(bucket_store, store) == 0, "the one is found by the other");
static_assert(KEY == sizeof((sv_s3_removal *)0)->key, "a removal has room for a key");

static void key_of(const bucket_store *b, const char *key, char out[KEY]) {
    snprintf(out, KEY, "%s/%s", b->name, key);
}

static bool digest_of(const void *bytes, size_t size, char hex[HEX]) {
    unsigned char digest[DIGEST];
    const bool ok = EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL);
    if (ok) ev_hex(digest, DIGEST, hex);
    return ok;
}

static double patience(double base_s, size_t size) { return base_s + (double)size / SLOWEST; }

/* ---- put: whole ---- */

static ev_status put_whole(sv_s3 *s3, const char *key, const void *bytes, size_t size, const char *digest,
                           ev_error *err) {
    sv_s3_answer answer;
    const sv_s3_request request = {.method = SV_S3_PUT,
                                   .operation = SV_STORE_PUT,
                                   .key = key,
                                   .body = bytes,
                                   .size = size,
                                   .content_type = OCTETS,
                                   .digest = digest,
                                   .seconds = patience(WRITE_S, size),
                                   .impatient = true};
    const ev_status status = sv_s3_ask(s3, &request, &answer, err);
    sv_s3_answer_free(&answer);
    return status;
}

/* ---- put: in parts ---- */

typedef struct upload {
    sv_s3 *s3;
    const char *key;
    ev_buf id;   /* escaped, as a query has it */
    ev_buf list; /* XML of the parts that are there */
} upload;

static void read_upload_id(void *of_upload, const char *name, const char *text) {
    upload *u = of_upload;
    if (strcmp(name, "UploadId") == 0 && !u->id.size) sv_s3_escape(&u->id, text);
}

static ev_status begin_upload(upload *u, const char *digest, ev_error *err) {
    sv_s3_answer answer;
    const sv_s3_request request = {.method = SV_S3_POST,
                                   .operation = SV_STORE_PUT,
                                   .key = u->key,
                                   .query = "uploads=",
                                   .content_type = OCTETS,
                                   .digest = digest,
                                   .seconds = WRITE_S,
                                   .impatient = true};
    ev_status status = sv_s3_ask(u->s3, &request, &answer, err);
    if (status == EV_OK) (void)sv_s3_xml(answer.text.data, answer.text.size, read_upload_id, u);
    if (status == EV_OK && (!u->id.size || u->id.failed))
        status = ev_fail(err, EV_E_IO, "%s began an upload and gave it no id", u->s3->name);
    sv_s3_answer_free(&answer);
    return status;
}

static ev_status put_part(upload *u, int number, const void *bytes, size_t size, ev_error *err) {
    assert(number >= 1 && number <= PARTS_MAX && size > 0 && size <= PART);
    sv_s3_answer answer;
    ev_buf query = {0};
    ev_buf_printf(&query, "partNumber=%d&uploadId=%s", number, (const char *)u->id.data);
    if (query.failed) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const sv_s3_request request = {.method = SV_S3_PUT,
                                   .operation = SV_STORE_PUT,
                                   .key = u->key,
                                   .query = (const char *)query.data,
                                   .body = bytes,
                                   .size = size,
                                   .content_type = OCTETS,
                                   .seconds = patience(WRITE_S, size)};
    ev_status status = sv_s3_ask(u->s3, &request, &answer, err);
    if (status == EV_OK && (!*answer.etag || strpbrk(answer.etag, "<&>")))
        status = ev_fail(err, EV_E_IO, "%s took a part of an upload and gave it no ETag", u->s3->name);
    if (status == EV_OK)
        ev_buf_printf(&u->list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", number, answer.etag);
    sv_s3_answer_free(&answer);
    ev_buf_free(&query);
    return status;
}

/* Its answer begins before it is known how it ends: 200 may have an error in it. */
static ev_status end_upload(upload *u, ev_error *err) {
    sv_s3_answer answer;
    ev_buf query = {0}, body = {0};
    ev_buf_printf(&query, "uploadId=%s", (const char *)u->id.data);
    ev_buf_printf(&body, "<CompleteMultipartUpload>%s</CompleteMultipartUpload>", (const char *)u->list.data);
    if (query.failed || body.failed || u->list.failed) {
        ev_buf_free(&query);
        ev_buf_free(&body);
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    }
    const sv_s3_request request = {.method = SV_S3_POST,
                                   .operation = SV_STORE_PUT,
                                   .key = u->key,
                                   .query = (const char *)query.data,
                                   .body = body.data,
                                   .size = body.size,
                                   .content_type = "application/xml",
                                   .seconds = WRITE_S,
                                   .may_answer_200_with_an_error = true};
    const ev_status status = sv_s3_ask(u->s3, &request, &answer, err);
    sv_s3_answer_free(&answer);
    ev_buf_free(&query);
    ev_buf_free(&body);
    return status;
}

/* Parts that nobody will put together are paid for: where this fails too, the bucket's rules end them. */
static void abort_upload(upload *u) {
    sv_s3_answer answer;
    ev_buf query = {0};
    ev_buf_printf(&query, "uploadId=%s", (const char *)u->id.data);
    const sv_s3_request request = {.method = SV_S3_DELETE,
                                   .operation = SV_STORE_DELETE,
                                   .key = u->key,
                                   .query = (const char *)query.data,
                                   .seconds = READ_S};
    if (!query.failed) (void)sv_s3_ask(u->s3, &request, &answer, NULL);
    if (!query.failed) sv_s3_answer_free(&answer);
    ev_buf_free(&query);
}

static ev_status put_in_parts(sv_s3 *s3, const char *key, const void *bytes, size_t size, const char *digest,
                              ev_error *err) {
    upload u = {.s3 = s3, .key = key};
    const char *at = bytes;
    assert(size > PART);
    if (size / PART >= PARTS_MAX)
        return ev_fail(err, EV_E_LIMIT, "a result of %zu bytes is too large to be kept", size);
    ev_status status = begin_upload(&u, digest, err);
    const bool begun = status == EV_OK;
    for (int number = 1; status == EV_OK && size; number++) {
        const size_t now = size < PART ? size : PART;
        status = put_part(&u, number, at, now, err);
        at += now;
        size -= now;
    }
    if (status == EV_OK) status = end_upload(&u, err);
    if (begun && status != EV_OK) abort_upload(&u);
    ev_buf_free(&u.id);
    ev_buf_free(&u.list);
    return status == EV_E_NOT_FOUND ? EV_E_IO : status; /* the upload is gone, not the object */
}

static ev_status put(sv_store *store, const char *key, const void *bytes, size_t size, ev_error *err) {
    const bucket_store *b = (const bucket_store *)store;
    char name[KEY], digest[HEX];
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    if (!digest_of(bytes, size, digest)) return ev_fail(err, EV_E_MEMORY, "out of memory");
    key_of(b, key, name);
    return size > PART ? put_in_parts(b->s3, name, bytes, size, digest, err)
                       : put_whole(b->s3, name, bytes, size, digest, err);
}

/* ---- get ---- */

static ev_status get_once(sv_s3 *s3, const char *key, size_t size, void *out, ev_error *err) {
    sv_s3_answer answer;
    char digest[HEX], nothing[1];
    const sv_s3_request request = {.method = SV_S3_GET,
                                   .operation = SV_STORE_GET,
                                   .key = key,
                                   .into = out ? out : nothing,
                                   .room = size,
                                   .seconds = patience(READ_S, size),
                                   .impatient = true};
    ev_status status = sv_s3_ask(s3, &request, &answer, err);
    if (status == EV_OK && !digest_of(out ? out : nothing, size, digest))
        status = ev_fail(err, EV_E_MEMORY, "out of memory");
    if (status == EV_OK && strcmp(digest, answer.digest) != 0)
        status = ev_fail(err, EV_E_FORMAT, "an object in %s is not what was put there", s3->name);
    sv_s3_answer_free(&answer);
    return status;
}

/* What comes damaged may have been damaged on its way. */
static ev_status get(sv_store *store, const char *key, size_t size, void *out, ev_error *err) {
    const bucket_store *b = (const bucket_store *)store;
    char name[KEY];
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    key_of(b, key, name);
    const ev_status status = get_once(b->s3, name, size, out, err);
    return status == EV_E_FORMAT ? get_once(b->s3, name, size, out, err) : status;
}

/* ---- remove: the thread ---- */

static ev_status remove_now(sv_s3 *s3, const char *key, double seconds, ev_error *err) {
    sv_s3_answer answer;
    const sv_s3_request request = {
        .method = SV_S3_DELETE, .operation = SV_STORE_DELETE, .key = key, .seconds = seconds};
    const ev_status status = sv_s3_ask(s3, &request, &answer, err);
    sv_s3_answer_free(&answer);
    return status;
}

/* Waits while there are none. false: none will come. */
static bool next_removal(sv_s3 *s3, sv_s3_removal *out) {
    ev_mutex_lock(&s3->lock);
    while (!s3->count && !s3->closing) ev_cond_wait(&s3->work, &s3->lock);
    assert(s3->first < SV_S3_REMOVALS && s3->count <= SV_S3_REMOVALS);
    const bool some = s3->count > 0;
    if (some) {
        *out = s3->removals[s3->first];
        s3->first = (s3->first + 1) % SV_S3_REMOVALS;
        s3->count--;
    }
    ev_mutex_unlock(&s3->lock);
    return some;
}

static bool is_closing(sv_s3 *s3) {
    ev_mutex_lock(&s3->lock);
    const bool closing = s3->closing;
    ev_mutex_unlock(&s3->lock);
    return closing;
}

static void *remove_main(void *of_s3) {
    sv_s3 *s3 = of_s3;
    sv_s3_removal one;
    double until = 0;
    while (next_removal(s3, &one)) {
        if (!until && is_closing(s3)) until = ev_clock_s() + CLOSING_S;
        const double left_s = until ? until - ev_clock_s() : READ_S;
        if (left_s > 0.05) (void)remove_now(s3, one.key, left_s, NULL);
    }
    return NULL;
}

static ev_status remove_value(sv_store *store, const char *key, ev_error *err) {
    const bucket_store *b = (const bucket_store *)store;
    sv_s3 *s3 = b->s3;
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    ev_mutex_lock(&s3->lock);
    assert(s3->first < SV_S3_REMOVALS && s3->count <= SV_S3_REMOVALS);
    const bool fits = s3->count < SV_S3_REMOVALS;
    if (fits) {
        key_of(b, key, s3->removals[(s3->first + s3->count) % SV_S3_REMOVALS].key);
        s3->count++;
        ev_cond_signal(&s3->work);
    }
    ev_mutex_unlock(&s3->lock);
    if (!fits && s3->metrics) sv_metric_add(s3->metrics, SV_METRIC_STORE_ERRORS, SV_STORE_DELETE, 1);
    return EV_OK; /* what does not fit is the sweep's */
}

/* ---- sweep ---- */

typedef struct page {
    char key[SV_S3_PATH]; /* the last one read, and when it was made */
    time_t modified;
    bool more;
    struct {
        char key[SV_STORE_KEY + 1];
        time_t modified;
    } found[PAGE];
    size_t count;
    char last[SV_S3_PATH];
    size_t skip; /* characters of a key before the value's own */
} page;

static void read_entry(void *of_page, const char *name, const char *text) {
    page *p = of_page;
    struct tm utc = {0};
    assert(p->count <= PAGE);
    if (strcmp(name, "Key") == 0) snprintf(p->key, sizeof p->key, "%s", text);
    if (strcmp(name, "IsTruncated") == 0) p->more = strcmp(text, "true") == 0;
    if (strcmp(name, "LastModified") == 0) p->modified = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) ? timegm(&utc) : 0;
    if (strcmp(name, "Contents") != 0) return;
    snprintf(p->last, sizeof p->last, "%s", p->key);
    const char *own = strlen(p->key) > p->skip ? p->key + p->skip : "";
    if (!sv_store_is_key(own) || !p->modified || p->count == PAGE) return;
    memcpy(p->found[p->count].key, own, SV_STORE_KEY + 1);
    p->found[p->count++].modified = p->modified;
}

/* Behind p->last. */
static ev_status list(sv_s3 *s3, const char *name, int most, page *p, ev_error *err) {
    char prefix[SV_S3_PREFIX + SV_S3_NAME + 2];
    sv_s3_answer answer;
    ev_buf query = {0};
    snprintf(prefix, sizeof prefix, "%s%s/", s3->location.prefix, name);
    ev_buf_printf(&query, "list-type=2&max-keys=%d&prefix=", most);
    sv_s3_escape(&query, prefix);
    ev_buf_printf(&query, "%s", *p->last ? "&start-after=" : "");
    sv_s3_escape(&query, p->last);
    if (query.failed) return ev_fail(err, EV_E_MEMORY, "out of memory");
    const sv_s3_request request = {
        .method = SV_S3_GET, .operation = SV_STORE_LIST, .query = (const char *)query.data, .seconds = WRITE_S};
    ev_status status = sv_s3_ask(s3, &request, &answer, err);
    p->skip = strlen(prefix);
    p->count = 0;
    p->more = false;
    if (status == EV_OK && !sv_s3_xml(answer.text.data, answer.text.size, read_entry, p))
        status = ev_fail(err, EV_E_IO, "%s answers with what is no list: is the endpoint one of S3?", s3->name);
    sv_s3_answer_free(&answer);
    ev_buf_free(&query);
    return status;
}

/* false: it is to end. */
static bool sweep_page(const bucket_store *b, const page *p, double age_s,
                       sv_sweep_decision (*decide)(void *user, const char *key), void *user) {
    for (size_t i = 0; i < p->count; i++) {
        char key[KEY];
        if (difftime(time(NULL), p->found[i].modified) < age_s) continue;
        const sv_sweep_decision answer = decide(user, p->found[i].key);
        if (answer == SV_SWEEP_END) return false;
        key_of(b, p->found[i].key, key);
        if (answer == SV_SWEEP_REMOVE && remove_now(b->s3, key, READ_S, NULL) != EV_OK) return false;
    }
    return true;
}

static void sweep(sv_store *store, double age_s, sv_sweep_decision (*decide)(void *user, const char *key),
                  void *user) {
    const bucket_store *b = (const bucket_store *)store;
    page *p = calloc(1, sizeof *p);
    bool goes_on = p != NULL;
    while (goes_on) {
        goes_on = list(b->s3, b->name, PAGE, p, NULL) == EV_OK && sweep_page(b, p, age_s, decide, user) && p->more;
    }
    free(p);
}

/* ---- url ---- */

static ev_status url(sv_store *store, const char *key, double seconds, const char *media_type, const char *file_name,
                     ev_buf *out, ev_error *err) {
    const bucket_store *b = (const bucket_store *)store;
    char name[KEY];
    if (!sv_store_is_key(key)) return ev_fail(err, EV_E_ARGUMENT, "'%s' is no key", key);
    key_of(b, key, name);
    const sv_s3_presign what = {
        .now = time(NULL), .seconds = (long)seconds, .media_type = media_type, .file_name = file_name};
    return sv_s3_presign_url(out, &b->s3->location, &b->s3->credentials, name, &what, err);
}

/* ---- life ---- */

static void close_store(sv_store *store) { free(store); }

ev_status sv_store_s3(sv_store **out, sv_s3 *s3, const char *name, ev_error *err) {
    static const sv_store_calls calls = {put, get, remove_value, sweep, close_store, url};
    assert(*name && strlen(name) < SV_S3_NAME);
    bucket_store *b = calloc(1, sizeof *b);
    *out = NULL;
    if (!b) return ev_fail(err, EV_E_MEMORY, "out of memory");
    *b = (bucket_store){.store = {&calls}, .s3 = s3};
    snprintf(b->name, sizeof b->name, "%s", name);
    *out = &b->store;
    return EV_OK;
}

const char *sv_s3_name(const sv_s3 *s3) { return s3->name; }

/* An object of its own is written, read and removed: what may be done later, may be done now. */
ev_status sv_s3_check(sv_s3 *s3, ev_error *err) {
    static const char TEXT[] = "emotivoice";
    char key[KEY], digest[HEX];
    page *p = calloc(1, sizeof *p);
    ev_status status = p ? list(s3, "check", 1, p, err) : ev_fail(err, EV_E_MEMORY, "out of memory");
    free(p);
    const int folder = snprintf(key, sizeof key, "check/");
    if (status == EV_OK && !ev_random_hex(key + folder, SV_STORE_KEY))
        status = ev_fail(err, EV_E_MEMORY, "no random numbers");
    if (status != EV_OK) return status;
    if (digest_of(TEXT, sizeof TEXT, digest)) status = put_whole(s3, key, TEXT, sizeof TEXT, digest, err);
    char back[sizeof TEXT];
    if (status == EV_OK) status = get_once(s3, key, sizeof back, back, err);
    if (status == EV_OK) status = remove_now(s3, key, READ_S, err);
    return status == EV_E_NOT_FOUND ? EV_E_IO : status;
}

static bool copy_one(char **out, const char *given, const char *variable) {
    const char *value = given && *given ? given : getenv(variable);
    *out = strdup(value ? value : "");
    return *out;
}

static ev_status read_credentials(sv_s3_credentials *c, const sv_s3_options *o, ev_error *err) {
    if (!copy_one(&c->access_key, o->access_key, "AWS_ACCESS_KEY_ID") ||
        !copy_one(&c->secret_key, o->secret_key, "AWS_SECRET_ACCESS_KEY") ||
        !copy_one(&c->session_token, o->session_token, "AWS_SESSION_TOKEN"))
        return ev_fail(err, EV_E_MEMORY, "out of memory");
    /* the token belongs to the environment's pair, and to no other */
    if (o->access_key && *o->access_key && !(o->session_token && *o->session_token)) *c->session_token = '\0';
    if (*c->access_key && *c->secret_key) {
        if (strlen(c->access_key) <= 128 && !strpbrk(c->access_key, " \t\r\n/") &&
            !strpbrk(c->session_token, " \t\r\n"))
            return EV_OK;
        return ev_fail(err, EV_E_ARGUMENT,
                       "the store's access key or session token is none: it holds a blank or a /");
    }
    return ev_fail(err, EV_E_ARGUMENT,
                   "the store needs keys: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or "
                   "store_access_key and store_secret_key in the file");
}

ev_status sv_s3_open(sv_s3 **out, const sv_s3_options *options, ev_error *err) {
    sv_s3 *s3 = *out = calloc(1, sizeof *s3);
    if (!s3) return ev_fail(err, EV_E_MEMORY, "out of memory");
    s3->metrics = options->metrics;
    s3->log = options->log;
    ev_mutex_init(&s3->lock);
    ev_cond_init(&s3->work);
    s3->removals = calloc(SV_S3_REMOVALS, sizeof *s3->removals);
    ev_status status = s3->removals ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory");
    if (status == EV_OK && getrandom(&s3->random, sizeof s3->random, 0) != (ssize_t)sizeof s3->random)
        status = ev_fail(err, EV_E_MEMORY, "no random numbers");
    if (status == EV_OK) status = sv_s3_location_parse(&s3->location, options->url, err);
    if (status == EV_OK) status = read_credentials(&s3->credentials, options, err);
    snprintf(s3->name, sizeof s3->name, "the bucket %s at %s", s3->location.bucket, s3->location.endpoint);
    if (status == EV_OK) {
        s3->running = pthread_create(&s3->remover, NULL, remove_main, s3) == 0;
        if (!s3->running)
            status = ev_fail(err, EV_E_DEVICE, "a thread cannot be started: raise the limit on processes");
    }
    if (status != EV_OK) sv_s3_close(out);
    return status;
}

static void forget(char **secret) {
    if (*secret) OPENSSL_cleanse(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

void sv_s3_close(sv_s3 **out) EV_NOT_SHARED {
    sv_s3 *s3 = *out;
    *out = NULL;
    if (!s3) return;
    ev_mutex_lock(&s3->lock);
    s3->closing = true;
    ev_cond_broadcast(&s3->work);
    ev_mutex_unlock(&s3->lock);
    if (s3->running) pthread_join(s3->remover, NULL);
    while (s3->idle) curl_easy_cleanup(s3->handles[--s3->idle]);
    forget(&s3->credentials.access_key);
    forget(&s3->credentials.secret_key);
    forget(&s3->credentials.session_token);
    ev_cond_destroy(&s3->work);
    ev_mutex_destroy(&s3->lock);
    free(s3->removals);
    free(s3);
}

/* ---- the bucket's own rules ---- */

ev_status sv_s3_lifecycle(const char *url, const char *const *names, size_t count, int days, ev_buf *out,
                          ev_error *err) {
    sv_s3_location location;
    const ev_status status = sv_s3_location_parse(&location, url, err);
    if (status != EV_OK) return status;
    ev_buf_printf(out, "{\n  \"Rules\": [\n");
    for (size_t i = 0; i < count; i++) {
        ev_buf_printf(
            out,
            "    {\"ID\": \"emotivoice-%s\", \"Status\": \"Enabled\", \"Filter\": {\"Prefix\": \"%s%s/\"},\n"
            "     \"Expiration\": {\"Days\": %d}, \"AbortIncompleteMultipartUpload\": "
            "{\"DaysAfterInitiation\": 1}}%s\n",
            names[i], location.prefix, names[i], days, i + 1 < count ? "," : "");
    }
    ev_buf_printf(out, "  ]\n}\n");
    return out->failed ? ev_fail(err, EV_E_MEMORY, "out of memory") : EV_OK;
}
