/* s3_request: one request to a bucket: signed and sent by libcurl, again where that may help, and what a failure
 * means.
 *
 * Of libcurl's AWS_SIGV4 (Debian 12 has 7.88.1) this is known, and kept in mind:
 *   - it signs the query as it stands, where the rules ask for names in order, each with a "=" and escaped: so
 *     sv_s3_request.query is written that way (since 8.3 it does that itself, which changes nothing here);
 *   - it signs the path as it stands too, which is right as long as there is nothing to escape: keys are hexadecimal,
 *     buckets and prefixes are checked (s3_location.c);
 *   - it sends no x-amz-content-sha256 of its own, without which S3 refuses: we give it, and it is signed;
 *   - it signs every header that is given to it, so none is given with an empty value ("Expect:" to leave that out),
 *     which it signs and does not send; and none whose name begins with another's, which it sorts wrongly;
 *   - x-amz-date must be its own: one that is given is sent twice. So its time is this machine's, always.
 */
#include <assert.h>
#include <curl/curl.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "server/store/s3_inner.h"

enum { TEXT_MAX = 4 << 20, TRIES = 4, DIGEST = 32, CONNECT_MS = 3000 };
#define PAUSE_S   0.1 /* the first is at most this, and each further one twice the one before ... */
#define PAUSE_MAX 1.0 /* ... up to this */
#define AWAY_S    2.0
#define FLOOR     (256 << 10) /* bytes a second; what is slower is broken off, and tried again */

typedef struct attempt {
    const sv_s3_request *request;
    sv_s3_answer *answer;
    CURL *curl;
    size_t sent;
    bool too_much; /* more bytes than there is room for */
} attempt;

/* ---- callbacks ---- */

static size_t on_read(char *out, size_t one, size_t most, void *of_attempt) {
    attempt *x = of_attempt;
    assert(x->sent <= x->request->size);
    const size_t left = x->request->size - x->sent, now = left < one * most ? left : one * most;
    if (now) memcpy(out, (const char *)x->request->body + x->sent, now);
    x->sent += now;
    return now;
}

/* A connection that had been closed meanwhile: from the beginning, on another one. */
static int on_seek(void *of_attempt, curl_off_t offset, int origin) {
    attempt *x = of_attempt;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > x->request->size) return CURL_SEEKFUNC_CANTSEEK;
    x->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *of_attempt) {
    attempt *x = of_attempt;
    sv_s3_answer *a = x->answer;
    long code = 0;
    (void)one;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code / 100 != 2 || !x->request->into)
        return a->text.size + n <= TEXT_MAX && (!n || ev_buf_append(&a->text, bytes, n)) ? n : 0;
    assert(a->received <= x->request->room);
    x->too_much |= n > x->request->room - a->received;
    if (x->too_much) return 0;
    if (n) memcpy((char *)x->request->into + a->received, bytes, n);
    a->received += n;
    return n;
}

/* The value of a header line of that name; false: it is another's. */
static bool is_header(const char *line, size_t size, const char *name, char *value, size_t room) {
    const size_t n = strlen(name);
    if (size <= n || line[n] != ':' || strncasecmp(line, name, n) != 0) return false;
    const char *at = line + n + 1, *end = line + size;
    while (at < end && (*at == ' ' || *at == '\t')) at++;
    while (end > at && (unsigned char)end[-1] <= ' ') end--;
    snprintf(value, room, "%.*s", (int)(end - at), at);
    return true;
}

static size_t on_header(char *line, size_t one, size_t size, void *of_attempt) {
    sv_s3_answer *a = ((attempt *)of_attempt)->answer;
    char value[80];
    (void)one;
    if (is_header(line, size, "content-length", value, sizeof value)) a->length = strtoll(value, NULL, 10);
    if (is_header(line, size, "retry-after", value, sizeof value)) a->retry_after_s = strtod(value, NULL);
    if (is_header(line, size, "date", value, sizeof value)) a->date = curl_getdate(value, NULL);
    (void)is_header(line, size, "etag", a->etag, sizeof a->etag);
    (void)is_header(line, size, "x-amz-meta-sha256", a->digest, sizeof a->digest);
    (void)is_header(line, size, "x-amz-bucket-region", a->region, sizeof a->region);
    return size;
}

