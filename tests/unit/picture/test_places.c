/* What is kept of nodes' labels from one decision to the next is what counting anew gives, after
 * any events. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "picture/store.h"
#include "unit/core/tables.h"
#include "unit/wire/json_text.h"

enum { NAMES = 24, WORLDS = 20, EVENTS = 400 };

static const char *const keys[] = {"kubernetes.io/hostname", "topology.kubernetes.io/zone", "rack"};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static unsigned hosts; /* names that were given, over all worlds */

static unsigned below(uint64_t *seed, unsigned n)
{
    return (unsigned)random_below(seed, n);
}

static void take(struct gs_store *store, const char *text, bool node, bool gone)
{
    struct gs_err err = {.msg = ""};
    json_t *object = json_text(text);
    int r = node ? gs_store_node(store, object, gone, &err)
                 : gs_store_pod(store, object, gone, 1, &err);
    if (r != 0) {
        fail_msg("%s: %s", err.msg, text);
    }
    json_decref(object);
}

/* A node as a watch has it: with a host name of its own or one that others have, a zone or none. */
static void show_node(struct gs_store *store, uint64_t *seed, bool gone)
{
    char text[512];
    char host[64] = "";
    char zone[64] = "";
    unsigned own = below(seed, 8);
    if (own > 0) {
        snprintf(host, sizeof(host), ",'%s':'h%u'", keys[0], own < 3 ? own : ++hosts);
    }
    if (below(seed, 4) > 0) {
        snprintf(zone, sizeof(zone), ",'%s':'z%u'", keys[1], below(seed, 3));
    }
    snprintf(text, sizeof(text),
             "{'metadata':{'name':'n%u','labels':{'a':'b'%s%s%s}},'status':{'allocatable':{}}}",
             below(seed, NAMES), host, zone, below(seed, 9) == 0 ? ",'rack':''" : "");
    take(store, text, true, gone);
}

/* The store knows nodes by their pods as well. */
static void show_pod(struct gs_store *store, uint64_t *seed, bool gone)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{'metadata':{'name':'p%u','namespace':'x','uid':'u'},'spec':{'nodeName':'n%u',"
             "'containers':[{'name':'c'}]},'status':{'phase':'Running'}}",
             below(seed, 9), below(seed, NAMES));
    take(store, text, false, gone);
}

static void let_go(void *ctx, struct gs_store_node *node)
{
    (void)ctx;
    (void)node;
}

/* As the view does: what has changed is looked at, and nodes that are gone are forgotten. */
static void forget(struct gs_store *store)
{
    for (; store->dirty != NULL; store->dirty = store->dirty->next_dirty) {
        store->dirty->dirty = false;
    }
    gs_store_forget(store, let_go, NULL);
}

static void happen(struct gs_store *store, uint64_t *seed)
{
    const struct gs_places_label *label;
    switch (below(seed, 12)) {
    case 0:
        assert_int_equal(gs_places_by(&store->places, keys[below(seed, KEYS)], &label, NULL), 0);
        break;
    case 1:
        assert_int_equal(gs_places_by(&store->places, "nobody/has-it", &label, NULL), 0);
        assert_null(label);
        break;
    case 2:
        show_pod(store, seed, below(seed, 2) == 0);
        break;
    case 3:
        forget(store);
        break;
    case 4:
        gs_store_listing(store, GS_STORE_NODES);
        for (unsigned n = below(seed, 2 * NAMES); n > 0; n--) {
            show_node(store, seed, false);
        }
        gs_store_listed(store, GS_STORE_NODES);
        break;
    default:
        show_node(store, seed, below(seed, 5) == 0);
        break;
    }
}

static const char *value_of(const struct gs_store_node *node, const char *key)
{
    return node->known ? gs_node_label(&node->node.facts, key) : NULL;
}

/* Nodes have the same number when and only when they have the same value. */
static void check_label(const struct gs_store *store, const struct gs_places_label *label)
{
    const struct gs_store_node *node;
    const struct gs_store_node *other;
    size_t at = 0;
    while ((node = gs_map_next(&store->nodes, &at)) != NULL) {
        const char *value = value_of(node, label->key);
        uint32_t number = label->of[node->seat];
        assert_int_equal(number == 0, value == NULL);
        assert_true(number <= label->n_numbers);
        size_t rest = at;
        while ((other = gs_map_next(&store->nodes, &rest)) != NULL) {
            const char *others = value_of(other, label->key);
            bool same = value != NULL && others != NULL && strcmp(value, others) == 0;
            assert_int_equal(number != 0 && number == label->of[other->seat], same);
        }
    }
}

