#include "agent/plugin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "agent/awake.h"
#include "base/log.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"

#define CALL_BYTES_MAX ((size_t)16 << 20)

enum {
    STREAMS_MAX = 16, /* of one resource: the kubelet has one, people may look */
    REGISTER_LIMIT_US = 10 * 1000 * 1000,
    RETRY_MIN_US = 100 * 1000,
    RETRY_MAX_US = 30 * 1000 * 1000,
    PATH_BYTES = 1024
};

struct plugin {
    struct plugin *next;
    struct gs_plugins *plugins;
    const char *resource; /* of the offering, for as long as that lives */
    const char *socket;
    struct gs_grpc_server *server;
    struct gs_grpc_service service;
    unsigned n_streams;
    struct gs_grpc_call *streams[STREAMS_MAX];
    struct gs_grpc_ask *registering;
    bool registered; /* the kubelet said yes, and has a stream open or is about to */
    sd_event_source *retry;
    unsigned tries;
    struct gs_arena last_arena; /* of the list that was sent last, */
    struct gs_view last;        /* as bytes */
    char why[200];              /* it is not registered; "": it is */
};

struct gs_plugins {
    struct gs_plugins_options options;
    char folder[PATH_BYTES]; /* of the kubelet's socket */
    const char *socket_name; /* in it */
    struct plugin *first;
    sd_event_source *watch;
    struct gs_awake *awake; /* NULL: the kubelet has seen its pods, as far as is known */
};

/* ---- Standing ---- */

/* One text for all resources: the first that stands badly. */
static void judge(struct gs_plugins *plugins)
{
    for (const struct plugin *plugin = plugins->first; plugin != NULL; plugin = plugin->next) {
        if (!plugin->registered && plugin->why[0] != '\0') {
            gs_trouble_bad(plugins->options.troubles, GS_TROUBLE_KUBELET, "NotRegistered",
                           plugin->why);
            return;
        }
    }
    gs_trouble_good(plugins->options.troubles, GS_TROUBLE_KUBELET);
}

/* ---- Registration ---- */

static void register_soon(struct plugin *plugin);

static void on_registered(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct plugin *plugin = ctx;
    (void)response;
    plugin->registering = NULL;
    if (r < 0) {
        snprintf(plugin->why, sizeof(plugin->why), "registering %s: %.120s", plugin->resource,
                 err->msg);
        register_soon(plugin);
    } else {
        plugin->registered = true;
        plugin->why[0] = '\0';
        plugin->plugins->options.counters->registrations++;
        gs_log_info("%s is registered with the kubelet", plugin->resource);
    }
    judge(plugin->plugins);
}

static int begin_registration(struct plugin *plugin, struct gs_err *err)
{
    const struct gs_plugins *plugins = plugin->plugins;
    const struct gs_dp_registration registration = {
        .version = GS_DP_VERSION,
        .endpoint = plugin->socket,
        .resource = plugin->resource,
        .options = {.preferred_allocation = true},
    };
    struct gs_arena arena;
    struct gs_view bytes;
    gs_arena_init(&arena, &gs_alloc_heap, CALL_BYTES_MAX);
    int r = gs_dp_registration_encode(&arena, &registration, &bytes, err);
    r = r < 0 ? r
              : gs_grpc_ask(plugins->options.event, plugins->options.config->kubelet_socket,
                            GS_DP_REGISTER, bytes, REGISTER_LIMIT_US, on_registered, plugin,
                            &plugin->registering, err);
    gs_arena_done(&arena);
    return r;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct plugin *plugin = ctx;
    struct gs_err err;
    (void)usec;
    sd_event_source_disable_unref(source);
    plugin->retry = NULL;
    if (plugin->registering == NULL && begin_registration(plugin, &err) < 0) {
        snprintf(plugin->why, sizeof(plugin->why), "registering %s: %.120s", plugin->resource,
                 err.msg);
        register_soon(plugin);
        judge(plugin->plugins);
    }
    return 0;
}

