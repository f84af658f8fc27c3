/* kubeletcheckpoint: the kubelet's own record of which container was granted which devices, the
 * file kubelet_internal_checkpoint in its folder device-plugins.
 *
 *     {"Data":{"PodDeviceEntries":[{"PodUID":"...","ContainerName":"main",
 *       "ResourceName":"nvidia.com/mig-1g.5gb","DeviceIDs":{"-1":["MIG-..."]},"AllocResp":"..."}],
 *       "RegisteredDevices":{"nvidia.com/mig-1g.5gb":["MIG-..."]}},"Checksum":2180133433}
 *
 * It has what pod-resources leaves out: plain init containers, and pods whose containers are not
 * running. Older kubelets (1.20 and before) wrote DeviceIDs as a plain list. The checksum is not
 * verified: it is a hash over Go's own print-out of its structs; the kubelet replaces the file by
 * rename, so a half of it is never seen. Sans-I/O. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum {
    GS_KUBELET_CHECKPOINT_BYTES_MAX = 4 << 20, /* a full node has some 100 KiB */
    GS_KUBELET_CHECKPOINT_ENTRIES_MAX = 65536,
    GS_KUBELET_CHECKPOINT_IDS_MAX = 32768, /* of one entry, or of one resource */
    GS_KUBELET_CHECKPOINT_TEXT_MAX = 4096  /* bytes of a text, but for AllocResp */
};

/* One container's devices of one resource. */
struct gs_kubelet_grant {
    const char *pod_uid;
    const char *container;
    const char *resource;
    unsigned n_ids;
    const char *const *ids; /* of all NUMA nodes */
};

struct gs_kubelet_registered {
    const char *resource;
    unsigned n_ids;
    const char *const *ids;
};

struct gs_kubelet_checkpoint {
    unsigned n_grants;
    unsigned n_registered;
    const struct gs_kubelet_grant *grants;
    const struct gs_kubelet_registered *registered;
};

/* Reads the file's bytes; everything lives in the arena. `label` is for errors: the path.
 * GS_INVALID "<label>: <what was found, what was expected>", GS_LIMIT, GS_NO_MEMORY. */
int gs_kubelet_checkpoint_parse(struct gs_arena *arena, const char *label, struct gs_view bytes,
                                struct gs_kubelet_checkpoint *ret, struct gs_err *err);
