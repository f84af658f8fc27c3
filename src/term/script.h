/* script: the completion script of one shell while it is written; used by completion, bash,
 * zsh and fish alone.
 *
 * One file a shell. A script has all words in it that are the same on every machine, and asks the
 * program for the others (gpuslice: cli/words.h). */
#pragma once

#include "term/options.h"

/* All commands, and what is being written. */
struct gs_script {
    const char *program;            /* gpuslice */
    const char *function;           /* _gpuslice: the shell's function */
    const struct gs_command *alone; /* that the program is without a command's name; NULL: none */
    const struct gs_command *const *commands; /* that have one */
    size_t n_commands;
    bool asks; /* an option or operand takes words that the program is asked for */
    struct gs_buf *out;
};

void gs_script_bash(const struct gs_script *script);
void gs_script_zsh(const struct gs_script *script);
void gs_script_fish(const struct gs_script *script);

/* Text inside single quotes: a quote ends them, stands escaped, and begins them again. fish knows
 * the same spelling. */
void gs_script_put_quoted(struct gs_buf *out, const char *text);

void gs_script_put_command_names(const struct gs_script *script);

/* The words that name a group's commands. */
void gs_script_put_subcommand_names(struct gs_buf *out, const struct gs_command *group);

/* Whether the words that can stand as the argument are in the script itself. */
bool gs_script_has_words(const struct gs_option *option);

/* They; nothing when there are none. */
void gs_script_put_words(const struct gs_script *script, const struct gs_option *option);