/* ---- what is sent ---- */

static bool add_header(struct curl_slist **list, const char *name, const char *value) {
    ev_buf line = {0};
    ev_buf_printf(&line, "%s: %s", name, value);
    struct curl_slist *grown = line.failed ? NULL : curl_slist_append(*list, (const char *)line.data);
    ev_buf_free(&line);
    if (grown) *list = grown;
    return grown;
}

/* All of them are signed. MD5 is left out where the system has none: the other digest says the same. */
static bool make_headers(struct curl_slist **list, const sv_s3 *s3, const sv_s3_request *r) {
    unsigned char digest[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
    char hex[2 * DIGEST + 1];
    unsigned size = 0;
    if (!EVP_Digest(r->body ? r->body : "", r->size, digest, NULL, EVP_sha256(), NULL)) return false;
    ev_hex(digest, DIGEST, hex);
    bool ok = add_header(list, "X-Amz-Content-Sha256", hex);
    if (r->size && EVP_Digest(r->body, r->size, digest, &size, EVP_md5(), NULL)) {
        EVP_EncodeBlock(text, digest, (int)size);
        ok = ok && add_header(list, "Content-MD5", (const char *)text);
    }
    if (*s3->credentials.session_token)
        ok = ok && add_header(list, "X-Amz-Security-Token", s3->credentials.session_token);
    if (r->content_type) ok = ok && add_header(list, "Content-Type", r->content_type);
    if (r->digest) ok = ok && add_header(list, "X-Amz-Meta-Sha256", r->digest);
    return ok;
}

static CURLcode set_method(CURL *c, attempt *x) {
    const sv_s3_request *r = x->request;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad |= curl_easy_setopt(c, option, value)
    switch (r->method) {
    case SV_S3_GET: SET(CURLOPT_HTTPGET, 1L); break;
    case SV_S3_DELETE: SET(CURLOPT_CUSTOMREQUEST, "DELETE"); break;
    case SV_S3_POST:
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->size);
        SET(CURLOPT_POSTFIELDS, r->body ? r->body : "");
        break;
    case SV_S3_PUT:
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->size);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, x);
        SET(CURLOPT_SEEKFUNCTION, on_seek);
        SET(CURLOPT_SEEKDATA, x);
        break;
    }
    return bad;
}

/* All of a new handle's other settings are off; a proxy of the environment is used, as other programs do. */
static bool set_up(CURL *c, const sv_s3 *s3, attempt *x, struct curl_slist *headers, long most_ms) {
    const sv_s3_request *r = x->request;
    char scope[SV_S3_REGION + 16];
    sv_s3_target t;
    ev_buf url = {0};
    const char *authorities = getenv("AWS_CA_BUNDLE");
    sv_s3_target_of(&t, &s3->location, s3->location.endpoint, r->key);
    ev_buf_printf(&url, "%s%s%s%s", t.origin, t.path, r->query ? "?" : "", r->query ? r->query : "");
    snprintf(scope, sizeof scope, "aws:amz:%s:s3", s3->location.region);
    CURLcode bad = url.failed ? CURLE_OUT_OF_MEMORY : CURLE_OK;
    if (!url.failed) SET(CURLOPT_URL, url.data);
    bad |= set_method(c, x);
    SET(CURLOPT_PROTOCOLS_STR, "https,http");
    SET(CURLOPT_FOLLOWLOCATION, 0L); /* another host would get our signature */
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_AWS_SIGV4, scope);
    SET(CURLOPT_USERNAME, s3->credentials.access_key);
    SET(CURLOPT_PASSWORD, s3->credentials.secret_key);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_USERAGENT, "emotivoice/" EV_VERSION_STRING);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(most_ms < CONNECT_MS ? most_ms : CONNECT_MS));
    SET(CURLOPT_TIMEOUT_MS, most_ms);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    if (authorities && *authorities) SET(CURLOPT_CAINFO, authorities);
#undef SET
    ev_buf_free(&url);
    return bad == CURLE_OK;
}

