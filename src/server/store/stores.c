/* stores: the bucket or the directory, by the configuration. */
#include "server/store/stores.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/try.h"

static const char *const names[] = {"results", "files", "recordings"};

/* ---- a directory ---- */

static ev_status open_folder(sv_store **out, const sv_config *c, const char *name, ev_error *err) {
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", c->data_dir, name);
    return sv_store_directory(out, path, err);
}

static ev_status open_folders(sv_stores *out, const sv_config *c, ev_error *err) {
    if (mkdir(c->data_dir, 0700) != 0 && errno != EEXIST)
        return ev_fail(err, EV_E_IO, "data_dir = %s cannot be made: %s", c->data_dir, strerror(errno));
    TRY(open_folder(&out->results, c, names[0], err));
    return *c->redis ? open_folder(&out->recordings, c, names[2], err) : EV_OK;
}

/* ---- a bucket ---- */

static ev_status check(sv_s3 *s3, sv_log *log, ev_error *err) {
    const ev_status status = sv_s3_check(s3, err);
    if (status != EV_E_LIMIT) return status;
    if (log) sv_log_line(log, SV_LEVEL_ERROR, NULL, "%s: results wait in memory until it can be asked", err->message);
    return EV_OK;
}

static ev_status open_bucket(sv_stores *out, const sv_config *c, sv_metrics *metrics, sv_log *log, ev_error *err) {
    const sv_s3_options options = {.url = c->store,
                                   .access_key = c->store_access_key,
                                   .secret_key = c->store_secret_key,
                                   .session_token = c->store_session_token,
                                   .metrics = metrics,
                                   .log = log};
    TRY(sv_s3_open(&out->s3, &options, err));
    TRY(check(out->s3, log, err));
    TRY(sv_store_s3(&out->results, out->s3, names[0], err));
    if (c->store_url_ttl > 0) TRY(sv_store_s3(&out->files, out->s3, names[1], err));
    return *c->redis ? sv_store_s3(&out->recordings, out->s3, names[2], err) : EV_OK;
}

ev_status sv_stores_open(sv_stores *out, const sv_config *c, sv_metrics *metrics, sv_log *log, ev_error *err) {
    *out = (sv_stores){0};
    const ev_status status = *c->store      ? open_bucket(out, c, metrics, log, err)
                             : *c->data_dir ? open_folders(out, c, err)
                                            : EV_OK;
    if (status != EV_OK) sv_stores_close(out);
    return status;
}

void sv_stores_close(sv_stores *s) {
    sv_store_close(&s->results);
    sv_store_close(&s->files);
    sv_store_close(&s->recordings);
    sv_s3_close(&s->s3);
}

/* A day more than whole days: the service removes them itself, and rules are for what it was kept from. */
ev_status sv_stores_lifecycle(const char *url, double ttl_s, ev_buf *out, ev_error *err) {
    return sv_s3_lifecycle(url, names, EV_ARRAY_COUNT(names), (int)ceil(ttl_s / 86400) + 1, out, err);
}
