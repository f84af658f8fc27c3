#include "sim/fleet.h"

#include <assert.h>
#include <string.h>

#include "sim/agenda.h"

enum { FIRST_CAP = 256 };

/* ------------------------------------------------------------------ idle GPUs by node */

/* Puts a node that is on where it is found by its idle GPUs, or takes it out. */
static void file(struct gs_sim_fleet *fleet, uint32_t n, bool in)
{
    const struct gs_sim_node *node = &fleet->nodes[n];
    unsigned idle = (unsigned)__builtin_popcountll(node->idle);
    if (idle == 0) {
        return;
    }
    bool empty = node->idle == gs_sim_fleet_all_of(fleet, n);
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
    const struct gs_policy_table *decisions = fleet->rules->decisions;
    return decisions != NULL && decisions->policy->by_index && decisions->n_tiers == 1;
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
    for (unsigned p = 0; fleet->books && p < fleet->world->model->n_profiles; p++) {
        if (!gs_bitset_init(&fleet->idle_slices[p], fleet->arena, cap)) {
            return false;
        }
    }
    return !wants_lowest(fleet) || gs_bitset_init(&fleet->idle_gpus, fleet->arena, cap);
}

/* core/online with the GPUs under their new numbers; those in one state in the same order. */
static int renew_online(struct gs_sim_fleet *fleet, struct gs_online *online, struct gs_err *err)
{
    const struct gs_statetable *states = fleet->rules->decisions->states;
    uint16_t *state_of = (uint16_t *)fleet->order;
    uint32_t *gpus = fleet->order + (fleet->cap + 1) / 2;
    uint32_t n = 0;
    for (unsigned s = 0; s < states->n_states; s++) {
        uint32_t gpu = gs_online_first_in(fleet->online, (uint16_t)s);
        for (; gpu != GS_GPU_NONE; gpu = gs_online_next_in(fleet->online, gpu)) {
            state_of[n] = (uint16_t)s;
            gpus[n++] = fleet->new_gpu[gpu];
        }
    }
    int r = 0;
    for (uint32_t g = gs_online_count(online); r == 0 && g < fleet->cap; g++) {
        uint32_t gpu;
        r = gs_online_add(online, 0, &gpu, err);
    }
    for (uint32_t g = 0; r == 0 && g < fleet->cap; g++) {
        r = gs_online_set_available(online, g, false, err);
        r = r < 0 ? r : gs_online_set_state(online, g, 0, err);
    }
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        r = gs_online_set_state(online, gpus[i], state_of[i], err);
        r = r < 0 ? r : gs_online_set_available(online, gpus[i], true, err);
    }
    fleet->online = online;
    return r;
}

