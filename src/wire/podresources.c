#include "wire/podresources.h"

#include "podresources.pb-c.h"
#include "wire/grpc_message.h"

#define LIST_NEW(arena, n, type)                                                                   \
    ((__typeof__(type) **)gs_grpc_message_list((arena), (n), sizeof(type)))

static int text(const ProtobufCBinaryData *from, const char *what, const char **ret,
                struct gs_err *err)
{
    return gs_grpc_message_text(from, GS_PODRES_TEXT_MAX, what, ret, err);
}

/* Encoding: what tests that play the kubelet need. False: no memory. */

static bool fill_topology(struct gs_arena *arena, const int64_t *numa, unsigned n,
                          Gs__Podres__Topology **ret)
{
    if (n == 0) {
        return true;
    }
    Gs__Podres__Topology *topology = GS_ARENA_NEW(arena, Gs__Podres__Topology, 1);
    Gs__Podres__NumaNode **nodes = LIST_NEW(arena, n, Gs__Podres__NumaNode);
    if (topology == NULL || nodes == NULL) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        *nodes[i] = (Gs__Podres__NumaNode)GS__PODRES__NUMA_NODE__INIT;
        nodes[i]->id = numa[i];
    }
    *topology = (Gs__Podres__Topology)GS__PODRES__TOPOLOGY__INIT;
    topology->n_nodes = n;
    topology->nodes = nodes;
    *ret = topology;
    return true;
}

static bool fill_devices(struct gs_arena *arena, const struct gs_podres_devices *from, unsigned n,
                         Gs__Podres__Devices ***ret)
{
    Gs__Podres__Devices **to = LIST_NEW(arena, n, Gs__Podres__Devices);
    for (unsigned i = 0; to != NULL && i < n; i++) {
        *to[i] = (Gs__Podres__Devices)GS__PODRES__DEVICES__INIT;
        to[i]->resource = gs_grpc_message_bytes(from[i].resource);
        to[i]->n_ids = from[i].n_ids;
        to[i]->ids = gs_grpc_message_array(arena, from[i].ids, from[i].n_ids);
        if (to[i]->ids == NULL ||
            !fill_topology(arena, from[i].numa, from[i].n_numa, &to[i]->topology)) {
            return false;
        }
    }
    *ret = to;
    return to != NULL;
}

/* Each device as a claim of its own, which says the same. */
static bool fill_claims(struct gs_arena *arena, const struct gs_podres_claimed *from, unsigned n,
                        Gs__Podres__Claim ***ret)
{
    Gs__Podres__Claim **to = LIST_NEW(arena, n, Gs__Podres__Claim);
    for (unsigned i = 0; to != NULL && i < n; i++) {
        Gs__Podres__ClaimedDevice **device = LIST_NEW(arena, 1, Gs__Podres__ClaimedDevice);
        Gs__Podres__CdiDevice **cdi = LIST_NEW(arena, from[i].n_cdi_devices, Gs__Podres__CdiDevice);
        if (device == NULL || cdi == NULL) {
            return false;
        }
        for (unsigned k = 0; k < from[i].n_cdi_devices; k++) {
            *cdi[k] = (Gs__Podres__CdiDevice)GS__PODRES__CDI_DEVICE__INIT;
            cdi[k]->name = gs_grpc_message_bytes(from[i].cdi_devices[k]);
        }
        **device = (Gs__Podres__ClaimedDevice)GS__PODRES__CLAIMED_DEVICE__INIT;
        (*device)->driver = gs_grpc_message_bytes(from[i].driver);
        (*device)->pool = gs_grpc_message_bytes(from[i].pool);
        (*device)->device = gs_grpc_message_bytes(from[i].device);
        (*device)->n_cdi_devices = from[i].n_cdi_devices;
        (*device)->cdi_devices = cdi;
        *to[i] = (Gs__Podres__Claim)GS__PODRES__CLAIM__INIT;
        to[i]->name = gs_grpc_message_bytes(from[i].claim);
        to[i]->namespace_ = gs_grpc_message_bytes(from[i].claim_namespace);
        to[i]->n_devices = 1;
        to[i]->devices = device;
    }
    *ret = to;
    return to != NULL;
}

static bool fill_pod(struct gs_arena *arena, const struct gs_podres_pod *from, Gs__Podres__Pod *to)
{
    *to = (Gs__Podres__Pod)GS__PODRES__POD__INIT;
    to->name = gs_grpc_message_bytes(from->name);
    to->namespace_ = gs_grpc_message_bytes(from->namespace_);
    to->n_containers = from->n_containers;
    to->containers = LIST_NEW(arena, from->n_containers, Gs__Podres__Container);
    for (unsigned i = 0; to->containers != NULL && i < from->n_containers; i++) {
        const struct gs_podres_container *container = &from->containers[i];
        Gs__Podres__Container *made = to->containers[i];
        *made = (Gs__Podres__Container)GS__PODRES__CONTAINER__INIT;
        made->name = gs_grpc_message_bytes(container->name);
        made->n_devices = container->n_devices;
        made->n_claims = container->n_claimed;
        if (!fill_devices(arena, container->devices, container->n_devices, &made->devices) ||
            !fill_claims(arena, container->claimed, container->n_claimed, &made->claims)) {
            return false;
        }
    }
    return to->containers != NULL;
}

