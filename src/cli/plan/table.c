#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/draw.h"
#include "cli/plan/plan.h"

enum { CENTS_UUSD = 10000 };

/* ------------------------------------------------------------------ words */

void gs_cmd_plan_format_dollars(int64_t uusd, char ret_text[GS_CMD_PLAN_DOLLARS_MAX])
{
    int64_t amount = uusd < 0 ? -uusd : uusd;
    bool small = amount < 100 * CENTS_UUSD;
    int64_t unit = small ? CENTS_UUSD / 100 : CENTS_UUSD;
    int64_t parts = (amount + unit / 2) / unit;
    int64_t whole = small ? 10000 : 100;
    snprintf(ret_text, GS_CMD_PLAN_DOLLARS_MAX, small ? "%s$%lld.%04lld" : "%s$%lld.%02lld",
             uusd < 0 ? "-" : "", (long long)(parts / whole), (long long)(parts % whole));
}

/* Hundredths of a percent, rounded up: "0.04". */
static void format_gap(const struct gs_plan *plan, char *text, size_t size)
{
    __int128 part = (__int128)(plan->value - plan->bound) * 10000;
    __int128 base = plan->bound > 0 ? plan->bound : 1;
    long long hundredths = (long long)((part + base - 1) / base);
    snprintf(text, size, "%lld.%02lld", hundredths / 100, hundredths % 100);
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static int64_t nodes_of(const struct gs_plan *plan)
{
    int64_t n = 0;
    for (size_t i = 0; i < plan->n_nodes; i++) {
        n += plan->nodes[i].count;
    }
    return n;
}

/* ------------------------------------------------------------------ the headline */

/* What a claim is about. */
static const char *of_what(const struct gs_plan *plan)
{
    return plan->n_unplaced > 0 ? " for what is placed" : "";
}

static void put_gpus_headline(const struct gs_plan *plan, char *text, size_t size)
{
    int n = snprintf(text, size, "%lld GPU%s%s", (long long)plan->value, plural(plan->value),
                     of_what(plan));
    char *rest = text + n;
    size_t left = size - (size_t)n;
    if (plan->value == 0) {
        snprintf(text, size, "no new GPU: what is there takes all %s",
                 plan->n_unplaced > 0 ? "that can be placed" : "of it");
    } else if (plan->value == 1) {
        snprintf(rest, left, ": proven, as none is not enough");
    } else if (plan->proven) {
        snprintf(rest, left, ": proven, nobody can do it with %lld", (long long)plan->value - 1);
    } else {
        snprintf(rest, left, "; at least %lld are needed", (long long)plan->bound);
    }
}

static void put_nodes_headline(const struct gs_plan *plan, char *text, size_t size)
{
    char dollars[GS_CMD_PLAN_DOLLARS_MAX];
    char gap[40];
    gs_cmd_plan_format_dollars(plan->value, dollars);
    int64_t nodes = nodes_of(plan);
    int n = snprintf(text, size, "%s an hour for %lld node%s with %lld GPU%s%s", dollars,
                     (long long)nodes, plural(nodes), (long long)plan->gpus_used,
                     plural(plan->gpus_used), of_what(plan));
    char *rest = text + n;
    size_t left = size - (size_t)n;
    if (nodes == 0) {
        snprintf(text, size, "no new node: what is there takes all %s",
                 plan->n_unplaced > 0 ? "that can be placed" : "of it");
    } else if (plan->proven) {
        snprintf(rest, left, ": proven, nobody can do it for less");
    } else if (plan->bound == 0) {
        snprintf(rest, left, "; how far above the cheapest is not known");
    } else {
        format_gap(plan, gap, sizeof(gap));
        snprintf(rest, left, ": at most %s %% above the cheapest possible", gap);
    }
}

/* Whole percents that are saved, rounded down. */
static int64_t saved_percent(int64_t value, int64_t baseline)
{
    return baseline <= value ? 0 : (int64_t)((__int128)(baseline - value) * 100 / baseline);
}

static void put_baseline(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                         struct gs_buf *out)
{
    const struct gs_plan_input *input = &question->input;
    const char *who = input->n_services == 0 ? "a GPU of its own for each slice"
                      : input->n_items == 0  ? "whole GPUs for each service"
                                             : "a GPU of its own for each slice, whole ones for "
                                               "each service,";
    if (!plan->has_baseline || plan->baseline_gpus == 0) {
        return;
    }
    gs_buf_printf(out, "%s would take %lld GPU%s", who, (long long)plan->baseline_gpus,
                  plural(plan->baseline_gpus));
    if (plan->goal == GS_PLAN_GPUS) {
        gs_buf_printf(out, ": %lld %% saved\n",
                      (long long)saved_percent(plan->value, plan->baseline_gpus));
    } else if (plan->baseline_uusd < 0) {
        gs_buf_puts(out, ", and some item can run on no new node of these types so\n");
    } else {
        char dollars[GS_CMD_PLAN_DOLLARS_MAX];
        gs_cmd_plan_format_dollars(plan->baseline_uusd, dollars);
        gs_buf_printf(out, " at %s an hour: %lld %% saved\n", dollars,
                      (long long)saved_percent(plan->value, plan->baseline_uusd));
    }
}

static void put_headline(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                         bool styled, struct gs_buf *out)
{
    char text[300];
    if (plan->n_unplaced > 0 && plan->value == 0 && plan->n_existing == 0) {
        snprintf(text, sizeof(text), "nothing to buy: none of it can be placed on anything new");
    } else if (plan->goal == GS_PLAN_GPUS) {
        put_gpus_headline(plan, text, sizeof(text));
    } else {
        put_nodes_headline(plan, text, sizeof(text));
    }
    if (styled) {
        gs_text_styled(out, plan->proven ? GS_STYLE_GOOD : GS_STYLE_BOLD, text);
    } else {
        gs_buf_puts(out, text);
    }
    gs_buf_puts(out, "\n");
    if (plan->n_unplaced > 0) {
        gs_buf_printf(out, "not in it: items that cannot be placed, listed below\n");
    }
    if (question->args->quick) {
        gs_buf_puts(out, "quick: the proven optimum was not searched for\n");
    }
    put_baseline(question, plan, out);
}

/* ------------------------------------------------------------------ layouts */

static void put_layout_row(struct gs_table *table, const struct gs_plan_layout *cut)
{
    if (cut->whole) {
        gs_table_put(table, "whole");
        gs_table_putf(table, "%lld", (long long)cut->count);
        gs_table_put(table, "");
        return;
    }
    struct gs_layout layout;
    char name[GS_LAYOUT_TEXT_MAX + 1];
    gs_layout_from_set(cut->table, cut->table->sets[cut->state], 0, &layout);
    gs_layout_counts_format(cut->model, cut->counts, name);
    GS_CLEANUP(gs_buf_done) struct gs_buf bar;
    gs_buf_init(&bar, 1024);
    gs_draw_bar(cut->model, &layout, 0, &bar);
    gs_table_put(table, name);
    gs_table_putf(table, "%lld", (long long)cut->count);
    gs_table_put(table, gs_buf_text(&bar));
}

/* Layouts of one kind of GPU, [first, end), with the ruler of its memory units. */
static void put_layouts_of(const struct gs_plan_layout *layouts, size_t first, size_t end,
                           bool styled, struct gs_buf *out)
{
    const struct gs_plan_layout *one = &layouts[first];
    GS_CLEANUP(gs_buf_done) struct gs_buf ruler;
    gs_buf_init(&ruler, 1024);
    bool any_cut = false;
    for (size_t i = first; i < end; i++) {
        any_cut = any_cut || !layouts[i].whole;
    }
    if (any_cut) {
        gs_draw_ruler(one->model, &ruler);
    }
    const struct gs_column columns[] = {
        {.title = one->gpu_name}, {.title = "GPUS", .right = true}, {.title = gs_buf_text(&ruler)}};
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = first; i < end; i++) {
        put_layout_row(table, &layouts[i]);
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

static void put_layouts(const struct gs_plan *plan, bool styled, struct gs_buf *out)
{
    size_t first = 0;
    while (first < plan->n_layouts) {
        size_t end = first + 1;
        while (end < plan->n_layouts &&
               strcmp(plan->layouts[end].gpu_name, plan->layouts[first].gpu_name) == 0) {
            end++;
        }
        put_layouts_of(plan->layouts, first, end, styled, out);
        first = end;
    }
}

/* ------------------------------------------------------------------ nodes */

static void put_share(struct gs_table *table, unsigned __int128 used, unsigned __int128 total)
{
    if (total == 0) {
        gs_table_put(table, "-");
    } else {
        gs_table_putf(table, "%u %%", (unsigned)((used * 100 + total - 1) / total));
    }
}

static void put_node_row(struct gs_table *table, const struct gs_cmd_plan_question *question,
                         const struct gs_plan_nodes *nodes)
{
    const struct gs_offer *offer = nodes->offer;
    unsigned __int128 cpu = 0;
    unsigned __int128 memory = 0;
    unsigned __int128 pods = 0;
    for (size_t i = 0; i < nodes->n_served; i++) {
        const struct gs_item *item = &question->input.items[nodes->served[i].item];
        unsigned __int128 count = (unsigned __int128)nodes->served[i].count;
        cpu += item->cpu_milli * count;
        memory += item->memory_bytes * count;
        pods += count;
    }
    int64_t gpus = 0;
    for (size_t i = 0; i < nodes->n_layouts; i++) {
        gpus += nodes->layouts[i].count;
    }
    char dollars[GS_CMD_PLAN_DOLLARS_MAX];
    gs_cmd_plan_format_dollars((int64_t)offer->price_uusd, dollars);
    gs_table_putf(table, "%lld", (long long)nodes->count);
    gs_table_put(table, offer->name);
    gs_table_put(table, dollars);
    gs_table_putf(table, "%lld of %u", (long long)gpus, offer->gpus);
    put_share(table, cpu, offer->cpu_milli);
    put_share(table, memory, offer->memory_bytes);
    put_share(table, pods, offer->pods);
}

static void put_nodes(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                      bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "NODES", .right = true},   {.title = "TYPE"},
        {.title = "AN HOUR", .right = true}, {.title = "GPUS USED", .right = true},
        {.title = "CPU", .right = true},     {.title = "MEMORY", .right = true},
        {.title = "PODS", .right = true},
    };
    if (plan->n_nodes == 0) {
        return;
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < plan->n_nodes; i++) {
        put_node_row(table, question, &plan->nodes[i]);
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

/* ------------------------------------------------------------------ nodes that are there */

static void describe_change(const struct gs_existing_node *node,
                            const struct gs_cmd_plan_change *change, struct gs_buf *out)
{
    gs_buf_printf(out, "%s: ", node->gpus[change->gpu].uuid);
    if (change->whole) {
        gs_buf_puts(out, "use it whole");
    }
    for (unsigned i = 0; i < change->transition.n_steps; i++) {
        const struct gs_step *step = &change->transition.steps[i];
        gs_buf_printf(out, "%s%s %s@%u", i == 0 ? "" : ", ", gs_step_word(step->kind),
                      node->model->profiles[step->placement.profile].name, step->placement.start);
    }
}

static int put_existing(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                        bool styled, struct gs_buf *out, struct gs_err *err)
{
    static const struct gs_column columns[] = {{.title = "NODE"}, {.title = "WHAT TO DO"}};
    if (plan->n_existing == 0) {
        return 0;
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < plan->n_existing; i++) {
        const struct gs_plan_existing *existing = &plan->existing[i];
        const struct gs_cmd_plan_change *changes;
        size_t n;
        int r = gs_cmd_plan_changes(question, existing, &changes, &n, err);
        if (r < 0) {
            return r;
        }
        for (size_t c = 0; c < n; c++) {
            GS_CLEANUP(gs_buf_done) struct gs_buf steps;
            gs_buf_init(&steps, 64 * 1024);
            describe_change(existing->node, &changes[c], &steps);
            gs_table_put(table, existing->node->name);
            gs_table_put(table, gs_buf_text(&steps));
        }
        if (n == 0) {
            gs_table_put(table, existing->node->name);
            gs_table_put(table, "use what it has free");
        }
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
    return 0;
}

/* ------------------------------------------------------------------ slices that are advertised */

/* Slices of one kind of GPU that items use beyond what is cut for them; whole GPUs come last. */
static void count_advertised(const struct gs_cmd_plan_question *question,
                             const struct gs_plan *plan, const struct gs_existing_node *node,
                             int64_t counts[GS_PROFILES_MAX + 1])
{
    const struct gs_target target = {
        .model = node->model, .gpu_name = node->gpu_name, .gpu_memory_mib = node->gpu_memory_mib};
    memset(counts, 0, (GS_PROFILES_MAX + 1) * sizeof(*counts));
    for (size_t i = 0; i < plan->n_served; i++) {
        const struct gs_plan_served *served = &plan->served[i];
        struct gs_use use;
        struct gs_err why;
        if (served->item >= question->input.n_items || served->model != node->model ||
            gs_use_resolve(&question->input.items[served->item],
                           &question->input.items[served->item].alternatives[served->alternative],
                           &target, &use, &why) < 0) {
            continue;
        }
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            counts[p] += use.slices[p] * served->count;
        }
        counts[GS_PROFILES_MAX] += use.gpus * served->count;
    }
    for (size_t i = 0; i < plan->n_layouts; i++) {
        bool same = strcmp(plan->layouts[i].gpu_name, node->gpu_name) == 0;
        for (unsigned p = 0; same && p < GS_PROFILES_MAX; p++) {
            counts[p] -= plan->layouts[i].counts[p] * plan->layouts[i].count;
        }
        counts[GS_PROFILES_MAX] -= same && plan->layouts[i].whole ? plan->layouts[i].count : 0;
    }
    for (size_t i = 0; i < plan->n_existing; i++) {
        const struct gs_plan_existing *existing = &plan->existing[i];
        bool same = strcmp(existing->node->gpu_name, node->gpu_name) == 0;
        for (unsigned g = 0; same && existing->added != NULL && g < existing->node->n_gpus; g++) {
            for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
                counts[p] -= existing->added[g].counts[p];
            }
            counts[GS_PROFILES_MAX] -= existing->added[g].whole ? 1 : 0;
        }
    }
}

static void put_advertised_of(const struct gs_existing_node *node, const int64_t *counts,
                              struct gs_buf *out)
{
    for (unsigned p = 0; p <= GS_PROFILES_MAX; p++) {
        if (counts[p] > 0) {
            gs_buf_printf(out, "\nfree on nodes that are there, and used: %lld x %s on %s\n",
                          (long long)counts[p],
                          p < GS_PROFILES_MAX ? node->model->profiles[p].name : "whole GPU",
                          node->gpu_name);
        }
    }
}

/* Where GPUs alone are planned, which node gives a slice that it advertises is not decided. */
static void put_advertised(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                           struct gs_buf *out)
{
    const struct gs_existing_node *nodes = question->input.existing;
    for (size_t i = 0; plan->goal == GS_PLAN_GPUS && i < question->input.n_existing; i++) {
        bool told = nodes[i].layout_known;
        for (size_t k = 0; k < i; k++) {
            told = told ||
                   (!nodes[k].layout_known && strcmp(nodes[k].gpu_name, nodes[i].gpu_name) == 0);
        }
        if (!told) {
            int64_t counts[GS_PROFILES_MAX + 1];
            count_advertised(question, plan, &nodes[i], counts);
            put_advertised_of(&nodes[i], counts, out);
        }
    }
}

/* ------------------------------------------------------------------ what is not in the plan */

static void put_unplaced(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                         bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "CANNOT BE PLACED"}, {.title = "COUNT", .right = true}, {.title = "REASON"}};
    if (plan->n_unplaced == 0) {
        return;
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < plan->n_unplaced; i++) {
        gs_cmd_plan_put_name(table, question, plan->unplaced[i].item);
        gs_table_style(table, GS_STYLE_BAD);
        gs_table_putf(table, "%lld", (long long)plan->unplaced[i].count);
        gs_table_put(table, plan->unplaced[i].reason);
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

/* Types with the same reason stand together. */
static bool told_before(const struct gs_cmd_plan_question *question, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(question->excluded[k].reason, question->excluded[i].reason) == 0) {
            return true;
        }
    }
    return false;
}

