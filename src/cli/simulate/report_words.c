#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/simulate/report.h"

enum { TENTH_MH = 100 }; /* of an hour: below it one digit says too little */

static const char *not_known(char *text)
{
    return strcpy(text, "-");
}

/* value / 10^places rounded to `show` digits behind the point, halves away from zero. */
static const char *fixed(int64_t value, unsigned places, unsigned show, char *text)
{
    uint64_t size = (uint64_t)llabs(value);
    for (; places > show; places--) {
        size = size / 10 + (places == show + 1 && size % 10 >= 5 ? 1 : 0);
    }
    uint64_t unit = 1;
    for (unsigned i = 0; i < show; i++) {
        unit *= 10;
    }
    const char *sign = value < 0 && size > 0 ? "-" : "";
    if (show == 0) {
        (void)snprintf(text, GS_REPORT_WORD_MAX, "%s%" PRIu64, sign, size);
    } else {
        (void)snprintf(text, GS_REPORT_WORD_MAX, "%s%" PRIu64 ".%0*" PRIu64, sign, size / unit,
                       (int)show, size % unit);
    }
    return text;
}

/* "1234567" becomes "1,234,567". */
static const char *group(char *text)
{
    char plain[GS_REPORT_WORD_MAX];
    strcpy(plain, text);
    size_t sign = plain[0] == '-' ? 1 : 0, n = strlen(plain), to = 0;
    for (size_t i = 0; i < n && to + 2 < GS_REPORT_WORD_MAX; i++) {
        if (i > sign && (n - i) % 3 == 0) {
            text[to++] = ',';
        }
        text[to++] = plain[i];
    }
    text[to] = '\0';
    return text;
}

const char *gs_report_pct(int64_t mpct, char *text)
{
    if (mpct == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    fixed(mpct, 3, 1, text);
    return strcat(text, " %");
}

const char *gs_report_hours(int64_t mh, char *text)
{
    if (mh == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    if (llabs(mh) < 100000) {
        return fixed(mh, 3, mh != 0 && llabs(mh) < TENTH_MH ? 3 : 1, text);
    }
    fixed(mh, 3, 0, text);
    return group(text);
}

const char *gs_report_hours_on(int64_t mh, char *text)
{
    return mh == 0 ? strcpy(text, "under 0.001") : gs_report_hours(mh, text);
}

const char *gs_report_count(int64_t count, char *text)
{
    if (count == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    fixed(count, 0, 0, text);
    return group(text);
}

const char *gs_report_time(int64_t ms, char *text)
{
    static const struct {
        int64_t ms;
        const char *name;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};
    if (ms == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    if (ms == 0) {
        return strcpy(text, "0 s");
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (ms >= 2 * units[i].ms || units[i].ms == 1000) {
            bool far = ms > INT64_MAX / 10 - units[i].ms || ms < INT64_MIN / 10;
            int64_t tenths =
                far ? ms / (units[i].ms / 10) : (ms * 10 + units[i].ms / 2) / units[i].ms;
            fixed(tenths, 1, 1, text);
            strcat(text, " ");
            return strcat(text, units[i].name);
        }
    }
    return text;
}

const char *gs_report_dollars(int64_t uusd, char *text)
{
    char number[GS_REPORT_WORD_MAX];
    if (uusd == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    if (llabs(uusd) < 100000000) {
        fixed(uusd, 6, 2, number);
    } else {
        fixed(uusd, 6, 0, number);
        group(number);
    }
    const char *sign = number[0] == '-' ? "-" : "";
    (void)snprintf(text, GS_REPORT_WORD_MAX, "%s$%.60s", sign, number + strlen(sign));
    return text;
}

const char *gs_report_times(int64_t permille, char *text)
{
    if (permille == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    fixed(permille, 3, 2, text);
    return strcat(text, " x");
}

void gs_report_put_rows(const struct gs_report *report, struct gs_buf *out)
{
    const struct {
        int64_t rows;
        const char *are;
        const char *is;
    } others[] = {
        {report->rows_without_gpu, "that ask for no GPU", "that asks for no GPU"},
        {report->rows_never_ran, "that never ran", "that never ran"},
        {report->rows_whole, "that ask for whole GPUs", "that asks for whole GPUs"},
        {report->rows_unmapped, "that fit no rule", "that fits no rule"},
    };
    char rows[GS_REPORT_WORD_MAX], skipped[GS_REPORT_WORD_MAX];
    gs_buf_printf(out, "%s row%s, %s of them not usable", gs_report_count(report->input_rows, rows),
                  report->input_rows == 1 ? "" : "s",
                  gs_report_count(report->skipped_rows, skipped));
    for (size_t i = 0; i < GS_ARRAY_LEN(others); i++) {
        if (others[i].rows > 0) {
            gs_buf_printf(out, ", %s %s", gs_report_count(others[i].rows, rows),
                          others[i].rows == 1 ? others[i].is : others[i].are);
        }
    }
    gs_buf_printf(out, ", %s job%s", gs_report_count(report->jobs, rows),
                  report->jobs == 1 ? "" : "s");
    if (report->jobs != report->job_rows) {
        gs_buf_printf(out, " of %s row%s", gs_report_count(report->job_rows, rows),
                      report->job_rows == 1 ? "" : "s");
    }
}

const char *gs_report_range(struct gs_report_interval ci, char *text)
{
    char lo[GS_REPORT_WORD_MAX], hi[GS_REPORT_WORD_MAX];
    if (ci.lo_mpct == GS_REPORT_UNKNOWN || ci.hi_mpct == GS_REPORT_UNKNOWN) {
        return not_known(text);
    }
    (void)snprintf(text, GS_REPORT_WORD_MAX, "%.25s to %.25s", fixed(ci.lo_mpct, 3, 1, lo),
                   fixed(ci.hi_mpct, 3, 1, hi));
    return text;
}
