/* Which compute instances of a GPU instance stay, and where the others go, against a search that
 * tries everything; and how a configuration is shared out over GPU instances. */
#include "unit/check.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "partition/change.h"
#include "partition/goal.h"
#include "sim/random.h"
#include "unit/partition/desk.h"

enum { ROUNDS = 4000 };

static const unsigned sizes_of_gis[] = {1, 2, 3, 4, 7};

/* The rule in other words: what a GI of `of` slices offers, and where. */
static bool may_lie(unsigned of, unsigned slices, unsigned start)
{
    if (slices == of) {
        return start == 0;
    }
    if (slices > of || slices > 4 || (slices > 2 && of != 7) || start + slices > of) {
        return false;
    }
    return slices == 1 || (slices == 2 ? start % 2 == 0 : start % 4 == 0);
}

static void rule__offers_what_nvidia_lists(void **state)
{
    (void)state;
    /* instances that -lcip prints, by GI and compute slices */
    static const struct {
        unsigned of, slices, most;
    } listed[] = {
        {1, 1, 1}, {2, 1, 2}, {2, 2, 1}, {3, 1, 3}, {3, 2, 1}, {3, 3, 1}, {4, 1, 4}, {4, 2, 2},
        {4, 3, 0}, {4, 4, 1}, {7, 1, 7}, {7, 2, 3}, {7, 3, 2}, {7, 4, 1}, {7, 7, 1},
    };
    for (size_t k = 0; k < GS_ARRAY_LEN(listed); k++) {
        struct gs_inside inside;
        gs_inside_by_rule(listed[k].of, &inside);
        const struct gs_compute_places *kind =
            &inside.kinds[gs_geometry_ci_profile(listed[k].slices)];
        assert_true(inside.known);
        assert_int_equal(__builtin_popcount(kind->starts), listed[k].most);
        for (unsigned start = 0; start < 8; start++) {
            assert_int_equal(kind->starts >> start & 1u,
                             may_lie(listed[k].of, listed[k].slices, start));
        }
    }
    static const unsigned strange[] = {0, 5, 6, 8, 9, 12};
    for (size_t k = 0; k < GS_ARRAY_LEN(strange); k++) {
        struct gs_inside inside;
        gs_inside_by_rule(strange[k], &inside);
        assert_false(inside.known);
    }
}

/* A question: a GI with compute instances, some in use, and what it shall have. */
struct question {
    unsigned of;
    struct gs_gpu_instance gi;
    unsigned busy;
    struct gs_geometry_gi want;
};

static unsigned span_of(unsigned slices, unsigned start)
{
    return ((1u << slices) - 1u) << start;
}

static void ask(struct gs_random *random, struct question *ret)
{
    *ret = (struct question){.of = sizes_of_gis[gs_random_below(random, 5)]};
    unsigned taken = 0;
    for (unsigned tries = 0; tries < 12 && ret->gi.n_compute < GS_COMPUTE_INSTANCES_MAX; tries++) {
        unsigned slices = 1 + gs_random_below(random, ret->of < 4 ? ret->of : 4);
        unsigned start = gs_random_below(random, 8);
        if (may_lie(ret->of, slices, start) && (taken & span_of(slices, start)) == 0) {
            taken |= span_of(slices, start);
            ret->busy |= gs_random_below(random, 3) == 0 ? 1u << ret->gi.n_compute : 0u;
            ret->gi.compute[ret->gi.n_compute] =
                (struct gs_compute_instance){.id = ret->gi.n_compute,
                                             .profile = gs_geometry_ci_profile(slices),
                                             .start = start,
                                             .size = slices};
            ret->gi.n_compute++;
        }
    }
    for (unsigned left = ret->of; left > 0 && gs_random_below(random, 6) > 0;) {
        unsigned slices = 1 + gs_random_below(random, left < 4 ? left : 4);
        left -= slices;
        ret->want.cis[ret->want.n_cis++] = (struct gs_geometry_ci){
            .slices = (uint8_t)slices, .profile = gs_geometry_ci_profile(slices)};
    }
}

