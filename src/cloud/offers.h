/* offers: instance types as the planner's offers, with price, what pods may use, and the labels
 * that a node of the type would carry. */
#pragma once

#include "cloud/allocatable.h"
#include "cloud/instances.h"
#include "core/offer.h"
#include "wire/existingfile.h"
#include "wire/instancefile.h"

/* An EC2 type in a region, on demand, as many as wanted. Labels: those that Kubernetes and
 * Karpenter set and that follow from the type; others (zone, node pool, ...) are not known, so that
 * labels_complete is false. Lives in the arena.
 * GS_NOT_FOUND: no such region. GS_UNKNOWN: no price there, or max pods are not known.
 * GS_INFEASIBLE: the overhead takes all. GS_NO_MEMORY. */
int gs_offer_of_instance(struct gs_arena *arena, const struct gs_instance *instance,
                         struct gs_view region, const struct gs_node_overhead *overhead,
                         struct gs_offer *ret, struct gs_err *err);

enum { GS_PRODUCT_MAX = 127 };

/* The label nvidia.com/gpu.product that GPU feature discovery gives a node of the type: NVML's
 * product name with dashes for blanks ("NVIDIA-A100-SXM4-40GB", "NVIDIA-L4"). Where MIG strategy
 * single is used it has an ending that new nodes of a plan do not have. */
void gs_instance_product(const struct gs_instance *instance, char ret_text[GS_PRODUCT_MAX + 1]);

/* A type of a price file. What the file says is allocatable is what pods may use, DaemonSets
 * taken off; what it does not say follows from the overhead but for vm_permille, which is about
 * EC2's way to count. Borrows from the entry. GS_INFEASIBLE: the overhead takes all. */
int gs_offer_of_entry(const struct gs_instance_entry *entry,
                      const struct gs_node_overhead *overhead, struct gs_offer *ret,
                      struct gs_err *err);

/* The EC2 types as the instance types of an existing file. */
extern const struct gs_existing_types gs_instance_existing_types;
