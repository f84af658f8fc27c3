#include <stdlib.h>
#include <string.h>

#include "cli/simulate/crew.h"
#include "cli/simulate/simulate.h"
#include "sim/random.h"

/* Savings of one draw, in thousandths of a percent. */
struct draws {
    struct gs_simulate_study *study;
    struct gs_simulate_bench *benches;
    size_t n;
    int64_t *savings;      /* [policy * n + draw]; GS_REPORT_UNKNOWN: nothing ran in the window */
    int64_t *node_savings; /* likewise */
    int64_t *shares;       /* [draw] */
};

/* As many jobs as there are, each any of them: what resampling with replacement is. */
static void draw_jobs(uint64_t seed, size_t draw, uint16_t *counts, size_t n)
{
    struct gs_random random;
    gs_random_init(&random, seed * 0x9e3779b97f4a7c15ull + draw + 1);
    memset(counts, 0, n * sizeof(*counts));
    for (size_t i = 0; i < n; i++) {
        uint16_t *count = &counts[gs_random_below(&random, (uint32_t)n)];
        *count = (uint16_t)(*count + (*count < UINT16_MAX));
    }
}

/* GPU-hours of jobs with a slice, of all; as the work was asked for. */
static int64_t sliceable_share(const struct gs_simulate_load *load, const uint16_t *counts)
{
    unsigned __int128 all = 0, sliced = 0;
    for (size_t i = 0; i < load->n_jobs; i++) {
        const struct gs_sim_job *job = &load->jobs[i];
        int64_t begin = job->arrive_us > load->from_us ? job->arrive_us : load->from_us;
        int64_t end = job->arrive_us + job->run_us;
        end = end < load->until_us ? end : load->until_us;
        if (counts[i] > 0 && end > begin) {
            unsigned __int128 us = (unsigned __int128)(end - begin) * job->gpus * counts[i];
            all += us;
            sliced += job->profile == GS_SIM_WHOLE ? 0 : us;
        }
    }
    return all == 0 ? GS_REPORT_UNKNOWN : (int64_t)((sliced * 100000 + all / 2) / all);
}

static int run_draw(void *ctx, size_t draw, unsigned thread, struct gs_err *err)
{
    struct draws *draws = ctx;
    const struct gs_simulate_study *study = draws->study;
    struct gs_simulate_bench *bench = &draws->benches[thread];
    size_t seed = draw % study->n_seeds;
    const struct gs_simulate_load *load = &study->loads[seed < study->n_loads ? seed : 0];
    if (bench->counts == NULL) {
        bench->counts = calloc(draws->study->most_jobs + 1, sizeof(*bench->counts));
        if (bench->counts == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for a draw");
        }
    }
    draw_jobs(study->question->args->seed, draw, bench->counts, load->n_jobs);
    draws->shares[draw] = sliceable_share(load, bench->counts);
    uint64_t whole_us = 0, whole_node_us = 0;
    for (size_t p = 0; p < study->n_policies; p++) {
        int r = gs_simulate_replay(study, bench, seed, p, bench->counts, NULL, err);
        if (r < 0) {
            return r;
        }
        const struct gs_sim_score *score = &bench->score;
        uint64_t us = score->gpu_us + score->small_us + score->charged_us;
        uint64_t node_us = score->node_gpu_us + score->small_us + score->charged_us;
        whole_us = p == 0 ? us : whole_us;
        whole_node_us = p == 0 ? node_us : whole_node_us;
        draws->savings[p * draws->n + draw] =
            whole_us == 0 ? GS_REPORT_UNKNOWN : gs_simulate_saving(us, whole_us);
        draws->node_savings[p * draws->n + draw] =
            whole_node_us == 0 ? GS_REPORT_UNKNOWN : gs_simulate_saving(node_us, whole_node_us);
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The 2.5th and 97.5th percentile of what is known. */
static struct gs_report_interval interval_of(int64_t *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare);
    size_t unknown = 0;
    while (unknown < n && values[unknown] == GS_REPORT_UNKNOWN) {
        unknown++;
    }
    values += unknown;
    n -= unknown;
    if (n < GS_SIMULATE_DRAWS_LEAST) {
        return (struct gs_report_interval){GS_REPORT_UNKNOWN, GS_REPORT_UNKNOWN};
    }
    size_t lo = (n * 25 + 999) / 1000, hi = (n * 975 + 999) / 1000;
    return (struct gs_report_interval){values[lo - 1], values[hi - 1]};
}

static const char *why_not(const struct gs_simulate_study *study)
{
    const struct gs_simulate_args *args = study->question->args;
    if (args->draws == 0) {
        return "--draws 0 was given";
    }
    if (args->draws < GS_SIMULATE_DRAWS_LEAST) {
        return "fewer than 100 draws say nothing of a 95 % interval";
    }
    for (size_t i = 0; i < study->n_loads; i++) {
        if (study->loads[i].jobs == NULL && study->loads[i].all_jobs > 0) {
            return "the trace has more jobs than are kept in memory to draw from";
        }
        if (study->loads[i].n_jobs < 2) {
            return "there are fewer than two jobs to draw from";
        }
    }
    return NULL;
}

static int allocate(struct draws *draws, struct gs_err *err)
{
    struct gs_simulate_study *study = draws->study;
    struct gs_arena *arena = study->question->arena;
    size_t n = study->n_policies;
    draws->savings = GS_ARENA_NEW(arena, int64_t, n * draws->n);
    draws->node_savings = GS_ARENA_NEW(arena, int64_t, n * draws->n);
    draws->shares = GS_ARENA_NEW(arena, int64_t, draws->n);
    study->saving_ci = GS_ARENA_NEW(arena, struct gs_report_interval, n);
    study->node_ci = GS_ARENA_NEW(arena, struct gs_report_interval, n);
    for (size_t i = 0; i < study->n_loads; i++) {
        size_t jobs = study->loads[i].n_jobs;
        study->most_jobs = jobs > study->most_jobs ? jobs : study->most_jobs;
    }
    return draws->savings == NULL || draws->node_savings == NULL || draws->shares == NULL ||
                   study->saving_ci == NULL || study->node_ci == NULL
               ? gs_fail(err, GS_NO_MEMORY, "no memory for the draws")
               : 0;
}

int gs_simulate_draw(struct gs_simulate_study *study, struct gs_simulate_bench *benches,
                     struct gs_err *err)
{
    struct draws draws = {
        .study = study, .benches = benches, .n = (size_t)study->question->args->draws};
    study->no_draws = why_not(study);
    if (study->no_draws != NULL) {
        return 0;
    }
    int r = allocate(&draws, err);
    r = r < 0 ? r : gs_crew_run(draws.n, study->question->threads, "draws", run_draw, &draws, err);
    if (r < 0) {
        study->saving_ci = study->node_ci = NULL;
        return r;
    }
    study->draws = draws.n;
    for (size_t p = 0; p < study->n_policies; p++) {
        study->saving_ci[p] = interval_of(&draws.savings[p * draws.n], draws.n);
        study->node_ci[p] = interval_of(&draws.node_savings[p * draws.n], draws.n);
    }
    study->sliceable_ci = interval_of(draws.shares, draws.n);
    return 0;
}
