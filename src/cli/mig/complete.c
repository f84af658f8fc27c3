#include "cli/mig/complete.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cmd.h"
#include "cli/mig/mig.h"
#include "cli/words.h"
#include "term/exit.h"
#include "term/output.h"

static const char question[] = "--generate-shell-completion";

enum { ANSWER_MAX = 1 << 20, COMMANDS_MAX = 16 };

static const char *word_of(const struct gs_command *command)
{
    return command->name + strlen("mig ");
}

/* "--mode-only:turn MIG on and off as asked for, and cut nothing" where it goes on from `typed`,
 * which begins with a dash. */
static void put_flag(const char *typed, const char *name, const char *help, struct gs_buf *out)
{
    typed += strspn(typed, "-");
    if (strncmp(name, typed, strlen(typed)) == 0 && strcmp(name, typed) != 0) {
        gs_buf_printf(out, "--%s:%s\n", name, help);
    }
}

/* The row whose value comes next; NULL: none. */
static const struct gs_option *row_before(const struct gs_command *command, const char *word)
{
    const char *name = word + strspn(word, "-");
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *row = &command->options[i];
        bool is_letter =
            word + 1 == name && name[0] != '\0' && name[1] == '\0' && name[0] == row->letter;
        if (row->kind != GS_OPTION_FLAG && (is_letter || strcmp(name, row->name) == 0)) {
            return row;
        }
    }
    return NULL;
}

/* `words` are those behind the command. */
static void answer_in(const struct gs_command *command, int n, char **words, struct gs_buf *out)
{
    const char *last = n == 0 ? "" : words[n - 1];
    if (last[0] != '-') {
        gs_buf_puts(out, "help:show how the command is used\n");
        return;
    }
    const struct gs_option *row = row_before(command, last);
    if (row != NULL && row->kind == GS_OPTION_CHOICE) {
        for (size_t i = 0; row->choices[i] != NULL; i++) {
            gs_buf_printf(out, "%s\n", row->choices[i]);
        }
    } else if (row != NULL) {
        gs_words_put(row->complete, n, words, out);
    }
    for (size_t i = 0; i < command->n_options && row == NULL; i++) {
        put_flag(last, command->options[i].name, command->options[i].help, out);
    }
    if (row == NULL) {
        put_flag(last, "help", "show how the command is used", out);
    }
}

static void answer_before(const struct gs_command *const *commands, size_t n, const char *last,
                          struct gs_buf *out)
{
    if (last[0] == '-') {
        put_flag(last, "debug", "say on stderr what is done", out);
        put_flag(last, "help", "show the commands", out);
        put_flag(last, "version", "show the version", out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        gs_buf_printf(out, "%s:%s\n", word_of(commands[i]), commands[i]->summary);
    }
    gs_buf_puts(out, "help:show the commands, or how one is used\n");
}

static void answer(const struct gs_command *const *commands, size_t n, int argc, char **argv,
                   struct gs_buf *out)
{
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        at++;
    }
    for (size_t i = 0; i < n && at < argc; i++) {
        if (strcmp(word_of(commands[i]), argv[at]) == 0) {
            answer_in(commands[i], argc - at - 1, argv + at + 1, out);
            return;
        }
    }
    if (at < argc && strcmp(argv[at], "completion") == 0) {
        for (size_t i = 0; gs_completion_operand.choices[i] != NULL; i++) {
            gs_buf_printf(out, "%s\n", gs_completion_operand.choices[i]);
        }
    } else if (at == argc || strcmp(argv[at], "help") != 0) {
        answer_before(commands, n, argc > 1 ? argv[argc - 1] : "", out);
    }
}

bool gs_mig_complete(const struct gs_command *const *commands, size_t n, int *argc, char **argv,
                     int *ret_status)
{
    if (*argc < 2 || strcmp(argv[*argc - 1], question) != 0) {
        return false;
    }
    --*argc;
    for (int i = 1; i + 1 < *argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            return false;
        }
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, ANSWER_MAX);
    answer(commands, n, *argc, argv, &out);
    struct gs_err err;
    *ret_status = gs_mig_exit(gs_output_text(&out, &err), &err);
    return true;
}

/* ---- the scripts ---- */

static const struct gs_example examples[] = {
    {"source <(gpuslice mig completion bash)", "for this bash"},
};

const struct gs_command gs_command_mig_completion = {
    .name = "mig completion",
    .summary = "write the completion script of a shell",
    .text = "There is none for PowerShell.",
    .operand = &gs_completion_operand,
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "the script could not be written; stderr says why",
    .run = gs_cmd_mig_completion,
};

/* The group's commands as those of a program of its own. */
static void put_script(enum gs_shell shell, struct gs_buf *out)
{
    struct gs_command own[COMMANDS_MAX];
    const struct gs_command *list[COMMANDS_MAX];
    size_t n = gs_command_mig.n_subcommands;
    assert(n <= COMMANDS_MAX);
    for (size_t i = 0; i < n; i++) {
        own[i] = *gs_command_mig.subcommands[i];
        own[i].program = "nvidia-mig-parted";
        own[i].name = word_of(gs_command_mig.subcommands[i]);
        list[i] = &own[i];
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_COMPLETION_MAX);
    gs_completion_script(shell, list, n, &text);
    gs_exit_put_named(out, gs_buf_text(&text)); /* help speaks of gpuslice mig */
}

int gs_cmd_mig_completion(int argc, char **argv)
{
    struct gs_completion_args args = {.shell = GS_SHELLS};
    int status;
    if (!gs_mig_begin(&gs_command_mig_completion, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_COMPLETION_MAX);
    if (args.shell == GS_SHELLS) { /* mig-parted shows what it can write */
        return gs_mig_help(&gs_command_mig_completion);
    }
    if (gs_exit_is_mig_parted(program_invocation_name)) {
        put_script((enum gs_shell)args.shell, &text);
    } else {
        gs_completion_script((enum gs_shell)args.shell, gs_commands, gs_n_commands, &text);
    }
    struct gs_err err;
    return gs_mig_exit(gs_output_text(&text, &err), &err);
}
