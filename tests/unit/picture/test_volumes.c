/* What the volumes of a pod require of its node: by tables, and random ones against
 * kube-scheduler's plugins as they are written down (1.36: VolumeBinding, VolumeZone). */
#include "unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/core/tables.h"
#include "unit/picture/volumes_objects.h"

#define ZONE "topology.kubernetes.io/zone"
#define EBS "topology.ebs.csi.aws.com/zone"
#define HOST "kubernetes.io/hostname"
#define TERM(key, values)                                                                          \
    "{'matchExpressions':[{'key':'" key "','operator':'In','values':[" values "]}]}"
#define PV(terms)                                                                                  \
    "{'metadata':{'name':'pv'},'spec':{'nodeAffinity':{'required':{'nodeSelectorTerms':[" terms    \
    "]}}}}"
#define BOUND "{'metadata':{'name':'data'," VOLUMES_BOUND "},'spec':{'volumeName':'pv'}}"
#define OPEN "{'metadata':{'name':'data'},'spec':{'storageClassName':'fast'}}"
#define CLASS(mode, rest)                                                                          \
    "{'metadata':{'name':'fast'},'provisioner':'ebs.csi.aws.com','volumeBindingMode':'" mode       \
    "'" rest "}"
#define MEANS(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static const struct gs_kubepod_claim one_claim[] = {{.name = "data"}};
static const struct gs_kubepod_claim own_claim[] = {{.name = "p-tmp", .own = true}};
static const struct gs_kubepod one = {
    .name_space = "d", .name = "p", .claims = one_claim, .n_claims = 1};
static const struct gs_kubepod ephemeral = {
    .name_space = "d", .name = "p", .claims = own_claim, .n_claims = 1};
static const struct gs_kubepod more = {
    .name_space = "d", .name = "p", .claims = one_claim, .n_claims = 1, .more_claims = true};

#define LABELS(...)                                                                                \
    .labels = (const struct gs_label[]){__VA_ARGS__},                                              \
    .n_labels = GS_ARRAY_LEN(((const struct gs_label[]){__VA_ARGS__}))

/* Two zones, a node that says of none, and nodes that may be bought: anywhere, in zone b. */
enum { A, B, BARE, ANYWHERE, NEW_B, NODES };
static const struct gs_node_facts nodes[NODES] = {
    [A] = {.name = "a",
           LABELS({ZONE, "us-1a"}, {EBS, "us-1a"}, {HOST, "a"}),
           .labels_complete = true},
    [B] = {.name = "b",
           LABELS({ZONE, "us-1b"}, {EBS, "us-1b"}, {HOST, "b"}),
           .labels_complete = true},
    [BARE] = {.name = "bare", LABELS({HOST, "bare"}), .labels_complete = true},
    [ANYWHERE] = {LABELS({"gpu", "a100"}), .labels_by_pool = true},
    [NEW_B] = {LABELS({ZONE, "us-1b"}), .labels_by_pool = true},
};

/* y: it may go there, n: not, ?: it hangs on what is not known */
static void check_nodes(const char *name, const struct gs_constraint *all, const char *expected)
{
    char got[NODES + 1] = "";
    for (unsigned i = 0; i < NODES; i++) {
        static const char letters[] = {
            [GS_VERDICT_NO] = 'n', [GS_VERDICT_YES] = 'y', [GS_VERDICT_UNKNOWN] = '?'};
        got[i] = letters[gs_constraint_check(all, &nodes[i], NULL)];
    }
    if (strcmp(got, expected) != 0) {
        fail_msg("%s: %s, expected %s", name, got, expected);
    }
}

