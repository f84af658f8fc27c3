#include "cli/lint/lint.h"

#include <string.h>

#include "base/cleanup.h"
#include "cli/cmd.h"
#include "lint/diff.h"
#include "term/exit.h"
#include "term/infile.h"
#include "term/outfile.h"

static const char *const formats[] = {"table", "json", "yaml", "sarif", NULL};

static const struct gs_option files_operand = {
    .arg = "FILE",
    GS_TO_LIST(struct gs_cmd_lint_args, files),
    .complete = GS_COMPLETE_FILE,
    .help = "manifests, Helm values, scripts, Bottlerocket settings, Markdown or text with code "
            "blocks; - is stdin",
};

static const struct gs_option options[] = {
    {.group = "What becomes of what is found",
     .name = "fix",
     GS_TO_FLAG(struct gs_cmd_lint_args, fix),
     .help = "correct the files in place; what is shown is what is left"},
    {.name = "fix-to",
     .arg = "PATH",
     GS_TO_TEXT(struct gs_cmd_lint_args, fix_to),
     .complete = GS_COMPLETE_FILE,
     .help = "write the corrected file there, and leave FILE as it is; - is stdout, and then "
             "nothing else is printed"},
    {.name = "diff",
     GS_TO_FLAG(struct gs_cmd_lint_args, diff),
     .help = "print what --fix would change, for patch, and nothing else"},
    {.group = "About the rules",
     .name = "explain",
     .arg = "RULE",
     GS_TO_TEXT(struct gs_cmd_lint_args, explain),
     .help = "say what a rule finds, why, and what to write instead"},
    {.name = "list-rules",
     GS_TO_FLAG(struct gs_cmd_lint_args, list_rules),
     .help = "list all rules"},
    {.group = "Output",
     .name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct gs_cmd_lint_args, format, formats),
     .help = "how the findings are written; table is for people"},
};

static const struct gs_example examples[] = {
    {"gpuslice lint guide.md", "what the guide gets wrong, line by line"},
    {"gpuslice lint --diff pods.yaml nodepool.yaml values.yaml",
     "what would be corrected; the files are looked at together"},
    {"gpuslice lint --fix guide.md", "correct it in place"},
    {"helm template . | gpuslice lint -", "look at what a chart makes"},
    {"gpuslice lint --explain GS125", "about one rule"},
};

const struct gs_command gs_command_lint = {
    .name = "lint",
    .summary = "find and correct what manifests and guides get wrong",
    .text = "Reads pods and what has pods in it, Karpenter's objects old and new, Helm values of "
            "NVIDIA's charts, user data, commands, and guides with all of that in code blocks. "
            "Each finding has its place, the reason, what to write instead, and where that is to "
            "be read. Comments and layout stay; objects of kinds that are gone are made anew from "
            "what they said.\n"
            "Files given together are looked at together: a pod in one says which slices the node "
            "pool in another has to have.",
    .operand = &files_operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "something was found; with --fix and --fix-to: something is left",
    .run = gs_cmd_lint,
};

struct gs_cmd_lint_counts gs_cmd_lint_count(const struct gs_cmd_lint_run *run)
{
    struct gs_cmd_lint_counts counts = {.all = 0};
    for (size_t i = 0; i < run->n; i++) {
        for (size_t f = 0; f < run->results[i].n; f++) {
            const struct gs_lint_finding *finding = &run->results[i].findings[f];
            counts.by[gs_lint_rules[finding->rule].severity]++;
            counts.corrected += finding->corrected ? 1 : 0;
            counts.all++;
        }
    }
    return counts;
}

