#include <stdlib.h>
#include <string.h>

#include "cli/simulate/crew.h"
#include "cli/simulate/simulate.h"
#include "cli/simulate/stretches.h"
#include "sim/random.h"

/* Savings of one draw, in thousandths of a percent. */
struct draws {
    struct gs_simulate_study *study;
    struct gs_simulate_bench *benches;
    size_t n;
    struct gs_blocks *blocks; /* a load */
    size_t most_blocks;
    size_t most_there;
    int64_t *savings;      /* [policy * n + draw]; GS_REPORT_UNKNOWN: nothing ran in the window */
    int64_t *node_savings; /* likewise */
    int64_t *shares;       /* [draw] */
    int64_t *gains;        /* as savings, in fixed fleets */
    int64_t *fewer;        /* [draw], in fixed fleets: thousandths of a node */
};

/* GPU-hours of jobs with a slice, of all; as the work was asked for. */
static int64_t sliceable_share(const struct gs_simulate_load *load,
                               const struct gs_blocks_draw *draw, uint64_t *ret_asked_us)
{
    unsigned __int128 all = 0, sliced = 0;
    struct gs_blocks_walk walk;
    struct gs_sim_job job;
    gs_blocks_walk_init(&walk, draw);
    while (gs_blocks_next(&walk, &job) == 1) {
        int64_t begin = job.arrive_us > load->from_us ? job.arrive_us : load->from_us;
        int64_t end = job.arrive_us + job.run_us;
        end = end < load->until_us ? end : load->until_us;
        if (end > begin) {
            unsigned __int128 us = (unsigned __int128)(end - begin) * job.gpus;
            all += us;
            sliced += job.profile == GS_SIM_WHOLE ? 0 : us;
        }
    }
    *ret_asked_us = all > UINT64_MAX ? UINT64_MAX : (uint64_t)all;
    return all == 0 ? GS_REPORT_UNKNOWN : (int64_t)((sliced * 100000 + all / 2) / all);
}

static int draw_anew(const struct draws *draws, struct gs_simulate_bench *bench, size_t load,
                     size_t number, struct gs_err *err)
{
    struct gs_blocks_draw *draw = &bench->draw;
    struct gs_random random;
    if (draw->begins == NULL) {
        draw->begins = calloc(draws->most_blocks + 1, sizeof(*draw->begins));
        draw->there = calloc(draws->most_there + 1, sizeof(*draw->there));
    }
    if (draw->begins == NULL || draw->there == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a draw");
    }
    gs_random_init(&random,
                   draws->study->question->args->seed * 0x9e3779b97f4a7c15ull + number + 1);
    draw->blocks = &draws->blocks[load];
    gs_blocks_draw(draw, &random);
    return 0;
}

/* What a replay saves beside the first one, whole GPUs. */
static void take_savings(const struct draws *draws, size_t policy, size_t number,
                         const struct gs_sim_score *score, uint64_t *whole_us,
                         uint64_t *whole_node_us)
{
    uint64_t us = score->gpu_us + score->small_us + score->charged_us;
    uint64_t node_us = gs_simulate_node_us(score);
    *whole_us = policy == 0 ? us : *whole_us;
    *whole_node_us = policy == 0 ? node_us : *whole_node_us;
    draws->savings[policy * draws->n + number] =
        *whole_us == 0 ? GS_REPORT_UNKNOWN : gs_simulate_saving(us, *whole_us);
    bool paid = *whole_node_us > 0 && draws->study->world.elastic;
    draws->node_savings[policy * draws->n + number] =
        paid ? gs_simulate_saving(node_us, *whole_node_us) : GS_REPORT_UNKNOWN;
}