static int take_memory(struct gs_sim_fleet *fleet, uint32_t cap, struct gs_online **ret_online,
                       struct gs_err *err)
{
    struct gs_arena *arena = fleet->arena;
    struct gs_sim_node *nodes = GS_ARENA_NEW(arena, struct gs_sim_node, cap);
    struct gs_sim_gpu *gpus = GS_ARENA_NEW(arena, struct gs_sim_gpu, cap);
    size_t cells = (size_t)cap * fleet->n_placements;
    uint32_t *owners = fleet->keep_owners ? gs_arena_get_raw(arena, cells, sizeof(*owners)) : NULL;
    uint32_t *numbers = GS_ARENA_NEW(arena, uint32_t, 4 * (size_t)cap + 1);
    if (nodes == NULL || gpus == NULL || (fleet->keep_owners && owners == NULL) ||
        numbers == NULL) {
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
    fleet->new_gpu = numbers;
    fleet->new_node = numbers + cap;
    fleet->order = numbers + 2 * (size_t)cap;
    fleet->cap = cap;
    *ret_online = NULL;
    return fleet->rules->decisions == NULL
               ? 0
               : gs_online_new(arena, fleet->rules->decisions, cap, ret_online, err);
}

/* Moves what belongs to nodes that are on down to their new numbers, which are no higher. */
static void move_down(struct gs_sim_fleet *fleet)
{
    uint32_t n_nodes = 0;
    uint32_t n_gpus = 0;
    for (uint32_t n = 0; n < fleet->n_nodes; n++) {
        struct gs_sim_node node = fleet->nodes[n];
        if (!node.on) {
            continue;
        }
        unsigned gpus = gs_sim_fleet_node_gpus(fleet, n);
        fleet->new_node[n] = n_nodes;
        for (unsigned g = 0; g < gpus; g++) {
            uint32_t old = node.first_gpu + g;
            uint32_t gpu = n_gpus + g;
            fleet->new_gpu[old] = gpu;
            fleet->gpus[gpu] = fleet->gpus[old];
            fleet->gpus[gpu].node = n_nodes;
            if (fleet->owners != NULL) {
                size_t row = fleet->n_placements;
                memmove(&fleet->owners[gpu * row], &fleet->owners[old * row],
                        row * sizeof(*fleet->owners));
            }
        }
        node.first_gpu = n_gpus;
        fleet->nodes[n_nodes++] = node;
        n_gpus += gpus;
    }
    fleet->n_nodes = n_nodes;
    fleet->n_gpus = n_gpus;
}

static void unfile_all(struct gs_sim_fleet *fleet)
{
    for (uint32_t n = 0; n < fleet->n_nodes; n++) {
        uint64_t idle = fleet->nodes[n].idle;
        set_idle(fleet, n, 0);
        fleet->nodes[n].idle = idle;
    }
    for (uint32_t g = 0; fleet->books && g < fleet->n_gpus; g++) {
        uint16_t filed = fleet->gpus[g].filed;
        gs_sim_fleet_file_slices(fleet, g, 0);
        fleet->gpus[g].filed = filed;
    }
}

static void file_all_slices(struct gs_sim_fleet *fleet)
{
    for (uint32_t g = 0; fleet->books && g < fleet->n_gpus; g++) {
        unsigned filed = fleet->gpus[g].filed;
        fleet->gpus[g].filed = 0;
        gs_sim_fleet_file_slices(fleet, g, filed);
    }
}

int gs_sim_fleet_renumber(struct gs_sim_fleet *fleet, struct gs_err *err)
{
    struct gs_online *online = fleet->online;
    bool widen = fleet->cap < 2 * fleet->gpus_there + 2 * fleet->widest;
    int r = 0;
    unfile_all(fleet);
    if (widen) {
        r = take_memory(fleet, 2 * fleet->cap, &online, err);
        if (r == 0 && !take_sets(fleet, fleet->cap)) {
            r = gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", fleet->cap);
        }
    }
    if (r < 0) {
        return r;
    }
    move_down(fleet);
    for (uint32_t n = 0; n < fleet->n_nodes; n++) {
        uint64_t idle = fleet->nodes[n].idle;
        fleet->nodes[n].idle = 0;
        set_idle(fleet, n, idle);
    }
    file_all_slices(fleet);
    if (fleet->recuts.table != NULL &&
        !gs_sim_recuts_renumber(&fleet->recuts, fleet->arena, fleet->new_gpu, fleet->cap,
                                fleet->order)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", fleet->cap);
    }
    return online == NULL ? 0 : renew_online(fleet, online, err);
}

/* A node with the next numbers. */
static uint32_t make_node(struct gs_sim_fleet *fleet, unsigned type)
{
    uint32_t n = fleet->n_nodes++;
    fleet->nodes[n] = (struct gs_sim_node){.first_gpu = fleet->n_gpus, .type = (uint8_t)type};
    for (unsigned g = 0; g < fleet->world->types[type].gpus; g++) {
        fleet->gpus[fleet->n_gpus++] = (struct gs_sim_gpu){.node = n, .job = GS_SIM_NONE};
    }
    return n;
}

/* ------------------------------------------------------------------ nodes */

static void turn_on(struct gs_sim_fleet *fleet, uint32_t n, enum gs_sim_kind kind, int64_t now,
                    int64_t ready)
{
    struct gs_sim_node *node = &fleet->nodes[n];
    const struct gs_sim_type *type = &fleet->world->types[node->type];
    node->on = true;
    node->serial = fleet->serial++;
    node->kind = (uint8_t)kind;
    node->on_us = now;
    node->ready_us = ready;
    node->goes_us = GS_SIM_NEVER;
    node->taken_us = GS_SIM_NEVER;
    for (unsigned g = 0; g < type->gpus; g++) {
        fleet->gpus[node->first_gpu + g].cut = kind == GS_SIM_PRECUT ? fleet->rules->layout : 0;
        gs_sim_fleet_file_recut(fleet, node->first_gpu + g);
    }
    set_idle(fleet, n, gs_sim_fleet_all_of(fleet, n));
    fleet->on[node->type]++;
    fleet->nodes_on++;
    fleet->gpus_there += type->gpus;
    fleet->nodes_kept += fleet->world->elastic;
}

bool gs_sim_fleet_switch_on(struct gs_sim_fleet *fleet, enum gs_sim_kind kind, unsigned gpus,
                            int64_t now, uint32_t *ret_node)
{
    const struct gs_sim_world *world = fleet->world;
    for (unsigned i = 0; world->elastic && i < world->n_types; i++) {
        unsigned t = fleet->by_price[i];
        const struct gs_sim_type *type = &world->types[t];
        if (type->gpus >= gpus && fleet->on[t] < type->nodes &&
            (world->gpus_max == 0 || fleet->gpus_there + type->gpus <= world->gpus_max)) {
            *ret_node = make_node(fleet, t);
            turn_on(fleet, *ret_node, kind, now, now + world->boot_us);
            return true;
        }
    }
    return false;
}

void gs_sim_fleet_switch_off(struct gs_sim_fleet *fleet, uint32_t n)
{
    struct gs_sim_node *node = &fleet->nodes[n];
    assert(node->on && node->idle == gs_sim_fleet_all_of(fleet, n) && fleet->world->elastic);
    set_idle(fleet, n, 0);
    for (unsigned g = 0; fleet->books && g < gs_sim_fleet_node_gpus(fleet, n); g++) {
        gs_sim_fleet_file_slices(fleet, node->first_gpu + g, 0);
    }
    node->on = false;
    for (unsigned g = 0; g < gs_sim_fleet_node_gpus(fleet, n); g++) {
        gs_sim_fleet_file_recut(fleet, node->first_gpu + g);
    }
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
    if (node->idle == gs_sim_fleet_all_of(fleet, n)) {
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
    gs_sim_fleet_file_recut(fleet, gpu);
    fleet->gpus_used--;
    bool empty = node->idle == gs_sim_fleet_all_of(fleet, n);
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
        fleet->widest = types[t].gpus > fleet->widest ? types[t].gpus : fleet->widest;
    }
}

static void turn_on_all(struct gs_sim_fleet *fleet)
{
    const struct gs_sim_world *world = fleet->world;
    for (unsigned t = 0; t < world->n_types; t++) {
        uint64_t precut = fleet->rules->policy->way == GS_SIM_STATIC
                              ? (uint64_t)world->types[t].nodes * world->static_permille / 1000
                              : 0;
        for (uint32_t i = 0; i < world->types[t].nodes; i++) {
            uint32_t n = make_node(fleet, t);
            turn_on(fleet, n, i < precut ? GS_SIM_PRECUT : GS_SIM_PLAIN, 0, 0);
        }
    }
}

int gs_sim_fleet_init(struct gs_sim_fleet *fleet, struct gs_arena *arena,
                      const struct gs_sim_world *world, const struct gs_sim_rules *rules,
                      bool keep_owners, struct gs_err *err)
{
    *fleet = (struct gs_sim_fleet){.world = world, .rules = rules, .arena = arena};
    order_types(fleet);
    uint64_t cap = FIRST_CAP;
    for (unsigned t = 0; !world->elastic && t < world->n_types; t++) {
        cap = (t == 0 ? 0 : cap) + (uint64_t)world->types[t].gpus * world->types[t].nodes;
    }
    if (rules->decisions != NULL) {
        fleet->n_placements = rules->decisions->states->n_placements;
        fleet->keep_owners = keep_owners;
        fleet->books =
            world->book_idle && rules->policy->way == GS_SIM_CUT && rules->policy->place == NULL;
    }
    struct gs_online *online;
    int r = take_memory(fleet, (uint32_t)cap, &online, err);
    bool recuts = fleet->books && !world->busy_first && rules->recuts != NULL;
    if (r == 0 &&
        (!take_sets(fleet, fleet->cap) ||
         (recuts && !gs_sim_recuts_init(&fleet->recuts, arena, rules->recuts, fleet->cap)))) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", fleet->cap);
    }
    if (r == 0 && online != NULL) {
        fleet->online = online;
        r = renew_online(fleet, online, err);
    }
    if (r == 0 && !world->elastic) {
        turn_on_all(fleet);
    }
    return r;
}
