/* engine: what most commands need before their own work: an open model, a synth, a voice. */
#include "cli.h"

#include "base/emotion_names.h"
#include "base/voice_names.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define VOICE_FILE_MAX (1 << 20) /* a packed voice takes a few kilobytes */

int cli_engine_open(cli_engine *engine, const char *model_path) {
    assert(!engine->model);
    ev_error err = {0};
    double start_s = ev_clock_s();
    if (model_path != NULL && access(model_path, F_OK) != 0) { /* the likeliest slip gets the plainest words */
        return cli_fail(CLI_MODEL, "model '%.200s' does not exist: check --model", model_path);
    }
    ev_status status = ev_model_open(&engine->model, model_path, NULL, &err);
    engine->load_s = ev_clock_s() - start_s;
    if (status == EV_OK) return CLI_OK;
    const char *message = err.message[0] != '\0' ? err.message : ev_status_text(status);
    const char *advice = model_path == NULL && status == EV_E_IO ? ": give --model FILE or set EMOTIVOICE_MODEL" : "";
    return cli_fail(status == EV_E_MEMORY ? CLI_FAILURE : CLI_MODEL, "%s%s", message, advice);
}

int cli_engine_synth(cli_engine *engine, int32_t threads, int32_t batch_max) {
    assert(engine->model && !engine->synth);
    ev_synth_options options;
    ev_error err = {0};
    ev_synth_options_init(&options);
    if (threads > 0) options.threads = threads;
    if (batch_max > 0) options.batch_max = batch_max;
    ev_status status = ev_synth_create(&engine->synth, engine->model, &options, &err);
    if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
    cli_interrupt_watch(engine->synth);
    return CLI_OK;
}

const char *const cli_markups[] = {"auto", "none", "ssml", NULL}; /* in the order of ev_markup */
const char *const cli_audio_tags[] = {"speak", "drop", NULL};     /* of ev_audio_tags */

static_assert(CLI_COUNT(cli_markups) == EV_MARKUP_SSML + 2 && CLI_COUNT(cli_audio_tags) == EV_AUDIO_TAGS_DROP + 2,
              "a name for every way, in their order");

static int index_of(const char *const *names, const char *name) {
    int i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0) i++;
    assert(names[i] != NULL); /* the option table let nothing else in */
    return i;
}

int cli_engine_reading(cli_engine *engine, ev_request *request, const char *markup, const char *audio_tags,
                       const char *lexicon) {
    assert(!engine->dictionary);
    ev_error err = {0};
    request->markup = (ev_markup)index_of(cli_markups, markup);
    request->audio_tags = (ev_audio_tags)index_of(cli_audio_tags, audio_tags);
    if (lexicon == NULL) return CLI_OK;
    ev_status status = ev_dictionary_read(&engine->dictionary, lexicon, &err);
    if (status != EV_OK) return cli_fail(CLI_INPUT, "%s", err.message);
    request->dictionaries[0] = engine->dictionary;
    return CLI_OK;
}

void cli_engine_close(cli_engine *engine) {
    ev_dictionary_free(&engine->dictionary);
    cli_interrupt_watch(NULL);
    ev_synth_free(&engine->synth);
    ev_model_free(&engine->model);
}

static bool has_extension(const char *path, const char *extension) {
    size_t length = strlen(path), tail = strlen(extension);
    return length > tail && strcmp(path + length - tail, extension) == 0;
}

static int unpack_file(ev_voice **out, cli_engine *engine, const char *path) {
    cli_text packed;
    ev_error err = {0};
    int code = cli_file_read(&packed, path, VOICE_FILE_MAX);
    if (code != CLI_OK) return code;
    ev_status status =
        ev_voice_unpack(out, engine->model, packed.bytes != NULL ? packed.bytes : "", packed.size, &err);
    cli_text_free(&packed);
    return status == EV_OK ? CLI_OK : cli_engine_failed(status, &err, path);
}

void cli_engine_warn(const ev_voice *voice, const char *path) {
    const unsigned faults = ev_voice_faults(voice);
    for (unsigned one = 1; one <= EV_VOICE_FAULTS; one <<= 1)
        if (faults & one) cli_note("warning: %.200s: %s", path, ev_voice_fault_hint((ev_voice_fault)one));
}

int cli_engine_reference(ev_voice **out, cli_engine *engine, const char *path) {
    ev_error err = {0};
    if (engine->synth == NULL) {
        int code = cli_engine_synth(engine, 0, 0);
        if (code != CLI_OK) return code;
    }
    if (access(path, R_OK) != 0) {
        return cli_fail(CLI_INPUT, "reference '%.200s' cannot be read: check the name and its permissions", path);
    }
    ev_status status = ev_voice_from_file(out, engine->synth, path, &err);
    if (status != EV_OK) return cli_engine_failed(status, &err, NULL);
    if (engine->warns) cli_engine_warn(*out, path);
    return CLI_OK;
}

