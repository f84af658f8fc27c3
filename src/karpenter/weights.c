#include "karpenter/weights.h"

#include "base/hash.h"

/* Falling, where known; no 0 but for new ones. */
static bool is_falling(const uint32_t *weights, size_t n)
{
    uint32_t last = GS_KARPENTER_WEIGHT_MAX + 1;
    for (size_t i = 0; i < n; i++) {
        if (weights[i] != 0) {
            if (weights[i] >= last) {
                return false;
            }
            last = weights[i];
        }
    }
    return true;
}

/* Each new one goes half-way between its neighbours. False: there is no room. */
static bool fit_in(uint32_t *weights, size_t n)
{
    uint32_t above = GS_KARPENTER_WEIGHT_MAX + 1;
    for (size_t i = 0; i < n; i++) {
        if (weights[i] == 0) {
            size_t next = i;
            while (next < n && weights[next] == 0) {
                next++;
            }
            uint32_t below = next < n ? weights[next] : 0;
            uint32_t steps = (uint32_t)(next - i) + 1;
            weights[i] = above - (above - below) / steps;
            if (weights[i] >= above || weights[i] <= below) {
                return false;
            }
        }
        above = weights[i];
    }
    return true;
}

void gs_karpenter_weigh(uint32_t *weights, size_t n)
{
    if (is_falling(weights, n) && fit_in(weights, n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t below = (i + 1) * GS_KARPENTER_WEIGHT_MAX / (n + 1);
        weights[i] = (uint32_t)(GS_KARPENTER_WEIGHT_MAX - (below < 99 ? below : 99));
    }
}

void gs_karpenter_take(struct gs_karpenter_taken *taken, uint32_t weight)
{
    if (weight <= GS_KARPENTER_OVERLAY_WEIGHT_MAX) {
        taken->bits[weight / 64] |= UINT64_C(1) << weight % 64;
    }
}

uint32_t gs_karpenter_overlay_weight(struct gs_karpenter_taken *taken, const char *name)
{
    uint32_t hash = gs_hash_on(GS_HASH_EMPTY, name);
    for (uint32_t k = 0; k < GS_KARPENTER_OVERLAY_WEIGHT_MAX; k++) {
        uint32_t weight = (hash + k) % GS_KARPENTER_OVERLAY_WEIGHT_MAX + 1;
        if ((taken->bits[weight / 64] >> weight % 64 & 1u) == 0) {
            gs_karpenter_take(taken, weight);
            return weight;
        }
    }
    return 0;
}
