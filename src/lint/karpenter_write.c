#include <ctype.h>

#include "base/cleanup.h"
#include "cloud/instances.h"
#include "lint/karpenter.h"

enum { POOLS_MAX = 8, NAME_MAX_BYTES = 253 };

/* One node pool to be written. */
struct pool {
    char name[NAME_MAX_BYTES + 1];
    struct gs_view type; /* empty: all that the old one had, without an overlay */
    const char *profile;
    unsigned gpus; /* of a node */
};

struct writer {
    const struct gs_lint_work *work;
    const struct gs_lint_old *old;
    struct gs_buf *out;
    struct pool pools[POOLS_MAX];
    unsigned n;
};

static const struct gs_lint_node *first_type(const struct gs_lint_old *old)
{
    const struct gs_lint_node *types = old->types;
    return types != NULL && types->kind == GS_LINT_LIST ? types->first : types;
}

static void put_part(char *name, struct gs_view part)
{
    size_t n = strlen(name);
    if (n > 0 && n + 1 < NAME_MAX_BYTES) {
        name[n++] = '-';
    }
    for (size_t i = 0; i < part.n && n < NAME_MAX_BYTES; i++) {
        unsigned char c = (unsigned char)part.p[i];
        name[n++] = isalnum(c) ? (char)tolower(c) : '-';
    }
    name[n] = '\0';
}

static void add_pool(struct writer *writer, struct gs_view type, const char *profile, unsigned gpus)
{
    if (writer->n < POOLS_MAX) {
        writer->pools[writer->n++] = (struct pool){.type = type, .profile = profile, .gpus = gpus};
    }
}

/* Types named by the old object, or by the old node class where it names none. */
static void choose_types(struct writer *writer)
{
    const struct gs_lint_facts *facts = writer->work->facts;
    const struct gs_lint_node *type = first_type(writer->old);
    unsigned gpus;
    for (size_t p = 0; p < facts->slices.n; p++) {
        for (const struct gs_lint_node *one = type; one != NULL; one = one->next) {
            if (gs_lint_slices_of_type(one->text, facts->slices.items[p], &gpus) > 0) {
                add_pool(writer, one->text, facts->slices.items[p], gpus);
            }
            if (writer->old->types->kind != GS_LINT_LIST) {
                break;
            }
        }
        for (size_t i = 0; i < facts->types.n && type == NULL; i++) {
            struct gs_view name = gs_view(facts->types.items[i]);
            if (gs_lint_slices_of_type(name, facts->slices.items[p], &gpus) > 0) {
                add_pool(writer, name, facts->slices.items[p], gpus);
            }
        }
    }
    if (writer->n == 0) {
        add_pool(writer, gs_view(""), NULL, 0);
    }
}

static void name_pools(struct writer *writer)
{
    for (unsigned i = 0; i < writer->n; i++) {
        struct pool *pool = &writer->pools[i];
        put_part(pool->name, writer->old->name.n > 0 ? writer->old->name : gs_view("gpu"));
        if (writer->n > 1) {
            put_part(pool->name, pool->type);
            put_part(pool->name, gs_view(pool->profile));
        }
    }
}

/* Limits in whole GPUs mean nothing on nodes that have none left: they become nodes. */
static void put_limits(const struct writer *writer, const struct pool *pool)
{
    const struct gs_lint_node *limits = writer->old->limits;
    if (limits == NULL || limits->kind != GS_LINT_MAP || limits->n == 0) {
        return;
    }
    gs_buf_puts(writer->out, "  limits:");
    for (const struct gs_lint_node *one = limits->first; one != NULL; one = one->next) {
        uint64_t gpus;
        if (pool->profile != NULL && pool->gpus > 0 && gs_view_eq(one->key, "nvidia.com/gpu") &&
            gs_view_is_u64(one->text, UINT32_MAX, &gpus)) {
            uint64_t nodes = gpus / pool->gpus / writer->n;
            gs_buf_printf(writer->out, "\n    nodes: \"%llu\"  # %llu GPUs in nodes of %u%s",
                          (unsigned long long)(nodes == 0 ? 1 : nodes), (unsigned long long)gpus,
                          pool->gpus, writer->n > 1 ? ", shared by these pools" : "");
        } else {
            gs_buf_puts(writer->out, "\n    ");
            gs_buf_put(writer->out, writer->old->piece->text.p + one->key_start,
                       one->key_end - one->key_start);
            gs_buf_puts(writer->out, ":");
            gs_lint_write_value(writer->out, writer->old->piece, one, 6);
        }
    }
    gs_buf_puts(writer->out, "\n");
}

