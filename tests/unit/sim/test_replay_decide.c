#include "unit/sim/feed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "decide/decide.h"

/* The same workloads decided one by one by gs_decide, the code of the controller, on a snapshot of
 * nodes as it is in a cluster, and by a replay. */
enum { JOBS = 400, NODES_MAX = 120, GPUS = 4, ROUNDS = 12 };

struct cluster {
    struct gs_arena arena;
    struct gs_decider *decider;
    const struct gs_model *model;
    struct gs_node_facts facts;
    struct gs_offer offer;
    struct gs_decide_node nodes[NODES_MAX];
    struct gs_decide_gpu gpus[NODES_MAX][GPUS];
    char names[NODES_MAX][16];
    uint32_t n_nodes;
    unsigned bought;
    bool keeps_idle; /* slices stay cut when their pod has gone */
};

/* Where a job is: slices are found by their pod. */
struct place {
    uint32_t node, gpu, slice;
};

static bool find_pod(struct cluster *cluster, uint32_t pod, struct place *ret)
{
    for (uint32_t n = 0; n < cluster->n_nodes; n++) {
        for (uint32_t g = 0; g < GPUS; g++) {
            for (uint32_t s = 0; s < cluster->gpus[n][g].n_slices; s++) {
                if (cluster->gpus[n][g].slices[s].pod == pod) {
                    *ret = (struct place){n, g, s};
                    return true;
                }
            }
        }
    }
    return false;
}

/* What the snapshot says of a node beside its GPUs. */
static void describe(struct cluster *cluster, uint32_t n)
{
    struct gs_decide_node *node = &cluster->nodes[n];
    *node = (struct gs_decide_node){.name = cluster->names[n],
                                    .facts = &cluster->facts,
                                    .model = cluster->model,
                                    .cpu_milli = 1000000,
                                    .memory_bytes = 1ull << 40,
                                    .pods = 1000,
                                    .usable = true,
                                    .recuttable = true,
                                    .gpus = cluster->gpus[n],
                                    .n_gpus = GPUS};
    for (unsigned g = 0; g < GPUS; g++) {
        for (unsigned s = 0; s < cluster->gpus[n][g].n_slices; s++) {
            const struct gs_decide_slice *slice = &cluster->gpus[n][g].slices[s];
            node->free[slice->placement.profile] += slice->state == GS_DECIDE_IDLE;
        }
    }
}

static void add_node(struct cluster *cluster)
{
    uint32_t n = cluster->n_nodes++;
    assert_true(n < NODES_MAX);
    snprintf(cluster->names[n], sizeof(cluster->names[n]), "n%06u", cluster->bought++);
    for (unsigned g = 0; g < GPUS; g++) {
        cluster->gpus[n][g] =
            (struct gs_decide_gpu){.model = cluster->model, .mig = true, .open = true};
    }
    describe(cluster, n);
}

/* The kubelet gives a pod the first idle slice of its profile on the node. */
static void give_slice(struct cluster *cluster, uint32_t n, unsigned profile, uint32_t pod)
{
    for (unsigned g = 0; g < GPUS; g++) {
        for (unsigned s = 0; s < cluster->gpus[n][g].n_slices; s++) {
            struct gs_decide_slice *slice = &cluster->gpus[n][g].slices[s];
            if (slice->state == GS_DECIDE_IDLE && slice->placement.profile == profile) {
                slice->state = GS_DECIDE_FIXED;
                slice->pod = pod;
                describe(cluster, n);
                return;
            }
        }
    }
    fail_msg("a slice was booked that is not there");
}

/* The agent makes the GPU what it is to become; what is held stays. */
static void recut(struct cluster *cluster, uint32_t n, const struct gs_decide_recut *recut)
{
    struct gs_decide_gpu *gpu = &cluster->gpus[n][recut->gpu];
    struct gs_decide_gpu after = *gpu;
    after.n_slices = 0;
    for (unsigned i = 0; i < recut->layout.n_slices; i++) {
        struct gs_decide_slice slice = {.placement = recut->layout.slices[i].placement,
                                        .state = GS_DECIDE_IDLE,
                                        .pod = GS_DECIDE_NONE};
        for (unsigned s = 0; s < gpu->n_slices; s++) {
            const struct gs_decide_slice *old = &gpu->slices[s];
            if (old->placement.start == slice.placement.start &&
                old->placement.profile == slice.placement.profile) {
                slice = *old;
            }
        }
        after.slices[after.n_slices++] = slice;
    }
    *gpu = after;
}

