/* plan --cluster: what kubectl's files would hold, read from the API server by the same readers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/cluster/link.h"
#include "cli/cluster/region.h"
#include "cli/plan/live.h"
#include "wire/kubejson.h"
#include "wire/kubenode.h"
#include "wire/kubepod.h"
#include "wire/slicepool.h"

#define SCRATCH_MAX ((size_t)64 << 20)

struct live {
    struct gs_cmd_plan_question *question;
    struct gs_link link;
    struct gs_arena scratch; /* one object at a time */
    struct gs_kubeplan *plan;
    json_t *later; /* an array: pods that are added once it is known where their volumes are */
    struct gs_kubenode **nodes;
    size_t n_nodes, cap_nodes;
    struct gs_region_sources region;
    bool buys;            /* what SlicePools may buy, as nothing else is said */
    struct gs_err broken; /* what went wrong when a list began anew */
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the cluster");
}

/* ---- nodes, then pods ---- */

static void begin_nodes(void *ctx)
{
    struct live *live = ctx;
    live->n_nodes = 0;
}

static int take_node(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct live *live = ctx;
    struct gs_arena *arena = live->question->arena;
    struct gs_kubenode *node = GS_ARENA_NEW(arena, struct gs_kubenode, 1);
    if (node == NULL || !gs_arena_room(arena, &live->nodes, &live->cap_nodes, live->n_nodes,
                                       sizeof(*live->nodes))) {
        return no_memory(err);
    }
    int r = gs_kubenode_parse(object, arena, node, err);
    if (r == 0 && live->region.node == NULL) {
        const char *label = gs_kubenode_label(node, "topology.kubernetes.io/region");
        live->region.node = label[0] == '\0' ? NULL : label;
    }
    live->nodes[live->n_nodes++] = node;
    return r;
}

/* All nodes come before the first pod: a list of pods that begins anew begins with a new plan. */
static void begin_pods(void *ctx)
{
    struct live *live = ctx;
    live->plan = gs_kubeplan_new(live->question->arena, true);
    json_array_clear(live->later);
    int r = live->plan == NULL ? no_memory(&live->broken) : 0;
    for (size_t i = 0; r == 0 && i < live->n_nodes; i++) {
        r = gs_kubeplan_add_node(live->plan, live->nodes[i], &live->broken);
    }
    if (r == 0) {
        (void)gs_kubeplan_end_nodes(live->plan, &live->broken);
    }
}

/* Whether the pod may run hangs on claims; of as many pods as are asked about. */
static bool comes_later(const struct live *live, const struct gs_kubepod *pod)
{
    return pod->n_claims > 0 && pod->n_wants > 0 && pod->node == NULL && !pod->deleting &&
           pod->phase == GS_KUBEPOD_PENDING && json_array_size(live->later) < GS_LIVE_VOLUMES_MAX;
}

static int take_pod(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct live *live = ctx;
    struct gs_kubepod pod;
    struct gs_arena_mark mark = gs_arena_mark(&live->scratch);
    if (live->broken.code != GS_OK) {
        *err = live->broken;
        return (int)live->broken.code;
    }
    int r = gs_kubepod_parse(object, &live->scratch, &pod, err);
    if (r == 0 && comes_later(live, &pod)) {
        r = json_array_append_new(live->later, json_deep_copy(object)) == 0 ? 0 : no_memory(err);
    } else {
        r = r == 0 ? gs_kubeplan_add_pod(live->plan, &pod, err) : r;
    }
    gs_arena_rewind(&live->scratch, mark);
    return r;
}

static int take_later(struct live *live, struct gs_err *err)
{
    struct gs_live_volumes volumes = {.question = live->question};
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(live->later); i++) {
        const json_t *object = json_array_get(live->later, i);
        const char *uid =
            json_string_value(json_object_get(json_object_get(object, "metadata"), "uid"));
        struct gs_arena_mark mark = gs_arena_mark(&live->scratch);
        struct gs_kubepod pod;
        r = gs_kubepod_parse(object, &live->scratch, &pod, err);
        r = r == 0 ? gs_live_volumes_add(&volumes, &live->link, &pod, uid == NULL ? "" : uid,
                                         &live->scratch, live->plan, err)
                   : r;
        gs_arena_rewind(&live->scratch, mark);
    }
    return r == 0 ? gs_live_volumes_end(&volumes, err) : r;
}

/* ---- SlicePools: what may be bought, and at whose prices, where nothing else is said ---- */

static void take_types(struct gs_cmd_plan_args *args, const struct gs_slicepool *pool)
{
    for (unsigned i = 0; i < pool->n_instance_types; i++) {
        bool known = pool->deleting;
        for (size_t k = 0; k < args->instances.n && !known; k++) {
            known = strcmp(args->instances.items[k], pool->instance_types[i]) == 0;
        }
        if (!known && args->instances.n < GS_TEXTS_MAX) {
            args->instances.items[args->instances.n++] = pool->instance_types[i];
        }
    }
}