/* ---- handles, which keep their connections ---- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static void curl_start(void) { curl_global_init(CURL_GLOBAL_DEFAULT); }

static CURL *take_handle(sv_s3 *s3) {
    pthread_once(&curl_once, curl_start);
    ev_mutex_lock(&s3->lock);
    assert(s3->idle >= 0 && s3->idle <= SV_S3_HANDLES);
    CURL *c = s3->idle ? s3->handles[--s3->idle] : NULL;
    ev_mutex_unlock(&s3->lock);
    if (c) curl_easy_reset(c);
    return c ? c : curl_easy_init();
}

static void give_handle(sv_s3 *s3, CURL *c) {
    ev_mutex_lock(&s3->lock);
    assert(s3->idle >= 0 && s3->idle <= SV_S3_HANDLES);
    const bool kept = c && s3->idle < SV_S3_HANDLES;
    if (kept) s3->handles[s3->idle++] = c;
    ev_mutex_unlock(&s3->lock);
    if (!kept) curl_easy_cleanup(c);
}

/* ---- one try ---- */

static void read_error(void *of_answer, const char *name, const char *text) {
    sv_s3_answer *a = of_answer;
    if (strcmp(name, "Code") == 0) snprintf(a->error, sizeof a->error, "%.60s", text);
    if (strcmp(name, "Message") == 0) snprintf(a->message, sizeof a->message, "%.150s", text);
    if (strcmp(name, "Region") == 0 && *text) snprintf(a->region, sizeof a->region, "%.60s", text);
    if (strcmp(name, "Error") == 0 && !*a->error) snprintf(a->error, sizeof a->error, "Error");
}

static bool has_error(const sv_s3_request *r, const sv_s3_answer *a) {
    return a->code / 100 != 2 || (r->may_answer_200_with_an_error && a->text.size);
}

static CURLcode try_once(sv_s3 *s3, const sv_s3_request *r, sv_s3_answer *a, double left_s, bool *too_much) {
    struct curl_slist *headers = NULL;
    attempt x = {.request = r, .answer = a, .curl = take_handle(s3)};
    const double floor_s = 4 + (double)(r->size + r->room) / FLOOR, most_s = left_s < floor_s ? left_s : floor_s;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    sv_s3_answer_free(a);
    *a = (sv_s3_answer){.length = -1};
    if (x.curl && make_headers(&headers, s3, r) && set_up(x.curl, s3, &x, headers, (long)(most_s * 1000) + 1))
        code = curl_easy_perform(x.curl);
    if (code == CURLE_OK) curl_easy_getinfo(x.curl, CURLINFO_RESPONSE_CODE, &a->code);
    curl_slist_free_all(headers);
    if (code == CURLE_OK)
        give_handle(s3, x.curl);
    else
        curl_easy_cleanup(x.curl);
    if (code == CURLE_OK && has_error(r, a) && a->text.size)
        (void)sv_s3_xml(a->text.data, a->text.size, read_error, a);
    *too_much = x.too_much;
    return code;
}

/* ---- what it means ---- */

static bool is_one_of(const char *word, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) return true;
    }
    return false;
}

static bool is_full(const sv_s3_answer *a) {
    static const char *const errors[] = {"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded",
                                         "InsufficientStorage", "XRustfsStorageFull"};
    return a->code == 507 || is_one_of(a->error, errors, EV_ARRAY_COUNT(errors));
}

static bool may_pass(const sv_s3_answer *a) {
    static const char *const errors[] = {
        "RequestTimeout",   "SlowDown",       "InternalError", "ServiceUnavailable",
        "OperationAborted", "IncompleteBody", "BadDigest",     "XAmzContentSHA256Mismatch"};
    return a->code == 408 || a->code == 429 || a->code / 100 == 5 ||
           is_one_of(a->error, errors, EV_ARRAY_COUNT(errors));
}

static const char *doing(const sv_s3_request *r) {
    static const char *const what[] = {[SV_STORE_PUT] = "written to",
                                       [SV_STORE_GET] = "read from",
                                       [SV_STORE_DELETE] = "deleted from",
                                       [SV_STORE_LIST] = "listed in"};
    assert((size_t)r->operation < EV_ARRAY_COUNT(what));
    return what[r->operation];
}