static const struct place {
    const char *name;
    struct volumes_object objects[3];
    const char *nodes;
    const char *says;
} places[] = {
    {"a volume of one zone",
     MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), PV(TERM(ZONE, "'us-1a'"))}), "ynn?n",
     "its volume data is in zone us-1a"},
    {"one of AWS, whose driver has a label of its own",
     MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), PV(TERM(EBS, "'us-1b'"))}), "ny??y",
     "its volume data is in zone us-1b"},
    {"one that several zones have",
     MEANS({VOLUMES_PVC("data"), BOUND},
           {VOLUMES_PV("pv"), PV(TERM(ZONE, "'us-1a'") "," TERM(ZONE, "'us-1b'"))}),
     "yyn?y", "its volume data is in zone us-1a or us-1b"},
    {"a disk of a node, which no new node has",
     MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), PV(TERM(HOST, "'b'"))}), "nynnn",
     "its volume data is on node b"},
    {"a zone or a node: terms of two labels",
     MEANS({VOLUMES_PVC("data"), BOUND},
           {VOLUMES_PV("pv"), PV(TERM(ZONE, "'us-1a'") "," TERM(HOST, "'bare'"))}),
     "yny?n", "its volume data is in zone us-1a"},
    {"one that is everywhere",
     MEANS({VOLUMES_PVC("data"), BOUND},
           {VOLUMES_PV("pv"), "{'metadata':{'name':'pv'},'spec':{'nfs':{}}}"}),
     "yyyyy", ""},
    {"labels of a volume: nodes that say of no zone are free",
     MEANS(
         {VOLUMES_PVC("data"), BOUND},
         {VOLUMES_PV("pv"), "{'metadata':{'name':'pv','labels':{'" ZONE "':'us-1a'}},'spec':{}}"}),
     "yny?n", "its volume data is in zone us-1a"},
    {"labels of old, of two zones",
     MEANS({VOLUMES_PVC("data"), BOUND},
           {VOLUMES_PV("pv"), "{'metadata':{'name':'pv','labels':{"
                              "'failure-domain.beta.kubernetes.io/zone':'us-1b__us-1c'}}}"}),
     "nyy?y", "its volume data is in zone us-1b or us-1c"},
    {"labels that say what its affinity says are said once",
     MEANS({VOLUMES_PVC("data"), BOUND},
           {VOLUMES_PV("pv"),
            "{'metadata':{'name':'pv','labels':{'" ZONE "':'us-1a'}},'spec':{'nodeAffinity':{"
            "'required':{'nodeSelectorTerms':[" TERM(ZONE, "'us-1a'") "]}}}}"}),
     "ynn?n", "its volume data is in zone us-1a"},
    {"one that is to be made where the pod goes",
     MEANS({VOLUMES_PVC("data"), OPEN}, {VOLUMES_CLASS("fast"), CLASS("WaitForFirstConsumer", "")}),
     "yyyyy", ""},
    {"and only in some zones",
     MEANS({VOLUMES_PVC("data"), OPEN},
           {VOLUMES_CLASS("fast"),
            CLASS("WaitForFirstConsumer",
                  ",'allowedTopologies':[{'matchLabelExpressions':[{'key':'" EBS
                  "','values':['us-1b','us-1c']}]}]")}),
     "ny??y", "its volume data is made only in zone us-1b or us-1c"},
    {"and on a node that was chosen",
     MEANS({VOLUMES_PVC("data"),
            "{'metadata':{'name':'data','annotations':{'volume.kubernetes.io/selected-node':'b'}},"
            "'spec':{'storageClassName':'fast'}}"},
           {VOLUMES_CLASS("fast"), CLASS("WaitForFirstConsumer", "")}),
     "nynnn", "its volume data is made only on node b"},
    {"local ones that are there are the scheduler's to find",
     MEANS({VOLUMES_PVC("data"), OPEN},
           {VOLUMES_CLASS("fast"),
            "{'metadata':{'name':'fast'},'provisioner':'kubernetes.io/no-provisioner',"
            "'volumeBindingMode':'WaitForFirstConsumer','allowedTopologies':[{}]}"}),
     "yyyyy", ""},
    {"a term of nothing matches nothing",
     MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), PV("{}")}), "nnnnn", ""},
    {"a label that a driver puts on nodes when it starts there",
     MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), PV(TERM("topology.x/rack", "'7'"))}),
     "?????", "its volume data is where topology.x/rack is 7"},
};

