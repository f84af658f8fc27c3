/* program: gpuslice-agent and its commands. Private to src/agent. */
#pragma once

#include "term/options.h"

/* Each gives the exit status: 0; 1: it could not be done; 2: wrong use or configuration. */
int gs_agent_run(int argc, char **argv);
int gs_agent_apply(int argc, char **argv);
int gs_agent_state(int argc, char **argv);
int gs_agent_completion(int argc, char **argv);

/* client.c: their command lines. */
extern const struct gs_command gs_agent_command_apply;
extern const struct gs_command gs_agent_command_state;

/* The whole program: finds the command and runs it. */
int gs_program_main(int argc, char **argv);

int gs_program_help(void);
int gs_program_version(void);

/* Gives `status`; where stdout did not take all, says so on stderr and gives 1. */
int gs_program_end(int status);

/* Says the error on stderr, and gives `status`. */
int gs_program_fail(const struct gs_err *err, int status);
