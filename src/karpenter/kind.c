#include "karpenter/kind.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

#define WHOLE_NAME "all-disabled"
#define ALL "all-"

/* ---- names ---- */

static uint32_t hash_of(uint32_t hash, const char *text)
{
    return (gs_hash_on(hash, text) ^ 0xffu) *
           GS_HASH_PRIME; /* an end of its own: "ab","c" is not "a","bc" */
}

static size_t put_plain(char *text, size_t at, size_t max, const char *part)
{
    for (; *part != '\0' && at < max; part++) {
        char c = *part >= 'A' && *part <= 'Z' ? (char)(*part - 'A' + 'a') : *part;
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (plain || (at > 0 && text[at - 1] != '-')) {
            text[at++] = plain ? c : '-';
        }
    }
    return at;
}

/* The same three always give the same name, and others another: by a hash at its end. */
static void make_name(const char *slicepool, struct gs_karpenter_kind *kind)
{
    enum { END = 9 }; /* "-01234567" */
    const size_t max = GS_KARPENTER_NAME_MAX - END;
    uint32_t hash =
        hash_of(hash_of(hash_of(GS_HASH_EMPTY, slicepool), kind->offer->name), kind->layout);
    size_t at = put_plain(kind->name, 0, max - 24, slicepool);
    at = put_plain(kind->name, at, max, "-");
    at = put_plain(kind->name, at, max, kind->offer->name);
    at = put_plain(kind->name, at, max, "-");
    at = put_plain(kind->name, at, max, kind->layout);
    while (at > 0 && kind->name[at - 1] == '-') {
        at--;
    }
    snprintf(kind->name + at, sizeof(kind->name) - at, "-%08" PRIx32, hash);
}

/* ---- layouts ---- */

static int count_items(const struct gs_spell *spell, struct gs_karpenter_kind *kind,
                       struct gs_err *err)
{
    const struct gs_model *model = kind->offer->model;
    uint8_t counts[GS_SPELL_GROUPS_MAX][GS_PROFILES_MAX] = {{0}};
    for (unsigned i = 0; i < spell->n_items; i++) {
        const struct gs_spell_item *item = &spell->items[i];
        int profile = model == NULL ? -1 : gs_model_profile_index(model, &item->profile);
        if (profile < 0) {
            char name[GS_PROFILE_NAME_MAX + 1];
            gs_profile_name_format(&item->profile, name);
            return gs_fail(err, GS_INVALID, "the GPUs of %s (%s) have no profile %s",
                           kind->offer->name, kind->offer->gpu_name, name);
        }
        counts[item->group][profile] = (uint8_t)(counts[item->group][profile] + item->count);
        kind->slices[profile] += (uint32_t)item->count * spell->gpus[item->group];
    }
    for (unsigned group = 0; group < spell->n_groups; group++) {
        if (gs_spell_is_whole(spell, group)) {
            kind->whole += spell->gpus[group];
        } else if (!gs_model_counts_within_limits(model, counts[group])) {
            return gs_fail(err, GS_INVALID, "the slices of layout \"%s\" do not fit on a GPU of %s",
                           kind->layout, kind->offer->name);
        }
    }
    return 0;
}

/* The name of a layout that is the same on every GPU; "" where it has none. */
static void plain_name(const struct gs_offer *offer, const struct gs_spell *spell,
                       char ret[GS_SPELL_MAX + 1])
{
    ret[0] = '\0';
    if (spell->n_groups == 1 && spell->n_items == 0) {
        snprintf(ret, GS_SPELL_MAX + 1, WHOLE_NAME);
    } else if (spell->n_groups == 1 && spell->n_items == 1 && offer->model != NULL &&
               spell->items[0].profile.sign == '\0') {
        int p = gs_model_profile_index(offer->model, &spell->items[0].profile);
        if (p >= 0 && spell->items[0].count == offer->model->profiles[p].max_instances) {
            snprintf(ret, GS_SPELL_MAX + 1, ALL "%.40s", offer->model->profiles[p].name);
        }
    }
}

int gs_karpenter_kind_of(const char *slicepool, const struct gs_offer *offer,
                         const struct gs_spell *spell, struct gs_karpenter_kind *ret,
                         struct gs_err *err)
{
    struct gs_karpenter_kind kind = {.offer = offer};
    if (gs_spell_gpus(spell) != offer->gpus) {
        return gs_fail(err, GS_INVALID, "a layout of %u GPUs for %s, which has %u",
                       gs_spell_gpus(spell), offer->name, offer->gpus);
    }
    plain_name(offer, spell, kind.layout);
    int r = kind.layout[0] != '\0' ? 0 : gs_spell_format(spell, kind.layout, err);
    r = r == 0 ? count_items(spell, &kind, err) : r;
    if (r == 0) {
        make_name(slicepool, &kind);
        *ret = kind;
    }
    return r;
}

