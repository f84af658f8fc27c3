/* What the controller does for pods that wait, by what it sees. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "board/board.h"
#include "controller/pools/lasted.h"
#include "unit/controller/world.h"

#define ONES "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6"

static struct world world;

static int set_up(void **state)
{
    (void)state;
    world_new(&world);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_free(&world);
    return 0;
}

static bool did(const char *line)
{
    const char *at = strstr(world.acts, line);
    size_t n = strlen(line);
    return at != NULL && (at == world.acts || at[-1] == '\n') && at[n] == '\n';
}

/* The id of the wish that the node has. */
static const char *wish_of(const char *name)
{
    const struct gs_store_node *node = gs_store_find_node(&world.store, name);
    assert_non_null(node->wishes);
    return node->wishes->wish.id;
}

/* The agent has carried out the wish: these slices are there now. */
static void carry_out(const char *name, const char *slices, unsigned revision)
{
    char id[GS_GPUNODE_ID_MAX + 1];
    strcpy(id, wish_of(name));
    world_node_answers(&world, name, slices, revision, id, "Done");
}

static void pass__a_gated_pod_is_booked_on_a_free_slice(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .gated = true});
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_true(did("say d/a SliceBooked"));
    assert_true(did("hold n1"));
    world_run(&world); /* the watch has not shown it yet: nothing is done twice */
    assert_false(did("book d/a n1"));
}

static void pass__a_slice_is_promised_once(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@4,4g.20gb@0!", 1);
    world_pod(&world, &(struct world_pod){
                          .name = "young", .profile = "3g.20gb", .gated = true, .age_s = 10});
    world_pod(&world,
              &(struct world_pod){.name = "old", .profile = "3g.20gb", .gated = true, .age_s = 20});
    world_run(&world);
    assert_true(did("book d/old n1"));
    assert_true(did("lift d/young"));
}

static void pass__priority_goes_before_age(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@4,4g.20gb@0!", 1);
    world_pod(&world,
              &(struct world_pod){.name = "old", .profile = "3g.20gb", .gated = true, .age_s = 20});
    world_pod(&world,
              &(struct world_pod){
                  .name = "high", .profile = "3g.20gb", .gated = true, .age_s = 1, .priority = 5});
    world_run(&world);
    assert_true(did("book d/high n1"));
}

static void pass__what_a_bound_pod_takes_is_not_free(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@4,4g.20gb@0!", 1); /* the kubelet has not granted it yet */
    world_pod(&world, &(struct world_pod){.name = "bound", .profile = "3g.20gb", .node = "n1"});
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_false(did("book d/a n1"));
    world_pod_gone(&world, "bound", "3g.20gb");
    world.now_us += 6000000;
    world_run(&world);
    assert_true(did("book d/a n1"));
}

static void pass__idle_slices_make_way_and_then_the_pod_is_booked(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("wish n1"));
    assert_true(did("say d/a Recutting"));
    assert_true(did("hold n1"));
    assert_false(did("lift d/a"));
    assert_non_null(strstr(world_wishes(&world, "n1"), "3g.20gb@"));
    assert_non_null(strstr(world_wishes(&world, "n1"), " on 7 for d/a"));
    world_run(&world); /* under way: it waits, gated */
    assert_string_equal(world.acts, "");
    carry_out("n1", "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,3g.20gb@4", 8);
    world_run(&world);
    assert_true(did("book d/a n1"));
}

