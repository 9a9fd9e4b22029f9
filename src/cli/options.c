/* options: argv to a command's values, by its table. Messages name the option, what was given, and what may be. */
#include "options.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const cli_command *const *cli_commands;

static void cli_values_init(const cli_command *command, cli_values *values) {
    assert(command->values_size <= CLI_VALUES_MAX);
    memset(values, 0, sizeof *values);
    if (command->init != NULL) command->init(values);
}

static const cli_option *find_long(const cli_command *command, const char *name, size_t length) {
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) return option;
    }
    return NULL;
}

static const cli_option *find_letter(const cli_command *command, char letter) {
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        if (option->letter == letter) return option;
    }
    return NULL;
}

/* ---- values ---- */

static int set_choice(const cli_option *option, const char *given, const char **value) {
    assert(option->kind == CLI_CHOICE && option->choices);
    char list[128] = "";
    ev_near near = ev_near_to(given);
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        ev_near_offer(&near, option->choices[i], strlen(option->choices[i]));
        if (strcmp(option->choices[i], given) == 0) {
            *value = option->choices[i];
            return CLI_OK;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", option->choices[i]);
    }
    if (near.found[0] != '\0') {
        return cli_fail(CLI_USAGE, "--%s '%.40s' is unknown: did you mean '%s'? (one of %s)", option->name, given,
                        near.found, list);
    }
    return cli_fail(CLI_USAGE, "--%s '%.40s' is unknown: give one of %s", option->name, given, list);
}

static int set_number(const cli_option *option, const char *given, double *value) {
    assert((option->kind == CLI_INT || option->kind == CLI_REAL) && option->low <= option->high);
    char *end = NULL;
    double number = strtod(given, &end);
    bool whole = option->kind != CLI_INT || (isfinite(number) && number == floor(number));
    if (end == given || *end != '\0' || !isfinite(number) || !whole) {
        return cli_fail(CLI_USAGE, "--%s '%.40s' is not a %snumber: give one from %g to %g", option->name, given,
                        option->kind == CLI_INT ? "whole " : "", option->low, option->high);
    }
    if (number < option->low || number > option->high) {
        return cli_fail(CLI_USAGE, "--%s %.40s is out of range: give a number from %g to %g", option->name, given,
                        option->low, option->high);
    }
    *value = number;
    return CLI_OK;
}

static int set_seed(const cli_option *option, const char *given, uint64_t *value) {
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(given, &end, 10);
    if (given[0] < '0' || given[0] > '9' || *end != '\0' || errno != 0) {
        return cli_fail(CLI_USAGE, "--%s '%.40s' is not a seed: give a whole number from 0 to 18446744073709551615",
                        option->name, given);
    }
    *value = number;
    return CLI_OK;
}

/* Behind those that were given before. One command is parsed in a process, and one of its options may be given again.
 */
static int add_line(const char *given, const char **value) {
    static char *lines;
    const size_t before = *value != NULL ? strlen(*value) + 1 : 0;
    char *grown = realloc(lines, before + strlen(given) + 1);
    if (grown == NULL) return cli_fail(CLI_FAILURE, "out of memory: give fewer values");
    if (before) grown[before - 1] = '\n';
    memcpy(grown + before, given, strlen(given) + 1);
    *value = lines = grown;
    return CLI_OK;
}

static int set_value(const cli_option *option, const char *given, void *values) {
    assert(option->kind == CLI_FLAG || given);
    void *place = (unsigned char *)values + option->offset;
    double number = 0;
    int code = CLI_OK;
    switch (option->kind) {
    case CLI_FLAG: *(bool *)place = true; return CLI_OK;
    case CLI_STRING:
        if (given[0] == '\0') return cli_fail(CLI_USAGE, "--%s is empty: give %s", option->name, option->value);
        return option->many ? add_line(given, place) : (*(const char **)place = given, CLI_OK);
    case CLI_CHOICE: return set_choice(option, given, place);
    case CLI_SEED: return set_seed(option, given, place);
    case CLI_INT:
        code = set_number(option, given, &number);
        if (code == CLI_OK) *(int32_t *)place = (int32_t)number;
        return code;
    case CLI_REAL:
        code = set_number(option, given, &number);
        if (code == CLI_OK) *(float *)place = (float)number;
        return code;
    }
    return code;
}

/* ---- argv ---- */

