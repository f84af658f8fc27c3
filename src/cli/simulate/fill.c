#include <string.h>

#include "cli/simulate/simulate.h"
#include "cli/simulate/stretches.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the report");
}

/* GPU-microseconds over `n` seeds, as the mean in thousandths of an hour. */
static int64_t hours(unsigned __int128 us, size_t n)
{
    const unsigned __int128 unit = (unsigned __int128)3600000 * n;
    return (int64_t)((us + unit / 2) / unit);
}

static int64_t milliseconds(int64_t us)
{
    return us < 0 ? GS_REPORT_UNKNOWN : (us + 500) / 1000;
}

/* The sum over all seeds of one number of a policy's outcome. */
#define SUM(study, policy, field)                                                                  \
    ({                                                                                             \
        unsigned __int128 sum_ = 0;                                                                \
        for (size_t s_ = 0; s_ < (study)->n_seeds; s_++) {                                         \
            sum_ += (uint64_t)(study)->outcomes[s_ * (study)->n_policies + (policy)].field;        \
        }                                                                                          \
        sum_;                                                                                      \
    })
#define MEAN(study, policy, field)                                                                 \
    ((int64_t)((SUM(study, policy, field) + (study)->n_seeds / 2) / (study)->n_seeds))
#define SUM_OF_WORKS(study, field)                                                                 \
    ({                                                                                             \
        unsigned __int128 sum_ = 0;                                                                \
        for (size_t s_ = 0; s_ < (study)->n_seeds; s_++) {                                         \
            sum_ += (study)->works[s_].field;                                                      \
        }                                                                                          \
        sum_;                                                                                      \
    })

/* As gs_simulate_saving, of sums. */
static int64_t saving(unsigned __int128 part, unsigned __int128 whole)
{
    if (whole == 0) {
        return GS_REPORT_UNKNOWN;
    }
    while ((whole | part) >> 63 != 0) {
        whole >>= 1;
        part >>= 1;
    }
    return gs_simulate_saving((uint64_t)part, (uint64_t)whole);
}

/* ------------------------------------------------------------------ over time */

/* The timeline of a run as the means of `n` equal steps of `bucket_us`; GS_SIMULATE_BUCKETS at
 * most.
 */
static int resample(const struct gs_sim_timeline *timeline, struct gs_arena *arena, int64_t from_us,
                    int64_t bucket_us, size_t n, const int64_t **ret, struct gs_err *err)
{
    int64_t *means = GS_ARENA_NEW(arena, int64_t, n);
    if (means == NULL) {
        return no_memory(err);
    }
    double gpu_us[GS_SIMULATE_BUCKETS];
    gs_stretches_cut(timeline, from_us, from_us + (int64_t)n * bucket_us, n, gpu_us);
    for (size_t i = 0; i < n; i++) {
        means[i] = (int64_t)(gpu_us[i] * 1000 / (double)bucket_us + 0.5);
    }
    *ret = means;
    return 0;
}

static int fill_timeline(const struct gs_simulate_study *study, struct gs_report *ret,
                         struct gs_err *err)
{
    struct gs_arena *arena = study->question->arena;
    int64_t from = study->world.from_us, until = study->world.until_us;
    if (until == GS_SIM_FOREVER) {
        until = from;
        for (size_t p = 0; p < study->n_policies; p++) {
            int64_t last = study->timelines[p].end_us;
            until = last > until ? last : until;
        }
    }
    ret->from_ms = milliseconds(from);
    ret->to_ms = milliseconds(until);
    int64_t bucket_us = (until - from + GS_SIMULATE_BUCKETS - 1) / GS_SIMULATE_BUCKETS;
    if (bucket_us <= 0) {
        ret->bucket_ms = 0;
        return 0;
    }
    bucket_us = (bucket_us + 999) / 1000 * 1000;
    ret->bucket_ms = bucket_us / 1000;
    ret->n_buckets = (size_t)((until - from + bucket_us - 1) / bucket_us);
    int r = resample(&study->timelines[0], arena, from, bucket_us, ret->n_buckets,
                     &ret->whole_on_mgpu, err);
    r = r < 0 ? r
              : resample(&study->works[0].bound, arena, from, bucket_us, ret->n_buckets,
                         &ret->bound_on_mgpu, err);
    for (size_t p = 0; r == 0 && p < study->n_policies; p++) {
        r = resample(&study->timelines[p], arena, from, bucket_us, ret->n_buckets,
                     &ret->policies[p].on_mgpu, err);
    }
    return r;
}

