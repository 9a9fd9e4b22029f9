/* help: what --help prints, all of it from the tables. */
#include "options.h"

#include <assert.h>
#include <string.h>

#define WIDTH       80 /* fits any terminal, and reads well in a wide one */
#define LABEL_WIDTH 32 /* where the explanations of options begin */

static const char *bold(FILE *out) { return cli_colour(out) ? "\033[1m" : ""; }

static const char *plain(FILE *out) { return cli_colour(out) ? "\033[0m" : ""; }

static void heading(FILE *out, const char *text) { fprintf(out, "\n%s%s%s\n", bold(out), text, plain(out)); }

/* Prints text from `column` on, broken between words and indented. */
static void wrapped(FILE *out, const char *text, int indent, int column) {
    assert(indent < WIDTH && column >= 0);
    bool first = true;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (!first && column + 1 + length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            putc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", length, text);
        column += length;
        first = false;
        text += length;
        text += strspn(text, " ");
    }
    putc('\n', out);
}

static void row(FILE *out, const char *label, int width, const char *text) {
    int used = fprintf(out, "  %s", label);
    if (used + 2 > width) {
        putc('\n', out);
        used = 0;
    }
    fprintf(out, "%*s", width - used, "");
    wrapped(out, text, width, width);
}

static void option_row(FILE *out, const cli_command *command, const cli_option *option) {
    char label[96], limits[96], text[512];
    cli_option_label(option, label, sizeof label);
    cli_option_limits(command, option, limits, sizeof limits);
    snprintf(text, sizeof text, "%s%s", option->help, limits);
    row(out, label, LABEL_WIDTH, text);
}

static void examples(FILE *out, const cli_example *example) {
    heading(out, "Examples:");
    for (; example->command != NULL; example++) {
        fprintf(out, "  %s\n", example->command);
        fprintf(out, "      %s\n", example->meaning);
    }
}

void cli_help_command(FILE *out, const cli_command *command) {
    fprintf(out, "%sUsage:%s emotivoice %s%s%s [OPTIONS]\n\n", bold(out), plain(out), command->name,
            command->synopsis[0] != '\0' ? " " : "", command->synopsis);
    wrapped(out, command->description, 0, 0);
    heading(out, "Options:");
    for (const cli_option *option = command->options; option->name != NULL; option++)
        option_row(out, command, option);
    row(out, "-h, --help", LABEL_WIDTH, "this page");
    if (command->examples != NULL) examples(out, command->examples);
}

static void command_rows(FILE *out, const char *group) {
    size_t length = group != NULL ? strlen(group) : 0;
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        const cli_command *command = cli_commands[i];
        if (command->hidden) continue;
        if (group != NULL && (strncmp(command->name, group, length) != 0 || command->name[length] != ' ')) continue;
        row(out, command->name, 18, command->summary);
    }
}

void cli_help_group(FILE *out, const char *group) {
    fprintf(out, "%sUsage:%s emotivoice %s COMMAND [OPTIONS]\n", bold(out), plain(out), group);
    heading(out, "Commands:");
    command_rows(out, group);
    fprintf(out, "\nemotivoice %s COMMAND --help explains one of them.\n", group);
}

void cli_help_all(FILE *out) {
    static const cli_example first_steps[] = {
        {"emotivoice say \"The quick brown fox jumps over the lazy dog.\" -o fox.wav", "speak into a file"},
        {"emotivoice say \"你好，今天我非常开心！\" --emotion happy -o hello.wav", "Chinese, and happy"},
        {"emotivoice say \"In my own voice.\" --reference me.wav -o me-too.wav",
         "in a voice heard for a few seconds"},
        {"date | emotivoice say - | aplay", "from a pipe into a pipe"},
        {NULL, NULL}};
    fprintf(out, "emotivoice %s: text in, expressive speech out, in any voice heard for a few\nseconds.\n\n",
            EV_VERSION_STRING);
    fprintf(out, "%sUsage:%s emotivoice COMMAND [OPTIONS]\n", bold(out), plain(out));
    heading(out, "Commands:");
    command_rows(out, NULL);
    heading(out, "Options:");
    row(out, "-h, --help", 18, "this page; emotivoice COMMAND --help explains one command");
    row(out, "-V, --version", 18, "the version, and the instruction set in use");
    examples(out, first_steps);
    heading(out, "Exit codes:");
#define CLI_EXIT_ROW(name, code, meaning) fprintf(out, "  %3d  %s\n", code, meaning);
    CLI_EXIT_MAP(CLI_EXIT_ROW)
#undef CLI_EXIT_ROW
}
