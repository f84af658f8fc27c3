#include "base/cleanup.h"
#include "cli/cmd.h"
#include "cli/simulate/simulate.h"
#include "term/exit.h"
#include "term/outfile.h"
#include "term/output.h"

/* A report with every list at its bound is smaller than this. */
#define REPORT_BYTES_MAX ((size_t)64 << 20)

struct report_args {
    const char *file;
    unsigned format;
    const char *out;
};

static const struct gs_option operand = {
    .arg = "FILE",
    GS_TO_TEXT(struct report_args, file),
    .complete = GS_COMPLETE_FILE,
    .help = "what gpuslice simulate -o json wrote; - is stdin",
};

static const struct gs_option options[] = {
    {.name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct report_args, format, gs_simulate_formats),
     .help = "how the report is written; table is for people, html one page for a browser"},
    {.name = "out",
     .arg = "FILE",
     GS_TO_TEXT(struct report_args, out),
     .complete = GS_COMPLETE_FILE,
     .help = "write it there, all of it or nothing, and not to stdout"},
};

static const struct gs_example examples[] = {
    {"gpuslice report savings.json", "a saved report for a terminal"},
    {"gpuslice report savings.json -o html --out savings.html", "the same as a page"},
};

const struct gs_command gs_command_report = {
    .name = "report",
    .summary = "show a saved report of gpuslice simulate, as a table or a page",
    .text = "Reads what gpuslice simulate -o json wrote, checks it, and writes it in another form. "
            "Nothing is simulated again.",
    .operand = &operand,
    .operand_required = true,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_report,
};

static int read_report(const struct report_args *args, struct gs_arena *arena,
                       struct gs_report *ret, struct gs_err *err)
{
    struct gs_infile file;
    struct gs_view text;
    int r = gs_infile_open(&file, NULL, args->file, err);
    if (r < 0) {
        return r;
    }
    r = args->out == NULL ? 0 : gs_outfile_spare("out", args->out, &file, err);
    r = r < 0 ? r : gs_infile_whole(&file, arena, REPORT_BYTES_MAX, &text, err);
    if (r == 0) {
        r = gs_report_parse(text.p, text.n, arena, ret, err);
        r = r < 0 ? gs_wrap(err, r, "%.300s", file.label) : 0;
    }
    gs_infile_close(&file);
    return r;
}

int gs_cmd_report(int argc, char **argv)
{
    struct report_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_report, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err;
    struct gs_report report;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_REPORT_MEMORY_MAX);
    if (read_report(&args, &arena, &report, &err) < 0) {
        return gs_exit_failed(&err);
    }
    return gs_exit_output(gs_simulate_write(&report, args.format, args.out, &err), &err);
}
