#include <inttypes.h>
#include <string.h>

#include "verify/certificate_nodes.h"

/* Where nothing serves an item, its price is above all else; 128 bits still hold every sum. */
#define PRICE_MAX ((uint64_t)1 << 61)

/* ------------------------------------------------------------------ what a load is worth */

static bool is_worth_nothing(const struct gs_certificate *certificate, const struct gs_proof *proof)
{
    for (size_t u = 0; u < proof->n_uses; u++) {
        if (proof->uses[u].hi > 0 && certificate->prices[proof->uses[u].item] > 0) {
            return false;
        }
    }
    return true;
}

/* What the proof leaves room for: no load is worth more. Where that is below `may` it may be as
 * much as that. */
static int prove_worth(struct gs_certificate *certificate, struct gs_certificate_shape *shape,
                       __int128 may, __int128 *ret_worth)
{
    struct gs_check *check = certificate->check;
    struct gs_field tree;
    size_t n;
    *ret_worth = 0;
    int r = gs_field_list(&shape->field, "tree", GS_BOUND_NODES_MAX, &tree, &n, check->err);
    shape->empty = r == 0 && n == 0;
    if (r < 0 || shape->empty) {
        return r < 0 || is_worth_nothing(certificate, &shape->proof)
                   ? r
                   : gs_field_fail(&tree, check->err,
                                   "it is empty, and %s can serve items that have a price",
                                   shape->node->name);
    }
    for (size_t u = 0; u < shape->proof.n_uses; u++) {
        struct gs_proof_use *use = &shape->proof.uses[u];
        use->cost = -(int64_t)certificate->prices[use->item];
    }
    struct gs_bound_result result;
    const struct gs_bound_reader reader = {
        .find = gs_proof_find,
        .names = &shape->proof,
        .looks = &certificate->looks,
        .enough = may < INT64_MAX ? -(int64_t)may : -INT64_MAX,
    };
    r = gs_proof_build(&shape->proof, &shape->field, check->err);
    r = r < 0 ? r
              : gs_bound_check(&shape->proof.bound, &shape->field, &reader, &result, check->err);
    if (r == 0) {
        check->report->leaves += result.n_leaves;
        *ret_worth = -(__int128)result.least;
    }
    return r;
}

static int check_proof(struct gs_certificate *certificate, struct gs_certificate_shape *shape)
{
    struct gs_check *check = certificate->check;
    const int64_t most = (int64_t)PRICE_MAX;
    __int128 worth;
    int r =
        gs_field_i64(&shape->field, "limit_price", -most, most, &shape->limit_price, check->err);
    if (r == 0 && shape->limit_price > 0 && shape->most == GS_SUPPLY_NO_LIMIT) {
        return gs_field_fail(&shape->field, check->err,
                             "its limit_price is above 0, and any number of %s may be bought here",
                             shape->node->name);
    }
    if (r < 0) {
        return r;
    }
    __int128 may =
        (__int128)certificate->price_scale * shape->node->price_uusd + shape->limit_price;
    r = prove_worth(certificate, shape, may, &worth);
    if (r == 0 && worth > may) {
        return gs_field_fail(&shape->field, check->err,
                             "it leaves room for a load of %s worth %lld, and one costs %lld at "
                             "these prices",
                             shape->node->name, (long long)worth, (long long)may);
    }
    return r;
}

/* ------------------------------------------------------------------ the leaf */

static int read_prices(struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    struct gs_field list;
    size_t n;
    int r = gs_field_list(at, "prices", check->problem.n_items, &list, &n, check->err);
    if (r == 0 && n != check->problem.n_items) {
        return gs_field_fail(&list, check->err,
                             "it has %zu prices; expected one for each of the %zu items", n,
                             check->problem.n_items);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field element = gs_field_item(&list, i);
        r = gs_field_to_u64(&element, 0, PRICE_MAX, &certificate->prices[i], check->err);
    }
    return r;
}

