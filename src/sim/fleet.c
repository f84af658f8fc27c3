#include "sim/fleet.h"

#include <assert.h>
#include <string.h>

#include "sim/agenda.h"

enum { FIRST_CAP = 256 };

/* ------------------------------------------------------------------ idle GPUs by node */

static uint64_t all_of(const struct gs_sim_fleet *fleet, uint32_t node)
{
    return UINT64_MAX >> (64 - gs_sim_fleet_node_gpus(fleet, node));
}

/* Puts a node that is on where it is found by its idle GPUs, or takes it out. */
static void file(struct gs_sim_fleet *fleet, uint32_t n, bool in)
{
    const struct gs_sim_node *node = &fleet->nodes[n];
    unsigned idle = (unsigned)__builtin_popcountll(node->idle);
    if (idle == 0) {
        return;
    }
    bool empty = node->idle == all_of(fleet, n);
    unsigned k = idle - 1;
    struct gs_bitset *set = &fleet->idle[node->kind][empty][k];
    uint32_t *count = &fleet->idle_nodes[node->kind][empty][k];
    if (in) {
        gs_bitset_add(set, n);
        *count += 1;
    } else {
        gs_bitset_drop(set, n);
        *count -= 1;
    }
    uint64_t *counts = &fleet->idle_counts[node->kind][empty];
    *counts = *count > 0 ? *counts | 1ull << k : *counts & ~(1ull << k);
}

static bool wants_lowest(const struct gs_sim_fleet *fleet)
{
    return fleet->rules->decisions != NULL && fleet->rules->decisions->policy->by_index;
}

static void set_idle(struct gs_sim_fleet *fleet, uint32_t n, uint64_t idle)
{
    struct gs_sim_node *node = &fleet->nodes[n];
    file(fleet, n, false);
    for (uint64_t rest = wants_lowest(fleet) ? node->idle ^ idle : 0; rest != 0; rest &= rest - 1) {
        unsigned g = (unsigned)__builtin_ctzll(rest);
        if ((idle >> g & 1u) != 0) {
            gs_bitset_add(&fleet->idle_gpus, node->first_gpu + g);
        } else {
            gs_bitset_drop(&fleet->idle_gpus, node->first_gpu + g);
        }
    }
    node->idle = idle;
    file(fleet, n, true);
}

uint32_t gs_sim_fleet_idle(const struct gs_sim_fleet *fleet, enum gs_sim_kind kind, unsigned gpus)
{
    for (unsigned empty = 0; empty < 2; empty++) {
        uint64_t counts = fleet->idle_counts[kind][empty] >> (gpus - 1) << (gpus - 1);
        if (counts != 0) {
            return gs_bitset_first(&fleet->idle[kind][empty][__builtin_ctzll(counts)]);
        }
    }
    return GS_SIM_NONE;
}

/* ------------------------------------------------------------------ memory */

static bool take_sets(struct gs_sim_fleet *fleet, uint32_t cap)
{
    unsigned kinds = fleet->rules->policy->way == GS_SIM_STATIC ? GS_SIM_KINDS : 1;
    for (unsigned kind = 0; kind < kinds; kind++) {
        for (unsigned empty = 0; empty < 2; empty++) {
            for (unsigned k = 0; k < fleet->widest; k++) {
                if (!gs_bitset_init(&fleet->idle[kind][empty][k], fleet->arena, cap)) {
                    return false;
                }
                fleet->idle_nodes[kind][empty][k] = 0;
            }
            fleet->idle_counts[kind][empty] = 0;
        }
    }
    return !wants_lowest(fleet) || gs_bitset_init(&fleet->idle_gpus, fleet->arena, cap);
}

/* The GPUs as they are, in a larger core/online; those in one state in the same order. */
static int renew_online(struct gs_sim_fleet *fleet, uint32_t cap, struct gs_err *err)
{
    const struct gs_online *old = fleet->online;
    struct gs_online *wider;
    int r = gs_online_new(fleet->arena, fleet->rules->decisions, cap, &wider, err);
    for (uint32_t g = 0; r == 0 && g < fleet->n_gpus; g++) {
        uint32_t gpu;
        r = gs_online_add(wider, 0, &gpu, err);
        r = r < 0 ? r : gs_online_set_available(wider, g, false, err);
    }
    for (unsigned s = 0; r == 0 && s < fleet->rules->decisions->states->n_states; s++) {
        uint32_t gpu = gs_online_first_in(old, (uint16_t)s);
        for (; r == 0 && gpu != GS_GPU_NONE; gpu = gs_online_next_in(old, gpu)) {
            r = gs_online_set_state(wider, gpu, (uint16_t)s, err);
            r = r < 0 ? r : gs_online_set_available(wider, gpu, true, err);
        }
    }
    fleet->online = r == 0 ? wider : fleet->online;
    return r;
}

