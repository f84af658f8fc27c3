/* claim: what the files that make the sentence of a report share. */
#pragma once

#include "cli/simulate/report.h"

enum gs_report_verdict {
    GS_REPORT_NOT_TESTED,
    GS_REPORT_NOT_THIS_TRACE,
    GS_REPORT_GAINS,
    GS_REPORT_NO_DIFFERENCE,
    GS_REPORT_COSTS
};

/* What an interval of a gain lets one say; `value` is the trace's own. */
enum gs_report_verdict gs_report_judge(struct gs_report_interval ci, int64_t value);

/* Nodes that are there anyway: whether the world has them, by what its interval is of, and the
 * sentence: what they do for jobs, how few would do, when they are free. */
bool gs_report_is_fixed(const struct gs_report *report);
int64_t gs_report_nodes(const struct gs_report *report); /* or GS_REPORT_UNKNOWN */
int64_t gs_report_gain(const struct gs_report *report, const struct gs_report_policy *policy);
struct gs_report_interval gs_report_gain_ci(const struct gs_report *report,
                                            const struct gs_report_policy *policy);
void gs_report_say_fixed(const struct gs_report *report, const struct gs_report_policy *ours,
                         struct gs_buf *out);
