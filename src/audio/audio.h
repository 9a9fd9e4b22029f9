/* audio: sound in and out of the engine, and what is measured on it.
 *
 *   read.c      .wav, .mp3, .flac and Ogg by content, to mono float at the file's rate (libsndfile, libmpg123)
 *   kind.c      what a file is, by its first bytes
 *   sniff.c     whether all of it is there; sniff_ogg.c the pages of an Ogg file (libogg)
 *   encoder.c   wav, pcm, flac, opus, mp3, aac, g.711 in pieces, as the sound is made
 *   shape.c     before that: silence cut, volume, another rate
 *   codec.c     what libsndfile and aac.c (vo-aacenc) encode, into memory
 *   loudness.c  how loud a sound is heard (libebur128)
 *   label.c     how a file says that nobody spoke it
 *   write.c     the same formats to memory or a file
 *   files.c     bytes to a file, whole or not at all
 *   resample.c  any rate to any rate (soxr)
 *   fbank.c     80 log-mel bins per 10 ms: the speaker encoder's input (kissfft)
 *   pitch.c     F0 per 10 ms and its median
 *   ltas.c      the long-term average spectrum (kissfft)
 *   quality.c   whether a recording is good to take a voice from
 *   trim.c      silence at both ends, and long silence inside
 */
#ifndef EV_AUDIO_H
#define EV_AUDIO_H

#include "base/base.h"

/* read.c, kind.c, write.c and encoder.c implement ev_audio_read, ev_audio_decode, ev_audio_kind, ev_audio_write,
 * ev_wav_write, ev_audio_encode, ev_audio_free, ev_bytes_free, ev_format_* and ev_encoder_* of emotivoice.h. */

/* *out [*out_count] is the caller's (free). Rates in Hz. EV_E_MEMORY. */
ev_status ev_resample(const float *in, size_t count, int rate_in, int rate_out, float **out, size_t *out_count,
                      ev_error *err);

#define EV_FBANK_BINS 80
#define EV_FBANK_HOP  160
/* SpeechBrain's published Fbank for ECAPA-TDNN, so that its weights can be used: 16 kHz; frames of 400 samples,
 * hop 160, centred, zero padding; Hamming window (periodic); power spectrum; 80 triangles on the 2595*log10(1+f/700)
 * scale from 0 to 8000 Hz (the rising width serves both slopes, as SpeechBrain builds them); 10*log10(max(x,1e-10));
 * floored 80 dB under the utterance's maximum; minus each bin's mean over time.
 * *out [*frames][80] is the caller's (free); *frames = count / 160 + 1. */
ev_status ev_fbank(const float *samples_16k, size_t count, float **out, size_t *frames, ev_error *err);

/* F0 in Hz per 10 ms, 0 where unvoiced, 60..500 Hz; 16 kHz in. *out [*frames] is the caller's (free);
 * *frames = count / 160 + 1, frame t is centred on sample 160 t as in ev_fbank. EV_E_MEMORY. */
ev_status ev_pitch_track(const float *samples_16k, size_t count, float **out, size_t *frames, ev_error *err);
/* Median of the voiced frames, 0 if fewer than 10 are; negative: out of memory. */
float ev_pitch_median(const float *f0, size_t frames);

/* Long-term average spectrum: the mean power of each band over the louder frames, in dB of any reference. hz [bands],
 * 3..EV_LTAS_BANDS_MAX, ascending: the bands' centres; they meet half way on a scale of octaves. 16 kHz; frames of
 * 1024 samples, hop 256, Hann's window. EV_E_AUDIO: fewer samples than a frame has. EV_E_MEMORY. */
enum { EV_LTAS_BANDS_MAX = 32 };
ev_status ev_ltas(const float *samples_16k, size_t count, const int *hz, size_t bands, float *out_db, ev_error *err);

typedef struct ev_quality { /* of a recording; the lines are quality.c's */
    bool clipped, noisy;
    bool music; /* much of its pitch stands still */
    bool tones; /* ... nearly all: there is no speech in it */
} ev_quality;
/* clipped and noisy, of the recording as it came and, at 16 kHz, with its silence. EV_E_MEMORY. */
ev_status ev_quality_measure(ev_quality *out, const float *samples, size_t count, const float *samples_16k,
                             size_t count_16k, ev_error *err);
void ev_quality_pitch(ev_quality *quality, const float *f0, size_t frames); /* music and tones, of ev_pitch_track's */

/* Speech without its silence: cuts both ends, and shortens pauses over 300 ms, by energy against the loudest
 * part and the noise floor. Writes at most count samples to out (may be in); returns how many: 0 for silence,
 * SIZE_MAX: out of memory. */
size_t ev_trim_silence(const float *samples_16k, size_t count, float *out);

#endif
