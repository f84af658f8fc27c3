#include "verify/certificate_nodes.h"

#include <inttypes.h>
#include <string.h>

static int no_memory(struct gs_check *check)
{
    return gs_fail(check->err, GS_NO_MEMORY, "no memory for a certificate");
}

/* ------------------------------------------------------------------ the program of a node */

static bool amounts_fit(const struct gs_proof *proof, uint32_t item)
{
    for (unsigned a = 0; a < GS_PROOF_AMOUNTS; a++) {
        if (gs_proof_amount(proof, item, a) > proof->capacity[a]) {
            return false;
        }
    }
    return true;
}

/* As many as the demand has, and as CPU, memory and pods allow of it alone. */
static uint64_t most_of(const struct gs_check *check, const struct gs_proof *proof, uint32_t item)
{
    uint64_t most = gs_check_placed(check, item);
    for (unsigned a = 0; a < GS_PROOF_AMOUNTS; a++) {
        uint64_t amount = gs_proof_amount(proof, item, a);
        uint64_t fit = amount == 0 ? most : proof->capacity[a] / amount;
        most = fit < most ? fit : most;
    }
    return most;
}

/* One item whose slices and GPUs do not all fit on one node is served by none. */
static enum gs_supply_verdict fits_alone(struct gs_check *check, const struct gs_proof *proof,
                                         const struct gs_proof_use *use)
{
    uint64_t slices[GS_PROFILES_MAX];
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        slices[p] = use->asked.slices[p];
    }
    return gs_supply_holds(check->scratch, &proof->targets[0], slices, use->asked.gpus);
}

/* Of an amount, what sums of the items that may run there can use: a multiple of the greatest
 * common divisor of what they ask for. */
static void round_capacities(struct gs_proof *proof)
{
    for (unsigned a = 0; a < GS_PROOF_AMOUNTS; a++) {
        uint64_t unit = 0;
        for (size_t u = 0; u < proof->n_uses; u++) {
            uint64_t amount = gs_proof_amount(proof, proof->uses[u].item, a);
            while (proof->uses[u].hi > 0 && amount != 0) {
                uint64_t rest = unit % amount;
                unit = amount;
                amount = rest;
            }
        }
        proof->capacity[a] = unit == 0 ? proof->capacity[a] : proof->capacity[a] / unit * unit;
    }
}

/* All but the prices. */
static int make_program(const struct gs_certificate *certificate,
                        const struct gs_problem_node *node, struct gs_supply_target *target,
                        struct gs_proof *proof)
{
    struct gs_check *check = certificate->check;
    size_t index = (size_t)(node - check->problem.node);
    int r = gs_supply_node(check->arena, node, target, check->err);
    *proof = (struct gs_proof){
        .arena = check->arena,
        .problem = &check->problem,
        .one_node = true,
        .targets = target,
        .n_targets = 1,
        .most = certificate->placed,
        .memory_unit = certificate->memory_unit,
        .capacity = {[GS_PROOF_CPU] = node->cpu_milli,
                     [GS_PROOF_MEMORY] = node->memory_bytes / certificate->memory_unit,
                     [GS_PROOF_PODS] = node->pods},
    };
    for (uint32_t i = 0; i < check->problem.n_items && r == 0; i++) {
        if (gs_problem_may_run(&check->problem.items[i], index) && amounts_fit(proof, i)) {
            r = gs_proof_add_uses(proof, i, 0, check->err);
        }
    }
    for (size_t u = 0; u < proof->n_uses && r == 0; u++) {
        struct gs_proof_use *use = &proof->uses[u];
        use->hi = (int64_t)most_of(check, proof, use->item);
    }
    r = r < 0 ? r : gs_proof_list_additions(proof, check->err);
    for (size_t u = 0; u < proof->n_uses && r == 0; u++) {
        struct gs_proof_use *use = &proof->uses[u];
        bool none = use->hi > 0 && fits_alone(check, proof, use) == GS_SUPPLY_NO;
        use->hi = none ? 0 : use->hi;
    }
    round_capacities(proof);
    gs_proof_room(proof);
    return r;
}

/* ------------------------------------------------------------------ shapes */

