#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/gpunode_work.h"
#include "agent/placed.h"
#include "base/clock.h"
#include "base/log.h"

/* ---- Answers ---- */

/* In one line of plain text, whatever a driver or a server has said. */
static void put_message(struct gs_agentnode_gpu *gpu, const char *text)
{
    struct gs_view rest = gs_view(text);
    size_t n = 0;
    while (rest.n > 0) {
        uint32_t c;
        size_t k = gs_view_character(rest, &c);
        bool plain = k > 0 && !gs_character_is_control(c);
        if (n + (plain ? k : 1) > GS_GPUNODE_MESSAGE_MAX) {
            break;
        }
        if (plain) {
            memcpy(gpu->message + n, rest.p, k);
            n += k;
        } else {
            gpu->message[n++] = k == 0 ? '?' : ' ';
        }
        rest.p += k == 0 ? 1 : k;
        rest.n -= k == 0 ? 1 : k;
    }
    gpu->message[n] = '\0';
}

static void answer(struct gs_agentnode *node, struct gs_agentnode_gpu *gpu, const char *id,
                   enum gs_gpunode_result result, const char *message)
{
    snprintf(gpu->decision.id, sizeof(gpu->decision.id), "%s", id);
    gpu->decision.result = result;
    gpu->decision.at_us = gs_date_us();
    put_message(gpu, message);
    gs_log_info("the wish %s for GPU %s: %s%s%s", id, gpu->uuid, gs_gpunode_result_text(result),
                gpu->message[0] == '\0' ? "" : ": ", gpu->message);
    gs_agentnode_touch(node, true);
}

static enum gs_gpunode_result result_of(int code)
{
    switch ((enum gs_code)code) {
    case GS_OK:
        return GS_GPUNODE_DONE;
    case GS_BUSY:
        return GS_GPUNODE_BUSY;
    case GS_INVALID:
    case GS_NOT_FOUND:
    case GS_AMBIGUOUS:
    case GS_INFEASIBLE:
    case GS_UNSUPPORTED:
        return GS_GPUNODE_REFUSED;
    case GS_LIMIT:
    case GS_NO_MEMORY:
    case GS_UNKNOWN:
    case GS_IO:
        return GS_GPUNODE_FAILED;
    }
    return GS_GPUNODE_FAILED;
}

/* ---- One wish ---- */

static const struct gs_gpunode_wish *wish_for(const struct gs_agentnode *node,
                                              const struct gs_agentnode_gpu *gpu)
{
    for (unsigned i = 0; i < node->n_wishes; i++) {
        if (strcmp(node->wishes[i].uuid, gpu->uuid) == 0) {
            return &node->wishes[i];
        }
    }
    return NULL;
}

static struct gs_order order_of(const struct gs_gpunode_wish *wish)
{
    return (struct gs_order){.origin = GS_ORDER_CLUSTER,
                             .name = "",
                             .text = wish->layout,
                             .file = "",
                             .gpu = wish->uuid};
}

/* What the layout says on the hardware as it is. 1: it is so already. */
static int look_at(const struct gs_agentnode *node, const struct gs_gpunode_wish *wish,
                   struct gs_err *err)
{
    unsigned gpu;
    struct gs_mig_state state;
    const struct gs_order order = order_of(wish);
    const struct gs_snapshot *snapshot = &gs_offering_box(node->agent->offering)->snapshot;
    int r = gs_placed_read(&order, snapshot, &gpu, &state, err);
    return r < 0 ? r : gs_placed_is_met(snapshot, gpu, &state);
}

/* An agent before this one began it. The journal has finished or undone its last step. */
static void close_old(struct gs_agentnode *node, struct gs_agentnode_gpu *gpu,
                      const struct gs_gpunode_wish *wish)
{
    bool same = wish != NULL && strcmp(wish->id, gpu->decision.id) == 0;
    if (same && look_at(node, wish, NULL) == 1) {
        gpu->carried_out = true;
        if (gs_status_is_settled(node->agent->status)) {
            gs_agentnode_settled(node);
        } else {
            gs_agentnode_await_settled(node);
        }
        return;
    }
    char id[GS_GPUNODE_ID_MAX + 1];
    memcpy(id, gpu->decision.id, sizeof(id));
    answer(node, gpu, id, GS_GPUNODE_STALE,
           "the agent was started anew before it was done: decide on what the GPU is now");
}

