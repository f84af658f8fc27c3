#include "wire/kubeplan.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "wire/kubegpu.h"
#include "wire/kubejson.h"
#include "wire/kubeuse.h"

/* A DaemonSet's largest pod. */
struct daemon {
    const char *name_space;
    const char *name;
    uint64_t cpu_milli;
    uint64_t memory_bytes;
};

/* The ids of pods: a table that is half full at most; n_slots is a power of two. */
struct ids {
    const char **slots;
    size_t n_slots;
    size_t n;
};

struct gs_kubeplan {
    struct gs_arena *arena;
    struct gs_demand *raw; /* kinds of demand pods as they ask; settled at the end */
    bool with_nodes;
    struct gs_kubeuse use;
    struct ids pods;
    struct daemon *daemons;
    size_t n_daemons;
    size_t cap_daemons;
    struct gs_kubeplan_summary summary;
};

static const char *const fate_texts[GS_FATE_COUNT] = {
    [GS_FATE_DEMAND] = "demand",
    [GS_FATE_STAYS] = "bound to their node, where they stay",
    [GS_FATE_NO_GPU] = "without GPUs or slices",
    [GS_FATE_FINISHED] = "finished",
    [GS_FATE_DAEMON] = "of DaemonSets",
    [GS_FATE_MIRROR] = "static pods of a node",
    [GS_FATE_LEAVING] = "being deleted",
    [GS_FATE_REFUSED] = "asking for shares of GPUs or for unknown slices",
    [GS_FATE_NODE_UNKNOWN] = "bound to a node that the node list lacks",
    [GS_FATE_ADRIFT] = "running, but bound to no node",
};

const char *gs_kubeplan_fate_text(enum gs_kubeplan_fate fate)
{
    return fate_texts[fate];
}

static int tally(struct gs_kubeplan *plan, struct gs_kubeplan_tally *tally, uint64_t pods,
                 const char *id, struct gs_err *err)
{
    tally->pods += pods;
    if (tally->first == NULL) {
        tally->first = gs_arena_text(plan->arena, id, strlen(id));
    }
    return tally->first == NULL ? gs_kubejson_no_memory(err) : 0;
}

struct gs_kubeplan *gs_kubeplan_new(struct gs_arena *arena, bool with_nodes)
{
    struct gs_kubeplan *plan = GS_ARENA_NEW(arena, struct gs_kubeplan, 1);
    struct gs_demand *raw = gs_demand_new(arena);
    if (plan == NULL || raw == NULL) {
        return NULL;
    }
    *plan = (struct gs_kubeplan){.arena = arena, .raw = raw, .with_nodes = with_nodes};
    plan->use = (struct gs_kubeuse){.arena = arena, .notes = &plan->summary.notes};
    return plan;
}

int gs_kubeplan_add_node(struct gs_kubeplan *plan, const struct gs_kubenode *node,
                         struct gs_err *err)
{
    plan->summary.nodes++;
    return gs_kubeuse_add(&plan->use, node, err);
}

int gs_kubeplan_end_nodes(struct gs_kubeplan *plan, struct gs_err *err)
{
    return gs_kubeuse_seal(&plan->use, err);
}

/* ---- DaemonSets ---- */

/* A pod of a DaemonSet that waits has its node in an affinity on metadata.name. */
static const char *daemon_target(const struct gs_kubepod *pod)
{
    const struct gs_constraint *constraint = pod->constraint;
    if (constraint == NULL || constraint->n_terms != 1) {
        return NULL;
    }
    for (size_t i = 0; i < constraint->terms[0].n_requirements; i++) {
        const struct gs_requirement *one = &constraint->terms[0].requirements[i];
        if (one->on_field && one->op == GS_LABEL_IN && one->n_values == 1) {
            return one->values[0];
        }
    }
    return NULL;
}

static struct daemon *find_daemon(struct gs_kubeplan *plan, const struct gs_kubepod *pod)
{
    for (size_t i = 0; i < plan->n_daemons; i++) {
        struct daemon *daemon = &plan->daemons[i];
        if (strcmp(daemon->name, pod->owner_name) == 0 &&
            strcmp(daemon->name_space, pod->name_space) == 0) {
            return daemon;
        }
    }
    return NULL;
}

static int new_daemon(struct gs_kubeplan *plan, const struct gs_kubepod *pod,
                      struct daemon **ret_daemon, struct gs_err *err)
{
    if (plan->n_daemons == GS_KUBEPLAN_DAEMONS_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d DaemonSets", GS_KUBEPLAN_DAEMONS_MAX);
    }
    const char *space = gs_arena_text(plan->arena, pod->name_space, strlen(pod->name_space));
    const char *name = gs_arena_text(plan->arena, pod->owner_name, strlen(pod->owner_name));
    if (space == NULL || name == NULL ||
        !gs_arena_room(plan->arena, &plan->daemons, &plan->cap_daemons, plan->n_daemons,
                       sizeof(*plan->daemons))) {
        return gs_kubejson_no_memory(err);
    }
    *ret_daemon = &plan->daemons[plan->n_daemons++];
    **ret_daemon = (struct daemon){.name_space = space, .name = name};
    return 0;
}

