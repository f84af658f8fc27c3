/* driver_search: one search for the driver's files. Private to driver_files and driver_graphics. */
#pragma once

#include "gpu/driver_files.h"
#include "gpu/driver_find.h"

/* The work of one search. */
struct gs_driver_search {
    struct gs_finder finder;
    const struct gs_machine_roots *roots;
    const char *version;
    struct gs_path_list folders; /* that have libraries of the version */
    size_t n_mounts, cap_mounts;
    struct gs_driver_mount *mounts;
    size_t n_sockets, cap_sockets;
    struct gs_driver_mount *sockets;
};

struct gs_driver_links {
    size_t n, cap;
    struct gs_driver_link *at;
};

/* Unless it is there. */
void gs_driver_add_mount(struct gs_driver_search *search, size_t *n, size_t *cap,
                         struct gs_driver_mount **mounts, const char *path, const char *to);

/* Where they are, into the mounts. */
void gs_driver_mount_all(struct gs_driver_search *search, const struct gs_path_list *list);

/* Adds libraries of that name, with *, from the usual folders, else by the linker's cache. */
void gs_driver_find_libraries(struct gs_driver_search *search, const char *pattern,
                              struct gs_path_list *list);

/* folder/name -> target, unless it is there. */
void gs_driver_add_link(struct gs_driver_search *search, struct gs_driver_links *links,
                        const char *target, const char *folder, const char *name);

/* driver_graphics.c */
void gs_driver_graphics_libraries(struct gs_driver_search *search, struct gs_driver_links *links);
void gs_driver_graphics_configs(struct gs_driver_search *search);
