#include "node/holding_build.h"

#include <string.h>

static int fail_memory(struct gs_holding_builder *b)
{
    return gs_fail(b->err, GS_NO_MEMORY, "no memory for who holds which slice");
}

/* ---- pod-resources ---- */

/* All pods of that name have ended for good. One that nobody knows may still run. *ret_uid: of the
 * one that lives, "" where it is not known. */
static bool has_finished(const struct gs_holding_input *input, const char *name_space,
                         const char *name, const char **ret_uid)
{
    bool found = false;
    *ret_uid = "";
    for (unsigned i = 0; i < input->n_pods; i++) {
        const struct gs_holder_pod *pod = &input->pods[i];
        if (strcmp(pod->name, name) == 0 && strcmp(pod->name_space, name_space) == 0) {
            if (!pod->finished) {
                *ret_uid = pod->uid;
                return false;
            }
            found = true;
        }
    }
    return found && input->pods_known;
}

/* The devices that one container has of one resource. */
static int read_devices(struct gs_holding_builder *b, const struct gs_holder *by, bool finished,
                        const struct gs_podres_devices *devices)
{
    int r = 0;
    if (!finished) {
        return gs_holding_mark_ids(b, by, devices->resource, devices->ids, devices->n_ids);
    }
    for (unsigned i = 0; r == 0 && i < devices->n_ids; i++) {
        r = gs_holding_note_stranger(b, devices->resource, devices->ids[i]);
    }
    return r;
}

static bool is_relevant(const struct gs_holding_builder *b, const char *resource,
                        const char *const *ids, unsigned n_ids)
{
    return gs_holding_is_ours(resource) || (n_ids > 0 && gs_holding_find_place(b, ids[0]) != NULL);
}