/* Also where the SlicePool changes while the node does not. */
static void pass__a_slicepool_says_what_its_nodes_may_be_cut_into(void **state)
{
    static const struct gs_profile_name profiles[] = {
        {.compute_slices = 1, .gpu_slices = 1, .memory_gb = 5},
        {.compute_slices = 3, .gpu_slices = 3, .memory_gb = 20}};
    (void)state;
    world.pool.profiles = profiles;
    world.pool.n_profiles = 1;
    world.pool.recut = GS_SLICEPOOL_RECUT_PROFILES;
    world_node(&world, "n1", ONES, 7);
    world_node_of(&world, "n1", "gpus");
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_string_equal(world_wishes(&world, "n1"), "");
    assert_true(did("lift d/a"));
    assert_true(did("say d/a NoSlice"));
    const struct gs_store_pod *pod = gs_store_find_pod(&world.store, "d/a");
    assert_non_null(strstr(pod->waiting->why, "node n1 could be cut for it, but SlicePool gpus "
                                              "allows only 1g.5gb (recut: profiles)"));
    world.pool.n_profiles = 2;
    world_pod(&world, &(struct world_pod){.name = "b", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("wish n1"));
    assert_non_null(strstr(world_wishes(&world, "n1"), "3g.20gb@"));
}

static void pass__held_slices_do_not_make_way(void **state)
{
    (void)state;
    world_node(&world, "n1", "1g.5gb@0!,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4!,1g.5gb@5,1g.5gb@6", 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_string_equal(world_wishes(&world, "n1"), "");
    assert_true(did("lift d/a"));
    assert_true(did("say d/a NoSlice"));
}

static void pass__promised_slices_do_not_make_way(void **state)
{
    (void)state;
    world_node(&world, "n1", "1g.5gb@0,1g.5gb@6", 1);
    world_pod(&world,
              &(struct world_pod){.name = "b", .profile = "1g.5gb", .node = "n1", .count = 2});
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "7g.40gb", .gated = true});
    world_run(&world);
    assert_string_equal(world_wishes(&world, "n1"), "");
}

static void pass__a_re_cut_without_an_answer_does_not_hold_a_pod_for_ever(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(world.again_us <= world.now_us + 30000000);
    world.now_us += 31000000;
    world_run(&world);
    assert_true(did("lift d/a"));
}

static void pass__a_refused_re_cut_is_decided_anew(void **state)
{
    (void)state;
    char id[GS_GPUNODE_ID_MAX + 1];
    world_node(&world, "n1", ONES, 7);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    strcpy(id, wish_of("n1"));
    world_node_answers(&world, "n1",
                       "1g.5gb@0!,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6", 8, id,
                       "Stale");
    world_run(&world);
    assert_true(did("wish n1"));
    assert_non_null(strstr(world_wishes(&world, "n1"), " on 8 for d/a"));
    assert_non_null(strstr(world_wishes(&world, "n1"), "3g.20gb@4"));
}

static void pass__pods_that_come_together_share_one_re_cut(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    (void)state;
    world_node(&world, "n1", "7g.40gb@0", 7);
    for (unsigned i = 0; i < 6; i++) {
        world_pod(&world,
                  &(struct world_pod){
                      .name = names[i], .profile = "1g.5gb", .gated = true, .age_s = 9 - i});
    }
    world_run(&world);
    const struct gs_store_node *node = gs_store_find_node(&world.store, "n1");
    assert_null(strstr(world.acts, "lift "));
    assert_null(strstr(world.acts, "NoSlice"));
    assert_int_equal(world.store.n_wishes, 1);
    assert_int_equal(node->wishes->wish.n_pods, 6);
    assert_int_equal(node->wishes->wish.based_on, 7);
    world_run(&world); /* under way: all wait */
    assert_string_equal(world.acts, "");
    carry_out("n1", "1g.5gb@0,1g.5gb@1,1g.5gb@2,1g.5gb@3,1g.5gb@4,1g.5gb@5,1g.5gb@6", 8);
    world_run(&world);
    for (unsigned i = 0; i < 6; i++) {
        char line[40];
        snprintf(line, sizeof(line), "book d/%s n1", names[i]);
        assert_true(did(line));
    }
}

static void pass__two_large_ones_share_a_gpu(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world,
              &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true, .age_s = 9});
    world_pod(&world,
              &(struct world_pod){.name = "b", .profile = "3g.20gb", .gated = true, .age_s = 8});
    world_pod(&world,
              &(struct world_pod){.name = "c", .profile = "3g.20gb", .gated = true, .age_s = 7});
    world_run(&world);
    assert_int_equal(world.store.n_wishes, 1);
    assert_non_null(strstr(world_wishes(&world, "n1"), "3g.20gb@0"));
    assert_non_null(strstr(world_wishes(&world, "n1"), "3g.20gb@4"));
    assert_true(did("lift d/c"));
    assert_false(did("lift d/b"));
}

