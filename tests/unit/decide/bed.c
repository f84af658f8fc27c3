#include "unit/decide/bed.h"

#include <stdio.h>
#include <string.h>

static unsigned profile_of(const struct bed *bed, struct gs_view name)
{
    unsigned p;
    assert_int_equal(gs_model_profile_find(bed->model, name, &p, NULL), 0);
    return p;
}

static uint64_t rank_of(struct gs_view priority, uint64_t created_s)
{
    uint64_t value;
    assert_true(gs_view_is_u64(priority, 1000, &value));
    struct gs_decide_pod pod = {.priority = (int32_t)value, .created_us = created_s * 1000000};
    return gs_decide_rank(&pod);
}

/* Takes the next word, up to a blank. */
static bool next_word(struct gs_view *rest, struct gs_view *word)
{
    *rest = rest->p == NULL ? *rest : gs_view_trim(*rest);
    if (rest->p == NULL || rest->n == 0) {
        return false;
    }
    *word = gs_view_split(rest, ' ');
    return true;
}

static void fill_layout(struct bed *bed, struct gs_decide_node *node, struct gs_decide_gpu *gpu,
                        struct gs_view text, bool movable)
{
    struct gs_layout layout;
    struct gs_err err;
    if (gs_layout_parse(bed->model, text, &layout, &err) < 0) {
        fail_msg("%.*s: %s", GS_VIEW_ARGS(text), err.msg);
    }
    gpu->n_slices = layout.n_slices;
    for (unsigned s = 0; s < layout.n_slices; s++) {
        bool held = layout.slices[s].in_use;
        gpu->slices[s] = (struct gs_decide_slice){.placement = layout.slices[s].placement,
                                                  .state = held ? GS_DECIDE_FIXED : GS_DECIDE_IDLE,
                                                  .pod = held ? layout.slices[s].placement.profile
                                                              : GS_DECIDE_NONE,
                                                  .movable = held && movable};
        node->free[layout.slices[s].placement.profile] += held ? 0 : 1;
    }
}

static void read_gpu(struct bed *bed, struct gs_decide_node *node, struct gs_decide_gpu *gpu,
                     struct gs_view text)
{
    struct gs_view word;
    bool movable = false;
    *gpu = (struct gs_decide_gpu){.model = bed->model, .mig = true, .open = true};
    while (next_word(&text, &word)) {
        if (gs_view_eq(word, "closed")) {
            gpu->open = false;
        } else if (gs_view_eq(word, "movable")) {
            movable = true;
        } else if (gs_view_skip(&word, "kept=")) {
            gpu->kept_for = rank_of(word, BED_NOW_S);
        } else if (gs_view_skip(&word, "overdue=")) {
            gpu->kept_for = rank_of(word, BED_NOW_S - 3600);
        } else if (gs_view_skip(&word, "whole")) {
            gpu->mig = false;
            gpu->whole_free = word.n == 0;
            node->free_gpus += gpu->whole_free ? 1 : 0;
        } else {
            fill_layout(bed, node, gpu, word, movable);
        }
    }
}

static void read_bound(const struct bed *bed, struct gs_decide_node *node, struct gs_view list)
{
    node->bound_by = "bound";
    while (list.p != NULL && list.n > 0) {
        unsigned p = profile_of(bed, gs_view_split(&list, '/'));
        node->recut_to = (uint16_t)(node->recut_to | 1u << p);
    }
}

static void read_words(struct bed *bed, struct gs_decide_node *node, unsigned n,
                       struct gs_view text)
{
    struct gs_view word;
    while (next_word(&text, &word)) {
        if (gs_view_eq(word, "starting")) {
            node->usable = node->recuttable = false;
        } else if (gs_view_eq(word, "silent")) {
            node->recuttable = false;
        } else if (gs_view_eq(word, "full")) {
            node->cpu_milli = 0;
        } else if (gs_view_skip(&word, "promised=")) {
            assert_true(node->free[profile_of(bed, word)]-- > 0);
        } else if (gs_view_skip(&word, "coming=")) {
            node->coming[profile_of(bed, word)]++;
        } else if (gs_view_skip(&word, "only=")) {
            read_bound(bed, node, word);
        } else if (gs_view_skip(&word, "pool=")) {
            snprintf(bed->pools[n], sizeof(bed->pools[n]), "%.*s", GS_VIEW_ARGS(word));
        } else {
            fail_msg("unknown word %.*s", GS_VIEW_ARGS(word));
        }
    }
}

