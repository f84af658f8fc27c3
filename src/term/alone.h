/* alone: the command line of a program that is one command: its options, --help, --version, and the
 * word completion, which writes the completion script of a shell. */
#pragma once

#include "term/options.h"

#define GS_OPTION_VERSION(type, field)                                                             \
    {                                                                                              \
        .name = "version", GS_TO_FLAG(type, field), .help = "show the version"                     \
    }

/* Reads argv[1..] into *ret_values, the struct that the rows of `command` speak of; `version` is
 * its field of GS_OPTION_VERSION, NULL where it has none. False: there is nothing more to do, and
 * *ret_status is the exit status: 0 (what was asked for is on stdout), 1 (it cannot be written) or
 * 2 (wrong use; stderr says which). */
bool gs_alone_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                    const bool *version, int *ret_status);

/* Says on stderr what is wrong with the command line; returns the exit status, 2. */
int gs_alone_usage(const struct gs_command *command, const struct gs_err *err);

/* What --help and completion say of that word. */
extern const struct gs_command gs_alone_word;

/* The command `completion` of a program with these commands (as gs_completion_script takes them);
 * argv[0] is that word. Returns the exit status, as above. */
int gs_alone_completion(const struct gs_command *const *commands, size_t n_commands, int argc,
                        char **argv);
