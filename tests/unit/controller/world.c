#include "unit/check.h"

#include "unit/controller/world.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/catalog.h"
#include "unit/picture/volumes_objects.h"
#include "unit/wire/json_text.h"
#include "wire/kubemove.h"

#define START_US 1000000000ull
#define REAL_US 1768000000000000ull

static struct world *current;

/* Every node is of a SlicePool that opts in, but those whose name begins with "never". */
static bool moves(void *ctx, const struct gs_store_node *node)
{
    (void)ctx;
    return strncmp(node->name, "never", 5) != 0;
}

static size_t warm(void *ctx, struct gs_warm *ret, size_t max)
{
    const struct world *world = ctx;
    assert_true(world->n_warm <= max);
    memcpy(ret, world->warm, world->n_warm * sizeof(*ret));
    return world->n_warm;
}

static void cold(void *ctx, const struct gs_warm *kept, uint32_t missing)
{
    struct world *world = ctx;
    for (size_t i = 0; i < world->n_warm; i++) {
        bool same = strcmp(world->warm[i].pool, kept->pool) == 0 &&
                    gs_profile_name_eq(&world->warm[i].profile, &kept->profile);
        world->missing[i] = same ? missing : world->missing[i];
    }
}

/* "gpus" is the only SlicePool. */
static const struct gs_slicepool *pool(void *ctx, const char *name)
{
    const struct world *world = ctx;
    return strcmp(name, "gpus") == 0 ? &world->pool : NULL;
}

/* What may be bought: a node of eight GPUs. */
static const struct gs_offer *offers(void *ctx, size_t *ret_n)
{
    static const struct gs_node_facts facts = {.n_labels = 0};
    static struct gs_offer two[2];
    const struct world *world = ctx;
    const struct gs_model *model;
    assert_int_equal(gs_catalog_find(gs_view("A100-40GB"), &model, NULL), 0);
    two[0] = (struct gs_offer){.name = "p4d.24xlarge",
                               .gpu_name = model->id,
                               .model = model,
                               .gpus = 8,
                               .gpu_memory_mib = GS_NOT_KNOWN,
                               .cpu_milli = 95000,
                               .memory_bytes = 1ull << 40,
                               .pods = 700,
                               .price_uusd = 21957642,
                               .max_nodes = 4,
                               .profiles = UINT16_MAX,
                               .facts = &facts};
    two[1] = two[0];
    two[1].name = "p4de.24xlarge";
    two[1].price_uusd = 27447052;
    *ret_n = !world->sells ? 0 : world->sells_two ? 2 : 1;
    return two;
}

static void begin(void *ctx)
{
    struct world *world = ctx;
    world->wanted = 0;
    world->looks = 0;
}

static const char *want(void *ctx, const struct gs_store_pod *pod, const struct gs_decide_pod *ask,
                        const struct gs_offer *offer)
{
    struct world *world = ctx;
    (void)pod;
    (void)ask;
    world->wanted += offer != NULL;
    bool other = offer != NULL && world->futile_first && strcmp(offer->name, "p4d.24xlarge") != 0;
    return offer == NULL || other ? NULL : world->futile;
}

static void end(void *ctx)
{
    (void)ctx;
}

static bool opens(void *ctx, const struct gs_offer *offer)
{
    const struct world *world = ctx;
    assert_true(world->sells_two || strcmp(offer->name, "p4d.24xlarge") == 0);
    return world->opens;
}

static bool expects(void *ctx, const struct gs_offer *offer, uint32_t *ret_s)
{
    const struct world *world = ctx;
    assert_true(world->sells_two || strcmp(offer->name, "p4d.24xlarge") == 0);
    *ret_s = world->takes_s;
    return world->takes_s > 0;
}

/* Answered at once; read anew each time. */
static bool look(void *ctx, struct gs_store_pod *pod, uint64_t now_us)
{
    struct world *world = ctx;
    struct gs_kubepod read = pod->waiting->pod;
    read.n_claims = world->n_objects == 0 ? 0 : read.n_claims;
    world->looks++;
    if (!world->mute) {
        struct gs_volumes *volumes =
            volumes_read(&read, pod->uid, world->objects, world->n_objects);
        assert_int_equal(gs_store_set_volumes(pod, volumes, now_us + 500000, NULL), 0);
    }
    return true;
}

