/* openb: Alibaba's trace for tests and benchmarks of the engine alone: a reader of nothing else.
 * The program's own reader is src/trace. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/job.h"

enum { OPENB_JOBS_MAX = 10000 };

struct openb {
    struct gs_sim_job jobs[OPENB_JOBS_MAX];
    size_t n;
    size_t next;
};

enum openb_map { OPENB_LENIENT, OPENB_STRICT };

/* The profiles 1g, 2g, 3g, 4g of the model; sizes as in the tables. */
static inline uint8_t openb_profile(enum openb_map map, const unsigned *plain, unsigned milli)
{
    static const unsigned most[2][4] = {{125, 250, 476, 500}, {142, 285, 428, 571}};
    for (unsigned k = 0; k < 4; k++) {
        if (milli <= most[map][k]) {
            return (uint8_t)plain[k];
        }
    }
    return GS_SIM_WHOLE;
}

static inline int openb_compare(const void *a, const void *b)
{
    const struct gs_sim_job *x = a;
    const struct gs_sim_job *y = b;
    if (x->arrive_us != y->arrive_us) {
        return x->arrive_us < y->arrive_us ? -1 : 1;
    }
    return (x->row > y->row) - (x->row < y->row);
}

/* Pods that were scheduled, by when they were. False: the file cannot be read. */
static inline bool openb_load(struct openb *trace, const char *path, enum openb_map map,
                              bool fractional_only, const unsigned *plain)
{
    FILE *file = fopen(path, "r");
    char line[1024];
    uint64_t row = 0;
    trace->n = trace->next = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        char *cells[16] = {NULL};
        char *rest = line;
        for (unsigned c = 0; c < 16 && rest != NULL; c++) {
            cells[c] = strsep(&rest, ",");
        }
        if (row++ == 0 || cells[10] == NULL || cells[10][0] < '0') {
            continue;
        }
        unsigned long gpus = strtoul(cells[3], NULL, 10);
        unsigned long milli = strtoul(cells[4], NULL, 10);
        double ends = strtod(cells[9], NULL);
        double begins = strtod(cells[10], NULL);
        if (gpus == 0 || ends <= begins || trace->n == OPENB_JOBS_MAX ||
            (fractional_only && milli >= 1000)) {
            continue;
        }
        trace->jobs[trace->n++] = (struct gs_sim_job){
            .row = row,
            .arrive_us = (int64_t)(begins * 1e6),
            .run_us = (int64_t)((ends - begins) * 1e6),
            .ideal_milli = (uint32_t)(gpus > 1 ? 1000 * gpus : milli),
            .gpus = (uint16_t)gpus,
            .profile = gpus > 1 || milli >= 1000 ? GS_SIM_WHOLE
                                                 : openb_profile(map, plain, (unsigned)milli)};
    }
    if (file == NULL) {
        return false;
    }
    fclose(file);
    qsort(trace->jobs, trace->n, sizeof(*trace->jobs), openb_compare);
    return trace->n > 0;
}

static inline int openb_next(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct openb *trace = ctx;
    (void)err;
    if (trace->next == trace->n) {
        return 0;
    }
    *ret = trace->jobs[trace->next++];
    return 1;
}