static void pass__a_pod_without_the_gate_is_left_to_the_scheduler_first(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb"});
    world_run(&world);
    assert_string_equal(world.acts, "");
    world_pod(&world,
              &(struct world_pod){.name = "a", .profile = "3g.20gb", .unschedulable = true});
    world_run(&world);
    assert_true(did("wish n1"));
}

static void pass__ours_goes_where_another_gate_is_and_nothing_is_booked(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world, &(struct world_pod){
                          .name = "a", .profile = "1g.5gb", .gated = true, .other_gate = true});
    world_run(&world);
    assert_string_equal(world.acts, "lift d/a\n");
}

static void pass__a_booking_that_was_half_made_is_finished(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world, &(struct world_pod){
                          .name = "a", .profile = "1g.5gb", .gated = true, .nominated = "n1"});
    world_run(&world);
    assert_true(did("book d/a n1"));
}

static void pass__a_booking_ends_with_its_node(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world,
              &(struct world_pod){
                  .name = "a", .profile = "1g.5gb", .nominated = "n1", .unschedulable = true});
    world_run(&world);
    assert_false(did("clear d/a"));
    world_node_gone(&world, "n1");
    world_run(&world);
    assert_true(did("clear d/a"));
}

static void pass__a_booking_that_is_not_bound_ends(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world_pod(&world,
              &(struct world_pod){
                  .name = "a", .profile = "1g.5gb", .nominated = "n1", .unschedulable = true});
    world_run(&world);
    assert_int_equal(world.again_us, world.now_us + 30000000); /* at the latest */
    world.now_us += 121000000;
    world_run(&world);
    assert_true(did("clear d/a"));
}

static void pass__a_silent_agent_is_not_asked(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 7);
    world.now_us += 181000000;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_string_equal(world_wishes(&world, "n1"), "");
    assert_true(did("lift d/a"));
}

static void pass__a_re_cut_on_a_node_that_goes_is_made_elsewhere(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("wish n1"));
    world_node(&world, "n2", ONES, 1);
    world_node_gone(&world, "n1");
    world_run(&world);
    assert_true(did("wish n2"));
    assert_false(did("lift d/a"));
}

static void pass__a_pod_whose_re_cut_has_no_answer_gets_one_elsewhere(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("wish n1"));
    world.now_us += 31000000;
    world_run(&world);
    assert_true(did("lift d/a"));
    world.now_us += 6000000;
    world_pod(&world,
              &(struct world_pod){.name = "a", .profile = "3g.20gb", .unschedulable = true});
    world_run(&world); /* n1 has GPU room, but does not answer */
    assert_false(did("wish n1"));
    world_node(&world, "n2", ONES, 1);
    world_run(&world);
    assert_true(did("wish n2"));
}

static void pass__what_was_refused_is_not_sent_again_before_something_has_changed(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    gs_store_find_node(&world.store, "n1")->wish_after_us = world.now_us + 1000000;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_false(did("wish n1"));
    assert_int_equal(world.again_us, world.now_us + 1000000);
    world.now_us = world.again_us;
    world_run(&world);
    assert_true(did("wish n1"));
    world_node(&world, "n2", "7g.40gb@0", 1);
    gs_store_find_node(&world.store, "n2")->wish_after_us = world.now_us + 1000000;
    world_node(&world, "n2", "7g.40gb@0", 2); /* shown anew: it may be another answer now */
    world_pod(&world, &(struct world_pod){.name = "b", .profile = "4g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("wish n2"));
}

static void pass__a_node_is_released_when_nothing_is_booked_there(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .gated = true});
    world_run(&world);
    assert_true(did("hold n1"));
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .node = "n1"});
    world_run(&world);
    assert_true(did("release n1"));
}

