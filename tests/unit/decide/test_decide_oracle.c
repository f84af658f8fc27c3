#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/core/tables.h"
#include "unit/decide/bed.h"
#include "unit/decide/oracle.h"

enum { NODES = 2, GPUS = 2 };

/* What is drawn: a small cluster of one model and a pod. */
struct draw {
    struct bed bed;
    const struct gs_statetable *states;
    struct gs_requirement pool;
    struct gs_constraint constraint;
    const char *pool_name;
};

static void draw_gpu(struct draw *draw, struct gs_decide_node *node, struct gs_decide_gpu *gpu,
                     uint64_t *seed)
{
    const struct gs_statetable *states = draw->states;
    *gpu = (struct gs_decide_gpu){.model = draw->bed.model,
                                  .mig = random_below(seed, 10) > 0,
                                  .open = random_below(seed, 10) > 0,
                                  .whole_free = random_below(seed, 2) == 0};
    node->free_gpus += !gpu->mig && gpu->whole_free ? 1 : 0;
    uint64_t set = gpu->mig ? states->sets[random_below(seed, states->n_states)] : 0;
    unsigned held = random_below(seed, 4);
    for (; set != 0; set &= set - 1) {
        if (random_below(seed, 5) == 0) {
            continue;
        }
        struct gs_decide_slice *slice = &gpu->slices[gpu->n_slices++];
        *slice = (struct gs_decide_slice){.placement = states->placements[__builtin_ctzll(set)],
                                          .pod = GS_DECIDE_NONE,
                                          .state = random_below(seed, 4) < held ? GS_DECIDE_FIXED
                                                                                : GS_DECIDE_IDLE};
        bool promised = slice->state == GS_DECIDE_IDLE && random_below(seed, 5) == 0;
        node->free[slice->placement.profile] += slice->state == GS_DECIDE_IDLE && !promised ? 1 : 0;
    }
}

static void draw_node(struct draw *draw, unsigned n, uint64_t *seed)
{
    struct bed *bed = &draw->bed;
    struct gs_decide_node *node = &bed->nodes[n];
    snprintf(bed->names[n], sizeof(bed->names[n]), "n%u", n);
    *node = (struct gs_decide_node){.name = bed->names[n],
                                    .facts = &bed->facts[n],
                                    .model = bed->model,
                                    .cpu_milli = random_below(seed, 10) == 0 ? 0 : 10000,
                                    .memory_bytes = 1ull << 40,
                                    .pods = random_below(seed, 10),
                                    .usable = random_below(seed, 10) > 0,
                                    .gpus = bed->gpus[n],
                                    .n_gpus = GPUS};
    node->recuttable = node->usable && random_below(seed, 10) > 0;
    node->bound_by = random_below(seed, 3) == 0 ? "pool" : NULL;
    node->recut_to = (uint16_t)random_below(seed, 1u << bed->model->n_profiles);
    for (unsigned g = 0; g < GPUS; g++) {
        draw_gpu(draw, node, &bed->gpus[n][g], seed);
    }
    bed->labels[n] =
        (struct gs_label){.key = "pool", .value = random_below(seed, 2) == 0 ? "a" : "b"};
    bed->facts[n] = (struct gs_node_facts){
        .name = node->name, .labels = &bed->labels[n], .n_labels = 1, .labels_complete = true};
}

static void draw_pod(struct draw *draw, uint64_t *seed)
{
    struct gs_decide_pod *pod = &draw->bed.pod;
    const struct gs_model *model = draw->bed.model;
    pod->n_wants = 1 + (random_below(seed, 3) == 0 ? 1 : 0);
    for (size_t w = 0; w < pod->n_wants; w++) {
        unsigned p = random_below(seed, model->n_profiles);
        while ((draw->states->profiles >> p & 1u) == 0) {
            p = random_below(seed, model->n_profiles);
        }
        draw->bed.wants[w] = (struct gs_want){.whole_gpu = random_below(seed, 12) == 0,
                                              .profile = model->profiles[p].parts,
                                              .count = 1 + random_below(seed, 5) / 4};
    }
    draw->pool_name = "a";
    draw->pool = (struct gs_requirement){
        .key = "pool", .op = GS_LABEL_IN, .values = &draw->pool_name, .n_values = 1};
    draw->constraint =
        (struct gs_constraint){.selector = {.requirements = &draw->pool, .n_requirements = 1}};
    pod->constraint = random_below(seed, 4) == 0 ? &draw->constraint : NULL;
}

