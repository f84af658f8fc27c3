#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/decide/bed.h"

static int failures; /* of a table, all of which are told */

/* A decision in words: "book n1", "recut n1 0:3g.20gb@4,1g.5gb@0!", "wait", "buy big". */
static void write_answer(const struct bed *bed, const struct gs_decision *decision, char text[600])
{
    static const char *const words[] = {"book", "recut", "move", "buy", "wait"};
    int used = snprintf(text, 600, "%s", words[decision->what]);
    const struct gs_decide_node *nodes = bed->nodes;
    if (decision->node != GS_DECIDE_NONE) {
        used += snprintf(text + used, 600 - (size_t)used, " %s", nodes[decision->node].name);
    }
    if (decision->until_node != GS_DECIDE_NONE) {
        used += snprintf(text + used, 600 - (size_t)used, " until %s",
                         nodes[decision->until_node].name);
    }
    if (decision->move.to_node != GS_DECIDE_NONE) {
        used +=
            snprintf(text + used, 600 - (size_t)used, " GPU %u slice %u to %s", decision->move.gpu,
                     decision->move.slice, nodes[decision->move.to_node].name);
    }
    for (unsigned r = 0; r < decision->n_recuts; r++) {
        char layout[GS_LAYOUT_TEXT_MAX + 1];
        gs_layout_format(bed->model, &decision->recuts[r].layout, layout);
        used +=
            snprintf(text + used, 600 - (size_t)used, " %u:%s", decision->recuts[r].gpu, layout);
    }
    if (decision->offer != GS_DECIDE_NONE) {
        used += snprintf(text + used, 600 - (size_t)used, " %s",
                         bed->cluster.offers[decision->offer].name);
    }
    if (decision->keep.node != GS_DECIDE_NONE && decision->what == GS_DECIDE_WAIT) {
        used += snprintf(text + used, 600 - (size_t)used, " keep %s:%x",
                         nodes[decision->keep.node].name, decision->keep.gpus);
    }
    if (decision->borrowed) {
        snprintf(text + used, 600 - (size_t)used, " borrowed");
    }
}

