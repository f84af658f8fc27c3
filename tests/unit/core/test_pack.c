#include "unit/check.h"

#include <stdlib.h>
#include <string.h>

#include "core/catalog.h"
#include "core/pack.h"

/* One model, new GPUs only, one kind of item a profile: what `--model` asks. */
struct bench {
    struct gs_arena keep;
    struct gs_arena work;
    const struct gs_model *model;
    const struct gs_statetable *table;
    struct gs_pool pool;
    struct gs_program_target target;
    struct gs_use uses[GS_PROFILES_MAX];
};

static const int64_t one_gpu = 1;

static void set_up(struct bench *b, const char *name, uint32_t profiles)
{
    *b = (struct bench){0};
    gs_arena_init(&b->keep, &gs_alloc_heap, 64 << 20);
    gs_arena_init(&b->work, &gs_alloc_heap, 256 << 20);
    assert_int_equal(gs_catalog_find(gs_view(name), &b->model, NULL), 0);
    assert_int_equal(gs_statetable_new(&b->keep, b->model, profiles, &b->table, NULL), 0);
    b->pool =
        (struct gs_pool){.table = b->table, .whole = true, .cut = true, .count = GS_POOL_NO_LIMIT};
    assert_int_equal(gs_pool_list_columns(&b->pool, &b->keep, profiles, NULL), 0);
    b->target = (struct gs_program_target){.pools = &b->pool, .n_pools = 1, .pool_costs = &one_gpu};
    for (unsigned p = 0; p < b->model->n_profiles; p++) {
        b->uses[p].kind = p;
        b->uses[p].slices[p] = 1;
    }
}

static void tear_down(struct bench *b)
{
    gs_arena_done(&b->keep);
    gs_arena_done(&b->work);
}

/* Slices of the layouts add up to the demand, and each layout fits one GPU. */
static void check_layouts(const struct bench *b, const int64_t *needs, const struct gs_pack *pack)
{
    int64_t slices[GS_PROFILES_MAX] = {0};
    int64_t gpus = 0;
    for (size_t i = 0; i < pack->n_layouts; i++) {
        const struct gs_pack_layout *layout = &pack->layouts[i];
        assert_true(gs_statetable_multiset(b->table, layout->counts) > 0);
        gpus += layout->count;
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            slices[p] += layout->counts[p] * layout->count;
        }
    }
    assert_int_equal(gpus, pack->value);
    assert_memory_equal(slices, needs, b->model->n_profiles * sizeof(*needs));
}

/* The fewest GPUs, proven; the layouts are checked on the way. */
static int64_t fewest(struct bench *b, const int64_t *needs)
{
    struct gs_program_spec spec = {
        .targets = &b->target,
        .n_targets = 1,
        .uses = b->uses,
        .n_uses = b->model->n_profiles,
        .n_kinds = b->model->n_profiles,
        .needs = needs,
    };
    struct gs_arena_mark mark = gs_arena_mark(&b->work);
    struct gs_pack pack;
    assert_int_equal(gs_pack_solve(&b->work, &spec, 1, &pack, NULL), 0);
    assert_true(pack.found);
    assert_int_equal(pack.value, pack.bound);
    check_layouts(b, needs, &pack);
    int64_t value = pack.value;
    gs_arena_rewind(&b->work, mark);
    return value;
}

/* A set of count vectors in mixed radix: entry = GPUs needed + 1, 0 = not reached. */
struct reach {
    unsigned n;
    unsigned radix[GS_PROFILES_MAX];
    size_t size;
    uint8_t *gpus;
};

static size_t code_of(const struct reach *reach, const uint8_t *counts)
{
    size_t code = 0;
    for (unsigned p = reach->n; p-- > 0;) {
        code = code * reach->radix[p] + counts[p];
    }
    return code;
}

static void decode(const struct reach *reach, size_t code, int64_t *needs)
{
    for (unsigned p = 0; p < reach->n; p++) {
        needs[p] = (int64_t)(code % reach->radix[p]);
        code /= reach->radix[p];
    }
}

/* Every count vector that up to `most` GPUs can hold, with the fewest GPUs: by adding one GPU's
 * multiset at a time. */
