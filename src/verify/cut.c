#include "verify/cut.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ legality */

/* Sums over the slices of one GPU, and over one more. */
struct sums {
    uint32_t occupied; /* memory units, bit u = unit u */
    unsigned compute;
    unsigned instances;
    unsigned of_profile[GS_PROFILES_MAX];
    uint64_t engines[GS_ENGINES];
};

static uint32_t units_of(const struct gs_profile *profile, unsigned start)
{
    return ((1u << profile->memory_units) - 1u) << start;
}

static void add_sums(const struct gs_model *model, struct sums *sums, unsigned p, unsigned start)
{
    const struct gs_profile *profile = &model->profiles[p];
    sums->occupied |= units_of(profile, start);
    sums->compute += profile->compute_slices;
    sums->instances++;
    sums->of_profile[p]++;
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        sums->engines[e] += profile->engines[e];
    }
}

static struct sums sums_of(const struct gs_model *model, const struct gs_cut *cut)
{
    struct sums sums = {0};
    for (unsigned i = 0; i < cut->n; i++) {
        add_sums(model, &sums, cut->slices[i].profile, cut->slices[i].start);
    }
    return sums;
}

/* An engine binds where every profile's use of it is known; the GPU has what its largest profile
 * has. */
static bool engine_total(const struct gs_model *model, unsigned engine, uint64_t *ret)
{
    *ret = 0;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        uint32_t has = model->profiles[p].engines[engine];
        if (has == GS_NOT_KNOWN) {
            return false;
        }
        *ret = has > *ret ? has : *ret;
    }
    return true;
}

static bool engines_suffice(const struct gs_model *model, const struct sums *sums)
{
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        uint64_t total;
        if (engine_total(model, e, &total) && sums->engines[e] > total) {
            return false;
        }
    }
    return true;
}

static bool may_start(const struct gs_model *model, const struct gs_profile *profile,
                      unsigned start)
{
    return start < model->memory_units && profile->memory_units > 0 &&
           start + profile->memory_units <= model->memory_units &&
           (profile->starts >> start & 1u) != 0;
}

/* Why one more slice breaks a limit of the whole GPU; NULL: it does not. */
static const char *broken_limit(const struct gs_model *model, const struct sums *sums, unsigned p)
{
    if (sums->of_profile[p] > model->profiles[p].max_instances) {
        return "more of this profile than the GPU holds";
    }
    if (sums->compute > model->compute_slices) {
        return "more compute slices than the GPU has";
    }
    if (sums->instances > model->max_instances) {
        return "more instances than the GPU holds";
    }
    return engines_suffice(model, sums) ? NULL : "more engines than the GPU has";
}

int gs_cut_add(const struct gs_model *model, struct gs_cut *cut, unsigned profile, unsigned start,
               bool in_use, struct gs_err *err)
{
    const char *name = model->profiles[profile].name;
    if (!may_start(model, &model->profiles[profile], start)) {
        return gs_fail(err, GS_INVALID, "%s@%u does not fit an %s: it may not start there", name,
                       start, model->id);
    }
    struct sums sums = sums_of(model, cut);
    if ((sums.occupied & units_of(&model->profiles[profile], start)) != 0) {
        return gs_fail(err, GS_INVALID, "%s@%u overlaps another slice of the same %s", name, start,
                       model->id);
    }
    add_sums(model, &sums, profile, start);
    const char *limit = broken_limit(model, &sums, profile);
    if (limit != NULL) {
        return gs_fail(err, GS_INVALID, "with %s@%u the %s has %s", name, start, model->id, limit);
    }
    assert(cut->n < GS_MEMORY_UNITS_MAX); /* each takes a unit of its own */
    unsigned at = cut->n++;
    for (; at > 0 && cut->slices[at - 1].start > start; at--) {
        cut->slices[at] = cut->slices[at - 1];
    }
    cut->slices[at] = (struct gs_cut_slice){
        .profile = (uint8_t)profile, .start = (uint8_t)start, .in_use = in_use};
    return 0;
}

