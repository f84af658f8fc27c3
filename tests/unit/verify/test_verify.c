#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/check.h"
#include "unit/verify/plans.h"

#include "verify/verify.h"

/* A plan with the first `from` replaced by `to`, and with " for '. The caller frees it. */
static char *edited(const char *plan, const char *from, const char *to)
{
    size_t size = strlen(plan) + strlen(to) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    const char *at = strstr(plan, from);
    if (at == NULL) {
        fail_msg("the plan has no %s", from);
        abort(); /* the compiler does not know that it is not reached */
    }
    snprintf(text, size, "%.*s%s%s", (int)(at - plan), plan, to, at + strlen(from));
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return text;
}

static int check(const char *plan, const char *from, const char *to,
                 struct gs_verify_report *report, struct gs_err *err)
{
    char *text = edited(plan, from, to);
    int r = gs_verify_plan("plan.json", gs_view(text), report, err);
    free(text);
    return r;
}

static void accept(const char *plan, const char *from, const char *to,
                   struct gs_verify_report *report)
{
    struct gs_err err = {0};
    if (check(plan, from, to, report, &err) < 0) {
        fail_msg("%s for %s: %s", to, from, err.msg);
    }
}

/* ------------------------------------------------------------------ accepted */

static void verify__accepts_a_plan_of_gpus_written_by_hand(void **state)
{
    (void)state;
    struct gs_verify_report report;
    accept(PLAN_GPUS, "", "", &report);
    assert_false(report.nodes);
    assert_int_equal(report.items, 7);
    assert_int_equal(report.layouts, 1);
    assert_int_equal(report.value, 1);
    assert_int_equal(report.proven_bound, 1);
    assert_int_equal(report.leaves, 1);
    assert_true(report.proven);
    assert_int_equal(report.bound, GS_VERIFY_BOUND_PROVEN);
    assert_int_equal(report.n_notes, 0);
}

static void verify__accepts_a_plan_of_nodes_written_by_hand(void **state)
{
    (void)state;
    struct gs_verify_report report;
    accept(PLAN_NODES, "", "", &report);
    assert_true(report.nodes);
    assert_int_equal(report.value, 2000000);
    assert_int_equal(report.proven_bound, 2000000);
    assert_true(report.proven);
}

static void verify__accepts_a_bound_that_a_search_proves(void **state)
{
    (void)state;
    struct gs_verify_report report;
    accept(PLAN_SEARCH, "", "", &report);
    assert_int_equal(report.proven_bound, 2000000);
    assert_int_equal(report.bound, GS_VERIFY_BOUND_PROVEN);
    assert_int_equal(report.leaves, 2);
}

static void verify__accepts_transitions_step_by_step(void **state)
{
    (void)state;
    struct gs_verify_report report;
    accept(PLAN_EXISTING, "", "", &report);
    assert_int_equal(report.steps, 3);
    assert_int_equal(report.layouts, 2);
    /* No certificate is needed to say that nothing is less than nothing. */
    assert_true(report.proven);
    assert_int_equal(report.bound, GS_VERIFY_BOUND_PROVEN);
}

/* PLAN_GPUS without its certificate, and with `claim` about its bound. */
static int check_bare(const char *claim, struct gs_verify_report *report, struct gs_err *err)
{
    char *bare = edited(PLAN_GPUS,
                        "{'kind': 'tree', 'rows': [{'slices': '1g.5gb', 'model': 'A100-40GB'},\n"
                        "   {'need': 0}], 'scale': 7, 'tree': [{'leaf': [[0, 1], [1, 1]]}]}",
                        "null");
    char *claimed = edited(bare, "\"lower_bound\": 1,\n \"gap\": 0.0, \"proven\": true", claim);
    int r = gs_verify_plan("plan.json", gs_view(claimed), report, err);
    free(bare);
    free(claimed);
    return r;
}

