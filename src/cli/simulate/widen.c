#include "cli/simulate/simulate.h"
#include "cli/simulate/stretches.h"

enum { TENTHS = 10 };

/* How much a policy took in one stretch after the other, and how much whole GPUs did. */
struct pair {
    const struct gs_sim_timeline *whole;
    const struct gs_sim_timeline *ours;
    const struct gs_sim_timeline *asked; /* or NULL: `ours` and `whole` are lost parts of it */
    int64_t from_us;
    int64_t until_us;
};

static int64_t half_of_cut(const struct pair *pair, size_t n)
{
    double whole[TENTHS], ours[TENTHS], asked[TENTHS];
    gs_stretches_cut(pair->whole, pair->from_us, pair->until_us, n, whole);
    gs_stretches_cut(pair->ours, pair->from_us, pair->until_us, n, ours);
    if (pair->asked == NULL) {
        return gs_stretches_half(whole, ours, n);
    }
    gs_stretches_cut(pair->asked, pair->from_us, pair->until_us, n, asked);
    for (size_t i = 0; i < n; i++) {
        ours[i] = asked[i] - (whole[i] - ours[i]);
    }
    return gs_stretches_half(asked, ours, n);
}

/* Half of the interval by long stretches of the window: tenths and fifths, and quarters and thirds
 * where blocks hang together. The widest counts. */
static int64_t half_of(const struct pair *pair, int64_t dependence)
{
    static const size_t counts[] = {TENTHS, 5, 4, 3};
    size_t n = dependence >= GS_STRETCHES_HANGS ? 4 : dependence >= GS_STRETCHES_SOME ? 3 : 2;
    int64_t most = 0;
    for (size_t i = 0; pair->until_us > pair->from_us && i < n; i++) {
        int64_t half = half_of_cut(pair, counts[i]);
        most = half > most ? half : most;
    }
    return most;
}

static int64_t last_of(const struct gs_simulate_study *study, const struct gs_sim_timeline *a,
                       const struct gs_sim_timeline *b)
{
    return study->world.until_us != GS_SIM_FOREVER ? study->world.until_us
           : a->end_us > b->end_us                 ? a->end_us
                                                   : b->end_us;
}

/* Nobody saves more than all. */
static struct gs_report_interval limit(struct gs_report_interval ci, int64_t least)
{
    if (ci.lo_mpct != GS_REPORT_UNKNOWN) {
        ci.lo_mpct = ci.lo_mpct < least ? least : ci.lo_mpct;
        ci.hi_mpct = ci.hi_mpct > 100000 ? 100000 : ci.hi_mpct;
    }
    return ci;
}

static void widen_savings(const struct gs_simulate_study *study, size_t p, struct gs_report *report)
{
    struct gs_report_policy *policy = &report->policies[p];
    const struct gs_sim_timeline *whole = &study->timelines[0], *ours = &study->timelines[p];
    const struct pair pair = {.whole = whole,
                              .ours = ours,
                              .from_us = study->world.from_us,
                              .until_us = last_of(study, whole, ours)};
    struct gs_report_interval narrow = policy->saving_ci;
    struct gs_report_interval wide =
        limit(gs_stretches_widen(narrow, policy->saving_mpct, half_of(&pair, study->dependence),
                                 study->dependence),
              INT64_MIN + 1);
    policy->saving_ci = wide;
    policy->node_saving_ci =
        limit(gs_stretches_widen_as(policy->node_saving_ci, policy->node_saving_mpct, narrow, wide),
              INT64_MIN + 1);
    if (p == study->ours) {
        report->sliceable_ci = limit(
            gs_stretches_widen_as(report->sliceable_ci, report->sliceable_mpct, narrow, wide), 0);
    }
}

/* ------------------------------------------------------------------ fixed fleets */

/* What was asked for, by when it came. */
static void count_asked(const struct gs_simulate_study *study, struct gs_sim_timeline *ret)
{
    const struct gs_simulate_load *load = &study->loads[0];
    *ret =
        (struct gs_sim_timeline){.from_us = study->world.from_us, .end_us = study->world.from_us};
    for (size_t i = 0; i < load->n_jobs; i++) {
        const struct gs_sim_job *job = &load->jobs[i];
        int64_t begin = job->arrive_us > load->from_us ? job->arrive_us : load->from_us;
        int64_t end = job->arrive_us + job->run_us;
        end = end < load->until_us ? end : load->until_us;
        if (end > begin) {
            gs_sim_timeline_count(ret, begin, (uint64_t)(end - begin) * job->gpus);
        }
    }
}

/* Whole nodes, the farther ones. */
static int64_t whole_node(int64_t thousandths, bool up)
{
    int64_t rest = thousandths % 1000;
    rest = rest < 0 ? rest + 1000 : rest;
    return rest == 0 ? thousandths : thousandths - rest + (up ? 1000 : 0);
}

static void widen_gains(const struct gs_simulate_study *study, size_t p,
                        const struct gs_sim_timeline *asked, struct gs_report *report)
{
    struct gs_report_policy *policy = &report->policies[p];
    const struct gs_sim_timeline *whole = &study->of_arrivals[0], *ours = &study->of_arrivals[p];
    const bool lose = study->world.lose;
    const struct pair pair = {.whole = whole,
                              .ours = ours,
                              .asked = lose ? asked : NULL,
                              .from_us = study->world.from_us,
                              .until_us = last_of(study, whole, lose ? asked : ours)};
    int64_t half = half_of(&pair, study->dependence);
    policy->sooner_ci =
        limit(gs_stretches_widen(policy->sooner_ci, policy->sooner_mpct, half, study->dependence),
              INT64_MIN + 1);
    policy->less_lost_ci = limit(
        gs_stretches_widen(policy->less_lost_ci, policy->less_lost_mpct, half, study->dependence),
        -100000);
    int64_t all = report->policies[0].fewest_nodes, few = policy->fewest_nodes;
    if (policy->fewer_nodes_ci.lo_mpct != GS_REPORT_UNKNOWN && all != GS_REPORT_UNKNOWN &&
        few != GS_REPORT_UNKNOWN) {
        struct gs_report_interval ci =
            gs_stretches_widen(policy->fewer_nodes_ci, (all - few) * 1000, 0, study->dependence);
        policy->fewer_nodes_ci = (struct gs_report_interval){whole_node(ci.lo_mpct, false),
                                                             whole_node(ci.hi_mpct, true)};
    }
}

void gs_simulate_widen(const struct gs_simulate_study *study, struct gs_report *report)
{
    struct gs_sim_timeline asked = {.n = 0};
    if (study->saving_ci == NULL) {
        return;
    }
    if (study->world.lose) {
        count_asked(study, &asked);
    }
    for (size_t p = 0; p < report->n_policies; p++) {
        widen_savings(study, p, report);
        if (!study->world.elastic) {
            widen_gains(study, p, &asked, report);
        }
    }
}
