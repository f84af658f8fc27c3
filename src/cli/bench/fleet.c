#include <string.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "cli/bench/demand.h"
#include "cli/bench/programs.h"

enum { OFFERS_MAX = 256, SEEDS = 5, SMALL_ITEMS = 30 };
static const char region[] = "us-east-1";
static const double goal_s = 1.0;

/* ------------------------------------------------------------------ what may be bought */

struct offers {
    struct gs_offer items[OFFERS_MAX];
    size_t n;
    unsigned not_cut;  /* types whose GPUs have no placements that are known */
    unsigned no_price; /* types that could be cut and have no price in the region */
};

static int list_offers(struct gs_cmd_bench *bench, struct offers *offers, struct gs_err *err)
{
    size_t n;
    const struct gs_instance *instances = gs_instances(&n);
    *offers = (struct offers){.n = 0};
    for (size_t i = 0; i < n && offers->n < OFFERS_MAX; i++) {
        const struct gs_model *model = gs_instance_gpu(&instances[i]).model;
        if (model == NULL || !model->placements_known) {
            offers->not_cut++;
            continue;
        }
        int r = gs_offer_of_instance(bench->arena, &instances[i], gs_view(region),
                                     &gs_node_overhead_default, &offers->items[offers->n], err);
        if (r == GS_UNKNOWN) {
            offers->no_price++;
        } else if (r < 0) {
            return r;
        } else {
            offers->n++;
        }
    }
    return gs_cmd_bench_note(
        bench, err,
        "%zu instance types of %s are planned with; excluded are %u whose "
        "GPUs have no placements that are known, and %u without a price there.",
        offers->n, region, offers->not_cut, offers->no_price);
}

/* ------------------------------------------------------------------ what binds a node */

/* Whether the node's GPUs, cut as they are, take the slices and GPUs of one more such item. */
static bool gpus_take(const struct gs_plan_nodes *nodes, const struct gs_use *use, unsigned unused)
{
    if (use->gpus > 0) {
        return unused >= use->gpus;
    }
    for (size_t i = 0; i < nodes->n_layouts; i++) {
        const struct gs_plan_layout *layout = &nodes->layouts[i];
        uint8_t counts[GS_PROFILES_MAX];
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            counts[p] = (uint8_t)(layout->counts[p] + use->slices[p]);
        }
        if (!layout->whole && gs_statetable_multiset(layout->table, counts) >= 0) {
            return true;
        }
    }
    return unused > 0;
}

struct rest {
    int64_t cpu_milli;
    int64_t memory;
    unsigned gpus; /* that nobody uses */
};

static struct rest rest_of(const struct gs_plan_input *input, const struct gs_plan_nodes *nodes)
{
    const struct gs_offer *offer = nodes->offer;
    struct rest rest = {.cpu_milli = (int64_t)offer->cpu_milli,
                        .memory = (int64_t)offer->memory_bytes,
                        .gpus = offer->gpus};
    for (size_t i = 0; i < nodes->n_served; i++) {
        const struct gs_item *item = &input->items[nodes->served[i].item];
        rest.cpu_milli -= nodes->served[i].count * (int64_t)item->cpu_milli;
        rest.memory -= nodes->served[i].count * (int64_t)item->memory_bytes;
    }
    for (size_t i = 0; i < nodes->n_layouts; i++) {
        rest.gpus -= (unsigned)nodes->layouts[i].count;
    }
    return rest;
}

/* CPU or memory is full and the GPUs are not: they would take one more item of some kind, but of
 * no such kind is there CPU and memory enough. */
static bool bound_by_amounts(const struct gs_plan_input *input, const struct gs_plan_nodes *nodes)
{
    const struct gs_offer *offer = nodes->offer;
    const struct gs_target target = {offer->model, offer->gpu_name, offer->gpu_memory_mib};
    const struct rest rest = rest_of(input, nodes);
    bool room = false;
    for (size_t i = 0; i < input->n_items; i++) {
        const struct gs_item *item = &input->items[i];
        for (size_t a = 0; a < item->n_alternatives; a++) {
            struct gs_use use;
            struct gs_err why;
            if (gs_use_resolve(item, &item->alternatives[a], &target, &use, &why) < 0 ||
                !gpus_take(nodes, &use, rest.gpus)) {
                continue;
            }
            room = true;
            if ((int64_t)item->cpu_milli <= rest.cpu_milli &&
                (int64_t)item->memory_bytes <= rest.memory) {
                return false;
            }
        }
    }
    return room;
}

