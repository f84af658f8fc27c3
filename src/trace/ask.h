/* ask: what a trace says of one piece of work, before a rule makes it fit a GPU (trace/map.h). */
#pragma once

#include <stdint.h>

#include "core/model.h"

#define GS_TRACE_NO_TIME (-1) /* the trace does not say */

enum {
    GS_TRACE_NAME_MAX = 63,            /* bytes of gs_trace_ask.name; longer ones are cut */
    GS_TRACE_MEMORY_MIB_MAX = 1 << 24, /* of one GPU: 16 TiB */
    GS_TRACE_GPUS_MAX = 64             /* of one piece of work: GS_SIM_JOB_GPUS_MAX */
};

/* What became of it in the trace. */
enum gs_trace_fate {
    GS_TRACE_RAN,      /* began and ended */
    GS_TRACE_CUT_OFF,  /* still ran when the trace ended: run_us is what was seen of it */
    GS_TRACE_NEVER_RAN /* was never started: run_us is how long it waited */
};

/* How much of something it used; each may be GS_NOT_KNOWN. Where a trace gives one number only,
 * peak, p99 and p95 are that number and mean is not known. */
struct gs_trace_use {
    uint32_t peak;
    uint32_t p99; /* in time: one hundredth of its samples lies above */
    uint32_t p95;
    uint32_t mean;
};

#define GS_TRACE_USE_UNKNOWN                                                                       \
    ((struct gs_trace_use){                                                                        \
        .peak = GS_NOT_KNOWN, .p99 = GS_NOT_KNOWN, .p95 = GS_NOT_KNOWN, .mean = GS_NOT_KNOWN})

/* Times are microseconds since the trace's zero: its own where it counts from one, 1970 where it
 * gives dates. Texts are borrowed from the trace and live as long as it. */
struct gs_trace_ask {
    uint64_t row;       /* counted from 1: a line, a pod of a list, a series */
    uint64_t rows;      /* of the input that it stands for: 0 where another ask of the row does */
    unsigned input;     /* the file that `row` is of */
    int64_t arrive_us;  /* 0 to GS_SIM_TIME_MAX; never before the last one's (enum gs_trace_at) */
    int64_t created_us; /* or GS_TRACE_NO_TIME */
    int64_t start_us;   /* when it was scheduled; or GS_TRACE_NO_TIME */
    int64_t run_us;     /* 1 to GS_SIM_TIME_MAX */
    enum gs_trace_fate fate;
    uint32_t gpus;  /* 0: needs none; at least 1 where anything below is known */
    uint32_t milli; /* of one GPU, 1 to 1000, 1000 where gpus > 1; or GS_NOT_KNOWN */
    struct gs_trace_use memory_mib;    /* of one GPU */
    struct gs_trace_use util_permille; /* of one GPU's time */
    uint64_t cpu_milli;                /* UINT64_MAX: not known */
    uint64_t host_memory_mib;          /* UINT64_MAX: not known */
    const char *profile;               /* asked for by name, "1g.5gb"; NULL: none */
    const char *work;                  /* what runs, as tables of speeds name it; NULL: not known */
    const char *gpu;                   /* kinds of GPU that it takes, as written; NULL: any */
    const char *name_space;            /* NULL: not known */
    char name[GS_TRACE_NAME_MAX + 1];  /* "": not known */
};
