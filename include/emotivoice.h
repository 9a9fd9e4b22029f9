/* emotivoice: text in, expressive speech out, in any voice heard for a few seconds.
 *
 * Path:    ev_model_open -> ev_synth_create -> ev_voice_named | ev_voice_embed -> ev_say* -> ev_audio_write
 * Owner:   makers write *out only on EV_OK; the caller then owns it and hands its address to ev_X_free, which
 *          takes NULL and sets NULL. Objects hold references inside: free model, voice and synth in any order.
 *          Arguments are borrowed for the call; nothing is kept.
 * Threads: a model and a voice never change: share them freely. A synth is one worker's memory: one call at a
 *          time; only ev_synth_cancel and ev_synth_set_threads may race.
 * Errors:  0 or negative, from one table; `err` may be NULL and is the caller's. The library never exits, prints
 *          or keeps a global last error.
 * Audio:   mono float samples, nominally -1..1. Text: UTF-8 with an explicit length.
 */
#ifndef EMOTIVOICE_H
#define EMOTIVOICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EV_API __attribute__((visibility("default")))
#else
#define EV_API
#endif

#define EV_VERSION_MAJOR  0
#define EV_VERSION_MINOR  1
#define EV_VERSION_PATCH  0
#define EV_VERSION_STRING "0.1.0"

/* ---- status ------------------------------------------------------------------------------------------------ */

/* X(name, value, text). The enum and ev_status_text() are made from this table. */
#define EV_STATUS_MAP(X)                                                                                             \
    X(OK, 0, "success")                                                                                              \
    X(E_ARGUMENT, -1, "argument out of range")                                                                       \
    X(E_MEMORY, -2, "out of memory")                                                                                 \
    X(E_IO, -3, "file cannot be read or written")                                                                    \
    X(E_FORMAT, -4, "file is damaged or of a kind that is not understood")                                           \
    X(E_LIMIT, -5, "input is larger than the limit")                                                                 \
    X(E_TEXT, -6, "text cannot be spoken")                                                                           \
    X(E_AUDIO, -7, "reference audio cannot be used")                                                                 \
    X(E_CANCELED, -8, "canceled")                                                                                    \
    X(E_DEVICE, -9, "device failed or is missing")                                                                   \
    X(E_NOT_FOUND, -10, "no such voice, emotion, language or file")

typedef enum ev_status {
#define EV_STATUS_ENUM(name, value, text) EV_##name = value,
    EV_STATUS_MAP(EV_STATUS_ENUM)
#undef EV_STATUS_ENUM
} ev_status;

/* What went wrong, in one line that names the fault and what to change. Always NUL-terminated. */
typedef struct ev_error {
    ev_status status;
    char message[252];
} ev_error;

/* Fixed text for a status; static storage, never NULL, also for values outside the table. Any thread. */
EV_API const char *ev_status_text(ev_status status);

/* "0.1.0 (avx512, ...)": version and the instruction set that the CPU kernels will use. Static storage. */
EV_API const char *ev_version(void);

/* ---- model ------------------------------------------------------------------------------------------------- */

typedef struct ev_model ev_model; /* weights, lexicons, named voices: immutable, reference-counted */
typedef struct ev_voice ev_voice; /* one speaker: an embedding and a median pitch; immutable */
typedef struct ev_synth ev_synth; /* one worker's threads and work memory */

typedef struct ev_model_options {
    const char *lexicon_dir; /* where lexicon files lie; default NULL: the model file's directory, or where none lie
                                there the default voice's */
    uint64_t reserved[8];    /* zero */
} ev_model_options;

EV_API void ev_model_options_init(ev_model_options *options);

/* Opens a model file (.safetensors with our metadata). `path` NULL: $EMOTIVOICE_MODEL if set, else the default
 * voice beside the program's sources or in the installed data directory.
 * EV_E_IO: unreadable. EV_E_FORMAT: damaged, truncated, or not one of ours. EV_E_MEMORY. */
EV_API ev_status ev_model_open(ev_model **out, const char *path, const ev_model_options *options, ev_error *err);
EV_API void ev_model_free(ev_model **model);

/* The checkpoints that the EmotiVoice project publishes (or that were fine-tuned from them) to a model file. */
typedef struct ev_import_options {
    const char *generator, *style_encoder, *vocabulary, *tokens, *speakers, *config; /* files; default NULL: g_NNN,
                        checkpoint_NNN (the highest numbers), vocab.txt, tokenlist, speaker2, joint/config.yaml in the
                        folder, however deep; config may be missing: the published sizes */
    int32_t half; /* 1: weights of 16 bits, half the file and less memory; default 0 */
    void (*progress)(void *user, size_t done, size_t total); /* tensors; default NULL */
    void *user;
    uint64_t reserved[6]; /* zero */
} ev_import_options;

