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
#include "cli/mig/complete.h"
#include "cli/mig/spelling.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"
#include "term/infile.h"
#include "term/output.h"
#include "term/progress.h"

enum {
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

int gs_mig_help(const struct gs_command *command)
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
    if (strcmp(word, "completion") == 0) { /* not in the help, as in mig-parted's */
        return &gs_command_mig_completion;
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

/* What may stand before the command. */
enum { BEFORE_DEBUG, BEFORE_VERSION, BEFORE_HELP, BEFORES };

static const char *const before[BEFORES] = {
    [BEFORE_DEBUG] = "debug", [BEFORE_VERSION] = "version", [BEFORE_HELP] = "help"};

/* Which of them `word` is up to its "=", by name or letter, with one dash or two; BEFORES: none. */
static unsigned find_before(const char *word)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    size_t n = strcspn(name, "=");
    unsigned i = 0;
    while (i < BEFORES && !(strlen(before[i]) == n && memcmp(before[i], name, n) == 0) &&
           !(n == 1 && word[1] != '-' && name[0] == before[i][0])) {
        i++;
    }
    return i;
}

/* An option before the command. True: it was all that was asked. */
static bool take_option(const char *word, bool *debug, int *ret_status)
{
    struct gs_err err;
    bool on = false;
    unsigned which = find_before(word);
    const char *value = strchr(word, '=');
    int r =
        which == BEFORES
            ? gs_fail(&err, GS_INVALID, "mig has no option %.100s; see gpuslice mig --help", word)
            : gs_options_flag(before[which], value == NULL ? NULL : value + 1, &on, &err);
    if (r < 0) {
        gs_exit_usage(&err);
        *ret_status = 1;
        return true;
    }
    if (which == BEFORE_DEBUG) {
        *debug = on;
        return false;
    }
    /* urfave/cli shows the version for --version=false too */
    if (which == BEFORE_HELP && !on) {
        return false;
    }
    *ret_status = which == BEFORE_VERSION ? print_version() : gs_mig_help(&gs_command_mig);
    return true;
}

/* help [COMMAND] */
static int run_help(int argc, char **argv)
{
    struct gs_err err;
    const struct gs_command *command = argc == 0 ? &gs_command_mig : find(argv[0], &err);
    return command == NULL ? (gs_exit_usage(&err), STATUS_NO_COMMAND) : gs_mig_help(command);
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

static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "h") == 0;
}

int gs_cmd_mig(int argc, char **argv)
{
    bool debug = false;
    int status;
    int i = 1;
    if (gs_mig_complete(subcommands, GS_ARRAY_LEN(subcommands), &argc, argv, &status)) {
        return status;
    }
    /* "-" alone names a command, which there is not; so does all behind "--" */
    for (; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (take_option(argv[i], &debug, &status)) {
            return status;
        }
    }
    if (i == argc || argv[i][0] == '\0') {
        return gs_mig_help(&gs_command_mig);
    }
    return is_help(argv[i]) ? run_help(argc - i - 1, argv + i + 1) : run(argc - i, argv + i, debug);
}

/* ---- a command's beginning and end ---- */

bool gs_mig_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
                  int *ret_status)
{
    GS_CLEANUP(gs_mig_words_done) struct gs_mig_words line = {.n_made = 0};
    struct gs_err err;
    if (argc == 2 && command->operand == NULL && is_help(argv[1])) {
        *ret_status = gs_mig_help(command);
        return false;
    }
    int r = gs_mig_respell(command, argc, argv, &line, &err);
    r = r < 0 ? r : gs_options_parse(command, line.n, line.words, ret_values, &err);
    if (r == GS_OPTIONS_HELP) {
        *ret_status = gs_mig_help(command);
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
    gs_progress_clear();
    fprintf(stderr, "debug: %s\n", gs_buf_text(&line));
}
