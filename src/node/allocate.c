#include "node/allocate.h"

#include <stdio.h>
#include <string.h>

#define CDI_VENDOR "k8s.device-plugin.nvidia.com/"
#define MOUNTS_ROOT "/var/run/nvidia-container-devices"
#define IMEX_CHANNEL "/dev/nvidia-caps-imex-channels/channel0"
#define ANNOTATION_NAME "nvidia-device-plugin_"

enum { ENVS_MAX = 8, CONTROL_NODES = 4, EXTRAS = 4 };

/* A grant while it is made. */
struct maker {
    struct gs_arena *arena;
    const struct gs_allocate *with;
    unsigned n_devices; /* each once, in the order of the request */
    const struct gs_offer_device **devices;
    struct gs_dp_pair *envs;
    struct gs_dp_mount *mounts;
    struct gs_dp_device_spec *specs;
    const char **cdi;
    struct gs_dp_grant grant;
    struct gs_err *err;
};

static int fail_memory(struct maker *m)
{
    return gs_fail(m->err, GS_NO_MEMORY, "no memory for a container's devices");
}

static int check_device(const struct maker *m, const struct gs_offer_device *device)
{
    const struct gs_offer_mark *mark = NULL;
    bool sick = device->unusable;
    for (unsigned i = 0; !sick && i < m->with->n_marks; i++) {
        sick = m->with->marks[i].sick && gs_offer_marked(device, &m->with->marks[i], 1, &mark);
    }
    return !sick ? 0
                 : gs_fail(m->err, GS_BUSY,
                           "device %s of %s is unhealthy; the kubelet was told, or is being told",
                           device->uuid, m->with->resource->name);
}

/* Takes one id of the request. `taken` has an entry a replica of the resource. */
static int take_device(struct maker *m, const char *id, bool *taken)
{
    const struct gs_offer_resource *resource = m->with->resource;
    unsigned replica;
    const struct gs_offer_device *device = gs_offer_device_find(resource, id, &replica);
    if (device == NULL) {
        return gs_fail(m->err, GS_NOT_FOUND, "%s has no device %.120s", resource->name, id);
    }
    bool *row = taken + (size_t)(device - resource->devices) * resource->replicas;
    bool *entry = row + (resource->shared ? replica : 0);
    if (*entry) {
        return gs_fail(m->err, GS_INVALID, "found device %s twice in one request", id);
    }
    int r = check_device(m, device);
    if (r < 0) {
        return r;
    }
    if (memchr(row, true, resource->replicas) == NULL) {
        m->devices[m->n_devices++] = device;
    }
    *entry = true;
    return 0;
}

static int find_devices(struct maker *m, const struct gs_dp_ids *ids)
{
    const struct gs_offer_resource *resource = m->with->resource;
    unsigned most = resource->n * resource->replicas;
    if (ids->n == 0 || ids->n > most) {
        return gs_fail(m->err, GS_INVALID, "found a request for %u devices of %s; expected 1 to %u",
                       ids->n, resource->name, most);
    }
    if (resource->one_only && ids->n > 1) {
        return gs_fail(m->err, GS_INVALID,
                       "found a request for %u of the shared %s; a container may have one "
                       "(failRequestsGreaterThanOne)",
                       ids->n, resource->name);
    }
    bool *taken = GS_ARENA_NEW(m->arena, bool, most);
    m->devices = GS_ARENA_NEW(m->arena, const struct gs_offer_device *, ids->n);
    if (m->devices == NULL || taken == NULL) {
        return fail_memory(m);
    }
    int r = 0;
    for (unsigned i = 0; r == 0 && i < ids->n; i++) {
        r = take_device(m, ids->ids[i], taken);
    }
    return r;
}

static const char *name_of(const struct maker *m, const struct gs_offer_device *device)
{
    return m->with->config->id_strategy == GS_ID_INDEX ? device->index : device->uuid;
}

static void add_env(struct maker *m, const char *key, const char *value)
{
    m->envs[m->grant.n_envs++] = (struct gs_dp_pair){.key = key, .value = value};
}

