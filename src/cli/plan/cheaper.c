#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/plan/plan.h"

/* What would make the plan cheaper, found by planning anew with one thing changed. The number of
 * plans is bounded; they are quick ones, so a saving that is told is there, and one that is not
 * found may still be. */

enum { ITEMS_TRIED = 6, HALVINGS_MAX = 32 };

enum change { FEWER, NO_CPU, NO_MEMORY };

struct trial {
    const struct gs_cmd_plan_question *question;
    const struct gs_plan *plan;
    struct gs_item *items; /* as in the question, one of them changed */
    int64_t value;         /* to be beaten */
    struct gs_err *err;
    struct gs_buf *out;
    size_t told;
};

static void copy_items(struct trial *trial)
{
    const struct gs_plan_input *input = &trial->question->input;
    if (input->n_items > 0) { /* services alone have none */
        memcpy(trial->items, input->items, input->n_items * sizeof(*trial->items));
    }
}

/* The value of a quick plan with `n` items; INT64_MAX where less than before can be placed. */
static int plan_anew(struct trial *trial, size_t n, int64_t *ret)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, trial->question->arena->source, GS_CMD_PLAN_MEMORY_MAX);
    struct gs_plan_input input = trial->question->input;
    struct gs_plan plan;
    input.items = trial->items;
    input.n_items = n;
    input.tables = NULL;
    input.quick = true;
    input.certificate = false;
    input.baseline = false;
    int r = gs_plan_make(&arena, &input, &plan, trial->err);
    *ret = r == 0 && plan.n_unplaced <= trial->plan->n_unplaced ? plan.value : INT64_MAX;
    return r;
}

/* Plans with `count` fewer of an item; all of them: without it. */
static int plan_fewer(struct trial *trial, size_t i, uint64_t count, int64_t *ret)
{
    const struct gs_plan_input *input = &trial->question->input;
    size_t n = input->n_items;
    copy_items(trial);
    trial->items[i].count -= count;
    if (trial->items[i].count == 0) {
        memmove(&trial->items[i], &trial->items[i + 1], (n - i - 1) * sizeof(*trial->items));
        n--;
    }
    return plan_anew(trial, n, ret);
}

static int plan_changed(struct trial *trial, enum change change, size_t i, int64_t *ret)
{
    const struct gs_plan_input *input = &trial->question->input;
    switch (change) {
    case FEWER:
        return plan_fewer(trial, i, 1, ret);
    case NO_CPU:
    case NO_MEMORY:
        copy_items(trial);
        trial->items[i].cpu_milli = change == NO_CPU ? 0 : trial->items[i].cpu_milli;
        trial->items[i].memory_bytes = change == NO_MEMORY ? 0 : trial->items[i].memory_bytes;
        break;
    }
    return plan_anew(trial, input->n_items, ret);
}

static void tell(struct trial *trial, const char *what, const char *item, int64_t value)
{
    int64_t saved = trial->value - value;
    trial->told++;
    gs_buf_printf(trial->out, "  %s %.60s: ", what, item);
    if (trial->plan->goal == GS_PLAN_GPUS) {
        gs_buf_printf(trial->out, "%lld GPU%s less\n", (long long)saved, saved == 1 ? "" : "s");
    } else {
        char dollars[GS_CMD_PLAN_DOLLARS_MAX];
        gs_cmd_plan_format_dollars(saved, dollars);
        gs_buf_printf(trial->out, "%s an hour less\n", dollars);
    }
}

/* How much the change takes off all items of a kind: what to try first. */
static unsigned __int128 weight(const struct trial *trial, enum change change, size_t i)
{
    const struct gs_item *item = &trial->question->input.items[i];
    switch (change) {
    case FEWER:
        return item->count;
    case NO_CPU:
        return (unsigned __int128)item->count * item->cpu_milli;
    case NO_MEMORY:
        return (unsigned __int128)item->count * item->memory_bytes;
    }
    return 0;
}

/* The items that weigh most, heaviest first; of equals the earlier one. */
static size_t choose_items(const struct trial *trial, enum change change, size_t *chosen)
{
    size_t n = 0;
    for (size_t i = 0; i < trial->question->input.n_items; i++) {
        unsigned __int128 heavy = weight(trial, change, i);
        size_t at = n;
        while (at > 0 && weight(trial, change, chosen[at - 1]) < heavy) {
            at--;
        }
        if (heavy == 0 || at == ITEMS_TRIED) {
            continue;
        }
        n += n < ITEMS_TRIED ? 1 : 0;
        memmove(&chosen[at + 1], &chosen[at], (n - 1 - at) * sizeof(*chosen));
        chosen[at] = i;
    }
    return n;
}