static int no_such_voice(const ev_model *model, const char *name) {
    ev_near near = ev_near_to(name);
    for (size_t i = 0; i < ev_model_voice_count(model); i++) {
        const char *candidate = ev_model_voice_name(model, i);
        ev_near_offer(&near, candidate, strlen(candidate));
    }
    if (near.found[0] != '\0') {
        return cli_fail(CLI_INPUT, "there is no voice '%.60s': did you mean '%s'? (emotivoice voice list shows all)",
                        name, near.found);
    }
    return cli_fail(CLI_INPUT,
                    "there is no voice '%.60s': choose one that emotivoice voice list shows, or give a "
                    ".voice file",
                    name);
}

/* The model's voice that a name means which it has not got: its own in another case, or one of other services, as the
 * service takes them. NULL: none. */
static const char *meant_voice(const ev_model *model, const char *name) {
    const char *alias = ev_voice_alias(name, strlen(name)), *found = NULL;
    for (size_t i = 0; i < ev_model_voice_count(model); i++) {
        const char *candidate = ev_model_voice_name(model, i);
        if (strcasecmp(candidate, name) == 0) return candidate;
        if (alias != NULL && strcmp(candidate, alias) == 0) found = candidate;
    }
    return found;
}

static int one_voice(ev_voice **out, cli_engine *engine, const char *spec) {
    ev_error err = {0};
    ev_status status = ev_voice_named(out, engine->model, spec, &err); /* a name may hold dots: it goes first */
    if (status == EV_OK) return CLI_OK;
    if (has_extension(spec, ".voice")) return unpack_file(out, engine, spec);
    if (strpbrk(spec, "./") != NULL) return cli_engine_reference(out, engine, spec);
    const char *meant = status == EV_E_NOT_FOUND ? meant_voice(engine->model, spec) : NULL;
    if (meant != NULL) status = ev_voice_named(out, engine->model, meant, &err);
    if (status == EV_OK) return CLI_OK;
    return status == EV_E_NOT_FOUND ? no_such_voice(engine->model, spec) : cli_engine_failed(status, &err, NULL);
}

/* "ava(2)+ray(1)": voices of the model or files, as the service mixes them. */
static int mixed_voice(ev_voice **out, cli_engine *engine, const char *spec) {
    ev_error err = {0};
    ev_voice *parts[EV_VOICE_PARTS_MAX] = {0};
    float weights[EV_VOICE_PARTS_MAX] = {0};
    size_t count = 0;
    int code = CLI_OK;
    for (const char *at = spec; *at && code == CLI_OK; count += code == CLI_OK) {
        char part[EV_VOICE_PART_SIZE];
        if (count == EV_VOICE_PARTS_MAX || !ev_voice_next_part(&at, part, &weights[count]))
            code = cli_fail(CLI_USAGE,
                            "--voice: a mixture is written 'ava+ray' or 'ava(2)+ray(1)', of at most %d voices",
                            EV_VOICE_PARTS_MAX);
        else
            code = one_voice(&parts[count], engine, part);
    }
    if (code == CLI_OK) {
        assert(count <= EV_VOICE_PARTS_MAX);
        const ev_status status = ev_voice_mix(out, (const ev_voice *const *)parts, weights, count, &err);
        if (status != EV_OK) code = cli_engine_failed(status, &err, NULL);
    }
    for (size_t i = 0; i < count; i++) ev_voice_free(&parts[i]);
    return code;
}

/* A name or a file may hold anything: it goes first. */
int cli_engine_voice(ev_voice **out, cli_engine *engine, const char *spec) {
    ev_error err = {0};
    if (!ev_voice_is_mixed(spec) || access(spec, F_OK) == 0) return one_voice(out, engine, spec);
    return ev_voice_named(out, engine->model, spec, &err) == EV_OK ? CLI_OK : mixed_voice(out, engine, spec);
}

static const char *label_of(const void *model, size_t index) { return ev_model_emotion_name(model, index); }

/* The first label of "happy:0.6, hapy:0.4" that the model lacks, into label. */
static bool unknown_label(const ev_model *model, const char *emotion, char label[64]) {
    while (*emotion != '\0') {
        emotion += strspn(emotion, ", ");
        size_t length = strcspn(emotion, ":, ");
        if (length == 0) break;
        snprintf(label, 64, "%.*s", (int)(length < 60 ? length : 60), emotion);
        if (ev_emotion_find(label, strlen(label), ev_model_emotion_count(model), label_of, model) < 0) return true;
        emotion += strcspn(emotion, ",");
    }
    return false;
}

int cli_engine_say_failed(const cli_engine *engine, ev_status status, const ev_error *err, const char *emotion,
                          const char *subject) {
    char label[64], known[200] = "";
    if (status != EV_E_NOT_FOUND || emotion == NULL || !unknown_label(engine->model, emotion, label)) {
        return cli_engine_failed(status, err, subject);
    }
    ev_near near = ev_near_to(label);
    for (size_t i = 0; i < ev_model_emotion_count(engine->model); i++) {
        const char *name = ev_model_emotion_name(engine->model, i);
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", name);
        ev_near_offer(&near, name, strlen(name));
    }
    if (near.found[0] != '\0') {
        return cli_fail(CLI_INPUT, "the emotion '%s' is unknown: did you mean '%s'?", label, near.found);
    }
    return cli_fail(CLI_INPUT, "the emotion '%s' is unknown: choose from %s", label, known);
}