void world_restart(struct world *world)
{
    struct gs_pass_options options = {
        .store = &world->store,
        .volumes = {.look = look, .ctx = world},
        .market = {.offers = offers,
                   .begin = begin,
                   .want = want,
                   .end = end,
                   .opens = opens,
                   .expects = expects,
                   .pool = pool,
                   .moves = moves,
                   .warm = warm,
                   .cold = cold,
                   .ctx = world},
        .move_rest_us = 600000000,
        .moves_an_hour = 12,
    };
    gs_pass_free(world->pass);
    assert_int_equal(gs_pass_new(&options, &world->pass, NULL), 0);
    for (struct gs_store_waiting *one = world->store.waiting; one != NULL; one = one->next) {
        one->settles_us = 0;
    }
    size_t at = 0;
    for (struct gs_store_node *node; (node = gs_map_next(&world->store.nodes, &at)) != NULL;) {
        node->number = 0; /* not in the new view yet */
        gs_store_touch(node);
    }
}

void world_new(struct world *world)
{
    *world = (struct world){.now_us = START_US, .pool = {.name = "gpus"}};
    gs_store_init(&world->store);
    world_restart(world);
    current = world;
}

void world_free(struct world *world)
{
    gs_pass_free(world->pass);
    gs_store_done(&world->store);
    current = NULL;
}

/* ---- actions: controller/act.h, noted down ---- */

static void note_down(const char *what, const char *a, const char *b)
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
    note_down("book", pod->key, node->name);
    gs_store_nominate(pod, node);
    settle(pod);
}

void gs_act_lift(struct gs_act *act, struct gs_store_pod *pod)
{
    (void)act;
    note_down("lift", pod->key, "");
    settle(pod);
    pod->waiting->lifted = true;
}

void gs_act_clear(struct gs_act *act, struct gs_store_pod *pod)
{
    (void)act;
    note_down("clear", pod->key, "");
    gs_store_nominate(pod, NULL);
    settle(pod);
}

void gs_act_wish(struct gs_act *act, struct gs_store_node *node)
{
    (void)act;
    note_down("wish", node->name, "");
    for (struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        wish->sent = true;
    }
}

void gs_act_move(struct gs_act *act, struct gs_store_pod *waits, const struct gs_kubemove *move)
{
    struct gs_buf note;
    (void)act;
    note_down("move", move->pod, waits->key);
    gs_buf_init(&note, sizeof(current->note));
    assert_int_equal(gs_kubemove_write(move, &note, NULL), 0);
    snprintf(current->note, sizeof(current->note), "%s", gs_buf_text(&note));
    gs_buf_done(&note);
}

void gs_act_tell(struct gs_act *act, const struct gs_store_pod *pod, const char *reason,
                 const char *action, const char *text)
{
    (void)act;
    (void)action;
    assert_true(text[0] != '\0');
    note_down("tell", pod->key, reason);
}

void gs_act_hold(struct gs_act *act, struct gs_store_node *node, bool hold)
{
    (void)act;
    note_down(hold ? "hold" : "release", node->name, "");
    node->held_by_us = node->held = hold;
}

