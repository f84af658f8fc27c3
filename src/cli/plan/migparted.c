#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"
#include "wire/migparted.h"

/* The plan as a file for mig-parted: a configuration for each way that nodes are cut; where nodes
 * are not looked at, for each kind of GPU, as the GPUs of one machine. */

enum { ENTRIES_MAX = GS_OFFER_GPUS_MAX + 1, COMMENT_MAX = 500 };

struct writer {
    struct gs_buf *out;
    struct gs_err *err;
    size_t n_configs;
};

/* "<text>-<number>" within the bounds of a name. */
static void number_name(const char *text, size_t number, char name[GS_MIGPARTED_NAME_MAX + 1])
{
    char base[GS_MIGPARTED_NAME_MAX + 1];
    gs_migparted_name(text, base);
    snprintf(name, GS_MIGPARTED_NAME_MAX + 1, "%.*s-%zu", GS_MIGPARTED_NAME_MAX - 21, base, number);
}

static void comment(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void comment(struct writer *w, const char *fmt, ...)
{
    char text[COMMENT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    gs_migparted_comment(text, w->out);
}

static int config(struct writer *w, const char *name, const struct gs_migparted_entry *entries,
                  size_t n)
{
    w->n_configs++;
    return gs_migparted_config(name, entries, n, w->out, w->err);
}

/* ------------------------------------------------------------------ GPUs */

/* The layouts of one kind of GPU. */
struct kind {
    const char *name;
    size_t from; /* the first of them */
    int64_t gpus;
};

/* The next at `i` or behind it, or n_layouts. */
static size_t next_of(const struct gs_plan *plan, const char *name, size_t i)
{
    while (i < plan->n_layouts && strcmp(plan->layouts[i].gpu_name, name) != 0) {
        i++;
    }
    return i;
}

/* Too many GPUs for one machine: a configuration for each layout, for all GPUs of a machine. */
static int put_apart(struct writer *w, const struct gs_plan *plan, const struct kind *kind)
{
    int r = 0;
    for (size_t i = kind->from; r == 0 && i < plan->n_layouts;
         i = next_of(plan, kind->name, i + 1)) {
        const struct gs_plan_layout *layout = &plan->layouts[i];
        char name[GS_MIGPARTED_NAME_MAX + 1];
        number_name(layout->gpu_name, i + 1, name);
        const struct gs_migparted_entry entry = {
            .mig = !layout->whole, .model = layout->model, .counts = layout->counts};
        comment(w, "%lld GPU%s of the plan, wherever they are", (long long)layout->count,
                layout->count == 1 ? "" : "s");
        r = config(w, name, &entry, 1);
    }
    return r;
}

/* One configuration, the GPUs numbered in the order of the layouts: what `mig apply` takes as it
 * is, on a machine that has these GPUs. */
static int put_together(struct writer *w, const struct gs_plan *plan, const struct kind *kind)
{
    unsigned numbers[GS_MIGPARTED_GPUS_MAX];
    struct gs_migparted_entry entries[GS_MIGPARTED_GPUS_MAX];
    size_t n = 0;
    unsigned next = 0;
    for (size_t i = kind->from; i < plan->n_layouts; i = next_of(plan, kind->name, i + 1)) {
        const struct gs_plan_layout *layout = &plan->layouts[i];
        if (layout->count == 0) {
            continue;
        }
        entries[n++] = (struct gs_migparted_entry){.gpus = numbers + next,
                                                   .n_gpus = (unsigned)layout->count,
                                                   .mig = !layout->whole,
                                                   .model = layout->model,
                                                   .counts = layout->counts};
        for (int64_t k = 0; k < layout->count; k++, next++) {
            numbers[next] = next;
        }
    }
    char name[GS_MIGPARTED_NAME_MAX + 1];
    gs_migparted_name(kind->name, name);
    comment(w, "for a machine that has %u %s; number the GPUs otherwise where it has others too",
            next, kind->name);
    return n == 0 ? 0 : config(w, name, entries, n);
}

static int put_gpu_layouts(struct writer *w, const struct gs_plan *plan)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < plan->n_layouts; i++) {
        struct kind kind = {.name = plan->layouts[i].gpu_name, .from = i};
        if (next_of(plan, kind.name, 0) < i) {
            continue;
        }
        for (size_t k = i; k < plan->n_layouts; k = next_of(plan, kind.name, k + 1)) {
            kind.gpus += plan->layouts[k].count;
        }
        r = kind.gpus > GS_MIGPARTED_GPUS_MAX ? put_apart(w, plan, &kind)
                                              : put_together(w, plan, &kind);
    }
    return r;
}

/* ------------------------------------------------------------------ new nodes */

/* GPUs are numbered in the order of the layouts; those that are used whole, or not at all, come
 * last. */