static void check(const struct gs_store *store)
{
    const struct gs_places *places = &store->places;
    bool taken[NAMES] = {false};
    const struct gs_store_node *node;
    const struct gs_places_label *label;
    size_t at = 0;
    assert_int_equal(places->n_seats - places->n_left, store->nodes.n);
    assert_true(places->n_seats <= NAMES); /* seats of nodes that are gone are taken again */
    while ((node = gs_map_next(&store->nodes, &at)) != NULL) {
        assert_true(node->seat < places->n_seats && !taken[node->seat]);
        taken[node->seat] = true;
        assert_ptr_equal(places->facts[node->seat], node->known ? &node->node.facts : NULL);
    }
    for (uint32_t seat = 0; seat < places->n_seats; seat++) {
        assert_true(taken[seat] || places->facts[seat] == NULL);
    }
    assert_true(places->labels.n <= KEYS);
    at = 0;
    while ((label = gs_map_next(&places->labels, &at)) != NULL) {
        check_label(store, label);
        assert_true(label->n_numbers <= 2 * NAMES + 64); /* and not what there ever was */
    }
}

static void places__are_what_counting_anew_gives_after_any_events(void **state)
{
    uint64_t seed = take_seed();
    (void)state;
    for (unsigned world = 0; world < WORLDS; world++) {
        struct gs_store store;
        gs_store_init(&store);
        for (unsigned event = 0; event < EVENTS; event++) {
            happen(&store, &seed);
            check(&store);
        }
        gs_store_done(&store);
    }
    assert_true(hosts > WORLDS * 128); /* more than are kept */
}

static void places__a_label_that_no_node_has_costs_nothing(void **state)
{
    struct gs_store store;
    const struct gs_places_label *label;
    (void)state;
    gs_store_init(&store);
    assert_int_equal(gs_places_by(&store.places, "rack", &label, NULL), 0);
    assert_null(label);
    take(&store, "{'metadata':{'name':'n','labels':{'a':'b'}},'status':{'allocatable':{}}}", true,
         false);
    assert_int_equal(gs_places_by(&store.places, "rack", &label, NULL), 0);
    assert_null(label);
    assert_int_equal(store.places.labels.n, 0);
    take(&store, "{'metadata':{'name':'m','labels':{'rack':'1'}},'status':{'allocatable':{}}}",
         true, false);
    assert_int_equal(gs_places_by(&store.places, "rack", &label, NULL), 0);
    assert_non_null(label);
    assert_int_equal(label->of[gs_store_find_node(&store, "n")->seat], 0);
    assert_int_equal(label->of[gs_store_find_node(&store, "m")->seat], 1);
    gs_store_done(&store);
}

static void places__a_seat_is_taken_again_without_the_labels_of_who_had_it(void **state)
{
    static const struct gs_label rack = {.key = "rack", .value = "1"};
    const struct gs_node_facts facts = {.labels = &rack, .n_labels = 1};
    struct gs_places places = {.cap = 0};
    const struct gs_places_label *label;
    uint32_t first;
    uint32_t second;
    uint32_t third;
    (void)state;
    assert_true(gs_places_sit(&places, &first));
    assert_true(gs_places_sit(&places, &second));
    assert_int_equal(gs_places_show(&places, first, &facts, NULL), 0);
    assert_int_equal(gs_places_show(&places, second, &facts, NULL), 0);
    assert_int_equal(gs_places_by(&places, "rack", &label, NULL), 0);
    assert_int_equal(label->of[first], 1);
    assert_int_equal(label->of[second], 1);
    gs_places_leave(&places, first);
    assert_int_equal(label->of[first], 0);
    assert_true(gs_places_sit(&places, &third));
    assert_int_equal(third, first);
    assert_null(places.facts[third]);
    assert_int_equal(label->of[third], 0);
    gs_places_done(&places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places__are_what_counting_anew_gives_after_any_events),
        cmocka_unit_test(places__a_seat_is_taken_again_without_the_labels_of_who_had_it),
        cmocka_unit_test(places__a_label_that_no_node_has_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
