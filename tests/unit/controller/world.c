#include "unit/check.h"

#include "unit/controller/world.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "unit/wire/json_text.h"

#define START_US 1000000000ull
#define REAL_US 1768000000000000ull

static struct world *current;

void world_new(struct world *world)
{
    struct gs_pass_options options = {.store = &world->store};
    *world = (struct world){.now_us = START_US};
    gs_store_init(&world->store);
    assert_int_equal(gs_pass_new(&options, &world->pass, NULL), 0);
    current = world;
}

void world_free(struct world *world)
{
    gs_pass_free(world->pass);
    gs_store_done(&world->store);
    current = NULL;
}

/* ---- actions: controller/act.h, noted down ---- */

static void note(const char *what, const char *a, const char *b)
{
    size_t n = strlen(current->acts);
    snprintf(current->acts + n, sizeof(current->acts) - n, "%s %s%s%s\n", what, a,
             b[0] == '\0' ? "" : " ", b);
}

/* As the API server would take it at once, and the watch not show it yet. */
static void settle(struct gs_store_pod *pod)
{
    pod->waiting->settles_us = current->now_us + 5000000;
}

void gs_act_book(struct gs_act *act, struct gs_store_pod *pod, struct gs_store_node *node)
{
    (void)act;
    note("book", pod->key, node->name);
    gs_store_nominate(pod, node);
    settle(pod);
}

void gs_act_lift(struct gs_act *act, struct gs_store_pod *pod)
{
    (void)act;
    note("lift", pod->key, "");
    settle(pod);
}

void gs_act_clear(struct gs_act *act, struct gs_store_pod *pod)
{
    (void)act;
    note("clear", pod->key, "");
    gs_store_nominate(pod, NULL);
    settle(pod);
}

void gs_act_wish(struct gs_act *act, struct gs_store_node *node)
{
    (void)act;
    note("wish", node->name, "");
    for (struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        wish->sent = true;
    }
}

void gs_act_evict(struct gs_act *act, const struct gs_store_pod *victim, struct gs_store_pod *waits)
{
    (void)act;
    note("evict", victim->key, waits->key);
}

void gs_act_hold(struct gs_act *act, struct gs_store_node *node, bool hold)
{
    (void)act;
    note(hold ? "hold" : "release", node->name, "");
    node->held_by_us = node->held = hold;
}

void gs_act_say(struct gs_act *act, struct gs_store_pod *pod, bool warning, const char *reason,
                const char *action, const char *text)
{
    (void)act;
    (void)warning;
    (void)action;
    assert_true(text[0] != '\0');
    note("say", pod->key, reason);
}

/* ---- objects ---- */

static void take(int (*store)(struct world *world, const json_t *object), struct world *world,
                 const char *text)
{
    json_t *object = json_text(text);
    assert_int_equal(store(world, object), 0);
    json_decref(object);
}

static int take_node(struct world *world, const json_t *object)
{
    return gs_store_node(&world->store, object, false, NULL);
}

static int take_node_gone(struct world *world, const json_t *object)
{
    return gs_store_node(&world->store, object, true, NULL);
}

static int take_gpunode(struct world *world, const json_t *object)
{
    return gs_store_gpunode(&world->store, object, false, world->now_us, NULL);
}

static int take_pod(struct world *world, const json_t *object)
{
    return gs_store_pod(&world->store, object, false, world->now_us, NULL);
}

static int take_pod_gone(struct world *world, const json_t *object)
{
    return gs_store_pod(&world->store, object, true, world->now_us, NULL);
}

/* The slices of "1g.5gb@0!" as the status has them, and their counts as allocatable has. */
static void write_slices(const char *text, struct gs_buf *status, struct gs_buf *allocatable)
{
    static const char *const names[] = {"1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"};
    static const unsigned sizes[] = {1, 2, 4, 4, 8};
    unsigned counts[5] = {0};
    struct gs_view rest = gs_view(text);
    while (rest.p != NULL && rest.n > 0) {
        struct gs_view part = gs_view_split(&rest, ',');
        struct gs_view name = gs_view_split(&part, '@');
        unsigned kind = 0;
        while (!gs_view_eq(name, names[kind])) {
            kind++;
        }
        bool held = part.p[part.n - 1] == '!';
        counts[kind]++;
        gs_buf_printf(status,
                      "%s{\"profile\":\"%s\",\"start\":%d,\"size\":%u,\"state\":\"%s\","
                      "\"plain\":true,\"resource\":\"nvidia.com/mig-%s\"}",
                      status->len == 0 ? "" : ",", names[kind], atoi(part.p), sizes[kind],
                      held ? "Held" : "Free", names[kind]);
    }
    for (unsigned i = 0; i < 5; i++) {
        gs_buf_printf(allocatable, ",\"nvidia.com/mig-%s\":\"%u\"", names[i], counts[i]);
    }
}

