#include "node/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define DOMAIN "nvidia.com/"

/* Behind "nvidia.com/gpu." and "nvidia.com/mig-<profile>.". */
static const char *const of_resource[] = {
    "product",         "count",        "replicas",    "sharing-strategy", "memory",
    "multiprocessors", "slices.gi",    "slices.ci",   "engines.copy",     "engines.decoder",
    "engines.encoder", "engines.jpeg", "engines.ofa",
};

static const char *const of_gpu[] = {"family",  "compute.major", "compute.minor",
                                     "machine", "mode",          "clique"};

static const char *const others[] = {
    "gfd.timestamp",
    "cuda.driver.major",
    "cuda.driver.minor",
    "cuda.driver.rev",
    "cuda.driver-version.major",
    "cuda.driver-version.minor",
    "cuda.driver-version.revision",
    "cuda.driver-version.full",
    "cuda.runtime.major",
    "cuda.runtime.minor",
    "cuda.runtime-version.major",
    "cuda.runtime-version.minor",
    "cuda.runtime-version.full",
    "mig.capable",
    "mig.strategy",
    "mps.capable",
    "vgpu.present",
    "vgpu.host-driver-version",
    "vgpu.host-driver-branch",
};

static bool is_one_of(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(text, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* "1g.5gb.me.engines.copy": a profile and one of the endings. */
static bool is_of_slice(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < GS_ARRAY_LEN(of_resource); i++) {
        size_t end = strlen(of_resource[i]);
        if (n <= end + 1 || text[n - end - 1] != '.' ||
            strcmp(text + n - end, of_resource[i]) != 0) {
            continue;
        }
        struct gs_profile_name profile;
        char name[GS_PROFILE_NAME_MAX + 8];
        snprintf(name, sizeof(name), "mig-%.*s", (int)(n - end - 1), text);
        if (n - end - 1 <= GS_PROFILE_NAME_MAX &&
            gs_profile_name_from_resource(gs_view(name), &profile, NULL) == 0) {
            return true;
        }
    }
    return false;
}

bool gs_labels_owns(const char *key)
{
    if (strncmp(key, DOMAIN, strlen(DOMAIN)) != 0) {
        return false;
    }
    const char *name = key + strlen(DOMAIN);
    if (strncmp(name, "gpu.", 4) == 0) {
        return is_one_of(name + 4, of_resource, GS_ARRAY_LEN(of_resource)) ||
               is_one_of(name + 4, of_gpu, GS_ARRAY_LEN(of_gpu));
    }
    return strncmp(name, "mig-", 4) == 0 ? is_of_slice(name + 4)
                                         : is_one_of(name, others, GS_ARRAY_LEN(others));
}

static int compare_labels(const void *a, const void *b)
{
    const struct gs_label *x = a;
    const struct gs_label *y = b;
    return strcmp(x->key, y->key);
}

static const char *value_of(const struct gs_label *labels, unsigned n, const char *key)
{
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(labels[i].key, key) == 0) {
            return labels[i].value;
        }
    }
    return NULL;
}

int gs_labels_diff(struct gs_arena *arena, const struct gs_labels *want,
                   const struct gs_label *have, unsigned n_have, struct gs_labels *ret,
                   struct gs_err *err)
{
    struct gs_label *at = GS_ARENA_NEW(arena, struct gs_label, want->n + (size_t)n_have);
    unsigned n = 0;
    if (at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of the node");
    }
    for (unsigned i = 0; i < want->n; i++) {
        const char *value = value_of(have, n_have, want->at[i].key);
        if (value == NULL || strcmp(value, want->at[i].value) != 0) {
            at[n++] = want->at[i];
        }
    }
    for (unsigned i = 0; i < n_have; i++) {
        if (gs_labels_owns(have[i].key) && value_of(want->at, want->n, have[i].key) == NULL) {
            at[n++] = (struct gs_label){.key = have[i].key, .value = NULL};
        }
    }
    if (n > 0) {
        qsort(at, n, sizeof(*at), compare_labels);
    }
    *ret = (struct gs_labels){.n = n, .at = at};
    return 0;
}

static const char *const states[] = {
    [GS_MIG_STATE_NONE] = "",
    [GS_MIG_STATE_PENDING] = "pending",
    [GS_MIG_STATE_REBOOTING] = "rebooting",
    [GS_MIG_STATE_SUCCESS] = "success",
    [GS_MIG_STATE_FAILED] = "failed",
    [GS_MIG_STATE_OTHER] = "",
};

const char *gs_mig_config_state_name(enum gs_mig_config_state state)
{
    return states[state];
}

enum gs_mig_config_state gs_mig_config_state_parse(const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return GS_MIG_STATE_NONE;
    }
    for (unsigned i = GS_MIG_STATE_PENDING; i <= GS_MIG_STATE_FAILED; i++) {
        if (strcmp(text, states[i]) == 0) {
            return (enum gs_mig_config_state)i;
        }
    }
    return GS_MIG_STATE_OTHER;
}

/* ---- vGPU: PCI 2.2, 6.7, and NVIDIA's record in the vendor specific capability ---- */

enum {
    CONFIG_SIZE = 256,
    STATUS = 0x06,
    STATUS_HAS_LIST = 0x10,
    LIST = 0x34,
    VENDOR_SPECIFIC = 0x09,
    SIGNATURE = 3, /* "VF", within the capability */
    RECORDS = 5,
    TEXT = 10
};

/* The vendor specific capability; 0: none. */
static unsigned find_capability(const uint8_t *config)
{
    unsigned at = config[LIST];
    for (unsigned steps = 0; at != 0 && at + 2 < CONFIG_SIZE && steps < CONFIG_SIZE; steps++) {
        if (config[at] == 0xff) {
            return 0;
        }
        if (config[at] == VENDOR_SPECIFIC) {
            return at;
        }
        at = config[at + 1];
    }
    return 0;
}

static void copy_text(char ret[TEXT + 1], const uint8_t *bytes)
{
    memcpy(ret, bytes, TEXT);
    ret[TEXT] = '\0';
    if (gs_view_has_control(gs_view(ret), "")) {
        ret[0] = '\0';
    }
}

void gs_vgpu_read(struct gs_vgpu *ret, const void *bytes, size_t n)
{
    const uint8_t *config = bytes;
    *ret = (struct gs_vgpu){.present = false};
    if (n < CONFIG_SIZE || (config[STATUS] & STATUS_HAS_LIST) == 0) {
        return;
    }
    unsigned at = find_capability(config);
    unsigned size = at == 0 ? 0 : config[at + 2];
    if (size < RECORDS || at + size > CONFIG_SIZE || config[at + SIGNATURE] != 'V' ||
        config[at + SIGNATURE + 1] != 'F') {
        return;
    }
    ret->present = true;
    unsigned record = RECORDS; /* of type 0 is the one with the host driver's version */
    while (record + 1 < size && config[at + record] != 0 && config[at + record + 1] != 0) {
        record += config[at + record + 1];
    }
    if (record + 2 + 2 * TEXT <= size && config[at + record] == 0) {
        copy_text(ret->host_driver_version, config + at + record + 2);
        copy_text(ret->host_driver_branch, config + at + record + 2 + TEXT);
    }
}
