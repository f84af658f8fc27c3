#include "term/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "term/progress.h"

const char *const gs_format_names[GS_FORMATS + 1] = {
    [GS_FORMAT_TABLE] = "table",
    [GS_FORMAT_JSON] = "json",
    [GS_FORMAT_YAML] = "yaml",
};

static int append(const char *bytes, size_t n, void *out)
{
    gs_buf_put(out, bytes, n);
    return gs_buf_ok(out) ? 0 : -1;
}

void gs_json_encode(const json_t *tree, struct gs_buf *out)
{
    /* 15 digits: every decimal of that length prints as it was written */
    if (json_dump_callback(tree, append, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) < 0) {
        out->failed = true;
    }
    gs_buf_puts(out, "\n");
}

static bool failed;
static bool reader_gone;

bool gs_output_failed(void)
{
    return failed;
}

bool gs_output_reader_gone(void)
{
    return reader_gone;
}

static int fail_write(int e, struct gs_err *err)
{
    failed = true;
    reader_gone = reader_gone || e == EPIPE;
    return gs_fail_errno(err, e, "cannot write the output");
}

int gs_output_text(const struct gs_buf *text, struct gs_err *err)
{
    if (!gs_buf_ok(text)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the output, or it is over %zu MiB",
                       text->max >> 20);
    }
    gs_progress_end();
    if (text->len > 0 && fwrite(text->text, 1, text->len, stdout) != text->len) {
        return fail_write(errno, err);
    }
    return 0;
}

int gs_output_result(const struct gs_result *result, enum gs_format format, struct gs_err *err)
{
    if (!gs_result_ok(result)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the output");
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    if (format == GS_FORMAT_YAML) {
        gs_yaml_encode(result->root, &text);
    } else {
        gs_json_encode(result->root, &text);
    }
    return gs_output_text(&text, err);
}

int gs_output_close(struct gs_err *err)
{
    bool failed_before = ferror(stdout) != 0;
    errno = 0;
    if (fclose(stdout) != 0 || failed_before) {
        return fail_write(errno == 0 ? EIO : errno, err);
    }
    return 0;
}

bool gs_output_styled(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0) && isatty(STDOUT_FILENO) == 1;
}