static int widen(struct gs_sim_fleet *fleet, uint32_t cap, struct gs_err *err)
{
    struct gs_arena *arena = fleet->arena;
    struct gs_sim_node *nodes = GS_ARENA_NEW(arena, struct gs_sim_node, cap);
    struct gs_sim_gpu *gpus = GS_ARENA_NEW(arena, struct gs_sim_gpu, cap);
    size_t cells = (size_t)cap * fleet->n_placements;
    uint32_t *owners = fleet->keep_owners ? gs_arena_get_raw(arena, cells, sizeof(*owners)) : NULL;
    if (nodes == NULL || gpus == NULL || (fleet->keep_owners && owners == NULL) ||
        !take_sets(fleet, cap)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", cap);
    }
    if (fleet->n_nodes > 0) {
        memcpy(nodes, fleet->nodes, fleet->n_nodes * sizeof(*nodes));
        memcpy(gpus, fleet->gpus, fleet->n_gpus * sizeof(*gpus));
    }
    if (owners != NULL && fleet->n_gpus > 0) {
        memcpy(owners, fleet->owners,
               (size_t)fleet->n_gpus * fleet->n_placements * sizeof(*owners));
    }
    fleet->nodes = nodes;
    fleet->gpus = gpus;
    fleet->owners = owners;
    fleet->cap = cap;
    for (uint32_t n = 0; n < fleet->n_nodes; n++) {
        uint64_t idle = nodes[n].idle;
        nodes[n].idle = 0;
        set_idle(fleet, n, idle);
    }
    return fleet->online == NULL ? 0 : renew_online(fleet, cap, err);
}

/* A node that was never on. */
static int make_node(struct gs_sim_fleet *fleet, unsigned type, uint32_t *ret_node,
                     struct gs_err *err)
{
    unsigned gpus = fleet->world->types[type].gpus;
    if (fleet->n_gpus + gpus > fleet->cap) {
        uint64_t cap = (uint64_t)fleet->cap * 2;
        cap = cap > fleet->max ? fleet->max : cap;
        int r = widen(fleet, (uint32_t)cap, err);
        if (r < 0) {
            return r;
        }
    }
    uint32_t n = fleet->n_nodes++;
    fleet->nodes[n] = (struct gs_sim_node){.first_gpu = fleet->n_gpus, .type = (uint8_t)type};
    for (unsigned g = 0; g < gpus; g++) {
        uint32_t gpu = fleet->n_gpus++;
        fleet->gpus[gpu] = (struct gs_sim_gpu){.node = n, .job = GS_SIM_NONE};
        if (fleet->online != NULL) {
            uint32_t added;
            int r = gs_online_add(fleet->online, 0, &added, err);
            r = r < 0 ? r : gs_online_set_available(fleet->online, gpu, false, err);
            if (r < 0) {
                return r;
            }
            assert(added == gpu);
        }
    }
    fleet->made[type]++;
    *ret_node = n;
    return 0;
}

/* ------------------------------------------------------------------ nodes */

static void turn_on(struct gs_sim_fleet *fleet, uint32_t n, enum gs_sim_kind kind, int64_t now,
                    int64_t ready)
{
    struct gs_sim_node *node = &fleet->nodes[n];
    const struct gs_sim_type *type = &fleet->world->types[node->type];
    node->on = true;
    node->kind = (uint8_t)kind;
    node->on_us = now;
    node->ready_us = ready;
    node->goes_us = GS_SIM_NEVER;
    node->taken_us = GS_SIM_NEVER;
    for (unsigned g = 0; g < type->gpus; g++) {
        fleet->gpus[node->first_gpu + g].cut = kind == GS_SIM_PRECUT ? fleet->rules->layout : 0;
    }
    set_idle(fleet, n, all_of(fleet, n));
    fleet->on[node->type]++;
    fleet->nodes_on++;
    fleet->gpus_there += type->gpus;
    fleet->nodes_kept += fleet->world->elastic;
}

int gs_sim_fleet_switch_on(struct gs_sim_fleet *fleet, enum gs_sim_kind kind, unsigned gpus,
                           int64_t now, uint32_t *ret_node, struct gs_err *err)
{
    const struct gs_sim_world *world = fleet->world;
    for (unsigned i = 0; world->elastic && i < world->n_types; i++) {
        unsigned t = fleet->by_price[i];
        const struct gs_sim_type *type = &world->types[t];
        if (type->gpus < gpus || fleet->on[t] == type->nodes ||
            (world->gpus_max != 0 && fleet->gpus_there + type->gpus > world->gpus_max)) {
            continue;
        }
        uint32_t n = fleet->off[t];
        if (n != GS_SIM_NONE) {
            fleet->off[t] = fleet->nodes[n].next_off;
        } else {
            int r = make_node(fleet, t, &n, err);
            if (r < 0) {
                return r;
            }
        }
        turn_on(fleet, n, kind, now, now + world->boot_us);
        *ret_node = n;
        return 1;
    }
    return 0;
}