EV_API void ev_import_options_init(ev_import_options *options);
/* Nothing in the files is believed or run. options NULL: the defaults. `path` is written when all is good, else left.
 * EV_E_NOT_FOUND: a file is missing, or one of two is to be chosen. EV_E_FORMAT: damaged, or a tensor is missing,
 * surplus or of another shape (named). EV_E_IO, EV_E_LIMIT, EV_E_MEMORY. */
EV_API ev_status ev_model_import(const char *folder, const char *path, const ev_import_options *options,
                                 ev_error *err);

/* Facts about an open model. Strings live as long as the model. Index out of range: NULL. */
EV_API int32_t ev_model_sample_rate(const ev_model *model); /* Hz */
EV_API size_t ev_model_voice_count(const ev_model *model);
EV_API const char *ev_model_voice_name(const ev_model *model, size_t index);
EV_API const char *ev_model_voice_note(const ev_model *model, size_t index); /* one line about it; "" none */
/* "en", "zh": the language it was made from; every voice speaks all languages of the model. "" where not known. */
EV_API const char *ev_model_voice_language(const ev_model *model, size_t index);
/* "female", "male"; "" where not known. */
EV_API const char *ev_model_voice_sex(const ev_model *model, size_t index);
EV_API size_t ev_model_emotion_count(const ev_model *model);
EV_API const char *ev_model_emotion_name(const ev_model *model, size_t index);
EV_API size_t ev_model_embedding_size(const ev_model *model); /* floats in a speaker vector */
EV_API int ev_model_takes_prompts(const ev_model *model);     /* 1: ev_request.prompt may be set */
EV_API int ev_model_clones(const ev_model *model);            /* 1: ev_voice_embed works: it has a speaker encoder */

/* ---- text -------------------------------------------------------------------------------------------------- */

/* What in a text is markup and not read. A text limit counts the text as it is written, markup included. */
typedef enum ev_markup {
    EV_MARKUP_AUTO = 0, /* Markdown, tags of HTML and SSML; a text that begins with <speak> is SSML */
    EV_MARKUP_NONE,     /* all is read; [pause:500ms] and [word](/phones/) are understood still */
    EV_MARKUP_SSML      /* the text must be well-formed SSML, else EV_E_TEXT; <speak> around it may be left out */
} ev_markup;

/* "(laughs)", "[sighs]", "*coughs*", "（笑）": sounds that are asked for in words, and that no voice here makes. */
typedef enum ev_audio_tags {
    EV_AUDIO_TAGS_SPEAK = 0, /* the word is read */
    EV_AUDIO_TAGS_DROP       /* it is left out, and reported among the omissions */
} ev_audio_tags;

/* Pronunciations of one's own: words, and how each is said. Immutable once made; any thread.
 * How: phones between slashes, "/T AH0 M EY1 T OW0/" (models/tokens.txt), IPA "/təˈmeɪtoʊ/" or pinyin "/chong2
 * qing4/"; the slashes may be left out where no word could be meant. Anything else is what the word sounds like:
 * "emotive voice". A word in capitals ("US") stands for itself, others for any case; Latin words match whole words
 * only, and of two that match the longer wins. */
typedef struct ev_dictionary ev_dictionary;
#define EV_DICTIONARY_WORDS_MAX 100000
#define EV_DICTIONARY_BYTES_MAX 200 /* of a word, and of how it is said */

/* Lines "word<TAB>how" or "word = how"; empty ones and those that begin with # are passed over.
 * EV_E_FORMAT: a line that is none, phones that are none (message: the line's number). EV_E_LIMIT, EV_E_MEMORY. */
EV_API ev_status ev_dictionary_parse(ev_dictionary **out, const char *text, size_t bytes, ev_error *err);
EV_API ev_status ev_dictionary_read(ev_dictionary **out, const char *path, ev_error *err); /* EV_E_IO too */
/* From n pairs. EV_E_FORMAT: the message names the word. */
EV_API ev_status ev_dictionary_create(ev_dictionary **out, const char *const *words, const char *const *sayings,
                                      size_t n, ev_error *err);
