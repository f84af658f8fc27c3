/* What containers get: the answer to Allocate. */
#include "wire/deviceplugin.h"

#include "deviceplugin.pb-c.h"
#include "wire/grpc_message.h"

#define LIST_NEW(arena, n, type)                                                                   \
    ((__typeof__(type) **)gs_grpc_message_list((arena), (n), sizeof(type)))

/* Encoding */

static Gs__Dp__Pair **pairs_to(struct gs_arena *arena, const struct gs_dp_pair *from, unsigned n)
{
    Gs__Dp__Pair **to = LIST_NEW(arena, n, Gs__Dp__Pair);
    for (unsigned i = 0; to != NULL && i < n; i++) {
        *to[i] = (Gs__Dp__Pair)GS__DP__PAIR__INIT;
        to[i]->key = gs_grpc_message_bytes(from[i].key);
        to[i]->value = gs_grpc_message_bytes(from[i].value);
    }
    return to;
}

static Gs__Dp__Mount **mounts_to(struct gs_arena *arena, const struct gs_dp_mount *from, unsigned n)
{
    Gs__Dp__Mount **to = LIST_NEW(arena, n, Gs__Dp__Mount);
    for (unsigned i = 0; to != NULL && i < n; i++) {
        *to[i] = (Gs__Dp__Mount)GS__DP__MOUNT__INIT;
        to[i]->container_path = gs_grpc_message_bytes(from[i].container_path);
        to[i]->host_path = gs_grpc_message_bytes(from[i].host_path);
        to[i]->read_only = from[i].read_only;
    }
    return to;
}

static Gs__Dp__DeviceSpec **specs_to(struct gs_arena *arena, const struct gs_dp_device_spec *from,
                                     unsigned n)
{
    Gs__Dp__DeviceSpec **to = LIST_NEW(arena, n, Gs__Dp__DeviceSpec);
    for (unsigned i = 0; to != NULL && i < n; i++) {
        *to[i] = (Gs__Dp__DeviceSpec)GS__DP__DEVICE_SPEC__INIT;
        to[i]->container_path = gs_grpc_message_bytes(from[i].container_path);
        to[i]->host_path = gs_grpc_message_bytes(from[i].host_path);
        to[i]->permissions = gs_grpc_message_bytes(from[i].permissions);
    }
    return to;
}

static Gs__Dp__CdiDevice **cdi_to(struct gs_arena *arena, const char *const *from, unsigned n)
{
    Gs__Dp__CdiDevice **to = LIST_NEW(arena, n, Gs__Dp__CdiDevice);
    for (unsigned i = 0; to != NULL && i < n; i++) {
        *to[i] = (Gs__Dp__CdiDevice)GS__DP__CDI_DEVICE__INIT;
        to[i]->name = gs_grpc_message_bytes(from[i]);
    }
    return to;
}

static bool fill_grant(struct gs_arena *arena, const struct gs_dp_grant *from, Gs__Dp__Grant *to)
{
    *to = (Gs__Dp__Grant)GS__DP__GRANT__INIT;
    to->n_envs = from->n_envs;
    to->n_mounts = from->n_mounts;
    to->n_specs = from->n_specs;
    to->n_annotations = from->n_annotations;
    to->n_cdi_devices = from->n_cdi_devices;
    to->envs = pairs_to(arena, from->envs, from->n_envs);
    to->mounts = mounts_to(arena, from->mounts, from->n_mounts);
    to->specs = specs_to(arena, from->specs, from->n_specs);
    to->annotations = pairs_to(arena, from->annotations, from->n_annotations);
    to->cdi_devices = cdi_to(arena, from->cdi_devices, from->n_cdi_devices);
    return to->envs != NULL && to->mounts != NULL && to->specs != NULL && to->annotations != NULL &&
           to->cdi_devices != NULL;
}

int gs_dp_allocated_encode(struct gs_arena *arena, const struct gs_dp_allocated *answer,
                           struct gs_view *ret, struct gs_err *err)
{
    Gs__Dp__Allocated message = GS__DP__ALLOCATED__INIT;
    message.n_containers = answer->n;
    message.containers = LIST_NEW(arena, answer->n, Gs__Dp__Grant);
    bool ok = message.containers != NULL;
    for (unsigned i = 0; ok && i < answer->n; i++) {
        ok = fill_grant(arena, &answer->containers[i], message.containers[i]);
    }
    return ok ? gs_grpc_message_encode(arena, &message.base, "an AllocateResponse", ret, err)
              : gs_grpc_message_no_memory(err);
}

/* Decoding */

static int text(const ProtobufCBinaryData *from, const char *what, const char **ret,
                struct gs_err *err)
{
    return gs_grpc_message_text(from, GS_DP_TEXT_MAX, what, ret, err);
}

