#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "unit/decide/bed.h"

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
};

static void decide__finds_the_cheapest_way(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2 * GS_ARRAY_LEN(scenes); k++) {
        const struct scene *scene = &scenes[k / 2];
        struct bed bed;
        struct gs_decision decision;
        struct gs_err err = {0};
        char answer[600];
        bed_init(&bed, "A100-40GB", scene->nodes, k % 2 == 0);
        bed_ask(&bed, scene->wants);
        if (gs_decide(bed.decider, &bed.cluster, &bed.pod, &decision, &err) < 0) {
            fail_msg("%s: %s", scene->sentence, err.msg);
        }
        write_answer(&bed, &decision, answer);
        if (strcmp(answer, scene->answer) != 0) {
            fail_msg("%s: %s, expected %s\n    %s", scene->sentence, answer, scene->answer,
                     decision.why);
        }
        bed_done(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decide__finds_the_cheapest_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
