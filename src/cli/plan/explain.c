#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/number.h"
#include "cli/plan/plan.h"

/* Why the plan is as it is: what its GPUs and nodes run out of, and what an item is worth by the
 * proof's own prices. Nothing here is a guess: the first is counted, the second proves the bound.
 */

enum { ITEMS_SHOWN = 8 };

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static unsigned percent(unsigned __int128 used, unsigned __int128 total)
{
    return total == 0 ? 0 : (unsigned)(used * 100 / total);
}

/* ------------------------------------------------------------------ GPUs of one kind */

/* Cut GPUs of one kind, and what stands in the way of one more slice on them. */
struct gpus {
    const struct gs_model *model;
    int64_t cut;
    int64_t compute; /* slices taken */
    int64_t units;
    int64_t filled;        /* GPUs: nothing at all is free */
    int64_t full_of_units; /* GPUs: no memory unit is free, compute slices are */
    int64_t idle_compute;  /* on those */
    int64_t full_of_compute;
    int64_t stuck; /* neither is used up, and no slice may be placed any more */
    int64_t open;
    const struct gs_profile *greedy; /* takes more of the memory than of the compute slices */
};

static bool takes_more_memory(const struct gs_model *model, const struct gs_profile *profile)
{
    return profile->memory_units * model->compute_slices >
           profile->compute_slices * model->memory_units;
}

static void count_layout(struct gpus *gpus, const struct gs_plan_layout *layout)
{
    const struct gs_model *model = layout->model;
    int64_t compute = 0;
    int64_t units = 0;
    const struct gs_profile *greedy = NULL;
    for (unsigned p = 0; p < model->n_profiles; p++) {
        const struct gs_profile *profile = &model->profiles[p];
        compute += layout->counts[p] * profile->compute_slices;
        units += layout->counts[p] * profile->memory_units;
        if (layout->counts[p] > 0 && takes_more_memory(model, profile) &&
            (greedy == NULL || profile->memory_units > greedy->memory_units)) {
            greedy = profile;
        }
    }
    const struct gs_statetable *table = layout->table;
    gpus->cut += layout->count;
    gpus->compute += compute * layout->count;
    gpus->units += units * layout->count;
    if (!table->multisets[table->multiset[layout->state]].maximal) {
        gpus->open += layout->count;
    } else if (compute == model->compute_slices && units == model->memory_units) {
        gpus->filled += layout->count;
    } else if (compute == model->compute_slices) {
        gpus->full_of_compute += layout->count;
    } else if (units == model->memory_units) {
        gpus->full_of_units += layout->count;
        gpus->idle_compute += (model->compute_slices - compute) * layout->count;
        gpus->greedy = greedy == NULL ? gpus->greedy : greedy;
    } else {
        gpus->stuck += layout->count;
    }
}

static void put_gpus(const struct gpus *gpus, struct gs_buf *out)
{
    const struct gs_model *model = gpus->model;
    int64_t compute = gpus->cut * model->compute_slices;
    int64_t units = gpus->cut * model->memory_units;
    gs_buf_printf(out,
                  "  %s: %lld GPU%s cut; taken are %lld of %lld compute slices (%u %%) and "
                  "%lld of %lld memory units (%u %%)\n",
                  model->id, (long long)gpus->cut, gpus->cut == 1 ? " is" : "s are",
                  (long long)gpus->compute, (long long)compute,
                  percent((uint64_t)gpus->compute, (uint64_t)compute), (long long)gpus->units,
                  (long long)units, percent((uint64_t)gpus->units, (uint64_t)units));
    if (gpus->filled > 0) {
        gs_buf_printf(out, "    %lld GPU%s full to the last compute slice and memory unit\n",
                      (long long)gpus->filled, gpus->filled == 1 ? " is" : "s are");
    }
    if (gpus->full_of_compute > 0) {
        gs_buf_printf(out,
                      "    compute slices bind on %lld GPU%s: none is left for the free "
                      "memory\n",
                      (long long)gpus->full_of_compute, plural(gpus->full_of_compute));
    }
    if (gpus->full_of_units > 0) {
        gs_buf_printf(out,
                      "    memory units bind on %lld GPU%s: %lld compute slice%s stranded, "
                      "without memory",
                      (long long)gpus->full_of_units, plural(gpus->full_of_units),
                      (long long)gpus->idle_compute, gpus->idle_compute == 1 ? " is" : "s are");
        if (gpus->greedy != NULL) {
            gs_buf_printf(out, " (a %s takes %u of %u memory units for %u of %u compute slices)",
                          gpus->greedy->name, gpus->greedy->memory_units, model->memory_units,
                          gpus->greedy->compute_slices, model->compute_slices);
        }
        gs_buf_puts(out, "\n");
    }
    if (gpus->stuck > 0) {
        gs_buf_printf(out,
                      "    places bind on %lld GPU%s: what is free lies where no slice may "
                      "start, or engines are used up\n",
                      (long long)gpus->stuck, plural(gpus->stuck));
    }
    if (gpus->open > 0) {
        gs_buf_printf(out, "    %lld GPU%s room for more slices\n", (long long)gpus->open,
                      gpus->open == 1 ? " has" : "s have");
    }
}

