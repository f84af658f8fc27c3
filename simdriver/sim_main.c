/* gpuslice-sim, the control program of the simulated machine. */

#include <locale.h>
#include <signal.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "simdriver/sim.h"
#include "term/output.h"

const struct gs_command *const sim_commands[] = {
    &sim_command_create,  &sim_command_show,       &sim_command_run,    &sim_command_reset,
    &sim_command_reboot,  &sim_command_reload,     &sim_command_unload, &sim_command_load,
    &sim_command_fault,   &sim_command_xid,        &sim_command_leak,   &sim_command_lose,
    &sim_command_destroy, &sim_command_completion,
};
const size_t sim_n_commands = GS_ARRAY_LEN(sim_commands);

static int print_help(void)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    struct gs_err err = {.code = GS_OK};
    gs_buf_init(&text, 8192);
    gs_buf_puts(&text, "gpuslice-sim: a machine with simulated NVIDIA GPUs, for any program that "
                       "uses NVML\n\nUsage: gpuslice-sim COMMAND [DIR] [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < sim_n_commands; i++) {
        gs_buf_printf(&text, "  %-10s %s\n", sim_commands[i]->name, sim_commands[i]->summary);
    }
    gs_buf_puts(&text,
                "\nOptions:\n"
                "  -h, --help     show this text, or with a command that command's\n"
                "      --version  show the version\n"
                "\nDIR is the machine's folder; it may be left out where GPUSLICE_SIM names it.\n"
                "Under the name nvidia-smi (DIR/root/usr/bin) it lists GPUs (-L) and resets them\n"
                "(-r -i GPU,...), as far as other tools call for that.\n"
                "\nExamples:\n"
                "  gpuslice-sim create /dev/shm/m --gpus 8xA100-40GB --mig\n"
                "      make a machine; prints what to export\n"
                "  gpuslice-sim show -o json\n"
                "      all that is known of it\n"
                "\nExit status:\n"
                "  0  done\n"
                "  1  refused: something is in use, or the machine cannot do it\n"
                "  2  wrong use: an option or argument that the command does not take\n"
                "  3  bad input: a name, a number or a file that is not what it must be\n"
                "  4  no memory, disk full, a file that cannot be written\n");
    return gs_output_text(&text, &err) == 0 ? SIM_EXIT_DONE : sim_failed(&err);
}

static int find_and_run(int argc, char **argv)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(argv[1]));
    for (size_t i = 0; i < sim_n_commands; i++) {
        if (strcmp(argv[1], sim_commands[i]->name) == 0) {
            return sim_commands[i]->run(argc - 1, argv + 1);
        }
        gs_near_offer(&near, sim_commands[i]->name);
    }
    struct gs_err err;
    if (near.n > 0) {
        gs_fail(&err, GS_INVALID, "there is no command \"%.100s\"; did you mean %s?", argv[1],
                near.names[0]);
    } else {
        gs_fail(&err, GS_INVALID, "there is no command \"%.100s\"; gpuslice-sim --help lists them",
                argv[1]);
    }
    return sim_usage(&err);
}

static int dispatch(int argc, char **argv)
{
    struct gs_err err = {.code = GS_OK};
    if (argc < 2) {
        gs_fail(&err, GS_INVALID, "which command? gpuslice-sim --help lists them");
        return sim_usage(&err);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return print_help();
    }
    if (strcmp(argv[1], "--version") == 0) {
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, 100);
        gs_buf_puts(&text, "gpuslice-sim " GS_VERSION "\n");
        return gs_output_text(&text, &err) == 0 ? SIM_EXIT_DONE : sim_failed(&err);
    }
    return find_and_run(argc, argv);
}

static bool is_smi(const char *called)
{
    const char *slash = strrchr(called, '/');
    return strcmp(slash == NULL ? called : slash + 1, "nvidia-smi") == 0;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    int status = argc > 0 && is_smi(argv[0]) ? sim_smi_main(argc, argv) : dispatch(argc, argv);
    struct gs_err err = {.code = GS_OK};
    return gs_output_close(&err) < 0 && status == SIM_EXIT_DONE ? sim_failed(&err) : status;
}
