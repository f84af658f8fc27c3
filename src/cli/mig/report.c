/* A change of GPUs as a document and as drawings. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/draw.h"
#include "cli/mig/change.h"
#include "cli/mig/preview.h"

/* ---- the document ---- */

static void put_lines(struct gs_result *result, const char *key, const struct gs_buf *lines)
{
    json_t *list = gs_result_array(result, result->root, key);
    struct gs_view rest = gs_view(gs_buf_text(lines));
    while (rest.p != NULL) {
        struct gs_view line = gs_view_split(&rest, '\n');
        char text[1100];
        if (line.n > 0) {
            snprintf(text, sizeof(text), "%.*s", (int)line.n, line.p);
            gs_result_text(result, list, NULL, text);
        }
    }
}

/* One side of a GPU: {"mig_mode", "mig_mode_pending", "gpu_instances"}; null where it is not known.
 */
static void put_side(struct gs_result *result, json_t *at, const char *key,
                     const struct gs_gpu_view *view)
{
    if (view == NULL || view->code < 0) {
        gs_result_null(result, at, key);
        return;
    }
    json_t *side = gs_result_object(result, at, key);
    gs_result_text(result, side, "mig_mode", gs_gpu_mode_word(view->facts.mode));
    gs_result_text(result, side, "mig_mode_pending", gs_gpu_mode_word(view->facts.pending));
    gs_gpu_put_instances(result, side, "gpu_instances", view);
}

static void put_gpu(struct gs_result *result, json_t *at, const struct gs_mig_change *change,
                    const struct gs_gpu_view *before, const struct gs_gpu_view *after)
{
    const struct gs_apply_report *report = &change->report;
    bool judged = !change->args->dry_run && before->index < report->n;
    gs_result_number(result, at, "index", before->index);
    gs_result_text(result, at, "uuid", before->code < 0 ? NULL : before->facts.uuid);
    gs_result_text(result, at, "error", before->code < 0 ? before->why.msg : NULL);
    gs_result_text(result, at, "condition",
                   judged ? gs_apply_condition_name(report->gpus[before->index]) : NULL);
    if (after == NULL) {
        gs_result_null(result, at, "changes");
    } else {
        gs_result_bool(result, at, "changes", gs_mig_differs(before, after));
    }
    put_side(result, at, "before", before);
    put_side(result, at, "after", after);
}

static void put_made(struct gs_result *result, const struct gs_slice_made *made)
{
    json_t *list = gs_result_array(result, result->root, "made");
    for (unsigned i = 0; i < made->n; i++) {
        json_t *item = gs_result_object(result, list, NULL);
        gs_result_number(result, item, "gpu", made->gpu);
        gs_result_number(result, item, "gpu_instance", made->gi);
        gs_result_number(result, item, "compute_instance", made->compute[i].id);
        gs_result_text(result, item, "uuid", made->compute[i].uuid);
    }
}

/* MIG devices that went and came: what was done, or in a dry run what would be. */
static void put_sum(struct gs_result *result, const struct gs_mig_change *change,
                    const struct gs_gpu_machine *after)
{
    unsigned destroyed = 0;
    unsigned created = 0;
    unsigned there = 0;
    json_t *sum = gs_result_object(result, result->root, "slices");
    for (unsigned k = 0; k < GS_GPUS_MAX; k++) {
        destroyed += change->tap.all[k].destroyed;
        created += change->tap.all[k].created;
    }
    bool planned = change->args->dry_run && after != NULL;
    for (unsigned k = 0; planned && k < after->n; k++) {
        const struct gs_gpu_view *was = &change->before.at[k];
        const struct gs_gpu_view *will = &after->at[k];
        planned = was->code == will->code; /* else it is not known what it will be */
        for (unsigned i = 0; i < was->instances.n; i++) {
            there += was->instances.at[i].n_compute;
        }
        for (unsigned i = 0; i < will->instances.n; i++) {
            const struct gs_gpu_instance *gi = &will->instances.at[i];
            for (unsigned j = 0; j < gi->n_compute; j++) {
                created += gi->compute[j].id == GS_NOT_KNOWN ? 1 : 0;
                there -= gi->compute[j].id == GS_NOT_KNOWN ? 0 : 1;
            }
        }
    }
    bool known = planned || !change->args->dry_run;
    gs_result_known(result, sum, "destroyed", !known ? GS_NOT_KNOWN : planned ? there : destroyed);
    gs_result_known(result, sum, "created", known ? created : GS_NOT_KNOWN);
}

int gs_mig_change_write_doc(const struct gs_mig_change *change, const struct gs_gpu_machine *after,
                            int r, const struct gs_err *failed, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_text(&result, result.root, "command", change->what);
    gs_result_bool(&result, result.root, "dry_run", change->args->dry_run);
    gs_result_bool(&result, result.root, "ok", r == 0);
    gs_result_text(&result, result.root, "error", r < 0 ? failed->msg : NULL);
    gs_result_text(&result, result.root, "checkpoint",
                   change->kept[0] == '\0' ? NULL : change->kept);
    put_lines(&result, "notes", &change->notes);
    put_lines(&result, "steps", &change->steps);
    put_made(&result, &change->made);
    put_sum(&result, change, after);
    json_t *gpus = gs_result_array(&result, result.root, "gpus");
    for (unsigned i = 0; i < change->before.n; i++) {
        put_gpu(&result, gs_result_object(&result, gpus, NULL), change, &change->before.at[i],
                after == NULL || i >= after->n ? NULL : &after->at[i]);
    }
    return gs_output_result(&result, (enum gs_format)change->args->format, err);
}

/* ---- the drawings ---- */

static void put_bar(const char *when, const struct gs_gpu_view *view, struct gs_buf *out)
{
    gs_buf_printf(out, "%-8s", when);
    if (view->code < 0) {
        gs_buf_puts(out, view->why.msg);
    } else if (view->has_layout) {
        gs_gpu_view_draw(view, out);
    } else if (view->facts.mode == GS_MIG_ON) {
        gs_buf_printf(out, "%u slices, whose places are not known", view->instances.n);
    } else {
        gs_buf_printf(out, "MIG %s", gs_gpu_mode_text(&view->facts));
    }
    gs_buf_puts(out, "\n");
}

void gs_mig_change_draw(const struct gs_mig_change *change, const struct gs_gpu_machine *after,
                        struct gs_buf *out)
{
    const struct gs_gpu_view *drawn[2 * GS_GPUS_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < change->before.n; i++) {
        const struct gs_gpu_view *was = &change->before.at[i];
        const struct gs_gpu_view *will = &after->at[i];
        if (was->code < 0 || !gs_mig_differs(was, will)) {
            continue;
        }
        gs_buf_printf(out, "\nGPU %u: ", i);
        gs_text_clean(out, was->facts.name, strlen(was->facts.name));
        gs_buf_puts(out, "\n");
        const struct gs_gpu_view *bar = was->has_layout ? was : will;
        if (bar->code == 0 && bar->has_layout) {
            gs_buf_printf(out, "%-8s", "");
            gs_draw_ruler(bar->model, out);
            gs_buf_puts(out, "\n");
        }
        put_bar("before", was, out);
        put_bar("after", will, out);
        drawn[n++] = was;
        drawn[n++] = will;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf legend;
    gs_buf_init(&legend, 400);
    gs_gpu_put_legend(drawn, n, &legend);
    gs_buf_printf(out, "%s%s", legend.len > 0 ? "\n" : "", gs_buf_text(&legend));
}
