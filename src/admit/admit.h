/* admit: the answer to the API server's question about a pod that is to be created.
 *
 * An AdmissionReview of admission.k8s.io/v1 in, its answer out: the pod gets our scheduling gate,
 * or is refused because it can never run, or comes as it is. What is not understood is never
 * refused. Pure: whether pods are gated now, and what the cluster can make, the caller says. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"
#include "core/profile_name.h"

enum {
    GS_ADMIT_BYTES_MAX = 1 << 20, /* of a review; what is larger is not read */
    GS_ADMIT_ANSWER_MAX = 16 << 10,
    GS_ADMIT_UID_MAX = 256,
    GS_ADMIT_POD_MAX = 320,    /* "namespace/name" */
    GS_ADMIT_MESSAGE_MAX = 600 /* of a refusal; the API server cuts nothing below 4 KiB */
};

/* Whether slices of a profile can come to be in this cluster. */
enum gs_admit_supply {
    GS_ADMIT_SUPPLY_UNKNOWN, /* none now; nodes may come that have it */
    GS_ADMIT_SUPPLY_YES,
    GS_ADMIT_SUPPLY_NO /* never: no node can be cut so, and nothing would start one */
};

struct gs_admit_rules {
    bool gate; /* somebody is there who lifts gates */
    enum gs_admit_supply (*supply)(void *ctx, const struct gs_profile_name *profile);
    void *ctx;
};

enum gs_admit_outcome {
    GS_ADMIT_GATED,
    GS_ADMIT_LET,         /* comes as it is, as the rules have it */
    GS_ADMIT_REFUSED,     /* it can never run */
    GS_ADMIT_PASSED_OVER, /* comes as it is, since it was not understood */
    GS_ADMIT_OUTCOMES
};

struct gs_admit_verdict {
    enum gs_admit_outcome outcome;
    bool dry_run;
    char pod[GS_ADMIT_POD_MAX];         /* as well as it is known; a pod of a set has no name yet */
    char message[GS_ADMIT_MESSAGE_MAX]; /* the refusal and its fix, or a warning; "": neither */
};

/* "gated", "let", "refused", "passed_over": for metrics. */
const char *gs_admit_outcome_text(enum gs_admit_outcome outcome);

/* Appends the answer. GS_INVALID: not a review that can be answered (no JSON, no uid);
 * GS_UNSUPPORTED: of another version than v1; GS_LIMIT: too large; GS_NO_MEMORY. */
int gs_admit_review(struct gs_view body, const struct gs_admit_rules *rules,
                    struct gs_buf *ret_answer, struct gs_admit_verdict *ret, struct gs_err *err);