static bool same_pools(const struct gs_supply_target *a, const struct gs_supply_target *b)
{
    if (a->n_pools != b->n_pools || a->free_gpus != b->free_gpus ||
        memcmp(a->free_slices, b->free_slices, sizeof(a->free_slices)) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->n_pools; i++) {
        const struct gs_supply_pool *x = &a->pools[i];
        const struct gs_supply_pool *y = &b->pools[i];
        bool same = x->limit == y->limit && x->whole == y->whole && x->cut == y->cut &&
                    x->busy.n == y->busy.n;
        for (unsigned s = 0; s < x->busy.n && same; s++) {
            same = x->busy.slices[s].profile == y->busy.slices[s].profile &&
                   x->busy.slices[s].start == y->busy.slices[s].start;
        }
        if (!same) {
            return false;
        }
    }
    return true;
}

static bool same_uses(const struct gs_proof *a, const struct gs_proof *b)
{
    bool same = a->n_uses == b->n_uses;
    for (size_t u = 0; u < a->n_uses && same; u++) {
        const struct gs_proof_use *x = &a->uses[u];
        const struct gs_proof_use *y = &b->uses[u];
        same = x->item == y->item && x->way == y->way && x->hi == y->hi &&
               memcmp(&x->asked, &y->asked, sizeof(x->asked)) == 0;
    }
    return same;
}

/* What a proof says of the first node must be so for each of them. */
static int check_alike(const struct gs_certificate *certificate,
                       const struct gs_certificate_shape *shape, const struct gs_problem_node *node,
                       const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    struct gs_arena_mark mark = gs_arena_mark(check->arena);
    struct gs_supply_target target;
    struct gs_proof proof;
    int r = make_program(certificate, node, &target, &proof);
    if (r == 0 && (node->model != shape->node->model || !same_pools(&target, &shape->target) ||
                   memcmp(proof.capacity, shape->proof.capacity, sizeof(proof.capacity)) != 0 ||
                   !same_uses(&proof, &shape->proof))) {
        r = gs_field_fail(at, check->err, "%s has not the same room for the same items as %s",
                          node->name, shape->node->name);
    }
    gs_arena_rewind(check->arena, mark);
    return r;
}

static int find_node(struct gs_check *check, const struct gs_field *at, const char *name,
                     bool existing, bool *seen, const struct gs_problem_node **ret)
{
    const struct gs_problem_node *node = gs_problem_node_named(&check->problem, name);
    if (node == NULL || node->existing != existing) {
        return gs_field_fail(at, check->err, "%s is no %s of the problem", name,
                             existing ? "existing node" : "offer");
    }
    bool *before = &seen[node - check->problem.node];
    if (*before) {
        return gs_field_fail(at, check->err, "%s is in two shapes; expected one", name);
    }
    *before = true;
    *ret = node;
    return 0;
}

/* The nodes that a shape stands for; its program is that of the first. */
static int read_members(struct gs_certificate *certificate, const struct gs_field *at,
                        struct gs_certificate_shape *shape, bool *seen)
{
    struct gs_check *check = certificate->check;
    struct gs_field list;
    size_t n;
    const char *offer;
    int r = gs_field_maybe_text(at, "offer", &offer, check->err);
    r = r < 0 ? r : gs_field_list(at, "existing", GS_PROBLEM_NODES_MAX, &list, &n, check->err);
    if (r == 0 && (offer == NULL) == (n == 0)) {
        return gs_field_fail(at, check->err, "expected an offer or existing nodes, and not both");
    }
    if (r == 0 && offer != NULL) {
        r = find_node(check, at, offer, false, seen, &shape->node);
        r = r < 0 ? r : make_program(certificate, shape->node, &shape->target, &shape->proof);
        shape->most = r == 0 && shape->node->max_nodes != GS_PROBLEM_NO_LIMIT
                          ? shape->node->max_nodes
                          : GS_SUPPLY_NO_LIMIT;
        return r;
    }
    shape->most = n;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field element = gs_field_item(&list, i);
        const struct gs_problem_node *node;
        const char *name;
        r = gs_field_to_text(&element, &name, check->err);
        r = r < 0 ? r : find_node(check, &element, name, true, seen, &node);
        if (r == 0 && i == 0) {
            shape->node = node;
            r = make_program(certificate, node, &shape->target, &shape->proof);
        } else if (r == 0) {
            r = check_alike(certificate, shape, node, &element);
        }
    }
    return r;
}

static int read_shape(struct gs_certificate *certificate, const struct gs_field *at,
                      struct gs_certificate_shape *shape, bool *seen)
{
    struct gs_check *check = certificate->check;
    uint64_t limit;
    int r = read_members(certificate, at, shape, seen);
    r = r < 0 ? r
              : gs_field_maybe_u64(at, "limit", UINT32_MAX, GS_SUPPLY_NO_LIMIT, &limit, check->err);
    if (r == 0 && limit != shape->most) {
        return gs_field_fail(at, check->err,
                             "its limit is not the number of nodes that there may be of %s",
                             shape->node->name);
    }
    return r;
}