static ev_status not_a_certificate(const sv_s3 *s3, ev_error *err) {
    return ev_fail(err, EV_E_ARGUMENT,
                   "the certificate of %s is not trusted: correct the endpoint, or give the authority's file as "
                   "AWS_CA_BUNDLE",
                   s3->location.endpoint);
}

static ev_status skewed(const sv_s3_location *p, const sv_s3_answer *a, ev_error *err) {
    const double ahead_s = a->date > 0 ? difftime(time(NULL), a->date) : 0;
    return ev_fail(
        err, EV_E_ARGUMENT,
        "this machine's clock and that of %s differ: it is %.0f s %s, and requests are good for 15 minutes: "
        "set the clock (NTP)",
        p->endpoint, fabs(ahead_s), ahead_s < 0 ? "behind" : "ahead");
}

/* It answered, and will answer the same again. */
static ev_status refused(const sv_s3 *s3, const sv_s3_request *r, const sv_s3_answer *a, ev_error *err) {
    const char *e = a->error;
    const sv_s3_location *p = &s3->location;
    const bool other_region = *a->region && strcmp(a->region, p->region) != 0;
    if (is_full(a)) return ev_fail(err, EV_E_LIMIT, "%s is full: free room there, or raise its quota", s3->name);
    if (strcmp(e, "NoSuchBucket") == 0)
        return ev_fail(err, EV_E_ARGUMENT, "there is no bucket %s at %s: create it, or correct the store", p->bucket,
                       p->endpoint);
    if (other_region && (a->code == 301 || a->code == 307 || a->code == 400))
        return ev_fail(err, EV_E_ARGUMENT, "the bucket %s is in the region %s, not %s: give region=%s", p->bucket,
                       a->region, p->region, a->region);
    if (a->code == 301 || a->code == 307 || strcmp(e, "AuthorizationHeaderMalformed") == 0)
        return ev_fail(err, EV_E_ARGUMENT,
                       "the bucket %s is not in the region %s: give its own as region=", p->bucket, p->region);
    if (strcmp(e, "RequestTimeTooSkewed") == 0) return skewed(p, a, err);
    if (strcmp(e, "InvalidAccessKeyId") == 0)
        return ev_fail(err, EV_E_ARGUMENT, "%s does not know the access key: correct it, or the endpoint", s3->name);
    if (strcmp(e, "SignatureDoesNotMatch") == 0)
        return ev_fail(
            err, EV_E_ARGUMENT,
            "%s does not accept the signature: correct the secret key; or a proxy on the way changes requests",
            s3->name);
    if (strcmp(e, "ExpiredToken") == 0 || strcmp(e, "InvalidToken") == 0)
        return ev_fail(err, EV_E_ARGUMENT, "the session token is not good any more for %s: get a new one and restart",
                       s3->name);
    if (a->code == 401 || a->code == 403)
        return ev_fail(err, EV_E_ARGUMENT,
                       "nothing may be %s %s with this access key: allow it s3:ListBucket on the bucket, and "
                       "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on %s*",
                       doing(r), s3->name, p->prefix);
    return ev_fail(err, EV_E_IO, "nothing could be %s %s: status %ld %s %s", doing(r), s3->name, a->code, e,
                   a->message);
}

/* *again: another try may help. */
static ev_status status_of(const sv_s3 *s3, const sv_s3_request *r, const sv_s3_answer *a, CURLcode code,
                           bool too_much, bool *again, ev_error *err) {
    *again = true;
    if (too_much || (code == CURLE_OK && a->code / 100 == 2 && r->into && a->received != r->room))
        return ev_fail(err, EV_E_FORMAT, "an object in %s has not the %zu bytes that were put there", s3->name,
                       r->room);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
        *again = false;
        return not_a_certificate(s3, err);
    }
    if (code != CURLE_OK)
        return ev_fail(err, EV_E_LIMIT, "%s cannot be asked now: %s", s3->name, curl_easy_strerror(code));
    const bool failed = has_error(r, a) && (a->code / 100 != 2 || *a->error);
    *again = failed && may_pass(a) && !is_full(a);
    if (!failed) return EV_OK;
    if (*again) return ev_fail(err, EV_E_LIMIT, "%s cannot be asked now: status %ld %s", s3->name, a->code, a->error);
    const bool missing = a->code == 404 && strcmp(a->error, "NoSuchBucket") != 0 && r->key;
    if (missing && r->method == SV_S3_DELETE) return EV_OK;
    if (missing) return ev_fail(err, EV_E_NOT_FOUND, "there is no such object in %s", s3->name);
    return refused(s3, r, a, err);
}