static const struct scene {
    const char *sentence;
    const char *nodes;
    const char *wants;
    const char *answer;
} scenes[] = {
    {"a free slice is booked", "n1: 1g.5gb@0!,3g.20gb@4", "3g.20gb", "book n1"},
    {"the fuller of two nodes is booked",
     "n1: 1g.5gb@0!,3g.20gb@4,1g.5gb@1\nn2: 1g.5gb@0!,3g.20gb@4", "3g.20gb", "book n2"},
    {"a node without pods stays empty", "n1: 3g.20gb@4\nn2: 1g.5gb@0!,3g.20gb@4,1g.5gb@1",
     "3g.20gb", "book n2"},
    {"of equal nodes the first by name is booked",
     "n2: 1g.5gb@0!,3g.20gb@4\nn1: 1g.5gb@0!,3g.20gb@4", "3g.20gb", "book n1"},
    {"what is promised is not booked", "n1 promised=3g.20gb: 3g.20gb@4,3g.20gb@0!", "3g.20gb",
     "wait keep n1:1"},
    {"a node without CPU is not booked", "n1 full: 3g.20gb@4", "3g.20gb", "wait"},
    {"a node that starts is not booked", "n1 starting: 3g.20gb@4", "3g.20gb", "wait"},
    {"whole GPUs are booked", "n1: whole! | whole\nn2: whole | whole", "whole", "book n1"},
    {"a slice and a whole GPU are booked together", "n1: 1g.5gb@0 | whole!\nn2: 1g.5gb@0 | whole",
     "1g.5gb,whole", "book n2"},
    {"a cut GPU never becomes whole", "n1: 7g.40gb@0", "whole", "wait"},
    {"a whole GPU is never cut", "n1: whole | 7g.40gb@0!", "1g.5gb", "wait"},
    {"a re-cut under way is waited for", "n1 coming=3g.20gb: closed 1g.5gb@0\nn2: 7g.40gb@0",
     "3g.20gb", "wait until n1"},
    {"a node that starts is waited for", "n1 starting coming=3g.20gb: closed 1g.5gb@0", "3g.20gb",
     "wait until n1"},
    {"room that is not cut is used first", "n1: 1g.5gb@4!,1g.5gb@5,1g.5gb@6 | 4g.20gb@0!",
     "3g.20gb", "recut n1 1:4g.20gb@0!,3g.20gb@4"},
    {"idle slices make way and come back where they fit", "n1: 1g.5gb@0!,3g.20gb@4", "2g.10gb",
     "recut n1 0:1g.5gb@0!,2g.10gb@2,3g.20gb@4"},
    {"the fewest idle slices make way",
     "n1: 3g.20gb@0!,1g.5gb@4,1g.5gb@5,1g.5gb@6 | 3g.20gb@0!,2g.10gb@4", "3g.20gb",
     "recut n1 1:3g.20gb@0!,3g.20gb@4"},
    {"held slices stay", "n1: 3g.20gb@0!,3g.20gb@4!", "1g.5gb", "wait"},
    {"what is destroyed comes back where it still fits", "n1: 1g.5gb@0,2g.10gb@4!,1g.5gb@6!",
     "4g.20gb", "recut n1 0:4g.20gb@0,2g.10gb@4!,1g.5gb@6!"},
    {"a promised slice does not make way", "n1 promised=2g.10gb: 3g.20gb@0!,2g.10gb@4", "3g.20gb",
     "wait keep n1:1"},
    {"a promised slice does not make way, another of its kind does",
     "n1 promised=2g.10gb: 3g.20gb@0!,2g.10gb@4 | 3g.20gb@0!,2g.10gb@4", "3g.20gb",
     "recut n1 0:3g.20gb@0!,3g.20gb@4"},
    {"a GPU that is closed is not re-cut", "n1: closed 3g.20gb@0!", "3g.20gb", "wait"},
    {"a node whose agent is silent is not re-cut", "n1 silent: 3g.20gb@0!", "3g.20gb", "wait"},
    {"several slices come from several GPUs of one node",
     "n1: 3g.20gb@0! | 3g.20gb@4!,1g.5gb@0\nn2: 3g.20gb@0!", "3g.20gb=2",
     "recut n1 0:3g.20gb@0!,3g.20gb@4 1:3g.20gb@0,3g.20gb@4!"},
    {"one is cut beside those that are free",
     "n1: 3g.20gb@0,3g.20gb@4! | 3g.20gb@0!,1g.5gb@4,1g.5gb@5", "3g.20gb=2",
     "recut n1 1:3g.20gb@0!,3g.20gb@4"},
    {"slices of two nodes are not one pod's", "n1: 3g.20gb@4,4g.20gb@0!\nn2: 3g.20gb@4,4g.20gb@0!",
     "3g.20gb=2", "wait keep n1:1"},
    {"a free slice that is wanted itself moves aside",
     "n1: 1g.5gb@4,4g.20gb@0! | 4g.20gb@0!,2g.10gb@4!", "1g.5gb,3g.20gb",
     "recut n1 0:4g.20gb@0!,3g.20gb@4 1:4g.20gb@0!,2g.10gb@4!,1g.5gb@6"},
    {"a GPU that is kept for another is left while there is another way",
     "n1: kept=9 1g.5gb@0! | 1g.5gb@0!,1g.5gb@1", "3g.20gb",
     "recut n1 1:1g.5gb@0!,1g.5gb@1,3g.20gb@4"},
    {"it is lent when there is none", "n1: kept=9 1g.5gb@0!", "3g.20gb",
     "recut n1 0:1g.5gb@0!,3g.20gb@4 borrowed"},
    {"it is not lent when the other has waited for too long", "n1: overdue=9 1g.5gb@0!", "3g.20gb",
     "wait"},
    {"who goes first takes what is kept for who comes later", "n1: overdue=4 1g.5gb@0!", "3g.20gb",
     "recut n1 0:1g.5gb@0!,3g.20gb@4"},
    {"a free slice on a kept GPU is booked last", "n1: overdue=9 1g.5gb@0\nn2: 1g.5gb@0", "1g.5gb",
     "book n2"},
    {"the GPU with the fewest slices in the way is kept",
     "n1: 1g.5gb@0!,1g.5gb@4! | 1g.5gb@0!,3g.20gb@4!", "7g.40gb", "wait keep n1:1"},
    {"none is kept for the smallest slices", "n1: 7g.40gb@0!", "1g.5gb", "wait"},
    {"what its SlicePool does not allow is not made", "n1 only=1g.5gb: 3g.20gb@0!,2g.10gb@4",
     "3g.20gb", "wait"},
    {"what its SlicePool allows is made", "n1 only=1g.5gb/3g.20gb: 3g.20gb@0!,2g.10gb@4", "3g.20gb",
     "recut n1 0:3g.20gb@0!,3g.20gb@4"},
    {"another node does it", "n1 only=1g.5gb: 3g.20gb@0!\nn2: 3g.20gb@0!,2g.10gb@4", "3g.20gb",
     "recut n2 0:3g.20gb@0!,3g.20gb@4"},
    {"what is there and is not allowed is booked all the same", "n1 only=1g.5gb: 3g.20gb@4",
     "3g.20gb", "book n1"},
    {"what makes way does not come back if it is not allowed",
     "n1 only=4g.20gb: 1g.5gb@0,2g.10gb@4!", "4g.20gb", "recut n1 0:4g.20gb@0,2g.10gb@4!"},
    {"nothing is made where nothing is allowed", "n1 only=: 3g.20gb@0!", "1g.5gb", "wait"},
    {"one that is free beside one that may be made",
     "n1 only=1g.5gb: 3g.20gb@0,1g.5gb@4! | 4g.20gb@0!", "3g.20gb,1g.5gb=2",
     "recut n1 0:3g.20gb@0,1g.5gb@4!,1g.5gb@5,1g.5gb@6"},
    {"no GPU is kept for what may not be made", "n1 only=1g.5gb: 3g.20gb@0!,3g.20gb@4!", "7g.40gb",
     "wait"},
};

