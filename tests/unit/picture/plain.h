/* plain: a small cluster, and kube-scheduler's rules (1.36: NodeResourcesFit, NodePorts,
 * InterPodAffinity, PodTopologySpread) written down node by node and pod by pod. */
#pragma once

#include <stdbool.h>

enum { NODES = 6, PODS = 12, WAITS = PODS };

enum select {
    SELECT_NONE,
    SELECT_ALL,
    SELECT_APP_A,
    SELECT_NOT_APP_A,
    SELECT_TIER,
    SELECT_NO_TIER
};
enum spaces { SPACES_OWN, SPACES_X, SPACES_EVERY, SPACES_NAMED_Y };

struct term {
    unsigned key; /* 0: hostname, 1: zone */
    enum select select;
    enum spaces spaces;
};

struct spread {
    unsigned key;
    enum select select;
    unsigned skew, least; /* 0: not said */
    bool every_node, without_taint, by_app;
};

struct pod {
    unsigned space; /* 0: x, 1: y */
    unsigned app;   /* 0: none, 1: a, 2: b */
    bool tier;
    unsigned node; /* NODES: none */
    bool bound, deleting, gone;
    struct term apart[2], beside[2];
    unsigned n_apart, n_beside;
    struct spread spreads[2];
    unsigned n_spreads;
    unsigned port; /* 0: none */
    unsigned ip;   /* ... on all addresses, 127.0.0.1, 127.0.0.2 */
    unsigned efa;
    bool in_zone_a, tolerates; /* a node selector, a toleration */
};

struct node {
    unsigned host; /* 0: none, 1: n0, 2: n1 */
    unsigned zone; /* 0: none, 1: a, 2: b, 3: c */
    bool tainted, gpus, gone;
    unsigned efa;
};

struct drawn {
    struct node nodes[NODES];
    struct pod pods[PODS + 1];
    unsigned n_nodes, n_pods;
};

/* By test_rules.c. */
extern struct drawn drawn;

/* Whether the scheduler would let the pod on the node; `on_way`: pods that are not bound yet count
 * as if they were. */
bool plain_passes(const struct pod *pod, unsigned node, bool on_way);
