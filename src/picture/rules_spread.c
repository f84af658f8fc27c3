/* Spread constraints that must hold: in no domain more pods than in the emptiest one and so many.
 */
#include <string.h>

#include "picture/rules_work.h"

/* Each constraint, with its domains. */
struct spreading {
    struct gs_domains domains[GS_KUBERULES_TERMS_MAX];
    size_t hints[GS_KUBERULES_TERMS_MAX];
    struct gs_rules_count least[GS_KUBERULES_TERMS_MAX]; /* in the emptiest domain */
    bool self[GS_KUBERULES_TERMS_MAX];                   /* the pod is counted itself */
};

/* Whether the node counts for the constraint. */
static bool is_counted(const struct gs_judging *judging, const struct gs_kuberules_spread *spread,
                       const struct gs_store_node *node)
{
    static const struct gs_constraint none = {.n_terms = 0};
    const struct gs_constraint *own = judging->constraint == NULL ? &none : judging->constraint;
    bool anywhere = own->selector.n_requirements == 0 && own->n_terms == 0;
    if ((anywhere || spread->every_node) && !spread->without_taint) {
        return true;
    }
    struct gs_constraint place = *own;
    const struct gs_constraint tolerates = {.tolerations = own->tolerations,
                                            .n_tolerations = own->n_tolerations};
    struct gs_node_facts untainted = node->node.facts;
    untainted.n_taints = 0;
    place.n_tolerations = 0;
    return (spread->every_node ||
            gs_constraint_check(&place, &untainted, NULL) == GS_VERDICT_YES) &&
           (!spread->without_taint ||
            gs_constraint_check(&tolerates, &node->node.facts, NULL) == GS_VERDICT_YES);
}

/* A node that has all the labels makes a domain of each constraint that it counts for. */
static int note_node(struct gs_judging *judging, struct spreading *spreading,
                     struct gs_store_node *node, struct gs_err *err)
{
    const struct gs_rules_count nobody = {.all = 0};
    const char *values[GS_KUBERULES_TERMS_MAX];
    size_t n = judging->own->n_spreads;
    int r = 0;
    node->spreads = 0;
    for (size_t s = 0; s < n; s++) {
        values[s] = gs_rules_value(node, spreading->domains[s].key, &spreading->hints[s]);
        if (values[s] == NULL) {
            return 0;
        }
    }
    for (size_t s = 0; r == 0 && s < n; s++) {
        if (is_counted(judging, &judging->own->spreads[s], node)) {
            node->spreads |= (uint16_t)(1u << s);
            r = gs_domains_add(judging, &spreading->domains[s], values[s], nobody, err);
        }
    }
    return r;
}

static int note_nodes(struct gs_judging *judging, struct spreading *spreading, struct gs_err *err)
{
    struct gs_store_node *node;
    size_t at = 0;
    int r = 0;
    while (r == 0 && (node = gs_map_next(&judging->rules->store->nodes, &at)) != NULL) {
        r = note_node(judging, spreading, node, err);
    }
    return r;
}

/* The pods that are selected, all of the pod's own namespace. A selector that selects everything
 * counts nobody, as with the scheduler. */
static int note_pods(struct gs_judging *judging, struct spreading *spreading, struct gs_err *err)
{
    const struct gs_store_space *space =
        gs_map_find(&judging->rules->store->spaces, judging->name_space);
    struct gs_arena *arena = &judging->rules->arena;
    int r = 0;
    for (const struct gs_store_shape *shape = space == NULL ? NULL : space->shapes;
         r == 0 && shape != NULL; shape = shape->next) {
        if (shape->pods == NULL && judging->n_wished == 0) {
            continue;
        }
        const struct gs_label *labels = gs_rules_labels(arena, shape);
        if (labels == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the rules of a pod");
        }
        for (size_t s = 0; r == 0 && s < judging->own->n_spreads; s++) {
            const struct gs_kuberules_selector *pods = &judging->own->spreads[s].pods;
            if (pods->all.n_requirements > 0 &&
                gs_kuberules_selects(pods, labels, shape->n_labels)) {
                r = gs_domains_put(judging, &spreading->domains[s], shape, (uint16_t)(1u << s),
                                   err);
            }
        }
    }
    return r;
}

static void find_least(const struct gs_judging *judging, struct spreading *spreading)
{
    for (size_t s = 0; s < judging->own->n_spreads; s++) {
        const struct gs_kuberules_spread *spread = &judging->own->spreads[s];
        const struct gs_domains *domains = &spreading->domains[s];
        struct gs_rules_count least = {.bound = UINT32_MAX, .all = UINT32_MAX};
        const struct gs_rules_count *count;
        size_t at = 0;
        while ((count = gs_map_next(&domains->values, &at)) != NULL) {
            least.bound = count->bound < least.bound ? count->bound : least.bound;
            least.all = count->all < least.all ? count->all : least.all;
        }
        if (domains->values.n < spread->min_domains) {
            least = (struct gs_rules_count){.all = 0};
        }
        spreading->least[s] = least;
        spreading->self[s] =
            gs_kuberules_selects(&spread->pods, judging->labels, judging->n_labels);
    }
}

static void judge_node(struct gs_judging *judging, struct spreading *spreading, size_t i,
                       uint8_t what)
{
    const struct gs_store_node *node = judging->rules->view->more[i].of;
    for (size_t s = 0; s < judging->own->n_spreads; s++) {
        const struct gs_domains *domains = &spreading->domains[s];
        const struct gs_rules_count none = {.all = 0};
        const char *value = gs_rules_value(node, domains->key, &spreading->hints[s]);
        const struct gs_rules_count *there = value == NULL ? NULL : gs_domains_of(domains, value);
        const struct gs_rules_count count = there == NULL ? none : *there;
        const struct gs_rules_count *least = &spreading->least[s];
        uint64_t most = judging->own->spreads[s].max_skew;
        uint64_t self = spreading->self[s] ? 1 : 0;
        bool all = count.all + self <= least->all + most;
        bool bound = count.bound + self <= least->bound + most;
        if (value == NULL || !all || !bound) {
            gs_rules_bar(judging, i, what, value != NULL && all);
        }
    }
}

int gs_rules_spread(struct gs_judging *judging, struct gs_err *err)
{
    struct spreading spreading = {.hints = {0}};
    size_t n = judging->own->n_spreads;
    for (size_t s = 0; s < n; s++) {
        spreading.domains[s].key = judging->own->spreads[s].topology_key;
    }
    int r = note_nodes(judging, &spreading, err);
    r = r == 0 ? note_pods(judging, &spreading, err) : r;
    find_least(judging, &spreading);
    uint8_t what = gs_rules_name(judging, "its topology spread constraints", false);
    for (size_t s = 0; s < n; s++) {
        gs_rules_by_place(judging, what, spreading.domains[s].key);
    }
    for (size_t i = 0; r == 0 && i < judging->rules->view->n; i++) {
        judge_node(judging, &spreading, i, what);
    }
    for (size_t s = 0; s < n; s++) {
        gs_domains_done(&spreading.domains[s]);
    }
    return r;
}
