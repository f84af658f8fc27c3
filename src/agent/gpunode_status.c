#include <string.h>

#include "agent/gpunode_work.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

struct gs_agentnode_gpu *gs_agentnode_gpu(struct gs_agentnode *node, const char *uuid, bool make)
{
    for (unsigned i = 0; i < node->n_gpus; i++) {
        if (strcmp(node->gpus[i].uuid, uuid) == 0) {
            return &node->gpus[i];
        }
    }
    if (!make || node->n_gpus == GS_GPUNODE_GPUS_MAX || strlen(uuid) >= GS_GPU_UUID_MAX) {
        return NULL;
    }
    struct gs_agentnode_gpu *gpu = &node->gpus[node->n_gpus++];
    *gpu = (struct gs_agentnode_gpu){.print = 0};
    memcpy(gpu->uuid, uuid, strlen(uuid) + 1);
    gpu->decision.message = gpu->message;
    return gpu;
}

/* ---- One slice ---- */

/* The kubelet shows a grant some time before the holders are read anew. */
static bool was_granted(struct gs_agentnode *node, const struct gs_snapshot_slice *slice)
{
    const struct gs_grants *grants = gs_offering_grants(node->agent->offering);
    unsigned kept = 0;
    bool recent = false;
    for (unsigned i = 0; i < node->n_recent; i++) {
        if (node->recent[i].n_found == node->n_found) {
            recent = recent || gs_slice_id_eq(&node->recent[i].slice, &slice->id);
            node->recent[kept++] = node->recent[i];
        }
    }
    node->n_recent = kept;
    if (!gs_grants_have(grants, slice->uuid)) {
        return recent;
    }
    if (!recent && node->n_recent < GS_AGENTNODE_RECENT_MAX) {
        node->recent[node->n_recent++] =
            (struct gs_agentnode_recent){.slice = slice->id, .n_found = node->n_found};
    }
    return true;
}

static enum gs_gpunode_slice_state state_of(struct gs_agentnode *node,
                                            const struct gs_snapshot_slice *slice)
{
    unsigned n;
    const struct gs_offer_mark *marks = gs_offering_marks(node->agent->offering, &n);
    const struct gs_findings *findings = node->agent->findings;
    const struct gs_held *held = gs_findings_held(findings, &slice->id);
    bool granted = was_granted(node, slice);
    for (unsigned i = 0; i < n; i++) {
        if (gs_slice_id_eq(&marks[i].slice, &slice->id) && marks[i].retiring) {
            return GS_GPUNODE_LEAVING;
        }
    }
    if (held != NULL && !gs_held_idle(held)) {
        return GS_GPUNODE_HELD;
    }
    if (granted) {
        return GS_GPUNODE_GRANTED;
    }
    for (unsigned i = 0; i < n; i++) {
        if (gs_slice_id_eq(&marks[i].slice, &slice->id) && marks[i].sick) {
            return GS_GPUNODE_SICK;
        }
    }
    /* One that was made since the holders were read has none. */
    bool is_new =
        findings != NULL && findings->has_holding &&
        findings->box->snapshot.number < gs_offering_box(node->agent->offering)->snapshot.number;
    return held != NULL || is_new ? GS_GPUNODE_FREE : GS_GPUNODE_HELD;
}

/* What weighs most of the compute instances of one GPU instance. */
static enum gs_gpunode_slice_state worst(enum gs_gpunode_slice_state a,
                                         enum gs_gpunode_slice_state b)
{
    static const unsigned weight[] = {[GS_GPUNODE_FREE] = 0,
                                      [GS_GPUNODE_SICK] = 1,
                                      [GS_GPUNODE_LEAVING] = 2,
                                      [GS_GPUNODE_GRANTED] = 3,
                                      [GS_GPUNODE_HELD] = 4};
    return weight[a] >= weight[b] ? a : b;
}

static const char *resource_of(const struct gs_offer *offer, const struct gs_slice_id *slice)
{
    for (unsigned i = 0; i < offer->n_resources; i++) {
        if (gs_offer_device_of(&offer->resources[i], slice) != NULL) {
            return offer->resources[i].name;
        }
    }
    return "";
}

static void put_holder(const struct gs_agentnode *node, const struct gs_slice_id *slice,
                       struct gs_gpunode_pod *ret)
{
    const struct gs_held *held = gs_findings_held(node->agent->findings, slice);
    if (held != NULL && !gs_held_idle(held) && held->pod[0] != '\0') {
        *ret = (struct gs_gpunode_pod){
            .name_space = held->name_space, .name = held->pod, .uid = held->pod_uid};
    }
}