static int take_pool(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct live *live = ctx;
    struct gs_arena *arena = live->question->arena;
    struct gs_slicepool pool;
    struct gs_slicepool_status status = {.region = NULL};
    struct gs_err why = {.code = GS_OK};
    int r = gs_slicepool_parse(object, arena, &pool, err);
    if (r == 0 && gs_slicepool_parse_status(object, arena, &status, &why) == GS_NO_MEMORY) {
        *err = why;
        return GS_NO_MEMORY;
    }
    if (r == 0 && live->buys) {
        take_types(live->question->own, &pool);
    }
    bool first = live->region.controller == NULL && status.region != NULL;
    live->region.controller =
        first && status.region[0] != '\0' ? status.region : live->region.controller;
    live->region.controller_spoke |= status.controller != NULL && status.controller[0] != '\0';
    return r;
}

static void begin_pools(void *ctx)
{
    struct live *live = ctx;
    if (live->buys) {
        live->question->own->instances.n = 0;
    }
    live->region.controller = NULL;
    live->region.controller_spoke = false;
}

static int settle_region(struct live *live, struct gs_err *err)
{
    struct gs_cmd_plan_question *question = live->question;
    const struct gs_region region = gs_region_choose(&live->region);
    if (region.from == GS_REGION_NOWHERE) {
        return gs_fail(err, GS_INVALID,
                       "it is known what may be bought, but not in which region prices are to be "
                       "looked up: no SlicePool has it in its status, and no node has the label "
                       "topology.kubernetes.io/region; expected --region us-east-1");
    }
    if (region.from == GS_REGION_GIVEN) {
        return 0;
    }
    question->own->region = gs_arena_printf(question->arena, "%s", region.name);
    question->prices = gs_arena_printf(question->arena, "prices of %s: %s", region.name,
                                       gs_region_words(region.from));
    return question->own->region == NULL || question->prices == NULL ? no_memory(err) : 0;
}

static int settle_pools(struct live *live, const struct gs_link_list *pools, struct gs_err *err)
{
    const struct gs_cmd_plan_args *args = live->question->own;
    int r = 0;
    if (live->buys && pools->result != 0) {
        return gs_cmd_plan_note(live->question, err, "SlicePools, which were not read: %s",
                                pools->err.msg);
    }
    r = args->instances.n == 0 ? 0 : settle_region(live, err);
    if (r != 0 || !live->buys || args->instances.n == 0) {
        return r;
    }
    return gs_cmd_plan_note(live->question, err,
                            "profiles, limits, labels and taints of SlicePools: their instance "
                            "types are offered as they are");
}

/* ---- all ---- */

static int wait_for(struct live *live, const struct gs_link_list *list, struct gs_err *err)
{
    int r = gs_link_wait(&live->link, err);
    if (r == 0 && list->result != 0) {
        *err = list->err;
        r = list->result;
    }
    live->question->unreached = r != 0;
    return r;
}

static int read_lists(struct live *live, struct gs_err *err)
{
    const struct gs_cmd_plan_args *args = live->question->args;
    bool asks = args->model.n == 0 && (args->instances.n > 0 || args->instances_file == NULL);
    struct gs_link_list nodes = {.kind = "Node",
                                 .path = "/api/v1/nodes",
                                 .begin = begin_nodes,
                                 .take = take_node,
                                 .ctx = live};
    struct gs_link_list pods = {
        .kind = "Pod", .path = "/api/v1/pods", .begin = begin_pods, .take = take_pod, .ctx = live};
    struct gs_link_list pools = {.kind = "SlicePool",
                                 .path = GS_SLICEPOOL_PATH,
                                 .begin = begin_pools,
                                 .take = take_pool,
                                 .ctx = live};
    live->buys = asks && args->instances.n == 0;
    live->region = (struct gs_region_sources){.given = args->region, .env = getenv("AWS_REGION")};
    gs_link_begin_list(&live->link, &nodes);
    int r = wait_for(live, &nodes, err);
    if (r != 0) {
        return r;
    }
    gs_link_begin_list(&live->link, &pods);
    if (asks) {
        gs_link_begin_list(&live->link, &pools);
    }
    r = wait_for(live, &pods, err);
    r = r == 0 ? take_later(live, err) : r;
    return r == 0 && asks ? settle_pools(live, &pools, err) : r;
}

int gs_cmd_plan_read_live(struct gs_cmd_plan_question *question, struct gs_err *err)
{
    struct live live = {.question = question, .later = json_array(), .broken = {.code = GS_OK}};
    int r = gs_link_open(&live.link, &question->args->link, err);
    gs_arena_init(&live.scratch, &gs_alloc_heap, SCRATCH_MAX);
    r = r == 0 ? read_lists(&live, err) : r;
    r = r == 0 ? gs_kubeplan_finish(live.plan, question->demand, &question->cluster, err) : r;
    gs_arena_done(&live.scratch);
    json_decref(live.later);
    gs_link_close(&live.link);
    return r;
}
