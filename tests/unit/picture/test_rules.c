/* On which nodes the rules of a pod leave it no place: random clusters, against the scheduler's
 * plugins as they are written down in plain.c. */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture/rules.h"
#include "unit/core/tables.h"
#include "unit/picture/plain.h"
#include "unit/wire/json_text.h"

enum { ROUNDS = 1500, WORLDS = 40, CHANGES = 40 };

struct drawn drawn;

static unsigned below(uint64_t *seed, unsigned n)
{
    return (unsigned)random_below(seed, n);
}

static struct term draw_term(uint64_t *seed)
{
    return (struct term){.key = below(seed, 2),
                         .select = (enum select)below(seed, 6),
                         .spaces = (enum spaces)below(seed, 4)};
}

static struct pod draw_pod(uint64_t *seed, bool waits)
{
    unsigned many = waits ? 3 : 5;
    struct pod pod = {.space = below(seed, 2),
                      .app = below(seed, 3),
                      .tier = below(seed, 2) == 0,
                      .node = waits ? NODES : below(seed, drawn.n_nodes),
                      .bound = below(seed, 4) > 0,
                      .deleting = below(seed, 5) == 0,
                      .port = below(seed, many) == 0 ? 80 + below(seed, 2) : 0,
                      .ip = below(seed, 3),
                      .efa = below(seed, many) == 0 ? 1 + below(seed, 2) : 0,
                      .in_zone_a = below(seed, 4) == 0,
                      .tolerates = below(seed, 2) == 0};
    pod.n_apart = below(seed, many) == 0 ? 1 + below(seed, 2) : 0;
    pod.n_beside = waits && below(seed, 3) == 0 ? 1 + below(seed, 2) : 0;
    pod.n_spreads = waits && below(seed, 3) == 0 ? 1 + below(seed, 2) : 0;
    for (unsigned i = 0; i < 2; i++) {
        pod.apart[i] = draw_term(seed);
        pod.beside[i] = draw_term(seed);
        pod.spreads[i] = (struct spread){.key = below(seed, 2),
                                         .select = (enum select)below(seed, 6),
                                         .skew = 1 + below(seed, 2),
                                         .least = below(seed, 4),
                                         .every_node = below(seed, 2) == 0,
                                         .without_taint = below(seed, 2) == 0,
                                         .by_app = below(seed, 3) == 0};
    }
    return pod;
}

static struct node draw_node(uint64_t *seed, unsigned number)
{
    unsigned odd = below(seed, 8); /* without that label, or with another's */
    return (struct node){.host = odd == 0   ? 0
                                 : odd == 1 ? 1 + below(seed, NODES)
                                            : number + 1,
                         .zone = below(seed, 4),
                         .tainted = below(seed, 4) == 0,
                         .gpus = below(seed, 4) > 0,
                         .efa = below(seed, 4)};
}

static void draw(uint64_t *seed)
{
    drawn.n_nodes = 1 + below(seed, NODES);
    drawn.n_pods = below(seed, PODS + 1);
    for (unsigned n = 0; n < drawn.n_nodes; n++) {
        drawn.nodes[n] = draw_node(seed, n);
    }
    for (unsigned p = 0; p < drawn.n_pods; p++) {
        drawn.pods[p] = draw_pod(seed, false);
    }
    drawn.pods[WAITS] = draw_pod(seed, true);
}

/* ---- as objects ---- */

static const char *const keys[] = {"kubernetes.io/hostname", "topology.kubernetes.io/zone"};
static const char *const selectors[] = {
    [SELECT_NONE] = "",
    [SELECT_ALL] = "'labelSelector':{},",
    [SELECT_APP_A] = "'labelSelector':{'matchLabels':{'app':'a'}},",
    [SELECT_NOT_APP_A] = ("'labelSelector':{'matchExpressions':[{'key':'app','operator':'NotIn',"
                          "'values':['a','c']}]},"),
    [SELECT_TIER] = "'labelSelector':{'matchExpressions':[{'key':'tier','operator':'Exists'}]},",
    [SELECT_NO_TIER] =
        "'labelSelector':{'matchExpressions':[{'key':'tier','operator':'DoesNotExist'}]},",
};
static const char *const spaces[] = {
    [SPACES_OWN] = "",
    [SPACES_X] = "'namespaces':['x'],",
    [SPACES_EVERY] = "'namespaceSelector':{},",
    [SPACES_NAMED_Y] = "'namespaceSelector':{'matchLabels':{'kubernetes.io/metadata.name':'y'}},",
};

static void write_terms(struct gs_buf *buf, const char *kind, const struct term *terms, unsigned n)
{
    gs_buf_printf(buf, "'%s':{'requiredDuringSchedulingIgnoredDuringExecution':[", kind);
    for (unsigned t = 0; t < n; t++) {
        gs_buf_printf(buf, "%s{%s%s'topologyKey':'%s'}", t == 0 ? "" : ",",
                      selectors[terms[t].select], spaces[terms[t].spaces], keys[terms[t].key]);
    }
    gs_buf_puts(buf, "]}");
}

