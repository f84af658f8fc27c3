/* rules: everything that gpuslice lint looks for, one row each. */
#pragma once

#include <stddef.h>

enum gs_lint_severity {
    GS_LINT_ERROR,   /* does not work, or is not so */
    GS_LINT_WARNING, /* works in part, or nobody can know it */
    GS_LINT_NOTE     /* could not be looked at, or works in some set-ups only */
};

/* The names say the fault. */
enum gs_lint_rule_id {
    GS_LINT_UNREADABLE,
    GS_LINT_GPU_AND_SLICE,
    GS_LINT_NO_SUCH_PROFILE,
    GS_LINT_NO_IMAGE,
    GS_LINT_CUDA_TAG,
    GS_LINT_PLACEHOLDER,
    GS_LINT_PROFILE_LABEL,
    GS_LINT_PLUGIN_FLAG,
    GS_LINT_NO_SELECTOR,
    GS_LINT_PLUGIN_NO_SOCKETS,
    GS_LINT_PLUGIN_NO_TOLERATIONS,
    GS_LINT_STRATEGY_VALUE,
    GS_LINT_PROVISIONER,
    GS_LINT_AWS_NODE_TEMPLATE,
    GS_LINT_NODE_TEMPLATE,
    GS_LINT_OLD_LIMITS,
    GS_LINT_NO_OVERLAY,
    GS_LINT_NO_FIELD,
    GS_LINT_AL2,
    GS_LINT_OLD_SELECTORS,
    GS_LINT_NODE_LABELS,
    GS_LINT_BOTTLEROCKET_MIXED,
    GS_LINT_NOT_NVIDIA,
    GS_LINT_LAUNCH_TEMPLATE,
    GS_LINT_DRIVER_INSTALL,
    GS_LINT_AFTER_REBOOT,
    GS_LINT_CREATE_INSTANCES,
    GS_LINT_SMI_NO_SUCH_FORM,
    GS_LINT_SMI_LIST,
    GS_LINT_GREP_SLICES,
    GS_LINT_TWO_OPERATORS,
    GS_LINT_OPERATOR_DRIVER,
    GS_LINT_STRATEGY_CUTS_NOTHING,
    GS_LINT_POOL_VERSION,
    GS_LINT_POOL_FIELD,
    GS_LINT_POOL_VALUE,
    GS_LINT_POOL_TYPE,
    GS_LINT_POOL_NOT_CUT,
    GS_LINT_POOL_PROFILE,
    GS_LINT_POOL_ZONE,
    GS_LINT_POOL_LIMIT,
    GS_LINT_POOL_WARM,
    GS_LINT_POOL_SPOT,
    GS_LINT_POOL_LACKS,
    GS_LINT_POOL_TWICE,
    GS_LINT_SAYS_SAVES,
    GS_LINT_SAYS_AT_ONCE,
    GS_LINT_SAYS_KARPENTER_SLICES,
    GS_LINT_SAYS_SHARED_BANDWIDTH,
    GS_LINT_SAYS_FRAMEWORKS,
    GS_LINT_SAYS_MODELS,
    GS_LINT_SAYS_DRIVER,
    GS_LINT_SAYS_PLUGIN_VERSION,
    GS_LINT_SAYS_BY_HAND,
    GS_LINT_SAYS_SLICES_A_GPU,
    GS_LINT_SAYS_OVERSUBSCRIBED,
    GS_LINT_SAYS_DASHBOARDS,
    GS_LINT_SAYS_VGPU,
    GS_LINT_SAYS_FULLY_USED,
    GS_LINT_SAYS_OPERATOR_NEEDED,
    GS_LINT_SAYS_KUBERNETES,
    GS_LINT_SAYS_ENABLES_MIG,
    GS_LINT_SAYS_SLICE_SIZE,
    GS_LINT_RULES
};

struct gs_lint_rule {
    const char *id; /* "GS012": stays for ever */
    enum gs_lint_severity severity;
    const char *title;   /* what is wrong, in a few words */
    const char *why;     /* one or two sentences */
    const char *instead; /* what to write, in general */
    const char *source;  /* where that is to be read: repository:path, or NULL: our own docs */
};

extern const struct gs_lint_rule gs_lint_rules[GS_LINT_RULES];

/* "error", "warning", "note" */
const char *gs_lint_severity_name(enum gs_lint_severity severity);