static const struct scene moves[] = {
    {"a slice moves to where one is free",
     "n1: movable 1g.5gb@4!,4g.20gb@0!\nn2 silent: 7g.40gb@0! | 1g.5gb@0", "3g.20gb",
     "move n1 GPU 0 slice 1 to n2"},
    {"a slice moves to where idle ones make way",
     "n1: movable 1g.5gb@4!,4g.20gb@0!\nn2: 4g.20gb@0!,1g.5gb@6!,2g.10gb@4", "3g.20gb",
     "move n1 GPU 0 slice 1 to n2 0:4g.20gb@0!,1g.5gb@4,1g.5gb@6!"},
    {"the smallest slice moves",
     "n1: movable 2g.10gb@4!,4g.20gb@0! | movable 1g.5gb@4!,4g.20gb@0!\n"
     "n2 silent: 1g.5gb@0,2g.10gb@2,3g.20gb@4!",
     "3g.20gb", "move n1 GPU 1 slice 1 to n2"},
    {"who may not be moved stays", "n1: 1g.5gb@4!,4g.20gb@0!\nn2 silent: 1g.5gb@0,3g.20gb@4!",
     "3g.20gb", "wait keep n1:1"},
    {"two slices are not moved for one",
     "n1: movable 1g.5gb@4!,1g.5gb@6!,4g.20gb@0!\nn2 silent: 1g.5gb@0,1g.5gb@1,3g.20gb@4!",
     "3g.20gb", "wait keep n1:1"},
    {"nobody is moved on the same node",
     "n1: movable 1g.5gb@4!,4g.20gb@0! | 1g.5gb@0,1g.5gb@2!,3g.20gb@4!", "3g.20gb",
     "wait keep n1:1"},
    {"nobody is moved where a re-cut will do",
     "n1: movable 1g.5gb@4!,4g.20gb@0!\nn2: 1g.5gb@0,3g.20gb@4!", "3g.20gb",
     "recut n2 0:3g.20gb@0,3g.20gb@4!"},
    {"of two that would do the one with fewer idle slices in the way moves",
     "n1: movable 1g.5gb@4!,4g.20gb@0!,1g.5gb@5 | movable 1g.5gb@4!,4g.20gb@0!\n"
     "n2 silent: 1g.5gb@0,3g.20gb@4!",
     "3g.20gb", "move n1 GPU 1 slice 1 to n2"},
    {"nobody is moved for what may not be made",
     "n1 only=1g.5gb: movable 1g.5gb@4!,4g.20gb@0!\nn2 silent: 7g.40gb@0! | 1g.5gb@0", "3g.20gb",
     "wait"},
    {"nobody is moved to where his slice may not be made",
     "n1: movable 1g.5gb@4!,4g.20gb@0!\nn2 only=2g.10gb: 4g.20gb@0!,2g.10gb@4", "3g.20gb",
     "wait keep n1:1"},
};

