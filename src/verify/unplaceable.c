#include <inttypes.h>
#include <string.h>

#include "verify/check.h"

static int read_entry(struct gs_check *check, const struct gs_field *at)
{
    uint32_t item;
    uint64_t count;
    const char *text;
    int r = gs_field_index(at, "item", check->problem.n_items, "items", &item, check->err);
    r = r < 0 ? r : gs_field_text(at, "name", &text, check->err);
    if (r < 0) {
        return r;
    }
    const struct gs_problem_item *it = &check->problem.items[item];
    if (it->name[0] != '\0' && strcmp(it->name, text) != 0) {
        return gs_field_fail(at, check->err,
                             "item %u is named \"%s\" here and \"%s\" in the "
                             "problem",
                             item, text, it->name);
    }
    /* A service as a whole has no place. */
    uint64_t most = it->service ? 1 : it->need;
    r = gs_field_u64(at, "count", 1, most, &count, check->err);
    r = r < 0 ? r : gs_field_text(at, "reason", &text, check->err);
    if (r < 0) {
        return r;
    }
    check->unplaced[item] += it->service ? it->need : count;
    return check->unplaced[item] <= it->need
               ? 0
               : gs_field_fail(at, check->err, "more than all of item %u have no place", item);
}

int gs_check_read_unplaceable(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field list;
    size_t n;
    int r = gs_field_list(root, "unplaceable", 2 * check->problem.n_items, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field entry = gs_field_item(&list, i);
        r = read_entry(check, &entry);
    }
    return r;
}

/* ------------------------------------------------------------------ is it so? */

enum place { PLACE_NONE, PLACE_LIMITED, PLACE_FREE };

/* Goal gpus: a new GPU of the right model holds any one slice of it. */
static enum place place_on_gpus(const struct gs_check *check, const struct gs_problem_item *item,
                                const char **ret_where)
{
    enum place best = PLACE_NONE;
    for (size_t t = 0; t < check->n_targets; t++) {
        for (size_t w = 0; w < item->n_ways; w++) {
            struct gs_problem_asked asked;
            bool fresh = check->targets[t].fresh;
            if ((item->service && !fresh) ||
                !gs_problem_resolve(item, &item->ways[w], &check->targets[t].of, &asked, NULL)) {
                continue;
            }
            *ret_where = check->targets[t].of.gpu;
            if (fresh) {
                return PLACE_FREE;
            }
            best = PLACE_LIMITED;
        }
    }
    return best;
}

/* Whether a node holds one item so, beside what it has taken on; `load` NULL: it is empty. */
static int node_holds(struct gs_check *check, const struct gs_problem_node *node,
                      const struct gs_check_load *load, const struct gs_problem_asked *asked,
                      enum gs_supply_verdict *ret)
{
    struct gs_supply_target target;
    uint32_t wanted = 0;
    uint64_t slices[GS_PROFILES_MAX];
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        slices[p] = asked->slices[p] + (load == NULL ? 0 : load->slices[p]);
        wanted |= slices[p] > 0 ? 1u << p : 0;
    }
    uint64_t gpus = asked->gpus + (load == NULL ? 0 : load->gpus);
    struct gs_arena_mark mark = gs_arena_mark(check->scratch);
    int r = gs_supply_node(check->scratch, node, &target, check->err);
    r = r < 0 ? r : gs_supply_list_additions(check->scratch, &target, wanted, check->err);
    if (r == 0) {
        *ret = gs_supply_holds(check->scratch, &target, slices, gpus);
    }
    gs_arena_rewind(check->scratch, mark);
    return r;
}

/* What one node of the problem could do for an item that has no place. */
static int place_on_node(struct gs_check *check, const struct gs_problem_item *item, size_t index,
                         enum place *ret)
{
    const struct gs_problem_node *node = &check->problem.node[index];
    const struct gs_problem_target target = {
        .gpu = node->gpu, .model = node->model, .gpu_memory_mib = node->gpu_memory_mib};
    *ret = PLACE_NONE;
    if (!gs_problem_may_run(item, index) || item->cpu_milli > node->cpu_milli ||
        item->memory_bytes > node->memory_bytes || node->pods < 1) {
        return 0;
    }
    for (size_t w = 0; w < item->n_ways; w++) {
        struct gs_problem_asked asked;
        enum gs_supply_verdict holds = GS_SUPPLY_NO;
        bool may = gs_problem_resolve(item, &item->ways[w], &target, &asked, NULL);
        int r = may ? node_holds(check, node, NULL, &asked, &holds) : 0;
        if (r < 0) {
            return r;
        }
        if (holds == GS_SUPPLY_YES &&
            (node->max_nodes == GS_PROBLEM_NO_LIMIT || check->bought[index] < node->max_nodes)) {
            *ret = PLACE_FREE;
            return 0;
        }
        *ret = holds == GS_SUPPLY_NO ? *ret : PLACE_LIMITED;
    }
    return 0;
}

