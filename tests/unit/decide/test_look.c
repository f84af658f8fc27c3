#include <string.h>

#include "base/cleanup.h"
#include "decide/look.h"
#include "unit/decide/bed.h"

static const char *word(enum gs_look_what what)
{
    static const char *const words[] = {
        [GS_LOOK_FREE] = "free",     [GS_LOOK_COMES] = "comes",       [GS_LOOK_RECUT] = "recut",
        [GS_LOOK_OTHER] = "other",   [GS_LOOK_UNUSABLE] = "unusable", [GS_LOOK_SMALL] = "small",
        [GS_LOOK_BARRED] = "barred", [GS_LOOK_SILENT] = "silent",     [GS_LOOK_IN_USE] = "in use",
        [GS_LOOK_BOUND] = "bound",   [GS_LOOK_KEPT] = "kept",         [GS_LOOK_FULL] = "full",
    };
    return words[what];
}

static const struct {
    const char *says;
    const char *nodes; /* the last of them is looked at */
    const char *wants;
    const char *finds;
    uint32_t slices; /* in the way */
} looks[] = {
    {"a free slice", "n1: 3g.20gb@4", "3g.20gb", "free", 0},
    {"another node's free slice is not this one's", "n1: 3g.20gb@4\nn2: 3g.20gb@0!,3g.20gb@4!",
     "3g.20gb", "in use", 1},
    {"what comes", "n1 coming=3g.20gb: closed 1g.5gb@0", "3g.20gb", "comes", 0},
    {"idle slices make way", "n1: 1g.5gb@0!,3g.20gb@4", "2g.10gb", "recut", 0},
    {"no such slices on this GPU", "n1: 1g.5gb@0", "1g.12gb", "other", 0},
    {"a node that starts", "n1 starting: 3g.20gb@4", "3g.20gb", "unusable", 0},
    {"a node without CPU", "n1 full: 3g.20gb@4", "3g.20gb", "small", 0},
    {"a silent agent", "n1 silent: 3g.20gb@0!", "3g.20gb", "silent", 0},
    {"slices in use, the fewest", "n1: 1g.5gb@0!,1g.5gb@1!,2g.10gb@4!,1g.5gb@6!", "3g.20gb",
     "in use", 3},
    {"everything is in use", "n1: 3g.20gb@0!,3g.20gb@4!", "1g.5gb", "full", 0},
    {"a whole GPU is never cut", "n1: whole | 7g.40gb@0!", "1g.5gb", "full", 0},
    {"its SlicePool does not allow it", "n1 only=1g.5gb: 1g.5gb@0!,3g.20gb@4", "2g.10gb", "bound",
     0},
    {"slices in use come first, whatever its SlicePool allows",
     "n1 only=2g.10gb: 3g.20gb@0!,3g.20gb@4!", "1g.5gb", "full", 0},
    {"what is lent is free all the same", "n1: kept=9 1g.5gb@0!", "3g.20gb", "recut", 0},
    {"what is kept for too long a wait is not lent", "n1: overdue=9 1g.5gb@0!", "3g.20gb", "kept",
     0},
};

static void look__names_what_stands_in_the_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(looks); i++) {
        struct bed bed;
        struct gs_look look;
        struct gs_err err = {.msg = ""};
        bed_init(&bed, "A100-40GB", looks[i].nodes, true);
        bed_ask(&bed, looks[i].wants);
        int r = gs_look(bed.decider, &bed.cluster, &bed.pod, (uint32_t)bed.cluster.n_nodes - 1,
                        &look, &err);
        if (r != 0 || strcmp(word(look.what), looks[i].finds) != 0 ||
            look.slices != looks[i].slices) {
            fail_msg("%s: found %s, slices %u (%s); expected %s, slices %u", looks[i].says,
                     r == 0 ? word(look.what) : "an error", look.slices, err.msg, looks[i].finds,
                     looks[i].slices);
        }
        bed_done(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(look__names_what_stands_in_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
