/* What an apply itself costs beside the calls of the driver: 8 A100 with up to 56 slices, in
 * memory. The time inside the calls is left out, lock and journal are in it. Prints; judges
 * nothing. */

#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "unit/partition/desk.h"

enum { GPUS = 8, RUNS = 21 };

struct clocked {
    uint64_t own_ns;
    uint64_t since_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_call(void *ctx, const struct gs_gpu_call *call, bool after)
{
    struct clocked *clocked = ctx;
    (void)call;
    uint64_t now = now_ns();
    if (!after) {
        clocked->own_ns += now - clocked->since_ns;
    }
    clocked->since_ns = now_ns();
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* From one layout of all GPUs to one wish for all. */
static void bench(const char *name, const char *from, const char *to)
{
    static struct gs_gpu_table table;
    static struct gs_mig_wish wish;
    struct gs_apply_want wants[GPUS];
    uint64_t times[RUNS];
    uint64_t calls = 0;
    char dir[64];
    desk_dir(dir);
    desk_wish(&wish, to);
    for (unsigned run = 0; run < RUNS; run++) {
        struct gs_gpus gpus;
        struct gs_apply_report report;
        struct gs_err err;
        const struct gs_apply_options options = {.dir = dir, .what = "bench"};
        desk_machine(&table, "A100-40GB", GPUS);
        for (unsigned g = 0; g < GPUS; g++) {
            desk_cut(&table, g, from);
            wants[g] = (struct gs_apply_want){.wish = &wish};
        }
        calls = table.calls;
        struct clocked clocked = {.since_ns = now_ns()};
        table.hook = on_call;
        table.hook_ctx = &clocked;
        gs_gpu_table_open(&table, &gpus);
        if (gs_apply(&gpus, wants, GPUS, &options, &report, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        times[run] = clocked.own_ns + now_ns() - clocked.since_ns;
        table.hook = NULL;
        calls = table.calls - calls;
    }
    desk_dir_done(dir);
    qsort(times, RUNS, sizeof(times[0]), compare);
    printf("%-34s %7.2f ms own time (middle of %d; goal 5), %llu calls of the port\n", name,
           (double)times[RUNS / 2] / 1e6, RUNS, (unsigned long long)calls);
}

int main(void)
{
    static const char ones[] = "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6";
    bench("8 empty GPUs to 56 slices", "", "1g.5gb=7");
    bench("56 slices that are wanted already", ones, "1g.5gb=7");
    bench("56 slices to 24 others", ones, "3g.20gb=1,2g.10gb=2");
    return 0;
}
