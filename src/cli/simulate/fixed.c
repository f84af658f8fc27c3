/* A fleet whose nodes are there whether a policy needs them or not: what it does for its jobs, and
 * with how few nodes it would have done as much. */
#include "cli/simulate/crew.h"
#include "cli/simulate/simulate.h"

struct gs_simulate_served gs_simulate_served_of(const struct gs_sim_score *score)
{
    bool mean = score->job_us.n > 0 && score->job_us.sum != UINT64_MAX;
    return (struct gs_simulate_served){
        .job_mean_us = mean ? (int64_t)(score->job_us.sum / score->job_us.n) : -1,
        .wait_p95_us = gs_sim_hist_quantile(&score->wait_us, 950),
        .lost = score->lost + score->undone,
        .charged_us = score->charged_us,
    };
}

static struct gs_simulate_served served_of_outcome(const struct gs_simulate_outcome *outcome)
{
    return (struct gs_simulate_served){
        .job_mean_us = outcome->job_mean_us,
        .wait_p95_us = outcome->wait_known ? outcome->wait_us[95] : -1,
        .lost = outcome->lost,
        .charged_us = outcome->charged_us,
    };
}

int64_t gs_simulate_gain(const struct gs_simulate_study *study,
                         const struct gs_simulate_served *whole,
                         const struct gs_simulate_served *ours, uint64_t asked_us)
{
    if (study->world.lose) {
        __int128 less = ((__int128)whole->charged_us - ours->charged_us) * 100000;
        return asked_us == 0 ? GS_REPORT_UNKNOWN : (int64_t)(less / asked_us);
    }
    return whole->job_mean_us <= 0 || ours->job_mean_us < 0
               ? GS_REPORT_UNKNOWN
               : gs_simulate_saving((uint64_t)ours->job_mean_us, (uint64_t)whole->job_mean_us);
}

/* No more is lost; and where jobs wait, they are done no later than one re-cut would make it. */
static bool is_as_good(const struct gs_sim_world *world, const struct gs_simulate_served *served,
                       const struct gs_simulate_served *whole)
{
    bool lost = served->lost > whole->lost || served->charged_us > whole->charged_us;
    bool late = served->job_mean_us > whole->job_mean_us + world->recut_us ||
                served->wait_p95_us > whole->wait_p95_us + world->recut_us;
    return !lost && (world->lose || !late);
}

int gs_simulate_fewest(const struct gs_simulate_study *study, struct gs_simulate_bench *bench,
                       size_t seed, size_t policy, const struct gs_blocks_draw *draw,
                       const struct gs_simulate_served *whole,
                       const struct gs_simulate_served *all_nodes, uint32_t *ret,
                       struct gs_err *err)
{
    uint32_t fail = 0, do_it = study->world.types[0].nodes;
    if (!is_as_good(&study->world, all_nodes, whole)) {
        *ret = do_it + 1;
        return 0;
    }
    int r = 0;
    while (r == 0 && do_it - fail > 1) {
        bench->nodes = fail + (do_it - fail) / 2;
        r = gs_simulate_replay(study, bench, seed, policy, draw, NULL, err);
        struct gs_simulate_served served = gs_simulate_served_of(&bench->score);
        if (is_as_good(&study->world, &served, whole)) {
            do_it = bench->nodes;
        } else {
            fail = bench->nodes;
        }
    }
    bench->nodes = 0;
    *ret = do_it;
    return r;
}

/* ------------------------------------------------------------------ of the trace itself */

struct search {
    struct gs_simulate_study *study;
    struct gs_simulate_bench *benches;
};

static int search_one(void *ctx, size_t task, unsigned thread, struct gs_err *err)
{
    struct search *search = ctx;
    struct gs_simulate_study *study = search->study;
    size_t seed = task / study->n_policies, policy = task % study->n_policies;
    const struct gs_simulate_outcome *outcomes = &study->outcomes[seed * study->n_policies];
    struct gs_simulate_served whole = served_of_outcome(&outcomes[0]);
    struct gs_simulate_served ours = served_of_outcome(&outcomes[policy]);
    if (study->policies[policy]->way == GS_SIM_SMALL) {
        study->fewest[task] = study->world.types[0].nodes + 1; /* it has others beside them */
        return 0;
    }
    return gs_simulate_fewest(study, &search->benches[thread], seed, policy, NULL, &whole, &ours,
                              &study->fewest[task], err);
}

/* All nodes are paid on every side until the last job of any policy ends, so that who is done
 * sooner has not paid less. Nothing is bought for work that is lost. */
static void pay(struct gs_simulate_study *study, size_t seed)
{
    struct gs_simulate_outcome *outcomes = &study->outcomes[seed * study->n_policies];
    const struct gs_sim_type *type = &study->world.types[0];
    int64_t from = study->loads[seed < study->n_loads ? seed : 0].from_us, end = from;
    for (size_t p = 0; p < study->n_policies; p++) {
        end = outcomes[p].last_us > end ? outcomes[p].last_us : end;
    }
    unsigned __int128 us = (unsigned __int128)(uint64_t)(end - from) * type->nodes;
    uint64_t gpu_us =
        (uint64_t)(us * type->gpus > UINT64_MAX / 2 ? UINT64_MAX / 2 : us * type->gpus);
    unsigned __int128 uusd = us * (uint64_t)type->hour_uusd / 3600000000u;
    for (size_t p = 0; p < study->n_policies; p++) {
        outcomes[p].node_gpu_us = gpu_us + outcomes[p].small_us;
        outcomes[p].cost_uusd = (uint64_t)uusd + outcomes[p].small_uusd;
    }
}

int gs_simulate_fix(struct gs_simulate_study *study, struct gs_simulate_bench *benches,
                    struct gs_err *err)
{
    struct search search = {.study = study, .benches = benches};
    size_t runs = study->n_seeds * study->n_policies;
    if (study->world.elastic) {
        return 0;
    }
    for (size_t s = 0; s < study->n_seeds; s++) {
        pay(study, s);
    }
    for (size_t i = 0; i < study->n_loads; i++) {
        if (study->loads[i].jobs == NULL) {
            return 0; /* too long to be read again and again */
        }
    }
    study->fewest = GS_ARENA_NEW(study->question->arena, uint32_t, runs);
    return study->fewest == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for the simulation")
                                 : gs_crew_run(runs, study->question->threads, "fewer nodes",
                                               search_one, &search, err);
}
