#include "cloud/offers.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/catalog.h"

#define MIB (1ull << 20)
enum { LABELS_MAX = 16 };

/* Labels as they are put together; a failed request for memory is kept until the end. */
struct labels {
    struct gs_arena *arena;
    struct gs_label *at;
    size_t n;
    bool failed;
};

static void add_label(struct labels *labels, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add_label(struct labels *labels, const char *key, const char *fmt, ...)
{
    char value[128];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(value, sizeof(value), fmt, ap);
    va_end(ap);
    if (labels->failed || n < 0 || (size_t)n >= sizeof(value) || labels->n == LABELS_MAX) {
        labels->failed = true;
        return;
    }
    struct gs_label label = {.key = key, .value = gs_arena_text(labels->arena, value, (size_t)n)};
    labels->failed = label.value == NULL;
    labels->at[labels->n++] = label;
}

/* EC2 has the first variant of each model: SXM and server boards. */
void gs_instance_product(const struct gs_instance *instance, char ret_text[GS_PRODUCT_MAX + 1])
{
    const struct gs_model *model;
    if (gs_catalog_find(gs_view(instance->gpu_name), &model, NULL) == 0 &&
        model->n_product_names > 0) {
        snprintf(ret_text, GS_PRODUCT_MAX + 1, "%s", model->product_names[0]);
    } else {
        bool tesla = strcmp(instance->gpu_name, "T4") == 0; /* before the brand was dropped */
        snprintf(ret_text, GS_PRODUCT_MAX + 1, "%s-%s", tesla ? "Tesla" : "NVIDIA",
                 instance->gpu_name);
    }
    for (char *p = ret_text; *p != '\0'; p++) {
        *p = *p == ' ' ? '-' : *p;
    }
}

static void add_instance_labels(struct labels *labels, const struct gs_instance *instance,
                                struct gs_view region)
{
    add_label(labels, "node.kubernetes.io/instance-type", "%s", instance->type);
    add_label(labels, "kubernetes.io/arch", "%s", instance->arch);
    add_label(labels, "kubernetes.io/os", "linux");
    add_label(labels, "topology.kubernetes.io/region", "%.*s", GS_VIEW_ARGS(region));
    add_label(labels, "karpenter.sh/capacity-type", "on-demand");
    add_label(labels, "karpenter.k8s.aws/instance-family", "%s", instance->family);
    add_label(labels, "karpenter.k8s.aws/instance-size", "%s", instance->size);
    add_label(labels, "karpenter.k8s.aws/instance-cpu", "%u", instance->vcpu);
    add_label(labels, "karpenter.k8s.aws/instance-memory", "%u", instance->memory_mib);
    add_label(labels, "karpenter.k8s.aws/instance-gpu-count", "%u", instance->gpus);
    add_label(labels, "karpenter.k8s.aws/instance-gpu-manufacturer", "nvidia");
    char product[GS_PRODUCT_MAX + 1];
    gs_instance_product(instance, product);
    add_label(labels, "nvidia.com/gpu.product", "%s", product);
    if (instance->karpenter_gpu_name != NULL) {
        add_label(labels, "karpenter.k8s.aws/instance-gpu-name", "%s",
                  instance->karpenter_gpu_name);
    }
    if (instance->gpu_memory_mib != GS_NOT_KNOWN) {
        add_label(labels, "karpenter.k8s.aws/instance-gpu-memory", "%u", instance->gpu_memory_mib);
    }
}

static int instance_facts(struct gs_arena *arena, const struct gs_instance *instance,
                          struct gs_view region, const struct gs_node_facts **ret,
                          struct gs_err *err)
{
    struct gs_node_facts *facts = GS_ARENA_NEW(arena, struct gs_node_facts, 1);
    struct labels labels = {.arena = arena, .at = GS_ARENA_NEW(arena, struct gs_label, LABELS_MAX)};
    if (facts != NULL && labels.at != NULL) {
        add_instance_labels(&labels, instance, region);
    }
    if (facts == NULL || labels.at == NULL || labels.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of %s", instance->type);
    }
    *facts = (struct gs_node_facts){.labels = labels.at, .n_labels = labels.n};
    *ret = facts;
    return 0;
}

int gs_offer_of_instance(struct gs_arena *arena, const struct gs_instance *instance,
                         struct gs_view region, const struct gs_node_overhead *overhead,
                         struct gs_offer *ret, struct gs_err *err)
{
    uint64_t price_uusd;
    int r = gs_instance_price(instance, region, &price_uusd, err);
    if (r < 0) {
        return r;
    }
    if (instance->max_pods == GS_NOT_KNOWN) {
        return gs_fail(err, GS_UNKNOWN, "how many pods a %s takes is not known; none is guessed",
                       instance->type);
    }
    const struct gs_allocatable capacity = {
        .cpu_milli = (uint64_t)instance->vcpu * 1000,
        .memory_bytes = instance->memory_mib * MIB,
        .pods = instance->max_pods,
    };
    const struct gs_allocatable left = gs_allocatable_of(&capacity, overhead);
    const struct gs_node_facts *facts = NULL;
    r = gs_allocatable_check(instance->type, &left, err);
    if (r < 0 || (r = instance_facts(arena, instance, region, &facts, err)) < 0) {
        return r;
    }
    const struct gs_gpu_kind gpu = gs_instance_gpu(instance);
    *ret = (struct gs_offer){
        .name = instance->type,
        .gpu_name = gpu.name,
        .model = gpu.model,
        .gpus = instance->gpus,
        .gpu_memory_mib = instance->gpu_memory_mib,
        .cpu_milli = left.cpu_milli,
        .memory_bytes = left.memory_bytes,
        .pods = left.pods,
        .price_uusd = price_uusd,
        .max_nodes = UINT32_MAX,
        .facts = facts,
    };
    return 0;
}

static uint64_t beside(uint64_t amount, uint64_t taken)
{
    return amount > taken ? amount - taken : 0;
}

int gs_offer_of_entry(const struct gs_instance_entry *entry,
                      const struct gs_node_overhead *overhead, struct gs_offer *ret,
                      struct gs_err *err)
{
    struct gs_node_overhead own = *overhead;
    own.vm_permille = 0;
    const struct gs_allocatable capacity = {
        .cpu_milli = entry->cpu_milli,
        .memory_bytes = entry->memory_bytes,
        .pods = entry->max_pods,
    };
    struct gs_allocatable left = gs_allocatable_of(&capacity, &own);
    if (entry->allocatable_cpu_given) {
        left.cpu_milli = beside(entry->allocatable_cpu_milli, own.daemonset_cpu_milli);
    }
    if (entry->allocatable_memory_given) {
        left.memory_bytes = beside(entry->allocatable_memory_bytes, own.daemonset_memory_bytes);
    }
    int r = gs_allocatable_check(entry->type, &left, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct gs_offer){
        .name = entry->type,
        .gpu_name = entry->gpu.name,
        .model = entry->gpu.model,
        .gpus = entry->gpus,
        .gpu_memory_mib = entry->gpu_memory_mib,
        .cpu_milli = left.cpu_milli,
        .memory_bytes = left.memory_bytes,
        .pods = left.pods,
        .price_uusd = entry->price_uusd,
        .max_nodes = entry->max_nodes,
        .facts = entry->facts,
    };
    return 0;
}

static int find_type(void *ctx, struct gs_view type, struct gs_existing_type *ret,
                     struct gs_err *err)
{
    (void)ctx;
    const struct gs_instance *instance;
    int r = gs_instance_find(type, &instance, err);
    if (r == 0) {
        *ret = (struct gs_existing_type){
            .gpu = gs_instance_gpu(instance),
            .gpus = instance->gpus,
            .gpu_memory_mib = instance->gpu_memory_mib,
        };
    }
    return r;
}

const struct gs_existing_types gs_instance_existing_types = {.find = find_type};