EV_API void ev_dictionary_free(ev_dictionary **dictionary);
EV_API size_t ev_dictionary_count(const ev_dictionary *dictionary);
EV_API int ev_dictionary_has_phones(const ev_dictionary *dictionary); /* does it give phones for any word? */

/* What a text will be spoken as. Byte ranges are half-open offsets into the caller's text. */
typedef struct ev_phone {
    const char *name; /* token name of the published inventory, e.g. "[AH0]", "uan3", "sp1"; static */
    int32_t token;    /* its id */
    int32_t word;     /* index into words, -1 for boundary and end marks */
    int32_t pause_ms; /* > 0: a pause of exactly this length asked for with [pause:500ms] */
    size_t byte_begin, byte_end;
    float speed, pitch_scale, energy_scale; /* what SSML asks for here, times the request's own; 1: nothing */
} ev_phone;

typedef struct ev_word {
    size_t byte_begin, byte_end;   /* where in the text it stands */
    size_t phone_begin, phone_end; /* its phones */
    const char *spoken;            /* normalised form, e.g. "二零二六" or "twenty"; NUL-terminated */
    char language[4];              /* "en" or "zh" */
    int32_t given;                 /* 1: its phones were given by hand, in the text or in a dictionary */
} ev_word;

typedef struct ev_sentence {
    size_t byte_begin, byte_end;
    size_t phone_begin, phone_end; /* starts and ends with <sos/eos> */
    const char *voice;             /* that <voice name="..."> asks for here, one that is known; NULL: the request's */
} ev_sentence;

typedef struct ev_omission { /* something in the text that is not spoken, or not as it is written */
    size_t byte_begin, byte_end;
    const char *reason; /* "emoji", "control character", "transliterated", "link address", ...; static */
    const char *spoken; /* what is said for it, e.g. "Ivan" for a transliterated name; NULL: nothing */
} ev_omission;

typedef struct ev_phones { /* owned by the caller; ev_phones_free */
    ev_phone *phones;
    size_t phone_count;
    ev_word *words;
    size_t word_count;
    ev_sentence *sentences;
    size_t sentence_count;
    ev_omission *omissions;
    size_t omission_count;
    void *storage; /* internal */
} ev_phones;

/* Text to phones, as synthesis does it. language: "en", "zh", or NULL/"auto" (decides how digits and symbols
 * that stand between no words of either language are read). Any thread.
 * EV_E_TEXT: empty, nothing speakable, or invalid UTF-8 (message gives the byte offset).
 * EV_E_LIMIT: more than EV_TEXT_BYTES_MAX. EV_E_NOT_FOUND: unknown language. */
#define EV_TEXT_BYTES_MAX 262144
EV_API ev_status ev_phones_create(ev_phones **out, const ev_model *model, const char *text, size_t text_bytes,
                                  const char *language, ev_error *err);
EV_API void ev_phones_free(ev_phones **phones);
struct ev_request;
/* The same for all that a request says of its text: language, markup, audio tags, dictionaries. */
EV_API ev_status ev_phones_of(ev_phones **out, const ev_model *model, const struct ev_request *request,
                              ev_error *err);

/* ---- audio ------------------------------------------------------------------------------------------------- */

/* When a phone or boundary is heard; in the order of the phones. */
typedef struct ev_mark {
    const char *phone; /* token name; static */
    int32_t word;      /* as in ev_phone */
    size_t byte_begin, byte_end;
    size_t sample_begin, sample_end;
} ev_mark;

typedef struct ev_audio {
    float *samples; /* [count], mono, -1..1 */
    size_t count;
    int32_t sample_rate; /* Hz */
    ev_mark *marks;      /* NULL for audio that was read from a file */
    size_t mark_count;
} ev_audio;

typedef enum ev_format {
    EV_FORMAT_WAV = 0, /* 16-bit PCM */
    EV_FORMAT_WAV_FLOAT,
    EV_FORMAT_PCM, /* 16-bit little-endian, no header */
    EV_FORMAT_FLAC,
    EV_FORMAT_OPUS, /* in Ogg */
    EV_FORMAT_MP3,
    EV_FORMAT_AAC,  /* in ADTS frames */
    EV_FORMAT_ULAW, /* G.711, 8 bits, no header */
    EV_FORMAT_ALAW,
    EV_FORMAT_COUNT
} ev_format;