/* Gives each wanted one from the w-th on one of those that are there, or a place; the most that
 * can be kept so, with all that is busy kept; -1: it cannot be. */
static int try_all(const struct question *q, unsigned w, unsigned used, unsigned taken)
{
    int best = -1;
    if (w == q->want.n_cis) {
        return (q->busy & ~used) == 0 ? 0 : -1;
    }
    unsigned slices = q->want.cis[w].slices;
    for (unsigned j = 0; j < q->gi.n_compute; j++) {
        const struct gs_compute_instance *ci = &q->gi.compute[j];
        if ((used >> j & 1u) == 0 && ci->size == slices &&
            (taken & span_of(slices, ci->start)) == 0) {
            int rest = try_all(q, w + 1, used | 1u << j, taken | span_of(slices, ci->start));
            best = rest >= 0 && rest + 1 > best ? rest + 1 : best;
        }
    }
    for (unsigned start = 0; start < q->of; start++) {
        if (may_lie(q->of, slices, start) && (taken & span_of(slices, start)) == 0) {
            int rest = try_all(q, w + 1, used, taken | span_of(slices, start));
            best = rest > best ? rest : best;
        }
    }
    return best;
}

static void check_plan(const struct question *q, const struct gs_inside_plan *plan)
{
    unsigned taken = 0;
    unsigned counts[9] = {0};
    for (unsigned j = 0; j < q->gi.n_compute; j++) {
        if ((plan->kept >> j & 1u) != 0) {
            taken |= span_of(q->gi.compute[j].size, q->gi.compute[j].start);
            counts[q->gi.compute[j].size]++;
        }
    }
    for (unsigned w = 0; w < q->want.n_cis; w++) {
        unsigned slices = q->want.cis[w].slices;
        counts[slices] -= (plan->missing >> w & 1u) == 0;
        if ((plan->missing >> w & 1u) != 0) {
            assert_true(may_lie(q->of, slices, plan->starts[w]));
            assert_int_equal(taken & span_of(slices, plan->starts[w]), 0);
            taken |= span_of(slices, plan->starts[w]);
        }
    }
    for (unsigned slices = 0; slices < 9; slices++) {
        assert_int_equal(counts[slices], 0); /* as many are kept as are not missing */
    }
    assert_int_equal(q->busy & ~plan->kept, 0);
}

static void plan__keeps_as_many_as_a_search_of_everything(void **state)
{
    (void)state;
    static const uint64_t seed = 11;
    struct gs_random random;
    unsigned plans = 0;
    unsigned blocked = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    gs_random_init(&random, seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct question q;
        struct gs_inside inside;
        struct gs_inside_plan plan;
        ask(&random, &q);
        gs_inside_by_rule(q.of, &inside);
        int most = try_all(&q, 0, 0, 0);
        bool found = gs_inside_plan(&inside, &q.gi, q.busy, &q.want, &plan);
        unsigned blockers = gs_inside_blockers(&inside, &q.gi, q.busy, &q.want);
        if (found != (most >= 0) || (found && __builtin_popcount(plan.kept) != most)) {
            fail_msg("round %u: %d kept, and %d can be", round,
                     found ? __builtin_popcount(plan.kept) : -1, most);
        }
        assert_int_equal(blockers == 0, found || q.busy == 0);
        if (found) {
            check_plan(&q, &plan);
            plans++;
        } else if (q.busy != 0) {
            q.busy &= ~blockers;
            assert_true(try_all(&q, 0, 0, 0) >= 0 || q.busy == 0);
            blocked++;
        }
    }
    print_message("%u plans, %u in the way\n", plans, blocked);
    assert_true(plans > ROUNDS / 4 && blocked > ROUNDS / 10);
}

