/* bench_trace: reads long traces that it makes as it goes, and says how many rows a second that is
 * and how much memory it takes. The bytes are made before and not counted, a page of rows of which
 * only the times change.
 *
 * usage: bench_trace [ROWS], 10,000,000 unless said */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/catalog.h"
#include "trace/map.h"

struct maker {
    bool json;
    uint64_t rows;
    uint64_t made;
    bool begun;
    double spent_s; /* making rows */
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int make(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct maker *maker = ctx;
    double from = now_s();
    char *at = bytes;
    size_t n = 0;
    (void)err;
    if (!maker->begun && !maker->json) {
        n = (size_t)snprintf(at, size, "arrival,duration,milli_gpu,namespace\n");
        maker->begun = true;
    }
    while (maker->made < maker->rows && size - n > 400) {
        /* Nearly in order, as an export of several shards is: one row in eight is late. */
        uint64_t late = maker->made % 8 == 7 ? maker->made % 10 : 0;
        uint64_t t = 10 + maker->made / 100 - late;
        unsigned long long length = maker->made % 5000 + 1;
        int wrote = maker->json
                        ? snprintf(at + n, size - n,
                                   "{\"arrival\": %llu.25, \"duration\": %llu, \"milli_gpu\": 460, "
                                   "\"namespace\": \"team-a\"}\n",
                                   (unsigned long long)t, length)
                        : snprintf(at + n, size - n, "%llu.25,%llu,460,team-a\n",
                                   (unsigned long long)t, length);
        n += (size_t)wrote;
        maker->made++;
    }
    *ret_n = n;
    maker->spent_s += now_s() - from;
    return 0;
}

static const struct gs_trace_format *find_format(const char *name)
{
    size_t n;
    const struct gs_trace_format *format = gs_trace_formats(&n);
    while (strcmp(format->name, name) != 0) {
        format++;
    }
    return format;
}

static int run(const char *name, uint64_t rows)
{
    struct maker maker = {.json = strcmp(name, "jsonl") == 0, .rows = rows};
    const struct gs_trace_input input = {.label = name, .read = make, .ctx = &maker};
    const struct gs_trace_options options = {
        .format = find_format(name), .inputs = &input, .n_inputs = 1};
    const struct gs_model *model;
    struct gs_trace *trace = NULL;
    struct gs_trace_map map;
    struct gs_sim_job job;
    struct gs_err err;
    int r = gs_catalog_find(gs_view("A100-40GB"), &model, &err);
    if (r == 0) {
        struct gs_trace_rule rule = gs_trace_rule_lenient(model);
        r = gs_trace_map_init(&map, &rule, &err);
    }
    r = r == 0 ? gs_trace_new(&options, &trace, &err) : r;
    struct gs_trace_jobs jobs = {.trace = trace, .map = &map};
    double from = now_s();
    while (r == 0 && (r = gs_trace_jobs_next(&jobs, &job, &err)) == 1) {
        r = 0;
    }
    double spent = now_s() - from - maker.spent_s;
    if (r < 0) {
        fprintf(stderr, "bench_trace: %s\n", err.msg);
        return 1;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "%-6s %12llu rows %12llu jobs %8llu skipped %8.2f s of CPU %8.2f M rows/s %6ld MiB at most\n",
        name, (unsigned long long)gs_trace_totals(trace)->input_rows, (unsigned long long)jobs.jobs,
        (unsigned long long)gs_trace_totals(trace)->skipped_rows, spent,
        (double)jobs.jobs / spent / 1e6, usage.ru_maxrss / 1024);
    gs_trace_free(trace);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t rows = 10000000;
    if (argc > 2 || (argc == 2 && !gs_view_is_u64(gs_view(argv[1]), UINT32_MAX, &rows))) {
        fprintf(stderr, "usage: bench_trace [ROWS]\n");
        return 2;
    }
    return run("csv", rows) + run("jsonl", rows);
}
