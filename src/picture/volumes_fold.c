/* Terms that volumes require: as they are read, in words, and as one constraint with the pod's. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "picture/volumes_work.h"

#define HOST_LABEL "kubernetes.io/hostname"

enum { NAMED_MAX = 3 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what volumes require");
}

/* ---- as they are read ---- */

static bool is_one_label(const struct gs_term *terms, size_t n)
{
    const struct gs_requirement *first = n == 0 ? NULL : terms[0].requirements;
    bool same = n > 0 && terms[0].n_requirements == 1;
    for (size_t i = 0; same && i < n; i++) {
        const struct gs_requirement *one = terms[i].requirements;
        same = terms[i].n_requirements == 1 && one->op == GS_LABEL_IN && !one->on_field &&
               strcmp(one->key, first->key) == 0;
    }
    return same;
}

/* "zone in a, or zone in b" is "zone in a, b". */
static int merge(const struct gs_term *terms, size_t n, struct gs_arena *arena, struct gs_term *ret,
                 struct gs_err *err)
{
    size_t n_values = 0;
    for (size_t i = 0; i < n; i++) {
        n_values += terms[i].requirements[0].n_values;
    }
    const char **values = GS_ARENA_NEW(arena, const char *, n_values);
    struct gs_requirement *one = GS_ARENA_NEW(arena, struct gs_requirement, 1);
    if (values == NULL || one == NULL) {
        return no_memory(err);
    }
    n_values = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < terms[i].requirements[0].n_values; k++) {
            values[n_values++] = terms[i].requirements[0].values[k];
        }
    }
    *one = terms[0].requirements[0];
    one->of_volume = true;
    one->values = values;
    one->n_values = n_values;
    *ret = (struct gs_term){.requirements = one, .n_requirements = 1};
    return 0;
}

static int mark(const struct gs_term *term, struct gs_arena *arena, struct gs_term *ret,
                struct gs_err *err)
{
    struct gs_requirement *all = GS_ARENA_NEW(arena, struct gs_requirement, term->n_requirements);
    if (all == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < term->n_requirements; i++) {
        all[i] = term->requirements[i];
        all[i].of_volume = true;
    }
    *ret = (struct gs_term){.requirements = all, .n_requirements = term->n_requirements};
    return 0;
}

int gs_volumes_group_of(const struct gs_term *terms, size_t n, struct gs_arena *arena,
                        struct gs_volumes_group *ret, struct gs_err *err)
{
    bool one = is_one_label(terms, n);
    struct gs_term *all = GS_ARENA_NEW(arena, struct gs_term, n);
    int r = all == NULL ? no_memory(err) : one ? merge(terms, n, arena, all, err) : 0;
    for (size_t i = 0; r == 0 && !one && i < n; i++) {
        r = mark(&terms[i], arena, &all[i], err);
    }
    *ret = (struct gs_volumes_group){.terms = all, .n_terms = one ? 1 : n};
    return r;
}

int gs_volumes_named(const char *node, struct gs_arena *arena, struct gs_term *ret,
                     struct gs_err *err)
{
    const char **values = GS_ARENA_NEW(arena, const char *, 1);
    struct gs_requirement *one = GS_ARENA_NEW(arena, struct gs_requirement, 1);
    if (values == NULL || one == NULL) {
        return no_memory(err);
    }
    values[0] = node;
    *one = (struct gs_requirement){.key = "metadata.name",
                                   .op = GS_LABEL_IN,
                                   .values = values,
                                   .n_values = 1,
                                   .on_field = true};
    *ret = (struct gs_term){.requirements = one, .n_requirements = 1};
    return 0;
}

int gs_volumes_zones(const struct gs_term *zones, struct gs_arena *arena, struct gs_term ret[2],
                     struct gs_err *err)
{
    static const char *const keys[] = {
        "topology.kubernetes.io/zone", "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"};
    struct gs_requirement *none = GS_ARENA_NEW(arena, struct gs_requirement, GS_ARRAY_LEN(keys));
    if (none == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(keys); i++) {
        none[i] = (struct gs_requirement){.key = keys[i], .op = GS_LABEL_NOT_EXISTS};
    }
    ret[0] = *zones;
    ret[1] = (struct gs_term){.requirements = none, .n_requirements = GS_ARRAY_LEN(keys)};
    return 0;
}

static bool is_among(const char *value, const struct gs_requirement *of)
{
    bool found = false;
    for (size_t i = 0; !found && i < of->n_values; i++) {
        found = strcmp(value, of->values[i]) == 0;
    }
    return found;
}

static bool holds_too(const struct gs_term *term, const struct gs_requirement *zone)
{
    for (size_t i = 0; i < term->n_requirements; i++) {
        const struct gs_requirement *one = &term->requirements[i];
        bool all = !one->on_field && one->op == GS_LABEL_IN && strcmp(one->key, zone->key) == 0;
        for (size_t k = 0; all && k < one->n_values; k++) {
            all = is_among(one->values[k], zone);
        }
        if (all) {
            return true;
        }
    }
    return false;
}

bool gs_volumes_implies(const struct gs_volumes_group *group, const struct gs_term *zones)
{
    bool all = group != NULL;
    for (size_t t = 0; all && t < group->n_terms; t++) {
        for (size_t z = 0; all && z < zones->n_requirements; z++) {
            all = holds_too(&group->terms[t], &zones->requirements[z]);
        }
    }
    return all;
}