/* How many nodes fewer do with our policy than with whole GPUs. */
static int take_fewer(const struct draws *draws, struct gs_simulate_bench *bench, size_t seed,
                      size_t number, const struct gs_simulate_served *served, struct gs_err *err)
{
    const struct gs_simulate_study *study = draws->study;
    const size_t policies[2] = {0, study->ours};
    uint32_t fewest[2] = {0, 0};
    int r = 0;
    for (size_t i = 0; r == 0 && study->ours > 0 && i < 2; i++) {
        r = gs_simulate_fewest(study, bench, seed, policies[i], &bench->draw, &served[0],
                               &served[policies[i]], &fewest[i], err);
    }
    draws->fewer[number] = ((int64_t)fewest[0] - fewest[1]) * 1000;
    return r;
}

static int run_draw(void *ctx, size_t number, unsigned thread, struct gs_err *err)
{
    struct draws *draws = ctx;
    const struct gs_simulate_study *study = draws->study;
    struct gs_simulate_bench *bench = &draws->benches[thread];
    struct gs_simulate_served served[GS_SIMULATE_POLICIES_MAX];
    size_t seed = number % study->n_seeds;
    size_t load = seed < study->n_loads ? seed : 0;
    uint64_t whole_us = 0, whole_node_us = 0, asked_us = 0;
    int r = draw_anew(draws, bench, load, number, err);
    if (r == 0) {
        draws->shares[number] = sliceable_share(&study->loads[load], &bench->draw, &asked_us);
    }
    for (size_t p = 0; r == 0 && p < study->n_policies; p++) {
        r = gs_simulate_replay(study, bench, seed, p, &bench->draw, NULL, err);
        if (r < 0) {
            return r;
        }
        take_savings(draws, p, number, &bench->score, &whole_us, &whole_node_us);
        served[p] = gs_simulate_served_of(&bench->score);
        draws->gains[p * draws->n + number] =
            study->world.elastic ? GS_REPORT_UNKNOWN
                                 : gs_simulate_gain(study, &served[0], &served[p], asked_us);
    }
    return r < 0 || study->world.elastic ? r : take_fewer(draws, bench, seed, number, served, err);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of 100,000 draws, how many lie outside the interval on each side. 2,500 if there were pieces
 * without end; a draw of few is too narrow: by n / (n - 1) in its variance, and a t distribution of
 * n - 1 degrees of freedom takes the normal one's place (Hesterberg 2015, The American Statistician
 * 69, 4.3: "expanded percentile interval"). */
static size_t outside(size_t pieces)
{
    static const struct {
        size_t pieces, outside;
    } rows[] = {{10, 855}, {12, 1076}, {15, 1321}, {20, 1588}, {30, 1875}, {60, 2180}};
    size_t i = 0;
    while (i + 1 < sizeof(rows) / sizeof(*rows) && rows[i + 1].pieces <= pieces) {
        i++;
    }
    return rows[i].outside;
}

static struct gs_report_interval interval_of(int64_t *values, size_t n, size_t pieces)
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
    size_t rank = (n * outside(pieces) + 99999) / 100000;
    return (struct gs_report_interval){values[rank - 1], values[n - rank]};
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
    }
    return NULL;
}

/* Work of a few projects, one after the other, says nothing of the next. It takes a trace in which
 * blocks hang together too little to be seen to claim something. */
static const char *tell_dependence(const struct gs_simulate_study *study)
{
    return gs_arena_printf(
        study->question->arena,
        "the work changes in stretches so long that the trace's 30 parts say no more than %d which "
        "do not depend on one another would, and 5 are the least; a trace %d times as long may do",
        (int)(GS_BLOCKS * 1000 / study->dependence),
        (int)((study->dependence + GS_STRETCHES_HANGS - 1) / GS_STRETCHES_HANGS));
}

