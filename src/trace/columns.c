#include "trace/columns.h"

#include <stdio.h>

#include "base/near.h"
#include "core/profile_name.h"
#include "trace/field.h"
#include "wire/quantity.h"

#define MOMENT "seconds, as 90.25, or a date, as 2026-11-22T10:00:00Z"

static const struct {
    const char *name;
    enum gs_trace_column column;
    const char *unit; /* what is said with a value that is refused */
} names[] = {
    {"name", GS_COLUMN_NAME, NULL},
    {"namespace", GS_COLUMN_NAMESPACE, NULL},
    {"arrival", GS_COLUMN_ARRIVAL, MOMENT},
    {"start", GS_COLUMN_START, MOMENT},
    {"end", GS_COLUMN_END, MOMENT},
    {"duration", GS_COLUMN_DURATION, "seconds, or with a unit: 250ms, 90s, 4min, 1.5h, 2d"},
    {"gpus", GS_COLUMN_GPUS, "whole GPUs; a part of one is milli_gpu, in thousandths"},
    {"milli_gpu", GS_COLUMN_MILLI_GPU, "thousandths of one GPU: half of it is 500"},
    {"profile", GS_COLUMN_PROFILE, NULL},
    {"memory_gib", GS_COLUMN_MEMORY_GIB, "GiB as a plain number: 16"},
    {"utilisation", GS_COLUMN_UTILISATION, "percent as a plain number: 35"},
    {"utilization", GS_COLUMN_UTILISATION, NULL},
    {"model", GS_COLUMN_MODEL, NULL},
    {"gpu", GS_COLUMN_GPU, NULL},
    {"cpu", GS_COLUMN_CPU, "of the host: 2, 500m"},
    {"memory", GS_COLUMN_MEMORY, "of the host: 4Gi; that of the GPU is memory_gib"},
    {"count", GS_COLUMN_COUNT, "so many equal ones"},
};

static int no_such_column(struct gs_view name, struct gs_err *err)
{
    char list[300];
    struct gs_near near = GS_NEAR_INIT(name);
    size_t used = (size_t)snprintf(list, sizeof(list), "; those there are:");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        gs_near_offer(&near, names[i].name);
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s %s", i == 0 ? "" : ",",
                                 names[i].name);
    }
    if (near.n > 0) {
        gs_near_format(&near, list, sizeof(list));
    }
    return gs_fail(err, GS_INVALID,
                   "there is no column \"%.*s\"%s; name it %s... where it is not to be looked at",
                   GS_VIEW_ARGS(name), list, GS_COLUMN_PASSED_OVER);
}

int gs_trace_column_find(struct gs_view name, unsigned *ret, struct gs_err *err)
{
    struct gs_view rest = name;
    if (gs_view_skip(&rest, GS_COLUMN_PASSED_OVER)) {
        *ret = GS_COLUMNS;
        return 0;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (gs_view_eq(name, names[i].name)) {
            *ret = names[i].column;
            return 0;
        }
    }
    return no_such_column(name, err);
}

/* Names the column before the text, and behind it what the column holds. Returns `code`. */
static int refuse(enum gs_trace_column column, int code, struct gs_err *err)
{
    size_t i = 0;
    while (names[i].column != column) {
        i++;
    }
    const struct gs_err why = *err;
    return names[i].unit == NULL ? gs_wrap(err, code, "%s", names[i].name)
                                 : gs_fail(err, (enum gs_code)code, "%s: %.400s (%s)",
                                           names[i].name, why.msg, names[i].unit);
}

static bool given(struct gs_view field)
{
    return field.n > 0;
}