static void volumes__require_a_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(places); i++) {
        const struct place *place = &places[i];
        struct gs_volumes *volumes = volumes_read(&one, "u", place->objects, 3);
        const struct gs_constraint *all;
        assert_int_equal(gs_volumes_fold(volumes, NULL, &arena, &all, NULL), 0);
        check_nodes(place->name, all, place->nodes);
        assert_string_equal(volumes->says, place->says);
        assert_null(volumes->waits);
        assert_null(volumes->unread);
        gs_volumes_free(volumes);
    }
}

static const struct {
    const struct gs_kubepod *pod;
    struct volumes_object objects[3];
    const char *waits; /* NULL: it does not */
    const char *unread;
} states[] = {
    {&one, MEANS({NULL, NULL}), "PersistentVolumeClaim data is not there", NULL},
    {&ephemeral, MEANS({NULL, NULL}),
     "PersistentVolumeClaim p-tmp, which Kubernetes makes for it, is not there yet", NULL},
    {&ephemeral, MEANS({VOLUMES_PVC("p-tmp"), "{'metadata':{'name':'p-tmp'}}"}),
     "PersistentVolumeClaim p-tmp, which Kubernetes is to make for it, is there already and is not "
     "this pod's",
     NULL},
    {&ephemeral,
     MEANS({VOLUMES_PVC("p-tmp"), "{'metadata':{'name':'p-tmp','ownerReferences':[{'uid':'u',"
                                  "'controller':true}]},'spec':{'storageClassName':'fast'}}"},
           {VOLUMES_CLASS("fast"), CLASS("WaitForFirstConsumer", "")}),
     NULL, NULL},
    {&one,
     MEANS({VOLUMES_PVC("data"), "{'metadata':{'name':'data','deletionTimestamp':"
                                 "'2026-01-01T00:00:00Z'}}"}),
     "PersistentVolumeClaim data is being deleted", NULL},
    {&one,
     MEANS({VOLUMES_PVC("data"), "{'metadata':{'name':'data'},'spec':{'volumeName':'pv'},"
                                 "'status':{'phase':'Lost'}}"}),
     "PersistentVolumeClaim data has lost its volume: PersistentVolume pv is not there", NULL},
    {&one, MEANS({VOLUMES_PVC("data"), BOUND}),
     "PersistentVolumeClaim data is bound to PersistentVolume pv, which is not there", NULL},
    {&one, MEANS({VOLUMES_PVC("data"), OPEN}, {VOLUMES_CLASS("fast"), CLASS("Immediate", "")}),
     "PersistentVolumeClaim data is not bound to a volume yet (StorageClass fast, "
     "volumeBindingMode Immediate, does not wait for pods)",
     NULL},
    {&one, MEANS({VOLUMES_PVC("data"), OPEN}),
     "PersistentVolumeClaim data is not bound to a volume yet, and there is no StorageClass fast",
     NULL},
    {&one, MEANS({VOLUMES_PVC("data"), "{'metadata':{'name':'data'}}"}),
     "PersistentVolumeClaim data is not bound to a volume yet", NULL},
    /* it names its volume, and that is not its own yet */
    {&one,
     MEANS({VOLUMES_PVC("data"), "{'metadata':{'name':'data'},'spec':{'volumeName':'pv',"
                                 "'storageClassName':'fast'}}"},
           {VOLUMES_CLASS("fast"), CLASS("WaitForFirstConsumer", "")}),
     "PersistentVolumeClaim data is not bound to a volume yet", NULL},
    /* the class that the annotation of old names comes first */
    {&one,
     MEANS({VOLUMES_PVC("data"), "{'metadata':{'name':'data','annotations':{"
                                 "'volume.beta.kubernetes.io/storage-class':'fast'}},'spec':{"
                                 "'storageClassName':'slow'}}"},
           {VOLUMES_CLASS("fast"), CLASS("WaitForFirstConsumer", "")}),
     NULL, NULL},
    {&one, MEANS({VOLUMES_PVC("data"), NULL}), NULL, "403 no right"},
    {&one, MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), NULL}), NULL, "403 no right"},
    {&one, MEANS({VOLUMES_PVC("data"), "{'metadata':{'name':'data'},'spec':7}"}), NULL,
     VOLUMES_PVC("data") ": \"spec\" is a number; expected an object"},
    {&more, MEANS({VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), PV(TERM(ZONE, "'a'"))}), NULL,
     "it has more PersistentVolumeClaims than the 1 that were looked at"},
};