static void place_pod(struct cluster *cluster, unsigned profile, uint32_t pod)
{
    const struct gs_want want = {.profile = cluster->model->profiles[profile].parts, .count = 1};
    const struct gs_decide_pod asks = {
        .name = "default/pod", .wants = &want, .n_wants = 1, .kept_node = GS_DECIDE_NONE};
    const struct gs_decide_cluster snapshot = {.nodes = cluster->nodes,
                                               .n_nodes = cluster->n_nodes,
                                               .offers = &cluster->offer,
                                               .n_offers = 1,
                                               .now_us = 1000000};
    static struct gs_decision decision;
    struct gs_err err = {0};
    if (gs_decide(cluster->decider, &snapshot, &asks, &decision, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    if (decision.what == GS_DECIDE_BUY) {
        add_node(cluster);
        place_pod(cluster, profile, pod);
        return;
    }
    assert_true(decision.what == GS_DECIDE_BOOK || decision.what == GS_DECIDE_RECUT);
    for (unsigned i = 0; decision.what == GS_DECIDE_RECUT && i < decision.n_recuts; i++) {
        recut(cluster, decision.node, &decision.recuts[i]);
    }
    give_slice(cluster, decision.node, profile, pod);
}

static bool is_empty(const struct cluster *cluster, uint32_t n)
{
    for (unsigned g = 0; g < GPUS; g++) {
        for (unsigned s = 0; s < cluster->gpus[n][g].n_slices; s++) {
            if (cluster->gpus[n][g].slices[s].state == GS_DECIDE_FIXED) {
                return false;
            }
        }
    }
    return true;
}

static void end_pod(struct cluster *cluster, uint32_t pod)
{
    struct place at = {0};
    assert_true(find_pod(cluster, pod, &at));
    struct gs_decide_gpu *gpu = &cluster->gpus[at.node][at.gpu];
    gpu->slices[at.slice].state = GS_DECIDE_IDLE;
    gpu->slices[at.slice].pod = GS_DECIDE_NONE;
    if (!cluster->keeps_idle) {
        gpu->slices[at.slice] = gpu->slices[--gpu->n_slices];
    }
    if (!is_empty(cluster, at.node)) {
        describe(cluster, at.node);
        return;
    }
    cluster->n_nodes--;
    for (uint32_t n = at.node; n < cluster->n_nodes; n++) { /* those behind move up */
        memcpy(cluster->names[n], cluster->names[n + 1], sizeof(cluster->names[n]));
        memcpy(cluster->gpus[n], cluster->gpus[n + 1], sizeof(cluster->gpus[n]));
        describe(cluster, n);
    }
}

static unsigned gpus_used(const struct cluster *cluster)
{
    unsigned used = 0;
    for (uint32_t n = 0; n < cluster->n_nodes; n++) {
        for (unsigned g = 0; g < GPUS; g++) {
            bool any = false;
            for (unsigned s = 0; s < cluster->gpus[n][g].n_slices; s++) {
                any = any || cluster->gpus[n][g].slices[s].state == GS_DECIDE_FIXED;
            }
            used += any;
        }
    }
    return used;
}

struct sums {
    uint64_t gpu_us, node_us;
};

/* Ends before arrivals, as in a replay. */
static struct sums decide_all(const struct gs_sim_job *jobs, bool keeps_idle)
{
    static struct cluster cluster;
    static bool ended[JOBS];
    struct sums sums = {0};
    memset(&cluster, 0, sizeof(cluster));
    memset(ended, 0, sizeof(ended));
    gs_arena_init(&cluster.arena, &gs_alloc_heap, 64 << 20);
    cluster.decider = gs_decider_new(&cluster.arena);
    cluster.model = model_named("A100-40GB");
    cluster.keeps_idle = keeps_idle;
    cluster.facts = (struct gs_node_facts){.name = "node", .labels_complete = true};
    cluster.offer = (struct gs_offer){.name = "p4d.24xlarge",
                                      .gpu_name = cluster.model->id,
                                      .model = cluster.model,
                                      .gpus = GPUS,
                                      .gpu_memory_mib = GS_NOT_KNOWN,
                                      .cpu_milli = 1000000,
                                      .memory_bytes = 1ull << 40,
                                      .pods = 1000,
                                      .max_nodes = UINT32_MAX,
                                      .facts = &cluster.facts};
    int64_t now = 0;
    for (unsigned next = 0;;) {
        unsigned first = JOBS;
        for (unsigned j = 0; j < next; j++) {
            int64_t ends = jobs[j].arrive_us + jobs[j].run_us;
            if (!ended[j] && (first == JOBS || ends < jobs[first].arrive_us + jobs[first].run_us)) {
                first = j;
            }
        }
        bool end = first < JOBS && (next == JOBS || jobs[first].arrive_us + jobs[first].run_us <=
                                                        jobs[next].arrive_us);
        if (!end && next == JOBS) {
            break;
        }
        int64_t at = end ? jobs[first].arrive_us + jobs[first].run_us : jobs[next].arrive_us;
        sums.gpu_us += (uint64_t)(at - now) * gpus_used(&cluster);
        sums.node_us += (uint64_t)(at - now) * cluster.n_nodes * GPUS;
        now = at;
        if (end) {
            ended[first] = true;
            end_pod(&cluster, first);
        } else {
            place_pod(&cluster, jobs[next].profile, next);
            next++;
        }
    }
    gs_arena_done(&cluster.arena);
    return sums;
}

static double off_by(uint64_t a, uint64_t b)
{
    return 100.0 * ((double)a / (double)b - 1.0);
}

static void draw_jobs(struct gs_random *random, const unsigned *plain, struct gs_sim_job *jobs)
{
    static const uint32_t weights[5] = {35, 25, 20, 15, 5};
    int64_t now = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        uint32_t drawn = gs_random_below(random, 100);
        unsigned k = 0;
        while (drawn >= weights[k]) {
            drawn -= weights[k++];
        }
        now += 1 + (int64_t)(30 * gs_random_exp(random));
        jobs[i] = (struct gs_sim_job){.row = i + 1,
                                      .arrive_us = now,
                                      .run_us = 1 + (int64_t)(1500 * gs_random_exp(random)),
                                      .gpus = 1,
                                      .profile = (uint8_t)plain[k]};
    }
}

static struct sums replay_all(const struct gs_sim_world *world, const struct gs_sim_job *jobs)
{
    static struct gs_sim_score score;
    run_jobs(world, "gpuslice", jobs, JOBS, &score);
    assert_int_equal(score.done, JOBS);
    return (struct sums){.gpu_us = score.gpu_us, .node_us = score.node_gpu_us};
}

static void add(struct sums *sums, struct sums more)
{
    sums->gpu_us += more.gpu_us;
    sums->node_us += more.node_us;
}

static void assert_alike(const char *what, struct sums replayed, struct sums decided)
{
    double gpus = off_by(replayed.gpu_us, decided.gpu_us);
    double nodes = off_by(replayed.node_us, decided.node_us);
    print_message("%s: replay beside gs_decide: GPUs %+.2f %%, nodes %+.2f %%\n", what, gpus,
                  nodes);
    assert_true(fabs(gpus) < 4.0 && fabs(nodes) < 8.0);
}

/* Twelve workloads of 400 jobs. What is left differs by ties: of GPUs that cost the same the
 * controller takes the node with the least left, then the first name, a replay the GPU longest in
 * its state. Of 15 seeds GPUs are 1.6 % fewer to 1.0 % more, nodes 2.1 % fewer to 4.3 % more. */
static void replay__needs_as_many_gpus_as_the_controllers_decisions(void **state)
{
    (void)state;
    static struct gs_sim_job jobs[JOBS];
    uint64_t seed = (uint64_t)time(NULL);
    const char *given = getenv("SEED");
    seed = given == NULL ? seed : strtoull(given, NULL, 10);
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    const struct gs_model *model = model_named("A100-40GB");
    unsigned plain[5];
    struct gs_sim_world world;
    gs_sim_world_init_timeless(&world, model, GPUS);
    world.profiles = plain_profiles(model, plain);
    world.busy_first = false;
    struct sums decided[2] = {{0}};
    struct sums replayed[2] = {{0}};
    for (unsigned round = 0; round < ROUNDS; round++) {
        draw_jobs(&random, plain, jobs);
        for (unsigned keeps = 0; keeps < 2; keeps++) {
            world.book_idle = keeps != 0;
            add(&decided[keeps], decide_all(jobs, keeps != 0));
            add(&replayed[keeps], replay_all(&world, jobs));
        }
    }
    assert_alike("slices stay cut", replayed[1], decided[1]);
    assert_alike("slices go with their pod", replayed[0], decided[0]);
    print_message("booking idle slices costs: GPUs %+.2f %%, nodes %+.2f %%\n",
                  off_by(decided[1].gpu_us, decided[0].gpu_us),
                  off_by(decided[1].node_us, decided[0].node_us));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay__needs_as_many_gpus_as_the_controllers_decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
