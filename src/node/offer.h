/* offer: which resources the kubelet is told of, with which devices.
 *
 * Made from a snapshot and the configuration; knows nothing of health or grants, which are put
 * beside it when a list is made. Names byte for byte as NVIDIA's plugin (nvidia-node-stack 2.2).
 * Nothing that the GPUs may be cut into makes it fail: what cannot be served is a condition, and
 * the rest is served. docs/internals/node.md has the rules. */
#pragma once

#include "node/condition.h"
#include "node/snapshot.h"
#include "wire/agentconfig.h"
#include "wire/deviceplugin.h"

enum {
    GS_OFFER_RESOURCES_MAX = 128,
    GS_OFFER_DEVICES_MAX = GS_DP_DEVICES_MAX, /* of one resource, replicas counted */
    /* All that can be offered at once may go at once: 16 GPUs of 7 slices of 1024 replicas. */
    GS_OFFER_GONE_MAX = 4 * GS_OFFER_DEVICES_MAX,
    GS_DEVICE_ID_MAX = GS_GPU_UUID_MAX + 16
};

/* A slice, or a whole GPU, as one resource offers it. Its replicas stand beside each other. */
struct gs_offer_device {
    struct gs_slice_id slice; /* gi and ci GS_NOT_KNOWN: the whole GPU */
    unsigned gpu;             /* index into snapshot->gpus */
    unsigned row;             /* index into snapshot->slices; GS_NOT_KNOWN: the whole GPU */
    const char *uuid;         /* what the runtime is told */
    const char *index;        /* "0" or "0:3": what it is told by device-id-strategy index */
    int32_t numa_node;        /* negative: none */
    bool unusable;            /* its GPU is lost, or nobody knows its device nodes: unhealthy */
};

struct gs_offer_resource {
    const char *name;                      /* "nvidia.com/mig-1g.5gb.shared" */
    const char *socket;                    /* "nvidia-mig-1g.5gb.shared.sock" */
    bool shared;                           /* ids are "<UUID>::<n>" */
    unsigned replicas;                     /* of each device; 1 where it is not shared */
    bool one_only;                         /* failRequestsGreaterThanOne */
    unsigned n;                            /* devices; replicas not counted */
    const struct gs_offer_device *devices; /* by GPU, start, CI id */
    const unsigned *by_uuid;               /* indices of devices, in the order of their UUIDs */
};

struct gs_offer {
    const struct gs_snapshot *snapshot; /* borrowed */
    unsigned n_resources;
    const struct gs_offer_resource *resources; /* by name */
    struct gs_conditions conditions;
};

/* The snapshot must outlive the result. GS_NO_MEMORY. GS_LIMIT: too many kinds of slices. */
int gs_offer_new(struct gs_arena *arena, const struct gs_snapshot *snapshot,
                 const struct gs_agentconfig *config, struct gs_offer *ret, struct gs_err *err);

/* NULL: it is not offered. */
const struct gs_offer_resource *gs_offer_find(const struct gs_offer *offer, const char *name);

/* The device of a kubelet id ("MIG-...", "GPU-...::3"); NULL: none. *ret_replica is GS_NOT_KNOWN
 * for a device that is not shared. O(log devices). */
const struct gs_offer_device *gs_offer_device_find(const struct gs_offer_resource *resource,
                                                   const char *id, unsigned *ret_replica);

/* The device of a slice within a resource; NULL: none. */
const struct gs_offer_device *gs_offer_device_of(const struct gs_offer_resource *resource,
                                                 const struct gs_slice_id *slice);

/* The id for the kubelet: the UUID, with "::<n>" where the resource is shared. */
void gs_offer_device_id(const struct gs_offer_resource *resource,
                        const struct gs_offer_device *device, unsigned replica,
                        char ret_id[GS_DEVICE_ID_MAX]);

/* What is known of slices beside the snapshot, when a list is made. A mark of a whole GPU holds for
 * its slices, and one of a slice for its GPU where that is offered whole. */
struct gs_offer_mark {
    struct gs_slice_id slice;
    bool sick;
    bool retiring; /* is about to be destroyed: told as unhealthy */
};

/* A device that left the snapshot and must stay in its list, unhealthy, as long as it is granted.
 */
struct gs_offer_gone {
    const char *resource;
    const char *id; /* the kubelet's, with "::<n>" */
    int32_t numa_node;
};

/* The UUID in a kubelet's id: all before "::". */
struct gs_view gs_offer_id_uuid(const char *id);

/* Whether some mark holds for the device: it is not to be given to anybody. */
bool gs_offer_marked(const struct gs_offer_device *device, const struct gs_offer_mark *marks,
                     unsigned n_marks, const struct gs_offer_mark **ret_mark);

/* The list for ListAndWatch: replicas spelled out, by device then replica; then those of `gone`
 * that are of `name` and that no device has, each once. `resource` is NULL where nothing of that
 * name is offered any more. A list has GS_OFFER_DEVICES_MAX at most: those that are gone and for
 * which there is no room are left out. The texts live in the arena or in `gone`. GS_NO_MEMORY,
 * GS_LIMIT: more than GS_OFFER_GONE_MAX are gone. */
int gs_offer_list(struct gs_arena *arena, const char *name,
                  const struct gs_offer_resource *resource, const struct gs_offer_mark *marks,
                  unsigned n_marks, const struct gs_offer_gone *gone, unsigned n_gone,
                  struct gs_dp_list *ret, struct gs_err *err);

/* Whether two lists say the same: nothing needs to be sent then. */
bool gs_offer_list_eq(const struct gs_dp_list *a, const struct gs_dp_list *b);

/* "1g.5gb+me" to "nvidia.com/mig-1g.5gb.me". GS_LIMIT: longer than GS_RESOURCE_NAME_MAX. */
int gs_offer_mig_name(const struct gs_profile_name *profile,
                      char ret_name[GS_RESOURCE_NAME_MAX + 1], struct gs_err *err);
