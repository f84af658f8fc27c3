/* words: what a shell may offer that only this machine knows: the configurations of a file, GPUs,
 * slices, profiles.
 *
 * Completion scripts ask for them: PROGRAM __complete KIND WORDS..., where WORDS is the command
 * line so far. One word a line; nothing where nothing can be found out, and never an error, for
 * nobody is there to read it. Nothing is changed. */
#pragma once

#include "term/options.h"

/* argv[0] is GS_WORDS_COMMAND. The exit status is 0. */
int gs_cmd_words(int argc, char **argv);

/* Appends the words, one a line; `argv` is the command line so far. */
void gs_words_put(enum gs_complete kind, int argc, char **argv, struct gs_buf *out);