int gs_cut_remove(const struct gs_model *model, struct gs_cut *cut, unsigned profile,
                  unsigned start, struct gs_err *err)
{
    const char *name = model->profiles[profile].name;
    unsigned at = 0;
    while (at < cut->n && (cut->slices[at].profile != profile || cut->slices[at].start != start)) {
        at++;
    }
    if (at == cut->n) {
        return gs_fail(err, GS_INVALID, "there is no %s@%u", name, start);
    }
    if (cut->slices[at].in_use) {
        return gs_fail(err, GS_INVALID, "%s@%u is in use", name, start);
    }
    cut->n--;
    memmove(&cut->slices[at], &cut->slices[at + 1], (cut->n - at) * sizeof(*cut->slices));
    return 0;
}

/* ------------------------------------------------------------------ text */

/* "3g.20gb@4!" from the front: the name ends at the "@", since it may have commas of its own. */
static int take_slice(const struct gs_model *model, struct gs_view *rest, struct gs_cut *cut,
                      struct gs_err *err)
{
    struct gs_view all = *rest;
    struct gs_view name = gs_view_split(rest, '@');
    if (rest->p == NULL) {
        return gs_fail(err, GS_INVALID, "\"%.*s\" is no slice; expected a form like 3g.20gb@4",
                       GS_VIEW_ARGS(all));
    }
    unsigned profile;
    int r = gs_model_profile_find(model, name, &profile, err);
    if (r < 0) {
        return r;
    }
    uint64_t start;
    if (!gs_view_u64(rest, UINT8_MAX, &start)) {
        return gs_fail(err, GS_INVALID, "\"%.*s\" has no start; expected a form like 3g.20gb@4",
                       GS_VIEW_ARGS(all));
    }
    bool in_use = gs_view_skip(rest, "!");
    if (rest->n > 0 && !gs_view_skip(rest, ",")) {
        return gs_fail(err, GS_INVALID, "\"%.*s\" goes on behind a slice; expected a comma",
                       GS_VIEW_ARGS(*rest));
    }
    return gs_cut_add(model, cut, profile, (unsigned)start, in_use, err);
}

int gs_cut_parse(const struct gs_model *model, const char *text, struct gs_cut *ret,
                 struct gs_err *err)
{
    struct gs_cut cut = {.n = 0};
    struct gs_view rest = gs_view(text);
    while (rest.n > 0) {
        int r = take_slice(model, &rest, &cut, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = cut;
    return 0;
}

struct gs_cut gs_cut_busy(const struct gs_cut *cut)
{
    struct gs_cut busy = {.n = 0};
    for (unsigned i = 0; i < cut->n; i++) {
        if (cut->slices[i].in_use) {
            busy.slices[busy.n++] = cut->slices[i];
        }
    }
    return busy;
}

void gs_cut_format(const struct gs_model *model, const struct gs_cut *cut,
                   char ret_text[GS_CUT_TEXT_MAX])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned i = 0; i < cut->n; i++) {
        /* 16 slices of 63 bytes and a start fit. */
        int n = snprintf(ret_text + used, GS_CUT_TEXT_MAX - used, "%s%s@%u", i == 0 ? "" : ",",
                         model->profiles[cut->slices[i].profile].name, cut->slices[i].start);
        used += n > 0 ? (size_t)n : 0;
    }
}

void gs_cut_counts(const struct gs_cut *cut, bool in_use, uint8_t ret_counts[GS_PROFILES_MAX])
{
    memset(ret_counts, 0, GS_PROFILES_MAX);
    for (unsigned i = 0; i < cut->n; i++) {
        ret_counts[cut->slices[i].profile] =
            (uint8_t)(ret_counts[cut->slices[i].profile] + (cut->slices[i].in_use == in_use));
    }
}

/* ------------------------------------------------------------------ additions */