static void begin(struct gs_agentnode *node, struct gs_agentnode_gpu *gpu,
                  const struct gs_gpunode_wish *wish)
{
    struct gs_err err;
    uint64_t number = 0;
    int r = gs_agent_order(node->agent, order_of(wish), &number, &err);
    if (r < 0) {
        answer(node, gpu, wish->id, result_of(r), err.msg);
        return;
    }
    gpu->order = number;
    answer(node, gpu, wish->id, GS_GPUNODE_RUNNING, wish->reason);
}

static void heed_wish(struct gs_agentnode *node, struct gs_agentnode_gpu *gpu,
                      const struct gs_gpunode_wish *wish)
{
    struct gs_err err;
    char text[GS_GPUNODE_MESSAGE_MAX];
    if (wish->based_on != gpu->revision) {
        snprintf(
            text, sizeof(text),
            "it was decided on revision %llu of the GPU, which is at %llu: its slices or their "
            "holders have changed since; decide anew",
            (unsigned long long)wish->based_on, (unsigned long long)gpu->revision);
        answer(node, gpu, wish->id, GS_GPUNODE_STALE, text);
        return;
    }
    if (node->agent->ordered) {
        answer(node, gpu, wish->id, GS_GPUNODE_BUSY,
               "the layout of the node's label or of its file is not there yet and is tried again; "
               "it comes before wishes of the controller");
        return;
    }
    int r = look_at(node, wish, &err);
    if (r < 0) {
        answer(node, gpu, wish->id, result_of(r), err.msg);
        return;
    }
    begin(node, gpu, wish);
}

/* Whether an order of somebody else is being carried out: it comes first. */
static bool must_wait(const struct gs_agentnode *node)
{
    const struct gs_agent *agent = node->agent;
    return agent->n_running > 0 || (agent->ordered && !agent->layout_failed);
}

void gs_agentnode_heed(struct gs_agentnode *node)
{
    if (gs_offering_box(node->agent->offering) == NULL || node->agent->leaving != NULL) {
        return;
    }
    for (unsigned i = 0; i < node->n_gpus; i++) {
        struct gs_agentnode_gpu *gpu = &node->gpus[i];
        const struct gs_gpunode_wish *wish = wish_for(node, gpu);
        if (gpu->order != 0 || gpu->carried_out || gpu->revision == 0 || !gpu->adopted) {
            continue;
        }
        if (gpu->decision.result == GS_GPUNODE_RUNNING) {
            close_old(node, gpu, wish);
        } else if (wish != NULL && !must_wait(node) && strcmp(wish->id, gpu->decision.id) != 0) {
            heed_wish(node, gpu, wish);
        }
    }
}

/* ---- Ends ---- */

void gs_agentnode_ended(struct gs_agentnode *node, const struct gs_order_result *result)
{
    if (node == NULL) {
        return;
    }
    gs_agentnode_look(node);
    for (unsigned i = 0; i < node->n_gpus; i++) {
        struct gs_agentnode_gpu *gpu = &node->gpus[i];
        if (gpu->order != 0 && gpu->order == result->number) {
            char id[GS_GPUNODE_ID_MAX + 1];
            memcpy(id, gpu->decision.id, sizeof(id));
            gpu->order = 0;
            gpu->carried_out = result->code == 0;
            if (result->code != 0) {
                answer(node, gpu, id, result_of(result->code), result->err.msg);
            }
        }
    }
    gs_agentnode_await_settled(node);
    gs_agentnode_touch(node, false);
    gs_agentnode_heed(node);
}

void gs_agentnode_settled(struct gs_agentnode *node)
{
    for (unsigned i = 0; node != NULL && i < node->n_gpus; i++) {
        struct gs_agentnode_gpu *gpu = &node->gpus[i];
        if (gpu->carried_out) {
            char id[GS_GPUNODE_ID_MAX + 1];
            memcpy(id, gpu->decision.id, sizeof(id));
            gpu->carried_out = false;
            answer(node, gpu, id, GS_GPUNODE_DONE, "");
        }
    }
}

