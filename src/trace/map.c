#include "trace/map.h"

#include <stdio.h>
#include <string.h>

#include "core/service.h"
#include "trace/speeds.h"

enum { SCALE_MAX = 100000, SLOWDOWN_MAX = 100000 };

struct gs_trace_rule gs_trace_rule_strict(const struct gs_model *model)
{
    return (struct gs_trace_rule){.name = "strict",
                                  .model = model,
                                  .memory_by = GS_TRACE_BY_PEAK,
                                  .util_by = GS_TRACE_BY_P95,
                                  .scale_permille = 1000};
}

struct gs_trace_rule gs_trace_rule_lenient(const struct gs_model *model)
{
    struct gs_trace_rule rule = gs_trace_rule_strict(model);
    rule.name = "lenient";
    rule.share_of_memory = true;
    rule.tolerance_permille = 100;
    return rule;
}

int gs_trace_rule_find(struct gs_view name, const struct gs_model *model, struct gs_trace_rule *ret,
                       struct gs_err *err)
{
    if (gs_view_eq(name, "strict")) {
        *ret = gs_trace_rule_strict(model);
        return 0;
    }
    if (gs_view_eq(name, "lenient")) {
        *ret = gs_trace_rule_lenient(model);
        return 0;
    }
    return gs_fail(err, GS_INVALID, "\"%.*s\" is no rule; expected strict or lenient",
                   GS_VIEW_ARGS(name));
}

static const char *by_text(enum gs_trace_by by)
{
    switch (by) {
    case GS_TRACE_BY_PEAK:
        return "peak";
    case GS_TRACE_BY_P99:
        return "p99";
    case GS_TRACE_BY_P95:
        return "p95";
    case GS_TRACE_BY_MEAN:
        return "mean";
    case GS_TRACE_BY_NOTHING:
        break;
    }
    return "";
}

/* Appends; what has no room is cut off. */
#define ADD(text, ...)                                                                             \
    (void)snprintf((text) + strlen(text), GS_TRACE_RULE_TEXT_MAX - strlen(text), __VA_ARGS__)

/* "10", "7.5". */
static void spell_tenths(uint32_t permille, char ret[16])
{
    if (permille % 10 == 0) {
        snprintf(ret, 16, "%u", permille / 10);
    } else {
        snprintf(ret, 16, "%u.%u", permille / 10, permille % 10);
    }
}

static void spell_use(char *text, const struct gs_trace_rule *rule)
{
    bool memory = rule->memory_by != GS_TRACE_BY_NOTHING;
    bool util = rule->util_by != GS_TRACE_BY_NOTHING;
    ADD(text, "%s", "; measured use the smallest that holds ");
    if (memory) {
        ADD(text, "%s memory", by_text(rule->memory_by));
    }
    if (util) {
        ADD(text, "%s%s utilisation", memory ? " and " : "", by_text(rule->util_by));
    }
    if (memory != util) {
        ADD(text, ", whatever the %s", memory ? "utilisation" : "memory");
    }
    if (!memory && !util) {
        ADD(text, "%s", "anything");
    }
    if (rule->scale_permille != 1000) {
        ADD(text, ", measured on a GPU of %u.%03u the speed", rule->scale_permille / 1000,
            rule->scale_permille % 1000);
    }
}

void gs_trace_rule_text(const struct gs_trace_rule *rule, char ret[GS_TRACE_RULE_TEXT_MAX])
{
    char missing[16];
    ret[0] = 0;
    spell_tenths(rule->tolerance_permille, missing);
    ADD(ret,
        "%s: a part of a GPU gets the smallest profile of %s with that share of "
        "%scompute, of which %s %% may be missing",
        rule->name, rule->model->id, rule->share_of_memory ? "memory and of " : "", missing);
    spell_use(ret, rule);
    if (rule->slowdown_permille > 0) {
        ADD(ret, "; work is at most %u.%03u times slower than on a whole GPU",
            rule->slowdown_permille / 1000, rule->slowdown_permille % 1000);
    }
    ADD(ret, "%s",
        rule->fractional_only ? "; only what asks for a part of a GPU counts"
                              : "; whole GPUs stay whole");
    if (rule->with_never_ran) {
        ADD(ret, "%s", "; what was never started runs as long as it waited");
    }
}