static void play(const struct scene *scene, bool with_sums, bool may_move, struct gs_decision *ret)
{
    struct bed bed;
    struct gs_err err = {0};
    char answer[600];
    bed_init(&bed, "A100-40GB", scene->nodes, with_sums);
    bed_ask(&bed, scene->wants);
    bed.pod.may_move_others = may_move;
    if (gs_decide(bed.decider, &bed.cluster, &bed.pod, ret, &err) < 0) {
        fail_msg("%s: %s", scene->sentence, err.msg);
    }
    write_answer(&bed, ret, answer);
    if (strcmp(answer, scene->answer) != 0) {
        print_error("%s: %s, expected %s\n    %s\n", scene->sentence, answer, scene->answer,
                    ret->why);
        failures++;
    }
    bed_done(&bed);
}

static void decide__finds_the_cheapest_way(void **state)
{
    (void)state;
    struct gs_decision decision;
    failures = 0;
    for (size_t k = 0; k < 2 * GS_ARRAY_LEN(scenes); k++) {
        play(&scenes[k / 2], k % 2 == 0, false, &decision);
    }
    assert_int_equal(failures, 0);
}

static void decide__moves_one_slice_where_nothing_else_helps(void **state)
{
    (void)state;
    struct gs_decision decision;
    failures = 0;
    for (size_t k = 0; k < 2 * GS_ARRAY_LEN(moves); k++) {
        play(&moves[k / 2], k % 2 == 0, true, &decision);
        assert_true(decision.what != GS_DECIDE_MOVE || decision.keep.node == decision.node);
    }
    assert_int_equal(failures, 0);
}

static void decide__moves_nobody_of_higher_priority(void **state)
{
    (void)state;
    struct bed bed;
    struct gs_decision decision;
    bed_init(&bed, "A100-40GB", moves[0].nodes, true);
    bed_ask(&bed, moves[0].wants);
    bed.pod.may_move_others = true;
    bed.pod.priority = 4;
    assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, NULL), 0);
    assert_int_equal(decision.what, GS_DECIDE_WAIT);
    bed_done(&bed);
}

/* What may be bought, beside a cluster that has no room. */
static const struct buying {
    const char *sentence;
    const char *wants;
    const char *answer;
} buyings[] = {
    {"the cheapest that holds it is bought", "3g.20gb", "buy small"},
    {"one with more GPUs where one is not enough", "3g.20gb=3", "buy large"},
    {"whole GPUs beside slices", "4g.20gb,whole=3", "buy large"},
    {"more than any node has is not bought", "7g.40gb=5", "wait"},
    {"a profile that its GPUs do not have is not bought", "1g.10gb,2g.12gb", "wait"},
};

static void decide__buys_the_cheapest_node_that_holds_the_pod(void **state)
{
    (void)state;
    static const struct gs_taint taint = {.key = "gpu", .value = "", .effect = "NoSchedule"};
    static const struct gs_node_facts facts = {.labels_complete = false};
    static const struct gs_node_facts tainted = {.taints = &taint, .n_taints = 1};
    for (size_t k = 0; k < GS_ARRAY_LEN(buyings); k++) {
        struct bed bed;
        struct gs_decision decision;
        char answer[600];
        bed_init(&bed, "A100-40GB", "n1: 1g.5gb@6!,1g.5gb@0!", true);
        struct gs_offer offer = {.model = bed.model,
                                 .gpu_name = bed.model->id,
                                 .gpus = 1,
                                 .cpu_milli = 8000,
                                 .memory_bytes = 1ull << 36,
                                 .pods = 50,
                                 .max_nodes = UINT32_MAX,
                                 .facts = &facts};
        struct gs_offer offers[6];
        for (size_t o = 0; o < GS_ARRAY_LEN(offers); o++) {
            offers[o] = offer;
        }
        offers[0].name = "large", offers[0].gpus = 4, offers[0].price_uusd = 9;
        offers[1].name = "small", offers[1].price_uusd = 3;
        offers[2].name = "sold out", offers[2].max_nodes = 0;
        offers[3].name = "no CPU", offers[3].cpu_milli = 10;
        offers[4].name = "tainted", offers[4].facts = &tainted;
        offers[5].name = "uncut", offers[5].model = NULL, offers[5].gpu_name = "L4";
        bed.cluster.offers = offers;
        bed.cluster.n_offers = GS_ARRAY_LEN(offers);
        bed_ask(&bed, buyings[k].wants);
        assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, NULL), 0);
        write_answer(&bed, &decision, answer);
        if (strncmp(answer, buyings[k].answer, strlen(buyings[k].answer)) != 0) {
            fail_msg("%s: %s (%s)", buyings[k].sentence, answer, decision.why);
        }
        bed_done(&bed);
    }
}

