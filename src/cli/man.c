/* man: `emotivoice man` prints the man page from the tables that parse the options. docs/emotivoice.1 is its output;
 * a test compares them, so the page cannot fall behind. */
#include "options.h"

#include <string.h>

/* roff takes '\' as its escape, a '.' or "'" at the start of a line as a request, and "-" as a hyphen. */
static void put_roff(const char *text) {
    if (*text == '.' || *text == '\'') fputs("\\&", stdout);
    for (; *text != '\0'; text++) {
        if (*text == '\\') {
            fputs("\\e", stdout);
        } else if (*text == '-') {
            fputs("\\-", stdout);
        } else {
            putchar(*text);
        }
    }
}

static void request(const char *name, const char *text) {
    printf(".%s ", name);
    put_roff(text);
    putchar('\n');
}

static void paragraph(const char *text) {
    put_roff(text);
    putchar('\n');
}

static void item(const char *label, const char *text) {
    fputs(".TP\n", stdout);
    request("B", label);
    paragraph(text);
}

/* A long list is printed once: of the first command that has it. */
static const cli_command *owner_of_options(const cli_command *command) {
    enum { LONG = 16 };
    size_t i = 0, count = 0;
    while (command->options[count].name != NULL) count++;
    while (count >= LONG && cli_commands[i]->options != command->options) i++;
    return count >= LONG ? cli_commands[i] : command;
}

static void command_section(const cli_command *command) {
    char label[96], limits[96], text[512];
    request("SS", command->name);
    fputs(".B emotivoice ", stdout);
    put_roff(command->name);
    putchar('\n');
    if (command->synopsis[0] != '\0') request("I", command->synopsis);
    puts("[\\fIOPTIONS\\fR]\n.PP");
    paragraph(command->description);
    const cli_command *owner = owner_of_options(command);
    if (owner != command) {
        snprintf(text, sizeof text, "Options are those of emotivoice %s.", owner->name);
        puts(".PP");
        paragraph(text);
        return;
    }
    for (const cli_option *option = command->options; option->name != NULL; option++) {
        cli_option_label(option, label, sizeof label);
        cli_option_limits(command, option, limits, sizeof limits);
        snprintf(text, sizeof text, "%s%s", option->help, limits);
        item(label, text);
    }
}

static void examples_section(void) {
    puts(".SH EXAMPLES");
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        if (cli_commands[i]->hidden || cli_commands[i]->examples == NULL) continue;
        for (const cli_example *example = cli_commands[i]->examples; example->command != NULL; example++) {
            item(example->command, example->meaning);
        }
    }
}

static void rest_of_page(void) {
    puts(".SH EXIT STATUS");
#define CLI_EXIT_ITEM(name, code, meaning) item(#code, meaning);
    CLI_EXIT_MAP(CLI_EXIT_ITEM)
#undef CLI_EXIT_ITEM
    puts(".SH ENVIRONMENT");
    item("EMOTIVOICE_MODEL", "the model file to use where --model is not given");
    item("NO_COLOR", "if set and not empty: no colours on a terminal");
    puts(".SH DIAGNOSTICS");
    paragraph("An error is one line on standard error that names the fault and what to change. Progress and notes go "
              "there too, progress only on a terminal.");
}

static int run_man(const void *values, const cli_operands *operands) {
    (void)values;
    (void)operands;
    printf(".TH EMOTIVOICE 1 \"\" \"emotivoice %s\" \"User Commands\"\n", EV_VERSION_STRING);
    puts(".SH NAME\nemotivoice \\- text to expressive speech, in any voice heard for a few seconds");
    puts(".SH SYNOPSIS\n.B emotivoice\n.I COMMAND\n[\\fIOPTIONS\\fR]\n.br\n.B emotivoice\n[\\fB\\-\\-help\\fR | "
         "\\fB\\-\\-version\\fR]");
    puts(".SH DESCRIPTION");
    paragraph(
        "emotivoice speaks English and Mandarin text, also mixed, with an emotion, and in a voice that the model "
        "carries or that was heard for a few seconds. Every command takes -h or --help.");
    puts(".SH COMMANDS");
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        if (!cli_commands[i]->hidden) command_section(cli_commands[i]);
    }
    examples_section();
    rest_of_page();
    return CLI_OK;
}

static const cli_option options[] = {{.name = NULL}};

const cli_command cli_man = {.name = "man",
                             .synopsis = "",
                             .summary = "print the man page",
                             .description = "Prints the man page in roff; docs/emotivoice.1 is made by it.",
                             .options = options,
                             .values_size = 0,
                             .run = run_man,
                             .hidden = true};
