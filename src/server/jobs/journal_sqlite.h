/* journal_sqlite: the journal as an SQLite database in a directory that one process has at a time.
 *
 *   journal_sqlite.c     START HERE: the thread that writes, many entries with one fsync; retention
 *   journal_rows.c       entries and questions as SQL
 *   journal_database.c   a connection: settings, schema by version, what its errors mean
 *   journal_damage.c     a database that is damaged is set aside, and read as far as it can be
 *
 * <dir>/jobs.db (with -wal and -shm while it is open), <dir>/lock, <dir>/jobs.db.damaged-<time>.
 *
 * Write-ahead log with synchronous=FULL: what done was called for survives kill -9 and the loss of power, as far as
 * the disk keeps what fsync promises. SQLite's own errors are told apart: a full disk (EV_E_LIMIT) comes and goes,
 * and the next entry tries again; damage (EV_E_FORMAT) stays until a start sets the file aside.
 */
#ifndef SV_JOURNAL_SQLITE_H
#define SV_JOURNAL_SQLITE_H

#include "server/jobs/journal.h"
#include "server/store/store.h"
#include "server/metrics/log.h"

typedef struct sv_journal_options {
    const char *dir;
    sv_store *store;   /* of the results, which go with their jobs; borrowed, outlives the journal; NULL: none */
    sv_store *files;   /* ... and of their files for clients, likewise */
    sv_log *log;       /* NULL: none */
    double ttl_s;      /* what is over is forgotten after this; dead letters are not */
    int64_t bytes_max; /* of results. Beyond it untrusted clients' go first, of those who have most, the oldest; then
                        * keys'. What is not over is never forgotten */
    int64_t reserve;   /* bytes of the disk that are left for how jobs end: below it none is accepted */
} sv_journal_options;

enum { SV_DEAD_LETTERS_MAX = 1000 }; /* the oldest beyond are jobs that failed, like others */

/* EV_E_LIMIT: the disk is full. EV_E_IO: it cannot be written there, or another process has it. EV_E_ARGUMENT: it was
 * made by a newer version, or is no journal. Damage is no error: see sv_journal_state. */
ev_status sv_journal_sqlite(sv_journal **out, const sv_journal_options *options, ev_error *err);

#endif