static void verify__refuses_a_bound_without_certificate(void **state)
{
    (void)state;
    struct gs_verify_report report;
    struct gs_err err = {0};
    int r = check_bare("'lower_bound': 1, 'gap': 0.0, 'proven': true", &report, &err);
    assert_int_equal(r, GS_INVALID);
    assert_non_null(strstr(err.msg, "certificate: there is none, and the plan says that it is "
                                    "proven; expected the certificate"));
}

static void verify__accepts_a_plan_that_gives_no_bound(void **state)
{
    (void)state;
    struct gs_verify_report report;
    struct gs_err err = {0};
    char text[400];
    int r = check_bare("'lower_bound': 0, 'gap': 1.0, 'proven': false", &report, &err);
    assert_int_equal(r, 0);
    assert_int_equal(report.bound, GS_VERIFY_BOUND_NONE);
    assert_false(report.proven);
    gs_verify_format(&report, text, sizeof(text));
    assert_non_null(strstr(text, "; it gives no bound ("));
}

static void verify__accepts_a_proof_that_proves_more_than_is_claimed(void **state)
{
    (void)state;
    struct gs_verify_report report;
    accept(PLAN_GPUS, "'lower_bound': 1,\n 'gap': 0.0, 'proven': true",
           "'lower_bound': 0,\n 'gap': 1.0, 'proven': false", &report);
    assert_int_equal(report.claimed_bound, 0);
    assert_int_equal(report.proven_bound, 1);
    assert_false(report.proven);
}

static void verify__formats_what_was_checked(void **state)
{
    (void)state;
    struct gs_verify_report report;
    char text[400];
    accept(PLAN_NODES, "", "", &report);
    gs_verify_format(&report, text, sizeof(text));
    assert_string_equal(text, "accepted: 8 items served (0 unplaceable), 2 GPUs' layouts, 0 steps, "
                              "$2.000000 an hour, at least $2.000000; nothing does with less: "
                              "proven (1 leaves)\n");
    snprintf(report.notes[report.n_notes++], GS_VERIFY_NOTE_MAX, "that");
    gs_verify_format(&report, text, sizeof(text));
    assert_non_null(strstr(text, "\nnot checked: that\n"));
    gs_verify_format(&report, text, 20);
    assert_string_equal(text, "accepted: 8 items s");
}

/* ------------------------------------------------------------------ refused */

struct edit {
    const char *from;
    const char *to;
    const char *says;
};

static void refuse_all(const char *plan, const struct edit *edits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct gs_verify_report report;
        struct gs_err err = {0};
        int r = check(plan, edits[i].from, edits[i].to, &report, &err);
        if (r != GS_INVALID || strstr(err.msg, edits[i].says) == NULL ||
            strncmp(err.msg, "plan.json", 9) != 0) {
            fail_msg("%s for %s: expected \"%s\", got %d \"%s\"", edits[i].to, edits[i].from,
                     edits[i].says, r, err.msg);
        }
    }
}

