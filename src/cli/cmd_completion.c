#include "base/cleanup.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/output.h"

static const struct gs_example examples[] = {
    {"gpuslice completion bash > /etc/bash_completion.d/gpuslice", "for every user of bash"},
    {"source <(gpuslice completion zsh)", "for this zsh, behind its compinit"},
    {"gpuslice completion fish > ~/.config/fish/completions/gpuslice.fish", "for you, in fish"},
};

const struct gs_command gs_command_completion = {
    .name = "completion",
    .summary = "write the completion script of a shell",
    .text = "The script knows commands, options, GPU models and the words that options take; the "
            "configurations of a file, GPUs and slices it asks gpuslice for.",
    .operand = &gs_completion_operand,
    .operand_required = true,
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_completion,
};

int gs_cmd_completion(int argc, char **argv)
{
    struct gs_completion_args args = {.shell = GS_SHELL_BASH};
    int status;
    if (!gs_cmd_begin(&gs_command_completion, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_COMPLETION_MAX);
    gs_completion_script((enum gs_shell)args.shell, gs_commands, gs_n_commands, &text);
    struct gs_err err;
    return gs_exit_output(gs_output_text(&text, &err), &err);
}
