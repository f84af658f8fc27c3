/* version: which Karpenter runs, by the pods that it is seen in. Sans-I/O.
 *
 * Nothing else says it: the CRDs of 1.9 to 1.11 are the same, and Karpenter writes its version into
 * no object. Only the AWS provider's images are read, whose numbers are Karpenter's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct json_t; /* jansson's */

enum { GS_KARPENTER_VERSION_MAX = 32 };

struct gs_karpenter_version {
    uint32_t major;
    uint32_t minor;
    char text[GS_KARPENTER_VERSION_MAX]; /* "1.10.0": the image's tag, without a "v" */
};

/* Of a pod with Karpenter's controller: the tag of .../karpenter/controller. False: it is no such
 * pod, it ends or has ended, or the tag is no version. */
bool gs_karpenter_version_read(const struct json_t *pod, struct gs_karpenter_version *ret);

/* Whether it keeps `limits.nodes` while it plans: before 1.11 a NodePool that is closed sells. */
static inline bool gs_karpenter_version_keeps_limits(const struct gs_karpenter_version *version)
{
    return version->major > 1 || (version->major == 1 && version->minor >= 11);
}