static int read_pod(struct gs_holding_builder *b, const struct gs_podres_pod *pod)
{
    const char *uid = NULL; /* not asked for yet: most pods have none of our devices */
    bool finished = false;
    for (unsigned c = 0; c < pod->n_containers; c++) {
        const struct gs_podres_container *container = &pod->containers[c];
        for (unsigned d = 0; d < container->n_devices; d++) {
            const struct gs_podres_devices *devices = &container->devices[d];
            if (!is_relevant(b, devices->resource, devices->ids, devices->n_ids)) {
                continue;
            }
            if (uid == NULL) {
                finished = has_finished(b->input, pod->namespace_, pod->name, &uid);
            }
            const struct gs_holder by = {.why = GS_HOLD_POD,
                                         .name_space = pod->namespace_,
                                         .pod = pod->name,
                                         .container = container->name,
                                         .pod_uid = uid,
                                         .key = container};
            int r = read_devices(b, &by, finished, devices);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* ---- the kubelet's record ---- */

static const struct gs_holder_pod *pod_of(const struct gs_holding_input *input, const char *uid)
{
    for (unsigned i = 0; i < input->n_pods; i++) {
        if (strcmp(input->pods[i].uid, uid) == 0) {
            return &input->pods[i];
        }
    }
    return NULL;
}

/* The record keeps pods that are gone until the kubelet grants something again. A pod that neither
 * the API knows nor the kubelet has a folder of is gone. */
static bool may_live(const struct gs_holding_input *input, const char *uid,
                     const struct gs_holder_pod **ret_pod)
{
    *ret_pod = pod_of(input, uid);
    if (*ret_pod != NULL) {
        return !(*ret_pod)->finished;
    }
    if (!input->pod_dirs_known) {
        return true;
    }
    for (unsigned i = 0; i < input->n_pod_dirs; i++) {
        if (strcmp(input->pod_dirs[i], uid) == 0) {
            return true;
        }
    }
    return false;
}

static int read_record(struct gs_holding_builder *b, const struct gs_kubelet_grant *grant)
{
    const struct gs_holder_pod *pod;
    if (!is_relevant(b, grant->resource, grant->ids, grant->n_ids) ||
        !may_live(b->input, grant->pod_uid, &pod)) {
        return 0;
    }
    const struct gs_holder by = {
        .why = GS_HOLD_CHECKPOINT,
        .name_space = pod == NULL ? "" : pod->name_space,
        .pod = pod == NULL ? "" : pod->name,
        .container = grant->container,
        .pod_uid = grant->pod_uid,
        .key = grant,
    };
    return gs_holding_mark_ids(b, &by, grant->resource, grant->ids, grant->n_ids);
}

/* ---- processes ---- */

static void read_process(struct gs_holding_builder *b, const struct gs_holder_process *process)
{
    const struct gs_holder by = {.why = GS_HOLD_PROCESS,
                                 .name_space = "",
                                 .pod = "",
                                 .container = "",
                                 .pod_uid = process->pod_uid};
    for (unsigned g = 0; g < b->snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &b->snapshot->gpus[g];
        if (gpu->facts.index != process->gpu) {
            continue;
        }
        gs_holding_mark(&b->gpus[g], &by, process->pid);
        for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
            const struct gs_slice_id *id = &b->snapshot->slices[i].id;
            if ((process->gi == GS_NOT_KNOWN || process->gi == id->gi) &&
                (process->ci == GS_NOT_KNOWN || process->ci == id->ci)) {
                gs_holding_mark(&b->slices[i], &by, process->pid);
            }
        }
    }
}

/* ---- what could not be read ---- */

static int note_unreadable(struct gs_holding_builder *b, const char *what, uint32_t gpus)
{
    const struct gs_holder by = {
        .why = GS_HOLD_UNREADABLE, .name_space = "", .pod = "", .container = what, .pod_uid = ""};
    bool any = false;
    for (unsigned g = 0; g < b->snapshot->n_gpus; g++) {
        unsigned index = b->snapshot->gpus[g].facts.index;
        if (index >= 32 || (gpus >> index & 1u) != 0) {
            gs_holding_mark(&b->gpus[g], &by, GS_NOT_KNOWN);
            gs_holding_mark_slices(b, g, &by);
            any = true;
        }
    }
    if (!any) {
        return 0;
    }
    return gs_conditions_add(&b->conditions, b->arena, GS_COND_HOLDERS_UNREADABLE, what,
                             "%s could not be read; every slice that it might name counts as held",
                             what) < 0
               ? fail_memory(b)
               : 0;
}

static int read_unreadable(struct gs_holding_builder *b)
{
    const struct gs_holding_input *input = b->input;
    int r = input->listed != NULL ? 0 : note_unreadable(b, "pod-resources", UINT32_MAX);
    if (r == 0 && input->checkpoint == NULL) {
        r = note_unreadable(b, "the kubelet's record of devices", UINT32_MAX);
    }
    return r < 0 || input->processes_known == UINT32_MAX
               ? r
               : note_unreadable(b, "the list of processes", ~input->processes_known);
}

int gs_holding_read(struct gs_holding_builder *b)
{
    const struct gs_holding_input *input = b->input;
    int r = 0;
    for (unsigned i = 0; r == 0 && input->listed != NULL && i < input->listed->n; i++) {
        r = read_pod(b, &input->listed->pods[i]);
    }
    for (unsigned i = 0; r == 0 && input->checkpoint != NULL && i < input->checkpoint->n_grants;
         i++) {
        r = read_record(b, &input->checkpoint->grants[i]);
    }
    for (unsigned i = 0; r == 0 && i < input->n_grants; i++) {
        const struct gs_holder_grant *grant = &input->grants[i];
        const struct gs_holder by = {
            .why = GS_HOLD_GRANT, .name_space = "", .pod = "", .container = "", .pod_uid = ""};
        if (grant->age_us < input->grant_timeout_us) {
            r = gs_holding_mark_ids(b, &by, grant->resource, grant->ids, grant->n_ids);
        }
    }
    for (unsigned i = 0; r == 0 && i < input->n_processes; i++) {
        read_process(b, &input->processes[i]);
    }
    return r < 0 ? r : read_unreadable(b);
}
