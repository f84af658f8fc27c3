#include "cloud/allocatable.h"

#include <assert.h>
#include <stddef.h>

#define MIB (1ull << 20)

const struct gs_node_overhead gs_node_overhead_default = {
    .vm_permille = 75,
    .eviction_mib = 100,
    .kube_reserved = true,
};

uint64_t gs_kube_reserved_cpu_milli(uint32_t cores)
{
    static const struct {
        uint32_t below; /* cores */
        uint32_t per_10000;
    } steps[] = {{1, 600}, {2, 100}, {4, 50}, {GS_NODE_CORES_MAX, 25}};
    uint64_t reserved = 0;
    uint32_t from = 0;
    assert(cores <= GS_NODE_CORES_MAX);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && from < cores; i++) {
        uint32_t to = cores < steps[i].below ? cores : steps[i].below;
        /* The AMI cuts each step to whole thousandths. */
        reserved += (uint64_t)(to - from) * 1000 * steps[i].per_10000 / 10000;
        from = to;
    }
    return reserved;
}

static uint64_t left_of(uint64_t amount, uint64_t taken)
{
    return amount > taken ? amount - taken : 0;
}

static uint64_t memory_taken(const struct gs_allocatable *capacity,
                             const struct gs_node_overhead *overhead)
{
    uint64_t vm = (capacity->memory_bytes / 1000 * overhead->vm_permille +
                   capacity->memory_bytes % 1000 * overhead->vm_permille / 1000 + MIB - 1) /
                  MIB * MIB;
    uint64_t reserved = overhead->kube_reserved ? (255 + 11 * (uint64_t)capacity->pods) * MIB : 0;
    return vm + reserved + overhead->eviction_mib * MIB + overhead->daemonset_memory_bytes;
}

struct gs_allocatable gs_allocatable_of(const struct gs_allocatable *capacity,
                                        const struct gs_node_overhead *overhead)
{
    uint32_t cores = (uint32_t)((capacity->cpu_milli + 999) / 1000);
    uint64_t cpu_taken = overhead->daemonset_cpu_milli +
                         (overhead->kube_reserved ? gs_kube_reserved_cpu_milli(cores) : 0);
    return (struct gs_allocatable){
        .cpu_milli = left_of(capacity->cpu_milli, cpu_taken),
        .memory_bytes = left_of(capacity->memory_bytes, memory_taken(capacity, overhead)),
        .pods = (uint32_t)left_of(capacity->pods, overhead->daemonset_pods),
    };
}

int gs_allocatable_check(const char *name, const struct gs_allocatable *left, struct gs_err *err)
{
    if (left->cpu_milli > 0 && left->memory_bytes > 0 && left->pods > 0) {
        return 0;
    }
    const char *gone = left->cpu_milli == 0 ? "CPU" : left->memory_bytes == 0 ? "memory" : "pod";
    return gs_fail(err, GS_INFEASIBLE,
                   "%s has no %s left beside what the system and DaemonSets take", name, gone);
}
