#include "cli/mig/mig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/near.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "cli/exit.h"
#include "cli/infile.h"
#include "cli/output.h"
#include "gpu/gpu_env.h"

enum {
    ARGS_MAX = 4096,       /* words of one command line */
    STATUS_NO_COMMAND = 3, /* mig-parted's, for a command that it does not have */
    HELP_MAX = 64 * 1024,
};

/* In the order of the help text. */
static const struct gs_command *const subcommands[] = {
    &gs_command_mig_apply,    &gs_command_mig_assert,     &gs_command_mig_export,
    &gs_command_mig_generate, &gs_command_mig_checkpoint, &gs_command_mig_restore,
    &gs_command_mig_create,   &gs_command_mig_destroy,    &gs_command_mig_enable,
    &gs_command_mig_disable,
};

struct mig_args {
    bool debug;
};

static const struct gs_option options[] = {
    GS_MIG_OPTION_DEBUG(struct mig_args, debug),
};

static const struct gs_example examples[] = {
    {"gpuslice mig export", "what the GPUs of this machine are cut into"},
    {"gpuslice mig assert -f config.yaml -c all-1g.5gb", "whether they are cut as a file says"},
};

const struct gs_command gs_command_mig = {
    .name = "mig",
    .summary = "cut the GPUs of this machine; stands in for nvidia-mig-parted",
    .text = "A stand-in for NVIDIA's nvidia-mig-parted: the same commands, options, environment "
            "variables, files, output and exit status. Called by that name (a link will do), "
            "these are the commands of the program itself.\n"
            "gpuslice mig COMMAND --help explains one. " GS_GPU_ENV_HELP,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .drop_in = true,
    .impossible = "it could not be done, and stderr says why; 3: there is no such command",
    .subcommands = subcommands,
    .n_subcommands = GS_ARRAY_LEN(subcommands),
    .run = gs_cmd_mig,
};

/* ---- the group ---- */

static int print_help(const struct gs_command *command)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, HELP_MAX);
    gs_help_command(command, &text);
    GS_CLEANUP(gs_buf_done) struct gs_buf named;
    gs_buf_init(&named, HELP_MAX);
    gs_exit_put_named(&named, gs_buf_text(&text));
    struct gs_err err;
    return gs_mig_exit(gs_output_text(&named, &err), &err);
}

static int print_version(void)
{
    struct gs_err err;
    return gs_mig_exit(gs_mig_say("nvidia-mig-parted version " GS_VERSION " (gpuslice)", &err),
                       &err);
}

static const struct gs_command *find(const char *word, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(word));
    for (size_t i = 0; i < GS_ARRAY_LEN(subcommands); i++) {
        const char *name = subcommands[i]->name + strlen("mig ");
        if (strcmp(name, word) == 0) {
            return subcommands[i];
        }
        gs_near_offer(&near, name);
    }
    if (strcmp(word, "list") == 0 || strcmp(word, "show") == 0 || strcmp(word, "status") == 0) {
        gs_fail(err, GS_INVALID,
                "mig has no command \"%s\"; gpuslice gpu %s tells what the GPUs are cut into", word,
                strcmp(word, "show") == 0 ? "show" : "list");
        return NULL;
    }
    gs_fail(err, GS_INVALID, "mig has no command \"%.100s\"; %s%s%s", word,
            near.n == 0 ? "see gpuslice mig --help" : "did you mean ",
            near.n == 0 ? "" : near.names[0], near.n == 0 ? "" : "?");
    return NULL;
}

/* `word` is as typed: help, or an option before the command. True: it was all that was asked. */
static bool take_word(const char *word, int argc, char **argv, bool *debug, int *ret_status)
{
    struct gs_err err;
    if (strcmp(word, "-d") == 0 || strcmp(word, "--debug") == 0 || strcmp(word, "-debug") == 0) {
        *debug = true;
        return false;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0) {
        *ret_status = print_version();
    } else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 ||
               (word[0] != '-' && argc == 0)) {
        *ret_status = print_help(&gs_command_mig);
    } else if (strcmp(word, "help") == 0 || strcmp(word, "h") == 0) {
        const struct gs_command *command = find(argv[0], &err);
        *ret_status =
            command == NULL ? (gs_exit_usage(&err), STATUS_NO_COMMAND) : print_help(command);
    } else {
        gs_fail(&err, GS_INVALID, "mig has no option %.100s; see gpuslice mig --help", word);
        gs_exit_usage(&err);
        *ret_status = 1;
    }
    return true;
}

/* The command at argv[0], told of --debug where that stood before it. */
static int run(int argc, char **argv, bool debug)
{
    static char debug_word[] = "--debug";
    struct gs_err err;
    const struct gs_command *command = find(argv[0], &err);
    if (command == NULL) {
        (void)gs_exit_usage(&err);
        return STATUS_NO_COMMAND;
    }
    char **words = calloc((size_t)argc + 2, sizeof(*words));
    if (words == NULL) {
        gs_fail(&err, GS_NO_MEMORY, "no memory for the command line");
        return gs_mig_exit(GS_NO_MEMORY, &err);
    }
    int n = 0;
    words[n++] = argv[0];
    if (debug) {
        words[n++] = debug_word;
    }
    for (int i = 1; i < argc; i++) {
        words[n++] = argv[i];
    }
    int status = command->run(n, words);
    free(words);
    return status;
}

