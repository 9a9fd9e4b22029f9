/* journal_damage: a database that is damaged is moved aside under a name of its own, never written to again and never
 * deleted; what can still be read of it goes into the new one. */
#ifndef SV_JOURNAL_DAMAGE_H
#define SV_JOURNAL_DAMAGE_H

#include "server/jobs/journal_rows.h"

/* Renames path, with its -wal; aside (of size) gets the new path. EV_E_IO: it cannot be moved. */
ev_status sv_damage_set_aside(const char *path, char *aside, size_t size, ev_error *err);
/* Copies the jobs that are whole, from both ends, since what lies behind the damage may be as good as what lies
 * before. *recovered counts them. Damage met on the way is no error; one of `to` is. */
ev_status sv_damage_recover(const char *aside, sv_database *to, int64_t *recovered, ev_error *err);

#endif