/* ------------------------------------------------------------------ one fleet, timed */

struct found {
    struct gs_cmd_bench *bench;
    struct gs_plan_input input;
    /* what the last run found */
    uint64_t value;
    uint64_t bound;
    uint64_t nodes;
    uint64_t gpus;
    uint64_t bound_by_amounts; /* nodes */
    uint64_t unplaced;
    bool looked; /* at what binds the nodes: once is enough */
};

static void look_at(struct found *found, const struct gs_plan *plan)
{
    found->value = (uint64_t)plan->value;
    found->bound = (uint64_t)plan->bound;
    found->gpus = (uint64_t)plan->gpus_used;
    found->unplaced = plan->n_unplaced;
    found->nodes = 0;
    found->bound_by_amounts = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        found->nodes += (uint64_t)plan->nodes[i].count;
        if (bound_by_amounts(&found->input, &plan->nodes[i])) {
            found->bound_by_amounts += (uint64_t)plan->nodes[i].count;
        }
    }
}

static int plan_once(void *ctx, struct gs_err *err)
{
    struct found *found = ctx;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct gs_plan plan;
    int r = gs_plan_make(&arena, &found->input, &plan, err);
    if (r == 0 && !found->looked) { /* the warm-up */
        look_at(found, &plan);
        found->looked = true;
    }
    return r;
}

static uint64_t any_share_permille(const struct gs_plan_input *input)
{
    uint64_t any = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < input->n_items; i++) {
        any += input->items[i].n_alternatives > 1 ? input->items[i].count : 0;
        all += input->items[i].count;
    }
    return all == 0 ? 0 : any * 1000 / all;
}

/* (value - bound) / value in millionths of a percent, rounded up. */
static uint64_t gap_of(const struct found *found)
{
    unsigned __int128 lacking = (unsigned __int128)(found->value - found->bound) * 100000000;
    return found->value == 0 ? 0 : (uint64_t)((lacking + found->value - 1) / found->value);
}

static int add_facts(struct gs_cmd_bench *bench, struct gs_cmd_bench_measure *measure,
                     const struct found *found, struct gs_err *err)
{
    uint64_t share = found->nodes == 0 ? 0 : found->bound_by_amounts * 1000 / found->nodes;
    const struct gs_cmd_bench_fact facts[] = {
        {.name = "cost_usd_per_hour", .number = found->value, .places = 6},
        {.name = "lower_bound_usd_per_hour", .number = found->bound, .places = 6},
        {.name = "gap_percent", .number = gap_of(found), .places = 6, .at_most = 100000},
        {.name = "nodes", .number = found->nodes},
        {.name = "gpus", .number = found->gpus},
        {.name = "cpu_or_memory_bound_percent", .number = share, .places = 1},
        {.name = "kinds", .number = found->input.n_items},
        {.name = "any_percent", .number = any_share_permille(&found->input), .places = 1},
        {.name = "unplaced_kinds", .number = found->unplaced},
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(facts); i++) {
        r = gs_cmd_bench_fact(bench, measure, &facts[i], err);
    }
    return r;
}

static int measure_fleet(struct gs_cmd_bench *bench, struct found *found, const char *what,
                         double goal, const char *peer_file, struct gs_err *err)
{
    const struct gs_cmd_bench_work work = {
        .what = what, .run = plan_once, .ctx = found, .goal = goal, .peer_file = peer_file};
    struct gs_cmd_bench_measure *measure;
    found->looked = false;
    int r = gs_cmd_bench_measure(bench, &work, &measure, err);
    return r < 0 ? r : add_facts(bench, measure, found, err);
}

/* ------------------------------------------------------------------ for solvers */