int gs_cmd_mig(int argc, char **argv)
{
    bool debug = false;
    int i = 1;
    for (; i < argc &&
           (argv[i][0] == '-' || strcmp(argv[i], "help") == 0 || strcmp(argv[i], "h") == 0);
         i++) {
        int status;
        if (take_word(argv[i], argc - i - 1, argv + i + 1, &debug, &status)) {
            return status;
        }
    }
    return i == argc ? print_help(&gs_command_mig) : run(argc - i, argv + i, debug);
}

/* ---- a command's beginning and end ---- */

/* The spellings of mig-parted that getopt does not take, respelled. */
struct respelled {
    char **words; /* NULL-terminated; borrowed, but for those in `made` */
    int n;
    char *made[ARGS_MAX];
    unsigned n_made;
};

static void respelled_done(struct respelled *line)
{
    for (unsigned i = 0; i < line->n_made; i++) {
        free(line->made[i]);
    }
    free(line->words);
}

/* The row that `word` names up to its "="; NULL: none. */
static const struct gs_option *row_named(const struct gs_command *command, const char *word)
{
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < command->n_options; i++) {
        const char *name = command->options[i].name;
        if (n > 1 && strlen(name) == n && memcmp(name, word, n) == 0) {
            return &command->options[i];
        }
    }
    return NULL;
}

static bool keep(struct respelled *line, char *made)
{
    if (made == NULL || line->n_made == ARGS_MAX) {
        free(made);
        return false;
    }
    line->made[line->n_made++] = made;
    line->words[line->n++] = made;
    return true;
}

/* -config-file, -config-file=x, -f=x. A value is never copied, for it lives on as pointed to. */
static bool respell(struct respelled *line, const struct gs_command *command, char *word)
{
    bool one_dash = word[0] == '-' && word[1] != '-' && word[1] != '\0';
    const struct gs_option *row = one_dash ? row_named(command, word + 1) : NULL;
    char *value = strchr(word, '=');
    char *made = NULL;
    if (one_dash && strcmp(word, "-help") == 0) {
        return asprintf(&made, "--help") >= 0 && keep(line, made);
    }
    if (row != NULL && (row->kind == GS_OPTION_FLAG || value == NULL)) {
        return asprintf(&made, "-%s", word) >= 0 && keep(line, made);
    }
    bool is_letter = one_dash && row == NULL && word[2] == '=';
    if (row != NULL || is_letter) {
        int n = row != NULL ? asprintf(&made, "--%s", row->name) : asprintf(&made, "%.2s", word);
        if (n < 0 || !keep(line, made)) {
            return false;
        }
        word = value + 1;
    }
    line->words[line->n++] = word;
    return true;
}

static int respell_all(const struct gs_command *command, int argc, char **argv,
                       struct respelled *ret, struct gs_err *err)
{
    bool rest = false;
    ret->words = argc > ARGS_MAX ? NULL : calloc((size_t)argc * 2 + 1, sizeof(*ret->words));
    if (ret->words == NULL) {
        return gs_fail(err, GS_LIMIT, "no memory for the command line, or more than %d words in it",
                       ARGS_MAX);
    }
    for (int i = 0; i < argc; i++) {
        rest = rest || strcmp(argv[i], "--") == 0;
        if (rest || i == 0) {
            ret->words[ret->n++] = argv[i];
        } else if (!respell(ret, command, argv[i])) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the command line");
        }
    }
    return 0;
}

bool gs_mig_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                  int *ret_status)
{
    GS_CLEANUP(respelled_done) struct respelled line = {.n_made = 0};
    struct gs_err err;
    if (argc == 2 && command->operand == NULL &&
        (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "h") == 0)) {
        *ret_status = print_help(command);
        return false;
    }
    int r = respell_all(command, argc, argv, &line, &err);
    r = r < 0 ? r : gs_options_parse(command, line.n, line.words, ret_values, &err);
    if (r == GS_OPTIONS_HELP) {
        *ret_status = print_help(command);
        return false;
    }
    if (r < 0) {
        *ret_status = gs_mig_exit(r, &err);
        return false;
    }
    return true;
}

int gs_mig_exit(int r, const struct gs_err *err)
{
    if (r == 0) {
        return 0;
    }
    (void)gs_exit_failed(err);
    return 1;
}

int gs_mig_say(const char *line, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 4096);
    gs_buf_printf(&text, "%s\n", line);
    return gs_output_text(&text, err);
}

void gs_mig_debug(bool debug, const char *fmt, ...)
{
    if (!debug) {
        return;
    }
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    gs_buf_init(&line, 4 * sizeof(text));
    gs_text_clean(&line, text, strlen(text));
    fprintf(stderr, "debug: %s\n", gs_buf_text(&line));
}
