#include "controller/shown/better.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cloud/offers.h"
#include "core/demand.h"
#include "core/layout.h"
#include "core/plan/plan.h"
#include "net/handoff.h"
#include "picture/store.h"
#include "wire/jsonwrite.h"

#define WORK_BYTES_MAX ((size_t)1 << 30)

enum {
    KINDS_MAX = 400, /* more are made alike by rounding CPU and memory up */
    OFFERS_MAX = 64,
    ROWS_MAX = 500,
    LAYOUT_TEXT_MAX = 512,
    PARTS_MAX = GS_OFFER_GPUS_MAX,
    DOC_MAX = 1 << 20,
    NO_MEMORY_WAIT_US = 10000
};

struct row {
    const char *type;
    const char *layout;
    uint64_t now;
    uint64_t better;
};

/* All that the thread works on. */
struct work {
    struct gs_better *better;
    struct gs_arena arena;
    struct gs_demand *demand;
    struct gs_offer offers[OFFERS_MAX];
    const struct gs_instance *types[OFFERS_MAX];
    unsigned n_offers;
    struct row rows[ROWS_MAX];
    unsigned n_rows;
    uint64_t nodes_now;
    uint64_t uusd_now;
    uint64_t left_out; /* nodes that are not looked at */
    struct gs_buf doc;
    int result;
    struct gs_err err;
};

struct gs_better {
    struct gs_better_options options;
    struct gs_handoff *handoff;
    struct gs_dashboard_job *jobs;
    pthread_t thread;
    struct work *work; /* a thread is at it */
};

/* ---- layouts as texts ---- */

/* GPUs that are cut alike. */
struct part {
    char text[GS_LAYOUT_TEXT_MAX + 1];
    uint64_t count;
};

static void add_part(struct part *parts, unsigned *n, const char *text, uint64_t count)
{
    for (unsigned i = 0; i < *n; i++) {
        if (strcmp(parts[i].text, text) == 0) {
            parts[i].count += count;
            return;
        }
    }
    if (*n < PARTS_MAX && count > 0) {
        (void)snprintf(parts[*n].text, sizeof(parts[*n].text), "%s", text);
        parts[(*n)++].count = count;
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct part *)a)->text, ((const struct part *)b)->text);
}

static const char *join(struct gs_arena *arena, struct part *parts, unsigned n)
{
    char text[LAYOUT_TEXT_MAX] = "";
    size_t at = 0;
    qsort(parts, n, sizeof(*parts), by_text);
    for (unsigned i = 0; i < n && at < sizeof(text); i++) {
        int k = snprintf(text + at, sizeof(text) - at, "%s%llu x %s", i == 0 ? "" : ", ",
                         (unsigned long long)parts[i].count, parts[i].text);
        at += k < 0 ? 0 : (size_t)k;
    }
    return gs_arena_text(arena, text, strlen(text));
}

static const char *layout_now(struct gs_arena *arena, const struct gs_store_node *node)
{
    struct part parts[PARTS_MAX];
    unsigned n = 0;
    for (unsigned k = 0; k < node->n_gpus; k++) {
        const struct gs_store_gpu *gpu = &node->gpus[k];
        char text[GS_LAYOUT_TEXT_MAX + 1] = "";
        uint8_t counts[GS_PROFILES_MAX] = {0};
        for (unsigned i = 0; i < gpu->n_slices; i++) {
            if (gpu->slices[i].profile < GS_PROFILES_MAX) {
                counts[gpu->slices[i].profile]++;
            }
        }
        if (gpu->mig && gpu->model != NULL) {
            gs_layout_counts_format(gpu->model, counts, text);
        }
        add_part(parts, &n, text[0] != '\0' ? text : gpu->mig ? "not cut" : "whole", 1);
    }
    return join(arena, parts, n);
}

static const char *layout_better(struct gs_arena *arena, const struct gs_plan_nodes *nodes)
{
    struct part parts[PARTS_MAX];
    unsigned n = 0;
    uint64_t used = 0;
    for (size_t i = 0; i < nodes->n_layouts; i++) {
        const struct gs_plan_layout *layout = &nodes->layouts[i];
        char text[GS_LAYOUT_TEXT_MAX + 1] = "whole";
        if (!layout->whole) {
            gs_layout_counts_format(layout->model, layout->counts, text);
        }
        add_part(parts, &n, text, (uint64_t)layout->count);
        used += (uint64_t)layout->count;
    }
    add_part(parts, &n, "not cut", nodes->offer->gpus > used ? nodes->offer->gpus - used : 0);
    return join(arena, parts, n);
}

/* NULL: there are too many; they are not told apart then. */
static struct row *row_of(struct work *work, const char *type, const char *layout)
{
    for (unsigned i = 0; layout != NULL && i < work->n_rows; i++) {
        if (strcmp(work->rows[i].type, type) == 0 && strcmp(work->rows[i].layout, layout) == 0) {
            return &work->rows[i];
        }
    }
    if (layout == NULL || work->n_rows == ROWS_MAX) {
        return NULL;
    }
    work->rows[work->n_rows] = (struct row){.type = type, .layout = layout};
    return &work->rows[work->n_rows++];
}

