#include "sim/fleet.h"

enum { LOOKS = 64 /* GPUs with an idle slice that are looked at */ };

void gs_sim_fleet_file_slices(struct gs_sim_fleet *fleet, uint32_t gpu, unsigned profiles)
{
    unsigned filed = fleet->gpus[gpu].filed;
    for (unsigned rest = filed ^ profiles; rest != 0; rest &= rest - 1) {
        unsigned p = (unsigned)__builtin_ctz(rest);
        if ((profiles >> p & 1u) != 0) {
            gs_bitset_add(&fleet->idle_slices[p], gpu);
        } else {
            gs_bitset_drop(&fleet->idle_slices[p], gpu);
        }
    }
    fleet->gpus[gpu].filed = (uint16_t)profiles;
}

static uint64_t idle_on(const struct gs_sim_fleet *fleet, uint32_t gpu)
{
    const struct gs_statetable *states = fleet->rules->decisions->states;
    return fleet->gpus[gpu].cut & ~states->sets[gs_online_state(fleet->online, gpu)];
}

void gs_sim_fleet_file_recut(struct gs_sim_fleet *fleet, uint32_t gpu)
{
    struct gs_sim_gpu *g = &fleet->gpus[gpu];
    if (fleet->recuts.table == NULL) {
        return;
    }
    if (!fleet->nodes[g->node].on || g->job != GS_SIM_NONE) {
        gs_sim_recuts_drop(&fleet->recuts, gpu);
        return;
    }
    const struct gs_statetable *states = fleet->rules->decisions->states;
    if (states->sets[g->there] != g->cut) {
        g->there = gs_statetable_find(states, g->cut);
    }
    gs_sim_recuts_file(&fleet->recuts, gpu, g->there, gs_online_state(fleet->online, gpu));
}

void gs_sim_fleet_refile(struct gs_sim_fleet *fleet, uint32_t gpu)
{
    if (!fleet->books) {
        return;
    }
    const struct gs_statetable *states = fleet->rules->decisions->states;
    unsigned profiles = 0;
    for (uint64_t rest = idle_on(fleet, gpu); rest != 0; rest &= rest - 1) {
        profiles |= 1u << states->placements[__builtin_ctzll(rest)].profile;
    }
    gs_sim_fleet_file_slices(fleet, gpu, profiles);
    gs_sim_fleet_file_recut(fleet, gpu);
}

bool gs_sim_fleet_find_slice(const struct gs_sim_fleet *fleet, unsigned profile,
                             struct gs_slot *ret_slot)
{
    const struct gs_bitset *set = &fleet->idle_slices[profile];
    uint32_t gpu = fleet->books ? gs_bitset_first(set) : GS_BITSET_NONE;
    uint32_t found = gpu;
    for (unsigned looks = 0; gpu != GS_BITSET_NONE && looks < LOOKS; looks++) {
        uint32_t n = fleet->gpus[gpu].node;
        if (fleet->nodes[n].idle != gs_sim_fleet_all_of(fleet, n)) {
            found = gpu;
            break;
        }
        gpu = gpu + 1 < fleet->cap ? gs_bitset_from(set, gpu + 1) : GS_BITSET_NONE;
    }
    if (found == GS_BITSET_NONE) {
        return false;
    }
    const struct gs_statetable *states = fleet->rules->decisions->states;
    uint16_t state = gs_online_state(fleet->online, found);
    int32_t least = INT32_MAX;
    for (uint64_t rest = idle_on(fleet, found); rest != 0; rest &= rest - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rest);
        int32_t cost = states->placements[i].profile == profile
                           ? fleet->rules->decisions->policy->cost(states, state, i)
                           : INT32_MAX;
        if (cost < least) {
            least = cost;
            *ret_slot = (struct gs_slot){.gpu = found, .placement = i};
        }
    }
    return true;
}

bool gs_sim_fleet_find_recut(const struct gs_sim_fleet *fleet, unsigned profile,
                             struct gs_slot *ret_slot)
{
    if (!gs_sim_recuts_find(&fleet->recuts, profile, ret_slot)) {
        return false;
    }
    uint32_t n = fleet->gpus[ret_slot->gpu].cut == 0 ? gs_sim_fleet_idle(fleet, GS_SIM_PLAIN, 1)
                                                     : GS_SIM_NONE;
    for (uint64_t rest = n == GS_SIM_NONE ? 0 : fleet->nodes[n].idle; rest != 0; rest &= rest - 1) {
        uint32_t gpu = fleet->nodes[n].first_gpu + (uint32_t)__builtin_ctzll(rest);
        if (fleet->gpus[gpu].cut == 0) {
            ret_slot->gpu = gpu;
            break;
        }
    }
    return true;
}