static void volumes__say_why_a_pod_can_run_nowhere_now(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(states); i++) {
        struct gs_volumes *volumes = volumes_read(states[i].pod, "u", states[i].objects, 3);
        assert_string_equal(volumes->waits == NULL ? "-" : volumes->waits,
                            states[i].waits == NULL ? "-" : states[i].waits);
        assert_string_equal(volumes->unread == NULL ? "-" : volumes->unread,
                            states[i].unread == NULL ? "-" : states[i].unread);
        gs_volumes_free(volumes);
    }
}

static void volumes__of_one_pod_at_a_time_are_named(void **state)
{
    static const struct volumes_object objects[] = {
        {VOLUMES_PVC("data"),
         "{'metadata':{'name':'data'," VOLUMES_BOUND
         "},'spec':{'volumeName':'pv','accessModes':['ReadWriteOnce','ReadWriteOncePod']}}"},
        {VOLUMES_PV("pv"), "{'metadata':{'name':'pv'}}"}};
    struct gs_volumes *volumes = volumes_read(&one, "u", objects, 2);
    (void)state;
    assert_int_equal(volumes->n_one_pods, 1);
    assert_string_equal(volumes->one_pods[0], "data");
    gs_volumes_free(volumes);
}

/* ---- random volumes, and what the plugins say ---- */

enum { ROUNDS = 4000, KEYS = 3, VALUES = 3, CLAIMS = 3 };
static const char *const keys[KEYS] = {ZONE, "topology.kubernetes.io/region", "rack"};
static const char *const values[VALUES] = {"a", "b", "c"};

struct term {
    unsigned n; /* requirements */
    unsigned key[2], mask[2];
};

struct volume {
    unsigned n; /* terms */
    struct term terms[3];
    unsigned labels[2]; /* of zone and region: masks; 0: none */
};

struct box {
    int label[KEYS]; /* -1: none */
};

static struct term draw_term(uint64_t *seed)
{
    struct term term = {.n = 1 + random_below(seed, 2)};
    for (unsigned i = 0; i < term.n; i++) {
        term.key[i] = random_below(seed, KEYS);
        term.mask[i] = 1 + random_below(seed, 7);
    }
    return term;
}

static void put_values(unsigned mask, const char *before, const char *between, const char *after,
                       char *text, size_t *n)
{
    const char *sep = "";
    for (unsigned v = 0; v < VALUES; v++) {
        if ((mask >> v & 1) != 0) {
            *n += (size_t)sprintf(text + *n, "%s%s%s%s", sep, before, values[v], after);
            sep = between;
        }
    }
}

static void put_terms(const struct term *terms, unsigned count, char *text, size_t *n)
{
    for (unsigned t = 0; t < count; t++) {
        *n += (size_t)sprintf(text + *n, "%s{'matchExpressions':[", t == 0 ? "" : ",");
        for (unsigned i = 0; i < terms[t].n; i++) {
            *n += (size_t)sprintf(text + *n, "%s{'key':'%s','operator':'In','values':[",
                                  i == 0 ? "" : ",", keys[terms[t].key[i]]);
            put_values(terms[t].mask[i], "'", ",", "'", text, n);
            *n += (size_t)sprintf(text + *n, "]}");
        }
        *n += (size_t)sprintf(text + *n, "]}");
    }
}

