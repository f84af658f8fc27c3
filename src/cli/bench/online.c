#include <string.h>

#include "base/cleanup.h"
#include "cli/bench/bench.h"
#include "core/catalog.h"
#include "core/pack.h"
#include "core/transition.h"
#include "sim/online_load.h"
#include "sim/random.h"

static int find_states(struct gs_cmd_bench *bench, const char *model_id, uint32_t profiles,
                       const struct gs_statetable **ret, struct gs_err *err)
{
    const struct gs_model *model;
    int r = gs_catalog_find(gs_view(model_id), &model, err);
    return r < 0 ? r : gs_statetable_new(bench->arena, model, profiles, ret, err);
}

/* ------------------------------------------------------------------ online */

static const struct fleet {
    const char *what;
    const char *model;
    bool plain; /* 1g, 2g, 3g, 4g, 7g alone, 35/25/20/15/5; else all profiles alike */
} fleets[] = {
    {"A100-40GB, five profiles, 35/25/20/15/5", "A100-40GB", true},
    {"A100-40GB, all profiles alike", "A100-40GB", false},
    {"RTX-PRO-6000-96GB, all profiles alike", "RTX-PRO-6000-96GB", false},
    {"A30-24GB, all profiles alike", "A30-24GB", false},
};

struct load {
    struct gs_online_load *load;
    uint64_t operations;
    struct gs_online_load_count count;
};

static int run_load(void *ctx, struct gs_err *err)
{
    (void)err;
    struct load *load = ctx;
    gs_online_load_run(load->load, load->operations, &load->count);
    return 0;
}

static int choose_weights(const struct fleet *fleet, uint32_t weights[GS_PROFILES_MAX],
                          uint32_t *ret_profiles, struct gs_err *err)
{
    static const uint32_t plain_weights[] = {35, 25, 20, 15, 5};
    const struct gs_model *model;
    unsigned plain[5];
    int r = gs_catalog_find(gs_view(fleet->model), &model, err);
    if (r < 0) {
        return r;
    }
    memset(weights, 0, GS_PROFILES_MAX * sizeof(*weights));
    *ret_profiles = 0;
    if (!fleet->plain) {
        for (unsigned p = 0; p < model->n_profiles; p++) {
            weights[p] = 1;
        }
        *ret_profiles = GS_ALL_PROFILES;
        return 0;
    }
    if (!gs_pack_has_closed_form(model, plain)) {
        return gs_fail(err, GS_NOT_FOUND, "%s has not the five plain profiles", model->id);
    }
    for (unsigned i = 0; i < GS_ARRAY_LEN(plain_weights); i++) {
        weights[plain[i]] = plain_weights[i];
        *ret_profiles |= 1u << plain[i];
    }
    return 0;
}

static int measure_load(struct gs_cmd_bench *bench, const struct fleet *fleet, struct gs_err *err)
{
    static const double goal = 10e6;
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_CMD_BENCH_MEMORY_MAX);
    struct gs_online_load_options options = {
        .gpus = (uint32_t)gs_cmd_bench_size(bench, 100000, 200),
        .occupancy_permille = 920,
        .seed = bench->args->seed,
    };
    uint32_t profiles;
    const struct gs_statetable *states = NULL;
    size_t n_policies;
    struct load load = {.operations = gs_cmd_bench_size(bench, 20000000, 20000)};
    int r = choose_weights(fleet, options.weights, &profiles, err);
    r = r < 0 ? r : find_states(bench, fleet->model, profiles, &states, err);
    r = r < 0 ? r
              : gs_policy_table_new(&arena, states, &gs_policies(&n_policies)[0],
                                    &options.decisions, err);
    r = r < 0 ? r : gs_online_load_new(&arena, &options, &load.load, err);
    if (r < 0) {
        return r;
    }
    unsigned before = gs_online_load_permille(load.load);
    const struct gs_cmd_bench_work work = {.what = fleet->what,
                                           .run = run_load,
                                           .ctx = &load,
                                           .unit = GS_CMD_BENCH_RATE,
                                           .operations = (double)load.operations,
                                           .goal = goal};
    struct gs_cmd_bench_measure *measure;
    r = gs_cmd_bench_measure(bench, &work, &measure, err);
    unsigned after = gs_online_load_permille(load.load);
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "gpus", options.gpus, 0, err);
    r = r < 0 ? r
              : gs_cmd_bench_number(bench, measure, "occupancy_percent",
                                    before < after ? before : after, 1, err);
    uint64_t done = load.count.placements + load.count.releases;
    return r < 0 ? r
                 : gs_cmd_bench_number(bench, measure, "placements_percent",
                                       load.count.placements * 1000 / done, 1, err);
}

int gs_cmd_bench_online(struct gs_cmd_bench *bench, struct gs_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(fleets); i++) {
        r = measure_load(bench, &fleets[i], err);
    }
    size_t n;
    return r < 0 ? r
                 : gs_cmd_bench_note(bench, err,
                                     "Policy %s. An operation is a placement or the release of a "
                                     "slice drawn at random; the fleet was turned over three times "
                                     "before.",
                                     gs_policies(&n)[0].name);
}

