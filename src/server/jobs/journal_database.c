/* journal_database: a connection's settings, the schema by version, what errors mean. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/jobs/journal_database.h"

enum { APPLICATION = 0x45566a31 }; /* "EVj1", in the file's head */

/* What brings a database from each version to the next; a new file is of version 0. A step that was released is never
 * changed: what is wrong with it is put right by the next. */
static const char *const STEPS[] = {
    "CREATE TABLE job("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT," /* in the order of acceptance; no number comes twice */
    " id TEXT NOT NULL UNIQUE,"
    " owner TEXT NOT NULL, holder TEXT NOT NULL, untrusted INTEGER NOT NULL,"
    " state INTEGER NOT NULL, dead INTEGER NOT NULL,"
    " once_key BLOB, once_body BLOB,"
    " created_ms INTEGER NOT NULL, done_ms INTEGER NOT NULL,"
    " result_bytes INTEGER NOT NULL, digest BLOB,"
    " request TEXT NOT NULL, outcome TEXT);"
    "CREATE UNIQUE INDEX job_once ON job(once_key) WHERE once_key IS NOT NULL;"
    "CREATE INDEX job_pending ON job(seq) WHERE state = 0;"
    "CREATE INDEX job_dead ON job(seq) WHERE dead = 1;"
    "CREATE INDEX job_done ON job(done_ms) WHERE state <> 0 AND dead = 0;"
    "CREATE INDEX job_results ON job(untrusted, holder, done_ms, result_bytes) WHERE result_bytes > 0;"
    "CREATE TABLE reference(seq INTEGER PRIMARY KEY REFERENCES job(seq) ON DELETE CASCADE, bytes BLOB NOT NULL);",
};

static const char *const SQL[SV_SQL_COUNT] = {
#define SV_STATEMENT_TEXT(name, sql) [SV_SQL_##name] = sql,
    SV_STATEMENT_MAP(SV_STATEMENT_TEXT)
#undef SV_STATEMENT_TEXT
};