/* ---- The object ---- */

static bool keep_pods(struct gs_arena *arena, struct gs_gpunode_wish *wish)
{
    wish->pods = NULL; /* the controller's own; the agent needs none of them */
    wish->n_pods = 0;
    wish->id = gs_arena_text(arena, wish->id, strlen(wish->id));
    wish->uuid = gs_arena_text(arena, wish->uuid, strlen(wish->uuid));
    wish->layout = gs_arena_text(arena, wish->layout, strlen(wish->layout));
    wish->reason = gs_arena_text(arena, wish->reason, strlen(wish->reason));
    return wish->id != NULL && wish->uuid != NULL && wish->layout != NULL && wish->reason != NULL;
}

static void keep_wishes(struct gs_agentnode *node, const struct gs_gpunode *object)
{
    gs_arena_done(&node->spec_arena);
    node->n_wishes = 0;
    struct gs_gpunode_wish *wishes =
        GS_ARENA_NEW(&node->spec_arena, struct gs_gpunode_wish, object->n_wishes + 1u);
    for (unsigned i = 0; wishes != NULL && i < object->n_wishes; i++) {
        wishes[node->n_wishes] = object->wishes[i];
        node->n_wishes += keep_pods(&node->spec_arena, &wishes[node->n_wishes]);
    }
    node->wishes = wishes;
}

/* Once for each GPU: whatever this agent has seen of it yet, its revision goes on from there. */
static void adopt(struct gs_agentnode *node, const struct gs_gpunode *object)
{
    for (unsigned i = 0; i < object->n_gpus; i++) {
        const struct gs_gpunode_gpu *from = &object->gpus[i];
        struct gs_agentnode_gpu *gpu = gs_agentnode_gpu(node, from->uuid, true);
        if (gpu == NULL || gpu->adopted) {
            continue;
        }
        gpu->revision = from->revision >= gpu->revision ? from->revision + 1 : gpu->revision;
        if (from->decision.result != GS_GPUNODE_NONE && gpu->decision.result == GS_GPUNODE_NONE) {
            memcpy(gpu->decision.id, from->decision.id, sizeof(gpu->decision.id));
            gpu->decision.result = from->decision.result;
            gpu->decision.at_us = from->decision.at_us;
            put_message(gpu, from->decision.message);
        }
    }
    for (unsigned i = 0; i < node->n_gpus; i++) {
        node->gpus[i].adopted = true;
    }
}

void gs_agentnode_take(struct gs_agentnode *node, const struct gs_gpunode *object)
{
    adopt(node, object);
    keep_wishes(node, object);
}

/* ---- For people ---- */

static json_t *gpu_json(const struct gs_agentnode *node, const struct gs_agentnode_gpu *gpu)
{
    const struct gs_gpunode_wish *wish = wish_for(node, gpu);
    json_t *json = json_pack("{s:s, s:I, s:n, s:n}", "uuid", gpu->uuid, "revision",
                             (json_int_t)gpu->revision, "wish", "decision");
    if (wish != NULL) {
        json_object_set_new(json, "wish",
                            json_pack("{s:s, s:I, s:s, s:s}", "id", wish->id, "basedOn",
                                      (json_int_t)wish->based_on, "layout", wish->layout, "reason",
                                      wish->reason));
    }
    if (gpu->decision.result != GS_GPUNODE_NONE) {
        json_object_set_new(json, "decision",
                            json_pack("{s:s, s:s, s:s}", "id", gpu->decision.id, "result",
                                      gs_gpunode_result_text(gpu->decision.result), "message",
                                      gpu->message));
    }
    return json;
}

struct json_t *gs_agentnode_json(const struct gs_agentnode *node)
{
    if (node == NULL) {
        return json_null();
    }
    json_t *gpus = json_array();
    for (unsigned i = 0; i < node->n_gpus; i++) {
        json_array_append_new(gpus, gpu_json(node, &node->gpus[i]));
    }
    return json_pack("{s:b, s:b, s:o}", "there", node->there, "watched", node->watched, "gpus",
                     gpus);
}