static int measure_daemon(struct gs_kubeplan *plan, const struct gs_kubepod *pod,
                          struct gs_err *err)
{
    struct daemon *daemon = find_daemon(plan, pod);
    int r = daemon == NULL ? new_daemon(plan, pod, &daemon, err) : 0;
    if (r != 0) {
        return r;
    }
    assert(daemon != NULL);
    daemon->cpu_milli = daemon->cpu_milli > pod->cpu_milli ? daemon->cpu_milli : pod->cpu_milli;
    daemon->memory_bytes =
        daemon->memory_bytes > pod->memory_bytes ? daemon->memory_bytes : pod->memory_bytes;
    return 0;
}

/* ---- one pod ---- */

static enum gs_kubeplan_fate fate_of(const struct gs_kubeplan *plan, const struct gs_kubepod *pod,
                                     const struct gs_kubeuse_node *node)
{
    if (pod->phase == GS_KUBEPOD_SUCCEEDED || pod->phase == GS_KUBEPOD_FAILED) {
        return GS_FATE_FINISHED;
    }
    if (pod->mirror) {
        return GS_FATE_MIRROR;
    }
    if (strcmp(pod->owner_kind, "DaemonSet") == 0) {
        return GS_FATE_DAEMON;
    }
    if (plan->with_nodes && pod->node != NULL) {
        return node == NULL ? GS_FATE_NODE_UNKNOWN : GS_FATE_STAYS;
    }
    if (pod->deleting) {
        return GS_FATE_LEAVING;
    }
    if (pod->refused != NULL) {
        return GS_FATE_REFUSED;
    }
    if (pod->n_wants == 0) {
        return GS_FATE_NO_GPU;
    }
    bool waits = pod->phase == GS_KUBEPOD_PENDING;
    return plan->with_nodes && !waits ? GS_FATE_ADRIFT : GS_FATE_DEMAND;
}

static int add_demand(struct gs_kubeplan *plan, const struct gs_kubepod *pod, struct gs_err *err)
{
    struct gs_alternative only = {.wants = pod->wants, .n_wants = pod->n_wants};
    struct gs_item item = {
        .name = pod->id,
        .count = 1,
        .cpu_milli = pod->cpu_milli,
        .memory_bytes = pod->memory_bytes,
        .alternatives = &only,
        .n_alternatives = 1,
        .constraint = pod->constraint,
    };
    struct gs_kubeplan_summary *summary = &plan->summary;
    int r = gs_demand_add(plan->raw, &item, err);
    for (unsigned i = 0; r == 0 && i < GS_UNOBEYED_COUNT; i++) {
        if ((pod->unobeyed >> i & 1) != 0) {
            r = tally(plan, &summary->unobeyed[i], 1, pod->id, err);
        }
    }
    if (r == 0 && pod->other_resource != NULL && summary->other_resource == NULL) {
        summary->other_resource =
            gs_arena_text(plan->arena, pod->other_resource, strlen(pod->other_resource));
    }
    return r;
}

/* The first pod of some fates is worth a sentence; the others are in the count. */
static void note_first(struct gs_kubeplan *plan, const struct gs_kubepod *pod,
                       enum gs_kubeplan_fate fate)
{
    if (plan->summary.fates[fate].pods > 0) {
        return;
    }
    if (fate == GS_FATE_NODE_UNKNOWN) {
        gs_kubenotes_add(&plan->summary.notes, plan->arena,
                         "pod %s is bound to node %s, which the node list lacks", pod->id,
                         pod->node);
    } else if (fate == GS_FATE_REFUSED) {
        gs_kubenotes_add(&plan->summary.notes, plan->arena,
                         "pod %s asks for \"%.100s\", which is no hardware that can be planned",
                         pod->id, pod->refused);
    } else if (fate == GS_FATE_ADRIFT) {
        gs_kubenotes_add(&plan->summary.notes, plan->arena, "pod %s runs, and has no spec.nodeName",
                         pod->id);
    }
}

static const char **slot_of(const struct ids *ids, const char *id)
{
    size_t slot = (size_t)(gs_hash64_on(GS_HASH64_EMPTY, id) >> 20) & (ids->n_slots - 1);
    while (ids->slots[slot] != NULL && strcmp(ids->slots[slot], id) != 0) {
        slot = (slot + 1) & (ids->n_slots - 1);
    }
    return &ids->slots[slot];
}

static int grow_ids(struct gs_arena *arena, struct ids *ids, struct gs_err *err)
{
    struct ids more = {.n_slots = ids->n_slots == 0 ? 1024 : 2 * ids->n_slots, .n = ids->n};
    more.slots = GS_ARENA_NEW(arena, const char *, more.n_slots);
    if (more.slots == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < ids->n_slots; i++) {
        if (ids->slots[i] != NULL) {
            *slot_of(&more, ids->slots[i]) = ids->slots[i];
        }
    }
    *ids = more;
    return 0;
}

