#include "karpenter/mixed.h"

#include <stdlib.h>

/* One GPU of the node that is put together. */
struct gpu {
    bool whole;
    uint8_t counts[GS_PROFILES_MAX];
};

struct draft {
    const struct gs_karpenter_ask *ask;
    const struct gs_offer *offer;
    /* Slices of what waits and of what runs, by profile of the offer's model. */
    uint64_t wanted[GS_PROFILES_MAX];
    uint64_t wanted_whole;
    struct gpu gpus[GS_SPELL_GPUS_MAX];
    unsigned n;
};

static void count_wanted(struct draft *draft, const struct gs_item *items, size_t n_items)
{
    const struct gs_model *model = draft->offer->model;
    for (size_t i = 0; i < n_items; i++) {
        const struct gs_item *item = &items[i];
        const struct gs_alternative *first = &item->alternatives[0];
        for (size_t k = 0; k < first->n_wants; k++) {
            const struct gs_want *want = &first->wants[k];
            int p = want->whole_gpu || model == NULL
                        ? -1
                        : gs_model_profile_index(model, &want->profile);
            if (want->whole_gpu) {
                draft->wanted_whole += item->count * want->count;
            } else if (p >= 0) {
                draft->wanted[p] += item->count * want->count;
            }
        }
    }
}

/* What is left of a GPU is cut, too: into what is wanted most of what still fits, else into the
 * smallest that the pool allows. */
static int best_to_add(const struct draft *draft, const struct gs_statetable *table, uint16_t state)
{
    int best = -1;
    for (unsigned i = 0; i < table->n_placements; i++) {
        int p = table->placements[i].profile;
        bool fits = table->next[(size_t)state * table->n_placements + i] != GS_STATE_NONE;
        bool plain = draft->offer->model->profiles[p].parts.sign == '\0';
        bool wanted = draft->wanted[p] > 0;
        if (!fits || !gs_offer_allows(draft->offer, (unsigned)p) || !(plain || wanted)) {
            continue;
        }
        if (best < 0 || draft->wanted[p] > draft->wanted[table->placements[best].profile]) {
            best = (int)i;
        }
    }
    return best;
}

static void fill_up(const struct draft *draft, const struct gs_statetable *table, uint16_t state,
                    uint8_t counts[GS_PROFILES_MAX])
{
    for (int add; (add = best_to_add(draft, table, state)) >= 0;) {
        state = table->next[(size_t)state * table->n_placements + (unsigned)add];
    }
    memcpy(counts, table->multisets[table->multiset[state]].counts, GS_PROFILES_MAX);
}

/* GPUs that the plan has no use for are cut like the profile that is wanted most; left whole where
 * only whole ones are wanted. */
static void add_unused(struct draft *draft)
{
    const struct gs_model *model = draft->offer->model;
    struct gpu gpu = {.whole = true};
    int most = -1;
    for (int p = 0; model != NULL && p < model->n_profiles; p++) {
        if (draft->wanted[p] > 0 && gs_offer_allows(draft->offer, (unsigned)p) &&
            (most < 0 || draft->wanted[p] > draft->wanted[most])) {
            most = p;
        }
    }
    if (most >= 0) {
        gpu.whole = false;
        gpu.counts[most] = model->profiles[most].max_instances;
    }
    while (draft->n < draft->offer->gpus) {
        draft->gpus[draft->n++] = gpu;
    }
}

/* Cut GPUs before whole ones, larger profiles first; equal ones together. */
static int by_counts(const void *a, const void *b)
{
    const struct gpu *x = a;
    const struct gpu *y = b;
    if (x->whole != y->whole) {
        return x->whole ? 1 : -1;
    }
    return -memcmp(x->counts, y->counts, sizeof(x->counts));
}

static int put_group(const struct draft *draft, const struct gpu *gpu, struct gs_spell *spell,
                     struct gs_err *err)
{
    const struct gs_model *model = draft->offer->model;
    for (int p = GS_PROFILES_MAX - 1; p >= 0 && !gpu->whole; p--) {
        if (gpu->counts[p] == 0) {
            continue;
        }
        if (spell->n_items == GS_SPELL_ITEMS_MAX) {
            return gs_fail(err, GS_LIMIT, "the layout is too long for a label");
        }
        spell->items[spell->n_items++] = (struct gs_spell_item){
            .group = spell->n_groups, .count = gpu->counts[p], .profile = model->profiles[p].parts};
    }
    spell->gpus[spell->n_groups++] = 1;
    return 0;
}

static int spell_of(struct draft *draft, struct gs_spell *ret, struct gs_err *err)
{
    *ret = (struct gs_spell){.n_groups = 0};
    qsort(draft->gpus, draft->n, sizeof(draft->gpus[0]), by_counts);
    for (unsigned g = 0; g < draft->n; g++) {
        if (g > 0 && by_counts(&draft->gpus[g - 1], &draft->gpus[g]) == 0) {
            ret->gpus[ret->n_groups - 1]++;
            continue;
        }
        if (ret->n_groups == GS_SPELL_GROUPS_MAX) {
            return gs_fail(err, GS_LIMIT, "the layout is too long for a label");
        }
        int r = put_group(draft, &draft->gpus[g], ret, err);
        if (r != 0) {
            return r;
        }
    }
    return 0;
}

