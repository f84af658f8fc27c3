/* labels: which labels the node carries, byte for byte as GPU feature discovery writes them.
 *
 * nvidia-node-stack 2.5. Pure: what comes from files or the clock is handed in. */
#pragma once

#include "node/snapshot.h"
#include "wire/agentconfig.h"

enum { GS_LABEL_VALUE_MAX = 63, GS_LABELS_MAX = 1024 };

struct gs_label {
    const char *key;
    const char *value;
};

struct gs_labels {
    unsigned n;
    const struct gs_label *at; /* by key, each once */
};

/* A vGPU in a virtual machine, as the PCI configuration space of the GPU tells. */
struct gs_vgpu {
    bool present;
    char host_driver_version[11]; /* "": the record is not there */
    char host_driver_branch[11];
};

/* Reads the contents of /sys/bus/pci/devices/<address>/config; never fails. */
void gs_vgpu_read(struct gs_vgpu *ret, const void *bytes, size_t n);

struct gs_labels_input {
    const struct gs_snapshot *snapshot;
    const struct gs_agentconfig *config;
    const char
        *machine_type; /* contents of /sys/class/dmi/id/product_name; NULL: could not be read */
    const struct gs_vgpu *vgpu; /* of the machine; NULL: could not be read */
    uint64_t started_s;         /* Unix time of the agent's start; 0: no timestamp */
};

/* GS_NO_MEMORY; GS_LIMIT. */
int gs_labels_new(struct gs_arena *arena, const struct gs_labels_input *input,
                  struct gs_labels *ret, struct gs_err *err);

/* Whether a label on a node is one of those above, so that it is removed once we do not write it.
 * Never the control labels (mig.config, gpu.deploy.*, gpu.present, device-plugin.config). */
bool gs_labels_owns(const char *key);

/* What has to be patched on a node that carries `have`: a NULL value removes. By key. */
int gs_labels_diff(struct gs_arena *arena, const struct gs_labels *want,
                   const struct gs_label *have, unsigned n_have, struct gs_labels *ret,
                   struct gs_err *err);

/* nvidia.com/mig.config.state, as mig-manager keeps it. */
enum gs_mig_config_state {
    GS_MIG_STATE_NONE, /* no label */
    GS_MIG_STATE_PENDING,
    GS_MIG_STATE_REBOOTING,
    GS_MIG_STATE_SUCCESS,
    GS_MIG_STATE_FAILED,
    GS_MIG_STATE_OTHER /* some other text */
};
#define GS_LABEL_MIG_CONFIG "nvidia.com/mig.config"
#define GS_LABEL_MIG_CONFIG_STATE "nvidia.com/mig.config.state"
const char *gs_mig_config_state_name(enum gs_mig_config_state state); /* "" for none and other */
enum gs_mig_config_state gs_mig_config_state_parse(const char *text); /* NULL: no label */