/* Room for `n` structs, or NULL with `*r` set. */
static void *room_for(struct gs_arena *arena, size_t n, size_t size, const char *what, int *r,
                      struct gs_err *err)
{
    *r = gs_grpc_message_count(n, GS_DP_ENTRIES_MAX, what, err);
    void *room = *r < 0 ? NULL : gs_arena_get(arena, n, size);
    if (room == NULL && *r == 0) {
        *r = gs_grpc_message_no_memory(err);
    }
    return room;
}

static int pairs_of(struct gs_arena *arena, Gs__Dp__Pair *const *from, size_t n, const char *what,
                    const struct gs_dp_pair **ret, struct gs_err *err)
{
    int r;
    struct gs_dp_pair *to = room_for(arena, n, sizeof(*to), what, &r, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = text(&from[i]->key, what, &to[i].key, err);
        r = r < 0 ? r : text(&from[i]->value, what, &to[i].value, err);
    }
    *ret = to;
    return r;
}

static int mounts_of(struct gs_arena *arena, Gs__Dp__Mount *const *from, size_t n,
                     const struct gs_dp_mount **ret, struct gs_err *err)
{
    int r;
    struct gs_dp_mount *to = room_for(arena, n, sizeof(*to), "mounts", &r, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        to[i].read_only = from[i]->read_only != 0;
        r = text(&from[i]->container_path, "path of a mount", &to[i].container_path, err);
        r = r < 0 ? r : text(&from[i]->host_path, "path of a mount", &to[i].host_path, err);
    }
    *ret = to;
    return r;
}

static int specs_of(struct gs_arena *arena, Gs__Dp__DeviceSpec *const *from, size_t n,
                    const struct gs_dp_device_spec **ret, struct gs_err *err)
{
    int r;
    struct gs_dp_device_spec *to = room_for(arena, n, sizeof(*to), "device nodes", &r, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = text(&from[i]->container_path, "path of a device", &to[i].container_path, err);
        r = r < 0 ? r : text(&from[i]->host_path, "path of a device", &to[i].host_path, err);
        r = r < 0 ? r : text(&from[i]->permissions, "permissions", &to[i].permissions, err);
    }
    *ret = to;
    return r;
}

static int cdi_of(struct gs_arena *arena, Gs__Dp__CdiDevice *const *from, size_t n,
                  const char *const **ret, struct gs_err *err)
{
    int r;
    const char **to = room_for(arena, n, sizeof(*to), "CDI devices", &r, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = text(&from[i]->name, "name of a CDI device", &to[i], err);
    }
    *ret = to;
    return r;
}

static int grant_of(struct gs_arena *arena, const Gs__Dp__Grant *from, struct gs_dp_grant *to,
                    struct gs_err *err)
{
    int r = pairs_of(arena, from->envs, from->n_envs, "environment variables", &to->envs, err);
    r = r < 0 ? r : mounts_of(arena, from->mounts, from->n_mounts, &to->mounts, err);
    r = r < 0 ? r : specs_of(arena, from->specs, from->n_specs, &to->specs, err);
    r = r < 0 ? r
              : pairs_of(arena, from->annotations, from->n_annotations, "annotations",
                         &to->annotations, err);
    r = r < 0 ? r : cdi_of(arena, from->cdi_devices, from->n_cdi_devices, &to->cdi_devices, err);
    if (r < 0) {
        return r;
    }
    to->n_envs = (unsigned)from->n_envs;
    to->n_mounts = (unsigned)from->n_mounts;
    to->n_specs = (unsigned)from->n_specs;
    to->n_annotations = (unsigned)from->n_annotations;
    to->n_cdi_devices = (unsigned)from->n_cdi_devices;
    return 0;
}

int gs_dp_allocated_decode(struct gs_arena *arena, struct gs_view bytes,
                           struct gs_dp_allocated *ret, struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__dp__allocated__descriptor, bytes,
                                   "an AllocateResponse", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Dp__Allocated *from = (const Gs__Dp__Allocated *)message;
    r = gs_grpc_message_count(from->n_containers, GS_DP_CONTAINERS_MAX, "containers", err);
    if (r < 0) {
        return r;
    }
    struct gs_dp_grant *grants = GS_ARENA_NEW(arena, struct gs_dp_grant, from->n_containers);
    if (grants == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    for (size_t i = 0; i < from->n_containers; i++) {
        if ((r = grant_of(arena, from->containers[i], &grants[i], err)) < 0) {
            return r;
        }
    }
    *ret = (struct gs_dp_allocated){.n = (unsigned)from->n_containers, .containers = grants};
    return 0;
}
