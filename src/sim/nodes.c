#include "sim/run.h"

static bool renumber_entry(void *ctx, struct gs_sim_entry *entry)
{
    struct gs_sim_run *run = ctx;
    if (entry->who >= GS_SIM_WHO_TAKEN) {
        uint32_t what = entry->who & GS_SIM_WHO_GOES;
        entry->who = what | run->fleet.new_node[entry->who & ~GS_SIM_WHO_GOES];
    }
    return true;
}

/* Everything that knows a node or a GPU by its number learns the new one. */
static int renumber(struct gs_sim_run *run, struct gs_err *err)
{
    gs_sim_tidy_agenda(run); /* what is left of nodes is of those that are on */
    int r = gs_sim_fleet_renumber(&run->fleet, err);
    if (r < 0) {
        return r;
    }
    gs_sim_agenda_sift(&run->agenda, renumber_entry, run);
    for (size_t c = 0; c < run->n_chunks; c++) {
        for (uint32_t i = 0; i < 1u << GS_SIM_CHUNK_BITS; i++) {
            struct gs_sim_task *t = &run->chunks[c][i];
            if (t->where == GS_SIM_ON_SLICE || t->where == GS_SIM_ON_GPUS ||
                t->where == GS_SIM_ON_SHARE) {
                t->gpu = run->fleet.new_gpu[t->gpu];
            }
        }
    }
    return gs_sim_share_renumber(run, err);
}

int gs_sim_buy(struct gs_sim_run *run, enum gs_sim_kind kind, unsigned gpus, uint32_t *ret_node,
               struct gs_err *err)
{
    int r = 0;
    if (run->world->elastic && !gs_sim_fleet_has_numbers(&run->fleet)) {
        r = renumber(run, err);
    }
    if (r < 0 || !gs_sim_fleet_switch_on(&run->fleet, kind, gpus, run->now, ret_node)) {
        return r;
    }
    run->score->boots += gs_sim_meter_counts(run);
    if (run->world->spot_mean_us > 0) {
        double life = gs_random_exp(&run->random) * (double)run->world->spot_mean_us;
        int64_t at = life < (double)GS_SIM_END_MAX ? run->now + 1 + (int64_t)life : GS_SIM_END_MAX;
        struct gs_sim_entry entry = {.at = at, .who = GS_SIM_WHO_TAKEN | *ret_node};
        run->fleet.nodes[*ret_node].taken_us = at;
        if (!gs_sim_agenda_add(&run->agenda, run->arena, entry)) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for more nodes");
        }
    }
    return 1;
}

int gs_sim_place_node(struct gs_sim_run *run, enum gs_sim_kind kind, unsigned gpus, bool may_buy,
                      uint32_t *ret_node, struct gs_err *err)
{
    uint32_t node = gs_sim_fleet_idle(&run->fleet, kind, gpus);
    if (node != GS_SIM_NONE) {
        *ret_node = node;
        return 1;
    }
    return may_buy ? gs_sim_buy(run, kind, gpus, ret_node, err) : 0;
}

int gs_sim_give_back(struct gs_sim_run *run, uint32_t gpu, struct gs_err *err)
{
    uint32_t n = run->fleet.gpus[gpu].node;
    run->fleet.gpus[gpu].job = GS_SIM_NONE;
    run->freed = true;
    if (!gs_sim_fleet_end(&run->fleet, gpu) || !run->world->elastic) {
        return 0;
    }
    struct gs_sim_node *node = &run->fleet.nodes[n];
    node->goes_us = run->now + run->world->keep_us;
    struct gs_sim_entry entry = {.at = node->goes_us, .who = GS_SIM_WHO_GOES | n};
    return gs_sim_agenda_add(&run->agenda, run->arena, entry)
               ? 0
               : gs_fail(err, GS_NO_MEMORY, "no memory for more nodes");
}
