/* corrupt: changes plans in every place and sees what the checker says.
 *
 * usage: corrupt FILE...
 *
 * Each file is a plan of `gpuslice plan -o json` that the checker accepts. Every number, text,
 * flag, member and element of it but `problem` is changed in turn (tests/verify/change.h). The
 * answer: each change makes it say what is not so, but for those that expect_of lists; a change of
 * places is judged by core's own reading of layouts, which the checker does not use. The
 * certificate: a change may leave a proof that still proves as much. So the plan is also made to
 * claim what is false, by a problem that has a better answer, and then no change of the certificate
 * may lead to acceptance. Prints TAP, with how many changes were tried and refused. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verify/change.h"
#include "verify/oracle.h"

#include "verify/verify.h"

/* Changes of one certificate that are tried at most: the rest are left out evenly. */
enum { CHANGES_MAX = 600 };

enum expect { EXPECT_REFUSED, EXPECT_ACCEPTED, EXPECT_EITHER };

struct tally {
    size_t tried;
    size_t refused;
    size_t wrong;
};

struct run {
    const char *name;
    json_t *root;
    bool certificate; /* its changes may leave it true */
    bool false_claim; /* whatever is changed, the plan stays false */
    struct tally tally;
    size_t counted; /* by count_change */
};

static char *file_bytes(const char *path, size_t *ret_n)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    static char bytes[16 << 20];
    *ret_n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert(*ret_n < sizeof(bytes));
    return bytes;
}

