/* deviceplugin: the messages of the kubelet's device plugin API v1beta1, as plain structs.
 *
 * Both directions are here, since tests play the kubelet. Everything decoded or encoded lives in
 * the arena that is passed in and takes no more than that arena allows. Texts that are read are
 * printable UTF-8 and no longer than the bounds below; absent ones are "". Sans-I/O.
 *
 * decode: GS_INVALID (not such a message, or a text that is none), GS_LIMIT (a bound below),
 * GS_NO_MEMORY. encode: GS_LIMIT (more than GS_GRPC_MESSAGE_MAX bytes), GS_NO_MEMORY.
 * Field numbers: k8s.io/kubelet, pkg/apis/deviceplugin/v1beta1/api.proto, 0.36. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum {
    GS_DP_DEVICES_MAX = 32768,   /* of one list, and of one container */
    GS_DP_CONTAINERS_MAX = 1024, /* of one request */
    GS_DP_ENTRIES_MAX = 4096,    /* environment variables, mounts, ... of one container, each */
    GS_DP_NAME_MAX = 1024,       /* bytes of an id, a resource, an endpoint, a version */
    GS_DP_TEXT_MAX = 65536       /* bytes of any other text */
};

#define GS_DP_VERSION "v1beta1"
#define GS_DP_REGISTER "/v1beta1.Registration/Register"
#define GS_DP_GET_OPTIONS "/v1beta1.DevicePlugin/GetDevicePluginOptions"
#define GS_DP_LIST_AND_WATCH "/v1beta1.DevicePlugin/ListAndWatch"
#define GS_DP_ALLOCATE "/v1beta1.DevicePlugin/Allocate"
#define GS_DP_GET_PREFERRED "/v1beta1.DevicePlugin/GetPreferredAllocation"
#define GS_DP_PRE_START "/v1beta1.DevicePlugin/PreStartContainer"

struct gs_dp_options {
    bool pre_start_required;
    bool preferred_allocation; /* GetPreferredAllocation may be asked */
};

/* Registration.Register; it is answered with an empty message. */
struct gs_dp_registration {
    const char *version;
    const char *endpoint; /* name of the socket's file in the kubelet's folder */
    const char *resource; /* "nvidia.com/mig-1g.5gb" */
    struct gs_dp_options options;
};

struct gs_dp_device {
    const char *id;
    bool healthy;
    int32_t numa_node; /* negative: none */
};

/* ListAndWatch: one state of the list. */
struct gs_dp_list {
    unsigned n;
    const struct gs_dp_device *devices;
};

/* Ids of devices: what one container gets. */
struct gs_dp_ids {
    unsigned n;
    const char *const *ids;
};

/* Allocate: a list of ids a container. */
struct gs_dp_allocate {
    unsigned n;
    const struct gs_dp_ids *containers;
};

struct gs_dp_pair {
    const char *key;
    const char *value;
};

struct gs_dp_mount {
    const char *container_path;
    const char *host_path;
    bool read_only;
};

struct gs_dp_device_spec {
    const char *container_path;
    const char *host_path;
    const char *permissions; /* "rw" */
};

/* What one container gets. */
struct gs_dp_grant {
    unsigned n_envs;
    unsigned n_mounts;
    unsigned n_specs;
    unsigned n_annotations;
    unsigned n_cdi_devices;
    const struct gs_dp_pair *envs;
    const struct gs_dp_mount *mounts;
    const struct gs_dp_device_spec *specs;
    const struct gs_dp_pair *annotations;
    const char *const *cdi_devices; /* "nvidia.com/gpu=0:1" */
};

/* The answer to Allocate: one grant a container, in the order of the request. */
struct gs_dp_allocated {
    unsigned n;
    const struct gs_dp_grant *containers;
};

/* GetPreferredAllocation: which `size` of `available`, those of `must_include` among them? */
struct gs_dp_choice {
    struct gs_dp_ids available;
    struct gs_dp_ids must_include;
    uint32_t size;
};

struct gs_dp_preferred {
    unsigned n;
    const struct gs_dp_choice *containers;
};

/* The answer to it has the form of struct gs_dp_allocate: ids a container. */
struct gs_dp_chosen {
    unsigned n;
    const struct gs_dp_ids *containers;
};

int gs_dp_options_encode(struct gs_arena *arena, const struct gs_dp_options *options,
                         struct gs_view *ret, struct gs_err *err);
int gs_dp_options_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_options *ret,
                         struct gs_err *err);

int gs_dp_registration_encode(struct gs_arena *arena, const struct gs_dp_registration *registration,
                              struct gs_view *ret, struct gs_err *err);
int gs_dp_registration_decode(struct gs_arena *arena, struct gs_view bytes,
                              struct gs_dp_registration *ret, struct gs_err *err);

int gs_dp_list_encode(struct gs_arena *arena, const struct gs_dp_list *list, struct gs_view *ret,
                      struct gs_err *err);
int gs_dp_list_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_list *ret,
                      struct gs_err *err);

int gs_dp_allocate_encode(struct gs_arena *arena, const struct gs_dp_allocate *request,
                          struct gs_view *ret, struct gs_err *err);
int gs_dp_allocate_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_allocate *ret,
                          struct gs_err *err);
int gs_dp_allocated_encode(struct gs_arena *arena, const struct gs_dp_allocated *answer,
                           struct gs_view *ret, struct gs_err *err);
int gs_dp_allocated_decode(struct gs_arena *arena, struct gs_view bytes,
                           struct gs_dp_allocated *ret, struct gs_err *err);

int gs_dp_preferred_encode(struct gs_arena *arena, const struct gs_dp_preferred *request,
                           struct gs_view *ret, struct gs_err *err);
int gs_dp_preferred_decode(struct gs_arena *arena, struct gs_view bytes,
                           struct gs_dp_preferred *ret, struct gs_err *err);
int gs_dp_chosen_encode(struct gs_arena *arena, const struct gs_dp_chosen *answer,
                        struct gs_view *ret, struct gs_err *err);
int gs_dp_chosen_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_chosen *ret,
                        struct gs_err *err);

/* PreStartContainer: the ids of one container; it is answered with an empty message. */
int gs_dp_pre_start_encode(struct gs_arena *arena, const struct gs_dp_ids *ids, struct gs_view *ret,
                           struct gs_err *err);
int gs_dp_pre_start_decode(struct gs_arena *arena, struct gs_view bytes, struct gs_dp_ids *ret,
                           struct gs_err *err);
