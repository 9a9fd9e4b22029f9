/* journal_rows: entries and questions as SQL. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "server/jobs/journal_rows.h"

void sv_record_free(sv_record *record) {
    free(record->request);
    free(record->outcome);
    free(record->reference);
    *record = (sv_record){0};
}

/* ---- writing ---- */

/* Ends a statement that gives no rows. */
static ev_status finish(sv_database *db, sqlite3_stmt *s, ev_error *err) {
    const int code = sqlite3_step(s);
    const ev_status status = code == SQLITE_DONE ? EV_OK : sv_database_fault(db, err);
    sqlite3_reset(s);
    return status;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text) {
    if (text) sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static void bind_digest(sqlite3_stmt *s, int at, const unsigned char *digest, bool there) {
    if (there) sqlite3_bind_blob(s, at, digest, SV_RECORD_DIGEST, SQLITE_STATIC);
}

static ev_status insert_reference(sv_database *db, const sv_record *r, ev_error *err) {
    if (!r->reference) return EV_OK;
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_INSERT_REFERENCE);
    if (!s) return sv_database_fault(db, err);
    sqlite3_bind_int64(s, 1, sqlite3_last_insert_rowid(db->handle));
    sqlite3_bind_blob64(s, 2, r->reference, r->reference_bytes, SQLITE_STATIC);
    return finish(db, s, err);
}

ev_status sv_row_insert(sv_database *db, const sv_record *r, bool *added, ev_error *err) {
    assert(r->request);
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_INSERT);
    if (!s) return sv_database_fault(db, err);
    bind_text(s, 1, r->id);
    bind_text(s, 2, r->owner);
    bind_text(s, 3, r->holder);
    sqlite3_bind_int(s, 4, r->untrusted);
    sqlite3_bind_int(s, 5, r->state);
    sqlite3_bind_int(s, 6, r->dead);
    bind_digest(s, 7, r->idempotency_key, r->keyed);
    bind_digest(s, 8, r->idempotency_body, r->keyed);
    sqlite3_bind_int64(s, 9, r->created_ms);
    sqlite3_bind_int64(s, 10, r->done_ms);
    sqlite3_bind_int64(s, 11, r->result_bytes);
    bind_digest(s, 12, r->digest, r->state == SV_RECORD_COMPLETED);
    bind_text(s, 13, r->request);
    bind_text(s, 14, r->outcome);
    const ev_status status = finish(db, s, err);
    *added = status == EV_OK && sqlite3_changes(db->handle) == 1;
    return *added ? insert_reference(db, r, err) : status;
}

/* The id of the job that has the key, where there is one. */
static ev_status find_other(sv_database *db, sv_entry *e, ev_error *err) {
    const sv_record *r = &e->record;
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_FIND_KEY);
    sv_record there = {0};
    if (!s) return sv_database_fault(db, err);
    bind_digest(s, 1, r->idempotency_key, true);
    const ev_status status = sv_row_next(db, s, false, &there, err);
    sqlite3_reset(s);
    if (status == EV_OK) memcpy(e->other, there.id, sizeof there.id);
    e->same_body =
        status == EV_OK && memcmp(there.idempotency_body, r->idempotency_body, sizeof r->idempotency_body) == 0;
    sv_record_free(&there);
    return status == EV_E_NOT_FOUND ? EV_OK : status;
}

static ev_status accept(sv_database *db, sv_entry *e, sv_counts *change, ev_error *err) {
    bool added = false;
    ev_status status = sv_row_insert(db, &e->record, &added, err);
    if (added) change->pending++;
    if (status == EV_OK && !added && e->record.keyed) status = find_other(db, e, err);
    return status;
}

static ev_status drop_reference(sv_database *db, const char *id, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_DROP_REFERENCE);
    if (!s) return sv_database_fault(db, err);
    bind_text(s, 1, id);
    return finish(db, s, err);
}

ev_status sv_row_dead_letter_take(sv_database *db, const char *id, sv_counts *change, bool *was_dead, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_DEAD_TAKE);
    if (!s) return sv_database_fault(db, err);
    bind_text(s, 1, id);
    const ev_status status = finish(db, s, err);
    *was_dead = status == EV_OK && sqlite3_changes(db->handle) == 1;
    if (!*was_dead) return status;
    change->dead--;
    return drop_reference(db, id, err);
}

