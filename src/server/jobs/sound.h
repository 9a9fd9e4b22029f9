/* sound: what a listener wants of the file beside its format (the rate, the volume, silence), and a job's whole file.
 */
#ifndef SV_SOUND_H
#define SV_SOUND_H

#include "server/jobs/jobs.h"

typedef struct sv_file {
    ev_format format;
    sv_sound sound;
    int32_t rate; /* Hz of the job's samples */
    bool label;   /* it says that it is synthetic */
    bool whole;   /* all samples are there, so that what follows from all of them is known */
} sv_file;

/* The rate of the file in Hz. */
static inline int32_t sv_file_rate(const sv_file *file) {
    return ev_format_rate(file->format, file->rate, file->sound.rate);
}
/* WAV, PCM, G.711: as long as its samples say. */
static inline bool sv_format_plain(ev_format format) {
    return format <= EV_FORMAT_PCM || format == EV_FORMAT_ULAW || format == EV_FORMAT_ALAW;
}
/* The encoder of a job that has `count` samples now. EV_E_MEMORY. */
ev_status sv_file_encoder(ev_encoder **out, sv_job *job, const sv_file *file, size_t count);
/* Appends the file of a job that has all its samples: the bytes that /tts/{id}/audio answers. EV_E_MEMORY. */
ev_status sv_file_encode(ev_buf *out, sv_job *job, const sv_file *file, ev_error *err);

#endif
