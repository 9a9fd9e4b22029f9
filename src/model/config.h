/* config: the sizes of the three networks, read from a model file's metadata key "emotivoice" (JSON) and checked
 * against hard limits, so that a hostile file can neither ask for absurd memory nor index out of an array.
 */
#ifndef EV_CONFIG_H
#define EV_CONFIG_H

#include "model/container.h"

enum {
    EV_STAGES_MAX = 6,
    EV_KINDS_MAX = 4,
    EV_DILATIONS_MAX = 4,
    EV_HARMONICS_MAX = 32,
    EV_VOCODER_BLOCKS_MAX = 32,
    EV_EMOTIONS_MAX = 32,
    EV_ECAPA_BLOCKS_MAX = 6,
    EV_SPEAKER_REACH_MAX = 32, /* frames to each side of a layer */
    EV_FRAME_BLOCKS_MAX = 16,  /* convnext: of the prosody */
    EV_SPELLING_MAX = 8,       /* symbols of a token */
    EV_FRAME_PAIR = 2,         /* frames that the prosody makes at once */
    EV_DURATION_KERNEL = 3,
    EV_EQUALISER_BANDS_MAX = 32
};

/* How one kind of acoustic model works: acoustic.h. */
typedef struct ev_acoustic_family ev_acoustic_family;

/* The encoder of prompts and texts. */
typedef struct ev_bert_config {
    int layers, heads, width, hidden, positions, vocabulary;
} ev_bert_config;

typedef struct ev_acoustic_config {
    const ev_acoustic_family *family; /* "family"; fastspeech2 where the file has none */
    int tokens, width, heads, speaker, emotion_count;
    int condition; /* floats of an utterance's condition */
    int channels;  /* numbers that a frame has for the vocoder, F0 besides */
    /* fastspeech2, prompttts */
    int encoder_layers, decoder_layers, ffn, ffn_kernels[2], emotion;
    int duration_layers, pitch_layers, energy_layers, predictor_kernel, variance_kernel;
    double delta, eps;
    double pitch_scale, pitch_centre; /* token pitch p means log F0 = p * pitch_scale + pitch_centre */
    double energy_std;                /* log energy (prompttts: energy) per unit of the energy predictor */
    /* prompttts */
    double pitch_mean, pitch_std, energy_mean; /* F0 in Hz is mean + std * what is predicted; energy likewise */
    ev_bert_config style;
    const json_t *prompts; /* [emotion_count] texts; borrowed from the JSON */
    /* convnext */
    int symbols, text_width, text_passes, passes, text_kernel, kernel, frame_blocks, dilations[EV_FRAME_BLOCKS_MAX];
    bool int8;     /* its large layers are quantised */
    int delay;     /* frames that its symbols come behind their sound; default 0 */
    bool wh_falls; /* "what is it?" was learnt as a statement: its mark is a full stop. Default false */
    double emotion_gains_db[EV_EMOTIONS_MAX]; /* of the sound of each emotion, by its weight; default 0 */
    double question_rise; /* semitones by which the end of an English yes-or-no question is to rise; default 0: as
                             learnt */
    const json_t *table;  /* [tokens] lists of at most EV_SPELLING_MAX symbols; borrowed from the JSON */
} ev_acoustic_config;

/* HiFi-GAN, of mels. */
typedef struct ev_hifigan_config {
    int channels, stages, rates[EV_STAGES_MAX], kernels[EV_STAGES_MAX]; /* the product of rates is the hop */
    int resblock, kinds, res_kernels[EV_KINDS_MAX], dilation_count, res_dilations[EV_KINDS_MAX][EV_DILATIONS_MAX];
    int pre_kernel, post_kernel, harmonics; /* harmonics 0: no source branch */
    double post_slope;
} ev_hifigan_config;

/* ConvNeXt blocks and an inverse STFT of 4 hop samples. */
typedef struct ev_spectral_config {
    int width, hidden, blocks, kernel; /* width: a multiple of 16 */
    int parts;                         /* of a bin: EV_ISTFT_PARTS_BURSTS, or _MAX with a free part */
    double highest_hz;                 /* of the source's harmonics */
    bool int8;                         /* its large layers are quantised */
} ev_spectral_config;

typedef enum ev_vocoder_family { EV_VOCODER_HIFIGAN, EV_VOCODER_ISTFT } ev_vocoder_family;

typedef struct ev_vocoder_config {
    ev_vocoder_family family;
    int inputs; /* channels of a frame besides F0: HiFi-GAN's mels; features and energy for the inverse STFT */
    int sample_rate, hop;
    int speaker, emotions; /* of the condition of a chunk; 0 for a family that takes none */
    union {                /* by family */
        ev_hifigan_config hifigan;
        ev_spectral_config spectral;
    };
} ev_vocoder_config;

typedef struct ev_speaker_config {
    int bins, blocks; /* blocks: TDNN, SE-Res2Net..., without the final aggregation */
    int channels[EV_ECAPA_BLOCKS_MAX + 1], kernels[EV_ECAPA_BLOCKS_MAX + 1], dilations[EV_ECAPA_BLOCKS_MAX + 1];
    int attention, squeeze, res2net_scale, embedding;
} ev_speaker_config;

/* Of clones. */
typedef struct ev_equaliser_config {
    int bands; /* 0: none */
    int hz[EV_EQUALISER_BANDS_MAX];
    double strength, limit_db;
} ev_equaliser_config;

typedef struct ev_config {
    ev_acoustic_config acoustic;
    ev_vocoder_config vocoder;
    ev_speaker_config speaker; /* embedding 0: the file has no speaker encoder */
    ev_equaliser_config equaliser;
    json_t *json; /* owned: names of voices and emotions live in it */
} ev_config;

/* EV_E_FORMAT names the key that is missing or out of range. */
ev_status ev_config_read(ev_config *out, const ev_container *c, ev_error *err);
/* The parts one by one, from a JSON object (for golden tests of a single network). */
ev_status ev_acoustic_config_read(ev_acoustic_config *out, const json_t *json, ev_error *err);
ev_status ev_vocoder_config_read(ev_vocoder_config *out, const json_t *json, ev_error *err);
ev_status ev_speaker_config_read(ev_speaker_config *out, const json_t *json, ev_error *err);
void ev_config_free(ev_config *config);

#endif