/* What other programs call an option of ours; the first that the command has is meant. */
static const char *other_name(const cli_command *command, const char *name) {
    static const char *const names[][2] = {
        {"port", "listen"},       {"host", "listen"},         {"bind", "listen"},      {"address", "listen"},
        {"addr", "listen"},       {"workers", "threads"},     {"jobs", "threads"},     {"api-key", "keys-file"},
        {"keys", "keys-file"},    {"verbose", "log-level"},   {"debug", "log-level"},  {"cors", "cors-origins"},
        {"out", "output"},        {"outfile", "output"},      {"ref", "reference"},    {"clone", "reference"},
        {"speaker", "voice"},     {"lang", "language"},       {"rate", "sample-rate"}, {"tempo", "speed"},
        {"pitch", "pitch-scale"}, {"energy", "energy-scale"}, {"silent", "quiet"}};
    for (size_t i = 0; i < CLI_COUNT(names); i++) {
        if (strcmp(names[i][0], name) == 0 && find_long(command, names[i][1], strlen(names[i][1])) != NULL)
            return names[i][1];
    }
    return NULL;
}

static void offer_options(ev_near *near, const cli_command *command) {
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        ev_near_offer(near, option->name, strlen(option->name));
    }
}

/* An option that this command lacks and another has. */
static const cli_command *command_with(const char *word, ev_near *near) {
    const cli_command *owner = NULL;
    *near = ev_near_to(word);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const size_t before = near->distance;
        offer_options(near, cli_commands[i]);
        if (near->distance < before) owner = cli_commands[i];
    }
    return owner;
}

static int unknown_option(const cli_command *command, const char *given, size_t length) {
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), given);
    const char *word = name[1] == '-' ? name + 2 : "", *other = other_name(command, word);
    ev_near near = ev_near_to(word), elsewhere;
    offer_options(&near, command);
    ev_near_offer(&near, "version", strlen("version"));
    ev_near_offer(&near, "help", strlen("help"));
    if (other != NULL || near.found[0] != '\0') {
        return cli_fail(CLI_USAGE, "%s has no option '%s': did you mean '--%s'?", command->name, name,
                        other != NULL ? other : near.found);
    }
    const cli_command *owner = command_with(word, &elsewhere);
    if (owner != NULL) {
        return cli_fail(CLI_USAGE, "%s has no option '%s': did you mean '--%s', which is an option of emotivoice %s?",
                        command->name, name, elsewhere.found, owner->name);
    }
    return cli_fail(CLI_USAGE,
                    "%s has no option '%s': see emotivoice %s --help, or put -- before text that begins "
                    "with a dash",
                    command->name, name, command->name);
}

/* "--name", "--name=value", "--name value". *used counts the arguments taken. */
static int parse_long(const cli_command *command, int argc, char **argv, void *values, int *used) {
    assert(argc >= 1 && argv[0][0] == '-' && argv[0][1] == '-');
    const char *name = argv[0] + 2;
    size_t length = strcspn(name, "=");
    const cli_option *option = find_long(command, name, length);
    *used = 1;
    if (option == NULL) return unknown_option(command, argv[0], length + 2);
    if (option->kind == CLI_FLAG && name[length] == '=') {
        return cli_fail(CLI_USAGE, "--%s takes no value: leave out '=...'", option->name);
    }
    if (option->kind == CLI_FLAG) return set_value(option, NULL, values);
    if (name[length] == '=') return set_value(option, name + length + 1, values);
    if (argc < 2)
        return cli_fail(CLI_USAGE, "--%s needs a value: see emotivoice %s --help", option->name, command->name);
    *used = 2;
    return set_value(option, argv[1], values);
}

