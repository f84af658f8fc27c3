/* Spread constraints that must hold: in no domain more pods than in the emptiest one and so many.
 */
#include <string.h>

#include "picture/rules_work.h"

/* Each constraint, with its domains. */
struct spreading {
    struct gs_domains domains[GS_KUBERULES_TERMS_MAX];
    bool *there[GS_KUBERULES_TERMS_MAX]; /* by number of a domain: a node that counts makes it */
    size_t n_there[GS_KUBERULES_TERMS_MAX];
    uint16_t *counted; /* by seat: bit s: the node counts for constraint s */
    struct gs_rules_count least[GS_KUBERULES_TERMS_MAX]; /* in the emptiest domain */
    bool self[GS_KUBERULES_TERMS_MAX];                   /* the pod is counted itself */
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the rules of a pod");
}

/* Whether the node counts for the constraint. */
static bool is_counted(const struct gs_judging *judging, const struct gs_kuberules_spread *spread,
                       const struct gs_node_facts *facts)
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
    struct gs_node_facts untainted = *facts;
    untainted.n_taints = 0;
    place.n_tolerations = 0;
    return (spread->every_node ||
            gs_constraint_check(&place, &untainted, NULL) == GS_VERDICT_YES) &&
           (!spread->without_taint ||
            gs_constraint_check(&tolerates, facts, NULL) == GS_VERDICT_YES);
}

/* A node that has all the labels makes a domain of each constraint that it counts for. */
static void note_node(const struct gs_judging *judging, struct spreading *spreading, uint32_t seat)
{
    size_t n = judging->own->n_spreads;
    for (size_t s = 0; s < n; s++) {
        if (gs_domains_number(&spreading->domains[s], seat) == 0) {
            return;
        }
    }
    for (size_t s = 0; s < n; s++) {
        bool *there = &spreading->there[s][gs_domains_number(&spreading->domains[s], seat)];
        if (is_counted(judging, &judging->own->spreads[s],
                       judging->rules->store->places.facts[seat])) {
            spreading->counted[seat] |= (uint16_t)(1u << s);
            spreading->n_there[s] += !*there;
            *there = true;
        }
    }
}

static int note_nodes(struct gs_judging *judging, struct spreading *spreading, struct gs_err *err)
{
    struct gs_arena *arena = &judging->rules->arena;
    uint32_t n_seats = judging->rules->store->places.n_seats;
    spreading->counted = GS_ARENA_NEW(arena, uint16_t, n_seats);
    bool made = spreading->counted != NULL;
    for (size_t s = 0; made && s < judging->own->n_spreads; s++) {
        struct gs_domains *domains = &spreading->domains[s];
        domains->key = judging->own->spreads[s].topology_key;
        int r = gs_domains_open(judging, domains, err);
        if (r != 0) {
            return r;
        }
        size_t n = domains->label == NULL ? 0 : domains->label->n_numbers + 1u;
        spreading->there[s] = GS_ARENA_NEW(arena, bool, n);
        made = spreading->there[s] != NULL;
    }
    for (uint32_t seat = 0; made && seat < n_seats; seat++) {
        note_node(judging, spreading, seat);
    }
    return made ? 0 : no_memory(err);
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
            return no_memory(err);
        }
        for (size_t s = 0; r == 0 && s < judging->own->n_spreads; s++) {
            const struct gs_kuberules_selector *pods = &judging->own->spreads[s].pods;
            if (pods->all.n_requirements > 0 &&
                gs_kuberules_selects(pods, labels, shape->n_labels)) {
                const struct gs_rules_counted counted = {.by_seat = spreading->counted,
                                                         .bit = (uint16_t)(1u << s)};
                r = gs_domains_put(judging, &spreading->domains[s], shape, &counted, err);
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
        uint32_t n = domains->label == NULL ? 0 : domains->label->n_numbers;
        for (uint32_t number = 1; number <= n; number++) {
            const struct gs_rules_count *count = &domains->counts[number];
            bool there = spreading->there[s][number];
            least.bound = there && count->bound < least.bound ? count->bound : least.bound;
            least.all = there && count->all < least.all ? count->all : least.all;
        }
        if (spreading->n_there[s] < spread->min_domains) {
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
    uint32_t seat = judging->rules->view->more[i].seat;
    for (size_t s = 0; s < judging->own->n_spreads; s++) {
        const struct gs_domains *domains = &spreading->domains[s];
        const struct gs_rules_count count = gs_domains_at(domains, seat);
        bool in_none = gs_domains_number(domains, seat) == 0;
        const struct gs_rules_count *least = &spreading->least[s];
        uint64_t most = judging->own->spreads[s].max_skew;
        uint64_t self = spreading->self[s] ? 1 : 0;
        bool all = count.all + self <= least->all + most;
        bool bound = count.bound + self <= least->bound + most;
        if (in_none || !all || !bound) {
            gs_rules_bar(judging, i, what, !in_none && all);
        }
    }
}

int gs_rules_spread(struct gs_judging *judging, struct gs_err *err)
{
    struct spreading spreading = {.counted = NULL};
    int r = note_nodes(judging, &spreading, err);
    r = r == 0 ? note_pods(judging, &spreading, err) : r;
    if (r != 0) {
        return r;
    }
    find_least(judging, &spreading);
    uint8_t what = gs_rules_name(judging, "its topology spread constraints", false);
    for (size_t s = 0; s < judging->own->n_spreads; s++) {
        gs_rules_by_place(judging, what, spreading.domains[s].key);
    }
    for (size_t i = 0; i < judging->rules->view->n; i++) {
        judge_node(judging, &spreading, i, what);
    }
    return 0;
}