static void verify__refuses_a_plan_of_gpus_that_says_what_is_not_so(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"{'profile': '1g.5gb', 'start': 6}", "{'profile': '2g.10gb', 'start': 6}",
         "layouts[0]: 2g.10gb@6 does not fit an A100-40GB"},
        {"'start': 6", "'start': 5", "layouts[0]: 1g.5gb@5 overlaps"},
        {"'start': 6", "'start': 7", "layouts[0]: 1g.5gb@7 does not fit an A100-40GB"},
        {"'start': 6", "'start': -1", "layouts[0].placements[6].start: it is -1"},
        {"'profile': '1g.5gb', 'start': 6", "'profile': '1g.6gb', 'start': 6",
         "A100-40GB has no profile 1g.6gb"},
        {"{'1g.5gb': 7}", "{'1g.5gb': 6}",
         "layouts[0].slices: it says 6 of 1g.5gb, the placements have 7"},
        {"'count': 7}],\n 'unplaceable'", "'count': 6}],\n 'unplaceable'",
         "the plan gives 7 of 1g.5gb, its items ask for 6"},
        {"'name': 'chat', 'count': 7", "'name': 'chat', 'count': 8",
         "item 0 (chat): 7 served, 8 wanted"},
        {"'name': 'chat', 'count': 7", "'name': 'chat', 'count': 6",
         "item 0 (chat): 7 served, 6 wanted"},
        {"'name': 'chat', 'alternative': 0", "'name': 'chap', 'alternative': 0",
         "items[0]: item 0 is named \"chap\" here and \"chat\" in the problem"},
        {"'item': 0", "'item': 1", "items[0].item: it is 1; expected the number of one of the 1"},
        {"'alternative': 0", "'alternative': 1", "items[0].alternative: it is 1"},
        {"'model': 'A100-40GB', 'count': 1, 'slices'", "'model': 'A100-80GB', 'count': 1, 'slices'",
         "A100-80GB has no profile 1g.5gb"},
        {"'gpus_used': 1", "'gpus_used': 2", "gpus_used is 2; the plan adds up to 1"},
        {"'lower_bound': 1", "'lower_bound': 0", "gap is 0; value and bound make it 1"},
        {"'lower_bound': 1", "'lower_bound': 2", "its lower bound 2 is above its value 1"},
        {"'gap': 0.0", "'gap': 0.5", "gap is 0.5; value and bound make it 0"},
        {"'proven': true", "'proven': false", "gap is 0 and proven is false"},
        {"'gpus': 7", "'gpus': 6", "whole_gpu_baseline: gpus is 6; the plan adds up to 7"},
        {"'minimises': 'gpus'", "'minimises': 'usd_per_hour'", "expected gpus with this goal"},
        {"'gpuslice-plan/1'", "'gpuslice-plan/2'", "expected gpuslice-plan/1"},
        {"'cost_usd_per_hour': null,\n 'cost", "'cost_usd_per_hour': 1,\n 'cost",
         "cost_usd_per_hour is there; expected null"},
        {"'unplaceable': []",
         "'unplaceable': [{'item': 0, 'name': 'chat', 'count': 1, 'reason': 'no'}]",
         "item 0 (chat): 7 served, 6 wanted"},
        {"'instances': []", "'instances': [1]", "instances: it has 1 elements; expected 0"},
        {"'ignored': []", "'ignored': {}", "ignored: it is an object; expected a list"},
        {"'ignored': []", "'ignored': [], 'elapsed_us': -1", "elapsed_us: it is -1"},
        {", 'ignored': []", "", "it has no \"ignored\""},
        {"'name': 'chat', 'alt", "'name': 'ch\\u0007t', 'alt", "items[0].name: it has a control"},
    };
    refuse_all(PLAN_GPUS, edits, sizeof(edits) / sizeof(edits[0]));
}

static void verify__refuses_a_proof_of_gpus_that_proves_less(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"'scale': 7", "'scale': 6", "certificate: leaf 0 proves 0, the plan says 1"},
        {"'scale': 7", "'scale': 0", "certificate.scale: it is 0"},
        {"[1, 1]", "[1, 0]", "certificate: leaf 0 proves 0, the plan says 1"},
        {"[0, 1], ", "", "certificate: leaf 0 proves 0, the plan says 1"},
        {"[0, 1]", "[1, 1]", "certificate.tree[0].leaf[1]: row 1 is there twice"},
        {"[0, 1]", "[2, 1]", "certificate.tree[0].leaf[0][0]: it is 2"},
        {"[0, 1]", "[0, -1]", "certificate.tree[0].leaf[0][1]: it is -1"},
        {"[0, 1]", "[0]", "it has 1 elements; expected a row and a number"},
        {"{'need': 0}", "{'need': 1}", "certificate.rows[1].need: it is 1"},
        {"{'need': 0}", "{'slices': '1g.5gb', 'model': 'A100-40GB'}",
         "certificate.rows[1]: it is the same row as rows[0]"},
        {"{'need': 0}", "{'pool': null, 'model': 'A100-40GB'}", "this pool has no limit"},
        {"{'need': 0}", "{'pool': '', 'model': 'A100-40GB'}", "there are no GPUs with \"\" in use"},
        {"{'need': 0}", "{'amount': 'pods'}", "no amount \"pods\" binds here"},
        {"'kind': 'tree'", "'kind': 'prices'", "certificate: its kind is \"prices\""},
        {"[{'leaf': [[0, 1], [1, 1]]}]", "[]", "certificate.tree: the tree is not complete"},
        {"{'leaf': [[0, 1], [1, 1]]}", "{'leaf': [[0, 1], [1, 1]]}, {'leaf': []}",
         "certificate.tree[1]: the tree was complete before it"},
        {"{'leaf': [[0, 1], [1, 1]]}",
         "{'split': {'layout': {'model': 'A100-40GB', 'busy': null, 'counts': {'1g.5gb': 7}}},"
         " 'at': 1}, {'leaf': [[0, 1], [1, 1]]}",
         "certificate.tree: the tree is not complete"},
        {"{'leaf': [[0, 1], [1, 1]]}",
         "{'split': {'layout': {'model': 'A100-40GB', 'busy': null, 'counts': {'1g.5gb': 6}}},"
         " 'at': 1}, {'leaf': []}, {'leaf': []}",
         "split.layout: this is no maximal addition"},
    };
    refuse_all(PLAN_GPUS, edits, sizeof(edits) / sizeof(edits[0]));
}

