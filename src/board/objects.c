#include "board/objects.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "board/keep.h"
#include "wire/kubejson.h"
#include "wire/kubenode.h"
#include "wire/kubepod.h"
#include "wire/kubewait.h"

#define OBJECT_BYTES_MAX ((size_t)4 << 20)

/* ---- pods ---- */

/* "web-7d9f8cbb5d" of Deployment "web": five to ten characters of Kubernetes' alphabet for names
 * that it makes (k8s.io/apimachinery/pkg/util/rand). */
static size_t made_by_deployment(const char *name)
{
    const char *dash = strrchr(name, '-');
    size_t n = dash == NULL ? 0 : strlen(dash + 1);
    return dash != NULL && dash != name && n >= 5 && n <= 10 &&
                   strspn(dash + 1, "bcdfghjklmnpqrstvwxz2456789") == n
               ? (size_t)(dash - name)
               : 0;
}

void gs_board_workload_of(const char *kind, const char *name, char *ret, size_t size)
{
    size_t n = strcmp(kind, "ReplicaSet") == 0 ? made_by_deployment(name) : 0;
    if (kind[0] == '\0') {
        ret[0] = '\0';
    } else if (n > 0) {
        (void)snprintf(ret, size, "Deployment/%.*s", (int)n, name);
    } else {
        (void)snprintf(ret, size, "%s/%s", kind, name);
    }
}

static int take_pod(struct gs_board *board, const json_t *object, bool gone, struct gs_arena *arena,
                    struct gs_err *err)
{
    struct gs_kubepod read;
    struct gs_kubewait wait;
    char workload[GS_BOARD_TEXT_MAX];
    int r = gs_kubepod_parse(object, arena, &read, err);
    r = r == 0 ? gs_kubewait_parse(object, arena, &wait, err) : r;
    if (r != 0) {
        return r;
    }
    if (gone || read.n_wants == 0 || read.phase == GS_KUBEPOD_SUCCEEDED ||
        read.phase == GS_KUBEPOD_FAILED) {
        gs_board_drop_pod(board, read.name_space, read.name);
        return 0;
    }
    gs_board_workload_of(read.owner_kind, read.owner_name, workload, sizeof(workload));
    const struct gs_board_pod pod = {.name_space = read.name_space,
                                     .name = read.name,
                                     .workload = workload,
                                     .node = read.node == NULL ? "" : read.node,
                                     .nominated = wait.nominated,
                                     .wants = read.wants,
                                     .n_wants = read.n_wants};
    return gs_board_put_pod(board, &pod, err);
}

/* ---- nodes ---- */

static const char *pool_of(const struct gs_kubenode *node)
{
    static const char *const keys[] = {"gpuslice.dev/slicepool", "karpenter.sh/nodepool",
                                       "eks.amazonaws.com/nodegroup"};
    const char *found = "";
    for (size_t i = 0; found[0] == '\0' && i < GS_ARRAY_LEN(keys); i++) {
        found = gs_kubenode_label(node, keys[i]);
    }
    return found;
}

static const char *capacity_of(const struct gs_kubenode *node)
{
    const char *found = gs_kubenode_label(node, "karpenter.sh/capacity-type");
    if (found[0] == '\0') {
        found = gs_kubenode_label(node, "eks.amazonaws.com/capacityType");
        found = strcmp(found, "ON_DEMAND") == 0 ? "on-demand"
                : strcmp(found, "SPOT") == 0    ? "spot"
                                                : found;
    }
    return found;
}

static int take_node(struct gs_board *board, const char *name, const json_t *object,
                     struct gs_arena *arena, struct gs_err *err)
{
    struct gs_kubenode read;
    const char *why = "";
    int r = gs_kubenode_parse(object, arena, &read, err);
    if (r != 0) {
        return r;
    }
    bool ready = gs_kubenode_is_ready(object, &why);
    why = why[0] != '\0' ? why : "it has not said that it is ready";
    bool ending = json_object_get(json_object_get(object, "metadata"), "deletionTimestamp") != NULL;
    const struct gs_board_node node = {
        .name = name,
        .pool = pool_of(&read),
        .instance_type = read.instance_type,
        .region = gs_kubenode_label(&read, "topology.kubernetes.io/region"),
        .zone = gs_kubenode_label(&read, "topology.kubernetes.io/zone"),
        .capacity_type = capacity_of(&read),
        .state = ending                           ? GS_BOARD_ENDING
                 : gs_kubenode_is_starting(&read) ? GS_BOARD_STARTING
                 : ready                          ? GS_BOARD_READY
                                                  : GS_BOARD_BROKEN,
        .why = ready ? "" : why,
        .shown = read.gpus > 0 || read.n_slices > 0 || read.product[0] != '\0' ||
                 gs_kubenode_label(&read, "gpuslice.dev/slicepool")[0] != '\0',
    };
    return gs_board_put_node(board, &node, err);
}

static int take_gpunode(struct gs_board *board, const json_t *object, struct gs_arena *arena,
                        struct gs_err *err)
{
    struct gs_gpunode read;
    int r = gs_gpunode_parse(object, arena, &read, err);
    return r == 0 ? gs_board_put_gpus(board, &read, err) : r;
}

int gs_board_object(struct gs_board *board, enum gs_board_kind kind, const struct json_t *object,
                    bool gone, struct gs_err *err)
{
    const char *name =
        json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
    struct gs_arena arena;
    int r = 0;
    if (name == NULL || !gs_kubejson_is_name(name)) {
        return gs_fail(err, GS_INVALID, "an object without a name; expected metadata.name");
    }
    gs_arena_init(&arena, &gs_alloc_heap, OBJECT_BYTES_MAX);
    switch (kind) {
    case GS_BOARD_PODS:
        r = take_pod(board, object, gone, &arena, err);
        break;
    case GS_BOARD_NODES:
        if (gone) {
            gs_board_drop_node(board, name);
        } else {
            r = take_node(board, name, object, &arena, err);
        }
        break;
    case GS_BOARD_GPUNODES:
        if (gone) {
            gs_board_drop_gpus(board, name);
        } else {
            r = take_gpunode(board, object, &arena, err);
        }
        break;
    }
    gs_arena_done(&arena);
    return r;
}

/* ---- lists ---- */

void gs_board_listing(struct gs_board *board, enum gs_board_kind kind)
{
    size_t at = 0;
    uint32_t id = 0;
    if (kind == GS_BOARD_PODS) {
        for (struct gs_board_holder *one;
             (one = gs_board_crowd_next(&board->crowd, &id)) != NULL;) {
            one->seen = false;
        }
        return;
    }
    for (struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        *(kind == GS_BOARD_NODES ? &place->seen : &place->gpus_seen) = false;
    }
}

void gs_board_listed(struct gs_board *board, enum gs_board_kind kind)
{
    size_t at = 0;
    uint32_t id = 0;
    if (kind == GS_BOARD_PODS) {
        for (struct gs_board_holder *one;
             (one = gs_board_crowd_next(&board->crowd, &id)) != NULL;) {
            if (one->told && !one->seen) {
                gs_board_drop_holder(board, one);
            }
        }
        return;
    }
    for (struct gs_board_place *place; (place = gs_map_next(&board->places, &at)) != NULL;) {
        if (kind == GS_BOARD_NODES && place->told && !place->seen) {
            gs_board_drop_node(board, place->name);
        } else if (kind == GS_BOARD_GPUNODES && place->has_gpus && !place->gpus_seen) {
            gs_board_drop_gpus(board, place->name);
        }
    }
}
