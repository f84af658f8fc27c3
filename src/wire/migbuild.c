#include "wire/migbuild.h"

#include <stdlib.h>

#include "base/cleanup.h"

/* The configurations so far. Failures of memory stick. */
struct building {
    struct gs_arena *arena;
    const struct gs_migbuild_gpu **makes; /* one GPU of each make, by its number */
    unsigned n_makes;
    struct gs_migwrite_choice *choices;
    unsigned n_choices;
    bool failed;
};

static void *get(struct building *building, size_t count, size_t size)
{
    void *memory = building->failed ? NULL : gs_arena_get(building->arena, count, size);
    building->failed = memory == NULL;
    return memory;
}

/* A new configuration with room for `n` entries; NULL: no memory. */
static struct gs_migwrite_entry *add_choice(struct building *building, const char *name, unsigned n)
{
    struct gs_migwrite_entry *entries = get(building, n, sizeof(*entries));
    if (entries != NULL) {
        building->choices[building->n_choices++] =
            (struct gs_migwrite_choice){.name = name, .n = n, .entries = entries};
    }
    return entries;
}

static void add_bases(struct building *building)
{
    struct gs_migwrite_entry *disabled = add_choice(building, "all-disabled", 1);
    struct gs_migwrite_entry *enabled = add_choice(building, "all-enabled", 1);
    if (disabled != NULL && enabled != NULL) {
        disabled[0] = (struct gs_migwrite_entry){.entry = {.all = true}, .devices_are_null = true};
        enabled[0] = (struct gs_migwrite_entry){.entry = {.all = true, .mig_enabled = true}};
    }
}

/* An entry of `n_slices` kinds for the makes with a true `of`. */
static void fill_entry(struct building *building, const bool *of, const struct gs_mig_count *slices,
                       unsigned n_slices, struct gs_migwrite_entry *ret)
{
    struct gs_mig_count *kept = get(building, n_slices, sizeof(*kept));
    struct gs_migconfig_filter *filters = get(building, building->n_makes, sizeof(*filters));
    if (filters == NULL) {
        return;
    }
    unsigned n_filters = 0;
    for (unsigned m = 0; m < building->n_makes; m++) {
        if (of[m]) {
            filters[n_filters++].device = building->makes[m]->pci_device_id;
        }
    }
    for (unsigned i = 0; i < n_slices; i++) {
        kept[i] = slices[i];
    }
    ret->entry = (struct gs_migconfig_entry){
        .all = true,
        .mig_enabled = true,
        .n = n_slices,
        .slices = kept,
        .filters = filters,
        .n_filters = building->n_makes > 1 ? n_filters : 0,
    };
}

/* ---- all-balanced ---- */

/* Of each number of compute slices so many; 0 ends. */
static const struct balance {
    unsigned compute_slices; /* of the GPU */
    unsigned counts[4];      /* by compute slices of a kind, 1g at [1] */
} balances[] = {{7, {0, 2, 1, 1}}, {4, {0, 2, 1, 0}}};

/* The kind of so many compute slices of which a GPU takes the most, and thus the one with the
 * least memory; NULL: none without attributes. */
static const struct gs_migbuild_profile *plainest(const struct gs_migbuild_gpu *gpu,
                                                  unsigned slices)
{
    const struct gs_migbuild_profile *best = NULL;
    for (unsigned i = 0; i < gpu->n; i++) {
        const struct gs_migbuild_profile *profile = &gpu->profiles[i];
        if (profile->name.sign == 0 && profile->name.gpu_slices == slices &&
            (best == NULL || profile->count > best->count)) {
            best = profile;
        }
    }
    return best;
}

static const struct balance *balance_of(const struct gs_migbuild_gpu *gpu)
{
    unsigned largest = 0;
    for (unsigned i = 0; i < gpu->n; i++) {
        const struct gs_profile_name *name = &gpu->profiles[i].name;
        largest = name->sign == 0 && name->gpu_slices > largest ? name->gpu_slices : largest;
    }
    for (unsigned i = 0; i < GS_ARRAY_LEN(balances); i++) {
        if (balances[i].compute_slices == largest) {
            return &balances[i];
        }
    }
    return NULL;
}

