/* cleanup: scope-bound release and ownership hand-over. Names as in systemd and crun. */
#pragma once

#define GS_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Yields the pointer and leaves NULL behind, so that a cleanup attribute finds nothing to free. */
#define GS_TAKE(ptr)                                                                               \
    ({                                                                                             \
        __typeof__(ptr) gs_taken_ = (ptr);                                                         \
        (ptr) = NULL;                                                                              \
        gs_taken_;                                                                                 \
    })

#define GS_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
