/* options: what a command takes, as one table from which its parsing, its --help and the shell
 * completion are made (options.c, help.c, completion.c).
 *
 * A command declares a struct for the values and one row an option; a row says where in that
 * struct the value goes. The GS_TO_ macros check at compile time that the field has the right
 * type:
 *
 *     struct args { const char *model; bool maximal; unsigned format; };
 *     static const struct gs_option options[] = {
 *         {.name = "model", .arg = "MODEL", GS_TO_TEXT(struct args, model),
 *          .complete = GS_COMPLETE_MODEL, .help = "the GPU to cut"},
 *         {.name = "maximal", GS_TO_FLAG(struct args, maximal), .help = "..."},
 *         GS_OPTION_OUTPUT(struct args, format, gs_format_names),
 *     };
 *
 * --help / -h is added to every command. Long names are written in full. Values keep what the
 * caller put there when an option is not given. An option other than a list that is given twice is
 * refused: which one was meant? */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    GS_OPTIONS_MAX = 48, /* options of one command */
    GS_TEXTS_MAX = 256   /* times that a list option, or operands, may be given */
};

enum gs_option_kind {
    GS_OPTION_FLAG,   /* bool: true when given */
    GS_OPTION_TEXT,   /* const char *: the argument */
    GS_OPTION_LIST,   /* struct gs_texts: the arguments, in order; may be given again and again */
    GS_OPTION_CHOICE, /* unsigned: index into .choices */
    GS_OPTION_NUMBER  /* uint64_t: decimal, .max at most */
};

/* What a shell offers as the argument. Choices are offered by themselves. */
enum gs_complete {
    GS_COMPLETE_NONE,
    GS_COMPLETE_FILE,
    GS_COMPLETE_DIR,
    GS_COMPLETE_MODEL, /* ids of the catalogue */
    GS_COMPLETE_COMMAND,
    /* What the program is asked for while the shell completes (cli/words.h). */
    GS_COMPLETE_CONFIG,  /* configurations of the file that the command line names */
    GS_COMPLETE_GPU,     /* numbers of the machine's GPUs, a list of them */
    GS_COMPLETE_SLICE,   /* GPU:GI, and UUIDs of MIG devices */
    GS_COMPLETE_PROFILE, /* that the machine's GPUs have */
};

struct gs_texts {
    const char *items[GS_TEXTS_MAX];
    size_t n;
};

struct gs_option {
    const char *group; /* heading in --help above this row and those that follow; NULL: none new */
    const char *name;  /* long name without dashes; NULL in an operand's row */
    char letter;       /* short name, or 0 */
    enum gs_option_kind kind;
    const char *arg;  /* what stands for the argument in --help; NULL for a flag */
    const char *help; /* begins in lower case, ends without a full stop */
    enum gs_complete complete;
    const char *const *choices; /* GS_OPTION_CHOICE: ends with NULL */
    uint64_t min;               /* GS_OPTION_NUMBER */
    uint64_t max;               /* likewise */
    size_t into;                /* offset of the value in the struct of values */
    const char *env; /* environment variable that stands for the option where it is not given */
};

#define GS_INTO(type, field, wanted)                                                               \
    (offsetof(type, field) +                                                                       \
     0 * sizeof(                                                                                   \
             char[__builtin_types_compatible_p(__typeof__(((type *)0)->field), wanted) ? 1 : -1]))
#define GS_TO_FLAG(type, field) .kind = GS_OPTION_FLAG, .into = GS_INTO(type, field, bool)
#define GS_TO_TEXT(type, field) .kind = GS_OPTION_TEXT, .into = GS_INTO(type, field, const char *)
#define GS_TO_LIST(type, field)                                                                    \
    .kind = GS_OPTION_LIST, .into = GS_INTO(type, field, struct gs_texts)
#define GS_TO_CHOICE(type, field, list)                                                            \
    .kind = GS_OPTION_CHOICE, .choices = (list), .into = GS_INTO(type, field, unsigned)
#define GS_TO_NUMBER(type, field, most)                                                            \
    .kind = GS_OPTION_NUMBER, .max = (most), .into = GS_INTO(type, field, uint64_t)