static ev_status retry(sv_database *db, sv_entry *e, sv_counts *change, ev_error *err) {
    bool was_dead = false;
    const ev_status status = sv_row_dead_letter_take(db, e->other, change, &was_dead, err);
    if (status != EV_OK) return status;
    if (was_dead) return accept(db, e, change, err);
    e->status = ev_fail(&e->error, EV_E_NOT_FOUND, "there is no dead letter %s", e->other);
    return EV_OK;
}

static void count_end(const sv_record *r, sv_counts *change) {
    assert(r->result_bytes >= 0);
    change->dead += r->dead;
    change->results += r->result_bytes > 0;
    change->result_bytes += r->result_bytes;
}

static ev_status end(sv_database *db, sv_entry *e, sv_counts *change, ev_error *err) {
    const sv_record *r = &e->record;
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_END);
    bool added = false;
    assert(r->state != SV_RECORD_ACCEPTED);
    if (!s) return sv_database_fault(db, err);
    bind_text(s, 1, r->id);
    sqlite3_bind_int(s, 2, r->state);
    sqlite3_bind_int(s, 3, r->dead);
    sqlite3_bind_int64(s, 4, r->done_ms);
    sqlite3_bind_int64(s, 5, r->result_bytes);
    bind_digest(s, 6, r->digest, r->state == SV_RECORD_COMPLETED);
    bind_text(s, 7, r->outcome);
    ev_status status = finish(db, s, err);
    const bool ended = status == EV_OK && sqlite3_changes(db->handle) == 1;
    if (status == EV_OK && !ended && r->request) status = sv_row_insert(db, r, &added, err);
    if (status != EV_OK) return status;
    if (!ended && !added) {
        e->status = ev_fail(&e->error, EV_E_NOT_FOUND, "the job was deleted");
        return EV_OK;
    }
    change->pending -= ended;
    count_end(r, change);
    return r->dead ? EV_OK : drop_reference(db, r->id, err); /* a dead letter may be tried again */
}

ev_status sv_row_delete(sv_database *db, const char *id, sv_counts *change, bool *had_result, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_DELETE);
    if (!s) return sv_database_fault(db, err);
    bind_text(s, 1, id);
    const int code = sqlite3_step(s);
    const bool gone = code == SQLITE_ROW;
    const int64_t bytes = gone ? sqlite3_column_int64(s, 2) : 0;
    *had_result = bytes > 0;
    if (gone) {
        change->pending -= sqlite3_column_int(s, 0) == SV_RECORD_ACCEPTED;
        change->dead -= sqlite3_column_int(s, 1);
        change->results -= bytes > 0;
        change->result_bytes -= bytes;
    }
    if (!gone && code != SQLITE_DONE) {
        const ev_status status = sv_database_fault(db, err);
        sqlite3_reset(s);
        return status;
    }
    return gone ? finish(db, s, err) : (sqlite3_reset(s), EV_OK);
}

ev_status sv_row_apply(sv_database *db, sv_entry *e, sv_counts *change, ev_error *err) {
    bool had_result;
    switch (e->kind) {
    case SV_ENTRY_ACCEPT: return accept(db, e, change, err);
    case SV_ENTRY_RETRY: return retry(db, e, change, err);
    case SV_ENTRY_END: return end(db, e, change, err);
    case SV_ENTRY_DELETE: return sv_row_delete(db, e->record.id, change, &had_result, err);
    case SV_ENTRY_SYNC: break;
    }
    return EV_OK;
}

/* ---- reading; a row may be of a damaged database: nothing is taken for granted ---- */

static bool copy_text(sqlite3_stmt *s, int column, char *to, size_t room) {
    const char *text = (const char *)sqlite3_column_text(s, column);
    const size_t length = text ? strlen(text) : room;
    if (length >= room) return false;
    memcpy(to, text, length + 1);
    return true;
}

static bool copy_digest(sqlite3_stmt *s, int column, unsigned char *to) {
    const void *bytes = sqlite3_column_blob(s, column);
    if (!bytes || sqlite3_column_bytes(s, column) != SV_RECORD_DIGEST) return false;
    memcpy(to, bytes, SV_RECORD_DIGEST);
    return true;
}