static void list_types(const struct gs_cmd_plan_question *question, size_t first,
                       struct gs_buf *out)
{
    for (size_t i = first; i < question->n_excluded; i++) {
        if (strcmp(question->excluded[i].reason, question->excluded[first].reason) == 0) {
            gs_buf_printf(out, "%s%s", i == first ? "" : ", ", question->excluded[i].type);
        }
    }
}

static void put_excluded(const struct gs_cmd_plan_question *question, struct gs_buf *out)
{
    for (size_t i = 0; i < question->n_excluded; i++) {
        gs_buf_puts(out, i == 0 ? "\nnot planned with:\n" : "");
        if (told_before(question, i)) {
            continue;
        }
        GS_CLEANUP(gs_buf_done) struct gs_buf types;
        gs_buf_init(&types, 64 * 1024);
        list_types(question, i, &types);
        gs_buf_puts(out, "  ");
        gs_text_clean(out, gs_buf_text(&types), types.len);
        gs_buf_puts(out, ": ");
        gs_text_clean(out, question->excluded[i].reason, strlen(question->excluded[i].reason));
        gs_buf_puts(out, "\n");
    }
}

static void put_texts(const struct gs_cmd_plan_texts *texts, const char *title, struct gs_buf *out)
{
    for (size_t i = 0; i < texts->n; i++) {
        gs_buf_printf(out, "%s  ", i == 0 ? title : "");
        gs_text_clean(out, texts->items[i], strlen(texts->items[i]));
        gs_buf_puts(out, "\n");
    }
}

