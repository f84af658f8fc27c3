/* agentconfig: how the agent of a node is set up, from its file, the environment and its arguments.
 *
 * One table (agentconfig_table.c) has a row a setting: where it stands in the file, its flags, its
 * environment names, its default and its help. The reader of the file, of the environment and of
 * the arguments, --help and the shell completion are made from it. Rows that NVIDIA's device plugin
 * and GPU feature discovery have too carry their names, and their configuration file (`version: v1`
 * with flags, resources, sharing and imex) is taken as it is; ours stand beside them under `agent`.
 *
 * Sans-I/O: the file comes as gs_doc_input, the environment and the arguments as arrays. Read them
 * in this order: file, environment, arguments. What comes later wins, as with NVIDIA's.
 * docs/agent-config.md. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "wire/doc.h"

enum {
    GS_AGENTCONFIG_BYTES_MAX = 1 << 20, /* of the file */
    GS_AGENTCONFIG_SHARED_MAX = 256,    /* sharing.timeSlicing.resources */
    GS_AGENTCONFIG_DEVICES_MAX = 1024,  /* devices of one of them */
    GS_AGENTCONFIG_NOTES_MAX = 64,      /* settings that were read and do nothing */
    GS_AGENTCONFIG_REPLICAS_MAX = 1024,
    GS_RESOURCE_NAME_MAX = 63 /* with its domain */
};

enum gs_mig_strategy { GS_MIG_STRATEGY_NONE, GS_MIG_STRATEGY_SINGLE, GS_MIG_STRATEGY_MIXED };
enum gs_id_strategy { GS_ID_UUID, GS_ID_INDEX };

/* How a container's devices are named to its runtime; a set. */
enum gs_device_list {
    GS_LIST_ENVVAR = 1,
    GS_LIST_VOLUME_MOUNTS = 2,
    GS_LIST_CDI_ANNOTATIONS = 4,
    GS_LIST_CDI_CRI = 8,
    GS_LIST_ANY_CDI = GS_LIST_CDI_ANNOTATIONS | GS_LIST_CDI_CRI
};

enum gs_packing { GS_PACKING_PACKED, GS_PACKING_SPREAD };             /* of slices on GPUs */
enum gs_replica_policy { GS_REPLICA_DISTRIBUTED, GS_REPLICA_PACKED }; /* of replicas on devices */

/* One of sharing.timeSlicing.resources. */
struct gs_shared_resource {
    const char *name;   /* with its domain: "nvidia.com/mig-1g.5gb" */
    const char *rename; /* "<name>.shared" by renameByDefault, or ""; a `rename` of the file is
                           noted and not obeyed, as by NVIDIA's v0.20.0; likewise `devices` */
    uint32_t replicas;  /* 2 or more */
};

struct gs_agentconfig {
    /* what is offered, and how */
    unsigned mig_strategy;   /* enum gs_mig_strategy */
    unsigned device_list;    /* set of enum gs_device_list */
    unsigned id_strategy;    /* enum gs_id_strategy */
    unsigned packing;        /* enum gs_packing */
    unsigned replica_policy; /* enum gs_replica_policy */
    bool pass_device_specs;
    bool gdrcopy;
    bool gds;
    bool mofed;
    bool fail_requests_greater_than_one;
    unsigned n_shared;
    const struct gs_shared_resource *shared;
    bool imex_channel; /* imex.channelIDs is [0] */
    bool imex_required;

    /* roots and files */
    const char *driver_root;           /* "/" */
    const char *dev_root;              /* never "": the driver root where it is not set */
    const char *container_driver_root; /* where the driver root is mounted for the agent */
    const char *cdi_dir;
    const char *cdi_annotation_prefix; /* "cdi.k8s.io/" */
    const char *cdi_hook;              /* path of nvidia-cdi-hook or nvidia-ctk; "": no hooks */
    const char *cdi_disabled_hooks;    /* comma list; "all": none is written */
    const char *cdi_feature_flags;
    const char *kubelet_root;   /* "/var/lib/kubelet" */
    const char *kubelet_socket; /* never NULL; "": do not register */
    const char *pod_resources_socket;
    const char *state_dir;
    const char *control_socket;
    const char *machine_type_file;