void world_node_answers(struct world *world, const char *name, const char *slices,
                        unsigned revision, const char *id, const char *result)
{
    struct gs_buf status;
    struct gs_buf allocatable;
    struct gs_buf text;
    gs_buf_init(&status, 1 << 16);
    gs_buf_init(&allocatable, 1 << 16);
    gs_buf_init(&text, 1 << 16);
    write_slices(slices, &status, &allocatable);
    gs_buf_printf(&text,
                  "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u-%s\",\"labels\":{"
                  "\"kubernetes.io/hostname\":\"%s\"}},\"status\":{\"conditions\":[{\"type\":"
                  "\"Ready\",\"status\":\"True\"}],\"allocatable\":{\"cpu\":\"8\",\"memory\":"
                  "\"64Gi\",\"pods\":\"110\"%s}}}",
                  name, name, name, gs_buf_text(&allocatable));
    take(take_node, world, gs_buf_text(&text));
    gs_buf_reset(&text);
    gs_buf_printf(&text,
                  "{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"5\"},\"status\":{\"agent\":"
                  "\"0.1.0\",\"seen\":\"2026-01-01T00:00:00.000000Z\",\"gpus\":[{\"index\":0,"
                  "\"uuid\":\"GPU-%s\",\"model\":\"A100-40GB\",\"mig\":true,\"healthy\":true,"
                  "\"revision\":%u,\"slices\":[%s]",
                  name, name, revision, gs_buf_text(&status));
    if (id[0] != '\0') {
        gs_buf_printf(&text,
                      ",\"decision\":{\"id\":\"%s\",\"result\":\"%s\",\"at\":"
                      "\"2026-01-01T00:00:00.000000Z\"}",
                      id, result);
    }
    gs_buf_puts(&text, "}]}}");
    take(take_gpunode, world, gs_buf_text(&text));
    gs_buf_done(&status);
    gs_buf_done(&allocatable);
    gs_buf_done(&text);
}

void world_node(struct world *world, const char *name, const char *slices, unsigned revision)
{
    world_node_answers(world, name, slices, revision, "", "");
}

void world_node_gone(struct world *world, const char *name)
{
    char text[300];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\"}}", name);
    take(take_node_gone, world, text);
}

static void write_pod(const struct world_pod *pod, char *ret, size_t size)
{
    char gates[200] = "";
    snprintf(gates, sizeof(gates), "%s%s%s", pod->gated ? "{\"name\":\"gpuslice.dev/slice\"}" : "",
             pod->gated && pod->other_gate ? "," : "",
             pod->other_gate ? "{\"name\":\"x.io/later\"}" : "");
    snprintf(ret, size,
             "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"d\",\"uid\":\"u-%s\","
             "\"resourceVersion\":\"1\",\"creationTimestamp\":\"2026-01-01T00:%02u:%02uZ\","
             "\"annotations\":{\"gpuslice.dev/booked\":\"%s\"}},\"spec\":{\"priority\":%d,"
             "\"nodeName\":\"%s\",\"schedulingGates\":[%s],\"containers\":[{\"name\":\"c\","
             "\"resources\":{\"limits\":{\"nvidia.com/mig-%s\":\"%u\"}}}]},\"status\":{\"phase\":"
             "\"%s\",\"nominatedNodeName\":\"%s\",\"conditions\":[%s]}}",
             pod->name, pod->name, (3600 - pod->age_s) / 60 % 60, (3600 - pod->age_s) % 60,
             pod->nominated == NULL ? "" : pod->nominated, pod->priority,
             pod->node == NULL ? "" : pod->node, gates, pod->profile,
             pod->count == 0 ? 1 : pod->count, pod->node == NULL ? "Pending" : "Running",
             pod->nominated == NULL ? "" : pod->nominated,
             pod->unschedulable ? "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
                                  "\"Unschedulable\"}"
                                : "");
}

void world_pod(struct world *world, const struct world_pod *pod)
{
    char text[2000];
    write_pod(pod, text, sizeof(text));
    take(take_pod, world, text);
}

void world_pod_gone(struct world *world, const char *name, const char *profile)
{
    char text[2000];
    const struct world_pod pod = {.name = name, .profile = profile, .age_s = 1};
    write_pod(&pod, text, sizeof(text));
    take(take_pod_gone, world, text);
}

/* ---- passes ---- */

void world_run(struct world *world)
{
    struct gs_err err = {.code = GS_OK};
    world->acts[0] = '\0';
    current = world;
    int r =
        gs_pass_run(world->pass, world->now_us, REAL_US + world->now_us, &world->again_us, &err);
    if (r != 0) {
        fail_msg("%s", err.msg);
    }
}

const char *world_wishes(const struct world *world, const char *name)
{
    static char text[2048];
    const struct gs_store_node *node = gs_store_find_node(&world->store, name);
    size_t n = 0;
    text[0] = '\0';
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s on %" PRIu64 " for %s/%s\n",
                              wish->wish.layout, wish->wish.based_on, wish->wish.pods[0].name_space,
                              wish->wish.pods[0].name);
    }
    return text;
}
