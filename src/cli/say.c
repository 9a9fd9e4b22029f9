/* say: text in, speech out. */
#include "say.h"

#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(say_values, field)

static const char *const languages[] = {"auto", "en", "zh", NULL};

static const cli_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = CLI_STRING,
     .offset = AT(output),
     .value = "FILE",
     .help = "where the audio goes; - is standard output, and the default when that is no terminal"},
    {.name = "format",
     .kind = CLI_CHOICE,
     .offset = AT(format),
     .choices = cli_format_names,
     .help = "audio format; without it, FILE's extension decides, else wav"},
    {.name = "voice",
     .letter = 'v',
     .kind = CLI_STRING,
     .offset = AT(voice),
     .value = "NAME",
     .help = "a voice of the model, OpenAI's name of one (alloy), a mixture (ava(2)+ray(1)), or a FILE.voice made by "
             "emotivoice voice make; "
             "without it, the model's first"},
    {.name = "reference",
     .letter = 'r',
     .kind = CLI_STRING,
     .offset = AT(reference),
     .value = "FILE",
     .help =
         "speak in the voice heard in this recording (.wav, .mp3, .flac, .ogg, .opus), 1 to 30 seconds of speech"},
    {.name = "emotion",
     .letter = 'e',
     .kind = CLI_STRING,
     .offset = AT(emotion),
     .value = "LABEL",
     .help = "e.g. happy, or a blend like happy:0.6,surprised:0.4; without it, neutral"},
    {.name = "prompt",
     .kind = CLI_STRING,
     .offset = AT(prompt),
     .value = "TEXT",
     .help = "the manner in free words, in place of an emotion, for models that were imported"},
    {.name = "emotion-degree",
     .kind = CLI_REAL,
     .offset = AT(emotion_degree),
     .value = "X",
     .low = 0,
     .high = 1.5,
     .help = "how strong the emotion is"},
    {.name = "speed",
     .letter = 's',
     .kind = CLI_REAL,
     .offset = AT(speed),
     .value = "X",
     .low = 0.25,
     .high = 4,
     .help = "how fast to speak; 2 is twice as fast"},
    {.name = "pitch-scale",
     .kind = CLI_REAL,
     .offset = AT(pitch_scale),
     .value = "X",
     .low = 0.5,
     .high = 2,
     .help = "multiplies the pitch"},
    {.name = "energy-scale",
     .kind = CLI_REAL,
     .offset = AT(energy_scale),
     .value = "X",
     .low = 0.25,
     .high = 4,
     .help = "multiplies the loudness that the voice aims for"},
    {.name = "volume",
     .kind = CLI_REAL,
     .offset = AT(volume),
     .value = "DB",
     .low = -40,
     .high = 40,
     .help = "louder or softer by so many decibels; nothing is cut off at full scale"},
    {.name = "normalize",
     .kind = CLI_FLAG,
     .offset = AT(normalize),
     .help = "bring the whole to -20 LUFS (EBU R128), before --volume"},
    {.name = "trim-silence",
     .kind = CLI_FLAG,
     .offset = AT(trim_silence),
     .help = "cut the silence before and behind the speech"},
    {.name = "sample-rate",
     .kind = CLI_INT,
     .offset = AT(sample_rate),
     .value = "HZ",
     .low = 8000,
     .high = 48000,
     .help = "convert to this rate, or the next that the format has; without it, the voice's, and 8000 for ulaw and "
             "alaw"},
    {.name = "language",
     .letter = 'l',
     .kind = CLI_CHOICE,
     .offset = AT(language),
     .choices = languages,
     .help = "how to read digits and symbols that stand alone"},
    CLI_OPTIONS_READING(say_values),
    {.name = "seed",
     .kind = CLI_SEED,
     .offset = AT(seed),
     .value = "N",
     .help = "seed of the noise in the voice; the same request gives the same samples"},
    {.name = "file",
     .letter = 'f',
     .kind = CLI_STRING,
     .offset = AT(file),
     .value = "FILE",
     .help = "read the text from FILE, in place of TEXT"},
    {.name = "lines",
     .kind = CLI_FLAG,
     .offset = AT(lines),
     .help =
         "speak each line into a file of its own: -o is a directory, or a pattern like line-%03d.wav; the number is "
         "the line's, blank lines are passed over"},
    {.name = "batch",
     .kind = CLI_INT,
     .offset = AT(batch),
     .value = "N",
     .low = 1,
     .high = 256,
     .help = "with --lines: how many lines are spoken together"},
    {.name = "stream",
     .kind = CLI_FLAG,
     .offset = AT(stream),
     .help = "write the audio as it is made; a wav in a pipe says that its length is unknown"},
    CLI_OPTION_MODEL(say_values),
    CLI_OPTION_THREADS(say_values),
    CLI_OPTION_JSON(say_values, "report as one JSON object a file: on standard output, or on standard error when the "
                                "audio goes to standard output"),
    CLI_OPTION_QUIET(say_values),
    {.name = NULL}};

