/* existingfile: nodes that are there, with what their GPUs are cut into and what is in use.
 *
 *     nodes:
 *     - name: node-1
 *       model: A100-40GB          # or instance_type: p4d.24xlarge
 *       cpu: 40                   # what is still free for pods, Kubernetes amounts
 *       memory: 300Gi
 *       pods: 90
 *       gpu_memory: 22888Mi       # of one whole GPU, where it matters and the type does not say
 *       gpus:                     # each GPU: its layout as in layout.h (! is in use), or whole
 *       - {layout: "3g.20gb@4!,1g.5gb@0", uuid: GPU-1}
 *       - {whole: free}           # or used
 *       labels: {zone: a}
 *       taints: []
 *     - name: node-2              # layout not known: what it advertises and nobody uses
 *       model: A100-40GB
 *       cpu: 10
 *       memory: 40Gi
 *       pods: 20
 *       free_slices: {1g.5gb: 3}
 *       free_gpus: 1
 *
 * A bare list will do as well. */
#pragma once

#include "core/offer.h"
#include "wire/doc.h"
#include "wire/want.h"

enum { GS_EXISTINGFILE_NODES_MAX = 2048, GS_EXISTINGFILE_NAME_MAX = 253 };

/* What is known of an instance type. */
struct gs_existing_type {
    struct gs_gpu_kind gpu; /* name "" when it has no GPUs */
    unsigned gpus;
    uint32_t gpu_memory_mib;
};

/* How the caller looks one up, so that this module need not know any cloud. `find` gives 0 or a
 * negative code with the text. */
struct gs_existing_types {
    int (*find)(void *ctx, struct gs_view type, struct gs_existing_type *ret, struct gs_err *err);
    void *ctx;
};

/* Reads the nodes into the arena. `names`: GPUs without MIG that `model` may name.
 * A GPU without uuid goes by its number, "0" the first. A node's name and a uuid come once in the
 * file. GS_INVALID with file and line, where a name comes again with both;
 * GS_LIMIT, GS_NO_MEMORY. */
int gs_existingfile_read(struct gs_arena *arena, const struct gs_doc_input *input,
                         const struct gs_gpu_names *names, const struct gs_existing_types *types,
                         const struct gs_existing_node **ret, size_t *ret_count,
                         struct gs_err *err);
