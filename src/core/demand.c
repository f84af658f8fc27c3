#include "core/demand.h"

#include <string.h>

enum { FIRST_SLOTS = 64 };

struct gs_demand {
    struct gs_arena *arena;
    struct gs_item *items; /* the kinds */
    uint64_t *hashes;      /* of the kind with the same index */
    size_t n_items;
    size_t cap;      /* of items and of hashes */
    uint32_t *slots; /* open addressing: index of a kind plus 1; 0: free. At most half are taken */
    size_t n_slots;  /* a power of two */
    uint64_t total;
};

struct gs_demand *gs_demand_new(struct gs_arena *arena)
{
    struct gs_demand *demand = GS_ARENA_NEW(arena, struct gs_demand, 1);
    uint32_t *slots = GS_ARENA_NEW(arena, uint32_t, FIRST_SLOTS);
    if (demand == NULL || slots == NULL) {
        return NULL;
    }
    *demand = (struct gs_demand){.arena = arena, .slots = slots, .n_slots = FIRST_SLOTS};
    return demand;
}

const struct gs_item *gs_demand_items(const struct gs_demand *demand, size_t *ret_count)
{
    *ret_count = demand->n_items;
    return demand->items;
}

uint64_t gs_demand_total(const struct gs_demand *demand)
{
    return demand->total;
}

/* ---- hash: equal items hash equal; multiply and fold, enough for keys nobody attacks with more
 * than GS_KINDS_MAX of them ---- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
    unsigned __int128 wide =
        (unsigned __int128)(hash ^ value ^ 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
    return (uint64_t)wide ^ (uint64_t)(wide >> 64);
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    if (text == NULL) {
        return mix(hash, UINT64_MAX);
    }
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word = 0;
        memcpy(&word, text + i, n - i < 8 ? n - i : 8);
        hash = mix(hash, word);
    }
    return mix(hash, n);
}

static uint64_t mix_want(uint64_t hash, const struct gs_want *want)
{
    hash = mix(hash, (uint64_t)want->count << 1 | want->whole_gpu);
    hash = mix_text(hash, want->model == NULL ? NULL : want->model->id);
    if (want->whole_gpu) {
        return mix_text(hash, want->gpu_name);
    }
    /* Attributes may come in any order and still be equal, so only their number of bytes counts. */
    const struct gs_profile_name *profile = &want->profile;
    hash = mix(hash, (uint64_t)profile->compute_slices << 32 | profile->gpu_slices);
    hash = mix(hash, (uint64_t)profile->memory_gb << 32 | (unsigned char)profile->sign);
    return mix(hash, strlen(profile->attrs));
}

static uint64_t mix_term(uint64_t hash, const struct gs_term *term)
{
    for (size_t i = 0; i < term->n_requirements; i++) {
        const struct gs_requirement *requirement = &term->requirements[i];
        hash = mix(hash, (uint64_t)requirement->op);
        hash = mix_text(hash, requirement->key);
        for (size_t v = 0; v < requirement->n_values; v++) {
            hash = mix_text(hash, requirement->values[v]);
        }
    }
    return mix(hash, term->n_requirements);
}

static uint64_t mix_constraint(uint64_t hash, const struct gs_constraint *constraint)
{
    if (constraint == NULL) {
        return mix(hash, 0);
    }
    hash = mix_term(hash, &constraint->selector);
    for (size_t i = 0; i < constraint->n_terms; i++) {
        hash = mix_term(hash, &constraint->terms[i]);
    }
    for (size_t i = 0; i < constraint->n_tolerations; i++) {
        hash = mix_text(hash, constraint->tolerations[i].key);
        hash = mix_text(hash, constraint->tolerations[i].value);
        hash = mix_text(hash, constraint->tolerations[i].effect);
    }
    return mix(hash, constraint->n_terms << 32 | constraint->n_tolerations);
}

