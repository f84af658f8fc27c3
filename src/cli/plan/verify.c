#include "verify/verify.h"
#include "base/cleanup.h"
#include "cli/plan/plan.h"
#include "term/exit.h"
#include "term/infile.h"
#include "term/progress.h"

enum { REPORT_MAX = 16 * 1024 };

static int check(struct gs_arena *arena, const char *path, struct gs_verify_report *report,
                 struct gs_err *err)
{
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    struct gs_view bytes;
    int r = gs_infile_open(&file, "verify", path, err);
    r = r < 0 ? r : gs_infile_whole(&file, arena, GS_VERIFY_BYTES_MAX, &bytes, err);
    return r < 0 ? r : gs_verify_plan(file.label, bytes, report, err);
}

int gs_cmd_plan_verify(const char *path)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_PLAN_MEMORY_MAX);
    struct gs_verify_report report;
    struct gs_err err;
    gs_progress_start("gpuslice plan --verify");
    gs_progress_phase("checking");
    if (check(&arena, path, &report, &err) < 0) {
        return gs_exit_failed(&err);
    }
    char text[REPORT_MAX];
    gs_verify_format(&report, text, sizeof(text));
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    gs_buf_puts(&out, text);
    return gs_exit_output(gs_output_text(&out, &err), &err);
}