static const cli_example examples[] = {
    {"emotivoice say \"Good morning!\" --emotion happy --speed 1.1 -o morning.wav", "a cheerful greeting"},
    {"emotivoice say \"In my own voice.\" --reference me.wav -o me-too.wav", "in a voice heard for a few seconds"},
    {"emotivoice say --file story.txt --stream | aplay", "hear a long text from its first sentence on"},
    {"emotivoice say --file prompts.txt --lines -o prompts/%03d.flac", "one file a line"},
    {NULL, NULL}};

static void init(void *values) {
    say_values *v = values;
    ev_request request;
    ev_synth_options synth;
    ev_request_init(&request);
    ev_synth_options_init(&synth);
    v->seed = request.seed;
    v->emotion_degree = request.emotion_degree;
    v->speed = request.speed;
    v->pitch_scale = request.pitch_scale;
    v->energy_scale = request.energy_scale;
    v->threads = synth.threads;
    v->batch = synth.batch_max;
    v->language = languages[0];
    v->markup = cli_markups[EV_MARKUP_AUTO];
    v->audio_tags = cli_audio_tags[EV_AUDIO_TAGS_SPEAK];
}

/* What the option table cannot see: options that exclude each other. */
static int check(const say_values *values) {
    if (values->voice != NULL && values->reference != NULL) {
        return cli_fail(CLI_USAGE, "both --voice and --reference were given: give one of them");
    }
    if (values->normalize && values->stream) {
        return cli_fail(CLI_USAGE,
                        "--normalize must hear the whole, which --stream does not wait for: give one of them");
    }
    if (values->lines && values->stream) {
        return cli_fail(CLI_USAGE, "--lines and --stream do not go together: give one of them");
    }
    return CLI_OK;
}

static int speak_one(say_job *job, const cli_text *text) {
    ev_audio audio = {0};
    ev_error err = {0};
    double start_s = ev_clock_s();
    job->request.text = text->bytes != NULL ? text->bytes : "";
    job->request.text_bytes = text->size;
    say_progress(job, "speaking ...");
    ev_status status = ev_say(job->engine.synth, &job->request, &audio, &err);
    double elapsed_s = ev_clock_s() - start_s;
    say_progress(job, "%s", "");
    if (status != EV_OK) return cli_engine_say_failed(&job->engine, status, &err, job->values->emotion, NULL);
    int code = say_shape(job, &audio);
    if (code == CLI_OK) code = cli_output_audio(job->output, &audio, job->format);
    if (code == CLI_OK) {
        say_outcome outcome = {.output = job->output,
                               .text = job->request.text,
                               .text_bytes = text->size,
                               .samples = audio.count,
                               .audio = &audio,
                               .elapsed_s = elapsed_s,
                               .batch_audio_s = (double)audio.count / audio.sample_rate,
                               .first_audio_s = -1};
        say_report(job, &outcome);
    }
    ev_audio_free(&audio);
    return code;
}

static int speak_text(say_job *job) {
    cli_text text;
    int code = cli_output_choose(&job->output, "audio");
    if (code == CLI_OK) code = cli_output_format(&job->format, job->values->format, job->output);
    if (code != CLI_OK) return code;
    code = cli_text_read(&text, job->text_argument, job->values->file);
    if (code == CLI_OK) code = say_prepare(job);
    if (code == CLI_OK) code = job->values->stream ? say_stream(job, &text) : speak_one(job, &text);
    cli_text_free(&text);
    return code;
}

static int run_say(const void *values, const cli_operands *operands) {
    const say_values *v = values;
    say_job job = {
        .values = v, .output = v->output, .text_argument = operands->count > 0 ? operands->items[0] : NULL};
    int code = check(v);
    if (code == CLI_OK && v->lines) {
        code = say_lines(&job);
    } else if (code == CLI_OK) {
        code = speak_text(&job);
    }
    ev_voice_free(&job.voice);
    cli_engine_close(&job.engine);
    return code;
}

_Static_assert(sizeof(say_values) <= CLI_VALUES_MAX, "cli_values is too small");

const cli_command cli_say = {
    .name = "say",
    .synopsis = "TEXT|-",
    .summary = "speak a text into a file or a pipe",
    .description = "Speaks TEXT, English and Mandarin in any mixture; - reads it from standard input. In the text, "
                   "[pause:500ms] is a pause, and [word](/phones/) says how a word is spoken.",
    .options = options,
    .examples = examples,
    .values_size = sizeof(say_values),
    .init = init,
    .operands_max = 1,
    .run = run_say};