static uint64_t hash_item(const struct gs_item *item)
{
    uint64_t hash = mix(item->cpu_milli, item->memory_bytes);
    hash = mix(hash, (uint64_t)item->gpu_memory_mib << 1 | item->spare);
    hash = mix_text(hash, item->bound_node);
    for (size_t a = 0; a < item->n_alternatives; a++) {
        const struct gs_alternative *alternative = &item->alternatives[a];
        for (size_t w = 0; w < alternative->n_wants; w++) {
            hash = mix_want(hash, &alternative->wants[w]);
        }
        hash = mix(hash, alternative->n_wants);
    }
    return mix_constraint(hash, item->constraint);
}

/* ---- equality ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_want(const struct gs_want *a, const struct gs_want *b)
{
    if (a->whole_gpu != b->whole_gpu || a->model != b->model || a->count != b->count) {
        return false;
    }
    return a->whole_gpu ? same_text(a->gpu_name, b->gpu_name)
                        : gs_profile_name_eq(&a->profile, &b->profile);
}

static bool same_alternative(const struct gs_alternative *a, const struct gs_alternative *b)
{
    if (a->n_wants != b->n_wants) {
        return false;
    }
    for (size_t i = 0; i < a->n_wants; i++) {
        if (!same_want(&a->wants[i], &b->wants[i])) {
            return false;
        }
    }
    return true;
}

static bool same_kind(const struct gs_item *a, const struct gs_item *b)
{
    if (a->cpu_milli != b->cpu_milli || a->memory_bytes != b->memory_bytes ||
        a->gpu_memory_mib != b->gpu_memory_mib || a->spare != b->spare ||
        a->n_alternatives != b->n_alternatives || !same_text(a->bound_node, b->bound_node)) {
        return false;
    }
    for (size_t i = 0; i < a->n_alternatives; i++) {
        if (!same_alternative(&a->alternatives[i], &b->alternatives[i])) {
            return false;
        }
    }
    return gs_constraint_eq(a->constraint, b->constraint);
}

/* ---- bounds ---- */

static int check_want(const struct gs_want *want, const char *name, struct gs_err *err)
{
    if (want->count == 0 || want->count > GS_WANT_COUNT_MAX) {
        return gs_fail(err, GS_INVALID, "item \"%s\" wants %u of one resource; expected 1 to %d",
                       name, want->count, GS_WANT_COUNT_MAX);
    }
    if (want->gpu_name != NULL && (!want->whole_gpu || want->model != NULL)) {
        return gs_fail(err, GS_INVALID,
                       "item \"%s\" names GPU \"%s\" beside a slice or a model; expected a name "
                       "for whole GPUs without a model only",
                       name, want->gpu_name);
    }
    return 0;
}

