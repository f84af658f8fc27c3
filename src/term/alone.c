#include "term/alone.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { HELP_MAX = 64 << 10, STATUS_DONE = 0, STATUS_NOT_DONE = 1, STATUS_WRONG_USE = 2 };

const struct gs_command gs_alone_word = {
    .name = "completion",
    .summary = "write the completion script of a shell",
    .operand = &gs_completion_operand,
    .operand_required = true,
    .impossible = "the script cannot be written",
    .plain_status = true,
};

/* Without term/output, which brings jansson with it: gpuslice-boot has none. */
static int print(const struct gs_command *command, const struct gs_buf *text)
{
    bool whole = gs_buf_ok(text);
    if (whole && fwrite(gs_buf_text(text), 1, text->len, stdout) == text->len &&
        fflush(stdout) == 0) {
        return STATUS_DONE;
    }
    fprintf(stderr, "%s: cannot write the output: %s\n", gs_command_program(command),
            strerror(whole ? errno : ENOMEM));
    return STATUS_NOT_DONE;
}

static int print_help(const struct gs_command *command)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, HELP_MAX);
    gs_help_command(command, &text);
    return print(command, &text);
}

static int print_version(const struct gs_command *command)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, HELP_MAX);
    gs_buf_printf(&text, "%s %s\n", gs_command_program(command), GS_VERSION);
    return print(command, &text);
}

int gs_alone_usage(const struct gs_command *command, const struct gs_err *err)
{
    fprintf(stderr, "%s: %s\n", gs_command_program(command), err->msg);
    return STATUS_WRONG_USE;
}

int gs_alone_completion(const struct gs_command *const *commands, size_t n_commands, int argc,
                        char **argv)
{
    struct gs_command own = gs_alone_word;
    struct gs_completion_args args = {.shell = GS_SHELL_BASH};
    struct gs_err err;
    own.program = gs_command_program(commands[0]);
    int r = gs_options_parse(&own, argc, argv, &args, &err);
    if (r == GS_OPTIONS_HELP) {
        return print_help(&own);
    }
    if (r < 0) {
        return gs_alone_usage(&own, &err);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_COMPLETION_MAX);
    gs_completion_script((enum gs_shell)args.shell, commands, n_commands, &text);
    return print(&own, &text);
}

bool gs_alone_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                    const bool *version, int *ret_status)
{
    bool alone = strcmp(command->name, gs_command_program(command)) == 0;
    if (alone && argc > 1 && strcmp(argv[1], gs_alone_word.name) == 0) {
        const struct gs_command *const commands[] = {command, &gs_alone_word};
        *ret_status = gs_alone_completion(commands, GS_ARRAY_LEN(commands), argc - 1, argv + 1);
        return false;
    }
    struct gs_err err;
    int r = gs_options_parse(command, argc, argv, ret_values, &err);
    if (r == GS_OPTIONS_HELP) {
        *ret_status = print_help(command);
    } else if (r < 0) {
        *ret_status = gs_alone_usage(command, &err);
    } else if (version != NULL && *version) {
        *ret_status = print_version(command);
    } else {
        return true;
    }
    return false;
}