/* "wav", "flac", ... or a file name's extension to a format. EV_E_NOT_FOUND otherwise. */
EV_API ev_status ev_format_parse(const char *name, ev_format *format, ev_error *err);
/* "wav", "wav-float", "pcm", "flac", "opus", "mp3", "aac", "ulaw", "alaw"; static storage. NULL for no format. */
EV_API const char *ev_format_name(ev_format format);
/* For a Content-Type: "audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/aac", "audio/PCMU", "audio/PCMA";
 * PCM is "audio/pcm", which is not registered but is what speech services send (the registered audio/L16 has its
 * bytes the other way round). */
EV_API const char *ev_format_media_type(ev_format format);
/* The rate in Hz of a file of that format when `wanted` is asked for: the same, or the nearest that the format has
 * and that loses nothing. wanted 0: what is usual for a sound of `sample_rate`, which for G.711 is 8000. */
EV_API int32_t ev_format_rate(ev_format format, int32_t sample_rate, int32_t wanted);

/* Writes a file (replaced if it exists; removed again on failure, e.g. a full disk). EV_E_IO. */
EV_API ev_status ev_audio_write(const char *path, const ev_audio *audio, ev_format format, ev_error *err);
/* Short for 16-bit WAV. */
EV_API ev_status ev_wav_write(const char *path, const ev_audio *audio, ev_error *err);
/* The same bytes in memory: *bytes is the caller's (ev_bytes_free). */
EV_API ev_status ev_audio_encode(const ev_audio *audio, ev_format format, void **bytes, size_t *size, ev_error *err);
EV_API void ev_bytes_free(void **bytes);

/* Reads .wav (PCM or float), .mp3, .flac or Ogg (Opus, Vorbis) by content, any rate 8-192 kHz, any number of channels
 * (mixed to mono). EV_E_IO unreadable; EV_E_FORMAT a kind of file that is not read (the message names it and those
 * that are); EV_E_AUDIO no file of sound, damaged, truncated, or longer than `seconds_max` (0: no limit). */
EV_API ev_status ev_audio_read(ev_audio *out, const char *path, double seconds_max, ev_error *err);
EV_API ev_status ev_audio_decode(ev_audio *out, const void *bytes, size_t size, double seconds_max, ev_error *err);
/* What a file is by its first 40 bytes, no more of them looked at: "wav", "mp3", "flac", "opus", "vorbis", which are
 * read; "m4a" (any MP4), "aac", "webm" (any Matroska), "ogg" (another one), "aiff", "au", "amr", "wma", "caf", which
 * are not; NULL: none of these. Static storage. */
EV_API const char *ev_audio_kind(const void *bytes, size_t size);
EV_API void ev_audio_free(ev_audio *audio); /* frees what it holds, zeroes it; not the struct itself */

/* ---- encoding in pieces ------------------------------------------------------------------------------------ */

/* Sound to bytes while it is being made: create, write as often as there are samples, finish. The bytes of all calls,
 * joined, are the file; pieces of any size give the same ones.
 *
 * How far the bytes are behind the sound, at 24 kHz: WAV, PCM and G.711 0; FLAC 48 ms (blocks of 1152 samples); AAC
 * 85 ms (frames of 1024, one held back); Opus 87 ms (pages of three packets); MP3 126 ms, 46 of them the delay that
 * MP3 puts in front of the sound (1105 samples, and up to 1152 behind it), at 64 kbit/s: lower rates save bits over
 * frames. Another rate adds some 10 ms.
 *
 * Bytes that were handed out cannot change, so two things are missing that ev_audio_encode's files have: MP3's Info
 * frame, by which decoders trim that delay and know the length, and FLAC's checksum of the whole sound. MP3 of
 * constant rate is 0.45 dB softer. */
typedef struct ev_encoder ev_encoder; /* one stream; one call at a time; any thread */

typedef struct ev_encoder_options {
    /* samples in all, where that is known (with trim_silence: those that are left): sizes in the head of WAV and FLAC
     * are exact, and another number is an error; default 0: unknown, and WAV says so (0x7FFFF000, which sox, ffmpeg,
     * browsers and Python's wave read to the end) */
    uint64_t known_count;
    int32_t bitrate_kbps;   /* MP3 8..160 at 16 and 24 kHz, constant; Opus 6..256; AAC 8..6 bits a sample; default 0:
                               64, 32 and 64; others have none */
    int32_t label;          /* default 1: names the speech as synthetic in a record that labelling rules ask for,
                               {"AIGC":{"Label":"1","ContentProducer":...,"ProduceID":...}}: INFO chunk behind the
                               sound of a WAV whose length is known, ID3v2 TXXX of MP3, Vorbis comment of Opus and FLAC.
                               WAV of unknown length, PCM, AAC and G.711 have no room.
                               0: only the comment "synthetic speech", as ev_audio_encode writes it */
    const char *producer;   /* in the record; default "emotivoice"; UTF-8, at most 256 bytes */
    const char *content_id; /* in the record, the number of this content; default ""; likewise */
    int32_t file_rate;      /* Hz of the file, one that ev_format_rate gives; default 0: the sound's own */
    float volume_db; /* -40..40, louder or softer; what would exceed full scale is bent, not cut off; default 0 */
    int32_t trim_silence; /* 1: silence (under -50 dBFS) before and behind the sound is cut to 20 ms; default 0 */
    int32_t reserved_int; /* zero */
    uint64_t reserved[4]; /* zero */
} ev_encoder_options;