static void decide__names_the_limits_that_forbid_the_node_and_no_other_reason(void **state)
{
    static const struct {
        uint32_t max_nodes;
        const char *no_more;
        uint64_t cpu_milli; /* of the node */
        const char *says;
    } cases[] = {
        {0, "SlicePool p: limits.gpus is 8", 10000,
         "there is no node with GPUs; no node may be bought for it: SlicePool p: limits.gpus is 8"},
        {0, NULL, 10000, "there is no node with GPUs; no node that a pool may start would hold it"},
        {0, "it is too small anyway", 1,
         "there is no node with GPUs; no node that a pool may start would hold it"},
        {1, NULL, 10000, "there is no node with GPUs; a new p4d would hold it"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct bed bed;
        struct gs_decision decision;
        bed_init(&bed, "A100-40GB", "", false);
        const struct gs_offer offer = {.name = "p4d",
                                       .gpu_name = bed.model->id,
                                       .model = bed.model,
                                       .gpus = 1,
                                       .cpu_milli = cases[i].cpu_milli,
                                       .memory_bytes = 1ull << 40,
                                       .pods = 10,
                                       .price_uusd = 5,
                                       .max_nodes = cases[i].max_nodes,
                                       .no_more = cases[i].no_more};
        bed.cluster.offers = &offer;
        bed.cluster.n_offers = 1;
        bed_ask(&bed, "7g.40gb");
        bed.pod.cpu_milli = 1000;
        assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, NULL), 0);
        assert_string_equal(decision.why, cases[i].says);
        bed_done(&bed);
    }
}