static void register_in(struct plugin *plugin, uint64_t in_us)
{
    plugin->registered = false;
    if (plugin->plugins->options.config->kubelet_socket[0] == '\0' || plugin->retry != NULL) {
        return;
    }
    if (sd_event_add_time_relative(plugin->plugins->options.event, &plugin->retry, CLOCK_MONOTONIC,
                                   in_us, 1000, on_retry, plugin) < 0) {
        plugin->retry = NULL;
    }
}

static void register_soon(struct plugin *plugin)
{
    uint64_t in_us = plugin->tries > 8 ? RETRY_MAX_US : (uint64_t)RETRY_MIN_US << plugin->tries;
    plugin->tries++;
    register_in(plugin, in_us > RETRY_MAX_US ? RETRY_MAX_US : in_us);
}

static void register_now(struct plugin *plugin)
{
    plugin->tries = 0;
    if (plugin->retry != NULL) {
        sd_event_source_disable_unref(plugin->retry);
        plugin->retry = NULL;
    }
    if (plugin->registering != NULL) { /* it went to a kubelet that is gone */
        gs_grpc_ask_cancel(plugin->registering);
        plugin->registering = NULL;
    }
    register_in(plugin, 0);
}

/* ---- What is served ---- */

static void fail(struct gs_grpc_call *call, const struct plugin *plugin, const char *what, int r,
                 const struct gs_err *err)
{
    gs_log_warning("%s of %s: %s", what, plugin->resource, err->msg);
    gs_grpc_finish(call, gs_grpc_status_of(r), err->msg);
}

static void answer(struct gs_grpc_call *call, struct gs_view bytes)
{
    if (gs_grpc_send(call, bytes) == 0) {
        gs_grpc_finish(call, GS_GRPC_OK, NULL);
    }
}

static void get_options(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    const struct plugin *plugin = ctx;
    static const struct gs_dp_options options = {.preferred_allocation = true};
    struct gs_arena arena;
    struct gs_view bytes;
    struct gs_err err;
    (void)request;
    gs_arena_init(&arena, &gs_alloc_heap, CALL_BYTES_MAX);
    int r = gs_dp_options_encode(&arena, &options, &bytes, &err);
    if (r < 0) {
        fail(call, plugin, "GetDevicePluginOptions", r, &err);
    } else {
        answer(call, bytes);
    }
    gs_arena_done(&arena);
}

/* The list as it is now; in `arena`. */
static int encode_list(const struct plugin *plugin, struct gs_arena *arena, struct gs_view *bytes,
                       struct gs_err *err)
{
    struct gs_dp_list list;
    int r =
        gs_offering_list(plugin->plugins->options.offering, plugin->resource, arena, &list, err);
    return r < 0 ? r : gs_dp_list_encode(arena, &list, bytes, err);
}

static void list_and_watch(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    struct gs_arena arena;
    struct gs_view bytes;
    struct gs_err err;
    (void)request;
    gs_arena_init(&arena, &gs_alloc_heap, CALL_BYTES_MAX);
    int r = encode_list(plugin, &arena, &bytes, &err);
    if (r == 0 && plugin->n_streams == STREAMS_MAX) {
        r = gs_fail(&err, GS_LIMIT, "%u streams are open already", plugin->n_streams);
    }
    if (r < 0) {
        fail(call, plugin, "ListAndWatch", r, &err);
    } else {
        plugin->streams[plugin->n_streams++] = call;
        plugin->tries = 0;
        if (plugin->plugins->awake == NULL) {
            gs_offering_heard(plugin->plugins->options.offering, plugin->resource, true);
        }
        (void)gs_grpc_send(call, bytes);
        plugin->plugins->options.sent(plugin->plugins->options.ctx);
    }
    gs_arena_done(&arena);
}