void gs_act_say(struct gs_act *act, struct gs_store_pod *pod, bool warning, const char *reason,
                const char *action, const char *text)
{
    (void)act;
    (void)warning;
    (void)action;
    assert_true(text[0] != '\0');
    note_down("say", pod->key, reason);
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

static int take_gpunode_gone(struct world *world, const json_t *object)
{
    return gs_store_gpunode(&world->store, object, true, world->now_us, NULL);
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
        const struct gs_view start = gs_view_split(&part, '!');
        bool held = part.p != NULL;
        counts[kind]++;
        gs_buf_printf(status,
                      "%s{\"profile\":\"%s\",\"start\":%.1s,\"size\":%u,\"state\":\"%s\","
                      "\"plain\":true,\"resource\":\"nvidia.com/mig-%s\"",
                      status->len == 0 ? "" : ",", names[kind], start.p, sizes[kind],
                      held ? "Held" : "Free", names[kind]);
        if (part.n > 0) {
            gs_buf_printf(status, ",\"holder\":{\"namespace\":\"d\",\"name\":\"%.*s\"}",
                          (int)part.n, part.p);
        }
        gs_buf_puts(status, "}");
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

void world_node_of(struct world *world, const char *name, const char *slicepool)
{
    struct gs_store_node *node = gs_store_find_node(&world->store, name);
    assert_non_null(node);
    node->slicepool = slicepool;
    /* what else is known of it does not matter: the label is looked at too */
    static const struct gs_label labels[] = {{"gpuslice.dev/slicepool", "gpus"}};
    assert_string_equal(slicepool, labels[0].value);
    node->node.facts.labels = labels;
    node->node.facts.n_labels = 1;
}

void world_node_held(struct world *world, const char *name)
{
    struct gs_store_node *node = gs_store_find_node(&world->store, name);
    node->held = true;
    node->held_by_us = false;
}

void world_node_gone(struct world *world, const char *name)
{
    char text[300];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\"}}", name);
    take(take_node_gone, world, text);
    take(take_gpunode_gone, world, text);
}

static void write_owner(const struct world_pod *pod, struct gs_buf *out)
{
    const char *slash = pod->owner == NULL ? NULL : strchr(pod->owner, '/');
    if (pod->owner != NULL) {
        gs_buf_printf(out,
                      ",\"ownerReferences\":[{\"kind\":\"%.*s\",\"name\":\"%s\",\"controller\":"
                      "true}]",
                      slash == NULL ? 10 : (int)(slash - pod->owner),
                      slash == NULL ? "ReplicaSet" : pod->owner,
                      slash == NULL ? pod->owner : slash + 1);
    }
    gs_buf_puts(out, pod->deleting ? ",\"deletionTimestamp\":\"2026-01-10T00:00:00Z\"" : "");
}

/* Annotations; the note of a move is JSON in a text. */
static void write_notes(const struct world_pod *pod, struct gs_buf *out)
{
    json_t *notes = json_pack("{s:s, s:s*, s:s*, s:s*}", "gpuslice.dev/booked",
                              pod->nominated == NULL ? "" : pod->nominated, "gpuslice.dev/move",
                              pod->may_move ? "allow" : NULL, "karpenter.sh/do-not-disrupt",
                              pod->stays ? "true" : NULL, "gpuslice.dev/moving", pod->moving);
    char *text = json_dumps(notes, JSON_COMPACT);
    assert_non_null(text);
    gs_buf_printf(out, "\"annotations\":%s", text);
    free(text);
    json_decref(notes);
}

static void write_pod(const struct world_pod *pod, struct gs_buf *out)
{
    char gates[200] = "";
    snprintf(gates, sizeof(gates), "%s%s%s", pod->gated ? "{\"name\":\"gpuslice.dev/slice\"}" : "",
             pod->gated && pod->other_gate ? "," : "",
             pod->other_gate ? "{\"name\":\"x.io/later\"}" : "");
    gs_buf_printf(out,
                  "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"d\",\"uid\":\"%s%s\","
                  "\"resourceVersion\":\"1\",\"creationTimestamp\":\"2026-01-%s:%02u:%02uZ\",",
                  pod->name, pod->uid == NULL ? "u-" : "", pod->uid == NULL ? pod->name : pod->uid,
                  pod->age_s == 0 ? "20T00" : "01T00", (3600 - pod->age_s) / 60 % 60,
                  (3600 - pod->age_s) % 60);
    write_notes(pod, out);
    write_owner(pod, out);
    gs_buf_printf(
        out,
        "},\"spec\":{\"priority\":%d,\"nodeName\":\"%s\",\"schedulingGates\":[%s],"
        "\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/mig-%s\":"
        "\"%u\"}}}]},\"status\":{\"phase\":\"%s\",\"nominatedNodeName\":\"%s\","
        "\"conditions\":[%s]}}",
        pod->priority, pod->node == NULL ? "" : pod->node, gates, pod->profile,
        pod->count == 0 ? 1 : pod->count, pod->node == NULL ? "Pending" : "Running",
        pod->nominated == NULL ? "" : pod->nominated,
        pod->unschedulable ? "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":"
                             "\"Unschedulable\"}"
                           : "");
}

static void give_pod(struct world *world, const struct world_pod *pod, bool gone)
{
    struct gs_buf text;
    gs_buf_init(&text, 1 << 14);
    write_pod(pod, &text);
    take(gone ? take_pod_gone : take_pod, world, gs_buf_text(&text));
    gs_buf_done(&text);
}

void world_pod(struct world *world, const struct world_pod *pod)
{
    give_pod(world, pod, false);
}

void world_pod_text(struct world *world, const char *text, bool gone)
{
    take(gone ? take_pod_gone : take_pod, world, text);
}

void world_pod_gone(struct world *world, const char *name, const char *profile)
{
    const struct world_pod pod = {.name = name, .profile = profile, .age_s = 1};
    give_pod(world, &pod, true);
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
