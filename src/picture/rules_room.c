/* Rules that look at one node alone: other resources, host ports. */
#include <string.h>

#include "picture/rules_work.h"

/* ---- other resources ---- */

static uint64_t left_of(const struct gs_store_node *node, const char *name)
{
    for (size_t k = 0; k < node->n_others; k++) {
        const struct gs_store_other *other = &node->others[k];
        if (strcmp(other->name, name) == 0) {
            return other->there > other->taken ? other->there - other->taken : 0;
        }
    }
    return 0;
}

/* What pods take that are expected there. */
static uint64_t wished_of(const struct gs_judging *judging, const struct gs_store_node *node,
                          const char *name)
{
    uint64_t sum = 0;
    for (size_t w = 0; w < judging->n_wished; w++) {
        const struct gs_store_rules *rules = judging->wished[w].pod->shape->rules;
        bool here = judging->wished[w].node == node && rules != NULL;
        for (size_t a = 0; here && a < rules->rules.n_amounts; a++) {
            const struct gs_kubeamount *amount = &rules->rules.amounts[a];
            bool same = strcmp(amount->name, name) == 0;
            sum += same && sum <= UINT64_MAX - amount->amount ? amount->amount : 0;
        }
    }
    return sum;
}

void gs_rules_amounts(struct gs_judging *judging)
{
    const struct gs_nodes_view *view = judging->rules->view;
    for (size_t a = 0; a < judging->own->n_amounts; a++) {
        const struct gs_kubeamount *amount = &judging->own->amounts[a];
        uint8_t what = gs_rules_name(judging, amount->name, true);
        for (size_t i = 0; i < view->n; i++) {
            const struct gs_store_node *node = view->more[i].of;
            uint64_t left = left_of(node, amount->name);
            uint64_t wished = left < amount->amount ? 0 : wished_of(judging, node, amount->name);
            if (left < amount->amount || left - amount->amount < wished) {
                gs_rules_bar(judging, i, what, false);
            }
        }
    }
}

/* ---- host ports ---- */

static bool clash(const struct gs_kuberules *a, const struct gs_kuberules *b)
{
    for (size_t i = 0; i < a->n_ports; i++) {
        for (size_t k = 0; k < b->n_ports; k++) {
            if (gs_kuberules_clash(&a->ports[i], &b->ports[k])) {
                return true;
            }
        }
    }
    return false;
}

static void bar_node(struct gs_judging *judging, const struct gs_store_node *node, uint8_t what)
{
    if (node->number != 0) {
        gs_rules_bar(judging, node->number - 1, what, false);
    }
}

void gs_rules_ports(struct gs_judging *judging)
{
    uint8_t what = judging->own->n_ports == 0 ? 0 : gs_rules_name(judging, "host ports", false);
    const struct gs_store_rules *other = what == 0 ? NULL : judging->rules->store->ruled;
    for (; other != NULL; other = other->next) {
        if (!clash(judging->own, &other->rules)) {
            continue;
        }
        for (const struct gs_store_pod *pod = other->shape->pods; pod != NULL;
             pod = pod->next_alike) {
            bar_node(judging, pod->node != NULL ? pod->node : pod->nominated, what);
        }
        for (size_t w = 0; w < judging->n_wished; w++) {
            if (judging->wished[w].pod->shape == other->shape) {
                bar_node(judging, judging->wished[w].node, what);
            }
        }
    }
}
