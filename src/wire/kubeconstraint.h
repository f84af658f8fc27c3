/* kubeconstraint: where a pod may run, from its "spec" to a struct gs_constraint.
 *
 * Node selector, required node affinity, tolerations. What is preferred only is left out; what
 * concerns other pods or volumes is kubepod's to report. */
#pragma once

#include "base/arena.h"
#include "core/constraint.h"

struct gs_err;
struct json_t;

/* All of the result lives in the arena; *ret is NULL for a pod without any rule. Selector keys are
 * sorted, so that equal pods give equal constraints.
 * *ret_dropped: a toleration compares numbers (Gt, Lt) and was left out, so the pod counts as
 * keeping off nodes with that taint. GS_INVALID: what the API server would refuse. GS_NO_MEMORY. */
int gs_kubeconstraint_parse(const struct json_t *spec, struct gs_arena *arena,
                            const struct gs_constraint **ret, bool *ret_dropped,
                            struct gs_err *err);

/* A LabelSelector: `ret` has a requirement for each of its labels and expressions; none: it selects
 * everything. GS_INVALID: what the API server would refuse. GS_NO_MEMORY. */
int gs_kubeconstraint_labels(const struct json_t *selector, struct gs_arena *arena,
                             struct gs_term *ret, struct gs_err *err);

/* A NodeSelector: its nodeSelectorTerms, of which one must match; there is one at least.
 * GS_INVALID: what the API server would refuse. GS_NO_MEMORY. */
int gs_kubeconstraint_terms(const struct json_t *selector, struct gs_arena *arena,
                            const struct gs_term **ret, size_t *ret_n, struct gs_err *err);

/* A TopologySelectorLabelRequirement: a label that is one of some values. Likewise. */
int gs_kubeconstraint_one_of(const struct json_t *requirement, struct gs_arena *arena,
                             struct gs_requirement *ret, struct gs_err *err);

/* A toleration, a taint: an object's texts "key", "value", "effect". GS_INVALID, GS_NO_MEMORY. */
int gs_kubeconstraint_taint(const struct json_t *taint, struct gs_arena *arena,
                            struct gs_taint *ret, struct gs_err *err);
