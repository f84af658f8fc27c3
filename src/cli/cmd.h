/* cmd: the commands of gpuslice.
 *
 * A command is one file cmd_<name>.c with its table of options, its struct gs_command and its run
 * function; to add one, write the file, declare both below, and put a row into commands.c and the
 * file into meson.build. Help, completion and the list of commands follow from the table.
 *
 *     int gs_cmd_plan(int argc, char **argv)
 *     {
 *         struct plan_args args = {.format = GS_FORMAT_TABLE};
 *         int status;
 *         if (!gs_cmd_begin(&gs_command_plan, argc, argv, &args, &status)) {
 *             return status;
 *         }
 *         ...
 *     }
 */
#pragma once

#include "term/options.h"

/* Every command, in the order of the help text. */
extern const struct gs_command *const gs_commands[];
extern const size_t gs_n_commands;

extern const struct gs_command gs_command_profiles;
extern const struct gs_command gs_command_layouts;
extern const struct gs_command gs_command_plan;
extern const struct gs_command gs_command_transition;
extern const struct gs_command gs_command_gpu;
extern const struct gs_command gs_command_mig;
extern const struct gs_command gs_command_lint;
extern const struct gs_command gs_command_render;
extern const struct gs_command gs_command_simulate;
extern const struct gs_command gs_command_report;
extern const struct gs_command gs_command_status;
extern const struct gs_command gs_command_why;
extern const struct gs_command gs_command_ungate;
extern const struct gs_command gs_command_uninstall;
extern const struct gs_command gs_command_bench;
extern const struct gs_command gs_command_dashboard;
extern const struct gs_command gs_command_top;
extern const struct gs_command gs_command_cost;
extern const struct gs_command gs_command_completion;
extern const struct gs_command gs_command_help;

int gs_cmd_profiles(int argc, char **argv);
int gs_cmd_layouts(int argc, char **argv);
int gs_cmd_plan(int argc, char **argv);
int gs_cmd_transition(int argc, char **argv);
int gs_cmd_gpu(int argc, char **argv);
int gs_cmd_render(int argc, char **argv);
int gs_cmd_mig(int argc, char **argv);
int gs_cmd_lint(int argc, char **argv);
int gs_cmd_simulate(int argc, char **argv);
int gs_cmd_report(int argc, char **argv);
int gs_cmd_status(int argc, char **argv);
int gs_cmd_why(int argc, char **argv);
int gs_cmd_ungate(int argc, char **argv);
int gs_cmd_uninstall(int argc, char **argv);
int gs_cmd_bench(int argc, char **argv);
int gs_cmd_dashboard(int argc, char **argv);
int gs_cmd_top(int argc, char **argv);
int gs_cmd_cost(int argc, char **argv);
int gs_cmd_completion(int argc, char **argv);
int gs_cmd_help(int argc, char **argv);

/* Reads the command line into *ret_values (see gs_options_parse). False: the command is done, with
 * *ret_status: --help was asked for and printed, or the command line is wrong and that was said. */
bool gs_cmd_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                  int *ret_status);

/* NULL: there is none; the text says which command comes near. */
const struct gs_command *gs_cmd_find(const char *name, struct gs_err *err);

/* Whether the command line is one of mig-parted's, whose exit status is 0, 1 or 3. */
bool gs_cmd_is_mig(int argc, char **argv);

/* The whole program: finds the command and runs it. Returns the exit status. */
int gs_cmd_main(int argc, char **argv);