static void verify__refuses_a_plan_of_nodes_that_says_what_is_not_so(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"'cpu_milli': 8000", "'cpu_milli': 3999",
         "instances[0]: its items take 4000 thousandths of a CPU, the node has 3999"},
        {"'memory_bytes': 65536", "'memory_bytes': 4095",
         "instances[0]: its items take 4096 bytes of memory, the node has 4095"},
        {"'pods': 10", "'pods': 3", "instances[0]: its items take 4 pods, the node has 3"},
        {"'not_on': []", "'not_on': ['box']", "item 0 may not run on box"},
        {"'not_on': []", "'not_on': ['bax']", "\"bax\" is no offer and no existing node"},
        {"'gpu_memory_mib': 4096", "'gpu_memory_mib': 8192",
         "1g.5gb of A100-40GB is not known to have 8192 MiB"},
        {"'max_nodes': null", "'max_nodes': 1", "2 of box are bought, and 1 may be"},
        {"'type': 'box'", "'type': 'bax'", "there is no offer bax"},
        {"'usd_per_hour': 1.0", "'usd_per_hour': 0.5", "instances[0]: it says 1 GPUs at 500000"},
        {"'type': 'box', 'count': 2", "'type': 'box', 'count': 1",
         "layouts[0]: 2 GPUs are cut so, and the instances have 1"},
        {"'model': 'A100-40GB', 'count': 2", "'model': 'A100-40GB', 'count': 1",
         "layouts: 1 GPUs (A100-40GB) of the instances are in no layout"},
        {"'cost_usd_per_hour': 2.0", "'cost_usd_per_hour': 1.0",
         "cost_usd_per_hour is 1.000000; the instances cost 2.000000"},
        {"'cost_usd_per_hour': 2.0", "'cost_usd_per_hour': 2.0000001", "at most six digits"},
        {"'cost_lower_bound_usd_per_hour': 2.0", "'cost_lower_bound_usd_per_hour': 3.0",
         "above its value"},
        {"'lower_bound': null", "'lower_bound': 1", "lower_bound: it is given; expected null"},
        {"'excluded': []", "'excluded': [{'type': 'box', 'reason': 'no'}]",
         "excluded[0]: box is excluded, and it is offered"},
    };
    refuse_all(PLAN_NODES, edits, sizeof(edits) / sizeof(edits[0]));
}

