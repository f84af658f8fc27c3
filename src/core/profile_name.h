/* profile_name: the names of MIG profiles, as text and as numbers.
 *
 * Grammar of NVIDIA (go-nvlib, pkg/nvlib/device/mig_profile.go):
 *     [<C>c.]<G>g.<M>gb[+attr[,attr...]]   or   [<C>c.]<G>g.<M>gb[-attr[,attr...]]
 * An attribute is letters, digits and dots, does not start with a digit, and neither starts nor
 * ends with a dot; none is given twice; `+` and `-` do not meet in one name. This module knows the
 * form only; which profiles a GPU has is the catalogue's business. Pure; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum {
    GS_PROFILE_NAME_MAX = 63, /* bytes of a name, terminator not counted; the bound of a
                                 Kubernetes resource name, which is made from it */
    GS_PROFILE_ATTRS_MAX = 40 /* bytes of the attribute list behind its sign */
};

struct gs_profile_name {
    unsigned compute_slices; /* C: of the compute instance; equal to gpu_slices when not given */
    unsigned gpu_slices;     /* G */
    unsigned memory_gb;      /* M, as printed; 0 is well-formed (Thor) */
    char sign;               /* '+', '-' or 0 */
    char attrs[GS_PROFILE_ATTRS_MAX + 1]; /* comma-separated, in the order given; "" without sign */
};

/* Reads a whole name. GS_INVALID: not of the grammar above, or a number over 999. */
int gs_profile_name_parse(struct gs_view text, struct gs_profile_name *ret, struct gs_err *err);

/* Reads the last part of a resource name: "mig-1g.10gb.me" is 1g.10gb+me, "mig-1g.24gb-me" is
 * 1g.24gb-me (nvidia-node-stack 2.2). A leading "nvidia.com/" may be there or not, and the ending
 * ".shared" (time-slicing with renameByDefault) is refused with GS_UNSUPPORTED: it counts
 * replicas, not slices. GS_NOT_FOUND: not a MIG resource at all; err untouched. */
int gs_profile_name_from_resource(struct gs_view text, struct gs_profile_name *ret,
                                  struct gs_err *err);

/* Reads a profile as people write it: its name, its resource name with or without "nvidia.com/",
 * or the end of that ("1g.10gb+me", "nvidia.com/mig-1g.10gb.me", "mig-1g.10gb.me", "1g.10gb.me").
 * GS_INVALID: none of them. GS_UNSUPPORTED as gs_profile_name_from_resource. */
int gs_profile_name_read(struct gs_view text, struct gs_profile_name *ret, struct gs_err *err);

/* Writes the canonical name ("1c.3g.20gb+me"). */
void gs_profile_name_format(const struct gs_profile_name *name,
                            char ret_text[GS_PROFILE_NAME_MAX + 1]);

/* Writes the resource name without its domain ("mig-1g.10gb.me"). */
void gs_profile_name_resource(const struct gs_profile_name *name,
                              char ret_text[GS_PROFILE_NAME_MAX + 5]);

/* Same numbers, same sign and the same set of attributes in any order. */
bool gs_profile_name_eq(const struct gs_profile_name *a, const struct gs_profile_name *b);