/* What people read; the cases of `scenes` say what is decided. */
static const struct text {
    const char *nodes;
    const char *wants;
    bool may_move;
    const char *why;
} texts[] = {
    {"n1: 3g.20gb@4", "3g.20gb", false, "node n1 has what it asks for free: 3g.20gb"},
    {"n1: 3g.20gb@4!,3g.20gb@0!|1g.5gb@0!,1g.5gb@4!", "3g.20gb", true,
     "no node that it may run on has what it asks for free: 3g.20gb; slices in use stand in the way, fewest on GPU 0 of node n1 (3g.20gb of default/has-3g.20gb); no single slice that may be moved would help; no pool may start a node; it gets the next room on node n1"},
    {"n1: 3g.20gb@4!,2g.10gb@0", "4g.20gb", true,
     "no node that it may run on has what it asks for free: 4g.20gb; on node n1 idle slices make way: GPU 0 becomes 4g.20gb@0,3g.20gb@4!"},
    {"n1: 3g.20gb@4!,2g.10gb@0", "4g.20gb,1g.5gb=2", true,
     "no node that it may run on has what it asks for free: 4g.20gb and 2 x 1g.5gb; no node has room for all of it at once beside what is in use; no single slice that may be moved would help; no pool may start a node; it gets the next room on node n1"},
    {"n1 promised=2g.10gb: 3g.20gb@4!,2g.10gb@0\nn2 full: 7g.40gb@0\nn3 starting: 7g.40gb@0",
     "4g.20gb", false,
     "no node that it may run on has what it asks for free: 4g.20gb (1 not ready, 1 too full: CPU); idle slices that could make way are promised to pods on their way there; no pool may start a node; it gets the next room on node n1"},
    {"n1: movable 1g.5gb@4!,4g.20gb@0!\nn2: 4g.20gb@0!,2g.10gb@4 | 7g.40gb@0!", "3g.20gb", true,
     "no node that it may run on has what it asks for free: 3g.20gb; on node n2 idle slices make way: GPU 0 becomes 4g.20gb@0!,3g.20gb@4"},
    {"n1 silent: 1g.5gb@4!,4g.20gb@0!", "3g.20gb", false,
     "no node that it may run on has what it asks for free: 3g.20gb; no GPU can be re-cut now: the agent does not answer or the node is starting; no pool may start a node"},
    {"n1: 7g.40gb@0!", "1g.5gb", false,
     "no node that it may run on has what it asks for free: 1g.5gb; every slice that could make way for it is in use or promised; no pool may start a node"},
    {"n1: overdue=9 7g.40gb@0", "7g.40gb", false,
     "no node that it may run on has what it asks for free: 7g.40gb; 1 node has GPUs that are kept for pods that go first; no pool may start a node"},
    {"n1: kept=9 7g.40gb@0", "7g.40gb", false,
     "node n1 has what it asks for free: 7g.40gb; it is kept for another pod that waits, and lent as there is no other way"},
    {"n1 coming=3g.20gb: closed 1g.5gb@0", "3g.20gb", false,
     "a re-cut under way on node n1 will have it"},
    {"n1 starting coming=3g.20gb: closed 1g.5gb@0", "3g.20gb", false,
     "node n1, which is starting, will have it"},
    {"", "7g.40gb", false, "there is no node with GPUs; no pool may start a node"},
    {"n1: 7g.40gb@0", "whole", false,
     "no node that it may run on has what it asks for free: whole GPU; GPUs that are cut into slices are not made whole; no pool may start a node"},
    {"n1 only=1g.5gb/3g.20gb: 7g.40gb@0", "2g.10gb", false,
     "no node that it may run on has what it asks for free: 2g.10gb; node n1 could be cut for it, but SlicePool bound allows only 1g.5gb, 3g.20gb (recut: profiles); no pool may start a node"},
    {"n2 only=: 7g.40gb@0\nn1 only=1g.5gb: 7g.40gb@0\nn3 only=1g.5gb: 7g.40gb@0!", "2g.10gb", false,
     "no node that it may run on has what it asks for free: 2g.10gb; node n2 (and 1 more) could be cut for it, but SlicePool bound allows only what its GPUs do not have (recut: profiles); no pool may start a node"},
    {"n1: 7g.40gb@0", "2g.12gb", false,
     "no node that it may run on has what it asks for free: 2g.12gb (1 node without such slices); no pool may start a node"},
};

static void decide__says_why_in_plain_words(void **state)
{
    (void)state;
    failures = 0;
    for (size_t k = 0; k < GS_ARRAY_LEN(texts); k++) {
        struct bed bed;
        struct gs_decision decision;
        bed_init(&bed, "A100-40GB", texts[k].nodes, true);
        bed_ask(&bed, texts[k].wants);
        bed.pod.may_move_others = texts[k].may_move;
        assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, NULL), 0);
        if (strcmp(decision.why, texts[k].why) != 0) {
            print_error("%s, %s:\n    %s\n    expected %s\n", texts[k].nodes, texts[k].wants,
                        decision.why, texts[k].why);
            failures++;
        }
        bed_done(&bed);
    }
    assert_int_equal(failures, 0);
}

static void decide__text_that_is_too_long_is_cut_with_dots(void **state)
{
    (void)state;
    struct bed bed;
    struct gs_decision decision;
    bed_init(&bed, "A100-40GB",
             "n1: 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | "
             "4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0! | 4g.20gb@0!",
             true);
    bed_ask(&bed, "1g.5gb=36");
    assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, NULL), 0);
    assert_int_equal(decision.what, GS_DECIDE_RECUT);
    assert_int_equal(decision.n_recuts, 12);
    assert_int_equal(strlen(decision.why), GS_DECIDE_TEXT_MAX - 1);
    assert_string_equal(decision.why + GS_DECIDE_TEXT_MAX - 4, "...");
    bed_done(&bed);
}

