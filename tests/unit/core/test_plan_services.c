/* Services, whose slices serve unequal parts of a need: the plan against all mixes of slices. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "core/catalog.h"
#include "core/plan/plan.h"
#include "sim/random.h"

enum { PLAIN = 5, SERVICES = 3, TIMES = 300, MIXES_MAX = 4000, MOST = 12 };

struct world {
    const struct gs_model *model;
    unsigned profiles[PLAIN];
    struct gs_plan_service services[SERVICES];
    struct gs_plan_service_option options[SERVICES][PLAIN];
};

/* All mixes of at most MOST slices that serve a need and from which none can be left out. */
struct mixes {
    uint64_t counts[MIXES_MAX][PLAIN];
    size_t n;
};

static struct mixes all_mixes[SERVICES];

static void make_world(struct world *world, struct gs_random *random)
{
    memset(world, 0, sizeof(*world));
    assert_int_equal(gs_catalog_find(gs_view("A100-80GB"), &world->model, NULL), 0);
    assert_true(gs_pack_has_closed_form(world->model, world->profiles));
    for (unsigned s = 0; s < SERVICES; s++) {
        int64_t yield = 0;
        for (unsigned i = 0; i < PLAIN; i++) { /* larger slices serve more, or as much */
            yield += 1 + gs_random_below(random, 40);
            world->options[s][i] = (struct gs_plan_service_option){
                .model = world->model, .profile = world->profiles[i], .yield = yield};
        }
        unsigned first = gs_random_below(random, 3); /* some cannot run on the smallest */
        world->services[s] = (struct gs_plan_service){
            .name = "service",
            .need = 1 + gs_random_below(random, (uint32_t)(3 * yield)),
            .options = &world->options[s][first],
            .n_options = PLAIN - first,
        };
    }
}

static void list_from(const struct gs_plan_service *service, size_t i, int64_t rest, unsigned left,
                      uint64_t *counts, struct mixes *mixes)
{
    if (rest <= 0) {
        for (size_t o = 0; o < service->n_options; o++) {
            if (counts[o] > 0 && service->options[o].yield <= -rest) {
                return;
            }
        }
        assert_true(mixes->n < MIXES_MAX);
        memcpy(mixes->counts[mixes->n++], counts, PLAIN * sizeof(*counts));
        return;
    }
    if (i == service->n_options) {
        return;
    }
    for (unsigned times = 0; times <= left; times++) {
        counts[i] = times;
        list_from(service, i + 1, rest - times * service->options[i].yield, left - times, counts,
                  mixes);
        if (rest - times * service->options[i].yield <= 0) {
            break;
        }
    }
    counts[i] = 0;
}

static uint64_t fewest_from(const struct world *world, unsigned s, uint64_t *sums)
{
    if (s == SERVICES) {
        const struct gs_pack_plain plain = {sums[0], sums[1], sums[2], sums[3], sums[4]};
        return gs_pack_closed_form(&plain);
    }
    size_t first = PLAIN - world->services[s].n_options;
    uint64_t fewest = UINT64_MAX;
    for (size_t m = 0; m < all_mixes[s].n; m++) {
        for (size_t o = 0; first + o < PLAIN; o++) {
            sums[first + o] += all_mixes[s].counts[m][o];
        }
        uint64_t gpus = fewest_from(world, s + 1, sums);
        fewest = gpus < fewest ? gpus : fewest;
        for (size_t o = 0; first + o < PLAIN; o++) {
            sums[first + o] -= all_mixes[s].counts[m][o];
        }
    }
    return fewest;
}

static uint64_t fewest_gpus(const struct world *world)
{
    for (unsigned s = 0; s < SERVICES; s++) {
        uint64_t counts[PLAIN] = {0};
        all_mixes[s].n = 0;
        list_from(&world->services[s], 0, world->services[s].need, MOST, counts, &all_mixes[s]);
    }
    uint64_t sums[PLAIN] = {0};
    return fewest_from(world, 0, sums);
}

static void make_plan(struct gs_arena *arena, const struct world *world, struct gs_plan *ret)
{
    const struct gs_plan_input input = {
        .goal = GS_PLAN_GPUS,
        .services = world->services,
        .n_services = SERVICES,
        .models = &world->model,
        .n_models = 1,
        .certificate = true,
    };
    struct gs_err err;
    gs_arena_init(arena, &gs_alloc_heap, (size_t)1 << 30);
    if (gs_plan_make(arena, &input, ret, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

/* What is served is enough, and the layouts have the slices for it. */
static void check_served(const struct world *world, const struct gs_plan *plan)
{
    int64_t served[SERVICES] = {0};
    int64_t slices[GS_PROFILES_MAX] = {0};
    for (size_t i = 0; i < plan->n_served; i++) {
        const struct gs_plan_served *one = &plan->served[i];
        const struct gs_plan_service_option *option =
            &world->services[one->item].options[one->alternative];
        served[one->item] += option->yield * one->count;
        slices[option->profile] += one->count;
    }
    for (unsigned s = 0; s < SERVICES; s++) {
        assert_true(served[s] >= world->services[s].need);
    }
    for (size_t i = 0; i < plan->n_layouts; i++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            slices[p] -= plan->layouts[i].counts[p] * plan->layouts[i].count;
        }
    }
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        assert_true(slices[p] <= 0);
    }
}

static void plan_services__take_the_fewest_gpus_of_all_mixes(void **state)
{
    (void)state;
    const uint64_t seed = 31;
    printf("# seed %llu\n", (unsigned long long)seed);
    struct gs_random random;
    gs_random_init(&random, seed);
    for (unsigned t = 0; t < TIMES; t++) {
        struct world world;
        struct gs_arena arena;
        struct gs_plan plan;
        make_world(&world, &random);
        make_plan(&arena, &world, &plan);
        check_served(&world, &plan);
        assert_true(plan.proven);
        assert_int_equal(plan.gpus_used, fewest_gpus(&world));
        gs_arena_done(&arena);
    }
}

/* Too many mixes to list: the search does without, and what it says still holds. */
static void plan_services__do_with_large_needs(void **state)
{
    (void)state;
    struct gs_random random;
    gs_random_init(&random, 5);
    struct world world;
    struct gs_arena arena;
    struct gs_plan plan;
    make_world(&world, &random);
    for (unsigned s = 0; s < SERVICES; s++) {
        world.services[s].need *= 100000;
    }
    make_plan(&arena, &world, &plan);
    check_served(&world, &plan);
    assert_true(plan.bound <= plan.value);
    assert_true(plan.value - plan.bound <= 2);
    gs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_services__take_the_fewest_gpus_of_all_mixes),
        cmocka_unit_test(plan_services__do_with_large_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
