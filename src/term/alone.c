#include "term/alone.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "term/exit.h"
#include "term/output.h"

enum { HELP_MAX = 64 << 10 };

static const struct gs_command completion = {
    .name = "completion",
    .summary = "write the completion script of a shell",
    .operand = &gs_completion_operand,
    .operand_required = true,
};

static int print(const struct gs_command *command, const struct gs_buf *text)
{
    struct gs_err err;
    if (gs_output_text(text, &err) < 0 || gs_output_close(&err) < 0) {
        fprintf(stderr, "%s: %s\n", gs_command_program(command), err.msg);
        return GS_EXIT_SYSTEM;
    }
    return GS_EXIT_DONE;
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
    return GS_EXIT_USAGE;
}

int gs_alone_completion(const struct gs_command *const *commands, size_t n_commands, int argc,
                        char **argv)
{
    struct gs_command own = completion;
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
    if (argc > 1 && strcmp(argv[1], completion.name) == 0) {
        const struct gs_command *const commands[] = {command, &completion};
        *ret_status = gs_alone_completion(commands, GS_ARRAY_LEN(commands), argc - 1, argv + 1);
        return false;
    }
    struct gs_err err;
    int r = gs_options_parse(command, argc, argv, ret_values, &err);
    if (r == GS_OPTIONS_HELP) {
        *ret_status = print_help(command);
    } else if (r < 0) {
        *ret_status = gs_alone_usage(command, &err);
    } else if (*version) {
        *ret_status = print_version(command);
    }
    return r == 0 && !*version;
}
