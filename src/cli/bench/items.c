#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "cloud/instances.h"
#include "core/catalog.h"
#include "core/plan/plan.h"
#include "sim/random.h"
#include "term/infile.h"
#include "wire/demandfile.h"

enum { CPUS = 7 }; /* amounts of CPU that items ask for: with seven profiles 49 kinds */

/* ------------------------------------------------------------------ the file */

struct form {
    const char *name;
    const char *head;
    void (*put)(FILE *file, unsigned long long number, const char *profile, unsigned cpu_milli);
    const char *between;
    const char *tail;
};

static void put_json(FILE *file, unsigned long long number, const char *profile, unsigned cpu_milli)
{
    fprintf(file, "{\"name\": \"job-%llu\", \"profile\": \"%s\", \"cpu\": \"%um\"}", number,
            profile, cpu_milli);
}

static void put_yaml(FILE *file, unsigned long long number, const char *profile, unsigned cpu_milli)
{
    fprintf(file, "- name: job-%llu\n  profile: %s\n  cpu: %um\n", number, profile, cpu_milli);
}

static const struct form json_form = {"items.json", "{\"items\": [\n", put_json, ",\n", "\n]}\n"};
static const struct form yaml_form = {"items.yaml", "items:\n", put_yaml, "", ""};

static void put_items(FILE *file, const struct form *form, const struct gs_model *model, uint64_t n,
                      uint64_t seed)
{
    struct gs_random random;
    gs_random_init(&random, seed);
    fputs(form->head, file);
    for (uint64_t i = 0; i < n; i++) {
        const struct gs_profile *profile =
            &model->profiles[gs_random_below(&random, model->n_profiles)];
        unsigned cpu = 250 * (1 + gs_random_below(&random, CPUS));
        fputs(i == 0 ? "" : form->between, file);
        form->put(file, i, profile->name, cpu);
    }
    fputs(form->tail, file);
}

static int write_file(const char *path, const struct form *form, const struct gs_model *model,
                      uint64_t n, uint64_t seed, struct gs_err *err)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return gs_fail_errno(err, errno, "cannot write %.300s", path);
    }
    put_items(file, form, model, n, seed);
    int failed = ferror(file);
    if (fclose(file) != 0 || failed != 0) {
        return gs_fail_errno(err, errno == 0 ? EIO : errno, "cannot write %.300s", path);
    }
    return 0;
}

/* ------------------------------------------------------------------ memory */

/* The kernel's high-water mark of our memory begins anew. False: it does not let us. */
static bool forget_peak(void)
{
    malloc_trim(0);
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool done = write(fd, "5", 1) == 1;
    close(fd);
    return done;
}