/* NULL in *out where there is none. */
static bool copy_long(sqlite3_stmt *s, int column, char **out) {
    const char *text = (const char *)sqlite3_column_text(s, column);
    *out = text ? strdup(text) : NULL;
    return *out || sqlite3_column_type(s, column) == SQLITE_NULL;
}

static ev_status read_reference(sv_database *db, sv_record *out, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(db, SV_SQL_READ_REFERENCE);
    if (!s) return sv_database_fault(db, err);
    sqlite3_bind_int64(s, 1, out->number);
    const int code = sqlite3_step(s);
    ev_status status = code == SQLITE_ROW || code == SQLITE_DONE ? EV_OK : sv_database_fault(db, err);
    const void *bytes = code == SQLITE_ROW ? sqlite3_column_blob(s, 0) : NULL;
    const size_t size = bytes ? (size_t)sqlite3_column_bytes(s, 0) : 0;
    if (size && (out->reference = malloc(size))) {
        memcpy(out->reference, bytes, size);
        out->reference_bytes = size;
    }
    if (size && !out->reference) status = ev_fail(err, EV_E_MEMORY, "out of memory");
    sqlite3_reset(s);
    return status;
}

static bool read_row(sqlite3_stmt *s, sv_record *out) {
    out->number = sqlite3_column_int64(s, 0);
    bool ok = copy_text(s, 1, out->id, sizeof out->id) && copy_text(s, 2, out->owner, sizeof out->owner) &&
              copy_text(s, 3, out->holder, sizeof out->holder);
    out->untrusted = sqlite3_column_int(s, 4) != 0;
    const int state = sqlite3_column_int(s, 5);
    out->state = (sv_record_state)state;
    out->dead = sqlite3_column_int(s, 6) != 0;
    out->keyed = copy_digest(s, 7, out->idempotency_key) && copy_digest(s, 8, out->idempotency_body);
    out->created_ms = sqlite3_column_int64(s, 9);
    out->done_ms = sqlite3_column_int64(s, 10);
    out->result_bytes = sqlite3_column_int64(s, 11);
    const bool digested = copy_digest(s, 12, out->digest);
    ok &= copy_long(s, 13, &out->request) && copy_long(s, 14, &out->outcome) && out->request;
    return ok && ev_is_hex(out->id, SV_RECORD_ID) && state >= SV_RECORD_ACCEPTED && state <= SV_RECORD_CANCELED &&
           out->result_bytes >= 0 && (digested || state != SV_RECORD_COMPLETED);
}

ev_status sv_row_next(sv_database *db, sqlite3_stmt *s, bool reference, sv_record *out, ev_error *err) {
    *out = (sv_record){0};
    const int code = sqlite3_step(s);
    if (code == SQLITE_DONE) return ev_fail(err, EV_E_NOT_FOUND, "there is no such job");
    if (code != SQLITE_ROW) return sv_database_fault(db, err);
    ev_status status = EV_OK;
    if (!read_row(s, out)) status = ev_fail(err, EV_E_FORMAT, "%s is damaged: a job in it is not whole", db->path);
    if (status == EV_OK && reference) status = read_reference(db, out, err);
    if (status != EV_OK) sv_record_free(out);
    return status;
}

static ev_status read_numbers(sv_database *db, sv_statement which, int64_t *first, int64_t *second, ev_error *err) {
    sqlite3_stmt *s = sv_database_statement(db, which);
    if (!s || sqlite3_step(s) != SQLITE_ROW) return sv_database_fault(db, err);
    *first = sqlite3_column_int64(s, 0);
    if (second) *second = sqlite3_column_int64(s, 1);
    sqlite3_reset(s);
    return EV_OK;
}

ev_status sv_row_count(sv_database *db, sv_counts *c, int64_t *last, ev_error *err) {
    *c = (sv_counts){0};
    ev_status status = read_numbers(db, SV_SQL_LAST, last, NULL, err);
    if (status == EV_OK) status = read_numbers(db, SV_SQL_COUNT_PENDING, &c->pending, NULL, err);
    if (status == EV_OK) status = read_numbers(db, SV_SQL_COUNT_DEAD, &c->dead, NULL, err);
    if (status == EV_OK) status = read_numbers(db, SV_SQL_COUNT_RESULTS, &c->results, &c->result_bytes, err);
    return status;
}
