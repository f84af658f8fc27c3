/* simlive: everything that can be done to a simulated machine, steered by numbers from outside. */
#pragma once

#include "simdriver/machine.h"

static inline bool sim_live_never(uint32_t pid, uint64_t start)
{
    return pid % 2 == 0 && start % 2 == 0;
}

static inline void sim_live(struct sim_machine *m, unsigned gpu, uint32_t at, uint32_t number)
{
    struct sim_holder holder = {
        .pid = number + 1, .gpu = gpu, .gi = at % SIM_GIS, .ci = number % 9};
    const uint64_t types[SIM_GPUS_MAX] = {SIM_EVENT_XID, SIM_EVENT_MIG};
    char uuid[SIM_MIG_UUID_MAX];
    uint32_t ids[3] = {0};
    int status;
    sim_gi_remaining(m, gpu, number, &ids[0]);
    sim_gi_create(m, gpu, number, at % 3 == 0 ? SIM_NONE : at, number % 9, &ids[0]);
    sim_ci_create(m, gpu, at % SIM_GIS, number % 9, SIM_NONE, 0, &ids[0]);
    if (sim_ci_get(m, gpu, at % SIM_GIS, number % 9) != NULL) {
        sim_mig_uuid(m, gpu, at % SIM_GIS, number % 9, uuid);
        sim_mig_find(m, uuid, &ids[0], &ids[1], &ids[2]);
    }
    sim_hold(m, &holder);
    sim_event_next(m, at, types);
    sim_mig_at(m, gpu, number % 8, &ids[0], &ids[1]);
    sim_ci_destroy(m, gpu, at % SIM_GIS, at % SIM_CIS);
    sim_gi_destroy(m, gpu, number % SIM_GIS);
    sim_mode_set(m, gpu, number % 3, at, &status);
    if (at % 16 == 5) {
        sim_prune(m, sim_live_never);
        sim_reset(m, number, at, &ids[0]);
    }
}