static void draw_init(struct draw *draw, const struct kind *kind)
{
    bed_init(&draw->bed, kind->model, "", false);
    draw->states = make_states(&draw->bed.arena, kind);
    draw->bed.cluster.n_nodes = NODES;
}

static bool any_books(const struct draw *draw)
{
    for (unsigned n = 0; n < NODES; n++) {
        if (oracle_books(&draw->bed.nodes[n], &draw->bed.pod)) {
            return true;
        }
    }
    return false;
}

static unsigned fewest(const struct draw *draw)
{
    unsigned best = ORACLE_NEVER;
    for (unsigned n = 0; n < NODES; n++) {
        unsigned destroys = oracle_recut(draw->states, &draw->bed.nodes[n], &draw->bed.pod);
        best = destroys < best ? destroys : best;
    }
    return best;
}

static void check_recut(const struct draw *draw, const struct gs_decision *decision)
{
    const struct gs_decide_node *node = &draw->bed.nodes[decision->node];
    struct oracle_need need = oracle_need(&draw->bed.pod, draw->bed.model);
    uint32_t free[GS_PROFILES_MAX];
    assert_true(decision->n_recuts > 0);
    unsigned destroys =
        oracle_apply(draw->states, node, decision->recuts, decision->n_recuts, free);
    for (unsigned p = 0; p < draw->bed.model->n_profiles; p++) {
        assert_true(free[p] >= need.count[p]);
    }
    assert_int_equal(destroys, fewest(draw));
}