/* Why there is no interval: a trace of one long job and much small work says nothing of others. */
static int judge(struct draws *draws, const struct gs_blocks *blocks, struct gs_err *err)
{
    struct gs_simulate_study *study = draws->study;
    size_t there = blocks->n_there > draws->most_there ? blocks->n_there : draws->most_there;
    draws->most_there = there;
    draws->most_blocks = blocks->n > draws->most_blocks ? blocks->n : draws->most_blocks;
    if (study->pieces == 0 || blocks->pieces < study->pieces) {
        study->pieces = blocks->pieces;
    }
    int64_t dependence = gs_stretches_dependence(blocks);
    study->dependence = dependence > study->dependence ? dependence : study->dependence;
    bool few = blocks->pieces<GS_BLOCKS_LEAST, hangs = study->dependence> GS_STRETCHES_MOST;
    if (blocks->n < GS_BLOCKS_LEAST) {
        study->no_draws = "fewer than ten jobs come in the window";
    } else if (few) {
        study->no_draws = gs_arena_printf(
            study->question->arena,
            "the trace is too short: its GPU-hours lie in so few jobs or moments that it says no "
            "more than %zu equal piece%s would, and 10 are the least",
            blocks->pieces, blocks->pieces == 1 ? "" : "s");
    } else if (hangs) {
        study->no_draws = tell_dependence(study);
    }
    return (few || hangs) && study->no_draws == NULL
               ? gs_fail(err, GS_NO_MEMORY, "no memory for the draws")
               : 0;
}

static int cut(struct draws *draws, struct gs_err *err)
{
    struct gs_simulate_study *study = draws->study;
    draws->blocks = GS_ARENA_NEW(study->question->arena, struct gs_blocks, study->n_loads);
    int r = draws->blocks == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for the draws") : 0;
    for (size_t i = 0; r == 0 && i < study->n_loads; i++) {
        const struct gs_simulate_load *load = &study->loads[i];
        r = gs_blocks_cut(study->question->arena, load->jobs, load->n_jobs, load->from_us,
                          load->until_us, &draws->blocks[i], err);
        r = r < 0 ? r : judge(draws, &draws->blocks[i], err);
    }
    return r;
}

static int allocate(struct draws *draws, struct gs_err *err)
{
    struct gs_simulate_study *study = draws->study;
    struct gs_arena *arena = study->question->arena;
    size_t n = study->n_policies;
    draws->savings = GS_ARENA_NEW(arena, int64_t, n * draws->n);
    draws->node_savings = GS_ARENA_NEW(arena, int64_t, n * draws->n);
    draws->shares = GS_ARENA_NEW(arena, int64_t, draws->n);
    draws->gains = GS_ARENA_NEW(arena, int64_t, n * draws->n);
    draws->fewer = GS_ARENA_NEW(arena, int64_t, draws->n);
    study->saving_ci = GS_ARENA_NEW(arena, struct gs_report_interval, n);
    study->node_ci = GS_ARENA_NEW(arena, struct gs_report_interval, n);
    study->gain_ci = GS_ARENA_NEW(arena, struct gs_report_interval, n);
    study->fewer_ci = GS_ARENA_NEW(arena, struct gs_report_interval, 1);
    return draws->savings == NULL || draws->node_savings == NULL || draws->shares == NULL ||
                   draws->gains == NULL || draws->fewer == NULL || study->saving_ci == NULL ||
                   study->node_ci == NULL || study->gain_ci == NULL || study->fewer_ci == NULL
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
    int r = cut(&draws, err);
    if (r < 0 || study->no_draws != NULL) {
        return r;
    }
    r = allocate(&draws, err);
    r = r < 0 ? r : gs_crew_run(draws.n, study->question->threads, "draws", run_draw, &draws, err);
    if (r < 0) {
        study->saving_ci = study->node_ci = NULL;
        return r;
    }
    study->draws = draws.n;
    *study->fewer_ci = (struct gs_report_interval){GS_REPORT_UNKNOWN, GS_REPORT_UNKNOWN};
    for (size_t p = 0; p < study->n_policies; p++) {
        study->saving_ci[p] = interval_of(&draws.savings[p * draws.n], draws.n, study->pieces);
        study->node_ci[p] = interval_of(&draws.node_savings[p * draws.n], draws.n, study->pieces);
        study->gain_ci[p] = interval_of(&draws.gains[p * draws.n], draws.n, study->pieces);
    }
    if (!study->world.elastic) {
        *study->fewer_ci = interval_of(draws.fewer, draws.n, study->pieces);
    }
    study->sliceable_ci = interval_of(draws.shares, draws.n, study->pieces);
    return 0;
}