/* ---- in words ---- */

static bool ends_in(const char *key, const char *end)
{
    size_t n = strlen(key);
    size_t n_end = strlen(end);
    return n >= n_end && strcmp(key + n - n_end, end) == 0;
}

static bool is_host(const struct gs_requirement *one)
{
    return one->on_field || strcmp(one->key, HOST_LABEL) == 0;
}

/* The one that says most to a person. */
static const struct gs_requirement *plainest(const struct gs_term *term)
{
    const struct gs_requirement *ret = NULL;
    for (size_t i = 0; i < term->n_requirements; i++) {
        const struct gs_requirement *one = &term->requirements[i];
        bool says = one->op == GS_LABEL_IN && one->n_values > 0;
        bool better = ret == NULL || is_host(one) ||
                      (!is_host(ret) && ends_in(one->key, "/zone") && !ends_in(ret->key, "/zone"));
        ret = says && better ? one : ret;
    }
    return ret;
}

bool gs_volumes_place(const struct gs_volumes_group *group, char *ret, size_t size)
{
    const struct gs_requirement *one = group->n_terms == 0 ? NULL : plainest(&group->terms[0]);
    size_t n = 0;
    if (one == NULL) {
        return false;
    }
    int k = is_host(one)                   ? snprintf(ret, size, "on node ")
            : ends_in(one->key, "/zone")   ? snprintf(ret, size, "in zone ")
            : ends_in(one->key, "/region") ? snprintf(ret, size, "in region ")
                                           : snprintf(ret, size, "where %.80s is ", one->key);
    for (size_t i = 0; k > 0 && i < one->n_values && i <= NAMED_MAX && n + (size_t)k < size; i++) {
        n += (size_t)k;
        k = i == NAMED_MAX ? snprintf(ret + n, size - n, ", ...")
                           : snprintf(ret + n, size - n, "%s%.40s",
                                      i == 0                  ? ""
                                      : i + 1 < one->n_values ? ", "
                                                              : " or ",
                                      one->values[i]);
    }
    return true;
}

/* ---- as one constraint ---- */

/* All requirements of both. */
static int join(const struct gs_term *a, const struct gs_term *b, struct gs_arena *arena,
                struct gs_term *ret, struct gs_err *err)
{
    size_t n = a->n_requirements + b->n_requirements;
    struct gs_requirement *all = GS_ARENA_NEW(arena, struct gs_requirement, n);
    if (all == NULL) {
        return no_memory(err);
    }
    if (a->n_requirements > 0) {
        memcpy(all, a->requirements, a->n_requirements * sizeof(*all));
    }
    if (b->n_requirements > 0) {
        memcpy(all + a->n_requirements, b->requirements, b->n_requirements * sizeof(*all));
    }
    *ret = (struct gs_term){.requirements = all, .n_requirements = n};
    return 0;
}

/* One of the terms of the constraint and one of the group's. A term of no requirements matches no
 * node: where nothing else is left it stays. */
static int multiply(const struct gs_volumes_group *group, struct gs_constraint *into,
                    struct gs_arena *arena, struct gs_err *err)
{
    static const struct gs_term any = {.n_requirements = 0};
    size_t n_own = into->n_terms == 0 ? 1 : into->n_terms;
    size_t n = 0;
    struct gs_term *all = GS_ARENA_NEW(arena, struct gs_term, n_own * group->n_terms + 1);
    if (all == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < n_own; i++) {
        const struct gs_term *own = into->n_terms == 0 ? &any : &into->terms[i];
        bool none = into->n_terms > 0 && own->n_requirements == 0;
        for (size_t k = 0; !none && k < group->n_terms; k++) {
            if (group->terms[k].n_requirements == 0) {
                continue;
            }
            int r = join(own, &group->terms[k], arena, &all[n++], err);
            if (r != 0) {
                return r;
            }
        }
    }
    into->terms = all;
    into->n_terms = n == 0 ? 1 : n;
    return 0;
}

int gs_volumes_fold(const struct gs_volumes *volumes, const struct gs_constraint *own,
                    struct gs_arena *arena, const struct gs_constraint **ret, struct gs_err *err)
{
    if (volumes->n_groups == 0) {
        *ret = own;
        return 0;
    }
    struct gs_constraint *all = GS_ARENA_NEW(arena, struct gs_constraint, 1);
    int r = 0;
    if (all == NULL) {
        return no_memory(err);
    }
    *all = own == NULL ? (struct gs_constraint){.n_terms = 0} : *own;
    for (size_t i = 0; r == 0 && i < volumes->n_groups; i++) {
        const struct gs_volumes_group *group = &volumes->groups[i];
        size_t n_terms = all->n_terms == 0 ? 1 : all->n_terms;
        if (group->n_terms == 1 && group->terms[0].n_requirements > 0) {
            r = join(&all->selector, &group->terms[0], arena, &all->selector, err);
        } else if (n_terms * group->n_terms <= GS_VOLUMES_TERMS_MAX) {
            r = multiply(group, all, arena, err);
        }
    }
    if (r == 0) {
        *ret = all;
    }
    return r;
}