/* The texts with commas between them. NULL: no memory. */
static const char *join(struct maker *m, const char *const *texts, unsigned n)
{
    size_t size = 1;
    for (unsigned i = 0; i < n; i++) {
        size += strlen(texts[i]) + 1;
    }
    char *joined = gs_arena_get(m->arena, size, 1);
    size_t used = 0;
    for (unsigned i = 0; joined != NULL && i < n; i++) {
        int wrote = snprintf(joined + used, size - used, "%s%s", i == 0 ? "" : ",", texts[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    return joined;
}

static bool imex_by(const struct maker *m, bool there)
{
    return m->with->config->imex_channel && there;
}

static int add_cdi_names(struct maker *m)
{
    static const struct {
        unsigned extra;
        const char *name;
    } extras[EXTRAS] = {
        {GS_CDI_IMEX, CDI_VENDOR "imex-channel=0"},
        {GS_CDI_GDRCOPY, CDI_VENDOR "gdrcopy=all"},
        {GS_CDI_GDS, CDI_VENDOR "gds=all"},
        {GS_CDI_MOFED, CDI_VENDOR "mofed=all"},
    };
    const struct gs_agentconfig *config = m->with->config;
    unsigned wanted = (config->imex_channel ? (unsigned)GS_CDI_IMEX : 0) |
                      (config->gdrcopy ? (unsigned)GS_CDI_GDRCOPY : 0) |
                      (config->gds ? (unsigned)GS_CDI_GDS : 0) |
                      (config->mofed ? (unsigned)GS_CDI_MOFED : 0);
    m->cdi = GS_ARENA_NEW(m->arena, const char *, m->n_devices + EXTRAS);
    if (m->cdi == NULL) {
        return fail_memory(m);
    }
    for (unsigned i = 0; i < m->n_devices; i++) {
        const char *name =
            gs_arena_printf(m->arena, CDI_VENDOR "gpu=%s", name_of(m, m->devices[i]));
        if (name == NULL) {
            return fail_memory(m);
        }
        m->cdi[m->grant.n_cdi_devices++] = name;
    }
    for (unsigned i = 0; i < EXTRAS; i++) {
        if ((wanted & m->with->cdi_extras & extras[i].extra) != 0) {
            m->cdi[m->grant.n_cdi_devices++] = extras[i].name;
        }
    }
    m->grant.cdi_devices = m->cdi;
    return 0;
}

static int add_annotation(struct maker *m)
{
    struct gs_dp_pair *pair = GS_ARENA_NEW(m->arena, struct gs_dp_pair, 1);
    if (pair == NULL) {
        return fail_memory(m);
    }
    pair->key = gs_arena_printf(m->arena, "%s" ANNOTATION_NAME "%s",
                                m->with->config->cdi_annotation_prefix, m->with->uuid);
    pair->value = join(m, m->cdi, m->grant.n_cdi_devices);
    m->grant.annotations = pair;
    m->grant.n_annotations = 1;
    return pair->key == NULL || pair->value == NULL ? fail_memory(m) : 0;
}

static int add_visible(struct maker *m)
{
    const char **names = GS_ARENA_NEW(m->arena, const char *, m->n_devices);
    if (names == NULL) {
        return fail_memory(m);
    }
    for (unsigned i = 0; i < m->n_devices; i++) {
        names[i] = name_of(m, m->devices[i]);
    }
    const char *value = join(m, names, m->n_devices);
    if (value == NULL) {
        return fail_memory(m);
    }
    add_env(m, "NVIDIA_VISIBLE_DEVICES", value);
    return 0;
}

static int add_mounts(struct maker *m)
{
    m->mounts = GS_ARENA_NEW(m->arena, struct gs_dp_mount, m->n_devices + 1);
    if (m->mounts == NULL) {
        return fail_memory(m);
    }
    for (unsigned i = 0; i < m->n_devices; i++) {
        const char *path = gs_arena_printf(m->arena, MOUNTS_ROOT "/%s", name_of(m, m->devices[i]));
        if (path == NULL) {
            return fail_memory(m);
        }
        m->mounts[m->grant.n_mounts++] =
            (struct gs_dp_mount){.container_path = path, .host_path = "/dev/null"};
    }
    if (imex_by(m, m->with->imex_channel_there)) {
        m->mounts[m->grant.n_mounts++] =
            (struct gs_dp_mount){.container_path = MOUNTS_ROOT "/imex/0", .host_path = "/dev/null"};
    }
    m->grant.mounts = m->mounts;
    return 0;
}

/* Puts a device node, unless it is there. */
static int add_spec(struct maker *m, const char *path)
{
    const char *root = m->with->config->dev_root;
    size_t n = strlen(root);
    for (unsigned i = 0; i < m->grant.n_specs; i++) {
        if (strcmp(m->specs[i].container_path, path) == 0) {
            return 0;
        }
    }
    n -= n > 0 && root[n - 1] == '/' ? 1 : 0;
    const char *host =
        path == NULL ? NULL : gs_arena_printf(m->arena, "%.*s%s", (int)n, root, path);
    if (host == NULL) {
        return fail_memory(m);
    }
    m->specs[m->grant.n_specs++] =
        (struct gs_dp_device_spec){.container_path = path, .host_path = host, .permissions = "rw"};
    return 0;
}

static int add_numbered(struct maker *m, const char *before, uint32_t minor)
{
    const char *path = gs_arena_printf(m->arena, "%s%u", before, minor);
    return path == NULL ? fail_memory(m) : add_spec(m, path);
}

static int add_device_specs(struct maker *m, const struct gs_offer_device *device)
{
    const struct gs_snapshot *snapshot = m->with->offer->snapshot;
    int r = add_numbered(m, "/dev/nvidia", snapshot->gpus[device->gpu].facts.minor);
    if (r == 0 && device->row != GS_NOT_KNOWN) {
        const struct gs_snapshot_slice *slice = &snapshot->slices[device->row];
        r = add_numbered(m, "/dev/nvidia-caps/nvidia-cap", slice->gi_minor);
        r = r < 0 ? r : add_numbered(m, "/dev/nvidia-caps/nvidia-cap", slice->ci_minor);
    }
    return r;
}

static int add_specs(struct maker *m)
{
    static const struct {
        unsigned node;
        const char *path;
    } control[CONTROL_NODES] = {
        {GS_CONTROL_CTL, "/dev/nvidiactl"},
        {GS_CONTROL_UVM, "/dev/nvidia-uvm"},
        {GS_CONTROL_UVM_TOOLS, "/dev/nvidia-uvm-tools"},
        {GS_CONTROL_MODESET, "/dev/nvidia-modeset"},
    };
    int r = 0;
    m->specs = GS_ARENA_NEW(m->arena, struct gs_dp_device_spec,
                            CONTROL_NODES + 3 * (size_t)m->n_devices + 1);
    if (m->specs == NULL) {
        return fail_memory(m);
    }
    for (unsigned i = 0; r == 0 && i < CONTROL_NODES; i++) {
        r = (m->with->control_nodes & control[i].node) != 0 ? add_spec(m, control[i].path) : 0;
    }
    for (unsigned i = 0; r == 0 && i < m->n_devices; i++) {
        r = add_device_specs(m, m->devices[i]);
    }
    if (r == 0 && imex_by(m, m->with->imex_channel_there)) {
        r = add_spec(m, IMEX_CHANNEL);
    }
    m->grant.specs = m->specs;
    return r;
}

/* What a container gets whatever the strategy. */
static void add_switches(struct maker *m)
{
    const struct gs_agentconfig *config = m->with->config;
    if (config->gdrcopy) {
        add_env(m, "NVIDIA_GDRCOPY", "enabled");
    }
    if (config->gds) {
        add_env(m, "NVIDIA_GDS", "enabled");
    }
    if (config->mofed) {
        add_env(m, "NVIDIA_MOFED", "enabled");
    }
}

static int check_imex(struct maker *m)
{
    const struct gs_agentconfig *config = m->with->config;
    bool by_cdi = (config->device_list & ~(unsigned)GS_LIST_ANY_CDI) == 0;
    bool there = by_cdi ? (m->with->cdi_extras & GS_CDI_IMEX) != 0 : m->with->imex_channel_there;
    if (!config->imex_channel || !config->imex_required || there) {
        return 0;
    }
    return gs_fail(m->err, GS_UNKNOWN,
                   "IMEX channel 0 is required (imex.required) and there is no %s",
                   by_cdi ? "CDI file that describes it" : IMEX_CHANNEL);
}

static int add_by_cdi(struct maker *m)
{
    int r = add_cdi_names(m);
    if (r == 0 && (m->with->config->device_list & GS_LIST_CDI_ANNOTATIONS) != 0) {
        r = add_annotation(m);
    }
    if ((m->with->config->device_list & GS_LIST_CDI_CRI) == 0) {
        m->grant.n_cdi_devices = 0;
        m->grant.cdi_devices = NULL;
    }
    return r;
}

/* By the nvidia runtime; in NVIDIA's order, where the mounts' variable stands for the other. */
static int add_by_runtime(struct maker *m)
{
    const struct gs_agentconfig *config = m->with->config;
    bool mounts = (config->device_list & GS_LIST_VOLUME_MOUNTS) != 0;
    int r = 0;
    if (mounts) {
        add_env(m, "NVIDIA_VISIBLE_DEVICES", MOUNTS_ROOT);
        r = add_mounts(m);
    } else {
        r = add_visible(m);
    }
    if (r == 0 && (config->device_list & GS_LIST_ENVVAR) != 0 &&
        imex_by(m, m->with->imex_channel_there)) {
        add_env(m, "NVIDIA_IMEX_CHANNELS", "0");
    }
    return r < 0 || !config->pass_device_specs ? r : add_specs(m);
}

int gs_allocate(struct gs_arena *arena, const struct gs_allocate *with, const struct gs_dp_ids *ids,
                struct gs_dp_grant *ret, struct gs_err *err)
{
    struct maker m = {.arena = arena, .with = with, .err = err};
    unsigned list = with->config->device_list;
    int r = find_devices(&m, ids);
    r = r < 0 ? r : check_imex(&m);
    if (r < 0) {
        return r;
    }
    m.envs = GS_ARENA_NEW(arena, struct gs_dp_pair, ENVS_MAX);
    if (m.envs == NULL) {
        return fail_memory(&m);
    }
    add_switches(&m);
    r = (list & GS_LIST_ANY_CDI) != 0 ? add_by_cdi(&m) : 0;
    if (r == 0 && (list & ~(unsigned)GS_LIST_ANY_CDI) != 0) {
        r = add_by_runtime(&m);
    } else if (r == 0) {
        add_env(&m, "NVIDIA_VISIBLE_DEVICES", "void");
    }
    if (r < 0) {
        return r;
    }
    m.grant.envs = m.envs;
    *ret = m.grant;
    return 0;
}
