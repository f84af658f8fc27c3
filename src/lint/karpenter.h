/* karpenter: node pools, node classes and what they were before v1. */
#pragma once

#include "base/buf.h"
#include "lint/report.h"

/* Checks one document of Karpenter, or of what guides take for it; others are not looked at. */
void gs_lint_karpenter(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_doc *doc);

/* What an old object says, in the terms of the new ones. Nodes may be NULL. */
struct gs_lint_old {
    const struct gs_lint_piece *piece;
    struct gs_view name;
    const struct gs_lint_node *spec;
    const struct gs_lint_node *types;    /* a list, or a single type */
    const struct gs_lint_node *provider; /* of which a node class is made */
    const struct gs_lint_node *limits;   /* a map of resources */
};

/* karpenter_write.c: appends a NodePool, or one for each instance type and profile, each with its
 * NodeOverlay. */
void gs_lint_write_pools(const struct gs_lint_work *work, const struct gs_lint_old *old,
                         struct gs_buf *out);

/* karpenter_class.c: appends an EC2NodeClass. */
void gs_lint_write_class(const struct gs_lint_work *work, const struct gs_lint_old *old,
                         struct gs_buf *out);

/* karpenter_overlay.c: how many slices of `profile` the GPUs of an instance type make, each GPU cut
 * into as many as it takes; 0: none, or it is not known. *ret_gpus is their number. */
unsigned gs_lint_slices_of_type(struct gs_view type, const char *profile, unsigned *ret_gpus);

/* Whether the name is of an instance type that has accelerators, and none of NVIDIA's. */
bool gs_lint_is_not_nvidia(struct gs_view type);

/* Appends the NodeOverlay `name` for `pool`. */
void gs_lint_write_overlay(struct gs_buf *out, const char *name, const char *pool,
                           struct gs_view type, const char *profile, unsigned weight);

/* Appends `node` as YAML behind "key:" or "- ", its lines `indent` blanks in. */
void gs_lint_write_value(struct gs_buf *out, const struct gs_lint_piece *piece,
                         const struct gs_lint_node *node, unsigned indent);

/* The shell script that makes a node of Amazon Linux 2023 cut its GPUs: deploy/boot/user-data.sh.
 */
extern const char gs_lint_boot_user_data[];
