/* instancefile: kinds of node with a price of one's own: on-premises, other clouds, discounts.
 *
 *     instances:
 *     - type: rack-a100           # any name, once
 *       gpu: A100-40GB            # a model by any of its names, or a GPU without MIG (L4)
 *       mig: false                # only for a GPU that gpuslice does not know: it is never cut
 *       gpu_memory: 24Gi          # of one GPU; without it the catalogue's figure, if there is one
 *       gpus: 8                   # 0, without gpu: a node without GPUs
 *       vcpu: 96                  # Kubernetes amounts: what the machine has ...
 *       memory: 1152Gi
 *       allocatable_cpu: 94       # ... and, where known, what its pods may use
 *       allocatable_memory: 1100Gi
 *       max_pods: 110
 *       usd_per_hour: 9.75
 *       max_nodes: 4              # without it: as many as wanted
 *       labels: {zone: a}
 *       taints: [{key: nvidia.com/gpu, effect: NoSchedule}]
 *
 * A bare list will do as well. */
#pragma once

#include "wire/doc.h"
#include "wire/nodefacts.h"
#include "wire/want.h"

enum { GS_INSTANCEFILE_ENTRIES_MAX = 2048, GS_INSTANCEFILE_NAME_MAX = 63 };

struct gs_instance_entry {
    const char *type;
    struct gs_gpu_kind gpu; /* name "" when it has no GPUs */
    uint32_t gpus;
    uint32_t gpu_memory_mib; /* of one whole GPU, or GS_NOT_KNOWN */
    uint64_t cpu_milli;      /* of the machine */
    uint64_t memory_bytes;
    bool allocatable_cpu_given;
    bool allocatable_memory_given;
    uint64_t allocatable_cpu_milli; /* for all pods, DaemonSets included */
    uint64_t allocatable_memory_bytes;
    uint32_t max_pods;
    uint32_t max_nodes; /* UINT32_MAX: no limit */
    uint64_t price_uusd;
    const struct gs_node_facts *facts;
};

/* Reads the file into the arena, the entries in its order. `names`: GPUs without MIG that are known
 * beside those that the file itself brings with `mig: false`.
 * GS_INVALID with file and line; GS_LIMIT, GS_NO_MEMORY. */
int gs_instancefile_read(struct gs_arena *arena, const struct gs_doc_input *input,
                         const struct gs_gpu_names *names, const struct gs_instance_entry **ret,
                         size_t *ret_count, struct gs_err *err);

/* `names` and the GPUs of the entries that are never cut, each once, in the arena: what a demand
 * may name. GS_NO_MEMORY. */
int gs_instancefile_gpus(struct gs_arena *arena, const struct gs_gpu_names *names,
                         const struct gs_instance_entry *entries, size_t n_entries,
                         struct gs_gpu_names *ret, struct gs_err *err);