static void pass__objects_that_are_not_in_a_new_list_are_gone(void **state)
{
    (void)state;
    world_node(&world, "n1", "3g.20gb@4,4g.20gb@0!", 1);
    world_pod(&world, &(struct world_pod){.name = "bound", .profile = "3g.20gb", .node = "n1"});
    gs_store_listing(&world.store, GS_STORE_PODS);
    gs_store_listed(&world.store, GS_STORE_PODS);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("book d/a n1"));
}

static void pass__a_pod_is_let_go_once_its_pool_is_open(void **state)
{
    (void)state;
    world.sells = world.opens = true;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_pod(&world, &(struct world_pod){.name = "b", .profile = "1g.5gb", .gated = true});
    for (int i = 0; i < 3; i++) {
        world_run(&world);
        assert_int_equal(world.wanted, 2); /* it counts as long as it waits */
        assert_false(did("lift d/a"));
        assert_false(did("lift d/b"));
        world.now_us += 1000000;
    }
    world.opens = false; /* it is open, or cannot be opened */
    world_run(&world);
    assert_true(did("lift d/a"));
    assert_true(did("lift d/b"));
}

static void pass__a_pool_that_does_not_open_does_not_hold_a_pod_for_ever(void **state)
{
    (void)state;
    world.sells = world.opens = true;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_false(did("lift d/a"));
    assert_true(world.again_us <= world.now_us + 10000000);
    world.now_us = world.again_us;
    world_run(&world);
    assert_true(did("lift d/a"));
}

/* Whether the document about those that wait has the text at that moment. */
static bool is_shown(uint64_t real_us, const char *text)
{
    static const struct gs_board_reader all = {NULL, NULL};
    const struct gs_board_options options = {.kind = "cluster", .name = "test"};
    struct gs_board *board = NULL;
    struct gs_buf out;
    gs_buf_init(&out, 1 << 16);
    assert_int_equal(gs_board_new(&options, &board, NULL), 0);
    assert_int_equal(gs_board_write_waiting(board, &world.store, true, real_us, &all, &out, NULL),
                     0);
    bool found = strstr(gs_buf_text(&out), text) != NULL;
    gs_buf_done(&out);
    gs_board_free(board);
    return found;
}

/* Since when and for how much is known to who looks at those that wait; and no more when it does
 * not wait for a node any longer. */
static void pass__what_is_bought_for_a_pod_is_noted(void **state)
{
    (void)state;
    world.sells = world.opens = true;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    const struct gs_store_waiting *waiting = gs_store_find_pod(&world.store, "d/a")->waiting;
    uint64_t since_us = waiting->bought.since_us;
    assert_true(waiting->what == GS_DECIDE_BUY && since_us > 0);
    assert_true(waiting->bought.uusd_h > 0);
    assert_int_equal(waiting->bought.takes_s, 0);
    assert_true(is_shown(since_us, "\"expected_s\":null"));
    assert_false(is_shown(since_us, "\"costs_uusd_h\":null"));
    assert_false(is_shown(since_us, "\"costs_uusd_h\":0"));
    world.now_us += 60000000;
    world.takes_s = 240;
    world_run(&world);
    assert_true(waiting->bought.since_us == since_us && waiting->bought.takes_s == 240);
    assert_true(is_shown(since_us + 60000000, "\"expected_s\":180"));
    assert_true(is_shown(since_us + 240000000, "\"expected_s\":null")); /* it is late */
    world_node(&world, "n1", "3g.20gb@0", 1);
    world.now_us += 6000000;
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_int_equal(waiting->bought.since_us, 0);
    world.takes_s = 0;
}

