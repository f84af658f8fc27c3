/* migconfig_wish: what a configuration asks of the GPUs of a machine. */
#include <assert.h>
#include <stdio.h>

#include "wire/migconfig.h"

/* ---- what it asks of each GPU ---- */

static bool lists(const struct gs_migconfig_entry *entry, uint32_t index)
{
    for (unsigned i = 0; i < entry->n_devices; i++) {
        if (entry->devices[i] == index) {
            return true;
        }
    }
    return false;
}

static bool make_fits(const struct gs_migconfig_entry *entry, const struct gs_migconfig_target *gpu)
{
    bool fits = entry->n_filters == 0;
    for (unsigned i = 0; i < entry->n_filters && !fits; i++) {
        fits = gs_migconfig_filter_fits(&entry->filters[i], gpu);
    }
    return fits;
}

static bool fits(const struct gs_migconfig_entry *entry, const struct gs_migconfig_target *gpu)
{
    return make_fits(entry, gpu) && (entry->all ? gpu->capable : lists(entry, gpu->index));
}

void gs_migconfig_resolve(const struct gs_migconfig_choice *choice,
                          const struct gs_migconfig_target *gpus, unsigned n,
                          struct gs_mig_wish *ret)
{
    for (unsigned g = 0; g < n; g++) {
        const struct gs_migconfig_entry *found = NULL;
        for (unsigned i = 0; i < choice->n; i++) {
            found = fits(&choice->entries[i], &gpus[g]) ? &choice->entries[i] : found;
        }
        ret[g] = (struct gs_mig_wish){.named = found != NULL};
        if (found != NULL) {
            ret[g].mig_enabled = found->mig_enabled;
            ret[g].n = found->n;
            for (unsigned i = 0; i < found->n; i++) {
                ret[g].slices[i] = found->slices[i];
            }
        }
    }
}

/* ---- what is odd about it on a machine ---- */

enum { DOUBT_MAX = 300 };

static bool is_there(const struct gs_migconfig_target *gpus, unsigned n, uint32_t index)
{
    for (unsigned g = 0; g < n; g++) {
        if (gpus[g].index == index) {
            return true;
        }
    }
    return false;
}

/* True: said something. */
static bool doubt_numbers(const struct gs_migconfig_choice *choice, unsigned i,
                          const struct gs_migconfig_target *gpus, unsigned n,
                          void (*say)(void *ctx, const char *line), void *ctx)
{
    const struct gs_migconfig_entry *entry = &choice->entries[i];
    bool of_this_machine = entry->n_filters == 0;
    for (unsigned g = 0; g < n && !of_this_machine; g++) {
        of_this_machine = make_fits(entry, &gpus[g]);
    }
    for (unsigned k = 0; k < entry->n_devices && of_this_machine; k++) {
        if (is_there(gpus, n, entry->devices[k])) {
            continue;
        }
        char text[DOUBT_MAX];
        snprintf(text, sizeof(text),
                 n == 0 ? "entry %u of %.100s (line %u) names GPU %u; this machine has no GPU"
                        : "entry %u of %.100s (line %u) names GPU %u; this machine has 0 to %u",
                 i + 1, choice->name, entry->line, entry->devices[k], n - 1);
        say(ctx, text);
        return true;
    }
    return false;
}

static void doubt_all(const struct gs_migconfig_choice *choice,
                      const struct gs_migconfig_target *gpus, unsigned n,
                      void (*say)(void *ctx, const char *line), void *ctx)
{
    unsigned n_capable = 0;
    unsigned n_make = 0; /* entries that fit a make of GPU that is here */
    for (unsigned g = 0; g < n; g++) {
        n_capable += gpus[g].capable ? 1 : 0;
        for (unsigned i = 0; i < choice->n; i++) {
            n_make += make_fits(&choice->entries[i], &gpus[g]) ? 1 : 0;
        }
    }
    const struct gs_migconfig_entry *only = &choice->entries[0];
    char text[DOUBT_MAX];
    if (n_make == 0 && choice->n == 1 && only->n_filters == 1) {
        snprintf(text, sizeof(text), "no GPU matches the device-filter 0x%08X of %.100s (line %u)",
                 only->filters[0].device, choice->name, only->line);
    } else if (n_make == 0) {
        snprintf(text, sizeof(text), "no GPU matches a device-filter of %.100s", choice->name);
    } else if (n_capable == 0) {
        snprintf(text, sizeof(text), "none of the %u GPUs of this machine can be cut", n);
    } else {
        snprintf(text, sizeof(text), "%.100s selects none of the %u GPUs of this machine",
                 choice->name, n);
    }
    say(ctx, text);
}

void gs_migconfig_doubts(const struct gs_migconfig_choice *choice,
                         const struct gs_migconfig_target *gpus, unsigned n,
                         void (*say)(void *ctx, const char *line), void *ctx)
{
    bool said = false;
    bool any = false;
    for (unsigned i = 0; i < choice->n; i++) {
        said = doubt_numbers(choice, i, gpus, n, say, ctx) || said;
        for (unsigned g = 0; g < n && !any; g++) {
            any = fits(&choice->entries[i], &gpus[g]);
        }
    }
    if (!any && !said && choice->n > 0) {
        doubt_all(choice, gpus, n, say, ctx);
    }
}

static uint32_t count_of(const struct gs_mig_wish *wish, const struct gs_profile_name *name)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < wish->n; i++) {
        count += gs_profile_name_eq(&wish->slices[i].name, name) ? wish->slices[i].count : 0;
    }
    return count;
}

bool gs_mig_wish_met(const struct gs_mig_wish *wish, const struct gs_mig_wish *have)
{
    if (wish->mig_enabled != have->mig_enabled) {
        return false;
    }
    const struct gs_mig_wish *both[] = {wish, have};
    for (unsigned side = 0; wish->mig_enabled && side < 2; side++) {
        for (unsigned i = 0; i < both[side]->n; i++) {
            const struct gs_profile_name *name = &both[side]->slices[i].name;
            if (count_of(wish, name) != count_of(have, name)) {
                return false;
            }
        }
    }
    return true;
}

void gs_mig_wish_format(const struct gs_mig_wish *wish, char *ret_text, size_t size)
{
    assert(size >= sizeof("MIG off, ..."));
    snprintf(ret_text, size, "%s", !wish->mig_enabled ? "MIG off" : wish->n == 0 ? "nothing" : "");
    size_t used = 0;
    for (unsigned i = 0; wish->mig_enabled && i < wish->n; i++) {
        char name[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&wish->slices[i].name, name);
        int wrote = snprintf(ret_text + used, size - used, "%s%ux %s", i == 0 ? "" : ", ",
                             wish->slices[i].count, name);
        if (wrote < 0 || (size_t)wrote + used + sizeof(", ...") > size) {
            snprintf(ret_text + used, size - used, "%s...", i == 0 ? "" : ", ");
            return;
        }
        used += (size_t)wrote;
    }
}

bool gs_mig_wish_add(struct gs_mig_wish *wish, const struct gs_profile_name *name)
{
    for (unsigned i = 0; i < wish->n; i++) {
        if (gs_profile_name_eq(&wish->slices[i].name, name)) {
            wish->slices[i].count++;
            return true;
        }
    }
    if (wish->n == GS_MIG_COUNTS_MAX) {
        return false;
    }
    wish->slices[wish->n++] = (struct gs_mig_count){.name = *name, .count = 1};
    return true;
}