void gs_sim_fleet_switch_off(struct gs_sim_fleet *fleet, uint32_t n)
{
    struct gs_sim_node *node = &fleet->nodes[n];
    assert(node->on && node->idle == all_of(fleet, n) && fleet->world->elastic);
    set_idle(fleet, n, 0);
    node->on = false;
    node->next_off = fleet->off[node->type];
    fleet->off[node->type] = n;
    fleet->on[node->type]--;
    fleet->nodes_on--;
    fleet->gpus_there -= gs_sim_fleet_node_gpus(fleet, n);
    fleet->nodes_kept--;
}

void gs_sim_fleet_begin(struct gs_sim_fleet *fleet, uint32_t gpu, bool sliced)
{
    uint32_t n = fleet->gpus[gpu].node;
    struct gs_sim_node *node = &fleet->nodes[n];
    uint64_t bit = 1ull << (gpu - node->first_gpu);
    assert(node->on && (node->idle & bit) != 0);
    if (node->idle == all_of(fleet, n)) {
        fleet->nodes_kept -= fleet->world->elastic;
        node->goes_us = GS_SIM_NEVER;
    }
    set_idle(fleet, n, node->idle & ~bit);
    fleet->gpus_used++;
    if (sliced) {
        (void)gs_online_set_available(fleet->online, gpu, true, NULL);
    }
}

bool gs_sim_fleet_end(struct gs_sim_fleet *fleet, uint32_t gpu)
{
    uint32_t n = fleet->gpus[gpu].node;
    struct gs_sim_node *node = &fleet->nodes[n];
    assert(node->on);
    if (fleet->online != NULL) {
        (void)gs_online_set_available(fleet->online, gpu, false, NULL);
    }
    set_idle(fleet, n, node->idle | 1ull << (gpu - node->first_gpu));
    fleet->gpus_used--;
    bool empty = node->idle == all_of(fleet, n);
    fleet->nodes_kept += empty && fleet->world->elastic;
    return empty;
}

/* ------------------------------------------------------------------ start */

static bool goes_before(const struct gs_sim_type *a, const struct gs_sim_type *b)
{
    return a->hour_uusd != b->hour_uusd ? a->hour_uusd < b->hour_uusd : a->gpus < b->gpus;
}

static void order_types(struct gs_sim_fleet *fleet)
{
    const struct gs_sim_type *types = fleet->world->types;
    for (unsigned t = 0; t < fleet->world->n_types; t++) {
        unsigned at = t;
        for (; at > 0 && goes_before(&types[t], &types[fleet->by_price[at - 1]]); at--) {
            fleet->by_price[at] = fleet->by_price[at - 1];
        }
        fleet->by_price[at] = t;
        fleet->off[t] = GS_SIM_NONE;
        fleet->widest = types[t].gpus > fleet->widest ? types[t].gpus : fleet->widest;
    }
}

static int turn_on_all(struct gs_sim_fleet *fleet, struct gs_err *err)
{
    const struct gs_sim_world *world = fleet->world;
    for (unsigned t = 0; t < world->n_types; t++) {
        uint64_t precut = fleet->rules->policy->way == GS_SIM_STATIC
                              ? (uint64_t)world->types[t].nodes * world->static_permille / 1000
                              : 0;
        for (uint32_t i = 0; i < world->types[t].nodes; i++) {
            uint32_t n;
            int r = make_node(fleet, t, &n, err);
            if (r < 0) {
                return r;
            }
            turn_on(fleet, n, i < precut ? GS_SIM_PRECUT : GS_SIM_PLAIN, 0, 0);
        }
    }
    return 0;
}

int gs_sim_fleet_init(struct gs_sim_fleet *fleet, struct gs_arena *arena,
                      const struct gs_sim_world *world, const struct gs_sim_rules *rules,
                      bool keep_owners, struct gs_err *err)
{
    *fleet = (struct gs_sim_fleet){.world = world, .rules = rules, .arena = arena};
    order_types(fleet);
    uint64_t all = 0;
    for (unsigned t = 0; t < world->n_types; t++) {
        all += (uint64_t)world->types[t].gpus * world->types[t].nodes;
    }
    /* Of several types each may have had its nodes on, and gone. */
    fleet->max = (uint32_t)all;
    fleet->cap = !world->elastic || all < FIRST_CAP ? fleet->max : FIRST_CAP;
    if (rules->decisions != NULL) {
        fleet->n_placements = rules->decisions->states->n_placements;
        fleet->keep_owners = keep_owners;
    }
    int r = widen(fleet, fleet->cap, err);
    if (r == 0 && rules->decisions != NULL) {
        r = gs_online_new(arena, rules->decisions, fleet->cap, &fleet->online, err);
    }
    return r < 0 || world->elastic ? r : turn_on_all(fleet, err);
}
