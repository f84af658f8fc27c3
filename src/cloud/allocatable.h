/* allocatable: what pods may use of a node on EKS, of what its machine has.
 *
 * Pure; integers. Sources: nodeadm of the EKS AMI (awslabs/amazon-eks-ami,
 * nodeadm/internal/kubelet: kubeReserved), Karpenter's AWS provider
 * (pkg/providers/instancetype/types.go and its setting VM_MEMORY_OVERHEAD_PERCENT). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* What is taken off before pods get anything. */
struct gs_node_overhead {
    uint32_t vm_permille;  /* of the memory that EC2 names, for hypervisor and kernel; rounded up
                              to a MiB. Karpenter's default: 75 (7.5 %) */
    uint32_t eviction_mib; /* the kubelet evicts pods before so little is left; default 100 */
    bool kube_reserved;    /* as the EKS AMI reserves for the kubelet and the container runtime:
                              255 MiB + 11 MiB a pod of max pods; 6 % of the first core, 1 % of
                              the second, 0.5 % of the next two, 0.25 % of the rest */
    /* What DaemonSet pods ask for on every node, and how many there are; default none. */
    uint64_t daemonset_cpu_milli;
    uint64_t daemonset_memory_bytes;
    uint32_t daemonset_pods;
};

/* Karpenter's and the AMI's defaults as above, no DaemonSets. */
extern const struct gs_node_overhead gs_node_overhead_default;

struct gs_allocatable {
    uint64_t cpu_milli;
    uint64_t memory_bytes;
    uint32_t pods;
};

enum { GS_NODE_CORES_MAX = 100000 };

/* What the AMI keeps of so many cores (GS_NODE_CORES_MAX at most), in thousandths. */
uint64_t gs_kube_reserved_cpu_milli(uint32_t cores);

/* What is left of what the machine has: its cores (begun ones count whole for the reserve), memory
 * and max pods. 0 where more is taken than there is. */
struct gs_allocatable gs_allocatable_of(const struct gs_allocatable *capacity,
                                        const struct gs_node_overhead *overhead);

/* GS_INFEASIBLE when nothing is left of one of the three, with `name` and which. */
int gs_allocatable_check(const char *name, const struct gs_allocatable *left, struct gs_err *err);
