#include "cli/bench/bench.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "cli/cmd.h"
#include "term/exit.h"
#include "term/progress.h"

enum { SIZE_FULL, SIZE_SMALL };
enum { LOSS_SEEDS_MAX = 1000, PEER_SECONDS_MAX = 86400 };

const char *const gs_cmd_bench_sizes[] = {"full", "small", NULL};

static const struct gs_cmd_bench_def defs[] = {
    {.name = "plan-plain",
     .says = "the fewest A100 for 1,000,000 slices of the five plain profiles, proven",
     .run = gs_cmd_bench_plan_plain},
    {.name = "plan-all",
     .says = "the same for all profiles of a model",
     .run = gs_cmd_bench_plan_all},
    {.name = "kinds-curve",
     .says = "a plan's time by the demand's kinds and by its count",
     .bars = true,
     .run = gs_cmd_bench_kinds_curve},
    {.name = "fleet",
     .says = "the cheapest nodes for 100,000 items of 60 kinds among EC2's instance types",
     .run = gs_cmd_bench_fleet},
    {.name = "online",
     .says = "placements and releases on 100,000 GPUs, 92 % of their compute slices in use",
     .run = gs_cmd_bench_online},
    {.name = "transition",
     .says = "the steps from what a GPU is cut into to what it should be",
     .run = gs_cmd_bench_transition},
    {.name = "loss",
     .says = "how much of a stream of requests each placement policy accepts",
     .run = gs_cmd_bench_loss},
    {.name = "items",
     .says = "reading and planning 1,000,000 separate items from a file, streamed",
     .run = gs_cmd_bench_items},
    {.name = "mig",
     .says =
         "apply, assert and export on 8 simulated A100, mig-parted beside them where it is given",
     .run = gs_cmd_bench_mig},
    {.name = "simulate",
     .says = "replaying workloads: events on 100,000 GPUs, Alibaba's trace, 10,000,000 rows",
     .run = gs_cmd_bench_simulate},
};

static const struct gs_option options[] = {
    {.name = "only",
     .arg = "NAME",
     GS_TO_LIST(struct gs_cmd_bench_args, only),
     .help = "run this benchmark and no other: plan-plain, plan-all, kinds-curve, fleet, online, "
             "transition, loss, items, mig, simulate"},
    {.name = "seed",
     .arg = "N",
     GS_TO_NUMBER(struct gs_cmd_bench_args, seed, UINT32_MAX),
     .help = "of everything drawn at random; 1 without it"},
    {.name = "repeat",
     .arg = "N",
     GS_TO_NUMBER(struct gs_cmd_bench_args, repeat, GS_CMD_BENCH_RUNS_MAX),
     .help = "runs of each after one to warm up; 5 without it"},
    {.name = "size",
     .arg = "SIZE",
     GS_TO_CHOICE(struct gs_cmd_bench_args, size, gs_cmd_bench_sizes),
     .help = "small is over in a moment and says nothing about speed"},
    {.name = "loss-seeds",
     .arg = "N",
     GS_TO_NUMBER(struct gs_cmd_bench_args, loss_seeds, LOSS_SEEDS_MAX),
     .help = "seeds of the benchmark loss; 2 without it, the published figures have 10"},
    {.group = "Peers",
     .name = "peer",
     .arg = "COMMAND",
     GS_TO_LIST(struct gs_cmd_bench_args, peer),
     .help = "a program to measure beside ours, run by the shell as COMMAND FILE SECONDS between "
             "our runs; it prints {\"value\": ..., \"seconds\": ...}, see docs/internals/bench.md"},
    {.name = "mig-parted",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_bench_args, mig_parted),
     .env = "GPUSLICE_MIG_PARTED",
     .complete = GS_COMPLETE_FILE,
     .help =
         "NVIDIA's mig-parted, for the benchmark mig; it must look below $GPUSLICE_SIM/root for "
         "/proc/modules and /sys/bus/pci"},
    {.name = "openb",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_cmd_bench_args, openb),
     .env = "GPUSLICE_OPENB",
     .complete = GS_COMPLETE_FILE,
     .help = "pods of Alibaba's cluster-trace-gpu-v2023, for the benchmark simulate"},
    {.name = "peer-seconds",
     .arg = "N",
     GS_TO_NUMBER(struct gs_cmd_bench_args, peer_seconds, PEER_SECONDS_MAX),
     .help = "how long a peer may think about one question; 20 without it"},
    {.name = "keep",
     .arg = "DIR",
     GS_TO_TEXT(struct gs_cmd_bench_args, keep),
     .complete = GS_COMPLETE_DIR,
     .help = "write the programs and demands that peers get into this folder and leave them there"},
    {.group = "Output",
     .name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct gs_cmd_bench_args, format, gs_format_names),
     .help = "how the result is written; table is for people"},
};