EV_API void ev_encoder_options_init(ev_encoder_options *options);

/* options NULL: the defaults. Rates: 1000 to 384000 Hz; Opus 8000, 12000, 16000, 24000, 48000; MP3 8000 to 48000 as
 * MPEG has them. EV_E_ARGUMENT, EV_E_LIMIT (known_count too large for one file), EV_E_MEMORY. */
EV_API ev_status ev_encoder_create(ev_encoder **out, ev_format format, int32_t sample_rate,
                                   const ev_encoder_options *options, ev_error *err);
/* *bytes is what is ready, perhaps none (NULL, 0), borrowed until the next call with this encoder. EV_E_ARGUMENT:
 * more than known_count, or after finish. */
EV_API ev_status ev_encoder_write(ev_encoder *encoder, const float *samples, size_t count, const void **bytes,
                                  size_t *size, ev_error *err);
/* The rest of the bytes; then only free is left. EV_E_ARGUMENT: fewer than known_count, or no sound at all where the
 * format cannot say that (FLAC, MP3). */
EV_API ev_status ev_encoder_finish(ev_encoder *encoder, const void **bytes, size_t *size, ev_error *err);
EV_API void ev_encoder_free(ev_encoder **encoder);
/* Samples that trim_silence cut before the first that is in the file. */
EV_API uint64_t ev_encoder_skipped(const ev_encoder *encoder);
/* Samples, of those that were written and at their rate, that are or will be in the file (a codec may hold the last
 * ones until finish): behind skipped, and until finish without silence that may be the last. */
EV_API uint64_t ev_encoder_kept(const ev_encoder *encoder);
/* Bytes of the whole file, where they follow from known_count: WAV, PCM and G.711. 0: not known. */
EV_API uint64_t ev_encoder_size(const ev_encoder *encoder);

/* The same to a whole sound, in place; marks move with it. rate 0: its own. normalize 1: to -20 LUFS first, as far as
 * +-20 dB reach; what is shorter than 0.4 s stays. EV_E_ARGUMENT, EV_E_MEMORY: the sound is as it was. */
typedef struct ev_shape_request {
    int32_t rate;
    float volume_db;
    int32_t normalize, trim_silence;
} ev_shape_request;
EV_API ev_status ev_audio_shape(ev_audio *audio, const ev_shape_request *request, ev_error *err);

/* ---- loudness ---------------------------------------------------------------------------------------------- */

/* How loud a sound is heard (EBU R128, ITU-R BS.1770), in pieces and in constant memory. One call at a time. */
typedef struct ev_loudness ev_loudness;
EV_API ev_status ev_loudness_create(ev_loudness **out, int32_t sample_rate, ev_error *err); /* 8000 to 192000 Hz */
EV_API ev_status ev_loudness_add(ev_loudness *loudness, const float *samples, size_t count, ev_error *err);
/* Integrated loudness of what was added, in LUFS; -infinity for silence and for less than 0.4 s. */
EV_API double ev_loudness_lufs(const ev_loudness *loudness);
/* dB that bring it to -20 LUFS, within +-20; 0 where the loudness is not known. */
EV_API double ev_loudness_gain_db(const ev_loudness *loudness);
EV_API double ev_loudness_peak_db(const ev_loudness *loudness); /* of its samples, dBFS; -infinity for silence */
EV_API void ev_loudness_free(ev_loudness **loudness);

/* ---- synth ------------------------------------------------------------------------------------------------- */

typedef struct ev_synth_options {
    int32_t threads;         /* 1..64; default 0: one per core the process may run on */
    int32_t batch_max;       /* requests a call may hold, 1..256; default 16 */
    int32_t sentence_ms_max; /* longest sentence as spoken, 1000..60000; default 30000; longer ones are split */
    uint64_t reserved[6];    /* zero */
} ev_synth_options;