/* The slices of a balanced GPU; 0: it has none of a kind that is needed. */
static unsigned balanced_slices(const struct gs_migbuild_gpu *gpu, struct gs_mig_count ret[4])
{
    const struct balance *balance = balance_of(gpu);
    unsigned n = 0;
    for (unsigned slices = 1; balance != NULL && slices < 4; slices++) {
        const struct gs_migbuild_profile *profile = plainest(gpu, slices);
        if (balance->counts[slices] > 0 && profile == NULL) {
            return 0;
        }
        if (balance->counts[slices] > 0) {
            ret[n++] =
                (struct gs_mig_count){.name = profile->name, .count = balance->counts[slices]};
        }
    }
    return n;
}

static void add_balanced(struct building *building)
{
    struct gs_mig_count slices[4];
    unsigned n = 0;
    for (unsigned m = 0; m < building->n_makes; m++) {
        n += balanced_slices(building->makes[m], slices) > 0 ? 1 : 0;
    }
    struct gs_migwrite_entry *entries = n == 0 ? NULL : add_choice(building, "all-balanced", n);
    for (unsigned m = 0, e = 0; entries != NULL && m < building->n_makes; m++) {
        unsigned n_slices = balanced_slices(building->makes[m], slices);
        bool of[GS_MIGBUILD_GPUS_MAX] = {false};
        of[m] = true;
        if (n_slices > 0) {
            fill_entry(building, of, slices, n_slices, &entries[e++]);
        }
    }
}

/* ---- all-<profile> ---- */

/* How many of this kind a GPU takes; 0: it has none of it. Of two of the same name the last counts,
 * as for mig-parted. */
static uint32_t count_of(const struct gs_migbuild_gpu *gpu, const struct gs_profile_name *name)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < gpu->n; i++) {
        count = gs_profile_name_eq(&gpu->profiles[i].name, name) ? gpu->profiles[i].count : count;
    }
    return count;
}

static const char *choice_name(struct building *building, const struct gs_profile_name *name)
{
    char text[GS_PROFILE_NAME_MAX + 1];
    char *all = get(building, GS_MIGBUILD_NAME_MAX + 1, 1);
    if (all != NULL) {
        gs_profile_name_format(name, text);
        memcpy(all, "all-", 4);
        for (size_t i = 0; i <= strlen(text); i++) {
            all[4 + i] = text[i] == '+' ? '.' : text[i];
        }
    }
    return all;
}

/* Makes that take as many of a kind share an entry; fewer come first. */
static void add_profile(struct building *building, const struct gs_profile_name *name)
{
    uint32_t counts[GS_MIGBUILD_GPUS_MAX];
    unsigned n_entries = 0;
    for (unsigned m = 0; m < building->n_makes; m++) {
        counts[m] = count_of(building->makes[m], name);
        bool is_new = counts[m] > 0;
        for (unsigned before = 0; before < m; before++) {
            is_new = is_new && counts[before] != counts[m];
        }
        n_entries += is_new ? 1 : 0;
    }
    const char *all = choice_name(building, name);
    struct gs_migwrite_entry *entries = all == NULL ? NULL : add_choice(building, all, n_entries);
    uint32_t done = 0; /* counts up to this have their entry */
    for (unsigned e = 0; entries != NULL && e < n_entries; e++) {
        uint32_t least = UINT32_MAX;
        bool of[GS_MIGBUILD_GPUS_MAX] = {false};
        for (unsigned m = 0; m < building->n_makes; m++) {
            least = counts[m] > done && counts[m] < least ? counts[m] : least;
        }
        for (unsigned m = 0; m < building->n_makes; m++) {
            of[m] = counts[m] == least;
        }
        const struct gs_mig_count slices = {.name = *name, .count = least};
        fill_entry(building, of, &slices, 1, &entries[e]);
        done = least;
    }
}

