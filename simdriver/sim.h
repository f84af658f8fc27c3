/* sim: the commands of gpuslice-sim, the control program of the simulated machine.
 *
 * A command is a table of options and a function, as in src/cli/cmd.h; its first word, DIR, names
 * the machine's folder and may be left out where GPUSLICE_SIM does. */
#pragma once

#include "simdriver/store.h"
#include "term/options.h"

enum sim_exit {
    SIM_EXIT_DONE = 0,
    SIM_EXIT_REFUSED = 1, /* something in use stands in the way, or the machine cannot do it */
    SIM_EXIT_USAGE = 2,
    SIM_EXIT_BAD_INPUT = 3,
    SIM_EXIT_SYSTEM = 4
};

extern const struct gs_command sim_command_create;
extern const struct gs_command sim_command_show;
extern const struct gs_command sim_command_reset;
extern const struct gs_command sim_command_reload;
extern const struct gs_command sim_command_unload;
extern const struct gs_command sim_command_load;
extern const struct gs_command sim_command_reboot;
extern const struct gs_command sim_command_fault;
extern const struct gs_command sim_command_xid;
extern const struct gs_command sim_command_lose;
extern const struct gs_command sim_command_leak;
extern const struct gs_command sim_command_run;
extern const struct gs_command sim_command_destroy;
extern const struct gs_command sim_command_completion;

/* All of them, in the order of the help text. */
extern const struct gs_command *const sim_commands[];
extern const size_t sim_n_commands;

int sim_cmd_create(int argc, char **argv);
int sim_cmd_show(int argc, char **argv);
int sim_cmd_reset(int argc, char **argv);
int sim_cmd_reload(int argc, char **argv);
int sim_cmd_unload(int argc, char **argv);
int sim_cmd_load(int argc, char **argv);
int sim_cmd_reboot(int argc, char **argv);
int sim_cmd_fault(int argc, char **argv);
int sim_cmd_xid(int argc, char **argv);
int sim_cmd_lose(int argc, char **argv);
int sim_cmd_leak(int argc, char **argv);
int sim_cmd_run(int argc, char **argv);
int sim_cmd_destroy(int argc, char **argv);
int sim_cmd_completion(int argc, char **argv);

/* The stand-in for nvidia-smi: -L, and -r with -i. `called` is argv[0] as the kernel has it. */
int sim_smi_main(int argc, char **argv);

/* ---- What they share ---- */

/* Reads the command line. False: the command is done, with *ret_status. */
bool sim_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
               int *ret_status);

/* Prints the text on stderr and returns the exit status that its code stands for. */
int sim_failed(const struct gs_err *err);

/* As a failure of the command line: status 2. */
int sim_usage(const struct gs_err *err);

/* The text for a code of the machine (sim_code) that `what` came back with; 0 for SIM_OK. */
int sim_explain(int code, const char *what, struct gs_err *err);

/* A slice as text: MIG-UUID, or GPU:GI:CI; or with `whole` a GPU's number or UUID alone, which
 * leaves *ret_gi and *ret_ci SIM_NONE, and GPU:GI. */
int sim_find_slice(const struct sim_machine *machine, const char *text, bool whole,
                   uint32_t *ret_gpu, uint32_t *ret_gi, uint32_t *ret_ci, struct gs_err *err);

/* The GPUs that a comma-separated list names, by number, UUID or PCI address, as bits. */
int sim_find_gpus(const struct sim_machine *machine, const char *list, uint32_t *ret_gpus,
                  struct gs_err *err);

/* "00000000:07:00.0", as NVML and nvidia-smi write it. */
void sim_bus_id(const struct sim_gpu *gpu, char ret[20]);

/* What DIR is called where a command takes nothing else. */
extern const struct gs_option sim_dir_operand;

/* The first field of the values of every such command. */
struct sim_dir_args {
    const char *dir;
};
