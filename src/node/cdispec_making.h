/* cdispec_making: the description while it is made. Private to cdispec. */
#pragma once

#include "node/cdispec.h"

/* Running out of memory sticks. */
struct gs_cdispec_making {
    const struct gs_snapshot *snapshot;
    const struct gs_cdispec_machine *machine;
    const struct gs_cdispec_options *options;
    struct gs_arena *arena;
    bool failed;
    size_t n, room;
    struct gs_cdi_device *devices;
};

/* Zeroed; NULL: no memory. */
void *gs_cdispec_get(struct gs_cdispec_making *making, size_t n, size_t size);

#define GS_CDISPEC_GET(making, type, n) ((type *)gs_cdispec_get((making), (n), sizeof(type)))

/* Never NULL. */
const char *gs_cdispec_text(struct gs_cdispec_making *making, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* In the order of nvidia-ctk. */
void gs_cdispec_sort_nodes(struct gs_cdi_node *nodes, size_t n);

/* Unless it is there. Gives how many there are now. */
size_t gs_cdispec_add_number(uint32_t *numbers, size_t n, uint32_t number);

/* The nodes of the edits, and the groups that they need. */
void gs_cdispec_add_nodes(struct gs_cdispec_making *making, struct gs_cdi_edits *edits,
                          const struct gs_device_node *nodes, size_t n);

/* One that the program knows, with these arguments behind its name; `hooks` has room. */
void gs_cdispec_add_hook(struct gs_cdispec_making *making, struct gs_cdi_hook *hooks, size_t *n,
                         unsigned which, const char *name, const char *const *args, size_t n_args);
void gs_cdispec_add_link_hook(struct gs_cdispec_making *making, struct gs_cdi_hook *hooks,
                              size_t *n, const struct gs_driver_link *links, size_t n_links);

/* What every container gets. */
void gs_cdispec_add_common(struct gs_cdispec_making *making, struct gs_cdi_edits *edits);