/* The times of a row. Negative: `err` says what is wrong with them. */
static int read_times(struct gs_trace *trace, const struct gs_view *fields,
                      struct gs_trace_ask *ask, struct gs_err *err)
{
    int64_t moments[3] = {GS_TRACE_NO_TIME, GS_TRACE_NO_TIME, GS_TRACE_NO_TIME};
    for (unsigned i = 0; i < 3; i++) {
        struct gs_view field = fields[GS_COLUMN_ARRIVAL + i];
        int r = given(field) ? gs_trace_moment(trace, field, &moments[i], err) : 0;
        if (r < 0) {
            return refuse(GS_COLUMN_ARRIVAL + i, r, err);
        }
    }
    ask->created_us = moments[0];
    ask->start_us = moments[1];
    int64_t from = moments[1] == GS_TRACE_NO_TIME ? moments[0] : moments[1];
    if (from == GS_TRACE_NO_TIME) {
        return gs_fail(err, GS_INVALID, "found no arrival; expected a time");
    }
    if (moments[0] != GS_TRACE_NO_TIME && moments[0] > from) {
        return gs_fail(err, GS_INVALID, "it starts before it arrives; expected the other order");
    }
    if (given(fields[GS_COLUMN_DURATION])) {
        int r = gs_field_span(fields[GS_COLUMN_DURATION], &ask->run_us, err);
        return r < 0 ? refuse(GS_COLUMN_DURATION, r, err) : 0;
    }
    if (moments[2] == GS_TRACE_NO_TIME) {
        return gs_fail(err, GS_INVALID, "found neither duration nor end; expected one of them");
    }
    if (moments[2] < from) {
        return gs_fail(err, GS_INVALID, "it ends before it begins; expected the other order");
    }
    ask->run_us = moments[2] - from;
    return 0;
}

/* One amount of a row, where it is given. */
static int read_amount(struct gs_view field, enum gs_trace_column column, unsigned places,
                       uint64_t max, uint64_t *ret, struct gs_err *err)
{
    if (!given(field)) {
        return 0;
    }
    int r = places == 0 ? gs_field_whole(field, max, ret, err)
                        : gs_field_decimal(field, places, max, true, ret, err);
    return r < 0 ? refuse(column, r, err) : 0;
}

static int read_host(const struct gs_view *fields, struct gs_trace_ask *ask, struct gs_err *err)
{
    uint64_t bytes;
    if (given(fields[GS_COLUMN_CPU]) && gs_quantity_parse(fields[GS_COLUMN_CPU], GS_QUANTITY_MILLI,
                                                          1000000000, &ask->cpu_milli, err) < 0) {
        return refuse(GS_COLUMN_CPU, GS_INVALID, err);
    }
    if (!given(fields[GS_COLUMN_MEMORY])) {
        return 0;
    }
    if (gs_quantity_parse(fields[GS_COLUMN_MEMORY], GS_QUANTITY_UNIT, 1ull << 50, &bytes, err) <
        0) {
        return refuse(GS_COLUMN_MEMORY, GS_INVALID, err);
    }
    ask->host_memory_mib = (bytes + (1 << 20) - 1) >> 20;
    return 0;
}

/* One number says peak and percentiles alike. */
static struct gs_trace_use flat_use(uint64_t value)
{
    return (struct gs_trace_use){.peak = (uint32_t)value,
                                 .p99 = (uint32_t)value,
                                 .p95 = (uint32_t)value,
                                 .mean = GS_NOT_KNOWN};
}

#define NOT_GIVEN UINT64_MAX

struct sizes {
    uint64_t gpus;
    uint64_t milli;
    uint64_t milli_gib;
    uint64_t util_permille;
    uint64_t count;
};

static int read_sizes(const struct gs_view *fields, struct sizes *sizes, struct gs_err *err)
{
    *sizes = (struct sizes){NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, 1};
    const struct {
        enum gs_trace_column column;
        unsigned places;
        uint64_t max;
        uint64_t *to;
    } amounts[] = {
        {GS_COLUMN_GPUS, 0, GS_TRACE_GPUS_MAX, &sizes->gpus},
        {GS_COLUMN_MILLI_GPU, 0, 1000, &sizes->milli},
        {GS_COLUMN_MEMORY_GIB, 3, GS_TRACE_MEMORY_MIB_MAX / 1024 * 1000, &sizes->milli_gib},
        {GS_COLUMN_UTILISATION, 1, 1000, &sizes->util_permille},
        {GS_COLUMN_COUNT, 0, GS_TRACE_COUNT_MAX, &sizes->count},
    };
    int r = 0;
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]) && r == 0; i++) {
        r = read_amount(fields[amounts[i].column], amounts[i].column, amounts[i].places,
                        amounts[i].max, amounts[i].to, err);
    }
    return r == 0 && sizes->count == 0
               ? gs_fail(err, GS_INVALID, "count: found 0; expected 1 or more")
               : r;
}

