/* weights: in which order Karpenter tries NodePools, and what keeps NodeOverlays apart. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "karpenter/objects.h"

/* Weights of NodePools, falling along the order, all different as long as there are fewer than
 * GS_KARPENTER_WEIGHT_MAX. `weights`: as they are, 0 for new ones; they stay where that can be. */
void gs_karpenter_weigh(uint32_t *weights, size_t n);

/* Weights of NodeOverlays that are taken. */
struct gs_karpenter_taken {
    uint64_t bits[GS_KARPENTER_OVERLAY_WEIGHT_MAX / 64 + 1];
};

void gs_karpenter_take(struct gs_karpenter_taken *taken, uint32_t weight);

/* A free one, by the name where that can be; it is taken then. 0: all are. */
uint32_t gs_karpenter_overlay_weight(struct gs_karpenter_taken *taken, const char *name);