static int check_args(const struct gs_cmd_lint_args *args, struct gs_err *err)
{
    unsigned n_stdin = 0;
    for (size_t i = 0; i < args->files.n; i++) {
        n_stdin += strcmp(args->files.items[i], "-") == 0 ? 1 : 0;
    }
    bool about = args->explain != NULL || args->list_rules;
    const struct {
        bool wrong;
        const char *text;
    } rules[] = {
        {args->files.n == 0 && !about, "lint wants a FILE, or - for stdin"},
        {about && (args->files.n > 0 || args->fix || args->fix_to != NULL || args->diff),
         "--explain and --list-rules are about rules: they take no FILE and nothing that changes "
         "one"},
        {args->explain != NULL && args->list_rules,
         "--explain or --list-rules: give one of the two"},
        {args->fix + args->diff + (args->fix_to != NULL) > 1,
         "--fix, --fix-to and --diff: give one of them"},
        {args->fix && n_stdin > 0, "--fix changes files in place; for stdin there is --fix-to"},
        {args->fix_to != NULL && args->files.n != 1, "--fix-to is for one FILE"},
        {args->diff && args->format != GS_FORMAT_TABLE, "--diff has a form of its own, without -o"},
        {n_stdin > 1, "only one file can be - (stdin)"},
        {args->files.n > GS_LINT_FILES_MAX, "more than 64 files at once"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(rules); i++) {
        if (rules[i].wrong) {
            return gs_fail(err, GS_INVALID, "%s; see gpuslice lint --help", rules[i].text);
        }
    }
    return 0;
}

/* Errors of a file that no option names do without the option. */
static int unnamed(int r, struct gs_err *err)
{
    static const char prefix[] = "--FILE: ";
    size_t n = strlen(prefix);
    if (r < 0 && strncmp(err->msg, prefix, n) == 0) {
        memmove(err->msg, err->msg + n, strlen(err->msg + n) + 1);
    }
    return r;
}

static int read_file(struct gs_cmd_lint_run *run, size_t i, struct gs_err *err)
{
    struct gs_infile file;
    int r = unnamed(gs_infile_open(&file, "FILE", run->paths[i], err), err);
    if (r < 0) {
        return r;
    }
    run->files[i].label = file.label;
    const char *to = run->args->fix_to;
    r = to == NULL || strcmp(to, "-") == 0 ? 0 : gs_outfile_spare("fix-to", to, &file, err);
    r = r < 0 ? r : gs_infile_whole(&file, run->arena, GS_LINT_BYTES_MAX, &run->files[i].text, err);
    gs_infile_close(&file);
    return r;
}

static int read_files(struct gs_cmd_lint_run *run, struct gs_err *err)
{
    run->n = run->args->files.n;
    run->files = GS_ARENA_NEW(run->arena, struct gs_lint_file, run->n);
    run->results = GS_ARENA_NEW(run->arena, struct gs_lint_result, run->n);
    run->paths = GS_ARENA_NEW(run->arena, const char *, run->n);
    if (run->files == NULL || run->results == NULL || run->paths == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the files");
    }
    int r = 0;
    for (size_t i = 0; i < run->n && r == 0; i++) {
        run->paths[i] = run->args->files.items[i];
        r = read_file(run, i, err);
    }
    return r;
}

static int correct(struct gs_cmd_lint_run *run, struct gs_err *err)
{
    run->corrected = GS_ARENA_NEW(run->arena, struct gs_view, run->n);
    if (run->corrected == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the corrected files");
    }
    return gs_lint_fix(run->arena, run->files, run->n, run->corrected, err);
}

static int print_bytes(struct gs_view bytes, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    gs_buf_put(&out, bytes.p, bytes.n);
    return gs_output_text(&out, err);
}

static bool is_changed(const struct gs_cmd_lint_run *run, size_t i)
{
    struct gs_view before = run->files[i].text;
    struct gs_view after = run->corrected[i];
    return before.n != after.n || (after.n > 0 && memcmp(before.p, after.p, after.n) != 0);
}

/* Writes what is corrected; what then is looked at are the corrected files. */
static int write_corrected(struct gs_cmd_lint_run *run, struct gs_err *err)
{
    int r = correct(run, err);
    for (size_t i = 0; i < run->n && r == 0; i++) {
        const char *to = run->args->fix ? run->paths[i] : run->args->fix_to;
        if (strcmp(to, "-") == 0) {
            r = print_bytes(run->corrected[i], err);
        } else if (!run->args->fix || is_changed(run, i)) {
            r = gs_outfile_write(run->args->fix ? "fix" : "fix-to", to, run->corrected[i], err);
        }
        run->files[i].text = run->corrected[i];
    }
    return r < 0 ? r : gs_lint_run(run->arena, run->files, run->n, run->results, err);
}

static int write_diff(struct gs_cmd_lint_run *run, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    int r = correct(run, err);
    for (size_t i = 0; i < run->n && r == 0; i++) {
        r = gs_lint_diff(run->arena, run->files[i].label, run->files[i].text, run->corrected[i],
                         &out);
        r = r < 0 ? gs_fail(err, GS_NO_MEMORY, "no memory for the difference") : 0;
    }
    return r < 0 ? r : gs_output_text(&out, err);
}

static int write_findings(const struct gs_cmd_lint_run *run, struct gs_err *err)
{
    bool silent = run->args->fix_to != NULL && strcmp(run->args->fix_to, "-") == 0;
    if (silent) {
        return 0;
    }
    return run->args->format == GS_FORMAT_TABLE ? gs_cmd_lint_write_text(run, err)
                                                : gs_cmd_lint_write_document(run, err);
}

static int lint(const struct gs_cmd_lint_args *args)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_LINT_MEMORY_MAX);
    struct gs_cmd_lint_run run = {.args = args, .arena = &arena};
    struct gs_err err;
    int r = read_files(&run, &err);
    r = r < 0 ? r : gs_lint_run(&arena, run.files, run.n, run.results, &err);
    if (r < 0) {
        return gs_exit_failed(&err);
    }
    r = args->fix || args->fix_to != NULL ? write_corrected(&run, &err) : 0;
    if (r < 0) {
        return gs_exit_output(r, &err);
    }
    r = args->diff ? write_diff(&run, &err) : write_findings(&run, &err);
    if (r < 0) {
        return gs_exit_output(r, &err);
    }
    return gs_cmd_lint_count(&run).all > 0 ? GS_EXIT_IMPOSSIBLE : GS_EXIT_DONE;
}

int gs_cmd_lint(int argc, char **argv)
{
    struct gs_cmd_lint_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_lint, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err;
    if (check_args(&args, &err) < 0) {
        return gs_exit_usage(&err);
    }
    if (args.list_rules) {
        return gs_exit_output(gs_cmd_lint_list_rules(&args, &err), &err);
    }
    if (args.explain != NULL) {
        return gs_exit_output(gs_cmd_lint_explain(&args, &err), &err);
    }
    return lint(&args);
}
