#include "node/labels_build.h"

#include <stdio.h>
#include <string.h>

/* Adds "<resource>.<suffix>". */
static int put_of(struct gs_labels_builder *b, const char *resource, const char *suffix,
                  const char *value)
{
    char key[256];
    snprintf(key, sizeof(key), "%s.%s", resource, suffix);
    return gs_labels_put(b, key, value);
}

/* A number that is not known is no label. */
static int put_number(struct gs_labels_builder *b, const char *resource, const char *suffix,
                      uint64_t number)
{
    char value[24];
    if (number == UINT64_MAX) {
        return 0;
    }
    snprintf(value, sizeof(value), "%llu", (unsigned long long)number);
    return put_of(b, resource, suffix, value);
}

static uint64_t wide(uint32_t number)
{
    return number == GS_NOT_KNOWN ? UINT64_MAX : number;
}

/* What several labels of one resource are made from. */
struct block {
    const char *resource;                    /* "nvidia.com/gpu": before every key */
    const char *product;                     /* sanitised */
    const struct gs_shared_resource *shared; /* NULL: not shared */
    bool never_shared;                       /* replicas 0: it is not offered by itself */
    unsigned count;
};

static int put_block(struct gs_labels_builder *b, const struct block *block)
{
    char product[GS_LABEL_PRODUCT_MAX];
    const struct gs_shared_resource *shared = block->never_shared ? NULL : block->shared;
    bool marked = shared != NULL && shared->rename[0] == '\0';
    snprintf(product, sizeof(product), "%s%s", block->product, marked ? "-SHARED" : "");
    int r = put_of(b, block->resource, "product", product);
    r = r < 0 ? r : put_number(b, block->resource, "count", block->count);
    r = r < 0 ? r
              : put_number(b, block->resource, "replicas",
                           block->never_shared ? 0
                           : shared == NULL    ? 1
                                               : shared->replicas);
    return r < 0 ? r
                 : put_of(b, block->resource, "sharing-strategy",
                          shared == NULL ? "none" : "time-slicing");
}

static const char *family_of(uint32_t major, uint32_t minor)
{
    switch (major) {
    case 1:
        return "tesla";
    case 2:
        return "fermi";
    case 3:
        return "kepler";
    case 5:
        return "maxwell";
    case 6:
        return "pascal";
    case 7:
        return minor < 5 ? "volta" : "turing";
    case 8:
        return minor < 9 ? "ampere" : "ada-lovelace";
    case 9:
        return "hopper";
    case 10:
    case 12:
        return "blackwell";
    case 13:
        return "rubin";
    default:
        return "undefined";
    }
}

static int put_gpu(struct gs_labels_builder *b, const struct gs_snapshot_gpu *gpu, unsigned count)
{
    char product[GS_LABEL_PRODUCT_MAX];
    const struct gs_gpu *facts = &gpu->facts;
    gs_labels_sanitise(product, sizeof(product), facts->name);
    struct block block = {
        .resource = GS_LABEL_GPU,
        .product = product,
        .shared = gs_agentconfig_shared(b->input->config, GS_LABEL_GPU),
        .never_shared = gs_snapshot_is_cut(gpu),
        .count = count,
    };
    int r = put_block(b, &block);
    if (r == 0 && facts->memory_bytes != 0 && facts->memory_bytes != UINT64_MAX) {
        r = put_number(b, GS_LABEL_GPU, "memory", facts->memory_bytes >> 20);
    }
    if (r == 0 && facts->compute_major != 0 && facts->compute_major != GS_NOT_KNOWN) {
        r = put_of(b, GS_LABEL_GPU, "family",
                   family_of(facts->compute_major, facts->compute_minor));
        r = r < 0 ? r : put_number(b, GS_LABEL_GPU, "compute.major", facts->compute_major);
        r = r < 0 ? r : put_number(b, GS_LABEL_GPU, "compute.minor", wide(facts->compute_minor));
    }
    return r;
}

/* The GPUs of one name: as GFD, of each mode the last one, and those that are not cut have the last
 * word. Of several names the last GPU's stays, where GFD leaves it to chance. */
static int put_gpus(struct gs_labels_builder *b)
{
    const struct gs_snapshot *snapshot = b->input->snapshot;
    int r = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned g = 0; r == 0 && g < snapshot->n_gpus; g++) {
            const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
            unsigned count = 0;
            for (unsigned k = 0; k < snapshot->n_gpus; k++) {
                count += strcmp(snapshot->gpus[k].facts.name, gpu->facts.name) == 0 ? 1 : 0;
            }
            if (gs_snapshot_is_cut(gpu) == (pass == 0)) {
                r = put_gpu(b, gpu, count);
            }
        }
    }
    return r;
}

/* A profile's name as labels have it: "1g.5gb.me". */
static void profile_text(const struct gs_profile_name *profile, char ret[GS_PROFILE_NAME_MAX + 1])
{
    gs_profile_name_format(profile, ret);
    for (char *p = ret; *p != '\0'; p++) {
        *p = *p == '+' ? '.' : *p;
    }
}

static const struct gs_snapshot_gpu *parent_of(const struct gs_snapshot *snapshot, unsigned row)
{
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        if (row - snapshot->gpus[g].first < snapshot->gpus[g].n) {
            return &snapshot->gpus[g];
        }
    }
    return &snapshot->gpus[0];
}

