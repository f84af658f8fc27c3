#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/gpu/gpu.h"
#include "cli/mig/mig.h"

_Static_assert(GS_GPUS_MAX <= 32, "a bit a GPU");

/* A GPU that cannot be read goes by its number only. */
static int find_one(struct gs_gpus *gpus, unsigned n, const char *name, uint32_t *ret,
                    struct gs_err *err)
{
    uint64_t number;
    if (n > 0 && gs_view_is_u64(gs_view(name), n - 1, &number)) {
        *ret |= (uint32_t)1 << number;
        return 0;
    }
    for (unsigned k = 0; k < n; k++) {
        struct gs_gpu facts;
        if (gs_gpu_get(gpus, k, &facts, NULL) == 0 && gs_gpu_is_named(&facts, name)) {
            *ret |= (uint32_t)1 << k;
            return 0;
        }
    }
    return gs_fail(err, GS_NOT_FOUND,
                   "there is no GPU \"%.100s\": the driver lists %u; name them by number, UUID or "
                   "PCI address, as in 0,2",
                   name, n);
}

int gs_mig_find_gpus(struct gs_gpus *gpus, const char *list, uint32_t *ret, struct gs_err *err)
{
    unsigned n;
    uint32_t found = 0;
    int r = list == NULL ? 0 : gs_gpu_count(gpus, &n, err);
    struct gs_view rest = list == NULL ? (struct gs_view){.p = NULL} : gs_view(list);
    while (r == 0 && rest.p != NULL) {
        char name[GS_GPU_UUID_MAX];
        struct gs_view part = gs_view_trim(gs_view_split(&rest, ','));
        if (part.n == 0 || part.n >= sizeof(name)) {
            return gs_fail(
                err, GS_INVALID,
                "--gpu \"%.100s\": expected GPUs by number, UUID or PCI address, as in 0,2", list);
        }
        memcpy(name, part.p, part.n);
        name[part.n] = '\0';
        r = find_one(gpus, n, name, &found, err);
    }
    if (r == 0) {
        *ret = found;
    }
    return r;
}
