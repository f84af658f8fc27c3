#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"

/* The table of items: what each runs on, and where. */

enum { NAME_WIDTH = 60 };

void gs_cmd_plan_put_name(struct gs_table *table, const struct gs_cmd_plan_question *question,
                          uint32_t item)
{
    bool spare = item < question->input.n_items && question->input.items[item].spare;
    gs_table_putf(table, "%.*s%s", NAME_WIDTH, gs_cmd_plan_item_name(question, item),
                  spare ? " (spare)" : "");
}

/* "2x 1g.5gb + 1x gpu L4 on A100-40GB" */
static void describe_way(const struct gs_cmd_plan_question *question,
                         const struct gs_plan_served *served, struct gs_buf *out)
{
    const struct gs_plan_input *input = &question->input;
    if (served->item >= input->n_items) {
        const struct gs_plan_service_option *option =
            &input->services[served->item - input->n_items].options[served->alternative];
        gs_buf_printf(out, "%s on %s", option->model->profiles[option->profile].name,
                      option->model->id);
        return;
    }
    const struct gs_alternative *way =
        &input->items[served->item].alternatives[served->alternative];
    for (size_t w = 0; w < way->n_wants; w++) {
        const struct gs_want *want = &way->wants[w];
        char name[GS_PROFILE_NAME_MAX + 1];
        gs_profile_name_format(&want->profile, name);
        gs_buf_puts(out, w == 0 ? "" : " + ");
        if (want->count > 1) {
            gs_buf_printf(out, "%u x ", want->count);
        }
        if (!want->whole_gpu) {
            gs_buf_puts(out, name);
        } else {
            gs_buf_printf(out, "whole %s", want->gpu_name == NULL ? "GPU" : want->gpu_name);
        }
    }
    if (way->n_wants == 0) {
        gs_buf_puts(out, "no GPU"); /* whatever GPUs its node has */
    } else if (served->model != NULL) {
        gs_buf_printf(out, " on %s", served->model->id);
    }
}

/* Where items of one kind are served in one way, all nodes together. */
struct serving {
    const struct gs_plan_served *served;
    const char *where; /* NULL: nodes are not looked at */
    int64_t count;
};

struct servings {
    struct gs_arena *arena;
    struct serving *items;
    size_t n;
    size_t cap;
    bool failed;
};

static void add_serving(struct servings *all, const struct gs_plan_served *served,
                        const char *where, int64_t times)
{
    for (size_t i = 0; i < all->n; i++) {
        struct serving *one = &all->items[i];
        if (one->served->item == served->item && one->served->model == served->model &&
            one->served->alternative == served->alternative && one->where == where) {
            one->count += served->count * times;
            return;
        }
    }
    if (all->failed ||
        !gs_arena_room(all->arena, &all->items, &all->cap, all->n, sizeof(*all->items))) {
        all->failed = true;
        return;
    }
    all->items[all->n++] =
        (struct serving){.served = served, .where = where, .count = served->count * times};
}

static int compare_servings(const void *a, const void *b)
{
    const struct serving *x = a;
    const struct serving *y = b;
    if (x->served->item != y->served->item) {
        return x->served->item < y->served->item ? -1 : 1;
    }
    if (x->served->alternative != y->served->alternative) {
        return x->served->alternative < y->served->alternative ? -1 : 1;
    }
    int places = strcmp(x->where == NULL ? "" : x->where, y->where == NULL ? "" : y->where);
    return places != 0 ? places : (x->count < y->count) - (x->count > y->count);
}

static void collect(struct servings *all, const struct gs_plan *plan)
{
    for (size_t i = 0; i < plan->n_served; i++) {
        add_serving(all, &plan->served[i], NULL, 1);
    }
    for (size_t i = 0; i < plan->n_nodes; i++) {
        for (size_t k = 0; k < plan->nodes[i].n_served; k++) {
            add_serving(all, &plan->nodes[i].served[k], plan->nodes[i].offer->name,
                        plan->nodes[i].count);
        }
    }
    for (size_t i = 0; i < plan->n_existing; i++) {
        for (size_t k = 0; k < plan->existing[i].n_served; k++) {
            add_serving(all, &plan->existing[i].served[k], plan->existing[i].node->name, 1);
        }
    }
    if (all->n > 1) {
        qsort(all->items, all->n, sizeof(*all->items), compare_servings);
    }
}

int gs_cmd_plan_put_items(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                          bool styled, struct gs_buf *out, struct gs_err *err)
{
    static const struct gs_column columns[] = {{.title = "ITEM"},
                                               {.title = "COUNT", .right = true},
                                               {.title = "RUNS ON"},
                                               {.title = "NODES"}};
    struct servings all = {.arena = question->arena};
    collect(&all, plan);
    if (all.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a table of items");
    }
    if (all.n == 0) {
        return 0;
    }
    bool places = plan->goal == GS_PLAN_NODES;
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns) - (places ? 0 : 1));
    for (size_t i = 0; i < all.n; i++) {
        GS_CLEANUP(gs_buf_done) struct gs_buf way;
        gs_buf_init(&way, 4096);
        describe_way(question, all.items[i].served, &way);
        gs_cmd_plan_put_name(table, question, all.items[i].served->item);
        gs_table_putf(table, "%lld", (long long)all.items[i].count);
        gs_table_put(table, gs_buf_text(&way));
        if (places) {
            gs_table_put(table, all.items[i].where);
        }
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
    return 0;
}
