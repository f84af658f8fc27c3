#include <stdio.h>
#include <string.h>

#include "term/options.h"

enum { LINE_WIDTH = 80, HELP_COLUMN = 28 };

/* A paragraph being written: words go to the next line where they would pass LINE_WIDTH. */
struct flow {
    struct gs_buf *out;
    size_t indent;
    size_t column;
};

static void break_line(struct flow *flow)
{
    gs_buf_printf(flow->out, "\n%*s", (int)flow->indent, "");
    flow->column = flow->indent;
}

static void put_words(struct flow *flow, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        bool first = flow->column == flow->indent;
        if (!first && flow->column + 1 + n > LINE_WIDTH) {
            break_line(flow);
            first = true;
        }
        gs_buf_puts(flow->out, first ? "" : " ");
        gs_buf_put(flow->out, text, n);
        flow->column += n + (first ? 0 : 1);
        text += n;
        text += *text == ' ' ? 1 : 0;
    }
}

/* Paragraphs parted by "\n", with an empty line before each. */
static void put_text(struct gs_buf *out, const char *text)
{
    char paragraph[1024];
    while (text != NULL && *text != '\0') {
        size_t n = strcspn(text, "\n");
        size_t kept = n < sizeof(paragraph) ? n : sizeof(paragraph) - 1;
        memcpy(paragraph, text, kept);
        paragraph[kept] = '\0';
        gs_buf_puts(out, "\n");
        put_words(&(struct flow){.out = out}, paragraph);
        gs_buf_puts(out, "\n");
        text += n;
        text += *text == '\n' ? 1 : 0;
    }
}

/* `left` was written from column 0 on; the help text starts at HELP_COLUMN. */
static struct flow begin_help(struct gs_buf *out, size_t left_width)
{
    struct flow flow = {.out = out, .indent = HELP_COLUMN, .column = HELP_COLUMN};
    if (left_width + 2 > HELP_COLUMN) {
        break_line(&flow);
    } else {
        gs_buf_printf(out, "%*s", (int)(HELP_COLUMN - left_width), "");
    }
    return flow;
}

static void put_choices(struct flow *flow, const struct gs_option *option)
{
    put_words(flow, "(one of");
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        char word[80];
        size_t n = strlen(option->choices[i]);
        n = n < sizeof(word) - 2 ? n : sizeof(word) - 2;
        memcpy(word, option->choices[i], n);
        word[n] = option->choices[i + 1] == NULL ? ')' : ',';
        word[n + 1] = '\0';
        put_words(flow, word);
    }
}

static void put_option(struct gs_buf *out, const struct gs_option *option)
{
    size_t from = out->len;
    if (option->name == NULL) {
        gs_buf_printf(out, "  %s", option->arg);
    } else {
        gs_buf_printf(out, "  %c%c%c --%s", option->letter == 0 ? ' ' : '-',
                      option->letter == 0 ? ' ' : option->letter, option->letter == 0 ? ' ' : ',',
                      option->name);
    }
    if (option->name != NULL && option->kind != GS_OPTION_FLAG) {
        gs_buf_printf(out, " %s", option->arg);
    }
    struct flow flow = begin_help(out, out->len - from);
    put_words(&flow, option->help);
    if (option->kind == GS_OPTION_CHOICE) {
        put_choices(&flow, option);
    }
    if (option->name != NULL && option->kind == GS_OPTION_LIST) {
        put_words(&flow, "(may be given again)");
    }
    if (option->env != NULL) {
        put_words(&flow, "(environment:");
        char word[80];
        snprintf(word, sizeof(word), "%s)", option->env);
        put_words(&flow, word);
    }
    gs_buf_puts(out, "\n");
}

static void put_options(struct gs_buf *out, const struct gs_command *command)
{
    if (command->n_options == 0 || command->options[0].group == NULL) {
        gs_buf_puts(out, "\nOptions:\n");
    }
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        if (option->group != NULL) {
            gs_buf_printf(out, "\n%s:\n", option->group);
        }
        put_option(out, option);
    }
    put_option(
        out, &(struct gs_option){.name = "help", .letter = 'h', .help = "show this text and exit"});
}

static void put_status(struct gs_buf *out, char digit, const char *meaning)
{
    gs_buf_printf(out, "  %c  ", digit);
    put_words(&(struct flow){.out = out, .indent = 5, .column = 5}, meaning);
    gs_buf_puts(out, "\n");
}

static void put_subcommands(struct gs_buf *out, const struct gs_command *command)
{
    if (command->n_subcommands > 0) {
        gs_buf_puts(out, "\nCommands:\n");
    }
    for (size_t i = 0; i < command->n_subcommands; i++) {
        const struct gs_command *sub = command->subcommands[i];
        /* its name is "<group> <word>" */
        gs_buf_printf(out, "  %-16s %s\n", sub->name + strlen(command->name) + 1, sub->summary);
    }
}

void gs_help_command(const struct gs_command *command, struct gs_buf *out)
{
    const struct gs_option *operand = command->operand;
    const char *program = gs_command_program(command);
    /* A program that has no commands is one. */
    bool alone = strcmp(program, command->name) == 0;
    const char *gap = alone ? "" : " ";
    const char *name = alone ? "" : command->name;
    gs_buf_printf(out, "%s%s%s: %s\n\n", program, gap, name, command->summary);
    gs_buf_printf(out, "Usage: %s%s%s%s [OPTIONS]", program, gap, name,
                  command->n_subcommands > 0 ? " COMMAND" : "");
    if (operand != NULL) {
        gs_buf_printf(out, command->operand_required ? " %s%s" : " [%s%s]", operand->arg,
                      operand->kind == GS_OPTION_LIST ? "..." : "");
    }
    gs_buf_puts(out, "\n");
    put_text(out, command->text);
    put_subcommands(out, command);
    if (operand != NULL) {
        gs_buf_puts(out, "\nArguments:\n");
        put_option(out, operand);
    }
    put_options(out, command);
    if (command->n_examples > 0) {
        gs_buf_puts(out, "\nExamples:\n");
    }
    for (size_t i = 0; i < command->n_examples; i++) {
        gs_buf_printf(out, "  %s\n      %s\n", command->examples[i].command,
                      command->examples[i].says);
    }
    gs_buf_puts(out, "\nExit status:\n");
    put_status(out, '0', "done");
    if (command->drop_in) {
        put_status(out, '1', command->impossible);
        return;
    }
    if (command->impossible != NULL) {
        put_status(out, '1', command->impossible);
    }
    put_status(out, '2', "wrong use: an option or argument that the command does not take");
    if (command->plain_status) {
        return;
    }
    put_status(out, '3', "bad input: a name, a number or a file that is not what it must be");
    put_status(out, '4',
               "the result could not be made or written: no memory, disk full, pipe closed");
}

void gs_help_program(const struct gs_command *const *commands, size_t n_commands,
                     struct gs_buf *out)
{
    gs_buf_puts(out, "gpuslice: cuts GPUs into MIG slices and buys the fewest of them\n\n"
                     "Usage: gpuslice COMMAND [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < n_commands; i++) {
        gs_buf_printf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    }
    gs_buf_puts(out,
                "\nOptions:\n"
                "  -h, --help     show this text, or with a command that command's\n"
                "      --version  show the version\n"
                "\nA GPU model is named by its id (A100-40GB), by its product name\n"
                "(A100-SXM4-40GB) or by its PCI id (10de:20b0); gpuslice profiles lists them.\n"
                "Run gpuslice COMMAND --help for a command's options and examples.\n");
}
