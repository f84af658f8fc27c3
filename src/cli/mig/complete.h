/* complete: what a shell is told about the drop-in's command line, as urfave/cli tells it.
 *
 * mig-parted's own completion scripts ask the program itself, by the word
 * --generate-shell-completion behind all others; it answers with lines "word:what it is". */
#pragma once

#include "term/options.h"

/* Whether the last word asks for that, and then answers it. A question behind "--" is none: the
 * word is taken off *argc and the command runs. */
bool gs_mig_complete(const struct gs_command *const *commands, size_t n, int *argc, char **argv,
                     int *ret_status);

extern const struct gs_command gs_command_mig_completion;

/* completion SHELL: the script that completes nvidia-mig-parted, or gpuslice where it was not
 * called by that name. */
int gs_cmd_mig_completion(int argc, char **argv);