/* The row for -o: `formats` is gs_format_names (cli/output.h) or a longer list that begins so. */
#define GS_OPTION_OUTPUT(type, field, formats)                                                     \
    {                                                                                              \
        .name = "output", .letter = 'o', .arg = "FORMAT", GS_TO_CHOICE(type, field, formats),      \
        .help = "how the result is written; table is for people"                                   \
    }

struct gs_example {
    const char *command; /* as typed, "gpuslice plan ..." */
    const char *says;    /* what it does, one line */
};

struct gs_command {
    const char *program; /* NULL: "gpuslice" */
    const char *name;
    const char *summary; /* one line, for the list of commands */
    const char *text;    /* what it does, for --help; paragraphs parted by "\n" */
    /* Words that are no options; a row without name, of kind TEXT (at most one) or LIST. NULL:
     * the command takes none. */
    const struct gs_option *operand;
    bool operand_required;
    const struct gs_option *options;
    size_t n_options;
    const struct gs_example *examples;
    size_t n_examples;
    const char *impossible; /* when it exits with status 1, for --help; NULL: it never does */
    bool plain_status;      /* exits with 0, 1 and 2 alone */
    /* Stands in for a command of NVIDIA's mig-parted: exit status 0 or 1 only, and of an option
     * given twice the last counts. */
    bool drop_in;
    /* A group: its first word names one of these, whose name is "<group> <word>". */
    const struct gs_command *const *subcommands;
    size_t n_subcommands;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
};

/* Reads argv[1..] into *ret_values, the struct that the rows speak of.
 * Returns 0, GS_OPTIONS_HELP (--help was given; nothing else was looked at) or GS_INVALID (wrong
 * use; the text names what was given and what comes near it). Values are written up to the first
 * mistake. They point into argv. Not thread-safe (getopt). */
#define GS_OPTIONS_HELP 1
int gs_options_parse(const struct gs_command *command, int argc, char **argv, void *ret_values,
                     struct gs_err *err);

/* options_env.c: as if the options that were not `given` (one entry a row) had been, with what
 * their environment variables hold. A flag is on with 1, t or true, off with 0, f, false or
 * nothing. GS_INVALID names the variable. */
int gs_options_env(const struct gs_command *command, const bool *given, void *ret_values,
                   struct gs_err *err);

/* How a flag is spelled as a value: 1, t, T, true, True, TRUE and their counterparts. */
bool gs_options_bool(const char *text, bool *ret);

/* The value of --name=arg, as a drop-in takes it; nothing behind the "=", or NULL for no "=" at
 * all, is true. GS_INVALID. */
int gs_options_flag(const char *name, const char *arg, bool *ret, struct gs_err *err);

/* Stores `arg` as the value of `option`. */
int gs_options_store(const struct gs_option *option, const char *arg, void *ret_values,
                     struct gs_err *err);

/* The program that the command is of. */
static inline const char *gs_command_program(const struct gs_command *command)
{
    return command->program == NULL ? "gpuslice" : command->program;
}

/* help.c: what `gpuslice COMMAND --help` and `gpuslice --help` print, 80 columns wide. */
void gs_help_command(const struct gs_command *command, struct gs_buf *out);
void gs_help_program(const struct gs_command *const *commands, size_t n_commands,
                     struct gs_buf *out);

/* The word before KIND when a completion script asks the program for words (cli/words.h). */
#define GS_WORDS_COMMAND "__complete"

/* The script for one shell, to be sourced by it. The commands, at least one, are of one program;
 * where the first has the program's name, it is what the program is without a command's name. */
enum gs_shell { GS_SHELL_BASH, GS_SHELL_ZSH, GS_SHELL_FISH, GS_SHELLS };
void gs_completion_script(enum gs_shell shell, const struct gs_command *const *commands,
                          size_t n_commands, struct gs_buf *out);

/* The operand of every command that writes such a script, for this struct of values. */
struct gs_completion_args {
    unsigned shell; /* enum gs_shell */
};
extern const struct gs_option gs_completion_operand;

/* Bytes of a script. */
#define GS_COMPLETION_MAX ((size_t)1 << 20)

/* What a script calls a kind of words that the program is asked for, and back; NULL and
 * GS_COMPLETE_NONE where it is none of them. */
const char *gs_complete_name(enum gs_complete kind);
enum gs_complete gs_complete_kind(const char *name);