/* Of an odd number of starts the middle one; of types that are not known nothing. */
static void pass__how_long_nodes_took_is_the_median_of_the_last_ones(void **state)
{
    static const struct {
        uint32_t took_s[18];
        unsigned n;
        uint32_t median_s;
    } cases[] = {
        {{7}, 1, 7},
        {{9, 1}, 2, 1},
        {{9, 1, 5}, 3, 5},
        {{900, 900, 900, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, 18, 8},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_pools_lasted lasted = {.n = 0};
        uint32_t median_s = 0;
        char name[32];
        assert_false(gs_pools_lasted_median(&lasted, "p4d.24xlarge", &median_s));
        for (unsigned k = 0; k < cases[i].n; k++) {
            gs_pools_lasted_add(&lasted, "p4d.24xlarge", cases[i].took_s[k] * UINT64_C(1000000));
        }
        gs_pools_lasted_add(&lasted, "p5.48xlarge", 77000000);
        assert_true(gs_pools_lasted_median(&lasted, "p4d.24xlarge", &median_s));
        assert_int_equal(median_s, cases[i].median_s);
        for (unsigned k = 0; k < 2 * GS_POOLS_LASTED_TYPES; k++) { /* the oldest make room */
            snprintf(name, sizeof(name), "type-%u", k);
            gs_pools_lasted_add(&lasted, name, 1000000);
        }
        assert_false(gs_pools_lasted_median(&lasted, "p4d.24xlarge", &median_s));
        assert_true(gs_pools_lasted_median(&lasted, "type-63", &median_s));
    }
}

static void pass__a_pod_that_no_new_node_would_help_is_let_go_and_told(void **state)
{
    (void)state;
    world.sells = world.opens = true;
    world.futile = "node n1 came for it";
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("say d/a NodeDidNotHelp"));
    assert_true(did("lift d/a"));
    assert_false(did("say d/a NeedsNode"));
    assert_string_equal(gs_store_find_pod(&world.store, "d/a")->waiting->why, world.futile);
    world.futile = NULL;
}

static void pass__where_a_node_of_one_type_would_not_help_the_next_type_is_bought(void **state)
{
    (void)state;
    for (unsigned all = 0; all < 2; all++) {
        world_free(&world);
        world_new(&world);
        world.sells = world.sells_two = world.opens = true;
        world.futile = "node n1 came for it";
        world.futile_first = all == 0;
        world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
        world_run(&world);
        const struct gs_store_waiting *waiting = gs_store_find_pod(&world.store, "d/a")->waiting;
        assert_int_equal(world.wanted, 2);
        assert_int_equal(did("say d/a NeedsNode"), all == 0);
        assert_int_equal(did("say d/a NodeDidNotHelp"), all == 1);
        assert_int_equal(waiting->what, all == 0 ? GS_DECIDE_BUY : GS_DECIDE_WAIT);
        assert_int_equal(waiting->buys, all == 0 ? 2 : 0);
        assert_int_equal(waiting->bought.uusd_h, all == 0 ? 27447052 : 0);
    }
}

static void pass__a_pod_that_was_let_go_counts_again_as_soon_as_that_shows(void **state)
{
    (void)state;
    world.sells = true;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("lift d/a"));
    world_run(&world);
    assert_int_equal(world.wanted, 0); /* asked for, and not shown */
    world_pod(&world,
              &(struct world_pod){.name = "a", .profile = "3g.20gb", .unschedulable = true});
    world_run(&world);
    assert_int_equal(world.wanted, 1);
}

/* Karpenter makes nodes and ends them, for months. */
static void pass__nodes_that_are_gone_are_forgotten(void **state)
{
    char name[20];
    (void)state;
    world_node(&world, "stays", ONES, 1);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n-%d", i);
        world_node(&world, name, ONES, 1);
        if (i % 7 == 0) {
            world_run(&world);
        }
        world_node_gone(&world, name);
    }
    world_node(&world, "last", "1g.5gb@0", 1);
    world_run(&world);
    /* nor are they counted while they are still known of */
    assert_int_equal(gs_store_find_node(&world.store, "n-4999")->number, 0);
    assert_int_equal(gs_store_find_node(&world.store, "stays")->number +
                         gs_store_find_node(&world.store, "last")->number,
                     3);
    assert_true(world.store.forgets >= 3);
    assert_true(world.store.nodes.n < 1100);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .gated = true});
    world_pod(&world,
              &(struct world_pod){.name = "b", .profile = "1g.5gb", .count = 7, .gated = true});
    world_run(&world);
    assert_true(did("book d/a last"));
    assert_true(did("book d/b stays"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* The watch of Nodes is away: what was asked does not show. */
static void pass__a_node_is_not_asked_to_be_held_again_before_it_shows(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    gs_store_find_node(&world.store, "n1")->hold_after_us = world.now_us + 1000000;
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "1g.5gb", .gated = true});
    world_run(&world);
    assert_true(did("book d/a n1"));
    assert_false(did("hold n1"));
    assert_true(world.again_us <= world.now_us + 1000000);
    world.now_us += 1000000;
    world_run(&world);
    assert_true(did("hold n1"));
}