/* A node that is in no shape may not be able to serve anything. */
static int check_unseen(struct gs_certificate *certificate, const struct gs_field *at,
                        const struct gs_problem_node *node)
{
    struct gs_check *check = certificate->check;
    struct gs_arena_mark mark = gs_arena_mark(check->arena);
    struct gs_supply_target target;
    struct gs_proof proof;
    int r = make_program(certificate, node, &target, &proof);
    for (size_t u = 0; r == 0 && u < proof.n_uses; u++) {
        const struct gs_proof_use *use = &proof.uses[u];
        if (use->hi > 0 && fits_alone(check, &proof, use) == GS_SUPPLY_YES) {
            r = gs_field_fail(at, check->err, "%s can serve item %u and is in no shape", node->name,
                              use->item);
        } else if (use->hi > 0) {
            certificate->open = true;
            gs_check_note(check,
                          "that %s cannot serve item %u: its GPUs can be cut in too many ways; if "
                          "it can, the bound does not hold",
                          node->name, use->item);
        }
    }
    gs_arena_rewind(check->arena, mark);
    return r;
}

static int read_shapes(struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    const struct gs_problem *problem = &check->problem;
    struct gs_field list;
    int r = gs_field_list(at, "shapes", GS_PROBLEM_NODES_MAX, &list, &certificate->n_shapes,
                          check->err);
    bool *seen = GS_ARENA_NEW(check->arena, bool, problem->n_nodes);
    certificate->shapes =
        GS_ARENA_NEW(check->arena, struct gs_certificate_shape, certificate->n_shapes);
    if (seen == NULL || certificate->shapes == NULL) {
        return no_memory(check);
    }
    for (size_t s = 0; s < certificate->n_shapes && r == 0; s++) {
        struct gs_field shape = gs_field_item(&list, s);
        r = read_shape(certificate, &shape, &certificate->shapes[s], seen);
    }
    for (size_t i = 0; i < problem->n_nodes && r == 0; i++) {
        r = seen[i] ? 0 : check_unseen(certificate, &list, &problem->node[i]);
    }
    return r;
}

/* ------------------------------------------------------------------ the tree over node counts */

enum { SPLITS_MAX = 200000 };
static const uint64_t LOOKS_MAX = 100000000; /* some ten seconds */

/* A split on the way to the present leaf. */
struct turn {
    uint32_t shape;
    uint64_t at;
    uint64_t least; /* before the split */
    uint64_t most;
    bool second;
};

struct walk {
    struct gs_certificate *certificate;
    struct turn *turns;
    size_t n;
    size_t cap;
};

static int go_down(struct walk *walk, const struct gs_field *node)
{
    struct gs_certificate *certificate = walk->certificate;
    struct gs_check *check = certificate->check;
    struct turn turn = {.second = false};
    int r = gs_field_index(node, "split", certificate->n_shapes, "shapes", &turn.shape, check->err);
    r = r < 0 ? r : gs_field_u64(node, "at", 0, GS_PROBLEM_NEED_MAX, &turn.at, check->err);
    if (r < 0) {
        return r;
    }
    if (!gs_arena_room(check->scratch, &walk->turns, &walk->cap, walk->n, sizeof(*walk->turns))) {
        return no_memory(check);
    }
    struct gs_certificate_shape *shape = &certificate->shapes[turn.shape];
    turn.least = shape->least;
    turn.most = shape->most;
    walk->turns[walk->n++] = turn;
    shape->least = turn.least > turn.at + 1 ? turn.least : turn.at + 1;
    return 0;
}

/* Behind a leaf, to the side that was not seen yet. False: there is none. */
static bool turn_back(struct walk *walk)
{
    while (walk->n > 0) {
        struct turn *turn = &walk->turns[walk->n - 1];
        struct gs_certificate_shape *shape = &walk->certificate->shapes[turn->shape];
        shape->least = turn->least;
        shape->most = turn->most;
        if (!turn->second) {
            turn->second = true;
            shape->most = turn->most < turn->at ? turn->most : turn->at;
            return true;
        }
        walk->n--;
    }
    return false;
}

static bool is_possible(const struct gs_certificate *certificate)
{
    for (size_t s = 0; s < certificate->n_shapes; s++) {
        if (certificate->shapes[s].least > certificate->shapes[s].most) {
            return false;
        }
    }
    return true;
}

