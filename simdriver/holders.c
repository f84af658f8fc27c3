#include <string.h>

#include "simdriver/inside.h"

static bool is_within(const struct sim_holder *holder, unsigned gpu, uint32_t gi, uint32_t ci)
{
    return holder->pid != 0 && holder->gpu == gpu && (gi == SIM_NONE || holder->gi == gi) &&
           (ci == SIM_NONE || holder->ci == ci);
}

bool sim_is_held(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci,
                 uint32_t except)
{
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        const struct sim_holder *holder = &machine->holders[i];
        if (is_within(holder, gpu, gi, ci) && holder->pid != except) {
            return true;
        }
    }
    return false;
}

uint64_t sim_used_mib(const struct sim_machine *machine, unsigned gpu, uint32_t gi, uint32_t ci)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        if (is_within(&machine->holders[i], gpu, gi, ci)) {
            sum += machine->holders[i].memory_mib;
        }
    }
    return sum;
}

/* The memory of a slice, or of a GPU that is not cut, less what is in use. */
static uint64_t free_mib(const struct sim_machine *machine, const struct sim_holder *holder)
{
    const struct sim_gpu *gpu = &machine->gpus[holder->gpu];
    uint64_t total = sim_gpu_memory_mib(gpu) - sim_gpu_reserved_mib(gpu);
    if (holder->gi != SIM_NONE) {
        struct sim_gi_profile profile;
        sim_gi_profile_of(machine, holder->gpu, holder->gi, &profile);
        total = profile.memory_mib;
    }
    uint64_t used = sim_used_mib(machine, holder->gpu, holder->gi, SIM_NONE);
    return used >= total ? 0 : total - used;
}

int sim_hold(struct sim_machine *machine, const struct sim_holder *holder)
{
    const struct sim_gpu *gpu;
    int r = sim_gpu_get(machine, holder->gpu, &gpu);
    if (r != SIM_OK) {
        return r == SIM_INVALID_ARGUMENT ? SIM_NOT_FOUND : r;
    }
    if (holder->gi == SIM_NONE ? gpu->mode != 0
                               : sim_ci_get(machine, holder->gpu, holder->gi, holder->ci) == NULL) {
        return SIM_NOT_FOUND;
    }
    if (holder->pid == 0) {
        return SIM_INVALID_ARGUMENT;
    }
    if (holder->memory_mib > free_mib(machine, holder)) {
        return SIM_INSUFFICIENT_RESOURCES;
    }
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        if (machine->holders[i].pid == 0) {
            machine->holders[i] = *holder;
            machine->holders[i].ci = holder->gi == SIM_NONE ? SIM_NONE : holder->ci;
            machine->holders[i].name[sizeof(holder->name) - 1] = '\0';
            return SIM_OK;
        }
    }
    return SIM_INSUFFICIENT_RESOURCES;
}

int sim_release(struct sim_machine *machine, uint32_t pid, uint64_t start_time)
{
    int r = SIM_NOT_FOUND;
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        struct sim_holder *holder = &machine->holders[i];
        if (holder->pid == pid && pid != 0 && holder->start_time == start_time) {
            *holder = (struct sim_holder){.pid = 0};
            r = SIM_OK;
        }
    }
    return r;
}

/* ---- Sessions ---- */

static struct sim_session *session_of(struct sim_machine *machine, uint32_t pid,
                                      uint64_t start_time)
{
    for (unsigned i = 0; i < SIM_SESSIONS; i++) {
        if (machine->sessions[i].pid == pid && machine->sessions[i].start_time == start_time) {
            return &machine->sessions[i];
        }
    }
    return NULL;
}

int sim_session_begin(struct sim_machine *machine, uint32_t pid, uint64_t start_time)
{
    if (machine->driver_gone) {
        return SIM_DRIVER_NOT_LOADED;
    }
    struct sim_session *session = session_of(machine, pid, start_time);
    if (session == NULL) {
        session = session_of(machine, 0, 0);
    }
    if (session == NULL || session->count == UINT32_MAX) {
        return SIM_INSUFFICIENT_RESOURCES;
    }
    session->pid = pid;
    session->start_time = start_time;
    session->count++;
    return SIM_OK;
}

int sim_session_end(struct sim_machine *machine, uint32_t pid, uint64_t start_time)
{
    struct sim_session *session = session_of(machine, pid, start_time);
    if (session == NULL || pid == 0) {
        return SIM_UNINITIALIZED;
    }
    if (--session->count == 0) {
        *session = (struct sim_session){.pid = 0};
    }
    return SIM_OK;
}

bool sim_prune(struct sim_machine *machine, bool (*alive)(uint32_t pid, uint64_t start_time))
{
    bool some = false;
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        struct sim_holder *holder = &machine->holders[i];
        if (holder->pid != 0 && !alive(holder->pid, holder->start_time)) {
            *holder = (struct sim_holder){.pid = 0};
            some = true;
        }
    }
    for (unsigned i = 0; i < SIM_SESSIONS; i++) {
        struct sim_session *session = &machine->sessions[i];
        if (session->pid != 0 && !alive(session->pid, session->start_time)) {
            *session = (struct sim_session){.pid = 0};
            some = true;
        }
    }
    return some;
}
