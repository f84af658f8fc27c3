#include <inttypes.h>
#include <string.h>

#include "verify/check.h"
#include "verify/proof.h"

static int no_memory(struct gs_check *check)
{
    return gs_fail(check->err, GS_NO_MEMORY, "no memory for a certificate");
}

/* ------------------------------------------------------------------ items that ask alike */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_want(const struct gs_problem_want *a, const struct gs_problem_want *b)
{
    return a->whole == b->whole && a->count == b->count && a->model == b->model &&
           same_text(a->gpu, b->gpu) && (a->whole || gs_profile_name_eq(&a->profile, &b->profile));
}

static bool ask_alike(const struct gs_problem_item *a, const struct gs_problem_item *b)
{
    if (a->service || b->service || a->gpu_memory_mib != b->gpu_memory_mib ||
        a->n_ways != b->n_ways) {
        return false;
    }
    for (size_t w = 0; w < a->n_ways; w++) {
        if (a->ways[w].n_wants != b->ways[w].n_wants) {
            return false;
        }
        for (size_t k = 0; k < a->ways[w].n_wants; k++) {
            if (!same_want(&a->ways[w].wants[k], &b->ways[w].wants[k])) {
                return false;
            }
        }
    }
    return true;
}

/* Equal for items that ask alike; others seldom have the same. */
static uint64_t hash_of(const struct gs_problem_item *item)
{
    uint64_t hash = item->gpu_memory_mib;
    for (size_t w = 0; w < item->n_ways; w++) {
        for (size_t k = 0; k < item->ways[w].n_wants; k++) {
            const struct gs_problem_want *want = &item->ways[w].wants[k];
            hash = (hash ^ want->count) * 1099511628211ull;
            hash = (hash ^ want->profile.gpu_slices) * 1099511628211ull;
            hash = (hash ^ want->profile.memory_gb) * 1099511628211ull;
            hash = (hash ^ (uintptr_t)want->model) * 1099511628211ull;
        }
        hash = (hash ^ 0xFF) * 1099511628211ull;
    }
    return hash ^ hash >> 32;
}

/* An item's first one that asks for the same of GPUs. */
static uint32_t *first_alike(struct gs_check *check)
{
    const struct gs_problem *problem = &check->problem;
    size_t size = 2 * problem->n_items + 1;
    uint32_t *first = GS_ARENA_NEW(check->arena, uint32_t, problem->n_items);
    uint32_t *table = GS_ARENA_NEW(check->arena, uint32_t, size); /* item + 1; 0: empty */
    if (first == NULL || table == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < problem->n_items; i++) {
        size_t slot = hash_of(&problem->items[i]) % size;
        while (table[slot] != 0 &&
               !ask_alike(&problem->items[table[slot] - 1], &problem->items[i])) {
            slot = slot + 1 < size ? slot + 1 : 0;
        }
        table[slot] = table[slot] != 0 ? table[slot] : i + 1;
        first[i] = table[slot] - 1;
    }
    return first;
}

/* ------------------------------------------------------------------ the program */

static int add_item(struct gs_check *check, struct gs_proof *proof, uint32_t item)
{
    for (uint32_t t = 0; t < proof->n_targets; t++) {
        /* A service is for new GPUs. */
        if (check->problem.items[item].service && !proof->targets[t].fresh) {
            continue;
        }
        int r = gs_proof_add_uses(proof, item, t, check->err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int make_program(struct gs_check *check, struct gs_proof *proof)
{
    const struct gs_problem *problem = &check->problem;
    const uint32_t *first = first_alike(check);
    uint64_t *needs = GS_ARENA_NEW(check->arena, uint64_t, problem->n_items);
    if (first == NULL || needs == NULL) {
        return no_memory(check);
    }
    for (uint32_t i = 0; i < problem->n_items; i++) {
        needs[first[i]] += gs_check_placed(check, i);
        needs[i] = first[i] == i ? needs[i] : GS_PROOF_NO_NEED;
    }
    proof->needs = needs;
    for (uint32_t i = 0; i < problem->n_items; i++) {
        int r = first[i] == i ? add_item(check, proof, i) : 0;
        if (r < 0) {
            return r;
        }
    }
    for (size_t u = 0; u < proof->n_uses; u++) {
        struct gs_proof_use *use = &proof->uses[u];
        uint64_t yield = problem->items[use->item].ways[use->way].yield;
        use->hi = (int64_t)(needs[use->item] / yield + (needs[use->item] % yield != 0));
    }
    return gs_proof_list_additions(proof, check->err);
}

int gs_check_certificate_gpus(struct gs_check *check, const struct gs_field *at,
                              uint64_t *ret_bound)
{
    struct gs_proof proof = {
        .arena = check->arena,
        .problem = &check->problem,
        .targets = check->targets,
        .n_targets = check->n_targets,
        .memory_unit = 1,
    };
    const char *kind;
    int r = gs_field_text(at, "kind", &kind, check->err);
    if (r == 0 && strcmp(kind, "tree") != 0) {
        return gs_field_fail(at, check->err, "its kind is \"%s\"; expected tree", kind);
    }
    r = r < 0 ? r : make_program(check, &proof);
    r = r < 0 ? r : gs_proof_build(&proof, at, check->err);
    const struct gs_bound_reader reader = {.find = gs_proof_find, .names = &proof};
    struct gs_bound_result result;
    r = r < 0 ? r : gs_bound_check(&proof.bound, at, &reader, &result, check->err);
    if (r < 0) {
        return r;
    }
    check->report->leaves += result.n_leaves;
    if (result.least == INT64_MAX) {
        return gs_field_fail(at, check->err,
                             "its tree says that nothing serves the items, and "
                             "the plan does");
    }
    *ret_bound = result.least > 0 ? (uint64_t)result.least : 0;
    if (*ret_bound < check->report->claimed_bound) {
        return gs_field_fail(at, check->err, "leaf %zu proves %" PRIu64 ", the plan says %" PRIu64,
                             result.leaf, *ret_bound, check->report->claimed_bound);
    }
    return 0;
}