static int place_on_nodes(struct gs_check *check, const struct gs_problem_item *item,
                          enum place *ret, const char **ret_where)
{
    *ret = PLACE_NONE;
    for (size_t i = 0; i < check->problem.n_nodes && *ret != PLACE_FREE; i++) {
        enum place place;
        int r = place_on_node(check, item, i, &place);
        if (r < 0) {
            return r;
        }
        if (place > *ret) {
            *ret = place;
            *ret_where = check->problem.node[i].name;
        }
    }
    return 0;
}

/* Whether one more fits beside what a node of the plan has taken on. */
static int fits_beside(struct gs_check *check, const struct gs_problem_item *item,
                       const struct gs_check_load *load, unsigned *tries,
                       enum gs_supply_verdict *ret)
{
    const struct gs_problem_node *node = &check->problem.node[load->node];
    const struct gs_problem_target target = {
        .gpu = node->gpu, .model = node->model, .gpu_memory_mib = node->gpu_memory_mib};
    *ret = GS_SUPPLY_NO;
    if (!gs_problem_may_run(item, load->node) || item->cpu_milli > load->cpu_milli ||
        item->memory_bytes > load->memory_bytes || load->pods < 1) {
        return 0;
    }
    for (size_t w = 0; w < item->n_ways && *ret != GS_SUPPLY_YES; w++) {
        struct gs_problem_asked asked;
        enum gs_supply_verdict holds;
        if (!gs_problem_resolve(item, &item->ways[w], &target, &asked, NULL)) {
            continue;
        }
        if (*tries == 0) {
            *ret = GS_SUPPLY_NOT_KNOWN;
            return 0;
        }
        (*tries)--;
        int r = node_holds(check, node, load, &asked, &holds);
        if (r < 0) {
            return r;
        }
        *ret = holds == GS_SUPPLY_NO ? *ret : holds;
    }
    return 0;
}

/* What is left of the nodes that the plan buys and uses is had for nothing. */
static int check_room_left(struct gs_check *check, const struct gs_field *at)
{
    enum { TRIES_MAX = 1000 }; /* a second or so, where nodes are hard to fill */
    unsigned tries = TRIES_MAX;
    size_t open = 0;
    for (size_t i = 0; i < check->problem.n_items; i++) {
        const struct gs_problem_item *item = &check->problem.items[i];
        bool known = true;
        for (size_t l = 0; check->unplaced[i] > 0 && l < check->n_loads; l++) {
            enum gs_supply_verdict verdict;
            int r = fits_beside(check, item, &check->loads[l], &tries, &verdict);
            if (r < 0) {
                return r;
            }
            if (verdict == GS_SUPPLY_YES) {
                return gs_field_fail(at, check->err,
                                     "item %zu (%s) is said to have no place, and %s has room "
                                     "left for it",
                                     i, item->name, check->problem.node[check->loads[l].node].name);
            }
            known = known && verdict == GS_SUPPLY_NO;
        }
        open += !known;
    }
    if (open > 0) {
        gs_check_note(check,
                      "that the nodes of the plan have no room left for %zu kinds of "
                      "unplaceable items: too many ways to try",
                      open);
    }
    return 0;
}

int gs_check_unplaceable(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field list;
    int r = gs_field_get(root, "unplaceable", &list, check->err);
    r = r < 0 ? r : check_room_left(check, &list);
    size_t limited = 0;
    for (size_t i = 0; i < check->problem.n_items && r == 0; i++) {
        const struct gs_problem_item *item = &check->problem.items[i];
        enum place place;
        const char *where = "";
        if (check->unplaced[i] == 0) {
            continue;
        }
        if (check->problem.nodes) {
            r = place_on_nodes(check, item, &place, &where);
        } else {
            place = place_on_gpus(check, item, &where);
        }
        if (r == 0 && place == PLACE_FREE) {
            return gs_field_fail(&list, check->err,
                                 "item %zu (%s) is said to have no place, and one more %s would "
                                 "hold it",
                                 i, item->name, where);
        }
        limited += r == 0 && place == PLACE_LIMITED;
    }
    if (r == 0 && limited > 0) {
        gs_check_note(check,
                      "that no other plan has a place for the items that are unplaceable "
                      "because of limits (%zu)",
                      limited);
    }
    return r;
}