/* One decision on the cluster as it is. */
static enum gs_decide_what check_decision(struct draw *draw)
{
    struct gs_decision decision;
    struct gs_err err = {0};
    if (gs_decide(draw->bed.decider, &draw->bed.cluster, &draw->bed.pod, &decision, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    if (any_books(draw)) {
        assert_int_equal(decision.what, GS_DECIDE_BOOK);
        assert_true(oracle_books(&draw->bed.nodes[decision.node], &draw->bed.pod));
    } else if (fewest(draw) != ORACLE_NEVER) {
        assert_int_equal(decision.what, GS_DECIDE_RECUT);
        check_recut(draw, &decision);
    } else {
        assert_int_equal(decision.what, GS_DECIDE_WAIT);
    }
    return decision.what;
}

static void decide__equals_trying_everything_on_small_clusters(void **state)
{
    (void)state;
    static const struct world {
        struct kind kind;
        unsigned rounds;
    } worlds[] = {
        {{"A30-24GB", NULL}, 1500},
        {{"A100-40GB", "1g.5gb,2g.10gb,3g.20gb,4g.20gb,7g.40gb"}, 500},
        {{"RTX-PRO-6000-96GB", NULL}, 100},
    };
    uint64_t seed = take_seed();
    for (size_t w = 0; w < GS_ARRAY_LEN(worlds); w++) {
        unsigned times[GS_DECIDE_WAIT + 1] = {0};
        struct draw draw;
        draw_init(&draw, &worlds[w].kind);
        for (unsigned round = 0; round < worlds[w].rounds; round++) {
            for (unsigned n = 0; n < NODES; n++) {
                draw_node(&draw, n, &seed);
            }
            draw_pod(&draw, &seed);
            if (round % 2 == 0) {
                bed_sum(&draw.bed);
            }
            times[check_decision(&draw)]++;
        }
        print_message("%s: booked %u, re-cut %u, waits %u\n", worlds[w].kind.model,
                      times[GS_DECIDE_BOOK], times[GS_DECIDE_RECUT], times[GS_DECIDE_WAIT]);
        assert_true(times[GS_DECIDE_BOOK] > 0 && times[GS_DECIDE_RECUT] > 0 &&
                    times[GS_DECIDE_WAIT] > 0);
        bed_done(&draw.bed);
    }
}

/* The cluster goes on from a decision: the slices are there at once, and the pod has some. */
static void take(struct draw *draw, struct gs_decide_node *node, const struct gs_decision *decision,
                 uint64_t *seed)
{
    struct oracle_need need = oracle_need(&draw->bed.pod, draw->bed.model);
    struct gs_decide_gpu *gpus = draw->bed.gpus[node - draw->bed.nodes];
    for (unsigned r = 0; r < decision->n_recuts; r++) {
        struct gs_decide_gpu *gpu = &gpus[decision->recuts[r].gpu];
        const struct gs_layout *layout = &decision->recuts[r].layout;
        gpu->n_slices = layout->n_slices;
        for (unsigned s = 0; s < layout->n_slices; s++) {
            gpu->slices[s] = (struct gs_decide_slice){
                .placement = layout->slices[s].placement,
                .state = layout->slices[s].in_use ? GS_DECIDE_FIXED : GS_DECIDE_IDLE};
        }
    }
    unsigned first = random_below(seed, GPUS); /* the kubelet takes any */
    for (unsigned k = 0; k < GPUS; k++) {
        struct gs_decide_gpu *gpu = &gpus[(first + k) % GPUS];
        for (unsigned s = 0; s < gpu->n_slices; s++) {
            uint32_t *wanted = &need.count[gpu->slices[s].placement.profile];
            if (gpu->slices[s].state == GS_DECIDE_IDLE && *wanted > 0) {
                gpu->slices[s].state = GS_DECIDE_FIXED;
                *wanted -= 1;
            }
        }
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        assert_int_equal(need.count[p], 0); /* it got all that it was promised */
    }
}

/* Slices end at random, and what is free is counted anew; nothing is promised between two pods. */
static void go_on(struct draw *draw, uint64_t *seed)
{
    for (unsigned n = 0; n < NODES; n++) {
        struct gs_decide_node *node = &draw->bed.nodes[n];
        memset(node->free, 0, sizeof(node->free));
        for (unsigned g = 0; g < GPUS; g++) {
            struct gs_decide_gpu *gpu = &draw->bed.gpus[n][g];
            for (unsigned s = 0; s < gpu->n_slices; s++) {
                if (random_below(seed, 12) == 0) {
                    gpu->slices[s].state = GS_DECIDE_IDLE;
                }
                node->free[gpu->slices[s].placement.profile] +=
                    gpu->slices[s].state == GS_DECIDE_IDLE ? 1 : 0;
            }
        }
    }
    bed_sum(&draw->bed);
}

static void decide__serves_every_pod_that_fits_as_pods_come_and_go(void **state)
{
    (void)state;
    uint64_t seed = take_seed();
    unsigned times[GS_DECIDE_WAIT + 1] = {0};
    struct draw draw;
    draw_init(&draw, &(struct kind){"A30-24GB", NULL});
    for (unsigned n = 0; n < NODES; n++) {
        draw_node(&draw, n, &seed);
        struct gs_decide_node *node = &draw.bed.nodes[n];
        node->usable = node->recuttable = true;
        node->cpu_milli = 10000;
        node->pods = 10;
        node->free_gpus = 0;
        for (unsigned g = 0; g < GPUS; g++) {
            draw.bed.gpus[n][g].mig = draw.bed.gpus[n][g].open = true;
        }
    }
    for (unsigned round = 0; round < 2000; round++) {
        go_on(&draw, &seed);
        draw_pod(&draw, &seed);
        for (size_t w = 0; w < draw.bed.pod.n_wants; w++) {
            draw.bed.wants[w].whole_gpu = false;
        }
        struct gs_decision decision;
        times[check_decision(&draw)]++;
        assert_int_equal(
            gs_decide(draw.bed.decider, &draw.bed.cluster, &draw.bed.pod, &decision, NULL), 0);
        if (decision.node != GS_DECIDE_NONE) {
            take(&draw, &draw.bed.nodes[decision.node], &decision, &seed);
        }
    }
    print_message("booked %u, re-cut %u, waits %u\n", times[GS_DECIDE_BOOK], times[GS_DECIDE_RECUT],
                  times[GS_DECIDE_WAIT]);
    assert_true(times[GS_DECIDE_BOOK] > 0 && times[GS_DECIDE_RECUT] > 0 &&
                times[GS_DECIDE_WAIT] > 0);
    bed_done(&draw.bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decide__equals_trying_everything_on_small_clusters),
        cmocka_unit_test(decide__serves_every_pod_that_fits_as_pods_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