/* ------------------------------------------------------------------ policies */

static int fill_waits(const struct gs_simulate_study *study, size_t policy,
                      struct gs_report_policy *ret, struct gs_err *err)
{
    int64_t *waits = GS_ARENA_NEW(study->question->arena, int64_t, GS_REPORT_QUANTILES);
    if (waits == NULL) {
        return no_memory(err);
    }
    for (size_t s = 0; s < study->n_seeds; s++) {
        if (!study->outcomes[s * study->n_policies + policy].wait_known) {
            return 0;
        }
    }
    for (size_t i = 0; i < GS_REPORT_QUANTILES; i++) {
        waits[i] = milliseconds(MEAN(study, policy, wait_us[i]));
    }
    ret->wait_ms = waits;
    ret->wait_p50_ms = waits[50];
    ret->wait_p95_ms = waits[95];
    return 0;
}

/* What only some runs know. */
static void fill_known(const struct gs_simulate_study *study, size_t policy,
                       struct gs_report_policy *ret)
{
    bool cost = true, slower = true, mean = true;
    for (size_t s = 0; s < study->n_seeds; s++) {
        const struct gs_simulate_outcome *outcome =
            &study->outcomes[s * study->n_policies + policy];
        cost = cost && outcome->cost_known;
        slower = slower && outcome->slowdown_p95_permille >= 0;
        mean = mean && outcome->job_mean_us >= 0;
    }
    ret->cost_uusd = cost ? MEAN(study, policy, cost_uusd) : GS_REPORT_UNKNOWN;
    ret->slowdown_p95_permille =
        slower ? MEAN(study, policy, slowdown_p95_permille) : GS_REPORT_UNKNOWN;
    ret->job_mean_ms = mean ? milliseconds(MEAN(study, policy, job_mean_us)) : GS_REPORT_UNKNOWN;
}

/* What nodes that are there anyway do for jobs. */
static void fill_fixed(const struct gs_simulate_study *study, size_t policy,
                       struct gs_report_policy *ret)
{
    struct gs_report_interval none = {GS_REPORT_UNKNOWN, GS_REPORT_UNKNOWN};
    struct gs_report_interval ci = study->gain_ci == NULL ? none : study->gain_ci[policy];
    unsigned __int128 last = 0, lost = SUM(study, policy, charged_us);
    unsigned __int128 whole = SUM(study, 0, charged_us), asked = SUM_OF_WORKS(study, whole_us);
    uint32_t most = 0;
    if (study->world.elastic) {
        return;
    }
    for (size_t s = 0; s < study->n_seeds; s++) {
        size_t i = s * study->n_policies + policy;
        int64_t from = study->loads[s < study->n_loads ? s : 0].from_us;
        int64_t us = study->outcomes[i].last_us - from;
        last += (uint64_t)(us > 0 ? us : 0);
        most = study->fewest != NULL && study->fewest[i] > most ? study->fewest[i] : most;
    }
    ret->last_end_ms = milliseconds((int64_t)(last / study->n_seeds));
    ret->fewest_nodes =
        most == 0 || most > study->world.types[0].nodes ? GS_REPORT_UNKNOWN : (int64_t)most;
    if (study->world.lose && asked > 0) {
        int64_t kept = saving(lost, asked), kept_whole = saving(whole, asked);
        ret->less_lost_mpct = kept - kept_whole;
        ret->less_lost_ci = ci;
    } else if (!study->world.lose && ret->job_mean_ms != GS_REPORT_UNKNOWN) {
        ret->sooner_mpct = saving(SUM(study, policy, job_mean_us), SUM(study, 0, job_mean_us));
        ret->sooner_ci = ci;
    }
    if (policy == study->ours && study->fewer_ci != NULL && study->fewest != NULL) {
        ret->fewer_nodes_ci = *study->fewer_ci;
    }
}

