/* A saved report that is read is shown in every form, also where it cannot be true, and reads back
 * the same; what can be true is believed again. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/report.h"
#include "term/output.h"

static void write_json(const struct gs_report *report, struct gs_buf *out)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_report_put(&result, report);
    gs_json_encode(result.root, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    GS_CLEANUP(gs_buf_done) struct gs_buf one, two, shown;
    struct gs_report report;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    gs_buf_init(&one, 64 << 20);
    gs_buf_init(&two, 64 << 20);
    gs_buf_init(&shown, 64 << 20);
    if (gs_report_read((const char *)data, size, &arena, &report, NULL) < 0) {
        return 0;
    }
    bool believed = gs_report_check(&report, &arena, NULL) == 0;
    write_json(&report, &one);
    gs_report_put_table(&report, true, &two);
    gs_buf_reset(&two);
    gs_report_put_html(&report, &shown);
    if (!gs_buf_ok(&one) || strstr(gs_buf_text(&shown), "<script") != NULL ||
        gs_report_read(gs_buf_text(&one), one.len, &arena, &report, NULL) < 0 ||
        (gs_report_check(&report, &arena, NULL) == 0) != believed) {
        abort();
    }
    write_json(&report, &two);
    if (strcmp(gs_buf_text(&one), gs_buf_text(&two)) != 0) {
        abort();
    }
    return 0;
}