EV_API void ev_synth_options_init(ev_synth_options *options);
EV_API ev_status ev_synth_create(ev_synth **out, ev_model *model, const ev_synth_options *options, ev_error *err);
EV_API void ev_synth_free(ev_synth **synth);
/* Stops the call now running on this synth, if any: it returns EV_E_CANCELED. Any thread. */
EV_API void ev_synth_cancel(ev_synth *synth);
/* How many of its threads work, 1..options.threads (the nearest is taken); also those of the call now running. For
 * a program that runs several synths on the same cores, and knows which are busy. Samples are the same. Any thread.
 */
EV_API void ev_synth_set_threads(ev_synth *synth, int32_t threads);

/* ---- voices ------------------------------------------------------------------------------------------------ */

/* A voice that the model file carries. EV_E_NOT_FOUND (message lists near names). */
EV_API ev_status ev_voice_named(ev_voice **out, ev_model *model, const char *name, ev_error *err);
/* A voice from reference speech: mono samples at 8000..192000 Hz; 1..30 s are left after silence is trimmed.
 * Where the model has an equaliser, what its vocoder lacks of the speech's timbre becomes part of the voice.
 * EV_E_AUDIO: too short, too long, silent, or noise or tones alone. EV_E_ARGUMENT: the model has no speaker encoder
 * (ev_model_clones). Uses the synth's work memory. */
EV_API ev_status ev_voice_embed(ev_voice **out, ev_synth *synth, const float *samples, size_t count,
                                int32_t sample_rate, ev_error *err);
/* What of a recording makes a worse voice; bits. */
typedef enum ev_voice_fault {
    EV_VOICE_CLIPPED = 1,
    EV_VOICE_NOISY = 2,
    EV_VOICE_MUSIC = 4,
    EV_VOICE_SPEAKERS = 8, /* more than one; two that sound much alike are not told apart */
    EV_VOICE_SHORT = 16,   /* less than 3 s of speech */
    EV_VOICE_FAULTS = 31
} ev_voice_fault;
/* Of the recording that it was made from by ev_voice_embed; 0 for a good one, and for a voice from elsewhere. */
EV_API unsigned ev_voice_faults(const ev_voice *voice);
/* What it is, and what to do: "clipped: record it again with less gain"; static storage. NULL for no fault. */
EV_API const char *ev_voice_fault_hint(ev_voice_fault fault);
/* Reads with ev_audio_read, then embeds. */
EV_API ev_status ev_voice_from_file(ev_voice **out, ev_synth *synth, const char *path, ev_error *err);
/* To and from bytes, for caches and files. pack: *used is always set to the size needed; bytes may be NULL to
 * ask for it. unpack: EV_E_FORMAT when damaged or made with another speaker encoder. */
EV_API ev_status ev_voice_pack(const ev_voice *voice, void *bytes, size_t capacity, size_t *used, ev_error *err);
EV_API ev_status ev_voice_unpack(ev_voice **out, ev_model *model, const void *bytes, size_t size, ev_error *err);
/* A voice between several of one model: the mean of their vectors, equalisers and pitches' logarithms, by weights >
 * 0; as long again as they are in the mean where the vectors are a speaker encoder's, a plain mean of a published
 * model's rows. EV_E_ARGUMENT: none, other weights, or voices of several speaker encoders. */
EV_API ev_status ev_voice_mix(ev_voice **out, const ev_voice *const *voices, const float *weights, size_t n,
                              ev_error *err);
/* Lives with the voice. A recording's is of unit length; a named voice's may be longer: what is its own is spoken
 * more strongly. A published model's is of any length. */
EV_API const float *ev_voice_vector(const ev_voice *voice, size_t *count);
EV_API float ev_voice_pitch(const ev_voice *voice);                     /* median F0, Hz; 0 not told */
EV_API float ev_voice_similarity(const ev_voice *a, const ev_voice *b); /* cosine, -1..1 */
EV_API void ev_voice_free(ev_voice **voice);

/* ---- speaking ---------------------------------------------------------------------------------------------- */

