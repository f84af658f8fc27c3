/* The money adds up, on traces that are replayed: what namespaces, workloads and pools pay, what is
 * idle, stranded and starting are the bill, to the millionth, whenever one looks. */
#include "unit/sim/feed.h"
#include "unit/sim/openb.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "board/board.h"

enum { GPUS = 8, NODES_MAX = 1 << 15, DRAWN_JOBS = 1500, LOOK_EVERY = 61, TEAMS = 5 };

/* Where a job is. */
struct at {
    bool on;
    uint32_t node;
    uint64_t gpus;
    uint8_t profile; /* or GS_SIM_WHOLE */
    uint8_t start;
};

struct node {
    unsigned n; /* jobs on it */
    bool changed;
    uint64_t whole[GPUS];                       /* row; 0: none */
    uint64_t slices[GPUS][GS_MEMORY_UNITS_MAX]; /* row by start */
};

static struct {
    struct gs_board *board;
    const struct gs_model *model;
    const struct gs_statetable *table;
    struct node nodes[NODES_MAX];
    uint32_t changed[NODES_MAX];
    uint32_t n_changed;
    struct at jobs[OPENB_JOBS_MAX + 2];
    unsigned n_notes;
    unsigned n_looks;
    uint64_t used_most; /* millionths of a dollar an hour */
    unsigned seed;
} world;

static unsigned dice(unsigned n)
{
    world.seed = world.seed * 1664525u + 1013904223u;
    return (world.seed >> 8) % n;
}

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)region;
    (void)capacity;
    return 21957642 + strlen(type); /* not alike, and no multiples of eight */
}

static void name_node(uint32_t n, char ret[16])
{
    (void)snprintf(ret, 16, "n%u", (unsigned)n);
}

static void name_job(uint64_t row, char ret_space[16], char ret[32])
{
    (void)snprintf(ret_space, 16, "team-%u", (unsigned)(row % TEAMS));
    (void)snprintf(ret, 32, "job-%u", (unsigned)row);
}

/* ---- what is told ---- */

static void tell_pod(uint64_t row, const struct at *at)
{
    char space[16];
    char name[32];
    char where[16];
    struct gs_want want = {.whole_gpu = at->profile == GS_SIM_WHOLE,
                           .count = (unsigned)__builtin_popcountll(at->gpus)};
    name_job(row, space, name);
    name_node(at->node, where);
    if (!want.whole_gpu) {
        want.profile = world.model->profiles[at->profile].parts;
    }
    const struct gs_board_pod pod = {.name_space = space,
                                     .name = name,
                                     .workload = row % 3 == 0 ? "" : "Job/train",
                                     .node = where,
                                     .nominated = "",
                                     .wants = &want,
                                     .n_wants = 1};
    assert_int_equal(gs_board_put_pod(world.board, &pod, NULL), 0);
}

static void tell_gpus(uint32_t n)
{
    static struct gs_gpunode_gpu gpus[GPUS];
    static struct gs_gpunode_slice slices[GPUS][GS_MEMORY_UNITS_MAX];
    static char words[GPUS][GS_MEMORY_UNITS_MAX][48];
    const struct node *node = &world.nodes[n];
    char name[16];
    name_node(n, name);
    for (unsigned g = 0; g < GPUS; g++) {
        gpus[g] = (struct gs_gpunode_gpu){.index = g,
                                          .uuid = "GPU",
                                          .model = "A100-40GB",
                                          .product = "",
                                          .mig = node->whole[g] == 0,
                                          .healthy = true,
                                          .whole_held = node->whole[g] != 0,
                                          .slices = slices[g],
                                          .decision = {.message = ""}};
        for (unsigned s = 0; s < GS_MEMORY_UNITS_MAX; s++) {
            uint64_t row = node->slices[g][s];
            if (row != 0) {
                char *space = words[g][s];
                name_job(row, space, space + 16);
                slices[g][gpus[g].n_slices++] = (struct gs_gpunode_slice){
                    .profile = world.model->profiles[world.jobs[row].profile].parts,
                    .start = (uint8_t)s,
                    .state = GS_GPUNODE_HELD,
                    .resource = "",
                    .uuid = "",
                    .holder = {space, space + 16, ""}};
            }
        }
    }
    const struct gs_gpunode told = {.name = name, .gpus = gpus, .n_gpus = GPUS};
    assert_int_equal(gs_board_put_gpus(world.board, &told, NULL), 0);
}

