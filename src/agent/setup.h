/* setup: the agent's configuration, from file, environment and arguments. */
#pragma once

#include "wire/agentconfig.h"

/* Reads all three, in this order, into an arena. 0, GS_AGENTCONFIG_HELP, GS_AGENTCONFIG_VERSION, or
 * what is wrong, with file and line. */
int gs_setup_read(int argc, char *const *argv, struct gs_arena *arena,
                  struct gs_agentconfig *ret_config, struct gs_err *err);