static void write_spreads(struct gs_buf *buf, const struct pod *pod)
{
    gs_buf_puts(buf, "'topologySpreadConstraints':[{'whenUnsatisfiable':'ScheduleAnyway',"
                     "'maxSkew':1,'topologyKey':'nowhere'}");
    for (unsigned s = 0; s < pod->n_spreads; s++) {
        const struct spread *spread = &pod->spreads[s];
        gs_buf_printf(buf,
                      ",{%s'topologyKey':'%s','whenUnsatisfiable':'DoNotSchedule','maxSkew':%u",
                      selectors[spread->select], keys[spread->key], spread->skew);
        if (spread->least > 0) {
            gs_buf_printf(buf, ",'minDomains':%u", spread->least);
        }
        gs_buf_printf(buf, "%s%s%s}", spread->every_node ? ",'nodeAffinityPolicy':'Ignore'" : "",
                      spread->without_taint ? ",'nodeTaintsPolicy':'Honor'" : "",
                      spread->by_app ? ",'matchLabelKeys':['app','none']" : "");
    }
    gs_buf_puts(buf, "],");
}

static void write_pod(struct gs_buf *buf, const struct pod *pod, unsigned number, bool waits)
{
    static const char *const apps[] = {"", "'app':'a'", "'app':'b'"};
    static const char *const ips[] = {"", ",'hostIP':'127.0.0.1'", ",'hostIP':'127.0.0.2'"};
    gs_buf_printf(buf,
                  "{'metadata':{'name':'p%u','namespace':'%s','uid':'u%u','labels':{%s%s%s}%s},",
                  number, pod->space == 0 ? "x" : "y", number, apps[pod->app],
                  pod->app > 0 && pod->tier ? "," : "", pod->tier ? "'tier':''" : "",
                  pod->deleting && !waits ? ",'deletionTimestamp':'2026-01-01T00:00:00Z'" : "");
    gs_buf_puts(buf, "'spec':{'affinity':{");
    write_terms(buf, "podAntiAffinity", pod->apart, pod->n_apart);
    gs_buf_puts(buf, ",");
    write_terms(buf, "podAffinity", pod->beside, pod->n_beside);
    gs_buf_puts(buf, "},");
    write_spreads(buf, pod);
    if (pod->in_zone_a) {
        gs_buf_printf(buf, "'nodeSelector':{'%s':'a'},", keys[1]);
    }
    if (pod->tolerates) {
        gs_buf_puts(buf, "'tolerations':[{'operator':'Exists'}],");
    }
    if (!waits && pod->bound) {
        gs_buf_printf(buf, "'nodeName':'n%u',", pod->node);
    }
    gs_buf_printf(buf, "'containers':[{'name':'c','ports':[{'containerPort':1%s",
                  pod->port > 0 ? "" : "}");
    if (pod->port > 0) {
        gs_buf_printf(buf, ",'hostPort':%u%s}", pod->port, ips[pod->ip]);
    }
    gs_buf_printf(buf, "],'resources':{'requests':{'vpc.amazonaws.com/efa':'%u'%s}}}]},'status':{",
                  pod->efa, waits ? ",'nvidia.com/mig-1g.5gb':'1'" : "");
    if (!waits && !pod->bound) {
        gs_buf_printf(buf, "'nominatedNodeName':'n%u',", pod->node);
    }
    gs_buf_printf(buf, "'phase':'Pending'}}");
}

static void write_node(struct gs_buf *buf, unsigned n)
{
    static const char *const zones[] = {"", ",'topology.kubernetes.io/zone':'a'",
                                        ",'topology.kubernetes.io/zone':'b'",
                                        ",'topology.kubernetes.io/zone':'c'"};
    const struct node *node = &drawn.nodes[n];
    gs_buf_printf(buf, "{'metadata':{'name':'n%u','labels':{'a':''", n);
    if (node->host > 0) {
        gs_buf_printf(buf, ",'%s':'n%u'", keys[0], node->host - 1);
    }
    gs_buf_printf(buf,
                  "%s}},'spec':{'taints':[%s]},'status':{'allocatable':{'vpc.amazonaws.com/efa':"
                  "'%u'%s}}}",
                  zones[node->zone], node->tainted ? "{'key':'t','effect':'NoSchedule'}" : "",
                  node->efa, node->gpus ? ",'nvidia.com/mig-1g.5gb':'7'" : "");
}

/* ---- both ---- */

static void show(struct gs_store *store, const struct gs_buf *text, bool is_node, bool gone)
{
    json_t *object = json_text(gs_buf_text(text));
    struct gs_err err = {.msg = ""};
    int r = is_node ? gs_store_node(store, object, gone, &err)
                    : gs_store_pod(store, object, gone, 1, &err);
    if (r != 0) {
        fail_msg("%s: %s", err.msg, gs_buf_text(text));
    }
    json_decref(object);
}