/* ---- what is there: on the loop ---- */

/* The offer that the node is one of; NULL: its type or price is not known, or it is not bought on
 * demand. */
static const struct gs_offer *offer_of(struct work *work, const struct gs_store_node *node)
{
    const char *capacity = gs_kubenode_label(&node->node, "karpenter.sh/capacity-type");
    const char *region = work->better->options.region[0] != '\0'
                             ? work->better->options.region
                             : gs_kubenode_label(&node->node, "topology.kubernetes.io/region");
    const struct gs_instance *type = NULL;
    if ((capacity[0] != '\0' && strcmp(capacity, "on-demand") != 0) ||
        gs_instance_find(gs_view(node->node.instance_type), &type, NULL) != 0) {
        return NULL;
    }
    for (unsigned i = 0; i < work->n_offers; i++) {
        if (work->types[i] == type) {
            return &work->offers[i];
        }
    }
    if (work->n_offers == OFFERS_MAX ||
        gs_offer_of_instance(&work->arena, type, gs_view(region), &gs_node_overhead_default,
                             &work->offers[work->n_offers], NULL) != 0) {
        return NULL;
    }
    work->offers[work->n_offers].max_nodes = UINT32_MAX;
    work->types[work->n_offers] = type;
    return &work->offers[work->n_offers++];
}

static int add_pod(struct work *work, const struct gs_store *store, const struct gs_store_pod *pod,
                   const struct gs_model *model, struct gs_err *err)
{
    struct gs_want wants[GS_STORE_POD_WANTS_MAX];
    for (unsigned i = 0; i < pod->n_wants; i++) {
        bool whole = pod->wants[i].resource == 0;
        wants[i] = (struct gs_want){.whole_gpu = whole,
                                    .model = model,
                                    .profile = store->resources[pod->wants[i].resource],
                                    .count = pod->wants[i].count};
    }
    const struct gs_alternative way = {.wants = wants, .n_wants = pod->n_wants};
    const struct gs_item item = {.name = "",
                                 .count = 1,
                                 .cpu_milli = pod->cpu_milli,
                                 .memory_bytes = pod->memory_bytes,
                                 .alternatives = &way,
                                 .n_alternatives = 1};
    return gs_demand_add(work->demand, &item, err);
}

static int add_node(struct work *work, const struct gs_store *store,
                    const struct gs_store_node *node, struct gs_err *err)
{
    const struct gs_model *model = node->n_gpus > 0 ? node->gpus[0].model : NULL;
    const struct gs_offer *offer = model == NULL ? NULL : offer_of(work, node);
    if (offer == NULL) {
        work->left_out++;
        return 0;
    }
    struct row *row = row_of(work, offer->name, layout_now(&work->arena, node));
    if (row != NULL) {
        row->now++;
    }
    work->nodes_now++;
    work->uusd_now += offer->price_uusd;
    int r = 0;
    for (const struct gs_store_pod *pod = node->pods; r == 0 && pod != NULL; pod = pod->next) {
        r = pod->node != NULL && pod->n_wants > 0 ? add_pod(work, store, pod, model, err) : 0;
    }
    return r;
}

static int gather(struct work *work, struct gs_err *err)
{
    const struct gs_store *store = work->better->options.store;
    const struct gs_store_node *node;
    size_t at = 0;
    int r = 0;
    work->demand = gs_demand_new(&work->arena);
    if (work->demand == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the planner");
    }
    while (r == 0 && (node = gs_map_next(&store->nodes, &at)) != NULL) {
        r = node->known && node->has_gpus ? add_node(work, store, node, err) : 0;
    }
    if (r == 0 && work->nodes_now == 0) {
        return gs_fail(err, GS_NOT_FOUND, "there is no node with GPUs whose price is known");
    }
    return r;
}

/* ---- the plan: on the thread ---- */

static void put_rows(struct work *work, struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, "diff", '[');
    for (unsigned i = 0; i < work->n_rows; i++) {
        const struct row *row = &work->rows[i];
        if (row->now != row->better) {
            gs_jsonwrite_open(json, NULL, '{');
            gs_jsonwrite_text(json, "instance_type", row->type);
            gs_jsonwrite_text(json, "layout", row->layout);
            gs_jsonwrite_number(json, "now", row->now);
            gs_jsonwrite_number(json, "better", row->better);
            gs_jsonwrite_close(json, '}');
        }
    }
    gs_jsonwrite_close(json, ']');
}

