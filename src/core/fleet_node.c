#include "core/fleet_node.h"

#include <string.h>

enum { CPU, MEMORY, PODS, RESOURCES };

int gs_fleet_node_new(struct gs_arena *arena, const struct gs_fleet_spec *spec,
                      const struct gs_fleet_shape *shape, struct gs_fleet_node *ret,
                      struct gs_err *err)
{
    int64_t *one_pod = GS_ARENA_NEW(arena, int64_t, spec->n_kinds);
    if (one_pod == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a node's program");
    }
    for (unsigned k = 0; k < spec->n_kinds; k++) {
        one_pod[k] = 1;
    }
    const struct gs_program_resource resources[RESOURCES] = {
        [CPU] = {.amounts = spec->cpu_milli, .capacity = shape->cpu_milli},
        [MEMORY] = {.amounts = spec->memory, .capacity = shape->memory},
        [PODS] = {.amounts = one_pod, .capacity = shape->pods},
    };
    struct gs_program_spec program = {
        .targets = &shape->target,
        .n_targets = 1,
        .uses = shape->uses,
        .n_uses = shape->n_uses,
        .n_kinds = spec->n_kinds,
        .resources = resources,
        .n_resources = RESOURCES,
    };
    struct gs_fleet_node node = {.shape = shape};
    int r = gs_program_new(arena, &program, shape->pods, &node.program, err);
    if (r < 0) {
        return r;
    }
    int64_t *most = GS_ARENA_NEW(arena, int64_t, shape->n_uses);
    if (most == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a node's program");
    }
    memcpy(most, node.program.ip.hi, shape->n_uses * sizeof(*most));
    node.most = most;
    *ret = node;
    return 0;
}

void gs_fleet_node_limit(struct gs_fleet_node *node, const int64_t *needs)
{
    for (unsigned u = 0; u < node->shape->n_uses; u++) {
        int64_t need = needs[node->shape->uses[u].kind];
        node->program.ip.hi[u] = need < node->most[u] ? need : node->most[u];
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