static int verify_tree(const json_t *root, struct gs_verify_report *report, struct gs_err *err)
{
    char *text = json_dumps(root, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    assert(text != NULL);
    int r = gs_verify_plan("plan", gs_view(text), report, err);
    free(text);
    return r;
}

/* ------------------------------------------------------------------ what is to be expected */

static bool is(const struct change *change, const char *pattern)
{
    return strcmp(change->pattern, pattern) == 0;
}

static bool ends(const struct change *change, const char *tail)
{
    size_t n = strlen(change->pattern);
    size_t m = strlen(tail);
    return n >= m && strcmp(change->pattern + n - m, tail) == 0;
}

static bool keeps_type(enum change_kind kind)
{
    return kind != CHANGE_NULL && kind != CHANGE_REMOVED;
}

/* Texts for people, and what the checker says that it does not check. */
static bool is_free(const struct change *change)
{
    static const char *const texts[] = {
        "unplaceable[].reason", "excluded[].reason", "excluded[].type", "ignored[]", "elapsed_us",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (is(change, texts[i]) && keeps_type(change->kind)) {
            return true;
        }
    }
    bool optional = is(change, "elapsed_us") && change->kind == CHANGE_REMOVED;
    bool listed = (is(change, "ignored[]") || is(change, "excluded[]")) &&
                  (change->kind == CHANGE_REMOVED || change->kind == CHANGE_TWICE);
    /* It may be left out; what stands there instead of null is no baseline. */
    bool baseline = is(change, "whole_gpu_baseline") && change->kind == CHANGE_NULL &&
                    json_is_null(json_object_get(change->parent, "whole_gpu_baseline"));
    return optional || listed || baseline;
}

/* The order of these lists means nothing. */
static bool is_unordered(const struct change *change)
{
    static const char *const lists[] = {
        "layouts[]",  "instances[]", "existing[]",   "items[]",       "unplaceable[]",
        "excluded[]", "ignored[]",   "placements[]", "transitions[]",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (change->kind == CHANGE_ORDER && ends(change, lists[i])) {
            return true;
        }
    }
    return false;
}

/* A name of an item that has none in the problem is what the writer made of it. */
static bool is_made_up_name(const struct run *run, const struct change *change)
{
    if (!(ends(change, "items[].name") || is(change, "unplaceable[].name")) ||
        !keeps_type(change->kind)) {
        return false;
    }
    const json_t *problem = json_object_get(run->root, "problem");
    const json_t *items = json_object_get(problem, "items");
    size_t item = (size_t)json_integer_value(json_object_get(change->parent, "item"));
    const json_t *named =
        item < json_array_size(items)
            ? json_array_get(items, item)
            : json_array_get(json_object_get(problem, "services"), item - json_array_size(items));
    return json_string_value(json_object_get(named, "name"))[0] == '\0';
}

static bool plans_nodes(const json_t *root)
{
    const json_t *problem = json_object_get(root, "problem");
    return strcmp(json_string_value(json_object_get(problem, "goal")), "nodes") == 0;
}

/* What the checker says that it cannot check, though not every value passes. */
static bool is_not_covered(const struct change *change)
{
    return is(change, "whole_gpu_baseline.cost_usd_per_hour");
}

static bool claims_a_bound(const json_t *root)
{
    const char *key = plans_nodes(root) ? "cost_lower_bound_usd_per_hour" : "lower_bound";
    return json_number_value(json_object_get(root, key)) > 0;
}

static enum expect expect_of(const struct run *run, const struct change *change)
{
    if (is(change, "certificate") && change->kind == CHANGE_NULL) {
        return claims_a_bound(run->root) ? EXPECT_REFUSED : EXPECT_ACCEPTED;
    }
    if (run->false_claim) {
        return EXPECT_REFUSED;
    }
    if (run->certificate) {
        /* Every member is needed, but that which a leaf may have; an element may be one of which
         * the rest does without. */
        static const char filled[] = ".filled";
        size_t n = strlen(change->path);
        bool may_have =
            n >= strlen(filled) && strcmp(change->path + n - strlen(filled), filled) == 0;
        bool member = change->path[n - 1] != ']' && !may_have;
        return change->kind == CHANGE_REMOVED && member ? EXPECT_REFUSED : EXPECT_EITHER;
    }
    if (is_not_covered(change)) {
        return EXPECT_EITHER;
    }
    if (is_free(change) || is_unordered(change) || is_made_up_name(run, change)) {
        return EXPECT_ACCEPTED;
    }
    if (is(change, "layouts[].placements[].start") && !plans_nodes(run->root)) {
        return oracle_layouts_are_legal(run->root) ? EXPECT_ACCEPTED : EXPECT_REFUSED;
    }
    if (strstr(change->pattern, "transitions[]") != NULL) {
        return oracle_transitions_are_legal(run->root) ? EXPECT_ACCEPTED : EXPECT_REFUSED;
    }
    return EXPECT_REFUSED;
}

/* ------------------------------------------------------------------ runs */

static void try_change(void *ctx, const struct change *change)
{
    struct run *run = ctx;
    static struct gs_verify_report report;
    struct gs_err err = {0};
    int r = verify_tree(run->root, &report, &err);
    enum expect expect = expect_of(run, change);
    run->tally.tried++;
    run->tally.refused += r < 0;
    bool wrong = (expect == EXPECT_REFUSED && r == 0) || (expect == EXPECT_ACCEPTED && r < 0) ||
                 (r < 0 && (r != GS_INVALID || err.msg[0] == '\0'));
    if (wrong) {
        run->tally.wrong++;
        printf("# %s: %s %s: %s\n", run->name, change->path, change_names[change->kind],
               r < 0 ? err.msg : "accepted");
    }
}

static void count_change(void *ctx, const struct change *change)
{
    (void)change;
    ((struct run *)ctx)->counted++;
}

static void run_over(struct run *run, const char *key)
{
    run->counted = 0;
    change_all(run->root, key, 1, 0, count_change, run);
    size_t stride = run->counted / CHANGES_MAX + 1;
    change_all(run->root, key, stride, run->counted % stride, try_change, run);
}

static struct tally run_answer(const char *name, json_t *root)
{
    struct run run = {.name = name, .root = root};
    size_t n = json_object_size(root);
    char **keys = calloc(n, sizeof(*keys));
    assert(keys != NULL);
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        keys[i++] = strdup(key);
    }
    for (i = 0; i < n; i++) {
        if (strcmp(keys[i], "problem") != 0 && strcmp(keys[i], "certificate") != 0) {
            run_over(&run, keys[i]);
        }
        free(keys[i]);
    }
    free(keys);
    return run.tally;
}

static struct tally run_certificate(const char *name, json_t *root, bool false_claim)
{
    struct run run = {.name = name, .root = root, .certificate = true, .false_claim = false_claim};
    run_over(&run, "certificate");
    return run.tally;
}

/* ------------------------------------------------------------------ false claims */

static json_t *cheaper(const json_t *offer, double *ret_dollars)
{
    json_t *copy = json_deep_copy(offer);
    json_int_t price = json_integer_value(json_object_get(offer, "price_uusd"));
    json_object_set_new(copy, "price_uusd", json_integer(price / 2));
    json_object_set_new(copy, "name", json_string("cheaper"));
    *ret_dollars = (double)price;
    return copy;
}

/* An offer that the plan buys could be had at half its price: with a shape and proofs like its
 * own, so that the certificate speaks of it. */