static void tell_node(uint32_t n)
{
    static const char *const types[] = {"a", "bb", "ccc"};
    char name[16];
    name_node(n, name);
    if (world.nodes[n].n == 0) {
        gs_board_drop_gpus(world.board, name);
        gs_board_drop_node(world.board, name);
        return;
    }
    const struct gs_board_node facts = {.name = name,
                                        .pool = n % 4 == 0 ? "" : "pool",
                                        .instance_type = types[n % 3],
                                        .region = "",
                                        .zone = "",
                                        .capacity_type = "",
                                        .why = "",
                                        .state = n % 17 == 0 ? GS_BOARD_STARTING : GS_BOARD_READY,
                                        .shown = true};
    assert_int_equal(gs_board_put_node(world.board, &facts, NULL), 0);
    tell_gpus(n);
}

/* ---- what is shown ---- */

static const char *const tables[] = {"by_namespace", "by_workload", "by_pool"};
static const char *const parts[] = {"used", "idle", "stranded", "starting"};

static json_int_t number(const json_t *document, const char *name)
{
    const json_t *found = json_object_get(document, name);
    assert_true(json_is_integer(found));
    return json_integer_value(found);
}

static bool adds_up(const json_t *document)
{
    json_int_t sum = 0;
    bool same = true;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        sum += number(document, parts[i]);
    }
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const json_t *rows = json_object_get(document, tables[i]);
        json_int_t used = 0;
        for (size_t k = 0; k < json_array_size(rows); k++) {
            used += number(json_array_get(rows, k), "uusd_h");
        }
        same &= used == number(document, "used");
    }
    return same && sum == number(document, "bill");
}

/* A millionth of a dollar that is nobody's must show. */
static void break_it(json_t *document)
{
    unsigned which = dice(8);
    json_t *at = document;
    const char *name = "bill";
    if (which < 4) {
        name = parts[which];
    } else if (which < 7) {
        json_t *rows = json_object_get(document, tables[which - 4]);
        if (json_array_size(rows) > 0) {
            at = json_array_get(rows, dice((unsigned)json_array_size(rows)));
            name = "uusd_h";
        }
    }
    json_object_set_new(at, name, json_integer(number(at, name) + (dice(2) == 0 ? 1 : -1)));
    assert_false(adds_up(document));
}

static void look(void)
{
    static const struct gs_board_reader all = {NULL, NULL};
    struct gs_buf out;
    bool failed = false;
    for (uint32_t i = 0; i < world.n_changed; i++) {
        world.nodes[world.changed[i]].changed = false;
        tell_node(world.changed[i]);
    }
    world.n_changed = 0;
    gs_buf_init(&out, GS_BOARD_DOC_MAX);
    (void)gs_board_refresh(world.board, ++world.n_looks, &failed);
    assert_false(failed);
    assert_int_equal(gs_board_write_money(world.board, &all, &out, NULL), 0);
    json_t *document = json_loads(gs_buf_text(&out), 0, NULL);
    assert_non_null(document);
    if (!adds_up(document)) {
        fail_msg("note %u: it does not add up: %s", world.n_notes, gs_buf_text(&out));
    }
    uint64_t used = (uint64_t)number(document, "used");
    world.used_most = used > world.used_most ? used : world.used_most;
    assert_int_equal(number(document, "unknown_nodes"), 0);
    break_it(document);
    json_decref(document);
    gs_buf_done(&out);
}

/* ---- what happens ---- */

static void place(uint64_t row, const struct at *at, bool on)
{
    struct node *node = &world.nodes[at->node];
    for (unsigned g = 0; g < GPUS; g++) {
        if ((at->gpus >> g & 1) == 0) {
            continue;
        }
        uint64_t *to = at->profile == GS_SIM_WHOLE ? &node->whole[g] : &node->slices[g][at->start];
        assert_int_equal(*to, on ? 0 : row);
        *to = on ? row : 0;
    }
    node->n += on ? 1 : (unsigned)-1;
    if (!node->changed) {
        node->changed = true;
        world.changed[world.n_changed++] = at->node;
    }
}

static void leave(uint64_t row)
{
    char space[16];
    char name[32];
    if (world.jobs[row].on) {
        place(row, &world.jobs[row], false);
        world.jobs[row].on = false;
        name_job(row, space, name);
        gs_board_drop_pod(world.board, space, name);
    }
}

