/* journal_rows: entries and questions as SQL, on one connection. Entries are applied inside a transaction. */
#ifndef SV_JOURNAL_ROWS_H
#define SV_JOURNAL_ROWS_H

#include "server/jobs/journal_database.h"

typedef struct sv_counts { /* of rows; or by how much a transaction changes them */
    int64_t pending, dead, results, result_bytes;
} sv_counts;

/* The entry's own status is set where it comes to nothing for a reason of its own (EV_E_NOT_FOUND); what is returned
 * is the database's, and spoils the transaction. */
ev_status sv_row_apply(sv_database *db, sv_entry *entry, sv_counts *change, ev_error *err);
ev_status sv_row_delete(sv_database *db, const char *id, sv_counts *change, bool *had_result, ev_error *err);
ev_status sv_row_dead_letter_take(sv_database *db, const char *id, sv_counts *change, bool *was_dead, ev_error *err);
/* A record as it was read from another database. false in *added: one like it is there already. */
ev_status sv_row_insert(sv_database *db, const sv_record *record, bool *added, ev_error *err);

/* Steps a statement that gives rows of SV_ROW, and reads one. EV_E_NOT_FOUND: no more. EV_E_FORMAT: it is damaged. */
ev_status sv_row_next(sv_database *db, sqlite3_stmt *statement, bool reference, sv_record *out, ev_error *err);
ev_status sv_row_count(sv_database *db, sv_counts *counts, int64_t *last, ev_error *err);

#endif