static void show_all(struct gs_store *store, uint64_t *seed)
{
    struct gs_buf buf;
    bool nodes_first = below(seed, 2) == 0;
    gs_buf_init(&buf, 1 << 16);
    for (unsigned turn = 0; turn < 2; turn++) {
        bool nodes = nodes_first == (turn == 0);
        for (unsigned i = 0; i < (nodes ? drawn.n_nodes : drawn.n_pods); i++) {
            gs_buf_reset(&buf);
            if (nodes) {
                write_node(&buf, i);
            } else {
                write_pod(&buf, &drawn.pods[i], i, false);
            }
            show(store, &buf, nodes, false);
            if (below(seed, 5) == 0) {
                show(store, &buf, nodes, false); /* a watch may say it twice */
            }
        }
    }
    gs_buf_reset(&buf);
    write_pod(&buf, &drawn.pods[WAITS], WAITS, true);
    show(store, &buf, false, false);
    gs_buf_done(&buf);
}

/* Some nodes and pods are other ones from now on, gone or there again. */
static void change_some(struct gs_store *store, uint64_t *seed)
{
    struct gs_buf buf;
    gs_buf_init(&buf, 1 << 16);
    for (unsigned i = below(seed, 4); i > 0; i--) {
        unsigned n = below(seed, drawn.n_nodes);
        drawn.nodes[n] = draw_node(seed, n);
        drawn.nodes[n].gone = below(seed, 4) == 0;
        gs_buf_reset(&buf);
        write_node(&buf, n);
        show(store, &buf, true, drawn.nodes[n].gone);
    }
    for (unsigned i = drawn.n_pods == 0 ? 0 : below(seed, 4); i > 0; i--) {
        unsigned p = below(seed, drawn.n_pods);
        struct pod next = draw_pod(seed, false);
        if (next.space != drawn.pods[p].space) { /* which is part of who it is */
            gs_buf_reset(&buf);
            write_pod(&buf, &drawn.pods[p], p, false);
            show(store, &buf, false, true);
        }
        drawn.pods[p] = next;
        drawn.pods[p].gone = below(seed, 4) == 0;
        gs_buf_reset(&buf);
        write_pod(&buf, &drawn.pods[p], p, false);
        show(store, &buf, false, drawn.pods[p].gone);
    }
    gs_buf_reset(&buf);
    write_pod(&buf, &drawn.pods[WAITS], WAITS, true);
    show(store, &buf, false, true);
    gs_buf_reset(&buf);
    drawn.pods[WAITS] = draw_pod(seed, true);
    write_pod(&buf, &drawn.pods[WAITS], WAITS, true);
    show(store, &buf, false, false);
    gs_buf_done(&buf);
}

static void compare(struct gs_rules *rules, const struct gs_store_pod *waits, uint64_t round)
{
    for (enum gs_rules_mood mood = GS_RULES_STRICT; mood <= GS_RULES_HOPEFUL; mood++) {
        struct gs_decide_pod ask = {.name = "w"};
        bool later;
        bool differs = false;
        assert_int_equal(gs_rules_judge(rules, waits, mood, &ask, &later, NULL), 0);
        for (size_t i = 0; i < rules->view->n; i++) {
            unsigned node = (unsigned)(rules->view->nodes[i].name[1] - '0');
            if (drawn.nodes[node].gone) {
                continue; /* its pods are still about */
            }
            const struct pod *pod = &drawn.pods[WAITS];
            bool hopeful = plain_passes(pod, node, true);
            bool strict = hopeful && plain_passes(pod, node, false);
            bool barred = ask.barred != NULL && ask.barred[i] != 0;
            differs |= strict != hopeful;
            if (barred == (mood == GS_RULES_STRICT ? strict : hopeful)) {
                fail_msg("round %llu, mood %d, node n%u: %s", (unsigned long long)round, mood, node,
                         barred ? ask.bars[ask.barred[i] - 1].what : "not barred");
            }
        }
        assert_true(later || !differs);
    }
}

/* `worlds` are drawn, and each is changed so often. */
static void try_worlds(uint64_t worlds, uint64_t changes)
{
    uint64_t seed = take_seed();
    for (uint64_t round = 0; round < worlds; round++) {
        struct gs_arena arena;
        struct gs_store store;
        struct gs_nodes_view view;
        struct gs_rules rules;
        gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 20);
        gs_store_init(&store);
        gs_nodes_view_init(&view, &store, gs_decider_new(&arena));
        gs_rules_init(&rules, &store, &view);
        draw(&seed);
        show_all(&store, &seed);
        for (uint64_t change = 0; change <= changes; change++) {
            if (change > 0) {
                change_some(&store, &seed);
            }
            assert_int_equal(gs_nodes_view_refresh(&view, 1, NULL), 0);
            compare(&rules, store.waiting->of, round * (changes + 1) + change);
        }
        gs_rules_done(&rules);
        gs_nodes_view_done(&view);
        gs_store_done(&store);
        gs_arena_done(&arena);
    }
}

static void rules__are_those_of_the_scheduler(void **state)
{
    (void)state;
    try_worlds(ROUNDS, 0);
}

static void rules__are_those_of_the_scheduler_after_each_change_too(void **state)
{
    (void)state;
    try_worlds(WORLDS, CHANGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules__are_those_of_the_scheduler),
        cmocka_unit_test(rules__are_those_of_the_scheduler_after_each_change_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