/* "-q", "-qj", "-oFILE", "-o FILE". */
static int parse_short(const cli_command *command, int argc, char **argv, void *values, int *used, cli_asked *asked) {
    *used = 1;
    const cli_option *whole = find_long(command, argv[0] + 1, strcspn(argv[0] + 1, "="));
    if (whole != NULL && argv[0][2] != '\0') { /* "-voice" would be a voice called "oice" */
        return cli_fail(CLI_USAGE, "%s has no option '%.40s': did you mean '--%s'?", command->name, argv[0],
                        whole->name);
    }
    for (const char *at = argv[0] + 1; *at != '\0'; at++) {
        const cli_option *option = find_letter(command, *at);
        if (*at == 'h' || (*at == 'V' && option == NULL)) {
            *asked = *at == 'h' ? CLI_ASKED_HELP : CLI_ASKED_VERSION;
            continue;
        }
        if (option == NULL) {
            const char single[] = {'-', *at,
                                   '\0'}; /* in a cluster, name the letter; else a text with a dash: all of it */
            bool cluster = at > argv[0] + 1;
            return unknown_option(command, cluster ? single : argv[0], cluster ? 2 : strlen(argv[0]));
        }
        if (option->kind == CLI_FLAG) {
            set_value(option, NULL, values);
            continue;
        }
        if (at[1] != '\0') return set_value(option, at + 1, values);
        if (argc < 2) {
            return cli_fail(CLI_USAGE, "-%c needs a value: see emotivoice %s --help", *at, command->name);
        }
        *used = 2;
        return set_value(option, argv[1], values);
    }
    return CLI_OK;
}

static int check_operands(const cli_command *command, const cli_operands *operands) {
    assert(command->operands_min <= command->operands_max);
    if (operands->count < command->operands_min) {
        return cli_fail(CLI_USAGE, "%s needs %s: see emotivoice %s --help", command->name, command->synopsis,
                        command->name);
    }
    if (operands->count > command->operands_max) {
        const char *extra = operands->items[command->operands_max];
        return cli_fail(CLI_USAGE, "%s was given '%.40s', one argument too many: put quotation marks around a text",
                        command->name, extra);
    }
    return CLI_OK;
}

int cli_options_parse(const cli_command *command, int argc, char **argv, cli_values *values, cli_operands *operands,
                      cli_asked *asked) {
    cli_values_init(command, values);
    operands->count = 0;
    bool options_end = false;
    for (int i = 0; i < argc;) {
        const char *argument = argv[i];
        int used = 1, code = CLI_OK;
        if (options_end || argument[0] != '-' || argument[1] == '\0') {
            operands->items[operands->count++] = argument;
        } else if (strcmp(argument, "--") == 0) {
            options_end = true;
        } else if (strcmp(argument, "--help") == 0) {
            *asked = CLI_ASKED_HELP;
        } else if (strcmp(argument, "--version") == 0) {
            *asked = CLI_ASKED_VERSION;
        } else if (argument[1] == '-') {
            code = parse_long(command, argc - i, argv + i, values, &used);
        } else {
            code = parse_short(command, argc - i, argv + i, values, &used, asked);
        }
        if (code != CLI_OK) return code;
        if (*asked != CLI_ASKED_NOTHING) return CLI_OK;
        assert(used >= 1 && used <= argc - i);
        i += used;
    }
    return check_operands(command, operands);
}

/* ---- a row in words ---- */

void cli_option_label(const cli_option *option, char *text, size_t size) {
    char value[64] = "";
    if (option->value != NULL) {
        snprintf(value, sizeof value, " %s", option->value);
    } else if (option->choices != NULL) {
        for (size_t i = 0; option->choices[i] != NULL; i++) {
            size_t used = strlen(value);
            snprintf(value + used, sizeof value - used, "%c%s", i == 0 ? ' ' : '|', option->choices[i]);
        }
    }
    if (option->letter != 0) {
        snprintf(text, size, "-%c, --%s%s", option->letter, option->name, value);
    } else {
        snprintf(text, size, "--%s%s", option->name, value);
    }
}

void cli_option_limits(const cli_command *command, const cli_option *option, char *text, size_t size) {
    assert(option->offset < command->values_size);
    cli_values values;
    cli_values_init(command, &values);
    const void *place = values.bytes + option->offset;
    text[0] = '\0';
    if (option->kind == CLI_INT) {
        snprintf(text, size, " (%g to %g, default %d)", option->low, option->high, *(const int32_t *)place);
    } else if (option->kind == CLI_REAL) {
        snprintf(text, size, " (%g to %g, default %g)", option->low, option->high, (double)*(const float *)place);
    } else if (option->kind == CLI_SEED) {
        snprintf(text, size, " (default %llu)", (unsigned long long)*(const uint64_t *)place);
    } else if (option->kind != CLI_FLAG && *(const char *const *)place != NULL) {
        snprintf(text, size, " (default %s)", *(const char *const *)place);
    }
}