int gs_karpenter_kind_all(const char *slicepool, const struct gs_offer *offer, int profile,
                          struct gs_karpenter_kind *ret, struct gs_err *err)
{
    struct gs_spell spell = {.n_groups = 1, .gpus = {(uint8_t)offer->gpus}};
    if (profile >= 0) {
        const struct gs_profile *of =
            offer->model == NULL ? NULL : &offer->model->profiles[profile];
        if (of == NULL || of->max_instances == 0 || of->max_instances > GS_SPELL_COUNT_MAX) {
            return gs_fail(err, GS_INFEASIBLE, "the GPUs of %s (%s) cannot be cut", offer->name,
                           offer->gpu_name);
        }
        spell.n_items = 1;
        spell.items[0] = (struct gs_spell_item){.count = of->max_instances, .profile = of->parts};
    }
    return gs_karpenter_kind_of(slicepool, offer, &spell, ret, err);
}

/* "all-1g.5gb", "all-disabled". False: none of these. */
static bool read_plain(const struct gs_offer *offer, struct gs_view layout, struct gs_spell *ret)
{
    struct gs_profile_name name;
    *ret = (struct gs_spell){.n_groups = 1, .gpus = {(uint8_t)offer->gpus}};
    if (gs_view_eq(layout, WHOLE_NAME)) {
        return true;
    }
    if (!gs_view_skip(&layout, ALL) || offer->model == NULL ||
        gs_profile_name_read(layout, &name, NULL) != 0) {
        return false;
    }
    int p = gs_model_profile_index(offer->model, &name);
    if (p < 0) {
        return false;
    }
    ret->n_items = 1;
    ret->items[0] =
        (struct gs_spell_item){.count = offer->model->profiles[p].max_instances, .profile = name};
    return true;
}

int gs_karpenter_kind_read(const char *slicepool, const struct gs_offer *offer,
                           struct gs_view layout, struct gs_karpenter_kind *ret, struct gs_err *err)
{
    struct gs_spell spell;
    int r = read_plain(offer, layout, &spell) ? 0 : gs_spell_parse(layout, &spell, err);
    return r != 0 ? r : gs_karpenter_kind_of(slicepool, offer, &spell, ret, err);
}

/* ---- what it holds ---- */

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t holds_wants(const struct gs_karpenter_kind *kind,
                            const struct gs_alternative *alternative)
{
    const struct gs_offer *offer = kind->offer;
    uint64_t most = UINT32_MAX;
    for (size_t i = 0; i < alternative->n_wants; i++) {
        const struct gs_want *want = &alternative->wants[i];
        bool other = (want->model != NULL && want->model != offer->model) ||
                     (want->gpu_name != NULL && strcmp(want->gpu_name, offer->gpu_name) != 0);
        int profile = other || want->whole_gpu || offer->model == NULL
                          ? -1
                          : gs_model_profile_index(offer->model, &want->profile);
        uint64_t there = other             ? 0
                         : want->whole_gpu ? kind->whole
                         : profile < 0     ? 0
                                           : kind->slices[profile];
        most = at_most(most, there / want->count);
    }
    return most;
}

uint32_t gs_karpenter_kind_holds(const struct gs_karpenter_kind *kind, const struct gs_item *item)
{
    const struct gs_offer *offer = kind->offer;
    uint64_t most = 0;
    for (size_t i = 0; i < item->n_alternatives; i++) {
        uint64_t holds = holds_wants(kind, &item->alternatives[i]);
        most = holds > most ? holds : most;
    }
    most = at_most(most, offer->pods);
    if (item->cpu_milli > 0) {
        most = at_most(most, offer->cpu_milli / item->cpu_milli);
    }
    if (item->memory_bytes > 0) {
        most = at_most(most, offer->memory_bytes / item->memory_bytes);
    }
    if (gs_constraint_check(item->constraint, offer->facts, NULL) == GS_VERDICT_NO) {
        return 0;
    }
    return (uint32_t)most;
}

static unsigned different(const struct gs_karpenter_kind *kind)
{
    unsigned n = kind->whole > 0;
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        n += kind->slices[p] > 0;
    }
    return n;
}

int gs_karpenter_kind_order(const struct gs_karpenter_kind *a, const struct gs_karpenter_kind *b)
{
    unsigned n = different(a);
    unsigned m = different(b);
    if (n != m) {
        return n < m ? -1 : 1;
    }
    uint64_t x = a->offer->price_uusd * b->offer->gpus; /* under 1e15 x 16 */
    uint64_t y = b->offer->price_uusd * a->offer->gpus;
    return x != y ? (x < y ? -1 : 1) : strcmp(a->name, b->name);
}