const char *gs_trace_left_out_text(enum gs_trace_left_out left)
{
    switch (left) {
    case GS_TRACE_LEFT_NO_GPU:
        return "asks for no GPU";
    case GS_TRACE_LEFT_NEVER_RAN:
        return "never ran";
    case GS_TRACE_LEFT_NOT_FRACTIONAL:
        return "asks for whole GPUs";
    case GS_TRACE_LEFT_UNMAPPED:
        return "fits no rule";
    case GS_TRACE_LEFTS:
        break;
    }
    return "";
}

/* ---- the profiles that may be given ---- */

/* By the share of the GPU, the larger of compute and memory; then by compute, then as listed. */
static bool is_cheaper(const struct gs_model *model, unsigned a, unsigned b)
{
    const struct gs_profile *p = &model->profiles[a];
    const struct gs_profile *q = &model->profiles[b];
    unsigned compute = model->memory_units;
    unsigned units = model->compute_slices;
    unsigned share_p = p->compute_slices * compute > p->memory_units * units
                           ? p->compute_slices * compute
                           : p->memory_units * units;
    unsigned share_q = q->compute_slices * compute > q->memory_units * units
                           ? q->compute_slices * compute
                           : q->memory_units * units;
    if (share_p != share_q) {
        return share_p < share_q;
    }
    return p->compute_slices != q->compute_slices ? p->compute_slices < q->compute_slices : a < b;
}

static bool may_be_given(const struct gs_trace_rule *rule, unsigned profile)
{
    const struct gs_model *model = rule->model;
    unsigned compute = model->profiles[profile].compute_slices;
    if (compute >= model->compute_slices) {
        return false; /* it would be the whole GPU */
    }
    return rule->profiles != 0 ? (rule->profiles >> profile & 1) != 0
                               : gs_service_profile(model, compute) == (int)profile;
}

int gs_trace_map_init(struct gs_trace_map *map, const struct gs_trace_rule *rule,
                      struct gs_err *err)
{
    int r = gs_model_require_placements(rule->model, err);
    if (r < 0) {
        return r;
    }
    if (rule->tolerance_permille > GS_TRACE_TOLERANCE_MAX) {
        return gs_fail(err, GS_INVALID, "found a tolerance of %u.%u %%; expected 0 to 15 %%",
                       rule->tolerance_permille / 10, rule->tolerance_permille % 10);
    }
    if (rule->scale_permille < 1 || rule->scale_permille > SCALE_MAX) {
        return gs_fail(err, GS_INVALID, "found a speed of %u thousandths; expected 1 to %d",
                       rule->scale_permille, SCALE_MAX);
    }
    if (rule->slowdown_permille != 0 &&
        (rule->slowdown_permille < 1000 || rule->slowdown_permille > SLOWDOWN_MAX)) {
        return gs_fail(err, GS_INVALID, "found a slowdown of %u thousandths; expected 1000 to %d",
                       rule->slowdown_permille, SLOWDOWN_MAX);
    }
    *map = (struct gs_trace_map){.rule = *rule};
    for (unsigned p = 0; p < rule->model->n_profiles; p++) {
        unsigned at = map->n_order;
        if (!may_be_given(rule, p)) {
            continue;
        }
        for (; at > 0 && is_cheaper(rule->model, p, map->order[at - 1]); at--) {
            map->order[at] = map->order[at - 1];
        }
        map->order[at] = (uint8_t)p;
        map->n_order++;
    }
    return 0;
}

