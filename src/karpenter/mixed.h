/* mixed: layouts that differ from GPU to GPU, as the fleet planner finds them. Private to
 * src/karpenter. */
#pragma once

#include "karpenter/choose.h"

/* As gs_karpenter_choose. GS_LIMIT, GS_UNKNOWN: the planner cannot say; GS_NO_MEMORY. */
int gs_karpenter_choose_mixed(struct gs_arena *arena, const struct gs_karpenter_ask *ask,
                              struct gs_karpenter_choice ret[GS_KARPENTER_CHOICES_MAX],
                              size_t *ret_n, uint64_t *ret_unserved, struct gs_err *err);
