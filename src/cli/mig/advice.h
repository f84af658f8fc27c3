/* advice: what to do about a slice that could not be made.
 *
 * The error says what was found; what is appended here comes from the machine as it is: which names
 * its GPUs have, what there is room for, which idle slices would have to go. Nothing is changed,
 * and where nothing can be said the error stays as it is. */
#pragma once

#include "partition/slice.h"

/* Of an error that a text is no profile's name. */
void gs_mig_advise_name(struct gs_gpus *gpus, const char *text, struct gs_err *err);

/* Of an error that there is no room. */
void gs_mig_advise_room(struct gs_arena *arena, struct gs_gpus *gpus,
                        const struct gs_slice_ask *ask, struct gs_err *err);