static int put_plan(struct work *work, const struct gs_plan *plan, struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = &work->doc};
    struct timespec now = {.tv_sec = 0};
    uint64_t nodes = 0;
    uint64_t unplaced = 0;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    for (size_t i = 0; i < plan->n_nodes; i++) {
        const struct gs_plan_nodes *one = &plan->nodes[i];
        struct row *row = row_of(work, one->offer->name, layout_better(&work->arena, one));
        nodes += (uint64_t)one->count;
        if (row != NULL) {
            row->better += (uint64_t)one->count;
        }
    }
    for (size_t i = 0; i < plan->n_unplaced; i++) {
        unplaced += (uint64_t)plan->unplaced[i].count;
    }
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_time(&json, "at", (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    gs_jsonwrite_number(&json, "nodes_now", work->nodes_now);
    gs_jsonwrite_number(&json, "nodes_better", nodes);
    gs_jsonwrite_number(&json, "uusd_h_now", work->uusd_now);
    gs_jsonwrite_number(&json, "uusd_h_better", (uint64_t)plan->value);
    gs_jsonwrite_number(&json, "lower_bound", (uint64_t)plan->bound);
    gs_jsonwrite_number(&json, "left_out_nodes", work->left_out);
    gs_jsonwrite_number(&json, "unplaced_pods", unplaced);
    put_rows(work, &json);
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "the plan", err);
}

static int make_plan(struct work *work, struct gs_err *err)
{
    const struct gs_demand *demand = work->demand;
    struct gs_plan plan = {.value = 0};
    unsigned percent = 0;
    int r = gs_demand_coarsen(&work->arena, work->demand, KINDS_MAX, &demand, &percent, err);
    struct gs_plan_input input = {
        .goal = GS_PLAN_NODES, .offers = work->offers, .n_offers = work->n_offers, .quick = true};
    if (r == 0) {
        input.items = gs_demand_items(demand, &input.n_items);
        r = input.n_items == 0 ? 0 : gs_plan_make(&work->arena, &input, &plan, err);
    }
    return r == 0 ? put_plan(work, &plan, err) : r;
}

static void free_work(struct work *work)
{
    gs_arena_done(&work->arena);
    gs_buf_done(&work->doc);
    free(work);
}

static void answer(struct gs_better *better, int result, struct gs_view text)
{
    struct gs_dashboard_job *job = better->jobs;
    better->jobs = NULL;
    while (job != NULL) {
        struct gs_dashboard_job *next = job->next;
        job->done(job->ctx, result, text);
        job = next;
    }
}

/* Back on the loop. */
static void on_done(void *ctx)
{
    struct work *work = ctx;
    struct gs_better *better = work->better;
    if (better->work != NULL) {
        (void)pthread_join(better->thread, NULL);
        better->work = NULL;
    }
    if (work->result == 0) {
        answer(better, 0, (struct gs_view){.p = gs_buf_text(&work->doc), .n = work->doc.len});
    } else {
        answer(better, work->result, gs_view(work->err.msg));
    }
    free_work(work);
}

static void *run(void *ctx)
{
    struct work *work = ctx;
    work->result = make_plan(work, &work->err);
    while (gs_handoff_post(work->better->handoff, on_done, work) != 0) {
        (void)usleep(NO_MEMORY_WAIT_US);
    }
    return NULL;
}

/* ---- asking ---- */

static int begin(struct gs_better *better, struct gs_err *err)
{
    struct work *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the planner");
    }
    work->better = better;
    gs_arena_init(&work->arena, &gs_alloc_heap, WORK_BYTES_MAX);
    gs_buf_init(&work->doc, DOC_MAX);
    int r = gather(work, err);
    if (r == 0 && pthread_create(&better->thread, NULL, run, work) != 0) {
        r = gs_fail(err, GS_NO_MEMORY, "no thread for the planner");
    }
    if (r != 0) {
        free_work(work);
        return r;
    }
    better->work = work;
    return 0;
}

void gs_better_ask(void *ctx, struct gs_dashboard_job *job)
{
    struct gs_better *better = ctx;
    struct gs_err err = {.msg = ""};
    job->next = better->jobs;
    better->jobs = job;
    int r = better->work == NULL ? begin(better, &err) : 0;
    if (r != 0) {
        answer(better, r, gs_view(err.msg));
    }
}

void gs_better_forget(void *ctx, struct gs_dashboard_job *job)
{
    struct gs_better *better = ctx;
    struct gs_dashboard_job **at = &better->jobs;
    while (*at != NULL && *at != job) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = job->next;
    }
}

int gs_better_new(const struct gs_better_options *options, struct gs_better **ret,
                  struct gs_err *err)
{
    struct gs_better *better = calloc(1, sizeof(*better));
    if (better == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the planner");
    }
    better->options = *options;
    int r = gs_handoff_new(options->event, &better->handoff, err);
    if (r != 0) {
        free(better);
        return r;
    }
    *ret = better;
    return 0;
}

void gs_better_free(struct gs_better *better)
{
    if (better == NULL) {
        return;
    }
    struct work *work = better->work;
    if (work != NULL) {
        (void)pthread_join(better->thread, NULL);
        better->work = NULL;
    }
    gs_handoff_free(better->handoff); /* what the thread has posted runs, and frees its work */
    free(better);
}
