#include "wire/demandfile.h"

#include <stdio.h>

#include "base/cleanup.h"
#include "core/catalog.h"
#include "wire/amount.h"

enum { SCRATCH_MAX = 256 * 1024 * 1024 };

/* Every slice that can be planned and whose memory is known, once a name. */
struct slice_memory {
    struct gs_want want; /* one of it */
    uint32_t most_mib;   /* of the models that have it */
};

struct reading {
    struct gs_arena scratch;
    const struct gs_gpu_names *names;
    struct gs_demand *demand;
    struct slice_memory *slices;
    size_t n_slices;
};

static const char *const item_keys[] = {"name",    "count",  "cpu", "host_memory", "gpu_memory",
                                        "profile", "slices", "gpu", "gpus",        "any"};
static const char *const alternative_keys[] = {"profile", "slices", "gpu", "gpus"};

static void note_slice(struct reading *reading, const struct gs_profile *profile)
{
    for (size_t i = 0; i < reading->n_slices; i++) {
        struct slice_memory *known = &reading->slices[i];
        if (gs_profile_name_eq(&known->want.profile, &profile->parts)) {
            if (profile->memory_mib > known->most_mib) {
                known->most_mib = profile->memory_mib;
            }
            return;
        }
    }
    reading->slices[reading->n_slices++] = (struct slice_memory){
        .want = {.profile = profile->parts, .count = 1}, .most_mib = profile->memory_mib};
}

/* The slices in the order of the catalogue. */
static bool note_slices(struct reading *reading)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    reading->slices = GS_ARENA_NEW(&reading->scratch, struct slice_memory, n * GS_PROFILES_MAX);
    if (reading->slices == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        for (unsigned p = 0; models[i].placements_known && p < models[i].n_profiles; p++) {
            if (models[i].profiles[p].memory_mib != GS_NOT_KNOWN) {
                note_slice(reading, &models[i].profiles[p]);
            }
        }
    }
    return true;
}

/* One alternative as it is put together. */
struct wants {
    struct gs_want at[GS_WANTS_MAX];
    size_t n;
};

static bool same_resource(const struct gs_want *a, const struct gs_want *b)
{
    /* GPU names come from one list, so that the pointers tell. */
    return a->whole_gpu == b->whole_gpu && a->model == b->model && a->gpu_name == b->gpu_name &&
           (a->whole_gpu || gs_profile_name_eq(&a->profile, &b->profile));
}

static int add_want(struct wants *wants, const struct gs_want *want, const struct gs_doc_node *node,
                    struct gs_err *err)
{
    if (wants->n == GS_WANTS_MAX) {
        return gs_doc_fail(node, err, "found more than %d different resources; expected less",
                           GS_WANTS_MAX);
    }
    for (size_t i = 0; i < wants->n; i++) {
        if (same_resource(&wants->at[i], want)) {
            return gs_doc_fail(node, err,
                               "found a resource that is named twice; expected it once, "
                               "with its count");
        }
    }
    wants->at[wants->n++] = *want;
    return 0;
}

/* "1g.5gb", or with a count where `counted`: "1g.5gb x2", "L4=2". */
static int add_text(struct reading *reading, const struct gs_doc_node *node, struct gs_view text,
                    bool counted, struct wants *wants, struct gs_err *err)
{
    struct gs_want want;
    uint64_t count = 1;
    int r = counted ? gs_want_cut_count(&text, GS_WANT_COUNT_MAX, &count, err) : 0;
    if (r == 0) {
        r = gs_want_parse(text, reading->names, &want, err);
    }
    if (r < 0) {
        return gs_doc_wrap(node, r, err);
    }
    want.count = (uint32_t)count;
    return add_want(wants, &want, node, err);
}

static int expect_whole(const struct gs_doc_node *node, const struct wants *wants, bool whole,
                        struct gs_err *err)
{
    if (wants->n > 0 && wants->at[wants->n - 1].whole_gpu != whole) {
        return gs_doc_fail(node, err, "found %s; expected %s", whole ? "a slice" : "a whole GPU",
                           whole ? "a whole GPU here (a slice goes under slices)"
                                 : "a slice here (a whole GPU goes under gpu or gpus)");
    }
    return 0;
}

/* profile: one resource; gpu: one, or a number of whole GPUs of any kind. */
static int add_single(struct reading *reading, const struct gs_doc_node *node, bool whole,
                      struct wants *wants, struct gs_err *err)
{
    struct gs_view text;
    uint64_t count;
    int r = gs_doc_text(node, GS_DEMANDFILE_NAME_MAX, &text, err);
    if (r < 0) {
        return r;
    }
    bool number = whole && !node->quoted && text.p[0] >= '0' && text.p[0] <= '9';
    if (!number) {
        r = add_text(reading, node, text, false, wants, err);
        return r < 0 ? r : expect_whole(node, wants, whole, err);
    }
    r = gs_doc_u64(node, 0, GS_WANT_COUNT_MAX, &count, err);
    if (r < 0 || count == 0) {
        return r;
    }
    struct gs_want any = {.whole_gpu = true, .count = (uint32_t)count};
    return add_want(wants, &any, node, err);
}