static void read_node(struct bed *bed, unsigned n, struct gs_view line)
{
    struct gs_decide_node *node = &bed->nodes[n];
    struct gs_view head = gs_view_trim(gs_view_split(&line, ':'));
    struct gs_view name = gs_view_split(&head, ' ');
    snprintf(bed->names[n], sizeof(bed->names[n]), "%.*s", GS_VIEW_ARGS(name));
    *node = (struct gs_decide_node){.name = bed->names[n],
                                    .facts = &bed->facts[n],
                                    .model = bed->model,
                                    .cpu_milli = 64000,
                                    .memory_bytes = 1ull << 40,
                                    .pods = 100,
                                    .usable = true,
                                    .recuttable = true,
                                    .gpus = bed->gpus[n]};
    while (line.p != NULL) {
        read_gpu(bed, node, &bed->gpus[n][node->n_gpus++], gs_view_split(&line, '|'));
    }
    read_words(bed, node, n, head);
    bed->labels[n] = (struct gs_label){.key = "pool", .value = bed->pools[n]};
    bed->facts[n] = (struct gs_node_facts){
        .name = node->name, .labels = &bed->labels[n], .n_labels = 1, .labels_complete = true};
}

void bed_sum(struct bed *bed)
{
    for (size_t n = 0; n < bed->cluster.n_nodes; n++) {
        struct gs_decide_node *node = &bed->nodes[n];
        assert_int_equal(
            gs_decide_sum(bed->decider, node->model, node->gpus, node->n_gpus, &bed->sums[n], NULL),
            0);
        node->sum = &bed->sums[n];
    }
}

static void name_holders(struct bed *bed)
{
    for (unsigned p = 0; p < bed->model->n_profiles; p++) {
        const struct gs_profile *profile = &bed->model->profiles[p];
        snprintf(bed->holder_names[p], sizeof(bed->holder_names[p]), "default/has-%s",
                 profile->name);
        bed->holder_wants[p] = (struct gs_want){.profile = profile->parts, .count = 1};
        bed->holders[p] = (struct gs_decide_pod){.name = bed->holder_names[p],
                                                 .priority = 5,
                                                 .created_us = 1,
                                                 .cpu_milli = 1000,
                                                 .wants = &bed->holder_wants[p],
                                                 .n_wants = 1};
    }
    bed->cluster.holders = bed->holders;
    bed->cluster.n_holders = bed->model->n_profiles;
}

void bed_init(struct bed *bed, const char *model, const char *text, bool sums)
{
    *bed = (struct bed){.cluster = {.now_us = BED_NOW_S * 1000000ull}};
    gs_arena_init(&bed->arena, &gs_alloc_heap, 64 << 20);
    bed->decider = gs_decider_new(&bed->arena);
    assert_non_null(bed->decider);
    assert_int_equal(gs_catalog_find(gs_view(model), &bed->model, NULL), 0);
    name_holders(bed);
    struct gs_view rest = gs_view(text);
    while (rest.p != NULL && rest.n > 0) {
        read_node(bed, (unsigned)bed->cluster.n_nodes++, gs_view_split(&rest, '\n'));
    }
    bed->cluster.nodes = bed->nodes;
    bed->pod = (struct gs_decide_pod){.name = "default/new",
                                      .priority = 5,
                                      .created_us = (BED_NOW_S - 10) * 1000000ull,
                                      .cpu_milli = 1000,
                                      .memory_bytes = 1 << 30,
                                      .wants = bed->wants};
    if (sums) {
        bed_sum(bed);
    }
}

void bed_done(struct bed *bed)
{
    gs_arena_done(&bed->arena);
}

void bed_ask(struct bed *bed, const char *wants)
{
    struct gs_view rest = gs_view(wants);
    bed->pod.n_wants = 0;
    while (rest.p != NULL) {
        struct gs_view count = gs_view_split(&rest, ',');
        struct gs_view name = gs_view_split(&count, '=');
        uint64_t n = 1;
        assert_true(count.p == NULL || gs_view_is_u64(count, 1000000, &n));
        struct gs_want *want = &bed->wants[bed->pod.n_wants++];
        *want = (struct gs_want){.whole_gpu = gs_view_eq(name, "whole"), .count = (uint32_t)n};
        if (!want->whole_gpu) {
            assert_int_equal(gs_profile_name_parse(name, &want->profile, NULL), 0);
        }
    }
}