/* Whether profile `p` of make `m` is the first of its name. */
static bool is_first(const struct building *building, unsigned m, unsigned p)
{
    const struct gs_profile_name *name = &building->makes[m]->profiles[p].name;
    for (unsigned before = 0; before < m; before++) {
        if (count_of(building->makes[before], name) > 0) {
            return false;
        }
    }
    for (unsigned before = 0; before < p; before++) {
        if (gs_profile_name_eq(&building->makes[m]->profiles[before].name, name)) {
            return false;
        }
    }
    return true;
}

static void add_profiles(struct building *building)
{
    for (unsigned m = 0; m < building->n_makes; m++) {
        for (unsigned p = 0; p < building->makes[m]->n; p++) {
            if (is_first(building, m, p)) {
                add_profile(building, &building->makes[m]->profiles[p].name);
            }
        }
    }
}

/* ---- the whole ---- */

static int by_number(const void *a, const void *b)
{
    uint32_t left = (*(const struct gs_migbuild_gpu *const *)a)->pci_device_id;
    uint32_t right = (*(const struct gs_migbuild_gpu *const *)b)->pci_device_id;
    return left < right ? -1 : left > right;
}

/* One GPU of each make; the last of several, as for mig-parted. */
static int find_makes(struct building *building, const struct gs_migbuild_gpu *gpus, unsigned n,
                      struct gs_err *err)
{
    for (unsigned g = 0; g < n; g++) {
        unsigned m = 0;
        while (m < building->n_makes &&
               building->makes[m]->pci_device_id != gpus[g].pci_device_id) {
            m++;
        }
        if (gpus[g].n > 0) {
            building->makes[m] = &gpus[g];
            building->n_makes += m == building->n_makes ? 1 : 0;
        }
    }
    if (building->n_makes > 1) {
        qsort(building->makes, building->n_makes, sizeof(*building->makes), by_number);
    }
    unsigned last = building->n_makes;
    return last > 1 && building->makes[last - 1]->pci_device_id == UINT32_MAX
               ? gs_fail(err, GS_UNKNOWN,
                         "the driver tells of some GPUs which make they are and of others not: no "
                         "device-filter can tell them apart")
               : 0;
}

static int check_bounds(const struct gs_migbuild_gpu *gpus, unsigned n, struct gs_err *err)
{
    for (unsigned g = 0; g < n; g++) {
        if (gpus[g].n > GS_MIGBUILD_PROFILES_MAX) {
            return gs_fail(err, GS_LIMIT, "GPU %u offers %u profiles; expected %d at most", g,
                           gpus[g].n, GS_MIGBUILD_PROFILES_MAX);
        }
    }
    return n > GS_MIGBUILD_GPUS_MAX ? gs_fail(err, GS_LIMIT, "found %u GPUs; expected %d at most",
                                              n, GS_MIGBUILD_GPUS_MAX)
                                    : 0;
}

int gs_migbuild(struct gs_arena *arena, const struct gs_migbuild_gpu *gpus, unsigned n,
                const struct gs_migwrite_choice **ret, unsigned *ret_n, struct gs_err *err)
{
    struct building building = {.arena = arena};
    int r = check_bounds(gpus, n, err);
    if (r < 0) {
        return r;
    }
    building.makes = get(&building, n, sizeof(*building.makes));
    building.choices =
        get(&building, 3 + (size_t)n * GS_MIGBUILD_PROFILES_MAX, sizeof(*building.choices));
    if (!building.failed) {
        r = find_makes(&building, gpus, n, err);
    }
    if (r == 0 && !building.failed) {
        add_bases(&building);
        add_balanced(&building);
        add_profiles(&building);
    }
    if (r == 0 && building.failed) {
        r = gs_fail(err, GS_NO_MEMORY, "no memory for the configurations of %u GPUs", n);
    }
    if (r == 0) {
        *ret = building.choices;
        *ret_n = building.n_choices;
    }
    return r;
}
