#include "base/cleanup.h"
#include "simdriver/sim.h"
#include "term/output.h"

static const struct gs_example examples[] = {
    {"source <(gpuslice-sim completion bash)", "for this bash"},
};

const struct gs_command sim_command_completion = {
    .program = "gpuslice-sim",
    .name = "completion",
    .summary = "write the completion script of a shell",
    .operand = &gs_completion_operand,
    .operand_required = true,
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = sim_cmd_completion,
};

int sim_cmd_completion(int argc, char **argv)
{
    struct gs_completion_args args = {.shell = GS_SHELL_BASH};
    int status;
    if (!sim_begin(&sim_command_completion, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_COMPLETION_MAX);
    gs_completion_script((enum gs_shell)args.shell, sim_commands, sim_n_commands, &text);
    struct gs_err err = {.code = GS_OK};
    return gs_output_text(&text, &err) == 0 ? SIM_EXIT_DONE : sim_failed(&err);
}