/* A line "<key>   123 kB" of /proc/self/status; 0: there is none. */
static uint64_t status_kib(const char *key)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];
    uint64_t kib = 0;
    while (file != NULL && kib == 0 && fgets(line, sizeof(line), file) != NULL) {
        struct gs_view rest = gs_view(line);
        if (gs_view_skip(&rest, key)) {
            rest = gs_view_trim(rest);
            (void)gs_view_u64(&rest, UINT64_MAX / 2048, &kib);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return kib;
}

/* ------------------------------------------------------------------ reading and planning */

struct reading {
    const char *path;
    const struct gs_model *model;
    uint64_t file_bytes;
    uint64_t items;
    uint64_t kinds;
    uint64_t gpus;
    bool proven;
};

static int plan_demand(struct reading *reading, struct gs_arena *arena,
                       const struct gs_demand *demand, struct gs_err *err)
{
    struct gs_plan_input input = {
        .goal = GS_PLAN_GPUS, .models = &reading->model, .n_models = 1, .certificate = true};
    input.items = gs_demand_items(demand, &input.n_items);
    struct gs_plan plan;
    int r = gs_plan_make(arena, &input, &plan, err);
    if (r == 0) {
        reading->gpus = (uint64_t)plan.value;
        reading->proven = plan.proven;
    }
    return r;
}

static int read_file(void *ctx, struct gs_err *err)
{
    struct reading *reading = ctx;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    GS_CLEANUP(gs_infile_close) struct gs_infile file = {.fd = -1};
    struct gs_demand *demand = gs_demand_new(&arena);
    if (demand == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    int r = gs_infile_open(&file, "keep", reading->path, err);
    const struct gs_doc_input input = {.label = file.label,
                                       .what = "a list of items",
                                       .size = file.size,
                                       .read = gs_infile_read,
                                       .ctx = &file};
    const struct gs_gpu_names names = gs_instance_plain_gpus();
    r = r < 0 ? r : gs_demandfile_read(&gs_alloc_heap, &input, &names, demand, err);
    if (r < 0) {
        return r;
    }
    size_t kinds;
    (void)gs_demand_items(demand, &kinds);
    reading->kinds = kinds;
    reading->items = gs_demand_total(demand);
    reading->file_bytes = file.size;
    return plan_demand(reading, &arena, demand, err);
}

static int add_facts(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                     const struct reading *reading, uint64_t peak_kib, uint64_t before_kib,
                     struct gs_err *err)
{
    double cpu_s = gs_cmd_bench_of_runs(measure, true).median;
    uint64_t rate = cpu_s > 0 ? (uint64_t)((double)reading->file_bytes / cpu_s / 1e5) : 0;
    const struct gs_cmd_bench_fact facts[] = {
        {.name = "file_mb", .number = reading->file_bytes / 100000, .places = 1},
        {.name = "mb_per_cpu_s", .number = rate, .places = 1},
        {.name = "items", .number = reading->items},
        {.name = "kinds", .number = reading->kinds},
        {.name = "gpus_used", .number = reading->gpus},
        {.name = "proven", .number = reading->proven},
        {.name = "peak_memory_kib", .number = peak_kib},
        {.name = "of_that_before_kib", .number = before_kib},
    };
    size_t n = GS_ARRAY_LEN(facts) - (peak_kib == 0 ? 2 : 0);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = gs_cmd_bench_fact(bench, measure, &facts[i], err);
    }
    return r;
}

static int measure_form(struct gs_cmd_bench *bench, const struct form *form, bool with_peers,
                        struct gs_err *err)
{
    struct reading reading = {.path = gs_cmd_bench_path(bench, form->name)};
    uint64_t n = gs_cmd_bench_size(bench, 1000000, 2000);
    int r = reading.path == NULL ? gs_cmd_bench_no_memory(err)
                                 : gs_catalog_find(gs_view("A100-40GB"), &reading.model, err);
    r = r < 0 ? r : write_file(reading.path, form, reading.model, n, bench->args->seed, err);
    if (r < 0) {
        return r;
    }
    const struct gs_cmd_bench_work work = {
        .what = gs_cmd_bench_text(bench, "%s, read and planned", form->name),
        .run = read_file,
        .ctx = &reading,
        .peer_file = with_peers ? reading.path : NULL,
    };
    bool forgot = forget_peak();
    uint64_t before = status_kib("VmRSS:");
    struct gs_cmd_bench_measure *measure;
    r = gs_cmd_bench_measure(bench, &work, &measure, err);
    uint64_t peak = forgot ? status_kib("VmHWM:") : 0;
    return r < 0 ? r : add_facts(bench, measure, &reading, peak, before, err);
}

int gs_cmd_bench_items(struct gs_cmd_bench *bench, struct gs_err *err)
{
    int r = measure_form(bench, &json_form, true, err);
    r = r < 0 ? r : measure_form(bench, &yaml_form, false, err);
    return r < 0 ? r
                 : gs_cmd_bench_note(bench, err,
                                     "Each item stands in the file on its own. Peak memory is that "
                                     "of this process; a peer only reads the file.");
}
