/* trouble: what is wrong on the node, by name, for as long as it is.
 *
 * Every failure of the agent ends in one of these, with a reason in one word and a text that says
 * what was found, what was expected and what to do. Shown in /debug/state, /metrics and the log;
 * the ones that matter for pods make /readyz fail. Belongs to the loop. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum gs_trouble {
    GS_TROUBLE_DRIVER,  /* the driver answers */
    GS_TROUBLE_LAYOUT,  /* the GPUs are cut as wanted */
    GS_TROUBLE_OFFER,   /* everything that is cut can be offered */
    GS_TROUBLE_KUBELET, /* the kubelet has our resources and answers */
    GS_TROUBLE_CDI,     /* the CDI file is what is offered */
    GS_TROUBLE_API,     /* the API server answers, and node.status is as it should be */
    GS_TROUBLE_LABELS,  /* the labels of the node are as they should be */
    GS_TROUBLE_HEALTH,  /* every slice is well */
    GS_TROUBLE_CONFIG,  /* the configuration that was last read is in force */
    GS_TROUBLE_GPUNODE, /* the GpuNode of this node says what the hardware is */
    GS_TROUBLES
};

struct gs_troubles {
    struct {
        bool bad;
        char reason[32]; /* "DriverLost" */
        char text[600];
        uint64_t since_s; /* seconds since the epoch; of the last change between bad and good */
    } at[GS_TROUBLES];
};

/* "Driver", "Layout", ... */
const char *gs_trouble_name(enum gs_trouble trouble);

/* Whether pods can be served although it is bad. */
bool gs_trouble_is_minor(enum gs_trouble trouble);

/* Says so in the log when reason or text differ from before. `reason` must be a literal. */
void gs_trouble_bad(struct gs_troubles *troubles, enum gs_trouble trouble, const char *reason,
                    const char *text);
void gs_trouble_good(struct gs_troubles *troubles, enum gs_trouble trouble);

/* Appends gpuslice_agent_trouble{part,reason}: 1 while it is bad, else 0. */
void gs_trouble_metrics(const struct gs_troubles *troubles, struct gs_buf *out);
