#include "torture/torture.h"

#include "core/catalog.h"
#include "decide/decide.h"

/* A decider that is new sees two models of GPU, and decides on both. */
static int decide(const struct gs_alloc *source, struct gs_err *err)
{
    static const char *const models[] = {"A30-24GB", "RTX-PRO-6000-96GB"};
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct gs_decide_gpu gpus[2];
    struct gs_decide_node nodes[2];
    struct gs_node_facts facts = {.labels_complete = true};
    for (unsigned n = 0; n < 2; n++) {
        gpus[n] = (struct gs_decide_gpu){.mig = true, .open = true};
        assert_int_equal(gs_catalog_find(gs_view(models[n]), &gpus[n].model, NULL), 0);
        nodes[n] = (struct gs_decide_node){.name = models[n],
                                           .facts = &facts,
                                           .model = gpus[n].model,
                                           .pods = 1,
                                           .usable = true,
                                           .recuttable = true,
                                           .gpus = &gpus[n],
                                           .n_gpus = 1};
    }
    struct gs_decide_cluster cluster = {.nodes = nodes, .n_nodes = 2};
    struct gs_want want = {.profile = gpus[1].model->profiles[0].parts, .count = 1};
    struct gs_decide_pod pod = {.name = "default/a", .wants = &want, .n_wants = 1};
    struct gs_decision decision = {.what = GS_DECIDE_BUY};
    struct gs_decider *decider = gs_decider_new(&arena);
    int r = decider == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for a decider") : 0;
    if (r == 0) {
        r = gs_decide(decider, &cluster, &pod, &decision, err);
        assert_int_equal(decision.what, r == 0 ? GS_DECIDE_RECUT : GS_DECIDE_BUY);
    }
    if (r == GS_NO_MEMORY && decider != NULL) {
        /* It is as it was: what there is memory for again is decided. */
        struct gs_decide_sum sum;
        (void)gs_decide_sum(decider, gpus[0].model, &gpus[0], 1, &sum, NULL);
    }
    gs_arena_done(&arena);
    return r;
}

static void torture__a_decision_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(decide, 1) >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__a_decision_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