int gs_podres_list_encode(struct gs_arena *arena, const struct gs_podres_list *list,
                          struct gs_view *ret, struct gs_err *err)
{
    Gs__Podres__List message = GS__PODRES__LIST__INIT;
    message.n_pods = list->n;
    message.pods = LIST_NEW(arena, list->n, Gs__Podres__Pod);
    bool ok = message.pods != NULL;
    for (unsigned i = 0; ok && i < list->n; i++) {
        ok = fill_pod(arena, &list->pods[i], message.pods[i]);
    }
    return ok ? gs_grpc_message_encode(arena, &message.base, "a ListPodResourcesResponse", ret, err)
              : gs_grpc_message_no_memory(err);
}

int gs_podres_allocatable_encode(struct gs_arena *arena,
                                 const struct gs_podres_allocatable *allocatable,
                                 struct gs_view *ret, struct gs_err *err)
{
    Gs__Podres__Allocatable message = GS__PODRES__ALLOCATABLE__INIT;
    message.n_devices = allocatable->n;
    return fill_devices(arena, allocatable->devices, allocatable->n, &message.devices)
               ? gs_grpc_message_encode(arena, &message.base, "an AllocatableResourcesResponse",
                                        ret, err)
               : gs_grpc_message_no_memory(err);
}

int gs_podres_name_encode(struct gs_arena *arena, const struct gs_podres_name *name,
                          struct gs_view *ret, struct gs_err *err)
{
    Gs__Podres__Name message = GS__PODRES__NAME__INIT;
    message.pod = gs_grpc_message_bytes(name->pod);
    message.namespace_ = gs_grpc_message_bytes(name->namespace_);
    return gs_grpc_message_encode(arena, &message.base, "a GetPodResourcesRequest", ret, err);
}

int gs_podres_pod_encode(struct gs_arena *arena, const struct gs_podres_pod *pod,
                         struct gs_view *ret, struct gs_err *err)
{
    Gs__Podres__OnePod message = GS__PODRES__ONE_POD__INIT;
    Gs__Podres__Pod one;
    message.pod = &one;
    return fill_pod(arena, pod, &one)
               ? gs_grpc_message_encode(arena, &message.base, "a GetPodResourcesResponse", ret, err)
               : gs_grpc_message_no_memory(err);
}

/* Decoding */

/* Room for `n` structs; NULL with *r set where there is none, or n is too large. */
static void *room_for(struct gs_arena *arena, size_t n, size_t max, size_t size, const char *what,
                      int *r, struct gs_err *err)
{
    *r = gs_grpc_message_count(n, max, what, err);
    void *room = *r < 0 ? NULL : gs_arena_get(arena, n, size);
    if (room == NULL && *r == 0) {
        *r = gs_grpc_message_no_memory(err);
    }
    return room;
}

static int numa_of(struct gs_arena *arena, const Gs__Podres__Topology *topology,
                   struct gs_podres_devices *to, struct gs_err *err)
{
    int r = 0;
    if (topology == NULL || topology->n_nodes == 0) {
        return 0;
    }
    int64_t *numa = room_for(arena, topology->n_nodes, GS_PODRES_NUMA_MAX, sizeof(*numa),
                             "NUMA nodes", &r, err);
    for (size_t i = 0; r == 0 && i < topology->n_nodes; i++) {
        numa[i] = topology->nodes[i]->id;
    }
    to->numa = numa;
    to->n_numa = r < 0 ? 0 : (unsigned)topology->n_nodes;
    return r;
}

static int devices_of(struct gs_arena *arena, Gs__Podres__Devices *const *from, size_t n,
                      const struct gs_podres_devices **ret, struct gs_err *err)
{
    int r;
    struct gs_podres_devices *to =
        room_for(arena, n, GS_PODRES_ENTRIES_MAX, sizeof(*to), "entries of devices", &r, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        to[i].n_ids = (unsigned)from[i]->n_ids;
        r = text(&from[i]->resource, "name of a resource", &to[i].resource, err);
        r = r < 0 ? r
                  : gs_grpc_message_texts(arena, from[i]->ids, from[i]->n_ids, GS_PODRES_IDS_MAX,
                                          GS_PODRES_TEXT_MAX, "ids of devices", &to[i].ids, err);
        r = r < 0 ? r : numa_of(arena, from[i]->topology, &to[i], err);
    }
    *ret = to;
    return r;
}