static void note(void *ctx, const struct gs_sim_note *note)
{
    (void)ctx;
    assert_in_range(note->row, 1, OPENB_JOBS_MAX + 1);
    leave(note->row);
    if (note->what == GS_SIM_STARTS || note->what == GS_SIM_MOVES) {
        assert_in_range(note->node, 0, NODES_MAX - 1);
        struct at *at = &world.jobs[note->row];
        *at =
            (struct at){.on = true, .node = note->node, .gpus = note->gpus, .profile = note->held};
        if (note->held != GS_SIM_WHOLE) {
            at->start = world.table->placements[note->placement].start;
        }
        place(note->row, at, true);
        tell_pod(note->row, at);
    }
    if (++world.n_notes % LOOK_EVERY == 0) {
        look();
    }
}

static void replay(const char *policy, const struct gs_sim_source *source)
{
    static struct gs_sim_score score;
    const struct gs_board_options options = {.kind = "cluster", .name = "", .price = price};
    const struct gs_sim_watch watch = {.note = note};
    struct gs_sim_world simulated;
    const struct gs_sim_rules *rules = NULL;
    struct gs_arena arena;
    struct gs_err err = {0};
    unsigned plain[5];
    memset(&world, 0, sizeof(world));
    world.seed = 1;
    world.model = model_named("A100-40GB");
    gs_sim_world_init_timeless(&simulated, world.model, GPUS);
    simulated.profiles = plain_profiles(world.model, plain);
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)1 << 30);
    assert_int_equal(gs_board_new(&options, &world.board, NULL), 0);
    assert_int_equal(gs_sim_rules_new(&arena, &simulated, policy_named(policy), &rules, &err), 0);
    world.table = rules->decisions->states;
    if (gs_sim_replay_watched(&arena, &simulated, rules, source, &watch, &score, &err) < 0) {
        fail_msg("%s: %s", policy, err.msg);
    }
    look();
    assert_int_equal(score.done, score.arrived);
    print_message("%s: %u notes, %u looks; at most $%.2f an hour used\n", policy, world.n_notes,
                  world.n_looks, (double)world.used_most / 1e6);
    assert_true(world.n_looks > 20 && world.used_most > 0);
    gs_board_free(world.board);
    gs_arena_done(&arena);
}

static void bill__adds_up_on_a_replay_of_alibabas_trace(void **state)
{
    static struct openb trace;
    const char *folder = getenv("GPUSLICE_TESTDATA");
    char path[512];
    unsigned plain[5];
    (void)state;
    (void)plain_profiles(model_named("A100-40GB"), plain);
    (void)snprintf(path, sizeof(path), "%s/traces/openb/openb_pod_list_default.csv",
                   folder == NULL ? GS_SOURCE_DIR "/../shared/data" : folder);
    if (!openb_load(&trace, path, OPENB_LENIENT, false, plain)) {
        print_message("SKIP: %s is not there (GPUSLICE_TESTDATA names the folder of traces/)\n",
                      path);
        return;
    }
    const char *const policies[] = {"best-fit", "gpuslice+moves"};
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        const struct gs_sim_source source = {openb_next, &trace};
        trace.next = 0;
        replay(policies[i], &source);
    }
}

static void bill__adds_up_on_a_replay_of_drawn_work(void **state)
{
    static struct gs_sim_job jobs[DRAWN_JOBS];
    const char *const policies[] = {"best-fit", "gpuslice+moves"};
    unsigned plain[5];
    (void)state;
    (void)plain_profiles(model_named("A100-40GB"), plain);
    for (unsigned seed = 1; seed <= 2; seed++) {
        int64_t at = 0;
        world.seed = seed;
        for (unsigned i = 0; i < DRAWN_JOBS; i++) {
            bool whole = dice(12) == 0;
            at += dice(2000000);
            jobs[i] = (struct gs_sim_job){
                .row = i + 1,
                .arrive_us = at,
                .run_us = 1 + (int64_t)dice(200) * 1000000,
                .ideal_milli = 100,
                .gpus = (uint16_t)(whole ? 1 + dice(GPUS) : 1),
                .profile = whole ? GS_SIM_WHOLE : (uint8_t)plain[dice(5)],
            };
        }
        for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
            struct feed feed = {.jobs = jobs, .n = DRAWN_JOBS};
            const struct gs_sim_source source = {feed_next, &feed};
            print_message("seed %u: ", seed);
            replay(policies[i], &source);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bill__adds_up_on_a_replay_of_alibabas_trace),
        cmocka_unit_test(bill__adds_up_on_a_replay_of_drawn_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