static int fill_policy(const struct gs_simulate_study *study, size_t policy,
                       struct gs_report_policy *ret, struct gs_err *err)
{
    gs_report_init_policy(ret);
    size_t n = study->n_seeds;
    unsigned __int128 bound = SUM(study, policy, bound_us);
    unsigned __int128 charged = SUM(study, policy, charged_us);
    ret->name = study->policies[policy]->name;
    ret->says = study->policies[policy]->summary;
    ret->gpu_mh = hours(SUM(study, policy, gpu_us), n);
    ret->node_gpu_mh = hours(SUM(study, policy, node_gpu_us), n);
    ret->charged_mh = hours(charged, n);
    /* What is charged at all is not rounded to nothing. */
    ret->charged_mh += charged > 0 && ret->charged_mh == 0;
    ret->saving_mpct = saving(SUM(study, policy, gpu_us), SUM(study, 0, gpu_us));
    ret->node_saving_mpct =
        study->world.elastic ? saving(SUM(study, policy, node_gpu_us), SUM(study, 0, node_gpu_us))
                             : GS_REPORT_UNKNOWN;
    ret->least_mh = bound > 0 ? hours(bound, n) : GS_REPORT_UNKNOWN;
    ret->moves = MEAN(study, policy, moves);
    ret->recuts = MEAN(study, policy, recuts);
    ret->restarts = MEAN(study, policy, interrupted);
    ret->peak_gpus = MEAN(study, policy, peak_gpus);
    ret->peak_nodes = MEAN(study, policy, peak_nodes);
    ret->lost = MEAN(study, policy, lost);
    ret->delayed = MEAN(study, policy, delayed);
    fill_known(study, policy, ret);
    fill_fixed(study, policy, ret);
    if (study->saving_ci != NULL) {
        ret->saving_ci = study->saving_ci[policy];
        ret->node_saving_ci = study->node_ci[policy];
    }
    return fill_waits(study, policy, ret, err);
}

/* ------------------------------------------------------------------ the work, and what if */

static void fill_work(const struct gs_simulate_study *study, struct gs_report *ret)
{
    unsigned __int128 whole = SUM_OF_WORKS(study, whole_us);
    unsigned __int128 sliceable = SUM_OF_WORKS(study, sliceable_us);
    int64_t unsliced = saving(sliceable, whole);
    ret->whole_mh = hours(SUM(study, 0, gpu_us), study->n_seeds);
    ret->whole_node_mh = hours(SUM(study, 0, node_gpu_us), study->n_seeds);
    ret->asked_mh = study->world.elastic ? GS_REPORT_UNKNOWN : hours(whole, study->n_seeds);
    ret->whole_peak_gpus = MEAN(study, 0, peak_gpus);
    ret->whole_cost_uusd = ret->policies[0].cost_uusd;
    ret->ideal_saving_mpct = saving(SUM_OF_WORKS(study, ideal_us), whole);
    ret->bound_saving_mpct = saving(SUM_OF_WORKS(study, bound_us), whole);
    ret->bound_peak_gpus =
        (int64_t)((SUM_OF_WORKS(study, peak_bound) + study->n_seeds / 2) / study->n_seeds);
    ret->sliceable_mpct = unsliced == GS_REPORT_UNKNOWN ? GS_REPORT_UNKNOWN : 100000 - unsliced;
    if (study->draws > 0) {
        ret->sliceable_ci = study->sliceable_ci;
    }
    for (size_t i = 0; i < study->n_seeds * study->n_policies; i++) {
        ret->events += (int64_t)study->outcomes[i].events;
    }
}

static int fill_whatifs(const struct gs_simulate_study *study, struct gs_report *ret,
                        struct gs_err *err)
{
    if (study->whatifs == NULL) {
        return 0;
    }
    ret->whatifs =
        GS_ARENA_NEW(study->question->arena, struct gs_report_whatif, GS_SIMULATE_WHATIFS);
    if (ret->whatifs == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < GS_SIMULATE_WHATIFS; i++) {
        const struct gs_sim_work *work = &study->whatif_works[i];
        int64_t unsliced = saving(work->sliceable_us, work->whole_us);
        ret->whatifs[i] = (struct gs_report_whatif){
            .tolerance_permille = (int64_t)i * 10,
            .saving_mpct = saving(study->whatifs[i].gpu_us, study->outcomes[0].gpu_us),
            .bound_saving_mpct = saving(work->bound_us, work->whole_us),
            .sliceable_mpct = unsliced == GS_REPORT_UNKNOWN ? GS_REPORT_UNKNOWN : 100000 - unsliced,
        };
    }
    ret->n_whatifs = GS_SIMULATE_WHATIFS;
    return 0;
}

