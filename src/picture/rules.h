/* rules: on which nodes of the view the scheduler would not put a pod for rules that hang on other
 * pods and on other resources: what is left of each, host ports, required pod affinity and
 * anti-affinity (its own, and that of pods that are there), spread constraints that must hold.
 *
 * As kube-scheduler judges them: docs/internals/decide.md, Rules that hang on other pods. Belongs
 * to the loop. */
#pragma once

#include "picture/view.h"

enum { GS_RULES_BARS_MAX = GS_KUBEREQUEST_OTHERS_MAX + 8 };

/* A pod that is as good as on its way to a node. */
struct gs_rules_wished {
    const struct gs_store_pod *pod;
    const struct gs_store_node *node;
};

struct gs_rules {
    struct gs_store *store;
    const struct gs_nodes_view *view;
    struct gs_arena arena; /* of one judgement */
    uint8_t *barred;       /* by node of the view */
    size_t cap;
    struct gs_decide_bar bars[GS_RULES_BARS_MAX];
    struct gs_rules_wished *expected;
    size_t n_expected;
    size_t cap_expected;
};

/* Pods on their way to a node are not bound yet, and the scheduler counts them there only when it
 * looks at that node. Where they take room they always count. Where they make room (affinity, the
 * emptiest domain) they do not, or, hopefully, as if they were bound. */
enum gs_rules_mood { GS_RULES_STRICT, GS_RULES_HOPEFUL };

void gs_rules_init(struct gs_rules *rules, struct gs_store *store,
                   const struct gs_nodes_view *view);
void gs_rules_done(struct gs_rules *rules);

/* The pod counts as on its way there, though the store does not say so. GS_NO_MEMORY. */
int gs_rules_expect(struct gs_rules *rules, const struct gs_store_pod *pod,
                    const struct gs_store_node *node, struct gs_err *err);

/* What keeps the waiting pod off nodes, into `ask`: good until the next call, and as long as the
 * view has the same nodes. *ret_later (may be NULL): it would be less in a hopeful mood.
 * GS_NO_MEMORY. */
int gs_rules_judge(struct gs_rules *rules, const struct gs_store_pod *pod, enum gs_rules_mood mood,
                   struct gs_decide_pod *ask, bool *ret_later, struct gs_err *err);

/* Whether required anti-affinity of any pod that we know is about pods of this shape. */
bool gs_rules_shuns(struct gs_store *store, struct gs_store_shape *shape);
