#include "unit/picture/plain.h"

#include <stdint.h>

static bool selects(enum select select, const struct pod *pod)
{
    switch (select) {
    case SELECT_NONE:
        return false;
    case SELECT_ALL:
        return true;
    case SELECT_APP_A:
        return pod->app == 1;
    case SELECT_NOT_APP_A:
        return pod->app != 1;
    case SELECT_TIER:
        return pod->tier;
    case SELECT_NO_TIER:
        return !pod->tier;
    }
    return false;
}

static bool is_about(const struct term *term, const struct pod *whose, const struct pod *pod)
{
    bool here = term->spaces == SPACES_OWN     ? pod->space == whose->space
                : term->spaces == SPACES_X     ? pod->space == 0
                : term->spaces == SPACES_EVERY ? true
                                               : pod->space == 1;
    return here && selects(term->select, pod);
}

/* -1: the node has no such label. */
static int domain(unsigned key, unsigned n)
{
    const struct node *node = &drawn.nodes[n];
    unsigned value = key == 0 ? node->host : node->zone;
    return value == 0 || node->gone ? -1 : (int)value;
}

static bool counts(const struct pod *pod, bool on_way)
{
    return !pod->gone && (pod->bound || on_way);
}

static bool has_amounts(const struct pod *pod, unsigned node, bool on_way)
{
    unsigned taken = 0;
    for (unsigned p = 0; p < drawn.n_pods; p++) {
        const struct pod *other = &drawn.pods[p];
        taken += other->node == node && counts(other, on_way) ? other->efa : 0;
    }
    return pod->efa == 0 || pod->efa + taken <= drawn.nodes[node].efa;
}

static bool has_ports(const struct pod *pod, unsigned node, bool on_way)
{
    for (unsigned p = 0; p < drawn.n_pods; p++) {
        const struct pod *other = &drawn.pods[p];
        if (other->node == node && counts(other, on_way) && pod->port != 0 &&
            other->port == pod->port && (other->ip == pod->ip || other->ip == 0 || pod->ip == 0)) {
            return false;
        }
    }
    return true;
}

static bool about_all(const struct pod *pod, const struct pod *other)
{
    for (unsigned t = 0; t < pod->n_beside; t++) {
        if (!is_about(&pod->beside[t], pod, other)) {
            return false;
        }
    }
    return true;
}

static bool has_affinity(const struct pod *pod, unsigned node, bool on_way)
{
    bool exist = true;
    bool any = false;
    for (unsigned t = 0; t < pod->n_beside; t++) {
        int here = domain(pod->beside[t].key, node);
        bool there = false;
        if (here < 0) {
            return false;
        }
        for (unsigned p = 0; p < drawn.n_pods; p++) {
            const struct pod *other = &drawn.pods[p];
            int where = domain(pod->beside[t].key, other->node);
            bool match = counts(other, on_way) && about_all(pod, other) && where >= 0;
            any = any || match;
            there = there || (match && where == here);
        }
        exist = exist && there;
    }
    return exist || (!any && about_all(pod, pod));
}

static bool has_distance(const struct pod *pod, unsigned node, bool on_way)
{
    for (unsigned p = 0; p < drawn.n_pods; p++) {
        const struct pod *other = &drawn.pods[p];
        for (unsigned t = 0; t < pod->n_apart && counts(other, on_way); t++) {
            int here = domain(pod->apart[t].key, node);
            if (here >= 0 && is_about(&pod->apart[t], pod, other) &&
                domain(pod->apart[t].key, other->node) == here) {
                return false;
            }
        }
        for (unsigned t = 0; t < other->n_apart && counts(other, on_way); t++) {
            int here = domain(other->apart[t].key, node);
            if (here >= 0 && is_about(&other->apart[t], other, pod) &&
                domain(other->apart[t].key, other->node) == here) {
                return false;
            }
        }
    }
    return true;
}

static bool is_included(const struct pod *pod, const struct spread *spread, unsigned n)
{
    const struct node *node = &drawn.nodes[n];
    for (unsigned s = 0; s < pod->n_spreads; s++) {
        if (domain(pod->spreads[s].key, n) < 0) {
            return false;
        }
    }
    return (spread->every_node || !pod->in_zone_a || node->zone == 1) &&
           (!spread->without_taint || !node->tainted || pod->tolerates);
}

static bool spread_selects(const struct spread *spread, const struct pod *whose,
                           const struct pod *pod)
{
    bool same_app = !spread->by_app || whose->app == 0 || pod->app == whose->app;
    return selects(spread->select, pod) && (spread->select == SELECT_NONE || same_app);
}

static bool is_even(const struct pod *pod, const struct spread *spread, unsigned node, bool on_way)
{
    enum { DOMAINS = NODES + 4 };
    int matching[DOMAINS];
    unsigned n_domains = 0;
    int least = INT32_MAX;
    int here = domain(spread->key, node);
    bool nobody = spread->select == SELECT_ALL && (!spread->by_app || pod->app == 0);
    if (here < 0) {
        return false;
    }
    for (unsigned d = 0; d < DOMAINS; d++) {
        matching[d] = -1;
    }
    for (unsigned n = 0; n < drawn.n_nodes; n++) {
        int at = domain(spread->key, n);
        if (!is_included(pod, spread, n)) {
            continue;
        }
        matching[at] = matching[at] < 0 ? 0 : matching[at];
        for (unsigned p = 0; p < drawn.n_pods; p++) {
            const struct pod *other = &drawn.pods[p];
            matching[at] += other->node == n && counts(other, on_way) && !other->deleting &&
                            other->space == pod->space && !nobody &&
                            spread_selects(spread, pod, other);
        }
    }
    for (unsigned d = 0; d < DOMAINS; d++) {
        n_domains += matching[d] >= 0;
        least = matching[d] >= 0 && matching[d] < least ? matching[d] : least;
    }
    unsigned wanted = spread->least == 0 ? 1 : spread->least;
    least = n_domains < wanted ? 0 : least;
    int count = matching[here] < 0 ? 0 : matching[here];
    return count + spread_selects(spread, pod, pod) - least <= (int)spread->skew;
}

bool plain_passes(const struct pod *pod, unsigned node, bool on_way)
{
    bool even = true;
    for (unsigned s = 0; s < pod->n_spreads; s++) {
        even = even && is_even(pod, &pod->spreads[s], node, on_way);
    }
    return even && has_amounts(pod, node, on_way) && has_ports(pod, node, on_way) &&
           has_affinity(pod, node, on_way) && has_distance(pod, node, on_way);
}