static int claimed_of(struct gs_arena *arena, const Gs__Podres__Claim *claim,
                      const Gs__Podres__ClaimedDevice *from, struct gs_podres_claimed *to,
                      struct gs_err *err)
{
    int r;
    const char **cdi = room_for(arena, from->n_cdi_devices, GS_PODRES_IDS_MAX, sizeof(*cdi),
                                "CDI devices", &r, err);
    for (size_t i = 0; r == 0 && i < from->n_cdi_devices; i++) {
        r = text(&from->cdi_devices[i]->name, "name of a CDI device", &cdi[i], err);
    }
    to->cdi_devices = cdi;
    to->n_cdi_devices = (unsigned)from->n_cdi_devices;
    r = r < 0 ? r : text(&claim->name, "name of a claim", &to->claim, err);
    r = r < 0 ? r : text(&claim->namespace_, "namespace of a claim", &to->claim_namespace, err);
    r = r < 0 ? r : text(&from->driver, "name of a driver", &to->driver, err);
    r = r < 0 ? r : text(&from->pool, "name of a pool", &to->pool, err);
    return r < 0 ? r : text(&from->device, "name of a device", &to->device, err);
}

/* The devices of all claims as one list. */
static int claims_of(struct gs_arena *arena, const Gs__Podres__Container *from,
                     struct gs_podres_container *to, struct gs_err *err)
{
    size_t n = 0;
    size_t at = 0;
    int r;
    for (size_t i = 0; i < from->n_claims; i++) {
        n += from->claims[i]->n_devices;
    }
    struct gs_podres_claimed *list =
        room_for(arena, n, GS_PODRES_ENTRIES_MAX, sizeof(*list), "claimed devices", &r, err);
    for (size_t i = 0; r == 0 && i < from->n_claims; i++) {
        const Gs__Podres__Claim *claim = from->claims[i];
        for (size_t k = 0; r == 0 && k < claim->n_devices; k++) {
            r = claimed_of(arena, claim, claim->devices[k], &list[at++], err);
        }
    }
    to->claimed = list;
    to->n_claimed = (unsigned)n;
    return r;
}

static int pod_of(struct gs_arena *arena, const Gs__Podres__Pod *from, struct gs_podres_pod *to,
                  struct gs_err *err)
{
    int r;
    struct gs_podres_container *containers =
        room_for(arena, from->n_containers, GS_PODRES_CONTAINERS_MAX, sizeof(*containers),
                 "containers of a pod", &r, err);
    r = r < 0 ? r : text(&from->name, "name of a pod", &to->name, err);
    r = r < 0 ? r : text(&from->namespace_, "namespace of a pod", &to->namespace_, err);
    for (size_t i = 0; r == 0 && i < from->n_containers; i++) {
        const Gs__Podres__Container *container = from->containers[i];
        containers[i].n_devices = (unsigned)container->n_devices;
        r = text(&container->name, "name of a container", &containers[i].name, err);
        r = r < 0 ? r
                  : devices_of(arena, container->devices, container->n_devices,
                               &containers[i].devices, err);
        r = r < 0 ? r : claims_of(arena, container, &containers[i], err);
    }
    to->containers = containers;
    to->n_containers = (unsigned)from->n_containers;
    return r;
}

int gs_podres_list_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_podres_list *ret,
                          struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__podres__list__descriptor, bytes,
                                   "a ListPodResourcesResponse", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Podres__List *from = (const Gs__Podres__List *)message;
    struct gs_podres_pod *pods =
        room_for(arena, from->n_pods, GS_PODRES_PODS_MAX, sizeof(*pods), "pods", &r, err);
    for (size_t i = 0; r == 0 && i < from->n_pods; i++) {
        r = pod_of(arena, from->pods[i], &pods[i], err);
    }
    if (r == 0) {
        *ret = (struct gs_podres_list){.n = (unsigned)from->n_pods, .pods = pods};
    }
    return r;
}

int gs_podres_allocatable_decode(struct gs_arena *arena, struct gs_view bytes,
                                 struct gs_podres_allocatable *ret, struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__podres__allocatable__descriptor, bytes,
                                   "an AllocatableResourcesResponse", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Podres__Allocatable *from = (const Gs__Podres__Allocatable *)message;
    struct gs_podres_allocatable to = {.n = (unsigned)from->n_devices};
    r = devices_of(arena, from->devices, from->n_devices, &to.devices, err);
    if (r == 0) {
        *ret = to;
    }
    return r;
}

int gs_podres_name_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_podres_name *ret,
                          struct gs_err *err)
{
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__podres__name__descriptor, bytes,
                                   "a GetPodResourcesRequest", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Podres__Name *from = (const Gs__Podres__Name *)message;
    struct gs_podres_name to;
    r = text(&from->pod, "name of a pod", &to.pod, err);
    r = r < 0 ? r : text(&from->namespace_, "namespace of a pod", &to.namespace_, err);
    if (r == 0) {
        *ret = to;
    }
    return r;
}

int gs_podres_pod_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_podres_pod *ret,
                         struct gs_err *err)
{
    static const Gs__Podres__Pod none = GS__PODRES__POD__INIT;
    ProtobufCMessage *message;
    int r = gs_grpc_message_decode(arena, &gs__podres__one_pod__descriptor, bytes,
                                   "a GetPodResourcesResponse", &message, err);
    if (r < 0) {
        return r;
    }
    const Gs__Podres__OnePod *from = (const Gs__Podres__OnePod *)message;
    struct gs_podres_pod to = {.n_containers = 0};
    r = pod_of(arena, from->pod == NULL ? &none : from->pod, &to, err);
    if (r == 0) {
        *ret = to;
    }
    return r;
}
