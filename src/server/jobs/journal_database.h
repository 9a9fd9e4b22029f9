/* journal_database: one connection to the database, and its statements, prepared when they are first used.
 * Threads: one at a time.
 */
#ifndef SV_JOURNAL_DATABASE_H
#define SV_JOURNAL_DATABASE_H

#include <sqlite3.h>

#include "server/jobs/journal_sqlite.h"

/* X(name, SQL). A row of the first kind reads as sv_row_read() expects it: that order. */
#define SV_ROW                                                                                                       \
    "seq, id, owner, holder, untrusted, state, dead, once_key, once_body, created_ms, done_ms, "                     \
    "result_bytes, digest, request, outcome"
#define SV_STATEMENT_MAP(X)                                                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                      \
    X(COMMIT, "COMMIT")                                                                                              \
    X(ROLLBACK, "ROLLBACK")                                                                                          \
    X(INSERT,                                                                                                        \
      "INSERT INTO job(id, owner, holder, untrusted, state, dead, once_key, once_body, created_ms, done_ms, "        \
      "result_bytes, digest, request, outcome) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING")          \
    X(INSERT_REFERENCE, "INSERT INTO reference(seq, bytes) VALUES(?,?)")                                             \
    X(READ_REFERENCE, "SELECT bytes FROM reference WHERE seq = ?")                                                   \
    X(DROP_REFERENCE, "DELETE FROM reference WHERE seq = (SELECT seq FROM job WHERE id = ?)")                        \
    X(END, "UPDATE job SET state = ?2, dead = ?3, done_ms = ?4, result_bytes = ?5, digest = ?6, outcome = ?7 "       \
           "WHERE id = ?1 AND state = 0")                                                                            \
    X(DEAD_TAKE, "UPDATE job SET dead = 0 WHERE id = ? AND dead = 1")                                                \
    X(DELETE, "DELETE FROM job WHERE id = ? RETURNING state, dead, result_bytes")                                    \
    X(FIND, "SELECT " SV_ROW " FROM job WHERE id = ?")                                                               \
    X(FIND_KEY, "SELECT " SV_ROW " FROM job WHERE once_key = ?")                                                     \
    X(NEXT_PENDING, "SELECT " SV_ROW " FROM job WHERE state = 0 AND seq > ? AND seq <= ? ORDER BY seq LIMIT 1")      \
    X(NEXT_DEAD, "SELECT " SV_ROW " FROM job WHERE dead = 1 AND seq > ? ORDER BY seq LIMIT 1")                       \
    X(LAST, "SELECT coalesce(max(seq), 0) FROM job")                                                                 \
    X(COUNT_PENDING, "SELECT count(*) FROM job WHERE state = 0")                                                     \
    X(COUNT_DEAD, "SELECT count(*) FROM job WHERE dead = 1")                                                         \
    X(COUNT_RESULTS, "SELECT count(*), coalesce(sum(result_bytes), 0) FROM job WHERE result_bytes > 0")              \
    X(AGED, "SELECT id FROM job WHERE state <> 0 AND dead = 0 AND done_ms < ? ORDER BY done_ms LIMIT 200")           \
    X(MOST, "SELECT untrusted, holder FROM job WHERE result_bytes > 0 GROUP BY untrusted, holder "                   \
            "ORDER BY untrusted DESC, sum(result_bytes) DESC LIMIT 1")                                               \
    X(OLDEST_OF, "SELECT id, result_bytes FROM job WHERE result_bytes > 0 AND untrusted = ? AND holder = ? "         \
                 "ORDER BY done_ms LIMIT 200")                                                                       \
    X(OLD_DEAD, "SELECT id FROM job WHERE dead = 1 ORDER BY seq DESC LIMIT 1 OFFSET ?")                              \
    X(VACUUM, "PRAGMA incremental_vacuum(256)")

typedef enum sv_statement {
#define SV_STATEMENT_NAME(name, sql) SV_SQL_##name,
    SV_STATEMENT_MAP(SV_STATEMENT_NAME)
#undef SV_STATEMENT_NAME
        SV_SQL_COUNT
} sv_statement;

typedef struct sv_database {
    sqlite3 *handle;
    sqlite3_stmt *prepared[SV_SQL_COUNT];
    char *path;
} sv_database;

/* For the thread that writes: made where it is not there, and brought to this version's schema. EV_E_FORMAT: it is
 * damaged. EV_E_ARGUMENT: it is no journal, or a newer version's. Closed again on failure. */
ev_status sv_database_open(sv_database *db, const char *path, ev_error *err);
ev_status sv_database_open_reader(sv_database *db, const char *path, ev_error *err);
/* One that is damaged, to be read as it is: nothing is written to it. */
ev_status sv_database_open_damaged(sv_database *db, const char *path, ev_error *err);
void sv_database_close(sv_database *db);
/* Looks through all of it, as far as it comes within `seconds`. EV_E_FORMAT: it is damaged. */
ev_status sv_database_check(sv_database *db, double seconds, ev_error *err);
/* Ready to be bound and run; NULL: sv_database_fault() tells why. */
sqlite3_stmt *sv_database_statement(sv_database *db, sv_statement which);
/* Runs one that gives no rows. */
ev_status sv_database_run(sv_database *db, sv_statement which, ev_error *err);
/* What the last call's failure means: EV_E_LIMIT (the disk is full), EV_E_FORMAT (damage), EV_E_MEMORY, EV_E_IO. */
ev_status sv_database_fault(const sv_database *db, ev_error *err);

#endif