/* ---- what an ask needs ---- */

/* GS_NOT_KNOWN: it does not matter, or is not known. */
struct need {
    uint32_t milli;
    uint32_t memory_mib;
    uint64_t util_ppm; /* millionths of the target's time; UINT64_MAX: does not matter */
};

static uint32_t figure(const struct gs_trace_use *use, enum gs_trace_by by)
{
    switch (by) {
    case GS_TRACE_BY_PEAK:
        return use->peak;
    case GS_TRACE_BY_P99:
        return use->p99;
    case GS_TRACE_BY_P95:
        return use->p95;
    case GS_TRACE_BY_MEAN:
        return use->mean;
    case GS_TRACE_BY_NOTHING:
        break;
    }
    return GS_NOT_KNOWN;
}

static struct need find_need(const struct gs_trace_rule *rule, const struct gs_trace_ask *ask)
{
    uint32_t util = figure(&ask->util_permille, rule->util_by);
    return (struct need){.milli = ask->milli < 1000 ? ask->milli : GS_NOT_KNOWN,
                         .memory_mib = figure(&ask->memory_mib, rule->memory_by),
                         .util_ppm = util == GS_NOT_KNOWN ? UINT64_MAX
                                                          : (uint64_t)util * rule->scale_permille};
}

/* Whether a profile has the share of compute, `ppm` millionths of a GPU, but for the tolerance. */
static bool has_compute(const struct gs_trace_rule *rule, const struct gs_profile *profile,
                        uint64_t ppm)
{
    return ppm * (1000 - rule->tolerance_permille) * rule->model->compute_slices <=
           1000000000ull * profile->compute_slices;
}

static bool serves(const struct gs_trace_rule *rule, const struct gs_profile *profile,
                   const struct need *need)
{
    if (need->milli != GS_NOT_KNOWN &&
        (!has_compute(rule, profile, need->milli * 1000ull) ||
         (rule->share_of_memory &&
          need->milli * rule->model->memory_units > 1000u * profile->memory_units))) {
        return false;
    }
    if (need->memory_mib != GS_NOT_KNOWN &&
        (profile->memory_mib == GS_NOT_KNOWN || profile->memory_mib < need->memory_mib)) {
        return false;
    }
    return need->util_ppm == UINT64_MAX || has_compute(rule, profile, need->util_ppm);
}

static uint8_t smallest(const struct gs_trace_map *map, const struct need *need)
{
    for (unsigned i = 0; i < map->n_order; i++) {
        if (serves(&map->rule, &map->rule.model->profiles[map->order[i]], need)) {
            return map->order[i];
        }
    }
    return GS_SIM_WHOLE;
}

/* The most memory that a process gets of the whole GPU. */
static uint32_t whole_memory_mib(const struct gs_model *model)
{
    uint32_t most = model->memory_mib;
    for (unsigned p = 0; p < model->n_profiles && most == GS_NOT_KNOWN; p++) {
        if (model->profiles[p].compute_slices == model->compute_slices) {
            most = model->profiles[p].memory_mib;
        }
    }
    return most;
}

/* Thousandths of a GPU, at most 1000. */
static uint32_t ideal_of_need(const struct gs_model *model, const struct need *need)
{
    uint64_t ideal = need->milli == GS_NOT_KNOWN ? 1 : need->milli;
    uint32_t whole = whole_memory_mib(model);
    if (need->memory_mib != GS_NOT_KNOWN && whole != GS_NOT_KNOWN) {
        uint64_t share = ((uint64_t)need->memory_mib * 1000 + whole - 1) / whole;
        ideal = share > ideal ? share : ideal;
    }
    if (need->util_ppm != UINT64_MAX && (need->util_ppm + 999) / 1000 > ideal) {
        ideal = (need->util_ppm + 999) / 1000;
    }
    return ideal < 1000 ? (uint32_t)ideal : 1000;
}

