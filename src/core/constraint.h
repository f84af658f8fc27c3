/* constraint: on which nodes a pod may run, by Kubernetes' own rules.
 *
 * Node selector and required node affinity against a node's labels, tolerations against its
 * taints; what its volumes require is added to its own by whoever knows them (picture/volumes).
 * Preferred affinity is a wish and not here. Pure; everything is borrowed from the caller, who
 * keeps it alive. Source: Kubernetes API reference, PodSpec, NodeSelectorTerm, Toleration. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum gs_label_op {
    GS_LABEL_IN,
    GS_LABEL_NOT_IN,
    GS_LABEL_EXISTS,
    GS_LABEL_NOT_EXISTS,
    GS_LABEL_GT, /* both sides are decimal integers; anything else matches nothing */
    GS_LABEL_LT
};

struct gs_requirement {
    const char *key;
    enum gs_label_op op;
    const char *const *values; /* IN, NOT_IN: one or more; GT, LT: one; else none */
    size_t n_values;
    bool on_field;  /* matchFields: the only key is metadata.name */
    bool of_volume; /* a volume of the pod requires it: the label may be its driver's, which puts it
                       on a node when it starts there: until then it is not known. A node that is
                       not there yet is none that is asked for by its name */
};

/* All of its requirements. A term without any matches no node (Kubernetes' rule). */
struct gs_term {
    const struct gs_requirement *requirements;
    size_t n_requirements;
};

struct gs_toleration {
    const char *key;    /* "" with exists: every taint */
    const char *value;  /* "" when exists */
    const char *effect; /* "": every effect */
    bool exists;        /* operator Exists; else Equal */
};

struct gs_constraint {
    struct gs_term selector;     /* spec.nodeSelector as IN requirements; no requirements: none */
    const struct gs_term *terms; /* required affinity: one of them must match */
    size_t n_terms;              /* 0: no affinity */
    const struct gs_toleration *tolerations;
    size_t n_tolerations;
};

struct gs_label {
    const char *key;
    const char *value;
};

struct gs_taint {
    const char *key;
    const char *value;
    const char *effect; /* NoSchedule, NoExecute; PreferNoSchedule never stands in the way */
};

/* What is known of a node, or of the nodes that an instance type would give. */
struct gs_node_facts {
    const char *name; /* metadata.name; NULL: not known yet */
    const struct gs_label *labels;
    size_t n_labels;
    const struct gs_taint *taints;
    size_t n_taints;
    bool labels_complete; /* false: a label that is not listed may still be there; but that for
                             kubernetes.io/hostname a node without it is taken by its name */
    bool labels_by_pool;  /* not complete, and a label that is not listed may be there only where
                             Kubernetes, Karpenter, the cloud or gpuslice give it: under a key of
                             theirs. "disk" is on no node that Karpenter makes unless its pool has it
                           */
};

/* The value of a label as it is listed; NULL: there is none. */
const char *gs_node_label(const struct gs_node_facts *facts, const char *key);

enum gs_verdict {
    GS_VERDICT_NO,     /* the pod can never run there; *ret_because names the key or taint */
    GS_VERDICT_YES,    /* it can */
    GS_VERDICT_UNKNOWN /* hangs on a label that is not known; *ret_because names its key */
};

/* `constraint` NULL: no selector, no toleration. `ret_because` may be NULL; it borrows from the
 * constraint or the facts, and is set for NO and UNKNOWN: the key, or for a NO that it is a
 * volume's. A term that is surely false is NO even when other labels are unknown. */
enum gs_verdict gs_constraint_check(const struct gs_constraint *constraint,
                                    const struct gs_node_facts *facts, const char **ret_because);

/* Same meaning, same order: for finding pods of one kind. NULL equals NULL. */
bool gs_constraint_eq(const struct gs_constraint *a, const struct gs_constraint *b);