static const struct gs_example examples[] = {
    {"gpuslice bench --only plan-plain --only transition", "two of them"},
    {"gpuslice bench --peer tests/bench/highs_peer.py -o json",
     "all, with HiGHS on the same integer programs beside ours"},
};

const struct gs_command gs_command_bench = {
    .name = "bench",
    .summary = "measure how fast this program decides, on this machine",
    .text = "Each benchmark has inputs drawn from a seed and goals, and says whether they are met: "
            "it never fails for being slow. CPU time is what is judged, as the wall clock of a "
            "busy machine also times its neighbours; both are shown.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_bench,
};

/* ------------------------------------------------------------------ what the benchmarks use */

uint64_t gs_cmd_bench_size(const struct gs_cmd_bench *bench, uint64_t full, uint64_t small)
{
    return bench->args->size == SIZE_FULL ? full : small;
}

int gs_cmd_bench_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the benchmarks");
}

static const char *text_of(struct gs_cmd_bench *bench, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

static const char *text_of(struct gs_cmd_bench *bench, const char *fmt, va_list args)
{
    char text[1024];
    int n = vsnprintf(text, sizeof(text), fmt, args);
    return n < 0 ? NULL
                 : gs_arena_text(bench->arena, text,
                                 (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

const char *gs_cmd_bench_text(struct gs_cmd_bench *bench, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = text_of(bench, fmt, args);
    va_end(args);
    return text;
}

static struct gs_cmd_bench_section *current(struct gs_cmd_bench *bench)
{
    return &bench->sections[bench->n_sections - 1];
}

int gs_cmd_bench_note(struct gs_cmd_bench *bench, struct gs_err *err, const char *fmt, ...)
{
    struct gs_cmd_bench_section *section = current(bench);
    va_list args;
    va_start(args, fmt);
    const char *text = text_of(bench, fmt, args);
    va_end(args);
    if (text == NULL || !gs_arena_room(bench->arena, &section->notes, &section->cap_notes,
                                       section->n_notes, sizeof(const char *))) {
        return gs_cmd_bench_no_memory(err);
    }
    section->notes[section->n_notes++] = text;
    return 0;
}

int gs_cmd_bench_fact(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                      const struct gs_cmd_bench_fact *fact, struct gs_err *err)
{
    if (!gs_arena_room(bench->arena, &measure->facts, &measure->cap_facts, measure->n_facts,
                       sizeof(*fact))) {
        return gs_cmd_bench_no_memory(err);
    }
    measure->facts[measure->n_facts++] = *fact;
    return 0;
}

int gs_cmd_bench_number(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                        const char *name, uint64_t number, unsigned places, struct gs_err *err)
{
    const struct gs_cmd_bench_fact fact = {.name = name, .number = number, .places = places};
    return gs_cmd_bench_fact(bench, measure, &fact, err);
}

struct gs_cmd_bench_grid *gs_cmd_bench_grid(struct gs_cmd_bench *bench, const char *title,
                                            const char *const *columns, size_t n_columns,
                                            unsigned places)
{
    struct gs_cmd_bench_section *section = current(bench);
    struct gs_cmd_bench_grid *grid = GS_ARENA_NEW(bench->arena, struct gs_cmd_bench_grid, 1);
    if (grid == NULL || !gs_arena_room(bench->arena, &section->grids, &section->cap_grids,
                                       section->n_grids, sizeof(struct gs_cmd_bench_grid *))) {
        return NULL;
    }
    *grid = (struct gs_cmd_bench_grid){.title = title, .n_columns = n_columns, .places = places};
    memcpy(grid->columns, columns, n_columns * sizeof(*columns));
    section->grids[section->n_grids++] = grid;
    return grid;
}

int gs_cmd_bench_row(struct gs_cmd_bench *bench, struct gs_cmd_bench_grid *grid, const char *label,
                     const double *cells, struct gs_err *err)
{
    if (label == NULL || !gs_arena_room(bench->arena, &grid->rows, &grid->cap_rows, grid->n_rows,
                                        sizeof(struct gs_cmd_bench_grid_row))) {
        return gs_cmd_bench_no_memory(err);
    }
    struct gs_cmd_bench_grid_row *row = &grid->rows[grid->n_rows++];
    *row = (struct gs_cmd_bench_grid_row){.label = label};
    memcpy(row->cells, cells, grid->n_columns * sizeof(*cells));
    return 0;
}

const char *gs_cmd_bench_path(struct gs_cmd_bench *bench, const char *name)
{
    return gs_cmd_bench_text(bench, "%s/%s", bench->folder, name);
}

/* ------------------------------------------------------------------ the folder */

static int make_folder(struct gs_cmd_bench *bench, struct gs_err *err)
{
    if (bench->args->keep != NULL) {
        bench->folder = bench->args->keep;
        if (mkdir(bench->folder, 0777) < 0 && errno != EEXIST) {
            return gs_fail_errno(err, errno, "--keep: cannot make %.300s", bench->folder);
        }
        return 0;
    }
    const char *parent = getenv("TMPDIR");
    char path[512];
    int n = snprintf(path, sizeof(path), "%s/gpuslice-bench-XXXXXX",
                     parent == NULL || parent[0] == '\0' ? "/tmp" : parent);
    if (n < 0 || (size_t)n >= sizeof(path) || mkdtemp(path) == NULL) {
        return gs_fail_errno(err, errno, "cannot make a temporary folder in %.300s",
                             parent == NULL ? "/tmp" : parent);
    }
    bench->folder = gs_arena_text(bench->arena, path, strlen(path));
    return bench->folder == NULL ? gs_cmd_bench_no_memory(err) : 0;
}

/* Only our own files are in it. */
static void remove_folder(const struct gs_cmd_bench *bench)
{
    DIR *folder = bench->args->keep != NULL ? NULL : opendir(bench->folder);
    if (folder == NULL) {
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
    (void)rmdir(bench->folder);
}

/* ------------------------------------------------------------------ the command */

static bool is_wanted(const struct gs_cmd_bench_args *args, const char *name)
{
    for (size_t i = 0; i < args->only.n; i++) {
        if (strcmp(args->only.items[i], name) == 0) {
            return true;
        }
    }
    return args->only.n == 0;
}

static int check_name(const char *name, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(name));
    for (size_t i = 0; i < GS_ARRAY_LEN(defs); i++) {
        if (strcmp(defs[i].name, name) == 0) {
            return 0;
        }
        gs_near_offer(&near, defs[i].name);
    }
    return near.n == 0
               ? gs_fail(err, GS_INVALID,
                         "--only: there is no benchmark \"%.100s\"; see gpuslice bench --help",
                         name)
               : gs_fail(err, GS_INVALID,
                         "--only: there is no benchmark \"%.100s\"; did you mean %s?", name,
                         near.names[0]);
}

static int check_args(const struct gs_cmd_bench_args *args, struct gs_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < args->only.n; i++) {
        r = check_name(args->only.items[i], err);
    }
    const char *zero = args->repeat == 0         ? "repeat"
                       : args->loss_seeds == 0   ? "loss-seeds"
                       : args->peer_seconds == 0 ? "peer-seconds"
                                                 : NULL;
    if (r == 0 && zero != NULL) {
        r = gs_fail(err, GS_INVALID, "--%s: 0 was given; expected 1 or more", zero);
    }
    if (r == 0 && args->peer.n > GS_CMD_BENCH_PEERS_MAX) {
        r = gs_fail(err, GS_INVALID, "--peer: given %zu times; expected %d at most", args->peer.n,
                    GS_CMD_BENCH_PEERS_MAX);
    }
    return r;
}

static int run_benchmarks(struct gs_cmd_bench *bench, struct gs_err *err)
{
    bench->sections = GS_ARENA_NEW(bench->arena, struct gs_cmd_bench_section, GS_ARRAY_LEN(defs));
    if (bench->sections == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    gs_progress_start("gpuslice bench");
    gs_cmd_bench_describe_machine(&bench->machine);
    for (size_t i = 0; i < GS_ARRAY_LEN(defs); i++) {
        if (!is_wanted(bench->args, defs[i].name)) {
            continue;
        }
        gs_progress_phase(defs[i].name);
        bench->sections[bench->n_sections++].def = &defs[i];
        int r = defs[i].run(bench, err);
        if (r < 0) {
            return gs_wrap(err, r, "%s", defs[i].name);
        }
    }
    return 0;
}

int gs_cmd_bench(int argc, char **argv)
{
    struct gs_cmd_bench_args args = {.seed = 1,
                                     .repeat = 5,
                                     .peer_seconds = 20,
                                     .loss_seeds = 2,
                                     .size = SIZE_FULL,
                                     .format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_bench, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err;
    if (check_args(&args, &err) < 0) {
        return gs_exit_usage(&err);
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct gs_cmd_bench bench = {.args = &args, .arena = &arena};
    int r = make_folder(&bench, &err);
    if (r < 0) {
        return gs_exit_failed(&err);
    }
    r = run_benchmarks(&bench, &err);
    remove_folder(&bench);
    if (r < 0) {
        return gs_exit_failed(&err);
    }
    r = args.format == GS_FORMAT_TABLE ? gs_cmd_bench_write_table(&bench, &err)
                                       : gs_cmd_bench_write_document(&bench, &err);
    return gs_exit_output(r, &err);
}