/* slices: {1g.5gb: 2}, gpus: {L4: 1}. */
static int add_counted(struct reading *reading, const struct gs_doc_node *map, bool whole,
                       struct wants *wants, struct gs_err *err)
{
    int r = gs_doc_expect(map, GS_DOC_MAP, err);
    if (r == 0 && map->n == 0) {
        r = gs_doc_fail(map, err, "found an empty map; expected a resource and its count");
    }
    for (const struct gs_doc_node *node = map->first; r == 0 && node != NULL; node = node->next) {
        uint64_t count;
        r = gs_doc_u64(node, 1, GS_WANT_COUNT_MAX, &count, err);
        if (r == 0) {
            r = add_text(reading, node, node->key, false, wants, err);
        }
        if (r == 0) {
            wants->at[wants->n - 1].count = (uint32_t)count;
            r = expect_whole(node, wants, whole, err);
        }
    }
    return r;
}

/* profile, slices, gpu and gpus of one map, which share one node. *ret_given: any was there. */
static int read_wants(struct reading *reading, const struct gs_doc_node *map, struct wants *wants,
                      bool *ret_given, struct gs_err *err)
{
    static const struct {
        const char *single, *counted;
        bool whole;
    } ways[] = {{"profile", "slices", false}, {"gpu", "gpus", true}};
    wants->n = 0;
    *ret_given = false;
    for (size_t i = 0; i < GS_ARRAY_LEN(ways); i++) {
        const struct gs_doc_node *single = gs_doc_find(map, ways[i].single);
        const struct gs_doc_node *counted = gs_doc_find(map, ways[i].counted);
        int r = 0;
        if (single != NULL && counted != NULL) {
            r = gs_doc_fail(counted, err, "found both %s and %s; expected one of them",
                            ways[i].single, ways[i].counted);
        } else if (single != NULL) {
            r = add_single(reading, single, ways[i].whole, wants, err);
        } else if (counted != NULL) {
            r = add_counted(reading, counted, ways[i].whole, wants, err);
        }
        if (r < 0) {
            return r;
        }
        *ret_given |= single != NULL || counted != NULL;
    }
    return 0;
}

/* The alternatives of one item, in scratch memory. */
struct alternatives {
    struct gs_alternative *at;
    size_t n;
};

static int too_many(const struct gs_doc_node *node, struct gs_err *err)
{
    return gs_doc_fail(node, err, "found more than %d alternatives; expected less",
                       GS_ALTERNATIVES_MAX);
}

static int keep_alternative(struct reading *reading, const struct gs_doc_node *node,
                            const struct wants *wants, struct alternatives *to, struct gs_err *err)
{
    if (to->n == GS_ALTERNATIVES_MAX) {
        return too_many(node, err);
    }
    struct gs_want *kept = GS_ARENA_NEW(&reading->scratch, struct gs_want, wants->n);
    if (kept == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory for an item", node->label, node->line);
    }
    memcpy(kept, wants->at, wants->n * sizeof(kept[0]));
    to->at[to->n++] = (struct gs_alternative){.wants = kept, .n_wants = wants->n};
    return 0;
}

static int read_alternative(struct reading *reading, const struct gs_doc_node *node,
                            struct alternatives *to, struct gs_err *err)
{
    struct wants wants = {.n = 0};
    struct gs_view text;
    bool given = true;
    int r;
    if (node->kind == GS_DOC_MAP) {
        r = gs_doc_expect_keys(node, alternative_keys, GS_ARRAY_LEN(alternative_keys), err);
        if (r == 0) {
            r = read_wants(reading, node, &wants, &given, err);
        }
    } else {
        r = gs_doc_text(node, GS_DEMANDFILE_NAME_MAX, &text, err);
        if (r == 0) {
            r = add_text(reading, node, text, true, &wants, err);
        }
    }
    if (r == 0 && wants.n == 0) {
        r = gs_doc_fail(node, err,
                        "found an alternative that asks for nothing; expected a slice "
                        "or a GPU");
    }
    return r < 0 ? r : keep_alternative(reading, node, &wants, to, err);
}

static int read_any(struct reading *reading, const struct gs_doc_node *any, struct alternatives *to,
                    struct gs_err *err)
{
    int r = gs_doc_expect(any, GS_DOC_LIST, err);
    if (r == 0 && any->n == 0) {
        r = gs_doc_fail(any, err, "any: found an empty list; expected an alternative or more");
    }
    for (const struct gs_doc_node *node = any->first; r == 0 && node != NULL; node = node->next) {
        r = read_alternative(reading, node, to, err);
    }
    return r;
}

/* Any one slice with at least so much memory. That the item asks for the memory too holds the
 * planner to the models on which a slice of this name has it. */