int gs_cmd_plan_write_table(const struct gs_cmd_plan_question *question,
                            const struct gs_cmd_plan_answer *answer, struct gs_err *err)
{
    const struct gs_plan *plan = &answer->plan;
    bool styled = gs_output_styled();
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_OUTPUT_MAX);
    put_headline(question, plan, styled, &out);
    if (question->prices != NULL) {
        gs_buf_printf(&out, "%s\n", question->prices);
    }
    put_layouts(plan, styled, &out);
    put_nodes(question, plan, styled, &out);
    int r = put_existing(question, plan, styled, &out, err);
    put_advertised(question, plan, &out);
    r = r < 0 ? r : gs_cmd_plan_put_items(question, plan, styled, &out, err);
    if (r < 0) {
        return r;
    }
    put_unplaced(question, plan, styled, &out);
    put_excluded(question, &out);
    put_texts(&question->volumes, "\nvolumes:\n", &out);
    put_texts(&question->ignored, "\nnot looked at:\n", &out);
    r = question->args->explain ? gs_cmd_plan_explain(question, plan, &out, err) : 0;
    if (question->args->timing) {
        gs_buf_printf(&out, "\nread in %llu us, planned in %llu us\n",
                      (unsigned long long)answer->read_us, (unsigned long long)answer->plan_us);
    }
    return r < 0 ? r : gs_output_text(&out, err);
}
