/* demandfile: a demand as a file, YAML or JSON, a million items as easily as ten.
 *
 *     items:
 *     - name: chat            # for people; without it "<label>:<line>"
 *       count: 12             # 1 without
 *       cpu: 500m             # Kubernetes amounts
 *       host_memory: 4Gi
 *       gpu_memory: 18Gi      # each slice or GPU has at least this much
 *       profile: 1g.5gb       # or slices: {1g.5gb: 2, 3g.20gb: 1}
 *       gpu: L4               # or gpu: 2 (any whole GPUs), or gpus: {L4: 1}; 0: needs none
 *       any:                  # instead of the four above: one of these will do
 *       - A100-40GB/1g.5gb
 *       - 1g.24gb x2
 *       - {gpus: {L4: 1}}
 *
 * A bare list of items will do as well. Resources are written as in want.h. What an item asks for
 * together is on one node. An item with gpu_memory and none of profile, slices, gpu, gpus, any
 * takes any one slice with so much memory. Items are streamed. */
#pragma once

#include "wire/doc.h"
#include "wire/want.h"

enum { GS_DEMANDFILE_NAME_MAX = 253 }; /* bytes of an item's name, as of a Kubernetes object */

/* Adds the items to the demand. `alloc` gives the memory of one item at a time and of the parser's
 * tables; it is given back. On failure the demand holds the items before the wrong one.
 * GS_INVALID: "<label>:<line>: ...". GS_LIMIT: a bound of doc.h or demand.h. GS_NO_MEMORY. */
int gs_demandfile_read(const struct gs_alloc *alloc, const struct gs_doc_input *input,
                       const struct gs_gpu_names *names, struct gs_demand *demand,
                       struct gs_err *err);