/* What a driver tells goes before the rule; and what it does not tell of a start is not guessed. */
static void plan__believes_what_the_driver_tells(void **state)
{
    (void)state;
    struct gs_inside inside;
    struct gs_inside_plan plan;
    struct gs_gpu_instance gi = {.n_compute = 1};
    const struct gs_geometry_gi two = {.n_cis = 1, .cis = {{.slices = 2, .profile = 1}}};
    const struct gs_geometry_gi both = {
        .n_cis = 2, .cis = {{.slices = 2, .profile = 1}, {.slices = 1, .profile = 0}}};
    gs_inside_by_rule(3, &inside);
    gi.compute[0] = (struct gs_compute_instance){.profile = 0, .start = 0, .size = 1};
    assert_false(gs_inside_plan(&inside, &gi, 1, &both, &plan));
    inside.kinds[1].starts = 0x3; /* a driver that puts a 2c at 1 too */
    assert_true(gs_inside_plan(&inside, &gi, 1, &both, &plan));
    assert_int_equal(plan.starts[0], 1);
    static const uint32_t strange[][2] = {
        {GS_NOT_KNOWN, 1}, {UINT32_MAX - 1, UINT32_MAX - 1}, {0, 0}, {15, 2}, {0, 17}};
    for (size_t k = 0; k < GS_ARRAY_LEN(strange); k++) {
        gi.compute[0].start = strange[k][0];
        gi.compute[0].size = strange[k][1];
        assert_true(gs_inside_plan(&inside, &gi, 1, &both, &plan));
        assert_int_equal(plan.starts[0], GS_INSIDE_ANYWHERE);
        assert_int_equal(gs_inside_place(&inside, &gi, &two.cis[0]), GS_INSIDE_ANYWHERE);
    }
    inside.kinds[1] = (struct gs_compute_places){.size = 32, .starts = 1};
    assert_false(gs_inside_plan(&inside, NULL, 0, &two, &plan));
    assert_int_equal(
        gs_inside_place(&inside, &(struct gs_gpu_instance){.n_compute = 0}, &two.cis[0]), -1);
}

/* A machine of one GPU as it is read, and what is asked of it. */
struct bed {
    struct gs_gpu_table table;
    struct gs_arena arena;
    struct gs_inventory_tables tables;
    struct gs_inventory_gpu gpu;
};

static void begin(struct bed *bed, const char *model)
{
    desk_machine(&bed->table, model, 1);
    gs_arena_init(&bed->arena, &gs_alloc_heap, (size_t)64 << 20);
    gs_inventory_tables_init(&bed->tables, &bed->arena);
}

static void read_bed(struct bed *bed)
{
    struct gs_gpus gpus;
    gs_gpu_table_open(&bed->table, &gpus);
    assert_int_equal(gs_inventory_read(&gpus, 0, true, &bed->tables, &bed->gpu, NULL), 0);
    gs_gpu_close(&gpus);
}

/* Cuts at random, with compute instances at random starts. */
static void cut_at_random(struct bed *bed, const struct gs_model *model, struct gs_random *random)
{
    struct gs_gpus gpus;
    gs_gpu_table_open(&bed->table, &gpus);
    for (unsigned tries = 0; tries < 12; tries++) {
        const struct gs_profile *profile =
            &model->profiles[gs_random_below(random, model->n_profiles)];
        unsigned start = gs_random_below(random, model->memory_units);
        struct gs_gpu_instance gi;
        if ((profile->starts >> start & 1u) == 0 ||
            gs_gpu_create(&gpus, 0, profile->nvml_profile_id, start, profile->memory_units, &gi,
                          NULL) < 0) {
            continue;
        }
        for (unsigned k = 0; k < 6; k++) {
            unsigned slices = 1 + gs_random_below(random, profile->compute_slices);
            struct gs_compute_instance ci;
            if (gs_geometry_ci_profile(slices) != GS_NOT_KNOWN) {
                (void)gs_gpu_create_compute(&gpus, 0, gi.id, gs_geometry_ci_profile(slices),
                                            gs_random_below(random, 8), slices, &ci, NULL);
            }
        }
    }
    gs_gpu_close(&gpus);
}