static int check_proofs(struct gs_certificate *certificate, const struct gs_field *list)
{
    for (size_t s = 0; s < certificate->n_shapes; s++) {
        certificate->shapes[s].field = gs_field_item(list, s);
        int r = check_proof(certificate, &certificate->shapes[s]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* At most 2^15 prices of 2^61 times 2^30 items, and as many limit prices times 2^50 nodes. */
static void sum_prices(struct gs_certificate *certificate)
{
    certificate->sum = 0;
    for (size_t i = 0; i < certificate->check->problem.n_items; i++) {
        certificate->sum += (__int128)certificate->prices[i] * certificate->placed[i];
    }
    for (size_t s = 0; s < certificate->n_shapes; s++) {
        const struct gs_certificate_shape *shape = &certificate->shapes[s];
        __int128 nodes = shape->limit_price > 0 ? shape->most : shape->least;
        certificate->sum -= shape->limit_price * nodes;
    }
}

/* What the prices alone prove, rounded up to what a fleet may cost. */
static uint64_t price_bound(const struct gs_certificate *certificate)
{
    __int128 unit = (__int128)certificate->price_scale * certificate->step;
    __int128 steps = certificate->sum <= 0 ? 0 : (certificate->sum + unit - 1) / unit;
    __int128 bound = steps * certificate->step;
    return bound > INT64_MAX ? INT64_MAX : (uint64_t)bound;
}

static void lower(uint64_t *bound, uint64_t to)
{
    *bound = to < *bound ? to : *bound;
}

/* The search's part: *bound is the prices', and becomes what the search proves; *sure stays where
 * it could not be checked to its end. */
static int check_search(struct gs_certificate *certificate, const struct gs_field *at,
                        uint64_t *bound, uint64_t *sure)
{
    struct gs_check *check = certificate->check;
    struct gs_field search;
    uint64_t found;
    bool known;
    int r = gs_field_get(at, "search", &search, check->err);
    if (r < 0 || gs_field_is_null(&search)) {
        return r;
    }
    r = gs_certificate_search(certificate, &search, &found, &known);
    if (r == 0) {
        *bound = found > *bound ? found : *bound;
        *sure = known ? *bound : *sure;
    }
    return r;
}

static int check_leaf(struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    struct gs_field proofs;
    size_t n;
    uint64_t said_prices, said;
    int r = read_prices(certificate, at);
    r = r < 0 ? r : gs_field_u64(at, "price_bound_uusd", 0, INT64_MAX, &said_prices, check->err);
    r = r < 0 ? r : gs_field_u64(at, "bound_uusd", 0, INT64_MAX, &said, check->err);
    r = r < 0 ? r : gs_field_list(at, "proofs", certificate->n_shapes, &proofs, &n, check->err);
    if (r == 0 && n != certificate->n_shapes) {
        return gs_field_fail(&proofs, check->err,
                             "it has %zu proofs; expected one for each of "
                             "the %zu shapes",
                             n, certificate->n_shapes);
    }
    r = r < 0 ? r : check_proofs(certificate, &proofs);
    if (r < 0) {
        return r;
    }
    sum_prices(certificate);
    uint64_t bound = price_bound(certificate);
    if (bound != said_prices) {
        return gs_field_fail(at, check->err,
                             "price_bound_uusd is %" PRIu64 "; the prices prove %" PRIu64,
                             said_prices, bound);
    }
    uint64_t sure = bound;
    r = check_search(certificate, at, &bound, &sure);
    /* A leaf may have been closed when the best plan known cost more. */
    if (r == 0 && (said < check->value ? said : check->value) > bound) {
        return gs_field_fail(at, check->err, "bound_uusd is %" PRIu64 "; it proves %" PRIu64, said,
                             bound);
    }
    lower(&certificate->said, said);
    lower(&certificate->proven, bound);
    lower(&certificate->prices_prove, sure);
    return r;
}

int gs_certificate_leaf(struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_arena_mark mark = gs_arena_mark(certificate->check->arena);
    int r = check_leaf(certificate, at);
    gs_arena_rewind(certificate->check->arena, mark);
    return r;
}