static void decide__wants_that_no_gpu_has_are_refused(void **state)
{
    (void)state;
    static const struct refusal {
        const char *wants;
        int code;
        const char *msg;
    } refusals[] = {
        {"9g.99gb", GS_INVALID,
         "pod default/new asks for a 9g.99gb: no GPU that is known has such a profile "
         "(`gpuslice profiles` lists them)"},
        {"1g.5gb=0", GS_INVALID, "pod default/new asks for 0 of one resource: expected 1 to 1024"},
        {"1g.5gb=2000", GS_INVALID,
         "pod default/new asks for 2000 of one resource: expected 1 to 1024"},
    };
    struct bed bed;
    struct gs_decision decision;
    struct gs_err err;
    bed_init(&bed, "A100-40GB", "n1: 7g.40gb@0", false);
    for (size_t k = 0; k < GS_ARRAY_LEN(refusals); k++) {
        bed_ask(&bed, refusals[k].wants);
        assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, &err),
                         refusals[k].code);
        assert_string_equal(err.msg, refusals[k].msg);
    }
    bed.pod.n_wants = 0;
    assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, &err), GS_INVALID);
    bed_done(&bed);
}

static void decide__more_than_its_bounds_is_refused(void **state)
{
    (void)state;
    struct bed bed;
    struct gs_decision decision;
    struct gs_err err;
    bed_init(&bed, "A100-40GB", "n1: 7g.40gb@0", false);
    bed_ask(&bed, "1g.5gb");
    bed.nodes[0].n_gpus = GS_OFFER_GPUS_MAX + 1;
    assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, &err), GS_LIMIT);
    assert_string_equal(err.msg, "node n1 has 17 GPUs, 16 are the most");
    bed.nodes[0].n_gpus = 1;
    bed.gpus[0][0].n_slices = GS_MEMORY_UNITS_MAX + 1;
    assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, &err), GS_LIMIT);
    bed.cluster.n_nodes = GS_DECIDE_NODES_MAX + 1;
    assert_int_equal(gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, &err), GS_LIMIT);
    bed_done(&bed);
}

static void
decide__higher_priority_goes_first_then_who_waits_longer_then_who_asks_for_more(void **state)
{
    (void)state;
    static const struct gs_want whole[] = {{.whole_gpu = true, .count = 1}};
    static const struct gs_want large[] = {
        {.profile = {.gpu_slices = 3, .memory_gb = 20}, .count = 1}};
    static const struct gs_want small[] = {
        {.profile = {.gpu_slices = 1, .memory_gb = 5}, .count = 3}};
    static const struct gs_decide_pod pods[] = {
        {.name = "b", .priority = INT32_MAX, .created_us = 9000000},
        {.name = "b", .priority = 0, .created_us = 1000000},
        {.name = "e", .priority = 0, .created_us = 2000000, .wants = whole, .n_wants = 1},
        {.name = "d", .priority = 0, .created_us = 2000000, .wants = large, .n_wants = 1},
        {.name = "c", .priority = 0, .created_us = 2000000, .wants = small, .n_wants = 1},
        {.name = "a", .priority = 0, .created_us = 2000000},
        {.name = "b", .priority = 0, .created_us = 2000000},
        {.name = "a", .priority = -1, .created_us = 0},
        {.name = "a", .priority = INT32_MIN, .created_us = UINT64_MAX},
    };
    for (size_t k = 0; k + 1 < GS_ARRAY_LEN(pods); k++) {
        assert_true(gs_decide_order(&pods[k], &pods[k + 1]) < 0);
        assert_true(gs_decide_order(&pods[k + 1], &pods[k]) > 0);
        assert_true(gs_decide_rank(&pods[k]) >= gs_decide_rank(&pods[k + 1]));
        assert_true(gs_decide_rank(&pods[k + 1]) > 0);
    }
    assert_int_equal(gs_decide_order(&pods[0], &pods[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decide__finds_the_cheapest_way),
        cmocka_unit_test(decide__moves_one_slice_where_nothing_else_helps),
        cmocka_unit_test(decide__moves_nobody_of_higher_priority),
        cmocka_unit_test(decide__buys_the_cheapest_node_that_holds_the_pod),
        cmocka_unit_test(decide__names_the_limits_that_forbid_the_node_and_no_other_reason),
        cmocka_unit_test(decide__says_why_in_plain_words),
        cmocka_unit_test(decide__text_that_is_too_long_is_cut_with_dots),
        cmocka_unit_test(decide__wants_that_no_gpu_has_are_refused),
        cmocka_unit_test(decide__more_than_its_bounds_is_refused),
        cmocka_unit_test(
            decide__higher_priority_goes_first_then_who_waits_longer_then_who_asks_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