static uint32_t ideal_of_profile(const struct gs_model *model, uint8_t profile)
{
    if (profile == GS_SIM_WHOLE) {
        return 1000;
    }
    const struct gs_profile *p = &model->profiles[profile];
    uint32_t compute =
        (p->compute_slices * 1000u + model->compute_slices - 1) / model->compute_slices;
    uint32_t memory = (p->memory_units * 1000u + model->memory_units - 1) / model->memory_units;
    return compute > memory ? compute : memory;
}

/* ---- the three ways to a profile ---- */

/* By its name, or by its compute slices, "1g": the plain profile that has so many. */
static int find_profile(const struct gs_model *model, struct gs_view text, unsigned *ret,
                        struct gs_err *err)
{
    struct gs_view rest = text;
    uint64_t slices;
    if (!gs_view_u64(&rest, 64, &slices) || !gs_view_eq(rest, "g")) {
        return gs_model_profile_find(model, text, ret, err);
    }
    int index = gs_service_profile(model, (uint32_t)slices);
    if (index < 0) {
        return gs_fail(err, GS_NOT_FOUND, "%s has no profile of %llu compute slices", model->id,
                       (unsigned long long)slices);
    }
    *ret = (unsigned)index;
    return 0;
}

static int by_name(const struct gs_trace_map *map, const struct gs_trace_ask *ask,
                   struct gs_sim_job *job, struct gs_err *err)
{
    const struct gs_model *model = map->rule.model;
    unsigned index;
    int r = find_profile(model, gs_view(ask->profile), &index, err);
    if (r < 0) {
        return r;
    }
    bool whole = model->profiles[index].compute_slices >= model->compute_slices;
    job->profile = whole ? GS_SIM_WHOLE : (uint8_t)index;
    job->ideal_milli = ideal_of_profile(model, job->profile);
    return 0;
}

static int by_speed(const struct gs_trace_map *map, const struct gs_trace_ask *ask,
                    struct gs_sim_job *job, struct gs_err *err)
{
    const struct gs_trace_speed *speed;
    int r = gs_trace_speed_find(map->rule.model, gs_view(ask->work), &speed, err);
    if (r < 0) {
        return r;
    }
    job->profile = GS_SIM_WHOLE;
    for (unsigned i = 0; i < map->n_order && job->profile == GS_SIM_WHOLE; i++) {
        uint32_t slowdown = speed->slowdown_permille[map->order[i]];
        if (slowdown > 0 &&
            (map->rule.slowdown_permille == 0 || slowdown <= map->rule.slowdown_permille)) {
            job->profile = map->order[i];
        }
    }
    job->speed = &speed->speed;
    job->ideal_milli = ideal_of_profile(map->rule.model, job->profile);
    return 0;
}

static int by_need(const struct gs_trace_map *map, const struct gs_trace_ask *ask,
                   struct gs_sim_job *job, struct gs_err *err)
{
    const struct gs_model *model = map->rule.model;
    struct need need = find_need(&map->rule, ask);
    uint32_t whole = whole_memory_mib(model);
    if (need.memory_mib != GS_NOT_KNOWN && whole != GS_NOT_KNOWN && need.memory_mib > whole) {
        return gs_fail(err, GS_INVALID, "needs %u MiB of one GPU; expected at most the %u of %s",
                       need.memory_mib, whole, model->id);
    }
    /* Utilisation alone does not say that the memory of a slice will do. */
    bool said = need.milli != GS_NOT_KNOWN || need.memory_mib != GS_NOT_KNOWN ||
                (need.util_ppm != UINT64_MAX && map->rule.memory_by == GS_TRACE_BY_NOTHING);
    job->profile = said ? smallest(map, &need) : GS_SIM_WHOLE;
    job->ideal_milli = said ? ideal_of_need(model, &need) : 1000;
    return 0;
}

