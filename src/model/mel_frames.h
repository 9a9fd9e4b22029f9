/* mel_frames: what the decoders of the FastSpeech2 families begin and end with: tokens become frames by Gaussian
 * upsampling, mels and pitch go to whoever asked.
 */
#ifndef EV_MEL_FRAMES_H
#define EV_MEL_FRAMES_H

#include "model/acoustic.h"
#include "model/axis.h"

/* The axis of the utterances' frames, in the queue's host memory. */
ev_axis ev_mel_frames_axis(const ev_acoustic_config *c, ev_queue *q, ev_utterance *const *u, size_t n);
/* hidden [frames][width] and pitch [frames][16] out of the tokens'. */
void ev_mel_frames_upsample(const ev_acoustic_config *c, ev_queue *q, const ev_axis *a, const ev_encoded *encoded,
                            ev_utterance *const *u, ev_rows hidden, ev_rows pitch);
/* mel to the utterances' channels, column 0 of pitch to their f0: there after the wait. */
void ev_mel_frames_get(ev_queue *q, const ev_axis *a, ev_utterance *const *u, ev_rows mel, ev_rows pitch);

#endif
