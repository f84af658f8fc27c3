#include "partition/layouts.h"

#include "core/spell.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the layout");
}

/* The entry of a group: its GPUs by their numbers, from *first on. */
static int make_entry(const struct gs_spell *spell, unsigned group, uint32_t *first,
                      struct gs_arena *arena, struct gs_migconfig_entry *ret, struct gs_err *err)
{
    uint32_t *devices = GS_ARENA_NEW(arena, uint32_t, spell->gpus[group]);
    struct gs_mig_count *slices = GS_ARENA_NEW(arena, struct gs_mig_count, GS_SPELL_ITEMS_MAX);
    if (devices == NULL || slices == NULL) {
        return no_memory(err);
    }
    *ret = (struct gs_migconfig_entry){.line = 1,
                                       .n_devices = spell->gpus[group],
                                       .devices = devices,
                                       .mig_enabled = !gs_spell_is_whole(spell, group),
                                       .slices = slices};
    for (unsigned k = 0; k < spell->gpus[group]; k++) {
        devices[k] = (*first)++;
    }
    for (unsigned i = 0; i < spell->n_items; i++) {
        if (spell->items[i].group == group) {
            slices[ret->n++] = (struct gs_mig_count){.name = spell->items[i].profile,
                                                     .count = spell->items[i].count};
        }
    }
    return 0;
}

static int select_spelled(const char *name, unsigned n, struct gs_arena *arena,
                          const struct gs_migconfig_choice **ret, struct gs_err *err)
{
    struct gs_spell spell;
    uint32_t first = 0;
    int r = gs_spell_parse(gs_view(name), &spell, err);
    if (r == 0 && gs_spell_gpus(&spell) != n) {
        return gs_fail(err, GS_INVALID, "layout \"%s\" is for %u GPUs; this machine has %u", name,
                       gs_spell_gpus(&spell), n);
    }
    struct gs_migconfig_choice *choice = GS_ARENA_NEW(arena, struct gs_migconfig_choice, 1);
    struct gs_migconfig_entry *entries =
        GS_ARENA_NEW(arena, struct gs_migconfig_entry, GS_SPELL_GROUPS_MAX);
    const char *kept = gs_arena_text(arena, name, strlen(name));
    if (r == 0 && (choice == NULL || entries == NULL || kept == NULL)) {
        return no_memory(err);
    }
    for (unsigned group = 0; r == 0 && group < spell.n_groups; group++) {
        r = make_entry(&spell, group, &first, arena, &entries[group], err);
    }
    if (r == 0) {
        *choice = (struct gs_migconfig_choice){
            .name = kept, .line = 1, .n = spell.n_groups, .entries = entries};
        *ret = choice;
    }
    return r;
}

int gs_layouts_select(const struct gs_migconfig *config, const char *name, unsigned n,
                      struct gs_arena *arena, const struct gs_migconfig_choice **ret,
                      struct gs_err *err)
{
    struct gs_err why;
    int r = gs_migconfig_select(config, name, ret, &why);
    if (r == GS_NOT_FOUND && name != NULL && gs_spell_is_meant(gs_view(name))) {
        return select_spelled(name, n, arena, ret, err);
    }
    if (r != 0 && err != NULL) {
        *err = why;
    }
    return r;
}
