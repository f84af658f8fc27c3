/* podresources: what the kubelet tells about devices and who holds them (pod-resources API v1).
 *
 * As wire/deviceplugin: plain structs in the caller's arena, both directions, the same codes. What
 * the kubelet says beyond this (CPUs, memory) is skipped. List leaves out plain init containers:
 * see wire/kubeletcheckpoint. Sans-I/O.
 * Field numbers: k8s.io/kubelet, pkg/apis/podresources/v1/api.proto, 0.36. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum {
    GS_PODRES_PODS_MAX = 16384,
    GS_PODRES_CONTAINERS_MAX = 1024, /* of one pod */
    GS_PODRES_ENTRIES_MAX = 65536,   /* entries of devices of one container or node; the kubelet
                                        makes one of each device */
    GS_PODRES_IDS_MAX = 32768,       /* of one entry */
    GS_PODRES_NUMA_MAX = 1024,       /* nodes of one entry */
    GS_PODRES_TEXT_MAX = 4096        /* bytes of a text */
};

#define GS_PODRES_LIST "/v1.PodResourcesLister/List"
#define GS_PODRES_GET_ALLOCATABLE "/v1.PodResourcesLister/GetAllocatableResources"
#define GS_PODRES_GET "/v1.PodResourcesLister/Get"

/* Devices of one resource. A resource may have several entries. */
struct gs_podres_devices {
    const char *resource;
    unsigned n_ids;
    unsigned n_numa;
    const char *const *ids;
    const int64_t *numa;
};

/* A device that was granted by dynamic resource allocation. */
struct gs_podres_claimed {
    const char *claim;
    const char *claim_namespace;
    const char *driver;
    const char *pool;
    const char *device;
    unsigned n_cdi_devices;
    const char *const *cdi_devices;
};

struct gs_podres_container {
    const char *name;
    unsigned n_devices;
    unsigned n_claimed;
    const struct gs_podres_devices *devices;
    const struct gs_podres_claimed *claimed;
};

struct gs_podres_pod {
    const char *name;
    const char *namespace_;
    unsigned n_containers;
    const struct gs_podres_container *containers;
};

/* The answer to List; its request is an empty message. */
struct gs_podres_list {
    unsigned n;
    const struct gs_podres_pod *pods;
};

/* The answer to GetAllocatableResources; its request is an empty message. */
struct gs_podres_allocatable {
    unsigned n;
    const struct gs_podres_devices *devices;
};

int gs_podres_list_encode(struct gs_arena *arena, const struct gs_podres_list *list,
                          struct gs_view *ret, struct gs_err *err);
int gs_podres_list_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_podres_list *ret,
                          struct gs_err *err);

int gs_podres_allocatable_encode(struct gs_arena *arena,
                                 const struct gs_podres_allocatable *allocatable,
                                 struct gs_view *ret, struct gs_err *err);
int gs_podres_allocatable_decode(struct gs_arena *arena, struct gs_view bytes,
                                 struct gs_podres_allocatable *ret, struct gs_err *err);

/* Which pod Get is asked about. */
struct gs_podres_name {
    const char *pod;
    const char *namespace_;
};

int gs_podres_name_encode(struct gs_arena *arena, const struct gs_podres_name *name,
                          struct gs_view *ret, struct gs_err *err);
int gs_podres_name_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_podres_name *ret,
                          struct gs_err *err);

/* The answer to Get. */
int gs_podres_pod_encode(struct gs_arena *arena, const struct gs_podres_pod *pod,
                         struct gs_view *ret, struct gs_err *err);
int gs_podres_pod_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_podres_pod *ret,
                         struct gs_err *err);