/* Compute instances of one GPU instance stand beside each other. */
static unsigned put_slices(struct gs_agentnode *node, const struct gs_snapshot *snapshot,
                           const struct gs_snapshot_gpu *gpu, struct gs_gpunode_slice *slices)
{
    const struct gs_offer *offer = gs_offering_offer(node->agent->offering);
    struct gs_gpunode_slice *last = NULL;
    uint32_t gi = GS_NOT_KNOWN;
    unsigned n = 0;
    for (unsigned i = gpu->first; i < gpu->first + gpu->n; i++) {
        const struct gs_snapshot_slice *slice = &snapshot->slices[i];
        if (last != NULL && slice->id.gi == gi) {
            last->state = worst(last->state, state_of(node, slice));
            last->plain = false;
            last->uuid = "";
            continue;
        }
        if (n == GS_MEMORY_UNITS_MAX || slice->start + slice->size > GS_MEMORY_UNITS_MAX) {
            break;
        }
        gi = slice->id.gi;
        last = &slices[n++];
        *last = (struct gs_gpunode_slice){
            .profile = slice->profile,
            .start = (uint8_t)slice->start,
            .size = (uint8_t)slice->size,
            .state = state_of(node, slice),
            .plain = slice->profile.compute_slices == slice->profile.gpu_slices,
            .resource = resource_of(offer, &slice->id),
            .uuid = slice->uuid,
            .holder = {.name_space = "", .name = "", .uid = ""},
        };
        last->profile.compute_slices = last->profile.gpu_slices;
        put_holder(node, &slice->id, &last->holder);
    }
    return n;
}

/* ---- One GPU ---- */

static bool is_sick(const struct gs_agentnode *node, const struct gs_snapshot_gpu *gpu,
                    unsigned index)
{
    unsigned n;
    const struct gs_offer_mark *marks = gs_offering_marks(node->agent->offering, &n);
    unsigned sick = 0;
    for (unsigned i = 0; i < n; i++) {
        if (marks[i].sick && marks[i].slice.gpu == index) {
            sick++;
        }
    }
    return sick > 0 && sick >= gpu->n; /* all of it: what is whole has one mark */
}

static void put_gpu(struct gs_agentnode *node, const struct gs_snapshot *snapshot, unsigned k,
                    struct gs_gpunode_slice *slices, struct gs_gpunode_gpu *ret)
{
    const struct gs_snapshot_gpu *gpu = &snapshot->gpus[k];
    const struct gs_slice_id whole = {
        .gpu = k, .gi = GS_NOT_KNOWN, .ci = GS_NOT_KNOWN, .generation = gpu->generation};
    const struct gs_held *held = gs_findings_held(node->agent->findings, &whole);
    bool cut = gs_snapshot_is_cut(gpu);
    *ret = (struct gs_gpunode_gpu){
        .index = k,
        .uuid = gpu->facts.uuid,
        .model = gpu->model == NULL ? "" : gpu->model->id,
        .product = gpu->facts.name,
        .mig = cut,
        .whole_held =
            !cut && (held == NULL || !gs_held_idle(held) ||
                     gs_grants_have(gs_offering_grants(node->agent->offering), gpu->facts.uuid)),
        .healthy = !gpu->lost && gpu->facts.pending == gpu->facts.mode && !is_sick(node, gpu, k),
        .slices = slices,
        .n_slices = cut ? put_slices(node, snapshot, gpu, slices) : 0,
    };
}

/* What decides whether and how the GPU can be cut: where slices are, which of them it is, by their
 * generation, and whether they are free. What is about to leave is as free as it was. */
static uint64_t print_of(const struct gs_snapshot *snapshot, const struct gs_gpunode_gpu *gpu)
{
    const struct gs_snapshot_gpu *at = &snapshot->gpus[gpu->index];
    const bool flags[] = {gpu->mig, gpu->whole_held, gpu->healthy};
    uint64_t print = gs_hash64_bytes_on(GS_HASH64_EMPTY, flags, sizeof(flags));
    for (unsigned i = at->first; i < at->first + at->n; i++) {
        const struct gs_slice_id *id = &snapshot->slices[i].id;
        print = gs_hash64_bytes_on(print, &id->generation, sizeof(id->generation));
    }
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        enum gs_gpunode_slice_state state = gpu->slices[i].state;
        const unsigned char byte = state == GS_GPUNODE_FREE || state == GS_GPUNODE_LEAVING ? 0
                                   : state == GS_GPUNODE_SICK                              ? 1
                                                                                           : 2;
        print = gs_hash64_bytes_on(print, &byte, 1);
    }
    return print;
}