static bool asks_for_a_part(const struct gs_trace_ask *ask)
{
    return ask->gpus == 1 && (ask->profile != NULL || ask->work != NULL || ask->milli < 1000 ||
                              ask->memory_mib.peak != GS_NOT_KNOWN);
}

int gs_trace_map_job(const struct gs_trace_map *map, const struct gs_trace_ask *ask,
                     struct gs_sim_job *ret, enum gs_trace_left_out *ret_left, struct gs_err *err)
{
    if (ask->gpus == 0) {
        *ret_left = GS_TRACE_LEFT_NO_GPU;
        return 0;
    }
    if (ask->fate == GS_TRACE_NEVER_RAN && !map->rule.with_never_ran) {
        *ret_left = GS_TRACE_LEFT_NEVER_RAN;
        return 0;
    }
    if (map->rule.fractional_only && !asks_for_a_part(ask)) {
        *ret_left = GS_TRACE_LEFT_NOT_FRACTIONAL;
        return 0;
    }
    struct gs_sim_job job = {.row = ask->row,
                             .arrive_us = ask->arrive_us,
                             .run_us = ask->run_us,
                             .ideal_milli = 1000 * ask->gpus,
                             .gpus = (uint16_t)ask->gpus,
                             .profile = GS_SIM_WHOLE};
    int r = 0;
    if (ask->gpus == 1) {
        r = ask->profile != NULL ? by_name(map, ask, &job, err)
            : ask->work != NULL  ? by_speed(map, ask, &job, err)
                                 : by_need(map, ask, &job, err);
    }
    if (r < 0) {
        *ret_left = GS_TRACE_LEFT_UNMAPPED;
        return 0;
    }
    *ret = job;
    return 1;
}

enum gs_trace_grounds gs_trace_map_grounds(const struct gs_trace_map *map,
                                           const struct gs_trace_ask *ask,
                                           const struct gs_sim_job *job)
{
    const struct gs_trace_rule *rule = &map->rule;
    bool memory = ask->memory_mib.peak != GS_NOT_KNOWN;
    bool util = ask->util_permille.peak != GS_NOT_KNOWN;
    if (ask->gpus != 1 || ask->profile != NULL || ask->work != NULL || ask->milli != GS_NOT_KNOWN) {
        return GS_TRACE_GROUNDS_SAID;
    }
    if (job->profile != GS_SIM_WHOLE) {
        return memory && !util && rule->util_by != GS_TRACE_BY_NOTHING ? GS_TRACE_GROUNDS_MEMORY
                                                                       : GS_TRACE_GROUNDS_SAID;
    }
    return memory || (util && rule->memory_by == GS_TRACE_BY_NOTHING) ? GS_TRACE_GROUNDS_SAID
                                                                      : GS_TRACE_GROUNDS_NONE;
}

/* ---- a trace as the jobs of a world ---- */

int gs_trace_jobs_next(void *ctx, struct gs_sim_job *ret, struct gs_err *err)
{
    struct gs_trace_jobs *jobs = ctx;
    struct gs_trace_ask ask;
    for (;;) {
        int r = gs_trace_next(jobs->trace, &ask, err);
        if (r == GS_TRACE_MORE) {
            return gs_fail(err, GS_INVALID, "a trace that is pushed cannot be drawn from");
        }
        if (r != GS_TRACE_ASK) {
            return r;
        }
        enum gs_trace_left_out left;
        struct gs_err why;
        if (gs_trace_map_job(jobs->map, &ask, ret, &left, &why) == 1) {
            jobs->jobs++;
            return 1;
        }
        jobs->left_out[left]++;
        if (left == GS_TRACE_LEFT_UNMAPPED && jobs->unmapped != NULL &&
            jobs->left_out[left] <= GS_TRACE_BAD_MAX) {
            (void)gs_trace_wrap_row(jobs->trace, &ask, &why);
            jobs->unmapped(jobs->unmapped_ctx, &why);
        }
    }
}
