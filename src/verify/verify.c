#include "verify/verify.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "verify/check.h"

#define MEMORY_MAX ((size_t)4 << 30)

void gs_check_note(struct gs_check *check, const char *fmt, ...)
{
    struct gs_verify_report *report = check->report;
    if (report->n_notes < GS_VERIFY_NOTES_MAX) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(report->notes[report->n_notes++], GS_VERIFY_NOTE_MAX, fmt, ap);
        va_end(ap);
    }
}

/* ------------------------------------------------------------------ what else there is */

/* Types that were asked for and not planned with: they are no offers. */
static int check_excluded(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field list;
    size_t n;
    int r = gs_field_list(root, "excluded", 100000, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field entry = gs_field_item(&list, i);
        const char *type, *reason;
        r = gs_field_text(&entry, "type", &type, check->err);
        r = r < 0 ? r : gs_field_text(&entry, "reason", &reason, check->err);
        const struct gs_problem_node *node =
            r < 0 ? NULL : gs_problem_node_named(&check->problem, type);
        if (node != NULL && !node->existing) {
            r = gs_field_fail(&entry, check->err, "%s is excluded, and it is offered", type);
        }
    }
    return r;
}

static int check_rest(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field list;
    size_t n = 0;
    uint64_t elapsed;
    int r = check_excluded(check, root);
    r = r < 0 ? r : gs_field_list(root, "ignored", 100000, &list, &n, check->err);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct gs_field sentence = gs_field_item(&list, i);
        const char *text;
        r = gs_field_to_text(&sentence, &text, check->err);
    }
    return r < 0 || !gs_field_has(root, "elapsed_us")
               ? r
               : gs_field_u64(root, "elapsed_us", 0, INT64_MAX, &elapsed, check->err);
}

/* Without one a plan may claim no more than that nothing costs less than nothing. */
static int check_without_certificate(struct gs_check *check, const struct gs_field *certificate)
{
    struct gs_verify_report *report = check->report;
    if (report->claimed_bound > 0) {
        return gs_field_fail(certificate, check->err,
                             "there is none, and the plan says %s; expected the certificate, "
                             "without which nothing shows it (plan without --certificate no)",
                             report->proven ? "that it is proven" : "that it has a lower bound");
    }
    report->bound = check->value > 0 ? GS_VERIFY_BOUND_NONE : GS_VERIFY_BOUND_PROVEN;
    return 0;
}

static int check_certificate(struct gs_check *check, const struct gs_field *root)
{
    struct gs_verify_report *report = check->report;
    struct gs_field certificate;
    int r = gs_field_get(root, "certificate", &certificate, check->err);
    if (r == 0 && gs_field_is_null(&certificate)) {
        return check_without_certificate(check, &certificate);
    }
    if (r == 0) {
        r = check->problem.nodes
                ? gs_check_certificate_nodes(check, &certificate, &report->proven_bound)
                : gs_check_certificate_gpus(check, &certificate, &report->proven_bound);
    }
    if (r == 0 && report->bound != GS_VERIFY_BOUND_PROVEN) {
        report->proven = false;
    }
    return r;
}

/* ------------------------------------------------------------------ all of it */

static int no_memory(struct gs_check *check)
{
    return gs_fail(check->err, GS_NO_MEMORY, "no memory for checking a plan");
}

static int make_room(struct gs_check *check)
{
    const struct gs_problem *problem = &check->problem;
    check->unplaced = GS_ARENA_NEW(check->arena, uint64_t, problem->n_items);
    check->served = GS_ARENA_NEW(check->arena, uint64_t, problem->n_items);
    check->bought = GS_ARENA_NEW(check->arena, uint64_t, problem->n_nodes);
    if (check->unplaced == NULL || check->served == NULL || check->bought == NULL) {
        return no_memory(check);
    }
    return problem->nodes ? 0
                          : gs_supply_gpus(check->arena, problem, &check->targets,
                                           &check->n_targets, check->err);
}

static int check_document(struct gs_check *check, const struct gs_field *root)
{
    struct gs_field problem;
    int r = gs_field_object(root, "problem", &problem, check->err);
    r = r < 0 ? r : gs_problem_read(check->arena, &problem, &check->problem, check->err);
    r = r < 0 ? r : make_room(check);
    r = r < 0 ? r : gs_check_read_unplaceable(check, root);
    r = r < 0 ? r : gs_check_answer(check, root);
    r = r < 0 ? r : gs_check_figures(check, root);
    r = r < 0 ? r : gs_check_unplaceable(check, root);
    r = r < 0 ? r : check_rest(check, root);
    return r < 0 ? r : check_certificate(check, root);
}

