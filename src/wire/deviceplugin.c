#include "wire/deviceplugin.h"

#include "deviceplugin.pb-c.h"
#include "wire/grpc_message.h"

#define HEALTHY "Healthy"
#define UNHEALTHY "Unhealthy"

#define LIST_NEW(arena, n, type)                                                                   \
    ((__typeof__(type) **)gs_grpc_message_list((arena), (n), sizeof(type)))

static int name(const ProtobufCBinaryData *from, const char *what, const char **ret,
                struct gs_err *err)
{
    return gs_grpc_message_text(from, GS_DP_NAME_MAX, what, ret, err);
}

/* Options */

static void fill_options(const struct gs_dp_options *from, Gs__Dp__Options *to)
{
    *to = (Gs__Dp__Options)GS__DP__OPTIONS__INIT;
    to->pre_start_required = from->pre_start_required;
    to->preferred_allocation = from->preferred_allocation;
}

static struct gs_dp_options options_of(const Gs__Dp__Options *from)
{
    return from == NULL ? (struct gs_dp_options){.pre_start_required = false}
                        : (struct gs_dp_options){
                              .pre_start_required = from->pre_start_required != 0,
                              .preferred_allocation = from->preferred_allocation != 0,
                          };
}

int gs_dp_options_encode(struct gs_arena *arena, const struct gs_dp_options *options,
                         struct gs_view *ret, struct gs_err *err)
{
    Gs__Dp__Options message;
    fill_options(options, &message);
    return gs_grpc_message_encode(arena, &message.base, "DevicePluginOptions", ret, err);
}

int gs_dp_options_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_options *ret,
                         struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__options__descriptor, bytes,
                                   "DevicePluginOptions", &message, err);
    if (r == 0) {
        *ret = options_of((const Gs__Dp__Options *)message);
    }
    return r;
}

/* Registration */

int gs_dp_registration_encode(struct gs_arena *arena, const struct gs_dp_registration *registration,
                              struct gs_view *ret, struct gs_err *err)
{
    Gs__Dp__Registration message = GS__DP__REGISTRATION__INIT;
    Gs__Dp__Options options;
    fill_options(&registration->options, &options);
    message.version = gs_grpc_message_bytes(registration->version);
    message.endpoint = gs_grpc_message_bytes(registration->endpoint);
    message.resource = gs_grpc_message_bytes(registration->resource);
    message.options = &options;
    return gs_grpc_message_encode(arena, &message.base, "a RegisterRequest", ret, err);
}

int gs_dp_registration_decode(struct gs_arena *arena, struct gs_view bytes,
                              struct gs_dp_registration *ret, struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__registration__descriptor, bytes,
                                   "a RegisterRequest", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Dp__Registration *from = (const Gs__Dp__Registration *)message;
    struct gs_dp_registration to = {.options = options_of(from->options)};
    if ((r = name(&from->version, "version of the API", &to.version, err)) < 0 ||
        (r = name(&from->endpoint, "endpoint", &to.endpoint, err)) < 0 ||
        (r = name(&from->resource, "name of the resource", &to.resource, err)) < 0) {
        return r;
    }
    *ret = to;
    return 0;
}

/* Devices */

/* What one device needs beside its own struct. */
struct topology {
    Gs__Dp__Topology topology;
    Gs__Dp__NumaNode node;
    Gs__Dp__NumaNode *nodes[1];
};

static void fill_device(const struct gs_dp_device *from, Gs__Dp__Device *to, struct topology *room)
{
    *to = (Gs__Dp__Device)GS__DP__DEVICE__INIT;
    to->id = gs_grpc_message_bytes(from->id);
    to->health = gs_grpc_message_bytes(from->healthy ? HEALTHY : UNHEALTHY);
    if (from->numa_node >= 0) {
        room->topology = (Gs__Dp__Topology)GS__DP__TOPOLOGY__INIT;
        room->node = (Gs__Dp__NumaNode)GS__DP__NUMA_NODE__INIT;
        room->node.id = from->numa_node;
        room->nodes[0] = &room->node;
        room->topology.n_nodes = 1;
        room->topology.nodes = room->nodes;
        to->topology = &room->topology;
    }
}