static void explain_gpus(const struct gs_plan *plan, struct gs_buf *out)
{
    size_t i = 0;
    while (i < plan->n_layouts) {
        struct gpus gpus = {.model = plan->layouts[i].model};
        const char *name = plan->layouts[i].gpu_name;
        for (; i < plan->n_layouts && strcmp(plan->layouts[i].gpu_name, name) == 0; i++) {
            if (!plan->layouts[i].whole) {
                count_layout(&gpus, &plan->layouts[i]);
            }
        }
        if (gpus.cut > 0) {
            put_gpus(&gpus, out);
        }
    }
}

/* ------------------------------------------------------------------ nodes of one type */

enum { CPU, MEMORY, PODS, AMOUNTS, GPUS = AMOUNTS, THINGS };

struct nodes {
    const struct gs_offer *offer;
    int64_t count;
    unsigned __int128 used[AMOUNTS];
    unsigned __int128 total[AMOUNTS];
    int64_t gpus;
    int64_t out_of[THINGS]; /* nodes that have not enough left */
};

static uint64_t asks(const struct gs_item *item, unsigned amount)
{
    return amount == CPU ? item->cpu_milli : amount == MEMORY ? item->memory_bytes : 1;
}

static uint64_t has(const struct gs_offer *offer, unsigned amount)
{
    return amount == CPU ? offer->cpu_milli : amount == MEMORY ? offer->memory_bytes : offer->pods;
}

/* Whether every GPU is used, and no slice can be added to any. */
static bool gpus_are_full(const struct gs_plan_nodes *alike)
{
    int64_t used = 0;
    for (size_t i = 0; i < alike->n_layouts; i++) {
        const struct gs_plan_layout *layout = &alike->layouts[i];
        used += layout->count;
        if (!layout->whole &&
            !layout->table->multisets[layout->table->multiset[layout->state]].maximal) {
            return false;
        }
    }
    return used == alike->offer->gpus;
}

/* What one node has left of an amount, against the least that an item there asks for. */
static void count_amount(struct nodes *nodes, const struct gs_cmd_plan_question *question,
                         const struct gs_plan_nodes *alike, unsigned amount)
{
    unsigned __int128 used = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < alike->n_served; i++) {
        uint64_t one = asks(&question->input.items[alike->served[i].item], amount);
        used += (unsigned __int128)one * (uint64_t)alike->served[i].count;
        least = one < least ? one : least;
    }
    unsigned __int128 all = has(alike->offer, amount);
    nodes->used[amount] += used * (uint64_t)alike->count;
    nodes->total[amount] += all * (uint64_t)alike->count;
    nodes->out_of[amount] += used <= all && all - used < least ? alike->count : 0;
}

