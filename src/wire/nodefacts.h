/* nodefacts: labels and taints of a node as people write them in a document.
 *
 *     labels: {zone: a, example.com/pool: gpu}
 *     taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}] */
#pragma once

#include "core/constraint.h"
#include "wire/doc.h"

enum {
    GS_NODEFACTS_LABELS_MAX = 512,
    GS_NODEFACTS_TAINTS_MAX = 64,
    GS_NODEFACTS_KEY_MAX = 317, /* bytes of a key: a domain (253), a slash and a name (63) */
    GS_NODEFACTS_VALUE_MAX = 63
};

/* Reads the keys labels and taints of `map`, where they are there, into the arena. `name` (or
 * NULL) becomes the facts' name, `type` (or NULL) the label node.kubernetes.io/instance-type unless
 * the labels have it. labels_complete is false: a file names what matters, not all that a node
 * carries. GS_INVALID with file and line; GS_NO_MEMORY. */
int gs_nodefacts_read(struct gs_arena *arena, const struct gs_doc_node *map, const char *name,
                      const char *type, const struct gs_node_facts **ret, struct gs_err *err);