typedef struct ev_request {
    const char *text; /* UTF-8, required */
    size_t text_bytes;
    const ev_voice *voice; /* default NULL: the model's first named voice */
    const char *language;  /* default NULL: auto */
    const char *emotion;  /* label, or blend "happy:0.6,surprised:0.4" (weights sum <= 1); default NULL: neutral. Case
                             does not matter, and like words (joyful, sadness, 开心, 生气, ...) stand for the labels */
    float emotion_degree; /* 0..1.5, scales the emotion away from neutral; default 1 */
    float speed;          /* 0.25..4; default 1 */
    float pitch_scale;    /* 0.5..2, multiplies F0; default 1 */
    float energy_scale;   /* 0.25..4, louder or softer speech; default 1. Models of mels shift the energy that they
                             predict (a factor of it, roughly); models of 24 kHz multiply the samples, cut at -1..1 */
    uint64_t seed;        /* of the noise in the excitation; default 0. Same request, same samples */
    ev_markup markup;     /* default EV_MARKUP_AUTO */
    ev_audio_tags audio_tags;             /* default EV_AUDIO_TAGS_SPEAK */
    const ev_dictionary *dictionaries[2]; /* looked up in this order; default NULL: none */
    const char *prompt; /* a manner in free words ("哭唧唧"), in place of emotion, for models that take one (see
                           ev_model_takes_prompts); emotion_degree scales it, at most 1; default NULL: none */
    /* The voice of <voice name="..."> in the text, alive until the call returns; NULL: none of that name, which is
     * reported among the omissions, and the request's voice goes on. Called with find_user, several times for a name,
     * on the calling thread; default NULL: the model's named voices. */
    const ev_voice *(*find_voice)(void *user, const char *name);
    void *find_user;
    uint64_t reserved[2]; /* zero */
} ev_request;

typedef struct ev_result {
    ev_status status;
    ev_audio audio; /* zeroed unless status is EV_OK */
    ev_error error;
} ev_result;

EV_API void ev_request_init(ev_request *request);

/* Speaks. *out is the caller's (ev_audio_free), zeroed on failure.
 * EV_E_TEXT, EV_E_LIMIT, EV_E_ARGUMENT (a number out of range), EV_E_NOT_FOUND (emotion), EV_E_CANCELED. */
EV_API ev_status ev_say(ev_synth *synth, const ev_request *request, ev_audio *out, ev_error *err);

/* results[i] answers requests[i], and its samples are the same bytes as ev_say would give it alone. A bad request
 * does not harm its neighbours: EV_OK means that each status must be read. EV_E_ARGUMENT: n > batch_max. */
EV_API ev_status ev_say_batch(ev_synth *synth, const ev_request *const *requests, size_t n, ev_result *results,
                              ev_error *err);

/* Speaks in pieces, as they are made, on the calling thread. samples are borrowed for the call; `last` is 1
 * exactly once, at the end (possibly with count 0). Non-zero from on_chunk stops: EV_E_CANCELED. */
typedef int (*ev_chunk_fn)(void *user, const float *samples, size_t count, int last);
EV_API ev_status ev_say_stream(ev_synth *synth, const ev_request *request, ev_error *err, ev_chunk_fn on_chunk,
                               void *user);

/* ---- speaking in stages ------------------------------------------------------------------------------------- */

/* For callers that decide themselves what runs next, such as a service with many listeners. A task is one request on
 * its way: create does its text (any thread, no synth), ev_synth_decode turns the next sentence of each of several
 * tasks into frames, ev_synth_vocode turns frames of several tasks into samples, each in one batch. Whatever the
 * order, the company and the cuts, a task's samples are those of ev_say.
 * Threads: a task is used by one thread at a time, and not with two synths at once. */
typedef struct ev_task ev_task;

typedef struct ev_progress {
    size_t sentences, decoded; /* in all; of them through the acoustic model */
    size_t next_tokens;   /* of the next sentence to decode, as the model counts them: where it spells a phone with
                             several symbols, each is one; 0: all are decoded, or the task has failed */
    size_t tokens_left;   /* of all that are to be decoded */
    size_t ready_frames;  /* decoded, to be vocoded */
    size_t ready_samples; /* made, to be taken */
    size_t samples;       /* made since the beginning */
    int done;             /* nothing is left to be made: success, or failure (ev_task_status) */
} ev_progress;

/* The request is borrowed for the call; what is needed later is copied, the voice too. sentence_ms_max: as the
 * synth's that will run it (ev_synth_options), 0: its default. Fails as ev_say fails before it makes sound. */
EV_API ev_status ev_task_create(ev_task **out, ev_model *model, const ev_request *request, int32_t sentence_ms_max,
                                ev_error *err);
EV_API void ev_task_free(ev_task **task);
EV_API void ev_task_progress(const ev_task *task, ev_progress *progress);
/* EV_OK while nothing is wrong with this task; what made it fail otherwise. A failure is its own: the others of its
 * batches are not touched. */