/* Of the GPU-hours of all jobs. */
static int64_t grounds_share(const struct gs_simulate_load *load, enum gs_trace_grounds grounds)
{
    unsigned __int128 all = 0;
    for (size_t i = 0; i < 3; i++) {
        all += (unsigned __int128)load->grounds_us[i];
    }
    unsigned __int128 part = (unsigned __int128)load->grounds_us[grounds];
    /* What is there at all is not rounded to nothing: a sentence hangs on it. */
    int64_t share = all == 0 ? GS_REPORT_UNKNOWN : (int64_t)((part * 100000 + all / 2) / all);
    return part > 0 && share == 0 ? 1 : share;
}

static void fill_trace(const struct gs_simulate_study *study, struct gs_report *ret)
{
    const struct gs_simulate_question *question = study->question;
    const struct gs_simulate_load *load = &study->loads[0];
    ret->trace = question->args->trace;
    ret->source = question->spec.format->name;
    ret->input_rows = (int64_t)load->totals.input_rows;
    ret->skipped_rows = (int64_t)load->totals.skipped_rows;
    ret->job_rows = (int64_t)load->job_rows;
    ret->rows_without_gpu = (int64_t)load->rows_left[GS_TRACE_LEFT_NO_GPU];
    ret->rows_never_ran = (int64_t)load->rows_left[GS_TRACE_LEFT_NEVER_RAN];
    ret->rows_whole = (int64_t)load->rows_left[GS_TRACE_LEFT_NOT_FRACTIONAL];
    ret->rows_unmapped = (int64_t)load->rows_left[GS_TRACE_LEFT_UNMAPPED];
    ret->jobs = (int64_t)load->all_jobs;
    ret->fractional_only = question->args->fractional_only;
    ret->map = question->rule.name;
    ret->tolerance_permille = question->rule.tolerance_permille;
    ret->speed_known_mpct = load->sliced_us == 0
                                ? GS_REPORT_UNKNOWN
                                : 100000 - saving((unsigned __int128)load->sliced_speed_us,
                                                  (unsigned __int128)load->sliced_us);
    ret->compute_unknown_mpct = grounds_share(load, GS_TRACE_GROUNDS_MEMORY);
    ret->use_unknown_mpct = grounds_share(load, GS_TRACE_GROUNDS_NONE);
    ret->skipped =
        (struct gs_report_texts){.items = (const char *const *)load->skipped, .n = load->n_skipped};
}

static void fill_world(const struct gs_simulate_study *study, struct gs_report *ret)
{
    static const char *const names[] = {"instant", "elastic", "queue", "loss"};
    const struct gs_simulate_question *question = study->question;
    const struct gs_sim_world *world = &study->world;
    ret->world = names[question->args->world];
    ret->model = world->model->id;
    ret->node_gpus = world->types[0].gpus;
    ret->gpus =
        world->elastic ? GS_REPORT_UNKNOWN : (int64_t)world->types[0].nodes * world->types[0].gpus;
    ret->instance = question->instance == NULL ? NULL : question->instance->type;
    ret->region = question->args->region;
    ret->gpu_hour_uusd = world->types[0].hour_uusd == 0
                             ? GS_REPORT_UNKNOWN
                             : world->types[0].hour_uusd / world->types[0].gpus;
    ret->seed = (int64_t)question->args->seed;
}

int gs_simulate_fill(const struct gs_simulate_study *study, struct gs_report *ret,
                     struct gs_err *err)
{
    gs_report_init(ret);
    ret->policies =
        GS_ARENA_NEW(study->question->arena, struct gs_report_policy, study->n_policies);
    if (ret->policies == NULL) {
        return no_memory(err);
    }
    ret->events = 0;
    ret->n_policies = study->n_policies;
    int r = 0;
    for (size_t p = 0; r == 0 && p < study->n_policies; p++) {
        r = fill_policy(study, p, &ret->policies[p], err);
    }
    if (r < 0) {
        return r;
    }
    fill_trace(study, ret);
    fill_world(study, ret);
    fill_work(study, ret);
    ret->ours = study->ours == 0 ? NULL : study->policies[study->ours]->name;
    ret->draws = (int64_t)study->draws;
    ret->no_draws = study->no_draws;
    if (study->dependence > 0) {
        ret->independent_parts = GS_BLOCKS * 1000 / study->dependence;
    }
    r = fill_timeline(study, ret, err);
    r = r < 0 ? r : fill_whatifs(study, ret, err);
    gs_simulate_widen(study, ret);
    r = r < 0 ? r : gs_simulate_describe(study, ret, err);
    return r < 0 ? r : gs_report_say(ret, study->question->arena, err);
}
