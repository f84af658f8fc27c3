#include "base/cleanup.h"
#include "cli/simulate/simulate.h"
#include "term/outfile.h"
#include "term/output.h"

const char *const gs_simulate_formats[] = {"table", "json", "yaml", "html", NULL};

int gs_simulate_write(const struct gs_report *report, unsigned format, const char *out,
                      struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    if (format == GS_FORMAT_TABLE) {
        gs_report_put_table(report, out == NULL && gs_output_styled(), &text);
    } else if (format == GS_SIMULATE_FORMAT_HTML) {
        gs_report_put_html(report, &text);
    } else {
        GS_CLEANUP(gs_result_done) struct gs_result result;
        gs_result_init(&result);
        gs_report_put(&result, report);
        if (!gs_result_ok(&result)) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the output");
        }
        (format == GS_FORMAT_YAML) ? gs_yaml_encode(result.root, &text)
                                   : gs_json_encode(result.root, &text);
    }
    if (out == NULL) {
        return gs_output_text(&text, err);
    }
    if (!gs_buf_ok(&text)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the output");
    }
    return gs_outfile_write("out", out, (struct gs_view){.p = gs_buf_text(&text), .n = text.len},
                            err);
}