static void reach_all(struct reach *reach, const struct bench *b, unsigned most)
{
    *reach = (struct reach){.n = b->model->n_profiles, .size = 1};
    for (unsigned p = 0; p < reach->n; p++) {
        unsigned in_table = (b->table->profiles >> p & 1u) != 0;
        reach->radix[p] = in_table ? b->model->profiles[p].max_instances * most + 1 : 1;
        reach->size *= reach->radix[p];
    }
    reach->gpus = calloc(reach->size, 1);
    assert_non_null(reach->gpus);
    reach->gpus[0] = 1;
    for (unsigned g = 1; g <= most; g++) {
        for (size_t code = 0; code < reach->size; code++) {
            if (reach->gpus[code] != g) {
                continue;
            }
            for (unsigned m = 1; m < b->table->n_multisets; m++) {
                size_t sum = code + code_of(reach, b->table->multisets[m].counts);
                if (reach->gpus[sum] == 0) {
                    reach->gpus[sum] = (uint8_t)(g + 1);
                }
            }
        }
    }
}

/* GPUs needed as brute force sees it; more than it looked at: UINT8_MAX. */
static unsigned brute_force(const struct reach *reach, const int64_t *needs)
{
    uint8_t counts[GS_PROFILES_MAX];
    for (unsigned p = 0; p < reach->n; p++) {
        if (needs[p] >= reach->radix[p]) {
            return UINT8_MAX;
        }
        counts[p] = (uint8_t)needs[p];
    }
    unsigned gpus = reach->gpus[code_of(reach, counts)];
    return gpus == 0 ? UINT8_MAX : gpus - 1;
}

/* The next vector with each count from 0 to `gpus` times its maximum plus one; false at the end. */
static bool next_vector(const struct bench *b, unsigned gpus, int64_t *needs)
{
    for (unsigned p = 0; p < b->model->n_profiles; p++) {
        if ((b->table->profiles >> p & 1u) == 0) {
            continue;
        }
        if (needs[p] <= (int64_t)gpus * b->model->profiles[p].max_instances) {
            needs[p]++;
            return true;
        }
        needs[p] = 0;
    }
    return false;
}

/* "Do these counts fit on M GPUs?" for M from 1 to `most`: the packing must say as brute force
 * does, for every vector that each profile by itself could nearly fill the GPUs with. */
static void equals_brute_force(const char *model, uint32_t profiles, unsigned most,
                               size_t vectors_wanted)
{
    struct bench b;
    struct reach reach;
    set_up(&b, model, profiles);
    reach_all(&reach, &b, most);
    size_t vectors = 0;
    for (unsigned gpus = 1; gpus <= most; gpus++) {
        int64_t needs[GS_PROFILES_MAX] = {0};
        do {
            unsigned truth = brute_force(&reach, needs);
            int64_t got = fewest(&b, needs);
            assert_true(truth == UINT8_MAX ? got > most : got == truth);
            vectors++;
        } while (next_vector(&b, gpus, needs));
    }
    assert_int_equal(vectors, vectors_wanted);
    free(reach.gpus);
    tear_down(&b);
}

static uint32_t plain_a100(void)
{
    const struct gs_model *model;
    unsigned index[5];
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    assert_true(gs_pack_has_closed_form(model, index));
    return 1u << index[0] | 1u << index[1] | 1u << index[2] | 1u << index[3] | 1u << index[4];
}

static void pack__equals_brute_force_on_every_demand_of_three_plain_a100(void **state)
{
    (void)state;
    equals_brute_force("A100-40GB", plain_a100(), 3, 64508);
}

static void pack__equals_brute_force_on_every_demand_of_three_a30(void **state)
{
    (void)state;
    equals_brute_force("A30-24GB", GS_ALL_PROFILES, 3, 18488);
}

