/* plugin_server: a device plugin on net/grpc_server for gRPC clients of others to try.
 *
 * usage: plugin_server SOCKET DEVICES
 *
 * Device i is "dev-<i>". ListAndWatch sends the list at once, and again, with the health of one
 * device changed, as often as asked: each PreStartContainer of "dev-<i>" turns the health of that
 * device around. Allocate of an id that is not there fails; of "never" it is not answered. Ends on
 * SIGTERM; a line "ready" on stdout says that it serves. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/grpc_server.h"
#include "wire/deviceplugin.h"

enum { NAME_MAX_BYTES = 24, STREAMS_MAX = 4096, ARENA_MAX = 64 << 20 };

struct plugin {
    struct gs_arena arena;
    struct gs_arena_mark mark; /* behind the devices */
    struct gs_dp_device *devices;
    unsigned n;
    struct gs_grpc_call *streams[STREAMS_MAX];
    unsigned n_streams;
};

static void answer(struct plugin *plugin, struct gs_grpc_call *call, int r, struct gs_view bytes,
                   const struct gs_err *err)
{
    if (r == 0) {
        gs_grpc_send(call, bytes);
    }
    gs_grpc_finish(call, gs_grpc_status_of(r), r == 0 ? NULL : err->msg);
    gs_arena_rewind(&plugin->arena, plugin->mark);
}

static void begin_options(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    static const struct gs_dp_options options = {.pre_start_required = true,
                                                 .preferred_allocation = true};
    struct plugin *plugin = ctx;
    struct gs_view bytes = request;
    struct gs_err err;
    answer(plugin, call, gs_dp_options_encode(&plugin->arena, &options, &bytes, &err), bytes, &err);
}