static void put_volume(const struct volume *volume, char *text)
{
    size_t n = (size_t)sprintf(text, "{'metadata':{'name':'pv','labels':{'x':'y'");
    for (unsigned k = 0; k < 2; k++) {
        if (volume->labels[k] != 0) {
            n += (size_t)sprintf(text + n, ",'%s':'", keys[k]);
            put_values(volume->labels[k], "", "__", "", text, &n);
            n += (size_t)sprintf(text + n, "'");
        }
    }
    n += (size_t)sprintf(text + n, "}},'spec':{");
    if (volume->n > 0) {
        n += (size_t)sprintf(text + n, "'nodeAffinity':{'required':{'nodeSelectorTerms':[");
        put_terms(volume->terms, volume->n, text, &n);
        n += (size_t)sprintf(text + n, "]}}");
    }
    sprintf(text + n, "}}");
}

static bool meets(const struct term *terms, unsigned n, const struct box *box)
{
    bool any = n == 0;
    for (unsigned t = 0; t < n; t++) {
        bool all = true;
        for (unsigned i = 0; i < terms[t].n; i++) {
            int label = box->label[terms[t].key[i]];
            all &= label >= 0 && (terms[t].mask[i] >> label & 1) != 0;
        }
        any |= all;
    }
    return any;
}

/* VolumeBinding's checkBoundClaims, VolumeZone's Filter. */
static bool takes(const struct volume *volume, const struct box *box)
{
    bool says = box->label[0] >= 0 || box->label[1] >= 0;
    bool zones = true;
    for (unsigned k = 0; says && k < 2; k++) {
        zones &= volume->labels[k] == 0 ||
                 (box->label[k] >= 0 && (volume->labels[k] >> box->label[k] & 1) != 0);
    }
    return zones && meets(volume->terms, volume->n, box);
}

static enum gs_verdict ask(const struct gs_constraint *all, const struct box *box)
{
    struct gs_label labels[KEYS];
    struct gs_node_facts facts = {.name = "n", .labels = labels, .labels_complete = true};
    for (unsigned k = 0; k < KEYS; k++) {
        if (box->label[k] >= 0) {
            labels[facts.n_labels++] =
                (struct gs_label){.key = keys[k], .value = values[box->label[k]]};
        }
    }
    return gs_constraint_check(all, &facts, NULL);
}

/* What is drawn of one pod: its claims, each bound, and terms of its own. */
struct round {
    struct gs_kubepod pod;
    struct volume volumes[CLAIMS];
    struct volumes_object objects[2 * CLAIMS];
    char texts[2 * CLAIMS][1200];
    char paths[2 * CLAIMS][80];
    unsigned n_own;
    struct term own[2];
};

static void draw_round(uint64_t *seed, struct round *round)
{
    static const struct gs_kubepod_claim claims[CLAIMS] = {
        {"c0", false}, {"c1", false}, {"c2", false}};
    *round = (struct round){.pod = {.name_space = "d", .name = "p", .claims = claims}};
    round->pod.n_claims = 1 + random_below(seed, CLAIMS);
    for (unsigned c = 0; c < round->pod.n_claims; c++) {
        struct volume *volume = &round->volumes[c];
        volume->n = random_below(seed, 4);
        for (unsigned t = 0; t < volume->n; t++) {
            volume->terms[t] = draw_term(seed);
        }
        for (unsigned k = 0; k < 2; k++) {
            volume->labels[k] = random_below(seed, 3) == 0 ? 1 + random_below(seed, 7) : 0;
        }
        sprintf(round->paths[2 * c], VOLUMES_PVC("c%u"), c);
        sprintf(round->texts[2 * c],
                "{'metadata':{'name':'c%u'," VOLUMES_BOUND "},'spec':{'volumeName':'pv%u'}}", c, c);
        sprintf(round->paths[2 * c + 1], VOLUMES_PV("pv%u"), c);
        put_volume(volume, round->texts[2 * c + 1]);
    }
    for (size_t i = 0; i < 2 * round->pod.n_claims; i++) {
        round->objects[i] =
            (struct volumes_object){.path = round->paths[i], .text = round->texts[i]};
    }
    round->n_own = random_below(seed, 3);
    for (unsigned t = 0; t < round->n_own; t++) {
        round->own[t] = draw_term(seed);
    }
}