/* ---- all tries ---- */

static double random_upto(sv_s3 *s3, double most) {
    ev_mutex_lock(&s3->lock);
    s3->random = s3->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    const double part = (double)(s3->random >> 33) / 2147483648.0;
    ev_mutex_unlock(&s3->lock);
    return most * part;
}

static bool is_away(sv_s3 *s3) {
    ev_mutex_lock(&s3->lock);
    const bool away = s3->failing && ev_clock_s() < s3->away_until;
    ev_mutex_unlock(&s3->lock);
    return away;
}

/* Logged when it changes, and not for each request. */
static void set_health(sv_s3 *s3, ev_status status, bool unreachable, const ev_error *err) {
    const bool well = status == EV_OK || status == EV_E_NOT_FOUND || status == EV_E_FORMAT;
    ev_mutex_lock(&s3->lock);
    const bool fresh = s3->failing == well;
    s3->failing = !well;
    s3->away_until = unreachable ? ev_clock_s() + AWAY_S : 0;
    ev_mutex_unlock(&s3->lock);
    if (s3->metrics) sv_metric_set(s3->metrics, SV_METRIC_STORE_UP, well);
    if (!fresh || !s3->log) return;
    if (well)
        sv_log_line(s3->log, SV_LEVEL_WARN, NULL, "%s answers again", s3->name);
    else
        sv_log_line(s3->log, SV_LEVEL_ERROR, NULL, "%s", err->message);
}

static void count(sv_s3 *s3, const sv_s3_request *r, const sv_s3_answer *a, ev_status status, double seconds) {
    if (!s3->metrics) return;
    sv_metric_add(s3->metrics, SV_METRIC_STORE_REQUESTS, r->operation, 1);
    sv_metric_observe(s3->metrics, SV_METRIC_STORE_DURATION, r->operation, seconds);
    if (status != EV_OK && status != EV_E_NOT_FOUND) {
        sv_metric_add(s3->metrics, SV_METRIC_STORE_ERRORS, r->operation, 1);
        return;
    }
    sv_metric_add(s3->metrics, SV_METRIC_STORE_TRANSFERRED, r->operation,
                  (double)(r->size + a->received + a->text.size));
}

/* Before the next try; false: there is no time left for one. */
static bool pause_before(sv_s3 *s3, int tries, const sv_s3_answer *a, double until) {
    double most = PAUSE_S;
    for (int i = 1; i < tries && most < PAUSE_MAX; i++) most *= 2;
    if (most > PAUSE_MAX) most = PAUSE_MAX;
    double pause = random_upto(s3, most);
    if (a->retry_after_s > pause) pause = a->retry_after_s < 2 ? a->retry_after_s : 2;
    if (ev_clock_s() + pause + 0.05 >= until) return false;
    usleep((useconds_t)(pause * 1e6));
    return true;
}

ev_status sv_s3_ask(sv_s3 *s3, const sv_s3_request *r, sv_s3_answer *a, ev_error *err) {
    assert(r->seconds > 0 && (r->body || !r->size) && (r->into || !r->room));
    const double until = ev_clock_s() + r->seconds;
    const int most = r->tries ? r->tries : TRIES;
    ev_error own = {0}, *why = err ? err : &own;
    bool again = true, too_much = false;
    ev_status status = EV_OK;
    *a = (sv_s3_answer){.length = -1};
    if (r->impatient && is_away(s3)) return ev_fail(err, EV_E_LIMIT, "%s could not be asked a moment ago", s3->name);
    for (int tries = 1; again && tries <= most; tries++) {
        if (tries > 1 && !pause_before(s3, tries - 1, a, until)) break;
        const double start = ev_clock_s();
        const CURLcode code = try_once(s3, r, a, until - start, &too_much);
        status = status_of(s3, r, a, code, too_much, &again, why);
        count(s3, r, a, status, ev_clock_s() - start);
    }
    set_health(s3, status, again && status == EV_E_LIMIT, why);
    return status;
}