static void put_disruption(const struct writer *writer, const struct pool *pool)
{
    struct gs_view after = gs_lint_text(writer->old->spec, "ttlSecondsAfterEmpty");
    struct gs_view consolidates =
        gs_lint_text(gs_lint_get(writer->old->spec, "consolidation"), "enabled");
    uint64_t seconds;
    bool under = pool->profile == NULL && gs_view_eq(consolidates, "true");
    gs_buf_printf(writer->out, "  disruption:\n    consolidationPolicy: %s\n",
                  under ? "WhenEmptyOrUnderutilized" : "WhenEmpty");
    if (gs_view_is_u64(after, 10000000, &seconds)) {
        gs_buf_printf(writer->out, "    consolidateAfter: %llus\n", (unsigned long long)seconds);
    } else {
        gs_buf_puts(writer->out, "    consolidateAfter: 10m\n");
    }
}

static void put_labels(const struct writer *writer, const struct pool *pool)
{
    const struct gs_lint_node *labels = gs_lint_get(writer->old->spec, "labels");
    const struct gs_lint_node *one =
        labels != NULL && labels->kind == GS_LINT_MAP ? labels->first : NULL;
    const struct gs_lint_names *more = &writer->work->facts->labels;
    if (pool->profile == NULL && one == NULL && more->n == 0) {
        return;
    }
    gs_buf_puts(writer->out, "    metadata:\n      labels:");
    bool any = false;
    for (; one != NULL; one = one->next) {
        if (gs_view_eq(one->key, "nvidia.com/mig.profile")) {
            continue;
        }
        gs_buf_printf(writer->out, "\n        %.*s:", GS_VIEW_ARGS(one->key));
        gs_lint_write_value(writer->out, writer->old->piece, one, 10);
        any = true;
    }
    for (size_t i = 0; i < more->n; i++) {
        struct gs_view value = gs_view(more->items[i]);
        struct gs_view key = gs_view_split(&value, '=');
        if (value.p != NULL && key.n > 0 && gs_lint_get(labels, more->items[i]) == NULL) {
            gs_buf_printf(writer->out, "\n        %.*s: \"%.*s\"", GS_VIEW_ARGS(key),
                          GS_VIEW_ARGS(value));
            any = true;
        }
    }
    if (pool->profile != NULL) {
        gs_buf_printf(writer->out,
                      "\n        nvidia.com/mig.config: all-%s  # how the boot step cuts",
                      pool->profile);
    } else if (!any) {
        gs_buf_puts(writer->out, " {}");
    }
    gs_buf_puts(writer->out, "\n");
}

static bool is_of_types(struct gs_view key)
{
    return gs_view_eq(key, "node.kubernetes.io/instance-type");
}

static void put_requirements(const struct writer *writer, const struct pool *pool)
{
    const struct gs_lint_node *list = gs_lint_get(writer->old->spec, "requirements");
    const struct gs_lint_node *one =
        list != NULL && list->kind == GS_LINT_LIST ? list->first : NULL;
    bool any = false;
    gs_buf_puts(writer->out, "      requirements:");
    if (pool->type.n > 0) {
        gs_buf_printf(writer->out,
                      "\n        - key: node.kubernetes.io/instance-type\n"
                      "          operator: In\n"
                      "          values: [\"%.*s\"]",
                      GS_VIEW_ARGS(pool->type));
        any = true;
    }
    for (; one != NULL; one = one->next) {
        struct gs_view key = gs_lint_text(one, "key");
        if (gs_view_eq(key, "nvidia.com/mig.profile") || (is_of_types(key) && pool->type.n > 0)) {
            continue;
        }
        gs_buf_puts(writer->out, "\n        -");
        gs_lint_write_value(writer->out, writer->old->piece, one, 10);
        any = true;
    }
    gs_buf_puts(writer->out, any ? "\n" : " []\n");
}