/* It is let go already: what is said of it is one thing, however often it is looked at. */
static void pass__who_waits_long_for_anothers_re_cut_is_told_so_once(void **state)
{
    (void)state;
    world_node(&world, "n1", ONES, 1);
    world_pod(&world, &(struct world_pod){.name = "a", .profile = "3g.20gb", .gated = true});
    world_pod(&world, &(struct world_pod){.name = "c", .profile = "3g.20gb", .gated = true});
    world_run(&world);
    assert_true(did("say d/a Recutting") && did("say d/c Recutting"));
    world_pod_gone(&world, "c", "3g.20gb");
    world_pod(&world,
              &(struct world_pod){.name = "b", .profile = "3g.20gb", .unschedulable = true});
    world_run(&world);
    assert_true(did("say d/b WaitsForRecut"));
    world.now_us += 3600000000u; /* nobody answers */
    world_run(&world);
    assert_true(did("say d/b RecutTakesLong"));
    assert_false(did("say d/b WaitsForRecut"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(pass__a_node_is_not_asked_to_be_held_again_before_it_shows),
        cmocka_unit_test_setup_teardown(pass__who_waits_long_for_anothers_re_cut_is_told_so_once,
                                        set_up, tear_down),
        CASE(pass__a_gated_pod_is_booked_on_a_free_slice),
        CASE(pass__a_slice_is_promised_once),
        CASE(pass__priority_goes_before_age),
        CASE(pass__what_a_bound_pod_takes_is_not_free),
        CASE(pass__idle_slices_make_way_and_then_the_pod_is_booked),
        CASE(pass__a_slicepool_says_what_its_nodes_may_be_cut_into),
        CASE(pass__held_slices_do_not_make_way),
        CASE(pass__promised_slices_do_not_make_way),
        CASE(pass__a_re_cut_without_an_answer_does_not_hold_a_pod_for_ever),
        CASE(pass__a_refused_re_cut_is_decided_anew),
        CASE(pass__pods_that_come_together_share_one_re_cut),
        CASE(pass__two_large_ones_share_a_gpu),
        CASE(pass__a_pod_without_the_gate_is_left_to_the_scheduler_first),
        CASE(pass__ours_goes_where_another_gate_is_and_nothing_is_booked),
        CASE(pass__a_booking_that_was_half_made_is_finished),
        CASE(pass__a_booking_ends_with_its_node),
        CASE(pass__a_booking_that_is_not_bound_ends),
        CASE(pass__a_silent_agent_is_not_asked),
        CASE(pass__a_re_cut_on_a_node_that_goes_is_made_elsewhere),
        CASE(pass__a_pod_whose_re_cut_has_no_answer_gets_one_elsewhere),
        CASE(pass__what_was_refused_is_not_sent_again_before_something_has_changed),
        CASE(pass__a_node_is_released_when_nothing_is_booked_there),
        CASE(pass__objects_that_are_not_in_a_new_list_are_gone),
        CASE(pass__a_pod_is_let_go_once_its_pool_is_open),
        CASE(pass__a_pool_that_does_not_open_does_not_hold_a_pod_for_ever),
        CASE(pass__what_is_bought_for_a_pod_is_noted),
        CASE(pass__how_long_nodes_took_is_the_median_of_the_last_ones),
        CASE(pass__a_pod_that_no_new_node_would_help_is_let_go_and_told),
        CASE(pass__where_a_node_of_one_type_would_not_help_the_next_type_is_bought),
        CASE(pass__a_pod_that_was_let_go_counts_again_as_soon_as_that_shows),
        CASE(pass__nodes_that_are_gone_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