/* A ninth has no place, it says, on nodes that hold seven and have four. */
static void verify__refuses_to_leave_out_what_the_nodes_of_the_plan_have_room_for(void **state)
{
    (void)state;
    struct gs_verify_report report;
    struct gs_err err = {0};
    char *more = edited(PLAN_NODES, "'count': 8", "'count': 9");
    char *limited = edited(more, "\"max_nodes\": null", "\"max_nodes\": 2");
    int r = check(limited, "\"unplaceable\": []",
                  "'unplaceable': [{'item': 0, 'name': 'chat', 'count': 1, 'reason': 'full'}]",
                  &report, &err);
    assert_int_equal(r, GS_INVALID);
    assert_non_null(strstr(err.msg, "unplaceable: item 0 (chat) is said to have no place, and box "
                                    "has room left for it"));
    /* With as much memory as four take there is none. */
    char *full = edited(limited, "\"memory_bytes\": 65536", "\"memory_bytes\": 4096");
    r = check(full, "\"unplaceable\": []",
              "'unplaceable': [{'item': 0, 'name': 'chat', 'count': 1, 'reason': 'full'}]", &report,
              &err);
    assert_int_equal(r, GS_INVALID);
    assert_non_null(strstr(err.msg, "its limit is not the number of nodes")); /* the next check */
    free(more);
    free(limited);
    free(full);
}

static void verify__accepts_a_byte_order_mark(void **state)
{
    (void)state;
    struct gs_verify_report report;
    accept("\xEF\xBB\xBF" PLAN_NODES, "", "", &report);
    assert_true(report.proven);
}

static void verify__refuses_a_proof_of_nodes_that_proves_less(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"[142857]", "[125000]", "price_bound_uusd is 2000000; the prices prove 1000000"},
        {"[142857]", "[142858]", "proofs[0]: it leaves room for a load of box worth 1000007"},
        {"[1, 999999]", "[1, 1000001]", "it leaves room for a load of box worth 1000001"},
        {"'limit_price': 0", "'limit_price': -2", "it leaves room for a load of box worth 999999"},
        {"'limit_price': 0", "'limit_price': 1", "any number of box may be bought here"},
        {"'bound_uusd': 2000000, 'proofs'", "'bound_uusd': 1000000, 'proofs'",
         "its least bound_uusd is 1000000, the plan says 2000000"},
        {"'limit': null", "'limit': 2", "its limit is not the number of nodes"},
        {"'memory_unit': 1024", "'memory_unit': 1000", "memory_unit 1000 does not divide"},
        {"{'offer': 'box', 'existing': [], 'limit': null}", "", "box can serve item 0 and is in"},
        {"'existing': [], 'limit'", "'existing': ['box'], 'limit'", "and not both"},
        {"{'pool': ''}", "{'pool': '1g.5gb@0'}", "there are no GPUs with \"1g.5gb@0\" in use"},
        {"{'pool': ''}", "{'most': 1}", "rows[1].most: it is 1"},
        {"[{'leaf': [[0, 142857], [1, 999999]]}]", "[]", "it is empty, and box can serve items"},
    };
    refuse_all(PLAN_NODES, edits, sizeof(edits) / sizeof(edits[0]));
}

/* That it must look at every load: tests/verify/run.py. */
static void verify__refuses_a_search_that_proves_less(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"[[0, 7]]", "[[0, 8]]", "bound_uusd is 2000000; it proves 1000000"},
        {"[[0, 7]]", "[[0, 7], [0, 1]]", "columns[0].items: it has 2 elements; expected 1 at most"},
        {"{'shape': 0, 'items'", "{'shape': 1, 'items'", "columns[0].shape: it is 1"},
        {"[{'need': 0}]", "[{'most': 0}]", "rows[0]: shape 0 has no limit here"},
        {"[{'need': 0}]", "[{'need': 0}, {'need': 0}]", "rows[1]: it is the same row as rows[0]"},
        {"[[0, 1000000]]", "[[0, 800000]]", "bound_uusd is 2000000; it proves 1000000"},
    };
    refuse_all(PLAN_SEARCH, edits, sizeof(edits) / sizeof(edits[0]));
}