int gs_dp_list_encode(struct gs_arena *arena, const struct gs_dp_list *list, struct gs_view *ret,
                      struct gs_err *err)
{
    Gs__Dp__List message = GS__DP__LIST__INIT;
    struct topology *rooms = GS_ARENA_NEW(arena, struct topology, list->n);
    message.n_devices = list->n;
    message.devices = LIST_NEW(arena, list->n, Gs__Dp__Device);
    if (message.devices == NULL || rooms == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    for (unsigned i = 0; i < list->n; i++) {
        fill_device(&list->devices[i], message.devices[i], &rooms[i]);
    }
    return gs_grpc_message_encode(arena, &message.base, "a ListAndWatchResponse", ret, err);
}

/* The first node that is one: a device of ours has one at most. */
static int32_t numa_of(const Gs__Dp__Topology *topology)
{
    for (size_t i = 0; topology != NULL && i < topology->n_nodes; i++) {
        if (topology->nodes[i]->id >= 0 && topology->nodes[i]->id <= INT32_MAX) {
            return (int32_t)topology->nodes[i]->id;
        }
    }
    return -1;
}

int gs_dp_list_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_list *ret,
                      struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__list__descriptor, bytes,
                                   "a ListAndWatchResponse", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Dp__List *from = (const Gs__Dp__List *)message;
    if ((r = gs_grpc_message_count(from->n_devices, GS_DP_DEVICES_MAX, "devices", err)) < 0) {
        return r;
    }
    struct gs_dp_device *devices = GS_ARENA_NEW(arena, struct gs_dp_device, from->n_devices);
    if (devices == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    for (size_t i = 0; i < from->n_devices; i++) {
        const Gs__Dp__Device *device = from->devices[i];
        const struct gs_view health = {(const char *)device->health.data, device->health.len};
        if ((r = name(&device->id, "id of a device", &devices[i].id, err)) < 0) {
            return r;
        }
        devices[i].healthy = health.n > 0 && gs_view_eq(health, HEALTHY);
        devices[i].numa_node = numa_of(device->topology);
    }
    *ret = (struct gs_dp_list){.n = (unsigned)from->n_devices, .devices = devices};
    return 0;
}

/* Ids */

static int ids_of(struct gs_arena *arena, const ProtobufCBinaryData *ids, size_t n,
                  struct gs_dp_ids *ret, struct gs_err *err)
{
    int r = gs_grpc_message_texts(arena, ids, n, GS_DP_DEVICES_MAX, GS_DP_NAME_MAX,
                                  "ids of devices of a container", &ret->ids, err);
    ret->n = r < 0 ? 0 : (unsigned)n;
    return r;
}

static int encode_ids_of_containers(struct gs_arena *arena, const struct gs_dp_ids *containers,
                                    unsigned n, const char *what, struct gs_view *ret,
                                    struct gs_err *err)
{
    Gs__Dp__IdsOfContainers message = GS__DP__IDS_OF_CONTAINERS__INIT;
    message.n_containers = n;
    message.containers = LIST_NEW(arena, n, Gs__Dp__Ids);
    for (unsigned i = 0; message.containers != NULL && i < n; i++) {
        Gs__Dp__Ids *to = message.containers[i];
        *to = (Gs__Dp__Ids)GS__DP__IDS__INIT;
        to->n_ids = containers[i].n;
        to->ids = gs_grpc_message_array(arena, containers[i].ids, containers[i].n);
        if (to->ids == NULL) {
            return gs_grpc_message_no_memory(err);
        }
    }
    return message.containers == NULL
               ? gs_grpc_message_no_memory(err)
               : gs_grpc_message_encode(arena, &message.base, what, ret, err);
}

static int decode_ids_of_containers(struct gs_arena *arena, struct gs_view bytes, const char *what,
                                    const struct gs_dp_ids **ret, unsigned *ret_n,
                                    struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__ids_of_containers__descriptor, bytes, what,
                                   &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Dp__IdsOfContainers *from = (const Gs__Dp__IdsOfContainers *)message;
    r = gs_grpc_message_count(from->n_containers, GS_DP_CONTAINERS_MAX, "containers", err);
    if (r < 0) {
        return r;
    }
    struct gs_dp_ids *containers = GS_ARENA_NEW(arena, struct gs_dp_ids, from->n_containers);
    if (containers == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    for (size_t i = 0; i < from->n_containers; i++) {
        const Gs__Dp__Ids *ids = from->containers[i];
        if ((r = ids_of(arena, ids->ids, ids->n_ids, &containers[i], err)) < 0) {
            return r;
        }
    }
    *ret = containers;
    *ret_n = (unsigned)from->n_containers;
    return 0;
}

int gs_dp_allocate_encode(struct gs_arena *arena, const struct gs_dp_allocate *request,
                          struct gs_view *ret, struct gs_err *err)
{
    return encode_ids_of_containers(arena, request->containers, request->n, "an AllocateRequest",
                                    ret, err);
}

int gs_dp_allocate_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_allocate *ret,
                          struct gs_err *err)
{
    return decode_ids_of_containers(arena, bytes, "an AllocateRequest", &ret->containers, &ret->n,
                                    err);
}

int gs_dp_chosen_encode(struct gs_arena *arena, const struct gs_dp_chosen *answer,
                        struct gs_view *ret, struct gs_err *err)
{
    return encode_ids_of_containers(arena, answer->containers, answer->n,
                                    "a PreferredAllocationResponse", ret, err);
}

int gs_dp_chosen_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_chosen *ret,
                        struct gs_err *err)
{
    return decode_ids_of_containers(arena, bytes, "a PreferredAllocationResponse", &ret->containers,
                                    &ret->n, err);
}

