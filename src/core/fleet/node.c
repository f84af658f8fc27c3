#include "core/fleet/node.h"

enum { CPU, MEMORY, PODS, RESOURCES };
enum { FILLED_CPU, FILLED_MEMORY, FILLED_ROOM }; /* of GS_PROGRAM_ROOMS kinds */

/* Kinds with several uses here: their uses' own bounds do not keep the sum within the need. */
static int64_t *shared_limits(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                              const struct gs_fleet_shape *shape)
{
    int64_t *limits = GS_ARENA_NEW(arena, int64_t, spec->n_kinds);
    for (unsigned k = 0; limits != NULL && k < spec->n_kinds; k++) {
        limits[k] = INT64_MAX;
    }
    for (unsigned u = 1; limits != NULL && u < shape->n_uses; u++) {
        uint32_t kind = shape->uses[u].kind;
        if (shape->uses[u - 1].kind == kind) {
            limits[kind] = spec->needs[kind];
        }
    }
    return limits;
}

static bool find_limit_rows(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                            struct gs_fleet_node *node)
{
    int *rows = GS_ARENA_NEW(arena, int, spec->n_kinds);
    for (unsigned k = 0; rows != NULL && k < spec->n_kinds; k++) {
        rows[k] = -1;
    }
    for (unsigned i = 0; rows != NULL && i < node->program.ip.n_rows; i++) {
        const struct gs_program_row *row = &node->program.rows[i];
        if (row->what == GS_PROGRAM_MOST) {
            rows[row->index] = (int)i;
        }
        if (row->what == GS_PROGRAM_AMOUNT && row->index != PODS) {
            node->filled_row[row->index == CPU ? FILLED_CPU : FILLED_MEMORY] = (int)i;
        }
        if (row->what == GS_PROGRAM_ROOM) {
            node->filled_row[FILLED_ROOM + row->index] = (int)i;
        }
    }
    node->most_row = rows;
    return rows != NULL;
}

/* What a node has of an amount, less what no sum of items can use: rounded down to a multiple of
 * the greatest common divisor of what its items ask for. It makes the relaxation tighter by just
 * the part that would otherwise take a long search to show. */
static int64_t usable(const struct gs_fleet_shape *shape, const int64_t *amounts, int64_t capacity)
{
    int64_t unit = 0;
    for (unsigned u = 0; u < shape->n_uses; u++) {
        int64_t amount = amounts[shape->uses[u].kind];
        while (amount != 0) {
            int64_t rest = unit % amount;
            unit = amount;
            amount = rest;
        }
    }
    return unit == 0 ? capacity : capacity / unit * unit;
}

int gs_fleet_node_new(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                      const struct gs_fleet_shape *shape, struct gs_fleet_node *ret,
                      struct gs_err *err)
{
    int64_t *one_pod = GS_ARENA_NEW(arena, int64_t, spec->n_kinds);
    int64_t *limits = shared_limits(arena, spec, shape);
    if (one_pod == NULL || limits == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a node's program");
    }
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        one_pod[k] = 1;
    }
    const struct gs_program_resource resources[RESOURCES] = {
        [CPU] = {.amounts = spec->cpu_milli,
                 .capacity = usable(shape, spec->cpu_milli, shape->cpu_milli)},
        [MEMORY] = {.amounts = spec->memory,
                    .capacity = usable(shape, spec->memory, shape->memory)},
        [PODS] = {.amounts = one_pod, .capacity = shape->pods},
    };
    struct gs_program_spec program = {
        .targets = &shape->target,
        .n_targets = 1,
        .uses = shape->uses,
        .n_uses = shape->n_uses,
        .n_kinds = spec->n_kinds,
        .most = limits,
        .rooms = true,
        .resources = resources,
        .n_resources = RESOURCES,
    };
    struct gs_fleet_node node = {.shape = shape, .filled_row = {-1, -1, -1, -1}};
    int r = gs_program_new(arena, &program, shape->pods, &node.program, err);
    if (r < 0) {
        return r;
    }
    int64_t *most = GS_ARENA_NEW(arena, int64_t, shape->n_uses);
    if (most == NULL || !find_limit_rows(arena, spec, &node)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a node's program");
    }
    for (unsigned u = 0; u < shape->n_uses; u++) {
        most[u] = node.program.ip.hi[u];
    }
    node.most = most;
    *ret = node;
    return 0;
}

void gs_fleet_node_limit(struct gs_fleet_node *node, const int64_t *needs)
{
    for (unsigned u = 0; u < node->shape->n_uses; u++) {
        uint32_t kind = node->shape->uses[u].kind;
        node->program.ip.hi[u] = needs[kind] < node->most[u] ? needs[kind] : node->most[u];
        if (node->most_row[kind] >= 0) {
            node->program.ip.rhs[node->most_row[kind]] = -needs[kind];
        }
    }
}

int gs_fleet_node_price(struct gs_fleet_node *node, struct gs_arena *arena, const int64_t *prices,
                        int64_t above, size_t max_nodes, bool want_tree,
                        struct gs_fleet_priced *ret, struct gs_err *err)
{
    struct gs_ip *ip = &node->program.ip;
    for (unsigned u = 0; u < node->shape->n_uses; u++) {
        ip->cost[u] = -prices[node->shape->uses[u].kind];
    }
    struct gs_ip_options options = {
        .cutoff = -above,
        .goal = INT64_MIN,
        .step = 1,
        .max_nodes = max_nodes,
        .want_tree = want_tree,
    };
    struct gs_ip_result result;
    int r = gs_ip_solve(ip, &options, arena, &result, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_fleet_priced){
        .found = result.found,
        .worth = -result.value,
        .x = result.x,
        .bound = -result.bound,
        .tree = result.tree,
        .nodes = result.nodes,
    };
    return 0;
}

int gs_fleet_node_bound(struct gs_fleet_node *node, struct gs_arena *scratch,
                        struct gs_arena *points, const int64_t *prices, int64_t above,
                        size_t max_nodes, struct gs_fleet_priced *ret, struct gs_err *err)
{
    enum { SHORT = 60, LOOKS = 60000 };
    size_t few = max_nodes < SHORT ? max_nodes : SHORT;
    int r = gs_fleet_node_price(node, scratch, prices, above, few, true, ret, err);
    if (r < 0 || ret->bound <= above) {
        return r;
    }
    struct gs_fleet_priced filled;
    r = gs_fleet_node_fill(node, scratch, points, prices, above, max_nodes, LOOKS, true, &filled,
                           err);
    if (r == 0 && filled.bound < ret->bound) {
        filled.nodes = ret->nodes;
        *ret = filled;
    }
    return r;
}