static void verify__refuses_transitions_that_cannot_be_done(void **state)
{
    (void)state;
    static const struct edit edits[] = {
        {"'destroy', 'profile': '2g.10gb', 'start': 0",
         "'destroy', 'profile': '3g.20gb', 'start': 4", "steps[0]: 3g.20gb@4 is in use"},
        {"'destroy', 'profile': '2g.10gb', 'start': 0",
         "'destroy', 'profile': '2g.10gb', 'start': 2", "steps[0]: there is no 2g.10gb@2"},
        {"{'action': 'destroy', 'profile': '2g.10gb', 'start': 0},\n   ", "",
         "steps[0]: 1g.5gb@0 overlaps"},
        {"'destroy'", "'drop'", "its action is \"drop\"; expected create or destroy"},
        {"{'1g.5gb': 3}", "{'1g.5gb': 4}", "4 of 1g.5gb are used, and the node has 3"},
        {"'gpus': 1}, 'items'", "'gpus': 0}, 'items'", "1 GPUs are made whole, and 0 are used"},
        {"'gpu': '1', 'whole'", "'gpu': '0', 'whole'", "GPU 0 is there twice"},
        {"'gpu': '1', 'whole'", "'gpu': '2', 'whole'", "n1 has no GPU 2"},
        {"'gpu': '1', 'whole': true", "'gpu': '1', 'whole': false", "whole is false"},
        {"'mig': false, 'whole_in_use': false", "'mig': false, 'whole_in_use': true",
         "GPU 1 is in use as a whole"},
        {"'node': 'n1'", "'node': 'n2'", "there is no node n2"},
        {"3g.20gb@4!'", "3g.20gb@3!'", "3g.20gb@3 does not fit an A100-40GB"},
        {"'uuid': '1'", "'uuid': '0'", "GPU 0 has the same uuid"},
    };
    refuse_all(PLAN_EXISTING, edits, sizeof(edits) / sizeof(edits[0]));
}

static void verify__refuses_what_is_no_plan_at_all(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"a\": 1, \"a\": 2}",
        "{}",
        "{\"problem\": []}",
        "{\"problem\": {\"goal\": \"all\"}}",
        "\xff\xfe",
        "{\"problem\": 1} {}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct gs_verify_report report;
        struct gs_err err = {0};
        assert_int_equal(gs_verify_plan("plan.json", gs_view(texts[i]), &report, &err), GS_INVALID);
        assert_true(strncmp(err.msg, "plan.json", 9) == 0);
        assert_null(strchr(err.msg, '\n'));
    }
}

static void verify__refuses_more_bytes_than_it_can_check(void **state)
{
    (void)state;
    struct gs_verify_report report;
    struct gs_err err = {0};
    const struct gs_view huge = {.p = "", .n = (size_t)GS_VERIFY_BYTES_MAX + 1};
    assert_int_equal(gs_verify_plan("plan.json", huge, &report, &err), GS_LIMIT);
    assert_non_null(strstr(err.msg, "67108865 bytes are too much to check"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify__accepts_a_plan_of_gpus_written_by_hand),
        cmocka_unit_test(verify__accepts_a_plan_of_nodes_written_by_hand),
        cmocka_unit_test(verify__accepts_a_bound_that_a_search_proves),
        cmocka_unit_test(verify__accepts_transitions_step_by_step),
        cmocka_unit_test(verify__refuses_a_bound_without_certificate),
        cmocka_unit_test(verify__accepts_a_plan_that_gives_no_bound),
        cmocka_unit_test(verify__accepts_a_proof_that_proves_more_than_is_claimed),
        cmocka_unit_test(verify__formats_what_was_checked),
        cmocka_unit_test(verify__refuses_a_plan_of_gpus_that_says_what_is_not_so),
        cmocka_unit_test(verify__refuses_a_proof_of_gpus_that_proves_less),
        cmocka_unit_test(verify__refuses_a_plan_of_nodes_that_says_what_is_not_so),
        cmocka_unit_test(verify__refuses_to_leave_out_what_the_nodes_of_the_plan_have_room_for),
        cmocka_unit_test(verify__accepts_a_byte_order_mark),
        cmocka_unit_test(verify__refuses_a_proof_of_nodes_that_proves_less),
        cmocka_unit_test(verify__refuses_a_search_that_proves_less),
        cmocka_unit_test(verify__refuses_transitions_that_cannot_be_done),
        cmocka_unit_test(verify__refuses_what_is_no_plan_at_all),
        cmocka_unit_test(verify__refuses_more_bytes_than_it_can_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
