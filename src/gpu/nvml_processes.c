/* Who has a context on a GPU. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "gpu/nvml_session.h"

enum { KINDS = 3, FIRST_ROOM = 64, TRIES = 9 };

struct list {
    struct gs_gpu_process *at;
    size_t n;
};

static void list_done(struct list *list)
{
    free(list->at);
}

static bool has(const struct list *list, const struct gs_gpu_process *process)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct gs_gpu_process *p = &list->at[i];
        if (p->pid == process->pid && p->gpu_instance == process->gpu_instance &&
            p->compute_instance == process->compute_instance) {
            return true;
        }
    }
    return false;
}

/* A process with compute and graphics contexts is listed by both functions: once is enough. */
static void add(struct list *list, const struct nvml_process_info *info)
{
    struct gs_gpu_process process = {.pid = info->pid,
                                     .gpu_instance = info->gpu_instance_id,
                                     .compute_instance = info->compute_instance_id,
                                     .memory_bytes = info->used_gpu_memory};
    if (list->n < GS_GPU_PROCESSES_MAX && !has(list, &process)) {
        list->at[list->n++] = process;
    }
}

/* The records of the oldest functions, which are shorter, spread over the room they share. */
static void widen(struct nvml_process_info *infos, unsigned n)
{
    const struct nvml_process_info_v1 *old = (const void *)infos;
    for (unsigned i = n; i-- > 0;) {
        struct nvml_process_info_v1 one;
        memcpy(&one, &old[i], sizeof(one));
        infos[i] = (struct nvml_process_info){.pid = one.pid,
                                              .used_gpu_memory = one.used_gpu_memory,
                                              .gpu_instance_id = GS_NOT_KNOWN,
                                              .compute_instance_id = GS_NOT_KNOWN};
    }
}

static int ask(const struct gs_nvml_lib *lib, struct nvml_device *device, unsigned kind,
               unsigned *n, struct nvml_process_info *infos)
{
    unsigned room = *n;
    if (lib->processes[kind] != NULL) {
        return lib->processes[kind](device, n, infos);
    }
    int code = GS_NVML(lib, processes_v1[kind], device, n, (void *)infos);
    if (code == NVML_SUCCESS && *n <= room) {
        widen(infos, *n);
    }
    return code;
}

static void free_infos(struct nvml_process_info **infos)
{
    free(*infos);
}

/* Asks with more and more room, as processes come between two calls. */
static int collect(struct gs_nvml_session *session, unsigned gpu, struct nvml_device *device,
                   unsigned kind, struct list *list, struct gs_err *err)
{
    unsigned room = FIRST_ROOM;
    for (unsigned try = 0; try < TRIES; try++) {
        GS_CLEANUP(free_infos)
        struct nvml_process_info *infos = calloc(room, sizeof(*infos));
        if (infos == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for %u processes", room);
        }
        unsigned n = room;
        int code = ask(&session->lib, device, kind, &n, infos);
        if (code == NVML_SUCCESS && n <= room) {
            for (unsigned i = 0; i < n; i++) {
                add(list, &infos[i]);
            }
            return 0;
        }
        /* graphics and MPS are not there on every driver and GPU; compute is */
        if (code == NVML_ERROR_NOT_SUPPORTED || code == NVML_ERROR_FUNCTION_NOT_FOUND) {
            if (kind > 0) {
                return 0;
            }
        }
        if (code != NVML_ERROR_INSUFFICIENT_SIZE && code != NVML_SUCCESS) {
            return gs_nvml_fail(&session->lib, code, err, "GPU %u: listing its processes", gpu);
        }
        unsigned wanted = n > room ? n : room;
        if (wanted > GS_GPU_PROCESSES_MAX) {
            return gs_fail(err, GS_LIMIT,
                           "GPU %u: the driver tells of %u processes; %d are the most we take", gpu,
                           n, GS_GPU_PROCESSES_MAX);
        }
        room = 2 * wanted;
    }
    return gs_fail(err, GS_IO, "GPU %u: its processes come faster than they can be listed", gpu);
}

int gs_nvml_processes(void *impl, unsigned gpu, struct gs_gpu_process *ret, size_t cap,
                      size_t *ret_n, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    struct nvml_device *device = NULL;
    int r = gs_nvml_device(session, gpu, &device, err);
    if (r < 0) {
        return r;
    }
    GS_CLEANUP(list_done)
    struct list list = {.at = calloc(GS_GPU_PROCESSES_MAX, sizeof(*list.at))};
    if (list.at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %d processes", GS_GPU_PROCESSES_MAX);
    }
    for (unsigned kind = 0; kind < KINDS; kind++) {
        if ((r = collect(session, gpu, device, kind, &list, err)) < 0) {
            return r;
        }
    }
    memcpy(ret, list.at, (list.n < cap ? list.n : cap) * sizeof(*ret));
    *ret_n = list.n;
    return 0;
}
