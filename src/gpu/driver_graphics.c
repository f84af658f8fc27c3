/* What graphics needs of the driver: libraries of EGL, modules of X, files that loaders look for.
 */
#include <string.h>

#include "base/cleanup.h"
#include "gpu/driver_search.h"

static void find_xorg(struct gs_driver_search *search, const char *name, struct gs_path_list *list)
{
    static const char *const inside[] = {"nvidia/xorg", "xorg/modules/drivers",
                                         "xorg/modules/extensions", "xorg/modules/updates/drivers",
                                         "xorg/modules/updates/extensions"};
    static const char *const usual[] = {"/usr/lib/xorg", "/usr/lib64/xorg", "/usr/X11R6/lib",
                                        "/usr/X11R6/lib64"};
    struct gs_finder *finder = &search->finder;
    for (size_t f = 0; f < search->folders.n; f++) {
        for (size_t i = 0; i < GS_ARRAY_LEN(inside); i++) {
            const char *folder = gs_find_text(finder, "%s/%s", search->folders.at[f], inside[i]);
            if (gs_find(finder, folder, name, GS_FIND_FILES, 1, list) > 0) {
                return;
            }
        }
    }
    for (size_t u = 0; u < GS_ARRAY_LEN(usual); u++) {
        for (size_t i = 1; i < GS_ARRAY_LEN(inside); i++) {
            const char *folder = gs_find_text(finder, "%s%s", usual[u], inside[i] + strlen("xorg"));
            if (gs_find(finder, folder, name, GS_FIND_FILES, 1, list) > 0) {
                return;
            }
        }
    }
}

void gs_driver_graphics_libraries(struct gs_driver_search *search, struct gs_driver_links *links)
{
    static const char *const platforms[] = {
        "libnvidia-egl-gbm.so.*.*", "libnvidia-egl-wayland.so.*.*", "libnvidia-egl-wayland2.so.*.*",
        "libnvidia-egl-xcb.so.*.*", "libnvidia-egl-xlib.so.*.*"};
    static const struct {
        const char *library;
        const char *target; /* NULL: the library */
        const char *link;
    } linked[] = {
        {"libnvidia-allocator.so", "../libnvidia-allocator.so.1", "gbm/nvidia-drm_gbm.so"},
        {"libnvidia-vulkan-producer.so", NULL, "libnvidia-vulkan-producer.so"},
        {"libglxserver_nvidia.so", NULL, "libglxserver_nvidia.so"},
    };
    struct gs_finder *finder = &search->finder;
    struct gs_path_list list = {.n = 0};
    for (size_t i = 0; i < GS_ARRAY_LEN(platforms); i++) {
        gs_driver_find_libraries(search, platforms[i], &list);
    }
    find_xorg(search, "nvidia_drv.so", &list);
    for (size_t i = 0; i < GS_ARRAY_LEN(linked); i++) {
        struct gs_path_list found = {.n = 0};
        const char *name = gs_find_text(finder, "%s.%s", linked[i].library, search->version);
        if (i < 2) {
            gs_driver_find_libraries(search, name, &found);
        } else {
            find_xorg(search, name, &found);
        }
        for (size_t f = 0; f < found.n; f++) {
            const char *file = gs_find_name(found.at[f]);
            gs_driver_add_link(search, links, linked[i].target != NULL ? linked[i].target : file,
                               gs_find_folder(finder, found.at[f]), linked[i].link);
            gs_path_list_add(finder, &list, found.at[f]);
        }
    }
    gs_driver_mount_all(search, &list);
}

/* A file of configuration, which containers look for in one place, wherever the host has it. */
static void find_config(struct gs_driver_search *search, const char *name, const char *to,
                        bool root_too)
{
    static const char *const places[] = {"/etc", "/usr/local/share", "/usr/share", ""};
    struct gs_finder *finder = &search->finder;
    for (size_t i = 0; i < GS_ARRAY_LEN(places) - (root_too ? 0 : 1); i++) {
        struct gs_path_list found = {.n = 0};
        const char *path = gs_find_text(finder, "%s/%s", places[i], name);
        if (gs_find(finder, gs_find_folder(finder, path), gs_find_name(path), GS_FIND_FILES, 1,
                    &found) > 0) {
            gs_driver_add_mount(search, &search->n_mounts, &search->cap_mounts, &search->mounts,
                                found.at[0], gs_find_text(finder, "%s/%s", to, name));
            return;
        }
    }
}

void gs_driver_graphics_configs(struct gs_driver_search *search)
{
    static const char *const share[] = {"glvnd/egl_vendor.d/10_nvidia.json",
                                        "egl/egl_external_platform.d/15_nvidia_gbm.json",
                                        "egl/egl_external_platform.d/10_nvidia_wayland.json",
                                        "egl/egl_external_platform.d/09_nvidia_wayland2.json",
                                        "egl/egl_external_platform.d/20_nvidia_xcb.json",
                                        "egl/egl_external_platform.d/20_nvidia_xlib.json",
                                        "nvidia/nvoptix.bin",
                                        "X11/xorg.conf.d/10-nvidia.conf",
                                        "X11/xorg.conf.d/nvidia-drm-outputclass.conf"};
    static const char *const vulkan[] = {
        "vulkan/icd.d/nvidia_icd.json",
        "vulkan/icd.d/nvidia_layers.json",
        "vulkan/implicit_layer.d/nvidia_layers.json",
#if defined(__x86_64__)
        "vulkan/icd.d/nvidia_icd.x86_64.json"
#elif defined(__aarch64__)
        "vulkan/icd.d/nvidia_icd.aarch64.json"
#endif
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(share); i++) {
        find_config(search, share[i], "/usr/share", false);
    }
    find_config(search, "OpenCL/vendors/nvidia.icd", "/etc", false);
    for (size_t i = 0; i < GS_ARRAY_LEN(vulkan); i++) {
        find_config(search, vulkan[i], "/etc", true);
    }
}