static int walk_tree(struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    struct gs_field tree;
    size_t n;
    struct walk walk = {.certificate = certificate};
    int r = gs_field_list(at, "tree", SPLITS_MAX, &tree, &n, check->err);
    bool open = true;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field node = gs_field_item(&tree, i);
        if (!open) {
            return gs_field_fail(&node, check->err, "the tree was complete before it");
        }
        if (!gs_field_has(&node, "leaf")) {
            r = go_down(&walk, &node);
            continue;
        }
        struct gs_field leaf;
        r = gs_field_object(&node, "leaf", &leaf, check->err);
        r = r < 0 || !is_possible(certificate) ? r : gs_certificate_leaf(certificate, &leaf);
        open = turn_back(&walk);
    }
    return r == 0 && open ? gs_field_fail(&tree, check->err,
                                          "the tree is not complete: a side of "
                                          "a split is missing")
                          : r;
}

/* ------------------------------------------------------------------ all of it */

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t price_step(const struct gs_problem *problem)
{
    uint64_t step = 0;
    for (size_t i = 0; i < problem->n_offers; i++) {
        step = greatest_divisor(step, problem->node[i].price_uusd);
    }
    return step == 0 ? 1 : step;
}

static int read_units(struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    const char *kind;
    int r = gs_field_text(at, "kind", &kind, check->err);
    if (r == 0 && strcmp(kind, "prices") != 0) {
        return gs_field_fail(at, check->err, "its kind is \"%s\"; expected prices", kind);
    }
    r = r < 0 ? r
              : gs_field_u64(at, "price_scale", 1, (uint64_t)1 << 20, &certificate->price_scale,
                             check->err);
    r = r < 0 ? r
              : gs_field_u64(at, "memory_unit", 1, GS_PROBLEM_AMOUNT_MAX, &certificate->memory_unit,
                             check->err);
    certificate->placed = GS_ARENA_NEW(check->arena, uint64_t, check->problem.n_items);
    certificate->prices = GS_ARENA_NEW(check->arena, uint64_t, check->problem.n_items);
    if (r == 0 && (certificate->placed == NULL || certificate->prices == NULL)) {
        return no_memory(check);
    }
    for (size_t i = 0; i < check->problem.n_items && r == 0; i++) {
        certificate->placed[i] = gs_check_placed(check, i);
        if (check->problem.items[i].memory_bytes % certificate->memory_unit != 0) {
            return gs_field_fail(at, check->err,
                                 "memory_unit %" PRIu64 " does not divide the memory of item %zu",
                                 certificate->memory_unit, i);
        }
    }
    return r;
}

static int conclude(const struct gs_certificate *certificate, const struct gs_field *at)
{
    struct gs_check *check = certificate->check;
    uint64_t claimed = check->report->claimed_bound;
    uint64_t said = certificate->said < check->value ? certificate->said : check->value;
    if (said != claimed) {
        return gs_field_fail(at, check->err,
                             "its least bound_uusd is %" PRIu64 ", the plan says %" PRIu64, said,
                             claimed);
    }
    if (certificate->proven < claimed) {
        return gs_field_fail(at, check->err,
                             "it proves %" PRIu64 " millionths of a dollar, the plan says %" PRIu64,
                             certificate->proven, claimed);
    }
    if (certificate->open) {
        check->report->bound = GS_VERIFY_BOUND_OPEN;
        return 0;
    }
    if (certificate->prices_prove < claimed) {
        check->report->bound = GS_VERIFY_BOUND_PRICES;
        gs_check_note(check,
                      "that the searches look at all loads that a cheaper plan could have: there "
                      "are too many to list; the prices alone prove $%" PRIu64 ".%06" PRIu64,
                      certificate->prices_prove / 1000000, certificate->prices_prove % 1000000);
    }
    return 0;
}

int gs_check_certificate_nodes(struct gs_check *check, const struct gs_field *at,
                               uint64_t *ret_bound)
{
    struct gs_certificate certificate = {
        .check = check,
        .step = price_step(&check->problem),
        .looks = LOOKS_MAX,
        .said = UINT64_MAX,
        .prices_prove = UINT64_MAX,
        .proven = UINT64_MAX,
    };
    int r = read_units(&certificate, at);
    r = r < 0 ? r : read_shapes(&certificate, at);
    r = r < 0 ? r : walk_tree(&certificate, at);
    r = r < 0 ? r : conclude(&certificate, at);
    if (r == 0) {
        *ret_bound = certificate.open ? 0 : certificate.prices_prove;
    }
    return r;
}