ev_status sv_database_fault(const sv_database *db, ev_error *err) {
    const int code = db->handle ? sqlite3_extended_errcode(db->handle) : SQLITE_NOMEM;
    const int cause = db->handle ? sqlite3_system_errno(db->handle) : 0;
    const char *text = db->handle ? sqlite3_errmsg(db->handle) : "out of memory";
    const bool io = (code & 0xff) == SQLITE_IOERR;
    switch (code & 0xff) {
    case SQLITE_FULL: return ev_fail(err, EV_E_LIMIT, "%s: the disk is full", db->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return ev_fail(err, EV_E_FORMAT, "%s is damaged: %s", db->path, text);
    case SQLITE_NOMEM: return ev_fail(err, EV_E_MEMORY, "out of memory");
    default: break;
    }
    if (code == SQLITE_IOERR_NOMEM) return ev_fail(err, EV_E_MEMORY, "out of memory");
    if (io && (cause == ENOSPC || cause == EDQUOT || cause == EFBIG))
        return ev_fail(err, EV_E_LIMIT, "%s: the disk is full", db->path);
    if (cause && io) return ev_fail(err, EV_E_IO, "%s: %s", db->path, strerror(cause));
    return ev_fail(err, EV_E_IO, "%s: %s", db->path, text);
}

static ev_status run_text(sv_database *db, const char *sql, ev_error *err) {
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? EV_OK : sv_database_fault(db, err);
}

/* The first column of the first row. */
static ev_status read_number(sv_database *db, const char *sql, int64_t *number, ev_error *err) {
    sqlite3_stmt *s = NULL;
    const bool ok = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
    if (ok) *number = sqlite3_column_int64(s, 0);
    const ev_status status = ok ? EV_OK : sv_database_fault(db, err);
    sqlite3_finalize(s);
    return status;
}

sqlite3_stmt *sv_database_statement(sv_database *db, sv_statement which) {
    assert((unsigned)which < SV_SQL_COUNT);
    sqlite3_stmt **s = &db->prepared[which];
    if (!*s && sqlite3_prepare_v3(db->handle, SQL[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK)
        return NULL;
    sqlite3_reset(*s);
    sqlite3_clear_bindings(*s);
    return *s;
}

ev_status sv_database_run(sv_database *db, sv_statement which, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(db, which);
    int code = s ? sqlite3_step(s) : SQLITE_ERROR;
    while (code == SQLITE_ROW) code = sqlite3_step(s);
    const ev_status status = code == SQLITE_DONE ? EV_OK : sv_database_fault(db, err);
    if (s) sqlite3_reset(s);
    return status;
}

void sv_database_close(sv_database *db) {
    for (int i = 0; i < SV_SQL_COUNT; i++) sqlite3_finalize(db->prepared[i]);
    if (db->handle) sqlite3_close(db->handle);
    free(db->path);
    *db = (sv_database){0};
}

static ev_status connect_to(sv_database *db, const char *path, int flags, ev_error *err) {
    *db = (sv_database){.path = strdup(path)};
    if (!db->path) return ev_fail(err, EV_E_MEMORY, "out of memory");
    if (sqlite3_open_v2(path, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
        return sv_database_fault(db, err);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, 5000);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return EV_OK;
}

/* ---- the schema ---- */

static ev_status check_kind(sv_database *db, int64_t *version, ev_error *err) {
    int64_t application = 0, tables = 0;
    ev_status status = read_number(db, "PRAGMA user_version", version, err);
    if (status == EV_OK) status = read_number(db, "PRAGMA application_id", &application, err);
    if (status == EV_OK) status = read_number(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (status != EV_OK) return status;
    if (application != APPLICATION && (application || tables))
        return ev_fail(err, EV_E_ARGUMENT, "%s is another program's database: give another data_dir", db->path);
    if (*version > (int64_t)EV_ARRAY_COUNT(STEPS))
        return ev_fail(err, EV_E_ARGUMENT,
                       "%s was made by a newer version (%lld, this one knows %zu): run that one, or give another "
                       "data_dir",
                       db->path, (long long)*version, EV_ARRAY_COUNT(STEPS));
    return *version < 0
               ? ev_fail(err, EV_E_FORMAT, "%s is damaged: its version is %lld", db->path, (long long)*version)
               : EV_OK;
}

/* All steps that are missing, or none of them. */
static ev_status migrate(sv_database *db, int64_t version, ev_error *err) {
    char mark[100];
    assert(version >= 0 && version <= (int64_t)EV_ARRAY_COUNT(STEPS));
    if (version == (int64_t)EV_ARRAY_COUNT(STEPS)) return EV_OK;
    ev_status status = run_text(db, "BEGIN IMMEDIATE", err);
    for (size_t i = (size_t)version; status == EV_OK && i < EV_ARRAY_COUNT(STEPS); i++)
        status = run_text(db, STEPS[i], err);
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %zu", APPLICATION,
             EV_ARRAY_COUNT(STEPS));
    if (status == EV_OK) status = run_text(db, mark, err);
    if (status == EV_OK) status = run_text(db, "COMMIT", err);
    if (status != EV_OK) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

ev_status sv_database_open(sv_database *db, const char *path, ev_error *err) {
    static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                                   "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
                                   "PRAGMA journal_size_limit = 33554432";
    int64_t version = 0;
    ev_status status = connect_to(db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (status == EV_OK) status = check_kind(db, &version, err);
    /* before there is a table, or never: room that was freed goes back to the disk, a little at a time */
    if (status == EV_OK && !version) status = run_text(db, "PRAGMA auto_vacuum = INCREMENTAL", err);
    if (status == EV_OK) status = run_text(db, settings, err);
    if (status == EV_OK) status = migrate(db, version, err);
    if (status != EV_OK) sv_database_close(db);
    return status;
}

ev_status sv_database_open_reader(sv_database *db, const char *path, ev_error *err) {
    ev_status status = connect_to(db, path, SQLITE_OPEN_READWRITE, err); /* of the log's index, that is */
    if (status == EV_OK) status = run_text(db, "PRAGMA query_only = ON; PRAGMA cell_size_check = ON", err);
    if (status != EV_OK) sv_database_close(db);
    return status;
}

ev_status sv_database_open_damaged(sv_database *db, const char *path, ev_error *err) {
    ev_status status = connect_to(db, path, SQLITE_OPEN_READWRITE, err);
    if (status == EV_OK) {
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        status = run_text(db, "PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0", err);
    }
    if (status != EV_OK) sv_database_close(db);
    return status;
}

/* ---- looking through it ---- */

static int is_late(void *until) { return ev_clock_s() > *(const double *)until; }

ev_status sv_database_check(sv_database *db, double seconds, ev_error *err) {
    double until = ev_clock_s() + seconds;
    sqlite3_stmt *s = NULL;
    ev_status status = EV_OK;
    sqlite3_progress_handler(db->handle, 10000, is_late, &until);
    const int prepared = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &s, NULL);
    const int code = prepared == SQLITE_OK ? sqlite3_step(s) : prepared;
    if (code == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(s, 0);
        if (!said || strcmp(said, "ok") != 0)
            status = ev_fail(err, EV_E_FORMAT, "%s is damaged: %s", db->path, said ? said : "?");
    } else if (code != SQLITE_INTERRUPT) {
        status = sv_database_fault(db, err);
    }
    sqlite3_finalize(s);
    sqlite3_progress_handler(db->handle, 0, NULL, NULL);
    return status;
}
