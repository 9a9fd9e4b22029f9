/* s3_sign: a GET whose signature is in its query (AWS Signature Version 4), for clients without keys. libcurl signs a
 * request's headers, and has no such thing.
 */
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "server/store/s3_inner.h"

void sv_s3_escape(ev_buf *out, const char *text) {
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        ev_buf_printf(out, plain ? "%c" : "%%%02X", c);
    }
}

enum { DIGEST = 32 };

static bool keyed(unsigned char out[DIGEST], const void *key, size_t size, const void *text, size_t length) {
    unsigned written = DIGEST;
    unsigned char digest[DIGEST];
    if (!HMAC(EVP_sha256(), key, (int)size, text, length, digest, &written)) return false;
    assert(written == DIGEST);
    memcpy(out, digest, DIGEST);
    return true;
}

/* The key of this day, region and service. */
static bool signing_key(unsigned char key[DIGEST], const char *secret, const char *date, const char *region) {
    static const char SERVICE[] = "s3", END[] = "aws4_request";
    ev_buf first = {0};
    ev_buf_printf(&first, "AWS4%s", secret);
    const bool ok = !first.failed && keyed(key, first.data, first.size, date, strlen(date)) &&
                    keyed(key, key, DIGEST, region, strlen(region)) &&
                    keyed(key, key, DIGEST, SERVICE, sizeof SERVICE - 1) &&
                    keyed(key, key, DIGEST, END, sizeof END - 1);
    if (first.data) OPENSSL_cleanse(first.data, first.size);
    ev_buf_free(&first);
    return ok;
}

static void add(ev_buf *query, const char *name, const char *value) {
    ev_buf_printf(query, "%s%s=", query->size ? "&" : "", name);
    sv_s3_escape(query, value);
}

/* In the order of their bytes. */
static void make_query(ev_buf *query, const char *scope, const char *stamp, const sv_s3_credentials *c,
                       const sv_s3_presign *what) {
    char credential[272], seconds[24], disposition[256];
    snprintf(credential, sizeof credential, "%.128s/%s", c->access_key, scope);
    snprintf(seconds, sizeof seconds, "%ld", what->seconds);
    add(query, "X-Amz-Algorithm", "AWS4-HMAC-SHA256");
    add(query, "X-Amz-Credential", credential);
    add(query, "X-Amz-Date", stamp);
    add(query, "X-Amz-Expires", seconds);
    if (*c->session_token) add(query, "X-Amz-Security-Token", c->session_token);
    add(query, "X-Amz-SignedHeaders", "host");
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%.100s\"",
             what->file_name ? what->file_name : "");
    if (what->file_name) add(query, "response-content-disposition", disposition);
    if (what->media_type) add(query, "response-content-type", what->media_type);
}

/* What is signed: the request in its one form, by its digest. */
static bool sign(char out[2 * DIGEST + 1], const sv_s3_target *t, const ev_buf *query, const char *stamp,
                 const char *scope, const unsigned char key[DIGEST]) {
    unsigned char digest[DIGEST];
    char hex[2 * DIGEST + 1];
    ev_buf text = {0};
    ev_buf_printf(&text, "GET\n%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", t->path, (const char *)query->data,
                  t->host);
    bool ok = !text.failed && EVP_Digest(text.data, text.size, digest, NULL, EVP_sha256(), NULL);
    if (ok) ev_hex(digest, DIGEST, hex);
    text.size = 0;
    ev_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, ok ? hex : "");
    ok = ok && !text.failed && keyed(digest, key, DIGEST, text.data, text.size);
    if (ok) ev_hex(digest, DIGEST, out);
    ev_buf_free(&text);
    return ok;
}

ev_status sv_s3_presign_url(ev_buf *out, const sv_s3_location *location, const sv_s3_credentials *c, const char *key,
                            const sv_s3_presign *what, ev_error *err) {
    char date[16], stamp[24], scope[128], signature[2 * DIGEST + 1];
    unsigned char signing[DIGEST];
    struct tm utc;
    sv_s3_target t;
    ev_buf query = {0};
    bool ok = gmtime_r(&what->now, &utc) && strftime(date, sizeof date, "%Y%m%d", &utc) &&
              strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    sv_s3_target_of(&t, location, location->public, key);
    if (ok) {
        snprintf(scope, sizeof scope, "%s/%s/s3/aws4_request", date, location->region);
        make_query(&query, scope, stamp, c, what);
        ok = !query.failed && signing_key(signing, c->secret_key, date, location->region) &&
             sign(signature, &t, &query, stamp, scope, signing);
    }
    if (ok) ev_buf_printf(out, "%s%s?%s&X-Amz-Signature=%s", t.origin, t.path, (const char *)query.data, signature);
    ev_buf_free(&query);
    return ok && !out->failed ? EV_OK : ev_fail(err, EV_E_MEMORY, "out of memory for a URL");
}