/* What the amounts say together. */
static int judge_sizes(const struct gs_view *fields, const struct sizes *sizes,
                       struct gs_trace_ask *ask, struct gs_err *err)
{
    uint64_t gpus = sizes->gpus;
    uint64_t milli = sizes->milli;
    bool part = given(fields[GS_COLUMN_PROFILE]) || given(fields[GS_COLUMN_MODEL]) ||
                sizes->milli_gib != NOT_GIVEN || sizes->util_permille != NOT_GIVEN;
    if (gpus == NOT_GIVEN && milli == NOT_GIVEN && !part) {
        return gs_fail(err, GS_INVALID,
                       "found nothing of what it needs; expected gpus, milli_gpu, profile, "
                       "memory_gib, utilisation or model");
    }
    bool none = gpus == 0 || milli == 0;
    if (none && (part || (gpus != NOT_GIVEN && gpus > 0) || (milli != NOT_GIVEN && milli > 0))) {
        return gs_fail(err, GS_INVALID,
                       "found 0 GPUs with an amount of a GPU; expected one or the other");
    }
    ask->gpus = none ? 0 : gpus == NOT_GIVEN ? 1 : (uint32_t)gpus;
    if (ask->gpus > 1 && (given(fields[GS_COLUMN_PROFILE]) || milli < 1000)) {
        return gs_fail(err, GS_INVALID,
                       "found %u GPUs of which it needs a part; expected 1, and a count of pieces",
                       (unsigned)ask->gpus);
    }
    ask->milli = milli == NOT_GIVEN || none ? GS_NOT_KNOWN : (uint32_t)milli;
    if (sizes->milli_gib != NOT_GIVEN) {
        ask->memory_mib = flat_use((sizes->milli_gib * 1024 + 999) / 1000);
    }
    if (sizes->util_permille != NOT_GIVEN) {
        ask->util_permille = flat_use(sizes->util_permille);
    }
    return read_host(fields, ask, err);
}

/* A profile as people write it, as NVIDIA prints it. */
static int read_profile(struct gs_view text, char ret[GS_PROFILE_NAME_MAX + 1], struct gs_err *err)
{
    struct gs_profile_name parts;
    int r = given(text) ? gs_profile_name_read(text, &parts, err) : 0;
    if (r < 0) {
        return gs_wrap(err, r, "profile");
    }
    ret[0] = 0;
    if (given(text)) {
        gs_profile_name_format(&parts, ret);
    }
    return 0;
}

static int keep_texts(struct gs_trace *trace, const struct gs_view *fields, const char *profile,
                      struct gs_trace_ask *ask, struct gs_err *err)
{
    const struct {
        struct gs_view text;
        const char **to;
    } texts[] = {{gs_view(profile), &ask->profile},
                 {fields[GS_COLUMN_MODEL], &ask->work},
                 {fields[GS_COLUMN_GPU], &ask->gpu},
                 {fields[GS_COLUMN_NAMESPACE], &ask->name_space}};
    int r = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && r == 0; i++) {
        r = given(texts[i].text) ? gs_texts_keep(&trace->texts, texts[i].text, texts[i].to, err)
                                 : 0;
    }
    return r < 0 ? gs_wrap(err, r, "%s", gs_trace_label(trace)) : 0;
}

int gs_trace_columns_put(struct gs_trace *trace, const struct gs_view fields[GS_COLUMNS],
                         struct gs_err *err)
{
    struct gs_trace_ask ask = gs_trace_nothing_known();
    struct gs_err why;
    struct sizes sizes;
    char profile[GS_PROFILE_NAME_MAX + 1];
    if (read_times(trace, fields, &ask, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_TIME, "%s", why.msg);
    }
    if (read_sizes(fields, &sizes, &why) < 0 || judge_sizes(fields, &sizes, &ask, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_SIZE, "%s", why.msg);
    }
    if (read_profile(fields[GS_COLUMN_PROFILE], profile, &why) < 0) {
        return gs_trace_skip(trace, GS_TRACE_FAULT_SIZE, "%s", why.msg);
    }
    int r = keep_texts(trace, fields, profile, &ask, err);
    if (r < 0) {
        return r;
    }
    gs_trace_set_name(&ask, fields[GS_COLUMN_NAME]);
    return gs_trace_put(trace, &ask, (uint32_t)sizes.count);
}