static bool offer_cheaper(json_t *root)
{
    const json_t *bought = json_array_get(json_object_get(root, "instances"), 0);
    json_t *offers = json_object_get(json_object_get(root, "problem"), "offers");
    json_t *certificate = json_object_get(root, "certificate");
    json_t *shapes = json_object_get(certificate, "shapes");
    const char *type = json_string_value(json_object_get(bought, "type"));
    size_t i, shape;
    json_t *offer, *one;
    json_array_foreach(offers, i, offer)
    {
        if (type == NULL || strcmp(json_string_value(json_object_get(offer, "name")), type) != 0) {
            continue;
        }
        double price;
        json_t *copy = cheaper(offer, &price);
        json_array_append_new(offers, copy);
        json_array_foreach(shapes, shape, one)
        {
            const char *name = json_string_value(json_object_get(one, "offer"));
            if (name == NULL || strcmp(name, type) != 0) {
                continue;
            }
            json_t *twin = json_deep_copy(one);
            json_object_set_new(twin, "offer", json_string("cheaper"));
            json_array_append_new(shapes, twin);
            size_t n;
            json_t *node;
            json_array_foreach(json_object_get(certificate, "tree"), n, node)
            {
                json_t *proofs = json_object_get(json_object_get(node, "leaf"), "proofs");
                json_array_append_new(proofs, json_deep_copy(json_array_get(proofs, shape)));
            }
            return price > 1;
        }
    }
    return false;
}

/* A node with idle GPUs of a model that the plan takes new ones of. */
static bool add_idle_node(json_t *root)
{
    const json_t *layout = json_array_get(json_object_get(root, "layouts"), 0);
    const char *model = json_string_value(json_object_get(layout, "model"));
    if (model == NULL) {
        return false;
    }
    json_t *node =
        json_pack("{s:s,s:s,s:s,s:n,s:i,s:i,s:i,s:b,s:[{s:s,s:b,s:b,s:s}],s:{},s:i}", "name",
                  "idle", "gpu", model, "model", model, "gpu_memory_mib", "cpu_milli", 0,
                  "memory_bytes", 0, "pods", 0, "layout_known", 1, "gpus", "uuid", "idle", "mig", 1,
                  "whole_in_use", 0, "layout", "", "free_slices", "free_gpus", 0);
    assert(node != NULL);
    json_array_append_new(json_object_get(json_object_get(root, "problem"), "existing"), node);
    return true;
}

/* The plan as it is, in a world with a better one. False: this plan's claim stays true. */
static bool make_false(json_t *root)
{
    if (!json_is_true(json_object_get(root, "proven")) ||
        json_is_null(json_object_get(root, "certificate"))) {
        return false;
    }
    return plans_nodes(root) ? offer_cheaper(root) : add_idle_node(root);
}

/* ------------------------------------------------------------------ files */

static struct tally total;

static bool report_tally(const char *file, const char *what, struct tally tally, unsigned number)
{
    total.tried += tally.tried;
    total.refused += tally.refused;
    printf("%s %u - %s: %s: %zu changes tried, %zu refused, %zu judged wrongly\n",
           tally.wrong == 0 && tally.tried > 0 ? "ok" : "not ok", number, file, what, tally.tried,
           tally.refused, tally.wrong);
    fflush(stdout);
    return tally.wrong == 0 && tally.tried > 0;
}

static bool run_file(const char *path, unsigned *number)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t n;
    const char *bytes = file_bytes(path, &n);
    json_t *root = json_loadb(bytes, n, 0, NULL);
    static struct gs_verify_report report;
    struct gs_err err = {0};
    if (root == NULL || verify_tree(root, &report, &err) < 0) {
        printf("not ok %u - %s is no plan that is accepted: %s\n", ++*number, name, err.msg);
        json_decref(root);
        return false;
    }
    bool ok = report_tally(name, "answer", run_answer(name, root), ++*number);
    if (!json_is_null(json_object_get(root, "certificate"))) {
        struct tally tally = run_certificate(name, root, false);
        ok = report_tally(name, "certificate", tally, ++*number) && ok;
    }
    if (make_false(root)) {
        struct tally tally = run_certificate(name, root, true);
        ok = report_tally(name, "certificate of a false claim", tally, ++*number) && ok;
    }
    json_decref(root);
    return ok;
}

int main(int argc, char **argv)
{
    unsigned number = 0;
    bool ok = argc > 1;
    for (int i = 1; i < argc; i++) {
        ok = run_file(argv[i], &number) && ok;
    }
    printf("# %zu changes tried, %zu refused\n1..%u\n", total.tried, total.refused, number);
    return ok ? 0 : 1;
}