static size_t entries_of(const struct gs_plan_nodes *nodes, unsigned *numbers,
                         struct gs_migparted_entry *entries)
{
    size_t n = 0;
    unsigned next = 0;
    for (size_t i = 0; i < nodes->n_layouts; i++) {
        const struct gs_plan_layout *layout = &nodes->layouts[i];
        if (layout->whole) {
            continue;
        }
        unsigned first = next;
        next += (unsigned)layout->count;
        entries[n++] = (struct gs_migparted_entry){
            .gpus = numbers + first,
            .n_gpus = next - first == nodes->offer->gpus ? 0 : next - first,
            .mig = true,
            .model = layout->model,
            .counts = layout->counts,
        };
    }
    if (next < nodes->offer->gpus) {
        entries[n++] = (struct gs_migparted_entry){
            .gpus = numbers + next, .n_gpus = next == 0 ? 0 : nodes->offer->gpus - next};
    }
    return n;
}

static int put_new_nodes(struct writer *w, const struct gs_plan *plan)
{
    unsigned numbers[GS_OFFER_GPUS_MAX];
    for (unsigned i = 0; i < GS_OFFER_GPUS_MAX; i++) {
        numbers[i] = i;
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < plan->n_nodes; i++) {
        const struct gs_plan_nodes *nodes = &plan->nodes[i];
        const char *are = nodes->count == 1 ? " is" : "s are";
        if (nodes->offer->model == NULL || nodes->offer->gpus == 0) {
            comment(w, "%lld %s: no GPU there is cut", (long long)nodes->count, nodes->offer->name);
            continue;
        }
        struct gs_migparted_entry entries[ENTRIES_MAX];
        char name[GS_MIGPARTED_NAME_MAX + 1];
        number_name(nodes->offer->name, i + 1, name);
        comment(w, "%lld node%s %s", (long long)nodes->count, are, nodes->offer->name);
        r = config(w, name, entries, entries_of(nodes, numbers, entries));
    }
    return r;
}

/* ------------------------------------------------------------------ nodes that are there */

static bool any_in_use(const struct gs_existing_gpu *gpu)
{
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        if (gpu->slices[i].in_use) {
            return true;
        }
    }
    return false;
}

static void tell_busy(struct writer *w, const char *config_name,
                      const struct gs_existing_node *node, const struct gs_cmd_plan_change *changes,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (any_in_use(&node->gpus[changes[i].gpu])) {
            comment(w,
                    "%s leaves out GPU %u: slices on it are in use, and mig-parted would stop at "
                    "them; gpuslice plan -o table lists the steps",
                    config_name, changes[i].gpu);
        }
    }
}

/* mig-parted cuts a GPU anew as a whole, so only GPUs without slices in use are for it. */
static int put_existing_node(struct writer *w, const struct gs_cmd_plan_question *question,
                             const struct gs_plan_existing *existing, size_t number)
{
    const struct gs_existing_node *node = existing->node;
    const struct gs_cmd_plan_change *changes;
    size_t n;
    int r = gs_cmd_plan_changes(question, existing, &changes, &n, w->err);
    if (r < 0 || n == 0) {
        return r;
    }
    struct gs_migparted_entry entries[GS_MIGPARTED_GPUS_MAX];
    unsigned numbers[GS_MIGPARTED_GPUS_MAX];
    size_t n_entries = 0;
    for (size_t i = 0; i < n && n_entries < GS_MIGPARTED_GPUS_MAX; i++) {
        const struct gs_cmd_plan_change *change = &changes[i];
        if (!any_in_use(&node->gpus[change->gpu])) {
            numbers[n_entries] = change->gpu;
            entries[n_entries] = (struct gs_migparted_entry){
                .gpus = &numbers[n_entries],
                .n_gpus = 1,
                .mig = !change->whole,
                .model = node->model,
                .counts = existing->added[change->gpu].counts,
            };
            n_entries++;
        }
    }
    char name[GS_MIGPARTED_NAME_MAX + 1];
    number_name("existing", number, name);
    comment(w, "%s is for node %.253s", name, node->name);
    tell_busy(w, name, node, changes, n);
    return n_entries == 0 ? 0 : config(w, name, entries, n_entries);
}

int gs_cmd_plan_write_migparted(const struct gs_cmd_plan_question *question,
                                const struct gs_cmd_plan_answer *answer, struct gs_err *err)
{
    const struct gs_plan *plan = &answer->plan;
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    struct writer w = {.out = &out, .err = err};
    gs_migparted_begin(&out);
    int r = plan->goal == GS_PLAN_GPUS ? put_gpu_layouts(&w, plan) : put_new_nodes(&w, plan);
    for (size_t i = 0; r == 0 && i < plan->n_existing; i++) {
        r = put_existing_node(&w, question, &plan->existing[i], i + 1);
    }
    if (r == 0 && w.n_configs == 0) {
        return gs_fail(err, GS_INFEASIBLE,
                       "the plan cuts no GPU: nothing is left to tell "
                       "mig-parted");
    }
    return r < 0 ? r : gs_output_text(&out, err);
}
