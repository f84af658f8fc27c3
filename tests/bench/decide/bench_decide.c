/* bench_decide: how long one decision takes on a large cluster.
 *
 * usage: bench_decide [NODES [DECISIONS]]
 * Nodes of 8 A100; 92 % of the compute slices are held, the rest is cut and idle or not cut. Each
 * row is a kind of pod, and whether the caller keeps sums. Prints microseconds
 * of CPU time, so that neighbours on a busy machine count for less. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/catalog.h"
#include "decide/decide.h"
#include "sim/random.h"

enum { GPUS = 8, LABELS = 40 };

struct world {
    struct gs_arena arena;
    struct gs_decider *decider;
    const struct gs_model *model;
    const struct gs_statetable *states;
    const struct gs_policy_table *policy;
    struct gs_decide_node *nodes;
    struct gs_decide_gpu *gpus;
    struct gs_decide_sum *sums;
    struct gs_decide_pod holder;
    struct gs_want holder_want;
    struct gs_decide_cluster cluster;
    struct gs_random random;
};

static void *need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    return p;
}

static void check(int r, const struct gs_err *err)
{
    if (r < 0) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static void add_slice(struct gs_decide_node *node, struct gs_decide_gpu *gpu,
                      const struct gs_placement *placement, bool held)
{
    gpu->slices[gpu->n_slices++] =
        (struct gs_decide_slice){.placement = *placement,
                                 .state = held ? GS_DECIDE_FIXED : GS_DECIDE_IDLE,
                                 .pod = held ? 0 : GS_DECIDE_NONE,
                                 .movable = held};
    node->free[placement->profile] += held ? 0 : 1;
}

/* Slices at random until the GPU is full; of eight slices one is idle. */
static void fill_gpu(struct world *world, struct gs_decide_node *node, struct gs_decide_gpu *gpu)
{
    const struct gs_statetable *states = world->states;
    uint16_t state = 0;
    *gpu = (struct gs_decide_gpu){.model = world->model, .mig = true, .open = true};
    for (unsigned tries = 0; tries < 12; tries++) {
        unsigned i = gs_random_below(&world->random, states->n_placements);
        uint16_t next = states->next[(size_t)state * states->n_placements + i];
        if (next != GS_STATE_NONE) {
            bool held = gs_random_below(&world->random, 12) > 0;
            add_slice(node, gpu, &states->placements[i], held);
            state = next;
        }
    }
}

static void make_nodes(struct world *world, size_t n_nodes)
{
    struct gs_label *labels = need(GS_ARENA_NEW(&world->arena, struct gs_label, LABELS));
    for (unsigned l = 0; l < LABELS; l++) {
        labels[l].key = need(gs_arena_printf(&world->arena, "example.com/label-%u", l));
        labels[l].value = "some-value";
    }
    for (size_t n = 0; n < n_nodes; n++) {
        struct gs_decide_node *node = &world->nodes[n];
        struct gs_node_facts *facts = need(GS_ARENA_NEW(&world->arena, struct gs_node_facts, 1));
        *node = (struct gs_decide_node){
            .name = need(gs_arena_printf(&world->arena, "ip-10-0-%zu.ec2.internal", n)),
            .facts = facts,
            .model = world->model,
            .cpu_milli = 4000,
            .memory_bytes = 1ull << 35,
            .pods = 20,
            .usable = true,
            .recuttable = true,
            .gpus = &world->gpus[n * GPUS],
            .n_gpus = GPUS};
        *facts = (struct gs_node_facts){
            .name = node->name, .labels = labels, .n_labels = LABELS, .labels_complete = true};
        for (unsigned g = 0; g < GPUS; g++) {
            fill_gpu(world, node, &world->gpus[n * GPUS + g]);
        }
    }
}