static void count_nodes(struct nodes *nodes, const struct gs_cmd_plan_question *question,
                        const struct gs_plan_nodes *alike)
{
    nodes->count += alike->count;
    for (unsigned a = 0; a < AMOUNTS; a++) {
        count_amount(nodes, question, alike, a);
    }
    for (size_t i = 0; i < alike->n_layouts; i++) {
        nodes->gpus += alike->layouts[i].count * alike->count;
    }
    nodes->out_of[GPUS] += gpus_are_full(alike) ? alike->count : 0;
}

static void put_nodes(const struct nodes *nodes, struct gs_buf *out)
{
    static const char *const words[THINGS] = {"CPU", "memory", "pod slots", "GPUs"};
    gs_buf_printf(out, "  %s, %lld node%s: taken are", nodes->offer->name, (long long)nodes->count,
                  plural(nodes->count));
    for (unsigned a = 0; a < AMOUNTS; a++) {
        gs_buf_printf(out, " %u %% of the %s,", percent(nodes->used[a], nodes->total[a]), words[a]);
    }
    gs_buf_printf(out, " %lld of %lld GPUs\n", (long long)nodes->gpus,
                  (long long)nodes->count * nodes->offer->gpus);
    unsigned n = 0;
    for (unsigned a = 0; a < THINGS; a++) {
        if (nodes->out_of[a] > 0) {
            gs_buf_printf(out, "%s%s on %lld",
                          n++ == 0 ? "    no room for one item more for want of " : ", ", words[a],
                          (long long)nodes->out_of[a]);
        }
    }
    gs_buf_puts(out, n > 0 ? "\n" : "    one item more would find room\n");
}

static void explain_nodes(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                          struct gs_buf *out)
{
    size_t i = 0;
    while (i < plan->n_nodes) {
        struct nodes nodes = {.offer = plan->nodes[i].offer};
        for (; i < plan->n_nodes && plan->nodes[i].offer == nodes.offer; i++) {
            count_nodes(&nodes, question, &plan->nodes[i]);
        }
        put_nodes(&nodes, out);
    }
}

/* ------------------------------------------------------------------ what an item is worth */

/* Prices that are listed: the first few, behind a line that says what they are. */
struct listing {
    struct gs_buf *out;
    const char *heading;
    size_t shown;
    size_t left_out;
};

/* Whether there is room for one more; its name is then written. */
static bool list_one(struct listing *listing, const char *name)
{
    if (listing->shown == ITEMS_SHOWN) {
        listing->left_out++;
        return false;
    }
    gs_buf_printf(listing->out, "%s    %.60s: ", listing->shown++ == 0 ? listing->heading : "",
                  name);
    return true;
}

static void end_listing(struct listing *listing)
{
    if (listing->left_out > 0) {
        gs_buf_printf(listing->out, "    and %zu more\n", listing->left_out);
    }
}

/* What one of a row's units is worth: an item, a part of a service's need. */
static void list_gpu_price(struct listing *listing, const struct gs_cmd_plan_question *question,
                           const struct gs_plan *plan, const struct gs_program_row *row,
                           int64_t price)
{
    const struct gs_program_rounding *rounding =
        row->what == GS_PROGRAM_ROUNDED ? &plan->pack_spec.roundings[row->index] : NULL;
    uint32_t item = plan->kinds[rounding == NULL ? row->index : rounding->kind];
    int64_t scale = plan->pack.tree.scale;
    int64_t shared = (int64_t)gs_greatest_divisor((uint64_t)price, (uint64_t)scale);
    if (!list_one(listing, gs_cmd_plan_item_name(question, item))) {
        return;
    }
    gs_buf_printf(listing->out, "%lld", (long long)(price / shared));
    if (scale > shared) {
        gs_buf_printf(listing->out, "/%lld", (long long)(scale / shared));
    }
    gs_buf_puts(listing->out, " of a GPU ");
    if (rounding != NULL) {
        gs_buf_printf(listing->out, "for each %lld.%03lld requests a second, a part counts whole\n",
                      (long long)rounding->per / 1000, (long long)rounding->per % 1000);
    } else {
        gs_buf_puts(listing->out, item < question->input.n_items
                                      ? "each\n"
                                      : "for each thousandth of a request a second\n");
    }
}

