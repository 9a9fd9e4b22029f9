/* journal_damage: a damaged database is set aside, and read as far as it can be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "server/jobs/journal_damage.h"

static bool is_there(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

/* "<path>.damaged-20261128T165107Z", and a number behind it where that is taken. */
static void name_aside(const char *path, char *aside, size_t size) {
    const time_t now = time(NULL);
    struct tm utc;
    char stamp[32];
    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    snprintf(aside, size, "%s.damaged-%s", path, stamp);
    for (int i = 2; is_there(aside) && i < 1000; i++) snprintf(aside, size, "%s.damaged-%s-%d", path, stamp, i);
}

static bool move_part(const char *path, const char *aside, const char *ending) {
    char from[4096 + 64], to[4096 + 64];
    snprintf(from, sizeof from, "%s%s", path, ending);
    snprintf(to, sizeof to, "%s%s", aside, ending);
    return rename(from, to) == 0 || (errno == ENOENT && *ending);
}

ev_status sv_damage_set_aside(const char *path, char *aside, size_t size, ev_error *err) {
    char index[4096 + 64];
    name_aside(path, aside, size);
    /* the log first: without it the database would look like one that lost its last jobs */
    if (!move_part(path, aside, "-wal") || !move_part(path, aside, ""))
        return ev_fail(err, EV_E_IO, "%s is damaged, and cannot be moved to %s: %s", path, aside, strerror(errno));
    snprintf(index, sizeof index, "%s-shm", path); /* the log's index, which is made anew */
    remove(index);
    return EV_OK;
}

/* From one end until there is damage, or a job that is there already. */
static ev_status copy_rows(sv_database *from, const char *sql, sv_database *to, int64_t *copied, ev_error *err) {
    sqlite3_stmt *s = NULL;
    ev_status status = EV_OK;
    bool added = true;
    if (sqlite3_prepare_v2(from->handle, sql, -1, &s, NULL) != SQLITE_OK) return EV_OK;
    while (status == EV_OK && added) {
        sv_record record;
        ev_error fault = {0};
        ev_status read = sv_row_next(from, s, false, &record, &fault);
        if (read == EV_E_FORMAT && sqlite3_errcode(from->handle) == SQLITE_ROW) continue; /* one that is not whole */
        if (read != EV_OK) break;
        sqlite3_stmt *blob = sv_database_statement(from, SV_SQL_READ_REFERENCE);
        if (blob && sqlite3_bind_int64(blob, 1, record.number) == SQLITE_OK && sqlite3_step(blob) == SQLITE_ROW) {
            const size_t size = (size_t)sqlite3_column_bytes(blob, 0);
            record.reference = malloc(size + 1);
            if (record.reference && size) memcpy(record.reference, sqlite3_column_blob(blob, 0), size);
            record.reference_bytes = record.reference ? size : 0;
        }
        if (blob) sqlite3_reset(blob);
        status = sv_row_insert(to, &record, &added, err);
        *copied += added;
        sv_record_free(&record);
    }
    sqlite3_finalize(s);
    return status;
}

ev_status sv_damage_recover(const char *aside, sv_database *to, int64_t *recovered, ev_error *err) {
    sv_database from;
    ev_error fault;
    *recovered = 0;
    if (sv_database_open_damaged(&from, aside, &fault) != EV_OK) return EV_OK; /* there is nothing to be read */
    ev_status status = sv_database_run(to, SV_SQL_BEGIN, err);
    if (status == EV_OK)
        status = copy_rows(&from, "SELECT " SV_ROW " FROM job NOT INDEXED ORDER BY seq", to, recovered, err);
    if (status == EV_OK)
        status = copy_rows(&from, "SELECT " SV_ROW " FROM job NOT INDEXED ORDER BY seq DESC", to, recovered, err);
    if (status == EV_OK) status = sv_database_run(to, SV_SQL_COMMIT, err);
    if (status != EV_OK) sv_database_run(to, SV_SQL_ROLLBACK, NULL);
    sv_database_close(&from);
    return status;
}