EV_API ev_status ev_task_status(const ev_task *task, ev_error *err);

/* The next sentence of each task, in one batch; a task named k times gives its next k. Tasks that have nothing to
 * decode are passed over. EV_E_LIMIT: more than 64 sentences, or more than 1024 tokens in more than one sentence.
 * EV_E_ARGUMENT: a task of another model. */
#define EV_BATCH_SENTENCES_MAX 64
#define EV_BATCH_TOKENS_MAX    1024
#define EV_BATCH_SLICES_MAX    256
EV_API ev_status ev_synth_decode(ev_synth *synth, ev_task *const *tasks, size_t n, ev_error *err);

typedef struct ev_slice {
    ev_task *task;
    size_t frames; /* of its ready frames, from the first; more than there are: all */
} ev_slice;
/* Frames to samples; at most EV_BATCH_SLICES_MAX slices. ev_work's rows_max fill the vocoder; more are worked off in
 * several runs. EV_E_CANCELED: ev_synth_cancel came between two runs; the slices' tasks have failed. */
EV_API ev_status ev_synth_vocode(ev_synth *synth, const ev_slice *slices, size_t n, ev_error *err);

/*-
 * How much of a synth's work memory a batch takes, for a caller that must stay within a budget. These are the
 * formulas by which the memory itself is sized, so they follow from the model and the synth's options, and never
 * change:
 *
 *   ev_synth_decode   decode_bytes + sentences x sentence_bytes + tokens x token_bytes, and on top the larger of
 *                     tokens x encode_bytes and frames x frame_bytes; more frames than frames_max count as frames_max
 *   ev_synth_vocode   vocode_bytes + rows x row_bytes, where rows = frames + slices x slice_rows; more than rows_max
 *                     count as rows_max; a slice counts again wherever a sentence or a [pause] ends inside it
 *
 * A batch takes at most this, and not much less: rows are fewer where a slice has no neighbours in its sentence. A
 * synth has the memory from create to free, but a system that gives pages when they are first written gives them to
 * the first batch that needs them. What outlives a batch comes on top and belongs to its task: frames until they are
 * vocoded, samples.
 */
typedef struct ev_work {
    size_t bytes;       /* of work memory in all, which embedding a voice uses too */
    size_t batch_bytes; /* the largest batch's: a budget beyond it changes nothing */
    size_t decode_bytes, sentence_bytes, token_bytes, encode_bytes, frame_bytes;
    size_t frames_max; /* of one run of the decoder; more are worked off in several */
    size_t vocode_bytes, row_bytes;
    size_t slice_rows; /* frames that a slice costs beside its own: on both sides what the vocoder must see, a gap */
    size_t rows_max;   /* of one run of the vocoder; likewise */
    double frames_per_second; /* of audio: the model's */
    size_t chunk_frames;      /* the longest stretch of one task that goes through the vocoder in one piece */
    size_t first_frames;      /* of a stream's first piece, as ev_say_stream cuts it; then it doubles */
} ev_work;
EV_API void ev_synth_work(const ev_synth *synth, ev_work *work); /* any thread */

/* The samples made since the last take: borrowed until the next call with this task. */
EV_API void ev_task_take(ev_task *task, const float **samples, size_t *count);
/* When each phone of the sentences decoded so far is heard, in samples since the beginning; borrowed likewise. */
EV_API const ev_mark *ev_task_marks(const ev_task *task, size_t *count);
/* What the task will say; lives with it. */
EV_API const ev_phones *ev_task_phones(const ev_task *task);

/* ---- measuring --------------------------------------------------------------------------------------------- */

/* What the last ev_say*, ev_synth_decode or ev_synth_vocode on this synth did; seconds of wall time per stage, and
 * how full the work was. */
typedef struct ev_stats {
    double text_s, acoustic_s, vocoder_s, total_s; /* of ev_synth_decode and _vocode: their stage alone */
    uint64_t frames_useful;                        /* frames that belong to some utterance */
    uint64_t frames_processed; /* frames that the vocoder worked on, chunk halos and gaps included */
    double audio_s;
} ev_stats;
EV_API void ev_synth_stats(const ev_synth *synth, ev_stats *stats);
/* fp32 multiply-adds x 2 per second of the engine's own inner kernel from registers, all threads of the synth;
 * the ceiling that bench engine prints beside its figures. Takes about 0.2 s. */
EV_API double ev_synth_peak_flops(ev_synth *synth);

#ifdef __cplusplus
}
#endif
#endif