static int check_tree(const struct gs_alloc *source, const json_t *tree,
                      struct gs_verify_report *report, struct gs_err *err)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    GS_CLEANUP(gs_arena_done) struct gs_arena scratch;
    gs_arena_init(&arena, source, MEMORY_MAX);
    gs_arena_init(&scratch, source, MEMORY_MAX);
    struct gs_check check = {.arena = &arena, .scratch = &scratch, .err = err, .report = report};
    const struct gs_field root = {.value = tree};
    int r = check_document(&check, &root);
    report->nodes = check.problem.nodes;
    report->gpus_used = check.gpus_used;
    report->value = check.value;
    return r;
}

int gs_verify_plan_with(const struct gs_alloc *source, const char *label, struct gs_view bytes,
                        struct gs_verify_report *ret, struct gs_err *err)
{
    if (bytes.n > GS_VERIFY_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: %zu bytes are too much to check; expected %d at most",
                       label, bytes.n, GS_VERIFY_BYTES_MAX);
    }
    json_error_t error;
    (void)gs_view_skip(&bytes, "\xEF\xBB\xBF");
    json_t *tree =
        json_loadb(bytes.p == NULL ? "" : bytes.p, bytes.n, JSON_REJECT_DUPLICATES, &error);
    if (tree == NULL) {
        int code = json_error_code(&error) == json_error_out_of_memory ? GS_NO_MEMORY : GS_INVALID;
        for (char *c = error.text; *c != '\0'; c++) {
            *c = (unsigned char)*c < 0x20 || *c == 0x7F ? '?' : *c; /* it quotes the file */
        }
        return gs_fail(err, code, "%s:%d: %s; expected a plan as JSON, as plan -o json writes it",
                       label, error.line, error.text);
    }
    struct gs_verify_report report = {.nodes = false};
    int r = check_tree(source, tree, &report, err);
    json_decref(tree);
    if (r < 0) {
        return gs_wrap(err, r, "%s", label);
    }
    *ret = report;
    return 0;
}

int gs_verify_plan(const char *label, struct gs_view bytes, struct gs_verify_report *ret,
                   struct gs_err *err)
{
    return gs_verify_plan_with(&gs_alloc_heap, label, bytes, ret, err);
}

/* ------------------------------------------------------------------ words */

static const char *bound_words(const struct gs_verify_report *report)
{
    switch (report->bound) {
    case GS_VERIFY_BOUND_PROVEN:
        return !report->proven            ? "bound: proven"
               : report->unplaceable == 0 ? "nothing does with less: proven"
                                          : "nothing does with less for what is placed: proven";
    case GS_VERIFY_BOUND_PRICES:
        return "bound: checked up to prices";
    case GS_VERIFY_BOUND_OPEN:
        return "bound: not checked to the end";
    case GS_VERIFY_BOUND_NONE:
        return "it gives no bound";
    }
    return "";
}

static size_t put(char *text, size_t size, size_t used, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static size_t put(char *text, size_t size, size_t used, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = used < size ? vsnprintf(text + used, size - used, fmt, ap) : 0;
    va_end(ap);
    used += n > 0 ? (size_t)n : 0;
    return used < size ? used : size;
}

void gs_verify_format(const struct gs_verify_report *report, char *ret_text, size_t size)
{
    size_t used = put(ret_text, size, 0, "accepted: %" PRIu64 " items", report->items);
    if (report->services > 0) {
        used = put(ret_text, size, used, " and %" PRIu64 " services", report->services);
    }
    used = put(ret_text, size, used,
               " served (%" PRIu64 " unplaceable), %" PRIu64 " GPUs' layouts, %" PRIu64 " steps, ",
               report->unplaceable, report->layouts, report->steps);
    if (report->nodes) {
        used = put(ret_text, size, used,
                   "$%" PRIu64 ".%06" PRIu64 " an hour, at least $%" PRIu64 ".%06" PRIu64,
                   report->value / 1000000, report->value % 1000000,
                   report->claimed_bound / 1000000, report->claimed_bound % 1000000);
    } else {
        used = put(ret_text, size, used, "%" PRIu64 " GPUs, at least %" PRIu64, report->value,
                   report->claimed_bound);
    }
    used = put(ret_text, size, used, "; %s (%" PRIu64 " leaves)\n", bound_words(report),
               report->leaves);
    for (unsigned i = 0; i < report->n_notes; i++) {
        used = put(ret_text, size, used, "not checked: %s\n", report->notes[i]);
    }
}