    /* the node in the cluster */
    const char *node_name;  /* "": of the host */
    bool api;               /* labels, node.status and the layout's label */
    const char *kubeconfig; /* "": the pod's own account */
    bool labels;
    bool no_timestamp;
    const char *startup_taint; /* key; "": none is removed */

    /* the layout */
    const char *layout_file;  /* of mig-parted; "": none */
    const char *layout_name;  /* "": the label says, or the only one of the file */
    const char *layout_label; /* key; "": labels are not looked at */

    /* health */
    const char *health_disabled; /* DP_DISABLE_HEALTHCHECKS */
    const char *health_enabled;  /* DP_ENABLE_HEALTHCHECKS */
    uint64_t recover_after_s;    /* 0: never by time */

    /* metrics and HTTP */
    const char *http_address; /* "" off */
    bool metrics;
    uint64_t metrics_interval_ms;
    bool metrics_pod_uid;
    bool metrics_old_names; /* Hostname, as dcgm-exporter up to 4.8.2 has it */

    /* CloudWatch */
    uint64_t emf_interval_s; /* 0: no lines */
    const char *emf_cluster;
    const char *emf_namespace;
    unsigned emf_detail; /* enum gs_emf_detail */

    /* re-cuts */
    uint64_t settle_ms;       /* between a lowered allocatable and the count of the pods */
    uint64_t grant_timeout_s; /* a grant of which no pod is seen for so long is over */

    unsigned log_format; /* enum gs_log_format */
    unsigned log_level;  /* enum gs_log_level */

    const char *config_file; /* of --config-file or CONFIG_FILE; "": none */

    /* What was set and does nothing here, each one sentence: to be logged once. */
    unsigned n_notes;
    const char *notes[GS_AGENTCONFIG_NOTES_MAX];
};

/* Every setting at its default. */
void gs_agentconfig_init(struct gs_agentconfig *ret);

/* Takes over what the file sets; the texts live in the arena. GS_INVALID with "<label>:<line>: ".
 * GS_UNSUPPORTED: understood and refused (MPS). An empty file sets nothing. */
int gs_agentconfig_read(struct gs_arena *arena, const struct gs_doc_input *input,
                        struct gs_agentconfig *config, struct gs_err *err);

/* `environ`: "NAME=value" until NULL. A variable that is there and empty counts as not set. */
int gs_agentconfig_env(struct gs_arena *arena, const char *const *environ,
                       struct gs_agentconfig *config, struct gs_err *err);

/* `argv[0]` is skipped; --name=value, --name value, --flag, --flag=false. Texts point into argv.
 * GS_AGENTCONFIG_HELP: --help or -h is among them; GS_AGENTCONFIG_VERSION: --version. */
#define GS_AGENTCONFIG_HELP 1
#define GS_AGENTCONFIG_VERSION 2
int gs_agentconfig_args(struct gs_arena *arena, int argc, char *const *argv,
                        struct gs_agentconfig *config, struct gs_err *err);

/* The file that the arguments, or else the environment, name: "" for none. To be asked first. */
int gs_agentconfig_file(int argc, char *const *argv, const char *const *environ,
                        const char **ret_path, struct gs_err *err);

/* To be called once all is read: fills what follows from other settings, and refuses what cannot be
 * together. */
int gs_agentconfig_finish(struct gs_arena *arena, struct gs_agentconfig *config,
                          struct gs_err *err);

/* How a resource is shared; NULL: it is not. */
const struct gs_shared_resource *gs_agentconfig_shared(const struct gs_agentconfig *config,
                                                       const char *resource);

/* agentconfig_help.c: the options of --help. */
void gs_agentconfig_help(struct gs_buf *out);

/* The table of docs/agent-config.md, which a test compares with the page. */
void gs_agentconfig_markdown(struct gs_buf *out);