int gs_dp_pre_start_encode(struct gs_arena *arena, const struct gs_dp_ids *ids, struct gs_view *ret,
                           struct gs_err *err)
{
    Gs__Dp__Ids message = GS__DP__IDS__INIT;
    message.n_ids = ids->n;
    message.ids = gs_grpc_message_array(arena, ids->ids, ids->n);
    return message.ids == NULL ? gs_grpc_message_no_memory(err)
                               : gs_grpc_message_encode(arena, &message.base,
                                                        "a PreStartContainerRequest", ret, err);
}

int gs_dp_pre_start_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_ids *ret,
                           struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__ids__descriptor, bytes,
                                   "a PreStartContainerRequest", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Dp__Ids *from = (const Gs__Dp__Ids *)message;
    return ids_of(arena, from->ids, from->n_ids, ret, err);
}

/* Choices */

int gs_dp_preferred_encode(struct gs_arena *arena, const struct gs_dp_preferred *request,
                           struct gs_view *ret, struct gs_err *err)
{
    Gs__Dp__Preferred message = GS__DP__PREFERRED__INIT;
    message.n_containers = request->n;
    message.containers = LIST_NEW(arena, request->n, Gs__Dp__Choice);
    for (unsigned i = 0; message.containers != NULL && i < request->n; i++) {
        const struct gs_dp_choice *from = &request->containers[i];
        Gs__Dp__Choice *to = message.containers[i];
        *to = (Gs__Dp__Choice)GS__DP__CHOICE__INIT;
        to->size = (int32_t)from->size;
        to->n_available = from->available.n;
        to->n_must_include = from->must_include.n;
        to->available = gs_grpc_message_array(arena, from->available.ids, from->available.n);
        to->must_include =
            gs_grpc_message_array(arena, from->must_include.ids, from->must_include.n);
        if (to->available == NULL || to->must_include == NULL) {
            return gs_grpc_message_no_memory(err);
        }
    }
    return message.containers == NULL
               ? gs_grpc_message_no_memory(err)
               : gs_grpc_message_encode(arena, &message.base, "a PreferredAllocationRequest", ret,
                                        err);
}

static int choice_of(struct gs_arena *arena, const Gs__Dp__Choice *from, struct gs_dp_choice *to,
                     struct gs_err *err)
{
    if (from->size < 0) {
        return gs_fail(err, GS_INVALID, "found an allocation of %d devices; expected 0 or more",
                       from->size);
    }
    to->size = (uint32_t)from->size;
    int r = ids_of(arena, from->available, from->n_available, &to->available, err);
    return r < 0 ? r
                 : ids_of(arena, from->must_include, from->n_must_include, &to->must_include, err);
}

int gs_dp_preferred_decode(struct gs_arena *arena, struct gs_view bytes,
                           struct gs_dp_preferred *ret, struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__preferred__descriptor, bytes,
                                   "a PreferredAllocationRequest", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Dp__Preferred *from = (const Gs__Dp__Preferred *)message;
    r = gs_grpc_message_count(from->n_containers, GS_DP_CONTAINERS_MAX, "containers", err);
    if (r < 0) {
        return r;
    }
    struct gs_dp_choice *choices = GS_ARENA_NEW(arena, struct gs_dp_choice, from->n_containers);
    if (choices == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    for (size_t i = 0; i < from->n_containers; i++) {
        if ((r = choice_of(arena, from->containers[i], &choices[i], err)) < 0) {
            return r;
        }
    }
    *ret = (struct gs_dp_preferred){.n = (unsigned)from->n_containers, .containers = choices};
    return 0;
}