/* The demand as an integer program in a file: the sums, or node by node. *ret NULL: no peers. */
static int write_program(struct gs_cmd_bench *bench, const struct gs_plan_input *input,
                         const char *name, bool node_by_node, const char **ret, struct gs_err *err)
{
    *ret = NULL;
    if (bench->args->peer.n == 0 && bench->args->keep == NULL) {
        return 0;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    const char *path = name == NULL ? NULL : gs_cmd_bench_path(bench, name);
    if (path == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    struct gs_plan plan;
    struct gs_ip ip;
    int r = gs_plan_make(&arena, input, &plan, err);
    if (r == 0) {
        r = node_by_node ? gs_cmd_bench_fleet_nodes(&arena, &plan.fleet_spec, plan.value, &ip, err)
                         : gs_cmd_bench_fleet_totals(&arena, &plan.fleet_spec, &ip, err);
    }
    r = r < 0 ? r : gs_cmd_bench_write_mps(&ip, path, err);
    *ret = r < 0 ? NULL : path;
    return r;
}

/* ------------------------------------------------------------------ the cases */

struct fleet_case {
    const struct gs_offer *offers;
    size_t n_offers;
    unsigned kinds;
    uint64_t items;
    uint64_t seed;
};

static int make_found(struct gs_cmd_bench *bench, const struct fleet_case *the, struct found *ret,
                      struct gs_err *err)
{
    *ret = (struct found){.bench = bench,
                          .input = {.goal = GS_PLAN_NODES,
                                    .offers = the->offers,
                                    .n_offers = the->n_offers,
                                    .certificate = true}};
    return gs_cmd_bench_demand_fleet(bench->arena, the->kinds, the->items, the->seed, &ret->input,
                                     err);
}

static int measure_large(struct gs_cmd_bench *bench, const struct offers *offers, uint64_t seed,
                         struct gs_err *err)
{
    const struct fleet_case the = {
        .offers = offers->items,
        .n_offers = offers->n,
        .kinds = (unsigned)gs_cmd_bench_size(bench, 60, 6),
        .items = gs_cmd_bench_size(bench, 100000, 60),
        .seed = seed,
    };
    struct found found;
    const char *program = NULL;
    unsigned long long number = seed;
    int r = make_found(bench, &the, &found, err);
    if (r == 0) {
        r = write_program(bench, &found.input,
                          gs_cmd_bench_text(bench, "fleet-totals-%llu.mps", number), false,
                          &program, err);
    }
    const char *what =
        gs_cmd_bench_text(bench, "%llu items, seed %llu", (unsigned long long)the.items, number);
    r = r < 0 ? r : measure_fleet(bench, &found, what, goal_s, program, err);
    if (r == 0) {
        found.input.quick = true;
        what = gs_cmd_bench_text(bench, "%llu items, seed %llu, --quick",
                                 (unsigned long long)the.items, number);
        r = measure_fleet(bench, &found, what, goal_s, NULL, err);
    }
    return r;
}

/* So small that the exact program, node by node, can be written down. */
static int measure_small(struct gs_cmd_bench *bench, const struct offers *offers, uint64_t seed,
                         struct gs_err *err)
{
    const struct fleet_case the = {
        .offers = offers->items,
        .n_offers = offers->n,
        .kinds = 8,
        .items = SMALL_ITEMS,
        .seed = seed,
    };
    struct found found;
    const char *program = NULL;
    unsigned long long number = seed;
    int r = make_found(bench, &the, &found, err);
    if (r == 0) {
        r = write_program(bench, &found.input,
                          gs_cmd_bench_text(bench, "fleet-nodes-%llu.mps", number), true, &program,
                          err);
    }
    const char *what =
        gs_cmd_bench_text(bench, "%d items, seed %llu, node by node", SMALL_ITEMS, number);
    return r < 0 ? r : measure_fleet(bench, &found, what, 0, program, err);
}

int gs_cmd_bench_fleet(struct gs_cmd_bench *bench, struct gs_err *err)
{
    struct offers *offers = GS_ARENA_NEW(bench->arena, struct offers, 1);
    if (offers == NULL) {
        return gs_cmd_bench_no_memory(err);
    }
    int r = list_offers(bench, offers, err);
    uint64_t seeds = gs_cmd_bench_size(bench, SEEDS, 1);
    for (uint64_t i = 0; r == 0 && i < seeds; i++) {
        r = measure_large(bench, offers, bench->args->seed + i, err);
    }
    for (uint64_t i = 0; r == 0 && i < gs_cmd_bench_size(bench, 2, 1); i++) {
        r = measure_small(bench, offers, bench->args->seed + i, err);
    }
    return r < 0 ? r
                 : gs_cmd_bench_note(
                       bench, err,
                       "A node is bound by CPU or memory when its GPUs would take one more item "
                       "of some kind and its CPU or memory would not. Peers get the sums of nodes, "
                       "GPUs, CPU and memory, whose optimum is below every fleet; node by node "
                       "they get the exact program.");
}
