#include "torture/torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "wire/deviceplugin.h"
#include "wire/grpc.h"
#include "wire/kubeletcheckpoint.h"
#include "wire/podresources.h"

/* Messages */

static const char *const ids[] = {"MIG-1", "MIG-2"};
static const int64_t nodes[] = {0, 1};

static int trip_device_plugin(struct gs_arena *arena, struct gs_err *err)
{
    static const struct gs_dp_device devices[] = {{"a", true, 1}, {"b", false, -1}};
    static const struct gs_dp_ids of_container = {2, ids};
    static const struct gs_dp_pair pair = {"k", "v"};
    static const struct gs_dp_mount mount = {"/a", "/b", true};
    static const struct gs_dp_device_spec spec = {"/a", "/b", "rw"};
    static const struct gs_dp_grant grant = {1, 1, 1, 1, 2, &pair, &mount, &spec, &pair, ids};
    static const struct gs_dp_choice choice = {{2, ids}, {1, ids}, 1};
    struct gs_dp_registration registration = {"v1beta1", "a", "b", {true, true}};
    struct gs_dp_list list = {2, devices};
    struct gs_dp_allocate allocate = {1, &of_container};
    struct gs_dp_allocated allocated = {1, &grant};
    struct gs_dp_preferred preferred = {1, &choice};
    struct gs_view bytes;
    int r = 0;
#define TRIP(name)                                                                                 \
    r = r < 0 ? r : gs_dp_##name##_encode(arena, &(name), &bytes, err);                            \
    r = r < 0 ? r : gs_dp_##name##_decode(arena, bytes, &(name), err)
    TRIP(registration);
    TRIP(list);
    TRIP(allocate);
    TRIP(allocated);
    TRIP(preferred);
#undef TRIP
    return r;
}

static int trip_podresources(struct gs_arena *arena, struct gs_err *err)
{
    static const struct gs_podres_devices devices = {"r", 2, 2, ids, nodes};
    static const struct gs_podres_claimed claimed = {"c", "n", "d", "p", "e", 2, ids};
    static const struct gs_podres_container container = {"c", 1, 1, &devices, &claimed};
    struct gs_podres_pod pod = {"p", "n", 1, &container};
    struct gs_podres_list list = {1, &pod};
    struct gs_podres_allocatable allocatable = {1, &devices};
    struct gs_podres_name name = {"p", "n"};
    struct gs_view bytes;
    int r = 0;
#define TRIP(name)                                                                                 \
    r = r < 0 ? r : gs_podres_##name##_encode(arena, &(name), &bytes, err);                        \
    r = r < 0 ? r : gs_podres_##name##_decode(arena, bytes, &(name), err)
    TRIP(list);
    TRIP(pod);
    TRIP(allocatable);
    TRIP(name);
#undef TRIP
    return r;
}

static int trip_messages(const struct gs_alloc *source, struct gs_err *err)
{
    struct gs_arena arena;
    gs_arena_init(&arena, source, 1 << 20);
    int r = trip_device_plugin(&arena, err);
    r = r < 0 ? r : trip_podresources(&arena, err);
    gs_arena_done(&arena);
    return r;
}

static int read_checkpoint(const struct gs_alloc *source, struct gs_err *err)
{
    static const char text[] =
        "{\"Data\":{\"PodDeviceEntries\":[{\"PodUID\":\"u\",\"ContainerName\":\"c\","
        "\"ResourceName\":\"r\",\"DeviceIDs\":{\"0\":[\"a\",\"b\"]}}],"
        "\"RegisteredDevices\":{\"r\":[\"a\",\"b\"]}}}";
    struct gs_kubelet_checkpoint checkpoint;
    struct gs_arena arena;
    gs_arena_init(&arena, source, 1 << 20);
    int r = gs_kubelet_checkpoint_parse(&arena, "f", gs_view(text), &checkpoint, err);
    gs_arena_done(&arena);
    return r;
}

/* A server and its client on a loop. Who has no memory may only hear that the other has gone, so
 * anything but a good answer counts as no memory here; what matters is that nothing is left, and
 * that nobody waits for ever. */

struct world {
    char dir[40];
    char path[60];
    sd_event *event;
    bool done;
    bool fine;
};

static void begin_twice(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    (void)ctx;
    if (gs_grpc_send(call, request) == 0) {
        gs_grpc_finish(call, GS_GRPC_OK, NULL);
    } /* else it ends */
}

static void begin_refuse(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    (void)ctx;
    (void)request;
    gs_grpc_finish(call, GS_GRPC_NOT_FOUND, "why");
}

static void on_echo(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct world *world = ctx;
    (void)err;
    world->done = true;
    world->fine = r == 0 && response.n == 5000;
}

static void on_refusal(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct world *world = ctx;
    (void)response;
    world->done = true;
    world->fine = r == GS_NOT_FOUND && strstr(err->msg, "NOT_FOUND: why") != NULL;
}

static int ask(struct world *world, const char *method,
               void (*done)(void *ctx, int r, struct gs_view response, const struct gs_err *err),
               struct gs_err *err)
{
    static const char request[5000];
    world->done = false;
    int r =
        gs_grpc_ask(world->event, world->path, method, (struct gs_view){request, sizeof(request)},
                    10000000, done, world, NULL, err);
    while (r == 0 && !world->done) {
        assert_true(sd_event_run(world->event, 1000000) > 0);
    }
    return r == 0 && !world->fine ? gs_fail(err, GS_NO_MEMORY, "no good answer") : r;
}

static int serve_and_ask(struct gs_err *err)
{
    static const struct gs_grpc_method methods[] = {{"/a/echo", begin_twice, NULL},
                                                    {"/a/refuse", begin_refuse, NULL}};
    static const struct gs_grpc_service service = {methods, GS_ARRAY_LEN(methods), NULL};
    struct world world = {.dir = "/tmp/gpuslice-torture.XXXXXX"};
    struct gs_grpc_server *server = NULL;
    assert_non_null(mkdtemp(world.dir));
    snprintf(world.path, sizeof(world.path), "%s/s", world.dir);
    assert_true(sd_event_new(&world.event) >= 0);
    int r = gs_grpc_server_new(world.event, world.path, &service, &server, err);
    r = r < 0 ? r : ask(&world, "/a/echo", on_echo, err);
    r = r < 0 ? r : ask(&world, "/a/refuse", on_refusal, err);
    gs_grpc_server_free(server);
    sd_event_unref(world.event);
    assert_int_equal(rmdir(world.dir), 0);
    return r;
}

static void torture__messages_survive_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(trip_messages, 1) >= 100);
}

static void torture__checkpoint_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(read_checkpoint, 1) >= 10);
}

static void torture__grpc_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_heap(serve_and_ask, 1) >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__messages_survive_each_failed_request),
        cmocka_unit_test(torture__checkpoint_survives_each_failed_request),
        cmocka_unit_test(torture__grpc_survives_each_failed_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