static int expand_memory(struct reading *reading, const struct gs_doc_node *node, uint32_t need_mib,
                         struct alternatives *to, struct gs_err *err)
{
    uint32_t most_mib = 0;
    for (size_t i = 0; i < reading->n_slices; i++) {
        const struct slice_memory *slice = &reading->slices[i];
        most_mib = slice->most_mib > most_mib ? slice->most_mib : most_mib;
        if (slice->most_mib < need_mib) {
            continue;
        }
        if (to->n == GS_ALTERNATIVES_MAX) {
            return too_many(node, err);
        }
        to->at[to->n++] = (struct gs_alternative){.wants = &slice->want, .n_wants = 1};
    }
    if (to->n == 0) {
        return gs_doc_fail(node, err,
                           "gpu_memory: found %u MiB; expected %u MiB at most, what the largest "
                           "slice has",
                           need_mib, most_mib);
    }
    return 0;
}

static int read_resources(struct reading *reading, const struct gs_doc_node *node,
                          uint32_t need_mib, struct alternatives *to, struct gs_err *err)
{
    struct wants wants;
    bool given;
    const struct gs_doc_node *any = gs_doc_find(node, "any");
    int r = read_wants(reading, node, &wants, &given, err);
    if (r < 0) {
        return r;
    }
    if (any != NULL) {
        return given ? gs_doc_fail(any, err,
                                   "found any beside profile, slices, gpu or gpus; "
                                   "expected any alone")
                     : read_any(reading, any, to, err);
    }
    if (given) {
        return keep_alternative(reading, node, &wants, to, err);
    }
    if (need_mib > 0) {
        return expand_memory(reading, node, need_mib, to, err);
    }
    return gs_doc_fail(node, err,
                       "found an item that names no slice and no GPU; expected one of "
                       "profile, slices, gpu, gpus, any, gpu_memory (gpu: 0 for an "
                       "item without)");
}

static int read_amounts(const struct gs_doc_node *node, struct gs_item *item, struct gs_err *err)
{
    bool given;
    int r = gs_amount_read(node, "cpu", GS_QUANTITY_MILLI, GS_CPU_MILLI_MAX, &item->cpu_milli,
                           &given, err);
    if (r == 0) {
        r = gs_amount_read(node, "host_memory", GS_QUANTITY_UNIT, GS_MEMORY_BYTES_MAX,
                           &item->memory_bytes, &given, err);
    }
    return r < 0 ? r
                 : gs_amount_read_mib(node, "gpu_memory", GS_MEMORY_BYTES_MAX,
                                      &item->gpu_memory_mib, &given, err);
}

/* The item's name, or where it stands. */
static int read_name(const struct gs_doc_node *node, char *ret_text, size_t size,
                     struct gs_err *err)
{
    const struct gs_doc_node *name = gs_doc_find(node, "name");
    struct gs_view text;
    if (name == NULL) {
        snprintf(ret_text, size, "%.200s:%u", node->label, node->line);
        return 0;
    }
    int r = gs_doc_text(name, GS_DEMANDFILE_NAME_MAX, &text, err);
    if (r == 0) {
        snprintf(ret_text, size, "%.*s", (int)text.n, text.p);
    }
    return r;
}

static int read_item(void *ctx, const struct gs_doc_node *node, struct gs_err *err)
{
    struct reading *reading = ctx;
    struct gs_alternative kept[GS_ALTERNATIVES_MAX];
    struct alternatives alternatives = {.at = kept};
    char name[GS_DEMANDFILE_NAME_MAX + 1];
    struct gs_item item = {.name = name, .count = 1, .alternatives = kept};
    int r = gs_doc_expect_keys(node, item_keys, GS_ARRAY_LEN(item_keys), err);
    const struct gs_doc_node *count = r < 0 ? NULL : gs_doc_find(node, "count");
    if (count != NULL) {
        r = gs_doc_u64(count, 1, GS_ITEMS_MAX, &item.count, err);
    }
    if (r < 0 || (r = read_name(node, name, sizeof(name), err)) < 0 ||
        (r = read_amounts(node, &item, err)) < 0 ||
        (r = read_resources(reading, node, item.gpu_memory_mib, &alternatives, err)) < 0) {
        return r;
    }
    item.n_alternatives = alternatives.n;
    r = gs_demand_add(reading->demand, &item, err);
    return r < 0 ? gs_wrap(err, r, "%s:%u", node->label, node->line) : 0;
}

static void reading_done(struct reading *reading)
{
    gs_arena_done(&reading->scratch);
}

int gs_demandfile_read(const struct gs_alloc *alloc, const struct gs_doc_input *input,
                       const struct gs_gpu_names *names, struct gs_demand *demand,
                       struct gs_err *err)
{
    GS_CLEANUP(reading_done) struct reading reading = {.names = names, .demand = demand};
    gs_arena_init(&reading.scratch, alloc, SCRATCH_MAX);
    if (!note_slices(&reading)) {
        return gs_fail(err, GS_NO_MEMORY, "%s: no memory for the table of slices", input->label);
    }
    uint64_t before = gs_demand_total(demand);
    int r = gs_doc_stream(&reading.scratch, input, "items", read_item, &reading, err);
    if (r == 0 && gs_demand_total(demand) == before) {
        return gs_fail(err, GS_INVALID, "%s:1: found no item; expected %s", input->label,
                       input->what);
    }
    return r;
}
