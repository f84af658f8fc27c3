#include "picture/store_kin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a constraint in one piece of memory ---- */

struct piece {
    char *at; /* NULL: only the room is counted */
    size_t n;
};

/* `n` bytes; arrays of pointers and structs stand before all texts. */
static void *put(struct piece *piece, const void *from, size_t n)
{
    char *here = piece->at;
    piece->n += n;
    if (here != NULL) {
        if (n > 0) {
            memcpy(here, from, n);
        }
        piece->at += n;
    }
    return here;
}

static const char *put_text(struct piece *piece, const char *text)
{
    return put(piece, text, strlen(text) + 1);
}

static void put_values(struct piece *arrays, struct piece *texts, struct gs_requirement *copy,
                       const struct gs_requirement *from)
{
    const char **values = put(arrays, from->values, from->n_values * sizeof(*values));
    const char *key = put_text(texts, from->key);
    for (size_t i = 0; i < from->n_values; i++) {
        const char *value = put_text(texts, from->values[i]);
        if (values != NULL) {
            values[i] = value;
        }
    }
    if (copy != NULL) {
        copy->key = key;
        copy->values = values;
    }
}

static void put_term(struct piece *arrays, struct piece *texts, struct gs_term *copy,
                     const struct gs_term *from)
{
    struct gs_requirement *list =
        put(arrays, from->requirements, from->n_requirements * sizeof(*list));
    for (size_t i = 0; i < from->n_requirements; i++) {
        put_values(arrays, texts, list == NULL ? NULL : &list[i], &from->requirements[i]);
    }
    if (copy != NULL) {
        copy->requirements = list;
    }
}

static void put_tolerations(struct piece *arrays, struct piece *texts, struct gs_constraint *copy,
                            const struct gs_constraint *from)
{
    struct gs_toleration *list =
        put(arrays, from->tolerations, from->n_tolerations * sizeof(*list));
    for (size_t i = 0; i < from->n_tolerations; i++) {
        const struct gs_toleration *one = &from->tolerations[i];
        const struct gs_toleration kept = {.key = put_text(texts, one->key),
                                           .value = put_text(texts, one->value),
                                           .effect = put_text(texts, one->effect),
                                           .exists = one->exists};
        if (list != NULL) {
            list[i] = kept;
        }
    }
    if (copy != NULL) {
        copy->tolerations = list;
    }
}

static struct gs_constraint *put_constraint(struct piece *arrays, struct piece *texts,
                                            const struct gs_constraint *from)
{
    struct gs_constraint *copy = put(arrays, from, sizeof(*copy));
    struct gs_term *terms = put(arrays, from->terms, from->n_terms * sizeof(*terms));
    put_term(arrays, texts, copy == NULL ? NULL : &copy->selector, &from->selector);
    for (size_t i = 0; i < from->n_terms; i++) {
        put_term(arrays, texts, terms == NULL ? NULL : &terms[i], &from->terms[i]);
    }
    if (copy != NULL) {
        copy->terms = terms;
    }
    put_tolerations(arrays, texts, copy, from);
    return copy;
}

static struct gs_store_kin *make_kin(const char *owner, const struct gs_kubepod *read)
{
    struct piece arrays = {.at = NULL};
    struct piece texts = {.at = NULL};
    if (read->constraint != NULL) {
        (void)put_constraint(&arrays, &texts, read->constraint);
    }
    size_t n_owner = strlen(owner) + 1;
    struct gs_store_kin *kin = calloc(1, sizeof(*kin) + arrays.n + texts.n + n_owner);
    if (kin == NULL) {
        return NULL;
    }
    struct piece structs = {.at = (char *)(kin + 1)};
    struct piece words = {.at = (char *)(kin + 1) + arrays.n};
    kin->owner = put_text(&words, owner);
    kin->want = read->wants[0];
    kin->cpu_milli = read->cpu_milli;
    kin->memory_bytes = read->memory_bytes;
    kin->priority = read->priority;
    if (read->constraint != NULL) {
        kin->constraint = put_constraint(&structs, &words, read->constraint);
    }
    return kin;
}

/* ---- who may be moved ---- */

/* Its owner allows it and makes another one in its place, which may run wherever we say that it
 * may: nothing binds it to a node that we do not look at. */
static bool may_be_moved(const struct gs_kubepod *read, const struct gs_kubewait *wait)
{
    bool remade = read->owner_kind[0] != '\0' && strcmp(read->owner_kind, "DaemonSet") != 0 &&
                  strcmp(read->owner_kind, "Node") != 0;
    bool one_slice = read->n_wants == 1 && !read->wants[0].whole_gpu && read->wants[0].count == 1 &&
                     read->wants[0].gpu_name == NULL && read->refused == NULL;
    return wait->may_move && !wait->stays && remade && one_slice && !read->mirror &&
           !read->deleting && read->node != NULL && read->unobeyed == 0;
}

static bool is_same(const struct gs_store_kin *kin, const struct gs_kubepod *read)
{
    return kin->priority == read->priority && kin->cpu_milli == read->cpu_milli &&
           kin->memory_bytes == read->memory_bytes && kin->want.model == read->wants[0].model &&
           gs_profile_name_eq(&kin->want.profile, &read->wants[0].profile) &&
           gs_constraint_eq(kin->constraint, read->constraint);
}

void gs_store_owner_of(const struct gs_kubepod *pod, char ret[GS_STORE_OWNER_MAX])
{
    (void)snprintf(ret, GS_STORE_OWNER_MAX, "%s/%s/%s", pod->name_space, pod->owner_kind,
                   pod->owner_name);
}

struct gs_store_kin *gs_store_kin_of(struct gs_store *store, const struct gs_kubepod *read,
                                     const struct gs_kubewait *wait, bool *ret_failed)
{
    char owner[GS_STORE_OWNER_MAX];
    *ret_failed = false;
    if (!may_be_moved(read, wait)) {
        return NULL;
    }
    gs_store_owner_of(read, owner);
    struct gs_store_kin *first = gs_map_find(&store->kins, owner);
    for (struct gs_store_kin *kin = first; kin != NULL; kin = kin->next) {
        if (is_same(kin, read)) {
            kin->n_pods++;
            return kin;
        }
    }
    struct gs_store_kin *kin = make_kin(owner, read);
    if (kin == NULL || (first == NULL && !gs_map_put(&store->kins, kin->owner, kin))) {
        free(kin);
        *ret_failed = true;
        return NULL;
    }
    if (first != NULL) { /* the map has the first */
        kin->next = first->next;
        first->next = kin;
    }
    kin->n_pods = 1;
    return kin;
}

void gs_store_kin_leave(struct gs_store *store, struct gs_store_kin *kin)
{
    if (kin == NULL || --kin->n_pods > 0) {
        return;
    }
    struct gs_store_kin *first = gs_map_find(&store->kins, kin->owner);
    if (first == kin) {
        (void)gs_map_take(&store->kins, kin->owner);
        if (kin->next != NULL) { /* the place is there: it needs no memory */
            (void)gs_map_put(&store->kins, kin->next->owner, kin->next);
        }
    } else {
        while (first->next != kin) {
            first = first->next;
        }
        first->next = kin->next;
    }
    free(kin);
}

void gs_store_kins_done(struct gs_store *store)
{
    size_t at = 0;
    for (struct gs_store_kin *kin; (kin = gs_map_next(&store->kins, &at)) != NULL;) {
        while (kin != NULL) {
            struct gs_store_kin *next = kin->next;
            free(kin);
            kin = next;
        }
    }
    gs_map_done(&store->kins);
}
