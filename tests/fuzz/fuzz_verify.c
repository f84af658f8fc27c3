/* Whatever the bytes are, they are accepted with a report that keeps its own rules, or refused with
 * one line that begins with the file's name. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gs_verify_report report;
    static char text[8192];
    const struct gs_view bytes = {.p = (const char *)data, .n = size};
    struct gs_err err = {.msg = ""};
    int r = gs_verify_plan("plan.json", bytes, &report, &err);
    if (r < 0) {
        if (strncmp(err.msg, "plan.json:", 10) != 0 || strchr(err.msg, '\n') != NULL) {
            abort();
        }
        return 0;
    }
    gs_verify_format(&report, text, sizeof(text));
    bool checked = report.bound == GS_VERIFY_BOUND_PROVEN;
    if (report.claimed_bound > report.value || text[0] == '\0' ||
        (checked && report.proven_bound < report.claimed_bound) ||
        (report.proven && (!checked || report.claimed_bound != report.value))) {
        abort();
    }
    return 0;
}