static struct gs_view list_of(struct plugin *plugin)
{
    const struct gs_dp_list list = {.n = plugin->n, .devices = plugin->devices};
    struct gs_view bytes = {"", 0};
    struct gs_err err;
    if (gs_dp_list_encode(&plugin->arena, &list, &bytes, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return bytes;
}

static void begin_list(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    (void)request;
    if (plugin->n_streams == STREAMS_MAX) {
        gs_grpc_finish(call, GS_GRPC_RESOURCE_EXHAUSTED, "too many streams");
        return;
    }
    plugin->streams[plugin->n_streams++] = call;
    gs_grpc_send(call, list_of(plugin));
    gs_arena_rewind(&plugin->arena, plugin->mark);
}

static void ended_list(void *ctx, struct gs_grpc_call *call)
{
    struct plugin *plugin = ctx;
    for (unsigned i = 0; i < plugin->n_streams; i++) {
        if (plugin->streams[i] == call) {
            plugin->streams[i] = plugin->streams[--plugin->n_streams];
            return;
        }
    }
}

static struct gs_dp_device *find(const struct plugin *plugin, const char *id)
{
    for (unsigned i = 0; i < plugin->n; i++) {
        if (strcmp(plugin->devices[i].id, id) == 0) {
            return &plugin->devices[i];
        }
    }
    return NULL;
}

static void begin_pre_start(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    struct gs_dp_ids ids;
    struct gs_err err;
    int r = gs_dp_pre_start_decode(&plugin->arena, request, &ids, &err);
    for (unsigned i = 0; r == 0 && i < ids.n; i++) {
        struct gs_dp_device *device = find(plugin, ids.ids[i]);
        if (device == NULL) {
            r = gs_fail(&err, GS_NOT_FOUND, "there is no device %s", ids.ids[i]);
            break;
        }
        device->healthy = !device->healthy;
        struct gs_view list = list_of(plugin);
        for (unsigned k = 0; k < plugin->n_streams; k++) {
            gs_grpc_send(plugin->streams[k], list);
        }
    }
    answer(plugin, call, r, (struct gs_view){"", 0}, &err);
}

/* Every field that there is. */
static void fill_grant(struct gs_arena *arena, const struct gs_dp_ids *ids,
                       struct gs_dp_grant *grant)
{
    static const struct gs_dp_mount mounts[] = {{"/usr/bin/tool", "/opt/tool", true}};
    static const struct gs_dp_device_spec specs[] = {{"/dev/nvidia0", "/dev/nvidia0", "rw"}};
    static const struct gs_dp_pair annotations[] = {{"cdi.k8s.io/x", "nvidia.com/gpu=0"}};
    struct gs_dp_pair *envs = GS_ARENA_NEW(arena, struct gs_dp_pair, 1);
    envs[0] = (struct gs_dp_pair){"NVIDIA_VISIBLE_DEVICES", ids->n > 0 ? ids->ids[0] : "void"};
    *grant = (struct gs_dp_grant){.n_envs = 1,
                                  .envs = envs,
                                  .n_mounts = 1,
                                  .mounts = mounts,
                                  .n_specs = 1,
                                  .specs = specs,
                                  .n_annotations = 1,
                                  .annotations = annotations,
                                  .n_cdi_devices = ids->n,
                                  .cdi_devices = ids->ids};
}

static void begin_allocate(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    struct gs_dp_allocate asked;
    struct gs_view bytes = {"", 0};
    struct gs_err err;
    int r = gs_dp_allocate_decode(&plugin->arena, request, &asked, &err);
    struct gs_dp_grant *grants =
        r < 0 ? NULL : GS_ARENA_NEW(&plugin->arena, struct gs_dp_grant, asked.n);
    for (unsigned i = 0; r == 0 && i < asked.n; i++) {
        const struct gs_dp_ids *ids = &asked.containers[i];
        fill_grant(&plugin->arena, ids, &grants[i]);
        for (unsigned k = 0; r == 0 && k < ids->n; k++) {
            if (strcmp(ids->ids[k], "never") == 0) {
                gs_arena_rewind(&plugin->arena, plugin->mark);
                return;
            }
            if (find(plugin, ids->ids[k]) == NULL) {
                r = gs_fail(&err, GS_NOT_FOUND, "there is no device %s; 100%% sure", ids->ids[k]);
            }
        }
    }
    const struct gs_dp_allocated allocated = {.n = asked.n, .containers = grants};
    r = r < 0 ? r : gs_dp_allocated_encode(&plugin->arena, &allocated, &bytes, &err);
    answer(plugin, call, r, bytes, &err);
}

static void begin_preferred(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    struct gs_dp_preferred asked;
    struct gs_view bytes = {"", 0};
    struct gs_err err;
    int r = gs_dp_preferred_decode(&plugin->arena, request, &asked, &err);
    struct gs_dp_ids *chosen =
        r < 0 ? NULL : GS_ARENA_NEW(&plugin->arena, struct gs_dp_ids, asked.n);
    for (unsigned i = 0; r == 0 && i < asked.n; i++) {
        const struct gs_dp_choice *choice = &asked.containers[i];
        chosen[i].ids = choice->available.ids;
        chosen[i].n = choice->size < choice->available.n ? choice->size : choice->available.n;
    }
    const struct gs_dp_chosen answered = {.n = r < 0 ? 0 : asked.n, .containers = chosen};
    r = r < 0 ? r : gs_dp_chosen_encode(&plugin->arena, &answered, &bytes, &err);
    answer(plugin, call, r, bytes, &err);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
    (void)info;
    (void)ctx;
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int serve(struct plugin *plugin, const char *path)
{
    static const struct gs_grpc_method methods[] = {
        {GS_DP_GET_OPTIONS, begin_options, NULL}, {GS_DP_LIST_AND_WATCH, begin_list, ended_list},
        {GS_DP_ALLOCATE, begin_allocate, NULL},   {GS_DP_GET_PREFERRED, begin_preferred, NULL},
        {GS_DP_PRE_START, begin_pre_start, NULL},
    };
    const struct gs_grpc_service service = {methods, sizeof(methods) / sizeof(methods[0]), plugin};
    struct gs_grpc_server *server = NULL;
    sd_event *event = NULL;
    sigset_t signals;
    struct gs_err err;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (sd_event_new(&event) < 0 ||
        sd_event_add_signal(event, NULL, SIGTERM, on_signal, NULL) < 0) {
        return 1;
    }
    if (gs_grpc_server_new(event, path, &service, &server, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    int r = sd_event_loop(event);
    gs_grpc_server_free(server);
    sd_event_unref(event);
    return r < 0 ? 1 : 0;
}

/* In the arena, below what the answers take. */
static bool make_devices(struct plugin *plugin, unsigned n)
{
    plugin->devices = GS_ARENA_NEW(&plugin->arena, struct gs_dp_device, n);
    char *names = GS_ARENA_NEW(&plugin->arena, char, (size_t)n *NAME_MAX_BYTES);
    for (unsigned i = 0; names != NULL && plugin->devices != NULL && i < n; i++) {
        char *name = names + (size_t)i * NAME_MAX_BYTES;
        snprintf(name, NAME_MAX_BYTES, "dev-%u", i);
        plugin->devices[i] = (struct gs_dp_device){
            .id = name, .healthy = true, .numa_node = i % 3 == 2 ? -1 : (int32_t)(i % 3)};
    }
    plugin->n = n;
    plugin->mark = gs_arena_mark(&plugin->arena);
    return names != NULL && plugin->devices != NULL;
}

int main(int argc, char **argv)
{
    static struct plugin plugin;
    if (argc != 3) {
        fprintf(stderr, "usage: %s SOCKET DEVICES\n", argv[0]);
        return 2;
    }
    gs_arena_init(&plugin.arena, &gs_alloc_heap, ARENA_MAX);
    int r =
        make_devices(&plugin, (unsigned)strtoul(argv[2], NULL, 10)) ? serve(&plugin, argv[1]) : 1;
    gs_arena_done(&plugin.arena);
    return r;
}
