/* emf: CloudWatch's embedded metric format, written: lines of JSON that CloudWatch Logs turns into
 * metrics. Pure.
 *
 * Each different choice of values for a set of dimensions is a metric of its own, and is paid for
 * each month. So what cannot be bounded, UUIDs first, is refused as a dimension; a plain member
 * keeps it for Logs Insights. Source: "Specification: Embedded metric format" of CloudWatch's user
 * guide, and PutMetricData for names and values; where AWS's own library is stricter, as there. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

enum {
    GS_EMF_LINE_MAX = 256 * 1024, /* bytes, without the line end */
    GS_EMF_METRICS_MAX = 100,     /* of a line; more become more lines */
    GS_EMF_DIMENSIONS_MAX = 30,   /* of a set */
    GS_EMF_SETS_MAX = 30,
    GS_EMF_MEMBERS_MAX = 256,
    GS_EMF_RECORD_METRICS_MAX = 1000,
    GS_EMF_NAME_MAX = 250, /* bytes of a dimension's or metric's name */
    GS_EMF_VALUE_MAX = 1024,
    GS_EMF_NAMESPACE_MAX = 255
};

/* How far the agent goes into detail: each has what the ones before it have. */
enum gs_emf_detail { GS_EMF_DETAIL_NODE, GS_EMF_DETAIL_PROFILE, GS_EMF_DETAIL_SLICE };

enum gs_emf_unit {
    GS_EMF_NONE,
    GS_EMF_COUNT,
    GS_EMF_PERCENT,
    GS_EMF_SECONDS,
    GS_EMF_BYTES,
    GS_EMF_MEGABYTES,
    GS_EMF_UNITS
};

struct gs_emf_metric {
    const char *name;
    double value; /* one that is not finite, or beyond 2^360, is not known: it is left out */
    enum gs_emf_unit unit;
};

/* A text beside the metrics; a dimension where a set names it. */
struct gs_emf_member {
    const char *name;
    const char *value;
};

struct gs_emf_set {
    const char *const *names;
    unsigned n; /* 0: the metrics have no dimension */
};

struct gs_emf {
    const char *name_space; /* "GpuSlice" */
    uint64_t at_ms;         /* since the epoch */
    const struct gs_emf_set *sets;
    unsigned n_sets; /* 1 or more */
    const struct gs_emf_member *members;
    unsigned n_members;
    const struct gs_emf_metric *metrics;
    unsigned n_metrics;
};

/* Appends lines, each with its line end; none where no metric is known. On failure the buffer is as
 * it was. GS_INVALID: a name or a dimension's value that CloudWatch would not take, a dimension
 * that is no member, a UUID as a dimension, a name that comes twice, a text that is not UTF-8;
 * GS_LIMIT: a bound above; GS_NO_MEMORY. */
int gs_emf_write(const struct gs_emf *emf, struct gs_buf *out, struct gs_err *err);

/* What CloudWatch takes: 1 to 255 of letters, digits and . _ # : / -; ':' not first. */
bool gs_emf_is_namespace(const char *text);

/* Copies a text so that it can be a dimension's value: at most `size` - 1 bytes, what is not
 * printable ASCII becomes '?'. Nothing but blanks becomes "-". */
void gs_emf_value(const char *text, char *ret, size_t size);