/* ------------------------------------------------------------------ transition */

enum { QUESTIONS = 4096, BATCH = 64, TRIES = 3 };

struct question {
    struct gs_layout from;
    struct gs_layout_goal goal;
};

struct transitions {
    struct gs_transition_index index;
    struct question *questions;
    unsigned n;
    uint64_t operations;
    uint64_t planned; /* of the last run; the others have slices in use in their way */
};

static void draw_question(const struct gs_statetable *states, struct gs_random *random,
                          struct question *ret)
{
    uint16_t state = (uint16_t)gs_random_below(random, states->n_states);
    uint64_t set = states->sets[state];
    gs_layout_from_set(states, set, set & gs_random_u64(random), &ret->from);
    uint32_t wanted = gs_random_below(random, states->n_multisets);
    ret->goal = (struct gs_layout_goal){.placed = false};
    memcpy(ret->goal.counts, states->multisets[wanted].counts, sizeof(ret->goal.counts));
}

/* Slices that stand in the way are an answer too. */
static int ask(struct transitions *transitions, unsigned i, struct gs_err *err)
{
    struct gs_transition transition;
    struct gs_err why;
    const struct question *question = &transitions->questions[i];
    int r = gs_transition_plan(&transitions->index, &question->from, &question->goal, &transition,
                               &why);
    transitions->planned += r == 0;
    if (r < 0 && r != GS_BUSY) {
        return gs_fail(err, why.code, "%s", why.msg);
    }
    return 0;
}

static int ask_all(void *ctx, struct gs_err *err)
{
    struct transitions *transitions = ctx;
    int r = 0;
    transitions->planned = 0;
    for (uint64_t i = 0; r == 0 && i < transitions->operations; i++) {
        r = ask(transitions, (unsigned)(i % transitions->n), err);
    }
    return r;
}

/* The question that takes longest, each asked BATCH times, the best of TRIES. In picoseconds. */
static uint64_t slowest_ps(struct transitions *transitions)
{
    uint64_t slowest = 0;
    for (unsigned i = 0; i < transitions->n; i++) {
        uint64_t best = UINT64_MAX;
        for (unsigned t = 0; t < TRIES; t++) {
            uint64_t from = gs_cmd_bench_now().cpu_ns;
            for (unsigned b = 0; b < BATCH; b++) {
                (void)ask(transitions, i, NULL);
            }
            uint64_t taken = (gs_cmd_bench_now().cpu_ns - from) * 1000 / BATCH;
            best = taken < best ? taken : best;
        }
        slowest = best > slowest ? best : slowest;
    }
    return slowest;
}

static int measure_transitions(struct gs_cmd_bench *bench, const char *model, struct gs_err *err)
{
    static const double goal_s = 10e-6;
    static const uint64_t goal_ps = 10000000;
    const struct gs_statetable *states;
    struct transitions transitions = {
        .n = (unsigned)gs_cmd_bench_size(bench, QUESTIONS, 64),
        .operations = gs_cmd_bench_size(bench, 1000000, 1000),
    };
    int r = find_states(bench, model, GS_ALL_PROFILES, &states, err);
    r = r < 0 ? r : gs_transition_index_init(bench->arena, states, &transitions.index, err);
    transitions.questions = GS_ARENA_NEW(bench->arena, struct question, transitions.n);
    if (r < 0 || transitions.questions == NULL) {
        return r < 0 ? r : gs_cmd_bench_no_memory(err);
    }
    struct gs_random random;
    gs_random_init(&random, bench->args->seed);
    for (unsigned i = 0; i < transitions.n; i++) {
        draw_question(states, &random, &transitions.questions[i]);
    }
    const struct gs_cmd_bench_work work = {
        .what = gs_cmd_bench_text(bench, "%s, all profiles", model),
        .run = ask_all,
        .ctx = &transitions,
        .operations = (double)transitions.operations,
        .goal = goal_s,
    };
    struct gs_cmd_bench_measure *measure;
    r = gs_cmd_bench_measure(bench, &work, &measure, err);
    uint64_t planned = transitions.planned;
    r = r < 0 ? r : gs_cmd_bench_number(bench, measure, "states", states->n_states, 0, err);
    r = r < 0 ? r
              : gs_cmd_bench_number(bench, measure, "possible_percent",
                                    planned * 1000 / transitions.operations, 1, err);
    const struct gs_cmd_bench_fact slowest = {.name = "slowest_s",
                                              .number = r < 0 ? 0 : slowest_ps(&transitions),
                                              .places = 12,
                                              .at_most = goal_ps};
    return r < 0 ? r : gs_cmd_bench_fact(bench, measure, &slowest, err);
}

int gs_cmd_bench_transition(struct gs_cmd_bench *bench, struct gs_err *err)
{
    int r = measure_transitions(bench, "A100-40GB", err);
    r = r < 0 ? r : measure_transitions(bench, "RTX-PRO-6000-96GB", err);
    return r < 0 ? r
                 : gs_cmd_bench_note(bench, err,
                                     "A random state of the GPU, each of its slices in use or not, "
                                     "to a random legal multiset.");
}