/* One kind of slice, by its first: `resource` is "nvidia.com/gpu" or "nvidia.com/mig-1g.5gb". */
static int put_slices(struct gs_labels_builder *b, const char *resource, unsigned row,
                      unsigned count)
{
    static const char *const engines[GS_ENGINES] = {
        [GS_ENGINE_COPY] = "engines.copy",       [GS_ENGINE_DECODER] = "engines.decoder",
        [GS_ENGINE_ENCODER] = "engines.encoder", [GS_ENGINE_JPEG] = "engines.jpeg",
        [GS_ENGINE_OFA] = "engines.ofa",
    };
    const struct gs_snapshot *snapshot = b->input->snapshot;
    const struct gs_snapshot_slice *slice = &snapshot->slices[row];
    char name[GS_LABEL_PRODUCT_MAX];
    char profile[GS_PROFILE_NAME_MAX + 1];
    char product[GS_LABEL_PRODUCT_MAX + GS_PROFILE_NAME_MAX + 8];
    profile_text(&slice->profile, profile);
    gs_labels_sanitise(name, sizeof(name), parent_of(snapshot, row)->facts.name);
    snprintf(product, sizeof(product), "%s-MIG-%s", name, profile);
    struct block block = {
        .resource = resource,
        .product = product,
        .shared = gs_agentconfig_shared(b->input->config, resource),
        .count = count,
    };
    const struct gs_slice_attributes *attributes = &slice->attributes;
    int r = put_block(b, &block);
    r = r < 0 ? r : put_number(b, resource, "memory", attributes->memory_mib);
    r = r < 0 ? r : put_number(b, resource, "multiprocessors", wide(attributes->sm_count));
    r = r < 0 ? r : put_number(b, resource, "slices.gi", wide(attributes->gpu_slices));
    r = r < 0 ? r : put_number(b, resource, "slices.ci", wide(attributes->compute_slices));
    for (unsigned e = 0; r == 0 && e < GS_ENGINES; e++) {
        r = put_number(b, resource, engines[e], wide(attributes->engines[e]));
    }
    return r;
}

/* How many slices are of the same profile as this one, and whether none before it is. */
static unsigned count_like(const struct gs_snapshot *snapshot, unsigned row, bool *ret_first)
{
    unsigned n = 0;
    *ret_first = true;
    for (unsigned i = 0; i < snapshot->n_slices; i++) {
        bool same =
            gs_profile_name_eq(&snapshot->slices[i].profile, &snapshot->slices[row].profile);
        n += same ? 1 : 0;
        *ret_first = *ret_first && !(same && i < row);
    }
    return n;
}

static int put_mixed(struct gs_labels_builder *b)
{
    const struct gs_snapshot *snapshot = b->input->snapshot;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < snapshot->n_slices; i++) {
        bool first;
        unsigned n = count_like(snapshot, i, &first);
        char profile[GS_PROFILE_NAME_MAX + 1];
        char resource[GS_PROFILE_NAME_MAX + 20];
        profile_text(&snapshot->slices[i].profile, profile);
        snprintf(resource, sizeof(resource), GS_LABEL_DOMAIN "mig-%s", profile);
        r = first ? put_slices(b, resource, i, n) : 0;
    }
    return r;
}

static int put_invalid(struct gs_labels_builder *b, const struct gs_snapshot_gpu *gpu)
{
    char name[GS_LABEL_PRODUCT_MAX];
    char product[GS_LABEL_PRODUCT_MAX + 16];
    gs_labels_sanitise(name, sizeof(name), gpu->facts.name);
    snprintf(product, sizeof(product), "%s-MIG-INVALID", name);
    int r = put_of(b, GS_LABEL_GPU, "product", product);
    r = r < 0 ? r : put_number(b, GS_LABEL_GPU, "count", 0);
    r = r < 0 ? r : put_number(b, GS_LABEL_GPU, "replicas", 0);
    r = r < 0 ? r : put_of(b, GS_LABEL_GPU, "sharing-strategy", "");
    return r < 0 ? r : put_number(b, GS_LABEL_GPU, "memory", 0);
}

static int put_single(struct gs_labels_builder *b)
{
    const struct gs_snapshot *snapshot = b->input->snapshot;
    const struct gs_snapshot_gpu *cut = NULL;
    bool valid = true;
    for (unsigned g = 0; g < snapshot->n_gpus; g++) {
        const struct gs_snapshot_gpu *gpu = &snapshot->gpus[g];
        valid = valid && gs_snapshot_is_cut(gpu) && gpu->n > 0;
        cut = cut == NULL && gs_snapshot_is_cut(gpu) ? gpu : cut;
    }
    if (cut == NULL) {
        return 0;
    }
    bool first;
    valid = valid && count_like(snapshot, 0, &first) == snapshot->n_slices;
    return valid ? put_slices(b, GS_LABEL_GPU, 0, snapshot->n_slices) : put_invalid(b, cut);
}

int gs_labels_put_resources(struct gs_labels_builder *b)
{
    int r = put_gpus(b);
    if (r < 0) {
        return r;
    }
    switch ((enum gs_mig_strategy)b->input->config->mig_strategy) {
    case GS_MIG_STRATEGY_NONE:
        return 0;
    case GS_MIG_STRATEGY_SINGLE:
        r = gs_labels_put(b, GS_LABEL_DOMAIN "mig.strategy", "single");
        return r < 0 ? r : put_single(b);
    case GS_MIG_STRATEGY_MIXED:
        r = gs_labels_put(b, GS_LABEL_DOMAIN "mig.strategy", "mixed");
        return r < 0 ? r : put_mixed(b);
    }
    return 0;
}