static int try_change(struct trial *trial, enum change change, const char *what)
{
    size_t chosen[ITEMS_TRIED + 1];
    size_t n = choose_items(trial, change, chosen);
    for (size_t c = 0; c < n; c++) {
        int64_t value;
        int r = plan_changed(trial, change, chosen[c], &value);
        if (r < 0) {
            return r;
        }
        if (value < trial->value) {
            tell(trial, what, gs_cmd_plan_item_name(trial->question, (uint32_t)chosen[c]), value);
        }
    }
    return 0;
}

/* The fewest of one item that have to go until a GPU does. */
static int find_fewest(struct trial *trial, size_t i)
{
    uint64_t low = 1; /* that few do not help: it was tried */
    uint64_t high = trial->question->input.items[i].count;
    int64_t value;
    int r = high > 1 ? plan_fewer(trial, i, high, &value) : 0;
    if (r < 0 || high <= 1 || value >= trial->value) {
        return r;
    }
    for (unsigned half = 0; half < HALVINGS_MAX && high - low > 1; half++) {
        uint64_t middle = low + (high - low) / 2;
        int64_t found;
        r = plan_fewer(trial, i, middle, &found);
        if (r < 0) {
            return r;
        }
        if (found < trial->value) {
            high = middle;
            value = found;
        } else {
            low = middle;
        }
    }
    char what[60];
    bool all = high == trial->question->input.items[i].count;
    snprintf(what, sizeof(what), all ? "none of" : "%llu fewer of", (unsigned long long)high);
    tell(trial, what, gs_cmd_plan_item_name(trial->question, (uint32_t)i), value);
    return 0;
}

/* What the CPU or memory requests of all items together cost. */
static int try_without(struct trial *trial, enum change change, const char *what)
{
    const struct gs_plan_input *input = &trial->question->input;
    copy_items(trial);
    for (size_t i = 0; i < input->n_items; i++) {
        trial->items[i].cpu_milli = change == NO_CPU ? 0 : trial->items[i].cpu_milli;
        trial->items[i].memory_bytes = change == NO_MEMORY ? 0 : trial->items[i].memory_bytes;
    }
    int64_t value;
    int r = plan_anew(trial, input->n_items, &value);
    if (r == 0 && value < trial->value) {
        tell(trial, what, "all items", value);
    }
    return r;
}

static int try_nodes(struct trial *trial)
{
    int r = try_change(trial, NO_CPU, "without the CPU request of");
    r = r < 0 ? r : try_change(trial, NO_MEMORY, "without the memory request of");
    r = r < 0 ? r : try_without(trial, NO_CPU, "without the CPU requests of");
    return r < 0 ? r : try_without(trial, NO_MEMORY, "without the memory requests of");
}

static int try_all(struct trial *trial)
{
    int r = try_change(trial, FEWER, "one fewer of");
    if (r < 0 || trial->plan->goal == GS_PLAN_NODES) {
        return r < 0 ? r : try_nodes(trial);
    }
    bool one_helps = trial->told > 0;
    size_t chosen[ITEMS_TRIED + 1];
    size_t n = choose_items(trial, FEWER, chosen);
    for (size_t c = 0; r == 0 && !one_helps && c < n; c++) {
        r = find_fewest(trial, chosen[c]);
    }
    return r;
}

int gs_cmd_plan_cheaper(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                        struct gs_buf *out, struct gs_err *err)
{
    struct trial trial = {
        .question = question,
        .plan = plan,
        .items = GS_ARENA_NEW(question->arena, struct gs_item, question->input.n_items),
        .err = err,
        .out = out};
    if (trial.items == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to look for something cheaper");
    }
    gs_buf_puts(out, "\nwhat would make it cheaper (each tried alone, by planning anew)\n");
    /* What planning the same anew would save is no saving of a change. */
    int64_t same;
    copy_items(&trial);
    int r = plan_anew(&trial, question->input.n_items, &same);
    trial.value = same < plan->value ? same : plan->value;
    r = r < 0 ? r : try_all(&trial);
    if (r == 0 && trial.told == 0) {
        gs_buf_puts(out, "  nothing that was tried\n");
    }
    return r;
}