static void pack__closed_form_equals_brute_force_on_three_plain_a100(void **state)
{
    (void)state;
    struct bench b;
    struct reach reach;
    unsigned at[5];
    set_up(&b, "A100-40GB", plain_a100());
    assert_true(gs_pack_has_closed_form(b.model, at));
    reach_all(&reach, &b, 4);
    for (size_t code = 0; code < reach.size; code++) {
        int64_t n[GS_PROFILES_MAX];
        decode(&reach, code, n);
        uint64_t form = gs_pack_closed_form(
            &(struct gs_pack_plain){(uint64_t)n[at[0]], (uint64_t)n[at[1]], (uint64_t)n[at[2]],
                                    (uint64_t)n[at[3]], (uint64_t)n[at[4]]});
        if (reach.gpus[code] > 0) {
            assert_int_equal(form, reach.gpus[code] - 1);
        } else {
            assert_true(form > 4);
        }
    }
    free(reach.gpus);
    tear_down(&b);
}

/* Every multiset of one GPU, and each with one slice beyond. */
static void one_gpu_and_one_slice_beyond(const char *model)
{
    struct bench b;
    set_up(&b, model, GS_ALL_PROFILES);
    for (unsigned m = 1; m < b.table->n_multisets; m++) {
        int64_t needs[GS_PROFILES_MAX] = {0};
        uint8_t counts[GS_PROFILES_MAX];
        memcpy(counts, b.table->multisets[m].counts, sizeof(counts));
        for (unsigned p = 0; p < b.model->n_profiles; p++) {
            needs[p] = counts[p];
        }
        assert_int_equal(fewest(&b, needs), 1);
        for (unsigned p = 0; p < b.model->n_profiles; p++) {
            needs[p]++;
            counts[p]++;
            int on_one = gs_statetable_multiset(b.table, counts);
            assert_int_equal(fewest(&b, needs), on_one >= 0 ? 1 : 2);
            needs[p]--;
            counts[p]--;
        }
    }
    tear_down(&b);
}

static void pack__is_exact_on_one_rtx_pro_6000_and_one_slice_beyond(void **state)
{
    (void)state;
    one_gpu_and_one_slice_beyond("RTX-PRO-6000-96GB");
}

static void pack__is_exact_on_one_a100_with_all_profiles_and_one_slice_beyond(void **state)
{
    (void)state;
    one_gpu_and_one_slice_beyond("A100-40GB");
}

static void pack__proves_a_million_slices(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "A100-40GB", GS_ALL_PROFILES);
    int64_t needs[GS_PROFILES_MAX] = {400000, 90000, 60000, 250000, 120000, 50000, 30000};
    assert_int_equal(fewest(&b, needs), 1820000 / 7); /* all compute slices are used */
    tear_down(&b);
}

static void pack__has_a_packing_and_a_bound_when_the_search_ends_at_once(void **state)
{
    (void)state;
    struct bench b;
    set_up(&b, "A100-40GB", GS_ALL_PROFILES);
    int64_t needs[GS_PROFILES_MAX] = {31, 5, 7, 12, 9, 3, 2};
    const struct gs_program_spec spec = {
        .targets = &b.target,
        .n_targets = 1,
        .uses = b.uses,
        .n_uses = b.model->n_profiles,
        .n_kinds = b.model->n_profiles,
        .needs = needs,
    };
    int64_t best = fewest(&b, needs);
    struct gs_pack pack;
    assert_int_equal(gs_pack_solve_within(&b.work, &spec, 1, 1, &pack, NULL), 0);
    assert_true(pack.found);
    check_layouts(&b, needs, &pack);
    assert_in_range(pack.value, best, best + 3);
    assert_true(pack.bound <= best && pack.bound >= 0);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack__has_a_packing_and_a_bound_when_the_search_ends_at_once),
        cmocka_unit_test(pack__equals_brute_force_on_every_demand_of_three_plain_a100),
        cmocka_unit_test(pack__equals_brute_force_on_every_demand_of_three_a30),
        cmocka_unit_test(pack__closed_form_equals_brute_force_on_three_plain_a100),
        cmocka_unit_test(pack__is_exact_on_one_rtx_pro_6000_and_one_slice_beyond),
        cmocka_unit_test(pack__is_exact_on_one_a100_with_all_profiles_and_one_slice_beyond),
        cmocka_unit_test(pack__proves_a_million_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