/* The planner knows nothing of what a SlicePool allows. */
static bool is_allowed(const struct draft *draft)
{
    for (unsigned g = 0; g < draft->n; g++) {
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            if (draft->gpus[g].counts[p] > 0 && !gs_offer_allows(draft->offer, p)) {
                return false;
            }
        }
    }
    return true;
}

static int kind_of(const struct gs_karpenter_ask *ask, const struct gs_plan_nodes *nodes,
                   struct gs_karpenter_kind *ret, struct gs_err *err)
{
    struct draft draft = {.ask = ask, .offer = nodes->offer};
    struct gs_spell spell;
    if (nodes->offer->gpus > GS_SPELL_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "%s has more than %d GPUs", nodes->offer->name,
                       GS_SPELL_GPUS_MAX);
    }
    count_wanted(&draft, ask->items, ask->n_items);
    count_wanted(&draft, ask->running, ask->n_running);
    for (size_t i = 0; i < nodes->n_layouts; i++) {
        const struct gs_plan_layout *layout = &nodes->layouts[i];
        struct gpu gpu = {.whole = layout->whole};
        if (!layout->whole) {
            fill_up(&draft, layout->table, layout->state, gpu.counts);
        }
        for (int64_t k = 0; k < layout->count && draft.n < nodes->offer->gpus; k++) {
            draft.gpus[draft.n++] = gpu;
        }
    }
    add_unused(&draft);
    if (!is_allowed(&draft)) {
        return gs_fail(err, GS_LIMIT, "slices that the SlicePool does not allow");
    }
    int r = spell_of(&draft, &spell, err);
    return r == 0 ? gs_karpenter_kind_of(ask->slicepool, nodes->offer, &spell, ret, err) : r;
}

/* Adds up what is equal. */
static int add(const struct gs_karpenter_kind *kind, uint32_t nodes,
               struct gs_karpenter_choice *choices, size_t *n, struct gs_err *err)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(choices[i].kind.name, kind->name) == 0) {
            choices[i].nodes += nodes;
            return 0;
        }
    }
    if (*n == GS_KARPENTER_CHOICES_MAX) {
        return gs_fail(err, GS_LIMIT, "more than %d kinds of nodes", GS_KARPENTER_CHOICES_MAX);
    }
    choices[(*n)++] = (struct gs_karpenter_choice){.kind = *kind, .nodes = nodes};
    return 0;
}

/* The planner knows prices alone. */
static struct gs_offer *ranked(struct gs_arena *arena, const struct gs_karpenter_ask *ask)
{
    struct gs_offer *offers = GS_ARENA_NEW(arena, struct gs_offer, ask->n_offers + 1);
    for (size_t i = 0; offers != NULL && i < ask->n_offers; i++) {
        offers[i] = ask->offers[i];
        offers[i].price_uusd = gs_offer_rank(&ask->offers[i]);
    }
    return offers;
}

int gs_karpenter_choose_mixed(struct gs_arena *arena, const struct gs_karpenter_ask *ask,
                              struct gs_karpenter_choice ret[GS_KARPENTER_CHOICES_MAX],
                              size_t *ret_n, uint64_t *ret_unserved, struct gs_err *err)
{
    const struct gs_offer *offers = ranked(arena, ask);
    const struct gs_plan_input input = {
        .tables = ask->tables,
        .goal = GS_PLAN_NODES,
        .items = ask->items,
        .n_items = ask->n_items,
        .offers = offers,
        .n_offers = ask->n_offers,
        .quick = true,
    };
    struct gs_plan plan;
    if (offers == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to choose layouts");
    }
    int r = gs_plan_make(arena, &input, &plan, err);
    *ret_n = 0;
    *ret_unserved = 0;
    for (size_t i = 0; r == 0 && i < plan.n_unplaced; i++) {
        *ret_unserved += (uint64_t)plan.unplaced[i].count;
    }
    for (size_t i = 0; r == 0 && i < plan.n_nodes; i++) {
        struct gs_karpenter_kind kind;
        uint32_t nodes =
            plan.nodes[i].count > UINT32_MAX ? UINT32_MAX : (uint32_t)plan.nodes[i].count;
        struct gs_plan_nodes nodes_of_ask = plan.nodes[i];
        nodes_of_ask.offer = &ask->offers[plan.nodes[i].offer - offers];
        r = kind_of(ask, &nodes_of_ask, &kind, err);
        r = r == 0 ? add(&kind, nodes, ret, ret_n, err) : r;
    }
    return r;
}