/* All MIG devices that are there, as a configuration asks for them; `less`: one less. */
static void wish_of(const struct gs_model *model, const struct gs_gpu_instances *instances,
                    struct gs_mig_wish *wish)
{
    *wish = (struct gs_mig_wish){.named = true, .mig_enabled = true};
    for (unsigned i = 0; i < instances->n; i++) {
        int profile = gs_geometry_profile_of(model, &instances->at[i]);
        assert_true(profile >= 0);
        for (unsigned j = 0; j < instances->at[i].n_compute; j++) {
            struct gs_mig_count *count = &wish->slices[wish->n++];
            *count = (struct gs_mig_count){.name = model->profiles[profile].parts, .count = 1};
            count->name.compute_slices =
                (uint8_t)gs_geometry_slices_of(&instances->at[i].compute[j]);
        }
    }
}

static bool has_empty_gi(const struct gs_gpu_instances *instances)
{
    for (unsigned i = 0; i < instances->n; i++) {
        if (instances->at[i].n_compute == 0) {
            return true;
        }
    }
    return false;
}

/* Whatever way the MIG devices are shared out: the configuration that counts them changes nothing,
 * and the one without one of them destroys that one and no other. */
static void goal__of_what_there_is_changes_nothing(void **state)
{
    (void)state;
    static const uint64_t seed = 5;
    struct gs_random random;
    unsigned same = 0;
    size_t n_models;
    const struct gs_model *catalog = gs_catalog(&n_models);
    print_message("seed %llu\n", (unsigned long long)seed);
    gs_random_init(&random, seed);
    for (size_t m = 0; m < n_models; m++) {
        static struct bed bed;
        static struct gs_change change;
        if (!catalog[m].placements_known) {
            continue;
        }
        begin(&bed, catalog[m].id);
        for (unsigned round = 0; round < 25; round++) {
            struct gs_mig_wish wish;
            struct gs_geometry_goal goal;
            struct gs_geometry_blockers blockers;
            struct gs_err err;
            memset(bed.table.gpus[0].gis, 0, sizeof(bed.table.gpus[0].gis));
            cut_at_random(&bed, &catalog[m], &random);
            read_bed(&bed);
            const struct gs_geometry cut = gs_inventory_geometry(&bed.gpu);
            if (has_empty_gi(&bed.gpu.instances)) {
                continue;
            }
            wish_of(cut.index->table->model, &bed.gpu.instances, &wish);
            unsigned devices = wish.n;
            for (unsigned less = 0; less < 2 && devices >= less; less++) {
                wish.n = devices - less;
                if (gs_goal_from_wish(&cut, &wish, &goal, &err) < 0 ||
                    gs_change_plan(&cut, &goal, 0, &change, &blockers, &err) < 0) {
                    fail_msg("%s: %s", catalog[m].id, err.msg);
                }
                unsigned gone = 0;
                for (unsigned k = 0; k < change.n; k++) {
                    gone += change.steps[k].kind == GS_CHANGE_DESTROY_CI;
                    assert_true(change.steps[k].kind == GS_CHANGE_DESTROY_CI ||
                                change.steps[k].kind == GS_CHANGE_DESTROY_GI);
                }
                assert_int_equal(gone, less);
                same++;
            }
        }
        gs_arena_done(&bed.arena);
    }
    print_message("%u configurations\n", same);
    assert_true(same > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule__offers_what_nvidia_lists),
        cmocka_unit_test(plan__keeps_as_many_as_a_search_of_everything),
        cmocka_unit_test(plan__believes_what_the_driver_tells),
        cmocka_unit_test(goal__of_what_there_is_changes_nothing),
    };
    return cmocka_run_group_tests_name("inside", tests, NULL, NULL);
}