static int check_alternatives(const struct gs_item *item, const char *name, struct gs_err *err)
{
    if (item->n_alternatives == 0 || item->n_alternatives > GS_ALTERNATIVES_MAX) {
        return gs_fail(err, GS_INVALID, "item \"%s\" has %zu alternatives; expected 1 to %d", name,
                       item->n_alternatives, GS_ALTERNATIVES_MAX);
    }
    for (size_t a = 0; a < item->n_alternatives; a++) {
        const struct gs_alternative *alternative = &item->alternatives[a];
        if (alternative->n_wants > GS_WANTS_MAX) {
            return gs_fail(err, GS_INVALID,
                           "item \"%s\" wants %zu different resources at once; expected %d or less",
                           name, alternative->n_wants, GS_WANTS_MAX);
        }
        for (size_t w = 0; w < alternative->n_wants; w++) {
            int r = check_want(&alternative->wants[w], name, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static int check_item(const struct gs_demand *demand, const struct gs_item *item,
                      struct gs_err *err)
{
    const char *name = item->name == NULL ? "" : item->name;
    if (item->count == 0) {
        return gs_fail(err, GS_INVALID, "item \"%s\" has count 0; expected 1 or more", name);
    }
    if (item->cpu_milli > GS_CPU_MILLI_MAX) {
        return gs_fail(err, GS_INVALID, "item \"%s\" wants %llu cores; expected %llu or less", name,
                       (unsigned long long)(item->cpu_milli / 1000), GS_CPU_MILLI_MAX / 1000);
    }
    if (item->memory_bytes > GS_MEMORY_BYTES_MAX) {
        return gs_fail(err, GS_INVALID,
                       "item \"%s\" wants %llu bytes of memory; expected 1 PiB or less", name,
                       (unsigned long long)item->memory_bytes);
    }
    if (item->count > GS_ITEMS_MAX - demand->total) {
        return gs_fail(err, GS_LIMIT,
                       "%llu more items \"%s\" make more than %llu, the most that one demand "
                       "may have",
                       (unsigned long long)item->count, name, GS_ITEMS_MAX);
    }
    return check_alternatives(item, name, err);
}

/* ---- deep copies; false or NULL: no memory ---- */

static bool copy_text(struct gs_arena *arena, const char **text)
{
    if (*text != NULL) {
        *text = gs_arena_text(arena, *text, strlen(*text));
        return *text != NULL;
    }
    return true;
}

static void *copied(struct gs_arena *arena, const void *from, size_t n, size_t size)
{
    void *copy = gs_arena_get(arena, n, size);
    if (copy != NULL && n > 0) {
        memcpy(copy, from, n * size);
    }
    return copy;
}

static bool copy_alternatives(struct gs_arena *arena, struct gs_item *item)
{
    struct gs_alternative *alternatives =
        copied(arena, item->alternatives, item->n_alternatives, sizeof(*alternatives));
    if (alternatives == NULL) {
        return false;
    }
    item->alternatives = alternatives;
    for (size_t a = 0; a < item->n_alternatives; a++) {
        struct gs_want *wants =
            copied(arena, alternatives[a].wants, alternatives[a].n_wants, sizeof(*wants));
        if (wants == NULL) {
            return false;
        }
        for (size_t w = 0; w < alternatives[a].n_wants; w++) {
            if (!copy_text(arena, &wants[w].gpu_name)) {
                return false;
            }
        }
        alternatives[a].wants = wants;
    }
    return true;
}

static bool copy_requirement(struct gs_arena *arena, struct gs_requirement *requirement)
{
    const char **values =
        copied(arena, requirement->values, requirement->n_values, sizeof(*values));
    if (values == NULL || !copy_text(arena, &requirement->key)) {
        return false;
    }
    requirement->values = values;
    for (size_t i = 0; i < requirement->n_values; i++) {
        if (!copy_text(arena, &values[i])) {
            return false;
        }
    }
    return true;
}

static bool copy_term(struct gs_arena *arena, struct gs_term *term)
{
    struct gs_requirement *requirements =
        copied(arena, term->requirements, term->n_requirements, sizeof(*requirements));
    if (requirements == NULL) {
        return false;
    }
    term->requirements = requirements;
    for (size_t i = 0; i < term->n_requirements; i++) {
        if (!copy_requirement(arena, &requirements[i])) {
            return false;
        }
    }
    return true;
}

static bool copy_terms(struct gs_arena *arena, struct gs_constraint *constraint)
{
    struct gs_term *terms = copied(arena, constraint->terms, constraint->n_terms, sizeof(*terms));
    if (terms == NULL || !copy_term(arena, &constraint->selector)) {
        return false;
    }
    constraint->terms = terms;
    for (size_t i = 0; i < constraint->n_terms; i++) {
        if (!copy_term(arena, &terms[i])) {
            return false;
        }
    }
    return true;
}

static bool copy_tolerations(struct gs_arena *arena, struct gs_constraint *constraint)
{
    struct gs_toleration *tolerations =
        copied(arena, constraint->tolerations, constraint->n_tolerations, sizeof(*tolerations));
    if (tolerations == NULL) {
        return false;
    }
    constraint->tolerations = tolerations;
    for (size_t i = 0; i < constraint->n_tolerations; i++) {
        if (!copy_text(arena, &tolerations[i].key) || !copy_text(arena, &tolerations[i].value) ||
            !copy_text(arena, &tolerations[i].effect)) {
            return false;
        }
    }
    return true;
}

static bool copy_item(struct gs_arena *arena, struct gs_item *item)
{
    item->name = item->name == NULL ? "" : item->name;
    if (!copy_text(arena, &item->name) || !copy_text(arena, &item->bound_node) ||
        !copy_alternatives(arena, item)) {
        return false;
    }
    if (item->constraint == NULL) {
        return true;
    }
    struct gs_constraint *constraint = copied(arena, item->constraint, 1, sizeof(*constraint));
    item->constraint = constraint;
    return constraint != NULL && copy_terms(arena, constraint) &&
           copy_tolerations(arena, constraint);
}

/* ---- the table ---- */

/* The slot of the equal kind, or the free slot where it belongs. */
static size_t find_slot(const struct gs_demand *demand, const struct gs_item *item, uint64_t hash)
{
    size_t mask = demand->n_slots - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        uint32_t slot = demand->slots[at];
        if (slot == 0 ||
            (demand->hashes[slot - 1] == hash && same_kind(&demand->items[slot - 1], item))) {
            return at;
        }
    }
}

/* Doubles the slots; the old ones stay unused in the arena (as much again in all). */
static bool widen_slots(struct gs_demand *demand)
{
    size_t n = demand->n_slots * 2;
    uint32_t *slots = GS_ARENA_NEW(demand->arena, uint32_t, n);
    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < demand->n_items; i++) {
        size_t at = demand->hashes[i] & (n - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (n - 1);
        }
        slots[at] = (uint32_t)i + 1;
    }
    demand->slots = slots;
    demand->n_slots = n;
    return true;
}

/* Room for one more kind in all three arrays. */
static bool make_room(struct gs_demand *demand)
{
    size_t cap = demand->cap;
    size_t hashes_cap = demand->cap;
    struct gs_item *items = demand->items;
    uint64_t *hashes = demand->hashes;
    if (!gs_arena_room(demand->arena, &items, &cap, demand->n_items, sizeof(*items)) ||
        !gs_arena_room(demand->arena, &hashes, &hashes_cap, demand->n_items, sizeof(*hashes))) {
        return false;
    }
    demand->items = items;
    demand->hashes = hashes;
    demand->cap = cap;
    return (demand->n_items + 1) * 2 <= demand->n_slots || widen_slots(demand);
}

static int add_kind(struct gs_demand *demand, const struct gs_item *item, uint64_t hash,
                    struct gs_err *err)
{
    if (demand->n_items == GS_KINDS_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "item \"%s\" is one more kind than the %d different ones that one demand "
                       "may have",
                       item->name == NULL ? "" : item->name, GS_KINDS_MAX);
    }
    /* Room first: what it takes stays useful when the copy then fails and is given back. */
    bool roomy = make_room(demand);
    struct gs_arena_mark mark = gs_arena_mark(demand->arena);
    struct gs_item copy = *item;
    if (!roomy || !copy_item(demand->arena, &copy)) {
        gs_arena_rewind(demand->arena, mark);
        return gs_fail(err, GS_NO_MEMORY, "no memory for %zu kinds of items", demand->n_items + 1);
    }
    demand->slots[find_slot(demand, item, hash)] = (uint32_t)demand->n_items + 1;
    demand->items[demand->n_items] = copy;
    demand->hashes[demand->n_items] = hash;
    demand->n_items++;
    demand->total += item->count;
    return 0;
}

int gs_demand_add(struct gs_demand *demand, const struct gs_item *item, struct gs_err *err)
{
    int r = check_item(demand, item, err);
    if (r < 0) {
        return r;
    }
    uint64_t hash = hash_item(item);
    uint32_t slot = demand->slots[find_slot(demand, item, hash)];
    if (slot == 0) {
        return add_kind(demand, item, hash, err);
    }
    demand->items[slot - 1].count += item->count;
    demand->total += item->count;
    return 0;
}
