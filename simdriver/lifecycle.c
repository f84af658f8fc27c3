#include <string.h>

#include "simdriver/inside.h"

/* ---- Mode ---- */

static bool is_cut(const struct sim_gpu *gpu)
{
    for (unsigned i = 0; i < SIM_GIS; i++) {
        if (gpu->gis[i].present) {
            return true;
        }
    }
    return false;
}

/* A process other than `pid` that has called nvmlInit: it keeps the GPUs open. */
static bool has_sessions(const struct sim_machine *machine, uint32_t pid)
{
    for (unsigned i = 0; i < SIM_SESSIONS; i++) {
        if (machine->sessions[i].pid != 0 && machine->sessions[i].pid != pid) {
            return true;
        }
    }
    return false;
}

static void set_mode_now(struct sim_machine *machine, unsigned gpu, uint8_t mode)
{
    struct sim_gpu *g = &machine->gpus[gpu];
    if (g->mode != mode) {
        g->mode = mode;
        sim_tree_changes(machine, g);
        sim_event_push(machine, SIM_EVENT_MIG, gpu, SIM_NONE, SIM_NONE, 0);
    }
    g->pending = mode;
}

int sim_mode_set(struct sim_machine *machine, unsigned gpu, uint32_t mode, uint32_t pid,
                 int *ret_status)
{
    const struct sim_gpu *g;
    int r = sim_gpu_get(machine, gpu, &g);
    if (r != SIM_OK) {
        return r;
    }
    const struct gs_model *model = sim_gpu_model(g);
    if (model->n_profiles == 0) {
        return SIM_NOT_SUPPORTED;
    }
    if (mode > 1) {
        return SIM_INVALID_ARGUMENT;
    }
    if (mode != g->mode && is_cut(g)) {
        return SIM_IN_USE;
    }
    *ret_status = SIM_OK;
    if (mode == g->mode) {
        set_mode_now(machine, gpu, (uint8_t)mode); /* takes back a pending one */
        return SIM_OK;
    }
    if (model->mode_change_needs_reset && g->vm) {
        *ret_status = SIM_RESET_REQUIRED;
    } else if (sim_is_held(machine, gpu, SIM_NONE, SIM_NONE, 0) ||
               (model->mode_change_needs_reset && has_sessions(machine, pid))) {
        *ret_status = SIM_IN_USE;
    }
    if (*ret_status == SIM_OK) {
        set_mode_now(machine, gpu, (uint8_t)mode);
    } else {
        machine->gpus[gpu].pending = (uint8_t)mode;
    }
    return SIM_OK;
}

/* ---- Reset, driver, reboot ---- */

/* What is cut is gone. On Ampere the mode lies in the InfoROM and a pending one becomes the mode;
 * later GPUs forget it (that a reset suffices is the stricter of two sources). */
static void start_anew(struct sim_machine *machine, unsigned gpu, bool activates)
{
    struct sim_gpu *g = &machine->gpus[gpu];
    bool keeps = sim_gpu_model(g)->mode_change_needs_reset;
    memset(g->gis, 0, sizeof(g->gis));
    if (!keeps || activates) {
        set_mode_now(machine, gpu, keeps ? g->pending : 0);
    }
    sim_tree_changes(machine, g);
}

int sim_reset(struct sim_machine *machine, uint32_t gpus, uint32_t pid, unsigned *ret_gpu)
{
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        if (!(gpus >> i & 1u)) {
            continue;
        }
        *ret_gpu = i;
        if (machine->gpus[i].vm) {
            return SIM_NOT_SUPPORTED;
        }
        if (machine->gpus[i].lost) {
            return SIM_GPU_IS_LOST;
        }
        if (has_sessions(machine, pid) || sim_is_held(machine, i, SIM_NONE, SIM_NONE, 0)) {
            return SIM_IN_USE;
        }
    }
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        if (gpus >> i & 1u) {
            start_anew(machine, i, true);
        }
    }
    return SIM_OK;
}

static bool has_holders(const struct sim_machine *machine)
{
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        if (machine->holders[i].pid != 0) {
            return true;
        }
    }
    return false;
}

int sim_driver_unload(struct sim_machine *machine, uint32_t pid)
{
    if (machine->driver_gone) {
        return SIM_DRIVER_NOT_LOADED;
    }
    if (has_sessions(machine, pid) || has_holders(machine)) {
        return SIM_IN_USE;
    }
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        start_anew(machine, i, !machine->gpus[i].vm);
    }
    machine->driver_gone = 1;
    sim_tree_changes(machine, NULL);
    return SIM_OK;
}

void sim_driver_load(struct sim_machine *machine)
{
    if (machine->driver_gone) {
        machine->driver_gone = 0;
        machine->loads++;
        memset(machine->sessions, 0, sizeof(machine->sessions));
        sim_tree_changes(machine, NULL);
    }
}

void sim_reboot(struct sim_machine *machine)
{
    memset(machine->sessions, 0, sizeof(machine->sessions));
    memset(machine->holders, 0, sizeof(machine->holders));
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        machine->gpus[i].lost = 0;
        machine->gpus[i].xids = 0;
        start_anew(machine, i, true);
    }
    machine->driver_gone = 0;
    machine->boots++;
    machine->loads++;
    sim_tree_changes(machine, NULL);
}

int sim_lose(struct sim_machine *machine, unsigned gpu)
{
    if (gpu >= machine->n_gpus) {
        return SIM_NOT_FOUND;
    }
    machine->gpus[gpu].lost = 1;
    sim_tree_changes(machine, NULL);
    return SIM_OK;
}

/* ---- Events ---- */

int sim_event_push(struct sim_machine *machine, uint64_t type, unsigned gpu, uint32_t gi,
                   uint32_t ci, uint64_t data)
{
    if (gpu >= machine->n_gpus) {
        return SIM_NOT_FOUND;
    }
    uint64_t seq = machine->next_event++;
    machine->events[seq % SIM_EVENTS] =
        (struct sim_event){.seq = seq, .type = type, .data = data, .gpu = gpu, .gi = gi, .ci = ci};
    if (type == SIM_EVENT_XID) {
        machine->gpus[gpu].xids++;
    }
    return SIM_OK;
}

const struct sim_event *sim_event_next(const struct sim_machine *machine, uint64_t after,
                                       const uint64_t types[SIM_GPUS_MAX])
{
    uint64_t oldest = machine->next_event > SIM_EVENTS ? machine->next_event - SIM_EVENTS : 1;
    uint64_t seq = after + 1 > oldest ? after + 1 : oldest;
    for (; seq < machine->next_event; seq++) {
        const struct sim_event *event = &machine->events[seq % SIM_EVENTS];
        if (event->seq == seq && (types[event->gpu] & event->type) != 0) {
            return event;
        }
    }
    return NULL;
}
