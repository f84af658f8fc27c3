/* live: what the files of plan --cluster share. Private to src/cli/plan. */
#pragma once

#include "cli/cluster/link.h"
#include "cli/plan/plan.h"
#include "wire/kubepod.h"

enum {
    GS_LIVE_VOLUMES_MAX = 500,  /* pods whose volumes are asked for */
    GS_LIVE_VOLUMES_NOTES = 10, /* about them */
};

struct gs_live_volumes {
    struct gs_cmd_plan_question *question;
    unsigned notes;
};

/* A pod that waits and has claims: where its volumes are is asked for, and it is added to the plan
 * with what they require. `arena`: for this pod. GS_IO: the loop broke; codes of
 * gs_kubeplan_add_pod. */
int gs_live_volumes_add(struct gs_live_volumes *live, struct gs_link *link, struct gs_kubepod *pod,
                        const char *uid, struct gs_arena *arena, struct gs_kubeplan *plan,
                        struct gs_err *err);

/* All pods were added. GS_NO_MEMORY. */
int gs_live_volumes_end(struct gs_live_volumes *live, struct gs_err *err);
