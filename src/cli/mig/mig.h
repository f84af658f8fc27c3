/* mig: what the commands of `gpuslice mig` share.
 *
 * The group stands in for NVIDIA's mig-parted (docs/mig-parted.md): the same options, environment
 * variables, files and lines on stdout, exit status 0 or 1 (3: no such command). A command is a
 * file mig/<name>.c with its struct gs_command, named "mig <name>" and drop_in, and a row in the
 * table of mig/mig.c. Its options end with the row GS_MIG_OPTION_DEBUG; it begins with gs_mig_begin
 * and ends with gs_mig_exit. */
#pragma once

#include "base/arena.h"
#include "gpu/gpu.h"
#include "term/options.h"
#include "wire/migconfig.h"

extern const struct gs_command gs_command_mig_apply;
extern const struct gs_command gs_command_mig_restore;
extern const struct gs_command gs_command_mig_create;
extern const struct gs_command gs_command_mig_destroy;
extern const struct gs_command gs_command_mig_enable;
extern const struct gs_command gs_command_mig_disable;
extern const struct gs_command gs_command_mig_assert;
extern const struct gs_command gs_command_mig_export;
extern const struct gs_command gs_command_mig_generate;
extern const struct gs_command gs_command_mig_checkpoint;

int gs_cmd_mig_apply(int argc, char **argv);
int gs_cmd_mig_restore(int argc, char **argv);
int gs_cmd_mig_create(int argc, char **argv);
int gs_cmd_mig_destroy(int argc, char **argv);
int gs_cmd_mig_enable(int argc, char **argv);
int gs_cmd_mig_disable(int argc, char **argv);
int gs_cmd_mig_assert(int argc, char **argv);
int gs_cmd_mig_export(int argc, char **argv);
int gs_cmd_mig_generate(int argc, char **argv);
int gs_cmd_mig_checkpoint(int argc, char **argv);

#define GS_MIG_ARENA_MAX ((size_t)64 << 20) /* bytes of one command's work */

#define GS_MIG_OPTION_DEBUG(type, field)                                                           \
    {                                                                                              \
        .name = "debug", .letter = 'd', GS_TO_FLAG(type, field), .env = "MIG_PARTED_DEBUG",        \
        .help = "say on stderr what is done"                                                       \
    }

/* Which configuration, for a struct of values with `config_file` and `selected`. */
#define GS_MIG_OPTIONS_CONFIG(type)                                                                \
    {.name = "config-file",                                                                        \
     .letter = 'f',                                                                                \
     .arg = "FILE",                                                                                \
     GS_TO_TEXT(type, config_file),                                                                \
     .env = "MIG_PARTED_CONFIG_FILE",                                                              \
     .complete = GS_COMPLETE_FILE,                                                                 \
     .help = "the configuration file; - is stdin"},                                                \
    {                                                                                              \
        .name = "selected-config", .letter = 'c', .arg = "NAME", GS_TO_TEXT(type, selected),       \
        .env = "MIG_PARTED_SELECTED_CONFIG", .complete = GS_COMPLETE_CONFIG,                       \
        .help = "which of its configurations; not needed where there is one"                       \
    }

/* "yaml", "json", NULL: in the order of enum gs_migwrite_form. */
extern const char *const gs_mig_form_names[];

#define GS_MIG_OPTION_FORM(type, field)                                                            \
    {                                                                                              \
        .name = "output-format", .letter = 'o', .arg = "FORMAT",                                   \
        GS_TO_CHOICE(type, field, gs_mig_form_names), .env = "MIG_PARTED_OUTPUT_FORMAT",           \
        .help = "how it is written"                                                                \
    }

/* As gs_cmd_begin, with the spellings that mig-parted takes beside ours (-config-file, -f=x,
 * --mode-only=false), and 1 as the status of a wrong command line. */
bool gs_mig_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                  int *ret_status);

/* Prints how a command is used; the exit status. */
int gs_mig_help(const struct gs_command *command);

/* Prints the error of a negative `r`; the exit status, 0 or 1. */
int gs_mig_exit(int r, const struct gs_err *err);

/* Prints one line on stdout, now: the caller has nothing else to say. 0 or GS_IO. */
int gs_mig_say(const char *line, struct gs_err *err);

/* A line on stderr, where debug is on. */
void gs_mig_debug(bool debug, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Reads a configuration file ("-": stdin). All lives in the arena. */
int gs_mig_read_configs(struct gs_arena *arena, const char *path, struct gs_migconfig *ret,
                        struct gs_err *err);

/* Reads a configuration file ("-": stdin) and selects one of its configurations; `selected` NULL or
 * "" is the only one. `path` NULL: GS_INVALID, the option is missing. All lives in the arena. */
int gs_mig_read_config(struct gs_arena *arena, const char *path, const char *selected,
                       const struct gs_migconfig_choice **ret, struct gs_err *err);

/* Says on stderr, where an apply was killed, that it was. For commands that only read the GPUs. */
void gs_mig_notice_killed(void);

/* Opens the machine's GPUs. GS_IO: no driver. */
int gs_mig_open(struct gs_gpus *ret, struct gs_err *err);

/* The GPUs of a list "0,GPU-...,07:00.0": bit k is GPU k. NULL: none. GS_INVALID, GS_NOT_FOUND. */
int gs_mig_find_gpus(struct gs_gpus *gpus, const char *list, uint32_t *ret, struct gs_err *err);

/* One GPU, as the commands of this group need it. */
struct gs_mig_gpu {
    struct gs_gpu facts;
    struct gs_gpu_instances *instances; /* NULL while not read */
    struct gs_err why; /* not GS_OK: it cannot be read (it is lost); of `facts` only the index is */
};

/* Reads the facts of every GPU; one that cannot be read is no failure. */
int gs_mig_survey_some(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu **ret,
                       unsigned *ret_n, struct gs_err *err);

/* Where one that cannot be read is asked for, its error; where it is not, a warning. */
int gs_mig_check_read(const struct gs_mig_gpu *at, const struct gs_mig_wish *wishes, unsigned n,
                      struct gs_err *err);

/* Reads the facts of every GPU, and fails where one cannot be read. */
int gs_mig_survey(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu **ret,
                  unsigned *ret_n, struct gs_err *err);

/* What each of them is to a configuration file, as gs_migconfig_resolve wants it. */
int gs_mig_targets(const struct gs_mig_gpu *at, unsigned n, struct gs_arena *arena,
                   struct gs_migconfig_target **ret, struct gs_err *err);

/* What each of `n` GPUs is asked for, into ret[n]; on stderr what is odd about it on this machine:
 * GPUs that it does not have, or that nothing is selected. */
void gs_mig_resolve(const struct gs_migconfig_choice *choice,
                    const struct gs_migconfig_target *targets, unsigned n, struct gs_mig_wish *ret);

/* Reads what is cut into the GPU, where MIG is on, into `at->instances` and as MIG devices into
 * *ret (named; mig_enabled as the GPU is). */
int gs_mig_read_devices(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu *at,
                        struct gs_mig_wish *ret, struct gs_err *err);
