#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/plan/plan.h"

enum { NOTE_MAX = 1000 };

static int keep(struct gs_cmd_plan_question *question, struct gs_cmd_plan_texts *notes,
                struct gs_err *err, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

static int keep(struct gs_cmd_plan_question *question, struct gs_cmd_plan_texts *notes,
                struct gs_err *err, const char *fmt, va_list ap)
{
    char text[NOTE_MAX];
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    const char *kept = gs_arena_text(question->arena, text, len);
    if (kept == NULL || !gs_arena_room(question->arena, &notes->items, &notes->cap, notes->n,
                                       sizeof(*notes->items))) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for notes");
    }
    notes->items[notes->n++] = kept;
    return 0;
}

int gs_cmd_plan_note(struct gs_cmd_plan_question *question, struct gs_err *err, const char *fmt,
                     ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = keep(question, &question->ignored, err, fmt, ap);
    va_end(ap);
    return r;
}

int gs_cmd_plan_note_volume(struct gs_cmd_plan_question *question, struct gs_err *err,
                            const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = keep(question, &question->volumes, err, fmt, ap);
    va_end(ap);
    return r;
}

const char *gs_cmd_plan_item_name(const struct gs_cmd_plan_question *question, uint32_t item)
{
    const struct gs_plan_input *input = &question->input;
    if (item >= input->n_items) {
        return input->services[item - input->n_items].name;
    }
    const char *name = input->items[item].name;
    return name == NULL || name[0] == '\0' ? "(no name)" : name;
}

static int note_tally(struct gs_cmd_plan_question *question, const struct gs_kubeplan_tally *tally,
                      const char *what, struct gs_err *err)
{
    if (tally->pods == 0) {
        return 0;
    }
    return gs_cmd_plan_note(question, err, "%llu pod%s (%s%.200s): %s",
                            (unsigned long long)tally->pods, tally->pods == 1 ? "" : "s",
                            tally->pods == 1 ? "" : "the first is ",
                            tally->first == NULL ? "no name" : tally->first, what);
}

/* Pods that were left aside, but for those of which nobody would expect otherwise. */
static int note_fates(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    static const enum gs_kubeplan_fate told[] = {GS_FATE_NO_GPU, GS_FATE_LEAVING, GS_FATE_REFUSED,
                                                 GS_FATE_NODE_UNKNOWN, GS_FATE_ADRIFT};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(told) / sizeof(told[0]); i++) {
        char what[200];
        snprintf(what, sizeof(what), "not planned, %s", gs_kubeplan_fate_text(told[i]));
        r = note_tally(question, &question->cluster->fates[told[i]], what, err);
    }
    return r;
}

static int note_unobeyed(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_kubeplan_summary *cluster = question->cluster;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < GS_UNOBEYED_COUNT; i++) {
        char what[300];
        bool names_one = i == GS_UNOBEYED_OTHER_RESOURCE && cluster->other_resource != NULL;
        snprintf(what, sizeof(what), "not looked at: %s%s%.120s",
                 gs_kubepod_unobeyed_text((enum gs_kubepod_unobeyed)i),
                 names_one ? " such as " : "", names_one ? cluster->other_resource : "");
        r = note_tally(question, &cluster->unobeyed[i], what, err);
    }
    return r;
}

static int note_cluster(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    const struct gs_kubenotes *notes = &question->cluster->notes;
    int r = note_fates(question, err);
    r = r < 0 ? r : note_unobeyed(question, err);
    for (size_t i = 0; r == 0 && i < notes->n; i++) {
        r = gs_cmd_plan_note(question, err, "%s", notes->texts[i]);
    }
    if (r == 0 && notes->left_out > 0) {
        r = gs_cmd_plan_note(question, err, "and %llu more notes about the cluster",
                             (unsigned long long)notes->left_out);
    }
    return r;
}

/* One sentence an item and label, whatever number of offers it is about. */
static int note_unchecked(struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                          size_t first, struct gs_err *err)
{
    const struct gs_plan_unchecked *one = &plan->unchecked[first];
    size_t more = 0;
    for (size_t i = 0; i < plan->n_unchecked; i++) {
        const struct gs_plan_unchecked *other = &plan->unchecked[i];
        if (other->item != one->item || strcmp(other->key, one->key) != 0) {
            continue;
        }
        if (i < first) {
            return 0; /* said already */
        }
        more += i > first ? 1 : 0;
    }
    char others[40] = "";
    if (more > 0) {
        snprintf(others, sizeof(others), " and %zu more", more);
    }
    return gs_cmd_plan_note(question, err,
                            "%.200s asks for a node by the label %.200s, and whether %.100s%s will "
                            "carry it is not known beforehand",
                            gs_cmd_plan_item_name(question, one->item), one->key, one->offer,
                            others);
}

/* GPUs alone know no nodes, so what is about nodes cannot be held to. */
static int note_goal_gpus(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    size_t amounts = 0;
    size_t constraints = 0;
    for (size_t i = 0; i < question->input.n_items; i++) {
        const struct gs_item *item = &question->input.items[i];
        amounts += item->cpu_milli > 0 || item->memory_bytes > 0 ? 1 : 0;
        constraints += item->constraint != NULL || item->bound_node != NULL ? 1 : 0;
    }
    int r = 0;
    if (amounts > 0) {
        r = gs_cmd_plan_note(question, err,
                             "CPU and host memory of %zu kind%s of items: with --model GPUs are "
                             "counted, not nodes",
                             amounts, amounts == 1 ? "" : "s");
    }
    if (r == 0 && constraints > 0) {
        r = gs_cmd_plan_note(question, err,
                             "node selectors, affinity and tolerations of %zu kind%s of items: "
                             "with --model GPUs are counted, not nodes",
                             constraints, constraints == 1 ? "" : "s");
    }
    return r;
}

int gs_cmd_plan_note_ignored(struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                             struct gs_err *err)
{
    int r = question->cluster == NULL ? 0 : note_cluster(question, err);
    if (r == 0 && plan->goal == GS_PLAN_GPUS) {
        r = note_goal_gpus(question, err);
    }
    for (size_t i = 0; r == 0 && i < plan->n_unchecked; i++) {
        r = note_unchecked(question, plan, i, err);
    }
    return r;
}
