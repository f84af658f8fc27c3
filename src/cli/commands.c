#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cli/bench/child.h"
#include "cli/cmd.h"
#include "cli/words.h"
#include "term/exit.h"
#include "term/output.h"

enum { HELP_MAX = 64 * 1024 };

const struct gs_command *const gs_commands[] = {
    &gs_command_plan,      &gs_command_simulate,   &gs_command_report,     &gs_command_profiles,
    &gs_command_layouts,   &gs_command_transition, &gs_command_gpu,        &gs_command_mig,
    &gs_command_lint,      &gs_command_render,     &gs_command_dashboard,  &gs_command_top,
    &gs_command_cost,      &gs_command_status,     &gs_command_why,        &gs_command_ungate,
    &gs_command_uninstall, &gs_command_bench,      &gs_command_completion, &gs_command_help,
};
const size_t gs_n_commands = GS_ARRAY_LEN(gs_commands);

static int print_command_help(const struct gs_command *command)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, HELP_MAX);
    gs_help_command(command, &text);
    struct gs_err err;
    return gs_exit_output(gs_output_text(&text, &err), &err);
}

bool gs_cmd_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                  int *ret_status)
{
    struct gs_err err;
    int r = gs_options_parse(command, argc, argv, ret_values, &err);
    if (r == GS_OPTIONS_HELP) {
        *ret_status = print_command_help(command);
        return false;
    }
    if (r < 0) {
        *ret_status = gs_exit_usage(&err);
        return false;
    }
    return true;
}

const struct gs_command *gs_cmd_find(const char *name, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(name));
    for (size_t i = 0; i < gs_n_commands; i++) {
        if (strcmp(gs_commands[i]->name, name) == 0) {
            return gs_commands[i];
        }
        gs_near_offer(&near, gs_commands[i]->name);
    }
    if (strcmp(name, "sim") == 0) {
        gs_fail(err, GS_INVALID,
                "there is no command \"%s\"; gpuslice simulate replays workloads, and simulated "
                "machines have a program of their own: gpuslice-sim --help",
                name);
    } else if (near.n > 0) {
        gs_fail(err, GS_INVALID, "there is no command \"%.100s\"; did you mean %s?", name,
                near.names[0]);
    } else {
        gs_fail(err, GS_INVALID, "there is no command \"%.100s\"; gpuslice --help lists them",
                name);
    }
    return NULL;
}

static int print_program_help(void)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, HELP_MAX);
    gs_help_program(gs_commands, gs_n_commands, &text);
    struct gs_err err;
    return gs_exit_output(gs_output_text(&text, &err), &err);
}

static int print_version(void)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 100);
    gs_buf_puts(&text, "gpuslice " GS_VERSION "\n");
    struct gs_err err;
    return gs_exit_output(gs_output_text(&text, &err), &err);
}

/* help [COMMAND] */

struct help_args {
    struct gs_texts words;
};

static const struct gs_option help_operand = {
    .arg = "COMMAND",
    GS_TO_LIST(struct help_args, words),
    .complete = GS_COMPLETE_COMMAND,
    .help = "the command to explain, as \"plan\" or \"mig apply\"; without it, all commands are "
            "listed",
};

const struct gs_command gs_command_help = {
    .name = "help",
    .summary = "show how a command is used",
    .operand = &help_operand,
    .run = gs_cmd_help,
};

/* The command of a group: "mig apply". */
static const struct gs_command *find_in(const struct gs_command *group, const char *word,
                                        struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(word));
    for (size_t i = 0; i < group->n_subcommands; i++) {
        const char *name = group->subcommands[i]->name + strlen(group->name) + 1;
        if (strcmp(name, word) == 0) {
            return group->subcommands[i];
        }
        gs_near_offer(&near, name);
    }
    if (near.n > 0) {
        gs_fail(err, GS_INVALID, "%s has no command \"%.100s\"; did you mean %s?", group->name,
                word, near.names[0]);
    } else {
        gs_fail(err, GS_INVALID, "%s has no command \"%.100s\"; see gpuslice %s --help",
                group->name, word, group->name);
    }
    return NULL;
}

int gs_cmd_help(int argc, char **argv)
{
    struct help_args args = {.words = {.n = 0}};
    int status;
    if (!gs_cmd_begin(&gs_command_help, argc, argv, &args, &status)) {
        return status;
    }
    if (args.words.n == 0) {
        return print_program_help();
    }
    struct gs_err err;
    const struct gs_command *command = gs_cmd_find(args.words.items[0], &err);
    for (size_t i = 1; i < args.words.n && command != NULL; i++) {
        command = find_in(command, args.words.items[i], &err);
    }
    return command == NULL ? gs_exit_usage(&err) : print_command_help(command);
}

bool gs_cmd_is_mig(int argc, char **argv)
{
    return (argc > 0 && gs_exit_is_mig_parted(argv[0])) ||
           (argc > 1 && strcmp(argv[1], gs_command_mig.name) == 0);
}

int gs_cmd_main(int argc, char **argv)
{
    struct gs_err err;
    if (argc > 1 && strcmp(argv[1], GS_WORDS_COMMAND) == 0) {
        return gs_cmd_words(argc - 1, argv + 1);
    }
    if (argc > 1 && strcmp(argv[1], GS_CMD_BENCH_CHILD) == 0) {
        return gs_cmd_bench_be_child(argc - 1, argv + 1);
    }
    if (argc > 0 && gs_exit_is_mig_parted(argv[0])) {
        return gs_cmd_mig(argc, argv);
    }
    if (argc < 2) {
        gs_fail(&err, GS_INVALID, "which command? gpuslice --help lists them");
        return gs_exit_usage(&err);
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        return print_program_help();
    }
    if (strcmp(word, "--version") == 0) {
        return print_version();
    }
    if (word[0] == '-') {
        gs_fail(&err, GS_INVALID,
                "a command comes first; \"%.100s\" was found; see gpuslice --help", word);
        return gs_exit_usage(&err);
    }
    const struct gs_command *command = gs_cmd_find(word, &err);
    return command == NULL ? gs_exit_usage(&err) : command->run(argc - 1, argv + 1);
}