/* A pod that is there twice, as in two lists put together, would be planned for twice. */
static int refuse_second(struct gs_kubeplan *plan, const struct gs_kubepod *pod, struct gs_err *err)
{
    struct ids *ids = &plan->pods;
    if (2 * ids->n >= ids->n_slots) {
        int r = grow_ids(plan->arena, ids, err);
        if (r < 0) {
            return r;
        }
    }
    const char **slot = slot_of(ids, pod->id);
    if (*slot != NULL) {
        return gs_fail(err, GS_INVALID, "pod %s is listed twice; expected once", pod->id);
    }
    *slot = gs_arena_text(plan->arena, pod->id, strlen(pod->id));
    ids->n++;
    return *slot == NULL ? gs_kubejson_no_memory(err) : 0;
}

int gs_kubeplan_add_pod(struct gs_kubeplan *plan, const struct gs_kubepod *pod, struct gs_err *err)
{
    int r = gs_kubeuse_seal(&plan->use, err);
    r = r == 0 ? refuse_second(plan, pod, err) : r;
    if (r != 0) {
        return r;
    }
    struct gs_kubeuse_node *node = gs_kubeuse_find(&plan->use, pod->node);
    enum gs_kubeplan_fate fate = fate_of(plan, pod, node);
    if (fate == GS_FATE_DAEMON) {
        node = pod->node == NULL ? gs_kubeuse_find(&plan->use, daemon_target(pod)) : node;
        r = measure_daemon(plan, pod, err);
    } else if (fate == GS_FATE_DEMAND) {
        r = add_demand(plan, pod, err);
    }
    if (node != NULL && fate != GS_FATE_FINISHED) {
        gs_kubeuse_take(&plan->use, node, pod);
    }
    note_first(plan, pod, fate);
    plan->summary.pods++;
    return r == 0 ? tally(plan, &plan->summary.fates[fate], 1, pod->id, err) : r;
}

/* ---- the end: the demand ---- */

/* Pods whose kind turns out not to be plannable were counted as demand so far. */
static int refuse_kind(struct gs_kubeplan *plan, const struct gs_item *kind,
                       const struct gs_err *why, struct gs_err *err)
{
    struct gs_kubeplan_tally *fates = plan->summary.fates;
    gs_kubenotes_add(&plan->summary.notes, plan->arena,
                     "%" PRIu64 " pods like %s are not planned: %s", kind->count, kind->name,
                     why->msg);
    fates[GS_FATE_DEMAND].pods -= kind->count;
    if (fates[GS_FATE_DEMAND].pods == 0) {
        fates[GS_FATE_DEMAND].first = NULL;
    }
    return tally(plan, &fates[GS_FATE_REFUSED], kind->count, kind->name, err);
}

static int settle_kind(struct gs_kubeplan *plan, const struct gs_item *kind,
                       const struct gs_kubegpu_nodes *nodes, struct gs_demand *demand,
                       struct gs_err *err)
{
    struct gs_item item;
    bool also_slices = false;
    struct gs_err why = {.code = GS_OK};
    int r = gs_kubegpu_settle(kind, nodes, plan->arena, &item, &also_slices, &why);
    if (r == GS_UNSUPPORTED) {
        return refuse_kind(plan, kind, &why, err);
    }
    if (r != 0) {
        return gs_fail(err, why.code, "pod %s: %s", kind->name, why.msg);
    }
    if (also_slices) {
        gs_kubenotes_add(
            &plan->summary.notes, plan->arena,
            "pod %s asks for nvidia.com/gpu, which is a whole GPU on some nodes and a slice on "
            "others; it is planned on whole GPUs",
            kind->name);
    }
    return gs_demand_add(demand, &item, err);
}

static void add_up_daemons(struct gs_kubeplan *plan)
{
    struct gs_kubeplan_summary *summary = &plan->summary;
    for (size_t i = 0; i < plan->n_daemons; i++) {
        summary->daemon_cpu_milli += plan->daemons[i].cpu_milli;
        summary->daemon_memory_bytes += plan->daemons[i].memory_bytes;
    }
    summary->daemon_pods = (uint32_t)plan->n_daemons;
}

int gs_kubeplan_finish(struct gs_kubeplan *plan, struct gs_demand *demand,
                       const struct gs_kubeplan_summary **ret, struct gs_err *err)
{
    struct gs_kubegpu_nodes nodes;
    size_t n_kinds = 0;
    int r = gs_kubeuse_seal(&plan->use, err);
    r = r == 0 ? gs_kubeuse_gpu_nodes(&plan->use, &nodes, err) : r;
    const struct gs_item *kinds = gs_demand_items(plan->raw, &n_kinds);
    for (size_t i = 0; r == 0 && i < n_kinds; i++) {
        r = settle_kind(plan, &kinds[i], &nodes, demand, err);
    }
    r = r == 0
            ? gs_kubeuse_left(&plan->use, &plan->summary.existing, &plan->summary.n_existing, err)
            : r;
    if (r != 0) {
        return r;
    }
    add_up_daemons(plan);
    *ret = &plan->summary;
    return 0;
}
