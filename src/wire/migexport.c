#include "wire/migexport.h"

#include <stdlib.h>

/* What is known while the entries are made. */
struct merging {
    const struct gs_migexport_gpu *gpus;
    unsigned n;
    uint32_t *makes; /* of the node, each once */
    unsigned n_makes;
};

static bool holds(const uint32_t *list, unsigned n, uint32_t value)
{
    for (unsigned i = 0; i < n; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}

/* Whether GPU g is the first of those that are cut like it. */
static bool is_first(const struct merging *merging, unsigned g)
{
    for (unsigned i = 0; i < g; i++) {
        if (gs_mig_wish_met(&merging->gpus[i].have, &merging->gpus[g].have)) {
            return false;
        }
    }
    return true;
}

/* Filters are written as eight digits: as text they sort as the numbers do. */
static int by_number(const void *a, const void *b)
{
    uint32_t left = ((const struct gs_migconfig_filter *)a)->device;
    uint32_t right = ((const struct gs_migconfig_filter *)b)->device;
    return left < right ? -1 : left > right;
}

static bool has_make(const struct gs_migconfig_filter *filters, unsigned n, uint32_t make)
{
    for (unsigned i = 0; i < n; i++) {
        if (filters[i].device == make) {
            return true;
        }
    }
    return false;
}

/* Whether the entry has every GPU of its makes. */
static bool has_all(const struct merging *merging, const struct gs_migconfig_entry *entry,
                    const struct gs_migconfig_filter *filters, unsigned n_filters)
{
    for (unsigned g = 0; g < merging->n; g++) {
        if (has_make(filters, n_filters, merging->gpus[g].pci_device_id) &&
            !holds(entry->devices, entry->n_devices, g)) {
            return false;
        }
    }
    return true;
}

static bool make_entry(struct gs_arena *arena, const struct merging *merging, unsigned first,
                       struct gs_migwrite_entry *ret)
{
    struct gs_migconfig_filter *filters =
        GS_ARENA_NEW(arena, struct gs_migconfig_filter, merging->n_makes);
    uint32_t *devices = GS_ARENA_NEW(arena, uint32_t, merging->n);
    if (filters == NULL || devices == NULL) {
        return false;
    }
    const struct gs_mig_wish *have = &merging->gpus[first].have;
    struct gs_migconfig_entry *entry = &ret->entry;
    *entry = (struct gs_migconfig_entry){
        .mig_enabled = have->mig_enabled, .n = have->n, .slices = have->slices, .devices = devices};
    unsigned n_filters = 0;
    for (unsigned g = first; g < merging->n; g++) {
        if (!gs_mig_wish_met(&merging->gpus[g].have, have)) {
            continue;
        }
        uint32_t make = merging->gpus[g].pci_device_id;
        devices[entry->n_devices++] = g;
        if (!has_make(filters, n_filters, make)) {
            filters[n_filters++] = (struct gs_migconfig_filter){.device = make};
        }
    }
    qsort(filters, n_filters, sizeof(*filters), by_number);
    entry->all = has_all(merging, entry, filters, n_filters);
    entry->filters = filters;
    entry->n_filters = merging->n_makes > 1 ? n_filters : 0;
    ret->filter_is_text = n_filters == 1;
    return true;
}

static int find_makes(struct merging *merging, struct gs_err *err)
{
    bool unknown = false;
    for (unsigned g = 0; g < merging->n; g++) {
        uint32_t make = merging->gpus[g].pci_device_id;
        unknown = unknown || make == UINT32_MAX;
        if (!holds(merging->makes, merging->n_makes, make)) {
            merging->makes[merging->n_makes++] = make;
        }
    }
    return unknown && merging->n_makes > 1
               ? gs_fail(err, GS_UNKNOWN,
                         "the driver tells of some GPUs which make they are and of others not: no "
                         "device-filter can tell them apart")
               : 0;
}

int gs_migexport(struct gs_arena *arena, const char *name, const struct gs_migexport_gpu *gpus,
                 unsigned n, struct gs_migwrite_choice *ret, struct gs_err *err)
{
    struct merging merging = {.gpus = gpus, .n = n, .makes = GS_ARENA_NEW(arena, uint32_t, n)};
    struct gs_migwrite_entry *entries = GS_ARENA_NEW(arena, struct gs_migwrite_entry, n);
    bool have_memory = merging.makes != NULL && entries != NULL;
    int r = have_memory ? find_makes(&merging, err) : 0;
    if (r < 0) {
        return r;
    }
    unsigned n_entries = 0;
    for (unsigned g = 0; have_memory && g < n; g++) {
        if (is_first(&merging, g)) {
            have_memory = make_entry(arena, &merging, g, &entries[n_entries++]);
        }
    }
    if (!have_memory) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the configuration of %u GPUs", n);
    }
    if (n_entries == 1) {
        entries[0].entry.n_filters = 0;
    }
    *ret = (struct gs_migwrite_choice){.name = name, .n = n_entries, .entries = entries};
    return 0;
}