struct walk {
    struct gs_arena *arena;
    const struct gs_model *model;
    struct gs_cut_addition *found;
    size_t n;
    size_t cap;
    size_t looks;
    uint32_t wanted;
    int failure;
};

static bool can_add(const struct gs_model *model, const struct sums *sums, unsigned p,
                    unsigned start, struct sums *ret_after)
{
    if ((sums->occupied & units_of(&model->profiles[p], start)) != 0) {
        return false;
    }
    *ret_after = *sums;
    add_sums(model, ret_after, p, start);
    return broken_limit(model, ret_after, p) == NULL;
}

static void note(struct walk *walk, const struct gs_cut_addition *addition)
{
    for (size_t i = 0; i < walk->n; i++) {
        if (memcmp(&walk->found[i], addition, sizeof(*addition)) == 0) {
            return;
        }
    }
    if (!gs_arena_room(walk->arena, &walk->found, &walk->cap, walk->n, sizeof(*walk->found))) {
        walk->failure = GS_NO_MEMORY;
        return;
    }
    walk->found[walk->n++] = *addition;
}

/* Adds slices in the order of (profile, start) only, so that each set is met once; a set to which
 * nothing at all can be added is noted. */
static void go_on(struct walk *walk, const struct sums *sums, struct gs_cut_addition *added,
                  unsigned from_profile, unsigned from_start)
{
    if (++walk->looks > GS_CUT_WALK_MAX) {
        walk->failure = GS_LIMIT;
    }
    bool full = true;
    for (unsigned p = 0; p < walk->model->n_profiles && walk->failure == 0; p++) {
        for (unsigned s = 0; s < walk->model->memory_units && walk->failure == 0; s++) {
            struct sums after;
            if ((walk->wanted >> p & 1u) == 0 ||
                !may_start(walk->model, &walk->model->profiles[p], s) ||
                !can_add(walk->model, sums, p, s, &after)) {
                continue;
            }
            full = false;
            if (p > from_profile || (p == from_profile && s >= from_start)) {
                added->counts[p]++;
                go_on(walk, &after, added, p, s + 1);
                added->counts[p]--;
            }
        }
    }
    if (full && walk->failure == 0) {
        note(walk, added);
    }
}

static bool contains(const struct gs_cut_addition *big, const struct gs_cut_addition *small)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (big->counts[p] < small->counts[p]) {
            return false;
        }
    }
    return true;
}

/* Moves those that no other contains to the front; all differ. */
static unsigned keep_maximal(struct gs_cut_addition *all, size_t n)
{
    bool gone[4096];
    assert(n <= sizeof(gone));
    for (size_t i = 0; i < n; i++) {
        gone[i] = false;
        for (size_t k = 0; k < n && !gone[i]; k++) {
            gone[i] = i != k && contains(&all[k], &all[i]);
        }
    }
    unsigned kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!gone[i]) {
            all[kept++] = all[i];
        }
    }
    return kept;
}

int gs_cut_additions(struct gs_arena *arena, const struct gs_model *model,
                     const struct gs_cut *busy, uint32_t wanted, const struct gs_cut_addition **ret,
                     unsigned *ret_n, struct gs_err *err)
{
    struct walk walk = {.arena = arena, .model = model, .wanted = wanted};
    struct gs_cut_addition added = {0};
    struct sums sums = sums_of(model, busy);
    go_on(&walk, &sums, &added, 0, 0);
    if (walk.failure == GS_NO_MEMORY) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the layouts of %s", model->id);
    }
    if (walk.failure == GS_LIMIT || walk.n > 4096) {
        return gs_fail(err, GS_LIMIT, "%s can be cut in more ways than can be listed", model->id);
    }
    unsigned n = keep_maximal(walk.found, walk.n);
    static const struct gs_cut_addition nothing;
    assert(n == 0 || walk.found != NULL);
    if (n == 1 && memcmp(&walk.found[0], &nothing, sizeof(nothing)) == 0) {
        n = 0;
    }
    *ret = walk.found;
    *ret_n = n;
    return 0;
}