static void put_taints(const struct writer *writer, const struct pool *pool)
{
    const struct gs_lint_node *taints = gs_lint_get(writer->old->spec, "taints");
    const struct gs_lint_node *startup = gs_lint_get(writer->old->spec, "startupTaints");
    if (taints != NULL && taints->n > 0) {
        gs_buf_puts(writer->out, "      taints:");
        gs_lint_write_value(writer->out, writer->old->piece, taints, 8);
        gs_buf_puts(writer->out, "\n");
    }
    if (pool->profile == NULL && startup == NULL) {
        return;
    }
    gs_buf_puts(writer->out, "      startupTaints:");
    if (startup != NULL && startup->n > 0) {
        gs_lint_write_value(writer->out, writer->old->piece, startup, 8);
    }
    if (pool->profile != NULL) {
        gs_buf_puts(writer->out,
                    "\n        # gpuslice-agent takes it off once all slices are offered\n"
                    "        - key: gpuslice.dev/startup\n"
                    "          value: \"true\"\n"
                    "          effect: NoSchedule");
    }
    gs_buf_puts(writer->out, "\n");
}

static void put_class_ref(const struct writer *writer)
{
    struct gs_view name = gs_lint_text(gs_lint_get(writer->old->spec, "providerRef"), "name");
    if (name.n == 0 && writer->old->provider != NULL) {
        name = writer->old->name;
    }
    if (name.n == 0 && writer->work->facts->node_class != NULL) {
        name = gs_view(writer->work->facts->node_class);
    }
    name = name.n == 0 ? gs_view("default") : name;
    gs_buf_printf(writer->out,
                  "    spec:\n"
                  "      nodeClassRef:\n"
                  "        group: karpenter.k8s.aws\n"
                  "        kind: EC2NodeClass\n"
                  "        name: %.*s\n",
                  GS_VIEW_ARGS(name));
}

static void put_pool(const struct writer *writer, const struct pool *pool)
{
    uint64_t n;
    gs_buf_printf(writer->out,
                  "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata:\n  name: %s\nspec:\n",
                  pool->name);
    if (gs_view_is_u64(gs_lint_text(writer->old->spec, "weight"), 100, &n) && n > 0) {
        gs_buf_printf(writer->out, "  weight: %llu\n", (unsigned long long)n);
    }
    put_limits(writer, pool);
    put_disruption(writer, pool);
    gs_buf_puts(writer->out, "  template:\n");
    put_labels(writer, pool);
    put_class_ref(writer);
    put_requirements(writer, pool);
    put_taints(writer, pool);
    if (gs_view_is_u64(gs_lint_text(writer->old->spec, "ttlSecondsUntilExpired"), 1000000000, &n)) {
        gs_buf_printf(writer->out, "      expireAfter: %llus\n", (unsigned long long)n);
    }
}

void gs_lint_write_pools(const struct gs_lint_work *work, const struct gs_lint_old *old,
                         struct gs_buf *out)
{
    struct writer writer = {.work = work, .old = old, .out = out};
    choose_types(&writer);
    name_pools(&writer);
    for (unsigned i = 0; i < writer.n; i++) {
        const struct pool *pool = &writer.pools[i];
        gs_buf_puts(out, i == 0 ? "" : "---\n");
        put_pool(&writer, pool);
        if (pool->profile != NULL) {
            gs_buf_puts(out, "---\n");
            gs_lint_write_overlay(out, pool->name, pool->name, pool->type, pool->profile, 100 + i);
        }
    }
}