static void make_world(struct world *world, size_t n_nodes)
{
    struct gs_err err;
    size_t n;
    gs_arena_init(&world->arena, &gs_alloc_heap, 1u << 30);
    gs_random_init(&world->random, 1);
    check(gs_catalog_find(gs_view("A100-40GB"), &world->model, &err), &err);
    check(gs_statetable_new(&world->arena, world->model, GS_ALL_PROFILES, &world->states, &err),
          &err);
    check(gs_policy_table_new(&world->arena, world->states, gs_policies(&n), &world->policy, &err),
          &err);
    world->decider = need(gs_decider_new(&world->arena));
    world->nodes = need(GS_ARENA_NEW(&world->arena, struct gs_decide_node, n_nodes));
    world->gpus = need(GS_ARENA_NEW(&world->arena, struct gs_decide_gpu, n_nodes * GPUS));
    world->sums = need(GS_ARENA_NEW(&world->arena, struct gs_decide_sum, n_nodes));
    world->holder_want = (struct gs_want){.profile = world->model->profiles[0].parts, .count = 1};
    world->holder = (struct gs_decide_pod){
        .name = "default/holder", .wants = &world->holder_want, .n_wants = 1};
    make_nodes(world, n_nodes);
    world->cluster = (struct gs_decide_cluster){.nodes = world->nodes,
                                                .n_nodes = n_nodes,
                                                .holders = &world->holder,
                                                .n_holders = 1,
                                                .now_us = 1000000000};
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

/* What a row asks for. */
struct ask {
    const char *name;
    const char *profile;
    uint32_t count;
    bool nothing_free; /* free slices are hidden, so that it is not booked */
    bool nothing_idle; /* and every slice is held */
    bool move;
    bool selector; /* one that every node meets: the worst for the check */
};

static void prepare(struct world *world, const struct ask *ask, bool sums)
{
    struct gs_err err;
    for (size_t n = 0; n < world->cluster.n_nodes; n++) {
        struct gs_decide_node *node = &world->nodes[n];
        memset(node->free, 0, sizeof(node->free));
        for (unsigned g = 0; g < GPUS; g++) {
            struct gs_decide_gpu *gpu = &world->gpus[n * GPUS + g];
            for (unsigned s = 0; s < gpu->n_slices; s++) {
                struct gs_decide_slice *slice = &gpu->slices[s];
                slice->state = slice->movable && slice->pod == 0 ? GS_DECIDE_FIXED : GS_DECIDE_IDLE;
                slice->state = ask->nothing_idle ? GS_DECIDE_FIXED : slice->state;
                node->free[slice->placement.profile] +=
                    slice->state == GS_DECIDE_IDLE && !ask->nothing_free ? 1 : 0;
            }
        }
        node->sum = NULL;
        if (sums) {
            check(gs_decide_sum(world->decider, node->model, node->gpus, node->n_gpus,
                                &world->sums[n], &err),
                  &err);
            node->sum = &world->sums[n];
        }
    }
}

static void measure(struct world *world, const struct ask *ask, bool sums, unsigned times)
{
    static const char *const words[] = {"book", "recut", "move", "buy", "wait"};
    static const char *const value[] = {"some-value"};
    struct gs_requirement requirement = {
        .key = "example.com/label-39", .op = GS_LABEL_IN, .values = value, .n_values = 1};
    struct gs_constraint constraint = {
        .selector = {.requirements = &requirement, .n_requirements = 1}};
    struct gs_want want = {.count = ask->count};
    struct gs_decide_pod pod = {.name = "default/pod",
                                .cpu_milli = 1000,
                                .wants = &want,
                                .n_wants = 1,
                                .may_move_others = ask->move,
                                .constraint = ask->selector ? &constraint : NULL};
    struct gs_decision decision = {0};
    struct gs_err err;
    uint64_t *took = need(calloc(times, sizeof(*took)));
    check(gs_profile_name_parse(gs_view(ask->profile), &want.profile, &err), &err);
    prepare(world, ask, sums);
    for (unsigned t = 0; t < times; t++) {
        uint64_t start = now_ns();
        check(gs_decide(world->decider, &world->cluster, &pod, &decision, &err), &err);
        took[t] = now_ns() - start;
    }
    qsort(took, times, sizeof(*took), compare);
    printf("%-38s %-5s %-5s %8.0f %8.0f %8.0f\n", ask->name, sums ? "kept" : "made",
           words[decision.what], (double)took[times / 2] / 1e3,
           (double)took[times * 99 / 100] / 1e3, (double)took[times - 1] / 1e3);
    free(took);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct ask asks[] = {
        {.name = "a slice that is free", .profile = "2g.10gb", .count = 1},
        {.name = "the same, with a node selector",
         .profile = "2g.10gb",
         .count = 1,
         .selector = true},
        {.name = "a slice that is not free",
         .profile = "4g.20gb",
         .count = 1,
         .nothing_free = true},
        {.name = "two slices", .profile = "4g.20gb", .count = 2},
        {.name = "eight slices", .profile = "3g.20gb", .count = 8},
        {.name = "a whole GPU's slice, nothing idle",
         .profile = "7g.40gb",
         .count = 1,
         .nothing_free = true,
         .nothing_idle = true},
        {.name = "a 4g, nothing idle, moves allowed",
         .profile = "4g.20gb",
         .count = 1,
         .nothing_free = true,
         .nothing_idle = true,
         .move = true},
    };
    static struct world world;
    size_t n_nodes = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    unsigned times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 200;
    if (n_nodes == 0 || n_nodes > GS_DECIDE_NODES_MAX || times == 0 || times > 1000000) {
        fprintf(stderr, "usage: bench_decide [NODES [DECISIONS]]\n");
        return 2;
    }
    make_world(&world, n_nodes);
    printf("%zu nodes of %d A100; microseconds of CPU\n%-38s %-5s %-5s %8s %8s %8s\n", n_nodes,
           GPUS, "a pod asks for", "sums", "gets", "median", "p99", "most");
    for (size_t a = 0; a < sizeof(asks) / sizeof(asks[0]); a++) {
        measure(&world, &asks[a], true, times);
        measure(&world, &asks[a], false, times);
    }
    gs_arena_done(&world.arena);
    return 0;
}
