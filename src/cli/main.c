/* main: the table of commands, and the way from argv to one of them. A command is named by one word ("say") or by a
 * group and a member ("voice make"). */
#include "options.h"
#ifdef EMOTIVOICE_SERVER
#include "server/guard/guard.h"
#endif

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const cli_command *const commands[] = {
    &cli_say, &cli_voice_make, &cli_voice_list, &cli_voice_show, &cli_voice_compare, &cli_phones, &cli_import,
    &cli_bench_engine,
#ifdef EMOTIVOICE_SERVER
    &cli_serve, &cli_worker, &cli_scale, &cli_jobs_dead, &cli_jobs_show, &cli_jobs_retry, &cli_jobs_drop,
    &cli_store_check, &cli_store_lifecycle, &cli_keys_new, &cli_keys_check,
#endif
    &cli_man, NULL};
/* clang-format on */

static bool is_group(const char *word) {
    size_t length = strlen(word);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *name = cli_commands[i]->name;
        if (strncmp(name, word, length) == 0 && name[length] == ' ') return true;
    }
    return false;
}

static const cli_command *find_command(const char *name) {
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0) return cli_commands[i];
    }
    return NULL;
}

static int unknown_command(const char *word) {
    ev_near near = ev_near_to(word);
    if (word[0] == '-') {
        ev_near_offer(&near, "--version", strlen("--version"));
        ev_near_offer(&near, "--help", strlen("--help"));
        if (near.found[0] == '\0')
            return cli_fail(CLI_USAGE,
                            "there is no option '%.40s' before a command: put it behind one, such as "
                            "emotivoice say",
                            word);
    }
    for (size_t i = 0; cli_commands[i] != NULL && word[0] != '-'; i++) {
        if (cli_commands[i]->hidden) continue;
        ev_near_offer(&near, cli_commands[i]->name, strcspn(cli_commands[i]->name, " "));
    }
    if (near.found[0] != '\0') {
        return cli_fail(CLI_USAGE, "there is no %s '%.40s': did you mean '%s'?",
                        word[0] == '-' ? "option" : "command", word, near.found);
    }
    return cli_fail(CLI_USAGE, "there is no command '%.40s': see emotivoice --help", word);
}

static int unknown_member(const char *group, const char *word) {
    if (strcmp(group, "bench") == 0 && strcmp(word, "serve") == 0) {
        return cli_fail(CLI_USAGE,
                        "bench serve is a program of its own now: build/tools/loadtest, with the same options "
                        "(tools/loadtest/report.py makes its tables and pages)");
    }
    ev_near near = ev_near_to(word);
    size_t length = strlen(group);
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const char *name = cli_commands[i]->name;
        if (strncmp(name, group, length) != 0 || name[length] != ' ') continue;
        ev_near_offer(&near, name + length + 1, strlen(name + length + 1));
    }
    if (near.found[0] != '\0') {
        return cli_fail(CLI_USAGE, "there is no command '%s %.40s': did you mean '%s %s'?", group, word, group,
                        near.found);
    }
    return cli_fail(CLI_USAGE, "there is no command '%s %.40s': see emotivoice %s --help", group, word, group);
}

static void print_version(void) { printf("emotivoice %s\n", ev_version()); }

static int run_command(const cli_command *command, int argc, char **argv) {
    assert(argc >= 0 && command->run);
    cli_values values;
    cli_asked asked = CLI_ASKED_NOTHING;
    cli_operands operands = {.items = calloc((size_t)argc + 1, sizeof(char *))};
    if (operands.items == NULL) return cli_fail(CLI_FAILURE, "out of memory: free some and try again");
    int code = cli_options_parse(command, argc, argv, &values, &operands, &asked);
    if (code == CLI_OK && asked == CLI_ASKED_HELP) {
        cli_help_command(stdout, command);
    } else if (code == CLI_OK && asked == CLI_ASKED_VERSION) {
        print_version();
    } else if (code == CLI_OK) {
        code = command->run(&values, &operands);
    }
    free(operands.items);
    return code;
}

static bool asks_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

static bool asks_version(const char *word) { return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0; }

/* argv from the command's first word on. */
static int dispatch(int argc, char **argv) {
    assert(argc >= 1);
    char name[64];
    if (is_group(argv[0])) {
        if (argc < 2) return cli_fail(CLI_USAGE, "%s needs a command: see emotivoice %s --help", argv[0], argv[0]);
        if (asks_help(argv[1])) {
            cli_help_group(stdout, argv[0]);
            return CLI_OK;
        }
        if (asks_version(argv[1])) {
            print_version();
            return CLI_OK;
        }
        snprintf(name, sizeof name, "%s %s", argv[0], argv[1]);
        const cli_command *member = find_command(name);
        if (member == NULL) return unknown_member(argv[0], argv[1]);
        return run_command(member, argc - 2, argv + 2);
    }
    const cli_command *command = strchr(argv[0], ' ') == NULL ? find_command(argv[0]) : NULL;
    if (command == NULL) return unknown_command(argv[0]);
    return run_command(command, argc - 1, argv + 1);
}

/* "emotivoice help voice make" is "emotivoice voice make --help". */
static int help_on(int argc, char **argv) {
    char flag[] = "--help";
    char *words[4] = {0};
    int count = 0;
    while (count < argc && count < 2) {
        words[count] = argv[count];
        count++;
    }
    words[count++] = flag;
    return dispatch(count, words);
}

static int run_command_line(int argc, char **argv) {
    cli_commands = commands;
    if (argc < 2) return cli_fail(CLI_USAGE, "there is no command: see emotivoice --help");
    if (asks_version(argv[1]) || strcmp(argv[1], "version") == 0) {
        print_version();
        return CLI_OK;
    }
    bool help = strcmp(argv[1], "help") == 0;
    if (help && argc > 2) return help_on(argc - 2, argv + 2);
    if (help || asks_help(argv[1])) {
        cli_help_all(stdout);
        return CLI_OK;
    }
    return dispatch(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
#ifdef EMOTIVOICE_SERVER
    /* the service's helper process, before anything else is started */
    if (argc == 2 && strcmp(argv[1], "--decode-reference") == 0) return sv_decoder_child_main(false);
    if (argc == 2 && strcmp(argv[1], "--decode-reference-unfiltered") == 0) return sv_decoder_child_main(true);
#endif
    cli_interrupt_start();
    int code = run_command_line(argc, argv);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) { /* a full disk or a closed pipe may show only now */
        if (code == CLI_OK) code = cli_write_failed("-", errno != 0 ? errno : EIO);
    }
    return code;
}