/* Where one price list proves the bound, it is told: no GPU can hold what is worth more than it. */
static void explain_gpu_prices(const struct gs_cmd_plan_question *question,
                               const struct gs_plan *plan, struct gs_buf *out)
{
    const struct gs_ip_tree *tree = &plan->pack.tree;
    if (!plan->has_proof || tree->n_leaves == 0) {
        return;
    }
    if (tree->n_leaves > 1) {
        gs_buf_printf(out, "  the proof tells %zu cases apart: no one price list shows it\n",
                      tree->n_leaves);
        return;
    }
    struct listing listing = {.out = out,
                              .heading =
                                  "  the proof's prices, by which no new GPU can be cut into "
                                  "more than 1 GPU's worth:\n"};
    for (unsigned i = 0; i < plan->pack.program.ip.n_rows; i++) {
        const struct gs_program_row *row = &plan->pack.program.rows[i];
        bool counts = row->what == GS_PROGRAM_NEED || row->what == GS_PROGRAM_ROUNDED;
        if (counts && tree->multipliers[i] > 0) {
            list_gpu_price(&listing, question, plan, row, tree->multipliers[i]);
        }
    }
    end_listing(&listing);
}

/* The case of the proof whose prices add up nearest to what the plan costs: where node counts are
 * split, the bound of other cases comes from those counts. */
static const struct gs_fleet_leaf *telling_leaf(const struct gs_plan *plan)
{
    const struct gs_fleet_leaf *best = NULL;
    __int128 nearest = 0;
    for (size_t i = 0; i < plan->fleet.proof.n_leaves; i++) {
        const struct gs_fleet_leaf *leaf = &plan->fleet.proof.leaves[i];
        __int128 sum = 0;
        for (size_t k = 0; k < plan->n_kinds; k++) {
            sum += (__int128)leaf->prices[k] * plan->fleet_spec.needs[k];
        }
        __int128 off = sum - (__int128)plan->value * plan->fleet.proof.price_scale;
        off = off < 0 ? -off : off;
        if (best == NULL || off < nearest) {
            nearest = off;
            best = leaf;
        }
    }
    return best;
}

static void explain_node_prices(const struct gs_cmd_plan_question *question,
                                const struct gs_plan *plan, struct gs_buf *out)
{
    const struct gs_fleet_leaf *leaf = plan->has_proof ? telling_leaf(plan) : NULL;
    if (leaf == NULL) {
        return;
    }
    char heading[200];
    snprintf(heading, sizeof(heading),
             "  the proof's prices an hour, by which no new node holds more than it costs%s:\n",
             plan->fleet.proof.n_leaves > 1 ? " (in one of the cases it tells apart)" : "");
    struct listing listing = {.out = out, .heading = heading};
    size_t free = 0;
    for (size_t k = 0; k < plan->n_kinds; k++) {
        char dollars[GS_CMD_PLAN_DOLLARS_MAX];
        int64_t uusd = leaf->prices[k] / plan->fleet.proof.price_scale;
        if (uusd <= 0) {
            free++;
        } else if (list_one(&listing, gs_cmd_plan_item_name(question, plan->kinds[k]))) {
            gs_cmd_plan_format_dollars(uusd, dollars);
            gs_buf_printf(out, "%s each\n", dollars);
        }
    }
    end_listing(&listing);
    if (free > 0 && listing.shown > 0) {
        gs_buf_printf(out, "    %zu other kind%s of items: nothing, there is room beside these\n",
                      free, plural((int64_t)free));
    }
}

int gs_cmd_plan_explain(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                        struct gs_buf *out, struct gs_err *err)
{
    gs_buf_puts(out, "\nwhat binds\n");
    if (plan->value == 0) {
        gs_buf_puts(out, "  nothing: nothing new is needed\n");
        return 0;
    }
    explain_gpus(plan, out);
    if (plan->goal == GS_PLAN_NODES) {
        explain_nodes(question, plan, out);
        explain_node_prices(question, plan, out);
    } else {
        explain_gpu_prices(question, plan, out);
    }
    return gs_cmd_plan_cheaper(question, plan, out, err);
}
