/* voices_store: uploaded voices in a directory, one file each: `voice_<32 hex>.json`, holding the card and the packed
 * vector (never the recording). A file appears whole or not at all (written aside, renamed).
 * Names in a request never become paths: only ids that are in the table do. Threads: any.
 */
#ifndef SV_VOICES_STORE_H
#define SV_VOICES_STORE_H

#include "server/metrics/log.h"
#include "server/voices/voices.h"

typedef struct sv_voice_store sv_voice_store;
/* A thread reads the directory, so that a mount that does not answer, or thousands of files, hold nobody up: this
 * waits SV_VOICES_READ_S for it, then the voices come when they come. EV_E_IO: the directory cannot be read. A file
 * that is damaged, or of another model's encoder, or none, is left where it is and passed over: the log names it, and
 * the metric counts such files. metrics and log may be NULL. */
enum { SV_VOICES_READ_S = 3 };
ev_status sv_voice_store_open(sv_voice_store **out, ev_model *model, const char *dir, sv_metrics *metrics,
                              sv_log *log, ev_error *err);
/* Takes in what other processes did to the directory: voices that came, and that were removed. Waits as open does;
 * *read is whether that was enough. EV_E_IO. */
ev_status sv_voice_store_reload(sv_voice_store *store, bool *read, ev_error *err);
void sv_voice_store_close(sv_voice_store **store);
ev_status sv_voice_store_put(sv_voice_store *store, const ev_voice *voice, const char *name, const char *owner,
                             const char *consent, sv_voice_card *card, ev_error *err);
/* A copy of the voice. EV_E_NOT_FOUND, also where it is another owner's. */
ev_status sv_voice_store_get(sv_voice_store *store, const char *id, const char *owner, ev_voice **out, ev_error *err);
ev_status sv_voice_store_delete(sv_voice_store *store, const char *id, const char *owner, ev_error *err);
void sv_voice_store_each(sv_voice_store *store, const char *owner, void (*each)(void *, const sv_voice_card *),
                         void *user);

#endif
