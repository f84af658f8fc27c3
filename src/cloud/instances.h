/* instances: the EC2 instance types that have NVIDIA GPUs, and what they cost.
 *
 * The table is made at build time from data/ec2-instances.json. A price that is not in it is not
 * known: none is ever estimated. Pure, constant, thread-safe. */
#pragma once

#include "core/model.h"
#include "wire/want.h"

/* On demand, Linux, shared tenancy. */
struct gs_instance_price {
    const char *region;  /* "us-east-1" */
    uint64_t price_uusd; /* millionths of a dollar an hour */
};

struct gs_instance {
    const char *type;               /* "p4d.24xlarge" */
    const char *family;             /* "p4d" */
    const char *size;               /* "24xlarge" */
    const char *arch;               /* "amd64", as Kubernetes says it */
    const char *gpu_name;           /* model id, or the name of a GPU without MIG ("L4") */
    const char *karpenter_gpu_name; /* label karpenter.k8s.aws/instance-gpu-name; NULL: not known */
    const struct gs_instance_price *prices; /* by region */
    uint32_t n_prices;
    uint32_t gpus;
    uint32_t gpu_memory_mib; /* of one GPU as EC2 reports it, or GS_NOT_KNOWN */
    uint32_t vcpu;
    uint32_t memory_mib;
    uint32_t max_pods; /* with the VPC CNI's default, or GS_NOT_KNOWN: then not planned */
};

/* All types, in the order of the JSON file. */
const struct gs_instance *gs_instances(size_t *ret_count);

/* Finds a type by its name; upper and lower case alike. GS_NOT_FOUND: near names in the text. */
int gs_instance_find(struct gs_view type, const struct gs_instance **ret, struct gs_err *err);

/* Model NULL: its GPUs have no MIG or their placements are not known, so they are never cut. */
struct gs_gpu_kind gs_instance_gpu(const struct gs_instance *instance);

/* What one costs an hour. GS_NOT_FOUND: no type has a price in such a region (regions listed).
 * GS_UNKNOWN: the price of this type there is not known. */
int gs_instance_price(const struct gs_instance *instance, struct gs_view region, uint64_t *ret_uusd,
                      struct gs_err *err);

/* What a node costs an hour, by its labels; "" or NULL: it has none. Only what is bought on demand
 * has a price that we know: not what is paid for spot, reserved or block capacity. `only`: the
 * region whose prices count, whatever the node says; "": its own. False: not known. */
struct gs_instance_labels {
    const char *type;     /* node.kubernetes.io/instance-type */
    const char *region;   /* topology.kubernetes.io/region */
    const char *capacity; /* karpenter.sh/capacity-type; none: on demand */
};
bool gs_instance_price_of(const struct gs_instance_labels *labels, const char *only,
                          uint64_t *ret_uusd);

/* The regions in which some type has a price, in the order of the alphabet. */
const char *const *gs_instance_regions(size_t *ret_count);

/* The GPUs without MIG that some type has, for the parsers of want.h. */
struct gs_gpu_names gs_instance_plain_gpus(void);