/* The pod's own terms, by the reader of volumes. */
static struct gs_constraint read_own(const struct round *round)
{
    char text[600];
    struct gs_kubevolume like = {.n_terms = 0};
    size_t n = (size_t)sprintf(text, "{'metadata':{'name':'pv'},'spec':{'nodeAffinity':{'required':"
                                     "{'nodeSelectorTerms':[");
    put_terms(round->own, round->n_own, text, &n);
    sprintf(text + n, "]}}}}");
    if (round->n_own > 0) {
        json_t *object = json_text(text);
        assert_int_equal(gs_kubevolume_volume(object, &arena, &like, NULL), 0);
        json_decref(object);
    }
    return (struct gs_constraint){.terms = like.terms, .n_terms = like.n_terms};
}

/* On nodes with all values of the labels, and without. */
static void check_round(const struct round *round, const struct gs_constraint *all, unsigned number)
{
    for (unsigned k = 0; k < 64; k++) {
        const struct box box = {{(int)(k & 3) - 1, (int)(k >> 2 & 3) - 1, (int)(k >> 4) - 1}};
        bool expected = meets(round->own, round->n_own, &box);
        for (unsigned c = 0; c < round->pod.n_claims; c++) {
            expected &= takes(&round->volumes[c], &box);
        }
        enum gs_verdict verdict = ask(all, &box);
        if ((verdict == GS_VERDICT_YES) != expected) {
            fail_msg("round %u: node %d %d %d: %d, expected %d", number, box.label[0], box.label[1],
                     box.label[2], (int)verdict, expected);
        }
    }
}

static void volumes__at_random_are_judged_as_the_scheduler_does(void **state)
{
    uint64_t seed = take_seed();
    unsigned judged = 0;
    (void)state;
    for (unsigned number = 0; number < ROUNDS; number++) {
        struct round round;
        draw_round(&seed, &round);
        const struct gs_constraint own = read_own(&round);
        const struct gs_constraint *all;
        struct gs_volumes *found =
            volumes_read(&round.pod, "u", round.objects, 2 * round.pod.n_claims);
        assert_int_equal(gs_volumes_fold(found, round.n_own == 0 ? NULL : &own, &arena, &all, NULL),
                         0);
        size_t most = round.n_own == 0 ? 1 : round.n_own;
        for (size_t g = 0; g < found->n_groups; g++) {
            most *= found->groups[g].n_terms;
        }
        if (most <= GS_VOLUMES_TERMS_MAX) {
            check_round(&round, all, number);
            judged++;
        }
        gs_volumes_free(found);
        gs_arena_done(&arena);
        gs_arena_init(&arena, &gs_alloc_heap, 8 << 20);
    }
    assert_true(judged > ROUNDS / 2);
}

/* ---- bounds ---- */

static void volumes__that_require_too_much_at_once_are_not_read(void **state)
{
    static char text[200000];
    struct volumes_object objects[] = {{VOLUMES_PVC("data"), BOUND}, {VOLUMES_PV("pv"), text}};
    size_t n = (size_t)sprintf(text, "{'metadata':{'name':'pv'},'spec':{'nodeAffinity':{'required':"
                                     "{'nodeSelectorTerms':[");
    (void)state;
    for (unsigned i = 0; i <= GS_KUBEVOLUME_TERMS_MAX; i++) {
        n += (size_t)sprintf(text + n, "%s" TERM("k%u", "'v'"), i == 0 ? "" : ",", i);
    }
    sprintf(text + n, "]}}}}");
    struct gs_volumes *volumes = volumes_read(&one, "u", objects, 2);
    assert_non_null(strstr(volumes->unread, "17 terms; expected at most 16"));
    gs_volumes_free(volumes);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(volumes__require_a_place),
        CASE(volumes__say_why_a_pod_can_run_nowhere_now),
        CASE(volumes__of_one_pod_at_a_time_are_named),
        CASE(volumes__at_random_are_judged_as_the_scheduler_does),
        CASE(volumes__that_require_too_much_at_once_are_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
