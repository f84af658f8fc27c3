/* poolprofiles: whether some instance type of a SlicePool makes a profile. Pure. */
#pragma once

#include "base/near.h"
#include "core/profile_name.h"

enum { GS_POOLPROFILES_TEXT_MAX = 600 };

/* Why none of the types makes the profile, and what they make: "no GPU has 9g.99gb; p4d.24xlarge
 * has 1g.5gb, ...". False: one makes it, or may, as nothing is known of its GPUs. `ret_near`: what
 * may have been meant, of the profiles that the types make. */
bool gs_poolprofiles_lack(const char *const *types, unsigned n_types,
                          const struct gs_profile_name *profile,
                          char ret_text[GS_POOLPROFILES_TEXT_MAX], struct gs_near *ret_near);