/* Nobody listens: node.status is told at once, before a pod is sent here in vain. */
static void go_unheard(struct plugin *plugin)
{
    const struct gs_plugins_options *options = &plugin->plugins->options;
    if (options->config->kubelet_socket[0] != '\0') {
        gs_offering_heard(options->offering, plugin->resource, false);
        options->sent(options->ctx);
    }
}

/* The kubelet went, or dropped us for another plugin of this resource that went. */
static void stream_ended(void *ctx, struct gs_grpc_call *call)
{
    struct plugin *plugin = ctx;
    for (unsigned i = 0; i < plugin->n_streams; i++) {
        if (plugin->streams[i] == call) {
            plugin->streams[i] = plugin->streams[--plugin->n_streams];
            break;
        }
    }
    if (plugin->n_streams == 0 && plugin->server != NULL) {
        snprintf(plugin->why, sizeof(plugin->why), "the kubelet does not listen to %s any more",
                 plugin->resource);
        register_soon(plugin);
        go_unheard(plugin);
        judge(plugin->plugins);
    }
}

static void allocate(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    struct gs_metrics_counters *counters = plugin->plugins->options.counters;
    struct gs_arena arena;
    struct gs_dp_allocate asked;
    struct gs_dp_allocated given;
    struct gs_view bytes;
    struct gs_err err;
    gs_arena_init(&arena, &gs_alloc_heap, CALL_BYTES_MAX);
    int r = gs_dp_allocate_decode(&arena, request, &asked, &err);
    r = r < 0 ? r
              : gs_offering_allocate(plugin->plugins->options.offering, plugin->resource, &asked,
                                     &arena, &given, &err);
    r = r < 0 ? r : gs_dp_allocated_encode(&arena, &given, &bytes, &err);
    counters->allocations++;
    if (r < 0) {
        counters->allocations_refused++;
        fail(call, plugin, "Allocate", r, &err);
    } else {
        answer(call, bytes);
    }
    gs_arena_done(&arena);
    if (r == 0) {
        plugin->plugins->options.granted(plugin->plugins->options.ctx);
    }
}

static void prefer(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    struct plugin *plugin = ctx;
    struct gs_arena arena;
    struct gs_dp_preferred asked;
    struct gs_dp_chosen chosen;
    struct gs_view bytes;
    struct gs_err err;
    gs_arena_init(&arena, &gs_alloc_heap, CALL_BYTES_MAX);
    int r = gs_dp_preferred_decode(&arena, request, &asked, &err);
    r = r < 0 ? r
              : gs_offering_prefer(plugin->plugins->options.offering, plugin->resource, &asked,
                                   &arena, &chosen, &err);
    r = r < 0 ? r : gs_dp_chosen_encode(&arena, &chosen, &bytes, &err);
    if (r < 0) {
        fail(call, plugin, "GetPreferredAllocation", r, &err);
    } else {
        answer(call, bytes);
    }
    gs_arena_done(&arena);
}

static void pre_start(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    (void)ctx;
    (void)request;
    answer(call, (struct gs_view){.p = "", .n = 0});
}

static const struct gs_grpc_method methods[] = {
    {.path = GS_DP_GET_OPTIONS, .begin = get_options},
    {.path = GS_DP_LIST_AND_WATCH, .begin = list_and_watch, .ended = stream_ended},
    {.path = GS_DP_ALLOCATE, .begin = allocate},
    {.path = GS_DP_GET_PREFERRED, .begin = prefer},
    {.path = GS_DP_PRE_START, .begin = pre_start},
};

/* ---- Sockets ---- */

