/* voices: the voices that the service speaks in.
 *
 * Named voices are the model's. A reference's voice is made once and kept, least recently used first out, under the
 * SHA-256 of its bytes: the same recording sent again costs a look-up. Uploaded voices are references that got an id;
 * they lie in a directory as packed vectors, never as recordings, and belong to the account that brought them.
 *
 * Threads: any. Two equal references at once are made once; the second waits for the first.
 */
#ifndef SV_VOICES_H
#define SV_VOICES_H

#include "base/base.h"
#include "server/config/config.h"
#include "server/guard/guard.h"
#include "server/metrics/log.h"
#include "server/metrics/metrics.h"
#include "server/voices/catalogue.h"

typedef struct sv_voices sv_voices;
/* Of the config: voice_cache, voices_dir, reference_seconds_max. decoder NULL: references are decoded in this
 * process, for tests. metrics and log may be NULL. */
ev_status sv_voices_create(sv_voices **out, ev_model *model, sv_decoder *decoder, const sv_config *config,
                           sv_metrics *metrics, sv_log *log, ev_error *err);
void sv_voices_free(sv_voices **voices);
/* Keeps uploads from now on, in voices_dir. As create. */
ev_status sv_voices_open_store(sv_voices *voices, const sv_config *config, sv_log *log, ev_error *err);
/* The model was closed (NULL), or opened again; no voice is being made or asked for but by sv_voices_check. What is
 * cached stays. */
void sv_voices_attach(sv_voices *voices, ev_model *model);

/* *out lives until sv_voice_release. EV_E_NOT_FOUND, also for a voice of another account. */
typedef struct sv_voice sv_voice;
const ev_voice *sv_voice_get(const sv_voice *voice);
/* What is wrong with the recording that it was heard in, and what to do: "clipped: ...; short: ..."; "" nothing. */
enum { SV_VOICE_WARNINGS = 320 };
void sv_voice_warnings(const sv_voice *voice, char out[SV_VOICE_WARNINGS]);
void sv_voice_release(sv_voices *voices, sv_voice **voice);
ev_status sv_voices_named(sv_voices *voices, const char *name, const char *owner, sv_voice **out, ev_error *err);
/* Whether that will find one, by the catalogue of the model, which need not be there. EV_E_ARGUMENT, EV_E_NOT_FOUND.
 */
ev_status sv_voices_check(sv_voices *voices, const sv_catalogue *catalogue, const char *name, const char *owner,
                          ev_error *err);
/* bytes of a sound file (ev_audio_decode). EV_E_AUDIO, EV_E_LIMIT. */
ev_status sv_voices_reference(sv_voices *voices, const void *bytes, size_t size, sv_voice **out, ev_error *err);

/* Where the vectors of recordings are kept for other processes too, by the SHA-256 of the recordings. What is known
 * there is not made again; the recordings themselves are never shared. Calls come from any thread, several at a time,
 * and may wait for a network for about half a second. */
enum { SV_VECTOR_KEY = 32, SV_VECTOR_MAX = 65536 };
typedef struct sv_vector_cache {
    void *user;
    /* Bytes that were put, at most SV_VECTOR_MAX; 0: not known, or not now. */
    size_t (*get)(void *user, const unsigned char key[SV_VECTOR_KEY], unsigned char *packed);
    void (*put)(void *user, const unsigned char key[SV_VECTOR_KEY], const unsigned char *packed, size_t size);
    /* All that have these bytes are forgotten. */
    void (*drop)(void *user, const unsigned char *packed, size_t size);
} sv_vector_cache;
/* From now on; NULL: no more, and none of its calls is under way any more. */
void sv_voices_share(sv_voices *voices, const sv_vector_cache *cache);

/* Uploads. id: "voice_" and 32 hexadecimal digits. */
enum { SV_VOICE_ID = 38, SV_VOICE_NAME_MAX = 64 };
typedef struct sv_voice_card {
    char id[SV_VOICE_ID + 1];
    char name[SV_VOICE_NAME_MAX + 1];
    char owner[64];
    char consent[65];                 /* statement of consent given with it; "" none */
    int64_t created;                  /* seconds since 1970 */
    char warnings[SV_VOICE_WARNINGS]; /* as sv_voice_warnings has them; of sv_voices_keep alone */
} sv_voice_card;
ev_status sv_voices_keep(sv_voices *voices, const void *bytes, size_t size, const char *name, const char *owner,
                         const char *consent, sv_voice_card *card, ev_error *err);
/* Its recording's entry in the cache goes, too. */
ev_status sv_voices_delete(sv_voices *voices, const char *id, const char *owner, ev_error *err);
/* Looks again which voices are in voices_dir. *read false: it goes on, since the directory takes its time. */
ev_status sv_voices_reload(sv_voices *voices, bool *read, ev_error *err);
/* Calls each with every uploaded voice of the owner, in the order of their coming. */
void sv_voices_each(sv_voices *voices, const char *owner, void (*each)(void *user, const sv_voice_card *card),
                    void *user);

#endif