void gs_agentnode_look(struct gs_agentnode *node)
{
    const struct gs_box *box = gs_offering_box(node->agent->offering);
    for (unsigned k = 0; box != NULL && k < box->snapshot.n_gpus && k < GS_GPUNODE_GPUS_MAX; k++) {
        struct gs_gpunode_gpu gpu;
        struct gs_gpunode_slice slices[GS_MEMORY_UNITS_MAX];
        put_gpu(node, &box->snapshot, k, slices, &gpu);
        struct gs_agentnode_gpu *known = gs_agentnode_gpu(node, gpu.uuid, true);
        uint64_t print = print_of(&box->snapshot, &gpu);
        if (known != NULL && (known->revision == 0 || known->print != print)) {
            known->revision += known->print != 0 || known->revision == 0;
            known->print = print;
        }
    }
}

/* ---- The node ---- */

static void put_ready(struct gs_agentnode *node, struct gs_gpunode_condition *ret)
{
    const struct gs_troubles *troubles = &node->agent->troubles;
    bool ready = gs_agent_is_ready(node->agent);
    if (ready != node->was_ready || node->ready_us == 0) {
        node->was_ready = ready;
        node->ready_us = gs_date_us();
    }
    *ret = (struct gs_gpunode_condition){
        .type = "Ready",
        .is_true = ready,
        .reason = ready ? "Serving" : "NotRegistered",
        .message = ready ? "the kubelet has every resource"
                         : "the kubelet has not taken up every resource yet",
        .since_us = node->ready_us,
    };
    for (unsigned i = 0; !ready && i < GS_TROUBLES; i++) {
        if (troubles->at[i].bad && !gs_trouble_is_minor(i)) {
            ret->reason = troubles->at[i].reason;
            ret->message = troubles->at[i].text;
            return;
        }
    }
}

static unsigned put_conditions(struct gs_agentnode *node, struct gs_gpunode_condition *conditions)
{
    const struct gs_troubles *troubles = &node->agent->troubles;
    unsigned n = 1;
    put_ready(node, &conditions[0]);
    for (unsigned i = 0; i < GS_TROUBLES; i++) {
        if (troubles->at[i].bad && i != GS_TROUBLE_GPUNODE) {
            conditions[n++] = (struct gs_gpunode_condition){
                .type = gs_trouble_name(i),
                .reason = troubles->at[i].reason,
                .message = troubles->at[i].text,
                .since_us = troubles->at[i].since_s * 1000000,
            };
        }
    }
    return n;
}

int gs_agentnode_make(struct gs_agentnode *node, uint64_t seen_us, struct gs_arena *arena,
                      struct gs_gpunode *ret, struct gs_err *err)
{
    const struct gs_box *box = gs_offering_box(node->agent->offering);
    unsigned n = box == NULL ? 0 : box->snapshot.n_gpus;
    n = n > GS_GPUNODE_GPUS_MAX ? GS_GPUNODE_GPUS_MAX : n;
    struct gs_gpunode_gpu *gpus = GS_ARENA_NEW(arena, struct gs_gpunode_gpu, n + 1u);
    struct gs_gpunode_slice *slices =
        GS_ARENA_NEW(arena, struct gs_gpunode_slice, (n + 1u) * GS_MEMORY_UNITS_MAX);
    struct gs_gpunode_condition *conditions =
        GS_ARENA_NEW(arena, struct gs_gpunode_condition, GS_TROUBLES + 1);
    if (gpus == NULL || slices == NULL || conditions == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the GpuNode");
    }
    for (unsigned k = 0; k < n; k++) {
        put_gpu(node, &box->snapshot, k, slices + (size_t)k * GS_MEMORY_UNITS_MAX, &gpus[k]);
        const struct gs_agentnode_gpu *known = gs_agentnode_gpu(node, gpus[k].uuid, false);
        gpus[k].revision = known == NULL ? 1 : known->revision;
        gpus[k].decision =
            known == NULL ? (struct gs_gpunode_decision){.message = ""} : known->decision;
    }
    *ret = (struct gs_gpunode){
        .name = node->agent->node_name,
        .node_uid = node->node_uid,
        .gpus = gpus,
        .n_gpus = n,
        .conditions = conditions,
        .n_conditions = put_conditions(node, conditions),
        .agent = GS_VERSION,
        .seen_us = seen_us,
    };
    return 0;
}
