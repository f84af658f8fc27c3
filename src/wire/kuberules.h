/* kuberules: what a pod's place has to do with other pods: its labels, host ports, required pod
 * affinity and anti-affinity, spread constraints that must hold.
 *
 * Read as kube-scheduler 1.34 to 1.36 does (plugins InterPodAffinity, PodTopologySpread,
 * NodePorts), judged elsewhere. matchLabelKeys of a pod's affinity are not looked at: the API
 * server writes them into the selector. */
#pragma once

#include "core/constraint.h"
#include "wire/kubepod.h"

struct json_t;

enum {
    GS_KUBERULES_TERMS_MAX = 16,  /* of each kind, in one pod */
    GS_KUBERULES_PORTS_MAX = 64,  /* of one pod */
    GS_KUBERULES_TEXT_MAX = 65536 /* bytes of labels and rules of one pod */
};

/* Labels that are selected. */
struct gs_kuberules_selector {
    bool nothing;       /* there is no selector, which selects no pod */
    struct gs_term all; /* no requirements: every pod */
};

/* One term of required pod affinity or anti-affinity. */
struct gs_kuberules_term {
    const char *topology_key;
    struct gs_kuberules_selector pods;
    const char *const *spaces; /* in these namespaces */
    size_t n_spaces;
    bool every_space;
    bool by_space; /* also in those whose name meets `space`: a selector of
                      kubernetes.io/metadata.name */
    struct gs_term space;
};

/* A spread constraint with DoNotSchedule. */
struct gs_kuberules_spread {
    const char *topology_key;
    struct gs_kuberules_selector pods; /* of the pod's own namespace; matchLabelKeys are in it */
    uint32_t max_skew;                 /* 1 at least */
    uint32_t min_domains;              /* 1 at least */
    bool every_node;    /* nodes count that the pod's selector and node affinity do not allow */
    bool without_taint; /* nodes with a taint that it does not tolerate do not count */
};

struct gs_kuberules_port {
    const char *ip; /* "0.0.0.0": all */
    const char *protocol;
    uint32_t port;
};

struct gs_kuberules {
    const char *name_space;
    const struct gs_label *labels;
    size_t n_labels;
    const struct gs_kuberules_term *apart; /* required anti-affinity */
    size_t n_apart;
    const struct gs_kuberules_term *beside; /* required affinity */
    size_t n_beside;
    const struct gs_kuberules_spread *spreads;
    size_t n_spreads;
    const struct gs_kuberules_port *ports;
    size_t n_ports;
    const struct gs_kubeamount *amounts; /* borrowed from the pod that was given */
    size_t n_amounts;
    uint32_t unread; /* bit i: enum gs_kubepod_unobeyed: rules of this kind that are not all here */
    const char *text; /* equal pods have equal ones; labels alone have none of these: \n\n */
};

/* What `pod` was read of. All of the result lives in the arena. A rule that cannot be read is left
 * out and its kind is in `unread`. GS_NO_MEMORY. */
int gs_kuberules_parse(const struct json_t *object, const struct gs_kubepod *pod,
                       struct gs_arena *arena, struct gs_kuberules *ret, struct gs_err *err);

/* Whether it has anything but labels. */
bool gs_kuberules_any(const struct gs_kuberules *rules);

/* Whether labels are selected. */
bool gs_kuberules_selects(const struct gs_kuberules_selector *selector,
                          const struct gs_label *labels, size_t n);

/* Whether the term is about pods of that namespace with these labels. */
bool gs_kuberules_is_about(const struct gs_kuberules_term *term, const char *name_space,
                           const struct gs_label *labels, size_t n);

/* Whether both cannot be had on one node. */
bool gs_kuberules_clash(const struct gs_kuberules_port *a, const struct gs_kuberules_port *b);
