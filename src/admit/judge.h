/* judge: what becomes of one pod by our rules. Private to src/admit. */
#pragma once

#include "admit/admit.h"

struct json_t; /* jansson's */

/* What is to be done to the pod. */
struct gs_judgement {
    enum gs_admit_outcome outcome;
    bool first_gate; /* gated: the pod has no list of gates yet */
    char message[GS_ADMIT_MESSAGE_MAX];
};

/* GS_INVALID, GS_LIMIT: the pod is not what we know as one; the text says where. */
int gs_judge(const struct json_t *pod, const struct gs_admit_rules *rules, struct gs_judgement *ret,
             struct gs_err *err);