static int serve(struct plugin *plugin, struct gs_err *err)
{
    char path[PATH_BYTES + GS_RESOURCE_NAME_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", plugin->plugins->folder, plugin->socket);
    plugin->service = (struct gs_grpc_service){
        .methods = methods, .n = sizeof(methods) / sizeof(methods[0]), .ctx = plugin};
    return gs_grpc_server_new(plugin->plugins->options.event, path, &plugin->service,
                              &plugin->server, err);
}

/* `server` is NULL before its streams end, so that they ask for no registration. */
static void stop(struct plugin *plugin)
{
    struct gs_grpc_server *server = plugin->server;
    plugin->server = NULL;
    gs_grpc_server_free(server);
    plugin->n_streams = 0;
}

/* The kubelet removes every socket in its folder when it starts. */
static void serve_anew(struct plugin *plugin)
{
    struct gs_err err;
    if (plugin->server != NULL && gs_grpc_server_in_place(plugin->server)) {
        return;
    }
    bool heard = plugin->n_streams > 0;
    stop(plugin);
    if (heard) {
        go_unheard(plugin);
    }
    if (serve(plugin, &err) < 0) {
        snprintf(plugin->why, sizeof(plugin->why), "the socket of %s: %.150s", plugin->resource,
                 err.msg);
        judge(plugin->plugins);
    }
}

static struct plugin *add(struct gs_plugins *plugins, const char *resource, const char *socket)
{
    struct plugin *plugin = calloc(1, sizeof(*plugin));
    if (plugin == NULL) {
        gs_log_error("no memory for the plugin of %s", resource);
        return NULL;
    }
    *plugin = (struct plugin){
        .next = plugins->first, .plugins = plugins, .resource = resource, .socket = socket};
    snprintf(plugin->why, sizeof(plugin->why), "%s is new", resource);
    gs_arena_init(&plugin->last_arena, &gs_alloc_heap, CALL_BYTES_MAX);
    plugins->first = plugin;
    serve_anew(plugin);
    register_now(plugin);
    go_unheard(plugin);
    return plugin;
}

/* Sends the list where it differs from the last one. True: it did. */
static bool send_list(struct plugin *plugin)
{
    struct gs_arena arena;
    struct gs_view bytes;
    struct gs_err err;
    gs_arena_init(&arena, &gs_alloc_heap, CALL_BYTES_MAX);
    int r = encode_list(plugin, &arena, &bytes, &err);
    if (r < 0 || (plugin->last.p != NULL && bytes.n == plugin->last.n &&
                  memcmp(bytes.p, plugin->last.p, bytes.n) == 0)) {
        if (r < 0) {
            gs_log_error("the list of %s: %s", plugin->resource, err.msg);
        }
        gs_arena_done(&arena);
        return false;
    }
    for (unsigned i = 0; i < plugin->n_streams; i++) {
        (void)gs_grpc_send(plugin->streams[i], bytes);
    }
    gs_arena_done(&plugin->last_arena);
    plugin->last_arena = arena;
    plugin->last = bytes;
    return true;
}

void gs_plugins_update(struct gs_plugins *plugins)
{
    bool sent = false;
    const char *socket;
    const char *resource;
    for (unsigned i = 0;
         (resource = gs_offering_resource(plugins->options.offering, i, &socket)) != NULL; i++) {
        struct plugin *plugin = plugins->first;
        while (plugin != NULL && plugin->resource != resource) {
            plugin = plugin->next;
        }
        plugin = plugin == NULL ? add(plugins, resource, socket) : plugin;
        sent = (plugin != NULL && send_list(plugin)) || sent;
    }
    if (sent) {
        plugins->options.sent(plugins->options.ctx);
    }
}

/* ---- The kubelet's folder ---- */

static void on_awake(void *ctx)
{
    struct gs_plugins *plugins = ctx;
    gs_awake_free(plugins->awake);
    plugins->awake = NULL;
    for (const struct plugin *plugin = plugins->first; plugin != NULL; plugin = plugin->next) {
        if (plugin->n_streams > 0) {
            gs_offering_heard(plugins->options.offering, plugin->resource, true);
        }
    }
    plugins->options.sent(plugins->options.ctx);
}

/* It has the lists before it has its pods: nobody is to be sent here in between. */
static void wait_for_pods(struct gs_plugins *plugins)
{
    struct gs_err err;
    const char *socket = plugins->options.config->pod_resources_socket;
    gs_awake_free(plugins->awake);
    plugins->awake = NULL;
    if (socket[0] != '\0' && gs_awake_begin(plugins->options.event, socket, on_awake, plugins,
                                            &plugins->awake, &err) < 0) {
        gs_log_warning("%s", err.msg);
    }
}

static int on_folder(sd_event_source *source, const struct inotify_event *event, void *ctx)
{
    struct gs_plugins *plugins = ctx;
    (void)source;
    bool kubelet = event->len > 0 && strcmp(event->name, plugins->socket_name) == 0;
    if ((event->mask & IN_Q_OVERFLOW) == 0 && (!kubelet || (event->mask & IN_CREATE) == 0)) {
        return 0;
    }
    gs_log_info("the kubelet has started: every resource registers anew");
    wait_for_pods(plugins);
    for (struct plugin *plugin = plugins->first; plugin != NULL; plugin = plugin->next) {
        serve_anew(plugin);
        register_now(plugin);
    }
    return 0;
}

static int watch_folder(struct gs_plugins *plugins, struct gs_err *err)
{
    const char *socket = plugins->options.config->kubelet_socket;
    const char *slash = strrchr(socket, '/');
    if (socket[0] == '\0') { /* not registered, as in tests: sockets still have a folder */
        snprintf(plugins->folder, sizeof(plugins->folder), "%s/device-plugins",
                 plugins->options.config->kubelet_root);
        return 0;
    }
    if (slash == NULL || (size_t)(slash - socket) >= sizeof(plugins->folder)) {
        return gs_fail(err, GS_INVALID, "kubelet-socket is %s: expected an absolute path", socket);
    }
    snprintf(plugins->folder, sizeof(plugins->folder), "%.*s", (int)(slash - socket), socket);
    plugins->socket_name = slash + 1;
    (void)mkdir(plugins->folder, 0750); /* as the kubelet does when it starts */
    int r = sd_event_add_inotify(plugins->options.event, &plugins->watch, plugins->folder,
                                 IN_CREATE | IN_MOVED_TO, on_folder, plugins);
    return r >= 0
               ? 0
               : gs_fail_errno(err, -r, "%s, the folder of the kubelet's plugins", plugins->folder);
}

int gs_plugins_new(const struct gs_plugins_options *options, struct gs_plugins **ret,
                   struct gs_err *err)
{
    struct gs_plugins *plugins = calloc(1, sizeof(*plugins));
    if (plugins == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the device plugins");
    }
    plugins->options = *options;
    int r = watch_folder(plugins, err);
    if (r < 0) {
        free(plugins);
        return r;
    }
    *ret = plugins;
    return 0;
}

void gs_plugins_free(struct gs_plugins *plugins)
{
    if (plugins == NULL) {
        return;
    }
    while (plugins->first != NULL) {
        struct plugin *plugin = plugins->first;
        plugins->first = plugin->next;
        stop(plugin);
        if (plugin->registering != NULL) {
            gs_grpc_ask_cancel(plugin->registering);
        }
        sd_event_source_disable_unref(plugin->retry);
        gs_arena_done(&plugin->last_arena);
        free(plugin);
    }
    sd_event_source_disable_unref(plugins->watch);
    gs_awake_free(plugins->awake);
    free(plugins);
}

bool gs_plugins_are_registered(const struct gs_plugins *plugins)
{
    for (const struct plugin *plugin = plugins->first; plugin != NULL; plugin = plugin->next) {
        if (!plugin->registered || plugin->n_streams == 0) {
            return false;
        }
    }
    return true;
}

const char *gs_plugins_standing(const struct gs_plugins *plugins, const char *resource)
{
    for (const struct plugin *plugin = plugins->first; plugin != NULL; plugin = plugin->next) {
        if (strcmp(plugin->resource, resource) == 0) {
            return plugin->registered && plugin->n_streams > 0 ? "registered" : plugin->why;
        }
    }
    return "";
}
